//! What we stored as a sentence is read in the language of whoever looks; what a person wrote is read as it was written.

mod story;

use story::Home;
use story::server::Server;
use story::visitor::Visitor;

/// As a page writes it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The samples of a folder.
fn files(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.file_name().is_some_and(|name| name.to_string_lossy().contains(".in.")) {
            found.push(path);
        }
    }
}

#[test]
fn reasons_are_said_in_japanese_and_what_people_wrote_stays() {
    let home = Home::new();
    let demo = home.json(&["demo", "--no-serve"]);
    assert_eq!((&demo["collections"], &demo["misp_events"], &demo["bundles"]), (&2.into(), &2.into(), &2.into()), "{demo}");
    assert!(demo["indicators_shared"].as_u64().unwrap() > 0, "{demo}");
    let denials = home.json(&["notice", "denials"]);
    let denials = denials.as_array().unwrap();
    assert!(!denials.is_empty());
    let releases = home.json(&["log", "list"]);
    let ready = home.json(&["notice", "list", "--state", "ready"]);
    let notice = ready[0]["id"].as_str().unwrap();
    home.ok(&["notice", "cancel", notice, "--reason", "the sensor was wrong"]);
    // Every sample of every reader, with all that is wrong in them; and what cannot be opened at all.
    let mut samples = Vec::new();
    files(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata"), &mut samples);
    for (name, bytes) in [
        ("old.7z", &b"7z\xbc\xaf\x27\x1c and more of it"[..]),
        ("broken.zip", b"PK\x03\x04\x14\0\0\0\x08\0 not a zip"),
        ("nothing.bin", b"\x01\x02\x03 of no format"),
    ] {
        home.write(name, bytes);
        samples.push(home.beside(name));
    }
    let mut ingest = vec!["ingest"];
    ingest.extend(samples.iter().map(|path| path.to_str().unwrap()));
    home.json(&ingest);
    let (server, told) = Server::start_told(&home);
    let us = Visitor::welcomed(server.address, told["welcome"].as_str().unwrap(), "hanako");
    let page = |path: &str| {
        let answer = us.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    };

    let (en, ja) = (page("/releases/denied?lang=en"), page("/releases/denied?lang=ja"));
    for denial in denials.iter().take(10) {
        let reason = escaped(denial["reason"].as_str().unwrap());
        assert!(en.contains(&reason) || reason.contains(" and it is "), "{reason} in {en}");
        assert!(!ja.contains(&reason), "{reason} in {ja}");
    }
    // Nothing of ours is left in English there.
    for words in ["in force", "is neither", "may reach", "and it is", "organisation"] {
        assert!(!ja.contains(words), "{words} in {ja}");
    }
    for release in releases.as_array().unwrap() {
        let ja = page(&format!("/releases/{}?lang=ja", release["id"].as_str().unwrap()));
        assert!(ja.contains("STIX バンドル") && ja.contains("共有条件 "), "{ja}");
        assert!(!ja.contains("STIX bundle") && !ja.contains("terms "), "{ja}");
    }
    assert!(page("/releases?lang=ja").contains("STIX バンドル"));
    assert!(page(&format!("/notices/{notice}?lang=ja")).contains("the sensor was wrong"));

    // Why rows were set aside: every reason there is, on the page of its evidence.
    let (mut reasons, mut unsaid) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
    for one in home.json(&["evidence", "list"]).as_array().unwrap().iter().filter(|one| one["rejected"].as_u64() > Some(0)) {
        let id = one["id"].as_str().unwrap();
        let told = us.get(&format!("/api/v1/evidence/{id}/rejections")).json();
        let (en, ja) = (page(&format!("/evidence/{id}?lang=en")), page(&format!("/evidence/{id}?lang=ja")));
        for reason in told["data"].as_array().unwrap().iter().take(200).map(|one| one["reason"].as_str().unwrap()) {
            assert!(en.contains(&escaped(reason)), "{reason} in {en}");
            if ja.contains(&format!(">{}<", escaped(reason))) {
                unsaid.insert(reason.to_owned());
            }
            reasons.insert(reason.to_owned());
        }
    }
    assert!(unsaid.is_empty(), "these reasons are not said in Japanese: {unsaid:#?}");
    assert!(reasons.len() > 40 && reasons.iter().any(|reason| reason.contains("7z archive")), "{reasons:#?}");

    // What the console itself did, in the audit; the person's words beside it.
    let invited = us.post("/settings/people/invite", &[("role", "auditor"), ("party", "demo-csirt")]);
    assert!(invited.status < 400, "{}", invited.text());
    let audit = page("/settings/audit?lang=ja");
    assert!(audit.contains("demo-csirt の監査担当"), "{audit}");
    assert!(
        page("/settings/audit?lang=en").contains("Auditor of demo-csirt")
            || page("/settings/audit?lang=en").contains("auditor of demo-csirt")
    );

    // A takedown that was assessed says why, in its own history too.
    let takedowns = home.json(&["takedown", "list"]);
    let mut assessed = 0;
    for row in takedowns.as_array().unwrap() {
        let ja = page(&format!("/takedowns/{}?lang=ja", row["id"].as_str().unwrap()));
        for words in ["while watched", "day after day", "seen at ", "nobody watches", "events by"] {
            assert!(!ja.contains(words), "{words} in {ja}");
        }
        assessed += usize::from(ja.contains("観測"));
    }
    assert!(assessed > 0, "{takedowns}");
    let ja = page("/takedowns/t1?lang=ja");
    assert!(ja.contains("new firmware"), "what the provider answered stays: {ja}");
    // What is to be decided is there.
    let claims = page("/claims?lang=ja");
    assert!(claims.contains("shirakaba.example") && claims.contains("当方の登録"), "{claims}");
}
