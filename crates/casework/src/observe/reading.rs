//! What every source of lines or columns does the same: go from record to record, hand over events, set bad records aside.
//!
//! A source says in a closure what one record means. `?` on whatever stands in the way of an event rejects that record
//! with its reason; the rest goes on.

use std::borrow::Cow;
use std::io::Read;

use formats::csv::{Dialect, Records};
use formats::lines::Lines;
use formats::time;

use super::{Head, Likelihood, Position, ReadError, Sink, Stop, json_record};
use crate::model::event::Event;
use crate::model::extra::Extra;
use crate::model::field::Invalid;

/// Why a record gave no event.
#[derive(Debug)]
pub(super) enum Refusal {
    Because(String),
    Stop,
}

impl From<Invalid> for Refusal {
    fn from(error: Invalid) -> Self {
        Self::Because(error.to_string())
    }
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::Because(reason)
    }
}

impl From<&str> for Refusal {
    fn from(reason: &str) -> Self {
        Self::Because(reason.to_owned())
    }
}

impl From<json_record::Refusal> for Refusal {
    fn from(refusal: json_record::Refusal) -> Self {
        match refusal {
            json_record::Refusal::Reason(reason) => Self::Because(reason),
            json_record::Refusal::Stop => Self::Stop,
        }
    }
}

impl From<Stop> for Refusal {
    fn from(_: Stop) -> Self {
        Self::Stop
    }
}

/// The way out for the events of one record; keeps the memory of `extra` from record to record.
pub(super) struct Reading<'s> {
    sink: &'s mut dyn Sink,
    at: Position,
    spare: Extra,
}

impl<'s> Reading<'s> {
    pub(super) fn new(sink: &'s mut dyn Sink) -> Self {
        Self { sink, at: Position::default(), spare: Extra::default() }
    }

    /// An empty event.
    pub(super) fn event<'a>(&mut self) -> Event<'a> {
        Event::reusing(std::mem::take(&mut self.spare))
    }

    pub(super) fn give(&mut self, mut event: Event<'_>) -> Result<(), Refusal> {
        self.sink.event(self.at, &mut event)?;
        self.spare = event.extra;
        Ok(())
    }

    pub(super) fn reject(&mut self, reason: impl Into<String>) -> Result<(), Refusal> {
        self.sink.reject(self.at, reason.into())?;
        Ok(())
    }

    /// Says which record what follows is about, and sets it aside when it was refused.
    pub(super) fn record(&mut self, at: Position, read: impl FnOnce(&mut Self) -> Result<(), Refusal>) -> Result<(), Stop> {
        self.at = at;
        match read(self) {
            Ok(()) => Ok(()),
            Err(Refusal::Because(reason)) => self.sink.reject(at, reason),
            Err(Refusal::Stop) => Err(Stop),
        }
    }
}

/// Reads line by line; blank lines say nothing.
pub(super) fn each_line(
    input: &mut dyn Read,
    sink: &mut dyn Sink,
    mut read: impl FnMut(&str, &mut Reading<'_>) -> Result<(), Refusal>,
) -> Result<(), ReadError> {
    let mut lines = Lines::new(input);
    let mut out = Reading::new(sink);
    while let Some(line) = lines.next()? {
        let at = Position { row: line.number, offset: line.offset };
        out.record(at, |out| match line.text() {
            Ok(text) if text.trim().is_empty() => Ok(()),
            Ok(text) => read(text, out),
            Err(problem) => Err(Refusal::Because(problem.to_string())),
        })?;
    }
    Ok(())
}

/// Reads a table whose column names stand in its first record, or, when `names` are given, wherever a comment
/// lists some of them (`# "first_seen","dst_ip"`).
pub(super) fn each_row(
    input: &mut dyn Read,
    sink: &mut dyn Sink,
    table: &Table<'_>,
    mut read: impl FnMut(&Row<'_>, &mut Reading<'_>) -> Result<(), Refusal>,
) -> Result<(), ReadError> {
    let mut names: Vec<String> = table.names.iter().map(|n| (*n).to_owned()).collect();
    if let Some(comment) = table.comment {
        return each_line(input, sink, |line, out| {
            if let Some(said) = line.trim_start().strip_prefix(comment) {
                let said: Vec<String> =
                    cells(said, table.delimiter).into_iter().map(|c| c.trim_start_matches(comment).trim().to_owned()).collect();
                if said.len() > 1 && said.iter().filter(|name| table.names.contains(&name.as_str())).count() > 1 {
                    names = said;
                }
                return Ok(());
            }
            let cells = cells(line, table.delimiter);
            if cells.iter().filter(|c| table.names.contains(&&***c)).count() > 1 {
                names = cells.into_iter().map(Cow::into_owned).collect();
                return Ok(());
            }
            if cells.len() > names.len() {
                return Err(format!("{} columns where {} are known", cells.len(), names.len()).into());
            }
            read(&Row { names: &names, cells: &cells, unknown: "" }, out)
        });
    }
    let mut records = Records::new(input, Dialect { delimiter: table.delimiter as u8, ..Dialect::default() });
    let mut out = Reading::new(sink);
    let mut header = names.is_empty();
    while let Some(record) = records.next()? {
        let at = Position { row: record.row(), offset: record.offset() };
        out.record(at, |out| {
            if let Some(problem) = record.problem() {
                return Err(problem.to_string().into());
            }
            if record.raw().trim_ascii().is_empty() {
                return Ok(());
            }
            let cells: Vec<Cow<'_, str>> =
                (0..record.len()).map(|n| String::from_utf8_lossy(record.bytes(n).unwrap_or_default())).collect();
            if header {
                header = false;
                names = cells.iter().map(|c| c.trim().to_owned()).collect();
                return Ok(());
            }
            read(&Row { names: &names, cells: &cells, unknown: "" }, out)
        })?;
    }
    Ok(())
}

/// How a table of columns is laid out.
#[derive(Debug, Default)]
pub(super) struct Table<'a> {
    pub(super) delimiter: char,
    /// Lines that start with it are comments, one of which may name the columns.
    pub(super) comment: Option<char>,
    /// The columns when nothing in the report names them; empty when the first record does.
    pub(super) names: &'a [&'a str],
}

/// One record and the names of its columns.
pub(super) struct Row<'r> {
    names: &'r [String],
    cells: &'r [Cow<'r, str>],
    /// Stands for what is not known.
    unknown: &'r str,
}

impl<'r> Row<'r> {
    /// The same record where `unknown` counts as empty.
    pub(super) fn without(&self, unknown: &'r str) -> Self {
        Self { unknown, ..*self }
    }

    /// The value of a column; empty when there is none.
    pub(super) fn get(&self, name: &str) -> &'r str {
        let at = self.names.iter().position(|n| n.eq_ignore_ascii_case(name));
        at.and_then(|at| self.cells.get(at)).map_or("", |cell| cell.trim())
    }

    /// The same as a record of JSON, for reports that come in both forms.
    pub(super) fn record(&self) -> json_record::Record {
        let cells = self.names.iter().zip(self.cells).filter(|(_, cell)| !cell.trim().eq_ignore_ascii_case(self.unknown));
        json_record::Record(cells.map(|(name, cell)| (snake_case(name), cell.trim().into())).collect())
    }

    /// Sets what `keys` say of each column (column, IntelMQ key; an empty key leaves it out), and keeps the other columns in
    /// `extra` under their own name. A value that cannot be read is kept too.
    pub(super) fn fill(&self, event: &mut Event<'r>, keys: &[(&str, &str)]) {
        for (name, cell) in self.names.iter().zip(self.cells) {
            let text = cell.trim();
            if text.is_empty() || text.eq_ignore_ascii_case(self.unknown) {
                continue;
            }
            match keys.iter().find(|(column, _)| name.eq_ignore_ascii_case(column)) {
                Some((_, "")) => {}
                Some((_, key)) => event.set_key_or_keep(key, text),
                None => event.extra.str(&snake_case(name), text),
            }
        }
        for (at, cell) in self.cells.iter().enumerate().skip(self.names.len()).filter(|(_, cell)| !cell.trim().is_empty()) {
            event.extra.str(&format!("column_{}", at + 1), cell.trim());
        }
    }
}

/// `First Seen` and `first-seen` are `first_seen`.
pub(super) fn snake_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.trim().chars() {
        if c.is_alphanumeric() || c == '.' {
            out.extend(c.to_lowercase());
        } else if !out.ends_with('_') && !out.is_empty() {
            out.push('_');
        }
    }
    out.truncate(out.trim_end_matches('_').len());
    if out.is_empty() { "unnamed".to_owned() } else { out }
}

/// The values of one line; quotes may stand around a value, after spaces too (`"a", "b"`).
pub(super) fn cells(line: &str, delimiter: char) -> Vec<Cow<'_, str>> {
    let mut out = Vec::new();
    let mut rest = line;
    loop {
        let start = rest.trim_start_matches(|c: char| c == ' ' || (c == '\t' && delimiter != '\t'));
        let (cell, after) = match quoted(start) {
            Some((cell, after)) if after.trim_start().is_empty() || after.trim_start_matches(' ').starts_with(delimiter) => {
                (cell, after.trim_start_matches(' '))
            }
            _ => {
                let end = rest.find(delimiter).unwrap_or(rest.len());
                (Cow::Borrowed(rest[..end].trim()), &rest[end..])
            }
        };
        out.push(cell);
        match after.strip_prefix(delimiter) {
            Some(after) => rest = after,
            None => return out,
        }
    }
}

/// A quoted text at the start, with doubled quotes resolved, and what comes after it.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut from = 0;
    loop {
        let end = from + inner[from..].find('"')?;
        if inner[end + 1..].starts_with('"') {
            from = end + 2;
            continue;
        }
        let cell = &inner[..end];
        let cell = if cell.contains('"') { Cow::Owned(cell.replace("\"\"", "\"")) } else { Cow::Borrowed(cell) };
        return Some((cell, &inner[end + 1..]));
    }
}

/// The first lines of a report that are whole and neither blank nor a comment.
pub(super) fn first_lines<'a>(head: &Head<'a>) -> impl Iterator<Item = &'a str> {
    let text = head_text(head);
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !is_comment(line))
}

/// The first bytes as text without a last line that may be cut off.
pub(super) fn head_text<'a>(head: &Head<'a>) -> &'a str {
    let bytes = head.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head.bytes);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
    };
    let cut = !head.whole || text.len() < bytes.len();
    if cut { text.rfind('\n').map_or(text, |end| &text[..end]) } else { text }
}

pub(super) fn is_comment(line: &str) -> bool {
    line.starts_with(['#', ';']) || line.starts_with("//")
}

/// `Certain` when it is so.
pub(super) fn certain_if(so: bool) -> Likelihood {
    if so { Likelihood::Certain } else { Likelihood::No }
}

/// Whether the text begins with something, in any case of letters.
pub(super) fn begins(text: &str, with: &str) -> bool {
    text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
}

/// A time as IntelMQ writes it; the text itself when it is no time.
pub(super) fn iso(text: &str) -> String {
    time::read(text).map_or_else(|| text.to_owned(), |moment| moment.at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string())
}

/// What comes after `label` on a line of comment: `after_label("# Last-Modified: Mon", "last-modified:")`.
pub(super) fn after_label<'a>(line: &'a str, label: &str) -> Option<&'a str> {
    let said = line.trim_start_matches(['#', ';', '/', ' ', '\t', '*']);
    begins(said, label).then(|| said[label.len()..].trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_may_stand_after_a_space_and_hold_the_delimiter() {
        assert_eq!(cells(r#""a", "b, ""c""",d , "#, ','), ["a", r#"b, "c""#, "d", ""]);
        assert_eq!(cells(r#"a"b",""#, ','), [r#"a"b""#, "\""]);
        assert_eq!(cells("a\t\t b", '\t'), ["a", "", "b"]);
    }

    #[test]
    fn column_names_become_keys() {
        assert_eq!(snake_case(" First Seen (UTC)"), "first_seen_utc");
        assert_eq!(snake_case("???"), "unnamed");
    }

    proptest::proptest! {
        #[test]
        fn as_many_cells_as_delimiters_and_one(line in "[a, ]{0,30}") {
            proptest::prop_assert_eq!(cells(&line, ',').len(), line.matches(',').count() + 1);
        }

        #[test]
        fn no_line_makes_it_panic(line in ".{0,40}") {
            let _ = (cells(&line, ','), snake_case(&line), after_label(&line, "last"));
        }
    }
}
