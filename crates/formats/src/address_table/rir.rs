//! What a regional internet registry has given to whom: `delegated-*` statistics, plain and extended.
//!
//! `registry|cc|type|start|value|date|status[|opaque-id]`: an IPv4 value counts addresses and need not be a power of
//! two, an IPv6 value is a prefix length, an AS value counts numbers
//! (RIR statistics exchange format, <https://www.apnic.net/about-apnic/corporate-documents/documents/resource-guidelines/rir-statistics-exchange-format/>).

use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr};

use jiff::civil::Date;

use super::{Each, Entry, Range, Rejected, Row, Summary, country, each_line};
use crate::value::{self, Network};

/// Is this the start of such a file? Its first line that is no comment says version, registry, serial.
pub(super) fn recognise(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&head[..head.len().min(8 * 1024)]);
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
    let fields: Vec<&str> = first.split('|').collect();
    header(&fields).is_some() || (fields.len() >= 7 && matches!(fields[2], "ipv4" | "ipv6" | "asn"))
}

/// Reads such a file; space that nobody holds (`available`, `reserved`) is left out.
///
/// ```
/// use formats::address_table::{Entry, rir};
/// let table = "2|apnic|20260617|2|19850701|20260616|+1000\napnic|JP|ipv4|192.0.2.0|192|20110412|allocated|A91\napnic|JP|asn|64496|2|20110412|allocated\n";
/// let mut seen = Vec::new();
/// let summary = rir::read(table.as_bytes(), &mut |entry| seen.push(match entry.unwrap() {
///     Entry::Addresses(row) => row.range.to_string(),
///     Entry::AsNumbers { first, last, .. } => format!("AS{first}-AS{last}"),
/// }))?;
/// assert_eq!(seen, ["192.0.2.0-192.0.2.191", "AS64496-AS64497"]);
/// assert_eq!(summary.date, Some(jiff::civil::date(2026, 6, 17)));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// When the input cannot be read.
pub fn read(input: impl Read, each: &mut Each<'_>) -> io::Result<Summary> {
    let mut summary = Summary::default();
    each_line(input, |number, line| {
        let read = match line {
            None => Err("the line is too long".to_owned()),
            Some(line) if line.starts_with('#') => return,
            Some(line) => {
                let fields: Vec<&str> = line.split('|').map(str::trim).collect();
                if summary.name.is_none()
                    && let Some((name, date)) = header(&fields)
                {
                    (summary.name, summary.date) = (Some(name.to_owned()), date);
                    return;
                }
                if fields.last() == Some(&"summary") {
                    return;
                }
                entry(&fields)
            }
        };
        match read {
            Ok(Some(entry)) => {
                summary.rows += 1;
                each(Ok(entry));
            }
            Ok(None) => {}
            Err(reason) => {
                summary.rejected += 1;
                each(Err(Rejected { row: number, reason }));
            }
        }
    })?;
    Ok(summary)
}

/// Registry and day of `version|registry|serial|records|startdate|enddate|UTCoffset`. The end date is a day;
/// the serial is one at most registries and a Unix time at one (RIPE NCC), so the end date decides.
fn header<'f>(fields: &[&'f str]) -> Option<(&'f str, Option<Date>)> {
    let &[version, registry, serial, _, _, end, ..] = fields else { return None };
    let is_version = !version.is_empty() && version.bytes().all(|c| c.is_ascii_digit() || c == b'.');
    is_version.then(|| (registry, day(serial).or_else(|| day(end))))
}

fn day(text: &str) -> Option<Date> {
    if text.len() != 8 || !text.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    Date::new(text[..4].parse().ok().filter(|year| (1980..2200).contains(year))?, text[4..6].parse().ok()?, text[6..].parse().ok()?).ok()
}

fn entry(fields: &[&str]) -> Result<Option<Entry<'static>>, String> {
    let &[_, code, kind, start, count, _, status, ..] = fields else {
        return Err(format!("{} fields instead of at least 7", fields.len()));
    };
    if !matches!(status, "allocated" | "assigned") {
        return match status {
            "available" | "reserved" => Ok(None),
            _ => Err(format!("{:?} is not a status", shortened(status))),
        };
    }
    let Some(country) = country(code) else {
        return if code.is_empty() || value::country(code).is_some() {
            Ok(None)
        } else {
            Err(format!("{:?} is not a country", shortened(code)))
        };
    };
    let wrong = |text: &str, what: &str| format!("{:?} is not {what}", shortened(text));
    let range = match kind {
        "ipv4" => {
            let first: Ipv4Addr = start.parse().map_err(|_| wrong(start, "an IPv4 address"))?;
            let more = count.parse::<u32>().ok().and_then(|n| n.checked_sub(1)).ok_or_else(|| wrong(count, "a number of addresses"))?;
            let last = first.to_bits().checked_add(more).ok_or_else(|| format!("{count} addresses do not fit behind {start}"))?;
            Range::new(first.into(), Ipv4Addr::from_bits(last).into())
        }
        "ipv6" => {
            let first = start.parse().map_err(|_| wrong(start, "an IPv6 address"))?;
            let length = count.parse().map_err(|_| wrong(count, "a prefix length"))?;
            Network::new(IpAddr::V6(first), length).map(Range::from)
        }
        "asn" => {
            let first = value::asn(start).ok_or_else(|| wrong(start, "an AS number"))?;
            let more = count.parse::<u32>().ok().and_then(|n| n.checked_sub(1)).ok_or_else(|| wrong(count, "a number of AS numbers"))?;
            let last = first.checked_add(more).ok_or_else(|| format!("{count} numbers do not fit behind AS{first}"))?;
            return Ok(Some(Entry::AsNumbers { first, last, country }));
        }
        _ => return Err(wrong(kind, "a kind of resource")),
    };
    let range = range.ok_or_else(|| format!("{:?} with {:?} is not a network", shortened(start), shortened(count)))?;
    Ok(Some(Entry::Addresses(Row { range, asn: None, as_name: None, country: Some(country) })))
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(table: &str) -> (Vec<String>, Summary) {
        let mut rows = Vec::new();
        let summary = read(table.as_bytes(), &mut |entry| {
            rows.push(match entry {
                Ok(Entry::Addresses(row)) => format!("{} {}", row.range, String::from_utf8_lossy(&row.country.unwrap())),
                Ok(Entry::AsNumbers { first, last, country }) => format!("AS{first}-AS{last} {}", String::from_utf8_lossy(&country)),
                Err(rejected) => rejected.to_string(),
            });
        })
        .unwrap();
        (rows, summary)
    }

    #[test]
    fn a_registry_file_gives_ranges_and_as_numbers_with_their_country() {
        let (rows, summary) = rows(include_str!("../../../../testdata/tables/delegated-extended.in.txt"));
        assert_eq!(
            rows,
            [
                "AS64496-AS64499 JP",
                "192.0.2.0-192.0.2.191 JP",
                "198.51.100.0-198.51.100.255 KR",
                r#"row 10: "192.0.2.999" is not an IPv4 address"#,
                r#"row 11: "0" is not a number of addresses"#,
                "row 12: 512 addresses do not fit behind 255.255.255.0",
                "2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff AU",
                r#"row 14: "2001:db8::" with "129" is not a network"#,
                "row 17: 3 fields instead of at least 7",
            ]
        );
        assert_eq!((summary.name.as_deref(), summary.date), (Some("apnic"), Date::new(2026, 6, 17).ok()));
        assert_eq!((summary.rows, summary.rejected), (4, 5));
    }

    #[test]
    fn a_serial_that_is_a_unix_time_leaves_the_end_date() {
        let (_, summary) = rows("2|ripencc|1781647199|1|19700101|20260616|+0200\n");
        assert_eq!(summary.date, Date::new(2026, 6, 16).ok());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "([0-9a-f.:|\n*]|ipv4|ipv6|asn|allocated|JP|[^x]){0,100}") {
            let _ = (rows(&text), recognise(text.as_bytes()));
        }
    }
}
