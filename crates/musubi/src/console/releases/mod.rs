//! `/releases`: what was given to whom, when, and why. Every line is a leaf of the log; none can be taken back unseen.

mod checkpoints;
mod denials;
mod receipt;

use axum::extract::Path;
use casework::model::rights::Right;
use casework::told::Place;
use maud::html;

use super::Route;
use super::elements::query::Query;
use super::elements::table::{Column, ROWS, paging, table};
use super::elements::{empty, facts};
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
    html! {
        p.actions {
            a.button href="/releases" { (visit.say("releases-title")) }
            a.button href="/releases/denied" { (visit.say("releases-denied")) }
            a.button href="/releases/checkpoints" { (visit.say("releases-checkpoints")) }
            a.button href="/releases/receipt" { (visit.say("releases-check")) }
        }
    }
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
                html! { a href={ "/parties/" (recipient) } { (recipient) } },
                html! { (release.channel.as_str()) },
                html! { (release.basis.decision) },
                html! { (release.basis.reasons.first().map_or_else(String::new, |reason| visit.told(Place::Policy, reason))) },
            ]
        })
        .collect();
    let body = html! {
        p.lead { (visit.say("releases-lead")) }
        (ways(&visit))
        form.filter method="get" action="/releases" {
            label for="to" { (visit.say("releases-to")) }
            input #to name="to" value=(recipient.unwrap_or_default()) autocomplete="off" spellcheck="false";
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

async fn one(visit: Visit, Path(id): Path<String>) -> Answer {
    let logged = visit.server.register.logged(&id).await?.ok_or(Fault::NotFound)?;
    let proof = visit.server.register.receipt(&id).await?;
    let release = &logged.release;
    let content = crate::show::hex(&release.content);
    let pairs = vec![
        (visit.say("releases-number"), html! { (grouped(logged.number)) }),
        (visit.say("releases-at"), visit.stamp(release.at.as_microsecond())),
        (visit.say("releases-to"), html! { a href={ "/parties/" (release.recipient) } { (release.recipient) } }),
        (visit.say("releases-purpose"), html! { (release.purpose.as_str()) }),
        (visit.say("releases-channel"), html! { (release.channel.as_str()) }),
        (visit.say("releases-decision"), html! { (release.basis.decision) }),
        (visit.say("releases-why"), html! { ul { @for reason in &release.basis.reasons { li { (visit.told(Place::Policy, reason)) } } } }),
        (visit.say("releases-content"), html! { code { (content) } }),
    ];
    let body = html! {
        (facts(&pairs))
        h2 { (visit.say("releases-receipt")) }
        @match proof {
            Some(proof) => { p { (visit.say("releases-receipt-why")) } pre { (proof.to_string()) } }
            None => p { (visit.say("releases-no-receipt")) }
        }
    };
    Ok(visit.page(&visit.say("releases-one"), &body))
}
