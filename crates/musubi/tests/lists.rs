//! Block lists: does each party get what it may block, all of it, and nothing else, in files that the programs take?

mod story;

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use story::dns::{Named, dig, path, port, program};
use story::server::{Server, Token};
use story::{Home, circle};

const GREEN: &str = "c2.green-list-of-a-test.com";
const STRICT: &str = "c2.strict-list-of-a-test.com";
const PASSIVE: &str = "c2.passive-list-of-a-test.com";
const LATER: &str = "c2.later-list-of-a-test.com";

fn home() -> Home {
    let home = circle::home();
    for (name, terms) in [(GREEN, "tlp:green"), (STRICT, "tlp:amber+strict"), (PASSIVE, "tlp:green pap:amber")] {
        home.ok(&["indicator", "add", name, "--class", "c2-server", "--terms", terms, "--confidence", "95"]);
    }
    home
}

#[test]
fn each_party_gets_what_it_may_block_in_files_that_programs_take() {
    let home = home();
    let formats = ["rpz", "suricata", "suricata-bulk", "zeek", "hosts", "plain", "csv"];
    for format in formats {
        let told = home.json(&["share", format, "--to", "alpha", "--out", "alpha"]);
        assert_eq!(told["entries"], 1, "{format}: {told}");
        let text: String = told["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| std::fs::read_to_string(home.beside(file.as_str().unwrap())).unwrap())
            .collect();
        // Suricata's bulk files and Zeek's write values in ways of their own.
        assert!(!text.contains(STRICT) && !text.contains(PASSIVE), "{format}: {text}");
        if format != "suricata-bulk" {
            assert!(text.contains(GREEN), "{format}: {text}");
        }
    }
    let none = home.json(&["share", "plain", "--to", "outside", "--out", "outside"]);
    assert_eq!((none["entries"].clone(), none["left_out"]["closed-by-terms"].clone()), (json!(0), json!(3)), "{none}");
    // Ourselves: all that may be acted on, and no release of it.
    let ours = home.json(&["share", "plain", "--to", "us", "--out", "us"]);
    assert_eq!((ours["entries"].clone(), ours["id"].clone()), (json!(2), json!(null)), "{ours}");
    // The same list keeps its serial; another one gets a newer.
    let serial = |home: &Home| home.json(&["share", "rpz", "--to", "alpha", "--out", "alpha"])["serial"].as_u64().unwrap();
    let first = serial(&home);
    assert_eq!(serial(&home), first);
    home.ok(&["indicator", "add", LATER, "--class", "c2-server", "--terms", "tlp:clear", "--confidence", "95"]);
    assert!(serial(&home) > first);
    let zone = home.beside("alpha/musubi.rpz.zone");
    if program("named-checkzone") {
        let checked = Command::new("named-checkzone").arg("rpz.musubi").arg(&zone).env("PATH", path()).output().unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    }
    let released = home.json(&["log", "list"]);
    assert!(released.as_array().unwrap().iter().all(|one| one["to"] != "us"), "{released}");
    home.ok(&["log", "verify"]);
}

#[test]
fn a_list_is_served_to_whoever_may_have_it_and_only_when_it_changed() {
    let home = home();
    let server = Server::start(&home);
    let alpha = Token::create(&home, "alpha", "reader");
    let bearer = format!("Bearer {}", alpha.token);
    let get = |path: &str, tag: Option<&str>| {
        let mut headers = vec![("Authorization", bearer.as_str())];
        headers.extend(tag.map(|tag| ("If-None-Match", tag)));
        server.request("GET", path, &headers, b"")
    };
    assert_eq!(server.request("GET", "/lists/plain", &[], b"").status, 401);
    assert_eq!(get("/lists/nothing", None).status, 404);
    assert_eq!(get("/lists/plain?score=many", None).status, 400);
    let list = get("/lists/plain", None);
    let text = String::from_utf8(list.body.clone()).unwrap();
    assert!(list.status == 200 && text.contains(GREEN) && !text.contains(STRICT) && !text.contains(PASSIVE), "{text}");
    let tag = list.header("etag").unwrap().to_owned();
    let releases = |home: &Home| home.json(&["log", "list"]).as_array().unwrap().len();
    let before = releases(&home);
    assert_eq!(get("/lists/plain", Some(&tag)).status, 304);
    assert_eq!(releases(&home), before);
    home.ok(&["indicator", "revoke", GREEN, "--because", "a mistake"]);
    let now = get("/lists/plain", Some(&tag));
    assert!(now.status == 200 && !String::from_utf8_lossy(&now.body).contains(GREEN), "{now:?}");
    assert_eq!(releases(&home), before + 1);
}

#[test]
fn a_zone_is_transferred_to_the_secondary_of_its_party() {
    if !program("dig") {
        return;
    }
    let home = home();
    let port = port();
    std::fs::write(
        home.root().join("config.toml"),
        format!("[serve]\ndns = \"127.0.0.1:{port}\"\n[[serve.zone]]\nparty = \"alpha\"\nname = \"rpz.musubi\"\nfrom = [\"127.0.0.1\"]\n"),
    )
    .unwrap();
    let _server = Server::start(&home);
    let dig = |arguments: &[&str]| dig(port, arguments);
    let end = Instant::now() + Duration::from_secs(20);
    let mut zone = dig(&["rpz.musubi", "AXFR"]);
    while !zone.contains("SOA") && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(200));
        zone = dig(&["rpz.musubi", "AXFR"]);
    }
    assert!(zone.contains(&format!("{GREEN}.rpz.musubi.")) && !zone.contains(STRICT), "{zone}");
    let serial: u64 = dig(&["+short", "rpz.musubi", "SOA"]).split_whitespace().nth(2).unwrap().parse().unwrap();
    // Who has the newest gets one SOA; another name or another zone is refused.
    let newest = dig(&["rpz.musubi", &format!("IXFR={serial}")]);
    assert!(!newest.contains("CNAME"), "{newest}");
    assert!(dig(&["other.zone", "AXFR"]).contains("Transfer failed"), "another zone was given");
    assert!(dig(&["www.rpz.musubi", "A"]).contains("REFUSED"));
}

/// So many names that a transfer takes several messages: each is signed after the one before.
const MANY: usize = 400;

#[test]
fn a_zone_with_a_key_is_transferred_to_who_holds_it_and_to_nobody_else() {
    if !program("dig") || !program("named") {
        return;
    }
    let home = home();
    let attribute = |n: usize| {
        json!({"uuid": format!("5a8f1f6c-8f80-4a3b-9b7b-{n:012}"), "type": "domain", "category": "Network activity", "to_ids": true,
            "value": format!("c2.number-{n}-of-a-test.com"), "timestamp": "1795000000"})
    };
    let event = json!({"Event": {"uuid": "5a8f1f6c-8f80-4a3b-9b7a-000000000001", "info": "c2", "date": "2026-11-20", "timestamp": "1795000000",
        "Orgc": {"name": "Partner", "uuid": "5a8f1f6c-8f80-4a3b-9b7a-0000000000aa"},
        "Tag": [{"name": "tlp:clear"}, {"name": "PAP:GREEN"}, {"name": "rsit:malicious-code=\"c2-server\""}],
        "Attribute": (0..MANY).map(attribute).collect::<Vec<_>>()}});
    home.write("many.json", event.to_string());
    home.ok(&["ingest", "many.json"]);
    home.ok(&["indicator", "derive"]);
    let (short, long) = ("c2l4dGVlbiBieXRlcyBvciBtb3Jl".to_owned(), "bG9uZ2VyIHRoYW4gdGhlIG90aGVyIHNlY3JldA==".to_owned());
    let write = |name: &str, algorithm: &str, secret: &str| {
        let path = home.root().join(name);
        std::fs::write(&path, format!("key \"{name}\" {{\n\talgorithm {algorithm};\n\tsecret \"{secret}\";\n}};\n")).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    };
    write("alpha.key", "hmac-sha256", &short);
    write("outside.key", "hmac-sha512", &long);
    let port = port();
    // Both have a zone of the same name: the key says whose it is.
    let zone = |party: &str| format!("[[serve.zone]]\nparty = \"{party}\"\nname = \"rpz.musubi\"\nkey = \"{party}.key\"\n");
    let config = format!("[serve]\ndns = \"127.0.0.1:{port}\"\n{}{}", zone("alpha"), zone("outside"));
    std::fs::write(home.root().join("config.toml"), config).unwrap();
    let _server = Server::start(&home);
    let (alpha, outside) = (format!("hmac-sha256:alpha.key:{short}"), format!("hmac-sha512:outside.key:{long}"));
    let ask = |key: &str| dig(port, &["-y", key, "rpz.musubi", "AXFR"]);
    let end = Instant::now() + Duration::from_secs(20);
    while !ask(&alpha).contains("SOA") && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(200));
    }
    // dig checks each signature and says so when one is wrong.
    let text = ask(&alpha);
    let names = |text: &str| text.lines().filter(|line| line.contains("CNAME") && !line.starts_with('*')).count();
    assert!(
        !text.contains("verify failure") && !text.contains("Transfer failed") && text.contains(GREEN) && !text.contains(STRICT),
        "{text}"
    );
    assert_eq!(names(&text), MANY + 1, "{text}");
    assert!(text.contains("messages ") && !text.contains("messages 1,"), "it takes several messages: {text}");
    let other = ask(&outside);
    assert!(!other.contains("verify failure") && !other.contains(GREEN), "{other}");
    assert_eq!(names(&other), MANY, "what is clear is for everybody");
    assert!(dig(port, &["-y", &alpha, "rpz.musubi", "SOA"]).contains("NOERROR"));

    // Without a key, with a wrong secret, with a key that nobody here knows.
    assert!(dig(port, &["rpz.musubi", "AXFR"]).contains("Transfer failed"));
    assert!(dig(port, &["rpz.musubi", "SOA"]).contains("REFUSED"));
    let wrong = dig(port, &["-y", &format!("hmac-sha256:alpha.key:{long}"), "rpz.musubi", "SOA"]);
    assert!(wrong.contains("NOTAUTH") && wrong.contains("BADSIG"), "{wrong}");
    let unknown = dig(port, &["-y", &format!("hmac-sha256:nobody:{long}"), "rpz.musubi", "SOA"]);
    assert!(unknown.contains("NOTAUTH") && unknown.contains("BADKEY"), "{unknown}");

    // A real secondary takes the zone, and then what changed.
    let named = Named::start(
        &format!(
            "key \"alpha.key\" {{ algorithm hmac-sha256; secret \"{short}\"; }};\n\
             zone \"rpz.musubi\" {{ type secondary; primaries port {port} {{ 127.0.0.1 key \"alpha.key\"; }}; file \"rpz\"; }};"
        ),
        &[],
    );
    named.until("rpz.musubi/IN: transferred serial");
    assert!(dig(named.port, &["rpz.musubi", "AXFR"]).contains(GREEN), "{}", named.log());
    assert!(!named.log().contains("failed"), "{}", named.log());
}

/// What a partner may only watch for passively is no entry, however sure it is, also when a rule made an indicator of it.
#[test]
fn what_a_partner_marked_as_passive_is_not_blocked() {
    let home = home();
    let event = |pap: &str, name: &str| {
        json!({"Event": {"uuid": format!("5a8f1f6c-8f80-4a3b-9b7a-{:012}", name.len()), "info": "c2", "date": "2026-11-20", "timestamp": "1795000000",
            "Orgc": {"name": "Partner", "uuid": "5a8f1f6c-8f80-4a3b-9b7a-0000000000aa"},
            "Tag": [{"name": "tlp:clear"}, {"name": pap}, {"name": "rsit:malicious-code=\"c2-server\""}],
            "Attribute": [{"uuid": format!("5a8f1f6c-8f80-4a3b-9b7b-{:012}", name.len()), "type": "domain", "category": "Network activity", "to_ids": true,
                "value": name, "timestamp": "1795000000"}]}})
        .to_string()
    };
    home.write("passive.json", event("PAP:AMBER", "passive.marked-in-misp.com"));
    home.write("active.json", event("PAP:GREEN", "active.marked-in-misp-too.com"));
    home.ok(&["ingest", "passive.json", "active.json"]);
    let terms: Vec<String> = home.rows("SELECT DISTINCT text FROM terms ORDER BY text").iter().map(ToString::to_string).collect();
    assert!(
        terms.iter().any(|text| text.contains("tlp:clear pap:amber")) && terms.iter().any(|text| text.contains("tlp:clear pap:green")),
        "{terms:?}"
    );
    home.ok(&["indicator", "derive"]);
    let ours = home.ok(&["share", "plain", "--to", "us", "--least-score", "1"]).out;
    assert!(ours.contains("active.marked-in-misp-too.com") && !ours.contains("passive.marked"), "{ours}");
}
