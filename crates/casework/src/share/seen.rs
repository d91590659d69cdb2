//! How do we tell of events in STIX: what was seen, and no more than policy left of it?
//!
//! An event becomes observed-data with the observables of its two ends. It is told as it passed the door: what was redacted is not in it,
//! and nothing here is computed from anything else. Observed data has a random identifier, since one that followed from the event would let
//! whoever guesses the event check the guess; observables have the identifier that everybody gives to that value, which stands beside it.

use std::net::IpAddr;

use formats::rsit::Class;
use formats::stix::write::{Object, observed_data};
use jiff::Timestamp;
use uuid::Uuid;

use crate::indicate::told::marked;
use crate::model::terms::Terms;

/// One end of an event, as a party sees it.
#[derive(Clone, Copy, Debug, Default)]
pub struct End<'a> {
    pub ip: Option<IpAddr>,
    pub port: Option<u16>,
    pub fqdn: Option<&'a str>,
    pub url: Option<&'a str>,
    pub asn: Option<u32>,
}

/// An event, as a party sees it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    pub time: Timestamp,
    pub class: Class,
    pub source: End<'a>,
    pub destination: End<'a>,
    pub transport: Option<&'a str>,
    pub malware: Option<&'a str>,
    pub identifier: Option<&'a str>,
    pub md5: Option<&'a str>,
    pub sha1: Option<&'a str>,
    pub sha256: Option<&'a str>,
    pub confidence: Option<u8>,
}

/// The objects that tell of an event, observables first; `None` when nothing is left that STIX has an observable for. `created_by` is
/// the identity of who tells, if it is to be named; `random` names the observed data.
///
/// ```
/// use casework::model::terms::{Terms, Tlp};
/// use casework::share::seen::{End, Seen, objects};
/// use formats::rsit::Class;
/// let source = End { ip: "192.0.2.7".parse().ok(), ..End::default() };
/// let seen = Seen {
///     time: jiff::Timestamp::UNIX_EPOCH, class: Class::known("scanner"), source, destination: End::default(), transport: None, malware: None,
///     identifier: None, md5: None, sha1: None, sha256: None, confidence: None,
/// };
/// let told = objects(&seen, &Terms::of(Tlp::Green), None, &uuid::Uuid::from_u128(1), 0).unwrap();
/// assert_eq!(told.len(), 2);
/// assert!(told[1].write().contains(r#""labels":["rsit:information-gathering=\"scanner\""]"#));
/// ```
pub fn objects(seen: &Seen<'_>, terms: &Terms, created_by: Option<&str>, random: &Uuid, created: i64) -> Option<Vec<Object>> {
    let mut told: Vec<(String, Object)> = Vec::new();
    let mut add = |object: Object| -> Option<String> {
        let id = object.id().ok()?;
        if !told.iter().any(|(known, _)| *known == id) {
            told.push((id.clone(), marked(object, terms)));
        }
        Some(id)
    };
    let mut ends: [Option<String>; 2] = [None, None];
    for (at, end) in [&seen.source, &seen.destination].into_iter().enumerate() {
        if let Some(asn) = end.asn {
            add(Object::observable("autonomous-system").set("number", asn));
        }
        let ip = end
            .ip
            .and_then(|ip| add(Object::observable(if ip.is_ipv4() { "ipv4-addr" } else { "ipv6-addr" }).set("value", ip.to_string())));
        let name = end.fqdn.and_then(|name| add(Object::observable("domain-name").set("value", name)));
        end.url.and_then(|url| add(Object::observable("url").set("value", url)));
        ends[at] = ip.or(name);
    }
    let hashes: serde_json::Map<String, serde_json::Value> = [("MD5", seen.md5), ("SHA-1", seen.sha1), ("SHA-256", seen.sha256)]
        .into_iter()
        .filter_map(|(name, hash)| Some((name.to_owned(), hash?.into())))
        .collect();
    if !hashes.is_empty() {
        add(Object::observable("file").set("hashes", hashes));
    }
    let [source, destination] = ends;
    // §6.12: traffic has an end, and protocols.
    if (seen.source.port.is_some() || destination.is_some()) && (source.is_some() || destination.is_some()) {
        let transport = seen.transport.map_or_else(|| "tcp".to_owned(), str::to_lowercase);
        let mut traffic = Object::observable("network-traffic").set("protocols", vec![transport]);
        for (name, end) in [("src_ref", &source), ("dst_ref", &destination)] {
            if let Some(end) = end {
                traffic = traffic.set(name, end.clone());
            }
        }
        for (name, end) in [("src_port", seen.source.port), ("dst_port", seen.destination.port)] {
            if let Some(port) = end {
                traffic = traffic.set(name, port);
            }
        }
        add(traffic);
    }
    if told.is_empty() {
        return None;
    }
    let at = seen.time.as_microsecond();
    let refs: Vec<&str> = told.iter().map(|(id, _)| id.as_str()).collect();
    let mut object =
        observed_data(random, created, [at, at], 1, &refs).label(&format!("rsit:{}=\"{}\"", seen.class.taxonomy(), seen.class.type_()));
    if let Some(identity) = created_by {
        object = object.created_by(identity);
    }
    for (name, word) in [("malware", seen.malware), ("identifier", seen.identifier)] {
        if let Some(word) = word {
            object = object.label(&format!("{name}:{word}"));
        }
    }
    if let Some(confidence) = seen.confidence {
        object = object.confidence(confidence);
    }
    let object = marked(object, terms);
    let mut objects: Vec<Object> = told.into_iter().map(|(_, object)| object).collect();
    objects.push(object);
    Some(objects)
}

#[cfg(test)]
mod tests {
    use formats::stix::check::{Level, full};

    use super::*;
    use crate::model::terms::Tlp;

    #[test]
    fn what_was_redacted_is_in_none_of_the_objects() {
        let whole = Seen {
            time: Timestamp::from_second(1_774_000_000).unwrap(),
            class: Class::known("infected-system"),
            source: End { ip: "198.51.100.7".parse().ok(), port: Some(40_000), asn: Some(64_500), ..End::default() },
            destination: End { ip: "203.0.113.9".parse().ok(), port: Some(443), fqdn: Some("c2.example"), ..End::default() },
            transport: Some("TCP"),
            malware: Some("mirai"),
            identifier: None,
            md5: None,
            sha1: None,
            sha256: None,
            confidence: Some(90),
        };
        let redacted = Seen { source: End { asn: Some(64_500), ..End::default() }, ..whole };
        let terms = Terms::of(Tlp::Amber);
        let text = |seen: &Seen<'_>| {
            let told = objects(
                seen,
                &terms,
                Some("identity--023d105b-752e-4e3c-941c-7d3f3cb15e9e"),
                &Uuid::from_u128(0xb67d_30ff_02ac_498a_92f9_32f8_45f4_48cf),
                0,
            )
            .unwrap();
            told.iter().map(Object::write).collect::<Vec<_>>()
        };
        let (open, closed) = (text(&whole), text(&redacted));
        assert!(open.iter().any(|text| text.contains("198.51.100.7")));
        let address = formats::stix::id::of_value("ipv4-addr", "198.51.100.7").unwrap();
        assert!(!closed.iter().any(|text| text.contains("198.51.100.7") || text.contains(&address) || text.contains("40000")));
        for text in open.iter().chain(&closed) {
            let musts: Vec<_> = full(text.as_bytes()).into_iter().filter(|finding| finding.level == Level::Must).collect();
            assert!(musts.is_empty(), "{musts:?} in {text}");
        }
    }
}
