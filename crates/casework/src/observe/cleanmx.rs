//! CleanMX: phishing and malware URLs as XML, one `<entry>` after another. Times count seconds since 1970.
//!
//! Entries are read one at a time: a day's file is tens of megabytes.

use std::io::Read;

use super::reading::{Reading, Refusal, certain_if, head_text};
use super::{Context, Head, Likelihood, Position, ReadError, Sink, Source};
use crate::model::event::Side;
use crate::model::field::Field;
use formats::html_text::{self, Piece};
use formats::lines::{LINE_LIMIT, Lines};

#[derive(Debug)]
pub(super) struct CleanMx;

const FIELDS: &[(&str, &str)] = &[
    ("first", "time.source"),
    ("md5", "malware.hash.md5"),
    ("virusname", "malware.name"),
    ("target", "event_description.target"),
    ("ip", "source.ip"),
    ("as", "source.asn"),
    ("domain", "source.fqdn"),
    ("country", "source.geolocation.cc"),
    ("email", "source.abuse_contact"),
    // said below, or of the file and not of the host
    ("url", ""),
    ("recent", ""),
    ("line", ""),
];

impl Source for CleanMx {
    fn name(&self) -> &'static str {
        "cleanmx"
    }

    fn about(&self) -> &'static str {
        "CleanMX phishing and malware URLs as XML"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let text = head_text(head);
        certain_if(text.contains("<entries>") && text.contains("<entry>") && text.contains("<recent>") && text.contains("<inetnum"))
    }

    fn read(&self, input: &mut dyn Read, context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        let mut lines = Lines::new(input);
        let mut out = Reading::new(sink);
        let mut entry: Vec<u8> = Vec::new();
        let mut at: Option<Position> = None;
        while let Some(line) = lines.next()? {
            let here = Position { row: line.number, offset: line.offset };
            let bytes = match line.bytes() {
                Ok(bytes) => bytes,
                Err(problem) => {
                    out.record(at.take().unwrap_or(here), |_| Err(Refusal::Because(problem.to_string())))?;
                    continue;
                }
            };
            let text = bytes.trim_ascii();
            if text.starts_with(b"<entry>") {
                at = Some(here);
                entry.clear();
            }
            let Some(start) = at else { continue };
            if entry.len() + bytes.len() > LINE_LIMIT {
                at = None;
                out.record(start, |_| Err("the entry is longer than 1 MiB".into()))?;
                continue;
            }
            entry.extend_from_slice(bytes);
            entry.push(b'\n');
            if text.ends_with(b"</entry>") {
                at = None;
                let text = html_text::decode_part(&entry, context.head.bytes);
                out.record(start, |out| read_entry(&text, out))?;
            }
        }
        if let Some(start) = at {
            out.record(start, |_| Err("the entry has no end".into()))?;
        }
        Ok(())
    }
}

fn read_entry(entry: &str, out: &mut Reading<'_>) -> Result<(), Refusal> {
    let mut event = out.event();
    let mut viruses = false;
    let mut said: Vec<(String, String)> = Vec::new();
    for (_, piece) in html_text::pieces(entry) {
        match piece {
            Piece::Open { name, .. } => said.push((name.to_ascii_lowercase(), String::new())),
            Piece::Text(text) => {
                said.iter_mut().next_back().into_iter().for_each(|(_, value)| value.push_str(html_text::unescape(text).trim()))
            }
            Piece::Verbatim(text) => said.iter_mut().next_back().into_iter().for_each(|(_, value)| value.push_str(text)),
            Piece::Close { .. } => {}
        }
    }
    for (name, value) in said.iter().filter(|(name, value)| name != "entry" && !value.is_empty()) {
        viruses |= name == "virusname";
        match FIELDS.iter().find(|(field, _)| field == name) {
            Some((_, "")) => {}
            Some((_, key)) => event.set_key_or_keep(key, value.clone()),
            None => event.extra.str(name, value),
        }
        match (name.as_str(), value.as_str()) {
            ("url", url) => event.set_or_keep(Field::Url(Side::Source), url.to_owned()),
            ("source", registry) => event.extra.str("source.registry", registry),
            ("recent", "up") => event.extra.str("status", "online"),
            ("recent", "down") => event.extra.str("status", "offline"),
            ("recent", other) => event.extra.str("status", other),
            _ => {}
        }
    }
    event.set(Field::Type, if viruses { "malware-distribution" } else { "phishing" })?;
    if event.source.url.is_none() && event.source.ip.is_none() && event.source.fqdn.is_none() {
        return Err("neither url nor ip nor domain".into());
    }
    out.give(event)
}
