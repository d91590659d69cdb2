//! DShield recommended block list: the twenty networks that attacked most, `start, end, length, attacks, name, country, mail`.
//!
//! The time of the list (`updated:`) is the time of each entry.

use std::io::Read;

use super::reading::{after_label, certain_if, each_line, head_text};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::Side;
use crate::model::field::Field;
use formats::time;

#[derive(Debug)]
pub(super) struct DshieldBlock;

impl Source for DshieldBlock {
    fn name(&self) -> &'static str {
        "dshield-block"
    }

    fn about(&self) -> &'static str {
        "DShield recommended block list"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let text = head_text(head);
        certain_if(text.contains("DShield.org Recommended Block List") || text.contains("Start\tEnd\tNetblock\tAttacks"))
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        let mut updated = None;
        each_line(input, sink, |line, out| {
            if line.trim_start().starts_with('#') {
                updated = after_label(line, "updated:").and_then(time::read).map(|moment| moment.at).or(updated);
                return Ok(());
            }
            let cell: Vec<&str> = line.split('\t').map(str::trim).collect();
            let [start, _end, length, attacks, ref about @ ..] = cell[..] else {
                return Err(format!("{} columns where 7 are expected", cell.len()).into());
            };
            if start.eq_ignore_ascii_case("start") {
                return Ok(());
            }
            let mut event = out.event();
            event.set(Field::Type, "blacklist")?;
            event.set(Field::Network(Side::Source), format!("{start}/{length}"))?;
            event.time = updated;
            match attacks.parse() {
                Ok(number) => event.extra.int("attacks", number),
                Err(_) => event.set_key_or_keep("attacks", attacks),
            }
            for (key, value) in ["network_name", "source.geolocation.cc", "source.abuse_contact"].into_iter().zip(about) {
                event.set_key_or_keep(key, *value);
            }
            out.give(event)
        })
    }
}
