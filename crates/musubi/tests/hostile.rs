//! Evidence written by an enemy, or by a bad day: is it set aside with file, row and reason, in little memory, while the rest goes on?

mod story;

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use story::{Dice, Home, RECEIVED, SSH_HEADER, Told, counts, files, gzip, ssh, ssh_row, zip};

/// Memory that no evidence may make an ingest hold.
const MOST_BYTES: u64 = 400 << 20;

/// The most memory a process has held so far.
fn peak(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// Ingests a folder and watches its memory.
fn ingest(home: &Home, folder: &str) -> (Value, u64) {
    let mut command = home.command(&["--json", "ingest", "--received", RECEIVED, folder]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = child.id();
    // Read while it runs: an answer of a thousand rejections is longer than a pipe.
    let waiting = std::thread::spawn(move || Told::of(child.wait_with_output().unwrap()));
    let mut most = 0;
    while !waiting.is_finished() {
        most = most.max(peak(id));
        std::thread::sleep(Duration::from_millis(2));
    }
    let told = waiting.join().unwrap();
    assert_eq!(told.code, Some(0), "{}{}", told.out, told.err);
    assert!(most > 0 || !cfg!(target_os = "linux"));
    (told.json(), most)
}

/// Reasons by path, and that each names what it must.
fn reasons(told: &Value) -> BTreeMap<String, Vec<(i64, String)>> {
    let mut by_path = BTreeMap::<String, Vec<(i64, String)>>::new();
    for rejection in told["rejections"].as_array().unwrap() {
        let reason = rejection["reason"].as_str().unwrap();
        assert!(!reason.is_empty() && reason.len() < 600, "{rejection}");
        by_path
            .entry(rejection["path"].as_str().unwrap().to_owned())
            .or_default()
            .push((rejection["row"].as_i64().unwrap(), reason.to_owned()));
    }
    by_path
}

/// One hostile file between two good ones: events stored of it, and what was said of it.
#[track_caller]
fn between_good_ones(name: &str, bytes: &[u8]) -> (i64, BTreeMap<String, Vec<(i64, String)>>) {
    let home = Home::new();
    home.write("in/0-good/2026-03-25-scan_ssh.csv", ssh(100_000..100_010));
    home.write(&format!("in/1-hostile/{name}"), bytes);
    home.write("in/2-good/2026-03-25-scan_ssh.csv", ssh(100_010..100_020));
    let (told, most) = ingest(&home, "in");
    assert!(most < MOST_BYTES, "{name}: {most} bytes");
    let [read, stored, duplicate, rejected] = counts(&told);
    assert_eq!(read, stored + duplicate + rejected, "{told}");
    assert!(stored >= 20, "{name}: the rest did not go on: {told}");
    home.must_add_up();
    assert_eq!(home.must_be_well()["strays"], 0);
    let reasons = reasons(&told);
    let prefix = format!("in/1-hostile/{name}");
    assert!(reasons.keys().all(|path| path.starts_with(&prefix)), "{reasons:?}");
    // Nothing was written outside.
    let beside: Vec<String> =
        files(&home.beside("")).into_iter().filter(|path| !path.starts_with("in/") && !path.starts_with("home/")).collect();
    assert_eq!(beside, Vec::<String>::new());
    (stored - 20, reasons)
}

/// The one reason given.
#[track_caller]
fn only_reason(reasons: &BTreeMap<String, Vec<(i64, String)>>) -> (&str, i64, &str) {
    let all: Vec<(&str, i64, &str)> =
        reasons.iter().flat_map(|(path, list)| list.iter().map(move |(row, why)| (path.as_str(), *row, why.as_str()))).collect();
    assert_eq!(all.len(), 1, "{all:?}");
    all[0]
}

#[test]
fn a_truncated_gzip_gives_its_rows_and_says_that_it_ends_early() {
    let whole = gzip(ssh(0..4000).as_bytes());
    let (stored, reasons) = between_good_ones("2026-03-25-scan_ssh.csv.gz", &whole[..whole.len() / 2]);
    assert!(stored > 500, "{stored}");
    let said: Vec<&str> = reasons.values().flatten().map(|(_, why)| why.as_str()).collect();
    assert!(said.iter().any(|why| why.contains("ends early")), "{reasons:?}");
    for name in ["cut.zip", "cut.csv.zst", "cut.csv.xz", "cut.tar"] {
        let bytes = match name {
            "cut.zip" => zip(&[("2026-03-25-scan_ssh.csv", ssh(0..4000).as_bytes())]),
            "cut.csv.zst" => b"\x28\xb5\x2f\xfd\x04\x58\x01\x00".to_vec(),
            "cut.csv.xz" => b"\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4\x46".to_vec(),
            _ => {
                let mut header = vec![0; 700];
                header[..3].copy_from_slice(b"a/b");
                header[257..263].copy_from_slice(b"ustar\0");
                header
            }
        };
        let cut = if name == "cut.zip" { &bytes[..bytes.len() / 2] } else { &bytes[..] };
        let (_, reasons) = between_good_ones(name, cut);
        assert!(!reasons.is_empty(), "{name} is silent");
    }
}

#[test]
fn binary_junk_is_set_aside_whatever_its_name_says() {
    let mut dice = Dice(3);
    let junk: Vec<u8> = (0..300_000).map(|_| dice.below(256) as u8).collect();
    for name in ["junk.bin", "2026-03-25-scan_ssh.csv", "junk.json", "junk.eml", "junk.zip", "junk.csv.gz"] {
        let (stored, reasons) = between_good_ones(name, &junk);
        assert_eq!(stored, 0, "{name}");
        assert!(!reasons.is_empty(), "{name} is silent");
    }
    // A report that turns into junk keeps what was read before.
    let turned = [ssh(0..50).as_bytes(), &junk].concat();
    let (stored, reasons) = between_good_ones("2026-03-25-scan_ssh.csv", &turned);
    assert!((50..60).contains(&stored) && !reasons.is_empty(), "{stored} {reasons:?}");
}

#[test]
fn a_line_of_64_megabytes_is_set_aside_and_the_rows_around_it_stay() {
    let long = "x".repeat(64 << 20);
    let (stored, reasons) = between_good_ones("2026-03-25-scan_ssh.csv", (ssh(0..5) + &long + "\n" + &ssh_row(6)).as_bytes());
    assert_eq!(stored, 6);
    let (path, row, why) = only_reason(&reasons);
    assert_eq!((path, row), ("in/1-hostile/2026-03-25-scan_ssh.csv", 7), "{why}");
    for (name, start) in [
        ("line.csv", ""),
        ("2026-03-25-scan_ssh.csv", SSH_HEADER),
        ("line.json", "{\"a\":\""),
        ("line.jsonl", "{\"a\":\""),
        ("line.txt", "192.0.2.1 "),
        ("quoted.csv", "\""),
    ] {
        let (stored, reasons) = between_good_ones(name, &[start.as_bytes(), long.as_bytes()].concat());
        assert_eq!(stored, 0, "{name}");
        only_reason(&reasons);
    }
}

#[test]
fn encodings_are_read_or_named() {
    let text = ssh(0..3).replace("host-1.isp", "h\u{f6}st-1.isp");
    let latin: Vec<u8> = text.chars().map(|c| c as u32 as u8).collect();
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let utf16_big: Vec<u8> = [0xfe, 0xff].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect();
    let marked = ["\u{feff}", &text].concat().into_bytes();
    for (what, bytes) in [("latin-1", latin), ("UTF-16LE", utf16), ("UTF-16BE", utf16_big), ("UTF-8 with mark", marked)] {
        let (stored, reasons) = between_good_ones("2026-03-25-scan_ssh.csv", &bytes);
        let said: usize = reasons.values().map(Vec::len).sum();
        assert_eq!(stored + said as i64, 3, "{what}: {reasons:?}");
        assert!(stored >= 2, "{what}: {reasons:?}");
    }
}

#[test]
fn a_row_of_wrong_quoting_is_set_aside() {
    let bad = "\"2026-03-25 00:00:00\",\"192.0.2.1,\"tcp\",\"22\",\"\",\"ssh\",\"1\",\"JP\"\n";
    let (stored, reasons) =
        between_good_ones("2026-03-25-scan_ssh.csv", (ssh(0..5) + bad + &(10..15).map(ssh_row).collect::<String>()).as_bytes());
    assert_eq!(stored, 10, "{reasons:?}");
    let (path, row, why) = only_reason(&reasons);
    assert!((path, row) == ("in/1-hostile/2026-03-25-scan_ssh.csv", 7) && why.contains("7 values where the header has 8"), "{path} {row} {why}");
    // A quote that is never closed joins two rows, as CSV has it; what comes after is read again.
    let open = "\"2026-03-25 00:00:00\",\"192.0.2.1\",\"tcp\",\"22\",\"\",\"ssh\",\"1\",\"JP\n";
    let (stored, reasons) =
        between_good_ones("2026-03-25-scan_ssh.csv", (ssh(0..5) + open + &(10..15).map(ssh_row).collect::<String>()).as_bytes());
    assert_eq!((stored, only_reason(&reasons).1), (9, 7), "{reasons:?}");
}

#[test]
fn bombs_are_stopped_by_ratio_depth_and_number() {
    // A gigabyte of one byte in a megabyte.
    let megabyte = vec![b'0'; 1 << 20];
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..1024 {
        std::io::Write::write_all(&mut encoder, &megabyte).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    for (name, bytes) in [
        ("2026-03-25-scan_ssh.csv.gz", bomb.clone()),
        ("bomb.zip", zip(&[("2026-03-25-scan_ssh.csv.gz", &bomb[..])])),
        ("twice.gz", gzip(&bomb)),
    ] {
        let (stored, reasons) = between_good_ones(name, &bytes);
        assert_eq!(stored, 0, "{name}");
        let (_, _, why) = only_reason(&reasons);
        assert!(why.len() > 10, "{name}: {why}");
    }
    let mut nested = zip(&[("2026-03-25-scan_ssh.csv", ssh(0..3).as_bytes())]);
    for _ in 0..12 {
        nested = zip(&[("inner.zip", &nested)]);
    }
    let (stored, reasons) = between_good_ones("nested.zip", &nested);
    assert_eq!(stored, 0);
    let (_, _, why) = only_reason(&reasons);
    assert!(why.contains("nested more than"), "{why}");
    // Not too deep is opened.
    let three = zip(&[("a.zip", &zip(&[("b.csv.gz", &gzip(ssh(0..3).as_bytes()))]))]);
    assert_eq!(between_good_ones("three.zip", &three), (3, BTreeMap::new()));
}

#[test]
fn names_that_lead_elsewhere_are_only_names() {
    let row = ssh(0..1);
    let members: Vec<(&str, &[u8])> =
        ["../../../escaped.csv", "/etc/escaped.csv", "..\\..\\escaped.csv", "C:\\escaped.csv", "fine/2026-03-25-scan_ssh.csv"]
            .into_iter()
            .map(|name| (name, row.as_bytes()))
            .collect();
    let (stored, reasons) = between_good_ones("escape.zip", &zip(&members));
    assert!(stored <= 1, "{stored}");
    assert!(reasons.values().flatten().all(|(_, why)| why.contains("escaped")), "{reasons:?}");
    assert!(reasons.values().map(Vec::len).sum::<usize>() >= 2, "{reasons:?}");
    assert!(!std::path::Path::new("/etc/escaped.csv").exists());
}

#[test]
fn an_encrypted_archive_is_named_as_such() {
    let mut bytes = zip(&[("2026-03-25-scan_ssh.csv", ssh(0..9).as_bytes()), ("2026-03-26-scan_ssh.csv", ssh(9..12).as_bytes())]);
    // Bit 0 of the flags of the first entry, at its start and in the directory.
    bytes[6] |= 1;
    let directory = bytes.windows(4).position(|at| at == b"PK\x01\x02").unwrap();
    bytes[directory + 8] |= 1;
    let (stored, reasons) = between_good_ones("locked.zip", &bytes);
    assert_eq!(stored, 3, "the other member is read");
    let (path, _, why) = only_reason(&reasons);
    assert!(path.contains("2026-03-25-scan_ssh.csv") && why.contains("encrypted"), "{path}: {why}");
}

#[test]
fn all_of_it_in_one_folder_at_once_stops_nothing() {
    let home = Home::new();
    let mut dice = Dice(8);
    for n in 0..30 {
        let mut bytes = ssh(n * 10..n * 10 + 10).into_bytes();
        for _ in 0..dice.below(4) {
            let at = dice.below(bytes.len() as u64) as usize;
            match dice.below(4) {
                0 => bytes.truncate(at),
                1 => bytes[at] ^= 1 << dice.below(8),
                2 => bytes.insert(at, b'"'),
                _ => bytes = gzip(&bytes),
            }
            if bytes.is_empty() {
                break;
            }
        }
        home.write(&format!("in/2026-03-25-scan_ssh-{n:02}.csv"), bytes);
    }
    let (told, most) = ingest(&home, "in");
    let [read, stored, duplicate, rejected] = counts(&told);
    assert_eq!(read, stored + duplicate + rejected);
    assert!(stored > 150 && rejected > 0 && most < MOST_BYTES, "{stored} {rejected} {most}");
    reasons(&told);
    home.must_add_up();
    // Read again, it is the same.
    assert_eq!(counts(&ingest(&home, "in").0), [read, 0, stored + duplicate, rejected]);
}
