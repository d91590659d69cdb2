//! Comodo Web Inspector: the page of recent detections, `site, result, last detected`. Times carry their zone.

use std::io::Read;

use super::page::each_table_row;
use super::reading::{certain_if, head_text};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::Side;
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct WebInspektor;

impl Source for WebInspektor {
    fn name(&self) -> &'static str {
        "webinspector"
    }

    fn about(&self) -> &'static str {
        "Comodo Web Inspector page of recent detections"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let text = head_text(head);
        certain_if(text.contains("<th>Unsafe Site</th>") && text.contains("<th>Last Detected At</th>"))
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        each_table_row(input, sink, |row, out| {
            if row.heading || row.cells.len() < 3 {
                return Ok(());
            }
            // A long site is shown shortened, and whole in the hidden block after it.
            let site = row.cells[0].lines().last().unwrap_or_default();
            let mut event = out.event();
            event.set(Field::Identifier, row.cells[1].clone())?;
            event.set(Field::Type, "blacklist")?;
            event.set(Field::Url(Side::Source), site.to_owned())?;
            if event.source.url.is_none() {
                return Err("Unsafe Site: there is none".into());
            }
            event.host_from_url(Side::Source);
            event.set_key_or_keep("time.source", row.cells[2].clone());
            out.give(event)
        })
    }
}
