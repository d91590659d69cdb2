//! A list of indicators, one a line: addresses, networks, names, URLs, hashes, AS numbers, in any mixture.
//!
//! Nothing says what kind of incident it is, so the class stays undetermined unless the list's own source (`openphish.rs`,
//! `cins.rs`, …, which read through [`read_list`]) knows. Lines in the manner of a hosts file name the host in the second place.

use std::borrow::Cow;
use std::io::Read;

use formats::value;

use super::reading::{Refusal, each_line, first_lines, is_comment};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::{Event, Side};
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct List;

impl Source for List {
    fn name(&self) -> &'static str {
        "list"
    }

    fn about(&self) -> &'static str {
        "list of addresses, networks, domains, URLs or hashes, one a line"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        if is_list(head, |_| true) { Likelihood::Possible } else { Likelihood::No }
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        read_list(input, sink, |_| {})
    }
}

/// Nine of ten of the first lines are an indicator for which `fits` holds.
pub(super) fn is_list(head: &Head<'_>, fits: impl Fn(&Indicator<'_>) -> bool) -> bool {
    let (mut all, mut ours) = (0, 0);
    for line in first_lines(head).take(100) {
        all += 1;
        ours += usize::from(split(line).is_some_and(|(indicator, _)| fits(&indicator)));
    }
    ours > 0 && ours * 10 >= all * 9
}

/// Reads a list; `describe` says what each entry means before its indicator is set.
pub(super) fn read_list(input: &mut dyn Read, sink: &mut dyn Sink, describe: impl Fn(&mut Event<'_>)) -> Result<(), ReadError> {
    each_line(input, sink, |line, out| {
        let line = line.trim();
        if is_comment(line) {
            return Ok(());
        }
        let Some((indicator, comment)) = split(line) else {
            let shown: String = line.chars().take(80).collect();
            return Err(Refusal::Because(format!("{shown:?} is no address, network, host name, URL, hash or AS number")));
        };
        let mut event = out.event();
        describe(&mut event);
        indicator.set(&mut event)?;
        if !comment.is_empty() {
            event.extra.str("comment", comment);
        }
        out.give(event)
    })
}

/// What one entry of a list is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Indicator<'a> {
    /// Address with or without port, network, name or URL.
    Host(&'a str),
    Asn(&'a str),
    /// Kind (`sha256`) and digits.
    Hash(&'static str, &'a str),
}

impl<'a> Indicator<'a> {
    pub(super) fn of(text: &'a str) -> Option<Self> {
        if let Some(kind) = value::hash_kind(text) {
            return Some(Self::Hash(kind, text));
        }
        if text.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("as")) && text[2..].parse::<u32>().is_ok() {
            return Some(Self::Asn(text));
        }
        let mut trial = Event::default();
        trial.set_host(Side::Source, text).ok()?;
        let end = &trial.source;
        // One word, or a name that ends like a file or a number, is a name only by accident.
        let name_fits = |name: &str| {
            let last = name.rsplit('.').next().unwrap_or_default();
            name.contains('.') && last.len() > 1 && (last.starts_with("xn--") || last.bytes().all(|c| c.is_ascii_alphabetic()))
        };
        (end.ip.is_some() || end.network.is_some() || end.url.is_some() || end.fqdn.as_deref().is_some_and(name_fits))
            .then_some(Self::Host(text))
    }

    /// Sets it as the source of the event.
    pub(super) fn set(&self, event: &mut Event<'a>) -> Result<(), Refusal> {
        match self {
            Self::Host(text) => {
                event.set_host(Side::Source, *text)?;
                event.host_from_url(Side::Source);
            }
            Self::Asn(text) => event.set(Field::Asn(Side::Source), *text)?,
            Self::Hash("sha512", text) => event.extra.str("sha512", &text.to_ascii_lowercase()),
            Self::Hash(kind, text) => event.extra.str(&format!("malware.hash.{kind}"), &text.to_ascii_lowercase()),
        }
        Ok(())
    }

    pub(super) fn is_address(&self) -> bool {
        matches!(self, Self::Host(text) if value::ip(text).is_some())
    }

    pub(super) fn is_url(&self) -> bool {
        matches!(self, Self::Host(text) if value::url(text).is_some())
    }
}

/// The indicator of a line and what is said beside it.
fn split(line: &str) -> Option<(Indicator<'_>, &str)> {
    if let Some(indicator) = Indicator::of(line) {
        return Some((indicator, ""));
    }
    let (first, after) = line.split_at(line.find(|c: char| c.is_whitespace() || c == ';' || c == ',').unwrap_or(line.len()));
    let first = first.trim_matches(['"', '\'', '<', '>']);
    let rest = after.trim_start_matches([';', ',', ' ', '\t']);
    if matches!(first, "0.0.0.0" | "127.0.0.1" | "::" | "::1") {
        let (name, comment) = rest.split_at(rest.find(|c: char| c.is_whitespace()).unwrap_or(rest.len()));
        if let Some(indicator) = Indicator::of(name).filter(|i| !i.is_address()) {
            return Some((indicator, bare(comment)));
        }
    }
    // What follows must be a comment, or this is a table or a sentence.
    let commented = rest.is_empty() || is_comment(rest) || after.trim_start().starts_with(';');
    commented.then(|| Indicator::of(first)).flatten().map(|indicator| (indicator, bare(rest)))
}

fn bare(comment: &str) -> &str {
    comment.trim().trim_start_matches(['#', ';', '/', ' '])
}

/// Sets the class by the name of a type, and what IntelMQ calls `event_description.text`.
pub(super) fn describe<'a>(event: &mut Event<'a>, type_: &str, text: impl Into<Cow<'a, str>>) {
    event.set_key_or_keep("classification.type", type_.to_owned());
    event.set_key_or_keep("event_description.text", text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_every_kind_are_known() {
        for line in [
            "192.0.2.1",
            "192.0.2.1:8080 # c2",
            "192.0.2.0/24 ; SBL1",
            "2001:db8::1",
            "hxxp://evil[.]example/x",
            "evil.example",
            "0.0.0.0 evil.example",
            "AS64496",
            "d41d8cd98f00b204e9800998ecf8427e",
            "\"evil.example\"",
        ] {
            assert!(split(line).is_some(), "{line}");
        }
        for line in ["hello", "ip,port", "192.0.2.1,80", "This is a sentence.", "192.0.2.1 192.0.2.2", "readme.1", "{", "a: b"] {
            assert!(split(line).is_none(), "{line}");
        }
        assert_eq!(split("0.0.0.0 evil.example # ad").unwrap(), (Indicator::Host("evil.example"), "ad"));
    }
}
