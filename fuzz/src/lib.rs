//! What the fuzz targets share: how bytes become a report, and what must hold whatever the bytes are.
//!
//! The input of a target that reads reports is `name NUL bytes`: sources look at names too. Without a NUL in the first
//! hundred bytes all of it is the report.

use std::fmt::Debug;
use std::io::{self, Read};

use casework::model::event::Event;
use casework::model::identity::{EventId, Identifier};
use casework::observe::intelmq::to_intelmq;
use casework::observe::mapping::Mapping;
use casework::observe::sources::SOURCES;
use casework::observe::{Context, Drift, Head, Knowledge, Position, ReadError, Sink, Source, Stop};

#[cfg(not(feature = "run"))]
pub mod stable;

#[cfg(feature = "run")]
pub use libfuzzer_sys::fuzz_target;

/// A target without libFuzzer: a program of its own that runs it for some seconds, and one of many in `every`.
#[cfg(not(feature = "run"))]
#[macro_export]
macro_rules! fuzz_target {
    (|$input:ident: &str| $body:expr) => {
        $crate::fuzz_target!(|input: &[u8]| {
            let run = |$input: &str| $body;
            if let Ok(text) = std::str::from_utf8(input) {
                run(text);
            }
        });
    };
    (|$input:ident: &[u8]| $body:expr) => {
        pub fn target(input: &[u8]) {
            let run = |$input: &[u8]| $body;
            run(input);
        }

        #[allow(dead_code, reason = "one of many has no program of its own")]
        fn main() {
            let name = std::env::args().next().unwrap_or_default();
            let name = std::path::Path::new(&name).file_stem().map(|name| name.to_string_lossy().into_owned());
            $crate::stable::main(&[(name.unwrap_or_default().leak(), target)]);
        }
    };
}

/// The fuzz target of one source, by its name for `--format`.
#[macro_export]
macro_rules! source {
    ($name:literal) => {
        $crate::fuzz_target!(|input: &[u8]| $crate::read_as($name, input));
    };
}

/// Name and bytes of a report.
pub fn named(input: &[u8]) -> (&str, &[u8]) {
    let name = input.iter().take(100).position(|&c| c == 0);
    match name.and_then(|end| Some((std::str::from_utf8(&input[..end]).ok()?, &input[end + 1..]))) {
        Some(named) => named,
        None => ("report", input),
    }
}

/// The beginning of a report, as the program shows it to sources.
pub fn head<'a>(name: &'a str, report: &'a [u8]) -> Head<'a> {
    let bytes = &report[..report.len().min(64 << 10)];
    Head { name, bytes, whole: bytes.len() == report.len(), media_type: None }
}

/// Reads with one source. Places must be places, events must have an identity and a form to be printed in, and it must not
/// matter in which pieces the bytes arrive.
pub fn read_as(source: &str, input: &[u8]) {
    let source = SOURCES.iter().copied().find(|s| s.name() == source).expect("a source of that name");
    let (name, report) = named(input);
    let knowledge = if source.name() == "csv-mapping" { with_mapping() } else { Knowledge::default() };
    read_with(source, name, report, &knowledge);
}

/// As [`read_as`], with what a user brought.
pub fn read_with(source: &dyn Source, name: &str, report: &[u8], knowledge: &Knowledge) {
    let head = head(name, report);
    source.recognise_with(&head, knowledge);
    source.feed(&head);
    let context = Context { head, feed: None, received: "2026-03-23T07:01:02Z".parse().expect("a time"), knowledge };
    let mut whole = Checked::of(report);
    let outcome = ended(source.read(&mut &report[..], &context, &mut whole));
    if report.len() <= 4096 {
        let mut pieces = Checked::of(report);
        let drip = Drip { bytes: report, most: 1 + report.len() % 13 };
        let again = ended(source.read(&mut { drip }, &context, &mut pieces));
        assert_eq!((&outcome, &whole.seen), (&again, &pieces.seen), "it matters in which pieces the bytes arrive");
    }
}

fn ended(result: Result<(), ReadError>) -> String {
    result.err().map_or_else(String::new, |error| error.to_string())
}

fn with_mapping() -> Knowledge {
    let mapping = include_str!("../../testdata/csv-mapping/sinkhole.mapping.toml");
    Knowledge { mappings: vec![Mapping::read("sinkhole.toml", mapping).expect("our own mapping")], ..Knowledge::default() }
}

/// Gives its bytes in small pieces.
struct Drip<'a> {
    bytes: &'a [u8],
    most: usize,
}

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.most.min(self.bytes.len()).min(buffer.len());
        buffer[..n].copy_from_slice(&self.bytes[..n]);
        self.bytes = &self.bytes[n..];
        Ok(n)
    }
}

/// What was handed over, in order.
#[derive(Debug, Eq, PartialEq)]
enum Seen {
    Event(Position, EventId),
    Rejected(Position, String),
    Drift(Drift),
}

/// A sink that checks what it is given.
struct Checked {
    length: u64,
    last_row: u64,
    identifier: Identifier,
    seen: Vec<Seen>,
}

impl Checked {
    fn of(report: &[u8]) -> Self {
        let length = report.len() as u64;
        Self { length, last_row: 0, identifier: Identifier::default(), seen: Vec::new() }
    }

    fn place(&mut self, at: Position) {
        assert!(at.row >= self.last_row, "row {} comes after row {}", at.row, self.last_row);
        // A report in another encoding is read as UTF-8, which may be up to three times as long.
        assert!(at.offset <= 3 * self.length, "row {} begins at byte {} of {}", at.row, at.offset, self.length);
        self.last_row = at.row;
    }
}

impl Sink for Checked {
    fn event(&mut self, at: Position, event: &mut Event<'_>) -> Result<(), Stop> {
        self.place(at);
        let id = self.identifier.identify(event, "feed");
        let extra = event.extra.finish();
        if !extra.is_empty() {
            let read: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_str(extra);
            assert!(read.is_ok(), "extra is no JSON object: {extra}");
        }
        to_intelmq(event);
        assert_eq!(id, self.identifier.identify(event, "feed"), "printing an event changes it");
        self.seen.push(Seen::Event(at, id));
        Ok(())
    }

    fn reject(&mut self, at: Position, reason: String) -> Result<(), Stop> {
        self.place(at);
        assert!(!reason.is_empty(), "a rejection without a reason");
        self.seen.push(Seen::Rejected(at, reason));
        Ok(())
    }

    fn drift(&mut self, drift: Drift) {
        self.seen.push(Seen::Drift(drift));
    }
}

/// Holds when both are the same, and says what differs otherwise.
pub fn same<T: Debug + PartialEq>(one: T, other: T, what: &str) {
    assert_eq!(one, other, "{what}");
}
