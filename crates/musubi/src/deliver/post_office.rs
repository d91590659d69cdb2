//! A real post office for tests: Postfix and Dovecot on ports of their own, with GnuPG as the other side's mail program.
//!
//! Needs the programs of Debian's `postfix`, `dovecot-imapd`, `dovecot-lmtpd`, `gnupg`, `openssl`, and root (Postfix insists);
//! without them the tests say so and pass. Everything lies in a folder of its own, listens on loopback only, and is ended
//! by the process ids that were started.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub(super) const USER: &str = "desk";
pub(super) const PASSWORD: &str = "correct-horse";

#[derive(Debug)]
pub(super) struct PostOffice {
    folder: tempfile::TempDir,
    pub(super) smtp: u16,
    pub(super) imaps: u16,
    masters: Vec<u32>,
}

/// What is missing on this machine, if anything.
fn missing() -> Option<String> {
    let programs = ["postfix", "dovecot", "openssl", "gpg"];
    let found = |name: &str| ["/usr/sbin", "/usr/bin", "/usr/local/bin"].iter().any(|folder| Path::new(folder).join(name).exists());
    if let Some(name) = programs.into_iter().find(|name| !found(name)) {
        return Some(format!("{name} is not installed"));
    }
    if !Path::new("/usr/share/postfix/master.cf.dist").exists() || !Path::new("/usr/lib/dovecot/lmtp").exists() {
        return Some("Debian's postfix and dovecot-lmtpd are not installed".to_owned());
    }
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    (!root).then(|| "Postfix starts as root only".to_owned())
}

fn port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Runs to its end. What it writes goes to a file and not into a pipe: a daemon that it leaves behind would keep the pipe open.
fn run(program: &str, arguments: &[&str]) {
    let said = tempfile::NamedTempFile::new().unwrap();
    let into = || Stdio::from(said.reopen().unwrap());
    let status = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(into()).stderr(into()).status().unwrap();
    assert!(status.success(), "{program} {arguments:?}: {}", fs::read_to_string(said.path()).unwrap_or_default());
}

impl PostOffice {
    /// Opens for business; `None`, with the reason printed, where that is not possible. Mail to `gone.example` is refused by the
    /// server behind `refusing`.
    pub(super) fn open(refusing: u16) -> Option<Self> {
        if let Some(why) = missing() {
            eprintln!("skipped: {why}");
            return None;
        }
        // below /tmp itself, so that sockets' names are short and Postfix's own users may pass
        let folder = tempfile::Builder::new().prefix("post").tempdir_in("/tmp").unwrap();
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut office = Self { smtp: port(), imaps: port(), masters: Vec::new(), folder };
        office.certificate();
        office.dovecot();
        office.postfix(refusing);
        office.wait(office.smtp);
        office.wait(office.imaps);
        Some(office)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Self-signed, and said to be no authority: rustls takes no authority for a server.
    fn certificate(&self) {
        let (key, certificate) = (self.text("key.pem"), self.text("cert.pem"));
        let subject = [
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ];
        let make = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", &key, "-out", &certificate];
        run("openssl", &[&make[..], &subject[..]].concat());
    }

    fn dovecot(&mut self) {
        for name in ["run", "mail"] {
            fs::create_dir(self.path(name)).unwrap();
        }
        run("chown", &["mail:mail", &self.text("mail")]);
        let at = self.folder.path().display();
        let text = format!(
            "base_dir = {at}/run\nlog_path = {at}/dovecot.log\nprotocols = imap lmtp\nlisten = 127.0.0.1\nssl = required\nssl_cert = <{at}/cert.pem\n\
             ssl_key = <{at}/key.pem\nmail_location = maildir:{at}/mail/%n\nfirst_valid_uid = 1\nmail_uid = mail\nmail_gid = mail\n\
             recipient_delimiter = +\nauth_username_format = %Ln\n\
             passdb {{\n driver = static\n args = password={PASSWORD}\n}}\n\
             userdb {{\n driver = static\n args = uid=mail gid=mail home={at}/mail/%n allow_all_users=yes\n}}\n\
             service imap-login {{\n inet_listener imap {{\n  port = 0\n }}\n inet_listener imaps {{\n  address = 127.0.0.1\n  port = {}\n  ssl = yes\n }}\n}}\n\
             service lmtp {{\n unix_listener lmtp {{\n  mode = 0666\n }}\n}}\n",
            self.imaps
        );
        fs::write(self.path("dovecot.conf"), text).unwrap();
        run("dovecot", &["-c", &self.text("dovecot.conf")]);
        self.masters.push(self.process("run/master.pid"));
    }

    fn postfix(&mut self, refusing: u16) {
        for name in ["etc", "spool", "data"] {
            fs::create_dir(self.path(name)).unwrap();
        }
        run("chown", &["postfix", &self.text("data")]);
        let at = self.folder.path().display();
        let text = format!(
            "compatibility_level = 3.6\nqueue_directory = {at}/spool\ndata_directory = {at}/data\nmail_owner = postfix\nsetgid_group = postdrop\n\
             myhostname = relay.example\nmydestination =\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmynetworks = 127.0.0.0/8\n\
             virtual_mailbox_domains = csirt.example, isp.example\nvirtual_mailbox_maps = static:ok\nvirtual_transport = lmtp:unix:{at}/run/lmtp\n\
             smtpd_tls_cert_file = {at}/cert.pem\nsmtpd_tls_key_file = {at}/key.pem\nsmtpd_tls_security_level = encrypt\n\
             default_transport = smtp:[127.0.0.1]:{refusing}\nsmtpd_relay_restrictions = permit_mynetworks, reject\nnotify_classes =\n\
             maillog_file = {at}/maillog\nmaillog_file_prefixes = {at}\nrecipient_delimiter = +\nsmtp_dns_support_level = disabled\n\
             smtpd_peername_lookup = no\nalias_maps =\nalias_database =\n"
        );
        fs::write(self.path("etc/main.cf"), text).unwrap();
        let master = fs::read_to_string("/usr/share/postfix/master.cf.dist").unwrap();
        let lines = master.lines().map(|line| {
            let mut words: Vec<&str> = line.split_whitespace().collect();
            let port = format!("127.0.0.1:{}", self.smtp);
            match words.first() {
                Some(&"smtp") if words.get(1) == Some(&"inet") => {
                    words[0] = &port;
                    words[4] = "n";
                    words.join(" ")
                }
                // no program in a jail: it would need files that only an installed Postfix has there
                Some(first) if !line.starts_with([' ', '#']) && words.len() >= 8 && !first.is_empty() => {
                    words[4] = "n";
                    words.join(" ")
                }
                _ => line.to_owned(),
            }
        });
        fs::write(self.path("etc/master.cf"), lines.collect::<Vec<_>>().join("\n") + "\n").unwrap();
        run("postfix", &["-c", &self.text("etc"), "start"]);
        self.masters.push(self.process("spool/pid/master.pid"));
    }

    fn process(&self, name: &str) -> u32 {
        let began = Instant::now();
        loop {
            if let Ok(text) = fs::read_to_string(self.path(name))
                && let Ok(process) = text.trim().parse()
            {
                return process;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{name} did not start");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn wait(&self, port: u16) {
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "nobody listens on {port}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What the servers wrote, for a test that fails.
    pub(super) fn log(&self) -> String {
        ["maillog", "dovecot.log"].map(|name| fs::read_to_string(self.path(name)).unwrap_or_default()).join("\n")
    }
}

impl Drop for PostOffice {
    fn drop(&mut self) {
        for process in &self.masters {
            let _ = Command::new("kill").arg(process.to_string()).status();
        }
        let gone = |process: &u32| !Path::new(&format!("/proc/{process}")).exists();
        let began = Instant::now();
        while !self.masters.iter().all(gone) && began.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The mail program of the other side.
#[derive(Debug)]
pub(super) struct Gnupg(tempfile::TempDir);

impl Drop for Gnupg {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").env("GNUPGHOME", self.0.path()).args(["--kill", "all"]).status();
    }
}

impl Gnupg {
    /// A key ring with one new key for this address.
    pub(super) fn with_key(address: &str) -> Self {
        let ring = Self(tempfile::Builder::new().prefix("gpg").tempdir_in("/tmp").unwrap());
        ring.run(&["--passphrase", "", "--quick-generate-key", address, "ed25519", "cert,sign", "never"], b"");
        let fingerprint = ring.fingerprint(address);
        ring.run(&["--passphrase", "", "--quick-add-key", &fingerprint, "cv25519", "encr", "never"], b"");
        ring
    }

    pub(super) fn fingerprint(&self, address: &str) -> String {
        let (listed, _) = self.run(&["--with-colons", "--list-keys", address], b"");
        let listed = String::from_utf8(listed).unwrap();
        listed.lines().find_map(|line| line.strip_prefix("fpr:::::::::")).unwrap().trim_end_matches(':').to_owned()
    }

    /// What it wrote, and what it says of signatures and keys (`--status-fd`).
    pub(super) fn run(&self, arguments: &[&str], input: &[u8]) -> (Vec<u8>, String) {
        use std::io::Write as _;
        let mut child = Command::new("gpg")
            .env("GNUPGHOME", self.0.path())
            .args(["--batch", "--no-tty", "--pinentry-mode", "loopback", "--trust-model", "always", "--status-fd", "2"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        let status = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "gpg {arguments:?}: {status}");
        (output.stdout, status)
    }
}
