//! How soon is a pattern read, asked, and found among a hundred thousand?
//!
//! ```text
//! cargo run --release -p formats --example pattern_speed            # one JSON object
//! cargo run --release -p formats --example pattern_speed -- --patterns 1000 > FILE   # the patterns, one a line
//! ```
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::print_stdout, reason = "a measurement needs a clock and files")]
#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};

use formats::stix_pattern::{Facts, Index, Observation, Pattern, Program, Scalar};
use serde_json::{Value, json};

struct Counting;
static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the allocator of the system.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// CPU seconds of this process.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

fn timed<T>(what: impl FnOnce() -> T) -> (f64, T) {
    let start = cpu();
    let made = what();
    (cpu() - start, made)
}

struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn hex(&mut self, digits: usize) -> String {
        (0..digits).map(|_| char::from_digit(self.below(16) as u32, 16).unwrap_or('0')).collect()
    }

    fn address(&mut self) -> String {
        format!("{}.{}.{}.{}", 1 + self.below(223), self.below(256), self.below(256), self.below(256))
    }

    fn domain(&mut self) -> String {
        let words = ["login", "secure", "update", "cdn", "mail", "api", "shop", "cloud", "bank", "verify", "account", "support"];
        let ends = ["example", "test", "com.example", "net.example", "xyz.example", "top.example"];
        let word = |chance: &mut Self| words[chance.below(words.len() as u64) as usize];
        let (a, b) = (word(self), word(self));
        format!("{a}-{b}{}.{}", self.below(1_000_000), ends[self.below(ends.len() as u64) as usize])
    }

    fn url(&mut self) -> String {
        let files = ["gate.php", "panel/login.php", "wp-content/plugins/a.zip", "index.html", "api/v2/check"];
        format!("http{}://{}/{}/{}", ["", "s"][self.below(2) as usize], self.domain(), self.hex(8), files[self.below(5) as usize])
    }
}

/// Indicators as feeds have them.
fn patterns(count: usize) -> Vec<String> {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let c = &mut chance;
    (0..count)
        .map(|_| match c.below(100) {
            0..=29 => format!("[ipv4-addr:value = '{}']", c.address()),
            30..=54 => format!("[domain-name:value = '{}']", c.domain()),
            55..=69 => format!("[url:value = '{}']", c.url()),
            70..=79 => format!("[file:hashes.'SHA-256' = '{}']", c.hex(64)),
            80..=84 => format!("[file:hashes.MD5 = '{}' OR file:hashes.'SHA-1' = '{}']", c.hex(32), c.hex(40)),
            85..=88 => format!("[ipv4-addr:value ISSUBSET '{}/{}']", c.address(), 16 + c.below(15)),
            89..=91 => format!("[url:value LIKE '%{}/{}%']", c.domain(), c.hex(4)),
            92..=93 => {
                format!("[network-traffic:dst_ref.value = '{}' AND network-traffic:dst_port = {}]", c.address(), 1 + c.below(65_535))
            }
            94..=95 => format!("[domain-name:value = '{}'] OR [ipv4-addr:value IN ('{}', '{}')]", c.domain(), c.address(), c.address()),
            96 => format!("[email-message:subject LIKE 'Invoice {}%' AND email-message:is_multipart = true]", c.below(1_000_000)),
            97 => format!("[url:value MATCHES '^https?://[a-z]+{}\\\\.example/']", c.below(1_000_000)),
            98 => format!("[domain-name:value LIKE '%.{}']", c.domain()),
            _ => format!("[domain-name:value = '{}'] FOLLOWEDBY [url:value = '{}'] WITHIN 300 SECONDS", c.domain(), c.url()),
        })
        .collect()
}

/// Events with an address, its traffic, a name, a URL and a file; every tenth has something that a pattern looks for.
fn events(count: usize, texts: &[String]) -> Vec<Value> {
    let mut chance = Chance(0x1234_5678_9abc_def1);
    let known: Vec<&str> = texts.iter().filter_map(|text| text.strip_prefix("[domain-name:value = '")?.strip_suffix("']")).collect();
    (0..count)
        .map(|at| {
            let c = &mut chance;
            let address = c.address();
            let name = if at % 10 == 0 && !known.is_empty() { known[c.below(known.len() as u64) as usize].to_owned() } else { c.domain() };
            json!([
                {"type": "ipv4-addr", "id": "ipv4-addr--1", "value": address},
                {"type": "network-traffic", "id": "network-traffic--1", "dst_ref": "ipv4-addr--1", "dst_port": c.below(65_536), "protocols": ["tcp"]},
                {"type": "domain-name", "id": "domain-name--1", "value": name, "resolves_to_refs": ["ipv4-addr--1"]},
                {"type": "url", "id": "url--1", "value": c.url()},
                {"type": "file", "id": "file--1", "name": "a.exe", "size": c.below(1 << 24), "hashes": {"MD5": c.hex(32), "SHA-256": c.hex(64)}},
            ])
        })
        .collect()
}

fn facts<'a>(index: &Index, event: &'a Value) -> Facts<'a> {
    let mut facts = Facts::new();
    let mut add = |object: u32, path: &str, value: &'a Value| {
        let Ok(path) = path.parse() else { return };
        let value = match (value.as_str(), value.as_i64()) {
            (Some(text), _) => Scalar::Text(text),
            (None, Some(number)) => Scalar::Int(number),
            (None, None) => return,
        };
        facts.add(object, &index.path(path), value);
    };
    add(0, "ipv4-addr:value", &event[0]["value"]);
    add(1, "network-traffic:dst_ref.value", &event[0]["value"]);
    add(1, "network-traffic:dst_port", &event[1]["dst_port"]);
    add(2, "domain-name:value", &event[2]["value"]);
    add(3, "url:value", &event[3]["value"]);
    add(4, "file:name", &event[4]["name"]);
    add(4, "file:size", &event[4]["size"]);
    add(4, "file:hashes.MD5", &event[4]["hashes"]["MD5"]);
    add(4, "file:hashes.'SHA-256'", &event[4]["hashes"]["SHA-256"]);
    facts
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("--patterns") {
        let count = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(1000);
        patterns(count).iter().for_each(|text| println!("{text}"));
        return;
    }
    let count = 100_000;
    let texts = patterns(count);
    let bytes: usize = texts.iter().map(String::len).sum();
    let (read, parsed) = timed(|| texts.iter().map(|text| Pattern::parse(text).expect("our own patterns")).collect::<Vec<_>>());
    let (checked, findings) = timed(|| parsed.iter().map(|pattern| pattern.findings().len()).sum::<usize>());

    let held = HELD.load(Ordering::Relaxed);
    let mut index = Index::new();
    let (added, slots) = timed(|| parsed.iter().map(|pattern| index.add(pattern).expect("our own patterns")).collect::<Vec<_>>());
    let memory = HELD.load(Ordering::Relaxed) - held - slots.capacity() * size_of::<u32>();

    let events = events(2_000, &texts);
    let seen: Vec<_> = events.iter().map(|event| Observation::of_objects(event.as_array().expect("our own events"))).collect();
    let flat: Vec<_> = events.iter().map(|event| facts(&index, event)).collect();

    // Every pattern asked, with no index.
    let programs: Vec<_> = parsed.iter().map(|pattern| Program::new(pattern).expect("our own patterns")).collect();
    let (asked_json, brute_json) = timed(|| seen[..20].iter().map(|one| ask(&programs, one)).collect::<Vec<_>>());
    let (asked_facts, brute_facts) = timed(|| flat[..20].iter().map(|one| ask(&programs, one)).collect::<Vec<_>>());

    let (found_json, by_json) = timed(|| seen.iter().map(|one| index.matches(std::slice::from_ref(one))).collect::<Vec<_>>());
    let (found_facts, by_facts) = timed(|| flat.iter().map(|one| index.matches(std::slice::from_ref(one))).collect::<Vec<_>>());
    assert!(by_json[..20].iter().zip(&brute_json).all(|(found, asked)| found.matched.len() == *asked), "the index says what asking says");
    assert!(by_facts[..20].iter().zip(&brute_facts).all(|(found, asked)| found.matched.len() == *asked), "the index says what asking says");

    let (removed, _) = timed(|| slots.iter().step_by(10).filter(|slot| index.remove(**slot)).count());
    let each = |seconds: f64, times: usize| (seconds * 1e9 / times as f64).round();
    let statistics = index.statistics();
    println!(
        "{}",
        json!({
            "patterns": count,
            "pattern_bytes": bytes,
            "parsed_per_cpu_second": (count as f64 / read).round(),
            "checked_per_cpu_second": (count as f64 / checked).round(),
            "findings": findings,
            "evaluations_per_cpu_second_json": (20.0 * count as f64 / asked_json).round(),
            "evaluations_per_cpu_second_facts": (20.0 * count as f64 / asked_facts).round(),
            "index_add_nanoseconds": each(added, count),
            "index_remove_nanoseconds": each(removed, count / 10),
            "index_event_microseconds_json": found_json * 1e6 / seen.len() as f64,
            "index_event_microseconds_facts": found_facts * 1e6 / flat.len() as f64,
            "index_bytes_per_pattern": memory / count,
            "index_broad": statistics.broad,
            "asked_per_event": by_facts.iter().map(|found| found.asked).sum::<usize>() as f64 / flat.len() as f64,
            "matched_per_event": by_facts.iter().map(|found| found.matched.len()).sum::<usize>() as f64 / flat.len() as f64,
        })
    );
}

fn ask<O: formats::stix_pattern::Observed>(programs: &[Program], one: &O) -> usize {
    programs.iter().filter(|program| black_box(program).matches(std::slice::from_ref(one)) == Ok(true)).count()
}
