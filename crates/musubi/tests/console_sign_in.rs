//! Getting in, staying in and being put out: passwords, second factors, passkeys, other organisations, links, sessions, accounts.

#[path = "story/browser.rs"]
#[allow(dead_code, reason = "each story uses what it needs")]
mod browser;
mod story;
#[path = "story/telephone.rs"]
mod telephone;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use browser::Browser;
use formats::tlog::{KeyKind, Signer};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use story::Home;
use story::server::Server;
use story::visitor::{PASSWORD, Visitor, encoded};
use thirtyfour::By;
use totp_rs::{Builder, Secret};

/// A server whose first administrator is signed in.
struct Console {
    home: Home,
    server: Server,
    administrator: Visitor,
}

impl Console {
    fn start(config: &str) -> Self {
        let home = Home::new();
        home.write("home/config.toml", config);
        let (server, told) = Server::start_told(&home);
        let administrator = Visitor::welcomed(server.address, told["welcome"].as_str().unwrap(), "hanako");
        Self { home, server, administrator }
    }

    fn visitor(&self) -> Visitor {
        Visitor::new(self.server.address)
    }

    /// Somebody of ours with an account.
    fn person(&self, name: &str, role: &str) -> Visitor {
        let told = self.home.json(&["person", "invite", "--role", role]);
        Visitor::welcomed(self.server.address, told["link"].as_str().unwrap(), name)
    }

    fn id_of(&self, name: &str) -> String {
        let people = self.home.json(&["person", "list"]);
        let one = people.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
        one["id"].as_str().unwrap().to_owned()
    }

    fn sign_in(&self, name: &str, password: &str) -> (Visitor, u16) {
        let visitor = self.visitor();
        let status = visitor.post("/sign-in", &[("name", name), ("password", password)]).status;
        (visitor, status)
    }
}

#[test]
fn a_cookie_that_somebody_chose_is_never_a_session_and_the_one_given_is_kept_from_scripts_and_other_sites() {
    let console = Console::start("");
    let visitor = console.visitor();
    visitor.cookies.borrow_mut().insert("musubi".into(), "chosen-by-somebody-else".into());
    let answer = visitor.post("/sign-in", &[("name", "hanako"), ("password", PASSWORD)]);
    assert_eq!(answer.status, 303);
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("musubi=") && cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
    assert_ne!(visitor.cookie("musubi").unwrap(), "chosen-by-somebody-else");
    let attacker = console.visitor();
    attacker.cookies.borrow_mut().insert("musubi".into(), "chosen-by-somebody-else".into());
    assert!(visitor.is_in() && !attacker.is_in());
    // Signing in again ends what this browser had.
    let before = visitor.cookie("musubi").unwrap();
    visitor.post("/sign-in", &[("name", "hanako"), ("password", PASSWORD)]);
    attacker.cookies.borrow_mut().insert("musubi".into(), before);
    assert!(visitor.is_in() && !attacker.is_in());
}

#[test]
fn behind_a_proxy_with_tls_the_cookie_is_bound_to_this_host() {
    let console = Console::start("[serve]\nproxy = true\nname = \"musubi.example\"\n");
    let visitor = console.visitor();
    let form = format!("name=hanako&password={}", encoded(PASSWORD));
    let headers = [
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-For", "192.0.2.9, 198.51.100.4"),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    let answer = visitor.send("POST", "/sign-in", &headers, form.as_bytes());
    assert_eq!(answer.status, 303);
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-musubi=") && cookie.contains("; Secure") && cookie.contains("; HttpOnly"), "{cookie}");
    let account = visitor.send("GET", "/account", &[("X-Forwarded-Proto", "https")], b"");
    assert_eq!(account.status, 200);
    // The last address is the one the proxy saw; what a client says of itself before it is not believed.
    assert!(account.text().contains("198.51.100.4") && !account.text().contains("192.0.2.9"));
    assert!(account.header("strict-transport-security").is_some());
    // The same cookie in the clear, as a neighbour of the domain could set it, is none.
    let secret = visitor.cookie("__Host-musubi").unwrap();
    let tossed = console.visitor();
    tossed.cookies.borrow_mut().insert("musubi".into(), secret);
    assert_eq!(tossed.send("GET", "/account", &[("X-Forwarded-Proto", "https")], b"").status, 303);
}

#[test]
fn a_form_of_another_site_changes_nothing() {
    let console = Console::start("");
    let visitor = &console.administrator;
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    for (site, headers) in [("cross-site", vec![form[0]]), ("same-site", vec![form[0]])] {
        let answer = visitor.send_from(site, "POST", "/account", &headers, b"shown=Mallory");
        assert_eq!(answer.status, 400, "{site}");
    }
    assert_eq!(visitor.send_from("cross-site", "POST", "/sign-in", &form, b"name=x&password=y").status, 400);
    assert!(!visitor.get("/account").text().contains("Mallory"));
    assert_eq!(visitor.post("/account", &[("shown", "Suzuki Hanako")]).status, 303);
    assert!(visitor.get("/account").text().contains("Suzuki Hanako"));
}

#[test]
fn nobody_learns_who_has_an_account_and_who_guesses_waits() {
    let console = Console::start("");
    console.person("taro", "analyst");
    let wrong = |name: &str| console.visitor().post("/sign-in", &[("name", name), ("password", "not the password at all")]);
    let (known, unknown) = (wrong("taro"), wrong("nobody-at-all"));
    assert_eq!((known.status, known.text()), (401, unknown.text()));
    for _ in 0..4 {
        assert_eq!(wrong("taro").status, 401);
    }
    // Shut now, for the right password too; and nothing says so.
    let (_, status) = console.sign_in("taro", PASSWORD);
    assert_eq!(status, 401);
    assert_eq!(console.home.json(&["person", "list"])[1]["state"], "locked");
    console.home.ok(&["person", "unlock", "taro"]);
    assert_eq!(console.sign_in("taro", PASSWORD).1, 303);
    // A right password forgets the wrong ones.
    assert_eq!(console.home.json(&["person", "list"])[1]["state"], "active");
}

#[test]
fn next_leads_to_no_other_site() {
    let console = Console::start("");
    for (next, leads) in [
        ("/releases?to=x", "/releases?to=x"),
        ("//evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
    ] {
        let answer = console.visitor().post("/sign-in", &[("name", "hanako"), ("password", PASSWORD), ("next", next)]);
        assert_eq!((answer.status, answer.leads_to()), (303, leads), "{next:?}");
    }
    let asked = console.visitor().get("/account");
    assert_eq!(asked.leads_to(), "/sign-in?next=%2Faccount");
    let page = console.visitor().get("/sign-in?next=%2F%2Fevil.example");
    assert!(page.text().contains("name=\"next\" value=\"/\""), "{}", page.text());
}

#[test]
fn of_two_who_come_at_once_by_one_link_one_gets_an_account() {
    let console = Console::start("");
    let told = console.home.json(&["person", "invite", "--role", "analyst"]);
    let key = told["link"].as_str().unwrap().split_once("key=").unwrap().1.to_owned();
    let address = console.server.address;
    let come = |name: &'static str| {
        let key = key.clone();
        std::thread::spawn(move || {
            let form = [("key", key.as_str()), ("name", name), ("shown", name), ("password", PASSWORD)];
            Visitor::new(address).post("/welcome", &form).status
        })
    };
    let both = [come("first"), come("second")];
    let mut statuses = both.map(|one| one.join().unwrap());
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 400]);
    assert_eq!(console.home.json(&["person", "list"]).as_array().unwrap().len(), 2);
    // Used: it shows no form any more, and a name that is taken uses no link up.
    assert_eq!(console.visitor().get(&format!("/welcome?key={key}")).status, 400);
    let told = console.home.json(&["person", "invite", "--role", "analyst"]);
    let key = told["link"].as_str().unwrap().split_once("key=").unwrap().1;
    let form = |name| [("key", key), ("name", name), ("shown", "x"), ("password", PASSWORD)];
    assert_eq!(console.visitor().post("/welcome", &form("hanako")).status, 422);
    assert_eq!(console.visitor().post("/welcome", &form("jiro")).status, 303);
}

#[test]
fn whoever_is_put_out_is_out_at_once() {
    let console = Console::start("");
    let taro = console.person("taro", "lead");
    let (elsewhere, _) = console.sign_in("taro", PASSWORD);
    assert!(taro.is_in() && elsewhere.is_in());
    // One session by its owner.
    let page = taro.get("/account").text();
    let id = page.split("/account/sessions/").filter_map(|part| part.split_once("/end\"")).map(|(id, _)| id).next().unwrap();
    assert_eq!(taro.post(&format!("/account/sessions/{id}/end"), &[]).status, 303);
    assert!(taro.is_in() && !elsewhere.is_in());
    // A session of somebody else is not theirs to end.
    let own = console.administrator.get("/account").status;
    assert_eq!(own, 200);
    assert_eq!(console.administrator.post(&format!("/account/sessions/{id}/end"), &[]).status, 404);
    // All of them by an administrator.
    let id = console.id_of("taro");
    assert_eq!(console.administrator.post(&format!("/settings/people/{id}/sign-out"), &[]).status, 303);
    assert!(!taro.is_in());
    // A change of rights, and the end of the account.
    let (taro, _) = console.sign_in("taro", PASSWORD);
    assert_eq!(console.administrator.post(&format!("/settings/people/{id}/role"), &[("role", "auditor")]).status, 303);
    assert!(!taro.is_in());
    let (taro, _) = console.sign_in("taro", PASSWORD);
    assert_eq!(console.administrator.post(&format!("/settings/people/{id}/disable"), &[]).status, 303);
    assert!(!taro.is_in());
    assert_eq!(console.sign_in("taro", PASSWORD).1, 401);
    // From the command line too, and back.
    console.home.ok(&["person", "enable", "taro"]);
    let (taro, _) = console.sign_in("taro", PASSWORD);
    assert!(taro.is_in());
    console.home.ok(&["person", "disable", "taro"]);
    assert!(!taro.is_in());
    // What was done is written down, with who did it.
    let csv = console.administrator.get("/settings/audit.csv").text();
    for deed in ["POST /settings/people/{id}/role", "POST /settings/people/{id}/disable", "person disable", "person enable"] {
        assert!(csv.contains(deed), "{deed}: {csv}");
    }
    let of_taro = console.administrator.get(&format!("/settings/audit?person={id}")).text();
    assert!(of_taro.contains("sign-in") && !of_taro.contains("/settings/people/{id}/role"));
}

#[test]
fn the_last_administrator_stays_one() {
    let console = Console::start("");
    let id = console.id_of("hanako");
    for (what, form) in [("disable", vec![]), ("role", vec![("role", "lead")])] {
        let answer = console.administrator.post(&format!("/settings/people/{id}/{what}"), &form);
        assert_eq!(answer.status, 422, "{what}");
    }
    assert_eq!(console.home.run(&["person", "disable", "hanako"]).code, Some(1));
    assert!(console.administrator.is_in());
    console.person("jiro", "administrator");
    assert_eq!(console.administrator.post(&format!("/settings/people/{id}/role"), &[("role", "lead")]).status, 303);
    assert!(!console.administrator.is_in());
    // A partner needs a party, and our own people have ours.
    assert_eq!(console.home.run(&["person", "invite", "--role", "partner"]).code, Some(2));
    assert_eq!(console.home.run(&["person", "invite", "--role", "partner", "--party", "not-there"]).code, Some(2));
    assert_eq!(console.home.run(&["person", "invite", "--role", "analyst", "--party", "not-there"]).code, Some(2));
}

#[test]
fn another_password_puts_everybody_else_out_and_changes_the_cookie() {
    let console = Console::start("");
    let (elsewhere, _) = console.sign_in("hanako", PASSWORD);
    let before = console.administrator.cookie("musubi").unwrap();
    let change = |current: &str, new: &str| console.administrator.post("/account/password", &[("current", current), ("new", new)]).status;
    assert_eq!(change("not my password at all", "otter maple signal 42 brook"), 422);
    assert_eq!(change(PASSWORD, "short"), 422);
    assert_eq!(change(PASSWORD, "password12345"), 422);
    assert_eq!(change(PASSWORD, "hanakohanako"), 422);
    assert!(elsewhere.is_in());
    assert_eq!(change(PASSWORD, "otter maple signal 42 brook"), 303);
    assert_ne!(console.administrator.cookie("musubi").unwrap(), before);
    assert!(console.administrator.is_in() && !elsewhere.is_in());
    elsewhere.cookies.borrow_mut().insert("musubi".into(), before);
    assert!(!elsewhere.is_in(), "the cookie of before opens nothing");
    assert_eq!(console.sign_in("hanako", PASSWORD).1, 401);
    assert_eq!(console.sign_in("hanako", "otter maple signal 42 brook").1, 303);
}

/// The code of this half minute, and of those around it.
fn code(secret: &str, steps_on: i64) -> String {
    let totp = Builder::new().with_secret(Secret::try_from_base32(secret).unwrap()).build().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    totp.generate(now.saturating_add_signed(steps_on * 30)).to_string()
}

#[test]
fn a_code_opens_once_and_codes_on_paper_once_each() {
    let console = Console::start("");
    let me = &console.administrator;
    assert_eq!(me.post("/account/second/ask", &[]).leads_to(), "/account/second");
    let page = me.get("/account/second");
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let text = page.text();
    let secret = text.split_once("data-copy=\"").unwrap().1.split('"').next().unwrap().to_owned();
    assert!(text.contains("otpauth://totp/Musubi:hanako?secret="), "{text}");
    // A telephone reads from the picture what the link and the text say.
    let link = text.split_once("href=\"otpauth:").unwrap().1.split('"').next().unwrap().replace("&amp;", "&");
    let scanned = telephone::read(&text);
    assert_eq!(scanned, format!("otpauth:{link}"));
    assert!(scanned.contains(&format!("secret={secret}&")), "{scanned}");
    assert_eq!(me.post("/account/second", &[("code", "000000")]).status, 422);
    let used = code(&secret, 0);
    let shown = me.post("/account/second", &[("code", &used)]).text();
    let paper: Vec<&str> = shown.split("<li><code>").skip(1).map(|part| part.split('<').next().unwrap()).collect();
    assert_eq!(paper.len(), 10, "{shown}");

    // The password alone leads to the code, and to nothing else.
    let password = || {
        let (visitor, status) = console.sign_in("hanako", PASSWORD);
        assert_eq!(status, 303);
        assert!(!visitor.is_in());
        visitor
    };
    let visitor = password();
    assert_eq!(visitor.post("/sign-in/code", &[("code", &used)]).status, 401, "a code that was used to set it up");
    // Two with the same fresh code at once: one gets in.
    let fresh = code(&secret, 1);
    let both = [password(), password()].map(|visitor| {
        let fresh = fresh.clone();
        std::thread::spawn(move || visitor.post("/sign-in/code", &[("code", &fresh)]).status)
    });
    let mut statuses = both.map(|one| one.join().unwrap());
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 401]);
    // On paper: once each, as people write it.
    let visitor = password();
    assert_eq!(visitor.post("/sign-in/code", &[("code", &paper[0].to_uppercase())]).status, 303);
    assert!(visitor.is_in());
    let visitor = password();
    assert_eq!(visitor.post("/sign-in/code", &[("code", paper[0])]).status, 401);
    assert!(me.get("/account").text().contains(">A code is asked for after the password. 9 codes"));
    // Guessing shuts the account, for right codes too.
    for guess in 0..5 {
        let status = visitor.post("/sign-in/code", &[("code", &format!("00000{guess}"))]).status;
        assert_eq!(status, 401);
    }
    assert_eq!(visitor.post("/sign-in/code", &[("code", paper[1])]).status, 401);
    console.home.ok(&["person", "unlock", "hanako"]);
    // Without the password it is not taken away.
    assert_eq!(me.post("/account/second/remove", &[("password", "not my password at all")]).status, 422);
    assert_eq!(me.post("/account/second/remove", &[("password", PASSWORD)]).status, 303);
    let (visitor, _) = console.sign_in("hanako", PASSWORD);
    assert!(visitor.is_in());
}

#[test]
fn whoever_lost_everything_comes_back_by_a_link_of_an_administrator() {
    let console = Console::start("");
    let taro = console.person("taro", "analyst");
    let told = console.home.json(&["person", "link", "taro"]);
    let key = told["link"].as_str().unwrap().split_once("key=").unwrap().1;
    let again = console.visitor();
    let form = [("key", key), ("name", "hanako"), ("password", "otter maple signal 42 brook")];
    assert_eq!(again.post("/welcome", &form).status, 303);
    assert!(again.is_in() && !taro.is_in());
    assert!(again.get("/account").text().contains("taro"), "the link says whose account it is, not the form");
    assert_eq!(console.sign_in("hanako", PASSWORD).1, 303);
    assert_eq!(console.visitor().post("/welcome", &form).status, 400);
}

#[tokio::test]
async fn a_passkey_signs_in_under_the_name_it_is_bound_to() {
    let Some(browser) = Browser::start().await else { return };
    let console = Console::start("");
    browser.authenticator().await;
    let port = console.server.address.port();
    let told = console.home.json(&["person", "invite", "--role", "analyst"]);
    let key = told["link"].as_str().unwrap().split_once("key=").unwrap().1;
    browser.open(&format!("http://localhost:{port}/welcome?key={key}")).await;
    browser.fill("name", "taro").await;
    browser.fill("shown", "Taro").await;
    browser.fill("password", PASSWORD).await;
    browser.press("button.first").await;
    browser.leaves("/welcome").await;
    browser.open(&format!("http://localhost:{port}/account")).await;
    browser.press("form[data-passkey] button").await;
    wait(&browser, "/account?done=passkey").await;
    browser.press("details.person summary").await;
    browser.press("details.person form button").await;
    // The name field itself asks for it, and this authenticator says yes at once; else the button does.
    wait(&browser, "/").await;
    assert!(browser.text().await.contains("Taro"));
    // Another name: said, and nothing is tried.
    browser.open(&format!("http://127.0.0.1:{port}/sign-in")).await;
    assert!(browser.text().await.contains("Passkeys are bound to localhost"), "{}", browser.text().await);
    let csv = console.administrator.get("/settings/audit.csv").text();
    assert!(csv.contains("sign-in,passkey,303"), "{csv}");
    browser.end().await;
    // What was answered once opens nothing again, and without a ceremony nothing is looked at.
    let replay = console.visitor().post_json("/sign-in/passkey", &json!({"credential": {}, "next": "/"}));
    assert_eq!(replay.status, 401);
}

/// Until the browser is there: by itself, or after presses on the button for passkeys. The page may go on by itself between the look and the
/// press, so a button that is gone by then is no fault; never arriving is.
async fn wait(browser: &Browser, end: &str) {
    for round in 0..300 {
        let at = browser.page.current_url().await.unwrap();
        if at.as_str().ends_with(end) && !at.path().ends_with("sign-in") {
            return;
        }
        if round % 50 == 20
            && at.path().ends_with("/sign-in")
            && let Ok(button) = browser.page.find(By::Css("form[data-passkey] button")).await
        {
            drop(button.click().await);
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("not at {end}, but at {}: {}", browser.page.current_url().await.unwrap(), browser.text().await);
}

/// An organisation that signs people in: as small as it can be, and as wrong as it is told to be.
struct Organisation {
    address: SocketAddr,
    says: Arc<Mutex<Value>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Organisation {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (says, asked) = (Arc::new(Mutex::new(json!({}))), Arc::new(Mutex::new(Vec::new())));
        let (said, heard) = (Arc::clone(&says), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                answer(stream, address, &said, &heard);
            }
        });
        Self { address, says, asked }
    }

    fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.address.port())
    }

    fn config(&self) -> String {
        format!(
            "[[serve.oidc]]\nname = \"Ministry\"\nissuer = \"{}\"\nclient_id = \"musubi\"\nclient_secret_file = \"secret\"\n",
            self.issuer()
        )
    }
}

/// An Ed25519 key as PKCS#8 (RFC 8410 §7), and its public half.
fn key() -> (EncodingKey, String) {
    let secret = [7_u8; 32];
    let mut der = vec![0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    der.extend(secret);
    let public = Signer::new("x", KeyKind::Note, &secret).unwrap().verifier().public_key();
    (EncodingKey::from_ed_der(&der), URL_SAFE_NO_PAD.encode(public))
}

fn answer(mut stream: TcpStream, address: SocketAddr, says: &Mutex<Value>, asked: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut first, mut length, mut authorization) = (String::new(), 0, String::new());
    reader.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if lower.starts_with("authorization:") {
            authorization = line.trim().to_owned();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body = String::from_utf8(body).unwrap();
    let issuer = format!("http://127.0.0.1:{}", address.port());
    let path = first.split(' ').nth(1).unwrap_or_default();
    asked.lock().unwrap().push(format!("{path} {authorization} {body}"));
    let told = match path {
        "/.well-known/openid-configuration" => json!({"issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys")}),
        "/keys" => json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "k1", "x": key().1}]}),
        "/token" => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
            let mut claims = json!({"iss": issuer, "aud": "musubi", "iat": now, "exp": now + 300});
            for (name, value) in says.lock().unwrap().as_object().unwrap() {
                claims[name] = value.clone();
            }
            json!({"access_token": "x", "token_type": "Bearer", "id_token": jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &key().0).unwrap()})
        }
        _ => json!({}),
    };
    let text = told.to_string();
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    );
}

/// One part of a query.
fn part(address: &str, name: &str) -> String {
    let query = address.split_once('?').unwrap().1;
    let value =
        query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).unwrap_or_else(|| panic!("no {name} in {address}"));
    value.to_owned()
}

#[test]
fn another_organisation_signs_in_whom_an_invitation_linked_and_nobody_else() {
    let organisation = Organisation::start();
    let home = Home::new();
    home.write("home/config.toml", organisation.config());
    let secret = home.write("home/secret", "s3cret value\n");
    #[cfg(unix)]
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let (server, told) = Server::start_told(&home);
    let administrator = Visitor::welcomed(server.address, told["welcome"].as_str().unwrap(), "hanako");
    let console = Console { home, server, administrator };

    // Out: bound to this browser, with a challenge of which only we know the answer.
    let out = |visitor: &Visitor, query: &str| visitor.get(&format!("/sign-in/organisation/0{query}")).leads_to().to_owned();
    let back = |visitor: &Visitor, state: &str| visitor.get(&format!("/sign-in/organisation/answer?code=c0de&state={state}"));
    let says = |sub: &str, nonce: &str| {
        *organisation.says.lock().unwrap() =
            json!({"sub": sub, "nonce": nonce, "name": "Taro", "preferred_username": "Taro Yamada", "email": "hanako@csirt.example"})
    };
    let visitor = console.visitor();
    let to = out(&visitor, "?next=%2Faccount");
    assert!(
        to.starts_with(&format!(
            "{}/authorize?response_type=code&client_id=musubi&redirect_uri=http%3A%2F%2Flocalhost%3A",
            organisation.issuer()
        )),
        "{to}"
    );
    assert_eq!(part(&to, "code_challenge_method"), "S256");
    says("subject-1", &part(&to, "nonce"));
    // Signed rightly, but nobody linked it: no mail address makes an account.
    let stranger = back(&visitor, &part(&to, "state"));
    assert_eq!(stranger.status, 400);
    assert!(!visitor.is_in());
    assert_eq!(console.home.json(&["person", "list"]).as_array().unwrap().len(), 1);
    let told = organisation.asked.lock().unwrap().iter().find(|line| line.starts_with("/token")).unwrap().clone();
    let verifier = told.split("code_verifier=").nth(1).unwrap().split('&').next().unwrap();
    assert_eq!(URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)), part(&to, "code_challenge"));
    assert!(told.to_lowercase().contains("authorization: basic") && told.contains("bXVzdWJpOnMzY3JldCt2YWx1ZQ=="), "{told}");

    // An invitation links it.
    let invited = console.home.json(&["person", "invite", "--role", "analyst"]);
    let link = invited["link"].as_str().unwrap().split_once("key=").unwrap().1.to_owned();
    assert!(console.visitor().get(&format!("/welcome?key={link}")).text().contains("Sign in with Ministry"));
    let to = out(&visitor, &format!("?key={link}"));
    says("subject-1", &part(&to, "nonce"));
    assert_eq!(back(&visitor, &part(&to, "state")).status, 303);
    assert!(visitor.is_in());
    assert!(visitor.get("/account").text().contains("taro-yamada"));
    // From now on it is enough.
    let visitor = console.visitor();
    let to = out(&visitor, "?next=%2Faccount");
    says("subject-1", &part(&to, "nonce"));
    let answer = back(&visitor, &part(&to, "state"));
    assert_eq!((answer.status, answer.leads_to()), (303, "/account"));
    // A second time the same answer is none.
    assert_eq!(back(&visitor, &part(&to, "state")).status, 400);

    // What does not fit: another browser, another state, another question, another client, another issuer, too late.
    let begin = || {
        let visitor = console.visitor();
        let to = out(&visitor, "");
        (visitor, part(&to, "state"), part(&to, "nonce"))
    };
    let (_, state, nonce) = begin();
    says("subject-1", &nonce);
    assert_eq!(back(&console.visitor(), &state).status, 400, "another browser");
    let (visitor, _, nonce) = begin();
    says("subject-1", &nonce);
    assert_eq!(back(&visitor, "forged").status, 400, "another state");
    for (name, value) in [
        ("nonce", json!("another")),
        ("aud", json!("somebody-else")),
        ("iss", json!("https://evil.example")),
        ("exp", json!(1_000_000)),
        ("iat", json!(1_000_000)),
        ("azp", json!("somebody-else")),
        ("sub", json!("")),
    ] {
        let (visitor, state, nonce) = begin();
        says("subject-1", &nonce);
        organisation.says.lock().unwrap()[name] = value;
        assert_eq!(back(&visitor, &state).status, 400, "{name}");
        assert!(!visitor.is_in(), "{name}");
    }
    let (visitor, state, nonce) = begin();
    says("subject-1", &nonce);
    let mixed = visitor.get(&format!("/sign-in/organisation/answer?code=c0de&state={state}&iss=https%3A%2F%2Fevil.example"));
    assert_eq!(mixed.status, 400, "an answer of another organisation");
    // Whoever is disabled here is out, whatever others say.
    console.home.ok(&["person", "disable", "taro-yamada"]);
    let (visitor, state, nonce) = begin();
    says("subject-1", &nonce);
    assert_eq!(back(&visitor, &state).status, 400);
    assert!(!visitor.is_in());
}
