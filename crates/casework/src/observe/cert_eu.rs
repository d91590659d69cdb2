//! CERT-EU feeds: a wide CSV table with names in words (`source ip`, `observation time`, …). Times carry their zone.

use std::io::Read;

use super::reading::{Table, certain_if, each_row, head_text, iso};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct CertEu;

const COLUMNS: &[(&str, &str)] = &[
    ("feed code", "datasource"),
    ("source ip", "source.ip"),
    ("source time", "time.source"),
    ("tlp", "tlp"),
    ("description", "event_description.text"),
    ("protocol", "protocol.transport"),
    ("destination port", "destination.port"),
    ("source port", "source.port"),
    ("source cc", "source.geolocation.geoip_cc"),
    ("source country", "source.geolocation.country"),
    ("source city", "source.geolocation.city"),
    ("source longitude", "source.geolocation.longitude"),
    ("source latitude", "source.geolocation.latitude"),
    ("source geohash", "source.geolocation.geohash"),
    ("source as name", "source.as_name"),
    ("source bgp prefix", "source.network"),
    ("source asn", "source.asn"),
    ("confidence level", "feed.accuracy"),
    ("target", "event_description.target"),
    ("url", "source.url"),
    ("domain name", "source.fqdn"),
    ("abuse contact", "source.abuse_contact"),
    ("status", "status"),
    // said below, or again what other columns say
    ("observation time", ""),
    ("type", ""),
    ("source location", ""),
];

impl Source for CertEu {
    fn name(&self) -> &'static str {
        "cert-eu"
    }

    fn about(&self) -> &'static str {
        "CERT-EU feeds as CSV"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        certain_if(head_text(head).lines().next().is_some_and(|line| line.contains("feed code") && line.contains("source ip")))
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        each_row(input, sink, &Table { delimiter: ',', ..Table::default() }, |row, out| {
            let mut event = out.event();
            row.fill(&mut event, COLUMNS);
            event.set_key_or_keep("source.geolocation.cc", row.get("source cc"));
            let type_ = row.get("type");
            match class(type_) {
                Some(class) => event.set(Field::Type, class)?,
                None => event.set_key_or_keep("type", type_),
            }
            if !row.get("observation time").is_empty() {
                event.extra.str("cert_eu_time_observation", &iso(row.get("observation time")));
            }
            if event.source.ip.is_none() && event.source.url.is_none() && event.source.fqdn.is_none() {
                return Err(format!(
                    "source ip {:?}, url {:?} and domain name {:?} name no host",
                    row.get("source ip"),
                    row.get("url"),
                    row.get("domain name")
                )
                .into());
            }
            out.give(event)
        })
    }
}

fn class(type_: &str) -> Option<&'static str> {
    Some(match type_.to_ascii_lowercase().as_str() {
        "backdoor" | "compromised" | "webshell" => "system-compromise",
        "blacklist" => "blacklist",
        "botnet drone" | "drone" | "ransomware" | "spyware" | "malware" => "infected-system",
        "brute-force" | "bruteforce" => "brute-force",
        "c2server" | "c&c" | "c2" => "c2-server",
        "ddos" => "ddos",
        "defacement" => "unauthorised-information-modification",
        "exploit" | "exploit url" => "exploit",
        "ids alert" => "ids-alert",
        "malware url" | "malware configuration" | "malicious code" => "malware-distribution",
        "phishing" => "phishing",
        "scanner" => "scanner",
        "spam" => "spam",
        "vulnerable service" => "vulnerable-system",
        _ => return None,
    })
}
