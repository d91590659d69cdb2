//! `musubi party`: who can act, what they answer for, how they are reached.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use casework::model::party::{Contact, Party, PartyId, Provenance, Responsibility, Validity};
use casework::parties::{Draft, WrittenParty, join};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::register::Register;

use super::{Place, WrongUsage, moment, party_find, party_import};
use crate::pipeline;
use crate::show::{self, say, table};

/// Organisations: who they are, what they answer for, how they are reached
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Example:\n  musubi party list")]
pub(crate) enum Parties {
    Add(Add),
    List(List),
    Show(Show),
    Find(party_find::Find),
    Set(Set),
    End(End),
    Own(Own),
    Import(party_import::Import),
}

impl Parties {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        match self {
            Self::Add(command) => command.run(place).await,
            Self::List(command) => command.run(place).await,
            Self::Show(command) => command.run(place).await,
            Self::Find(command) => command.run(place).await,
            Self::Set(command) => command.run(place).await,
            Self::End(command) => command.run(place).await,
            Self::Own(command) => command.run(place).await,
            Self::Import(command) => command.run(place).await,
        }
    }
}

/// What is said of a party.
#[derive(Clone, Debug, clap::Args)]
struct Said {
    /// Its name
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Its name as written in Japanese
    #[arg(long, value_name = "TEXT")]
    name_ja: Option<String>,
    /// Country where it is at home
    #[arg(long, value_name = "CC")]
    nation: Option<String>,
    /// Sector it belongs to (again for more, as all that follow)
    #[arg(long = "sector", value_name = "WORD")]
    sectors: Vec<String>,
    /// Community it is a member of: those with common goals and informal trust (TLP 2.0)
    #[arg(long = "community", value_name = "WORD")]
    communities: Vec<String>,
    /// Party that gives it cybersecurity services
    #[arg(long = "client-of", value_name = "PARTY")]
    clients_of: Vec<String>,
    /// Network it answers for
    #[arg(long = "network", value_name = "PREFIX")]
    networks: Vec<String>,
    /// AS it answers for
    #[arg(long = "asn", value_name = "NUMBER")]
    asns: Vec<String>,
    /// Domain it answers for, with all below
    #[arg(long = "domain", value_name = "NAME")]
    domains: Vec<String>,
    /// Country it answers for, as the last resort
    #[arg(long = "country", value_name = "CC")]
    countries: Vec<String>,
    /// Maker, or maker and model, it answers for
    #[arg(long = "product", value_name = "VENDOR[/MODEL]")]
    products: Vec<String>,
    /// Mail address, with role and language before it: 'abuse ja abuse@isp.example'
    #[arg(long = "contact", value_name = "[ROLE [LANGUAGE]] ADDRESS")]
    contacts: Vec<String>,
    /// Armoured OpenPGP public key of the contacts given here
    #[arg(long, value_name = "FILE", requires = "contacts")]
    key: Option<PathBuf>,
    /// Who says so: own, claimed (by the party, and confirmed by us), registry:NAME
    #[arg(long, value_name = "WHO")]
    said_by: Option<String>,
    /// It exists from then on
    #[arg(long, value_name = "TIME", value_parser = moment)]
    valid_from: Option<Timestamp>,
    /// It exists until then
    #[arg(long, value_name = "TIME", value_parser = moment)]
    valid_until: Option<Timestamp>,
}

impl Said {
    /// The party that the words make; a word that is wrong is wrong usage.
    fn party(&self, id: &str, kind: Option<&str>) -> Result<WrittenParty> {
        let mut draft = Draft::default();
        draft.add("id", [id.to_owned()]).add("kind", kind.map(str::to_owned));
        let one = [("name", &self.name), ("name_ja", &self.name_ja), ("nation", &self.nation), ("said_by", &self.said_by)];
        for (key, value) in one {
            draft.add(key, value.clone());
        }
        for (key, time) in [("valid_from", self.valid_from), ("valid_until", self.valid_until)] {
            draft.add(key, time.map(|t| t.to_string()));
        }
        let many = [
            ("sectors", &self.sectors),
            ("communities", &self.communities),
            ("clients_of", &self.clients_of),
            ("networks", &self.networks),
            ("asns", &self.asns),
            ("domains", &self.domains),
            ("countries", &self.countries),
            ("products", &self.products),
            ("contacts", &self.contacts),
        ];
        for (key, values) in many {
            draft.add(key, values.iter().cloned());
        }
        let mut written = draft.party().map_err(|wrong| WrongUsage(wrong.to_string()))?;
        if let Some(path) = &self.key {
            let key = key(path)?;
            written.party.contacts.iter_mut().for_each(|contact| contact.openpgp_key = Some(key.clone()));
        }
        Ok(written)
    }
}

fn key(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut draft = Draft::default();
    draft.add("address", ["key@holder.example".to_owned()]).add("openpgp_key", [text]);
    let contact = draft.contact().map_err(|wrong| anyhow::anyhow!("{}: {}", path.display(), wrong.reason))?;
    contact.openpgp_key.with_context(|| format!("{}: no key", path.display()))
}

/// Add a party
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  musubi party add isp-jp --name 'Example ISP' --kind provider --nation JP --network 192.0.2.0/24 --asn 64496 --contact 'abuse ja abuse@isp.example'"
)]
pub(crate) struct Add {
    /// Short name: a-z, 0-9, `.`, `-`, `_`
    id: String,
    /// national-csirt, csirt, isac, provider, maker, company, agency, police or public
    #[arg(long)]
    kind: String,
    /// This is us
    #[arg(long)]
    own: bool,
    #[command(flatten)]
    said: Said,
}

impl Add {
    async fn run(self, place: &Place) -> Result<()> {
        let written = self.said.party(&self.id, Some(&self.kind))?;
        let register = Register::create(&place.home).await?;
        let now = pipeline::now();
        let id = written.party.id.clone();
        if register.party(&id, now).await?.is_some() {
            bail!("there is a party {id} already; `musubi party set {id}` changes it");
        }
        register.record_parties(vec![written.party], now, join).await?;
        if self.own {
            register.set_own_party(&id, now).await?;
        }
        told(place, &register, &id).await
    }
}

/// Change what is known of a party; what is not named stays
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi party set isp-jp --network 198.51.100.0/24 --remove 192.0.2.0/24")]
pub(crate) struct Set {
    id: PartyId,
    /// Another kind
    #[arg(long)]
    kind: Option<String>,
    /// Take away a claim, contact address, sector, community or service provider, written as `party show` writes it
    #[arg(long, value_name = "VALUE")]
    remove: Vec<String>,
    #[command(flatten)]
    said: Said,
}

impl Set {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let now = pipeline::now();
        let known = existing(&register, &self.id).await?;
        let kind = self.kind.as_deref().unwrap_or(known.kind.as_str());
        // An id made from a registry cannot be given to a new party, but its party can be changed.
        let said = Party { id: self.id.clone(), ..self.said.party("changed", Some(kind))?.party };
        for value in &self.remove {
            if !removable(&known).any(|there| there == *value) {
                bail!("{} has no {value:?}; `musubi party show {0}` shows what it has", self.id);
            }
        }
        let (remove, given) = (self.remove, self.said);
        let changed = move |known: Option<&Party>, said: Party| match known {
            Some(known) => add(known, said, &given, &remove),
            None => said,
        };
        register.record_parties(vec![said], now, changed).await?;
        told(place, &register, &self.id).await
    }
}

/// What `--remove` can name.
fn removable(party: &Party) -> impl Iterator<Item = String> + '_ {
    let claims = party.constituency.iter().map(|r| r.claim.to_string());
    let contacts = party.contacts.iter().map(|c| c.address.clone());
    claims
        .chain(contacts)
        .chain(party.sectors.iter().chain(&party.communities).cloned())
        .chain(party.clients_of.iter().map(ToString::to_string))
}

/// The party with what is said beside what was known.
fn add(known: &Party, said: Party, given: &Said, remove: &[String]) -> Party {
    let mut party = known.clone();
    let stays = |value: &String| !remove.contains(value);
    party.constituency.retain(|r| stays(&r.claim.to_string()));
    party.contacts.retain(|c| stays(&c.address) && !said.contacts.iter().any(|new| new.address == c.address && new.role == c.role));
    party.sectors.retain(stays);
    party.communities.retain(stays);
    party.clients_of.retain(|id| stays(&id.to_string()));
    party.constituency.extend(said.constituency);
    party.contacts.extend(said.contacts);
    party.sectors.extend(said.sectors);
    party.communities.extend(said.communities);
    party.clients_of.extend(said.clients_of);
    party.kind = said.kind;
    if given.name.is_some() {
        party.name = said.name;
    }
    party.name_ja = said.name_ja.or(party.name_ja);
    party.nation = said.nation.or(party.nation);
    party.validity = Validity { from: said.validity.from.or(party.validity.from), until: said.validity.until.or(party.validity.until) };
    if given.said_by.is_some() {
        party.provenance = party.provenance.min(said.provenance);
    }
    party
}

/// Say that a party no longer exists; its past stays
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi party end isp-jp --at 2026-12-31")]
pub(crate) struct End {
    id: PartyId,
    /// When it ended or will end [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Timestamp>,
}

impl End {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let now = pipeline::now();
        let known = existing(&register, &self.id).await?;
        let end = self.at.unwrap_or(now);
        if known.validity.from.is_some_and(|from| end <= from) {
            bail!("{} begins only at {}", self.id, known.validity.from.map_or_else(String::new, |from| from.to_string()));
        }
        let ended = move |known: Option<&Party>, said: Party| {
            let party = known.cloned().unwrap_or(said);
            Party { validity: Validity { until: Some(end), ..party.validity }, ..party }
        };
        register.record_parties(vec![known], now, ended).await?;
        told(place, &register, &self.id).await
    }
}

/// Say which party we are, or ask
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi party add us --kind national-csirt --nation JP --country JP && musubi party own us")]
pub(crate) struct Own {
    id: Option<PartyId>,
}

impl Own {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        if let Some(id) = &self.id {
            register.set_own_party(id, pipeline::now()).await?;
        }
        let Some(own) = register.own_party().await? else { bail!("nobody said yet which party we are: `musubi party own PARTY`") };
        if place.json { show::json(&json!({"id": own.as_str()})) } else { say(own.as_str()) }
    }
}

/// List parties
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi party list --kind provider")]
pub(crate) struct List {
    /// Of this kind only
    #[arg(long)]
    kind: Option<String>,
    /// In this community only
    #[arg(long)]
    community: Option<String>,
    /// As known then (2026-03-23, or an age: 7d)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Timestamp>,
    /// Also those that have ended
    #[arg(long)]
    ended: bool,
}

impl List {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let at = self.at.unwrap_or_else(pipeline::now);
        let own = register.own_party().await?;
        let mut parties = if self.ended { register.parties_known(at).await? } else { register.parties(at).await? };
        parties.retain(|p| self.kind.as_ref().is_none_or(|kind| p.kind.as_str() == kind));
        parties.retain(|p| self.community.as_ref().is_none_or(|community| p.communities.contains(&community.to_lowercase())));
        if place.json {
            return show::json(&Value::Array(parties.iter().map(|p| object(p, own.as_ref(), at)).collect()));
        }
        let rows: Vec<Vec<String>> = parties
            .iter()
            .map(|p| {
                let contact = p.contacts.iter().find(|c| c.validity.holds(at)).map_or_else(String::new, |c| c.address.clone());
                let nation = p.nation.map_or_else(String::new, |n| n.as_str().to_owned());
                let id = if own.as_ref() == Some(&p.id) { format!("{} (us)", p.id) } else { p.id.to_string() };
                vec![id, p.name.clone(), p.kind.as_str().to_owned(), nation, p.constituency.len().to_string(), contact]
            })
            .collect();
        say(table(&["id", "name", "kind", "nation", "claims", "contact"], &rows, &[4]).trim_end())
    }
}

/// Show all that is known of a party, or was known on a day
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi party show isp-jp")]
pub(crate) struct Show {
    id: PartyId,
    /// As known then (2026-03-23, or an age: 7d)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Timestamp>,
}

impl Show {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let at = self.at.unwrap_or_else(pipeline::now);
        let Some(party) = register.party(&self.id, at).await? else {
            bail!("nothing was known of {} at {at}; `musubi party list` shows those that are known", self.id);
        };
        let own = register.own_party().await?;
        let changes = register.party_changes(&self.id).await?;
        if place.json {
            let mut about = object(&party, own.as_ref(), at);
            about["changed_at"] = changes.iter().map(ToString::to_string).collect();
            return show::json(&about);
        }
        print(&party, own.as_ref(), &changes)
    }
}

/// Says how a party stands now.
async fn told(place: &Place, register: &Register, id: &PartyId) -> Result<()> {
    // The moment of a change may lie a little ahead of the clock, when the clock was set back.
    let Some(party) = register.party(id, Timestamp::MAX).await? else { bail!("{id} is not there") };
    let own = register.own_party().await?;
    if place.json { show::json(&object(&party, own.as_ref(), pipeline::now())) } else { print(&party, own.as_ref(), &[]) }
}

async fn existing(register: &Register, id: &PartyId) -> Result<Party> {
    let known = register.party(id, Timestamp::MAX).await?;
    known.with_context(|| format!("there is no party {id}; `musubi party list` shows those that are known"))
}

fn time(time: Option<Timestamp>) -> Value {
    time.map_or(Value::Null, |t| t.to_string().into())
}

fn claim(part: &Responsibility) -> Value {
    json!({
        "kind": part.claim.kind(), "value": part.claim.to_string(), "said_by": part.provenance.to_string(),
        "valid_from": time(part.validity.from), "valid_until": time(part.validity.until),
    })
}

fn contact(contact: &Contact) -> Value {
    json!({
        "role": contact.role.as_str(), "language": contact.language.as_str(), "address": contact.address, "openpgp_key": contact.openpgp_key,
        "said_by": contact.provenance.to_string(), "valid_from": time(contact.validity.from), "valid_until": time(contact.validity.until),
    })
}

/// A party for scripts.
pub(crate) fn object(party: &Party, own: Option<&PartyId>, at: Timestamp) -> Value {
    json!({
        "id": party.id.as_str(), "name": party.name, "name_ja": party.name_ja, "kind": party.kind.as_str(),
        "nation": party.nation.map(|n| n.as_str().to_owned()), "own": own == Some(&party.id), "sectors": party.sectors, "communities": party.communities,
        "clients_of": party.clients_of.iter().map(PartyId::as_str).collect::<Vec<_>>(),
        "answers_for": party.constituency.iter().map(claim).collect::<Vec<_>>(), "contacts": party.contacts.iter().map(contact).collect::<Vec<_>>(),
        "said_by": party.provenance.to_string(), "valid_from": time(party.validity.from), "valid_until": time(party.validity.until),
        "exists": party.validity.holds(at),
    })
}

fn period(validity: Validity) -> String {
    match (validity.from, validity.until) {
        (None, None) => String::new(),
        (Some(from), None) => format!("  from {from}"),
        (None, Some(until)) => format!("  until {until}"),
        (Some(from), Some(until)) => format!("  from {from} until {until}"),
    }
}

fn print(party: &Party, own: Option<&PartyId>, changes: &[Timestamp]) -> Result<()> {
    let us = if own == Some(&party.id) { "  (us)" } else { "" };
    say(format!("{}  {}{us}", party.id, party.name))?;
    if let Some(name) = &party.name_ja {
        say(format!("  {name}"))?;
    }
    let nation = party.nation.map_or_else(String::new, |n| format!(", {}", n.as_str()));
    say(format!("  {}{nation}; said by {}{}", party.kind.as_str(), party.provenance, period(party.validity)))?;
    let clients_of: Vec<&str> = party.clients_of.iter().map(PartyId::as_str).collect();
    let lists = [
        ("sectors", party.sectors.iter().map(String::as_str).collect::<Vec<_>>()),
        ("communities", party.communities.iter().map(String::as_str).collect()),
        ("client of", clients_of),
    ];
    for (what, words) in lists.iter().filter(|(_, words)| !words.is_empty()) {
        say(format!("  {what}: {}", words.join(", ")))?;
    }
    for part in &party.constituency {
        let by = if part.provenance == Provenance::Own { String::new() } else { format!("  said by {}", part.provenance) };
        say(format!("  answers for {} {}{by}{}", part.claim.kind(), part.claim, period(part.validity)))?;
    }
    for contact in &party.contacts {
        let key = if contact.openpgp_key.is_some() { ", OpenPGP key" } else { "" };
        let by = if contact.provenance == Provenance::Own { String::new() } else { format!("  said by {}", contact.provenance) };
        let (role, language) = (contact.role.as_str(), contact.language.as_str());
        say(format!("  {role} ({language}{key}): {}{by}{}", contact.address, period(contact.validity)))?;
    }
    if changes.len() > 1 {
        say(format!("  changed {}", changes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")))?;
    }
    Ok(())
}
