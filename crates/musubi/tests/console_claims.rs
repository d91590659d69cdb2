//! What outside parties claim: proved by a code that a real mail server takes, by a file on a real web server, or not proved at all. What
//! another party holds is decided by us, and nobody has us call where we should not.

#[path = "story/sink.rs"]
mod sink;
mod story;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use sha2::{Digest as _, Sha256};
use sink::Sink;
use store::claims::NetworkClaim;
use story::Home;
use story::server::{Answer, Server, Token};
use story::visitor::encoded;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig, ServerConnection, StreamOwned};

const REGISTRY: &str = "inetnum: 192.0.2.0 - 192.0.2.255\norg: ORG-1\nsource: RIPE\n\ninetnum: 203.0.113.0 - 203.0.113.255\norg: ORG-1\nsource: RIPE\n\n\
                        organisation: ORG-1\norg-name: Example Org\nabuse-c: A1\nsource: RIPE\n\n\
                        role: Abuse\nnic-hdl: A1\nabuse-mailbox: abuse@reg.example\nsource: RIPE\n\naut-num: AS64499\norg: ORG-1\nsource: RIPE\n";

/// Programs of a party, which see what its people see.
struct Who<'s> {
    server: &'s Server,
    bearer: String,
}

impl<'s> Who<'s> {
    fn of(home: &Home, server: &'s Server, party: &str) -> Self {
        Self::with(home, server, party, "manager")
    }

    /// One who reads what was done.
    fn auditor(home: &Home, server: &'s Server) -> Self {
        Self::with(home, server, "us", "reader")
    }

    fn with(home: &Home, server: &'s Server, party: &str, role: &str) -> Self {
        Self { server, bearer: format!("Bearer {}", Token::create(home, party, role).token) }
    }

    fn get(&self, path: &str) -> Answer {
        self.server.request("GET", path, &[("Authorization", &self.bearer)], b"")
    }

    fn page(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    }

    fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let body = form.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&");
        let headers = [("Authorization", self.bearer.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
        self.server.request("POST", path, &headers, body.as_bytes())
    }

    /// Claims; the id of the claim.
    #[track_caller]
    fn claim(&self, value: &str, way: &str) -> String {
        let answer = self.post("/portal/networks", &[("value", value), ("way", way)]);
        assert_eq!(answer.status, 303, "{value}: {}", answer.text());
        answer.leads_to().split("#claim-").nth(1).unwrap().to_owned()
    }

    fn check(&self, id: &str, code: &str) -> u16 {
        self.post(&format!("/portal/networks/{id}/check"), &[("code", code)]).status
    }

    /// The part of the page about one claim.
    fn card(&self, id: &str) -> String {
        let page = self.page("/portal/networks");
        let card = page.split(&format!("id=\"claim-{id}\"")).nth(1).unwrap_or_else(|| panic!("no claim {id} in {page}"));
        card.split("</section>").next().unwrap().to_owned()
    }

    /// The code that the page of a claim asks to be shown.
    fn code(&self, id: &str) -> String {
        let card = self.card(id);
        let code = card.split("musubi-claim=").nth(1).unwrap_or_else(|| panic!("no code in {card}"));
        format!("musubi-claim={}", code.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect::<String>())
    }
}

fn world(config: &str) -> Home {
    let home = Home::new();
    home.ok(&["party", "add", "us", "--kind", "national-csirt", "--nation", "JP", "--own"]);
    home.ok(&["party", "add", "isp-a", "--kind", "provider", "--network", "198.51.100.0/24", "--contact", "abuse en abuse@a.example"]);
    home.ok(&["party", "add", "isp-b", "--kind", "provider", "--network", "203.0.113.0/24", "--contact", "abuse en abuse@b.example"]);
    home.write("ripe.db", REGISTRY);
    home.ok(&["party", "import", "ripe.db", "--date", "2026-03-01"]);
    home.write("home/config.toml", config);
    home
}

fn held(home: &Home, party: &str) -> String {
    home.json(&["party", "show", party])["answers_for"].to_string()
}

/// The code in the newest mail: a line of its own.
fn mailed(sink: &Sink) -> String {
    let mail = sink.mails().pop().unwrap().mail;
    let part = mail.split("Content-Transfer-Encoding: base64\r\n\r\n").nth(1).unwrap_or_else(|| panic!("no text in {mail}"));
    let packed: String = part.split("\r\n--").next().unwrap().split_whitespace().collect();
    let text = String::from_utf8(base64::engine::general_purpose::STANDARD.decode(packed).unwrap()).unwrap();
    let is_code = |line: &&str| line.len() == 10 && line.bytes().all(|b| b.is_ascii_alphanumeric());
    text.lines().map(str::trim).find(is_code).unwrap_or_else(|| panic!("no code in {text}")).to_owned()
}

#[test]
fn a_code_mailed_to_the_contact_of_a_registry_proves_a_network_once() {
    let maildir = tempfile::TempDir::new().unwrap();
    let sink = Sink::open(maildir.path());
    let home = world(&sink.config(maildir.path()));
    let server = Server::start(&home);
    let (us, a, b) = (Who::of(&home, &server, "us"), Who::of(&home, &server, "isp-a"), Who::of(&home, &server, "isp-b"));

    // Nobody is named for it: no mail, no claim.
    let page = a.post("/portal/networks", &[("value", "198.18.0.0/24"), ("way", "mail")]).text();
    assert!(page.contains("No registry that we know"), "{page}");
    // More than one entry of the registry: nobody is named for all of it.
    assert!(a.post("/portal/networks", &[("value", "192.0.0.0/16"), ("way", "mail")]).text().contains("No registry that we know"));
    assert!(sink.mails().is_empty());

    let id = a.claim("192.0.2.0/25", "mail");
    let mails = sink.mails();
    assert_eq!(mails.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), ["abuse@reg.example"]);
    assert_eq!(mails[0].field("Subject"), "A code for 192.0.2.0/25");
    let code = mailed(&sink);
    let card = a.card(&id);
    assert!(card.contains("abuse@reg.example") && !card.contains(&code), "{card}");
    // The mail is a release like any other.
    let releases = home.json(&["log", "list"]).to_string();
    assert!(releases.contains("192.0.2.0/25 is of isp-a") && releases.contains("claim-"), "{releases}");

    // A wrong code; the code of another claim; another party's eyes: nothing.
    assert_eq!(a.check(&id, "0123456789"), 400);
    assert_eq!(a.check(&id, ""), 400);
    let other = a.claim("AS64499", "mail");
    assert_eq!(a.check(&other, &code), 400);
    assert_eq!(b.check(&id, &code), 404);
    assert!(!held(&home, "isp-a").contains("192.0.2.0"));
    // As people paste it.
    assert_eq!(a.check(&id, &format!(" {code}\n")), 303);
    assert!(held(&home, "isp-a").contains("192.0.2.0/25"));
    // Once is once: neither again, nor after it was taken back, nor for a new claim of the same.
    assert_eq!(a.check(&id, &code), 400);
    assert_eq!(a.post(&format!("/portal/networks/{id}/withdraw"), &[]).status, 303);
    assert!(!held(&home, "isp-a").contains("192.0.2.0"));
    assert_eq!(a.check(&id, &code), 404);
    let again = a.claim("192.0.2.0/25", "mail");
    assert_eq!(a.check(&again, &code), 400);
    // Five tries, and then the right one is too late.
    let right = mailed(&sink);
    assert_ne!(right, code);
    for _ in 0..4 {
        assert_eq!(a.check(&again, "0123456789"), 400);
    }
    assert_eq!(a.check(&again, &right), 400);
    assert!(!held(&home, "isp-a").contains("192.0.2.0"));

    // A claim that nobody proved in time, with its right code.
    let late = NetworkClaim {
        id: "late".into(),
        party: "isp-a".into(),
        person: "token:x".into(),
        value: "AS64499".into(),
        way: "mail".into(),
        code: Sha256::digest(b"abcdefghij").iter().map(|byte| format!("{byte:02x}")).collect(),
        address: Some("abuse@reg.example".into()),
        tries: 0,
        made_at: 1,
        expires_at: jiff::Timestamp::now().as_microsecond() - 1,
        confirmed_at: None,
        withdrawn_at: None,
        contested_at: None,
        decided_at: None,
        decided_by: None,
    };
    let place = store::home::Home::at(home.root());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let register = store::register::Register::open(&place).await.unwrap();
        register.add_claim(&late).await.unwrap();
        register.close().await;
    });
    assert_eq!(a.check("late", "abcdefghij"), 400);
    assert!(a.card("late").contains("expired"));
    assert!(!held(&home, "isp-a").contains("AS64499"));

    // What B holds by our own entry: proved, and still ours to decide. A is not told whose it is.
    let contested = a.claim("203.0.113.0/24", "mail");
    assert_eq!(a.check(&contested, &mailed(&sink)), 303);
    assert!(!held(&home, "isp-a").contains("203.0.113.0"));
    let card = a.card(&contested);
    assert!(
        card.contains("proved, to be confirmed by us") && !card.contains("isp-b") && !a.page("/portal/networks").contains("isp-b"),
        "{card}"
    );
    assert_eq!(a.check(&contested, &mailed(&sink)), 400, "it is proved");
    // We see it, with whom it is of.
    assert!(us.page("/parties").contains("1 claim is to be decided"));
    let waiting = us.page("/claims?stage=contested");
    assert!(waiting.contains("203.0.113.0/24") && waiting.contains("isp-b") && waiting.contains("our own entry"), "{waiting}");
    assert!(!waiting.contains("192.0.2.0/25"), "{waiting}");
    assert!(us.page("/claims?lang=ja").contains("当方の判断待ち"));
    for path in ["accept", "end"] {
        assert_eq!(a.post(&format!("/claims/{contested}/{path}"), &[]).status, 404, "a partner decides nothing");
    }
    assert_eq!(a.get("/claims").status, 404);
    let refused = us.post(&format!("/claims/{contested}/accept"), &[]);
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains("Our own entry says that 203.0.113.0/24 is of isp-b"), "{}", refused.text());
    assert_eq!(us.post(&format!("/claims/{contested}/end"), &[]).status, 303);
    assert!(a.card(&contested).contains("We have ended this claim"));
    assert_eq!(us.post(&format!("/claims/{contested}/accept"), &[]).status, 409, "it has ended");
    assert!(held(&home, "isp-b").contains("203.0.113.0/24"));

    // Whoever cannot be reached gets no code, and the party is told.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = home.root().join("config.toml");
    let text = std::fs::read_to_string(&config).unwrap().replace(&format!("port = {}", sink.port), &format!("port = {gone}"));
    std::fs::write(&config, text).unwrap();
    assert!(a.post("/portal/networks", &[("value", "AS64499"), ("way", "mail")]).text().contains("could not be handed over"));

    // All of it stands in the audit, wrong tries too, and no code does.
    let audit = Who::auditor(&home, &server).page("/settings/audit.csv");
    for told in [
        "192.0.2.0/25 by mail\r\n",
        "192.0.2.0/25 by mail: not shown",
        "192.0.2.0/25 by mail: proved",
        "192.0.2.0/25 by mail: not tried any more",
        "AS64499 by mail: not tried any more",
        "203.0.113.0/24 by mail: proved; another party holds it",
        "203.0.113.0/24 of isp-a ended",
    ] {
        assert!(audit.contains(told), "{told} in {audit}");
    }
    assert!(!audit.contains(&code) && !audit.contains(&right));
    drop(server);
    home.ok(&["log", "verify"]);
}

/// What a name leads to: addresses and a text; and how often it was asked for an address.
#[derive(Clone, Debug, Default)]
struct Names(Arc<Mutex<BTreeMap<String, Record>>>);

#[derive(Debug, Default)]
struct Record {
    /// One answer after another, the last for ever.
    addresses: Vec<Vec<[u8; 4]>>,
    text: String,
    asked: usize,
}

impl Names {
    fn leads(&self, name: &str, answers: &[&[[u8; 4]]]) {
        self.0.lock().unwrap().entry(name.to_owned()).or_default().addresses = answers.iter().map(|one| one.to_vec()).collect();
    }

    fn says(&self, name: &str, text: &str) {
        self.0.lock().unwrap().entry(name.to_owned()).or_default().text = text.to_owned();
    }

    fn asked(&self, name: &str) -> usize {
        self.0.lock().unwrap().get(name).map_or(0, |record| record.asked)
    }

    /// A resolver that knows these.
    fn serve(&self) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let names = self.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let _ = socket.send_to(&names.answer(&buffer[..length]), from);
            }
        });
        address
    }

    fn answer(&self, asked: &[u8]) -> Vec<u8> {
        let (mut labels, mut at) = (Vec::new(), 12);
        while asked[at] > 0 {
            let end = at + 1 + usize::from(asked[at]);
            labels.push(String::from_utf8_lossy(&asked[at + 1..end]).to_lowercase());
            at = end;
        }
        let kind = asked[at + 2];
        let mut names = self.0.lock().unwrap();
        let found: Vec<Vec<u8>> = match (kind, names.get_mut(&labels.join("."))) {
            (1, Some(record)) => {
                record.asked += 1;
                let nth = record.asked.min(record.addresses.len());
                nth.checked_sub(1).map_or_else(Vec::new, |nth| record.addresses[nth].iter().map(|octets| octets.to_vec()).collect())
            }
            (16, Some(record)) if !record.text.is_empty() => {
                vec![[&[u8::try_from(record.text.len()).unwrap()], record.text.as_bytes()].concat()]
            }
            _ => Vec::new(),
        };
        let mut reply = [&asked[..2], &[0x81, 0x80, 0, 1, 0, u8::try_from(found.len()).unwrap(), 0, 0, 0, 0], &asked[12..at + 5]].concat();
        for data in found {
            reply.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 0, 0, u8::try_from(data.len()).unwrap()]);
            reply.extend(data);
        }
        reply
    }
}

/// What a web server answers.
#[derive(Clone, Debug)]
enum Page {
    File(String),
    Status(&'static str),
    /// To another address (with the file itself as its body).
    Elsewhere(String, String),
    /// The code, after more than anybody reads.
    Long(String),
    /// A byte a second.
    Slow,
}

/// A web server with TLS: what it answers by the name it is asked for, and how often it was connected to.
struct Web {
    port: u16,
    pages: Arc<Mutex<BTreeMap<String, Page>>>,
    connected: Arc<AtomicUsize>,
}

impl Web {
    fn open(address: &str, config: Arc<ServerConfig>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let web = Self { port: listener.local_addr().unwrap().port(), pages: Arc::default(), connected: Arc::default() };
        let (pages, connected) = (Arc::clone(&web.pages), Arc::clone(&web.connected));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                connected.fetch_add(1, Ordering::SeqCst);
                let (pages, config) = (Arc::clone(&pages), Arc::clone(&config));
                std::thread::spawn(move || answer(stream, config, &pages));
            }
        });
        Ok(web)
    }

    fn shows(&self, name: &str, page: Page) {
        self.pages.lock().unwrap().insert(name.to_owned(), page);
    }
}

fn answer(stream: TcpStream, config: Arc<ServerConfig>, pages: &Mutex<BTreeMap<String, Page>>) -> Option<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    let mut stream = BufReader::new(StreamOwned::new(ServerConnection::new(config).ok()?, stream));
    let (mut path, mut host) = (String::new(), String::new());
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 || line == "\r\n" {
            break;
        }
        match line.split_once(' ') {
            Some(("GET", rest)) => path = rest.split(' ').next()?.to_owned(),
            Some((name, value)) if name.eq_ignore_ascii_case("host:") => host = value.split(':').next()?.trim().to_owned(),
            _ => {}
        }
    }
    let page = pages.lock().unwrap().get(&host).cloned().filter(|_| path == "/.well-known/musubi-claim.txt");
    let out = stream.get_mut();
    let mut tell = |status: &str, more: &str, body: &str| {
        let _ = write!(out, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{more}\r\n{body}", body.len());
        let _ = out.flush();
    };
    match page {
        None => tell("404 Not Found", "", ""),
        Some(Page::Status(status)) => tell(status, "", ""),
        Some(Page::File(text)) => tell("200 OK", "Content-Type: text/plain\r\n", &text),
        Some(Page::Elsewhere(to, text)) => tell("302 Found", &format!("Location: {to}\r\n"), &text),
        Some(Page::Long(text)) => tell("200 OK", "", &format!("{}\n{text}\n", "x".repeat(20_000))),
        Some(Page::Slow) => {
            write!(out, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").ok()?;
            for _ in 0..600 {
                out.write_all(b"x").ok()?;
                out.flush().ok()?;
                std::thread::sleep(Duration::from_secs(1));
            }
        }
    }
    stream.get_mut().conn.send_close_notify();
    stream.get_mut().flush().ok()
}

/// An authority, and the certificate of a server of these names; `None` without a program that makes them.
fn certificate(home: &Home, names: &[&str]) -> Option<Arc<ServerConfig>> {
    let folder = home.root();
    let openssl = |arguments: &str| {
        let output = Command::new("openssl").args(arguments.split(' ')).current_dir(&folder).output().ok()?;
        assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
        Some(())
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(&format!("req -x509 {key} -days 2 -subj /CN=authority -keyout authority.key -out authority.pem"))?;
    openssl(&format!("req {key} -subj /CN=web -keyout web.key -out web.csr"))?;
    let names: Vec<String> = names.iter().map(|name| format!("DNS:{name}")).collect();
    std::fs::write(folder.join("web.ext"), format!("subjectAltName={}\n", names.join(","))).unwrap();
    openssl("x509 -req -in web.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 -extfile web.ext -out web.pem")?;
    let chain = CertificateDer::pem_file_iter(folder.join("web.pem")).unwrap().collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("web.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Some(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap()))
}

const HERE: [u8; 4] = [127, 0, 0, 1];
const INSIDE: [u8; 4] = [127, 0, 0, 2];

#[test]
fn a_file_proves_a_domain_and_leads_us_nowhere_else() {
    let home = world("");
    let names = Names::default();
    let all = [
        "good.example",
        "moved.example",
        "long.example",
        "slow.example",
        "mixed.example",
        "inside.example",
        "turning.example",
        "gone.example",
    ];
    let Some(tls) = certificate(&home, &all) else {
        eprintln!("skipped: there is no openssl");
        return;
    };
    let web = Web::open("127.0.0.1:0", Arc::clone(&tls)).unwrap();
    // A machine of ours at the same port, which must never hear of it.
    let Ok(inside) = Web::open(&format!("127.0.0.2:{}", web.port), tls) else {
        eprintln!("skipped: this system has no second address of its own");
        return;
    };
    let config = format!(
        "[serve]\nresolver = \"{}\"\nfetch_claims = true\n[serve.claim_files]\nnetworks = [\"127.0.0.1/32\"]\nca = \"authority.pem\"\nport = {}\n",
        names.serve(),
        web.port
    );
    home.write("home/config.toml", &config);
    let server = Server::start(&home);
    let a = Who::of(&home, &server, "isp-a");

    // The file as it should be; before that, none and a wrong one.
    names.leads("good.example", &[&[HERE]]);
    let id = a.claim("good.example", "file");
    assert!(a.card(&id).contains(&format!("https://good.example:{}/.well-known/musubi-claim.txt", web.port)));
    assert_eq!(a.check(&id, ""), 400);
    web.shows("good.example", Page::File("musubi-claim=another\n".into()));
    assert_eq!(a.check(&id, ""), 400);
    assert!(!held(&home, "isp-a").contains("good.example"));
    web.shows("good.example", Page::File(format!("# ours\r\n  {}  \r\n", a.code(&id))));
    assert_eq!(a.check(&id, ""), 303);
    assert!(held(&home, "isp-a").contains("good.example"));
    assert_eq!(a.check(&id, ""), 400, "proved once is proved");

    // Whatever else shows the right code: elsewhere, too late, too long, under another name, as an error.
    let refused = |name: &str, answers: &[&[[u8; 4]]], page: &dyn Fn(String) -> Page| {
        names.leads(name, answers);
        let id = a.claim(name, "file");
        let page = page(a.code(&id));
        web.shows(name, page.clone());
        inside.shows(name, page);
        let answer = a.post(&format!("/portal/networks/{id}/check"), &[]);
        assert_eq!(answer.status, 400, "{name}: {}", answer.text());
        assert!(!held(&home, "isp-a").contains(name), "{name}");
        id
    };
    let elsewhere = format!("https://inside.example:{}/.well-known/musubi-claim.txt", web.port);
    refused("moved.example", &[&[HERE]], &|code| Page::Elsewhere(elsewhere.clone(), code));
    refused("long.example", &[&[HERE]], &Page::Long);
    refused("slow.example", &[&[HERE]], &|_| Page::Slow);
    refused("gone.example", &[&[HERE]], &|_| Page::Status("410 Gone"));
    refused("unknown.example", &[], &Page::File);
    // A certificate of another name.
    refused("stranger.example", &[&[HERE]], &Page::File);
    // Inside; one address outside and one inside; of a private network, of the machine that tells clouds their secrets.
    refused("inside.example", &[&[INSIDE]], &Page::File);
    refused("mixed.example", &[&[HERE, INSIDE]], &Page::File);
    refused("private.example", &[&[[10, 0, 0, 1]]], &Page::File);
    refused("cloud.example", &[&[[169, 254, 169, 254]]], &Page::File);
    // A name that leads elsewhere at the second look is looked at once a check: the first goes where it was, the second nowhere.
    names.leads("turning.example", &[&[HERE], &[INSIDE]]);
    let turning = a.claim("turning.example", "file");
    assert_eq!((a.check(&turning, ""), names.asked("turning.example")), (400, 1));
    let page = Page::File(a.code(&turning));
    web.shows("turning.example", page.clone());
    inside.shows("turning.example", page);
    assert_eq!((a.check(&turning, ""), names.asked("turning.example")), (400, 2));
    assert_eq!(inside.connected.load(Ordering::SeqCst), 0, "nothing inside was called");

    let audit = Who::auditor(&home, &server).page("/settings/audit.csv");
    for told in ["good.example by file: proved", "good.example by file: not shown", "inside.example by file: not reached"] {
        assert!(audit.contains(told), "{told} in {audit}");
    }
}

#[test]
fn what_two_have_proved_goes_to_whom_we_give_it() {
    let home = world("");
    let names = Names::default();
    home.write("home/config.toml", format!("[serve]\nresolver = \"{}\"\n", names.serve()));
    let server = Server::start(&home);
    let (us, a, b) = (Who::of(&home, &server, "us"), Who::of(&home, &server, "isp-a"), Who::of(&home, &server, "isp-b"));
    let first = b.claim("shared.example", "dns");
    names.says("_musubi-claim.shared.example", &b.code(&first));
    assert_eq!(b.check(&first, ""), 303);
    assert!(held(&home, "isp-b").contains("shared.example"));
    // The code of another party proves nothing.
    let second = a.claim("shared.example", "dns");
    assert_eq!(a.check(&second, ""), 400);
    names.says("_musubi-claim.shared.example", &a.code(&second));
    assert_eq!(a.check(&second, ""), 303);
    // B goes on as before until we decide; below it, A needs nobody.
    assert!(held(&home, "isp-b").contains("shared.example") && !held(&home, "isp-a").contains("shared.example"));
    let below = a.claim("shop.shared.example", "dns");
    names.says("_musubi-claim.shop.shared.example", &a.code(&below));
    assert_eq!(a.check(&below, ""), 303);
    assert!(held(&home, "isp-a").contains("shop.shared.example"));

    let page = us.page("/claims?stage=contested");
    assert!(page.contains("claimed and proved") && page.contains("isp-b") && !page.contains("shop.shared.example"), "{page}");
    assert_eq!(us.post(&format!("/claims/{second}/accept"), &[]).status, 303);
    assert!(!held(&home, "isp-b").contains("shared.example"));
    assert!(held(&home, "isp-a").contains("\"shared.example\""), "{}", held(&home, "isp-a"));
    assert!(b.card(&first).contains("We have ended this claim"));
    assert_eq!(us.post(&format!("/claims/{second}/accept"), &[]).status, 409, "it is decided");
    // One of ours can also end what is in force.
    assert_eq!(us.post(&format!("/claims/{second}/end"), &[]).status, 303);
    let left = held(&home, "isp-a");
    assert!(!left.contains("\"shared.example\"") && left.contains("shop.shared.example"), "{left}");
    let audit = Who::auditor(&home, &server).page("/settings/audit.csv");
    assert!(audit.contains("shared.example is of isp-a, no longer of isp-b") && audit.contains("shared.example of isp-a ended"), "{audit}");
}
