//! PhishTank: phishing pages that its community has verified.

use std::io::Read;

use formats::rsit::Class;

use super::json_record::{self, Means, Record, Refusal, Shape};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::{Event, Side};
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct PhishTank;

impl Source for PhishTank {
    fn name(&self) -> &'static str {
        "phishtank"
    }

    fn about(&self) -> &'static str {
        "PhishTank: verified phishing pages, JSON"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        if json_record::has_keys(head, &["phish_id", "url"]) { Likelihood::Certain } else { Likelihood::No }
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
    ("submission_time", Means::Time),
    ("phish_detail_url", Means::Extra("event_description.url")),
    ("target", Means::Extra("event_description.target")),
    ("phish_id", Means::Extra("phishtank.id")),
];

/// Of the first place where the page was found; the others stay with all that was said of them.
const DETAIL: &[(&str, Means)] = &[
    ("ip_address", Means::Is(Field::Ip(Side::Source))),
    ("cidr_block", Means::Is(Field::Network(Side::Source))),
    ("announcing_network", Means::Is(Field::Asn(Side::Source))),
    ("country", Means::Is(Field::Country(Side::Source))),
];

/// One record of the JSON export, or of the CSV one, which has no `details`.
pub(super) fn read_record(mut record: Record, event: &mut Event<'static>) -> Result<(), Refusal> {
    record.require(event, Field::Url(Side::Source), "url")?;
    event.class = Class::known("phishing");
    if let Some(mut details) = record.list("details") {
        if !details.is_empty()
            && let serde_json::Value::Object(first) = details.remove(0)
        {
            let mut first = Record(first);
            first.apply(event, DETAIL);
            first.keep_rest_under(event, "detail");
        }
        json_record::keep(event, "details", &details.into());
    }
    let address = event.source.ip;
    event.host_from_url(Side::Source);
    // The page has a name as well as the address it was found at.
    if address.is_some()
        && event.source.fqdn.is_none()
        && let Some(url) = event.source.url.clone()
        && let Some(host) = formats::value::host_of(&url)
    {
        let _ = event.set(Field::Fqdn(Side::Source), host.to_owned());
    }
    record.apply(event, MEANS);
    record.keep_rest(event);
    Ok(())
}
