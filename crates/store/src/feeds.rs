//! Feeds of others: what they were when all of them had been taken.

use crate::StoreError;
use crate::register::Register;

/// How a server knows what we have (RFC 9110 §8.8), as it wrote that itself.
#[derive(Clone, Debug, Default, Eq, PartialEq, sqlx::FromRow)]
pub struct Validators {
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub modified: Option<String>,
}

/// A feed that a party gives into a collection.
#[derive(Clone, Copy, Debug)]
pub struct Feed<'a> {
    pub collection: i64,
    pub giver: &'a str,
    /// Address of its manifest.
    pub source: &'a str,
}

impl Register {
    /// What a feed was when all of it was taken last; empty when that never was.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn feed_taken(&self, feed: Feed<'_>) -> Result<Validators, StoreError> {
        let sql = "SELECT etag, modified FROM feed_taken WHERE collection = $1 AND giver = $2 AND source = $3";
        let kept = sqlx::query_as(sql).bind(feed.collection).bind(feed.giver).bind(feed.source).fetch_optional(&self.pool).await?;
        Ok(kept.unwrap_or_default())
    }

    /// All of a feed has been taken.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn take_feed(&self, feed: Feed<'_>, as_of: &Validators, now: i64) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO feed_taken (collection, giver, source, etag, modified, taken_at) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (collection, giver, source) DO UPDATE SET etag = excluded.etag, modified = excluded.modified, \
             taken_at = excluded.taken_at",
        )
        .bind(feed.collection)
        .bind(feed.giver)
        .bind(feed.source)
        .bind(&as_of.etag)
        .bind(&as_of.modified)
        .bind(now)
        .execute(&mut *self.statement().await?)
        .await?;
        Ok(())
    }
}
