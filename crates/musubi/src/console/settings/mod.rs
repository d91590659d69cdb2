//! `/settings`: is this installation well, and what is set up here. What `musubi doctor` says, as a page.

mod delivered;
mod jobs;
mod keys;
mod tables;
mod tokens;

use std::sync::Arc;

use axum::extract::State;
use casework::model::rights::Right;
use maud::{Markup, html};
use store::jobs::Job;

use super::Route;
use super::elements::table::{Column, table};
use super::elements::{Tone, badge, empty, facts, tabs};
use super::visit::{Answer, Fault, Visit};
use super::words::grouped;
use crate::api::Server;
use crate::jobs::health::{self, Advice, Health};
use crate::show::size;

pub(super) fn routes() -> Vec<Route> {
    let own = vec![
        Route::get("/settings", Right::ReadSettings, show),
        Route::post("/settings/check", Right::ChangeSettings, check),
        Route::get("/settings/feeds", Right::ReadSettings, delivered::show),
        Route::get("/settings/tables", Right::ReadSettings, tables::show),
        Route::get("/settings/keys", Right::ReadSettings, keys::show),
        Route::get("/settings/jobs", Right::ReadSettings, jobs::show),
    ];
    [own, tokens::routes()].concat()
}

/// The ways between the pages of what is set up.
fn ways(visit: &Visit) -> Markup {
    let pages = [
        ("/settings", visit.say("setup-health")),
        ("/settings/feeds", visit.say("setup-feeds")),
        ("/settings/tables", visit.say("setup-tables")),
        ("/settings/keys", visit.say("setup-keys")),
        ("/settings/tokens", visit.say("setup-tokens")),
        ("/settings/jobs", visit.say("setup-jobs")),
    ];
    tabs(visit.uri.path(), &visit.say("setup-title"), &pages)
}

async fn show(State(server): State<Arc<Server>>, visit: Visit) -> Answer {
    let jobs = server.register.jobs(Some(health::JOB), 20).await?;
    let running = jobs.iter().find(|job| job.state == "running");
    let last = jobs.iter().find(|job| job.result.is_some());
    let failed = jobs.first().filter(|job| job.state == "failed");
    let body = html! {
        p.lead { (visit.say("setup-lead")) }
        (ways(&visit))
        @if let Some(job) = running { (progress(&visit, job)) }
        @else if visit.may(Right::ChangeSettings) {
            form.actions method="post" action="/settings/check" { button.first type="submit" { (visit.say("setup-check")) } }
        }
        @if let Some(job) = failed { p.wrong role="alert" { (visit.say("setup-check-failed")) " " (job.note.as_deref().unwrap_or_default()) } }
        @match last {
            Some(job) => (found(&visit, job)?),
            None => (empty(&visit.say("setup-never"), None)),
        }
    };
    Ok(match running {
        Some(_) => visit.page_again(&visit.say("setup-title"), 3, &body),
        None => visit.page(&visit.say("setup-title"), &body),
    })
}

async fn check(State(server): State<Arc<Server>>, visit: Visit) -> Answer {
    health::begin(&server.home, &server.register, Some(&visit.who()?.id)).await?;
    Ok(visit.on_to("/settings"))
}

/// How far work is.
fn progress(visit: &Visit, job: &Job) -> Markup {
    let done = grouped(job.done.unsigned_abs());
    html! {
        section.card role="status" {
            p {
                (visit.say("setup-running")) " "
                @if let Some(total) = job.total { progress value=(job.done) max=(total.max(1)) { } " " (done) " / " (grouped(total.unsigned_abs())) }
            }
            @if let Some(note) = &job.note { p.quiet { code { (note) } } }
        }
    }
}

fn found(visit: &Visit, job: &Job) -> Result<Markup, Fault> {
    let health: Health = serde_json::from_str(job.result.as_deref().unwrap_or_default())?;
    let pairs = [
        (visit.say("setup-checked"), html! { (visit.stamp(job.ended_at.unwrap_or(job.started_at))) }),
        (visit.say("setup-events"), html! { a href="/events" { (grouped(health.events)) } }),
        (visit.say("setup-segments"), html! { (grouped(health.segments)) ", " (size(health.segment_bytes)) }),
        (visit.say("setup-evidence"), html! { a href="/evidence" { (grouped(health.evidence)) } ", " (size(health.evidence_bytes)) }),
        (visit.say("setup-releases"), html! { a href="/releases" { (grouped(health.releases)) } }),
        (visit.say("setup-indicators"), html! { a href="/indicators" { (grouped(health.indicators)) } }),
        (visit.say("setup-parties"), html! { a href="/parties" { (grouped(health.parties)) } }),
        (visit.say("setup-free"), html! { @match health.free_bytes { Some(bytes) => (size(bytes)), None => "?" } }),
    ];
    Ok(html! {
        @if health.faults.is_empty() { p { (badge(Tone::Good, &visit.say("setup-well"))) } }
        @else {
            h2 { (badge(Tone::Bad, &visit.say("setup-faults"))) }
            (table(&visit.say("setup-faults"), &[Column::text(visit.say("setup-place")), Column::text(visit.say("setup-what"))],
                &health.faults.iter().map(|fault| vec![html! { code { (fault.place) } }, html! { (fault.what) }]).collect::<Vec<_>>()))
            p { (visit.say("setup-faults-next")) }
        }
        @if !health.advice.is_empty() {
            h2 { (visit.say("setup-advice")) }
            ul { @for advice in &health.advice { li { (advised(visit, advice)) } } }
        }
        h2 { (visit.say("setup-numbers")) }
        (facts(&pairs))
        @if !health.drift.is_empty() {
            h2 { (visit.say("setup-drift")) }
            p { (visit.say("setup-drift-why")) }
            (table(&visit.say("setup-drift"), &[Column::text(visit.say("setup-kind")), Column::text(visit.say("setup-name")), Column::number(visit.say("setup-times")), Column::text(visit.say("setup-last-in"))],
                &health.drift.iter().map(|one| vec![html! { (one.kind) }, html! { code { (one.name) } }, html! { (grouped(one.times.unsigned_abs())) }, html! { a href={ "/evidence/" (one.evidence) } { (one.evidence.chars().take(12).collect::<String>()) } }]).collect::<Vec<_>>()))
        }
    })
}

/// Advice as a viewer reads it.
fn advised(visit: &Visit, advice: &Advice) -> Markup {
    let say = |key: &str, with: &[(&str, String)]| {
        let with: Vec<_> = with.iter().map(|(name, value)| (*name, value.as_str().into())).collect();
        visit.say_with(key, &with)
    };
    html! {
        @match advice {
            Advice::OldTable { source, table, days } => (say("setup-advice-old-table", &[("source", source.clone()), ("table", table.clone()), ("days", days.to_string())])),
            Advice::NoTable { date } => (say("setup-advice-no-table", &[("date", date.clone())])),
            Advice::OldRegistry { source, days } => (say("setup-advice-old-registry", &[("source", source.clone()), ("days", days.to_string())])),
            Advice::OldWarnings { count, first } => (say("setup-advice-old-warnings", &[("number", count.to_string()), ("first", first.clone())])),
            Advice::NoWarnings => (visit.say("setup-advice-no-warnings")),
            Advice::Party { party, what } => { a href={ "/parties/" (party) } { (party) } ": " (what) },
            Advice::MoreParties { count } => (say("setup-advice-more-parties", &[("number", count.to_string())])),
            Advice::NoOwnParty => (visit.say("setup-advice-no-own-party")),
            Advice::LittleRoom { bytes, folder } => (say("setup-advice-little-room", &[("bytes", size(*bytes)), ("folder", folder.clone())])),
            Advice::SmallSegments { count } => (say("setup-advice-small-segments", &[("number", count.to_string())])),
        }
    }
}
