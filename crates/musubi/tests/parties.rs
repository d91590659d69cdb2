//! Parties and agreements, with the real binary: entered, imported, changed, ended, revoked, and asked as of a day.

mod story;

use serde_json::Value;
use story::Home;

fn json(home: &Home, arguments: &[&str]) -> Value {
    let told = home.run(&[&["--json"], arguments].concat());
    assert_eq!(told.code, Some(0), "{arguments:?}: {}", told.err);
    serde_json::from_str(&told.out).unwrap()
}

#[test]
fn a_party_is_entered_changed_and_ended_and_its_past_stays() {
    let home = Home::new();
    let add = [
        "party",
        "add",
        "isp-jp",
        "--name",
        "Example ISP",
        "--kind",
        "provider",
        "--nation",
        "JP",
        "--network",
        "192.0.2.0/24",
        "--asn",
        "64496",
        "--contact",
        "abuse ja Abuse@ISP.example",
        "--own",
    ];
    let added = json(&home, &add);
    assert_eq!((added["own"].as_bool(), added["contacts"][0]["address"].as_str()), (Some(true), Some("Abuse@isp.example")));
    assert_eq!(home.run(&add).code, Some(1));
    let set =
        ["party", "set", "isp-jp", "--network", "198.51.100.0/24", "--remove", "192.0.2.0/24", "--community", "NCA", "--name", "Renamed"];
    let changed = json(&home, &set);
    let claims: Vec<&str> = changed["answers_for"].as_array().unwrap().iter().map(|c| c["value"].as_str().unwrap()).collect();
    assert_eq!((claims, changed["name"].as_str()), (vec!["198.51.100.0/24", "AS64496"], Some("Renamed")));
    let shown = json(&home, &["party", "show", "isp-jp"]);
    let times = shown["changed_at"].as_array().unwrap();
    assert_eq!(times.len(), 2);
    let before = json(&home, &["party", "show", "isp-jp", "--at", times[0].as_str().unwrap()]);
    assert_eq!((before["name"].as_str(), before["answers_for"][0]["value"].as_str()), (Some("Example ISP"), Some("192.0.2.0/24")));
    json(&home, &["party", "end", "isp-jp"]);
    assert_eq!(json(&home, &["party", "list"]).as_array().unwrap().len(), 0);
    assert_eq!(json(&home, &["party", "list", "--ended"])[0]["exists"], false);
    assert_eq!(json(&home, &["party", "own"])["id"], "isp-jp");
}

#[test]
fn words_that_cannot_be_are_wrong_usage_and_change_nothing() {
    let home = Home::new();
    for (arguments, says) in [
        (&["party", "add", "X", "--kind", "provider"][..], "cannot name a party"),
        (&["party", "add", "x", "--kind", "bakery"], "not one of national-csirt"),
        (&["party", "add", "x", "--kind", "isac", "--contact", "abuse ja a@b>.example"], "no domain"),
        (&["party", "add", "reg.x", "--kind", "isac"], "made from registries"),
        (&["agreement", "add", "x", "--kind", "bilateral", "--party", "a", "--max-tlp", "AMBER"], "two parties or more"),
    ] {
        let told = home.run(arguments);
        assert_eq!(told.code, Some(2), "{arguments:?}");
        assert!(told.err.contains(says), "{arguments:?}: {}", told.err);
    }
    assert!(!home.root().join("register.db").exists());
}

#[test]
fn a_file_brings_parties_and_agreements_and_says_what_it_could_not_read() {
    let home = Home::new();
    home.write(
        "register.toml",
        "[[party]]\nid = 'us'\nkind = 'national-csirt'\nown = true\ncountries = ['JP']\ncontacts = ['csirt ja info@csirt.example']\n\
         [[party]]\nid = 'isp'\nkind = 'provider'\nnetworks = ['192.0.2.0/24']\n\
         [[party]]\nid = 'bad'\nkind = 'provider'\nnetworks = ['300.0.0.0/8']\n\
         [[agreement]]\nid = 'us-isp'\nkind = 'public-private'\nparties = ['us', 'isp']\nmax_tlp = 'AMBER'\npurposes = ['notify']\n",
    );
    let told = home.run(&["--json", "party", "import", "register.toml"]);
    assert_eq!(told.code, Some(0), "{}", told.err);
    assert!(told.err.contains("set aside: register.toml: party 3 (bad): networks = \"300.0.0.0/8\""), "{}", told.err);
    let said: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!((said[0]["parties"]["added"].as_u64(), said[0]["rejected"].as_u64()), (Some(2), Some(1)));
    assert_eq!(json(&home, &["party", "own"])["id"], "us");
    let again = json(&home, &["party", "import", "register.toml"]);
    assert_eq!((again[0]["parties"]["unchanged"].as_u64(), again[0]["agreements"]["unchanged"].as_u64()), (Some(2), Some(1)));
    assert_eq!(json(&home, &["agreement", "list", "--party", "isp"])[0]["in_force"], true);
    let revoked = json(&home, &["agreement", "revoke", "us-isp"]);
    assert_eq!(revoked["in_force"], false);
    // Importing it again does not bring it back.
    json(&home, &["agreement", "import", "register.toml"]);
    assert_eq!(json(&home, &["agreement", "show", "us-isp"])["in_force"], false);
}

const DUMP: &str = "# a registry\n\ninetnum: 192.0.2.0 - 192.0.2.255\norg: ORG-1\ncountry: JP\nsource: RIPE\n\ninetnum: 192.0.2.64 - 192.0.2.127\nsource: RIPE\n\n\
                    inetnum: 192.0.2.999 - x\nsource: RIPE\n\norganisation: ORG-1\norg-name: Example Org\nabuse-c: A1\nsource: RIPE\n\n\
                    role: Abuse\nnic-hdl: A1\nabuse-mailbox: abuse@reg.example\nsource: RIPE\n\naut-num: AS64499\norg: ORG-1\nsource: RIPE\n";

fn chain(home: &Home, value: &str) -> Vec<String> {
    let found = json(home, &["party", "find", value]);
    let text = |v: &Value| v.as_str().unwrap_or("-").to_owned();
    let reasons = found[0]["chain"].as_array().unwrap();
    reasons
        .iter()
        .map(|r| {
            let party = text(&r["party"]["id"]);
            let party = if party.starts_with("reg.") { "reg" } else { &party };
            format!("{} {party} {} {} {}", text(&r["quality"]), text(&r["said_by"]), text(&r["claim"]), text(&r["rule"]))
        })
        .collect()
}

#[test]
fn a_dump_of_a_registry_answers_where_nobody_else_does_and_a_newer_one_takes_its_place() {
    let home = Home::new();
    home.write("ripe.db", DUMP);
    let told = home.run(&["--json", "party", "import", "ripe.db", "--date", "2026-03-01"]);
    assert_eq!(told.code, Some(0), "{}", told.err);
    assert!(told.err.contains("set aside: ripe.db: row 11: inetnum \"192.0.2.999 - x\""), "{}", told.err);
    let said: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!((said[0]["source"].as_str(), said[0]["networks"].as_u64(), said[0]["rejected"].as_u64()), (Some("ripe"), Some(3), Some(1)));
    let around = "abuse contact of the network around it (A1)";
    assert_eq!(chain(&home, "192.0.2.70")[0], format!("provider reg registry:ripe 192.0.2.64-192.0.2.127 {around}"));
    assert_eq!(chain(&home, "AS64499")[0], "provider reg registry:ripe AS64499 abuse-c of its organisation (A1)");
    let found = json(&home, &["party", "find", "192.0.2.1"]);
    let party = &found[0]["chain"][0]["party"];
    assert_eq!((party["name"].as_str(), party["contacts"][0]["language"].as_str()), (Some("Example Org"), Some("ja")));
    // Our own word comes first.
    json(&home, &["party", "add", "isp", "--kind", "provider", "--network", "192.0.2.0/24", "--contact", "noc@isp.example"]);
    assert_eq!(chain(&home, "192.0.2.70")[0], "provider isp own 192.0.2.0/24 -");
    assert_eq!(chain(&home, "192.0.2.70").len(), 2);
    // The same registry, newer, packed: its networks are gone but for one.
    use std::io::Write as _;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(DUMP.replace("192.0.2.0 - 192.0.2.255", "198.51.100.0 - 198.51.100.255").as_bytes()).unwrap();
    home.write("ripe.db.gz", packed.finish().unwrap());
    json(&home, &["party", "import", "ripe.db.gz"]);
    assert_eq!(chain(&home, "192.0.2.70"), ["provider isp own 192.0.2.0/24 -"]);
    let doctor = json(&home, &["doctor"]);
    assert_eq!((doctor["registries"].as_array().unwrap().len(), doctor["parties"].as_u64()), (1, Some(1)));
}

#[test]
fn what_others_publish_becomes_parties_and_contacts() {
    let home = Home::new();
    home.write(
        "answer.json",
        r#"{"objectClassName":"ip network","country":"JP","startAddress":"192.0.2.0","endAddress":"192.0.2.255","entities":[{"handle":"A","roles":["abuse"],
           "vcardArray":["vcard",[["email",{},"text","abuse@isp.example"]]]}]}"#,
    );
    home.write("teams.csv", "Team,Official Team Name,Country,E-mail\nEX-CERT,Example CERT,JP,info@cert.example\nBAD,Bad,JP,nowhere\n");
    home.write("security.txt", "Contact: mailto:psirt@acme.example\nExpires: 2999-01-01T00:00:00Z\n");
    home.write("old.txt", "Contact: mailto:psirt@acme.example\nExpires: 2020-01-01T00:00:00Z\n");
    json(&home, &["party", "import", "answer.json"]);
    let teams = json(&home, &["party", "import", "teams.csv"]);
    assert_eq!((teams[0]["parties"]["added"].as_u64(), teams[0]["rejections"][0]["place"].as_str()), (Some(1), Some("row 3")));
    assert_eq!(home.run(&["party", "import", "security.txt"]).code, Some(2));
    json(&home, &["party", "add", "acme", "--kind", "maker", "--product", "ACME"]);
    json(&home, &["party", "import", "security.txt", "--party", "acme"]);
    let told = home.run(&["party", "import", "old.txt", "--party", "acme"]);
    assert_eq!(told.code, Some(1));
    assert!(told.err.contains("expired"), "{}", told.err);
    let acme = json(&home, &["party", "show", "acme"]);
    assert_eq!((acme["kind"].as_str(), acme["said_by"].as_str()), (Some("maker"), Some("own")));
    assert_eq!(acme["contacts"][0]["said_by"].as_str(), Some("registry:security.txt"));
    assert_eq!(chain(&home, "192.0.2.9")[0], "provider reg registry:rdap 192.0.2.0/24 -");
    assert_eq!(chain(&home, "ACME/X-1")[0], "maker acme own ACME -");
    let ids: Vec<String> =
        json(&home, &["party", "list"]).as_array().unwrap().iter().map(|p| p["id"].as_str().unwrap().to_owned()).collect();
    assert!(ids.iter().any(|id| id == "ex-cert") && ids.iter().any(|id| id.starts_with("reg.isp.example.")), "{ids:?}");
}
