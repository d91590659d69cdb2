//! `musubi stats`: counts by day, country, network, class, malware and source.

use anyhow::Result;
use jiff::Timestamp;

use super::query::ask;
use super::{Place, moment};
use crate::show::Format;

/// Count events and distinct source addresses
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi stats --by country --by class --since 30d")]
pub(crate) struct Stats {
    /// By what; may be given several times
    #[arg(long, value_enum, default_values = ["class"])]
    by: Vec<By>,
    /// Seen at or after this time (2026-03-23, or an age: 7d, 12h)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// Seen before this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
    /// At most so many rows
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u64,
    /// Form of the answer [default: table, or json with --json]
    #[arg(long, value_enum)]
    format: Option<Format>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum By {
    Day,
    Country,
    Asn,
    Class,
    Malware,
    /// The feed
    Source,
}

impl By {
    fn columns(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Day => &[("date_trunc('day', time)", "day")],
            Self::Country => &[("source_country", "country")],
            Self::Asn => &[("source_asn", "asn")],
            Self::Class => &[("taxonomy", "taxonomy"), ("type", "type")],
            Self::Malware => &[("malware", "malware")],
            Self::Source => &[("feed", "feed")],
        }
    }
}

impl Stats {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        let mut by = self.by.clone();
        by.dedup();
        let keys: Vec<&(&str, &str)> = by.iter().flat_map(|b| b.columns()).collect();
        let mut condition = String::from("true");
        if let Some(since) = self.since {
            condition += &format!(" AND time >= timestamp '{since}'");
        }
        if let Some(until) = self.until {
            condition += &format!(" AND time < timestamp '{until}'");
        }
        let inner: Vec<String> = keys.iter().map(|(sql, name)| format!("{sql} AS {name}")).collect();
        let names: Vec<&str> = keys.iter().map(|(_, name)| *name).collect();
        let order = if by.contains(&By::Day) { "day, events DESC" } else { "events DESC" };
        // Distinct addresses by two levels of grouping: count(DISTINCT …) beside another aggregate is many times slower.
        let sql = format!(
            "SELECT {names}, CAST(sum(n) AS BIGINT) AS events, count(source_ip) AS addresses FROM \
             (SELECT {inner}, source_ip, count(*) AS n FROM events WHERE {condition} GROUP BY {groups}, source_ip) \
             GROUP BY {names} ORDER BY {order} LIMIT {limit}",
            names = names.join(", "),
            inner = inner.join(", "),
            groups = keys.iter().map(|(sql, _)| *sql).collect::<Vec<_>>().join(", "),
            limit = self.limit,
        );
        ask(place, &sql, None, self.format, None).await
    }
}
