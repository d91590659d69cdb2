//! Indicators and events that a party may have, as one STIX 2.1 bundle: one release, in the log before it can be handed over.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, anyhow};
use casework::indicate::told::{self, Teller};
use casework::model::agreement::{Channel, Purpose};
use casework::model::party::PartyId;
use casework::model::terms::Terms;
use casework::share::seen::{self, End, Seen};
use formats::rsit::Class;
use formats::stix::Header;
use formats::stix::write::{Object, bundle};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use store::events::Questions;
use store::home::Home;
use store::indicators::Wanted;
use store::register::Register;

use crate::api::release::Giving;
use crate::cli::view::{How, View};
use crate::columns::Columns;
use crate::receive::lists;
use crate::{chance, keys};

/// What is wanted for whom.
#[derive(Debug)]
pub(crate) struct Stix {
    pub(crate) to: PartyId,
    /// Seen at or after this time.
    pub(crate) since: Option<Timestamp>,
    pub(crate) only: Option<Only>,
    /// At most so many events, the newest.
    pub(crate) limit: u64,
    /// What the party would have it for.
    pub(crate) purpose: Purpose,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Only {
    Events,
    Indicators,
}

/// What goes into the bundle.
#[derive(Debug, Default)]
pub(crate) struct Telling {
    /// By identifier; of one observable under several terms the strictest marking stands.
    objects: BTreeMap<String, (Terms, String)>,
    /// The order in which they came.
    pub(crate) order: Vec<String>,
    terms: BTreeSet<i64>,
    pub(crate) indicators: u64,
    pub(crate) events: u64,
}

impl Telling {
    pub(crate) fn add(&mut self, object: &Object, terms: &Terms) -> Result<()> {
        let id = object.id()?;
        match self.objects.get(&id) {
            Some((before, _)) if terms.tlp <= before.tlp => {}
            Some(_) => _ = self.objects.insert(id, (terms.clone(), object.write())),
            None => {
                self.order.push(id.clone());
                self.objects.insert(id, (terms.clone(), object.write()));
            }
        }
        Ok(())
    }
}

/// A bundle that may be handed over: what it holds, and what the log calls it; our own is no release.
#[derive(Debug)]
pub(crate) struct Bundle {
    pub(crate) telling: Telling,
    pub(crate) content: Vec<u8>,
    pub(crate) release: Option<String>,
}

impl Stix {
    /// Of what a party may have: a few events and all indicators.
    pub(crate) fn some(to: PartyId, limit: u64) -> Self {
        Self { to, since: None, only: None, limit, purpose: Purpose::Defend }
    }

    /// The bundle, once it is in the log; `None` when there is nothing that the party may have.
    pub(crate) async fn bundle(&self, home: &Home, register: &Register, now: Timestamp) -> Result<Option<Bundle>> {
        let view = View::open(register, &self.to, How::by(self.purpose, Channel::File)).await?;
        let own = register.own_party().await?.ok_or_else(|| anyhow!("nobody is marked as ourselves"))?;
        let ourselves = register.party(&own, now).await?.with_context(|| format!("{own} is no party now"))?;
        let teller = Teller::new(&ourselves);
        let known: BTreeMap<i64, Terms> = register.all_terms().await?.into_iter().map(|known| (known.id, known.terms)).collect();
        let mut telling = Telling::default();
        if self.only != Some(Only::Events) {
            self.indicators(home, register, &view, &teller, &known, now, &mut telling).await?;
        }
        if self.only != Some(Only::Indicators) {
            self.events(home, register, &view, &teller, &known, now, &mut telling).await?;
        }
        let bytes = written(&telling, &teller)?;
        if telling.order.is_empty() {
            return Ok(None);
        }
        if self.to == own {
            // What we look at ourselves is no release.
            return Ok(Some(Bundle { telling, content: bytes, release: None }));
        }
        let why = |number: &i64| {
            let explained = known.get(number).map(|terms| view.explain(terms).reasons).unwrap_or_default();
            let told: Vec<&str> = explained.iter().map(|reason| reason.rule).collect();
            (*number, format!("terms {number}: {}", told.join(", ")))
        };
        let giving = Giving {
            party: &self.to,
            purpose: self.purpose,
            channel: Channel::File,
            how: "STIX bundle".to_owned(),
            why: telling.terms.iter().map(why).collect(),
        };
        let release = giving.release(format!("bundle-{}", chance::uuid()), Sha256::digest(&bytes).into(), now);
        let id = release.id.clone();
        let key = keys::log_key(home, None)?;
        let released = register.release(&key, vec![(release, bytes)], now).await?;
        let content = released.into_iter().next().context("nothing was logged")?.into_content();
        Ok(Some(Bundle { telling, content, release: Some(id) }))
    }

    #[expect(clippy::too_many_arguments, reason = "all of what decides")]
    async fn indicators(
        &self,
        home: &Home,
        register: &Register,
        view: &View,
        teller: &Teller,
        known: &BTreeMap<i64, Terms>,
        now: Timestamp,
        telling: &mut Telling,
    ) -> Result<()> {
        let half_lives = lists::half_lives(home)?;
        // An indicator goes out whole or not at all: nothing of it can be hidden.
        let all = register.all_terms().await?;
        let open: BTreeSet<i64> =
            all.iter().filter(|known| view.admits(known).is_some_and(|hidden| hidden.is_empty())).map(|known| known.id).collect();
        let wanted = Wanted { since: self.since.map(Timestamp::as_microsecond), ..Wanted::default() };
        for remembered in register.indicators(&wanted).await? {
            let indicator = &remembered.indicator;
            let worth = indicator.worth(&half_lives, now, |number| open.contains(&number));
            if !told::holds(&worth) {
                continue;
            }
            let under: BTreeSet<i64> = indicator
                .support()
                .filter(|(_, support)| support.terms.iter().all(|number| open.contains(number)))
                .flat_map(|(_, support)| support.terms.iter().copied())
                .collect();
            let Some(terms) = under.iter().filter_map(|number| known.get(number)).cloned().reduce(|one, other| one.join(&other)) else {
                continue;
            };
            let created = Timestamp::from_microsecond(remembered.created_at)?;
            let Some(objects) = told::objects(indicator, &worth, &terms, teller, created) else { continue };
            for object in &objects {
                telling.add(&object.clone().modified(remembered.updated_at.max(remembered.created_at)), &terms)?;
            }
            telling.terms.extend(under);
            telling.indicators += 1;
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "all of what decides")]
    async fn events(
        &self,
        home: &Home,
        register: &Register,
        view: &View,
        teller: &Teller,
        known: &BTreeMap<i64, Terms>,
        now: Timestamp,
        telling: &mut Telling,
    ) -> Result<()> {
        let questions = Questions::open_for(home, register, |known| view.admits(known)).await?;
        let since = self.since.map_or_else(String::new, |since| format!("WHERE time >= timestamp '{since}'"));
        let sql = format!("SELECT {COLUMNS} FROM events {since} ORDER BY time DESC LIMIT {}", self.limit);
        for batch in questions.sql(&sql).await?.collect().await? {
            let table = Columns::of(&batch, &TEXTS, &NUMBERS)?;
            for at in 0..table.rows {
                let Some((number, event)) = row(&table, at) else { continue };
                let Some(terms) = known.get(&number) else { continue };
                let identity = teller.identity_id();
                let Some(objects) = seen::objects(&event, terms, Some(&identity), &chance::uuid(), now.as_microsecond()) else { continue };
                for object in &objects {
                    telling.add(object, terms)?;
                }
                telling.terms.insert(number);
                telling.events += 1;
            }
        }
        Ok(())
    }
}

/// The bundle: who tells, what the markings mean, and all objects.
pub(crate) fn written(telling: &Telling, teller: &Teller) -> Result<Vec<u8>> {
    let mut definitions: BTreeMap<String, &'static str> = BTreeMap::new();
    for (terms, _) in telling.objects.values() {
        for text in told::definitions(terms) {
            let id = Header::read(text.as_bytes()).map_err(|error| anyhow!("{error}"))?.id.into_owned();
            definitions.insert(id, text);
        }
    }
    let mut texts: Vec<String> = definitions.into_values().map(str::to_owned).collect();
    texts.push(teller.identity().write());
    texts.extend(telling.order.iter().filter_map(|id| telling.objects.get(id)).map(|(_, text)| text.clone()));
    Ok(bundle(&chance::uuid(), texts).into_bytes())
}

const COLUMNS: &str = "CAST(time AS BIGINT) AS time, terms, confidence, source_port, destination_port, source_asn, destination_asn, type, \
    source_ip, source_fqdn, source_url, destination_ip, destination_fqdn, destination_url, transport, malware, identifier, \
    json_text(extra, 'malware.hash.md5') AS md5, json_text(extra, 'malware.hash.sha1') AS sha1, json_text(extra, 'malware.hash.sha256') AS sha256";
const TEXTS: [&str; 13] = [
    "type",
    "source_ip",
    "source_fqdn",
    "source_url",
    "destination_ip",
    "destination_fqdn",
    "destination_url",
    "transport",
    "malware",
    "identifier",
    "md5",
    "sha1",
    "sha256",
];
const NUMBERS: [&str; 7] = ["time", "terms", "confidence", "source_port", "destination_port", "source_asn", "destination_asn"];

/// The number of its terms, and the event as the party sees it.
fn row(table: &Columns, at: usize) -> Option<(i64, Seen<'_>)> {
    let text = |column| table.text(column, at);
    let port = |column| table.number(column, at).and_then(|port| u16::try_from(port).ok());
    let asn = |column| table.number(column, at).and_then(|asn| u32::try_from(asn).ok());
    let ip = |column| text(column).and_then(|text| text.parse().ok());
    let seen = Seen {
        time: Timestamp::from_microsecond(table.number(0, at)?).ok()?,
        class: text(0).and_then(Class::of)?,
        source: End { ip: ip(1), port: port(3), fqdn: text(2), url: text(3), asn: asn(5) },
        destination: End { ip: ip(4), port: port(4), fqdn: text(5), url: text(6), asn: asn(6) },
        transport: text(7),
        malware: text(8),
        identifier: text(9),
        md5: text(10),
        sha1: text(11),
        sha256: text(12),
        confidence: table.number(2, at).and_then(|confidence| u8::try_from(confidence).ok()),
    };
    Some((table.number(1, at)?, seen))
}
