//! What happened since: evidence read, cases changed, notices moved, uploads ended. In one order for each kind, behind a place that the
//! reader keeps.

use std::fmt;

use crate::StoreError;
use crate::register::Register;

/// As far as somebody was told. Written as `e12-c45-n7-j1700000000000000`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Place {
    /// Row of the last evidence.
    pub evidence: i64,
    /// Row of the last entry in the history of a case.
    pub case: i64,
    /// Row of the last entry in the history of a notice.
    pub notice: i64,
    /// When the last upload ended.
    pub job: i64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "e{}-c{}-n{}-j{}", self.evidence, self.case, self.notice, self.job)
    }
}

impl Place {
    /// Reads what `Display` writes.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut next = |letter: char| parts.next()?.strip_prefix(letter)?.parse::<i64>().ok().filter(|number| *number >= 0);
        let place = Self { evidence: next('e')?, case: next('c')?, notice: next('n')?, job: next('j')? };
        parts.next().is_none().then_some(place)
    }
}

/// Evidence was read.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct EvidenceRead {
    pub row: i64,
    pub id: String,
    pub name: String,
    pub feed: Option<String>,
    pub given_by: Option<String>,
    pub received_at: i64,
    pub stored_rows: i64,
    pub duplicate_rows: i64,
    pub rejected_rows: i64,
}

/// A case changed.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct CaseChanged {
    pub row: i64,
    pub case_id: String,
    pub number: i64,
    pub at: i64,
    pub by_whom: String,
    /// JSON.
    pub did: String,
}

/// A notice moved on.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct NoticeMoved {
    pub row: i64,
    pub notice: String,
    pub party: String,
    pub at: i64,
    pub what: String,
    pub detail: Option<String>,
}

impl Register {
    /// The place behind everything there is now.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn place_now(&self) -> Result<Place, StoreError> {
        let (evidence, case, notice, job) = sqlx::query_as(
            "SELECT coalesce((SELECT max(rowid) FROM evidence), 0), coalesce((SELECT max(rowid) FROM case_entry), 0), \
             coalesce((SELECT max(rowid) FROM notice_history), 0), coalesce((SELECT max(ended_at) FROM upload), 0)",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(Place { evidence, case, notice, job })
    }

    /// Evidence read behind a row.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn evidence_behind(&self, row: i64, most: u32) -> Result<Vec<EvidenceRead>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT rowid AS row, id, name, feed, given_by, received_at, stored_rows, duplicate_rows, rejected_rows FROM evidence \
             WHERE rowid > $1 ORDER BY rowid LIMIT $2",
        )
        .bind(row)
        .bind(i64::from(most))
        .fetch_all(&self.pool)
        .await?)
    }

    /// Entries in histories of cases behind a row.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn case_entries_behind(&self, row: i64, most: u32) -> Result<Vec<CaseChanged>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT rowid AS row, case_id, number, at, by_whom, did FROM case_entry WHERE rowid > $1 ORDER BY rowid LIMIT $2",
        )
        .bind(row)
        .bind(i64::from(most))
        .fetch_all(&self.pool)
        .await?)
    }

    /// Entries in histories of notices behind a row.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn notice_entries_behind(&self, row: i64, most: u32) -> Result<Vec<NoticeMoved>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT h.rowid AS row, h.notice, n.party, h.at, h.what, h.detail FROM notice_history h JOIN notice n ON n.id = h.notice \
             WHERE h.rowid > $1 ORDER BY h.rowid LIMIT $2",
        )
        .bind(row)
        .bind(i64::from(most))
        .fetch_all(&self.pool)
        .await?)
    }

    /// Uploads that ended after a moment.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn uploads_ended_behind(&self, at: i64, most: u32) -> Result<Vec<crate::uploads::Upload>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT id, person, party, name, size_bytes, offset_bytes, feed, terms, given_by, format, state, created_at, completed_at, \
             ended_at, evidence, outcome FROM upload WHERE ended_at > $1 ORDER BY ended_at LIMIT $2",
        )
        .bind(at)
        .bind(i64::from(most))
        .fetch_all(&self.pool)
        .await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let place = Place { evidence: 12, case: 0, notice: 7, job: 1_700_000_000_000_000 };
        assert_eq!(Place::read(&place.to_string()), Some(place));
        for bad in ["", "e1-c2-n3", "e1-c2-n3-j4-x", "e-1-c2-n3-j4", "c1-e2-n3-j4"] {
            assert_eq!(Place::read(bad), None, "{bad}");
        }
    }
}
