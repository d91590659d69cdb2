//! The commit point: evidence, its events, counts and findings become true in one register transaction.
//!
//! What is not in the register does not exist. Segment files are durable before the transaction; if it does not come
//! to pass they are strays that [`crate::check::sweep`] removes. Saying the same twice changes nothing.

use std::collections::BTreeMap;

use crate::StoreError;
use crate::directives;
use crate::evidence::{Kept, NamedMapping, Rejection};
use crate::register::{Register, insert_segment};
use crate::segment::Segment;

/// Rejections kept in full per evidence; all are counted.
pub const REJECTIONS_KEPT: usize = 1000;

/// One evidence as read: everything its row in the register says.
#[derive(Clone, Debug)]
pub struct Reading {
    pub kept: Kept,
    pub name: String,
    /// Microseconds since 1970, UTC.
    pub received_at: i64,
    pub feed: Option<String>,
    pub given_by: Option<String>,
    pub terms: i64,
    /// Those it was read with, when the user named any.
    pub mappings: Vec<NamedMapping>,
    /// Whoever brought it said the terms; otherwise they are a default.
    pub terms_stated: bool,
    pub parts: Vec<PartRead>,
    pub counts: Counts,
    pub rejections: Vec<Rejection>,
    /// What the tables did not know: kind, name → times.
    pub drift: BTreeMap<(String, String), i64>,
}

/// A report inside evidence as read.
#[derive(Clone, Debug)]
pub struct PartRead {
    pub path: String,
    pub format: String,
    pub feed: String,
    pub first_row: u64,
    pub row_count: u64,
    pub marks: Vec<u8>,
}

/// What became of rows: `read = stored + duplicate + rejected`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    pub read: u64,
    pub stored: u64,
    pub duplicate: u64,
    pub rejected: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.stored += other.stored;
        self.duplicate += other.duplicate;
        self.rejected += other.rejected;
    }
}

impl Register {
    /// Makes readings and their segments true together.
    ///
    /// # Errors
    /// When the register cannot be written; then nothing of it is true.
    pub async fn commit(&self, readings: &[Reading], segments: &[Segment]) -> Result<(), StoreError> {
        let mut transaction = self.writing().await?;
        for segment in segments {
            insert_segment(&mut transaction, segment).await?;
        }
        for reading in readings {
            insert_reading(&mut transaction, reading).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Replaces what evidence said before by a new reading: `gone` segments give way to `segments`, which hold the events of
    /// all other evidence in them as before. `inherited` are events that other evidence had reported as duplicates of those it says no more,
    /// and that count as stored there now.
    ///
    /// # Errors
    /// When the register cannot be written; then nothing has changed.
    pub async fn replace(
        &self,
        reading: &Reading,
        gone: &[Segment],
        segments: &[Segment],
        inherited: &BTreeMap<String, i64>,
        now: i64,
    ) -> Result<(), StoreError> {
        let mut transaction = self.writing().await?;
        retire(&mut transaction, gone, now).await?;
        for segment in segments {
            insert_segment(&mut transaction, segment).await?;
        }
        for table in ["part", "rejection", "evidence_mapping"] {
            let sql = sqlx::AssertSqlSafe(format!("DELETE FROM {table} WHERE evidence = $1"));
            sqlx::query(sql).bind(&reading.kept.id).execute(&mut *transaction).await?;
        }
        sqlx::query("DELETE FROM evidence WHERE id = $1").bind(&reading.kept.id).execute(&mut *transaction).await?;
        insert_reading(&mut transaction, reading).await?;
        for (evidence, events) in inherited {
            let done = sqlx::query(
                "UPDATE evidence SET stored_rows = stored_rows + $1, duplicate_rows = duplicate_rows - $1 \
                 WHERE id = $2 AND duplicate_rows >= $1",
            )
            .bind(events)
            .bind(evidence)
            .execute(&mut *transaction)
            .await?;
            if done.rows_affected() != 1 {
                return Err(StoreError::Refused(format!("evidence {evidence} reported fewer than {events} duplicates")));
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Replaces segments by others that hold the same events (compaction), or by none (retention).
    ///
    /// # Errors
    /// When the register cannot be written; then nothing has changed.
    pub async fn swap(&self, gone: &[Segment], segments: &[Segment], now: i64) -> Result<(), StoreError> {
        let mut transaction = self.writing().await?;
        retire(&mut transaction, gone, now).await?;
        for segment in segments {
            insert_segment(&mut transaction, segment).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

pub(crate) async fn retire(transaction: &mut sqlx::SqliteConnection, gone: &[Segment], now: i64) -> Result<(), StoreError> {
    for segment in gone {
        let done = sqlx::query("UPDATE segment SET retired_at = $1 WHERE id = $2 AND retired_at IS NULL")
            .bind(now)
            .bind(&segment.id)
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() != 1 {
            return Err(StoreError::Refused(format!("segment {} was replaced by someone else meanwhile", segment.id)));
        }
    }
    Ok(())
}

async fn insert_reading(transaction: &mut sqlx::SqliteConnection, reading: &Reading) -> Result<(), StoreError> {
    let Reading { kept, counts, .. } = reading;
    sqlx::query(
        "INSERT INTO evidence (id, sha256, name, size_bytes, received_at, feed, given_by, terms, kept, reader, read_rows, stored_rows, \
         duplicate_rows, rejected_rows, terms_stated) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind(&kept.id)
    .bind(&kept.sha256)
    .bind(&reading.name)
    .bind(kept.size_bytes as i64)
    .bind(reading.received_at)
    .bind(&reading.feed)
    .bind(&reading.given_by)
    .bind(reading.terms)
    .bind(&kept.path)
    .bind(env!("CARGO_PKG_VERSION"))
    .bind(counts.read as i64)
    .bind(counts.stored as i64)
    .bind(counts.duplicate as i64)
    .bind(counts.rejected as i64)
    .bind(i64::from(reading.terms_stated))
    .execute(&mut *transaction)
    .await?;
    if counts.stored > 0 {
        directives::make(transaction, &kept.id, reading.received_at).await?;
    }
    for (number, mapping) in reading.mappings.iter().enumerate() {
        let sha256 = crate::evidence::sha256(&mut mapping.text.as_bytes()).map_err(StoreError::file(&mapping.name))?;
        sqlx::query("INSERT INTO mapping (sha256, name, text) VALUES ($1, $2, $3) ON CONFLICT (sha256) DO NOTHING")
            .bind(&sha256)
            .bind(&mapping.name)
            .bind(&mapping.text)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO evidence_mapping (evidence, number, mapping) VALUES ($1, $2, $3)")
            .bind(&kept.id)
            .bind(number as i64)
            .bind(sha256)
            .execute(&mut *transaction)
            .await?;
    }
    for (number, part) in reading.parts.iter().enumerate() {
        sqlx::query(
            "INSERT INTO part (evidence, number, path, format, feed, first_row, row_count, marks) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&kept.id)
        .bind(number as i64)
        .bind(&part.path)
        .bind(&part.format)
        .bind(&part.feed)
        .bind(part.first_row as i64)
        .bind(part.row_count as i64)
        .bind(&part.marks)
        .execute(&mut *transaction)
        .await?;
    }
    for (number, rejection) in reading.rejections.iter().take(REJECTIONS_KEPT).enumerate() {
        sqlx::query("INSERT INTO rejection (evidence, number, path, row_number, reason) VALUES ($1, $2, $3, $4, $5)")
            .bind(&kept.id)
            .bind(number as i64)
            .bind(&rejection.path)
            .bind(rejection.row_number)
            .bind(&rejection.reason)
            .execute(&mut *transaction)
            .await?;
    }
    for ((kind, name), times) in &reading.drift {
        sqlx::query(
            "INSERT INTO drift (kind, name, times, evidence, seen_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (kind, name) DO UPDATE SET times = drift.times + excluded.times, evidence = excluded.evidence, \
             seen_at = excluded.seen_at",
        )
        .bind(kind)
        .bind(name)
        .bind(times)
        .bind(&kept.id)
        .bind(reading.received_at)
        .execute(&mut *transaction)
        .await?;
    }
    Ok(())
}
