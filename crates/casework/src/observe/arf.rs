//! Complaints about mails (ARF, RFC 5965): who sent it, and what it led to.
//!
//! The host that sent the mail and the pages that it advertised are different machines of different owners: each
//! becomes an event of its own, so that each owner can be told.

use std::collections::BTreeMap;
use std::io::Read;

use formats::arf::Report;
use formats::mail::Header;
use formats::rsit::Class;

use super::{Context, Head, Likelihood, Position, ReadError, Sink, Source};
use crate::model::event::{Event, Side};
use crate::model::field::{Field, Invalid};

#[derive(Debug)]
pub struct Arf;

/// A complaint is a mail; longer ones are cut by whoever opens mails.
const LONGEST: u64 = 128 << 20;

impl Source for Arf {
    fn name(&self) -> &'static str {
        "arf"
    }

    fn about(&self) -> &'static str {
        "complaints about mails: Abuse Reporting Format (RFC 5965, 6591, 6650)"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let media = head.media_type.unwrap_or_default();
        if media == "message/feedback-report" || is_feedback_mail(head.bytes) || head.bytes.starts_with(b"Feedback-Type:") {
            Likelihood::Certain
        } else {
            Likelihood::No
        }
    }

    fn takes_containers(&self) -> bool {
        true
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        let mut bytes = Vec::new();
        input.take(LONGEST).read_to_end(&mut bytes)?;
        let report = Report::read(&bytes)
            .ok_or_else(|| ReadError::Malformed("the mail has no machine-readable part with Feedback-Type and Version".to_owned()))?;
        Complaint { report: &report, row: 0, sink }.read()
    }
}

/// A mail whose header says `multipart/report; report-type=feedback-report`.
fn is_feedback_mail(head: &[u8]) -> bool {
    let end = head.windows(2).position(|pair| pair == b"\n\n").or_else(|| head.windows(4).position(|four| four == b"\r\n\r\n"));
    let header = String::from_utf8_lossy(&head[..end.unwrap_or(head.len())]).to_ascii_lowercase();
    let unfolded = header.replace("\r\n", "\n").replace("\n ", " ").replace("\n\t", " ");
    unfolded.lines().any(|line| {
        line.starts_with("content-type:")
            && line.contains("multipart/report")
            && line.replace([' ', '"'], "").contains("report-type=feedback-report")
    })
}

struct Complaint<'r, 's> {
    report: &'r Report,
    row: u64,
    sink: &'s mut dyn Sink,
}

impl<'r> Complaint<'r, '_> {
    fn read(mut self) -> Result<(), ReadError> {
        let report = self.report;
        // `mailto:` and the like are no places in the network; they stay with the sender's event
        let (pages, elsewhere): (Vec<&str>, Vec<&str>) = report.all("Reported-URI").partition(|uri| formats::value::url(uri).is_some());
        let domains: Vec<&str> = report.all("Reported-Domain").collect();
        let source_ip = report.field("Source-IP");
        if source_ip.is_none() && pages.is_empty() && domains.is_empty() {
            self.sink.reject(Position { row: 1, offset: 0 }, "no Source-IP, Reported-Domain or Reported-URI".to_owned())?;
            return Ok(());
        }
        if let Some(ip) = source_ip {
            self.event(|event| {
                event.set(Field::Ip(Side::Source), ip)?;
                // what goes with the address is worth less than the report: a bad one is kept as written
                if let Some(port) = report.field("Source-Port")
                    && event.set(Field::Port(Side::Source), port).is_err()
                {
                    event.extra.str("source_port", port);
                }
                let named = domains.first().is_some_and(|domain| event.set(Field::Fqdn(Side::Source), *domain).is_ok());
                several(event, "reported_domain", domains.get(usize::from(named)..).unwrap_or_default());
                several(event, "reported_uri", &elsewhere);
                event.application = Some("smtp".into());
                Ok(())
            })?;
        } else if pages.is_empty() {
            for domain in &domains {
                self.event(|event| event.set(Field::Fqdn(Side::Source), *domain))?;
            }
        }
        for page in pages {
            self.event(|event| {
                event.set(Field::Url(Side::Source), page)?;
                event.host_from_url(Side::Source);
                event.extra.str("reported_via", "uri");
                if let Some(ip) = source_ip {
                    event.extra.str("sender_ip", ip);
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn event(&mut self, fill: impl FnOnce(&mut Event<'r>) -> Result<(), Invalid>) -> Result<(), ReadError> {
        self.row += 1;
        let at = Position { row: self.row, offset: 0 };
        let mut event = Event::default();
        match fill(&mut event) {
            Ok(()) => {
                self.common(&mut event);
                self.sink.event(at, &mut event)?;
            }
            Err(invalid) => self.sink.reject(at, invalid.to_string())?,
        }
        Ok(())
    }

    /// What every event of the complaint says.
    fn common(&self, event: &mut Event<'r>) {
        let report = self.report;
        let feedback = report.feedback_type();
        event.class = class(&feedback);
        event.identifier = Some(feedback.into());
        event.time = report.arrival();
        if event.time.is_none() && report.report.date.is_some() {
            event.time = report.report.date;
            event.extra.str("time.from", "date of the complaint");
        }
        let victims: Vec<&str> = report.all("Original-Rcpt-To").map(bare_address).collect();
        several(event, "destination.account", &victims);
        if let Some(sender) = report.field("Original-Mail-From").map(bare_address).filter(|sender| !sender.is_empty()) {
            event.extra.str("source.account", sender);
        }
        match report.field("Incidents").map(|text| (text, text.parse::<i64>())) {
            Some((_, Ok(count))) => event.extra.int("incidents", count),
            Some((text, Err(_))) => event.extra.str("incidents", text),
            None => {}
        }
        let mut others: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (name, value) in report.fields.iter().filter(|(_, value)| !value.is_empty()) {
            others.entry(name.to_ascii_lowercase().replace('-', "_")).or_default().push(value);
        }
        for (key, values) in others.iter().filter(|(key, _)| !TAKEN.contains(&&key[..])) {
            several(event, key, values);
        }
        header(event, "report", &report.report);
        if let Some(original) = &report.original {
            header(event, "original", original);
            if let Some(subject) = &original.subject {
                event.extra.str("original.subject", subject);
            }
            if let Some(date) = original.date {
                event.extra.str("original.date", &date.to_string());
            }
        }
    }
}

/// Fields that are told otherwise, or that say nothing about what was seen.
const TAKEN: &[&str] = &[
    "arrival_date",
    "feedback_type",
    "incidents",
    "original_mail_from",
    "original_rcpt_to",
    "received_date",
    "reported_domain",
    "reported_uri",
    "source_ip",
    "source_port",
    "version",
];

fn class(feedback: &str) -> Class {
    match feedback {
        "abuse" => Class::known("spam"),
        "fraud" => Class::known("phishing"),
        "virus" => Class::known("malware-distribution"),
        _ => Class::known("other"),
    }
}

fn header(event: &mut Event<'_>, whose: &str, header: &Header) {
    for (key, value) in [("from", &header.from), ("message_id", &header.message_id)] {
        if let Some(value) = value {
            event.extra.str(&format!("{whose}.{key}"), value);
        }
    }
}

/// One value as text, several as a list.
fn several(event: &mut Event<'_>, key: &str, values: &[&str]) {
    match values {
        [] => {}
        [value] => event.extra.str(key, value),
        values => event.extra.json(key, &serde_json::Value::from(values.to_vec())),
    }
}

/// `rfc822;<a@example.org>` is `a@example.org`.
fn bare_address(text: &str) -> &str {
    let text = text.rsplit_once(';').map_or(text, |(_, address)| address).trim();
    text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text)
}
