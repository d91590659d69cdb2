//! CSV of any layout, read by a mapping that somebody writes down once.
//!
//! A mapping is a TOML file. It says how to know the report, how it is laid out, and which column is which key of an event
//! (IntelMQ's keys; `extra.anything` for the rest):
//!
//! ```toml
//! name = "acme-sinkhole"              # for messages
//! feed = "ACME Sinkhole"              # the feed its events belong to; else the user's, else csv-mapping
//! url_prefix = "http://"              # before URLs that name no scheme
//! unmapped = "keep"                   # columns not mentioned: "keep" in extra (default) or "drop"
//! empty = ["-", "N/A"]                # values that say nothing (default: "-")
//!
//! [recognise]                         # all that is given must fit; without it: only with --format csv-mapping
//! columns = ["SourceIp", "SeenAt"]    # the header has these
//! file = "*sinkhole*.csv"             # `*` any text, `?` any character, in any case; the end of the path is enough
//!
//! [layout]
//! delimiter = ";"                     # default: found from the first lines
//! quote = "\""                        # "" when quotes are ordinary characters
//! comment = "#"                       # lines that begin so (after spaces) say nothing
//! skip = 2                            # lines before the header, or before the first record
//! header = true                       # default: true when [columns] has names, false when it is a list
//!
//! [columns]                           # by the names of the header …
//! SourceIp = "source.ip"
//! Comment = ""                        # leave out
//! Host = "source.ip|source.network|source.fqdn"      # the first that the value can be read as
//! Agent = ["extra.agent", "event_description.text"]  # to several keys
//! AsNumber = { to = "source.asn", match = "[0-9]+" } # what the regex finds, or its first group
//! Ports = { to = "source.port", split = "," }        # one event for each value
//! Tags = { to = "extra.tags", json = true }          # the value is JSON
//! SeenAt = { to = "time.source", time = "%d.%m.%Y %H:%M", strict = true }
//!
//! [time]
//! zone = "+09:00"                     # of times that name none: an offset, or a POSIX rule such as "CET-1CEST,M3.5.0,M10.5.0/3"
//!
//! [types]                             # words of the report → classification.type
//! Botnet = "infected-system"
//!
//! [defaults]                          # where no column said so
//! "classification.type" = "infected-system"
//!
//! [compose]                           # from several columns, by name or by number from 1
//! "source.url" = "http://{Host}{Path}"
//!
//! [[filter]]                          # rows: keep those that match, drop those that match
//! column = "Action"                   # default: the whole line
//! keep = "^(ALERT|BLOCK)$"
//! ```
//!
//! `columns = ["time.source", "", { to = "source.ip" }]` names columns by their place instead. Times are read in every layout that
//! [`formats::time::read`] knows; `time` names another: a `strftime` pattern, or `windows-nt` (ticks of 100 ns since 1601).
//! A value that cannot be read stays in `extra` and the row is still an event, unless the column is `strict`.

use std::path::Path;

use formats::rsit::Class;
use jiff::tz::TimeZone;
use regex::Regex;
use toml::{Table, Value};

use super::mapped_rows::TimeLayout;
use crate::model::event::Event;
use crate::model::field::{Field, INTELMQ_KEYS};

/// One mapping file.
#[derive(Clone, Debug)]
pub struct Mapping {
    pub name: String,
    pub feed: Option<String>,
    pub(super) recognise: Recognise,
    pub(super) layout: Layout,
    pub(super) columns: Columns,
    pub(super) keep_unmapped: bool,
    pub(super) empty: Vec<String>,
    pub(super) url_prefix: String,
    pub(super) zone: Option<TimeZone>,
    pub(super) types: Vec<(String, String)>,
    pub(super) defaults: Vec<(String, String)>,
    pub(super) compose: Vec<(String, Vec<Piece>)>,
    pub(super) filters: Vec<Filter>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Recognise {
    pub(super) columns: Vec<String>,
    pub(super) file: Option<Regex>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    pub(super) delimiter: Option<u8>,
    /// `Some(None)`: quotes are ordinary characters.
    pub(super) quote: Option<Option<u8>>,
    pub(super) comment: Option<u8>,
    pub(super) skip: u64,
    pub(super) header: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Columns {
    ByName(Vec<(String, Vec<Target>)>),
    ByPlace(Vec<Vec<Target>>),
}

/// Where the value of a column goes, and how it is read.
#[derive(Clone, Debug, Default)]
pub(super) struct Target {
    /// Keys, of which the first that the value can be read as holds.
    pub(super) to: Vec<String>,
    pub(super) matches: Option<Regex>,
    pub(super) split: Option<String>,
    pub(super) json: bool,
    pub(super) strict: bool,
    pub(super) time: TimeLayout,
}

/// Part of a composed value.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    Text(String),
    /// Name or number from 1.
    Column(String),
}

#[derive(Clone, Debug)]
pub(super) struct Filter {
    /// Name or number from 1; `None` is the whole line.
    pub(super) column: Option<String>,
    pub(super) keep: Option<Regex>,
    pub(super) drop: Option<Regex>,
}

/// What is wrong with a mapping file.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Wrong {
    #[error("{file}: {message}")]
    NotToml { file: String, message: String },
    #[error("{file}: {key} = {value}: {problem}")]
    Value { file: String, key: String, value: String, problem: String },
    #[error("{file}: {key} is missing")]
    Missing { file: String, key: String },
}

impl Mapping {
    /// Reads a mapping; `file` is its name, for messages and where `name` is not given.
    ///
    /// # Errors
    /// [`Wrong`], naming key and value.
    ///
    /// ```
    /// use casework::observe::mapping::Mapping;
    /// let mapping = Mapping::read("acme.toml", "columns = ['source.ip', '', 'source.port']").unwrap();
    /// assert_eq!(mapping.name, "acme");
    /// let wrong = Mapping::read("acme.toml", "columns = ['source.ipp']").unwrap_err();
    /// assert_eq!(wrong.to_string(), r#"acme.toml: columns.1 = "source.ipp": no key of an event (other keys begin with extra.)"#);
    /// ```
    pub fn read(file: &str, text: &str) -> Result<Self, Wrong> {
        let table: Table = text
            .parse()
            .map_err(|error: toml::de::Error| Wrong::NotToml { file: file.to_owned(), message: error.to_string().trim().to_owned() })?;
        Reader { file }.mapping(&table)
    }

    /// The mapping sends each of `columns` (name, keys) to the first of its keys that fits.
    pub(super) fn of_columns(columns: Vec<(String, Vec<Target>)>) -> Self {
        Self {
            name: String::new(),
            feed: None,
            recognise: Recognise::default(),
            layout: Layout { header: true, ..Layout::default() },
            columns: Columns::ByName(columns),
            keep_unmapped: true,
            empty: vec!["-".to_owned()],
            url_prefix: String::new(),
            zone: None,
            types: Vec::new(),
            defaults: Vec::new(),
            compose: Vec::new(),
            filters: Vec::new(),
        }
    }
}

struct Reader<'a> {
    file: &'a str,
}

impl Reader<'_> {
    fn wrong(&self, key: &str, value: &Value, problem: impl Into<String>) -> Wrong {
        Wrong::Value {
            file: self.file.to_owned(),
            key: key.to_owned(),
            value: value.to_string().trim().to_owned(),
            problem: problem.into(),
        }
    }

    fn mapping(&self, table: &Table) -> Result<Mapping, Wrong> {
        const KEYS: &[&str] = &[
            "name",
            "feed",
            "url_prefix",
            "unmapped",
            "empty",
            "recognise",
            "layout",
            "columns",
            "time",
            "types",
            "defaults",
            "compose",
            "filter",
        ];
        self.only(table, "", KEYS)?;
        let columns = match table.get("columns") {
            Some(Value::Table(by_name)) => Columns::ByName(
                by_name
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), self.targets(&format!("columns.{name}"), value)?)))
                    .collect::<Result<_, Wrong>>()?,
            ),
            Some(Value::Array(by_place)) => Columns::ByPlace(
                by_place
                    .iter()
                    .enumerate()
                    .map(|(at, value)| self.targets(&format!("columns.{}", at + 1), value))
                    .collect::<Result<_, Wrong>>()?,
            ),
            Some(other) => return Err(self.wrong("columns", other, "neither a table of names nor a list")),
            None => return Err(Wrong::Missing { file: self.file.to_owned(), key: "columns".to_owned() }),
        };
        self.one_split(table, &columns)?;
        let stem = Path::new(self.file).file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let empty = match table.get("empty") {
            Some(value) => self.texts("empty", value)?,
            None => vec!["-".to_owned()],
        };
        Ok(Mapping {
            name: self.text(table, "name")?.unwrap_or(stem),
            feed: self.text(table, "feed")?,
            recognise: self.recognise(&self.table(table, "recognise")?)?,
            layout: self.layout(&self.table(table, "layout")?, matches!(columns, Columns::ByName(_)))?,
            columns,
            keep_unmapped: self.one_of(table, "unmapped", &["keep", "drop"])? != Some(1),
            empty,
            url_prefix: self.text(table, "url_prefix")?.unwrap_or_default(),
            zone: self.zone(&self.table(table, "time")?)?,
            types: self.types(&self.table(table, "types")?)?,
            defaults: self.defaults(&self.table(table, "defaults")?)?,
            compose: self.compose(&self.table(table, "compose")?)?,
            filters: self.filters(table)?,
        })
    }

    fn recognise(&self, table: &Table) -> Result<Recognise, Wrong> {
        self.only(table, "recognise.", &["columns", "file"])?;
        let columns = table.get("columns").map_or(Ok(Vec::new()), |value| self.texts("recognise.columns", value))?;
        let file = self.text(table, "file")?.map(|pattern| {
            let mut regex = String::from("(?is)^(.*[/\\\\])?");
            for c in pattern.chars() {
                match c {
                    '*' => regex.push_str(".*"),
                    '?' => regex.push('.'),
                    c => regex.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
                }
            }
            regex.push('$');
            Regex::new(&regex).map_err(|error| self.wrong("recognise.file", &pattern.clone().into(), error.to_string()))
        });
        Ok(Recognise { columns, file: file.transpose()? })
    }

    fn layout(&self, table: &Table, named: bool) -> Result<Layout, Wrong> {
        self.only(table, "layout.", &["delimiter", "quote", "comment", "skip", "header"])?;
        let skip = match table.get("skip") {
            None => 0,
            Some(value) => {
                let lines = value.as_integer().and_then(|lines| u64::try_from(lines).ok());
                lines.ok_or_else(|| self.wrong("layout.skip", value, "no number of lines"))?
            }
        };
        Ok(Layout {
            delimiter: self.byte(table, "delimiter")?.flatten(),
            quote: self.byte(table, "quote")?,
            comment: self.byte(table, "comment")?.flatten(),
            skip,
            header: self.truth(table, "layout.", "header")?.unwrap_or(named),
        })
    }

    /// One character of ASCII; `Some(None)` for an empty text.
    fn byte(&self, table: &Table, key: &str) -> Result<Option<Option<u8>>, Wrong> {
        let Some(value) = table.get(key) else { return Ok(None) };
        match value.as_str().map(str::as_bytes) {
            Some([]) => Ok(Some(None)),
            Some([byte]) if byte.is_ascii() => Ok(Some(Some(*byte))),
            _ => Err(self.wrong(&format!("layout.{key}"), value, "not one character of ASCII")),
        }
    }

    fn targets(&self, key: &str, value: &Value) -> Result<Vec<Target>, Wrong> {
        match value {
            Value::Array(several) => {
                let each = several.iter().map(|value| self.targets(key, value)).collect::<Result<Vec<_>, Wrong>>()?;
                Ok(each.into_iter().flatten().collect())
            }
            Value::String(to) if to.is_empty() => Ok(Vec::new()),
            Value::String(_) => Ok(vec![Target { to: self.keys(key, value)?, ..Target::default() }]),
            Value::Table(table) => {
                self.only(table, &format!("{key}."), &["to", "match", "split", "json", "strict", "time"])?;
                let Some(to) = table.get("to") else {
                    return Err(Wrong::Missing { file: self.file.to_owned(), key: format!("{key}.to") });
                };
                let time = match table.get("time") {
                    None => TimeLayout::Usual,
                    Some(value) => {
                        let layout = value.as_str().and_then(TimeLayout::named);
                        layout.ok_or_else(|| self.wrong(&format!("{key}.time"), value, "neither windows-nt nor a pattern of strftime"))?
                    }
                };
                Ok(vec![Target {
                    to: self.keys(&format!("{key}.to"), to)?,
                    matches: self.regex(table, key, "match")?,
                    split: self.text(table, "split")?,
                    json: self.truth(table, key, "json")?.unwrap_or_default(),
                    strict: self.truth(table, key, "strict")?.unwrap_or_default(),
                    time,
                }])
            }
            other => Err(self.wrong(key, other, "neither a key nor a table")),
        }
    }

    /// `source.ip|source.network`
    fn keys(&self, key: &str, value: &Value) -> Result<Vec<String>, Wrong> {
        let text = value.as_str().ok_or_else(|| self.wrong(key, value, "not a text"))?;
        let keys: Vec<String> = text.split('|').map(|name| name.trim().to_owned()).collect();
        if keys.iter().any(|name| !is_key(name)) {
            return Err(self.wrong(key, value, "no key of an event (other keys begin with extra.)"));
        }
        Ok(keys)
    }

    fn one_split(&self, table: &Table, columns: &Columns) -> Result<(), Wrong> {
        let targets: Vec<&Target> = match columns {
            Columns::ByName(columns) => columns.iter().flat_map(|(_, targets)| targets).collect(),
            Columns::ByPlace(columns) => columns.iter().flatten().collect(),
        };
        let splits: Vec<&String> = targets.iter().filter_map(|target| target.split.as_ref()).collect();
        if splits.len() > 1 || splits.iter().any(|separator| separator.is_empty()) {
            let value = table.get("columns").cloned().unwrap_or(Value::Boolean(false));
            return Err(self.wrong("columns", &value, "only one column can be split, by a separator that is not empty"));
        }
        Ok(())
    }

    fn zone(&self, table: &Table) -> Result<Option<TimeZone>, Wrong> {
        self.only(table, "time.", &["zone"])?;
        let Some(text) = self.text(table, "zone")? else { return Ok(None) };
        let zone = super::mapped_rows::zone(&text);
        zone.map(Some).ok_or_else(|| self.wrong("time.zone", &text.clone().into(), "neither an offset such as +09:00 nor a POSIX rule"))
    }

    fn types(&self, table: &Table) -> Result<Vec<(String, String)>, Wrong> {
        let pairs = self.pairs(table, "types")?;
        match pairs.iter().find(|(_, type_)| Class::from_foreign(type_).is_none()) {
            Some((word, type_)) => Err(self.wrong(&format!("types.{word}"), &type_.clone().into(), "not a type of RSIT")),
            None => Ok(pairs),
        }
    }

    fn defaults(&self, table: &Table) -> Result<Vec<(String, String)>, Wrong> {
        let pairs = self.pairs(table, "defaults")?;
        for (key, value) in &pairs {
            if !is_key(key) {
                return Err(self.wrong(
                    &format!("defaults.{key}"),
                    &value.clone().into(),
                    "no key of an event (other keys begin with extra.)",
                ));
            }
            if let Err(invalid) = Event::default().set_key(key, value.clone()) {
                return Err(self.wrong(&format!("defaults.{key}"), &value.clone().into(), format!("not {}", invalid.expected)));
            }
        }
        Ok(pairs)
    }

    fn compose(&self, table: &Table) -> Result<Vec<(String, Vec<Piece>)>, Wrong> {
        let pairs = self.pairs(table, "compose")?;
        let one = |(key, template): (String, String)| {
            let value = Value::from(template.clone());
            if !is_key(&key) {
                return Err(self.wrong(&format!("compose.{key}"), &value, "no key of an event (other keys begin with extra.)"));
            }
            let mut pieces = Vec::new();
            let mut rest = template.as_str();
            while let Some((before, after)) = rest.split_once('{') {
                let Some((column, after)) = after.split_once('}') else {
                    return Err(self.wrong(&format!("compose.{key}"), &value, "a { without its }"));
                };
                pieces.push(Piece::Text(before.to_owned()));
                pieces.push(Piece::Column(column.to_owned()));
                rest = after;
            }
            pieces.push(Piece::Text(rest.to_owned()));
            Ok((key, pieces))
        };
        pairs.into_iter().map(one).collect()
    }

    fn filters(&self, table: &Table) -> Result<Vec<Filter>, Wrong> {
        let Some(value) = table.get("filter") else { return Ok(Vec::new()) };
        let Some(list) = value.as_array() else {
            return Err(self.wrong("filter", value, "not a list ([[filter]])"));
        };
        let one = |(at, value): (usize, &Value)| {
            let key = format!("filter.{}", at + 1);
            let Some(table) = value.as_table() else { return Err(self.wrong(&key, value, "not a table")) };
            self.only(table, &format!("{key}."), &["column", "keep", "drop"])?;
            Ok(Filter {
                column: self.text(table, "column")?,
                keep: self.regex(table, &key, "keep")?,
                drop: self.regex(table, &key, "drop")?,
            })
        };
        list.iter().enumerate().map(one).collect()
    }

    fn only(&self, table: &Table, prefix: &str, known: &[&str]) -> Result<(), Wrong> {
        match table.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            Some((key, value)) => {
                Err(self.wrong(&format!("{prefix}{key}"), value, format!("not a key of a mapping; known here: {}", known.join(", "))))
            }
            None => Ok(()),
        }
    }

    fn table(&self, table: &Table, key: &str) -> Result<Table, Wrong> {
        match table.get(key) {
            None => Ok(Table::new()),
            Some(Value::Table(inner)) => Ok(inner.clone()),
            Some(other) => Err(self.wrong(key, other, "not a table")),
        }
    }

    fn text(&self, table: &Table, key: &str) -> Result<Option<String>, Wrong> {
        match table.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Integer(number)) if key == "column" => Ok(Some(number.to_string())),
            Some(other) => Err(self.wrong(key, other, "not a text")),
        }
    }

    fn texts(&self, key: &str, value: &Value) -> Result<Vec<String>, Wrong> {
        let list: Option<Vec<String>> = value.as_array().and_then(|list| list.iter().map(|v| v.as_str().map(str::to_owned)).collect());
        list.ok_or_else(|| self.wrong(key, value, "not a list of texts"))
    }

    fn pairs(&self, table: &Table, key: &str) -> Result<Vec<(String, String)>, Wrong> {
        let one = |(name, value): (&String, &Value)| match value {
            Value::String(text) => Ok((name.clone(), text.clone())),
            Value::Integer(number) => Ok((name.clone(), number.to_string())),
            other => Err(self.wrong(&format!("{key}.{name}"), other, "not a text")),
        };
        table.iter().map(one).collect()
    }

    fn truth(&self, table: &Table, prefix: &str, key: &str) -> Result<Option<bool>, Wrong> {
        let Some(value) = table.get(key) else { return Ok(None) };
        let path = format!("{}.{key}", prefix.trim_end_matches('.'));
        value.as_bool().map(Some).ok_or_else(|| self.wrong(&path, value, "neither true nor false"))
    }

    fn regex(&self, table: &Table, prefix: &str, key: &str) -> Result<Option<Regex>, Wrong> {
        let Some(text) = self.text(table, key)? else { return Ok(None) };
        Regex::new(&text)
            .map(Some)
            .map_err(|error| self.wrong(&format!("{prefix}.{key}"), &text.clone().into(), format!("not a regular expression: {error}")))
    }

    /// Which of the words it is.
    fn one_of(&self, table: &Table, key: &str, words: &[&str]) -> Result<Option<usize>, Wrong> {
        let Some(value) = table.get(key) else { return Ok(None) };
        let at = words.iter().position(|word| value.as_str() == Some(word));
        at.map(Some).ok_or_else(|| self.wrong(key, value, format!("none of: {}", words.join(", "))))
    }
}

fn is_key(key: &str) -> bool {
    key.strip_prefix("extra.").is_some_and(|rest| !rest.is_empty()) || Field::from_key(key).is_some() || INTELMQ_KEYS.contains(&key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_documentation_is_a_mapping() {
        let source = include_str!("mapping.rs");
        let example: String = source
            .lines()
            .skip_while(|line| !line.contains("```toml"))
            .skip(1)
            .take_while(|line| !line.contains("//! ```"))
            .map(|line| format!("{}\n", line.trim_start_matches("//!")))
            .collect();
        let mapping = Mapping::read("x.toml", &example).unwrap();
        assert_eq!((mapping.name.as_str(), mapping.filters.len()), ("acme-sinkhole", 1));
    }

    #[test]
    fn a_mistake_is_named_with_file_key_and_value() {
        for (text, said) in [
            ("columns = 1", "m.toml: columns = 1: neither"),
            ("", "m.toml: columns is missing"),
            ("colums = []", "m.toml: colums = []: not a key of a mapping"),
            ("[columns]\nA = 'source.ipp'", "m.toml: columns.A = \"source.ipp\": no key"),
            ("[columns]\nA = {to = 'source.ip', match = '['}", "m.toml: columns.A.match = \"[\": not a regular expression"),
            ("[columns]\nA = {to = 'source.ip', strict = 1}", "m.toml: columns.A.strict = 1: neither true nor false"),
            ("columns = []\n[types]\na = 'b'", "m.toml: types.a = \"b\": not a type of RSIT"),
            ("columns = []\n[defaults]\n'source.port' = 'x'", "m.toml: defaults.source.port = \"x\": not a port"),
            ("columns = []\n[time]\nzone = 'Mars'", "m.toml: time.zone = \"Mars\": neither"),
            ("columns = []\n[layout]\ndelimiter = ';;'", "m.toml: layout.delimiter = \";;\": not one character"),
            ("columns = [{to = 'source.ip', split = ','}, {to = 'source.port', split = ','}]", "m.toml: columns = "),
            ("columns = [", "m.toml: "),
        ] {
            let wrong = Mapping::read("m.toml", text).unwrap_err().to_string();
            assert!(wrong.starts_with(said), "{text:?} gave {wrong}");
        }
    }
}
