//! n6 (CERT Polska's Network Security Incident eXchange): events as its API and its stream give them.
//!
//! An n6 event may name several addresses, as a bad domain has; each is an event of its own here, so that each network's
//! owner can be told of theirs.

use std::io::Read;

use formats::rsit::Class;
use serde_json::Value;

use super::json_record::{self, Means, Record, Refusal, Shape};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::{Event, Side};
use crate::model::field::Field;
use crate::model::terms::Tlp;

#[derive(Debug)]
pub(super) struct N6;

impl Source for N6 {
    fn name(&self) -> &'static str {
        "n6"
    }

    fn about(&self) -> &'static str {
        "n6 (CERT Polska) events, JSON: one a line or in a list"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        if json_record::has_keys(head, &["category", "confidence", "source", "time", "id"]) { Likelihood::Certain } else { Likelihood::No }
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        json_record::each_record(input, sink, Shape::Records, |mut record, out| {
            let addresses = record.list("address").unwrap_or_default();
            if addresses.is_empty() {
                let mut event = out.blank();
                read_record(record, &mut event)?;
                return Ok(out.event(event)?);
            }
            for address in addresses {
                let mut event = out.blank();
                let Value::Object(members) = address else {
                    out.reject(format!("address: {address} is no object"))?;
                    continue;
                };
                let mut address = Record(members);
                if let Err(Refusal::Reason(reason)) = address.require(&mut event, Field::Ip(Side::Source), "ip") {
                    out.reject(format!("address: {reason}"))?;
                    continue;
                }
                address.apply(&mut event, ADDRESS);
                address.keep_rest_under(&mut event, "address");
                read_record(Record(record.0.clone()), &mut event)?;
                out.event(event)?;
            }
            Ok(())
        })
    }
}

const ADDRESS: &[(&str, Means)] = &[
    ("asn", Means::Is(Field::Asn(Side::Source))),
    ("cc", Means::Is(Field::Country(Side::Source))),
    ("rdns", Means::Is(Field::ReverseDns(Side::Source))),
];

const MEANS: &[(&str, Means)] = &[
    ("time", Means::Is(Field::Time)),
    ("fqdn", Means::Is(Field::Fqdn(Side::Source))),
    ("url", Means::Is(Field::Url(Side::Source))),
    ("proto", Means::Is(Field::Transport)),
    ("sport", Means::Is(Field::Port(Side::Source))),
    ("dport", Means::Is(Field::Port(Side::Destination))),
    ("dip", Means::Is(Field::Ip(Side::Destination))),
    ("md5", Means::Extra("malware.hash.md5")),
    ("sha1", Means::Extra("malware.hash.sha1")),
    ("sha256", Means::Extra("malware.hash.sha256")),
    ("id", Means::Extra("feed_id")),
    ("source", Means::Extra("feed_source")),
    ("email", Means::Extra("source.account")),
    ("target", Means::Extra("event_description.target")),
    ("url_pattern", Means::Extra("url_pattern")),
    ("injects", Means::Extra("injects")),
];

fn read_record(mut record: Record, event: &mut Event<'static>) -> Result<(), Refusal> {
    let category = record.text("category").ok_or("category is missing")?;
    let (class, identifier) = class_of(&category).ok_or_else(|| format!("category: {category:?} is not a category of n6"))?;
    event.class = class;
    event.identifier = identifier.map(Into::into);
    record.apply(event, MEANS);
    // n6 says how far an event may go; `public` is for everybody, the others stay inside and with the network's owner.
    match record.str("restriction") {
        Some("public") => event.tlp = Some(Tlp::Clear),
        Some("need-to-know") => event.tlp = Some(Tlp::Amber),
        Some("internal") => event.tlp = Some(Tlp::AmberStrict),
        _ => {}
    }
    // STIX 2.1 appendix A, scale None/Low/Med/High
    event.confidence = match record.str("confidence") {
        Some("low") => Some(15),
        Some("medium") => Some(50),
        Some("high") => Some(85),
        _ => None,
    };
    if let Some(name) = record.text("name") {
        if name.to_ascii_lowercase().starts_with("further iocs") {
            event.extra.str("event_description.text", &name);
        }
        if class.taxonomy() == "malicious-code" {
            json_record::set_or_keep(event, Field::Malware, "name", name.clone());
        } else {
            event.extra.str("name", &name);
        }
        if category == "bots" || class.taxonomy() != "malicious-code" {
            event.identifier = Some(name.into());
        }
    }
    record.keep_rest(event);
    Ok(())
}

/// The categories of n6 (its REST API documentation), and what distinguishes those that share an RSIT type.
fn class_of(category: &str) -> Option<(Class, Option<&'static str>)> {
    let (type_, identifier) = match category {
        "amplifier" => ("ddos-amplifier", None),
        "bots" => ("infected-system", None),
        "backdoor" => ("system-compromise", Some("backdoor")),
        "cnc" => ("c2-server", Some("c&c server")),
        "deface" => ("unauthorised-information-modification", Some("defacement")),
        "dns-query" | "flow" | "flow-anomaly" => ("other", Some("network-anomaly")),
        "dos-attacker" => ("ddos", Some("dos-attacker")),
        "dos-victim" => ("ddos", Some("dos-victim")),
        "exposed" => ("potentially-unwanted-accessible", None),
        "fraud" => ("unauthorised-use-of-resources", Some("fraud")),
        "leak" => ("data-leak", None),
        "malurl" => ("malware-distribution", Some("malurl")),
        "malware-action" => ("malware-configuration", Some("malware-action")),
        "other" => ("other", Some("blacklist")),
        "phish" => ("phishing", None),
        "proxy" => ("other", Some("proxy")),
        "sandbox-url" => ("other", Some("sandbox-url")),
        "scam" => ("masquerade", Some("scam")),
        "scanning" => ("scanner", None),
        "server-exploit" => ("exploit", Some("server-exploit")),
        "spam" => ("spam", None),
        "spam-url" => ("spam", Some("spam-url")),
        "tor" => ("other", Some("tor")),
        "vulnerable" => ("vulnerable-system", None),
        "webinject" => ("malware-configuration", Some("webinject")),
        _ => return None,
    };
    Some((Class::of(type_)?, identifier))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_category_has_a_class_of_rsit() {
        let all = "amplifier bots backdoor cnc deface dns-query dos-attacker dos-victim exposed flow flow-anomaly fraud leak malurl \
                   malware-action other phish proxy sandbox-url scam scanning server-exploit spam spam-url tor vulnerable webinject";
        for category in all.split_whitespace() {
            assert!(class_of(category).is_some(), "{category}");
        }
    }
}
