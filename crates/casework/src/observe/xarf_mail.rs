//! X-ARF 0.1 and 0.2: the `report.txt` of a mail, `Key: value` lines that begin with `---` (x-arf.org).
//!
//! Later versions are JSON and have a source of their own.

use std::io::{BufRead, BufReader, Read};

use formats::rsit::Class;

use super::{Context, Head, Likelihood, Position, ReadError, Sink, Source};
use crate::model::event::{Event, Side};
use crate::model::field::{Field, Invalid};

#[derive(Debug)]
pub struct XarfMail;

/// A report holds some twenty lines.
const LONGEST: u64 = 1 << 20;

impl Source for XarfMail {
    fn name(&self) -> &'static str {
        "xarf-mail"
    }

    fn about(&self) -> &'static str {
        "X-ARF 0.1 and 0.2: report.txt in abuse mails (blocklist.de, fail2ban and others)"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        // the lines stand at the start: in the middle of a mail they are one of its parts
        let text = head.text().trim_start_matches(['-', '\r', '\n', ' ']);
        let keys: Vec<&str> = text.lines().take(100).map_while(key_of).collect();
        let has = |key: &str| keys.iter().any(|known| known.eq_ignore_ascii_case(key));
        if !has("Report-Type") || !has("Source") {
            Likelihood::No
        } else if has("Schema-URL") || has("Reported-From") {
            Likelihood::Certain
        } else {
            Likelihood::Possible
        }
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        let mut lines = Vec::new();
        let mut offset = 0;
        let mut position = None;
        let mut input = BufReader::new(input.take(LONGEST));
        let (mut raw, mut row) = (Vec::new(), 0);
        while input.read_until(b'\n', &mut raw)? > 0 {
            row += 1;
            let line = String::from_utf8_lossy(&raw);
            if let Some((key, value)) = key_value(&line) {
                position.get_or_insert(Position { row, offset });
                lines.push((key.to_owned(), value.to_owned()));
            }
            offset += raw.len() as u64;
            raw.clear();
        }
        let at = position.ok_or_else(|| ReadError::Malformed("no line of the form `Key: value`".to_owned()))?;
        let mut event = Event::default();
        match fill(&mut event, &lines) {
            Ok(()) => sink.event(at, &mut event)?,
            Err(reason) => sink.reject(at, reason)?,
        }
        Ok(())
    }
}

fn key_of(line: &str) -> Option<&str> {
    Some(key_value(line)?.0)
}

/// A YAML line of the simplest kind, with or without quotes.
fn key_value(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let fits = !key.is_empty() && key.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_');
    let value = value.trim();
    let unquoted = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    fits.then_some((key, unquoted.unwrap_or(value)))
}

fn fill<'a>(event: &mut Event<'a>, lines: &'a [(String, String)]) -> Result<(), String> {
    let of = |key: &str| lines.iter().find(|(known, _)| known.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str());
    let report_type = of("Report-Type").unwrap_or_default().to_ascii_lowercase();
    let category = of("Category").unwrap_or_default().to_ascii_lowercase();
    event.class = class(&report_type, &category);
    for (key, value) in lines.iter().map(|(key, value)| (key.to_ascii_lowercase(), value.as_str())) {
        if !value.is_empty() {
            set(event, &key, value).map_err(|invalid| invalid.to_string())?;
        }
    }
    if event.source.ip.is_none() && event.source.url.is_none() && event.source.fqdn.is_none() && event.source.network.is_none() {
        return Err("the report names no Source".to_owned());
    }
    event.host_from_url(Side::Source);
    if !report_type.is_empty() {
        event.identifier = Some(report_type.into());
    }
    Ok(())
}

fn set<'a>(event: &mut Event<'a>, key: &str, value: &'a str) -> Result<(), Invalid> {
    match key {
        "source" => event.set_host(Side::Source, value),
        // an address, but also the name of a service: no reason to lose the report
        "destination" => {
            if event.set_host(Side::Destination, value).is_err() {
                event.extra.str("destination", value);
            }
            Ok(())
        }
        "date" => event.set_time_assuming_utc(value),
        "tlp" => event.set(Field::Tlp, value),
        "service" => event.set(Field::Application, value),
        "protocol" | "transport" => event.set(Field::Transport, value),
        // the port that was attacked: `Service: ssh`, `Port: 22`; several are kept as written
        "port" | "destination-port" | "source-port" => {
            let side = if key == "source-port" { Side::Source } else { Side::Destination };
            if event.set(Field::Port(side), value).is_err() {
                event.extra.str(&key.replace('-', "_"), value);
            }
            Ok(())
        }
        "malware" | "malware-name" => event.set(Field::Malware, value),
        "report-type" | "source-type" | "destination-type" | "version" | "attachment" => Ok(()),
        _ => {
            match value.parse() {
                Ok(number) if key == "occurrences" => event.extra.int(key, number),
                _ => event.extra.str(&key.replace('-', "_"), value),
            }
            Ok(())
        }
    }
}

/// The class of a report type of the x-arf.org schemas, else of its category.
fn class(report_type: &str, category: &str) -> Class {
    let type_ = match report_type {
        "login-attack" | "login" | "bruteforce" | "brute-force" => "brute-force",
        "portscan" | "port-scan" | "scan" | "probe" => "scanner",
        "web-attack" | "webattack" | "exploit" | "rfi-attack" | "sqlinjection" | "sql-injection" | "hacking" => "exploit",
        "malware-attack" | "bot" | "botnet" | "bot-infection" | "infection" | "trojan" => "infected-system",
        "malware" | "malware-url" => "malware-distribution",
        "phishing" => "phishing",
        "spam" | "mail-spam" | "forum-spam" | "comment-spam" | "spamvertised" | "email-spam" => "spam",
        "dos" | "dos-attack" => "dos",
        "ddos" | "ddos-attack" | "amplification" => "ddos",
        "copyright" | "trademark" => "copyright",
        "compromised" | "compromised-server" | "hacked" => "system-compromise",
        _ => match category {
            "fraud" => "phishing",
            "auth" => "brute-force",
            _ => "undetermined",
        },
    };
    Class::of(type_).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Head<'_> {
        Head { name: "report.txt", bytes: text.as_bytes(), whole: true, media_type: None }
    }

    #[test]
    fn only_a_text_that_begins_so_is_a_report() {
        let report = "---\nReported-From: a@example.org\nReport-Type: login-attack\nSource: 192.0.2.1\n";
        assert_eq!(XarfMail.recognise(&head(report)), Likelihood::Certain);
        let mail = format!("From: a@example.org\nSubject: report\n\n{report}");
        assert_eq!(XarfMail.recognise(&head(&mail)), Likelihood::No);
    }

    proptest::proptest! {
        #[test]
        fn any_lines_are_a_report_or_a_reason(lines in proptest::collection::vec("(Source|Date|TLP|Port|Report-Type|Occurrences): ?.{0,20}", 0..8)) {
            let lines: Vec<(String, String)> = lines.iter().filter_map(|line| key_value(line)).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
            let _ = fill(&mut Event::default(), &lines);
        }
    }
}
