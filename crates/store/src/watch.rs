//! What the network shows of many threats at once: where they were seen, which feeds would have seen them, and of which days those told.
//!
//! Three questions to the engine, however many threats there are; each reads a few columns of the segments that the time leaves.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, TimestampMicrosecondType};
use casework::correlate::key::{CaseKey, neighbourhood};
use casework::model::day::Day;
use casework::verify::Sighting;
use casework::verify::watching::{Deliveries, Experience, Rules, Scope};
use datafusion::catalog::MemTable;
use futures::StreamExt as _;
use jiff::Timestamp;
use sqlx::Row as _;

use crate::StoreError;
use crate::events::Questions;
use crate::home::Home;
use crate::register::Register;

/// Everything that was seen of a set of threats.
#[derive(Debug, Default)]
pub struct Observations {
    /// By place ([`CaseKey::place`]).
    at_place: HashMap<String, Vec<Seen>>,
    /// By neighbourhood, class and (for what is vulnerable) port.
    nearby: HashMap<Near, Vec<Experience>>,
    pub deliveries: Deliveries,
}

type Near = (String, String, Option<i64>);

/// What one feed called it on one day.
#[derive(Debug)]
struct Seen {
    feed: String,
    malware: Option<String>,
    identifier: Option<String>,
    day: Day,
    first: Timestamp,
    last: Timestamp,
    events: u64,
}

/// When and where something was seen, by all feeds together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Span {
    pub first: Timestamp,
    pub last: Timestamp,
    pub events: u64,
    /// Of its address.
    pub country: Option<String>,
}

/// A feed, and what it told of a place: malware and identifier.
type Told<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

impl Observations {
    /// Sightings of this very thing, by feed and day.
    pub fn sightings(&self, target: &CaseKey) -> Vec<Sighting> {
        let seen = self.at_place.get(&target.place()).into_iter().flatten();
        seen.filter(|seen| target.same_thing(seen.malware.as_deref(), seen.identifier.as_deref()))
            .map(|seen| Sighting { feed: seen.feed.clone(), at: seen.last, events: seen.events })
            .collect()
    }

    /// First time this very thing was seen.
    pub fn first_seen(&self, target: &CaseKey) -> Option<Timestamp> {
        let seen = self.at_place.get(&target.place())?.iter();
        seen.filter(|seen| target.same_thing(seen.malware.as_deref(), seen.identifier.as_deref())).map(|seen| seen.first).min()
    }

    /// What feeds have seen there and near by, day after day.
    pub fn experience(&self, target: &CaseKey, rules: &Rules) -> Vec<Experience> {
        let mut days: BTreeMap<Told<'_>, BTreeSet<Day>> = BTreeMap::new();
        for seen in self.at_place.get(&target.place()).into_iter().flatten() {
            days.entry((&seen.feed, seen.malware.as_deref(), seen.identifier.as_deref())).or_default().insert(seen.day);
        }
        let often = usize::from(rules.days_at_one_place.max(1));
        let here = days.into_iter().filter_map(|((feed, malware, identifier), days)| {
            let since = *days.iter().nth(often - 1)?;
            let (malware, identifier) = (malware.map(str::to_owned), identifier.map(str::to_owned));
            Some(Experience { feed: feed.to_owned(), malware, identifier, scope: Scope::ThisPlace, since })
        });
        let nearby = near(target).and_then(|near| self.nearby.get(&near)).into_iter().flatten().cloned();
        here.chain(nearby).collect()
    }
}

/// Only for what is at an address of its own: that others have seen the neighbours of a site says nothing of the site.
fn near(target: &CaseKey) -> Option<Near> {
    match target {
        CaseKey::Address { ip, port, class, .. } => Some((neighbourhood(*ip)?.to_string(), class.type_().to_owned(), port.map(i64::from))),
        CaseKey::Campaign(_) | CaseKey::Site { .. } | CaseKey::C2 { .. } => None,
    }
}

/// Looks for all `targets` at once in what was seen since `since`.
///
/// # Errors
/// When events or register cannot be read.
pub async fn observe(
    home: &Home,
    register: &Register,
    targets: &[CaseKey],
    rules: &Rules,
    since: Timestamp,
) -> Result<Observations, StoreError> {
    let mut found = Observations::default();
    let types: BTreeSet<&str> = targets.iter().filter_map(|t| t.class()).map(|class| class.type_()).collect();
    if types.is_empty() {
        return Ok(found);
    }
    let types: Vec<String> = types.into_iter().map(|type_| format!("'{type_}'")).collect();
    let these = format!("time >= timestamp '{since}' AND type IN ({})", types.join(", "));
    let questions = Questions::open(home, register).await?;
    questions.lend("wanted_place", &[("place", targets.iter().map(CaseKey::place).collect::<BTreeSet<_>>())])?;
    let nearby: BTreeSet<Near> = targets.iter().filter_map(near).collect();
    let networks: BTreeSet<String> = nearby.iter().map(|(network, ..)| network.clone()).collect();
    questions.lend("wanted_network", &[("network", networks)])?;

    let sql = format!(
        "SELECT e.place, feed, malware, identifier, date_trunc('day', time) AS day, min(time) AS first, max(time) AS last, count(*) AS n FROM \
         (SELECT case_place(type, source_ip, source_port, source_fqdn, source_url) AS place, feed, malware, identifier, time FROM events \
         WHERE {these}) e JOIN wanted_place w ON w.place = e.place GROUP BY 1, 2, 3, 4, 5"
    );
    let mut feeds = BTreeSet::new();
    each(&questions, &sql, |row| {
        let (Some(place), Some(feed)) = (row.text(0), row.text(1)) else { return };
        let (first, last) = (row.time(5), row.time(6));
        feeds.insert(feed.clone());
        found.at_place.entry(place).or_default().push(Seen {
            feed,
            malware: row.text(2),
            identifier: row.text(3),
            day: Day::of(row.time(4)),
            first,
            last,
            events: row.number(7).unwrap_or(0).unsigned_abs(),
        });
    })
    .await?;

    // On how many days was one neighbour seen? The day on which the last one needed was reached is when the feed had shown it.
    let sql = format!(
        "SELECT network, type, port, feed, malware, identifier, min(day) AS since FROM (SELECT *, row_number() OVER (PARTITION BY network, \
         type, port, feed, malware, identifier, source_ip ORDER BY day) AS nth FROM (SELECT DISTINCT e.network, type, port, feed, malware, \
         identifier, source_ip, day FROM (SELECT neighbourhood(source_ip) AS network, type, CASE WHEN taxonomy = 'vulnerable' THEN \
         CAST(source_port AS BIGINT) END AS port, feed, malware, identifier, source_ip, date_trunc('day', time) AS day FROM events WHERE \
         {these}) e JOIN wanted_network w ON w.network = e.network)) WHERE nth = {} GROUP BY 1, 2, 3, 4, 5, 6",
        rules.days_at_one_place.max(1)
    );
    each(&questions, &sql, |row| {
        let (Some(network), Some(type_), Some(feed)) = (row.text(0), row.text(1), row.text(3)) else { return };
        let near = (network, type_, row.number(2));
        if nearby.contains(&near) {
            feeds.insert(feed.clone());
            let since = Day::of(row.time(6));
            let (malware, identifier) = (row.text(4), row.text(5));
            found.nearby.entry(near).or_default().push(Experience { feed, malware, identifier, scope: Scope::Neighbourhood, since });
        }
    })
    .await?;

    if !feeds.is_empty() {
        questions.lend("wanted_feed", &[("feed", feeds)])?;
        let sql = format!(
            "SELECT e.feed, day FROM (SELECT DISTINCT feed, date_trunc('day', time) AS day FROM events WHERE time >= timestamp '{since}') e \
             JOIN wanted_feed w ON w.feed = e.feed"
        );
        each(&questions, &sql, |row| {
            if let Some(feed) = row.text(0) {
                found.deliveries.note(&feed, Day::of(row.time(1)));
            }
        })
        .await?;
        for (feed, received_at) in register.empty_deliveries(since).await? {
            // A report that names nothing tells of the day before it came.
            found.deliveries.note(&feed, Day::of(received_at).plus(-1));
        }
    }
    Ok(found)
}

/// When this was seen since `since`; `None` when it was not.
///
/// # Errors
/// When events cannot be read.
pub async fn span(home: &Home, register: &Register, target: &CaseKey, since: Timestamp) -> Result<Option<Span>, StoreError> {
    let Some(class) = target.class() else { return Ok(None) };
    let questions = Questions::open(home, register).await?;
    questions.lend("wanted_place", &[("place", BTreeSet::from([target.place()]))])?;
    // With a bare address whole segments are left out before they are opened.
    let address = match target {
        CaseKey::Address { ip, .. } => format!(" AND source_ip = '{ip}'"),
        CaseKey::C2 { .. } => target.ip().map_or_else(String::new, |ip| format!(" AND source_ip = '{ip}'")),
        CaseKey::Site { .. } | CaseKey::Campaign(_) => String::new(),
    };
    let sql = format!(
        "SELECT malware, identifier, min(time) AS first, max(time) AS last, count(*) AS n, max(source_country) AS country FROM (SELECT \
         case_place(type, source_ip, source_port, source_fqdn, source_url) AS place, malware, identifier, time, source_country FROM events \
         WHERE time >= timestamp '{since}' AND type = '{}'{address}) e JOIN wanted_place w ON w.place = e.place GROUP BY 1, 2",
        class.type_()
    );
    let mut span: Option<Span> = None;
    each(&questions, &sql, |row| {
        if !target.same_thing(row.text(0).as_deref(), row.text(1).as_deref()) {
            return;
        }
        let this = Span { first: row.time(2), last: row.time(3), events: row.number(4).unwrap_or(0).unsigned_abs(), country: row.text(5) };
        span = Some(match span.take() {
            None => this,
            Some(known) => Span {
                first: known.first.min(this.first),
                last: known.last.max(this.last),
                events: known.events + this.events,
                country: known.country.max(this.country),
            },
        });
    })
    .await?;
    Ok(span)
}

impl Register {
    /// Reports that came since then and named nothing at all: feed and time of receipt.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn empty_deliveries(&self, since: Timestamp) -> Result<Vec<(String, Timestamp)>, StoreError> {
        let rows = sqlx::query(
            "SELECT part.feed, received_at FROM part JOIN evidence ON evidence.id = part.evidence \
             WHERE row_count = 0 AND received_at >= $1 ORDER BY received_at",
        )
        .bind(since.as_microsecond())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, moment(row.try_get(1)?)))).collect()
    }
}

impl Questions {
    /// Gives the session a small table of texts to join with.
    fn lend(&self, name: &str, columns: &[(&str, BTreeSet<String>)]) -> Result<(), StoreError> {
        let fields: Vec<Field> = columns.iter().map(|(name, _)| Field::new(*name, DataType::Utf8, false)).collect();
        let schema = Arc::new(Schema::new(fields));
        let arrays = columns.iter().map(|(_, texts)| Arc::new(StringArray::from_iter_values(texts)) as _).collect();
        let rows = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
        self.session().register_table(name, Arc::new(MemTable::try_new(schema, vec![vec![rows]])?))?;
        Ok(())
    }
}

fn moment(at: i64) -> Timestamp {
    Timestamp::from_microsecond(at).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A row of an answer.
struct Answered<'b> {
    batch: &'b RecordBatch,
    row: usize,
}

impl Answered<'_> {
    fn text(&self, column: usize) -> Option<String> {
        let column = self.batch.column(column);
        if column.is_null(self.row) {
            return None;
        }
        match column.data_type() {
            DataType::Utf8View => Some(column.as_string_view().value(self.row).to_owned()),
            DataType::Utf8 => Some(column.as_string::<i32>().value(self.row).to_owned()),
            _ => {
                let one = cast(&column.slice(self.row, 1), &DataType::Utf8).ok()?;
                Some(one.as_string::<i32>().value(0).to_owned())
            }
        }
    }

    fn number(&self, column: usize) -> Option<i64> {
        let column = self.batch.column(column).as_primitive_opt::<Int64Type>()?;
        column.is_valid(self.row).then(|| column.value(self.row))
    }

    fn time(&self, column: usize) -> Timestamp {
        self.batch
            .column(column)
            .as_primitive_opt::<TimestampMicrosecondType>()
            .map_or(Timestamp::UNIX_EPOCH, |times| moment(times.value(self.row)))
    }
}

async fn each(questions: &Questions, sql: &str, mut take: impl FnMut(&Answered<'_>)) -> Result<(), StoreError> {
    let mut rows = questions.sql(sql).await?.execute_stream().await?;
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        (0..batch.num_rows()).for_each(|row| take(&Answered { batch: &batch, row }));
    }
    Ok(())
}
