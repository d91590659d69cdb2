//! Which addresses does a CIDR text stand for? IPv4 and IPv6, host bits allowed; an address alone is a network of one.

use std::net::IpAddr;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Network {
    /// An IPv4 address stands in the upper 32 bits, so that a prefix is the same thing for both.
    pub bits: u128,
    pub length: u8,
    pub v6: bool,
}

impl Network {
    pub(super) fn read(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) if !length.is_empty() && length.len() <= 3 && length.bytes().all(|c| c.is_ascii_digit()) => {
                (address, Some(length.parse::<u8>().ok()?))
            }
            Some(_) => return None,
            None => (text, None),
        };
        let (bits, widest, v6) = match address.parse::<IpAddr>().ok()? {
            IpAddr::V4(ip) => (u128::from(ip.to_bits()) << 96, 32, false),
            IpAddr::V6(ip) => (ip.to_bits(), 128, true),
        };
        let length = length.unwrap_or(widest);
        (length <= widest).then(|| Self { bits: masked(bits, length), length, v6 })
    }

    pub(super) fn holds(&self, other: &Self) -> bool {
        self.v6 == other.v6 && self.length <= other.length && masked(other.bits, self.length) == self.bits
    }

    /// The highest address in it.
    pub(super) fn last(&self) -> u128 {
        self.bits | u128::MAX.checked_shr(u32::from(self.length)).unwrap_or(0)
    }
}

/// Only the first `length` bits.
pub(super) fn masked(bits: u128, length: u8) -> u128 {
    bits & !u128::MAX.checked_shr(u32::from(length)).unwrap_or(0)
}
