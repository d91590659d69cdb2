//! Are Shadowserver reports read as everyone else reads them?
//!
//! Two oracles: pairs of a report and its events written by us (`testdata/shadowserver`), and, when the folder of shared
//! reports is there, what IntelMQ makes of real reports of 64 types, compared key by key.
#![allow(clippy::disallowed_methods, reason = "tests read their reports from files")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use casework::model::event::{Endpoint, Event, Severity};
use casework::model::field::INTELMQ_KEYS;
use casework::observe::shadowserver::Shadowserver;
use casework::observe::{Context, Drift, Head, Knowledge, Likelihood, Position, ReadError, Sink, Source, Stop};
use formats::shadowserver::Types;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// All that a report gave.
#[derive(Debug, Default)]
struct Read {
    events: Vec<(Position, Map<String, Value>)>,
    rejections: Vec<(Position, String)>,
    drifts: Vec<Drift>,
}

impl Sink for Read {
    fn event(&mut self, at: Position, event: &mut Event<'_>) -> Result<(), Stop> {
        self.events.push((at, intelmq(event)));
        Ok(())
    }

    fn reject(&mut self, at: Position, reason: String) -> Result<(), Stop> {
        self.rejections.push((at, reason));
        Ok(())
    }

    fn drift(&mut self, drift: Drift) {
        self.drifts.push(drift);
    }
}

/// The event in keys of the IntelMQ Data Format.
fn intelmq(event: &mut Event<'_>) -> Map<String, Value> {
    let mut all = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            all.insert(key.to_owned(), value);
        }
    };
    put("time.source", event.time.map(|time| json!(time.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string())));
    let end = |side: &str, end: &Endpoint<'_>, put: &mut dyn FnMut(&str, Option<Value>)| {
        put(&format!("{side}.ip"), end.ip.map(|ip| json!(ip.to_string())));
        put(&format!("{side}.port"), end.port.map(|port| json!(port)));
        put(&format!("{side}.asn"), end.asn.map(|asn| json!(asn)));
        put(&format!("{side}.as_name"), end.as_name.as_deref().map(|text| json!(text)));
        put(&format!("{side}.geolocation.cc"), end.country.map(|country| json!(country.as_str())));
        put(&format!("{side}.network"), end.network.map(|network| json!(network.to_string())));
        put(&format!("{side}.fqdn"), end.fqdn.as_deref().map(|text| json!(text)));
        put(&format!("{side}.url"), end.url.as_deref().map(|text| json!(text)));
        put(&format!("{side}.reverse_dns"), end.reverse_dns.as_deref().map(|text| json!(text)));
    };
    end("source", &event.source, &mut put);
    end("destination", &event.destination, &mut put);
    let text = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(|text| json!(text));
    put("protocol.transport", text(&event.transport));
    put("protocol.application", text(&event.application));
    put("classification.taxonomy", Some(json!(event.class.taxonomy())));
    put("classification.type", Some(json!(event.class.type_())));
    put("classification.identifier", text(&event.identifier));
    put("malware.name", text(&event.malware));
    put("product.vendor", text(&event.product_vendor));
    put("product.name", text(&event.product_name));
    put("product.version", text(&event.product_version));
    put("severity", event.severity.map(Severity::as_str).map(|text| json!(text)));
    if !event.extra.is_empty() {
        let extra: Map<String, Value> = serde_json::from_str(event.extra.finish()).unwrap();
        for (key, value) in extra {
            let key = if INTELMQ_KEYS.contains(&key.as_str()) { key } else { format!("extra.{key}") };
            assert!(all.insert(key.clone(), value).is_none(), "{key} is said twice");
        }
    }
    all
}

fn read_with(name: &str, bytes: &[u8], knowledge: &Knowledge) -> (Read, Result<(), ReadError>) {
    let head = Head { name, bytes: &bytes[..bytes.len().min(65_536)], whole: bytes.len() <= 65_536, media_type: None };
    let received = "2026-03-24T00:00:00Z".parse().unwrap();
    let mut read = Read::default();
    let result = Shadowserver.read(&mut &bytes[..], &Context { head, feed: None, received, knowledge }, &mut read);
    (read, result)
}

fn recognise(name: &str, bytes: &[u8]) -> Likelihood {
    Shadowserver.recognise(&Head { name, bytes, whole: true, media_type: None })
}

fn files(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(suffix))
        .collect();
    found.sort();
    found
}

/// Where we differ from the expectation, and why. Report, column key, expected and read value; `None` matches anything.
struct Difference {
    report: Option<&'static str>,
    key: &'static str,
    expected: Option<&'static str>,
    read: Option<&'static str>,
    #[allow(dead_code, reason = "for the reader of this list")]
    reason: &'static str,
}

const DIFFERENCES: &[Difference] = &[
    Difference {
        report: Some("blocklist.csv"),
        key: "classification.type",
        expected: Some("\"blacklist\""),
        read: Some("\"other\""),
        reason: "RSIT v1003 has no type blacklist; other/other with the identifier blacklisted-ip says the same",
    },
    Difference {
        report: Some("event4_honeypot_ddos_amp.csv"),
        key: "extra.end_time",
        expected: None,
        read: Some("absent"),
        reason: "the row gives no end time; IntelMQ invents one, the day on which it read the row",
    },
    Difference {
        report: Some("sandbox_dns.csv"),
        key: "extra.tag",
        expected: Some("\"\""),
        read: Some("absent"),
        reason: "an empty value says nothing; IntelMQ itself drops it in all other reports",
    },
];

fn allowed(report: &str, key: &str, expected: Option<&Value>, read: Option<&Value>) -> bool {
    let fits = |want: Option<&'static str>, value: Option<&Value>| {
        want.is_none_or(|want| value.map_or("absent".to_owned(), Value::to_string) == want)
    };
    DIFFERENCES.iter().any(|d| d.report.is_none_or(|r| r == report) && d.key == key && fits(d.expected, expected) && fits(d.read, read))
}

#[test]
fn real_reports_give_the_events_that_intelmq_gives() {
    let shared =
        std::env::var_os("MUSUBI_SHARED").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = shared.join("data/reports/shadowserver");
    if !folder.is_dir() {
        eprintln!("skipped: no shared reports in {} (set MUSUBI_SHARED)", folder.display());
        return;
    }
    let mut wrong = BTreeMap::<String, usize>::new();
    let (mut events, mut types) = (0, 0);
    for path in files(&folder, ".csv") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(recognise(&name, &bytes), Likelihood::Certain, "{name}");
        assert!(recognise("report.csv", &bytes) >= Likelihood::Likely, "{name} by its header");
        let (read, result) = read_with(&name, &bytes, &Knowledge::default());
        result.unwrap();
        assert_eq!(read.drifts, [], "{name}");
        assert_eq!(read.rejections, [], "{name}");
        let expected: Value = serde_json::from_slice(&std::fs::read(path.with_extension("expected.json")).unwrap()).unwrap();
        let expected = expected["events"].as_array().unwrap();
        types += 1;
        if name == "malware_url.csv" {
            // IntelMQ fails on these rows and loses them; there is nothing to compare with.
            assert_eq!((read.events.len(), expected.len()), (3, 0));
            continue;
        }
        assert_eq!(read.events.len(), expected.len(), "{name}");
        for ((at, mut ours), theirs) in read.events.into_iter().zip(expected) {
            events += 1;
            for (key, want) in theirs.as_object().unwrap() {
                if key.starts_with("feed.") || matches!(key.as_str(), "time.observation" | "raw" | "__type") {
                    continue;
                }
                let have = ours.remove(key);
                if have.as_ref() != Some(want) && !allowed(&name, key, Some(want), have.as_ref()) {
                    *wrong.entry(format!("{name} row {}: {key}: expected {want}, read {have:?}", at.row)).or_default() += 1;
                }
            }
            for (key, have) in ours {
                if !allowed(&name, &key, None, Some(&have)) {
                    *wrong.entry(format!("{name} row {}: {key}: not expected, read {have}", at.row)).or_default() += 1;
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} differences, the first:\n{:#?}", wrong.len(), wrong.keys().take(60).collect::<Vec<_>>());
    eprintln!("{events} events of {types} report types compared");
}

/// What a pair's second half holds.
fn told(read: Read, result: &Result<(), ReadError>) -> Value {
    json!({
        "events": read.events.into_iter().map(|(at, mut event)| {
            event.insert("row".to_owned(), json!(at.row));
            // by key, so that a change is seen where it is
            event.into_iter().collect::<BTreeMap<_, _>>()
        }).collect::<Vec<_>>(),
        "rejected": read.rejections.into_iter().map(|(at, reason)| json!({"row": at.row, "reason": reason})).collect::<Vec<_>>(),
        "drift": read.drifts.into_iter().map(|drift| format!("{drift:?}")).collect::<Vec<_>>(),
        "failed": result.as_ref().err().map(ToString::to_string),
    })
}

/// `MUSUBI_BLESS=1` writes what was read as what is to be expected: read the difference before committing it.
#[test]
fn every_pair_in_testdata_is_read_as_written_there() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/shadowserver");
    let inputs = files(&folder, ".in.csv");
    assert!(inputs.len() >= 8);
    for path in inputs {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (read, result) = read_with(&name, &std::fs::read(&path).unwrap(), &Knowledge::default());
        let told = told(read, &result);
        let pair = path.with_file_name(name.replace(".in.csv", ".out.json"));
        if std::env::var_os("MUSUBI_BLESS").is_some() {
            std::fs::write(&pair, serde_json::to_string_pretty(&told).unwrap() + "\n").unwrap();
        }
        let expected: Value = serde_json::from_slice(&std::fs::read(&pair).unwrap()).unwrap();
        assert_eq!(told, expected, "{name}");
    }
}

#[test]
fn a_newer_table_of_types_wins_and_the_built_in_one_still_holds() {
    let table = "report\ttype\tidentifier\tcolumns\nscan_http\tweak-crypto\tours\tgeo=land\nscan_newthing\tother\tnew\n";
    let knowledge = Knowledge { shadowserver: Some(Types::parse(table).unwrap()), ..Knowledge::default() };
    let csv = b"timestamp,ip,geo\n2026-03-23 00:00:00,192.0.2.1,JP\n";
    for (name, identifier, key) in [
        ("scan_http.csv", "ours", "extra.land"),
        ("scan_newthing.csv", "new", "source.geolocation.cc"),
        ("scan_ssh.csv", "open-ssh", "source.geolocation.cc"),
    ] {
        let (read, result) = read_with(name, csv, &knowledge);
        result.unwrap();
        assert_eq!((read.drifts, read.rejections), (vec![], vec![]));
        let (_, event) = &read.events[0];
        assert_eq!((&event["classification.identifier"], &event[key]), (&json!(identifier), &json!("JP")), "{name}");
    }
}

#[test]
fn only_what_looks_like_such_a_report_is_recognised() {
    let header = b"timestamp,ip,protocol,port,hostname,tag,asn,geo\n";
    assert_eq!(recognise("2026-03-23-scan_http-x.csv", header), Likelihood::Certain);
    assert_eq!(recognise("2026-03-23-something-x.csv", header), Likelihood::Certain);
    assert_eq!(recognise("export.csv", header), Likelihood::Likely);
    assert_eq!(recognise("export.csv", &header.map(|c| if c == b',' { b';' } else { c })), Likelihood::Likely);
    assert_eq!(recognise("2026-03-23-scan_http-x.csv", b""), Likelihood::Certain);
    for (name, bytes) in [
        ("scan_http.json", &b"{\"timestamp\": \"2026-03-23\"}"[..]),
        ("export.csv", b"timestamp,ip,colour,taste\n"),
        ("2026-03-23-logins.csv", b"timestamp,user,shop,amount\n"),
        ("export.csv", b"first_seen,ip\n"),
        ("export.csv", b""),
        ("scan_http.csv", b"\"timestamp"),
    ] {
        assert_eq!(recognise(name, bytes), Likelihood::No, "{name}");
    }
}

#[test]
fn a_report_without_time_column_is_refused_as_a_whole() {
    let (read, result) = read_with("scan_http.csv", b"ip,port\n192.0.2.1,80\n", &Knowledge::default());
    assert_eq!(result.unwrap_err().to_string(), "the first line has no column \"timestamp\"");
    assert!(read.events.is_empty());
}

#[test]
fn a_sink_that_stops_ends_the_reading() {
    struct Once(usize);
    impl Sink for Once {
        fn event(&mut self, _: Position, _: &mut Event<'_>) -> Result<(), Stop> {
            self.0 += 1;
            Err(Stop)
        }
        fn reject(&mut self, _: Position, _: String) -> Result<(), Stop> {
            Ok(())
        }
        fn drift(&mut self, _: Drift) {}
    }
    let csv = b"timestamp,ip\n2026-03-23 00:00:00,192.0.2.1\n2026-03-23 00:00:00,192.0.2.2\n";
    let head = Head { name: "scan_http.csv", bytes: csv, whole: true, media_type: None };
    let context = Context { head, feed: None, received: "2026-03-24T00:00:00Z".parse().unwrap(), knowledge: &Knowledge::default() };
    let mut sink = Once(0);
    assert!(matches!(Shadowserver.read(&mut &csv[..], &context, &mut sink), Err(ReadError::Stopped)));
    assert_eq!(sink.0, 1);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_and_every_row_is_accounted_for(
        name in prop_oneof![Just("event4_sinkhole.csv"), Just("scan_exchange.csv"), Just("x.csv"), Just("2026-03-23-new-x.csv")],
        start in prop_oneof![Just(""), Just("timestamp,src_ip,tag,dst_port,url,colour,naics,http_date,amplification,request_raw,cert_valid\n")],
        body in proptest::collection::vec(prop_oneof![
            Just(b"2026-03-23 00:00:00".to_vec()), Just(b"192.0.2.1".to_vec()), Just(b",".to_vec()), Just(b"\n".to_vec()), Just(b"\"".to_vec()),
            Just(b"cve-2026-1234;webshell".to_vec()), Just(b"hxxp://a[.]example/".to_vec()), proptest::collection::vec(any::<u8>(), 0..6),
        ], 0..60),
    ) {
        let bytes = [start.as_bytes(), &body.concat()].concat();
        let _ = recognise(name, &bytes);
        let (read, _) = read_with(name, &bytes, &Knowledge::default());
        let mut rows: Vec<_> = read.events.iter().map(|(at, _)| at.row).chain(read.rejections.iter().map(|(at, _)| at.row)).collect();
        rows.sort_unstable();
        prop_assert!(rows.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
