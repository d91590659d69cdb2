//! A mail server on loopback that takes everything, keeps it, and reports delivery into a Maildir as a relay does (RFC 3461, RFC 3464).

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// A mail that was taken.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) to: String,
    pub(crate) mail: String,
}

impl Taken {
    /// The value of a field of the outer header, unfolded.
    pub(crate) fn field(&self, name: &str) -> String {
        let header = self.mail.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ").replace("\r\n\t", " ");
        let prefix = format!("{}:", name.to_ascii_lowercase());
        let line = header.lines().find(|line| line.to_ascii_lowercase().starts_with(&prefix));
        line.map(|line| line[prefix.len()..].trim().to_owned()).unwrap_or_default()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Sink {
    pub(crate) port: u16,
    taken: Arc<Mutex<Vec<Taken>>>,
}

impl Sink {
    /// Listens on a free port; reports go to `maildir/new`.
    pub(crate) fn open(maildir: &Path) -> Self {
        for part in ["new", "cur", "tmp"] {
            fs::create_dir_all(maildir.join(part)).unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let sink = Self { port: listener.local_addr().unwrap().port(), taken: Arc::default() };
        let (taken, maildir) = (Arc::clone(&sink.taken), maildir.to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (taken, maildir) = (Arc::clone(&taken), maildir.clone());
                std::thread::spawn(move || converse(stream, &taken, &maildir));
            }
        });
        sink
    }

    pub(crate) fn mails(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    /// What `config.toml` says to send here and to take answers from that Maildir.
    pub(crate) fn config(&self, maildir: &Path) -> String {
        format!(
            "[mail]\nfrom = \"csirt@csirt.example\"\norganisation = \"Example CSIRT\"\nreply_to = \"notice@csirt.example\"\n\
             [smtp]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n[answers]\nmaildir = {:?}\n",
            self.port,
            maildir.display().to_string()
        )
    }
}

/// One connection; `None` when the other side went away in the middle, and then the mail was not taken.
fn converse(stream: TcpStream, taken: &Mutex<Vec<Taken>>, maildir: &Path) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut out = stream.try_clone().ok()?;
    let mut lines = BufReader::new(stream);
    let mut say = |text: &str| out.write_all(text.as_bytes()).ok();
    say("220 sink.example ESMTP\r\n")?;
    let (mut to, mut envelope) = (String::new(), String::new());
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let upper = line.to_ascii_uppercase();
        if upper.starts_with("EHLO") {
            say("250-sink.example\r\n250-8BITMIME\r\n250-SIZE 50000000\r\n250 DSN\r\n")?;
        } else if upper.starts_with("MAIL FROM") {
            envelope = line.split("ENVID=").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap_or_default().to_owned();
            say("250 2.1.0 ok\r\n")?;
        } else if upper.starts_with("RCPT TO") {
            to = line.split('<').nth(1).and_then(|rest| rest.split('>').next()).unwrap_or_default().to_owned();
            say("250 2.1.5 ok\r\n")?;
        } else if upper.starts_with("DATA") {
            say("354 go on\r\n")?;
            let mut mail = String::new();
            loop {
                let mut line = String::new();
                if lines.read_line(&mut line).ok()? == 0 {
                    return None;
                }
                if line == ".\r\n" {
                    break;
                }
                mail.push_str(line.strip_prefix('.').unwrap_or(&line));
            }
            // Taken from here on, whether or not the sender still hears of it.
            taken.lock().unwrap().push(Taken { to: to.clone(), mail });
            report(maildir, &envelope, &to);
            say("250 2.0.0 taken\r\n")?;
        } else if upper.starts_with("QUIT") {
            say("221 2.0.0 bye\r\n")?;
            return Some(());
        } else {
            say("250 2.0.0 ok\r\n")?;
        }
    }
}

/// A report of success.
fn report(maildir: &Path, envelope: &str, to: &str) {
    let text = format!(
        "From: MAILER-DAEMON@sink.example\r\nTo: csirt@csirt.example\r\nSubject: Successful Mail Delivery Report\r\nAuto-Submitted: auto-replied\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n--b\r\n\
         Content-Type: text/plain\r\n\r\nIt was delivered.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns; sink.example\r\nOriginal-Envelope-Id: {envelope}\r\n\r\nFinal-Recipient: rfc822; {to}\r\nAction: delivered\r\n\
         Status: 2.0.0\r\n\r\n--b--\r\n"
    );
    put(maildir, text.as_bytes());
}

/// Puts a mail into a Maildir as deliveries do: written aside, then moved.
pub(crate) fn put(maildir: &Path, mail: &[u8]) -> PathBuf {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let name = format!("{:09}.sink", NUMBER.fetch_add(1, Ordering::Relaxed));
    let (aside, there) = (maildir.join("tmp").join(&name), maildir.join("new").join(&name));
    fs::write(&aside, mail).unwrap();
    fs::rename(aside, &there).unwrap();
    there
}
