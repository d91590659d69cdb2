//! Is this value well known, so that blocking it would do harm? All warning lists at once, every type exactly.
//!
//! | type | what hits |
//! |---|---|
//! | `string` | the value is the entry; letter case counts, except in lists of names (RFC 4343: in names it never does) |
//! | `hostname` | the host of the value, or any name above it, is the entry |
//! | `substring` | the entry occurs in the value; letter case counts |
//! | `cidr` | the value is an address or network inside the entry |
//! | `regex` | the expression finds something; letters are bytes, as in PHP without `u` |
//!
//! One hash table holds the texts of all `string` and `hostname` lists (a name costs one probe for each of its labels), one tree
//! of nested networks all `cidr` lists, one automaton the `substring` lists that name the same kinds.
//! A list is asked only about the kinds it names.

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use formats::value::{Network, host_of, split_port};
use formats::warning_list::{self, Matching, WarningList};
use regex::bytes::{RegexBuilder, RegexSet, RegexSetBuilder};

use super::class::{Class, Classes};
use super::names::{Names, NamesBuilder};
use super::networks::Networks;
use crate::model::observable::{Kind, Observable};

/// Lists that are taken.
const LISTS_LIMIT: usize = 2_000;
/// Entries of all substring lists together, and of one list of expressions: each costs kilobytes.
const SUBSTRINGS_LIMIT: usize = 200_000;
const EXPRESSIONS_LIMIT: usize = 2_000;
/// Substrings of so many bytes together are found by a table: twice as fast, for some hundred bytes of memory for each of theirs.
const TABLE_BYTES: usize = 200_000;
/// Memory of one compiled expression, and of a list of them.
const EXPRESSION_BYTES: usize = 1 << 20;
const EXPRESSIONS_BYTES: usize = 64 << 20;

/// A set of kinds.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Kinds(u32);

impl Kinds {
    pub const NONE: Self = Self(0);
    pub const ALL: Self = Self(u32::MAX);

    pub fn of(kind: Kind) -> Self {
        Self(1 << kind as u32)
    }

    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The kinds that MISP attribute types stand for; none are all. Types that are unknown here are [`Kind::Other`]; an address type
    /// holds networks too, and what a pair (`domain|ip`) holds is held against either part, as MISP does.
    pub fn of_misp(attributes: &[String]) -> Self {
        if attributes.is_empty() || attributes.iter().any(|attribute| attribute == "ALL") {
            return Self::ALL;
        }
        let parts = attributes.iter().flat_map(|attribute| attribute.split('|'));
        parts.fold(Self::NONE, |kinds, part| match Kind::of_misp(part) {
            Some(Kind::Address) => kinds.and(Self::of(Kind::Address)).and(Self::of(Kind::Network)),
            kind => kinds.and(Self::of(kind.unwrap_or(Kind::Other))),
        })
    }
}

/// One list, as compiled.
#[derive(Clone, Debug)]
pub struct List {
    /// Its folder in misp-warninglists, or the name of its file.
    pub slug: String,
    pub name: String,
    pub version: u64,
    pub class: Class,
    pub matching: Matching,
    pub kinds: Kinds,
    /// Entries taken.
    pub entries: usize,
    /// Entries that could not be, with the reason; at most a hundred are named.
    pub set_aside: Vec<String>,
}

/// Why lists cannot be compiled.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CompileError {
    #[error("list {list}: there is another of this name")]
    Twice { list: String },
    #[error("list {list}: more than {LISTS_LIMIT} lists")]
    Lists { list: String },
    #[error("list {list}: {what} of all lists together are more than can be kept")]
    Entries { list: String, what: &'static str },
    #[error("the substrings of all lists: {0}")]
    Substrings(String),
}

/// Takes lists one by one.
#[derive(Debug)]
pub struct Compiler {
    classes: Classes,
    lists: Vec<List>,
    names: NamesBuilder,
    networks: Vec<(Network, u32)>,
    substrings: Vec<(String, u32)>,
    expressions: Vec<Expressions>,
    numeric_hostname: bool,
}

/// The expressions of one list.
#[derive(Clone, Debug)]
struct Expressions {
    list: u32,
    written: Vec<String>,
    set: RegexSet,
}

/// Finds the substrings of all lists that name the same kinds.
#[derive(Clone, Debug)]
struct Automaton {
    kinds: Kinds,
    /// Number of its first pattern among all substrings.
    first: u32,
    finds: AhoCorasick,
    /// Some of them could occur in an IPv4 address.
    numeric: bool,
}

/// Which kinds are asked of lists of one type: what no list asks for costs nothing.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    string: Kinds,
    hostname: Kinds,
    cidr: Kinds,
    /// A host name of some list could be the end of an IPv4 address.
    numeric_hostname: bool,
}

/// All lists, compiled.
#[derive(Clone, Debug)]
pub struct Warnings {
    lists: Vec<List>,
    asked: Asked,
    names: Names,
    networks: Networks,
    substrings: Vec<(Box<str>, u32)>,
    automata: Vec<Automaton>,
    expressions: Vec<Expressions>,
}

/// An entry of a list that a value hit; [`Warnings::list`] and [`Warnings::entry`] tell more.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Hit {
    list: u32,
    at: At,
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum At {
    Name(u32),
    Network(u32),
    Substring(u32),
    Expression { of: u32, at: u32 },
}

impl Compiler {
    pub fn new(classes: Classes) -> Self {
        Self {
            classes,
            lists: Vec::new(),
            names: NamesBuilder::default(),
            networks: Vec::new(),
            substrings: Vec::new(),
            expressions: Vec::new(),
            numeric_hostname: false,
        }
    }

    /// Takes a list under its short name. What of its entries cannot be taken is said in [`List::set_aside`].
    ///
    /// # Errors
    /// When there is one of that name, or no room.
    pub fn add(&mut self, slug: &str, list: &WarningList) -> Result<(), CompileError> {
        let named = || slug.to_owned();
        if self.lists.iter().any(|known| known.slug == slug) {
            return Err(CompileError::Twice { list: named() });
        }
        if self.lists.len() >= LISTS_LIMIT {
            return Err(CompileError::Lists { list: named() });
        }
        let number = self.lists.len() as u32;
        let kinds = Kinds::of_misp(&list.matching_attributes);
        let mut set_aside: Vec<String> = list.set_aside.iter().take(100).map(ToString::to_string).collect();
        let mut entries = list.entries.len();
        let full = |what| CompileError::Entries { list: named(), what };
        match list.matching {
            Matching::String => {
                for entry in &list.entries {
                    self.names.add(entry.as_bytes(), number, false).map_err(|_| full("texts"))?;
                    if kinds.meets(Kinds::of(Kind::Domain)) && entry.bytes().any(|b| b.is_ascii_uppercase()) {
                        self.names.add(entry.to_ascii_lowercase().as_bytes(), number, false).map_err(|_| full("texts"))?;
                    }
                }
            }
            Matching::Hostname => {
                for entry in &list.entries {
                    let entry = lower(entry.trim_matches('.'));
                    let last = entry.rsplit('.').next().unwrap_or_default();
                    self.numeric_hostname |= last.bytes().all(|b| b.is_ascii_digit());
                    self.names.add(entry.as_bytes(), number, true).map_err(|_| full("texts"))?;
                }
            }
            Matching::Substring => {
                if self.substrings.len() + list.entries.len() > SUBSTRINGS_LIMIT {
                    return Err(full("substrings"));
                }
                self.substrings.extend(list.entries.iter().map(|entry| (entry.clone(), number)));
            }
            Matching::Cidr => {
                if self.networks.len() + list.entries.len() > u32::MAX as usize / 4 {
                    return Err(full("networks"));
                }
                self.networks.extend(list.entries.iter().filter_map(|entry| Some((warning_list::network(entry)?, number))));
            }
            Matching::Regex => {
                let (mut written, mut sources) = (Vec::new(), Vec::new());
                for entry in &list.entries {
                    match expression(entry) {
                        Ok(_) if written.len() >= EXPRESSIONS_LIMIT => set_aside.push(format!("{entry:?} is one expression too many")),
                        Ok(source) => (written.push(entry.clone()), sources.push(source)).0,
                        Err(reason) => set_aside.push(format!("{entry:?} {reason}")),
                    }
                }
                entries = written.len();
                let set =
                    RegexSetBuilder::new(sources).unicode(false).size_limit(EXPRESSIONS_BYTES).build().map_err(|_| full("expressions"))?;
                self.expressions.push(Expressions { list: number, written, set });
            }
        }
        set_aside.truncate(100);
        self.lists.push(List {
            slug: named(),
            name: list.name.clone(),
            version: list.version,
            class: self.classes.of(slug),
            matching: list.matching,
            kinds,
            entries,
            set_aside,
        });
        Ok(())
    }

    /// # Errors
    /// When the substrings are too many for one automaton.
    pub fn finish(self) -> Result<Warnings, CompileError> {
        let mut asked = Asked { numeric_hostname: self.numeric_hostname, ..Asked::default() };
        for List { matching, kinds, .. } in &self.lists {
            let place = match matching {
                Matching::String => &mut asked.string,
                Matching::Hostname => &mut asked.hostname,
                Matching::Cidr => &mut asked.cidr,
                Matching::Substring | Matching::Regex => continue,
            };
            *place = place.and(*kinds);
        }
        let kinds_of = |list: u32| self.lists[list as usize].kinds;
        let mut substrings: Vec<(Box<str>, u32)> = self.substrings.into_iter().map(|(text, list)| (text.into(), list)).collect();
        substrings.sort_by_key(|(_, list)| (kinds_of(*list).0, *list));
        let mut automata: Vec<Automaton> = Vec::new();
        for group in substrings.chunk_by(|(_, one), (_, other)| kinds_of(*one) == kinds_of(*other)) {
            let first = automata.last().map_or(0, |last| last.first + last.finds.patterns_len() as u32);
            let bytes: usize = group.iter().map(|(text, _)| text.len()).sum();
            let kind = (bytes <= TABLE_BYTES).then_some(AhoCorasickKind::DFA);
            let finds =
                AhoCorasick::builder().match_kind(MatchKind::Standard).kind(kind).build(group.iter().map(|(text, _)| text.as_bytes()));
            let finds = finds.map_err(|error| CompileError::Substrings(error.to_string()))?;
            let numeric = group.iter().any(|(text, _)| text.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
            automata.push(Automaton { kinds: kinds_of(group[0].1), first, finds, numeric });
        }
        Ok(Warnings {
            lists: self.lists,
            asked,
            names: self.names.finish(),
            networks: Networks::new(self.networks),
            substrings,
            automata,
            expressions: self.expressions,
        })
    }
}

impl Warnings {
    /// No lists: nothing hits.
    pub fn none() -> Self {
        Compiler::new(Classes::default()).finish().expect("nothing is not too much")
    }

    /// Every entry of every list that an observable hits, by list.
    ///
    /// ```
    /// use casework::indicate::{class::Classes, warning::Compiler};
    /// use casework::model::observable::{Kind, Observable};
    /// use formats::warning_list::{Matching, read_text};
    /// let mut compiler = Compiler::new(Classes::default());
    /// compiler.add("rfc1918", &read_text(b"10.0.0.0/8", Matching::Cidr)?)?;
    /// let warnings = compiler.finish()?;
    /// let hits = warnings.hits(&Observable::read(Kind::Address, "10.1.2.3")?);
    /// assert_eq!(warnings.explain(hits[0]), "rfc1918: 10.0.0.0/8 (never-block)");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn hits(&self, observable: &Observable) -> Vec<Hit> {
        let mut hits = Vec::new();
        self.look_up(Kinds::of(observable.kind()), observable.value(), &mut hits);
        hits
    }

    /// The same for a text as somebody wrote it; `hits` is emptied first. [`Kinds::ALL`] asks every list.
    pub fn look_up(&self, kinds: Kinds, value: &str, hits: &mut Vec<Hit>) {
        hits.clear();
        let ipv4 = formats::value::ipv4(value.as_bytes()).is_some();
        if kinds.meets(self.asked.string)
            && let Some((number, members)) = self.names.find(value.as_bytes())
        {
            self.take_members(members, false, kinds, number, hits);
        }
        if kinds.meets(self.asked.hostname) && (self.asked.numeric_hostname || !ipv4) {
            let host = lower(host(value));
            let mut rest = &*host;
            loop {
                if let Some((number, members)) = self.names.find(rest.as_bytes()) {
                    self.take_members(members, true, kinds, number, hits);
                }
                match rest.find('.') {
                    Some(at) => rest = &rest[at + 1..],
                    None => break,
                }
            }
        }
        if kinds.meets(self.asked.cidr)
            && looks_numeric(value)
            && let Some(network) = warning_list::network(value)
        {
            for number in self.networks.around(network) {
                let list = self.networks.entry(number).1;
                if self.lists[list as usize].kinds.meets(kinds) {
                    hits.push(Hit { list, at: At::Network(number) });
                }
            }
        }
        for automaton in self.automata.iter().filter(|automaton| automaton.kinds.meets(kinds) && (automaton.numeric || !ipv4)) {
            for found in automaton.finds.find_overlapping_iter(value) {
                let number = automaton.first + found.pattern().as_u32();
                hits.push(Hit { list: self.substrings[number as usize].1, at: At::Substring(number) });
            }
        }
        for (of, expressions) in self.expressions.iter().enumerate() {
            if self.lists[expressions.list as usize].kinds.meets(kinds) {
                let found = expressions.set.matches(value.as_bytes());
                hits.extend(found.iter().map(|at| Hit { list: expressions.list, at: At::Expression { of: of as u32, at: at as u32 } }));
            }
        }
        if hits.len() > 1 {
            hits.sort_unstable();
            hits.dedup();
        }
    }

    fn take_members(&self, members: &[u32], hostname: bool, kinds: Kinds, number: u32, hits: &mut Vec<Hit>) {
        for member in members {
            let list = member >> 1;
            if (member & 1 == 1) == hostname && self.lists[list as usize].kinds.meets(kinds) {
                hits.push(Hit { list, at: At::Name(number) });
            }
        }
    }

    /// Networks of `cidr` lists that lie inside this one, of lists of this class: whoever blocks it blocks them too. At most `most`.
    pub fn inside(&self, network: Network, class: Class, most: usize) -> Vec<Hit> {
        let of_class = |list: u32| self.lists[list as usize].class == class;
        let found = self.networks.inside(network).filter(|number| of_class(self.networks.entry(*number).1));
        found.map(|number| Hit { list: self.networks.entry(number).1, at: At::Network(number) }).take(most).collect()
    }

    pub fn list(&self, hit: Hit) -> &List {
        &self.lists[hit.list as usize]
    }

    /// The entry that was hit, as it is compared.
    pub fn entry(&self, hit: Hit) -> Cow<'_, str> {
        match hit.at {
            At::Name(number) => self.names.text(number).into(),
            At::Network(number) => self.networks.entry(number).0.to_string().into(),
            At::Substring(number) => (&*self.substrings[number as usize].0).into(),
            At::Expression { of, at } => self.expressions[of as usize].written[at as usize].as_str().into(),
        }
    }

    /// `list: entry (class)`.
    pub fn explain(&self, hit: Hit) -> String {
        let list = self.list(hit);
        format!("{}: {} ({})", list.slug, self.entry(hit), list.class.as_str())
    }

    pub fn lists(&self) -> &[List] {
        &self.lists
    }

    /// Texts, networks, substrings and expressions kept; a text in several lists counts once.
    pub fn entries(&self) -> usize {
        let expressions: usize = self.expressions.iter().map(|expressions| expressions.written.len()).sum();
        self.names.len() + self.networks.len() + self.substrings.len() + expressions
    }

    /// Bytes that the tables hold; those of expressions are not counted.
    pub fn size_bytes(&self) -> usize {
        let substrings: usize = self.substrings.iter().map(|(text, _)| text.len() + size_of::<(Box<str>, u32)>()).sum();
        self.names.size_bytes()
            + self.networks.size_bytes()
            + substrings
            + self.automata.iter().map(|automaton| automaton.finds.memory_usage()).sum::<usize>()
    }
}

/// Checks one expression.
fn expression(entry: &str) -> Result<Cow<'_, str>, String> {
    let source = warning_list::expression(entry).ok_or("is not written between delimiters")?;
    match RegexBuilder::new(&source).unicode(false).size_limit(EXPRESSION_BYTES).build() {
        Ok(_) => Ok(source),
        Err(regex::Error::CompiledTooBig(_)) => Err("is too large".into()),
        Err(error) => Err(format!("cannot be used: {}", error.to_string().lines().last().unwrap_or_default().trim())),
    }
}

/// The host of a URL; of anything else what stands before the first `/` and a port.
fn host(value: &str) -> &str {
    let host = match host_of(value) {
        Some(host) => host,
        None => {
            let bare = value.split_once("//").map_or(value, |(_, rest)| rest);
            let bare = &bare[..bare.find(['/', '?', '#']).unwrap_or(bare.len())];
            let (host, port) = split_port(bare);
            if port.is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit())) { host } else { bare }
        }
    };
    host.trim_end_matches('.')
}

fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|b| b.is_ascii_uppercase()) { Cow::Owned(text.to_ascii_lowercase()) } else { Cow::Borrowed(text) }
}

/// Could be an address or a network: nothing else is worth parsing.
fn looks_numeric(value: &str) -> bool {
    value.bytes().next().is_some_and(|b| b.is_ascii_hexdigit() || b == b':')
        && value.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b'.' | b':' | b'/'))
}

#[cfg(test)]
mod tests;
