//! One thing that was seen: where, when, what.
//!
//! An event borrows its texts from the record it was read from, so that millions of rows cost
//! no allocation; whoever keeps it copies it into columns.

use std::borrow::Cow;
use std::net::IpAddr;

use formats::rsit::Class;
use formats::value::Network;
use jiff::Timestamp;

use super::extra::Extra;
use super::terms::{Pap, Tlp};

/// Text of an event; `None` when the report did not say.
pub type Text<'a> = Option<Cow<'a, str>>;

/// Two letters, upper case (ISO 3166-1 alpha-2 and what registries add to it).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Country(pub [u8; 2]);

impl Country {
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("ZZ")
    }
}

/// How bad it is, as the reporter says.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub fn read(text: &str) -> Option<Self> {
        let word = text.trim();
        [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical].into_iter().find(|s| s.as_str().eq_ignore_ascii_case(word))
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// One end of what was seen. `source` is the host with the problem or the attacker (IntelMQ meaning), `destination` what it reached.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Endpoint<'a> {
    pub ip: Option<IpAddr>,
    pub port: Option<u16>,
    pub asn: Option<u32>,
    pub as_name: Text<'a>,
    pub country: Option<Country>,
    pub network: Option<Network>,
    pub fqdn: Text<'a>,
    pub url: Text<'a>,
    pub reverse_dns: Text<'a>,
}

/// One normalised row.
#[derive(Clone, Debug, Default)]
pub struct Event<'a> {
    /// When it was seen; `None` when the report does not say.
    pub time: Option<Timestamp>,
    pub source: Endpoint<'a>,
    pub destination: Endpoint<'a>,
    /// `tcp`, `udp`, `icmp`, …
    pub transport: Text<'a>,
    /// `http`, `telnet`, …
    pub application: Text<'a>,
    pub class: Class,
    /// What exactly, within the class (`open-telnet`, `mirai-scan`).
    pub identifier: Text<'a>,
    pub malware: Text<'a>,
    pub product_vendor: Text<'a>,
    pub product_name: Text<'a>,
    pub product_version: Text<'a>,
    pub severity: Option<Severity>,
    /// 0 to 100 (STIX 2.1 §3.2 meaning).
    pub confidence: Option<u8>,
    /// The feed that the record itself names; otherwise the feed of its evidence holds.
    pub feed: Text<'a>,
    /// The marking that the record itself carries; otherwise the terms of its evidence hold.
    pub tlp: Option<Tlp>,
    /// What may be done with it, as its record says (PAP).
    pub pap: Pap,
    pub extra: Extra,
}

impl<'a> Event<'a> {
    /// An empty event that reuses the memory of an earlier one's `extra`.
    pub fn reusing(mut extra: Extra) -> Self {
        extra.clear();
        Self { extra, ..Self::default() }
    }

    /// The end that `side` names.
    pub fn end(&mut self, side: Side) -> &mut Endpoint<'a> {
        match side {
            Side::Source => &mut self.source,
            Side::Destination => &mut self.destination,
        }
    }
}

/// Which end of an event.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Side {
    Source,
    Destination,
}

impl Side {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
        }
    }
}
