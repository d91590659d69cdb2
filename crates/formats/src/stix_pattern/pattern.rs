//! What does a pattern say? Its tree, in the words of STIX 2.1 §9.

use super::parser::{self, Malformed};

/// Words that no property may be called unless it is quoted.
pub(super) const KEYWORDS: [&str; 19] = [
    "AND",
    "OR",
    "NOT",
    "FOLLOWEDBY",
    "LIKE",
    "MATCHES",
    "ISSUPERSET",
    "ISSUBSET",
    "EXISTS",
    "LAST",
    "IN",
    "START",
    "STOP",
    "SECONDS",
    "true",
    "false",
    "WITHIN",
    "REPEATS",
    "TIMES",
];

/// Letters, digits and underscores, not beginning with a digit; whether it is a keyword is another question.
pub(super) fn is_identifier(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && word.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
}

/// Whose spelling is read: STIX 2.0 writes the times of START and STOP as strings.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Version {
    V20,
    #[default]
    V21,
}

/// A pattern as it was read. Printing it gives a text that is read the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    pub expression: ObservationExpression,
}

/// What must have been observed. Lists of operands have two or more.
#[derive(Clone, Debug, PartialEq)]
pub enum ObservationExpression {
    /// `[…]`: one observation for which this holds.
    One(Comparison),
    And(Vec<ObservationExpression>),
    Or(Vec<ObservationExpression>),
    FollowedBy(Vec<ObservationExpression>),
    /// With one qualifier or more, in the order in which they stand.
    Qualified(Box<ObservationExpression>, Vec<Qualifier>),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Qualifier {
    Repeats(i64),
    /// Seconds.
    Within(f64),
    /// Texts of timestamps; from `start`, before `stop`.
    StartStop {
        start: String,
        stop: String,
    },
}

/// What must hold for one object of an observation. Lists of operands have two or more.
#[derive(Clone, Debug, PartialEq)]
pub enum Comparison {
    Test(PropertyTest),
    And(Vec<Comparison>),
    Or(Vec<Comparison>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct PropertyTest {
    pub path: ObjectPath,
    /// `NOT` stood before the operator.
    pub negated: bool,
    pub operation: Operation,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    Equal(Constant),
    NotEqual(Constant),
    Order(Order, Constant),
    In(Vec<Constant>),
    Like(String),
    Matches(String),
    IsSubset(String),
    IsSuperset(String),
    Exists,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// `type:step…`
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ObjectPath {
    pub object_type: String,
    /// Begins with a key.
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Step {
    Key(String),
    Index(i64),
    /// `[*]`: any element of the list.
    Any,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    Int(i64),
    Float(f64),
    Text(String),
    Bool(bool),
    /// The text between the quotes of `t'…'`.
    Timestamp(String),
    Hex(Vec<u8>),
    Binary(Vec<u8>),
}

/// How much of the language a reader must know (STIX 2.1 §12.6).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// One observation expression.
    One = 1,
    /// Joined by AND and OR.
    Two = 2,
    /// FOLLOWEDBY and qualifiers.
    Three = 3,
}

impl Pattern {
    /// Reads a pattern of STIX 2.1 by its grammar; [`Pattern::findings`] says what is wrong beyond it.
    ///
    /// ```
    /// use formats::stix_pattern::{Level, Pattern};
    /// let pattern = Pattern::parse("[ipv4-addr:value = '192.0.2.7' OR url:value LIKE '%/gate.php']").unwrap();
    /// assert_eq!(pattern.level(), Level::One);
    /// assert_eq!(Pattern::parse(&pattern.to_string()), Ok(pattern));
    /// let wrong = Pattern::parse("[ipv4-addr:value == ]").unwrap_err();
    /// assert_eq!(wrong.to_string(), "line 1, column 21: \"]\" stands where a constant is expected");
    /// ```
    ///
    /// # Errors
    /// With the place of the first thing that does not belong there, or the limit that is broken.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        Self::parse_version(text, Version::V21)
    }

    /// Reads a pattern in the spelling of this version.
    ///
    /// ```
    /// use formats::stix_pattern::{Pattern, Version};
    /// let old = "[url:value LIKE 'http%'] START '2026-01-01T00:00:00Z' STOP '2026-02-01T00:00:00Z'";
    /// assert!(Pattern::parse(old).is_err() && Pattern::parse_version(old, Version::V20).is_ok());
    /// ```
    ///
    /// # Errors
    /// As [`Pattern::parse`].
    pub fn parse_version(text: &str, version: Version) -> Result<Self, Malformed> {
        parser::parse(text, version)
    }

    /// Which level of conformance a reader of this pattern needs.
    ///
    /// ```
    /// use formats::stix_pattern::{Level, Pattern};
    /// assert_eq!(Pattern::parse("[url:value = 'a'] AND [url:value = 'b']").unwrap().level(), Level::Two);
    /// assert_eq!(Pattern::parse("[url:value = 'a'] REPEATS 5 TIMES").unwrap().level(), Level::Three);
    /// ```
    pub fn level(&self) -> Level {
        fn of(expression: &ObservationExpression) -> Level {
            match expression {
                ObservationExpression::One(_) => Level::One,
                ObservationExpression::And(all) | ObservationExpression::Or(all) => all.iter().map(of).fold(Level::Two, Level::max),
                ObservationExpression::FollowedBy(_) | ObservationExpression::Qualified(..) => Level::Three,
            }
        }
        of(&self.expression)
    }

    /// Every property test, in the order in which they stand.
    ///
    /// ```
    /// let pattern = formats::stix_pattern::Pattern::parse("[file:name = 'a' AND file:size > 1] OR [url:value = 'b']").unwrap();
    /// let paths: Vec<_> = pattern.tests().iter().map(|test| test.path.to_string()).collect();
    /// assert_eq!(paths, ["file:name", "file:size", "url:value"]);
    /// ```
    pub fn tests(&self) -> Vec<&PropertyTest> {
        fn compared<'a>(comparison: &'a Comparison, found: &mut Vec<&'a PropertyTest>) {
            match comparison {
                Comparison::Test(test) => found.push(test),
                Comparison::And(all) | Comparison::Or(all) => all.iter().for_each(|one| compared(one, found)),
            }
        }
        fn observed<'a>(expression: &'a ObservationExpression, found: &mut Vec<&'a PropertyTest>) {
            match expression {
                ObservationExpression::One(comparison) => compared(comparison, found),
                ObservationExpression::And(all) | ObservationExpression::Or(all) | ObservationExpression::FollowedBy(all) => {
                    all.iter().for_each(|one| observed(one, found));
                }
                ObservationExpression::Qualified(of, _) => observed(of, found),
            }
        }
        let mut found = Vec::new();
        observed(&self.expression, &mut found);
        found
    }
}
