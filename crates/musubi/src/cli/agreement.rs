//! `musubi agreement`: on what basis two organisations share.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use casework::model::agreement::{Agreement, Channel, Purpose};
use casework::model::party::PartyId;
use casework::parties::Draft;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::register::Register;

use super::{Place, WrongUsage, moment, party_import};
use crate::pipeline;
use crate::show::{self, say, table};

/// Agreements: on what basis two organisations share
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Example:\n  musubi agreement list")]
pub(crate) enum Agreements {
    Add(Add),
    List(List),
    Show(Show),
    Revoke(Revoke),
    Import(Import),
}

impl Agreements {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        match self {
            Self::Add(command) => command.run(place).await,
            Self::List(command) => command.run(place).await,
            Self::Show(command) => command.run(place).await,
            Self::Revoke(command) => command.run(place).await,
            Self::Import(command) => command.run(place).await,
        }
    }
}

/// Add an agreement
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  musubi agreement add us-and-isp --kind public-private --party us --party isp-jp --max-tlp AMBER --purpose notify --purpose respond --reference 'MoU of 2026-04-01'"
)]
pub(crate) struct Add {
    /// Short name: a-z, 0-9, `.`, `-`, `_`
    id: String,
    /// bilateral, regional, multilateral or public-private
    #[arg(long)]
    kind: String,
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// One of those between whom it is (again for more, as all that follow)
    #[arg(long = "party", value_name = "PARTY")]
    parties: Vec<String>,
    /// Community whose members are all parties to it
    #[arg(long = "community", value_name = "WORD")]
    communities: Vec<String>,
    /// The strictest label it may carry: CLEAR, GREEN, AMBER, AMBER+STRICT or RED
    #[arg(long, value_name = "TLP")]
    max_tlp: String,
    /// notify, defend, respond, investigate or research; without any it is for nothing
    #[arg(long = "purpose", value_name = "WORD")]
    purposes: Vec<String>,
    /// mail, sealed-mail, taxii, portal or file; without any it is for all of them
    #[arg(long = "channel", value_name = "WORD")]
    channels: Vec<String>,
    #[arg(long, value_name = "TIME", value_parser = moment)]
    valid_from: Option<Timestamp>,
    #[arg(long, value_name = "TIME", value_parser = moment)]
    valid_until: Option<Timestamp>,
    /// Where its text is found
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
}

impl Add {
    async fn run(self, place: &Place) -> Result<()> {
        let mut draft = Draft::default();
        draft.add("id", [self.id]).add("kind", [self.kind]).add("name", self.name).add("max_tlp", [self.max_tlp]);
        draft.add("parties", self.parties).add("communities", self.communities);
        draft.add("purposes", self.purposes).add("channels", self.channels).add("reference", self.reference);
        draft.add("valid_from", self.valid_from.map(|t| t.to_string())).add("valid_until", self.valid_until.map(|t| t.to_string()));
        let agreement = draft.agreement().map_err(|wrong| WrongUsage(wrong.to_string()))?;
        let register = Register::create(&place.home).await?;
        let now = pipeline::now();
        let known = register.agreements(Timestamp::MAX).await?;
        if known.iter().any(|known| known.id == agreement.id) {
            bail!("there is an agreement {} already; a changed one is imported with `musubi agreement import`", agreement.id);
        }
        let id = agreement.id.clone();
        warn_of_strangers(&register, &agreement).await?;
        register.record_agreements(vec![agreement], now).await?;
        told(place, &register, &id).await
    }
}

/// A party that nobody knows is no mistake, it may come later; but it may be a slip of the pen.
async fn warn_of_strangers(register: &Register, agreement: &Agreement) -> Result<()> {
    let known = register.parties_known(Timestamp::MAX).await?;
    for id in agreement.parties.iter().filter(|id| !known.iter().any(|known| known.id == **id)) {
        eprintln!("musubi: no party {id} is known yet; agreement {} will hold once there is one", agreement.id);
    }
    Ok(())
}

/// List agreements
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi agreement list --party isp-jp")]
pub(crate) struct List {
    /// Only those that name this party
    #[arg(long, value_name = "PARTY")]
    party: Option<PartyId>,
    /// As known then (2026-03-23, or an age: 7d)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Timestamp>,
}

impl List {
    async fn run(self, place: &Place) -> Result<()> {
        let at = self.at.unwrap_or_else(pipeline::now);
        let mut agreements = place.register().await?.agreements(at).await?;
        agreements.retain(|a| self.party.as_ref().is_none_or(|party| a.parties.contains(party)));
        if place.json {
            return show::json(&Value::Array(agreements.iter().map(|a| object(a, at)).collect()));
        }
        let rows: Vec<Vec<String>> = agreements
            .iter()
            .map(|a| {
                let state = if a.in_force(at) {
                    "in force"
                } else if a.revoked_at.is_some() {
                    "revoked"
                } else {
                    "not in force"
                };
                vec![
                    a.id.clone(),
                    a.kind.as_str().to_owned(),
                    between(a),
                    a.max_tlp.label().to_owned(),
                    purposes(a).join(" "),
                    state.to_owned(),
                ]
            })
            .collect();
        say(table(&["id", "kind", "between", "up to", "for", "state"], &rows, &[]).trim_end())
    }
}

/// Show an agreement as it is, or was on a day
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi agreement show us-and-isp")]
pub(crate) struct Show {
    id: String,
    /// As known then (2026-03-23, or an age: 7d)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Timestamp>,
}

impl Show {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let at = self.at.unwrap_or_else(pipeline::now);
        let agreement = register.agreements(at).await?.into_iter().find(|a| a.id == self.id);
        let agreement = agreement
            .with_context(|| format!("no agreement {} was known at {at}; `musubi agreement list` shows those that are", self.id))?;
        if place.json {
            let mut about = object(&agreement, at);
            about["changed_at"] = register.agreement_changes(&self.id).await?.iter().map(ToString::to_string).collect();
            return show::json(&about);
        }
        print(&agreement, at)
    }
}

/// End an agreement at once
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi agreement revoke us-and-isp")]
pub(crate) struct Revoke {
    id: String,
}

impl Revoke {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        if !register.revoke_agreement(&self.id, pipeline::now()).await? {
            bail!("there is no agreement {}; `musubi agreement list` shows those that are known", self.id);
        }
        told(place, &register, &self.id).await
    }
}

/// Import agreements: TOML or CSV of our own
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  printf 'id,kind,parties,max_tlp,purposes\\nus-and-isp,bilateral,us;isp-jp,AMBER,notify\\n' > /tmp/agreements.csv && musubi agreement import /tmp/agreements.csv"
)]
pub(crate) struct Import {
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

impl Import {
    async fn run(self, place: &Place) -> Result<()> {
        let register = Register::create(&place.home).await?;
        let mut done = Vec::new();
        for path in &self.paths {
            let written = party_import::read(path).with_context(|| path.display().to_string())?;
            done.push(party_import::record(place, &register, path, written).await.with_context(|| path.display().to_string())?);
        }
        if place.json { show::json(&Value::Array(done)) } else { Ok(()) }
    }
}

async fn told(place: &Place, register: &Register, id: &str) -> Result<()> {
    let agreement = register.agreements(Timestamp::MAX).await?.into_iter().find(|a| a.id == id);
    let agreement = agreement.with_context(|| format!("{id} is not there"))?;
    let now = pipeline::now();
    if place.json { show::json(&object(&agreement, now)) } else { print(&agreement, now) }
}

fn between(agreement: &Agreement) -> String {
    let parties = agreement.parties.iter().map(ToString::to_string);
    parties.chain(agreement.communities.iter().map(|c| format!("members of {c}"))).collect::<Vec<_>>().join(", ")
}

fn purposes(agreement: &Agreement) -> Vec<&'static str> {
    agreement.purposes.iter().map(|p| Purpose::as_str(*p)).collect()
}

/// An agreement for scripts.
pub(crate) fn object(a: &Agreement, at: Timestamp) -> Value {
    let time = |time: Option<Timestamp>| time.map(|t| t.to_string());
    json!({
        "id": a.id, "name": a.name, "kind": a.kind.as_str(), "parties": a.parties.iter().map(PartyId::as_str).collect::<Vec<_>>(),
        "communities": a.communities, "max_tlp": a.max_tlp.label(), "purposes": purposes(a),
        "channels": a.channels.iter().map(|c| Channel::as_str(*c)).collect::<Vec<_>>(), "valid_from": time(a.validity.from),
        "valid_until": time(a.validity.until), "revoked_at": time(a.revoked_at), "reference": a.reference, "in_force": a.in_force(at),
    })
}

fn print(a: &Agreement, at: Timestamp) -> Result<()> {
    say(format!("{}  {}", a.id, a.name))?;
    say(format!("  {}, between {}", a.kind.as_str(), between(a)))?;
    let channels: Vec<&str> = a.channels.iter().map(|c| Channel::as_str(*c)).collect();
    let by = if channels.is_empty() { "any channel".to_owned() } else { channels.join(", ") };
    let purposes = purposes(a);
    let purposes = if purposes.is_empty() { "nothing".to_owned() } else { purposes.join(", ") };
    say(format!("  up to {}, for {purposes}, by {by}", a.max_tlp))?;
    for (what, time) in [("from", a.validity.from), ("until", a.validity.until), ("revoked at", a.revoked_at)] {
        if let Some(time) = time {
            say(format!("  {what} {time}"))?;
        }
    }
    if !a.reference.is_empty() {
        say(format!("  text: {}", a.reference))?;
    }
    say(if a.in_force(at) { "  in force" } else { "  not in force" })
}
