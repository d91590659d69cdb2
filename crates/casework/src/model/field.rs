//! Setting one field of an event from foreign text: the one place where a value is checked and normalised.
//!
//! Every reader names what a value means by a [`Field`] (an IntelMQ key); [`Event::set`] reads the text as that.
//! When reading changes more than letter case (defanging undone, an IDN encoded, an IPv4-mapped address), the
//! text as written stays in `extra` under `<key>.original`.

use std::borrow::Cow;

use formats::rsit::Class;
use formats::{time, value};

use super::event::{Country, Event, Severity, Side};
use super::terms::Tlp;

/// What a value means. Keys are those of the IntelMQ Data Format; the columns of `events` are the same with `_` for `.`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Field {
    Time,
    Ip(Side),
    Port(Side),
    Asn(Side),
    AsName(Side),
    Country(Side),
    Network(Side),
    Fqdn(Side),
    Url(Side),
    ReverseDns(Side),
    Transport,
    Application,
    /// An RSIT type, or an older or private spelling of one.
    Type,
    Identifier,
    Malware,
    ProductVendor,
    ProductName,
    ProductVersion,
    Severity,
    /// 0 to 100.
    Confidence,
    Feed,
    Tlp,
}

/// Why a text is not what the field holds.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{field}: {value:?} is not {expected}")]
pub struct Invalid {
    pub field: String,
    pub value: String,
    pub expected: &'static str,
}

type OfSide = fn(Side) -> Field;

const SIDED: &[(&str, OfSide)] = &[
    ("ip", Field::Ip),
    ("port", Field::Port),
    ("asn", Field::Asn),
    ("as_name", Field::AsName),
    ("geolocation.cc", Field::Country),
    ("network", Field::Network),
    ("fqdn", Field::Fqdn),
    ("url", Field::Url),
    ("reverse_dns", Field::ReverseDns),
];

const PLAIN: &[(&str, Field)] = &[
    ("time.source", Field::Time),
    ("protocol.transport", Field::Transport),
    ("protocol.application", Field::Application),
    ("classification.type", Field::Type),
    ("classification.identifier", Field::Identifier),
    ("malware.name", Field::Malware),
    ("product.vendor", Field::ProductVendor),
    ("product.name", Field::ProductName),
    ("product.version", Field::ProductVersion),
    ("severity", Field::Severity),
    ("feed.accuracy", Field::Confidence),
    ("feed.name", Field::Feed),
    ("tlp", Field::Tlp),
];

impl Field {
    /// The field that an IntelMQ key names; `None` for keys that live in `extra`.
    pub fn from_key(key: &str) -> Option<Self> {
        if let Some((_, field)) = PLAIN.iter().find(|(name, _)| *name == key) {
            return Some(*field);
        }
        let (side, rest) = key.split_once('.')?;
        let side = match side {
            "source" => Side::Source,
            "destination" => Side::Destination,
            _ => return None,
        };
        SIDED.iter().find(|(name, _)| *name == rest).map(|(_, make)| make(side))
    }

    /// The IntelMQ key.
    pub fn key(self) -> String {
        if let Some((name, _)) = PLAIN.iter().find(|(_, field)| *field == self) {
            return (*name).to_owned();
        }
        for side in [Side::Source, Side::Destination] {
            if let Some((name, _)) = SIDED.iter().find(|(_, make)| make(side) == self) {
                return format!("{}.{name}", side.as_str());
            }
        }
        String::new()
    }
}

/// Keys of the IntelMQ Data Format (3.5) that have no column here: they stay in `extra` under their own name,
/// while any other key of `extra` is IntelMQ's `extra.<key>`.
pub const INTELMQ_KEYS: &[&str] = &[
    "classification.taxonomy",
    "comment",
    "constituency",
    "destination.abuse_contact",
    "destination.account",
    "destination.allocated",
    "destination.domain_suffix",
    "destination.geolocation.city",
    "destination.geolocation.country",
    "destination.geolocation.latitude",
    "destination.geolocation.longitude",
    "destination.geolocation.region",
    "destination.geolocation.state",
    "destination.local_hostname",
    "destination.local_ip",
    "destination.registry",
    "destination.tor_node",
    "destination.urlpath",
    "event_description.target",
    "event_description.text",
    "event_description.url",
    "event_hash",
    "feed.code",
    "feed.documentation",
    "feed.provider",
    "feed.url",
    "malware.hash.md5",
    "malware.hash.sha1",
    "malware.hash.sha256",
    "malware.version",
    "misp.attribute_uuid",
    "misp.event_uuid",
    "output",
    "product.full_name",
    "product.vulnerabilities",
    "raw",
    "rtir_id",
    "screenshot_url",
    "source.abuse_contact",
    "source.account",
    "source.allocated",
    "source.domain_suffix",
    "source.geolocation.city",
    "source.geolocation.country",
    "source.geolocation.cymru_cc",
    "source.geolocation.geoip_cc",
    "source.geolocation.latitude",
    "source.geolocation.longitude",
    "source.geolocation.region",
    "source.geolocation.state",
    "source.local_hostname",
    "source.local_ip",
    "source.registry",
    "source.tor_node",
    "source.urlpath",
    "status",
    "time.observation",
];

impl<'a> Event<'a> {
    /// Reads `text` as what `field` holds and sets it. Empty text says nothing and changes nothing.
    ///
    /// # Errors
    /// [`Invalid`] when the text is not such a value; the event is then unchanged.
    pub fn set(&mut self, field: Field, text: impl Into<Cow<'a, str>>) -> Result<(), Invalid> {
        let text = text.into();
        if text.trim().is_empty() {
            return Ok(());
        }
        match field {
            Field::Time => {
                let moment = time::read(&text).ok_or_else(|| invalid(field, &text, "a time"))?;
                self.time = Some(moment.at);
            }
            Field::Ip(side) => {
                let ip = value::ip(&text).ok_or_else(|| invalid(field, &text, "an IP address"))?;
                self.end(side).ip = Some(ip);
                // Only an IPv4-mapped or defanged address changes by being read.
                if text.contains(['[', '(', '{', '%']) || (ip.is_ipv4() && text.contains(':')) {
                    self.keep_original(field, &text);
                }
            }
            Field::Port(side) => {
                let port = text.trim().parse().map_err(|_| invalid(field, &text, "a port (0 to 65535)"))?;
                self.end(side).port = Some(port);
            }
            Field::Asn(side) => {
                let asn = value::asn(&text).ok_or_else(|| invalid(field, &text, "an AS number"))?;
                self.end(side).asn = Some(asn);
            }
            Field::Country(side) => {
                let country = value::country(&text).ok_or_else(|| invalid(field, &text, "a two-letter country code"))?;
                self.end(side).country = Some(Country(country));
            }
            Field::Network(side) => {
                let network = value::network(&text).ok_or_else(|| invalid(field, &text, "a network"))?;
                self.end(side).network = Some(network);
            }
            Field::Fqdn(side) => {
                let name = host_name(field, text, self)?;
                self.end(side).fqdn = Some(name);
            }
            Field::ReverseDns(side) => {
                let name = host_name(field, text, self)?;
                self.end(side).reverse_dns = Some(name);
            }
            Field::Url(side) => {
                let url = match value::url(&text) {
                    Some(Cow::Owned(url)) => {
                        self.keep_original(field, &text);
                        Cow::Owned(url)
                    }
                    Some(Cow::Borrowed(_)) => trimmed(text),
                    None => return Err(invalid(field, &text, "an absolute URL")),
                };
                self.end(side).url = Some(url);
            }
            Field::AsName(side) => self.end(side).as_name = Some(trimmed(text)),
            Field::Transport => self.transport = Some(lower(text)),
            Field::Application => self.application = Some(lower(text)),
            Field::Type => {
                let (class, replaced) = Class::from_foreign(&text).ok_or_else(|| invalid(field, &text, "an RSIT type"))?;
                self.class = class;
                if let Some(word) = replaced
                    && self.identifier.is_none()
                {
                    self.identifier = Some(Cow::Borrowed(word));
                }
            }
            Field::Identifier => self.identifier = Some(trimmed(text)),
            Field::Malware => self.malware = Some(lower(text)),
            Field::ProductVendor => self.product_vendor = Some(lower(text)),
            Field::ProductName => self.product_name = Some(lower(text)),
            Field::ProductVersion => self.product_version = Some(lower(text)),
            Field::Severity => {
                let severity = Severity::read(&text).ok_or_else(|| invalid(field, &text, "a severity (info to critical)"))?;
                self.severity = Some(severity);
            }
            Field::Confidence => {
                let number: f64 = text.trim().parse().map_err(|_| invalid(field, &text, "a number from 0 to 100"))?;
                if !(0.0..=100.0).contains(&number) {
                    return Err(invalid(field, &text, "a number from 0 to 100"));
                }
                // in range, so the cast keeps the whole number
                self.confidence = Some(number.round() as u8);
            }
            Field::Feed => self.feed = Some(trimmed(text)),
            Field::Tlp => self.tlp = Some(Tlp::read(&text).ok_or_else(|| invalid(field, &text, "a TLP label"))?),
        }
        Ok(())
    }

    /// As [`Event::set`], for readers of text whose zone is not known to be UTC: notes in `extra` that UTC was assumed.
    ///
    /// # Errors
    /// [`Invalid`] when the text is no time.
    pub fn set_time_assuming_utc(&mut self, text: &str) -> Result<(), Invalid> {
        if text.trim().is_empty() {
            return Ok(());
        }
        let moment = time::read(text).ok_or_else(|| invalid(Field::Time, text, "a time"))?;
        self.time = Some(moment.at);
        if moment.zone_assumed {
            self.extra.str("time.zone", "assumed");
        }
        Ok(())
    }

    /// Sets what an IntelMQ-style key names, or keeps the text in `extra` under that key (without a leading `extra.`).
    ///
    /// # Errors
    /// [`Invalid`] when the key names a column and the text is not such a value.
    pub fn set_key(&mut self, key: &str, text: impl Into<Cow<'a, str>>) -> Result<(), Invalid> {
        match Field::from_key(key) {
            Some(field) => self.set(field, text),
            None => {
                let text = text.into();
                let key = key.strip_prefix("extra.").unwrap_or(key);
                if let (true, Ok(degrees)) = (key.ends_with("itude") && key.contains(".geolocation."), text.trim().parse()) {
                    self.extra.float(key, degrees);
                } else if !text.is_empty() {
                    self.extra.str(key, &text);
                }
                Ok(())
            }
        }
    }

    /// As [`Event::set_key`], for a value whose loss must not lose the event: what cannot be read stays in `extra` under the key.
    pub fn set_key_or_keep(&mut self, key: &str, text: impl Into<Cow<'a, str>>) {
        let text = text.into();
        let result = if key == "time.source" { self.set_time_assuming_utc(&text) } else { self.set_key(key, text.clone()) };
        if result.is_err() {
            self.extra.str(key, text.trim());
        }
    }

    /// As [`Event::set`], for a value whose loss must not lose the event: what cannot be read stays in `extra` under the field's key.
    pub fn set_or_keep(&mut self, field: Field, text: impl Into<Cow<'a, str>>) {
        let text = text.into();
        if self.set(field, text.clone()).is_err() {
            self.extra.str(&field.key(), text.trim());
        }
    }

    /// Sets the end named by `side` to whatever the text is: an address, a network, a URL or a host name, with or without a port.
    ///
    /// # Errors
    /// [`Invalid`] when it is none of them.
    pub fn set_host(&mut self, side: Side, text: impl Into<Cow<'a, str>>) -> Result<(), Invalid> {
        let text = trimmed(text.into());
        if text.contains("://") || text.contains("[://]") || text.contains("[:]//") {
            return self.set(Field::Url(side), text);
        }
        if value::ip(&text).is_some() {
            return self.set(Field::Ip(side), text);
        }
        if text.contains('/') && value::network(&text).is_some() {
            return self.set(Field::Network(side), text);
        }
        if let (host, Some(port)) = value::split_port(&text)
            && port.parse::<u16>().is_ok()
            && (value::ip(host).is_some() || value::fqdn(host).is_some())
        {
            let (host, port) = (host.to_owned(), port.to_owned());
            self.set(Field::Port(side), port)?;
            return self.set_host(side, host);
        }
        self.set(Field::Fqdn(side), text)
    }

    /// Fills address or host name (and port) of an end from its URL where the report gave none of them.
    pub fn host_from_url(&mut self, side: Side) {
        let end = self.end(side);
        let Some(url) = end.url.clone() else { return };
        if end.ip.is_none()
            && end.fqdn.is_none()
            && let Some(host) = value::host_of(&url)
        {
            match value::ip(host) {
                Some(ip) => end.ip = Some(ip),
                None => end.fqdn = value::fqdn(host).map(|name| Cow::Owned(name.into_owned())),
            }
        }
        if end.port.is_none() {
            end.port = value::port_of(&url);
        }
    }

    fn keep_original(&mut self, field: Field, text: &str) {
        self.extra.str(&format!("{}.original", field.key()), text.trim());
    }
}

fn invalid(field: Field, text: &str, expected: &'static str) -> Invalid {
    let value = text.chars().take(80).collect();
    Invalid { field: field.key(), value, expected }
}

fn host_name<'a>(field: Field, text: Cow<'a, str>, event: &mut Event<'a>) -> Result<Cow<'a, str>, Invalid> {
    let Some(name) = value::fqdn(&text) else {
        return Err(invalid(field, &text, "a host name"));
    };
    if name == text {
        return Ok(text);
    }
    let name = name.into_owned();
    if !text.trim_matches([' ', '\t', '.']).eq_ignore_ascii_case(&name) {
        event.keep_original(field, &text);
    }
    Ok(Cow::Owned(name))
}

fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) if text.trim().len() == text.len() => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

fn lower(text: Cow<'_, str>) -> Cow<'_, str> {
    let text = trimmed(text);
    if text.bytes().any(|c| c.is_ascii_uppercase() || !c.is_ascii()) { Cow::Owned(text.to_lowercase()) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_leads_to_its_field_and_back() {
        for (key, field) in PLAIN {
            assert_eq!((Field::from_key(key), field.key().as_str()), (Some(*field), *key));
        }
        for side in [Side::Source, Side::Destination] {
            for (name, make) in SIDED {
                let key = format!("{}.{name}", side.as_str());
                assert_eq!((Field::from_key(&key), make(side).key()), (Some(make(side)), key));
            }
        }
        for key in INTELMQ_KEYS {
            assert_eq!(Field::from_key(key), None, "{key} has a column");
        }
    }

    #[test]
    fn what_is_normalised_keeps_its_original() {
        let mut event = Event::default();
        event.set(Field::Ip(Side::Source), "::ffff:192.0.2.1").unwrap();
        event.set(Field::Url(Side::Source), "hxxp://evil[.]example/").unwrap();
        event.set(Field::Fqdn(Side::Source), "EVIL.example").unwrap();
        assert_eq!(event.source.ip, Some("192.0.2.1".parse().unwrap()));
        assert_eq!(event.source.url.as_deref(), Some("http://evil.example/"));
        assert_eq!(event.source.fqdn.as_deref(), Some("evil.example"));
        assert_eq!(event.extra.finish(), r#"{"source.ip.original":"::ffff:192.0.2.1","source.url.original":"hxxp://evil[.]example/"}"#);
    }

    #[test]
    fn a_wrong_value_is_named_with_its_field() {
        let error = Event::default().set(Field::Ip(Side::Source), "300.1.2.3").unwrap_err();
        assert_eq!(error.to_string(), r#"source.ip: "300.1.2.3" is not an IP address"#);
    }

    #[test]
    fn a_bad_value_beside_the_main_one_is_kept_as_it_was() {
        let mut event = Event::default();
        event.set_key_or_keep("source.port", "http");
        event.set_key_or_keep("source.geolocation.latitude", "48.1");
        event.set_key_or_keep("time.source", "2026-03-23 07:01:02");
        assert_eq!(event.source.port, None);
        assert_eq!(event.extra.finish(), r#"{"source.geolocation.latitude":48.1,"source.port":"http","time.zone":"assumed"}"#);
    }

    #[test]
    fn a_host_may_be_written_in_many_ways() {
        let mut event = Event::default();
        event.set_host(Side::Source, "192.0.2.1:8080").unwrap();
        assert_eq!((event.source.ip, event.source.port), (Some("192.0.2.1".parse().unwrap()), Some(8080)));
        let mut event = Event::default();
        event.set_host(Side::Source, "http://a.example:81/x").unwrap();
        event.host_from_url(Side::Source);
        assert_eq!((event.source.fqdn.as_deref(), event.source.port), (Some("a.example"), Some(81)));
        assert!(Event::default().set_host(Side::Source, "no host at all").is_err());
    }
}
