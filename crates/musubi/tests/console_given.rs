//! Outside parties give evidence: it stands in their name, under their terms from the first moment, and nobody learns what another gave.

mod story;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use story::Home;
use story::server::{Answer, Server, Token};
use story::visitor::Visitor;

const PARTIES: &str = "
[[party]]
id = 'us'
name = 'Our CSIRT'
kind = 'national-csirt'
own = true
communities = ['nca']

[[party]]
id = 'isp'
name = 'Example ISP'
kind = 'provider'
networks = ['192.0.2.0/24']
clients_of = ['us']
communities = ['nca']

[[party]]
id = 'other'
name = 'Other ISP'
kind = 'provider'
networks = ['198.51.100.0/24']
clients_of = ['us']

[[agreement]]
id = 'service'
kind = 'public-private'
parties = ['us', 'isp', 'other']
max_tlp = 'AMBER'
purposes = ['notify', 'defend']
";

const WAIT: &str = "wait=60";

fn line(ip: &str, n: usize, mark: &str) -> String {
    json!({"time.source": format!("2026-03-25T01:{:02}:{:02}+00:00", n / 60 % 60, n % 60), "source.ip": ip, "source.port": 1000 + n,
        "classification.type": "infected-system", "malware.name": "mirai", "feed.name": "sensor", "extra.mark": mark})
    .to_string()
        + "\n"
}

struct Desk {
    home: Home,
    server: Server,
    us: Token,
    isp: Token,
    other: Token,
}

impl Desk {
    fn new(config: &str) -> Self {
        Self::among(PARTIES, config)
    }

    fn among(parties: &str, config: &str) -> Self {
        let home = Home::new();
        home.write("parties.toml", parties);
        home.ok(&["party", "import", "parties.toml"]);
        home.write("ours.jsonl", line("192.0.2.7", 1, "marker-ours"));
        home.ingest(&["--feed", "sensor", "--format", "intelmq", "--tlp", "amber", "ours.jsonl"]);
        std::fs::write(home.root().join("config.toml"), config).unwrap();
        let [us, isp, other] =
            [("us", "manager"), ("isp", "member"), ("other", "member")].map(|(party, role)| Token::create(&home, party, role));
        let server = Server::start(&home);
        Self { home, server, us, isp, other }
    }

    fn call(&self, token: &Token, method: &str, path: &str, more: &[(&str, &str)], body: &[u8]) -> Answer {
        let bearer = format!("Bearer {}", token.token);
        let headers: Vec<(&str, &str)> = [("Authorization", bearer.as_str())].into_iter().chain(more.iter().copied()).collect();
        self.server.request(method, path, &headers, body)
    }

    fn get(&self, token: &Token, path: &str) -> Answer {
        self.call(token, "GET", path, &[], b"")
    }

    fn give(&self, token: &Token, said: &str, body: &str) -> Answer {
        self.call(token, "POST", &format!("/api/v1/evidence?{WAIT}&{said}"), &[], body.as_bytes())
    }

    /// All that a party can get at that tells of events or evidence.
    fn all_seen_by(&self, token: &Token) -> String {
        let paths = [
            "/api/v1/events?limit=1000",
            "/api/v1/uploads?limit=1000",
            "/api/v1/lookup/192.0.2.9",
            "/api/v1/lookup/198.51.100.9",
            "/report/inside.json?time.min=2026-03-01",
            "/portal/evidence",
            "/portal/problems?days=365",
        ];
        paths.map(|path| text(&self.get(token, path))).concat()
    }

    fn events_with(&self, mark: &str) -> Vec<Value> {
        let all = self.get(&self.us, "/api/v1/events?limit=1000").json()["data"].as_array().unwrap().clone();
        all.into_iter().filter(|row| row["extra"]["mark"] == mark).collect()
    }
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

fn first(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", text(answer));
    answer.json()["uploads"][0].clone()
}

#[test]
fn what_a_party_gives_stands_in_its_name_and_under_its_terms_and_no_other_party_hears_of_it() {
    let desk = Desk::new("");
    let rows = line("198.51.100.9", 2, "marker-given") + "no row\n" + &line("192.0.2.9", 3, "marker-given");
    // Nothing is taken without terms, in another name, or as a feed of ours.
    for said in ["name=a.jsonl", "tlp=amber&from=us", "tlp=amber&feed=sensor", "tlp=purple", "tlp=", "unnamed=true", "tlp=amber&from=other"]
    {
        let refused = desk.give(&desk.isp, &format!("format=intelmq&{said}"), &rows);
        assert_eq!(refused.status, 400, "{said}: {}", text(&refused));
    }
    assert_eq!(desk.get(&desk.isp, "/api/v1/uploads").json()["data"], json!([]));
    assert!(desk.events_with("marker-given").is_empty());

    let told = first(&desk.give(&desk.isp, "name=scan.jsonl&format=intelmq&tlp=amber", &rows));
    assert_eq!((&told["feed"], &told["from"], &told["terms"]), (&json!("given by isp"), &json!("isp"), &json!("amber")));
    let outcome = &told["outcome"];
    assert_eq!((&outcome["read"], &outcome["stored"], &outcome["rejected"]), (&json!(3), &json!(2), &json!(1)), "{told}");
    assert_eq!(outcome["rejections"][0]["row"], 2);

    // Its records name a feed of ours; they do not speak for it.
    let held = desk.events_with("marker-given");
    assert_eq!(held.len(), 2);
    for event in &held {
        assert_eq!((&event["feed"], &event["terms"]), (&json!("given by isp"), &json!("tlp:amber+strict")), "{event}");
    }
    let evidence = desk.get(&desk.us, "/api/v1/evidence?from=isp").json()["data"][0].clone();
    assert_eq!(evidence["name"], "scan.jsonl");

    // The other party, whose host it is about, may not know it: neither by rows nor by counts nor by the upload.
    assert!(!desk.all_seen_by(&desk.other).contains("marker-given"));
    let id = told["id"].as_str().unwrap();
    for (method, more) in
        [("GET", vec![]), ("DELETE", vec![]), ("PATCH", vec![("Upload-Offset", "0"), ("Content-Type", "application/offset+octet-stream")])]
    {
        assert_eq!(desk.call(&desk.other, method, &format!("/api/v1/uploads/{id}"), &more, b"").status, 404, "{method}");
    }
    assert_eq!(desk.get(&desk.other, &format!("/portal/evidence/{id}")).status, 404);
    assert_eq!(desk.get(&desk.isp, &format!("/portal/evidence/{id}")).status, 200);
    // Nor may it use what is only for us.
    for path in ["/evidence/new", "/api/v1/evidence", &format!("/evidence/new/{id}")] {
        assert_eq!(desk.get(&desk.isp, path).status, 404, "{path}");
    }

    desk.home.must_be_well();
}

#[test]
fn a_party_that_gives_what_another_gave_hears_what_the_first_one_heard() {
    let desk = Desk::new("");
    let rows = line("203.0.113.1", 2, "marker-first") + "bad row of the first\n" + &line("203.0.113.2", 3, "marker-first");
    let said = "format=intelmq&tlp=amber";
    let one = first(&desk.give(&desk.isp, &format!("{said}&name=internal-name-of-isp.jsonl"), &rows));
    let two = first(&desk.give(&desk.other, &format!("{said}&name=x.jsonl"), &rows));
    let plain = |told: &Value, name: &str| told["outcome"].to_string().replace(name, "NAME");
    assert_eq!(plain(&one, "internal-name-of-isp.jsonl"), plain(&two, "x.jsonl"), "as if nobody had given it before");
    assert_eq!(two["outcome"]["known"], false);
    assert!(!desk.all_seen_by(&desk.other).contains("internal-name"));
    // The same rows beside others: whatever was known, the answer is the same.
    let more = rows.clone() + &line("203.0.113.3", 4, "marker-second");
    let outcome = first(&desk.give(&desk.other, said, &more))["outcome"].clone();
    assert_eq!((&outcome["stored"], &outcome["duplicate"], &outcome["rejected"]), (&json!(3), &json!(0), &json!(1)));
    // Whoever gives first takes nothing from us: under our terms and in our feed it is new, however often others gave it.
    let ours = first(&desk.give(&desk.us, &format!("{said}&feed=sensor"), &more))["outcome"].clone();
    assert_eq!((&ours["known"], &ours["stored"]), (&json!(false), &json!(3)));
    let feeds = |mark: &str| desk.events_with(mark).iter().map(|event| event["feed"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let mut of = feeds("marker-second");
    of.sort();
    assert_eq!(of, ["given by other", "sensor"]);
    // The same party giving the same again changes nothing.
    assert_eq!(plain(&first(&desk.give(&desk.other, &format!("{said}&name=x.jsonl"), &rows)), "x.jsonl"), plain(&two, "x.jsonl"));
    assert_eq!(feeds("marker-first").len(), 6);
    desk.home.must_be_well();
}

#[test]
fn what_comes_in_pieces_is_under_its_terms_before_its_first_byte() {
    let desk = Desk::new("");
    let rows = line("198.51.100.9", 2, "marker-pieces");
    let length = rows.len().to_string();
    let said = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| format!("{name} {}", STANDARD.encode(value))).collect::<Vec<_>>().join(",")
    };
    let begin = |metadata: &str| {
        let headers = [("Tus-Resumable", "1.0.0"), ("Upload-Length", length.as_str()), ("Upload-Metadata", metadata)];
        desk.call(&desk.isp, "POST", "/api/v1/uploads", &headers, b"")
    };
    assert_eq!(begin(&said(&[("filename", "a.jsonl"), ("format", "intelmq")])).status, 400, "no terms, no upload");
    assert_eq!(begin(&said(&[("filename", "a.jsonl"), ("tlp", "green"), ("from", "us")])).status, 400);
    let begun = begin(&said(&[("filename", "a.jsonl"), ("tlp", "green"), ("unnamed", "true"), ("format", "intelmq")]));
    assert_eq!(begun.status, 201, "{}", text(&begun));
    let place = begun.header("location").unwrap().to_owned();
    let terms = "tlp:green attribution:must-not";
    assert_eq!(desk.get(&desk.isp, &place).json()["terms"], terms);
    // Half of it: nothing is visible to anybody. Terms cannot be changed on the way.
    let piece = |offset: usize, bytes: &[u8], query: &str| {
        let headers =
            [("Tus-Resumable", "1.0.0"), ("Upload-Offset", &offset.to_string()), ("Content-Type", "application/offset+octet-stream")];
        desk.call(&desk.isp, "PATCH", &format!("{place}{query}"), &headers, bytes).status
    };
    assert_eq!(piece(0, &rows.as_bytes()[..40], "?tlp=clear"), 400);
    assert_eq!(piece(0, &rows.as_bytes()[..40], ""), 204);
    assert!(desk.events_with("marker-pieces").is_empty());
    assert_eq!(piece(40, &rows.as_bytes()[40..], ""), 204);
    let told = (0..600)
        .map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(100));
            desk.get(&desk.isp, &place).json()
        })
        .find(|told| told["ended_at"].is_string())
        .expect("it is read");
    assert_eq!(told["outcome"]["stored"], 1, "{told}");
    let held = desk.events_with("marker-pieces")[0]["terms"].clone();
    assert_eq!(held, "tlp:green attribution:must-not community:nca", "bound to the community that giver and we share");
    // Whoever is in no such community does not see it.
    assert!(!desk.all_seen_by(&desk.other).contains("marker-pieces"));
}

#[test]
fn a_party_can_give_only_so_much_and_a_reader_nothing() {
    let desk = Desk::new("[serve]\nlargest_outside_upload = 1000\noutside_uploads_per_day = 3\noutside_bytes_per_day = 1500\n");
    let said = "format=intelmq&tlp=amber";
    let rows = |n: usize| (0..n).map(|m| line("198.51.100.9", m, "m")).collect::<String>();
    assert_eq!(desk.give(&desk.isp, said, &rows(20)).status, 413);
    assert_eq!(desk.give(&desk.us, said, &rows(20)).status, 200, "we ourselves may");
    let length = [("Tus-Resumable", "1.0.0"), ("Upload-Length", "1001"), ("Upload-Metadata", "tlp YW1iZXI=")];
    assert_eq!(desk.call(&desk.isp, "POST", "/api/v1/uploads", &length, b"").status, 413);
    // What is begun counts with all that was said to come.
    let length = [("Tus-Resumable", "1.0.0"), ("Upload-Length", "900"), ("Upload-Metadata", "tlp YW1iZXI=")];
    assert_eq!(desk.call(&desk.isp, "POST", "/api/v1/uploads", &length, b"").status, 201);
    let refused = desk.call(&desk.isp, "POST", "/api/v1/uploads", &length, b"");
    assert!(refused.status == 429 && refused.header("retry-after").is_some(), "{}", text(&refused));
    assert_eq!(desk.give(&desk.isp, said, &rows(1)).status, 200);
    assert_eq!(desk.give(&desk.isp, said, &rows(2)).status, 200);
    assert_eq!(desk.give(&desk.isp, said, &line("198.51.100.1", 9, "x")).status, 429, "three a day");
    // Another party has a measure of its own.
    assert_eq!(desk.give(&desk.other, said, &rows(1)).status, 200);
    let reader = Token::create(&desk.home, "other", "reader");
    assert_eq!(desk.give(&reader, said, &rows(1)).status, 404, "a token that reads gives nothing");
    assert_eq!(desk.get(&reader, "/api/v1/uploads").status, 200);
    // Nothing lies about that nobody counts.
    let left = std::fs::read_dir(desk.home.root().join("uploads")).unwrap().count();
    assert_eq!(left, 1, "the one that was begun");
}

#[test]
fn a_person_of_a_party_gives_in_the_portal_and_sees_what_became_of_each_row() {
    let desk = Desk::new("");
    let told = desk.home.json(&["person", "invite", "--role", "partner", "--party", "isp"]);
    let person = Visitor::welcomed(desk.server.address, told["link"].as_str().unwrap(), "hana");
    let page = text(&person.get("/portal/evidence"));
    // The choice says what we would make of it, and none is made for anybody.
    assert!(page.contains("TLP:AMBER+STRICT") && !page.contains("name=\"tlp\" value=\"AMBER\" checked"), "{page}");
    let form = |fields: &[(&str, &str)], file: &str, body: &str| {
        let fields: String = fields
            .iter()
            .map(|(name, value)| format!("--seam\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"))
            .collect();
        let text =
            format!("{fields}--seam\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{file}\"\r\n\r\n{body}\r\n--seam--\r\n");
        person.send("POST", "/portal/evidence", &[("Content-Type", "multipart/form-data; boundary=seam")], text.as_bytes())
    };
    let rows = line("198.51.100.9", 2, "marker-portal") + "<script>alert(1)</script>\n";
    assert_eq!(form(&[("unnamed", "true")], "a.jsonl", &rows).status, 400, "terms first");
    let given = form(&[("tlp", "AMBER"), ("unnamed", "true")], "<b>a.jsonl", &rows);
    assert_eq!(given.status, 303, "{}", text(&given));
    let place = given.header("location").unwrap().to_owned();
    let one = (0..600)
        .map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(100));
            text(&person.get(&place))
        })
        .find(|page| !page.contains("http-equiv"))
        .expect("it is read");
    assert!(one.contains("tlp:amber attribution:must-not") && one.contains("&lt;b&gt;a.jsonl") && !one.contains("<script>alert"), "{one}");
    assert!(!one.contains("/evidence/new") && !one.contains("href=\"/evidence/"), "no way to what is ours: {one}");
    let list = text(&person.get("/portal/evidence?lang=ja"));
    assert!(list.contains("証拠の提供") && list.contains(&place), "{list}");
    assert_eq!(desk.events_with("marker-portal").len(), 1);
    // A colleague sees it too, another party does not, and the audit names who did it and under which terms.
    assert!(text(&desk.get(&desk.isp, "/portal/evidence")).contains(&place));
    assert!(!text(&desk.get(&desk.other, "/portal/evidence")).contains(&place));
    let boss = desk.home.json(&["person", "invite", "--role", "auditor"]);
    let auditor = Visitor::welcomed(desk.server.address, boss["link"].as_str().unwrap(), "ken");
    let audit = text(&auditor.get("/settings/audit"));
    assert!(audit.contains("POST /portal/evidence") && audit.contains("tlp:amber attribution:must-not"), "{audit}");
}

/// Known to the network of the other party, and to whoever blocks it.
const BAD: &str = "9.0.0.66";
/// In every row of it.
const MARK: &str = "marker-tight.example";

/// Everybody is in one community: what is GREEN reaches the other party over every channel.
fn all_together() -> Desk {
    let parties = PARTIES.replace(
        "networks = ['198.51.100.0/24']\nclients_of = ['us']",
        "networks = ['198.51.100.0/24', '9.0.0.0/24']\nclients_of = ['us']\ncommunities = ['nca']\ncontacts = ['abuse en abuse@other.example']",
    );
    assert_ne!(parties, PARTIES);
    Desk::among(&parties, "[mail]\nfrom = \"csirt@csirt.example\"\norganisation = \"Our CSIRT\"\nreply_to = \"notice@csirt.example\"\n")
}

/// A row that a notice, an indicator and a list are made of.
fn bad(minutes: i64) -> String {
    let at = jiff::Timestamp::now().checked_sub(jiff::SignedDuration::from_mins(minutes)).unwrap();
    json!({"time.source": at.to_string(), "source.ip": BAD, "classification.type": "c2-server", "malware.name": "mirai",
        "source.reverse_dns": MARK, "extra.mark": MARK})
    .to_string()
        + "\n"
}

#[test]
fn what_was_given_can_be_put_under_stricter_terms_and_is_gone_from_every_channel_at_once() {
    let desk = all_together();
    let rows = bad(60) + &bad(61);
    let told = first(&desk.give(&desk.isp, "name=seen.jsonl&format=intelmq&tlp=green", &rows));
    let (id, evidence) = (told["id"].as_str().unwrap(), told["evidence"].as_str().unwrap());
    // A row that nobody restricts stays where it is.
    first(&desk.give(&desk.isp, "name=stays.jsonl&format=intelmq&tlp=green", &line("198.51.100.9", 2, "marker-stays")));

    // What is made of it: an indicator in a collection, a notice that waits, and one that was looked at.
    let home = &desk.home;
    let collection = home.json(&["collection", "add", "ours", "--title", "Ours"])["id"].as_str().unwrap().to_owned();
    home.ok(&["collection", "grant", "ours", "--to", "other", "--read"]);
    home.ok(&["indicator", "derive"]);
    home.ok(&["indicator", "publish", "--collection", "ours"]);
    home.ok(&["notice", "prepare", "--at-once"]);
    let objects = format!("/taxii2/root/collections/{collection}/objects/?match%5Bversion%5D=all");
    let channels = |token: &Token| {
        let taxii = desk.server.get(token, &objects);
        assert_eq!(taxii.status, 200);
        let last = taxii.header("X-TAXII-Date-Added-Last").unwrap_or_default().to_owned();
        let rest = [
            "/lists/plain",
            "/api/v1/indicators",
            "/api/v1/events?limit=1000",
            "/api/v1/lookup/9.0.0.66",
            "/report/inside.json?time.min=2026-03-01",
            "/portal/problems?days=365",
            "/portal/problems/download.csv?days=365",
            "/portal/problems/download.json?days=365",
            "/portal/problems/download.stix?days=365",
            "/portal/problems/download.xarf?days=365",
        ];
        // A look-up says again what was asked.
        let rest =
            rest.map(|path| (path, text(&desk.get(token, path)).replace(&format!("{{\"value\":\"{BAD}\",\"special\""), "{\"special\"")));
        (last, [(objects.as_str(), text(&taxii))].into_iter().chain(rest).collect::<Vec<_>>())
    };
    let (last, before) = channels(&desk.other);
    for (path, said) in &before {
        assert!(said.contains(BAD), "{path} does not tell of it before: {said}");
    }

    // Only its giver may, only stricter, and never back.
    let terms = format!("/api/v1/uploads/{id}/terms");
    let tighten = |token: &Token, body: &Value| {
        desk.call(token, "POST", &terms, &[("Content-Type", "application/json")], body.to_string().as_bytes())
    };
    assert_eq!(tighten(&desk.other, &json!({"tlp": "red"})).status, 404);
    let reader = Token::create(home, "isp", "reader");
    assert_eq!(tighten(&reader, &json!({"tlp": "red"})).status, 404, "whoever only reads changes nothing");
    for (body, why) in [(json!({"tlp": "clear"}), "tlp would be looser"), (json!({"tlp": "green"}), "under these terms already")] {
        let refused = tighten(&desk.isp, &body);
        assert!(refused.status == 422 && text(&refused).contains(why), "{body}: {}", text(&refused));
    }
    assert_eq!(tighten(&desk.isp, &json!({"tlp": "purple"})).status, 400);
    assert_eq!(tighten(&desk.isp, &json!({"tlp": "amber", "feed": "x"})).status, 400);
    let (_, still) = channels(&desk.other);
    assert!(still.iter().all(|(_, said)| said.contains(BAD)), "what was refused changed nothing");

    let done = tighten(&desk.isp, &json!({"tlp": "amber", "unnamed": true}));
    assert_eq!(done.status, 200, "{}", text(&done));
    let done = done.json();
    assert_eq!((&done["before"], &done["terms"]), (&json!("tlp:green"), &json!("tlp:amber attribution:must-not")), "{done}");
    assert!(done["left_before"].as_u64().unwrap() > 0, "the page of the collection: {done}");
    assert!(!done.to_string().contains("other"), "not to whom: {done}");

    // Gone from every channel, with nothing left of it but the number of a version that is no more.
    let (_, after) = channels(&desk.other);
    for (path, said) in &after {
        assert!(!said.contains(BAD) && !said.contains(MARK), "{path} tells of it after: {said}");
    }
    assert!(desk.all_seen_by(&desk.other).contains("marker-stays"), "another file of the same party stays");
    home.ok(&["indicator", "derive"]);
    home.ok(&["indicator", "publish", "--collection", "ours"]);
    let (_, later) = channels(&desk.other);
    for (path, said) in &later {
        assert!(!said.contains(BAD) && !said.contains(MARK), "{path} tells of it when it is derived again: {said}");
    }
    home.ok(&["notice", "release"]);
    let notices = home.json(&["notice", "list", "--party", "other"]);
    let of = |problem: &str| {
        notices.as_array().unwrap().iter().find(|notice| notice["problem"] == problem).expect("it was ready")["state"].clone()
    };
    assert_eq!(
        (of("command-and-control"), of("compromised")),
        (json!("denied"), json!("released")),
        "told nobody, and the other stays: {notices}"
    );
    // Whoever listened hears that it was withdrawn.
    let stream = stream_of(&desk.server, &desk.other, &format!("/taxii2/root/collections/{collection}/stream/?added_after={last}"));
    assert!(stream.contains("event: withdrawn") && !stream.contains(BAD), "{stream}");

    // For us it is what it was, under its new terms; to read the evidence again brings nothing back, and nothing is broken.
    for event in desk.events_with(MARK) {
        assert_eq!(event["terms"], "tlp:amber+strict attribution:must-not community:nca", "{event}");
    }
    assert_eq!(desk.events_with(MARK).len(), 2);
    home.ok(&["reread", "--evidence", evidence, "--apply"]);
    assert_eq!(desk.events_with(MARK).len(), 2);
    first(&desk.give(&desk.isp, "name=seen.jsonl&format=intelmq&tlp=green", &rows));
    assert!(channels(&desk.other).1.iter().all(|(_, said)| !said.contains(MARK)), "giving it again does not loosen it");
    let boss = home.json(&["person", "invite", "--role", "auditor"]);
    let auditor = Visitor::welcomed(desk.server.address, boss["link"].as_str().unwrap(), "ken");
    let audit = text(&auditor.get("/settings/audit"));
    assert!(audit.contains("tlp:green to tlp:amber attribution:must-not"), "{audit}");
    let page = text(&auditor.get(&format!("/evidence/{evidence}?lang=ja")));
    assert!(page.contains("取扱条件の厳格化") && page.contains("確実に提供済み") && page.contains("href=\"/parties/other\""), "{page}");
    home.must_be_well();
}

/// What a stream says until something was withdrawn.
fn stream_of(server: &Server, token: &Token, path: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: Bearer {}\r\n\r\n", token.token);
    stream.write_all(head.as_bytes()).unwrap();
    let (mut text, mut buffer) = (String::new(), [0; 65_536]);
    while !text.contains("event: withdrawn") {
        let count = stream.read(&mut buffer).unwrap_or_else(|error| panic!("nothing was withdrawn: {error}: {text}"));
        assert!(count > 0, "the stream ended: {text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    text
}

#[test]
fn a_person_tightens_in_the_portal_and_we_can_look_at_it_as_that_party() {
    let desk = all_together();
    let told = first(&desk.give(&desk.isp, "name=%3Cb%3Eseen.jsonl&format=intelmq&tlp=green", &(bad(60) + "no row\n")));
    let id = told["id"].as_str().unwrap();
    let welcomed = |role: &str, party: Option<&str>, name: &str| {
        let mut asked = vec!["person", "invite", "--role", role];
        asked.extend(party.iter().flat_map(|party| ["--party", party]));
        Visitor::welcomed(desk.server.address, desk.home.json(&asked)["link"].as_str().unwrap(), name)
    };
    let (person, stranger, analyst) =
        (welcomed("partner", Some("isp"), "hana"), welcomed("partner", Some("other"), "taro"), welcomed("analyst", None, "ken"));
    let place = format!("/portal/evidence/{id}");
    let page = text(&person.get(&format!("{place}?lang=en")));
    assert!(page.contains("Stricter terms") && !page.contains("value=\"CLEAR\"") && page.contains("value=\"RED\""), "{page}");

    // The same page as we see it: what the party gave, no form, and no release of it.
    let releases = || desk.home.json(&["log", "list"]).as_array().unwrap().len();
    let before = releases();
    for path in [
        "",
        "/problems",
        "/problems/download.csv",
        "/problems/download.stix",
        "/notices",
        "/networks",
        "/evidence",
        "/downloads",
        "/settings",
    ] {
        let view = analyst.get(&format!("/parties/other/view{path}"));
        assert_eq!(view.status, 200, "{path}: {}", text(&view));
    }
    let view = text(&analyst.get(&format!("/parties/isp/view/evidence/{id}?lang=en")));
    assert!(view.contains("&lt;b&gt;seen.jsonl") && view.contains("no preview is written to the log of releases"), "{view}");
    assert!(!view.contains("method=\"post\" action=\"/portal") && view.contains("/parties/isp/view/evidence"), "{view}");
    assert!(text(&analyst.get("/parties/isp/view/evidence")).contains(&format!("/parties/isp/view/evidence/{id}")));
    assert_eq!(analyst.get(&format!("/parties/other/view/evidence/{id}")).status, 404, "what one party gave is not the other's");
    assert!(text(&analyst.get("/parties/other/view/problems?days=365")).contains(BAD));
    assert_eq!(releases(), before, "nobody was given anything");

    assert_eq!(stranger.get(&place).status, 404);
    assert_eq!(stranger.post(&format!("{place}/terms"), &[("tlp", "RED")]).status, 404);
    assert_eq!(analyst.post(&format!("{place}/terms"), &[("tlp", "RED")]).status, 403);
    let looser = person.post(&format!("{place}/terms?lang=ja"), &[("tlp", "CLEAR")]);
    assert!(looser.status == 400 && text(&looser).contains("より緩い条件"), "{}", text(&looser));
    assert_eq!(person.post(&format!("{place}/terms"), &[("tlp", "AMBER+STRICT")]).status, 303);
    let now = text(&person.get(&format!("{place}?lang=ja")));
    assert!(now.contains("取扱条件の変更履歴") && now.contains("tlp:amber+strict"), "{now}");
    assert!(!text(&analyst.get("/parties/other/view/problems?days=365")).contains(BAD));
    assert!(!desk.all_seen_by(&desk.other).contains(BAD));
    desk.home.must_be_well();
}
