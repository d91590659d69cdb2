//! Which words does the text of a pattern consist of? The lexer rules of the published grammar: the longest rule wins, keywords are upper case.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::pattern::{KEYWORDS, is_identifier};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// A keyword or an operator sign.
    Word(&'static str),
    Identifier(&'a str),
    /// With a hyphen: only object types may have one.
    Hyphenated(&'a str),
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    Hex(Vec<u8>),
    Binary(Vec<u8>),
    Timestamp(&'a str),
    End,
}

pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

const SIGNS: [&str; 15] = ["==", "!=", "<>", "<=", ">=", "=", "<", ">", ":", ".", ",", ")", "(", "]", "["];

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next token with where it begins; or where the text is no token, and why.
    pub(super) fn next(&mut self) -> Result<(usize, Token<'a>), (usize, String)> {
        self.skip_space();
        let start = self.at;
        let rest = &self.text[start..];
        let Some(first) = rest.chars().next() else { return Ok((start, Token::End)) };
        let token = match first {
            '\'' => self.quoted(start),
            'h' | 'b' | 't' if rest[1..].starts_with('\'') => self.prefixed(first),
            'a'..='z' | 'A'..='Z' | '_' => Ok(self.word()),
            '0'..='9' | '+' | '-' => self.number(),
            '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => self.number(),
            '*' => Ok(self.take("*")),
            _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => Ok(self.take(sign)),
                None => Err(format!("{first:?} has no meaning here")),
            },
        };
        token.map(|token| (start, token)).map_err(|why| (start, why))
    }

    fn take(&mut self, sign: &'static str) -> Token<'a> {
        self.at += sign.len();
        Token::Word(match sign {
            "==" => "=",
            "<>" => "!=",
            _ => sign,
        })
    }

    fn skip_space(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let skipped = if let Some(comment) = rest.strip_prefix("/*") {
                comment.find("*/").map_or(0, |end| end + 4)
            } else if rest.starts_with("//") {
                rest.find(['\r', '\n']).unwrap_or(rest.len())
            } else {
                rest.chars().next().filter(|c| is_space(*c)).map_or(0, char::len_utf8)
            };
            if skipped == 0 {
                return;
            }
            self.at += skipped;
        }
    }

    fn word(&mut self) -> Token<'a> {
        let rest = &self.text[self.at..];
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').unwrap_or(rest.len());
        let word = &rest[..length];
        self.at += length;
        if let Some(keyword) = KEYWORDS.iter().find(|keyword| **keyword == word) {
            return match *keyword {
                "true" => Token::Bool(true),
                "false" => Token::Bool(false),
                keyword => Token::Word(keyword),
            };
        }
        if is_identifier(word) { Token::Identifier(word) } else { Token::Hyphenated(word) }
    }

    fn number(&mut self) -> Result<Token<'a>, String> {
        let rest = &self.text[self.at..];
        let signed = usize::from(rest.starts_with(['+', '-']));
        let digits = |from: usize| rest[from..].bytes().take_while(u8::is_ascii_digit).count();
        let whole = digits(signed);
        let fraction = if rest[signed + whole..].starts_with('.') { digits(signed + whole + 1) } else { 0 };
        if fraction > 0 {
            let text = &rest[..signed + whole + 1 + fraction];
            self.at += text.len();
            let number: f64 = text.parse().map_err(|_| format!("{text} is not a number"))?;
            return if number.is_finite() { Ok(Token::Float(number)) } else { Err("the number is too large".to_owned()) };
        }
        if whole == 0 {
            return Err(format!("{:?} has no meaning here", &rest[..signed]));
        }
        // A leading zero is a number of its own, and then a second number follows, which no rule allows.
        if whole > 1 && rest[signed..].starts_with('0') {
            return Err("a whole number does not begin with 0".to_owned());
        }
        let text = &rest[..signed + whole];
        self.at += text.len();
        text.parse().map(Token::Int).map_err(|_| "the whole number does not fit into 64 bits".to_owned())
    }

    /// What stands between quotes, unescaped; `at` goes behind the closing quote.
    fn quoted(&mut self, start: usize) -> Result<Token<'a>, String> {
        let mut text = String::new();
        let mut chars = self.text[start + 1..].char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\'' => {
                    self.at = start + 1 + at + 1;
                    return Ok(Token::Text(text));
                }
                '\\' => match chars.next() {
                    Some((_, escaped @ ('\'' | '\\'))) => text.push(escaped),
                    _ => return Err(r"a backslash in a string must be written \\, a quote \'".to_owned()),
                },
                c => text.push(c),
            }
        }
        Err("the string has no closing quote".to_owned())
    }

    fn prefixed(&mut self, kind: char) -> Result<Token<'a>, String> {
        let inner = &self.text[self.at + 2..];
        let inner = &inner[..inner.find('\'').ok_or("the constant has no closing quote")?];
        let token = match kind {
            'h' => hex(inner.as_bytes()).map(Token::Hex).ok_or("h'…' holds pairs of hexadecimal digits"),
            'b' if !inner.is_empty() => BASE64.decode(inner).map(Token::Binary).map_err(|_| "b'…' holds Base64 with padding"),
            't' if is_timestamp(inner) => Ok(Token::Timestamp(inner)),
            't' => Err("t'…' holds a time such as t'2026-11-23T09:30:00Z'"),
            _ => Err("b'…' holds Base64 and is not empty"),
        }?;
        self.at += 2 + inner.len() + 1;
        Ok(token)
    }
}

/// The bytes that pairs of hexadecimal digits write.
pub(super) fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |c: u8| (c as char).to_digit(16);
    digits.len().is_multiple_of(2).then_some(())?;
    digits.chunks_exact(2).map(|pair| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8)).collect()
}

/// As the grammar has it; whether the month has that day is asked when the pattern is compiled.
pub(super) fn is_timestamp(text: &str) -> bool {
    let b = text.as_bytes();
    let shape = b"dddd-dd-ddTdd:dd:dd";
    let fits = |(c, s): (&u8, &u8)| if *s == b'd' { c.is_ascii_digit() } else { c == s };
    if b.len() < shape.len() + 1 || !b.iter().zip(shape).all(fits) {
        return false;
    }
    let two = |at: usize| (b[at] - b'0') * 10 + (b[at + 1] - b'0');
    let fraction = match &b[shape.len()..] {
        [b'Z'] => true,
        [b'.', digits @ .., b'Z'] => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    fraction && (1..=12).contains(&two(5)) && (1..=31).contains(&two(8)) && two(11) < 24 && two(14) < 60 && two(17) <= 60
}

fn is_space(c: char) -> bool {
    matches!(
        c,
        ' ' | '\t' | '\r' | '\n' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{a0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200a}' | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}
