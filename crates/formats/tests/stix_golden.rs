//! Bundles written by us, and what is read from and said of each object: `testdata/stix/NAME.in.json` and `NAME.out.json`.
//! `UPDATE_GOLDEN=1` writes what is read, to be looked at before it is kept.
#![allow(clippy::disallowed_methods, reason = "golden data is in files")]

use std::fs;
use std::path::Path;

use formats::stix::marking::{Definitions, markings};
use formats::stix::{Envelope, Header, Limits, check, id};
use serde_json::{Value, json};

fn read(object: &[u8]) -> Value {
    let findings: Vec<_> = check::full(object).iter().map(ToString::to_string).collect();
    let header = match Header::with_references(object) {
        Ok(header) => header,
        Err(error) => return json!({"error": error.to_string(), "findings": findings}),
    };
    let definitions = Definitions::default();
    json!({
        "id": header.id, "type": header.object_type, "spec_version": header.spec_version.text(), "revoked": header.revoked,
        "version": header.version().map(|version| json!([version.text(), version.micros()])),
        "created_by_ref": header.created_by_ref,
        "markings": markings(&header, &definitions).map(|marking| format!("{marking:?}")).collect::<Vec<_>>(),
        "references": header.references.iter().map(|reference| json!([reference.property, reference.id])).collect::<Vec<_>>(),
        "deterministic": id::deterministic(object).ok().flatten(),
        "findings": findings,
    })
}

#[test]
fn bundles_are_read_as_they_were_before() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/stix");
    let mut compared = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let Some(name) = path.to_str().and_then(|path| path.strip_suffix(".in.json")) else { continue };
        let text = fs::read(&path).unwrap();
        let envelope = Envelope::read(&text, &Limits::default()).unwrap();
        let found = json!({
            "holder": format!("{:?}", envelope.holder), "id": envelope.id,
            "objects": envelope.objects.iter().map(|object| read(object)).collect::<Vec<_>>(),
        });
        let golden = format!("{name}.out.json");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, format!("{found:#}\n")).unwrap();
        }
        let expected: Value = serde_json::from_slice(&fs::read(&golden).unwrap()).unwrap();
        assert_eq!(found, expected, "{name}");
        compared += 1;
    }
    assert!(compared >= 2);
}
