//! Which addresses are blocked until when, if networks overlap?
//!
//! A firewall wants ranges that do not overlap. Networks either lie in one another or apart, so one walk over them in order, with the
//! networks that are open as a stack, cuts them into ranges where each address keeps its latest expiry: as exact as asking every network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;

use crate::value::Network;

/// Addresses of one family, first and last included.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Range {
    pub first: IpAddr,
    pub last: IpAddr,
    pub expires: Timestamp,
    /// Number of a network, as given, that it rests on.
    pub of: usize,
}

/// Cuts networks into ranges; neighbours with the same expiry are one. IPv4 comes first.
///
/// ```
/// use formats::block_list::intervals::ranges;
/// use formats::value::network;
/// use jiff::Timestamp;
/// let at = |second| Timestamp::from_second(second).unwrap();
/// let found = ranges(&[(network("192.0.2.0/24").unwrap(), at(9)), (network("192.0.2.8").unwrap(), at(5))]);
/// assert_eq!((found.len(), found[0].last.to_string()), (1, "192.0.2.255".into()));
/// ```
pub fn ranges(networks: &[(Network, Timestamp)]) -> Vec<Range> {
    let mut order: Vec<usize> = (0..networks.len()).collect();
    // The wider before what lies in it; of two of the same the later.
    order.sort_by_key(|&at| {
        let (network, expires) = networks[at];
        (network.address(), network.length(), std::cmp::Reverse(expires), at)
    });
    let mut walk = Walk::default();
    for at in order {
        let (network, expires) = networks[at];
        let (first, last) = (bits(network.address()), bits(network.last()));
        let ipv4 = network.address().is_ipv4();
        walk.close(|open| open.ipv4 != ipv4 || open.last < first);
        if walk.open.last().is_some_and(|around| around.expires >= expires) {
            continue;
        }
        walk.emit_before(first);
        walk.next = first;
        walk.open.push(Open { last, expires, of: at, ipv4 });
    }
    walk.close(|_| true);
    walk.found
}

#[derive(Clone, Copy)]
struct Open {
    last: u128,
    expires: Timestamp,
    of: usize,
    ipv4: bool,
}

#[derive(Default)]
struct Walk {
    /// What the walk is in: each lies in the one before and expires later.
    open: Vec<Open>,
    /// The first address not yet in a range.
    next: u128,
    found: Vec<Range>,
}

impl Walk {
    fn close(&mut self, over: impl Fn(&Open) -> bool) {
        while let Some(open) = self.open.last().copied().filter(&over) {
            if self.next <= open.last {
                self.push(self.next, open.last, open);
            }
            self.open.pop();
            match open.last.checked_add(1) {
                Some(next) => self.next = self.next.max(next),
                // The last address there is: nothing around it has more.
                None => self.open.clear(),
            }
        }
    }

    /// What lies in the innermost open network before this address.
    fn emit_before(&mut self, first: u128) {
        if let Some(open) = self.open.last().copied()
            && self.next < first
        {
            self.push(self.next, first - 1, open);
        }
    }

    fn push(&mut self, first: u128, last: u128, Open { expires, of, ipv4, .. }: Open) {
        if let Some(before) = self.found.last_mut()
            && before.expires == expires
            && before.last.is_ipv4() == ipv4
            && bits(before.last).checked_add(1) == Some(first)
        {
            before.last = address(last, ipv4);
            return;
        }
        self.found.push(Range { first: address(first, ipv4), last: address(last, ipv4), expires, of });
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn address(bits: u128, ipv4: bool) -> IpAddr {
    if ipv4 { Ipv4Addr::from_bits(bits as u32).into() } else { Ipv6Addr::from_bits(bits).into() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn said(networks: &[(&str, i64)]) -> Vec<String> {
        let networks: Vec<_> = networks.iter().map(|(text, second)| (crate::value::network(text).unwrap(), at(*second))).collect();
        ranges(&networks).iter().map(|range| format!("{}-{} {}", range.first, range.last, range.expires.as_second())).collect()
    }

    #[test]
    fn what_lies_inside_and_lasts_longer_is_cut_out() {
        let found = said(&[("10.0.0.0/24", 1), ("10.0.0.8/31", 5), ("10.0.0.8", 9), ("10.0.1.0/24", 1)]);
        assert_eq!(found, ["10.0.0.0-10.0.0.7 1", "10.0.0.8-10.0.0.8 9", "10.0.0.9-10.0.0.9 5", "10.0.0.10-10.0.1.255 1"]);
    }

    #[test]
    fn the_ends_of_both_families_are_no_trouble() {
        let all = said(&[("0.0.0.0/0", 1), ("255.255.255.255", 2), ("::/0", 1), ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 2)]);
        assert_eq!(all.len(), 4);
        assert_eq!(all[1], "255.255.255.255-255.255.255.255 2");
        assert_eq!(all[2], "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe 1");
    }

    proptest! {
        #[test]
        fn every_address_is_blocked_exactly_as_long_as_its_networks_say(
            some in prop::collection::vec((0_u8..=255, 24_u8..=32, 0_i64..6, any::<bool>()), 0..30), reversed: bool,
        ) {
            let base = |n: u8, v6: bool| -> IpAddr {
                if v6 { format!("2001:db8::{n:x}").parse().unwrap() } else { Ipv4Addr::new(10, 0, 0, n).into() }
            };
            let mut networks: Vec<_> = some
                .iter()
                .map(|(n, length, second, v6)| (Network::new(base(*n, *v6), if *v6 { 96 + length } else { *length }).unwrap(), at(*second)))
                .collect();
            let found = ranges(&networks);
            for v6 in [false, true] {
                for n in 0..=255 {
                    let address = base(n, v6);
                    let wanted = networks.iter().filter(|(network, _)| network.contains(address)).map(|(_, expires)| *expires).max();
                    let ranges: Vec<_> = found.iter().filter(|range| range.first <= address && address <= range.last).collect();
                    prop_assert!(ranges.len() <= 1);
                    prop_assert_eq!(ranges.first().map(|range| range.expires), wanted);
                }
            }
            // No two ranges could be one.
            prop_assert!(found.windows(2).all(|two| two[0].last < two[1].first));
            prop_assert!(found.windows(2).all(|two| bits(two[0].last) + 1 != bits(two[1].first) || two[0].expires != two[1].expires));
            if reversed {
                networks.reverse();
                let plain = |ranges: Vec<Range>| ranges.into_iter().map(|range| (range.first, range.last, range.expires)).collect::<Vec<_>>();
                prop_assert_eq!(plain(ranges(&networks)), plain(found));
            }
        }
    }
}
