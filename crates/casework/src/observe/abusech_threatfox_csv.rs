//! abuse.ch ThreatFox as CSV: indicators of malware (address and port, domain, URL, hash) with what they are for.
//!
//! Times are UTC, as the names of the columns say.

use std::io::Read;

use super::reading::{Table, certain_if, each_row, head_text};
use super::{Context, Head, Likelihood, ReadError, Sink, Source, abusech_threatfox};

#[derive(Debug)]
pub(super) struct ThreatFoxCsv;

const NAMES: &[&str] = &[
    "first_seen_utc",
    "ioc_id",
    "ioc_value",
    "ioc_type",
    "threat_type",
    "fk_malware",
    "malware_alias",
    "malware_printable",
    "last_seen_utc",
    "confidence_level",
    "is_compromised",
    "reference",
    "tags",
    "anonymous",
    "reporter",
];

impl Source for ThreatFoxCsv {
    fn name(&self) -> &'static str {
        "abusech-threatfox-csv"
    }

    fn about(&self) -> &'static str {
        "abuse.ch ThreatFox indicators as CSV"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        certain_if(
            head_text(head).lines().take(40).any(|line| line.contains("ioc_value") && line.contains("threat_type") && !line.contains('{')),
        )
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        each_row(input, sink, &Table { delimiter: ',', comment: Some('#'), names: NAMES }, |row, out| {
            let mut event = out.event();
            abusech_threatfox::read_record(row.record(), &mut event)?;
            out.give(event)
        })
    }
}
