//! How many attributes of MISP events are read, written, and turned into STIX and back, in a second of one core?
//!
//! ```text
//! cargo run --release -p formats --example misp_speed [-- FOLDER]
//! ```
//! FOLDER holds events, one in a file; without it events are made up, of the types that real ones mostly have.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a measurement reads files, needs a clock and says what it found")]

use std::fmt::Write as _;
use std::hint::black_box;

use formats::misp::{event, stix};

/// CPU seconds of this process: what else the machine does is not counted. Without /proc nothing can be said.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks: u64 = after.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}

/// How many times the work was done in at least a second of CPU, and what it cost once.
fn measure(mut work: impl FnMut()) -> f64 {
    work();
    let (before, mut count) = (cpu_seconds(), 0);
    loop {
        work();
        count += 1;
        let spent = cpu_seconds() - before;
        if spent >= 1.5 {
            return spent / f64::from(count);
        }
    }
}

fn made_up(attributes: usize) -> Vec<u8> {
    let mut text = String::from(
        r#"{"Event":{"id":"1","uuid":"57c6ac4c-c60c-4f79-a38f-b666950d210f","info":"made up","date":"2026-03-23","published":true,"timestamp":"1774224000","Attribute":["#,
    );
    for n in 0..attributes {
        let (kind, value, to_ids) = match n % 8 {
            0 | 1 => ("sha1", format!("{n:040x}"), true),
            2 => ("domain", format!("host{n}.example"), true),
            3 => ("md5", format!("{n:032x}"), true),
            4 => ("filename|sha1", format!("evil{n}.exe|{n:040x}"), true),
            5 => ("url", format!("http://host{n}.example/path"), true),
            6 => ("ip-dst", format!("198.51.{}.{}", n / 8 % 100, n % 250), false),
            _ => ("text", format!("remark {n}"), false),
        };
        let comma = if n > 0 { "," } else { "" };
        let _ = write!(
            text,
            r#"{comma}{{"id":"{n}","type":"{kind}","category":"Network activity","to_ids":{to_ids},"uuid":"57f4f6d9-cd20-458b-84fd-{n:012x}","event_id":"1","distribution":"5","timestamp":"1774224000","comment":"","sharing_group_id":"0","deleted":false,"disable_correlation":false,"object_id":"0","object_relation":null,"first_seen":null,"last_seen":null,"value":"{value}","Galaxy":[],"ShadowAttribute":[]}}"#
        );
    }
    text.push_str("]}}");
    text.into_bytes()
}

fn main() {
    let files: Vec<Vec<u8>> = match std::env::args().nth(1) {
        Some(folder) => {
            let mut paths: Vec<_> = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path()).collect();
            paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
            paths.sort();
            paths.iter().map(|path| std::fs::read(path).expect("a file")).collect()
        }
        None => (0..10).map(|_| made_up(1_000)).collect(),
    };
    let events: Vec<_> = files.iter().map(|file| event::read(file).expect("an event")).collect();
    let attributes = events.iter().map(|event| event.all_attributes().count()).sum::<usize>() as f64;
    let bundles: Vec<_> = events.iter().map(|event| serde_json::to_vec(&stix::to_bundle(event)).expect("JSON")).collect();
    let megabytes = |all: &[Vec<u8>]| all.iter().map(Vec::len).sum::<usize>() as f64 / 1e6;
    let parse = measure(|| files.iter().for_each(|file| drop(black_box(event::read(file).expect("an event")))));
    let write = measure(|| events.iter().for_each(|event| drop(black_box(event::write(event)))));
    let to_stix = measure(|| events.iter().for_each(|event| drop(black_box(serde_json::to_vec(&stix::to_bundle(event)).expect("JSON")))));
    let from_stix = measure(|| bundles.iter().for_each(|bundle| drop(black_box(stix::from_bundle(bundle).expect("a bundle")))));
    let rate = |seconds: f64| (attributes / seconds).round();
    println!(
        "{}",
        serde_json::json!({
            "events": events.len(), "attributes": attributes, "megabytes": megabytes(&files), "stix_megabytes": megabytes(&bundles),
            "attributes_per_cpu_second": {"parse": rate(parse), "write": rate(write), "to_stix": rate(to_stix), "from_stix": rate(from_stix)},
        })
    );
}
