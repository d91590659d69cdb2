//! `musubi serve` as a process of its own on a free port, and a client that speaks HTTP as a test needs it.
#![allow(dead_code, reason = "each story uses what it needs")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::time::Duration;

use base64::Engine as _;
use serde_json::Value;

use super::Home;

/// A server that ends with its test.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) id: String,
    pub(crate) token: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }
}

pub(crate) const TAXII: &str = "application/taxii+json;version=2.1";

impl Server {
    /// Serves a home; waits until it listens.
    pub(crate) fn start(home: &Home) -> Self {
        Self::start_at(home, "127.0.0.1:0")
    }

    pub(crate) fn start_at(home: &Home, address: &str) -> Self {
        Self::start_at_told(home, address).0
    }

    /// The same, with what it told when it listened.
    pub(crate) fn start_told(home: &Home) -> (Self, Value) {
        Self::start_at_told(home, "127.0.0.1:0")
    }

    /// The same so many hours later: its clock goes before that of the house.
    pub(crate) fn start_ahead(home: &Home, hours: i64) -> Self {
        Self::start_with(home, "127.0.0.1:0", &format!("clock-ahead={hours}")).0
    }

    /// A server whose pages look through no more than so many events before they ask whether to go on.
    pub(crate) fn start_glancing(home: &Home, events: u64) -> Self {
        Self::start_with(home, "127.0.0.1:0", &format!("glance={events}")).0
    }

    fn start_at_told(home: &Home, address: &str) -> (Self, Value) {
        Self::start_with(home, address, "")
    }

    fn start_with(home: &Home, address: &str, fault: &str) -> (Self, Value) {
        let mut command = home.command(&["--json", "serve", "--listen", address]);
        command.env("MUSUBI_FAULT", fault);
        Self::started(command)
    }

    fn started(mut command: std::process::Command) -> (Self, Value) {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        let address = told["address"].as_str().unwrap().parse().unwrap();
        (Self { child, address }, told)
    }

    /// The same from a shell that says this first.
    pub(crate) fn start_after(home: &Home, first: &str) -> Self {
        let command = home.command(&["--json", "serve", "--listen", "127.0.0.1:0"]);
        let mut shell = std::process::Command::new("sh");
        shell.arg("-c").arg(format!("{first}; exec \"$0\" \"$@\"")).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell.current_dir(command.get_current_dir().unwrap()).stdin(Stdio::null());
        Self::started(shell).0
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it as a user would; whether it ended well.
    pub(crate) fn stop(mut self) -> bool {
        std::process::Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        self.child.wait().unwrap().success()
    }

    pub(crate) fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        request(self.address, method, path, headers, body)
    }

    /// A request in TAXII.
    pub(crate) fn taxii(&self, token: &Token, method: &str, path: &str, body: &[u8]) -> Answer {
        let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", token.id, token.token)));
        self.request(method, path, &[("Accept", TAXII), ("Content-Type", TAXII), ("Authorization", &basic)], body)
    }

    pub(crate) fn get(&self, token: &Token, path: &str) -> Answer {
        self.taxii(token, "GET", path, b"")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Token {
    pub(crate) fn create(home: &Home, party: &str, role: &str) -> Self {
        let told = home.json(&["token", "create", "--party", party, "--role", role]);
        Self { id: told["id"].as_str().unwrap().to_owned(), token: told["token"].as_str().unwrap().to_owned() }
    }
}

/// One request on a connection of its own.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        head.push_str(&format!("Host: {address}\r\n"));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || method == "POST" {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    // A server that refuses early may close before all is sent.
    let _ = stream.write_all(&bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    read(&answer)
}

fn read(answer: &[u8]) -> Answer {
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok()).unwrap();
    let headers: Vec<(String, String)> =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    let mut answer = Answer { status, headers, body: answer[end + 4..].to_vec() };
    if answer.header("transfer-encoding").is_some_and(|encoding| encoding.contains("chunked")) {
        answer.body = unchunk(&answer.body);
    }
    answer
}

fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = bytes.windows(2).position(|part| part == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap().trim(), 16).unwrap();
        if length == 0 {
            break;
        }
        body.extend_from_slice(&bytes[end + 2..end + 2 + length]);
        bytes = &bytes[end + 2 + length + 2..];
    }
    body
}
