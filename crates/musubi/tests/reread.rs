//! Kept originals, read again with newer knowledge: is the difference shown before anything changes, and then changed exactly?

mod story;

use serde_json::{Value, json};
use story::{Home, RECEIVED, counts, ssh};

/// What an older table of types said; taken away, the built-in one speaks again.
const OLD_TYPES: &str = "report\ttype\tidentifier\tcolumns\nscan_ssh\tweak-crypto\tours\t\n";

fn difference(home: &Home, more: &[&str]) -> Value {
    home.json(&[&["reread", "--since", "2026-01-01"], more].concat())
}

fn sizes(difference: &Value) -> Vec<(usize, usize, u64, bool)> {
    let list = difference.as_array().unwrap().iter();
    list.map(|d| {
        (
            d["added"].as_array().unwrap().len(),
            d["gone"].as_array().unwrap().len(),
            d["same"].as_u64().unwrap(),
            d["applied"].as_bool().unwrap(),
        )
    })
    .collect()
}

#[test]
fn newer_knowledge_is_shown_first_and_applied_only_when_asked() {
    let home = Home::new();
    home.write("home/shadowserver-types.tsv", OLD_TYPES);
    home.write("in/2026-03-25-scan_ssh.csv", ssh(0..60));
    home.write("in/2026-03-25-scan_telnet.csv", ssh(100..130));
    assert_eq!(counts(&home.ingest(&["in"])), [90, 90, 0, 0]);
    let as_read_then = home.all_events();
    assert_eq!(home.number("SELECT count(*) FROM events WHERE type = 'weak-crypto' AND identifier = 'ours'"), 60);
    let mut sorted = sizes(&difference(&home, &[]));
    sorted.sort_unstable();
    assert_eq!(sorted, [(0, 0, 30, false), (0, 0, 60, false)], "the same knowledge makes no difference");

    std::fs::remove_file(home.root().join("shadowserver-types.tsv")).unwrap();
    let shown = difference(&home, &[]);
    let mut sorted = sizes(&shown);
    sorted.sort_unstable();
    assert_eq!(sorted, [(0, 0, 30, false), (60, 60, 0, false)]);
    let changed = shown.as_array().unwrap().iter().find(|d| d["added"] != json!([])).unwrap();
    assert!(changed["added"].as_array().unwrap().iter().all(|event| event["identifier"] == "open-ssh"), "{}", changed["added"][0]);
    assert!(changed["gone"].as_array().unwrap().iter().all(|event| event["identifier"] == "ours"));
    assert_eq!(home.all_events(), as_read_then, "nothing was changed yet");

    let applied = difference(&home, &["--apply"]);
    let mut sorted = sizes(&applied);
    sorted.sort_unstable();
    assert_eq!(sorted, [(0, 0, 30, false), (60, 60, 0, true)]);
    home.must_add_up();
    home.must_be_well();
    assert_eq!(sizes(&difference(&home, &["--apply"])).iter().map(|d| (d.0, d.1, d.3)).collect::<Vec<_>>(), [(0, 0, false); 2]);

    // The home is the one that today's reader would have made.
    let fresh = Home::new();
    fresh.write("in/2026-03-25-scan_ssh.csv", ssh(0..60));
    fresh.write("in/2026-03-25-scan_telnet.csv", ssh(100..130));
    fresh.ingest(&["in"]);
    assert_eq!(home.all_events(), fresh.all_events());
}

#[test]
fn knowledge_that_goes_there_and_back_within_minutes_is_followed() {
    let home = Home::new();
    home.write("in/2026-03-25-scan_ssh.csv", ssh(0..20));
    home.ingest(&["in"]);
    let first = home.all_events();
    for round in 0..2 {
        home.write("home/shadowserver-types.tsv", OLD_TYPES);
        assert_eq!(sizes(&difference(&home, &["--apply"])), [(20, 20, 0, true)], "there, round {round}");
        std::fs::remove_file(home.root().join("shadowserver-types.tsv")).unwrap();
        assert_eq!(sizes(&difference(&home, &["--apply"])), [(20, 20, 0, true)], "back, round {round}");
        assert_eq!(home.all_events(), first);
        home.must_add_up();
        home.must_be_well();
    }
}

#[test]
fn an_untouched_demo_home_reads_the_same_again() {
    let home = Home::new();
    home.ok(&["demo", "--no-serve"]);
    let told = home.ok(&["--json", "reread", "--since", "2000-01-01"]).json();
    let different: Vec<String> = told
        .as_array()
        .unwrap()
        .iter()
        .filter(|d| d["added"] != json!([]) || d["gone"] != json!([]))
        .map(|d| format!("{}: {} added, {} gone", d["name"], d["added"].as_array().unwrap().len(), d["gone"].as_array().unwrap().len()))
        .collect();
    assert!(different.is_empty(), "{different:#?}");
    let rejected: i64 = told.as_array().unwrap().iter().map(|d| d["rejected"].as_i64().unwrap()).sum();
    assert_eq!(rejected, home.number("SELECT sum(rejected_rows) FROM evidence"));
}

#[test]
fn a_report_in_an_archive_with_a_letter_reads_the_same_again() {
    let home = Home::new();
    let archive = story::zip(&[("readme.txt", b"Dear colleagues, see the report."), ("2026-03-25-scan_ssh.csv", ssh(0..9).as_bytes())]);
    home.write("in/a.zip", archive);
    let told = home.json(&["ingest", "--received", RECEIVED, "in"]);
    assert_eq!(counts(&told), [10, 9, 0, 1]);
    let again = difference(&home, &["--apply"]);
    assert_eq!((sizes(&again), &again[0]["rejected"]), (vec![(0, 0, 9, false)], &json!(1)));
}

#[test]
fn a_mapping_named_once_is_remembered_with_what_it_read() {
    let home = Home::new();
    let mapping = "feed = 'ours'\n[columns]\nwho = 'source.ip'\nseen = 'time.source'\n[defaults]\n'classification.type' = 'scanner'\n[recognise]\ncolumns = ['who']\n";
    home.write("own.toml", mapping);
    home.write("in/list.csv", "seen,who\n2026-03-25 10:00:00,192.0.2.1\n2026-03-25 11:00:00,192.0.2.2\n");
    home.write("in/2026-03-25-scan_ssh.csv", ssh(0..3));
    let told = home.json(&["ingest", "--received", RECEIVED, "--mapping", "own.toml", "in"]);
    assert_eq!(counts(&told), [5, 5, 0, 0]);
    std::fs::remove_file(home.beside("own.toml")).unwrap();
    let mut sorted = sizes(&difference(&home, &["--apply"]));
    sorted.sort_unstable();
    assert_eq!(sorted, [(0, 0, 2, false), (0, 0, 3, false)]);
    let id = home.rows("SELECT id FROM evidence WHERE name LIKE '%list.csv'").remove(0)["id"].clone();
    assert_eq!(home.json(&["evidence", "show", id.as_str().unwrap(), "--row", "3"])["raw"], "2026-03-25 11:00:00,192.0.2.2\n");

    // A bad row counts again as it did, and a mapping that lies in the home meanwhile does not take over.
    home.write("in/late.csv", "seen,who\n2026-03-26 10:00:00,192.0.2.3\nnever,192.0.2.4\n");
    home.write("own.toml", mapping.replace("'scanner'", "'brute-force'"));
    home.json(&["ingest", "--received", RECEIVED, "--mapping", "own.toml", "in/late.csv"]);
    home.write("home/mappings/theirs.toml", mapping);
    assert!(
        sizes(&difference(&home, &["--apply"])).iter().all(|d| (d.0, d.1) == (0, 0)),
        "what was named comes before what lies in the home"
    );
    home.must_add_up();
    home.must_be_well();
}
