//! Does a real BIND, as secondary, follow what `zone_transfer` tells it? First the whole zone, then only what changed. `named` and `dig` come from
//! Debian (`bind9 bind9-dnsutils`); without them this is skipped, and says so.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::print_stderr, reason = "a test that starts another program")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use formats::block_list::rpz::{Reasons, Wish, Zone};
use formats::block_list::zone_transfer::{Answer, Content, Record, Step, answer, difference, whole};
use formats::block_list::{Entry, Value};

const SOA: u16 = 6;
const IXFR: u16 = 251;
const AXFR: u16 = 252;

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/bin".into()]);
    let found = places.map(|place| place.join(name)).find(|file| file.is_file());
    if found.is_none() {
        eprintln!("skipped: {name} is not installed");
    }
    found
}

fn version(names: &[&str], serial: u32) -> Zone {
    let because = ["why".to_owned()];
    let entry = |name| Entry {
        value: Value::Name(name),
        id: [0; 16],
        because: &because,
        confidence: 80,
        expires: jiff::Timestamp::MAX,
        marked: false,
    };
    let entries: Vec<_> = names.iter().map(|name| entry(name)).collect();
    let mut wish = Wish { reasons: Reasons::Txt, ..Wish::new("rpz.test") };
    (wish.soa.serial, wish.soa.refresh, wish.soa.retry) = (serial, 1, 1);
    Zone::of(&entries, &wish).unwrap().0
}

/// What the primary serves, and what it was asked over TCP.
struct Served {
    zone: Zone,
    steps: Vec<Step>,
    /// Type, serial, and how many records it was told.
    asked: Vec<(u16, Option<u32>, usize)>,
}

fn name(text: &str, out: &mut Vec<u8>) {
    for label in text.split('.').filter(|label| !label.is_empty()) {
        out.push(label.len() as u8);
        out.extend(label.bytes());
    }
    out.push(0);
}

/// RFC 1035 §4.1.3, names uncompressed.
fn packed(record: &Record, out: &mut Vec<u8>) {
    name(&record.owner, out);
    let mut content = Vec::new();
    let kind: u16 = match &record.content {
        Content::Soa(soa) => {
            name(&soa.primary, &mut content);
            name(&soa.mailbox, &mut content);
            for number in [soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum] {
                content.extend(number.to_be_bytes());
            }
            SOA
        }
        Content::Ns(server) => {
            name(server, &mut content);
            2
        }
        Content::Cname(target) => {
            name(target, &mut content);
            5
        }
        Content::Txt(text) => {
            content.push(text.len() as u8);
            content.extend(text.bytes());
            16
        }
    };
    out.extend(kind.to_be_bytes());
    out.extend([0, 1]);
    out.extend(record.ttl.to_be_bytes());
    out.extend((content.len() as u16).to_be_bytes());
    out.extend(content);
}

fn after_name(message: &[u8], mut at: usize) -> usize {
    while message[at] != 0 {
        if message[at] >= 0xc0 {
            return at + 2;
        }
        at += 1 + usize::from(message[at]);
    }
    at + 1
}

/// Type of the question, and the serial in the authority section of an IXFR (RFC 1995 §3).
fn asked(message: &[u8]) -> (u16, Option<u32>) {
    let end = after_name(message, 12);
    let kind = u16::from_be_bytes([message[end], message[end + 1]]);
    let serial = (kind == IXFR).then(|| {
        let content = after_name(message, end + 4) + 10;
        let at = after_name(message, after_name(message, content));
        u32::from_be_bytes(message[at..at + 4].try_into().unwrap())
    });
    (kind, serial)
}

fn reply(message: &[u8], served: &mut Served, tcp: bool) -> Vec<u8> {
    let (kind, serial) = asked(message);
    let records = match (kind, serial) {
        (IXFR, Some(serial)) => match answer(&served.zone, &served.steps, serial) {
            Answer::UpToDate(record) => vec![record],
            Answer::Incremental(records) => records,
            Answer::Full => whole(&served.zone),
        },
        (AXFR, _) => whole(&served.zone),
        _ => whole(&served.zone)[..1].to_vec(),
    };
    if tcp {
        served.asked.push((kind, serial, records.len()));
    }
    let question = &message[12..after_name(message, 12) + 4];
    let mut out = message[..2].to_vec();
    // An authoritative answer without error.
    out.extend([0x84, 0, 0, 1]);
    out.extend((records.len() as u16).to_be_bytes());
    out.extend([0, 0, 0, 0]);
    out.extend(question);
    records.iter().for_each(|record| packed(record, &mut out));
    out
}

fn serve_connection(mut connection: TcpStream, served: &Mutex<Served>) -> std::io::Result<()> {
    loop {
        let mut length = [0; 2];
        connection.read_exact(&mut length)?;
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        connection.read_exact(&mut message)?;
        let reply = reply(&message, &mut served.lock().unwrap(), true);
        connection.write_all(&(reply.len() as u16).to_be_bytes())?;
        connection.write_all(&reply)?;
    }
}

/// A primary on a port of its own; it ends with the test.
fn primary(zone: Zone) -> (u16, Arc<Mutex<Served>>) {
    let served = Arc::new(Mutex::new(Served { zone, steps: Vec::new(), asked: Vec::new() }));
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = udp.local_addr().unwrap().port();
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let (one, other) = (served.clone(), served.clone());
    std::thread::spawn(move || {
        let mut buffer = [0; 4_096];
        while let Ok((length, from)) = udp.recv_from(&mut buffer) {
            let reply = reply(&buffer[..length], &mut one.lock().unwrap(), false);
            let _ = udp.send_to(&reply, from);
        }
    });
    std::thread::spawn(move || {
        for connection in tcp.incoming().flatten() {
            // The connection ends when BIND closes it.
            let _ = serve_connection(connection, &other);
        }
    });
    (port, served)
}

/// A child that does not outlive its test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_real_secondary_follows_from_version_to_version() {
    let (Some(named), Some(dig)) = (program("named"), program("dig")) else { return };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("zone-transfers");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let first: Vec<String> = (0..20).map(|n| format!("n{n}.example")).collect();
    let first: Vec<&str> = first.iter().map(String::as_str).collect();
    // Around the end of the circle of serials.
    let versions = [
        version(&first, u32::MAX),
        version(&[&first[1..], &["new.example"]].concat(), 0),
        version(&[&first[2..], &["new.example", "newer.example"]].concat(), 1),
    ];
    let (primary_port, served) = primary(versions[0].clone());
    let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let here = folder.display();
    let configuration = format!(
        "options {{ directory \"{here}\"; pid-file none; session-keyfile none; managed-keys-directory \"{here}\"; recursion no;\n\
         listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; allow-query {{ 127.0.0.1; }}; allow-transfer {{ 127.0.0.1; }};\n\
         dnssec-validation no; notify no; min-refresh-time 1; min-retry-time 1; }};\ncontrols {{ }};\n\
         zone \"rpz.test\" {{ type secondary; primaries port {primary_port} {{ 127.0.0.1; }}; file \"rpz\"; }};\n"
    );
    std::fs::write(folder.join("named.conf"), configuration).unwrap();
    let log = std::fs::File::create(folder.join("log")).unwrap();
    let started = Command::new(named).args(["-g", "-n", "1", "-c"]).arg(folder.join("named.conf")).stderr(Stdio::from(log)).spawn();
    let _server = Ended(started.unwrap());
    let log = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();

    for (number, zone) in versions.iter().enumerate() {
        if number > 0 {
            let step = difference(&versions[number - 1], zone);
            let mut served = served.lock().unwrap();
            served.steps.push(step);
            served.zone = zone.clone();
        }
        let mut tries = 0;
        while !log().contains(&format!("rpz.test/IN: transferred serial {}", zone.soa.serial)) {
            tries += 1;
            assert!(tries < 600, "version {number} does not arrive: {:?}\n{}", served.lock().unwrap().asked, log());
            std::thread::sleep(Duration::from_millis(100));
        }
        // What the secondary now has is what we would send whole.
        let port = port.to_string();
        let arguments = ["@127.0.0.1", "-p", &port, "+tcp", "+tries=1", "+time=5", "+noall", "+answer", "rpz.test", "AXFR"];
        let output = Command::new(&dig).args(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut found: Vec<&str> = text.lines().filter(|line| !line.is_empty()).filter_map(|line| line.split_whitespace().next()).collect();
        let wanted = whole(zone);
        let mut wanted: Vec<String> = wanted.iter().map(|record| format!("{}.", record.owner)).collect();
        found.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "version {number}: {text}");
    }
    let asked = served.lock().unwrap().asked.clone();
    let increments: Vec<_> = asked.iter().filter(|(kind, ..)| *kind == IXFR).map(|(_, serial, records)| (*serial, *records)).collect();
    // Four SOA records, and the three of each name that went or came.
    assert_eq!(increments, [(Some(u32::MAX), 10), (Some(0), 10)], "{asked:?}");
    assert!(!log().contains("failed"), "{}", log());
}
