//! `/evidence`: what came when from whom, and what became of its rows.

mod restrictions;
mod viewer;

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use casework::model::rights::Right;
use casework::told::Place;
use futures::StreamExt as _;
use maud::{Markup, html};
use store::evidence::{Evidence, Wanted};

use super::Route;
use super::elements::query::Query;
use super::elements::table::{Column, ROWS, paging, table};
use super::elements::{Tone, badge, empty, facts};
use super::events::filter;
use super::visit::{Answer, Detail, Fault, Visit};
use super::words::grouped;
use crate::show::size;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/evidence", Right::ReadEvents, list),
        Route::get("/evidence/{id}", Right::ReadEvents, one),
        Route::get("/evidence/{id}/original", Right::Export, original).exporting(),
    ]
}

async fn list(visit: Visit) -> Answer {
    let query = Query::of(&visit.uri);
    let since = query.one("since").and_then(|text| text.parse::<jiff::civil::Date>().ok());
    let since = since.and_then(|date| Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_microsecond()));
    let wanted = Wanted {
        since,
        feed: query.one("feed"),
        given_by: query.one("from"),
        rejected: query.one("rejected").is_some(),
        before: query.one("after").and_then(|text| text.split_once('.')).and_then(|(at, id)| Some((at.parse().ok()?, id))),
    };
    let mut found = visit.server.register.evidence_before(&wanted, ROWS as u32 + 1).await?;
    let more = found.len() > ROWS;
    found.truncate(ROWS);
    let next = more.then(|| found.last().map(|last| format!("{}.{}", last.received_at, last.id))).flatten();
    let columns = [
        Column::text(visit.say("evidence-received")),
        Column::text(visit.say("evidence-name")),
        Column::text(visit.say("evidence-giver")),
        Column::text("TLP"),
        Column::number(visit.say("evidence-read")),
        Column::number(visit.say("evidence-stored")),
        Column::number(visit.say("evidence-duplicate")),
        Column::number(visit.say("evidence-rejected")),
    ];
    let rows: Vec<Vec<Markup>> = found.iter().map(|evidence| row(&visit, evidence)).collect();
    let filtered = ["since", "feed", "from", "rejected"].iter().any(|name| query.one(name).is_some());
    let body = html! {
        p.lead { (visit.say("evidence-lead")) }
        @if visit.may(Right::GiveEvidence) { p.actions { a.button.first href="/evidence/new" { (visit.say("evidence-new-title")) } } }
        form.filter method="get" action="/evidence" {
            div.field {
                label for="since" { (visit.say("evidence-since")) }
                input #since name="since" type="date" value=(query.one("since").unwrap_or_default());
            }
            div.field {
                label for="feed" { (visit.say("events-feed")) }
                input #feed name="feed" value=(query.one("feed").unwrap_or_default()) autocomplete="off" spellcheck="false";
            }
            div.field {
                label for="from" { (visit.say("evidence-giver")) }
                input #from name="from" value=(query.one("from").unwrap_or_default()) autocomplete="off" spellcheck="false";
            }
            label { input type="checkbox" name="rejected" value="1" checked[query.one("rejected").is_some()]; " " (visit.say("evidence-only-rejected")) }
            button type="submit" { (visit.say("table-filter")) }
        }
        @if rows.is_empty() {
            @if filtered { (empty(&visit.say("evidence-none-so"), Some(("/evidence", &visit.say("table-clear"))))) }
            @else { (empty(&visit.say("evidence-none"), None)) }
        } @else {
            (table(&visit.say("nav-evidence"), &columns, &rows))
            (paging(&visit, next.as_deref()))
        }
    };
    Ok(visit.page(&visit.say("nav-evidence"), &body))
}

fn row(visit: &Visit, evidence: &Evidence) -> Vec<Markup> {
    let count = |number: i64| grouped(number.unsigned_abs());
    vec![
        visit.stamp(evidence.received_at),
        html! { a href={ "/evidence/" (evidence.id) } { (evidence.name) } " " span.quiet { (size(evidence.size_bytes.unsigned_abs())) } },
        html! { @if let Some(party) = &evidence.given_by { a href={ "/parties/" (party) } { (party) } } @else { (evidence.feed.as_deref().unwrap_or_default()) } },
        html! { (evidence.tlp) },
        html! { (count(evidence.read_rows)) },
        html! { @if evidence.stored_rows > 0 { a href=(filter::link(&[("evidence", &evidence.id)])) { (count(evidence.stored_rows)) } } @else { "0" } },
        html! { (count(evidence.duplicate_rows)) },
        html! { @if evidence.rejected_rows > 0 { (badge(Tone::Waiting, &count(evidence.rejected_rows))) } @else { "0" } },
    ]
}

/// Evidence by its id, or 404: its beginning is enough for the command line, not for an address.
async fn known(visit: &Visit, id: &str) -> Result<Evidence, Fault> {
    let plain = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let found = if plain { visit.server.register.evidence(&id.to_ascii_lowercase()).await? } else { None };
    found.ok_or(Fault::NotFound)
}

async fn one(visit: Visit, Path(id): Path<String>) -> Answer {
    let evidence = known(&visit, &id).await?;
    let register = &visit.server.register;
    let parts = register.parts(&evidence.id).await?;
    let rejections = register.rejections(&evidence.id).await?;
    let count = |number: i64| grouped(number.unsigned_abs());
    let pairs = vec![
        (visit.say("evidence-received"), visit.stamp(evidence.received_at)),
        (
            visit.say("evidence-giver"),
            html! { @if let Some(party) = &evidence.given_by { a href={ "/parties/" (party) } { (party) } } @else { (visit.say("events-nothing-said")) } },
        ),
        (
            visit.say("evidence-terms"),
            html! { (badge(Tone::Plain, &evidence.terms)) " " span.quiet { @if evidence.terms_stated == 1 { (visit.say("evidence-terms-stated")) } @else { (visit.say("evidence-terms-default")) } } },
        ),
        (visit.say("evidence-size"), html! { (size(evidence.size_bytes.unsigned_abs())) }),
        (String::from("SHA-256"), html! { code { (evidence.sha256) } }),
        (visit.say("evidence-read"), html! { (count(evidence.read_rows)) }),
        (
            visit.say("evidence-stored"),
            html! { a href=(filter::link(&[("evidence", &evidence.id)])) data-count=(evidence.stored_rows) { (count(evidence.stored_rows)) } },
        ),
        (visit.say("evidence-duplicate"), html! { (count(evidence.duplicate_rows)) }),
        (visit.say("evidence-rejected"), html! { (count(evidence.rejected_rows)) }),
    ];
    let reports: Vec<Vec<Markup>> = parts
        .iter()
        .map(|part| {
            vec![
                html! { (part.path) },
                html! { (part.format) },
                html! { a href=(filter::link(&[("feed", &part.feed)])) { (part.feed) } },
                html! { (count(part.row_count)) },
            ]
        })
        .collect();
    let set_aside: Vec<Vec<Markup>> = rejections
        .iter()
        .take(200)
        .map(|one| vec![html! { (one.path) }, html! { (count(one.row_number)) }, html! { (visit.told(Place::Rejection, &one.reason)) }])
        .collect();
    let tightened = restrictions::section(&visit, &evidence).await?;
    let view = viewer::view(&visit, &evidence).await;
    let body = html! {
        (facts(&pairs))
        @if !reports.is_empty() {
            h2 { (visit.say("evidence-reports")) }
            (table(&visit.say("evidence-reports"), &[Column::text(visit.say("evidence-path")), Column::text(visit.say("evidence-format")), Column::text(visit.say("events-feed")), Column::number(visit.say("evidence-rows"))], &reports))
        }
        @if evidence.rejected_rows > 0 {
            h2 { (visit.say("evidence-rejected")) }
            (table(&visit.say("evidence-rejected"), &[Column::text(visit.say("evidence-path")), Column::number(visit.say("evidence-row")), Column::text(visit.say("evidence-reason"))], &set_aside))
            @if evidence.rejected_rows.unsigned_abs() as usize > set_aside.len() { p.quiet { (visit.say_with("evidence-rejected-more", &[("shown", grouped(set_aside.len() as u64).into())])) } }
        }
        (tightened)
        h2 { (visit.say("evidence-content")) }
        p.quiet { (visit.say("evidence-content-why")) }
        (view)
        @if visit.may(Right::Export) && !evidence.kept.is_empty() {
            p.actions { a.button href={ "/evidence/" (evidence.id) "/original" } download { (visit.say("evidence-download")) } }
        }
    };
    Ok(visit.page(&evidence.name, &body))
}

/// The bytes as they came: as a file to be kept, never as something a browser would show.
async fn original(visit: Visit, Path(id): Path<String>) -> Answer {
    let evidence = known(&visit, &id).await?;
    if evidence.kept.is_empty() {
        return Err(Fault::NotFound);
    }
    let (home, kept) = (visit.server.home.clone(), evidence.kept.clone());
    let (sender, receiver) = tokio::sync::mpsc::channel::<std::io::Result<Vec<u8>>>(4);
    tokio::task::spawn_blocking(move || {
        let mut input = match store::evidence::open(&home, &kept) {
            Ok(input) => input,
            Err(error) => return drop(sender.blocking_send(Err(std::io::Error::other(error)))),
        };
        loop {
            let mut buffer = vec![0; 64 << 10];
            let told = match std::io::Read::read(&mut input, &mut buffer) {
                Ok(0) => return,
                Ok(length) => {
                    buffer.truncate(length);
                    Ok(buffer)
                }
                Err(error) => Err(error),
            };
            let failed = told.is_err();
            // Whoever asked has gone: nothing more is read.
            if sender.blocking_send(told).is_err() || failed {
                return;
            }
        }
    });
    let stream = futures::stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) });
    let mut response = Response::new(Body::from_stream(stream.boxed()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_str(&disposition(&evidence)).map_err(anyhow::Error::from)?);
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    response.extensions_mut().insert(Detail(format!("{} TLP:{}", evidence.sha256, evidence.tlp)));
    Ok(response.into_response())
}

/// Its name without anything that a header or a file system would read; what may be dangerous does not open by itself.
fn disposition(evidence: &Evidence) -> String {
    let name = evidence.name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).take(100).collect();
    let name = name.trim_start_matches('.');
    format!("attachment; filename=\"{}-{name}.evidence\"", &evidence.id[..12])
}
