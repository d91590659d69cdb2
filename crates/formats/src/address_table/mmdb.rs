//! MaxMind DB files (format 2.0): GeoLite2 ASN, Country and City, DB-IP, IPinfo, ip-location-db.
//!
//! Publishers name the same thing in different keys; they are all looked for. A network inside an IPv4-mapped or 6to4
//! alias is the IPv4 network itself and comes once.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use maxminddb::{LookupResult, Reader, WithinOptions};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Each, Entry, Range, Rejected, Row, Summary, TableError, country};
use crate::value::{self, Network};

/// Stands before the metadata at the end of the file (MaxMind DB format 2.0, "Database Metadata").
pub const METADATA_MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// Reads such a file; rows come in the order of the addresses.
///
/// # Errors
/// When the bytes are no such file, or its tree is damaged. A damaged record is handed over instead.
pub fn read(bytes: &[u8], each: &mut Each<'_>) -> Result<Summary, TableError> {
    let broken = |error: maxminddb::MaxMindDbError| TableError::Mmdb(error.to_string());
    let reader = Reader::from_source(bytes).map_err(broken)?;
    let metadata = reader.metadata();
    let mut summary = Summary {
        date: i64::try_from(metadata.build_epoch)
            .ok()
            .and_then(|s| Timestamp::from_second(s).ok())
            .map(|t| t.to_zoned(TimeZone::UTC).date()),
        name: (!metadata.database_type.is_empty()).then(|| metadata.database_type.clone()),
        ..Summary::default()
    };
    // A tree has one leaf more than nodes, and the IPv4 part can be reached in four ways. Crafted nodes that share children
    // make 2^128 leaves: such a file is not read to its end. All leaves are asked for, so that all are counted.
    let leaves = 4 * (u64::from(metadata.node_count) + 1);
    let all = WithinOptions::default().include_networks_without_data().include_aliased_networks();
    // Millions of networks share thousands of records.
    let mut known: BTreeMap<usize, Result<Option<Known<'_>>, String>> = BTreeMap::new();
    let mut row = 0;
    for (leaf, found) in (1..).zip(reader.networks(all).map_err(broken)?) {
        if leaf > leaves {
            return Err(TableError::Mmdb(format!("more than {leaves} networks in a tree of {} nodes", metadata.node_count)));
        }
        let found = found.map_err(broken)?;
        let Some(offset) = found.offset() else { continue };
        let network = found.network().map_err(broken)?;
        if is_alias(network.network()) {
            continue;
        }
        let range = Network::new(network.network(), network.prefix()).map(Range::from);
        row += 1;
        match (range, known.entry(offset).or_insert_with(|| record(&found))) {
            (Some(range), Ok(Some(Known { asn, as_name, country }))) => {
                summary.rows += 1;
                each(Ok(Entry::Addresses(Row { range, asn: *asn, as_name: *as_name, country: *country })));
            }
            (_, Ok(_)) => {}
            (_, Err(reason)) => {
                summary.rejected += 1;
                each(Err(Rejected { row, reason: format!("{network}: {reason}") }));
            }
        }
    }
    Ok(summary)
}

/// Inside the blocks that writers let lead into the IPv4 tree: IPv4-mapped, Teredo, 6to4.
fn is_alias(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(v6) => matches!(v6.segments(), [0, 0, 0, 0, 0, 0xffff, ..] | [0x2001, 0, ..] | [0x2002, ..]),
    }
}

#[derive(Clone, Copy)]
struct Known<'a> {
    asn: Option<u32>,
    as_name: Option<&'a str>,
    country: Option<[u8; 2]>,
}

/// What a record says; `None` when nothing that we ask for.
fn record<'a>(found: &LookupResult<'a, &[u8]>) -> Result<Option<Known<'a>>, String> {
    let Some(record) = found.decode::<Record<'a>>().map_err(|error| error.to_string())? else { return Ok(None) };
    let traits = record.traits.unwrap_or_default();
    let numbers = [&record.autonomous_system_number, &record.asn, &traits.autonomous_system_number];
    let asn = match numbers.into_iter().find_map(Option::as_ref) {
        Some(Value::Number(0)) | None => None,
        Some(Value::Number(number)) => Some(u32::try_from(*number).map_err(|_| format!("{number} is not an AS number"))?),
        Some(Value::Text("")) => None,
        Some(Value::Text(text)) => Some(value::asn(text).ok_or_else(|| format!("{text:?} is not an AS number"))?),
        Some(Value::Map { .. } | Value::Other(_)) => return Err("the AS number is neither number nor text".to_owned()),
    };
    let names = [&record.autonomous_system_organization, &record.as_name, &record.name, &traits.autonomous_system_organization];
    let as_name = names.into_iter().flatten().find_map(Value::text).filter(|_| asn.is_some());
    // IPinfo writes the whole name as `country` in one product and the code in another.
    let countries = [&record.country, &record.country_code];
    let country = countries.into_iter().flatten().filter_map(Value::country_text).find_map(country);
    Ok((asn.is_some() || country.is_some()).then_some(Known { asn, as_name, country }))
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    autonomous_system_number: Option<Value<'a>>,
    autonomous_system_organization: Option<Value<'a>>,
    asn: Option<Value<'a>>,
    as_name: Option<Value<'a>>,
    name: Option<Value<'a>>,
    country: Option<Value<'a>>,
    country_code: Option<Value<'a>>,
    traits: Option<Traits<'a>>,
}

/// Where enterprise products put the AS.
#[derive(Default, Deserialize)]
struct Traits<'a> {
    #[serde(borrow)]
    autonomous_system_number: Option<Value<'a>>,
    autonomous_system_organization: Option<Value<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Value<'a> {
    Text(&'a str),
    Number(u64),
    Map { iso_code: Option<&'a str> },
    Other(IgnoredAny),
}

impl<'a> Value<'a> {
    fn text(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(text),
            Self::Text(_) | Self::Number(_) | Self::Map { .. } | Self::Other(_) => None,
        }
    }

    fn country_text(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Map { iso_code } => *iso_code,
            Self::Number(_) | Self::Other(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As much of a writer as the tests need.
    #[derive(Default)]
    struct Writer {
        nodes: Vec<[Slot; 2]>,
        records: Vec<u8>,
    }

    #[derive(Clone, Copy, Default)]
    enum Slot {
        #[default]
        Empty,
        Node(usize),
        Record(usize),
    }

    enum Json<'j> {
        Text(&'j str),
        Short(u16),
        Number(u32),
        Long(u64),
        /// An array without values.
        Nothing,
        Map(&'j [(&'j str, Json<'j>)]),
    }
    use Json::{Long, Map as M, Nothing, Number as N, Short, Text as T};

    fn write(value: &Json<'_>, to: &mut Vec<u8>) {
        let mut head = |kind: u8, size: usize| match size {
            0..29 => to.push(kind << 5 | size as u8),
            _ => to.extend([kind << 5 | 29, u8::try_from(size - 29).unwrap()]),
        };
        match value {
            T(text) => {
                head(2, text.len());
                to.extend(text.as_bytes());
            }
            N(number) => {
                head(6, 4);
                to.extend(number.to_be_bytes());
            }
            Short(number) => {
                head(5, 2);
                to.extend(number.to_be_bytes());
            }
            // Types above 7 are written in a byte of their own, less 7.
            Long(number) => {
                head(0, 8);
                to.push(9 - 7);
                to.extend(number.to_be_bytes());
            }
            Nothing => {
                head(0, 0);
                to.push(11 - 7);
            }
            M(entries) => {
                head(7, entries.len());
                for (key, value) in *entries {
                    write(&T(key), to);
                    write(value, to);
                }
            }
        }
    }

    impl Writer {
        fn record(&mut self, value: &Json<'_>) -> Slot {
            let at = self.records.len();
            write(value, &mut self.records);
            Slot::Record(at)
        }

        /// Puts a slot at the end of the leading `length` bits.
        fn put(&mut self, bits: u128, length: u32, slot: Slot) {
            if self.nodes.is_empty() {
                self.nodes.push([Slot::Empty; 2]);
            }
            let mut node = 0;
            for place in 0..length - 1 {
                let bit = (bits >> (127 - place) & 1) as usize;
                node = match self.nodes[node][bit] {
                    Slot::Node(next) => next,
                    _ => {
                        self.nodes.push([Slot::Empty; 2]);
                        self.nodes[node][bit] = Slot::Node(self.nodes.len() - 1);
                        self.nodes.len() - 1
                    }
                };
            }
            self.nodes[node][(bits >> (128 - length) & 1) as usize] = slot;
        }

        fn put_network(&mut self, network: &str, slot: Slot) {
            let network = value::network(network).unwrap();
            match network.address() {
                IpAddr::V4(v4) => self.put(v4.to_bits().into(), 96 + u32::from(network.length()), slot),
                IpAddr::V6(v6) => self.put(v6.to_bits(), network.length().into(), slot),
            }
        }

        /// Lets the IPv4-mapped and the 6to4 block lead into the IPv4 tree, as publishers do.
        fn alias(&mut self) {
            let mut node = 0;
            for _ in 0..96 {
                let Slot::Node(next) = self.nodes[node][0] else { panic!("no IPv4 tree") };
                node = next;
            }
            self.put(0xffff << 32, 96, Slot::Node(node));
            self.put(0x2002 << 112, 16, Slot::Node(node));
        }

        fn finish(&self) -> Vec<u8> {
            let mut file = Vec::new();
            for slot in self.nodes.iter().flatten() {
                let number = match slot {
                    Slot::Empty => self.nodes.len(),
                    Slot::Node(node) => *node,
                    Slot::Record(at) => self.nodes.len() + 16 + at,
                };
                file.extend(&(number as u32).to_be_bytes()[1..]);
            }
            file.extend([0; 16]);
            file.extend(&self.records);
            file.extend(METADATA_MARKER);
            let metadata = [
                ("node_count", N(self.nodes.len() as u32)),
                ("record_size", Short(24)),
                ("ip_version", Short(6)),
                ("database_type", T("Own-Sample")),
                ("languages", Nothing),
                ("binary_format_major_version", Short(2)),
                ("binary_format_minor_version", Short(0)),
                ("build_epoch", Long(1_781_654_400)),
                ("description", M(&[])),
            ];
            write(&M(&metadata), &mut file);
            file
        }
    }

    fn rows(file: &[u8]) -> Vec<String> {
        let mut rows = Vec::new();
        let summary = read(file, &mut |entry| {
            rows.push(match entry {
                Ok(Entry::Addresses(row)) => {
                    let country = row.country.map_or("-".to_owned(), |c| String::from_utf8_lossy(&c).into_owned());
                    format!("{} {} {country} {}", row.range, row.asn.unwrap_or(0), row.as_name.unwrap_or("-"))
                }
                Ok(other) => format!("{other:?}"),
                Err(rejected) => rejected.to_string(),
            });
        })
        .unwrap();
        assert_eq!((summary.date, summary.name.as_deref()), (Some(jiff::civil::date(2026, 6, 17)), Some("Own-Sample")));
        rows
    }

    #[test]
    fn every_publisher_is_understood() {
        for (record, want) in [
            (M(&[("autonomous_system_number", N(64496)), ("autonomous_system_organization", T("Example"))]), "64496 - Example"),
            (M(&[("country", M(&[("iso_code", T("JP")), ("geoname_id", N(1))])), ("continent", M(&[("code", T("AS"))]))]), "0 JP -"),
            (M(&[("country_code", T("JP"))]), "0 JP -"),
            (M(&[("asn", T("AS64496")), ("name", T("Example")), ("domain", T("a.example"))]), "64496 - Example"),
            (
                M(&[("asn", T("AS64496")), ("as_name", T("Example")), ("country", T("Japan")), ("country_code", T("JP"))]),
                "64496 JP Example",
            ),
            (M(&[("country", T("JP")), ("country_name", T("Japan")), ("asn", T("")), ("as_name", T("-"))]), "0 JP -"),
            (M(&[("traits", M(&[("autonomous_system_number", N(64496)), ("autonomous_system_organization", T("E"))]))]), "64496 - E"),
        ] {
            let mut writer = Writer::default();
            let record = writer.record(&record);
            writer.put_network("192.0.2.0/24", record);
            assert_eq!(rows(&writer.finish()), [format!("192.0.2.0-192.0.2.255 {want}")]);
        }
    }

    fn sample() -> Vec<u8> {
        let mut writer = Writer::default();
        let (one, two) = (writer.record(&M(&[("country_code", T("JP"))])), writer.record(&M(&[("asn", T("AS64497"))])));
        let (wrong, nothing) = (writer.record(&M(&[("asn", T("ASX"))])), writer.record(&M(&[("city", T("Tokyo"))])));
        writer.put_network("192.0.2.0/25", one);
        writer.put_network("192.0.2.128/25", two);
        writer.put_network("198.51.100.0/24", wrong);
        writer.put_network("203.0.113.0/24", nothing);
        writer.put_network("2001:db8::/32", two);
        writer.alias();
        writer.finish()
    }

    #[test]
    fn aliases_come_once_and_a_bad_record_is_named() {
        assert_eq!(
            rows(&sample()),
            [
                "192.0.2.0-192.0.2.127 0 JP -",
                "192.0.2.128-192.0.2.255 64497 - -",
                r#"row 3: 198.51.100.0/24: "ASX" is not an AS number"#,
                "2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff 64497 - -",
            ]
        );
    }

    #[test]
    fn a_crafted_tree_with_endless_networks_is_refused() {
        let mut writer = Writer::default();
        let record = writer.record(&M(&[("country_code", T("JP"))]));
        for node in 0..100 {
            writer.nodes.push([Slot::Node(node + 1); 2]);
        }
        writer.nodes.push([record; 2]);
        let error = read(&writer.finish(), &mut |_| {}).unwrap_err();
        assert_eq!(error.to_string(), "no MaxMind DB: more than 408 networks in a tree of 101 nodes");
    }

    proptest::proptest! {
        #[test]
        fn damaged_files_give_errors_or_rows_but_no_panic(at: usize, byte: u8, cut: usize) {
            let mut file = sample();
            let at = at % file.len();
            file[at] = byte;
            let _ = read(&file, &mut |_| {});
            file.truncate(cut % file.len());
            let _ = read(&file, &mut |_| {});
        }
    }
}
