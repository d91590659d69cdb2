//! Do the programs that read our block lists accept them, and do they then block and alert? BIND, nftables and Suricata come from
//! Debian (`bind9 bind9-utils bind9-dnsutils nftables suricata`); where one is missing its test is skipped, and says so.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::print_stderr, reason = "a test that starts other programs")]

use std::fmt::Write as _;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use formats::block_list::rpz::{Reasons, Wish, Zone};
use formats::block_list::{Entry, Head, Value, hosts, nftables, rpz_read, suricata, text, zeek_intel};
use formats::value::network;
use jiff::Timestamp;

const MADE: i64 = 1_800_000_000;

/// A program by its name, also where only root's path leads.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/bin".into(), "/sbin".into()]);
    let found = places.map(|place| place.join(name)).find(|file| file.is_file());
    if found.is_none() {
        eprintln!("skipped: {name} is not installed");
    }
    found
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("block-lists-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
}

fn net(text: &str) -> Value<'static> {
    Value::Network(network(text).unwrap())
}

fn entries<'a>(values: &[Value<'a>], because: &'a [String]) -> Vec<Entry<'a>> {
    let expires = |n: usize| Timestamp::from_second(MADE + 3_600 * (n as i64 % 7 + 1)).unwrap();
    let one = |(n, value): (usize, &Value<'a>)| Entry {
        value: *value,
        id: [n as u8; 16],
        because,
        confidence: 80,
        expires: expires(n),
        marked: n % 5 == 4,
    };
    values.iter().enumerate().map(one).collect()
}

/// What others might write to break out of a line, a quote or a rule.
fn hostile() -> Vec<String> {
    vec![
        "phishing\"; sid:1; drop\n$INCLUDE /etc/passwd\r\n) } flush ruleset; # {".to_owned(),
        "\\\" \\ | é 日本 \u{202e}txt\u{2028}x <&'$(id)`id` \\".to_owned(),
    ]
}

const VALUES: [Value<'static>; 19] = [
    Value::Name("evil.example"),
    Value::Name("www.evil.example"),
    Value::Name("xn--bcher-kva.example"),
    Value::Name("_dmarc.under_score.example"),
    Value::Name("marked.example"),
    Value::Name("a-.-b.example"),
    Value::Name("localhost"),
    Value::Url("http://shop.example/a;b\"c|d\\e%20(x)?q={1}#frag"),
    Value::Url("https://[2001:db8::1]:8443/x"),
    Value::Url("http://shop.example:8080"),
    Value::MailAddress("\"a;b\"@evil.example"),
    Value::Md5("44d88612fea8a8f36de82e1278abb02f"),
    Value::Sha1("da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    Value::Sha256("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    Value::FileName("#a \"b\"; c,d.exe"),
    Value::FileName("=cmd|' /C calc'!A0"),
    Value::Certificate("da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    Value::Other { kind: "ssdeep", value: "3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C" },
    Value::Other { kind: "as-number", value: "AS64496" },
];

const NETWORKS: [&str; 16] = [
    "192.0.2.1",
    "192.0.2.0/24",
    "192.0.2.128/25",
    "192.0.2.200",
    "198.51.100.0/31",
    "198.51.100.2/31",
    "255.255.255.255",
    "9.0.0.0/8",
    "2001:db8::1",
    "2001:db8::/32",
    "2001:db8:0:1::/64",
    "::1",
    "1:0:0:2::/64",
    "1:0:2::",
    "1:0:2:3:4:5:6:7",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
];

fn all<'a>(because: &'a [String]) -> Vec<Entry<'a>> {
    let values: Vec<Value<'a>> = NETWORKS.iter().map(|text| net(text)).chain(VALUES).collect();
    entries(&values, because)
}

/// `testdata/block-lists/`: the same entries give the same files. `MUSUBI_BLESS=1` writes them anew.
#[test]
fn the_files_are_those_that_we_looked_at() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/block-lists");
    let because = hostile();
    let some = all(&because);
    let notes = ["TLP:AMBER, for party \"a\"\nflush ruleset".to_owned()];
    let head = Head { title: "Block list of a test", notes: &notes };
    let (zone, _) = Zone::of(&some, &Wish { reasons: Reasons::Txt, ..Wish::new("rpz.example") }).unwrap();
    let nft =
        nftables::Wish { table: "musubi", verdict: nftables::Verdict::Drop, made: Timestamp::from_second(MADE).unwrap(), reasons: true };
    let wish = suricata::Wish { reference: Some("node.example/indicator"), ..Default::default() };
    let zeek = zeek_intel::Wish { source: "musubi", reference: Some("https://node.example/indicator"), notices: true };
    let files = [
        ("list.zone", zone.write(head)),
        ("list.rules", suricata::rules(&some, wish, head).unwrap().rules.text),
        ("bulk.rules", suricata::bulk(&some, wish, head).unwrap().rules.text),
        ("names-sha256.lst", suricata::hashed_names(&some).text),
        ("list.intel", zeek_intel::write(&some, zeek, head).text),
        ("list.nft", nftables::write(&some, nft, head).unwrap().text),
        ("list.hosts", hosts::write(&some, true, head).text),
        ("list.txt", text::plain(&some, head).text),
        ("list.csv", text::csv(&some).text),
    ];
    for (name, found) in files {
        let path = folder.join(name);
        if std::env::var_os("MUSUBI_BLESS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &found).unwrap();
        }
        assert_eq!(found, std::fs::read_to_string(&path).unwrap(), "{name}");
    }
    assert_eq!(rpz_read::read(zone.write(head).as_bytes()).unwrap().zone.content_hash(), zone.content_hash());
}

#[test]
fn named_checkzone_accepts_the_zone() {
    let Some(check) = program("named-checkzone") else { return };
    let (folder, because) = (folder("checkzone"), hostile());
    for (name, reasons) in [("txt", Reasons::Txt), ("comments", Reasons::Comments)] {
        let (zone, _) = Zone::of(&all(&because), &Wish { reasons, ..Wish::new("rpz.example") }).unwrap();
        let path = folder.join(name);
        std::fs::write(&path, zone.write(Head { title: "a\n@ A 192.0.2.1", notes: &because })).unwrap();
        let checked = Command::new(&check).args(["-D", "-i", "local", "rpz.example"]).arg(&path).output().unwrap();
        let told = said(&checked);
        assert!(checked.status.success(), "{told}");
        // Nothing but what we meant is in it.
        let records = String::from_utf8_lossy(&checked.stdout);
        let lines: Vec<&str> = records.lines().filter(|line| line.contains(" IN ")).collect();
        let wanted =
            zone.rules.len() + 2 + if reasons == Reasons::Txt { lines.iter().filter(|line| line.starts_with("_why.")).count() } else { 0 };
        assert_eq!(lines.len(), wanted, "{told}");
        assert!(!told.contains("192.0.2.1.rpz.example"), "{told}");
    }
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
fn a_resolver_with_the_zone_answers_as_it_says() {
    let (Some(named), Some(dig)) = (program("named"), program("dig")) else { return };
    let folder = folder("named");
    let because = ["phishing; \"of\" a bank".to_owned()];
    let values = [
        Value::Name("evil.example"),
        net("192.0.2.0/24"),
        net("2001:db8::/32"),
        Value::Name("worse.example"),
        Value::Name("marked.example"),
    ];
    let (zone, _) = Zone::of(&entries(&values, &because), &Wish { reasons: Reasons::Txt, ..Wish::new("rpz.test") }).unwrap();
    std::fs::write(folder.join("rpz"), zone.write(Head::default())).unwrap();
    // All that there is, in one zone: nothing is asked of anyone else.
    std::fs::write(
        folder.join("root"),
        "$TTL 60\n. SOA ns.test. root.test. 1 60 60 60 60\n. NS ns.test.\nns.test. A 127.0.0.1\nevil.example. A 198.51.100.1\n\
         a.b.evil.example. A 198.51.100.1\nnot-evil.example. A 198.51.100.2\nmarked.example. A 198.51.100.3\nlisted.test. A 192.0.2.9\n\
         six.test. AAAA 2001:db8:1::1\ngood.test. A 198.51.100.4\nworse.example. A 198.51.100.5\n",
    )
    .unwrap();
    let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let here = folder.display();
    let configuration = format!(
        "options {{ directory \"{here}\"; pid-file none; session-keyfile none; managed-keys-directory \"{here}\"; recursion yes;\n\
         listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; allow-query {{ 127.0.0.1; }}; dnssec-validation no;\n\
         response-policy {{ zone \"rpz.test\"; }}; }};\ncontrols {{ }};\n\
         zone \".\" {{ type primary; file \"root\"; }};\nzone \"rpz.test\" {{ type primary; file \"rpz\"; }};\n"
    );
    std::fs::write(folder.join("named.conf"), configuration).unwrap();
    let log = std::fs::File::create(folder.join("log")).unwrap();
    let started = Command::new(named).args(["-g", "-n", "1", "-c"]).arg(folder.join("named.conf")).stderr(Stdio::from(log)).spawn();
    let _server = Ended(started.unwrap());
    let log = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    let ask = |name: &str, kind: &str| {
        let port = port.to_string();
        let output = Command::new(&dig)
            .args(["@127.0.0.1", "-p", &port, "+tries=1", "+time=2", "+noall", "+comments", "+answer", name, kind])
            .output();
        said(&output.unwrap())
    };
    let mut tries = 0;
    while !log().contains("rpz.test: reload done: success") {
        tries += 1;
        assert!(tries < 300, "named does not start: {}", log());
        std::thread::sleep(Duration::from_millis(100));
    }
    for (name, kind) in
        [("evil.example", "A"), ("a.b.evil.example", "A"), ("listed.test", "A"), ("six.test", "AAAA"), ("worse.example", "A")]
    {
        let answer = ask(name, kind);
        assert!(answer.contains("status: NXDOMAIN"), "{name}: {answer}");
    }
    for (name, address) in [("not-evil.example", "198.51.100.2"), ("good.test", "198.51.100.4"), ("marked.example", "198.51.100.3")] {
        let answer = ask(name, "A");
        assert!(answer.contains("status: NOERROR") && answer.contains(address), "{name}: {answer}");
    }
    let why = ask("_why.evil.example", "TXT");
    assert!(why.contains("\"phishing; \\\"of\\\" a bank\""), "{why}");
    let log = log();
    // What is only watched is in the resolver's log, and no trigger was written in a way that it warns of.
    assert!(log.contains("rpz QNAME PASSTHRU rewrite marked.example"), "{log}");
    let complaints: Vec<&str> =
        log.lines().filter(|line| line.contains(" rpz") && (line.contains("invalid") || line.contains("error"))).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
}

#[test]
fn nft_accepts_the_table() {
    let Some(nft) = program("nft") else { return };
    let (folder, because) = (folder("nft"), hostile());
    let file = folder.join("list.nft");
    // Checking needs the kernel's tables; where this user may not see them, tables of its own will do.
    let ways: [&[&str]; 2] = [&[], &["unshare", "-rn"]];
    let check = |way: &[&str]| {
        let whole: Vec<&str> = way.iter().copied().chain([nft.to_str().unwrap(), "-c", "-f", file.to_str().unwrap()]).collect();
        Command::new(whole[0]).args(&whole[1..]).output()
    };
    std::fs::write(&file, "table inet probe {\n}\n").unwrap();
    let Some(way) = ways.into_iter().rev().find(|way| check(way).is_ok_and(|output| output.status.success())) else {
        eprintln!("skipped: nft may not look at the tables of this kernel");
        return;
    };
    for verdict in [nftables::Verdict::Drop, nftables::Verdict::Reject, nftables::Verdict::Count] {
        for some in [all(&because), Vec::new()] {
            let wish = nftables::Wish { table: "musubi", verdict, made: Timestamp::from_second(MADE).unwrap(), reasons: true };
            let written = nftables::write(&some, wish, Head { title: "a\nflush ruleset", notes: &because }).unwrap();
            std::fs::write(&file, &written.text).unwrap();
            let checked = check(way).unwrap();
            assert!(checked.status.success(), "{}{}", said(&checked), written.text);
        }
    }
    // In tables of its own it is loaded too, twice, and has what we wrote.
    if way == ways[1] {
        let script = format!("{0} -f {1} && {0} -f {1} && {0} list ruleset", nft.display(), file.display());
        let some = all(&because);
        let wish = nftables::Wish {
            table: "musubi",
            verdict: nftables::Verdict::Drop,
            made: Timestamp::from_second(MADE).unwrap(),
            reasons: true,
        };
        std::fs::write(&file, nftables::write(&some, wish, Head::default()).unwrap().text).unwrap();
        let loaded = Command::new("unshare").args(["-rn", "sh", "-c", &script]).output().unwrap();
        let told = said(&loaded);
        if !loaded.status.success() {
            eprintln!("skipped: nft cannot load into tables of its own here: {told}");
            return;
        }
        for part in ["198.51.100.0/31", "255.255.255.255", "192.0.2.201-192.0.2.255", "ip daddr @blocked4", "ip6 saddr @blocked6"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert_eq!(told.matches("table ").count(), 1, "{told}");
    }
}

/// Packets of Ethernet, as pcap files have them (draft-ietf-opsawg-pcap). Checksums are left out.
struct Pcap {
    bytes: Vec<u8>,
    second: u32,
}

impl Pcap {
    fn new() -> Self {
        let mut bytes = Vec::new();
        for number in [0xa1b2_c3d4_u32, 2 | 4 << 16, 0, 0, 65_535, 1] {
            bytes.extend(number.to_le_bytes());
        }
        Self { bytes, second: 1_800_000_000 }
    }

    fn packet(&mut self, from: [u8; 4], to: [u8; 4], protocol: u8, segment: &[u8]) {
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
        let length = (20 + segment.len()) as u16;
        frame.extend([0x45, 0]);
        frame.extend(length.to_be_bytes());
        frame.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
        frame.extend(from);
        frame.extend(to);
        frame.extend(segment);
        self.second += 1;
        for number in [self.second, 0, frame.len() as u32, frame.len() as u32] {
            self.bytes.extend(number.to_le_bytes());
        }
        self.bytes.extend(frame);
    }

    fn udp(&mut self, to: [u8; 4], port: u16, payload: &[u8]) {
        let mut segment = Vec::new();
        for number in [40_000, port, 8 + payload.len() as u16, 0] {
            segment.extend(number.to_be_bytes());
        }
        segment.extend(payload);
        self.packet(CLIENT, to, 17, &segment);
    }

    /// A connection on which the client sends this.
    fn tcp(&mut self, from_port: u16, to: [u8; 4], port: u16, payload: &[u8]) {
        let segment = |ports: [u16; 2], seq: u32, ack: u32, flags: u8, payload: &[u8]| {
            let mut segment = Vec::new();
            segment.extend(ports[0].to_be_bytes());
            segment.extend(ports[1].to_be_bytes());
            segment.extend(seq.to_be_bytes());
            segment.extend(ack.to_be_bytes());
            segment.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
            segment.extend(payload);
            segment
        };
        let (there, back) = ([from_port, port], [port, from_port]);
        let end = 101 + payload.len() as u32;
        for (forth, seq, ack, flags, payload) in [
            (true, 100, 0, 0x02, &[][..]),
            (false, 500, 101, 0x12, &[]),
            (true, 101, 501, 0x10, &[]),
            (true, 101, 501, 0x18, payload),
            (false, 501, end, 0x10, &[]),
            (true, end, 501, 0x11, &[]),
            (false, 501, end + 1, 0x11, &[]),
            (true, end + 1, 502, 0x10, &[]),
        ] {
            let segment = segment(if forth { there } else { back }, seq, ack, flags, payload);
            if forth { self.packet(CLIENT, to, 6, &segment) } else { self.packet(to, CLIENT, 6, &segment) }
        }
    }
}

const CLIENT: [u8; 4] = [10, 0, 0, 5];

/// A question for the address of a name (RFC 1035 §4.1).
fn question(name: &str) -> Vec<u8> {
    let mut message = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend(label.bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    message
}

/// A TLS 1.2 ClientHello that names a server (RFC 5246 §7.4.1.2, RFC 6066 §3).
fn client_hello(name: &str) -> Vec<u8> {
    let two = |length: usize| (length as u16).to_be_bytes();
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x2f, 1, 0]);
    let length = name.len();
    hello.extend(two(length + 9));
    hello.extend([0, 0]);
    hello.extend(two(length + 5));
    hello.extend(two(length + 3));
    hello.push(0);
    hello.extend(two(length));
    hello.extend(name.bytes());
    let mut record = vec![22, 3, 1];
    record.extend(two(hello.len() + 4));
    record.extend([1, 0]);
    record.extend(two(hello.len()));
    record.extend(hello);
    record
}

/// A folder in which Suricata runs, and what it is told.
fn suricata_home(name: &str, files: &suricata::Files) -> PathBuf {
    let folder = folder(name);
    std::fs::write(folder.join("musubi.rules"), &files.rules.text).unwrap();
    let mut configuration = String::from(
        "%YAML 1.1\n---\nvars:\n  address-groups:\n    HOME_NET: \"[10.0.0.0/8]\"\n    EXTERNAL_NET: \"!$HOME_NET\"\n\
         outputs:\n  - eve-log: {enabled: yes, filetype: regular, filename: eve.json, types: [alert]}\n\
         app-layer:\n  protocols:\n    dns:\n      udp: {enabled: yes, detection-ports: {dp: 53}}\n    tls: {enabled: yes, detection-ports: {dp: 443}}\n\
         \x20   http: {enabled: yes}\n",
    );
    for file in &files.beside {
        std::fs::write(folder.join(file.name), &file.text).unwrap();
    }
    if files.beside.iter().any(|file| file.name == suricata::REPUTATION) {
        let (here, categories, list) = (folder.display(), suricata::CATEGORIES, suricata::REPUTATION);
        let _ = write!(
            configuration,
            "reputation-categories-file: {here}/{categories}\ndefault-reputation-path: {here}\nreputation-files: [{list}]\n"
        );
    }
    std::fs::write(folder.join("suricata.yaml"), configuration).unwrap();
    folder
}

fn run_suricata(suricata: &Path, folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(suricata)
        .current_dir(folder)
        .args(["-c", "suricata.yaml", "-S", "musubi.rules", "-k", "none", "-l"])
        .arg(folder)
        .args(arguments)
        .output()
        .unwrap();
    let told = said(&output);
    assert!(output.status.success(), "{told}");
    assert!(!told.contains("Error:"), "{told}");
    told
}

#[test]
fn suricata_accepts_all_rules() {
    let Some(suricata) = program("suricata") else { return };
    let because = hostile();
    let some = all(&because);
    let wish = suricata::Wish { reference: Some("node.example/indicator"), ..Default::default() };
    let head = Head { title: "a\nalert ip any any -> any any (sid:1;)", notes: &because };
    for (name, files) in [("rules", suricata::rules(&some, wish, head)), ("bulk", suricata::bulk(&some, wish, head))] {
        let files = files.unwrap();
        let folder = suricata_home(&format!("suricata-{name}"), &files);
        let told = run_suricata(&suricata, &folder, &["-T"]);
        let rules = files.rules.text.lines().filter(|line| !line.starts_with('#')).count();
        assert!(told.contains(&format!("{rules} rules successfully loaded, 0 rules failed")), "{told}");
    }
}

#[test]
fn suricata_alerts_on_what_is_listed_and_on_nothing_else() {
    let Some(suricata) = program("suricata") else { return };
    let because = ["seen".to_owned()];
    let values = [
        net("192.0.2.66"),
        Value::Name("asked.example"),
        Value::Name("met.example"),
        Value::Url("http://page.example/a;b|c?d=\"e\""),
        net("198.51.100.0/24"),
        // Of "not a nice file".
        Value::Sha256("fc725ae0e1190624a15bb739f7d37525ac7cd395558048a7a1308a7c48ffc4e7"),
    ];
    let some = entries(&values, &because);
    let mut pcap = Pcap::new();
    pcap.udp([192, 0, 2, 66], 9_999, b"hello");
    pcap.udp([192, 0, 2, 67], 9_999, b"hello");
    pcap.udp([198, 51, 100, 9], 9_999, b"hello");
    for name in ["asked.example", "www.asked.example", "notasked.example", "asked.example.org"] {
        pcap.udp([10, 0, 0, 1], 53, &question(name));
    }
    for (port, name) in [(1_001, "met.example"), (1_002, "login.met.example"), (1_003, "unmet.example")] {
        pcap.tcp(port, [203, 0, 113, 1], 443, &client_hello(name));
    }
    for (port, host, path) in [
        (2_001, "page.example", "/a;b|c?d=\"e\""),
        (2_002, "page.example", "/a"),
        (2_003, "www.page.example", "/a;b|c?d=\"e\""),
        (2_004, "asked.example", "/"),
    ] {
        pcap.tcp(port, [203, 0, 113, 2], 80, format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: a\r\n\r\n").as_bytes());
    }
    for (port, content) in [(3_001, "not a nice file"), (3_002, "not a worse file")] {
        let head = format!("PUT /{port} HTTP/1.1\r\nHost: up.example\r\nContent-Length: {}\r\n\r\n", content.len());
        pcap.tcp(port, [203, 0, 113, 3], 80, (head + content).as_bytes());
    }
    let alerts = |files: &suricata::Files, name: &str| {
        let folder = suricata_home(name, files);
        std::fs::write(folder.join("some.pcap"), &pcap.bytes).unwrap();
        run_suricata(&suricata, &folder, &["-r", "some.pcap"]);
        let log = std::fs::read_to_string(folder.join("eve.json")).unwrap();
        let mut alerts: Vec<(String, String)> = Vec::new();
        for line in log.lines() {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = |pointer: &str| event.pointer(pointer).and_then(serde_json::Value::as_str).map(str::to_owned);
            let met = text("/tls/sni").or_else(|| text("/http/url")).or_else(|| text("/dns/query/0/rrname")).or_else(|| text("/dest_ip"));
            alerts.push((text("/alert/signature").unwrap(), met.unwrap()));
        }
        alerts.sort();
        alerts
    };
    let found = alerts(&suricata::rules(&some, suricata::Wish::default(), Head::default()).unwrap(), "suricata-run");
    let wanted = [
        ("Musubi a file of the list musubi-sha256.list", "/3001"),
        ("Musubi address 192.0.2.66 - seen", "192.0.2.66"),
        ("Musubi domain asked.example - seen", "asked.example"),
        ("Musubi domain asked.example - seen", "www.asked.example"),
        ("Musubi domain met.example - seen", "login.met.example"),
        ("Musubi domain met.example - seen", "met.example"),
        ("Musubi network 198.51.100.0/24 - seen", "198.51.100.9"),
        ("Musubi url http://page.example/a,b|c?d='e' - seen", "/a;b|c?d=\"e\""),
    ];
    assert_eq!(found, wanted.map(|(one, other)| (one.to_owned(), other.to_owned())));

    let found = alerts(&suricata::bulk(&some, suricata::Wish::default(), Head::default()).unwrap(), "suricata-run-bulk");
    let wanted = [
        ("Musubi a file of the list musubi-sha256.list", "/3001"),
        ("Musubi a name of the list musubi-names.lst", "/"),
        ("Musubi a name of the list musubi-names.lst", "asked.example"),
        ("Musubi a name of the list musubi-names.lst", "met.example"),
        ("Musubi an address of the list musubi-reputation.list", "192.0.2.66"),
        ("Musubi an address of the list musubi-reputation.list", "198.51.100.9"),
    ];
    assert_eq!(found, wanted.map(|(one, other)| (one.to_owned(), other.to_owned())));
}
