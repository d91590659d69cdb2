//! `musubi indicator derive`: which values of events become indicators, by the rules of the home.

use std::collections::BTreeSet;
use std::net::IpAddr;

use anyhow::Result;
use casework::indicate::rules::{End, Found, Row, Rules, SetAside, candidates, victims_side};
use casework::indicate::warning::Warnings;
use casework::model::event::Side;
use casework::model::identity::EventId;
use casework::model::observable::{Kind, Observable};
use formats::rsit::Class;
use jiff::Timestamp;
use serde_json::json;
use store::events::Questions;
use store::home::Home;
use store::indicators::{Deed, Heard, Words};
use store::register::Register;

use super::acting::Acting;
use super::columns::Columns;
use super::{Place, moment};
use crate::receive::lists;
use crate::show::{self, grouped, say};

/// Make indicators of events, by the rules in `indicators.toml` of the home or the default ones
///
/// Doing it again changes nothing. What a warning list or a victim's report forbids is set aside and shown.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi indicator derive --since 30d")]
pub(crate) struct Derive {
    /// Only of events seen at or after this time [default: as far back as the rules look]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    #[command(flatten)]
    acting: Acting,
}

/// Lines of what was set aside that a person is shown.
const SHOWN: usize = 20;

impl Derive {
    pub(super) async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let by = self.acting.by();
        let done = derive(&place.home, &register, self.since.unwrap_or(Timestamp::MIN), self.acting.now(), &by).await?;
        let Derived { events, indicators, known, set_aside, waiting, heard: Heard { new, changed, unchanged } } = done;
        if place.json {
            let aside: Vec<_> = set_aside
                .iter()
                .map(|one| {
                    let (kind, value) = (one.observable.kind().as_str(), one.observable.value());
                    json!({"kind": kind, "value": value, "rule": one.rule, "because": one.because})
                })
                .collect();
            return show::json(&json!({
                "events": events, "indicators": indicators, "new": new, "changed": changed, "unchanged": unchanged, "waiting": waiting,
                "on_warning_lists": known, "set_aside": aside,
            }));
        }
        let [new, changed, unchanged] = [new, changed, unchanged].map(grouped);
        say(format!("{} events: {new} indicators are new, {changed} have changed, {unchanged} have not", grouped(events)))?;
        say(format!("{} values wait for more reporters; {} source values are on warning lists", grouped(waiting as u64), grouped(known)))?;
        for one in set_aside.iter().take(SHOWN) {
            say(format!("set aside  {} ({}): {}", one.observable, one.rule, one.because))?;
        }
        if set_aside.len() > SHOWN {
            say(format!("set aside  {} more; --json names them all", grouped((set_aside.len() - SHOWN) as u64)))?;
        }
        Ok(())
    }
}

/// What came of events.
#[derive(Debug)]
pub(crate) struct Derived {
    pub(crate) events: u64,
    pub(crate) indicators: usize,
    /// Source values on warning lists.
    pub(crate) known: u64,
    pub(crate) set_aside: Vec<SetAside>,
    /// Values that wait for more reporters.
    pub(crate) waiting: usize,
    pub(crate) heard: Heard,
}

/// Makes indicators of events seen since a time, as far back as the rules look.
///
/// # Errors
/// When rules, lists, events or the register cannot be read or written.
pub(crate) async fn derive(home: &Home, register: &Register, since: Timestamp, now: Timestamp, by: &str) -> Result<Derived> {
    let _one = home.deriving()?;
    let rules = lists::rules(home)?;
    let warnings = lists::warnings(home, register).await?;
    let since = now.checked_sub(rules.within()).unwrap_or(Timestamp::MIN).max(since);
    let questions = Questions::open(home, register).await?;
    let mut batches = Vec::new();
    for sql in questions_of(&rules, since, now) {
        batches.extend(questions.sql(&sql).await?.collect().await?);
    }
    let tables = batches.iter().map(|batch| Columns::of(batch, &TEXTS, &NUMBERS)).collect::<Result<Vec<_>>>()?;
    let rows = || tables.iter().flat_map(|table| (0..table.rows).filter_map(|at| row(table, at)));
    let events = tables.iter().map(|table| table.rows as u64).sum::<u64>();
    let known = well_known(rows(), &warnings);
    let Found { candidates, set_aside, waiting } = candidates(rows(), &rules, &warnings, now);
    let words: Vec<Words> = candidates.into_iter().map(|(what, said)| Words { what, said }).collect();
    let deed = Deed { at: now.as_microsecond(), by, what: "derived", because: "" };
    let heard = register.hear(&words, deed).await?;
    Ok(Derived { events, indicators: words.len(), known, set_aside, waiting, heard })
}

/// Source values that any warning list knows, each once.
fn well_known<'a>(rows: impl Iterator<Item = Row<'a>>, warnings: &Warnings) -> u64 {
    if warnings.lists().is_empty() {
        return 0;
    }
    let mut values: BTreeSet<Observable> = BTreeSet::new();
    for row in rows {
        values.extend(row.source.ip.map(Observable::of_ip));
        values.extend(row.source.fqdn.and_then(|name| Observable::read(Kind::Domain, name).ok()));
        values.extend(row.source.url.and_then(|url| Observable::read(Kind::Url, url).ok()));
    }
    values.iter().filter(|value| !warnings.hits(value).is_empty()).count() as u64
}

const COLUMNS: &str = "id, CAST(time AS BIGINT) AS time, coalesce(feed, evidence, '') AS reporter, terms, type, confidence, malware, identifier, \
    source_ip, source_fqdn, source_url, destination_ip, destination_fqdn, destination_url, json_text(extra, 'malware.hash.md5') AS md5, \
    json_text(extra, 'malware.hash.sha1') AS sha1, json_text(extra, 'malware.hash.sha256') AS sha256";

/// What is asked of events: those that a rule may take something of, and of all others only who was harmed.
fn questions_of(rules: &Rules, since: Timestamp, now: Timestamp) -> Vec<String> {
    let list = |classes: &BTreeSet<&str>| classes.iter().map(|class| format!("'{class}'")).collect::<Vec<_>>().join(", ");
    let (mut whole, mut files) = (BTreeSet::new(), BTreeSet::new());
    for rule in rules.iter() {
        let classes = rule.classes.iter().map(|class| class.type_());
        if rule.side.is_some() { whole.extend(classes) } else { files.extend(classes) }
    }
    let within = format!("time >= timestamp '{since}' AND time <= timestamp '{now}'");
    let mut asked = Vec::new();
    if !whole.is_empty() {
        asked.push(format!("SELECT {COLUMNS} FROM events WHERE {within} AND type IN ({})", list(&whole)));
    }
    let files: BTreeSet<&str> = files.difference(&whole).copied().collect();
    if !files.is_empty() {
        let named = "extra LIKE '%malware.hash.%'";
        asked.push(format!("SELECT {COLUMNS} FROM events WHERE {within} AND type IN ({}) AND {named}", list(&files)));
    }
    for (side, name) in [(Side::Source, "source"), (Side::Destination, "destination")] {
        let harmed: BTreeSet<&str> = Class::all()
            .filter(|class| victims_side(*class) == Some(side))
            .map(|class| class.type_())
            .filter(|class| !whole.contains(class))
            .collect();
        if harmed.is_empty() {
            continue;
        }
        let column = |of: &str, what: &str| if of == name { format!("{of}_{what}") } else { "CAST(NULL AS VARCHAR)".to_owned() };
        let ends = ["source", "destination"]
            .map(|of| format!("{} AS {of}_ip, {} AS {of}_fqdn, CAST(NULL AS VARCHAR) AS {of}_url", column(of, "ip"), column(of, "fqdn")));
        asked.push(format!(
            "SELECT DISTINCT '00000000000000000000000000000000' AS id, CAST(0 AS BIGINT) AS time, '' AS reporter, CAST(0 AS BIGINT) AS terms, type, \
             CAST(NULL AS INT) AS confidence, CAST(NULL AS VARCHAR) AS malware, CAST(NULL AS VARCHAR) AS identifier, {}, {}, \
             CAST(NULL AS VARCHAR) AS md5, CAST(NULL AS VARCHAR) AS sha1, CAST(NULL AS VARCHAR) AS sha256 FROM events WHERE {within} AND type IN ({})",
            ends[0],
            ends[1],
            list(&harmed)
        ));
    }
    asked
}

const TEXTS: [&str; 14] = [
    "id",
    "reporter",
    "type",
    "malware",
    "identifier",
    "source_ip",
    "source_fqdn",
    "source_url",
    "destination_ip",
    "destination_fqdn",
    "destination_url",
    "md5",
    "sha1",
    "sha256",
];
const NUMBERS: [&str; 3] = ["time", "terms", "confidence"];

/// `None` for a class that is none.
fn row(table: &Columns, at: usize) -> Option<Row<'_>> {
    let text = |column| table.text(column, at);
    let ip = |column| text(column).and_then(|text| text.parse::<IpAddr>().ok());
    Some(Row {
        id: EventId::from_hex(text(0)?)?,
        time: Timestamp::from_microsecond(table.number(0, at)?).ok()?,
        reporter: text(1).unwrap_or_default(),
        terms: table.number(1, at)?,
        class: Class::of(text(2)?)?,
        confidence: table.number(2, at).and_then(|confidence| u8::try_from(confidence).ok()),
        malware: text(3),
        identifier: text(4),
        source: End { ip: ip(5), fqdn: text(6), url: text(7) },
        destination: End { ip: ip(8), fqdn: text(9), url: text(10) },
        md5: text(11),
        sha1: text(12),
        sha256: text(13),
    })
}
