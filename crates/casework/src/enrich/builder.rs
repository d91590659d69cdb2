//! Rows of any order and overlap become the spans of a [`Table`].
//!
//! Where ranges overlap the smallest wins, as in routing; of equally large ones that which begins later, of the same range
//! the later row. One sweep over the address space
//! with the open ranges in a heap finds who holds each stretch.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::IpAddr;

use formats::address_table::{Entry, Row};
use hashbrown::HashMap;

use super::table::{AsCountry, Bits, Halves, Holder, Kind, NOBODY, Origin, Span, Spans, Table, TableAbout};

/// Collects rows; [`build`](Self::build) makes the table.
#[derive(Debug, Default)]
pub struct Builder {
    origin: Origin,
    rows: u64,
    v4: Vec<Claim<u32>>,
    v6: Vec<Claim<Halves>>,
    holders: Vec<Holder>,
    holder_numbers: HashMap<Holder, u32>,
    names: String,
    /// Where in `names` each begins.
    name_starts: HashMap<Box<str>, u32>,
    as_countries: Vec<AsCountry>,
}

/// Somebody holds these addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim<A> {
    pub(super) first: A,
    pub(super) last: A,
    pub(super) whose: u32,
}

impl Builder {
    pub fn new(origin: Origin) -> Self {
        Self { origin, ..Self::default() }
    }

    /// States where the rows come from, for what is known only once they have been read.
    pub fn of(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    pub fn add(&mut self, entry: &Entry<'_>) {
        self.rows += 1;
        match *entry {
            Entry::Addresses(row) => {
                let whose = self.holder(&row);
                match (row.range.first(), row.range.last()) {
                    (IpAddr::V4(first), IpAddr::V4(last)) => self.v4.push(Claim { first: first.to_bits(), last: last.to_bits(), whose }),
                    (IpAddr::V6(first), IpAddr::V6(last)) => {
                        self.v6.push(Claim { first: first.to_bits().into(), last: last.to_bits().into(), whose })
                    }
                    _ => unreachable!("a range has one family"),
                }
            }
            Entry::AsNumbers { first, last, country } => self.as_countries.push(AsCountry { first, last, country }),
        }
    }

    pub fn build(mut self) -> Table {
        let has_asn = self.holders.iter().any(|h| h.asn != 0);
        let has_country = self.holders.iter().any(|h| h.country != [0; 2]);
        let kind = match (has_asn, has_country) {
            (true, true) => Kind::AsnAndCountry,
            (true, false) => Kind::Asn,
            (false, _) => Kind::Country,
        };
        self.as_countries.sort_by_key(|a| a.first);
        self.as_countries.dedup_by(|later, earlier| later.first <= earlier.last);
        Table {
            about: TableAbout { kind, origin: self.origin, rows: self.rows },
            v4: sweep(self.v4, &self.holders),
            v6: sweep(self.v6, &self.holders),
            holders: self.holders,
            names: self.names,
            as_countries: self.as_countries,
        }
    }

    fn holder(&mut self, row: &Row<'_>) -> u32 {
        let (name_start, name_length) = row.as_name.map_or((0, 0), |name| self.name(name));
        let holder = Holder { asn: row.asn.unwrap_or(0), name_start, name_length, country: row.country.unwrap_or([0; 2]) };
        *self.holder_numbers.entry(holder).or_insert_with(|| {
            let number = u32::try_from(self.holders.len()).expect("fewer holders than IPv4 addresses");
            self.holders.push(holder);
            number
        })
    }

    /// Where a name stands; too long ones are cut, and past 4 GiB of names there is none.
    fn name(&mut self, name: &str) -> (u32, u16) {
        let name = &name[..name.floor_char_boundary(usize::from(u16::MAX))];
        let start = match self.name_starts.get(name) {
            Some(start) => *start,
            None => {
                let Ok(start) = u32::try_from(self.names.len()) else { return (0, 0) };
                self.names.push_str(name);
                self.name_starts.insert(name.into(), start);
                start
            }
        };
        (start, name.len() as u16)
    }
}

/// Cuts the space into spans, each of its smallest claim.
pub(super) fn sweep<A: Bits>(mut claims: Vec<Claim<A>>, holders: &[Holder]) -> Spans<A> {
    if !claims.is_sorted_by(|a, b| a.first <= b.first) {
        claims.sort_by_key(|claim| claim.first); // stable: the order of rows stays known
    }
    let mut spans = Growing { spans: Vec::with_capacity(claims.len() + 1), claim: None, holders };
    // The best stands on top; those past their end are taken out when they come up.
    let mut open: BinaryHeap<Reverse<(A, Reverse<usize>)>> = BinaryHeap::new();
    let mut at = Some(A::FIRST);
    for next in 0..=claims.len() {
        let until = claims.get(next).map(|claim| claim.first);
        // Up to where the next claim begins, the best changes only where it ends.
        while let Some(here) = at.filter(|here| until.is_none_or(|until| *here < until)) {
            match open.peek() {
                Some(Reverse((_, Reverse(best)))) if claims[*best].last < here => {
                    open.pop();
                }
                Some(Reverse((_, Reverse(best)))) => {
                    let last = claims[*best].last;
                    spans.push(here, Some(*best), claims[*best].whose);
                    at = match until {
                        Some(until) if until <= last => Some(until),
                        _ => last.after(),
                    };
                }
                None => {
                    spans.push(here, None, NOBODY);
                    at = until;
                }
            }
        }
        if let Some(claim) = claims.get(next) {
            open.push(Reverse((claim.first.distance(claim.last), Reverse(next))));
        }
    }
    spans.spans.shrink_to_fit();
    Spans::new(spans.spans, holders.len()).expect("the sweep starts at the first address and only goes up")
}

struct Growing<'h, A> {
    spans: Vec<Span<A>>,
    /// Which claim the last span came from.
    claim: Option<usize>,
    holders: &'h [Holder],
}

impl<A: Bits> Growing<'_, A> {
    /// Begins a span, unless it goes on as before. Neighbours of one AS stay apart, because each may be an announced prefix;
    /// of a country they are joined.
    fn push(&mut self, start: A, claim: Option<usize>, whose: u32) {
        let joined = self.spans.last().is_some_and(|last| last.whose == whose)
            && (self.claim == claim || self.holders.get(whose as usize).is_none_or(|holder| holder.asn == 0));
        self.claim = claim;
        if !joined {
            self.spans.push(Span { start, whose });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use formats::address_table::Range;
    use formats::value::Network;
    use proptest::prelude::*;

    use super::*;

    /// First and last address, AS number, country.
    type Line<'a> = (&'a str, &'a str, Option<u32>, Option<[u8; 2]>);

    fn table(rows: &[Line<'_>]) -> Table {
        let mut builder = Builder::new(Origin::default());
        for (first, last, asn, country) in rows {
            let range = Range::new(first.parse().unwrap(), last.parse().unwrap()).unwrap();
            builder.add(&Entry::Addresses(Row { range, asn: *asn, as_name: None, country: *country }));
        }
        builder.build()
    }

    fn network(table: &Table, ip: &str) -> String {
        table.lookup(ip.parse().unwrap()).network.map_or_else(String::new, |network| network.to_string())
    }

    #[test]
    fn the_more_specific_wins_and_the_rest_stays_with_the_less_specific() {
        let table = table(&[("198.51.100.0", "198.51.100.255", Some(64496), None), ("198.51.100.64", "198.51.100.127", Some(64497), None)]);
        let asn = |ip: &str| table.lookup(ip.parse().unwrap()).asn;
        assert_eq!((asn("198.51.100.63"), asn("198.51.100.64"), asn("198.51.100.128")), (Some(64496), Some(64497), Some(64496)));
        assert_eq!(asn("198.51.101.0"), None);
        assert_eq!(network(&table, "198.51.100.70"), "198.51.100.64/26");
        assert_eq!(network(&table, "198.51.100.200"), "198.51.100.128/25");
    }

    #[test]
    fn neighbours_of_one_as_stay_two_announcements_and_of_one_country_become_one() {
        let neighbours = [("192.0.2.0", "192.0.2.127"), ("192.0.2.128", "192.0.2.255")];
        let announced = table(&neighbours.map(|(first, last)| (first, last, Some(64496), None)));
        assert_eq!(network(&announced, "192.0.2.1"), "192.0.2.0/25");
        let country = table(&neighbours.map(|(first, last)| (first, last, None, Some(*b"JP"))));
        assert_eq!(network(&country, "192.0.2.1"), "192.0.2.0/24");
    }

    #[test]
    fn the_first_and_the_last_address_there_are_can_be_held() {
        let all = table(&[("0.0.0.0", "255.255.255.255", Some(1), None), ("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(2), None)]);
        assert_eq!((network(&all, "0.0.0.0"), network(&all, "255.255.255.255")), ("0.0.0.0/0".to_owned(), "0.0.0.0/0".to_owned()));
        assert_eq!((network(&all, "::1"), network(&all, "ffff::")), ("::/0".to_owned(), "::/0".to_owned()));
        let none = table(&[]);
        assert_eq!((network(&none, "0.0.0.0"), network(&none, "::")), (String::new(), String::new()));
    }

    /// The slow and certain way: the smallest range that holds the address, of equals that which begins last.
    fn scan(ranges: &[(Range, u32)], ip: IpAddr) -> Option<u32> {
        let size = |range: Range| match (range.first(), range.last()) {
            (IpAddr::V4(first), IpAddr::V4(last)) => u128::from(last.to_bits() - first.to_bits()),
            (IpAddr::V6(first), IpAddr::V6(last)) => last.to_bits() - first.to_bits(),
            _ => unreachable!("one family"),
        };
        let holds = |range: Range| range.first().is_ipv4() == ip.is_ipv4() && range.first() <= ip && ip <= range.last();
        let held = ranges.iter().enumerate().filter(|(_, (range, _))| holds(*range));
        held.min_by_key(|(row, (range, _))| (size(*range), Reverse((range.first(), *row)))).map(|(_, (_, asn))| *asn)
    }

    /// Near each other and near the edges of the index, so that many overlap and touch.
    fn address() -> impl Strategy<Value = IpAddr> {
        let v4 = prop_oneof![
            (0_u32..64).prop_map(|n| n),
            (0_u32..64).prop_map(|n| u32::MAX - n),
            (0_u32..0x4_0000).prop_map(|n| 0x0a00_0000 + (n & !0x3f)),
            any::<u32>()
        ];
        let v6 = prop_oneof![
            (0_u128..64).prop_map(|n| n),
            (0_u128..64).prop_map(|n| u128::MAX - n),
            (0_u128..64).prop_map(|n| (0x2001_0db8 << 96) + (n << 76)),
            (0_u128..64).prop_map(|n| (1 << 125) - 32 + n),
            (0_u128..64).prop_map(|n| (2 << 125) - 32 + n),
            any::<u128>()
        ];
        prop_oneof![v4.prop_map(|n| Ipv4Addr::from_bits(n).into()), v6.prop_map(|n| Ipv6Addr::from_bits(n).into())]
    }

    fn range() -> impl Strategy<Value = Range> {
        (address(), address()).prop_filter_map("two families", |(a, b)| Range::new(a.min(b), a.max(b)))
    }

    proptest! {
        #[test]
        fn every_answer_is_that_of_a_linear_scan(
            ranges in prop::collection::vec((range(), 1..20_u32), 0..40),
            others in prop::collection::vec(address(), 20),
        ) {
            let mut builder = Builder::new(Origin::default());
            for (range, asn) in &ranges {
                let name = format!("AS{}", asn / 2);
                builder.add(&Entry::Addresses(Row { range: *range, asn: Some(*asn), as_name: Some(&name), country: None }));
            }
            let built = builder.build();
            let loaded = Table::from_bytes(&built.to_bytes()).unwrap();
            let edges = ranges.iter().flat_map(|(range, _)| [range.first(), range.last()]);
            let outside = edges.clone().flat_map(|ip| match ip {
                IpAddr::V4(v4) => [v4.to_bits().wrapping_sub(1), v4.to_bits().wrapping_add(1)].map(|n| Ipv4Addr::from_bits(n).into()),
                IpAddr::V6(v6) => [v6.to_bits().wrapping_sub(1), v6.to_bits().wrapping_add(1)].map(|n| Ipv6Addr::from_bits(n).into()),
            });
            for ip in edges.clone().chain(outside).chain(others).map(|ip: IpAddr| ip.to_canonical()) {
                let want = scan(&ranges, ip);
                let answer = built.lookup(ip);
                prop_assert_eq!(answer.asn, want, "{}", ip);
                prop_assert_eq!(answer.as_name.map(str::to_owned), want.map(|asn| format!("AS{}", asn / 2)));
                prop_assert_eq!(loaded.lookup(ip), answer);
                if let Some(network) = answer.network {
                    // All of it is answered alike, and the next larger one is not.
                    prop_assert!(network.contains(ip));
                    prop_assert_eq!((scan(&ranges, network.address()), scan(&ranges, network.last())), (want, want));
                }
                prop_assert_eq!(answer.network.is_some(), want.is_some());
            }
        }

        #[test]
        fn a_range_that_is_a_prefix_is_answered_as_it_is(ip in address(), length in 0..=128_u8) {
            let ip = ip.to_canonical();
            let network = Network::new(ip, if ip.is_ipv4() { length / 4 } else { length }).unwrap();
            prop_assume!(network.address().to_canonical().is_ipv4() == network.last().to_canonical().is_ipv4());
            let mut builder = Builder::new(Origin::default());
            builder.add(&Entry::Addresses(Row { range: network.into(), asn: Some(1), as_name: None, country: None }));
            prop_assert_eq!(builder.build().lookup(ip).network, Some(network));
        }
    }
}
