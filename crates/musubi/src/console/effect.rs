//! The effect of a change of parties or agreements, shown before it is saved: nothing is ever visible wider before somebody saw that it
//! would be.

use std::collections::BTreeMap;

use casework::model::agreement::{Agreement, Channel, Purpose};
use casework::model::party::{Party, PartyId};
use casework::model::terms::Terms;
use casework::share::effect::{Difference, Scope, World, differences};
use datafusion::arrow::array::AsArray as _;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use maud::{Markup, html};
use store::events::Questions;

use super::elements::table::{Column, table};
use super::elements::{Tone, badge};
use super::visit::{Fault, Visit};
use super::words::grouped;
use crate::api::standing::Standing;

/// Lines of the table; the sums are of all.
const LINES: usize = 200;

/// What would change.
#[derive(Debug)]
pub(super) struct Effect {
    differences: Vec<Difference>,
    /// Events held under terms.
    held: BTreeMap<i64, u64>,
    terms: BTreeMap<i64, Terms>,
    /// Nobody said who we are: then nothing is given to anybody.
    nobody: bool,
}

/// Asks both worlds; about these parties only.
pub(super) async fn of(
    visit: &Visit,
    standing: &Standing,
    parties: Vec<Party>,
    agreements: Vec<Agreement>,
    about: Vec<PartyId>,
    purposes: Vec<Purpose>,
    channels: Vec<Channel>,
) -> Result<Effect, Fault> {
    let terms: BTreeMap<i64, Terms> = standing.all_terms().map(|(id, terms)| (id, terms.clone())).collect();
    let Some(own) = standing.own.clone() else {
        return Ok(Effect { differences: Vec::new(), held: BTreeMap::new(), terms, nobody: true });
    };
    let (before_parties, before_agreements) = (standing.parties.clone(), standing.agreements().to_vec());
    let (known, now) = (terms.clone(), visit.now);
    let work = move || {
        let before = World { parties: &before_parties, agreements: &before_agreements };
        let after = World { parties: &parties, agreements: &agreements };
        let terms = known.iter().map(|(id, terms)| (*id, terms)).collect();
        differences(&before, &after, &Scope { own: &own, parties: about.iter().collect(), terms, purposes, channels, now })
    };
    let differences = tokio::task::spawn_blocking(work).await?;
    let held = if differences.is_empty() { BTreeMap::new() } else { held(visit).await? };
    Ok(Effect { differences, held, terms, nobody: false })
}

/// How many events are held under which terms.
async fn held(visit: &Visit) -> Result<BTreeMap<i64, u64>, Fault> {
    let questions = Questions::open_page(&visit.server.home, &visit.server.register).await?;
    let mut held = BTreeMap::new();
    for batch in questions.sql("SELECT terms, count(*) AS events FROM events GROUP BY terms").await?.collect().await? {
        let column = |at: usize| cast(batch.column(at), &DataType::Int64);
        let (terms, counts) = (column(0)?, column(1)?);
        let (terms, counts) = (terms.as_primitive::<Int64Type>(), counts.as_primitive::<Int64Type>());
        held.extend(terms.values().iter().zip(counts.values()).map(|(terms, count)| (*terms, count.unsigned_abs())));
    }
    Ok(held)
}

impl Effect {
    pub(super) fn show(&self, visit: &Visit) -> Markup {
        if self.nobody {
            return html! { p.wrong { (visit.say("effect-nobody")) } };
        }
        if self.differences.is_empty() {
            return html! { p.done-note { (visit.say("effect-none")) } };
        }
        let parties = |opens: bool| {
            let mut all: Vec<&PartyId> = self
                .differences
                .iter()
                .filter(|one| if opens { !one.gained.is_empty() } else { !one.lost.is_empty() })
                .map(|one| &one.party)
                .collect();
            all.dedup();
            all.len() as u64
        };
        let columns = [
            Column::text(visit.say("effect-party")),
            Column::text(visit.say("effect-terms")),
            Column::number(visit.say("effect-held")),
            Column::text(visit.say("effect-change")),
        ];
        let words = |purposes: &std::collections::BTreeSet<Purpose>| {
            purposes.iter().map(|purpose| visit.say(&format!("policy-purpose-{}", purpose.as_str()))).collect::<Vec<_>>().join(", ")
        };
        let rows: Vec<_> = self
            .differences
            .iter()
            .take(LINES)
            .map(|one| {
                vec![
                    html! { a href={ "/parties/" (one.party) } { (one.party) } },
                    html! { (self.terms.get(&one.terms).map(ToString::to_string).unwrap_or_default()) },
                    html! { (grouped(self.held.get(&one.terms).copied().unwrap_or(0))) },
                    html! {
                        @if !one.gained.is_empty() { (badge(Tone::Waiting, &visit.say("effect-gains"))) " " (words(&one.gained)) }
                        @if !one.lost.is_empty() { (badge(Tone::Quiet, &visit.say("effect-loses"))) " " (words(&one.lost)) }
                    },
                ]
            })
            .collect();
        html! {
            p {
                strong { (visit.say_with("effect-sum", &[("gain", grouped(parties(true)).into()), ("lose", grouped(parties(false)).into())])) }
            }
            (table(&visit.say("effect-title"), &columns, &rows))
            @if self.differences.len() > LINES { p.hint { (visit.say_with("effect-more", &[("shown", grouped((self.differences.len() - LINES) as u64).into())])) } }
        }
    }
}
