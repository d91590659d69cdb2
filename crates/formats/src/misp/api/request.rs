//! What does a client send: which path, which record, which tag, which sighting?

use serde::Deserialize;
use serde_json::{Map, Value};

use super::search::{self, Deleted, SearchError, Span};
use super::terms::Terms;
use crate::misp::event::{self, Attribute, Event, Sighting};
use crate::misp::{Flag, value};

/// Records that one body may carry.
const MOST: usize = 100_000;
/// Parts of a path.
const PARTS: usize = 64;

/// Why a body cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum BadRequest {
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Event(#[from] event::Error),
    #[error(transparent)]
    Search(#[from] SearchError),
    #[error("{0} records are more than {MOST}")]
    TooMany(usize),
    #[error("{key}: {meant} is missing")]
    Missing { key: &'static str, meant: &'static str },
}

/// A path as MISP reads it: what it names, and the parameters `name:value` behind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Path {
    /// `["events", "view", "7"]`; `.json` is taken off.
    pub parts: Vec<String>,
    /// `deleted[]:0/deleted[]:1` is `{"deleted": ["0", "1"]}`.
    pub parameters: Map<String, Value>,
}

impl Path {
    /// Reads a path, without host; what follows `?` are parameters too.
    ///
    /// ```
    /// let path = formats::misp::api::Path::read("/events/view/7/deleted[]:0/deleted[]:1/excludeGalaxy:1.json");
    /// assert_eq!(path.parts, ["events", "view", "7"]);
    /// assert_eq!(path.parameters["deleted"][1], "1");
    /// assert_eq!(path.parameters["excludeGalaxy"], "1");
    /// ```
    pub fn read(path: &str) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut read = Self::default();
        for part in path.split('/').filter(|part| !part.is_empty()).take(PARTS) {
            let part = decoded(part);
            match part.split_once(':') {
                Some((name, value)) if !name.is_empty() => read.parameter(name, value.strip_suffix(".json").unwrap_or(value)),
                _ => read.parts.push(part.strip_suffix(".json").unwrap_or(&part).to_owned()),
            }
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()).take(PARTS) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, "1"));
            read.parameter(&decoded(name), &decoded(&value.replace('+', " ")));
        }
        read
    }

    fn parameter(&mut self, name: &str, value: &str) {
        match name.strip_suffix("[]") {
            Some(name) => match self.parameters.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
                Value::Array(list) => list.push(value.into()),
                other => *other = Value::Array(vec![value.into()]),
            },
            None => {
                self.parameters.insert(name.to_owned(), value.into());
            }
        }
    }

    /// The parts, to match on.
    pub fn words(&self) -> Vec<&str> {
        self.parts.iter().map(String::as_str).collect()
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after.get(..2).filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// How an event shall be shown (`events/view`, the parameters in its path or body).
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of MISP's own request")]
pub struct View {
    pub deleted: Deleted,
    pub exclude_galaxy: bool,
    pub exclude_local_tags: bool,
    pub no_sightings: bool,
    /// The event without what is in it: all that a synchronising MISP wants back from `events/add/metadata:1`.
    pub metadata: bool,
    /// With the events that extend it.
    pub extended: bool,
}

impl View {
    /// Reads the parameters of a path, and the body when there is one.
    ///
    /// ```
    /// use formats::misp::api::{Deleted, Path, request::View};
    /// let path = Path::read("/events/view/7/deleted[]:0/deleted[]:1/excludeLocalTags:1");
    /// let view = View::read(&path, b"")?;
    /// assert_eq!((view.deleted, view.exclude_local_tags), (Deleted::With, true));
    /// # Ok::<(), formats::misp::api::request::BadRequest>(())
    /// ```
    pub fn read(path: &Path, body: &[u8]) -> Result<Self, BadRequest> {
        let mut all = path.parameters.clone();
        if !body.trim_ascii().is_empty() {
            all.extend(serde_json::from_slice::<Map<String, Value>>(body)?);
        }
        let on = |key: &str| all.get(key).is_some_and(|value| search::flag(value) == Ok(true));
        let deleted = match all.get("deleted") {
            // To ask for the deleted ones alone is to ask for them too, when one event is viewed.
            Some(Value::Array(list)) if list.iter().any(|one| search::flag(one) == Ok(true)) => Deleted::With,
            Some(one) if search::flag(one) == Ok(true) => Deleted::With,
            _ => Deleted::Without,
        };
        Ok(Self {
            deleted,
            exclude_galaxy: on("excludeGalaxy"),
            exclude_local_tags: on("excludeLocalTags"),
            no_sightings: on("noSightings"),
            metadata: on("metadata"),
            extended: on("extended"),
        })
    }

    /// Takes out of an event what was not asked for.
    pub fn apply(&self, event: &mut Event<'_>) {
        if self.metadata {
            event.attributes.clear();
            event.objects.clear();
            event.proposals.clear();
            event.reports.clear();
        }
        if self.deleted == Deleted::Without {
            event.attributes.retain(|one| !one.is_deleted());
            event.objects.retain(|one| !one.deleted.is_some_and(Flag::on));
            event.reports.retain(|one| !one.deleted.is_some_and(Flag::on));
            for object in &mut event.objects {
                object.attributes.retain(|one| !one.is_deleted());
            }
        }
        let local = |tag: &event::Tag<'_>| tag.local.is_some_and(Flag::on);
        if self.exclude_local_tags {
            event.tags.retain(|tag| !local(tag));
        }
        if self.exclude_galaxy {
            event.galaxies.clear();
        }
        for attribute in event.attributes.iter_mut().chain(event.objects.iter_mut().flat_map(|object| &mut object.attributes)) {
            if self.exclude_local_tags {
                attribute.tags.retain(|tag| !local(tag));
            }
            if self.exclude_galaxy {
                attribute.galaxies.clear();
            }
            if self.no_sightings {
                attribute.sightings.clear();
            }
        }
    }
}

/// Reads what `attributes/add` and `attributes/edit` are sent: one attribute or several, bare or as `{"Attribute": …}`.
///
/// ```
/// let sent = formats::misp::api::request::attributes(br#"{"Attribute": {"type": "url", "value": "http://evil.example/"}}"#)?;
/// assert_eq!(sent[0].kind.as_deref(), Some("url"));
/// # Ok::<(), formats::misp::api::request::BadRequest>(())
/// ```
pub fn attributes(body: &[u8]) -> Result<Vec<Attribute<'_>>, BadRequest> {
    let body = body.trim_ascii();
    let all: Vec<Attribute<'_>> = if body.starts_with(b"[") {
        serde_json::from_slice(body)?
    } else {
        let whole: Attribute<'_> = serde_json::from_slice(body)?;
        match whole.more.get("Attribute") {
            Some(Value::Array(_)) => serde_json::from_slice::<Many<'_>>(body)?.attributes,
            Some(Value::Object(_)) => vec![serde_json::from_slice::<One<'_>>(body)?.attribute],
            _ => vec![whole],
        }
    };
    if all.len() > MOST { Err(BadRequest::TooMany(all.len())) } else { Ok(all) }
}

#[derive(Deserialize)]
struct Many<'a> {
    #[serde(rename = "Attribute", borrow)]
    attributes: Vec<Attribute<'a>>,
}

#[derive(Deserialize)]
struct One<'a> {
    #[serde(rename = "Attribute", borrow)]
    attribute: Attribute<'a>,
}

/// Brings an attribute that was sent into the form in which it is kept: the category of its type where none is said, `to_ids` likewise,
/// its value as MISP writes it. What is wrong comes back as MISP says it: key and reason.
///
/// ```
/// use formats::misp::{Attribute, api::request::complete_attribute};
/// let mut sent = Attribute { kind: Some("domain".into()), value: Some("EVIL[.]example".into()), ..Attribute::default() };
/// complete_attribute(&mut sent).unwrap();
/// assert_eq!((sent.value.as_deref(), sent.category.as_deref()), (Some("evil.example"), Some("Network activity")));
/// sent.value = Some("no host".into());
/// assert_eq!(complete_attribute(&mut sent).unwrap_err()[0].0, "value");
/// ```
pub fn complete_attribute(attribute: &mut Attribute<'_>) -> Result<(), Vec<(&'static str, String)>> {
    let mut wrong = Vec::new();
    let kind = attribute.kind.as_deref().unwrap_or_default();
    match crate::misp::attribute_type::of(kind) {
        None => wrong.push(("type", format!("no type is named {kind:?}"))),
        Some(known) => {
            let text = attribute.value.as_deref().unwrap_or_default();
            match value::read(kind, text) {
                Ok(normal) if normal != text => attribute.value = Some(normal.into_owned().into()),
                Ok(_) => {}
                Err(error) => wrong.push(("value", error.to_string())),
            }
            match attribute.category.as_deref() {
                Some(category) if !category.is_empty() => {
                    if let Err(error) = value::fits(known.name(), category) {
                        wrong.push(("category", error.to_string()));
                    }
                }
                _ => attribute.category = Some(known.category().into()),
            }
            attribute.to_ids.get_or_insert(known.to_ids().into());
        }
    }
    if attribute.distribution.is_some() && attribute.audience().is_none() {
        wrong.push(("distribution", format!("{:?} is not 0 to 5", attribute.distribution.as_deref().unwrap_or_default())));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// What is wrong with an event that was sent, beside its attributes; as [`complete_attribute`] says it.
///
/// ```
/// assert_eq!(formats::misp::api::request::check_event(&formats::misp::Event::default()).unwrap_err()[0].0, "info");
/// ```
pub fn check_event(event: &Event<'_>) -> Result<(), Vec<(&'static str, String)>> {
    let mut wrong = Vec::new();
    if event.info.as_deref().unwrap_or_default().trim().is_empty() {
        wrong.push(("info", "Info cannot be empty.".to_owned()));
    }
    if let Some(date) = event.date.as_deref()
        && date.get(..10).unwrap_or(date).parse::<jiff::civil::Date>().is_err()
    {
        wrong.push(("date", format!("{date:?} is not a date (2026-03-23)")));
    }
    if let Some(uuid) = event.uuid.as_deref()
        && uuid::Uuid::try_parse(uuid).is_err()
    {
        wrong.push(("uuid", format!("{uuid:?} is not a UUID")));
    }
    let among = |text: Option<&str>, allowed: &[&str]| text.is_none_or(|text| allowed.contains(&text));
    if !among(event.distribution.as_deref(), &["0", "1", "2", "3", "4"]) {
        wrong.push(("distribution", format!("{:?} is not 0 to 4", event.distribution.as_deref().unwrap_or_default())));
    }
    if !among(event.threat_level_id.as_deref(), &["1", "2", "3", "4"]) {
        wrong.push(("threat_level_id", format!("{:?} is not 1 to 4", event.threat_level_id.as_deref().unwrap_or_default())));
    }
    if !among(event.analysis.as_deref(), &["0", "1", "2"]) {
        wrong.push(("analysis", format!("{:?} is not 0 to 2", event.analysis.as_deref().unwrap_or_default())));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// An event that another MISP would push (`events/filterEventIdsForPush`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Candidate {
    pub uuid: String,
    pub timestamp: i64,
}

/// Reads `[{"Event": {"uuid", "timestamp"}}]`; the answer are the UUIDs of those wanted, [`super::answer::uuids`].
///
/// ```
/// let asked = formats::misp::api::request::candidates(br#"[{"Event": {"uuid": "u", "timestamp": "7"}}]"#)?;
/// assert_eq!((asked[0].uuid.as_str(), asked[0].timestamp), ("u", 7));
/// # Ok::<(), formats::misp::api::request::BadRequest>(())
/// ```
pub fn candidates(body: &[u8]) -> Result<Vec<Candidate>, BadRequest> {
    let all: Vec<event::Either<'_>> = serde_json::from_slice(body)?;
    if all.len() > MOST {
        return Err(BadRequest::TooMany(all.len()));
    }
    Ok(all
        .into_iter()
        .filter_map(|event::Either(event)| {
            Some(Candidate { timestamp: event::seconds(event.timestamp.as_deref()).unwrap_or(0), uuid: event.uuid?.into_owned() })
        })
        .collect())
}

/// Reads a list of UUIDs (`sightings/filterSightingUuidsForPush`).
///
/// ```
/// assert_eq!(formats::misp::api::request::uuids(br#"["u"]"#).unwrap(), ["u"]);
/// ```
pub fn uuids(body: &[u8]) -> Result<Vec<String>, BadRequest> {
    let all: Vec<String> = serde_json::from_slice(body)?;
    if all.len() > MOST { Err(BadRequest::TooMany(all.len())) } else { Ok(all) }
}

/// Reads what `sightings/bulkSaveSightings` is sent.
///
/// ```
/// let sent = formats::misp::api::request::sightings(br#"[{"attribute_uuid": "a", "type": "0", "date_sighting": 7}]"#).unwrap();
/// assert_eq!(sent[0].date_sighting.as_deref(), Some("7"));
/// ```
pub fn sightings(body: &[u8]) -> Result<Vec<Sighting<'_>>, BadRequest> {
    let all: Vec<Sighting<'_>> = serde_json::from_slice(body)?;
    if all.len() > MOST { Err(BadRequest::TooMany(all.len())) } else { Ok(all) }
}

/// A sighting that a client reports: of an attribute named in the path, by UUID, or of all with one of these values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewSighting {
    pub values: Vec<String>,
    pub uuid: Option<String>,
    pub id: Option<String>,
    /// 0 seen, 1 false positive, 2 expired, 3 true positive.
    pub kind: u8,
    /// Seconds since 1970; now when nothing is said.
    pub at: Option<i64>,
    pub source: Option<String>,
}

/// Reads what `sightings/add` is sent.
///
/// ```
/// let sent = formats::misp::api::request::new_sighting(br#"{"value": "evil.example", "type": "1"}"#, 0)?;
/// assert_eq!((sent.values[0].as_str(), sent.kind), ("evil.example", 1));
/// # Ok::<(), formats::misp::api::request::BadRequest>(())
/// ```
pub fn new_sighting(body: &[u8], now: i64) -> Result<NewSighting, BadRequest> {
    let mut body: Map<String, Value> = if body.trim_ascii().is_empty() { Map::new() } else { serde_json::from_slice(body)? };
    if let Some(Value::Object(inner)) = body.remove("Sighting") {
        body = inner;
    }
    let text = |key: &str| match body.get(key) {
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let values = match body.get("values") {
        Some(Value::Array(list)) => list.iter().take(MOST).filter_map(|value| value.as_str().map(str::to_owned)).collect(),
        _ => text("values").or_else(|| text("value")).into_iter().collect(),
    };
    let wrong =
        |key: &str, meant| SearchError::Value { key: key.to_owned(), value: body[key].to_string().chars().take(120).collect(), meant };
    let kind = match text("type").as_deref() {
        None => 0,
        Some(kind) => kind.parse().ok().filter(|&kind| kind <= 3).ok_or_else(|| wrong("type", "0 to 3"))?,
    };
    let at = match body.get("timestamp").or_else(|| body.get("date_sighting")) {
        None | Some(Value::Null) => None,
        Some(value) => Some(search::span(value, now).map_err(|meant| wrong("timestamp", meant))?.from),
    };
    Ok(NewSighting { values, uuid: text("uuid"), id: text("id"), kind, at, source: text("source") })
}

/// Which sightings are asked for (`sightings/restSearch[/event|/attribute]`, `sightings/index`, `sightings/listSightings`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SightingSearch {
    /// Id or UUID of the event or attribute, after the context.
    pub id: Terms,
    /// UUIDs of events: what a synchronising MISP sends.
    pub uuid: Terms,
    pub kind: Terms,
    pub org: Terms,
    pub source: Terms,
    pub at: Option<Span>,
    pub include_attribute: bool,
    pub include_event: bool,
    pub include_uuid: bool,
}

impl SightingSearch {
    /// Reads the body.
    ///
    /// ```
    /// use formats::misp::api::request::SightingSearch;
    /// use formats::misp::event::Sighting;
    /// let asked = SightingSearch::read(br#"{"returnFormat": "json", "last": 0, "includeUuid": true, "uuid": ["e"]}"#, 0).unwrap();
    /// let sighting = Sighting { event_uuid: Some("e".into()), date_sighting: Some("7".into()), ..Sighting::default() };
    /// assert!(asked.include_uuid && asked.matches("event", &sighting));
    /// ```
    pub fn read(body: &[u8], now: i64) -> Result<Self, BadRequest> {
        let body: Map<String, Value> = if body.trim_ascii().is_empty() { Map::new() } else { serde_json::from_slice(body)? };
        let mut found = Self::default();
        let (mut from, mut to) = (None, None);
        for (key, value) in &body {
            if value.is_null() || *value == "" {
                continue;
            }
            let wrong = |meant| SearchError::Value { key: key.clone(), value: value.to_string().chars().take(120).collect(), meant };
            match key.as_str() {
                "id" => found.id = Terms::read(value).map_err(wrong)?,
                "uuid" => found.uuid = Terms::read(value).map_err(wrong)?,
                "type" => found.kind = Terms::read(value).map_err(wrong)?,
                "org_id" | "org" => found.org = Terms::read(value).map_err(wrong)?,
                "source" => found.source = Terms::read(value).map_err(wrong)?,
                "last" | "publish_timestamp" | "timestamp" => found.at = Some(search::span(value, now).map_err(wrong)?),
                "from" => from = Some(search::span(value, now).map_err(wrong)?.from),
                "to" => to = Some(search::span(value, now).map_err(wrong)?.from),
                "includeAttribute" => found.include_attribute = search::flag(value).map_err(wrong)?,
                "includeEvent" => found.include_event = search::flag(value).map_err(wrong)?,
                "includeUuid" => found.include_uuid = search::flag(value).map_err(wrong)?,
                _ => {}
            }
        }
        if from.is_some() || to.is_some() {
            found.at = Some(Span { from: from.unwrap_or(i64::MIN), to: to.unwrap_or(i64::MAX) });
        }
        Ok(found)
    }

    /// This sighting is one of them; the context is `event`, `attribute` or nothing.
    pub fn matches(&self, context: &str, sighting: &Sighting<'_>) -> bool {
        let event = [sighting.event_id.as_deref(), sighting.event_uuid.as_deref()].into_iter().flatten();
        let attribute = [sighting.attribute_id.as_deref(), sighting.attribute_uuid.as_deref()].into_iter().flatten();
        let by = sighting.organisation.as_deref();
        let org = [sighting.org_id.as_deref(), by.and_then(|by| by.uuid.as_deref()), by.and_then(|by| by.name.as_deref())];
        (match context {
            "event" => self.id.match_any(event.clone()),
            "attribute" => self.id.match_any(attribute),
            _ => self.id.match_any(event.clone().chain(attribute)),
        }) && self.uuid.match_any(event)
            && self.kind.match_any(sighting.kind.as_deref().into_iter())
            && self.source.match_any(sighting.source.as_deref().into_iter())
            && self.org.match_any(org.into_iter().flatten())
            && self.at.is_none_or(|span| event::seconds(sighting.date_sighting.as_deref()).is_some_and(|at| span.has(at)))
    }
}

/// What tag shall be set on, or taken off, what.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TagChange {
    /// Of an event, attribute or object.
    pub uuid: String,
    pub tags: Vec<String>,
    pub local: bool,
    pub relationship_type: Option<String>,
}

/// Reads what `tags/attachTagToObject` and `tags/removeTagFromObject` are sent.
///
/// ```
/// let change = formats::misp::api::request::tag_change(br#"{"uuid": "u", "tag": "tlp:red", "local": false}"#)?;
/// assert_eq!(change.tags, ["tlp:red"]);
/// # Ok::<(), formats::misp::api::request::BadRequest>(())
/// ```
pub fn tag_change(body: &[u8]) -> Result<TagChange, BadRequest> {
    let body: Map<String, Value> = serde_json::from_slice(body)?;
    let text = |key: &str| match body.get(key) {
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let tags: Vec<String> = match body.get("tag") {
        Some(Value::Array(list)) => list.iter().take(PARTS).filter_map(|tag| tag.as_str().map(str::to_owned)).collect(),
        _ => text("tag").into_iter().collect(),
    };
    if tags.is_empty() {
        return Err(BadRequest::Missing { key: "tag", meant: "the name of a tag" });
    }
    Ok(TagChange {
        uuid: text("uuid").ok_or(BadRequest::Missing { key: "uuid", meant: "what is to be tagged" })?,
        tags,
        local: body.get("local").is_some_and(|local| search::flag(local) == Ok(true)),
        relationship_type: text("relationship_type"),
    })
}

/// Which tags are asked for (`tags/search`): part of the name, or the whole.
///
/// ```
/// let (name, strict) = formats::misp::api::request::tag_search(br#"{"tagname": "tlp:", "strict_tagname": false}"#)?;
/// assert_eq!((name.as_str(), strict), ("tlp:", false));
/// # Ok::<(), formats::misp::api::request::BadRequest>(())
/// ```
pub fn tag_search(body: &[u8]) -> Result<(String, bool), BadRequest> {
    let body: Map<String, Value> = serde_json::from_slice(body)?;
    let name = ["tagname", "name", "tag"].iter().find_map(|key| body.get(*key)?.as_str());
    let strict = ["strict_tagname", "strict_tag_name_only"].iter().any(|key| body.get(*key).is_some_and(|on| search::flag(on) == Ok(true)));
    Ok((name.ok_or(BadRequest::Missing { key: "tagname", meant: "the name of a tag" })?.to_owned(), strict))
}
