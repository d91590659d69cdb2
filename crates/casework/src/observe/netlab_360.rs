//! Netlab 360: domains of generators, exploit kits, and the scanners of Mirai and Hajime. Times are UTC.

use std::io::Read;

use super::reading::{Refusal, certain_if, each_line, first_lines, head_text};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::{Event, Side};
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct Netlab360;

#[derive(Clone, Copy)]
enum List {
    /// `family, domain, start, end`
    Dga,
    /// `kit, time, address, host, url`
    ExploitKit,
    /// `time, sip=…, dport=…`
    Scanner(&'static str),
}

impl Source for Netlab360 {
    fn name(&self) -> &'static str {
        "netlab-360"
    }

    fn about(&self) -> &'static str {
        "Netlab 360 DGA domains, exploit kits, Mirai and Hajime scanners"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        certain_if(list(head).is_some() && (head.origin().contains("netlab") || head_text(head).contains("netlab 360")))
    }

    fn read(&self, input: &mut dyn Read, context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        let Some(list) = list(&context.head) else {
            return Err(ReadError::Malformed("none of the lists of Netlab 360".to_owned()));
        };
        each_line(input, sink, |line, out| {
            if line.starts_with('#') {
                return Ok(());
            }
            let cell: Vec<&str> = line.split('\t').map(str::trim).collect();
            let mut event = out.event();
            match list {
                List::Dga => dga(&mut event, &cell)?,
                List::ExploitKit => exploit_kit(&mut event, &cell)?,
                List::Scanner(identifier) => scanner(&mut event, &cell, identifier)?,
            }
            out.give(event)
        })
    }
}

fn list(head: &Head<'_>) -> Option<List> {
    let origin = head.origin();
    let first = first_lines(head).next()?;
    let cell: Vec<&str> = first.split('\t').collect();
    if cell.iter().skip(1).any(|c| c.starts_with("ip=") || c.starts_with("sip=")) {
        return Some(List::Scanner(if origin.contains("hajime") { "hajime" } else { "mirai" }));
    }
    match cell.len() {
        4 => Some(List::Dga),
        5 => Some(List::ExploitKit),
        _ => None,
    }
}

fn dga<'a>(event: &mut Event<'a>, cell: &[&'a str]) -> Result<(), Refusal> {
    let [family, domain, start, end] = cell[..] else {
        return Err(format!("{} columns where 4 are expected", cell.len()).into());
    };
    event.set(Field::Type, "c2-server")?;
    event.set(Field::Identifier, family)?;
    event.set(Field::Fqdn(Side::Source), domain)?;
    event.set_or_keep(Field::Time, start);
    event.set_key_or_keep("event_description.url", "http://data.netlab.360.com/dga");
    event.set_key_or_keep("valid_until", end);
    Ok(())
}

fn exploit_kit<'a>(event: &mut Event<'a>, cell: &[&'a str]) -> Result<(), Refusal> {
    let [kit, time, address, host, url] = cell[..] else {
        return Err(format!("{} columns where 5 are expected", cell.len()).into());
    };
    // `N/A` and `-` stand for what is not known
    let known = |text: &'a str| if matches!(text, "N/A" | "-") { "" } else { text };
    event.set(Field::Type, "exploit")?;
    event.set(Field::Identifier, kit.to_ascii_lowercase())?;
    event.set_or_keep(Field::Time, time);
    event.set_key_or_keep("source.ip", known(address));
    event.set_key_or_keep("source.fqdn", known(host));
    event.set_key_or_keep("source.url", known(url));
    event.set_key_or_keep("event_description.url", "http://data.netlab.360.com/ek");
    let end = &event.source;
    if end.ip.is_none() && end.fqdn.is_none() && end.url.is_none() {
        return Err("neither address nor host nor URL".into());
    }
    Ok(())
}

fn scanner<'a>(event: &mut Event<'a>, cell: &[&'a str], identifier: &'static str) -> Result<(), Refusal> {
    event.set(Field::Type, "scanner")?;
    event.set(Field::Identifier, identifier)?;
    event.set_or_keep(Field::Time, cell[0]);
    for pair in &cell[1..] {
        match pair.split_once('=') {
            Some(("ip" | "sip", address)) => event.set(Field::Ip(Side::Source), address)?,
            Some(("dport", port)) => event.set_key_or_keep("destination.port", port),
            Some((key, value)) => event.set_key_or_keep(key, value),
            None => return Err(format!("{pair:?} is not key=value").into()),
        }
    }
    if event.source.ip.is_none() { Err("source.ip: there is none".into()) } else { Ok(()) }
}
