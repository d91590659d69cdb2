//! How are many events or attributes read without holding them all?
//!
//! One record at a time from a list, lines, or an answer (`{"response":[…]}`, `{"response":{"Attribute":[…]}}`), in the memory that
//! the longest record needs. A record that cannot be read is reported, and the next one follows.

use std::io::{self, Read};

use crate::json::{self, Elements};

use super::event::{Attribute, EVENT_LIMIT, Either, Event};

/// Bytes at the start of a document that tell its form.
const HEAD: usize = 128;
const CHUNK: usize = 64 << 10;

/// Why a record, or all after it, is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This record cannot be read; the next one may.
    #[error("record {number}: {reason} (byte {offset})")]
    Record { number: u64, offset: u64, reason: String },
    /// Nothing after this place can be read.
    #[error("not JSON: {reason} (byte {offset})")]
    Document { offset: u64, reason: String },
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<json::Error> for Error {
    fn from(error: json::Error) -> Self {
        match error {
            json::Error::Element { number, offset, reason } => Self::Record { number, offset, reason },
            json::Error::Document { offset, reason } => Self::Document { offset, reason },
            json::Error::Io(error) => Self::Io(error),
        }
    }
}

/// Events, one at a time.
///
/// ```
/// use formats::misp::list::Events;
/// let answer = br#"{"response": [{"Event": {"info": "one"}}, {"Event": {"info": "two"}}]}"#;
/// let mut events = Events::new(&answer[..])?;
/// let mut seen = Vec::new();
/// while let Some(event) = events.next() {
///     seen.push(event?.info.unwrap().into_owned());
/// }
/// assert_eq!(seen, ["one", "two"]);
/// # Ok::<(), formats::misp::list::Error>(())
/// ```
#[derive(Debug)]
pub struct Events<R>(Records<R>);

impl<R: Read> Events<R> {
    /// Reads the head of the document, to see its form.
    pub fn new(input: R) -> io::Result<Self> {
        Records::new(input).map(Self)
    }

    /// The next event; `None` after the last one, and after an error that ends the document.
    #[expect(clippy::should_implement_trait, reason = "an event borrows the window, which an Iterator cannot say")]
    pub fn next(&mut self) -> Option<Result<Event<'_>, Error>> {
        Some(self.0.next()?.and_then(|(bytes, number, offset)| {
            serde_json::from_slice::<Either<'_>>(bytes).map(|either| either.0).map_err(|error| Error::Record {
                number,
                offset,
                reason: error.to_string(),
            })
        }))
    }
}

/// Attributes, one at a time: a list of them, or the answer to `attributes/restSearch`.
///
/// ```
/// use formats::misp::list::Attributes;
/// let answer = br#"{"response": {"Attribute": [{"type": "domain", "value": "evil.example"}]}}"#;
/// let mut attributes = Attributes::new(&answer[..])?;
/// assert_eq!(attributes.next().unwrap()?.value.as_deref(), Some("evil.example"));
/// assert!(attributes.next().is_none());
/// # Ok::<(), formats::misp::list::Error>(())
/// ```
#[derive(Debug)]
pub struct Attributes<R>(Records<R>);

impl<R: Read> Attributes<R> {
    /// Reads the head of the document, to see its form.
    pub fn new(input: R) -> io::Result<Self> {
        Records::new(input).map(Self)
    }

    /// The next attribute; `None` after the last one, and after an error that ends the document.
    #[expect(clippy::should_implement_trait, reason = "an attribute borrows the window, which an Iterator cannot say")]
    pub fn next(&mut self) -> Option<Result<Attribute<'_>, Error>> {
        Some(self.0.next()?.and_then(|(bytes, number, offset)| {
            serde_json::from_slice(bytes).map_err(|error| Error::Record { number, offset, reason: error.to_string() })
        }))
    }
}

type Record<'a> = (&'a [u8], u64, u64);

#[derive(Debug)]
struct Records<R> {
    elements: Elements<Unclosed<io::Chain<io::Cursor<Vec<u8>>, R>>>,
}

impl<R: Read> Records<R> {
    fn new(mut input: R) -> io::Result<Self> {
        let mut head = Vec::with_capacity(HEAD);
        (&mut input).take(HEAD as u64).read_to_end(&mut head)?;
        let inner = inside(&head, b"response");
        // `{"response":{"Attribute":[…]}}`: the outer object is taken off, its closing brace with it.
        let nested = inner.filter(|&at| head[at..].starts_with(b"{") && inside(&head[at..], b"Event").is_none());
        let enter = inner.is_some() || inside(&head, b"Attribute").is_some_and(|at| head[at..].starts_with(b"["));
        head.drain(..nested.unwrap_or(0));
        let rest =
            Unclosed { input: io::Cursor::new(head).chain(input), outer: nested.is_some(), held: Vec::new(), ready: 0, ended: false };
        let elements = if enter { Elements::entering_objects(rest) } else { Elements::new(rest) };
        Ok(Self { elements: elements.with_limit(EVENT_LIMIT) })
    }

    /// Its bytes, number and offset.
    fn next(&mut self) -> Option<Result<Record<'_>, Error>> {
        Some(match self.elements.next()? {
            Ok(element) => Ok((element.bytes, element.number, element.offset)),
            Err(error) => Err(error.into()),
        })
    }
}

/// Where the value of the first key stands, when that is the key of the object at the start.
fn inside(head: &[u8], key: &[u8]) -> Option<usize> {
    let rest = head.trim_ascii_start().strip_prefix(b"{")?.trim_ascii_start();
    let rest = rest.strip_prefix(b"\"")?.strip_prefix(key)?.strip_prefix(b"\"")?.trim_ascii_start();
    Some(head.len() - rest.strip_prefix(b":")?.trim_ascii_start().len())
}

/// A document without the brace that closes its outermost object.
#[derive(Debug)]
struct Unclosed<R> {
    input: R,
    /// There is an outer object to leave out.
    outer: bool,
    held: Vec<u8>,
    /// Bytes of `held` that are not the end of the document.
    ready: usize,
    ended: bool,
}

impl<R: Read> Read for Unclosed<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if !self.outer || out.is_empty() {
            return self.input.read(out);
        }
        while self.ready == 0 && !self.ended {
            let before = self.held.len();
            self.held.resize(before + out.len().clamp(256, CHUNK), 0);
            let more = self.input.read(&mut self.held[before..]);
            self.held.truncate(before + more.as_ref().map_or(0, |&count| count));
            self.ended = more? == 0;
            let last = self.held.iter().rposition(|byte| !byte.is_ascii_whitespace());
            self.ready = match last {
                // White space without end after a brace is not the end of a document that somebody meant.
                Some(at) if self.held[at] == b'}' && self.held.len() - at < CHUNK => at,
                _ => self.held.len(),
            };
        }
        let count = self.ready.min(out.len());
        out[..count].copy_from_slice(&self.held[..count]);
        self.held.drain(..count);
        self.ready -= count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<Result<String, String>> {
        let mut attributes = Attributes::new(text.as_bytes()).unwrap();
        let mut seen = Vec::new();
        while let Some(next) = attributes.next() {
            seen.push(next.map(|one| one.value.unwrap_or_default().into_owned()).map_err(|error| error.to_string()));
        }
        seen
    }

    #[test]
    fn attributes_come_from_every_form_of_answer() {
        for text in [
            r#"{"response": {"Attribute": [{"value": "a"}, {"value": "b}"}]}}"#,
            "{ \"response\" :{\"Attribute\":[{\"value\":\"a\"},{\"value\":\"b}\"}]}\n}\n\n",
            r#"{"Attribute": [{"value": "a"}, {"value": "b}"}]}"#,
            r#"[{"value": "a"}, {"value": "b}"}]"#,
            "{\"value\": \"a\"}\n{\"value\": \"b}\"}\n",
        ] {
            assert_eq!(values(text), [Ok("a".to_owned()), Ok("b}".to_owned())], "{text}");
        }
    }

    #[test]
    fn a_record_that_cannot_be_read_does_not_stop_the_next() {
        let seen = values(r#"{"response": {"Attribute": [{"value": "a"}, 7, {"value": "c"}]}}"#);
        assert_eq!((seen.len(), &seen[2]), (3, &Ok("c".to_owned())), "{seen:?}");
        assert!(seen[1].as_ref().unwrap_err().contains("record 2"), "{seen:?}");
    }

    #[test]
    fn a_single_event_and_a_list_are_both_events() {
        for (text, count) in
            [(r#"{"Event": {"info": "x"}}"#, 1), (r#"{"info": "x", "Attribute": []}"#, 1), (r#"[{"Event":{"info":"x"}},{"info":"x"}]"#, 2)]
        {
            let mut events = Events::new(text.as_bytes()).unwrap();
            for _ in 0..count {
                assert_eq!(events.next().unwrap().unwrap().info.as_deref(), Some("x"), "{text}");
            }
            assert!(events.next().is_none(), "{text}");
        }
    }
}
