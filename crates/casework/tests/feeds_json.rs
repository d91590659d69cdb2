//! Do the real reports of the shared folder that are JSON give the events that are expected of them?
//!
//! Every expected key is compared. Where we differ on purpose the difference stands in [`DIFFERENCES`] with its reason;
//! an entry that no case needs any more fails the test. Keys we have beyond the expected ones are no difference.

#![expect(clippy::disallowed_methods, reason = "a test reads its samples from files")]

mod reading;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use formats::rsit::Class;
use serde_json::{Map, Value};

/// Files of the shared folder whose reports are JSON, and the source that must recognise them.
const CASES: &[(&str, &str)] = &[
    ("abusech/test_parser_feodotracker", "abusech-feodo"),
    ("alienvault/test_parser_otx", "alienvault-otx"),
    ("anubisnetworks/test_parser", "anubisnetworks"),
    ("calidog/test_parser", "certstream"),
    ("fraunhofer/test_parser_dga", "fraunhofer-dga"),
    ("json/test_parser", "intelmq"),
    ("mcafee/test_parser_atd", "mcafee-atd"),
    ("microsoft/test_parser_bingmurls", "microsoft-bing"),
    ("microsoft/test_parser_ctip_azure", "microsoft-ctip"),
    ("microsoft/test_parser_ctip.", "microsoft-ctip"),
    ("misp/test_parser", "misp"),
    ("n6/test_parser", "n6"),
    ("shodan/test_parser", "shodan"),
];

/// Case (part of its name), key, and why we say something else.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("alienvault/", "time.source", "the expectation drops the fraction of a second, or writes the month where the minutes belong"),
    ("alienvault/", "extra.time_updated", "the expectation cuts the fraction of a second"),
    ("calidog/", "time.source", "the expectation drops the fraction of a second"),
    ("@TestMicrosoftCTIPParserBot", "time.source", "the expectation rounds tenths of microseconds through a float: .050999 for .051"),
    ("misp/", "event_description.url", "made of the address of the server that was asked, which the report does not name"),
    ("n6/test_blacklist", "event", "the expectation repeats the event of an address without the address"),
    ("n6/test_event", "event", "the expectation repeats the event of an address without the address"),
    ("n6/test_futher_ios", "malware.name", "the expectation drops letters that are not ASCII"),
    ("@TestShodanParserBot_minimal", "extra.shodan", "a setting keeps the record as one value; we have its parts under keys of their own"),
    ("@TestShodanParserBot_minimal", "classification.identifier", "the same setting names the event otherwise"),
];

/// Keys that come from the harness of the expectations, not from the report.
fn from_harness(key: &str) -> bool {
    key.starts_with("feed.") || matches!(key, "time.observation" | "raw" | "__type" | "__raw_encoding")
}

/// The same thing said in other words, by a rule that holds for all cases.
fn same(key: &str, expected: &Value, ours: Option<&Value>) -> bool {
    // an empty value says nothing
    if matches!(expected, Value::Null) || expected == "" || expected.as_array().is_some_and(Vec::is_empty) {
        return true;
    }
    let Some(ours) = ours else { return false };
    if expected == ours {
        return true;
    }
    let (Some(theirs), Some(text)) = (expected.as_str(), ours.as_str()) else {
        return matches!((expected.as_f64(), ours.as_f64()), (Some(a), Some(b)) if a == b);
    };
    match key {
        // a type that RSIT v1003 does not have, or spells otherwise
        "classification.type" => Class::of(theirs).is_none() && Class::from_foreign(theirs).is_some_and(|(class, _)| class.type_() == text),
        // hashes are numbers in hexadecimal
        _ if key.starts_with("malware.hash.") => theirs.eq_ignore_ascii_case(text),
        // TLP 2.0 renamed it
        "tlp" => theirs == "WHITE" && text == "CLEAR",
        // one moment, written in two ways
        _ => theirs.contains(':') && formats::time::read(theirs).is_some_and(|a| formats::time::read(text).is_some_and(|b| a.at == b.at)),
    }
}

fn differences(expected: &Map<String, Value>, ours: &Map<String, Value>) -> Vec<String> {
    expected.iter().filter(|(key, value)| !from_harness(key) && !same(key, value, ours.get(*key))).map(|(key, _)| key.clone()).collect()
}

fn shared() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("MUSUBI_SHARED").map_or(beside, PathBuf::from);
    folder.join("data/reports/feeds").is_dir().then_some(folder)
}

#[test]
fn real_json_reports_give_the_expected_events() {
    let Some(shared) = shared() else {
        eprintln!("skipped: no shared folder with reports (set MUSUBI_SHARED to it)");
        return;
    };
    let mut used = BTreeSet::new();
    let mut wrong = Vec::new();
    let mut compared = 0;
    for (start, source_name) in CASES {
        let (folder, file) = start.split_once('/').expect("folder/file");
        let mut files: Vec<PathBuf> = std::fs::read_dir(shared.join("data/reports/feeds").join(folder))
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(file)))
            .filter(|path| *start != "microsoft/test_parser_ctip." || !path.to_string_lossy().contains("azure"))
            .filter(|path| folder != "alienvault" || path.to_string_lossy().contains("otx"))
            .collect();
        files.sort();
        assert!(!files.is_empty(), "{start}: no such file");
        for path in files {
            let text = std::fs::read_to_string(&path).expect("a case file");
            let all: Value = serde_json::from_str(&text).expect("JSON");
            for case in all["cases"].as_array().expect("cases") {
                let name =
                    format!("{folder}/{}", case["test"].as_str().expect("a name").rsplitn(3, '.').collect::<Vec<_>>()[..2].join("@"));
                for (number, run) in case["runs"].as_array().expect("runs").iter().enumerate() {
                    let mut expected: Vec<Map<String, Value>> = Vec::new();
                    for events in run["output"].as_object().expect("output").values() {
                        expected.extend(events.as_array().expect("events").iter().map(|e| e.as_object().expect("an event").clone()));
                    }
                    let mut ours = Vec::new();
                    for input in run["input"].as_array().expect("input") {
                        let raw = input["raw"].as_str().expect("raw");
                        if raw.trim().is_empty() {
                            continue;
                        }
                        let origin = input["feed.url"].as_str().or(input["feed.name"].as_str()).unwrap_or_default();
                        let (source, sure) = reading::recognise(origin, raw.as_bytes());
                        if sure != [*source_name] {
                            wrong.push(format!("{name}: recognised as {sure:?}, not {source_name}"));
                        }
                        let Some(source) = source else { continue };
                        let mut reading = reading::read(source, origin, raw.as_bytes());
                        if let Some(error) = &reading.error {
                            wrong.push(format!("{name}: {error}"));
                        }
                        if !reading.rejections.is_empty() {
                            eprintln!("{name}: rejected {:?}", reading.rejections);
                        }
                        ours.append(&mut reading.events);
                    }
                    // each expected event against that of ours which fits best
                    for (at, expected) in expected.iter().enumerate() {
                        compared += 1;
                        let best = (0..ours.len()).min_by_key(|n| differences(expected, &ours[*n]).len());
                        let Some(best) = best else {
                            if let Some(n) = DIFFERENCES.iter().position(|(case, key, _)| name.contains(case) && *key == "event") {
                                used.insert(n);
                            } else {
                                wrong.push(format!("{name} run {number}: expected event {at} is missing"));
                            }
                            continue;
                        };
                        let event = ours.remove(best);
                        for key in differences(expected, &event) {
                            match DIFFERENCES.iter().position(|(case, k, _)| {
                                name.contains(case) && (*k == key || k.strip_suffix('*').is_some_and(|k| key.starts_with(k)))
                            }) {
                                Some(n) => {
                                    used.insert(n);
                                }
                                None => wrong.push(format!(
                                    "{name} run {number} event {at}: {key}: expected {}, we say {}",
                                    expected[&key],
                                    event.get(&key).map_or("nothing".to_owned(), Value::to_string)
                                )),
                            }
                        }
                    }
                    for event in ours {
                        match DIFFERENCES.iter().position(|(case, key, _)| name.contains(case) && *key == "more events") {
                            Some(n) => {
                                used.insert(n);
                            }
                            None => wrong.push(format!("{name} run {number}: not expected: {}", Value::Object(event))),
                        }
                    }
                }
            }
        }
    }
    for (n, (case, key, _)) in DIFFERENCES.iter().enumerate() {
        if !used.contains(&n) {
            wrong.push(format!("the difference {case} {key} is not there any more"));
        }
    }
    eprintln!("{compared} expected events compared");
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

/// Every file with this ending below a folder.
fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files_below(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "json") {
            found.push(path);
        }
    }
}

#[test]
fn every_xarf_sample_is_read_whole_and_has_a_class() {
    let Some(shared) = shared() else {
        eprintln!("skipped: no shared folder with reports (set MUSUBI_SHARED to it)");
        return;
    };
    let mut samples = Vec::new();
    files_below(&shared.join("data/xarf/xarf-spec/samples"), &mut samples);
    assert!(samples.len() > 30, "{} samples", samples.len());
    for path in samples {
        let bytes = std::fs::read(&path).expect("a sample");
        let (source, sure) = reading::recognise("report.json", &bytes);
        assert_eq!(sure, ["xarf"], "{}", path.display());
        let reading = reading::read(source.expect("one is sure"), "report.json", &bytes);
        assert_eq!((reading.events.len(), reading.rejections.len()), (1, 0), "{}: {reading:?}", path.display());
        let event = &reading.events[0];
        assert_ne!(event["classification.type"], "undetermined", "{}", path.display());
        assert!(event.contains_key("time.source") && !event.contains_key("extra.source_port"), "{}: {event:?}", path.display());
    }
}

#[test]
fn every_published_misp_event_is_recognised_and_gives_events() {
    let Some(shared) = shared() else {
        eprintln!("skipped: no shared folder with reports (set MUSUBI_SHARED to it)");
        return;
    };
    let mut samples = Vec::new();
    files_below(&shared.join("data/misp/events"), &mut samples);
    assert!(samples.len() > 30, "{} samples", samples.len());
    let (mut events, mut rejected) = (0, Vec::new());
    for path in samples {
        let bytes = std::fs::read(&path).expect("a sample");
        let (source, sure) = reading::recognise("event.json", &bytes);
        assert_eq!(sure, ["misp"], "{}", path.display());
        let reading = reading::read(source.expect("one is sure"), "event.json", &bytes);
        assert_eq!(reading.error, None, "{}", path.display());
        events += reading.events.len();
        rejected.extend(reading.rejections);
    }
    eprintln!("{events} events, {} rejections: {rejected:?}", rejected.len());
    assert!(events > 1000 && rejected.len() * 20 < events);
}
