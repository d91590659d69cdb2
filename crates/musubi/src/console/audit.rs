//! `/settings/audit`: who did what, from where, and what came of it. Entries are written by the guard of every route, not by pages.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse as _;
use casework::model::rights::Right;
use casework::told::Place;
use jiff::Timestamp;
use maud::{Markup, html};
use store::people::Deed;

use super::Route;
use super::elements::query::Query;
use super::elements::table::{Column, ROWS, paging, table};
use super::elements::{Tone, badge, empty};
use super::visit::{Answer, Visit};
use crate::api::Server;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/settings/audit", Right::ReadPeople, list), Route::get("/settings/audit.csv", Right::ReadPeople, export).exporting()]
}

/// What came of it: the status of the answer.
fn outcome(visit: &Visit, deed: &Deed) -> Markup {
    match deed.outcome {
        0 | 200..=399 => badge(Tone::Good, &visit.say("audit-done")),
        401 | 403 | 404 => badge(Tone::Bad, &visit.say("audit-refused")),
        400..=499 => badge(Tone::Waiting, &visit.say("audit-wrong")),
        _ => badge(Tone::Bad, &visit.say("audit-failed")),
    }
}

async fn list(State(server): State<Arc<Server>>, visit: Visit) -> Answer {
    let query = Query::of(&visit.uri);
    let person = query.one("person");
    let before = query.one("after").and_then(|text| text.parse().ok());
    let mut found = server.register.deeds(person, before, ROWS as u32 + 1).await?;
    let more = found.len() > ROWS;
    found.truncate(ROWS);
    let next = more.then(|| found.last().map(|deed| deed.number.to_string())).flatten();
    let of = match person {
        Some(id) => server.register.person(id).await?.map(|one| one.shown),
        None => None,
    };
    let columns = [
        Column::text(visit.say("audit-at")),
        Column::text(visit.say("audit-who")),
        Column::text(visit.say("audit-did")),
        Column::text(visit.say("audit-subject")),
        Column::text(visit.say("audit-outcome")),
        Column::text(visit.say("audit-detail")),
        Column::text(visit.say("audit-address")),
    ];
    let rows: Vec<Vec<Markup>> = found
        .iter()
        .map(|deed| {
            vec![
                visit.stamp(deed.at),
                html! {
                    @match deed.person.as_deref().filter(|id| !id.contains(':')) {
                        Some(id) => a href={ "/settings/audit?person=" (id) } { (deed.shown) },
                        None if deed.shown.is_empty() => span.quiet { (visit.say("audit-unknown")) },
                        None => (deed.shown),
                    }
                },
                html! { code { (deed.did) } },
                html! { (deed.subject) },
                outcome(&visit, deed),
                html! { (deed.detail.as_deref().map_or_else(String::new, |detail| visit.told(Place::Audit, detail))) },
                html! { span.address { (deed.address) } },
            ]
        })
        .collect();
    let csv = query.with("after", None).link("/settings/audit.csv");
    let body = html! {
        p.lead { (visit.say("audit-lead")) }
        @if let Some(id) = person {
            p.filter { (visit.say_with("audit-of", &[("name", of.as_deref().unwrap_or(id).into())])) " " a href="/settings/audit" { (visit.say("table-clear")) } }
        }
        @if rows.is_empty() { (empty(&visit.say("audit-none"), None)) }
        @else {
            p { a.button href=(csv) { (visit.say("audit-csv")) } }
            (table(&visit.say("audit-title"), &columns, &rows))
            (paging(&visit, next.as_deref()))
        }
    };
    Ok(visit.page(&visit.say("audit-title"), &body))
}

/// Entries in one file; who wants more asks for those before.
const MOST: u32 = 100_000;

/// What the page shows, all of it, as a file; cells that a table program would compute are made plain.
async fn export(State(server): State<Arc<Server>>, visit: Visit) -> Answer {
    let query = Query::of(&visit.uri);
    let mut text = String::from("number,at,who,id,party,address,did,subject,outcome,detail\r\n");
    let mut before = query.one("after").and_then(|text| text.parse().ok());
    let mut left = MOST;
    while left > 0 {
        let page = server.register.deeds(query.one("person"), before, left.min(1000)).await?;
        for deed in &page {
            row(&mut text, deed);
        }
        left = left.saturating_sub(page.len() as u32);
        before = page.last().map(|deed| deed.number);
        if page.len() < 1000 {
            break;
        }
    }
    let name = visit.now.strftime("attachment; filename=\"audit-%Y%m%d.csv\"").to_string();
    Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)], text).into_response())
}

fn row(text: &mut String, deed: &Deed) {
    let at = Timestamp::from_microsecond(deed.at).map_or_else(|_| String::new(), |at| at.to_string());
    let _ = write!(text, "{},{at}", deed.number);
    for cell in [&deed.shown, deed.person.as_deref().unwrap_or_default(), &deed.party, &deed.address, &deed.did, &deed.subject] {
        text.push(',');
        text.push_str(&plain_cell(cell));
    }
    let _ = write!(text, ",{},", deed.outcome);
    text.push_str(&plain_cell(deed.detail.as_deref().unwrap_or_default()));
    text.push_str("\r\n");
}

/// A cell that no table program takes for a formula (OWASP: CSV injection), quoted (RFC 4180 §2).
fn plain_cell(value: &str) -> String {
    let formula = value.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let value = if formula { format!("'{value}") } else { value.to_owned() };
    if value.contains([',', '"', '\r', '\n', ';', '\t']) || formula { format!("\"{}\"", value.replace('"', "\"\"")) } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(plain_cell("=1+1"), "\"'=1+1\"");
        assert_eq!(plain_cell("@x,\"y\""), "\"'@x,\"\"y\"\"\"");
        assert_eq!(plain_cell("GET /cases"), "GET /cases");
        assert_eq!(plain_cell("a;b"), "\"a;b\"");
    }
}
