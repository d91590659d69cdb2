//! AnubisNetworks Cyberfeed: hosts that called a sinkhole, with what they said to it.

use std::io::Read;

use formats::rsit::Class;

use super::json_record::{self, Means, Record, Refusal, Shape, text_of};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::{Event, Side};
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct Anubis;

impl Source for Anubis {
    fn name(&self) -> &'static str {
        "anubisnetworks"
    }

    fn about(&self) -> &'static str {
        "AnubisNetworks Cyberfeed: hosts that called a sinkhole, JSON"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let infected = json_record::has_keys(head, &["_ts", "malw"]) || json_record::has_keys(head, &["_ts", "trojanfamily"]);
        if infected { Likelihood::Certain } else { Likelihood::No }
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        json_record::each_record(input, sink, Shape::Records, |record, out| {
            let mut event = out.blank();
            read_record(record, &mut event)?;
            Ok(out.event(event)?)
        })
    }
}

const TOP: &[(&str, Means)] = &[
    ("_ts", Means::Is(Field::Time)),
    ("app_proto", Means::Is(Field::Application)),
    ("qtype", Means::Extra("dns_query_type")),
    ("trojanfamily", Means::Is(Field::Malware)),
];

/// The older layout names the web server's variables.
const ENV: &[(&str, Means)] = &[
    ("remote_addr", Means::Is(Field::Ip(Side::Source))),
    ("remote_port", Means::Is(Field::Port(Side::Source))),
    ("server_addr", Means::Is(Field::Ip(Side::Destination))),
    ("server_port", Means::Is(Field::Port(Side::Destination))),
    ("server_name", Means::Is(Field::Fqdn(Side::Destination))),
    ("request_method", Means::Extra("request_method")),
];

const TRACKING: &[(&str, Means)] = &[
    ("last_ip", Means::Extra("tracking.last.ip")),
    ("first", Means::Extra("first_seen")),
    ("seen", Means::Extra("last_seen")),
    ("days", Means::Extra("days_seen")),
];

const HTTP: &[(&str, Means)] = &[
    ("method", Means::Extra("request_method")),
    ("user_agent", Means::Extra("user_agent")),
    ("more_headers", Means::Extra("communication.headers")),
];

fn read_record(mut record: Record, event: &mut Event<'static>) -> Result<(), Refusal> {
    event.class = Class::known("infected-system");
    event.extra.str("event_description.text", "Sinkhole attempted connection");
    record.apply(event, TOP);
    if let Some(mut malware) = record.object("malw") {
        let family = malware.text("family").unwrap_or_default();
        if family == "TestSinkholingLoss" {
            return Err("malw.family: \"TestSinkholingLoss\" is a test of the sinkhole itself".into());
        }
        if !family.is_empty() {
            event.identifier = Some(family.clone().into());
        }
        malware.set(event, Field::Malware, "variant");
        if event.malware.is_none() {
            let _ = event.set(Field::Malware, family);
        }
        malware.keep_rest_under(event, "malware");
    }
    for (key, side) in [("src", Side::Source), ("dst", Side::Destination)] {
        if let Some(mut end) = record.object(key) {
            end.set(event, Field::Ip(side), "ip");
            end.set(event, Field::Port(side), "port");
            end.keep_rest_under(event, side.as_str());
        }
    }
    if let Some(mut env) = record.object("env") {
        env.apply(event, ENV);
        env.keep_rest_under(event, "env");
    }
    if let Some(communication) = record.object("comm") {
        read_communication(communication, event);
    }
    if let Some(mut tracking) = record.object("tracking") {
        tracking.apply(event, TRACKING);
        tracking.keep_rest_under(event, "tracking");
    }
    if let Some(metadata) = record.object("metadata") {
        metadata.keep_rest_under(event, "metadata");
    }
    let places: Vec<String> = record.0.keys().filter(|key| key.starts_with("_geo_")).cloned().collect();
    for key in places {
        if let Some(place) = record.object(&key) {
            read_place(&key, place, event);
        }
    }
    if event.source.ip.is_none() {
        return Err("neither src.ip nor env.remote_addr is an IP address".into());
    }
    record.keep_rest(event);
    Ok(())
}

/// What the infected host said.
fn read_communication(mut communication: Record, event: &mut Event<'static>) {
    communication.set(event, Field::Application, "proto");
    communication.keep_as(event, "method", "communication.type");
    if let Some(mut dns) = communication.object("dns") {
        dns.set(event, Field::Fqdn(Side::Destination), "name");
        dns.keep_as(event, "qtype", "dns_query_type");
        dns.keep_rest_under(event, "communication.dns");
    }
    if let Some(mut http) = communication.object("http") {
        let host = http.text("host");
        let path = http.text("path");
        if let Some(host) = &host {
            if event.destination.ip.is_some_and(|ip| formats::value::ip(host) == Some(ip)) {
                // said already
            } else if event.set(Field::Fqdn(Side::Destination), host.clone()).is_err() {
                event.extra.str("communication.http_host", host);
            }
        }
        if let Some(path) = &path {
            event.extra.str("destination.urlpath", path);
            if let Some(host) = &host {
                json_record::set_or_keep(event, Field::Url(Side::Destination), "destination.url", format!("http://{host}{path}"));
            }
        }
        http.apply(event, HTTP);
        http.keep_rest_under(event, "communication");
    }
    communication.keep_rest_under(event, "communication");
}

/// Where an address of the record is; the key names the address: `_geo_src_ip`, `_geo_comm_http_host`.
fn read_place(key: &str, mut place: Record, event: &mut Event<'static>) {
    let said = key.trim_start_matches("_geo_");
    let _ = place.take("path");
    let address = place.text("ip");
    let length = place.text("netmask");
    if matches!(said, "src_ip" | "env_remote_addr") {
        if let (Some(address), Some(length)) = (&address, &length) {
            json_record::set_or_keep(event, Field::Network(Side::Source), "source.network", format!("{address}/{length}"));
        }
        place.apply(
            event,
            &[
                ("country_code", Means::Is(Field::Country(Side::Source))),
                ("asn", Means::Is(Field::Asn(Side::Source))),
                ("asn_name", Means::Is(Field::AsName(Side::Source))),
            ],
        );
        name_places(place, "source", event);
        return;
    }
    let about = match said {
        "tracking_last_ip" => "tracking.last".to_owned(),
        "comm_http_host" => "communication.http.host".to_owned(),
        _ => match said.strip_prefix("comm_http_x_forwarded_for_#") {
            Some(number) => format!("communication.http.x_forwarded_for_{number}"),
            None => said.to_owned(),
        },
    };
    if let (Some(address), Some(length)) = (&address, &length) {
        event.extra.str(&format!("{about}.network"), &format!("{address}/{length}"));
    }
    for (key, name) in [("country_code", "geolocation.cc"), ("asn", "asn"), ("asn_name", "as_name")] {
        place.keep_as(event, key, &format!("{about}.{name}"));
    }
    name_places(place, &about, event);
}

fn name_places(place: Record, about: &str, event: &mut Event<'static>) {
    for (key, value) in place.0 {
        let name = if key == "country_name" { "country" } else { &key };
        let full = format!("{about}.geolocation.{name}");
        match (name, text_of(&value).and_then(|text| text.parse::<f64>().ok())) {
            ("latitude" | "longitude", Some(degrees)) => event.extra.float(&full, degrees),
            _ => json_record::keep(event, &full, &value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_without_an_address_is_refused() {
        let serde_json::Value::Object(members) = serde_json::json!({"_ts": 1461107754, "malw": {"family": "x"}}) else { unreachable!() };
        assert!(matches!(read_record(Record(members), &mut Event::default()), Err(Refusal::Reason(_))));
    }
}
