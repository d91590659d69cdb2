//! Uploads on their way: how many bytes are safe, and what became of them once they were read.
//!
//! The bytes lie in a file of their own until they were read. What the register says of the offset is what was acknowledged: those
//! bytes were on the disk before. Reading is begun again after a crash; evidence that is known changes nothing.

use std::path::PathBuf;

use sqlx::SqliteConnection;

use crate::StoreError;
use crate::home::{Home, create_private};
use crate::register::Register;

/// An upload. Times are microseconds since 1970, UTC.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Upload {
    pub id: String,
    pub person: String,
    pub party: String,
    pub name: String,
    pub size_bytes: Option<i64>,
    pub offset_bytes: i64,
    pub feed: Option<String>,
    pub terms: Option<String>,
    pub given_by: Option<String>,
    pub format: Option<String>,
    /// `open`, `waiting`, `reading`, `done`, `failed` or `withdrawn`.
    pub state: String,
    pub created_at: i64,
    pub completed_at: Option<i64>,
    pub ended_at: Option<i64>,
    pub evidence: Option<String>,
    /// JSON.
    pub outcome: Option<String>,
}

const UPLOAD: &str = "SELECT id, person, party, name, size_bytes, offset_bytes, feed, terms, given_by, format, state, created_at, \
                      completed_at, ended_at, evidence, outcome FROM upload";

impl Home {
    /// Where uploads lie until they were read.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn uploads(&self) -> Result<PathBuf, StoreError> {
        let folder = self.root().join("uploads");
        create_private(&folder)?;
        Ok(folder)
    }
}

/// How much a party may bring since a moment, with what it brings now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Quota {
    pub since: i64,
    pub uploads: u64,
    pub bytes: u64,
}

/// Whose uploads.
#[derive(Clone, Copy, Debug)]
pub enum Whose<'a> {
    Everybodys,
    /// What one person or token brought.
    Of(&'a str),
    OfParty(&'a str),
}

/// Uploads of a party since a moment, and their bytes.
async fn brought(connection: &mut SqliteConnection, party: &str, since: i64) -> Result<(u64, u64), StoreError> {
    let sql = "SELECT count(*), coalesce(sum(coalesce(size_bytes, offset_bytes)), 0) FROM upload WHERE party = $1 AND created_at >= $2";
    let (count, bytes): (i64, i64) = sqlx::query_as(sql).bind(party).bind(since).fetch_one(connection).await?;
    Ok((count.unsigned_abs(), bytes.unsigned_abs()))
}

impl Register {
    /// Begins an upload; one that is whole already waits at once. `false` when it would be more than the quota of its party, and was not
    /// begun.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn begin_upload(&self, upload: &Upload, within: Option<Quota>) -> Result<bool, StoreError> {
        let mut transaction = self.writing().await?;
        if let Some(quota) = within {
            let (count, bytes) = brought(&mut transaction, &upload.party, quota.since).await?;
            let more = upload.size_bytes.unwrap_or(upload.offset_bytes).unsigned_abs();
            if count >= quota.uploads || bytes.saturating_add(more) > quota.bytes {
                return Ok(false);
            }
        }
        sqlx::query(
            "INSERT INTO upload (id, person, party, name, size_bytes, offset_bytes, feed, terms, given_by, format, state, created_at, \
             completed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        )
        .bind(&upload.id)
        .bind(&upload.person)
        .bind(&upload.party)
        .bind(&upload.name)
        .bind(upload.size_bytes)
        .bind(upload.offset_bytes)
        .bind(&upload.feed)
        .bind(&upload.terms)
        .bind(&upload.given_by)
        .bind(&upload.format)
        .bind(&upload.state)
        .bind(upload.created_at)
        .bind(upload.completed_at)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// A party has brought all that it may.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn has_brought_all(&self, party: &str, quota: Quota) -> Result<bool, StoreError> {
        let (count, bytes) = brought(&mut *self.pool.acquire().await?, party, quota.since).await?;
        Ok(count >= quota.uploads || bytes >= quota.bytes)
    }

    /// One upload.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn upload(&self, id: &str) -> Result<Option<Upload>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{UPLOAD} WHERE id = $1"));
        Ok(sqlx::query_as(sql).bind(id).fetch_optional(&self.pool).await?)
    }

    /// Uploads begun before a moment, the newest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn uploads(&self, whose: Whose<'_>, before: Option<i64>, most: u32) -> Result<Vec<Upload>, StoreError> {
        let (which, of) = match whose {
            Whose::Everybodys => ("$1 IS NULL", None),
            Whose::Of(person) => ("person = $1", Some(person)),
            Whose::OfParty(party) => ("party = $1", Some(party)),
        };
        let sql = format!("{UPLOAD} WHERE {which} AND ($2 IS NULL OR created_at < $2) ORDER BY created_at DESC LIMIT $3");
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(of).bind(before).bind(i64::from(most)).fetch_all(&self.pool).await?)
    }

    /// So many bytes are on the disk now. With `completed_at` that is all of them, and it waits to be read.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn upload_grew(&self, id: &str, offset: i64, completed_at: Option<i64>) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE upload SET offset_bytes = $2, completed_at = $3, state = CASE WHEN $3 IS NULL THEN 'open' ELSE 'waiting' END, \
             size_bytes = CASE WHEN $3 IS NULL THEN size_bytes ELSE $2 END WHERE id = $1 AND state = 'open'",
        )
        .bind(id)
        .bind(offset)
        .bind(completed_at)
        .execute(&mut *self.statement().await?)
        .await?;
        Ok(())
    }

    /// Takes the next uploads to be read, the oldest first: such as can be read together, since they say the same of feed, terms, giver
    /// and format. Those that a process which died was reading come again with `again`.
    ///
    /// # Errors
    /// When the register cannot be read or written.
    pub async fn take_uploads(&self, again: bool, most: u32) -> Result<Vec<Upload>, StoreError> {
        let mut transaction = self.writing().await?;
        if again {
            sqlx::query("UPDATE upload SET state = 'waiting' WHERE state = 'reading'").execute(&mut *transaction).await?;
        }
        let sql = format!("{UPLOAD} WHERE state = 'waiting' ORDER BY completed_at, id LIMIT $1");
        let mut found: Vec<Upload> = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(i64::from(most)).fetch_all(&mut *transaction).await?;
        if let Some(first) = found.first().cloned() {
            let alike = |one: &Upload| {
                (&one.feed, &one.terms, &one.given_by, &one.format) == (&first.feed, &first.terms, &first.given_by, &first.format)
            };
            found.retain(alike);
        }
        for upload in &found {
            sqlx::query("UPDATE upload SET state = 'reading' WHERE id = $1").bind(&upload.id).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(found)
    }

    /// What became of an upload.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn upload_ended(&self, id: &str, state: &str, evidence: Option<&str>, outcome: &str, now: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE upload SET state = $2, evidence = $3, outcome = $4, ended_at = $5 WHERE id = $1")
            .bind(id)
            .bind(state)
            .bind(evidence)
            .bind(outcome)
            .bind(now)
            .execute(&mut *self.statement().await?)
            .await?;
        Ok(())
    }

    /// Withdraws one that was not completed; `false` when it was, or is not there.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn withdraw_upload(&self, id: &str, now: i64) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE upload SET state = 'withdrawn', ended_at = $2 WHERE id = $1 AND state = 'open'")
            .bind(id)
            .bind(now)
            .execute(&mut *self.statement().await?)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Open uploads that nobody went on with since; their ids.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn forgotten_uploads(&self, before: i64) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT id FROM upload WHERE state = 'open' AND created_at < $1").bind(before).fetch_all(&self.pool).await?)
    }

    /// How many uploads are in each state that is not the end.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn uploads_under_way(&self) -> Result<Vec<(String, i64)>, StoreError> {
        Ok(sqlx::query_as("SELECT state, count(*) FROM upload WHERE state IN ('open', 'waiting', 'reading') GROUP BY state ORDER BY state")
            .fetch_all(&self.pool)
            .await?)
    }
}
