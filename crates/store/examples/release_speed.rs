//! How fast is the log of releases? Appends in durable batches, then receipts checked as their recipients would.
//!
//!     cargo run --release --workspace --example release_speed -- [RELEASES] [BATCH]
//!
//! Prints one JSON object. The home lies in a temporary folder (`TMPDIR`), on whatever disk that is.
#![allow(clippy::print_stdout, reason = "its answer")]

use std::time::Instant;

use casework::model::agreement::{Channel, Purpose};
use casework::model::release::{Basis, Release, Statement};
use formats::tlog::tree::leaf;
use formats::tlog::{KeyKind, Policy, Proof, Signer};
use sha2::{Digest as _, Sha256};
use store::home::Home;
use store::register::Register;
use store::releases::LogKey;

fn content(n: usize) -> Vec<u8> {
    format!("a digest for somebody, number {n}").into_bytes()
}

fn release(n: usize) -> Release {
    Release {
        id: format!("notice-2026-{n:08}"),
        recipient: format!("isp-{}.example", n % 5000).parse().expect("a party"),
        purpose: Purpose::Notify,
        channel: Channel::SealedMail,
        content: Sha256::digest(content(n)).into(),
        at: jiff::Timestamp::UNIX_EPOCH,
        basis: Basis {
            decision: "allow".into(),
            terms: vec![1, 7],
            reasons: vec!["recipient answers for it".into(), "agreement a-17".into()],
        },
    }
}

/// User and system seconds of this process so far, where the system tells.
fn cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(ticks as f64 / 100.0)
}

#[tokio::main]
async fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|text| text.parse::<usize>().ok());
    let (total, size) = (numbers.next().unwrap_or(300_000), numbers.next().unwrap_or(1000).max(1));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let home = Home::at(folder.path());
    let register = Register::create(&home).await.expect("a register");
    let key = LogKey::new(Signer::new("speed.example/log", KeyKind::Note, &[7; 32]).expect("a key"));
    let now = jiff::Timestamp::UNIX_EPOCH;
    let batches: Vec<Vec<(Release, Vec<u8>)>> =
        (0..total).step_by(size).map(|first| (first..total.min(first + size)).map(|n| (release(n), content(n))).collect()).collect();
    let (cpu, start) = (cpu_seconds(), Instant::now());
    for batch in batches {
        register.release(&key, batch, now).await.expect("released");
    }
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds().zip(cpu).map(|(after, before)| after - before));
    let bytes = std::fs::metadata(home.register()).map_or(0, |file| file.len());

    let policy = Policy::read(register.log_policy(0).await.expect("a policy").as_bytes()).expect("a policy");
    let mut receipts = Vec::new();
    for n in (0..total).step_by((total / 500).max(1)) {
        let start = Instant::now();
        let receipt = register.receipt(&release(n).id).await.expect("a receipt").expect("of what was released").to_string();
        receipts.push((receipt, start.elapsed().as_secs_f64()));
    }
    let made = receipts.iter().map(|(_, seconds)| seconds).sum::<f64>() / receipts.len() as f64;
    let mut times: Vec<f64> = Vec::new();
    for (receipt, _) in receipts.iter().cycle().take(2000) {
        let start = Instant::now();
        let proof = Proof::read(receipt.as_bytes()).expect("a receipt");
        let statement =
            Statement::read(std::str::from_utf8(proof.extra.as_deref().expect("a statement")).expect("text")).expect("a statement");
        proof.verify(leaf(&statement.entry()), &policy).expect("valid");
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    let start = Instant::now();
    let audit = register.audit_log(None, &mut |_| ()).await.expect("an audit");
    assert!(audit.faults.is_empty() && audit.entries == total as u64, "{audit:?}");
    let audited = start.elapsed().as_secs_f64();
    let per = |seconds: f64| (total as f64 / seconds).round();
    println!(
        "{{\"releases\": {total}, \"batch\": {size}, \"append_wall_s\": {wall:.3}, \"append_per_s\": {}, \"append_cpu_s\": {:.3}, \
         \"append_per_cpu_s\": {}, \"register_bytes_per_release\": {:.1}, \"receipt_make_ms\": {:.3}, \"receipt_verify_median_ms\": {:.4}, \
         \"receipt_verify_p99_ms\": {:.4}, \"audit_wall_s\": {audited:.3}, \"audit_per_s\": {}}}",
        per(wall),
        cpu.unwrap_or(0.0),
        cpu.filter(|cpu| *cpu > 0.0).map_or(0.0, per),
        bytes as f64 / total as f64,
        made * 1e3,
        times[times.len() / 2] * 1e3,
        times[times.len() * 99 / 100] * 1e3,
        per(audited),
    );
}
