//! Patterns and observations that others published, when they are at hand: what their validator and their matcher say, and what
//! an index of all patterns says.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "the cases are files")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use formats::stix_pattern::{Index, Observation, Pattern, Program, Version};
use serde_json::Value;

fn published(name: &str) -> Option<String> {
    let shared =
        std::env::var_os("MUSUBI_SHARED").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let file = shared.join("data/stix").join(name);
    let text = fs::read_to_string(&file).ok();
    if text.is_none() {
        println!("skipped: there is no {}", file.display());
    }
    text
}

fn version(case: &Value) -> Version {
    if case["stix_version"] == "2.0" { Version::V20 } else { Version::V21 }
}

#[test]
fn what_the_pattern_validator_says_is_said_here() {
    let Some(text) = published("pattern_cases.jsonl") else { return };
    let (mut read, mut departures) = (0, Vec::new());
    for case in text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        read += 1;
        let pattern = case["pattern"].as_str().unwrap();
        let parsed = Pattern::parse_version(pattern, version(&case));
        let valid = parsed.as_ref().is_ok_and(|pattern| pattern.findings().iter().all(|finding| !finding.is_error()));
        if valid != case["valid"].as_bool().unwrap() {
            departures.push(format!("{pattern}: {parsed:?}"));
        }
        if let Ok(parsed) = parsed {
            assert_eq!(Pattern::parse(&parsed.to_string()), Ok(parsed), "{pattern}");
        }
    }
    assert!(departures.is_empty() && read >= 100, "{read} read\n{}", departures.join("\n"));
}

#[test]
fn what_the_matcher_says_is_said_here_and_by_an_index_of_all_patterns() {
    let Some(text) = published("matcher_cases.json") else { return };
    let published: Value = serde_json::from_str(&text).unwrap();
    let observed: BTreeMap<&str, &[Value]> = published["observations"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(id, values)| (id.as_str(), values.as_array().unwrap().as_slice()))
        .collect();
    let mut departures = Vec::new();
    let mut programs = Vec::new();
    for case in published["cases"].as_array().unwrap() {
        let text = case["pattern"].as_str().unwrap();
        let id = case["observations_id"].as_str().unwrap();
        // The tests of time changed their observations in place while these were recorded: two sets have the times of the last test, and
        // the matcher itself says otherwise of them than was recorded. Two other sets are the same observations with the first times.
        let set = match (id, case["test"].as_str().unwrap()) {
            (_, test) if test.contains("test_within_") => continue,
            ("774f38fedf", _) => "53f8eb02cb",
            ("be15dd8aa9", _) => "096d13cae2",
            (id, _) => id,
        };
        let answer = Pattern::parse_version(text, version(case)).map_err(|e| e.to_string()).and_then(|pattern| {
            let program = Program::new(&pattern).map_err(|e| e.to_string())?;
            let observations = Observation::read(observed[set]).map_err(|e| e.to_string())?;
            let answer = program.matches(&observations).map_err(|e| e.to_string());
            programs.push((pattern, program));
            answer
        });
        let agrees = match &answer {
            Ok(yes) => case["expect"] == *yes,
            Err(_) => case["expect"] == "error",
        };
        if !agrees {
            departures.push(format!("{text} on {set}: {answer:?}, published {}", case["expect"]));
        }
    }
    assert!(departures.is_empty() && programs.len() > 400, "{} programs\n{}", programs.len(), departures.join("\n"));

    let mut index = Index::new();
    let slots: Vec<_> = programs.iter().map(|(pattern, _)| index.add(pattern).unwrap()).collect();
    for values in observed.values() {
        let observations = Observation::read(values).unwrap();
        let matched: Vec<_> = programs
            .iter()
            .zip(&slots)
            .filter(|((_, program), _)| program.matches(&observations) == Ok(true))
            .map(|(_, slot)| *slot)
            .collect();
        let found = index.matches(&observations);
        assert_eq!(found.matched, matched);
        assert!(found.asked < programs.len());
    }
}
