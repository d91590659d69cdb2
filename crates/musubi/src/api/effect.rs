//! What would change for whom, if a party or an agreement were another? Asked before it is saved, by the console and by machines: nothing is
//! ever visible wider before somebody saw that it would be.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use casework::enrich::responsible::Directory;
use casework::model::agreement::{Agreement, Channel, Purpose};
use casework::model::party::{Claim, Party, PartyId};
use casework::model::terms::Terms;
use casework::share::effect::{Difference, Scope, World, differences};
use datafusion::arrow::array::AsArray as _;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use jiff::Timestamp;

use super::Server;
use super::standing::Standing;
use crate::console::visit::Fault;
use crate::receive::registry_in;

/// Claims that are told; what changes beyond them is as many entries as nobody looks at.
const CLAIMS: usize = 200;

/// What would change.
#[derive(Debug)]
pub(crate) struct Effect {
    pub(crate) differences: Vec<Difference>,
    /// Events held under terms.
    pub(crate) held: BTreeMap<i64, u64>,
    pub(crate) terms: BTreeMap<i64, Terms>,
    /// Nobody said who we are: then nothing is given to anybody.
    pub(crate) nobody: bool,
}

/// What is changed, as it would be.
struct After {
    parties: Vec<Party>,
    agreements: Vec<Agreement>,
    about: Vec<PartyId>,
    purposes: Vec<Purpose>,
    channels: Vec<Channel>,
}

/// Who would answer for something, where that changes.
#[derive(Debug)]
pub(crate) struct Answering {
    pub(crate) claim: Claim,
    pub(crate) now: Option<PartyId>,
    pub(crate) then: Option<PartyId>,
}

impl Effect {
    /// Of putting `new` in the place of `old`: none of them is an agreement that begins, or ends.
    ///
    /// # Errors
    /// When events cannot be counted.
    pub(crate) async fn of_agreement(
        server: &Server,
        standing: &Standing,
        old: Option<&Agreement>,
        new: Option<&Agreement>,
        now: Timestamp,
    ) -> Result<Self, Fault> {
        let known = standing.agreements().iter().filter(|known| old.is_none_or(|old| known.id != old.id));
        let agreements: Vec<Agreement> = known.chain(new).cloned().collect();
        let both: Vec<&Agreement> = old.into_iter().chain(new).collect();
        let member = |party: &&Party| {
            both.iter()
                .any(|a| a.parties.contains(&party.id) || party.communities.iter().any(|community| a.communities.contains(community)))
        };
        let about = standing.parties.iter().filter(member).map(|party| party.id.clone()).collect();
        let purposes: BTreeSet<Purpose> = both.iter().flat_map(|a| a.purposes.iter().copied()).collect();
        let channels = match both.iter().any(|a| a.channels.is_empty()) {
            true => Channel::ALL.to_vec(),
            false => both.iter().flat_map(|a| a.channels.iter().copied()).collect(),
        };
        let after = After { parties: standing.parties.clone(), agreements, about, purposes: purposes.into_iter().collect(), channels };
        Self::of(server, standing, after, now).await
    }

    /// Of a party that becomes this.
    ///
    /// # Errors
    /// When events cannot be counted.
    pub(crate) async fn of_party(server: &Server, standing: &Standing, becomes: &Party, now: Timestamp) -> Result<Self, Fault> {
        let after = After {
            parties: with(standing, becomes),
            agreements: standing.agreements().to_vec(),
            about: vec![becomes.id.clone()],
            purposes: Purpose::ALL.to_vec(),
            channels: Channel::ALL.to_vec(),
        };
        Self::of(server, standing, after, now).await
    }

    async fn of(server: &Server, standing: &Standing, after: After, now: Timestamp) -> Result<Self, Fault> {
        let terms: BTreeMap<i64, Terms> = standing.all_terms().map(|(id, terms)| (id, terms.clone())).collect();
        let Some(own) = standing.own.clone() else {
            return Ok(Self { differences: Vec::new(), held: BTreeMap::new(), terms, nobody: true });
        };
        let (parties, agreements, known) = (standing.parties.clone(), standing.agreements().to_vec(), terms.clone());
        let work = move || {
            let before = World { parties: &parties, agreements: &agreements };
            let then = World { parties: &after.parties, agreements: &after.agreements };
            let terms = known.iter().map(|(id, terms)| (*id, terms)).collect();
            let (purposes, channels) = (after.purposes, after.channels);
            differences(&before, &then, &Scope { own: &own, parties: after.about.iter().collect(), terms, purposes, channels, now })
        };
        let differences = tokio::task::spawn_blocking(work).await?;
        let held = if differences.is_empty() { BTreeMap::new() } else { held(server).await? };
        Ok(Self { differences, held, terms, nobody: false })
    }

    /// How many parties would gain or lose something.
    pub(crate) fn parties(&self, gain: bool) -> u64 {
        let changes = self.differences.iter().filter(|one| if gain { !one.gained.is_empty() } else { !one.lost.is_empty() });
        changes.map(|one| &one.party).collect::<BTreeSet<_>>().len() as u64
    }
}

/// All parties, this one as it would be.
fn with(standing: &Standing, becomes: &Party) -> Vec<Party> {
    let mut parties: Vec<Party> = standing.parties.iter().filter(|party| party.id != becomes.id).cloned().collect();
    parties.push(becomes.clone());
    parties.sort_by(|a, b| a.id.cmp(&b.id));
    parties
}

/// How many events are held under which terms.
async fn held(server: &Server) -> Result<BTreeMap<i64, u64>, Fault> {
    let questions = server.asking().await?;
    let mut held = BTreeMap::new();
    for batch in questions.sql("SELECT terms, count(*) AS events FROM events GROUP BY terms").await?.collect().await? {
        let column = |at: usize| cast(batch.column(at), &DataType::Int64);
        let (terms, counts) = (column(0)?, column(1)?);
        let (terms, counts) = (terms.as_primitive::<Int64Type>(), counts.as_primitive::<Int64Type>());
        held.extend(terms.values().iter().zip(counts.values()).map(|(terms, count)| (*terms, count.unsigned_abs())));
    }
    Ok(held)
}

/// Who answers for each thing that a party would claim anew or no longer: now, and then.
///
/// # Errors
/// When registries cannot be read.
pub(crate) async fn answering(
    server: &Server,
    standing: &Standing,
    old: Option<&Party>,
    becomes: &Party,
    now: Timestamp,
) -> Result<Vec<Answering>> {
    let claims = |party: &Party| party.constituency.iter().map(|part| part.claim.clone()).collect::<BTreeSet<Claim>>();
    let before = old.map(claims).unwrap_or_default();
    let changed: Vec<Claim> = before.symmetric_difference(&claims(becomes)).take(CLAIMS).cloned().collect();
    if changed.is_empty() {
        return Ok(Vec::new());
    }
    let registries = registry_in::registries(&server.home, &server.register).await?;
    let (parties, then) = (standing.parties.clone(), with(standing, becomes));
    let work = move || {
        let (before, after) = (Directory::new(parties, registries.clone(), now), Directory::new(then, registries, now));
        let told = |claim: Claim| Answering { now: before.answers_for(&claim), then: after.answers_for(&claim), claim };
        changed.into_iter().map(told).collect()
    };
    Ok(tokio::task::spawn_blocking(work).await?)
}
