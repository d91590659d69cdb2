//! The original of an event: the very bytes its row was read from, found again in the kept evidence.
//!
//! Events carry no copy of their row. The register marks byte offsets every thousand rows of a part; from the last mark before
//! the row the part's source reads on until it names the row.

use std::io::{self, Cursor, Read};

use anyhow::{Result, bail};
use casework::model::event::Event;
use casework::observe::{Drift, Position, Sink, Source, Stop};
use store::evidence::{Evidence, Marks, NamedMapping, Part};
use store::home::Home;

use super::parts::{self, How, Takes};

/// A row as it stands in its report.
#[derive(Clone, Debug)]
pub(crate) struct Original {
    /// The report inside the evidence.
    pub(crate) path: String,
    /// The row's number in that report.
    pub(crate) row: u64,
    pub(crate) bytes: Vec<u8>,
}

impl Original {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// Finds a row of evidence, numbered as events number it. `mappings` are those that the evidence was read with.
pub(crate) fn row(home: &Home, evidence: &Evidence, parts: &[Part], mappings: &[NamedMapping], row: u64) -> Result<Original> {
    let holds = |p: &&Part| row > p.first_row.unsigned_abs() && row <= (p.first_row + p.row_count).unsigned_abs();
    let Some(part) = parts.iter().find(holds) else {
        let last = parts.iter().map(|p| p.first_row + p.row_count).max().unwrap_or(0);
        bail!("there is no such row; rows are numbered 1 to {last}");
    };
    let within = row - part.first_row.unsigned_abs();
    let Some((marked_row, offset)) = Marks::before(&part.marks, within) else { bail!("nothing was read from this row") };
    let knowledge = super::knowledge::load(home, mappings)?;
    let received = jiff::Timestamp::from_microsecond(evidence.received_at)?;
    let source = parts::by_name(&part.format);
    let how = How { format: source, format_of: Some(&part.path), feed: None, received, knowledge: &knowledge };
    if let Some(found) = near(home, evidence, part, &how, within)? {
        return Ok(found);
    }
    let mut bytes = Vec::new();
    store::evidence::open(home, &evidence.kept)?.read_to_end(&mut bytes)?;
    let mut seeker =
        Seeker { path: &part.path, inside: false, row: within, marked: (marked_row, offset), found: None, offsets: Vec::new() };
    // The walk gives the part's bytes; the source tells where its rows begin.
    let _ = parts::read(&evidence.name, &mut Cursor::new(&bytes), &how, &mut seeker);
    let (start, end) = match (seeker.found, seeker.offsets.iter().copied().find(|o| Some(*o) > seeker.found)) {
        (Some(start), end) => (start, end),
        (None, _) => bail!("today's reader finds no such row; see `musubi reread`"),
    };
    let mut cutter = Cutter { path: &part.path, start, end, out: Vec::new() };
    formats::unpack::walk(&evidence.name, &mut Cursor::new(&bytes), &formats::unpack::Limits::default(), &mut cutter)?;
    Ok(Original { path: part.path.clone(), row: within, bytes: cutter.out })
}

/// Bytes from a mark on that hold the thousand rows until the next one, in all that is usual.
const NEAR: u64 = 4 << 20;

/// The row, read from the mark before it behind the report's own head: of a long report of lines, which is no part of anything else, little
/// is looked at. `None` when it must be read from its beginning.
fn near(home: &Home, evidence: &Evidence, part: &Part, how: &How<'_>, within: u64) -> Result<Option<Original>> {
    let (Some((first_row, head)), Some((marked_row, offset))) = (Marks::first(&part.marks), Marks::before(&part.marks, within)) else {
        return Ok(None);
    };
    if part.path != evidence.name || offset <= head || head > NEAR {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    store::evidence::open(home, &evidence.kept)?.take(head).read_to_end(&mut bytes)?;
    store::evidence::open_at(home, &evidence.kept, offset)?.take(NEAR).read_to_end(&mut bytes)?;
    let wanted = within - marked_row + first_row;
    let mut seeker = Seeker { path: &part.path, inside: false, row: wanted, marked: (first_row, head), found: None, offsets: Vec::new() };
    let _ = parts::read(&evidence.name, &mut Cursor::new(&bytes), how, &mut seeker);
    // Without a row behind it, it may have been cut.
    let (Some(start), Some(end)) = (seeker.found, seeker.offsets.first().copied()) else { return Ok(None) };
    let piece = usize::try_from(start).ok().zip(usize::try_from(end).ok()).and_then(|(start, end)| bytes.get(start..end));
    Ok(piece.map(|piece| Original { path: part.path.clone(), row: within, bytes: piece.to_vec() }))
}

/// Notes where the wanted row and the one after it begin.
struct Seeker<'a> {
    path: &'a str,
    inside: bool,
    row: u64,
    marked: (u64, u64),
    found: Option<u64>,
    offsets: Vec<u64>,
}

impl Seeker<'_> {
    fn at(&mut self, at: Position) -> Result<(), Stop> {
        if !self.inside || at.offset < self.marked.1 {
            return Ok(());
        }
        if at.row == self.row && self.found.is_none() {
            self.found = Some(at.offset);
        } else if self.found.is_some_and(|found| at.offset > found) {
            self.offsets.push(at.offset);
            return Err(Stop);
        }
        Ok(())
    }
}

impl Sink for Seeker<'_> {
    fn event(&mut self, at: Position, _: &mut Event<'_>) -> Result<(), Stop> {
        self.at(at)
    }

    fn reject(&mut self, at: Position, _: String) -> Result<(), Stop> {
        self.at(at)
    }

    fn drift(&mut self, _: Drift) {}
}

impl Takes for Seeker<'_> {
    fn begin(&mut self, path: &str, _: &'static dyn Source, _: &str) {
        self.inside = path == self.path;
    }

    fn refuse(&mut self, _: &str, _: String) -> Result<(), Stop> {
        Ok(())
    }
}

/// Cuts a piece out of a part.
struct Cutter<'a> {
    path: &'a str,
    start: u64,
    end: Option<u64>,
    out: Vec<u8>,
}

/// A record longer than this is shown cut.
const LONGEST: u64 = 16 << 20;

impl formats::unpack::Visitor for Cutter<'_> {
    /// A container that is itself a part (an ARF mail) was read unopened.
    fn wants_whole(&mut self, path: &str, _: &[u8]) -> bool {
        path == self.path
    }

    fn part(&mut self, part: &formats::unpack::Part<'_>, input: &mut dyn Read) -> io::Result<formats::unpack::Next> {
        if part.path != self.path {
            return Ok(formats::unpack::Next::Continue);
        }
        let mut input = input;
        io::copy(&mut (&mut input).take(self.start), &mut io::sink())?;
        let length = self.end.map_or(LONGEST, |end| end - self.start).min(LONGEST);
        input.take(length).read_to_end(&mut self.out)?;
        Ok(formats::unpack::Next::Stop)
    }

    fn refused(&mut self, _: &str, _: formats::unpack::Refusal) {}

    fn spool(&mut self) -> io::Result<Box<dyn formats::unpack::Spool>> {
        tempfile::tempfile().map(|file| Box::new(file) as Box<dyn formats::unpack::Spool>)
    }
}
