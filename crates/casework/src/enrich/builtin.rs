//! Which country, with no set-up: a table that ships inside the program.
//!
//! Dated and approximate, under CC0-1.0; `data/country.toml` says where it comes from. It is packed as the address space
//! itself, from the first address to the last: how many addresses, which country, how many, which country. Most counts
//! are powers of two and take one byte, so 210,000 ranges fit where their text needs 8 MB.
//!
//! ```text
//! "MSBCC" version  | number of codes (1 byte), codes (2 bytes each)
//! then for IPv4 and for IPv6: number of spans (4 bytes, little-endian), the spans
//! span: code (1 byte, 0 = none, n = code n-1) | size; the last span has no size, it goes on to the last address
//! size: 0..=127 = 2^n addresses | 128+n = 2^n times an odd number, which follows as LEB128 of its half
//! ```

use std::net::IpAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use super::table::{Bits, Halves, Holder, Kind, NOBODY, Origin, Span, Spans, Table, TableAbout};
use crate::model::event::Country;

const MAGIC: &[u8; 6] = b"MSBCC\x01";
static PACKED: &[u8] = include_bytes!("../../data/country.bin");
static ABOUT: &str = include_str!("../../data/country.toml");

static TABLE: OnceLock<Table> = OnceLock::new();

/// The built-in country table; unpacked when first asked, which takes a few milliseconds.
pub fn country_table() -> &'static Table {
    TABLE.get_or_init(|| {
        let origin = toml::from_str(ABOUT).expect("country.toml is written by us and read by a test");
        unpack(PACKED, origin).expect("country.bin is written by us and read by a test")
    })
}

/// The country in which the built-in table has an address.
///
/// Whoever asks for one address pays for one: the first few are found by walking over the packed table, which takes a tenth of
/// unpacking it and no memory.
pub fn country(ip: IpAddr) -> Option<Country> {
    const FEW: u8 = 8;
    static WALKED: AtomicU8 = AtomicU8::new(0);
    let few = || WALKED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |walked| (walked < FEW).then(|| walked + 1)).is_ok();
    match TABLE.get().is_none() && few() {
        true => walk(PACKED, ip),
        false => country_table().lookup(ip).country,
    }
}

/// What [`unpack`] and a look-up would say of one address, as far as the bytes up to it are whole.
fn walk(packed: &[u8], ip: IpAddr) -> Option<Country> {
    let packed = packed.strip_prefix(MAGIC)?;
    let (&codes, packed) = packed.split_first()?;
    let (codes, packed) = packed.split_at_checked(2 * usize::from(codes))?;
    let v4 = Walk::over(packed)?;
    let (mut spans, address) = match ip.to_canonical() {
        IpAddr::V4(ip) => (v4, u128::from(ip.to_bits())),
        IpAddr::V6(ip) => (Walk::over(v4.skipped()?)?, ip.to_bits()),
    };
    let mut code = 0;
    while spans.left > 0 {
        match spans.step()? {
            (start, _) if start > address => break,
            (_, its) => code = usize::from(its),
        }
    }
    codes.as_chunks::<2>().0.get(code.checked_sub(1)?).map(|code| Country(*code))
}

/// Packs a table of countries, with nothing else in it.
///
/// `None` when it names an AS, or more countries than a byte can number.
pub fn pack(table: &Table) -> Option<Vec<u8>> {
    if table.about.kind != Kind::Country || table.holders.len() >= usize::from(u8::MAX) {
        return None;
    }
    let mut packed = MAGIC.to_vec();
    packed.push(table.holders.len() as u8);
    packed.extend(table.holders.iter().flat_map(|holder| holder.country));
    pack_spans(&table.v4, &mut packed);
    pack_spans(&table.v6, &mut packed);
    Some(packed)
}

fn pack_spans<A: Packed>(spans: &Spans<A>, packed: &mut Vec<u8>) {
    let spans = spans.spans();
    packed.extend((spans.len() as u32).to_le_bytes());
    for (at, Span { start, whose }) in spans.iter().enumerate() {
        packed.push(if *whose == NOBODY { 0 } else { *whose as u8 + 1 });
        let Some(next) = spans.get(at + 1) else { continue };
        let size = next.start.wide() - start.wide();
        let shift = size.trailing_zeros();
        let mut half = size >> shift >> 1;
        if half == 0 {
            packed.push(shift as u8);
            continue;
        }
        packed.push(shift as u8 | 0x80);
        while half >= 0x80 {
            packed.push(half as u8 | 0x80);
            half >>= 7;
        }
        packed.push(half as u8);
    }
}

/// Reads what [`pack`] wrote.
fn unpack(packed: &[u8], origin: Origin) -> Option<Table> {
    let packed = packed.strip_prefix(MAGIC)?;
    let (&codes, packed) = packed.split_first()?;
    let (codes, mut packed) = packed.split_at_checked(2 * usize::from(codes))?;
    let holders: Vec<Holder> = codes.as_chunks::<2>().0.iter().map(|country| Holder { country: *country, ..Holder::default() }).collect();
    let v4 = unpack_spans(&mut packed, holders.len())?;
    let v6 = unpack_spans(&mut packed, holders.len())?;
    let rows = held(&v4) + held(&v6);
    let about = TableAbout { kind: Kind::Country, origin, rows };
    packed.is_empty().then_some(Table { about, v4, v6, holders, names: String::new(), as_countries: Vec::new() })
}

fn held<A: Bits>(spans: &Spans<A>) -> u64 {
    spans.spans().iter().filter(|span| span.whose != NOBODY).count() as u64
}

fn unpack_spans<A: Packed>(packed: &mut &[u8], holders: usize) -> Option<Spans<A>> {
    let mut walk = Walk::over(packed)?;
    // A span takes at least one byte: a wrong count reserves no more than what is there.
    let mut spans = Vec::with_capacity(walk.left.min(walk.rest.len()));
    while walk.left > 0 {
        let (start, code) = walk.step()?;
        spans.push(Span { start: A::narrow(start)?, whose: if code == 0 { NOBODY } else { u32::from(code) - 1 } });
    }
    *packed = walk.rest;
    Spans::new(spans, holders)
}

/// Packed spans of one family, from the first address on.
struct Walk<'p> {
    rest: &'p [u8],
    left: usize,
    start: u128,
}

impl<'p> Walk<'p> {
    fn over(packed: &'p [u8]) -> Option<Self> {
        let (count, rest) = packed.split_first_chunk::<4>()?;
        Some(Self { rest, left: u32::from_le_bytes(*count) as usize, start: 0 })
    }

    /// Where the next span starts, and its code; `None` when the bytes are damaged, or when no span is left.
    fn step(&mut self) -> Option<(u128, u8)> {
        self.left = self.left.checked_sub(1)?;
        let (&code, rest) = self.rest.split_first()?;
        self.rest = rest;
        let start = self.start;
        if self.left > 0 {
            self.start = self.size()?.checked_add(start)?;
        }
        Some((start, code))
    }

    fn size(&mut self) -> Option<u128> {
        let (&size, mut rest) = self.rest.split_first()?;
        let mut odd = 1;
        if size >= 0x80 {
            let mut shift = 1;
            loop {
                let (&byte, after) = rest.split_first()?;
                rest = after;
                odd = shifted(u128::from(byte & 0x7f), shift)?.checked_add(odd)?;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
            }
        }
        self.rest = rest;
        shifted(odd, u32::from(size & 0x7f))
    }

    /// What follows after the last span.
    fn skipped(mut self) -> Option<&'p [u8]> {
        while self.left > 0 {
            self.step()?;
        }
        Some(self.rest)
    }
}

/// `None` when it does not fit.
fn shifted(value: u128, by: u32) -> Option<u128> {
    value.checked_shl(by).filter(|product| product >> by == value)
}

/// Sizes of both families are counted in the wider one.
trait Packed: Bits {
    fn wide(self) -> u128;
    fn narrow(wide: u128) -> Option<Self>;
}

impl Packed for u32 {
    fn wide(self) -> u128 {
        self.into()
    }

    fn narrow(wide: u128) -> Option<Self> {
        wide.try_into().ok()
    }
}

impl Packed for Halves {
    fn wide(self) -> u128 {
        self.into()
    }

    fn narrow(wide: u128) -> Option<Self> {
        Some(wide.into())
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn country(ip: &str) -> Option<String> {
        country_table().lookup(ip.parse::<IpAddr>().unwrap()).country.map(|c| c.as_str().to_owned())
    }

    #[test]
    fn well_known_addresses_are_where_they_are_known_to_be() {
        for (ip, code) in [
            ("133.11.0.1", Some("JP")),           // University of Tokyo
            ("193.0.6.139", Some("NL")),          // RIPE NCC
            ("18.9.22.69", Some("US")),           // MIT
            ("2001:200:dff:fff1::1", Some("JP")), // WIDE
            ("::ffff:133.11.0.1", Some("JP")),
            ("10.0.0.1", None),
            ("2001:db8::1", None),
            ("255.255.255.255", None),
            ("::", None),
        ] {
            assert_eq!(country(ip).as_deref(), code, "{ip}");
        }
    }

    /// The files it was made from are not in the repository; `MUSUBI_SHARED` names the folder that has them.
    #[test]
    #[allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "the test compares with files")]
    fn it_answers_as_the_files_it_was_made_from() {
        use formats::address_table::{Entry, Layout, read};

        let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
        let shared = std::env::var("MUSUBI_SHARED").unwrap_or_else(|_| beside.to_owned());
        for name in ["asn-country-ipv4.csv.gz", "asn-country-ipv6.csv.gz"] {
            let path = format!("{shared}/data/geo/{name}");
            let Ok(file) = std::fs::File::open(&path) else {
                eprintln!("skipped: there is no {path}");
                continue;
            };
            let mut ranges = 0;
            read(Layout::Ranges, flate2::read::GzDecoder::new(file), &mut |entry| {
                let Ok(Entry::Addresses(row)) = entry else { panic!("{entry:?}") };
                for ip in [row.range.first(), row.range.last()] {
                    assert_eq!(country_table().lookup(ip).country.map(|c| c.0), row.country, "{ip}");
                }
                ranges += 1;
            })
            .unwrap();
            assert!(ranges > 60_000);
        }
    }

    #[test]
    fn walking_finds_what_the_table_says() {
        let table = country_table();
        let near = |at: u128, most: u128| [at.saturating_sub(1), at, at.saturating_add(1).min(most)];
        let v4 = table.v4.spans().iter().step_by(997).flat_map(|span| near(span.start.wide(), u32::MAX.into()));
        let v6 = table.v6.spans().iter().step_by(997).flat_map(|span| near(span.start.wide(), u128::MAX));
        let of_v4 = v4.map(|bits| IpAddr::from((bits as u32).to_be_bytes()));
        let of_v6 = v6.map(|bits| IpAddr::from(bits.to_be_bytes()));
        let mut found = 0;
        for ip in of_v4.chain(of_v6).chain([IpAddr::from([255; 4]), IpAddr::from([255; 16])]) {
            let walked = walk(PACKED, ip);
            assert_eq!(walked, table.lookup(ip).country, "{ip}");
            found += usize::from(walked.is_some());
        }
        assert!(found > 200, "{found}");
    }

    #[test]
    fn it_is_labelled_and_small() {
        let about = country_table().about();
        assert_eq!((about.kind, about.origin.licence.as_str(), about.origin.approximate), (Kind::Country, "CC0-1.0", true));
        assert_eq!(about.origin.date, jiff::civil::date(2026, 6, 17));
        assert!(PACKED.len() < 2_000_000, "{} bytes", PACKED.len());
    }

    #[test]
    fn packing_again_gives_the_same_bytes() {
        assert!(pack(country_table()).unwrap() == PACKED);
    }

    #[test]
    fn damaged_bytes_are_refused_not_believed() {
        for length in [0, 5, 6, 7, 100, 1_000, PACKED.len() - 1] {
            assert!(unpack(&PACKED[..length], Origin::default()).is_none());
            assert_eq!(walk(&PACKED[..length], IpAddr::from([255; 16])), None);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes: Vec<u8>, at in 0_usize..3_000, byte: u8) {
            let mut damaged = PACKED[..3_000].to_vec();
            damaged[at] = byte;
            let _ = unpack(&damaged, Origin::default());
            let _ = walk(&damaged, IpAddr::from([0xf0; 16]));
            bytes.splice(0..0, *MAGIC);
            let _ = unpack(&bytes, Origin::default());
            let _ = walk(&bytes, IpAddr::from([0xf0; 16]));
        }
    }
}
