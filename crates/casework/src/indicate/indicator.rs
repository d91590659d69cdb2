//! Why is something an indicator, who confirms it, who doubts it, and what is it worth now?
//!
//! An indicator is what was said of it: each word ([`Said`]) is joined to the others so that neither order nor repetition changes
//! anything. What it is worth ([`Indicator::worth`]) is computed from that for a moment and for what the asker may know: evidence
//! under terms that are closed to it counts nothing, so that no score tells of what is hidden. Words against it
//! always count: that something harmless is not blocked matters more than who said so.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use formats::rsit::Class;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::decay::{HalfLives, left};
use super::moment;
use crate::model::identity::EventId;
use crate::model::observable::Observable;

/// Sources kept of one indicator: the newest.
const SOURCES_LIMIT: usize = 1_000;
/// Parties that speak against it: no more are heard, for these are enough.
const DOUBTS_LIMIT: usize = 1_000;
/// What each further reporter adds to the confidence of the best, and how much all of them at most.
const CONFIRMED: u64 = 5;
const CONFIRMED_MOST: u64 = 15;
/// Longest STIX pattern kept, in bytes.
const PATTERN_LIMIT: usize = 65_536;

/// What is to be watched for.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum What {
    Value(Observable),
    /// In the pattern language of STIX 2.1 (§9), as written.
    Pattern(String),
}

impl What {
    /// A pattern is kept as written; `None` when it is empty or too long.
    pub fn pattern(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty() && text.len() <= PATTERN_LIMIT).then(|| Self::Pattern(text.to_owned()))
    }

    /// The same for the same, wherever and whenever it is made.
    pub fn id(&self) -> IndicatorId {
        let mut id = [0; 16];
        id.copy_from_slice(&blake3::hash(self.to_string().as_bytes()).as_bytes()[..16]);
        IndicatorId(id)
    }
}

/// `kind value`, or `pattern text`.
impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(observable) => write!(f, "{observable}"),
            Self::Pattern(text) => write!(f, "pattern {text}"),
        }
    }
}

impl FromStr for What {
    type Err = crate::model::observable::NotSo;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("pattern ").and_then(Self::pattern) {
            Some(pattern) => Ok(pattern),
            None => text.parse().map(Self::Value),
        }
    }
}

/// 128 bits that stand for what is watched for; shown as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct IndicatorId(pub [u8; 16]);

impl fmt::Display for IndicatorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        EventId(self.0).fmt(f)
    }
}

impl IndicatorId {
    pub fn from_hex(text: &str) -> Option<Self> {
        EventId::from_hex(text).map(|id| Self(id.0))
    }
}

/// Where a word comes from: what can be opened to see why.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// 32 hexadecimal digits.
    Event(String),
    Case(String),
    /// What a rule found in the events of one reporter, under these terms.
    Rule {
        rule: String,
        reporter: String,
        terms: Vec<i64>,
    },
    /// SHA-256 of the evidence.
    Evidence(String),
    /// The id of an object elsewhere: a STIX id, the UUID of a MISP attribute.
    Foreign(String),
}

/// What one source says for it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Support {
    /// Feed, sensor or party: further ones confirm.
    pub reporter: String,
    /// Numbers, in the register, of the terms that all of it came under: who may know it may know all of them.
    pub terms: Vec<i64>,
    /// Some of the events that it rests on, the newest first.
    #[serde(default)]
    pub events: Vec<String>,
    /// It was seen, not only said to be bad: a sighting.
    pub sighting: bool,
    /// 0 to 100, as the source or rule says; already lowered by warning lists.
    pub confidence: u8,
    #[serde(with = "moment")]
    pub first: Timestamp,
    #[serde(with = "moment")]
    pub last: Timestamp,
    /// How often, between first and last.
    pub times: u64,
    /// From when, and until when, the source itself says it holds.
    #[serde(default, with = "moment::maybe")]
    pub valid_from: Option<Timestamp>,
    #[serde(default, with = "moment::maybe")]
    pub valid_until: Option<Timestamp>,
    /// RSIT type.
    pub class: Option<String>,
    pub malware: Option<String>,
    /// A warning list of class *warn* was hit at intake: which.
    pub marked: Option<String>,
}

/// Somebody says that it is harmless.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Doubt {
    #[serde(with = "moment")]
    pub at: Timestamp,
    /// How far the one who says it is trusted, 0 to 100. 100 alone is enough.
    pub trust: u8,
    pub because: String,
}

/// It is withdrawn, taken back into use, or given an end.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Ruling {
    #[serde(with = "moment")]
    pub at: Timestamp,
    pub revoked: bool,
    pub by: String,
    pub because: String,
    /// It holds no longer than this, whatever its sources say.
    #[serde(default, with = "moment::maybe")]
    pub until: Option<Timestamp>,
}

/// One word about an indicator.
#[expect(clippy::large_enum_variant, reason = "nearly all of them are the large one")]
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    For(Source, Support),
    /// By whom; the newest of each counts.
    Against(String, Doubt),
    Ruled(Ruling),
}

/// What may be written on a line of its own and remembered: the state, without what it is of.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Grounds {
    support: Vec<(Source, Support)>,
    doubts: BTreeMap<String, Doubt>,
    ruling: Option<Ruling>,
}

/// Something to watch for or block, and all that was said of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Indicator {
    id: IndicatorId,
    what: What,
    support: BTreeMap<Source, Support>,
    doubts: BTreeMap<String, Doubt>,
    /// The newest holds.
    ruling: Option<Ruling>,
}

/// How an indicator stands.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Standing {
    Active,
    /// Nothing that the asker may know speaks for it.
    Groundless,
    /// Its sources say that it begins later.
    NotYet,
    /// All its sources have said until when, and that is past.
    Expired,
    /// Nothing is left of its confidence.
    Faded,
    /// Words against it leave nothing.
    Disputed,
    Revoked,
}

impl Standing {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Groundless => "groundless",
            Self::NotYet => "not-yet",
            Self::Expired => "expired",
            Self::Faded => "faded",
            Self::Disputed => "disputed",
            Self::Revoked => "revoked",
        }
    }
}

/// What an indicator is worth at a moment to one who may know some of its sources.
#[derive(Clone, Debug, PartialEq)]
pub struct Worth {
    pub standing: Standing,
    /// 0 to 100; 0 unless active.
    pub score: u8,
    /// Before time and doubt took from it.
    pub confidence: u8,
    pub valid_from: Option<Timestamp>,
    /// Until when all sources together say that it holds; `None` when one of them does not say.
    pub valid_until: Option<Timestamp>,
    pub first_seen: Option<Timestamp>,
    pub last_seen: Option<Timestamp>,
    pub sightings: u64,
    pub last_sighting: Option<Timestamp>,
    pub reporters: usize,
    /// Those who say that it is harmless.
    pub doubts: usize,
    pub class: Option<Class>,
    pub malware: Option<String>,
    /// Warning lists hit at intake.
    pub marked: Vec<String>,
    /// In words, the decisive one first.
    pub reasons: Vec<String>,
    fading: Option<Fading>,
}

/// How a score falls from the last word on.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Fading {
    last: Timestamp,
    half_life: SignedDuration,
    confidence: u64,
    /// Hundredths of parts of a hundred that doubt takes.
    doubted: u64,
}

impl Fading {
    fn score(&self, age: SignedDuration) -> u64 {
        let faded = left(self.confidence * HUNDREDTHS, age, self.half_life);
        faded * (100 * HUNDREDTHS).saturating_sub(self.doubted) / (100 * HUNDREDTHS) / HUNDREDTHS
    }
}

impl Indicator {
    pub fn new(what: What) -> Self {
        Self { id: what.id(), what, support: BTreeMap::new(), doubts: BTreeMap::new(), ruling: None }
    }

    /// What was remembered of it.
    pub fn with(what: What, grounds: Grounds) -> Self {
        let mut indicator = Self::new(what);
        for (source, support) in grounds.support {
            indicator.hear(Said::For(source, support));
        }
        for (by, doubt) in grounds.doubts {
            indicator.hear(Said::Against(by, doubt));
        }
        indicator.ruling = grounds.ruling;
        indicator
    }

    /// What is to be remembered of it.
    pub fn grounds(&self) -> Grounds {
        let support = self.support.iter().map(|(source, support)| (source.clone(), support.clone())).collect();
        Grounds { support, doubts: self.doubts.clone(), ruling: self.ruling.clone() }
    }

    pub fn id(&self) -> IndicatorId {
        self.id
    }

    pub fn what(&self) -> &What {
        &self.what
    }

    pub fn support(&self) -> impl Iterator<Item = (&Source, &Support)> {
        self.support.iter()
    }

    pub fn doubts(&self) -> impl Iterator<Item = (&str, &Doubt)> {
        self.doubts.iter().map(|(by, doubt)| (by.as_str(), doubt))
    }

    pub fn ruling(&self) -> Option<&Ruling> {
        self.ruling.as_ref()
    }

    /// Numbers of the terms that its sources came under.
    pub fn terms(&self) -> std::collections::BTreeSet<i64> {
        self.support.values().flat_map(|support| support.terms.iter().copied()).collect()
    }

    /// Takes in a word; `false` when it says nothing new. To hear it again changes nothing, nor does the order in which words come.
    /// Of too many sources the oldest are forgotten.
    pub fn hear(&mut self, said: Said) -> bool {
        match said {
            Said::For(source, mut new) => {
                new.confidence = new.confidence.min(100);
                match self.support.get_mut(&source) {
                    Some(known) => {
                        let joined = known.join(&new);
                        std::mem::replace(known, joined.clone()) != joined
                    }
                    None => {
                        self.support.insert(source.clone(), new);
                        if self.support.len() > SOURCES_LIMIT {
                            let oldest = self
                                .support
                                .iter()
                                .min_by_key(|(source, support)| (support.last, *source))
                                .map(|(source, _)| source.clone());
                            oldest.is_none_or(|oldest| self.support.remove(&oldest).is_some() && oldest != source)
                        } else {
                            true
                        }
                    }
                }
            }
            Said::Against(by, mut doubt) => {
                doubt.trust = doubt.trust.min(100);
                if self.doubts.get(&by).is_some_and(|known| *known >= doubt)
                    || (self.doubts.len() >= DOUBTS_LIMIT && !self.doubts.contains_key(&by))
                {
                    return false;
                }
                self.doubts.insert(by, doubt);
                true
            }
            Said::Ruled(ruling) => {
                let newer = self.ruling.as_ref().is_none_or(|known| *known < ruling);
                if newer {
                    self.ruling = Some(ruling);
                }
                newer
            }
        }
    }

    /// The same where some of what speaks for it is under other terms since: those words that `concerns` chooses, by the numbers of their terms
    /// before and after. `None` when nothing of it changes.
    pub fn under_other_terms(&self, concerns: impl Fn(&Source, &Support) -> bool, becomes: &BTreeMap<i64, i64>) -> Option<Self> {
        let other = |terms: &[i64]| {
            let mut terms: Vec<i64> = terms.iter().map(|number| becomes.get(number).copied().unwrap_or(*number)).collect();
            terms.sort_unstable();
            terms.dedup();
            terms
        };
        let mut next = Self { support: BTreeMap::new(), ..self.clone() };
        let mut changed = false;
        for (source, support) in &self.support {
            let terms = other(&support.terms);
            if !concerns(source, support) || terms == support.terms {
                next.hear(Said::For(source.clone(), support.clone()));
                continue;
            }
            changed = true;
            let source = match source {
                Source::Rule { rule, reporter, terms } => {
                    Source::Rule { rule: rule.clone(), reporter: reporter.clone(), terms: other(terms) }
                }
                source => source.clone(),
            };
            next.hear(Said::For(source, Support { terms, ..support.clone() }));
        }
        changed.then_some(next)
    }

    /// What it is worth now to one who may know what came under the terms that `open` allows.
    pub fn worth(&self, half_lives: &HalfLives, now: Timestamp, open: impl Fn(i64) -> bool) -> Worth {
        let known: Vec<&Support> = self.support.values().filter(|support| support.is_open(&open)).collect();
        let mut worth = Worth::of(&known);
        worth.doubts = self.doubts.len();
        if let Some(end) = self.ruling.as_ref().and_then(|ruling| ruling.until) {
            worth.valid_until = Some(worth.valid_until.map_or(end, |until| until.min(end)));
        }
        if let Some(ruling) = self.ruling.as_ref().filter(|ruling| ruling.revoked) {
            return worth.none(Standing::Revoked, format!("revoked on {}: {}", ruling.at.strftime("%Y-%m-%d"), ruling.because));
        }
        let Some(last) = worth.last_seen else {
            return worth.none(Standing::Groundless, "nothing speaks for it".to_owned());
        };
        if let Some(from) = worth.valid_from.filter(|from| now < *from) {
            return worth.none(Standing::NotYet, format!("its sources say that it holds from {from}"));
        }
        if let Some(until) = worth.valid_until.filter(|until| now >= *until) {
            return worth.none(Standing::Expired, format!("it held until {until}"));
        }
        let half_life = half_lives.of(&self.what);
        let faded = left(u64::from(worth.confidence) * HUNDREDTHS, now.duration_since(last), half_life);
        // A doubt is as old as the newest evidence makes it, not as today: so a score never rises by waiting.
        let doubted: u64 =
            self.doubts.values().map(|doubt| left(u64::from(doubt.trust) * HUNDREDTHS, last.duration_since(doubt.at), half_life)).sum();
        let fading = Fading { last, half_life, confidence: u64::from(worth.confidence), doubted };
        let score = fading.score(now.duration_since(last));
        worth.fading = Some(fading);
        let age = crate::model::day::span_text(now.duration_since(last));
        if doubted > 0 {
            let trust = doubted.div_ceil(HUNDREDTHS).min(100);
            worth.reasons.insert(0, format!("{} say that it is harmless, which takes {trust} of 100 parts", self.doubts.len()));
        }
        if score == 0 && faded >= HUNDREDTHS {
            worth.standing = Standing::Disputed;
        } else if score == 0 {
            return worth.none(Standing::Faded, format!("last seen {age} ago"));
        }
        worth.score = u8::try_from(score).unwrap_or(100);
        worth.reasons.push(format!("confidence {}, last seen {age} ago: {}", worth.confidence, faded / HUNDREDTHS));
        worth
    }
}

/// Scores are computed in these parts and rounded down once.
const HUNDREDTHS: u64 = 100;

impl Support {
    /// What came under no terms at all is closed to everybody.
    fn is_open(&self, open: &impl Fn(i64) -> bool) -> bool {
        !self.terms.is_empty() && self.terms.iter().all(|terms| open(*terms))
    }

    /// What either says.
    fn join(&self, other: &Self) -> Self {
        // Where they differ the later word holds; of two at the same time any, as long as it is always the same.
        let order = |one: &Self| {
            (
                one.last,
                one.confidence,
                one.terms.clone(),
                one.events.clone(),
                one.reporter.clone(),
                one.class.clone(),
                one.malware.clone(),
                one.valid_until,
                one.valid_from,
                one.marked.clone(),
                one.sighting,
            )
        };
        let later = if order(self) >= order(other) { self } else { other };
        Self { first: self.first.min(other.first), last: self.last.max(other.last), times: self.times.max(other.times), ..later.clone() }
    }
}

impl Worth {
    fn of(known: &[&Support]) -> Self {
        let best = known.iter().map(|support| support.confidence).max().unwrap_or(0);
        let mut reporters: Vec<&str> = known.iter().map(|support| support.reporter.as_str()).collect();
        reporters.sort_unstable();
        reporters.dedup();
        let confirmed = (CONFIRMED * (reporters.len() as u64).saturating_sub(1)).min(CONFIRMED_MOST);
        let confidence = if best == 0 { 0 } else { (u64::from(best) + confirmed).min(100) as u8 };
        let sightings = || known.iter().filter(|support| support.sighting);
        // The class and malware that the newest word names.
        let mut by_age: Vec<&&Support> = known.iter().collect();
        by_age.sort_by_key(|support| (std::cmp::Reverse(support.last), support.class.clone(), support.malware.clone()));
        let mut marked: Vec<String> = known.iter().filter_map(|support| support.marked.clone()).collect();
        marked.sort_unstable();
        marked.dedup();
        let mut reasons = Vec::new();
        if confirmed > 0 {
            reasons.push(format!("{} reporters agree", reporters.len()));
        }
        if !marked.is_empty() {
            reasons.push(format!("on warning lists: {}", marked.join(", ")));
        }
        Self {
            standing: Standing::Active,
            score: 0,
            confidence,
            valid_from: known.iter().map(|support| support.valid_from.unwrap_or(support.first)).min(),
            valid_until: if known.is_empty() {
                None
            } else {
                known.iter().map(|support| support.valid_until).collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max())
            },
            first_seen: known.iter().map(|support| support.first).min(),
            last_seen: known.iter().map(|support| support.last).max(),
            sightings: sightings().map(|support| support.times).fold(0, u64::saturating_add),
            last_sighting: sightings().map(|support| support.last).max(),
            reporters: reporters.len(),
            doubts: 0,
            class: by_age.iter().find_map(|support| Class::of(support.class.as_deref()?)),
            malware: by_age.iter().find_map(|support| support.malware.clone()),
            marked,
            reasons,
            fading: None,
        }
    }

    /// What it was worth when the newest word was said: confidence less doubt, whatever time has taken since.
    pub fn fresh(&self) -> u8 {
        let fresh = self.fading.map_or(0, |fading| fading.score(SignedDuration::ZERO));
        u8::try_from(fresh).unwrap_or(100)
    }

    /// From when on its score is below `least`, if nothing more is said of it; `None` when it is so already.
    pub fn holds_until(&self, least: u8) -> Option<Timestamp> {
        let fading = self.fading.filter(|_| self.standing == Standing::Active && self.score >= least.max(1))?;
        let least = u64::from(least.max(1));
        // It halves 64 times at most; between two ages the score falls only once below.
        let (mut holds, mut below) = (0_i64, fading.half_life.as_secs().saturating_mul(64));
        while below - holds > 1 {
            let middle = holds + (below - holds) / 2;
            if fading.score(SignedDuration::from_secs(middle)) >= least { holds = middle } else { below = middle }
        }
        let faded = fading.last.checked_add(SignedDuration::from_secs(below)).unwrap_or(Timestamp::MAX);
        Some(self.valid_until.map_or(faded, |until| until.min(faded)))
    }

    fn none(mut self, standing: Standing, because: String) -> Self {
        self.standing = standing;
        self.score = 0;
        self.reasons.insert(0, because);
        self
    }
}

#[cfg(test)]
mod tests;
