//! Every pair `testdata/<source>/<case>.in.json` and `.out.json`: the report is recognised as that source's and read as written there.
//!
//! `MUSUBI_BLESS=1` writes what is read now; look at the difference before committing it.

#![expect(clippy::disallowed_methods, reason = "a test reads its samples from files")]

mod reading;

use std::path::{Path, PathBuf};

use casework::observe::sources::SOURCES;
use serde_json::{Value, json};

/// Source name, report, expectation.
fn pairs() -> Vec<(String, PathBuf, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let mut pairs = Vec::new();
    for source in SOURCES {
        let Ok(files) = std::fs::read_dir(folder.join(source.name())) else { continue };
        for file in files {
            let path = file.expect("an entry").path();
            if let Some(case) = path.to_string_lossy().strip_suffix(".in.json") {
                pairs.push((source.name().to_owned(), path.clone(), PathBuf::from(format!("{case}.out.json"))));
            }
        }
    }
    pairs.sort();
    pairs
}

#[test]
fn every_report_is_read_as_its_pair_says() {
    let mut wrong = Vec::new();
    for (name, input, output) in pairs() {
        let bytes = std::fs::read(&input).expect("a report");
        // without its name a report has only its content to be recognised by
        let (source, sure) = reading::recognise("report", &bytes);
        if sure != [name.as_str()] {
            wrong.push(format!("{}: recognised as {sure:?}", input.display()));
            continue;
        }
        let source = source.expect("one is sure");
        let reading = reading::read(source, "report", &bytes);
        let rejections: Vec<Value> = reading.rejections.iter().map(|(row, reason)| json!({ "row": row, "reason": reason })).collect();
        let mut found = json!({ "events": reading.events, "rejections": rejections });
        if let Some(error) = reading.error {
            found["error"] = error.into();
        }
        if std::env::var_os("MUSUBI_BLESS").is_some() {
            std::fs::write(&output, serde_json::to_string_pretty(&found).expect("JSON") + "\n").expect("written");
        }
        let wanted = std::fs::read_to_string(&output).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
        if wanted.as_ref() != Some(&found) {
            wrong.push(format!("{}: read as {found:#}", input.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_json_source_has_a_pair() {
    let paired: Vec<String> = pairs().into_iter().map(|(name, ..)| name).collect();
    for name in ["intelmq", "n6", "xarf", "misp", "stix-bundle", "shodan", "abusech-feodo", "json"] {
        assert!(paired.iter().any(|paired| paired == name), "{name} has no pair in testdata");
    }
}

#[test]
fn what_is_cut_or_broken_stops_no_reader() {
    for (_, input, _) in pairs() {
        let bytes = std::fs::read(&input).expect("a report");
        for source in SOURCES {
            for cut in [0, 1, bytes.len() / 3, bytes.len() / 2, bytes.len() - 2] {
                reading::read(*source, "report", &bytes[..cut]);
            }
            // every value turned into one of another kind
            let text = String::from_utf8_lossy(&bytes);
            for (from, to) in [
                ("\": \"", "\": [\""),
                ("\": ", "\": null, \"x\": "),
                ("{", "[{"),
                ("192.0.2.", "\u{1f4a9}"),
                ("\": \"", "\": {}, \"y\": \""),
            ] {
                reading::read(*source, "report", text.replace(from, to).as_bytes());
            }
        }
    }
}
