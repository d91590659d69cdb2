//! What was seen in a case: the newest events, the evidence they come from, and the way to all of them.

use std::collections::BTreeSet;
use std::time::Duration;

use casework::correlate::key::{CaseKey, Name};
use casework::model::day::Day;
use casework::model::terms::{Terms, Tlp};
use maud::{Markup, html};
use store::case_events::{Seen, Told};
use store::cases::CaseRow;

use super::super::elements::defang::defang;
use super::super::elements::table::{Column, table};
use super::super::visit::{Fault, Visit};
use super::super::words::grouped;

/// Events shown on the page of a case.
const SHOWN: usize = 50;
/// A page does not wait longer for them.
const PATIENCE: Duration = Duration::from_secs(4);

/// What is known of the events of a case and of those that go on in it.
#[derive(Debug, Default)]
pub(super) struct Events {
    pub(super) newest: Vec<Seen>,
    pub(super) told: Vec<Told>,
    /// It took too long to look.
    pub(super) late: bool,
}

impl Events {
    pub(super) async fn of(visit: &Visit, rows: &[CaseRow]) -> Result<Self, Fault> {
        let day = |day: Option<i64>| day.and_then(|day| i32::try_from(day).ok()).map(Day::from_number);
        let asked: Vec<(CaseKey, Day, Day)> =
            rows.iter().filter_map(|row| Some((CaseKey::read(row.key.as_deref()?)?, day(row.first_day)?, day(row.last_day)?))).collect();
        if asked.is_empty() {
            return Ok(Self::default());
        }
        let look = async {
            let questions = visit.server.asking().await?;
            let mut events = Self::default();
            for (key, from, through) in &asked {
                events.newest.extend(questions.questions().await?.case_events(key, *from, *through, SHOWN).await?);
                events.told.extend(questions.questions().await?.case_evidence(key, *from, *through).await?);
            }
            events.newest.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.id.cmp(&b.id)));
            events.newest.truncate(SHOWN);
            Ok::<_, Fault>(events)
        };
        match tokio::time::timeout(PATIENCE, look).await {
            Ok(Err(Fault::TooMany(_))) | Err(_) => Ok(Self { late: true, ..Self::default() }),
            Ok(events) => events,
        }
    }

    /// The strictest of the terms under which any of it is held; unmarked when nothing is there.
    pub(super) async fn terms(&self, visit: &Visit) -> Result<Terms, Fault> {
        let numbers: BTreeSet<i64> = self.told.iter().map(|told| told.terms).collect();
        let all = visit.server.register.all_terms().await?;
        let held = all.into_iter().filter(|known| numbers.contains(&known.id)).map(|known| known.terms);
        let joined = held.reduce(|one, other| one.join(&other));
        Ok(joined.unwrap_or_else(|| Terms::of(Tlp::UNMARKED)))
    }
}

/// Where events of a key are listed.
pub(in crate::console) fn link(key: &CaseKey, first: Option<i64>, last: Option<i64>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    match key {
        CaseKey::Address { ip, name, .. } => {
            query.append_pair("q", &ip.to_string());
            if let Some(Name::Malware(name)) = name {
                query.append_pair("malware", name);
            }
        }
        CaseKey::C2 { host, .. } => drop(query.append_pair("q", host)),
        CaseKey::Site { domain, .. } => drop(query.append_pair("q", domain)),
        CaseKey::Campaign(name) => drop(query.append_pair("q", name)),
    }
    if let Some(class) = key.class() {
        query.append_pair("class", class.type_());
    }
    for (name, day) in [("from", first), ("to", last)] {
        if let Some(day) = day.and_then(|day| i32::try_from(day).ok()) {
            query.append_pair(name, &Day::from_number(day).to_string());
        }
    }
    format!("/events?{}", query.finish())
}

/// The section of a page.
pub(super) fn section(visit: &Visit, row: &CaseRow, events: &Events) -> Markup {
    let key = row.key.as_deref().and_then(CaseKey::read);
    let columns = [
        Column::text(visit.say("cases-event-at")),
        Column::text(visit.say("cases-event-where")),
        Column::text(visit.say("cases-event-what")),
        Column::text(visit.say("cases-event-reaches")),
        Column::text(visit.say("cases-event-feed")),
    ];
    let rows: Vec<Vec<Markup>> = events
        .newest
        .iter()
        .map(|seen| {
            let place = seen.url.as_deref().or(seen.host.as_deref()).or(seen.ip.as_deref()).unwrap_or("?");
            let what = [seen.class.as_deref(), seen.malware.as_deref(), seen.identifier.as_deref()];
            vec![
                html! { a href={ "/events/" (seen.id) } { (visit.stamp(seen.at.as_microsecond())) } },
                html! {
                    span.mono {
                        (defang(place))
                        @if seen.url.is_none() && seen.host.is_none() { @if let Some(port) = seen.port { ":" (port) } }
                    }
                },
                html! { (what.into_iter().flatten().collect::<Vec<_>>().join(" · ")) },
                html! { @if let Some(to) = &seen.destination { span.mono { (defang(to)) } } },
                html! { (seen.feed) },
            ]
        })
        .collect();
    html! {
        h2 #events { (visit.say("cases-events")) }
        @if events.late { p.quiet { (visit.say("cases-events-late")) } }
        @else if rows.is_empty() { p.quiet { (visit.say(if key.is_some() { "cases-events-none" } else { "cases-events-no-key" })) } }
        @else { (table(&visit.say("cases-events"), &columns, &rows)) }
        @if let Some(key) = &key {
            p { a href=(link(key, row.first_day, row.last_day)) {
                (visit.say_with("cases-events-all", &[("shown", grouped(row.events.unsigned_abs()).into()), ("count", row.events.into())]))
            } }
        }
        @if !events.told.is_empty() {
            h3 { (visit.say("cases-evidence")) }
            (table(&visit.say("cases-evidence"), &[
                Column::text(visit.say("cases-evidence-one")),
                Column::text(visit.say("cases-event-feed")),
                Column::number(visit.say("cases-events")),
                Column::text(visit.say("cases-seen")),
            ], &events.told.iter().take(SHOWN).map(|told| vec![
                html! { a.mono href={ "/evidence/" (told.evidence) } { (told.evidence.chars().take(12).collect::<String>()) } },
                html! { (told.feed) },
                html! { (grouped(told.events)) },
                html! { (visit.stamp(told.first.as_microsecond())) " – " (visit.stamp(told.last.as_microsecond())) },
            ]).collect::<Vec<_>>()))
        }
    }
}
