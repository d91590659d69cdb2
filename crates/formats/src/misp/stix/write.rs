//! A MISP event as STIX objects: identity, markings, one object for each attribute and object, relationships, and the report that holds them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::observables::Observables;
use super::paths::{self, Term};
use super::{definition, derived, galaxy_type, label, marking, time};
use crate::misp::event::{Attribute, Event, Galaxy, Object, Sighting, Tag, seconds};
use crate::misp::record::Without as _;
use crate::misp::tag::{self, Tlp};
use crate::misp::{Flag, value};

/// The objects of the bundle that [`super::to_bundle`] makes, the report or grouping last.
///
/// ```
/// let event = formats::misp::Event { info: Some("x".into()), ..Default::default() };
/// let types: Vec<_> = formats::misp::stix::to_objects(&event).iter().map(|one| one["type"].as_str().unwrap().to_owned()).collect();
/// assert_eq!(types, ["identity", "grouping"]);
/// ```
pub fn to_objects(event: &Event<'_>) -> Vec<Value> {
    let mut out = Out::new(event);
    for attribute in &event.attributes {
        out.attribute(attribute);
    }
    for object in &event.objects {
        out.object(object);
    }
    for object in &event.objects {
        out.references(object);
    }
    out.finish()
}

struct Out<'a> {
    event: &'a Event<'a>,
    /// When the event changed: what says no time of its own changed then.
    changed: i64,
    author: String,
    objects: Vec<Value>,
    observables: Observables,
    /// What the report refers to, in order.
    refs: Vec<Value>,
    ids: BTreeSet<Uuid>,
    /// STIX id of what has a UUID in MISP.
    by_uuid: BTreeMap<&'a str, String>,
    clusters: BTreeSet<String>,
    /// Observables that the report refers to already; all else is referred to once anyway.
    observed: BTreeSet<String>,
    markings: BTreeSet<Tlp>,
    relations: Vec<Value>,
}

/// What all objects have: id, times, author, markings.
struct Head {
    object: Map<String, Value>,
    id: String,
    /// The UUID is the one of MISP.
    uuid_said: bool,
    /// `modified` is the timestamp of MISP.
    time_said: bool,
}

impl<'a> Out<'a> {
    fn new(event: &'a Event<'a>) -> Self {
        let org = event.orgc.as_deref();
        let name = org.and_then(|org| org.name.as_deref()).filter(|name| !name.is_empty()).unwrap_or("unknown");
        let uuid =
            org.and_then(|org| Uuid::try_parse(org.uuid.as_deref()?).ok()).unwrap_or_else(|| derived(&format!("organisation {name}")));
        let changed = seconds(event.timestamp.as_deref()).unwrap_or(0);
        let author = format!("identity--{uuid}");
        // The same for every event of this author, so that it is one object wherever it arrives.
        let identity = json!({
            "type": "identity", "spec_version": "2.1", "id": author, "created": "1970-01-01T00:00:00.000Z", "modified": "1970-01-01T00:00:00.000Z",
            "name": name, "identity_class": "organization",
        });
        Self {
            event,
            changed,
            author,
            objects: vec![identity],
            observables: Observables::default(),
            refs: Vec::with_capacity(event.attributes.len() + event.objects.len() + 1),
            ids: BTreeSet::new(),
            by_uuid: BTreeMap::new(),
            clusters: BTreeSet::new(),
            observed: BTreeSet::new(),
            markings: BTreeSet::new(),
            relations: Vec::new(),
        }
    }

    fn head(&mut self, kind: &str, uuid: Option<&str>, timestamp: Option<&str>, tags: &[Tag<'_>], salt: &str) -> Head {
        let own = uuid.and_then(|text| Uuid::try_parse(text).ok());
        let free = own.is_some_and(|own| !self.ids.contains(&own));
        let uuid_said = free && own.is_some_and(|own| uuid == Some(own.to_string().as_str()));
        let id = match own {
            Some(own) if free => own,
            // A second one with this UUID, or one that has none.
            _ => derived(&format!("{} {} {salt}", self.event.uuid.as_deref().unwrap_or_default(), self.ids.len())),
        };
        self.ids.insert(id);
        let id = format!("{kind}--{id}");
        let own_time = seconds(timestamp).and_then(|at| Some((at, time(at)?)));
        let time_said = own_time.as_ref().is_some_and(|(at, _)| timestamp == Some(at.to_string().as_str()));
        let at = own_time.map(|(_, text)| text).or_else(|| time(self.changed)).unwrap_or_else(|| "1970-01-01T00:00:00.000Z".to_owned());
        let mut object = Map::with_capacity(14);
        object.insert("type".to_owned(), kind.into());
        object.insert("spec_version".to_owned(), "2.1".into());
        object.insert("id".to_owned(), id.as_str().into());
        object.insert("created_by_ref".to_owned(), self.author.as_str().into());
        object.insert("created".to_owned(), at.as_str().into());
        object.insert("modified".to_owned(), at.into());
        if let Some(tlp) = Tlp::strictest(tag::names(tags)) {
            self.markings.insert(tlp);
            object.insert("object_marking_refs".to_owned(), json!([marking(tlp)]));
        }
        Head { object, id, uuid_said, time_said }
    }

    fn attribute(&mut self, attribute: &'a Attribute<'a>) {
        let kind = attribute.kind.as_deref().unwrap_or_default();
        let text = attribute.value.as_deref().unwrap_or_default();
        let for_detection = attribute.is_for_detection() && !attribute.is_deleted();
        let spelled = full_key(kind, text);
        let rule = rule_type(kind).filter(|rule| for_detection && !text.is_empty() && (*rule != "stix" || paths::terms(text).is_some()));
        let terms = if rule.is_some() { None } else { terms_of(kind, &spelled).filter(|terms| for_detection || observable(terms)) };
        let stix = match (&terms, rule) {
            (_, Some(_)) => "indicator",
            (Some(_), None) if for_detection => "indicator",
            (Some(_), None) => "observed-data",
            (None, None) if kind == "vulnerability" && value::read(kind, text).is_ok() => "vulnerability",
            (None, None) => "x-misp-attribute",
        };
        let Head { mut object, id, uuid_said, time_said } =
            self.head(stix, attribute.uuid.as_deref(), attribute.timestamp.as_deref(), &attribute.tags, text);
        let labels =
            labels(&[("type", attribute.kind.as_deref()), ("category", attribute.category.as_deref())], attribute.to_ids, &attribute.tags);
        object.insert("labels".to_owned(), labels);
        let described = attribute.comment.as_deref().is_some_and(|comment| !comment.is_empty()) && stix != "observed-data";
        if described {
            object.insert("description".to_owned(), attribute.comment.as_deref().into());
        }
        let seen = Seen { first: attribute.first_seen.as_deref(), last: attribute.last_seen.as_deref() };
        match stix {
            "indicator" => {
                let pattern = terms.as_deref().map_or_else(|| text.to_owned(), paths::pattern);
                detect(&mut object, pattern, rule.unwrap_or("stix"), kind, text, &seen);
            }
            "observed-data" => {
                let refs = self.observables.say(terms.as_deref().unwrap_or_default());
                observe(&mut object, refs.clone(), &seen);
                self.refs.extend(refs.into_iter().filter(|id| self.observed.insert(id.as_str().unwrap_or_default().to_owned())));
            }
            "vulnerability" => {
                object.insert("name".to_owned(), text.into());
                if text.starts_with("CVE-") {
                    object.insert("external_references".to_owned(), json!([{"source_name": "cve", "external_id": text}]));
                }
            }
            _ => {
                object.insert("x_misp_value".to_owned(), text.into());
            }
        }
        let value_said = !(terms.is_some() && *spelled != *text);
        let rest = attribute.without(&leave_out(
            ["type", "category", "to_ids"],
            [("uuid", uuid_said), ("timestamp", time_said), ("value", value_said), ("comment", described)],
        ));
        let absent =
            [("uuid", attribute.uuid.is_none()), ("timestamp", attribute.timestamp.is_none()), ("value", attribute.value.is_none())];
        keep(&mut object, "x_misp_attribute", rest, &absent);
        self.add(object, &id, attribute.uuid.as_deref());
        for galaxy in &attribute.galaxies {
            self.galaxy(galaxy, Some(&id));
        }
        for sighting in &attribute.sightings {
            self.sighting(sighting, &id);
        }
    }

    fn object(&mut self, misp: &'a Object<'a>) {
        let name = misp.name.as_deref().unwrap_or_default();
        let for_detection =
            misp.attributes.iter().any(|one| one.is_for_detection() && !one.is_deleted()) && !misp.deleted.is_some_and(Flag::on);
        let mut terms: Vec<Term> = Vec::new();
        let mut said = vec![false; misp.attributes.len()];
        for (said, attribute) in said.iter_mut().zip(&misp.attributes) {
            let relation = attribute.object_relation.as_deref().unwrap_or_default();
            let (Some(path), Some(text)) = (paths::of_relation(name, relation), attribute.value.as_deref()) else { continue };
            let spelled = full_key(attribute.kind.as_deref().unwrap_or_default(), text);
            let taken = terms.iter().any(|(other, value)| *other == path && (!path.contains("[*]") || value == text));
            if !taken && sayable(path, attribute.kind.as_deref().unwrap_or_default(), &spelled) && !attribute.is_deleted() {
                *said = *spelled == *text;
                terms.push((path, spelled.into_owned()));
            }
        }
        if !complete(&terms) || !(for_detection || observable(&terms)) {
            terms.clear();
            said.fill(false);
        }
        let whose = |relation: &str| {
            misp.attributes
                .iter()
                .position(|one| one.object_relation.as_deref() == Some(relation) && one.value.as_deref().is_some_and(|v| !v.is_empty()))
        };
        let named = match name {
            "vulnerability" => whose("id"),
            "victim" => whose("name"),
            _ => None,
        };
        let stix = match (name, named, terms.is_empty(), for_detection) {
            ("vulnerability", Some(_), ..) => "vulnerability",
            ("victim", Some(_), ..) => "identity",
            (_, _, false, true) => "indicator",
            (_, _, false, false) => "observed-data",
            (_, _, true, _) => "x-misp-object",
        };
        let Head { mut object, id, uuid_said, time_said } = self.head(stix, misp.uuid.as_deref(), misp.timestamp.as_deref(), &[], name);
        object.insert(
            "labels".to_owned(),
            labels(&[("name", misp.name.as_deref()), ("meta-category", misp.meta_category.as_deref())], Some(for_detection.into()), &[]),
        );
        let described = misp.comment.as_deref().is_some_and(|comment| !comment.is_empty()) && stix != "observed-data";
        if described {
            object.insert("description".to_owned(), misp.comment.as_deref().into());
        }
        let seen = Seen { first: misp.first_seen.as_deref(), last: misp.last_seen.as_deref() };
        match stix {
            "indicator" => detect(&mut object, paths::pattern(&terms), "stix", name, "", &seen),
            "observed-data" => {
                let refs = self.observables.say(&terms);
                observe(&mut object, refs.clone(), &seen);
                self.refs.extend(refs.into_iter().filter(|id| self.observed.insert(id.as_str().unwrap_or_default().to_owned())));
            }
            "vulnerability" | "identity" => {
                let text = named.and_then(|at| misp.attributes[at].value.as_deref()).unwrap_or_default();
                object.insert("name".to_owned(), text.into());
                if stix == "identity" {
                    object.insert("identity_class".to_owned(), "organization".into());
                } else if text.starts_with("CVE-") {
                    object.insert("external_references".to_owned(), json!([{"source_name": "cve", "external_id": text}]));
                }
                if let Some(at) = named {
                    said.fill(false);
                    said[at] = true;
                }
            }
            _ => {}
        }
        if matches!(stix, "x-misp-object") {
            object.insert("x_misp_name".to_owned(), if name.is_empty() { "unknown".into() } else { name.into() });
        }
        let mut rest = misp.without(&leave_out(
            ["name", "meta-category", "Attribute"],
            [("uuid", uuid_said), ("timestamp", time_said), ("comment", described), ("", false)],
        ));
        if !misp.attributes.is_empty() {
            let parts = misp.attributes.iter().zip(&said);
            let parts = parts.map(|(one, said)| Value::Object(one.without(if *said { &["value"] } else { &[] })));
            rest.insert("Attribute".to_owned(), parts.collect());
        }
        keep(&mut object, "x_misp_object", rest, &[("uuid", misp.uuid.is_none()), ("timestamp", misp.timestamp.is_none())]);
        for attribute in &misp.attributes {
            if let Some(uuid) = attribute.uuid.as_deref() {
                self.by_uuid.entry(uuid).or_insert_with(|| id.clone());
            }
        }
        self.add(object, &id, misp.uuid.as_deref());
        for attribute in &misp.attributes {
            for galaxy in &attribute.galaxies {
                self.galaxy(galaxy, Some(&id));
            }
            for sighting in &attribute.sightings {
                self.sighting(sighting, &id);
            }
        }
    }

    /// What an object points to; the reference itself rides with the object.
    fn references(&mut self, misp: &'a Object<'a>) {
        for reference in &misp.references {
            let from = misp.uuid.as_deref().and_then(|uuid| self.by_uuid.get(uuid)).cloned();
            let to = reference.referenced_uuid.as_deref().and_then(|uuid| self.by_uuid.get(uuid)).cloned();
            let (Some(from), Some(to)) = (from, to) else { continue };
            if from != to {
                let uuid = reference.uuid.as_deref();
                self.relation(
                    &from,
                    reference.relationship_type.as_deref().unwrap_or("related-to"),
                    &to,
                    uuid,
                    reference.timestamp.as_deref(),
                );
            }
        }
    }

    fn relation(&mut self, from: &str, kind: &str, to: &str, uuid: Option<&str>, timestamp: Option<&str>) {
        let kind: String = kind.to_ascii_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(250).collect();
        let Head { mut object, .. } = self.head("relationship", uuid, timestamp, &[], &format!("{from} {to} {kind}"));
        object.insert("relationship_type".to_owned(), if kind.is_empty() { "related-to".into() } else { kind.into() });
        object.insert("source_ref".to_owned(), from.into());
        object.insert("target_ref".to_owned(), to.into());
        self.refs.push(object["id"].clone());
        self.relations.push(Value::Object(object));
    }

    /// Each actor, tool or technique once; the whole of it rides with the event or attribute.
    fn galaxy(&mut self, galaxy: &Galaxy<'_>, of: Option<&str>) {
        for cluster in &galaxy.clusters {
            let kind = cluster.kind.as_deref().or(galaxy.kind.as_deref()).unwrap_or_default();
            let (Some(stix), Some(name)) = (galaxy_type(kind), cluster.value.as_deref().filter(|name| !name.is_empty())) else { continue };
            let uuid = cluster.uuid.as_deref().and_then(|uuid| Uuid::try_parse(uuid).ok());
            let id = format!("{stix}--{}", uuid.unwrap_or_else(|| derived(&format!("{kind} {name}"))));
            if self.clusters.insert(id.clone()) {
                let mut object = json!({
                    "type": stix, "spec_version": "2.1", "id": id, "created": "1970-01-01T00:00:00.000Z", "modified": "1970-01-01T00:00:00.000Z",
                    "name": name, "labels": [label("galaxy-type", kind)],
                });
                if let Some(about) = cluster.description.as_deref().filter(|about| !about.is_empty()) {
                    object["description"] = about.into();
                }
                if stix == "malware" {
                    object["is_family"] = true.into();
                }
                self.refs.push(id.as_str().into());
                self.objects.push(object);
            }
            if let Some(of) = of {
                let kind = if of.starts_with("indicator--") { "indicates" } else { "related-to" };
                self.relation(of, kind, &id, None, None);
            }
        }
    }

    /// Seen is a sighting, a false positive an opinion; an expiry has no word in STIX. The whole rides with the attribute.
    fn sighting(&mut self, sighting: &Sighting<'_>, of: &str) {
        let kind = sighting.kind.as_deref().unwrap_or("0");
        let stix = match kind {
            "0" | "3" => "sighting",
            "1" => "opinion",
            _ => return,
        };
        let at = sighting.date_sighting.as_deref();
        let Head { mut object, .. } = self.head(stix, sighting.uuid.as_deref(), at, &[], &format!("{of} {}", at.unwrap_or_default()));
        object.insert("labels".to_owned(), json!([label("sighting-type", kind)]));
        if stix == "sighting" {
            if at.is_some() {
                let seen = object["modified"].clone();
                object.insert("first_seen".to_owned(), seen.clone());
                object.insert("last_seen".to_owned(), seen);
            }
            object.insert("count".to_owned(), 1.into());
            object.insert("sighting_of_ref".to_owned(), of.into());
        } else {
            object.insert("opinion".to_owned(), "strongly-disagree".into());
            object.insert("object_refs".to_owned(), json!([of]));
        }
        self.refs.push(object["id"].clone());
        self.relations.push(Value::Object(object));
    }

    fn add(&mut self, object: Map<String, Value>, id: &str, uuid: Option<&'a str>) {
        if let Some(uuid) = uuid {
            self.by_uuid.entry(uuid).or_insert_with(|| id.to_owned());
        }
        self.refs.push(id.into());
        self.objects.push(Value::Object(object));
    }

    fn finish(mut self) -> Vec<Value> {
        let event = self.event;
        for galaxy in &event.galaxies {
            self.galaxy(galaxy, None);
        }
        let published = event.published.is_some_and(Flag::on);
        let kind = if published { "report" } else { "grouping" };
        // The report may bear the UUID of something within it only by mistake, but it is the one that keeps it.
        if let Some(uuid) = event.uuid.as_deref().and_then(|uuid| Uuid::try_parse(uuid).ok()) {
            self.ids.remove(&uuid);
        }
        let Head { mut object, id, uuid_said, time_said } =
            self.head(kind, event.uuid.as_deref(), event.timestamp.as_deref(), &event.tags, "event");
        let info = event.info.as_deref().unwrap_or_default();
        object.insert("name".to_owned(), if info.is_empty() { "MISP event".into() } else { info.into() });
        let modified = object["modified"].clone();
        if published {
            let at = seconds(event.publish_timestamp.as_deref()).filter(|at| *at > 0).and_then(time);
            object.insert("published".to_owned(), at.map_or(modified, Value::from));
        } else {
            object.insert("context".to_owned(), "suspicious-activity".into());
        }
        let names: Vec<Value> = tag::names(&event.tags).filter(|name| !name.is_empty()).map(Value::from).collect();
        if !names.is_empty() {
            object.insert("labels".to_owned(), Value::Array(names));
        }
        // Whose content is found again by the UUID of the note.
        let mut noted = vec![false; event.reports.len()];
        for (report, noted) in event.reports.iter().zip(&mut noted) {
            let content = report.content.as_deref().unwrap_or_default();
            if content.is_empty() {
                continue;
            }
            let Head { mut object, id: note, uuid_said, .. } =
                self.head("note", report.uuid.as_deref(), report.timestamp.as_deref(), &[], content);
            if let Some(name) = report.name.as_deref().filter(|name| !name.is_empty()) {
                object.insert("abstract".to_owned(), name.into());
            }
            object.insert("content".to_owned(), content.into());
            *noted = uuid_said;
            object.insert("object_refs".to_owned(), json!([id]));
            self.refs.push(note.into());
            self.objects.push(Value::Object(object));
        }
        let mut refs = std::mem::take(&mut self.refs);
        if refs.is_empty() {
            refs.push(self.author.as_str().into());
        }
        object.insert("object_refs".to_owned(), Value::Array(refs));
        let mut rest = event.without(&leave_out(
            ["Attribute", "Object", "EventReport"],
            [("uuid", uuid_said), ("timestamp", time_said), ("info", !info.is_empty()), ("", false)],
        ));
        if !event.reports.is_empty() {
            let reports = event.reports.iter().zip(&noted);
            let reports = reports.map(|(report, noted)| Value::Object(report.without(if *noted { &["content"] } else { &[] })));
            rest.insert("EventReport".to_owned(), reports.collect());
        }
        let absent = [("uuid", event.uuid.is_none()), ("timestamp", event.timestamp.is_none()), ("info", event.info.is_none())];
        keep(&mut object, "x_misp_event", rest, &absent);
        let mut all: Vec<Value> = self.markings.iter().map(|tlp| definition(*tlp)).collect();
        all.append(&mut self.objects);
        all.append(&mut self.observables.all);
        all.append(&mut self.relations);
        all.push(Value::Object(object));
        all
    }
}

struct Seen<'a> {
    first: Option<&'a str>,
    last: Option<&'a str>,
}

impl Seen<'_> {
    fn at(text: Option<&str>) -> Option<jiff::Timestamp> {
        crate::time::read(text?).map(|moment| moment.at)
    }
}

fn detect(object: &mut Map<String, Value>, pattern: String, kind: &str, name: &str, text: &str, seen: &Seen<'_>) {
    let from = Seen::at(seen.first).map_or_else(|| object["created"].clone(), |at| format!("{at:.3}").into());
    if !text.is_empty() && kind == "stix" {
        let short: String = text.chars().take(250).collect();
        object.insert("name".to_owned(), short.into());
    } else {
        object.insert("name".to_owned(), name.into());
    }
    object.insert("indicator_types".to_owned(), json!(["malicious-activity"]));
    object.insert("pattern".to_owned(), pattern.into());
    object.insert("pattern_type".to_owned(), kind.into());
    if kind == "stix" {
        object.insert("pattern_version".to_owned(), "2.1".into());
    }
    let until = Seen::at(seen.last).map(|at| format!("{at:.3}")).filter(|until| Some(until.as_str()) > from.as_str());
    object.insert("valid_from".to_owned(), from);
    if let Some(until) = until {
        object.insert("valid_until".to_owned(), until.into());
    }
}

fn observe(object: &mut Map<String, Value>, refs: Vec<Value>, seen: &Seen<'_>) {
    let first = Seen::at(seen.first).map_or_else(|| object["created"].clone(), |at| format!("{at:.3}").into());
    let last = Seen::at(seen.last).map(|at| format!("{at:.3}")).filter(|last| Some(last.as_str()) >= first.as_str());
    object.insert("last_observed".to_owned(), last.map_or_else(|| first.clone(), Value::from));
    object.insert("first_observed".to_owned(), first);
    object.insert("number_observed".to_owned(), 1.into());
    object.insert("object_refs".to_owned(), Value::Array(refs));
}

/// What it was in MISP, then its tags.
fn labels(texts: &[(&str, Option<&str>)], to_ids: Option<Flag>, tags: &[Tag<'_>]) -> Value {
    let mut all: Vec<Value> = texts.iter().filter_map(|(key, text)| Some(label(key, (*text)?))).collect();
    if let Some(to_ids) = to_ids {
        all.push(label("to_ids", if to_ids.on() { "True" } else { "False" }));
    }
    all.extend(tag::names(tags).filter(|name| !name.is_empty() && !name.starts_with("misp:")).map(Value::from));
    Value::Array(all)
}

/// Keys that are not kept: those that STIX always says, and those that it says this time.
fn leave_out(always: [&'static str; 3], said: [(&'static str, bool); 4]) -> Vec<&'static str> {
    always.into_iter().chain(said.into_iter().filter(|(_, is)| *is).map(|(key, _)| key)).collect()
}

/// Keeps what STIX has no words for; `absent` are keys that the object would otherwise seem to say.
fn keep(object: &mut Map<String, Value>, key: &str, mut kept: Map<String, Value>, absent: &[(&str, bool)]) {
    for (name, is) in absent {
        if *is && !kept.contains_key(*name) {
            kept.insert((*name).to_owned(), Value::from(ABSENT));
        }
    }
    if !kept.is_empty() {
        object.insert(key.to_owned(), Value::Object(kept));
    }
}

/// Stands for a key that MISP did not say: null is something that it can say.
pub(super) const ABSENT: &str = "x-misp-absent";

fn rule_type(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "yara" => "yara",
        "sigma" => "sigma",
        "snort" => "snort",
        "suricata" => "suricata",
        "stix2-pattern" => "stix",
        _ => return None,
    })
}

/// What a value says, by path; `None` when any part of it has no place, or is not what its type says.
fn terms_of(kind: &str, text: &str) -> Option<Vec<Term>> {
    let composite = kind.contains('|') || kind == "malware-sample";
    if composite
        && kind.split_once('|').is_none_or(|(_, right)| right != "value" || text.matches('|').count() == 1)
        && text.matches('|').count() != 1
    {
        return None;
    }
    let mut terms = Vec::with_capacity(2);
    for (part, value) in crate::misp::attribute_type::parts(kind, text) {
        let path = match (kind, part) {
            ("domain|ip", "ip") => "domain-name:resolves_to_refs[*].value",
            ("hostname|port", "hostname") => "network-traffic:dst_ref.value",
            ("ip-src|port", "port") => "network-traffic:src_port",
            _ => paths::of_type(part)?,
        };
        if !sayable(path, part, value) {
            return None;
        }
        terms.push((path, value.to_owned()));
    }
    (complete(&terms) && terms.len() == 1 + usize::from(composite)).then_some(terms)
}

const HIVES: [(&str, &str); 5] = [
    ("HKLM", "HKEY_LOCAL_MACHINE"),
    ("HKCU", "HKEY_CURRENT_USER"),
    ("HKCR", "HKEY_CLASSES_ROOT"),
    ("HKCC", "HKEY_CURRENT_CONFIG"),
    ("HKU", "HKEY_USERS"),
];

/// A registry key with its hive in full: STIX allows no other (§6.17.1). The value as it was then rides beside.
fn full_key<'a>(kind: &str, text: &'a str) -> Cow<'a, str> {
    if matches!(kind, "regkey" | "regkey|value")
        && let Some((root, rest)) = text.split_once('\\')
        && let Some((_, hive)) = HIVES.iter().find(|(short, _)| root.eq_ignore_ascii_case(short))
    {
        return Cow::Owned(format!("{hive}\\{rest}"));
    }
    Cow::Borrowed(text)
}

/// The value can be said and found again: it is what its type asks for, in the form in which it is kept.
fn sayable(path: &str, kind: &str, text: &str) -> bool {
    if text.is_empty() || text.contains(char::is_control) {
        return false;
    }
    if paths::is_number(path) {
        let number = text.parse::<u64>().ok();
        let most = if path.ends_with("_port") { 65_535 } else { i64::MAX.unsigned_abs() };
        return number.is_some_and(|number| number <= most && number.to_string() == text);
    }
    let kind = match kind {
        "ip" => "ip-dst",
        "regkey-value" => return true,
        other => other,
    };
    let normal = match value::read(kind, text) {
        Ok(normal) => normal == Cow::Borrowed(text),
        Err(_) => false,
    };
    let there = match path {
        "windows-registry-key:key" => !HIVES.iter().any(|(short, _)| text.contains(short) || text.contains(&short.to_lowercase())),
        "url:value" => text.contains("://"),
        _ if path.ends_with("ref.value") && path.starts_with("network-traffic") || path.ends_with("resolves_to_refs[*].value") => {
            matches!(kind, "ip-src" | "ip-dst" | "hostname" | "domain")
        }
        _ => true,
    };
    normal && there
}

/// A URL in an observable must be one by RFC 3986 §2; a pattern may ask for any text.
fn observable(terms: &[Term]) -> bool {
    let uri = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    terms.iter().all(|(path, value)| *path != "url:value" || value.bytes().all(uri))
}

/// An object of STIX can be made of these: traffic has an end, a certificate or file something that names it.
fn complete(terms: &[Term]) -> bool {
    let Some((first, _)) = terms.first() else { return false };
    match first.split_once(':').map_or("", |(root, _)| root) {
        "network-traffic" => terms.iter().any(|(path, _)| path.ends_with("_ref.value")),
        "domain-name" => terms.iter().any(|(path, _)| *path == "domain-name:value"),
        "file" => terms.iter().any(|(path, _)| *path == "file:name" || path.starts_with("file:hashes")),
        "windows-registry-key" => terms.iter().any(|(path, _)| *path == "windows-registry-key:key"),
        "autonomous-system" => terms.iter().any(|(path, _)| *path == "autonomous-system:number"),
        _ => true,
    }
}
