//! Is it STIX 2.1, and is it good STIX 2.1?
//!
//! What each type has stands in tables (`types.tsv`, `vocabularies.tsv`, `relationships.tsv`); one walk over the bytes of an object compares it
//! with them, without building it. [`must`] asks only for what the specification requires, and is made for each object that is posted;
//! [`full`] also says what it recommends. Unknown properties, types and extensions are no violation (§7.3, §11): whoever
//! keeps objects for others keeps them verbatim. What is checked and where it departs from others: `docs/stix.md`.

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
