//! A real name server (`named` of BIND) on a free port, for tests that need one.
#![allow(dead_code, reason = "each story uses what it needs")]

use std::net::{TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Ends with its test.
pub(crate) struct Named {
    child: Child,
    folder: TempDir,
    pub(crate) port: u16,
}

/// Whether a program is there; says so when it is not.
pub(crate) fn program(name: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {name}")]).env("PATH", path()).output();
    let there = found.is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("skipped: {name} is not installed");
    }
    there
}

pub(crate) fn path() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}

/// A port that is free for UDP and TCP; whoever wants it takes it right after.
pub(crate) fn port() -> u16 {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = tcp.local_addr().unwrap().port();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Named {
    /// Starts it with these statements beside its options, and files in its folder.
    pub(crate) fn start(statements: &str, files: &[(&str, &str)]) -> Self {
        let (folder, port) = (TempDir::new().unwrap(), port());
        let here = folder.path().display();
        let configuration = format!(
            "options {{ directory \"{here}\"; pid-file none; session-keyfile none; managed-keys-directory \"{here}\"; recursion no;\n\
             listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; allow-query {{ 127.0.0.1; }}; allow-transfer {{ 127.0.0.1; }};\n\
             dnssec-validation no; notify no; min-refresh-time 1; min-retry-time 1; }};\ncontrols {{ }};\n{statements}\n"
        );
        std::fs::write(folder.path().join("named.conf"), configuration).unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new("named");
        command.args(["-g", "-n", "1", "-c"]).arg(folder.path().join("named.conf")).env("PATH", path());
        let child = command.stderr(Stdio::from(log)).spawn().unwrap();
        let named = Self { child, folder, port };
        named.until("running");
        named
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Lets it read its zones anew, and waits until it serves the one of this serial.
    pub(crate) fn reload(&self, serial: &str) {
        Command::new("kill").args(["-HUP", &self.child.id().to_string()]).status().unwrap();
        self.until(&format!("loaded serial {serial}"));
    }

    /// Waits until it says so.
    pub(crate) fn until(&self, words: &str) {
        let end = Instant::now() + Duration::from_secs(60);
        while !self.log().contains(words) {
            assert!(Instant::now() < end, "named does not say {words:?}: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks a name server on this machine, as `dig` shows its answer.
pub(crate) fn dig(port: u16, arguments: &[&str]) -> String {
    let port = port.to_string();
    let output = Command::new("dig").args(["@127.0.0.1", "-p", &port, "+time=5", "+tries=1"]).args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}
