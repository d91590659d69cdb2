//! What waits, what is late, what is done: the desk of today in a few numbers and short lists, each from an index.

use crate::StoreError;
use crate::register::Register;

/// Numbers of the desk. Times in microseconds since 1970, UTC.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Desk {
    pub open_cases: i64,
    /// Open and past their deadline.
    pub overdue_cases: i64,
    /// Of open cases: to be done by now, and not done.
    pub overdue_tasks: i64,
    /// Asked for, not answered in time.
    pub overdue_takedowns: i64,
    /// Drafts that a person has to approve, and digests that are being gathered.
    pub waiting_notices: i64,
    /// Takedowns that the network showed to be done, since the time asked about.
    pub verified: i64,
}

/// Something on the desk: its id, what it is about, and the time that matters.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Matter {
    pub id: String,
    pub title: String,
    pub whose: Option<String>,
    pub at: i64,
}

/// How a feed comes.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Delivered {
    pub feed: String,
    pub first: i64,
    pub last: i64,
    /// Days with a delivery.
    pub days: i64,
    pub rows: i64,
}

impl Register {
    /// The numbers of the desk.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn desk(&self, now: i64, verified_since: i64) -> Result<Desk, StoreError> {
        let (open_cases, overdue_cases, overdue_tasks, overdue_takedowns, waiting_notices, verified) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM case_file WHERE closed_at IS NULL), \
             (SELECT count(*) FROM case_file WHERE closed_at IS NULL AND due < $1), \
             (SELECT count(*) FROM case_task WHERE waits = 1 AND coalesce(due, 9223372036854775807) < $1), \
             (SELECT count(*) FROM takedown WHERE answer_due < $1 AND state NOT IN ('verified', 'withdrawn')), \
             (SELECT count(*) FROM notice WHERE state IN ('waiting', 'ready')), \
             (SELECT count(*) FROM takedown WHERE state = 'verified' AND verified_at >= $2)",
        )
        .bind(now)
        .bind(verified_since)
        .fetch_one(&self.pool)
        .await?;
        Ok(Desk { open_cases, overdue_cases, overdue_tasks, overdue_takedowns, waiting_notices, verified })
    }

    /// Takedowns that should have been answered, the longest overdue first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn takedowns_overdue(&self, now: i64, most: u32) -> Result<Vec<Matter>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT id, place AS title, party AS whose, answer_due AS at FROM takedown WHERE answer_due < $1 \
             AND state NOT IN ('verified', 'withdrawn') ORDER BY answer_due, number LIMIT $2",
        )
        .bind(now)
        .bind(most)
        .fetch_all(&self.pool)
        .await?)
    }

    /// Open cases past their deadline, the longest overdue first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn cases_overdue(&self, now: i64, most: u32) -> Result<Vec<Matter>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT id, title, assignee AS whose, due AS at FROM case_file WHERE closed_at IS NULL AND due < $1 ORDER BY due, number LIMIT $2",
        )
        .bind(now)
        .bind(most)
        .fetch_all(&self.pool)
        .await?)
    }

    /// Takedowns that were verified from a time on, the newest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn takedowns_verified(&self, since: i64, most: u32) -> Result<Vec<Matter>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT id, place AS title, party AS whose, verified_at AS at FROM takedown WHERE state = 'verified' AND verified_at >= $1 \
             ORDER BY verified_at DESC, number DESC LIMIT $2",
        )
        .bind(since)
        .bind(most)
        .fetch_all(&self.pool)
        .await?)
    }

    /// Cases, takedowns and notices that name a value, or a case or takedown of this id: the newest of each.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn matters_of(&self, value: &str, most: u32) -> Result<(Vec<Matter>, Vec<Matter>), StoreError> {
        let pattern = format!("%{}%", value.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
        let cases = sqlx::query_as(
            // The words of all cases stand in an index of their own: to read the cases themselves takes thrice as long.
            "SELECT id, title, assignee AS whose, opened_at AS at FROM case_file WHERE id = $2 OR number IN (SELECT number FROM case_file INDEXED BY \
             case_file_words WHERE key LIKE $1 ESCAPE '\\' OR title LIKE $1 ESCAPE '\\' ORDER BY number DESC LIMIT $3) ORDER BY number DESC LIMIT $3",
        );
        let takedowns = sqlx::query_as(
            "SELECT id, place AS title, party AS whose, last_seen AS at FROM takedown WHERE id = $2 OR target LIKE $1 ESCAPE '\\' \
             ORDER BY number DESC LIMIT $3",
        );
        let cases = cases.bind(&pattern).bind(value).bind(most).fetch_all(&self.pool).await?;
        let takedowns = takedowns.bind(&pattern).bind(value).bind(most).fetch_all(&self.pool).await?;
        Ok((cases, takedowns))
    }

    /// How each feed comes, by name.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn deliveries(&self) -> Result<Vec<Delivered>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT part.feed AS feed, min(received_at) AS first, max(received_at) AS last, count(DISTINCT received_at / 86400000000) AS days, \
             CAST(sum(part.row_count) AS BIGINT) AS rows FROM part JOIN evidence ON evidence.id = part.evidence GROUP BY part.feed ORDER BY 1",
        )
        .fetch_all(&self.pool)
        .await?)
    }
}
