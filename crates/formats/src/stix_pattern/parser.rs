//! Does the text follow the grammar of STIX patterns, and where not? By recursive descent, never deeper than [`MOST_DEPTH`].

use super::lexer::{Lexer, Token, is_timestamp};
use super::pattern::{
    Comparison, Constant, ObjectPath, ObservationExpression, Operation, Order, Pattern, PropertyTest, Qualifier, Step, Version,
};
use super::{MOST_BYTES, MOST_DEPTH, MOST_PATH_STEPS};

/// Why a text is no pattern, and where.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}, column {column}: {why}")]
pub struct Malformed {
    /// Bytes from the beginning.
    pub offset: usize,
    /// From 1.
    pub line: usize,
    /// Characters, from 1.
    pub column: usize,
    pub why: String,
}

struct Parser<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    token: Token<'a>,
    /// Where the token begins.
    at: usize,
    depth: usize,
    version: Version,
}

type Read<T> = Result<T, (usize, String)>;

pub(super) fn parse(text: &str, version: Version) -> Result<Pattern, Malformed> {
    parse_whole(text, version, |parser| Ok(Pattern { expression: parser.observations()? }))
}

fn parse_whole<'a, T>(text: &'a str, version: Version, what: impl FnOnce(&mut Parser<'a>) -> Read<T>) -> Result<T, Malformed> {
    let read = || {
        if text.len() > MOST_BYTES {
            return Err((0, format!("{} bytes are too much for a pattern", text.len())));
        }
        let mut lexer = Lexer::new(text);
        let (at, token) = lexer.next()?;
        let mut parser = Parser { text, lexer, token, at, depth: 0, version };
        let read = what(&mut parser)?;
        if parser.token == Token::End { Ok(read) } else { Err(parser.unexpected("an operator, a qualifier or the end")) }
    };
    read().map_err(|(offset, why)| {
        let before = &text[..offset];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Malformed { offset, line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1, why }
    })
}

impl<'a> Parser<'a> {
    fn advance(&mut self) -> Read<Token<'a>> {
        let (at, token) = self.lexer.next()?;
        self.at = at;
        Ok(std::mem::replace(&mut self.token, token))
    }

    /// Goes on when this keyword or sign stands here.
    fn eat(&mut self, word: &str) -> Read<bool> {
        let here = matches!(self.token, Token::Word(here) if here == word);
        if here {
            self.advance()?;
        }
        Ok(here)
    }

    fn expect(&mut self, word: &str) -> Read<()> {
        if self.eat(word)? { Ok(()) } else { Err(self.unexpected(&format!("{word:?}"))) }
    }

    fn unexpected(&self, expected: &str) -> (usize, String) {
        let rest = &self.text[self.at..];
        let shown = match &self.token {
            Token::End => return (self.at, format!("the pattern ends where {expected} is expected")),
            Token::Word(word) => word,
            Token::Identifier(word) | Token::Hyphenated(word) => word,
            _ => rest.split(|c: char| c.is_whitespace() || matches!(c, ']' | ')' | ',')).next().unwrap_or_default(),
        };
        let shown: String = shown.chars().take(60).collect();
        (self.at, format!("{shown:?} stands where {expected} is expected"))
    }

    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        if self.depth == MOST_DEPTH {
            return Err((self.at, format!("more than {MOST_DEPTH} parentheses stand in one another")));
        }
        self.depth += 1;
        let read = inner(self);
        self.depth -= 1;
        read
    }

    /// Operands with a word between them: one alone, or the list.
    fn list<T>(&mut self, word: &str, one: fn(&mut Self) -> Read<T>, many: fn(Vec<T>) -> T) -> Read<T> {
        let first = one(self)?;
        if !matches!(self.token, Token::Word(here) if here == word) {
            return Ok(first);
        }
        let mut all = vec![first];
        while self.eat(word)? {
            all.push(one(self)?);
        }
        Ok(many(all))
    }

    fn observations(&mut self) -> Read<ObservationExpression> {
        self.list("FOLLOWEDBY", Self::observations_or, ObservationExpression::FollowedBy)
    }

    fn observations_or(&mut self) -> Read<ObservationExpression> {
        self.list("OR", Self::observations_and, ObservationExpression::Or)
    }

    fn observations_and(&mut self) -> Read<ObservationExpression> {
        self.list("AND", Self::observation, ObservationExpression::And)
    }

    fn observation(&mut self) -> Read<ObservationExpression> {
        let expression = if self.eat("[")? {
            let comparison = self.comparison_or()?;
            self.expect("]")?;
            ObservationExpression::One(comparison)
        } else if self.eat("(")? {
            let inner = self.deeper(Self::observations)?;
            self.expect(")")?;
            inner
        } else {
            return Err(self.unexpected("\"[\" or \"(\""));
        };
        let mut qualifiers = Vec::new();
        while let Some(qualifier) = self.qualifier()? {
            qualifiers.push(qualifier);
        }
        Ok(if qualifiers.is_empty() { expression } else { ObservationExpression::Qualified(Box::new(expression), qualifiers) })
    }

    fn qualifier(&mut self) -> Read<Option<Qualifier>> {
        let qualifier = if self.eat("REPEATS")? {
            let Token::Int(times @ 0..) = self.token else { return Err(self.unexpected("how many times")) };
            self.advance()?;
            self.expect("TIMES")?;
            Qualifier::Repeats(times)
        } else if self.eat("WITHIN")? {
            let seconds = match self.token {
                Token::Int(seconds @ 0..) => seconds as f64,
                Token::Float(seconds) if seconds >= 0.0 && seconds.is_sign_positive() => seconds,
                _ => return Err(self.unexpected("how many seconds")),
            };
            self.advance()?;
            self.expect("SECONDS")?;
            Qualifier::Within(seconds)
        } else if self.eat("START")? {
            let start = self.time()?;
            self.expect("STOP")?;
            Qualifier::StartStop { start, stop: self.time()? }
        } else {
            return Ok(None);
        };
        Ok(Some(qualifier))
    }

    fn time(&mut self) -> Read<String> {
        let text = match (&self.token, self.version) {
            (Token::Timestamp(text), _) => (*text).to_owned(),
            (Token::Text(text), Version::V20) if is_timestamp(text) => text.clone(),
            _ => return Err(self.unexpected("a timestamp such as t'2026-11-23T09:30:00Z'")),
        };
        self.advance()?;
        Ok(text)
    }

    fn comparison_or(&mut self) -> Read<Comparison> {
        self.list("OR", Self::comparison_and, Comparison::Or)
    }

    fn comparison_and(&mut self) -> Read<Comparison> {
        self.list("AND", Self::comparison, Comparison::And)
    }

    fn comparison(&mut self) -> Read<Comparison> {
        if self.eat("(")? {
            let inner = self.deeper(Self::comparison_or)?;
            self.expect(")")?;
            return Ok(inner);
        }
        let not_exists = self.eat("NOT")?;
        if self.eat("EXISTS")? {
            return Ok(Comparison::Test(PropertyTest { path: self.path()?, negated: not_exists, operation: Operation::Exists }));
        } else if not_exists {
            return Err(self.unexpected("EXISTS"));
        }
        let path = self.path()?;
        let negated = self.eat("NOT")?;
        Ok(Comparison::Test(PropertyTest { path, negated, operation: self.operation()? }))
    }

    fn operation(&mut self) -> Read<Operation> {
        let Token::Word(word) = self.token else { return Err(self.unexpected("an operator")) };
        let order = match word {
            "<" => Some(Order::Less),
            "<=" => Some(Order::LessOrEqual),
            ">" => Some(Order::Greater),
            ">=" => Some(Order::GreaterOrEqual),
            _ => None,
        };
        if !matches!(word, "=" | "!=" | "IN" | "LIKE" | "MATCHES" | "ISSUBSET" | "ISSUPERSET") && order.is_none() {
            return Err(self.unexpected("an operator"));
        }
        self.advance()?;
        if let Some(order) = order {
            if matches!(self.token, Token::Bool(_)) {
                return Err(self.unexpected("a constant that has an order"));
            }
            return Ok(Operation::Order(order, self.constant()?));
        }
        Ok(match word {
            "=" => Operation::Equal(self.constant()?),
            "!=" => Operation::NotEqual(self.constant()?),
            "IN" => Operation::In(self.set()?),
            "LIKE" => Operation::Like(self.string()?),
            "MATCHES" => Operation::Matches(self.string()?),
            "ISSUBSET" => Operation::IsSubset(self.string()?),
            _ => Operation::IsSuperset(self.string()?),
        })
    }

    fn set(&mut self) -> Read<Vec<Constant>> {
        self.expect("(")?;
        let mut constants = Vec::new();
        if self.eat(")")? {
            return Ok(constants);
        }
        loop {
            constants.push(self.constant()?);
            if !self.eat(",")? {
                self.expect(")")?;
                return Ok(constants);
            }
        }
    }

    fn string(&mut self) -> Read<String> {
        let Token::Text(text) = &mut self.token else { return Err(self.unexpected("a string")) };
        let text = std::mem::take(text);
        self.advance()?;
        Ok(text)
    }

    fn constant(&mut self) -> Read<Constant> {
        if !matches!(
            self.token,
            Token::Int(_) | Token::Float(_) | Token::Bool(_) | Token::Text(_) | Token::Hex(_) | Token::Binary(_) | Token::Timestamp(_)
        ) {
            return Err(self.unexpected("a constant"));
        }
        Ok(match self.advance()? {
            Token::Int(number) => Constant::Int(number),
            Token::Float(number) => Constant::Float(number),
            Token::Bool(yes) => Constant::Bool(yes),
            Token::Hex(bytes) => Constant::Hex(bytes),
            Token::Binary(bytes) => Constant::Binary(bytes),
            Token::Timestamp(text) => Constant::Timestamp(text.to_owned()),
            Token::Text(text) => Constant::Text(text),
            Token::Word(word) | Token::Identifier(word) | Token::Hyphenated(word) => Constant::Text(word.to_owned()),
            Token::End => Constant::Text(String::new()),
        })
    }

    fn path(&mut self) -> Read<ObjectPath> {
        let (Token::Identifier(object_type) | Token::Hyphenated(object_type)) = self.token else {
            return Err(self.unexpected("an object path such as ipv4-addr:value"));
        };
        self.advance()?;
        self.expect(":")?;
        let mut steps = vec![Step::Key(self.key()?)];
        loop {
            if steps.len() > MOST_PATH_STEPS {
                return Err((self.at, format!("an object path has more than {MOST_PATH_STEPS} steps")));
            }
            if self.eat(".")? {
                steps.push(Step::Key(self.key()?));
            } else if self.eat("[")? {
                let step = match self.token {
                    Token::Int(index) => Step::Index(index),
                    Token::Word("*") => Step::Any,
                    _ => return Err(self.unexpected("the number of a list element or \"*\"")),
                };
                self.advance()?;
                self.expect("]")?;
                steps.push(step);
            } else {
                return Ok(ObjectPath { object_type: object_type.to_owned(), steps });
            }
        }
    }

    fn key(&mut self) -> Read<String> {
        match self.token {
            Token::Identifier(word) => {
                self.advance()?;
                Ok(word.to_owned())
            }
            Token::Hyphenated(_) => Err(self.unexpected("a property name, which is quoted when it has a hyphen,")),
            Token::Text(_) => self.string(),
            _ => Err(self.unexpected("a property name")),
        }
    }
}

impl std::str::FromStr for ObjectPath {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        parse_whole(text, Version::V21, Parser::path)
    }
}
