//! The portal: a partner asks for what is another's, in every way there is, and learns nothing, not even that it is there.

mod story;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;
use story::Home;
use story::server::{Answer, Server, Token};

/// Planted in what A may not know: of B, and of A's own network but under terms that keep it in.
const OF_B: &str = "marker-of-b";
const STRICT: &str = "marker-strict";
const OF_A: &str = "marker-of-a";

/// Somebody who asks: a program of a party, or a person with a browser.
struct Browser<'s> {
    server: &'s Server,
    name: &'static str,
    shown: String,
}

impl Browser<'_> {
    fn headers(&self) -> Vec<(&str, &str)> {
        vec![(self.name, self.shown.as_str()), ("Sec-Fetch-Site", "same-origin"), ("Content-Type", "application/x-www-form-urlencoded")]
    }

    fn get(&self, path: &str) -> Answer {
        self.server.request("GET", path, &self.headers(), b"")
    }

    fn post(&self, path: &str, form: &str) -> Answer {
        self.server.request("POST", path, &self.headers(), form.as_bytes())
    }
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

/// Opens a link that makes an account.
fn account<'s>(server: &'s Server, link: &str, name: &str) -> Browser<'s> {
    let key = link.split("key=").nth(1).unwrap();
    let form = format!("key={key}&name={name}&shown={name}&password=correct+horse+battery+{name}");
    let made = server.request(
        "POST",
        "/welcome",
        &[("Sec-Fetch-Site", "same-origin"), ("Content-Type", "application/x-www-form-urlencoded")],
        form.as_bytes(),
    );
    assert_eq!(made.status, 303, "{}", text(&made));
    let cookie = made.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    Browser { server, name: "Cookie", shown: cookie }
}

/// Recent days, so that the last thirty hold them.
fn day(back: i64) -> String {
    let now = jiff::Timestamp::now();
    now.checked_sub(jiff::SignedDuration::from_hours(24 * back)).unwrap().strftime("%Y-%m-%d").to_string()
}

/// A report in a format of our own mapping: address, port, what.
fn report(rows: &[(&str, u32, &str, i64)]) -> String {
    let mut out = String::from("\"timestamp\",\"ip\",\"protocol\",\"port\",\"hostname\",\"tag\",\"asn\",\"geo\"\n");
    for (ip, port, name, back) in rows {
        let _ = writeln!(out, "\"{} 10:00:00\",\"{ip}\",\"tcp\",\"{port}\",\"{name}.example\",\"ssh\",\"64500\",\"JP\"", day(*back));
    }
    out
}

struct World {
    home: Home,
}

fn world() -> World {
    let home = Home::new();
    home.ok(&["party", "add", "us", "--kind", "national-csirt", "--nation", "JP", "--community", "nca", "--own"]);
    home.ok(&[
        "party",
        "add",
        "isp-a",
        "--kind",
        "provider",
        "--nation",
        "JP",
        "--community",
        "nca",
        "--network",
        "198.51.100.0/24",
        "--contact",
        "abuse en abuse@a.example",
    ]);
    home.ok(&[
        "party",
        "add",
        "isp-b",
        "--kind",
        "provider",
        "--nation",
        "JP",
        "--community",
        "nca",
        "--network",
        "203.0.113.0/24",
        "--network",
        "198.51.100.128/25",
        "--contact",
        "abuse en abuse@marker-of-b.example",
        "--domain",
        "marker-of-b-domain.example",
    ]);
    for party in ["isp-a", "isp-b"] {
        home.ok(&[
            "agreement",
            "add",
            &format!("us-{party}"),
            "--kind",
            "bilateral",
            "--party",
            "us",
            "--party",
            party,
            "--max-tlp",
            "AMBER",
            "--purpose",
            "notify",
        ]);
    }
    let green = home.write(
        &format!("{}-scan_ssh-test.csv", day(1)),
        report(&[
            ("198.51.100.7", 22, &format!("{OF_A}-1"), 1),
            ("198.51.100.8", 22, &format!("{OF_A}-2"), 2),
            ("198.51.100.8", 2222, &format!("{OF_A}-3"), 2),
            // In the network of A, but B answers for it by a more specific entry.
            ("198.51.100.200", 22, &format!("{OF_B}-1"), 1),
            ("203.0.113.9", 22, &format!("{OF_B}-2"), 1),
            // Nobody's yet.
            ("198.18.7.9", 22, "marker-claimed", 1),
        ]),
    );
    home.ok(&["ingest", "--format", "shadowserver", "--tlp", "GREEN", green.to_str().unwrap()]);
    let strict = home.write(
        &format!("{}-scan_ssh-strict.csv", day(1)),
        report(&[("198.51.100.9", 22, &format!("{STRICT}-1"), 1), ("198.51.100.7", 23, &format!("{STRICT}-2"), 1)]),
    );
    home.ok(&["ingest", "--format", "shadowserver", "--tlp", "AMBER+STRICT", strict.to_str().unwrap()]);
    home.write(
        "home/config.toml",
        "[mail]\nfrom = \"csirt@csirt.example\"\norganisation = \"Example CSIRT\"\nreply_to = \"notice@csirt.example\"\n",
    );
    home.ok(&["notice", "prepare", "--at-once"]);
    home.ok(&["notice", "release"]);
    World { home }
}

/// A party by a token of its own: what a role may is the same for people and programs.
fn party<'s>(world: &World, server: &'s Server, party: &str, role: &str) -> Browser<'s> {
    let token = Token::create(&world.home, party, role);
    Browser { server, name: "Authorization", shown: format!("Bearer {}", token.token) }
}

impl World {
    fn notice_of(&self, party: &str) -> Value {
        let notices = self.home.json(&["notice", "list", "--party", party]);
        notices.as_array().unwrap().iter().find(|notice| notice["state"] == "released").unwrap_or_else(|| panic!("{notices}")).clone()
    }
}

/// Nothing of B, and nothing that must stay with us, is in any byte: neither of the body nor of a header.
#[track_caller]
fn clean(what: &str, answer: &Answer) {
    let mut all = text(answer);
    for (name, value) in &answer.headers {
        let _ = write!(all, "\n{name}: {value}");
    }
    for marker in [OF_B, STRICT, "203.0.113.", "198.51.100.200", "198.51.100.9\"", "198.51.100.9<", "isp-b", "AMBER+STRICT"] {
        assert!(!all.contains(marker), "{what}: {marker} in {all}");
    }
}

#[test]
fn a_partner_learns_nothing_of_anybody_else() {
    let world = world();
    let server = Server::start(&world.home);
    let us = party(&world, &server, "us", "manager");
    let a = party(&world, &server, "isp-a", "manager");
    let admin = party(&world, &server, "isp-b", "manager");
    // A person of B comes by a link that its administrator made.
    let invited = text(&admin.post("/portal/settings/people", "role=partner"));
    let link = invited.split("/welcome?key=").nth(1).unwrap().split('<').next().unwrap();
    let b = account(&server, &format!("/welcome?key={link}"), "botan");
    let settings = text(&admin.get("/portal/settings"));
    let botan = settings.split("/portal/settings/people/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let token_of_b = settings.split("/portal/settings/tokens/").nth(1).unwrap().split('/').next().unwrap().to_owned();

    // What is A's is there, and counted exactly.
    let page = a.get("/portal/problems");
    let shown = text(&page);
    assert_eq!(page.status, 200);
    for n in 1..=3 {
        assert!(shown.contains(&format!("{OF_A}-{n}")), "{shown}");
    }
    assert!(shown.contains("3 observations of 2 hosts"), "{shown}");
    clean("problems", &page);
    let of_b = text(&b.get("/portal/problems"));
    assert!(of_b.contains(&format!("{OF_B}-1")) && of_b.contains(&format!("{OF_B}-2")) && !of_b.contains(OF_A), "{of_b}");

    // Every filter, sort, span, page and role, alone and together: what A asks for of B.
    let wanted = [
        "",
        "203.0.113.9",
        "203.0.113.0/24",
        "198.51.100.200",
        "198.51.100.128/25",
        "AS64500",
        OF_B,
        STRICT,
        "198.51.100.9",
        "%",
        "_",
        "'",
        "\\",
        "' OR 1=1 --",
    ];
    let rest = [
        "",
        "&days=365",
        "&as=national",
        "&as=maker",
        "&kind=exposed",
        "&after=1~203.0.113.9",
        "&after=0~0",
        "&day=2026-01-01",
        "&lang=ja",
    ];
    for (n, q) in wanted.into_iter().enumerate() {
        for (m, rest) in rest.into_iter().enumerate() {
            let sort = ["newest", "address", "type", "terms"][(n + m) % 4];
            let encoded: String = form_urlencoded::byte_serialize(q.as_bytes()).collect();
            let answer = a.get(&format!("/portal/problems?q={encoded}&sort={sort}{rest}"));
            assert_eq!(answer.status, 200);
            // The page repeats what was asked, and nothing else of it.
            let told = without_links(&text(&answer)).replace(&format!("value=\"{}\"", html(q)), "");
            for marker in [OF_B, STRICT, "isp-b", "AMBER+STRICT"] {
                assert!(!told.contains(marker), "{q} {sort} {rest}: {marker} in {told}");
            }
        }
    }
    // A filter for what is B's, one for what is under strict terms, and one for what does not exist: the same answer.
    let like = |q: &str| without_links(&text(&a.get(&format!("/portal/problems?q={q}"))).replace(q, "Q"));
    assert_eq!(like("203.0.113.9"), like("203.0.113.77"));
    assert_eq!(like(OF_B), like("marker-of-c"));
    assert_eq!(like(STRICT), like("marker-of-d"));

    // Files hold what the screen shows.
    for ending in ["csv", "json", "stix", "xarf"] {
        let file = a.get(&format!("/portal/problems/download.{ending}?days=365"));
        assert_eq!(file.status, 200, "{}", text(&file));
        assert!(text(&file).contains("198.51.100.8"), "{ending}: {}", text(&file));
        clean(ending, &file);
        assert!(file.header("content-disposition").unwrap().contains("tlp-green"), "{:?}", file.headers);
        clean(ending, &a.get(&format!("/portal/problems/download.{ending}?q=203.0.113.9")));
    }
    // All other pages.
    for path in ["/portal", "/portal/notices", "/portal/notices?open=1", "/portal/networks", "/portal/downloads", "/portal/settings"] {
        clean(path, &a.get(path));
    }
    assert!(text(&a.get("/portal/networks")).contains("198.51.100.0/24"));

    // Ids of B: the answer is that of an id that does not exist, to the last byte but the id.
    let (of_a, of_b) = (world.notice_of("isp-a"), world.notice_of("isp-b"));
    let id = of_b["id"].as_str().unwrap();
    clean("own notice", &a.get(&format!("/portal/notices/{}", of_a["id"].as_str().unwrap())));
    for (path, form) in [
        ("/portal/notices/ID", None),
        ("/portal/notices/ID/answer", Some("says=fixed")),
        ("/portal/networks/ID/check", Some("code=1")),
        ("/portal/networks/ID/withdraw", Some("")),
        ("/portal/settings/tokens/ID/revoke", Some("")),
        ("/portal/settings/people/ID/end", Some("")),
    ] {
        let ask = |id: &str| {
            let path = path.replace("ID", id);
            let answer = form.map_or_else(|| a.get(&path), |form| a.post(&path, form));
            (answer.status, text(&answer).replace(id, "ID"))
        };
        let theirs = match path {
            "/portal/settings/people/ID/end" => botan.clone(),
            "/portal/settings/tokens/ID/revoke" => token_of_b.clone(),
            _ => id.to_owned(),
        };
        assert_eq!(ask(&theirs), ask("N-00000000"), "{path}");
        assert_eq!(ask(&theirs).0, 404, "{path}");
    }
    // B was not answered for, and B's account goes on.
    assert_eq!(world.notice_of("isp-b")["answer"], Value::Null);
    assert_eq!(b.get("/portal").status, 200);

    // Our pages are not there for a partner, whatever their ids.
    for path in ["/", "/parties", "/parties/isp-b", "/parties/isp-a/view", "/notices", "/agreements", "/explain", "/answers", "/releases"] {
        let mut answer = a.get(path);
        assert_eq!(answer.status, 404, "{path}: {}", text(&answer));
        answer.body = without_links(&text(&answer)).into_bytes();
        clean(path, &answer);
    }
    assert_eq!(us.get("/portal").status, 403);

    // Entity tags: the same for A whatever becomes of B.
    let tag = |browser: &Browser<'_>| browser.get("/portal").header("etag").unwrap().to_owned();
    assert_eq!(tag(&a), tag(&a));

    // An agreement that ends stops the flow with the next request.
    let seen = |page: &str| {
        let found = page.split_once("name=\"seen\" value=\"").and_then(|(_, rest)| rest.split_once('"')).expect("what was seen");
        format!("seen={}", found.0)
    };
    let form = seen(&text(&us.get("/agreements/us-isp-a/revoke")));
    // Not by who has not looked, nor by who looked at what is no more: that is said, with what would end now.
    for (form, path) in [("", "/agreements/us-isp-a/revoke"), ("seen=1", "/agreements/us-isp-a/revoke?lang=ja")] {
        let refused = us.post(path, form);
        assert_eq!(refused.status, 409, "{}", text(&refused));
    }
    world.home.ok(&[
        "agreement",
        "add",
        "us-other",
        "--kind",
        "bilateral",
        "--party",
        "us",
        "--party",
        "isp-b",
        "--max-tlp",
        "clear",
        "--purpose",
        "notify",
    ]);
    let late = us.post("/agreements/us-isp-a/revoke?lang=ja", &form);
    assert!(late.status == 409 && text(&late).contains("協定は終了していません"), "{}", text(&late));
    assert!(text(&a.get("/portal/problems")).contains(OF_A), "nothing was ended");
    let now = seen(&text(&late));
    assert_ne!(now, form);
    let revoked = us.post("/agreements/us-isp-a/revoke", &now);
    assert_eq!(revoked.status, 303, "{}", text(&revoked));
    let again = us.post("/agreements/us-isp-a/revoke", &now);
    assert!(again.status == 409 && text(&again).contains("ended already"), "{}", text(&again));
    let after = text(&a.get("/portal/problems"));
    assert!(!after.contains(OF_A), "{after}");

    // Everything that A saw is in the log, and the log verifies.
    drop(server);
    let releases = world.home.json(&["log", "list", "--to", "isp-a"]);
    let all = releases.as_array().unwrap();
    assert!(!all.is_empty(), "{releases}");
    let portal: Vec<&Value> = all.iter().filter(|release| release["channel"] == "portal").collect();
    assert!(portal.len() >= 6, "{releases}");
    let distinct: BTreeSet<&str> = portal.iter().map(|release| release["id"].as_str().unwrap()).collect();
    assert_eq!(distinct.len(), portal.len());
    world.home.ok(&["log", "verify"]);
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Without addresses, which repeat what was asked.
fn without_links(page: &str) -> String {
    let mut out = String::new();
    let mut rest = page;
    while let Some(at) = rest.find("href=\"") {
        out.push_str(&rest[..at]);
        rest = rest[at + 6..].split_once('"').map_or("", |(_, rest)| rest);
    }
    out + rest
}

/// A resolver that knows one text.
fn resolver(text: std::sync::Arc<std::sync::Mutex<(String, String)>>) -> std::net::SocketAddr {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let asked = &buffer[..length];
            let (mut name, mut at) = (String::new(), 12);
            while asked[at] > 0 {
                let end = at + 1 + usize::from(asked[at]);
                let _ = write!(name, "{}.", String::from_utf8_lossy(&asked[at + 1..end]));
                at = end;
            }
            let (known, text) = text.lock().unwrap().clone();
            let found = name.eq_ignore_ascii_case(&known) && asked[at + 2] == 16;
            let mut reply = asked[..2].to_vec();
            reply.extend([0x81, 0x80, 0, 1, 0, u8::from(found), 0, 0, 0, 0]);
            reply.extend(&asked[12..at + 5]);
            if found {
                reply.extend([
                    0xc0,
                    12,
                    0,
                    16,
                    0,
                    1,
                    0,
                    0,
                    0,
                    0,
                    0,
                    u8::try_from(text.len()).unwrap() + 1,
                    u8::try_from(text.len()).unwrap(),
                ]);
                reply.extend(text.as_bytes());
            }
            socket.send_to(&reply, from).unwrap();
        }
    });
    address
}

#[test]
fn a_claim_counts_once_it_is_proved_and_a_notice_is_answered_with_and_without_an_account() {
    let world = world();
    let record = std::sync::Arc::new(std::sync::Mutex::new((String::new(), String::new())));
    let resolver = resolver(std::sync::Arc::clone(&record));
    let config = world.home.root().join("config.toml");
    let before = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{before}[serve]\nresolver = \"{resolver}\"\n")).unwrap();
    let server = Server::start(&world.home);
    let us = party(&world, &server, "us", "manager");
    let a = party(&world, &server, "isp-a", "manager");

    // A claim is nothing before its proof, and another's word proves nothing.
    for (value, way, wrong) in [
        ("203.0.112.0/23", "dns", "whole zones"),
        ("rubbish value", "dns", "no network"),
        ("new-a.example", "file", "fetches no files"),
        ("203.0.113.0/24", "mail", "sends no mail"),
    ] {
        let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
        let page = text(&a.post("/portal/networks", &format!("value={value}&way={way}")));
        assert!(page.contains(wrong), "{value}: {page}");
    }
    let claimed = a.post("/portal/networks", "value=198.18.7.0%2F24&way=dns");
    assert_eq!(claimed.status, 303, "{}", text(&claimed));
    let id = claimed.header("location").unwrap().split("#claim-").nth(1).unwrap().to_owned();
    let page = text(&a.get("/portal/networks"));
    assert!(page.contains("_musubi-claim.7.18.198.in-addr.arpa"), "{page}");
    let code = page.split("musubi-claim=").nth(1).unwrap()[..40].to_owned();
    let check = |expected: u16| {
        let answer = a.post(&format!("/portal/networks/{id}/check"), "");
        assert_eq!(answer.status, expected, "{}", text(&answer));
    };
    check(400);
    *record.lock().unwrap() = ("_musubi-claim.7.18.198.in-addr.arpa.".into(), "musubi-claim=another".into());
    check(400);
    let held = |home: &Home| home.json(&["party", "show", "isp-a"]).to_string();
    assert!(!held(&world.home).contains("198.18.7.0/24"));
    let problems = || text(&a.get("/portal/problems"));
    assert!(!problems().contains("marker-claimed"));
    record.lock().unwrap().1 = format!("musubi-claim={code}");
    check(303);
    let shown = held(&world.home);
    assert!(shown.contains("198.18.7.0/24") && shown.contains("claimed"), "{shown}");
    // With the very next question, and until it is taken back, not a minute longer.
    assert!(problems().contains("marker-claimed"));
    // Proved once is proved; taken back is gone.
    check(400);
    assert_eq!(a.post(&format!("/portal/networks/{id}/withdraw"), "").status, 303);
    assert!(!held(&world.home).contains("198.18.7.0/24"));
    assert!(!problems().contains("marker-claimed"));

    // With an account.
    let notice = world.notice_of("isp-a");
    let id = notice["id"].as_str().unwrap();
    assert_eq!(a.post(&format!("/portal/notices/{id}/answer"), "says=rubbish").status, 400);
    assert_eq!(
        a.post(&format!("/portal/notices/{id}/answer"), "says=not-ours&comment=see+http%3A%2F%2Fevil.example%2F%3Cscript%3E").status,
        303
    );
    assert_eq!(world.notice_of("isp-a")["answer"], "not-ours");
    let inbox = text(&us.get("/answers"));
    let answer = inbox.split("/answers/").nth(1).unwrap().split('"').next().unwrap();
    let page = text(&us.get(&format!("/answers/{answer}")));
    assert!(page.contains("hxxp[:]//evil[.]example") && !page.contains("<script>") && !page.contains("href=\"http"), "{page}");
    // Without one: by what stands in the mail. To look changes nothing.
    let mail = world.home.ok(&["notice", "show", "--mail", id]).out;
    let token = mail.split("notice+").nth(1).unwrap().split('@').next().unwrap().to_owned();
    let nobody = |method: &str, token: &str, body: &str| {
        server.request(method, &format!("/answer/{token}"), &[("Content-Type", "application/x-www-form-urlencoded")], body.as_bytes())
    };
    let page = nobody("GET", &token, "");
    assert_eq!(page.status, 200);
    assert!(!text(&page).contains("198.51.100") && page.header("cache-control") == Some("no-store"), "{page:?}");
    assert_eq!(world.notice_of("isp-a")["answer"], "not-ours");
    assert_eq!(nobody("POST", &token, "says=fixed").status, 200);
    assert_eq!(world.notice_of("isp-a")["answer"], "fixed");
    assert_eq!(nobody("GET", "aaaaaaaaaaaaaaaa", "").status, 404);

    // Held notices do not go out, and our own pages say that nothing can be sent.
    let list = text(&us.get("/notices"));
    assert!(list.contains("Nothing can be sent"), "{list}");
    // What an agreement would open is shown before it is saved, and nothing is saved by looking.
    let form = "id=wide&kind=bilateral&max_tlp=AMBER&parties=us%0Aisp-b&purposes=research";
    let looked = us.post("/agreements/new", &format!("{form}&step=look"));
    assert!(text(&looked).contains("Parties that would see more: 1; less: 0."), "{}", text(&looked));
    assert!(!world.home.json(&["agreement", "list"]).to_string().contains("wide"));
    let seen = text(&looked).split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(us.post("/agreements/new", &format!("{form}&step=save&seen=0")).status, 200, "another moment's effect is no effect");
    assert_eq!(us.post("/agreements/new", &format!("{form}&step=save&seen={seen}")).status, 303);
    assert!(world.home.json(&["agreement", "list"]).to_string().contains("wide"));
    // As the party sees it: the same rows, and no leaf in the log.
    let leaves = world.home.json(&["log", "list", "--to", "isp-a"]).as_array().unwrap().len();
    let view = text(&us.get("/parties/isp-a/view/problems"));
    assert!(view.contains(OF_A) && !view.contains(OF_B) && !view.contains(STRICT) && view.contains("You see this as"), "{view}");
    assert_eq!(world.home.json(&["log", "list", "--to", "isp-a"]).as_array().unwrap().len(), leaves);
}

#[test]
fn an_address_of_their_own_lets_in_partners_and_nobody_else() {
    let world = world();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = world.home.root().join("config.toml");
    let before = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{before}[serve]\nportal = \"{free}\"\n")).unwrap();
    let server = Server::start(&world.home);
    let us = party(&world, &server, "us", "manager");
    let a = party(&world, &server, "isp-a", "manager");
    let at_portal =
        |who: &Browser<'_>, path: &str| story::server::request(free, "GET", path, &[(who.name, who.shown.as_str())], b"").status;
    assert_eq!(
        [at_portal(&a, "/portal"), at_portal(&a, "/taxii2/"), at_portal(&a, "/parties"), at_portal(&a, "/log/checkpoint")],
        [200, 200, 404, 404]
    );
    assert_eq!([at_portal(&us, "/parties"), at_portal(&us, "/portal")], [404, 404]);
    assert_eq!([a.get("/portal").status, a.get("/taxii2/").status], [403, 403]);
    assert_eq!(us.get("/parties").status, 200);
}
