//! Who may know it: the same events asked for several parties, on the command line.

mod story;

use serde_json::{Value, json};
use story::Home;

const REGISTER: &str = "
[[party]]
id = 'us'
name = 'Our CSIRT'
name_ja = '我々'
kind = 'national-csirt'
own = true
communities = ['APCERT']

[[party]]
id = 'krcert'
name = 'KrCERT'
kind = 'national-csirt'
communities = ['APCERT']

[[party]]
id = 'isp'
name = 'Example ISP'
kind = 'provider'
networks = ['192.0.2.0/24']
clients_of = ['us']

[[party]]
id = 'everybody'
name = 'The public'
kind = 'public'
communities = ['APCERT']

[[agreement]]
id = 'apcert'
kind = 'multilateral'
parties = ['us', 'krcert']
max_tlp = 'AMBER+STRICT'
purposes = ['defend', 'respond']

[[agreement]]
id = 'service'
kind = 'public-private'
parties = ['us', 'isp']
max_tlp = 'AMBER'
purposes = ['notify', 'defend']
";

fn event(n: u64, more: &Value) -> String {
    let mut event = json!({"time.source": format!("2026-03-25T01:00:{n:02}+00:00"), "source.ip": format!("192.0.2.{n}"),
        "classification.type": "scanner", "extra.mark": format!("planted-{n}")});
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event.to_string() + "\n"
}

/// Event n is held under the n-th of these terms.
const TERMS: [&str; 6] =
    ["tlp:clear", "tlp:green", "tlp:amber", "tlp:amber+strict", "tlp:red to:krcert", "tlp:green attribution:must-not victims:no-identity"];

fn filled() -> Home {
    let home = Home::new();
    home.write("register.toml", REGISTER);
    home.json(&["party", "import", "register.toml"]);
    for (n, terms) in TERMS.iter().enumerate() {
        let file = format!("events-{n}.jsonl");
        home.write(&file, event(n as u64, &json!({})));
        home.json(&["ingest", "--tlp", terms, "--feed", &format!("feed-{n}"), "--format", "intelmq", &file]);
    }
    home
}

/// Which of the planted events an output tells of.
fn told(output: &str) -> Vec<u64> {
    (0..TERMS.len() as u64).filter(|n| output.contains(&format!("planted-{n}")) || output.contains(&format!("192.0.2.{n}"))).collect()
}

#[test]
fn each_party_is_told_what_it_may_know_in_every_form_of_answer() {
    let home = filled();
    for (party, events, rows) in
        [("us", vec![0, 1, 2, 3], 5), ("krcert", vec![0, 1, 4], 4), ("isp", vec![0, 1, 2], 4), ("everybody", vec![0], 1)]
    {
        let all = home.ok(&["--json", "query", "SELECT * FROM events", "--to", party]);
        assert_eq!((told(&all.out), all.lines().len()), (events.clone(), rows), "{party}: {}", all.out);
        for format in ["table", "csv", "json"] {
            assert_eq!(
                told(&home.ok(&["query", "SELECT * FROM events", "--to", party, "--format", format]).out),
                events,
                "{party} {format}"
            );
        }
        assert_eq!(told(&home.ok(&["events", "--columns", "*", "--to", party]).out), events, "{party}");
        let count = home.ok(&["--json", "query", "SELECT count(*) AS n FROM events", "--to", party]).lines();
        assert_eq!(count, [json!({"n": rows})], "{party}");
        let parquet = home.beside(&format!("{party}.parquet"));
        home.ok(&["query", "SELECT * FROM events", "--to", party, "-o", parquet.to_str().unwrap()]);
        // Nothing that is hidden is left in the bytes of the file.
        let bytes = String::from_utf8_lossy(&std::fs::read(parquet).unwrap()).into_owned();
        let hidden: Vec<u64> = (0..6).filter(|n| !events.contains(n)).collect();
        assert!(hidden.iter().all(|n| !bytes.contains(&format!("planted-{n}")) && !bytes.contains(&format!("192.0.2.{n}"))), "{party}");
        for n in 0..6 {
            let known = home.json(&["lookup", "--to", party, &format!("192.0.2.{n}")]);
            assert_eq!(known["events"], u64::from(events.contains(&n)), "{party} {known}");
        }
        let network = home.json(&["lookup", "--to", party, "192.0.2.0/24"]);
        assert_eq!(network["events"], events.len(), "{party} {network}");
    }
    let refused = home.run(&["query", "SELECT * FROM evidence", "--to", "krcert"]);
    assert_eq!(refused.code, Some(1), "{}", refused.out);
    assert_eq!(home.run(&["query", "SELECT 1", "--to", "nobody"]).code, Some(2));
    // For another purpose, or on another way, there may be no basis.
    let research = home.ok(&["--json", "events", "--columns", "*", "--to", "krcert", "--purpose", "research"]);
    assert_eq!(told(&research.out), [0, 4]);
}

#[test]
fn a_decision_is_explained_with_the_rule_and_values_that_decided() {
    let home = filled();
    let ids: Vec<String> =
        home.rows("SELECT id FROM events ORDER BY time").into_iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
    let explain = |n: usize, to: &str| home.json(&["explain", "--event", &ids[n], "--to", to]);
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let denied = explain(3, "krcert");
    assert_eq!(keys(&denied), ["decision", "redactions", "obligations", "reasons"]);
    assert_eq!((&denied["decision"], &denied["obligations"]), (&json!("deny"), &json!([])));
    assert_eq!(denied["reasons"].as_array().unwrap().len(), 1);
    assert_eq!((&denied["reasons"][0]["rule"], &denied["reasons"][0]["effect"]), (&json!("tlp-amber-strict"), &json!("deny")));
    assert_eq!(denied["reasons"][0]["en"], "TLP:AMBER+STRICT stays inside Our CSIRT, and KrCERT is another organisation");
    assert!(denied["reasons"][0]["ja"].as_str().unwrap().contains("我々 の組織内に限られ"));
    let redacted = explain(5, "krcert");
    assert_eq!(redacted["decision"], "allow-with-redaction");
    assert_eq!(redacted["redactions"], json!(["provider-identity", "victim-identity", "personal-data"]));
    let rules: Vec<&str> = redacted["reasons"].as_array().unwrap().iter().map(|r| r["rule"].as_str().unwrap()).collect();
    assert_eq!(rules, ["community", "agreement", "provider-identity", "victim-identity", "personal-data"]);
    assert!(redacted["reasons"][1]["en"].as_str().unwrap().contains("apcert"), "{redacted}");
    let allowed = explain(2, "isp");
    assert_eq!((&allowed["decision"], &allowed["obligations"][0]), (&json!("allow"), &json!("tlp:amber+strict")));
    let spoken = home.ok(&["explain", "--event", &ids[3], "--to", "krcert", "--language", "ja"]).out;
    assert!(spoken.starts_with("deny") && spoken.contains("我々"), "{spoken}");
    // What is explained as denied or redacted is what the door does.
    for party in ["us", "krcert", "isp", "everybody"] {
        let seen: Vec<Value> = home.ok(&["--json", "query", "SELECT time FROM events ORDER BY time", "--to", party]).lines();
        let allowed = (0..TERMS.len()).filter(|n| explain(*n, party)["decision"] != "deny").count();
        assert_eq!(seen.len(), allowed, "{party}");
    }
    assert_eq!(home.run(&["explain", "--event", &"0".repeat(32), "--to", "isp"]).code, Some(1));
    assert_eq!(home.run(&["explain", "--event", "x", "--to", "isp"]).code, Some(2));
}

#[test]
fn revoking_an_agreement_takes_effect_at_once() {
    let home = filled();
    let count = || home.ok(&["--json", "query", "SELECT * FROM events", "--to", "krcert"]).lines().len();
    assert_eq!(count(), 4);
    home.json(&["agreement", "revoke", "apcert"]);
    assert_eq!(count(), 2);
}

#[test]
fn unmarked_evidence_takes_the_default_of_its_source_and_a_label_goes_before_it() {
    let home = Home::new();
    home.json(&["terms", "default", "--feed", "night-watch", "tlp:amber pap:amber"]);
    home.json(&["terms", "default", "--from", "jpcert", "TLP:GREEN attribution:must-not"]);
    home.write("a.jsonl", event(1, &json!({})) + &event(2, &json!({"tlp": "GREEN"})) + &event(3, &json!({"tlp": "RED"})));
    home.json(&["ingest", "--feed", "night-watch", "--from", "jpcert", "--format", "intelmq", "a.jsonl"]);
    home.write("b.jsonl", event(4, &json!({})) + &event(5, &json!({"tlp": "CLEAR"})));
    home.json(&["ingest", "--format", "intelmq", "b.jsonl"]);
    let held = || home.rows("SELECT text FROM events JOIN terms ON terms.id = events.terms ORDER BY time");
    let text = |text: &str| json!({"text": text});
    let expected = [
        text("tlp:amber pap:amber attribution:must-not"),
        text("tlp:green pap:amber attribution:must-not"),
        text("tlp:red pap:amber attribution:must-not"),
        text("tlp:amber+strict"),
        text("tlp:clear"),
    ];
    assert_eq!(held(), expected);
    // Reading again holds it under the same.
    let id = home.json(&["evidence", "list"])[0]["id"].as_str().unwrap().to_owned();
    home.json(&["reread", "--evidence", &id, "--apply"]);
    assert_eq!(held(), expected);
    let defaults = home.json(&["terms", "default"]);
    assert_eq!((&defaults[0]["id"], &defaults[1]["text"]), (&json!("feed:night-watch"), &json!("tlp:green attribution:must-not")));
    home.json(&["terms", "default", "--feed", "night-watch", "--remove"]);
    assert_eq!(home.json(&["terms", "default"]).as_array().unwrap().len(), 1);
    let list = home.json(&["terms", "list"]);
    assert!(list.as_array().unwrap().iter().all(|t| t["id"].is_i64() && t["text"].is_string()), "{list}");
    assert_eq!(home.json(&["terms", "show", "red pap:red"])["text"], "tlp:red pap:red");
    for wrong in [
        &["terms", "default", "tlp:red"][..],
        &["terms", "default", "--feed", "x"],
        &["terms", "show", "purple"],
        &["terms", "default", "--feed", "x", "tlp:purple"],
    ] {
        assert_eq!(home.run(wrong).code, Some(2), "{wrong:?}");
    }
}

#[test]
fn without_a_party_of_our_own_nothing_is_shown_to_others() {
    let home = Home::new();
    home.write("a.jsonl", event(1, &json!({})));
    home.json(&["ingest", "--tlp", "clear", "--format", "intelmq", "a.jsonl"]);
    let refused = home.run(&["query", "SELECT * FROM events", "--to", "krcert"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("party own") && told(&refused.out).is_empty(), "{}", refused.err);
}
