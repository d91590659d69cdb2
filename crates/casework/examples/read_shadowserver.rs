//! How fast are Shadowserver reports read? Rows per CPU-second from CSV to events.
//!
//! ```text
//! cargo run --release -p casework --example read_shadowserver -- --generate 1000000 > 2026-03-23-event4_sinkhole-bench.csv
//! cargo run --release -p casework --example read_shadowserver -- 2026-03-23-event4_sinkhole-bench.csv
//! ```
//!
//! Each file is read three times: only split into fields, made into events, made into events with their identity.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::print_stdout, reason = "a measuring program reads files and prints")]

use std::fs::File;
use std::io::{BufWriter, Read, Write};

use casework::model::event::Event;
use casework::model::identity::Identifier;
use casework::observe::shadowserver::Shadowserver;
use casework::observe::{Context, Drift, Head, Knowledge, Position, Sink, Source, Stop};
use formats::csv::{Dialect, Records};

/// Counts, and computes identities when asked to.
#[derive(Default)]
struct Count {
    events: u64,
    rejections: u64,
    identifier: Option<Identifier>,
    /// Keeps the work from being optimised away.
    sum: u64,
}

impl Sink for Count {
    fn event(&mut self, _: Position, event: &mut Event<'_>) -> Result<(), Stop> {
        self.events += 1;
        self.sum = self.sum.wrapping_add(event.extra.finish().len() as u64);
        if let Some(identifier) = &mut self.identifier {
            self.sum ^= u64::from(identifier.identify(event, "bench").0[0]);
        }
        Ok(())
    }

    fn reject(&mut self, _: Position, _: String) -> Result<(), Stop> {
        self.rejections += 1;
        Ok(())
    }

    fn drift(&mut self, drift: Drift) {
        println!("drift: {drift:?}");
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--generate", rows] => generate(rows.parse()?, &mut BufWriter::new(std::io::stdout().lock()))?,
        [path] => measure(path)?,
        _ => return Err("usage: read_shadowserver --generate ROWS | read_shadowserver FILE".into()),
    }
    Ok(())
}

fn measure(path: &str) -> Result<(), Box<dyn std::error::Error>> {
    let mut first = vec![0; 65_536];
    let length = File::open(path)?.read(&mut first)?;
    first.truncate(length);
    let size = std::fs::metadata(path)?.len();

    let before = cpu_seconds()?;
    let mut records = Records::new(File::open(path)?, Dialect::default());
    let (mut rows, mut fields) = (0_u64, 0_usize);
    while let Some(record) = records.next()? {
        rows += 1;
        fields += record.len();
    }
    report("split", rows, size, cpu_seconds()? - before);
    println!("  {fields} fields, {} bytes a row", size / rows.max(1));

    for identifier in [None, Some(Identifier::default())] {
        let what = if identifier.is_some() { "events with identity" } else { "events" };
        let mut sink = Count { identifier, ..Count::default() };
        let head = Head { name: path, bytes: &first, whole: size == length as u64, media_type: None };
        let context = Context { head, feed: None, received: jiff::Timestamp::UNIX_EPOCH, knowledge: &Knowledge::default() };
        let before = cpu_seconds()?;
        Shadowserver.read(&mut File::open(path)?, &context, &mut sink)?;
        report(what, sink.events, size, cpu_seconds()? - before);
        println!("  {} rejected, check {}", sink.rejections, sink.sum);
    }
    Ok(())
}

fn report(what: &str, rows: u64, bytes: u64, seconds: f64) {
    let (rows_per_second, megabytes_per_second) = (rows as f64 / seconds, bytes as f64 / seconds / 1e6);
    println!("{what}: {rows} rows in {seconds:.3} CPU-s: {rows_per_second:.0} rows/CPU-s, {megabytes_per_second:.0} MB/CPU-s");
}

/// CPU time of this process, from the kernel's own count (Linux).
fn cpu_seconds() -> std::io::Result<f64> {
    // nanoseconds on a processor come first
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    Ok(text.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or_default() / 1e9)
}

const COLUMNS: &str = "timestamp,severity,protocol,src_ip,src_port,src_asn,src_geo,src_region,src_city,src_hostname,src_naics,src_sector,device_vendor,\
device_type,device_model,dst_ip,dst_port,dst_asn,dst_geo,dst_region,dst_city,dst_hostname,dst_naics,dst_sector,public_source,infection,family,tag,\
application,version,event_id,dst_network,dst_netmask,attack,duration,attack_src_ip,attack_src_port,domain,domain_transaction_id,gcip,http_method,\
http_path,http_postdata,http_usessl,ip_header_ack,ip_header_acknum";

/// Sinkhole events as Shadowserver writes them: text quoted, numbers not, most columns empty. Addresses are drawn from all of
/// 198.18.0.0/15 (RFC 2544), so that rows differ.
fn generate(rows: u64, out: &mut impl Write) -> std::io::Result<()> {
    let columns: Vec<&str> = COLUMNS.split(',').collect();
    writeln!(out, "{}", columns.iter().map(|column| format!("\"{column}\"")).collect::<Vec<_>>().join(","))?;
    let families =
        ["victorygate.b", "virut", "avalanche-andromeda", "mirai", "necurs", "m0yv", "ranbyus", "adload", "vpnfilter", "qsnatch"];
    let severities = ["critical", "high", "medium", "low", "info"];
    let mut state = 20_161_117_u64;
    let mut draw = |below: u64| {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    for _ in 0..rows {
        let second = draw(86_400);
        let time = format!("2026-03-23 {:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
        let address = draw(1 << 17);
        let source = format!("198.{}.{}.{}", 18 + (address >> 16), address >> 8 & 255, address & 255);
        let family = families[draw(10) as usize];
        let (port, asn, to) = (1024 + draw(64_000), 64_512 + draw(1023), [80, 443, 4455, 8080][draw(4) as usize]);
        for (at, column) in columns.iter().enumerate() {
            if at > 0 {
                out.write_all(b",")?;
            }
            match *column {
                "timestamp" => write!(out, "\"{time}\"")?,
                "severity" => write!(out, "\"{}\"", severities[draw(5) as usize])?,
                "protocol" => write!(out, "\"tcp\"")?,
                "src_ip" => write!(out, "\"{source}\"")?,
                "src_port" => write!(out, "{port}")?,
                "src_asn" => write!(out, "{asn}")?,
                "src_geo" => write!(out, "\"JP\"")?,
                "src_region" => write!(out, "\"TOKYO\"")?,
                "src_city" => write!(out, "\"CHIYODA\"")?,
                "src_naics" => write!(out, "517311")?,
                "src_sector" => write!(out, "\"Communications, Service Provider, and Hosting Service\"")?,
                "dst_ip" => write!(out, "\"203.0.113.{}\"", draw(250))?,
                "dst_port" => write!(out, "{to}")?,
                "dst_asn" => write!(out, "64511")?,
                "dst_geo" => write!(out, "\"US\"")?,
                "dst_region" => write!(out, "\"CALIFORNIA\"")?,
                "dst_city" => write!(out, "\"FREMONT\"")?,
                "dst_naics" => write!(out, "518210")?,
                "infection" | "family" => write!(out, "\"{family}\"")?,
                _ => write!(out, "\"\"")?,
            }
        }
        out.write_all(b"\n")?;
    }
    out.flush()
}
