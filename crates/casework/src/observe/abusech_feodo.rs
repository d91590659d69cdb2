//! Feodo Tracker (abuse.ch): addresses of botnet command-and-control servers.
//!
//! abuse.ch writes all times in UTC, whether a column says so or not.

use std::io::Read;

use formats::rsit::Class;

use super::json_record::{self, Means, Record, Refusal, Shape};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::{Event, Side};
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct Feodo;

impl Source for Feodo {
    fn name(&self) -> &'static str {
        "abusech-feodo"
    }

    fn about(&self) -> &'static str {
        "Feodo Tracker (abuse.ch): botnet command-and-control servers, JSON"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        if json_record::has_keys(head, &["ip_address", "malware", "last_online"]) { Likelihood::Certain } else { Likelihood::No }
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        json_record::each_record(input, sink, Shape::Records, |record, out| {
            let mut event = out.blank();
            read_record(record, &mut event)?;
            Ok(out.event(event)?)
        })
    }
}

/// Names of the JSON export, then those of the CSV one.
const MEANS: &[(&str, Means)] = &[
    ("port", Means::Is(Field::Port(Side::Source))),
    ("dst_port", Means::Is(Field::Port(Side::Source))),
    ("hostname", Means::Is(Field::ReverseDns(Side::Source))),
    ("as_number", Means::Is(Field::Asn(Side::Source))),
    ("as_name", Means::Is(Field::AsName(Side::Source))),
    ("country", Means::Is(Field::Country(Side::Source))),
    ("malware", Means::Is(Field::Malware)),
    ("status", Means::Extra("status")),
    ("c2_status", Means::Extra("status")),
    ("first_seen", Means::Is(Field::Time)),
    ("first_seen_utc", Means::Is(Field::Time)),
];

/// One record of any of the exports.
pub(super) fn read_record(mut record: Record, event: &mut Event<'static>) -> Result<(), Refusal> {
    let address = if record.has("dst_ip") { "dst_ip" } else { "ip_address" };
    record.require(event, Field::Ip(Side::Source), address)?;
    event.class = Class::known("c2-server");
    record.apply(event, MEANS);
    // A server nobody knows the first sight of was at least there when it was last online.
    if event.time.is_none()
        && let Some(text) = record.str("last_online").map(str::to_owned)
    {
        let _ = event.set(Field::Time, text);
    }
    record.keep_rest(event);
    Ok(())
}
