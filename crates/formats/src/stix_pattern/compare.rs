//! Does one value pass one comparison? The tables of STIX 2.1 §9.6: numbers with numbers, texts with texts and bytes, and what
//! cannot be compared is unequal and in no order.

use std::borrow::Cow;
use std::cmp::Ordering;

use icu_normalizer::ComposingNormalizerBorrowed;
use jiff::Timestamp;
use memchr::memmem;
use regex_syntax::hir::{Hir, HirKind};

use super::check::kind;
use super::lexer::is_timestamp;
use super::network::Network;
use super::pattern::{Constant, ObjectPath, Operation, Order, Step};
use super::program::{Unevaluated, Unusable};

/// A value that a path leads to.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar<'a> {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
    /// At a path that ends in `_bin` or `_hex`; elsewhere MATCHES finds nothing in it.
    Bytes(Cow<'a, [u8]>),
    /// `null`, a list or an object: there, but comparable with nothing.
    Other,
}

/// A comparison made ready: literals are read, expressions compiled.
#[derive(Debug)]
pub(super) enum Test {
    Equal(Literal),
    NotEqual(Literal),
    Order(Order, Literal),
    In(Box<[Literal]>),
    Like(Like),
    Matches(Box<Expressions>),
    IsSubset(Network),
    IsSuperset(Network),
    Exists,
}

#[derive(Debug)]
pub(super) enum Literal {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Box<str>),
    Bytes(Box<[u8]>),
    Time(Timestamp),
}

/// Parts between `%`, each to be found after the one before; `_` needs an expression.
#[derive(Debug)]
pub(super) enum Like {
    Parts { parts: Box<[Box<str>]>, latin: bool },
    Expression { text: Box<regex::Regex>, literal: Box<str>, latin: bool, weight: u32 },
}

#[derive(Debug)]
pub(super) struct Expressions {
    text: regex::Regex,
    weight: u32,
    /// What every text that matches has in it; ASCII, perhaps empty.
    pub(super) literal: Box<str>,
    /// For bytes; `None` when the path leads to none, or the expression has characters that are no bytes.
    bytes: Option<regex::bytes::Regex>,
}

/// Most bytes a compiled expression may take, and the steps of search it is worth for each 64 bytes of text: an expression asks at
/// most all its states of each byte.
const SIZES: [(usize, u32); 4] = [(1 << 14, 32), (1 << 16, 128), (1 << 18, 512), (1 << 20, 2048)];
/// Most bytes it may take to be fast: there can be many thousands of them.
const MOST_CACHE_BYTES: usize = 1 << 16;

/// Canonical composition, which LIKE and MATCHES compare by (§9.6).
pub(super) fn composed(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { ComposingNormalizerBorrowed::new_nfc().normalize(text) }
}

/// The moment a timestamp text names, exactly as STIX writes it; `None` for a day or a spelling that is none.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    if !is_timestamp(text) {
        return None;
    }
    crate::time::read(text).map(|moment| moment.at)
}

fn latin(text: &str) -> bool {
    text.chars().all(|c| u32::from(c) < 256)
}

/// The text as bytes, one for each character; `None` when a character is none.
pub(super) fn latin_bytes(text: &str) -> Option<Cow<'_, [u8]>> {
    if text.is_ascii() {
        return Some(Cow::Borrowed(text.as_bytes()));
    }
    text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect::<Option<Vec<u8>>>().map(Cow::Owned)
}

impl Literal {
    pub(super) fn new(constant: &Constant) -> Result<Self, Unusable> {
        Ok(match constant {
            Constant::Int(number) => Self::Int(*number),
            Constant::Float(number) => Self::Float(*number),
            Constant::Text(text) => Self::Text(text.as_str().into()),
            Constant::Bool(yes) => Self::Bool(*yes),
            Constant::Hex(bytes) | Constant::Binary(bytes) => Self::Bytes(bytes.as_slice().into()),
            Constant::Timestamp(text) => Self::Time(moment(text).ok_or_else(|| Unusable::Timestamp(text.clone()))?),
        })
    }

    /// How the value stands to the literal; `None` when they cannot be compared.
    fn order(&self, value: &Scalar<'_>) -> Result<Option<Ordering>, Unevaluated> {
        Ok(match (self, value) {
            (Self::Int(literal), Scalar::Int(value)) => Some(value.cmp(literal)),
            (Self::Int(literal), Scalar::Float(value)) => value.partial_cmp(&(*literal as f64)),
            (Self::Float(literal), Scalar::Int(value)) => (*value as f64).partial_cmp(literal),
            (Self::Float(literal), Scalar::Float(value)) => value.partial_cmp(literal),
            (Self::Text(literal), Scalar::Text(value)) => Some((*value).cmp(literal)),
            (Self::Bytes(literal), Scalar::Bytes(value)) => Some((**value).cmp(literal)),
            (Self::Text(literal), Scalar::Bytes(value)) => latin_bytes(literal).map(|literal| (**value).cmp(&literal)),
            (Self::Bytes(literal), Scalar::Text(value)) => latin_bytes(value).map(|value| (*value).cmp(literal)),
            (Self::Time(literal), Scalar::Text(value)) => {
                let value = moment(value).ok_or_else(|| Unevaluated::Timestamp(value.chars().take(60).collect()))?;
                Some(value.cmp(literal))
            }
            (Self::Bool(literal), Scalar::Bool(value)) => Some(value.cmp(literal)),
            _ => None,
        })
    }

    fn equals(&self, value: &Scalar<'_>) -> Result<bool, Unevaluated> {
        // The usual case, without asking which of two texts is the smaller.
        if let (Self::Text(literal), Scalar::Text(value)) = (self, value) {
            return Ok(**literal == **value);
        }
        Ok(self.order(value)? == Some(Ordering::Equal))
    }

    /// Whether an order can exist between the two kinds at all.
    fn has_order(&self, value: &Scalar<'_>) -> bool {
        matches!(
            (self, value),
            (Self::Int(_) | Self::Float(_), Scalar::Int(_) | Scalar::Float(_))
                | (Self::Text(_) | Self::Bytes(_), Scalar::Text(_) | Scalar::Bytes(_))
                | (Self::Time(_), Scalar::Text(_))
        )
    }
}

impl Like {
    fn new(text: &str) -> Result<Self, Unusable> {
        let text = composed(text);
        let latin = latin(&text);
        if !text.contains('_') {
            return Ok(Self::Parts { parts: text.split('%').map(Into::into).collect(), latin });
        }
        let mut expression = String::from("^");
        for c in text.chars() {
            match c {
                '%' => expression.push_str(".*"),
                '_' => expression.push('.'),
                c => expression.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
            }
        }
        expression.push('$');
        let (expression, weight) = sized(|size| {
            let mut builder = regex::RegexBuilder::new(&expression);
            builder.dot_matches_new_line(true).size_limit(size).dfa_size_limit(MOST_CACHE_BYTES).build()
        })
        .map_err(|e| Unusable::expression(&text, &e))?;
        let literal = text.split(['%', '_']).max_by_key(|part| part.len()).unwrap_or_default().into();
        Ok(Self::Expression { text: Box::new(expression), literal, latin, weight })
    }

    fn holds(&self, value: &str) -> bool {
        let value = composed(value);
        let parts = match self {
            Self::Expression { text, .. } => return text.is_match(&value),
            Self::Parts { parts, .. } => parts,
        };
        let [first, middle @ .., last] = &**parts else { return parts.first().is_some_and(|only| **only == *value) };
        let Some(mut rest) = value.strip_prefix(&**first) else { return false };
        for part in middle {
            let Some(at) = memmem::find(rest.as_bytes(), part.as_bytes()) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(&**last)
    }
}

/// Compiles within the smallest size that is enough.
fn sized<T>(build: impl Fn(usize) -> Result<T, regex::Error>) -> Result<(T, u32), regex::Error> {
    let [smaller @ .., (largest, most)] = SIZES;
    for (size, weight) in smaller {
        match build(size) {
            Err(regex::Error::CompiledTooBig(_)) => {}
            built => return Ok((built?, weight)),
        }
    }
    Ok((build(largest)?, most))
}

impl Expressions {
    fn new(text: &str, of_bytes: bool) -> Result<Self, Unusable> {
        let text = composed(text);
        let build = |size| regex::RegexBuilder::new(&text).size_limit(size).dfa_size_limit(MOST_CACHE_BYTES).build();
        let (compiled, weight) = sized(build).map_err(|e| Unusable::expression(&text, &e))?;
        let bytes = (of_bytes && latin(&text)).then(|| {
            // A character stands for the byte of its number.
            let mut plain = String::with_capacity(text.len());
            for c in text.chars() {
                if c.is_ascii() { plain.push(c) } else { plain.push_str(&format!("\\x{:02x}", u32::from(c))) }
            }
            regex::bytes::RegexBuilder::new(&plain)
                .unicode(false)
                .size_limit(SIZES[SIZES.len() - 1].0)
                .dfa_size_limit(MOST_CACHE_BYTES)
                .build()
                .ok()
        });
        Ok(Self { text: compiled, weight, literal: necessary(&text).into(), bytes: bytes.flatten() })
    }
}

/// The longest ASCII text that stands in everything the expression matches, as far as it is easily seen.
fn necessary(expression: &str) -> String {
    fn longest(hir: &Hir, run: &mut String, best: &mut String) {
        match hir.kind() {
            HirKind::Literal(literal) if literal.0.is_ascii() => return run.extend(literal.0.iter().map(|byte| char::from(*byte))),
            HirKind::Capture(capture) => return longest(&capture.sub, run, best),
            HirKind::Concat(all) => return all.iter().for_each(|one| longest(one, run, best)),
            HirKind::Look(_) | HirKind::Empty => return,
            HirKind::Repetition(repetition) if repetition.min > 0 => {
                end(run, best);
                longest(&repetition.sub, run, best);
            }
            _ => {}
        }
        end(run, best);
    }
    fn end(run: &mut String, best: &mut String) {
        if run.len() > best.len() {
            std::mem::swap(run, best);
        }
        run.clear();
    }
    let Ok(hir) = regex_syntax::parse(expression) else { return String::new() };
    let (mut run, mut best) = (String::new(), String::new());
    longest(&hir, &mut run, &mut best);
    end(&mut run, &mut best);
    best
}

impl Test {
    pub(super) fn new(path: &ObjectPath, operation: &Operation) -> Result<Self, Unusable> {
        let network = |text: &str| Network::read(text).ok_or_else(|| Unusable::Network(text.chars().take(60).collect()));
        Ok(match operation {
            Operation::Equal(constant) => Self::Equal(Literal::new(constant)?),
            Operation::NotEqual(constant) => Self::NotEqual(Literal::new(constant)?),
            Operation::Order(order, constant) => Self::Order(*order, Literal::new(constant)?),
            Operation::In(constants) => {
                if constants.windows(2).any(|pair| kind(&pair[0]) != kind(&pair[1])) {
                    return Err(Unusable::MixedSet);
                }
                Self::In(constants.iter().map(Literal::new).collect::<Result<_, _>>()?)
            }
            Operation::Like(text) => Self::Like(Like::new(text)?),
            Operation::Matches(text) => {
                let key = path.steps.iter().rev().find_map(|step| if let Step::Key(key) = step { Some(key) } else { None });
                let of_bytes = key.is_some_and(|key| key.ends_with("_bin") || key.ends_with("_hex"));
                Self::Matches(Box::new(Expressions::new(text, of_bytes)?))
            }
            Operation::IsSubset(text) => Self::IsSubset(network(text)?),
            Operation::IsSuperset(text) => Self::IsSuperset(network(text)?),
            Operation::Exists => Self::Exists,
        })
    }

    /// The steps of search that asking this value is worth.
    pub(super) fn cost(&self, value: &Scalar<'_>) -> u64 {
        let weight = match self {
            Self::Matches(expressions) => expressions.weight,
            Self::Like(Like::Expression { weight, .. }) => *weight,
            _ => return 0,
        };
        let length = match value {
            Scalar::Text(text) => text.len(),
            Scalar::Bytes(bytes) => bytes.len(),
            _ => 0,
        };
        length as u64 * u64::from(weight) / 64
    }

    /// Whether the value passes, `negated` by NOT. What has no order is in none, with NOT or without.
    pub(super) fn passes(&self, negated: bool, value: &Scalar<'_>) -> Result<bool, Unevaluated> {
        let passes = match self {
            Self::Equal(literal) => literal.equals(value)?,
            Self::NotEqual(literal) => !literal.equals(value)?,
            Self::Order(order, literal) => {
                if !literal.has_order(value) {
                    return Ok(false);
                }
                let found = literal.order(value)?;
                found.is_some_and(|found| match order {
                    Order::Less => found.is_lt(),
                    Order::LessOrEqual => found.is_le(),
                    Order::Greater => found.is_gt(),
                    Order::GreaterOrEqual => found.is_ge(),
                })
            }
            Self::In(literals) => {
                let mut found = false;
                for literal in literals {
                    if literal.equals(value)? {
                        found = true;
                        break;
                    }
                }
                found
            }
            Self::Like(like) => match value {
                Scalar::Text(text) => like.holds(text),
                Scalar::Bytes(bytes) => like.latin() && std::str::from_utf8(bytes).is_ok_and(|text| like.holds(text)),
                _ => false,
            },
            Self::Matches(expressions) => match value {
                Scalar::Text(text) => expressions.text.is_match(&composed(text)),
                Scalar::Bytes(bytes) => expressions.bytes.as_ref().is_some_and(|expression| expression.is_match(bytes)),
                _ => false,
            },
            Self::IsSubset(network) => as_network(value).is_some_and(|value| network.holds(&value)),
            Self::IsSuperset(network) => as_network(value).is_some_and(|value| value.holds(network)),
            Self::Exists => true,
        };
        Ok(passes != negated)
    }
}

impl Like {
    /// All its characters are bytes.
    fn latin(&self) -> bool {
        match self {
            Self::Parts { latin, .. } | Self::Expression { latin, .. } => *latin,
        }
    }
}

pub(super) fn as_network(value: &Scalar<'_>) -> Option<Network> {
    match value {
        Scalar::Text(text) => Network::read(text),
        _ => None,
    }
}
