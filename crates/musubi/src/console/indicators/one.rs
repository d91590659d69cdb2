//! `/indicators/{id}`: who says so, who doubts it, what was done, what it is worth and for how long, whether it may be blocked.

use axum::extract::Path;
use casework::indicate::indicator::{Source, Standing, Support, Worth};
use casework::model::rights::Right;
use jiff::SignedDuration;
use maud::{Markup, html};
use store::indicators::{Done, Remembered};

use super::super::elements::facts;
use super::super::elements::table::{Column, table};
use super::super::people::Colleagues;
use super::super::visit::{Answer, Visit};
use super::super::words::grouped;
use super::{found, parts, shown, standing, warned, warnings, work};
use crate::jobs::indicators::harm;
use crate::receive::lists;

/// Sources and lines of history shown.
const SHOWN: usize = 100;
/// Characters of a value in the title.
const TITLE: usize = 90;
/// Days ahead for which the fading is drawn, and every how many.
const AHEAD: i64 = 60;
const STEP: i64 = 4;

pub(super) async fn page(visit: Visit, Path(name): Path<String>) -> Answer {
    let one = found(&visit, &name).await?;
    let half_lives = lists::half_lives(&visit.server.home)?;
    let what = one.indicator.what();
    let harm = harm(what, &*warnings(&visit).await?);
    let worth = one.indicator.worth(&half_lives, visit.now, |_| true);
    let history = visit.server.register.indicator_history(one.indicator.id()).await?;
    let people = Colleagues::of(&visit).await?;
    let all = visit.server.register.all_terms().await?;
    let terms = all.iter().find(|known| known.id == one.terms).map(|known| known.terms.to_string()).unwrap_or_default();
    let fading: Vec<(i64, u8)> = (0..=AHEAD / STEP)
        .map(|step| step * STEP)
        .map(|days| (days, one.indicator.worth(&half_lives, visit.now + SignedDuration::from_hours(24 * days), |_| true).score))
        .collect();
    let value = parts(what).1;
    let (encoded, kind) = (form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>(), parts(what).0);
    let at =
        |at: Option<jiff::Timestamp>| html! { @match at { Some(at) => (visit.stamp(at.as_microsecond())), None => span.quiet { "–" } } };
    let pairs = vec![
        (visit.say("indicators-standing"), standing(&visit, worth.standing)),
        (visit.say("indicators-score"), html! { b { (worth.score) } " / 100" }),
        (visit.say("indicators-kind"), html! { (kind) }),
        (visit.say("indicators-class"), html! { (worth.class.map_or("–", |class| class.type_())) }),
        (
            visit.say("indicators-malware"),
            html! { @match &worth.malware { Some(name) => a href={ "/indicators?malware=" (form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>()) } { (name) }, None => "–" } },
        ),
        (visit.say("indicators-seen"), html! { (at(worth.first_seen)) " – " (at(worth.last_seen)) }),
        (visit.say("indicators-valid"), html! { (at(worth.valid_from)) " – " @if worth.valid_until.is_some() { (at(worth.valid_until)) } }),
        (visit.say("indicators-until"), at(worth.holds_until(1))),
        (visit.say("indicators-sightings"), html! { (grouped(worth.sightings)) }),
        (visit.say("indicators-reporters"), html! { (grouped(worth.reporters as u64)) }),
        (visit.say("indicators-against"), html! { (grouped(worth.doubts as u64)) }),
        (visit.say("indicators-terms"), html! { (terms) }),
    ];
    let body = html! {
        @if shown(what).chars().count() > TITLE { p.mono.value { (shown(what)) } }
        p.actions {
            a.button href={ "/lookup?value=" (encoded) } { (visit.say("indicators-lookup")) }
            a.button href={ "/graph?indicator=" (one.indicator.id()) } { (visit.say("cases-graph")) }
        }
        div.sides {
            div {
                (facts(&pairs))
                h2 { (visit.say("indicators-warnings")) }
                @if harm.because.is_empty() { p.quiet { (visit.say("indicators-no-warning")) } }
                @else { p { (warned(&visit, &harm)) } ul { @for because in &harm.because { li { (because) } } } }
                h2 { (visit.say("indicators-why")) }
                (reasons(&visit, &worth))
                (faded(&visit, &worth, &fading))
                (sources(&visit, &people, &one, &all.iter().map(|known| (known.id, known.terms.tlp.label())).collect::<Vec<_>>()))
                (against(&visit, &people, &one))
                (done(&visit, &people, &history))
            }
            aside aria-label=(visit.say("cases-work")) { @if visit.may(Right::ChangeIndicators) { (work::forms(&visit, &one, &worth)) } }
        }
    };
    Ok(visit.page(&shown(what).chars().take(TITLE).collect::<String>(), &body))
}

/// Why it is worth this, the decisive reason first.
fn reasons(visit: &Visit, worth: &Worth) -> Markup {
    let mut said = Vec::new();
    match worth.standing {
        Standing::Active => {}
        Standing::Groundless => said.push(visit.say("indicators-why-groundless")),
        Standing::NotYet => said.push(visit.say("indicators-why-not-yet")),
        Standing::Expired => said.push(visit.say("indicators-why-expired")),
        Standing::Faded => said.push(visit.say("indicators-why-faded")),
        Standing::Disputed => said.push(visit.say("indicators-why-disputed")),
        Standing::Revoked => said.push(visit.say("indicators-why-revoked")),
    }
    if worth.doubts > 0 {
        let count = worth.doubts as i64;
        said.push(visit.say_with("indicators-why-doubts", &[("shown", grouped(worth.doubts as u64).into()), ("count", count.into())]));
    }
    if worth.confidence > 0 {
        let (confidence, fresh) = (worth.confidence.to_string(), worth.reporters as i64);
        let shown = grouped(worth.reporters as u64);
        said.push(
            visit.say_with(
                "indicators-why-confidence",
                &[("confidence", confidence.into()), ("shown", shown.into()), ("count", fresh.into())],
            ),
        );
    }
    if worth.standing == Standing::Active && worth.score < worth.confidence {
        said.push(visit.say_with("indicators-why-time", &[("score", worth.score.to_string().into())]));
    }
    if !worth.marked.is_empty() {
        said.push(visit.say_with("indicators-why-marked", &[("lists", worth.marked.join(", ").into())]));
    }
    html! { ul { @for reason in said { li { (reason) } } } }
}

/// How the score falls if nothing more is said.
fn faded(visit: &Visit, worth: &Worth, fading: &[(i64, u8)]) -> Markup {
    if worth.score == 0 {
        return html! {};
    }
    let points: String = fading.iter().map(|(days, score)| format!("{},{} ", 30 + days * 5, 110 - i64::from(*score))).collect();
    let day = |days: i64| (visit.now + SignedDuration::from_hours(24 * days)).to_zoned(visit.zone.clone()).strftime("%Y-%m-%d").to_string();
    let columns = [Column::text(visit.say("cases-day")), Column::number(visit.say("indicators-score"))];
    let rows: Vec<Vec<Markup>> = fading.iter().map(|(days, score)| vec![html! { (day(*days)) }, html! { (score) }]).collect();
    html! {
        h2 { (visit.say("indicators-fading")) }
        svg.fading viewBox="0 0 340 132" role="img" aria-label=(visit.say("indicators-fading")) {
            title { (visit.say("indicators-fading")) }
            desc { (visit.say("indicators-fading-why")) }
            path.axis d="M30 10V110H330" {}
            path.axis.half d="M30 60H330" {}
            polyline points=(points.trim_end()) {}
            text x="26" y="14" text-anchor="end" { "100" }
            text x="26" y="64" text-anchor="end" { "50" }
            text x="26" y="112" text-anchor="end" { "0" }
            text x="30" y="127" { (day(0)) }
            text x="330" y="127" text-anchor="end" { (day(AHEAD)) }
        }
        p.quiet { (visit.say("indicators-fading-why")) @if let Some(at) = worth.holds_until(50) { " " (visit.say("indicators-below")) " " (visit.stamp(at.as_microsecond())) } }
        details { summary { (visit.say("cases-as-table")) } (table(&visit.say("indicators-fading"), &columns, &rows)) }
    }
}

/// What a word rests on, as a way to it.
fn source(visit: &Visit, source: &Source) -> Markup {
    match source {
        Source::Event(id) => {
            html! { (visit.say("indicators-source-event")) " " a.mono href={ "/events/" (id) } { (id.get(..12).unwrap_or(id)) } }
        }
        Source::Case(id) => html! { (visit.say("indicators-source-case")) " " a href={ "/cases/" (id) } { (id) } },
        Source::Rule { rule, .. } => html! { (visit.say("indicators-source-rule")) " " (rule) },
        Source::Evidence(id) => {
            html! { (visit.say("indicators-source-evidence")) " " a.mono href={ "/evidence/" (id.get(..32).unwrap_or(id)) } { (id.get(..12).unwrap_or(id)) } }
        }
        Source::Foreign(name) => html! { (name.chars().take(100).collect::<String>()) },
    }
}

fn sources(visit: &Visit, people: &Colleagues, one: &Remembered, terms: &[(i64, &str)]) -> Markup {
    let mut all: Vec<(&Source, &Support)> = one.indicator.support().collect();
    all.sort_by_key(|(_, support)| std::cmp::Reverse(support.last));
    let columns = [
        Column::text(visit.say("indicators-source")),
        Column::text(visit.say("indicators-reporter")),
        Column::number(visit.say("indicators-confidence")),
        Column::text(visit.say("indicators-class")),
        Column::text(visit.say("indicators-seen")),
        Column::number(visit.say("indicators-times")),
        Column::text("TLP"),
    ];
    let rows: Vec<Vec<Markup>> = all
        .iter()
        .take(SHOWN)
        .map(|(from, support)| {
            let labels: Vec<&str> = support.terms.iter().filter_map(|id| terms.iter().find(|(known, _)| known == id)).map(|(_, label)| *label).collect();
            vec![
                html! {
                    (source(visit, from))
                    @for event in support.events.iter().take(3) { " " a.mono href={ "/events/" (event) } { (event.get(..8).unwrap_or(event)) } }
                },
                html! { (people.shown(&support.reporter)) },
                html! { (support.confidence) },
                html! { (support.class.as_deref().unwrap_or_default()) " " (support.malware.as_deref().unwrap_or_default()) },
                html! { (visit.stamp(support.first.as_microsecond())) " – " (visit.stamp(support.last.as_microsecond())) },
                html! { (grouped(support.times)) },
                html! { (labels.join(", ")) },
            ]
        })
        .collect();
    html! {
        h2 { (visit.say("indicators-sources")) }
        (table(&visit.say("indicators-sources"), &columns, &rows))
        @if all.len() > SHOWN { p.quiet { (visit.say_with("indicators-newest", &[("shown", grouped(SHOWN as u64).into()), ("all", grouped(all.len() as u64).into())])) } }
    }
}

fn against(visit: &Visit, people: &Colleagues, one: &Remembered) -> Markup {
    let doubts: Vec<_> = one.indicator.doubts().take(SHOWN).collect();
    html! {
        @if !doubts.is_empty() {
            h2 { (visit.say("indicators-against")) }
            ul { @for (by, doubt) in doubts {
                li { (visit.stamp(doubt.at.as_microsecond())) " " (people.shown(by)) " (" (doubt.trust) " / 100)" @if !doubt.because.is_empty() { ": " (doubt.because) } }
            } }
        }
        @if let Some(ruling) = one.indicator.ruling() {
            h2 { (visit.say("indicators-ruling")) }
            p {
                (visit.stamp(ruling.at.as_microsecond())) " " (people.shown(&ruling.by)) " "
                (visit.say(if ruling.revoked { "indicators-did-revoked" } else if ruling.until.is_some() { "indicators-did-expired" } else { "indicators-did-restored" }))
                @if let Some(until) = ruling.until { " " (visit.stamp(until.as_microsecond())) }
                @if !ruling.because.is_empty() { ": " (ruling.because) }
            }
        }
    }
}

fn done(visit: &Visit, people: &Colleagues, history: &[Done]) -> Markup {
    let word = |what: &str| match what {
        "derived" => visit.say("indicators-did-derived"),
        "added" => visit.say("indicators-did-added"),
        "sighted" => visit.say("indicators-did-sighted"),
        "false-positive" => visit.say("indicators-did-false-positive"),
        "revoked" => visit.say("indicators-did-revoked"),
        "restored" => visit.say("indicators-did-restored"),
        "expired" => visit.say("indicators-did-expired"),
        "extended" => visit.say("indicators-did-extended"),
        "tightened" => visit.say("indicators-did-tightened"),
        other => other.to_owned(),
    };
    html! {
        h2 { (visit.say("cases-history")) }
        ol.timeline {
            @for line in history.iter().rev().take(SHOWN) {
                li {
                    div.when { (visit.stamp(line.at)) " " span.who { (people.shown(&line.by)) } }
                    div.what { (word(&line.what)) @if !line.because.is_empty() { ": " (line.because) } }
                }
            }
        }
    }
}
