//! How large is a table of all announced networks, how soon is it there, how quickly does it answer?
//!
//! ```text
//! cargo run --release -p casework --example lookup_speed -- asn-ipv4.csv.gz asn-ipv6.csv.gz
//! ```
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::print_stdout, reason = "a measurement needs a clock and files")]

use std::fs::File;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Instant;

use casework::enrich::{Builder, Origin, Table, Tables, builtin, enrich};
use casework::model::event::Event;
use flate2::read::GzDecoder;
use formats::address_table::{Entry, Layout, Range, Row, read};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let paths: Vec<_> = std::env::args().skip(1).collect();
    timed("built-in country table, first use", builtin::country_table);
    println!("  {} bytes in memory", builtin::country_table().size_bytes());

    let mut ranges = Vec::new();
    let table = timed("read and build", || -> Result<_, Box<dyn std::error::Error>> {
        let mut builder = Builder::new(Origin::default());
        for path in &paths {
            read(Layout::Ranges, GzDecoder::new(File::open(path)?), &mut |entry| {
                let Ok(entry) = entry else { return };
                builder.add(&entry);
                if let Entry::Addresses(row) = entry {
                    ranges.push(row.range);
                }
            })?;
        }
        Ok(builder.build())
    })?;
    let table = reloaded(&table);
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let any_v4: Vec<IpAddr> = (0..4 << 20).map(|_| Ipv4Addr::from_bits(chance.next() as u32).into()).collect();
    let held = |v4: bool, chance: &mut Chance| -> Vec<IpAddr> {
        let ranges: Vec<_> = ranges.iter().filter(|r| r.first().is_ipv4() == v4).collect();
        (0..4 << 20).filter_map(|_| Some(ranges.get(chance.next() as usize % ranges.len().max(1))?.first())).collect()
    };
    let (held_v4, held_v6) = (held(true, &mut chance), held(false, &mut chance));
    // A day of reports comes in runs: a scan of a network, a file sorted by address.
    let mut near = held_v4.clone();
    near.chunks_mut(64).for_each(|run| run.fill(run[0]));
    let tables = Tables::new(vec![Arc::new(table)]);
    let table = tables.iter().next().ok_or("no table")?;
    for (name, addresses) in [("any IPv4", &any_v4), ("announced IPv4", &held_v4), ("IPv4 in runs", &near), ("announced IPv6", &held_v6)] {
        per_call(&format!("one table, {name}"), addresses, |ip| black_box(table.lookup(ip)).asn.is_some());
        per_call(&format!("all tables, {name}"), addresses, |ip| black_box(tables.lookup(ip)).country.is_some());
        per_call(&format!("enrich both ends, {name}"), addresses, |ip| {
            let mut event = Event::default();
            (event.source.ip, event.destination.ip) = (Some(ip), addresses.first().copied());
            black_box(enrich(&mut event, &tables)).source.asn.is_some()
        });
    }

    println!("\na full routing table with a gap behind every range:");
    let mut builder = Builder::new(Origin::default());
    for n in 0..1_300_000_u32 {
        let (asn, name) = (1 + n % 85_000, format!("EXAMPLE-{} Example Networks Ltd.", n % 85_000));
        let range = if n < 1_000_000 {
            let first = 0x0100_0000 + n * 3_500;
            Range::new(Ipv4Addr::from_bits(first).into(), Ipv4Addr::from_bits(first + 1_023).into())
        } else {
            let first = (0x2400 << 112) + (u128::from(n - 1_000_000) << 88);
            Range::new(Ipv6Addr::from_bits(first).into(), Ipv6Addr::from_bits(first | ((1 << 80) - 1)).into())
        };
        let row = Row { range: range.ok_or("a range")?, asn: Some(asn), as_name: Some(&name), country: None };
        builder.add(&Entry::Addresses(row));
    }
    let full = reloaded(&timed("build", || builder.build()));
    per_call("one table, any IPv4", &any_v4, |ip| black_box(full.lookup(ip)).asn.is_some());
    Ok(())
}

fn reloaded(table: &Table) -> Table {
    let image = timed("to_bytes", || table.to_bytes());
    println!("  {} rows, {} bytes in memory, {} bytes as a file", table.about().rows, table.size_bytes(), image.len());
    timed("from_bytes", || Table::from_bytes(&image)).expect("it was just written")
}

fn timed<T>(what: &str, act: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = act();
    println!("{what}: {:.2} ms", start.elapsed().as_secs_f64() * 1e3);
    done
}

fn per_call(what: &str, addresses: &[IpAddr], mut ask: impl FnMut(IpAddr) -> bool) {
    if addresses.is_empty() {
        return;
    }
    // The median of many short runs: what else the machine does in between is not counted.
    let mut each = Vec::new();
    let mut answered = 0;
    for run in addresses.chunks(4_096) {
        let start = Instant::now();
        answered += run.iter().filter(|ip| ask(**ip)).count();
        each.push(start.elapsed().as_secs_f64() / run.len() as f64);
    }
    each.sort_by(f64::total_cmp);
    let median = each[each.len() / 2];
    println!("{what}: {:.1} ns, {:.1} M/s, {}% answered", median * 1e9, 1e-6 / median, 100 * answered / addresses.len());
}

/// xorshift64*: the same addresses in every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }
}
