//! `musubi peer`: nodes of others that we exchange with.

use std::net::SocketAddr;

use anyhow::{Result, bail};
use casework::model::party::PartyId;
use formats::tlog::{KeyKind, Verifier};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::peers::Peer;
use store::register::Register;

use super::{Place, WrongUsage, view};
use crate::federate::discover::Domain;
use crate::federate::sync::{Exchanged, sync};
use crate::keys;
use crate::pipeline;
use crate::show::{json as say_json, say, table};

/// Nodes of others: what is fetched from them and given to them
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Example:\n  musubi peer list")]
pub(crate) enum Peers {
    Add(Add),
    List(List),
    Pull(Pull),
    Push(Push),
    Sync(Sync),
    Receipts(Receipts),
    Remove(Remove),
}

/// Say how the node of a party is reached (TAXII 2.1)
///
/// Paths are below the home. A server that DNS names must lie in the domain, unless --ca names the authority of its certificate. With --log-key every page must come with a receipt that this log signed.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  musubi peer add jpcert.example --url https://node.jpcert.example/taxii2/ --certificate keys/node.pem --key keys/node.key"
)]
pub(crate) struct Add {
    #[arg(value_parser = view::party)]
    party: PartyId,
    /// Discovery or API root of its server
    #[arg(long, value_name = "URL", required_unless_present = "discover")]
    url: Option<String>,
    /// Ask DNS for its server each time: SRV records of _taxii2._tcp below this domain
    #[arg(long, value_name = "DOMAIN", conflicts_with = "url")]
    discover: Option<String>,
    /// DNS server to ask [default: those of the system]
    #[arg(long, value_name = "ADDR", requires = "discover")]
    dns: Option<SocketAddr>,
    /// User of HTTP Basic; without it the token is shown as a bearer's
    #[arg(long, value_name = "ID", requires = "token_file")]
    user: Option<String>,
    /// File with the token on its first line
    #[arg(long, value_name = "FILE")]
    token_file: Option<String>,
    /// PEM file with our certificate
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<String>,
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<String>,
    /// PEM file with the authority of its certificate, when the system does not know it
    #[arg(long, value_name = "FILE")]
    ca: Option<String>,
    /// Key of its log of releases, as `musubi log key` prints it there
    #[arg(long, value_name = "VKEY")]
    log_key: Option<Verifier>,
    /// Key of its witness, as `musubi witness key` prints it there: it signs that our log only grows
    #[arg(long, value_name = "VKEY")]
    witness_key: Option<Verifier>,
}

/// List peers: what was fetched and given, and what went wrong
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi peer list")]
pub(crate) struct List {}

/// Fetch a collection of a peer into one of ours
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi peer pull jpcert.example indicators --into indicators")]
pub(crate) struct Pull {
    #[arg(value_parser = view::party)]
    party: PartyId,
    /// Id or alias there
    collection: String,
    /// Id or alias here
    #[arg(long, value_name = "COLLECTION")]
    into: String,
}

/// Give what a peer may have of one of our collections to one of its
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi peer push jpcert.example exchange --to exchange")]
pub(crate) struct Push {
    #[arg(value_parser = view::party)]
    party: PartyId,
    /// Id or alias here
    collection: String,
    /// Id or alias there
    #[arg(long, value_name = "COLLECTION")]
    to: String,
}

/// Exchange now, with all peers or one
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi peer sync")]
pub(crate) struct Sync {
    #[arg(value_parser = view::party)]
    party: Option<PartyId>,
    /// Leave those alone whose turn has not come after a failure
    #[arg(long)]
    patient: bool,
}

/// Receipts of what a peer gave us
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi peer receipts jpcert.example")]
pub(crate) struct Receipts {
    #[arg(value_parser = view::party)]
    party: PartyId,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: i64,
}

/// Forget a peer; what it gave stays
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi peer remove jpcert.example")]
pub(crate) struct Remove {
    #[arg(value_parser = view::party)]
    party: PartyId,
}

impl Peers {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        let now = pipeline::now();
        match self {
            Self::Add(command) => command.run(place, now).await,
            Self::List(_) => list(place).await,
            Self::Pull(command) => subscribe(place, &command.party, "pull", &command.collection, &command.into).await,
            Self::Push(command) => subscribe(place, &command.party, "push", &command.to, &command.collection).await,
            Self::Sync(command) => command.run(place).await,
            Self::Receipts(command) => command.run(place).await,
            Self::Remove(command) => command.run(place).await,
        }
    }
}

impl Add {
    async fn run(self, place: &Place, now: Timestamp) -> Result<()> {
        let register = place.register().await?;
        if register.party(&self.party, now).await?.is_none() {
            return Err(WrongUsage(format!("there is no party {}; `musubi party list` shows them", self.party)).into());
        }
        if self.token_file.is_none() && self.certificate.is_none() {
            return Err(WrongUsage("how do we sign in there? give --token-file, or --certificate and --key".to_owned()).into());
        }
        if let Some(key) = self.log_key.as_ref().filter(|key| key.kind() != KeyKind::Note) {
            return Err(WrongUsage(format!("{key} is the key of a witness, not of a log")).into());
        }
        let url = match (self.url, self.discover) {
            (Some(url), _) => url,
            (None, Some(domain)) => Domain::of(&domain, self.dns).map_err(|error| WrongUsage(error.to_string()))?.to_string(),
            (None, None) => return Err(WrongUsage("give --url or --discover".to_owned()).into()),
        };
        let peer = Peer {
            party: self.party.to_string(),
            url,
            token_id: self.user,
            token_file: self.token_file,
            certificate: self.certificate,
            key: self.key,
            ca: self.ca,
            log_key: self.log_key.as_ref().map(ToString::to_string),
            added_at: now.as_microsecond(),
            ..Peer::default()
        };
        register.set_peer(&peer).await?;
        if let Some(key) = &self.log_key {
            // Whose receipts we believe, whose log we watch.
            register.watch_log(key, now).await?;
        }
        if let Some(key) = &self.witness_key {
            register.add_witness(key.name(), key, now).await?;
        }
        if place.json {
            return say_json(&told(&register, &peer).await?);
        }
        say(format!("{} is reached at {}; say what to fetch and give with `musubi peer pull` and `musubi peer push`", peer.party, peer.url))
    }
}

async fn told(register: &Register, peer: &Peer) -> Result<Value> {
    let when = |at: Option<i64>| at.and_then(|at| Timestamp::from_microsecond(at).ok()).map(|at| at.to_string());
    let collections = register.collections().await?;
    let name = |number: i64| {
        let found = collections.iter().find(|collection| collection.number == number);
        found.map_or_else(String::new, |found| found.alias.clone().unwrap_or_else(|| found.id.clone()))
    };
    let subscriptions = register.subscriptions().await?.into_iter().filter(|one| one.party == peer.party);
    let subscriptions: Vec<Value> = subscriptions
        .map(|one| {
            json!({"direction": one.direction, "there": one.remote, "here": name(one.collection), "after": when(Some(one.after)),
                "objects": one.objects, "refused": one.refused, "done_at": when(one.done_at)})
        })
        .collect();
    Ok(json!({"id": peer.party, "url": peer.url, "log_key": peer.log_key, "heard_at": when(peer.heard_at), "failures": peer.failures,
        "retry_at": when(peer.retry_at), "error": peer.error, "exchanges": subscriptions}))
}

async fn list(place: &Place) -> Result<()> {
    let register = place.register().await?;
    let mut all = Vec::new();
    for peer in register.peers().await? {
        all.push(told(&register, &peer).await?);
    }
    if place.json {
        return say_json(&Value::Array(all));
    }
    let mut lines = Vec::new();
    for peer in &all {
        let text = |key: &str| peer[key].as_str().unwrap_or_default().to_owned();
        lines.push(vec![text("id"), text("url"), String::new(), String::new(), text("heard_at"), text("error")]);
        for one in peer["exchanges"].as_array().into_iter().flatten() {
            let arrow = if one["direction"] == "pull" { "from" } else { "to" };
            let what = format!("{arrow} {}", one["there"].as_str().unwrap_or_default());
            let here = one["here"].as_str().unwrap_or_default().to_owned();
            lines.push(vec![
                format!("  {what}"),
                here,
                one["objects"].to_string(),
                one["refused"].to_string(),
                String::new(),
                String::new(),
            ]);
        }
    }
    say(table(&["peer", "reached at / here", "objects", "refused", "heard", "error"], &lines, &[2, 3]))
}

async fn subscribe(place: &Place, party: &PartyId, direction: &str, there: &str, here: &str) -> Result<()> {
    let register = place.register().await?;
    let Some(peer) = register.peers().await?.into_iter().find(|peer| peer.party == party.as_str()) else {
        return Err(WrongUsage(format!("{party} is no peer; `musubi peer add` makes it one")).into());
    };
    let Some(collection) = register.collection(here).await? else {
        return Err(WrongUsage(format!("there is no collection {here}; `musubi collection list` shows them")).into());
    };
    register.subscribe(party.as_str(), direction, there, collection.number).await?;
    if place.json {
        return say_json(&told(&register, &peer).await?);
    }
    match direction {
        "pull" => say(format!("{there} of {party} is fetched into {here}")),
        _ => say(format!("{party} is given what it may have of {here}, into {there}")),
    }
}

fn exchange(one: &Exchanged) -> Value {
    json!({"id": one.party, "fetched": one.fetched, "given": one.given, "refused": one.refused, "receipts": one.receipts,
        "signed": one.signed, "waiting": one.waiting, "error": one.error})
}

impl Sync {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let key = keys::log_key(&place.home, None)?;
        let done = sync(&place.home, &register, &key, self.party.as_ref(), self.patient).await?;
        if let Some(party) = self.party.as_ref().filter(|_| done.is_empty()) {
            return Err(WrongUsage(format!("{party} is no peer; `musubi peer list` shows them")).into());
        }
        if place.json {
            say_json(&Value::Array(done.iter().map(exchange).collect()))?;
        } else if done.is_empty() {
            say("there is no peer to exchange with; `musubi peer add` makes one")?;
        } else {
            for one in &done {
                let state = match (&one.error, one.waiting) {
                    (Some(error), true) => format!("waits after a failure: {error}"),
                    (Some(error), false) => format!("failed: {error}"),
                    (None, _) => {
                        format!("{} fetched, {} given, {} refused, {} receipts", one.fetched, one.given, one.refused, one.receipts)
                    }
                };
                say(format!("{}: {state}", one.party))?;
            }
        }
        let failed = done.iter().filter(|one| one.error.is_some() && !one.waiting).count();
        if failed > 0 {
            bail!("{failed} of {} exchanges failed", done.len());
        }
        Ok(())
    }
}

impl Receipts {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        if !register.peers().await?.iter().any(|peer| peer.party == self.party.as_str()) {
            return Err(WrongUsage(format!("{} is no peer; `musubi peer list` shows them", self.party)).into());
        }
        let found = register.receipts_of(self.party.as_str(), self.limit).await?;
        if place.json {
            let list = found.iter().map(|(release, content, proof)| json!({"id": release, "sha256": content, "receipt": proof}));
            return say_json(&Value::Array(list.collect()));
        }
        let lines: Vec<Vec<String>> = found.iter().map(|(release, content, _)| vec![release.clone(), content.clone()]).collect();
        say(table(&["release", "SHA-256"], &lines, &[]))
    }
}

impl Remove {
    async fn run(self, place: &Place) -> Result<()> {
        if !place.register().await?.remove_peer(self.party.as_str()).await? {
            bail!("{} is no peer", self.party);
        }
        if place.json {
            return say_json(&json!({"id": self.party.as_str(), "removed": true}));
        }
        say(format!("{} is no peer any more", self.party))
    }
}
