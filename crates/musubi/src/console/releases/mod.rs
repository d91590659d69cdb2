//! `/releases`: what was given to whom, when, and why. Every line is a leaf of the log; none can be taken back unseen.

mod checkpoints;
mod denials;
mod receipt;

use axum::extract::Path;
use casework::model::release::Release;
use casework::model::rights::Right;
use casework::told::Place;
use maud::html;
use store::terms::KnownTerms;

use super::Route;
use super::elements::query::Query;
use super::elements::table::{Column, ROWS, paging, table};
use super::elements::{empty, facts, tabs};
use super::visit::{Answer, Fault, Visit};
use super::words::grouped;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/releases", Right::ReadReleases, list),
        Route::get("/releases/checkpoints", Right::ReadReleases, checkpoints::show),
        Route::get("/releases/receipt", Right::ReadReleases, receipt::check),
        Route::get("/releases/denied", Right::ReadReleases, denials::list),
        Route::get("/releases/{id}", Right::ReadReleases, one),
    ]
}

/// The ways between the pages of the log.
fn ways(visit: &Visit) -> maud::Markup {
    let pages = [
        ("/releases", visit.say("releases-title")),
        ("/releases/denied", visit.say("releases-denied")),
        ("/releases/checkpoints", visit.say("releases-checkpoints")),
        ("/releases/receipt", visit.say("releases-check")),
    ];
    tabs(visit.uri.path(), &visit.say("releases-title"), &pages)
}

fn by(visit: &Visit, release: &Release) -> String {
    visit.say(&format!("policy-channel-{}", release.channel.as_str()))
}

/// As it is written in the leaf, in the viewer's words where they know it.
fn decided(visit: &Visit, release: &Release) -> String {
    let key = format!("policy-decision-{}", release.basis.decision);
    if visit.words.has(&key) { visit.say(&key) } else { release.basis.decision.clone() }
}

async fn list(visit: Visit) -> Answer {
    let query = Query::of(&visit.uri);
    let recipient = query.one("to");
    let before = query.one("after").and_then(|text| text.parse::<u64>().ok());
    let mut found = visit.server.register.releases_before(recipient, before, ROWS as u32 + 1).await?;
    let more = found.len() > ROWS;
    found.truncate(ROWS);
    let next = more.then(|| found.last().map(|logged| logged.number.to_string())).flatten();
    let columns = [
        Column::number(visit.say("releases-number")),
        Column::text(visit.say("releases-at")),
        Column::text(visit.say("releases-to")),
        Column::text(visit.say("releases-channel")),
        Column::text(visit.say("releases-decision")),
        Column::text(visit.say("releases-why")),
    ];
    let rows: Vec<_> = found
        .iter()
        .map(|logged| {
            let release = &logged.release;
            let recipient = release.recipient.as_str();
            vec![
                html! { a href={ "/releases/" (release.id) } { (grouped(logged.number)) } },
                visit.stamp(release.at.as_microsecond()),
                html! { a.id href={ "/parties/" (recipient) } { (recipient) } },
                html! { (by(&visit, release)) },
                html! { (decided(&visit, release)) },
                html! { (release.basis.reasons.first().map_or_else(String::new, |reason| visit.told(Place::Policy, reason))) },
            ]
        })
        .collect();
    let body = html! {
        p.lead { (visit.say("releases-lead")) }
        (ways(&visit))
        form.filter method="get" action="/releases" {
            div.field {
                label for="to" { (visit.say("releases-to")) }
                input #to name="to" value=(recipient.unwrap_or_default()) autocomplete="off" spellcheck="false";
            }
            button type="submit" { (visit.say("table-filter")) }
        }
        @if rows.is_empty() {
            @if recipient.is_some() { (empty(&visit.say("releases-none-to"), Some(("/releases", &visit.say("table-clear"))))) }
            @else { (empty(&visit.say("releases-none"), Some(("/notices", &visit.say("nav-notices"))))) }
        } @else {
            (table(&visit.say("releases-title"), &columns, &rows))
            (paging(&visit, next.as_deref()))
        }
    };
    Ok(visit.page(&visit.say("releases-title"), &body))
}

/// The same question, asked of policy as it is now.
fn asked_again(release: &Release, terms: i64) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("terms", &terms.to_string()).append_pair("to", release.recipient.as_str());
    query.append_pair("purpose", release.purpose.as_str()).append_pair("channel", release.channel.as_str());
    format!("/explain?{}", query.finish())
}

fn terms_text(all: &[KnownTerms], number: i64) -> String {
    all.iter().find(|known| known.id == number).map_or_else(|| number.to_string(), |known| known.terms.to_string())
}

async fn one(visit: Visit, Path(id): Path<String>) -> Answer {
    let logged = visit.server.register.logged(&id).await?.ok_or(Fault::NotFound)?;
    let proof = visit.server.register.receipt(&id).await?;
    let terms = visit.server.register.all_terms().await?;
    let release = &logged.release;
    let content = crate::show::hex(&release.content);
    let pairs = vec![
        (visit.say("releases-number"), html! { (grouped(logged.number)) }),
        (visit.say("releases-at"), visit.stamp(release.at.as_microsecond())),
        (visit.say("releases-to"), html! { a href={ "/parties/" (release.recipient) } { (release.recipient) } }),
        (visit.say("releases-purpose"), html! { (visit.say(&format!("policy-purpose-{}", release.purpose.as_str()))) }),
        (visit.say("releases-channel"), html! { (by(&visit, release)) }),
        (visit.say("releases-decision"), html! { (decided(&visit, release)) }),
        (visit.say("releases-why"), html! { ul { @for reason in &release.basis.reasons { li { (visit.told(Place::Policy, reason)) } } } }),
        (visit.say("releases-content"), html! { code { (content) } }),
    ];
    let body = html! {
        (facts(&pairs))
        @if !release.basis.terms.is_empty() {
            h2 { (visit.say("releases-today")) }
            p { (visit.say("releases-today-why")) }
            ul.plain { @for number in &release.basis.terms { li { a href=(asked_again(release, *number)) { (terms_text(&terms, *number)) } } } }
        }
        h2 #receipt { (visit.say("releases-receipt")) }
        @match proof {
            Some(proof) => {
                p { (visit.say("releases-receipt-why")) }
                pre { (proof.to_string()) }
                form method="get" action="/releases/receipt" {
                    input type="hidden" name="receipt" value=(proof.to_string());
                    button type="submit" { (visit.say("releases-check")) }
                }
            }
            None => p { (visit.say("releases-no-receipt")) }
        }
    };
    Ok(visit.page(&visit.say("releases-one"), &body))
}
