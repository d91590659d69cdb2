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

use std::sync::OnceLock;

use super::table::{Bits, Holder, Kind, NOBODY, Origin, Spans, Table, TableAbout};

const MAGIC: &[u8; 6] = b"MSBCC\x01";
static PACKED: &[u8] = include_bytes!("../../data/country.bin");
static ABOUT: &str = include_str!("../../data/country.toml");

/// The built-in country table; unpacked when first asked, which takes a few milliseconds.
pub fn country_table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let origin = toml::from_str(ABOUT).expect("country.toml is written by us and read by a test");
        unpack(PACKED, origin).expect("country.bin is written by us and read by a test")
    })
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
    packed.extend((spans.starts().len() as u32).to_le_bytes());
    for (at, (start, whose)) in spans.starts().iter().zip(spans.whose()).enumerate() {
        packed.push(if *whose == NOBODY { 0 } else { *whose as u8 + 1 });
        let Some(next) = spans.starts().get(at + 1) else { continue };
        let size = next.wide() - start.wide();
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
    let held = |whose: &[u32]| whose.iter().filter(|whose| **whose != NOBODY).count() as u64;
    let rows = held(v4.whose()) + held(v6.whose());
    let about = TableAbout { kind: Kind::Country, origin, rows };
    packed.is_empty().then_some(Table { about, v4, v6, holders, names: String::new(), as_countries: Vec::new() })
}

fn unpack_spans<A: Packed>(packed: &mut &[u8], holders: usize) -> Option<Spans<A>> {
    let (count, mut rest) = packed.split_first_chunk::<4>()?;
    let count = u32::from_le_bytes(*count) as usize;
    // A span takes at least one byte: a wrong count reserves no more than what is there.
    let (mut starts, mut whose) = (Vec::with_capacity(count.min(rest.len())), Vec::with_capacity(count.min(rest.len())));
    let mut start = A::FIRST;
    for left in (0..count).rev() {
        let (&code, after) = rest.split_first()?;
        rest = after;
        if usize::from(code) > holders {
            return None;
        }
        starts.push(start);
        whose.push(if code == 0 { NOBODY } else { u32::from(code) - 1 });
        if left == 0 {
            break;
        }
        let (&size, after) = rest.split_first()?;
        rest = after;
        let mut odd = A::ONE;
        if size >= 0x80 {
            let mut shift = 1;
            loop {
                let (&byte, after) = rest.split_first()?;
                rest = after;
                odd = odd.plus(A::shifted(u32::from(byte & 0x7f), shift)?)?;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
            }
        }
        start = start.plus(odd.times_two_to(u32::from(size & 0x7f))?)?;
    }
    *packed = rest;
    Spans::new(starts, whose)
}

/// Arithmetic that says when it does not fit.
trait Packed: Bits {
    const ONE: Self;
    fn wide(self) -> u128;
    fn shifted(value: u32, by: u32) -> Option<Self>;
    fn plus(self, other: Self) -> Option<Self>;
    fn times_two_to(self, power: u32) -> Option<Self>;
}

macro_rules! packed {
    ($number:ty) => {
        impl Packed for $number {
            const ONE: Self = 1;

            fn wide(self) -> u128 {
                u128::from(self)
            }

            fn shifted(value: u32, by: u32) -> Option<Self> {
                Self::from(value).times_two_to(by)
            }

            fn plus(self, other: Self) -> Option<Self> {
                self.checked_add(other)
            }

            fn times_two_to(self, power: u32) -> Option<Self> {
                self.checked_shl(power).filter(|product| product >> power == self)
            }
        }
    };
}

packed!(u32);
packed!(u128);

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
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes: Vec<u8>, at in 0_usize..3_000, byte: u8) {
            let mut damaged = PACKED[..3_000].to_vec();
            damaged[at] = byte;
            let _ = unpack(&damaged, Origin::default());
            bytes.splice(0..0, *MAGIC);
            let _ = unpack(&bytes, Origin::default());
        }
    }
}
