//! AlienVault OTX: pulses, each a report with a list of indicators.

use std::io::Read;

use serde_json::Value;

use super::json_record::{self, Means, Record, Shape};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::{Event, Side};
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct Otx;

impl Source for Otx {
    fn name(&self) -> &'static str {
        "alienvault-otx"
    }

    fn about(&self) -> &'static str {
        "AlienVault OTX pulses, JSON (list, or answer of its API)"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        if json_record::has_keys(head, &["author_name", "indicators", "indicator"])
            || json_record::has_keys(head, &["author_name", "tags", "modified", "references", "created"])
        {
            Likelihood::Certain
        } else {
            Likelihood::No
        }
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        json_record::each_record(input, sink, Shape::Records, |mut record, out| {
            // the API answers `{"results": [pulse, …], "count": …}`
            let pulses = match record.list("results") {
                Some(pulses) => pulses,
                None => vec![Value::Object(record.0)],
            };
            for pulse in pulses {
                let Value::Object(members) = pulse else {
                    out.reject(format!("{pulse} is no pulse"))?;
                    continue;
                };
                let mut pulse = Record(members);
                for indicator in pulse.list("indicators").unwrap_or_default() {
                    let Value::Object(members) = indicator else {
                        out.reject(format!("indicators: {indicator} is no object"))?;
                        continue;
                    };
                    let mut event = out.blank();
                    match read_indicator(Record(members), &mut event) {
                        Ok(()) => {
                            read_pulse(Record(pulse.0.clone()), &mut event);
                            out.event(event)?;
                        }
                        Err(reason) => out.reject(reason)?,
                    }
                }
            }
            Ok(())
        })
    }
}

const PULSE: &[(&str, Means)] = &[
    ("TLP", Means::Is(Field::Tlp)),
    ("tlp", Means::Is(Field::Tlp)),
    ("name", Means::Extra("pulse")),
    ("id", Means::Extra("pulse_key")),
    ("author_name", Means::Extra("author")),
    ("description", Means::Extra("comment")),
    ("modified", Means::Extra("time_updated")),
    ("created", Means::Extra("time_created")),
    ("revision", Means::Extra("pulse_revision")),
];

/// What the pulse says of all its indicators.
fn read_pulse(mut pulse: Record, event: &mut Event<'static>) {
    pulse.apply(event, PULSE);
    pulse.keep_rest(event);
}

fn read_indicator(mut indicator: Record, event: &mut Event<'static>) -> Result<(), String> {
    let kind = indicator.text("type").ok_or("type is missing")?;
    let value = indicator.text("indicator").ok_or("indicator is missing")?;
    let field = match kind.as_str() {
        "IPv4" | "IPv6" => Some(Field::Ip(Side::Source)),
        "CIDR" => Some(Field::Network(Side::Source)),
        "domain" | "hostname" => Some(Field::Fqdn(Side::Source)),
        "URL" => Some(Field::Url(Side::Source)),
        "URI" if formats::value::url(&value).is_some() => Some(Field::Url(Side::Source)),
        _ => None,
    };
    match (field, kind.as_str()) {
        (Some(field), _) => {
            event.set(field, value.clone()).map_err(|invalid| format!("indicator: {value:?} is not {}", invalid.expected))?
        }
        (None, "URI") => event.extra.str("source.urlpath", &value),
        (None, "email") => event.extra.str("source.account", &value),
        (None, "CVE") => {
            event.extra.str("cve", &value);
            event.extra.str("product.vulnerabilities", &value);
        }
        (None, "FileHash-MD5" | "FileHash-SHA1" | "FileHash-SHA256") => json_record::keep_hash(event, &value),
        (None, _) => event.extra.str(&format!("indicator.{}", kind.to_ascii_lowercase()), &value),
    }
    // A pulse lists what to watch for; which harm each indicator does, it does not say.
    let _ = event.set(Field::Type, "blacklist");
    indicator.apply(event, &[("created", Means::Is(Field::Time)), ("description", Means::Extra("event_description.text"))]);
    indicator.keep_rest_under(event, "indicator");
    event.host_from_url(Side::Source);
    Ok(())
}
