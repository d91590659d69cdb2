//! MISP: do PyMISP and a synchronising MISP find what they ask for, and does each see only what it may?

mod story;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use story::server::{Answer, Server, Token};
use story::{Home, circle, python};

const UUID: &str = "57c6ac4c-c60c-4f79-a38f-b666950d210f";
const ATTRIBUTE: &str = "57c6ac4c-0000-4f79-a38f-b666950d2101";

/// The circle, and the collection of events when it is wanted.
fn hub(collection: bool) -> Home {
    let home = circle::home();
    if collection {
        home.ok(&["collection", "add", "misp", "--title", "MISP events"]);
        for party in ["us", "alpha", "beta", "outside"] {
            home.ok(&["collection", "grant", "misp", "--to", party, "--read", "--write"]);
        }
    }
    home
}

fn ask(server: &Server, token: &Token, method: &str, path: &str, body: &Value) -> Answer {
    let headers = [("Authorization", token.token.as_str()), ("Accept", "application/json"), ("Content-Type", "application/json")];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    server.request(method, &format!("/misp{path}"), &headers, body.as_bytes())
}

/// A complete event, as another MISP pushes it.
fn event(timestamp: u64, tlp: &str, value: &str) -> Value {
    json!({"Event": {"uuid": UUID, "info": "Malspam", "date": "2026-03-23", "timestamp": timestamp.to_string(), "published": true, "analysis": "2",
        "threat_level_id": "2", "distribution": "3", "Orgc": {"name": "CIRCL", "uuid": "55f6ea5e-2c60-40e5-964f-47a8950d210f"}, "Tag": [{"name": tlp}],
        "Attribute": [{"uuid": ATTRIBUTE, "type": "domain", "category": "Network activity", "to_ids": true, "value": value, "timestamp": timestamp.to_string()}],
        "kept": ["what nobody knows"]}})
}

/// Runs a script of PyMISP as two parties; `None` where it cannot be had.
fn with_pymisp(script: &str, seconds: &str) -> Option<(Home, Server)> {
    let python = match python::with("misp-python", &["pymisp"], "import pymisp") {
        Ok(python) => python,
        Err(reason) => {
            eprintln!("skipped: PyMISP cannot be had: {reason}");
            return None;
        }
    };
    let home = hub(true);
    let server = Server::start(&home);
    let (alpha, beta) = (Token::create(&home, "alpha", "member"), Token::create(&home, "beta", "member"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(script);
    let base = format!("http://{}/misp/", server.address);
    let output = Command::new("timeout").arg(seconds).arg(python).arg(script).args([&base, &alpha.token, &beta.token]).output().unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Some((home, server))
}

#[test]
fn pymisp_adds_searches_tags_sights_edits_and_deletes_and_sees_only_what_it_may() {
    let Some((home, server)) = with_pymisp("misp_client.py", "120") else { return };
    assert!(server.stop());
    home.ok(&["log", "verify"]);
}

#[test]
fn every_filter_of_pymisp_that_we_offer_finds_what_it_says() {
    with_pymisp("misp_search.py", "240");
}

/// What MISP 2.5 asks for when it pushes to us and pulls from us.
#[test]
fn a_misp_pushes_pulls_and_nothing_changes_on_the_way() {
    let home = hub(true);
    let server = Server::start(&home);
    let alpha = Token::create(&home, "alpha", "member");
    let go = |method: &str, path: &str, body: Value| ask(&server, &alpha, method, path, &body);
    let version = go("GET", "/servers/getVersion", Value::Null).json();
    assert!(version["version"].as_str().unwrap().starts_with("2.5.") && version["perm_sync"] == true, "{version}");
    assert_eq!(go("POST", "/servers/postTest", json!({"testString": "x"})).json()["body"]["testString"], "x");
    assert_eq!(go("GET", "/users/view/me.json", Value::Null).json()["Role"]["perm_sync"], true);
    let candidates = json!([{"Event": {"uuid": UUID, "timestamp": "1700000000"}}]);
    assert_eq!(go("POST", "/events/filterEventIdsForPush", candidates.clone()).json(), json!([UUID]));
    assert_eq!(go("HEAD", &format!("/events/view/{UUID}"), Value::Null).status, 404);
    let sent = event(1_700_000_000, "tlp:green", "evil.example");
    assert_eq!(go("POST", "/events/add/metadata:1", sent.clone()).status, 200);
    assert_eq!(go("HEAD", &format!("/events/view/{UUID}"), Value::Null).status, 200);
    assert_eq!(go("POST", "/events/filterEventIdsForPush", candidates).json(), json!([]));
    assert_eq!(go("POST", &format!("/events/edit/{UUID}/metadata:1"), sent.clone()).status, 200);
    let older = event(1_600_000_000, "tlp:green", "older.example");
    assert_eq!(go("POST", &format!("/events/edit/{UUID}/metadata:1"), older).status, 403);
    let sighting =
        json!([{"uuid": "77c6ac4c-c60c-4f79-a38f-b666950d210f", "attribute_uuid": ATTRIBUTE, "type": "0", "date_sighting": "1700000005"}]);
    let filter = format!("/sightings/filterSightingUuidsForPush/{UUID}");
    assert_eq!(go("POST", &filter, json!([sighting[0]["uuid"]])).json(), json!([sighting[0]["uuid"]]));
    assert_eq!(go("POST", &format!("/sightings/bulkSaveSightings/{UUID}"), sighting.clone()).status, 200);
    assert_eq!(go("POST", &filter, json!([sighting[0]["uuid"]])).json(), json!([]));
    // And back.
    let index = go("POST", "/events/index", json!({"minimal": 1, "published": 1}));
    assert_eq!((index.json()[0]["uuid"].clone(), index.json()[0]["sighting_timestamp"].clone()), (json!(UUID), json!("1700000005")));
    let etag = index.header("etag").unwrap().to_owned();
    let headers = [("Authorization", alpha.token.as_str()), ("If-None-Match", etag.as_str())];
    let again = server.request("POST", "/misp/events/index", &headers, br#"{"minimal":1,"published":1}"#);
    assert_eq!((again.status, again.body.len()), (304, 0));
    let path = format!(
        "/events/view/{UUID}/deleted[]:0/deleted[]:1/excludeGalaxy:1/includeEventCorrelations:0/includeFeedCorrelations:0/includeWarninglistHits:0/excludeLocalTags:1"
    );
    let back = go("GET", &path, Value::Null).json();
    for key in ["uuid", "info", "date", "timestamp", "distribution", "kept"] {
        assert_eq!(back["Event"][key], sent["Event"][key], "{key}");
    }
    assert_eq!(back["Event"]["Orgc"]["name"], "CIRCL");
    assert_eq!(back["Event"]["Attribute"][0]["Sighting"][0]["date_sighting"], "1700000005");
    let none = "/shadow_attributes/index/all:1/timestamp:1700000000/limit:1000/page:1/deleted[]:0/deleted[]:1.json";
    assert_eq!(go("GET", none, Value::Null).json(), json!([]));
    let asked = json!({"returnFormat": "json", "last": 0, "includeUuid": true, "uuid": [UUID]});
    assert_eq!(go("POST", "/sightings/restSearch/event", asked).json()["response"].as_array().unwrap().len(), 1);
    // Kept byte for byte, within an object that TAXII shows too.
    let taxii = server.get(&alpha, "/taxii2/root/collections/misp/objects/?match%5Btype%5D=x-misp-event");
    assert!(String::from_utf8_lossy(&taxii.body).contains(&sent.to_string()), "{}", String::from_utf8_lossy(&taxii.body));
}

#[test]
fn each_answer_is_decided_by_terms_and_told_in_the_log() {
    let home = hub(true);
    let server = Server::start(&home);
    let [alpha, beta, outside] = ["alpha", "beta", "outside"].map(|party| Token::create(&home, party, "member"));
    let sees = |token: &Token| ask(&server, token, "GET", &format!("/events/view/{UUID}"), &Value::Null).status;
    assert_eq!(ask(&server, &alpha, "POST", "/events/add", &event(1_700_000_000, "tlp:green", "evil.example")).status, 200);
    assert_eq!([sees(&alpha), sees(&beta), sees(&outside)], [200, 200, 404]);
    let hidden = ask(&server, &outside, "GET", &format!("/events/view/{UUID}"), &Value::Null).json();
    let nowhere = ask(&server, &outside, "GET", "/events/view/00000000-0000-4000-8000-000000000000", &Value::Null).json();
    assert_eq!((&hidden["message"], &hidden["errors"]), (&nowhere["message"], &nowhere["errors"]));
    // The feed of each is made of what it may see.
    let feed = |token: &Token, file: &str| ask(&server, token, "GET", &format!("/feed/{file}"), &Value::Null);
    assert_eq!(feed(&beta, "manifest.json").json().as_object().unwrap().len(), 1);
    assert_eq!(feed(&outside, "manifest.json").json(), json!({}));
    assert_eq!(feed(&beta, "hashes.csv").body, format!("96119eb3210daa472225fbad69fa9770,{UUID}\n").as_bytes());
    assert_eq!(feed(&beta, &format!("{UUID}.json")).json()["Event"]["Attribute"][0]["value"], "evil.example");
    assert_eq!(feed(&outside, &format!("{UUID}.json")).status, 404);
    // A revoked agreement stops it with the next request.
    home.ok(&["agreement", "revoke", "circle"]);
    assert_eq!([sees(&alpha), sees(&beta)], [200, 404]);
    let who = home.json(&["collection", "who", "misp", &format!("x-misp-event--{UUID}")]);
    let who: Vec<&str> = who.as_array().unwrap().iter().map(|one| one["party"].as_str().unwrap()).collect();
    assert!(who.contains(&"beta") && !who.contains(&"outside"), "{who:?}");
    assert!(server.stop());
    home.ok(&["log", "verify"]);
}

#[test]
fn whoever_asks_badly_or_without_a_key_hears_so_as_misp_says_it() {
    let home = hub(false);
    let server = Server::start(&home);
    let alpha = Token::create(&home, "alpha", "member");
    let wrong = Token { id: alpha.id.clone(), token: "wrong".to_owned() };
    let cases = [
        (403, ask(&server, &wrong, "GET", "/servers/getVersion", &Value::Null), "Authentication failed"),
        (404, ask(&server, &alpha, "POST", "/events/restSearch", &json!({})), "musubi collection add misp"),
        (404, ask(&server, &alpha, "GET", "/galaxies/index", &Value::Null), "not found"),
        (400, ask(&server, &alpha, "POST", "/servers/postTest", &Value::Null), "EOF"),
        (405, ask(&server, &alpha, "GET", "/events/add", &Value::Null), "POST"),
    ];
    for (status, answer, words) in &cases {
        assert_eq!(answer.status, *status, "{answer:?}");
        assert!(answer.json()["message"].as_str().unwrap().contains(words), "{answer:?}");
    }
    assert_eq!(ask(&server, &alpha, "GET", "/servers/getVersion", &Value::Null).status, 200);
}

/// The same fifteen requests with a real event, from the measurements of MISP, when they are here.
#[test]
fn the_replayed_synchronisation_of_a_misp_is_answered_in_full() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let script = shared.join("bench/misp/synctest.py");
    if !script.exists() {
        return eprintln!("skipped: {} is not there", script.display());
    }
    let python = match python::with("misp-python", &["pymisp"], "import pymisp, requests") {
        Ok(python) => python,
        Err(reason) => return eprintln!("skipped: requests cannot be had: {reason}"),
    };
    let home = hub(true);
    let server = Server::start(&home);
    let alpha = Token::create(&home, "alpha", "member");
    // What the script takes for its own mock is this server.
    let stand_in = format!(
        "import requests\nKEY, NF = {:?}, {{}}\nclass Here:\n    server_address = ('127.0.0.1', {})\ndef serve(port): return Here\nplain = requests.request\n\
         def below(method, url, **more): return plain(method, url.replace(':{1}/', ':{1}/misp/'), **more)\nrequests.request = below\n",
        alpha.token,
        server.address.port()
    );
    home.write("run/mock_misp.py", stand_in);
    std::os::unix::fs::symlink(shared.join("data").canonicalize().unwrap(), home.beside("data")).unwrap();
    let output = Command::new("timeout").arg("60").arg(python).arg(script).current_dir(home.beside("run")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let requests = text.lines().filter(|line| [" GET /", " POST /", " HEAD /"].iter().any(|method| line.contains(method)));
    let codes: Vec<&str> = requests.filter_map(|line| line.split(' ').rev().nth(1)).collect();
    let mut expected = vec!["200"; 15];
    (expected[4], expected[11]) = ("404", "304");
    assert_eq!(codes, expected, "{text}");
}

/// A web server that knows a folder, and when its files were written; how often it said that nothing had changed.
fn web(folder: PathBuf) -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, unchanged) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&unchanged);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = [0; 4096];
            let length = stream.read(&mut asked).unwrap_or(0);
            let head = String::from_utf8_lossy(&asked[..length]).into_owned();
            let path = folder.join(head.split(' ').nth(1).unwrap_or_default().rsplit('/').next().unwrap_or_default());
            let written = std::fs::metadata(&path).and_then(|file| file.modified()).ok();
            // Finer than a date in HTTP, for a test is faster than a second.
            let written = format!("{:?}", written.map(|at| at.duration_since(std::time::UNIX_EPOCH).unwrap()));
            let known = head.lines().find_map(|line| line.to_lowercase().strip_prefix("if-modified-since: ").map(str::to_owned));
            let (status, body) = match std::fs::read(&path) {
                Ok(_) if known.is_some_and(|known| known == written.to_lowercase()) => {
                    count.fetch_add(1, Ordering::Relaxed);
                    ("304 Not Modified", Vec::new())
                }
                Ok(body) => ("200 OK", body),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            let more = format!("Content-Length: {}\r\nLast-Modified: {written}\r\nConnection: close\r\n\r\n", body.len());
            let _ = write!(stream, "HTTP/1.1 {status}\r\n{more}");
            let _ = stream.write_all(&body);
        }
    });
    (address, unchanged)
}

#[test]
fn a_feed_is_taken_once_and_what_changed_is_taken_again() {
    let home = hub(true);
    let server = Server::start(&home);
    let [alpha, beta] = ["alpha", "beta"].map(|party| Token::create(&home, party, "member"));
    let folder = home.beside("feed");
    std::fs::create_dir(&folder).unwrap();
    let publish = |timestamp, value| {
        let path = if timestamp == 1_700_000_000 { "/events/add".to_owned() } else { format!("/events/edit/{UUID}") };
        assert_eq!(ask(&server, &alpha, "POST", &path, &event(timestamp, "tlp:green", value)).status, 200);
        for file in ["manifest.json", &format!("{UUID}.json")] {
            std::fs::write(folder.join(file), ask(&server, &beta, "GET", &format!("/feed/{file}"), &Value::Null).body).unwrap();
        }
    };
    publish(1_700_000_000, "evil.example");
    let other = hub(true);
    let (address, unchanged) = web(folder.clone());
    let url = format!("http://{address}/feed");
    let pull = |source: &str| other.json(&["feed", "pull", source, "--from", "alpha"]);
    let told = pull(&url);
    assert_eq!((&told["read"], &told["stored"], &told["rejected"]), (&json!(1), &json!(1), &json!(0)), "{told}");
    let again = pull(&url);
    assert_eq!((&again["read"], &again["unchanged"], unchanged.load(Ordering::Relaxed)), (&json!(0), &json!(true), 1), "{again}");
    publish(1_700_000_060, "changed.example");
    assert_eq!(pull(folder.to_str().unwrap())["stored"], 1);
    // The label of the feed holds there too.
    let there = Server::start(&other);
    let [beta, outside] = ["beta", "outside"].map(|party| Token::create(&other, party, "member"));
    let seen = ask(&there, &beta, "GET", &format!("/events/view/{UUID}"), &Value::Null).json();
    assert_eq!(seen["Event"]["Attribute"][0]["value"], "changed.example");
    assert_eq!(ask(&there, &outside, "GET", &format!("/events/view/{UUID}"), &Value::Null).status, 404);
    // A file that is not the one of the manifest is set aside, and nothing else.
    publish(1_700_000_120, "last.example");
    std::fs::write(folder.join(format!("{UUID}.json")), "{}").unwrap();
    assert_eq!(pull(&url)["rejected"], 1);
    // What could not be taken is asked for again though the manifest is the same, and taken once it is there.
    assert_eq!((pull(&url)["rejected"].as_i64(), unchanged.load(Ordering::Relaxed)), (Some(1), 1));
    publish(1_700_000_120, "last.example");
    assert_eq!((pull(&url)["stored"].as_i64(), pull(&url)["unchanged"].as_bool()), (Some(1), Some(true)));
}

#[test]
fn a_feed_behind_a_key_is_asked_for_with_the_tag_that_it_had() {
    let home = hub(true);
    let server = Server::start(&home);
    let [alpha, beta] = ["alpha", "beta"].map(|party| Token::create(&home, party, "member"));
    assert_eq!(ask(&server, &alpha, "POST", "/events/add", &event(1_700_000_000, "tlp:green", "evil.example")).status, 200);
    let other = hub(true);
    let key = other.write("key", &beta.token);
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let url = format!("http://{}/misp/feed", server.address);
    let pull = || other.json(&["feed", "pull", &url, "--from", "alpha", "--key-file", "key"]);
    let releases = || home.json(&["log", "list", "--to", "beta"]).as_array().unwrap().len();
    assert_eq!(pull()["stored"], 1);
    let logged = releases();
    assert!(logged >= 2, "the manifest and the event are releases");
    assert_eq!((&pull()["unchanged"], releases()), (&json!(true), logged), "nothing was given, so nothing was logged");
    assert_eq!(
        ask(&server, &alpha, "POST", &format!("/events/edit/{UUID}"), &event(1_700_000_060, "tlp:green", "new.example")).status,
        200
    );
    let told = pull();
    assert_eq!((&told["unchanged"], &told["stored"]), (&json!(false), &json!(1)), "{told}");
    let told = other.run(&["feed", "pull", "http://feeds.example/misp", "--from", "alpha", "--key-file", "key"]);
    assert!(told.code == Some(2) && told.err.contains("https"), "{}", told.err);
}

#[test]
fn a_feed_is_published_as_a_folder_that_the_log_knows() {
    let home = hub(true);
    let server = Server::start(&home);
    let [alpha, beta] = ["alpha", "beta"].map(|party| Token::create(&home, party, "member"));
    let send = |timestamp, tag: &str, value: &str| {
        let path = if timestamp == 1_700_000_000 { "/events/add".to_owned() } else { format!("/events/edit/{UUID}") };
        assert_eq!(ask(&server, &alpha, "POST", &path, &event(timestamp, tag, value)).status, 200);
    };
    send(1_700_000_000, "tlp:green", "evil.example");
    let publish = |to: &str| home.json(&["feed", "publish", &format!("www/{to}"), "--to", to]);
    let read = |to: &str, name: &str| std::fs::read(home.beside(&format!("www/{to}/{name}")));
    let told = publish("beta");
    assert_eq!(told["events"], 1, "{told}");
    // The same files as over HTTP.
    for name in ["manifest.json", "hashes.csv", &format!("{UUID}.json")] {
        let served = ask(&server, &beta, "GET", &format!("/feed/{name}"), &Value::Null).body;
        assert_eq!(String::from_utf8(read("beta", name).unwrap()).unwrap(), String::from_utf8(served).unwrap(), "{name}");
    }
    // The log has the hash of the manifest, for the party that it is for.
    let release = home.json(&["log", "show", told["id"].as_str().unwrap()]);
    let hash: String = sha256(&read("beta", "manifest.json").unwrap());
    assert!(release.to_string().contains(&hash) && release.to_string().contains("beta"), "{hash}: {release}");
    let who = home.json(&["collection", "who", "misp", &format!("x-misp-event--{UUID}")]);
    assert!(who.as_array().unwrap().iter().any(|one| one["id"] == told["id"]), "{who}");

    // Each is given what it may see, and no other folder than a feed is replaced.
    assert_eq!(publish("outside")["events"], 0);
    assert_eq!(read("outside", "manifest.json").unwrap(), b"{}");
    home.write("mine/letter.txt", "dear all");
    let told = home.run(&["feed", "publish", "mine", "--to", "beta"]);
    assert!(told.code == Some(2) && told.err.contains("letter.txt"), "{}", told.err);
    let told = home.run(&["feed", "publish", "www/x", "--to", "nobody"]);
    assert!(told.code == Some(2) && told.err.contains("nobody"), "{}", told.err);

    // Another home takes it from the folder; what is not theirs any more is gone with the next one.
    let other = hub(true);
    let folder = home.beside("www/beta");
    assert_eq!(other.json(&["feed", "pull", folder.to_str().unwrap(), "--from", "alpha"])["stored"], 1);
    home.ok(&["agreement", "revoke", "circle"]);
    assert_eq!(publish("beta")["events"], 0);
    assert!(read("beta", &format!("{UUID}.json")).is_err());
    assert!(server.stop());
    home.ok(&["log", "verify"]);
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
