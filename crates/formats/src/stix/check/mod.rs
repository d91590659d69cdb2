//! Is it STIX 2.1, and is it good STIX 2.1?
//!
//! What each type has stands in tables (`types.tsv`, `vocabularies.tsv`, `relationships.tsv`); one walk over the bytes of an object compares it
//! with them, without building it. [`must`] asks only for what the specification requires, and is made for each object that is posted;
//! [`full`] also says what it recommends. Unknown properties, types and extensions are no violation (§7.3, §11): whoever
//! keeps objects for others keeps them verbatim. What is checked and where it departs from others: `docs/stix.md`.

mod extension;
mod form;
mod rules;
mod table;
mod walk;

use std::collections::BTreeMap;
use std::fmt;

use super::object::{self, Envelope, Header, Holder, Limits, SpecVersion};
use super::scan::Fault;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// Nothing the specification asks for, but what some readers stumble over.
    Hint,
    /// The specification recommends otherwise.
    Should,
    /// The specification forbids it.
    Must,
}

/// Something wrong at a place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    pub level: Level,
    /// The check that found it; recommendations have the names stix2-validator gives them.
    pub check: &'static str,
    /// JSON pointer (RFC 6901) into the object.
    pub pointer: String,
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Must => "must",
            Level::Should => "should",
            Level::Hint => "hint",
        };
        let pointer = if self.pointer.is_empty() { "/" } else { &self.pointer };
        write!(f, "{level} ({}) {pointer}: {}", self.check, self.message)
    }
}

/// Findings of one object that are kept.
pub const FINDING_LIMIT: usize = 100;

/// What the specification forbids in an object whose header is known. Empty: the object may be kept and given on.
///
/// ```
/// use formats::stix::{Header, check};
/// let sent = br#"{"type":"ipv4-addr","id":"ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4","value":"198.51.100.300"}"#;
/// let findings = check::must(&Header::read(sent)?);
/// assert_eq!(findings[0].to_string(), "must (value) /value: \"198.51.100.300\" is no IPv4 address or CIDR prefix");
/// # Ok::<(), formats::stix::object::Error>(())
/// ```
pub fn must(header: &Header<'_>) -> Vec<Finding> {
    walk::object(header.bytes, &header.object_type, header.spec_version, false)
}

/// Everything there is to say of an object.
///
/// ```
/// use formats::stix::check::{Level, full};
/// let sent = br#"{"type":"mutex","id":"mutex--f93fe911-e545-5239-b9b0-597840d0c871","name":"a","x_ours":1}"#;
/// let findings = full(sent);
/// assert!(findings.iter().all(|finding| finding.level < Level::Must));
/// assert!(findings.iter().any(|finding| finding.check == "extensions-use"));
/// ```
pub fn full(object: &[u8]) -> Vec<Finding> {
    match Header::read(object) {
        Ok(header) => walk::object(object, &header.object_type, header.spec_version, true),
        Err(error) => vec![of_header(&error)],
    }
}

fn of_header(error: &object::Error) -> Finding {
    let (check, pointer) = match error {
        object::Error::Json(_) | object::Error::NotAnObject => ("json", String::new()),
        object::Error::Missing(name) => ("required", format!("/{name}")),
        object::Error::WrongKind { property, .. } => ("value", format!("/{property}")),
        object::Error::Timestamp { property, .. } => ("value", format!("/{property}")),
        object::Error::Id(_) | object::Error::IdOfAnotherType { .. } => ("value", "/id".to_owned()),
        object::Error::SpecVersion(_) => ("value", "/spec_version".to_owned()),
    };
    Finding { level: Level::Must, check, pointer, message: error.to_string() }
}

/// Everything there is to say of a text that holds objects: a bundle, an envelope, a list, or one object. Pointers are into the whole text.
///
/// ```
/// use formats::stix::check::document;
/// use formats::stix::object::Limits;
/// let sent = br#"{"type":"bundle","id":"bundle--d6e3c0b4-f916-4d15-a01f-e3761c5f48ac","objects":[{"type":"mutex"}]}"#;
/// assert_eq!(document(sent, &Limits::default())?[0].pointer, "/objects/0/id");
/// # Ok::<(), formats::stix::Fault>(())
/// ```
pub fn document(text: &[u8], limits: &Limits) -> Result<Vec<Finding>, Fault> {
    let envelope = Envelope::read(text, limits)?;
    let mut findings = Vec::new();
    if envelope.holder == Holder::Bundle {
        findings.extend(walk::object(text, "bundle", SpecVersion::V21, true));
    }
    let place = match envelope.holder {
        Holder::Bundle | Holder::Envelope => "/objects/",
        Holder::List => "/",
        Holder::Object => "",
    };
    let mut versions: BTreeMap<(String, i64), usize> = BTreeMap::new();
    for (at, object) in envelope.objects.iter().enumerate() {
        let before = if place.is_empty() { String::new() } else { format!("{place}{at}") };
        findings.extend(full(object).into_iter().map(|finding| Finding { pointer: format!("{before}{}", finding.pointer), ..finding }));
        if let Ok(header) = Header::read(object)
            && let Some(modified) = &header.modified
            && let Some(first) = versions.insert((header.id.to_string(), modified.micros()), at)
        {
            let message = format!("{} has the same modified as element {first}", header.id);
            findings.push(Finding { level: Level::Should, check: "duplicate-ids", pointer: before, message });
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn sample() -> Value {
        json!({
            "type": "malware", "spec_version": "2.1", "id": "malware--31b940d4-6f7f-459a-80ea-9c1f17b58abc",
            "created": "2026-03-23T07:01:02.000Z", "modified": "2026-03-23T07:01:02.000Z", "name": "mirai", "is_family": true,
            "malware_types": ["bot"], "first_seen": "2026-03-23T07:01:02Z", "sample_refs": ["file--949eb97a-da1e-5292-8959-03c4249dc9f3"],
            "external_references": [{"source_name": "csirt.example", "external_id": "17"}], "labels": ["a"], "confidence": 5,
            "granular_markings": [{"selectors": ["labels.[0]"], "marking_ref": "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"}],
            "extensions": {"extension-definition--d83fce45-ef58-4c6c-a3f4-1fbc32e98c6e": {"extension_type": "property-extension", "rank": 5}},
        })
    }

    fn said(object: &Value) -> Vec<String> {
        full(object.to_string().as_bytes()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_violation_is_named_where_it_stands() {
        assert_eq!(said(&sample()), [""; 0]);
        for (pointer, value, expected) in [
            ("/name", json!(7), "must (value) /name: a number where a string belongs"),
            ("/labels", json!([]), "must (value) /labels: a list has at least one element"),
            ("/labels/0", Value::Null, "must (value) /labels/0: a null where a string belongs"),
            ("/confidence", json!(101), "must (value) /confidence: 101 is out of range"),
            (
                "/modified",
                json!("2026-03-22T07:01:02.000Z"),
                "must (order) /modified: 2026-03-22T07:01:02.000Z is before created 2026-03-23T07:01:02.000Z",
            ),
            ("/created", json!("2026-03-23T07:01:02Z"), "must (value) /created: 2026-03-23T07:01:02Z is not precise to the millisecond"),
            (
                "/sample_refs/0",
                json!("url--949eb97a-da1e-5292-8959-03c4249dc9f3"),
                "must (reference) /sample_refs/0: refers to url; it must be one of artifact, file",
            ),
            (
                "/malware_types/0",
                json!("Bot Net"),
                "should (malware-types) /malware_types/0: \"Bot Net\" is not of the vocabulary malware-types",
            ),
            (
                "/granular_markings/0/selectors/0",
                json!("labels.[1]"),
                "must (selectors) /granular_markings: what the selector labels.[1] names is not there",
            ),
            (
                "/extensions/extension-definition--d83fce45-ef58-4c6c-a3f4-1fbc32e98c6e/extension_type",
                json!("other"),
                "must (value) /extensions/extension-definition--d83fce45-ef58-4c6c-a3f4-1fbc32e98c6e/extension_type: \"other\" is none of \
                 new-sco, new-sdo, new-sro, property-extension, toplevel-property-extension",
            ),
        ] {
            let mut object = sample();
            *object.pointer_mut(pointer).unwrap() = value;
            assert_eq!(said(&object)[0], expected);
        }
        let mut object = sample();
        object.as_object_mut().unwrap().remove("name");
        assert_eq!(said(&object), ["must (together) /: name is required where is_family is true"]);
    }

    #[test]
    fn what_is_not_known_is_no_violation() {
        let mut object = sample();
        object["x_ours"] = json!({"kept": [1, {"as": "it is"}]});
        object["something"] = json!("new");
        object["extensions"]["x-ours-ext"] = json!({"a": 1});
        assert!(must(&Header::read(object.to_string().as_bytes()).unwrap()).is_empty());
        let custom = json!({"type": "x-mitre-tactic", "id": "x-mitre-tactic--31b940d4-6f7f-459a-80ea-9c1f17b58abc", "spec_version": "2.1",
            "created": "2026-03-23T07:01:02.000Z", "modified": "2026-03-23T07:01:02.000Z", "x_mitre_shortname": "impact"});
        assert!(must(&Header::read(custom.to_string().as_bytes()).unwrap()).is_empty());
    }

    proptest! {
        /// Any part replaced by anything: no panic, and both speeds forbid the same.
        #[test]
        fn both_speeds_forbid_the_same(which in 0_usize..40, text in ".{0,12}", kind in 0_usize..6) {
            let mut object = sample();
            let names: Vec<String> = object.as_object().unwrap().keys().cloned().collect();
            let kinds: [Value; 6] = [Value::Null, json!(text), json!([text]), json!({text.clone(): text}), json!(-1.5), json!([])];
            let value = kinds[kind].clone();
            match names.get(which) {
                Some(name) if !["id", "type"].contains(&name.as_str()) => object[name] = value,
                _ => object[&text] = value,
            }
            let bytes = object.to_string();
            if let Ok(header) = Header::read(bytes.as_bytes()) {
                let slow: Vec<_> = full(bytes.as_bytes()).into_iter().filter(|finding| finding.level == Level::Must).collect();
                prop_assert_eq!(must(&header), slow);
            }
        }
    }
}
