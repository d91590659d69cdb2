//! Evidence comes in: is every row accounted for, is each event remembered once, and is what was said about it kept?

mod story;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Value, json};
use story::{Home, RECEIVED, SSH_HEADER, counts, gzip, mail, ssh, ssh_row, zip};

/// A filled demo home; nobody changes it.
static DEMO: LazyLock<(Home, Value)> = LazyLock::new(|| {
    let home = Home::new();
    let told = home.json(&["demo", "--no-serve"]);
    (home, told)
});

#[test]
fn the_demo_fills_an_empty_home_and_its_counts_agree() {
    let (home, told) = &*DEMO;
    let [read, stored, duplicate, rejected] = counts(told);
    assert_eq!(read, stored + duplicate + rejected, "{told}");
    assert!(stored > 10_000 && duplicate > 0 && rejected > 0, "{told}");
    assert_eq!(told["events"], told["stored"]);
    assert_eq!(told["home"], json!(home.root()));
    assert_eq!(home.events(), stored);
    home.must_add_up();
    let sums = home.rows("SELECT sum(read_rows) AS read, sum(stored_rows) AS stored, sum(duplicate_rows) AS duplicate, sum(rejected_rows) AS rejected, count(*) AS evidence FROM evidence");
    assert_eq!(counts(&sums[0]), counts(told));
    assert_eq!(sums[0]["evidence"], told["evidence"]);
    assert_eq!(home.number("SELECT count(*) FROM rejections"), rejected);
    home.must_be_well();
}

#[test]
fn a_report_type_and_a_column_nobody_knew_appear_as_drift() {
    let (home, _) = &*DEMO;
    let drift = home.rows("SELECT kind, name, times, evidence FROM drift");
    let named = |kind: &str| drift.iter().filter(|d| d["kind"] == kind && d["times"].as_i64() > Some(0)).count();
    assert!(named("unknown report type") >= 1 && named("unknown column") >= 1, "{drift:?}");
    let findings = home.must_be_well();
    assert_eq!(findings["drift"].as_array().unwrap().len(), drift.len());
    // What the column held is kept all the same.
    let unknown = drift.iter().find(|d| d["kind"] == "unknown column").unwrap()["name"].as_str().unwrap();
    let column = unknown.rsplit(' ').next().unwrap();
    assert!(home.number(&format!("SELECT count(*) FROM events WHERE extra LIKE '%\"{column}\"%'")) > 0);
}

#[test]
fn what_was_set_aside_can_be_asked_for_with_file_row_and_reason() {
    let (home, _) = &*DEMO;
    for row in home.rows("SELECT rejections.*, evidence.name FROM rejections JOIN evidence ON rejections.evidence = evidence.id") {
        assert!(row["path"].as_str().unwrap().starts_with(row["name"].as_str().unwrap()), "{row}");
        assert!(row["row"].is_i64() && !row["reason"].as_str().unwrap().is_empty(), "{row}");
    }
}

#[test]
fn the_demo_refuses_a_home_that_holds_events() {
    let (home, _) = &*DEMO;
    let told = home.run(&["demo", "--no-serve"]);
    assert_eq!(told.code, Some(1));
    assert!(told.err.contains("holds events already"), "{}", told.err);
}

#[test]
fn reading_the_same_evidence_again_changes_nothing() {
    let home = Home::new();
    home.write("in/2026-03-25-scan_ssh-a.csv", ssh(0..300));
    home.write(
        "in/2026-03-26-scan_ssh-b.csv",
        ssh(200..400) + "\"2026-03-26 00:00:00\",\"nowhere\",\"tcp\",\"22\",\"\",\"ssh\",\"1\",\"JP\"\n",
    );
    let first = home.ingest(&["in"]);
    assert_eq!(counts(&first), [501, 400, 100, 1]);
    let before =
        (home.all_events(), home.rows("SELECT * FROM evidence"), home.rows("SELECT * FROM segments"), home.rows("SELECT * FROM drift"));
    let again = home.ingest(&["in"]);
    assert_eq!(counts(&again), [501, 0, 500, 1]);
    let after =
        (home.all_events(), home.rows("SELECT * FROM evidence"), home.rows("SELECT * FROM segments"), home.rows("SELECT * FROM drift"));
    assert_eq!(before, after);
    home.must_add_up();
    assert_eq!(home.must_be_well()["strays"], 0);
}

#[test]
fn overlapping_files_are_one_set_of_events_in_any_order_and_packing() {
    let spans = [("a", 0..120), ("b", 60..240), ("c", 230..231), ("d", 0..260), ("e", 100..150)];
    let all: BTreeSet<u64> = spans.iter().flat_map(|(_, span)| span.clone()).collect();
    let rows: u64 = spans.iter().map(|(_, span)| span.end - span.start).sum();
    let mut seen = Vec::new();
    for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]] {
        for together in [true, false] {
            let home = Home::new();
            let mut paths = Vec::new();
            for at in order {
                let (name, span) = &spans[at];
                let csv = ssh(span.clone());
                let report = format!("2026-03-25-scan_ssh-{name}.csv");
                let (name, bytes) = match at {
                    1 => (report.clone() + ".gz", gzip(csv.as_bytes())),
                    2 => (format!("{name}.zip"), zip(&[(&report, csv.as_bytes())])),
                    3 => (format!("{name}.eml"), mail("report.zip", &zip(&[(&report, csv.as_bytes())]))),
                    _ => (report, csv.into_bytes()),
                };
                paths.push(home.write(&name, bytes).to_string_lossy().into_owned());
            }
            let told: Vec<Value> = if together {
                vec![home.ingest(&paths.iter().map(String::as_str).collect::<Vec<_>>())]
            } else {
                paths.iter().map(|path| home.ingest(&[path])).collect()
            };
            let sum = told.iter().map(counts).fold([0; 4], |sum, more| std::array::from_fn(|at| sum[at] + more[at]));
            assert_eq!(sum, [rows as i64, all.len() as i64, (rows - all.len() as u64) as i64, 0], "{order:?} {together}");
            home.must_add_up();
            seen.push(home.rows("SELECT id FROM events ORDER BY id"));
        }
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn the_same_row_twice_in_a_file_is_one_event() {
    let home = Home::new();
    home.write("2026-03-25-scan_ssh.csv", ssh([1, 2, 1, 1, 3, 2]));
    assert_eq!(counts(&home.ingest(&["2026-03-25-scan_ssh.csv"])), [6, 3, 3, 0]);
    home.must_add_up();
}

#[test]
fn a_file_under_two_names_in_one_order_is_one_evidence() {
    let home = Home::new();
    for name in ["in/2026-03-25-scan_ssh-a.csv", "in/2026-03-25-scan_ssh-b.csv"] {
        home.write(name, ssh(0..50));
    }
    assert_eq!(counts(&home.ingest(&["in", "in"])), [200, 50, 150, 0]);
    assert_eq!(home.number("SELECT count(*) FROM evidence"), 1);
    home.must_add_up();
}

#[test]
fn an_event_redelivered_on_another_day_is_the_same_event() {
    let home = Home::new();
    home.write("monday/2026-03-23-scan_ssh.csv", ssh(0..40));
    home.write("tuesday/2026-03-24-scan_ssh.csv", ssh(20..60));
    home.json(&["ingest", "--received", "2026-03-23", "monday"]);
    let told = home.json(&["ingest", "--received", "2026-03-24", "tuesday"]);
    assert_eq!(counts(&told), [40, 20, 20, 0]);
    // Who came first is who is named.
    assert_eq!(home.number("SELECT count(*) FROM events WHERE observed_at = timestamp '2026-03-23T00:00:00Z'"), 40);
}

#[test]
fn evidence_comes_from_a_folder_from_standard_input_and_through_a_pipe() {
    let home = Home::new();
    home.write("in/deep/er/2026-03-25-scan_ssh-a.csv", ssh(0..10));
    home.write("in/.hidden.csv", ssh(500..510));
    home.write("in/2026-03-25-scan_ssh-b.csv", ssh(10..20));
    assert_eq!(counts(&home.ingest(&["in"])), [20, 20, 0, 0]);
    let told = home.run_with_input(&["--json", "ingest", "--received", RECEIVED, "-"], ssh(15..30).as_bytes());
    assert_eq!((told.code, counts(&told.json())), (Some(0), [15, 15, 0, 0]), "the feed is another, so the events are");
    let name = home.rows("SELECT name FROM evidence WHERE name = 'stdin'");
    assert_eq!(name.len(), 1);
    let packed = home.run_with_input(&["--json", "ingest", "--received", RECEIVED, "-"], &gzip(ssh(100..110).as_bytes()));
    assert_eq!(counts(&packed.json()), [10, 10, 0, 0]);
    assert_eq!(story::files(&home.root().join("tmp")), Vec::<String>::new());
    let pipe = home.beside("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let child = home.command(&["--json", "ingest", "--received", RECEIVED, "pipe"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    std::fs::write(&pipe, ssh(200..220)).unwrap();
    let told = story::Told::of(child.wait_with_output().unwrap());
    assert_eq!(counts(&told.json()), [20, 20, 0, 0]);
    home.must_add_up();
    home.must_be_well();
}

#[test]
fn a_home_inside_the_folder_that_is_read_is_left_out() {
    let home = Home::new();
    home.write("2026-03-25-scan_ssh.csv", ssh(0..9));
    assert_eq!(counts(&home.ingest(&["."])), [9, 9, 0, 0]);
    let again = home.ingest(&["."]);
    assert_eq!(counts(&again), [9, 0, 9, 0]);
    assert_eq!(home.number("SELECT count(*) FROM evidence"), 1, "neither the kept original nor the register is new evidence");
    home.must_add_up();
}

#[test]
fn a_file_that_is_called_stdin_is_the_users_and_stays() {
    let home = Home::new();
    let path = home.write("stdin", ssh(0..3));
    assert_eq!(counts(&home.ingest(&["stdin"])), [3, 3, 0, 0]);
    assert!(path.exists());
    assert_eq!(home.ok(&["read", "stdin"]).lines().len(), 3);
    assert!(path.exists());
}

#[test]
fn what_cannot_be_opened_in_a_folder_is_named_and_the_rest_goes_on() {
    let home = Home::new();
    home.write("in/b/2026-03-25-scan_ssh.csv", ssh(0..10));
    std::os::unix::fs::symlink("/nowhere/at/all", home.beside("in/a-dangling")).unwrap();
    std::os::unix::fs::symlink("..", home.beside("in/b/loop")).unwrap();
    let told = home.run(&["--json", "ingest", "in"]);
    assert_eq!(told.code, Some(1));
    assert_eq!(counts(&told.json()), [10, 10, 0, 0]);
    let failures = told.json()["failures"].clone();
    assert_eq!(failures[0]["path"], "in/a-dangling");
    assert_eq!(failures.as_array().unwrap().len(), 1, "{failures}");
    assert!(failures[0]["reason"].as_str().unwrap().contains("No such file"), "{failures}");
    let read = home.run(&["read", "in"]);
    assert_eq!((read.code, read.lines().len()), (Some(1), 10), "{}", read.err);
}

#[test]
fn who_gave_it_under_which_terms_when_and_as_which_feed_is_kept() {
    let home = Home::new();
    home.write("a.csv", ssh(0..3));
    home.write("b.csv", ssh(3..6));
    home.json(&["ingest", "--tlp", "green", "--feed", "night-watch", "--from", "jpcert", "--received", "2026-03-21T04:05:06Z", "a.csv"]);
    home.json(&["ingest", "b.csv"]);
    let of = |name: &str| {
        home.rows(&format!(
            "SELECT DISTINCT evidence.feed AS told, given_by, evidence.tlp, terms.tlp AS event_tlp, received_at = observed_at AS same_time, \
             received_at = timestamp '2026-03-21T04:05:06Z' AS then, events.feed FROM evidence JOIN events ON events.evidence = evidence.id \
             JOIN terms ON terms.id = events.terms WHERE name = '{name}'"
        ))
    };
    let told = json!({"told": "night-watch", "given_by": "jpcert", "tlp": "GREEN", "event_tlp": "GREEN", "same_time": true, "then": true, "feed": "night-watch"});
    assert_eq!(of("a.csv"), [told]);
    let unmarked = of("b.csv");
    assert_eq!((unmarked.len(), &unmarked[0]["tlp"], &unmarked[0]["event_tlp"]), (1, &json!("AMBER+STRICT"), &json!("AMBER+STRICT")));
    let list = home.json(&["evidence", "list"]);
    let a = list.as_array().unwrap().iter().find(|e| e["name"] == "a.csv").unwrap();
    assert_eq!(
        (&a["from"], &a["feed"], &a["tlp"], &a["received_at"]),
        (&json!("jpcert"), &json!("night-watch"), &json!("GREEN"), &json!("2026-03-21T04:05:06Z"))
    );
    let shown = home.json(&["evidence", "show", a["id"].as_str().unwrap()]);
    assert_eq!((&shown["id"], &shown["stored"], &shown["parts"][0]["rows"]), (&a["id"], &json!(3), &json!(4)));
}

#[test]
fn an_event_with_stricter_terms_keeps_them_and_a_looser_one_does_not_loosen() {
    let home = Home::new();
    let event = |n: u64, tlp: &str| {
        json!({"time.source": "2026-03-25T01:00:00+00:00", "source.ip": format!("192.0.2.{n}"), "classification.type": "scanner", "tlp": tlp}).to_string()
    };
    home.write("events.jsonl", [event(1, "RED"), event(2, "CLEAR"), event(3, "AMBER")].join("\n") + "\n");
    let told = home.json(&["ingest", "--tlp", "amber", "--format", "intelmq", "events.jsonl"]);
    assert_eq!(counts(&told), [3, 3, 0, 0], "{told}");
    let rows = home.rows("SELECT source_ip, tlp FROM events JOIN terms ON terms.id = events.terms ORDER BY source_ip");
    let tlps: Vec<&str> = rows.iter().map(|r| r["tlp"].as_str().unwrap()).collect();
    assert_eq!(tlps, ["RED", "AMBER", "AMBER"]);
}

#[test]
fn a_bad_row_is_set_aside_with_its_file_row_and_reason_and_the_rest_goes_on() {
    let home = Home::new();
    let bad = "\"2026-03-25 00:00:00\",\"300.1.2.3\",\"tcp\",\"22\",\"\",\"ssh\",\"1\",\"JP\"\n";
    let short = "\"2026-03-25 00:00:00\",\"192.0.2.7\"\n";
    let text = ssh([1, 2]) + bad + &ssh_row(3) + short + &ssh_row(4);
    home.write("in/2026-03-25-scan_ssh.csv", &text);
    home.write("in/z.zip", zip(&[("2026-03-25-scan_ssh-inside.csv", (SSH_HEADER.to_owned() + &ssh_row(9) + bad).as_bytes())]));
    let told = home.ingest(&["in"]);
    assert_eq!(counts(&told), [8, 5, 0, 3]);
    let rejections = told["rejections"].as_array().unwrap();
    let found: Vec<(&str, i64)> = rejections.iter().map(|r| (r["path"].as_str().unwrap(), r["row"].as_i64().unwrap())).collect();
    assert_eq!(
        found,
        [("in/2026-03-25-scan_ssh.csv", 4), ("in/2026-03-25-scan_ssh.csv", 6), ("in/z.zip/2026-03-25-scan_ssh-inside.csv", 3)]
    );
    assert!(rejections[0]["reason"].as_str().unwrap().contains("300.1.2.3"), "{rejections:?}");
    let asked = home.rows("SELECT path, row, reason FROM rejections ORDER BY path, row");
    assert_eq!(&asked, rejections);
    // Rows are counted as in the file, the header first; each can be seen as it stands in the report.
    let id = home.rows("SELECT id FROM evidence WHERE rejected_rows = 2")[0]["id"].clone();
    let shown = home.json(&["evidence", "show", id.as_str().unwrap(), "--row", "4"]);
    assert_eq!(shown["raw"], bad);
}

#[test]
fn answers_in_json_have_the_shapes_that_scripts_rely_on() {
    let home = Home::new();
    home.write("a.csv", ssh(0..2) + "\"x\",\"y\",\"tcp\",\"22\",\"\",\"ssh\",\"1\",\"JP\"\n");
    let told = home.ingest(&["a.csv"]);
    let keys: Vec<&String> = told.as_object().unwrap().keys().collect();
    assert_eq!(keys[..6], ["evidence", "read", "stored", "duplicate", "rejected", "rejections"]);
    assert_eq!(told["evidence"], 1);
    let rejection: Vec<&String> = told["rejections"][0].as_object().unwrap().keys().collect();
    assert_eq!(rejection, ["path", "row", "reason"]);
    for list in [&["evidence", "list"][..], &["tables", "list"], &["formats"]] {
        let list = home.json(list);
        assert!(!list.as_array().unwrap().is_empty() && list.as_array().unwrap().iter().all(|item| item["id"].is_string()), "{list}");
    }
    assert!(home.json(&["lookup", "198.18.0.1"]).is_object());
    assert_eq!(home.ok(&["--json", "lookup", "198.18.0.1", "example.com"]).lines().len(), 2);
}

#[test]
fn exit_codes_tell_done_failed_and_wrong_usage() {
    let home = Home::new();
    home.write("a.csv", ssh(0..2));
    for (code, arguments) in [
        (0, &["ingest", "a.csv"][..]),
        (0, &["--help"]),
        (0, &["--version"]),
        (0, &["ingest", "--help"]),
        (1, &["ingest", "nowhere.csv"]),
        (1, &["query", "SELECT nothing FROM events"]),
        (1, &["evidence", "show", "ffffffffffffffffffffffffffffffff"]),
        (2, &["ingest"]),
        (2, &["ingest", "--tlp", "purple", "a.csv"]),
        (2, &["ingest", "--format", "papyrus", "a.csv"]),
        (2, &["ingest", "--received", "soon", "a.csv"]),
        (2, &["swallow"]),
        (2, &["lookup", "not a value at all"]),
        (2, &["events", "--columns", "colour"]),
        (2, &["reread"]),
        (2, &[]),
    ] {
        let told = home.run(arguments);
        assert_eq!(told.code, Some(code), "{arguments:?}: {}{}", told.out, told.err);
        assert_eq!(told.err.is_empty(), code == 0, "{arguments:?}: {}", told.err);
    }
    let empty = Home::new();
    for arguments in [&["query", "SELECT 1"][..], &["stats"], &["doctor"], &["compact"]] {
        let told = empty.run(arguments);
        assert_eq!(told.code, Some(1), "{arguments:?}");
        assert!(told.err.contains("nothing is remembered here yet"), "{}", told.err);
    }
    assert!(!empty.root().exists(), "asking makes no home");
}

#[test]
fn a_file_of_no_known_format_is_set_aside_and_an_empty_one_says_nothing() {
    let home = Home::new();
    home.write("in/a.txt", "Dear colleagues,\nthe meeting is on Tuesday.\n");
    home.write("in/b.csv", "");
    home.write("in/c.csv", " \n\n");
    home.write("in/d.csv", SSH_HEADER);
    home.write("in/e.csv", ssh(0..4));
    let told = home.ingest(&["in"]);
    assert_eq!((told["evidence"].as_i64(), counts(&told)), (Some(5), [5, 4, 0, 1]), "{told}");
    assert_eq!(told["rejections"][0]["path"], "in/a.txt");
    assert!(told["rejections"][0]["reason"].as_str().unwrap().contains("no known format"), "{told}");
    let read = home.run(&["read", "in/a.txt"]);
    assert_eq!(read.code, Some(1));
    assert!(read.err.contains("in/a.txt") && read.err.contains("no known format"), "{}", read.err);
}

#[test]
fn the_original_of_an_event_is_the_bytes_of_its_row() {
    let home = Home::new();
    let rows = 0..2500_u64;
    let csv = ssh(rows.clone());
    let report = "2026-03-25-scan_ssh.csv";
    let inner = zip(&[("readme.txt", b""), (report, csv.as_bytes()), ("2026-03-25-scan_ssh-more.csv", ssh(5000..5010).as_bytes())]);
    for (name, bytes) in [
        ("plain.csv", csv.clone().into_bytes()),
        ("packed.csv.gz", gzip(csv.as_bytes())),
        ("archive.zip", inner.clone()),
        ("delivered.eml", mail("report.zip", &inner)),
    ] {
        let folder = Home::new();
        let path = folder.write(&format!("{}/{name}", name.replace('.', "-")), bytes);
        folder.ingest(&["--feed", "x", path.to_str().unwrap()]);
        let events = folder.rows("SELECT evidence, row, source_reverse_dns AS name FROM events ORDER BY row");
        let inside = name.ends_with(".zip") || name.ends_with(".eml");
        assert_eq!(events.len(), 2500 + if inside { 10 } else { 0 }, "{name}");
        let evidence = events[0]["evidence"].as_str().unwrap();
        for at in [0, 1, 1023, 1024, 1777, 2499].into_iter().chain(inside.then_some(2500)).chain(inside.then_some(2509)) {
            let row = events[at]["row"].as_u64().unwrap();
            let shown = folder.json(&["evidence", "show", evidence, "--row", &row.to_string()]);
            let n = if at < 2500 { at as u64 } else { 2500 + at as u64 };
            assert_eq!(shown["raw"], ssh_row(n), "{name} row {row}");
            assert_eq!(events[at]["name"], format!("host-{n}.isp.example"), "{name}");
        }
        let original = folder.ok(&["evidence", "show", evidence, "--original"]);
        assert_eq!(original.bytes, std::fs::read(&path).unwrap(), "{name}");
        let beyond = folder.run(&["evidence", "show", evidence, "--row", "99999"]);
        assert_eq!(beyond.code, Some(1));
        assert!(beyond.err.contains("no such row"), "{}", beyond.err);
    }
    drop(home);
}

#[test]
fn every_report_of_the_demo_shows_the_original_of_its_rows() {
    let (home, _) = &*DEMO;
    // The first and the last event of each feed and format tell whether rows are found again.
    let events = home.rows(
        "SELECT e.evidence, e.row, e.source_ip, e.source_url, e.source_fqdn, e.source_network, e.destination_ip, e.extra FROM events e JOIN (SELECT feed, min(evidence) AS evidence FROM events GROUP BY feed) f \
         ON e.feed = f.feed AND e.evidence = f.evidence JOIN (SELECT evidence, feed, min(row) AS first, max(row) AS last FROM events GROUP BY evidence, feed) r \
         ON r.evidence = e.evidence AND r.feed = e.feed AND (e.row = r.first OR e.row = r.last)",
    );
    assert!(events.len() > 40, "{}", events.len());
    let mut wrong = Vec::new();
    for event in &events {
        let evidence = event["evidence"].as_str().unwrap();
        let told = home.run(&["--json", "evidence", "show", evidence, "--row", &event["row"].to_string()]);
        if told.code != Some(0) {
            wrong.push(format!("{event}: {}", told.err));
            continue;
        }
        let raw = told.json()["raw"].as_str().unwrap().to_owned();
        let named = ["source_ip", "source_url", "source_fqdn", "source_network", "destination_ip"]
            .iter()
            .filter_map(|c| event[*c].as_str())
            .any(|v| {
                raw.contains(v)
                    || raw.replace("[.]", ".").replace("hxxp", "http").contains(v.trim_end_matches('/'))
                    || (v.contains(':') && !v.contains("://"))
                    || v.contains("xn--")
            });
        // What has no column of its own, a hash of a file say.
        let extra = event["extra"].as_str().unwrap_or_default();
        let said = extra.split('"').any(|text| text.len() >= 32 && raw.contains(text));
        if raw.is_empty() || (!named && !said && raw.len() < 4000) {
            wrong.push(format!("{event}: {raw}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), events.len(), wrong.join("\n"));
}

#[test]
fn a_list_without_times_speaks_of_the_day_it_came() {
    let home = Home::new();
    home.write("list.txt", "192.0.2.1\n192.0.2.2\n");
    let told = home.json(&["ingest", "--format", "list", "--feed", "blocklist", "--received", "2026-03-21T17:00:00Z", "list.txt"]);
    assert_eq!(counts(&told), [2, 2, 0, 0], "{told}");
    let rows = home.rows("SELECT DISTINCT time, extra FROM events");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["time"].as_str().unwrap()[..19], *"2026-03-21T00:00:00");
    assert!(rows[0]["extra"].as_str().unwrap().contains("received"), "{rows:?}");
    home.write("later.txt", "192.0.2.2\n192.0.2.1\n");
    let same_day = home.json(&["ingest", "--format", "list", "--feed", "blocklist", "--received", "2026-03-21T23:00:00Z", "later.txt"]);
    assert_eq!(counts(&same_day), [2, 0, 2, 0]);
    home.write("next-day.txt", "192.0.2.2\n\n192.0.2.1\n");
    let next_day = home.json(&["ingest", "--format", "list", "--feed", "blocklist", "--received", "2026-03-22T01:00:00Z", "next-day.txt"]);
    assert_eq!(counts(&next_day), [2, 2, 0, 0]);
}

#[test]
fn a_large_file_is_read_in_many_batches_and_counts_as_one() {
    let home = Home::new();
    home.write("in/2026-03-25-scan_ssh-a.csv", ssh((0..3000).chain(1000..2000)));
    home.write("in/2026-03-25-scan_ssh-b.csv", ssh(2900..3200));
    let mut command = home.command(&["--json", "ingest", "--received", RECEIVED, "in"]);
    let told = story::Told::of(command.env("MUSUBI_FAULT", "small=1000,batch-events=250").output().unwrap());
    assert_eq!((told.code, counts(&told.json())), (Some(0), [4300, 3200, 1100, 0]), "{}", told.err);
    let each = home.rows("SELECT stored_rows, duplicate_rows FROM evidence ORDER BY name");
    assert_eq!(each, [json!({"stored_rows": 3000, "duplicate_rows": 1000}), json!({"stored_rows": 200, "duplicate_rows": 100})]);
    home.must_add_up();
    home.must_be_well();
}
