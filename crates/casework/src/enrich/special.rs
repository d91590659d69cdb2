//! Addresses that belong to nobody, so that no table is believed about them.
//!
//! The IANA special-purpose registries (RFC 6890 and what followed) without the blocks that are reached from everywhere
//! (AS112, AMT, ORCHID are routed like any other), and multicast.

use std::net::IpAddr;

/// The registry's name of the special-purpose block around an address.
///
/// ```
/// use casework::enrich::special;
/// assert_eq!(special("10.1.2.3".parse().unwrap()), Some("Private-Use"));
/// assert_eq!(special("9.9.9.9".parse().unwrap()), None);
/// ```
pub fn special(ip: IpAddr) -> Option<&'static str> {
    match ip.to_canonical() {
        IpAddr::V4(v4) => special_v4(v4.octets()),
        IpAddr::V6(v6) => special_v6(v6.segments()),
    }
}

fn special_v4(octets: [u8; 4]) -> Option<&'static str> {
    Some(match octets {
        [0, ..] => "\"This network\"",
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => "Private-Use",
        [100, 64..=127, ..] => "Shared Address Space",
        [127, ..] => "Loopback",
        [169, 254, ..] => "Link Local",
        // 192.0.0.9 and 192.0.0.10 are anycast services that are reached from everywhere.
        [192, 0, 0, 9 | 10] => return None,
        [192, 0, 0, _] => "IETF Protocol Assignments",
        [192, 0, 2, _] => "Documentation (TEST-NET-1)",
        [192, 88, 99, _] => "Deprecated (6to4 Relay Anycast)",
        [198, 18 | 19, ..] => "Benchmarking",
        [198, 51, 100, _] => "Documentation (TEST-NET-2)",
        [203, 0, 113, _] => "Documentation (TEST-NET-3)",
        [224..=239, ..] => "Multicast",
        [255, 255, 255, 255] => "Limited Broadcast",
        [240..=255, ..] => "Reserved",
        _ => return None,
    })
}

fn special_v6(segments: [u16; 8]) -> Option<&'static str> {
    Some(match segments {
        [0, 0, 0, 0, 0, 0, 0, 0] => "Unspecified Address",
        [0, 0, 0, 0, 0, 0, 0, 1] => "Loopback Address",
        [0x0064, 0xff9b, 0, 0, 0, 0, ..] => "IPv4-IPv6 Translat.",
        [0x0064, 0xff9b, 1, ..] => "IPv4-IPv6 Translat.",
        [0x0100, 0, 0, 0 | 1, ..] => "Discard-Only Address Block",
        [0x2001, 0, ..] => "TEREDO",
        [0x2001, 2, 0, ..] => "Benchmarking",
        [0x2001, 0x10..=0x1f, ..] => "Deprecated (previously ORCHID)",
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => "Documentation",
        [0x2002, ..] => "6to4",
        [0x5f00, ..] => "Segment Routing (SRv6) SIDs",
        [0xfc00..=0xfdff, ..] => "Unique-Local",
        [0xfe80..=0xfebf, ..] => "Link-Local Unicast",
        [0xff00..=0xffff, ..] => "Multicast",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_end_where_the_registry_ends_them() {
        for (inside, name) in [
            ("172.31.255.255", "Private-Use"),
            ("100.127.255.255", "Shared Address Space"),
            ("203.0.113.255", "Documentation (TEST-NET-3)"),
            ("::ffff:10.0.0.1", "Private-Use"),
            ("2001:db8:ffff::1", "Documentation"),
            ("3fff:fff::1", "Documentation"),
            ("fdff::1", "Unique-Local"),
            ("64:ff9b::1", "IPv4-IPv6 Translat."),
        ] {
            assert_eq!(special(inside.parse().unwrap()), Some(name), "{inside}");
        }
        for outside in ["172.32.0.0", "100.128.0.0", "192.0.0.9", "198.20.0.0", "2001:db9::", "3fff:1000::", "fe00::", "2001:4:112::"] {
            assert_eq!(special(outside.parse().unwrap()), None, "{outside}");
        }
    }
}
