//! MISP events: the attributes and objects that are indicators become events, with the tags that say what they are.
//!
//! An attribute is an indicator when its author marked it for detection (`to_ids`) or when it stands in a category of what
//! an attacker uses; references, comments and other context describe the report, not a host, and stay in the evidence.

use std::io::Read;

use formats::rsit::Class;
use serde_json::Value;

use super::json_record::{self, Record, Shape, text_of};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::{Event, Severity, Side};
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct Misp;

impl Source for Misp {
    fn name(&self) -> &'static str {
        "misp"
    }

    fn about(&self) -> &'static str {
        "MISP events (export, feed, API answer), JSON"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let text = head.text();
        if !json_record::looks_like_json(head) {
            return Likelihood::No;
        }
        let has = |key| json_record::has_key(text, key);
        let event = has("Event") && (has("info") || has("Attribute") || has("threat_level_id"));
        let bare = has("Attribute") && has("to_ids") && has("category");
        if event || bare || (has("threat_level_id") && has("info")) { Likelihood::Certain } else { Likelihood::No }
    }

    fn read(&self, input: &mut dyn Read, context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        // An API answer holds many events under one key: each is read for itself, so that their sum has no limit.
        let start = context.head.text().trim_start().strip_prefix('{').unwrap_or_default().trim_start();
        let shape = if start.starts_with("\"response\"") { Shape::Members } else { Shape::Records };
        json_record::each_value(input, sink, shape, |value, out| {
            let Value::Object(members) = value else {
                return if shape == Shape::Records || out.listed { Err(format!("{value} is no MISP event").into()) } else { Ok(()) };
            };
            let mut outer = Record(members);
            let mut event = outer.object("Event").unwrap_or(outer);
            read_event(&mut event, out)
        })
    }
}

/// What the MISP event says of all that is in it.
struct Whole {
    tags: Vec<String>,
    uuid: Option<String>,
    info: Option<String>,
    author: Option<String>,
    malware: Option<String>,
    severity: Option<Severity>,
    date: Option<String>,
}

fn read_event(event: &mut Record, out: &mut json_record::Out<'_>) -> Result<(), json_record::Refusal> {
    let attributes = event.list("Attribute").unwrap_or_default();
    let objects = event.list("Object").unwrap_or_default();
    let whole = Whole {
        tags: tags_of(event),
        uuid: event.text("uuid"),
        info: event.text("info"),
        author: event.object("Orgc").and_then(|mut org| org.text("name")),
        malware: attributes
            .iter()
            .find(|a| a["category"] == "Payload type" && a["type"] == "text")
            .and_then(|a| a["value"].as_str())
            .map(str::to_owned),
        // MISP: 1 high, 2 medium, 3 low, 4 undefined
        severity: match event.text("threat_level_id").as_deref() {
            Some("1") => Some(Severity::High),
            Some("2") => Some(Severity::Medium),
            Some("3") => Some(Severity::Low),
            _ => None,
        },
        date: event.text("date"),
    };
    for attribute in attributes {
        let Value::Object(members) = attribute else {
            out.reject(format!("Attribute: {attribute} is no object"))?;
            continue;
        };
        let mut attribute = Record(members);
        if !is_indicator(&attribute) {
            continue;
        }
        let mut found = out.blank();
        match set_value(&mut attribute, &mut found) {
            Ok(()) => {
                describe(attribute, &whole, &mut found);
                out.event(found)?;
            }
            Err(reason) => out.reject(format!("Attribute: {reason}"))?,
        }
    }
    for object in objects {
        let Value::Object(members) = object else {
            out.reject(format!("Object: {object} is no object"))?;
            continue;
        };
        read_object(Record(members), &whole, out)?;
    }
    Ok(())
}

/// One thing described by several attributes: a file by its hashes, a domain with its addresses. What it names twice makes another event.
fn read_object(mut object: Record, whole: &Whole, out: &mut json_record::Out<'_>) -> Result<(), json_record::Refusal> {
    let name = object.text("name").unwrap_or_default();
    if object.0.get("deleted").is_some_and(|deleted| deleted == true) {
        return Ok(());
    }
    let mut found: Vec<(Event<'static>, Record)> = Vec::new();
    let mut said: Vec<(String, Value)> = Vec::new();
    for attribute in object.list("Attribute").unwrap_or_default() {
        let Value::Object(members) = attribute else { continue };
        let mut attribute = Record(members);
        let relation = attribute.str("object_relation").unwrap_or("value").to_owned();
        let marked = attribute.0.get("to_ids").is_some_and(|marked| marked == true);
        let victim = matches!(name.as_str(), "victim" | "corporate-asset" | "organization" | "person");
        if !is_indicator(&attribute) || (victim && !marked) {
            said.push((format!("misp.{name}.{relation}"), attribute.take("value").unwrap_or(Value::Null)));
            continue;
        }
        let mut event = out.blank();
        if let Err(reason) = set_value(&mut attribute, &mut event) {
            out.reject(format!("Object {name:?}: {reason}"))?;
        } else if let Some((first, _)) = found.iter_mut().find(|(first, _)| joins(first, &event)) {
            join(first, &mut event);
        } else {
            found.push((event, attribute));
        }
    }
    for (mut event, attribute) in found {
        for (key, value) in &said {
            json_record::keep(&mut event, key, value);
        }
        event.extra.str("misp.object", &name);
        describe(attribute, whole, &mut event);
        out.event(event)?;
    }
    Ok(())
}

/// They say nothing of the same field.
fn joins(one: &Event<'_>, other: &Event<'_>) -> bool {
    let (a, b) = (&one.source, &other.source);
    let apart = |said: bool, too: bool| !(said && too);
    let (mut ours, mut theirs) = (one.extra.clone(), other.extra.clone());
    let keys = |text: &str| serde_json::from_str::<serde_json::Map<String, Value>>(text).unwrap_or_default();
    let (ours, theirs) = (keys(ours.finish()), keys(theirs.finish()));
    apart(a.ip.is_some(), b.ip.is_some())
        && apart(a.fqdn.is_some(), b.fqdn.is_some())
        && apart(a.url.is_some(), b.url.is_some())
        && apart(a.port.is_some(), b.port.is_some())
        && apart(a.network.is_some(), b.network.is_some())
        && apart(a.asn.is_some(), b.asn.is_some())
        && theirs.keys().all(|key| !ours.contains_key(key))
}

fn join(one: &mut Event<'static>, other: &mut Event<'static>) {
    let (a, b) = (&mut one.source, &mut other.source);
    a.ip = a.ip.or(b.ip);
    a.port = a.port.or(b.port);
    a.network = a.network.or(b.network);
    a.asn = a.asn.or(b.asn);
    a.fqdn = a.fqdn.take().or(b.fqdn.take());
    a.url = a.url.take().or(b.url.take());
    if let Ok(said) = serde_json::from_str::<serde_json::Map<String, Value>>(other.extra.finish()) {
        for (key, value) in said {
            json_record::keep(one, &key, &value);
        }
    }
}

fn is_indicator(attribute: &Record) -> bool {
    if attribute.0.get("deleted").is_some_and(|deleted| deleted == true) {
        return false;
    }
    if attribute.0.get("to_ids").is_some_and(|marked| marked == true) {
        return true;
    }
    let used =
        matches!(attribute.str("category"), Some("Payload delivery" | "Artifacts dropped" | "Payload installation" | "Network activity"));
    used && attribute.str("type").is_some_and(|kind| {
        let kind = kind.split('|').next_back().unwrap_or(kind);
        matches!(kind, "ip-src" | "ip-dst" | "ip" | "port" | "domain" | "hostname" | "url" | "md5" | "sha1" | "sha256" | "email-src" | "AS")
    })
}

/// Reads the value as what its type says.
fn set_value(attribute: &mut Record, event: &mut Event<'static>) -> Result<(), String> {
    let kind = attribute.text("type").ok_or("type is missing")?;
    let value = attribute.text("value").ok_or("value is missing")?;
    let wrong = |expected: &str| format!("value: {value:?} is not {expected} (type {kind})");
    let mut set = |field: Field, text: &str| event.set(field, text.to_owned()).map_err(|invalid| wrong(invalid.expected));
    let (first, second) = value.split_once('|').unwrap_or((&value, ""));
    match kind.as_str() {
        "ip-src" | "ip-dst" if value.contains('/') => set(Field::Network(Side::Source), &value),
        "ip-src" | "ip-dst" => set(Field::Ip(Side::Source), &value),
        "ip-src|port" | "ip-dst|port" => {
            let (host, port) = if second.is_empty() { formats::value::split_port(&value) } else { (first, Some(second)) };
            set(Field::Ip(Side::Source), host)?;
            set(Field::Port(Side::Source), port.unwrap_or_default())
        }
        "domain" | "hostname" => set(Field::Fqdn(Side::Source), &value),
        "domain|ip" => {
            set(Field::Fqdn(Side::Source), first)?;
            set(Field::Ip(Side::Source), second)
        }
        "hostname|port" => {
            set(Field::Fqdn(Side::Source), first)?;
            set(Field::Port(Side::Source), second)
        }
        // many write a bare host, with or without a port and path, where the type says URL
        "url" if formats::value::url(&value).is_none() => {
            let host = value.split_once('/').map_or(value.as_str(), |(host, _)| host);
            event.set_host(Side::Source, host.to_owned()).map_err(|_| wrong("an absolute URL or a host"))?;
            if host != value {
                event.extra.str("misp.url", &value);
            }
            Ok(())
        }
        "url" => set(Field::Url(Side::Source), &value),
        "uri" if formats::value::url(&value).is_some() => set(Field::Url(Side::Source), &value),
        "port" => set(Field::Port(Side::Source), &value),
        "AS" => set(Field::Asn(Side::Source), &value),
        "uri" => {
            event.extra.str("source.urlpath", &value);
            Ok(())
        }
        "email" | "email-src" | "email-dst" => {
            event.extra.str("source.account", &value);
            Ok(())
        }
        "md5" | "sha1" | "sha256" | "malware-sample" | "filename|md5" | "filename|sha1" | "filename|sha256" => {
            let (file, hash) = if second.is_empty() { ("", first) } else { (first, second) };
            if formats::value::hash_kind(hash.trim()).is_none() {
                return Err(wrong("a hash"));
            }
            json_record::keep_hash(event, hash);
            if !file.is_empty() {
                event.extra.str("misp.filename", file);
            }
            Ok(())
        }
        "vulnerability" => {
            event.extra.str("product.vulnerabilities", &value);
            Ok(())
        }
        _ => {
            event.extra.str(&format!("misp.{kind}"), &value);
            Ok(())
        }
    }
}

fn describe(mut attribute: Record, whole: &Whole, event: &mut Event<'static>) {
    event.host_from_url(Side::Source);
    let mut tags = tags_of(&mut attribute);
    let own = tags.len();
    tags.extend(whole.tags.iter().filter(|tag| !tags.contains(tag)).cloned().collect::<Vec<_>>());
    for (at, tag) in tags.iter().enumerate() {
        read_tag(tag, at < own, event);
    }
    if event.malware.is_none()
        && let Some(name) = &whole.malware
    {
        let _ = event.set(Field::Malware, name.clone());
    }
    json_record::keep(event, "tags", &tags.into());
    event.severity = event.severity.or(whole.severity);
    if let Some(text) = attribute.text("timestamp").filter(|text| text != "0")
        && event.set(Field::Time, text.clone()).is_err()
    {
        event.extra.str("timestamp", &text);
    }
    if event.time.is_none()
        && let Some(date) = &whole.date
    {
        let _ = event.set_time_assuming_utc(date);
    }
    let said = [
        ("misp.event_uuid", &whole.uuid),
        ("misp.info", &whole.info),
        ("misp.author", &whole.author),
        ("misp.attribute_uuid", &attribute.text("uuid")),
        ("event_description.text", &attribute.text("category")),
    ];
    for (key, text) in said {
        if let Some(text) = text {
            event.extra.str(key, text);
        }
    }
    for key in ["comment", "to_ids", "first_seen", "last_seen", "object_relation"] {
        attribute.keep_as(event, key, &format!("misp.{key}"));
    }
}

/// Names of the tags, which the record then no longer has.
fn tags_of(record: &mut Record) -> Vec<String> {
    let mut names: Vec<String> = record.list("Tag").unwrap_or_default().iter().filter_map(|tag| text_of(&tag["name"])).collect();
    names.dedup();
    names
}

/// Machine tags that say what an event has a column for; those of the attribute come before those of the whole.
pub(super) fn read_tag(tag: &str, own: bool, event: &mut Event<'static>) {
    let lower = tag.to_ascii_lowercase();
    if lower.starts_with("tlp:") {
        // the strictest of several holds
        let read = crate::model::terms::Tlp::read(&lower);
        event.tlp = event.tlp.max(read);
    } else if let Some(colour) = lower.strip_prefix("pap:") {
        event.extra.str("pap", &colour.to_ascii_uppercase());
        // What cannot be read allows as little as the strictest.
        event.pap = event.pap.max(crate::model::terms::Pap::read(colour).unwrap_or(crate::model::terms::Pap::Red));
    } else if let Some((scheme, value)) = machine_tag(tag) {
        match scheme {
            "rsit" | "ecsirt" | "enisa" | "europol-incident" | "circl" if own || event.class == Class::UNDETERMINED => {
                if let Some((class, replaced)) = class_of(value) {
                    event.class = class;
                    if event.identifier.is_none() {
                        event.identifier = replaced.map(|word| word.to_owned().into());
                    }
                }
            }
            "misp-galaxy" if event.malware.is_none() => {
                let galaxy = tag["misp-galaxy:".len()..].split('=').next().unwrap_or_default();
                if matches!(
                    galaxy,
                    "malware" | "mitre-malware" | "malpedia" | "tool" | "ransomware" | "botnet" | "banker" | "rat" | "stealer"
                ) {
                    // MITRE writes `Emotet - S0367`
                    let name = value.rsplit_once(" - ").filter(|(_, id)| id.starts_with('S')).map_or(value, |(name, _)| name);
                    let _ = event.set(Field::Malware, name.to_owned());
                }
            }
            _ => {}
        }
    }
}

/// `scheme:predicate="value"`.
fn machine_tag(tag: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = tag.split_once(':')?;
    let (_, value) = rest.split_once('=')?;
    Some((scheme, value.trim_matches('"')))
}

/// The class that a value of RSIT's or an older taxonomy means.
fn class_of(value: &str) -> Option<(Class, Option<&'static str>)> {
    Class::from_foreign(value)
        .filter(|(_, replaced)| *replaced != Some("malware"))
        .or_else(|| Class::from_foreign(&value.replace('-', " ")))
        .or_else(|| {
            let (type_, word) = match value.to_ascii_lowercase().as_str() {
                "virus" => ("infected-system", Some("virus")),
                "worm" => ("infected-system", Some("worm")),
                "trojan" => ("infected-system", Some("trojan")),
                "spyware" => ("infected-system", Some("spyware")),
                "dialer" => ("infected-system", Some("dialer")),
                "rootkit" => ("infected-system", Some("rootkit")),
                "malware" => ("infected-system", Some("malware")),
                "bot" => ("infected-system", None),
                _ => return None,
            };
            Some((Class::of(type_)?, word))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_say_class_marking_and_malware() {
        let mut event = Event::default();
        for tag in [
            "tlp:green",
            "tlp:amber+strict",
            "rsit:malicious-code=\"c2-server\"",
            "misp-galaxy:mitre-malware=\"Emotet - S0367\"",
            "PAP:AMBER",
        ] {
            read_tag(tag, true, &mut event);
        }
        assert_eq!((event.class, event.tlp), (Class::known("c2-server"), Some(crate::model::terms::Tlp::AmberStrict)));
        assert_eq!((event.malware.as_deref(), event.extra.finish()), (Some("emotet"), r#"{"pap":"AMBER"}"#));
    }

    #[test]
    fn older_taxonomies_lead_to_rsit() {
        assert_eq!(class_of("botnet-drone"), Some((Class::known("infected-system"), None)));
        assert_eq!(class_of("c&c"), Some((Class::known("c2-server"), None)));
        assert_eq!(class_of("worm"), Some((Class::known("infected-system"), Some("worm"))));
        assert_eq!(class_of("nonsense"), None);
    }
}
