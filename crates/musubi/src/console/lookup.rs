//! `/lookup`: one value, all that is known: when it was seen and as what, the indicator, cases and takedowns, who answers for it, which
//! lists warn of it, who was told.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use casework::act::finding::{Finding, Text};
use casework::enrich::responsible::{Directory, Quality, Reason, asked};
use casework::indicate::warning::Warnings;
use casework::model::day::Day;
use casework::model::event::Country;
use casework::model::meaning::Meaning;
use casework::model::observable::Observable;
use casework::model::party::PartyId;
use casework::model::rights::Right;
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::Route;
use super::elements::query::Query;
use super::elements::table::{Column, table};
use super::elements::{Tone, badge, empty, facts};
use super::events::{filter, kind, time_of};
use super::picture::beside;
use super::picture::histogram::{Histogram, named, stretches};
use super::visit::{Answer, Fault, Visit};
use super::words::grouped;
use crate::lookup::{Eyes, PAGE_EVENTS, about};
use crate::receive::lists;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/lookup", Right::ReadEvents, page)]
}

/// Newest events that are shown.
const NEWEST: usize = 20;
/// How long it may take.
const LONGEST: Duration = Duration::from_secs(15);

async fn page(visit: Visit) -> Answer {
    let query = Query::of(&visit.uri);
    let text = query.one("value").unwrap_or_default();
    let value = Meaning::value(text).filter(|value| !matches!(value, Meaning::Asn(_)) && text.len() <= 2048);
    let before = query.one("before").and_then(|day| format!("{day}T00:00:00Z").parse().ok()).map(Day::of);
    let found = match &value {
        Some(value) => Some(found(&visit, value, before).await?),
        None => None,
    };
    let body = html! {
        form.filter method="get" action="/lookup" {
            label for="value" { (visit.say("lookup-value")) }
            input.long #value name="value" value=(text) autocomplete="off" spellcheck="false" autocapitalize="none";
            button.first type="submit" { (visit.say("lookup-do")) }
        }
        @match (&value, found) {
            (Some(value), Some(found)) => {
                p.read-as { (visit.say("events-read-as")) " " strong { (kind(&visit, value.kind())) } ": " code { (value.text()) } }
                (found)
            }
            _ if text.is_empty() => p.lead { (visit.say("lookup-lead")) },
            _ => (empty(&visit.say("lookup-no-value"), Some((&filter::link(&[("q", text)]), &visit.say("lookup-as-words"))))),
        }
    };
    let title = match &value {
        Some(value) => value.text().chars().take(80).collect(),
        None => visit.say("nav-lookup"),
    };
    Ok(visit.page(&title, &body))
}

async fn found(visit: &Visit, value: &Meaning, before: Option<Day>) -> Result<Markup, Fault> {
    let server = &visit.server;
    let figures = server.figures().await?;
    // Before all are counted, no day is known to be empty.
    let days = figures.by_day(&store::figures::Asked::default(), None).filter(|_| figures.uncounted() == 0);
    let asking = if matches!(value, Meaning::Address(_)) { None } else { Some(server.asking().await?) };
    let eyes = Eyes::Page { days: days.as_deref(), before, asking: asking.as_ref() };
    let known = tokio::time::timeout(LONGEST, about(&server.home, Some(&server.register), eyes, value, NEWEST)).await;
    drop(asking);
    let (about, newest) = match known {
        Ok(known) => known?,
        Err(_) => return Ok(empty(&visit.say("events-late"), Some((&filter::link(&[("q", &value.text())]), &visit.say("nav-events"))))),
    };
    let text = value.text();
    let indicators = server.register.indicators_of(&text).await?;
    let (cases, takedowns) = server.register.matters_of(&text, 10).await?;
    let warnings = warned(visit, &text).await?;
    let who = responsible(visit, &text, &about).await?;
    let told = was_told(visit, &text, &who).await?;
    let count = about.get("events").and_then(Value::as_u64).unwrap_or(0);
    // Where all days are read at once, none lies before them.
    let before = before.filter(|_| about.contains_key("since") && days.is_some());
    let goes_on = before.is_some() && count == 0;
    let since = about.get("since").and_then(Value::as_str);
    let rows_of_all = rows_link(&text, since, before, days.as_deref().unwrap_or_default());
    Ok(html! {
        @if let Some(day) = before {
            p.glance {
                (visit.say_with("lookup-before", &[("day", day.to_string().into())])) " "
                a href=(super::events::lookup_link(&text)) { (visit.say("lookup-latest")) }
            }
        }
        (sightings(visit, &text, &about, count, &rows_of_all))
        @if let Some(day) = since {
            p.glance {
                (visit.say_with("lookup-glanced", &[("day", day.to_owned().into())])) " "
                a.button data-further[goes_on] href=(filter::address("/lookup", &[("value", &text), ("before", day)])) { (visit.say("lookup-further")) }
            }
        }
        div.cards {
            section.card { h2 { (visit.say("lookup-indicators")) }
                @if indicators.is_empty() { p.quiet { (visit.say("lookup-no-indicator")) } }
                ul.plain { @for known in &indicators {
                    li { a href={ "/indicators/" (known.indicator.id()) } { (known.indicator.what()) } }
                } }
            }
            section.card { h2 { (visit.say("nav-cases")) }
                @if cases.is_empty() { p.quiet { (visit.say("lookup-no-case")) } }
                ul.plain { @for case in &cases { li { a href={ "/cases/" (case.id) } { (case.id) } " " (case.title) } } }
            }
            section.card { h2 { (visit.say("nav-takedowns")) }
                @if takedowns.is_empty() { p.quiet { (visit.say("lookup-no-takedown")) } }
                ul.plain { @for takedown in &takedowns { li { a href={ "/takedowns/" (takedown.id) } { (takedown.id) } " " (takedown.title) @if let Some(party) = &takedown.whose { " → " (party) } } } }
            }
            section.card { h2 { (visit.say("lookup-responsible")) } (responsible_shown(visit, &who)) }
            section.card { h2 { (visit.say("lookup-warnings")) }
                @if warnings.is_empty() { p.quiet { (visit.say("lookup-no-warning")) } }
                ul.plain { @for warning in &warnings { li { (warning) } } }
            }
            section.card #told { h2 { (visit.say("lookup-told")) } (told) }
        }
        h2 { (visit.say("lookup-newest")) }
        @if newest.is_empty() { (empty(&visit.say("lookup-no-events"), None)) }
        @else { (rows(visit, &newest)) p { a href=(filter::link(&[("q", &text)])) { (visit.say("lookup-all-events")) } } }
    })
}

/// Where the events stand that were counted: of all days, or of those between the day back to which was looked and the one before which.
fn rows_link(text: &str, since: Option<&str>, before: Option<Day>, days: &[(i32, u64)]) -> String {
    let query = Query::default().with("q", Some(text));
    let (Some((first, _)), Some((last, _))) = (days.first(), days.last()) else { return query.link("/events") };
    if since.is_none() && before.is_none() {
        return query.link("/events");
    }
    let since = since.and_then(|day| format!("{day}T00:00:00Z").parse().ok()).map(|start| Day::of(start).number());
    filter::days(&query, since.unwrap_or(*first), before.map_or(*last, |before| before.number() - 1)).link("/events")
}

/// How often, when, as what; `rows` is where they are shown.
fn sightings(visit: &Visit, text: &str, about: &Map<String, Value>, count: u64, rows: &str) -> Markup {
    let days: Vec<(i32, u64)> = about
        .get("days")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(day, count)| {
            let start: jiff::Timestamp = format!("{day}T00:00:00Z").parse().ok()?;
            Some((Day::of(start).number(), count.as_u64()?))
        })
        .collect();
    let stretches = stretches(&days, None);
    let link = |stretch: &super::picture::histogram::Stretch| {
        filter::days(&Query::default().with("q", Some(text)), stretch.first, stretch.last).link("/events")
    };
    let time = |name: &str| about.get(name).and_then(Value::as_str).and_then(|text| text.parse::<jiff::Timestamp>().ok());
    // Of what is named too often only the newest are read: then no number is the whole.
    let more = !matches!(Meaning::value(text), Some(Meaning::Address(_))) && count >= PAGE_EVENTS as u64;
    let mut pairs = vec![(
        visit.say("lookup-events"),
        html! {
            a href=(rows) data-count=[(!more).then_some(count)] { (grouped(count)) }
            @if more { " " span.quiet { (visit.say("lookup-more")) } }
        },
    )];
    for (name, word) in [("first_seen", visit.say("lookup-first")), ("last_seen", visit.say("lookup-last"))] {
        if let Some(at) = time(name) {
            pairs.push((word, super::moment::moment(at, &visit.zone)));
        }
    }
    if let Some(special) = about.get("special").and_then(Value::as_str) {
        pairs.push((visit.say("lookup-special"), html! { (special) }));
    }
    if let Some(name) = about.get("registered_domain").and_then(Value::as_str) {
        pairs.push((visit.say("lookup-registered"), html! { a.mono href=(super::events::lookup_link(name)) { (name) } }));
    }
    for (column, word) in [
        ("type", visit.say("events-class")),
        ("identifier", visit.say("lookup-identifier")),
        ("malware", visit.say("events-malware")),
        ("feed", visit.say("events-feed")),
    ] {
        let values: Vec<(&String, u64)> = about
            .get(column)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(value, count)| Some((value, count.as_u64()?)))
            .collect();
        if !values.is_empty() {
            let largest = values.iter().map(|(_, count)| *count).max().unwrap_or(0);
            pairs.push((word, html! { ul.measures { @for (value, count) in values.iter().take(12) { li { span.called { (value) } (beside(*count, largest)) } } } }));
        }
    }
    html! {
        (facts(&pairs))
        @if !stretches.is_empty() && !more {
            (Histogram { id: "seen", title: &visit.say("lookup-over-time"), description: &visit.say("events-histogram-why"), stretches: &stretches, link: &link }.draw())
            details { summary { (visit.say("picture-table")) }
                (table(&visit.say("lookup-over-time"), &[Column::text(visit.say("events-days")), Column::number(visit.say("nav-events"))],
                    &stretches.iter().filter(|stretch| stretch.count > 0).map(|stretch| vec![html! { a href=(link(stretch)) { (named(stretch)) } }, html! { (grouped(stretch.count)) }]).collect::<Vec<_>>()))
            }
        }
    }
}

fn rows(visit: &Visit, newest: &[Value]) -> Markup {
    let names = ["source_ip", "type", "identifier", "malware", "destination_ip", "feed"];
    let heads: Vec<Column> = std::iter::once(Column::text(visit.say("events-time"))).chain(names.map(Column::text)).collect();
    let rows: Vec<Vec<Markup>> = newest
        .iter()
        .map(|row| {
            let time = html! {
                @if let Some(at) = time_of(row) { a href={ "/events/" (row["id"].as_str().unwrap_or_default()) "?at=" (at.as_microsecond()) } { (super::moment::moment(at, &visit.zone)) } }
            };
            std::iter::once(time).chain(names.map(|name| html! { span.one-line[name.ends_with("_ip")] { (row[name].as_str().unwrap_or_default()) } })).collect()
        })
        .collect();
    table(&visit.say("lookup-newest"), &heads, &rows)
}

/// Something made, and what it was made of.
type Kept<K, T> = tokio::sync::Mutex<Option<(K, Arc<T>)>>;

/// What look-ups need that is dear to make: kept as long as nothing of it changes.
#[derive(Debug, Default)]
pub(crate) struct Knowledge {
    directory: Kept<(i64, i64), Directory>,
    warnings: Kept<Vec<(String, i64)>, Warnings>,
}

impl Knowledge {
    /// Who answers for what, as of this hour and this state of the register.
    async fn directory(&self, visit: &Visit) -> Result<Arc<Directory>, Fault> {
        let server = &visit.server;
        let key = (server.register.policy_change().await?, visit.now.as_second() / 3600);
        let mut kept = self.directory.lock().await;
        if let Some((of, directory)) = &*kept
            && *of == key
        {
            return Ok(Arc::clone(directory));
        }
        let registries = crate::receive::registry_in::registries(&server.home, &server.register).await?;
        let directory = Arc::new(Directory::new(server.register.parties(visit.now).await?, registries, visit.now));
        *kept = Some((key, Arc::clone(&directory)));
        Ok(directory)
    }

    /// The warning lists.
    async fn warnings(&self, visit: &Visit) -> Result<Arc<Warnings>, Fault> {
        let server = &visit.server;
        let key: Vec<(String, i64)> =
            server.register.warning_lists().await?.into_iter().map(|list| (list.name, list.imported_at)).collect();
        let mut kept = self.warnings.lock().await;
        if let Some((of, warnings)) = &*kept
            && *of == key
        {
            return Ok(Arc::clone(warnings));
        }
        let warnings = Arc::new(lists::warnings(&server.home, &server.register).await?);
        *kept = Some((key, Arc::clone(&warnings)));
        Ok(warnings)
    }
}

/// Lists on which it stands that a careful hand would not block.
async fn warned(visit: &Visit, text: &str) -> Result<Vec<String>, Fault> {
    let Some(observable) = Observable::guess(text) else { return Ok(Vec::new()) };
    let warnings = visit.server.sums.knowledge.warnings(visit).await?;
    Ok(warnings.hits(&observable).into_iter().take(20).map(|hit| warnings.explain(hit)).collect())
}

/// Who could be told of it, and why.
async fn responsible(visit: &Visit, text: &str, about: &Map<String, Value>) -> Result<Vec<(PartyId, Reason)>, Fault> {
    let Some(mut question) = asked(text) else { return Ok(Vec::new()) };
    // An event with this address would have been given its AS and country.
    let table = about.get("table").unwrap_or(&Value::Null);
    question.asn = question.asn.or_else(|| table["asn"].as_u64().and_then(|asn| u32::try_from(asn).ok()));
    question.country = question.country.or_else(|| table["country"].as_str().and_then(formats::value::country).map(Country));
    let directory = visit.server.sums.knowledge.directory(visit).await?;
    Ok(directory.why(&question.as_asked()).into_iter().take(12).map(|reason| (directory.id(reason.party), reason)).collect())
}

fn responsible_shown(visit: &Visit, who: &[(PartyId, Reason)]) -> Markup {
    html! {
        @if who.is_empty() { p.quiet { (visit.say("lookup-nobody")) } }
        ul.plain {
            @for (party, reason) in who {
                li {
                    a href={ "/parties/" (party) } { (party) } " "
                    @if reason.chosen { (badge(Tone::Good, &visit.say("lookup-chosen"))) }
                    br; span.quiet { (quality(visit, reason.quality)) " · " (reason.claim) " · " (reason.provenance) }
                }
            }
        }
    }
}

fn quality(visit: &Visit, quality: Quality) -> String {
    match quality {
        Quality::Provider => visit.say("lookup-provider"),
        Quality::DomainHolder => visit.say("lookup-domain-holder"),
        Quality::Maker => visit.say("lookup-maker"),
        Quality::National => visit.say("lookup-national"),
    }
}

/// Notices to those who could be told that name the value: of each the newest are looked through.
async fn was_told(visit: &Visit, text: &str, who: &[(PartyId, Reason)]) -> Result<Markup, Fault> {
    const PARTIES: usize = 6;
    const NOTICES: i64 = 20;
    let register = &visit.server.register;
    let parties: BTreeSet<&PartyId> = who.iter().map(|(party, _)| party).collect();
    let mut told = Vec::new();
    for party in parties.into_iter().take(PARTIES) {
        let notices = register.notices(Some(party.as_str()), None, NOTICES).await?;
        let ids: Vec<&str> = notices.iter().map(|notice| notice.id.as_str()).collect();
        if ids.is_empty() {
            continue;
        }
        for (notice, findings) in notices.iter().zip(register.findings_of(&ids).await?) {
            let names = |finding: &Finding| {
                finding.ip.is_some_and(|ip| ip.to_string() == text)
                    || [Text::Fqdn, Text::Url, Text::ReverseDns].iter().any(|field| finding.text(*field) == Some(text))
            };
            if findings.iter().any(names) {
                told.push((
                    party.clone(),
                    notice.id.clone(),
                    notice.state.as_str(),
                    notice.sent_at.or(notice.released_at).unwrap_or(notice.last_arrival),
                ));
            }
        }
    }
    Ok(html! {
        @if told.is_empty() { p.quiet { (visit.say("lookup-told-nobody")) } }
        ul.plain {
            @for (party, notice, state, at) in &told {
                li { a href={ "/notices/" (notice) } { (notice) } " → " a href={ "/parties/" (party) } { (party) } " " span.quiet { (state) ", " (visit.stamp(*at)) } }
            }
        }
    })
}
