//! Asking: does every way to ask give what a plain walk over all events gives?

mod story;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Value, json};
use story::{Dice, Home, RECEIVED, Told};

const MD5: &str = "0123456789abcdef0123456789abcdef";

/// Ninety days of events of every kind that can be looked up, and all of them as a walk sees them.
static HOME: LazyLock<(Home, Vec<Value>)> = LazyLock::new(|| {
    let home = Home::new();
    let mut dice = Dice(5);
    for file in 0..6 {
        let lines: Vec<String> = (0..400)
            .map(|n| {
                let (month, day) = (1 + dice.below(3), 1 + dice.below(28));
                let time = format!("2026-{month:02}-{day:02}T{:02}:{:02}:{:02}+00:00", dice.below(24), dice.below(60), dice.below(60));
                let kind = ["scanner", "c2-server", "phishing", "infected-system"][dice.below(4) as usize];
                let mut event = json!({"time.source": time, "classification.type": kind, "extra.n": file * 1000 + n});
                if dice.below(8) > 0 {
                    event["source.ip"] = ip(&mut dice).into();
                }
                if dice.below(3) == 0 {
                    event["destination.ip"] = ip(&mut dice).into();
                    if dice.below(4) == 0 {
                        event["source.ip"] = event["destination.ip"].clone();
                    }
                }
                let domain = ["bad.example.com", "example.com", "notexample.com", "www.shop.co.uk", "shop.co.uk", "other.jp"]
                    [dice.below(6) as usize];
                match dice.below(5) {
                    0 => event["source.fqdn"] = domain.into(),
                    1 => event["source.reverse_dns"] = domain.into(),
                    2 => event["destination.fqdn"] = domain.into(),
                    3 => event["source.url"] = format!("http://{domain}/{}?to=example.com", dice.below(5)).into(),
                    _ => {}
                }
                match dice.below(12) {
                    0 => event["malware.hash.md5"] = MD5.into(),
                    1 => event["malware.hash.sha256"] = format!("{MD5}{MD5}").into(),
                    2 => event["extra.account"] = "alice@example.com".into(),
                    3 => event["extra.account"] = "malice@example.com".into(),
                    4 => event["extra.note"] = "written by Alice@Example.com.".into(),
                    5 => event["extra.account"] = "alice@example.com.evil.net".into(),
                    _ => {}
                }
                if dice.below(2) == 0 {
                    event["source.geolocation.cc"] = ["JP", "DE", "BR"][dice.below(3) as usize].into();
                    event["source.asn"] = (64_500 + dice.below(4)).into();
                }
                event.to_string()
            })
            .collect();
        home.write(&format!("in/{file}.jsonl"), lines.join("\n") + "\n");
        // One file at a time: many segments.
        let told = home.json(&["ingest", "--received", RECEIVED, "--format", "intelmq", "--feed", "mixed", &format!("in/{file}.jsonl")]);
        assert_eq!(story::counts(&told), [400, 400, 0, 0], "{told}");
    }
    let all = home.rows("SELECT * FROM events");
    assert_eq!(all.len(), 2400);
    (home, all)
});

fn ip(dice: &mut Dice) -> String {
    match dice.below(6) {
        0 => format!("2001:db8:{:x}::{:x}", dice.below(3), dice.below(6)),
        1 => format!("2001:db8:0:{:x}:{:x}:0:0:1", dice.below(3), dice.below(3)),
        2 => format!("203.0.113.{}", dice.below(256)),
        3 => format!("192.0.{}.{}", dice.below(4), dice.below(12)),
        _ => format!("198.{}.{}.{}", 18 + dice.below(2), dice.below(256), dice.below(256)),
    }
}

/// The plain walk.
fn walk(keep: impl Fn(&Value) -> bool) -> BTreeSet<String> {
    HOME.1.iter().filter(|event| keep(event)).map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

fn asked(condition: &str) -> BTreeSet<String> {
    HOME.0.rows(&format!("SELECT id FROM events WHERE {condition}")).iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

fn inside(ip: &Value, network: &str) -> bool {
    let Some(ip) = ip.as_str().map(|ip| ip.parse::<IpAddr>().unwrap()) else { return false };
    let (base, length) = network.split_once('/').unwrap();
    let length: u32 = length.parse().unwrap();
    match (ip, base.parse::<IpAddr>().unwrap()) {
        (IpAddr::V4(ip), IpAddr::V4(base)) => length == 0 || (ip.to_bits() ^ base.to_bits()) >> (32 - length) == 0,
        (IpAddr::V6(ip), IpAddr::V6(base)) => length == 0 || (ip.to_bits() ^ base.to_bits()) >> (128 - length) == 0,
        _ => false,
    }
}

const NETWORKS: &[&str] = &[
    "0.0.0.0/0",
    "::/0",
    "203.0.113.0/24",
    "203.0.113.128/25",
    "203.0.113.8/30",
    "203.0.113.77/32",
    "198.18.0.0/15",
    "198.0.0.0/8",
    "192.0.2.0/23",
    "192.0.0.0/22",
    "2001:db8::/32",
    "2001:db8:1::/48",
    "2001:db8::/47",
    "2001:db8::/64",
    "2001:db8:0:1::/64",
    "2001:db8:0:1:2::/80",
    "2001:db8:2::5/128",
    "10.0.0.0/8",
];

#[test]
fn in_network_finds_what_a_walk_finds_in_both_families() {
    for network in NETWORKS {
        assert_eq!(asked(&format!("in_network(source_ip, '{network}')")), walk(|e| inside(&e["source_ip"], network)), "{network}");
        let both = asked(&format!("in_network(source_ip, '{network}') OR in_network(destination_ip, '{network}')"));
        assert_eq!(both, walk(|e| inside(&e["source_ip"], network) || inside(&e["destination_ip"], network)), "{network}");
        let not = asked(&format!("source_ip IS NOT NULL AND NOT in_network(source_ip, '{network}')"));
        assert_eq!(not, walk(|e| e["source_ip"].is_string() && !inside(&e["source_ip"], network)), "{network}");
        let by_type = asked(&format!("in_network(source_ip, '{network}') AND type = 'scanner' AND time >= '2026-02-01'"));
        let later = |e: &Value| e["time"].as_str().unwrap() >= "2026-02-01";
        assert_eq!(by_type, walk(|e| inside(&e["source_ip"], network) && e["type"] == "scanner" && later(e)), "{network}");
    }
    let told = HOME.0.run(&["query", "SELECT * FROM events WHERE in_network(source_ip, '203.0.113.0/240')"]);
    assert!(told.code == Some(1) && told.err.contains("203.0.113.0/240"), "{}", told.err);
}

#[test]
fn network_and_registered_domain_answer_per_row() {
    let rows = HOME
        .0
        .rows("SELECT source_ip, network(source_ip, 24) AS net, network(source_ip, 48) AS six FROM events WHERE source_ip IS NOT NULL");
    for row in &rows {
        let six = row["source_ip"].as_str().unwrap().contains(':');
        let net = row[if six { "six" } else { "net" }].as_str().unwrap();
        assert!(inside(&row["source_ip"], net) && net.ends_with(if six { "/48" } else { "/24" }), "{row}");
    }
    let rows = HOME.0.rows("SELECT DISTINCT source_fqdn AS name, registered_domain(source_fqdn) AS domain FROM events WHERE source_fqdn IS NOT NULL ORDER BY 1");
    let pairs: Vec<(&str, &str)> = rows.iter().map(|r| (r["name"].as_str().unwrap(), r["domain"].as_str().unwrap())).collect();
    let expected = [
        ("bad.example.com", "example.com"),
        ("example.com", "example.com"),
        ("notexample.com", "notexample.com"),
        ("other.jp", "other.jp"),
        ("shop.co.uk", "shop.co.uk"),
        ("www.shop.co.uk", "shop.co.uk"),
    ];
    assert_eq!(pairs, expected);
}

#[test]
fn addresses_are_text_that_compares_and_lists_as_text() {
    for ip in ["203.0.113.7", "2001:db8:1::2", "2001:db8::1:1:0:0:1", "192.0.1.5", "nothing"] {
        assert_eq!(asked(&format!("source_ip = '{ip}'")), walk(|e| e["source_ip"] == ip), "{ip}");
        assert_eq!(asked(&format!("'{ip}' = source_ip")), walk(|e| e["source_ip"] == ip), "{ip}");
        assert_eq!(asked(&format!("source_ip <> '{ip}'")), walk(|e| e["source_ip"].is_string() && e["source_ip"] != ip), "{ip}");
        assert_eq!(asked(&format!("source_ip >= '{ip}'")), walk(|e| e["source_ip"].as_str().is_some_and(|s| s >= ip)), "{ip}");
        assert_eq!(asked(&format!("destination_ip = '{ip}'")), walk(|e| e["destination_ip"] == ip), "{ip}");
    }
    let list = ["203.0.113.7", "192.0.1.5", "2001:db8:1::2"];
    assert_eq!(asked("source_ip IN ('203.0.113.7', '192.0.1.5', '2001:db8:1::2')"), walk(|e| list.iter().any(|ip| e["source_ip"] == *ip)));
    assert_eq!(
        asked("source_ip NOT IN ('203.0.113.7', '192.0.1.5')"),
        walk(|e| e["source_ip"].is_string() && !list[..2].iter().any(|ip| e["source_ip"] == *ip))
    );
    assert_eq!(asked("source_ip = '203.0.113.7' OR source_ip = '192.0.1.5'"), walk(|e| list[..2].iter().any(|ip| e["source_ip"] == *ip)));
    assert_eq!(asked("source_ip = '203.0.113.7' AND source_ip = '192.0.1.5'"), BTreeSet::new());
    assert_eq!(asked("source_ip IN ('203.0.113.7', '192.0.1.5') AND source_ip = '192.0.1.5'"), walk(|e| e["source_ip"] == "192.0.1.5"));
    assert_eq!(
        asked("source_ip IN ('203.0.113.7', '192.0.1.5') AND source_ip IN ('192.0.1.5', '192.0.1.6')"),
        walk(|e| e["source_ip"] == "192.0.1.5")
    );
    assert_eq!(asked("source_ip LIKE '203.0.113.%'"), walk(|e| inside(&e["source_ip"], "203.0.113.0/24")));
    assert_eq!(asked("source_ip IS NULL"), walk(|e| e["source_ip"].is_null()));
    assert_eq!(
        asked("source_ip > '2' AND source_ip > '203.0.113.5'"),
        walk(|e| e["source_ip"].as_str().is_some_and(|s| s > "203.0.113.5"))
    );
    assert_eq!(
        asked("source_ip > '203.0.113.5' AND source_ip > '2'"),
        walk(|e| e["source_ip"].as_str().is_some_and(|s| s > "203.0.113.5"))
    );
    let id = HOME.1[17]["id"].as_str().unwrap();
    assert_eq!(asked(&format!("id = '{id}'")), BTreeSet::from([id.to_owned()]));
}

#[test]
fn distinct_counts_beside_other_aggregates_are_right() {
    let mut expected: BTreeMap<String, (i64, BTreeSet<&str>, BTreeSet<&str>)> = BTreeMap::new();
    for event in &HOME.1 {
        let entry = expected.entry(event["type"].as_str().unwrap().to_owned()).or_default();
        entry.0 += 1;
        entry.1.extend(event["source_ip"].as_str());
        entry.2.extend(event["destination_ip"].as_str());
    }
    let rows = HOME.0.rows(
        "SELECT type, count(*) AS n, count(DISTINCT source_ip) AS sources, count(DISTINCT destination_ip) AS destinations, min(time) AS first FROM events GROUP BY type ORDER BY type",
    );
    assert_eq!(rows.len(), expected.len());
    for (row, (kind, (n, sources, destinations))) in rows.iter().zip(&expected) {
        assert_eq!(
            (row["type"].as_str(), row["n"].as_i64(), row["sources"].as_u64(), row["destinations"].as_u64()),
            (Some(kind.as_str()), Some(*n), Some(sources.len() as u64), Some(destinations.len() as u64))
        );
    }
    let stats = HOME.0.ok(&["--json", "stats", "--by", "class"]).lines();
    for row in &stats {
        let (n, sources, _) = &expected[row["type"].as_str().unwrap()];
        assert_eq!((row["events"].as_i64(), row["addresses"].as_u64()), (Some(*n), Some(sources.len() as u64)), "{row}");
    }
    let by_day = HOME.0.ok(&["--json", "stats", "--by", "day", "--by", "country", "--limit", "100000"]).lines();
    assert_eq!(by_day.iter().map(|row| row["events"].as_i64().unwrap()).sum::<i64>(), 2400);
}

#[test]
fn conditions_on_time_give_what_a_walk_gives_however_they_are_written() {
    let time = |event: &Value| event["time"].as_str().unwrap()[..19].to_owned();
    let (low, high) = ("2026-01-15T12:00:00", "2026-02-10T00:00:00");
    let at_least = walk(|e| time(e).as_str() >= low);
    for condition in [
        "time >= timestamp '2026-01-15T12:00:00Z'",
        "time >= '2026-01-15T12:00:00Z'",
        "time >= '2026-01-15 12:00:00'",
        "timestamp '2026-01-15T12:00:00Z' <= time",
        "NOT time < timestamp '2026-01-15T12:00:00Z'",
        "time >= arrow_cast('2026-01-15T12:00:00', 'Timestamp(Second, Some(\"UTC\"))')",
        "time >= to_timestamp('2026-01-15T12:00:00Z')",
        "time >= timestamp '2026-01-15T21:00:00+09:00'",
    ] {
        assert_eq!(asked(condition), at_least, "{condition}");
    }
    let between = walk(|e| time(e).as_str() >= low && time(e).as_str() < high);
    for condition in [
        "time >= timestamp '2026-01-15T12:00:00Z' AND time < timestamp '2026-02-10T00:00:00Z'",
        "time < '2026-02-10' AND time >= '2026-01-15T12:00:00' AND time >= '2026-01-01'",
        "time BETWEEN timestamp '2026-01-15T12:00:00Z' AND timestamp '2026-02-09T23:59:59.999999Z'",
        "time > timestamp '2026-01-15T11:59:59.999999Z' AND NOT (time >= timestamp '2026-02-10T00:00:00Z')",
    ] {
        assert_eq!(asked(condition), between, "{condition}");
    }
    let one_day = walk(|e| time(e).starts_with("2026-02-03"));
    for condition in [
        "date_trunc('day', time) = timestamp '2026-02-03T00:00:00Z'",
        "CAST(time AS DATE) = DATE '2026-02-03'",
        "time::date = '2026-02-03'",
    ] {
        assert_eq!(asked(condition), one_day, "{condition}");
    }
    let exact = HOME.1[3]["time"].as_str().unwrap();
    assert_eq!(asked(&format!("time = timestamp '{exact}'")), walk(|e| e["time"] == exact));
    assert_eq!(asked("time < timestamp '2000-01-01T00:00:00Z'"), BTreeSet::new());
    assert_eq!(
        asked("time > timestamp '2026-03-01T00:00:00Z' OR source_ip = '203.0.113.7'"),
        walk(|e| time(e).as_str() > "2026-03-01T00:00:00" || e["source_ip"] == "203.0.113.7")
    );
    let events = HOME
        .0
        .ok(&["--json", "events", "--since", "2026-01-15T12:00:00Z", "--until", "2026-02-10", "--columns", "id", "--limit", "100000"])
        .lines();
    assert_eq!(events.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>(), between);
    let narrow = HOME
        .0
        .ok(&[
            "--json",
            "events",
            "--network",
            "198.18.0.0/15",
            "--country",
            "jp",
            "--class",
            "scanner",
            "--asn",
            "AS64501",
            "--columns",
            "id",
        ])
        .lines();
    let expected = walk(|e| {
        inside(&e["source_ip"], "198.18.0.0/15") && e["source_country"] == "JP" && e["type"] == "scanner" && e["source_asn"] == 64_501
    });
    assert_eq!(narrow.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>(), expected);
}

#[test]
fn a_lookup_finds_what_a_walk_finds() {
    let ends = ["source", "destination"];
    let is_ip = |ip: &'static str| move |e: &Value| ends.iter().any(|end| e[format!("{end}_ip")] == ip);
    let in_net = |network: &'static str| move |e: &Value| ends.iter().any(|end| inside(&e[format!("{end}_ip")], network));
    let domain = |name: &'static str| {
        move |e: &Value| {
            let under = |host: &str| host == name || host.ends_with(&format!(".{name}"));
            let url_host = |url: &str| url.split('/').nth(2).unwrap().to_owned();
            ends.iter().any(|end| {
                e[format!("{end}_fqdn")].as_str().is_some_and(under)
                    || e[format!("{end}_reverse_dns")].as_str().is_some_and(under)
                    || e[format!("{end}_url")].as_str().is_some_and(|url| under(&url_host(url)))
            })
        }
    };
    let url = |url: &'static str| move |e: &Value| ends.iter().any(|end| e[format!("{end}_url")] == url);
    let extra = |keep: fn(&str) -> bool| move |e: &Value| e["extra"].as_str().is_some_and(keep);
    type Keep = Box<dyn Fn(&Value) -> bool>;
    let cases: Vec<(&str, Keep)> = vec![
        ("203.0.113.7", Box::new(is_ip("203.0.113.7"))),
        ("192.0.1.5", Box::new(is_ip("192.0.1.5"))),
        ("192[.]0[.]1[.]6", Box::new(is_ip("192.0.1.6"))),
        ("2001:db8:1::2", Box::new(is_ip("2001:db8:1::2"))),
        ("2001:0db8:0001::0002", Box::new(is_ip("2001:db8:1::2"))),
        ("10.9.8.7", Box::new(is_ip("10.9.8.7"))),
        ("203.0.113.0/24", Box::new(in_net("203.0.113.0/24"))),
        ("192.0.2.0/23", Box::new(in_net("192.0.2.0/23"))),
        ("2001:db8::/47", Box::new(in_net("2001:db8::/47"))),
        ("2001:db8:0:1::/64", Box::new(in_net("2001:db8:0:1::/64"))),
        ("example.com", Box::new(domain("example.com"))),
        ("bad[.]example.com", Box::new(domain("bad.example.com"))),
        ("Shop.co.uk", Box::new(domain("shop.co.uk"))),
        ("http://other.jp/3?to=example.com", Box::new(url("http://other.jp/3?to=example.com"))),
        ("hxxp://other[.]jp/3?to=example.com", Box::new(url("http://other.jp/3?to=example.com"))),
        (MD5, Box::new(extra(|text| text.contains(&format!("\"{MD5}\""))))),
        ("0123456789ABCDEF0123456789ABCDEF", Box::new(extra(|text| text.contains(&format!("\"{MD5}\""))))),
        (
            "alice@example.com",
            Box::new(extra(|text| text.contains("\"alice@example.com\"") || text.contains("written by Alice@Example.com.\""))),
        ),
    ];
    for (value, keep) in cases {
        let expected = walk(&*keep);
        let told = HOME.0.json(&["lookup", "--limit", "100000", value]);
        let found: Vec<&str> = told["newest"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap()).collect();
        let distinct: BTreeSet<String> = found.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!(distinct, expected, "{value}");
        assert_eq!((told["events"].as_u64(), found.len()), (Some(expected.len() as u64), expected.len()), "{value} is counted twice");
        assert_eq!(value == "10.9.8.7", expected.is_empty(), "{value} proves nothing");
        let times = HOME.1.iter().filter(|e| keep(e)).filter_map(|e| e["time"].as_str());
        assert_eq!((told["first_seen"].as_str(), told["last_seen"].as_str()), (times.clone().min(), times.max()), "{value}");
    }
}

#[test]
fn answers_come_as_csv_json_parquet_or_a_table() {
    let home = &HOME.0;
    let sql = "SELECT source_ip, count(*) AS n, max(time) AS last FROM events WHERE source_ip LIKE '203.%' GROUP BY 1 ORDER BY 1";
    let json = home.ok(&["query", "--format", "json", sql]).lines();
    let csv = home.ok(&["query", "--format", "csv", sql]).out;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "source_ip,n,last");
    assert_eq!(lines.len(), json.len() + 1);
    for (line, row) in lines[1..].iter().zip(&json) {
        assert_eq!(*line, format!("{},{},{}", row["source_ip"].as_str().unwrap(), row["n"], row["last"].as_str().unwrap()));
    }
    let table = home.ok(&["query", sql]).out;
    assert_eq!(table.lines().count(), json.len() + 2);
    assert!(table.lines().next().unwrap().contains("source_ip"));
    for name in ["rows.parquet", "rows.csv", "rows.jsonl"] {
        home.ok(&["query", "-o", name, sql]);
    }
    assert_eq!(fs::read_to_string(home.beside("rows.csv")).unwrap(), csv);
    assert_eq!(fs::read_to_string(home.beside("rows.jsonl")).unwrap().lines().count(), json.len());
    let file = fs::File::open(home.beside("rows.parquet")).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), json.len() as i64);
    let piped = home.ok(&["query", "--format", "parquet", sql]).bytes;
    assert!(piped.starts_with(b"PAR1") && piped.ends_with(b"PAR1"));
    // No rows is an answer too.
    let none = "SELECT source_ip, time FROM events WHERE false";
    assert_eq!(home.ok(&["query", "--format", "csv", none]).out, "source_ip,time\n");
    assert_eq!(home.ok(&["query", "--format", "json", none]).out, "");
    assert_eq!(home.ok(&["query", none]).out, "(no rows)\n");
}

#[test]
fn a_question_cannot_change_anything() {
    let home = &HOME.0;
    for sql in [
        "CREATE TABLE mine AS SELECT 1",
        "DROP TABLE events",
        "DROP VIEW events",
        "INSERT INTO events SELECT * FROM events",
        "DELETE FROM events",
        "UPDATE events SET source_ip = '::1'",
        "TRUNCATE TABLE events",
        "COPY (SELECT 1) TO 'out.csv'",
        "SET datafusion.execution.batch_size = 1",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "CREATE VIEW v AS SELECT 1",
        "EXPLAIN ANALYZE INSERT INTO events SELECT * FROM events",
    ] {
        let told = home.run(&["query", sql]);
        assert_eq!((told.code, told.out.as_str()), (Some(1), ""), "{sql}: {}", told.err);
        assert!(told.err.starts_with("musubi: ") && told.err.len() < 400, "{sql}: {}", told.err);
    }
    assert!(!home.beside("out.csv").exists());
    assert_eq!(home.events(), 2400);
}

#[test]
fn wrong_sql_fails_and_says_where() {
    for (sql, place) in [
        ("SELECT * FORM events", "Column"),
        ("SELECT count(* FROM events", "Column"),
        ("SELECT colour FROM events", "colour"),
        ("SELECT * FROM incidents", "incidents"),
        ("SELECT in_networks(source_ip, '10.0.0.0/8') FROM events", "in_networks"),
        ("", "No SQL statements"),
        ("SELECT 1; SELECT 2", "single SQL statement"),
    ] {
        let told = HOME.0.run(&["query", sql]);
        assert_eq!(told.code, Some(1), "{sql}");
        assert!(told.err.contains(place), "{sql}: {}", told.err);
        assert_eq!(told.err.lines().count(), told.err.lines().collect::<BTreeSet<_>>().len(), "{sql}: {}", told.err);
    }
}

/// A shell that finds the binary as `musubi`.
fn shell(home: &Home, line: &str) -> Told {
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_musubi")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command
        .args(["-c", line])
        .current_dir(home.beside("in"))
        .env("PATH", path)
        .env("MUSUBI_HOME", home.root())
        .env("HOME", home.beside(""));
    Told::of(command.output().unwrap())
}

#[test]
fn a_reader_that_has_enough_ends_the_answer_quietly() {
    for line in [
        "musubi query 'SELECT * FROM events' | head -1",
        "musubi --json query 'SELECT * FROM events' | head -1",
        "musubi query --format csv 'SELECT * FROM events' | head -1",
        "musubi events --limit 100000 --columns '*' | head -1",
        "musubi --json lookup --limit 100000 0.0.0.0/0 | head -c 1",
        "musubi read --format intelmq . | head -1",
    ] {
        let told = shell(&HOME.0, &format!("set -o pipefail; {line}"));
        assert_eq!((told.code, told.err.as_str()), (Some(0), ""), "{line}");
        assert!(!told.out.is_empty(), "{line}");
    }
}

/// Commands below `prefix`, deepest first.
fn commands(home: &Home, prefix: &str, found: &mut Vec<String>) {
    let help = shell(home, &format!("musubi {prefix} --help"));
    assert_eq!(help.code, Some(0), "musubi {prefix} --help: {}", help.err);
    let listed = help.out.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    for name in listed.filter(|line| line.starts_with("  ") && !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next()) {
        commands(home, format!("{prefix} {name}").trim(), found);
    }
    found.push(prefix.to_owned());
}

/// Commands whose example names a table, release, notice, witness or file of somebody else's.
const NAMES_NOTHING_HERE: [&str; 27] = [
    "case merge",
    "feed",
    "feed publish",
    "collection import",
    "peer add",
    "peer pull",
    "peer push",
    "peer remove",
    "peer receipts",
    "token certificate",
    "token revoke",
    "feed pull",
    "log policy",
    "log export",
    "takedown withdraw",
    "tables remove",
    "log show",
    "log cosign",
    "log request",
    "log checkpoint",
    "receipt make",
    "receipt verify",
    "witness add-checkpoint",
    "notice cancel",
    "notice release",
    "notice answers",
    "notice preview",
];

#[test]
fn every_example_of_help_works_as_typed() {
    let home = Home::new();
    home.ok(&["demo", "--no-serve"]);
    home.write("in/2026-03-25-scan_ssh.csv", story::ssh(0..5));
    let mut found = Vec::new();
    commands(&home, "", &mut found);
    assert!(found.len() > 18, "{found:?}");
    let (mut tried, mut wrong) = (0, Vec::new());
    for command in &found {
        let help = shell(&home, &format!("musubi {command} --help")).out;
        // One example, which may be wrapped.
        let example: Vec<&str> =
            help.lines().skip_while(|line| !line.starts_with("Example")).skip(1).map(str::trim).filter(|line| !line.is_empty()).collect();
        let example = (!example.is_empty()).then(|| example.join(" "));
        let is_group = help.contains("\nCommands:\n");
        assert!(example.is_some() || is_group, "musubi {command} --help ends without an example");
        if let Some(example) = example {
            // Only the folder for other people's files is another; examples write to /tmp.
            let line = example.replace("/tmp/", &format!("{}/", home.beside("").display()).replace("//", "/"));
            let told = match command.as_str() {
                // These need an empty home.
                "demo" | "" => {
                    let empty = Home::new();
                    empty.write("in/nothing", "");
                    shell(&empty, &line)
                }
                // It serves until somebody ends it, and ends well; the port of the example may be in use.
                "serve" => shell(&home, &format!("timeout --preserve-status 5 {}", line.replace(":8080", ":0"))),
                _ => shell(&home, &line),
            };
            tried += 1;
            if NAMES_NOTHING_HERE.contains(&command.as_str()) {
                // Names what nobody has made here: the message is what can be tried. Of the log, what an example before has made.
                if !matches!(told.code, Some(0..=2)) || told.err.contains("panicked") {
                    wrong.push(format!("{line}: {:?} {}{}", told.code, told.out, told.err));
                }
                continue;
            }
            if told.code != Some(0) || told.out.is_empty() {
                wrong.push(format!("{line}: {:?} {}{}", told.code, told.out, told.err));
            }
        }
    }
    assert!(tried > 16, "{tried}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
