//! Zone-H: reported defacements of web sites, published and pending, as CSV. Times are UTC only by assumption.

use std::io::Read;

use super::reading::{Table, certain_if, each_row, head_text};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::Side;
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct ZoneH;

const COLUMNS: &[(&str, &str)] = &[
    ("add_date", "time.source"),
    ("accept_date", "accepted_date"),
    ("attacker", "actor"),
    ("domain", ""),
    ("ip_address", "source.ip"),
    ("system", "os.name"),
    ("web_server", "http_target"),
    ("hackmode", "compromise_method"),
    ("defacement_id", "zoneh_report_id"),
    ("country_code", "source.geolocation.cc"),
    ("country", "source.geolocation.country"),
];

impl Source for ZoneH {
    fn name(&self) -> &'static str {
        "zone-h"
    }

    fn about(&self) -> &'static str {
        "Zone-H defacements as CSV"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        certain_if(head_text(head).lines().next().is_some_and(|line| line.contains("defacement_id") && line.contains("add_date")))
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        each_row(input, sink, &Table { delimiter: ',', ..Table::default() }, |row, out| {
            let mut event = out.event();
            event.set(Field::Type, "unauthorised-information-modification")?;
            event.set(Field::Identifier, "compromised-website")?;
            let site = row.get("domain");
            if event.set(Field::Url(Side::Source), site).is_err() {
                event.set_or_keep(Field::Fqdn(Side::Source), site);
            }
            event.extra.str("event_description.text", "defacement");
            row.fill(&mut event, COLUMNS);
            if let Some(url) = event.source.url.clone() {
                let scheme = url.split(':').next().unwrap_or_default().to_owned();
                event.set(Field::Application, scheme)?;
                // host_from_url names the host only where no address is given
                let address = event.source.ip.take();
                event.host_from_url(Side::Source);
                event.source.ip = address.or(event.source.ip);
            } else if event.source.ip.is_none() && event.source.fqdn.is_none() {
                return Err(format!("domain {site:?} and ip_address {:?} name no host", row.get("ip_address")).into());
            }
            out.give(event)
        })
    }
}
