//! The elements of a JSON document, one at a time: a list, lines, or one object, in constant memory.
//!
//! A scanner finds where each element ends (brackets, strings, commas) without building it, so the memory
//! needed is that of the longest element, at most [`ELEMENT_LIMIT`]. What is inside an element (numbers, escapes, UTF-8)
//! is for whoever parses its bytes to judge; what holds elements together is judged here.

use std::io::{self, Read};

/// Bytes of the longest element that is handed over; a longer one is skipped and reported.
pub const ELEMENT_LIMIT: usize = 16 << 20;

/// Nesting that is followed, as deep as serde_json follows it.
const DEPTH_LIMIT: u32 = 127;
const KEY_LIMIT: usize = 64 << 10;
const CHUNK: usize = 64 << 10;

/// One element of a document.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Element<'a> {
    /// From 1, elements that could not be read included.
    pub number: u64,
    /// Of the first byte, in the document.
    pub offset: u64,
    /// The key of the top-level object it stands in, when those are entered ([`Elements::entering_objects`]).
    pub key: Option<&'a str>,
    /// It stands in a list (rather than alone at the top or as the value of `key`).
    pub listed: bool,
    pub bytes: &'a [u8],
}

/// What stands in the way of the next element.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This element cannot be read; the next one may.
    #[error("{reason} (byte {offset})")]
    Element { number: u64, offset: u64, reason: String },
    /// Nothing after this place can be read.
    #[error("not JSON: {reason} (byte {offset})")]
    Document { offset: u64, reason: String },
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Streams the elements of JSON text: those of a top-level list, or values one after another (JSON lines, RFC 7464
/// sequences, concatenated documents, a single object).
///
/// ```
/// use formats::json::Elements;
/// let mut elements = Elements::new(&br#"[{"a":1}, {"a":2}]"#[..]);
/// let mut seen = Vec::new();
/// while let Some(element) = elements.next() {
///     let element = element?;
///     seen.push((element.number, element.offset, element.bytes.to_vec()));
/// }
/// assert_eq!(seen, [(1, 1, br#"{"a":1}"#.to_vec()), (2, 10, br#"{"a":2}"#.to_vec())]);
/// # Ok::<(), formats::json::Error>(())
/// ```
#[derive(Debug)]
pub struct Elements<R> {
    input: R,
    /// A window of the document: what is still needed of what was read.
    window: Vec<u8>,
    /// Offset of the window in the document.
    base: u64,
    /// First byte of the window that is still needed.
    needed: usize,
    /// Next byte to look at.
    at: usize,
    ended: bool,
    place: Place,
    key: String,
    number: u64,
    limit: usize,
    enter_objects: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Start,
    /// Between values of the top level.
    Top,
    /// In the list of the top level.
    List {
        first: bool,
    },
    /// In an object of the top level, before a key.
    Object {
        first: bool,
    },
    /// In a list that is a member of an object of the top level.
    Member {
        first: bool,
    },
    Done,
}

/// Where a value was found in the window, or that it was longer than the limit.
enum Scanned {
    Whole { from: usize, to: usize },
    TooLong { bytes: u64 },
}

enum Fault {
    /// Of the grammar, at the byte looked at.
    Syntax(&'static str),
    Io(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl<R: Read> Elements<R> {
    pub fn new(input: R) -> Self {
        Self {
            input,
            window: Vec::new(),
            base: 0,
            needed: 0,
            at: 0,
            ended: false,
            place: Place::Start,
            key: String::new(),
            number: 0,
            limit: ELEMENT_LIMIT,
            enter_objects: false,
        }
    }

    /// As [`Elements::new`], but a top-level object is no element: the elements of each list in it are, and each other value.
    ///
    /// ```
    /// use formats::json::Elements;
    /// let mut elements = Elements::entering_objects(&br#"{"query_status":"ok","data":[{"id":1}]}"#[..]);
    /// let status = elements.next().unwrap()?;
    /// assert_eq!((status.key, status.listed, status.bytes), (Some("query_status"), false, &b"\"ok\""[..]));
    /// let record = elements.next().unwrap()?;
    /// assert_eq!((record.key, record.listed, record.bytes), (Some("data"), true, &br#"{"id":1}"#[..]));
    /// # Ok::<(), formats::json::Error>(())
    /// ```
    pub fn entering_objects(input: R) -> Self {
        Self { enter_objects: true, ..Self::new(input) }
    }

    /// With another limit than [`ELEMENT_LIMIT`].
    #[must_use]
    pub fn with_limit(self, bytes: usize) -> Self {
        Self { limit: bytes, ..self }
    }

    /// The next element; `None` after the last one, and after an error that ends the document.
    #[expect(clippy::should_implement_trait, reason = "an element borrows the window, which an Iterator cannot say")]
    pub fn next(&mut self) -> Option<Result<Element<'_>, Error>> {
        let started_in = self.place;
        match self.advance() {
            Ok(Some((Scanned::Whole { from, to }, listed))) => {
                self.number += 1;
                Some(Ok(Element {
                    number: self.number,
                    offset: self.base + from as u64,
                    key: (self.enter_objects && !self.key.is_empty()).then_some(self.key.as_str()),
                    listed,
                    bytes: &self.window[from..to],
                }))
            }
            Ok(Some((Scanned::TooLong { bytes }, _))) => {
                self.number += 1;
                let offset = self.offset() - bytes;
                let reason = format!("an element of {bytes} bytes is longer than the limit of {}", self.limit);
                Some(Err(Error::Element { number: self.number, offset, reason }))
            }
            Ok(None) => None,
            Err(Fault::Io(error)) => {
                self.place = Place::Done;
                Some(Err(error.into()))
            }
            Err(Fault::Syntax(expected)) => {
                let offset = self.offset();
                let found = match self.peek() {
                    Ok(found) => found.map_or("the end".to_owned(), |c| format!("{:?}", char::from(c))),
                    Err(error) => {
                        self.place = Place::Done;
                        return Some(Err(error.into()));
                    }
                };
                let reason = format!("found {found}, expected {expected}");
                if self.place != Place::Top {
                    debug_assert!(started_in != Place::Done);
                    self.place = Place::Done;
                    return Some(Err(Error::Document { offset, reason }));
                }
                self.number += 1;
                let number = self.number;
                if let Err(error) = self.find_next_line() {
                    self.place = Place::Done;
                    return Some(Err(error.into()));
                }
                Some(Err(Error::Element { number, offset, reason }))
            }
        }
    }

    /// Offset in the document of the byte looked at.
    fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    fn advance(&mut self) -> Result<Option<(Scanned, bool)>, Fault> {
        loop {
            match self.place {
                Place::Done => return Ok(None),
                Place::Start => {
                    for byte in *b"\xef\xbb\xbf" {
                        if self.peek()? != Some(byte) {
                            break;
                        }
                        self.at += 1;
                    }
                    self.place = Place::Top;
                }
                Place::Top => {
                    self.key.clear();
                    // Some write `},` between lines, and RFC 7464 puts a record separator before each.
                    match self.next_but(b",\x1e")? {
                        None => {
                            self.place = Place::Done;
                            return Ok(None);
                        }
                        Some(b'[') => {
                            self.at += 1;
                            self.place = Place::List { first: true };
                        }
                        Some(b'{') if self.enter_objects => {
                            self.at += 1;
                            self.place = Place::Object { first: true };
                        }
                        Some(c) => {
                            let value = self.value(self.limit)?;
                            // Between documents anything may stand; a word there is no value but noise.
                            if c.is_ascii_alphabetic() && !matches!(&self.window[self.needed..self.at], b"true" | b"false" | b"null") {
                                self.at = self.needed;
                                return Err(Fault::Syntax("a value"));
                            }
                            return Ok(Some((value, false)));
                        }
                    }
                }
                Place::List { first } => {
                    if self.another(first, b']')? {
                        self.place = Place::List { first: false };
                        return Ok(Some((self.value(self.limit)?, true)));
                    }
                    self.place = Place::Top;
                }
                Place::Member { first } => {
                    if self.another(first, b']')? {
                        self.place = Place::Member { first: false };
                        return Ok(Some((self.value(self.limit)?, true)));
                    }
                    self.place = Place::Object { first: false };
                }
                Place::Object { first } => {
                    if !self.another(first, b'}')? {
                        self.place = Place::Top;
                        continue;
                    }
                    self.place = Place::Object { first: false };
                    self.read_key()?;
                    if self.next_but(b"")? == Some(b'[') {
                        self.at += 1;
                        self.place = Place::Member { first: true };
                    } else {
                        return Ok(Some((self.value(self.limit)?, false)));
                    }
                }
            }
        }
    }

    /// Goes to the next member of a list or object; `false` when it ends here.
    fn another(&mut self, first: bool, end: u8) -> Result<bool, Fault> {
        let found = self.next_but(b"")?;
        if found == Some(end) {
            self.at += 1;
            return Ok(false);
        }
        if first {
            return match found {
                None => Err(Fault::Syntax("an element or the end of the list or object")),
                Some(_) => Ok(true),
            };
        }
        if found != Some(b',') {
            return Err(Fault::Syntax("a comma or the end of the list or object"));
        }
        self.at += 1;
        match self.next_but(b"")? {
            Some(b']' | b'}') | None => Err(Fault::Syntax("an element after the comma")),
            Some(_) => Ok(true),
        }
    }

    fn read_key(&mut self) -> Result<(), Fault> {
        if self.next_but(b"")? != Some(b'"') {
            return Err(Fault::Syntax("a key"));
        }
        let Scanned::Whole { from, to } = self.value(KEY_LIMIT)? else {
            return Err(Fault::Syntax("a key of at most 64 KiB before this place"));
        };
        self.key = serde_json::from_slice(&self.window[from..to]).map_err(|_| Fault::Syntax("a key in UTF-8 before this place"))?;
        if self.next_but(b"")? != Some(b':') {
            return Err(Fault::Syntax("a colon"));
        }
        self.at += 1;
        Ok(())
    }

    /// Skips white space and the bytes of `also`; the byte then looked at.
    fn next_but(&mut self, also: &[u8]) -> io::Result<Option<u8>> {
        loop {
            self.needed = self.at;
            match self.peek()? {
                Some(c) if matches!(c, b' ' | b'\t' | b'\n' | b'\r') || also.contains(&c) => self.at += 1,
                found => return Ok(found),
            }
        }
    }

    /// Passes over one value, from its first byte to after its last.
    fn value(&mut self, limit: usize) -> Result<Scanned, Fault> {
        self.needed = self.at;
        let start = self.offset();
        // Bit n says whether level n is an object (else a list).
        let (mut objects, mut depth) = (0_u128, 0_u32);
        let mut want = Want::Value;
        loop {
            if self.at - self.needed > limit {
                // Give up keeping it; what follows is only counted.
                self.needed = self.at;
            }
            let Some(c) = self.peek()? else {
                return Err(Fault::Syntax("the rest of the element"));
            };
            if matches!(c, b' ' | b'\t' | b'\n' | b'\r') {
                self.at += 1;
                continue;
            }
            let ends = match (want, c) {
                (Want::Value | Want::ValueOrEnd, b'{' | b'[') => {
                    if depth == DEPTH_LIMIT {
                        return Err(Fault::Syntax("no deeper nesting than 127 levels"));
                    }
                    depth += 1;
                    objects = objects & !(1 << depth) | u128::from(c == b'{') << depth;
                    want = if c == b'{' { Want::KeyOrEnd } else { Want::ValueOrEnd };
                    self.at += 1;
                    continue;
                }
                (Want::ValueOrEnd | Want::CommaOrEnd, b']') if objects >> depth & 1 == 0 => true,
                (Want::KeyOrEnd | Want::CommaOrEnd, b'}') if objects >> depth & 1 == 1 => true,
                (Want::Key | Want::KeyOrEnd, b'"') => {
                    self.string(limit)?;
                    want = Want::Colon;
                    continue;
                }
                (Want::Colon, b':') => {
                    want = Want::Value;
                    self.at += 1;
                    continue;
                }
                (Want::CommaOrEnd, b',') => {
                    want = if objects >> depth & 1 == 1 { Want::Key } else { Want::Value };
                    self.at += 1;
                    continue;
                }
                (Want::Value | Want::ValueOrEnd, b'"') => {
                    self.string(limit)?;
                    false
                }
                (Want::Value | Want::ValueOrEnd, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-') => {
                    self.word(limit)?;
                    false
                }
                (want, _) => return Err(Fault::Syntax(want.name())),
            };
            if ends {
                self.at += 1;
                depth -= 1;
            }
            if depth == 0 {
                let bytes = self.offset() - start;
                let kept = bytes == (self.at - self.needed) as u64 && bytes <= limit as u64;
                return Ok(if kept { Scanned::Whole { from: self.needed, to: self.at } } else { Scanned::TooLong { bytes } });
            }
            want = Want::CommaOrEnd;
        }
    }

    /// Passes over a string. A line break in it is an error (RFC 8259 §7), which is what ends a cut line of JSON lines.
    fn string(&mut self, limit: usize) -> Result<(), Fault> {
        self.at += 1;
        loop {
            if self.at - self.needed > limit {
                self.needed = self.at;
            }
            if self.peek()?.is_none() {
                return Err(Fault::Syntax("the end of the string"));
            }
            let Some(found) = memchr::memchr3(b'"', b'\\', b'\n', &self.window[self.at..]) else {
                self.at = self.window.len();
                continue;
            };
            self.at += found;
            match self.window[self.at] {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\n' => return Err(Fault::Syntax("the end of the string")),
                _ => {
                    self.at += 1;
                    match self.peek()? {
                        None | Some(b'\n') => return Err(Fault::Syntax("the end of the string")),
                        Some(_) => self.at += 1,
                    }
                }
            }
        }
    }

    /// Passes over a number, `true`, `false`, `null` or what looks like one.
    fn word(&mut self, limit: usize) -> Result<(), Fault> {
        while let Some(c) = self.peek()? {
            if !c.is_ascii_alphanumeric() && !matches!(c, b'-' | b'+' | b'.') {
                break;
            }
            self.at += 1;
            if self.at - self.needed > limit {
                self.needed = self.at;
            }
        }
        Ok(())
    }

    /// After a bad value: goes to the first line after its start that begins like a record, or to the end.
    fn find_next_line(&mut self) -> io::Result<()> {
        self.at = self.needed;
        loop {
            match memchr::memchr(b'\n', &self.window[self.at..]) {
                Some(found) => {
                    self.at += found + 1;
                    self.needed = self.at;
                    if matches!(self.peek()?, Some(b'{' | b'[' | 0x1e)) {
                        return Ok(());
                    }
                }
                None => {
                    self.at = self.window.len();
                    self.needed = self.at;
                    if self.peek()?.is_none() {
                        return Ok(());
                    }
                }
            }
        }
    }

    #[inline]
    fn peek(&mut self) -> io::Result<Option<u8>> {
        match self.window.get(self.at) {
            Some(byte) => Ok(Some(*byte)),
            None => self.peek_further(),
        }
    }

    /// Reads more, dropping what is no longer needed.
    fn peek_further(&mut self) -> io::Result<Option<u8>> {
        if self.ended {
            return Ok(None);
        }
        self.window.drain(..self.needed);
        self.base += self.needed as u64;
        self.at -= self.needed;
        self.needed = 0;
        let filled = self.window.len();
        self.window.resize(filled + CHUNK, 0);
        let read = loop {
            match self.input.read(&mut self.window[filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        self.window.truncate(filled + read.as_ref().copied().unwrap_or(0));
        self.ended = read? == 0;
        Ok(self.window.get(self.at).copied())
    }
}

/// What the grammar allows next inside a value.
#[derive(Clone, Copy)]
enum Want {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    CommaOrEnd,
}

impl Want {
    fn name(self) -> &'static str {
        match self {
            Self::Value => "a value",
            Self::ValueOrEnd => "a value or the end of the list",
            Self::Key => "a key",
            Self::KeyOrEnd => "a key or the end of the object",
            Self::Colon => "a colon",
            Self::CommaOrEnd => "a comma or the end of the list or object",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// Gives what it has in pieces of the given sizes.
    struct Pieces<'a> {
        bytes: &'a [u8],
        sizes: std::iter::Cycle<std::vec::IntoIter<usize>>,
    }

    impl Read for Pieces<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let size = self.sizes.next().unwrap_or(1).clamp(1, out.len()).min(self.bytes.len());
            out[..size].copy_from_slice(&self.bytes[..size]);
            self.bytes = &self.bytes[size..];
            Ok(size)
        }
    }

    /// Offset, key and text of an element, or why there is none.
    type Seen = Result<(u64, Option<String>, String), String>;

    fn all<R: Read>(mut elements: Elements<R>) -> Vec<Seen> {
        let mut seen = Vec::new();
        while let Some(element) = elements.next() {
            seen.push(match element {
                Ok(e) => Ok((e.offset, e.key.map(str::to_owned), String::from_utf8_lossy(e.bytes).into_owned())),
                Err(error) => Err(error.to_string()),
            });
        }
        seen
    }

    fn texts(text: &str) -> Vec<String> {
        all(Elements::new(text.as_bytes())).into_iter().map(|e| e.map_or_else(|e| e, |(_, _, t)| t)).collect()
    }

    #[test]
    fn a_mistake_is_told_alike_however_the_bytes_arrive() {
        let text = b"{\"\xff\":1}";
        let whole = all(Elements::entering_objects(&text[..]));
        let pieces = Pieces { bytes: text, sizes: vec![4].into_iter().cycle() };
        assert_eq!(whole, all(Elements::entering_objects(pieces)));
        assert!(whole[0].as_ref().is_err_and(|e| e.contains("found ':'")), "{whole:?}");
    }

    #[test]
    fn lists_lines_and_lone_objects_are_all_read() {
        assert_eq!(texts("[1, \"a]\" ,{\"b\":[2,{}]},[ ]]"), ["1", "\"a]\"", "{\"b\":[2,{}]}", "[ ]"]);
        assert_eq!(texts("{\"a\":1}\n\n{\"a\":2}\r\n"), ["{\"a\":1}", "{\"a\":2}"]);
        assert_eq!(texts("\u{feff}{\n  \"a\": 1\n}"), ["{\n  \"a\": 1\n}"]);
        assert_eq!(texts("{}{},{}"), ["{}", "{}", "{}"]);
        assert!(texts("").is_empty() && texts(" \n").is_empty() && texts("[]").is_empty());
    }

    #[test]
    fn a_bad_line_is_reported_and_the_next_one_is_read() {
        assert_eq!(
            texts("{\"a\":1}\n{\"a\":\"cut\n{\"a\":{\"b\":1}\n{\"a\":3}\nnoise, that is all\n{\"a\":4}"),
            [
                "{\"a\":1}",
                "found '\\n', expected the end of the string (byte 17)",
                "found '{', expected a comma or the end of the list or object (byte 31)",
                "{\"a\":3}",
                "found 'n', expected a value (byte 39)",
                "{\"a\":4}"
            ]
        );
    }

    #[test]
    fn a_list_that_is_cut_says_where() {
        assert_eq!(texts("[{\"a\":1},{\"a\""), ["{\"a\":1}", "not JSON: found the end, expected the rest of the element (byte 13)"]);
        assert_eq!(texts("[1 2]"), ["1", "not JSON: found '2', expected a comma or the end of the list or object (byte 3)"]);
    }

    #[test]
    fn an_element_over_the_limit_is_skipped_and_counted() {
        let long = format!("[{{\"a\":1}},{{\"b\":\"{}\"}},[{}],{{\"c\":3}}]", "x".repeat(200_000), vec!["1"; 90_000].join(","));
        let mut elements = Elements::new(long.as_bytes()).with_limit(1000);
        let mut seen = Vec::new();
        let mut window = 0;
        loop {
            let next = match elements.next() {
                Some(Ok(e)) => e.number.to_string(),
                Some(Err(Error::Element { number, offset, .. })) => format!("{number} skipped at {offset}"),
                Some(Err(other)) => other.to_string(),
                None => break,
            };
            seen.push(next);
            window = window.max(elements.window.capacity());
        }
        assert_eq!(seen, ["1", "2 skipped at 9", "3 skipped at 200018", "4"]);
        assert!(window <= 4 * CHUNK, "{window}");
    }

    #[test]
    fn lists_inside_objects_are_entered_when_asked() {
        let text = br#"{"1":[{"a":1},{"a":2}],"status":"ok","2":[]} {"3":[4]}"#;
        let seen: Vec<_> = all(Elements::entering_objects(&text[..])).into_iter().map(Result::unwrap).collect();
        let want = [(6, "1", r#"{"a":1}"#), (14, "1", r#"{"a":2}"#), (32, "status", r#""ok""#), (51, "3", "4")];
        assert_eq!(seen, want.map(|(at, key, text)| (at, Some(key.to_owned()), text.to_owned())));
    }

    fn document() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            // serde_json reads some others a last bit off
            any::<i32>().prop_map(|n| Value::from(f64::from(n) / 8.0)),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((".{0,6}", inner), 0..5).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_list_gives_its_elements_however_it_arrives(
            list in prop::collection::vec(document(), 0..6), pretty: bool, sizes in prop::collection::vec(1usize..40, 1..6)
        ) {
            let whole = Value::from(list.clone());
            let text = if pretty { serde_json::to_string_pretty(&whole) } else { serde_json::to_string(&whole) }.unwrap();
            let pieces = Pieces { bytes: text.as_bytes(), sizes: sizes.into_iter().cycle() };
            let mut seen = Vec::new();
            for element in all(Elements::new(pieces)) {
                let (offset, _, found) = element.unwrap();
                prop_assert!(text[usize::try_from(offset).unwrap()..].starts_with(&found));
                seen.push(serde_json::from_str::<Value>(&found).unwrap());
            }
            prop_assert_eq!(seen, list);
        }

        #[test]
        fn lines_give_their_values(list in prop::collection::vec(document(), 0..6), sizes in prop::collection::vec(1usize..40, 1..6)) {
            let objects: Vec<Value> = list.into_iter().map(|v| json!({ "v": v })).collect();
            let text: String = objects.iter().map(|v| format!("{v}\n")).collect();
            let pieces = Pieces { bytes: text.as_bytes(), sizes: sizes.into_iter().cycle() };
            let seen: Vec<Value> = all(Elements::new(pieces)).into_iter().map(|e| serde_json::from_str(&e.unwrap().2).unwrap()).collect();
            prop_assert_eq!(seen, objects);
        }

        #[test]
        fn nothing_makes_it_panic_or_run_for_ever(bytes in prop::collection::vec(prop::sample::select(b"{}[]\",:\\ \n1at\xff\xef".to_vec()), 0..80), enter: bool) {
            let elements = if enter { Elements::entering_objects(&bytes[..]) } else { Elements::new(&bytes[..]) };
            prop_assert!(all(elements.with_limit(20)).len() <= bytes.len() + 1);
        }

        #[test]
        fn what_serde_reads_is_read_without_an_error(text in "[\\[\\]{}\",: 1a\\\\]{0,24}") {
            if serde_json::from_str::<Value>(&text).is_ok() {
                prop_assert!(all(Elements::new(text.as_bytes())).iter().all(Result::is_ok), "{}", text);
            }
        }
    }
}
