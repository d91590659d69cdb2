//! A JSON record as it is taken apart: what a source understands is taken out field by field, the rest goes to `extra`.
//!
//! So nothing a report said is lost, and a source only names what it knows. [`each_record`] is the loop around it:
//! one bad record is rejected with its reason, the next one is read.

use std::io::Read;

use formats::json::{Elements, Error};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Head, Position, ReadError, Sink, Stop};
use crate::model::event::{Event, Side};
use crate::model::extra::Extra;
use crate::model::field::{Field, Invalid};

/// What a record becomes when it cannot be an event.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It is set aside with this reason.
    Reason(String),
    Stop,
}

impl From<Stop> for Refusal {
    fn from(_: Stop) -> Self {
        Self::Stop
    }
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Self {
        Self::Reason(invalid.to_string())
    }
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::Reason(reason)
    }
}

impl From<&str> for Refusal {
    fn from(reason: &str) -> Self {
        Self::Reason(reason.to_owned())
    }
}

/// How records stand in a document.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shape {
    /// A list, lines, or one object that is the record.
    Records,
    /// Objects whose members hold the records, in lists or alone.
    Members,
}

/// Where a record stands, and where its events go.
pub(super) struct Out<'s> {
    pub(super) at: Position,
    /// The key of the document it stands under, for [`Shape::Members`].
    pub(super) key: Option<String>,
    /// It is one of a list.
    pub(super) listed: bool,
    sink: &'s mut dyn Sink,
    spare: Extra,
}

impl Out<'_> {
    /// An event to fill, with memory of an earlier one.
    pub(super) fn blank(&mut self) -> Event<'static> {
        Event::reusing(std::mem::take(&mut self.spare))
    }

    pub(super) fn event(&mut self, mut event: Event<'static>) -> Result<(), Stop> {
        let handed = self.sink.event(self.at, &mut event);
        self.spare = event.extra;
        handed
    }

    /// Sets one part of a record aside; its other parts may still be events.
    pub(super) fn reject(&mut self, reason: String) -> Result<(), Stop> {
        self.sink.reject(self.at, reason)
    }
}

/// Reads a document record by record; what `one` refuses is rejected with its reason.
pub(super) fn each_record(
    input: &mut dyn Read,
    sink: &mut dyn Sink,
    shape: Shape,
    mut one: impl FnMut(Record, &mut Out<'_>) -> Result<(), Refusal>,
) -> Result<(), ReadError> {
    each_value(input, sink, shape, |value, out| match value {
        Value::Object(members) => one(Record(members), out),
        other => Err(Refusal::Reason(format!("{} is no record", short(&other.to_string())))),
    })
}

/// As [`each_record`], for documents whose elements need not be objects.
pub(super) fn each_value(
    input: &mut dyn Read,
    sink: &mut dyn Sink,
    shape: Shape,
    mut one: impl FnMut(Value, &mut Out<'_>) -> Result<(), Refusal>,
) -> Result<(), ReadError> {
    let mut elements = match shape {
        Shape::Records => Elements::new(input),
        Shape::Members => Elements::entering_objects(input),
    };
    let mut out = Out { at: Position::default(), key: None, listed: false, sink, spare: Extra::default() };
    while let Some(next) = elements.next() {
        let done = match next {
            Ok(element) => {
                out.at = Position { row: element.number, offset: element.offset };
                out.listed = element.listed;
                if out.key.as_deref() != element.key {
                    out.key = element.key.map(str::to_owned);
                }
                match parse(element.bytes) {
                    Ok(value) => one(value, &mut out),
                    Err(reason) => Err(Refusal::Reason(reason)),
                }
            }
            Err(Error::Element { number, offset, reason }) => {
                out.at = Position { row: number, offset };
                Err(Refusal::Reason(reason))
            }
            Err(Error::Io(error)) => return Err(error.into()),
            Err(error @ Error::Document { .. }) => return Err(ReadError::Malformed(error.to_string())),
        };
        match done {
            Ok(()) => {}
            Err(Refusal::Reason(reason)) => out.reject(reason)?,
            Err(Refusal::Stop) => return Err(ReadError::Stopped),
        }
    }
    Ok(())
}

/// Bytes that are not UTF-8 are replaced: a stray Latin-1 letter in a banner is no reason to lose a record.
fn parse(bytes: &[u8]) -> Result<Value, String> {
    let text = String::from_utf8_lossy(bytes);
    serde_json::from_str(&text).map_err(|error| format!("not JSON: {error}"))
}

fn short(text: &str) -> String {
    if text.chars().count() <= 80 { text.to_owned() } else { text.chars().take(80).chain(['…']).collect() }
}

/// The text of a value that is one: `null` and empty texts say nothing, lists and objects are none.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => (!text.trim().is_empty()).then(|| text.clone()),
        Value::Number(number) => Some(match number.as_f64() {
            // `80.0` is how some languages write a port
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15 => format!("{float:.0}"),
            _ => number.to_string(),
        }),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// `null`, empty text, empty list and empty object say nothing.
pub(super) fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// What a member of a record means.
#[derive(Clone, Copy, Debug)]
pub(super) enum Means {
    Is(Field),
    /// A time; where it names no zone, UTC is assumed. The first one that can be read holds.
    Time,
    /// Any kind of host.
    Host(Side),
    /// It stays in `extra`, under this name.
    Extra(&'static str),
    /// It says nothing beyond the rest.
    Nothing,
}

/// The members of a JSON object that nobody has taken out yet.
pub(super) struct Record(pub(super) Map<String, Value>);

impl Record {
    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        self.0.shift_remove(key).filter(|value| !says_nothing(value))
    }

    /// Takes out a text, number or truth value as text; a list or object stays.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        match self.0.get(key)? {
            Value::Array(_) | Value::Object(_) => None,
            scalar => {
                let text = text_of(scalar);
                self.0.shift_remove(key);
                text
            }
        }
    }

    /// Takes out an object.
    pub(super) fn object(&mut self, key: &str) -> Option<Self> {
        match self.0.get(key)? {
            Value::Object(_) => match self.0.shift_remove(key) {
                Some(Value::Object(members)) => Some(Self(members)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Takes out a list.
    pub(super) fn list(&mut self, key: &str) -> Option<Vec<Value>> {
        match self.0.get(key)? {
            Value::Array(_) => match self.0.shift_remove(key) {
                Some(Value::Array(list)) => Some(list),
                _ => None,
            },
            _ => None,
        }
    }

    /// Looks at a text without taking it.
    pub(super) fn str(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_str()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// Takes `key` and sets `field` to it: a value the record cannot do without.
    pub(super) fn require(&mut self, event: &mut Event<'_>, field: Field, key: &str) -> Result<(), Refusal> {
        let Some(text) = self.text(key) else {
            return Err(Refusal::Reason(match self.0.get(key) {
                Some(other) => format!("{key}: {} is no text", short(&other.to_string())),
                None => format!("{key} is missing"),
            }));
        };
        event.set(field, text.clone()).map_err(|invalid| format!("{key}: {:?} is not {}", short(&text), invalid.expected))?;
        Ok(())
    }

    /// Takes `key` and sets `field` to it; what is no such value stays in `extra` under its own key.
    pub(super) fn set(&mut self, event: &mut Event<'_>, field: Field, key: &str) {
        if let Some(text) = self.text(key) {
            set_or_keep(event, field, key, text);
        }
    }

    /// Takes `key` and sets the end of the event to it, whatever kind of host it is.
    pub(super) fn set_host(&mut self, event: &mut Event<'_>, side: Side, key: &str) {
        if let Some(text) = self.text(key)
            && event.set_host(side, text.clone()).is_err()
        {
            event.extra.str(key, &text);
        }
    }

    /// Takes out all that `table` knows and puts it where it belongs.
    pub(super) fn apply(&mut self, event: &mut Event<'_>, table: &[(&str, Means)]) {
        for (key, means) in table {
            match means {
                Means::Is(field) => self.set(event, *field, key),
                Means::Time => self.set_time_assuming_utc(event, key),
                Means::Host(side) => self.set_host(event, *side, key),
                Means::Extra(name) => self.keep_as(event, key, name),
                Means::Nothing => drop(self.take(key)),
            }
        }
    }

    /// Takes `key` as a time without zone that nobody says is UTC.
    pub(super) fn set_time_assuming_utc(&mut self, event: &mut Event<'_>, key: &str) {
        if event.time.is_some() {
            return;
        }
        if let Some(text) = self.text(key)
            && event.set_time_assuming_utc(&text).is_err()
        {
            event.extra.str(key, &text);
        }
    }

    /// Moves `key` to `extra` under the name `to`.
    pub(super) fn keep_as(&mut self, event: &mut Event<'_>, key: &str, to: &str) {
        if let Some(value) = self.take(key) {
            keep(event, to, &value);
        }
    }

    /// Keeps all that is left in `extra`, under its own keys.
    pub(super) fn keep_rest(self, event: &mut Event<'_>) {
        for (key, value) in self.0 {
            keep(event, &key, &value);
        }
    }

    /// Keeps all that is left in `extra`, under keys that begin with `prefix` and a dot.
    pub(super) fn keep_rest_under(self, event: &mut Event<'_>, prefix: &str) {
        for (key, value) in self.0 {
            keep(event, &format!("{prefix}.{key}"), &value);
        }
    }
}

/// Sets `field`; a text that is no such value stays in `extra` under the report's own `key`.
pub(super) fn set_or_keep(event: &mut Event<'_>, field: Field, key: &str, text: String) {
    if event.set(field, text.clone()).is_err() {
        event.extra.str(key, &text);
    }
}

/// Puts a value into `extra`.
pub(super) fn keep(event: &mut Event<'_>, key: &str, value: &Value) {
    if !says_nothing(value) {
        event.extra.json(key, value);
    }
}

/// The report starts like JSON.
pub(super) fn looks_like_json(head: &Head<'_>) -> bool {
    head.text().trim_start().starts_with(['{', '['])
}

/// The start of the report is JSON that has all these keys.
pub(super) fn has_keys(head: &Head<'_>, keys: &[&str]) -> bool {
    looks_like_json(head) && keys.iter().all(|key| has_key(head.text(), key))
}

/// `"key"` followed by a colon stands in the text.
pub(super) fn has_key(text: &str, key: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find(key) {
        let after = &rest[at + key.len()..];
        if rest[..at].ends_with('"') && after.strip_prefix('"').is_some_and(|t| t.trim_start().starts_with(':')) {
            return true;
        }
        rest = after;
    }
    false
}

/// Sets a hash under the IntelMQ key of its kind (in lower case), or keeps it as `hash`.
pub(super) fn keep_hash(event: &mut Event<'_>, text: &str) {
    let text = text.trim();
    match formats::value::hash_kind(text) {
        Some(kind @ ("md5" | "sha1" | "sha256")) => event.extra.str(&format!("malware.hash.{kind}"), &text.to_ascii_lowercase()),
        Some(kind) => event.extra.str(kind, &text.to_ascii_lowercase()),
        None => event.extra.str("hash", text),
    }
}

/// The day of a moment: what a list without times says holds for the day it was received, however often that was.
pub(super) fn day(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(86_400) * 86_400).unwrap_or(at)
}
