//! Feeds as they delivered: when first and last, how often, how much, and what was refused.

use crate::StoreError;
use crate::register::Register;

/// What a feed delivered since a moment. Times are microseconds since 1970.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Delivered {
    pub feed: String,
    pub deliveries: i64,
    /// Days with a delivery.
    pub days: i64,
    pub first_at: i64,
    pub last_at: i64,
    /// Rows of the feed in what was received.
    pub rows: i64,
    /// Evidence in which something was refused.
    pub with_rejections: i64,
}

impl Register {
    /// What each feed delivered since a moment, the longest silent first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn delivered_since(&self, since: i64) -> Result<Vec<Delivered>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT p.feed, count(DISTINCT e.id) AS deliveries, count(DISTINCT e.received_at / 86400000000) AS days, min(e.received_at) AS first_at, max(e.received_at) AS last_at, \
             sum(p.row_count) AS rows, count(DISTINCT CASE WHEN e.rejected_rows > 0 THEN e.id END) AS with_rejections \
             FROM evidence e JOIN part p ON p.evidence = e.id WHERE e.received_at >= $1 GROUP BY p.feed ORDER BY last_at, p.feed",
        )
        .bind(since)
        .fetch_all(&self.pool)
        .await?)
    }
}
