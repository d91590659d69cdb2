//! `musubi party find`: who is responsible for an address, AS, domain, country or product, and why.

use anyhow::Result;
use casework::enrich::responsible::{Directory, Quality, Reason, asked};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Place, WrongUsage, moment, party};
use crate::pipeline;
use crate::receive::registry_in;
use crate::show::{self, say, table};

/// Tell who is responsible for a value, and why: all who could be told, the chosen one first
///
/// Our own entries come before what parties claim, that before registries; among equals the more specific comes first.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi party find 192.0.2.7 AS64496 https://www.isp.example/ JP 'Vendor/Model'")]
pub(crate) struct Find {
    /// Address, network, AS number (AS64496), domain, URL, country (JP) or VENDOR/MODEL
    #[arg(required = true, value_name = "VALUE")]
    values: Vec<String>,
    /// As known then (2026-03-23, or an age: 7d)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Timestamp>,
}

impl Find {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let at = self.at.unwrap_or_else(pipeline::now);
        let registries = registry_in::registries(&place.home, &register).await?;
        let directory = Directory::new(register.parties(at).await?, registries, at);
        let tables = crate::receive::knowledge::tables(&place.home, Some(&register)).await?;
        let mut answers = Vec::new();
        for value in &self.values {
            let mut asked =
                asked(value).ok_or_else(|| WrongUsage(format!("{value:?} is no address, AS, domain, URL, country or product")))?;
            if let Some(ip) = asked.ip {
                // An event with this address would have been given its AS and country.
                let answer = tables.lookup(ip);
                (asked.asn, asked.country) = (asked.asn.or(answer.asn), asked.country.or(answer.country));
            }
            let why = directory.why(&asked.as_asked());
            if place.json {
                let chain: Vec<Value> = why.iter().map(|reason| object(&directory, reason)).collect();
                answers.push(json!({"id": value, "at": at.to_string(), "asn": asked.asn, "country": asked.country.map(|c| c.as_str().to_owned()), "chain": chain}));
                continue;
            }
            say(value)?;
            if why.is_empty() {
                say("  nobody is known to be responsible")?;
                continue;
            }
            let rows: Vec<Vec<String>> = why.iter().map(|reason| row(&directory, reason)).collect();
            say(table(&["", "as", "party", "because of", "said by", "contact"], &rows, &[]).trim_end())?;
        }
        if place.json { show::json(&Value::Array(answers)) } else { Ok(()) }
    }
}

fn object(directory: &Directory, reason: &Reason) -> Value {
    let told = directory.party(reason.party);
    json!({
        "quality": reason.quality.as_str(), "chosen": reason.chosen, "claim": reason.claim, "said_by": reason.provenance.to_string(),
        "rule": reason.rule, "party": party::object(&told, None, directory.at()),
    })
}

fn row(directory: &Directory, reason: &Reason) -> Vec<String> {
    let told = directory.party(reason.party);
    let contact = told.contacts.iter().find(|c| c.validity.holds(directory.at())).map_or_else(String::new, |c| c.address.clone());
    let said_by = match &reason.rule {
        Some(rule) => format!("{}, {rule}", reason.provenance),
        None => reason.provenance.to_string(),
    };
    let quality = match reason.quality {
        Quality::Provider => "provider",
        Quality::DomainHolder => "domain holder",
        Quality::Maker => "maker",
        Quality::National => "last resort",
    };
    let chosen = if reason.chosen { "→" } else { "" };
    vec![chosen.to_owned(), quality.to_owned(), told.id.to_string(), reason.claim.clone(), said_by, contact]
}
