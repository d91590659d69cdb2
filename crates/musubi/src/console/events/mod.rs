//! `/events`: what was seen, by any filter; the sums beside it, the SQL behind it, and the file of it.
//!
//! Counts come from the sums where these know the filter, else from the few rows that match; never from a walk along everything for a
//! number. Rows are asked for day by day from the newest back, so that a page costs what it shows.

mod export;
pub(crate) mod filter;
mod one;
mod sql;
mod views;

use casework::model::day::Day;
use casework::model::meaning::Meaning;
use casework::model::rights::Right;
use formats::rsit::Class;
use jiff::Timestamp;
use maud::{Markup, html};
use serde_json::Value;
use store::columns::{COLUMNS, position};
use store::figures::{By, Figures};
use store::filter::Filter;

use super::Route;
use super::asking::{Asking, LONGEST, NoAnswer};
use super::elements::empty;
use super::elements::query::Query;
use super::elements::table::{Column, ROWS, paging, table};
use super::moment;
use super::picture::histogram::{Histogram, Stretch, named, stretches};
use super::picture::{beside, map};
use super::visit::{Answer, Fault, Visit};
use super::words::grouped;
use crate::glance::Back;
use crate::lookup::objects;

pub(super) fn routes() -> Vec<Route> {
    [
        vec![Route::get("/events", Right::ReadEvents, list), Route::get("/events/{id}", Right::ReadEvents, one::page)],
        export::routes(),
        sql::routes(),
        views::routes(),
    ]
    .concat()
}

/// Columns that are shown when nobody has chosen.
const SHOWN: [&str; 7] = ["source_ip", "source_asn", "source_country", "type", "malware", "destination_ip", "feed"];
/// Rows that are counted one by one when the sums do not know a filter.
const COUNTED: usize = 20_000;
/// Events of the days asked for among which a page counts: more would cost more than it is worth, unless somebody asks.
const READ: u64 = 500_000;
/// How long such a count may take.
const COUNTING: std::time::Duration = std::time::Duration::from_secs(4);
/// Values of a facet that are shown.
const VALUES: usize = 8;

/// What is known of how many there are.
#[derive(Debug, Default)]
struct Counts {
    /// None: not known, or more than were counted.
    total: Option<u64>,
    days: Option<Vec<(i32, u64)>>,
    /// Facets by name, each with values, most first.
    facets: Vec<(&'static str, Vec<(String, u64)>)>,
    /// Counting took too long, or there were too many to count one by one.
    uncounted: bool,
}

/// The columns somebody wants to see, besides the time.
pub(super) fn columns(query: &Query, kept: Option<&str>) -> Vec<&'static str> {
    let chosen: Vec<&str> = query.all("column").collect();
    let chosen: Vec<&str> = match (chosen.is_empty(), kept) {
        (true, Some(kept)) => kept.split('.').collect(),
        _ => chosen,
    };
    let known: Vec<&'static str> =
        COLUMNS.iter().map(|column| column.name).filter(|name| *name != "id" && *name != "time" && chosen.contains(name)).collect();
    if known.is_empty() { SHOWN.to_vec() } else { known }
}

/// The SQL of a page of rows.
fn question(condition: &str, columns: &[&str], most: Option<usize>) -> String {
    let columns: Vec<String> = ["id", "time"].iter().chain(columns).map(|name| format!("\"{name}\"")).collect();
    let limit = most.map_or(String::new(), |most| format!(" LIMIT {most}"));
    format!("SELECT {} FROM events WHERE {condition} ORDER BY time DESC, id DESC{limit}", columns.join(", "))
}

async fn list(visit: Visit, headers: axum::http::HeaderMap) -> Answer {
    let query = Query::of(&visit.uri);
    let wanted = match filter::read(&query) {
        Ok(wanted) => wanted,
        Err(name) => {
            return Err(Fault::Wrong(visit.say_with(
                "events-unreadable",
                &[("name", name.into()), ("value", query.one(name).unwrap_or_default().to_owned().into())],
            )));
        }
    };
    let kept = crate::sign_in::session::plain_cookie(&headers, "columns");
    let columns = columns(&query, kept.as_deref());
    let cursor = query.one("after").and_then(read_cursor);
    let figures = visit.server.figures().await?;
    let asking = visit.server.asking().await?;
    let counted = query.one("count").is_some();
    let further = cursor.as_ref().is_some_and(|(_, id)| id == BEHIND_A_GLANCE);
    let address = address(&visit, &wanted, cursor.is_none()).await?;
    let (rows, counts) = tokio::join!(
        rows(&asking, &figures, &wanted, address.as_ref(), &columns, cursor),
        counts(&asking, &figures, &wanted, address.as_ref(), counted),
    );
    let counts = counts?;
    drop(asking);
    let views = views::of(&visit).await?;
    let body = html! {
        (views::shown(&visit, &views, &query))
        (form(&visit, &query, &wanted))
        (chips(&visit, &query))
        (sums(&visit, &query, &counts))
        div.events {
            div.facets { (facets(&visit, &query, &counts)) }
            div.rows {
                @match &rows {
                    Ok(Rows { rows, next, glanced }) => {
                        @if !rows.is_empty() { (shown(&visit, &query, &columns, rows)) }
                        @else if glanced.is_none() { (nothing(&visit, &query, &figures)) }
                        @if let Some(day) = glanced {
                            p.glance {
                                (visit.say_with("events-glanced", &[("day", Day::from_number(*day).to_string().into())])) " "
                                a.button data-further[further && rows.is_empty()] href=(query.with("after", next.as_deref()).link("/events")) { (visit.say("events-further")) }
                            }
                        }
                        (paging(&visit, next.as_deref()))
                    }
                    Err(NoAnswer::Late) => (empty(&visit.say("events-late"), None)),
                    Err(NoAnswer::Wrong(why)) => (empty(why, None)),
                }
                (export::ways(&visit, &query))
                (choose(&visit, &query, &columns))
                details.sql {
                    summary { (visit.say("events-sql")) }
                    @let asked = question(&wanted.condition(), &columns, Some(ROWS));
                    pre { (asked) }
                    p { a href=(filter::address("/events/sql", &[("sql", &asked)])) { (visit.say("events-sql-open")) } }
                }
            }
        }
    };
    let mut response = visit.page(&visit.say("nav-events"), &body);
    if query.all("column").next().is_some()
        && let Ok(cookie) = axum::http::HeaderValue::from_str(&format!(
            "columns={}; Path=/events; Max-Age=31536000; SameSite=Lax; HttpOnly",
            columns.join(".")
        ))
    {
        response.headers_mut().append(axum::http::header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The id in a cursor that does not stand behind a row, but behind a day to which a glance came.
const BEHIND_A_GLANCE: &str = "ffffffffffffffffffffffffffffffff";

/// A place in the order of rows: the time and id of the last one shown.
fn read_cursor(text: &str) -> Option<(Timestamp, String)> {
    let (time, id) = text.split_once('.')?;
    let time = Timestamp::from_microsecond(time.parse().ok()?).ok()?;
    (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| (time, id.to_owned()))
}

/// What the look-up knows of an address without reading the rest, where one is asked for.
struct Address {
    days: Vec<(i32, u64)>,
    /// Exactly the events that are asked for: nothing else is a condition.
    alone: bool,
    facets: Vec<(&'static str, Vec<(String, u64)>)>,
    /// One more than a page, when the first page is asked for.
    newest: Option<Vec<Value>>,
}

async fn address(visit: &Visit, wanted: &Filter, first_page: bool) -> Result<Option<Address>, Fault> {
    const COLUMNS: [&str; 5] = ["type", "source_country", "feed", "malware", "destination_country"];
    let Some(Meaning::Address(ip)) = wanted.meaning else { return Ok(None) };
    let alone = *wanted == Filter { meaning: wanted.meaning.clone(), ..Filter::default() };
    let most = if alone && first_page { ROWS + 1 } else { 0 };
    let (home, segments) = (visit.server.home.clone(), visit.server.register.segments().await?);
    let seen = tokio::task::spawn_blocking(move || store::lookup::by_ip(&home, &segments, ip, &COLUMNS, most)).await??;
    let facets = FACETS.iter().zip(seen.counts).map(|((name, _), counts)| {
        let said: u64 = counts.values().sum();
        let named = counts.into_iter().map(|(value, count)| match Class::of(&value).filter(|_| *name == "class") {
            Some(class) => (format!("{}/{}", class.taxonomy(), class.type_()), count),
            None => (value, count),
        });
        let mut values: Vec<(String, u64)> = named.chain((seen.events > said).then(|| (String::new(), seen.events - said))).collect();
        values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        (*name, values)
    });
    let facets = facets.collect();
    let from = wanted.from.map_or(i32::MIN, |from| Day::of(from).number());
    let last = |until: Timestamp| until.checked_sub(jiff::SignedDuration::from_micros(1)).unwrap_or(until);
    let through = wanted.until.map_or(i32::MAX, |until| Day::of(last(until)).number());
    let days = seen.days.into_iter().filter(|(day, _)| (from..=through).contains(day)).collect();
    let newest = if most > 0 { Some(objects(&seen.newest)?) } else { None };
    Ok(Some(Address { days, alone, facets, newest }))
}

/// Rows of a page.
struct Rows {
    rows: Vec<Value>,
    /// Where the next page begins.
    next: Option<String>,
    /// The day back to which was looked, when more lies behind it.
    glanced: Option<i32>,
}

impl Rows {
    fn of(mut rows: Vec<Value>, glanced: Option<i32>) -> Self {
        let next = match (rows.len() > ROWS, glanced) {
            (true, _) => {
                rows.truncate(ROWS);
                rows.last().and_then(|row| Some(format!("{}.{}", time_of(row)?.as_microsecond(), row["id"].as_str()?)))
            }
            // The page after it begins with the last moment of the day before.
            (false, Some(day)) => Some(format!("{}.{}", Day::from_number(day).start().as_microsecond() - 1, BEHIND_A_GLANCE)),
            (false, None) => None,
        };
        let glanced = glanced.filter(|_| rows.len() < ROWS);
        Self { rows, next, glanced }
    }
}

/// A page of rows from the newest back, and the cursor of the next. Days are asked in stretches: as few as are sure to hold a page where
/// the sums know, else more and more; a glance ends after many events, later for whoever comes from one.
async fn rows(
    asking: &Asking,
    figures: &Figures,
    wanted: &Filter,
    address: Option<&Address>,
    columns: &[&str],
    cursor: Option<(Timestamp, String)>,
) -> Result<Rows, NoAnswer> {
    if let Some(newest) = address.and_then(|address| address.newest.as_ref()) {
        return Ok(Rows::of(newest.clone(), None));
    }
    let known = wanted.asked().and_then(|asked| figures.by_day(&asked, None)).filter(|_| figures.uncounted() == 0);
    let enough = known.is_some().then_some(ROWS as u64 + 1);
    let days = match (known, address) {
        (Some(days), _) => days,
        (None, Some(address)) => address.days.clone(),
        (None, None) => {
            let day = |at: Option<Timestamp>| at.map(|at| Day::of(at).number());
            let asked = store::figures::Asked {
                from: day(wanted.from),
                until: day(wanted.until).map(|day| day.saturating_add(1)),
                ..Default::default()
            };
            figures.by_day(&asked, None).unwrap_or_default()
        }
    };
    let end = cursor.as_ref().map_or(i32::MAX, |(time, _)| Day::of(*time).number());
    let days = days.into_iter().filter(|(day, _)| *day <= end).collect();
    let mut back = match &cursor {
        Some((_, id)) if id == BEHIND_A_GLANCE => Back::further(days),
        _ => Back::new(days),
    };
    let judged = store::newest::judges(wanted);
    let started = std::time::Instant::now();
    let mut found = Vec::new();
    // Events that were not counted yet lie on any day.
    let uncounted = figures.uncounted() > 0;
    while found.len() <= ROWS {
        let mut condition = wanted.condition();
        let mut span = None;
        if !uncounted {
            let Some((first, last)) = back.next(enough) else { break };
            let (from, until) = (Day::from_number(first).start(), Day::from_number(last).next().start());
            condition = format!("time >= timestamp '{from}' AND time < timestamp '{until}' AND {condition}");
            span = Some(from..until);
        }
        let most = ROWS + 1 - found.len();
        if judged {
            let newest = asking.newest(wanted, span, cursor.as_ref(), columns, most).await;
            found.extend(newest.map_err(|error| NoAnswer::Wrong(format!("{error:#}")))?);
            if uncounted || back.glanced().is_some() {
                break;
            }
            continue;
        }
        if let Some((time, id)) = &cursor {
            condition = format!("time <= timestamp '{time}' AND (time < timestamp '{time}' OR id < '{id}') AND {condition}");
        }
        let left = LONGEST.saturating_sub(started.elapsed());
        let told = asking.rows(&question(&condition, columns, Some(most)), most, left).await?;
        found.extend(told.objects().map_err(|_| NoAnswer::Wrong(String::from("rows cannot be shown")))?);
        if uncounted || back.glanced().is_some() {
            break;
        }
    }
    Ok(Rows::of(found, back.glanced()))
}

/// The time of a row.
pub(super) fn time_of(row: &Value) -> Option<Timestamp> {
    row["time"].as_str()?.parse().ok()
}

const FACETS: [(&str, By); 5] =
    [("class", By::Class), ("country", By::Country), ("feed", By::Feed), ("malware", By::Malware), ("victim", By::Victim)];

/// How many there are, by what. What no sum knows is counted where that is little to read, or somebody wants it `counted` all the same.
async fn counts(asking: &Asking, figures: &Figures, wanted: &Filter, address: Option<&Address>, counted: bool) -> Result<Counts, Fault> {
    let mut counts = Counts::default();
    if let Some(address) = address.filter(|address| address.alone) {
        counts.total = Some(address.days.iter().map(|(_, count)| count).sum());
        counts.days = Some(address.days.clone());
        counts.facets.clone_from(&address.facets);
        return Ok(counts);
    }
    let known = wanted.asked().filter(|_| figures.uncounted() == 0);
    if let Some(asked) = known {
        counts.total = figures.count(&asked, None);
        counts.days = figures.by_day(&asked, None);
        for (name, by) in FACETS {
            if let Some(values) = figures.by(by, &asked, None) {
                counts.facets.push((name, values.into_iter().map(|(value, count)| (value.to_string(), count)).collect()));
            }
        }
    }
    if let Some(address) = address
        && wanted.is_meaning_alone()
    {
        counts.total = Some(address.days.iter().map(|(_, count)| count).sum());
        counts.days = Some(address.days.clone());
    }
    // What the sums do not join is counted row by row where that is little.
    if counts.total.is_some_and(|total| total > COUNTED as u64) {
        return Ok(counts);
    }
    if address.is_none()
        && let Some((first, last)) = counts.days.as_ref().and_then(|days| Some((days.first()?.0, days.last()?.0)))
    {
        let all = store::figures::Asked { from: Some(first), until: Some(last + 1), ..Default::default() };
        if figures.count(&all, None).is_none_or(|all| all > READ) {
            return Ok(counts);
        }
    }
    if counts.days.is_none() && address.is_none() && !counted {
        let day = |at: Option<Timestamp>| at.map(|at| Day::of(at).number());
        let span = store::figures::Asked {
            from: day(wanted.from),
            until: day(wanted.until).map(|day| day.saturating_add(1)),
            ..Default::default()
        };
        if figures.count(&span, None).is_some_and(|all| all > READ) {
            counts.uncounted = true;
            return Ok(counts);
        }
    }
    let mut condition = wanted.condition();
    if let Some(days) = address.map(|address| &address.days) {
        let (Some((first, _)), Some((last, _))) = (days.first(), days.last()) else { return Ok(counts) };
        let (from, until) = (Day::from_number(*first).start(), Day::from_number(*last).next().start());
        condition = format!("time >= timestamp '{from}' AND time < timestamp '{until}' AND {condition}");
    } else if let Some(days) = &counts.days {
        let (Some((first, _)), Some((last, _))) = (days.first(), days.last()) else { return Ok(counts) };
        let (from, until) = (Day::from_number(*first).start(), Day::from_number(*last).next().start());
        condition = format!("time >= timestamp '{from}' AND time < timestamp '{until}' AND {condition}");
    }
    let sql = format!(
        "SELECT date_trunc('day', time) AS time, taxonomy || '/' || type AS class, source_country AS country, destination_country AS victim, \
         feed, malware, CAST(source_asn AS VARCHAR) AS asn, count(*) AS n FROM (SELECT * FROM events WHERE {condition} LIMIT {}) \
         GROUP BY 1, 2, 3, 4, 5, 6, 7",
        COUNTED + 1
    );
    let told = match asking.rows(&sql, COUNTED + 1, COUNTING).await {
        Ok(told) => told.objects()?,
        Err(NoAnswer::Late) => {
            counts.uncounted = counts.total.is_none();
            return Ok(counts);
        }
        Err(NoAnswer::Wrong(why)) => return Err(anyhow::anyhow!("counting: {why}").into()),
    };
    let total: u64 = told.iter().filter_map(|row| row["n"].as_u64()).sum();
    if total > COUNTED as u64 {
        counts.uncounted = counts.total.is_none();
        return Ok(counts);
    }
    counts.total = Some(total);
    let mut days = std::collections::BTreeMap::<i32, u64>::new();
    for row in &told {
        if let Some(time) = time_of(row) {
            *days.entry(Day::of(time).number()).or_default() += row["n"].as_u64().unwrap_or(0);
        }
    }
    counts.days = Some(days.into_iter().collect());
    counts.facets = ["class", "country", "feed", "malware", "victim", "asn"]
        .map(|name| {
            let mut values = std::collections::BTreeMap::<&str, u64>::new();
            for row in &told {
                *values.entry(row[name].as_str().unwrap_or_default()).or_default() += row["n"].as_u64().unwrap_or(0);
            }
            let mut values: Vec<(String, u64)> = values.into_iter().map(|(value, count)| (value.to_owned(), count)).collect();
            values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            (name, values)
        })
        .to_vec();
    Ok(counts)
}

/// The box, and how it was read.
fn form(visit: &Visit, query: &Query, wanted: &Filter) -> Markup {
    html! {
        form.filter.asked method="get" action="/events" {
            label.unseen for="q" { (visit.say("events-q")) }
            input #q name="q" value=(query.one("q").unwrap_or_default()) placeholder=(visit.say("events-q")) autocomplete="off" spellcheck="false" autocapitalize="none";
            span.pair {
                label for="from" { (visit.say("events-from")) }
                input #from name="from" type="date" value=(query.one("from").and_then(|text| text.get(..10)).unwrap_or_default());
            }
            span.pair {
                label for="to" { (visit.say("events-to")) }
                input #to name="to" type="date" value=(query.one("to").and_then(|text| text.get(..10)).unwrap_or_default());
            }
            @for name in filter::NAMES.iter().filter(|name| !["q", "from", "to"].contains(name)) {
                @if let Some(value) = query.one(name) { input type="hidden" name=(name) value=(value); }
            }
            button.first type="submit" { (visit.say("events-find")) }
        }
        @if let Some(meaning) = &wanted.meaning {
            p.read-as {
                (visit.say("events-read-as")) " " strong { (kind(visit, meaning.kind())) } ": " code { (meaning.text()) }
                @if !matches!(meaning, Meaning::Words(_)) {
                    " · " a href=(lookup_link(&meaning.text())) { (visit.say("events-look-up")) }
                    " · " a href=(query.with("q", Some(&format!("\"{}\"", meaning.text()))).with("after", None).link("/events")) { (visit.say("events-as-words")) }
                }
            }
        }
    }
}

/// What a value is, in words.
pub(super) fn kind(visit: &Visit, kind: &str) -> String {
    match kind {
        "address" => visit.say("events-kind-address"),
        "network" => visit.say("events-kind-network"),
        "asn" => visit.say("events-kind-asn"),
        "url" => visit.say("events-kind-url"),
        "mail" => visit.say("events-kind-mail"),
        "domain" => visit.say("events-kind-domain"),
        "words" => visit.say("events-kind-words"),
        _ => visit.say("events-kind-hash"),
    }
}

pub(super) fn lookup_link(value: &str) -> String {
    filter::address("/lookup", &[("value", value)])
}

/// Conditions that hold, each with a way out.
fn chips(visit: &Visit, query: &Query) -> Markup {
    let set: Vec<(&str, &str)> = filter::NAMES.iter().filter_map(|name| Some((*name, query.one(name)?))).collect();
    html! {
        @if !set.is_empty() {
            p.chips {
                @for (name, value) in &set {
                    a.chip href=(query.with(name, None).with("after", None).link("/events")) title=(visit.say("events-without")) {
                        (facet_name(visit, name)) ": " b { (shown_value(visit, name, value)) } " ×"
                    }
                }
                @if set.len() > 1 { a href="/events" { (visit.say("table-clear")) } }
            }
        }
    }
}

/// What a condition is called.
pub(super) fn facet_name(visit: &Visit, name: &str) -> String {
    match name {
        "class" => visit.say("events-class"),
        "country" => visit.say("events-country"),
        "victim" => visit.say("events-victim"),
        "feed" => visit.say("events-feed"),
        "malware" => visit.say("events-malware"),
        "asn" => visit.say("events-asn"),
        "from" => visit.say("events-from"),
        "to" => visit.say("events-to"),
        "evidence" => visit.say("events-evidence"),
        _ => visit.say("events-asked"),
    }
}

/// A value as people read it.
pub(super) fn shown_value(visit: &Visit, name: &str, value: &str) -> String {
    match (name, value) {
        (_, "" | filter::NOTHING) => visit.say("events-nothing-said"),
        ("country" | "victim", code) => map::name(code, visit.language()).to_owned(),
        ("asn", number) => format!("AS{}", number.trim_start_matches(|c: char| c.is_ascii_alphabetic())),
        ("class", class) => class.split_once('/').map_or(class, |(_, kind)| kind).to_owned(),
        (_, value) => value.to_owned(),
    }
}

/// How many, and when.
fn sums(visit: &Visit, query: &Query, counts: &Counts) -> Markup {
    let span = counts.days.as_ref().and_then(|days| Some((days.first()?.0, days.last()?.0)));
    let stretches = stretches(counts.days.as_deref().unwrap_or_default(), span);
    let link = |stretch: &Stretch| filter::days(query, stretch.first, stretch.last).link("/events");
    html! {
        p.total {
            @match counts.total {
                Some(total) => { strong data-total=(total) { (grouped(total)) } " " (visit.say_with("events-total", &[("count", (total as f64).into())])) }
                None if counts.uncounted => {
                    (visit.say("events-uncounted")) " "
                    @if query.one("count").is_none() { a href=(query.with("count", Some("1")).link("/events")) { (visit.say("events-count-far")) } }
                }
                None => "",
            }
        }
        @if !stretches.is_empty() {
            (Histogram { id: "histogram", title: &visit.say("events-histogram"), description: &visit.say("events-histogram-why"), stretches: &stretches, link: &link }.draw())
            details {
                summary { (visit.say("picture-table")) }
                (table(
                    &visit.say("events-histogram"),
                    &[Column::text(visit.say("events-days")), Column::number(visit.say("nav-events"))],
                    &stretches.iter().filter(|stretch| stretch.count > 0).map(|stretch| vec![html! { a href=(link(stretch)) data-count=(stretch.count) { (named(stretch)) } }, html! { (grouped(stretch.count)) }]).collect::<Vec<_>>(),
                ))
            }
        }
    }
}

fn facets(visit: &Visit, query: &Query, counts: &Counts) -> Markup {
    html! {
        @for (name, values) in &counts.facets {
            @if values.iter().any(|(value, _)| !value.is_empty()) {
                section.facet {
                    h2 { (facet_name(visit, name)) }
                    @let largest = values.iter().map(|(_, count)| *count).max().unwrap_or(0);
                    ul {
                        @for (value, count) in values.iter().take(VALUES) {
                            li {
                                a href=(query.with(name, Some(if value.is_empty() { filter::NOTHING } else { value })).with("after", None).link("/events")) data-count=(count) {
                                    span.called title=(value) { (shown_value(visit, name, value)) }
                                    (beside(*count, largest))
                                }
                            }
                        }
                        @if values.len() > VALUES { li.quiet { (visit.say_with("events-more-values", &[("number", grouped((values.len() - VALUES) as u64).into())])) } }
                    }
                }
            }
        }
    }
}

/// The rows, grouped by day so that each needs to say its time only.
fn shown(visit: &Visit, query: &Query, columns: &[&'static str], rows: &[Value]) -> Markup {
    let heads: Vec<Column> = std::iter::once(Column::text(visit.say("events-time")))
        .chain(columns.iter().map(|name| if is_number(name) { Column::number(*name) } else { Column::text(*name) }))
        .collect();
    let rows: Vec<Vec<Markup>> = rows
        .iter()
        .map(|row| {
            let id = row["id"].as_str().unwrap_or_default();
            let at = time_of(row);
            let time = html! {
                @if let Some(at) = at { a href={ "/events/" (id) "?at=" (at.as_microsecond()) } { (moment::moment(at, &visit.zone)) } }
            };
            std::iter::once(time).chain(columns.iter().map(|name| cell(visit, query, name, &row[*name]))).collect()
        })
        .collect();
    table(&visit.say("nav-events"), &heads, &rows)
}

fn is_number(name: &str) -> bool {
    position(name).is_some_and(|at| matches!(COLUMNS[at].kind, store::columns::Kind::Small | store::columns::Kind::Large))
}

/// A value of an event; where it can narrow the filter or be looked up, a link.
fn cell(visit: &Visit, query: &Query, name: &str, value: &Value) -> Markup {
    let text = match value {
        Value::Null => return html! {},
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let narrow = |name: &str| query.with(name, Some(&text)).with("after", None).link("/events");
    let short = |text: &str| -> String {
        if text.chars().count() > 120 { text.chars().take(119).chain(['…']).collect() } else { text.to_owned() }
    };
    match name {
        "source_ip" | "destination_ip" | "source_fqdn" | "destination_fqdn" | "source_network" | "destination_network" => {
            html! { a.mono href=(lookup_link(&text)) { (short(&text)) } }
        }
        "source_country" => html! { a href=(narrow("country")) title=(map::name(&text, visit.language())) { (text) } },
        "destination_country" => html! { a href=(narrow("victim")) title=(map::name(&text, visit.language())) { (text) } },
        "source_asn" => html! { a href=(narrow("asn")) { (text) } },
        "type" | "taxonomy" => html! { a href=(narrow("class")) { (text) } },
        "malware" => html! { a href=(narrow("malware")) { (text) } },
        "feed" => html! { a href=(narrow("feed")) { (text) } },
        "evidence" => html! { a.mono href={ "/evidence/" (text) } { (text.get(..12).unwrap_or(&text)) } },
        // Addresses of others are told, never led to.
        "source_url" | "destination_url" => html! { span.mono { (short(&text)) } },
        _ => html! { (short(&text)) },
    }
}

/// Why there is nothing, and what to do.
fn nothing(visit: &Visit, query: &Query, figures: &Figures) -> Markup {
    if figures.span().is_none() && figures.uncounted() == 0 {
        return empty(&visit.say("events-none-at-all"), Some(("/evidence", &visit.say("nav-evidence"))));
    }
    if query.one("after").is_some() {
        return empty(&visit.say("events-no-more"), Some((&query.with("after", None).link("/events"), &visit.say("table-first"))));
    }
    empty(&visit.say("events-none"), Some(("/events", &visit.say("table-clear"))))
}

/// Which columns are shown.
fn choose(visit: &Visit, query: &Query, columns: &[&str]) -> Markup {
    html! {
        details.choose {
            summary { (visit.say("events-columns")) }
            form method="get" action="/events" {
                @for (name, value) in query.pairs().filter(|(name, value)| *name != "column" && *name != "after" && !value.is_empty()) {
                    input type="hidden" name=(name) value=(value);
                }
                div.ticks {
                    @for column in COLUMNS.iter().filter(|column| column.name != "id" && column.name != "time") {
                        label { input type="checkbox" name="column" value=(column.name) checked[columns.contains(&column.name)]; " " (column.name) }
                    }
                }
                button type="submit" { (visit.say("events-columns-do")) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        Query::of(&format!("/events?{text}").parse().unwrap())
    }

    #[test]
    fn columns_are_those_chosen_then_those_remembered_then_ours() {
        assert_eq!(columns(&query("column=feed&column=source_ip&column=nonsense&column=id"), Some("type")), ["feed", "source_ip"]);
        assert_eq!(columns(&query(""), Some("type.nothing.feed")), ["feed", "type"]);
        assert_eq!(columns(&query(""), Some("\"; DROP")), SHOWN);
        assert_eq!(columns(&query(""), None), SHOWN);
    }

    #[test]
    fn cursors_of_others_are_no_sql() {
        assert!(read_cursor(&format!("1774249262000000.{}", "a".repeat(32))).is_some());
        for text in ["", "1", "x.y", "1774249262000000.' OR true --", "1.zz"] {
            assert!(read_cursor(text).is_none(), "{text}");
        }
    }
}
