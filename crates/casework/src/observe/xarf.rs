//! XARF, the eXtended Abuse Reporting Format: what providers send each other about abuse, versions 4 and 3.
//!
//! Version 4 names its class and type in words of its own; the table here says which RSIT class each is. The samples of
//! evidence inside stay with the original; the event keeps their description and hash.

use std::io::Read;

use formats::rsit::Class;
use serde_json::Value;

use super::json_record::{self, Means, Record, Refusal, Shape, text_of};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::{Event, Severity, Side};
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct Xarf;

impl Source for Xarf {
    fn name(&self) -> &'static str {
        "xarf"
    }

    fn about(&self) -> &'static str {
        "XARF abuse reports, versions 4 and 3, JSON"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let four =
            json_record::has_keys(head, &["xarf_version"]) || json_record::has_keys(head, &["source_identifier", "category", "type"]);
        if four || json_record::has_keys(head, &["ReporterInfo", "Report"]) { Likelihood::Certain } else { Likelihood::No }
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        json_record::each_record(input, sink, Shape::Records, |record, out| {
            let mut event = out.blank();
            if record.has("ReporterInfo") || record.has("Report") {
                read_v3(record, &mut event)?;
            } else {
                read_v4(record, &mut event)?;
            }
            Ok(out.event(event)?)
        })
    }
}

const V4: &[(&str, Means)] = &[
    ("timestamp", Means::Time),
    ("source_port", Means::Is(Field::Port(Side::Source))),
    ("destination_ip", Means::Is(Field::Ip(Side::Destination))),
    ("destination_port", Means::Is(Field::Port(Side::Destination))),
    ("url", Means::Is(Field::Url(Side::Source))),
    ("infringing_url", Means::Is(Field::Url(Side::Source))),
    ("domain", Means::Is(Field::Fqdn(Side::Source))),
    ("target_url", Means::Is(Field::Url(Side::Destination))),
    ("asn", Means::Is(Field::Asn(Side::Source))),
    ("geographic_location", Means::Is(Field::Country(Side::Source))),
    ("malware_family", Means::Is(Field::Malware)),
    ("service_version", Means::Is(Field::ProductVersion)),
    ("description", Means::Extra("event_description.text")),
    ("target_brand", Means::Extra("event_description.target")),
    ("affected_brand", Means::Extra("event_description.target")),
    ("smtp_from", Means::Extra("source.account")),
    ("report_id", Means::Extra("xarf.report_id")),
    ("type", Means::Extra("xarf.type")),
    ("category", Means::Extra("xarf.category")),
    ("xarf_version", Means::Nothing),
    ("_comment", Means::Nothing),
];

fn read_v4(mut record: Record, event: &mut Event<'static>) -> Result<(), Refusal> {
    let category = record.str("category").ok_or("category is missing")?.to_owned();
    let type_ = record.str("type").ok_or("type is missing")?.to_owned();
    let identifier = record.text("source_identifier").ok_or("source_identifier is missing")?;
    if identifier.contains('@') && !identifier.contains('/') {
        event.extra.str("source.account", &identifier);
    } else if event.set_host(Side::Source, identifier.clone()).is_err() {
        event.extra.str("source_identifier", &identifier);
        if !["url", "infringing_url", "domain"].iter().any(|key| record.has(key)) {
            return Err(format!("source_identifier: {identifier:?} is not a host or account").into());
        }
    }
    event.class = class_of(&category, &type_, record.str("threat_type"));
    event.identifier = Some(type_.replace('_', "-").into());
    record.apply(event, V4);
    set_protocol(event, &mut record, "protocol");
    if let Some(service) = record.text("service") {
        event.extra.str("service", &service);
        if event.application.is_none() && service.len() <= 8 && service.bytes().all(|c| c.is_ascii_alphanumeric()) {
            json_record::set_or_keep(event, Field::Application, "service", service);
        }
    }
    if event.source.port.is_none() {
        record.set(event, Field::Port(Side::Source), "service_port");
        record.set(event, Field::Port(Side::Source), "port");
    }
    if record.str("c2_server").is_some() && event.destination.ip.is_none() && event.destination.fqdn.is_none() {
        record.set_host(event, Side::Destination, "c2_server");
    }
    let hash = record.take("file_hash");
    set_hash(event, hash);
    if let Some(cve) = record.text("cve_id") {
        event.extra.str("product.vulnerabilities", &cve);
    }
    for key in ["severity", "risk_level"] {
        if let Some(severity) = record.str(key).and_then(Severity::read) {
            event.severity = Some(severity);
        }
    }
    if let Some(score) = record.0.get("confidence_score").and_then(Value::as_f64) {
        // the schema counts to 1, some write per cent
        let percent = if score <= 1.0 { score * 100.0 } else { score };
        let _ = event.set(Field::Confidence, percent.to_string());
    }
    if let Some(tags) = record.0.get("tags").and_then(Value::as_array) {
        for tag in tags.iter().filter_map(Value::as_str).filter(|tag| tag.starts_with("tlp:")) {
            let _ = event.set(Field::Tlp, tag.to_owned());
        }
    }
    if let Some(evidence) = record.list("evidence") {
        json_record::keep(event, "evidence", &without_payloads(evidence, "payload"));
    }
    event.host_from_url(Side::Source);
    record.keep_rest(event);
    Ok(())
}

/// Version 3 as its schema has it, and as the samples with a `Source` object write it.
const V3: &[(&str, Means)] = &[
    ("Date", Means::Time),
    ("SourceIp", Means::Is(Field::Ip(Side::Source))),
    ("SourcePort", Means::Is(Field::Port(Side::Source))),
    ("SourceUri", Means::Is(Field::Url(Side::Source))),
    ("SourceUrl", Means::Is(Field::Url(Side::Source))),
    ("Url", Means::Is(Field::Url(Side::Source))),
    ("DestinationIp", Means::Is(Field::Ip(Side::Destination))),
    ("DestinationIP", Means::Is(Field::Ip(Side::Destination))),
    ("DestinationPort", Means::Is(Field::Port(Side::Destination))),
    ("MalwareFamily", Means::Is(Field::Malware)),
    ("SmtpMailFromAddress", Means::Extra("source.account")),
    ("SMTPFrom", Means::Extra("source.account")),
    ("AttackDescription", Means::Extra("event_description.text")),
    ("TargetBrand", Means::Extra("event_description.target")),
    ("ReportType", Means::Extra("xarf.type")),
    ("ReportClass", Means::Extra("xarf.category")),
];

fn read_v3(mut record: Record, event: &mut Event<'static>) -> Result<(), Refusal> {
    let mut report = record.object("Report").ok_or("Report is missing")?;
    let type_ = report.str("ReportType").ok_or("Report.ReportType is missing")?.to_owned();
    let word: String = type_.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let class = match word.as_str() {
        "spam" | "bulkmessaging" => "spam",
        "loginattack" => "brute-force",
        "portscan" => "scanner",
        "ddos" | "dos" => "ddos",
        "phishing" => "phishing",
        "malware" => "malware-distribution",
        "botnet" | "bot" | "infectedhost" => "infected-system",
        "copyright" | "trademark" => "copyright",
        "openservice" => "potentially-unwanted-accessible",
        "vulnerability" | "cve" => "vulnerable-system",
        "webhack" => "application-compromise",
        "childabuse" => "violence",
        _ => "undetermined",
    };
    event.class = Class::of(class).unwrap_or_default();
    event.identifier = Some(type_.to_ascii_lowercase().replace('_', "-").into());
    if let Some(mut source) = report.object("Source") {
        source.apply(
            event,
            &[
                ("IP", Means::Is(Field::Ip(Side::Source))),
                ("Port", Means::Is(Field::Port(Side::Source))),
                ("URL", Means::Is(Field::Url(Side::Source))),
                ("Uri", Means::Is(Field::Url(Side::Source))),
                ("Domain", Means::Is(Field::Fqdn(Side::Source))),
                ("Type", Means::Nothing),
            ],
        );
        source.keep_rest_under(event, "Source");
    }
    report.apply(event, V3);
    set_protocol(event, &mut report, "Protocol");
    if let Some(mut more) = report.object("AdditionalInfo") {
        more.apply(event, V3);
        set_protocol(event, &mut more, "Protocol");
        more.set_host(event, Side::Destination, "C2Server");
        more.keep_rest(event);
    }
    for key in ["Attachment", "Attachments", "Samples"] {
        if let Some(samples) = report.list(key) {
            let samples = without_payloads(samples, "Data");
            let Value::Array(samples) = samples else { continue };
            json_record::keep(event, "evidence", &without_payloads(samples, "Payload"));
        }
    }
    let end = &event.source;
    if end.ip.is_none() && end.fqdn.is_none() && end.url.is_none() {
        return Err("Report names no source that is a host".into());
    }
    event.host_from_url(Side::Source);
    report.keep_rest(event);
    record.keep_rest(event);
    Ok(())
}

fn class_of(category: &str, type_: &str, threat: Option<&str>) -> Class {
    let name = match (category, type_) {
        ("messaging", _) => "spam",
        ("copyright", _) => "copyright",
        ("connection", "ddos") => "ddos",
        ("connection", "infected_host" | "bot") | ("infrastructure", "botnet") => "infected-system",
        ("connection", "login_attack") => "brute-force",
        ("connection", "port_scan" | "reconnaissance" | "vulnerability_scan") => "scanner",
        ("connection", "sql_injection") => "exploit",
        ("content", "phishing") => "phishing",
        ("content", "malware") => "malware-distribution",
        ("content", "brand_infringement" | "suspicious_registration") => "masquerade",
        // RSIT names child sexual exploitation under `violence`, and profit-making schemes under the use of resources.
        ("content", "csam" | "csem") => "violence",
        ("content", "fraud") => "unauthorised-use-of-resources",
        ("content", "exposed_data") => "data-leak",
        ("content", "remote_compromise") | ("infrastructure", "compromised_server") => "system-compromise",
        ("vulnerability", "open_service") => "potentially-unwanted-accessible",
        ("vulnerability", _) => "vulnerable-system",
        ("reputation", _) => match threat {
            Some("command_and_control" | "c2") => "c2-server",
            Some("malware" | "malware_distribution") => "malware-distribution",
            Some("phishing") => "phishing",
            Some("spam") => "spam",
            Some("scanning" | "scanner") => "scanner",
            Some("botnet") => "infected-system",
            _ => "other",
        },
        ("connection" | "content" | "infrastructure", _) => "other",
        _ => "undetermined",
    };
    Class::of(name).unwrap_or_default()
}

fn set_protocol(event: &mut Event<'static>, record: &mut Record, key: &str) {
    if let Some(word) = record.text(key) {
        let transport = matches!(word.to_ascii_lowercase().as_str(), "tcp" | "udp" | "icmp" | "icmpv6" | "sctp" | "gre" | "igmp");
        json_record::set_or_keep(event, if transport { Field::Transport } else { Field::Application }, key, word);
    }
}

/// `sha256:…`, a bare hash, or an object of them.
fn set_hash(event: &mut Event<'static>, hash: Option<Value>) {
    match hash {
        Some(Value::Object(kinds)) => kinds.values().filter_map(text_of).for_each(|hash| json_record::keep_hash(event, &hash)),
        Some(other) => {
            if let Some(text) = text_of(&other) {
                json_record::keep_hash(event, text.rsplit(':').next().unwrap_or(&text));
            }
        }
        None => {}
    }
}

/// A payload of more than a few lines is for the one who opens the original.
fn without_payloads(mut evidence: Vec<Value>, key: &str) -> Value {
    for sample in &mut evidence {
        if let Some(members) = sample.as_object_mut()
            && members.get(key).and_then(Value::as_str).is_some_and(|payload| payload.len() > 1024)
        {
            members.shift_remove(key);
        }
    }
    evidence.into()
}
