//! How large is the index of where values were seen, and how long does a question take?
//!
//! ```text
//! cargo run --release -p casework --example correlation_speed [ATTRIBUTES [FOLDER]]
//! ```
//!
//! Makes up so many attributes (ten million) with values as unequal as real ones, files a million at a time into segments in the
//! folder, merges them into one, and asks: for one key, and for all keys of a question. Its files are removed at the end.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "a measurement needs files and a clock and says what it found"
)]

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use casework::correlate::filing::{asked_for, filed_under};
use casework::correlate::segment::{ReadAt, Segment, USUALLY_KEPT, merge, write};
use casework::model::observable::{Kind, Observable};

struct OnDisk(File);

impl ReadAt for OnDisk {
    type Error = io::Error;

    fn size(&self) -> u64 {
        self.0.metadata().map_or(0, |about| about.len())
    }

    fn read_at(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.0.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }
}

fn open(path: &Path) -> Segment<OnDisk> {
    Segment::open(OnDisk(File::open(path).expect("a file"))).expect("a segment")
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let attributes: u64 = arguments.next().map_or(10_000_000, |text| text.parse().expect("a number"));
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| ".".into())).join(format!("correlation-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let (mut paths, mut filed, mut postings) = (Vec::new(), Vec::new(), 0_u64);
    let (mut file_s, mut write_s) = (0.0, 0.0);
    for place in 0..attributes {
        let observable = attribute(&mut chance);
        filed.push((observable, place));
        if filed.len() == 1_000_000 || place + 1 == attributes {
            let start = cpu_seconds();
            let keys: Vec<_> =
                filed.drain(..).flat_map(|(observable, place)| filed_under(&observable).into_iter().map(move |key| (key, place))).collect();
            postings += keys.len() as u64;
            let filed_at = cpu_seconds();
            let bytes = write(keys, USUALLY_KEPT);
            (file_s, write_s) = (file_s + filed_at - start, write_s + cpu_seconds() - filed_at);
            let path = folder.join(format!("{place}.places"));
            fs::write(&path, bytes).expect("room");
            paths.push(path);
        }
    }
    let peak_while_filing = status("VmHWM:");
    let segments: Vec<_> = paths.iter().map(|path| open(path)).collect();
    let whole = folder.join("whole.places");
    let mut out = File::create(&whole).expect("room");
    let start = cpu_seconds();
    merge(&segments.iter().collect::<Vec<_>>(), USUALLY_KEPT, |bytes| out.write_all(bytes).expect("room")).expect("segments");
    let merge_s = cpu_seconds() - start;
    drop((segments, out));
    let merged = open(&whole);
    let before = status("VmRSS:");

    let questions: Vec<Observable> = (0..100_000).map(|_| attribute(&mut chance)).collect();
    let (mut one, mut all, mut common, mut found) = (Vec::new(), Vec::new(), 0_u64, 0_u64);
    let mut keys = 0_usize;
    let start = cpu_seconds();
    for question in &questions {
        let asked = asked_for(question);
        keys += asked.len();
        let begin = Instant::now();
        for (at, (_, key)) in asked.into_iter().enumerate() {
            let places = merged.look_up(key).expect("readable");
            if at == 0 {
                one.push(begin.elapsed().as_secs_f64());
                found += u64::from(places.is_some());
            }
            common += u64::from(places.is_some_and(|places| places.common()));
        }
        all.push(begin.elapsed().as_secs_f64());
    }
    let question_s = cpu_seconds() - start;
    one.sort_by(f64::total_cmp);
    all.sort_by(f64::total_cmp);
    let at = |times: &[f64], share: f64| times[(times.len() as f64 * share) as usize] * 1e6;
    let size = fs::metadata(&whole).expect("a file").len();
    let told = serde_json::json!({
        "attributes": attributes,
        "postings": postings,
        "keys": merged.keys,
        "bytes": size,
        "bytes_per_attribute": size as f64 / attributes as f64,
        "index_in_memory_bytes": merged.size_bytes(),
        "file_cpu_s": file_s,
        "write_cpu_s": write_s,
        "merge_cpu_s": merge_s,
        "peak_rss_while_filing_bytes": peak_while_filing,
        "rss_while_asking_bytes": before,
        "questions": questions.len(),
        "questions_found": found,
        "keys_per_question": keys as f64 / questions.len() as f64,
        "common_keys_met": common,
        "look_up_us": { "p50": at(&one, 0.5), "p99": at(&one, 0.99), "p999": at(&one, 0.999) },
        "question_us": { "p50": at(&all, 0.5), "p99": at(&all, 0.99) },
        "cpu_us_per_key": question_s / keys as f64 * 1e6,
    });
    println!("{}", serde_json::to_string_pretty(&told).expect("numbers"));
    fs::remove_dir_all(&folder).expect("its own folder");
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
