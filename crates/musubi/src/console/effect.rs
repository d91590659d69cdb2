//! The effect of a change of parties or agreements, as it is shown before it is saved.

use casework::model::agreement::Purpose;
use maud::{Markup, html};

use super::elements::table::{Column, table};
use super::elements::{Tone, badge};
use super::visit::Visit;
use super::words::grouped;
use crate::api::effect::Effect;

/// Lines of the table; the sums are of all.
const LINES: usize = 200;

pub(super) fn show(visit: &Visit, effect: &Effect) -> Markup {
    if effect.nobody {
        return html! { p.wrong { (visit.say("effect-nobody")) } };
    }
    if effect.differences.is_empty() {
        return html! { p.done-note { (visit.say("effect-none")) } };
    }
    let columns = [
        Column::text(visit.say("effect-party")),
        Column::text(visit.say("effect-terms")),
        Column::number(visit.say("effect-held")),
        Column::text(visit.say("effect-change")),
    ];
    let words = |purposes: &std::collections::BTreeSet<Purpose>| {
        purposes.iter().map(|purpose| visit.say(&format!("policy-purpose-{}", purpose.as_str()))).collect::<Vec<_>>().join(", ")
    };
    let rows: Vec<_> = effect
        .differences
        .iter()
        .take(LINES)
        .map(|one| {
            vec![
                html! { a.id href={ "/parties/" (one.party) } { (one.party) } },
                html! { (effect.terms.get(&one.terms).map(ToString::to_string).unwrap_or_default()) },
                html! { (grouped(effect.held.get(&one.terms).copied().unwrap_or(0))) },
                html! {
                    @if !one.gained.is_empty() { (badge(Tone::Waiting, &visit.say("effect-gains"))) " " (words(&one.gained)) }
                    @if !one.lost.is_empty() { (badge(Tone::Quiet, &visit.say("effect-loses"))) " " (words(&one.lost)) }
                },
            ]
        })
        .collect();
    html! {
        p {
            strong { (visit.say_with("effect-sum", &[("gain", grouped(effect.parties(true)).into()), ("lose", grouped(effect.parties(false)).into())])) }
        }
        (table(&visit.say("effect-title"), &columns, &rows))
        @if effect.differences.len() > LINES { p.hint { (visit.say_with("effect-more", &[("shown", grouped((effect.differences.len() - LINES) as u64).into())])) } }
    }
}
