//! PhishTank: phishing URLs that its users verified, as CSV with header. Times carry their zone.

use std::io::Read;

use super::reading::{Table, certain_if, each_row, head_text};
use super::{Context, Head, Likelihood, ReadError, Sink, Source, phishtank};

#[derive(Debug)]
pub(super) struct PhishTankCsv;

impl Source for PhishTankCsv {
    fn name(&self) -> &'static str {
        "phishtank-csv"
    }

    fn about(&self) -> &'static str {
        "PhishTank verified phishing URLs as CSV"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        certain_if(
            head_text(head)
                .lines()
                .next()
                .is_some_and(|line| line.contains("phish_id") && line.contains("phish_detail_url") && !line.contains('{')),
        )
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        each_row(input, sink, &Table { delimiter: ',', ..Table::default() }, |row, out| {
            let mut event = out.event();
            phishtank::read_record(row.record(), &mut event)?;
            out.give(event)
        })
    }
}
