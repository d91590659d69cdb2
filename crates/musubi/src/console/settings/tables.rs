//! `/settings/tables`: what events are enriched with, how old it is, and how long things are kept.

use std::sync::Arc;

use axum::extract::State;
use casework::enrich::builtin;
use maud::{Markup, html};

use super::ways;
use crate::api::Server;
use crate::console::elements::table::{Column, table};
use crate::console::elements::{Tone, badge, facts};
use crate::console::visit::{Answer, Visit};
use crate::console::words::grouped;
use crate::jobs::health::{OLD, age};

pub(super) async fn show(State(server): State<Arc<Server>>, visit: Visit) -> Answer {
    let register = &server.register;
    let (tables, registries, lists) = (register.tables().await?, register.registry_tables().await?, register.warning_lists().await?);
    let columns = [
        Column::text(visit.say("setup-table")),
        Column::text(visit.say("setup-kind")),
        Column::text(visit.say("setup-table-date")),
        Column::text(visit.say("setup-age")),
        Column::number(visit.say("setup-entries")),
    ];
    let number = |number: i64| html! { (grouped(number.unsigned_abs())) };
    let dated = |date: &str| (html! { (date) }, days(&visit, age(date, visit.now).map(i64::from)));
    let mut rows: Vec<Vec<Markup>> = Vec::new();
    for one in &tables {
        let (date, days) = dated(&one.dated);
        rows.push(vec![html! { (one.source) }, html! { (one.kind) }, date, days, number(one.row_count)]);
    }
    for one in &registries {
        let (date, days) = dated(&one.dated);
        rows.push(vec![html! { (one.source) }, html! { (visit.say("setup-registry")) }, date, days, number(one.network_count)]);
    }
    for one in &lists {
        let old = (visit.now.as_microsecond() - one.imported_at) / 86_400_000_000;
        let kind = html! { (visit.say("setup-warning-list")) };
        rows.push(vec![html! { (one.name) }, kind, visit.stamp(one.imported_at), days(&visit, Some(old)), number(one.entry_count)]);
    }
    let builtin = builtin::country_table().about().origin.date.to_string();
    let (date, old) = dated(&builtin);
    rows.push(vec![html! { (visit.say("setup-builtin")) }, html! { "country" }, date, old, html! {}]);
    let segments = register.segments().await?;
    let oldest = segments.iter().map(|segment| segment.time_min).min();
    let body = html! {
        p.lead { (visit.say("setup-tables-lead")) }
        (ways(&visit))
        (table(&visit.say("setup-tables"), &columns, &rows))
        p.hint { (visit.say("setup-tables-how")) }
        h2 { (visit.say("setup-retention")) }
        (facts(&[(visit.say("setup-oldest"), html! { @match oldest { Some(at) => (visit.stamp(at)), None => (visit.say("setup-nothing-kept")) } })]))
        p { (visit.say("setup-retention-how")) " " code { "musubi compact --keep 400d" } }
    };
    Ok(visit.page(&visit.say("setup-tables"), &body))
}

fn days(visit: &Visit, days: Option<i64>) -> Markup {
    html! {
        @if let Some(days) = days {
            @let text = visit.say_with("setup-days", &[("number", days.to_string().into()), ("count", days.into())]);
            @if days > i64::from(OLD) { (badge(Tone::Waiting, &text)) } @else { (text) }
        }
    }
}
