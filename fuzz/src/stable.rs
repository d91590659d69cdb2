//! Runs targets without libFuzzer: mutated inputs from the corpora, for some seconds each, on any Rust and without a C++ compiler.
//!
//! No coverage leads it, so it finds less than `run.sh` in the same time; it runs wherever the program builds. What it finds lies in
//! `artifacts/TARGET/`, and is run again when that file is named.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::exit;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A target, by its name.
pub type Target = (&'static str, fn(&[u8]));

const LONGEST: usize = 16 << 10;
const HANG: Duration = Duration::from_secs(10);
/// Of one target; more are not told apart from luck.
const FINDS: usize = 5;

/// `[SECONDS] [TARGET…]`, or the files of inputs after one target; without seconds `MUSUBI_FUZZ_SECONDS`, else 10 each.
pub fn main(targets: &[Target]) {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let seconds = match arguments.first().and_then(|text| text.parse().ok()) {
        Some(seconds) => {
            arguments.remove(0);
            seconds
        }
        None => std::env::var("MUSUBI_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(10),
    };
    let (files, names): (Vec<String>, Vec<String>) = arguments.into_iter().partition(|argument| Path::new(argument).is_file());
    if let Some(unknown) = names.iter().find(|name| !targets.iter().any(|(known, _)| known == *name)) {
        eprintln!("there is no target {unknown}");
        exit(2);
    }
    let mut found = Vec::new();
    for (name, target) in targets.iter().filter(|(name, _)| names.is_empty() || names.iter().any(|wanted| wanted == name)) {
        if !files.is_empty() {
            for file in &files {
                target(&fs::read(file).expect("the file was there"));
            }
            continue;
        }
        if !run(name, *target, Duration::from_secs(seconds)) {
            found.push(*name);
        }
    }
    if !found.is_empty() {
        println!("found something: {}", found.join(", "));
        exit(1);
    }
}

/// Whether nothing was found.
fn run(name: &str, target: fn(&[u8]), time: Duration) -> bool {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let seeds = seeds(&folder.join("corpus").join(name));
    let artifacts = folder.join("artifacts").join(name);
    let mut dice = Dice::of(name);
    // What runs, and since when: for whoever looks whether it ends.
    let now: Arc<Mutex<Option<(Instant, Vec<u8>)>>> = Arc::default();
    let watched = Arc::clone(&now);
    let (label, place) = (name.to_owned(), artifacts.clone());
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(500));
            // Whoever held the lock is gone, and so is the run.
            let Ok(now) = watched.lock() else { return };
            if let Some((since, input)) = &*now
                && since.elapsed() > HANG
            {
                println!("{label}: HANG, {}", keep(&place, "hang", input).display());
                exit(1);
            }
            if Arc::strong_count(&watched) == 1 {
                return;
            }
        }
    });
    let (began, mut inputs, mut finds) = (Instant::now(), 0_u64, 0);
    while began.elapsed() < time && finds < FINDS {
        let at = usize::try_from(inputs).unwrap_or(usize::MAX);
        // Each seed as it is, then changed ones.
        let input = match seeds.get(at) {
            Some(seed) => seed.clone(),
            None => dice.change(&seeds),
        };
        *now.lock().expect("the watcher does not panic") = Some((Instant::now(), input.clone()));
        let outcome = catch_unwind(AssertUnwindSafe(|| target(&input)));
        *now.lock().expect("the watcher does not panic") = None;
        inputs += 1;
        if outcome.is_err() {
            finds += 1;
            println!("{name}: FOUND, {}", keep(&artifacts, "crash", &input).display());
        }
    }
    let outcome = if finds == 0 { "ok" } else { "FOUND" };
    println!("{name}: {outcome}, {} s, {inputs} inputs from {} seeds, peak {} MB", began.elapsed().as_secs(), seeds.len(), peak_mb());
    finds == 0
}

fn seeds(folder: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut all: Vec<Vec<u8>> = paths.iter().filter_map(|path| fs::read(path).ok()).collect();
    all.iter_mut().for_each(|seed| seed.truncate(LONGEST));
    all.push(Vec::new());
    all
}

fn keep(folder: &Path, kind: &str, input: &[u8]) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let path = folder.join(format!("{kind}-{:016x}", hasher.finish()));
    if let Err(error) = fs::create_dir_all(folder).and_then(|()| fs::write(&path, input)) {
        eprintln!("{}: {error}", path.display());
    }
    path
}

/// Of the process so far.
fn peak_mb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok()).unwrap_or_default() / 1024
}

/// The same numbers in each run of a target, unless `MUSUBI_FUZZ_SEED` says others.
struct Dice(u64);

/// What breaks readers.
const PIECES: [&[u8]; 40] = [
    b"\0",
    b"\xff",
    b"\xfe\xff",
    b"\xef\xbb\xbf",
    b"\r",
    b"\n",
    b"\r\n\r\n",
    b"\"",
    b"'",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"{",
    b"}",
    b"[",
    b"]",
    b"[[",
    b":",
    b",",
    b";",
    b"\t",
    b"=",
    b"<!--",
    b"</",
    b"<table>",
    b"&#x0;",
    b"%00",
    b"=?utf-8?q?=",
    b"-1",
    b"0",
    b"1e999",
    b"18446744073709551616",
    b"9999-12-31T23:59:60Z",
    b"::ffff:0.0.0.0",
    b"255.255.255.255/33",
    b"xn--",
    b"\xe2\x80\xae",
    b"\xcc\x81",
    b"\xf0\x9f\xaa\xa2",
    b"hxxp[:]//",
];

impl Dice {
    fn of(name: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        std::env::var("MUSUBI_FUZZ_SEED").unwrap_or_default().hash(&mut hasher);
        Self(hasher.finish() | 1)
    }

    fn below(&mut self, end: usize) -> usize {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap_or_default() % end.max(1)
    }

    /// A place in an input, and one behind it.
    fn stretch(&mut self, length: usize) -> std::ops::Range<usize> {
        let from = self.below(length + 1);
        let most = if self.below(4) == 0 { length - from } else { (length - from).min(16) };
        from..from + self.below(most + 1)
    }

    fn change(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut input = seeds[self.below(seeds.len())].clone();
        for _ in 0..1 + self.below(6) {
            let stretch = self.stretch(input.len());
            match self.below(10) {
                0 if !input.is_empty() => {
                    let at = self.below(input.len());
                    input[at] ^= 1 << self.below(8);
                }
                1 if !input.is_empty() => {
                    let at = self.below(input.len());
                    input[at] = u8::try_from(self.below(256)).unwrap_or_default();
                }
                2 => drop(input.drain(stretch)),
                3 => {
                    let copy = input[stretch].to_vec();
                    let at = self.below(input.len() + 1);
                    input.splice(at..at, copy);
                }
                // Many times the same: what grows, and what goes deep.
                4 => {
                    let copy = input[stretch.clone()].repeat(1 + self.below(60));
                    input.splice(stretch, copy);
                }
                5 => {
                    let other = &seeds[self.below(seeds.len())];
                    let part = self.stretch(other.len());
                    input.splice(stretch, other[part].iter().copied());
                }
                6 => input.truncate(stretch.start),
                _ => {
                    let piece = PIECES[self.below(PIECES.len())];
                    let end = if self.below(2) == 0 { stretch.start } else { stretch.end };
                    input.splice(stretch.start..end, piece.iter().copied());
                }
            }
            input.truncate(LONGEST);
        }
        input
    }
}
