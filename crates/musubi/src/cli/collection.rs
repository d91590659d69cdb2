//! `musubi collection`: what is shared under which name, with whom, and who has fetched what.

use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow, bail};
use casework::model::party::PartyId;
use casework::model::terms::Terms;
use formats::stix::marking::Definitions;
use formats::stix::{Envelope, Header, Limits};
use formats::taxii::{read_timestamp, timestamp};
use serde_json::{Value, json};
use store::collections::{Collection, EVERYBODY, Grant};
use store::posting::Post;
use store::register::Register;
use store::shared::Eyes;

use super::{Place, WrongUsage, view};
use crate::api::standing::Desk;
use crate::api::taxii::taking::one;
use crate::chance;
use crate::pipeline;
use crate::show::{json as say_json, say, table};
use crate::sign_in::bearer::Issuers;

/// Collections of shared objects (TAXII 2.1)
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Example:\n  musubi collection list")]
pub(crate) enum Collections {
    Add(Add),
    List(List),
    Show(Show),
    Grant(GrantTo),
    Import(Import),
    Who(Who),
}

/// Make a collection
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi collection add indicators --title 'Indicators of the community' --terms tlp:green")]
pub(crate) struct Add {
    /// Another name for its id in addresses: a-z, 0-9, `-`
    alias: String,
    #[arg(long, value_name = "TEXT")]
    title: String,
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Terms of objects that carry no marking; without them the default of whoever gives, else AMBER+STRICT
    #[arg(long, value_name = "TERMS")]
    terms: Option<String>,
    /// For what those who open it have it, as agreements name it: defend, respond, notify, investigate, research. What is for respond is
    /// open only under an agreement in force
    #[arg(long, value_name = "PURPOSE", default_value = "defend", value_parser = view::purpose)]
    purpose: casework::model::agreement::Purpose,
    /// UUID of version 4 to use instead of a new one
    #[arg(long, value_name = "UUID")]
    id: Option<uuid::Uuid>,
}

/// List collections
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi collection list")]
pub(crate) struct List {}

/// Show a collection and who may open it
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi collection show indicators")]
pub(crate) struct Show {
    /// Id or alias
    collection: String,
}

/// Say who may read or write a collection; what is seen in it policy decides object by object
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi collection grant indicators --to isp-jp --read --write")]
pub(crate) struct GrantTo {
    /// Id or alias
    collection: String,
    /// A party, or `*` for whoever signs in
    #[arg(long, value_name = "PARTY")]
    to: String,
    #[arg(long)]
    read: bool,
    /// Without --read and --write the right is taken away
    #[arg(long)]
    write: bool,
}

/// Take objects from files: bundles, envelopes, or one object a line
///
/// A line may be `{"date_added": "…", "object": {…}}`: the moment is kept, as a copy of another server needs it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi collection import indicators bundle.json")]
pub(crate) struct Import {
    /// Id or alias
    collection: String,
    /// Who gave them [default: ourselves]
    #[arg(long, value_name = "PARTY", value_parser = view::party)]
    from: Option<PartyId>,
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Who has been given an object?
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi collection who indicators indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f")]
pub(crate) struct Who {
    /// Id or alias
    collection: String,
    /// Id of the object
    object: String,
}

/// Objects in one transaction.
const TOGETHER: usize = 5000;

impl Collections {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        match self {
            Self::Add(command) => command.run(place).await,
            Self::List(_) => list(place).await,
            Self::Show(command) => command.run(place).await,
            Self::Grant(command) => command.run(place).await,
            Self::Import(command) => command.run(place).await,
            Self::Who(command) => command.run(place).await,
        }
    }
}

async fn find(register: &Register, name: &str) -> Result<Collection> {
    let found = register.collection(name).await?;
    found.ok_or_else(|| WrongUsage(format!("there is no collection {name}; `musubi collection list` shows them")).into())
}

async fn told(register: &Register, collection: &Collection) -> Result<Value> {
    let terms = register.all_terms().await?;
    let terms = collection.terms.and_then(|id| terms.iter().find(|known| known.id == id)).map(|known| known.terms.to_string());
    let grants = register.grants().await?.into_iter().filter(|grant| grant.collection == collection.number);
    let grants: Vec<Value> = grants.map(|grant| json!({"party": grant.party, "read": grant.can_read, "write": grant.can_write})).collect();
    Ok(json!({
        "id": collection.id, "alias": collection.alias, "title": collection.title, "description": collection.description, "terms": terms, "purpose": collection.purpose,
        "objects": register.shared_count(collection.number).await?, "grants": grants,
    }))
}

impl Add {
    async fn run(self, place: &Place) -> Result<()> {
        let good = !self.alias.is_empty() && self.alias.len() <= 60 && self.alias.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !good || uuid::Uuid::parse_str(&self.alias).is_ok() {
            return Err(WrongUsage(format!("{:?} is no alias: letters, digits and -, and no UUID", self.alias)).into());
        }
        if self.id.is_some_and(|id| id.get_version_num() != 4) {
            return Err(WrongUsage("--id must be a UUID of version 4 (TAXII 2.1, section 3.3)".to_owned()).into());
        }
        let register = Register::create(&place.home).await?;
        let terms = match &self.terms {
            Some(text) => {
                let terms: Terms = text.parse().map_err(|error| WrongUsage(format!("--terms: {error}")))?;
                Some(register.terms(&terms).await?)
            }
            None => None,
        };
        let id = self.id.unwrap_or_else(chance::uuid);
        let collection = Collection {
            number: 0,
            id: id.to_string(),
            title: self.title,
            description: self.description,
            alias: Some(self.alias),
            terms,
            created_at: pipeline::now().as_microsecond(),
            purpose: self.purpose.as_str().to_owned(),
        };
        let collection = register.add_collection(&collection).await?;
        if place.json {
            return say_json(&told(&register, &collection).await?);
        }
        say(format!(
            "collection {} ({}); nobody may open it yet: `musubi collection grant`",
            collection.alias.unwrap_or_default(),
            collection.id
        ))
    }
}

async fn list(place: &Place) -> Result<()> {
    let register = place.register().await?;
    let mut all = Vec::new();
    for collection in register.collections().await? {
        all.push(told(&register, &collection).await?);
    }
    if place.json {
        return say_json(&Value::Array(all));
    }
    let text = |row: &Value, key: &str| match &row[key] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let keys = ["alias", "id", "title", "terms", "objects"];
    let lines: Vec<Vec<String>> = all.iter().map(|row| keys.iter().map(|key| text(row, key)).collect()).collect();
    say(table(&keys, &lines, &[4]))
}

impl Show {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let collection = find(&register, &self.collection).await?;
        let all = told(&register, &collection).await?;
        if place.json {
            return say_json(&all);
        }
        say(format!("{}  {}\n{}\n{} objects", self.collection, collection.id, collection.title, all["objects"]))?;
        let empty = Vec::new();
        let grants = all["grants"].as_array().unwrap_or(&empty);
        let yes = |value: &Value| if value == &json!(true) { "yes" } else { "" }.to_owned();
        let lines: Vec<Vec<String>> =
            grants.iter().map(|g| vec![g["party"].as_str().unwrap_or_default().to_owned(), yes(&g["read"]), yes(&g["write"])]).collect();
        say(table(&["party", "read", "write"], &lines, &[]))
    }
}

impl GrantTo {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let collection = find(&register, &self.collection).await?;
        let now = pipeline::now();
        if self.to != EVERYBODY {
            let party: PartyId = self.to.parse().map_err(|error| WrongUsage(format!("--to: {error}")))?;
            if register.party(&party, now).await?.is_none() {
                return Err(WrongUsage(format!("there is no party {party}; `musubi party list` shows them")).into());
            }
        }
        let grant = Grant { collection: collection.number, party: self.to, can_read: self.read, can_write: self.write };
        let before = register.grant(&grant, now.as_microsecond()).await?;
        if !before && !grant.can_read && !grant.can_write {
            bail!("{} had no right to collection {}", grant.party, self.collection);
        }
        if place.json {
            return say_json(&told(&register, &collection).await?);
        }
        let what = match (grant.can_read, grant.can_write) {
            (true, true) => "reads and writes",
            (true, false) => "reads",
            (false, true) => "writes to",
            (false, false) => "may no longer open",
        };
        say(format!("{} {what} {}", grant.party, self.collection))
    }
}

impl Import {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let collection = find(&register, &self.collection).await?;
        let now = pipeline::now();
        let standing = Desk::new(register.clone(), Issuers::default()).standing(now).await?;
        let own = standing.own.clone();
        let giver = self.from.or(own).ok_or_else(|| anyhow!("nobody is marked as ourselves: say with --from who gave them"))?;
        let view = standing.view(&giver, casework::model::agreement::Channel::Taxii, crate::federate::sync::purpose(&collection), now);
        let eyes: Eyes = view.eyes.clone();
        let (mut read, mut added, mut rejections) = (0_u64, 0, Vec::new());
        for path in &self.files {
            let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
            let found = objects(&bytes).with_context(|| path.display().to_string())?;
            let mut definitions = Definitions::default();
            let headers = found.iter().filter_map(|(bytes, _)| Header::read(bytes).ok());
            for header in headers.filter(|header| header.object_type == "marking-definition") {
                definitions.learn(&header);
            }
            let mut known = std::collections::HashMap::new();
            for chunk in found.chunks(TOGETHER) {
                let mut post = Post {
                    request: None,
                    collection: collection.number,
                    eyes: eyes.clone(),
                    objects: Vec::with_capacity(chunk.len()),
                    requested_at: now.as_microsecond(),
                };
                for (bytes, date_added) in chunk {
                    post.objects.push(match one(bytes, &definitions) {
                        Ok((mut object, marked)) => {
                            object.date_added = *date_added;
                            object.terms = match known.get(&marked) {
                                Some(id) => *id,
                                None => {
                                    let id = register.terms(&standing.held_under(marked, None, &collection, &giver)).await?;
                                    known.insert(marked, id);
                                    id
                                }
                            };
                            Ok(object)
                        }
                        Err(failure) => Err(failure),
                    });
                }
                read += chunk.len() as u64;
                let posted = register.add_shared(&[post], pipeline::now().as_microsecond(), chance::number()).await?;
                for outcome in posted {
                    added += outcome.added;
                    rejections.extend(outcome.failures.into_iter().map(|failure| (path.clone(), failure)));
                }
            }
        }
        let rejected = rejections.len() as u64;
        if place.json {
            let list: Vec<Value> = rejections.iter().map(|(path, f)| json!({"path": path, "id": f.id, "reason": f.message})).collect();
            return say_json(
                &json!({"read": read, "stored": added, "duplicate": read - added - rejected, "rejected": rejected, "rejections": list}),
            );
        }
        for (path, failure) in rejections.iter().take(20) {
            eprintln!("{}: {}: {}", path.display(), failure.id, failure.message.as_deref().unwrap_or("not taken"));
        }
        say(format!("{read} read: {added} stored, {} known already, {rejected} set aside", read - added - rejected))
    }
}

/// The objects of a file, each with the moment that it is to keep.
fn objects(bytes: &[u8]) -> Result<Vec<(&[u8], Option<i64>)>> {
    let limits = Limits { objects: 20_000_000, ..Limits::default() };
    if let Ok(envelope) = Envelope::read(bytes, &limits) {
        return Ok(envelope.objects.into_iter().map(|object| (object, None)).collect());
    }
    let mut found = Vec::new();
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        #[derive(serde::Deserialize)]
        struct Line<'a> {
            date_added: Option<String>,
            #[serde(borrow)]
            object: Option<&'a serde_json::value::RawValue>,
        }
        let read: Line<'_> = serde_json::from_slice(line).with_context(|| format!("line {}", number + 1))?;
        let date_added = match &read.date_added {
            Some(text) => Some(read_timestamp(text).ok_or_else(|| anyhow!("line {}: date_added {text:?} is no timestamp", number + 1))?),
            None => None,
        };
        found.push((read.object.map_or(line, |object| object.get().as_bytes()), date_added));
    }
    Ok(found)
}

impl Who {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let collection = find(&register, &self.collection).await?;
        let fetched = register.who_fetched(collection.number, &self.object).await?;
        if place.json {
            let list = fetched.iter().map(|one| {
                json!({"id": one.release, "party": one.party, "kind": one.kind, "version": timestamp(one.version), "at": timestamp(one.at)})
            });
            return say_json(&Value::Array(list.collect()));
        }
        if fetched.is_empty() {
            return say("nobody was given it");
        }
        let line = |one: &store::shared_releases::Fetched| {
            vec![one.party.clone(), timestamp(one.version), one.kind.clone(), timestamp(one.at), one.release.clone()]
        };
        say(table(&["party", "version", "in", "at", "release"], &fetched.iter().map(line).collect::<Vec<_>>(), &[]))
    }
}
