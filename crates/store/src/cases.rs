//! Cases: what we work on, with a history that cannot be rewritten unseen.
//!
//! The history is what a case is; its row repeats what lists need and where the history ends. Every change goes one way:
//! in one transaction the history is read, the change decided on it, the entry appended, the row written anew.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::AsArray as _;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use casework::correlate::group::{Activity, Change, Group, Grouper, Known, Window, changes};
use casework::correlate::key::CaseKey;
use casework::model::case::{Case, Closing, Did, Entry, Link, replay, verify};
use casework::model::day::Day;
use formats::rsit::Class;
use futures::StreamExt as _;
use jiff::Timestamp;
use sqlx::{Row as _, SqliteConnection};

use crate::StoreError;
use crate::events::Questions;
use crate::home::Home;
use crate::register::Register;
use crate::tasks;

/// A case as lists show it.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct CaseRow {
    pub id: String,
    pub number: i64,
    pub title: String,
    /// Text of a [`CaseKey`].
    pub key: Option<String>,
    /// Microseconds since 1970, UTC.
    pub opened_at: i64,
    pub assignee: Option<String>,
    pub due: Option<i64>,
    pub events: i64,
    /// Days since 1970-01-01.
    pub first_day: Option<i64>,
    pub last_day: Option<i64>,
    pub tasks: i64,
    pub open_tasks: i64,
    pub closed_at: Option<i64>,
    pub closing: Option<String>,
    pub history_length: i64,
    pub history_end: Vec<u8>,
    /// The word of a [`casework::model::case::Stage`].
    pub stage: String,
    /// Takedowns that are not over.
    pub running: i64,
    pub merged_into: Option<String>,
}

pub(crate) const ROW: &str = "SELECT id, number, title, key, opened_at, assignee, due, events, first_day, last_day, tasks, open_tasks, \
                              closed_at, closing, history_length, history_end, stage, running, merged_into FROM case_file";

impl CaseRow {
    /// Where the history must end.
    pub fn end(&self) -> (u64, Link) {
        let mut link = [0; 32];
        if self.history_end.len() == 32 {
            link.copy_from_slice(&self.history_end);
        }
        (self.history_length.unsigned_abs(), Link(link))
    }

    fn of(id: &str, number: i64, case: &Case, end: (u64, Link)) -> Self {
        Self {
            id: id.to_owned(),
            number,
            title: case.title.clone(),
            key: case.key.clone(),
            opened_at: case.opened_at.map_or(0, Timestamp::as_microsecond),
            assignee: case.assignee.clone(),
            due: case.due.map(Timestamp::as_microsecond),
            events: i64::try_from(case.events()).unwrap_or(i64::MAX),
            first_day: case.first_day().map(|day| i64::from(day.number())),
            last_day: case.last_day().map(|day| i64::from(day.number())),
            tasks: case.tasks.len() as i64,
            open_tasks: case.open_tasks() as i64,
            closed_at: case.closed.map(|(at, _)| at.as_microsecond()),
            closing: case.closed.map(|(_, closing)| closing.as_str().to_owned()),
            history_length: end.0 as i64,
            history_end: end.1.0.to_vec(),
            stage: case.stage().as_str().to_owned(),
            running: case.running().count() as i64,
            merged_into: case.merged_into.clone(),
        }
    }

    /// Everything wrong with a case and its history; empty when both are as they were written.
    pub fn faults(&self, entries: &[Entry]) -> Vec<String> {
        let mut faults: Vec<String> = verify(&self.id, entries, self.end()).err().map(|broken| broken.to_string()).into_iter().collect();
        let told = Self::of(&self.id, self.number, &replay(entries), self.end());
        if faults.is_empty() && told != *self {
            faults.push(format!("the case differs from what its history says: {}", differences(self, &told).join(", ")));
        }
        faults
    }
}

fn differences(kept: &CaseRow, told: &CaseRow) -> Vec<&'static str> {
    [
        ("title", kept.title == told.title),
        ("key", kept.key == told.key),
        ("opened_at", kept.opened_at == told.opened_at),
        ("assignee", kept.assignee == told.assignee),
        ("due", kept.due == told.due),
        ("events", (kept.events, kept.first_day, kept.last_day) == (told.events, told.first_day, told.last_day)),
        ("tasks", (kept.tasks, kept.open_tasks) == (told.tasks, told.open_tasks)),
        ("closing", (kept.closed_at, &kept.closing, &kept.merged_into) == (told.closed_at, &told.closing, &told.merged_into)),
        ("stage", (&kept.stage, kept.running) == (&told.stage, told.running)),
    ]
    .into_iter()
    .filter_map(|(name, same)| (!same).then_some(name))
    .collect()
}

/// Which cases are listed.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Also those that are closed.
    pub closed: bool,
    pub assignee: Option<String>,
    /// At most so many, the newest.
    pub limit: Option<u32>,
}

/// What grouping did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Grouped {
    /// Distinct keys met.
    pub keys: u64,
    pub opened: u64,
    pub extended: u64,
    pub reopened: u64,
    pub merged: u64,
    /// Stretches with fewer events than asked for, not opened.
    pub too_small: u64,
}

/// What is grouped, and how.
#[derive(Clone, Debug)]
pub struct Grouping {
    /// Events from the start of this day on.
    pub since: Day,
    pub classes: BTreeSet<Class>,
    pub window: Window,
    /// A case is opened for so many events or more.
    pub min_events: u64,
}

/// Keys brought to the register in one transaction.
const KEYS_AT_ONCE: usize = 1000;

impl Register {
    /// What open cases are about, and their ids.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn open_case_keys(&self) -> Result<Vec<(String, String)>, StoreError> {
        let sql = "SELECT key, id FROM case_file WHERE key IS NOT NULL AND closed_at IS NULL ORDER BY number";
        Ok(sqlx::query_as(sql).fetch_all(&self.pool).await?)
    }

    /// Opens a case; gives its id.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn open_case(&self, title: &str, key: Option<&CaseKey>, at: Timestamp, by: &str) -> Result<String, StoreError> {
        let mut transaction = self.writing().await?;
        let opened = Did::Opened { title: title.to_owned(), key: key.map(ToString::to_string) };
        let id = open(&mut transaction, at, by, &[opened]).await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// Changes a case by what `decide` makes of it as it stands; nobody else changes it meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with the reason that `decide` gives, or when there is no such case.
    pub async fn change_case(
        &self,
        id: &str,
        at: Timestamp,
        by: &str,
        decide: impl FnOnce(&Case) -> Result<Vec<Did>, String>,
    ) -> Result<(), StoreError> {
        let mut transaction = self.writing().await?;
        let case = replay(&entries(&mut transaction, id).await?);
        let did = decide(&case).map_err(StoreError::Refused)?;
        append(&mut transaction, id, at, by, None, &did).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// A case and its history.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when there is no such case.
    pub async fn case(&self, id: &str) -> Result<(CaseRow, Vec<Entry>), StoreError> {
        let mut snapshot = self.pool.begin().await?;
        let found = (row(&mut snapshot, id).await?, entries(&mut snapshot, id).await?);
        snapshot.rollback().await?;
        Ok(found)
    }

    /// Cases, newest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn cases(&self, wanted: &Wanted) -> Result<Vec<CaseRow>, StoreError> {
        let sql = format!(
            "{ROW} WHERE ($1 = 1 OR closed_at IS NULL) AND ($2 IS NULL OR assignee = $2) ORDER BY number DESC LIMIT {}",
            wanted.limit.unwrap_or(u32::MAX)
        );
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(i64::from(wanted.closed)).bind(&wanted.assignee).fetch_all(&self.pool).await?)
    }

    /// Cases before the one of this number, newest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn cases_before(&self, before: Option<i64>, wanted: &Wanted) -> Result<Vec<CaseRow>, StoreError> {
        let sql = format!(
            "{ROW} WHERE ($1 = 1 OR closed_at IS NULL) AND ($2 IS NULL OR assignee = $2) AND number < $3 ORDER BY number DESC LIMIT {}",
            wanted.limit.unwrap_or(u32::MAX)
        );
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(i64::from(wanted.closed))
            .bind(&wanted.assignee)
            .bind(before.unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await?)
    }

    /// Ids of all cases, oldest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn case_ids(&self) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT id FROM case_file ORDER BY number").fetch_all(&self.pool).await?)
    }

    /// Makes cases of events, or extends those there are. Doing it again changes nothing; it may die at any moment and be done again.
    ///
    /// Events are counted by key and day in the engine, which writes to disk what does not fit into memory; here is never more
    /// than a thousand keys.
    ///
    /// # Errors
    /// When events or register cannot be read, or the register not written.
    pub async fn group_events(&self, home: &Home, grouping: &Grouping, at: Timestamp, by: &str) -> Result<Grouped, StoreError> {
        let mut grouped = Grouped::default();
        if grouping.classes.is_empty() {
            return Ok(grouped);
        }
        let types: Vec<String> = grouping.classes.iter().map(|class| format!("'{}'", class.type_())).collect();
        let sql = format!(
            "SELECT key, day, count(*) AS events FROM (SELECT case_key(type, source_ip, source_port, source_fqdn, source_url, malware, \
             identifier, extra) AS key, date_trunc('day', time) AS day FROM events WHERE time >= timestamp '{}' AND type IN ({})) \
             WHERE key IS NOT NULL GROUP BY key, day ORDER BY key, day",
            grouping.since.start(),
            types.join(", "),
        );
        let questions = Questions::open(home, self).await?;
        let mut rows = questions.sql(&sql).await?.execute_stream().await?;
        let mut grouper = Grouper::default();
        let mut groups: Vec<Group> = Vec::new();
        while let Some(batch) = rows.next().await {
            let batch = batch?;
            let keys = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8)?;
            let (keys, days) = (keys.as_string::<i32>(), batch.column(1).as_primitive::<TimestampMicrosecondType>());
            let counts = batch.column(2).as_primitive::<Int64Type>();
            for at_row in 0..batch.num_rows() {
                let day = Day::of(Timestamp::from_microsecond(days.value(at_row)).unwrap_or(Timestamp::UNIX_EPOCH));
                groups.extend(grouper.push(keys.value(at_row), day, counts.value(at_row).unsigned_abs()));
                if groups.len() >= KEYS_AT_ONCE {
                    self.bring_groups(&groups, grouping, at, by, &mut grouped).await?;
                    groups.clear();
                }
            }
        }
        groups.extend(grouper.finish());
        self.bring_groups(&groups, grouping, at, by, &mut grouped).await?;
        Ok(grouped)
    }

    /// Brings what is known of one key to the case that was opened by hand for it, as grouping would; opens none.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn gather_case(&self, key: &CaseKey, days: &[(Day, u64)], at: Timestamp, by: &str) -> Result<(), StoreError> {
        let Some((since, _)) = days.first() else { return Ok(()) };
        let mut activity = Activity::default();
        days.iter().for_each(|(day, events)| activity.note(*day, *events));
        let grouping = Grouping { since: *since, classes: BTreeSet::new(), window: Window::default(), min_events: u64::MAX };
        self.bring_groups(&[Group { key: key.to_string(), activity }], &grouping, at, by, &mut Grouped::default()).await
    }

    /// Brings groups sorted by key to their cases in one transaction.
    async fn bring_groups(
        &self,
        groups: &[Group],
        grouping: &Grouping,
        at: Timestamp,
        by: &str,
        grouped: &mut Grouped,
    ) -> Result<(), StoreError> {
        let (Some(first), Some(last)) = (groups.first(), groups.last()) else { return Ok(()) };
        let mut transaction = self.writing().await?;
        let known = known(&mut transaction, &first.key, &last.key).await?;
        for group in groups {
            grouped.keys += 1;
            let cases = known.get(&group.key).map_or(&[][..], Vec::as_slice);
            // Opened by hand and not yet filled: it waits for the first stretch.
            let mut waiting = cases.iter().find(|k| k.activity.is_empty() && k.case.closing.is_none());
            let filled: Vec<Known<KnownCase>> = cases.iter().filter(|k| !k.activity.is_empty()).cloned().collect();
            for change in changes(&filled, &group.activity, grouping.window) {
                match change {
                    Change::Open(activity) => {
                        let seen = Did::Seen { days: activity.days().map(|(day, events)| (day.number(), events)).collect() };
                        if let Some(waiting) = waiting.take() {
                            append(&mut transaction, &waiting.case.id, at, by, None, &[seen]).await?;
                            grouped.extended += 1;
                        } else if activity.events() < grouping.min_events {
                            grouped.too_small += 1;
                        } else {
                            let title = CaseKey::read(&group.key).map_or_else(|| group.key.clone(), |key| key.title());
                            let opened = Did::Opened { title, key: Some(group.key.clone()) };
                            open(&mut transaction, at, by, &[opened, seen]).await?;
                            grouped.opened += 1;
                        }
                    }
                    Change::Extend { case, activity, .. } => {
                        let before: BTreeMap<Day, u64> = filled.iter().filter(|k| k.case == case).flat_map(|k| k.activity.days()).collect();
                        let new: Vec<(i32, u64)> = activity
                            .days()
                            .filter(|(day, events)| before.get(day) != Some(events))
                            .map(|(day, events)| (day.number(), events))
                            .collect();
                        let again = case.ended.is_some_and(|ended| new.iter().any(|(day, _)| *day > Day::of(ended).number()));
                        let mut did = vec![Did::Seen { days: new }];
                        if again && matches!(case.closing, Some(Closing::Resolved | Closing::GivenUp)) {
                            did.push(Did::Reopened { why: "seen again after it was closed".into() });
                            grouped.reopened += 1;
                        }
                        append(&mut transaction, &case.id, at, by, None, &did).await?;
                        grouped.extended += 1;
                    }
                    // What a person has merged is one case already.
                    Change::Merge { case, into } if case.by_hand || into.by_hand => {}
                    Change::Merge { case, into } => {
                        let gone = Did::Closed { closing: Closing::Merged, why: format!("goes on in {}", into.id), into: None };
                        append(&mut transaction, &case.id, at, by, None, &[gone]).await?;
                        let took = Did::Noted { text: format!("{} is the same and goes on here", case.id) };
                        append(&mut transaction, &into.id, at, by, None, &[took]).await?;
                        grouped.merged += 1;
                    }
                }
            }
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// What grouping must know of a case.
#[derive(Clone, Debug, Eq, PartialEq)]
struct KnownCase {
    id: String,
    ended: Option<Timestamp>,
    closing: Option<Closing>,
    /// It goes on in another case, by a person's word: here its events are counted as before.
    by_hand: bool,
}

/// The cases of all keys from the first to the last, by key, oldest activity first. Merged ones count no more.
async fn known(transaction: &mut SqliteConnection, first: &str, last: &str) -> Result<BTreeMap<String, Vec<Known<KnownCase>>>, StoreError> {
    let rows = sqlx::query(
        "SELECT case_file.key, case_file.id, closed_at, closing, day, case_day.events, merged_into IS NOT NULL FROM case_file LEFT JOIN \
         case_day ON case_id = id WHERE key >= $1 AND key <= $2 AND (closing IS NULL OR closing <> 'merged' OR merged_into IS NOT NULL) \
         ORDER BY key, number",
    )
    .bind(first)
    .bind(last)
    .fetch_all(transaction)
    .await?;
    let mut known: BTreeMap<String, Vec<Known<KnownCase>>> = BTreeMap::new();
    for row in rows {
        let (key, id): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let cases = known.entry(key).or_default();
        if cases.last().is_none_or(|last| last.case.id != id) {
            let ended: Option<i64> = row.try_get(2)?;
            let closing: Option<String> = row.try_get(3)?;
            let case = KnownCase {
                id,
                ended: ended.and_then(|at| Timestamp::from_microsecond(at).ok()),
                closing: closing.as_deref().and_then(Closing::read),
                by_hand: row.try_get(6)?,
            };
            cases.push(Known { case, activity: Activity::default() });
        }
        if let (Some(day), Some(events), Some(case)) =
            (row.try_get::<Option<i64>, _>(4)?, row.try_get::<Option<i64>, _>(5)?, cases.last_mut())
        {
            case.activity.note(Day::from_number(day as i32), events.unsigned_abs());
        }
    }
    known.values_mut().for_each(|cases| cases.sort_by_key(|case| case.activity.span()));
    Ok(known)
}

pub(crate) async fn row(connection: &mut SqliteConnection, id: &str) -> Result<CaseRow, StoreError> {
    let found = sqlx::query_as(sqlx::AssertSqlSafe(format!("{ROW} WHERE id = $1"))).bind(id).fetch_optional(connection).await?;
    found.ok_or_else(|| StoreError::Refused(format!("there is no case {id}; `musubi case list --all` shows them")))
}

pub(crate) async fn entries(connection: &mut SqliteConnection, id: &str) -> Result<Vec<Entry>, StoreError> {
    let rows = sqlx::query("SELECT number, at, by_whom, did, link FROM case_entry WHERE case_id = $1 ORDER BY number")
        .bind(id)
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            let (number, at): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            let mut link = [0; 32];
            let kept: Vec<u8> = row.try_get(4)?;
            // A link of another length is no link; the check of the history says so.
            if kept.len() == 32 {
                link.copy_from_slice(&kept);
            }
            Ok(Entry {
                number: number.unsigned_abs(),
                at: Timestamp::from_microsecond(at).unwrap_or(Timestamp::UNIX_EPOCH),
                by: row.try_get(2)?,
                did: row.try_get(3)?,
                link: Link(link),
            })
        })
        .collect()
}

/// A new case with its first entries.
pub(crate) async fn open(transaction: &mut SqliteConnection, at: Timestamp, by: &str, did: &[Did]) -> Result<String, StoreError> {
    let number: i64 = sqlx::query_scalar("SELECT coalesce(max(number), 0) + 1 FROM case_file").fetch_one(&mut *transaction).await?;
    let id = format!("c{number}");
    let blank = CaseRow::of(&id, number, &Case::default(), (0, Link::START));
    sqlx::query(
        "INSERT INTO case_file (id, number, title, opened_at, events, tasks, open_tasks, history_length, history_end) \
         VALUES ($1, $2, $3, $4, 0, 0, 0, 0, $5)",
    )
    .bind(&blank.id)
    .bind(blank.number)
    .bind(&blank.title)
    .bind(at.as_microsecond())
    .bind(&blank.history_end)
    .execute(&mut *transaction)
    .await?;
    write(transaction, blank, Case::default(), at, by, None, did).await?;
    Ok(id)
}

/// Appends to the history of a case and brings its row along. `takedown` is the one that the entries are about.
pub(crate) async fn append(
    transaction: &mut SqliteConnection,
    id: &str,
    at: Timestamp,
    by: &str,
    takedown: Option<&str>,
    did: &[Did],
) -> Result<(), StoreError> {
    let row = row(transaction, id).await?;
    let case = replay(&entries(transaction, id).await?);
    write(transaction, row, case, at, by, takedown, did).await
}

async fn write(
    transaction: &mut SqliteConnection,
    row: CaseRow,
    mut case: Case,
    at: Timestamp,
    by: &str,
    takedown: Option<&str>,
    did: &[Did],
) -> Result<(), StoreError> {
    let mut end = row.end();
    for did in did {
        let before = (end.0 > 0).then_some(end);
        let entry = Entry::after(&row.id, before, at, by, did).map_err(|e| StoreError::Refused(e.to_string()))?;
        sqlx::query("INSERT INTO case_entry (case_id, number, at, by_whom, takedown, did, link) VALUES ($1, $2, $3, $4, $5, $6, $7)")
            .bind(&row.id)
            .bind(entry.number as i64)
            .bind(entry.at.as_microsecond())
            .bind(&entry.by)
            .bind(takedown)
            .bind(&entry.did)
            .bind(&entry.link.0[..])
            .execute(&mut *transaction)
            .await?;
        case.follow(entry.at, did);
        end = (entry.number, entry.link);
        if let Did::Seen { days } = did {
            for (day, events) in days {
                sqlx::query(
                    "INSERT INTO case_day (case_id, day, events) VALUES ($1, $2, $3) \
                     ON CONFLICT (case_id, day) DO UPDATE SET events = excluded.events",
                )
                .bind(&row.id)
                .bind(i64::from(*day))
                .bind(*events as i64)
                .execute(&mut *transaction)
                .await?;
            }
        }
    }
    tasks::keep(transaction, &row.id, &case, did).await?;
    let row = CaseRow::of(&row.id, row.number, &case, end);
    sqlx::query(
        "UPDATE case_file SET title = $2, key = $3, opened_at = $4, assignee = $5, due = $6, events = $7, first_day = $8, last_day = $9, \
         tasks = $10, open_tasks = $11, closed_at = $12, closing = $13, history_length = $14, history_end = $15, stage = $16, \
         running = $17, merged_into = $18 WHERE id = $1",
    )
    .bind(&row.id)
    .bind(&row.title)
    .bind(&row.key)
    .bind(row.opened_at)
    .bind(&row.assignee)
    .bind(row.due)
    .bind(row.events)
    .bind(row.first_day)
    .bind(row.last_day)
    .bind(row.tasks)
    .bind(row.open_tasks)
    .bind(row.closed_at)
    .bind(&row.closing)
    .bind(row.history_length)
    .bind(&row.history_end)
    .bind(&row.stage)
    .bind(row.running)
    .bind(&row.merged_into)
    .execute(&mut *transaction)
    .await?;
    Ok(())
}
