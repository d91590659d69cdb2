//! STIX bundles and TAXII envelopes: indicators and observed data become events, under the terms of their markings.
//!
//! An indicator gives an event for each value that its pattern names, with the malware it indicates and how often it was sighted; observed
//! data gives one for the traffic it holds, or one for each of its observables. All else in a bundle is context and stays in the evidence. What
//! was revoked no longer holds and is set aside.

use std::collections::BTreeMap;
use std::io::Read;

use formats::stix::marking::Definitions;
use formats::stix::{Envelope, Header, Limits};
use serde_json::Value;

use super::json_record::{self, has_key};
use super::misp::read_tag;
use super::{Context, Head, Likelihood, Position, ReadError, Sink, Source};
use crate::indicate::pattern;
use crate::model::event::{Event, Side};
use crate::model::field::Field;
use crate::model::observable::{Kind, Observable};
use crate::model::terms::{Pap, Tlp};
use crate::share::Marked;

/// Objects refer to one another, so that a bundle is read whole: the longest that is.
const LONGEST: u64 = 256 << 20;
/// Events that one object gives at most.
const EVENTS_LIMIT: usize = 1_000;

#[derive(Debug)]
pub(super) struct StixBundle;

impl Source for StixBundle {
    fn name(&self) -> &'static str {
        "stix-bundle"
    }

    fn about(&self) -> &'static str {
        "STIX 2.1 and 2.0 bundles and TAXII envelopes, JSON"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let text = head.text();
        if !json_record::looks_like_json(head) {
            return Likelihood::No;
        }
        let bundle = text.contains("\"bundle--") && has_key(text, "type");
        let envelope = has_key(text, "objects") && (has_key(text, "spec_version") || has_key(text, "object_marking_refs"));
        if bundle || envelope { Likelihood::Certain } else { Likelihood::No }
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        let mut bytes = Vec::new();
        input.take(LONGEST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LONGEST {
            return Err(ReadError::Malformed(format!("the bundle is longer than {LONGEST} bytes")));
        }
        let envelope = Envelope::read(&bytes, &Limits::default()).map_err(|fault| ReadError::Malformed(fault.to_string()))?;
        let bundle = Bundle::of(&envelope.objects);
        for (row, object) in (1_u64..).zip(&envelope.objects) {
            let at = Position { row, offset: (object.as_ptr() as usize - bytes.as_ptr() as usize) as u64 };
            match bundle.events(object) {
                Ok(events) => {
                    for mut event in events {
                        sink.event(at, &mut event)?;
                    }
                }
                Err(reason) => sink.reject(at, reason)?,
            }
        }
        Ok(())
    }
}

/// What objects of a bundle say of each other.
#[derive(Default)]
struct Bundle<'a> {
    definitions: Definitions,
    observables: BTreeMap<String, &'a [u8]>,
    /// Names by indicator.
    malware: BTreeMap<String, String>,
    /// By indicator: how often, and when last.
    sighted: BTreeMap<String, (u64, Option<String>)>,
}

impl<'a> Bundle<'a> {
    fn of(objects: &[&'a [u8]]) -> Self {
        let (mut bundle, mut names, mut indicates) = (Self::default(), BTreeMap::new(), Vec::new());
        for bytes in objects {
            let Ok(header) = Header::read(bytes) else { continue };
            let id = header.id.clone().into_owned();
            let whole = || serde_json::from_slice::<Value>(bytes).unwrap_or_default();
            match &*header.object_type {
                "marking-definition" => _ = bundle.definitions.learn(&header),
                "malware" => {
                    if let Some(name) = whole()["name"].as_str() {
                        names.insert(id, name.to_owned());
                    }
                }
                "relationship" => {
                    let object = whole();
                    if object["relationship_type"] == "indicates"
                        && let (Some(source), Some(target)) = (object["source_ref"].as_str(), object["target_ref"].as_str())
                    {
                        indicates.push((source.to_owned(), target.to_owned()));
                    }
                }
                "sighting" => {
                    let object = whole();
                    if let Some(of) = object["sighting_of_ref"].as_str() {
                        let (count, last) = bundle.sighted.entry(of.to_owned()).or_default();
                        *count = count.saturating_add(object["count"].as_u64().unwrap_or(1));
                        *last = object["last_seen"].as_str().map(str::to_owned).max(last.take());
                    }
                }
                "indicator" | "observed-data" => {}
                _ => _ = bundle.observables.insert(id, bytes),
            }
        }
        // The first that is named, whatever comes first in the bundle.
        indicates.sort();
        for (indicator, malware) in indicates {
            if let Some(name) = names.get(&malware) {
                bundle.malware.entry(indicator).or_insert_with(|| name.clone());
            }
        }
        bundle
    }

    fn events(&self, bytes: &[u8]) -> Result<Vec<Event<'static>>, String> {
        let header = Header::read(bytes).map_err(|error| error.to_string())?;
        if !matches!(&*header.object_type, "indicator" | "observed-data") {
            return Ok(Vec::new());
        }
        if header.revoked {
            return Err(format!("{}: revoked", header.id));
        }
        let object: Value = serde_json::from_slice(bytes).map_err(|error| format!("{}: {error}", header.id))?;
        let mut events = match &*header.object_type {
            "indicator" => self.indicator(&object),
            _ => self.observed(&object),
        }
        .map_err(|reason| format!("{}: {reason}", header.id))?;
        events.truncate(EVENTS_LIMIT);
        let marked = Marked::of(&header, &self.definitions);
        for event in &mut events {
            describe(event, &object, marked);
        }
        Ok(events)
    }

    fn indicator(&self, object: &Value) -> Result<Vec<Event<'static>>, String> {
        let text = object["pattern"].as_str().ok_or("pattern is missing")?;
        if object["pattern_type"].as_str().is_some_and(|kind| kind != "stix") {
            return Err(format!("pattern_type: {} is not stix", object["pattern_type"]));
        }
        let id = object["id"].as_str().unwrap_or_default();
        let values = pattern::values(text);
        let mut events: Vec<Event<'static>> = values.iter().filter_map(one_value).collect();
        if events.is_empty() {
            return Err(format!("pattern: {text:.200} names no value that an event can hold"));
        }
        for event in &mut events {
            event.set_or_keep(Field::Time, said(object, &["valid_from", "created"]));
            if let Some(name) = self.malware.get(id) {
                event.set_or_keep(Field::Malware, name.clone());
            }
            if let Some((count, last)) = self.sighted.get(id) {
                event.extra.int("stix.sightings", i64::try_from(*count).unwrap_or(i64::MAX));
                if let Some(last) = last {
                    event.extra.str("stix.last_sighting", last);
                }
            }
            for key in ["pattern", "valid_until"] {
                if let Some(text) = object[key].as_str() {
                    event.extra.str(&format!("stix.{key}"), text);
                }
            }
        }
        Ok(events)
    }

    fn observed(&self, object: &Value) -> Result<Vec<Event<'static>>, String> {
        // STIX 2.0 holds the observables themselves, by a key; 2.1 names them.
        let mut inside: BTreeMap<String, Value> = BTreeMap::new();
        if let Some(held) = object["objects"].as_object() {
            inside.extend(held.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        for id in object["object_refs"].as_array().into_iter().flatten().filter_map(Value::as_str).take(EVENTS_LIMIT) {
            if let Some(bytes) = self.observables.get(id) {
                inside.insert(id.to_owned(), serde_json::from_slice(bytes).unwrap_or_default());
            }
        }
        let mut events = Vec::new();
        let mut taken: Vec<&str> = Vec::new();
        for traffic in inside.values().filter(|one| one["type"] == "network-traffic") {
            let mut event = Event::default();
            for (side, end, port) in [(Side::Source, "src_ref", "src_port"), (Side::Destination, "dst_ref", "dst_port")] {
                if let Some(id) = traffic[end].as_str()
                    && let Some(value) = inside.get(id).and_then(|one| one["value"].as_str())
                {
                    let _ = event.set_host(side, value.to_owned());
                    taken.push(id);
                }
                if let Some(number) = traffic[port].as_u64() {
                    event.set_or_keep(Field::Port(side), number.to_string());
                }
            }
            let protocols = traffic["protocols"].as_array().into_iter().flatten().filter_map(Value::as_str);
            for protocol in protocols {
                let field = if matches!(protocol, "tcp" | "udp" | "icmp") { Field::Transport } else { Field::Application };
                if !matches!(protocol, "ipv4" | "ipv6") {
                    event.set_or_keep(field, protocol.to_owned());
                }
            }
            if event.source.ip.is_some()
                || event.source.fqdn.is_some()
                || event.destination.ip.is_some()
                || event.destination.fqdn.is_some()
            {
                events.push(event);
            }
        }
        let rest = inside.iter().filter(|(id, _)| !taken.contains(&id.as_str()));
        let values = rest.flat_map(|(_, one)| pattern::values_of_object(one.to_string().as_bytes()));
        let known = !events.is_empty();
        for observable in values {
            // Beside traffic an AS is whose, and a name or page is what was reached.
            match (known, observable.kind()) {
                (true, Kind::AsNumber) => {}
                (true, Kind::Domain | Kind::Url) => {
                    let end = &mut events[0];
                    let side = if end.destination.ip.is_some() { Side::Destination } else { Side::Source };
                    let field = if observable.kind() == Kind::Url { Field::Url(side) } else { Field::Fqdn(side) };
                    end.set_or_keep(field, observable.value().to_owned());
                }
                _ => events.extend(one_value(&observable)),
            }
        }
        if events.is_empty() {
            return Err("nothing in it is a value that an event can hold".to_owned());
        }
        for event in &mut events {
            event.set_or_keep(Field::Time, said(object, &["last_observed", "first_observed", "created"]));
            if let Some(times) = object["number_observed"].as_i64().filter(|times| *times > 1) {
                event.extra.int("stix.number_observed", times);
            }
        }
        Ok(events)
    }
}

/// The first of these that the object has.
fn said(object: &Value, keys: &[&str]) -> String {
    keys.iter().find_map(|key| object[*key].as_str()).unwrap_or_default().to_owned()
}

/// An event about a value; `None` when events have no place for its kind.
fn one_value(observable: &Observable) -> Option<Event<'static>> {
    let mut event = Event::default();
    let value = observable.value().to_owned();
    let field = match observable.kind() {
        Kind::Address => Field::Ip(Side::Source),
        Kind::Network => Field::Network(Side::Source),
        Kind::Domain => Field::Fqdn(Side::Source),
        Kind::Url => Field::Url(Side::Source),
        Kind::AsNumber => Field::Asn(Side::Source),
        Kind::MailAddress => {
            event.extra.str("source.account", &value);
            return Some(event);
        }
        Kind::FileName => {
            event.extra.str("file.name", &value);
            return Some(event);
        }
        Kind::Md5 | Kind::Sha1 | Kind::Sha224 | Kind::Sha256 | Kind::Sha384 | Kind::Sha512 => {
            json_record::keep_hash(&mut event, &value);
            return Some(event);
        }
        Kind::Ssdeep | Kind::Tlsh => {
            event.extra.str(observable.kind().as_str(), &value);
            return Some(event);
        }
        Kind::Certificate | Kind::PhoneNumber | Kind::Other => return None,
    };
    event.set(field, value).ok()?;
    event.host_from_url(Side::Source);
    Some(event)
}

/// What the object says of all its events.
fn describe(event: &mut Event<'static>, object: &Value, marked: Marked) {
    for label in object["labels"].as_array().into_iter().flatten().filter_map(Value::as_str).take(EVENTS_LIMIT) {
        match label.split_once(':') {
            Some(("malware", name)) if event.malware.is_none() => event.set_or_keep(Field::Malware, name.to_owned()),
            Some(("identifier", word)) if event.identifier.is_none() => event.set_or_keep(Field::Identifier, word.to_owned()),
            _ => read_tag(label, true, event),
        }
    }
    if let Some(confidence) = object["confidence"].as_u64().filter(|confidence| *confidence <= 100) {
        event.confidence = Some(confidence as u8);
    }
    for key in ["id", "name"] {
        if let Some(text) = object[key].as_str() {
            event.extra.str(&format!("stix.{key}"), text);
        }
    }
    event.tlp = event.tlp.max(marked.tlp);
    if marked.unknown {
        event.tlp = Some(event.tlp.map_or(Tlp::UNMARKED, |tlp| tlp.max(Tlp::UNMARKED)));
    }
    if marked.pap != Pap::Clear {
        event.extra.str("pap", marked.pap.label());
        event.pap = event.pap.max(marked.pap);
    }
}
