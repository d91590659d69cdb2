//! URLhaus (abuse.ch): URLs that serve malware.
//!
//! abuse.ch writes all times in UTC, whether a column says so or not.

use std::io::Read;

use formats::rsit::Class;

use super::json_record::{self, Means, Record, Refusal, Shape};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::{Event, Side};
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct UrlHaus;

impl Source for UrlHaus {
    fn name(&self) -> &'static str {
        "abusech-urlhaus"
    }

    fn about(&self) -> &'static str {
        "URLhaus (abuse.ch): URLs that serve malware, JSON (export, API answer)"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        if json_record::has_keys(head, &["url", "urlhaus_link"]) || json_record::has_keys(head, &["url", "urlhaus_reference"]) {
            Likelihood::Certain
        } else {
            Likelihood::No
        }
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        json_record::each_value(input, sink, Shape::Members, |value, out| {
            let serde_json::Value::Object(members) = value else {
                return if out.listed { Err("a record that is no object".into()) } else { Ok(()) };
            };
            let mut record = Record(members);
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

/// Names of the JSON export and the API, of which the CSV export has some.
const MEANS: &[(&str, Means)] = &[
    ("dateadded", Means::Is(Field::Time)),
    ("date_added", Means::Is(Field::Time)),
    ("url_status", Means::Extra("status")),
    ("urlhaus_link", Means::Extra("event_description.url")),
    ("urlhaus_reference", Means::Extra("event_description.url")),
    ("host", Means::Nothing),
    ("id", Means::Extra("urlhaus.id")),
];

/// One record of any of the exports.
pub(super) fn read_record(mut record: Record, event: &mut Event<'static>) -> Result<(), Refusal> {
    record.require(event, Field::Url(Side::Source), "url")?;
    event.host_from_url(Side::Source);
    event.class = Class::known("malware-distribution");
    if let Some(threat) = record.text("threat") {
        event.identifier = Some(threat.replace('_', "-").into());
    }
    record.apply(event, MEANS);
    record.keep_rest(event);
    Ok(())
}
