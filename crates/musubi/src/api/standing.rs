//! What decides who may see what, compiled once and kept until something of it changes.
//!
//! The register counts every change of parties, agreements, terms, collections, grants and tokens. Each request asks for that count, so
//! an agreement that is revoked in another process stops the flow with the next request, not with the next restart.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use anyhow::Result;
use casework::model::agreement::{Agreement, Channel, Purpose};
use casework::model::party::{Party, PartyId};
use casework::model::terms::Terms;
use casework::share::explain::Explanation;
use casework::share::taken_in::TakenIn;
use casework::share::{Affected, Compiled, Decision, Marked, PartyNumber, Question, Redactions, Universe};
use jiff::Timestamp;
use store::collections::{Collection, EVERYBODY, Grant};
use store::door::Door;
use store::register::Register;
use store::shared::Eyes;
use store::terms::DefaultOf;

use crate::sign_in::Doorkeeper;
use crate::sign_in::bearer::Issuers;

/// Everything that decides, as of one change.
#[derive(Debug)]
pub(crate) struct Standing {
    change: i64,
    /// Validities of parties are looked at anew each minute.
    minute: i64,
    pub(crate) universe: Universe,
    pub(crate) parties: Vec<Party>,
    pub(crate) own: Option<PartyId>,
    me: Option<PartyNumber>,
    agreements: Vec<Agreement>,
    terms: Vec<(i64, Compiled)>,
    defaults: BTreeMap<DefaultOf, Terms>,
    pub(crate) collections: Vec<Collection>,
    grants: Vec<Grant>,
    pub(crate) doorkeeper: Doorkeeper,
    /// Who is responsible for what; made when first asked for.
    pub(crate) directory: std::sync::OnceLock<Arc<casework::enrich::responsible::Directory>>,
    views: Mutex<Views>,
}

/// What was looked up this second.
type Views = HashMap<(PartyId, Channel, Purpose), (i64, Arc<View>)>;

/// What one party sees now, and why.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) eyes: Eyes,
    /// Why terms are seen: for the log of releases.
    reasons: BTreeMap<i64, String>,
    /// It is ourselves: what we look at is no release.
    pub(crate) own: bool,
}

impl View {
    /// The reason for what is under these terms.
    pub(crate) fn reason(&self, terms: i64) -> String {
        self.reasons.get(&terms).cloned().unwrap_or_else(|| format!("terms {terms}: given by the recipient itself"))
    }
}

/// How a party sees events under some terms.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) redactions: Redactions,
    pub(crate) reason: String,
    /// Everybody may know it: telling it is no release.
    pub(crate) is_clear: bool,
}

/// What one party may know of events.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    by_terms: BTreeMap<i64, Seen>,
}

impl Sight {
    /// What lets through what is seen.
    pub(crate) fn door(&self) -> Door {
        Door::of(self.by_terms.iter().map(|(terms, seen)| (*terms, seen.redactions)))
    }

    /// How events under these terms are seen.
    pub(crate) fn get(&self, terms: &i64) -> Option<&Seen> {
        self.by_terms.get(terms)
    }

    /// Why, for the log of releases.
    pub(crate) fn why(&self, terms: i64) -> Option<&str> {
        self.by_terms.get(&terms).map(|seen| seen.reason.as_str())
    }
}

/// How something would reach a party, for what, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) purpose: Purpose,
    pub(crate) channel: Channel,
    pub(crate) affected: Affected,
    pub(crate) now: Timestamp,
}

/// Keeps the newest [`Standing`].
#[derive(Debug)]
pub(crate) struct Desk {
    register: Register,
    issuers: Issuers,
    changes: Together,
    current: RwLock<Option<Arc<Standing>>>,
}

/// Reads a number once for all that ask at the same time; each gets what was read after it had asked.
#[derive(Debug, Default)]
struct Together {
    /// Readings that have begun.
    begun: AtomicU64,
    /// Which was the last, and what it said.
    last: tokio::sync::Mutex<(u64, i64)>,
}

impl Together {
    async fn newest<E>(&self, read: impl AsyncFnOnce() -> Result<i64, E>) -> Result<i64, E> {
        // Whatever begins from here on knows all that is true now.
        let before = self.begun.load(Ordering::SeqCst);
        let mut last = self.last.lock().await;
        if last.0 <= before {
            let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            *last = (number, read().await?);
        }
        Ok(last.1)
    }
}

impl Desk {
    pub(crate) fn new(register: Register, issuers: Issuers) -> Self {
        Self { register, issuers, changes: Together::default(), current: RwLock::new(None) }
    }

    /// What decides now.
    ///
    /// # Errors
    /// When the register cannot be read: then nobody sees anything.
    pub(crate) async fn standing(&self, now: Timestamp) -> Result<Arc<Standing>> {
        // The count is read before what it counts: a change in between is seen the next time.
        let change = self.changes.newest(async || self.register.policy_change().await).await?;
        let minute = now.as_second() / 60;
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(current) = current.filter(|current| current.change == change && current.minute == minute) {
            return Ok(current);
        }
        let loaded = Arc::new(Standing::load(&self.register, self.issuers.clone(), change, now).await?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&loaded));
        Ok(loaded)
    }
}

impl Standing {
    async fn load(register: &Register, issuers: Issuers, change: i64, now: Timestamp) -> Result<Self> {
        let parties = register.parties(now).await?;
        let agreements = register.agreements(now).await?;
        let universe = Universe::new(&parties, &agreements);
        let own = register.own_party().await?;
        let me = own.as_ref().and_then(|own| universe.number(own));
        let terms = register.all_terms().await?.into_iter().map(|known| (known.id, universe.compile(&known.terms))).collect();
        Ok(Self {
            change,
            minute: now.as_second() / 60,
            own,
            me,
            agreements,
            terms,
            defaults: register.terms_defaults().await?,
            collections: register.collections().await?,
            grants: register.grants().await?,
            doorkeeper: Doorkeeper::new(register.tokens().await?, register.sign_ins().await?, issuers),
            directory: std::sync::OnceLock::new(),
            views: Mutex::default(),
            universe,
            parties,
        })
    }

    /// What a party sees over a channel. Embargoes and expiries are looked at anew each second.
    pub(crate) fn view(&self, party: &PartyId, channel: Channel, purpose: Purpose, now: Timestamp) -> Arc<View> {
        let mut views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (party.clone(), channel, purpose);
        if let Some((second, view)) = views.get(&key)
            && *second == now.as_second()
        {
            return Arc::clone(view);
        }
        let view = Arc::new(self.look(party, channel, purpose, now));
        views.insert(key, (now.as_second(), Arc::clone(&view)));
        view
    }

    fn look(&self, party: &PartyId, channel: Channel, purpose: Purpose, now: Timestamp) -> View {
        let mut reasons = BTreeMap::new();
        if let (Some(me), Some(to)) = (self.me, self.universe.number(party)) {
            let holder = self.universe.holder(me);
            for (id, terms) in &self.terms {
                let decision = holder.decide(&question(terms, to, channel, purpose, now));
                // An object goes out as its bytes or not at all: nothing of it can be hidden.
                if decision.is_allowed() && decision.redactions().is_empty() {
                    let ground = decision.ground().map_or("", casework::share::Ground::code);
                    let agreement = decision.agreement().map(|number| format!(", agreement {}", self.universe.agreement(number)));
                    reasons.insert(*id, format!("terms {id}: {ground}{}", agreement.unwrap_or_default()));
                }
            }
        }
        let eyes = Eyes { party: party.to_string(), terms: reasons.keys().copied().collect() };
        View { eyes, reasons, own: self.own.as_ref() == Some(party) }
    }

    /// What a party may know of events that affect it so, as the door asks: by terms, what is hidden of them, and why they are seen.
    pub(crate) fn sight(&self, party: &PartyId, affected: Affected, purpose: Purpose, channel: Channel, now: Timestamp) -> Sight {
        let mut by_terms = BTreeMap::new();
        if let (Some(me), Some(to)) = (self.me, self.universe.number(party)) {
            let holder = self.universe.holder(me);
            for (id, terms) in &self.terms {
                let asked = Question { affected, ..question(terms, to, channel, purpose, now) };
                let decision = holder.decide(&asked);
                if decision.is_allowed() {
                    let ground = decision.ground().map_or("", casework::share::Ground::code);
                    let agreement = decision.agreement().map(|number| format!(", agreement {}", self.universe.agreement(number)));
                    let hidden: Vec<&str> = decision.redactions().iter().map(casework::share::Redaction::code).collect();
                    let hidden = if hidden.is_empty() { String::new() } else { format!(", without {}", hidden.join(" and ")) };
                    let why = format!("terms {id}: {ground}{}{hidden}", agreement.unwrap_or_default());
                    let is_clear = terms.terms().tlp == casework::model::terms::Tlp::Clear;
                    by_terms.insert(*id, Seen { redactions: decision.redactions(), reason: why, is_clear });
                }
            }
        }
        Sight { by_terms }
    }

    /// The decision about one party in words; `None` when it, or who we are, is not known.
    pub(crate) fn explain(&self, terms: &Terms, party: &PartyId, asked: &Ask) -> Option<Explanation> {
        let (me, to) = (self.me?, self.universe.number(party)?);
        let compiled = self.universe.compile(terms);
        let asked = Question { affected: asked.affected, ..question(&compiled, to, asked.channel, asked.purpose, asked.now) };
        Some(self.universe.holder(me).explain(&asked))
    }

    /// The decision about every party.
    pub(crate) fn everybody(&self, terms: &Terms, asked: &Ask, affected: impl Fn(&PartyId) -> Affected) -> Vec<(PartyId, Decision)> {
        let Some(me) = self.me else { return Vec::new() };
        let (compiled, holder) = (self.universe.compile(terms), self.universe.holder(me));
        let decide = |(to, id): (PartyNumber, &PartyId)| {
            let asked = Question { affected: affected(id), ..question(&compiled, to, asked.channel, asked.purpose, asked.now) };
            (id.clone(), holder.decide(&asked))
        };
        self.universe.parties().map(decide).collect()
    }

    /// The count of changes that it stands on.
    pub(crate) fn change(&self) -> i64 {
        self.change
    }

    /// All agreements, also those not in force.
    pub(crate) fn agreements(&self) -> &[Agreement] {
        &self.agreements
    }

    /// A party that is there now.
    pub(crate) fn party(&self, id: &PartyId) -> Option<&Party> {
        self.parties.binary_search_by(|party| party.id.cmp(id)).ok().map(|at| &self.parties[at])
    }

    /// An agreement in force covers this party and us, over a channel, for a purpose or for any.
    pub(crate) fn bound(&self, party: &PartyId, channel: Channel, purpose: Option<Purpose>, now: Timestamp) -> bool {
        let Some(own) = &self.own else { return false };
        let member = |agreement: &Agreement, id: &PartyId| {
            let communities = self.parties.iter().find(|party| party.id == *id).map(|party| &party.communities);
            agreement.parties.contains(id) || communities.is_some_and(|mine| mine.iter().any(|one| agreement.communities.contains(one)))
        };
        self.agreements.iter().any(|agreement| {
            agreement.in_force(now)
                && (agreement.channels.is_empty() || agreement.channels.contains(&channel))
                && purpose.is_none_or(|purpose| agreement.purposes.contains(&purpose))
                && member(agreement, own)
                && member(agreement, party)
        })
    }

    /// Under which terms a party holds what we give it under these.
    pub(crate) fn given(&self, terms: &Terms, to: &PartyId) -> Terms {
        match (self.me, self.universe.number(to)) {
            (Some(me), Some(to)) => self.universe.holder(me).transfer(&self.universe.compile(terms), to),
            _ => terms.join(&Terms::of(casework::model::terms::Tlp::UNMARKED)),
        }
    }

    /// The same for terms by their number, as text.
    pub(crate) fn given_under(&self, terms: i64, to: &PartyId) -> String {
        let unmarked = Terms::of(casework::model::terms::Tlp::UNMARKED);
        self.given(self.terms(terms).unwrap_or(&unmarked), to).to_string()
    }

    /// All terms, with their numbers.
    pub(crate) fn all_terms(&self) -> impl Iterator<Item = (i64, &Terms)> {
        self.terms.iter().map(|(id, terms)| (*id, terms.terms()))
    }

    /// Terms by their number.
    pub(crate) fn terms(&self, id: i64) -> Option<&Terms> {
        self.terms.iter().find(|(known, _)| *known == id).map(|(_, terms)| terms.terms())
    }

    /// What a party may do with a collection: read, write.
    pub(crate) fn rights(&self, collection: i64, party: &PartyId) -> (bool, bool) {
        let mine = self.grants.iter().filter(|grant| grant.collection == collection);
        let mine = mine.filter(|grant| grant.party == party.as_str() || grant.party == EVERYBODY);
        mine.fold((false, false), |(read, write), grant| (read || grant.can_read, write || grant.can_write))
    }

    /// A collection by id or alias, when the party may do anything with it.
    pub(crate) fn collection(&self, name: &str, party: &PartyId) -> Option<&Collection> {
        let found =
            self.collections.iter().find(|c| c.id == name).or_else(|| self.collections.iter().find(|c| c.alias.as_deref() == Some(name)));
        found.filter(|collection| self.rights(collection.number, party) != (false, false))
    }

    /// The terms of what a party adds to a collection under markings: those of its markings, else the default of the collection, else that of
    /// the party, else AMBER+STRICT; then what becomes of them on the way to us.
    /// Terms that the giver stated beside the object tighten them.
    pub(crate) fn held_under(&self, marked: Marked, stated: Option<&Terms>, collection: &Collection, giver: &PartyId) -> Terms {
        let by_feed = collection.terms.and_then(|id| self.terms.iter().find(|(known, _)| *known == id)).map(|(_, terms)| terms.terms());
        let by_giver = self.defaults.get(&DefaultOf::Party(giver.to_string()));
        let held = TakenIn { stated: None, by_feed, by_giver }.held_under(marked.tlp);
        let held = marked.tighten(held);
        let held = match stated {
            // Named recipients are the giver's to name; joining would drop them.
            Some(stated) => Terms { recipients: stated.recipients.clone(), ..held.join(stated) },
            None => held,
        };
        self.transferred(&held, giver)
    }

    /// The terms of what carries no marking in a collection, and of what comes from a party.
    pub(crate) fn defaults(&self, collection: &Collection, giver: &PartyId) -> (Option<&Terms>, Option<&Terms>) {
        (collection.terms.and_then(|id| self.terms(id)), self.defaults.get(&DefaultOf::Party(giver.to_string())))
    }

    /// The agreement that lets a party have something held under these terms, when it takes one.
    pub(crate) fn agreement(&self, party: &PartyId, terms: i64, channel: Channel, now: Timestamp) -> Option<&str> {
        let terms = self.terms.iter().find(|(known, _)| *known == terms).map(|(_, terms)| terms)?;
        let (me, to) = (self.me?, self.universe.number(party)?);
        let decision = self.universe.holder(me).decide(&question(terms, to, channel, Purpose::Defend, now));
        decision.agreement().map(|number| self.universe.agreement(number))
    }

    /// Under which terms we hold what a party held under these.
    pub(crate) fn transferred(&self, terms: &Terms, giver: &PartyId) -> Terms {
        match (self.universe.number(giver), self.me) {
            (Some(giver), Some(me)) => self.universe.holder(giver).transfer(&self.universe.compile(terms), me),
            // Nobody knows what binds us.
            _ => terms.join(&Terms::of(casework::model::terms::Tlp::UNMARKED)),
        }
    }
}

/// May a party have this for its defence?
fn question(terms: &Compiled, to: PartyNumber, channel: Channel, purpose: Purpose, now: Timestamp) -> Question<'_> {
    Question { terms, to, provider: None, affected: Affected::Perhaps, consent: false, paying: false, purpose, channel, now }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_asks_together_reads_together_and_never_what_was_read_before() {
        let (together, readings) = (Arc::new(Together::default()), Arc::new(AtomicU64::new(0)));
        let (go_on, wait) = tokio::sync::oneshot::channel::<()>();
        let ask = |wait: Option<tokio::sync::oneshot::Receiver<()>>| {
            let (together, readings) = (Arc::clone(&together), Arc::clone(&readings));
            tokio::spawn(async move {
                let read = async || {
                    let number = readings.fetch_add(1, Ordering::SeqCst) + 1;
                    if let Some(wait) = wait {
                        wait.await.unwrap();
                    }
                    Ok::<i64, std::convert::Infallible>(number as i64)
                };
                together.newest(read).await.unwrap()
            })
        };
        let first = ask(Some(wait));
        tokio::task::yield_now().await;
        let others = [ask(None), ask(None), ask(None)];
        tokio::task::yield_now().await;
        go_on.send(()).unwrap();
        assert_eq!(first.await.unwrap(), 1);
        for other in others {
            assert_eq!(other.await.unwrap(), 2, "what was read before it asked says nothing");
        }
        assert_eq!(ask(None).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn who_gives_up_keeps_nobody_from_reading() {
        let together = Together::default();
        let never = together.newest(async || std::future::pending::<Result<i64, std::convert::Infallible>>().await);
        assert!(tokio::time::timeout(std::time::Duration::from_millis(1), never).await.is_err());
        assert_eq!(together.newest(async || Ok::<_, std::convert::Infallible>(7)).await, Ok(7));
    }
}
