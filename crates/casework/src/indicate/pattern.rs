//! Which STIX pattern finds a value, and which values does a pattern name?

use std::collections::BTreeMap;

use formats::stix::write::literal;
use formats::stix_pattern::{Constant, ObjectPath, Operation, Pattern, Step};

use super::indicator::What;
use crate::model::observable::{Kind, Observable};

/// Values taken from one pattern.
const VALUES_LIMIT: usize = 1_000;

/// The pattern that matches what is watched for; `None` for kinds that no object of STIX has a property for.
///
/// ```
/// use casework::indicate::pattern::of;
/// let pattern = |what: &str| of(&what.parse().unwrap());
/// assert_eq!(pattern("address 192.0.2.7").unwrap(), "[ipv4-addr:value = '192.0.2.7']");
/// assert_eq!(pattern("network 192.0.2.0/24").unwrap(), "[ipv4-addr:value ISSUBSET '192.0.2.0/24']");
/// assert_eq!(pattern("other x"), None);
/// ```
pub fn of(what: &What) -> Option<String> {
    let observable = match what {
        What::Pattern(text) => return Some(text.clone()),
        What::Value(observable) => observable,
    };
    let value = observable.value();
    let family = if value.contains(':') { "ipv6-addr" } else { "ipv4-addr" };
    let (path, operator) = match observable.kind() {
        Kind::Address => (format!("{family}:value"), "="),
        Kind::Network => (format!("{family}:value"), "ISSUBSET"),
        Kind::Domain => ("domain-name:value".to_owned(), "="),
        Kind::Url => ("url:value".to_owned(), "="),
        Kind::MailAddress => ("email-addr:value".to_owned(), "="),
        Kind::FileName => ("file:name".to_owned(), "="),
        Kind::AsNumber => return Some(format!("[autonomous-system:number = {}]", value.strip_prefix("AS")?)),
        Kind::Certificate => (format!("x509-certificate:hashes.{}", digest(value)?), "="),
        Kind::Md5 | Kind::Sha1 | Kind::Sha224 | Kind::Sha256 | Kind::Sha384 | Kind::Sha512 | Kind::Ssdeep | Kind::Tlsh => {
            (format!("file:hashes.{}", algorithm(observable.kind())?), "=")
        }
        Kind::PhoneNumber | Kind::Other => return None,
    };
    Some(format!("[{path} {operator} '{}']", literal(value)))
}

/// As hash-algorithm-ov has it (§10.9), quoted where a key must be.
fn algorithm(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Md5 => "MD5",
        Kind::Sha1 => "'SHA-1'",
        Kind::Sha224 => "'SHA-224'",
        Kind::Sha256 => "'SHA-256'",
        Kind::Sha384 => "'SHA-384'",
        Kind::Sha512 => "'SHA-512'",
        Kind::Ssdeep => "SSDEEP",
        Kind::Tlsh => "TLSH",
        _ => return None,
    })
}

/// The hash by its number of digits.
fn digest(hash: &str) -> Option<&'static str> {
    match hash.len() {
        32 => Some("MD5"),
        40 => Some("'SHA-1'"),
        64 => Some("'SHA-256'"),
        _ => None,
    }
}

/// The kind of value that a property of an object holds.
///
/// ```
/// use casework::indicate::pattern::kind_of;
/// use casework::model::observable::Kind;
/// assert_eq!(kind_of("file", &["hashes", "SHA-256"]), Some(Kind::Sha256));
/// assert_eq!(kind_of("process", &["pid"]), None);
/// ```
pub fn kind_of(object_type: &str, path: &[&str]) -> Option<Kind> {
    Some(match (object_type, path) {
        ("ipv4-addr" | "ipv6-addr", ["value"]) => Kind::Address,
        ("domain-name", ["value"]) => Kind::Domain,
        ("url", ["value"]) => Kind::Url,
        ("email-addr", ["value"]) => Kind::MailAddress,
        ("autonomous-system", ["number"]) => Kind::AsNumber,
        ("file", ["name"]) => Kind::FileName,
        ("x509-certificate", ["hashes", _]) => Kind::Certificate,
        ("file" | "artifact", ["hashes", algorithm]) => match algorithm.to_ascii_uppercase().replace('-', "").as_str() {
            "MD5" => Kind::Md5,
            "SHA1" => Kind::Sha1,
            "SHA224" => Kind::Sha224,
            "SHA256" => Kind::Sha256,
            "SHA384" => Kind::Sha384,
            "SHA512" => Kind::Sha512,
            "SSDEEP" => Kind::Ssdeep,
            "TLSH" => Kind::Tlsh,
            _ => return None,
        },
        _ => return None,
    })
}

/// A value of a property, in normal form; an address with a prefix is a network.
pub fn value_of(object_type: &str, path: &[&str], text: &str) -> Option<Observable> {
    let kind = kind_of(object_type, path)?;
    Observable::read(kind, text).ok().or_else(|| match kind {
        Kind::Address => Observable::read(Kind::Network, text).ok(),
        _ => None,
    })
}

/// The values that a pattern compares with, each once: not those that must not occur, nor parts of values.
///
/// ```
/// use casework::indicate::pattern::values;
/// let found = values("[url:value = 'http://evil.example/' OR ipv4-addr:value IN ('192.0.2.7')] AND [process:pid = 1]");
/// assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), ["address 192.0.2.7", "url http://evil.example/"]);
/// ```
pub fn values(pattern: &str) -> Vec<Observable> {
    let Ok(pattern) = Pattern::parse(pattern) else { return Vec::new() };
    let mut found = Vec::new();
    for test in pattern.tests().into_iter().filter(|test| !test.negated) {
        let texts: Vec<String> = match &test.operation {
            Operation::Equal(constant) => text(constant).into_iter().collect(),
            Operation::In(all) => all.iter().filter_map(text).collect(),
            Operation::IsSubset(network) => vec![network.clone()],
            _ => continue,
        };
        let Some(path) = keys(&test.path) else { continue };
        found.extend(texts.iter().filter_map(|text| value_of(&test.path.object_type, &path, text)));
    }
    found.sort();
    found.dedup();
    found.truncate(VALUES_LIMIT);
    found
}

/// The one value that a pattern stands for, when it says nothing else: such an indicator is one of that value.
///
/// ```
/// use casework::indicate::pattern::single;
/// assert_eq!(single("[domain-name:value = 'evil.example']").unwrap().value(), "evil.example");
/// assert_eq!(single("[domain-name:value = 'a.example' OR domain-name:value = 'b.example']"), None);
/// ```
pub fn single(pattern: &str) -> Option<Observable> {
    let parsed = Pattern::parse(pattern).ok()?;
    let [test] = parsed.tests()[..] else { return None };
    let plain = matches!(&parsed.expression, formats::stix_pattern::ObservationExpression::One(_))
        && matches!(test.operation, Operation::Equal(_) | Operation::IsSubset(_));
    if plain && !test.negated { values(pattern).pop() } else { None }
}

/// The values in an object of STIX: of an indicator those of its pattern, of an observable its own. Empty for all others, and for what is
/// no object.
///
/// ```
/// use casework::indicate::pattern::values_of_object;
/// let file = br#"{"type":"file","id":"file--5956efbb-a7b0-566d-a7f9-a202eb05c70f","hashes":{"MD5":"44d88612fea8a8f36de82e1278abb02f"}}"#;
/// assert_eq!(values_of_object(file)[0].to_string(), "md5 44d88612fea8a8f36de82e1278abb02f");
/// ```
pub fn values_of_object(bytes: &[u8]) -> Vec<Observable> {
    #[derive(serde::Deserialize)]
    struct Object {
        #[serde(rename = "type")]
        object_type: String,
        pattern: Option<String>,
        pattern_type: Option<String>,
        value: Option<String>,
        name: Option<String>,
        number: Option<i64>,
        #[serde(default)]
        hashes: BTreeMap<String, String>,
    }
    let Ok(object) = serde_json::from_slice::<Object>(bytes) else { return Vec::new() };
    if object.object_type == "indicator" {
        let stix = object.pattern_type.is_none_or(|kind| kind == "stix");
        return object.pattern.filter(|_| stix).map(|pattern| values(&pattern)).unwrap_or_default();
    }
    let read = |path: &[&str], text: &str| value_of(&object.object_type, path, text);
    let mut found: Vec<Observable> = object.value.iter().filter_map(|text| read(&["value"], text)).collect();
    found.extend(object.name.iter().filter_map(|text| read(&["name"], text)));
    found.extend(object.number.and_then(|number| read(&["number"], &number.to_string())));
    found.extend(object.hashes.iter().take(VALUES_LIMIT).filter_map(|(algorithm, text)| read(&["hashes", algorithm], text)));
    found
}

fn text(constant: &Constant) -> Option<String> {
    match constant {
        Constant::Text(text) => Some(text.clone()),
        Constant::Int(number) => Some(number.to_string()),
        Constant::Float(_) | Constant::Bool(_) | Constant::Timestamp(_) | Constant::Hex(_) | Constant::Binary(_) => None,
    }
}

fn keys(path: &ObjectPath) -> Option<Vec<&str>> {
    path.steps
        .iter()
        .map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Index(_) | Step::Any => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_kind_that_has_a_pattern_is_read_back_from_it() {
        let hash = |digits: usize| "a".repeat(digits);
        for (kind, value) in [
            (Kind::Address, "2001:db8::1".to_owned()),
            (Kind::Network, "2001:db8::/32".to_owned()),
            (Kind::MailAddress, "a'b@evil.example".to_owned()),
            (Kind::FileName, r"C:\it's".to_owned()),
            (Kind::AsNumber, "AS64496".to_owned()),
            (Kind::Certificate, hash(40)),
            (Kind::Sha1, hash(40)),
            (Kind::Sha224, hash(56)),
            (Kind::Sha384, hash(96)),
            (Kind::Sha512, hash(128)),
            (Kind::Tlsh, format!("T1{}", hash(70).to_uppercase())),
        ] {
            let observable = Observable::read(kind, &value).unwrap();
            let pattern = of(&What::Value(observable.clone())).unwrap();
            assert_eq!(single(&pattern), Some(observable), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}", value in "\\PC{1,40}") {
            let _ = (values(&text), single(&text));
            if let Ok(observable) = Observable::read(Kind::Url, &format!("http://e.example/{value}")) {
                prop_assert_eq!(single(&of(&What::Value(observable.clone())).unwrap()), Some(observable));
            }
        }
    }
}
