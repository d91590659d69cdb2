//! CSV by a mapping that the user brought, and CSV whose header speaks for itself.
//!
//! Without a mapping, columns with the names that everyone uses are read as what they usually mean, and all others stay in
//! `extra`: an honest first reading, which a mapping file can make exact.

use std::io::Read;

use super::columns::{Meaning, common};
use super::mapped_rows;
use super::mapping::{Mapping, Target};
use super::reading::{cells, head_text, is_comment, snake_case};
use super::{Context, Head, Knowledge, Likelihood, ReadError, Sink, Source};
use crate::model::event::Side;
use crate::model::field::Field;
use formats::value;

#[derive(Debug)]
pub(super) struct CsvMapping;

impl Source for CsvMapping {
    fn name(&self) -> &'static str {
        "csv-mapping"
    }

    fn about(&self) -> &'static str {
        "CSV of any layout, by a mapping file of yours"
    }

    fn names_feeds(&self) -> bool {
        true
    }

    fn recognise(&self, _head: &Head<'_>) -> Likelihood {
        Likelihood::No
    }

    fn recognise_with(&self, head: &Head<'_>, knowledge: &Knowledge) -> Likelihood {
        if knowledge.mappings.iter().any(|mapping| mapped_rows::fits(mapping, head)) { Likelihood::Certain } else { Likelihood::No }
    }

    fn read(&self, input: &mut dyn Read, context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        let mappings = &context.knowledge.mappings;
        let fitting = mappings.iter().find(|mapping| mapped_rows::fits(mapping, &context.head));
        // A single mapping is meant even where it does not say for which reports it is.
        let Some(mapping) = fitting.or(if let [only] = &mappings[..] { Some(only) } else { None }) else {
            return Err(ReadError::Malformed(format!("none of {} mappings fits {}", mappings.len(), context.head.name)));
        };
        mapped_rows::read(mapping, input, &context.head, sink)
    }
}

#[derive(Debug)]
pub(super) struct Csv;

impl Source for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn about(&self) -> &'static str {
        "CSV whose header has IntelMQ keys or the usual names (ip, timestamp, url, …)"
    }

    fn names_feeds(&self) -> bool {
        true
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let Some(names) = header(head) else { return Likelihood::No };
        let known: Vec<Meaning> = names.iter().filter_map(|name| common(name)).collect();
        if !known.iter().any(|meaning| meaning.names_a_host()) {
            Likelihood::No
        } else if known.len() > 1 && known.len() * 3 >= names.len() {
            Likelihood::Likely
        } else {
            Likelihood::Possible
        }
    }

    fn read(&self, input: &mut dyn Read, context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        let Some(mapping) = guess(&context.head) else {
            return Err(ReadError::Malformed(
                "the first line has no column whose name is known; a mapping file can say what they are".to_owned(),
            ));
        };
        mapped_rows::read(&mapping, input, &context.head, sink)
    }
}

/// The mapping that the header of a report suggests: what `csv` reads by, and a start for a mapping file.
pub fn guess(head: &Head<'_>) -> Option<Mapping> {
    let (skip, delimiter, names) = header_line(head)?;
    let named_in_comment = head_text(head).lines().nth(usize::try_from(skip).ok()?).is_some_and(|line| is_comment(line.trim_start()));
    let mut taken: Vec<String> = Vec::new();
    let mut columns = Vec::new();
    let has = |word: &str| names.iter().any(|name| snake_case(name) == word);
    let apart = has("date") && has("time");
    for name in &names {
        let Some(meaning) = common(name) else { continue };
        if apart && meaning == Meaning::Field(Field::Time) {
            if matches!(snake_case(name).as_str(), "date" | "time") {
                columns.push((name.clone(), Vec::new()));
            }
            continue;
        }
        let to = keys(meaning);
        // Of two columns for one key the first holds; the other stays in extra.
        if !taken.contains(&to[0]) {
            taken.push(to[0].clone());
            columns.push((name.clone(), vec![Target { to, ..Target::default() }]));
        }
    }
    let names_a_host = |name: &String| common(name).is_some_and(Meaning::names_a_host);
    if !names.iter().any(names_a_host) {
        return None;
    }
    let mut mapping = Mapping::of_columns(columns);
    mapping.layout.skip = skip;
    mapping.layout.delimiter = Some(delimiter);
    mapping.layout.comment = (!named_in_comment).then_some(b'#');
    if apart {
        use super::mapping::Piece;
        let pieces = vec![Piece::Column("date".to_owned()), Piece::Text(" ".to_owned()), Piece::Column("time".to_owned())];
        mapping.compose.push(("time.source".to_owned(), pieces));
    }
    Some(mapping)
}

fn keys(meaning: Meaning) -> Vec<String> {
    match meaning {
        Meaning::Field(field @ Field::Fqdn(side)) => vec![field.key(), Field::Ip(side).key()],
        Meaning::Field(field @ Field::Ip(side)) => vec![field.key(), Field::Network(side).key()],
        Meaning::Field(field) => vec![field.key()],
        Meaning::Kept(key) => vec![key.to_owned()],
        Meaning::Host(side) => host_keys(side),
    }
}

fn host_keys(side: Side) -> Vec<String> {
    [Field::Ip(side), Field::Network(side), Field::Url(side), Field::Fqdn(side)].map(Field::key).to_vec()
}

fn header(head: &Head<'_>) -> Option<Vec<String>> {
    header_line(head).map(|(_, _, names)| names)
}

/// The first line that names columns: lines before it, the delimiter and the names. A comment may do so too.
fn header_line(head: &Head<'_>) -> Option<(u64, u8, Vec<String>)> {
    let text = head_text(head);
    if text.trim_start().starts_with(['{', '[', '<']) {
        return None;
    }
    for (at, line) in text.lines().take(30).enumerate() {
        let said = line.trim_start_matches(['#', ';', ' ']);
        let comment = is_comment(line.trim_start());
        if said.is_empty() {
            continue;
        }
        let delimiter = [',', ';', '\t', '|'].into_iter().max_by_key(|d| said.matches(*d).count())?;
        let names: Vec<String> = cells(said, delimiter).into_iter().map(|name| name.trim().to_owned()).collect();
        let plausible = names.iter().all(|name| name.len() < 60 && value::ip(name).is_none() && !name.contains("://"));
        if plausible && names.iter().filter(|name| common(name).is_some()).count() >= if comment { 2 } else { 1 } {
            let delimiter = if names.len() > 1 { delimiter } else { ',' };
            return Some((at as u64, delimiter as u8, names));
        }
        if !comment {
            return None;
        }
    }
    None
}
