//! How quickly is it found who is responsible, and how long does the dump of a registry take?
//!
//! ```text
//! python3 bench/make_rpsl.py 5000000 > dump.txt
//! cargo run --release -p casework --example responsible_speed -- dump.txt
//! ```
//! Prints one JSON object. Without a dump only look-ups are measured.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::print_stdout, reason = "a measurement needs a clock and files")]

use std::fs::File;
use std::hint::black_box;
use std::io::BufWriter;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Instant;

use casework::enrich::responsible::{Asked, Directory};
use casework::enrich::{Registry, RegistryBuilder};
use casework::model::event::Country;
use casework::model::party::{Claim, Party, Product, Provenance, Responsibility, Validity};
use casework::parties::Draft;
use formats::rpsl::Objects;
use formats::value::Network;

const PARTIES: u32 = 10_000;
const PREFIXES: u32 = 1_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dump = std::env::args().nth(1);
    let imported = dump.as_deref().map(import).transpose()?;
    let parties = parties();
    let start = Instant::now();
    let now = "2026-06-01T00:00:00Z".parse()?;
    let directory = Directory::new(parties, Vec::new(), now);
    let compile_s = start.elapsed().as_secs_f64();

    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let any: Vec<IpAddr> = (0..4 << 20).map(|_| Ipv4Addr::from_bits(chance.next() as u32).into()).collect();
    let held: Vec<IpAddr> = (0..4 << 20)
        .map(|_| Ipv4Addr::from_bits(prefix_v4(chance.next() as u32 % 900_000) + (chance.next() as u32 & 255)).into())
        .collect();
    let held_v6: Vec<IpAddr> =
        (0..4 << 20).map(|_| Ipv6Addr::from_bits(prefix_v6(chance.next() as u32 % 100_000) + u128::from(chance.next())).into()).collect();
    let mut sorted = held.clone();
    sorted.sort();
    let hosts: Vec<String> = (0..1 << 16).map(|_| format!("www.host.d{}.example", chance.next() as u32 % (2 * PARTIES))).collect();
    let all = |at: usize| Asked {
        ip: Some(held[at]),
        asn: Some(64_512 + at as u32 % PARTIES),
        host: Some(&hosts[at % hosts.len()]),
        country: Some(Country(*b"JP")),
        vendor: Some("Maker 77"),
        product: Some("Cam-200"),
    };
    let mut result = serde_json::json!({
        "command": "cargo run --release -p casework --example responsible_speed", "parties": PARTIES, "prefixes": PREFIXES, "compile_s": compile_s,
        "lookups_per_cpu_s": {
            "any_ipv4": per_second(|at| directory.provider(Some(any[at]), None).is_some()),
            "claimed_ipv4": per_second(|at| directory.provider(Some(held[at]), None).is_some()),
            "claimed_ipv4_sorted": per_second(|at| directory.provider(Some(sorted[at]), None).is_some()),
            "claimed_ipv6": per_second(|at| directory.provider(Some(held_v6[at]), None).is_some()),
            "all_four_qualities": per_second(|at| directory.responsible(&all(at)).provider.is_some()),
        },
    });
    if let Some((registry, about)) = imported {
        let with = Directory::new(Vec::new(), vec![Arc::new(registry)], now);
        result["import"] = about;
        result["lookups_per_cpu_s"]["registry_only_any_ipv4"] = per_second(|at| with.provider(Some(any[at]), None).is_some()).into();
    }
    println!("{}", serde_json::to_string_pretty(&result)?);
    Ok(())
}

/// Reads a dump, compiles it, writes its image.
fn import(path: &str) -> Result<(Registry, serde_json::Value), Box<dyn std::error::Error>> {
    let (wall, cpu) = (Instant::now(), cpu_s());
    let mut objects = Objects::new(File::open(path)?);
    let mut builder = RegistryBuilder::default();
    let mut rejected = 0;
    while let Some(object) = objects.next()? {
        rejected += u64::from(object.map_err(|e| e.to_string()).and_then(|o| builder.add(&o).map_err(|e| e.to_string())).is_err());
    }
    let read_s = wall.elapsed().as_secs_f64();
    let registry = builder.build("ripe".to_owned(), jiff::civil::Date::ZERO, String::new());
    let image = format!("{path}.registry");
    let mut out = BufWriter::new(File::create(&image)?);
    registry.write(&mut out)?;
    drop(out);
    let (wall_s, cpu_s, peak) = (wall.elapsed().as_secs_f64(), cpu_s() - cpu, status("VmHWM:"));
    let bytes = std::fs::read(&image)?;
    let start = Instant::now();
    Registry::from_bytes(&bytes)?;
    let load_s = start.elapsed().as_secs_f64();
    std::fs::remove_file(&image)?;
    let about = registry.about();
    let told = serde_json::json!({
        "objects": about.objects, "networks": about.networks, "as_numbers": about.as_numbers, "contacts": about.contacts, "rejected": rejected,
        "dump_bytes": std::fs::metadata(path)?.len(), "read_s": read_s, "wall_s": wall_s, "cpu_s": cpu_s, "peak_rss_kb": peak,
        "image_bytes": bytes.len(), "load_s": load_s, "table_bytes": registry.size_bytes(),
    });
    Ok((registry, told))
}

fn prefix_v4(n: u32) -> u32 {
    0x0100_0000 + n * 4_096
}

fn prefix_v6(n: u32) -> u128 {
    (0x2400 << 112) + (u128::from(n) << 80)
}

fn parties() -> Vec<Party> {
    let template = |n: u32| {
        let mut draft = Draft::default();
        draft.add("id", [format!("p{n}")]).add("kind", ["provider".to_owned()]);
        draft.party().map(|written| written.party)
    };
    let own = |claim| Responsibility { claim, provenance: Provenance::Own, validity: Validity::default() };
    (0..PARTIES)
        .filter_map(|n| {
            let mut party = template(n).ok()?;
            for prefix in (0..PREFIXES / PARTIES).map(|i| i * PARTIES + n) {
                let network = if prefix < 900_000 {
                    Network::new(Ipv4Addr::from_bits(prefix_v4(prefix)).into(), 20 + (prefix % 5) as u8)
                } else {
                    Network::new(Ipv6Addr::from_bits(prefix_v6(prefix - 900_000)).into(), 48)
                };
                party.constituency.extend(network.map(|network| own(Claim::Network(network))));
            }
            party.constituency.push(own(Claim::Asn(64_512 + n)));
            party.constituency.push(own(Claim::Domain(format!("d{n}.example"))));
            party.constituency.push(own(Claim::Product(Product { vendor: format!("Maker {n}"), model: None })));
            party.constituency.push(own(Claim::Country(Country(*b"JP"))));
            Some(party)
        })
        .collect()
}

/// Answers a second of processor time over four million questions, one core; the machine may be shared.
fn per_second(ask: impl Fn(usize) -> bool) -> u64 {
    let mut best = f64::MAX;
    for _ in 0..3 {
        let start = cpu_s();
        let answered = (0..4 << 20).filter(|at| black_box(ask(*at))).count();
        black_box(answered);
        best = best.min(cpu_s() - start);
    }
    (f64::from(4 << 20) / best) as u64
}

/// Processor time of this process, as the kernel counts it.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    stat.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1e9
}

fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// xorshift64*: the same questions in every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }
}
