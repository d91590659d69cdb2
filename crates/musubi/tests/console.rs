//! People at the console, with a real browser: the first start, both languages, phones, keys, no script; and no page with a serious fault.

#[path = "story/browser.rs"]
mod browser;
mod story;

use std::path::{Path, PathBuf};

use browser::{Browser, LOOKS, axe};
use serde_json::Value;
use story::Home;
use story::server::Server;
use thirtyfour::prelude::*;

const PASSWORD: &str = "knot weaver lantern 7 tides";

/// A server on a filled home, and the link that makes its first administrator.
struct Console {
    server: Server,
    welcome: String,
    _home: Home,
}

impl Console {
    fn filled() -> Self {
        let home = Home::new();
        home.json(&["demo", "--no-serve"]);
        let (server, told) = Server::start_told(&home);
        let welcome = told["welcome"].as_str().expect("nobody has an account").replace("127.0.0.1", "localhost");
        Self { server, welcome, _home: home }
    }

    /// As passkeys need it: a name, not an address.
    fn at(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.server.address.port())
    }

    /// Makes the first administrator in a browser.
    async fn begin(&self, browser: &Browser) {
        browser.open(&self.welcome).await;
        browser.fill("name", "hanako").await;
        browser.fill("shown", "Suzuki Hanako").await;
        browser.fill("password", PASSWORD).await;
        browser.press("button.first").await;
        browser.leaves("/welcome").await;
    }
}

/// A page by each address of the console that shows something, with what stands for its parts on this home.
fn addresses(console: &Console) -> Vec<String> {
    let routes: Value = console._home.json(&["routes"]);
    let one = |sql: &str, key: &str| console._home.rows(sql).first().and_then(|row| row[key].as_str().map(str::to_owned));
    let listed = |arguments: &[&str]| console._home.json(arguments).as_array().and_then(|all| all.first()).map(|one| one["id"].to_string());
    let id_of = |path: &str| -> Option<String> {
        let text = match path.split('/').nth(1)? {
            "cases" => listed(&["case", "list"])?,
            "takedowns" => listed(&["takedown", "list"])?,
            "notices" => listed(&["notice", "list"])?,
            "parties" => listed(&["party", "list"])?,
            "agreements" => listed(&["agreement", "list"])?,
            "indicators" => listed(&["indicator", "list"])?,
            "evidence" => listed(&["evidence", "list"])?,
            "events" => one("SELECT id FROM events LIMIT 1", "id")?,
            _ => return None,
        };
        Some(text.trim_matches('"').to_owned())
    };
    let mut all = Vec::new();
    for route in routes.as_array().unwrap() {
        let path = route["path"].as_str().unwrap();
        let shows = route["method"] == "GET" && !path.starts_with("/api/") && !path.starts_with("/portal") && !path.starts_with("/report");
        if !shows || route["exports"] == true {
            continue;
        }
        match path.matches('{').count() {
            0 => all.push(path.to_owned()),
            1 => all.extend(id_of(path).map(|id| format!("{}{id}{}", path.split('{').next().unwrap(), path.split('}').nth(1).unwrap()))),
            _ => {}
        }
    }
    all
}

#[tokio::test]
async fn every_page_is_free_of_serious_faults_at_every_width_in_both_colours() {
    let Some(browser) = Browser::start().await else { return };
    let console = Console::filled();
    console.begin(&browser).await;
    let axe = axe();
    let pictures = std::env::var_os("MUSUBI_PICTURES").map(PathBuf::from);
    let mut faults = Vec::new();
    for address in addresses(&console) {
        for look in LOOKS {
            browser.look(look).await;
            browser.open(&console.at(&address)).await;
            let is_page = browser.page.find(By::Css("main")).await.is_ok();
            if !is_page {
                continue;
            }
            if browser.is_too_wide().await {
                faults.push(format!("{address} ({}) scrolls sideways", look.name));
            }
            // Less than this is the rounding of half a pixel.
            let (shift, moved) = browser.shift().await;
            if shift > 0.0005 {
                faults.push(format!("{address} ({}) moves after it was painted, by {shift}: {moved}", look.name));
            }
            let missing = browser.page.execute("return document.title === ''", vec![]).await.unwrap();
            assert_eq!(missing.json(), &Value::Bool(false), "{address} has no title");
            if let Some(axe) = &axe {
                faults.extend(browser.faults(axe).await.into_iter().map(|fault| format!("{address} ({}) {fault}", look.name)));
            }
            if let Some(folder) = &pictures {
                let name = address.trim_matches('/').replace('/', "-");
                let name = if name.is_empty() { "overview" } else { &name };
                browser.picture(&folder.join(format!("{name}.{}.png", look.name))).await;
            }
        }
    }
    browser.end().await;
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn a_passkey_opens_without_a_password() {
    let Some(browser) = Browser::start().await else { return };
    let console = Console::filled();
    browser.authenticator().await;
    console.begin(&browser).await;
    browser.open(&console.at("/account")).await;
    let name = browser.page.find(By::Css("form[data-passkey=create] input[name=name]")).await.unwrap();
    name.send_keys("night desk").await.unwrap();
    browser.press("form[data-passkey=create] button[type=submit]").await;
    browser.shows("night desk", "input[value=\"night desk\"]").await;
    browser.page.execute("document.documentElement.dataset.before = 'sign-out'", vec![]).await.unwrap();
    browser.press("details.person summary").await;
    browser.press("details.person form button").await;
    // This authenticator says yes as soon as the name field of the sign-in page listens: nothing is typed or pressed.
    browser.shows("somebody who signed in anew", "html:not([data-before]) details.person").await;
    browser.end().await;
}

#[tokio::test]
async fn without_a_script_everything_works_in_both_languages() {
    let Some(browser) = Browser::start().await else { return };
    let console = Console::filled();
    browser.scripts(false).await;
    console.begin(&browser).await;
    browser.open(&console.at("/releases?lang=ja")).await;
    assert!(browser.text().await.contains("提供記録"));
    browser.open(&console.at("/releases?lang=en")).await;
    assert!(browser.text().await.contains("Log of releases"));
    browser.press("details.person summary").await;
    browser.press("details.person form button").await;
    browser.shows("the sign-in page", "form[action='/sign-in']").await;
    browser.open(&console.at("/releases")).await;
    assert_eq!(browser.path().await, "/sign-in", "the session is over");
    browser.fill("name", "hanako").await;
    browser.fill("password", "something else entirely").await;
    browser.press("button.first").await;
    browser.shows("what was wrong", "form .wrong").await;
    browser.fill("name", "Hanako").await;
    browser.fill("password", PASSWORD).await;
    browser.press("button.first").await;
    browser.leaves("/sign-in").await;
    browser.end().await;
}

#[tokio::test]
async fn a_day_can_be_worked_by_keys_alone() {
    let Some(browser) = Browser::start().await else { return };
    let console = Console::filled();
    console.begin(&browser).await;
    browser.open(&console.at("/releases")).await;
    let body = browser.page.find(By::Tag("body")).await.unwrap();
    // The first stop is the way past the navigation.
    body.send_keys(Key::Tab + "").await.unwrap();
    let first = browser.page.active_element().await.unwrap();
    assert_eq!(first.attr("class").await.unwrap().as_deref(), Some("skip"));
    body.send_keys("/").await.unwrap();
    let search = browser.page.active_element().await.unwrap();
    assert_eq!(search.attr("id").await.unwrap().as_deref(), Some("search"));
    search.send_keys("203.0.113.7").await.unwrap();
    search.send_keys(Key::Enter + "").await.unwrap();
    browser.shows("what is known of it", "main form[action='/lookup']").await;
    browser.end().await;
}

/// Pictures for the README, from the running program: `MUSUBI_PICTURES=docs/pictures cargo test -p musubi --test console pictures -- --ignored`.
#[tokio::test]
#[ignore = "makes the pictures of the README: it writes files, and asserts nothing"]
async fn pictures_of_the_main_screens() {
    let Some(browser) = Browser::start().await else { return };
    let Some(folder) = std::env::var_os("MUSUBI_PICTURES").map(PathBuf::from) else { panic!("MUSUBI_PICTURES names no folder") };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    let console = Console::filled();
    console.begin(&browser).await;
    for (path, name, look) in [
        ("/?lang=en", "overview", LOOKS[0]),
        ("/?lang=ja", "overview-ja", LOOKS[0]),
        ("/events?lang=en", "events", LOOKS[0]),
        ("/cases/c8?lang=en", "case", LOOKS[1]),
        ("/graph?case=c8&lang=en", "graph", LOOKS[0]),
    ] {
        browser.look(look).await;
        browser.open(&console.at(path)).await;
        browser.window(&folder.join(format!("{name}.png"))).await;
    }
    browser.end().await;
}
