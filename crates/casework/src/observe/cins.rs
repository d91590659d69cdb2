//! CINS Army list: addresses with a bad reputation among Sentinel's sensors, one a line. It does not say what each did.

use std::io::Read;

use super::list::{is_list, read_list};
use super::reading::certain_if;
use super::{Context, Head, Likelihood, ReadError, Sink, Source};

#[derive(Debug)]
pub(super) struct Cins;

impl Source for Cins {
    fn name(&self) -> &'static str {
        "cins"
    }

    fn about(&self) -> &'static str {
        "CINS Army list (Sentinel IPS), also known as CI Army"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let origin = head.origin();
        certain_if(
            (origin.contains("cinsscore") || origin.contains("ciarmy") || origin.contains("ci-badguys") || origin.contains("ci_army"))
                && is_list(head, |i| i.is_address()),
        )
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        read_list(input, sink, |event| event.set_key_or_keep("classification.type", "blacklist"))
    }
}
