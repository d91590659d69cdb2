//! Which values of events become indicators, by the rules of the home?

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
use store::events::Questions;
use store::home::Home;
use store::indicators::{Deed, Heard, Words};
use store::register::Register;

use crate::columns::Columns;
use crate::receive::lists;

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
