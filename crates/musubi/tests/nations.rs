//! Three nations, three processes: evidence in one becomes work in another, and what the network shows comes back.

mod story;

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use story::Home;
use story::server::{Server, Token};

/// Planted in what must never leave its home.
const MARKER: &str = "7f3kq-marker-of-nation-a";

const NATIONS: [&str; 3] = ["nation-a", "nation-b", "nation-c"];

fn parties(own: &str) -> String {
    let mut text = String::new();
    for nation in NATIONS {
        text +=
            &format!("[[party]]\nid = \"{nation}\"\nname = \"CSIRT of {nation}\"\nkind = \"national-csirt\"\ncommunities = [\"circle\"]\n");
    }
    text += "[[party]]\nid = \"isp-b\"\nname = \"Provider in B\"\nkind = \"provider\"\nclients_of = [\"nation-b\"]\nnetworks = [\"198.51.100.0/24\"]\n\
         [[party.contact]]\nrole = \"abuse\"\nlanguage = \"en\"\naddress = \"abuse@isp-b.example\"\n";
    text += "[[agreement]]\nid = \"circle\"\nkind = \"multilateral\"\ncommunities = [\"circle\"]\nmax_tlp = \"GREEN\"\npurposes = [\"defend\", \"respond\"]\nchannels = [\"taxii\"]\n";
    if own == "nation-b" {
        text += "[[agreement]]\nid = \"b-and-isp\"\nkind = \"public-private\"\nparties = [\"nation-b\", \"isp-b\"]\nmax_tlp = \"AMBER\"\npurposes = [\"notify\"]\n";
    }
    text
}

struct Nation {
    name: &'static str,
    home: Home,
    server: Option<Server>,
    port: u16,
}

impl Nation {
    fn new(name: &'static str) -> Self {
        let home = Home::new();
        home.write("parties.toml", parties(name));
        home.ok(&["party", "import", "parties.toml"]);
        home.ok(&["party", "own", name]);
        fs::write(home.root().join("config.toml"), "[serve]\nexchange_seconds = 0\nrequests_per_second = 1000\n").unwrap();
        home.ok(&["collection", "add", "exchange", "--title", "Exchange", "--purpose", "respond"]);
        home.ok(&["collection", "add", "shared", "--title", "Shared", "--terms", "tlp:amber+strict"]);
        for other in NATIONS.iter().filter(|other| **other != name) {
            for collection in ["exchange", "shared"] {
                home.ok(&["collection", "grant", collection, "--to", other, "--read", "--write"]);
            }
        }
        // The log begins with a first release; its key is there before.
        home.ok(&["log", "key"]);
        Self { name, home, server: None, port: 0 }
    }

    fn serve(&mut self) {
        // The same port after a restart: others know it.
        let server = Server::start_at(&self.home, &format!("127.0.0.1:{}", self.port));
        self.port = server.address.port();
        self.server = Some(server);
    }

    fn stop(&mut self) {
        drop(self.server.take());
    }

    fn knows(&self, other: &Nation) {
        let token = Token::create(&other.home, self.name, "member");
        let file = self.home.root().join(format!("token-{}", other.name));
        fs::write(&file, &token.token).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let url = format!("http://127.0.0.1:{}/taxii2/", other.port);
        let log = other.home.ok(&["log", "key"]).out.trim().to_owned();
        let witness = other.home.ok(&["witness", "key"]).out.trim().to_owned();
        let file = format!("token-{}", other.name);
        let add = [
            "peer",
            "add",
            other.name,
            "--url",
            &url,
            "--user",
            &token.id,
            "--token-file",
            &file,
            "--log-key",
            &log,
            "--witness-key",
            &witness,
        ];
        self.home.ok(&add);
        for collection in ["exchange", "shared"] {
            self.home.ok(&["peer", "push", other.name, collection, "--to", collection]);
        }
    }

    fn sync(&self) -> Vec<Value> {
        self.home.run(&["--json", "peer", "sync"]).json().as_array().unwrap().clone()
    }

    fn takedowns(&self) -> Vec<Value> {
        self.home.json(&["takedown", "list", "--all"]).as_array().unwrap().clone()
    }
}

fn event(day: &str, marker: &str) -> String {
    json!({"time.source": format!("{day}T10:00:00+00:00"), "source.ip": "198.51.100.7", "source.asn": 64500, "classification.type": "infected-system",
        "classification.taxonomy": "malicious-code", "malware.name": "mirai", "extra.note": marker})
    .to_string()
}

/// Every file of a home, also what is packed in its register.
fn holds(root: &Path, text: &str) -> Option<String> {
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).unwrap_or_default();
            let unpacked = zstd::stream::decode_all(&*bytes).unwrap_or_default();
            let found = |bytes: &[u8]| bytes.windows(text.len()).any(|part| part == text.as_bytes());
            if found(&bytes) || found(&unpacked) {
                return Some(path.display().to_string());
            }
        }
    }
    None
}

fn today(days: i64) -> String {
    let now = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * days);
    now.to_string()[..10].to_owned()
}

#[test]
fn a_takedown_crosses_the_border_and_its_outcome_comes_back() {
    let [mut a, mut b, mut c] = NATIONS.map(Nation::new);
    for nation in [&mut a, &mut b, &mut c] {
        nation.serve();
    }
    for (one, other) in [(&a, &b), (&a, &c), (&b, &a), (&b, &c), (&c, &a), (&c, &b)] {
        one.knows(other);
    }
    // What the circle may know, and what stays at home.
    a.home.write("green.jsonl", event(&today(3), "for the circle") + "\n");
    a.home.write("strict.jsonl", event(&today(2), MARKER) + "\n");
    a.home.ok(&["ingest", "--format", "intelmq", "--feed", "sinkhole", "--tlp", "GREEN", "green.jsonl"]);
    a.home.ok(&["ingest", "--format", "intelmq", "--feed", "own sensors", "--tlp", "AMBER+STRICT", "strict.jsonl"]);
    let strict = json!({"type": "indicator", "spec_version": "2.1", "id": "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
        "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z", "pattern": "[domain-name:value = 'x.example']",
        "pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z", "name": MARKER,
        "object_marking_refs": ["marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"]});
    let mut green = strict.clone();
    green["id"] = json!("indicator--a5e2e2d2-17d4-4cbf-938f-98ee46b3cd30");
    green["name"] = json!("for the circle");
    green["object_marking_refs"] = json!(["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"]);
    a.home.write(
        "bundle.json",
        json!({"type": "bundle", "id": "bundle--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f", "objects": [strict, green]}).to_string(),
    );
    a.home.ok(&["collection", "import", "shared", "bundle.json"]);

    let case = a.home.json(&["case", "open", "Mirai in B", "--key", "address 198.51.100.7 infected-system malware mirai"]);
    let case = case["id"].as_str().unwrap().to_owned();
    let asked = a.home.json(&["takedown", "request", "--case", &case, "--party", "nation-b", "--channel", "taxii", "--quiet-days", "2"]);
    assert_eq!(asked["state"], "requested");

    // B is down: nothing is lost, C gets what it may have meanwhile.
    b.stop();
    let away = a.sync();
    let of = |done: &[Value], party: &str| done.iter().find(|one| one["id"] == party).cloned().unwrap();
    assert!(of(&away, "nation-b")["error"].is_string(), "{away:?}");
    assert_eq!((of(&away, "nation-c")["given"].clone(), of(&away, "nation-c")["error"].clone()), (json!(1), Value::Null), "{away:?}");
    b.serve();
    let back = a.sync();
    assert_eq!(of(&back, "nation-b")["error"], Value::Null, "{back:?}");
    assert_eq!(of(&back, "nation-b")["given"], 2, "{back:?}");
    // Again: nothing is given twice.
    assert_eq!(of(&a.sync(), "nation-b")["given"], 0);

    // B reads its messages with its next exchange, and is killed while it does; the next one finishes.
    let mut child = b.home.command(&["peer", "sync"]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(40));
    child.kill().unwrap();
    child.wait().unwrap();
    b.home.run(&["peer", "sync"]);
    let theirs = b.takedowns();
    assert_eq!(theirs.len(), 1, "{theirs:?}");
    assert_eq!((theirs[0]["asked_by"].clone(), theirs[0]["their_id"].clone()), (json!("nation-a"), asked["id"].clone()));
    assert_eq!(b.home.number("SELECT count(*) FROM events"), 1);
    b.home.ok(&["peer", "sync"]);
    a.home.run(&["peer", "sync"]);
    let heard = &a.takedowns()[0];
    assert_eq!(heard["said"], "acknowledged", "{heard}");

    // B's provider is told in the ordinary way.
    let prepared = b.home.json(&["notice", "prepare"]);
    let notices = b.home.json(&["notice", "list"]);
    assert!(notices.as_array().unwrap().iter().any(|notice| notice["party"] == "isp-b"), "{prepared} {notices}");

    // B's own sinkhole saw it until three days ago, and has told of others since: quiet while a sensor watched.
    let mut seen = String::new();
    for days in [6, 5, 4, 3] {
        seen += &(event(&today(days), "seen by B") + "\n");
        seen += &(event(&today(days), "another").replace("198.51.100.7", "198.51.100.200") + "\n");
    }
    for days in [2, 1, 0] {
        seen += &(event(&today(days), "another").replace("198.51.100.7", "198.51.100.200") + "\n");
    }
    b.home.write("sinkhole-b.jsonl", seen);
    b.home.ok(&["ingest", "--format", "intelmq", "--feed", "sinkhole-b", "--tlp", "GREEN", "sinkhole-b.jsonl"]);
    let verified = b.home.json(&["takedown", "verify"]);
    let theirs = &b.takedowns()[0];
    assert_eq!(theirs["state"], "verified", "{verified} {theirs}");
    b.home.ok(&["peer", "sync"]);
    a.home.run(&["peer", "sync"]);
    let outcome = &a.takedowns()[0];
    let history = a.home.json(&["takedown", "show", outcome["id"].as_str().unwrap()]);
    assert!(history["history"].to_string().contains("verified"), "{history}");

    // Every receipt that was sent along verifies in a process of its own, by the key of the other's log.
    let policy = a.home.ok(&["log", "policy"]).out;
    for (nation, from) in [(&b, "nation-a"), (&c, "nation-a")] {
        let receipts = nation.home.json(&["peer", "receipts", from]);
        assert!(!receipts.as_array().unwrap().is_empty(), "{from} sent {} no receipt", nation.name);
        for receipt in receipts.as_array().unwrap() {
            let outside = Home::new();
            outside.write("policy", &policy);
            outside.write("proof", receipt["receipt"].as_str().unwrap());
            let checked = outside.json(&["receipt", "verify", "proof", "--policy", "policy"]);
            assert_eq!((checked["valid"].clone(), checked["to"].clone()), (json!(true), json!(nation.name)));
        }
    }
    // What B and C signed of A's log stands beside its checkpoint.
    let witnesses = a.home.json(&["log", "witness", "list"]);
    assert!(witnesses.as_array().unwrap().iter().all(|one| one["signed"].as_i64().unwrap_or(0) > 0), "{witnesses}");

    // The agreement ends: the flow stops at once, and says so.
    a.home.ok(&["agreement", "revoke", "circle"]);
    green["modified"] = json!("2026-02-01T00:00:00.000Z");
    a.home.write("later.json", json!({"objects": [green]}).to_string());
    a.home.ok(&["collection", "import", "shared", "later.json"]);
    for one in a.sync() {
        assert!(one["error"].as_str().unwrap().contains("no agreement in force"), "{one}");
    }
    // Nothing of what was to stay at home is anywhere else, in any file.
    for nation in [&b, &c] {
        assert_eq!(holds(&nation.home.root(), MARKER), None, "{}", nation.name);
    }
    assert!(holds(&a.home.root(), MARKER).is_some(), "the search would not find it");
    for nation in [&a, &b, &c] {
        nation.home.ok(&["log", "verify"]);
    }
}

/// A node that shows one history to B and another to C: whoever exchanges with it next catches it.
#[test]
fn a_node_with_two_histories_is_caught() {
    let [mut a, mut b, c] = NATIONS.map(Nation::new);
    a.serve();
    b.serve();
    a.knows(&b);
    let green = |n: u32| {
        json!({"objects": [{"type": "indicator", "spec_version": "2.1", "id": format!("indicator--a5e2e2d2-17d4-4cbf-938f-{n:012}"),
            "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z", "pattern": "[domain-name:value = 'x.example']",
            "pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z", "name": format!("{n}"),
            "object_marking_refs": ["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"]}]})
        .to_string()
    };
    b.home.ok(&["witness", "watch", a.home.ok(&["log", "key"]).out.trim()]);
    a.home.write("one.json", green(1));
    a.home.ok(&["collection", "import", "shared", "one.json"]);
    assert_eq!(a.sync()[0]["error"], Value::Null);
    // A copy of the home goes on by itself: another history under the same key.
    let copy = a.home.beside("copy");
    a.stop();
    copy_folder(&a.home.root(), &copy);
    a.home.write("two.json", green(2));
    a.home.ok(&["collection", "import", "shared", "two.json"]);
    let first = a.sync();
    assert_eq!((first[0]["error"].clone(), first[0]["signed"].clone()), (Value::Null, json!(true)), "{first:?}");
    a.home.write("three.json", green(3));
    let in_copy = |arguments: &[&str]| {
        let output = a.home.command_at(&copy, arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    };
    in_copy(&["collection", "import", "shared", "three.json"]);
    let caught = in_copy(&["peer", "sync"]);
    assert!(caught.contains("another checkpoint of the same size") || caught.contains("does not grow from"), "{caught}");
    drop(c);
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() { copy_folder(&path, &to) } else { assert!(fs::copy(&path, &to).is_ok()) }
    }
}
