//! Indicators: from events to what partners see over TAXII, and to the end of it.

mod story;

use serde_json::{Value, json};
use story::server::{Server, Token};
use story::{Home, circle};

const C2: &str = "9.0.0.5";
const VICTIM: &str = "198.18.7.7";

/// The circle, and a collection that two of it may read.
fn node() -> (Home, String) {
    let home = circle::home();
    let collection = home.json(&["collection", "add", "ours", "--title", "Ours"])["id"].as_str().unwrap().to_owned();
    for party in ["alpha", "outside"] {
        home.ok(&["collection", "grant", "ours", "--to", party, "--read"]);
    }
    (home, collection)
}

/// Events in the IntelMQ Data Format, seen an hour ago.
fn events(home: &Home) {
    let at = |seconds: i64| jiff::Timestamp::now().checked_sub(jiff::SignedDuration::from_secs(seconds)).unwrap().to_string();
    let event = |class: &str, ip: &str, feed: &str, more: Value| {
        let mut event = json!({"time.source": at(3600), "classification.type": class, "source.ip": ip, "feed.name": feed});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event.to_string()
    };
    let lines = [
        event(
            "c2-server",
            C2,
            "sandbox",
            json!({"malware.name": "mirai", "destination.ip": VICTIM, "destination.account": "nurse@hospital.example"}),
        ),
        event("c2-server", "8.8.8.8", "sandbox", json!({})),
        event("infected-system", VICTIM, "sinkhole", json!({"malware.name": "mirai"})),
        event("scanner", VICTIM, "sensor-a", json!({})),
        event("scanner", VICTIM, "sensor-b", json!({})),
        event("scanner", VICTIM, "sensor-c", json!({})),
    ];
    home.write("events.jsonl", lines.join("\n"));
    home.json(&["ingest", "--tlp", "green", "--format", "intelmq", "events.jsonl"]);
}

struct Poller<'s> {
    server: &'s Server,
    token: Token,
    collection: String,
}

impl Poller<'_> {
    /// What of a type this party sees, in the newest version.
    fn sees(&self, object_type: &str) -> Vec<Value> {
        let path = format!("/taxii2/root/collections/{}/objects/?match%5Btype%5D={object_type}", self.collection);
        let answer = self.server.get(&self.token, &path);
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()["objects"].as_array().cloned().unwrap_or_default()
    }
}

fn list(home: &Home) -> Vec<Value> {
    home.json(&["indicator", "list"]).as_array().unwrap().clone()
}

#[test]
fn from_events_to_partners_and_to_the_end_of_it() {
    let (home, collection) = node();
    events(&home);
    home.write("google-dns.txt", "8.8.8.0/24\n");
    home.write("home-warnings.toml", "never-block = ['google-dns']\n");
    std::fs::copy(home.beside("home-warnings.toml"), home.root().join("warnings.toml")).unwrap();
    let imported = home.json(&["warnings", "import", "google-dns.txt"]);
    assert_eq!((&imported["lists"], &imported["entries"], &imported["changed"]), (&json!(1), &json!(1), &json!(1)));
    let checked = home.json(&["warnings", "check", "8.8.8.8", C2]);
    assert_eq!((&checked[0]["may_be_blocked"], &checked[1]["may_be_blocked"]), (&json!(false), &json!(true)), "{checked}");

    // The warning list keeps 8.8.8.8 out, and an infected machine that scans is a victim.
    let derived = home.json(&["indicator", "derive"]);
    assert_eq!((&derived["new"], &derived["on_warning_lists"]), (&json!(1), &json!(1)), "{derived}");
    let aside: Vec<&str> = derived["set_aside"].as_array().unwrap().iter().map(|one| one["value"].as_str().unwrap()).collect();
    assert!(aside.contains(&"8.8.8.8") && aside.contains(&VICTIM), "{derived}");
    let again = home.json(&["indicator", "derive"]);
    assert_eq!((&again["new"], &again["changed"], &again["unchanged"]), (&json!(0), &json!(0), &json!(1)), "{again}");
    let all = list(&home);
    assert_eq!((all.len(), &all[0]["value"], &all[0]["malware"], &all[0]["standing"]), (1, &json!(C2), &json!("mirai"), &json!("active")));
    let shown = home.json(&["indicator", "show", C2]);
    assert_eq!(shown["history"].as_array().unwrap().len(), 1, "deriving again is no deed: {shown}");

    let first = home.json(&["indicator", "publish", "--collection", "ours"]);
    assert_eq!((&first["indicators"], &first["rejected"], &first["versions"]), (&json!(1), &json!(0), &json!(0)), "{first}");
    let second = home.json(&["indicator", "publish", "--collection", "ours"]);
    assert_eq!(second["added"], 0, "{second}");

    let server = Server::start(&home);
    let poller = |party: &str| Poller { server: &server, token: Token::create(&home, party, "member"), collection: collection.clone() };
    let (alpha, outside) = (poller("alpha"), poller("outside"));
    let seen = alpha.sees("indicator");
    assert_eq!(seen.len(), 1);
    assert_eq!((&seen[0]["pattern"], &seen[0]["confidence"]), (&json!("[ipv4-addr:value = '9.0.0.5']"), &json!(80)));
    assert_eq!((alpha.sees("malware").len(), alpha.sees("relationship").len()), (1, 1));
    assert_eq!((outside.sees("indicator").len(), outside.sees("malware").len(), outside.sees("relationship").len()), (0, 0, 0));
    for object in ["indicator", "malware", "relationship", "identity", "marking-definition"].iter().flat_map(|kind| alpha.sees(kind)) {
        let text = object.to_string();
        for hidden in [VICTIM, "nurse", "hospital", "sandbox", "sensor-a"] {
            assert!(!text.contains(hidden), "{hidden} in {text}");
        }
    }

    // A sighting is told; a doubt lowers; each is a new version of the same object.
    home.ok(&["indicator", "sight", C2, "--times", "4", "--by", "kenji"]);
    home.ok(&["indicator", "false-positive", C2, "--trust", "50", "--by", "yuki", "--because", "shared hosting"]);
    let lowered = list(&home)[0]["score"].as_u64().unwrap();
    assert!(lowered < all[0]["score"].as_u64().unwrap(), "{lowered}");
    let third = home.json(&["indicator", "publish", "--collection", "ours"]);
    assert_eq!(third["versions"], 1, "{third}");
    let now = alpha.sees("indicator");
    assert_eq!((now.len(), &now[0]["id"], &now[0]["created"]), (1, &seen[0]["id"], &seen[0]["created"]));
    assert!(now[0]["modified"].as_str() > seen[0]["modified"].as_str() && now[0]["confidence"].as_u64() < Some(80), "{}", now[0]);
    assert_eq!(alpha.sees("sighting")[0]["count"], 4);
    assert!(!now[0].to_string().contains("yuki") && !now[0].to_string().contains("hosting"));

    // What is withdrawn reaches who polls as a last, revoked version.
    home.ok(&["indicator", "revoke", C2, "--because", "a mistake of ours"]);
    assert_eq!(list(&home)[0]["standing"], "revoked");
    let last = home.json(&["indicator", "publish", "--collection", "ours"]);
    assert_eq!((&last["revoked"], &last["added"]), (&json!(1), &json!(1)), "{last}");
    let ended = alpha.sees("indicator");
    assert_eq!((ended.len(), &ended[0]["revoked"], &ended[0]["id"]), (1, &json!(true), &seen[0]["id"]));
    assert!(ended[0]["modified"].as_str() > now[0]["modified"].as_str());
    assert_eq!(home.json(&["indicator", "publish", "--collection", "ours"])["added"], 0);
    assert_eq!(outside.sees("indicator").len(), 0);

    validate(
        &home,
        &[
            alpha.sees("indicator"),
            now,
            seen,
            alpha.sees("malware"),
            alpha.sees("relationship"),
            alpha.sees("sighting"),
            alpha.sees("identity"),
        ]
        .concat(),
    );
    assert!(server.stop());
    home.ok(&["log", "verify"]);
    let well = home.json(&["doctor"]);
    assert_eq!((&well["indicators"], &well["warning_lists"][0]["id"]), (&json!(1), &json!("google-dns")));
}

/// stix2-validator of OASIS accepts all of them; said when it is not there.
fn validate(home: &Home, objects: &[Value]) {
    let script = "import sys, json\nfrom stix2validator import validate_string, ValidationOptions\n\
        bad = [r for o in json.load(open(sys.argv[1])) for r in [validate_string(json.dumps(o), ValidationOptions(version='2.1'))] if not r.is_valid]\n\
        print('\\n'.join(str(e) for r in bad for e in r.errors)); sys.exit(1 if bad else 0)\n";
    let file = home.write("objects.json", Value::Array(objects.to_vec()).to_string());
    let python = std::env::var("MUSUBI_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let there = std::process::Command::new(&python).args(["-c", "import stix2validator"]).output().is_ok_and(|told| told.status.success());
    if !there {
        eprintln!("skipped: {python} has no stix2validator (pip install stix2-validator)");
        return;
    }
    let told = std::process::Command::new(&python).args(["-c", script]).arg(&file).output().unwrap();
    assert!(told.status.success(), "{}{}", String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
}

#[test]
fn what_an_analyst_adds_is_found_again_ends_and_comes_back() {
    let home = Home::new();
    let added = home.json(&["indicator", "add", "c2.evil.example", "--class", "c2-server", "--terms", "tlp:green", "--until", "30d"]);
    assert_eq!((&added["kind"], &added["standing"], &added["class"]), (&json!("domain"), &json!("active"), &json!("c2-server")));
    let refused = home.run(&["indicator", "add", "192.168.1.1"]);
    assert!(refused.code == Some(1) && refused.err.contains("reserved address block"), "{}", refused.err);
    let wrong = home.run(&["indicator", "add", "[url:value = ]"]);
    assert!(wrong.code == Some(2) && wrong.err.contains("column"), "{}", wrong.err);
    home.ok(&["indicator", "add", "[url:value LIKE 'http://%/gate.php']", "--malware", "Gozi"]);
    assert_eq!(home.json(&["indicator", "list", "--kind", "pattern"])[0]["malware"], "gozi");
    // Pages follow one another without loss.
    let first = home.json(&["indicator", "list", "--limit", "1"]);
    let next = home.json(&["indicator", "list", "--limit", "5", "--after", first[0]["id"].as_str().unwrap()]);
    assert_eq!((first.as_array().unwrap().len(), next.as_array().unwrap().len()), (1, 1));
    assert_ne!(first[0]["id"], next[0]["id"]);
    let id = added["id"].as_str().unwrap();
    let ended = home.json(&["indicator", "expire", id]);
    assert_eq!(ended["standing"], "expired");
    home.ok(&["indicator", "revoke", "C2[.]evil.example", "--because", "test"]);
    assert_eq!(home.json(&["indicator", "revoke", id, "--undo"])["standing"], "active");
    let missing = home.run(&["indicator", "show", "nobody.example"]);
    assert!(missing.code == Some(1) && missing.err.contains("nobody.example"), "{}", missing.err);
}

const BUNDLE: &str = r#"{"type":"bundle","id":"bundle--5d0092c5-5f74-4287-9642-33f4c354e56d","objects":[
 {"type":"indicator","spec_version":"2.1","id":"indicator--26ffb872-1dd9-446e-b6f5-d58527e5b5d2","created":"2026-03-20T08:00:00.000Z",
  "modified":"2026-03-20T08:00:00.000Z","pattern":"[file:hashes.MD5 = '44d88612fea8a8f36de82e1278abb02e']","pattern_type":"stix",
  "valid_from":"VALID","labels":["rsit:malicious-code=\"malware-distribution\""],
  "object_marking_refs":["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"]},
 {"type":"indicator","spec_version":"2.1","id":"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f","created":"2026-03-20T08:00:00.000Z",
  "modified":"2026-03-20T08:00:00.000Z","pattern":"[domain-name:value = 'secret.evil.example']","pattern_type":"stix",
  "valid_from":"VALID","labels":["rsit:malicious-code=\"c2-server\""],
  "object_marking_refs":["marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"]}]}"#;

#[test]
fn what_others_say_in_stix_is_taken_in_under_its_marking_and_given_on_only_as_far_as_that() {
    let (home, _) = node();
    events(&home);
    let valid = jiff::Timestamp::now().checked_sub(jiff::SignedDuration::from_hours(1)).unwrap().to_string();
    home.write("bundle.json", BUNDLE.replace("VALID", &valid));
    let read = home.json(&["ingest", "bundle.json"]);
    assert_eq!(story::counts(&read), [2, 2, 0, 0], "{read}");
    let derived = home.json(&["indicator", "derive"]);
    assert_eq!(derived["new"], 4, "{derived}");
    let kinds: Vec<String> = list(&home).iter().map(|one| one["kind"].as_str().unwrap().to_owned()).collect();
    assert!(kinds.contains(&"md5".to_owned()) && kinds.contains(&"domain".to_owned()), "{kinds:?}");

    // One bundle for alpha: what is RED is not in it, and neither is anything for somebody outside.
    let given = home.json(&["share", "stix", "--to", "alpha", "--out", "alpha.json"]);
    let text = std::fs::read_to_string(home.beside("alpha.json")).unwrap();
    assert!(
        text.contains("44d88612fea8a8f36de82e1278abb02e") && text.contains("9.0.0.5") && !text.contains("secret.evil.example"),
        "{text}"
    );
    assert_eq!(given["indicators"], 3, "{given}");
    let bundle: Value = serde_json::from_str(&text).unwrap();
    let objects = bundle["objects"].as_array().unwrap();
    assert!(objects.iter().any(|one| one["type"] == "observed-data") && objects.iter().any(|one| one["type"] == "network-traffic"));
    validate(&home, objects);
    let nothing = home.json(&["share", "stix", "--to", "outside", "--out", "outside.json"]);
    assert_eq!((&nothing["objects"], home.beside("outside.json").exists()), (&json!(0), false), "{nothing}");
    // The bundle is a release, and its receipt lies beside it.
    let policy = home.ok(&["log", "policy"]).out;
    home.write("log.policy", policy);
    home.ok(&["receipt", "verify", "alpha.json.tlog-proof", "--policy", "log.policy", "--content", "alpha.json"]);
    assert_eq!(home.json(&["log", "list", "--to", "alpha"])[0]["id"], given["id"]);
    assert_eq!(home.json(&["log", "list", "--to", "outside"]), json!([]));

    // Others read what we write: the bundle gives the same values again.
    let read = home.ok(&["read", "alpha.json"]);
    assert!(read.out.contains("9.0.0.5") && read.out.contains("44d88612fea8a8f36de82e1278abb02e"), "{}", read.out);
    let said = home.ok(&["read", "--as", "stix", "bundle.json"]).lines();
    assert!(said.iter().any(|one| one["type"] == "observed-data") && said.iter().any(|one| one["type"] == "file"), "{said:?}");
    validate(&home, &said);

    // Where else: the same network, the same registered domain, a network around it.
    home.ok(&["indicator", "add", "mail.evil.example"]);
    home.ok(&["indicator", "add", "9.0.0.0/28"]);
    let found = home.json(&["correlate", "9.0.0.5", "www.evil.example", "9.0.0.77"]);
    let relations = |at: usize| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        found[at]["seen"].as_array().unwrap().iter().map(|one| (text(&one["relation"]), text(&one["value"]))).collect()
    };
    let of = |relation: &str, value: &str| (relation.to_owned(), value.to_owned());
    assert!(relations(0).contains(&of("same", "9.0.0.5")) && relations(0).contains(&of("around", "9.0.0.0/28")), "{found}");
    assert!(
        relations(1).contains(&of("domain", "mail.evil.example")) && relations(1).contains(&of("domain", "secret.evil.example")),
        "{found}"
    );
    assert_eq!(relations(2), [of("near", "9.0.0.5")], "{found}");
    assert_eq!(home.json(&["correlate", "9.0.0.5"])[0], found[0], "asking again files nothing again");
    home.must_be_well();
}
