//! What is in a MISP feed, what of it is new, and how is one made?
//!
//! A feed is a folder on a web server: `manifest.json` says of each event what it is and when it changed, `<UUID>.json` is the event,
//! `hashes.csv` lets others ask for a value without fetching the events (draft-20 §4). The same events give the same bytes, so that an
//! ETag says truly that nothing changed. Feeds of other forms (CSV, free text) are in [`super::feed_list`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::Flag;
use super::event::{Attribute, Event, Organisation, Tag, seconds, text};
use super::record::record;
use super::tag::Distribution;

/// Bytes of a manifest or list of hashes that are read.
pub const FILE_LIMIT: usize = 256 << 20;
/// Events of one feed.
const MOST: usize = 1_000_000;

/// Why a feed cannot be read, or an event cannot stand in one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no manifest: {0}")]
    Json(#[from] serde_json::Error),
    #[error("{0} bytes are more than {FILE_LIMIT}")]
    TooLong(usize),
    #[error("{0} events are more than {MOST}")]
    TooMany(usize),
    #[error("{0:?} is not a UUID, and would be the name of a file")]
    BadUuid(String),
    #[error("event {uuid}: {key} is missing, which a feed must tell")]
    Missing { uuid: String, key: &'static str },
    #[error("event {uuid}: the file is not the one of the manifest: its SHA-256 is {is}, not {said}")]
    Integrity { uuid: String, said: String, is: String },
}

record! {
    /// What the manifest says of one event.
    Entry {
        info: text = "info",
        orgc: one(Organisation) = "Orgc",
        date: text = "date",
        analysis: text = "analysis",
        threat_level_id: text = "threat_level_id",
        /// Seconds since 1970: when it last changed.
        timestamp: text = "timestamp",
        tags: list(Tag) = "Tag",
        /// Hexadecimal, of the file of the event.
        sha256: text = "integrity:sha256",
        /// A detached OpenPGP signature of the file.
        pgp: text = "integrity:pgp",
    }
}

/// `manifest.json`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Manifest<'a> {
    /// By UUID of the event, in lower case.
    #[serde(borrow)]
    pub events: BTreeMap<String, Entry<'a>>,
}

impl<'a> Manifest<'a> {
    /// Reads a manifest. A name that is no UUID is refused, for it would become part of an address.
    ///
    /// ```
    /// use formats::misp::feed::Manifest;
    /// let text = br#"{"57c6ac4c-c60c-4f79-a38f-b666950d210f": {"info": "Malspam", "timestamp": 1473060234, "Orgc": {"name": "CIRCL"}}}"#;
    /// let manifest = Manifest::read(text)?;
    /// assert_eq!(manifest.wanted(|_| None).count(), 1);
    /// assert_eq!(manifest.wanted(|_| Some(1473060234)).count(), 0);
    /// # Ok::<(), formats::misp::feed::Error>(())
    /// ```
    pub fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        if bytes.len() > FILE_LIMIT {
            return Err(Error::TooLong(bytes.len()));
        }
        // What PHP writes for a feed without events.
        if matches!(bytes.trim_ascii(), b"[]") {
            return Ok(Self::default());
        }
        let read: BTreeMap<String, Entry<'a>> = serde_json::from_slice(bytes)?;
        if read.len() > MOST {
            return Err(Error::TooMany(read.len()));
        }
        let events = read.into_iter().map(|(name, entry)| Ok((uuid(&name)?, entry))).collect::<Result<_, Error>>()?;
        Ok(Self { events })
    }

    /// As a MISP reads it; sorted by UUID.
    ///
    /// ```
    /// assert_eq!(formats::misp::feed::Manifest::default().write(), b"{}");
    /// ```
    pub fn write(&self) -> Vec<u8> {
        text(self)
    }

    /// The events to fetch: those that are not here, and those that changed since. `have` tells the timestamp of what is here.
    pub fn wanted(&self, have: impl Fn(&str) -> Option<i64>) -> impl Iterator<Item = (&str, &Entry<'a>)> {
        self.events.iter().map(|(uuid, entry)| (uuid.as_str(), entry)).filter(move |(uuid, entry)| {
            let changed = seconds(entry.timestamp.as_deref());
            have(uuid).is_none_or(|have| changed.is_some_and(|changed| changed > have))
        })
    }

    /// The file is the one that the manifest means, as far as it says (`integrity:sha256`); true when it says nothing.
    pub fn check(&self, name: &str, file: &[u8]) -> Result<bool, Error> {
        let Some(said) = self.events.get(name).and_then(|entry| entry.sha256.as_deref()) else { return Ok(true) };
        let is = hex(&Sha256::digest(file));
        if said.eq_ignore_ascii_case(&is) {
            Ok(true)
        } else {
            Err(Error::Integrity { uuid: name.to_owned(), said: said.chars().take(64).collect(), is })
        }
    }
}

fn uuid(name: &str) -> Result<String, Error> {
    if name.len() == 36 && uuid::Uuid::try_parse(name).is_ok() {
        Ok(name.to_ascii_lowercase())
    } else {
        Err(Error::BadUuid(name.chars().take(64).collect()))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The MD5 under which `hashes.csv` lists a value.
///
/// ```
/// assert_eq!(formats::misp::feed::hash("evil.example"), "96119eb3210daa472225fbad69fa9770");
/// ```
pub fn hash(value: &str) -> String {
    hex(&Md5::digest(value.as_bytes()))
}

/// Reads `hashes.csv`: the MD5 of a value, and the UUID of an event that has it. Lines that are not that are left out.
///
/// ```
/// let line = b"96119eb3210daa472225fbad69fa9770,57c6ac4c-c60c-4f79-a38f-b666950d210f\nnonsense\n";
/// let all: Vec<_> = formats::misp::feed::hashes(line).collect();
/// assert_eq!(all, [("96119eb3210daa472225fbad69fa9770", "57c6ac4c-c60c-4f79-a38f-b666950d210f")]);
/// ```
pub fn hashes(bytes: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    bytes.split(|byte| *byte == b'\n').filter_map(|line| {
        let (hash, uuid) = std::str::from_utf8(line).ok()?.trim().split_once(',')?;
        let right = hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) && uuid.len() == 36;
        right.then_some((hash, uuid))
    })
}

/// What of an event a feed tells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Publish {
    /// Distribution and sharing groups too; without it they are nobody's business who reads a feed.
    pub with_distribution: bool,
    /// Tags that are set on this instance only.
    pub with_local_tags: bool,
    /// Attributes and objects with another distribution are left out; `None` leaves in all.
    pub distributions: Option<BTreeSet<Distribution>>,
    /// `integrity:sha256` in the manifest (draft-20: SHOULD).
    pub with_integrity: bool,
}

impl Default for Publish {
    fn default() -> Self {
        Self { with_distribution: false, with_local_tags: false, distributions: None, with_integrity: true }
    }
}

/// A feed as it is being made.
///
/// ```
/// use formats::misp::{Attribute, Event, event::Organisation, feed::{Feed, Publish}};
/// let event = Event {
///     uuid: Some("57c6ac4c-c60c-4f79-a38f-b666950d210f".into()), info: Some("Malspam".into()), date: Some("2026-03-23".into()),
///     timestamp: Some("7".into()), orgc: Some(Box::new(Organisation { name: Some("Us".into()), ..Default::default() })),
///     attributes: vec![Attribute::new("domain", "evil.example")], ..Event::default() };
/// let mut feed = Feed::default();
/// let file = feed.add(&event, &Publish::default())?;
/// assert!(file.starts_with(br#"{"Event":{"uuid":"57c6ac4c"#));
/// assert!(feed.hashes_csv().starts_with("96119eb3210daa472225fbad69fa9770,57c6ac4c"));
/// assert!(feed.manifest.check("57c6ac4c-c60c-4f79-a38f-b666950d210f", &file)?);
/// # Ok::<(), formats::misp::feed::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Feed {
    pub manifest: Manifest<'static>,
    hashes: BTreeMap<String, Vec<String>>,
}

impl Feed {
    /// Adds an event, in place of an older one with its UUID; returns the bytes of its file, `<UUID>.json`.
    pub fn add(&mut self, event: &Event<'_>, publish: &Publish) -> Result<Vec<u8>, Error> {
        let name = uuid(event.uuid.as_deref().unwrap_or_default())?;
        let missing = |key| Error::Missing { uuid: name.clone(), key };
        let entry = Entry {
            info: Some(event.info.clone().ok_or_else(|| missing("info"))?),
            orgc: Some(Box::new(organisation(event.orgc.as_deref().ok_or_else(|| missing("Orgc"))?))),
            date: Some(event.date.clone().ok_or_else(|| missing("date"))?),
            analysis: event.analysis.clone(),
            threat_level_id: event.threat_level_id.clone(),
            timestamp: Some(event.timestamp.clone().ok_or_else(|| missing("timestamp"))?),
            tags: tags(&event.tags, publish),
            ..Entry::default()
        };
        let shown = published(event, publish);
        let file = super::event::write(&shown);
        let mut entry = entry.into_owned();
        entry.sha256 = publish.with_integrity.then(|| hex(&Sha256::digest(&file)).into());
        let mut known = BTreeSet::new();
        let values = shown.all_attributes().flat_map(Attribute::parts).map(|(_, value)| hash(value));
        self.hashes.insert(name.clone(), values.filter(|hash| known.insert(hash.clone())).collect());
        self.manifest.events.insert(name, entry);
        Ok(file)
    }

    /// Takes an event out.
    pub fn remove(&mut self, name: &str) {
        self.manifest.events.remove(name);
        self.hashes.remove(name);
    }

    /// `hashes.csv`, by event; each value once.
    pub fn hashes_csv(&self) -> String {
        let mut csv = String::new();
        for (uuid, hashes) in &self.hashes {
            for hash in hashes {
                let _ = writeln!(csv, "{hash},{uuid}");
            }
        }
        csv
    }
}

/// The event as a feed tells it: no ids of this instance, nothing of its users, and distribution only where that is wanted.
///
/// ```
/// use formats::misp::{Event, feed::{Publish, published}};
/// let event = Event { id: Some("7".into()), info: Some("x".into()), event_creator_email: Some("a@b".into()), ..Event::default() };
/// assert_eq!(published(&event, &Publish::default()), Event { info: Some("x".into()), ..Event::default() });
/// ```
pub fn published<'a>(event: &Event<'a>, publish: &Publish) -> Event<'a> {
    let leaves = |distribution: Option<Distribution>| {
        publish.distributions.as_ref().is_none_or(|allowed| distribution.is_some_and(|one| allowed.contains(&one)))
    };
    let far = |text: &Option<std::borrow::Cow<'a, str>>| text.clone().filter(|_| publish.with_distribution);
    let attribute = |one: &Attribute<'a>| Attribute {
        uuid: one.uuid.clone(),
        kind: one.kind.clone(),
        category: one.category.clone(),
        to_ids: one.to_ids,
        value: one.value.clone(),
        data: one.data.clone(),
        comment: one.comment.clone(),
        timestamp: one.timestamp.clone(),
        first_seen: one.first_seen.clone(),
        last_seen: one.last_seen.clone(),
        distribution: far(&one.distribution),
        deleted: one.deleted,
        disable_correlation: one.disable_correlation,
        object_relation: one.object_relation.clone(),
        sharing_group: one.sharing_group.clone().filter(|_| publish.with_distribution),
        tags: tags(&one.tags, publish),
        ..Attribute::default()
    };
    let attributes = |all: &[Attribute<'a>]| all.iter().filter(|one| leaves(one.audience())).map(attribute).collect::<Vec<_>>();
    Event {
        uuid: event.uuid.clone(),
        info: event.info.clone(),
        date: event.date.clone(),
        published: event.published,
        analysis: event.analysis.clone(),
        threat_level_id: event.threat_level_id.clone(),
        timestamp: event.timestamp.clone(),
        publish_timestamp: event.publish_timestamp.clone(),
        distribution: far(&event.distribution),
        extends_uuid: event.extends_uuid.clone(),
        protected: event.protected,
        orgc: event.orgc.as_deref().map(|org| Box::new(organisation(org))),
        sharing_group: event.sharing_group.clone().filter(|_| publish.with_distribution),
        tags: tags(&event.tags, publish),
        attributes: attributes(&event.attributes),
        objects: event
            .objects
            .iter()
            .filter(|one| leaves(one.distribution.as_deref().map_or(Some(Distribution::Inherit), Distribution::of)))
            .map(|one| super::Object {
                uuid: one.uuid.clone(),
                name: one.name.clone(),
                meta_category: one.meta_category.clone(),
                description: one.description.clone(),
                template_uuid: one.template_uuid.clone(),
                template_version: one.template_version.clone(),
                timestamp: one.timestamp.clone(),
                comment: one.comment.clone(),
                deleted: one.deleted,
                first_seen: one.first_seen.clone(),
                last_seen: one.last_seen.clone(),
                distribution: far(&one.distribution),
                sharing_group: one.sharing_group.clone().filter(|_| publish.with_distribution),
                references: one
                    .references
                    .iter()
                    .map(|to| super::event::ObjectReference {
                        uuid: to.uuid.clone(),
                        timestamp: to.timestamp.clone(),
                        object_uuid: to.object_uuid.clone(),
                        referenced_uuid: to.referenced_uuid.clone(),
                        relationship_type: to.relationship_type.clone(),
                        comment: to.comment.clone(),
                        deleted: to.deleted,
                        ..Default::default()
                    })
                    .collect(),
                attributes: attributes(&one.attributes),
                ..Default::default()
            })
            .collect(),
        reports: event
            .reports
            .iter()
            .map(|report| super::event::EventReport {
                uuid: report.uuid.clone(),
                name: report.name.clone(),
                content: report.content.clone(),
                timestamp: report.timestamp.clone(),
                deleted: report.deleted,
                ..Default::default()
            })
            .collect(),
        keys: event.keys.iter().cloned().map(|key| super::event::CryptographicKey { id: None, ..key }).collect(),
        ..Event::default()
    }
}

fn organisation<'a>(org: &Organisation<'a>) -> Organisation<'a> {
    Organisation { name: org.name.clone(), uuid: org.uuid.clone(), ..Organisation::default() }
}

/// Tags that may leave: those for export, and local ones only where that is wanted.
fn tags<'a>(all: &[Tag<'a>], publish: &Publish) -> Vec<Tag<'a>> {
    all.iter()
        .filter(|tag| tag.exportable.is_none_or(Flag::on) && (publish.with_local_tags || !tag.local.is_some_and(Flag::on)))
        .map(|tag| Tag {
            name: tag.name.clone(),
            colour: tag.colour.clone(),
            relationship_type: tag.relationship_type.clone(),
            ..Tag::default()
        })
        .collect()
}
