//! Every address of the console, asked by every role, by tokens of all kinds and by nobody: what answers is what the table of rights says.

mod story;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use casework::model::rights::{Right, Role};
use story::Home;
use story::server::{Server, Token};
use story::visitor::Visitor;

/// Ourselves and one outside party.
const PARTIES: &str = r#"
[[party]]
id = "us"
name = "Example CSIRT"
kind = "national-csirt"
nation = "JP"

[[party]]
id = "isp"
name = "Example ISP"
kind = "provider"
nation = "JP"
networks = ["198.18.0.0/15"]
"#;

/// Somebody who asks.
struct Caller {
    name: String,
    role: Option<Role>,
    /// A token that only reads.
    reads_only: bool,
    shows: Shows,
}

enum Shows {
    Nothing,
    Cookies(Visitor),
    Token(String),
}

/// The beginning of an answer: streams need not end.
struct Head {
    status: u16,
    location: String,
    set_cookies: Vec<String>,
}

impl Caller {
    fn ask(&self, address: SocketAddr, method: &str, path: &str) -> Head {
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\nContent-Length: 0\r\n", address.port());
        match &self.shows {
            Shows::Nothing => head.push_str("Sec-Fetch-Site: same-origin\r\n"),
            Shows::Token(token) => head.push_str(&format!("Authorization: Bearer {token}\r\n")),
            Shows::Cookies(visitor) => {
                let cookies: Vec<String> = visitor.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect();
                head.push_str(&format!("Sec-Fetch-Site: same-origin\r\nCookie: {}\r\n", cookies.join("; ")));
            }
        }
        head.push_str("Content-Type: application/x-www-form-urlencoded\r\n\r\n");
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let mut part = [0; 4096];
        while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
            let read = stream.read(&mut part).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
            assert!(read > 0, "{method} {path}: no answer");
            answer.extend_from_slice(&part[..read]);
        }
        let text = String::from_utf8_lossy(&answer).into_owned();
        let text = text.split("\r\n\r\n").next().unwrap();
        let all = |name: &str| -> Vec<String> {
            let lines = text.lines().skip(1).filter_map(|line| line.split_once(": "));
            lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).collect()
        };
        let head = Head {
            status: text.split(' ').nth(1).unwrap().parse().unwrap(),
            location: all("location").pop().unwrap_or_default(),
            set_cookies: all("set-cookie"),
        };
        if let Shows::Cookies(visitor) = &self.shows {
            for cookie in head.set_cookies.iter().filter(|cookie| !cookie.contains("Max-Age=0")) {
                let (name, rest) = cookie.split_once('=').unwrap();
                visitor.cookies.borrow_mut().insert(name.to_owned(), rest.split(';').next().unwrap().to_owned());
            }
        }
        head
    }
}

/// What is wrong with an answer, if anything is.
fn fault(caller: &Caller, right: Option<Right>, method: &str, path: &str, head: &Head) -> Option<String> {
    let status = head.status;
    let expected = match (right, caller.role) {
        // Whoever comes; how far they come their name and password decide.
        (None, _) if status == 403 || status >= 500 => "anything else",
        (None, _) => return None,
        (Some(right), Some(role)) if caller.reads_only && method != "GET" && method != "HEAD" && role.may(right) && !right.only_reads() => {
            if status == 404 {
                return None;
            } else {
                "404: it came to read"
            }
        }
        (Some(right), Some(role)) if role.may(right) => {
            if matches!(status, 401 | 403) || status >= 500 {
                "to be let in"
            } else {
                return None;
            }
        }
        (Some(_), Some(role)) if role.is_partner() => {
            if status == 404 {
                return None;
            } else {
                "404: it does not know the door"
            }
        }
        (Some(_), Some(_)) => {
            if status == 403 {
                return None;
            } else {
                "403"
            }
        }
        (Some(_), None) if path.starts_with("/api/") || path.starts_with("/report/") => {
            if status == 401 {
                return None;
            } else {
                "401"
            }
        }
        (Some(_), None) => {
            if status == 303 && head.location.starts_with("/sign-in") {
                return None;
            } else {
                "303 to /sign-in"
            }
        }
    };
    Some(format!("{method} {path} ({right:?}) by {}: {status} {}, expected {expected}", caller.name, head.location))
}

#[test]
fn every_route_opens_for_whom_the_table_says_and_for_nobody_else() {
    let home = Home::new();
    home.write("parties.toml", PARTIES);
    home.ok(&[
        "ingest",
        "--feed",
        "x",
        "--received",
        story::RECEIVED,
        home.write("2026-03-25-scan_ssh.csv", story::ssh(0..3)).to_str().unwrap(),
    ]);
    home.ok(&["party", "import", "parties.toml"]);
    home.ok(&["party", "own", "us"]);
    let server = Server::start(&home);
    let address = server.address;

    let mut callers = vec![Caller { name: "nobody".into(), role: None, reads_only: false, shows: Shows::Nothing }];
    for role in Role::ALL {
        let party = if role.is_partner() { vec!["--party", "isp"] } else { vec![] };
        let told = home.json(&[vec!["person", "invite", "--role", role.as_str()], party].concat());
        let visitor = Visitor::welcomed(address, told["link"].as_str().unwrap(), role.as_str());
        callers.push(Caller { name: role.to_string(), role: Some(role), reads_only: false, shows: Shows::Cookies(visitor) });
    }
    for (party, kind, role) in [
        ("us", "reader", Role::Auditor),
        ("us", "member", Role::Analyst),
        ("us", "manager", Role::Lead),
        ("isp", "manager", Role::PartnerAdministrator),
        ("isp", "member", Role::Partner),
        ("isp", "reader", Role::Partner),
    ] {
        let token = Token::create(&home, party, kind);
        let (name, reads_only) = (format!("token of {party}, {kind}"), kind == "reader");
        callers.push(Caller { name, role: Some(role), reads_only, shows: Shows::Token(token.token) });
    }

    let routes = home.json(&["routes"]);
    let mut routes: Vec<_> = routes.as_array().unwrap().iter().collect();
    // Whoever signs out asks nothing afterwards; and too many wrong answers at the door keep out whoever shows something.
    routes.sort_by_key(|route| (route["open"] == true, route["path"] == "/sign-out"));
    assert!(routes.len() > 30, "{} routes", routes.len());
    let (mut asked, mut faults) = (0, Vec::new());
    for route in routes {
        let (method, pattern) = (route["method"].as_str().unwrap(), route["path"].as_str().unwrap());
        let named = route["right"].as_str();
        let right = named.map(|named| Right::ALL.into_iter().find(|right| format!("{right:?}") == named).expect("a right of the table"));
        let path = made_up(pattern);
        for caller in &callers {
            let head = caller.ask(address, method, &path);
            asked += 1;
            faults.extend(fault(caller, right, method, &path, &head));
            if method == "GET" && right.is_some() && !caller.role.is_some_and(|role| right.is_some_and(|right| role.may(right))) {
                // What is not shown is not measured either.
                let head = caller.ask(address, "HEAD", &path);
                faults.extend(fault(caller, right, "HEAD", &path, &head));
            }
        }
    }
    eprintln!("{asked} requests");
    assert!(faults.is_empty(), "{} of {asked}:\n{}", faults.len(), faults.join("\n"));
}

/// The address with something made up for each part that stands for a thing.
fn made_up(pattern: &str) -> String {
    let parts = pattern.split('/').map(|part| match (part.find('{'), part.find('}')) {
        (Some(from), Some(to)) => format!("{}0192f0c4-0000-4000-8000-000000000000{}", &part[..from], &part[to + 1..]),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("/")
}
