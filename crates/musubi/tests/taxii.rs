//! TAXII: does every client see exactly what it may, all of it, once, and nothing else?

mod story;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use story::server::{Server, TAXII, Token};
use story::{Home, circle, python};

const AMBER_STRICT: &str = "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003";
const GREEN: &str = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb";
const CLEAR: &str = "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487";
const RED: &str = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1";

/// A server for the circle, with a collection that all may open.
struct Hub {
    home: Home,
    collection: String,
}

impl Hub {
    fn new(config: &str) -> Self {
        let home = circle::home();
        if !config.is_empty() {
            std::fs::write(home.root().join("config.toml"), config).unwrap();
        }
        let collection =
            home.json(&["collection", "add", "main", "--title", "Main", "--terms", "tlp:green"])["id"].as_str().unwrap().to_owned();
        for party in ["alpha", "beta", "outside", "us"] {
            home.ok(&["collection", "grant", "main", "--to", party, "--read", "--write"]);
        }
        Self { home, collection }
    }

    fn token(&self, party: &str) -> Token {
        Token::create(&self.home, party, "member")
    }

    fn path(&self, rest: &str) -> String {
        format!("/taxii2/root/collections/{}/{rest}", self.collection)
    }
}

fn uuid(number: u64) -> String {
    format!("{:08x}-0000-4000-8000-{number:012x}", number % 0xffff_ffff)
}

fn indicator(number: u64, second: u64, marking: Option<&str>, name: &str) -> Value {
    let mut object = json!({
        "type": "indicator", "spec_version": "2.1", "id": format!("indicator--{}", uuid(number)),
        "created": "2026-01-01T00:00:00.000Z", "modified": format!("2026-01-01T00:{:02}:{:02}.000Z", second / 60, second % 60),
        "pattern": "[ipv4-addr:value = '198.51.100.1']", "pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z", "name": name,
    });
    if let Some(marking) = marking {
        object["object_marking_refs"] = json!([marking]);
    }
    object
}

fn post(server: &Server, hub: &Hub, token: &Token, objects: &[Value]) -> Value {
    let answer = server.taxii(token, "POST", &hub.path("objects/"), json!({"objects": objects}).to_string().as_bytes());
    assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(&answer.body));
    answer.json()
}

fn encode(query: &str) -> String {
    query.replace('[', "%5B").replace(']', "%5D")
}

/// All that a walk by `next` gives, in pages of so many.
fn walk(server: &Server, hub: &Hub, token: &Token, query: &str, limit: usize) -> Vec<Value> {
    let (mut all, mut next) = (Vec::new(), String::new());
    loop {
        let path = hub.path(&encode(&format!("objects/?limit={limit}{query}{next}")));
        let answer = server.get(token, &path);
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
        let page = answer.json();
        let objects = page["objects"].as_array().cloned().unwrap_or_default();
        assert!(objects.len() <= limit);
        all.extend(objects);
        match page["next"].as_str() {
            Some(cursor) => {
                assert_eq!(page["more"], true);
                next = format!("&next={cursor}");
            }
            None => return all,
        }
    }
}

/// All that a walk by `added_after` gives.
fn walk_by_time(server: &Server, hub: &Hub, token: &Token, limit: usize) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let answer = server.get(token, &hub.path(&encode(&format!("objects/?limit={limit}&match[version]=all{after}"))));
        let page = answer.json();
        all.extend(page["objects"].as_array().cloned().unwrap_or_default());
        if page["more"] != true {
            return all;
        }
        after = format!("&added_after={}", answer.header("X-TAXII-Date-Added-Last").unwrap());
    }
}

fn names(objects: &[Value]) -> Vec<String> {
    objects.iter().map(|object| object["name"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn each_party_sees_what_terms_and_agreements_let_it_see() {
    let hub = Hub::new("");
    let server = Server::start(&hub.home);
    let [alpha, beta, outside, us] = ["alpha", "beta", "outside", "us"].map(|party| hub.token(party));
    let objects = [
        indicator(1, 0, Some(CLEAR), "clear"),
        indicator(2, 0, Some(GREEN), "green"),
        indicator(3, 0, Some(AMBER_STRICT), "strict"),
        indicator(4, 0, Some(RED), "red"),
        indicator(5, 0, None, "unmarked"),
    ];
    let status = post(&server, &hub, &alpha, &objects);
    assert_eq!((status["success_count"].as_u64(), status["failure_count"].as_u64()), (Some(5), Some(0)), "{status}");
    let sees = |token: &Token| names(&walk(&server, &hub, token, "", 2));
    // Who gave it has it; the default of the collection is GREEN.
    assert_eq!(sees(&alpha), ["clear", "green", "strict", "red", "unmarked"]);
    assert_eq!(sees(&beta), ["clear", "green", "unmarked"]);
    assert_eq!(sees(&outside), ["clear"]);
    assert_eq!(sees(&us), ["clear", "green", "strict", "unmarked"]);
    // Nothing of what is hidden is told in another way.
    let strict = format!("objects/indicator--{}/", uuid(3));
    for path in [strict.clone(), format!("{strict}versions/"), format!("objects/indicator--{}/", uuid(999))] {
        let answer = server.get(&beta, &hub.path(&path));
        assert_eq!((answer.status, answer.json()["description"].clone()), (404, json!("there is no such object")), "{path}");
    }
    let manifest = server.get(&beta, &hub.path("manifest/?limit=3")).json();
    assert_eq!(
        (manifest["objects"].as_array().unwrap().len(), manifest["more"].clone(), manifest["next"].clone()),
        (3, Value::Null, Value::Null)
    );
    assert_eq!(server.taxii(&beta, "DELETE", &hub.path(&strict), b"").status, 404);
    // Somebody else's status is not there, and what was given by another cannot be taken back.
    let id = status["id"].as_str().unwrap();
    assert_eq!(server.get(&alpha, &format!("/taxii2/root/status/{id}/")).status, 200);
    assert_eq!(server.get(&beta, &format!("/taxii2/root/status/{id}/")).status, 404);
    assert_eq!(server.taxii(&beta, "DELETE", &hub.path(&format!("objects/indicator--{}/", uuid(2))), b"").status, 403);
    // A hidden object with the same id and version is no conflict, and beta's own is shown to those who do not see alpha's.
    let beta_says = post(&server, &hub, &beta, &[indicator(3, 0, Some(CLEAR), "beta's")]);
    assert_eq!(beta_says["success_count"], 1, "{beta_says}");
    assert_eq!(sees(&beta), ["clear", "green", "unmarked", "beta's"]);
    assert_eq!(sees(&outside), ["clear", "beta's"]);
    assert_eq!(sees(&alpha), ["clear", "green", "strict", "red", "unmarked"]);
    // Where both are seen, the second is a conflict.
    let conflict = post(&server, &hub, &beta, &[indicator(2, 0, Some(GREEN), "another")]);
    assert_eq!(
        (conflict["failure_count"].clone(), conflict["failures"][0]["id"].clone()),
        (json!(1), json!(format!("indicator--{}", uuid(2))))
    );
    // The last version is the last that one sees.
    post(&server, &hub, &alpha, &[indicator(2, 5, Some(AMBER_STRICT), "green, but secret now")]);
    assert_eq!(sees(&beta), ["clear", "green", "unmarked", "beta's"]);
    assert!(sees(&alpha).contains(&"green, but secret now".to_owned()));
    // An agreement that ends stops the flow with the next request.
    hub.home.ok(&["agreement", "revoke", "circle"]);
    assert_eq!(sees(&beta), ["clear", "beta's"]);
    let who = hub.home.json(&["collection", "who", "main", &format!("indicator--{}", uuid(2))]);
    let parties: BTreeSet<&str> = who.as_array().unwrap().iter().map(|one| one["party"].as_str().unwrap()).collect();
    assert_eq!(parties, BTreeSet::from(["alpha", "beta"]));
    assert!(server.stop());
    hub.home.ok(&["log", "verify"]);
    hub.home.ok(&["doctor"]);
}

#[test]
fn what_is_taken_back_stays_away_and_what_is_revoked_is_told() {
    let hub = Hub::new("");
    let server = Server::start(&hub.home);
    let [alpha, beta] = ["alpha", "beta"].map(|party| hub.token(party));
    post(&server, &hub, &alpha, &[indicator(1, 0, Some(GREEN), "first"), indicator(2, 0, Some(GREEN), "second")]);
    let seen = server.get(&beta, &hub.path("objects/"));
    let last = seen.header("X-TAXII-Date-Added-Last").unwrap().to_owned();
    let mut revoked = indicator(1, 9, Some(GREEN), "first");
    revoked["revoked"] = json!(true);
    post(&server, &hub, &alpha, &[revoked]);
    let news = server.get(&beta, &hub.path(&format!("objects/?added_after={last}"))).json();
    assert_eq!((news["objects"].as_array().unwrap().len(), news["objects"][0]["revoked"].clone()), (1, json!(true)));
    let second = hub.path(&format!("objects/indicator--{}/", uuid(2)));
    assert_eq!(server.taxii(&alpha, "DELETE", &second, b"").status, 200);
    assert_eq!(server.get(&beta, &second).status, 404);
    let again = post(&server, &hub, &alpha, &[indicator(2, 0, Some(GREEN), "second")]);
    assert!(again["failures"][0]["message"].as_str().unwrap().contains("withdrawn"), "{again}");
    // Whoever listens hears of both, and nothing of what it may not see.
    post(&server, &hub, &alpha, &[indicator(7, 0, Some(RED), "red")]);
    let stream = read_stream(&server, &beta, &hub.path(&format!("stream/?added_after={last}")));
    assert!(stream.contains("event: object") && stream.contains("event: withdrawn") && stream.contains(&uuid(2)), "{stream}");
    assert!(!stream.contains(&uuid(7)), "{stream}");
}

/// What a stream says at first.
fn read_stream(server: &Server, token: &Token, path: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: Bearer {}\r\n\r\n", token.token);
    stream.write_all(head.as_bytes()).unwrap();
    let (mut text, mut buffer) = (String::new(), [0; 65_536]);
    while !text.contains("event: withdrawn") {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "the stream ended: {text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    text
}

#[test]
fn large_requests_are_worked_on_also_after_a_kill() {
    let hub = Hub::new("");
    let server = Server::start(&hub.home);
    let alpha = hub.token("alpha");
    let objects: Vec<Value> = (0..6000).map(|n| indicator(n, 0, None, &format!("n{n}"))).collect();
    let status = post(&server, &hub, &alpha, &objects);
    assert_eq!((status["status"].clone(), status["pending_count"].clone()), (json!("pending"), json!(6000)));
    server.kill();
    let server = Server::start(&hub.home);
    let path = format!("/taxii2/root/status/{}/", status["id"].as_str().unwrap());
    let end = Instant::now() + Duration::from_secs(60);
    let done = loop {
        let now = server.get(&alpha, &path).json();
        if now["status"] == "complete" || Instant::now() > end {
            break now;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(
        (done["status"].clone(), done["success_count"].clone(), done["failure_count"].clone()),
        (json!("complete"), json!(6000), json!(0))
    );
    assert_eq!(walk(&server, &hub, &alpha, "", 1000).len(), 6000);
}

#[test]
fn what_was_given_before_a_kill_is_in_the_log() {
    let hub = Hub::new("");
    let [alpha, beta] = ["alpha", "beta"].map(|party| hub.token(party));
    let object = format!("indicator--{}", uuid(1));
    let (mut given, mut left_behind) = (0, 0);
    for round in 0..4 {
        let server = Server::start(&hub.home);
        if round == 0 {
            post(&server, &hub, &alpha, &[indicator(1, 0, Some(GREEN), "first")]);
        }
        for _ in 0..=round {
            assert_eq!(server.get(&beta, &hub.path(&format!("objects/{object}/"))).status, 200);
            given += 1;
        }
        // A living server enters what it gave while another program waits for it; a dead one leaves it to that program.
        if round % 2 == 0 {
            assert_eq!(hub.home.json(&["collection", "who", "main", &object]).as_array().unwrap().len(), given);
        }
        assert_eq!(server.get(&beta, &hub.path(&format!("objects/{object}/versions/"))).status, 200);
        given += 1;
        server.kill();
        left_behind += std::fs::read_dir(hub.home.root().join("journal")).unwrap().count();
        if round % 2 == 1 {
            let who = hub.home.json(&["collection", "who", "main", &object]);
            assert_eq!(who.as_array().unwrap().len(), given, "{who}");
        }
    }
    assert_eq!(left_behind, 4);
    assert_eq!(hub.home.json(&["log", "verify"])["entries"], json!(given));
    assert_eq!(std::fs::read_dir(hub.home.root().join("journal")).unwrap().count(), 0);
    hub.home.ok(&["doctor"]);
}

#[test]
fn whoever_is_unknown_asks_too_much_or_speaks_badly_hears_so_in_taxii() {
    let hub = Hub::new("[serve]\nrequests_per_second = 5\nlargest_body = 20000\n");
    let server = Server::start(&hub.home);
    let alpha = hub.token("alpha");
    let reader = Token::create(&hub.home, "beta", "reader");
    let good = indicator(1, 0, None, "x").to_string();
    let envelope = format!("{{\"objects\":[{good}]}}");
    let wrong = Token { id: alpha.id.clone(), token: "wrong".to_owned() };
    let objects = hub.path("objects/");
    let cases: Vec<(u16, story::server::Answer)> = vec![
        (401, server.request("GET", &objects, &[("Accept", TAXII)], b"")),
        (401, server.get(&wrong, &objects)),
        (404, server.get(&alpha, "/taxii2/root/nothing/")),
        (404, server.get(&alpha, "/taxii2/other/collections/")),
        (405, server.taxii(&alpha, "PUT", &objects, b"{}")),
        (400, server.taxii(&alpha, "POST", &objects, b"{\"objects\":[")),
        (413, server.taxii(&alpha, "POST", &objects, &vec![b' '; 30_000])),
        (403, server.taxii(&reader, "POST", &objects, envelope.as_bytes())),
        (400, server.get(&reader, &hub.path("objects/?limit=0"))),
    ];
    for (status, answer) in &cases {
        assert_eq!(answer.status, *status, "{answer:?}");
        assert_eq!(answer.header("content-type"), Some(TAXII), "{answer:?}");
        let body = answer.json();
        assert!(body["title"].is_string() && body["http_status"] == json!(status.to_string()), "{body}");
    }
    assert!(cases[0].1.header("www-authenticate").unwrap().contains("Basic"));
    let many: Vec<u16> = (0..40).map(|_| server.get(&alpha, &objects).status).collect();
    assert!(many.contains(&429), "{many:?}");
    let slow = server.get(&alpha, &objects);
    if slow.status == 429 {
        assert!(slow.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
    }
}

#[test]
fn a_body_may_come_and_go_packed_but_not_burst() {
    let hub = Hub::new("[serve]\nlargest_body = 100000\n");
    let server = Server::start(&hub.home);
    let alpha = hub.token("alpha");
    let bearer = format!("Bearer {}", alpha.token);
    let objects: Vec<Value> = (0..100).map(|n| indicator(n, 0, None, "packed")).collect();
    let body = zstd::bulk::compress(json!({"objects": objects}).to_string().as_bytes(), 3).unwrap();
    let headers = [("Accept", TAXII), ("Content-Type", TAXII), ("Authorization", bearer.as_str()), ("Content-Encoding", "zstd")];
    assert_eq!(server.request("POST", &hub.path("objects/"), &headers, &body).status, 202);
    let bomb = zstd::bulk::compress(&vec![b' '; 50_000_000], 3).unwrap();
    assert_eq!(server.request("POST", &hub.path("objects/"), &headers, &bomb).status, 413);
    let plain = server.get(&alpha, &hub.path("objects/"));
    let packed = server.request(
        "GET",
        &hub.path("objects/"),
        &[("Accept", TAXII), ("Authorization", &bearer), ("Accept-Encoding", "zstd, gzip")],
        b"",
    );
    assert_eq!(packed.header("content-encoding"), Some("zstd"));
    assert_eq!(zstd::bulk::decompress(&packed.body, 1 << 20).unwrap(), plain.body);
    let etag = plain.header("etag").unwrap().to_owned();
    let known =
        server.request("GET", &hub.path("objects/"), &[("Accept", TAXII), ("Authorization", &bearer), ("If-None-Match", &etag)], b"");
    assert_eq!((known.status, known.body.len()), (304, 0));
}

#[test]
fn a_client_of_oasis_lists_pages_filters_posts_and_deletes() {
    let python = match python::with("taxii-python", &["taxii2-client"], "import taxii2client.v21") {
        Ok(python) => python,
        Err(reason) => return eprintln!("skipped: taxii2-client cannot be had: {reason}"),
    };
    let hub = Hub::new("");
    let server = Server::start(&hub.home);
    let alpha = hub.token("alpha");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/taxii_client.py");
    let base = format!("http://{}", server.address);
    let output =
        Command::new("timeout").arg("60").arg(python).arg(script).args([&base, &hub.collection, &alpha.id, &alpha.token]).output().unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_probe_written_from_the_specification_passes_in_full() {
    let probe = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/bench/taxii/taxii_probe.py");
    if !probe.exists() {
        return eprintln!("skipped: {} is not there", probe.display());
    }
    let hub = Hub::new("");
    let server = Server::start(&hub.home);
    let alpha = hub.token("alpha");
    let root = format!("http://{}/taxii2/root/", server.address);
    let output = Command::new("python3").arg(&probe).args([&root, &hub.collection, &alpha.id, &alpha.token]).output();
    let output = match output {
        Ok(output) => output,
        Err(error) => return eprintln!("skipped: python3: {error}"),
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let failed: Vec<&str> = text.lines().filter(|line| line.starts_with("FAIL")).collect();
    assert!(failed.is_empty() && text.contains("TOTAL 74/74"), "{failed:#?} {}", String::from_utf8_lossy(&output.stderr));
}

const WRITERS: u64 = 4;

/// Everybody walks while everybody writes: what a caller sees by `next`, by `added_after` and at once is the same, and never another's.
/// `MUSUBI_TAXII_SECONDS` (6) and `MUSUBI_TAXII_READERS` (16) make it longer and wider; `MUSUBI_TAXII_RESULT` names a file for the result.
#[test]
fn under_many_readers_and_writers_nothing_is_lost_doubled_or_shown_to_another() {
    let seconds: u64 = std::env::var("MUSUBI_TAXII_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    let reading: usize = std::env::var("MUSUBI_TAXII_READERS").ok().and_then(|text| text.parse().ok()).unwrap_or(16);
    let hub = Arc::new(Hub::new("[serve]\nrequests_per_second = 100000\n"));
    let server = Arc::new(Server::start(&hub.home));
    let tokens: Arc<BTreeMap<&str, Token>> = Arc::new(["alpha", "beta", "outside"].map(|party| (party, hub.token(party))).into());
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (hub, server, tokens, stop) = (Arc::clone(&hub), Arc::clone(&server), Arc::clone(&tokens), Arc::clone(&stop));
            std::thread::spawn(move || {
                let mut written: Vec<(&str, String)> = Vec::new();
                let giver = if writer % 2 == 0 { "alpha" } else { "beta" };
                for round in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let objects: Vec<Value> = (0..20)
                        .map(|n| {
                            let number = (writer + 1) * 1_000_000 + round * 20 + n;
                            let (marking, label) = [(CLEAR, "clear"), (GREEN, "green"), (AMBER_STRICT, "strict")][(n % 3) as usize];
                            indicator(number, 0, Some(marking), &format!("{giver}-{label}-{number}"))
                        })
                        .collect();
                    let status = post(&server, &hub, &tokens[giver], &objects);
                    assert_eq!(status["success_count"], 20, "{status}");
                    written.extend(names(&objects).into_iter().map(|name| (giver, name)));
                }
                written
            })
        })
        .collect();
    let parties = ["alpha", "beta", "outside"];
    let readers: Vec<_> = (0..reading)
        .map(|reader| {
            let (hub, server, tokens, stop) = (Arc::clone(&hub), Arc::clone(&server), Arc::clone(&tokens), Arc::clone(&stop));
            std::thread::spawn(move || {
                let party = parties[reader % parties.len()];
                let mut walks = 0;
                while !stop.load(Ordering::Relaxed) {
                    let seen = names(&walk(&server, &hub, &tokens[party], "", 97));
                    let distinct: BTreeSet<&String> = seen.iter().collect();
                    assert_eq!(distinct.len(), seen.len(), "{party} saw something twice");
                    assert!(seen.iter().all(|name| may_see(party, name)), "{party} saw what it may not");
                    walks += 1;
                }
                walks
            })
        })
        .collect();
    std::thread::sleep(Duration::from_secs(seconds));
    stop.store(true, Ordering::Relaxed);
    let written: Vec<String> = writers.into_iter().flat_map(|writer| writer.join().unwrap()).map(|(_, name)| name).collect();
    let walks: usize = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
    assert!(walks > 0 && !written.is_empty());
    for party in parties {
        let expected: BTreeSet<String> = written.iter().filter(|name| may_see(party, name)).cloned().collect();
        let by_next: Vec<String> = names(&walk(&server, &hub, &tokens[party], "&match[version]=all", 101));
        let by_time: Vec<String> = names(&walk_by_time(&server, &hub, &tokens[party], 103));
        let at_once: Vec<String> = names(&walk(&server, &hub, &tokens[party], "", 5000));
        assert_eq!(by_next, by_time, "{party}");
        assert_eq!(by_next, at_once, "{party}");
        assert_eq!(by_next.iter().cloned().collect::<BTreeSet<_>>(), expected, "{party}");
        assert_eq!(by_next.len(), expected.len(), "{party}");
    }
    if let Some(path) = std::env::var_os("MUSUBI_TAXII_RESULT") {
        let result = json!({
            "command": format!("MUSUBI_TAXII_SECONDS={seconds} MUSUBI_TAXII_READERS={reading} cargo test -p musubi --test taxii under_many"),
            "build": if cfg!(debug_assertions) { "debug" } else { "release" }, "seconds": seconds, "readers": reading, "writers": WRITERS,
            "objects": written.len(), "walks": walks, "lost": 0, "doubled": 0, "shown_to_another": 0,
        });
        std::fs::write(path, serde_json::to_string_pretty(&result).unwrap() + "\n").unwrap();
    }
}

fn may_see(party: &str, name: &str) -> bool {
    name.starts_with(party) || name.contains("-clear-") || (name.contains("-green-") && party != "outside")
}
