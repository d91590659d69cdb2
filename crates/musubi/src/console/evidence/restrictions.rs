//! Evidence that its giver put under stricter terms: when, and what had left before. On the page of the evidence.

use std::collections::BTreeSet;

use casework::model::rights::Right;
use maud::{Markup, html};
use store::evidence::Evidence;
use store::releases::Logged;
use store::restrictions::Restriction;

use crate::console::elements::table::{Column, table};
use crate::console::visit::{Fault, Visit};
use crate::console::words::grouped;

/// Releases of each list.
const SHOWN: u32 = 50;

pub(super) async fn section(visit: &Visit, evidence: &Evidence) -> Result<Markup, Fault> {
    let register = &visit.server.register;
    let all = register.restrictions(&evidence.id).await?;
    if all.is_empty() {
        return Ok(html! {});
    }
    let mut parts = Vec::new();
    for one in &all {
        let surely = register.left_before(one.number).await?;
        let known: BTreeSet<u64> = surely.iter().map(|logged| logged.number).collect();
        let former: Vec<i64> = one.former().collect();
        let mut perhaps = register.told_under(&former, evidence.received_at, one.at, SHOWN).await?;
        perhaps.retain(|logged| !known.contains(&logged.number));
        parts.push(part(visit, one, &surely, &perhaps));
    }
    Ok(html! { h2 { (visit.say("evidence-tightened")) } @for part in parts { (part) } })
}

fn part(visit: &Visit, one: &Restriction, surely: &[Logged], perhaps: &[Logged]) -> Markup {
    let count = |number: i64| grouped(number.unsigned_abs());
    let values = [
        ("before", one.before.clone().into()),
        ("after", one.after.clone().into()),
        ("party", one.party.clone().into()),
        ("person", one.person.clone().into()),
    ];
    html! {
        section.card {
            p { (visit.stamp(one.at)) " " (visit.say_with("evidence-tightened-what", &values)) }
            ul {
                li { (visit.say_with("evidence-tightened-rows", &[("count", count(one.rows).into())])) }
                li { (visit.say_with("evidence-tightened-taken-back", &[("count", count(one.taken_back).into())])) }
                li { (visit.say_with("evidence-tightened-stopped", &[("count", count(one.stopped).into())])) }
            }
            @if visit.may(Right::ReadReleases) {
                h3 { (visit.say("evidence-tightened-left")) }
                @if surely.is_empty() { p.quiet { (visit.say("evidence-tightened-left-none")) } }
                @else { (releases(visit, &visit.say("evidence-tightened-left"), surely)) }
                @if !perhaps.is_empty() {
                    details {
                        summary { (visit.say("evidence-tightened-perhaps")) }
                        p.quiet { (visit.say("evidence-tightened-perhaps-why")) }
                        (releases(visit, &visit.say("evidence-tightened-perhaps"), perhaps))
                    }
                }
            }
        }
    }
}

fn releases(visit: &Visit, caption: &str, all: &[Logged]) -> Markup {
    let columns = [
        Column::text(visit.say("releases-at")),
        Column::text(visit.say("releases-number")),
        Column::text(visit.say("releases-to")),
        Column::text(visit.say("releases-channel")),
    ];
    let rows: Vec<_> = all
        .iter()
        .take(SHOWN as usize)
        .map(|logged| {
            let release = &logged.release;
            vec![
                visit.stamp(release.at.as_microsecond()),
                html! { a href={ "/releases/" (release.id) } { (grouped(logged.number)) } },
                html! { a href={ "/parties/" (release.recipient) } { (release.recipient) } },
                html! { (visit.say(&format!("policy-channel-{}", release.channel.as_str()))) },
            ]
        })
        .collect();
    table(caption, &columns, &rows)
}
