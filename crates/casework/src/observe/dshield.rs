//! DShield (SANS Internet Storm Center): addresses that were seen scanning, as its API gives them.

use std::io::Read;

use formats::rsit::Class;

use super::json_record::{self, Means, Shape};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::Side;
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct DShield;

impl Source for DShield {
    fn name(&self) -> &'static str {
        "dshield"
    }

    fn about(&self) -> &'static str {
        "DShield (SANS ISC): scanning addresses, JSON of its API (sources/attacks)"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        if json_record::has_keys(head, &["ip", "attacks", "firstseen", "lastseen"]) { Likelihood::Certain } else { Likelihood::No }
    }

    fn read(&self, input: &mut dyn Read, context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        json_record::each_record(input, sink, Shape::Records, |mut record, out| {
            let mut event = out.blank();
            // some answers pad each number of an address with zeros
            if let Some(padded) = record.str("ip").filter(|text| text.split('.').count() == 4) {
                let plain: Vec<_> = padded.split('.').map(|part| part.trim_start_matches('0')).collect();
                let plain: Vec<_> = plain.into_iter().map(|part| if part.is_empty() { "0" } else { part }).collect();
                let plain = plain.join(".");
                record.0.insert("ip".to_owned(), plain.into());
            }
            record.require(&mut event, Field::Ip(Side::Source), "ip")?;
            event.class = Class::known("scanner");
            record.apply(&mut event, MEANS);
            if event.time.is_none() {
                event.time = Some(json_record::day(context.received));
            }
            record.keep_rest(&mut event);
            Ok(out.event(event)?)
        })
    }
}

const MEANS: &[(&str, Means)] = &[("lastseen", Means::Time), ("firstseen", Means::Extra("first_seen"))];
