//! Lines of `key=value`, as firewalls, honeypots and sensors log them, with or without a syslog prefix.
//!
//! Pairs are separated by spaces, commas, semicolons, tabs or bars; values may be quoted. Keys that name a column of an event
//! (an IntelMQ key, or one of the words that everyone uses) set it, the others stay in `extra`.

use std::io::Read;

use super::columns::{Meaning, common};
use super::reading::{each_line, first_lines};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::{Event, Side};
use crate::model::field::Field;
use formats::time;

#[derive(Debug)]
pub(super) struct KeyValue;

impl Source for KeyValue {
    fn name(&self) -> &'static str {
        "key-value"
    }

    fn about(&self) -> &'static str {
        "lines of key=value, with or without syslog prefix"
    }

    fn names_feeds(&self) -> bool {
        true
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let (mut all, mut ours, mut known) = (0, 0, 0);
        for line in first_lines(head).take(50) {
            let (_, pairs) = pairs(line);
            all += 1;
            ours += usize::from(pairs.len() > 1);
            known += usize::from(pairs.iter().any(|(key, _)| common(key).is_some_and(|m| m.names_a_host())));
        }
        if ours == 0 || ours * 10 < all * 8 || known * 2 < ours { Likelihood::No } else { Likelihood::Possible }
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        each_line(input, sink, |line, out| {
            let line = line.trim();
            if line.starts_with('#') {
                return Ok(());
            }
            let (prefix, pairs) = pairs(line);
            if pairs.is_empty() {
                let shown: String = line.chars().take(80).collect();
                return Err(format!("{shown:?} has no key=value").into());
            }
            let mut event = out.event();
            // `date=2026-03-23 time=07:01:02` is one time in two values
            let part = |name: &str| pairs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
            let joined = match (part("date"), part("time")) {
                (Some(date), Some(clock)) => {
                    let zone = part("tz").unwrap_or_default().trim_matches('"');
                    Some([format!("{date} {clock} {zone}"), format!("{date} {clock}")])
                        .into_iter()
                        .flatten()
                        .find(|t| time::read(t).is_some())
                }
                _ => None,
            };
            for (key, value) in &pairs {
                let of_time = joined.is_some() && ["date", "time", "tz"].iter().any(|part| key.eq_ignore_ascii_case(part));
                if !of_time {
                    set(&mut event, key, value);
                }
            }
            if let Some(joined) = joined {
                event.set_key_or_keep("time.source", joined);
            }
            from_prefix(&mut event, prefix);
            event.host_from_url(Side::Source);
            if !names_a_host(&event) {
                let hosts = pairs.iter().filter(|(key, _)| common(key).is_some_and(Meaning::names_a_host));
                let hosts: Vec<String> =
                    hosts.take(4).map(|(key, value)| format!("{key}={:?}", value.chars().take(80).collect::<String>())).collect();
                return Err(format!("no value names a host ({})", hosts.join(", ")).into());
            }
            out.give(event)
        })
    }
}

fn set<'a>(event: &mut Event<'a>, key: &str, value: &'a str) {
    // the first that says it holds
    let free = |event: &mut Event<'_>, field: Field| match field {
        Field::Time => event.time.is_none(),
        Field::Ip(side) => event.end(side).ip.is_none(),
        _ => true,
    };
    match common(key) {
        Some(Meaning::Field(field)) if !free(event, field) => event.extra.str(key, value),
        Some(meaning) => meaning.set(event, value, key),
        None => event.set_key_or_keep(key, value),
    }
}

pub(super) fn names_a_host(event: &Event<'_>) -> bool {
    [&event.source, &event.destination]
        .into_iter()
        .any(|end| end.ip.is_some() || end.fqdn.is_some() || end.url.is_some() || end.network.is_some())
}

/// `<13>Mar 23 07:01:02 host program[1]:` and RFC 5424's `<13>1 2026-03-23T07:01:02Z host program - - -`.
fn from_prefix<'a>(event: &mut Event<'a>, prefix: &'a str) {
    let prefix = prefix.trim();
    if prefix.is_empty() {
        return;
    }
    let said = match prefix.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        Some((priority, rest)) if priority.parse::<u16>().is_ok() => rest,
        _ => prefix,
    };
    let said = said.strip_prefix("1 ").unwrap_or(said);
    let first = said.split(' ').next().unwrap_or_default();
    // Syslog without a year (RFC 3164) does not say when it was.
    if event.time.is_none()
        && let Some(text) = [first, said.get(..19).unwrap_or_default()].into_iter().find(|text| time::read(text).is_some())
    {
        event.set_key_or_keep("time.source", text);
    }
    event.extra.str("syslog", prefix);
}

/// What stands before the first pair, and the pairs.
fn pairs(line: &str) -> (&str, Vec<(&str, &str)>) {
    let mut found = Vec::new();
    let mut prefix_end = None;
    let mut at = 0;
    while let Some(equals) = line[at..].find('=').map(|n| at + n) {
        let start = line[at..equals].rfind(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '.' | '@')).map_or(at, |n| {
            let from = at + n;
            from + line[from..].chars().next().map_or(1, char::len_utf8)
        });
        let key = &line[start..equals];
        let rest = &line[equals + 1..];
        let (value, used) = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => match rest[1..].find(quote) {
                Some(end) => (&rest[1..=end], end + 2),
                None => (&rest[1..], rest.len()),
            },
            _ => {
                let end = rest.find([' ', '\t', ',', ';', '|']).unwrap_or(rest.len());
                (&rest[..end], end)
            }
        };
        if key.is_empty() {
            at = equals + 1;
            continue;
        }
        prefix_end.get_or_insert(start);
        found.push((key, value));
        at = equals + 1 + used;
    }
    (&line[..prefix_end.unwrap_or(line.len())], found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_stand_apart_in_many_ways() {
        for line in ["a=1 b=\"x y\" c=z", "a=1,b='x y';c=z", "a=1|b=\"x y\"\tc=z"] {
            assert_eq!(pairs(line), ("", vec![("a", "1"), ("b", "x y"), ("c", "z")]), "{line}");
        }
        assert_eq!(pairs("<13>Mar 23 07:01:02 fw: src=192.0.2.1"), ("<13>Mar 23 07:01:02 fw: ", vec![("src", "192.0.2.1")]));
        assert_eq!(pairs("== ="), ("== =", vec![]));
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_it_panic(line in "(=|\"|'| |,|[a-z]|ü|\\PC){0,40}") {
            let (prefix, found) = pairs(&line);
            proptest::prop_assert!(prefix.len() <= line.len());
            let _ = found;
        }
    }
}
