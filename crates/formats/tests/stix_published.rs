//! What OASIS publishes of STIX 2.1, when it is at hand: do we judge its objects as its validator does, name them as its library does,
//! and accept what is in use?
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "what was published is in files")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use formats::stix::check::{Finding, Level, document};
use formats::stix::{Envelope, Header, Limits, canonical, check, id};
use serde_json::Value;

fn published(file: &str) -> Option<PathBuf> {
    let shared =
        std::env::var_os("MUSUBI_SHARED").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = shared.join("data/stix").join(file);
    if !path.exists() {
        println!("skipped: there is no {}", path.display());
        return None;
    }
    Some(path)
}

/// Cases judged otherwise, by the end of the test's name and its number among those, each with the reason in `docs/stix.md`.
const DEPARTURES: &[(&str, usize, &str)] = &[
    ("test_additional_schema_extension", 1, "extension's own schema"),
    ("test_additional_schema_extension", 2, "extension's own schema"),
    ("test_additional_schemas_custom_extension", 1, "extension's own schema"),
    ("test_pattern_custom_object_prefix_strict", 1, "pattern"),
    ("test_invalid_lang", 1, "registry"),
    ("test_software_language", 1, "registry"),
    ("test_file_character_set", 1, "registry"),
    ("test_interop_sro_specifics_Non_Compliant", 1, "interoperability profile"),
    ("test_obj_markings_invalid", 1, "interoperability profile"),
    ("test_invalid_start_end_time", 2, "identifier"),
    ("test_network_traffic_end_is_active", 2, "identifier"),
    ("test_network_traffic_ipfix", 1, "identifier"),
    ("test_network_traffic_ports", 3, "identifier"),
    ("test_network_traffic_ports", 4, "identifier"),
    ("test_wellformed_network_traffic", 1, "identifier"),
    ("test_wellformed_network_traffic", 2, "identifier"),
    ("test_all", 2, "STIX 2.0"),
    ("test_cmd", 1, "STIX 2.0"),
];

/// Checks that stix2-validator does not make unless it is asked to.
const ONLY_ON_REQUEST: [&str; 4] = ["custom-prefix", "custom-prefix-lax", "types-strict", "properties-strict"];

/// Checks that its groups of checks stand for.
fn group(name: &str) -> &[&str] {
    match name {
        "format-checks" => &[
            "uuid-check",
            "open-vocab-format",
            "kill-chain-names",
            "observable-object-keys",
            "observable-dictionary-keys",
            "malware-analysis-product",
            "windows-process-priority-format",
            "hash-length",
            "custom-prefix",
            "custom-prefix-lax",
        ],
        "approved-values" => &[
            "marking-definition-type",
            "relationship-types",
            "duplicate-ids",
            "hash-algo",
            "mime-type",
            "protocols",
            "countries",
            "tool-types",
        ],
        _ => &[],
    }
}

/// Whether the validator, with these options, would count the finding as an error.
fn counts(finding: &Finding, options: &Value) -> bool {
    if finding.level == Level::Must {
        return true;
    }
    let flag = |name: &str| options[name].as_bool().unwrap_or(false);
    match finding.check {
        "types-strict" => return flag("strict_types"),
        "properties-strict" => return flag("strict_properties"),
        _ if !flag("strict") => return false,
        _ => {}
    }
    let listed = |name: &str| -> BTreeSet<&str> {
        let named: BTreeSet<&str> = options[name].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        named.iter().flat_map(|name| group(name).iter().chain([name]).copied()).collect()
    };
    let (disabled, enabled) = (listed("disabled"), listed("enabled"));
    let on_request = ONLY_ON_REQUEST.contains(&finding.check);
    if enabled.contains(finding.check) {
        return true;
    }
    if !enabled.is_empty() && disabled.is_empty() || disabled.contains("all") || disabled.contains(finding.check) {
        return false;
    }
    match finding.check {
        // The validator forgets this one as soon as any other is switched off.
        "uuid-check" => disabled.is_empty(),
        "custom-prefix" => disabled.contains("extensions-use"),
        "custom-prefix-lax" => disabled.contains("extensions-use") && disabled.contains("custom-prefix"),
        _ => finding.level == Level::Should && !on_request,
    }
}

#[test]
fn objects_are_judged_as_the_validator_of_oasis_judges_them() {
    let Some(path) = published("validator_cases_v21.jsonl") else { return };
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let (mut agreed, mut departed, mut wrong) = (0, 0, Vec::new());
    for line in fs::read_to_string(path).unwrap().lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let test = case["test"].as_str().unwrap().rsplit("::").next().unwrap().to_owned();
        let number = numbers.entry(test.clone()).or_default();
        *number += 1;
        // Where a text was judged it stands as a string; a list of verdicts is one for each object.
        let text = match &case["instance"] {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        let valid = case["valid"].as_array().map_or(case["valid"].as_bool().unwrap_or(false), |all| all.iter().all(|each| each == true));
        let findings = match document(text.as_bytes(), &Limits::default()) {
            Ok(findings) => findings,
            Err(fault) => vec![Finding { level: Level::Must, check: "json", pointer: String::new(), message: fault.to_string() }],
        };
        let counted: Vec<_> = findings.iter().filter(|finding| counts(finding, &case["options"])).map(ToString::to_string).collect();
        let departure = DEPARTURES.iter().any(|(name, at, _)| *name == test && *at == *number);
        match (counted.is_empty() == valid, departure) {
            (true, false) => agreed += 1,
            (false, true) => departed += 1,
            (agrees, _) => wrong.push(format!(
                "{test} {number}: {} {}, we say {counted:?}, options {}\n    {}",
                if agrees { "no longer a departure:" } else { "the validator says" },
                case["errors"],
                case["options"],
                &text.chars().take(600).collect::<String>(),
            )),
        }
    }
    println!("{agreed} agree, {departed} depart");
    assert!(wrong.is_empty(), "{} cases\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn observables_have_the_names_the_library_of_oasis_gives_them() {
    let Some(path) = published("examples/deterministic_ids_python_stix2_3.0.2.json") else { return };
    let text = fs::read(path).unwrap();
    let objects = Envelope::read(&text, &Limits::default()).unwrap().objects;
    for object in &objects {
        let header = Header::read(object).unwrap();
        assert_eq!(id::deterministic(object).unwrap().as_deref(), Some(&*header.id));
        canonical::canonical(object).unwrap();
    }
    assert_eq!(objects.len(), 25);
}

#[test]
fn what_is_in_use_is_no_violation() {
    for file in ["ics-attack-18.1.json", "capec-2.1.json"] {
        let Some(path) = published(file) else { return };
        let text = fs::read(path).unwrap();
        let envelope = Envelope::read(&text, &Limits::default()).unwrap();
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        for object in &envelope.objects {
            let header = Header::with_references(object).unwrap();
            let as_value: Value = serde_json::from_slice(object).unwrap();
            assert_eq!(header.id, as_value["id"].as_str().unwrap());
            assert_eq!(header.modified.as_ref().map(formats::stix::Timestamp::text), as_value["modified"].as_str());
            for finding in check::must(&header) {
                *found.entry(format!("{} {}: {}", header.object_type, finding.pointer, finding.message)).or_default() += 1;
            }
        }
        println!("{file}: {} objects", envelope.objects.len());
        // Two links in CAPEC begin with a space, which no URL does.
        let spaces = found.keys().filter(|message| message.contains("url: \" https://")).count();
        assert_eq!(found.len(), spaces, "{file}: {found:?}");
        assert!(spaces <= 2);
    }
}
