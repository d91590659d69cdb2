//! Who would see what then, that they do not see now; and the reverse?
//!
//! Asked before a party or an agreement is changed, of exactly the rules that decide afterwards. Both worlds are compiled and every
//! question is put to both.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::decide::{Affected, Question};
use super::universe::Universe;
use crate::model::agreement::{Agreement, Channel, Purpose};
use crate::model::party::{Party, PartyId};
use crate::model::terms::Terms;

/// Parties and agreements of one moment, or as they would be.
#[derive(Clone, Copy, Debug)]
pub struct World<'a> {
    pub parties: &'a [Party],
    pub agreements: &'a [Agreement],
}

/// What is asked of both worlds.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    /// Who we are.
    pub own: &'a PartyId,
    /// About whom.
    pub parties: Vec<&'a PartyId>,
    pub terms: Vec<(i64, &'a Terms)>,
    pub purposes: Vec<Purpose>,
    pub channels: Vec<Channel>,
    pub now: Timestamp,
}

/// What changes for one party about what is held under one terms.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    pub party: PartyId,
    pub terms: i64,
    /// For what it could be given then, and not now.
    pub gained: BTreeSet<Purpose>,
    /// For what it can be given now, and not then.
    pub lost: BTreeSet<Purpose>,
}

/// All differences, by party and terms. Who is unknown in a world is given nothing there; ourselves are left out.
pub fn differences(before: &World<'_>, after: &World<'_>, scope: &Scope<'_>) -> Vec<Difference> {
    let (before, after) = (Universe::new(before.parties, before.agreements), Universe::new(after.parties, after.agreements));
    let mut all = Vec::new();
    for (number, terms) in &scope.terms {
        let worlds = [&before, &after].map(|world| {
            let compiled = world.compile(terms);
            (world, compiled, world.number(scope.own).map(|me| world.holder(me)))
        });
        for party in scope.parties.iter().filter(|party| **party != scope.own) {
            let [now, then] = [&worlds[0], &worlds[1]].map(|(world, compiled, holder)| {
                let (Some(to), Some(holder)) = (world.number(party), holder) else { return BTreeSet::new() };
                let given = |purpose: &Purpose| {
                    scope.channels.iter().any(|channel| {
                        let question = Question {
                            terms: compiled,
                            to,
                            provider: None,
                            affected: Affected::No,
                            consent: false,
                            paying: false,
                            purpose: *purpose,
                            channel: *channel,
                            now: scope.now,
                        };
                        holder.decide(&question).is_allowed()
                    })
                };
                scope.purposes.iter().copied().filter(given).collect::<BTreeSet<Purpose>>()
            });
            let (gained, lost) = (&then - &now, &now - &then);
            if !gained.is_empty() || !lost.is_empty() {
                all.push(Difference { party: (*party).clone(), terms: *number, gained, lost });
            }
        }
    }
    all.sort_by(|a, b| (&a.party, a.terms).cmp(&(&b.party, b.terms)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::terms::Tlp;
    use crate::parties::Draft;

    fn party(id: &str, community: &str) -> Party {
        let mut draft = Draft::default();
        draft.add("id", [id.to_owned()]).add("kind", ["csirt".to_owned()]).add("communities", [community.to_owned()]);
        draft.party().unwrap().party
    }

    fn agreement(tlp: &str, purpose: &str) -> Agreement {
        let mut draft = Draft::default();
        draft.add("id", ["a".to_owned()]).add("kind", ["bilateral".to_owned()]).add("max_tlp", [tlp.to_owned()]);
        draft.add("parties", ["us".to_owned(), "isp".to_owned()]).add("purposes", [purpose.to_owned()]);
        draft.agreement().unwrap()
    }

    #[test]
    fn a_new_agreement_opens_and_its_end_closes_the_same() {
        let parties = [party("us", "nca"), party("isp", "nca"), party("other", "nca")];
        let (green, strict) = (Terms::of(Tlp::Green), Terms::of(Tlp::AmberStrict));
        let own: PartyId = "us".parse().unwrap();
        let scope = Scope {
            own: &own,
            parties: parties.iter().map(|party| &party.id).collect(),
            terms: vec![(1, &green), (2, &strict)],
            purposes: Purpose::ALL.to_vec(),
            channels: vec![Channel::Portal],
            now: Timestamp::UNIX_EPOCH,
        };
        let with = [agreement("AMBER", "notify")];
        let without = World { parties: &parties, agreements: &[] };
        let with = World { parties: &parties, agreements: &with };
        let opened = differences(&without, &with, &scope);
        let expected = Difference { party: "isp".parse().unwrap(), terms: 1, gained: [Purpose::Notify].into(), lost: BTreeSet::new() };
        assert_eq!(opened, std::slice::from_ref(&expected), "nobody else, and nothing stricter than the label allows");
        let closed = differences(&with, &without, &scope);
        assert_eq!(closed, [Difference { gained: BTreeSet::new(), lost: expected.gained, ..expected }]);
        assert_eq!(differences(&with, &with, &scope), []);
    }

    #[test]
    fn leaving_a_community_is_seen_too() {
        let before = [party("us", "nca"), party("isp", "nca")];
        let after = [party("us", "nca"), party("isp", "elsewhere")];
        let agreements = [agreement("AMBER", "defend")];
        let (green, clear) = (Terms::of(Tlp::Green), Terms::of(Tlp::Clear));
        let own: PartyId = "us".parse().unwrap();
        let scope = Scope {
            own: &own,
            parties: before.iter().map(|party| &party.id).collect(),
            terms: vec![(1, &green), (2, &clear)],
            purposes: vec![Purpose::Defend],
            channels: Channel::ALL.to_vec(),
            now: Timestamp::UNIX_EPOCH,
        };
        let world = |parties| World { parties, agreements: &agreements };
        let changed = differences(&world(&before), &world(&after), &scope);
        assert_eq!(changed.len(), 1);
        assert_eq!((changed[0].terms, changed[0].lost.len(), changed[0].gained.len()), (1, 1, 0));
    }
}
