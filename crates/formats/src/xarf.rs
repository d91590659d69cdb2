//! Reports of abuse as XARF version 4 writes them (xarf.org, core schema 4.x), to be sent with a notice.
//!
//! The schema wants more of some types than is always known (a spam needs its sender, an attack its source port). What
//! cannot be said in a type's own words is written as `reputation`/`threat_intelligence`, which needs no more than its kind.

use serde::Serialize;

/// One report. Serialises as a JSON object with the keys of the schema, in its order.
#[derive(Clone, Debug, Serialize)]
pub struct Report<'a> {
    xarf_version: &'static str,
    report_id: String,
    timestamp: &'a str,
    reporter: &'a Contact,
    sender: &'a Contact,
    source_identifier: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_port: Option<u16>,
    category: &'static str,
    #[serde(rename = "type")]
    type_: &'static str,
    #[serde(flatten)]
    words: Words<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

/// Who reports (core schema, `contact_info`).
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Contact {
    pub org: String,
    /// A mail address.
    pub contact: String,
    pub domain: String,
}

/// What is reported, before it is put into words of the schema.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// Sixteen bytes that name this report; made into the UUID of version 4 that the schema wants.
    pub id: [u8; 16],
    /// When it was first and last seen: RFC 3339.
    pub first_seen: &'a str,
    pub last_seen: &'a str,
    /// Address or name with the problem.
    pub source: &'a str,
    pub source_port: Option<u16>,
    pub destination_ip: Option<&'a str>,
    pub destination_port: Option<u16>,
    /// `tcp`, `udp`, …
    pub transport: Option<&'a str>,
    pub url: Option<&'a str>,
    pub malware: Option<&'a str>,
    pub service: Option<&'a str>,
    /// RSIT type.
    pub class: &'a str,
    pub description: Option<&'a str>,
    /// `tlp:amber`, …; only what the schema allows as a tag is written.
    pub tags: &'a [&'a str],
}

/// What the type adds to the core.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Words<'a> {
    Connection {
        #[serde(skip_serializing_if = "Option::is_none")]
        destination_ip: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        destination_port: Option<u16>,
        protocol: &'a str,
        first_seen: &'a str,
        last_seen: &'a str,
    },
    Content {
        url: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        malware_family: Option<&'a str>,
    },
    Botnet {
        #[serde(skip_serializing_if = "Option::is_none")]
        malware_family: Option<&'a str>,
        compromise_evidence: &'a str,
    },
    Compromised {
        compromise_method: &'a str,
    },
    Service {
        service: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        service_port: Option<u16>,
    },
    Threat {
        threat_type: &'a str,
    },
}

impl<'a> Report<'a> {
    /// Puts facts into the words of the schema.
    ///
    /// ```
    /// use formats::xarf::{Contact, Facts, Report};
    /// let us = Contact { org: "Example CSIRT".into(), contact: "csirt@example.org".into(), domain: "example.org".into() };
    /// let facts = Facts { class: "infected-system", source: "192.0.2.7", first_seen: "2026-11-22T01:02:03Z",
    ///     last_seen: "2026-11-22T04:05:06Z", malware: Some("mirai"), ..Facts::default() };
    /// let json = serde_json::to_value(Report::new(&facts, &us)).unwrap();
    /// assert_eq!((json["category"].as_str(), json["type"].as_str()), (Some("infrastructure"), Some("botnet")));
    /// ```
    pub fn new(facts: &Facts<'a>, us: &'a Contact) -> Self {
        let (category, type_, words) = words(facts);
        Self {
            xarf_version: "4.0.0",
            report_id: uuid(facts.id),
            timestamp: facts.last_seen,
            reporter: us,
            sender: us,
            source_identifier: facts.source,
            source_port: facts.source_port.filter(|port| *port != 0),
            category,
            type_,
            words,
            tags: facts.tags.iter().map(|tag| tag.to_ascii_lowercase()).filter(|tag| is_tag(tag)).collect(),
            description: facts.description.map(|text| text.chars().take(1000).collect()),
        }
    }
}

fn words<'a>(facts: &Facts<'a>) -> (&'static str, &'static str, Words<'a>) {
    let evidence = facts.description.unwrap_or(facts.class);
    let protocol = facts.transport.filter(|p| ["tcp", "udp", "icmp", "sctp"].contains(p));
    // For an address as source these types also need the port it came from.
    let attack = protocol.filter(|_| facts.source_port.is_some_and(|port| port != 0));
    let connection = |protocol| Words::Connection {
        destination_ip: facts.destination_ip,
        destination_port: facts.destination_port.filter(|port| *port != 0),
        protocol,
        first_seen: facts.first_seen,
        last_seen: facts.last_seen,
    };
    let service = |service| Words::Service { service, service_port: facts.source_port.filter(|port| *port != 0) };
    match (facts.class, facts.url, attack, facts.service) {
        ("phishing", Some(url), ..) => ("content", "phishing", Words::Content { url, malware_family: None }),
        ("malware-distribution", Some(url), ..) => ("content", "malware", Words::Content { url, malware_family: facts.malware }),
        ("infected-system" | "c2-server", ..) => {
            ("infrastructure", "botnet", Words::Botnet { malware_family: facts.malware, compromise_evidence: evidence })
        }
        ("system-compromise" | "application-compromise" | "unauthorised-information-modification", ..) => {
            ("infrastructure", "compromised_server", Words::Compromised { compromise_method: evidence })
        }
        ("brute-force", _, Some(protocol), _) => ("connection", "login_attack", connection(protocol)),
        ("scanner", _, Some(protocol), _) => ("connection", "port_scan", connection(protocol)),
        ("dos" | "ddos", _, Some(protocol), _) => ("connection", "ddos", connection(protocol)),
        ("potentially-unwanted-accessible" | "ddos-amplifier", _, _, Some(name)) => ("vulnerability", "open_service", service(name)),
        ("misconfiguration" | "weak-crypto" | "information-disclosure", _, _, Some(name)) => {
            ("vulnerability", "misconfiguration", service(name))
        }
        (class, ..) => ("reputation", "threat_intelligence", Words::Threat { threat_type: class }),
    }
}

/// RFC 9562 §5.4: version and variant set, the rest as given.
fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.into_iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for half in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
        }
    }
    text
}

/// Core schema, `tags`: `^[a-z0-9][a-z0-9_+-]*:[a-z0-9][a-z0-9_+-]*$`.
fn is_tag(tag: &str) -> bool {
    let word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'+' | b'-'))
    };
    tag.split_once(':').is_some_and(|(space, value)| word(space) && word(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us() -> Contact {
        Contact { org: "Example CSIRT".into(), contact: "csirt@example.org".into(), domain: "example.org".into() }
    }

    fn facts(class: &str) -> Facts<'_> {
        Facts { class, source: "192.0.2.7", first_seen: "2026-11-22T01:02:03Z", last_seen: "2026-11-22T04:05:06Z", ..Facts::default() }
    }

    fn type_of(facts: &Facts<'_>) -> String {
        let json = serde_json::to_value(Report::new(facts, &us())).expect("plain values");
        format!("{}/{}", json["category"].as_str().unwrap_or_default(), json["type"].as_str().unwrap_or_default())
    }

    #[test]
    fn what_a_type_needs_and_nobody_knows_makes_it_another_type() {
        assert_eq!(type_of(&facts("brute-force")), "reputation/threat_intelligence");
        let known = Facts { transport: Some("tcp"), source_port: Some(40_000), ..facts("brute-force") };
        assert_eq!(type_of(&known), "connection/login_attack");
        assert_eq!(type_of(&facts("phishing")), "reputation/threat_intelligence");
        assert_eq!(type_of(&Facts { url: Some("http://192.0.2.7/login"), ..facts("phishing") }), "content/phishing");
        assert_eq!(type_of(&Facts { service: Some("telnet"), ..facts("potentially-unwanted-accessible") }), "vulnerability/open_service");
    }

    #[test]
    fn a_report_is_named_by_a_uuid_of_version_4_and_tagged_as_allowed() {
        let facts = Facts { id: [0xff; 16], tags: &["tlp:AMBER+STRICT", "not a tag"], ..facts("scanner") };
        let json = serde_json::to_value(Report::new(&facts, &us())).expect("plain values");
        assert_eq!(json["report_id"], "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(json["tags"], serde_json::json!(["tlp:amber+strict"]));
    }
}
