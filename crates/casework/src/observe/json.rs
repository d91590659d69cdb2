//! Any JSON objects whose keys have a usual name: the reader of last resort for lists, lines and API answers.

use std::io::Read;

use super::json_record::{self, Means, Record, Refusal, Shape};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::{Event, Side};
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct Json;

impl Source for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn about(&self) -> &'static str {
        "any JSON objects with usual keys (ip, src_ip, timestamp, url, domain, …)"
    }

    fn names_feeds(&self) -> bool {
        true
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let text = head.text();
        let named = MEANS.iter().any(|(key, _)| json_record::has_key(text, key) || json_record::has_key(text, &key.to_ascii_uppercase()));
        if json_record::looks_like_json(head) && named { Likelihood::Possible } else { Likelihood::No }
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        json_record::each_record(input, sink, Shape::Records, |record, out| {
            // Where the records are is what an API answer wraps: its only list of objects.
            let wrapped =
                record.0.iter().find(|(_, value)| value.as_array().is_some_and(|list| list.iter().any(serde_json::Value::is_object)));
            if !MEANS.iter().any(|(key, _)| record.has(key))
                && let Some((key, _)) = wrapped
            {
                let key = key.clone();
                let mut record = record;
                for value in record.list(&key).unwrap_or_default() {
                    let serde_json::Value::Object(members) = value else {
                        out.reject(format!("{key}: {value} is no record"))?;
                        continue;
                    };
                    let mut event = out.blank();
                    match read_record(Record(members), &mut event) {
                        Ok(()) => out.event(event)?,
                        Err(Refusal::Reason(reason)) => out.reject(reason)?,
                        Err(stop) => return Err(stop),
                    }
                }
                return Ok(());
            }
            let mut event = out.blank();
            read_record(record, &mut event)?;
            Ok(out.event(event)?)
        })
    }
}

/// Usual names, surest first; they are looked for in lower case.
const MEANS: &[(&str, Means)] = &[
    ("ip", Means::Is(Field::Ip(Side::Source))),
    ("src_ip", Means::Is(Field::Ip(Side::Source))),
    ("source_ip", Means::Is(Field::Ip(Side::Source))),
    ("srcip", Means::Is(Field::Ip(Side::Source))),
    ("sourceip", Means::Is(Field::Ip(Side::Source))),
    ("ip_address", Means::Is(Field::Ip(Side::Source))),
    ("ipaddress", Means::Is(Field::Ip(Side::Source))),
    ("ip_addr", Means::Is(Field::Ip(Side::Source))),
    ("remote_addr", Means::Is(Field::Ip(Side::Source))),
    ("remote_ip", Means::Is(Field::Ip(Side::Source))),
    ("dst_ip", Means::Is(Field::Ip(Side::Destination))),
    ("dest_ip", Means::Is(Field::Ip(Side::Destination))),
    ("destination_ip", Means::Is(Field::Ip(Side::Destination))),
    ("dstip", Means::Is(Field::Ip(Side::Destination))),
    ("url", Means::Is(Field::Url(Side::Source))),
    ("domain", Means::Is(Field::Fqdn(Side::Source))),
    ("fqdn", Means::Is(Field::Fqdn(Side::Source))),
    ("hostname", Means::Is(Field::Fqdn(Side::Source))),
    ("host", Means::Host(Side::Source)),
    ("cidr", Means::Is(Field::Network(Side::Source))),
    ("network", Means::Is(Field::Network(Side::Source))),
    ("port", Means::Is(Field::Port(Side::Source))),
    ("src_port", Means::Is(Field::Port(Side::Source))),
    ("source_port", Means::Is(Field::Port(Side::Source))),
    ("srcport", Means::Is(Field::Port(Side::Source))),
    ("dst_port", Means::Is(Field::Port(Side::Destination))),
    ("dest_port", Means::Is(Field::Port(Side::Destination))),
    ("destination_port", Means::Is(Field::Port(Side::Destination))),
    ("dstport", Means::Is(Field::Port(Side::Destination))),
    ("asn", Means::Is(Field::Asn(Side::Source))),
    ("as_number", Means::Is(Field::Asn(Side::Source))),
    ("as_name", Means::Is(Field::AsName(Side::Source))),
    ("country_code", Means::Is(Field::Country(Side::Source))),
    ("cc", Means::Is(Field::Country(Side::Source))),
    ("country", Means::Is(Field::Country(Side::Source))),
    ("proto", Means::Is(Field::Transport)),
    ("protocol", Means::Is(Field::Transport)),
    ("transport", Means::Is(Field::Transport)),
    ("app_proto", Means::Is(Field::Application)),
    ("timestamp", Means::Time),
    ("@timestamp", Means::Time),
    ("time", Means::Time),
    ("datetime", Means::Time),
    ("date", Means::Time),
    ("first_seen", Means::Time),
    ("last_seen", Means::Time),
    ("malware", Means::Is(Field::Malware)),
    ("malware_family", Means::Is(Field::Malware)),
    ("family", Means::Is(Field::Malware)),
    ("tlp", Means::Is(Field::Tlp)),
    ("confidence", Means::Is(Field::Confidence)),
    ("severity", Means::Is(Field::Severity)),
    ("classification", Means::Is(Field::Type)),
    ("md5", Means::Extra("malware.hash.md5")),
    ("sha1", Means::Extra("malware.hash.sha1")),
    ("sha256", Means::Extra("malware.hash.sha256")),
];

fn read_record(record: Record, event: &mut Event<'static>) -> Result<(), Refusal> {
    let mut left = record;
    let keys: Vec<String> = left.0.keys().cloned().collect();
    for (name, means) in MEANS {
        for key in keys.iter().filter(|key| key.eq_ignore_ascii_case(name)) {
            let taken = match means {
                Means::Is(Field::Ip(side)) => event.end(*side).ip.is_some(),
                Means::Is(Field::Port(side)) => event.end(*side).port.is_some(),
                Means::Is(Field::Fqdn(side)) | Means::Host(side) => event.end(*side).fqdn.is_some() || event.end(*side).ip.is_some(),
                Means::Is(Field::Country(side)) => event.end(*side).country.is_some(),
                Means::Is(Field::Transport) => event.transport.is_some(),
                Means::Time => event.time.is_some(),
                _ => false,
            };
            if !taken {
                left.apply(event, &[(key.as_str(), *means)]);
            }
        }
    }
    // keys with dots are IntelMQ's where it has them
    for key in keys.iter().filter(|key| key.contains('.')) {
        if let Some(text) = Field::from_key(key).and_then(|_| left.text(key))
            && event.set_key(key, text.clone()).is_err()
        {
            event.extra.str(key, &text);
        }
    }
    event.host_from_url(Side::Source);
    let (from, to) = (&event.source, &event.destination);
    let named = from.ip.is_some() || from.fqdn.is_some() || from.url.is_some() || from.network.is_some() || from.asn.is_some();
    if !named && to.ip.is_none() && to.fqdn.is_none() {
        let keys: Vec<&str> = keys.iter().map(String::as_str).take(12).collect();
        return Err(format!("no address, host name, URL, network or AS number under a usual key (keys: {})", keys.join(", ")).into());
    }
    left.keep_rest(event);
    Ok(())
}
