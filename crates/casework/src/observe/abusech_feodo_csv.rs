//! abuse.ch Feodo Tracker as CSV (`first_seen_utc, dst_ip, dst_port, c2_status, last_online, malware`) and as a list of addresses.

use std::io::Read;

use super::list::{is_list, read_list};
use super::reading::{Table, certain_if, each_row, head_text};
use super::{Context, Head, Likelihood, ReadError, Sink, Source, abusech_feodo};

#[derive(Debug)]
pub(super) struct FeodoCsv;

const NAMES: &[&str] = &["first_seen_utc", "dst_ip", "dst_port", "c2_status", "last_online", "malware"];

impl Source for FeodoCsv {
    fn name(&self) -> &'static str {
        "abusech-feodo-csv"
    }

    fn about(&self) -> &'static str {
        "abuse.ch Feodo Tracker C2 addresses as CSV or text"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        certain_if(is_table(head) || (said(head) && is_list(head, |i| i.is_address())))
    }

    fn read(&self, input: &mut dyn Read, context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        if !is_table(&context.head) {
            return read_list(input, sink, |event| event.set_key_or_keep("classification.type", "c2-server"));
        }
        each_row(input, sink, &Table { delimiter: ',', comment: Some('#'), names: NAMES }, |row, out| {
            let mut event = out.event();
            abusech_feodo::read_record(row.record(), &mut event)?;
            out.give(event)
        })
    }
}

fn said(head: &Head<'_>) -> bool {
    let origin = head.origin();
    (origin.contains("feodo") && !origin.ends_with(".rules"))
        || head_text(head).lines().take(10).any(|line| line.starts_with('#') && line.contains("Feodo Tracker"))
}

fn is_table(head: &Head<'_>) -> bool {
    head_text(head).lines().take(40).any(|line| line.contains("dst_ip") && line.contains("dst_port") && line.contains("malware"))
}
