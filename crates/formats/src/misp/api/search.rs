//! What does `restSearch` ask for, and does this event or attribute match?
//!
//! A request is read once into typed filters; a key with a value that it cannot have is refused by name. Keys nobody knows are kept
//! by name, for a mistyped filter would otherwise widen a search unseen; whether to refuse them is for the caller.

use serde_json::{Map, Value};

use super::answer::is_csv_column;
use super::terms::{Terms, fold};
use crate::misp::event::{Attribute, Event, seconds};
use crate::misp::{Flag, tag};

/// Records on one page at most.
const LIMIT: u64 = 1_000_000;

/// Why a search cannot be done.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SearchError {
    #[error("the search is not JSON: {0}")]
    NotJson(String),
    #[error("the search is no object of filters")]
    NotAnObject,
    #[error("{key}: {value} is not {meant}")]
    Value { key: String, value: String, meant: &'static str },
}

/// What is searched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// `events/restSearch`: `timestamp` is that of the event.
    Events,
    /// `attributes/restSearch`: `timestamp` is that of the attribute.
    Attributes,
    /// `events/index`: as events, and `eventinfo` is part of the text.
    Index,
}

/// Withdrawn attributes and objects.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Deleted {
    #[default]
    Without,
    Only,
    With,
}

/// In which form the answer is wanted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum ReturnFormat {
    #[default]
    Json,
    /// One value a line.
    Text,
    Csv,
    /// STIX 2.
    Stix2,
    /// One that MISP has and that is not made here.
    Other(String),
}

/// Seconds since 1970, both borders in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Span {
    pub from: i64,
    pub to: i64,
}

/// All time: what `"last": 0` asks for.
const EVER: Span = Span { from: 0, to: i64::MAX };

impl Span {
    pub fn has(self, at: i64) -> bool {
        (self.from..=self.to).contains(&at)
    }
}

/// A search, typed.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of MISP's own request")]
pub struct Search {
    pub scope: Scope,
    pub value: Terms,
    pub kind: Terms,
    pub category: Terms,
    pub org: Terms,
    pub tags: Terms,
    pub event_tags: Terms,
    pub event_id: Terms,
    pub uuid: Terms,
    pub object_name: Terms,
    pub object_relation: Terms,
    pub comment: Terms,
    pub threat_level: Terms,
    pub analysis: Terms,
    pub distribution: Terms,
    pub sharing_group: Terms,
    pub event_info: Terms,
    /// `searchall`, `quickFilter`: anywhere in the event.
    pub anywhere: Terms,
    pub to_ids: Option<bool>,
    pub published: Option<bool>,
    pub timestamp: Option<Span>,
    pub event_timestamp: Option<Span>,
    /// `publish_timestamp`, `last`.
    pub publish_timestamp: Option<Span>,
    pub first_seen: Option<Span>,
    pub last_seen: Option<Span>,
    /// `from`, `to`: dates of events, `YYYY-MM-DD`.
    pub date_from: Option<String>,
    pub date_to: Option<String>,
    pub deleted: Deleted,
    pub return_format: ReturnFormat,
    pub limit: Option<usize>,
    /// From 1.
    pub page: usize,
    pub metadata: bool,
    pub minimal: bool,
    pub with_attachments: bool,
    pub include_event_uuid: bool,
    pub include_event_tags: bool,
    pub include_context: bool,
    pub include_sightings: bool,
    pub include_correlations: bool,
    pub enforce_warninglist: bool,
    pub exclude_local_tags: bool,
    pub sort: Option<String>,
    pub descending: bool,
    /// Columns of CSV.
    pub requested_attributes: Vec<String>,
    pub headerless: bool,
    /// Keys that are no filter.
    pub unknown: Vec<String>,
}

impl Search {
    /// A search for everything.
    pub fn new(scope: Scope) -> Self {
        Self {
            scope,
            value: Terms::default(),
            kind: Terms::default(),
            category: Terms::default(),
            org: Terms::default(),
            tags: Terms::default(),
            event_tags: Terms::default(),
            event_id: Terms::default(),
            uuid: Terms::default(),
            object_name: Terms::default(),
            object_relation: Terms::default(),
            comment: Terms::default(),
            threat_level: Terms::default(),
            analysis: Terms::default(),
            distribution: Terms::default(),
            sharing_group: Terms::default(),
            event_info: Terms::default(),
            anywhere: Terms::default(),
            to_ids: None,
            published: None,
            timestamp: None,
            event_timestamp: None,
            publish_timestamp: None,
            first_seen: None,
            last_seen: None,
            date_from: None,
            date_to: None,
            deleted: Deleted::Without,
            return_format: ReturnFormat::Json,
            limit: None,
            page: 1,
            metadata: false,
            minimal: false,
            with_attachments: false,
            include_event_uuid: false,
            include_event_tags: false,
            include_context: false,
            include_sightings: false,
            include_correlations: false,
            enforce_warninglist: false,
            exclude_local_tags: false,
            sort: None,
            descending: false,
            requested_attributes: Vec::new(),
            headerless: false,
            unknown: Vec::new(),
        }
    }

    /// Reads the body of a search. `now` (seconds since 1970) is what `7d` counts back from.
    ///
    /// ```
    /// use formats::misp::api::{Scope, Search};
    /// use formats::misp::{Attribute, Event};
    /// let search = Search::read(br#"{"type": ["domain", "ip-dst"], "tags": {"NOT": "tlp:red"}, "timestamp": "7d"}"#, Scope::Attributes, 1_700_000_000)?;
    /// let mut attribute = Attribute::new("domain", "evil.example");
    /// attribute.timestamp = Some("1699999999".into());
    /// assert!(search.matches(&Event::default(), &attribute));
    /// let error = Search::read(br#"{"published": "maybe"}"#, Scope::Events, 0).unwrap_err();
    /// assert_eq!(error.to_string(), r#"published: "maybe" is not yes or no (1 or 0)"#);
    /// # Ok::<(), formats::misp::api::SearchError>(())
    /// ```
    pub fn read(body: &[u8], scope: Scope, now: i64) -> Result<Self, SearchError> {
        if body.trim_ascii().is_empty() {
            return Ok(Self::new(scope));
        }
        match serde_json::from_slice(body).map_err(|error| SearchError::NotJson(error.to_string()))? {
            Value::Object(filters) => Self::of(filters, scope, now),
            Value::Array(empty) if empty.is_empty() => Ok(Self::new(scope)),
            _ => Err(SearchError::NotAnObject),
        }
    }

    /// As [`Search::read`], of filters that are JSON already (those in a path, [`super::Path::parameters`]).
    pub fn of(mut filters: Map<String, Value>, scope: Scope, now: i64) -> Result<Self, SearchError> {
        if let Some(Value::Object(inner)) = filters.remove("request") {
            filters.extend(inner);
        }
        let mut search = Self::new(scope);
        for (key, value) in &filters {
            // What is null or empty asks for nothing: PyMISP sends every key it has.
            if matches!(value, Value::Null) || *value == "" || value.as_array().is_some_and(Vec::is_empty) {
                continue;
            }
            search.filter(key, value, now).map_err(|meant| SearchError::Value {
                key: key.clone(),
                value: value.to_string().chars().take(120).collect(),
                meant,
            })?;
        }
        Ok(search)
    }

    fn filter(&mut self, key: &str, value: &Value, now: i64) -> Result<(), &'static str> {
        match key {
            "value" | "attribute" => self.value = Terms::read(value)?,
            "type" => self.kind = Terms::read(value)?,
            "category" => self.category = Terms::read(value)?,
            "org" | "orgc" | "org_id" => self.org = Terms::read(value)?,
            "tags" | "tag" => self.tags = Terms::read(value)?,
            "event_tags" => self.event_tags = Terms::read(value)?,
            "eventid" | "event_id" | "id" => self.event_id = Terms::read(value)?,
            "uuid" => self.uuid = Terms::read(value)?,
            "object_name" => self.object_name = Terms::read(value)?,
            "object_relation" => self.object_relation = Terms::read(value)?,
            "comment" => self.comment = Terms::read(value)?,
            "threat_level_id" | "threatlevel" => self.threat_level = Terms::read(value)?,
            "analysis" => self.analysis = Terms::read(value)?,
            "distribution" => self.distribution = Terms::read(value)?,
            "sharinggroup" => self.sharing_group = Terms::read(&alternatives(value))?,
            "eventinfo" if self.scope == Scope::Index => self.event_info = Terms::read(&within(value))?,
            "eventinfo" => self.event_info = Terms::read(value)?,
            "searchall" | "quickFilter" | "all" => self.anywhere = Terms::read(value)?,
            "to_ids" => {
                self.to_ids = match value {
                    Value::Array(both) if both.len() > 1 => None,
                    Value::Array(one) => Some(flag(&one[0])?),
                    _ => Some(flag(value)?),
                }
            }
            "published" => self.published = Some(flag(value)?),
            "timestamp" => self.timestamp = Some(span(value, now)?),
            "event_timestamp" => self.event_timestamp = Some(span(value, now)?),
            "publish_timestamp" | "last" => self.publish_timestamp = Some(span(value, now)?).filter(|span| *span != EVER),
            "first_seen" => self.first_seen = Some(span(value, now)?),
            "last_seen" => self.last_seen = Some(span(value, now)?),
            "from" | "datefrom" | "date_from" => self.date_from = Some(date(value, now)?),
            "to" | "dateuntil" | "date_to" => self.date_to = Some(date(value, now)?),
            "deleted" => {
                let both = [value];
                let each: Vec<bool> = match value {
                    Value::Array(list) => list.iter().map(flag).collect::<Result<_, _>>()?,
                    _ => both.iter().map(|one| flag(one)).collect::<Result<_, _>>()?,
                };
                self.deleted = match (each.contains(&false), each.contains(&true)) {
                    (true, true) => Deleted::With,
                    (false, true) => Deleted::Only,
                    _ => Deleted::Without,
                };
            }
            "returnFormat" => {
                self.return_format = match value.as_str().ok_or("the name of a format")?.to_ascii_lowercase().as_str() {
                    "json" => ReturnFormat::Json,
                    "text" => ReturnFormat::Text,
                    "csv" => ReturnFormat::Csv,
                    "stix2" => ReturnFormat::Stix2,
                    other => ReturnFormat::Other(other.chars().take(40).collect()),
                }
            }
            "limit" => self.limit = Some(number(value)?).filter(|&limit| limit > 0),
            "page" => self.page = number(value)?.max(1),
            "metadata" => self.metadata = flag(value)?,
            "minimal" => self.minimal = flag(value)?,
            "withAttachments" => self.with_attachments = flag(value)?,
            "includeEventUuid" => self.include_event_uuid = flag(value)?,
            "includeEventTags" => self.include_event_tags = flag(value)?,
            "includeContext" => self.include_context = flag(value)?,
            "includeSightings" => self.include_sightings = flag(value)?,
            "includeCorrelations" => self.include_correlations = flag(value)?,
            "enforceWarninglist" => self.enforce_warninglist = flag(value)?,
            "excludeLocalTags" => self.exclude_local_tags = flag(value)?,
            "headerless" => self.headerless = flag(value)?,
            "sort" | "order" => self.sort = Some(value.as_str().ok_or("the name of a column")?.chars().take(64).collect()),
            "direction" => self.descending = value.as_str().is_some_and(|way| way.eq_ignore_ascii_case("desc")),
            "desc" => self.descending = flag(value)?,
            "requested_attributes" => {
                let list = value.as_array().ok_or("a list of columns")?;
                self.requested_attributes = list
                    .iter()
                    .take(100)
                    .map(|name| name.as_str().filter(|name| is_csv_column(name)).map(str::to_owned).ok_or("a list of columns of a CSV"))
                    .collect::<Result<_, _>>()?;
            }
            // PyMISP sends these with every search; nothing here decays, and sharing groups are given as they are.
            "includeDecayScore"
            | "excludeDecayed"
            | "includeFullModel"
            | "decayingModel"
            | "modelOverrides"
            | "score"
            | "sgReferenceOnly"
            | "extensionList"
            | "attackGalaxy"
            | "includeWarninglistHits" => {}
            _ if self.unknown.len() < 64 => self.unknown.push(key.chars().take(64).collect()),
            _ => {}
        }
        Ok(())
    }

    /// The event is one of those asked for: for [`Scope::Attributes`] what the search says of the event alone, else the whole search,
    /// where one of its attributes must be as is asked.
    pub fn matches_event(&self, event: &Event<'_>) -> bool {
        if !self.fits_event(event) {
            return false;
        }
        if self.scope == Scope::Attributes {
            return true;
        }
        let span = |span: Option<Span>, text: Option<&str>| span.is_none_or(|span| seconds(text).is_some_and(|at| span.has(at)));
        let asked_of_attributes = !(self.value.is_empty()
            && self.kind.is_empty()
            && self.category.is_empty()
            && self.comment.is_empty()
            && self.object_name.is_empty()
            && self.object_relation.is_empty())
            || self.to_ids.is_some();
        let all_tags = tag::names(&event.tags).chain(event.all_attributes().flat_map(|attribute| tag::names(&attribute.tags)));
        span(self.timestamp, event.timestamp.as_deref())
            && self.tags.match_any(all_tags)
            && (self.uuid.is_empty()
                || self.uuid.match_any(event.uuid.as_deref().into_iter())
                || event.all_attributes().any(|one| self.uuid.match_any(one.uuid.as_deref().into_iter())))
            && self.anywhere_in(event)
            && (!asked_of_attributes
                || event.attributes.iter().any(|one| self.shows(one) && self.object_name.is_empty() && self.fits_attribute(one))
                || event.objects.iter().any(|object| {
                    self.object_name.match_any(object.name.as_deref().into_iter())
                        && object.attributes.iter().any(|one| self.shows(one) && self.fits_attribute(one))
                }))
    }

    /// The attribute of this event is one of those asked for.
    pub fn matches(&self, event: &Event<'_>, attribute: &Attribute<'_>) -> bool {
        let span = |span: Option<Span>, text: Option<&str>| span.is_none_or(|span| seconds(text).is_some_and(|at| span.has(at)));
        self.shows(attribute)
            && self.fits_event(event)
            && self.fits_attribute(attribute)
            && self.tags.match_any(tag::names(&event.tags).chain(tag::names(&attribute.tags)))
            && self.uuid.match_any([attribute.uuid.as_deref(), event.uuid.as_deref()].into_iter().flatten())
            && span(
                self.timestamp,
                if self.scope == Scope::Attributes { attribute.timestamp.as_deref() } else { event.timestamp.as_deref() },
            )
            && self.anywhere.match_any(
                [attribute.value.as_deref(), attribute.comment.as_deref(), event.info.as_deref()]
                    .into_iter()
                    .flatten()
                    .chain(attribute.parts().map(|part| part.1)),
            )
    }

    /// Of an event that matches, this attribute is shown.
    pub fn shows(&self, attribute: &Attribute<'_>) -> bool {
        let there = match self.deleted {
            Deleted::Without => !attribute.is_deleted(),
            Deleted::Only => attribute.is_deleted(),
            Deleted::With => true,
        };
        there && self.to_ids.is_none_or(|wanted| attribute.is_for_detection() == wanted)
    }

    /// The part of a list that is on the page asked for.
    ///
    /// ```
    /// use formats::misp::api::{Scope, Search};
    /// let search = Search::read(br#"{"limit": 2, "page": 2}"#, Scope::Events, 0).unwrap();
    /// assert_eq!(search.page_of(1..=5).collect::<Vec<_>>(), [3, 4]);
    /// ```
    pub fn page_of<I: IntoIterator>(&self, all: I) -> impl Iterator<Item = I::Item> + use<I> {
        let (skip, take) = self.limit.map_or((0, usize::MAX), |limit| ((self.page - 1).saturating_mul(limit), limit));
        all.into_iter().skip(skip).take(take)
    }

    fn fits_event(&self, event: &Event<'_>) -> bool {
        let one = |terms: &Terms, text: Option<&str>| terms.match_any(text.into_iter());
        let span = |span: Option<Span>, text: Option<&str>| span.is_none_or(|span| seconds(text).is_some_and(|at| span.has(at)));
        let org = event.orgc.as_deref();
        let date = event.date.as_deref().unwrap_or_default();
        self.published.is_none_or(|wanted| event.published.is_some_and(Flag::on) == wanted)
            && self.event_id.match_any([event.id.as_deref(), event.uuid.as_deref()].into_iter().flatten())
            && self.org.match_any(
                [event.orgc_id.as_deref(), org.and_then(|org| org.name.as_deref()), org.and_then(|org| org.uuid.as_deref())]
                    .into_iter()
                    .flatten(),
            )
            && self.event_tags.match_any(tag::names(&event.tags))
            && one(&self.event_info, event.info.as_deref())
            && one(&self.threat_level, event.threat_level_id.as_deref())
            && one(&self.analysis, event.analysis.as_deref())
            && one(&self.distribution, event.distribution.as_deref())
            && one(&self.sharing_group, event.sharing_group_id.as_deref())
            && self.date_from.as_deref().is_none_or(|from| date >= from)
            && self.date_to.as_deref().is_none_or(|to| date <= to)
            && span(self.event_timestamp, event.timestamp.as_deref())
            && span(self.publish_timestamp, event.publish_timestamp.as_deref())
    }

    fn fits_attribute(&self, attribute: &Attribute<'_>) -> bool {
        let one = |terms: &Terms, text: Option<&str>| terms.match_any(text.into_iter());
        let seen = |span: Option<Span>, text: Option<&str>| {
            span.is_none_or(|span| text.and_then(crate::time::read).is_some_and(|moment| span.has(moment.at.as_second())))
        };
        one(&self.kind, attribute.kind.as_deref())
            && one(&self.category, attribute.category.as_deref())
            && one(&self.comment, attribute.comment.as_deref())
            && one(&self.object_relation, attribute.object_relation.as_deref())
            && (self.value.is_empty()
                || self.value.match_any(attribute.value.as_deref().into_iter().chain(attribute.parts().map(|part| part.1))))
            && seen(self.first_seen, attribute.first_seen.as_deref())
            && seen(self.last_seen, attribute.last_seen.as_deref())
    }

    fn anywhere_in(&self, event: &Event<'_>) -> bool {
        self.anywhere.is_empty()
            || self.anywhere.match_any(event.info.as_deref().into_iter().chain(tag::names(&event.tags)))
            || event.all_attributes().any(|one| {
                let texts = one.value.as_deref().into_iter().chain(one.comment.as_deref()).chain(one.parts().map(|part| part.1));
                self.anywhere.match_any(texts.chain(tag::names(&one.tags)))
            })
    }
}

/// `5|7` names two sharing groups.
fn alternatives(value: &Value) -> Value {
    match value {
        Value::String(text) => text.split('|').collect(),
        other => other.clone(),
    }
}

fn within(value: &Value) -> Value {
    match value {
        Value::String(text) if !text.contains('%') => Value::from(format!("%{}%", fold(text))),
        other => other.clone(),
    }
}

pub(super) fn flag(value: &Value) -> Result<bool, &'static str> {
    match value {
        Value::Bool(on) => Ok(*on),
        Value::Number(number) if number.as_u64() == Some(1) => Ok(true),
        Value::Number(number) if number.as_u64() == Some(0) => Ok(false),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" => Ok(true),
            "0" | "false" | "no" => Ok(false),
            _ => Err("yes or no (1 or 0)"),
        },
        _ => Err("yes or no (1 or 0)"),
    }
}

fn number(value: &Value) -> Result<usize, &'static str> {
    let number = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|&number| number <= LIMIT).and_then(|number| usize::try_from(number).ok()).ok_or("a number from 0 to 1000000")
}

/// One moment (until now and later) or two.
pub(super) fn span(value: &Value, now: i64) -> Result<Span, &'static str> {
    match value {
        Value::Array(list) => match list.as_slice() {
            [from] => Ok(Span { from: moment(from, now)?, to: i64::MAX }),
            [one, two] => {
                let (one, two) = (moment(one, now)?, moment(two, now)?);
                Ok(Span { from: one.min(two), to: one.max(two) })
            }
            _ => Err("one or two times"),
        },
        one => Ok(Span { from: moment(one, now)?, to: i64::MAX }),
    }
}

/// Seconds since 1970, a date, or how long ago (`30m`, `24h`, `7d`).
fn moment(value: &Value, now: i64) -> Result<i64, &'static str> {
    const MEANT: &str = "a time: seconds since 1970, a date, or how long ago (30m, 24h, 7d)";
    let text = match value {
        Value::Number(number) => return number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds as i64)).ok_or(MEANT),
        Value::String(text) => text.trim(),
        _ => return Err(MEANT),
    };
    if let Ok(seconds) = text.parse::<i64>() {
        return Ok(seconds);
    }
    let unit = match text.bytes().last() {
        Some(b's') => 1,
        Some(b'm') => 60,
        Some(b'h') => 3_600,
        Some(b'd') => 86_400,
        Some(b'w') => 604_800,
        _ => 0,
    };
    if unit > 0
        && let Ok(count) = text[..text.len() - 1].trim().parse::<i64>()
    {
        return Ok(now.saturating_sub(count.max(0).saturating_mul(unit)));
    }
    if let Ok(seconds) = text.parse::<f64>() {
        return Ok(seconds as i64);
    }
    crate::time::read(text).map(|moment| moment.at.as_second()).ok_or(MEANT)
}

/// A date as events have it.
fn date(value: &Value, now: i64) -> Result<String, &'static str> {
    const MEANT: &str = "a date (2026-03-23)";
    if let Some(text) = value.as_str()
        && let Ok(date) = text.get(..10).unwrap_or(text).parse::<jiff::civil::Date>()
    {
        return Ok(date.to_string());
    }
    let at = jiff::Timestamp::from_second(moment(value, now).map_err(|_| MEANT)?).map_err(|_| MEANT)?;
    Ok(at.to_zoned(jiff::tz::TimeZone::UTC).date().to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::misp::event;

    const EVENT: &[u8] = br#"{"Event": {"id": "7", "uuid": "e-1", "info": "Phish at bank", "date": "2026-03-23", "published": true,
        "timestamp": "1000", "publish_timestamp": "2000", "Orgc": {"id": "3", "name": "CIRCL", "uuid": "o-1"}, "Tag": [{"name": "tlp:green"}],
        "Attribute": [{"uuid": "a-1", "type": "domain|ip", "category": "Network activity", "value": "evil.example|192.0.2.1", "to_ids": true,
            "timestamp": "900", "Tag": [{"name": "x:y"}]}, {"uuid": "a-2", "type": "comment", "value": "gone", "deleted": true}],
        "Object": [{"name": "file", "Attribute": [{"uuid": "a-3", "type": "md5", "value": "00", "to_ids": false, "timestamp": "950"}]}]}}"#;

    fn found(filters: Value, scope: Scope) -> Vec<String> {
        let search = Search::of(filters.as_object().unwrap().clone(), scope, 1_000).unwrap();
        let event = event::read(EVENT).unwrap();
        match scope {
            Scope::Attributes => {
                event.all_attributes().filter(|one| search.matches(&event, one)).map(|one| one.uuid.clone().unwrap().into_owned()).collect()
            }
            _ => search.matches_event(&event).then(|| event.uuid.clone().unwrap().into_owned()).into_iter().collect(),
        }
    }

    #[test]
    fn a_filter_finds_the_attributes_that_misp_would_find() {
        for (filters, expected) in [
            (json!({}), &["a-1", "a-3"][..]),
            (json!({"value": "192.0.2.1"}), &["a-1"]),
            (json!({"value": ["%.EXAMPLE|%"]}), &["a-1"]),
            (json!({"type": ["md5"], "category": null}), &["a-3"]),
            (json!({"to_ids": "1"}), &["a-1"]),
            (json!({"to_ids": [0, 1]}), &["a-1", "a-3"]),
            (json!({"deleted": 1}), &["a-2"]),
            (json!({"deleted": [0, 1]}), &["a-1", "a-2", "a-3"]),
            (json!({"tags": "tlp:green"}), &["a-1", "a-3"]),
            (json!({"tags": ["!x:y"]}), &["a-3"]),
            (json!({"timestamp": "60s"}), &["a-3"]),
            (json!({"timestamp": [890, 910]}), &["a-1"]),
            (json!({"uuid": "a-3"}), &["a-3"]),
            (json!({"org": "circl", "eventid": 7}), &["a-1", "a-3"]),
            (json!({"org": "!CIRCL"}), &[]),
            (json!({"published": false}), &[]),
            (json!({"from": "2026-03-24"}), &[]),
            (json!({"to": "2026-03-23"}), &["a-1", "a-3"]),
            (json!({"eventinfo": "%bank"}), &["a-1", "a-3"]),
        ] {
            assert_eq!(found(filters.clone(), Scope::Attributes), expected, "{filters}");
        }
    }

    #[test]
    fn a_filter_finds_the_events_that_misp_would_find() {
        for (filters, right) in [
            (json!({"value": "evil.example"}), true),
            (json!({"value": "gone"}), false),
            (json!({"searchall": "%phish%"}), true),
            (json!({"object_name": "file"}), true),
            (json!({"object_name": "email"}), false),
            (json!({"publish_timestamp": ["0", 1500]}), false),
            (json!({"last": 0}), true),
            (json!({"tags": {"AND": ["tlp:green", "x:y"]}}), true),
        ] {
            assert_eq!(!found(filters.clone(), Scope::Events).is_empty(), right, "{filters}");
        }
        assert_eq!(found(json!({"eventinfo": "BANK"}), Scope::Index).len(), 1);
    }

    #[test]
    fn a_wrong_value_is_refused_by_the_name_of_its_key_and_an_unknown_key_is_named() {
        for (filters, key) in
            [(json!({"timestamp": "soon"}), "timestamp"), (json!({"limit": -1}), "limit"), (json!({"tags": {"X": 1}}), "tags")]
        {
            let error = Search::of(filters.as_object().unwrap().clone(), Scope::Events, 0).unwrap_err();
            assert!(error.to_string().starts_with(&format!("{key}: ")), "{error}");
        }
        let search = Search::read(br#"{"tpye": "md5"}"#, Scope::Events, 0).unwrap();
        assert_eq!(search.unknown, ["tpye"]);
    }
}
