//! Parties and agreements as a decision needs them: small sets of bits, and for one holder what binds it to each other party.
//!
//! A decision asks three things of the relation between holder and recipient: are they one organisation or client and
//! server, which communities do they share, which agreements cover both. [`Universe::holder`] answers all three for every
//! recipient in one pass, so that deciding does not grow with the number of parties or agreements.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::model::agreement::{Agreement, Channel, Purpose};
use crate::model::party::{Party, PartyId, PartyKind};
use crate::model::terms::{Terms, Tlp};

/// Place of a party in its [`Universe`]; of no meaning in another.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PartyNumber(u32);

/// Place of an agreement in its [`Universe`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AgreementNumber(u32);

/// Everybody who is known, and every agreement, as they stand at one time.
#[derive(Clone, Debug, Default)]
pub struct Universe {
    organisations: Vec<Organisation>,
    numbers: BTreeMap<PartyId, PartyNumber>,
    communities: BTreeMap<String, u32>,
    agreements: Vec<Basis>,
}

#[derive(Clone, Debug)]
struct Organisation {
    id: PartyId,
    name: String,
    name_ja: Option<String>,
    public: bool,
    communities: Bits,
    clients_of: BTreeSet<PartyNumber>,
}

/// An agreement as a decision needs it.
#[derive(Clone, Debug)]
pub(super) struct Basis {
    pub(super) id: String,
    max_tlp: Tlp,
    purposes: u8,
    channels: u8,
    from: Timestamp,
    until: Option<Timestamp>,
    parties: BTreeSet<PartyNumber>,
    communities: Bits,
}

impl Universe {
    /// Names that parties and agreements mention but that are no party here belong to nobody.
    pub fn new(parties: &[Party], agreements: &[Agreement]) -> Self {
        let mut universe = Self::default();
        for party in parties {
            if let Ok(number) = u32::try_from(universe.numbers.len()) {
                universe.numbers.entry(party.id.clone()).or_insert(PartyNumber(number));
            }
        }
        let named = parties.iter().flat_map(|p| &p.communities).chain(agreements.iter().flat_map(|a| &a.communities));
        for community in named.collect::<BTreeSet<_>>() {
            let number = universe.communities.len() as u32;
            universe.communities.insert(community.clone(), number);
        }
        for party in parties {
            // The first of two entries with one name counts.
            if universe.number(&party.id).is_none_or(|number| number.0 as usize != universe.organisations.len()) {
                continue;
            }
            universe.organisations.push(Organisation {
                id: party.id.clone(),
                name: party.name.clone(),
                name_ja: party.name_ja.clone(),
                public: party.kind == PartyKind::Public,
                communities: universe.communities(&party.communities),
                clients_of: universe.members(&party.clients_of),
            });
        }
        for agreement in agreements {
            let ends = [agreement.validity.until, agreement.revoked_at].into_iter().flatten().min();
            universe.agreements.push(Basis {
                id: agreement.id.clone(),
                max_tlp: agreement.max_tlp,
                purposes: agreement.purposes.iter().fold(0, |all, purpose| all | bit_of_purpose(*purpose)),
                channels: match agreement.channels.is_empty() {
                    true => u8::MAX,
                    false => agreement.channels.iter().fold(0, |all, channel| all | bit_of_channel(*channel)),
                },
                from: agreement.validity.from.unwrap_or(Timestamp::MIN),
                until: ends,
                parties: universe.members(&agreement.parties),
                communities: universe.communities(&agreement.communities),
            });
        }
        universe
    }

    pub fn number(&self, party: &PartyId) -> Option<PartyNumber> {
        self.numbers.get(party).copied()
    }

    /// All parties, in the order in which they were given.
    pub fn parties(&self) -> impl Iterator<Item = (PartyNumber, &PartyId)> {
        self.organisations.iter().enumerate().map(|(at, organisation)| (PartyNumber(at as u32), &organisation.id))
    }

    /// The name of an agreement.
    pub fn agreement(&self, number: AgreementNumber) -> &str {
        self.agreements.get(number.0 as usize).map_or("", |basis| &basis.id)
    }

    pub(super) fn name(&self, party: PartyNumber) -> &str {
        self.organisations.get(party.0 as usize).map_or("", |o| &o.name)
    }

    pub(super) fn name_ja(&self, party: PartyNumber) -> &str {
        self.organisations.get(party.0 as usize).map_or("", |o| o.name_ja.as_deref().unwrap_or(&o.name))
    }

    /// Names of the communities in which both are.
    pub(super) fn common_communities(&self, one: PartyNumber, two: PartyNumber) -> BTreeSet<String> {
        let member = |party: PartyNumber, at: u32| self.organisations.get(party.0 as usize).is_some_and(|o| o.communities.holds(at));
        self.communities.iter().filter(|(_, at)| member(one, **at) && member(two, **at)).map(|(name, _)| name.clone()).collect()
    }

    /// Names of a party's communities.
    pub(super) fn communities_of(&self, party: PartyNumber) -> BTreeSet<String> {
        self.common_communities(party, party)
    }

    fn members(&self, named: &BTreeSet<PartyId>) -> BTreeSet<PartyNumber> {
        named.iter().filter_map(|id| self.number(id)).collect()
    }

    fn communities(&self, named: &BTreeSet<String>) -> Bits {
        Bits::of(self.communities.len(), named.iter().filter_map(|name| self.communities.get(name).copied()))
    }

    fn parties_as_bits(&self, named: &BTreeSet<PartyId>) -> Bits {
        Bits::of(self.numbers.len(), named.iter().filter_map(|id| self.number(id)).map(|n| n.0))
    }

    /// Terms as a decision needs them.
    pub fn compile(&self, terms: &Terms) -> Compiled {
        Compiled {
            audience: terms.audience.as_ref().map(|audience| self.parties_as_bits(audience)),
            community: terms.community.as_ref().map(|community| self.communities(community)),
            recipients: self.parties_as_bits(&terms.recipients),
            terms: terms.clone(),
        }
    }

    /// What binds one party to all others.
    pub fn holder(&self, me: PartyNumber) -> Holder<'_> {
        let mut common: Vec<Vec<AgreementNumber>> = vec![Vec::new(); self.organisations.len()];
        let is_party = |basis: &Basis, number: PartyNumber, organisation: &Organisation| {
            basis.parties.contains(&number) || basis.communities.meets(&organisation.communities)
        };
        let Some(mine) = self.organisations.get(me.0 as usize) else {
            return Holder { universe: self, me, relations: Vec::new(), bases: Vec::new(), shared: Vec::new(), words: 0 };
        };
        for (at, basis) in self.agreements.iter().enumerate().filter(|(_, basis)| is_party(basis, me, mine)) {
            let number = AgreementNumber(at as u32);
            if basis.communities.is_empty() {
                for party in &basis.parties {
                    common[party.0 as usize].push(number);
                }
                continue;
            }
            for (other, organisation) in self.organisations.iter().enumerate() {
                if is_party(basis, PartyNumber(other as u32), organisation) {
                    common[other].push(number);
                }
            }
        }
        let words = mine.communities.0.len();
        let mut holder = Holder { universe: self, me, relations: Vec::new(), bases: Vec::new(), shared: Vec::new(), words };
        for (other, (organisation, agreements)) in self.organisations.iter().zip(common).enumerate() {
            let first = holder.bases.len() as u32;
            holder.bases.extend(agreements.iter().filter_map(|number| {
                let basis = self.agreements.get(number.0 as usize)?;
                let Basis { max_tlp, purposes, channels, from, until, .. } = *basis;
                Some(Cover { number: *number, max_tlp, purposes, channels, from, until })
            }));
            holder.shared.extend(mine.communities.0.iter().zip(&organisation.communities.0).map(|(a, b)| a & b));
            holder.relations.push(Relation {
                same: other as u32 == me.0,
                client: organisation.clients_of.contains(&me),
                public: organisation.public,
                first,
                end: holder.bases.len() as u32,
            });
        }
        holder
    }
}

/// Terms in the numbers of a [`Universe`].
#[derive(Clone, Debug)]
pub struct Compiled {
    pub(super) terms: Terms,
    pub(super) audience: Option<Bits>,
    pub(super) community: Option<Bits>,
    pub(super) recipients: Bits,
}

impl Compiled {
    pub fn terms(&self) -> &Terms {
        &self.terms
    }
}

/// What binds one party, who holds something, to all others.
#[derive(Clone, Debug)]
pub struct Holder<'u> {
    pub(super) universe: &'u Universe,
    pub(super) me: PartyNumber,
    relations: Vec<Relation>,
    bases: Vec<Cover>,
    /// Communities in common, `words` words for each party.
    shared: Vec<u64>,
    words: usize,
}

/// Between the holder and one party.
#[derive(Clone, Copy, Debug)]
pub(super) struct Relation {
    pub(super) same: bool,
    /// The holder gives this party cybersecurity services.
    pub(super) client: bool,
    pub(super) public: bool,
    first: u32,
    end: u32,
}

/// What an agreement between two parties covers.
#[derive(Clone, Copy, Debug)]
struct Cover {
    number: AgreementNumber,
    max_tlp: Tlp,
    purposes: u8,
    channels: u8,
    from: Timestamp,
    until: Option<Timestamp>,
}

impl Holder<'_> {
    pub fn number(&self) -> PartyNumber {
        self.me
    }

    pub fn universe(&self) -> &Universe {
        self.universe
    }

    /// `None` for the number of another universe.
    pub(super) fn relation(&self, to: PartyNumber) -> Option<&Relation> {
        self.relations.get(to.0 as usize)
    }

    /// A community of the holder, of the recipient, and, where the terms bind it, of the terms.
    pub(super) fn in_community(&self, to: PartyNumber, bound: Option<&Bits>) -> bool {
        let Some(shared) = self.shared.get(to.0 as usize * self.words..(to.0 as usize + 1) * self.words) else { return false };
        match bound {
            None => shared.iter().any(|word| *word != 0),
            Some(bound) => shared.iter().zip(&bound.0).any(|(a, b)| a & b != 0),
        }
    }

    /// The first agreement in force that covers this; its order is that of the register.
    pub(super) fn agreement(
        &self,
        between: &Relation,
        tlp: Tlp,
        purpose: Purpose,
        channel: Channel,
        now: Timestamp,
    ) -> Option<AgreementNumber> {
        let (purpose, channel) = (bit_of_purpose(purpose), bit_of_channel(channel));
        let covers = self.bases.get(between.first as usize..between.end as usize)?;
        let found = covers.iter().find(|cover| {
            tlp <= cover.max_tlp
                && cover.purposes & purpose != 0
                && cover.channels & channel != 0
                && cover.from <= now
                && cover.until.is_none_or(|until| now < until)
        });
        found.map(|cover| cover.number)
    }
}

fn bit_of_purpose(purpose: Purpose) -> u8 {
    match purpose {
        Purpose::Notify => 1,
        Purpose::Defend => 2,
        Purpose::Respond => 4,
        Purpose::Investigate => 8,
        Purpose::Research => 16,
    }
}

fn bit_of_channel(channel: Channel) -> u8 {
    match channel {
        Channel::Mail => 1,
        Channel::SealedMail => 2,
        Channel::Taxii => 4,
        Channel::Portal => 8,
        Channel::Misp => 32,
        Channel::File => 16,
    }
}

/// A set of small numbers.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    fn of(size: usize, members: impl Iterator<Item = u32>) -> Self {
        let mut words = vec![0; size.div_ceil(64)];
        for member in members {
            if let Some(word) = words.get_mut(member as usize / 64) {
                *word |= 1_u64 << (member % 64);
            }
        }
        Self(words)
    }

    fn holds(&self, member: u32) -> bool {
        self.0.get(member as usize / 64).is_some_and(|word| word >> (member % 64) & 1 == 1)
    }

    pub(super) fn names(&self, party: PartyNumber) -> bool {
        self.holds(party.0)
    }

    fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }
}
