//! What is inside: containers opened as streams, with limits.
//!
//! A report comes in a zip in a mail in a tar; [`walk`] opens each container it recognises by its first bytes and
//! hands every leaf to a [`Visitor`] as a stream. Nothing is held whole except one mail, and a small zip that came
//! inside something that cannot be sought. Everything here was written by strangers: names are only labels, sizes
//! are not believed, and whatever is refused is named with its reason while the rest goes on.

mod compressed;
mod kind;
mod mail;
mod mbox;
mod meter;
mod peek;
mod tar;

mod zip;

use std::io::{self, Read, Seek, SeekFrom, Write};

pub use crate::mail::Header as MailHeader;

use crate::text;
use kind::Kind;
use meter::Budget;
use peek::{Headed, peek};

/// Anything that can be read and sought: a file, a buffer.
pub trait Seekable: Read + Seek {}
impl<T: Read + Seek + ?Sized> Seekable for T {}

/// A temporary store for a nested container that needs seeking.
pub trait Spool: Read + Write + Seek {}
impl<T: Read + Write + Seek + ?Sized> Spool for T {}

/// How far a walk goes before it takes the evidence for an attack.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Containers within containers.
    pub depth: u8,
    /// Decoded bytes per encoded byte of one stream; looked at once 16 MiB were decoded.
    pub ratio: u64,
    /// Bytes that all decoders together may give for one evidence.
    pub total: u64,
    /// Containers and leaves of one evidence.
    pub members: u64,
    /// Bytes of one mail, which is held in memory.
    pub mail: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 8, ratio: 1000, total: 64 << 30, members: 100_000, mail: 128 << 20 }
    }
}

/// One leaf as found: not itself a container, or one that the visitor wants whole.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Where it is, from the evidence's own name: `mail.eml/report.zip/2026-03-23-event4_sinkhole.csv`.
    pub path: &'a str,
    /// What a mail called it (`application/json`), lower case, without parameters.
    pub media_type: Option<&'a str>,
    /// The first bytes, at most 64 KiB.
    pub head: &'a [u8],
    /// `head` is all there is.
    pub whole: bool,
    /// The innermost mail it came in.
    pub mail: Option<&'a MailHeader>,
    /// The bytes are UTF-8 made from this encoding (`UTF-16LE`): offsets count in the UTF-8 text.
    pub transcoded: Option<&'static str>,
}

/// Whether a walk goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    Continue,
    Stop,
}

/// Takes what a walk finds.
pub trait Visitor {
    /// Asked before a container is opened: a source may want it as it is (an ARF mail). `true` gives it to
    /// [`Visitor::part`] unopened.
    fn wants_whole(&mut self, _path: &str, _head: &[u8]) -> bool {
        false
    }

    /// A leaf; `input` reads from its start and need not be read to the end.
    ///
    /// # Errors
    /// An error that came from `input` and holds a [`Refusal`] may be passed on: it is reported to
    /// [`Visitor::refused`] and the walk goes on. Any other error ends the walk.
    fn part(&mut self, part: &Part<'_>, input: &mut dyn Read) -> io::Result<Next>;

    /// Something inside could not be opened, and why; the rest goes on.
    fn refused(&mut self, path: &str, reason: Refusal);

    /// An empty store for a container that needs seeking and is larger than 16 MiB.
    ///
    /// # Errors
    /// When there is none: this ends the walk.
    fn spool(&mut self) -> io::Result<Box<dyn Spool>>;
}

/// Why something was not opened, or not to its end. Inside an [`io::Error`] when a reader gives it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("containers are nested more than {0} deep")]
    TooDeep(u8),
    #[error("there are more than {0} members in this evidence: the rest is left out")]
    TooManyMembers(u64),
    #[error("more than {0} bytes come out of this evidence: the rest is left out")]
    TooMuch(u64),
    #[error("{what} grows to more than {ratio} times its size: stopped after {after} bytes")]
    Bomb { what: &'static str, ratio: u64, after: u64 },
    #[error("mail is larger than {0} bytes")]
    MailTooLarge(u64),
    #[error("zip entries overlap at byte {at}: one piece of the archive is listed more than once")]
    Overlap { at: u64 },
    #[error("name {name:?} {why}")]
    UnsafeName { name: String, why: &'static str },
    #[error("{0} is not a file")]
    NotAFile(&'static str),
    #[error("{0} is encrypted: password needed")]
    Encrypted(&'static str),
    #[error("compression method {0} is not supported")]
    Method(String),
    #[error("{what} is not opened: {advice}")]
    Unsupported { what: &'static str, advice: &'static str },
    #[error("{what} ends early after {after} bytes")]
    EndsEarly { what: &'static str, after: u64 },
    #[error("{what} is damaged after {after} bytes: {reason}")]
    Damaged { what: &'static str, after: u64, reason: String },
    /// A mail that delivers a report by link, with nothing attached. Links are never followed.
    #[error("the report is only linked: {}; download it and ingest the file", links.join(", "))]
    LinkOnly { links: Vec<String> },
}

impl Refusal {
    /// The refusal that an error of one of our readers holds.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal {
            Refusal::EndsEarly { .. } => io::ErrorKind::UnexpectedEof,
            Refusal::Unsupported { .. } | Refusal::Method(_) => io::ErrorKind::Unsupported,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, refusal)
    }
}

/// Opens `input` (from its first byte) and everything in it, and hands each leaf to `visitor`, in order.
///
/// ```
/// use std::io::{self, Cursor, Read};
/// use formats::unpack::{Limits, Next, Part, Refusal, Spool, Visitor, walk};
///
/// struct Names(Vec<String>);
/// impl Visitor for Names {
///     fn part(&mut self, part: &Part<'_>, input: &mut dyn Read) -> io::Result<Next> {
///         let mut text = String::new();
///         input.read_to_string(&mut text)?;
///         self.0.push(format!("{}: {text}", part.path));
///         Ok(Next::Continue)
///     }
///     fn refused(&mut self, path: &str, reason: Refusal) {
///         self.0.push(format!("{path}: {reason}"));
///     }
///     fn spool(&mut self) -> io::Result<Box<dyn Spool>> {
///         Ok(Box::new(Cursor::new(Vec::new())))
///     }
/// }
///
/// let mail = b"From: a@example.org\nSubject: report\nMIME-Version: 1.0\n\n192.0.2.1\n";
/// let mut names = Names(Vec::new());
/// walk("report.eml", &mut Cursor::new(mail), &Limits::default(), &mut names).unwrap();
/// assert_eq!(names.0, ["report.eml/body.txt: 192.0.2.1\n"]);
/// ```
///
/// # Errors
/// When `input` itself cannot be read, or the visitor failed.
pub fn walk(name: &str, input: &mut dyn Seekable, limits: &Limits, visitor: &mut dyn Visitor) -> io::Result<()> {
    let budget = Budget::new(limits);
    let mut walk = Walk { budget: &budget, visitor };
    walk.open(&Entry::named(name), Input::Seekable(input)).map(|_| ())
}

/// Containers up to this size are sought in memory.
const IN_MEMORY: u64 = 16 << 20;

/// Something about to be opened.
#[derive(Clone, Copy)]
struct Entry<'a> {
    path: &'a str,
    media_type: Option<&'a str>,
    mail: Option<&'a MailHeader>,
    charset: Option<&'static encoding_rs::Encoding>,
    depth: u8,
    /// The text that a person wrote: headers quoted at its start do not make it a mail.
    prose: bool,
}

impl<'a> Entry<'a> {
    fn named(path: &'a str) -> Self {
        Self { path, media_type: None, mail: None, charset: None, depth: 0, prose: false }
    }

    fn inside(&self, path: &'a str) -> Self {
        Self { path, media_type: None, mail: self.mail, charset: None, depth: self.depth + 1, prose: false }
    }

    fn name(&self) -> &'a str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }
}

enum Input<'a> {
    /// Starts at position 0.
    Seekable(&'a mut dyn Seekable),
    Stream(&'a mut dyn Read),
}

impl Input<'_> {
    fn as_read(&mut self) -> &mut dyn Read {
        match self {
            Self::Seekable(input) => *input,
            Self::Stream(input) => *input,
        }
    }
}

struct Walk<'w> {
    budget: &'w Budget,
    visitor: &'w mut dyn Visitor,
}

impl Walk<'_> {
    fn open(&mut self, entry: &Entry<'_>, mut input: Input<'_>) -> io::Result<Next> {
        if self.budget.is_spent() {
            return Ok(Next::Stop);
        }
        if let Err(refusal) = self.budget.member() {
            self.visitor.refused(entry.path, refusal);
            return Ok(Next::Stop);
        }
        if let Input::Seekable(input) = &mut input {
            input.seek(SeekFrom::Start(0))?;
        }
        let (head, failure) = peek(input.as_read());
        if head.is_empty()
            && let Some(error) = failure
        {
            return self.settle(entry.path, Err(error));
        }
        let kind = kind::of(entry, &head);
        let result = match kind {
            Some(kind) if !self.visitor.wants_whole(entry.path, &head) => self.container(entry, kind, head, failure, input),
            _ => self.leaf(entry, Headed::new(head, failure, input.as_read())),
        };
        self.settle(entry.path, result)
    }

    /// A refusal is reported and the walk goes on; anything else ends it.
    fn settle(&mut self, path: &str, result: io::Result<Next>) -> io::Result<Next> {
        let next = match result {
            Ok(next) => next,
            Err(error) => {
                let refusal = Refusal::of(&error).cloned().ok_or(error)?;
                self.visitor.refused(path, refusal);
                Next::Continue
            }
        };
        Ok(if self.budget.is_spent() { Next::Stop } else { next })
    }

    fn container(
        &mut self,
        entry: &Entry<'_>,
        kind: Kind,
        head: Vec<u8>,
        failure: Option<io::Error>,
        mut input: Input<'_>,
    ) -> io::Result<Next> {
        if let Kind::Unsupported { what, advice } = kind {
            return Err(Refusal::Unsupported { what, advice }.into());
        }
        if entry.depth >= self.budget.limits.depth {
            return Err(Refusal::TooDeep(self.budget.limits.depth).into());
        }
        if let (Kind::Zip, Input::Seekable(input)) = (kind, &mut input) {
            return self.zip(entry, *input);
        }
        let mut input = Headed::new(head, failure, input.as_read());
        match kind {
            Kind::Gzip | Kind::Zstd | Kind::Xz | Kind::Base64 => self.compressed(entry, kind, input),
            Kind::Zip => self.zip_of_stream(entry, &mut input),
            Kind::Tar => self.tar(entry, &mut input),
            Kind::Mail => self.mail(entry, &mut input),
            Kind::Mbox => self.mbox(entry, &mut input),
            Kind::Unsupported { .. } => Ok(Next::Continue),
        }
    }

    fn leaf(&mut self, entry: &Entry<'_>, mut input: Headed<'_>) -> io::Result<Next> {
        let Some(encoding) = text::byte_order_mark(input.head()).or(entry.charset) else {
            return self.part(entry, input, None);
        };
        let mut text = text::Transcoded::new(encoding, &mut input);
        let (head, failure) = peek(&mut text);
        self.part(entry, Headed::new(head, failure, &mut text), Some(encoding.name()))
    }

    fn part(&mut self, entry: &Entry<'_>, mut input: Headed<'_>, transcoded: Option<&'static str>) -> io::Result<Next> {
        let head = input.share_head();
        let part =
            Part { path: entry.path, media_type: entry.media_type, head: &head, whole: input.is_whole(), mail: entry.mail, transcoded };
        self.visitor.part(&part, &mut input)
    }

    /// Brings a container that must be sought, but came as a stream, into memory or a temporary store.
    fn zip_of_stream(&mut self, entry: &Entry<'_>, input: &mut dyn Read) -> io::Result<Next> {
        let mut small = Vec::new();
        let mut failure = input.take(IN_MEMORY + 1).read_to_end(&mut small).err();
        let next = if failure.is_some() || small.len() as u64 <= IN_MEMORY {
            self.zip(entry, &mut io::Cursor::new(small))?
        } else {
            let mut spool = self.visitor.spool()?;
            spool.write_all(&small)?;
            drop(small);
            let mut buffer = vec![0; 64 << 10];
            loop {
                match input.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(n) => spool.write_all(&buffer[..n])?,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        failure = Some(error);
                        break;
                    }
                }
            }
            spool.flush()?;
            self.zip(entry, &mut spool)?
        };
        failure.map_or(Ok(next), Err)
    }
}

/// `path/name`
fn join(path: &str, name: &str) -> String {
    format!("{path}/{name}")
}

/// Names inside archives are only labels, but what looks like a way out of a folder was put there on purpose.
fn safe_name(name: &str) -> Result<&str, Refusal> {
    let bytes = name.as_bytes();
    let why = if name.chars().any(is_hidden) {
        "holds control characters"
    } else if matches!(bytes.first(), Some(b'/' | b'\\')) {
        "is an absolute path"
    } else if bytes.len() > 1 && bytes[1] == b':' && bytes[0].is_ascii_alphabetic() {
        "names a drive"
    } else if name.split(['/', '\\']).any(|step| step == "..") {
        "climbs out of its folder"
    } else if name.len() > 4096 {
        "is longer than 4096 bytes"
    } else {
        return Ok(name.trim_start_matches("./"));
    };
    Err(Refusal::UnsafeName { name: name.chars().take(200).collect(), why })
}

/// Control characters, and those that turn the direction of writing (`exe.txt` for `txt.exe`).
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A name as old archivers write it: UTF-8, else Shift_JIS, else one character per byte.
fn decode_name(bytes: &[u8]) -> String {
    if let Ok(name) = std::str::from_utf8(bytes) {
        return name.to_owned();
    }
    encoding_rs::SHIFT_JIS
        .decode_without_bom_handling_and_without_replacement(bytes)
        .map_or_else(|| bytes.iter().map(|&b| char::from(b)).collect(), |name| name.into_owned())
}

#[cfg(test)]
mod tests;
