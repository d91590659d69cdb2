//! Microsoft's Bing malicious URLs (Interflow): pages that its search engine found to be malicious.

use std::io::Read;

use formats::rsit::Class;
use serde_json::Value;

use super::json_record::{self, Means, Record, Refusal, Shape};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::{Event, Side};
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct Bing;

impl Source for Bing {
    fn name(&self) -> &'static str {
        "microsoft-bing"
    }

    fn about(&self) -> &'static str {
        "Microsoft Bing malicious URLs (Interflow), JSON"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        if json_record::has_keys(head, &["IndicatorThreatType", "Url", "TLPLevel"]) { Likelihood::Certain } else { Likelihood::No }
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        json_record::each_record(input, sink, Shape::Records, |record, out| {
            let mut event = out.blank();
            read_record(record, &mut event)?;
            Ok(out.event(event)?)
        })
    }
}

/// To whoever visits it the page is the destination; to us its host is where the problem is.
const MEANS: &[(&str, Means)] = &[
    ("FirstReportedDateTime", Means::Time),
    ("NetworkDestinationAsn", Means::Is(Field::Asn(Side::Source))),
    ("NetworkDestinationIPv4", Means::Is(Field::Ip(Side::Source))),
    ("NetworkDestinationIPv6", Means::Is(Field::Ip(Side::Source))),
    ("NetworkDestinationPort", Means::Is(Field::Port(Side::Source))),
    ("TLPLevel", Means::Is(Field::Tlp)),
    ("Confidence", Means::Is(Field::Confidence)),
    ("Description", Means::Extra("event_description.text")),
    ("Attributable", Means::Extra("attributable")),
    ("IndicatorExpirationDateTime", Means::Extra("indicator_expiration_date_time")),
    ("IndicatorProvider", Means::Extra("indicator_provider")),
    ("IsPartnerShareable", Means::Extra("ispartnershareable")),
    ("IsProductLicensed", Means::Extra("isproductlicensed")),
    ("LastReportedDateTime", Means::Extra("last_reported_date_time")),
    ("ThreatDetectionProduct", Means::Extra("threat_detection_product")),
    ("Version", Means::Extra("version")),
];

fn read_record(mut record: Record, event: &mut Event<'static>) -> Result<(), Refusal> {
    record.require(event, Field::Url(Side::Source), "Url")?;
    let threat = record.text("IndicatorThreatType").unwrap_or_default();
    // "malicious" is all that Bing says: what RSIT class the page is of, nobody has looked at.
    event.class = match threat.as_str() {
        "Phishing" => Class::known("phishing"),
        "Malware" => Class::known("malware-distribution"),
        _ => Class::known("other"),
    };
    if !threat.is_empty() {
        event.identifier = Some(threat.into());
    }
    record.apply(event, MEANS);
    // the one tag is the country
    if let Some([Value::String(tag)]) = record.0.get("Tags").and_then(Value::as_array).map(Vec::as_slice)
        && event.set(Field::Country(Side::Source), tag.clone()).is_ok()
    {
        let _ = record.take("Tags");
    }
    event.host_from_url(Side::Source);
    record.keep_rest(event);
    Ok(())
}
