//! Bambenek Consulting: command-and-control domains and addresses, and domains of generators, `indicator,description,time,manual`.
//!
//! The page of the manual names the malware. Times are UTC, as the list says of itself.

use std::io::Read;

use super::reading::{cells, certain_if, each_line, first_lines, head_text};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::Side;
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct Bambenek;

/// Short names of the manual's pages.
const MALWARE: &[(&str, &str)] = &[("cl", "cryptolocker"), ("p2pgoz", "p2p goz"), ("ptgoz", "pt goz"), ("volatile", "volatile cedar")];

impl Source for Bambenek {
    fn name(&self) -> &'static str {
        "bambenek"
    }

    fn about(&self) -> &'static str {
        "Bambenek Consulting C2 and DGA lists"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let said = head_text(head).lines().take(30).any(|line| line.starts_with('#') && line.contains("Bambenek"));
        let rows = first_lines(head).next().is_some_and(|line| cells(line, ',').len() == 4);
        certain_if(rows && (said || head.origin().contains("bambenek")))
    }

    fn read(&self, input: &mut dyn Read, context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        let generated = head_text(&context.head).lines().take(30).any(|line| line.starts_with('#') && line.contains("DGA"));
        let generated = generated || context.head.origin().contains("dga");
        each_line(input, sink, |line, out| {
            if line.starts_with('#') {
                return Ok(());
            }
            let cell = cells(line, ',');
            let [indicator, description, time, manual] = &cell[..] else {
                return Err(format!("{} columns where 4 are expected", cell.len()).into());
            };
            let mut event = out.event();
            event.set(Field::Type, if generated { "dga-domain" } else { "c2-server" })?;
            event.set_host(Side::Source, &**indicator)?;
            event.set_or_keep(Field::Time, &**time);
            event.set_key_or_keep("event_description.text", &**description);
            event.set_key_or_keep("event_description.url", &**manual);
            let page = manual.rsplit('/').next().unwrap_or_default();
            let page = page.split('.').next().unwrap_or_default();
            let malware = MALWARE.iter().find(|(short, _)| *short == page).map_or(page, |(_, name)| name);
            event.set_key_or_keep("malware.name", malware);
            if !generated {
                event.extra.str("status", "online");
            }
            out.give(event)
        })
    }
}
