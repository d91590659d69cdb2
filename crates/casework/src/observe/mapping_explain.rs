//! How would this mapping read that report? The first rows, value by value, before anything is remembered.

use formats::csv::Records;

use super::intelmq::to_intelmq;
use super::mapped_rows::{Done, Plan, dialect, names};
use super::mapping::Mapping;
use super::reading::{Reading, head_text, snake_case};
use super::{Drift, Head, Position, ReadError, Sink, Stop};
use crate::model::event::Event;

/// One row of the report.
#[derive(Clone, Debug)]
pub struct ExplainedRow {
    /// Line of the report.
    pub row: u64,
    pub cells: Vec<ExplainedCell>,
    /// The events it gives, with IntelMQ's keys.
    pub events: Vec<serde_json::Map<String, serde_json::Value>>,
    /// Why it gives none: it is rejected, or a filter drops it.
    pub refused: Option<String>,
}

/// One value of a row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExplainedCell {
    pub column: String,
    /// As written in the report.
    pub value: String,
    /// What it is read as; empty when it is left out.
    pub key: String,
    /// The value as an event holds it, or what is wrong with it.
    pub read: Result<String, String>,
}

/// Explains up to `rows` rows of the report that begins with `head`.
///
/// # Errors
/// [`ReadError::Malformed`] when the report lacks a column that the mapping needs.
pub fn explain(mapping: &Mapping, head: &Head<'_>, rows: usize) -> Result<Vec<ExplainedRow>, ReadError> {
    let text = head_text(head);
    let mut records = Records::new(text.as_bytes(), dialect(mapping, text));
    let mut plan = (!mapping.layout.header).then(|| Plan::new(mapping, Vec::new())).transpose()?;
    let mut explained = Vec::new();
    while let (true, Some(record)) = (explained.len() < rows, records.next()?) {
        let comment = mapping.layout.comment.is_some_and(|comment| record.raw().trim_ascii_start().first() == Some(&comment));
        if record.row() <= mapping.layout.skip || comment || record.raw().trim_ascii().is_empty() {
            continue;
        }
        let Some(plan) = &plan else {
            plan = Some(Plan::new(mapping, names(&record))?);
            continue;
        };
        let mut row = ExplainedRow { row: record.row(), cells: Vec::new(), events: Vec::new(), refused: None };
        for at in 0..record.len() {
            explain_cell(plan, at, &String::from_utf8_lossy(record.bytes(at).unwrap_or_default()), mapping, &mut row.cells);
        }
        if !plan.wanted(&record) {
            row.refused = Some("a filter drops it".to_owned());
        }
        let mut collected = Collected::default();
        let at = Position { row: record.row(), offset: record.offset() };
        let _ = Reading::new(&mut collected).record(at, |out| plan.read(&record, out));
        row.events = collected.events;
        row.refused = row.refused.or(collected.refused);
        explained.push(row);
    }
    Ok(explained)
}

fn explain_cell(plan: &Plan<'_>, at: usize, text: &str, mapping: &Mapping, cells: &mut Vec<ExplainedCell>) {
    let column = plan.column(at);
    let mut cell = |key: String, read: Result<String, String>| {
        cells.push(ExplainedCell { column: column.clone(), value: text.to_owned(), key, read });
    };
    let Some(targets) = plan.targets(at) else {
        return if mapping.keep_unmapped {
            cell(format!("extra.{}", snake_case(&column)), Ok(text.trim().to_owned()));
        } else {
            cell(String::new(), Ok(String::new()));
        };
    };
    if targets.is_empty() {
        cell(String::new(), Ok(String::new()));
    }
    for target in targets {
        let pieces: Vec<&str> = match &target.split {
            Some(separator) => text.split(separator.as_str()).map(str::trim).collect(),
            None => vec![text],
        };
        for piece in pieces {
            let mut event = Event::default();
            match plan.set(target, piece.into(), &mut event) {
                Done::Nothing => cell(target.to.join("|"), Ok(String::new())),
                Done::Unreadable(problem) => cell(target.to.join("|"), Err(problem)),
                Done::Set(key) => {
                    let shown = to_intelmq(&mut event);
                    let value = shown.get(key).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
                    cell(key.to_owned(), Ok(value.unwrap_or_default()));
                }
            }
        }
    }
}

#[derive(Default)]
struct Collected {
    events: Vec<serde_json::Map<String, serde_json::Value>>,
    refused: Option<String>,
}

impl Sink for Collected {
    fn event(&mut self, _at: Position, event: &mut Event<'_>) -> Result<(), Stop> {
        self.events.push(to_intelmq(event));
        Ok(())
    }

    fn reject(&mut self, _at: Position, reason: String) -> Result<(), Stop> {
        self.refused = Some(reason);
        Ok(())
    }

    fn drift(&mut self, _drift: Drift) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_shown_with_its_key_and_what_it_is_read_as() {
        let mapping = Mapping::read(
            "m.toml",
            "[columns]\nHost = 'source.ip|source.fqdn'\nPorts = {to = 'source.port', split = ','}\nNote = ''\n[layout]\ndelimiter = ';'\n[[filter]]\ncolumn = 'Note'\ndrop = 'test'",
        )
        .unwrap();
        let report = b"Host;Ports;Note;Rest\nEVIL[.]example;80,x;;r\n192.0.2.1;;a test;\n";
        let head = Head { name: "r.csv", bytes: report, whole: true, media_type: None };
        let rows = explain(&mapping, &head, 10).unwrap();
        let said: Vec<(&str, &str, Result<&str, bool>)> = rows[0]
            .cells
            .iter()
            .map(|c| (c.column.as_str(), c.key.as_str(), c.read.as_deref().map_err(|problem| problem.contains("\"x\""))))
            .collect();
        assert_eq!(
            said,
            [
                ("Host", "source.fqdn", Ok("evil.example")),
                ("Ports", "source.port", Ok("80")),
                ("Ports", "source.port", Err(true)),
                ("Note", "", Ok("")),
                ("Rest", "extra.rest", Ok("r")),
            ]
        );
        assert_eq!((rows[0].events.len(), rows[0].refused.as_deref()), (2, None));
        assert_eq!((rows[1].events.len(), rows[1].refused.as_deref()), (0, Some("a filter drops it")));
    }
}
