//! Every pair `testdata/<source>/<case>.in.*` and `.out.json` whose report is lines, columns or a page: the report is recognised as
//! that source's, by nobody else with the same certainty, and read as written there. A case may bring `<case>.mapping.toml`.
//!
//! `MUSUBI_BLESS=1` writes what is read now; look at the difference before committing it.

#![expect(clippy::disallowed_methods, reason = "a test reads its samples from files")]

use std::path::{Path, PathBuf};

use casework::model::event::Event;
use casework::observe::intelmq::to_intelmq;
use casework::observe::mapping::Mapping;
use casework::observe::mapping_explain::explain;
use casework::observe::sources::{self, SOURCES};
use casework::observe::{Context, Drift, Head, Knowledge, Likelihood, Position, Sink, Source, Stop};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Lists of bare addresses or URLs: only where they come from says what they are.
const KNOWN_BY_ORIGIN: &[&str] = &["blocklist-de/", "cins/", "openphish/", "tor-exits/torbulkexitlist"];

/// Sources that must have a pair.
const SOURCES_OF_TEXT: &[&str] = &[
    "abusech-bazaar-csv",
    "abusech-feodo-csv",
    "abusech-threatfox-csv",
    "abusech-urlhaus-csv",
    "alienvault-reputation",
    "bambenek",
    "blocklist-de",
    "breached-accounts",
    "cert-eu",
    "cins",
    "cleanmx",
    "csv",
    "csv-mapping",
    "dataplane",
    "dshield-block",
    "dshield-sources",
    "key-value",
    "list",
    "malwareurl",
    "netlab-360",
    "openphish",
    "phishtank-csv",
    "spamhaus-cert",
    "spamhaus-drop-text",
    "sucuri",
    "surbl",
    "team-cymru",
    "tor-exits",
    "turris-greylist",
    "vxvault",
    "webinspector",
    "zone-h",
];

#[derive(Debug)]
struct Case {
    source: &'static str,
    /// `blocklist-de/ssh.txt`
    name: String,
    input: PathBuf,
    output: PathBuf,
    mapping: Option<PathBuf>,
}

impl Case {
    fn name(&self) -> &str {
        if KNOWN_BY_ORIGIN.iter().any(|start| self.name.starts_with(start)) { &self.name } else { "report" }
    }

    fn knowledge(&self) -> Knowledge {
        let mut knowledge = Knowledge::default();
        if let Some(path) = &self.mapping {
            knowledge.mappings.push(Mapping::read("case", &std::fs::read_to_string(path).unwrap()).unwrap());
        }
        knowledge
    }
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let mut cases = Vec::new();
    for source in SOURCES_OF_TEXT {
        for file in std::fs::read_dir(folder.join(source)).unwrap_or_else(|_| panic!("{source} has no pair in testdata")) {
            let input = file.unwrap().path();
            let file = input.file_name().unwrap().to_string_lossy().into_owned();
            let Some((case, extension)) = file.split_once(".in.") else { continue };
            let mapping = Some(input.with_file_name(format!("{case}.mapping.toml"))).filter(|path| path.exists());
            let output = input.with_file_name(format!("{case}.out.json"));
            cases.push(Case { source, name: format!("{source}/{case}.{extension}"), input, output, mapping });
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

#[derive(Default)]
struct Seen {
    events: Vec<Value>,
    rejections: Vec<Value>,
    positions: Vec<Position>,
}

impl Sink for Seen {
    fn event(&mut self, at: Position, event: &mut Event<'_>) -> Result<(), Stop> {
        self.events.push(Value::Object(to_intelmq(event)));
        self.positions.push(at);
        Ok(())
    }

    fn reject(&mut self, at: Position, reason: String) -> Result<(), Stop> {
        self.rejections.push(json!({ "row": at.row, "reason": reason }));
        self.positions.push(at);
        Ok(())
    }

    fn drift(&mut self, _drift: Drift) {}
}

fn head<'a>(name: &'a str, bytes: &'a [u8]) -> Head<'a> {
    Head { name, bytes: &bytes[..bytes.len().min(64 << 10)], whole: bytes.len() <= 64 << 10, media_type: None }
}

fn read(source: &dyn Source, name: &str, bytes: &[u8], knowledge: &Knowledge) -> (Seen, Option<String>) {
    let mut seen = Seen::default();
    let received = "2026-03-23T12:00:00Z".parse().unwrap();
    let context = Context { head: head(name, bytes), feed: None, received, knowledge };
    let error = source.read(&mut &bytes[..], &context, &mut seen).err();
    (seen, error.map(|error| error.to_string()))
}

#[test]
fn every_report_is_read_as_its_pair_says() {
    let mut wrong = Vec::new();
    for case in cases() {
        let bytes = std::fs::read(&case.input).unwrap();
        let knowledge = case.knowledge();
        let Some(source) = sources::recognise(&head(case.name(), &bytes), &knowledge) else {
            wrong.push(format!("{}: not recognised", case.name));
            continue;
        };
        if source.name() != case.source {
            wrong.push(format!("{}: recognised as {}", case.name, source.name()));
            continue;
        }
        let (seen, error) = read(source, case.name(), &bytes, &knowledge);
        let mut found = json!({ "events": seen.events, "rejections": seen.rejections });
        if let Some(error) = error {
            found["error"] = error.into();
        }
        if std::env::var_os("MUSUBI_BLESS").is_some() {
            std::fs::write(&case.output, serde_json::to_string_pretty(&found).unwrap() + "\n").unwrap();
        }
        let wanted = std::fs::read_to_string(&case.output).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
        if wanted.as_ref() != Some(&found) {
            wrong.push(format!("{}: read as {found:#}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_source_claims_the_report_of_another() {
    let mut wrong = Vec::new();
    for case in cases() {
        let bytes = std::fs::read(&case.input).unwrap();
        let (head, knowledge) = (head(case.name(), &bytes), case.knowledge());
        let own = SOURCES.iter().find(|source| source.name() == case.source).unwrap().recognise_with(&head, &knowledge);
        for other in SOURCES.iter().filter(|other| other.name() != case.source) {
            let theirs = other.recognise_with(&head, &knowledge);
            // general readers may well share a report; the first of them reads it
            if theirs > own || (theirs == own && own == Likelihood::Certain) {
                wrong.push(format!("{} is {theirs:?} for {}, {own:?} for its own", case.name, other.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_position_is_the_line_an_editor_shows() {
    for case in cases() {
        let bytes = std::fs::read(&case.input).unwrap();
        let source = SOURCES.iter().find(|source| source.name() == case.source).unwrap();
        // of JSON a record's number is not its line; rows of pages are found by their tag
        if case.name.ends_with(".json") || case.name.ends_with(".html") {
            continue;
        }
        for at in read(*source, case.name(), &bytes, &case.knowledge()).0.positions {
            let before = &bytes[..usize::try_from(at.offset).unwrap()];
            assert_eq!(before.iter().filter(|c| **c == b'\n').count() as u64 + 1, at.row, "{}", case.name);
            assert!(before.is_empty() || before.ends_with(b"\n"), "{}", case.name);
        }
    }
}

#[test]
fn what_is_cut_or_broken_stops_no_reader() {
    for case in cases() {
        let bytes = std::fs::read(&case.input).unwrap();
        let knowledge = case.knowledge();
        for source in SOURCES {
            for cut in [0, 1, bytes.len() / 3, bytes.len() / 2, bytes.len() - 2] {
                read(*source, case.name(), &bytes[..cut], &knowledge);
            }
            let text = String::from_utf8_lossy(&bytes);
            for (from, to) in
                [(",", "\",\""), ("|", ""), ("192.0.2.", "\u{1f4a9}"), ("=", "=\""), ("<", "<<"), ("\t", "\t\t"), ("\n", "\n\0")]
            {
                read(*source, case.name(), text.replace(from, to).as_bytes(), &knowledge);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_make_a_source_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let knowledge = Knowledge::default();
        for source in SOURCES {
            source.recognise_with(&head("report", &bytes), &knowledge);
            read(*source, "report", &bytes, &knowledge);
        }
    }

    #[test]
    fn no_pieces_of_reports_make_a_source_panic(pieces in prop::collection::vec(prop::sample::select(vec![
        "192.0.2.1", "2001:db8::1", "evil.example", "http://evil.example/", "AS64496", "2026-03-23 07:01:02", "1774249262", "\"", "'", ",", ";", "|", "\t",
        "\n", "\r\n", "#", "=", " ", "<tr>", "<td>", "<table>", "</table>", "&#46;", "<!--", "-->", "ip", "timestamp", "ip,port\n", "ExitAddress ", "bot|",
        "<entry>", "</entry>", ":127.0.0.8:[ph]", "ü", "\u{feff}", "@", "{", "}", "[", "]", "-", "?", ":", "a@example.org", "the Acme breach",
    ]), 0..60)) {
        let text = pieces.concat();
        let mut knowledge = Knowledge::default();
        knowledge.mappings.push(Mapping::read("m", "[columns]\nip = {to='source.ip', split=','}\ntimestamp='time.source'\n[recognise]\nfile='*'").unwrap());
        for source in SOURCES {
            source.recognise_with(&head("report", text.as_bytes()), &knowledge);
            read(*source, "report", text.as_bytes(), &knowledge);
        }
        let _ = explain(&knowledge.mappings[0], &head("report", text.as_bytes()), 20);
    }
}
