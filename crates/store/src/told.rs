//! Which objects of ours stand in a collection, and in which version: so that what has not changed is not told again.

use std::collections::HashMap;

use casework::indicate::indicator::IndicatorId;
use sqlx::Row as _;

use crate::StoreError;
use crate::register::Register;

/// An object as it was told last.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Told {
    pub object: String,
    pub indicator: Option<IndicatorId>,
    /// Of the object without the time of its version.
    pub digest: Vec<u8>,
    pub terms: i64,
    /// Microseconds since 1970, as in the object.
    pub created: i64,
    pub modified: i64,
    pub revoked: bool,
}

impl Register {
    /// What was told in a collection, by object.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn told(&self, collection: i64) -> Result<HashMap<String, Told>, StoreError> {
        let rows =
            sqlx::query("SELECT object, indicator, digest, terms, created, modified, revoked FROM indicator_told WHERE collection = $1")
                .bind(collection)
                .fetch_all(&self.pool)
                .await?;
        let read = |row: &sqlx::sqlite::SqliteRow| Told {
            object: row.get(0),
            indicator: row.get::<Option<Vec<u8>>, _>(1).and_then(|id| id.try_into().ok()).map(IndicatorId),
            digest: row.get(2),
            terms: row.get(3),
            created: row.get(4),
            modified: row.get(5),
            revoked: row.get::<i64, _>(6) != 0,
        };
        Ok(rows.iter().map(|row| (row.get(0), read(row))).collect())
    }

    /// Remembers what was told. A death between the telling and this costs nothing: the times of versions
    /// follow from what is told, so the same objects are found to be there already.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn remember_told(&self, collection: i64, told: &[Told]) -> Result<(), StoreError> {
        let mut transaction = self.writing().await?;
        for one in told {
            sqlx::query(
                "INSERT INTO indicator_told (collection, object, indicator, digest, terms, created, modified, revoked) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (collection, object) DO UPDATE SET digest = excluded.digest, \
                 terms = excluded.terms, modified = excluded.modified, revoked = excluded.revoked",
            )
            .bind(collection)
            .bind(&one.object)
            .bind(one.indicator.map(|id| id.0.to_vec()))
            .bind(&one.digest)
            .bind(one.terms)
            .bind(one.created)
            .bind(one.modified)
            .bind(i64::from(one.revoked))
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}
