//! Whose address is this? Tables that others publish, read row by row.
//!
//! All of them say the same thing in different layouts: from this address to that one, this AS, this country.
//! One file per layout; [`recognise`] finds which it is, [`read`] hands over each [`Entry`] or the reason why a row is none.

pub mod mmdb;
pub mod ranges;
pub mod rir;

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::civil::Date;

use crate::value::{self, Network};

/// Addresses of one family, from the first to the last, both in it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Range {
    first: IpAddr,
    last: IpAddr,
}

impl Range {
    /// `None` when the families differ or the last comes before the first. IPv4-mapped IPv6 becomes IPv4.
    ///
    /// ```
    /// use formats::address_table::Range;
    /// let range = Range::new("::ffff:192.0.2.0".parse().unwrap(), "192.0.2.9".parse().unwrap()).unwrap();
    /// assert_eq!(range.to_string(), "192.0.2.0-192.0.2.9");
    /// ```
    pub fn new(first: IpAddr, last: IpAddr) -> Option<Self> {
        let (first, last) = (first.to_canonical(), last.to_canonical());
        (first.is_ipv4() == last.is_ipv4() && first <= last).then_some(Self { first, last })
    }

    pub fn first(self) -> IpAddr {
        self.first
    }

    pub fn last(self) -> IpAddr {
        self.last
    }
}

impl From<Network> for Range {
    fn from(network: Network) -> Self {
        Self::new(network.address(), network.last()).unwrap_or(Self { first: network.address(), last: network.last() })
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// What a table says of a range; never nothing at all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Row<'a> {
    pub range: Range,
    pub asn: Option<u32>,
    pub as_name: Option<&'a str>,
    pub country: Option<[u8; 2]>,
}

/// What one row of a table says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Entry<'a> {
    Addresses(Row<'a>),
    /// The AS numbers from the first to the last are registered to someone in this country.
    AsNumbers {
        first: u32,
        last: u32,
        country: [u8; 2],
    },
}

/// A row that could not be read, and why.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("row {row}: {reason}")]
pub struct Rejected {
    /// Counted from 1, as an editor shows it.
    pub row: u64,
    pub reason: String,
}

/// Receives what [`read`] finds, in the order of the table.
pub type Each<'e> = dyn FnMut(Result<Entry<'_>, Rejected>) + 'e;

/// The layouts that can be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Layout {
    /// MaxMind DB: GeoLite2, DB-IP, IPinfo, ip-location-db.
    Mmdb,
    /// Comma or tab separated: IPtoASN, ip-location-db, DB-IP, IPinfo, CAIDA pfx2as.
    Ranges,
    /// Statistics of a regional internet registry.
    Rir,
}

/// What the table says of itself.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Summary {
    pub rows: u64,
    pub rejected: u64,
    /// The day it was made.
    pub date: Option<Date>,
    /// Its own name, such as `GeoLite2-ASN` or `apnic`.
    pub name: Option<String>,
}

/// Why a table cannot be read at all, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("no MaxMind DB: {0}")]
    Mmdb(String),
}

/// The layout of a table, from its first bytes (64 KiB are plenty) and its file name; `None` when it looks like none of them.
///
/// ```
/// use formats::address_table::{Layout, recognise};
/// assert_eq!(recognise(b"192.0.2.0,192.0.2.255,JP\n", "country.csv"), Some(Layout::Ranges));
/// assert_eq!(recognise(b"2|apnic|20260617|3|19850701|20260616|+1000\n", "delegated-apnic-extended-latest"), Some(Layout::Rir));
/// assert_eq!(recognise(b"hello, world\n", "hello.txt"), None);
/// ```
pub fn recognise(head: &[u8], name: &str) -> Option<Layout> {
    let name = name.to_ascii_lowercase();
    if name.ends_with(".mmdb") || memchr::memmem::find(head, mmdb::METADATA_MARKER).is_some() {
        Some(Layout::Mmdb)
    } else if rir::recognise(head) {
        Some(Layout::Rir)
    } else if ranges::recognise(head) {
        Some(Layout::Ranges)
    } else {
        None
    }
}

/// Reads a table; what it holds is handed over row by row. A MaxMind DB is taken into memory, the others stream.
///
/// # Errors
/// When the input cannot be read, or the whole is no table; bad rows are handed over instead.
///
/// ```
/// use formats::address_table::{Entry, Layout, read};
/// let mut seen = Vec::new();
/// let table = &b"192.0.2.0\t192.0.2.255\t64496\tJP\tEXAMPLE\n"[..];
/// read(Layout::Ranges, table, &mut |entry| {
///     if let Ok(Entry::Addresses(row)) = entry {
///         seen.push((row.range.to_string(), row.asn, row.country));
///     }
/// })
/// .unwrap();
/// assert_eq!(seen, [("192.0.2.0-192.0.2.255".to_owned(), Some(64_496), Some(*b"JP"))]);
/// ```
pub fn read(layout: Layout, mut input: impl Read, each: &mut Each<'_>) -> Result<Summary, TableError> {
    match layout {
        Layout::Mmdb => {
            let mut bytes = Vec::new();
            input.read_to_end(&mut bytes)?;
            mmdb::read(&bytes, each)
        }
        Layout::Ranges => Ok(ranges::read(input, each)?),
        Layout::Rir => Ok(rir::read(input, each)?),
    }
}

/// A line longer than this is no row of any table.
const LONGEST_LINE: u64 = 64 * 1024;

/// Calls `each` with the number and text of every line that is not empty; too long lines come as `None`.
fn each_line(input: impl Read, mut each: impl FnMut(u64, Option<&str>)) -> io::Result<()> {
    let mut input = BufReader::with_capacity(64 * 1024, input);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let whole = line.ends_with(b"\n") || (line.len() as u64) < LONGEST_LINE;
        if !whole {
            input.skip_until(b'\n')?;
            each(number, None);
            continue;
        }
        let text = if number == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line) } else { &line };
        let text = String::from_utf8_lossy(text.trim_ascii_end());
        if !text.is_empty() {
            each(number, Some(&text));
        }
    }
    Ok(())
}

/// An address in any spelling, or the whole number it stands for: up to 2^32-1 IPv4, above it IPv6.
fn address(text: &str) -> Option<IpAddr> {
    if text.bytes().all(|c| c.is_ascii_digit()) {
        let number: u128 = text.parse().ok()?;
        let address = u32::try_from(number).map_or_else(|_| Ipv6Addr::from_bits(number).into(), |n| Ipv4Addr::from_bits(n).into());
        return Some(address);
    }
    value::ip(text)
}

/// A country that says something: not `ZZ` (ISO 3166-1 user-assigned, "unknown" where it is used), `XX`, `--`.
fn country(text: &str) -> Option<[u8; 2]> {
    value::country(text).filter(|code| code != b"ZZ" && code != b"XX")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_an_address() {
        assert_eq!(address("3221225984"), Some("192.0.2.0".parse().unwrap()));
        assert_eq!(address("42540766411282592856903984951653826560"), Some("2001:db8::".parse().unwrap()));
        assert_eq!(address("999999999999999999999999999999999999999999"), None);
        assert_eq!(address(""), None);
    }

    #[test]
    fn a_line_without_end_is_one_rejected_row_and_the_next_is_read() {
        let mut text = "x".repeat(200_000);
        text.push_str("\n192.0.2.0\n");
        let mut seen = Vec::new();
        each_line(text.as_bytes(), |number, line| seen.push((number, line.map(str::to_owned)))).unwrap();
        assert_eq!(seen, [(1, None), (2, Some("192.0.2.0".to_owned()))]);
    }

    #[test]
    fn a_range_has_one_family_and_a_direction() {
        let ip = |text: &str| text.parse().unwrap();
        assert_eq!(Range::new(ip("192.0.2.9"), ip("192.0.2.0")), None);
        assert_eq!(Range::new(ip("192.0.2.9"), ip("2001:db8::")), None);
    }
}
