//! `/api/v1/events`: events by the words of a filter, newest first, and one event by its identity.
//!
//! Our own people see all of them. An outside party sees what policy lets it know, as it may know it: the engine is asked behind the
//! [`store::door`], so that no filter, count or cursor tells of what it may not see.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Path;
use axum::http::HeaderMap;
use casework::model::agreement::{Channel, Purpose};
use casework::model::day::Day;
use casework::model::meaning::Meaning;
use casework::model::rights::Right;
use casework::share::Affected;
use jiff::Timestamp;
use serde_json::Value;
use store::columns::{COLUMNS, Kind};
use store::figures::Asked as Figured;
use store::filter::Filter;
use store::lookup::by_ip;
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema};

use super::answer::{Sent, Under, page};
use super::{Asked, Operation, filter, write_cursor};
use crate::api::Server;
use crate::api::standing::{Sight, Standing};
use crate::cli::lookup::objects;
use crate::console::asking::Asking;
use crate::console::visit::{Answer, Fault, Visit, Who};
use crate::glance::Back;

/// Events of one moment whose identity is hidden, at most.
const HIDDEN: usize = 100_000;
/// A question that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn operations() -> Vec<Operation> {
    let list = Operation::get("listEvents", "/api/v1/events", Right::AskApi, list, "Events, newest first")
        .text("value", "Address, network, domain, URL, hash or mail address at either end; defanged ones too")
        .text("network", "Source address or network")
        .text("asn", "Source AS number")
        .text("domain", "Source domain and everything below it")
        .text("class", "RSIT type or taxonomy")
        .text("taxonomy", "RSIT taxonomy")
        .text("country", "Source country, two letters")
        .text("feed", "Feed")
        .text("malware", "Malware family")
        .text("evidence", "Identity of the evidence")
        .time("since", "Seen at or after: a time, a date, or an age (7d, 12h)")
        .time("until", "Seen before")
        .text("fields", "Columns to give, separated by commas; all when left out")
        .paged()
        .header("If-None-Match", "The answer is 304 when this is still its ETag")
        .lists::<Event>();
    let one = Operation::get("getEvent", "/api/v1/events/{id}", Right::AskApi, one, "One event").gives::<Event>(200, "The event");
    vec![list.group("Events"), one.group("Events")]
}

/// How an event is described; it is told column by column.
#[derive(Debug)]
pub(super) struct Event;

impl utoipa::PartialSchema for Event {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let columns = COLUMNS.iter().filter(|column| column.name != "terms").fold(ObjectBuilder::new(), |object, column| {
            let schema = match column.kind {
                Kind::Time => text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))),
                Kind::Small | Kind::Large => ObjectBuilder::new().schema_type(Type::Integer),
                Kind::Id | Kind::Text if column.name == "extra" => {
                    ObjectBuilder::new().schema_type(utoipa::openapi::schema::SchemaType::AnyValue)
                }
                Kind::Id | Kind::Text => text(),
            };
            object.property(column.name, schema)
        });
        let terms = text().description(Some("The terms under which whoever asks holds it"));
        RefOr::T(Schema::Object(columns.property("terms", terms).build()))
    }
}

impl utoipa::ToSchema for Event {
    fn name() -> std::borrow::Cow<'static, str> {
        "Event".into()
    }
}

/// What somebody sees of events: everything, or what policy lets its party know.
#[derive(Debug)]
pub(crate) struct Eyes {
    pub(crate) standing: Arc<Standing>,
    /// None: our own.
    pub(crate) sight: Option<Sight>,
    party: casework::model::party::PartyId,
}

impl Eyes {
    /// Those of whoever asks.
    pub(crate) async fn of(
        server: &Server,
        who: &Who,
        purpose: Purpose,
        affected: Option<Affected>,
        now: Timestamp,
    ) -> Result<Self, Fault> {
        let standing = server.desk.standing(now).await?;
        let sight = who.role.is_partner().then(|| {
            // Rows are not looked at one by one: whoever answers for anything may be affected by any of them.
            let answers = standing.party(&who.party).is_some_and(|party| !party.constituency.is_empty());
            let affected = affected.unwrap_or(if answers { Affected::Perhaps } else { Affected::No });
            standing.sight(&who.party, affected, purpose, Channel::Portal, now)
        });
        Ok(Self { standing, sight, party: who.party.clone() })
    }

    /// Runs a question about events; a request that is dropped drops it too.
    pub(crate) async fn ask(&self, server: &Server, sql: &str) -> Result<Vec<Value>, Fault> {
        let asking = async {
            let questions = self.open(server, PATIENCE).await?;
            let batches = questions.sql(sql).await?.collect().await?;
            Ok::<_, Fault>(objects(&batches)?)
        };
        tokio::time::timeout(PATIENCE, asking).await.map_err(|_| Fault::TooMany(Duration::from_secs(10)))?
    }

    /// The newest events of a filter, as these eyes see them: some columns of at most `most`, all columns of the first `shown`.
    pub(crate) async fn look_up(
        &self,
        server: &Server,
        wanted: Filter,
        columns: &'static [&'static str],
        most: usize,
        shown: usize,
    ) -> Result<[Vec<Value>; 2], Fault> {
        let asking = async { Ok::<_, Fault>(self.open(server, PATIENCE).await?.look_up(wanted, columns, most, shown).await?) };
        tokio::time::timeout(PATIENCE, asking).await.map_err(|_| Fault::TooMany(Duration::from_secs(10)))?
    }

    /// A turn to ask, through these eyes.
    pub(crate) async fn open(&self, server: &Server, patience: Duration) -> Result<Asking, Fault> {
        match &self.sight {
            None => server.asking_by_machine(patience).await,
            Some(sight) => server.asking_by_machine_of(sight.door(), patience).await,
        }
    }

    /// The terms of these rows, as the party sees them.
    pub(crate) fn under<'s>(&'s self, rows: &[Value]) -> Under<'s> {
        let Some(sight) = &self.sight else { return Under::new() };
        rows.iter().filter_map(|row| row["terms"].as_i64()).filter_map(|id| sight.get(&id).map(|sight| (id, sight))).collect()
    }

    /// What these terms are to the party once it has what is under them.
    pub(super) fn held(&self, terms: &casework::model::terms::Terms) -> String {
        self.standing.given(terms, &self.party).to_string()
    }

    /// The number of terms becomes what whoever asks holds them under.
    pub(crate) fn tell_terms(&self, rows: &mut [Value]) {
        let mut known: BTreeMap<i64, String> = BTreeMap::new();
        for row in rows {
            let Some(id) = row["terms"].as_i64() else { continue };
            let text = known.entry(id).or_insert_with(|| match &self.sight {
                None => self.standing.terms(id).map_or_else(String::new, ToString::to_string),
                Some(_) => self.standing.given_under(id, &self.party),
            });
            row["terms"] = Value::String(text.clone());
        }
    }
}

/// `column, column` of a wish; terms, time and identity are read too, since paging and policy need them.
fn columns(wish: Option<&str>) -> Result<(String, Option<Vec<String>>), Fault> {
    let Some(wish) = wish else { return Ok(("*".to_owned(), None)) };
    let names: Vec<String> = wish.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    if let Some(unknown) = names.iter().find(|name| store::columns::position(name).is_none()) {
        return Err(Fault::Wrong(format!("parameter fields: there is no column {unknown:?}")));
    }
    let read =
        COLUMNS.iter().map(|column| column.name).filter(|name| ["id", "time", "terms"].contains(name) || names.iter().any(|n| n == name));
    Ok((read.collect::<Vec<_>>().join(", "), Some(names)))
}

async fn list(visit: Visit, headers: HeaderMap) -> Answer {
    let known = [&filter::WORDS[..], &["fields", "cursor", "limit"]].concat();
    let asked = Asked::of(&visit, &known)?;
    let mut conditions = filter::conditions(&asked)?;
    let (columns, wanted) = columns(asked.text("fields"))?;
    let limit = asked.limit()?;
    let plain = filter::plain(&asked)?;
    let (mut skip, mut before, mut place) = (0, None, None);
    if let Some([time, id, given]) = asked.cursor()? {
        let wrong = || Fault::Wrong("parameter cursor: not given by this server for this list".to_owned());
        let time: Timestamp = time.parse().map_err(|_| wrong())?;
        before = Some(time);
        let behind = match id.as_str() {
            // Events whose identity is hidden come last of their moment, and are told apart by how many were given.
            "" => {
                skip = given.parse::<usize>().ok().filter(|given| *given <= HIDDEN).ok_or_else(wrong)?;
                "id IS NULL".to_owned()
            }
            id if id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()) => {
                place = Some((time, id.to_owned()));
                format!("(id < '{id}' OR id IS NULL)")
            }
            _ => return Err(wrong()),
        };
        conditions.push(format!("time <= timestamp '{time}' AND (time < timestamp '{time}' OR {behind})"));
    }
    let skipped = skip;
    let who = visit.who()?;
    let eyes = Eyes::of(&visit.server, who, Purpose::Defend, None, visit.now).await?;
    // From the newest day back, in stretches: a page near the newest event costs what it shows.
    let figures = visit.server.figures().await?;
    let days = figures.by_day(&Figured::default(), None).filter(|_| figures.uncounted() == 0);
    let end = before.map_or(i32::MAX, |time| Day::of(time).number());
    let mut back = days.map(|days| Back::new(days.into_iter().filter(|(day, _)| *day <= end).collect()));
    // What is ours to see is read from the files; what a party may see the engine says, behind its door.
    let plain = plain.filter(|_| eyes.sight.is_none() && skip == 0);
    let read: Vec<&str> = match &wanted {
        None => COLUMNS.iter().map(|column| column.name).filter(|name| !["id", "time"].contains(name)).collect(),
        Some(names) => {
            let others = COLUMNS.iter().map(|column| column.name).filter(|name| !["id", "time", "terms"].contains(name));
            std::iter::once("terms").chain(others.filter(|name| names.iter().any(|wanted| wanted == name))).collect()
        }
    };
    if let (Some(back), Some(Filter { meaning: Some(Meaning::Address(ip)), .. })) = (&mut back, &plain) {
        let (home, segments, ip) = (visit.server.home.clone(), visit.server.register.segments().await?, *ip);
        let seen = tokio::task::spawn_blocking(move || by_ip(&home, &segments, ip, &[], 0)).await??.days;
        *back = Back::new(seen.into_iter().filter(|(day, _)| *day <= end).collect());
    }
    // What a party sees of a day is not what there is.
    let enough = (conditions.is_empty() && eyes.sight.is_none()).then_some(limit as u64 + 1);
    let mut rows = Vec::new();
    while rows.len() <= limit {
        let mut all = conditions.clone();
        let mut span = None;
        if let Some(back) = &mut back {
            let Some((first, last)) = back.next(enough) else { break };
            let (from, until) = (Day::from_number(first).start(), Day::from_number(last).next().start());
            span = Some(from..until);
            all.push(format!("time >= timestamp '{from}' AND time < timestamp '{until}'"));
        }
        let mut condition = if all.is_empty() { "true".to_owned() } else { all.join(" AND ") };
        let most = limit + 1 - rows.len();
        if let Some(plain) = &plain {
            let asking = visit.server.asking_by_machine(PATIENCE).await?;
            let found = asking.newest(plain, span, place.as_ref(), &read, most);
            rows.extend(tokio::time::timeout(PATIENCE, found).await.map_err(|_| Fault::TooMany(Duration::from_secs(10)))??);
            if back.is_none() {
                break;
            }
            continue;
        }
        // Where no other column decides, the moment at which the page ends is known from times alone; only what lies after it is read whole.
        if conditions.is_empty() {
            let end = format!("SELECT time FROM events WHERE {condition} ORDER BY time DESC LIMIT 1 OFFSET {}", most + skip - 1);
            if let Some(end) = eyes.ask(&visit.server, &end).await?.first().and_then(|row| row["time"].as_str()) {
                condition = format!("{condition} AND time >= timestamp '{end}'");
            }
        }
        let sql = format!("SELECT {columns} FROM events WHERE {condition} ORDER BY time DESC, id DESC, terms LIMIT {most} OFFSET {skip}");
        rows.extend(eyes.ask(&visit.server, &sql).await?);
        // Those that are skipped are of the moment at which the page begins.
        skip = 0;
        if back.is_none() {
            break;
        }
    }
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|last| cursor(&rows, last, skipped));
    let under = eyes.under(&rows);
    eyes.tell_terms(&mut rows);
    if let Some(wanted) = wanted {
        for row in &mut rows {
            if let Value::Object(row) = row {
                row.retain(|name, _| wanted.iter().any(|wanted| wanted == name));
            }
        }
    }
    page(&visit, &rows, next.as_deref())?.give(&visit, &headers, "events", Purpose::Defend, &under).await
}

/// Where the page after these rows begins.
fn cursor(rows: &[Value], last: &Value, skipped: usize) -> String {
    let hidden_then = |row: &&Value| row["time"] == last["time"] && row["id"].is_null();
    // Those that were skipped were of the first moment of this page.
    let before = if rows.first().is_some_and(|first| hidden_then(&first)) { skipped } else { 0 };
    let given = rows.iter().filter(hidden_then).count() + before;
    write_cursor(&[last["time"].as_str().unwrap_or_default(), last["id"].as_str().unwrap_or_default(), &given.to_string()])
}

async fn one(visit: Visit, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    Asked::of(&visit, &[])?;
    let id = id.to_ascii_lowercase();
    if id.len() != 32 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Fault::NotFound);
    }
    let eyes = Eyes::of(&visit.server, visit.who()?, Purpose::Defend, None, visit.now).await?;
    let mut rows = match eyes.sight {
        None => event(&visit, &id).await?.into_iter().collect(),
        Some(_) => eyes.ask(&visit.server, &format!("SELECT * FROM events WHERE id = '{id}' LIMIT 1")).await?,
    };
    let under = eyes.under(&rows);
    eyes.tell_terms(&mut rows);
    let row = rows.pop().ok_or(Fault::NotFound)?;
    Sent::json(&row)?.give(&visit, &headers, "event", Purpose::Defend, &under).await
}

/// The terms of an event as they are held; for our own.
pub(super) async fn terms_of(visit: &Visit, id: &str) -> Result<Option<i64>, Fault> {
    Ok(event(visit, id).await?.and_then(|event| event["terms"].as_i64()))
}

/// An event as our own people see it.
async fn event(visit: &Visit, id: &str) -> Result<Option<Value>, Fault> {
    let asking = visit.server.asking_by_machine(PATIENCE).await?;
    let found = asking.event(id, None);
    Ok(tokio::time::timeout(PATIENCE, found).await.map_err(|_| Fault::TooMany(Duration::from_secs(10)))??)
}
