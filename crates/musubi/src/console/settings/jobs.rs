//! `/settings/jobs`: work of the server that takes a while, how far it is, and why it failed.

use std::sync::Arc;

use axum::extract::State;
use casework::model::rights::Right;
use casework::told::Place;
use maud::{Markup, html};
use store::uploads::Upload;

use super::ways;
use crate::api::Server;
use crate::console::elements::table::{Column, table};
use crate::console::elements::{Tone, badge, empty};
use crate::console::visit::{Answer, Visit};
use crate::console::words::grouped;
use crate::show::size;

pub(super) async fn show(State(server): State<Arc<Server>>, visit: Visit) -> Answer {
    let jobs = server.register.jobs(None, 100).await?;
    let uploads = server.register.uploads(store::uploads::Whose::Everybodys, None, 50).await?;
    let runs = jobs.iter().any(|job| job.state == "running");
    let columns = [
        Column::text(visit.say("setup-job")),
        Column::text(visit.say("setup-job-state")),
        Column::text(visit.say("setup-job-progress")),
        Column::text(visit.say("setup-job-started")),
        Column::text(visit.say("setup-job-ended")),
        Column::text(visit.say("setup-job-note")),
    ];
    let rows: Vec<Vec<Markup>> = jobs
        .iter()
        .map(|job| {
            let (tone, word) = match job.state.as_str() {
                "running" => (Tone::Waiting, visit.say("setup-job-running")),
                "failed" => (Tone::Bad, visit.say("setup-job-failed")),
                _ => (Tone::Good, visit.say("setup-job-done")),
            };
            let what = if job.kind == "health" { visit.say("setup-job-health") } else { job.kind.clone() };
            vec![
                html! { @if job.kind == "health" { a href="/settings" { (what) } } @else { (what) } },
                badge(tone, &word),
                html! { @if let Some(total) = job.total { (grouped(job.done.unsigned_abs())) " / " (grouped(total.unsigned_abs())) } },
                visit.stamp(job.started_at),
                html! { @if let Some(at) = job.ended_at { (visit.stamp(at)) } },
                html! { (job.note.as_deref().map_or_else(String::new, |note| visit.told(Place::Job, note))) },
            ]
        })
        .collect();
    let rows = [rows, uploads.iter().map(|upload| brought(&visit, upload)).collect()].concat();
    let body = html! {
        (ways(&visit))
        @if rows.is_empty() { (empty(&visit.say("setup-no-jobs"), Some(("/settings", &visit.say("setup-health"))))) }
        @else { (table(&visit.say("setup-jobs"), &columns, &rows)) }
    };
    let title = visit.say("setup-jobs");
    Ok(if runs { visit.page_again(&title, 3, &body) } else { visit.page(&title, &body) })
}

/// Evidence that was brought, as work that is done.
fn brought(visit: &Visit, upload: &Upload) -> Vec<Markup> {
    let (tone, word) = match upload.state.as_str() {
        "done" => (Tone::Good, visit.say("setup-job-done")),
        "failed" => (Tone::Bad, visit.say("setup-job-failed")),
        "withdrawn" => (Tone::Quiet, visit.say("setup-job-withdrawn")),
        "open" => (Tone::Waiting, visit.say("setup-job-arriving")),
        "waiting" => (Tone::Waiting, visit.say("setup-job-waiting")),
        _ => (Tone::Waiting, visit.say("setup-job-running")),
    };
    let outcome: Option<serde_json::Value> = upload.outcome.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let error = outcome.as_ref().and_then(|outcome| outcome["error"].as_str()).unwrap_or_default();
    vec![
        html! {
            (visit.say("setup-job-upload")) " "
            @if visit.may(Right::GiveEvidence) { a href={ "/evidence/new/" (upload.id) } { (upload.name) } } @else { (upload.name) }
        },
        badge(tone, &word),
        html! { (size(upload.offset_bytes.unsigned_abs())) @if let Some(whole) = upload.size_bytes { " / " (size(whole.unsigned_abs())) } },
        visit.stamp(upload.created_at),
        html! { @if let Some(at) = upload.ended_at { (visit.stamp(at)) } },
        html! { (error) @if let Some(id) = &upload.evidence { a href={ "/evidence/" (id) } { (id.chars().take(12).collect::<String>()) } } },
    ]
}
