//! Where in STIX does a MISP value stand, and how is it found there again?
//!
//! A value is said by a path (`file:hashes.MD5`, `domain-name:value`), in a pattern and in observables alike. The same table is read both
//! ways. Paths with `[*]` may hold several values, the others one.

/// A path with the value that stands there.
pub(super) type Term = (&'static str, String);

/// How a value is written in a pattern.
pub(super) fn is_number(path: &str) -> bool {
    matches!(path, "file:size" | "network-traffic:src_port" | "network-traffic:dst_port" | "autonomous-system:number" | "process:pid")
}

/// The path of an attribute type (or of one part of a composite type).
pub(super) fn of_type(kind: &str) -> Option<&'static str> {
    BY_TYPE.iter().find(|(name, _)| *name == kind).map(|(_, path)| *path)
}

/// The type of attribute that stands at a path, for STIX that others wrote.
pub(super) fn type_at(path: &str) -> Option<&'static str> {
    let plain = match path {
        "ipv4-addr:value" | "ipv6-addr:value" | "domain-name:resolves_to_refs[*].value" => return Some("ip-dst"),
        "file:hashes.'MD5'" => "file:hashes.MD5",
        "file:hashes.SHA1" | "file:hashes.'SHA1'" => "file:hashes.'SHA-1'",
        "file:hashes.SHA256" | "file:hashes.'SHA256'" => "file:hashes.'SHA-256'",
        other => other,
    };
    BY_TYPE.iter().find(|(_, at)| *at == plain).map(|(name, _)| *name)
}

/// A path as this table spells it.
pub(super) fn known(path: &str) -> Option<&'static str> {
    let of_objects = OBJECTS.iter().flat_map(|(_, relations)| relations.iter().map(|(_, path)| *path));
    BY_TYPE.iter().map(|(_, path)| *path).chain(of_objects).find(|known| *known == path)
}

/// The path of a relation of an object (`file`, `filename`); `None` for an object or relation that STIX has no place for.
pub(super) fn of_relation(object: &str, relation: &str) -> Option<&'static str> {
    let relations = OBJECTS.iter().find(|(name, _)| *name == object)?.1;
    relations.iter().find(|(name, _)| *name == relation).map(|(_, path)| *path)
}

const BY_TYPE: &[(&str, &str)] = &[
    ("domain", "domain-name:value"),
    ("hostname", "domain-name:value"),
    ("ip-dst", "network-traffic:dst_ref.value"),
    ("ip-src", "network-traffic:src_ref.value"),
    ("port", "network-traffic:dst_port"),
    ("url", "url:value"),
    ("uri", "url:value"),
    ("email", "email-addr:value"),
    ("email-src", "email-message:from_ref.value"),
    ("email-dst", "email-message:to_refs[*].value"),
    ("email-subject", "email-message:subject"),
    ("md5", "file:hashes.MD5"),
    ("sha1", "file:hashes.'SHA-1'"),
    ("sha256", "file:hashes.'SHA-256'"),
    ("sha512", "file:hashes.'SHA-512'"),
    ("sha3-256", "file:hashes.'SHA3-256'"),
    ("sha3-512", "file:hashes.'SHA3-512'"),
    ("ssdeep", "file:hashes.SSDEEP"),
    ("tlsh", "file:hashes.TLSH"),
    ("filename", "file:name"),
    ("mime-type", "file:mime_type"),
    ("size-in-bytes", "file:size"),
    ("regkey", "windows-registry-key:key"),
    ("regkey-value", "windows-registry-key:values[0].data"),
    ("mutex", "mutex:name"),
    ("AS", "autonomous-system:number"),
    ("mac-address", "mac-addr:value"),
    ("x509-fingerprint-md5", "x509-certificate:hashes.MD5"),
    ("x509-fingerprint-sha1", "x509-certificate:hashes.'SHA-1'"),
    ("x509-fingerprint-sha256", "x509-certificate:hashes.'SHA-256'"),
];

type Relations = &'static [(&'static str, &'static str)];

const OBJECTS: &[(&str, Relations)] = &[
    (
        "file",
        &[
            ("filename", "file:name"),
            ("md5", "file:hashes.MD5"),
            ("sha1", "file:hashes.'SHA-1'"),
            ("sha256", "file:hashes.'SHA-256'"),
            ("sha512", "file:hashes.'SHA-512'"),
            ("sha3-256", "file:hashes.'SHA3-256'"),
            ("sha3-512", "file:hashes.'SHA3-512'"),
            ("ssdeep", "file:hashes.SSDEEP"),
            ("tlsh", "file:hashes.TLSH"),
            ("size-in-bytes", "file:size"),
            ("mimetype", "file:mime_type"),
        ],
    ),
    ("url", &[("url", "url:value")]),
    ("domain-ip", &[("domain", "domain-name:value"), ("hostname", "domain-name:value"), ("ip", "domain-name:resolves_to_refs[*].value")]),
    (
        "ip-port",
        &[
            ("ip", "network-traffic:dst_ref.value"),
            ("ip-dst", "network-traffic:dst_ref.value"),
            ("ip-src", "network-traffic:src_ref.value"),
            ("dst-port", "network-traffic:dst_port"),
            ("src-port", "network-traffic:src_port"),
        ],
    ),
    (
        "network-connection",
        &[
            ("ip-dst", "network-traffic:dst_ref.value"),
            ("ip-src", "network-traffic:src_ref.value"),
            ("dst-port", "network-traffic:dst_port"),
            ("src-port", "network-traffic:src_port"),
        ],
    ),
    (
        "email",
        &[
            ("from", "email-message:from_ref.value"),
            ("to", "email-message:to_refs[*].value"),
            ("cc", "email-message:cc_refs[*].value"),
            ("subject", "email-message:subject"),
            ("message-id", "email-message:message_id"),
            ("email-body", "email-message:body"),
        ],
    ),
    (
        "x509",
        &[
            ("x509-fingerprint-md5", "x509-certificate:hashes.MD5"),
            ("x509-fingerprint-sha1", "x509-certificate:hashes.'SHA-1'"),
            ("x509-fingerprint-sha256", "x509-certificate:hashes.'SHA-256'"),
            ("issuer", "x509-certificate:issuer"),
            ("subject", "x509-certificate:subject"),
            ("serial-number", "x509-certificate:serial_number"),
            ("version", "x509-certificate:version"),
        ],
    ),
    (
        "registry-key",
        &[
            ("key", "windows-registry-key:key"),
            ("name", "windows-registry-key:values[0].name"),
            ("data", "windows-registry-key:values[0].data"),
        ],
    ),
    ("process", &[("pid", "process:pid"), ("command-line", "process:command_line"), ("current-directory", "process:cwd")]),
    ("asn", &[("asn", "autonomous-system:number"), ("description", "autonomous-system:name")]),
];

/// A pattern that asks for all of these.
pub(super) fn pattern(terms: &[Term]) -> String {
    let mut text = String::with_capacity(terms.len() * 64 + 2);
    text.push('[');
    for (path, value) in terms {
        if text.len() > 1 {
            text.push_str(" AND ");
        }
        // The kind of address is part of what is asked, as misp-stix writes it.
        if let Some(reference) = path.strip_suffix("_ref.value").filter(|path| path.starts_with("network-traffic")) {
            text.push_str(reference);
            text.push_str("_ref.type = '");
            text.push_str(address_type(value));
            text.push_str("' AND ");
        }
        text.push_str(path);
        text.push_str(" = ");
        if is_number(path) {
            text.push_str(value);
        } else {
            text.push('\'');
            for letter in value.chars() {
                if matches!(letter, '\\' | '\'') {
                    text.push('\\');
                }
                text.push(letter);
            }
            text.push('\'');
        }
    }
    text.push(']');
    text
}

pub(super) fn address_type(value: &str) -> &'static str {
    match (value.contains(':'), value.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'/'))) {
        (true, _) => "ipv6-addr",
        (false, true) => "ipv4-addr",
        (false, false) => "domain-name",
    }
}

/// Comparisons that one pattern may hold to be taken apart.
const TERMS: usize = 1_000;

/// The comparisons of a pattern that is one observation of equalities joined by `AND` or `OR`; `None` for any other pattern.
pub(super) fn terms(pattern: &str) -> Option<Vec<(String, String)>> {
    let mut rest = pattern.trim().strip_prefix('[')?;
    let mut found = Vec::new();
    loop {
        let at = equals(rest)?;
        let path = rest[..at].trim();
        if path.is_empty() || path.contains(['(', ')', '[']) && !path.contains("[*]") && !path.contains("[0]") {
            return None;
        }
        let value;
        (value, rest) = literal(rest[at + 1..].trim_start())?;
        found.push((path.to_owned(), value));
        rest = rest.trim_start();
        if rest == "]" {
            return Some(found);
        }
        rest = rest.strip_prefix("AND ").or_else(|| rest.strip_prefix("OR "))?;
        if found.len() == TERMS {
            return None;
        }
    }
}

/// The `=` that ends a path, of which quoted parts may hold any letter.
fn equals(text: &str) -> Option<usize> {
    let mut quoted = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'\'' => quoted = !quoted,
            b'=' if !quoted => return (at > 0 && !text[..at].ends_with(['!', '<', '>'])).then_some(at),
            _ => {}
        }
    }
    None
}

fn literal(text: &str) -> Option<(String, &str)> {
    if let Some(inner) = text.strip_prefix('\'') {
        let mut value = String::new();
        let mut letters = inner.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => value.push(letters.next()?.1),
                '\'' => return Some((value, &inner[at + 1..])),
                letter => value.push(letter),
            }
        }
        return None;
    }
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (end > 0).then(|| (text[..end].to_owned(), &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pattern_says_is_found_in_it_again() {
        let said = vec![
            ("file:name", "o'clock\\ ] AND x = 'y'".to_owned()),
            ("file:hashes.'SHA-1'", "ab".to_owned()),
            ("file:size", "7".to_owned()),
        ];
        let found = terms(&pattern(&said)).unwrap();
        assert_eq!(found, said.iter().map(|(path, value)| ((*path).to_owned(), value.clone())).collect::<Vec<_>>());
        for foreign in
            ["[file:name LIKE 'a%']", "[file:size > 7]", "[a:b = 'c'] FOLLOWEDBY [a:b = 'd']", "[a:b = 'c' AND (a:d = 'e')]", "[a:b = 'c"]
        {
            assert_eq!(terms(foreign), None, "{foreign}");
        }
    }
}
