//! Several at once on one home, and care for what is kept: does each end where it would have ended alone?

mod story;

use std::collections::BTreeSet;
use std::fs;
use std::process::{Child, Stdio};

use serde_json::{Value, json};
use story::{Home, RECEIVED, Told, counts, files, gzip, mail, ssh, zip};

/// Steps so short that ingests of little evidence meet often.
const STEPS: &str = "commit-events=200,batch-events=150,small=20000";

fn write_folder(home: &Home, folder: &str, from: u64) {
    for n in 0..12 {
        let first = from + n * 70;
        let name = format!("{folder}/2026-03-25-scan_ssh-{n:02}.csv");
        home.write(&name, ssh(first..first + 120 + n % 3 * 200));
    }
    // The same report in all folders, once plain, once packed.
    home.write(&format!("{folder}/2026-03-25-scan_ssh-shared.csv"), ssh(300..500));
    home.write(&format!("{folder}/shared.csv.gz"), gzip(ssh(100..900).as_bytes()));
}

fn start(home: &Home, arguments: &[&str]) -> Child {
    home.command(arguments).env("MUSUBI_FAULT", STEPS).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn ingest(home: &Home, folder: &str) -> Child {
    start(home, &["--json", "ingest", "--received", RECEIVED, "--feed", "ssh", folder])
}

fn finish(child: Child) -> Told {
    let told = Told::of(child.wait_with_output().unwrap());
    assert_eq!(told.code, Some(0), "{}{}", told.out, told.err);
    told
}

/// All that an event says except which of several evidence brought it first.
const SAID: &str = "SELECT id, time, observed_at, feed, terms, source_ip, source_port, source_asn, source_country, source_reverse_dns, type, identifier, extra FROM events ORDER BY id";

#[test]
fn ingests_of_overlapping_folders_at_once_end_as_one_after_the_other() {
    let folders = ["a", "b", "c"];
    for at_once in [2, 3] {
        let alone = Home::new();
        let home = Home::new();
        for (n, folder) in folders.iter().enumerate().take(at_once) {
            write_folder(&alone, folder, n as u64 * 400);
            write_folder(&home, folder, n as u64 * 400);
            finish(ingest(&alone, folder));
        }
        for round in 0..3 {
            let children: Vec<Child> = folders[..at_once].iter().map(|folder| ingest(&home, folder)).collect();
            let told: Vec<Value> = children.into_iter().map(|child| finish(child).json()).collect();
            for told in &told {
                let [read, stored, duplicate, rejected] = counts(told);
                assert_eq!((read, rejected), (stored + duplicate, 0), "{told}");
            }
            let stored: i64 = told.iter().map(|told| counts(told)[1]).sum();
            assert_eq!(stored, if round == 0 { alone.events() } else { 0 }, "{told:?}");
            assert_eq!(home.rows(SAID), alone.rows(SAID));
            home.must_add_up();
            assert_eq!(home.must_be_well()["strays"], 0);
        }
        let sql = "SELECT id, name IS NOT NULL AS named, read_rows, rejected_rows FROM evidence ORDER BY id";
        assert_eq!(home.rows(sql), alone.rows(sql));
    }
}

#[test]
fn a_question_during_ingest_is_answered_from_whole_transactions() {
    let home = Home::new();
    write_folder(&home, "a", 0);
    write_folder(&home, "b", 700);
    finish(ingest(&home, "a"));
    let mut child = ingest(&home, "b");
    let mut asked = 0;
    loop {
        let ended = child.try_wait().unwrap().is_some();
        home.must_add_up();
        asked += 1;
        if ended && asked > 1 {
            break;
        }
    }
    finish(child);
}

#[test]
fn a_backup_during_ingest_restores_to_a_whole_home() {
    let home = Home::new();
    write_folder(&home, "a", 0);
    write_folder(&home, "b", 700);
    write_folder(&home, "c", 1400);
    finish(ingest(&home, "a"));
    let ingests = [ingest(&home, "b"), ingest(&home, "c")];
    let mut copies = Vec::new();
    for n in 0..4 {
        let name = format!("copy-{n}");
        let told = home.json(&["backup", &name]);
        assert!(told["files"].as_u64() > Some(0) && told["bytes"].as_u64() > Some(0), "{told}");
        copies.push(name);
    }
    ingests.into_iter().for_each(|child| drop(finish(child)));
    copies.push("copy-last".into());
    home.json(&["backup", "copy-last"]);
    for copy in &copies {
        let restored = Home::new();
        let from = home.beside(copy);
        let told = restored.json(&["restore", from.to_str().unwrap()]);
        assert_eq!(told["events"], restored.events());
        restored.must_add_up();
        restored.must_be_well();
    }
    let restored = Home::new();
    restored.ok(&["restore", home.beside("copy-last").to_str().unwrap()]);
    assert_eq!(restored.all_events(), home.all_events());
    // And it goes on where the other stood.
    write_folder(&restored, "b", 700);
    assert_eq!(counts(&restored.ingest(&["--feed", "ssh", "b"]))[1], 0);
}

#[test]
fn what_users_put_into_the_home_is_in_the_backup() {
    let home = Home::new();
    home.write("in/2026-03-25-scan_ssh.csv", ssh(0..3));
    home.ingest(&["in"]);
    home.write("home/shadowserver-types.tsv", "report\ttype\tidentifier\tcolumns\nscan_ssh\tweak-crypto\tours\tgeo=land\n");
    home.write("home/mappings/own.toml", "# ours\n");
    home.ok(&["backup", "copy"]);
    let restored = Home::new();
    restored.ok(&["restore", home.beside("copy").to_str().unwrap()]);
    for name in ["shadowserver-types.tsv", "mappings/own.toml"] {
        assert_eq!(fs::read(restored.root().join(name)).unwrap(), fs::read(home.root().join(name)).unwrap());
    }
}

#[test]
fn a_damaged_copy_is_refused_and_becomes_no_home() {
    let home = Home::new();
    write_folder(&home, "a", 0);
    finish(ingest(&home, "a"));
    for (n, damage) in ["flip segment", "cut segment", "flip original", "no segment", "no original", "no register"].into_iter().enumerate()
    {
        let copy = home.beside(&format!("copy-{n}"));
        home.ok(&["backup", copy.to_str().unwrap()]);
        let of = |folder: &str| copy.join(folder).join(files(&copy.join(folder))[0].clone());
        match damage {
            "flip segment" => flip(&of("segments")),
            "flip original" => flip(&of("evidence")),
            "cut segment" => fs::write(of("segments"), &fs::read(of("segments")).unwrap()[..100]).unwrap(),
            "no segment" => fs::remove_file(of("segments")).unwrap(),
            "no original" => fs::remove_file(of("evidence")).unwrap(),
            _ => fs::remove_file(copy.join("register.db")).unwrap(),
        }
        let restored = Home::new();
        let told = restored.run(&["restore", copy.to_str().unwrap()]);
        assert_eq!(told.code, Some(1), "{damage}: {}", told.err);
        assert!(!restored.root().join("register.db").exists(), "{damage}");
        assert_eq!(restored.run(&["query", "SELECT 1"]).code, Some(1), "{damage}");
    }
    // Nor does a copy overwrite anything.
    home.write("full/file", "mine");
    let told = home.run(&["backup", "full"]);
    assert_eq!((told.code, told.err.contains("not empty")), (Some(1), true), "{}", told.err);
    assert_eq!(home.run(&["restore", "copy-0"]).code, Some(1));
}

fn flip(path: &std::path::Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn the_doctor_sees_a_flipped_byte_a_missing_segment_and_a_missing_original() {
    let home = Home::new();
    write_folder(&home, "a", 0);
    finish(ingest(&home, "a"));
    home.must_be_well();
    // A segment that counts: replaced ones lie beside it for a while.
    let segment = home.rows("SELECT id FROM segments")[0]["id"].as_str().unwrap().to_owned();
    let of = |folder: &str| {
        let folder = home.root().join(folder);
        let name = files(&folder).into_iter().find(|name| name.contains(&segment) || !name.ends_with(".parquet"));
        folder.join(name.unwrap())
    };
    for (name, missing, command) in [
        ("segments", false, &["--json", "doctor"][..]),
        ("segments", true, &["--json", "doctor"]),
        ("evidence", true, &["--json", "doctor"]),
        ("evidence", false, &["--json", "doctor", "--originals"]),
    ] {
        let path = of(name);
        let before = fs::read(&path).unwrap();
        if missing {
            fs::remove_file(&path).unwrap();
        } else {
            flip(&path);
        }
        let told = home.run(command);
        let findings = told.json();
        assert_eq!((told.code, &findings["well"]), (Some(1), &json!(false)), "{findings}");
        let faults = findings["faults"].as_array().unwrap();
        assert_eq!(faults.len(), 1, "{findings}");
        assert_eq!(home.root().join(faults[0]["place"].as_str().unwrap()), path);
        fs::write(&path, before).unwrap();
        home.must_be_well();
    }
}

/// Everything an analyst can find by looking values up.
fn looked_up(home: &Home) -> Vec<Value> {
    let addresses = home.rows("SELECT DISTINCT source_ip AS ip FROM events ORDER BY 1 LIMIT 8");
    let mut values: Vec<String> = addresses.iter().map(|row| row["ip"].as_str().unwrap().to_owned()).collect();
    values.extend(["198.18.1.0/24", "host-17.isp.example", "isp.example", "192.0.2.77"].map(str::to_owned));
    let arguments: Vec<&str> = ["--json", "lookup", "--limit", "5"].into_iter().chain(values.iter().map(String::as_str)).collect();
    let mut answers = home.ok(&arguments).lines();
    // Events of the same time may be shown in any order.
    answers.iter_mut().for_each(|answer| {
        answer.as_object_mut().unwrap().remove("newest");
    });
    answers
}

#[test]
fn compaction_keeps_every_row_in_every_column_and_every_lookup() {
    let home = Home::new();
    write_folder(&home, "a", 0);
    write_folder(&home, "b", 700);
    // Rows without an address, with IPv6, and with a destination.
    let events: Vec<String> = (0..300_u64)
        .map(|n| {
            let mut event = json!({"time.source": format!("2026-03-2{}T01:00:{:02}+00:00", n % 5, n % 60), "classification.type": "c2-server", "extra.n": n});
            match n % 3 {
                0 => event["source.url"] = format!("http://c2-{n}.example/x").into(),
                1 => event["source.ip"] = format!("2001:db8::{n:x}").into(),
                _ => (event["source.ip"], event["destination.ip"]) = ("203.0.113.9".into(), format!("192.0.2.{}", n % 256).into()),
            }
            event.to_string()
        })
        .collect();
    home.write("events.jsonl", events.join("\n") + "\n");
    finish(ingest(&home, "a"));
    finish(ingest(&home, "b"));
    home.ok(&["ingest", "--received", RECEIVED, "--format", "intelmq", "--feed", "c2", "events.jsonl"]);
    let (before, found) = (home.all_events(), looked_up(&home));
    assert!(before.len() > 1500);
    let segments = home.number("SELECT count(*) FROM segments");
    let done = home.json(&["compact"]);
    assert!(done["merged"].as_i64() > Some(0) && done["dropped_events"] == 0, "{done}");
    assert!(home.number("SELECT count(*) FROM segments") < segments);
    assert_eq!(home.all_events(), before);
    assert_eq!(looked_up(&home), found);
    home.must_add_up();
    assert_eq!(home.must_be_well()["strays"], 0);
    assert_eq!(home.json(&["compact"])["merged"], 0, "what is compact stays as it is");
    // What was merged is still known: nothing comes twice.
    finish(ingest(&home, "a"));
    home.write("d/2026-03-25-scan_ssh-new.csv", ssh(0..1000));
    assert_eq!(counts(&home.ingest(&["--feed", "ssh", "d"]))[1], 0);
    assert_eq!(home.all_events(), before);
}

#[test]
fn compaction_and_ingest_at_once_lose_nothing() {
    let home = Home::new();
    let alone = Home::new();
    for (n, folder) in ["a", "b", "c"].into_iter().enumerate() {
        write_folder(&home, folder, n as u64 * 500);
        write_folder(&alone, folder, n as u64 * 500);
        finish(ingest(&alone, folder));
    }
    finish(ingest(&home, "a"));
    let mut children = vec![ingest(&home, "b"), ingest(&home, "c")];
    while children.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
        finish(start(&home, &["--json", "compact"]));
    }
    children.into_iter().for_each(|child| drop(finish(child)));
    finish(start(&home, &["--json", "compact"]));
    assert_eq!(home.rows(SAID), alone.rows(SAID));
    home.must_add_up();
    assert_eq!(home.must_be_well()["strays"], 0);
}

#[test]
fn retention_removes_exactly_what_is_older() {
    let home = Home::new();
    write_folder(&home, "a", 0);
    finish(ingest(&home, "a"));
    home.write("old/2026-03-25-scan_ssh.csv", ssh(5000..5010));
    home.json(&["ingest", "--received", "2026-03-01", "old"]);
    let kept = home.rows("SELECT * FROM events WHERE time >= timestamp '2026-03-22T00:20:00Z' ORDER BY id");
    let all = home.events();
    assert!(!kept.is_empty() && (kept.len() as i64) < all);
    let done = home.json(&["compact", "--keep", "2026-03-22T00:20:00Z"]);
    assert_eq!(done["dropped_events"], all - kept.len() as i64, "{done}");
    assert_eq!(home.all_events(), kept);
    // The original received before has gone, and only that one; what was read of it stays on record.
    assert_eq!(done["removed_originals"], 1);
    assert_eq!(home.number("SELECT read_rows FROM evidence WHERE received_at < timestamp '2026-03-02'"), 10);
    let id = home.rows("SELECT id FROM evidence WHERE received_at < timestamp '2026-03-02'")[0]["id"].clone();
    let told = home.run(&["evidence", "show", id.as_str().unwrap(), "--original"]);
    assert!(told.code == Some(1) && told.err.contains("retention"), "{}", told.err);
    assert_eq!(home.must_be_well()["strays"], 0);
    assert_eq!(files(&home.root().join("evidence")).len() as i64, home.number("SELECT count(*) FROM evidence") - 1);
    // Old evidence that comes again stays known.
    assert_eq!(counts(&home.json(&["ingest", "old"]))[1], 0);
    assert_eq!(home.all_events(), kept);
}

#[test]
fn a_sweep_removes_strays_and_nothing_that_is_in_use() {
    let home = Home::new();
    write_folder(&home, "a", 0);
    write_folder(&home, "b", 700);
    finish(ingest(&home, "a"));
    let strays = [
        "segments/2026/03/2026-03-25-0000000000000000.parquet",
        "evidence/ab/abcd.zst",
        "tables/nobody.table",
        "tmp/4294967295-1-0.parquet",
        "tmp/4294967295-2-0/spilled",
    ];
    let lay = || strays.iter().for_each(|name| drop(home.write(&format!("home/{name}"), "stray")));
    let left = || strays.iter().filter(|name| home.root().join(name).exists()).count();
    lay();
    assert_eq!(home.json(&["doctor"])["strays"], 5);
    assert_eq!(home.json(&["compact"])["swept_files"], 5);
    assert_eq!(left(), 0);
    lay();
    home.ingest(&["a"]);
    assert_eq!(left(), 0, "an ingest sweeps too");
    let named: BTreeSet<String> = files(&home.root()).into_iter().collect();
    home.ok(&["compact"]);
    // A replaced segment stays for those who began to read before.
    assert!(named.is_subset(&files(&home.root()).into_iter().collect()));
    home.must_be_well();
    // While another ingest has originals that the register does not name yet, nothing of it goes.
    for _ in 0..3 {
        let other = Home::new();
        write_folder(&other, "b", 700);
        let mut child = ingest(&other, "b");
        while child.try_wait().unwrap().is_none() {
            let _ = finish_any(other.command(&["compact"]).output().unwrap());
        }
        finish(child);
        other.must_be_well();
        other.must_add_up();
    }
}

fn finish_any(output: std::process::Output) -> Told {
    Told::of(output)
}

#[test]
fn evidence_inside_mails_is_kept_once_whoever_brings_it() {
    let home = Home::new();
    let letter = mail("report.zip", &zip(&[("2026-03-25-scan_ssh.csv", ssh(0..50).as_bytes())]));
    home.write("a/one.eml", &letter);
    home.write("b/two.eml", &letter);
    let children = [ingest(&home, "a"), ingest(&home, "b")];
    let stored: i64 = children.into_iter().map(|child| counts(&finish(child).json())[1]).sum();
    assert_eq!((stored, home.number("SELECT count(*) FROM evidence")), (50, 1));
    assert_eq!(files(&home.root().join("evidence")).len(), 1);
    home.must_be_well();
}
