//! What is to be done in cases, whoever's they are: the longest overdue first, then what has a date, then the rest.
//!
//! A row repeats what the history of its case says and is written with it; a page goes along an index and no further.

use casework::model::case::{Case, Did};
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, SqliteConnection};

use crate::StoreError;
use crate::register::Register;

/// A task that waits, and the case that it belongs to.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct TaskRow {
    pub case_id: String,
    pub number: i64,
    pub title: String,
    pub assignee: Option<String>,
    /// Microseconds since 1970, UTC.
    pub due: Option<i64>,
    pub case_title: String,
}

impl TaskRow {
    /// Where it stands in the list.
    pub fn place(&self) -> Place {
        Place { due: self.due.unwrap_or(i64::MAX), case: self.case_id.clone(), number: self.number }
    }
}

/// A place in the list of tasks, behind which the next page begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    pub due: i64,
    pub case: String,
    pub number: i64,
}

/// Which tasks are wanted: of those that are not done, in cases that are open.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    /// To be done before this moment.
    pub overdue: Option<i64>,
    pub assignee: Option<String>,
    pub after: Option<Place>,
    pub most: u32,
}

const WAITING: &str = "waits = 1";
const OVERDUE: &str = "waits = 1 AND coalesce(due, 9223372036854775807) < $1";

impl Register {
    /// A page of tasks.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn task_page(&self, wanted: &Tasks) -> Result<Vec<TaskRow>, StoreError> {
        let mut parts = vec![if wanted.overdue.is_some() { OVERDUE } else { WAITING }];
        if wanted.assignee.is_some() {
            parts.push("case_task.assignee = $2");
        }
        if wanted.after.is_some() {
            parts.push("(coalesce(due, 9223372036854775807), case_id, number) > ($3, $4, $5)");
        }
        let order = "ORDER BY coalesce(due, 9223372036854775807), case_id, number";
        let sql = format!(
            "SELECT case_id, number, title, assignee, due, (SELECT title FROM case_file WHERE id = case_id) AS case_title FROM case_task \
             WHERE {} {order} LIMIT $6",
            parts.join(" AND ")
        );
        Ok(sqlx::query_as(AssertSqlSafe(sql))
            .bind(wanted.overdue)
            .bind(&wanted.assignee)
            .bind(wanted.after.as_ref().map(|place| place.due))
            .bind(wanted.after.as_ref().map(|place| place.case.clone()))
            .bind(wanted.after.as_ref().map(|place| place.number))
            .bind(i64::from(wanted.most))
            .fetch_all(&self.pool)
            .await?)
    }

    /// How many tasks wait, and how many of them are overdue at this moment; of one person or of all.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn task_counts(&self, now: i64, assignee: Option<&str>) -> Result<(u64, u64), StoreError> {
        let whose = if assignee.is_some() { "AND assignee = $2" } else { "AND $2 IS NULL" };
        let sql = format!(
            "SELECT (SELECT count(*) FROM case_task WHERE {WAITING} {whose}), (SELECT count(*) FROM case_task WHERE {OVERDUE} {whose})"
        );
        let (waiting, overdue): (i64, i64) = sqlx::query_as(AssertSqlSafe(sql)).bind(now).bind(assignee).fetch_one(&self.pool).await?;
        Ok((waiting.unsigned_abs(), overdue.unsigned_abs()))
    }

    /// Whether the tasks kept for a case are those that its history tells of.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn tasks_are_as_told(&self, id: &str, case: &Case) -> Result<bool, StoreError> {
        let kept: Vec<Kept> =
            sqlx::query_as("SELECT number, title, assignee, due, done_at, waits FROM case_task WHERE case_id = $1 ORDER BY number")
                .bind(id)
                .fetch_all(&self.pool)
                .await?;
        let mut told = told(case);
        told.sort_by_key(|task| task.number);
        Ok(kept == told)
    }
}

/// A task as its row has it.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
struct Kept {
    number: i64,
    title: String,
    assignee: Option<String>,
    due: Option<i64>,
    done_at: Option<i64>,
    waits: bool,
}

fn told(case: &Case) -> Vec<Kept> {
    let tasks = case.tasks.iter();
    let rows = tasks.map(|task| Kept {
        number: i64::from(task.number),
        title: task.title.clone(),
        assignee: task.assignee.clone(),
        due: task.due.map(Timestamp::as_microsecond),
        done_at: task.done_at.map(Timestamp::as_microsecond),
        waits: task.done_at.is_none() && case.closed.is_none(),
    });
    rows.collect()
}

/// Whether something that was done may change what waits.
fn changes_tasks(did: &Did) -> bool {
    matches!(did, Did::TaskAdded { .. } | Did::TaskDone { .. } | Did::TaskReopened { .. } | Did::Closed { .. } | Did::Reopened { .. })
}

/// Brings the rows of a case along with what was done to it.
pub(crate) async fn keep(transaction: &mut SqliteConnection, id: &str, case: &Case, did: &[Did]) -> Result<(), StoreError> {
    if !did.iter().any(changes_tasks) {
        return Ok(());
    }
    for task in told(case) {
        sqlx::query(
            "INSERT INTO case_task (case_id, number, title, assignee, due, done_at, waits) VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (case_id, number) DO UPDATE SET title = excluded.title, assignee = excluded.assignee, due = excluded.due, \
             done_at = excluded.done_at, waits = excluded.waits",
        )
        .bind(id)
        .bind(task.number)
        .bind(&task.title)
        .bind(&task.assignee)
        .bind(task.due)
        .bind(task.done_at)
        .bind(task.waits)
        .execute(&mut *transaction)
        .await?;
    }
    Ok(())
}
