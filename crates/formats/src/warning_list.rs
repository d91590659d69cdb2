//! Which values are well known and mostly harmless? Warning lists as MISP writes them (`list.json` of misp-warninglists), and plain text.
//!
//! A list says how its entries match ([`Matching`]) and which attribute types they are held against. An entry that cannot match
//! anything is set aside with its number and the reason, and the rest of the list is read.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::value::{Network, ip};

/// Bytes of the longest list that is read; the longest published one, a million names, has 25 million.
pub const LIST_LIMIT: usize = 256 << 20;
/// Entries of one list that are read.
pub const ENTRIES_LIMIT: usize = 5_000_000;
/// Bytes of the longest entry.
pub const ENTRY_LIMIT: usize = 4_096;
/// Entries set aside that are named; more are only counted.
const NAMED_LIMIT: usize = 1_000;

/// How an entry is held against a value.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Matching {
    /// The value is the entry, letter case included.
    #[default]
    String,
    /// The host of the value is the entry or lies below it.
    Hostname,
    /// The entry occurs in the value, letter case included.
    Substring,
    /// The value is an address or network inside the entry.
    Cidr,
    /// The entry is a Perl-like expression that finds something in the value.
    Regex,
}

impl Matching {
    pub const ALL: [Self; 5] = [Self::String, Self::Hostname, Self::Substring, Self::Cidr, Self::Regex];

    /// The word in `type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Hostname => "hostname",
            Self::Substring => "substring",
            Self::Cidr => "cidr",
            Self::Regex => "regex",
        }
    }

    /// ```
    /// use formats::warning_list::Matching;
    /// assert_eq!(Matching::read("cidr"), Some(Matching::Cidr));
    /// ```
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|matching| matching.as_str() == word)
    }
}

/// One list.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct WarningList {
    pub name: String,
    pub description: String,
    pub version: u64,
    pub matching: Matching,
    /// MISP attribute types that are held against it; empty means all.
    pub matching_attributes: Vec<String>,
    pub entries: Vec<String>,
    pub set_aside: Vec<SetAside>,
    /// More entries than those named in `set_aside` were set aside.
    pub set_aside_more: u64,
}

/// An entry that is no entry.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("entry {number}: {value:?} {reason}")]
pub struct SetAside {
    /// From 1.
    pub number: u64,
    /// At most 200 characters of it.
    pub value: String,
    pub reason: &'static str,
}

/// Why bytes are no warning list.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    #[error("no warning list: {0}")]
    Json(String),
    #[error("no text: byte {0} is not UTF-8")]
    NotText(usize),
    #[error("type {0:?} is not one of string, hostname, substring, cidr, regex")]
    Type(String),
    #[error("a list of {0} bytes, more than {LIST_LIMIT} are not read")]
    TooLong(usize),
    #[error("more than {ENTRIES_LIMIT} entries")]
    TooMany,
}

#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    version: Number,
    #[serde(default, rename = "type")]
    type_: Type,
    #[serde(default)]
    matching_attributes: Vec<String>,
    list: Entries,
}

/// Reads the JSON of MISP. As MISP does: no `type` is `string`, of several the first counts; a `list` with comments is an object,
/// of which the keys count; empty entries say nothing.
///
/// ```
/// let list = br#"{"name": "n", "version": 3, "type": "cidr", "matching_attributes": ["ip-src"], "list": ["10.0.0.0/8", "ten"]}"#;
/// let list = formats::warning_list::read_json(list)?;
/// assert_eq!(list.entries, ["10.0.0.0/8"]);
/// assert_eq!(list.set_aside[0].to_string(), "entry 2: \"ten\" is neither an address nor a network");
/// # Ok::<(), formats::warning_list::Error>(())
/// ```
///
/// # Errors
/// When it is no list, with the line and column.
pub fn read_json(bytes: &[u8]) -> Result<WarningList, Error> {
    if bytes.len() > LIST_LIMIT {
        return Err(Error::TooLong(bytes.len()));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let written: Written = serde_json::from_slice(bytes).map_err(|error| match error.to_string() {
        told if told.starts_with(TOO_MANY) => Error::TooMany,
        told => Error::Json(told),
    })?;
    let matching = Matching::read(&written.type_.0).ok_or(Error::Type(short(&written.type_.0)))?;
    let mut list = WarningList {
        name: written.name,
        description: written.description,
        version: written.version.0,
        matching,
        matching_attributes: written.matching_attributes,
        ..WarningList::default()
    };
    for (at, entry) in written.list.0.into_iter().enumerate() {
        match entry {
            Some(entry) => list.take(at as u64 + 1, entry),
            None => list.leave(at as u64 + 1, "", "is not a text"),
        }
    }
    Ok(list)
}

/// Reads plain text, an entry a line; what follows `#` at the start of a line or after a blank is a comment.
///
/// ```
/// use formats::warning_list::{Matching, read_text};
/// let list = read_text(b"# ours\nwww.csirt.example\n\nisp.example # upstream\n", Matching::Hostname)?;
/// assert_eq!(list.entries, ["www.csirt.example", "isp.example"]);
/// # Ok::<(), formats::warning_list::Error>(())
/// ```
///
/// # Errors
/// When it is no text, too long, or has too many entries.
pub fn read_text(bytes: &[u8], matching: Matching) -> Result<WarningList, Error> {
    if bytes.len() > LIST_LIMIT {
        return Err(Error::TooLong(bytes.len()));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| Error::NotText(error.valid_up_to()))?;
    let mut list = WarningList { version: 1, matching, ..WarningList::default() };
    for (at, line) in text.lines().enumerate() {
        // In an expression `#` may mean itself.
        let comment = if matching == Matching::Regex { None } else { line.find(" #").or_else(|| line.find("\t#")) };
        let entry = comment.map_or(line, |at| &line[..at]).trim();
        if entry.is_empty() || entry.starts_with('#') {
            continue;
        }
        if list.entries.len() >= ENTRIES_LIMIT {
            return Err(Error::TooMany);
        }
        list.take(at as u64 + 1, entry.to_owned());
    }
    Ok(list)
}

impl WarningList {
    fn take(&mut self, number: u64, entry: String) {
        if entry.is_empty() {
            return;
        }
        let reason = match self.matching {
            _ if entry.len() > ENTRY_LIMIT => "is too long",
            Matching::Hostname if entry.trim_matches('.').is_empty() => "is no name",
            Matching::Cidr if network(&entry).is_none() => "is neither an address nor a network",
            Matching::Regex if expression(&entry).is_none() => "is not written between delimiters, or has a flag that is not known",
            Matching::String | Matching::Hostname | Matching::Substring | Matching::Cidr | Matching::Regex => {
                return self.entries.push(entry);
            }
        };
        self.leave(number, &entry, reason);
    }

    fn leave(&mut self, number: u64, value: &str, reason: &'static str) {
        if self.set_aside.len() < NAMED_LIMIT {
            self.set_aside.push(SetAside { number, value: short(value), reason });
        } else {
            self.set_aside_more += 1;
        }
    }
}

/// The network that an entry of a `cidr` list names; a lone address is a network of one. An IPv4-mapped one is IPv4.
///
/// ```
/// use formats::warning_list::network;
/// assert_eq!(network("FE80::/10").unwrap().to_string(), "fe80::/10");
/// assert_eq!(network("::ffff:9270:3d68").unwrap().to_string(), "146.112.61.104/32");
/// assert_eq!(network("192[.]0.2.1"), None);
/// ```
pub fn network(entry: &str) -> Option<Network> {
    let entry = entry.trim();
    if entry.bytes().any(|b| !b.is_ascii_hexdigit() && !matches!(b, b'.' | b':' | b'/')) {
        return None;
    }
    let (address, length) = entry.split_once('/').map_or((entry, None), |(address, length)| (address, Some(length)));
    let mapped = address.contains(':');
    let address = ip(address)?;
    let length: u8 = match length {
        None => return Network::new(address, if address.is_ipv4() { 32 } else { 128 }),
        Some(length) => length.parse().ok()?,
    };
    // A mapped network counts its bits from the start of the IPv6 address.
    Network::new(address, if mapped && address.is_ipv4() { length.checked_sub(96)? } else { length })
}

/// An entry of a `regex` list in the syntax of the `regex` crate: the delimiters go, flags `i`, `m`, `s`, `x` and `U` come to the
/// front, `u` and `g` change nothing. `None` when it is not so written.
///
/// ```
/// use formats::warning_list::expression;
/// assert_eq!(expression("/^abuse@/i").as_deref(), Some("(?i)^abuse@"));
/// assert_eq!(expression("^abuse@"), None);
/// ```
pub fn expression(entry: &str) -> Option<Cow<'_, str>> {
    let delimiter = entry.chars().next().filter(|c| c.is_ascii_punctuation() && *c != '\\')?;
    let close = match delimiter {
        '(' => ')',
        '[' => ']',
        '{' => '}',
        '<' => '>',
        other => other,
    };
    let (inner, flags) = entry[1..].rsplit_once(close)?;
    let mut front = String::new();
    for flag in flags.trim_end().chars() {
        match flag {
            'i' | 'm' | 's' | 'x' | 'U' if !front.contains(flag) => front.push(flag),
            'i' | 'm' | 's' | 'x' | 'U' | 'u' | 'g' => {}
            _ => return None,
        }
    }
    Some(if front.is_empty() { Cow::Borrowed(inner) } else { Cow::Owned(format!("(?{front}){inner}")) })
}

fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

/// How the refusal of a too long list begins, so that it is known again.
const TOO_MANY: &str = "too many entries";

/// `type`: a word, or a list of words of which the first counts.
struct Type(String);

impl Default for Type {
    fn default() -> Self {
        Self("string".to_owned())
    }
}

impl<'de> Deserialize<'de> for Type {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            One(String),
            Several(Vec<String>),
        }
        Ok(match Either::deserialize(deserializer)? {
            Either::One(word) => Self(word),
            Either::Several(words) => words.into_iter().next().map_or_else(Self::default, Self),
        })
    }
}

/// `version`: a number, sometimes in quotes.
struct Number(u64);

impl Default for Number {
    fn default() -> Self {
        Self(1)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(Self(value.as_u64().or_else(|| value.as_str()?.trim().parse().ok()).unwrap_or(1)))
    }
}

/// `None` stands for an entry that is not a text.
struct Entries(Vec<Option<String>>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Take;
        impl<'de> Visitor<'de> for Take {
            type Value = Entries;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of entries")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(Entry(entry)) = seq.next_element()? {
                    push(&mut entries, entry)?;
                }
                Ok(Entries(entries))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some((entry, _)) = map.next_entry::<String, IgnoredAny>()? {
                    push(&mut entries, Some(entry))?;
                }
                Ok(Entries(entries))
            }
        }
        fn push<E: de::Error>(entries: &mut Vec<Option<String>>, entry: Option<String>) -> Result<(), E> {
            if entries.len() >= ENTRIES_LIMIT {
                return Err(E::custom(TOO_MANY));
            }
            entries.push(entry);
            Ok(())
        }
        deserializer.deserialize_any(Take)
    }
}

struct Entry(Option<String>);

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Take;
        impl<'de> Visitor<'de> for Take {
            type Value = Entry;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an entry")
            }
            fn visit_str<E>(self, text: &str) -> Result<Entry, E> {
                Ok(Entry(Some(text.to_owned())))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Entry, E> {
                Ok(Entry(Some(number.to_string())))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Entry, E> {
                Ok(Entry(Some(number.to_string())))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Entry, E> {
                Ok(Entry(None))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Entry, E> {
                Ok(Entry(None))
            }
            fn visit_unit<E>(self) -> Result<Entry, E> {
                Ok(Entry(None))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Entry, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Entry(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Entry(None))
            }
        }
        deserializer.deserialize_any(Take)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_without_a_type_matches_whole_texts_and_one_with_comments_is_read_by_its_keys() {
        let list = read_json(br#"{"name": "a", "list": {"one": "because", "two": ""}}"#).unwrap();
        assert_eq!((list.matching, list.version, list.entries), (Matching::String, 1, vec!["one".to_owned(), "two".to_owned()]));
        let list =
            read_json(br#"{"name": "a", "type": ["hostname", "string"], "version": "20260811", "list": ["a.example", ""]}"#).unwrap();
        assert_eq!((list.matching, list.version, list.entries.len()), (Matching::Hostname, 20_260_811, 1));
    }

    #[test]
    fn what_is_no_entry_is_set_aside_by_its_number_and_the_rest_is_read() {
        let list = read_json(br#"{"type": "regex", "list": ["/a/i", "a", null, ["x"], "/a/q", "/b/g"]}"#).unwrap();
        assert_eq!(list.entries, ["/a/i", "/b/g"]);
        assert_eq!(list.set_aside.iter().map(|aside| aside.number).collect::<Vec<_>>(), [2, 3, 4, 5]);
        let long = format!(r#"{{"list": ["{}", "b"]}}"#, "a".repeat(ENTRY_LIMIT + 1));
        let list = read_json(long.as_bytes()).unwrap();
        assert_eq!((list.entries.len(), list.set_aside[0].value.len()), (1, 200));
    }

    #[test]
    fn what_is_no_list_says_where() {
        assert!(read_json(b"{\"list\":\n 7}").unwrap_err().to_string().contains("line 2"));
        assert_eq!(read_json(br#"{"type": "fuzzy", "list": []}"#), Err(Error::Type("fuzzy".into())));
        assert!(read_json(br#"{"name": "x"}"#).unwrap_err().to_string().contains("list"));
        assert_eq!(read_text(b"a\n\xff", Matching::String), Err(Error::NotText(2)));
    }

    #[test]
    fn mapped_networks_count_their_bits_as_ipv6_does() {
        assert_eq!(network("::ffff:192.0.2.0/120").unwrap().to_string(), "192.0.2.0/24");
        assert_eq!((network("::ffff:192.0.2.0/24"), network("192.0.2.0/33"), network("192.0.2.0/")), (None, None, None));
        assert_eq!(network("192.0.2.77/24").unwrap().to_string(), "192.0.2.0/24");
    }

    proptest! {
        #[test]
        fn any_texts_come_back_as_they_were(entries in prop::collection::vec("\\PC{1,20}", 0..20)) {
            let written = serde_json::json!({"name": "n", "list": entries}).to_string();
            prop_assert_eq!(read_json(written.as_bytes()).unwrap().entries, entries);
        }

        #[test]
        fn nothing_makes_a_reader_panic(text in "\\PC{0,40}") {
            let _ = (expression(&text), network(&text), read_json(text.as_bytes()));
            for matching in Matching::ALL {
                let list = read_text(text.as_bytes(), matching).unwrap();
                prop_assert!(list.entries.len() + list.set_aside.len() <= text.lines().count());
            }
        }
    }
}
