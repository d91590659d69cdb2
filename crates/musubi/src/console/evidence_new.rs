//! `/evidence/new`: evidence brought by hand. The form works without a script; with one, large files are sent in pieces and go on where
//! they were broken off. Both are the uploads of the interface for machines. The portal shows the same of what an outside party gives.

use std::time::Duration;

use axum::extract::{Path, Request};
use casework::model::rights::Right;
use casework::told::Place;
use maud::{Markup, html};
use store::uploads::Upload;

use super::Route;
use super::elements::form::{Field, field};
use super::elements::table::{Column, table};
use super::elements::{empty, facts};
use super::visit::{Answer, Detail, Fault, Visit};
use super::words::grouped;
use crate::api::rest::arriving::{LATER, Stopped, wait};
use crate::api::rest::giving::form;
use crate::api::rest::said::Said;
use crate::api::rest::uploads::{Outcome, own, whose};

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
    let recent = visit.server.register.uploads(whose(visit.who()?), None, 20).await?;
    let body = html! {
        p.lead { (visit.say("evidence-new-lead")) }
        form.stack method="post" action="/evidence/new" enctype="multipart/form-data" data-upload="/api/v1/uploads" data-then="/evidence/new" {
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
        @else { (list(&visit, "/evidence/new", &recent, true)) }
    };
    Ok(visit.page(&visit.say("evidence-new-title"), &body))
}

/// Uploads, each a way to what became of it. An outside party is not told what was known before: then it is not `ours`.
pub(super) fn list(visit: &Visit, base: &str, uploads: &[Upload], ours: bool) -> Markup {
    let mut columns = vec![
        Column::text(visit.say("evidence-new-name")),
        Column::text(visit.say("evidence-new-at")),
        Column::text(visit.say("evidence-new-tlp")),
        Column::text(visit.say("evidence-new-state")),
        Column::number(visit.say(if ours { "evidence-new-stored" } else { "evidence-new-taken" })),
    ];
    if ours {
        columns.push(Column::number(visit.say("evidence-new-duplicate")));
    }
    columns.push(Column::number(visit.say("evidence-new-rejected")));
    let rows: Vec<_> = uploads
        .iter()
        .map(|upload| {
            let outcome: Option<Outcome> = upload.outcome.as_deref().and_then(|text| serde_json::from_str(text).ok());
            let number = |of: fn(&Outcome) -> u64| html! { @if let Some(outcome) = &outcome { (grouped(of(outcome))) } };
            let mut row = vec![
                html! { a href={ (base) "/" (upload.id) } { (upload.name) } },
                visit.stamp(upload.created_at),
                html! { (upload.terms.as_deref().unwrap_or_default()) },
                html! { (state(visit, &upload.state)) },
                number(|outcome| outcome.stored),
            ];
            if ours {
                row.push(number(|outcome| outcome.duplicate));
            }
            row.push(number(|outcome| outcome.rejected));
            row
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
    taken(&visit, request, "/evidence/new").await
}

/// Takes what a form brings; then to what became of it.
pub(super) async fn taken(visit: &Visit, request: Request, base: &str) -> Answer {
    let ids = match form(visit, request, Said::default()).await? {
        Ok(ids) => ids,
        Err(Stopped::Failed(error)) => return Err(Fault::Failed(error)),
        Err(Stopped::TooMuch) => return Err(Fault::TooMany(LATER)),
        Err(Stopped::TooLarge) => return Err(Fault::Wrong(visit.say("evidence-new-too-large"))),
        Err(Stopped::TooSlow | Stopped::Gone) => return Err(Fault::Wrong(visit.say("evidence-new-broken"))),
    };
    let uploads = wait(&visit.server, &ids, WAIT).await?;
    let mut response = match ids.as_slice() {
        [one] => visit.on_to(&format!("{base}/{one}")),
        _ => visit.on_to(base),
    };
    let told = |upload: &Upload| format!("{} ({})", upload.id, upload.terms.as_deref().unwrap_or("terms of feed or giver"));
    response.extensions_mut().insert(Detail(uploads.iter().map(told).collect::<Vec<_>>().join(", ")));
    Ok(response)
}

async fn one(visit: Visit, Path(id): Path<String>) -> Answer {
    let upload = own(&visit, &id).await?;
    let body = became(&visit, &upload, "/evidence/new", true);
    let title = visit.say("evidence-new-one");
    Ok(if is_under_way(&upload) { visit.page_again(&title, 1, &body) } else { visit.page(&title, &body) })
}

/// It changes while one looks.
pub(super) fn is_under_way(upload: &Upload) -> bool {
    upload.ended_at.is_none() && upload.state != "open"
}

/// What became of an upload, row by row; as an outside party is told it when it is not `ours`.
pub(super) fn became(visit: &Visit, upload: &Upload, base: &str, ours: bool) -> Markup {
    let outcome: Outcome = upload.outcome.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let mut pairs = vec![
        (visit.say("evidence-new-name"), html! { (upload.name) }),
        (visit.say("evidence-new-at"), visit.stamp(upload.created_at)),
        (visit.say("evidence-new-tlp"), html! { (upload.terms.as_deref().unwrap_or("–")) }),
        (visit.say("evidence-new-state"), html! { (state(visit, &upload.state)) }),
        (visit.say("evidence-new-bytes"), html! { (grouped(upload.offset_bytes.unsigned_abs())) }),
    ];
    let over = upload.ended_at.is_some();
    if over {
        pairs.push((visit.say("evidence-new-read"), html! { (grouped(outcome.read)) }));
        if ours {
            pairs.push((visit.say("evidence-new-stored"), html! { (grouped(outcome.stored)) }));
            pairs.push((visit.say("evidence-new-duplicate"), html! { (grouped(outcome.duplicate)) }));
        } else {
            pairs.push((visit.say("evidence-new-taken"), html! { (grouped(outcome.stored)) }));
        }
        pairs.push((visit.say("evidence-new-rejected"), html! { (grouped(outcome.rejected)) }));
    }
    if let Some(evidence) = upload.evidence.as_ref().filter(|_| ours) {
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
            vec![
                html! { (one["row"].as_u64().map(grouped).unwrap_or_default()) },
                html! { (text("path")) },
                html! { (visit.told(Place::Rejection, &text("reason"))) },
            ]
        })
        .collect();
    html! {
        (facts(&pairs))
        @if outcome.known { p { (visit.say("evidence-new-known")) } }
        @if let Some(error) = &outcome.error { p.wrong role="alert" { (visit.told(Place::Rejection, error)) } }
        @if !over && upload.state == "open" { p { (visit.say("evidence-new-open-why")) } }
        @if !rows.is_empty() { h2 { (visit.say("evidence-new-rejections")) } (table(&visit.say("evidence-new-rejections"), &columns, &rows)) }
        p { a href=(base) { (visit.say("evidence-new-another")) } }
    }
}
