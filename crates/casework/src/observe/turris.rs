//! Turris Sentinel greylist: `Address,Tags`, where each tag is a trap the address walked into and makes an event.

use std::io::Read;

use super::reading::{Table, certain_if, each_row, head_text};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::Side;
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct Turris;

impl Source for Turris {
    fn name(&self) -> &'static str {
        "turris-greylist"
    }

    fn about(&self) -> &'static str {
        "Turris Sentinel greylist"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        certain_if(
            head_text(head)
                .lines()
                .take(5)
                .any(|line| line.trim() == "Address,Tags" || (line.starts_with('#') && line.contains("turris.cz"))),
        )
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        let table = Table { delimiter: ',', comment: Some('#'), names: &["Address", "Tags"] };
        each_row(input, sink, &table, |row, out| {
            for tag in row.get("Tags").split(',').map(str::trim) {
                let mut event = out.event();
                event.set(Field::Ip(Side::Source), row.get("Address"))?;
                if event.source.ip.is_none() {
                    return Err("Address: there is none".into());
                }
                if tag == "port_scan" {
                    event.set(Field::Type, "scanner")?;
                } else {
                    event.set(Field::Type, "brute-force")?;
                    event.set(Field::Application, tag)?;
                    event.set(Field::Transport, if tag.is_empty() { "" } else { "tcp" })?;
                    event.destination.port = match tag {
                        "ftp" => Some(21),
                        "http" => Some(80),
                        "smtp" => Some(25),
                        "telnet" => Some(23),
                        "ssh" | "haas" => Some(22),
                        _ => None,
                    };
                }
                out.give(event)?;
            }
            Ok(())
        })
    }
}
