//! Evidence that somebody is still to be told of.
//!
//! A directive is written in the transaction that makes the evidence and its events true, and is done in the transaction that
//! writes down who is to be told. So a kill between the two loses nobody and tells nobody twice.

use crate::StoreError;
use crate::register::Register;

/// One evidence whose events are to be considered.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Directive {
    pub evidence: String,
    /// Microseconds since 1970, UTC.
    pub made_at: i64,
}

/// Written with the evidence itself.
pub(crate) async fn make(transaction: &mut sqlx::SqliteConnection, evidence: &str, at: i64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO directive (evidence, made_at) VALUES ($1, $2) \
         ON CONFLICT (evidence) DO UPDATE SET made_at = excluded.made_at, considered_at = NULL",
    )
    .bind(evidence)
    .bind(at)
    .execute(transaction)
    .await?;
    Ok(())
}

pub(crate) async fn considered(transaction: &mut sqlx::SqliteConnection, evidence: &str, now: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE directive SET considered_at = $1 WHERE evidence = $2").bind(now).bind(evidence).execute(transaction).await?;
    Ok(())
}

impl Register {
    /// Evidence not considered yet, oldest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn directives(&self) -> Result<Vec<Directive>, StoreError> {
        let sql = "SELECT evidence, made_at FROM directive WHERE considered_at IS NULL ORDER BY made_at, evidence";
        Ok(sqlx::query_as(sql).fetch_all(&self.pool).await?)
    }

    /// Evidence received from `since` on is considered once more, whatever came of it before; how many there are.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn consider_again(&self, since: i64) -> Result<u64, StoreError> {
        let sql = "INSERT INTO directive (evidence, made_at) SELECT id, received_at FROM evidence WHERE received_at >= $1 AND stored_rows > 0 \
                   ON CONFLICT (evidence) DO UPDATE SET considered_at = NULL";
        Ok(sqlx::query(sql).bind(since).execute(&self.pool).await?.rows_affected())
    }
}
