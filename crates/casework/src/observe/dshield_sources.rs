//! DShield's tables of attacking addresses: those of one AS (`asdetailsascii.html?as=64496`) and those of a day (`daily_sources`).
//!
//! Both are separated by tabs, pad each byte of an address with zeros, and name their columns only in prose; times are UTC.

use std::borrow::Cow;
use std::io::Read;

use super::reading::{Refusal, certain_if, each_line, first_lines, head_text};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::{Event, Side};
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct DshieldSources;

impl Source for DshieldSources {
    fn name(&self) -> &'static str {
        "dshield-sources"
    }

    fn about(&self) -> &'static str {
        "DShield attacking addresses of an AS or of a day"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let (origin, text) = (head.origin(), head_text(head));
        let said = text.contains("asdetailsascii") || (text.contains("DShield") && text.contains("0 padded"));
        let named = ["asdetailsascii", "daily_sources"].iter().any(|word| origin.contains(word));
        certain_if(said || (named && first_lines(head).any(|line| padded(line.split('\t').next().unwrap_or_default()).is_some())))
    }

    fn read(&self, input: &mut dyn Read, context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        let origin = context.head.origin();
        let asn = origin.split_once("as=").map_or("", |(_, rest)| rest.split(['&', '#']).next().unwrap_or_default());
        let mut in_comment = false;
        each_line(input, sink, |line, out| {
            let line = line.trim_end();
            // pages that were saved from the web may carry a comment of HTML
            in_comment |= line.starts_with("<!--");
            if in_comment || line.starts_with('#') {
                in_comment &= !line.contains("-->");
                return Ok(());
            }
            let cell: Vec<&str> = line.split('\t').map(str::trim).collect();
            let address = padded(cell[0]).ok_or_else(|| format!("source.ip: {:?} is not an IP address", cell[0]))?;
            let mut event = out.event();
            event.set(Field::Type, "brute-force")?;
            event.set(Field::Ip(Side::Source), address)?;
            event.set_key_or_keep("source.asn", asn.to_owned());
            let daily = cell.get(2).is_some_and(|protocol| protocol.parse::<u8>().is_ok()) && cell.len() >= 7;
            if daily { of_a_day(&mut event, &cell) } else { of_an_as(&mut event, &cell) }?;
            out.give(event)
        })
    }
}

/// address, reports, targets, first seen, last seen, updated
fn of_an_as<'a>(event: &mut Event<'a>, cell: &[&'a str]) -> Result<(), Refusal> {
    counts(event, cell.get(1), cell.get(2));
    let text = |at: usize| cell.get(at).copied().unwrap_or_default();
    for (key, at) in [("first_seen", 3), ("last_seen", 4)] {
        event.set_key_or_keep(key, text(at));
    }
    let time = [5, 4, 3].into_iter().map(text).find(|text| !text.is_empty());
    event.set_or_keep(Field::Time, time.unwrap_or_default());
    Ok(())
}

/// address, port, number of the protocol, reports, targets, first seen, last seen
fn of_a_day<'a>(event: &mut Event<'a>, cell: &[&'a str]) -> Result<(), Refusal> {
    event.set_key_or_keep("destination.port", cell[1]);
    match cell[2] {
        "1" => event.transport = Some(Cow::Borrowed("icmp")),
        "6" => event.transport = Some(Cow::Borrowed("tcp")),
        "17" => event.transport = Some(Cow::Borrowed("udp")),
        other => event.set_key_or_keep("protocol_number", other),
    }
    counts(event, cell.get(3), cell.get(4));
    event.extra.str("first_seen", cell[5]);
    event.set_or_keep(Field::Time, cell[6]);
    Ok(())
}

fn counts(event: &mut Event<'_>, reports: Option<&&str>, targets: Option<&&str>) {
    for (key, text) in [("reports", reports), ("targets", targets)] {
        if let Some(number) = text.and_then(|text| text.parse().ok()) {
            event.extra.int(key, number);
        }
    }
}

/// `109.230.155.061` without the zeros that fill each byte to three digits.
fn padded(text: &str) -> Option<String> {
    let bytes: Option<Vec<u8>> = text.split('.').map(|byte| (byte.len() <= 3).then(|| byte.parse().ok()).flatten()).collect();
    let [a, b, c, d] = bytes?[..] else { return None };
    Some(format!("{a}.{b}.{c}.{d}"))
}
