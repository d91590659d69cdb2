//! The disk is full: is that said, is nothing half visible, and does it work again once there is room?
//!
//! Needs a small file system of its own: root, and `mount`. Without, the stories are skipped and say so.
#![cfg(target_os = "linux")]

mod story;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use story::{Dice, Home, RECEIVED, counts, files, ssh};
use tempfile::TempDir;

/// A file system in memory; unmounted when dropped.
struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    fn of(megabytes: u32) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m,mode=700"), "musubi-test"])
            .arg(folder.path())
            .output();
        match mounted {
            Ok(told) if told.status.success() => Some(Self { folder }),
            told => {
                eprintln!("skipped: no small disk can be mounted here: {told:?}");
                None
            }
        }
    }

    fn free(&self) -> u64 {
        let told = Command::new("df").args(["--output=avail", "-B1"]).arg(self.folder.path()).output().unwrap();
        String::from_utf8_lossy(&told.stdout).lines().nth(1).unwrap().trim().parse().unwrap()
    }

    /// Leaves only so many bytes free; the file can be removed again.
    fn fill(&self, leave: u64) -> PathBuf {
        let path = self.folder.path().join("filler");
        let mut bytes = self.free().saturating_sub(leave);
        while fs::write(&path, vec![1; bytes as usize]).is_err() {
            bytes -= 4096.min(bytes);
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.folder.path()).status();
    }
}

/// Rows that do not compress: a report of so many megabytes that needs about as much when kept.
fn noise(megabytes: usize) -> String {
    let mut dice = Dice(99);
    let mut text = "\"timestamp\",\"ip\",\"protocol\",\"port\",\"hostname\",\"tag\",\"asn\",\"geo\",\"banner\"\n".to_owned();
    while text.len() < megabytes << 20 {
        let ip = format!("198.18.{}.{}", dice.below(256), dice.below(256));
        let banner: String = (0..48).map(|_| char::from(b'0' + dice.below(75) as u8)).filter(|c| !",\"\\".contains(*c)).collect();
        text += &format!("\"2026-03-25 00:00:00\",\"{ip}\",\"tcp\",\"22\",\"\",\"ssh\",\"64500\",\"JP\",\"{banner}\"\n");
    }
    text
}

#[test]
fn evidence_too_large_for_the_disk_is_refused_whole_and_read_once_there_is_room() {
    let Some(disk) = SmallDisk::of(12) else { return };
    let home = Home::new();
    home.write("before/2026-03-25-scan_ssh.csv", ssh(0..500));
    let big = noise(24);
    let rows = big.lines().count() as i64 - 1;
    home.write("big/2026-03-25-scan_ssh.csv", big);
    let root = disk.folder.path().join("home");
    let run = |arguments: &[&str]| story::Told::of(home.command_at(&root, arguments).output().unwrap());
    assert_eq!(run(&["ingest", "--received", RECEIVED, "before"]).code, Some(0));
    let count = || run(&["--json", "query", "SELECT count(*) AS n FROM events"]).json()["n"].as_i64().unwrap();
    assert_eq!(count(), 500);
    for _ in 0..2 {
        let told = run(&["--json", "ingest", "--received", RECEIVED, "big"]);
        assert_eq!(told.code, Some(1), "{}{}", told.out, told.err);
        let said = told.out.clone() + &told.err;
        assert!(said.contains("No space left on device") || said.contains("disk is full"), "{said}");
        assert_eq!(count(), 500, "half of it is visible");
        let swept = run(&["--json", "compact"]);
        assert_eq!(swept.code, Some(0), "{}", swept.err);
        let findings = run(&["--json", "doctor", "--originals"]);
        assert_eq!((findings.code, &findings.json()["strays"]), (Some(0), &0.into()), "{}{}", findings.out, findings.err);
    }
    let grown = Command::new("mount").args(["-o", "remount,size=96m"]).arg(disk.folder.path()).status().unwrap();
    assert!(grown.success());
    let told = run(&["--json", "ingest", "--received", RECEIVED, "big"]);
    assert_eq!(told.code, Some(0), "{}{}", told.out, told.err);
    let [read, stored, duplicate, rejected] = counts(&told.json());
    assert_eq!((read, rejected, stored + duplicate), (rows, 0, rows));
    assert_eq!(count(), 500 + stored);
    let findings = run(&["--json", "doctor", "--originals"]);
    assert_eq!((findings.code, &findings.json()["strays"]), (Some(0), &0.into()), "{}", findings.out);
}

#[test]
fn a_disk_that_fills_up_anywhere_shows_whole_files_or_nothing() {
    let Some(disk) = SmallDisk::of(16) else { return };
    let home = Home::new();
    for n in 0..12 {
        home.write(&format!("in/2026-03-25-scan_ssh-{n:02}.csv"), ssh(n * 150..n * 150 + 250));
    }
    let root = disk.folder.path().join("home");
    let run =
        |arguments: &[&str], fault: &str| story::Told::of(home.command_at(&root, arguments).env("MUSUBI_FAULT", fault).output().unwrap());
    // Enough for a home with one event, so that what follows meets the limit in each place: register, original, segment.
    home.write("first/2026-03-25-scan_ssh.csv", ssh([9000]));
    assert_eq!(run(&["ingest", "--received", RECEIVED, "first"], "").code, Some(0));
    let steps = "commit-events=300,batch-events=200,small=9000";
    let mut failed = 0;
    for kilobytes in (0..=320).step_by(16) {
        let filler = disk.fill(kilobytes << 10);
        let told = run(&["-v", "--json", "ingest", "--received", RECEIVED, "in"], steps);
        if told.code != Some(0) {
            failed += 1;
            let said = told.out.clone() + &told.err;
            assert_eq!(told.code, Some(1), "{said}");
            assert!(said.contains("No space left on device") || said.contains("disk is full"), "with {kilobytes} kB: {said}");
        }
        fs::remove_file(filler).unwrap();
        let sums = run(
            &[
                "--json",
                "query",
                "SELECT (SELECT sum(stored_rows) FROM evidence) AS stored, (SELECT count(*) FROM evidence WHERE read_rows <> stored_rows + duplicate_rows + rejected_rows) AS wrong, \
                 (SELECT count(*) FROM events) AS events, (SELECT count(*) FROM (SELECT DISTINCT id FROM events)) AS ids",
            ],
            "",
        )
        .json();
        assert_eq!(
            (&sums["stored"], &sums["stored"], &sums["wrong"]),
            (&sums["events"], &sums["ids"], &0.into()),
            "with {kilobytes} kB: {sums}"
        );
        let acknowledged = told.err.lines().filter(|line| line.starts_with("remembered ")).count() as i64;
        let held = run(&["--json", "query", "SELECT count(*) - 1 AS n FROM evidence"], "").json()["n"].as_i64().unwrap();
        assert!(held >= acknowledged, "with {kilobytes} kB: {acknowledged} acknowledged, {held} held");
        assert_eq!(run(&["doctor", "--originals"], "").code, Some(0), "with {kilobytes} kB");
    }
    assert!(failed >= 3, "the disk was never full");
    // With room again, the rest comes.
    let told = run(&["--json", "ingest", "--received", RECEIVED, "in"], "");
    assert_eq!(told.code, Some(0), "{}", told.err);
    let events = run(&["--json", "query", "SELECT count(*) AS n FROM events"], "").json()["n"].as_i64();
    assert_eq!(events, Some(1 + 11 * 150 + 250));
    assert_eq!(run(&["--json", "doctor"], "").json()["strays"], 0, "{:?}", files(&root));
}

#[test]
fn questions_are_answered_on_a_full_disk() {
    let Some(disk) = SmallDisk::of(8) else { return };
    let home = Home::new();
    home.write("in/2026-03-25-scan_ssh.csv", ssh(0..500));
    let root = disk.folder.path().join("home");
    let run = |arguments: &[&str]| story::Told::of(home.command_at(&root, arguments).output().unwrap());
    assert_eq!(run(&["ingest", "--received", RECEIVED, "in"]).code, Some(0));
    let _filler = disk.fill(0);
    assert_eq!(disk.free(), 0);
    for arguments in [
        &["query", "SELECT count(*) FROM events"][..],
        &["lookup", "198.18.0.7"],
        &["stats"],
        &["events"],
        &["evidence", "list"],
        &["doctor"],
    ] {
        let told = run(arguments);
        assert_eq!(told.code, Some(0), "{arguments:?}: {}", told.err);
    }
}
