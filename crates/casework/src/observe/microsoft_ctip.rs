//! Microsoft's Cyber Threat Intelligence Program: infected hosts that called its sinkholes, in the layouts of Interflow and of Azure.

use std::io::Read;

use base64::Engine;
use formats::rsit::Class;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::json_record::{self, Means, Record, Refusal, Shape, text_of};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::{Event, Side};
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct Ctip;

impl Source for Ctip {
    fn name(&self) -> &'static str {
        "microsoft-ctip"
    }

    fn about(&self) -> &'static str {
        "Microsoft CTIP: hosts that called its sinkholes, JSON (Interflow, Azure)"
    }

    fn names_feeds(&self) -> bool {
        true
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let interflow = json_record::has_keys(head, &["indicatorthreattype", "networksourceipv4"]);
        if interflow || json_record::has_keys(head, &["DataFeed", "SourceIp", "ThreatCode"]) { Likelihood::Certain } else { Likelihood::No }
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        json_record::each_record(input, sink, Shape::Records, |record, out| {
            let mut event = out.blank();
            if record.has("indicatorthreattype") {
                read_interflow(record, &mut event)?;
            } else {
                read_azure(record, &mut event)?;
            }
            Ok(out.event(event)?)
        })
    }
}

const INTERFLOW: &[(&str, Means)] = &[
    ("networksourceport", Means::Is(Field::Port(Side::Source))),
    ("networksourceasn", Means::Is(Field::Asn(Side::Source))),
    ("networkdestinationport", Means::Is(Field::Port(Side::Destination))),
    ("externalid", Means::Is(Field::Malware)),
    ("tlplevel", Means::Is(Field::Tlp)),
    ("confidence", Means::Is(Field::Confidence)),
    ("firstreporteddatetime", Means::Time),
    ("description", Means::Extra("event_description.text")),
    ("useragent", Means::Extra("user_agent")),
];

fn read_interflow(mut record: Record, event: &mut Event<'static>) -> Result<(), Refusal> {
    let key = if record.0.get("networksourceipv4").is_some_and(|v| !json_record::says_nothing(v)) {
        "networksourceipv4"
    } else {
        "networksourceipv6"
    };
    record.require(event, Field::Ip(Side::Source), key)?;
    let threat = record.text("indicatorthreattype").unwrap_or_default();
    event.class = match threat.to_ascii_lowercase().as_str() {
        "botnet" => Class::known("infected-system"),
        "c2" | "commandandcontrol" => Class::known("c2-server"),
        "phishing" => Class::known("phishing"),
        "malware" => Class::known("malware-distribution"),
        "ddos" => Class::known("ddos"),
        _ => Class::UNDETERMINED,
    };
    event.extra.str("indicatorthreattype", &threat);
    for key in ["networkdestinationipv4", "networkdestinationipv6"] {
        // a proxy's list of addresses: the first is the nearest
        if let Some((first, rest)) = record.str(key).and_then(|text| text.split_once(',')) {
            let (first, all) = (first.trim().to_owned(), format!("{first},{rest}"));
            if rest.trim() != first {
                event.extra.str(key, &all);
            }
            record.0.insert(key.to_owned(), first.into());
        }
        // 0.0.0.0 is how the feed says that it does not know
        if record.str(key).is_some_and(|text| text != "0.0.0.0" && text != "::") {
            record.set(event, Field::Ip(Side::Destination), key);
        }
    }
    record.apply(event, INTERFLOW);
    record.set(event, Field::Fqdn(Side::Destination), "hostname");
    if let Some(notes) = record.list("additionalmetadata") {
        let said: Vec<Value> = notes.into_iter().filter(|note| !json_record::says_nothing(note) && note != "null").collect();
        json_record::keep(event, "additionalmetadata", &said.into());
    }
    record.keep_rest(event);
    Ok(())
}

const AZURE: &[(&str, Means)] = &[
    ("SourcePort", Means::Is(Field::Port(Side::Source))),
    ("DestinationIp", Means::Is(Field::Ip(Side::Destination))),
    ("DestinationPort", Means::Is(Field::Port(Side::Destination))),
    ("ThreatCode", Means::Is(Field::Malware)),
    ("TLP", Means::Is(Field::Tlp)),
    ("DataFeed", Means::Is(Field::Feed)),
    ("SourcedFrom", Means::Extra("event_description.text")),
    ("Malware", Means::Extra("malware")),
    ("TotalEncounters", Means::Extra("total_encounters")),
    ("DateTimeReceivedUtcTxt", Means::Nothing),
    ("TargetIp", Means::Extra("target_ip")),
    ("TargetPort", Means::Extra("target_port")),
];

const PLACE: &[(&str, Means)] = &[
    ("SourceIpAsnNumber", Means::Is(Field::Asn(Side::Source))),
    ("SourceIpAsnOrgName", Means::Is(Field::AsName(Side::Source))),
    ("SourceIpCountryCode", Means::Is(Field::Country(Side::Source))),
    ("SourceIpRegion", Means::Extra("source.geolocation.region")),
    ("SourceIpCity", Means::Extra("source.geolocation.city")),
    ("SourceIpPostalCode", Means::Extra("source.geolocation.postal_code")),
    ("SourceIpLatitude", Means::Extra("source.geolocation.latitude")),
    ("SourceIpLongitude", Means::Extra("source.geolocation.longitude")),
    ("SourceIpMetroCode", Means::Extra("source.geolocation.metro_code")),
    ("SourceIpAreaCode", Means::Extra("source.geolocation.area_code")),
    ("SourceIpConnectionType", Means::Extra("source.connection_type")),
    ("SourceIpv4Int", Means::Nothing),
];

const HTTP: &[(&str, Means)] = &[
    ("HttpHost", Means::Extra("http.host")),
    ("HttpRequest", Means::Extra("http.request")),
    ("HttpMethod", Means::Extra("http.method")),
    ("HttpReferrer", Means::Extra("http.referrer")),
    ("HttpUserAgent", Means::Extra("user_agent")),
    ("HttpVersion", Means::Extra("http.version")),
];

const CUSTOM: &[(&str, Means)] = &[
    ("CustomField1", Means::Extra("custom_field1")),
    ("CustomField2", Means::Extra("custom_field2")),
    ("CustomField3", Means::Extra("custom_field3")),
    ("CustomField4", Means::Extra("custom_field4")),
    ("CustomField5", Means::Extra("custom_field5")),
];

const PAYLOAD: &[(&str, Means)] = &[
    ("domain", Means::Is(Field::Fqdn(Side::Destination))),
    ("type", Means::Is(Field::Application)),
    ("serverIp", Means::Extra("payload.server.ip")),
    ("serverPort", Means::Extra("payload.server.port")),
    ("source_ip", Means::Extra("payload.source.ip")),
    ("source_port", Means::Extra("payload.source.port")),
    ("destination_ip", Means::Extra("payload.destination.ip")),
    ("destination_port", Means::Extra("payload.destination.port")),
];

fn read_azure(mut record: Record, event: &mut Event<'static>) -> Result<(), Refusal> {
    record.require(event, Field::Ip(Side::Source), "SourceIp")?;
    event.class = Class::known("infected-system");
    if let Some(text) = record.text("DateTimeReceivedUtc") {
        event.time = text.parse().ok().and_then(windows_time);
        if event.time.is_none() {
            event.extra.str("DateTimeReceivedUtc", &text);
        }
    }
    // the feed's own word between GREEN and RED
    if record.str("TLP").is_some_and(|word| word.eq_ignore_ascii_case("yellow")) {
        record.0.insert("TLP".to_owned(), "AMBER".into());
    }
    record.apply(event, AZURE);
    event.confidence = match record.str("ThreatConfidence") {
        Some("Low") => Some(20),
        Some("Medium") => Some(50),
        Some("High") => Some(100),
        _ => None,
    };
    if event.confidence.is_some() {
        let _ = record.take("ThreatConfidence");
    }
    for (key, table) in [("SourceIpInfo", PLACE), ("HttpInfo", HTTP), ("CustomInfo", CUSTOM)] {
        if let Some(mut part) = record.object(key) {
            // zero is how the feed leaves a number out
            part.0.retain(|key, value| !(key.ends_with("Code") && value == 0));
            part.apply(event, table);
            part.keep_rest(event);
        }
    }
    if let Some(payload) = record.text("Payload") {
        read_payload(payload, event);
    }
    record.keep_rest(event);
    Ok(())
}

/// What the host sent: JSON, text, either of them also in base64.
fn read_payload(payload: String, event: &mut Event<'static>) {
    let decoded = base64::engine::general_purpose::STANDARD.decode(payload.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = decoded.unwrap_or(payload);
    let Ok(members) = serde_json::from_str::<Map<String, Value>>(&text) else {
        event.extra.str("payload.text", &text);
        return;
    };
    let mut payload = Record(members);
    if let Some(seconds) = payload.0.get("ts").and_then(text_of).and_then(|text| formats::time::read(&text)) {
        let _ = payload.take("ts");
        event.extra.str("payload.timestamp", &super::intelmq::time_text(seconds.at));
    }
    payload.apply(event, PAYLOAD);
    payload.keep_rest_under(event, "payload");
}

/// Hundreds of nanoseconds since 1601 (Windows FILETIME).
fn windows_time(ticks: i64) -> Option<Timestamp> {
    const TO_1970: i64 = 11_644_473_600;
    let nanos = i32::try_from(ticks.rem_euclid(10_000_000) * 100).ok()?;
    Timestamp::new(ticks.div_euclid(10_000_000) - TO_1970, nanos).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_counts_time_from_1601() {
        assert_eq!(windows_time(132_348_339_284_870_000).unwrap().to_string(), "2020-05-24T22:45:28.487Z");
        assert_eq!(windows_time(0).unwrap().to_string(), "1601-01-01T00:00:00Z");
    }
}
