//! Reads a report as the program does: the surest source reads it, everything it hands over is kept.

use casework::model::event::Event;
use casework::observe::intelmq::to_intelmq;
use casework::observe::sources::SOURCES;
use casework::observe::{Context, Drift, Head, Knowledge, Likelihood, Position, Sink, Source, Stop};
use serde_json::{Map, Value};

/// What came of reading a report.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) events: Vec<Map<String, Value>>,
    pub(crate) rejections: Vec<(u64, String)>,
    /// Why the rest could not be read.
    pub(crate) error: Option<String>,
}

impl Sink for Reading {
    fn event(&mut self, _at: Position, event: &mut Event<'_>) -> Result<(), Stop> {
        self.events.push(to_intelmq(event));
        Ok(())
    }

    fn reject(&mut self, at: Position, reason: String) -> Result<(), Stop> {
        self.rejections.push((at.row, reason));
        Ok(())
    }

    fn drift(&mut self, _drift: Drift) {}
}

fn head<'a>(name: &'a str, bytes: &'a [u8]) -> Head<'a> {
    Head { name, bytes: &bytes[..bytes.len().min(64 << 10)], whole: bytes.len() <= 64 << 10, media_type: None }
}

/// The source that reads a report, and all that were as sure that it is theirs.
pub(crate) fn recognise(name: &str, bytes: &[u8]) -> (Option<&'static dyn Source>, Vec<&'static str>) {
    let head = head(name, bytes);
    let best = SOURCES.iter().map(|source| source.recognise(&head)).max().unwrap_or(Likelihood::No);
    if best == Likelihood::No {
        return (None, Vec::new());
    }
    let sure: Vec<_> = SOURCES.iter().filter(|source| source.recognise(&head) == best).collect();
    (sure.first().map(|source| **source), sure.iter().map(|source| source.name()).collect())
}

pub(crate) fn read(source: &dyn Source, name: &str, bytes: &[u8]) -> Reading {
    let mut reading = Reading::default();
    let received = "2026-03-23T07:01:02Z".parse().expect("a time");
    let context = Context { head: head(name, bytes), feed: None, received, knowledge: &Knowledge::default() };
    let result = source.read(&mut &bytes[..], &context, &mut reading);
    reading.error = result.err().map(|error| error.to_string());
    reading
}
