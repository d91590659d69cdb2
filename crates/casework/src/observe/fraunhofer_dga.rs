//! Fraunhofer FKIE DGArchive: the domains that a malware's generator makes today, and addresses they lead to.

use std::io::Read;

use formats::rsit::Class;

use super::json_record::{self, Shape, text_of};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::Side;

#[derive(Debug)]
pub(super) struct DgArchive;

impl Source for DgArchive {
    fn name(&self) -> &'static str {
        "fraunhofer-dga"
    }

    fn about(&self) -> &'static str {
        "Fraunhofer DGArchive: generated domains by malware, JSON"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let text = head.text().trim_start();
        let first_key = text.strip_prefix('{').and_then(|t| t.trim_start().strip_prefix('"')).and_then(|t| t.split_once('"'));
        match first_key {
            Some((key, rest)) if key.contains("_dga") && rest.trim_start().starts_with(':') => Likelihood::Certain,
            _ => Likelihood::No,
        }
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        json_record::each_value(input, sink, Shape::Members, |value, out| {
            let host = text_of(&value).ok_or_else(|| format!("{value} is not a host"))?;
            let mut event = out.blank();
            event.set_host(Side::Source, host)?;
            event.class = Class::known("c2-server");
            event.identifier = Some("dga-domain".into());
            // `banjori_dga_seed.example_0x3c03`: the malware, and with what its generator was started
            if let Some(key) = &out.key {
                let malware = key.split_once("_dga").map_or(key.as_str(), |(malware, _)| malware);
                event.malware = Some(malware.to_lowercase().into());
                event.extra.str("dga", key);
            }
            Ok(out.event(event)?)
        })
    }
}
