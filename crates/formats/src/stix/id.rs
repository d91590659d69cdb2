//! What is it called? Identifiers, and names that two who saw the same thing give it without asking each other.
//!
//! STIX 2.1 §2.9: `type--UUID`; §3.4 for observables a UUIDv5 over the ID contributing properties.

use std::borrow::Cow;

use sha1::{Digest as _, Sha1};
use uuid::{Builder, Uuid};

use super::canonical::{canonical, write_text};
use super::object::DEPTH;
use super::scan::{Fault, Kind, Scanner};

/// Namespace of the deterministic identifiers of observables (§2.9); nothing else may be named in it.
pub const SCO_NAMESPACE: Uuid = Uuid::from_u128(0x00abedb4_aa42_466c_9c01_fed23315a9b7);

/// `type--UUID`, taken apart.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Identifier<'a> {
    pub object_type: &'a str,
    pub uuid: Uuid,
}

impl<'a> Identifier<'a> {
    /// Takes an identifier apart; `None` when it is none.
    ///
    /// ```
    /// use formats::stix::Identifier;
    /// let id = Identifier::read("ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4").unwrap();
    /// assert_eq!((id.object_type, id.uuid.get_version_num()), ("ipv4-addr", 5));
    /// assert!(Identifier::read("ipv4-addr--28bb3599").is_none());
    /// ```
    pub fn read(text: &'a str) -> Option<Self> {
        let at = text.len().checked_sub(38)?;
        let (object_type, uuid) = (text.get(..at)?, text.get(at..)?.strip_prefix("--")?);
        if !type_name(object_type) {
            return None;
        }
        // Only the hyphenated form is one here.
        let uuid = Uuid::try_parse(uuid).ok().filter(|_| uuid.as_bytes()[8] == b'-')?;
        Some(Self { object_type, uuid })
    }
}

impl std::fmt::Display for Identifier<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}--{}", self.object_type, self.uuid)
    }
}

/// §3.1 and §11: letters, digits and single hyphens, at most 250. Lower case is asked for by the check, not needed to tell an identifier.
fn type_name(text: &str) -> bool {
    (1..=250).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
}

/// The ID contributing properties of an observable type (§6); `None` when it is no observable of the specification.
/// The list is empty for `process`, whose identifiers are always random.
///
/// ```
/// use formats::stix::id::contributing_properties;
/// assert_eq!(contributing_properties("mutex"), Some(&["name"][..]));
/// assert_eq!(contributing_properties("identity"), None);
/// ```
pub fn contributing_properties(object_type: &str) -> Option<&'static [&'static str]> {
    // In alphabetical order, which is the order of RFC 8785 for these names.
    Some(match object_type {
        "artifact" => &["hashes", "payload_bin"],
        "autonomous-system" => &["number"],
        "directory" => &["path"],
        "domain-name" | "email-addr" | "ipv4-addr" | "ipv6-addr" | "mac-addr" | "url" => &["value"],
        "email-message" => &["body", "from_ref", "subject"],
        "file" => &["extensions", "hashes", "name", "parent_directory_ref"],
        "mutex" => &["name"],
        "network-traffic" => &["dst_port", "dst_ref", "end", "extensions", "protocols", "src_port", "src_ref", "start"],
        "process" => &[],
        "software" => &["cpe", "name", "swid", "vendor", "version"],
        "user-account" => &["account_login", "account_type", "user_id"],
        "windows-registry-key" => &["key", "values"],
        "x509-certificate" => &["hashes", "serial_number"],
        _ => return None,
    })
}

/// The identifier that everybody gives this observable (§2.9): UUIDv5 over its ID contributing properties.
/// `None` when it has none of them, or is no observable of the specification; its identifier is then random.
///
/// ```
/// use formats::stix::id::deterministic;
/// let address = br#"{"type":"ipv4-addr","value":"198.51.100.3"}"#;
/// assert_eq!(deterministic(address)?.as_deref(), Some("ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"));
/// assert_eq!(deterministic(br#"{"type":"process","pid":1}"#)?, None);
/// # Ok::<(), formats::stix::Fault>(())
/// ```
pub fn deterministic(object: &[u8]) -> Result<Option<String>, Fault> {
    let mut scanner = Scanner::new(object, DEPTH, true)?;
    scanner.kind()?;
    scanner.enter_object()?;
    let mut object_type = None;
    let mut properties: Vec<(Cow<'_, str>, &str)> = Vec::new();
    let mut first = true;
    while let Some(name) = scanner.name(&mut first)? {
        let kind = scanner.kind()?;
        if kind == Kind::Text && name.is("type") {
            object_type = Some(scanner.text()?.decoded());
        } else {
            properties.push((name.decoded(), scanner.skip()?));
        }
    }
    scanner.end()?;
    let Some(object_type) = object_type else { return Ok(None) };
    let mut name = String::from("{");
    for property in contributing_properties(&object_type).unwrap_or_default() {
        let Some((_, value)) = properties.iter().find(|(known, _)| known == property) else { continue };
        if name.len() > 1 {
            name.push(',');
        }
        name.push_str(&format!("\"{property}\":"));
        match *property {
            "hashes" => name.push_str(&one_hash(value)?),
            _ => name.push_str(&canonical(value.as_bytes())?),
        }
    }
    if name.len() == 1 {
        return Ok(None);
    }
    name.push('}');
    Ok(Some(format!("{object_type}--{}", uuid_v5(&SCO_NAMESPACE, name.as_bytes()))))
}

/// §2.9: of several hashes one contributes, by this preference; else the first that stands there.
fn one_hash(hashes: &str) -> Result<String, Fault> {
    let mut scanner = Scanner::new(hashes.as_bytes(), DEPTH, true)?;
    if scanner.kind()? != Kind::Object {
        return canonical(hashes.as_bytes());
    }
    scanner.enter_object()?;
    let mut first = true;
    let mut best: Option<(usize, Cow<'_, str>, &str)> = None;
    while let Some(name) = scanner.name(&mut first)? {
        let name = name.decoded();
        let value = scanner.skip()?;
        let rank = ["MD5", "SHA-1", "SHA-256", "SHA-512"].iter().position(|known| *known == name).unwrap_or(4);
        if best.as_ref().is_none_or(|(better, ..)| rank < *better) {
            best = Some((rank, name, value));
        }
    }
    let Some((_, name, value)) = best else { return Ok("{}".to_owned()) };
    let mut out = String::from("{");
    write_text(&name, &mut out);
    Ok(format!("{out}:{}}}", canonical(value.as_bytes())?))
}

/// The identifier of an observable that is nothing but a value: an address, a name, a URL; `None` for other types.
///
/// ```
/// use formats::stix::id::of_value;
/// assert_eq!(of_value("domain-name", "example.com").unwrap(), "domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7");
/// ```
pub fn of_value(object_type: &str, value: &str) -> Option<String> {
    if contributing_properties(object_type)? != ["value"] {
        return None;
    }
    let mut name = String::from("{\"value\":");
    write_text(value, &mut name);
    name.push('}');
    Some(format!("{object_type}--{}", uuid_v5(&SCO_NAMESPACE, name.as_bytes())))
}

/// An identifier that follows from a name in a namespace of the caller's own; `None` in the namespace of observables (§2.9:
/// nothing else may be named in it).
///
/// ```
/// use formats::stix::id::{SCO_NAMESPACE, named};
/// let ours = uuid::Uuid::from_u128(0x6ba7b810_9dad_11d1_80b4_00c04fd430c8);
/// assert_eq!(named("identity", &ours, b"csirt.example").unwrap(), "identity--da9c5f15-1afe-599f-9a98-15a36521c62e");
/// assert!(named("identity", &SCO_NAMESPACE, b"csirt.example").is_none());
/// ```
pub fn named(object_type: &str, namespace: &Uuid, name: &[u8]) -> Option<String> {
    (*namespace != SCO_NAMESPACE).then(|| format!("{object_type}--{}", uuid_v5(namespace, name)))
}

/// The UUID of version 5 of a name in a namespace (RFC 9562 §5.5).
///
/// ```
/// let namespace = uuid::Uuid::from_u128(0x6ba7b810_9dad_11d1_80b4_00c04fd430c8);
/// let made = formats::stix::id::uuid_v5(&namespace, b"www.example.com");
/// assert_eq!(made.to_string(), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
/// ```
pub fn uuid_v5(namespace: &Uuid, name: &[u8]) -> Uuid {
    let hash = Sha1::new().chain_update(namespace.as_bytes()).chain_update(name).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    Builder::from_sha1_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn identifiers_are_taken_apart_only_when_they_are_some() {
        let uuid = "28bb3599-77cd-5a82-a950-b5bc3caf07c4";
        for text in [
            format!("--{uuid}"),
            uuid.to_owned(),
            format!("a-{uuid}"),
            format!("a b--{uuid}"),
            format!("a--{{{uuid}}}"),
            "é".repeat(40),
            String::new(),
        ] {
            assert!(Identifier::read(&text).is_none(), "{text}");
        }
        assert!(Identifier::read("a--28bb359977cd5a82a950b5bc3caf07c4").is_none());
        assert!(Identifier::read("a--28bb3599-77cd-5a82-a950b5bc3caf07c4-").is_none());
    }

    #[test]
    fn of_several_hashes_one_names_the_file() {
        let of = |hashes: &str| deterministic(format!(r#"{{"type":"file","hashes":{hashes}}}"#).as_bytes()).unwrap().unwrap();
        let md5 = of(r#"{"MD5":"d41d8cd98f00b204e9800998ecf8427e"}"#);
        assert_eq!(of(r#"{"SHA-256":"00","MD5":"d41d8cd98f00b204e9800998ecf8427e"}"#), md5);
        assert_ne!(of(r#"{"SHA-256":"00"}"#), md5);
        assert_eq!(of(r#"{"SSDEEP":"3:a","TLSH":"x"}"#), of(r#"{"SSDEEP":"3:a"}"#));
    }

    proptest! {
        #[test]
        fn the_order_and_what_does_not_contribute_change_nothing(path in ".{0,12}", other in ".{0,12}") {
            let value = serde_json::json!({"type": "directory", "path": path, "atime": other});
            let turned = serde_json::json!({"path": path, "type": "directory"});
            let id = deterministic(value.to_string().as_bytes()).unwrap().unwrap();
            prop_assert_eq!(&id, &deterministic(serde_json::to_vec_pretty(&turned).unwrap().as_slice()).unwrap().unwrap());
            prop_assert_eq!(Identifier::read(&id).unwrap().uuid.get_version_num(), 5);
            let address = serde_json::json!({"type": "url", "value": other});
            prop_assert_eq!(deterministic(address.to_string().as_bytes()).unwrap(), of_value("url", &other));
        }
    }
}
