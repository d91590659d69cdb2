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

/// A list of ours; its feed and what its columns mean, but for the class.
fn list(class: &str, feed: &str) -> String {
    format!(
        "feed = '{feed}'\n[columns]\nwho = 'source.ip'\nseen = 'time.source'\n[defaults]\n'classification.type' = '{class}'\n\
         [recognise]\ncolumns = ['who']\n"
    )
}

fn addresses(last: impl IntoIterator<Item = u8>) -> String {
    last.into_iter().fold("seen,who\n".to_owned(), |text, n| format!("{text}2026-03-25 10:00:{n:02},192.0.2.{n}\n"))
}

/// Stored and duplicate rows of each evidence by its name; that it holds what it stored is checked.
fn held(home: &Home) -> Vec<(String, i64, i64)> {
    let sql = "SELECT name, stored_rows, duplicate_rows, held FROM evidence \
               JOIN (SELECT evidence AS holder, count(*) AS held FROM events GROUP BY evidence) ON holder = id ORDER BY name";
    let row = |row: serde_json::Value| {
        assert_eq!(row["held"], row["stored_rows"], "{row}");
        (row["name"].as_str().unwrap().to_owned(), row["stored_rows"].as_i64().unwrap(), row["duplicate_rows"].as_i64().unwrap())
    };
    home.rows(sql).into_iter().map(row).collect()
}

#[test]
fn what_another_evidence_reported_too_stays_when_the_first_says_it_no_more() {
    let home = Home::new();
    home.write("home/mappings/list.toml", list("scanner", "ours"));
    home.write("own.toml", list("scanner", "ours"));
    home.write("other.toml", list("scanner", "theirs"));
    let take = |name: &str, rows: &[u8], mapping: &str, received: &str| {
        home.write(&format!("in/{name}"), addresses(rows.iter().copied()));
        let arguments = ["ingest", "--received", received, "in"];
        let named = if mapping.is_empty() { vec![] } else { vec!["--mapping", mapping] };
        counts(&home.json(&[&arguments[..3], &named[..], &arguments[3..]].concat()));
    };
    take("a.csv", &[1, 2, 3, 4], "", RECEIVED);
    take("b.csv", &[2, 2, 3, 5], "own.toml", "2026-03-27T07:00:00Z");
    take("c.csv", &[3, 4, 6, 6], "own.toml", "2026-03-27T08:00:00Z");
    take("d.csv", &[1, 7, 7], "other.toml", "2026-03-27T06:30:00Z");
    let name = |n: char| format!("in/{n}.csv");
    assert_eq!(held(&home), [(name('a'), 4, 0), (name('b'), 1, 3), (name('c'), 1, 3), (name('d'), 2, 1)]);

    // What the first was read with says something else today; the others were read with mappings of their own.
    home.write("home/mappings/list.toml", list("brute-force", "ours"));
    let first = home.rows("SELECT id FROM evidence WHERE name = 'in/a.csv'").remove(0)["id"].as_str().unwrap().to_owned();
    let shown = home.json(&["reread", "--evidence", &first]);
    assert_eq!((sizes(&shown), &shown[0]["inherited"]), (vec![(4, 1, 0, false)], &json!(3)), "one of four events was only in the first");
    assert_eq!(shown[0]["gone"][0]["source_ip"], "192.0.2.1");
    let told = home.ok(&["reread", "--evidence", &first]).out;
    assert!(told.contains("4 new, 1 gone, 3 only others say"), "{told}");

    let applied = home.json(&["reread", "--evidence", &first, "--apply"]);
    assert_eq!((sizes(&applied), &applied[0]["inherited"]), (vec![(4, 1, 0, true)], &json!(3)));
    assert_eq!(held(&home), [(name('a'), 4, 0), (name('b'), 3, 1), (name('c'), 2, 2), (name('d'), 2, 1)], "whoever came first holds it");
    home.must_add_up();
    home.must_be_well();
    let row = home.rows("SELECT evidence.name, events.row, events.feed FROM events JOIN evidence ON evidence.id = events.evidence WHERE source_ip = '192.0.2.4' AND type = 'scanner'");
    assert_eq!(row, [json!({"name": "in/c.csv", "row": 3, "feed": "ours"})], "with its place in the evidence that holds it now");
    assert_eq!(sizes(&difference(&home, &["--apply"])), [(0, 0, 4, false), (0, 0, 2, false), (0, 0, 3, false), (0, 0, 2, false)]);

    // The home is the one that today's knowledge would have made.
    let fresh = Home::new();
    fresh.write("own.toml", list("scanner", "ours"));
    fresh.write("other.toml", list("scanner", "theirs"));
    fresh.write("home/mappings/list.toml", list("brute-force", "ours"));
    for (name, mapping, received) in [
        ("a", None, RECEIVED),
        ("b", Some("own.toml"), "2026-03-27T07:00:00Z"),
        ("c", Some("own.toml"), "2026-03-27T08:00:00Z"),
        ("d", Some("other.toml"), "2026-03-27T06:30:00Z"),
    ] {
        let file = format!("in/{name}.csv");
        fresh.write(&file, std::fs::read(home.beside(&file)).unwrap());
        let named = mapping.map_or(vec![], |mapping| vec!["--mapping", mapping]);
        fresh.json(&[&["ingest", "--received", received][..], &named, &[&file]].concat());
    }
    assert_eq!(home.all_events(), fresh.all_events());
}

#[test]
fn whoever_says_more_today_than_it_did_inherits_no_more_than_its_duplicates() {
    let home = Home::new();
    let other = |class: &str| list(class, "ours").replace("who", "whom");
    home.write("home/mappings/first.toml", list("scanner", "ours"));
    home.write("home/mappings/second.toml", other("brute-force"));
    home.write("in/a.csv", addresses([1, 2, 3, 4]));
    home.write("in/b.csv", addresses([1, 2, 3, 3]).replace("who", "whom"));
    assert_eq!(counts(&home.ingest(&["in"])), [8, 7, 1, 0]);
    home.write("home/mappings/first.toml", list("exploit", "ours"));
    home.write("home/mappings/second.toml", other("scanner"));
    let first = home.rows("SELECT id FROM evidence WHERE name = 'in/a.csv'").remove(0)["id"].as_str().unwrap().to_owned();
    let applied = home.json(&["reread", "--evidence", &first, "--apply"]);
    assert_eq!((sizes(&applied), &applied[0]["inherited"]), (vec![(4, 3, 0, true)], &json!(1)));
    home.must_add_up();
    home.ok(&["reread", "--since", "2026-01-01", "--apply"]);
    assert_eq!(held(&home), [("in/a.csv".to_owned(), 4, 0), ("in/b.csv".to_owned(), 3, 1)]);
    home.must_add_up();
    home.must_be_well();
}
