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
