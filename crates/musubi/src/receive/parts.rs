//! One evidence, opened: each report in it is recognised and read by its source.

use std::fs::File;
use std::io::{self, Read};

use casework::observe::sources::{SOURCES, recognise};
use casework::observe::{Context, Head, Knowledge, Likelihood, ReadError, Sink, Source, Stop};
use formats::unpack::{self, Limits, Next, Part, Refusal, Seekable, Spool, Visitor};
use jiff::Timestamp;

/// How evidence is to be read.
#[derive(Clone, Copy)]
pub(crate) struct How<'a> {
    /// The format the user insists on.
    pub(crate) format: Option<&'static dyn Source>,
    /// Only for the part at this path; the others are recognised.
    pub(crate) format_of: Option<&'a str>,
    /// The feed the user named.
    pub(crate) feed: Option<&'a str>,
    pub(crate) received: Timestamp,
    pub(crate) knowledge: &'a Knowledge,
}

impl How<'_> {
    fn format(&self, path: &str) -> Option<&'static dyn Source> {
        self.format.filter(|_| self.format_of.is_none_or(|only| only == path))
    }
}

/// Takes the reports of one evidence, one after the other.
pub(crate) trait Takes: Sink {
    /// A report begins.
    fn begin(&mut self, path: &str, source: &'static dyn Source, feed: &str);

    /// Something in the evidence gave nothing, and why.
    fn refuse(&mut self, path: &str, reason: String) -> Result<(), Stop>;
}

/// The source by its name for `--format`.
pub(crate) fn by_name(name: &str) -> Option<&'static dyn Source> {
    SOURCES.iter().copied().find(|s| s.name() == name)
}

/// Reads everything in one evidence. What cannot be read is refused with its reason; the rest goes on.
pub(crate) fn read(name: &str, input: &mut dyn Seekable, how: &How<'_>, taker: &mut dyn Takes) -> Result<(), Stop> {
    let mut reports = Reports { how, taker, stopped: false, read: 0, prose: Vec::new() };
    let walked = unpack::walk(name, input, &Limits::default(), &mut reports);
    let Reports { taker, stopped, read, prose, .. } = reports;
    if stopped {
        return Err(Stop);
    }
    if read == 0 {
        for path in prose {
            taker.refuse(&path, "no report was recognised in this text".into())?;
        }
    }
    match walked {
        Ok(()) => Ok(()),
        Err(error) => taker.refuse(name, error.to_string()),
    }
}

struct Reports<'h, 't> {
    how: &'h How<'h>,
    taker: &'t mut dyn Takes,
    stopped: bool,
    read: usize,
    /// Texts of mails that are no report: worth a word only if nothing else was in the mail.
    prose: Vec<String>,
}

impl Reports<'_, '_> {
    fn refuse(&mut self, path: &str, reason: String) -> Next {
        self.stopped |= self.taker.refuse(path, reason).is_err();
        if self.stopped { Next::Stop } else { Next::Continue }
    }
}

impl Visitor for Reports<'_, '_> {
    fn wants_whole(&mut self, path: &str, head: &[u8]) -> bool {
        let head = Head { name: path, bytes: head, whole: false, media_type: None };
        let takes = |source: &dyn Source| source.takes_containers() && source.recognise(&head) == Likelihood::Certain;
        match self.how.format(path) {
            Some(source) => takes(source),
            None => SOURCES.iter().any(|source| takes(*source)),
        }
    }

    fn part(&mut self, part: &Part<'_>, input: &mut dyn Read) -> io::Result<Next> {
        let head = Head { name: part.path, bytes: part.head, whole: part.whole, media_type: part.media_type };
        if part.whole && part.head.iter().all(u8::is_ascii_whitespace) {
            // An empty report says that there is nothing to report.
            return Ok(Next::Continue);
        }
        let Some(source) = self.how.format(part.path).or_else(|| recognise(&head, self.how.knowledge)) else {
            if part.mail.is_some() && part.media_type.is_some_and(|m| m.starts_with("text/")) {
                self.prose.push(part.path.to_owned());
                return Ok(Next::Continue);
            }
            return Ok(self.refuse(part.path, unrecognised(&head)));
        };
        self.read += 1;
        let feed = self.how.feed.map_or_else(|| source.feed(&head), |feed| feed.to_owned().into());
        self.taker.begin(part.path, source, &feed);
        let context = Context { head, feed: self.how.feed, received: self.how.received, knowledge: self.how.knowledge };
        match source.read(input, &context, self.taker) {
            Ok(()) => Ok(Next::Continue),
            Err(ReadError::Stopped) => {
                self.stopped = true;
                Ok(Next::Stop)
            }
            Err(ReadError::Malformed(reason)) => Ok(self.refuse(part.path, reason)),
            Err(ReadError::Io(error)) => match Refusal::of(&error) {
                Some(_) => Err(error),
                None => Ok(self.refuse(part.path, error.to_string())),
            },
        }
    }

    fn refused(&mut self, path: &str, reason: Refusal) {
        self.refuse(path, reason.to_string());
    }

    fn spool(&mut self) -> io::Result<Box<dyn Spool>> {
        tempfile::tempfile().map(|file: File| Box::new(file) as Box<dyn Spool>)
    }
}

fn unrecognised(head: &Head<'_>) -> String {
    let start: String =
        String::from_utf8_lossy(&head.bytes[..head.bytes.len().min(40)]).chars().map(|c| if c.is_control() { '·' } else { c }).collect();
    format!("no known format; it begins with {start:?}; name one with --format, or write a mapping")
}
