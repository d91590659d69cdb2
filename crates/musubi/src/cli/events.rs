//! `musubi events`: events by the questions asked most, without SQL.

use std::path::PathBuf;

use anyhow::Result;
use formats::value;
use jiff::Timestamp;

pub(crate) use store::filter::equals;

use super::query::ask;
use super::view::For;
use super::{Place, WrongUsage, moment};
use crate::show::Format;

/// List events, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi events --since 7d --country JP --class infected-system --limit 20")]
pub(crate) struct Events {
    /// Seen at or after this time (2026-03-23, or an age: 7d, 12h)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// Seen before this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
    /// Source address or network (203.0.113.0/24)
    #[arg(long, value_name = "NETWORK")]
    network: Option<String>,
    /// Source AS number
    #[arg(long, value_name = "ASN")]
    asn: Option<String>,
    /// Source country, two letters
    #[arg(long, value_name = "CC")]
    country: Option<String>,
    /// RSIT type or taxonomy (infected-system, malicious-code)
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    /// Malware family
    #[arg(long, value_name = "NAME")]
    malware: Option<String>,
    /// Feed
    #[arg(long, value_name = "NAME")]
    feed: Option<String>,
    /// Columns to show, separated by commas; * is all of them
    #[arg(long, value_name = "COLUMNS", default_value = "time,source_ip,source_asn,source_country,type,identifier,malware,feed")]
    columns: String,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u64,
    /// Form of the answer [default: table, or json with --json]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Write the answer to a file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    view: For,
}

impl Events {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        let mut conditions = Vec::new();
        if let Some(since) = self.since {
            conditions.push(format!("time >= timestamp '{since}'"));
        }
        if let Some(until) = self.until {
            conditions.push(format!("time < timestamp '{until}'"));
        }
        if let Some(network) = &self.network {
            let network = value::network(network).ok_or_else(|| WrongUsage(format!("{network:?} is no address and no network")))?;
            conditions.push(format!("in_network(source_ip, '{network}')"));
        }
        if let Some(asn) = &self.asn {
            let asn = value::asn(asn).ok_or_else(|| WrongUsage(format!("{asn:?} is no AS number")))?;
            conditions.push(format!("source_asn = {asn}"));
        }
        if let Some(class) = &self.class {
            conditions.push(format!("({} OR {})", equals("type", class), equals("taxonomy", class)));
        }
        conditions.extend(self.country.as_ref().map(|c| equals("source_country", &c.to_uppercase())));
        conditions.extend(self.malware.as_ref().map(|m| equals("malware", &m.to_lowercase())));
        conditions.extend(self.feed.as_ref().map(|f| equals("feed", f)));
        let columns = columns(&self.columns)?;
        let condition = if conditions.is_empty() { "true".to_owned() } else { conditions.join(" AND ") };
        let sql = format!("SELECT {columns} FROM events WHERE {condition} ORDER BY time DESC LIMIT {}", self.limit);
        ask(place, &sql, Some(&self.view), self.format, self.output.as_ref()).await
    }
}

fn columns(wish: &str) -> Result<String> {
    if wish.trim() == "*" {
        return Ok("*".into());
    }
    let names: Vec<&str> = wish.split(',').map(str::trim).filter(|n| !n.is_empty()).collect();
    for name in &names {
        if store::columns::position(name).is_none() {
            let known: Vec<&str> = store::columns::COLUMNS.iter().map(|c| c.name).collect();
            return Err(WrongUsage(format!("there is no column {name:?}; there are {}", known.join(", "))).into());
        }
    }
    Ok(names.join(", "))
}
