//! Our own indicators as STIX objects in a collection: new versions of what has changed, and the end of what has ended.

use std::collections::{HashMap, HashSet};

use anyhow::{Context as _, Result, anyhow};
use casework::indicate::harm::Harm;
use casework::indicate::indicator::{IndicatorId, Standing, What};
use casework::indicate::told::{self, Teller};
use casework::model::agreement::Channel;
use casework::model::terms::{Terms, Tlp};
use formats::stix::write::Object;
use formats::stix::{Header, Identifier};
use formats::taxii::resource::StatusDetail;
use sha2::{Digest as _, Sha256};
use store::collections::Collection;
use store::home::Home;
use store::indicators::Wanted;
use store::posting::{Given, Post};
use store::register::Register;
use store::told::Told;

use crate::api::standing::Desk;
use crate::chance;
use crate::receive::lists;
use crate::sign_in::bearer::Issuers;

/// Objects in one transaction.
const TOGETHER: usize = 5_000;

/// An object that is to be told.
struct Next {
    given: Given,
    told: Told,
    again: bool,
}

/// What is in the collection, and what is to come.
struct Telling<'r> {
    register: &'r Register,
    before: HashMap<String, Told>,
    numbers: HashMap<String, i64>,
    next: Vec<Next>,
    queued: HashSet<String>,
    unchanged: u64,
    now: i64,
}

impl Telling<'_> {
    /// Whether an object has changed since it was told; then its next version is to come. `at`: when that came to be.
    async fn object(&mut self, object: &Object, indicator: Option<IndicatorId>, terms: &Terms, at: i64, revoked: bool) -> Result<()> {
        let id = object.id()?;
        // Several tell of the same malware, all of ourselves.
        if self.queued.contains(&id) {
            return Ok(());
        }
        let digest = Sha256::digest(object.write()).to_vec();
        let terms = self.number(terms).await?;
        let before = self.before.get(&id);
        if before.is_some_and(|before| (before.digest == digest && before.terms == terms) || (before.revoked && revoked)) {
            self.unchanged += 1;
            return Ok(());
        }
        let again = before.is_some();
        let bytes = match before {
            None => object.write().into_bytes(),
            // Later than the version before; milliseconds, as it is written.
            Some(before) => {
                let since = if at > before.modified { at } else { self.now };
                object.clone().modified(since.max(before.modified.saturating_add(1_000))).write().into_bytes()
            }
        };
        let (version, created, kind) = {
            let header = Header::read(&bytes).map_err(|error| anyhow!("{id}: {error}"))?;
            let version = header.version().map(|at| (at.micros(), at.text().to_owned()));
            (version, before.map_or(at, |before| before.created), header.object_type.clone().into_owned())
        };
        let modified = version.as_ref().map_or(created, |(at, _)| *at);
        let told = Told { object: id.clone(), indicator, digest, terms, created, modified, revoked };
        self.queued.insert(id.clone());
        self.next.push(Next { given: Given { id, kind, version, spec: 21, terms, bytes, date_added: None }, told, again });
        Ok(())
    }

    /// What never changes: the definition of a marking.
    async fn definition(&mut self, text: &str) -> Result<()> {
        let id = Header::read(text.as_bytes()).map_err(|error| anyhow!("{error}"))?.id.into_owned();
        if self.before.contains_key(&id) || !self.queued.insert(id.clone()) {
            return Ok(());
        }
        let terms = self.number(&Terms::of(Tlp::Clear)).await?;
        let kind = Identifier::read(&id).map_or_else(String::new, |id| id.object_type.to_owned());
        let told = Told {
            object: id.clone(),
            indicator: None,
            digest: Sha256::digest(text).to_vec(),
            terms,
            created: self.now,
            modified: self.now,
            revoked: false,
        };
        let given = Given { id, kind, version: None, spec: 21, terms, bytes: text.as_bytes().to_vec(), date_added: None };
        self.next.push(Next { given, told, again: false });
        Ok(())
    }

    async fn number(&mut self, terms: &Terms) -> Result<i64> {
        let text = terms.to_string();
        if let Some(number) = self.numbers.get(&text) {
            return Ok(*number);
        }
        let number = self.register.terms(terms).await?;
        self.numbers.insert(text, number);
        Ok(number)
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Published {
    pub(crate) current: u64,
    pub(crate) revoked: u64,
    pub(crate) added: u64,
    pub(crate) versions: u64,
    pub(crate) unchanged: u64,
    pub(crate) failures: Vec<StatusDetail>,
    pub(crate) at: i64,
}

/// Puts our current indicators into a collection.
pub(crate) async fn publish(home: &Home, register: &Register, collection: &Collection, now: jiff::Timestamp) -> Result<Published> {
    let _one = home.deriving()?;
    let standing = Desk::new(register.clone(), Issuers::default()).standing(now).await?;
    let own =
        standing.own.clone().ok_or_else(|| anyhow!("nobody is marked as ourselves: say with `musubi party own` which party we are"))?;
    let party = standing.parties.iter().find(|party| party.id == own).with_context(|| format!("{own} is no party now"))?;
    let teller = Teller::new(party);
    let half_lives = lists::half_lives(home)?;
    let warnings = lists::warnings(home, register).await?;
    let terms: HashMap<i64, Terms> = register.all_terms().await?.into_iter().map(|known| (known.id, known.terms)).collect();
    let mut telling = Telling {
        register,
        before: register.told(collection.number).await?,
        numbers: HashMap::new(),
        next: Vec::new(),
        queued: HashSet::new(),
        unchanged: 0,
        now: now.as_microsecond() / 1_000 * 1_000,
    };
    let (mut current, mut revoked) = (0_u64, 0_u64);
    for remembered in register.indicators(&Wanted::default()).await? {
        let indicator = &remembered.indicator;
        let Some((under, open)) = told::freest(indicator, |number| terms.get(&number).cloned()) else { continue };
        let mut worth = indicator.worth(&half_lives, now, |number| open.contains(&number));
        // The lists may be newer than the indicator.
        if let What::Value(observable) = indicator.what()
            && Harm::of(observable, &warnings).never_block()
        {
            worth.standing = Standing::Revoked;
        }
        let holds = told::holds(&worth);
        let before = telling.before.get(&teller.indicator_id(indicator.what()));
        match before {
            None if !holds => continue,
            Some(before) if !holds && before.revoked => {
                telling.unchanged += 1;
                continue;
            }
            _ => {}
        }
        let created = before.map_or(remembered.created_at, |before| before.created);
        let created = jiff::Timestamp::from_microsecond(created / 1_000 * 1_000)?;
        let Some(objects) = told::objects(indicator, &worth, &under, &teller, created) else { continue };
        if holds {
            current += 1
        } else {
            revoked += 1
        }
        let identity = teller.identity();
        telling.object(&identity, None, &Terms::of(Tlp::Clear), telling.now, false).await?;
        for definition in told::definitions(&under) {
            telling.definition(definition).await?;
        }
        let at = if before_is(&telling.before, &objects) { remembered.updated_at } else { created.as_microsecond() };
        for object in &objects {
            telling.object(object, Some(indicator.id()), &under, at / 1_000 * 1_000, !holds).await?;
        }
    }
    let eyes = standing.view(&own, Channel::Taxii, casework::model::agreement::Purpose::Defend, now).eyes.clone();
    let (mut added, mut versions, mut failures) = (0_u64, 0_u64, Vec::new());
    for chunk in telling.next.chunks(TOGETHER) {
        let objects = chunk.iter().map(|next| Ok(next.given.clone())).collect();
        let post = Post { request: None, collection: collection.number, eyes: eyes.clone(), objects, requested_at: telling.now };
        for outcome in register.add_shared(&[post], now.as_microsecond(), chance::number()).await? {
            added += outcome.added;
            failures.extend(outcome.failures);
        }
        let taken: Vec<Told> =
            chunk.iter().filter(|next| !failures.iter().any(|f| f.id == next.given.id)).map(|next| next.told.clone()).collect();
        versions += chunk.iter().filter(|next| next.again).count() as u64;
        register.remember_told(collection.number, &taken).await?;
    }
    Ok(Published { current, revoked, added, versions, unchanged: telling.unchanged, failures, at: telling.now })
}

/// The indicator was told before.
fn before_is(before: &HashMap<String, Told>, objects: &[Object]) -> bool {
    objects.first().and_then(|object| object.id().ok()).is_some_and(|id| before.contains_key(&id))
}
