//! Words that everyone uses for the same column: `src_ip`, `source address` and `attacker` are `source.ip`.
//!
//! Used where nobody has written down what the columns of a report mean. Only words with one usual meaning are here.

use std::borrow::Cow;

use super::reading::snake_case;
use crate::model::event::{Event, Side};
use crate::model::field::{Field, INTELMQ_KEYS};

/// What a column means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Meaning {
    Field(Field),
    /// Address, name, network or URL, with or without a port.
    Host(Side),
    /// An IntelMQ key without a column of its own.
    Kept(&'static str),
}

impl Meaning {
    pub(super) fn names_a_host(self) -> bool {
        matches!(
            self,
            Self::Host(_) | Self::Field(Field::Ip(_) | Field::Fqdn(_) | Field::Url(_) | Field::Network(_)) | Self::Kept("source.account")
        ) || matches!(self, Self::Kept(key) if key.starts_with("malware.hash."))
    }

    /// Sets what the text says; what cannot be read stays in `extra` under the column's name.
    pub(super) fn set<'a>(self, event: &mut Event<'a>, text: impl Into<Cow<'a, str>>, column: &str) {
        let text = text.into();
        let read = match self {
            Self::Field(Field::Time) => event.set_time_assuming_utc(&text).is_ok(),
            Self::Field(field) => event.set(field, text.clone()).is_ok(),
            // one word alone is a name only by accident
            Self::Host(side) => text.contains(['.', ':']) && event.set_host(side, text.clone()).is_ok(),
            Self::Kept(key) => event.set_key(key, text.clone()).is_ok(),
        };
        if !read {
            event.extra.str(&snake_case(column), text.trim());
        }
    }
}

const SOURCE: Side = Side::Source;
const DESTINATION: Side = Side::Destination;

#[rustfmt::skip]
const COMMON: &[(&[&str], Meaning)] = &[
    (&["time", "timestamp", "datetime", "date_time", "date", "last_seen", "lastseen", "event_time", "eventtime", "detected_at", "observed_at", "time_utc", "timestamp_utc", "ts"], Meaning::Field(Field::Time)),
    (&["ip", "ip_address", "ipaddress", "ipaddr", "ip_addr", "ipv4", "ipv6", "source_ip", "sourceip", "src_ip", "srcip", "src", "saddr", "src_addr", "source_address", "sourceaddress", "attacker", "attacker_ip", "remote_ip", "client_ip", "clientip", "victim_ip"], Meaning::Field(Field::Ip(SOURCE))),
    (&["address", "host", "indicator", "ioc", "ioc_value", "source", "srchost", "src_host"], Meaning::Host(SOURCE)),
    (&["port", "source_port", "sourceport", "src_port", "srcport", "sport", "spt"], Meaning::Field(Field::Port(SOURCE))),
    (&["asn", "as", "as_number", "source_asn", "src_asn"], Meaning::Field(Field::Asn(SOURCE))),
    (&["as_name", "asname", "source_as_name", "src_as_name"], Meaning::Field(Field::AsName(SOURCE))),
    (&["country", "cc", "country_code", "geo", "source_country", "source_geo", "src_country", "geoip_cc"], Meaning::Field(Field::Country(SOURCE))),
    (&["network", "cidr", "prefix", "netblock", "bgp_prefix", "source_network"], Meaning::Field(Field::Network(SOURCE))),
    (&["domain", "fqdn", "hostname", "host_name", "domain_name", "source_fqdn", "source_domain", "source_hostname"], Meaning::Field(Field::Fqdn(SOURCE))),
    (&["url", "uri", "link", "phishing_url", "malware_url", "source_url"], Meaning::Field(Field::Url(SOURCE))),
    (&["reverse_dns", "rdns", "ptr", "source_reverse_dns"], Meaning::Field(Field::ReverseDns(SOURCE))),
    (&["destination_ip", "destinationip", "dest_ip", "destip", "dst_ip", "dstip", "dst", "daddr", "dst_addr", "destination_address", "target_ip", "server_ip"], Meaning::Field(Field::Ip(DESTINATION))),
    (&["destination", "dest", "target", "dst_host", "dsthost"], Meaning::Host(DESTINATION)),
    (&["destination_port", "destinationport", "dest_port", "destport", "dst_port", "dstport", "dport", "dpt", "target_port"], Meaning::Field(Field::Port(DESTINATION))),
    (&["destination_asn", "dst_asn", "dest_asn"], Meaning::Field(Field::Asn(DESTINATION))),
    (&["destination_country", "dst_country", "dest_country"], Meaning::Field(Field::Country(DESTINATION))),
    (&["destination_fqdn", "destination_domain", "dst_domain", "destination_hostname"], Meaning::Field(Field::Fqdn(DESTINATION))),
    (&["destination_url"], Meaning::Field(Field::Url(DESTINATION))),
    (&["protocol", "proto", "transport"], Meaning::Field(Field::Transport)),
    (&["application", "service", "app_proto"], Meaning::Field(Field::Application)),
    (&["classification", "class", "category", "threat_type", "incident_type", "event_type"], Meaning::Field(Field::Type)),
    (&["identifier"], Meaning::Field(Field::Identifier)),
    (&["malware", "malware_family", "malware_name", "infection", "botnet", "family"], Meaning::Field(Field::Malware)),
    (&["vendor", "device_vendor"], Meaning::Field(Field::ProductVendor)),
    (&["product", "device_model"], Meaning::Field(Field::ProductName)),
    (&["version", "device_version"], Meaning::Field(Field::ProductVersion)),
    (&["severity"], Meaning::Field(Field::Severity)),
    (&["confidence", "confidence_level"], Meaning::Field(Field::Confidence)),
    (&["feed"], Meaning::Field(Field::Feed)),
    (&["tlp"], Meaning::Field(Field::Tlp)),
    (&["md5", "md5_hash"], Meaning::Kept("malware.hash.md5")),
    (&["sha1", "sha1_hash"], Meaning::Kept("malware.hash.sha1")),
    (&["sha256", "sha256_hash"], Meaning::Kept("malware.hash.sha256")),
    (&["email", "e_mail", "email_address", "account", "username", "user"], Meaning::Kept("source.account")),
    (&["city"], Meaning::Kept("source.geolocation.city")),
    (&["region"], Meaning::Kept("source.geolocation.region")),
    (&["latitude"], Meaning::Kept("source.geolocation.latitude")),
    (&["longitude"], Meaning::Kept("source.geolocation.longitude")),
    (&["abuse_contact", "abuse_email"], Meaning::Kept("source.abuse_contact")),
    (&["description"], Meaning::Kept("event_description.text")),
    (&["reference"], Meaning::Kept("event_description.url")),
];

/// What a column of this name usually means; an IntelMQ key means itself.
pub(super) fn common(name: &str) -> Option<Meaning> {
    let name = name.trim();
    if let Some(field) = Field::from_key(name) {
        return Some(Meaning::Field(field));
    }
    if let Some(key) = INTELMQ_KEYS.iter().find(|key| **key == name && !matches!(**key, "comment" | "status" | "output" | "raw")) {
        return Some(Meaning::Kept(key));
    }
    let name = snake_case(name);
    COMMON.iter().find(|(names, _)| names.contains(&name.as_str())).map(|(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_has_one_meaning() {
        let mut words: Vec<&str> = COMMON.iter().flat_map(|(names, _)| names.iter().copied()).collect();
        words.sort_unstable();
        let all = words.len();
        words.dedup();
        assert_eq!(words.len(), all);
        assert!(words.iter().all(|word| snake_case(word) == *word));
    }

    #[test]
    fn names_are_read_in_any_writing() {
        for name in ["Source IP", "src-ip", "SRC_IP", "source.ip", "IP Address"] {
            assert_eq!(common(name), Some(Meaning::Field(Field::Ip(Side::Source))), "{name}");
        }
        assert_eq!(common("zebra"), None);
    }
}
