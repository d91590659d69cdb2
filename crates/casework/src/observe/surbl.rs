//! SURBL as an rbldnsd zone: `.domain` or address, each under the line `:code:text` that says on which lists it is.

use std::io::Read;

use super::reading::{certain_if, each_line, head_text};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::Side;
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct Surbl;

impl Source for Surbl {
    fn name(&self) -> &'static str {
        "surbl"
    }

    fn about(&self) -> &'static str {
        "SURBL zone in the format of rbldnsd"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        certain_if(head_text(head).lines().any(|line| line.starts_with(":127.") && line.contains("surbl")))
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        let mut lists = String::new();
        each_line(input, sink, |line, out| {
            let line = line.trim();
            if line.starts_with(['#', '$', '!']) {
                return Ok(());
            }
            if line.starts_with(':') {
                let inside = line.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map_or("", |(inside, _)| inside);
                inside.clone_into(&mut lists);
                return Ok(());
            }
            let name = line.trim_start_matches(['.', '*']);
            // a test record of the zone, not a host
            if name == "0.0.0.0" || name.starts_with("127.") {
                return Ok(());
            }
            let mut event = out.event();
            event.set(Field::Type, class(&lists))?;
            event.set_host(Side::Source, name)?;
            event.set_key_or_keep("surbl_lists", lists.clone());
            out.give(event)
        })
    }
}

/// Phishing and malware are named; cracked sites and abuse are not classes of RSIT.
fn class(lists: &str) -> &'static str {
    let mut lists = lists.split([' ', ',']).filter(|list| !list.is_empty());
    if lists.clone().any(|list| list == "ph") {
        "phishing"
    } else if lists.any(|list| list == "mw") {
        "malware-distribution"
    } else {
        "blacklist"
    }
}
