//! The IntelMQ Data Format, both ways: the common language of CSIRT automation in Europe.
//!
//! One JSON object an event, keys with dots (`source.ip`) or the same as nested objects. Keys that have no column here
//! stay in `extra` under IntelMQ's own name, all others are its `extra.<key>`; so what is written is read back as the same event.

use std::io::Read;

use serde_json::{Map, Number, Value};

use super::json_record::{self, Refusal, Shape, text_of};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::{Event, Side};
use crate::model::field::{Field, INTELMQ_KEYS};

#[derive(Debug)]
pub struct IntelMq;

impl Source for IntelMq {
    fn name(&self) -> &'static str {
        "intelmq"
    }

    fn about(&self) -> &'static str {
        "IntelMQ Data Format: events as JSON, one a line or in a list"
    }

    fn names_feeds(&self) -> bool {
        true
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let text = head.text();
        if !json_record::looks_like_json(head) {
            return Likelihood::No;
        }
        let typed = text.contains("\"__type\"") && (text.contains("\"Event\"") || text.contains("\"Report\""));
        if typed || text.contains("\"classification.type\"") || text.contains("\"classification.taxonomy\"") {
            Likelihood::Certain
        } else if ["\"source.ip\"", "\"source.fqdn\"", "\"source.url\"", "\"time.source\""].iter().any(|key| text.contains(key)) {
            Likelihood::Likely
        } else {
            Likelihood::No
        }
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        json_record::each_record(input, sink, Shape::Records, |record, out| {
            let mut event = out.blank();
            read_event(record.0, &mut event)?;
            Ok(out.event(event)?)
        })
    }
}

/// The groups of keys that IntelMQ's hierarchical output nests.
const GROUPS: &[&str] =
    &["classification", "destination", "event_description", "feed", "malware", "misp", "product", "protocol", "source", "time"];

/// Sets what one IntelMQ event says.
pub(super) fn read_event(members: Map<String, Value>, event: &mut Event<'static>) -> Result<(), Refusal> {
    if members.get("__type").and_then(Value::as_str) == Some("Report") {
        return Err("__type: \"Report\" is an IntelMQ report before parsing, not an event".into());
    }
    let mut pairs = Vec::with_capacity(members.len());
    let nested = members.iter().any(|(key, value)| value.is_object() && GROUPS.contains(&key.as_str()));
    for (key, value) in members {
        flatten(key, value, nested, &mut pairs);
    }
    // A type that RSIT does not know becomes the identifier only where the event has none of its own.
    pairs.sort_by_key(|(key, _)| match key.as_str() {
        "classification.type" => 1,
        "classification.taxonomy" => 2,
        _ => 0,
    });
    for (key, value) in &pairs {
        set(key, value, event);
    }
    Ok(())
}

fn flatten(key: String, value: Value, nested: bool, pairs: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(inner) if key == "extra" || (nested && (GROUPS.contains(&key.as_str()) || key.contains('.'))) => {
            for (name, value) in inner {
                flatten(format!("{key}.{name}"), value, nested, pairs);
            }
        }
        // older IntelMQ keeps `extra` as a text that is JSON
        Value::String(text) if key == "extra" => match serde_json::from_str::<Map<String, Value>>(&text) {
            Ok(inner) => pairs.extend(inner.into_iter().map(|(name, value)| (format!("extra.{name}"), value))),
            Err(_) => pairs.push(("extra.extra".to_owned(), Value::String(text))),
        },
        value => pairs.push((key, value)),
    }
}

fn set(key: &str, value: &Value, event: &mut Event<'static>) {
    // `raw` is what the other side had read; our evidence is what we were given.
    if value.is_null() || matches!(key, "__type" | "__raw_encoding" | "raw") {
        return;
    }
    if key == "classification.taxonomy" {
        let foreign = value.as_str().unwrap_or_default().trim().to_ascii_lowercase().replace(' ', "-");
        if foreign != event.class.taxonomy() && !foreign.is_empty() {
            event.extra.json("classification.taxonomy.original", value);
        }
        return;
    }
    let Some(field) = Field::from_key(key) else {
        event.extra.json(key.strip_prefix("extra.").unwrap_or(key), value);
        return;
    };
    let read = match text_of(value) {
        Some(text) if field == Field::Time => event.set_time_assuming_utc(&text).is_ok(),
        Some(text) => event.set(field, text).is_ok(),
        None => json_record::says_nothing(value),
    };
    if !read {
        event.extra.json(key, value);
    }
}

/// The event with IntelMQ's keys and value types. `feed.name` is there when the record itself named its feed.
///
/// ```
/// use casework::model::{event::{Event, Side}, field::Field};
/// let mut event = Event::default();
/// event.set(Field::Ip(Side::Source), "192.0.2.1").unwrap();
/// event.set(Field::Port(Side::Source), "23").unwrap();
/// let line = serde_json::to_string(&casework::observe::intelmq::to_intelmq(&mut event)).unwrap();
/// assert_eq!(line, r#"{"classification.taxonomy":"other","classification.type":"undetermined","source.ip":"192.0.2.1","source.port":23}"#);
/// ```
pub fn to_intelmq(event: &mut Event<'_>) -> Map<String, Value> {
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| {
        out.insert(key.to_owned(), value);
    };
    let text = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(Value::from);
    put("classification.taxonomy", event.class.taxonomy().into());
    put("classification.type", event.class.type_().into());
    let plain = [
        ("classification.identifier", text(&event.identifier)),
        ("time.source", event.time.map(|at| time_text(at).into())),
        ("protocol.transport", text(&event.transport)),
        ("protocol.application", text(&event.application)),
        ("malware.name", text(&event.malware)),
        ("product.vendor", text(&event.product_vendor)),
        ("product.name", text(&event.product_name)),
        ("product.version", text(&event.product_version)),
        ("severity", event.severity.map(|s| s.as_str().into())),
        ("feed.accuracy", event.confidence.map(|c| f64::from(c).into())),
        ("feed.name", text(&event.feed)),
        ("tlp", event.tlp.map(|t| t.label().into())),
    ];
    for (key, value) in plain {
        if let Some(value) = value {
            put(key, value);
        }
    }
    for side in [Side::Source, Side::Destination] {
        let end = event.end(side);
        let ends = [
            ("ip", end.ip.map(|ip| ip.to_string().into())),
            ("port", end.port.map(Value::from)),
            ("asn", end.asn.map(Value::from)),
            ("as_name", text(&end.as_name)),
            ("geolocation.cc", end.country.map(|c| c.as_str().into())),
            ("network", end.network.map(|n| n.to_string().into())),
            ("fqdn", text(&end.fqdn)),
            ("url", text(&end.url)),
            ("reverse_dns", text(&end.reverse_dns)),
        ];
        for (key, value) in ends {
            if let Some(value) = value {
                put(&format!("{}.{key}", side.as_str()), value);
            }
        }
    }
    if let Ok(extra) = serde_json::from_str::<Map<String, Value>>(event.extra.finish()) {
        for (key, value) in extra {
            // `raw` of IntelMQ is never kept, so one that is here is some report's own
            if key != "raw" && INTELMQ_KEYS.contains(&key.as_str()) {
                put(&key, typed(&key, value));
            } else {
                put(&format!("extra.{key}"), value);
            }
        }
    }
    out
}

/// Values of IntelMQ keys in the type its data format gives them.
fn typed(key: &str, value: Value) -> Value {
    if !key.ends_with(".latitude") && !key.ends_with(".longitude") {
        return value;
    }
    let number = match &value {
        Value::String(text) => text.trim().parse().ok().and_then(Number::from_f64),
        Value::Number(number) if !number.is_f64() => number.as_f64().and_then(Number::from_f64),
        _ => None,
    };
    number.map_or(value, Value::Number)
}

/// As Python writes it: `2026-03-23T07:01:02+00:00`, microseconds only where there are any.
pub(super) fn time_text(at: jiff::Timestamp) -> String {
    let seconds = at.strftime("%Y-%m-%dT%H:%M:%S");
    match at.subsec_nanosecond().unsigned_abs() {
        0 => format!("{seconds}+00:00"),
        nanos if nanos % 1000 == 0 => format!("{seconds}.{:06}+00:00", nanos / 1000),
        nanos => format!("{seconds}.{nanos:09}+00:00"),
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use formats::rsit::Class;
    use jiff::Timestamp;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::model::event::{Country, Endpoint, Severity};
    use crate::model::identity::Identifier;
    use crate::model::terms::Tlp;

    fn read(value: Value) -> Event<'static> {
        let Value::Object(members) = value else { panic!("an object") };
        let mut event = Event::default();
        assert!(read_event(members, &mut event).is_ok());
        event
    }

    #[test]
    fn flat_nested_and_text_extra_say_the_same() {
        let mut flat = read(json!({"__type": "Event", "source.ip": "192.0.2.1", "source.geolocation.city": "Ghent",
            "classification.type": "c2-server", "classification.taxonomy": "malicious-code", "extra.a": 1, "raw": "eA=="}));
        let mut nested = read(json!({"source": {"ip": "192.0.2.1", "geolocation": {"city": "Ghent"}},
            "classification": {"taxonomy": "malicious code", "type": "c&c"}, "extra": {"a": 1}}));
        let mut texted = read(json!({"source.ip": "192.0.2.1", "source.geolocation.city": "Ghent", "classification.type": "c2server",
            "extra": "{\"a\": 1}"}));
        let id = |event: &mut Event<'_>| Identifier::default().identify(event, "f");
        assert_eq!(id(&mut flat), id(&mut nested));
        assert_eq!(id(&mut flat), id(&mut texted));
    }

    #[test]
    fn a_value_that_is_none_is_kept_and_the_event_too() {
        let mut event = read(json!({"source.ip": "300.1.2.3", "source.fqdn": "a.example", "classification.type": "blacklist",
            "classification.taxonomy": "other", "time.source": "2026-03-23 07:01:02"}));
        assert_eq!(event.identifier.as_deref(), Some("blacklist"));
        assert_eq!(
            Value::Object(to_intelmq(&mut event)),
            json!({"classification.taxonomy": "other", "classification.type": "other", "classification.identifier": "blacklist",
                "time.source": "2026-03-23T07:01:02+00:00", "source.fqdn": "a.example",
                "extra.source.ip": "300.1.2.3", "extra.time.zone": "assumed"})
        );
    }

    #[test]
    fn numbers_have_the_types_of_the_data_format() {
        let mut event = Event::default();
        event.extra.str("source.geolocation.latitude", "50.8");
        event.extra.int("source.geolocation.longitude", 4);
        event.confidence = Some(90);
        event.time = Some("2026-03-23T07:01:02.5Z".parse().unwrap());
        let text = Value::Object(to_intelmq(&mut event)).to_string();
        for part in ["latitude\":50.8,", "longitude\":4.0}", "\"feed.accuracy\":90.0", "\"2026-03-23T07:01:02.500000+00:00\""] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    fn text() -> impl Strategy<Value = Option<Cow<'static, str>>> {
        prop::option::of("[a-z0-9][a-z0-9 ./ü-]{0,10}[a-z0-9]".prop_map(Cow::from))
    }

    fn name() -> impl Strategy<Value = Option<Cow<'static, str>>> {
        prop::option::of("[a-z]{1,8}\\.example".prop_map(Cow::from))
    }

    fn end() -> impl Strategy<Value = Endpoint<'static>> {
        let ip = prop::option::of(prop_oneof![
            any::<[u8; 4]>().prop_map(std::net::IpAddr::from),
            any::<[u8; 16]>().prop_map(std::net::Ipv6Addr::from).prop_map(|v6| v6.to_ipv4_mapped().map_or(v6.into(), Into::into)),
        ]);
        let asn = prop::option::of(1..=u32::MAX);
        let country = prop::option::of("[A-Z]{2}".prop_map(|c| Country([c.as_bytes()[0], c.as_bytes()[1]])));
        let network = prop::option::of(any::<[u8; 4]>().prop_map(|b| formats::value::Network::new(b.into(), 24).unwrap()));
        let url = prop::option::of("https?://[a-z]{1,5}\\.example(:[0-9]{1,4})?/[a-zA-Z0-9?=&%]{0,9}".prop_map(Cow::from));
        let texts = (text(), name(), url, name());
        (ip, any::<Option<u16>>(), asn, country, network, texts).prop_map(|(ip, port, asn, country, network, (as_name, fqdn, url, dns))| {
            Endpoint { ip, port, asn, as_name, country, network, fqdn, url, reverse_dns: dns }
        })
    }

    fn event() -> impl Strategy<Value = Event<'static>> {
        let time = prop::option::of((0_i64..4_000_000_000, 0..1_000_000_000).prop_map(|(s, n)| Timestamp::new(s, n).unwrap()));
        let class = (0..Class::all().count()).prop_map(|n| Class::all().nth(n).unwrap());
        let said = prop_oneof![
            ".{1,9}".prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<i32>().prop_map(|n| Value::from(f64::from(n) / 8.0)),
            any::<bool>().prop_map(Value::from),
            Just(json!({"nested": [1, {"deep": null}]})),
        ];
        let key = prop_oneof!["[a-z_.]{1,12}", Just("source.geolocation.city".to_owned()), Just("malware.hash.md5".to_owned())];
        let extra = prop::collection::vec((key, said), 0..4);
        let severity = prop::option::of(prop::sample::select(vec![Severity::Info, Severity::High, Severity::Critical]));
        let tlp = prop::option::of(prop::sample::select(Tlp::ALL.to_vec()));
        (
            (time, class, end(), end()),
            (text(), text(), text(), text(), text(), text()),
            (severity, prop::option::of(0..=100_u8), text(), tlp),
            extra,
        )
            .prop_map(|((time, class, source, destination), texts, (severity, confidence, feed, tlp), said)| {
                let (transport, application, identifier, malware, product_vendor, product_name) = texts;
                let mut event = Event {
                    time,
                    class,
                    source,
                    destination,
                    transport,
                    application,
                    identifier,
                    malware,
                    product_vendor,
                    product_name,
                    severity,
                    confidence,
                    feed,
                    tlp,
                    ..Event::default()
                };
                for (key, value) in said {
                    if key != "extra" {
                        event.extra.json(&key, &value);
                    }
                }
                event
            })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_as_the_same_event(mut event in event()) {
            let line = Value::Object(to_intelmq(&mut event)).to_string();
            let mut back = read(serde_json::from_str(&line).unwrap());
            let mut identifier = Identifier::default();
            prop_assert_eq!(identifier.identify(&mut event, "f"), identifier.identify(&mut back, "f"), "{}", line);
            prop_assert_eq!((&event.feed, event.tlp), (&back.feed, back.tlp));
        }
    }
}
