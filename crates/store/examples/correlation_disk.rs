//! How large is the memory of where values were seen, and how long does a question to it take?
//!
//!     cargo run --release --workspace --example correlation_disk -- [ATTRIBUTES] [IN ONE EVENT] [QUESTIONS]
//!
//! Makes up so many attributes (ten million) of events of MISP, files them in a home as a feed would bring them, and asks: for values
//! that were filed, and for some that were not. Prints one JSON object. The home lies in a temporary folder (`TMPDIR`).
#![allow(clippy::print_stdout, reason = "its answer")]

use std::net::Ipv4Addr;
use std::time::Instant;

use casework::model::observable::{Kind, Observable};
use store::home::Home;
use store::places::{Filed, Places};
use store::register::Register;

/// Attributes filed in one call.
const TOGETHER: usize = 1_000_000;

#[tokio::main]
async fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|text| text.parse::<usize>().ok());
    let (total, each) = (numbers.next().unwrap_or(10_000_000), numbers.next().unwrap_or(50).max(1));
    let asked = numbers.next().unwrap_or(20_000).max(2);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let home = Home::at(folder.path());
    let register = Register::create(&home).await.expect("a register");
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let (mut made, mut things, mut questions) = (0, Vec::new(), Vec::new());
    let (mut filing_cpu, start) = (0.0, Instant::now());
    while made < total {
        let values: Vec<Observable> = (0..each.min(total - made)).map(|_| attribute(&mut chance)).collect();
        if questions.len() < asked / 2 && made % (total / asked).max(1) < each {
            questions.push(values[0].clone());
        }
        made += values.len();
        things.push(Filed { kind: "misp", name: uuid(&mut chance), terms: 1, values });
        if things.len() * each >= TOGETHER || made == total {
            let before = cpu_seconds();
            register.file_places(&home, &things, 0).await.expect("room");
            filing_cpu += cpu_seconds() - before;
            things.clear();
        }
    }
    let filed_wall = start.elapsed().as_secs_f64();
    questions.extend((questions.len()..asked).map(|_| attribute(&mut chance)));
    let places = Places::open(&home, &register).await.expect("places");
    let (keys, values) = places.size_bytes();
    let register_bytes: u64 =
        ["register.db", "register.db-wal"].map(|name| std::fs::metadata(home.resolve(name)).map_or(0, |file| file.len())).iter().sum();
    let (mut wall, mut found, mut common) = (Vec::new(), 0_u64, 0_u64);
    let cpu = cpu_seconds();
    for question in &questions {
        let start = Instant::now();
        let whereabouts = places.of(question, 100).await.expect("an answer");
        wall.push(start.elapsed().as_secs_f64());
        found += u64::from(!whereabouts.seen.is_empty());
        common += u64::from(!whereabouts.common.is_empty());
    }
    let cpu = cpu_seconds() - cpu;
    wall.sort_by(f64::total_cmp);
    let at = |share: f64| wall[((wall.len() as f64 * share) as usize).min(wall.len() - 1)] * 1e3;
    let told = serde_json::json!({
        "attributes": total, "events": total.div_ceil(each), "bytes": keys + values + register_bytes, "bytes_keys": keys, "bytes_values": values,
        "bytes_register": register_bytes, "bytes_per_attribute": (keys + values + register_bytes) as f64 / total as f64,
        "filing_wall_s": filed_wall, "filing_cpu_s": filing_cpu, "questions": questions.len(), "questions_found": found,
        "questions_common": common, "look_up_wall_ms": {"p50": at(0.5), "p99": at(0.99), "p999": at(0.999)},
        "look_up_cpu_ms": cpu * 1e3 / questions.len() as f64, "optimised": !cfg!(debug_assertions),
    });
    println!("{}", serde_json::to_string_pretty(&told).expect("numbers"));
}

/// Addresses, names, pages and hashes; a few of each are very common, half of them are seen once.
fn attribute(chance: &mut Chance) -> Observable {
    // The exponent of a uniform number: each magnitude of rank is as likely.
    let magnitude = 1_u64 << chance.below(25);
    let number = chance.below(magnitude).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let number = if chance.below(2) == 0 { chance.next() } else { number };
    let host = |number: u64| format!("w{:x}.site{:x}.com", number >> 60, number >> 34 & 0x03ff_ffff);
    let read = |kind, text: String| Observable::read(kind, &text).expect("made so");
    match chance.below(20) {
        0..8 => read(Kind::Address, Ipv4Addr::from_bits((number >> 32) as u32).to_string()),
        8..14 => read(Kind::Domain, host(number)),
        14..17 => read(Kind::Url, format!("http://{}/{:x}/a.php", host(number), number & 0xffff)),
        _ => read(Kind::Sha256, format!("{number:064x}")),
    }
}

fn uuid(chance: &mut Chance) -> String {
    let (one, two) = (chance.next(), chance.next());
    format!("{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}", one >> 32, one >> 16 & 0xffff, one & 0xfff, two >> 52, two & 0xffff_ffff_ffff)
}

/// User and system seconds of this process, where the system tells.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}

/// xorshift64*: the same attributes in every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 16) % end.max(1)
    }
}
