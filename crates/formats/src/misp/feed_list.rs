//! Which values does a feed of lines, CSV or prose name?
//!
//! A MISP can be told to read any list: its settings say which columns hold values and which lines to pass over; what a value is, is told
//! from its form, as MISP's free-text import does.

use std::borrow::Cow;

use regex::bytes::{Regex, RegexBuilder};
use serde_json::Value;

use super::event::Attribute;
use super::record::record;
use super::value as form;
use crate::value;

/// Bytes of a list that are read.
pub const LIST_LIMIT: usize = 256 << 20;
const LINE_LIMIT: usize = 64 << 10;

/// Why a list cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no settings of a feed: {0}")]
    Json(#[from] serde_json::Error),
    #[error("excluderegex: {pattern:?}: {reason}")]
    Pattern { pattern: String, reason: String },
    #[error("csv: {0:?} is not a list of columns (1,3)")]
    Columns(String),
    #[error("{0} bytes are more than {LIST_LIMIT}")]
    TooLong(usize),
}

record! {
    /// A feed as a MISP is told of it (`feeds/index`, `feeds/add`).
    Source {
        id: text = "id",
        name: text = "name",
        provider: text = "provider",
        url: text = "url",
        /// `misp`, `csv` or `freetext`.
        source_format: text = "source_format",
        enabled: flag = "enabled",
        distribution: text = "distribution",
        sharing_group_id: text = "sharing_group_id",
        fixed_event: flag = "fixed_event",
        delta_merge: flag = "delta_merge",
        publish: flag = "publish",
        override_ids: flag = "override_ids",
        /// JSON in a text: `{"csv": {"value": "1", "delimiter": ","}, "common": {"excluderegex": "/^#/i"}}`.
        settings: text = "settings",
    }
}

/// How a list is read.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Columns with values, from 1; all of them where none is named.
    pub columns: Vec<usize>,
    pub delimiter: Option<char>,
    /// Lines that are passed over, beside empty ones and those that begin with `#`.
    pub exclude: Option<Regex>,
}

impl Settings {
    /// Reads the settings of a feed, JSON in a text or JSON itself.
    ///
    /// ```
    /// use formats::misp::feed_list::Settings;
    /// let settings = Settings::read(r#"{"csv": {"value": "2", "delimiter": ";"}, "common": {"excluderegex": "/^skip/i"}}"#)?;
    /// let found = settings.csv(b"1;evil.example\nSKIP;x.example\n")?;
    /// assert_eq!(found.iter().map(|one| one.value.as_deref().unwrap()).collect::<Vec<_>>(), ["evil.example"]);
    /// # Ok::<(), formats::misp::feed_list::Error>(())
    /// ```
    pub fn read(text: &str) -> Result<Self, Error> {
        let mut read = Self::default();
        if text.trim().is_empty() {
            return Ok(read);
        }
        let all: Value = serde_json::from_str(text)?;
        let columns = match &all["csv"]["value"] {
            Value::Number(number) => number.to_string(),
            other => other.as_str().unwrap_or_default().to_owned(),
        };
        for column in columns.split(',').map(str::trim).filter(|column| !column.is_empty()) {
            match column.parse() {
                Ok(column @ 1..=1000) => read.columns.push(column),
                _ => return Err(Error::Columns(columns.chars().take(64).collect())),
            }
        }
        read.delimiter = match all["csv"]["delimiter"].as_str() {
            Some("\\t") => Some('\t'),
            Some(text) => text.chars().next(),
            None => None,
        };
        let pattern = all["common"]["excluderegex"].as_str().unwrap_or_default();
        if !pattern.is_empty() {
            read.exclude = Some(excluded(pattern)?);
        }
        Ok(read)
    }

    /// The values of a CSV list, each an attribute.
    pub fn csv(&self, bytes: &[u8]) -> Result<Vec<Attribute<'static>>, Error> {
        let delimiter = self.delimiter.unwrap_or(',');
        self.lines(bytes, |line, found| {
            for (number, cell) in cells(line, delimiter).enumerate() {
                if (self.columns.is_empty() || self.columns.contains(&(number + 1)))
                    && let Some(one) = recognise(&cell)
                {
                    found.push(one);
                }
            }
        })
    }

    /// The values named in prose.
    ///
    /// ```
    /// use formats::misp::feed_list::Settings;
    /// let found = Settings::default().free_text(b"# list\nSeen hxxp://evil[.]example/x and 192.0.2.1, CVE-2024-1234.")?;
    /// let kinds: Vec<_> = found.iter().map(|one| one.kind.as_deref().unwrap()).collect();
    /// assert_eq!(kinds, ["url", "ip-dst", "vulnerability"]);
    /// # Ok::<(), formats::misp::feed_list::Error>(())
    /// ```
    pub fn free_text(&self, bytes: &[u8]) -> Result<Vec<Attribute<'static>>, Error> {
        self.lines(bytes, |line, found| {
            for word in line.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'' | '<' | '>' | '|')) {
                if let Some(one) = recognise(word.trim_end_matches(['.', ':', '!', '?', ')']).trim_start_matches('(')) {
                    found.push(one);
                }
            }
        })
    }

    fn lines(&self, bytes: &[u8], mut each: impl FnMut(&str, &mut Vec<Attribute<'static>>)) -> Result<Vec<Attribute<'static>>, Error> {
        if bytes.len() > LIST_LIMIT {
            return Err(Error::TooLong(bytes.len()));
        }
        let mut found = Vec::new();
        for line in bytes.split(|byte| *byte == b'\n') {
            let line = line.trim_ascii();
            let passed = line.is_empty()
                || line.len() > LINE_LIMIT
                || line.starts_with(b"#")
                || self.exclude.as_ref().is_some_and(|exclude| exclude.is_match(line));
            if !passed {
                each(&String::from_utf8_lossy(line), &mut found);
            }
        }
        Ok(found)
    }
}

/// A pattern as PHP writes it: `/^#/i`.
fn excluded(pattern: &str) -> Result<Regex, Error> {
    let inner = pattern.strip_prefix('/').and_then(|rest| rest.rsplit_once('/'));
    let (text, letters) = inner.unwrap_or((pattern, ""));
    RegexBuilder::new(text).case_insensitive(letters.contains('i')).size_limit(1 << 20).build().map_err(|error| Error::Pattern {
        pattern: pattern.chars().take(120).collect(),
        reason: error.to_string().lines().last().unwrap_or_default().to_owned(),
    })
}

/// The cells of a line, quotes taken off (RFC 4180 §2).
fn cells(line: &str, delimiter: char) -> impl Iterator<Item = Cow<'_, str>> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest?;
        if let Some(quoted) = text.trim_start().strip_prefix('"') {
            let mut from = 0;
            while let Some(at) = quoted[from..].find('"').map(|at| from + at) {
                if quoted[at + 1..].starts_with('"') {
                    from = at + 2;
                    continue;
                }
                let after = &quoted[at + 1..];
                rest = after.find(delimiter).map(|at| &after[at + delimiter.len_utf8()..]);
                return Some(Cow::Owned(quoted[..at].replace("\"\"", "\"")));
            }
        }
        let (cell, after) = text.split_once(delimiter).map_or((text, None), |(cell, after)| (cell, Some(after)));
        rest = after;
        Some(Cow::Borrowed(cell.trim()))
    })
}

/// The attribute that a text is by its form; `None` for a word.
///
/// ```
/// use formats::misp::feed_list::recognise;
/// let one = recognise("192.0.2.1:443").unwrap();
/// assert_eq!((one.kind.as_deref(), one.value.as_deref()), (Some("ip-dst|port"), Some("192.0.2.1|443")));
/// assert!(recognise("hello").is_none());
/// ```
pub fn recognise(text: &str) -> Option<Attribute<'static>> {
    let text = text.trim();
    if text.len() < 4 || text.len() > 8_192 {
        return None;
    }
    let whole = value::refang(text);
    let hex = whole.bytes().all(|byte| byte.is_ascii_hexdigit());
    let by_length = match whole.len() {
        32 => Some("md5"),
        40 => Some("sha1"),
        56 => Some("sha224"),
        64 => Some("sha256"),
        96 => Some("sha384"),
        128 => Some("sha512"),
        _ => None,
    };
    let kinds: &[&str] = match by_length {
        Some(hash) if hex => &[hash],
        _ if whole.contains("://") => &["url"],
        _ if whole.contains('@') => &["email-src"],
        _ => &["ip-dst", "ip-dst|port", "vulnerability", "domain"],
    };
    kinds.iter().find_map(|kind| {
        let value = form::read(kind, &whole).ok()?;
        // A name that ends in digits is a version or a broken address; one without a letter is a number.
        let named = *kind != "domain"
            || value.rsplit('.').next().is_some_and(|last| last.len() > 1 && last.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-'));
        // MISP tells a name with one dot from a host.
        let kind = if *kind == "domain" && value.matches('.').count() > 1 { "hostname" } else { kind };
        named.then(|| Attribute::new(kind.to_owned(), value.into_owned()))
    })
}
