//! The interface for machines: does everybody get exactly what it may, and is nothing lost that was acknowledged?

mod story;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use story::Home;
use story::server::{Answer, Server, Token, request};

const PARTIES: &str = "
[[party]]
id = 'us'
name = 'Our CSIRT'
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
id = 'other'
name = 'Other ISP'
kind = 'provider'
networks = ['192.0.2.0/28', '198.51.100.0/24']
clients_of = ['us']

[[party]]
id = 'outside'
name = 'Outside'
kind = 'company'

[[agreement]]
id = 'apcert'
kind = 'multilateral'
parties = ['us', 'krcert']
max_tlp = 'AMBER+STRICT'
purposes = ['defend', 'respond']

[[agreement]]
id = 'service'
kind = 'public-private'
parties = ['us', 'isp', 'other']
max_tlp = 'AMBER'
purposes = ['notify', 'defend']
";

const TERMS: [&str; 6] =
    ["tlp:clear", "tlp:green", "tlp:amber", "tlp:amber+strict", "tlp:red to:krcert", "tlp:green attribution:must-not victims:no-identity"];

fn line(ip: &str, n: usize, mark: &str) -> String {
    json!({"time.source": format!("2026-03-25T01:{:02}:{:02}+00:00", n / 60 % 60, n % 60), "source.ip": ip, "source.port": 1000 + n,
        "classification.type": "infected-system", "malware.name": "mirai", "extra.mark": mark})
    .to_string()
        + "\n"
}

/// A home with events of two networks under six terms each.
struct Desk {
    home: Home,
}

impl Desk {
    fn new(config: &str) -> Self {
        let home = Home::new();
        home.write("parties.toml", PARTIES);
        home.ok(&["party", "import", "parties.toml"]);
        for (n, terms) in TERMS.iter().enumerate() {
            let rows: String =
                (0..4).map(|m| line(&format!("192.0.2.{}", 100 + n * 10 + m), n * 10 + m, &format!("isp-mark-{n}-{m}"))).collect();
            let others: String = (0..4)
                .map(|m| line(&format!("198.51.100.{}", 10 + n * 10 + m), 300 + n * 10 + m, &format!("other-mark-{n}-{m}")))
                .collect();
            // Inside the network of the one, and of the other more closely.
            let inner = line(&format!("192.0.2.{}", 1 + n), 600 + n, &format!("other-inner-{n}"));
            let name = format!("e{n}.jsonl");
            home.write(&name, rows + &others + &inner);
            home.ingest(&["--feed", "sensor", "--format", "intelmq", "--tlp", terms, &name]);
        }
        std::fs::write(home.root().join("config.toml"), config).unwrap();
        Self { home }
    }

    fn token(&self, party: &str, role: &str) -> Token {
        Token::create(&self.home, party, role)
    }
}

fn call(server: &Server, token: &Token, method: &str, path: &str, more: &[(&str, &str)], body: &[u8]) -> Answer {
    let bearer = format!("Bearer {}", token.token);
    let headers: Vec<(&str, &str)> = [("Authorization", bearer.as_str())].into_iter().chain(more.iter().copied()).collect();
    server.request(method, path, &headers, body)
}

fn get(server: &Server, token: &Token, path: &str) -> Answer {
    call(server, token, "GET", path, &[], b"")
}

fn post(server: &Server, token: &Token, path: &str, more: &[(&str, &str)], body: &Value) -> Answer {
    let headers: Vec<(&str, &str)> = [("Content-Type", "application/json")].into_iter().chain(more.iter().copied()).collect();
    call(server, token, "POST", path, &headers, body.to_string().as_bytes())
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

fn ids(answer: &Answer) -> Vec<String> {
    answer.json()["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

/// A row by what every party may see of it.
fn told(row: &Value) -> String {
    ["time", "id", "type", "malware", "source_port", "source_ip"].map(|column| row[column].to_string()).join(" ")
}

fn releases(server: &Server, us: &Token) -> usize {
    get(server, us, "/api/v1/releases?limit=1000").json()["data"].as_array().unwrap().len()
}

#[test]
fn a_party_gets_what_policy_lets_it_know_page_by_page_and_each_page_is_in_the_log() {
    let desk = Desk::new("");
    let server = Server::start(&desk.home);
    let us = desk.token("us", "manager");
    let total = get(&server, &us, "/api/v1/events?limit=1000");
    assert_eq!(ids(&total).len(), 6 * 9);
    assert_eq!(releases(&server, &us), 0, "what we look at ourselves is no release");
    for party in ["krcert", "isp", "other", "outside"] {
        let token = desk.token(party, "reader");
        let columns = "time,id,type,malware,source_port,source_ip";
        let shown = desk.home.ok(&["--json", "events", "--to", party, "--columns", columns, "--limit", "1000"]);
        let mut may: Vec<String> = shown.lines().iter().map(told).collect();
        may.sort_unstable();
        let knows = |id: &str| may.iter().any(|row| row.contains(id));
        let before = releases(&server, &us);
        let (mut path, mut seen, mut pages) = (format!("/api/v1/events?limit=3&fields={columns}"), Vec::new(), 0);
        loop {
            let page = get(&server, &token, &path);
            assert_eq!(page.status, 200, "{}", text(&page));
            seen.extend(page.json()["data"].as_array().unwrap().iter().map(told));
            pages += 1;
            let next = page.json()["next"].as_str().map(str::to_owned);
            assert_eq!(next.is_some(), page.header("link").is_some());
            let Some(link) = page.header("link") else { break };
            path = link.trim_start_matches('<').split('>').next().unwrap().to_owned();
        }
        seen.sort_unstable();
        assert_eq!(seen, may, "{party}: as the command line shows it, each once");
        let logged = releases(&server, &us) - before;
        if party == "outside" {
            assert_eq!(logged, 0, "what everybody may know is no release");
        } else {
            assert!(logged > 0 && logged <= pages, "{party}: {logged} releases for {pages} pages");
        }
        // What may not be known is not there: neither one by one, nor by a filter, nor in a look-up.
        for row in total.json()["data"].as_array().unwrap().iter().step_by(7) {
            let (id, mark) = (row["id"].as_str().unwrap(), row["extra"]["mark"].as_str().unwrap());
            let one = get(&server, &token, &format!("/api/v1/events/{id}"));
            assert_eq!(one.status, if knows(id) { 200 } else { 404 }, "{party} {mark}");
            if !knows(id) {
                let ip = row["source_ip"].as_str().unwrap();
                assert!(!text(&get(&server, &token, &format!("/api/v1/lookup/{ip}"))).contains(mark));
                let found = get(&server, &token, &format!("/api/v1/events?value={ip}"));
                assert!(!text(&found).contains(id) && !text(&found).contains(mark), "{party} {mark}");
            }
        }
        for path in [
            "/api/v1/evidence",
            "/api/v1/cases",
            "/api/v1/parties",
            "/api/v1/agreements",
            "/api/v1/notices",
            "/api/v1/releases",
            "/api/v1/stats",
            "/api/v1/explain?to=us",
        ] {
            assert_eq!(get(&server, &token, path).status, 404, "{party} {path}");
        }
    }
    let isp = desk.token("isp", "reader");
    let page = get(&server, &isp, "/api/v1/events?limit=3");
    let content: String = Sha256::digest(&page.body).iter().map(|byte| format!("{byte:02x}")).collect();
    let newest = get(&server, &us, "/api/v1/releases?to=isp&limit=1").json()["data"][0].clone();
    assert_eq!(newest["content"], json!(content), "the log has the bytes that were sent");
    let receipt = get(&server, &us, &format!("/api/v1/releases/{}", newest["id"].as_str().unwrap()));
    assert!(receipt.json()["receipt"].as_str().is_some_and(|receipt| receipt.contains("c2sp.org/tlog-proof")), "{}", text(&receipt));
    // Whoever has it is given nothing, and nothing is logged.
    let before = releases(&server, &us);
    let tag = page.header("etag").unwrap().to_owned();
    let again = call(&server, &isp, "GET", "/api/v1/events?limit=3", &[("If-None-Match", &tag)], b"");
    assert_eq!((again.status, again.body.len(), releases(&server, &us)), (304, 0, before));
    // A misspelt filter is no filter; a page of another list is none of this.
    for path in [
        "/api/v1/events?contry=JP",
        "/api/v1/events?limit=0",
        "/api/v1/events?limit=x",
        "/api/v1/events?cursor=eA",
        "/api/v1/events?asn=x",
        "/api/v1/events?fields=nothing",
        "/api/v1/events?since=tomorrowish",
    ] {
        let answer = get(&server, &us, path);
        assert_eq!((answer.status, answer.header("content-type")), (400, Some("application/problem+json")), "{path}");
    }
    desk.home.ok(&["log", "verify"]);
}

#[test]
fn inside_is_what_a_party_answers_for_in_the_words_of_n6() {
    let desk = Desk::new("");
    let server = Server::start(&desk.home);
    let (us, isp, other, outside) =
        (desk.token("us", "manager"), desk.token("isp", "reader"), desk.token("other", "reader"), desk.token("outside", "reader"));
    let since = "time.min=2026-03-01";
    for (token, network, foreign) in [(&isp, "192.0.2.", "198.51.100."), (&other, "198.51.100.", "192.0.2.1")] {
        let before = releases(&server, &us);
        let answer = get(&server, token, &format!("/report/inside.json?{since}"));
        assert_eq!(answer.status, 200, "{}", text(&answer));
        let events = answer.json();
        let events = events.as_array().unwrap();
        assert!(!events.is_empty());
        for event in events {
            assert_eq!(event["category"], "bots");
            assert!(["public", "need-to-know", "internal"].contains(&event["restriction"].as_str().unwrap()));
            assert!(event["id"].as_str().is_some_and(|id| id.len() == 32) && event["time"].is_string() && event["source"].is_string());
        }
        let told = text(&answer);
        assert!(told.contains(network) && !told.contains(&format!("\"{foreign}0")), "{told}");
        assert_eq!(releases(&server, &us), before + 1);
        // Nobody is told what only another may know.
        assert!(!told.contains("mark-4"));
        assert_eq!(get(&server, token, &format!("/report/inside.json?{since}&category=spam")).json(), json!([]));
        assert_eq!(get(&server, token, &format!("/report/inside.json?{since}&opt.limit=2")).json().as_array().unwrap().len(), 2);
        let lines = get(&server, token, &format!("/report/inside.sjson?{since}&category=bots,spam"));
        assert_eq!(text(&lines).lines().count(), events.len());
        let csv = get(&server, token, &format!("/report/inside.csv?{since}"));
        assert_eq!(text(&csv).lines().count(), events.len() + 1);
    }
    // The more specific claim wins: the other is told, not the one whose network is around it.
    let inner = |token| text(&get(&server, token, &format!("/report/inside.json?{since}&ip.net=192.0.2.0/28")));
    assert_eq!(inner(&isp), "[]");
    assert!(inner(&other).contains("192.0.2.1"));
    assert_eq!(get(&server, &outside, &format!("/report/inside.json?{since}")).json(), json!([]));
    for bad in ["category=nothing", "no.such=1", "opt.limit=0", "asn=x", "restriction=secret", "dport=99999"] {
        assert_eq!(get(&server, &isp, &format!("/report/inside.json?{bad}")).status, 400, "{bad}");
    }
    let nobody = server.request("GET", "/report/inside.json", &[], b"");
    assert_eq!((nobody.status, nobody.header("www-authenticate")), (401, Some("Bearer")));
}

fn upload(server: &Server, token: &Token, path: &str, body: &[u8]) -> Answer {
    call(server, token, "POST", path, &[("Content-Type", "application/octet-stream")], body)
}

#[test]
fn an_upload_tells_what_became_of_each_row() {
    let desk = Desk::new("[serve]\nlargest_upload = 100000\n");
    let server = Server::start(&desk.home);
    let (us, colleague, isp) = (desk.token("us", "manager"), desk.token("us", "member"), desk.token("isp", "manager"));
    let rows: String = (0..50).map(|n| line("203.0.113.7", n, &format!("new-{n}"))).collect::<String>()
        + "{\"source.ip\": \n"
        + &line("203.0.113.7", 0, "new-0");
    let path = "/api/v1/evidence?feed=api&tlp=green&format=intelmq&name=rows.jsonl&wait=60";
    let told = upload(&server, &us, path, rows.as_bytes());
    assert_eq!(told.status, 200, "{}", text(&told));
    let one = told.json()["uploads"][0].clone();
    let outcome = &one["outcome"];
    assert_eq!(
        (&outcome["read"], &outcome["stored"], &outcome["duplicate"], &outcome["rejected"]),
        (&json!(52), &json!(50), &json!(1), &json!(1)),
        "{one}"
    );
    assert_eq!(outcome["rejections"][0]["row"], json!(51));
    assert!(outcome["rejections"][0]["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{outcome}");
    let again = upload(&server, &us, path, rows.as_bytes()).json()["uploads"][0].clone();
    assert_eq!((&again["outcome"]["known"], &again["outcome"]["stored"]), (&json!(true), &json!(0)));
    let evidence = one["evidence"].as_str().unwrap();
    assert_eq!(ids(&get(&server, &us, &format!("/api/v1/events?evidence={evidence}&limit=1000"))).len(), 50);
    assert_eq!(get(&server, &us, &format!("/api/v1/evidence/{evidence}")).json()["terms"], json!("tlp:green"), "as it was said");
    // Two files of a form, with what is said of them.
    let boundary = "x-y-z";
    let form = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"tlp\"\r\n\r\namber\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../a.jsonl\"\r\n\r\n{}\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"b.jsonl\"\r\n\r\n{}\r\n--{boundary}--\r\n",
        line("203.0.113.8", 1, "form-a"),
        line("203.0.113.8", 2, "form-b"),
    );
    let told = call(
        &server,
        &us,
        "POST",
        "/api/v1/evidence?wait=60",
        &[("Content-Type", &format!("multipart/form-data; boundary={boundary}"))],
        form.as_bytes(),
    );
    assert_eq!(told.status, 200, "{}", text(&told));
    let names: Vec<Value> = told.json()["uploads"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, [json!("a.jsonl"), json!("b.jsonl")]);
    // Too large, or under terms that cannot be read: nothing is taken.
    assert_eq!(upload(&server, &us, "/api/v1/evidence", &vec![b'x'; 100_001]).status, 413);
    for bad in ["tlp=purple", "from=No+Party", "format=nothing", "terms=x"] {
        assert_eq!(upload(&server, &us, &format!("/api/v1/evidence?{bad}"), b"x").status, 400, "{bad}");
    }
    assert_eq!(upload(&server, &isp, "/api/v1/evidence", b"x").status, 400, "an outside party names its terms");
    // Nobody sees another's uploads.
    let place = format!("/api/v1/uploads/{}", one["id"].as_str().unwrap());
    assert_eq!((get(&server, &us, &place).status, get(&server, &colleague, &place).status), (200, 404));
    assert_eq!(get(&server, &colleague, "/api/v1/uploads").json()["data"], json!([]));
}

#[test]
fn an_upload_in_pieces_goes_on_where_it_was_broken_off() {
    let desk = Desk::new("");
    let mut server = Server::start(&desk.home);
    let us = desk.token("us", "manager");
    let rows: String = (0..3000).map(|n| line("203.0.113.9", n, &format!("piece-{n}"))).collect();
    let length = rows.len().to_string();
    let metadata =
        format!("filename {},tlp {},format {}", STANDARD.encode("pieces.jsonl"), STANDARD.encode("green"), STANDARD.encode("intelmq"));
    let begun = call(
        &server,
        &us,
        "POST",
        "/api/v1/uploads",
        &[("Tus-Resumable", "1.0.0"), ("Upload-Length", &length), ("Upload-Metadata", &metadata)],
        b"",
    );
    assert_eq!((begun.status, begun.header("tus-resumable")), (201, Some("1.0.0")), "{}", text(&begun));
    let place = begun.header("location").unwrap().to_owned();
    let piece = |server: &Server, offset: usize, bytes: &[u8]| {
        let headers = [
            ("Tus-Resumable", "1.0.0"),
            ("Upload-Offset", &*offset.to_string()),
            ("Content-Type", "application/offset+octet-stream"),
            ("Content-Length", &*bytes.len().to_string()),
        ];
        call(server, &us, "PATCH", &place, &headers, bytes)
    };
    let offset = |server: &Server| {
        call(server, &us, "HEAD", &place, &[("Tus-Resumable", "1.0.0")], b"").header("upload-offset").unwrap().parse::<usize>().unwrap()
    };
    let bytes = rows.as_bytes();
    let done = piece(&server, 0, &bytes[..1000]);
    assert_eq!((done.status, done.header("upload-offset")), (204, Some("1000")), "{}", text(&done));
    assert_eq!(piece(&server, 500, &bytes[500..900]).status, 409);
    // A client that breaks off in the middle of a piece: what came is kept, or nothing of it.
    {
        let mut stream = TcpStream::connect(server.address).unwrap();
        let head = format!(
            "PATCH {place} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nUpload-Offset: 1000\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: 90000\r\n\r\n",
            us.token
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&bytes[1000..6000]).unwrap();
    }
    let began = Instant::now();
    while offset(&server) < 6000 && began.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(offset(&server), 6000, "what came before the break is kept");
    // kill -9: what was acknowledged is there.
    assert_eq!(piece(&server, 6000, &bytes[6000..50_000]).status, 204);
    server.kill();
    server = Server::start(&desk.home);
    assert_eq!(offset(&server), 50_000);
    assert_eq!(piece(&server, 50_000, &bytes[50_000..]).status, 204);
    let began = Instant::now();
    let whole = loop {
        let told = get(&server, &us, &place).json();
        if told["state"] == "done" || began.elapsed() > Duration::from_secs(60) {
            break told;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!((&whole["state"], &whole["outcome"]["stored"]), (&json!("done"), &json!(3000)), "{whole}");
    assert_eq!(piece(&server, bytes.len(), b"").status, 409, "nothing is added to what is whole");
    // More than was announced is not taken; what is not whole can be withdrawn.
    let begun = call(&server, &us, "POST", "/api/v1/uploads", &[("Upload-Length", "5")], b"");
    let small = begun.header("location").unwrap().to_owned();
    let headers = [("Upload-Offset", "0"), ("Content-Type", "application/offset+octet-stream"), ("Content-Length", "6")];
    assert_eq!(call(&server, &us, "PATCH", &small, &headers, b"sixsix").status, 413);
    assert_eq!(call(&server, &us, "DELETE", &small, &[], b"").status, 204);
    assert_eq!(call(&server, &us, "POST", "/api/v1/uploads", &[("Tus-Resumable", "0.2.2"), ("Upload-Length", "5")], b"").status, 412);
}

#[test]
fn kill_under_load_loses_no_upload_that_was_acknowledged() {
    let desk = Desk::new("[serve]\nrequests_per_second = 100000\n");
    let us = desk.token("us", "manager");
    let acknowledged: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
    let rounds: usize = std::env::var("MUSUBI_UPLOAD_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    let mut sent = 0;
    for round in 0..rounds {
        let server = Server::start(&desk.home);
        let (address, stop) = (server.address, Arc::new(AtomicBool::new(false)));
        let clients: Vec<_> = (0..6)
            .map(|client| {
                let (token, stop, acknowledged) = (us.token.clone(), Arc::clone(&stop), Arc::clone(&acknowledged));
                std::thread::spawn(move || {
                    let mut count = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let mark = format!("load-{round}-{client}-{count}");
                        let body: String = (0..20).map(|n| line("203.0.113.20", count * 20 + n, &format!("{mark}-{n}"))).collect();
                        count += 1;
                        // The server dies while it is asked: no answer is no acknowledgement.
                        let answer = std::panic::catch_unwind(|| {
                            let bearer = format!("Bearer {token}");
                            request(
                                address,
                                "POST",
                                "/api/v1/evidence?tlp=green&format=intelmq",
                                &[("Authorization", &bearer)],
                                body.as_bytes(),
                            )
                        });
                        let Ok(answer) = answer else { continue };
                        if answer.status == 202 || answer.status == 200 {
                            let id = answer.json()["uploads"][0]["id"].as_str().unwrap().to_owned();
                            acknowledged.lock().unwrap().push((id, mark));
                        }
                    }
                    count
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(700 + 400 * round as u64));
        server.kill();
        stop.store(true, Ordering::Relaxed);
        sent += clients.into_iter().map(|client| client.join().unwrap()).sum::<usize>();
    }
    let server = Server::start(&desk.home);
    let acknowledged = acknowledged.lock().unwrap().clone();
    assert!(acknowledged.len() > 20, "{} of {sent}", acknowledged.len());
    let began = Instant::now();
    for (id, mark) in &acknowledged {
        loop {
            let told = get(&server, &us, &format!("/api/v1/uploads/{id}"));
            assert_eq!(told.status, 200, "{mark}: the upload is gone");
            let told = told.json();
            if told["state"] == "done" {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(120), "{mark}: {told}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    assert!(server.stop());
    let marks = desk.home.rows("SELECT json_text(extra, 'mark') AS mark FROM events WHERE source_ip = '203.0.113.20'");
    let mut there: Vec<&str> = marks.iter().map(|row| row["mark"].as_str().unwrap()).collect();
    there.sort_unstable();
    let count = there.len();
    there.dedup();
    assert_eq!(there.len(), count, "an event is there twice");
    for (_, mark) in &acknowledged {
        for n in 0..20 {
            assert!(there.binary_search(&format!("{mark}-{n}").as_str()).is_ok(), "{mark}-{n} is lost");
        }
    }
    eprintln!("{} uploads sent, {} acknowledged, {rounds} kills, none lost", sent, acknowledged.len());
    desk.home.ok(&["doctor"]);
}

#[test]
fn a_case_whose_takedown_runs_is_not_resolved_here_either() {
    let desk = Desk::new("");
    desk.home.json(&["case", "group", "--since", "2026-01-01", "--at", "2026-04-01T09:00:00Z"]);
    let case = desk.home.json(&["case", "list"])[0]["id"].as_str().unwrap().to_owned();
    desk.home.json(&["takedown", "request", "--case", &case, "--party", "isp", "--at", "2026-04-01T10:00:00Z"]);
    let server = Server::start(&desk.home);
    let us = desk.token("us", "member");
    let entries = format!("/api/v1/cases/{case}/entries");
    let close = |closing: &str| json!({"do": "close", "closing": closing, "why": "done"});
    let refused = post(&server, &us, &entries, &[], &close("resolved"));
    assert_eq!(refused.status, 409, "{}", text(&refused));
    assert_eq!(post(&server, &us, &entries, &[], &json!({"do": "reopen", "why": "it is open"})).status, 409);
    assert_eq!(post(&server, &us, &entries, &[], &close("given-up")).status, 200);
}

#[test]
fn changes_happen_once_and_on_top_of_what_was_read() {
    let desk = Desk::new("");
    let server = Server::start(&desk.home);
    let (us, reader) = (desk.token("us", "manager"), desk.token("us", "reader"));
    let new = json!({"title": "Mirai in a hotel"});
    let first = post(&server, &us, "/api/v1/cases", &[("Idempotency-Key", "k1")], &new);
    assert_eq!(first.status, 201, "{}", text(&first));
    let again = post(&server, &us, "/api/v1/cases", &[("Idempotency-Key", "k1")], &new);
    assert_eq!(
        (again.status, again.json()["id"].clone(), again.header("idempotency-replayed")),
        (201, first.json()["id"].clone(), Some("true"))
    );
    assert_eq!(post(&server, &us, "/api/v1/cases", &[("Idempotency-Key", "k1")], &json!({"title": "Another"})).status, 422);
    assert_eq!(post(&server, &reader, "/api/v1/cases", &[], &new).status, 403, "an auditor changes nothing");
    let place = first.header("location").unwrap().to_owned();
    let tag = get(&server, &us, &place).header("etag").unwrap().to_owned();
    let note = |text: &str| json!({"do": "note", "text": text});
    let entries = format!("{place}/entries");
    assert_eq!(post(&server, &us, &entries, &[("If-Match", &tag)], &note("<script>alert(1)</script>")).status, 200);
    assert_eq!(post(&server, &us, &entries, &[("If-Match", &tag)], &note("too late")).status, 412);
    assert_eq!(post(&server, &us, &entries, &[], &json!({"do": "close", "closing": "merged", "why": ""})).status, 409);
    assert_eq!(post(&server, &us, &entries, &[], &json!({"do": "finish-task", "number": 9})).status, 409);
    assert_eq!(post(&server, &us, &entries, &[], &json!({"do": "jump"})).status, 400);
    let case = get(&server, &us, &place).json();
    assert_eq!((case["history"].as_array().unwrap().len(), &case["verified"]), (2, &json!(true)));
    // Indicators: a word is heard, an old version is refused, what must not be blocked is not taken silently.
    let made = post(&server, &us, "/api/v1/indicators", &[], &json!({"value": "evil.example", "class": "c2-server", "terms": "tlp:green"}));
    assert_eq!(made.status, 201, "{}", text(&made));
    let place = made.header("location").unwrap().to_owned();
    let tag = get(&server, &us, &place).header("etag").unwrap().to_owned();
    let words = format!("{place}/words");
    assert_eq!(post(&server, &us, &words, &[("If-Match", &tag)], &json!({"say": "revoke", "because": "a mistake"})).status, 200);
    assert_eq!(post(&server, &us, &words, &[("If-Match", &tag)], &json!({"say": "restore"})).status, 412);
    assert_eq!(get(&server, &us, &place).json()["standing"], json!("revoked"));
    assert_eq!(post(&server, &us, "/api/v1/indicators", &[], &json!({"value": "no value at all"})).status, 400);
    let plain = call(&server, &us, "POST", "/api/v1/cases", &[("Content-Type", "text/plain")], b"{}");
    assert_eq!(plain.status, 415);
}

/// Headers and body.
type Posted = (Vec<(String, String)>, Vec<u8>);

/// Takes what is posted to it; answers with the codes it is given, one after the other.
struct Sink {
    port: u16,
    taken: Arc<Mutex<Vec<Posted>>>,
}

impl Sink {
    fn open(codes: Vec<u16>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken: Arc<Mutex<Vec<_>>> = Arc::default();
        let kept = Arc::clone(&taken);
        std::thread::spawn(move || {
            for (at, stream) in listener.incoming().enumerate() {
                let Ok(mut stream) = stream else { continue };
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut headers, mut line) = (Vec::new(), String::new());
                while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
                    if let Some((name, value)) = line.trim_end().split_once(": ") {
                        headers.push((name.to_ascii_lowercase(), value.to_owned()));
                    }
                    line.clear();
                }
                let length =
                    headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                kept.lock().unwrap().push((headers, body));
                let code = codes.get(at).or(codes.last()).copied().unwrap_or(204);
                let _ = write!(stream, "HTTP/1.1 {code} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            }
        });
        Self { port, taken }
    }

    fn wait(&self, count: usize, at_most: Duration) -> Vec<Posted> {
        let began = Instant::now();
        while self.taken.lock().unwrap().len() < count && began.elapsed() < at_most {
            std::thread::sleep(Duration::from_millis(50));
        }
        self.taken.lock().unwrap().clone()
    }
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().to_vec()
}

#[test]
fn a_webhook_is_called_signed_until_it_hears_and_tells_a_party_its_own_only() {
    let desk = Desk::new("[serve]\nprivate_webhooks = true\n");
    let server = Server::start(&desk.home);
    let (us, isp) = (desk.token("us", "manager"), desk.token("isp", "manager"));
    let sink = Sink::open(vec![500, 204]);
    let made =
        post(&server, &isp, "/api/v1/webhooks", &[], &json!({"url": format!("http://127.0.0.1:{}/hook", sink.port), "kinds": ["event"]}));
    assert_eq!(made.status, 201, "{}", text(&made));
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    assert!(!text(&get(&server, &isp, "/api/v1/webhooks")).contains(&secret), "it is shown once");
    assert_eq!(get(&server, &us, "/api/v1/webhooks").status, 403, "a lead does not set up where the party is called");
    let before = releases(&server, &us);
    let body = line("192.0.2.200", 1, "hook-mine") + &line("198.51.100.200", 2, "hook-others");
    assert_eq!(upload(&server, &us, "/api/v1/evidence?tlp=amber&format=intelmq&wait=60", body.as_bytes()).status, 200);
    let taken = sink.wait(2, Duration::from_secs(40));
    assert_eq!(taken.len(), 2, "the first attempt failed, the second is made");
    assert_eq!(taken[0].1, taken[1].1);
    let header = |name: &str, at: usize| taken[at].0.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap();
    assert_eq!(header("webhook-id", 0), header("webhook-id", 1), "the same call");
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let message = [format!("{}.{}.", header("webhook-id", 1), header("webhook-timestamp", 1)).as_bytes(), &taken[1].1].concat();
    assert_eq!(header("webhook-signature", 1), format!("v1,{}", STANDARD.encode(hmac(&key, &message))));
    let told = String::from_utf8(taken[1].1.clone()).unwrap();
    assert!(told.contains("hook-mine") && !told.contains("hook-others"), "{told}");
    assert_eq!(releases(&server, &us), before + 1);
    let content: String = Sha256::digest(&taken[1].1).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(get(&server, &us, "/api/v1/releases?to=isp&limit=1").json()["data"][0]["content"], json!(content));
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let began = Instant::now();
    let calls = loop {
        let calls = get(&server, &isp, &format!("/api/v1/webhooks/{id}/calls")).json()["data"].clone();
        if calls[0]["arrived_at"].is_string() || began.elapsed() > Duration::from_secs(20) {
            break calls;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!((&calls[0]["attempts"], &calls[0]["status"]), (&json!(2), &json!(204)), "{calls}");
    // The history names what was given with it.
    let logged = get(&server, &us, &format!("/api/v1/releases/{}", calls[0]["release"].as_str().expect("a release")));
    assert_eq!((&logged.json()["to"], &logged.json()["content"]), (&json!("isp"), &json!(content)), "{}", text(&logged));
    assert_eq!(call(&server, &isp, "DELETE", &format!("/api/v1/webhooks/{id}"), &[], b"").status, 204);
    assert_eq!(call(&server, &isp, "DELETE", &format!("/api/v1/webhooks/{id}"), &[], b"").status, 404);
}

#[test]
fn addresses_of_private_networks_are_not_called() {
    let desk = Desk::new("");
    let server = Server::start(&desk.home);
    let isp = desk.token("isp", "manager");
    for url in [
        "http://hooks.example/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://10.0.0.1/",
        "https://169.254.169.254/",
        "https://2130706433/",
    ] {
        let answer = post(&server, &isp, "/api/v1/webhooks", &[], &json!({"url": url}));
        assert_eq!(answer.status, 400, "{url}: {}", text(&answer));
    }
    // A name that leads here is found out when it is called.
    let made = post(&server, &isp, "/api/v1/webhooks", &[], &json!({"url": "https://localhost:9/", "kinds": ["event"]}));
    assert_eq!(made.status, 201);
    let us = desk.token("us", "manager");
    upload(&server, &us, "/api/v1/evidence?tlp=amber&format=intelmq&wait=60", line("192.0.2.201", 1, "x").as_bytes());
    let began = Instant::now();
    let path = format!("/api/v1/webhooks/{}/calls", made.json()["id"].as_str().unwrap());
    loop {
        let calls = get(&server, &isp, &path).json()["data"].clone();
        if let Some(error) = calls[0]["error"].as_str() {
            assert!(error.contains("private"), "{error}");
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{calls}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Reads a stream until a text has come, or too long has passed.
fn listen(server: &Server, token: &Token, path: &str, last: Option<&str>, until: &str, meanwhile: impl FnOnce()) -> String {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let last = last.map_or_else(String::new, |last| format!("Last-Event-ID: {last}\r\n"));
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n{last}\r\n", token.token).unwrap();
    let (mut all, mut part) = (Vec::new(), [0; 4096]);
    let mut meanwhile = Some(meanwhile);
    while let Ok(count) = stream.read(&mut part) {
        if count == 0 {
            break;
        }
        all.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&all);
        if text.contains(until) {
            break;
        }
        if text.contains("retry:")
            && let Some(act) = meanwhile.take()
        {
            act();
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

#[test]
fn a_stream_tells_what_happens_and_misses_nothing_after_a_break() {
    let desk = Desk::new("");
    let server = Server::start(&desk.home);
    let (us, isp) = (desk.token("us", "manager"), desk.token("isp", "reader"));
    let give = |mark: &str, n: usize| {
        let body = line("192.0.2.210", n, &format!("{mark}-mine")) + &line("198.51.100.210", n, &format!("{mark}-others"));
        upload(&server, &us, "/api/v1/evidence?tlp=amber&format=intelmq&wait=60", body.as_bytes());
    };
    let first = listen(&server, &isp, "/api/v1/stream", None, "first-mine", || give("first", 1));
    assert!(first.contains("event: event") && first.contains("first-mine") && !first.contains("first-others"), "{first}");
    let place = first.lines().filter_map(|line| line.strip_prefix("id: ")).next_back().unwrap().to_owned();
    give("second", 2);
    let second = listen(&server, &isp, "/api/v1/stream", Some(&place), "second-mine", || {});
    assert!(second.contains("second-mine") && !second.contains("first-mine") && !second.contains("others"), "{second}");
    assert!(releases(&server, &us) >= 2);
    let ours = listen(&server, &us, "/api/v1/stream?kinds=case,job", Some("e0-c0-n0-j0"), "do-it", || {
        post(&server, &us, "/api/v1/cases", &[], &json!({"title": "do-it"}));
    });
    assert!(ours.contains("event: job"), "{ours}");
    assert_eq!(get(&server, &us, "/api/v1/stream?kinds=everything").status, 400);
    assert_eq!(get(&server, &us, "/api/v1/stream?after=nowhere").status, 400);
}

#[test]
fn the_server_tells_of_itself_without_telling_what_was_asked() {
    let collector = Sink::open(vec![200]);
    let desk = Desk::new(&format!("[serve]\notlp = \"http://127.0.0.1:{}\"\n", collector.port));
    let server = Server::start(&desk.home);
    let us = desk.token("us", "manager");
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let answer = call(&server, &us, "GET", "/api/v1/events?value=192.0.2.99", &[("traceparent", parent)], b"");
    let id = answer.header("x-request-id").unwrap().to_owned();
    server.request("BREW", "/no/such/192.0.2.99", &[], b"");
    let metrics = text(&server.request("GET", "/metrics", &[], b""));
    assert!(metrics.contains("musubi_http_request_seconds_count{method=\"GET\",route=\"/api/v1/events\",status=\"200\"} 1"), "{metrics}");
    assert!(metrics.contains("method=\"other\",route=\"none\",status=\"404\"") && metrics.contains("musubi_events 54\n"), "{metrics}");
    assert!(!metrics.contains("192.0.2.99"));
    let spans = collector.wait(1, Duration::from_secs(20));
    let told: Value = serde_json::from_slice(&spans[0].1).unwrap();
    let all: Vec<Value> = told["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone();
    let span = all.iter().find(|span| span["spanId"] == json!(id)).unwrap();
    assert_eq!((&span["traceId"], &span["parentSpanId"]), (&json!("4bf92f3577b34da6a3ce929d0e0e4736"), &json!("00f067aa0ba902b7")));
    assert!(!told.to_string().contains("192.0.2.99") && !told.to_string().contains(&us.token));
}
