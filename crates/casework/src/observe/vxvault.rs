//! VX Vault: the last links to malware, one a line, in a page that is all text. The time at the top is that of each.

use std::io::Read;

use super::reading::{certain_if, each_line, head_text};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::Side;
use crate::model::field::Field;
use formats::time;

#[derive(Debug)]
pub(super) struct VxVault;

impl Source for VxVault {
    fn name(&self) -> &'static str {
        "vxvault"
    }

    fn about(&self) -> &'static str {
        "VX Vault list of malware URLs"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        certain_if(head_text(head).lines().take(5).any(|line| line.contains("VX Vault last")))
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        let mut updated = None;
        each_line(input, sink, |line, out| {
            let line = line.trim();
            if line.starts_with('<') || line.starts_with("VX Vault") {
                return Ok(());
            }
            if let (None, Some(moment)) = (updated, time::read(line)) {
                updated = Some(moment.at);
                return Ok(());
            }
            let mut event = out.event();
            event.set(Field::Type, "malware-distribution")?;
            event.set(Field::Url(Side::Source), line)?;
            event.host_from_url(Side::Source);
            event.time = updated;
            out.give(event)
        })
    }
}
