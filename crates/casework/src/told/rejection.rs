//! Why a row, a part or a whole report was set aside: the sentences of readers (`observe`), of what unpacks (`formats`), and of what joins them.

use super::Sentence;

/// What a text was expected to be.
pub(super) const EXPECTED: &[&str] = &[
    "a TLP label",
    "a category of n6",
    "a hash",
    "a host",
    "a host name",
    "a host or account",
    "a mail address",
    "a network",
    "a number",
    "a number from 0 to 100",
    "a port (0 to 65535)",
    "a severity (info to critical)",
    "a time",
    "a two-letter country code",
    "an AS number",
    "an IP address",
    "an RSIT type",
    "an absolute URL",
    "a file",
    "key=value",
    "stix",
];

/// What it is none of.
pub(super) const NONE_OF: &[&str] = &[
    "MISP event",
    "address, network, host name, URL, hash or AS number",
    "keyword of an exit list",
    "network or AS number with a note",
    "object",
    "pulse",
    "record",
    "text",
];

/// Of readers and of what unpacks. Those with a sentence within stand last.
pub(super) const REJECTION: &[Sentence] = &[
    ("rejected-no-object", "a record that is no object"),
    ("rejected-none-of", "none of {names} is a hash"),
    ("rejected-sinkhole-test", "malw.family: \"TestSinkholingLoss\" is a test of the sinkhole itself"),
    ("rejected-neither-address", "neither {one} nor {other} is an IP address"),
    ("rejected-neither", "neither {one} nor {other} nor {third}"),
    ("rejected-no-machine-part", "the mail has no machine-readable part with Feedback-Type and Version"),
    ("rejected-no-complaint", "no Source-IP, Reported-Domain or Reported-URI"),
    ("rejected-domain-unknown", "the name of the report does not say which domain it is about"),
    ("rejected-no-breach", "{address} is in no breach"),
    ("rejected-three-no-host", "source ip {one}, url {other} and domain name {third} name no host"),
    ("rejected-two-no-host", "domain {one} and ip_address {other} name no host"),
    ("rejected-no-host", "no value names a host ({names})"),
    ("rejected-no-host-column", "no column of {text} names a host"),
    ("rejected-no-source-host", "Report names no source that is a host"),
    ("rejected-no-source", "the report names no Source"),
    ("rejected-no-bars", "no columns separated by bars"),
    ("rejected-no-keys", "no line of the form `Key: value`"),
    ("rejected-entry-open", "the entry has no end"),
    ("rejected-entry-long", "the entry is longer than {size}"),
    ("rejected-no-mapping", "none of {count} mappings fits {name}"),
    ("rejected-no-usual-key", "no address, host name, URL, network or AS number under a usual key (keys: {names})"),
    ("rejected-no-usual-column", "the first line has no column whose name is known; a mapping file can say what they are"),
    ("rejected-no-pair", "{text} has no key=value"),
    ("rejected-no-column", "the report has no column {column}, which mapping {mapping} needs"),
    ("rejected-netlab", "none of the lists of Netlab 360"),
    ("rejected-page-long", "the page is longer than {count} MiB"),
    ("rejected-bundle-long", "the bundle is longer than {count} bytes"),
    ("rejected-no-timestamp", "the first line has no column \"timestamp\""),
    ("rejected-columns-either", "{count} columns where {least} or {most} are expected"),
    ("rejected-columns", "{count} columns where {number} are expected"),
    ("rejected-columns-known", "{count} columns where {number} are known"),
    ("rejected-values", "{count} values where the header has {number} columns"),
    ("rejected-nothing-held", "nothing in it is a value that an event can hold"),
    ("rejected-pattern-empty", "pattern: {text} names no value that an event can hold"),
    ("rejected-intelmq-report", "__type: \"Report\" is an IntelMQ report before parsing, not an event"),
    ("rejected-harmless", "Summary.Verdict.Severity: {count} is below {number}, so the file is not malicious"),
    ("rejected-revoked", "{id}: revoked"),
    ("rejected-script", "{property}: a script, no URL"),
    ("rejected-missing", "{property} is missing"),
    ("rejected-none-there", "{property}: there is none"),
    ("rejected-no-value", "{property}: no value"),
    ("rejected-column-utf8", "column {count} is not UTF-8"),
    ("rejected-utf8", "{property}: not UTF-8"),
    ("rejected-readable-as", "{text} cannot be read as {names}"),
    ("rejected-matches", "{text} does not match {pattern}"),
    ("rejected-not-of-type", "{property}: {text} is not {expected} (type {kind})"),
    ("rejected-not", "{property}: {text} is not {expected}"),
    ("rejected-property-none-of", "{property}: {text} is no {nothing}"),
    ("rejected-bare-not", "{text} is not {expected}"),
    ("rejected-bare-none-of", "{text} is no {nothing}"),
    // Of `formats`.
    ("rejected-record-long", "the record is longer than {count} bytes"),
    ("rejected-quote-open", "a quoted field has no end"),
    ("rejected-line-long", "line is longer than {count} bytes"),
    ("rejected-line-utf8", "line is not UTF-8 (byte {count} of it)"),
    ("rejected-json", "not JSON: {error}"),
    ("rejected-json-found", "found {found}, expected {wanted}"),
    ("rejected-nested", "containers are nested more than {count} deep"),
    ("rejected-members", "there are more than {count} members in this evidence: the rest is left out"),
    ("rejected-comes-out", "more than {count} bytes come out of this evidence: the rest is left out"),
    ("rejected-grows", "{what-kind} grows to more than {count} times its size: stopped after {number} bytes"),
    ("rejected-mail-large", "mail is larger than {count} bytes"),
    ("rejected-overlap", "zip entries overlap at byte {count}: one piece of the archive is listed more than once"),
    ("rejected-name", "name {text} {flaw}"),
    ("rejected-encrypted", "{text} is encrypted: password needed"),
    ("rejected-compression", "compression method {count} is not supported"),
    ("rejected-not-opened", "{what-kind} is not opened: {advice}"),
    ("rejected-ends-early", "{what-kind} ends early after {count} bytes"),
    ("rejected-damaged", "{what-kind} is damaged after {count} bytes: {flaw}"),
    ("rejected-linked", "the report is only linked: {names}; download it and ingest the file"),
    ("rejected-at-byte", "{error} (byte {count})"),
    // Of STIX.
    ("rejected-stix-type", "id {id} does not begin with the type {kind}"),
    ("rejected-stix-id", "id {text} is not of the form type--UUID"),
    ("rejected-stix-timestamp", "{id} {text} is no timestamp"),
    ("rejected-stix-version", "spec_version {text} is neither 2.0 nor 2.1"),
    ("rejected-stix-object", "not a JSON object"),
    ("rejected-stix-deep", "nested deeper than {count}"),
    ("rejected-stix-many", "more than {count} objects"),
    ("rejected-stix-long", "an object of {count} bytes, longer than the limit of {number}"),
    ("rejected-stix-twice", "property {text} stands twice in one object"),
    ("rejected-stix-integer", "integer {text} is beyond 2^53-1"),
    ("rejected-stix-number", "number {text} is beyond what a double can hold"),
    ("rejected-stix-surrogate", "a surrogate that stands alone"),
    ("rejected-stix-expected", "expected {wanted}"),
    ("rejected-stix-none", "no {id}"),
    ("rejected-pattern-at", "line {number}, column {count}: {error}"),
    // Of what joins them.
    ("rejected-unrecognised", "no known format; it begins with {text}; name one with --format, or write a mapping"),
    ("rejected-no-report", "no report was recognised in this text"),
    ("rejected-unreadable", "it could not be read"),
    ("rejected-values-and", "{count} values where the header has {number} columns, and {reason}"),
    ("rejected-within", "{property}: {reason}"),
];

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "a test reads the sources and their samples from files")]

    use std::path::{Path, PathBuf};

    use serde_json::Value;

    use crate::told::{Place, read};

    fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, ending, found);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }

    fn reasons(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    match value.as_str().filter(|_| key == "reason") {
                        Some(text) if map.contains_key("row") || map.contains_key("path") => found.push(text.to_owned()),
                        _ => reasons(value, found),
                    }
                }
            }
            Value::Array(all) => all.iter().for_each(|value| reasons(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reason_in_the_samples_of_the_readers_is_a_sentence_that_can_be_said_anew() {
        let (mut paths, mut found) = (Vec::new(), Vec::new());
        files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata"), ".out.json", &mut paths);
        for path in &paths {
            reasons(&serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap(), &mut found);
        }
        assert!(found.len() > 50, "{}", found.len());
        let unknown: Vec<&String> = found.iter().filter(|reason| read(Place::Rejection, reason).is_none()).collect();
        assert!(unknown.is_empty(), "not known, so not said in Japanese: {unknown:#?}");
    }

    /// What stands in quotes behind one of these words is a reason.
    const BEFORE: [&str; 12] = [
        "Err(",
        "Err(format!(",
        "reject(",
        "reject(format!(",
        "Malformed(",
        "Malformed(format!(",
        "Because(",
        "Because(format!(",
        "Reason(format!(",
        "Unreadable(format!(",
        "ok_or_else(|| format!(",
        "map_err(|_| format!(",
    ];

    /// Of the source of a reader: its reasons, with an example where a value stands.
    fn written(source: &str) -> Vec<String> {
        let source = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let mut found = Vec::new();
        for (at, _) in source.match_indices('"') {
            let before = source[..at].trim_end();
            if !BEFORE.iter().any(|word| before.ends_with(word)) {
                continue;
            }
            let mut text = String::new();
            let mut rest = source[at + 1..].chars();
            while let Some(c) = rest.next().filter(|c| *c != '"') {
                match c {
                    '\\' => text.extend(rest.next()),
                    '{' => {
                        let name: String = rest.by_ref().take_while(|c| *c != '}').collect();
                        let name = name.split(':').next().unwrap_or_default();
                        text.push_str(match name {
                            "reason" | "problem" | "complaint" | "error" => "ip is missing",
                            _ if text.ends_with("is not ") => "an IP address",
                            _ => "7",
                        });
                    }
                    c => text.push(c),
                }
            }
            if text.contains(' ') {
                found.push(text);
            }
        }
        found
    }

    #[test]
    fn every_reason_that_a_reader_writes_is_a_sentence_that_can_be_said_anew() {
        let (mut paths, mut found) = (Vec::new(), Vec::new());
        files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/observe"), ".rs", &mut paths);
        for path in paths.iter().filter(|path| !path.ends_with("mapping.rs")) {
            found.extend(written(&std::fs::read_to_string(path).unwrap()));
        }
        assert!(found.len() > 60, "{}", found.len());
        let unknown: Vec<&String> = found.iter().filter(|reason| read(Place::Rejection, reason).is_none()).collect();
        assert!(unknown.is_empty(), "not known, so not said in Japanese: {unknown:#?}");
        // It would see one that is not.
        assert_eq!(written("Err(format!(\"{x:?} smells of fish\").into())"), ["7 smells of fish"]);
        assert_eq!(read(Place::Rejection, "7 smells of fish"), None);
    }

    #[test]
    fn a_reason_within_a_reason_is_known_too_and_a_hostile_one_costs_little() {
        let told = read(Place::Rejection, "Attribute: value: \"nowhere\" is not an IP address (type ip-dst)").unwrap();
        assert_eq!(told.key, "rejected-not-of-type");
        let told = read(Place::Rejection, "SeenAt: line is longer than 7 bytes").unwrap();
        assert_eq!((told.key, told.values[1].1.as_str()), ("rejected-within", "line is longer than 7 bytes"));
        assert_eq!(read(Place::Rejection, &"a: ".repeat(600)), None);
        assert_eq!(read(Place::Rejection, &"x is not y: ".repeat(150)), None);
    }
}
