//! Weeks in the life of an infected camera: reported, asked about, said to be fixed, seen again, gone. Nothing is contacted.

mod story;

use std::process::Stdio;

use serde_json::{Value, json};
use story::{Home, Told};

const HEADER: &str =
    "\"timestamp\",\"protocol\",\"src_ip\",\"src_port\",\"src_asn\",\"src_geo\",\"dst_ip\",\"dst_port\",\"infection\",\"family\"\n";
const CAMERA: &str = "192.0.2.10";
const NEIGHBOUR: &str = "192.0.2.77";

/// The sinkhole's report of one day in March 2026, received the next morning.
fn deliver(home: &Home, day: u32, seen: &[&str]) {
    let rows: String = seen
        .iter()
        .enumerate()
        .map(|(n, ip)| {
            format!("\"2026-03-{day:02} 10:0{n}:00\",\"tcp\",\"{ip}\",4000{n},64496,\"JP\",\"198.51.100.1\",80,\"mirai\",\"mirai\"\n")
        })
        .collect();
    let name = format!("2026-03-{day:02}-event4_sinkhole-jp.csv");
    let path = home.write(&name, format!("{HEADER}{rows}"));
    let received = format!("2026-03-{:02}T06:00:00Z", day + 1);
    home.json(&["ingest", "--received", &received, path.to_str().unwrap()]);
}

/// Looks at the network at noon of a day.
fn verify(home: &Home, day: u32) -> Value {
    home.json(&["takedown", "verify", "--by", "job", "--at", &format!("2026-03-{day:02}T12:00:00Z")])
}

fn takedown(home: &Home, id: &str, day: u32) -> Value {
    home.json(&["takedown", "show", id, "--at", &format!("2026-03-{day:02}T12:00:00Z")])
}

fn state(home: &Home, id: &str) -> String {
    let list = home.json(&["takedown", "list", "--all"]);
    let row = list.as_array().unwrap().iter().find(|row| row["id"] == id).unwrap().clone();
    row["state"].as_str().unwrap().to_owned()
}

fn group(home: &Home, day: u32) -> Value {
    home.json(&["case", "group", "--since", "2026-03-01", "--by", "job", "--at", &format!("2026-03-{day:02}T12:00:00Z")])
}

#[test]
fn a_camera_is_reported_asked_about_seen_again_and_in_the_end_gone() {
    let home = Home::new();
    for day in 1..=3 {
        deliver(&home, day, &[CAMERA, NEIGHBOUR]);
    }
    let grouped = group(&home, 4);
    assert_eq!((&grouped["opened"], &grouped["keys"]), (&json!(2), &json!(2)), "{grouped}");
    assert_eq!(group(&home, 4), json!({"keys": 2, "opened": 0, "extended": 0, "reopened": 0, "merged": 0, "too_small": 0}));
    let cases = home.json(&["case", "list"]);
    let camera = cases.as_array().unwrap().iter().find(|c| c["key"].as_str().unwrap().contains(CAMERA)).unwrap();
    assert_eq!(camera["key"], format!("address {CAMERA} infected-system malware mirai"));
    assert_eq!((&camera["events"], &camera["first_day"], &camera["last_day"]), (&json!(3), &json!("2026-03-01"), &json!("2026-03-03")));
    let case = camera["id"].as_str().unwrap().to_owned();

    home.json(&["case", "join", &case, "isp-jp.example", "--role", "provider", "--by", "hana", "--at", "2026-03-04T08:00:00Z"]);
    home.json(&[
        "case",
        "task",
        &case,
        "ask the maker",
        "--assignee",
        "ken",
        "--due",
        "3d",
        "--by",
        "hana",
        "--at",
        "2026-03-04T08:00:00Z",
    ]);
    let asked = home.json(&[
        "takedown",
        "request",
        "--case",
        &case,
        "--party",
        "isp-jp.example",
        "--channel",
        "mail",
        "--quiet-days",
        "5",
        "--answer-within",
        "2d",
        "--by",
        "hana",
        "--at",
        "2026-03-04T09:00:00Z",
    ]);
    let id = asked["id"].as_str().unwrap().to_owned();
    assert_eq!(
        (asked["state"].as_str(), asked["country"].as_str(), asked["last_seen"].as_str()),
        (Some("requested"), Some("JP"), Some("2026-03-03T10:00:00Z"))
    );
    let twice = home.run(&["takedown", "request", "--case", &case, "--party", "isp-jp.example", "--at", "2026-03-04T09:30:00Z"]);
    assert_eq!(twice.code, Some(1), "{}{}", twice.out, twice.err);
    let overdue = home.json(&["takedown", "list", "--overdue", "--at", "2026-03-07T00:00:00Z"]);
    assert_eq!(overdue.as_array().unwrap().len(), 1);

    home.json(&["takedown", "answer", &id, "fixed", "--detail", "rebooted", "--by", "isp", "--at", "2026-03-05T09:00:00Z"]);
    assert_eq!(state(&home, &id), "fixed");
    // The sinkhole goes on telling of others; two silent days pass, then the camera is back.
    for day in 4..=7 {
        deliver(&home, day, &[NEIGHBOUR]);
    }
    verify(&home, 8);
    let quiet = takedown(&home, &id, 8);
    assert_eq!((quiet["state"].as_str(), quiet["quiet_days"].as_i64()), (Some("quiet"), Some(3)), "{quiet}");
    deliver(&home, 8, &[CAMERA, NEIGHBOUR]);
    verify(&home, 9);
    let again = takedown(&home, &id, 9);
    assert_eq!(
        (again["state"].as_str(), again["reinfections"].as_i64(), again["said"].as_str()),
        (Some("reopened"), Some(1), Some("requested")),
        "{again}"
    );

    home.json(&["takedown", "answer", &id, "fixed", "--detail", "new firmware", "--by", "isp", "--at", "2026-03-09T13:00:00Z"]);
    for day in 9..=13 {
        assert_ne!(state(&home, &id), "verified");
        deliver(&home, day, &[NEIGHBOUR]);
        verify(&home, day + 1);
    }
    let gone = takedown(&home, &id, 14);
    assert_eq!((gone["state"].as_str(), gone["verified_at"].as_str()), (Some("verified"), Some("2026-03-14T00:00:00Z")), "{gone}");
    assert!(gone["reason"].as_str().unwrap().contains("while watched: shadowserver-event_sinkhole"), "{gone}");
    // Nobody watches any more: that undoes nothing.
    verify(&home, 31);
    assert_eq!(state(&home, &id), "verified");

    home.json(&["case", "close", &case, "--why", "verified", "--by", "hana", "--at", "2026-03-14T13:00:00Z"]);
    let shown = home.json(&["case", "show", &case]);
    let history: Vec<String> =
        shown["history"].as_array().unwrap().iter().map(|e| e["what"]["state"].as_str().unwrap_or_default().to_owned()).collect();
    for expected in ["requested", "fixed", "quiet", "reopened", "verified"] {
        assert!(history.iter().any(|state| state == expected), "{expected} in {history:?}");
    }
    assert_eq!(home.json(&["case", "verify-history"])["faults"], json!([]));
    let measures = home.json(&["takedown", "measures", "--by", "channel"]);
    assert_eq!(
        (&measures[0]["id"], &measures[0]["gone"], &measures[0]["reinfections"]),
        (&json!("mail"), &json!(1), &json!(1)),
        "{measures}"
    );
    assert_eq!((&measures[0]["gone_rate"]["share"], &measures[0]["gone_rate"]["enough"]), (&Value::Null, &json!(false)));
    assert_eq!(measures[0]["to_verified"]["median_hours"], json!(231.0), "from 4 March 09:00 to 14 March 00:00");
    assert!(home.ok(&["takedown", "measures"]).out.contains("too few (1)"));
}

#[test]
fn quiet_without_a_sensor_is_unknown_and_never_verified() {
    let home = Home::new();
    // Seen on one day by a feed that then falls silent: nothing shows that it would see it again.
    deliver(&home, 1, &[CAMERA]);
    group(&home, 2);
    let asked = home.json(&[
        "takedown",
        "request",
        "--case",
        "c1",
        "--party",
        "isp-jp.example",
        "--quiet-days",
        "3",
        "--at",
        "2026-03-02T09:00:00Z",
    ]);
    let id = asked["id"].as_str().unwrap();
    home.json(&["takedown", "answer", id, "fixed", "--at", "2026-03-02T10:00:00Z"]);
    for day in [3, 5, 9, 30] {
        verify(&home, day);
        assert_ne!(state(&home, id), "verified", "day {day}");
    }
    let shown = takedown(&home, id, 30);
    assert_eq!(
        (shown["state"].as_str(), shown["quiet_days"].as_i64(), shown["sensors"].as_array().unwrap().len()),
        (Some("unknown"), Some(0), 0),
        "{shown}"
    );
    assert!(shown["reason"].as_str().unwrap().contains("nobody watches"), "{shown}");
    let refused = home.run(&["case", "close", "c1", "--why", "it is quiet"]);
    assert_eq!((refused.code, refused.err.contains("not verified")), (Some(1), true), "{}", refused.err);

    // One that saw it day after day, and then delivers nothing more.
    let home = Home::new();
    deliver(&home, 1, &[CAMERA]);
    deliver(&home, 2, &[CAMERA]);
    group(&home, 3);
    home.json(&["takedown", "request", "--case", "c1", "--quiet-days", "3", "--at", "2026-03-03T09:00:00Z"]);
    verify(&home, 4);
    assert_eq!(state(&home, "t1"), "open", "it may still tell of the third");
    verify(&home, 12);
    let shown = takedown(&home, "t1", 12);
    assert_eq!((shown["state"].as_str(), shown["sensors"].as_array().unwrap().len()), (Some("unknown"), 1), "{shown}");
    let unknown = home.json(&["takedown", "measures"]);
    assert_eq!(
        (&unknown[0]["id"], &unknown[0]["unknown"], &unknown[0]["gone_rate"]["decided"]),
        (&json!("nobody asked"), &json!(1), &json!(0))
    );
}

#[test]
fn seen_again_after_it_was_verified_and_closed_opens_both_again() {
    let home = Home::new();
    for day in 1..=2 {
        deliver(&home, day, &[CAMERA, NEIGHBOUR]);
    }
    group(&home, 3);
    let cases = home.json(&["case", "list"]);
    let case =
        cases.as_array().unwrap().iter().find(|c| c["key"].as_str().unwrap().contains(CAMERA)).unwrap()["id"].as_str().unwrap().to_owned();
    home.json(&["takedown", "request", "--case", &case, "--party", "isp", "--quiet-days", "2", "--at", "2026-03-03T09:00:00Z"]);
    for day in 3..=6 {
        deliver(&home, day, &[NEIGHBOUR]);
    }
    verify(&home, 7);
    assert_eq!(state(&home, "t1"), "verified");
    home.json(&["case", "close", &case, "--at", "2026-03-07T13:00:00Z"]);
    deliver(&home, 20, &[CAMERA]);
    verify(&home, 21);
    assert_eq!(group(&home, 21)["reopened"], 1);
    assert_eq!(state(&home, "t1"), "reopened");
    assert_eq!(home.json(&["case", "show", &case])["state"], "open");
    home.must_be_well();
}

#[test]
fn two_that_group_and_note_at_once_end_as_one_after_the_other() {
    let home = Home::new();
    for day in 1..=3 {
        let many: Vec<String> = (0..8).map(|n| format!("198.51.100.{n}")).collect();
        deliver(&home, day, &many.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let start = |arguments: &[&str]| home.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let finish = |child: std::process::Child| {
        let told = Told::of(child.wait_with_output().unwrap());
        assert_eq!(told.code, Some(0), "{}{}", told.out, told.err);
        told
    };
    let grouping = ["--json", "case", "group", "--since", "2026-03-01", "--at", "2026-03-04T00:00:00Z"];
    let told: Vec<Value> = [start(&grouping), start(&grouping)].into_iter().map(|child| finish(child).json()).collect();
    let opened: i64 = told.iter().map(|t| t["opened"].as_i64().unwrap()).sum();
    assert_eq!(opened, 8, "{told:?}");
    assert_eq!(home.json(&["case", "list"]).as_array().unwrap().len(), 8);

    let children: Vec<_> = (0..6).map(|n| start(&["case", "note", "c1", &format!("note {n}"), "--at", "2026-03-05T00:00:00Z"])).collect();
    children.into_iter().for_each(|child| drop(finish(child)));
    let shown = home.json(&["case", "show", "c1"]);
    let notes = shown["history"].as_array().unwrap().iter().filter(|e| e["what"]["did"] == "noted").count();
    assert_eq!(notes, 6, "{shown}");
    assert_eq!(home.json(&["case", "verify-history"])["faults"], json!([]));
}

/// What a stranger with the file could do. The file is a copy: its register has no log beside it that would undo the change.
fn meddle(root: &std::path::Path, from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let path = root.join("register.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let places: Vec<usize> = bytes.windows(from.len()).enumerate().filter(|(_, w)| *w == from).map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + from.len()].copy_from_slice(to);
    }
    std::fs::write(&path, bytes).unwrap();
}

#[test]
fn a_history_that_somebody_changed_is_found() {
    let home = Home::new();
    home.json(&["case", "open", "a mail with a draft", "--by", "hana", "--due", "2026-04-01"]);
    home.json(&["case", "note", "c1", "they paid the ransom", "--by", "hana"]);
    home.json(&["case", "assign", "c1", "kenichi", "--by", "hana"]);
    assert_eq!(home.json(&["case", "verify-history", "c1"]), json!({"checked": 1, "faults": []}));
    let faults = |from: &[u8], to: &[u8]| {
        let copy = home.beside(&format!("copy-{}", from[0]));
        home.ok(&["backup", copy.to_str().unwrap()]);
        meddle(&copy, from, to);
        let told = Told::of(home.command_at(&copy, &["--json", "case", "verify-history"]).output().unwrap());
        assert_eq!(told.code, Some(1), "{}{}", told.out, told.err);
        told.json()["faults"].clone()
    };
    assert_eq!(faults(b"they paid the ransom", b"they paid no ransom.")[0]["fault"], "entry 3 is not what was written");
    assert!(faults(b"kenichi", b"nobody!")[0]["fault"].as_str().unwrap().contains("entry 4"));
}

#[test]
fn what_makes_no_sense_is_refused_with_its_reason() {
    let home = Home::new();
    assert_eq!(home.run(&["case", "list"]).code, Some(0));
    home.json(&["case", "open", "campaign", "--key", "campaign operation x"]);
    for (arguments, code, says) in [
        (&["case", "show", "c9"][..], 1, "there is no case c9"),
        (&["case", "open", "x", "--key", "nonsense"], 2, "names nothing"),
        (&["case", "group", "--class", "fishing"], 2, "no type of RSIT"),
        (&["takedown", "request", "--case", "c1", "--party", "isp"], 2, "at no one place"),
        (&["takedown", "request", "--case", "c1", "--party", "No Such"], 2, "cannot name a party"),
        (&["takedown", "request", "--case", "c1", "--target", "c2 192.0.2.1:443"], 1, "nothing was seen of"),
        (&["takedown", "answer", "t1", "perhaps"], 2, "is not one of"),
        (&["takedown", "answer", "t1", "fixed"], 1, "there is no takedown t1"),
        (&["case", "task", "c1", "--done", "7"], 1, "has no task 7"),
        (&["case", "join", "c1", "isp", "--leave"], 1, "takes no part"),
    ] {
        let told = home.run(arguments);
        assert_eq!(told.code, Some(code), "{arguments:?}: {}{}", told.out, told.err);
        assert!(told.err.contains(says), "{arguments:?}: {}", told.err);
    }
}

#[test]
fn quiet_periods_are_the_users_to_replace() {
    let home = Home::new();
    deliver(&home, 1, &[CAMERA]);
    group(&home, 2);
    std::fs::write(home.root().join("quiet-periods.toml"), "infected-system = 3\n").unwrap();
    let periods = home.json(&["takedown", "periods"]);
    let infected = periods.as_array().unwrap().iter().find(|p| p["id"] == "infected-system").unwrap();
    assert_eq!(infected["days"], 3);
    let asked = home.json(&["takedown", "request", "--case", "c1", "--party", "isp", "--at", "2026-03-02T09:00:00Z"]);
    assert_eq!(asked["needed_days"], 3);
    std::fs::write(home.root().join("quiet-periods.toml"), "infected-system = 0\n").unwrap();
    let told = home.run(&["takedown", "periods"]);
    assert_eq!((told.code, told.err.contains("quiet-periods.toml: a quiet period lasts 1 to 365 days")), (Some(1), true), "{}", told.err);
}
