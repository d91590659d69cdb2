//! A table is read as its mapping says: one record after another becomes events.

use std::borrow::Cow;
use std::io::Read;

use formats::csv::{Dialect, Record, Records, sniff};
use formats::{time, value};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, civil};

use super::key_value::names_a_host;
use super::mapping::{Columns, Filter, Mapping, Piece, Target};
use super::reading::{Reading, Refusal, snake_case};
use super::{Head, Position, ReadError, Sink};
use crate::model::event::Event;
use crate::model::field::Field;

/// How times of a column are written.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) enum TimeLayout {
    /// In any layout that [`time::read`] knows.
    #[default]
    Usual,
    /// Ticks of 100 ns since 1601.
    WindowsNt,
    Pattern(String),
}

impl TimeLayout {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "windows-nt" => Some(Self::WindowsNt),
            pattern if pattern.contains('%') => Some(Self::Pattern(pattern.to_owned())),
            _ => None,
        }
    }

    /// The moment, and whether the text left its zone open.
    fn read(&self, text: &str) -> Option<(Timestamp, bool)> {
        match self {
            Self::Usual => time::read(text).map(|moment| (moment.at, moment.zone_assumed)),
            Self::WindowsNt => {
                let ticks: i64 = text.trim().parse().ok()?;
                // 1601-01-01 is so many seconds before 1970-01-01
                let at = Timestamp::from_microsecond(ticks / 10 - 11_644_473_600_000_000).ok()?;
                (ticks > 0).then_some((at, false))
            }
            Self::Pattern(pattern) => {
                let parts = BrokenDownTime::parse(pattern, text.trim()).ok()?;
                if let Ok(at) = parts.to_timestamp() {
                    return Some((at, false));
                }
                let civil = parts.to_datetime().or_else(|_| parts.to_date().map(civil::DateTime::from)).ok()?;
                Some((TimeZone::UTC.to_timestamp(civil).ok()?, true))
            }
        }
    }
}

/// `+09:00`, `JST`, or a POSIX rule (`CET-1CEST,M3.5.0,M10.5.0/3`).
pub(super) fn zone(text: &str) -> Option<TimeZone> {
    let shifted = time::read(&format!("2000-01-01 12:00:00 {text}")).filter(|moment| !moment.zone_assumed);
    if let Some(moment) = shifted {
        let noon = civil::date(2000, 1, 1).at(12, 0, 0, 0);
        let seconds = TimeZone::UTC.to_timestamp(noon).ok()?.as_second() - moment.at.as_second();
        return Some(TimeZone::fixed(Offset::from_seconds(i32::try_from(seconds).ok()?).ok()?));
    }
    TimeZone::posix(text).ok()
}

/// How a report that begins with `head` separates its values.
pub(super) fn dialect(mapping: &Mapping, head: &str) -> Dialect {
    let layout = &mapping.layout;
    let first = usize::try_from(layout.skip).unwrap_or(usize::MAX);
    let start = if first == 0 { 0 } else { head.match_indices('\n').nth(first - 1).map_or(0, |(at, _)| at + 1) };
    let found = sniff(&head[start..]);
    Dialect { delimiter: layout.delimiter.unwrap_or(found.delimiter), quote: layout.quote.unwrap_or(Some(b'"')), comment: layout.comment }
}

/// Whether the mapping was written for reports such as this one.
pub(super) fn fits(mapping: &Mapping, head: &Head<'_>) -> bool {
    let recognise = &mapping.recognise;
    if recognise.file.is_none() && recognise.columns.is_empty() {
        return false;
    }
    let named = recognise.file.as_ref().is_none_or(|pattern| pattern.is_match(head.name));
    named
        && (recognise.columns.is_empty() || {
            let names = header(mapping, head);
            recognise.columns.iter().all(|column| names.iter().any(|name| name.eq_ignore_ascii_case(column)))
        })
}

/// Names of the columns, as far as the first bytes have them.
fn header(mapping: &Mapping, head: &Head<'_>) -> Vec<String> {
    let text = super::reading::head_text(head);
    let mut records = Records::new(text.as_bytes(), dialect(mapping, text));
    while let Ok(Some(record)) = records.next() {
        if record.row() > mapping.layout.skip && !says_nothing(mapping, &record) {
            return names(&record);
        }
    }
    Vec::new()
}

pub(super) fn names(record: &Record<'_>) -> Vec<String> {
    (0..record.len()).map(|at| cell(record, at).trim().trim_start_matches('#').trim().to_owned()).collect()
}

fn cell<'a>(record: &Record<'a>, at: usize) -> Cow<'a, str> {
    String::from_utf8_lossy(record.bytes(at).unwrap_or_default())
}

fn says_nothing(mapping: &Mapping, record: &Record<'_>) -> bool {
    let raw = record.raw().trim_ascii_start();
    record.problem().is_none() && (raw.is_empty() || mapping.layout.comment.is_some_and(|comment| raw[0] == comment))
}

/// Reads the whole report.
pub(super) fn read(mapping: &Mapping, input: &mut dyn Read, head: &Head<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
    let dialect = dialect(mapping, super::reading::head_text(head));
    let mut records = Records::new(input, dialect);
    let mut out = Reading::new(sink);
    let mut plan = (!mapping.layout.header).then(|| Plan::new(mapping, Vec::new())).transpose()?;
    while let Some(record) = records.next()? {
        if record.row() <= mapping.layout.skip || says_nothing(mapping, &record) {
            continue;
        }
        let Some(plan) = &plan else {
            plan = Some(Plan::new(mapping, names(&record))?);
            continue;
        };
        let at = Position { row: record.row(), offset: record.offset() };
        out.record(at, |out| plan.read(&record, out))?;
    }
    Ok(())
}

/// A mapping with the columns of one report found.
pub(super) struct Plan<'m> {
    mapping: &'m Mapping,
    names: Vec<String>,
    /// What becomes of each column; one that nobody mentioned has no entry.
    targets: Vec<Option<&'m [Target]>>,
    compose: Vec<(&'m str, Vec<Part<'m>>)>,
    filters: Vec<(Option<usize>, &'m Filter)>,
}

enum Part<'m> {
    Text(&'m str),
    Column(usize),
}

/// What one value did to the event.
pub(super) enum Done<'m> {
    /// It said nothing.
    Nothing,
    Set(&'m str),
    /// It cannot be read as any of the keys.
    Unreadable(String),
}

impl<'m> Plan<'m> {
    pub(super) fn new(mapping: &'m Mapping, names: Vec<String>) -> Result<Self, ReadError> {
        let place = |column: &str| {
            let named = names.iter().position(|name| name.eq_ignore_ascii_case(column));
            named.or_else(|| column.parse::<usize>().ok()?.checked_sub(1))
        };
        let missing =
            |column: &str| ReadError::Malformed(format!("the report has no column {column:?}, which mapping {} needs", mapping.name));
        let targets = match &mapping.columns {
            Columns::ByPlace(columns) => columns.iter().map(|targets| Some(targets.as_slice())).collect(),
            Columns::ByName(columns) => {
                if let Some((column, _)) =
                    columns.iter().find(|(column, targets)| place(column).is_none() && targets.iter().any(|target| target.strict))
                {
                    return Err(missing(column));
                }
                let find = |name: &String| columns.iter().find(|(column, _)| column.eq_ignore_ascii_case(name));
                names.iter().map(|name| find(name).map(|(_, targets)| targets.as_slice())).collect()
            }
        };
        let mut compose = Vec::new();
        for (key, pieces) in &mapping.compose {
            let mut parts = Vec::new();
            for piece in pieces {
                parts.push(match piece {
                    Piece::Text(text) => Part::Text(text),
                    Piece::Column(column) => Part::Column(place(column).ok_or_else(|| missing(column))?),
                });
            }
            compose.push((key.as_str(), parts));
        }
        let mut filters = Vec::new();
        for filter in &mapping.filters {
            let column = filter.column.as_deref().map(|column| place(column).ok_or_else(|| missing(column))).transpose()?;
            filters.push((column, filter));
        }
        Ok(Self { mapping, names, targets, compose, filters })
    }

    /// The events of one record.
    pub(super) fn read(&self, record: &Record<'_>, out: &mut Reading<'_>) -> Result<(), Refusal> {
        if let Some(problem) = record.problem() {
            return Err(problem.to_string().into());
        }
        if !self.wanted(record) {
            return Ok(());
        }
        let split = self.targets.iter().enumerate().find_map(|(at, targets)| {
            let separator = targets.as_ref()?.iter().find_map(|target| target.split.as_deref())?;
            Some((at, separator))
        });
        let Some((at, separator)) = split else {
            let event = self.event(record, None, out)?;
            return out.give(event);
        };
        let values = cell(record, at);
        let mut values: Vec<&str> = values.split(separator).map(str::trim).filter(|value| !value.is_empty()).collect();
        if values.is_empty() {
            values.push("");
        }
        for value in values {
            let event = self.event(record, Some(value), out)?;
            out.give(event)?;
        }
        Ok(())
    }

    pub(super) fn wanted(&self, record: &Record<'_>) -> bool {
        self.filters.iter().all(|(column, filter)| {
            let text = match column {
                Some(at) => cell(record, *at),
                None => String::from_utf8_lossy(record.raw()),
            };
            filter.keep.as_ref().is_none_or(|keep| keep.is_match(&text)) && !filter.drop.as_ref().is_some_and(|drop| drop.is_match(&text))
        })
    }

    /// Name of a column for messages and for `extra`.
    pub(super) fn column(&self, at: usize) -> String {
        match self.names.get(at).filter(|name| !name.is_empty()) {
            Some(name) => name.clone(),
            None => format!("column {}", at + 1),
        }
    }

    pub(super) fn targets(&self, at: usize) -> Option<&'m [Target]> {
        self.targets.get(at).copied().flatten()
    }

    fn event<'a>(&self, record: &Record<'a>, piece: Option<&'a str>, out: &mut Reading<'_>) -> Result<Event<'a>, Refusal> {
        let mapping = self.mapping;
        let mut event = out.event();
        let mut set: Vec<&str> = Vec::new();
        let mut first_problem = None;
        for at in 0..record.len().max(self.targets.len()) {
            let text = cell(record, at);
            match self.targets(at) {
                None if mapping.keep_unmapped && !self.is_empty(&text) => event.extra.str(&snake_case(&self.column(at)), text.trim()),
                None => {}
                Some(targets) => {
                    for target in targets {
                        let text = match (&target.split, piece) {
                            (Some(_), Some(piece)) => Cow::Borrowed(piece),
                            _ => text.clone(),
                        };
                        match self.set(target, text.clone(), &mut event) {
                            Done::Nothing => {}
                            Done::Set(key) => set.push(key),
                            Done::Unreadable(problem) if target.strict => return Err(format!("{}: {problem}", self.column(at)).into()),
                            Done::Unreadable(problem) => {
                                first_problem.get_or_insert_with(|| format!("{}: {problem}", self.column(at)));
                                let key = if self.names.is_empty() { target.to[0].clone() } else { snake_case(&self.column(at)) };
                                event.extra.str(key.strip_prefix("extra.").unwrap_or(&key), text.trim());
                            }
                        }
                    }
                }
            }
        }
        self.compose(record, &mut event, &mut set);
        for (key, value) in &mapping.defaults {
            if !set.contains(&key.as_str()) {
                event.set_key_or_keep(key, value.clone());
            }
        }
        if event.feed.is_none() {
            event.feed = mapping.feed.clone().map(Cow::Owned);
        }
        let beside_hosts = |key: &&str| key.ends_with(".account") || key.ends_with(".asn") || key.starts_with("malware.hash.");
        if names_a_host(&event) || set.iter().any(beside_hosts) {
            Ok(event)
        } else {
            Err(first_problem.unwrap_or_else(|| "no column names a host, an account or a sample".to_owned()).into())
        }
    }

    fn compose(&self, record: &Record<'_>, event: &mut Event<'_>, set: &mut Vec<&'m str>) {
        for (key, parts) in &self.compose {
            let mut said = false;
            let mut text = String::new();
            for part in parts {
                match part {
                    Part::Text(fixed) => text.push_str(fixed),
                    Part::Column(at) => {
                        let value = cell(record, *at);
                        if !self.is_empty(&value) {
                            said = true;
                            text.push_str(value.trim());
                        }
                    }
                }
            }
            if said {
                event.set_key_or_keep(key, text);
                set.push(key);
            }
        }
    }

    fn is_empty(&self, text: &str) -> bool {
        let text = text.trim();
        text.is_empty() || self.mapping.empty.iter().any(|word| word == text)
    }

    /// Sets what one value says.
    pub(super) fn set<'a>(&self, target: &'m Target, text: Cow<'a, str>, event: &mut Event<'a>) -> Done<'m> {
        if self.is_empty(&text) {
            return Done::Nothing;
        }
        let text = match &target.matches {
            None => text,
            Some(regex) => {
                let found =
                    regex.captures(&text).and_then(|found| found.get(1).or_else(|| found.get(0))).map(|found| found.as_str().to_owned());
                match found {
                    Some(found) => Cow::Owned(found),
                    None => return Done::Unreadable(format!("{text:?} does not match {:?}", regex.as_str())),
                }
            }
        };
        for key in &target.to {
            if self.set_key(key, target, text.clone(), event) {
                return Done::Set(key);
            }
        }
        Done::Unreadable(format!("{:?} cannot be read as {}", text.trim(), target.to.join(" or ")))
    }

    fn set_key<'a>(&self, key: &str, target: &Target, text: Cow<'a, str>, event: &mut Event<'a>) -> bool {
        if target.json {
            let Ok(said) = serde_json::from_str(&text) else { return false };
            event.extra.json(key.strip_prefix("extra.").unwrap_or(key), &said);
            return true;
        }
        match Field::from_key(key) {
            Some(Field::Time) => self.set_time(target, &text, event),
            Some(field @ Field::Type) => {
                let word = self.mapping.types.iter().find(|(word, _)| word.eq_ignore_ascii_case(text.trim()));
                event.set(field, word.map_or_else(|| text.to_string(), |(_, type_)| type_.clone())).is_ok()
            }
            Some(field @ Field::Url(_)) if !text.contains("://") && value::url(&text).is_none() && !self.mapping.url_prefix.is_empty() => {
                event.set(field, format!("{}{}", self.mapping.url_prefix, text.trim())).is_ok()
            }
            Some(field) => event.set(field, text).is_ok(),
            None => match key.strip_prefix("malware.hash.") {
                Some(kind) if value::hash_kind(text.trim()) != Some(kind) => false,
                _ => event.set_key(key, text.trim().to_owned()).is_ok(),
            },
        }
    }

    fn set_time(&self, target: &Target, text: &str, event: &mut Event<'_>) -> bool {
        let Some((at, open)) = target.time.read(text) else { return false };
        event.time = Some(at);
        if open {
            match &self.mapping.zone {
                Some(zone) => match zone.to_timestamp(at.to_zoned(TimeZone::UTC).datetime()) {
                    Ok(at) => event.time = Some(at),
                    Err(_) => return false,
                },
                None => event.extra.str("time.zone", "assumed"),
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_an_offset_a_name_or_a_rule() {
        let at = |zone_text: &str| {
            let civil = civil::date(2026, 7, 1).at(12, 0, 0, 0);
            zone(zone_text).map(|zone| zone.to_timestamp(civil).unwrap().to_string())
        };
        assert_eq!(at("+09:00").as_deref(), Some("2026-07-01T03:00:00Z"));
        assert_eq!(at("JST").as_deref(), Some("2026-07-01T03:00:00Z"));
        assert_eq!(at("CET-1CEST,M3.5.0,M10.5.0/3").as_deref(), Some("2026-07-01T10:00:00Z"));
        assert_eq!(at("Mars"), None);
    }

    #[test]
    fn times_are_read_by_pattern_and_by_ticks() {
        let read = |name: &str, text: &str| TimeLayout::named(name).unwrap().read(text).map(|(at, open)| (at.to_string(), open));
        assert_eq!(read("windows-nt", "131349599830000000"), Some(("2017-03-25T23:59:43Z".to_owned(), false)));
        assert_eq!(read("%d/%m/%Y %H:%M", "04/03/2026 07:01"), Some(("2026-03-04T07:01:00Z".to_owned(), true)));
        assert_eq!(read("%Y%m%d %H:%M:%S %z", "20260304 07:01:02 +0900"), Some(("2026-03-03T22:01:02Z".to_owned(), false)));
        assert_eq!(read("%d.%m.%Y", "04.03.2026"), Some(("2026-03-04T00:00:00Z".to_owned(), true)));
        assert_eq!(read("%d.%m.%Y", "yesterday"), None);
        assert_eq!(read("windows-nt", "-1"), None);
    }
}
