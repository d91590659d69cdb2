//! Is this the same thing seen again, or another? 128 bits that stand for what was seen.
//!
//! The identity covers everything the event says and the feed that said it; not when it was delivered, in which
//! file or row, nor what our own tables add. BLAKE3, cut to 128 bits, because reports are written by strangers: with
//! a weaker hash one could craft a row that hides another.

use std::fmt;
use std::net::IpAddr;

use super::event::{Endpoint, Event, Text};

/// The identity of an event; shown as 32 hexadecimal digits.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EventId(pub [u8; 16]);

impl EventId {
    pub fn from_hex(text: &str) -> Option<Self> {
        if text.len() != 32 || !text.is_ascii() {
            return None;
        }
        let mut bytes = [0; 16];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Computes identities; keeps its buffer between events.
#[derive(Debug, Default)]
pub struct Identifier {
    buffer: Vec<u8>,
}

impl Identifier {
    /// The identity of `event` as reported by `feed`.
    ///
    /// Each present value enters as a tag, its length and its bytes, so no two different events share an encoding.
    pub fn identify(&mut self, event: &mut Event<'_>, feed: &str) -> EventId {
        self.buffer.clear();
        self.text(1, Some(feed));
        if let Some(time) = event.time {
            self.bytes(2, &time.as_nanosecond().to_le_bytes());
        }
        self.endpoint(16, &event.source);
        self.endpoint(32, &event.destination);
        self.optional(3, &event.transport);
        self.optional(4, &event.application);
        self.text(5, Some(event.class.type_()));
        self.optional(6, &event.identifier);
        self.optional(7, &event.malware);
        self.optional(8, &event.product_vendor);
        self.optional(9, &event.product_name);
        self.optional(10, &event.product_version);
        self.text(11, event.severity.map(|s| s.as_str()));
        if let Some(confidence) = event.confidence {
            self.bytes(12, &[confidence]);
        }
        let extra = event.extra.finish();
        self.text(13, (!extra.is_empty()).then_some(extra));
        let mut id = [0; 16];
        id.copy_from_slice(&blake3::hash(&self.buffer).as_bytes()[..16]);
        EventId(id)
    }

    fn endpoint(&mut self, base: u8, end: &Endpoint<'_>) {
        match end.ip {
            Some(IpAddr::V4(v4)) => self.bytes(base, &v4.octets()),
            Some(IpAddr::V6(v6)) => self.bytes(base, &v6.octets()),
            None => {}
        }
        if let Some(port) = end.port {
            self.bytes(base + 1, &port.to_le_bytes());
        }
        if let Some(asn) = end.asn {
            self.bytes(base + 2, &asn.to_le_bytes());
        }
        self.optional(base + 3, &end.as_name);
        if let Some(country) = end.country {
            self.bytes(base + 4, &country.0);
        }
        if let Some(network) = end.network {
            let text = network.to_string();
            self.text(base + 5, Some(&text));
        }
        self.optional(base + 6, &end.fqdn);
        self.optional(base + 7, &end.url);
        self.optional(base + 8, &end.reverse_dns);
    }

    fn optional(&mut self, tag: u8, text: &Text<'_>) {
        self.text(tag, text.as_deref());
    }

    fn text(&mut self, tag: u8, text: Option<&str>) {
        if let Some(text) = text {
            self.bytes(tag, text.as_bytes());
        }
    }

    fn bytes(&mut self, tag: u8, bytes: &[u8]) {
        self.buffer.push(tag);
        // LEB128, so that short values cost one byte
        let mut length = bytes.len();
        while length >= 0x80 {
            self.buffer.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        self.buffer.push(length as u8);
        self.buffer.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::Side;
    use super::super::field::Field;
    use super::*;

    fn id(set: impl FnOnce(&mut Event<'static>)) -> EventId {
        let mut event = Event::default();
        set(&mut event);
        Identifier::default().identify(&mut event, "feed")
    }

    #[test]
    fn the_order_in_which_things_were_said_does_not_matter() {
        let one = id(|e| {
            e.extra.str("a", "1");
            e.extra.str("b", "2");
        });
        let two = id(|e| {
            e.extra.str("b", "2");
            e.extra.str("a", "1");
        });
        assert_eq!(one, two);
    }

    #[test]
    fn the_same_text_in_another_place_is_another_event() {
        let fqdn = id(|e| e.set(Field::Fqdn(Side::Source), "a.example").unwrap());
        let dns = id(|e| e.set(Field::ReverseDns(Side::Source), "a.example").unwrap());
        let other_end = id(|e| e.set(Field::Fqdn(Side::Destination), "a.example").unwrap());
        assert!(fqdn != dns && fqdn != other_end && dns != other_end);
    }

    #[test]
    fn an_identity_is_read_back_from_its_text() {
        let one = id(|_| {});
        assert_eq!(EventId::from_hex(&one.to_string()), Some(one));
        assert_eq!(EventId::from_hex("xyz"), None);
    }
}
