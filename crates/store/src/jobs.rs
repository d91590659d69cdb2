//! Work that takes a while: how far it is, and what came of it. Of one kind one runs at a time.

use crate::StoreError;
use crate::register::Register;

/// Work that runs or ran. Times are microseconds since 1970.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Job {
    pub id: String,
    pub kind: String,
    /// `running`, `done` or `failed`.
    pub state: String,
    pub done: i64,
    pub total: Option<i64>,
    /// What it is at; why it failed.
    pub note: Option<String>,
    /// JSON.
    pub result: Option<String>,
    pub started_at: i64,
    pub started_by: Option<String>,
    pub ended_at: Option<i64>,
}

const JOB: &str = "SELECT id, kind, state, done, total, note, result, started_at, started_by, ended_at FROM job";

impl Register {
    /// Begins work. `false`: such work is being done.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn begin_job(&self, id: &str, kind: &str, by: Option<&str>, now: i64) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO job (id, kind, state, started_at, started_by) VALUES ($1, $2, 'running', $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(id)
        .bind(kind)
        .bind(now)
        .bind(by)
        .execute(&mut *self.statement().await?)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Says how far work is.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn job_at(&self, id: &str, done: i64, total: Option<i64>, note: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE job SET done = $2, total = $3, note = $4 WHERE id = $1 AND state = 'running'")
            .bind(id)
            .bind(done)
            .bind(total)
            .bind(note)
            .execute(&mut *self.statement().await?)
            .await?;
        Ok(())
    }

    /// Work has ended: with what came of it, or why it failed.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn end_job(&self, id: &str, outcome: Result<&str, &str>, now: i64) -> Result<(), StoreError> {
        let (state, result, note) = match outcome {
            Ok(result) => ("done", Some(result), None),
            Err(why) => ("failed", None, Some(why)),
        };
        sqlx::query("UPDATE job SET state = $2, result = $3, note = $4, ended_at = $5 WHERE id = $1 AND state = 'running'")
            .bind(id)
            .bind(state)
            .bind(result)
            .bind(note)
            .bind(now)
            .execute(&mut *self.statement().await?)
            .await?;
        Ok(())
    }

    /// Work that a server left undone when it ended has failed.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn jobs_left_undone(&self, why: &str, now: i64) -> Result<u64, StoreError> {
        let done = sqlx::query("UPDATE job SET state = 'failed', note = $1, ended_at = $2 WHERE state = 'running'")
            .bind(why)
            .bind(now)
            .execute(&mut *self.statement().await?)
            .await?;
        Ok(done.rows_affected())
    }

    /// The latest work, the newest first; of one kind if one is named.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn jobs(&self, kind: Option<&str>, most: u32) -> Result<Vec<Job>, StoreError> {
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!("{JOB} WHERE ($1 IS NULL OR kind = $1) ORDER BY started_at DESC, id LIMIT $2")))
            .bind(kind)
            .bind(i64::from(most))
            .fetch_all(&self.pool)
            .await?)
    }
}
