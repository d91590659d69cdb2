//! How many STIX objects does a core read, check and write in a second?
//!
//! ```text
//! cargo run --release -p formats --example stix_speed [OBJECTS [FILE]]
//! ```
//!
//! Makes the objects itself, about 1.4 kB each: indicators, observed-data, malware, relationships and observables as a hub meets them.
//! Prints one JSON object: objects per CPU second for each step. With FILE the objects are left there as a bundle, for others to read.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a measurement reads a clock and says what it found")]

use std::hint::black_box;

use formats::stix::marking::{Pap, Tlp2};
use formats::stix::write::{Object, bundle, indicator, literal, observed_data, relationship};
use formats::stix::{Envelope, Header, Limits, check, id};
use serde_json::json;
use uuid::Uuid;

const START: i64 = 1_774_249_262_123_000;

fn uuid(number: u64) -> Uuid {
    let bits = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
}

fn object(n: u64, own: &str) -> Object {
    let at = START + i64::try_from(n).unwrap_or_default() * 1000;
    let words = format!("Host {n} was seen in traffic to a known command and control server; ").repeat(10);
    let value = format!("https://host-{n}.example.com/gate.php?id={n}&x=it's");
    let object = match n % 4 {
        0 => indicator(&uuid(n), at, &format!("[url:value = '{}' OR domain-name:value = 'host-{n}.example.com']", literal(&value)), at)
            .set("name", format!("C2 {n}"))
            .set("description", words)
            .set("indicator_types", json!(["malicious-activity", "compromised"]))
            .set(
                "kill_chain_phases",
                json!([{"kill_chain_name": "lockheed-martin-cyber-kill-chain", "phase_name": "command-and-control"}]),
            ),
        1 => observed_data(
            &uuid(n),
            at,
            [at, at + 60_000_000],
            n % 1000 + 1,
            &[
                &id::of_value("ipv4-addr", &format!("198.51.{}.{}", n / 256 % 256, n % 256)).expect("an observable"),
                &id::of_value("url", &value).expect("an observable"),
            ],
        )
        .set("x_csirt_note", words),
        2 => Object::domain("malware", &uuid(n), at)
            .set("name", format!("family {n}"))
            .set("is_family", true)
            .set("malware_types", json!(["bot", "ddos"]))
            .set("aliases", json!([format!("alias-{n}"), "別名"]))
            .set("description", words)
            .time("first_seen", at)
            .time("last_seen", at),
        _ => relationship(&uuid(n), at, &format!("indicator--{}", uuid(n - 3)), "indicates", &format!("malware--{}", uuid(n - 1)))
            .set("description", words)
            .time("start_time", at),
    };
    let object = object.created_by(own).confidence(80).label("botnet").label("c2");
    let object = object.external_reference("csirt.example", Some(&format!("2026-{n}")), None, Some("the case in which it was seen"));
    object.marked(Tlp2::Amber.id()).marked(Pap::Green.id())
}

/// CPU seconds of this process so far: the machine may be shared.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 = after_name.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
    ticks / 100.0
}

/// Objects per CPU second of the work, repeated for at least a second.
fn rate(objects: usize, mut work: impl FnMut()) -> u64 {
    work();
    let start = cpu_seconds();
    let mut rounds = 0.0;
    while cpu_seconds() - start < 1.5 {
        work();
        rounds += 1.0;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a rate")]
    let rate = (rounds * objects as f64 / (cpu_seconds() - start)) as u64;
    rate
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let count: u64 = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(20_000);
    let own = format!("identity--{}", uuid(u64::MAX));
    let texts: Vec<String> = (0..count).map(|n| object(n, &own).write()).collect();
    let text = bundle(&uuid(1 << 60), &texts);
    if let Some(file) = arguments.next() {
        std::fs::write(file, &text).expect("the file can be written");
    }
    let limits = Limits::default();
    let objects = Envelope::read(text.as_bytes(), &limits).expect("it was just written").objects;
    let violations: usize = objects.iter().map(|object| check::must(&Header::read(object).expect("it was just written")).len()).sum();
    let n = objects.len();
    let split = rate(n, || {
        black_box(Envelope::read(text.as_bytes(), &limits).is_ok());
    });
    let header = rate(n, || objects.iter().for_each(|object| drop(black_box(Header::read(object)))));
    let references = rate(n, || objects.iter().for_each(|object| drop(black_box(Header::with_references(object)))));
    let must = rate(n, || {
        for object in &objects {
            let header = Header::read(object).expect("read before");
            black_box(check::must(&header));
        }
    });
    let full = rate(n, || objects.iter().for_each(|object| drop(black_box(check::full(object)))));
    let dom = rate(n, || objects.iter().for_each(|object| drop(black_box(serde_json::from_slice::<serde_json::Value>(object)))));
    let write = rate(n, || (0..count).for_each(|n| drop(black_box(object(n, &own).write()))));
    println!(
        "{}",
        json!({
            "objects": n, "bytes_per_object": text.len() / n, "violations": violations,
            "objects_per_cpu_second": {
                "split": split, "header": header, "header_with_references": references, "header_and_must": must,
                "header_and_full": full, "serde_json_value_for_comparison": dom, "write": write,
            },
        })
    );
}
