//! How many entries of a block list are written in each format, in a second of one core?
//!
//! ```text
//! cargo run --release -p casework --example lists_speed [-- ENTRIES]
//! ```
//! Half of the entries are names, a third addresses and networks, the rest URLs and hashes of files; each has two reasons. The same is said
//! of reading a zone back, of its hash, and of the difference of two versions of which one entry in a hundred is new.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a measurement needs a clock and says what it found")]

use std::hint::black_box;

use casework::indicate::block::{BlockList, Entry};
use casework::indicate::indicator::What;
use casework::indicate::lists::{Format, Wish, write};
use formats::block_list::{rpz_read, zone_transfer};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

/// CPU seconds of this process: what else the machine does is not counted. Without /proc nothing can be said.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks: u64 = after.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}

fn memory(key: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024
}

fn made_up(entries: u64, from: u64, now: Timestamp) -> BlockList {
    let mut list: Vec<Entry> = (from..from + entries)
        .map(|n| {
            let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let text = match n % 6 {
                0..3 => format!("domain host{:x}.{}", mixed >> 24, ["example.com", "evil.example"][(mixed & 1) as usize]),
                3 => format!("address {}", std::net::Ipv4Addr::from_bits((mixed >> 32) as u32)),
                4 if n % 12 == 4 => format!("network {}/24", std::net::Ipv4Addr::from_bits((mixed >> 32) as u32)),
                4 => format!("url http://host{:x}.example/wp-content/{n:x}.php?id={n}", mixed >> 40),
                _ => format!("sha256 {mixed:016x}{n:016x}{mixed:016x}{n:016x}"),
            };
            let what: What = text.parse().expect("an observable");
            let What::Value(observable) = what.clone() else { unreachable!("no pattern is made up") };
            let because = vec!["seen by sensor honeypot-7 as command and control".to_owned(), format!("confirmed by {} reporters", n % 5)];
            let expires = now + SignedDuration::from_hours(1 + (n % 700) as i64);
            Entry { observable, indicator: what.id(), score: (n % 100) as u8, expires, marked: n % 50 == 0, because }
        })
        .collect();
    list.sort_by(|a, b| a.observable.cmp(&b.observable));
    list.dedup_by(|a, b| a.observable == b.observable);
    BlockList { entries: list, ..BlockList::default() }
}

fn timed<T>(entries: usize, found: &mut Map<String, Value>, name: &str, work: impl FnOnce() -> T) -> T {
    let before = cpu_seconds();
    let made = black_box(work());
    let spent = (cpu_seconds() - before).max(0.01);
    found.insert(name.to_owned(), json!((entries as f64 / spent).round()));
    made
}

fn main() {
    let entries = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let now = Timestamp::from_second(1_800_000_000).expect("a moment");
    let list = made_up(entries, 0, now);
    let before = memory("VmRSS:");
    let number = list.entries.len();
    let (mut speed, mut said) = (Map::new(), Map::new());
    for format in Format::ALL {
        let files = timed(number, &mut speed, format.as_str(), || write(&list, format, &Wish::default(), None, now).expect("a list"));
        let bytes: usize = files.files.iter().map(|file| file.text.len()).sum();
        let unsaid: Map<String, Value> = files.unsaid.iter().map(|(why, number)| (why.as_str().to_owned(), json!(number))).collect();
        said.insert(format.as_str().to_owned(), json!({"said": files.said, "bytes": bytes, "unsaid": unsaid}));
        if format == Format::Suricata {
            let last = &files.files[0].text;
            timed(number, &mut speed, "suricata-again", || write(&list, format, &Wish::default(), Some(last), now).expect("a list"));
        }
        if let Some((zone, served)) = files.zone {
            let back = timed(number, &mut speed, "rpz-read", || rpz_read::read(files.files[0].text.as_bytes()).expect("a zone").zone);
            timed(number, &mut speed, "rpz-hash", || back.content_hash());
            drop(back);
            let next = made_up(entries, entries / 100, now);
            let next =
                write(&next, format, &Wish { served: Some(served), ..Wish::default() }, None, now).expect("a list").zone.expect("a zone").0;
            let step = timed(number, &mut speed, "rpz-difference", || zone_transfer::difference(&zone, &next));
            said.insert("rpz-difference".into(), json!({"removed": step.removed.len(), "added": step.added.len()}));
        }
    }
    let found = json!({
        "entries": number,
        "entries_per_cpu_s": speed,
        "written": said,
        "rss_with_list_bytes": before,
        "peak_rss_bytes": memory("VmHWM:"),
    });
    println!("{}", serde_json::to_string_pretty(&found).expect("numbers"));
}
