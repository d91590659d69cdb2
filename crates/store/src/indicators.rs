//! What is to be watched for or blocked: each thing once, with every word that was said of it and what was done to it.
//!
//! A word that was heard before changes nothing, so that deriving again from the same events writes nothing. The columns beside the
//! words only find and order; what an indicator is worth is computed from the words for who asks, when he asks.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use casework::indicate::decay::HalfLives;
use casework::indicate::indicator::{Grounds, Indicator, IndicatorId, Said, Source, Support, What};
use casework::model::terms::Terms;
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use crate::StoreError;
use crate::register::{Register, values};
use crate::terms;

/// Rows in one statement.
const ROWS: usize = 128;

/// Words about one thing.
#[derive(Clone, Debug)]
pub struct Words {
    pub what: What,
    pub said: Vec<Said>,
}

/// Who says it, when, and as what it stands in the history.
#[derive(Clone, Copy, Debug)]
pub struct Deed<'a> {
    pub at: i64,
    pub by: &'a str,
    /// `derived`, `added`, `sighted`, `false-positive`, `revoked`, `restored`, `expired`, `tightened`.
    pub what: &'a str,
    pub because: &'a str,
}

/// What became of words.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Heard {
    pub new: u64,
    pub changed: u64,
    pub unchanged: u64,
}

/// An indicator as remembered.
#[derive(Clone, Debug)]
pub struct Remembered {
    pub indicator: Indicator,
    /// Number of the terms of all of it together.
    pub terms: i64,
    /// Microseconds since 1970.
    pub created_at: i64,
    pub updated_at: i64,
}

/// One line of what was done to an indicator.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Done {
    pub at: i64,
    pub by: String,
    pub what: String,
    pub because: String,
}

/// Which indicators are wanted; the newest first.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub kind: Option<String>,
    pub class: Option<String>,
    pub malware: Option<String>,
    /// Seen at or after, in microseconds.
    pub since: Option<i64>,
    /// Behind this one, as the page before ended: when it was last seen, and its id.
    pub after: Option<(i64, IndicatorId)>,
    /// At most so many; 0 for all.
    pub limit: usize,
}

pub(crate) const COLUMNS: &str = "kind, value, terms, grounds, created_at, updated_at";

impl Register {
    /// Hears words about many things in one transaction, each remembered once however often it is said.
    ///
    /// # Errors
    /// When the register cannot be written, or something in it is no indicator; then nothing was heard.
    pub async fn hear(&self, words: &[Words], deed: Deed<'_>) -> Result<Heard, StoreError> {
        let mut heard = Heard::default();
        let mut transaction = self.writing().await?;
        let mut held = Held::read(&mut transaction).await?;
        for chunk in words.chunks(ROWS) {
            let mut known = known(&mut transaction, chunk.iter().map(|words| words.what.id())).await?;
            let mut changed: Vec<IndicatorId> = Vec::new();
            for Words { what, said } in chunk {
                let id = what.id();
                let fresh = !known.contains_key(&id);
                let new = || Remembered { indicator: Indicator::new(what.clone()), terms: 0, created_at: deed.at, updated_at: deed.at };
                let remembered = known.entry(id).or_insert_with(new);
                let mut any = false;
                for word in said {
                    any |= remembered.indicator.hear(word.clone());
                }
                match (fresh, any) {
                    (true, _) => heard.new += 1,
                    (false, true) => heard.changed += 1,
                    (false, false) => heard.unchanged += 1,
                }
                if (fresh || any) && !changed.contains(&id) {
                    changed.push(id);
                }
            }
            for id in &changed {
                if let Some(remembered) = known.get_mut(id) {
                    remembered.terms = held.together(&mut transaction, &remembered.indicator).await?;
                    remembered.updated_at = deed.at;
                }
            }
            let rows: Vec<&Remembered> = changed.iter().filter_map(|id| known.get(id)).collect();
            upsert(&mut transaction, &rows).await?;
            write_history(&mut transaction, &changed, deed).await?;
        }
        transaction.commit().await?;
        Ok(heard)
    }

    /// The indicator of this id.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn indicator(&self, id: IndicatorId) -> Result<Option<Remembered>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        Ok(known(&mut connection, std::iter::once(id)).await?.remove(&id))
    }

    /// Indicators of a value, whatever its kind.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn indicators_of(&self, value: &str) -> Result<Vec<Remembered>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM indicator WHERE value = $1 ORDER BY kind");
        sqlx::query(AssertSqlSafe(sql)).bind(value).fetch_all(&self.pool).await?.iter().map(read).collect()
    }

    /// A page of indicators, the latest seen first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn indicators(&self, wanted: &Wanted) -> Result<Vec<Remembered>, StoreError> {
        let limit = if wanted.limit == 0 { String::new() } else { format!(" LIMIT {}", wanted.limit) };
        let sql = format!(
            "SELECT {COLUMNS} FROM indicator WHERE ($1 IS NULL OR kind = $1) AND ($2 IS NULL OR class = $2) AND ($3 IS NULL OR malware = $3) \
             AND ($4 IS NULL OR last_seen >= $4) AND ($5 IS NULL OR (coalesce(last_seen, 0), id) < ($5, $6)) \
             ORDER BY coalesce(last_seen, 0) DESC, id DESC{limit}"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(&wanted.kind)
            .bind(&wanted.class)
            .bind(&wanted.malware)
            .bind(wanted.since)
            .bind(wanted.after.map(|(seen, _)| seen))
            .bind(wanted.after.map(|(_, id)| id.0.to_vec()))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Indicators that rest on something: `event`, `case`, `evidence`, `foreign`, `rule`, and its name.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn indicators_from(&self, kind: &str, name: &str) -> Result<Vec<Remembered>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM indicator WHERE id IN (SELECT indicator FROM indicator_source WHERE kind = $1 AND name = $2) ORDER BY id"
        );
        sqlx::query(AssertSqlSafe(sql)).bind(kind).bind(name).fetch_all(&self.pool).await?.iter().map(read).collect()
    }

    /// What was done to an indicator, oldest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn indicator_history(&self, id: IndicatorId) -> Result<Vec<Done>, StoreError> {
        Ok(sqlx::query_as("SELECT at, by, what, because FROM indicator_history WHERE indicator = $1 ORDER BY number")
            .bind(&id.0[..])
            .fetch_all(&self.pool)
            .await?)
    }

    /// How many there are.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn indicator_count(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("SELECT count(*) FROM indicator").fetch_one(&self.pool).await?)
    }
}

/// Words for some indicators come under other terms: which indicators changed, and the number of the terms of each now.
pub(crate) async fn under_other_terms(
    transaction: &mut SqliteConnection,
    ids: &BTreeSet<IndicatorId>,
    concerns: impl Fn(&Source, &Support) -> bool,
    becomes: &BTreeMap<i64, i64>,
    by: &str,
    at: i64,
) -> Result<Vec<(IndicatorId, i64)>, StoreError> {
    let mut held = Held::read(transaction).await?;
    let mut all = Vec::new();
    let ids: Vec<IndicatorId> = ids.iter().copied().collect();
    for chunk in ids.chunks(ROWS) {
        let mut rows = Vec::new();
        for (_, remembered) in known(transaction, chunk.iter().copied()).await? {
            let Some(indicator) = remembered.indicator.under_other_terms(&concerns, becomes) else { continue };
            let terms = held.together(transaction, &indicator).await?;
            rows.push(Remembered { indicator, terms, updated_at: at, ..remembered });
        }
        upsert(transaction, &rows.iter().collect::<Vec<_>>()).await?;
        let changed: Vec<IndicatorId> = rows.iter().map(|one| one.indicator.id()).collect();
        write_history(transaction, &changed, Deed { at, by, what: "tightened", because: "" }).await?;
        all.extend(rows.iter().map(|one| (one.indicator.id(), one.terms)));
    }
    Ok(all)
}

/// The terms that are known, to hold what comes from several under all of theirs.
struct Held {
    terms: BTreeMap<i64, Terms>,
    numbers: HashMap<BTreeSet<i64>, i64>,
}

impl Held {
    async fn read(transaction: &mut SqliteConnection) -> Result<Self, StoreError> {
        let terms = terms::all_terms(transaction).await?.into_iter().map(|known| (known.id, known.terms)).collect();
        Ok(Self { terms, numbers: HashMap::new() })
    }

    async fn together(&mut self, transaction: &mut SqliteConnection, indicator: &Indicator) -> Result<i64, StoreError> {
        let numbers = indicator.terms();
        if let Some(known) = self.numbers.get(&numbers) {
            return Ok(*known);
        }
        let unmarked = || Terms::of(casework::model::terms::Tlp::UNMARKED);
        let joined =
            numbers.iter().map(|number| self.terms.get(number).cloned().unwrap_or_else(unmarked)).reduce(|one, other| one.join(&other));
        let joined = joined.unwrap_or_else(unmarked);
        let known = self.terms.iter().find(|(_, terms)| **terms == joined).map(|(number, _)| *number);
        let number = match known {
            Some(number) => number,
            None => terms::intern(transaction, &joined).await?,
        };
        self.terms.insert(number, joined);
        self.numbers.insert(numbers, number);
        Ok(number)
    }
}

pub(crate) fn read(row: &sqlx::sqlite::SqliteRow) -> Result<Remembered, StoreError> {
    let (kind, value, grounds): (&str, &str, &str) = (row.get(0), row.get(1), row.get(3));
    let what: What =
        format!("{kind} {value}").parse().map_err(|error| StoreError::Refused(format!("indicator in the register: {error}")))?;
    let wrong = |error| StoreError::Refused(format!("indicator {what} in the register: {error}"));
    let grounds: Grounds = serde_json::from_str(grounds).map_err(wrong)?;
    Ok(Remembered { indicator: Indicator::with(what, grounds), terms: row.get(2), created_at: row.get(4), updated_at: row.get(5) })
}

async fn known(
    connection: &mut SqliteConnection,
    ids: impl Iterator<Item = IndicatorId>,
) -> Result<HashMap<IndicatorId, Remembered>, StoreError> {
    let ids: Vec<IndicatorId> = ids.collect();
    let sql = format!("SELECT {COLUMNS} FROM indicator WHERE id IN {}", values(1, ids.len()));
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for id in &ids {
        query = query.bind(id.0.to_vec());
    }
    let rows = query.fetch_all(connection).await?;
    rows.iter().map(|row| read(row).map(|remembered| (remembered.indicator.id(), remembered))).collect()
}

async fn upsert(transaction: &mut SqliteConnection, rows: &[&Remembered]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO indicator (id, kind, value, terms, confidence, class, malware, valid_from, valid_until, first_seen, last_seen, reporters, \
         sightings, doubts, revoked, grounds, created_at, updated_at) VALUES {} ON CONFLICT (id) DO UPDATE SET terms = excluded.terms, \
         confidence = excluded.confidence, class = excluded.class, malware = excluded.malware, valid_from = excluded.valid_from, \
         valid_until = excluded.valid_until, first_seen = excluded.first_seen, last_seen = excluded.last_seen, reporters = excluded.reporters, \
         sightings = excluded.sightings, doubts = excluded.doubts, revoked = excluded.revoked, grounds = excluded.grounds, \
         updated_at = excluded.updated_at",
        values(rows.len(), 18)
    );
    let half_lives = HalfLives::default();
    let micros = |at: Option<Timestamp>| at.map(Timestamp::as_microsecond);
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for Remembered { indicator, terms, created_at, updated_at } in rows {
        let worth = indicator.worth(&half_lives, Timestamp::from_microsecond(*updated_at).unwrap_or_default(), |_| true);
        let (kind, value) = match indicator.what() {
            What::Value(observable) => (observable.kind().as_str(), observable.value().to_owned()),
            What::Pattern(text) => ("pattern", text.clone()),
        };
        let grounds =
            serde_json::to_string(&indicator.grounds()).map_err(|error| StoreError::Refused(format!("indicator {value}: {error}")))?;
        query = query
            .bind(indicator.id().0.to_vec())
            .bind(kind)
            .bind(value)
            .bind(*terms)
            .bind(i64::from(worth.confidence))
            .bind(worth.class.map(|class| class.type_()))
            .bind(worth.malware)
            .bind(micros(worth.valid_from))
            .bind(micros(worth.valid_until))
            .bind(micros(worth.first_seen))
            .bind(micros(worth.last_seen))
            .bind(worth.reporters as i64)
            .bind(i64::try_from(worth.sightings).unwrap_or(i64::MAX))
            .bind(worth.doubts as i64)
            .bind(i64::from(indicator.ruling().is_some_and(|ruling| ruling.revoked)))
            .bind(grounds)
            .bind(*created_at)
            .bind(*updated_at);
    }
    query.execute(&mut *transaction).await?;
    let mut sources: BTreeSet<(&'static str, String, IndicatorId)> = BTreeSet::new();
    for Remembered { indicator, .. } in rows {
        for (source, support) in indicator.support() {
            let id = indicator.id();
            sources.extend(support.events.iter().map(|event| ("event", event.clone(), id)));
            let (kind, name) = match source {
                Source::Event(id) => ("event", id.clone()),
                Source::Case(id) => ("case", id.clone()),
                Source::Rule { rule, .. } => ("rule", rule.clone()),
                Source::Evidence(id) => ("evidence", id.clone()),
                Source::Foreign(id) => ("foreign", id.clone()),
            };
            sources.insert((kind, name, id));
        }
    }
    let sources: Vec<_> = sources.into_iter().collect();
    for chunk in sources.chunks(ROWS * 8) {
        let sql = format!("INSERT INTO indicator_source (kind, name, indicator) VALUES {} ON CONFLICT DO NOTHING", values(chunk.len(), 3));
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (kind, name, id) in chunk {
            query = query.bind(*kind).bind(name).bind(id.0.to_vec());
        }
        query.execute(&mut *transaction).await?;
    }
    Ok(())
}

async fn write_history(transaction: &mut SqliteConnection, changed: &[IndicatorId], deed: Deed<'_>) -> Result<(), StoreError> {
    if changed.is_empty() {
        return Ok(());
    }
    let sql = format!("INSERT INTO indicator_history (indicator, at, by, what, because) VALUES {}", values(changed.len(), 5));
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for id in changed {
        query = query.bind(id.0.to_vec()).bind(deed.at).bind(deed.by).bind(deed.what).bind(deed.because);
    }
    query.execute(transaction).await?;
    Ok(())
}
