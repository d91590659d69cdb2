//! How many values does a core hold against millions of entries of warning lists in a second?
//!
//! ```text
//! cargo run --release -p casework --example warning_speed [FOLDER-OF-LISTS [FILE-OF-VALUES [say]]]
//! ```
//!
//! Without a folder, 2.5 M entries of all types are made up in the proportions of the published lists; without a file, values are.
//! A file has a value a line, held against every list whatever kinds it names; `say` prints which lists each hits.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "a measurement reads files and says what it found"
)]

use std::fs;
use std::hint::black_box;
use std::path::Path;

use casework::indicate::class::Classes;
use casework::indicate::warning::{Compiler, Kinds, Warnings};
use casework::model::observable::Kind;
use formats::warning_list::{Matching, WarningList, read_json};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next();
    let lists = folder.as_deref().map_or_else(made_up, |folder| from_folder(Path::new(folder)));
    let written: usize = lists.iter().map(|(_, list)| list.entries.len()).sum();
    let rss_lists = status("VmRSS:");
    let start = cpu_seconds();
    let mut compiler = Compiler::new(Classes::default());
    for (slug, list) in &lists {
        compiler.add(slug, list).expect("a list");
    }
    let warnings = compiler.finish().expect("lists");
    let compile_s = cpu_seconds() - start;
    drop(lists);
    let values = match arguments.next() {
        Some(file) => fs::read_to_string(file).expect("a file").lines().map(|value| (Kinds::ALL, value.to_owned())).collect(),
        None => some_values(),
    };
    if arguments.next().as_deref() == Some("say") {
        return say(&warnings, &values);
    }
    let rounds = (4_000_000 / values.len()).max(1);
    let (mut hits, mut hit_values, mut all_hits) = (Vec::new(), 0_u64, 0_u64);
    for (kinds, value) in &values {
        warnings.look_up(*kinds, value, &mut hits);
        hit_values += u64::from(!hits.is_empty());
        all_hits += hits.len() as u64;
    }
    let start = cpu_seconds();
    for _ in 0..rounds {
        for (kinds, value) in &values {
            warnings.look_up(*kinds, black_box(value), &mut hits);
            black_box(&hits);
        }
    }
    let look_up_s = cpu_seconds() - start;
    let by_kind: serde_json::Map<String, serde_json::Value> = [Kind::Address, Kind::Domain, Kind::Url, Kind::Sha256, Kind::MailAddress]
        .into_iter()
        .filter_map(|kind| of_kind(&warnings, &values, kind))
        .collect();
    let found = serde_json::json!({
        "lists": warnings.lists().len(),
        "entries_written": written,
        "entries_kept": warnings.entries(),
        "compile_cpu_s": compile_s,
        "size_bytes": warnings.size_bytes(),
        "peak_rss_bytes": status("VmHWM:"),
        "rss_with_lists_read_bytes": rss_lists,
        "values": values.len(),
        "values_that_hit": hit_values,
        "hits": all_hits,
        "look_ups": rounds * values.len(),
        "look_ups_per_cpu_s": (rounds * values.len()) as f64 / look_up_s,
        "by_kind_per_cpu_s": by_kind,
    });
    println!("{}", serde_json::to_string_pretty(&found).expect("numbers"));
}

/// A line for each value: the value and the names of the lists that it hits.
fn say(warnings: &Warnings, values: &[(Kinds, String)]) {
    let mut hits = Vec::new();
    for (kinds, value) in values {
        warnings.look_up(*kinds, value, &mut hits);
        let names: Vec<&str> = hits.iter().map(|hit| warnings.list(*hit).name.as_str()).collect();
        println!("{value}\t{}", names.join("\t"));
    }
}

fn of_kind(warnings: &Warnings, values: &[(Kinds, String)], kind: Kind) -> Option<(String, serde_json::Value)> {
    let some: Vec<&String> = values.iter().filter(|(kinds, _)| *kinds == Kinds::of(kind)).map(|(_, value)| value).collect();
    let rounds = 1_000_000_usize.checked_div(some.len())?;
    let mut hits = Vec::new();
    let start = cpu_seconds();
    for _ in 0..rounds {
        for value in &some {
            warnings.look_up(Kinds::of(kind), black_box(value), &mut hits);
        }
    }
    Some((kind.to_string(), ((rounds * some.len()) as f64 / (cpu_seconds() - start)).into()))
}

fn from_folder(folder: &Path) -> Vec<(String, WarningList)> {
    let mut lists = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path().join("list.json");
        if let Ok(bytes) = fs::read(&path) {
            let slug = path.parent().and_then(Path::file_name).expect("a name").to_string_lossy().into_owned();
            lists.push((slug, read_json(&bytes).expect("a list")));
        }
    }
    lists.sort_by(|one, other| one.0.cmp(&other.0));
    lists
}

const ATTRIBUTES: [(Matching, &[&str], usize, usize); 6] = [
    // type, kinds, lists, entries of all: top lists overlap each other
    (Matching::String, &["hostname", "domain", "url"], 14, 1_750_000),
    (Matching::Hostname, &["hostname", "domain", "url", "domain|ip"], 20, 350_000),
    (Matching::String, &["md5", "sha1", "sha256"], 6, 60_000),
    (Matching::Cidr, &["ip-src", "ip-dst", "domain|ip"], 80, 331_600),
    (Matching::Substring, &["email-src", "domain|ip", "url"], 3, 8_368),
    (Matching::Regex, &["email-src", "phone-number"], 2, 34),
];

fn made_up() -> Vec<(String, WarningList)> {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let mut lists = Vec::new();
    for (at, (matching, attributes, number, entries)) in ATTRIBUTES.into_iter().enumerate() {
        for list in 0..number {
            let mut entries: Vec<String> = (0..entries / number).map(|_| entry(&mut chance, matching, at == 2)).collect();
            entries.sort();
            entries.dedup();
            let matching_attributes = attributes.iter().map(|&name| name.to_owned()).collect();
            lists.push((format!("list-{at}-{list}"), WarningList { matching, matching_attributes, entries, ..WarningList::default() }));
        }
    }
    lists
}

fn entry(chance: &mut Chance, matching: Matching, hash: bool) -> String {
    match matching {
        Matching::String if hash => format!("{:016x}{:016x}", chance.next(), chance.next()),
        Matching::String | Matching::Hostname => name(chance, 4_000_000),
        Matching::Cidr if chance.below(10) == 0 => format!("2001:{:x}:{:x}::/48", chance.below(0x2000), chance.below(0x10000)),
        Matching::Cidr => {
            let length = [32, 32, 32, 24, 24, 22, 20, 16][chance.below(8) as usize];
            format!("{}/{length}", std::net::Ipv4Addr::from_bits(chance.next() as u32))
        }
        Matching::Substring => format!("mail{:x}.example", chance.below(1 << 40)),
        Matching::Regex => format!("/((?:\\+|00)61)?04915{:05}([0-9]{{2}})/g", chance.below(100_000)),
    }
}

/// A name out of so many.
fn name(chance: &mut Chance, of: u64) -> String {
    let number = chance.below(of).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let ends = ["com", "net", "org", "co.jp", "de", "io", "com.br", "info"];
    let (label, end) = (number >> 20, ends[(number & 7) as usize]);
    format!("{}{:x}.{end}", ["", "www.", "mail.", "cdn-"][(number >> 3 & 3) as usize], label % 0x00ff_ffff_ffff)
}

fn some_values() -> Vec<(Kinds, String)> {
    let mut chance = Chance(0xdead_beef_1234_5678);
    (0..400_000)
        .map(|_| {
            let (kind, value) = match chance.below(10) {
                0..4 => (Kind::Address, std::net::Ipv4Addr::from_bits(chance.next() as u32).to_string()),
                4..7 => (Kind::Domain, format!("login.{}", name(&mut chance, 6_000_000))),
                7 => (Kind::Url, format!("http://{}/wp-content/{:x}/a.php?id=1", name(&mut chance, 6_000_000), chance.below(1 << 32))),
                8 => (Kind::Sha256, format!("{:016x}{:016x}{:016x}{:016x}", chance.next(), chance.next(), chance.next(), chance.next())),
                _ => (Kind::MailAddress, format!("user{}@{}", chance.below(1000), name(&mut chance, 6_000_000))),
            };
            (Kinds::of(kind), value)
        })
        .collect()
}

/// User and system seconds of this process.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("a Linux kernel");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    (fields[11].parse::<f64>().expect("ticks") + fields[12].parse::<f64>().expect("ticks")) / 100.0
}

fn status(key: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").expect("a Linux kernel");
    let line = text.lines().find_map(|line| line.strip_prefix(key)).expect("the key");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

/// xorshift64*: the same lists in every run.
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
