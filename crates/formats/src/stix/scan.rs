//! Where does each value of a JSON text begin and end, and is it JSON that every reader understands in the same way?
//!
//! One pass over the bytes, nothing built. STIX 2.1 §2.1 and TAXII 2.1 §1.6.1 ask for I-JSON (RFC 7493): UTF-8, no name twice in an
//! object, no surrogate alone, integers within ±(2^53-1).

use std::borrow::Cow;

/// Largest integer that every reader keeps exactly (RFC 7493 §2.2).
pub(crate) const INTEGER_LIMIT: u64 = (1 << 53) - 1;

/// Nesting that is never followed deeper, whatever a caller allows: it is followed by recursion.
const DEPTH_CEILING: u32 = 500;

/// What is wrong with a JSON text.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Problem {
    #[error("not UTF-8")]
    NotUtf8,
    #[error("expected {0}")]
    Expected(&'static str),
    #[error("nested deeper than {0}")]
    TooDeep(u32),
    #[error("more than {0} objects")]
    TooManyObjects(usize),
    #[error("an object of {size} bytes, longer than the limit of {limit}")]
    TooLong { size: usize, limit: usize },
    #[error("property {0:?} stands twice in one object")]
    Duplicate(String),
    #[error("integer {0} is beyond 2^53-1")]
    IntegerTooLarge(String),
    #[error("number {0} is beyond what a double can hold")]
    NumberTooLarge(String),
    #[error("a surrogate that stands alone")]
    LoneSurrogate,
}

/// A problem and the byte it was found at.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{problem} (byte {offset})")]
pub struct Fault {
    pub offset: usize,
    pub problem: Problem,
}

/// A string as it stands between its quotes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    pub(crate) raw: &'a str,
    pub(crate) escaped: bool,
}

impl<'a> Text<'a> {
    pub(crate) fn decoded(self) -> Cow<'a, str> {
        if self.escaped { Cow::Owned(unescape(self.raw)) } else { Cow::Borrowed(self.raw) }
    }

    pub(crate) fn is(self, other: &str) -> bool {
        if self.escaped { unescape(self.raw) == other } else { self.raw == other }
    }
}

/// What a value is, told from its first byte.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Object,
    List,
    Text,
    Number,
    Bool,
    Null,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::List => "list",
            Self::Text => "string",
            Self::Number => "number",
            Self::Bool => "boolean",
            Self::Null => "null",
        }
    }
}

/// Goes through a JSON text, value by value.
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    pub(crate) at: usize,
    depth: u32,
    depth_limit: u32,
    /// Also what RFC 7493 adds to the grammar is asked for.
    strict: bool,
    /// Integers beyond 2^53-1 stand for the double nearest to them.
    pub(crate) wide_integers: bool,
    /// Names in the objects now open.
    names: Vec<Text<'a>>,
    /// Where in `names` each object now open begins.
    bases: Vec<usize>,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(bytes: &'a [u8], depth_limit: u32, strict: bool) -> Result<Self, Fault> {
        let text = std::str::from_utf8(bytes).map_err(|error| Fault { offset: error.valid_up_to(), problem: Problem::NotUtf8 })?;
        Ok(Self {
            text,
            at: 0,
            depth: 0,
            depth_limit: depth_limit.min(DEPTH_CEILING),
            strict,
            wide_integers: false,
            names: Vec::new(),
            bases: Vec::new(),
        })
    }

    pub(crate) fn fault(&self, problem: Problem) -> Fault {
        Fault { offset: self.at, problem }
    }

    fn expected(&self, what: &'static str) -> Fault {
        self.fault(Problem::Expected(what))
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    pub(crate) fn slice(&self, from: usize) -> &'a str {
        self.text.get(from..self.at).unwrap_or_default()
    }

    /// Where a slice of this text stands in it.
    pub(crate) fn offset_of(&self, slice: &str) -> Option<usize> {
        let offset = (slice.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        (offset + slice.len() <= self.text.len()).then_some(offset)
    }

    /// Another scanner that stands at the same place.
    pub(crate) fn ahead(&self) -> Scanner<'a> {
        Scanner { names: Vec::new(), bases: Vec::new(), ..*self }
    }

    /// Nothing but white space follows.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { Err(self.expected("the end of the text")) }
    }

    /// What comes next; the scanner then stands at its first byte.
    pub(crate) fn kind(&mut self) -> Result<Kind, Fault> {
        self.space();
        match self.byte() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::List),
            Some(b'"') => Ok(Kind::Text),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't' | b'f') => Ok(Kind::Bool),
            Some(b'n') => Ok(Kind::Null),
            _ => Err(self.expected("a value")),
        }
    }

    fn deeper(&mut self) -> Result<(), Fault> {
        if self.depth == self.depth_limit {
            return Err(self.fault(Problem::TooDeep(self.depth_limit)));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    pub(crate) fn enter_object(&mut self) -> Result<(), Fault> {
        if self.byte() != Some(b'{') {
            return Err(self.expected("an object"));
        }
        self.deeper()?;
        if self.strict {
            self.bases.push(self.names.len());
        }
        Ok(())
    }

    /// The next name in the object entered, the scanner then standing before its value; `None` at the end.
    pub(crate) fn name(&mut self, first: &mut bool) -> Result<Option<Text<'a>>, Fault> {
        self.space();
        match self.byte() {
            Some(b'}') => {
                if self.strict {
                    self.no_name_twice()?;
                }
                self.at += 1;
                self.depth -= 1;
                return Ok(None);
            }
            Some(b',') if !*first => {
                self.at += 1;
                self.space();
            }
            _ if !*first => return Err(self.expected("a comma or the end of the object")),
            _ => {}
        }
        *first = false;
        if self.byte() != Some(b'"') {
            return Err(self.expected("a property name"));
        }
        let name = self.text()?;
        self.space();
        if self.byte() != Some(b':') {
            return Err(self.expected("a colon"));
        }
        self.at += 1;
        if self.strict {
            self.names.push(name);
        }
        Ok(Some(name))
    }

    fn no_name_twice(&mut self) -> Result<(), Fault> {
        let base = self.bases.pop().unwrap_or(0);
        let names = &self.names[base..];
        let twice = if names.iter().any(|name| name.escaped) || names.len() > 24 {
            let mut sorted: Vec<_> = names.iter().map(|name| name.decoded()).collect();
            sorted.sort_unstable();
            sorted.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0].to_string())
        } else {
            (1..names.len()).find(|&at| names[..at].iter().any(|name| name.raw == names[at].raw)).map(|at| names[at].raw.to_owned())
        };
        self.names.truncate(base);
        match twice {
            Some(name) => Err(self.fault(Problem::Duplicate(name))),
            None => Ok(()),
        }
    }

    pub(crate) fn enter_list(&mut self) -> Result<(), Fault> {
        if self.byte() != Some(b'[') {
            return Err(self.expected("a list"));
        }
        self.deeper()
    }

    /// There is another element in the list entered, and the scanner stands before it.
    pub(crate) fn element(&mut self, first: &mut bool) -> Result<bool, Fault> {
        self.space();
        match self.byte() {
            Some(b']') => {
                self.at += 1;
                self.depth -= 1;
                return Ok(false);
            }
            Some(b',') if !*first => self.at += 1,
            _ if !*first => return Err(self.expected("a comma or the end of the list")),
            _ => {}
        }
        *first = false;
        self.space();
        Ok(true)
    }

    pub(crate) fn text(&mut self) -> Result<Text<'a>, Fault> {
        if self.byte() != Some(b'"') {
            return Err(self.expected("a string"));
        }
        self.at += 1;
        let from = self.at;
        let mut escaped = false;
        loop {
            self.at = plain_until(self.text.as_bytes(), self.at);
            match self.byte() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return Err(self.expected("the end of the string")),
            }
        }
        let raw = self.slice(from);
        self.at += 1;
        Ok(Text { raw, escaped })
    }

    fn escape(&mut self) -> Result<(), Fault> {
        let bytes = self.text.as_bytes();
        match bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let unit = hex4(bytes, self.at + 2).ok_or_else(|| self.expected("four hexadecimal digits"))?;
                let follows = bytes.get(self.at + 6) == Some(&b'\\') && bytes.get(self.at + 7) == Some(&b'u');
                match unit {
                    0xD800..0xDC00 if follows && matches!(hex4(bytes, self.at + 8), Some(0xDC00..0xE000)) => self.at += 12,
                    0xD800..0xE000 if self.strict => return Err(self.fault(Problem::LoneSurrogate)),
                    _ => self.at += 6,
                }
            }
            _ => return Err(self.expected("an escape")),
        }
        Ok(())
    }

    /// A number as it stands.
    pub(crate) fn number(&mut self) -> Result<&'a str, Fault> {
        let from = self.at;
        let bytes = self.text.as_bytes();
        let digits = |at: usize| at + bytes[at.min(bytes.len())..].iter().take_while(|c| c.is_ascii_digit()).count();
        let mut at = from + usize::from(bytes.get(from) == Some(&b'-'));
        let whole_from = at;
        at = digits(at);
        if at == whole_from || (at - whole_from > 1 && bytes[whole_from] == b'0') {
            return Err(self.expected("a number"));
        }
        let mut whole = true;
        if bytes.get(at) == Some(&b'.') {
            let after = digits(at + 1);
            if after == at + 1 {
                return Err(self.expected("a number"));
            }
            (at, whole) = (after, false);
        }
        if matches!(bytes.get(at), Some(b'e' | b'E')) {
            let sign = at + 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
            let after = digits(sign);
            if after == sign {
                return Err(self.expected("a number"));
            }
            (at, whole) = (after, false);
        }
        self.at = at;
        let text = self.slice(from);
        if self.strict {
            if whole {
                let large = !self.wide_integers
                    && at - whole_from > 15
                    && !text.trim_start_matches('-').parse::<u64>().is_ok_and(|n| n <= INTEGER_LIMIT);
                if large {
                    return Err(Fault { offset: from, problem: Problem::IntegerTooLarge(shortened(text)) });
                }
            }
            if (!whole || self.wide_integers) && !text.parse::<f64>().is_ok_and(f64::is_finite) {
                return Err(Fault { offset: from, problem: Problem::NumberTooLarge(shortened(text)) });
            }
        }
        Ok(text)
    }

    pub(crate) fn bool(&mut self) -> Result<bool, Fault> {
        match self.byte() {
            Some(b't') => self.word("true").map(|()| true),
            _ => self.word("false").map(|()| false),
        }
    }

    pub(crate) fn null(&mut self) -> Result<(), Fault> {
        self.word("null")
    }

    fn word(&mut self, word: &'static str) -> Result<(), Fault> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.expected(word))
        }
    }

    /// Past the value that comes next; gives where it stands.
    pub(crate) fn skip(&mut self) -> Result<&'a str, Fault> {
        let kind = self.kind()?;
        let from = self.at;
        match kind {
            Kind::Object => {
                self.enter_object()?;
                let mut first = true;
                while self.name(&mut first)?.is_some() {
                    self.skip()?;
                }
            }
            Kind::List => {
                self.enter_list()?;
                let mut first = true;
                while self.element(&mut first)? {
                    self.skip()?;
                }
            }
            Kind::Text => drop(self.text()?),
            Kind::Number => drop(self.number()?),
            Kind::Bool => drop(self.bool()?),
            Kind::Null => self.null()?,
        }
        Ok(self.slice(from))
    }
}

/// A number that stands in a message.
fn shortened(text: &str) -> String {
    if text.len() > 40 { format!("{}…", &text[..40]) } else { text.to_owned() }
}

/// The next quote, backslash, control character, or the end; eight bytes at a time.
fn plain_until(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let zero = |v: u64| v.wrapping_sub(ONES) & !v;
        let quote = zero(word ^ (ONES * u64::from(b'"')));
        let backslash = zero(word ^ (ONES * u64::from(b'\\')));
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let found = (quote | backslash | control) & HIGH;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(&c) = bytes.get(at) {
        if c == b'"' || c == b'\\' || c < 0x20 {
            break;
        }
        at += 1;
    }
    at
}

fn hex4(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 4)?;
    digits.iter().try_fold(0, |value, &c| Some(value * 16 + char::from(c).to_digit(16)?))
}

/// The text between quotes, escapes resolved; surrogates that stand alone become U+FFFD.
fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let bytes = rest.as_bytes();
        let mut taken = at + 2;
        match bytes.get(at + 1) {
            Some(b'b') => out.push('\u{8}'),
            Some(b'f') => out.push('\u{c}'),
            Some(b'n') => out.push('\n'),
            Some(b'r') => out.push('\r'),
            Some(b't') => out.push('\t'),
            Some(b'u') => {
                let unit = hex4(bytes, at + 2).unwrap_or(0xFFFD);
                taken = at + 6;
                let low = (bytes.get(at + 6) == Some(&b'\\') && bytes.get(at + 7) == Some(&b'u')).then(|| hex4(bytes, at + 8)).flatten();
                let value = match (unit, low) {
                    (0xD800..0xDC00, Some(low @ 0xDC00..0xE000)) => {
                        taken = at + 12;
                        0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
                    }
                    _ => unit,
                };
                out.push(char::from_u32(value).unwrap_or('\u{FFFD}'));
            }
            Some(&c) => out.push(char::from(c)),
            None => {}
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn strictly(text: &str) -> Result<&str, Fault> {
        let mut scanner = Scanner::new(text.as_bytes(), 100, true)?;
        let value = scanner.skip()?;
        scanner.end()?;
        Ok(value)
    }

    #[test]
    fn what_two_readers_would_understand_differently_is_refused() {
        for (text, problem) in [
            (r#"{"a":1,"a":2}"#, Problem::Duplicate("a".into())),
            (r#"{"a":1,"\u0061":2}"#, Problem::Duplicate("a".into())),
            (r#"{"b":{"a":1,"a":2}}"#, Problem::Duplicate("a".into())),
            ("[9007199254740992]", Problem::IntegerTooLarge("9007199254740992".into())),
            ("[-9007199254740992]", Problem::IntegerTooLarge("-9007199254740992".into())),
            ("[1e400]", Problem::NumberTooLarge("1e400".into())),
            (r#"["\ud800"]"#, Problem::LoneSurrogate),
            (r#"["\udc00\ud800"]"#, Problem::LoneSurrogate),
        ] {
            assert_eq!(strictly(text).unwrap_err().problem, problem, "{text}");
        }
        for text in ["[9007199254740991]", "[-9007199254740991]", r#"["\ud83d\ude00"]"#, r#"[{"a":1},{"a":2}]"#, "[1E5, -0.5e-3, 0]"] {
            strictly(text).unwrap();
        }
    }

    #[test]
    fn what_is_not_json_is_refused_where_it_stands() {
        for (text, offset) in [
            ("[1,]", 3),
            ("{\"a\":}", 5),
            ("[01]", 1),
            ("[1.]", 1),
            ("{,}", 1),
            ("[\"a\nb\"]", 3),
            ("[tru]", 1),
            ("1 2", 2),
            ("[\"\\x\"]", 2),
            ("", 0),
            ("{\"a\" 1}", 5),
            ("[1 2]", 3),
            ("{\"a\":1 \"b\":2}", 7),
            ("[\"", 2),
            ("[-]", 1),
        ] {
            let fault = strictly(text).unwrap_err();
            assert_eq!(fault.offset, offset, "{text}: {fault}");
        }
        let deep = "[".repeat(200);
        assert_eq!(strictly(&deep).unwrap_err(), Fault { offset: 100, problem: Problem::TooDeep(100) });
    }

    #[test]
    fn many_names_are_compared_without_comparing_each_with_each() {
        let names: Vec<_> = (0..100_000).map(|n| format!("\"n{n}\":0")).collect();
        strictly(&format!("{{{}}}", names.join(","))).unwrap();
        strictly(&format!("{{{},\"n7\":1}}", names.join(","))).unwrap_err();
    }

    proptest! {
        /// Grammar: accepted exactly when serde_json accepts it (it, too, refuses control characters and surrogates alone).
        #[test]
        fn serde_json_agrees(text in r#"[\[\]{}:,"\\a0-2.eE+\-truflsn \x01]{0,14}"#) {
            let mut scanner = Scanner::new(text.as_bytes(), 100, false).unwrap();
            let ours = scanner.skip().and_then(|_| scanner.end()).is_ok();
            // serde_json refuses numbers beyond a double, which are JSON.
            let theirs = serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok();
            prop_assert_eq!(ours, theirs, "{}", text);
        }

        #[test]
        fn a_string_is_read_as_serde_json_reads_it(text in ".{0,30}") {
            let written = serde_json::to_string(&text).unwrap();
            let ascii: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            for json in [written, format!("\"{ascii}\"")] {
                let mut scanner = Scanner::new(json.as_bytes(), 1, true).unwrap();
                let read = scanner.text().unwrap();
                let decoded = read.decoded();
                prop_assert_eq!(&*decoded, text.as_str());
            }
        }
    }
}
