//! How a story is told: the real binary on an empty home, what it was given, what it answered.
#![allow(dead_code, reason = "each story uses what it needs")]

pub(crate) mod circle;
pub(crate) mod dns;
pub(crate) mod python;
pub(crate) mod server;
pub(crate) mod visitor;

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use serde_json::Value;
use tempfile::TempDir;

/// When evidence was received, so that stories are the same every day.
pub(crate) const RECEIVED: &str = "2026-03-27T06:00:00Z";

/// A home of its own, and a folder beside it for what is to be read.
pub(crate) struct Home {
    folder: TempDir,
}

/// What a command answered.
pub(crate) struct Told {
    pub(crate) code: Option<i32>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    /// A home on another disk.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self { folder: TempDir::new_in(folder).unwrap() }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A place beside the home.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file beside the home.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.beside(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// The command, not yet started; paths are relative to the folder beside the home.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_at(&self.root(), arguments)
    }

    /// The same for another home.
    pub(crate) fn command_at(&self, root: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_musubi"));
        command
            .current_dir(self.folder.path())
            .env_remove("MUSUBI_FAULT")
            .env_remove("MUSUBI_LOG")
            .env("HOME", self.folder.path())
            .env("MUSUBI_HOME", root)
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Told {
        Told::of(self.command(arguments).output().unwrap())
    }

    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Told {
        let mut child = self.command(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || {
            let _ = stdin.write_all(&input);
        });
        let told = Told::of(child.wait_with_output().unwrap());
        writer.join().unwrap();
        told
    }

    /// Runs what must succeed.
    pub(crate) fn ok(&self, arguments: &[&str]) -> Told {
        let told = self.run(arguments);
        assert_eq!(told.code, Some(0), "{arguments:?}: {}{}", told.out, told.err);
        told
    }

    /// Runs what must succeed, with `--json`.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        self.ok(&[&["--json"], arguments].concat()).json()
    }

    /// Ingests what must be read without failure, received at [`RECEIVED`].
    pub(crate) fn ingest(&self, arguments: &[&str]) -> Value {
        self.json(&[&["ingest", "--received", RECEIVED], arguments].concat())
    }

    pub(crate) fn rows(&self, sql: &str) -> Vec<Value> {
        self.ok(&["--json", "query", sql]).lines()
    }

    /// The one number that SQL gives.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        let rows = self.rows(sql);
        let row = rows[0].as_object().unwrap_or_else(|| panic!("{sql} gave {rows:?}"));
        assert_eq!((rows.len(), row.len()), (1, 1), "{sql} gave {rows:?}");
        row.values().next().unwrap().as_i64().unwrap()
    }

    pub(crate) fn events(&self) -> i64 {
        self.number("SELECT count(*) FROM events")
    }

    /// Every column of every event, by identity.
    pub(crate) fn all_events(&self) -> Vec<Value> {
        self.rows("SELECT * FROM events ORDER BY id")
    }

    /// `musubi doctor` finds nothing wrong and nothing left lying about.
    pub(crate) fn must_be_well(&self) -> Value {
        let told = self.run(&["--json", "doctor", "--originals"]);
        let findings = told.json();
        assert_eq!((told.code, &findings["well"], &findings["faults"]), (Some(0), &true.into(), &Value::Array(vec![])), "{findings}");
        findings
    }

    /// Counts add up in each evidence, and what was stored is there, once.
    pub(crate) fn must_add_up(&self) {
        let rows = self.rows(
            "SELECT (SELECT count(*) FROM evidence WHERE read_rows <> stored_rows + duplicate_rows + rejected_rows) AS wrong, \
             (SELECT coalesce(sum(stored_rows), 0) FROM evidence) AS stored, (SELECT coalesce(sum(row_count), 0) FROM segments) AS held, \
             (SELECT count(*) FROM events) AS events, (SELECT count(*) FROM (SELECT DISTINCT id FROM events)) AS distinct_events",
        );
        let row = &rows[0];
        assert_eq!(row["wrong"], 0, "{row}");
        for name in ["held", "events", "distinct_events"] {
            assert_eq!(row[name], row["stored"], "{name} in {row}");
        }
    }
}

impl Told {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr), bytes: output.stdout }
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}{}", self.out, self.err))
    }

    /// One JSON value a line.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }
}

/// `read`, `stored`, `duplicate`, `rejected` of an answer.
pub(crate) fn counts(answer: &Value) -> [i64; 4] {
    ["read", "stored", "duplicate", "rejected"].map(|name| answer[name].as_i64().unwrap_or_else(|| panic!("no {name} in {answer}")))
}

/// All files below a folder, relative to it, in order.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(&at).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

/// The first line of [`ssh`].
pub(crate) const SSH_HEADER: &str = "\"timestamp\",\"ip\",\"protocol\",\"port\",\"hostname\",\"tag\",\"asn\",\"geo\"\n";

/// One row of a Shadowserver report of open SSH services, numbered: the same number is the same event.
pub(crate) fn ssh_row(n: u64) -> String {
    let (day, second) = (20 + n % 5, n % 86_400);
    let time = format!("2026-03-{day} {:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    let ip = format!("198.{}.{}.{}", 18 + n / 65_536 % 2, n / 256 % 256, n % 256);
    let country = ["JP", "KR", "VN", "DE", "BR"][(n % 5) as usize];
    format!("\"{time}\",\"{ip}\",\"tcp\",\"{}\",\"host-{n}.isp.example\",\"ssh\",\"{}\",\"{country}\"\n", 22 + n % 3, 64_500 + n % 7)
}

/// A Shadowserver report with these rows.
pub(crate) fn ssh(rows: impl IntoIterator<Item = u64>) -> String {
    rows.into_iter().fold(SSH_HEADER.to_owned(), |mut text, n| {
        let _ = write!(text, "{}", ssh_row(n));
        text
    })
}

/// Numbers that look random and are the same in each run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A mail with an attachment, as Shadowserver delivers.
pub(crate) fn mail(file_name: &str, attachment: &[u8]) -> Vec<u8> {
    let encoded = base64::engine::general_purpose::STANDARD.encode(attachment);
    let lines: Vec<&str> = encoded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!(
        "From: Report robot <reports@shadowserver.example>\r\nTo: csirt@csirt.example\r\nSubject: [Reports] {file_name}\r\n\
         Date: Fri, 27 Mar 2026 05:00:00 +0000\r\nMessage-ID: <1@shadowserver.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"seam\"\r\n\r\n--seam\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
         The report of the day is attached.\r\n--seam\r\nContent-Type: application/octet-stream; name=\"{file_name}\"\r\n\
         Content-Disposition: attachment; filename=\"{file_name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--seam--\r\n",
        lines.join("\r\n")
    )
    .into_bytes()
}
