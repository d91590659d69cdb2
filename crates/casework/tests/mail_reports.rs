//! Mails in, events out: each `testdata/{mail,arf,xarf-mail}/<case>.in.*` gives its `<case>.out.json`.
//!
//! `MUSUBI_BLESS=1` writes what is read now; read the difference before you keep it.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::print_stdout, reason = "the pairs are files")]

use std::fs;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use casework::model::event::{Endpoint, Event};
use casework::observe::{Context, Drift, Head, Knowledge, Likelihood, Position, Sink, Source, Stop, arf, xarf_mail};
use formats::unpack::{Limits, Next, Part, Refusal, Spool, Visitor, walk};
use serde_json::{Map, Value, json};

/// Only the sources under test: what others make of the same mails is theirs to say.
const SOURCES: &[&dyn Source] = &[&arf::Arf, &xarf_mail::XarfMail];

#[derive(Default)]
struct Found {
    parts: Vec<Value>,
    refused: Vec<Value>,
}

#[derive(Default)]
struct Rows(Vec<Value>);

impl Sink for Rows {
    fn event(&mut self, at: Position, event: &mut Event<'_>) -> Result<(), Stop> {
        let mut row = describe(event);
        row.insert("row".to_owned(), at.row.into());
        self.0.push(Value::Object(row));
        Ok(())
    }

    fn reject(&mut self, at: Position, reason: String) -> Result<(), Stop> {
        self.0.push(json!({ "row": at.row, "rejected": reason }));
        Ok(())
    }

    fn drift(&mut self, _drift: Drift) {}
}

fn describe(event: &mut Event<'_>) -> Map<String, Value> {
    let mut row = Map::new();
    let mut put = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            row.insert(key.to_owned(), value.into());
        }
    };
    put("time", event.time.map(|time| time.to_string()));
    let mut end = |side: &str, end: &Endpoint<'_>| {
        put(&format!("{side}.ip"), end.ip.map(|ip| ip.to_string()));
        put(&format!("{side}.port"), end.port.map(|port| port.to_string()));
        put(&format!("{side}.fqdn"), end.fqdn.as_deref().map(str::to_owned));
        put(&format!("{side}.url"), end.url.as_deref().map(str::to_owned));
    };
    end("source", &event.source);
    end("destination", &event.destination);
    put("application", event.application.as_deref().map(str::to_owned));
    put("class", Some(format!("{}/{}", event.class.taxonomy(), event.class.type_())));
    put("identifier", event.identifier.as_deref().map(str::to_owned));
    put("tlp", event.tlp.map(|tlp| tlp.to_string()));
    let extra = event.extra.finish();
    if !extra.is_empty() {
        row.insert("extra".to_owned(), serde_json::from_str(extra).unwrap());
    }
    row
}

fn surest(head: &Head<'_>) -> Option<&'static dyn Source> {
    SOURCES.iter().copied().find(|source| source.recognise(head) == Likelihood::Certain)
}

impl Visitor for Found {
    fn wants_whole(&mut self, path: &str, head: &[u8]) -> bool {
        surest(&Head { name: path, bytes: head, whole: false, media_type: None }).is_some()
    }

    fn part(&mut self, part: &Part<'_>, input: &mut dyn Read) -> io::Result<Next> {
        let head = Head { name: part.path, bytes: part.head, whole: part.whole, media_type: part.media_type };
        let mut found = json!({ "path": part.path });
        if let Some(media_type) = part.media_type {
            found["media_type"] = media_type.into();
        }
        if let Some(subject) = part.mail.and_then(|mail| mail.subject.as_deref()) {
            found["subject"] = subject.into();
        }
        if let Some(from) = part.transcoded {
            found["transcoded"] = from.into();
        }
        if let Some(source) = surest(&head) {
            let mut rows = Rows::default();
            let context = Context { head, feed: None, received: jiff::Timestamp::UNIX_EPOCH, knowledge: &Knowledge::default() };
            if let Err(error) = source.read(input, &context, &mut rows) {
                found["error"] = error.to_string().into();
            }
            found["source"] = source.name().into();
            found["rows"] = rows.0.into();
        } else {
            let mut text = String::new();
            input.read_to_string(&mut text)?;
            found["text"] = text.lines().collect();
        }
        self.parts.push(found);
        Ok(Next::Continue)
    }

    fn refused(&mut self, path: &str, reason: Refusal) {
        self.refused.push(format!("{path}: {reason}").into());
    }

    fn spool(&mut self) -> io::Result<Box<dyn Spool>> {
        Ok(Box::new(Cursor::new(Vec::new())))
    }
}

fn read(name: &str, bytes: &[u8]) -> Value {
    let mut found = Found::default();
    walk(name, &mut Cursor::new(bytes), &Limits::default(), &mut found).unwrap();
    json!({ "parts": found.parts, "refused": found.refused })
}

#[test]
fn each_mail_gives_the_events_beside_it() {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let mut pairs = 0;
    for folder in ["mail", "arf", "xarf-mail"] {
        for path in fs::read_dir(testdata.join(folder)).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let Some((case, _)) = name.split_once(".in.") else { continue };
            let read = read(&name, &fs::read(&path).unwrap());
            let out = path.with_file_name(format!("{case}.out.json"));
            if std::env::var_os("MUSUBI_BLESS").is_some() {
                fs::write(&out, serde_json::to_string_pretty(&read).unwrap() + "\n").unwrap();
            }
            let expected: Value = serde_json::from_str(&fs::read_to_string(&out).unwrap_or_default()).unwrap_or_default();
            assert_eq!(read, expected, "{folder}/{case} reads as\n{read:#}");
            pairs += 1;
        }
    }
    assert!(pairs > 10, "the pairs are gone");
}

#[test]
fn a_real_complaint_is_read() {
    let shared =
        std::env::var_os("MUSUBI_SHARED").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = shared.join("data/mail/charset/2113-formatting.eml");
    let Ok(bytes) = fs::read(&path) else {
        println!("skipped: no {}", path.display());
        return;
    };
    let found = read("aol.eml", &bytes);
    let row = &found["parts"][0]["rows"][0];
    assert_eq!(row["source.ip"], "76.12.18.82");
    assert_eq!(row["class"], "abusive-content/spam");
    assert_eq!(row["time"], "2011-02-07T14:28:58Z");
    assert_eq!(row["extra"]["original.subject"], "Deal Alerts for: dell");
}
