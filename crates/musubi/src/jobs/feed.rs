//! What others publish as a MISP feed, taken into a collection.
//!
//! The manifest tells what is there and when it changed; only what is newer than what this giver gave before is fetched. An event that cannot
//! be fetched or read is told and the next one follows; run again, it is tried again. Once all of it was taken, the server is asked whether
//! the manifest has changed since.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use casework::model::agreement::Channel;
use casework::model::party::PartyId;
use formats::misp::event::{self, EVENT_LIMIT, seconds};
use formats::misp::feed::{FILE_LIMIT, Manifest};
use formats::taxii::{Filter, timestamp};
use jiff::Timestamp;
use reqwest::header;
use store::feeds::{Feed, Validators};
use store::posting::{Given, Post};
use store::register::Register;
use store::shared::{Asked, Eyes};
use thiserror::Error;

use crate::api::misp::shelf::{EVENT, held_under, wrap};
use crate::api::standing::Desk;
use crate::chance;
use crate::sign_in::bearer::Issuers;

/// A feed, and where what is new in it goes.
#[derive(Debug)]
pub(crate) struct Pull {
    /// Folder, or http(s) address, in which manifest.json is.
    pub(crate) source: String,
    /// Id or alias.
    pub(crate) collection: String,
    /// Who gives it: its default terms hold beside the tags.
    pub(crate) from: PartyId,
    /// File with the key on its first line.
    pub(crate) key_file: Option<PathBuf>,
    /// At most so many events.
    pub(crate) limit: usize,
}

/// What was asked for cannot be: there is no such place, or no such collection.
#[derive(Debug, Error)]
#[error("{0}")]
pub(crate) struct NotSo(pub(crate) String);

/// Where the files are.
#[derive(Debug)]
enum Source {
    Folder(PathBuf),
    Web { client: reqwest::Client, base: reqwest::Url, key: Option<String> },
}

/// A file of a feed.
enum File {
    /// It is the one that we had.
    Same,
    Here(Vec<u8>, Validators),
}

impl Source {
    fn read(text: &str, key_file: Option<&Path>) -> Result<Self> {
        if !text.starts_with("http://") && !text.starts_with("https://") {
            return Ok(Self::Folder(text.into()));
        }
        // It may be there already: one provider serves the whole process.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(15))
            .timeout(Duration::from_secs(300))
            .redirect(reqwest::redirect::Policy::limited(3))
            .user_agent("musubi")
            .build()?;
        let text = if text.ends_with('/') { text.to_owned() } else { format!("{text}/") };
        let base = reqwest::Url::parse(&text).map_err(|error| NotSo(format!("{text}: {error}")))?;
        let key = key_file.map(crate::config::password).transpose()?;
        if key.is_some() && base.scheme() != "https" && !crate::federate::client::is_loopback(&base) {
            return Err(NotSo(format!("{base}: a key travels over https only")).into());
        }
        Ok(Self::Web { client, base, key })
    }

    /// A file of the feed, of at most so many bytes, unless it is still what it was.
    async fn file(&self, name: &str, most: usize, was: &Validators) -> Result<File> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                let length = std::fs::metadata(&path).with_context(|| path.display().to_string())?.len();
                ensure!(length <= most as u64, "{}: {length} bytes are more than {most}", path.display());
                Ok(File::Here(std::fs::read(&path).with_context(|| path.display().to_string())?, Validators::default()))
            }
            Self::Web { client, base, key } => {
                let url = base.join(name)?;
                // RFC 9110 §13.1: a server that knows the tag does not look at the date.
                let shown = [(header::AUTHORIZATION, key), (header::IF_NONE_MATCH, &was.etag), (header::IF_MODIFIED_SINCE, &was.modified)];
                let request = shown.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
                let request = request.fold(client.get(url.clone()), |request, (name, value)| request.header(name, value));
                let mut response = request.send().await?;
                if response.status() == reqwest::StatusCode::NOT_MODIFIED && *was != Validators::default() {
                    return Ok(File::Same);
                }
                if !response.status().is_success() {
                    bail!("{url}: {}", response.status());
                }
                let said = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
                let validators = Validators { etag: said(header::ETAG), modified: said(header::LAST_MODIFIED) };
                let mut bytes = Vec::new();
                while let Some(part) = response.chunk().await? {
                    ensure!(bytes.len() + part.len() <= most, "{url}: more than {most} bytes");
                    bytes.extend_from_slice(&part);
                }
                Ok(File::Here(bytes, validators))
            }
        }
    }

    /// The same, whatever we had.
    async fn whole(&self, name: &str, most: usize) -> Result<Vec<u8>> {
        match self.file(name, most, &Validators::default()).await? {
            File::Here(bytes, _) => Ok(bytes),
            File::Same => bail!("{name}: the server says that it is what nobody said we had"),
        }
    }
}

/// When each event that this giver gave last changed, in seconds.
async fn known(register: &Register, collection: i64, giver: &PartyId) -> Result<HashMap<String, i64>> {
    let filter = Filter { types: vec![EVENT.to_owned()], ..Filter::default() };
    let eyes = Eyes { party: giver.to_string(), terms: Vec::new() };
    let question = Asked { collection, filter: &filter, after: None, limit: 1_000_000, bytes: false, from_others: false };
    let page = register.shared(&question, &eyes).await?;
    let name = |id: &str| id.strip_prefix("x-misp-event--").unwrap_or(id).to_owned();
    Ok(page.objects.iter().map(|object| (name(&object.id), object.version.div_euclid(1_000_000))).collect())
}

/// What came of a feed.
#[derive(Debug, Default)]
pub(crate) struct Pulled {
    pub(crate) events: usize,
    pub(crate) read: usize,
    pub(crate) stored: u64,
    pub(crate) known: u64,
    pub(crate) rejections: Vec<(String, String)>,
}

impl Pull {
    /// A feed in a folder, given by a party.
    pub(crate) fn of(folder: &Path, collection: &str, from: PartyId) -> Self {
        Self { source: folder.display().to_string(), collection: collection.to_owned(), from, key_file: None, limit: 100_000 }
    }

    /// Takes what is new; `None` when nothing has changed since all of it was taken.
    pub(crate) async fn pull(&self, register: &Register, now: Timestamp) -> Result<Option<Pulled>> {
        let source = Source::read(&self.source, self.key_file.as_deref())?;
        let collection = register.collection(&self.collection).await?;
        let collection = collection.ok_or_else(|| NotSo(format!("there is no collection {}", self.collection)))?;
        let feed = Feed { collection: collection.number, giver: self.from.as_str(), source: &self.source };
        let was = register.feed_taken(feed).await?;
        let File::Here(manifest, validators) = source.file("manifest.json", FILE_LIMIT, &was).await? else { return Ok(None) };
        let manifest = Manifest::read(&manifest).with_context(|| format!("{}: manifest.json", self.source))?;
        let standing = Desk::new(register.clone(), Issuers::default()).standing(now).await?;
        let eyes = standing.view(&self.from, Channel::Misp, casework::model::agreement::Purpose::Defend, now).eyes.clone();
        let have = known(register, collection.number, &self.from).await?;
        let (mut stored, mut known, mut rejections) = (0, 0, Vec::new());
        let wanted: Vec<&str> = manifest.wanted(|uuid| have.get(uuid).copied()).map(|(uuid, _)| uuid).take(self.limit).collect();
        for uuid in &wanted {
            let read = async {
                let bytes = source.whole(&format!("{uuid}.json"), EVENT_LIMIT).await?;
                manifest.check(uuid, &bytes)?;
                let event = event::read(&bytes)?;
                ensure!(event.uuid.as_deref() == Some(*uuid), "the event in the file has another UUID");
                let at = seconds(event.timestamp.as_deref()).filter(|at| (0..=7_258_118_399).contains(at));
                let version = at.ok_or_else(|| anyhow!("the event has no timestamp"))? * 1_000_000;
                let terms = held_under(&standing, &collection, &self.from, &event);
                let bytes = wrap(EVENT, uuid, version, &terms, bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes));
                let (id, version) = (format!("{EVENT}--{uuid}"), Some((version, timestamp(version))));
                let terms = register.terms(&terms).await?;
                let given = Given { id, kind: EVENT.to_owned(), version, spec: 21, terms, bytes, date_added: None };
                let (collection, requested_at) = (collection.number, now.as_microsecond());
                let post = Post { request: None, collection, eyes: eyes.clone(), objects: vec![Ok(given)], requested_at };
                let posted = register.add_shared(&[post], now.as_microsecond(), chance::number()).await?.pop().unwrap_or_default();
                match posted.failures.into_iter().next() {
                    Some(failure) => bail!("{}", failure.message.unwrap_or_default()),
                    None => Ok::<u64, anyhow::Error>(posted.added),
                }
            };
            match read.await {
                Ok(0) => known += 1,
                Ok(_) => stored += 1,
                Err(error) => rejections.push(((*uuid).to_owned(), format!("{error:#}"))),
            }
        }
        // What was not taken is asked for again, whether the manifest changes or not.
        let all = rejections.is_empty() && manifest.wanted(|uuid| have.get(uuid).copied()).count() == wanted.len();
        register.take_feed(feed, &if all { validators } else { Validators::default() }, now.as_microsecond()).await?;
        Ok(Some(Pulled { events: manifest.events.len(), read: wanted.len(), stored, known, rejections }))
    }
}
