//! `/releases/receipt`: somebody shows a receipt. Is it of our log, of which release, and who has seen it?

use axum::http::StatusCode;
use casework::model::release::Statement;
use formats::tlog::tree::leaf;
use formats::tlog::{Policy, Proof};
use maud::html;

use super::ways;
use crate::console::elements::query::Query;
use crate::console::elements::{Tone, badge, empty, facts, form};
use crate::console::visit::{Answer, Visit};
use crate::console::words::grouped;

/// What a receipt says when it holds.
struct Held {
    statement: Statement,
    number: u64,
    size: u64,
    witnesses: Vec<String>,
}

/// Reads a receipt and checks it against our own key and witnesses, as anybody can without us.
fn read(text: &str, policy: &str) -> Result<Held, String> {
    let policy = Policy::read(policy.as_bytes()).map_err(|error| error.to_string())?;
    // A form turns line ends into CR LF; receipts have LF.
    let plain = text.replace("\r\n", "\n");
    let plain = format!("{}\n", plain.trim_end_matches('\n'));
    let proof = Proof::read(plain.as_bytes()).map_err(|error| error.to_string())?;
    let extra = proof.extra.as_deref().ok_or("no `extra` line: it does not say what was released")?;
    let statement = Statement::read(&String::from_utf8_lossy(extra)).map_err(|error| error.to_string())?;
    let accepted = proof.verify(leaf(&statement.entry()), &policy).map_err(|error| error.to_string())?;
    let name = |(at, _): &(usize, u64)| policy.witnesses.get(*at).map(|one| String::from_utf8_lossy(&one.name).into_owned());
    Ok(Held {
        number: proof.index,
        size: accepted.checkpoint.size,
        witnesses: accepted.witnesses.iter().filter_map(name).collect(),
        statement,
    })
}

pub(super) async fn check(visit: Visit) -> Answer {
    let query = Query::of(&visit.uri);
    let text = query.one("receipt").unwrap_or_default();
    if visit.server.register.log_key().await?.is_none() {
        let body = html! { p.lead { (visit.say("releases-check-lead")) } (ways(&visit)) (empty(&visit.say("releases-none"), None)) };
        return Ok(visit.page(&visit.say("releases-check"), &body));
    }
    let policy = visit.server.register.log_policy(0).await?;
    let held = (!text.is_empty()).then(|| read(text, &policy));
    let body = html! {
        p.lead { (visit.say("releases-check-lead")) }
        (ways(&visit))
        @match &held {
            Some(Ok(held)) => {
                @let statement = &held.statement;
                section.card {
                    p { (badge(Tone::Good, &visit.say("releases-valid"))) }
                    (facts(&[
                        (visit.say("releases-number"), html! { a href={ "/releases/" (statement.id) } { (grouped(held.number)) } }),
                        (visit.say("releases-size"), html! { (grouped(held.size)) }),
                        (visit.say("releases-to"), html! { (statement.recipient) }),
                        (visit.say("releases-at"), visit.stamp(statement.at.as_microsecond())),
                        (visit.say("releases-content"), html! { code { (crate::show::hex(&statement.content)) } }),
                        (visit.say("releases-witnesses"), html! { @if held.witnesses.is_empty() { "–" } @else { (held.witnesses.join(", ")) } }),
                    ]))
                }
            }
            Some(Err(why)) => { p.wrong role="alert" { (visit.say("releases-invalid")) " " (why) } }
            None => {}
        }
        form.stack method="get" action="/releases/receipt" {
            (form::lines("receipt", &visit.say("releases-receipt"), text, 12))
            button.first type="submit" { (visit.say("releases-check")) }
        }
        details { summary { (visit.say("releases-policy")) } pre { (policy) } }
    };
    let mut page = visit.page(&visit.say("releases-check"), &body);
    if matches!(held, Some(Err(_))) {
        *page.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(page)
}
