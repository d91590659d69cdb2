//! Universes, terms and questions: generated ones, and small ones written down.
#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeSet;

use casework::model::agreement::{Agreement, AgreementKind, Channel, Purpose};
use casework::model::party::{Party, PartyId, PartyKind, Provenance, Validity};
use casework::model::terms::{Attribution, Encryption, Leave, Pap, PermittedAction, Terms, Tlp, VictimData};
use casework::share::{Affected, Compiled, Holder, PartyNumber, Question, Universe};
use jiff::Timestamp;
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

pub(crate) const PARTIES: u8 = 6;

pub(crate) fn party_id(n: u8) -> PartyId {
    format!("p{n}").parse().expect("a name")
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

pub(crate) fn party(id: &str, kind: PartyKind, communities: &[&str], clients_of: &[&str]) -> Party {
    Party {
        id: id.parse().expect("a name"),
        name: id.to_uppercase(),
        name_ja: None,
        kind,
        nation: None,
        sectors: BTreeSet::new(),
        communities: communities.iter().map(|c| (*c).to_owned()).collect(),
        clients_of: clients_of.iter().map(|c| c.parse().expect("a name")).collect(),
        constituency: Vec::new(),
        contacts: Vec::new(),
        provenance: Provenance::Own,
        validity: Validity::default(),
    }
}

pub(crate) fn agreement(id: &str, parties: &[&str], max_tlp: Tlp) -> Agreement {
    Agreement {
        id: id.to_owned(),
        name: id.to_owned(),
        kind: AgreementKind::Multilateral,
        parties: parties.iter().map(|p| p.parse().expect("a name")).collect(),
        communities: BTreeSet::new(),
        max_tlp,
        purposes: Purpose::ALL.into_iter().collect(),
        channels: BTreeSet::new(),
        validity: Validity::default(),
        revoked_at: None,
        reference: String::new(),
    }
}

fn some_parties() -> impl Strategy<Value = BTreeSet<PartyId>> {
    btree_set((0..PARTIES).prop_map(party_id), 0..4)
}

fn some_communities() -> impl Strategy<Value = BTreeSet<String>> {
    btree_set(select(vec!["A", "B", "C"]).prop_map(str::to_owned), 0..3)
}

fn some_time() -> impl Strategy<Value = Timestamp> {
    (0..6_i64).prop_map(at)
}

fn leave() -> impl Strategy<Value = Leave> {
    select(vec![Leave::May, Leave::MustNot])
}

pub(crate) fn terms() -> impl Strategy<Value = Terms> {
    let words = (select(Tlp::ALL.to_vec()), select(Pap::ALL.to_vec()), select(PermittedAction::ALL.to_vec()), leave(), leave());
    let ways = (select(Attribution::ALL.to_vec()), select(vec![Encryption::May, Encryption::Must]), select(VictimData::ALL.to_vec()));
    let whom = (option::of(some_parties()), option::of(some_communities()), some_parties());
    (words, ways, option::of(some_time()), option::of(some_time()), whom).prop_map(|(words, ways, embargo, expiry, whom)| Terms {
        tlp: words.0,
        pap: words.1,
        action: words.2,
        notify: words.3,
        resale: words.4,
        attribution: ways.0,
        encryption: ways.1,
        victims: ways.2,
        embargo,
        expiry,
        audience: whom.0,
        community: whom.1,
        recipients: whom.2,
    })
}

fn some_party(n: u8) -> impl Strategy<Value = Party> {
    let kind = prop_oneof![4 => Just(PartyKind::Csirt), 1 => Just(PartyKind::Public)];
    (kind, some_communities(), some_parties()).prop_map(move |(kind, communities, clients_of)| Party {
        communities,
        clients_of,
        ..party(&format!("p{n}"), kind, &[], &[])
    })
}

fn some_agreement() -> impl Strategy<Value = Agreement> {
    let ends = (option::of(some_time()), option::of(some_time()), option::weighted(0.2, some_time()));
    let what = (select(Tlp::ALL.to_vec()), btree_set(select(Purpose::ALL.to_vec()), 0..5), btree_set(select(Channel::ALL.to_vec()), 0..3));
    let whom = (some_parties(), btree_set(select(vec!["A", "B"]).prop_map(str::to_owned), 0..2));
    (whom, what, ends).prop_map(|(whom, what, ends)| Agreement {
        parties: whom.0,
        communities: whom.1,
        max_tlp: what.0,
        purposes: what.1,
        channels: what.2,
        validity: Validity { from: ends.0, until: ends.1 },
        revoked_at: ends.2,
        ..agreement("a", &[], Tlp::Clear)
    })
}

/// Parties and agreements.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) parties: Vec<Party>,
    pub(crate) agreements: Vec<Agreement>,
}

impl World {
    pub(crate) fn universe(&self) -> Universe {
        Universe::new(&self.parties, &self.agreements)
    }
}

pub(crate) fn world() -> impl Strategy<Value = World> {
    let parties = (0..PARTIES).map(|n| some_party(n).boxed()).collect::<Vec<_>>();
    (parties, vec(some_agreement(), 0..5)).prop_map(|(parties, mut agreements)| {
        for (at, agreement) in agreements.iter_mut().enumerate() {
            agreement.id = format!("agreement-{at}");
        }
        World { parties, agreements }
    })
}

/// The circumstances of a question, without its terms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) holder: u8,
    pub(crate) to: u8,
    pub(crate) provider: Option<u8>,
    pub(crate) affected: Affected,
    pub(crate) consent: bool,
    pub(crate) paying: bool,
    pub(crate) purpose: Purpose,
    pub(crate) channel: Channel,
    pub(crate) now: i64,
}

impl Case {
    pub(crate) fn number(universe: &Universe, party: u8) -> PartyNumber {
        universe.number(&party_id(party)).expect("all are there")
    }

    pub(crate) fn holder(self, universe: &Universe) -> Holder<'_> {
        universe.holder(Self::number(universe, self.holder))
    }

    pub(crate) fn question<'a>(self, universe: &Universe, terms: &'a Compiled) -> Question<'a> {
        Question {
            terms,
            to: Self::number(universe, self.to),
            provider: self.provider.map(|p| Self::number(universe, p)),
            affected: self.affected,
            consent: self.consent,
            paying: self.paying,
            purpose: self.purpose,
            channel: self.channel,
            now: at(self.now),
        }
    }
}

pub(crate) fn case() -> impl Strategy<Value = Case> {
    let who = (0..PARTIES, 0..PARTIES, option::of(0..PARTIES), select(vec![Affected::No, Affected::Yes, Affected::Perhaps]));
    // Consent would hide most of the rules if it were given half of the time.
    let how = (proptest::bool::weighted(0.1), any::<bool>(), select(Purpose::ALL.to_vec()), select(Channel::ALL.to_vec()), 0..6_i64);
    (who, how).prop_map(|((holder, to, provider, affected), (consent, paying, purpose, channel, now))| Case {
        holder,
        to,
        provider,
        affected,
        consent,
        paying,
        purpose,
        channel,
        now,
    })
}

/// A question without anything special about it.
pub(crate) fn plain(terms: &Compiled, to: PartyNumber) -> Question<'_> {
    Question {
        terms,
        to,
        provider: None,
        affected: Affected::No,
        consent: false,
        paying: false,
        purpose: Purpose::Defend,
        channel: Channel::Portal,
        now: at(1),
    }
}
