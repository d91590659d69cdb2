//! Spamhaus DROP, EDROP, DROPv6 and ASN-DROP as text: `192.0.2.0/24 ; SBL1`, `AS64496 ; CC | name`.
//!
//! The list as a whole has one time, `Last-Modified`. Spamhaus lists networks hijacked or leased by spammers.

use std::io::Read;

use super::reading::{after_label, certain_if, each_line, first_lines, head_text};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::Side;
use crate::model::field::Field;
use formats::{time, value};

#[derive(Debug)]
pub(super) struct SpamhausDrop;

impl Source for SpamhausDrop {
    fn name(&self) -> &'static str {
        "spamhaus-drop-text"
    }

    fn about(&self) -> &'static str {
        "Spamhaus DROP, EDROP, DROPv6 and ASN-DROP lists as text"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let origin = head.origin();
        let said = head_text(head)
            .lines()
            .take(5)
            .any(|line| line.starts_with(';') && line.contains("Spamhaus") && ["DROP", "EDROP"].iter().any(|word| line.contains(word)));
        let named = origin.contains("spamhaus") && origin.contains("drop");
        certain_if((said || named) && first_lines(head).next().is_some_and(|line| entry(line).is_some()))
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        let mut modified = None;
        each_line(input, sink, |line, out| {
            let line = line.trim();
            if line.starts_with(';') {
                modified = after_label(line, "last-modified:").and_then(time::read).map(|moment| moment.at).or(modified);
                return Ok(());
            }
            let Some((listed, note)) = entry(line) else {
                return Err(format!("{line:?} is no network or AS number with a note").into());
            };
            let mut event = out.event();
            event.set(Field::Type, "spam")?;
            event.time = modified;
            if value::network(listed).is_some() {
                event.set(Field::Network(Side::Source), listed)?;
                if !note.is_empty() {
                    event.extra.str("blocklist", note);
                }
            } else {
                event.set(Field::Asn(Side::Source), listed)?;
                let (country, name) = note.split_once('|').unwrap_or(("", note));
                event.set_key_or_keep("source.geolocation.cc", country.trim());
                event.set_key_or_keep("source.as_name", name.trim());
            }
            out.give(event)
        })
    }
}

/// What is listed, and the note after the semicolon.
fn entry(line: &str) -> Option<(&str, &str)> {
    let (listed, note) = line.split_once(';').unwrap_or((line, ""));
    let listed = listed.trim();
    let asn = listed.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("as")) && value::asn(listed).is_some();
    (asn || value::network(listed).is_some()).then_some((listed, note.trim()))
}
