//! Shadowserver reports: which types exist, what class of incident each means, what their columns hold.
//!
//! There are some 170 types and they change without notice, so a type is a row of a table, not code, and a column
//! means the same in every report. Both tables are data files beside this one; a user may bring a newer table of
//! types ([`Types::parse`]). What a column holds is said in keys of the IntelMQ Data Format, the vocabulary that
//! Shadowserver itself publishes its columns in; any other key is the name under which the value is kept.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine as _;

use crate::rsit::Class;

/// A type of report.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Type {
    /// As Shadowserver writes it in file names, without the `4` of IPv4: `event_sinkhole`, `scan_http`.
    pub name: String,
    /// `None` when the class depends on the row.
    pub class: Option<Class>,
    pub identifier: Option<String>,
    pub malware: Option<String>,
    pub application: Option<String>,
    pub transport: Option<String>,
    /// Columns that mean something else in this type than in all others, and the key each is kept under. A column may stand twice.
    pub columns: Vec<(String, String)>,
}

/// Why a table of types cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}: {value:?} is not {expected}")]
pub struct BadTable {
    pub line: usize,
    pub value: String,
    pub expected: &'static str,
}

/// A table of report types.
#[derive(Clone, Debug, Default)]
pub struct Types {
    rows: BTreeMap<String, Type>,
}

impl Types {
    /// The types known when this program was written.
    pub fn built_in() -> &'static Self {
        static TYPES: LazyLock<Types> =
            LazyLock::new(|| Types::parse(include_str!("shadowserver_types.tsv")).expect("the table is part of the program and tested"));
        &TYPES
    }

    /// Reads a table: tab-separated, the first line names the columns, `#` begins a comment line.
    ///
    /// `report` and `type` (an RSIT type, older spellings included; empty when it depends on the row) must be there;
    /// `identifier`, `malware`, `application`, `transport` and `columns` (`column=key` separated by spaces) may be; others are ignored.
    ///
    /// ```
    /// use formats::shadowserver::Types;
    /// let types = Types::parse("report\ttype\tidentifier\nscan_new\tvulnerable-system\topen-new\n")?;
    /// assert_eq!(types.find("scan6_new").unwrap().identifier.as_deref(), Some("open-new"));
    /// assert_eq!(Types::parse("report\ttype\nscan_new\tbad\n").unwrap_err().to_string(), "line 2: \"bad\" is not an RSIT type");
    /// # Ok::<(), formats::shadowserver::BadTable>(())
    /// ```
    ///
    /// # Errors
    /// [`BadTable`] names the first line and value that cannot be used.
    pub fn parse(text: &str) -> Result<Self, BadTable> {
        let bad = |line: usize, value: &str, expected| BadTable { line: line + 1, value: value.chars().take(80).collect(), expected };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let (first, header) = lines.next().ok_or_else(|| bad(0, "", "a header with the columns report and type"))?;
        let place = |name: &str| header.split('\t').position(|column| column.trim() == name);
        let (Some(report), Some(type_)) = (place("report"), place("type")) else {
            return Err(bad(first, header, "a header with the columns report and type"));
        };
        let rest = ["identifier", "malware", "application", "transport", "columns"].map(place);
        let mut rows = BTreeMap::new();
        for (number, line) in lines {
            let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
            let field =
                |at: Option<usize>| at.and_then(|at| fields.get(at)).filter(|value| !value.is_empty()).map(|value| (*value).to_owned());
            let name = field(Some(report)).filter(|name| is_name(name));
            let name = name.ok_or_else(|| bad(number, fields.get(report).unwrap_or(&""), "the name of a report type"))?;
            let class = match field(Some(type_)) {
                Some(word) => Some(Class::from_foreign(&word).ok_or_else(|| bad(number, &word, "an RSIT type"))?),
                None => None,
            };
            let [identifier, malware, application, transport, columns] = rest.map(field);
            let lower = |value: Option<String>| value.map(|value| value.to_lowercase());
            let (malware, application, transport) = (lower(malware), lower(application), lower(transport));
            let mut exceptions = Vec::new();
            for pair in columns.iter().flat_map(|columns| columns.split_whitespace()) {
                match pair.split_once('=') {
                    Some((column, key)) if !column.is_empty() && !key.is_empty() => exceptions.push((column.to_owned(), key.to_owned())),
                    _ => return Err(bad(number, pair, "of the form column=key")),
                }
            }
            let name = canonical(&name.to_ascii_lowercase()).into_owned();
            // A word that RSIT lacks still says something.
            let identifier = identifier.or_else(|| class.and_then(|(_, replaced)| replaced).map(str::to_owned));
            let class = class.map(|(class, _)| class);
            rows.insert(name.clone(), Type { name, class, identifier, malware, application, transport, columns: exceptions });
        }
        Ok(Self { rows })
    }

    /// The type of this name; an IPv6 type without a row of its own is its IPv4 twin.
    pub fn find(&self, name: &str) -> Option<&Type> {
        let name = canonical(name);
        self.rows.get(&*name).or_else(|| self.rows.get(&*twin(&name)?))
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// `event4_sinkhole` and `event_sinkhole` are one type.
fn canonical(name: &str) -> Cow<'_, str> {
    match name.split_once('_') {
        Some((family, rest)) if family.len() > 1 && family.ends_with('4') => Cow::Owned(format!("{}_{rest}", &family[..family.len() - 1])),
        _ => Cow::Borrowed(name),
    }
}

/// The IPv4 twin of `scan6_http` is `scan_http`, that of `device_id6` is `device_id`.
fn twin(name: &str) -> Option<Cow<'static, str>> {
    if let Some(name) = name.strip_suffix('6') {
        return Some(Cow::Owned(name.to_owned()));
    }
    let (family, rest) = name.split_once("6_")?;
    Some(Cow::Owned(format!("{family}_{rest}")))
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
        && !text.bytes().all(|c| c.is_ascii_digit())
}

/// The type that a file name speaks of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Named {
    /// Lower case, without the `4` of IPv4.
    pub name: String,
    /// The name is written as only Shadowserver does: with a date before it, or a known type or family.
    pub sure: bool,
}

/// Finds the report type in a file name or path as Shadowserver writes them: `2026-03-23-scan_http-example-asn.csv`
/// (also zipped, within a mail, without date or suffix). The innermost name that speaks of a type counts.
///
/// ```
/// use formats::shadowserver::report_type;
/// assert_eq!(report_type("mail.eml/2026-03-23-event4_sinkhole-jp-geo.csv.zip/x.csv").unwrap().name, "event_sinkhole");
/// assert_eq!(report_type("2026-03-23-scan_newthing-asn.csv").unwrap().name, "scan_newthing");
/// assert_eq!(report_type("scan6_ssh.csv").unwrap().name, "scan6_ssh");
/// assert_eq!(report_type("customers.csv"), None);
/// ```
pub fn report_type(path: &str) -> Option<Named> {
    path.rsplit(['/', '\\']).find_map(|file| {
        let file = file.trim().to_ascii_lowercase();
        let (dated, rest) = match file.get(..11) {
            Some(date) if is_date(date) => (true, &file[11..]),
            _ => (false, file.as_str()),
        };
        let word = &rest[..rest.find(['-', '.', ' ', '(']).unwrap_or(rest.len())];
        let name = canonical(word);
        let family = ["event_", "event6_", "scan_", "scan6_", "population_", "population6_"].iter().any(|family| name.starts_with(family));
        let known = Types::built_in().find(&name).is_some();
        (is_name(&name) && (dated || family || known)).then(|| Named { sure: family || known, name: name.into_owned() })
    })
}

/// `2026-03-23-`
fn is_date(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, c)| if matches!(at, 4 | 7 | 10) { c == b'-' } else { c.is_ascii_digit() })
}

/// How the text of a column is to be read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Kind {
    /// Text; `0` and `unknown` say nothing.
    #[default]
    Text,
    /// Text that means what it says, `0` and `unknown` too.
    Raw,
    Int,
    /// A number of which zero says nothing.
    Count,
    Float,
    /// `Y`, `yes`, `true`, `1`, `enabled` and their opposites.
    Bool,
    Time,
    /// Bytes in base64; some rows have them bare.
    Base64,
    /// Words about the row, separated by `;` or `,`.
    Tag,
}

/// What a column holds in every report.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Column {
    /// Key of the IntelMQ Data Format or another name to keep it under; `None` when the column's own name serves. A key that
    /// begins with `end.` belongs to the destination in reports that have one, else to the source.
    pub key: Option<&'static str>,
    pub kind: Kind,
}

/// The meaning of a column; `None` when no known report has it.
///
/// ```
/// use formats::shadowserver::{Kind, column};
/// assert_eq!(column("src_ip").unwrap().key, Some("source.ip"));
/// assert_eq!(column("cert_length").unwrap().kind, Kind::Int);
/// assert_eq!(column("favourite_colour"), None);
/// ```
pub fn column(name: &str) -> Option<Column> {
    static COLUMNS: LazyLock<BTreeMap<&'static str, Column>> = LazyLock::new(|| {
        let lines = include_str!("shadowserver_columns.tsv").lines().skip(1);
        lines
            .map(|line| {
                let mut fields = line.split('\t');
                let name = fields.next().unwrap_or_default();
                let key = fields.next().filter(|key| !key.is_empty());
                let kind = match fields.next() {
                    Some("raw") => Kind::Raw,
                    Some("int") => Kind::Int,
                    Some("count") => Kind::Count,
                    Some("float") => Kind::Float,
                    Some("bool") => Kind::Bool,
                    Some("time") => Kind::Time,
                    Some("base64") => Kind::Base64,
                    Some("tag") => Kind::Tag,
                    _ => Kind::Text,
                };
                (name, Column { key, kind })
            })
            .collect()
    });
    COLUMNS.get(name).copied()
}

/// Reads a truth value in any of the words that reports use.
///
/// ```
/// use formats::shadowserver::truth;
/// assert_eq!((truth("Y"), truth("disabled"), truth("perhaps")), (Some(true), Some(false), None));
/// ```
pub fn truth(text: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is(&["y", "yes", "true", "1", "enabled"]) {
        Some(true)
    } else if is(&["n", "no", "false", "0", "disabled"]) {
        Some(false)
    } else {
        None
    }
}

/// The text as base64, as it is when it already is that.
pub fn as_base64(text: &str) -> Cow<'_, str> {
    match base64::engine::general_purpose::STANDARD.decode(text) {
        Ok(_) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(base64::engine::general_purpose::STANDARD.encode(text)),
    }
}

/// The vulnerabilities that a tag names (`exchange;cve-2021-26855`), as written, separated by `;`.
///
/// ```
/// use formats::shadowserver::vulnerabilities;
/// assert_eq!(vulnerabilities("exchange;cve-2021-26855").as_deref(), Some("cve-2021-26855"));
/// ```
pub fn vulnerabilities(tag: &str) -> Option<Cow<'_, str>> {
    let mut found: Option<Cow<'_, str>> = None;
    for word in tag_words(tag) {
        let named = word.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("cve-"))
            && word[4..].split_once('-').is_some_and(|(year, number)| {
                year.len() == 4 && number.len() >= 4 && year.bytes().chain(number.bytes()).all(|c| c.is_ascii_digit())
            });
        if named {
            found = Some(match found {
                None => Cow::Borrowed(word),
                Some(before) => Cow::Owned(format!("{before};{word}")),
            });
        }
    }
    found
}

/// The words of a tag.
pub fn tag_words(tag: &str) -> impl Iterator<Item = &str> {
    tag.split([';', ',']).map(str::trim).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_type_has_a_class_or_takes_it_from_the_row() {
        let types = Types::built_in();
        assert!(types.len() > 110);
        let open: Vec<_> = types.rows.values().filter(|t| t.class.is_none()).map(|t| t.name.as_str()).collect();
        assert_eq!(open, ["scan_exchange"]);
        for exception in types.rows.values().flat_map(|t| &t.columns) {
            assert!(column(&exception.0).is_some(), "{} is not a column", exception.0);
        }
    }

    #[test]
    fn an_ipv6_type_is_read_as_its_ipv4_twin() {
        let types = Types::built_in();
        for (name, identifier) in [
            ("scan6_ssh", Some("open-ssh")),
            ("event6_honeypot_adb_scan", Some("honeypot-adb-scan")),
            ("event4_sinkhole", None),
            ("device_id6", Some("device-id")),
            ("population6_bgp", Some("accessible-bgp")),
        ] {
            assert_eq!(types.find(name).unwrap_or_else(|| panic!("{name}")).identifier.as_deref(), identifier);
        }
        assert!(types.find("scan_newthing").is_none());
    }

    #[test]
    fn the_type_stands_in_the_file_name() {
        for (path, name, sure) in [
            ("2026-03-23-event4_sinkhole-jp-geo.csv", "event_sinkhole", true),
            ("2026-03-23-event6_sinkhole_http-123-example-asn-delayed.csv", "event6_sinkhole_http", true),
            ("in/2026-03-23-scan6_ssh-country.csv.zip/whatever.csv", "scan6_ssh", true),
            ("mail/2026-03-23-scan_ssl_poodle-x.csv", "scan_ssl_poodle", true),
            ("event4_sinkhole.csv", "event_sinkhole", true),
            ("SCAN_HTTP.CSV", "scan_http", true),
            ("scan_http (1).csv", "scan_http", true),
            ("blocklist.csv.gz", "blocklist", true),
            ("2026-03-23-scan_newthing-asn.csv", "scan_newthing", true),
            ("2026-03-23-dns_openresolver-asn.csv", "dns_openresolver", false),
        ] {
            assert_eq!(report_type(path), Some(Named { name: name.to_owned(), sure }), "{path}");
        }
        for path in ["", "x.csv", "2026-03-23-2026.csv", "notes/events.csv", "\u{0130}2026-03-23", "scanner.csv"] {
            assert_eq!(report_type(path), None, "{path}");
        }
    }

    #[test]
    fn a_table_is_refused_with_line_and_value() {
        for (text, want) in [
            ("", "line 1: \"\" is not a header with the columns report and type"),
            ("report\ttype\n\nscan_x\tnonsense\n", "line 3: \"nonsense\" is not an RSIT type"),
            ("report\ttype\nscan x\tother\n", "line 2: \"scan x\" is not the name of a report type"),
            ("report\ttype\tcolumns\nscan_x\tother\tgeo\n", "line 2: \"geo\" is not of the form column=key"),
        ] {
            assert_eq!(Types::parse(text).unwrap_err().to_string(), want);
        }
        let types = Types::parse("# ours\ntype\treport\textra\nblacklist\tevent4_x\ty\n").unwrap();
        let row = types.find("event_x").unwrap();
        assert_eq!((row.class, row.identifier.as_deref()), (Some(Class::known("other")), Some("blacklist")));
    }

    #[test]
    fn vulnerabilities_are_found_in_tags() {
        assert_eq!(vulnerabilities("exchange;cve-2021-26855").as_deref(), Some("cve-2021-26855"));
        assert_eq!(vulnerabilities("CVE-2016-10372, cve-2020-1234;x").as_deref(), Some("CVE-2016-10372;cve-2020-1234"));
        assert_eq!(vulnerabilities("cve-20190708;\u{20ac}cve-;cve-é"), None);
    }

    #[test]
    fn bare_bytes_become_base64_once() {
        assert_eq!(as_base64("GET /"), "R0VUIC8=");
        assert_eq!(as_base64("R0VUIC8="), "R0VUIC8=");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_a_reader_panic(text in ".{0,60}") {
            let _ = (report_type(&text), Types::parse(&text), column(&text), truth(&text), as_base64(&text), vulnerabilities(&text));
            let _ = (Types::built_in().find(&text), Types::parse(&format!("report\ttype\tcolumns\n{text}")));
        }
    }
}
