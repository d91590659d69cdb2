//! ThreatFox (abuse.ch): indicators of compromise of malware, shared by its community.
//!
//! abuse.ch writes all times in UTC, whether a column says so or not.

use std::io::Read;

use formats::rsit::Class;

use super::json_record::{self, Means, Record, Refusal, Shape};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::{Event, Side};
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct ThreatFox;

impl Source for ThreatFox {
    fn name(&self) -> &'static str {
        "abusech-threatfox"
    }

    fn about(&self) -> &'static str {
        "ThreatFox (abuse.ch): indicators of malware, JSON (recent, full export, API answer)"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let named = json_record::has_keys(head, &["ioc_value"]) || json_record::has_keys(head, &["ioc"]);
        if named && json_record::has_keys(head, &["threat_type", "ioc_type"]) { Likelihood::Certain } else { Likelihood::No }
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        json_record::each_value(input, sink, Shape::Members, |value, out| {
            let serde_json::Value::Object(members) = value else {
                return if out.listed { Err("a record that is no object".into()) } else { Ok(()) };
            };
            let mut record = Record(members);
            // the export has the number of the indicator as the key above it
            if let Some(key) = out.key.as_deref()
                && key.bytes().all(|c| c.is_ascii_digit())
                && !record.has("id")
            {
                record.0.insert("id".to_owned(), key.into());
            }
            let mut event = out.blank();
            read_record(record, &mut event)?;
            Ok(out.event(event)?)
        })
    }
}

const MEANS: &[(&str, Means)] = &[
    ("first_seen_utc", Means::Is(Field::Time)),
    ("first_seen", Means::Is(Field::Time)),
    ("confidence_level", Means::Is(Field::Confidence)),
    ("malware", Means::Extra("malware.malpedia")),
    ("fk_malware", Means::Extra("malware.malpedia")),
    ("malware_alias", Means::Extra("malware.alias")),
    ("reference", Means::Extra("event_description.url")),
    ("id", Means::Extra("threatfox.id")),
    ("ioc_id", Means::Extra("threatfox.id")),
];

/// One record of any of the exports.
pub(super) fn read_record(mut record: Record, event: &mut Event<'static>) -> Result<(), Refusal> {
    let key = if record.has("ioc_value") { "ioc_value" } else { "ioc" };
    let kind = record.text("ioc_type").unwrap_or_default();
    match kind.as_str() {
        "md5_hash" | "sha1_hash" | "sha256_hash" => {
            let hash = record.text(key).ok_or_else(|| format!("{key} is missing"))?;
            if formats::value::hash_kind(hash.trim()).is_none() {
                return Err(format!("{key}: {hash:?} is not a hash").into());
            }
            json_record::keep_hash(event, &hash);
        }
        "url" => record.require(event, Field::Url(Side::Source), key)?,
        "domain" => record.require(event, Field::Fqdn(Side::Source), key)?,
        _ => {
            let host = record.text(key).ok_or_else(|| format!("{key} is missing"))?;
            event.set_host(Side::Source, host.clone()).map_err(|_| format!("{key}: {host:?} is not a host"))?;
        }
    }
    event.host_from_url(Side::Source);
    event.extra.str("ioc_type", &kind);
    let threat = record.text("threat_type").unwrap_or_default();
    event.class = match threat.as_str() {
        "botnet_cc" => Class::known("c2-server"),
        "payload_delivery" | "payload" => Class::known("malware-distribution"),
        _ => Class::known("other"),
    };
    if !threat.is_empty() {
        event.identifier = Some(threat.replace('_', "-").into());
    }
    // "Unknown malware" is the name for having none
    if record.str("malware_printable").is_some_and(|name| !name.eq_ignore_ascii_case("unknown malware")) {
        record.set(event, Field::Malware, "malware_printable");
    }
    record.apply(event, MEANS);
    record.keep_rest(event);
    Ok(())
}
