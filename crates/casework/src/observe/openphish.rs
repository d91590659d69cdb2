//! OpenPhish: phishing URLs, one a line.

use std::io::Read;

use super::list::{is_list, read_list};
use super::reading::certain_if;
use super::{Context, Head, Likelihood, ReadError, Sink, Source};

#[derive(Debug)]
pub(super) struct OpenPhish;

impl Source for OpenPhish {
    fn name(&self) -> &'static str {
        "openphish"
    }

    fn about(&self) -> &'static str {
        "OpenPhish feed of phishing URLs"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let origin = head.origin();
        certain_if(origin.contains("openphish") && is_list(head, |i| i.is_url()))
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        read_list(input, sink, |event| event.set_key_or_keep("classification.type", "phishing"))
    }
}
