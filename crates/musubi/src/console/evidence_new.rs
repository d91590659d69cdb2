//! `/evidence/new`: evidence brought by hand. The form works without a script; with one, large files are sent in pieces and go on where
//! they were broken off. Both are the uploads of the interface for machines.

use std::time::Duration;

use axum::extract::{Path, Request};
use casework::model::rights::Right;
use maud::{Markup, html};

use super::Route;
use super::elements::form::{Field, field};
use super::elements::table::{Column, table};
use super::elements::{empty, facts};
use super::visit::{Answer, Fault, Visit};
use super::words::grouped;
use crate::api::rest::uploads::{Outcome, Said, Stopped, form, wait};

/// A form waits this long for what becomes of small files.
const WAIT: Duration = Duration::from_secs(5);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/evidence/new", Right::GiveEvidence, ask),
        Route::post("/evidence/new", Right::GiveEvidence, take).taking(usize::MAX),
        Route::get("/evidence/new/{id}", Right::GiveEvidence, one),
    ]
}

async fn ask(visit: Visit) -> Answer {
    let recent = visit.server.register.uploads(Some(&visit.who()?.id), None, 20).await?;
    let body = html! {
        p.lead { (visit.say("evidence-new-lead")) }
        form.stack method="post" action="/evidence/new" enctype="multipart/form-data" data-upload="/api/v1/uploads" {
            (field(&Field { name: "feed", label: &visit.say("evidence-new-feed"), hint: &visit.say("evidence-new-feed-hint"), ..Field::default() }))
            (field(&Field { name: "tlp", label: &visit.say("evidence-new-tlp"), hint: &visit.say("evidence-new-tlp-hint"), ..Field::default() }))
            (field(&Field { name: "from", label: &visit.say("evidence-new-from"), hint: &visit.say("evidence-new-from-hint"), ..Field::default() }))
            div.field {
                label for="file" { (visit.say("evidence-new-file")) }
                input #file type="file" name="file" multiple required aria-describedby="hint-file";
                p.hint #hint-file { (visit.say("evidence-new-file-hint")) }
            }
            div.progress data-progress aria-live="polite" {}
            button.first type="submit" { (visit.say("evidence-new-do")) }
        }
        h2 { (visit.say("evidence-new-recent")) }
        @if recent.is_empty() { (empty(&visit.say("evidence-new-none"), None)) }
        @else { (list(&visit, &recent)) }
    };
    Ok(visit.page(&visit.say("evidence-new-title"), &body))
}

fn list(visit: &Visit, uploads: &[store::uploads::Upload]) -> Markup {
    let columns = [
        Column::text(visit.say("evidence-new-name")),
        Column::text(visit.say("evidence-new-at")),
        Column::text(visit.say("evidence-new-state")),
        Column::number(visit.say("evidence-new-stored")),
        Column::number(visit.say("evidence-new-duplicate")),
        Column::number(visit.say("evidence-new-rejected")),
    ];
    let rows: Vec<_> = uploads
        .iter()
        .map(|upload| {
            let outcome: Option<Outcome> = upload.outcome.as_deref().and_then(|text| serde_json::from_str(text).ok());
            let number = |of: fn(&Outcome) -> u64| html! { @if let Some(outcome) = &outcome { (grouped(of(outcome))) } };
            vec![
                html! { a href={ "/evidence/new/" (upload.id) } { (upload.name) } },
                visit.stamp(upload.created_at),
                html! { (state(visit, &upload.state)) },
                number(|outcome| outcome.stored),
                number(|outcome| outcome.duplicate),
                number(|outcome| outcome.rejected),
            ]
        })
        .collect();
    table(&visit.say("evidence-new-recent"), &columns, &rows)
}

fn state(visit: &Visit, state: &str) -> String {
    match state {
        "open" => visit.say("evidence-new-open"),
        "waiting" => visit.say("evidence-new-waiting"),
        "reading" => visit.say("evidence-new-reading"),
        "done" => visit.say("evidence-new-done"),
        "withdrawn" => visit.say("evidence-new-withdrawn"),
        _ => visit.say("evidence-new-failed"),
    }
}

async fn take(visit: Visit, request: Request) -> Answer {
    let ids = match form(&visit, request, Said::default()).await? {
        Ok(ids) => ids,
        Err(Stopped::Failed(error)) => return Err(Fault::Failed(error)),
        Err(Stopped::TooLarge) => return Err(Fault::Wrong(visit.say("evidence-new-too-large"))),
        Err(Stopped::TooSlow | Stopped::Gone) => return Err(Fault::Wrong(visit.say("evidence-new-broken"))),
    };
    wait(&visit.server, &ids, WAIT).await?;
    match ids.as_slice() {
        [one] => Ok(visit.on_to(&format!("/evidence/new/{one}"))),
        _ => Ok(visit.on_to("/evidence/new")),
    }
}

async fn one(visit: Visit, Path(id): Path<String>) -> Answer {
    let upload = visit.server.register.upload(&id).await?.filter(|upload| visit.who.as_ref().is_some_and(|who| who.id == upload.person));
    let upload = upload.ok_or(Fault::NotFound)?;
    let outcome: Outcome = upload.outcome.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let mut pairs = vec![
        (visit.say("evidence-new-name"), html! { (upload.name) }),
        (visit.say("evidence-new-at"), visit.stamp(upload.created_at)),
        (visit.say("evidence-new-state"), html! { (state(&visit, &upload.state)) }),
        (visit.say("evidence-new-bytes"), html! { (grouped(upload.offset_bytes.unsigned_abs())) }),
    ];
    let over = upload.ended_at.is_some();
    if over {
        pairs.extend([
            (visit.say("evidence-new-read"), html! { (grouped(outcome.read)) }),
            (visit.say("evidence-new-stored"), html! { (grouped(outcome.stored)) }),
            (visit.say("evidence-new-duplicate"), html! { (grouped(outcome.duplicate)) }),
            (visit.say("evidence-new-rejected"), html! { (grouped(outcome.rejected)) }),
        ]);
    }
    if let Some(evidence) = &upload.evidence {
        pairs.push((visit.say("evidence-new-evidence"), html! { a href={ "/evidence/" (evidence) } { code { (evidence) } } }));
    }
    let columns = [
        Column::number(visit.say("evidence-new-row")),
        Column::text(visit.say("evidence-new-path")),
        Column::text(visit.say("evidence-new-reason")),
    ];
    let rows: Vec<_> = outcome
        .rejections
        .iter()
        .map(|one| {
            let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
            vec![html! { (one["row"].as_u64().map(grouped).unwrap_or_default()) }, html! { (text("path")) }, html! { (text("reason")) }]
        })
        .collect();
    let body = html! {
        (facts(&pairs))
        @if outcome.known { p { (visit.say("evidence-new-known")) } }
        @if let Some(error) = &outcome.error { p.wrong role="alert" { (error) } }
        @if !over && upload.state == "open" { p { (visit.say("evidence-new-open-why")) } }
        @if !rows.is_empty() { h2 { (visit.say("evidence-new-rejections")) } (table(&visit.say("evidence-new-rejections"), &columns, &rows)) }
        p { a href="/evidence/new" { (visit.say("evidence-new-another")) } }
    };
    let title = visit.say("evidence-new-one");
    Ok(if over || upload.state == "open" { visit.page(&title, &body) } else { visit.page_again(&title, 1, &body) })
}
