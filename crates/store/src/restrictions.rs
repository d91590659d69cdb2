//! Evidence under stricter terms than it was given: how does everything that was made of it follow, at once?
//!
//! One transaction: the segments with its rows give way to such as have them under the new terms, and with them the evidence itself, the
//! findings of notices, the words for indicators, what stands of them in collections (taken back: who listens to the stream is told, who polls finds it no
//! more), and what was on its way out. What had left before stands in the log of releases; which of it surely told of the evidence is written down.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use casework::act::finding::SubjectKey;
use casework::act::state::State;
use casework::indicate::indicator::{IndicatorId, Source, Support};
use casework::model::identity::EventId;
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use crate::StoreError;
use crate::commit::retire;
use crate::evidence::Evidence;
use crate::indicators;
use crate::notices::{history, pack, step, unpack};
use crate::posting;
use crate::register::{Register, insert_segment, values};
use crate::releases::Logged;
use crate::segment::Segment;
use crate::shared_releases;

/// Values asked for in one statement.
const TOGETHER: usize = 500;
/// What stands in the history of a notice that told of it.
pub(crate) const TIGHTENED: &str = "tightened";

/// What the events of an evidence say: by this the things that were made of them are found.
#[derive(Clone, Debug, Default)]
pub struct Touched {
    pub events: HashSet<EventId>,
    /// As notices know them.
    pub subjects: HashSet<SubjectKey>,
    /// Addresses, names, pages, hashes.
    pub values: BTreeSet<String>,
}

/// Evidence that comes under stricter terms.
#[derive(Debug)]
pub struct Restricting<'a> {
    pub evidence: &'a Evidence,
    /// The feed of its events.
    pub feed: &'a str,
    /// Number of the terms of the evidence itself from now on.
    pub held: i64,
    /// Numbers of the terms of its rows, before and after.
    pub becomes: &'a BTreeMap<i64, i64>,
    pub touched: &'a Touched,
    /// Segments with its rows, and those that take their place.
    pub gone: &'a [Segment],
    pub segments: &'a [Segment],
    pub party: &'a str,
    pub person: &'a str,
    /// Terms as the party had said them, and as it says them now.
    pub before: &'a str,
    pub after: &'a str,
    pub now: i64,
    pub chance: u64,
}

/// Evidence that came under stricter terms.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Restriction {
    pub number: i64,
    pub at: i64,
    pub party: String,
    pub person: String,
    pub before: String,
    pub after: String,
    pub rows: i64,
    pub taken_back: i64,
    pub stopped: i64,
    former: String,
}

impl Restriction {
    /// Numbers of the terms that rows were under.
    pub fn former(&self) -> impl Iterator<Item = i64> {
        self.former.split_whitespace().filter_map(|number| number.parse().ok())
    }
}

impl Register {
    /// Puts evidence under stricter terms, with everything that was made of it. All of it or nothing.
    ///
    /// # Errors
    /// When the register cannot be written, or somebody else has replaced one of the segments; then nothing has changed.
    pub async fn restrict(&self, order: &Restricting<'_>) -> Result<Restriction, StoreError> {
        let mut transaction = self.writing().await?;
        retire(&mut transaction, order.gone, order.now).await?;
        for segment in order.segments {
            insert_segment(&mut transaction, segment).await?;
        }
        sqlx::query("UPDATE evidence SET terms = $2 WHERE id = $1")
            .bind(&order.evidence.id)
            .bind(order.held)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("UPDATE upload SET terms = $3 WHERE evidence = $1 AND party = $2")
            .bind(&order.evidence.id)
            .bind(order.party)
            .bind(order.after)
            .execute(&mut *transaction)
            .await?;
        let mut left = BTreeSet::new();
        let mut stopped = notices(&mut transaction, order, &mut left).await?;
        stopped += calls(&mut transaction, order).await?;
        let mut taken_back = Vec::new();
        indicators_of(&mut transaction, order, &mut left, &mut taken_back).await?;
        let numbers: Vec<String> = order.becomes.keys().map(i64::to_string).collect();
        let number: i64 = sqlx::query_scalar(
            "INSERT INTO restriction (evidence, at, party, person, before, after, rows, taken_back, stopped, former) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING number",
        )
        .bind(&order.evidence.id)
        .bind(order.now)
        .bind(order.party)
        .bind(order.person)
        .bind(order.before)
        .bind(order.after)
        .bind(order.touched.events.len() as i64)
        .bind(taken_back.len() as i64)
        .bind(stopped)
        .bind(numbers.join(" "))
        .fetch_one(&mut *transaction)
        .await?;
        for release in &left {
            sqlx::query("INSERT INTO restriction_left (restriction, release) VALUES ($1, $2)")
                .bind(number)
                .bind(release)
                .execute(&mut *transaction)
                .await?;
        }
        let sql = AssertSqlSafe(format!("{RESTRICTION} WHERE number = $1"));
        let restriction: Restriction = sqlx::query_as(sql).bind(number).fetch_one(&mut *transaction).await?;
        transaction.commit().await?;
        // Pages that were given before and wait for their leaves are found once these are there.
        self.settle().await?;
        let mut connection = self.pool.acquire().await?;
        for (collection, number, date_added) in taken_back {
            for (_, release, ..) in shared_releases::pages_with(&mut connection, collection, number, date_added).await? {
                sqlx::query("INSERT INTO restriction_left (restriction, release) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                    .bind(restriction.number)
                    .bind(release)
                    .execute(&mut *connection)
                    .await?;
            }
        }
        Ok(restriction)
    }

    /// Terms of an upload that was not read yet; `false` when somebody reads it now, or has.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn restrict_upload(&self, id: &str, before: &str, after: &str) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE upload SET terms = $3 WHERE id = $1 AND terms = $2 AND state IN ('open', 'waiting')")
            .bind(id)
            .bind(before)
            .bind(after)
            .execute(&mut *self.statement().await?)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// How often, and by whom, evidence was put under stricter terms; the newest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn restrictions(&self, evidence: &str) -> Result<Vec<Restriction>, StoreError> {
        let sql = AssertSqlSafe(format!("{RESTRICTION} WHERE evidence = $1 ORDER BY number DESC"));
        Ok(sqlx::query_as(sql).bind(evidence).fetch_all(&self.pool).await?)
    }

    /// What had surely told of it before, in the order of the log.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn left_before(&self, restriction: i64) -> Result<Vec<Logged>, StoreError> {
        let ids: Vec<String> = sqlx::query_scalar(
            "SELECT release.id FROM restriction_left JOIN release ON release.id = restriction_left.release WHERE restriction = $1 \
             ORDER BY release.number",
        )
        .bind(restriction)
        .fetch_all(&self.pool)
        .await?;
        let mut found = Vec::new();
        for id in ids {
            found.extend(self.logged(&id).await?);
        }
        Ok(found)
    }

    /// Releases since the evidence came and until a moment that told of anything under these terms: it may have been among it. The newest
    /// first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn told_under(&self, terms: &[i64], since: i64, until: i64, most: u32) -> Result<Vec<Logged>, StoreError> {
        if terms.is_empty() {
            return Ok(Vec::new());
        }
        self.settle().await?;
        let any: Vec<String> = terms.iter().map(|number| format!("' ' || terms || ' ' LIKE '% {number} %'")).collect();
        let sql = format!(
            "SELECT id FROM release WHERE released_at >= $1 AND released_at <= $2 AND ({}) ORDER BY number DESC LIMIT $3",
            any.join(" OR ")
        );
        let ids: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(sql)).bind(since).bind(until).bind(i64::from(most)).fetch_all(&self.pool).await?;
        let mut found = Vec::new();
        for id in ids {
            found.extend(self.logged(&id).await?);
        }
        Ok(found)
    }
}

const RESTRICTION: &str = "SELECT number, at, party, person, before, after, rows, taken_back, stopped, former FROM restriction";

/// Findings that hold any of it come under the new terms. What waits in the outbox goes nowhere any more; what policy lets nobody know of the
/// others is denied when they are released.
async fn notices(transaction: &mut SqliteConnection, order: &Restricting<'_>, left: &mut BTreeSet<String>) -> Result<i64, StoreError> {
    // Only a notice that was still being gathered after the evidence had come can tell of it. Its times are whole seconds.
    let since = order.evidence.received_at - 1_000_000;
    let sql = "SELECT id FROM notice WHERE last_arrival >= $1 ORDER BY id";
    let ids: Vec<String> = sqlx::query_scalar(sql).bind(since).fetch_all(&mut *transaction).await?;
    let mut stopped = 0;
    for id in ids {
        let row =
            sqlx::query("SELECT id, state, content, release FROM notice WHERE id = $1").bind(&id).fetch_one(&mut *transaction).await?;
        let (id, state, content): (String, String, Vec<u8>) = (row.get(0), row.get(1), row.get(2));
        let mut findings = unpack(&id, &content)?;
        let mut any = false;
        for finding in &mut findings {
            let same = order.touched.subjects.contains(&finding.key) || order.touched.events.contains(&finding.event_id());
            if let Some(terms) = order.becomes.get(&finding.terms).filter(|_| same) {
                any |= finding.terms != *terms;
                finding.terms = *terms;
            }
        }
        if !any {
            continue;
        }
        sqlx::query("UPDATE notice SET content = $2 WHERE id = $1").bind(&id).bind(pack(&findings)?).execute(&mut *transaction).await?;
        history(transaction, &id, order.now, TIGHTENED, Some(order.after)).await?;
        match State::read(&state) {
            Some(State::Released) => {
                step(transaction, &id, &[State::Released], State::Failed, order.now, Some(STOPPED)).await?;
                let sql = "UPDATE notice SET next_attempt = NULL, reason = $2 WHERE id = $1";
                sqlx::query(sql).bind(&id).bind(STOPPED).execute(&mut *transaction).await?;
                stopped += 1;
            }
            Some(State::Handing | State::Sent | State::Delivered | State::Failed) => {
                let number: Option<i64> = row.get(3);
                let found: Option<String> =
                    sqlx::query_scalar("SELECT id FROM release WHERE number = $1").bind(number).fetch_optional(&mut *transaction).await?;
                left.extend(found);
            }
            Some(State::Waiting | State::Ready | State::Cancelled | State::Denied) | None => {}
        }
    }
    Ok(stopped)
}

/// Why a notice or call goes nowhere any more.
pub const STOPPED: &str = "its giver has put what it tells under stricter terms";

/// Calls of programs that wait with any of its events in them are over.
async fn calls(transaction: &mut SqliteConnection, order: &Restricting<'_>) -> Result<i64, StoreError> {
    let sql = "SELECT id, body FROM webhook_call WHERE next_attempt IS NOT NULL AND body IS NOT NULL AND release IS NOT NULL AND created_at >= $1";
    let rows: Vec<(String, Vec<u8>)> = sqlx::query_as(sql).bind(order.evidence.received_at).fetch_all(&mut *transaction).await?;
    let mut stopped = 0;
    for (id, body) in rows {
        let text = String::from_utf8_lossy(&body);
        let mut words = text.split(|c: char| !c.is_ascii_hexdigit()).filter(|word| word.len() == 32);
        if words.any(|word| EventId::from_hex(word).is_some_and(|event| order.touched.events.contains(&event))) {
            sqlx::query("UPDATE webhook_call SET next_attempt = NULL, body = NULL, error = $2 WHERE id = $1")
                .bind(&id)
                .bind(STOPPED)
                .execute(&mut *transaction)
                .await?;
            stopped += 1;
        }
    }
    Ok(stopped)
}

/// What speaks for indicators comes under the new terms; what was told of them in collections is taken back.
async fn indicators_of(
    transaction: &mut SqliteConnection,
    order: &Restricting<'_>,
    left: &mut BTreeSet<String>,
    taken_back: &mut Vec<(i64, i64, i64)>,
) -> Result<(), StoreError> {
    let mut ids: BTreeSet<IndicatorId> = BTreeSet::new();
    let read = |rows: Vec<Vec<u8>>| rows.into_iter().filter_map(|id| id.try_into().ok()).map(IndicatorId);
    let all: Vec<&String> = order.touched.values.iter().collect();
    for chunk in all.chunks(TOGETHER) {
        let sql = format!("SELECT id FROM indicator WHERE value IN {}", values(1, chunk.len()));
        let mut query = sqlx::query_scalar(AssertSqlSafe(sql));
        for value in chunk {
            query = query.bind(value.as_str());
        }
        ids.extend(read(query.fetch_all(&mut *transaction).await?));
    }
    let events: Vec<String> = order.touched.events.iter().map(EventId::to_string).collect();
    for chunk in events.chunks(TOGETHER) {
        let sql = format!("SELECT indicator FROM indicator_source WHERE kind = 'event' AND name IN {}", values(1, chunk.len()));
        let mut query = sqlx::query_scalar(AssertSqlSafe(sql));
        for event in chunk {
            query = query.bind(event);
        }
        ids.extend(read(query.fetch_all(&mut *transaction).await?));
    }
    let sql = "SELECT indicator FROM indicator_source WHERE kind = 'evidence' AND name IN ($1, $2)";
    let found = sqlx::query_scalar(sql).bind(&order.evidence.id).bind(&order.evidence.sha256).fetch_all(&mut *transaction).await?;
    ids.extend(read(found));
    let is_event = |id: &String| EventId::from_hex(id).is_some_and(|event| order.touched.events.contains(&event));
    let concerns = |source: &Source, support: &Support| {
        // What a rule found in this feed may rest on more events than it names.
        support.reporter == order.feed
            || support.events.iter().any(is_event)
            || match source {
                Source::Event(id) => is_event(id),
                Source::Evidence(name) => *name == order.evidence.id || *name == order.evidence.sha256,
                Source::Case(_) | Source::Rule { .. } | Source::Foreign(_) => false,
            }
    };
    let changed = indicators::under_other_terms(transaction, &ids, concerns, order.becomes, order.person, order.now).await?;
    for (id, terms) in changed {
        let name: String = id.0.iter().map(|byte| format!("{byte:02x}")).collect();
        sqlx::query("UPDATE place_object SET terms = $2 WHERE kind = 'indicator' AND name = $1 AND gone = 0")
            .bind(name)
            .bind(terms)
            .execute(&mut *transaction)
            .await?;
        let told: Vec<(i64, String)> = sqlx::query_as("SELECT collection, object FROM indicator_told WHERE indicator = $1")
            .bind(&id.0[..])
            .fetch_all(&mut *transaction)
            .await?;
        for (collection, object) in told {
            let fetched = shared_releases::who_fetched(transaction, collection, &object).await?;
            left.extend(fetched.into_iter().map(|one| one.release));
            let gone = posting::take_back(transaction, collection, &object, order.now, order.chance).await?;
            taken_back.extend(gone.into_iter().map(|(number, date_added)| (collection, number, date_added)));
            // What can still be told of it is told anew, as a later version.
            sqlx::query("UPDATE indicator_told SET digest = x'' WHERE collection = $1 AND object = $2")
                .bind(collection)
                .bind(&object)
                .execute(&mut *transaction)
                .await?;
        }
    }
    Ok(())
}
