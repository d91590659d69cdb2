//! Who is concerned, what may they know, and how are they reached?
//!
//! Decided once for each party, role and terms. Those known only from a registry are strangers to policy: they share no
//! community and no agreement with us, and know what the public may know.

use std::borrow::Cow;
use std::collections::HashMap;

use anyhow::{Result, anyhow};
use casework::act::escalation;
use casework::act::letter::Role;
use casework::act::problem::Problem;
use casework::act::token::Token;
use casework::enrich::responsible::{Asked, Directory};
use casework::model::agreement::{Agreement, Channel, Purpose};
use casework::model::event::Country;
use casework::model::party::{Contact, ContactRole, Party, PartyId, PartyKind, Provenance, Validity};
use casework::model::terms::Terms;
use casework::share::explain::Explanation;
use casework::share::{Affected, Compiled, Denial, Holder, PartyNumber, Question, Redactions, Universe};
use jiff::Timestamp;
use store::home::Home;
use store::register::Register;

use super::rows::Row;
use crate::receive::registry_in;

/// Everybody of one moment, and what binds them to us.
#[derive(Debug)]
pub(crate) struct Everybody {
    directory: Directory,
    universe: Universe,
    own: PartyId,
    parties: Vec<Party>,
    terms: HashMap<i64, Terms>,
    now: Timestamp,
}

/// The party that stands for all who are known only from registries.
const STRANGER: &str = "reg.stranger";

impl Everybody {
    /// All who are registered, and the registries.
    pub(crate) async fn of(home: &Home, register: &Register, now: Timestamp) -> Result<Self> {
        let mut parties = register.parties(now).await?;
        let agreements: Vec<Agreement> = register.agreements(now).await?;
        let own = register.own_party().await?;
        let own = own.ok_or_else(|| anyhow!("nobody is marked as ourselves: `musubi party own ID` says which party we are"))?;
        let directory = Directory::new(parties.clone(), registry_in::registries(home, register).await?, now);
        parties.push(stranger()?);
        let universe = Universe::new(&parties, &agreements);
        parties.pop();
        let terms = register.all_terms().await?.into_iter().map(|known| (known.id, known.terms)).collect();
        Ok(Self { directory, universe, own, parties, terms, now })
    }

    pub(crate) fn own(&self) -> Option<&Party> {
        self.parties.iter().find(|party| party.id == self.own)
    }
}

fn stranger() -> Result<Party> {
    Ok(Party {
        id: STRANGER.parse()?,
        name: String::new(),
        name_ja: None,
        kind: PartyKind::Provider,
        nation: None,
        sectors: Default::default(),
        communities: Default::default(),
        clients_of: Default::default(),
        constituency: Vec::new(),
        contacts: Vec::new(),
        provenance: Provenance::Country,
        validity: Validity::default(),
    })
}

/// Everybody, asked many times.
#[derive(Debug)]
pub(crate) struct People<'e> {
    everybody: &'e Everybody,
    holder: Holder<'e>,
    /// By number in the directory.
    numbers: Vec<Option<PartyNumber>>,
    stranger: PartyNumber,
    compiled: HashMap<i64, Compiled>,
    decided: HashMap<(usize, Role, i64, Option<PartyNumber>), May>,
    givers: HashMap<String, Option<PartyNumber>>,
    lines: HashMap<usize, Vec<usize>>,
}

/// What a party may know.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum May {
    Know(Redactions),
    Not(Denial),
}

/// How a party is reached.
#[derive(Clone, Debug)]
pub(crate) struct Reached {
    pub(crate) contact: Contact,
    pub(crate) channel: Channel,
}

impl<'e> People<'e> {
    pub(crate) fn of(everybody: &'e Everybody) -> Result<Self> {
        let universe = &everybody.universe;
        let me =
            universe.number(&everybody.own).ok_or_else(|| anyhow!("{}, who is marked as ourselves, is no party now", everybody.own))?;
        let stranger = universe.number(&STRANGER.parse()?).ok_or_else(|| anyhow!("nobody stands for strangers"))?;
        let numbers = (0..everybody.directory.len())
            .map(|at| everybody.directory.registered(at).and_then(|party| universe.number(&party.id)))
            .collect();
        Ok(Self {
            everybody,
            holder: universe.holder(me),
            numbers,
            stranger,
            compiled: HashMap::new(),
            decided: HashMap::new(),
            givers: HashMap::new(),
            lines: HashMap::new(),
        })
    }

    /// Another who knows the same, to be asked by another thread.
    pub(super) fn again(&self) -> Self {
        Self {
            everybody: self.everybody,
            holder: self.holder.clone(),
            numbers: self.numbers.clone(),
            stranger: self.stranger,
            compiled: HashMap::new(),
            decided: HashMap::new(),
            givers: self.givers.clone(),
            lines: HashMap::new(),
        }
    }

    /// Learns who gave which evidence.
    pub(crate) async fn know_givers(&mut self, register: &Register) -> Result<()> {
        for (evidence, giver) in register.givers().await? {
            let number = giver.parse().ok().and_then(|id| self.everybody.universe.number(&id));
            self.givers.insert(evidence, number);
        }
        Ok(())
    }

    pub(super) fn giver(&self, evidence: &str) -> Option<PartyNumber> {
        if self.givers.is_empty() {
            return None;
        }
        self.givers.get(evidence).copied().flatten()
    }

    /// Who is to be told of an event, and as what: who runs the network or the domain, who makes the product; the national
    /// CSIRT when nobody nearer is known.
    pub(super) fn concerned(&self, row: &Row<'_>) -> Vec<(usize, Role)> {
        let asked = Asked {
            ip: row.ip,
            asn: row.asn,
            host: row.fqdn.or_else(|| row.url.and_then(formats::value::host_of)),
            country: row.country,
            vendor: row.vendor,
            product: row.product,
        };
        let found = self.everybody.directory.responsible(&asked);
        let mut concerned = Vec::with_capacity(3);
        for operator in [found.provider, found.domain_holder].into_iter().flatten() {
            if !concerned.contains(&(operator.index(), Role::Operator)) {
                concerned.push((operator.index(), Role::Operator));
            }
        }
        // Ourselves as the last resort: nobody is told, we know.
        let last = found
            .national
            .filter(|national| self.everybody.directory.registered(national.index()).is_none_or(|p| p.id != self.everybody.own));
        if let (true, Some(national)) = (concerned.is_empty(), last) {
            concerned.push((national.index(), Role::NationalCsirt));
        }
        if let (Problem::Compromised | Problem::Exposed, Some(maker)) = (row.problem, found.maker) {
            concerned.push((maker.index(), Role::Maker));
        }
        concerned
    }

    /// May the party know what is held under these terms?
    pub(crate) fn may(&mut self, party: usize, role: Role, terms: i64, giver: Option<PartyNumber>) -> May {
        let key = (party, role, terms, giver);
        if let Some(decided) = self.decided.get(&key) {
            return *decided;
        }
        let may = self.ask(party, role, terms, giver, |holder, question| {
            let decision = holder.decide(question);
            match decision.denial() {
                Some(denial) => May::Not(denial),
                None => May::Know(decision.redactions()),
            }
        });
        self.decided.insert(key, may);
        may
    }

    /// The decision with its reasons.
    pub(crate) fn explain(&mut self, party: usize, role: Role, terms: i64) -> Explanation {
        self.ask(party, role, terms, None, |holder, question| holder.explain(question))
    }

    fn ask<T>(
        &mut self,
        party: usize,
        role: Role,
        terms: i64,
        provider: Option<PartyNumber>,
        ask: impl FnOnce(&Holder<'_>, &Question<'_>) -> T,
    ) -> T {
        let channel = self.reached(party, role).map_or(Channel::Mail, |reached| reached.channel);
        let everybody = self.everybody;
        // Terms that the register does not know yet are as strict as can be.
        let compiled = self.compiled.entry(terms).or_insert_with(|| {
            let unknown = Terms::of(casework::model::terms::Tlp::Red);
            everybody.universe.compile(everybody.terms.get(&terms).unwrap_or(&unknown))
        });
        let question = Question {
            terms: compiled,
            to: self.numbers.get(party).copied().flatten().unwrap_or(self.stranger),
            provider,
            affected: match role {
                Role::Operator => Affected::Yes,
                Role::Maker => Affected::Perhaps,
                Role::NationalCsirt | Role::NextInLine => Affected::No,
            },
            consent: false,
            paying: false,
            purpose: Purpose::Notify,
            channel,
            now: everybody.now,
        };
        ask(&self.holder, &question)
    }

    /// Terms by their number.
    pub(crate) fn terms(&self, number: i64) -> Option<&Terms> {
        self.everybody.terms.get(&number)
    }

    pub(crate) fn party(&self, party: usize) -> Cow<'_, Party> {
        self.everybody.directory.party_at(party)
    }

    pub(crate) fn id(&self, party: usize) -> PartyId {
        self.party(party).id.clone()
    }

    /// The place of a party, registered or known from a registry.
    pub(crate) fn place_of(&self, id: &str) -> Option<usize> {
        self.everybody.directory.find(&id.parse().ok()?).map(|number| number.index())
    }

    pub(super) fn nation_of(&self, id: &str) -> Option<Country> {
        self.place_of(id).and_then(|party| self.party(party).nation)
    }

    /// Who comes after a party when telling it does not help.
    pub(super) fn line_after(&mut self, party: usize) -> Vec<usize> {
        if let Some(line) = self.lines.get(&party) {
            return line.clone();
        }
        let Everybody { parties, now, directory, .. } = self.everybody;
        let line = escalation::line_after(&self.party(party), self.everybody.own(), parties, *now);
        let line: Vec<usize> = line.into_iter().filter_map(|id| directory.find(id)).map(|number| number.index()).collect();
        self.lines.insert(party, line.clone());
        line
    }

    /// The contact to write to in a role, and the way: sealed where a key is known.
    pub(crate) fn reached(&self, party: usize, role: Role) -> Option<Reached> {
        use ContactRole::{Abuse, Administrative, Csirt, ProductSecurity, Technical};
        let order = match role {
            Role::Operator => [Abuse, Csirt, Technical, Administrative, ProductSecurity],
            Role::Maker => [ProductSecurity, Csirt, Abuse, Technical, Administrative],
            Role::NationalCsirt | Role::NextInLine => [Csirt, Abuse, Technical, Administrative, ProductSecurity],
        };
        let party = self.party(party);
        let place = |contact: &Contact| order.iter().position(|role| *role == contact.role).unwrap_or(order.len());
        let valid = party.contacts.iter().filter(|contact| contact.validity.holds(self.everybody.now));
        let contact = valid.min_by_key(|contact| (place(contact), contact.provenance.clone()))?.clone();
        let channel = if contact.openpgp_key.is_some() { Channel::SealedMail } else { Channel::Mail };
        Some(Reached { contact, channel })
    }
}

/// A number for people and a token for answers, of a new notice.
pub(super) fn names() -> Result<(String, String)> {
    let mut random = [0; 15];
    getrandom::fill(&mut random).map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
    let [a, b, c, d, e, token @ ..] = random;
    // Crockford's alphabet: nothing in it is taken for something else when read aloud.
    let alphabet = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let bits = u64::from_be_bytes([0, 0, 0, a, b, c, d, e]);
    let id: String = (0..8).rev().map(|n| char::from(alphabet[usize::try_from(bits >> (5 * n) & 31).unwrap_or(0)])).collect();
    Ok((format!("N-{id}"), Token::from_random(token).as_str().to_owned()))
}
