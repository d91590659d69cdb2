//! Objects of a registry's database as its split files write them (RFC 2622 §2): `inetnum`, `organisation`, `role`, …
//!
//! A dump of RIPE has many millions of objects and 10 GB. So an object is found by the blank line behind it, its class is
//! looked at first, and attributes are read only of objects that are wanted. Memory is constant: an object is at most
//! [`OBJECT_LIMIT`] long, a longer one is reported and skipped.

use std::borrow::Cow;
use std::io::{self, Read};

use memchr::memmem::Finder;

/// The longest object that is read, in bytes.
pub const OBJECT_LIMIT: usize = 1 << 20;

const CHUNK: usize = 256 << 10;

/// One object: attributes with names and values, in the order of the file.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a> {
    row: u64,
    bytes: &'a [u8],
}

/// The object begins in this row but is longer than [`OBJECT_LIMIT`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("row {row}: the object is longer than {OBJECT_LIMIT} bytes")]
pub struct TooLong {
    pub row: u64,
}

impl<'a> Object<'a> {
    /// The line on which it begins, from 1.
    pub fn row(&self) -> u64 {
        self.row
    }

    /// Name and value of the first attribute: `inetnum` and its range, `role` and its name.
    pub fn first(&self) -> Option<(&'a str, Cow<'a, [u8]>)> {
        self.attributes().next()
    }

    /// Attributes in order. Names are as written; compare them without case. Values have no comment (from `#`) and no spaces
    /// around them; lines that go on with a value (RFC 2622 §2: a space, a tab or `+` at their beginning) are joined by a space.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes { rest: self.bytes }
    }
}

/// See [`Object::attributes`].
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a str, Cow<'a, [u8]>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = cut_line(&mut self.rest)?;
            // Comments; what goes on with nothing; what is no attribute.
            if line.first().is_none_or(|c| matches!(c, b'#' | b'%' | b' ' | b'\t' | b'+')) {
                continue;
            }
            let Some(colon) = memchr::memchr(b':', line) else { continue };
            let Ok(name) = std::str::from_utf8(line[..colon].trim_ascii_end()) else { continue };
            let mut value = Cow::Borrowed(uncommented(&line[colon + 1..]));
            while let Some(b' ' | b'\t' | b'+') = self.rest.first() {
                let Some(more) = cut_line(&mut self.rest) else { break };
                let more = uncommented(&more[1..]);
                if !more.is_empty() {
                    let joined = value.to_mut();
                    if !joined.is_empty() {
                        joined.push(b' ');
                    }
                    joined.extend_from_slice(more);
                }
            }
            return Some((name, value));
        }
    }
}

fn cut_line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    if rest.is_empty() {
        return None;
    }
    let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    let line = &rest[..end];
    *rest = rest.get(end + 1..).unwrap_or_default();
    Some(line)
}

fn uncommented(value: &[u8]) -> &[u8] {
    let value = memchr::memchr(b'#', value).map_or(value, |at| &value[..at]);
    value.trim_ascii()
}

/// A value as text: UTF-8, else Latin-1, in which RIPE's split files are written.
///
/// ```
/// assert_eq!(formats::rpsl::text(b"Universit\xe4t"), "Universität");
/// ```
pub fn text(value: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(value) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => value.iter().map(|b| char::from(*b)).collect::<String>().into(),
    }
}

/// It looks like a dump: after comments and blank lines comes an attribute of a class that is known.
///
/// ```
/// assert!(formats::rpsl::recognise(b"# split file\n\ninetnum:  192.0.2.0 - 192.0.2.255\n"));
/// assert!(!formats::rpsl::recognise(b"id,kind\n"));
/// ```
pub fn recognise(head: &[u8]) -> bool {
    const CLASSES: [&str; 22] = [
        "inetnum",
        "inet6num",
        "aut-num",
        "organisation",
        "role",
        "person",
        "irt",
        "mntner",
        "key-cert",
        "as-block",
        "as-set",
        "route",
        "route6",
        "route-set",
        "domain",
        "filter-set",
        "inet-rtr",
        "peering-set",
        "rtr-set",
        "poem",
        "poetic-form",
        "limerick",
    ];
    let mut rest = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    while let Some(line) = cut_line(&mut rest) {
        if !matches!(line.first(), None | Some(b'#' | b'%' | b'\r')) {
            let name = line.split(|c| *c == b':').next().filter(|name| name.len() < line.len());
            return name.is_some_and(|name| CLASSES.iter().any(|class| name.trim_ascii_end().eq_ignore_ascii_case(class.as_bytes())));
        }
    }
    false
}

/// Streams the objects of a dump.
///
/// ```
/// use formats::rpsl::Objects;
/// let mut objects = Objects::new(&b"# head\n\nrole: Abuse  # one\n+ Desk\nabuse-mailbox: a@isp.example\n\nirt: X\n"[..]);
/// let role = objects.next()?.unwrap().unwrap();
/// assert_eq!((role.row(), role.first().unwrap().1.as_ref()), (3, &b"Abuse Desk"[..]));
/// assert_eq!(objects.next()?.unwrap().unwrap().first().unwrap().0, "irt");
/// assert!(objects.next()?.is_none());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Objects<R> {
    input: R,
    window: Vec<u8>,
    start: usize,
    end: usize,
    /// Line of the window's first unread byte.
    row: u64,
    ended: bool,
    blank: Finder<'static>,
    blank_crlf: Finder<'static>,
    /// Line ends seen so far are `\r\n`.
    crlf: Option<bool>,
}

impl<R: Read> Objects<R> {
    pub fn new(input: R) -> Self {
        Self {
            input,
            window: vec![0; CHUNK],
            start: 0,
            end: 0,
            row: 1,
            ended: false,
            blank: Finder::new("\n\n"),
            blank_crlf: Finder::new("\n\r\n"),
            crlf: None,
        }
    }

    /// The next object; `None` at the end. Comments between objects are none.
    ///
    /// # Errors
    /// Those of the input.
    #[expect(clippy::should_implement_trait, reason = "an object borrows the window, which an Iterator cannot say")]
    pub fn next(&mut self) -> io::Result<Option<Result<Object<'_>, TooLong>>> {
        loop {
            self.skip_between()?;
            if self.start == self.end {
                return Ok(None);
            }
            let row = self.row;
            let Some(length) = self.find_end()? else {
                self.skip_long()?;
                return Ok(Some(Err(TooLong { row })));
            };
            let from = self.start;
            self.take(length);
            let bytes = &self.window[from..from + length];
            // A comment with a blank line behind it is no object, though it may stand before the first attribute of one.
            if bytes.split(|c| *c == b'\n').any(|line| !matches!(line.first(), None | Some(b'#' | b'%' | b'\r'))) {
                let bytes = &self.window[from..from + length];
                return Ok(Some(Ok(Object { row, bytes })));
            }
        }
    }

    /// Hands over `length` bytes.
    fn take(&mut self, length: usize) {
        let taken = &self.window[self.start..self.start + length];
        self.row += memchr::memchr_iter(b'\n', taken).count() as u64;
        self.start += length;
    }

    /// Blank lines and comment lines before an object.
    fn skip_between(&mut self) -> io::Result<()> {
        loop {
            if self.start == self.end && !self.fill()? {
                return Ok(());
            }
            match self.window[self.start] {
                b'\n' | b'\r' => self.take(1),
                b'#' | b'%' => loop {
                    if let Some(end) = memchr::memchr(b'\n', &self.window[self.start..self.end]) {
                        self.take(end + 1);
                        break;
                    }
                    self.start = self.end;
                    if !self.fill()? {
                        return Ok(());
                    }
                },
                _ => return Ok(()),
            }
        }
    }

    /// Length of the object that begins at `start`, with its last line end; `None` when it is too long.
    fn find_end(&mut self) -> io::Result<Option<usize>> {
        let mut looked = 0;
        loop {
            let rest = &self.window[self.start..self.end];
            if self.crlf.is_none()
                && let Some(end) = memchr::memchr(b'\n', rest)
            {
                self.crlf = Some(end > 0 && rest[end - 1] == b'\r');
            }
            let finder = if self.crlf == Some(true) { &self.blank_crlf } else { &self.blank };
            if let Some(at) = finder.find(&rest[looked..]) {
                let length = looked + at + 1;
                return Ok((length <= OBJECT_LIMIT).then_some(length));
            }
            if rest.len() > OBJECT_LIMIT {
                return Ok(None);
            }
            looked = rest.len().saturating_sub(2);
            if !self.fill()? {
                return Ok(Some(self.end - self.start));
            }
        }
    }

    /// Drops an object that is too long.
    fn skip_long(&mut self) -> io::Result<()> {
        loop {
            let finder = if self.crlf == Some(true) { &self.blank_crlf } else { &self.blank };
            if let Some(at) = finder.find(&self.window[self.start..self.end]) {
                self.take(at + 1);
                return Ok(());
            }
            // A blank line may stand across the border of two windows.
            let length = (self.end - self.start).saturating_sub(2);
            self.take(length);
            if !self.fill()? {
                self.take(self.end - self.start);
                return Ok(());
            }
        }
    }

    /// Reads more behind what is there; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if self.start > 0 {
            self.window.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.window.len() {
            self.window.resize(self.window.len() + CHUNK, 0);
        }
        loop {
            match self.input.read(&mut self.window[self.end..]) {
                Ok(0) => {
                    self.ended = true;
                    return Ok(false);
                }
                Ok(read) => {
                    self.end += read;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Seen = Vec<Result<(u64, Vec<(String, String)>), TooLong>>;

    fn read(input: impl Read) -> Seen {
        let mut objects = Objects::new(input);
        let mut seen = Vec::new();
        while let Some(object) = objects.next().unwrap() {
            seen.push(object.map(|o| (o.row(), o.attributes().map(|(n, v)| (n.to_owned(), text(&v).into_owned())).collect())));
        }
        seen
    }

    /// Gives its bytes one by one.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            to[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn values_go_on_over_lines_and_comments_are_no_part_of_them() {
        let dump = "% whois\n%\n\ninetnum:   192.0.2.0 -  # first\n           192.0.2.255\n+\n\tx\ndescr: \n# between\nsource:RIPE #auth\n\n\n\nrole: R\n";
        let want = vec![
            Ok((
                4,
                vec![
                    ("inetnum".into(), "192.0.2.0 - 192.0.2.255 x".into()),
                    ("descr".into(), String::new()),
                    ("source".into(), "RIPE".into()),
                ],
            )),
            Ok((14, vec![("role".into(), "R".into())])),
        ];
        assert_eq!(read(dump.as_bytes()), want);
        assert_eq!(read(dump.replace('\n', "\r\n").as_bytes()), want);
        assert_eq!(read(Drip(dump.as_bytes())), want);
    }

    #[test]
    fn an_object_without_end_is_named_and_the_next_is_read() {
        let mut dump = b"role: A\n\nrole: B\n".to_vec();
        dump.extend(b"remarks: more\n".repeat(OBJECT_LIMIT / 14 + 10));
        dump.extend(b"\nrole: C\n");
        let seen = read(&dump[..]);
        assert_eq!(seen[1], Err(TooLong { row: 3 }));
        assert_eq!(seen[2].as_ref().unwrap().0, 3 + 1 + (OBJECT_LIMIT / 14 + 10) as u64 + 1);
    }

    #[test]
    fn a_file_of_comments_has_no_object() {
        assert_eq!(read(&b"# a\n# b\n\n# c"[..]), []);
        assert_eq!(read(&b""[..]), []);
    }

    proptest::proptest! {
        #[test]
        fn it_does_not_matter_in_which_pieces_a_dump_arrives(text in "(role|irt|#|%|:|\n|\r\n| |\\+|\t|[a-z\u{e4}]){0,60}") {
            proptest::prop_assert_eq!(read(text.as_bytes()), read(Drip(text.as_bytes())));
            recognise(text.as_bytes());
        }
    }
}
