//! Lines of a report as a stream: number, place and text of each, in constant memory.
//!
//! A line longer than the limit is skipped and reported with its number, so one damaged line
//! never costs the rest of a report, nor its memory.

use std::io::{self, Read};

/// Bytes of the longest line that is handed over.
pub const LINE_LIMIT: usize = 1 << 20;

const CHUNK: usize = 64 << 10;

/// One line without its end (`\n` or `\r\n`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Line<'a> {
    /// From 1, as an editor counts.
    pub number: u64,
    /// Of the first byte, in the report.
    pub offset: u64,
    content: Result<&'a [u8], Problem>,
}

/// Why a line has no text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Problem {
    #[error("line is longer than {limit} bytes")]
    TooLong { limit: usize },
    #[error("line is not UTF-8 (byte {at} of it)")]
    NotUtf8 { at: usize },
}

impl<'a> Line<'a> {
    /// # Errors
    /// [`Problem`] when the line is too long or not UTF-8.
    pub fn text(&self) -> Result<&'a str, Problem> {
        std::str::from_utf8(self.content?).map_err(|error| Problem::NotUtf8 { at: error.valid_up_to() + 1 })
    }

    /// # Errors
    /// [`Problem::TooLong`].
    pub fn bytes(&self) -> Result<&'a [u8], Problem> {
        self.content
    }
}

/// Streams the lines of `input`; a byte order mark before the first is skipped.
///
/// ```
/// use formats::lines::Lines;
/// let mut lines = Lines::new(&b"\xef\xbb\xbfone\r\ntwo"[..]);
/// let first = lines.next()?.unwrap();
/// assert_eq!((first.number, first.offset, first.text()), (1, 3, Ok("one")));
/// assert_eq!(lines.next()?.unwrap().text(), Ok("two"));
/// assert!(lines.next()?.is_none());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Lines<R> {
    input: R,
    window: Vec<u8>,
    /// First byte of the window that is not handed over yet.
    start: usize,
    /// Offset of the window in the report.
    base: u64,
    number: u64,
    limit: usize,
    ended: bool,
}

impl<R: Read> Lines<R> {
    pub fn new(input: R) -> Self {
        Self { input, window: Vec::new(), start: 0, base: 0, number: 0, limit: LINE_LIMIT, ended: false }
    }

    /// With another limit than [`LINE_LIMIT`].
    #[must_use]
    pub fn with_limit(self, bytes: usize) -> Self {
        Self { limit: bytes, ..self }
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// What reading the input gave.
    #[expect(clippy::should_implement_trait, reason = "a line borrows the window, which an iterator cannot express")]
    pub fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        if self.number == 0 {
            while self.window.len() < 3 && self.fill()? {}
            if self.window.starts_with(b"\xef\xbb\xbf") {
                self.start = 3;
            }
        }
        let mut looked = 0;
        let end = loop {
            if let Some(at) = memchr::memchr(b'\n', &self.window[self.start + looked..]) {
                break Some(self.start + looked + at);
            }
            looked = self.window.len() - self.start;
            if looked > self.limit + 1 || !self.fill()? {
                break None;
            }
        };
        let offset = self.base + self.start as u64;
        if end.is_none() && looked == 0 {
            return Ok(None);
        }
        self.number += 1;
        let number = self.number;
        if end.is_none() && looked > self.limit + 1 {
            self.skip_line()?;
            return Ok(Some(Line { number, offset, content: Err(Problem::TooLong { limit: self.limit }) }));
        }
        let stop = end.unwrap_or(self.window.len());
        let line = &self.window[self.start..stop];
        self.start = end.map_or(stop, |at| at + 1);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let content = if line.len() > self.limit { Err(Problem::TooLong { limit: self.limit }) } else { Ok(line) };
        Ok(Some(Line { number, offset, content }))
    }

    /// Reads more into the window; `false` at the end of the input.
    fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if self.start > 0 {
            self.window.drain(..self.start);
            self.base += self.start as u64;
            self.start = 0;
        }
        let had = self.window.len();
        self.window.resize(had + CHUNK, 0);
        let got = loop {
            match self.input.read(&mut self.window[had..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.window.truncate(had + got.as_ref().copied().unwrap_or(0));
        self.ended = got? == 0;
        Ok(!self.ended)
    }

    /// Drops everything up to the end of the line that the window is in the middle of.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            self.start = self.window.len();
            if !self.fill()? {
                return Ok(());
            }
            if let Some(at) = memchr::memchr(b'\n', &self.window) {
                self.start = at + 1;
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Seen = (u64, u64, Result<String, Problem>);

    fn all(bytes: &[u8], limit: usize) -> Vec<Seen> {
        let mut lines = Lines::new(bytes).with_limit(limit);
        let mut seen = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            seen.push((line.number, line.offset, line.text().map(str::to_owned)));
        }
        seen
    }

    #[test]
    fn a_line_too_long_is_skipped_and_the_next_is_read() {
        let mut text = b"a\n".to_vec();
        text.extend(std::iter::repeat_n(b'x', 300_000));
        text.extend(b"\nb\n");
        let seen = all(&text, 1000);
        assert_eq!(seen.len(), 3);
        assert_eq!(seen[1], (2, 2, Err(Problem::TooLong { limit: 1000 })));
        assert_eq!(seen[2], (3, 300_003, Ok("b".to_owned())));
    }

    #[test]
    fn an_empty_report_has_no_line_and_an_empty_line_is_one() {
        assert_eq!(all(b"", 10), []);
        assert_eq!(all(b"\n\r\n", 10), [(1, 0, Ok(String::new())), (2, 1, Ok(String::new()))]);
    }

    #[test]
    fn a_line_that_is_not_utf8_says_where() {
        assert_eq!(all(b"ok\nM\xfcnchen\n", 100)[1], (2, 3, Err(Problem::NotUtf8 { at: 2 })));
    }

    /// Gives one byte at a time.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            buffer[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    proptest::proptest! {
        #[test]
        fn lines_are_the_same_however_the_bytes_arrive(bytes in "[a-c\r\n]{0,60}") {
            let mut lines = Lines::new(Drip(bytes.as_bytes()));
            let mut seen = Vec::new();
            while let Some(line) = lines.next().unwrap() {
                seen.push(line.text().unwrap().to_owned());
            }
            let whole: Vec<String> = all(bytes.as_bytes(), 100).into_iter().map(|(_, _, text)| text.unwrap()).collect();
            let plain: Vec<String> = bytes.split_terminator('\n').map(|l| l.strip_suffix('\r').unwrap_or(l).to_owned()).collect();
            proptest::prop_assert_eq!(&seen, &whole);
            proptest::prop_assert_eq!(&seen, &plain);
        }
    }
}
