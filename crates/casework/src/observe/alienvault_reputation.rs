//! AlienVault IP reputation: `address#reliability#risk#activities#country#city#latitude,longitude#id`.
//!
//! Several activities are several events.

use std::io::Read;

use super::reading::{certain_if, each_line, first_lines, snake_case};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::Side;
use crate::model::field::Field;
use formats::value;

#[derive(Debug)]
pub(super) struct AlienvaultReputation;

impl Source for AlienvaultReputation {
    fn name(&self) -> &'static str {
        "alienvault-reputation"
    }

    fn about(&self) -> &'static str {
        "AlienVault IP reputation"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let fits = |line: &str| {
            let cell: Vec<&str> = line.split('#').collect();
            cell.len() == 8 && value::ip(cell[0]).is_some() && (cell[6].is_empty() || cell[6].contains(','))
        };
        certain_if(first_lines(head).next().is_some_and(fits))
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        each_line(input, sink, |line, out| {
            if line.starts_with('#') {
                return Ok(());
            }
            let cell: Vec<&str> = line.split('#').map(str::trim).collect();
            let [address, reliability, risk, activities, country, city, place, id] = cell[..] else {
                return Err(format!("{} columns where 8 are expected", cell.len()).into());
            };
            for activity in activities.split(';') {
                let mut event = out.event();
                event.set(Field::Type, class(activity))?;
                event.set(Field::Ip(Side::Source), address)?;
                event.set_key_or_keep("source.geolocation.cc", country);
                event.set_key_or_keep("source.geolocation.city", city);
                if let Some((latitude, longitude)) = place.split_once(',') {
                    event.set_key_or_keep("source.geolocation.latitude", latitude);
                    event.set_key_or_keep("source.geolocation.longitude", longitude);
                }
                if !activity.is_empty() {
                    event.extra.str("activity", &snake_case(activity));
                }
                for (key, text) in [("reliability", reliability), ("risk", risk), ("reputation_id", id)] {
                    event.set_key_or_keep(key, text);
                }
                out.give(event)?;
            }
            Ok(())
        })
    }
}

fn class(activity: &str) -> &'static str {
    match activity.trim().to_ascii_lowercase().as_str() {
        "malicious host" => "infected-system",
        "scanning host" => "scanner",
        "spamming" => "spam",
        "c&c" => "c2-server",
        "malware domain" | "malware ip" | "malware distribution" => "malware-distribution",
        "apt" | "exploit" => "exploit",
        "ddos" => "ddos",
        "phishing" => "phishing",
        "bruteforce" | "brute force" => "brute-force",
        _ => "undetermined",
    }
}
