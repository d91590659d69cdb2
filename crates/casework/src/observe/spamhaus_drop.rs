//! Spamhaus DROP and ASN-DROP: networks and AS numbers under the control of criminals, as JSON lines.

use std::io::Read;

use formats::rsit::Class;

use super::json_record::{self, Means, Shape};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::Side;
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct Drop;

impl Source for Drop {
    fn name(&self) -> &'static str {
        "spamhaus-drop"
    }

    fn about(&self) -> &'static str {
        "Spamhaus DROP and ASN-DROP: networks under the control of criminals, JSON lines"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        if json_record::has_keys(head, &["cidr", "sblid"]) || json_record::has_keys(head, &["asn", "rir", "asname"]) {
            Likelihood::Certain
        } else {
            Likelihood::No
        }
    }

    fn read(&self, input: &mut dyn Read, context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        json_record::each_record(input, sink, Shape::Records, |mut record, out| {
            // The last line says when the list was made and how many lines it has.
            if record.str("type") == Some("metadata") {
                return Ok(());
            }
            let mut event = out.blank();
            if record.has("cidr") {
                record.require(&mut event, Field::Network(Side::Source), "cidr")?;
            } else {
                record.require(&mut event, Field::Asn(Side::Source), "asn")?;
            }
            event.class = Class::known("spam");
            event.time = Some(json_record::day(context.received));
            record.apply(&mut event, MEANS);
            if let Some(registry) = record.text("rir") {
                event.extra.str("source.registry", registry_name(&registry));
            }
            record.keep_rest(&mut event);
            Ok(out.event(event)?)
        })
    }
}

const MEANS: &[(&str, Means)] = &[
    ("asname", Means::Is(Field::AsName(Side::Source))),
    ("cc", Means::Is(Field::Country(Side::Source))),
    ("domain", Means::Extra("as_domain")),
    ("sblid", Means::Extra("blocklist")),
];

/// As IntelMQ's registry type spells them.
fn registry_name(text: &str) -> &str {
    match text.to_ascii_lowercase().as_str() {
        "afrinic" => "AFRINIC",
        "apnic" => "APNIC",
        "arin" => "ARIN",
        "lacnic" => "LACNIC",
        "ripe" | "ripencc" | "ripe-ncc" => "RIPE",
        _ => text,
    }
}
