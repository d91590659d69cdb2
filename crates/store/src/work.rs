//! Lists of what we work on, one page at a time: cases and takedowns by their stage, who works on them, what is late.
//!
//! Each question goes along an index to the rows of its page and no further, however many there are.

use casework::model::case::{Case, Did, Entry, Stage, replay};
use casework::model::deeds::Refusal;
use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use crate::StoreError;
use crate::cases::{self, CaseRow, append, entries};
use crate::register::Register;
use crate::takedowns::{self, TakedownRow};

/// Which cases are wanted.
#[derive(Clone, Debug, Default)]
pub struct Cases {
    pub stage: Option<Stage>,
    /// Only those that are not closed.
    pub open: bool,
    pub assignee: Option<String>,
    /// To be done before this moment and not closed, the longest overdue first.
    pub overdue: Option<i64>,
    /// In title or key, whatever their case.
    pub words: Option<String>,
    /// Behind this one: its number and when it is due.
    pub after: Option<(i64, i64)>,
    pub most: u32,
}

/// Which takedowns are wanted, newest first.
#[derive(Clone, Debug, Default)]
pub struct Takedowns {
    /// Any of these words of [`casework::verify::takedown::State`]; all when there is none.
    pub states: Vec<&'static str>,
    pub party: Option<String>,
    pub class: Option<String>,
    /// An answer was awaited before this moment; the longest overdue first.
    pub overdue: Option<i64>,
    /// Verified from this moment on.
    pub verified_since: Option<i64>,
    /// Behind this one: its number and when an answer was awaited.
    pub after: Option<(i64, i64)>,
    pub most: u32,
}

/// `%` and `_` stand for themselves.
fn like(words: &str) -> String {
    format!("%{}%", words.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
}

impl Register {
    /// A page of cases: the newest first, or the longest overdue.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn case_page(&self, wanted: &Cases) -> Result<Vec<CaseRow>, StoreError> {
        // Only what is asked for is written, so that each question finds its index.
        let mut parts: Vec<&str> = Vec::new();
        if wanted.stage.is_some() {
            parts.push("stage = $1");
        }
        if wanted.open {
            parts.push("closed_at IS NULL");
        }
        if wanted.assignee.is_some() {
            parts.push("assignee = $2");
        }
        if wanted.overdue.is_some() {
            parts.push("closed_at IS NULL AND due IS NOT NULL AND due < $3");
        }
        if wanted.words.is_some() {
            parts.push("(title LIKE $4 ESCAPE '\\' OR key LIKE $4 ESCAPE '\\')");
        }
        match (wanted.after, wanted.overdue) {
            (Some(_), Some(_)) => parts.push("(due, number) > ($6, $5)"),
            (Some(_), None) => parts.push("number < $5"),
            (None, _) => {}
        }
        let filter = if parts.is_empty() { String::new() } else { format!("WHERE {}", parts.join(" AND ")) };
        let order = if wanted.overdue.is_some() { "due, number" } else { "number DESC" };
        // Numbers first, from an index alone; then the rows of the page.
        let sql =
            format!("{} WHERE number IN (SELECT number FROM case_file {filter} ORDER BY {order} LIMIT $7) ORDER BY {order}", cases::ROW);
        Ok(sqlx::query_as(AssertSqlSafe(sql))
            .bind(wanted.stage.map(Stage::as_str))
            .bind(&wanted.assignee)
            .bind(wanted.overdue)
            .bind(wanted.words.as_deref().map(like))
            .bind(wanted.after.map(|(number, _)| number))
            .bind(wanted.after.map(|(_, due)| due))
            .bind(i64::from(wanted.most))
            .fetch_all(&self.pool)
            .await?)
    }

    /// How many cases are at each stage, and how many are overdue at this moment.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn case_counts(&self, now: i64) -> Result<(Vec<(Stage, u64)>, u64), StoreError> {
        let counts: Vec<(String, i64)> =
            sqlx::query_as("SELECT stage, count(*) FROM case_file GROUP BY stage").fetch_all(&self.pool).await?;
        let of = |stage: Stage| counts.iter().find(|(word, _)| word == stage.as_str()).map_or(0, |(_, count)| count.unsigned_abs());
        let overdue: i64 = sqlx::query_scalar("SELECT count(*) FROM case_file WHERE closed_at IS NULL AND due IS NOT NULL AND due < $1")
            .bind(now)
            .fetch_one(&self.pool)
            .await?;
        Ok((Stage::ALL.map(|stage| (stage, of(stage))).to_vec(), overdue.unsigned_abs()))
    }

    /// Cases by their ids, in no order.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn cases_named(&self, ids: &[String]) -> Result<Vec<CaseRow>, StoreError> {
        let places: Vec<String> = (1..=ids.len()).map(|place| format!("${place}")).collect();
        let mut query = sqlx::query_as(AssertSqlSafe(format!("{} WHERE id IN ({})", cases::ROW, places.join(","))));
        for id in ids {
            query = query.bind(id);
        }
        Ok(query.fetch_all(&self.pool).await?)
    }

    /// Cases about exactly this, newest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn cases_about(&self, from: &str, to: &str, most: u32) -> Result<Vec<CaseRow>, StoreError> {
        let sql = format!("{} WHERE key >= $1 AND key < $2 ORDER BY key, number DESC LIMIT $3", cases::ROW);
        Ok(sqlx::query_as(AssertSqlSafe(sql)).bind(from).bind(to).bind(i64::from(most)).fetch_all(&self.pool).await?)
    }

    /// A case and its history; `None` when there is none of this id.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn case_found(&self, id: &str) -> Result<Option<(CaseRow, Vec<Entry>)>, StoreError> {
        let mut snapshot = self.pool.begin().await?;
        let row = sqlx::query_as(AssertSqlSafe(format!("{} WHERE id = $1", cases::ROW))).bind(id).fetch_optional(&mut *snapshot).await?;
        let found = match row {
            Some(row) => Some((row, entries(&mut snapshot, id).await?)),
            None => None,
        };
        snapshot.rollback().await?;
        Ok(found)
    }

    /// Lets one case go on in another, or by itself again: what `decide` makes of both as they stand is written to both or to neither.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with the reason that `decide` gives, or when there is no such case.
    pub async fn change_two_cases(
        &self,
        (id, other): (&str, &str),
        at: Timestamp,
        by: &str,
        decide: impl FnOnce(&Case, &Case) -> Result<(Did, Did), Refusal>,
    ) -> Result<(), StoreError> {
        let mut transaction = self.writing().await?;
        cases::row(&mut transaction, id).await?;
        cases::row(&mut transaction, other).await?;
        let one = replay(&entries(&mut transaction, id).await?);
        let two = replay(&entries(&mut transaction, other).await?);
        let (here, there) = decide(&one, &two).map_err(|refusal| StoreError::Refused(format!("{id}: {refusal}")))?;
        append(&mut transaction, id, at, by, None, &[here]).await?;
        append(&mut transaction, other, at, by, None, &[there]).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// A page of takedowns: the newest first, or the longest overdue.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn takedown_page(&self, wanted: &Takedowns) -> Result<Vec<TakedownRow>, StoreError> {
        let mut parts: Vec<String> = Vec::new();
        if !wanted.states.is_empty() {
            let words: Vec<String> = wanted.states.iter().map(|word| format!("'{word}'")).collect();
            parts.push(format!("state IN ({})", words.join(", ")));
        }
        if wanted.party.is_some() {
            parts.push("party = $1".to_owned());
        }
        if wanted.class.is_some() {
            parts.push("class = $2".to_owned());
        }
        if wanted.overdue.is_some() {
            parts.push("answer_due IS NOT NULL AND answer_due < $3 AND state NOT IN ('verified', 'withdrawn')".to_owned());
        }
        if wanted.verified_since.is_some() {
            parts.push("state = 'verified' AND verified_at >= $7".to_owned());
        }
        match (wanted.after, wanted.overdue) {
            (Some(_), Some(_)) => parts.push("(answer_due, number) > ($5, $4)".to_owned()),
            (Some(_), None) => parts.push("number < $4".to_owned()),
            (None, _) => {}
        }
        let filter = if parts.is_empty() { String::new() } else { format!("WHERE {}", parts.join(" AND ")) };
        let order = if wanted.overdue.is_some() { "answer_due, number" } else { "number DESC" };
        let sql = format!("{} {filter} ORDER BY {order} LIMIT $6", takedowns::ROW);
        Ok(sqlx::query_as(AssertSqlSafe(sql))
            .bind(&wanted.party)
            .bind(&wanted.class)
            .bind(wanted.overdue)
            .bind(wanted.after.map(|(number, _)| number))
            .bind(wanted.after.map(|(_, due)| due))
            .bind(i64::from(wanted.most))
            .bind(wanted.verified_since)
            .fetch_all(&self.pool)
            .await?)
    }

    /// How many takedowns stand how, by the word of their state, and for how many an answer is overdue.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn takedown_counts(&self, now: i64) -> Result<(Vec<(String, u64)>, u64), StoreError> {
        let counts: Vec<(String, i64)> =
            sqlx::query_as("SELECT state, count(*) FROM takedown GROUP BY state").fetch_all(&self.pool).await?;
        let overdue: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM takedown WHERE answer_due IS NOT NULL AND answer_due < $1 AND state NOT IN ('verified', 'withdrawn')",
        )
        .bind(now)
        .fetch_one(&self.pool)
        .await?;
        Ok((counts.into_iter().map(|(state, count)| (state, count.unsigned_abs())).collect(), overdue.unsigned_abs()))
    }

    /// Takedowns of these cases, newest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn takedowns_of(&self, cases: &[String], most: u32) -> Result<Vec<TakedownRow>, StoreError> {
        let places: Vec<String> = (1..=cases.len()).map(|place| format!("${place}")).collect();
        let sql = format!("{} WHERE case_id IN ({}) ORDER BY number DESC LIMIT {most}", takedowns::ROW, places.join(","));
        let mut query = sqlx::query_as(AssertSqlSafe(sql));
        for case in cases {
            query = query.bind(case);
        }
        Ok(query.fetch_all(&self.pool).await?)
    }

    /// A takedown; `None` when there is none of this id.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn takedown_found(&self, id: &str) -> Result<Option<TakedownRow>, StoreError> {
        Ok(sqlx::query_as(AssertSqlSafe(format!("{} WHERE id = $1", takedowns::ROW))).bind(id).fetch_optional(&self.pool).await?)
    }
}
