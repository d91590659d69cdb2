//! Separated values as reports write them (RFC 4180 and its bad relatives), read as a stream.
//!
//! Nearly every record is regular: quotes only around whole fields. Such records are found without looking at
//! single bytes: 64 bytes at a time become three bit masks (delimiters, quotes, line ends), a prefix-xor of the
//! quotes says what lies inside of them, and what remains are the positions where fields end. Fields are cut out of
//! the buffer only when asked for. Any other record (doubled quotes, stray quotes, text after a closing quote) goes
//! through [`parse`], which reads byte by byte as Python's `csv` does. Both give the same: the tests hold them together.
//!
//! Memory is constant: a record is at most [`RECORD_LIMIT`] long, a longer one is skipped and reported.

use std::io::{self, Read};
use std::ops::Range;

/// The longest record that is read, in bytes.
pub const RECORD_LIMIT: usize = 1 << 20;

/// How much is read at once: small enough to stay in a processor's second cache together with its index.
const WINDOW: usize = 128 << 10;

/// How a file separates its values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Dialect {
    pub delimiter: u8,
    pub quote: Option<u8>,
    /// Lines that start with it are skipped; they count as rows.
    pub comment: Option<u8>,
}

impl Default for Dialect {
    /// Comma, double quotes, no comments.
    fn default() -> Self {
        Self { delimiter: b',', quote: Some(b'"'), comment: None }
    }
}

/// Why a record has no fields.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Problem {
    #[error("the record is longer than {limit} bytes")]
    TooLong { limit: usize },
    /// No closing quote before the end of the file, or within the longest record; reading goes on with the next line.
    #[error("a quoted field has no end")]
    UnclosedQuote,
}

/// A field is not UTF-8.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("column {} is not UTF-8", column + 1)]
pub struct NotText {
    /// Index of the field, from 0.
    pub column: usize,
}

/// One record of a file.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    row: u64,
    offset: u64,
    raw: &'a [u8],
    /// What the layout's positions count in: `raw` or the unquoted copy.
    bytes: &'a [u8],
    /// `bytes`, when all of it is UTF-8.
    text: Option<&'a str>,
    layout: Layout<'a>,
    problem: Option<Problem>,
}

#[derive(Clone, Copy, Debug)]
enum Layout<'a> {
    /// Fields stand in the record as in the file; `ends` are their ends, counted from `base` before the record's first byte.
    Regular { ends: &'a [u32], base: usize, quote: Option<u8> },
    /// Fields were unquoted into a copy.
    Copied { fields: &'a [(u32, u32)] },
}

impl<'a> Record<'a> {
    /// Number of the record in the file from 1; header, blank and comment lines count, line ends inside quotes do not.
    pub fn row(&self) -> u64 {
        self.row
    }

    /// Offset of the record's first byte in the stream.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        match self.layout {
            Layout::Regular { ends, .. } => ends.len(),
            Layout::Copied { fields } => fields.len(),
        }
    }

    /// Only a record with a [`Problem`] has no field.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The field without its quotes.
    pub fn bytes(&self, index: usize) -> Option<&'a [u8]> {
        self.bytes.get(self.range(index)?)
    }

    /// The field without its quotes; empty when there is no such field.
    ///
    /// # Errors
    /// [`NotText`] when the field is not UTF-8.
    #[inline]
    pub fn text(&self, index: usize) -> Result<&'a str, NotText> {
        let Some(range) = self.range(index) else { return Ok("") };
        if range.is_empty() {
            return Ok("");
        }
        match self.text.and_then(|text| text.get(range.clone())) {
            Some(text) => Ok(text),
            None => std::str::from_utf8(&self.bytes[range]).map_err(|_| NotText { column: index }),
        }
    }

    /// The whole record as in the file, without its line end. Of a record that is too long, the part within the limit.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Such a record has no fields; the reader goes on with the next.
    pub fn problem(&self) -> Option<Problem> {
        self.problem
    }

    #[inline]
    fn range(&self, index: usize) -> Option<Range<usize>> {
        match self.layout {
            Layout::Regular { ends, base, quote } => {
                let end = *ends.get(index)? as usize - base;
                // the last one ends before a carriage return
                let end = end.min(self.bytes.len());
                let start = if index == 0 { 0 } else { ends[index - 1] as usize - base + 1 };
                let quoted = end >= start + 2 && quote.is_some_and(|q| self.bytes[start] == q);
                Some(if quoted { start + 1..end - 1 } else { start..end })
            }
            Layout::Copied { fields } => {
                let (start, end) = *fields.get(index)?;
                Some(start as usize..end as usize)
            }
        }
    }
}

/// Reads records from a stream.
///
/// ```
/// use formats::csv::{Dialect, Records};
/// let mut records = Records::new(&b"ip,note\n192.0.2.1,\"a, \"\"b\"\"\"\n"[..], Dialect::default());
/// let header = records.next()?.unwrap();
/// assert_eq!((header.row(), header.len(), header.text(0)), (1, 2, Ok("ip")));
/// let record = records.next()?.unwrap();
/// assert_eq!((record.row(), record.offset(), record.text(1)), (2, 8, Ok("a, \"b\"")));
/// assert_eq!(record.raw(), b"192.0.2.1,\"a, \"\"b\"\"\"");
/// assert!(records.next()?.is_none());
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct Records<R> {
    input: R,
    dialect: Dialect,
    limit: usize,
    buffer: Vec<u8>,
    /// The unread part of the buffer.
    start: usize,
    end: usize,
    /// Offset in the stream of the buffer's first byte.
    base: u64,
    /// The stream has ended; what is left is in the buffer.
    ended: bool,
    /// Something was read before: no byte order mark is to be expected.
    begun: bool,
    /// The rest of the line is dropped before the next record.
    skip_line: bool,
    row: u64,
    index: Index,
    /// Fields of the current record, when it is not regular, and where they stand in `copy`.
    fields: Vec<(u32, u32)>,
    copy: Vec<u8>,
    current: Current,
}

/// The record last found.
#[derive(Debug, Default)]
struct Current {
    /// Place in the buffer, without line end.
    raw: Range<usize>,
    /// Where its fields end in the index; `None` when they were copied.
    ends: Option<Range<usize>>,
    problem: Option<Problem>,
}

impl<R: Read> Records<R> {
    pub fn new(input: R, dialect: Dialect) -> Self {
        Self::with_sizes(input, dialect, WINDOW, RECORD_LIMIT)
    }

    fn with_sizes(input: R, dialect: Dialect, window: usize, limit: usize) -> Self {
        Self {
            input,
            dialect,
            limit,
            buffer: vec![0; window],
            start: 0,
            end: 0,
            base: 0,
            ended: false,
            begun: false,
            skip_line: false,
            row: 0,
            index: Index::default(),
            fields: Vec::new(),
            copy: Vec::new(),
            current: Current::default(),
        }
    }

    /// The next record that is neither blank nor a comment.
    ///
    /// # Errors
    /// Those of the input. Bad records are no error here: see [`Record::problem`].
    #[allow(clippy::should_implement_trait, reason = "a record borrows the reader's buffer, which an Iterator cannot say")]
    pub fn next(&mut self) -> io::Result<Option<Record<'_>>> {
        if !self.advance()? {
            return Ok(None);
        }
        let Current { raw, ends, problem } = &self.current;
        let start = raw.start;
        let raw = &self.buffer[raw.clone()];
        let (layout, bytes) = match ends {
            Some(ends) => (Layout::Regular { ends: &self.index.ends[ends.clone()], base: start, quote: self.dialect.quote }, raw),
            None => (Layout::Copied { fields: &self.fields }, self.copy.as_slice()),
        };
        let offset = self.base + start as u64;
        Ok(Some(Record { row: self.row, offset, raw, bytes, text: std::str::from_utf8(bytes).ok(), layout, problem: *problem }))
    }

    /// Finds the next record; false at the end.
    fn advance(&mut self) -> io::Result<bool> {
        loop {
            if self.skip_line && !self.drop_line()? {
                return Ok(false);
            }
            if self.start == self.end {
                if self.ended {
                    return Ok(false);
                }
                self.refill()?;
                continue;
            }
            if self.dialect.comment == Some(self.buffer[self.start]) {
                self.row += 1;
                self.skip_line = true;
                continue;
            }
            let Some((fields, line_end, plain)) = self.index.record() else {
                if self.find_irregular() {
                    return Ok(true);
                }
                self.refill()?;
                continue;
            };
            let mut content_end = line_end;
            if content_end > self.start && self.buffer[content_end - 1] == b'\r' {
                content_end -= 1;
            }
            if !plain || content_end - self.start > self.limit {
                if self.find_irregular() {
                    return Ok(true);
                }
                self.refill()?;
                continue;
            }
            self.row += 1;
            let raw = self.start..content_end;
            self.start = (line_end + 1).min(self.end);
            if !raw.is_empty() {
                self.current = Current { raw, ends: Some(fields), problem: None };
                return Ok(true);
            }
        }
    }

    /// Reads the record at `start` byte by byte; false when more of it must be in the buffer first.
    fn find_irregular(&mut self) -> bool {
        let start = self.start;
        // room for a record of full length and its line end
        let end = self.end.min(start + self.limit + 2);
        let rest = &self.buffer[start..end];
        self.fields.clear();
        self.copy.clear();
        let enough = self.ended || end == start + self.limit + 2;
        if !enough && !self.index.reaches_line_end() {
            return false;
        }
        let outcome = parse(rest, self.dialect, self.ended && end == self.end, &mut self.copy, &mut self.fields);
        if !enough && matches!(outcome, Outcome::Cut { .. }) {
            return false;
        }
        self.row += 1;
        let (content, next, problem) = match outcome {
            Outcome::Whole { content, next } if content <= self.limit => (content, next, None),
            Outcome::Whole { next, .. } => (self.limit, next, Some(Problem::TooLong { limit: self.limit })),
            Outcome::Cut { in_quotes } => match memchr::memchr(b'\n', rest) {
                Some(line) if in_quotes => (line - usize::from(rest[..line].ends_with(b"\r")), line + 1, Some(Problem::UnclosedQuote)),
                None if in_quotes && end == self.end && self.ended => (rest.len(), rest.len(), Some(Problem::UnclosedQuote)),
                _ => {
                    self.skip_line = true;
                    (rest.len().min(self.limit), rest.len(), Some(Problem::TooLong { limit: self.limit }))
                }
            },
        };
        if problem.is_some() {
            self.fields.clear();
            self.copy.clear();
        }
        self.current = Current { raw: start..start + content, ends: None, problem };
        self.start = start + next;
        if !self.skip_line && !self.index.resume_at(self.start) {
            self.rebuild_index();
        }
        true
    }

    /// Drops what is left of a line; false when the stream ended in it.
    fn drop_line(&mut self) -> io::Result<bool> {
        loop {
            if let Some(line) = memchr::memchr(b'\n', &self.buffer[self.start..self.end]) {
                self.start += line + 1;
                break;
            }
            self.start = self.end;
            if self.ended {
                return Ok(false);
            }
            self.refill()?;
        }
        self.skip_line = false;
        if !self.index.resume_at(self.start) {
            self.rebuild_index();
        }
        Ok(true)
    }

    /// Moves the unread part to the front, reads until the buffer is full (a bigger one when it was) and indexes it.
    fn refill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.base += self.start as u64;
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            self.buffer.resize(self.end * 2, 0);
        }
        while self.end < self.buffer.len() {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if !self.begun {
            self.begun = true;
            if self.buffer[..self.end].starts_with(b"\xef\xbb\xbf") {
                self.start = 3;
            }
        }
        self.rebuild_index();
        Ok(())
    }

    fn rebuild_index(&mut self) {
        self.index.build(&self.buffer[..self.end], self.start, self.ended, self.dialect);
    }
}

/// Where the fields and records of a buffer end, as far as its quoting is regular.
#[derive(Debug, Default)]
struct Index {
    /// Ends of fields. The first `filled` are meant; the rest is room.
    ends: Vec<u32>,
    filled: usize,
    /// Places in `ends` of the fields that end a line.
    lines: Vec<u32>,
    /// Positions of doubled quotes.
    doubled: Vec<u32>,
    /// From here on quoting is irregular and the index means nothing.
    valid_until: usize,
    /// How much of `ends`, `lines` and `doubled` has been taken.
    next_end: usize,
    next_line: usize,
    next_doubled: usize,
}

impl Index {
    /// The next record: its fields' places in `ends`, the position of its line end, and whether it has only plain fields.
    /// When it has not, it must be read byte by byte and [`Index::resume_at`] called.
    #[inline]
    fn record(&mut self) -> Option<(Range<usize>, usize, bool)> {
        let last = *self.lines.get(self.next_line)? as usize;
        let line_end = self.ends[last] as usize;
        let plain = line_end < self.valid_until && self.doubled.get(self.next_doubled).is_none_or(|at| *at as usize > line_end);
        let fields = self.next_end..last + 1;
        if plain {
            self.next_end = last + 1;
            self.next_line += 1;
        }
        Some((fields, line_end, plain))
    }

    /// Whether a line is known to end in the buffer, by whatever reading of the quotes.
    fn reaches_line_end(&self) -> bool {
        self.next_line < self.lines.len() || self.valid_until != usize::MAX
    }

    /// Goes on with the record that starts at `position`, found by other means; false when the index does not reach so far
    /// or was derived from another reading of what lies before.
    fn resume_at(&mut self, position: usize) -> bool {
        if position > self.valid_until {
            return false;
        }
        while let Some(last) = self.lines.get(self.next_line) {
            let line_end = self.ends[*last as usize] as usize;
            if line_end >= position {
                break;
            }
            self.next_end = *last as usize + 1;
            self.next_line += 1;
        }
        // a record starts where the index thinks so, too
        let known = self.next_end > 0 && self.ends[self.next_end - 1] as usize + 1 == position;
        while self.doubled.get(self.next_doubled).is_some_and(|at| (*at as usize) < position) {
            self.next_doubled += 1;
        }
        known
    }

    /// Indexes `buffer[start..]`; a record starts at `start`.
    fn build(&mut self, buffer: &[u8], start: usize, ended: bool, dialect: Dialect) {
        self.filled = 0;
        self.lines.clear();
        self.doubled.clear();
        self.valid_until = usize::MAX;
        (self.next_end, self.next_line, self.next_doubled) = (0, 0, 0);
        // Carried from block to block: all ones inside quotes; whether the byte before was a separator or quote, a quote, a closing one.
        let (mut inside, mut before_field, mut before_quote, mut before_close) = (0_u64, 1_u64, 0_u64, 0_u64);
        let mut position = start;
        while position < buffer.len() {
            let (mut found, valid) = match buffer[position..].first_chunk::<64>() {
                Some(block) => (find(block, dialect), u64::MAX),
                None => {
                    let rest = &buffer[position..];
                    let mut block = [0; 64];
                    block[..rest.len()].copy_from_slice(rest);
                    (find(&block, dialect), (1 << rest.len()) - 1)
                }
            };
            found.delimiters &= valid;
            found.quotes &= valid;
            let separators = found.delimiters | found.lines;
            let mut outside = separators;
            if found.quotes | inside | before_close != 0 {
                let quoted = prefix_xor(found.quotes) ^ inside;
                let opening = found.quotes & quoted;
                let closing = found.quotes & !quoted;
                let after_quote = found.quotes << 1 | before_quote;
                let stray = opening & !((separators | found.quotes) << 1 | before_field);
                let doubled = opening & after_quote;
                let trailing = (closing << 1 | before_close) & !(separators | found.quotes) & valid;
                if stray | doubled | trailing != 0 {
                    self.note_irregular(buffer, position, ended, stray, doubled, trailing);
                }
                outside &= !quoted;
                inside = 0_u64.wrapping_sub(quoted >> 63);
                before_quote = found.quotes >> 63;
                before_close = closing >> 63;
            } else {
                before_quote = 0;
            }
            before_field = (separators | found.quotes) >> 63;
            self.note_ends(position, outside, found.lines & outside);
            if self.valid_until != usize::MAX {
                return;
            }
            position += 64;
        }
        // The last record may lack its line end.
        let unended = match self.lines.last() {
            Some(last) => self.ends[*last as usize] as usize + 1 < buffer.len(),
            None => start < buffer.len(),
        };
        if ended && inside == 0 && unended {
            self.note_ends(buffer.len(), 1, 1);
        }
    }

    fn note_ends(&mut self, position: usize, mut outside: u64, mut lines: u64) {
        if self.ends.len() < self.filled + 64 {
            self.ends.resize((self.filled + 64).max(self.ends.len() * 2), 0);
        }
        while lines != 0 {
            let before = outside & (lines - 1) & !lines;
            self.lines.push((self.filled + before.count_ones() as usize) as u32);
            lines &= lines - 1;
        }
        let Some(room) = self.ends[self.filled..].first_chunk_mut::<64>() else { return };
        self.filled += outside.count_ones() as usize;
        let mut at = 0;
        while outside != 0 {
            room[at & 63] = position as u32 + outside.trailing_zeros();
            outside &= outside - 1;
            at += 1;
        }
    }

    #[cold]
    fn note_irregular(&mut self, buffer: &[u8], position: usize, ended: bool, stray: u64, doubled: u64, mut trailing: u64) {
        let mut bits = doubled;
        while bits != 0 {
            self.doubled.push((position + bits.trailing_zeros() as usize) as u32);
            bits &= bits - 1;
        }
        // After a closing quote a carriage return is regular when it belongs to the line end.
        bits = trailing;
        while bits != 0 {
            let at = position + bits.trailing_zeros() as usize;
            let line_end = buffer.get(at + 1).map_or(ended, |next| *next == b'\n');
            if buffer[at] == b'\r' && line_end {
                trailing &= !(bits & bits.wrapping_neg());
            }
            bits &= bits - 1;
        }
        if stray | trailing != 0 {
            self.valid_until = position + (stray | trailing).trailing_zeros() as usize;
        }
    }
}

/// Bit n of each says that byte n of a block is such.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Found {
    delimiters: u64,
    quotes: u64,
    lines: u64,
}

/// Bit n is the xor of all bits up to and with n.
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// The bytes that matter in a block, found with whole-word arithmetic: vector instructions would need `unsafe`,
/// and this is far from being the slowest step.
fn find(block: &[u8; 64], dialect: Dialect) -> Found {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let words: [u64; 8] = std::array::from_fn(|n| u64::from_le_bytes(block.as_chunks::<8>().0[n]));
    let mask = |wanted: u8| -> u64 {
        let mut bits = 0;
        for (n, word) in words.iter().enumerate() {
            let differs = word ^ u64::from_ne_bytes([wanted; 8]);
            // the high bit of each byte that is zero, then the eight of them side by side
            let equal = !(((differs & LOW) + LOW) | differs | LOW);
            bits |= ((equal >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * n);
        }
        bits
    };
    Found { delimiters: mask(dialect.delimiter), quotes: dialect.quote.map_or(0, mask), lines: mask(b'\n') }
}

/// What [`parse`] found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Outcome {
    /// The record has `content` bytes; the next begins at `next`.
    Whole { content: usize, next: usize },
    /// The bytes ended before the record did.
    Cut { in_quotes: bool },
}

/// Reads the record at the start of `bytes`, as Python's `csv` does when it is not strict: a quote opens only at the start
/// of a field, a doubled quote inside quotes stands for one, text after a closing quote belongs to the field.
/// `ended` says that nothing follows `bytes`.
fn parse(bytes: &[u8], dialect: Dialect, ended: bool, copy: &mut Vec<u8>, fields: &mut Vec<(u32, u32)>) -> Outcome {
    let mut field_start = copy.len();
    let mut end_field = |copy: &Vec<u8>, field_start: &mut usize| {
        fields.push((*field_start as u32, copy.len() as u32));
        *field_start = copy.len();
    };
    let (mut at, mut fresh) = (0, true);
    while let Some(&byte) = bytes.get(at) {
        if fresh && Some(byte) == dialect.quote {
            fresh = false;
            at += 1;
            loop {
                let Some(length) = memchr::memchr(byte, &bytes[at..]) else { return Outcome::Cut { in_quotes: true } };
                copy.extend_from_slice(&bytes[at..at + length]);
                at += length + 1;
                if bytes.get(at) != Some(&byte) {
                    break;
                }
                copy.push(byte);
                at += 1;
            }
        } else if byte == dialect.delimiter {
            end_field(copy, &mut field_start);
            fresh = true;
            at += 1;
        } else if byte == b'\n' {
            end_field(copy, &mut field_start);
            return Outcome::Whole { content: at, next: at + 1 };
        } else if byte == b'\r' && bytes.get(at + 1).map_or(ended, |next| *next == b'\n') {
            end_field(copy, &mut field_start);
            return Outcome::Whole { content: at, next: bytes.len().min(at + 2) };
        } else {
            copy.push(byte);
            fresh = false;
            at += 1;
        }
    }
    if !ended {
        return Outcome::Cut { in_quotes: false };
    }
    end_field(copy, &mut field_start);
    Outcome::Whole { content: at, next: at }
}

/// The record that `bytes` start with, as in the file, without its line end: shows the original of a row whose offset is known.
///
/// ```
/// use formats::csv::{Dialect, record_at};
/// assert_eq!(record_at(b"a,\"b\nc\"\r\nd,e\n", Dialect::default()), b"a,\"b\nc\"");
/// ```
pub fn record_at(bytes: &[u8], dialect: Dialect) -> &[u8] {
    let within = &bytes[..bytes.len().min(RECORD_LIMIT + 2)];
    match parse(within, dialect, within.len() == bytes.len(), &mut Vec::new(), &mut Vec::new()) {
        Outcome::Whole { content, .. } => &bytes[..content.min(RECORD_LIMIT)],
        Outcome::Cut { in_quotes } => {
            let line = if in_quotes { memchr::memchr(b'\n', within) } else { None };
            let line = line.map_or(&within[..within.len().min(RECORD_LIMIT)], |end| &within[..end]);
            line.strip_suffix(b"\r").unwrap_or(line)
        }
    }
}

/// Guesses the dialect from the first lines: the delimiter (of `,` `;` tab `|`) that cuts them into the same number of
/// fields, the most fields winning; `#` is a comment sign when the first line starts with it.
///
/// ```
/// use formats::csv::sniff;
/// assert_eq!(sniff("time;ip\n2026-03-23 00:00,5;192.0.2.1\n").delimiter, b';');
/// ```
pub fn sniff(head: &str) -> Dialect {
    let comment = head.starts_with('#').then_some(b'#');
    // The last line may be cut.
    let whole = head.rfind('\n').map_or(head, |end| &head[..=end]);
    let score = |delimiter: u8| -> (usize, usize) {
        let dialect = Dialect { delimiter, comment, ..Dialect::default() };
        let mut records = Records::with_sizes(whole.as_bytes(), dialect, 4096, RECORD_LIMIT);
        let mut widths = Vec::new();
        while widths.len() < 20 {
            let Ok(Some(record)) = records.next() else { break };
            widths.push(record.len());
        }
        let Some(&first) = widths.first() else { return (0, 0) };
        let alike = widths.iter().filter(|width| **width == first).count();
        if first < 2 { (0, 0) } else { (alike * 100 / widths.len(), first) }
    };
    // Most alike first; of equals, the one with the most fields; of equals, the first here.
    let mut best = ((0, 0), b',');
    for delimiter in [b',', b';', b'\t', b'|'] {
        let this = score(delimiter);
        if this > best.0 {
            best = (this, delimiter);
        }
    }
    Dialect { delimiter: best.1, comment, ..Dialect::default() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Hands out a few bytes at a time.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(out.len()).min(self.0.len());
            out[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[derive(Debug, Eq, PartialEq)]
    struct Owned {
        row: u64,
        offset: u64,
        raw: Vec<u8>,
        fields: Vec<Vec<u8>>,
        problem: Option<Problem>,
    }

    fn read_with(bytes: &[u8], dialect: Dialect, drip: usize, window: usize, limit: usize) -> Vec<Owned> {
        let mut records = Records::with_sizes(Drip(bytes, drip), dialect, window, limit);
        let mut all = Vec::new();
        while let Some(record) = records.next().unwrap() {
            let fields: Vec<_> = (0..record.len()).map(|n| record.bytes(n).unwrap().to_vec()).collect();
            for (n, field) in fields.iter().enumerate() {
                assert_eq!(record.text(n).ok(), std::str::from_utf8(field).ok());
            }
            assert_eq!((record.bytes(fields.len()), record.text(fields.len())), (None, Ok("")));
            all.push(Owned { row: record.row(), offset: record.offset(), raw: record.raw().to_vec(), fields, problem: record.problem() });
        }
        all
    }

    fn read(bytes: &[u8], dialect: Dialect) -> Vec<Owned> {
        read_with(bytes, dialect, usize::MAX, WINDOW, RECORD_LIMIT)
    }

    /// The whole reader written as plainly as can be: one state machine over the whole file.
    fn reference(bytes: &[u8], dialect: Dialect, limit: usize) -> Vec<Owned> {
        #[derive(PartialEq)]
        enum At {
            FieldStart,
            Plain,
            Quoted,
            Closed,
        }
        let mut all = Vec::new();
        let mut start = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let mut row = 0;
        while start < bytes.len() {
            row += 1;
            let next_line = |from: usize| (from..bytes.len()).find(|at| bytes[*at] == b'\n').map_or(bytes.len(), |at| at + 1);
            if dialect.comment == Some(bytes[start]) {
                start = next_line(start);
                continue;
            }
            let (mut fields, mut field, mut at, mut state) = (Vec::new(), Vec::new(), start, At::FieldStart);
            let mut problem = None;
            let end = loop {
                if at - start >= limit + 2 {
                    problem = Some(if state == At::Quoted { Problem::UnclosedQuote } else { Problem::TooLong { limit } });
                    break at;
                }
                let Some(&byte) = bytes.get(at) else {
                    if state == At::Quoted {
                        problem = Some(Problem::UnclosedQuote);
                    }
                    break at;
                };
                let quote = Some(byte) == dialect.quote;
                let line_end = byte == b'\n' || (byte == b'\r' && bytes.get(at + 1).is_none_or(|next| *next == b'\n'));
                match state {
                    At::FieldStart if quote => state = At::Quoted,
                    At::Quoted if quote => state = At::Closed,
                    At::Quoted => field.push(byte),
                    At::Closed if quote => {
                        field.push(byte);
                        state = At::Quoted;
                    }
                    _ if byte == dialect.delimiter => {
                        fields.push(std::mem::take(&mut field));
                        state = At::FieldStart;
                    }
                    _ if line_end => break at,
                    _ => {
                        field.push(byte);
                        state = At::Plain;
                    }
                }
                at += 1;
            };
            fields.push(field);
            if problem.is_none() && end - start > limit {
                problem = Some(Problem::TooLong { limit });
            }
            let line = next_line(start);
            let (raw, next) = match problem {
                None => (&bytes[start..end], next_line(end)),
                Some(Problem::UnclosedQuote) if line - start <= limit + 2 => {
                    let text = bytes[start..line].strip_suffix(b"\n").unwrap_or(&bytes[start..line]);
                    (if line < bytes.len() || bytes.ends_with(b"\n") { text.strip_suffix(b"\r").unwrap_or(text) } else { text }, line)
                }
                Some(_) => {
                    problem = Some(Problem::TooLong { limit });
                    (&bytes[start..start + limit], next_line(end))
                }
            };
            if !(problem.is_none() && raw.is_empty()) {
                let fields = if problem.is_some() { Vec::new() } else { fields };
                all.push(Owned { row, offset: start as u64, raw: raw.to_vec(), fields, problem });
            }
            start = next;
        }
        all
    }

    fn texts(records: &[Owned]) -> Vec<Vec<String>> {
        records.iter().map(|r| r.fields.iter().map(|f| String::from_utf8_lossy(f).into_owned()).collect()).collect()
    }

    #[test]
    fn quotes_may_hold_delimiters_line_ends_and_quotes() {
        let records = read(b"a,b\r\n\"1,\n2\",\"say \"\"hi\"\"\"\r\n,\"\"\nlast,x", Dialect::default());
        assert_eq!(texts(&records), [vec!["a", "b"], vec!["1,\n2", "say \"hi\""], vec!["", ""], vec!["last", "x"]]);
        assert_eq!(records.iter().map(|r| r.row).collect::<Vec<_>>(), [1, 2, 3, 4]);
    }

    #[test]
    fn stray_quotes_are_text_and_text_after_a_closing_quote_is_kept() {
        let records = read(b"5\" disk,\"a\"b,c\n\"x\",y\n", Dialect::default());
        assert_eq!(texts(&records), [vec!["5\" disk", "ab", "c"], vec!["x", "y"]]);
    }

    #[test]
    fn blank_and_comment_lines_count_as_rows_but_are_not_records() {
        let dialect = Dialect { comment: Some(b'#'), ..Dialect::default() };
        let records = read(b"\xef\xbb\xbf# it's \"odd\n\na,\"b\"\n\r\n#\nc", dialect);
        assert_eq!(records.iter().map(|r| (r.row, r.offset)).collect::<Vec<_>>(), [(3, 16), (6, 26)]);
    }

    #[test]
    fn an_unclosed_quote_costs_one_line_only() {
        for more in [0, 3 * RECORD_LIMIT] {
            let mut text = b"a,b\n\"open,1\n".to_vec();
            while text.len() < more {
                text.extend_from_slice(b"c,d\n");
            }
            text.extend_from_slice(b"e,f\n");
            let records = read(&text, Dialect::default());
            assert_eq!(records[1].problem, Some(Problem::UnclosedQuote));
            assert_eq!((records[1].raw.as_slice(), records[1].row), (&b"\"open,1"[..], 2));
            assert_eq!(records.last().unwrap().fields, [b"e", b"f"]);
            assert_eq!(records.len(), (text.len() + 1) / 4 - 1);
        }
    }

    #[test]
    fn a_line_without_end_is_skipped_in_constant_memory() {
        let long = io::repeat(b'x').take(64 << 20);
        let mut records = Records::new((&b"a,b\n"[..]).chain(long).chain(&b"\nc,d\n"[..]), Dialect::default());
        assert_eq!(records.next().unwrap().unwrap().len(), 2);
        let record = records.next().unwrap().unwrap();
        assert_eq!((record.row(), record.len(), record.problem()), (2, 0, Some(Problem::TooLong { limit: RECORD_LIMIT })));
        let record = records.next().unwrap().unwrap();
        assert_eq!((record.row(), record.text(1)), (3, Ok("d")));
        assert!(records.next().unwrap().is_none());
        assert!(records.buffer.len() <= 4 * RECORD_LIMIT);
    }

    #[test]
    fn a_field_that_is_not_utf8_is_named_and_the_others_are_read() {
        let mut records = Records::new(&b"ok,\xff\xfe,\xc3\xa9\n"[..], Dialect::default());
        let record = records.next().unwrap().unwrap();
        assert_eq!((record.text(0), record.text(2)), (Ok("ok"), Ok("\u{e9}")));
        assert_eq!(record.text(1).unwrap_err().to_string(), "column 2 is not UTF-8");
    }

    #[test]
    fn the_delimiter_is_seen_in_the_first_lines() {
        for (head, delimiter) in [
            ("a,b,c\n1,2,3\n", b','),
            ("a;b\n\"1,5\";2\n\"1,5\";", b';'),
            ("a\tb, c\n1\t2\n", b'\t'),
            ("a|b|c\n", b'|'),
            ("one\ntwo\n", b','),
            ("", b','),
        ] {
            assert_eq!(sniff(head).delimiter, delimiter, "{head:?}");
        }
        assert_eq!(sniff("# a\n1;2\n").comment, Some(b'#'));
    }

    fn dialects() -> impl Strategy<Value = Dialect> {
        (
            prop_oneof![Just(b','), Just(b';'), Just(b'\t')],
            prop_oneof![3 => Just(Some(b'"')), 1 => Just(None)],
            proptest::option::of(Just(b'#')),
        )
            .prop_map(|(delimiter, quote, comment)| Dialect { delimiter, quote, comment })
    }

    /// Texts dense in what matters, and long enough to cross blocks.
    fn messy() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            4 => Just(&b","[..]),
            2 => Just(&b"\n"[..]),
            1 => Just(&b"\r\n"[..]),
            1 => Just(&b"\r"[..]),
            2 => Just(&b"\""[..]),
            2 => Just(&b"\"\""[..]),
            2 => Just(&b",\"quoted\","[..]),
            1 => Just(&b"\"a\nb\""[..]),
            1 => Just(&b"#"[..]),
            3 => Just(&b"text"[..]),
            1 => Just(&b"\xef\xbb\xbf"[..]),
            1 => Just(&b"\xff\x00"[..]),
        ];
        proptest::collection::vec(piece, 0..120).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn the_fast_reader_reads_what_the_plain_one_reads(
            bytes in messy(), dialect in dialects(), drip in 1_usize..80, window in 3_usize..300, limit in 1_usize..400,
        ) {
            prop_assert_eq!(read_with(&bytes, dialect, drip, window, limit), reference(&bytes, dialect, limit));
        }

        #[test]
        fn any_bytes_are_read_alike_however_they_arrive(bytes: Vec<u8>, drip in 1_usize..40, window in 3_usize..100) {
            let whole = read(&bytes, Dialect::default());
            prop_assert_eq!(read_with(&bytes, Dialect::default(), drip, window, RECORD_LIMIT), reference(&bytes, Dialect::default(), RECORD_LIMIT));
            for record in whole.iter().filter(|r| r.problem.is_none()) {
                prop_assert_eq!(record_at(&bytes[record.offset as usize..], Dialect::default()), record.raw.as_slice());
            }
        }

        #[test]
        fn what_is_written_is_read_back(rows in proptest::collection::vec(proptest::collection::vec("[a-z\"\\n\r,é]{0,9}", 1..6), 1..9)) {
            let quoted = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
            let text: String = rows.iter().map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n").collect();
            prop_assert_eq!(texts(&read(text.as_bytes(), Dialect::default())), rows);
        }

        #[test]
        fn guessing_a_dialect_never_panics(head in ".{0,200}") {
            let _ = sniff(&head);
        }
    }
}
