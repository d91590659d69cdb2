//! abuse.ch URLhaus as CSV (`id, dateadded, url, url_status, last_online, threat, tags, urlhaus_link, reporter`) and as a list of URLs.
//!
//! Times are UTC, as the head of the file says.

use std::io::Read;

use super::list::{is_list, read_list};
use super::reading::{Table, certain_if, each_row, head_text};
use super::{Context, Head, Likelihood, ReadError, Sink, Source, abusech_urlhaus};

#[derive(Debug)]
pub(super) struct UrlhausCsv;

const NAMES: &[&str] = &["id", "dateadded", "url", "url_status", "last_online", "threat", "tags", "urlhaus_link", "reporter"];

impl Source for UrlhausCsv {
    fn name(&self) -> &'static str {
        "abusech-urlhaus-csv"
    }

    fn about(&self) -> &'static str {
        "abuse.ch URLhaus malware URLs as CSV or text"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        certain_if(is_table(head) || (said(head) && is_list(head, |i| i.is_url())))
    }

    fn read(&self, input: &mut dyn Read, context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        if !is_table(&context.head) {
            return read_list(input, sink, |event| event.set_key_or_keep("classification.type", "malware-distribution"));
        }
        each_row(input, sink, &Table { delimiter: ',', comment: Some('#'), names: NAMES }, |row, out| {
            let mut event = out.event();
            abusech_urlhaus::read_record(row.record(), &mut event)?;
            out.give(event)
        })
    }
}

fn said(head: &Head<'_>) -> bool {
    head.origin().contains("urlhaus") || head_text(head).lines().take(10).any(|line| line.starts_with('#') && line.contains("URLhaus"))
}

fn is_table(head: &Head<'_>) -> bool {
    head_text(head).lines().take(40).any(|line| line.contains("dateadded") && line.contains("url_status") && !line.contains('{'))
}
