//! Two nodes: does each find the other, by certificate and by DNS, is everybody else kept out, and does what comes at once in thousands keep
//! its terms and its receipt?

mod story;

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use story::Home;
use story::dns::{Named, program};
use story::server::{Server, TAXII, Token};

/// The domain of the partner, and its server in it.
const DOMAIN: &str = "partner.test";
const HOST: &str = "node.partner.test";

fn node(own: &str, config: &str) -> Home {
    let home = Home::new();
    let party = |id: &str| format!("[[party]]\nid = \"{id}\"\nname = \"{id}\"\nkind = \"national-csirt\"\ncommunities = [\"circle\"]\n");
    let agreement = "[[agreement]]\nid = \"circle\"\nkind = \"multilateral\"\ncommunities = [\"circle\"]\nmax_tlp = \"GREEN\"\n\
                     purposes = [\"defend\"]\nchannels = [\"taxii\"]\n";
    home.write(
        "parties.toml",
        party("us")
            + &party("partner")
            + &party("third")
            + "[[party]]\nid = \"outside\"\nname = \"Outside\"\nkind = \"company\"\n"
            + agreement,
    );
    home.ok(&["party", "import", "parties.toml"]);
    home.ok(&["party", "own", own]);
    fs::write(home.root().join("config.toml"), format!("[serve]\nexchange_seconds = 0\n{config}")).unwrap();
    home.ok(&["collection", "add", "shared", "--title", "Shared", "--terms", "tlp:green"]);
    for other in ["us", "partner", "third"] {
        home.ok(&["collection", "grant", "shared", "--to", other, "--read", "--write"]);
    }
    home
}

fn openssl(home: &Home, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(home.root()).output().unwrap();
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A key and a certificate that it signs itself.
fn certificate(home: &Home, name: &str) {
    openssl(
        home,
        &format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.pem"
        ),
    );
}

/// A server with TLS, whose certificate an authority of its own signed.
fn partner() -> Home {
    let home = node("partner", "certificate = \"server.pem\"\nkey = \"server.key\"\n");
    certificate(&home, "authority");
    openssl(&home, &format!("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={HOST} -keyout server.key -out server.csr"));
    fs::write(home.root().join("server.ext"), format!("subjectAltName=DNS:{HOST},IP:127.0.0.1\n")).unwrap();
    openssl(
        &home,
        "x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 -extfile server.ext -out server.pem",
    );
    home
}

fn indicator(number: u64) -> Value {
    json!({"type": "indicator", "spec_version": "2.1", "id": format!("indicator--{number:08x}-0000-4000-8000-000000000000"),
        "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z", "pattern": "[ipv4-addr:value = '198.51.100.1']",
        "pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z", "name": format!("number {number}")})
}

fn give(home: &Home, number: u64) {
    home.write("object.json", indicator(number).to_string());
    home.ok(&["collection", "import", "shared", "object.json"]);
}

fn objects(home: &Home) -> i64 {
    home.json(&["collection", "show", "shared"])["objects"].as_i64().unwrap()
}

fn sync(home: &Home) -> Value {
    home.run(&["--json", "peer", "sync"]).json()[0].clone()
}

#[test]
fn nodes_sign_in_with_certificates_and_another_certificate_is_refused() {
    if !program("openssl") {
        return;
    }
    let (us, partner) = (node("us", ""), partner());
    certificate(&us, "node");
    certificate(&us, "other");
    fs::copy(partner.root().join("authority.pem"), us.root().join("partner.pem")).unwrap();
    let theirs = us.root().join("node.pem");
    partner.ok(&["token", "certificate", "--party", "us", "--role", "member", theirs.to_str().unwrap()]);
    let server = Server::start(&partner);
    let url = format!("https://{}/taxii2/", server.address);
    let add = |certificate: &str, ca: &[&str]| {
        let (pem, key) = (format!("{certificate}.pem"), format!("{certificate}.key"));
        us.ok(&[&["peer", "add", "partner", "--url", &url, "--certificate", &pem, "--key", &key][..], ca].concat());
    };
    give(&us, 1);
    give(&partner, 2);
    add("node", &["--ca", "partner.pem"]);
    us.ok(&["peer", "push", "partner", "shared", "--to", "shared"]);
    us.ok(&["peer", "pull", "partner", "shared", "--into", "shared"]);
    let done = sync(&us);
    assert_eq!((&done["error"], done["given"].as_u64(), done["fetched"].as_u64()), (&Value::Null, Some(1), Some(1)), "{done}");
    assert_eq!((objects(&us), objects(&partner)), (2, 2));

    // A certificate that nobody named there is nobody's, whatever name stands in it.
    give(&partner, 3);
    add("other", &["--ca", "partner.pem"]);
    let refused = sync(&us);
    assert!(refused["error"].as_str().unwrap().contains("401"), "{refused}");
    assert_eq!(objects(&us), 2);
    // A server whose certificate nobody vouches for is shown nothing.
    add("node", &[]);
    let unknown = sync(&us);
    assert!(unknown["error"].as_str().is_some_and(|error| !error.contains("401")), "{unknown}");
    add("node", &["--ca", "partner.pem"]);
    assert_eq!(sync(&us)["fetched"].as_u64(), Some(1));
    // And one that is ended there is nobody's any more.
    let mine = partner.json(&["token", "list"]);
    let fingerprint = mine.as_array().unwrap().iter().find(|one| one["party"] == "us").unwrap()["id"].as_str().unwrap().to_owned();
    partner.ok(&["token", "revoke", &fingerprint]);
    assert!(sync(&us)["error"].as_str().unwrap().contains("401"));
}

#[test]
fn a_node_is_found_by_the_records_of_its_domain() {
    if !program("openssl") || !program("named") {
        return;
    }
    let (us, partner) = (node("us", ""), partner());
    fs::copy(partner.root().join("authority.pem"), us.root().join("partner.pem")).unwrap();
    let token = Token::create(&partner, "us", "member");
    let file = us.root().join("token");
    fs::write(&file, &token.token).unwrap();
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    give(&partner, 2);
    let server = Server::start(&partner);
    let port = server.address.port();
    // The first of two is not there: the second is asked. Another domain names a server that is not its own.
    let zone = |records: &str| format!("$TTL 60\n@ SOA ns hostmaster 1 60 60 60 60\n@ NS ns\nns A 127.0.0.1\n{records}");
    let records = format!("node A 127.0.0.1\ngone A 127.0.0.1\n_taxii2._tcp SRV 5 0 1 gone\n_taxii2._tcp SRV 10 0 {port} node\n");
    let named = Named::start(
        "zone \"partner.test\" { type primary; file \"partner\"; };\nzone \"elsewhere.test\" { type primary; file \"elsewhere\"; };\n\
         zone \"nothing.test\" { type primary; file \"nothing\"; };",
        &[
            ("partner", &zone(&records)),
            ("elsewhere", &zone(&format!("_taxii2._tcp SRV 5 0 {port} {HOST}.\n"))),
            ("nothing", &zone("_taxii2._tcp SRV 0 0 0 .\n")),
        ],
    );
    let dns = format!("127.0.0.1:{}", named.port);
    let add = |domain: &str, ca: &[&str]| {
        let how = ["peer", "add", "partner", "--discover", domain, "--dns", &dns, "--user", &token.id, "--token-file", "token"];
        us.ok(&[&how[..], ca].concat());
    };
    add(DOMAIN, &["--ca", "partner.pem"]);
    us.ok(&["peer", "pull", "partner", "shared", "--into", "shared"]);
    let done = sync(&us);
    assert_eq!((&done["error"], done["fetched"].as_u64()), (&Value::Null, Some(1)), "{done}");
    let listed = us.json(&["peer", "list"]);
    assert_eq!(listed[0]["url"], format!("_taxii2._tcp.{DOMAIN}@{dns}"), "{listed}");

    // Elsewhere is believed only when the authority was named that vouches for it.
    add("elsewhere.test", &[]);
    let outside = sync(&us);
    assert!(outside["error"].as_str().unwrap().contains("--ca"), "{outside}");
    for (domain, words) in [("nothing.test", "no TAXII server"), ("unknown.test", "cannot ask"), (HOST, "no SRV record")] {
        add(domain, &["--ca", "partner.pem"]);
        let failed = sync(&us);
        assert!(failed["error"].as_str().is_some_and(|error| error.contains(words)), "{domain}: {failed}");
    }
    let told = us.run(&["peer", "add", "partner", "--discover", "no domain", "--token-file", "token"]);
    assert!(told.code == Some(2) && told.err.contains("no domain"), "{}", told.err);
    let told = us.run(&["peer", "add", "partner", "--token-file", "token"]);
    assert!(told.code == Some(2) && told.err.contains("--url"), "{}", told.err);
}

/// More than are worked on at once.
const MANY: u64 = 2500;

#[test]
fn a_large_request_of_a_node_keeps_its_terms_and_its_receipt() {
    let (us, partner) = (node("us", ""), node("partner", "largest_page = 5000\n"));
    // Unmarked: the partner holds them as GREEN, and says so beside them. Here what is unmarked would be for everybody.
    us.ok(&["collection", "add", "open", "--title", "Open", "--terms", "tlp:clear"]);
    us.ok(&["collection", "grant", "open", "--to", "partner", "--read", "--write"]);
    us.ok(&["collection", "grant", "open", "--to", "third", "--read"]);
    us.ok(&["collection", "grant", "open", "--to", "outside", "--read"]);
    let objects: Vec<Value> = (0..MANY).map(indicator).collect();
    partner.write("many.json", json!({"objects": objects}).to_string());
    partner.ok(&["collection", "import", "shared", "many.json"]);

    let theirs = Server::start(&partner);
    let ours = Token::create(&partner, "us", "member");
    let bearer = |token: &Token| format!("Bearer {}", token.token);
    let path = format!("/taxii2/root/collections/shared/objects/?limit={MANY}");
    let page = theirs.request("GET", &path, &[("Accept", TAXII), ("Authorization", &bearer(&ours)), ("X-Musubi", "1")], b"");
    let receipt = page.header("x-musubi-receipt").unwrap().to_owned();
    assert!(page.status == 200 && page.json()["x_musubi_terms"].as_array().unwrap().len() as u64 == MANY, "{}", page.status);

    // The same page, given by the partner.
    let key = partner.ok(&["log", "key"]).out.trim().to_owned();
    let file = us.root().join("token");
    fs::write(&file, "not used").unwrap();
    let url = format!("http://{}/taxii2/", theirs.address);
    us.ok(&["peer", "add", "partner", "--url", &url, "--token-file", "token", "--log-key", &key]);
    let server = Server::start(&us);
    let [partner, third, outside] = ["partner", "third", "outside"].map(|party| Token::create(&us, party, "member"));
    let give = |body: &[u8], receipt: Option<&str>| {
        let authorization = bearer(&partner);
        let mut headers = vec![("Accept", TAXII), ("Content-Type", TAXII), ("Authorization", authorization.as_str()), ("X-Musubi", "1")];
        headers.extend(receipt.map(|receipt| ("X-Musubi-Receipt", receipt)));
        server.request("POST", "/taxii2/root/collections/open/objects/", &headers, body)
    };
    assert_eq!(give(&page.body, None).status, 422, "whoever has a log shows a receipt");
    let mut changed = page.body.clone();
    *changed.iter_mut().rev().find(|byte| byte.is_ascii_digit()).unwrap() ^= 1;
    assert_eq!(give(&changed, Some(&receipt)).status, 422, "and one for these very bytes");
    let taken = give(&page.body, Some(&receipt));
    assert_eq!((taken.status, taken.json()["status"].as_str()), (202, Some("pending")), "{taken:?}");
    let kept = us.json(&["peer", "receipts", "partner"]);
    assert_eq!(kept.as_array().unwrap().len(), 1, "{kept}");

    let status = format!("/taxii2/root/status/{}/", taken.json()["id"].as_str().unwrap());
    let end = Instant::now() + Duration::from_secs(60);
    let done = loop {
        let now = server.get(&partner, &status).json();
        if now["status"] == "complete" || Instant::now() > end {
            break now;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!((&done["status"], done["success_count"].as_u64()), (&json!("complete"), Some(MANY)), "{}", done["status"]);
    let sees = |token: &Token| {
        let page = server.get(token, "/taxii2/root/collections/open/manifest/?limit=5000").json();
        page["objects"].as_array().map_or(0, Vec::len) as u64
    };
    assert_eq!((sees(&third), sees(&outside)), (MANY, 0), "the circle sees what is GREEN, others do not");
    // Without terms beside it, what is unmarked is for everybody here.
    us.write("ours.json", indicator(MANY).to_string());
    us.ok(&["collection", "import", "open", "ours.json"]);
    assert_eq!((sees(&third), sees(&outside)), (MANY + 1, 1));
}
