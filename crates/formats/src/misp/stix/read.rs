//! STIX objects as a MISP event: ours back to what they were, those of others as far as MISP has words.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use serde_json::{Map, Value};

use super::observables::said_by;
use super::write::ABSENT;
use super::{Error, MOST, derived, labelled, paths, seconds, tlp_of};
use crate::misp::event::{Attribute, Event, Object, Organisation, Sighting, Tag};
use crate::misp::{More, value};

/// A bundle read as an event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Read {
    pub event: Event<'static>,
    /// Ids of objects that have no place in the event.
    pub left: Vec<String>,
}

type Members = Map<String, Value>;

/// Reads a bundle, or a list of objects, as one event.
///
/// ```
/// let bundle = br#"{"type": "bundle", "id": "bundle--x", "objects": [{"type": "indicator", "id": "indicator--57f4f6d9-cd20-458b-84fd-109ec0a83869",
///     "created": "2026-03-23T00:00:00Z", "modified": "2026-03-23T00:00:00Z", "pattern_type": "stix", "pattern": "[ipv4-addr:value = '192.0.2.1']"}]}"#;
/// let read = formats::misp::stix::from_bundle(bundle)?;
/// let one = &read.event.attributes[0];
/// assert_eq!((one.kind.as_deref(), one.value.as_deref()), (Some("ip-dst"), Some("192.0.2.1")));
/// assert_eq!(one.timestamp.as_deref(), Some("1774224000"));
/// # Ok::<(), formats::misp::stix::Error>(())
/// ```
pub fn from_bundle(bytes: &[u8]) -> Result<Read, Error> {
    let objects = match serde_json::from_slice(bytes)? {
        Value::Object(mut bundle) => match bundle.remove("objects") {
            Some(Value::Array(objects)) => objects,
            _ if bundle.get("type").is_some_and(|kind| kind == "bundle") => Vec::new(),
            _ => return Err(Error::NoObjects),
        },
        Value::Array(objects) => objects,
        _ => return Err(Error::NoObjects),
    };
    if objects.len() > MOST {
        return Err(Error::TooMany(objects.len()));
    }
    let mut source = Source::default();
    for (at, object) in objects.iter().enumerate() {
        if let Some(members) = object.as_object()
            && let Some(id) = members.get("id").and_then(Value::as_str)
        {
            source.by_id.insert(id, at);
        }
    }
    source.objects = &objects;
    source.read()
}

#[derive(Default)]
struct Source<'a> {
    objects: &'a [Value],
    by_id: BTreeMap<&'a str, usize>,
}

impl<'a> Source<'a> {
    fn find(&self, id: &str) -> Option<&'a Members> {
        self.objects[*self.by_id.get(id)?].as_object()
    }

    fn read(&self) -> Result<Read, Error> {
        let members = || self.objects.iter().filter_map(Value::as_object);
        let holds = |one: &&Members| matches!(kind(one), "report" | "grouping");
        // Ours before that of others, when there are several.
        let report = members().filter(holds).find(|one| one.contains_key("x_misp_event")).or_else(|| members().find(holds));
        let mut read = Read { event: self.event(report)?, left: Vec::new() };
        // The order in which the report names them is the order in which they were.
        let mut order: Vec<usize> = Vec::with_capacity(self.objects.len());
        let mut taken = vec![false; self.objects.len()];
        let named = report.and_then(|report| report.get("object_refs")).and_then(Value::as_array).into_iter().flatten();
        let named = named.filter_map(|id| self.by_id.get(id.as_str()?).copied());
        for at in named.chain(0..self.objects.len()) {
            if !std::mem::replace(&mut taken[at], true) {
                order.push(at);
            }
        }
        let observed = self.observed();
        for at in order {
            if let Some(one) = self.objects[at].as_object() {
                self.object(one, report, &observed, &mut read)?;
            }
        }
        self.sightings(&mut read.event);
        Ok(read)
    }

    /// What others say that they have seen; what we wrote rides with the attributes.
    fn sightings(&self, event: &mut Event<'static>) {
        let mut of: BTreeMap<String, Vec<Sighting<'static>>> = BTreeMap::new();
        for one in self
            .objects
            .iter()
            .filter_map(Value::as_object)
            .filter(|one| kind(one) == "sighting" && labelled(one, "sighting-type").is_none())
        {
            let Some((_, target)) = text(one, "sighting_of_ref").and_then(|id| id.rsplit_once("--")) else { continue };
            let at = ["last_seen", "first_seen", "modified"].iter().find_map(|key| one.get(*key).and_then(seconds));
            of.entry(target.to_owned()).or_default().push(Sighting {
                uuid: uuid_of(one).map(Cow::Owned),
                date_sighting: at.map(|at| at.to_string().into()),
                kind: Some("0".into()),
                organisation: text(one, "created_by_ref").and_then(|id| self.organisation(id)),
                ..Sighting::default()
            });
        }
        let attributes = event.attributes.iter_mut().chain(event.objects.iter_mut().flat_map(|object| &mut object.attributes));
        for attribute in attributes {
            if let Some(seen) = attribute.uuid.as_deref().and_then(|uuid| of.remove(uuid)) {
                attribute.sightings.extend(seen);
            }
        }
    }

    /// Observables that an observed-data (or another observable) refers to: they are not read for themselves.
    fn observed(&self) -> BTreeMap<&'a str, ()> {
        let mut ids = BTreeMap::new();
        for one in self.objects.iter().filter_map(Value::as_object) {
            if matches!(kind(one), "report" | "grouping" | "relationship" | "sighting" | "note" | "opinion") {
                continue;
            }
            for (key, value) in one {
                match value {
                    Value::String(id) if key.ends_with("_ref") => drop(ids.insert(id.as_str(), ())),
                    Value::Array(list) if key.ends_with("_refs") => ids.extend(list.iter().filter_map(Value::as_str).map(|id| (id, ()))),
                    _ => {}
                }
            }
        }
        ids
    }

    fn event(&self, report: Option<&Members>) -> Result<Event<'static>, Error> {
        let Some(report) = report else {
            let author = self.objects.iter().filter_map(Value::as_object).find_map(|one| text(one, "created_by_ref"));
            return Ok(Event { orgc: author.and_then(|id| self.organisation(id)), ..Event::default() });
        };
        let kept = kept::<Event<'_>>(report, "x_misp_event")?.map(Event::into_owned);
        let ours = kept.is_some();
        let mut event = kept.unwrap_or_default();
        said(&mut event.uuid, &event.more, "uuid", || uuid_of(report));
        said(&mut event.timestamp, &event.more, "timestamp", || report.get("modified").and_then(seconds).map(|at| at.to_string()));
        said(&mut event.info, &event.more, "info", || text(report, "name").map(str::to_owned));
        for one in &mut event.reports {
            let note = one.uuid.as_deref().and_then(|uuid| self.find(&format!("note--{uuid}")));
            if let (None, Some(note)) = (&one.content, note) {
                one.content = text(note, "content").map(|text| text.to_owned().into());
            }
        }
        if !ours {
            event.published = Some((kind(report) == "report").into());
            event.date = text(report, "created").and_then(|at| at.get(..10)).map(|date| date.to_owned().into());
            event.orgc = text(report, "created_by_ref").and_then(|id| self.organisation(id));
            event.tags = tags(report);
        }
        Ok(event)
    }

    fn organisation(&self, id: &str) -> Option<Box<Organisation<'static>>> {
        let identity = self.find(id)?;
        let name = text(identity, "name").map(|name| name.to_owned().into());
        Some(Box::new(Organisation { uuid: uuid_of(identity).map(Cow::Owned), name, ..Organisation::default() }))
    }

    fn object(&self, one: &'a Members, report: Option<&Members>, observed: &BTreeMap<&str, ()>, read: &mut Read) -> Result<(), Error> {
        let id = text(one, "id").unwrap_or_default();
        if one.contains_key("x_misp_object") || kind(one) == "x-misp-object" {
            read.event.objects.push(self.misp_object(one)?);
            return Ok(());
        }
        if one.contains_key("x_misp_attribute") || kind(one) == "x-misp-attribute" || labelled(one, "type").is_some() {
            read.event.attributes.push(self.misp_attribute(one)?);
            return Ok(());
        }
        if labelled(one, "name").is_some() && labelled(one, "meta-category").is_some() && matches!(kind(one), "indicator" | "observed-data")
        {
            read.event.objects.push(self.misp_object(one)?);
            return Ok(());
        }
        match kind(one) {
            "indicator" => self.foreign_indicator(one, read),
            "observed-data" => {
                let terms = self.observed_terms(one);
                self.foreign_values(one, terms, false, read);
            }
            "vulnerability" if labelled(one, "galaxy-type").is_none() => {
                let name = text(one, "name").unwrap_or_default();
                let kind = if value::read("vulnerability", name).is_ok() { "vulnerability" } else { "text" };
                read.event.attributes.push(plain(one, kind, name, Some(false)));
            }
            "malware" | "threat-actor" | "intrusion-set" | "attack-pattern" | "tool" | "course-of-action" | "campaign"
            | "vulnerability" => {
                // Ours ride whole with the event.
                if labelled(one, "galaxy-type").is_none()
                    && let Some(name) = text(one, "name")
                {
                    read.event.tags.push(Tag::named(format!("misp-galaxy:{}=\"{}\"", kind(one), name.replace('"', "'"))));
                }
            }
            "identity" if report.is_some_and(|report| text(report, "created_by_ref") == Some(id)) || observed.contains_key(id) => {}
            "marking-definition" | "relationship" | "sighting" | "extension-definition" | "language-content" => {}
            "opinion" if labelled(one, "sighting-type").is_some() => {}
            "note" if read.event.reports.iter().any(|report| report.content.as_deref() == text(one, "content")) => {}
            "report" | "grouping" if report.is_some_and(|report| text(report, "id") == Some(id)) => {}
            _ => {
                let terms = said_by(one, &|id| self.find(id));
                let has_place = terms.iter().any(|(path, _)| paths::type_at(path).is_some());
                if observed.contains_key(id) {
                } else if has_place {
                    self.foreign_values(one, terms, false, read);
                } else {
                    read.left.push(id.to_owned());
                }
            }
        }
        Ok(())
    }

    fn observed_terms(&self, one: &Members) -> Vec<(String, String)> {
        let refs = one.get("object_refs").and_then(Value::as_array).into_iter().flatten();
        let objects: Vec<&Members> = refs.filter_map(|id| self.find(id.as_str()?)).collect();
        // What another one refers to is said by that one.
        let mut referred: BTreeMap<&str, ()> = BTreeMap::new();
        for object in &objects {
            for (key, value) in *object {
                match value {
                    Value::String(id) if key.ends_with("_ref") => drop(referred.insert(id, ())),
                    Value::Array(list) if key.ends_with("_refs") => {
                        referred.extend(list.iter().filter_map(Value::as_str).map(|id| (id, ())))
                    }
                    _ => {}
                }
            }
        }
        let alone = objects.into_iter().filter(|object| text(object, "id").is_none_or(|id| !referred.contains_key(id)));
        alone.flat_map(|object| said_by(object, &|id| self.find(id))).collect()
    }

    /// The values that an object of ours says.
    fn terms(&self, one: &Members) -> Vec<(String, String)> {
        match kind(one) {
            "indicator" => {
                let terms = paths::terms(text(one, "pattern").unwrap_or_default()).unwrap_or_default();
                terms.into_iter().filter(|(path, _)| !path.ends_with("_ref.type")).collect()
            }
            "observed-data" => self.observed_terms(one),
            _ => Vec::new(),
        }
    }

    fn misp_attribute(&self, one: &Members) -> Result<Attribute<'static>, Error> {
        let mut attribute = kept::<Attribute<'_>>(one, "x_misp_attribute")?.unwrap_or_default().into_owned();
        attribute.kind = labelled(one, "type").map(|text| text.to_owned().into());
        attribute.category = labelled(one, "category").map(|text| text.to_owned().into());
        attribute.to_ids = labelled(one, "to_ids").map(|text| (text == "True").into());
        let kind_ = attribute.kind.as_deref().unwrap_or_default();
        said(&mut attribute.uuid, &attribute.more, "uuid", || uuid_of(one));
        said(&mut attribute.timestamp, &attribute.more, "timestamp", || one.get("modified").and_then(seconds).map(|at| at.to_string()));
        if attribute.comment.is_none()
            && let Some(comment) = text(one, "description")
        {
            attribute.comment = Some(comment.to_owned().into());
        }
        let value = match kind(one) {
            "x-misp-attribute" => text(one, "x_misp_value").map(str::to_owned),
            "vulnerability" => text(one, "name").map(str::to_owned),
            "indicator" if matches!(kind_, "yara" | "sigma" | "snort" | "suricata" | "stix2-pattern") => {
                text(one, "pattern").map(str::to_owned)
            }
            _ => {
                let values: Vec<String> = self.terms(one).into_iter().map(|(_, value)| value).collect();
                // Observables say their properties in an order of their own.
                let ordered = if kind(one) == "observed-data" { self.in_order(kind_, one) } else { values };
                (!ordered.is_empty()).then(|| ordered.join("|"))
            }
        };
        said(&mut attribute.value, &attribute.more, "value", || value);
        Ok(attribute)
    }

    fn in_order(&self, kind: &str, one: &Members) -> Vec<String> {
        let terms = self.observed_terms(one);
        let mut parts: Vec<&str> = kind.split('|').collect();
        if kind == "malware-sample" {
            parts = vec!["filename", "md5"];
        }
        let found = parts.iter().filter_map(|part| {
            let path = match (kind, *part) {
                ("domain|ip", "ip") => "domain-name:resolves_to_refs[*].value",
                ("hostname|port", "hostname") => "network-traffic:dst_ref.value",
                ("ip-src|port", "port") => "network-traffic:src_port",
                (_, "value") => "windows-registry-key:values[0].data",
                (_, part) => paths::of_type(part)?,
            };
            terms.iter().find(|(at, _)| at == path).map(|(_, value)| value.clone())
        });
        found.collect()
    }

    fn misp_object(&self, one: &Members) -> Result<Object<'static>, Error> {
        let mut object = kept::<Object<'_>>(one, "x_misp_object")?.unwrap_or_default().into_owned();
        object.name = labelled(one, "name").map(|text| text.to_owned().into());
        object.meta_category = labelled(one, "meta-category").map(|text| text.to_owned().into());
        said(&mut object.uuid, &object.more, "uuid", || uuid_of(one));
        said(&mut object.timestamp, &object.more, "timestamp", || one.get("modified").and_then(seconds).map(|at| at.to_string()));
        if object.comment.is_none()
            && let Some(comment) = text(one, "description")
        {
            object.comment = Some(comment.to_owned().into());
        }
        let name = object.name.as_deref().unwrap_or_default();
        let mut values: BTreeMap<&str, VecDeque<String>> = BTreeMap::new();
        for (path, value) in self.terms(one) {
            if let Some(path) = paths::known(&path) {
                values.entry(path).or_default().push_back(value);
            }
        }
        for attribute in object.attributes.iter_mut().filter(|one| one.value.is_none() && one.more.get("value").is_none()) {
            let relation = attribute.object_relation.as_deref().unwrap_or_default();
            let value = match (kind(one), name, relation) {
                ("vulnerability", "vulnerability", "id") | ("identity", "victim", "name") => text(one, "name").map(str::to_owned),
                _ => paths::of_relation(name, relation).and_then(|path| values.get_mut(path)?.pop_front()),
            };
            attribute.value = value.map(Cow::Owned);
        }
        Ok(object)
    }

    fn foreign_indicator(&self, one: &Members, read: &mut Read) {
        let pattern = text(one, "pattern").unwrap_or_default();
        let rule = match text(one, "pattern_type").unwrap_or("stix") {
            "stix" => None,
            rule @ ("yara" | "sigma" | "snort" | "suricata") => Some(rule),
            _ => Some("text"),
        };
        let terms = paths::terms(pattern).filter(|_| rule.is_none());
        let understood = terms.filter(|terms| terms.iter().all(|(path, _)| paths::type_at(path).is_some() || path.ends_with("_ref.type")));
        match understood {
            Some(terms) => self.foreign_values(one, terms, true, read),
            None => read.event.attributes.push(plain(one, rule.unwrap_or("stix2-pattern"), pattern, Some(rule != Some("text")))),
        }
    }

    /// Each value that MISP has a type for; the first has the UUID of the object.
    fn foreign_values(&self, one: &Members, terms: Vec<(String, String)>, to_ids: bool, read: &mut Read) {
        let id = text(one, "id").unwrap_or_default();
        let mut count = 0;
        for (path, said) in terms {
            let Some(kind) = paths::type_at(&path) else { continue };
            let kind = if value::read(kind, &said).is_ok() { kind } else { "text" };
            let mut attribute = plain(one, kind, &said, Some(to_ids));
            if count > 0 {
                attribute.uuid = Some(derived(&format!("{id} {count}")).to_string().into());
            }
            count += 1;
            read.event.attributes.push(attribute);
        }
        if count == 0 {
            read.left.push(id.to_owned());
        }
    }
}

/// An attribute of what somebody else wrote.
fn plain(one: &Members, kind: &str, said: &str, to_ids: Option<bool>) -> Attribute<'static> {
    let mut attribute = Attribute::new(kind.to_owned(), said.to_owned());
    attribute.uuid = uuid_of(one).map(Cow::Owned);
    attribute.to_ids = to_ids.map(Into::into);
    attribute.timestamp = one.get("modified").and_then(seconds).map(|at| at.to_string().into());
    attribute.comment =
        text(one, "description").or_else(|| text(one, "name").filter(|name| *name != said)).map(|text| text.to_owned().into());
    attribute.first_seen = text(one, "valid_from").or_else(|| text(one, "first_observed")).map(|text| text.to_owned().into());
    attribute.last_seen = text(one, "valid_until").or_else(|| text(one, "last_observed")).map(|text| text.to_owned().into());
    attribute.tags = tags(one);
    attribute
}

/// Labels are tags, and so are TLP markings.
fn tags(one: &Members) -> Vec<Tag<'static>> {
    let list = |key: &str| one.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let markings = list("object_marking_refs").filter_map(tlp_of).map(|tlp| tlp.tag().to_owned());
    let mut names: Vec<String> = list("labels").filter(|label| !label.starts_with("misp:")).map(str::to_owned).collect();
    for name in markings {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.into_iter().map(Tag::named).collect()
}

fn kind(one: &Members) -> &str {
    text(one, "type").unwrap_or_default()
}

fn text<'a>(one: &'a Members, key: &str) -> Option<&'a str> {
    one.get(key)?.as_str()
}

fn uuid_of(one: &Members) -> Option<String> {
    let (_, uuid) = text(one, "id")?.rsplit_once("--")?;
    uuid::Uuid::try_parse(uuid).ok().map(|uuid| uuid.to_string())
}

/// A field that the object says, unless it was kept, or is known to have been absent.
fn said(field: &mut Option<Cow<'static, str>>, more: &More<'_>, key: &str, from: impl FnOnce() -> Option<String>) {
    match field.as_deref() {
        Some(ABSENT) => *field = None,
        Some(_) => {}
        None if more.get(key).is_some() => {}
        None => *field = from().map(Cow::Owned),
    }
}

fn kept<'a, T: serde::Deserialize<'a>>(one: &'a Members, key: &'static str) -> Result<Option<T>, Error> {
    let Some(value) = one.get(key) else { return Ok(None) };
    T::deserialize(value).map(Some).map_err(|error| Error::Kept {
        id: text(one, "id").unwrap_or_default().chars().take(120).collect(),
        key,
        reason: error.to_string(),
    })
}
