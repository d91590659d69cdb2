//! Parties and agreements by machine: checked as a form is, looked at before they are saved, never over what somebody else changed.

mod story;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use story::Home;
use story::server::{Answer, Server, Token};

struct Desk {
    home: Home,
    server: Server,
    lead: Token,
    analyst: Token,
    reader: Token,
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

impl Desk {
    fn new() -> Self {
        let home = Home::new();
        home.write("parties.toml", "[[party]]\nid = 'us'\nname = 'Our CSIRT'\nkind = 'national-csirt'\nown = true\n\n[[party]]\nid = 'client'\nname = 'Client'\nkind = 'company'\nclients_of = ['us']\n");
        home.ok(&["party", "import", "parties.toml"]);
        let row = json!({"time.source": "2026-03-25T01:00:00+00:00", "source.ip": "192.0.2.7", "classification.type": "infected-system"});
        home.write("a.jsonl", row.to_string() + "\n");
        home.ingest(&["--feed", "sensor", "--format", "intelmq", "--tlp", "amber", "a.jsonl"]);
        let [lead, analyst, reader] = ["manager", "member", "reader"].map(|role| Token::create(&home, "us", role));
        let server = Server::start(&home);
        Self { home, server, lead, analyst, reader }
    }

    fn ask(&self, token: &Token, method: &str, path: &str, more: &[(&str, &str)], body: &Value) -> Answer {
        let bearer = format!("Bearer {}", token.token);
        let headers = [vec![("Authorization", bearer.as_str()), ("Content-Type", "application/json")], more.to_vec()].concat();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        // A body of nothing has a length too.
        let length = [("Content-Length", "0")];
        let headers = if body.is_empty() && method != "GET" && method != "POST" { [headers, length.to_vec()].concat() } else { headers };
        self.server.request(method, path, &headers, body.as_bytes())
    }

    fn get(&self, path: &str) -> Answer {
        self.ask(&self.lead, "GET", path, &[], &Value::Null)
    }

    fn tag(&self, path: &str) -> String {
        self.get(path).header("etag").expect("a tag").to_owned()
    }
}

#[test]
fn a_party_is_added_and_changed_by_machine_as_by_hand() {
    let desk = Desk::new();
    let isp = json!({"id": "isp", "name": "Example ISP", "kind": "provider", "nation": "jp", "networks": ["192.0.2.0/24"],
        "contacts": [{"role": "abuse", "language": "ja", "address": "abuse@isp.example"}]});
    // Who only reads changes nothing.
    assert_eq!(desk.ask(&desk.reader, "POST", "/api/v1/parties", &[], &isp).status, 403);
    // What a form refuses is refused.
    for bad in
        [json!({"id": "x", "kind": "bakery"}), json!({"id": "x", "kind": "provider", "networks": ["300.0.0.0/8"]}), json!({"kind": "isac"})]
    {
        let refused = desk.ask(&desk.analyst, "POST", "/api/v1/parties", &[], &bad);
        assert!(refused.status == 400 && refused.json()["detail"].is_string(), "{bad}: {}", text(&refused));
    }
    let looked = desk.ask(&desk.analyst, "POST", "/api/v1/parties?dry_run=true", &[], &isp);
    assert_eq!(looked.status, 200, "{}", text(&looked));
    assert_eq!(looked.json()["answers_for"], json!([{"kind": "network", "value": "192.0.2.0/24", "now": null, "then": "isp"}]));
    assert_eq!(desk.get("/api/v1/parties/isp").status, 404, "to look changes nothing");
    let key = [("Idempotency-Key", "one")];
    let made = desk.ask(&desk.analyst, "POST", "/api/v1/parties", &key, &isp);
    assert_eq!((made.status, made.header("location")), (201, Some("/api/v1/parties/isp")), "{}", text(&made));
    assert_eq!(desk.ask(&desk.analyst, "POST", "/api/v1/parties", &key, &isp).status, 201, "the same answer again");
    assert_eq!(desk.ask(&desk.analyst, "POST", "/api/v1/parties", &[], &isp).status, 409);
    // The command line reads the same.
    let shown = desk.home.json(&["party", "show", "isp"]);
    assert_eq!((&shown["contacts"][0]["address"], &shown["contacts"][0]["language"]), (&json!("abuse@isp.example"), &json!("ja")));
    // What a registry said stays beside our word.
    desk.home.write("ripe.toml", "[[party]]\nid = 'isp'\nkind = 'provider'\nsaid_by = 'registry:ripe'\nnetworks = ['203.0.113.0/24']\n");
    desk.home.ok(&["party", "import", "ripe.toml"]);
    let path = "/api/v1/parties/isp";
    let changed = json!({"name": "Example ISP KK", "kind": "provider", "networks": ["198.51.100.0/24"]});
    assert_eq!(desk.ask(&desk.analyst, "PUT", path, &[], &changed).status, 428, "who has not read does not change");
    let tag = desk.tag(path);
    let done = desk.ask(&desk.analyst, "PUT", path, &[("If-Match", &tag)], &changed);
    assert_eq!(done.status, 200, "{}", text(&done));
    let claims: BTreeSet<String> =
        done.json()["answers_for"].as_array().unwrap().iter().map(|one| one["value"].as_str().unwrap().to_owned()).collect();
    assert_eq!(claims, ["198.51.100.0/24", "203.0.113.0/24"].map(str::to_owned).into());
    assert_eq!(done.header("etag"), Some(desk.tag(path).as_str()), "the tag of what is there now");
    let late = desk.ask(&desk.analyst, "PUT", path, &[("If-Match", &tag)], &json!({"name": "Too late", "kind": "provider"}));
    assert_eq!(late.status, 412, "{}", text(&late));
    assert_eq!(desk.get(path).json()["name"], "Example ISP KK");
    assert_eq!(desk.ask(&desk.analyst, "PUT", "/api/v1/parties/nobody", &[("If-Match", "*")], &changed).status, 404);
}

#[test]
fn an_agreement_is_saved_only_by_who_saw_what_it_changes() {
    let desk = Desk::new();
    let client = Token::create(&desk.home, "client", "reader");
    let sees = || text(&desk.ask(&client, "GET", "/api/v1/events", &[], &Value::Null)).contains("192.0.2.7");
    let bond = json!({"id": "us-client", "kind": "bilateral", "parties": ["us", "client", "stranger"], "max_tlp": "amber+strict",
        "purposes": ["notify", "defend"], "reference": "MoU"});
    let path = "/api/v1/agreements";
    // An analyst does not bind us.
    assert_eq!(desk.ask(&desk.analyst, "POST", path, &[], &bond).status, 403);
    assert_eq!(desk.ask(&desk.lead, "POST", path, &[], &bond).status, 428, "nobody has looked");
    let looked = desk.ask(&desk.lead, "POST", &format!("{path}?dry_run=true"), &[], &bond);
    assert_eq!(looked.status, 200, "{}", text(&looked));
    let told = looked.json();
    assert_eq!((&told["strangers"], &told["effect"]["gaining"]), (&json!(["stranger"]), &json!(1)), "{told}");
    let change = &told["effect"]["differences"][0];
    assert_eq!((&change["party"], &change["terms"], &change["events"]), (&json!("client"), &json!("tlp:amber"), &json!(1)), "{told}");
    assert!(!sees() && desk.get(path).json()["data"] == json!([]), "to look changes nothing");
    // Somebody changes something meanwhile: what was looked at is no longer what would happen.
    desk.home.ok(&["party", "add", "other", "--kind", "provider"]);
    let save = |seen: &Value, method: &str, path: &str, more: &[(&str, &str)], body: &Value| {
        desk.ask(&desk.lead, method, &format!("{path}?seen={seen}"), more, body)
    };
    assert_eq!(save(&told["seen"], "POST", path, &[], &bond).status, 412);
    assert!(!sees());
    let seen = desk.ask(&desk.lead, "POST", &format!("{path}?dry_run=true"), &[], &bond).json()["seen"].clone();
    let made = save(&seen, "POST", path, &[], &bond);
    assert_eq!((made.status, &made.json()["in_force"]), (201, &json!(true)), "{}", text(&made));
    assert!(sees(), "the effect that was shown");
    // Changed: by who has read it, and looked.
    let one = "/api/v1/agreements/us-client";
    let less = json!({"kind": "bilateral", "parties": ["us", "client"], "max_tlp": "clear", "purposes": ["notify"]});
    let tag = desk.tag(one);
    let looked = desk.ask(&desk.lead, "PUT", &format!("{one}?dry_run=true"), &[], &less).json();
    assert_eq!(looked["effect"]["losing"], 1, "{looked}");
    assert_eq!(save(&looked["seen"], "PUT", one, &[], &less).status, 428, "no If-Match");
    assert_eq!(save(&looked["seen"], "PUT", one, &[("If-Match", "\"old\"")], &less).status, 412);
    assert_eq!(desk.ask(&desk.lead, "PUT", one, &[("If-Match", &tag)], &less).status, 428, "not looked at");
    assert_eq!(save(&looked["seen"], "PUT", one, &[("If-Match", &tag)], &less).status, 200);
    assert!(!sees());
    // Ended for ever.
    let looked = desk.ask(&desk.lead, "DELETE", &format!("{one}?dry_run=true"), &[], &Value::Null).json();
    assert_eq!(looked["would_be"], Value::Null);
    let ended = save(&looked["seen"], "DELETE", one, &[("If-Match", &desk.tag(one))], &Value::Null);
    assert!(ended.status == 200 && ended.json()["revoked_at"].is_string(), "{}", text(&ended));
    assert_eq!(desk.home.json(&["agreement", "show", "us-client"])["in_force"], false);
}

#[test]
fn notices_are_paged_and_each_comes_once() {
    let desk = Desk::new();
    let rows: String = (0..7)
        .map(|n| {
            desk.home.ok(&[
                "party",
                "add",
                &format!("isp-{n}"),
                "--kind",
                "provider",
                "--network",
                &format!("198.51.100.{}/32", n + 1),
                "--contact",
                &format!("abuse en abuse@isp{n}.example"),
            ]);
            let now = jiff::Timestamp::now();
            json!({"time.source": now.to_string(), "source.ip": format!("198.51.100.{}", n + 1), "classification.type": "infected-system",
                "malware.name": "mirai"})
            .to_string()
                + "\n"
        })
        .collect();
    desk.home.write("b.jsonl", rows);
    desk.home.ingest(&["--feed", "sensor", "--format", "intelmq", "--tlp", "clear", "b.jsonl"]);
    desk.home.write(
        "home/config.toml",
        "[mail]\nfrom = \"csirt@csirt.example\"\norganisation = \"Example CSIRT\"\nreply_to = \"notice@csirt.example\"\n",
    );
    desk.home.ok(&["notice", "prepare", "--at-once"]);
    let all = desk.get("/api/v1/notices?limit=1000").json();
    let all: Vec<String> = all["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
    assert!(all.len() >= 7, "{all:?}");
    let (mut path, mut found) = ("/api/v1/notices?limit=3".to_owned(), Vec::new());
    loop {
        let page = desk.get(&path);
        assert_eq!(page.status, 200, "{}", text(&page));
        let rows = page.json()["data"].as_array().unwrap().clone();
        assert!(rows.len() <= 3);
        found.extend(rows.iter().map(|one| one["id"].as_str().unwrap().to_owned()));
        let Some(link) = page.header("link") else { break };
        assert!(page.json()["next"].is_string());
        path = link.trim_start_matches('<').split('>').next().unwrap().to_owned();
    }
    assert_eq!(found, all, "in one order, each once");
    assert_eq!(desk.get("/api/v1/notices?cursor=xx").status, 400);
    assert_eq!(desk.get("/api/v1/notices?state=nothing").status, 400);
}
