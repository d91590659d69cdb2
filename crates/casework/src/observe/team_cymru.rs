//! Team Cymru: reports to CSIRTs (`category|address|asn|timestamp|optional information|AS name`) and other tables with bars,
//! such as answers of its address-to-AS service (`AS | IP | BGP Prefix | CC | Registry | Allocated | AS Name`).
//!
//! Columns are what a comment or the first line names them; without names each is known by its shape. Times are UTC, as
//! Team Cymru documents.

use std::io::Read;

use super::columns::{Meaning, common};
use super::key_value::names_a_host;
use super::reading::{Reading, Refusal, each_line, first_lines, head_text, is_comment, snake_case};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::{Event, Side};
use crate::model::field::Field;
use formats::{time, value};

#[derive(Debug)]
pub(super) struct TeamCymru;

/// What a category or a word of the optional information says of the class.
const CATEGORIES: &[(&str, &str, &str)] = &[
    ("bot", "infected-system", ""),
    ("bots", "infected-system", ""),
    ("infected", "infected-system", ""),
    ("beagle", "infected-system", ""),
    ("blaster", "infected-system", ""),
    ("conficker", "infected-system", ""),
    ("nachi", "infected-system", ""),
    ("sinkhole", "infected-system", ""),
    ("slammer", "infected-system", ""),
    ("stormworm", "infected-system", ""),
    ("bruteforce", "brute-force", ""),
    ("controller", "c2-server", ""),
    ("controllers", "c2-server", ""),
    ("c2", "c2-server", ""),
    ("darknet", "scanner", "darknet"),
    ("scanner", "scanner", ""),
    ("scanners", "scanner", ""),
    ("ddosreport", "ddos", ""),
    ("ddos", "ddos", ""),
    ("defacement", "unauthorised-information-modification", ""),
    ("dipnet", "infected-system", ""),
    ("flowbots", "infected-system", ""),
    ("honeypot", "ids-alert", "honeypot"),
    ("malwareurl", "malware-distribution", ""),
    ("openresolver", "ddos-amplifier", "dns-open-resolver"),
    ("openresolvers", "ddos-amplifier", "dns-open-resolver"),
    ("phishing", "phishing", ""),
    ("proxy", "other", "proxy"),
    ("router", "system-compromise", "router"),
    ("routers", "system-compromise", "router"),
    ("spam", "spam", ""),
    ("spreaders", "malware-distribution", ""),
];

/// Families that are a category of their own.
const FAMILIES: &[&str] = &["beagle", "blaster", "conficker", "dipnet", "nachi", "slammer", "stormworm"];

impl Source for TeamCymru {
    fn name(&self) -> &'static str {
        "team-cymru"
    }

    fn about(&self) -> &'static str {
        "Team Cymru reports and other tables with bars"
    }

    fn names_feeds(&self) -> bool {
        true
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let (mut all, mut ours, mut category) = (0, 0, false);
        for line in first_lines(head).take(50) {
            let cell: Vec<&str> = line.split('|').map(str::trim).collect();
            if line.starts_with("Bulk mode;") || is_heading(&cell) {
                continue;
            }
            all += 1;
            let fits = cell.len() >= 3 && cell.iter().take(3).any(|c| value::ip(c).is_some());
            ours += usize::from(fits);
            category |= fits && CATEGORIES.iter().any(|(name, ..)| *name == cell[0]);
        }
        let text = head_text(head);
        if ours == 0 || ours * 10 < all * 7 {
            return Likelihood::No;
        }
        let said =
            head.origin().contains("cymru") || text.lines().take(5).any(|line| line.contains("cymru.com") || line.contains("Team Cymru"));
        match (said, category) {
            (true, _) => Likelihood::Certain,
            (false, true) => Likelihood::Likely,
            (false, false) => Likelihood::Possible,
        }
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        let mut names: Vec<String> = Vec::new();
        each_line(input, sink, |line, out| {
            let line = line.trim();
            let said = line.trim_start_matches(['#', ';', ' ']);
            let said = said.strip_prefix("column names:").unwrap_or(said);
            let cell: Vec<&str> = said.split('|').map(str::trim).collect();
            if is_heading(&cell) {
                names = cell.into_iter().map(str::to_owned).collect();
                return Ok(());
            }
            if is_comment(line) || line.starts_with("Bulk mode;") {
                return Ok(());
            }
            read_row(&names, &cell, out)
        })
    }
}

/// A line that names columns and has none of their values.
fn is_heading(cell: &[&str]) -> bool {
    cell.len() >= 3 && cell.iter().filter(|name| named(name).is_some()).count() >= 2 && cell.iter().all(|text| value::ip(text).is_none())
}

enum Column {
    Means(Meaning),
    Category,
    Information,
}

fn named(name: &str) -> Option<Column> {
    Some(match snake_case(name).as_str() {
        "category" | "type" => Column::Category,
        "optional_information" | "info" | "notes" | "additional_info" => Column::Information,
        "asninfo" | "asn_info" => Column::Means(Meaning::Field(Field::AsName(Side::Source))),
        "registry" => Column::Means(Meaning::Kept("source.registry")),
        "allocated" => Column::Means(Meaning::Kept("source.allocated")),
        _ => Column::Means(common(name)?),
    })
}

fn read_row(names: &[String], cell: &[&str], out: &mut Reading<'_>) -> Result<(), Refusal> {
    if cell.len() < 2 {
        return Err("no columns separated by bars".into());
    }
    let mut event = out.event();
    let mut category = "";
    for (at, text) in cell.iter().enumerate().filter(|(_, text)| !text.is_empty() && !matches!(**text, "NA" | "-")) {
        let name = names.get(at).map_or("", String::as_str);
        match if name.is_empty() { shape(text, &event) } else { named(name) } {
            Some(Column::Means(Meaning::Field(Field::Time))) if event.set(Field::Time, *text).is_ok() => {}
            Some(Column::Means(meaning)) => meaning.set(&mut event, *text, name),
            Some(Column::Category) => category = text,
            Some(Column::Information) => information(&mut event, text),
            None if name.is_empty() => information(&mut event, text),
            None => event.extra.str(&snake_case(name), text),
        }
    }
    let word = category.to_ascii_lowercase();
    if let Some((_, type_, identifier)) = CATEGORIES.iter().find(|(name, ..)| *name == word) {
        event.set(Field::Type, *type_)?;
        event.set(Field::Identifier, *identifier)?;
        if FAMILIES.contains(&word.as_str()) && event.malware.is_none() {
            event.malware = Some(word.into());
        }
    } else if event.set(Field::Type, category.to_owned()).is_err() {
        event.extra.str("category", category);
    }
    if names_a_host(&event) {
        out.give(event)
    } else {
        let shown: String = cell.join("|").chars().take(80).collect();
        Err(format!("no column of {shown:?} names a host").into())
    }
}

/// What a column without a name is by its look.
fn shape(text: &str, event: &Event<'_>) -> Option<Column> {
    let word = text.to_ascii_lowercase();
    if event.source.ip.is_none() && value::ip(text).is_some() {
        return Some(Column::Means(Meaning::Field(Field::Ip(Side::Source))));
    }
    if CATEGORIES.iter().any(|(name, ..)| *name == word) {
        return Some(Column::Category);
    }
    if event.time.is_none() && text.contains(['-', ':']) && time::read(text).is_some() {
        return Some(Column::Means(Meaning::Field(Field::Time)));
    }
    if event.source.asn.is_none() && text.len() <= 12 && value::asn(text).is_some() {
        return Some(Column::Means(Meaning::Field(Field::Asn(Side::Source))));
    }
    if event.source.network.is_none() && text.contains('/') && value::network(text).is_some() {
        return Some(Column::Means(Meaning::Field(Field::Network(Side::Source))));
    }
    if event.source.country.is_none() && text.len() == 2 && text.bytes().all(|c| c.is_ascii_uppercase()) {
        return Some(Column::Means(Meaning::Field(Field::Country(Side::Source))));
    }
    None
}

/// `srcport <16> mwtype <Avalanche>`, `destaddr: 192.0.2.1; proto 6`: words and their values.
fn information<'a>(event: &mut Event<'a>, text: &'a str) {
    let words: Vec<&str> = text
        .split([' ', ',', ';', '='])
        .map(|w| w.trim_matches(|c: char| matches!(c, '<' | '>' | ':' | '"' | '\'' | '[' | ']')))
        .filter(|w| !w.is_empty())
        .collect();
    for pair in words.windows(2) {
        let key = match pair[0].to_ascii_lowercase().as_str() {
            "srcport" | "source_port" | "sport" => "source.port",
            "dstport" | "destport" | "destination_port" | "dport" => "destination.port",
            "dstaddr" | "destaddr" | "destination_ip" | "sinkhole_ip" => "destination.ip",
            "mwtype" | "malware" | "family" => "malware.name",
            "hostname" => "source.reverse_dns",
            "proto" | "protocol" | "protos" => "protocol",
            "url" => "source.url",
            _ => continue,
        };
        match (key, pair[1]) {
            ("protocol", "6" | "tcp" | "TCP") => event.transport = Some("tcp".into()),
            ("protocol", "17" | "udp" | "UDP") => event.transport = Some("udp".into()),
            (key, value) => event.set_key_or_keep(key, value),
        }
    }
    event.extra.str("information", text);
}
