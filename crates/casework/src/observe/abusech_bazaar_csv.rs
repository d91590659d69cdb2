//! abuse.ch MalwareBazaar as CSV: hashes of malware samples with what is known of them. Times are UTC, as the column says.

use std::io::Read;

use super::reading::{Table, certain_if, each_row, head_text};
use super::{Context, Head, Likelihood, ReadError, Sink, Source, abusech_bazaar};

#[derive(Debug)]
pub(super) struct BazaarCsv;

const NAMES: &[&str] = &[
    "first_seen_utc",
    "sha256_hash",
    "md5_hash",
    "sha1_hash",
    "reporter",
    "file_name",
    "file_type_guess",
    "mime_type",
    "signature",
    "clamav",
    "vtpercent",
    "imphash",
    "ssdeep",
    "tlsh",
];

impl Source for BazaarCsv {
    fn name(&self) -> &'static str {
        "abusech-bazaar-csv"
    }

    fn about(&self) -> &'static str {
        "abuse.ch MalwareBazaar samples as CSV"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        certain_if(
            head_text(head)
                .lines()
                .take(40)
                .any(|line| line.contains("sha256_hash") && line.contains("file_type_guess") && !line.contains('{')),
        )
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        each_row(input, sink, &Table { delimiter: ',', comment: Some('#'), names: NAMES }, |row, out| {
            let mut event = out.event();
            // `n/a` stands for what is not known
            abusech_bazaar::read_record(row.without("n/a").record(), &mut event)?;
            out.give(event)
        })
    }
}
