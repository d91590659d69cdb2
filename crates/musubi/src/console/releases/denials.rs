//! `/releases/denied`: what was not told, to whom, and the one rule that decided it.

use casework::told::Place;
use maud::html;

use super::ways;
use crate::console::elements::empty;
use crate::console::elements::query::Query;
use crate::console::elements::table::{Column, ROWS, paging, table};
use crate::console::visit::{Answer, Visit};
use crate::console::words::grouped;

pub(super) async fn list(visit: Visit) -> Answer {
    let query = Query::of(&visit.uri);
    let from: usize = query.one("after").and_then(|text| text.parse().ok()).unwrap_or(0);
    let all = visit.server.register.denials().await?;
    let next = (all.len() > from.saturating_add(ROWS)).then(|| (from + ROWS).to_string());
    let columns = [
        Column::text(visit.say("releases-to")),
        Column::text(visit.say("releases-denied-what")),
        Column::number(visit.say("releases-denied-findings")),
        Column::text(visit.say("releases-denied-rule")),
        Column::text(visit.say("releases-why")),
        Column::text(visit.say("releases-at")),
    ];
    let rows: Vec<_> = all
        .iter()
        .skip(from)
        .take(ROWS)
        .map(|(denial, at)| {
            let party = denial.digest.party.as_str();
            vec![
                html! { a.id href={ "/parties/" (party) } { (party) } },
                html! { (visit.say(&format!("told-problem-{}", denial.digest.problem.as_str()))) },
                html! { (grouped(denial.findings.unsigned_abs())) },
                html! { code { (denial.rule) } },
                html! { (visit.told(Place::Policy, &denial.reason)) },
                visit.stamp(*at),
            ]
        })
        .collect();
    let body = html! {
        p.lead { (visit.say("releases-denied-lead")) }
        (ways(&visit))
        @if rows.is_empty() { (empty(&visit.say("releases-denied-none"), None)) }
        @else { (table(&visit.say("releases-denied"), &columns, &rows)) (paging(&visit, next.as_deref())) }
    };
    Ok(visit.page(&visit.say("releases-denied"), &body))
}
