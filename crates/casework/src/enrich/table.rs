//! What one publisher says of all addresses, small enough to hold and quick enough to ask for every event.
//!
//! The address space is cut into spans: each begins at an address, ends where the next begins, and belongs to one holder
//! or to none. An index over the leading bits, and a sample of the starts within it, leave eight spans to search: what a
//! look-up costs is the lines of memory it touches, not its arithmetic.

use std::fmt;
use std::net::IpAddr;

use formats::value::Network;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::model::event::Country;

/// What a table says of an address.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Answer<'t> {
    pub asn: Option<u32>,
    pub as_name: Option<&'t str>,
    /// The largest prefix inside the range that holds the address: the announced prefix when the range is one.
    pub network: Option<Network>,
    pub country: Option<Country>,
}

/// Where a table comes from.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Origin {
    /// Name or address, as people should read it: `@ip-location-db/asn-country 2.3`.
    pub source: String,
    /// The day for which it was made.
    #[serde(with = "day")]
    pub date: Date,
    /// SHA-256 of the file it was read from, hexadecimal; of each, separated by a space, when there were several.
    pub sha256: String,
    /// Empty when nobody said.
    #[serde(default)]
    pub licence: String,
    /// Good for a first look only. Never asked about addresses that belong to nobody ([`special`](super::special())).
    #[serde(default)]
    pub approximate: bool,
}

impl Default for Origin {
    fn default() -> Self {
        Self { source: String::new(), date: Date::ZERO, sha256: String::new(), licence: String::new(), approximate: false }
    }
}

/// What a table can answer.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Asn,
    Country,
    AsnAndCountry,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asn => "asn",
            Self::Country => "country",
            Self::AsnAndCountry => "asn-and-country",
        })
    }
}

/// A table's label.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct TableAbout {
    pub kind: Kind,
    #[serde(flatten)]
    pub origin: Origin,
    /// Rows of the file that said something.
    pub rows: u64,
}

/// One publisher's table; made by a [`Builder`](super::Builder) or from an image.
pub struct Table {
    pub(super) about: TableAbout,
    pub(super) v4: Spans<u32>,
    pub(super) v6: Spans<Halves>,
    pub(super) holders: Vec<Holder>,
    /// All AS names, one behind the other.
    pub(super) names: String,
    /// To whom AS numbers are registered, sorted, without overlap.
    pub(super) as_countries: Vec<AsCountry>,
}

/// What is said of one or more spans. Zeros mean that it is not said.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Holder {
    pub(super) asn: u32,
    pub(super) name_start: u32,
    pub(super) name_length: u16,
    pub(super) country: [u8; 2],
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct AsCountry {
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) country: [u8; 2],
}

impl Table {
    pub fn about(&self) -> &TableAbout {
        &self.about
    }

    pub fn lookup(&self, ip: IpAddr) -> Answer<'_> {
        match ip.to_canonical() {
            IpAddr::V4(v4) => self.answer(&self.v4, v4.to_bits()),
            IpAddr::V6(v6) => self.answer(&self.v6, v6.to_bits().into()),
        }
    }

    /// The country in which an AS number is registered, when the table is a registry's. The addresses it announces can be elsewhere.
    pub fn as_country(&self, asn: u32) -> Option<Country> {
        let after = self.as_countries.partition_point(|a| a.first <= asn);
        let registered = self.as_countries[..after].last().filter(|a| asn <= a.last)?;
        Some(Country(registered.country))
    }

    /// Bytes it takes in memory, without the label.
    pub fn size_bytes(&self) -> usize {
        self.v4.size_bytes()
            + self.v6.size_bytes()
            + size_of_val(&self.holders[..])
            + self.names.len()
            + size_of_val(&self.as_countries[..])
    }

    fn answer<A: Bits>(&self, spans: &Spans<A>, address: A) -> Answer<'_> {
        let Some((whose, first, last)) = spans.find(address) else { return Answer::default() };
        let Some(holder) = self.holders.get(whose as usize) else { return Answer::default() };
        let name = holder.name_start as usize..holder.name_start as usize + usize::from(holder.name_length);
        Answer {
            asn: (holder.asn != 0).then_some(holder.asn),
            as_name: if name.is_empty() { None } else { self.names.get(name) },
            network: address.largest_prefix(first, last),
            country: (holder.country != [0; 2]).then_some(Country(holder.country)),
        }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("about", &self.about).finish_non_exhaustive()
    }
}

/// Nobody's: the number that stands for no holder.
pub(super) const NOBODY: u32 = u32::MAX;

/// The address space of one family in order: span `n` begins at `starts[n]` and belongs to `holders[whose[n]]`.
pub(super) struct Spans<A> {
    /// Span numbers: `index[b]` is the first that begins in bucket `b` or behind it. One more than there are buckets.
    index: Vec<u32>,
    /// The start of every [`BLOCK`]th span: the search runs in these, which stay in the cache, and ends in one block.
    samples: Vec<A>,
    /// Ascending; the first begins at the first address there is. Start and holder stand together, because a look-up that
    /// misses the cache costs more than all its arithmetic.
    spans: Vec<Span<A>>,
}

const BLOCK: usize = 8;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Span<A> {
    pub(super) start: A,
    pub(super) whose: u32,
}

impl<A: Bits> Spans<A> {
    /// `None` unless they ascend strictly from the first address and each has a holder or none.
    pub(super) fn new(spans: Vec<Span<A>>, holders: usize) -> Option<Self> {
        if spans.first()?.start != A::FIRST || u32::try_from(spans.len()).is_err() {
            return None;
        }
        let mut index = vec![0; A::BUCKETS + 1];
        let mut fits = true;
        let mut before = None;
        for span in &spans {
            fits &= before < Some(span.start) && ((span.whose as usize) < holders || span.whose == NOBODY);
            before = Some(span.start);
            index[span.start.bucket() + 1] += 1;
        }
        if !fits {
            return None;
        }
        let mut sum = 0;
        for count in &mut index {
            sum += *count;
            *count = sum;
        }
        let samples = spans.iter().step_by(BLOCK).map(|span| span.start).collect();
        Some(Self { index, samples, spans })
    }

    pub(super) fn spans(&self) -> &[Span<A>] {
        &self.spans
    }

    /// The holder's number of the span around an address, with its first and last address.
    #[inline]
    pub(super) fn find(&self, address: A) -> Option<(u32, A, A)> {
        let bucket = address.bucket();
        let (from, to) = (self.index[bucket] as usize, self.index[bucket + 1] as usize);
        let (block, blocks) = (from.div_ceil(BLOCK), to.div_ceil(BLOCK));
        let block = block + self.samples[block..blocks].partition_point(|start| *start <= address);
        let (from, to) = (from.max((BLOCK * block).saturating_sub(BLOCK)), to.min(BLOCK * block));
        let at = (from + self.spans[from..to].partition_point(|span| span.start <= address)).checked_sub(1)?;
        let span = self.spans[at];
        if span.whose == NOBODY {
            return None;
        }
        let last = self.spans.get(at + 1).map_or(A::LAST, |next| next.start.before());
        Some((span.whose, span.start, last))
    }

    pub(super) fn size_bytes(&self) -> usize {
        size_of_val(&self.index[..]) + size_of_val(&self.samples[..]) + size_of_val(&self.spans[..])
    }
}

/// An address as the number it is.
pub(super) trait Bits: Copy + Ord + fmt::Debug {
    const FIRST: Self;
    const LAST: Self;
    /// Parts into which the index cuts the space.
    const BUCKETS: usize;
    /// Which part; never falls while the address rises.
    fn bucket(self) -> usize;
    /// The address before; none comes before the first.
    fn before(self) -> Self;
    /// The address after, unless it is the last.
    fn after(self) -> Option<Self>;
    /// How many addresses lie between two, as far as it can be compared.
    fn distance(self, last: Self) -> Self;
    fn largest_prefix(self, first: Self, last: Self) -> Option<Network>;
}

impl Bits for u32 {
    const FIRST: Self = 0;
    const LAST: Self = Self::MAX;
    const BUCKETS: usize = 1 << 16;

    #[inline]
    fn bucket(self) -> usize {
        (self >> 16) as usize
    }

    fn before(self) -> Self {
        self.saturating_sub(1)
    }

    fn after(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn distance(self, last: Self) -> Self {
        last.wrapping_sub(self)
    }

    /// Below `first` and above `last`, the highest bit in which they differ from the address bounds the host part.
    fn largest_prefix(self, first: Self, last: Self) -> Option<Network> {
        let below = first.checked_sub(1).map_or(Self::BITS, |outside| (outside ^ self).ilog2());
        let above = last.checked_add(1).map_or(Self::BITS, |outside| (outside ^ self).ilog2());
        Network::new(std::net::Ipv4Addr::from_bits(self).into(), (Self::BITS - below.min(above)) as u8)
    }
}

/// An IPv6 address in two halves: a `u128` would make each span a third larger.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Halves {
    high: u64,
    low: u64,
}

impl From<u128> for Halves {
    #[inline]
    fn from(bits: u128) -> Self {
        Self { high: (bits >> 64) as u64, low: bits as u64 }
    }
}

impl From<Halves> for u128 {
    #[inline]
    fn from(halves: Halves) -> Self {
        Self::from(halves.high) << 64 | Self::from(halves.low)
    }
}

impl Bits for Halves {
    const FIRST: Self = Self { high: 0, low: 0 };
    const LAST: Self = Self { high: u64::MAX, low: u64::MAX };
    const BUCKETS: usize = (1 << 17) + 2;

    /// All that is given out lies in 2000::/3 (RFC 4291 §2.4): it has all buckets but the first and the last, each a /20.
    #[inline]
    fn bucket(self) -> usize {
        match self.high >> 61 {
            0 => 0,
            1 => 1 + ((self.high >> 44) as usize & 0x1_ffff),
            _ => Self::BUCKETS - 1,
        }
    }

    fn before(self) -> Self {
        u128::from(self).saturating_sub(1).into()
    }

    fn after(self) -> Option<Self> {
        u128::from(self).checked_add(1).map(Self::from)
    }

    fn distance(self, last: Self) -> Self {
        u128::from(last).wrapping_sub(self.into()).into()
    }

    fn largest_prefix(self, first: Self, last: Self) -> Option<Network> {
        let bits = u128::from(self);
        let below = u128::from(first).checked_sub(1).map_or(u128::BITS, |outside| (outside ^ bits).ilog2());
        let above = u128::from(last).checked_add(1).map_or(u128::BITS, |outside| (outside ^ bits).ilog2());
        Network::new(std::net::Ipv6Addr::from_bits(bits).into(), (u128::BITS - below.min(above)) as u8)
    }
}

/// A day as its ISO 8601 text.
pub(super) mod day {
    use jiff::civil::Date;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(in crate::enrich) fn serialize<S: Serializer>(date: &Date, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(date)
    }

    pub(in crate::enrich) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Date, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
