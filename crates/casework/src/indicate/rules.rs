//! Which values of events become indicators, by rules that a user can read?
//!
//! A rule names classes of events, the side whose values it takes, and how many reporters must agree. The side must be the
//! attacker's: for each class the code knows which side that is, and a rule that would take a victim's value is refused when it is
//! read. What a rule would take and a warning list or a victim's report forbids is set aside with the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use formats::rsit::Class;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use toml::Spanned;

use super::decay::seconds;
use super::harm::Harm;
use super::indicator::{Said, Source, Support, What};
use super::warning::Warnings;
use crate::model::event::Side;
use crate::model::identity::EventId;
use crate::model::observable::{Kind, Observable};

/// A warning takes so many parts of a hundred from the confidence.
const WARNED: u64 = 40;
/// Events named in what a rule found: the newest.
const SAMPLES: usize = 5;
const RULES_LIMIT: usize = 1_000;

/// The part of an event that rules look at.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    pub id: EventId,
    pub time: Timestamp,
    /// Feed or sensor.
    pub reporter: &'a str,
    /// Number of its terms in the register.
    pub terms: i64,
    pub class: Class,
    pub confidence: Option<u8>,
    pub malware: Option<&'a str>,
    pub identifier: Option<&'a str>,
    pub source: End<'a>,
    pub destination: End<'a>,
    pub md5: Option<&'a str>,
    pub sha1: Option<&'a str>,
    pub sha256: Option<&'a str>,
}

/// One end of an event.
#[derive(Clone, Copy, Debug, Default)]
pub struct End<'a> {
    pub ip: Option<IpAddr>,
    pub fqdn: Option<&'a str>,
    pub url: Option<&'a str>,
}

/// The side of an event that is not a victim's; `None` when neither is known to be the attacker's.
pub fn attackers_side(class: Class) -> Option<Side> {
    match class.type_() {
        "c2-server"
        | "malware-distribution"
        | "malware-configuration"
        | "phishing"
        | "masquerade"
        | "spam"
        | "scanner"
        | "sniffing"
        | "social-engineering"
        | "brute-force"
        | "exploit"
        | "ids-alert"
        | "dos"
        | "ddos" => Some(Side::Source),
        // The infected machine is the source; what it talks to is its master, or a sinkhole.
        "infected-system" => Some(Side::Destination),
        _ => None,
    }
}

/// Whose machine was harmed, by class.
pub fn victims_side(class: Class) -> Option<Side> {
    match (class.taxonomy(), class.type_()) {
        (_, "infected-system") | ("intrusions", _) => Some(Side::Source),
        ("information-gathering" | "intrusion-attempts", _) | (_, "dos" | "ddos" | "spam") => Some(Side::Destination),
        _ => None,
    }
}

/// What of an event a rule takes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Take {
    Address,
    Domain,
    Url,
    Hash,
}

impl Take {
    fn read(word: &str) -> Option<Self> {
        Some(match word {
            "address" => Self::Address,
            "domain" => Self::Domain,
            "url" => Self::Url,
            "hash" => Self::Hash,
            _ => return None,
        })
    }
}

/// One rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    pub name: String,
    pub why: String,
    pub classes: Vec<Class>,
    /// Only events with one of these identifiers; empty: all.
    pub identifiers: Vec<String>,
    /// `None`: only what belongs to no side, the hashes of the file.
    pub side: Option<Side>,
    pub take: BTreeSet<Take>,
    /// Where the event does not say how sure it is; else the lower of both.
    pub confidence: u8,
    /// Distinct reporters needed.
    pub reporters: usize,
    /// Rows older than this do not count.
    pub within: SignedDuration,
}

/// What is wrong with a file of rules.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RulesError {
    #[error("{0}")]
    Syntax(String),
    #[error("line {line}, rule {rule:?}, {key}: {value:?} {reason}")]
    Value { line: usize, rule: String, key: &'static str, value: String, reason: String },
    #[error("more than {RULES_LIMIT} rules")]
    TooMany,
}

/// All rules, in their order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rules(Vec<Rule>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRules {
    #[serde(default)]
    rule: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: Spanned<String>,
    #[serde(default)]
    why: String,
    classes: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    identifiers: Vec<String>,
    side: Spanned<String>,
    take: Spanned<Vec<Spanned<String>>>,
    confidence: Spanned<i64>,
    reporters: Option<Spanned<i64>>,
    within: Option<Spanned<String>>,
}

impl Default for Rules {
    fn default() -> Self {
        Self::read(include_str!("rules.toml")).expect("a test reads it")
    }
}

impl Rules {
    /// Reads a file of rules; it stands in place of the default one.
    ///
    /// ```
    /// use casework::indicate::rules::Rules;
    /// let wrong = Rules::read("[[rule]]\nname = 'ours'\nclasses = ['infected-system']\nside = 'source'\ntake = ['address']\nconfidence = 50");
    /// assert_eq!(
    ///     wrong.unwrap_err().to_string(),
    ///     "line 4, rule \"ours\", side: \"source\" is the victim's side in infected-system; the attacker's is destination",
    /// );
    /// ```
    ///
    /// # Errors
    /// With line, rule and key.
    pub fn read(text: &str) -> Result<Self, RulesError> {
        let written: WrittenRules = toml::from_str(text).map_err(|error| RulesError::Syntax(error.to_string().trim().to_owned()))?;
        if written.rule.len() > RULES_LIMIT {
            return Err(RulesError::TooMany);
        }
        let mut rules: Vec<Rule> = Vec::new();
        for written in written.rule {
            let rule = written.rule(text)?;
            rules.push(rule);
        }
        Ok(Self(rules))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }

    /// Rows older than this count for none of them.
    pub fn within(&self) -> SignedDuration {
        self.0.iter().map(|rule| rule.within).max().unwrap_or_default()
    }
}

/// Where a value of a rule stands, for errors.
struct Place<'t> {
    text: &'t str,
    rule: String,
}

impl Place<'_> {
    fn wrong<T: fmt::Display>(&self, key: &'static str, value: &Spanned<T>, reason: impl Into<String>) -> RulesError {
        self.wrong_at(key, value.span().start, value.get_ref().to_string(), reason)
    }

    fn wrong_at(&self, key: &'static str, at: usize, value: String, reason: impl Into<String>) -> RulesError {
        let line = 1 + self.text.as_bytes().iter().take(at).filter(|b| **b == b'\n').count();
        RulesError::Value { line, rule: self.rule.clone(), key, value, reason: reason.into() }
    }
}

impl Written {
    fn rule(self, text: &str) -> Result<Rule, RulesError> {
        let place = Place { text, rule: self.name.get_ref().clone() };
        let named = |name: &str| {
            (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        };
        if !named(self.name.get_ref()) {
            return Err(place.wrong("name", &self.name, "is not 1 to 64 letters, digits, `-`, `_` or `.`"));
        }
        let side = match self.side.get_ref().as_str() {
            "source" => Some(Side::Source),
            "destination" => Some(Side::Destination),
            "file" => None,
            _ => return Err(place.wrong("side", &self.side, "is not one of source, destination, file")),
        };
        let (at, mut classes) = (self.classes.span().start, Vec::new());
        for word in self.classes.get_ref() {
            let Some(class) = Class::of(word.get_ref()) else { return Err(place.wrong("classes", word, "is no RSIT type")) };
            match (side, attackers_side(class)) {
                (None, _) => {}
                (Some(_), None) => return Err(place.wrong("classes", word, "has no side that is the attacker's")),
                (Some(side), Some(attacker)) if side != attacker => {
                    let reason = format!("is the victim's side in {}; the attacker's is {}", class.type_(), attacker.as_str());
                    return Err(place.wrong("side", &self.side, reason));
                }
                (Some(_), Some(_)) => {}
            }
            classes.push(class);
        }
        if classes.is_empty() {
            return Err(place.wrong_at("classes", at, "[]".to_owned(), "names no class"));
        }
        let (at, mut take) = (self.take.span().start, BTreeSet::new());
        for word in self.take.get_ref() {
            let Some(kind) = Take::read(word.get_ref()) else {
                return Err(place.wrong("take", word, "is not one of address, domain, url, hash"));
            };
            if side.is_none() && kind != Take::Hash {
                return Err(place.wrong("take", word, "belongs to a side: with `side = \"file\"` only hash can be taken"));
            }
            take.insert(kind);
        }
        if take.is_empty() {
            return Err(place.wrong_at("take", at, "[]".to_owned(), "takes nothing"));
        }
        let confidence = u8::try_from(*self.confidence.get_ref()).ok().filter(|confidence| (1..=100).contains(confidence));
        let confidence = confidence.ok_or_else(|| place.wrong("confidence", &self.confidence, "is not 1 to 100"))?;
        let reporters = match &self.reporters {
            None => 1,
            Some(number) => usize::try_from(*number.get_ref())
                .ok()
                .filter(|number| (1..=1_000).contains(number))
                .ok_or_else(|| place.wrong("reporters", number, "is not 1 to 1000"))?,
        };
        let within = match &self.within {
            None => 30 * 86_400,
            Some(text) => seconds(text.get_ref())
                .filter(|seconds| *seconds > 0)
                .ok_or_else(|| place.wrong("within", text, "is not a time such as `12h` or `3d`"))?,
        };
        Ok(Rule {
            name: place.rule,
            why: self.why,
            classes,
            identifiers: self.identifiers,
            side,
            take,
            confidence,
            reporters,
            within: SignedDuration::from_secs(within),
        })
    }
}

/// What the rules found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// By what, each with all that is to be said for it.
    pub candidates: BTreeMap<What, Vec<Said>>,
    pub set_aside: Vec<SetAside>,
    /// Values that too few reporters have named so far.
    pub waiting: usize,
}

/// What a rule would have taken.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct SetAside {
    pub observable: Observable,
    pub rule: String,
    pub because: String,
}

/// All rows of one rule, value, reporter and terms.
#[derive(Clone, Debug)]
struct Tally<'a> {
    first: Timestamp,
    last: Timestamp,
    times: u64,
    confidence: u8,
    class: Class,
    malware: Option<&'a str>,
    /// Newest last.
    samples: Vec<(Timestamp, EventId)>,
}

type Tallies<'a> = BTreeMap<(&'a str, i64), Tally<'a>>;

/// Applies all rules to rows, in any order. The same rows again give the same.
pub fn candidates<'a>(rows: impl IntoIterator<Item = Row<'a>>, rules: &Rules, warnings: &Warnings, now: Timestamp) -> Found {
    let mut tallies: BTreeMap<(usize, Observable), Tallies<'a>> = BTreeMap::new();
    let mut victims: BTreeSet<Observable> = BTreeSet::new();
    for row in rows {
        if let Some(side) = victims_side(row.class) {
            let end = row.end(side);
            victims.extend(end.ip.map(Observable::of_ip));
            victims.extend(end.fqdn.and_then(|fqdn| Observable::read(Kind::Domain, fqdn).ok()));
        }
        for (number, rule) in rules.0.iter().enumerate().filter(|(_, rule)| rule.fits(&row, now)) {
            for observable in rule.values(&row) {
                tallies
                    .entry((number, observable))
                    .or_default()
                    .entry((row.reporter, row.terms))
                    .or_insert_with(|| Tally::new(&row))
                    .add(&row, rule);
            }
        }
    }
    let mut found = Found::default();
    for ((number, observable), tallies) in tallies {
        let rule = &rules.0[number];
        // A page on a victim's hacked server is the attacker's; the server is not.
        if rule.side.is_some() && victims.contains(&observable) {
            let because = "it is the address or name of a victim".to_owned();
            found.set_aside.push(SetAside { observable, rule: rule.name.clone(), because });
            continue;
        }
        let enough = groups(&tallies, rule.reporters);
        if enough.is_empty() {
            found.waiting += 1;
            continue;
        }
        let harm = Harm::of(&observable, warnings);
        if harm.never_block() {
            let because = harm.because.into_iter().next().unwrap_or_default();
            found.set_aside.push(SetAside { observable, rule: rule.name.clone(), because });
            continue;
        }
        let said = enough.into_iter().map(|(terms, reporter, tally)| tally.said(rule, terms, reporter, harm.mark()));
        found.candidates.entry(What::Value(observable)).or_default().extend(said);
    }
    found.set_aside.sort();
    found
}

/// Reporters enough for a rule, each with the terms that all of it came under. Where those of one terms are enough by themselves,
/// they need no other; what only several make up together is held under all of theirs, for it tells of each.
fn groups<'t, 'a>(tallies: &'t Tallies<'a>, needed: usize) -> Vec<(Vec<i64>, &'a str, &'t Tally<'a>)> {
    let distinct = |terms: Option<i64>| {
        let names = tallies.keys().filter(|(_, of)| terms.is_none_or(|terms| *of == terms)).map(|(reporter, _)| *reporter);
        names.collect::<BTreeSet<_>>().len()
    };
    let all: BTreeSet<i64> = tallies.keys().map(|(_, terms)| *terms).collect();
    let alone: BTreeSet<i64> = all.iter().copied().filter(|terms| distinct(Some(*terms)) >= needed).collect();
    let together: Vec<i64> = all.iter().copied().collect();
    let enough = distinct(None) >= needed;
    tallies
        .iter()
        .filter_map(|((reporter, terms), tally)| {
            let terms = if alone.contains(terms) {
                vec![*terms]
            } else if enough {
                together.clone()
            } else {
                return None;
            };
            Some((terms, *reporter, tally))
        })
        .collect()
}

impl<'a> Row<'a> {
    fn end(&self, side: Side) -> End<'a> {
        match side {
            Side::Source => self.source,
            Side::Destination => self.destination,
        }
    }
}

impl Rule {
    fn fits(&self, row: &Row<'_>, now: Timestamp) -> bool {
        let age = now.duration_since(row.time);
        self.classes.contains(&row.class)
            && !age.is_negative()
            && age <= self.within
            && (self.identifiers.is_empty()
                || row.identifier.is_some_and(|identifier| self.identifiers.iter().any(|ours| ours == identifier)))
    }

    /// The values that it takes of a row; what is none is passed over.
    fn values(&self, row: &Row<'_>) -> Vec<Observable> {
        let end = self.side.map(|side| row.end(side)).unwrap_or_default();
        let mut values = Vec::new();
        for take in &self.take {
            match take {
                Take::Address => values.extend(end.ip.map(Observable::of_ip)),
                Take::Domain => values.extend(end.fqdn.and_then(|fqdn| Observable::read(Kind::Domain, fqdn).ok())),
                Take::Url => values.extend(end.url.and_then(|url| Observable::read(Kind::Url, url).ok())),
                Take::Hash => {
                    let hashes = [(Kind::Md5, row.md5), (Kind::Sha1, row.sha1), (Kind::Sha256, row.sha256)];
                    values.extend(hashes.into_iter().filter_map(|(kind, hash)| Observable::read(kind, hash?).ok()));
                }
            }
        }
        values
    }
}

impl<'a> Tally<'a> {
    fn new(row: &Row<'a>) -> Self {
        Self { first: row.time, last: row.time, times: 0, confidence: 0, class: row.class, malware: None, samples: Vec::new() }
    }

    fn add(&mut self, row: &Row<'a>, rule: &Rule) {
        self.first = self.first.min(row.time);
        self.times += 1;
        self.confidence = self.confidence.max(row.confidence.unwrap_or(rule.confidence).min(rule.confidence));
        if (row.time, row.class, row.malware) >= (self.last, self.class, self.malware) {
            (self.last, self.class) = (row.time, row.class);
            self.malware = row.malware.or(self.malware);
        }
        let sample = (row.time, row.id);
        let at = self.samples.partition_point(|known| *known < sample);
        if self.samples.get(at) != Some(&sample) {
            self.samples.insert(at, sample);
        }
        if self.samples.len() > SAMPLES {
            self.samples.remove(0);
        }
    }

    fn said(&self, rule: &Rule, terms: Vec<i64>, reporter: &str, mark: Option<&str>) -> Said {
        let confidence = match mark {
            Some(_) => (u64::from(self.confidence) * (100 - WARNED) / 100) as u8,
            None => self.confidence,
        };
        let source = Source::Rule { rule: rule.name.clone(), reporter: reporter.to_owned(), terms: terms.clone() };
        let support = Support {
            reporter: reporter.to_owned(),
            terms,
            events: self.samples.iter().rev().map(|(_, id)| id.to_string()).collect(),
            sighting: false,
            confidence,
            first: self.first,
            last: self.last,
            times: self.times,
            valid_from: None,
            valid_until: None,
            class: Some(self.class.type_().to_owned()),
            malware: self.malware.map(str::to_owned),
            marked: mark.map(str::to_owned),
        };
        Said::For(source, support)
    }
}

#[cfg(test)]
mod tests;
