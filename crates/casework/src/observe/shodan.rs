//! Shodan: what its crawlers were answered by open ports (banners), one object a line.
//!
//! A banner is a fact about a host, not yet an incident: its class is `other`, and all that was answered is kept.

use std::io::Read;

use formats::rsit::Class;
use serde_json::{Map, Value};

use super::json_record::{self, Means, Record, Refusal, Shape};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::{Event, Side};
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct Shodan;

impl Source for Shodan {
    fn name(&self) -> &'static str {
        "shodan"
    }

    fn about(&self) -> &'static str {
        "Shodan banners (stream or download), JSON"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let banner = json_record::has_keys(head, &["_shodan"]) || json_record::has_keys(head, &["ip_str", "port", "transport"]);
        if banner { Likelihood::Certain } else { Likelihood::No }
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        json_record::each_record(input, sink, Shape::Records, |record, out| {
            let mut event = out.blank();
            read_record(record, &mut event)?;
            Ok(out.event(event)?)
        })
    }
}

const MEANS: &[(&str, Means)] = &[
    ("port", Means::Is(Field::Port(Side::Source))),
    ("asn", Means::Is(Field::Asn(Side::Source))),
    ("transport", Means::Is(Field::Transport)),
    // in UTC, as its documentation says
    ("timestamp", Means::Is(Field::Time)),
    ("org", Means::Extra("event_description.target")),
    ("hash", Means::Extra("shodan.event_hash")),
    ("_id", Means::Extra("shodan.id")),
    // the address as a number
    ("ip", Means::Nothing),
];

const PLACE: &[(&str, Means)] = &[
    ("country_code", Means::Is(Field::Country(Side::Source))),
    ("country_name", Means::Extra("source.geolocation.country")),
    ("city", Means::Extra("source.geolocation.city")),
    ("latitude", Means::Extra("source.geolocation.latitude")),
    ("longitude", Means::Extra("source.geolocation.longitude")),
];

/// Members that any banner may have; the others say which service answered.
const COMMON: &[&str] = &[
    "_id",
    "_shodan",
    "asn",
    "data",
    "domains",
    "hash",
    "hostnames",
    "ip",
    "ip_str",
    "ipv6",
    "isp",
    "location",
    "opts",
    "org",
    "os",
    "port",
    "tags",
    "timestamp",
    "transport",
];

/// Members of a service's own that are named as the protocol is.
const PROTOCOLS: &[&str] = &[
    "amqp",
    "bgp",
    "bitcoin",
    "cassandra",
    "coap",
    "dns",
    "elastic",
    "ftp",
    "hive",
    "http",
    "ibm_db2",
    "isakmp",
    "knx",
    "ldap",
    "minecraft",
    "mongodb",
    "mqtt",
    "msrpc",
    "mssql",
    "netbios",
    "ntp",
    "redis",
    "rip",
    "ripple",
    "rsync",
    "rtsp",
    "sip",
    "smb",
    "snmp",
    "ssh",
    "telnet",
    "tor",
    "vertx",
];

fn read_record(mut record: Record, event: &mut Event<'static>) -> Result<(), Refusal> {
    let key = if record.has("ip_str") { "ip_str" } else { "ipv6" };
    record.require(event, Field::Ip(Side::Source), key)?;
    event.class = Class::known("other");
    event.identifier = Some("shodan-scan".into());

    let mut own: Vec<String> = record.0.keys().filter(|key| !COMMON.contains(&key.as_str())).cloned().collect();
    own.sort();
    let crawl = record.object("_shodan");
    let module = crawl.as_ref().and_then(|crawl| crawl.str("module")).and_then(|module| module.split('-').next());
    let application = own.iter().map(String::as_str).find(|key| PROTOCOLS.contains(key)).or(module);
    if let Some(application) = application {
        event.application = Some(application.to_ascii_lowercase().into());
    }
    json_record::keep(event, "shodan.unique_keys", &own.into());
    if let Some(crawl) = crawl {
        crawl.keep_rest_under(event, "shodan");
    }

    record.apply(event, MEANS);
    if let Some(mut place) = record.object("location") {
        place.apply(event, PLACE);
        place.keep_rest(event);
    }
    take_name(&mut record, "domains", Field::Fqdn(Side::Source), event);
    take_name(&mut record, "hostnames", Field::ReverseDns(Side::Source), event);
    for (key, field) in [("product", Field::ProductName), ("version", Field::ProductVersion)] {
        if let Some(text) = record.str(key) {
            let _ = event.set(field, text.to_owned());
        }
    }
    if let Some(found) = record.object("vulns") {
        let verified: Vec<Value> = found.0.iter().filter(|(_, v)| v["verified"] == true).map(|(cve, _)| cve.as_str().into()).collect();
        json_record::keep(event, "verified_vulns", &verified.into());
        let all: Vec<&str> = found.0.keys().map(String::as_str).collect();
        event.extra.str("product.vulnerabilities", &all.join(" "));
        event.extra.json("vulns", &as_list(found.0));
    }
    // `opts` holds what older banners had at the top
    if let Some(options) = record.object("opts") {
        for (key, value) in options.0 {
            if key == "vulns" {
                json_record::keep(event, "opts.vulns", &value);
            } else {
                keep_service(event, &key, value);
            }
        }
    }
    for (key, value) in record.0 {
        keep_service(event, &key, value);
    }
    Ok(())
}

/// The first name becomes the field; all of them are kept when there are more.
fn take_name(record: &mut Record, key: &str, field: Field, event: &mut Event<'static>) {
    let Some(names) = record.list(key) else { return };
    let first = names.first().and_then(Value::as_str).map(str::to_owned);
    let read = first.is_some_and(|name| event.set(field, name).is_ok());
    if !read || names.len() > 1 {
        json_record::keep(event, key, &names.into());
    }
}

/// What a service said, one key for each thing: `ssh.cipher`, `isakmp.version`.
fn keep_service(event: &mut Event<'static>, service: &str, value: Value) {
    let Value::Object(members) = value else {
        json_record::keep(event, service, &value);
        return;
    };
    for (key, value) in members {
        let name = format!("{service}.{}", key.to_ascii_lowercase());
        match (key.as_str(), value) {
            // keys that are values themselves
            ("features", Value::Object(features)) => json_record::keep(event, &name, &as_list(features)),
            ("resources", Value::Object(resources)) => {
                let paths: Vec<Value> = resources.into_iter().map(|(path, _)| path.into()).collect();
                json_record::keep(event, &name, &paths.into());
            }
            ("flags", Value::Object(flags)) => {
                for (flag, value) in flags {
                    json_record::keep(event, &format!("{service}.{flag}"), &value);
                }
            }
            // one or many: always a list here
            (key, Value::String(one)) if key.starts_with("supported") => event.extra.json(&name, &vec![one].into()),
            (_, value) => json_record::keep(event, &name, &value),
        }
    }
}

/// `{"CVE-1": {…}}` as `[{…, "identifier": "CVE-1"}]`, so that a query can go through it.
fn as_list(members: Map<String, Value>) -> Value {
    members
        .into_iter()
        .map(|(identifier, value)| match value {
            Value::Object(mut inner) => {
                inner.insert("identifier".to_owned(), identifier.into());
                Value::Object(inner)
            }
            other => serde_json::json!({ "identifier": identifier, "value": other }),
        })
        .collect()
}
