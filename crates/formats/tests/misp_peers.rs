//! Do PyMISP and the STIX validator accept what we write? They come from a package registry; without them this is skipped, and says so.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::print_stderr, reason = "a test that starts another program")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use formats::misp::{Attribute, Event, Object, event, stix};

fn last(output: &Output) -> String {
    let all = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&all).lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing").to_owned()
}

fn run(program: &Path, arguments: &[&str]) -> Result<Output, String> {
    let output = Command::new(program).args(arguments).output().map_err(|error| format!("{}: {error}", program.display()))?;
    if output.status.success() { Ok(output) } else { Err(last(&output)) }
}

/// A Python with these packages: made once in the target folder, or the one that `MUSUBI_PYTHON` names.
fn python_with(import: &str, package: &str) -> Result<PathBuf, String> {
    if let Some(python) = std::env::var_os("MUSUBI_PYTHON").map(PathBuf::from)
        && run(&python, &["-c", &format!("import {import}")]).is_ok()
    {
        return Ok(python);
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("python-{package}"));
    let python = folder.join("bin/python3");
    if run(&python, &["-c", &format!("import {import}")]).is_err() {
        run(Path::new("python3"), &["-m", "venv", &folder.to_string_lossy()])?;
        run(&python, &["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--timeout", "20", "--retries", "1", package])?;
        run(&python, &["-c", &format!("import {import}")])?;
    }
    Ok(python)
}

/// Own events, one attribute of every type and the usual objects; and the real ones, when they are at hand.
fn events() -> Vec<(String, Event<'static>)> {
    let mut all = vec![("own".to_owned(), own())];
    let shared =
        std::env::var_os("MUSUBI_SHARED").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    match std::fs::read_dir(shared.join("data/misp/events")) {
        Ok(entries) => {
            for path in entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "json")) {
                let bytes = std::fs::read(&path).unwrap();
                all.push((path.file_stem().unwrap().to_string_lossy().into_owned(), event::read(&bytes).unwrap().into_owned()));
            }
        }
        Err(error) => eprintln!("skipped: real events: {error}"),
    }
    all
}

fn own() -> Event<'static> {
    let uuid = |n: usize| Some(format!("57f4f6d9-cd20-458b-84fd-{n:012x}").into());
    let value = |kind: &str| {
        let hash = |digits: usize| "0123456789abcdef".repeat(8)[..digits].to_owned();
        let text = match kind.split('|').next_back().unwrap_or_default() {
            "md5" | "imphash" => hash(32),
            "sha1" | "x509-fingerprint-sha1" => hash(40),
            "sha256" | "authentihash" | "x509-fingerprint-sha256" => hash(64),
            "sha512" => hash(128),
            "ip-src" | "ip-dst" | "ip" => "192.0.2.7".to_owned(),
            "port" | "size-in-bytes" | "AS" | "counter" => "443".to_owned(),
            "domain" | "hostname" => "evil.example".to_owned(),
            "url" | "link" | "uri" => "http://evil.example/it's".to_owned(),
            "email" | "email-src" | "email-dst" => "a@evil.example".to_owned(),
            "datetime" => "2026-03-22T10:00:00.000000+0000".to_owned(),
            "vulnerability" => "CVE-2024-1234".to_owned(),
            "mac-address" => "00:11:22:aa:bb:cc".to_owned(),
            "regkey" => "HKLM\\Software\\Evil".to_owned(),
            "yara" => "rule a { condition: true }".to_owned(),
            "stix2-pattern" => "[url:value = 'http://evil.example/']".to_owned(),
            _ => "text of it".to_owned(),
        };
        match kind {
            "malware-sample" => format!("evil.exe|{}", hash(32)),
            _ if kind.starts_with("filename|") => format!("evil.exe|{text}"),
            _ if kind.contains('|') => {
                let first = kind.split('|').next().unwrap_or_default();
                let first = match first {
                    "regkey" => "HKEY_LOCAL_MACHINE\\Software\\Evil",
                    "domain" | "hostname" => "evil.example",
                    _ => "192.0.2.7",
                };
                format!("{first}|{text}")
            }
            _ => text,
        }
    };
    let mut n = 0;
    let mut attribute = |kind: &str, relation: Option<&str>, to_ids: bool| {
        n += 1;
        Attribute {
            uuid: uuid(n),
            to_ids: Some(to_ids.into()),
            object_relation: relation.map(|relation| relation.to_owned().into()),
            timestamp: Some("1774224000".into()),
            comment: Some(if n % 2 == 0 { "" } else { "why" }.into()),
            first_seen: (n % 3 == 0).then(|| "2026-03-22T10:00:00.000000+00:00".into()),
            sightings: (n % 7 == 0)
                .then(|| event::Sighting {
                    uuid: uuid(30_000 + n),
                    date_sighting: Some("1774224900".into()),
                    kind: Some((n % 4).to_string().into()),
                    ..Default::default()
                })
                .into_iter()
                .collect(),
            tags: if n % 5 == 0 { vec![event::Tag::named("tlp:amber")] } else { Vec::new() },
            ..Attribute::new(kind.to_owned(), value(kind))
        }
    };
    let mut attributes: Vec<_> = formats::misp::attribute_type::all()
        .flat_map(|kind| [(kind.name(), true), (kind.name(), false)])
        .map(|(kind, on)| attribute(kind, None, on))
        .collect();
    attributes[7].deleted = Some(true.into());
    let objects: &[(&str, &[(&str, &str)])] = &[
        ("file", &[("filename", "filename"), ("md5", "md5"), ("sha256", "sha256"), ("size-in-bytes", "size-in-bytes"), ("text", "state")]),
        ("url", &[("url", "url"), ("domain", "domain")]),
        ("domain-ip", &[("domain", "domain"), ("ip-dst", "ip")]),
        ("ip-port", &[("ip-dst", "ip"), ("port", "dst-port")]),
        ("email", &[("email-src", "from"), ("email-dst", "to"), ("email-subject", "subject")]),
        ("network-connection", &[("ip-src", "ip-src"), ("ip-dst", "ip-dst"), ("port", "dst-port"), ("text", "layer4-protocol")]),
        ("x509", &[("x509-fingerprint-sha1", "x509-fingerprint-sha1"), ("text", "issuer")]),
        ("victim", &[("target-org", "name"), ("target-location", "regions")]),
        ("registry-key", &[("regkey", "key"), ("text", "data")]),
        ("process", &[("text", "command-line"), ("counter", "pid")]),
        ("asn", &[("AS", "asn"), ("text", "description")]),
        ("vulnerability", &[("vulnerability", "id"), ("text", "summary")]),
        ("unheard-of", &[("text", "x")]),
    ];
    let objects = objects
        .iter()
        .flat_map(|object| [(object, true), (object, false)])
        .enumerate()
        .map(|(at, ((name, parts), on))| Object {
            uuid: uuid(10_000 + at),
            name: Some((*name).into()),
            meta_category: Some("misc".into()),
            timestamp: Some("1774224000".into()),
            attributes: parts.iter().map(|(kind, relation)| attribute(kind, Some(relation), on)).collect(),
            ..Object::default()
        })
        .collect();
    Event {
        uuid: Some("57c6ac4c-c60c-4f79-a38f-b666950d210f".into()),
        info: Some("One of each".into()),
        date: Some("2026-03-23".into()),
        timestamp: Some("1774224000".into()),
        published: Some(true.into()),
        publish_timestamp: Some("1774224001".into()),
        threat_level_id: Some("2".into()),
        analysis: Some("1".into()),
        distribution: Some("3".into()),
        tags: vec![event::Tag::named("tlp:green"), event::Tag::named("rsit:fraud=\"phishing\"")],
        orgc: Some(Box::new(event::Organisation {
            name: Some("Us".into()),
            uuid: Some("55f6ea5e-2c60-40e5-964f-47a8950d210f".into()),
            ..Default::default()
        })),
        reports: vec![event::EventReport {
            uuid: uuid(20_000),
            name: Some("Report".into()),
            content: Some("# What\nhappened".into()),
            ..Default::default()
        }],
        attributes,
        objects,
        ..Event::default()
    }
}

#[test]
fn an_event_with_one_of_each_comes_back_from_stix_as_it_was() {
    let was = own();
    let bundle = serde_json::to_vec(&stix::to_bundle(&was)).unwrap();
    let is = stix::from_bundle(&bundle).unwrap();
    for (one, other) in was.attributes.iter().zip(&is.event.attributes) {
        assert_eq!(one, other);
    }
    for (one, other) in was.objects.iter().zip(&is.event.objects) {
        assert_eq!(one, other);
    }
    assert_eq!((is.event, is.left), (was, Vec::new()));
}

#[test]
fn the_stix_validator_accepts_every_object() {
    let python = match python_with("stix2validator", "stix2-validator") {
        Ok(python) => python,
        Err(reason) => return eprintln!("skipped: stix2-validator cannot be had: {reason}"),
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("misp-stix");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, event) in events() {
        std::fs::write(folder.join(format!("{name}.json")), serde_json::to_vec(&stix::to_bundle(&event)).unwrap()).unwrap();
    }
    let script = r"
import sys, glob, json
from stix2validator import validate_string, ValidationOptions
options = ValidationOptions(version='2.1')
bad = objects = 0
for path in sorted(glob.glob(sys.argv[1] + '/*.json')):
    text = open(path).read()
    objects += len(json.loads(text)['objects'])
    found = validate_string(text, options)
    for one in (found if isinstance(found, list) else [found]):
        if not one.is_valid:
            bad += 1
            for error in one.errors[:5]:
                print(path, str(error)[:300])
print('objects', objects, 'bad', bad)
sys.exit(bad > 0)
";
    let output = Command::new(python).arg("-c").arg(script).arg(&folder).output().unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    eprintln!("{}", last(&output));
}

#[test]
fn pymisp_reads_every_event_that_we_write_and_finds_the_same() {
    let python = match python_with("pymisp", "pymisp") {
        Ok(python) => python,
        Err(reason) => return eprintln!("skipped: PyMISP cannot be had: {reason}"),
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("misp-written");
    std::fs::create_dir_all(&folder).unwrap();
    let mut expected = 0;
    for (name, event) in events() {
        expected += event.all_attributes().count();
        std::fs::write(folder.join(format!("{name}.json")), event::write(&event)).unwrap();
    }
    let script = r"
import sys, glob, json, logging
logging.disable(logging.CRITICAL)
from pymisp import MISPEvent
count = 0
for path in sorted(glob.glob(sys.argv[1] + '/*.json')):
    event = MISPEvent()
    event.load_file(path)
    count += len(event.attributes) + sum(len(one.attributes) for one in event.objects)
print(count)
";
    let output = Command::new(python).arg("-c").arg(script).arg(&folder).output().unwrap();
    assert_eq!(last(&output), expected.to_string(), "{}", String::from_utf8_lossy(&output.stderr));
}
