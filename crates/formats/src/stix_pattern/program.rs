//! What must a pattern ask, in which order? The tree made ready once, to be asked of many observations.
//!
//! A comparison expression holds for an observation when it holds for one object of it: every path in it begins at that object.
//! Values examined are counted, so that no pattern and no observation can keep the caller waiting.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::compare::{Scalar, Test, moment};
use super::parser::Malformed;
use super::pattern::{Comparison, ObjectPath, ObservationExpression, Pattern, PropertyTest, Qualifier};
use super::search::{self, Node};

/// Most qualifiers at one observation expression.
const MOST_QUALIFIERS: usize = 16;
/// Most values examined, and combinations tried, for one question.
const MOST_WORK: u64 = 2_000_000;

/// Why a pattern that was read cannot be asked.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unusable {
    #[error("t'{0}' is no day or time that exists")]
    Timestamp(String),
    #[error("{0:?} is neither an address nor a network in CIDR notation")]
    Network(String),
    #[error("a set holds constants of different kinds")]
    MixedSet,
    #[error("the expression {0:?} cannot be used: {1}")]
    Expression(String, String),
    #[error("the qualifier {0} asks for less than is possible")]
    EmptyQualifier(String),
    #[error("more than {MOST_QUALIFIERS} qualifiers stand at one observation expression")]
    Qualifiers,
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

impl Unusable {
    pub(super) fn expression(text: &str, error: &regex::Error) -> Self {
        let why = error.to_string();
        // The crate draws the expression with a pointer to the place; its last line says what is wrong.
        let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Self::Expression(text.chars().take(200).collect(), why)
    }
}

/// Why a question has no answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unevaluated {
    #[error("{0:?} is compared with a time but is none")]
    Timestamp(String),
    #[error("the question needs too many steps: the pattern can be met in too many ways, or the text is too long for its expression")]
    TooMany,
}

/// How much may still be examined.
#[derive(Debug)]
pub struct Work(Cell<u64>);

impl Work {
    pub(super) fn new() -> Self {
        Self(Cell::new(MOST_WORK))
    }

    /// One value examined, one combination tried.
    ///
    /// # Errors
    /// When it was one too many.
    pub fn step(&self) -> Result<(), Unevaluated> {
        self.steps(1)
    }

    pub(super) fn steps(&self, steps: u64) -> Result<(), Unevaluated> {
        let left = self.0.get().checked_sub(steps).ok_or(Unevaluated::TooMany)?;
        self.0.set(left);
        Ok(())
    }
}

/// An object path that patterns and facts share.
#[derive(Debug)]
pub struct KnownPath {
    hash: u64,
    path: ObjectPath,
}

impl KnownPath {
    /// A path to be shared by facts; [`super::Index::path`] gives the one that patterns have already.
    ///
    /// ```
    /// use formats::stix_pattern::KnownPath;
    /// assert_eq!(KnownPath::new("file:hashes.'SHA-256'".parse().unwrap()).path().object_type, "file");
    /// ```
    pub fn new(path: ObjectPath) -> Arc<Self> {
        Arc::new(Self { hash: hash(0, path.to_string().as_bytes()), path })
    }

    pub fn path(&self) -> &ObjectPath {
        &self.path
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }
}

impl PartialEq for KnownPath {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || (self.hash == other.hash && self.path == other.path)
    }
}

impl Eq for KnownPath {}

impl Hash for KnownPath {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// A hash that is the same everywhere and always. Nothing depends on it but speed: what is found by it is compared.
pub(super) fn hash(seed: u64, bytes: &[u8]) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        (product as u64) ^ ((product >> 64) as u64)
    };
    let mut state = seed ^ K ^ (bytes.len() as u64).wrapping_mul(0xd6e8_feb8_6659_fd93);
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        state = fold(state ^ u64::from_le_bytes(word), K | 1).wrapping_add(K);
    }
    fold(state, 0xe703_7ed1_a0b4_28db)
}

/// What was seen, in whatever form: objects with values at paths, and when.
pub trait Observed {
    /// How many objects there are.
    fn objects(&self) -> usize;
    fn object_type(&self, object: usize) -> &str;
    /// Asks for each value the path leads to from this object, until one passes.
    ///
    /// # Errors
    /// With what the test says, or when there are too many values.
    fn any(
        &self,
        object: usize,
        path: &KnownPath,
        work: &Work,
        test: &mut dyn FnMut(&Scalar<'_>) -> Result<bool, Unevaluated>,
    ) -> Result<bool, Unevaluated>;
    /// The path leads to something.
    ///
    /// # Errors
    /// When there are too many values on the way.
    fn exists(&self, object: usize, path: &KnownPath, work: &Work) -> Result<bool, Unevaluated>;
    /// First and last observed; without it no question of time is answered with yes.
    fn span(&self) -> Option<(Timestamp, Timestamp)>;
    /// How often it was observed, at least 1.
    fn count(&self) -> u64;
}

#[derive(Debug)]
pub(super) enum Expression {
    Test(Asked),
    And(Box<[Expression]>),
    Or(Box<[Expression]>),
}

#[derive(Debug)]
pub(super) struct Asked {
    pub path: Arc<KnownPath>,
    pub negated: bool,
    pub test: Test,
}

/// `[…]` with the times between which it must have been observed.
#[derive(Debug)]
pub(super) struct Leaf {
    pub expression: Expression,
    windows: Box<[(Timestamp, Timestamp)]>,
}

/// A pattern made ready.
#[derive(Debug)]
pub struct Program {
    pub(super) leaves: Box<[Leaf]>,
    pub(super) node: Node,
}

impl Program {
    /// Makes a pattern ready.
    ///
    /// ```
    /// use formats::stix_pattern::{Observation, Pattern, Program};
    /// let program = Program::new(&Pattern::parse("[ipv4-addr:value ISSUBSET '192.0.2.0/24']").unwrap()).unwrap();
    /// let seen = serde_json::json!([{"type": "ipv4-addr", "value": "192.0.2.7"}]);
    /// let observation = Observation::of_objects(seen.as_array().unwrap());
    /// assert_eq!(program.matches(&[observation]), Ok(true));
    /// ```
    ///
    /// # Errors
    /// With what cannot be asked: an expression with look-around or back-references, a day that does not exist, a set of mixed kinds.
    pub fn new(pattern: &Pattern) -> Result<Self, Unusable> {
        Self::with_paths(pattern, &mut KnownPath::new)
    }

    /// Reads a pattern of STIX 2.1 and makes it ready.
    ///
    /// ```
    /// use formats::stix_pattern::Program;
    /// assert!(Program::parse("[url:value MATCHES '^https?://[^/]+/gate']").is_ok());
    /// assert!(Program::parse("[url:value MATCHES '(?=a)']").unwrap_err().to_string().contains("look-around"));
    /// ```
    ///
    /// # Errors
    /// As [`Pattern::parse`] and [`Program::new`].
    pub fn parse(text: &str) -> Result<Self, Unusable> {
        Self::new(&Pattern::parse(text)?)
    }

    /// With paths shared among many programs.
    pub(super) fn with_paths(pattern: &Pattern, paths: &mut dyn FnMut(ObjectPath) -> Arc<KnownPath>) -> Result<Self, Unusable> {
        let mut leaves = Vec::new();
        let node = Compiler { leaves: &mut leaves, paths }.node(&pattern.expression, &mut Vec::new())?;
        Ok(Self { leaves: leaves.into(), node })
    }

    /// The paths that are asked for.
    pub(super) fn paths<'p>(&'p self, found: &mut Vec<&'p KnownPath>) {
        fn of<'p>(expression: &'p Expression, found: &mut Vec<&'p KnownPath>) {
            match expression {
                Expression::Test(asked) => found.push(&asked.path),
                Expression::And(all) | Expression::Or(all) => all.iter().for_each(|one| of(one, found)),
            }
        }
        self.leaves.iter().for_each(|leaf| of(&leaf.expression, found));
    }

    /// Whether these observations together meet the pattern: each is bound at most as often as it was observed.
    ///
    /// ```
    /// use formats::stix_pattern::{Observation, Program};
    /// let seen = serde_json::json!([
    ///     {"type": "observed-data", "first_observed": "2026-11-23T09:30:00Z", "last_observed": "2026-11-23T09:30:00Z",
    ///      "number_observed": 3, "objects": {"0": {"type": "domain-name", "value": "c2.example"}}}]);
    /// let observations = Observation::read(seen.as_array().unwrap()).unwrap();
    /// let asks = |text| Program::parse(text).unwrap().matches(&observations);
    /// assert_eq!(asks("[domain-name:value = 'c2.example'] REPEATS 3 TIMES"), Ok(true));
    /// assert_eq!(asks("[domain-name:value = 'c2.example'] REPEATS 4 TIMES"), Ok(false));
    /// ```
    ///
    /// # Errors
    /// [`Unevaluated::Timestamp`] when a text is compared with a time and is none, [`Unevaluated::TooMany`] when the answer would take too long.
    pub fn matches<O: Observed>(&self, observations: &[O]) -> Result<bool, Unevaluated> {
        let work = Work::new();
        if let Node::Leaf(leaf) = self.node {
            let leaf = &self.leaves[leaf as usize];
            for observation in observations {
                if leaf.holds(observation, &work)? {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        search::holds(self, observations, &work)
    }
}

impl Leaf {
    pub(super) fn holds<O: Observed>(&self, observation: &O, work: &Work) -> Result<bool, Unevaluated> {
        let within = |(start, stop): &(Timestamp, Timestamp)| {
            start < stop && observation.span().is_some_and(|(first, last)| first < *stop && last >= *start)
        };
        if !self.windows.iter().all(within) {
            return Ok(false);
        }
        for object in 0..observation.objects() {
            if self.expression.holds(observation, object, work)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Expression {
    fn holds<O: Observed>(&self, observation: &O, object: usize, work: &Work) -> Result<bool, Unevaluated> {
        match self {
            Self::Test(asked) => asked.holds(observation, object, work),
            Self::And(all) => {
                for one in all {
                    if !one.holds(observation, object, work)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Or(all) => {
                for one in all {
                    if one.holds(observation, object, work)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }
}

impl Asked {
    fn holds<O: Observed>(&self, observation: &O, object: usize, work: &Work) -> Result<bool, Unevaluated> {
        work.step()?;
        if observation.object_type(object) != self.path.path.object_type {
            return Ok(false);
        }
        if matches!(self.test, Test::Exists) {
            return Ok(observation.exists(object, &self.path, work)? != self.negated);
        }
        observation.any(object, &self.path, work, &mut |value| {
            work.steps(self.test.cost(value))?;
            self.test.passes(self.negated, value)
        })
    }
}

struct Compiler<'a> {
    leaves: &'a mut Vec<Leaf>,
    paths: &'a mut dyn FnMut(ObjectPath) -> Arc<KnownPath>,
}

impl Compiler<'_> {
    /// `windows` are those of START and STOP around this expression: they bind every observation in it.
    fn node(&mut self, expression: &ObservationExpression, windows: &mut Vec<(Timestamp, Timestamp)>) -> Result<Node, Unusable> {
        let mut list = |all: &[ObservationExpression]| all.iter().map(|one| self.node(one, windows)).collect::<Result<Box<[_]>, _>>();
        Ok(match expression {
            ObservationExpression::One(comparison) => {
                let leaf = Leaf { expression: self.expression(comparison)?, windows: windows.as_slice().into() };
                self.leaves.push(leaf);
                Node::Leaf(u32::try_from(self.leaves.len() - 1).unwrap_or(u32::MAX))
            }
            ObservationExpression::And(all) => Node::And(list(all)?),
            ObservationExpression::Or(all) => Node::Or(list(all)?),
            ObservationExpression::FollowedBy(all) => Node::FollowedBy(list(all)?),
            ObservationExpression::Qualified(of, qualifiers) => {
                if qualifiers.len() > MOST_QUALIFIERS {
                    return Err(Unusable::Qualifiers);
                }
                let outer = windows.len();
                for qualifier in qualifiers {
                    if let Qualifier::StartStop { start, stop } = qualifier {
                        let time = |text: &str| moment(text).ok_or_else(|| Unusable::Timestamp(text.to_owned()));
                        windows.push((time(start)?, time(stop)?));
                    }
                }
                let node = self.node(of, windows);
                windows.truncate(outer);
                let mut node = node?;
                for qualifier in qualifiers {
                    let empty = || Unusable::EmptyQualifier(qualifier.to_string());
                    node = match *qualifier {
                        Qualifier::Repeats(times) => node.repeated(u64::try_from(times).ok().filter(|times| *times > 0).ok_or_else(empty)?),
                        Qualifier::Within(seconds) if seconds > 0.0 => {
                            node.within(SignedDuration::try_from_secs_f64(seconds).unwrap_or(SignedDuration::MAX))
                        }
                        Qualifier::Within(_) => return Err(empty()),
                        Qualifier::StartStop { .. } => node,
                    };
                }
                node
            }
        })
    }

    fn expression(&mut self, comparison: &Comparison) -> Result<Expression, Unusable> {
        let mut list = |all: &[Comparison]| all.iter().map(|one| self.expression(one)).collect::<Result<Box<[_]>, _>>();
        Ok(match comparison {
            Comparison::And(all) => Expression::And(list(all)?),
            Comparison::Or(all) => Expression::Or(list(all)?),
            Comparison::Test(PropertyTest { path, negated, operation }) => {
                let test = Test::new(path, operation)?;
                Expression::Test(Asked { path: (self.paths)(path.clone()), negated: *negated, test })
            }
        })
    }
}
