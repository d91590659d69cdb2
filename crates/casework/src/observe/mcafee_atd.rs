//! McAfee Advanced Threat Defense: what its sandbox found of a file, and which hosts the file called.

use std::io::Read;

use formats::rsit::Class;
use serde_json::Value;

use super::json_record::{self, Means, Record, Shape};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::{Event, Side};
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct Atd;

/// Verdicts from here on mean malicious (McAfee's scale ends at 5, very high).
const MALICIOUS: i64 = 4;

impl Source for Atd {
    fn name(&self) -> &'static str {
        "mcafee-atd"
    }

    fn about(&self) -> &'static str {
        "McAfee Advanced Threat Defense: verdict of its sandbox on a file, JSON"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        if json_record::has_keys(head, &["Summary", "Subject", "Verdict"]) { Likelihood::Certain } else { Likelihood::No }
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        json_record::each_record(input, sink, Shape::Records, |mut record, out| {
            let mut summary = record.object("Summary").ok_or("Summary is missing")?;
            let mut verdict = summary.object("Verdict").ok_or("Summary.Verdict is missing")?;
            let severity = verdict.text("Severity").unwrap_or_default();
            let severe = severity.trim().parse::<i64>().map_err(|_| format!("Summary.Verdict.Severity: {severity:?} is not a number"))?;
            if severe < MALICIOUS {
                return Err(format!("Summary.Verdict.Severity: {severity} is below {MALICIOUS}, so the file is not malicious").into());
            }
            let subject = summary.object("Subject").ok_or("Summary.Subject is missing")?;
            let files = summary.list("Files").unwrap_or_default();
            let hosts: Vec<(&str, Value)> = ["Ips", "Urls"]
                .into_iter()
                .flat_map(|key| summary.list(key).unwrap_or_default().into_iter().map(move |host| (key, host)))
                .collect();

            let mut event = blank(out, &subject);
            let analysed = event.time;
            json_record::keep(&mut event, "event_description.text", verdict.0.get("Description").unwrap_or(&Value::Null));
            let _ = verdict.take("Description");
            verdict.keep_rest_under(&mut event, "verdict");
            event.extra.str("verdict.severity", &severity);
            summary.keep_rest_under(&mut event, "summary");
            out.event(event)?;

            for file in files {
                let Value::Object(members) = file else { continue };
                // a file that was dropped: its own name and hashes, when they are another's
                let mut file = Record(members);
                if same_hash(&file, &subject) {
                    continue;
                }
                let mut event = out.blank();
                event.class = Class::known("infected-system");
                event.time = analysed;
                file.apply(&mut event, &[("Name", Means::Is(Field::Malware))]);
                keep_hashes(&mut file, &mut event);
                file.keep_rest_under(&mut event, "file");
                out.event(event)?;
            }
            for (list, host) in hosts {
                let Value::Object(members) = host else { continue };
                let mut host = Record(members);
                let mut event = blank(out, &subject);
                let key = if list == "Urls" { "Url" } else { "Ipv4" };
                let text = host.text(key).or_else(|| host.text("Ipv6")).unwrap_or_default();
                if event.set_host(Side::Destination, text.clone()).is_err() || text.is_empty() {
                    out.reject(format!("Summary.{list}: {text:?} is not a host"))?;
                    continue;
                }
                host.set(&mut event, Field::Port(Side::Destination), "Port");
                host.keep_rest_under(&mut event, "host");
                out.event(event)?;
            }
            Ok(())
        })
    }
}

fn blank(out: &mut json_record::Out<'_>, subject: &Record) -> Event<'static> {
    let mut event = out.blank();
    event.class = Class::known("infected-system");
    let mut subject = Record(subject.0.clone());
    subject.apply(&mut event, &[("Name", Means::Is(Field::Malware)), ("Timestamp", Means::Time)]);
    keep_hashes(&mut subject, &mut event);
    subject.keep_rest_under(&mut event, "subject");
    event
}

fn keep_hashes(record: &mut Record, event: &mut Event<'static>) {
    for key in ["md5", "sha-1", "sha-256", "Md5", "Sha1", "Sha256"] {
        if let Some(hash) = record.text(key) {
            json_record::keep_hash(event, &hash);
        }
    }
}

fn same_hash(file: &Record, subject: &Record) -> bool {
    matches!((file.str("Md5"), subject.str("md5")), (Some(a), Some(b)) if !a.is_empty() && a.eq_ignore_ascii_case(b))
}
