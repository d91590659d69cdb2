//! May we call there, when somebody outside tells us where? A webhook of a partner, the web server of a domain that is claimed.

use std::net::IpAddr;

use casework::enrich::special;

/// An address that anybody can reach: none of a special purpose.
pub(crate) fn is_public(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    // Addresses that lead to one of IPv4 are judged by that (RFC 6052, RFC 3056).
    if let IpAddr::V6(six) = ip {
        let parts = six.segments();
        if parts[0] == 0x64 && parts[1] == 0xff9b || parts[0] == 0x2002 || parts[..6] == [0; 6] {
            return false;
        }
    }
    special(ip).is_none() && !ip.is_multicast() && !ip.is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_private_networks_are_known_in_every_dress() {
        for (text, public) in [
            ("8.8.8.8", true),
            ("2606:4700::1111", true),
            ("127.0.0.1", false),
            ("0.0.0.0", false),
            ("10.0.0.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("192.168.1.1", false),
            ("::1", false),
            ("::ffff:127.0.0.1", false),
            ("64:ff9b::7f00:1", false),
            ("2002:7f00:1::", false),
            ("::7f00:1", false),
            ("fd00::1", false),
            ("fe80::1", false),
            ("ff02::1", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("255.255.255.255", false),
            ("224.0.0.1", false),
            ("192.0.0.8", false),
            ("198.18.0.1", false),
            ("240.0.0.1", false),
            ("::", false),
            ("fc00::1", false),
            ("::ffff:10.0.0.1", false),
            ("64:ff9b::a00:1", false),
            ("2002:a00:1::1", false),
            ("2001::1", false),
            ("2001:db8::1", false),
            ("3fff::1", false),
            ("203.0.112.1", true),
            ("2001:4860::1", true),
        ] {
            assert_eq!(is_public(text.parse().unwrap()), public, "{text}");
        }
    }
}
