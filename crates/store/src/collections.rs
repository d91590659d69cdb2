//! Collections: what is shared under which name, and who may open it.

use sqlx::{Row as _, SqliteConnection};

use crate::StoreError;
use crate::register::Register;

/// A collection of shared objects.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Collection {
    pub number: i64,
    /// UUID of version 4.
    pub id: String,
    pub title: String,
    pub description: Option<String>,
    /// Another name in addresses.
    pub alias: Option<String>,
    /// Number of the terms of objects without a marking.
    pub terms: Option<i64>,
    /// Microseconds since 1970.
    pub created_at: i64,
    /// For what those who open it have it: a word of `casework::model::agreement::Purpose`.
    pub purpose: String,
}

/// Who may open a collection, and for what.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Grant {
    pub collection: i64,
    /// A party, or `*` for whoever signs in.
    pub party: String,
    pub can_read: bool,
    pub can_write: bool,
}

/// Whoever signs in.
pub const EVERYBODY: &str = "*";

const COLUMNS: &str = "number, id, title, description, alias, terms, created_at, purpose";

impl Register {
    /// All collections, by their ids.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn collections(&self) -> Result<Vec<Collection>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM collection ORDER BY id");
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(&self.pool).await?)
    }

    /// A collection by id or alias.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn collection(&self, name: &str) -> Result<Option<Collection>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM collection WHERE id = $1 OR alias = $1 ORDER BY id = $1 DESC LIMIT 1");
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(name).fetch_optional(&self.pool).await?)
    }

    /// Adds a collection; `number` is given here.
    ///
    /// # Errors
    /// When id or alias is in use, or the register cannot be written.
    pub async fn add_collection(&self, collection: &Collection) -> Result<Collection, StoreError> {
        let number: i64 = sqlx::query(
            "INSERT INTO collection (number, id, title, description, alias, terms, created_at, purpose) \
             SELECT coalesce(max(number), 0) + 1, $1, $2, $3, $4, $5, $6, $7 FROM collection RETURNING number",
        )
        .bind(&collection.id)
        .bind(&collection.title)
        .bind(&collection.description)
        .bind(&collection.alias)
        .bind(collection.terms)
        .bind(collection.created_at)
        .bind(&collection.purpose)
        .fetch_one(&self.pool)
        .await
        .map_err(|error| match error.as_database_error().is_some_and(|e| e.is_unique_violation()) {
            true => StoreError::Refused(format!("there is a collection {} already", collection.alias.as_deref().unwrap_or(&collection.id))),
            false => error.into(),
        })?
        .get(0);
        Ok(Collection { number, ..collection.clone() })
    }

    /// Says who may open a collection; `false` for both takes the right away. Returns whether there was a grant before.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn grant(&self, grant: &Grant, now: i64) -> Result<bool, StoreError> {
        let before = sqlx::query("DELETE FROM collection_grant WHERE collection = $1 AND party = $2")
            .bind(grant.collection)
            .bind(&grant.party)
            .execute(&mut *self.statement().await?)
            .await?
            .rows_affected();
        if grant.can_read || grant.can_write {
            sqlx::query("INSERT INTO collection_grant (collection, party, can_read, can_write, granted_at) VALUES ($1, $2, $3, $4, $5)")
                .bind(grant.collection)
                .bind(&grant.party)
                .bind(i64::from(grant.can_read))
                .bind(i64::from(grant.can_write))
                .bind(now)
                .execute(&mut *self.statement().await?)
                .await?;
        }
        Ok(before > 0)
    }

    /// All grants.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn grants(&self) -> Result<Vec<Grant>, StoreError> {
        grants(&mut *self.pool.acquire().await?).await
    }
}

pub(crate) async fn grants(connection: &mut SqliteConnection) -> Result<Vec<Grant>, StoreError> {
    let rows = sqlx::query("SELECT collection, party, can_read, can_write FROM collection_grant ORDER BY collection, party")
        .fetch_all(connection)
        .await?;
    let grant = |row: &sqlx::sqlite::SqliteRow| Grant {
        collection: row.get(0),
        party: row.get(1),
        can_read: row.get::<i64, _>(2) != 0,
        can_write: row.get::<i64, _>(3) != 0,
    };
    Ok(rows.iter().map(grant).collect())
}
