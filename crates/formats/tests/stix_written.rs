//! Does every reader take what we write? Our own check, and stix2-validator and stix2 of OASIS from a package registry; without them
//! that part is skipped.
#![allow(clippy::disallowed_methods, clippy::print_stderr, reason = "other programs are asked, through files")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use formats::stix::check::{Level, full};
use formats::stix::marking::{PAP_EXTENSION, Pap, TLP2_EXTENSION_DEFINITION, Tlp1, Tlp2};
use formats::stix::write::{Object, bundle, indicator, literal, observed_data, relationship};
use formats::stix::{Envelope, Header, Limits};
use serde_json::json;
use uuid::Uuid;

const SEEN: i64 = 1_774_249_262_123_000;

/// Random enough for a version 4, and the same each time.
fn uuid(number: u128) -> Uuid {
    let bits = number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
}

/// One of each kind of object that we emit, bound to each other.
fn everything() -> Vec<String> {
    let us = Object::domain("identity", &uuid(1), SEEN).set("name", "CSIRT 例").set("identity_class", "organization");
    let us = us.set("sectors", json!(["government-national"])).set("contact_information", "csirt@csirt.example");
    let own = us.id().unwrap();
    let domain = |kind: &str, number: u128| Object::domain(kind, &uuid(number), SEEN).created_by(&own).marked(Tlp2::Amber.id());
    let address = Object::observable("ipv4-addr").set("value", "198.51.100.3").marked(Tlp2::Green.id());
    let address6 = Object::observable("ipv6-addr").set("value", "2001:db8::1");
    let name = Object::observable("domain-name").set("value", "xn--wgv71a119e.jp").set("resolves_to_refs", json!([address.id().unwrap()]));
    let url = Object::observable("url").set("value", "https://example.com/a?b=c");
    let mail = Object::observable("email-addr").set("value", "a@example.com").set("display_name", "X");
    let file = Object::observable("file").set("name", "請求書.docx").set("size", 25536);
    let file = file.set("hashes", json!({"SHA-256": "fe90a7e910cb3a4739bed9180e807e93fa70c90f25a8915476f5e4bfbac681db"}));
    let network = Object::observable("autonomous-system").set("number", 2516).set("name", "KDDI");
    let traffic = Object::observable("network-traffic").set("src_ref", address.id().unwrap()).set("dst_ref", name.id().unwrap());
    let traffic = traffic
        .set("src_port", 4711)
        .set("dst_port", 23)
        .set("protocols", json!(["ipv4", "tcp"]))
        .time("start", SEEN)
        .time("end", SEEN + 1)
        .set("is_active", false);
    let software = Object::observable("software").set("name", "Word").set("vendor", "Microsoft").set("version", "2002");
    let software = software.set("cpe", "cpe:2.3:a:microsoft:word:2000:*:*:*:*:*:*:*");
    let card = Object::observable("mac-addr").set("value", "d2:fb:49:24:37:18");
    let seen_ids = [address.id().unwrap(), name.id().unwrap(), traffic.id().unwrap()];
    let seen = observed_data(&uuid(2), SEEN, [SEEN, SEEN + 1_000_001], 17, &seen_ids.each_ref().map(String::as_str)).created_by(&own);
    let bad = indicator(&uuid(3), SEEN, &format!("[url:value = '{}']", literal("http://x.example/it's\\")), SEEN).created_by(&own);
    let bad =
        bad.set("name", "Command and control").set("description", "Seen by a sensor").set("indicator_types", json!(["malicious-activity"]));
    let bad = bad.time("valid_until", SEEN + 86_400_000_000).confidence(80).label("c2").marked(Tlp2::Clear.id()).marked(Pap::Green.id());
    let machine = domain("infrastructure", 4).set("name", "C2").set("infrastructure_types", json!(["command-and-control"]));
    let machine = machine.time("first_seen", SEEN).time("last_seen", SEEN);
    let malware = domain("malware", 5).set("name", "mirai").set("is_family", true).set("malware_types", json!(["bot", "ddos"]));
    let incident = domain("incident", 6).set("name", "Botnet").set("description", "Infected cameras");
    let incident = incident.external_reference("csirt.example", Some("2026-17"), None, Some("our case"));
    let place = domain("location", 7).set("country", "JP").set("region", "eastern-asia").set("latitude", 35.68).set("longitude", 139.76);
    let definition =
        Object::domain("extension-definition", &uuid(8), SEEN).created_by(&own).set("name", "takedown").set("version", "1.0.0");
    let definition = definition.set("description", "What was asked").set("schema", "https://csirt.example/takedown.json");
    let definition = definition.set("extension_types", json!(["property-extension"]));
    let extension = definition.id().unwrap();
    let note = domain("note", 9).set("abstract", "Answer").set("content", "Taken down").set("object_refs", json!([incident.id().unwrap()]));
    let note = note.extension(&extension, json!({"asked": "2026-03-23", "outcome": "verified"}));
    let report = domain("report", 10).set("name", "Week 12").set("report_types", json!(["threat-report"])).time("published", SEEN);
    let report = report
        .set("object_refs", json!([incident.id().unwrap(), bad.id().unwrap()]))
        .marked_in_part(Tlp2::Red.id(), &["name", "object_refs.[0]"]);
    let statement = Object::domain("marking-definition", &uuid(11), SEEN).created_by(&own).set("name", "Copyright");
    let statement = statement.set("definition_type", "statement").set("definition", json!({"statement": "Copyright 2026"}));
    let marked =
        Object::domain("marking-definition", &uuid(12), SEEN).set("name", "PAP:RED").extension(PAP_EXTENSION, json!({"pap": "red"}));
    let sighting =
        domain("sighting", 13).set("sighting_of_ref", bad.id().unwrap()).set("count", 17).set("where_sighted_refs", json!([own]));
    let sighting = sighting.set("observed_data_refs", json!([seen.id().unwrap()])).time("first_seen", SEEN).time("last_seen", SEEN);
    let bound = [
        relationship(&uuid(14), SEEN, &bad.id().unwrap(), "indicates", &malware.id().unwrap()),
        relationship(&uuid(15), SEEN, &machine.id().unwrap(), "consists-of", &address.id().unwrap()),
        relationship(&uuid(16), SEEN, &own, "located-at", &place.id().unwrap()).modified(SEEN + 1000).revoked(),
    ];
    let written = [
        us, address, address6, name, url, mail, file, network, traffic, software, card, seen, bad, machine, malware, incident, place,
        definition, note, report, statement, marked, sighting,
    ];
    let written = written.iter().chain(&bound).map(Object::write);
    let served = [TLP2_EXTENSION_DEFINITION].into_iter().chain(Tlp2::ALL.map(Tlp2::definition)).chain(Pap::ALL.map(Pap::definition));
    written.chain(served.chain(Tlp1::ALL.map(Tlp1::definition)).map(str::to_owned)).collect()
}

#[test]
fn what_we_write_is_as_the_specification_recommends() {
    for text in everything() {
        let findings: Vec<_> = full(text.as_bytes()).into_iter().filter(|finding| finding.level > Level::Hint).collect();
        assert!(findings.is_empty(), "{text}\n{findings:?}");
        let header = Header::read(text.as_bytes()).unwrap();
        assert_eq!(header.bytes, text.as_bytes());
    }
}

#[test]
fn a_bundle_gives_back_what_was_put_into_it() {
    let objects = everything();
    let text = bundle(&uuid(20), &objects);
    let read = Envelope::read(text.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(read.objects, objects.iter().map(String::as_bytes).collect::<Vec<_>>());
}

fn last(output: &Output) -> String {
    let all = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&all).lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing").to_owned()
}

fn run(program: &Path, arguments: &[&str]) -> Result<Output, String> {
    let output = Command::new(program).args(arguments).output().map_err(|error| format!("{}: {error}", program.display()))?;
    if output.status.success() { Ok(output) } else { Err(last(&output)) }
}

/// A Python with the validator and the library of OASIS: made once in the target folder.
fn python_with_stix() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stix-python");
    let python = folder.join("bin/python3");
    if run(&python, &["-c", "import stix2, stix2validator"]).is_err() {
        run(Path::new("python3"), &["-m", "venv", &folder.to_string_lossy()])?;
        let quiet = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--timeout", "20", "--retries", "1"];
        run(&python, &[&quiet[..], &["stix2", "stix2-validator"]].concat())?;
        run(&python, &["-c", "import stix2, stix2validator"])?;
    }
    Ok(python)
}

/// Judges each line of a file: strictly by the validator, and whether the library reads it and keeps its properties.
const JUDGE: &str = r"
import json, logging, sys
import stix2, stix2validator
logging.disable(logging.CRITICAL)
options = stix2validator.ValidationOptions(version='2.1', strict=True)
judged = 0
for line in open(sys.argv[1], encoding='utf-8'):
    object = json.loads(line)
    found = stix2validator.validate_instance(object, options)
    if not found.is_valid:
        print('refused', line, [str(error) for error in found.errors])
    else:
        judged += 1
    again = json.loads(stix2.parse(object, allow_custom=True).serialize())
    if set(object) - set(again):
        print('lost', line, set(object) - set(again))
print('accepted', judged)
";

#[test]
fn the_validator_of_oasis_accepts_every_object_strictly() {
    let python = match python_with_stix() {
        Ok(python) => python,
        Err(reason) => return eprintln!("skipped: stix2-validator cannot be had: {reason}"),
    };
    let objects = everything();
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stix-written.jsonl");
    std::fs::write(&file, objects.join("\n")).expect("the target folder can be written");
    let output = run(&python, &["-c", JUDGE, &file.to_string_lossy()]).expect("the judge runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.trim(), format!("accepted {}", objects.len()));
}
