//! Who we are in mails: a home that nobody configured cannot send, a mistake in `config.toml` is told with its line, our key is made once.

mod story;

use story::Home;

const CONFIG: &str = "[mail]\nfrom = \"csirt@csirt.example\"\norganisation = \"Example CSIRT\"\nreply_to = \"notice@csirt.example\"\n";

fn configured(more: &str) -> Home {
    let home = Home::new();
    home.write("home/config.toml", format!("{CONFIG}{more}"));
    home
}

#[test]
fn a_home_that_nobody_configured_cannot_send() {
    let home = Home::new();
    let answer = home.json(&["config", "check"]);
    assert_eq!((&answer["can_send"], &answer["takes_answers"]), (&false.into(), &false.into()));
    let told = home.run(&["key", "show"]);
    assert_eq!(told.code, Some(1));
    assert!(told.err.contains("[mail]"), "{}", told.err);
    assert!(!home.root().join("keys").exists(), "no key without an owner");
}

#[test]
fn a_demo_cannot_send() {
    let home = Home::new();
    home.ok(&["demo", "--no-serve"]);
    assert_eq!(home.json(&["config", "check", "--connect"])["can_send"], false);
    // It has a key for its log, and none to sign mails with.
    assert!(!home.root().join("config.toml").exists() && !home.root().join("keys/openpgp.asc").exists());
}

#[test]
fn a_mistake_is_told_with_its_line() {
    let home = configured("[smtp]\nhost = \"relay.example\"\ntls = \"starttls\"\npasword_file = \"x\"\n");
    let told = home.run(&["config", "check"]);
    assert_eq!(told.code, Some(1));
    assert!(told.err.contains("config.toml") && told.err.contains("line 8") && told.err.contains("pasword_file"), "{}", told.err);
}

#[test]
fn what_is_in_force_is_shown_and_a_relay_that_is_not_there_is_told() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let home = configured(&format!("[smtp]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\n[answers]\nmaildir = \"answers\"\n"));
    std::fs::create_dir_all(home.root().join("answers/new")).unwrap();
    let shown = home.json(&["config", "show"]);
    assert_eq!(shown["smtp"]["port"], port);
    assert_eq!(shown["smtp"]["connections"], 4);
    assert_eq!(home.json(&["config", "check"])["can_send"], true);
    let told = home.run(&["config", "check", "--connect"]);
    assert_eq!(told.code, Some(1));
    assert!(told.err.contains("[smtp] connecting"), "{}", told.err);
}

#[test]
fn our_key_is_made_once_and_shown_without_its_secret() {
    let home = configured("");
    let first = home.json(&["key", "show"]);
    let again = home.json(&["key", "show"]);
    assert_eq!(first, again);
    assert_eq!(first["user_ids"][0], "Example CSIRT <csirt@csirt.example>");
    assert_eq!(home.ok(&["key", "show", "--fingerprint"]).out.trim(), first["fingerprint"].as_str().unwrap());
    let text = home.ok(&["key", "show"]).out;
    assert!(text.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----") && !text.contains("PRIVATE"), "{text}");
}
