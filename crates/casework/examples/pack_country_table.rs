//! Makes `data/country.bin` and the dated part of `data/country.toml` from two tables of ip-location-db.
//!
//! ```text
//! cargo run --release -p casework --example pack_country_table -- asn-country-ipv4.csv.gz asn-country-ipv6.csv.gz crates/casework/data/country.bin
//! ```
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "a tool for those who build, not a part of the program"
)]

use std::fs::File;

use casework::enrich::{Builder, Origin, builtin};
use flate2::read::GzDecoder;
use formats::address_table::{Layout, read};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [v4, v6, to] = &std::env::args().skip(1).collect::<Vec<_>>()[..] else {
        return Err("usage: pack_country_table IPV4.csv.gz IPV6.csv.gz OUT.bin".into());
    };
    let mut builder = Builder::new(Origin::default());
    for path in [v4, v6] {
        let mut bad = Vec::new();
        let summary = read(Layout::Ranges, GzDecoder::new(File::open(path)?), &mut |entry| match entry {
            Ok(entry) => builder.add(&entry),
            Err(rejected) => bad.push(rejected),
        })?;
        println!("{path}: {} rows, {} rejected {:?}", summary.rows, summary.rejected, bad.first());
    }
    let packed = builtin::pack(&builder.build()).ok_or("not a table of countries alone")?;
    println!("{to}: {} bytes", packed.len());
    std::fs::write(to, packed)?;
    Ok(())
}
