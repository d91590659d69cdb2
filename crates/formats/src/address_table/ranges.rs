//! Tables with a range or prefix a line: IPtoASN, ip-location-db, DB-IP, IP2Location, IPinfo, CAIDA pfx2as.
//!
//! A first line of column names decides what the columns are. Without one, each row does by its shape, because what
//! can stand behind the addresses differs in kind: `64496` and `AS64496` are an AS, two letters are a country, a text
//! behind an AS is its name.

use std::borrow::Cow;
use std::io::{self, Read};

use jiff::civil::Date;

use super::{Each, Entry, Range, Rejected, Row, Summary, address, country, each_line};
use crate::value;

/// Is this the start of such a table?
pub(super) fn recognise(head: &[u8]) -> bool {
    let mut seen = 0;
    let mut fits = 0;
    let _ = each_line(&head[..head.len().min(8 * 1024)], |number, line| {
        let Some(line) = line.filter(|line| !line.starts_with('#')) else { return };
        let fields = split(line);
        let named = number == 1 && Columns::from_names(&fields).is_some();
        if !named && seen < 10 {
            seen += 1;
            fits += u32::from(range(&fields).is_ok_and(|(_, used)| fields.len() > used));
        }
    });
    // The last line may be cut.
    fits > 0 && fits + 1 >= seen
}

/// Reads such a table; what it holds is handed over row by row. Ranges of which it knows nothing (`Not routed`) are left out.
///
/// ```
/// use formats::address_table::{Entry, ranges};
/// let mut names = Vec::new();
/// let table = "192.0.2.0\t192.0.2.255\t64496\tJP\tEXAMPLE-AS Example\n198.51.100.0,nonsense,JP\n";
/// let summary = ranges::read(table.as_bytes(), &mut |entry| match entry {
///     Ok(Entry::Addresses(row)) => names.push(row.as_name.unwrap_or_default().to_owned()),
///     Ok(_) => {}
///     Err(rejected) => assert_eq!(rejected.to_string(), r#"row 2: "nonsense" is not an address"#),
/// })?;
/// assert_eq!((summary.rows, names), (1, vec!["EXAMPLE-AS Example".to_owned()]));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// When the input cannot be read.
pub fn read(input: impl Read, each: &mut Each<'_>) -> io::Result<Summary> {
    let mut columns = None;
    let mut summary = Summary::default();
    each_line(input, |row, line| {
        let Some(line) = line else {
            summary.rejected += 1;
            return each(Err(Rejected { row, reason: "the line is too long".to_owned() }));
        };
        if line.starts_with('#') {
            return;
        }
        let fields = split(line);
        if row == 1
            && let Some(named) = Columns::from_names(&fields)
        {
            columns = Some(named);
            return;
        }
        let read = match &columns {
            Some(columns) => columns.row(&fields),
            None => by_shape(&fields),
        };
        match read {
            Ok(Some(read)) => {
                summary.rows += 1;
                each(Ok(Entry::Addresses(read)));
            }
            Ok(None) => {}
            Err(reason) => {
                summary.rejected += 1;
                each(Err(Rejected { row, reason }));
            }
        }
    })?;
    Ok(summary)
}

/// The day in the name of a file, as most publishers write it (`dbip-country-lite-2026-06.csv.gz`, `GeoLite2-ASN_20260616`).
///
/// ```
/// use formats::address_table::ranges::date_in_name;
/// assert_eq!(date_in_name("GeoLite2-ASN_20260616/blocks.csv"), Some(jiff::civil::date(2026, 6, 16)));
/// assert_eq!(date_in_name("dbip-asn-lite-2026-06.csv.gz"), Some(jiff::civil::date(2026, 6, 1)));
/// assert_eq!(date_in_name("ip2asn-v4.tsv"), None);
/// ```
pub fn date_in_name(name: &str) -> Option<Date> {
    let mut rest = name;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let from = &rest[start..];
        let length = from.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(from.len());
        let (word, after) = from.split_at(length);
        let mut parts = word.split('-').filter(|p| !p.is_empty());
        let date = match (parts.next(), parts.next(), parts.next()) {
            (Some(year), Some(month), day) if year.len() == 4 && month.len() == 2 => ymd(year, month, day.unwrap_or("01")),
            (Some(digits), None, None) if digits.len() == 8 => ymd(&digits[..4], &digits[4..6], &digits[6..]),
            _ => None,
        };
        if date.is_some() {
            return date;
        }
        rest = after;
    }
    None
}

fn ymd(year: &str, month: &str, day: &str) -> Option<Date> {
    let year = year.parse().ok().filter(|year| (1980..2200).contains(year))?;
    Date::new(year, month.parse().ok()?, day.parse().ok()?).ok()
}

/// Which column says what, by the names in the first line.
struct Columns {
    /// One column with a prefix, or two with first and last address.
    first: usize,
    last: Option<usize>,
    asn: Option<usize>,
    as_name: Option<usize>,
    country: Option<usize>,
}

impl Columns {
    fn from_names(fields: &[Cow<'_, str>]) -> Option<Self> {
        let at = |names: &[&str]| names.iter().find_map(|name| fields.iter().position(|f| f.trim().eq_ignore_ascii_case(name)));
        Some(Self {
            first: at(&["network", "prefix", "cidr", "range", "start_ip", "ip_range_start", "range_start", "ip_from", "start", "first"])?,
            last: at(&["end_ip", "ip_range_end", "range_end", "ip_to", "end", "last"]),
            asn: at(&["autonomous_system_number", "as_number", "asn"]),
            as_name: at(&["autonomous_system_organization", "as_organization", "as_description", "as_name", "name", "organization"]),
            country: at(&["country_code", "country_iso_code", "country"]),
        })
    }

    fn row<'f>(&self, fields: &'f [Cow<'_, str>]) -> Result<Option<Row<'f>>, String> {
        let field = |at: usize| fields.get(at).map_or("", |f| f.trim());
        let optional = |at: Option<usize>| at.map(field).filter(|f| !f.is_empty());
        let range = match self.last {
            Some(last) => between(field(self.first), field(last))?,
            None => prefix(field(self.first))?,
        };
        let asn = match optional(self.asn) {
            Some(text) => as_number(text)?,
            None => None,
        };
        Ok(told(Row { range, asn, as_name: optional(self.as_name), country: optional(self.country).and_then(country) }))
    }
}

fn by_shape<'f>(fields: &'f [Cow<'_, str>]) -> Result<Option<Row<'f>>, String> {
    let (range, used) = range(fields)?;
    let mut rest: Vec<&str> = fields[used..].iter().map(|f| f.trim()).collect();
    // IP2Location writes the prefix once more behind the numbers.
    if rest.first().is_some_and(|f| f.contains('/') && value::network(f).is_some()) {
        rest.remove(0);
    }
    let two_letters = |f: &str| f.len() == 2 && value::country(f).is_some();
    let row = match rest[..] {
        [] => return Err("nothing stands behind the addresses".to_owned()),
        // DB-IP City: the continent stands before the country.
        [continent, code, ..] if two_letters(continent) && two_letters(code) => {
            Row { range, asn: None, as_name: None, country: country(code) }
        }
        [code, ..] if two_letters(code) || matches!(code, "" | "-" | "None") => {
            Row { range, asn: None, as_name: None, country: country(code) }
        }
        [asn] => Row { range, asn: as_number(asn)?, as_name: None, country: None },
        [asn, code, name, ..] if two_letters(code) || matches!(code, "None" | "-" | "") => {
            Row { range, asn: as_number(asn)?, as_name: text(name), country: country(code) }
        }
        [asn, name, ..] => Row { range, asn: as_number(asn)?, as_name: text(name), country: None },
    };
    Ok(told(row))
}

/// The range that the first fields say, and how many of them it took.
fn range(fields: &[Cow<'_, str>]) -> Result<(Range, usize), String> {
    let field = |at: usize| fields.get(at).map_or("", |f| f.trim());
    let (first, second) = (field(0), field(1));
    if first.contains('/') {
        return Ok((prefix(first)?, 1));
    }
    // CAIDA pfx2as: the length of the prefix has its own column.
    if first.contains(['.', ':']) && second.len() <= 3 && second.parse::<u8>().is_ok() {
        return Ok((prefix(&format!("{first}/{second}"))?, 2));
    }
    Ok((between(first, second)?, 2))
}

fn between(first: &str, last: &str) -> Result<Range, String> {
    let read = |text: &str| address(text).ok_or_else(|| format!("{:?} is not an address", shortened(text)));
    let (from, to) = (read(first)?, read(last)?);
    Range::new(from, to).ok_or_else(|| format!("from {first:?} to {last:?} is not a range"))
}

fn prefix(text: &str) -> Result<Range, String> {
    value::network(text).map(Range::from).ok_or_else(|| format!("{:?} is not a network", shortened(text)))
}

/// An AS number; `0`, `-` and empty say that there is none. Of several origins (`64496_64497`, `{64496,64497}`) the first.
fn as_number(text: &str) -> Result<Option<u32>, String> {
    if matches!(text, "" | "0" | "-" | "None" | "NA" | "AS0") {
        return Ok(None);
    }
    let first = text.trim_start_matches('{').split(['_', ',', '}']).next().unwrap_or_default();
    value::asn(first).map(Some).ok_or_else(|| format!("{:?} is not an AS number", shortened(text)))
}

fn text(name: &str) -> Option<&str> {
    (!matches!(name, "" | "-" | "None" | "Not routed")).then_some(name)
}

/// Rows without AS and country say nothing.
fn told(row: Row<'_>) -> Option<Row<'_>> {
    (row.asn.is_some() || row.country.is_some()).then(|| Row { as_name: row.as_name.filter(|_| row.asn.is_some()), ..row })
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Fields of a line: tab-separated when it has a tab, else separated by commas with quotes as in RFC 4180.
fn split(line: &str) -> Vec<Cow<'_, str>> {
    if line.contains('\t') {
        return line.split('\t').map(|field| Cow::Borrowed(unquoted(field))).collect();
    }
    let mut fields = Vec::with_capacity(8);
    let mut rest = Some(line);
    while let Some(text) = rest {
        let (field, after) = match text.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted),
            None => text.split_once(',').map_or((Cow::Borrowed(text), None), |(field, after)| (Cow::Borrowed(field), Some(after))),
        };
        fields.push(field);
        rest = after;
    }
    fields
}

/// A field whose opening quote is taken off, and what follows the comma behind it.
fn quoted_field(text: &str) -> (Cow<'_, str>, Option<&str>) {
    let mut from = 0;
    while let Some(at) = text[from..].find('"').map(|at| from + at) {
        if !text[at + 1..].starts_with('"') {
            let field = &text[..at];
            let field = if field.contains("\"\"") { Cow::Owned(field.replace("\"\"", "\"")) } else { Cow::Borrowed(field) };
            return (field, text[at + 1..].split_once(',').map(|(_, after)| after));
        }
        from = at + 2;
    }
    (Cow::Borrowed(text), None)
}

fn unquoted(field: &str) -> &str {
    field.strip_prefix('"').and_then(|f| f.strip_suffix('"')).unwrap_or(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `range asn name country` of each row, or why it is none.
    fn rows(table: &str) -> Vec<String> {
        let mut rows = Vec::new();
        read(table.as_bytes(), &mut |entry| {
            rows.push(match entry {
                Ok(Entry::Addresses(row)) => {
                    let asn = row.asn.map_or("-".to_owned(), |asn| asn.to_string());
                    let country = row.country.map_or("-".to_owned(), |c| String::from_utf8_lossy(&c).into_owned());
                    format!("{} {asn} {country} {}", row.range, row.as_name.unwrap_or("-"))
                }
                Ok(other) => format!("{other:?}"),
                Err(rejected) => rejected.to_string(),
            });
        })
        .unwrap();
        rows
    }

    #[test]
    fn each_layout_says_the_same_in_its_own_way() {
        let want = ["192.0.2.0-192.0.2.255 64496 JP Example, Inc."];
        for table in [
            "192.0.2.0\t192.0.2.255\t64496\tJP\tExample, Inc.\n",
            "3221225984\t3221226239\t64496\tJP\tExample, Inc.\r\n",
            "192.0.2.0/24,AS64496,JP,\"Example, Inc.\"\n",
            "network,country,country_code,continent,asn,as_name,as_domain\n192.0.2.0/24,Japan,JP,Asia,AS64496,\"Example, Inc.\",a.example\n",
            "start_ip,end_ip,country,asn,as_name\n192.0.2.0,192.0.2.255,JP,AS64496,\"Example, Inc.\"\n",
        ] {
            assert_eq!(rows(table), want, "{table}");
        }
        for (table, want) in [
            ("192.0.2.0,192.0.2.255,jp", "192.0.2.0-192.0.2.255 - JP -"),
            ("192.0.2.0,192.0.2.255,64496,\"A \"\"B\"\", C\"", "192.0.2.0-192.0.2.255 64496 - A \"B\", C"),
            ("\"3221225984\",\"3221226239\",\"JP\",\"Japan\"", "192.0.2.0-192.0.2.255 - JP -"),
            ("\"3221225984\",\"3221226239\",\"192.0.2.0/24\",\"64496\",\"Ex\"", "192.0.2.0-192.0.2.255 64496 - Ex"),
            ("192.0.2.0,192.0.2.255,AS,JP,Tokyo,Tokyo,35.0,139.0", "192.0.2.0-192.0.2.255 - JP -"),
            ("192.0.2.0\t24\t64496_64497", "192.0.2.0-192.0.2.255 64496 - -"),
            ("2001:db8::,2001:db8:ffff:ffff:ffff:ffff:ffff:ffff,JP", "2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff - JP -"),
        ] {
            assert_eq!(rows(table), [want], "{table}");
        }
    }

    #[test]
    fn a_bad_row_is_named_and_the_rest_goes_on() {
        let table = "192.0.2.0,192.0.2.255,JP\n300.1.2.3,192.0.2.255,JP\n192.0.2.9,192.0.2.1,JP\n192.0.2.0,192.0.2.1,ASX,Name\n\
                     192.0.2.0/40,JP\n198.51.100.0,198.51.100.1\n198.51.100.0,198.51.100.255,KR\n";
        assert_eq!(
            rows(table),
            [
                "192.0.2.0-192.0.2.255 - JP -",
                r#"row 2: "300.1.2.3" is not an address"#,
                r#"row 3: from "192.0.2.9" to "192.0.2.1" is not a range"#,
                r#"row 4: "ASX" is not an AS number"#,
                r#"row 5: "192.0.2.0/40" is not a network"#,
                "row 6: nothing stands behind the addresses",
                "198.51.100.0-198.51.100.255 - KR -",
            ]
        );
    }

    #[test]
    fn ranges_of_which_nothing_is_known_are_left_out() {
        assert!(rows("192.0.2.0\t192.0.2.255\t0\tNone\tNot routed\n198.51.100.0,198.51.100.255,ZZ\n").is_empty());
    }

    #[test]
    fn other_tables_of_text_are_not_taken_for_one() {
        for head in ["id,name\n1,x\n", "timestamp,ip,port\n2026-01-01,192.0.2.1,80\n", "192.0.2.1\n192.0.2.2\n", ""] {
            assert!(!recognise(head.as_bytes()), "{head}");
        }
        assert!(recognise(b"network,asn,as_name\n192.0.2.0/24,AS64496,x\n192.0."));
        assert!(recognise(b"# made today\n192.0.2.0\t192.0.2.255\t64496\tJP\tx\n"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "([0-9a-f.:/,\"\t\nA-Z]|[^x]){0,200}") {
            let _ = (rows(&text), recognise(text.as_bytes()), date_in_name(&text));
        }
    }
}
