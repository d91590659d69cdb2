//! Is this the value that its type says it is, and how does MISP write it?
//!
//! MISP keeps values in one form: hashes and host names in lower case, addresses without brackets, defanged ones made whole. A
//! value that its type does not allow is refused with what was meant; a type nobody knows is refused by name.

use std::borrow::Cow;
use std::net::IpAddr;

use super::attribute_type;
use crate::value;

/// Characters that MISP's database holds of one value.
pub const VALUE_LIMIT: usize = 65_535;

/// Why a value cannot stand under its type.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadValue {
    #[error("no type is named {0:?}")]
    UnknownType(String),
    #[error("category {category:?} has no type {kind:?}")]
    Category { kind: String, category: String },
    #[error("{0}: there is no value")]
    Empty(String),
    #[error("{kind}: {length} bytes are more than {VALUE_LIMIT}")]
    TooLong { kind: String, length: usize },
    #[error("{kind}: {value:?} is not {meant}")]
    NotThat { kind: String, value: String, meant: &'static str },
}

/// Reads a value as MISP stores it, or says why it cannot stand under its type.
///
/// ```
/// use formats::misp::value::read;
/// assert_eq!(read("domain", "EVIL[.]Example")?, "evil.example");
/// assert_eq!(read("ip-dst|port", "192.0.2.1:443")?, "192.0.2.1|443");
/// assert_eq!(read("md5", "no hash").unwrap_err().to_string(), r#"md5: "no hash" is not 32 hexadecimal digits"#);
/// # Ok::<(), formats::misp::value::BadValue>(())
/// ```
pub fn read<'a>(kind: &str, text: &'a str) -> Result<Cow<'a, str>, BadValue> {
    if attribute_type::of(kind).is_none() {
        return Err(BadValue::UnknownType(kind.to_owned()));
    }
    if text.len() > VALUE_LIMIT && !is_prose(kind) {
        return Err(BadValue::TooLong { kind: kind.to_owned(), length: text.len() });
    }
    let normal = normalise(kind, text);
    if normal.is_empty() {
        return Err(BadValue::Empty(kind.to_owned()));
    }
    match allowed(kind, &normal) {
        Ok(()) => Ok(normal),
        Err(meant) => Err(BadValue::NotThat { kind: kind.to_owned(), value: text.chars().take(120).collect(), meant }),
    }
}

/// The type may stand in the category.
///
/// ```
/// assert!(formats::misp::value::fits("url", "Network activity").is_ok());
/// assert!(formats::misp::value::fits("url", "Financial fraud").is_err());
/// ```
pub fn fits(kind: &str, category: &str) -> Result<(), BadValue> {
    let known = attribute_type::of(kind).ok_or_else(|| BadValue::UnknownType(kind.to_owned()))?;
    if known.fits(category) { Ok(()) } else { Err(BadValue::Category { kind: kind.to_owned(), category: category.to_owned() }) }
}

/// The form in which MISP keeps a value, whether or not the value is right.
///
/// ```
/// use formats::misp::value::normalise;
/// assert_eq!(normalise("sha1", " ABCDEF "), "abcdef");
/// ```
pub fn normalise<'a>(kind: &str, text: &'a str) -> Cow<'a, str> {
    let text = text.trim();
    if let Some((left, right)) = kind.split_once('|') {
        return composite(left, right, text);
    }
    if kind == "malware-sample" {
        return composite("filename", "md5", text);
    }
    match kind {
        "ip-src" | "ip-dst" => address(text),
        "domain" | "hostname" | "onion-address" => host(text),
        "url" | "link" => value::refang(text),
        "email"
        | "email-src"
        | "email-dst"
        | "target-email"
        | "whois-registrant-email"
        | "dns-soa-email"
        | "email-reply-to"
        | "eppn"
        | "jabber-id" => lower(value::refang(text)),
        "mac-address" | "mac-eui-64" => mac(kind, text),
        "AS" => match value::asn(text) {
            Some(number) if number.to_string() != text => Cow::Owned(number.to_string()),
            _ => Cow::Borrowed(text),
        },
        "vulnerability" | "weakness" | "iban" | "bic" | "hex" => upper(text),
        "x509-fingerprint-md5" | "x509-fingerprint-sha1" | "x509-fingerprint-sha256" => lower(without(text, ':')),
        "bank-account-nr" | "cc-number" | "bin" | "prtn" => match without(text, '-') {
            Cow::Borrowed(text) => without(text, ' '),
            Cow::Owned(text) => Cow::Owned(without(&text, ' ').into_owned()),
        },
        "phone-number" | "whois-registrant-phone" | "btc" | "dash" | "xmr" => Cow::Borrowed(text),
        "boolean" => match text {
            "true" | "True" => Cow::Borrowed("1"),
            "false" | "False" => Cow::Borrowed("0"),
            _ => Cow::Borrowed(text),
        },
        "uuid" => lower(Cow::Borrowed(text)),
        _ if digits(kind).is_some() => lower(Cow::Borrowed(text)),
        _ => Cow::Borrowed(text),
    }
}

fn composite<'a>(left: &str, right: &str, text: &'a str) -> Cow<'a, str> {
    // `host:port` is what people write; MISP takes it and writes `host|port`.
    let pair = text.split_once('|').or_else(|| match (right, value::split_port(text)) {
        ("port", (host, Some(port))) => Some((host, port)),
        _ => None,
    });
    let Some((one, two)) = pair else { return Cow::Borrowed(text) };
    // Names and keys are as they are, white space at their border too.
    let part = |kind, text| if matches!(kind, "filename" | "regkey" | "value") { Cow::Borrowed(text) } else { normalise(kind, text) };
    let (one, two) = (part(left, one), part(if right == "ip" { "ip-dst" } else { right }, two));
    if text.len() == one.len() + 1 + two.len() && text.starts_with(&*one) && text.ends_with(&*two) && text.as_bytes()[one.len()] == b'|' {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("{one}|{two}"))
    }
}

fn lower(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.chars().any(char::is_uppercase) { Cow::Owned(text.to_lowercase()) } else { text }
}

fn upper(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_lowercase()) { Cow::Owned(text.to_ascii_uppercase()) } else { Cow::Borrowed(text) }
}

fn without(text: &str, letter: char) -> Cow<'_, str> {
    if text.contains(letter) { Cow::Owned(text.replace(letter, "")) } else { Cow::Borrowed(text) }
}

fn host(text: &str) -> Cow<'_, str> {
    let text = lower(value::refang(text));
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_matches('.')),
        Cow::Owned(text) if text.starts_with('.') || text.ends_with('.') => Cow::Owned(text.trim_matches('.').to_owned()),
        owned @ Cow::Owned(_) => owned,
    }
}

/// An address, or a network as long as it says.
fn address(text: &str) -> Cow<'_, str> {
    let normal = match text.split_once('/') {
        Some((_, "32")) if !text.contains(':') => value::ip(text.trim_end_matches("/32")).map(|address| address.to_string()),
        Some((_, "128")) => value::ip(text.trim_end_matches("/128")).map(|address| address.to_string()),
        Some((address, length)) => value::ip(address).map(|address| format!("{address}/{length}")),
        None => value::ip(text).map(|address| address.to_string()),
    };
    match normal {
        Some(normal) if normal != text => Cow::Owned(normal),
        _ => Cow::Borrowed(text),
    }
}

fn mac<'a>(kind: &str, text: &'a str) -> Cow<'a, str> {
    let hex: String = text.chars().filter(|c| !matches!(c, ':' | '-' | '.' | ' ')).collect::<String>().to_ascii_lowercase();
    let bytes = if kind == "mac-address" { 6 } else { 8 };
    if hex.len() != bytes * 2 || !is_hex(&hex) {
        return Cow::Borrowed(text);
    }
    let pairs: Vec<&str> = (0..bytes).map(|n| &hex[n * 2..n * 2 + 2]).collect();
    Cow::Owned(pairs.join(":"))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// How many hexadecimal digits a hash of this type has.
fn digits(kind: &str) -> Option<(usize, &'static str)> {
    Some(match kind {
        "md5" | "imphash" | "x509-fingerprint-md5" | "ja3-fingerprint-md5" | "hassh-md5" | "hasshserver-md5" | "dom-hash" => {
            (32, "32 hexadecimal digits")
        }
        "sha1" | "pehash" | "x509-fingerprint-sha1" | "git-commit-id" => (40, "40 hexadecimal digits"),
        "sha224" | "sha3-224" | "sha512/224" => (56, "56 hexadecimal digits"),
        "jarm-fingerprint" => (62, "62 hexadecimal digits"),
        "sha256" | "sha512/256" | "sha3-256" | "authentihash" | "x509-fingerprint-sha256" => (64, "64 hexadecimal digits"),
        "sha384" | "sha3-384" => (96, "96 hexadecimal digits"),
        "sha512" | "sha3-512" => (128, "128 hexadecimal digits"),
        _ => return None,
    })
}

/// Rules, code and prose, which may be long and of many lines.
fn is_prose(kind: &str) -> bool {
    matches!(
        kind,
        "yara"
            | "sigma"
            | "snort"
            | "suricata"
            | "bro"
            | "zeek"
            | "stix2-pattern"
            | "text"
            | "comment"
            | "other"
            | "email-body"
            | "email-header"
            | "pattern-in-file"
            | "pattern-in-traffic"
            | "pattern-in-memory"
            | "kusto-query"
            | "gene"
            | "cortex"
            | "pgp-public-key"
            | "pgp-private-key"
            | "hex"
    )
}

fn allowed(kind: &str, text: &str) -> Result<(), &'static str> {
    if kind.contains('|') || kind == "malware-sample" {
        let (left, right) = kind.split_once('|').unwrap_or(("filename", "md5"));
        let (one, two) = text.split_once('|').ok_or("two values with | between them")?;
        if one.is_empty() || two.is_empty() && right != "value" {
            return Err("two values with | between them");
        }
        allowed(left, one)?;
        return allowed(if right == "ip" { "ip-dst" } else { right }, two);
    }
    if let Some((count, meant)) = digits(kind) {
        return if text.len() == count && is_hex(text) { Ok(()) } else { Err(meant) };
    }
    let (right, meant) = match kind {
        "ip-src" | "ip-dst" => (is_address(text), "an address or network"),
        "domain" | "hostname" => (is_host(text), "a host name"),
        "onion-address" => (text.ends_with(".onion") && is_host(text), "an onion address"),
        "email"
        | "email-src"
        | "email-dst"
        | "target-email"
        | "whois-registrant-email"
        | "dns-soa-email"
        | "email-reply-to"
        | "eppn"
        | "jabber-id" => (is_mailbox(text), "a mail address"),
        "url" | "link" => (is_url(kind, text), "a URL on one line"),
        "AS" => (value::asn(text).is_some(), "the number of an autonomous system"),
        "port" => (text.parse::<u16>().is_ok_and(|port| port > 0), "a port from 1 to 65535"),
        "size-in-bytes" | "counter" => (text.parse::<u64>().is_ok(), "a number from 0"),
        "integer" => (text.parse::<i128>().is_ok(), "a whole number"),
        "float" => (text.parse::<f64>().is_ok_and(f64::is_finite), "a number"),
        "boolean" => (matches!(text, "0" | "1"), "0 or 1"),
        "uuid" => (uuid::Uuid::try_parse(text).is_ok_and(|_| text.len() == 36), "a UUID"),
        "hex" => (is_hex(text), "hexadecimal digits"),
        "datetime" => (crate::time::read(text).is_some(), "a time"),
        "mac-address" => (text.len() == 17, "a MAC address"),
        "mac-eui-64" => (text.len() == 23, "an EUI-64 address"),
        "vulnerability" => (numbered(text, &["CVE-", "GCVE-", "GHSA-"]), "the number of a vulnerability (CVE-2024-1234)"),
        "weakness" => (numbered(text, &["CWE-"]), "the number of a weakness (CWE-79)"),
        "cpe" => (text.starts_with("cpe:"), "a CPE"),
        "tlsh" => (text.len() >= 35 && is_hex(text.trim_start_matches(['t', 'T'])), "a TLSH hash"),
        "telfhash" => (matches!(text.len(), 70 | 72) && is_hex(text.trim_start_matches(['t', 'T'])), "a telfhash of 70 or 72 digits"),
        "cdhash" => (text.len() >= 40 && is_hex(text), "40 or more hexadecimal digits"),
        "ssdeep" => {
            (text.split(':').count() == 3 && text.split(':').next().is_some_and(|size| size.parse::<u64>().is_ok()), "an ssdeep hash")
        }
        "impfuzzy" => (text.split(':').count() == 3, "an impfuzzy hash"),
        "community-id" => (text.split_once(':').is_some_and(|(v, hash)| v.parse::<u8>().is_ok() && hash.len() == 28), "a Community ID"),
        "favicon-mmh3" => (text.parse::<i64>().is_ok(), "a MurmurHash3 number"),
        "filename" | "regkey" | "uri" | "mutex" | "named pipe" | "user-agent" | "cookie" | "http-method" => {
            (!text.contains(['\n', '\r']), "on one line")
        }
        _ => (true, ""),
    };
    if right { Ok(()) } else { Err(meant) }
}

fn is_address(text: &str) -> bool {
    match text.split_once('/') {
        Some((address, length)) => match address.parse::<IpAddr>() {
            Ok(IpAddr::V4(_)) => length.parse::<u8>().is_ok_and(|length| length <= 32),
            Ok(IpAddr::V6(_)) => length.parse::<u8>().is_ok_and(|length| length <= 128),
            Err(_) => false,
        },
        None => text.parse::<IpAddr>().is_ok(),
    }
}

/// A name that can be looked up; MISP takes what has a dot and no white space, also as its letters (IDN) are.
fn is_host(text: &str) -> bool {
    text.len() <= 1024 && text.contains('.') && text.parse::<IpAddr>().is_err() && value::fqdn(text).is_some()
}

fn is_mailbox(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && domain.contains('.') && !domain.ends_with('.') && !text.contains(char::is_whitespace)
    })
}

/// MISP lets white space stand within a URL, as in the names of files that attackers serve.
fn is_url(kind: &str, text: &str) -> bool {
    if text.contains(['\n', '\r']) {
        return false;
    }
    match text.split_once("://") {
        Some((scheme, rest)) => !scheme.is_empty() && !rest.is_empty(),
        // MISP takes `host/path` for a URL, but not a word.
        None => kind == "url" && text.split('/').next().is_some_and(|host| host.contains('.') || host.contains(':')),
    }
}

fn numbered(text: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| text.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_in_the_form_that_misp_keeps() {
        for (kind, given, kept) in [
            ("regkey|value", "HKLM\\A | B", "HKLM\\A | B"),
            ("filename|sha1", "Evil.EXE|DA39A3EE5E6B4B0D3255BFEF95601890AFD80709", "Evil.EXE|da39a3ee5e6b4b0d3255bfef95601890afd80709"),
            ("domain|ip", "Evil.Example.|2001:DB8:0::1", "evil.example|2001:db8::1"),
            ("ip-dst", "192.0.2[.]1/32", "192.0.2.1"),
            ("ip-src|port", "[2001:db8::1]:443", "2001:db8::1|443"),
            ("url", "hxxp://evil[.]example/A", "http://evil.example/A"),
            ("mac-address", "00-11-22-AA-BB-CC", "00:11:22:aa:bb:cc"),
            ("AS", "AS64496", "64496"),
            ("vulnerability", "cve-2024-1234", "CVE-2024-1234"),
        ] {
            assert_eq!(normalise(kind, given), kept, "{kind}");
            assert_eq!(normalise(kind, kept), kept, "{kind} again");
        }
    }

    #[test]
    fn what_a_type_does_not_allow_is_refused_with_what_was_meant() {
        for (kind, value) in [
            ("md5", "abc"),
            ("ip-dst", "300.1.1.1"),
            ("port", "0"),
            ("domain", "no dot"),
            ("filename|md5", "only a name"),
            ("email-src", "nobody"),
            ("datetime", "soon"),
            ("boolean", "maybe"),
        ] {
            assert!(matches!(read(kind, value), Err(BadValue::NotThat { .. })), "{kind} {value}");
        }
        assert_eq!(read("nope", "x"), Err(BadValue::UnknownType("nope".to_owned())));
        assert_eq!(read("text", "  "), Err(BadValue::Empty("text".to_owned())));
    }
}
