//! Rows of any order and overlap become the spans of a [`Table`].
//!
//! Where ranges overlap the smallest wins, as in routing; of equals the later row. One sweep over the address space
//! with the open ranges in a heap finds who holds each stretch.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::IpAddr;

use formats::address_table::{Entry, Row};
use hashbrown::HashMap;

use super::table::{AsCountry, Bits, Holder, Kind, NOBODY, Origin, Spans, Table, TableAbout};

/// Collects rows; [`build`](Self::build) makes the table.
#[derive(Debug, Default)]
pub struct Builder {
    origin: Origin,
    rows: u64,
    v4: Vec<Claim<u32>>,
    v6: Vec<Claim<u128>>,
    holders: Vec<Holder>,
    holder_numbers: HashMap<Holder, u32>,
    names: String,
    /// Where in `names` each begins.
    name_starts: HashMap<Box<str>, u32>,
    as_countries: Vec<AsCountry>,
}

/// Somebody holds these addresses.
#[derive(Clone, Copy, Debug)]
struct Claim<A> {
    first: A,
    last: A,
    whose: u32,
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
                    (IpAddr::V6(first), IpAddr::V6(last)) => self.v6.push(Claim { first: first.to_bits(), last: last.to_bits(), whose }),
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
fn sweep<A: Bits>(mut claims: Vec<Claim<A>>, holders: &[Holder]) -> Spans<A> {
    if !claims.is_sorted_by(|a, b| a.first <= b.first) {
        claims.sort_by_key(|claim| claim.first); // stable: the order of rows stays known
    }
    let mut spans =
        Growing { starts: Vec::with_capacity(claims.len() + 1), whose: Vec::with_capacity(claims.len() + 1), claim: None, holders };
    // The best is the smallest and of equals the latest; those past their end are taken out when they come up.
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
    spans.starts.shrink_to_fit();
    spans.whose.shrink_to_fit();
    Spans::new(spans.starts, spans.whose).expect("the sweep starts at the first address and only goes up")
}

struct Growing<'h, A> {
    starts: Vec<A>,
    whose: Vec<u32>,
    /// Which claim the last span came from.
    claim: Option<usize>,
    holders: &'h [Holder],
}

impl<A: Bits> Growing<'_, A> {
    /// Begins a span, unless it goes on as before. Neighbours of one AS stay apart, because each may be an announced prefix;
    /// of a country they are joined.
    fn push(&mut self, start: A, claim: Option<usize>, whose: u32) {
        let joined = self.whose.last() == Some(&whose)
            && (self.claim == claim || self.holders.get(whose as usize).is_none_or(|holder| holder.asn == 0));
        self.claim = claim;
        if !joined {
            self.starts.push(start);
            self.whose.push(whose);
        }
    }
}
