//! Does the real binary read real reports as everyone else reads them?
//!
//! Compares `musubi read --as intelmq` with what IntelMQ makes of 64 types of Shadowserver reports, key by key, when the folder of shared
//! reports is there (`MUSUBI_SHARED`).

mod story;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use story::Home;

/// Where we differ from the expectation, and why: report, key, expected, read. The same list with more words is in
/// `crates/casework/tests/shadowserver_reports.rs`.
const DIFFERENCES: &[(&str, &str, Option<&str>, Option<&str>)] = &[
    // RSIT v1003 has no type blacklist.
    ("blocklist.csv", "classification.type", Some("\"blacklist\""), Some("\"other\"")),
    // The row gives no end time; IntelMQ invents one.
    ("event4_honeypot_ddos_amp.csv", "extra.end_time", None, None),
    // An empty value says nothing.
    ("sandbox_dns.csv", "extra.tag", Some("\"\""), None),
];

fn allowed(report: &str, key: &str, expected: Option<&Value>, read: Option<&Value>) -> bool {
    DIFFERENCES.iter().any(|(r, k, want, have)| {
        *r == report
            && *k == key
            && want.is_none_or(|want| expected.is_some_and(|value| format!("{value}") == want))
            && *have == read.map(Value::to_string).as_deref()
    })
}

#[test]
fn the_binary_reads_real_reports_as_expected_key_by_key() {
    let shared =
        std::env::var_os("MUSUBI_SHARED").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = shared.join("data/reports/shadowserver");
    if !folder.is_dir() {
        eprintln!("skipped: no shared reports in {} (set MUSUBI_SHARED)", folder.display());
        return;
    }
    let home = Home::new();
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "csv"));
    paths.sort();
    let mut wrong = BTreeMap::<String, usize>::new();
    let (mut compared, mut keys) = (0, 0);
    for path in &paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let told = home.ok(&["read", "--as", "intelmq", path.to_str().unwrap()]);
        assert_eq!(told.err, "", "{name}: nothing is set aside, nothing unknown");
        let expected: Value = serde_json::from_slice(&std::fs::read(path.with_extension("expected.json")).unwrap()).unwrap();
        let expected = expected["events"].as_array().unwrap();
        let events = told.lines();
        if name == "malware_url.csv" {
            // IntelMQ fails on these rows and loses them; there is nothing to compare with.
            assert_eq!((events.len(), expected.len()), (3, 0));
            continue;
        }
        assert_eq!(events.len(), expected.len(), "{name}");
        for (mut ours, theirs) in events.into_iter().zip(expected) {
            compared += 1;
            let ours = ours.as_object_mut().unwrap();
            let plain = |key: &str| key.starts_with("feed.") || ["time.observation", "raw", "__type"].contains(&key);
            for (key, want) in theirs.as_object().unwrap().iter().filter(|(key, _)| !plain(key)) {
                keys += 1;
                let have = ours.remove(key);
                if have.as_ref() != Some(want) && !allowed(&name, key, Some(want), have.as_ref()) {
                    *wrong.entry(format!("{name}: {key}: expected {want}, read {have:?}")).or_default() += 1;
                }
            }
            for (key, have) in ours.iter().filter(|(key, _)| !plain(key)) {
                if !allowed(&name, key, None, Some(have)) {
                    *wrong.entry(format!("{name}: {key}: not expected, read {have}")).or_default() += 1;
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} differences, the first:\n{:#?}", wrong.len(), wrong.keys().take(40).collect::<Vec<_>>());
    assert!(paths.len() >= 60);
    eprintln!("{compared} events of {} reports compared in {keys} values", paths.len());
}
