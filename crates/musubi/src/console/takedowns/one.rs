//! `/takedowns/{id}`: what was asked of whom, what they said, what the network shows, and why it stands so.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::Path;
use casework::model::case::{Did, Entry};
use casework::model::day::Day;
use casework::model::rights::Right;
use casework::told::Place;
use casework::verify::takedown::{Answer as Answered, Shown, State};
use casework::verify::watching::{Unwatched, Watch};
use jiff::Timestamp;
use maud::{Markup, html};
use store::takedowns::TakedownRow;

use super::super::cases::{due, events_link, happening_word, state_word};
use super::super::elements::strip::{Cell, Kind, legend, strip};
use super::super::elements::table::{Column, table};
use super::super::elements::{empty, facts};
use super::super::people::Colleagues;
use super::super::visit::{Answer, Fault, Visit};
use super::super::words::grouped;
use super::work;
use super::{about, found, state_badge};
use crate::jobs::takedowns::{Outlook, look};

/// A page does not wait longer for the network.
const PATIENCE: Duration = Duration::from_secs(6);

pub(super) async fn page(visit: Visit, Path(name): Path<String>) -> Answer {
    let row = found(&visit, &name).await?;
    let (_, entries) = visit.server.register.case(&row.case_id).await?;
    let people = Colleagues::of(&visit).await?;
    let looking = async {
        let _turn = visit.server.working().await?;
        Ok::<_, Fault>(look(&visit.server.home, &visit.server.register, &row, visit.now).await?)
    };
    let outlook = match tokio::time::timeout(PATIENCE, looking).await {
        Ok(Err(Fault::TooMany(_))) | Err(_) => None,
        Ok(outlook) => Some(outlook?),
    };
    let works = visit.may(Right::WorkCases);
    let body = html! {
        (head(&visit, &row))
        div.sides {
            div {
                h2 { (visit.say("takedowns-why")) }
                (why(&visit, &row, outlook.as_ref()))
                h2 { (visit.say("takedowns-days")) }
                @match &outlook {
                    Some(outlook) => (days(&visit, &row, outlook)),
                    None => (empty(&visit.say("takedowns-days-late"), None)),
                }
                h2 { (visit.say("takedowns-said")) }
                (said(&visit, &people, &row, &entries))
            }
            aside aria-label=(visit.say("cases-work")) { @if works { (work::forms(&visit, &row)) } }
        }
    };
    Ok(visit.page(&format!("{} {}", row.id, about(&row)), &body))
}

fn head(visit: &Visit, row: &TakedownRow) -> Markup {
    let over = matches!(row.state.as_str(), "verified" | "withdrawn");
    let mut pairs = vec![
        (visit.say("cases-state"), html! { (state_badge(visit, &row.state)) " " span.quiet { (state_meaning(visit, &row.state)) } }),
        (visit.say("takedowns-case"), html! { a href={ "/cases/" (row.case_id) } { (row.case_id) } }),
    ];
    let asked = row.party.as_ref().map(|party| {
        html! {
            a href={ "/parties/" (party) } { (party) }
            @if let Some(channel) = &row.channel { " " (visit.say("takedowns-by")) " " (channel) }
            @if row.escalations > 0 { " · " (visit.say_with("takedowns-escalations", &[("shown", grouped(row.escalations.unsigned_abs()).into()), ("count", row.escalations.into())])) }
        }
    });
    pairs.push((visit.say("takedowns-party"), asked.unwrap_or_else(|| html! { (visit.say("takedowns-nobody-asked")) })));
    let basis = match (&row.agreement, &row.release_id) {
        (Some(agreement), release) => Some(html! {
            a href={ "/agreements/" (agreement) } { (agreement) }
            @if let Some(release) = release { " · " a href={ "/releases/" (release) } { (visit.say("takedowns-release")) } }
        }),
        (None, Some(release)) => Some(html! { a href={ "/releases/" (release) } { (visit.say("takedowns-release")) } }),
        (None, None) => None,
    };
    pairs.extend(basis.map(|basis| (visit.say("takedowns-basis"), basis)));
    if let (Some(party), Some(theirs)) = (&row.asked_by, &row.their_id) {
        pairs.push((visit.say("takedowns-asked-us"), html! { a href={ "/parties/" (party) } { (party) } " (" (theirs) ")" }));
    }
    for (word, at) in [
        (visit.say("takedowns-first-seen"), Some(row.first_seen)),
        (visit.say("takedowns-last-seen"), Some(row.last_seen)),
        (visit.say("takedowns-asked-at"), row.asked_at),
        (visit.say("takedowns-heard-at"), row.heard_at),
        (visit.say("takedowns-answered-at"), row.answered_at),
        (visit.say("takedowns-verified-at"), row.verified_at),
    ] {
        pairs.extend(at.map(|at| (word, visit.stamp(at))));
    }
    if row.answer_due.is_some() {
        pairs.push((visit.say("takedowns-answer-due"), due(visit, row.answer_due, over)));
    }
    pairs.push((visit.say("takedowns-quiet"), html! { (row.quiet_days) " / " (row.needed_days) }));
    if row.reinfections > 0 {
        let shown = grouped(row.reinfections.unsigned_abs());
        pairs.push((
            visit.say("takedowns-again"),
            html! { (visit.say_with("takedowns-reinfections", &[("shown", shown.into()), ("count", row.reinfections.into())])) },
        ));
    }
    facts(&pairs)
}

/// What a state means, in a sentence.
pub(in crate::console) fn state_meaning(visit: &Visit, word: &str) -> String {
    match State::read(word) {
        Some(State::Open) => visit.say("takedowns-means-open"),
        Some(State::Requested) => visit.say("takedowns-means-requested"),
        Some(State::Acknowledged) => visit.say("takedowns-means-acknowledged"),
        Some(State::Fixed) => visit.say("takedowns-means-fixed"),
        Some(State::Disputed) => visit.say("takedowns-means-disputed"),
        Some(State::Misdirected) => visit.say("takedowns-means-misdirected"),
        Some(State::Declined) => visit.say("takedowns-means-declined"),
        Some(State::Quiet) => visit.say("takedowns-means-quiet"),
        Some(State::Unknown) => visit.say("takedowns-means-unknown"),
        Some(State::Verified) => visit.say("takedowns-means-verified"),
        Some(State::Reopened) => visit.say("takedowns-means-reopened"),
        Some(State::Withdrawn) => visit.say("takedowns-means-withdrawn"),
        None => String::new(),
    }
}

/// What the network says, in a sentence.
fn reason(visit: &Visit, row: &TakedownRow, outlook: &Outlook) -> Markup {
    let status = outlook.found.status;
    let days = |key: &str| {
        let quiet =
            if status.shown == Shown::Verified { row.quiet_days.max(i64::from(status.quiet_days)) } else { i64::from(status.quiet_days) };
        visit.say_with(key, &[("quiet", quiet.to_string().into()), ("needed", row.needed_days.to_string().into())])
    };
    let seen = visit.stamp(outlook.found.last_seen.as_microsecond());
    match status.shown {
        Shown::Verified => html! { (days("takedowns-why-verified")) },
        Shown::Quiet => html! { (days("takedowns-why-quiet")) },
        Shown::Reopened => html! { (visit.say("takedowns-why-reopened")) " " (seen) },
        Shown::Active => html! { (visit.say("takedowns-why-active")) " " (seen) },
        Shown::Unwatched => html! { (visit.say("takedowns-why-unwatched")) },
    }
}

/// Why it stands so: what was decided last, by which feeds, and what is known now.
fn why(visit: &Visit, row: &TakedownRow, outlook: Option<&Outlook>) -> Markup {
    html! {
        @match outlook {
            Some(outlook) => p { (reason(visit, row, outlook)) },
            None if row.reason.is_empty() => p { (visit.say("takedowns-not-assessed")) },
            None => p { (visit.told(Place::Takedown, &row.reason)) },
        }
        @if let Some(at) = row.assessed_at { p.quiet { (visit.say("takedowns-assessed-at")) " " (visit.stamp(at)) } }
        @if let Some(outlook) = outlook {
            @let now = outlook.found.status.state().as_str();
            @if now != row.state { p.done-note { (visit.say("takedowns-now")) " " (state_word(visit, now)) } }
            @if outlook.sensors.is_empty() { p { (visit.say("takedowns-no-sensor")) } }
            @else {
                p { (visit.say("takedowns-sensors")) }
                ul { @for sensor in &outlook.sensors {
                    li { strong { (sensor.feed) } ": " (match sensor.because {
                        casework::verify::watching::Scope::ThisPlace => visit.say("takedowns-sensor-place"),
                        casework::verify::watching::Scope::Neighbourhood => visit.say("takedowns-sensor-near"),
                    }) " (" (sensor.since) ")" }
                } }
            }
        }
    }
}

/// Day by day since it was first seen: seen, watched in silence, unwatched.
fn days(visit: &Visit, row: &TakedownRow, outlook: &Outlook) -> Markup {
    let mut seen: BTreeMap<Day, (u64, Vec<&str>)> = BTreeMap::new();
    for sighting in &outlook.sightings {
        let day = seen.entry(Day::of(sighting.at)).or_default();
        day.0 += sighting.events;
        if !day.1.contains(&sighting.feed.as_str()) {
            day.1.push(&sighting.feed);
        }
    }
    let first = Timestamp::from_microsecond(row.first_seen.min(row.last_seen)).map(Day::of);
    let mut cells: Vec<Cell> = Vec::new();
    let mut lines: Vec<(String, Kind, String)> = Vec::new();
    let key = row.key().ok();
    for interval in &outlook.throughout {
        let mut day = interval.from;
        while day <= interval.through {
            let (kind, text) = match (seen.get(&day), &interval.watch) {
                (Some((events, feeds)), _) => (
                    Kind::Seen,
                    format!(
                        "{} ({})",
                        visit.say_with("cases-n-events", &[("shown", grouped(*events).into()), ("count", (*events as i64).into())]),
                        feeds.join(", ")
                    ),
                ),
                (None, Watch::Watched(feeds)) => (Kind::Quiet, format!("{}: {}", visit.say("takedowns-day-silent"), feeds.join(", "))),
                (None, Watch::Unwatched(Unwatched::NoSensor)) => (Kind::Unwatched, visit.say("takedowns-day-no-sensor")),
                (None, Watch::Unwatched(Unwatched::Silent)) => (Kind::Unwatched, visit.say("takedowns-day-no-delivery")),
                (None, Watch::NotYet) => (Kind::NotYet, visit.say("takedowns-day-not-yet")),
            };
            let number = Some(i64::from(day.number()));
            let link = key.as_ref().filter(|_| kind == Kind::Seen).map(|key| events_link(key, number, number));
            lines.push((day.to_string(), kind, text.clone()));
            cells.push(Cell { day, kind, text: format!("{day}: {text}"), link });
            day = day.next();
        }
    }
    // Today is not over: only that it was seen is known of it.
    let (drawn, first) = (cells.last().map(|cell| cell.day), first.ok());
    let rest = seen.iter().filter(|(day, _)| drawn.is_none_or(|last| **day > last) && first.is_some_and(|first| **day >= first));
    for (day, (events, feeds)) in rest {
        let text = format!(
            "{} ({})",
            visit.say_with("cases-n-events", &[("shown", grouped(*events).into()), ("count", (*events as i64).into())]),
            feeds.join(", ")
        );
        lines.push((day.to_string(), Kind::Seen, text.clone()));
        cells.push(Cell { day: *day, kind: Kind::Seen, text: format!("{day}: {text}"), link: None });
    }
    let word = |kind: Kind| match kind {
        Kind::Seen => visit.say("takedowns-day-seen"),
        Kind::Quiet => visit.say("takedowns-day-silent"),
        Kind::Unwatched => visit.say("takedowns-day-unwatched"),
        Kind::NotYet => visit.say("takedowns-day-not-yet"),
    };
    let count = |kind: Kind| cells.iter().filter(|cell| cell.kind == kind).count() as u64;
    let columns =
        [Column::text(visit.say("cases-day")), Column::text(visit.say("cases-state")), Column::text(visit.say("takedowns-day-what"))];
    let rows: Vec<Vec<Markup>> =
        lines.iter().rev().take(400).map(|(day, kind, text)| vec![html! { (day) }, html! { (word(*kind)) }, html! { (text) }]).collect();
    html! {
        (strip(&visit.say("takedowns-days"), &visit.say("takedowns-days-why"), &cells))
        (legend(&Kind::ALL.map(|kind| (kind, format!("{} ({})", word(kind), grouped(count(kind)))))))
        details { summary { (visit.say("cases-as-table")) } (table(&visit.say("takedowns-days"), &columns, &rows)) }
    }
}

/// Everything that was said and done, the newest first.
fn said(visit: &Visit, people: &Colleagues, row: &TakedownRow, entries: &[Entry]) -> Markup {
    html! {
        ol.timeline {
            @for entry in entries.iter().rev() {
                @if let Some(Did::Takedown { takedown, happening, state, detail }) = entry.did() {
                    @if takedown == row.id {
                        li {
                            div.when { (visit.stamp(entry.at.as_microsecond())) " " span.who { (people.shown(&entry.by)) } }
                            div.what {
                                (happening_word(visit, &happening)) " → " (state_badge(visit, &state))
                                @if let Some(detail) = detail { div.quiet { (super::super::elements::defang::defang(&visit.told(Place::Takedown, &detail))) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Answers that can be written down by hand.
pub(super) const ANSWERS: [Answered; 5] =
    [Answered::Fixed, Answered::FalsePositive, Answered::NotOurs, Answered::NeedMore, Answered::Declined];
