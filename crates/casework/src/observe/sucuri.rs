//! Sucuri Labs: the page of hidden iframes, redirections and scripts found on compromised sites.
//!
//! URLs are broken up by comments, which the reader of pages takes out. Scripts name no URL that can be read back.

use std::io::Read;

use super::page::each_table_row;
use super::reading::{certain_if, head_text};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::Side;
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct Sucuri;

impl Source for Sucuri {
    fn name(&self) -> &'static str {
        "sucuri"
    }

    fn about(&self) -> &'static str {
        "Sucuri Labs page of hidden iframes and redirections"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let text = head_text(head);
        certain_if(text.contains("<title>Sucuri Research") && text.contains("<table"))
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        each_table_row(input, sink, |row, out| {
            let [sites, kind, url] = &row.cells[..] else { return Ok(()) };
            let identifier = match kind.as_str() {
                "iframe" => "hidden-iframe",
                "redirections" => "conditional-redirection",
                "javascript" => return out.reject("Malware / Domains: a script, no URL"),
                _ => return Ok(()),
            };
            let mut event = out.event();
            event.set(Field::Identifier, identifier)?;
            event.set(Field::Type, "blacklist")?;
            event.set(Field::Url(Side::Source), url.clone())?;
            if event.source.url.is_none() {
                return Err("Malware / Domains: there is none".into());
            }
            event.host_from_url(Side::Source);
            if let Ok(sites) = sites.parse() {
                event.extra.int("sites_infected", sites);
            }
            out.give(event)
        })
    }
}
