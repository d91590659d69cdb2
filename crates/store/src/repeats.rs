//! Answers that are given again when a request comes twice (Idempotency-Key).

use crate::StoreError;
use crate::register::Register;

/// An answer that was given.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Repeat {
    /// SHA-256 of who asked, how, and the key.
    pub key: Vec<u8>,
    /// SHA-256 of what was sent.
    pub request: Vec<u8>,
    pub status: i64,
    /// JSON object.
    pub headers: String,
    pub body: Vec<u8>,
    pub created_at: i64,
}

impl Register {
    /// The answer that was given under a key.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn repeat(&self, key: &[u8], since: i64) -> Result<Option<Repeat>, StoreError> {
        Ok(sqlx::query_as("SELECT key, request, status, headers, body, created_at FROM repeat WHERE key = $1 AND created_at >= $2")
            .bind(key)
            .bind(since)
            .fetch_optional(&self.pool)
            .await?)
    }

    /// Keeps an answer; forgets those of before `since`.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn keep_repeat(&self, repeat: &Repeat, since: i64) -> Result<(), StoreError> {
        let mut transaction = self.writing().await?;
        sqlx::query("DELETE FROM repeat WHERE created_at < $1").bind(since).execute(&mut *transaction).await?;
        sqlx::query("INSERT OR REPLACE INTO repeat (key, request, status, headers, body, created_at) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(&repeat.key)
            .bind(&repeat.request)
            .bind(repeat.status)
            .bind(&repeat.headers)
            .bind(&repeat.body)
            .bind(repeat.created_at)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }
}
