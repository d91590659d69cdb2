//! How is a pattern written? So that it is read the same again, with parentheses only where they are needed.

use std::fmt::{self, Display, Formatter, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::pattern::{
    Comparison, Constant, KEYWORDS, Level, ObjectPath, ObservationExpression, Operation, Order, Pattern, PropertyTest, Qualifier, Step,
    is_identifier,
};

impl Display for Pattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.expression.fmt(f)
    }
}

/// The operands with the word between them; those that bind no tighter stand in parentheses.
fn joined<T: Display>(f: &mut Formatter<'_>, all: &[T], word: &str, bare: impl Fn(&T) -> bool) -> fmt::Result {
    for (at, one) in all.iter().enumerate() {
        if at > 0 {
            write!(f, " {word} ")?;
        }
        if bare(one) { one.fmt(f)? } else { write!(f, "({one})")? }
    }
    Ok(())
}

impl Display for Level {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "level {}", *self as u8)
    }
}

impl Display for ObservationExpression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        use ObservationExpression::{And, FollowedBy, One, Or, Qualified};
        match self {
            One(comparison) => write!(f, "[{comparison}]"),
            And(all) => joined(f, all, "AND", |one| matches!(one, One(_) | Qualified(..))),
            Or(all) => joined(f, all, "OR", |one| matches!(one, One(_) | Qualified(..) | And(_))),
            FollowedBy(all) => joined(f, all, "FOLLOWEDBY", |one| !matches!(one, FollowedBy(_))),
            Qualified(of, qualifiers) => {
                if matches!(**of, One(_)) {
                    of.fmt(f)?
                } else {
                    write!(f, "({of})")?
                }
                qualifiers.iter().try_for_each(|qualifier| write!(f, " {qualifier}"))
            }
        }
    }
}

impl Display for Qualifier {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repeats(times) => write!(f, "REPEATS {times} TIMES"),
            // A whole number has 64 bits; what is larger was written with a point.
            Self::Within(seconds) if *seconds >= 9e18 => write!(f, "WITHIN {seconds}.0 SECONDS"),
            Self::Within(seconds) => write!(f, "WITHIN {seconds} SECONDS"),
            Self::StartStop { start, stop } => write!(f, "START t'{start}' STOP t'{stop}'"),
        }
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Test(test) => test.fmt(f),
            Self::And(all) => joined(f, all, "AND", |one| matches!(one, Self::Test(_))),
            Self::Or(all) => joined(f, all, "OR", |one| !matches!(one, Self::Or(_))),
        }
    }
}

impl Display for PropertyTest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { path, negated, operation } = self;
        let not = if *negated { "NOT " } else { "" };
        if matches!(operation, Operation::Exists) {
            return write!(f, "{not}EXISTS {path}");
        }
        write!(f, "{path} {not}")?;
        match operation {
            Operation::Equal(constant) => write!(f, "= {constant}"),
            Operation::NotEqual(constant) => write!(f, "!= {constant}"),
            Operation::Order(order, constant) => write!(f, "{order} {constant}"),
            Operation::In(constants) => {
                f.write_str("IN (")?;
                for (at, constant) in constants.iter().enumerate() {
                    write!(f, "{}{constant}", if at > 0 { ", " } else { "" })?;
                }
                f.write_char(')')
            }
            Operation::Like(text) => like_word(f, "LIKE", text),
            Operation::Matches(text) => like_word(f, "MATCHES", text),
            Operation::IsSubset(text) => like_word(f, "ISSUBSET", text),
            Operation::IsSuperset(text) => like_word(f, "ISSUPERSET", text),
            Operation::Exists => Ok(()),
        }
    }
}

fn like_word(f: &mut Formatter<'_>, word: &str, text: &str) -> fmt::Result {
    write!(f, "{word} ").and_then(|()| quoted(f, text))
}

impl Display for Order {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        })
    }
}

impl Display for ObjectPath {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.object_type)?;
        for (at, step) in self.steps.iter().enumerate() {
            match step {
                Step::Key(key) => {
                    f.write_char(if at == 0 { ':' } else { '.' })?;
                    if is_identifier(key) && !KEYWORDS.contains(&key.as_str()) { f.write_str(key)? } else { quoted(f, key)? }
                }
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Any => f.write_str("[*]")?,
            }
        }
        Ok(())
    }
}

impl Display for Constant {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => write!(f, "{number}"),
            // Never with an exponent, which the grammar does not know.
            Self::Float(number) if number.fract() == 0.0 => write!(f, "{number}.0"),
            Self::Float(number) => write!(f, "{number}"),
            Self::Text(text) => quoted(f, text),
            Self::Bool(yes) => write!(f, "{yes}"),
            Self::Timestamp(text) => write!(f, "t'{text}'"),
            Self::Hex(bytes) => {
                f.write_str("h'")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_char('\'')
            }
            Self::Binary(bytes) => write!(f, "b'{}'", BASE64.encode(bytes)),
        }
    }
}

fn quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('\'')?;
    for c in text.chars() {
        if matches!(c, '\'' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    f.write_char('\'')
}
