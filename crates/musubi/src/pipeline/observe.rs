//! What the files say: one after the other is opened, recognised and read, its events known by their identities, enriched, and gathered in batches that
//! are handed to memory.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::Cursor;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use casework::enrich;
use casework::model::event::Event;
use casework::model::given::is_given;
use casework::model::identity::{EventId, Identifier};
use casework::model::terms::{Pap, Terms, Tlp};
use casework::observe::{Drift, Position, Sink, Source, Stop};
use casework::share::taken_in::TakenIn;
use jiff::Timestamp;
use store::StoreError;
use store::batch::{EventBatch, Incoming, Origin};
use store::commit::{Counts, PartRead, REJECTIONS_KEPT, Reading};
use store::evidence::{self, Kept, Marks, Rejection};
use store::terms::DefaultOf;

use super::{Heir, Order, Summary, Then, Unit, Watch, date, now};
use crate::faults;
use crate::receive::files::Found;
use crate::receive::parts::{self, How, Takes};

/// Events of one segment as ingested; two such batches are in memory at most, one filling and one being written.
const BATCH_EVENTS: usize = 256 << 10;
const BATCH_BYTES: usize = 36 << 20;
/// Small files share a transaction until this many events, files, or this much time.
const COMMIT_EVENTS: usize = 64 << 10;
const COMMIT_FILES: usize = 256;
const COMMIT_AFTER: Duration = Duration::from_millis(1500);
/// Files up to this size are hashed before they are read: a known one costs nothing more.
const SMALL: u64 = 4 << 20;

/// Reads file after file; hands over batches and finished files.
pub(super) fn observe(
    order: &Order<'_>,
    out: SyncSender<Unit>,
    empty: Receiver<EventBatch>,
    failed: &AtomicBool,
    watch: &dyn Watch,
) -> Result<Summary> {
    let mut summary = Summary::default();
    let mut observer = Observer {
        order,
        out,
        empty,
        failed,
        batch: EventBatch::default(),
        identifier: Identifier::default(),
        terms: HashMap::new(),
        by_giver: by_giver(order),
        only: None,
        finished: Vec::new(),
        last_commit: Instant::now(),
        open_page: 0,
        file: FileState::default(),
        feeds: BTreeMap::new(),
        stoppable: true,
        batch_events: faults::size("batch-events", BATCH_EVENTS),
        broken: None,
    };
    let mut taken: HashSet<String> = HashSet::new();
    for found in &order.files {
        if order.stop.load(Ordering::Relaxed) || failed.load(Ordering::Relaxed) {
            break;
        }
        watch.reading(&found.name);
        match observer.file(found, &mut taken, watch) {
            Ok(Seen::New) => {}
            Ok(Seen::Known(counts)) => {
                summary.evidence += 1;
                summary.known_evidence += 1;
                // Nothing was read again: all its events are held already, all its rejections known.
                summary.counts += Counts { stored: 0, duplicate: counts.stored + counts.duplicate, ..counts };
                watch.acknowledged(&found.name, &counts);
            }
            Ok(Seen::Stopped) => break,
            Err(error) => summary.failures.push((found.name.clone(), crate::show::told(&error))),
        }
    }
    if let Some(replaces) = order.replaces.as_ref().filter(|_| !observer.finished.is_empty()) {
        for heir in &replaces.heirs {
            if let Err(error) = observer.inherit(heir) {
                observer.hand_over(Then::Forget);
                return Err(error);
            }
        }
    }
    if let Some(error) = observer.broken.take() {
        // A file is half read: neither it nor what waits for the same transaction counts.
        observer.hand_over(Then::Forget);
        return Err(error);
    }
    summary.stopped = order.stop.load(Ordering::Relaxed);
    observer.hand_over(Then::Commit);
    summary.feeds = observer.feeds;
    Ok(summary)
}

fn by_giver<'o>(order: &'o Order<'_>) -> Option<&'o Terms> {
    order.given_by.as_ref().and_then(|giver| order.defaults.get(&DefaultOf::Party(giver.clone())))
}

enum Seen {
    New,
    Known(Counts),
    Stopped,
}

struct Observer<'o> {
    order: &'o Order<'o>,
    out: SyncSender<Unit>,
    empty: Receiver<EventBatch>,
    failed: &'o AtomicBool,
    batch: EventBatch,
    identifier: Identifier,
    /// Numbers of terms by feed and, in it, by the label of the record (none, then as in [`Tlp::ALL`]).
    terms: HashMap<String, [Option<i64>; LABELS]>,
    by_giver: Option<&'o Terms>,
    /// When set, all other events are passed over.
    only: Option<&'o HashSet<EventId>>,
    finished: Vec<Reading>,
    last_commit: Instant,
    /// Events handed over since the last commit.
    open_page: usize,
    file: FileState,
    feeds: BTreeMap<String, u64>,
    /// Whether the user's wish to end is heard between two events.
    stoppable: bool,
    batch_events: usize,
    /// Why reading cannot go on at all.
    broken: Option<anyhow::Error>,
}

/// What a record says of its terms: one of the labels of TLP or none, and what PAP allows.
type Label = (Option<Tlp>, Pap);

const LABELS: usize = (Tlp::ALL.len() + 1) * Pap::ALL.len();

fn place_of((tlp, pap): Label) -> usize {
    tlp.map_or(0, |tlp| tlp as usize + 1) * Pap::ALL.len() + pap as usize
}

/// What is known of the file being read.
#[derive(Default)]
struct FileState {
    received: Timestamp,
    evidence: String,
    parts: Vec<PartRead>,
    marks: Marks,
    /// Rows of the parts before this one.
    first_row: u64,
    last_row: u64,
    feed: String,
    /// Of rows whose feed is that of the part, by the label of the record.
    origins: [Option<u32>; LABELS],
    counts: Counts,
    rejections: Vec<Rejection>,
    drift: BTreeMap<(String, String), i64>,
    path: String,
}

impl<'o> Observer<'o> {
    fn file(&mut self, found: &Found, taken: &mut HashSet<String>, watch: &dyn Watch) -> Result<Seen> {
        let Order { home, register, runtime, .. } = self.order;
        let received = self.order.received.unwrap_or_else(now);
        let mut file = File::open(&found.path)?;
        let before = file.metadata()?;
        let small = before.len() <= faults::size("small", SMALL);
        let mut bytes = Vec::new();
        if small {
            std::io::Read::read_to_end(&mut file, &mut bytes)?;
        }
        // Every row carries the evidence's id, so the hash comes first; and a known file is not read again.
        let sha256 = if small { evidence::sha256(&mut &bytes[..])? } else { evidence::sha256(&mut File::open(&found.path)?)? };
        if self.order.replaces.is_none()
            && let Some(known) = runtime.block_on(register.evidence(&sha256))?
        {
            watch.bytes(before.len());
            return Ok(Seen::Known(counts_of(&known)));
        }
        if !taken.insert(sha256.clone()) {
            // Twice in this order: the first waits for its transaction.
            self.hand_over(Then::Commit);
            watch.bytes(before.len());
            return Ok(self.wait_for(&sha256)?.map_or(Seen::Stopped, Seen::Known));
        }
        let terms = self.terms(self.order.feed.as_deref().unwrap_or_default(), (None, Pap::Clear))?;
        let id = evidence::id(&sha256);
        if small {
            let kept = evidence::keep(home, &mut &bytes[..], &sha256, &mut |_| {})?;
            self.begin_file(id, received);
            // Too short to be worth stopping in the middle.
            self.stoppable = false;
            let outcome = self.read(found, &mut Cursor::new(&bytes[..]), received);
            watch.bytes(before.len());
            if outcome.is_err() {
                return Ok(Seen::Stopped);
            }
            self.end_file(found, kept, received, terms);
            return Ok(Seen::New);
        }
        // A large file has transactions to itself up to its end, so that giving it up takes nothing else with it.
        self.hand_over(Then::Commit);
        self.begin_file(id, received);
        self.stoppable = true;
        let done = thread::scope(|scope| -> Result<(Kept, Result<(), Stop>)> {
            let keeper = scope.spawn(|| {
                let mut done = 0;
                let mut input = File::open(&found.path).map_err(StoreError::file(&found.path))?;
                evidence::keep(home, &mut input, &sha256, &mut |n| {
                    watch.bytes(n - done);
                    done = n;
                })
            });
            let outcome = self.read(found, &mut file, received);
            let kept = keeper.join().map_err(|_| anyhow::anyhow!("the thread that keeps originals has panicked"))??;
            Ok((kept, outcome))
        });
        let after = std::fs::metadata(&found.path)?;
        let changed = after.len() != before.len() || after.modified().ok() != before.modified().ok();
        match done {
            Ok((kept, Ok(()))) if !changed => {
                self.end_file(found, kept, received, terms);
                Ok(Seen::New)
            }
            done => {
                taken.remove(&sha256);
                self.hand_over(Then::Forget);
                anyhow::ensure!(!changed, "the file changed while it was read; nothing of it was remembered");
                done.map(|_| Seen::Stopped)
            }
        }
    }

    /// Takes over from an heir what is to be its own from now on. Its own reading stays on record as it is.
    fn inherit(&mut self, heir: &'o Heir<'o>) -> Result<()> {
        self.order = &heir.order;
        self.terms.clear();
        self.by_giver = by_giver(&heir.order);
        self.only = Some(heir.events);
        for found in &heir.order.files {
            let received = heir.order.received.unwrap_or_else(now);
            self.begin_file(heir.evidence, received);
            let mut file = File::open(&found.path)?;
            anyhow::ensure!(self.read(found, &mut file, received).is_ok(), "{}: reading it was stopped", found.name);
        }
        Ok(())
    }

    fn wait_for(&self, sha256: &str) -> Result<Option<Counts>> {
        // The transaction was asked for; it comes or the memory has failed.
        while !self.failed.load(Ordering::Relaxed) {
            if let Some(known) = self.order.runtime.block_on(self.order.register.evidence(sha256))? {
                return Ok(Some(counts_of(&known)));
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(None)
    }

    fn read(&mut self, found: &Found, input: &mut dyn formats::unpack::Seekable, received: Timestamp) -> Result<(), Stop> {
        let order = self.order;
        let how =
            How { format: order.format, format_of: order.format_of, feed: order.feed.as_deref(), received, knowledge: order.knowledge };
        parts::read(&found.name, input, &how, self)
    }

    fn begin_file(&mut self, evidence: &str, received: Timestamp) {
        self.file = FileState { evidence: evidence.to_owned(), received, ..FileState::default() };
    }

    fn end_file(&mut self, found: &Found, kept: Kept, received: Timestamp, terms: i64) {
        self.end_part();
        let file = std::mem::take(&mut self.file);
        let reading = Reading {
            name: found.name.clone(),
            received_at: received.as_microsecond(),
            feed: self.order.feed.clone(),
            given_by: self.order.given_by.clone(),
            terms,
            mappings: if file.parts.iter().any(|p| p.format == "csv-mapping") { self.order.mappings.to_vec() } else { Vec::new() },
            terms_stated: self.order.terms.is_some(),
            parts: file.parts,
            counts: file.counts,
            rejections: file.rejections,
            drift: file.drift,
            kept,
        };
        self.open_page += usize::try_from(file.counts.read).unwrap_or(usize::MAX);
        self.finished.push(reading);
        // What replaces is one transaction with what its heirs bring.
        let due = self.order.replaces.is_none()
            && (self.open_page >= faults::size("commit-events", COMMIT_EVENTS)
                || self.finished.len() >= COMMIT_FILES
                || self.last_commit.elapsed() >= COMMIT_AFTER);
        if due {
            self.hand_over(Then::Commit);
        }
    }

    /// Whether the source that reads this part may name a feed for each record.
    fn names_feeds(&self) -> bool {
        self.file.parts.last().and_then(|part| parts::by_name(&part.format)).is_none_or(Source::names_feeds)
    }

    fn end_part(&mut self) {
        let file = &mut self.file;
        if let Some(part) = file.parts.last_mut().filter(|p| p.marks.is_empty() && p.row_count == 0) {
            part.row_count = file.last_row;
            part.marks = std::mem::take(&mut file.marks).as_bytes().to_vec();
            file.first_row += file.last_row;
            file.last_row = 0;
        }
    }

    /// Gives the batch to memory. `false` when memory has failed and nothing more makes sense.
    fn hand_over(&mut self, then: Then) -> bool {
        self.file.origins = [None; LABELS];
        // A full batch is followed by one of the same kind; after the last one nothing follows.
        let next = match self.empty.try_recv() {
            Ok(batch) => batch,
            Err(_) if then == Then::Continue => self.batch.sized_like(),
            Err(_) => EventBatch::default(),
        };
        let batch = std::mem::replace(&mut self.batch, next);
        let finished = match then {
            Then::Continue => Vec::new(),
            Then::Commit | Then::Forget => {
                self.last_commit = Instant::now();
                self.open_page = 0;
                std::mem::take(&mut self.finished)
            }
        };
        self.out.send(Unit { batch, finished, then }).is_ok()
    }

    /// The number of the terms of records of a feed that carry this label.
    fn terms(&mut self, feed: &str, label: Label) -> Result<i64> {
        let place = place_of(label);
        if let Some(id) = self.terms.get(feed).and_then(|known| known[place]) {
            return Ok(id);
        }
        let by_feed = self.order.defaults.get(&DefaultOf::Feed(feed.to_owned()));
        let held = TakenIn { stated: self.order.terms.as_ref(), by_feed, by_giver: self.by_giver }.held_under(label.0);
        let terms = Terms { pap: held.pap.max(label.1), ..held };
        let id = self.order.runtime.block_on(self.order.register.terms(&terms))?;
        self.terms.entry(feed.to_owned()).or_default()[place] = Some(id);
        Ok(id)
    }

    /// The number under which the batch keeps where a row comes from.
    fn origin(&mut self, named: Option<&str>, label: Label) -> Result<u32> {
        let place = place_of(label);
        if let (None, Some(origin)) = (named, self.file.origins[place]) {
            return Ok(origin);
        }
        let feed = named.unwrap_or(&self.file.feed).to_owned();
        let terms = self.terms(&feed, label)?;
        let file = &mut self.file;
        let origin =
            self.batch.origin(&Origin { evidence: file.evidence.clone(), feed, observed_at: file.received.as_microsecond(), terms });
        if named.is_none() {
            file.origins[place] = Some(origin);
        }
        Ok(origin)
    }
}

impl Takes for Observer<'_> {
    fn begin(&mut self, path: &str, source: &'static dyn Source, feed: &str) {
        self.end_part();
        let file = &mut self.file;
        file.path = path.to_owned();
        file.feed = feed.to_owned();
        file.origins = [None; LABELS];
        file.marks = Marks::default();
        file.parts.push(PartRead {
            path: path.to_owned(),
            format: source.name().to_owned(),
            feed: feed.to_owned(),
            first_row: file.first_row,
            row_count: 0,
            marks: Vec::new(),
        });
    }

    fn refuse(&mut self, path: &str, reason: String) -> Result<(), Stop> {
        let file = &mut self.file;
        file.counts.read += 1;
        file.counts.rejected += 1;
        if file.rejections.len() < REJECTIONS_KEPT {
            file.rejections.push(Rejection { path: path.to_owned(), row_number: 0, reason });
        }
        Ok(())
    }
}

impl Sink for Observer<'_> {
    fn event(&mut self, at: Position, event: &mut Event<'_>) -> Result<(), Stop> {
        if self.stoppable && self.order.stop.load(Ordering::Relaxed) {
            return Err(Stop);
        }
        let time = date(event, self.file.received);
        let named = event.feed.take();
        debug_assert!(named.is_none() || self.names_feeds(), "{} names the feed {named:?}", self.file.path);
        // Nobody speaks in the name of a feed of ours by saying so in a record.
        let named = named.filter(|_| !is_given(&self.file.feed));
        let id = self.identifier.identify(event, named.as_deref().unwrap_or(&self.file.feed));
        if self.only.is_some_and(|only| !only.contains(&id)) {
            let file = &mut self.file;
            file.last_row = file.last_row.max(at.row);
            return Ok(());
        }
        let origin = match self.origin(named.as_deref(), (event.tlp, event.pap)) {
            Ok(origin) => origin,
            Err(error) => {
                self.broken = Some(error);
                return Err(Stop);
            }
        };
        let file = &mut self.file;
        file.marks.note(at.row, at.offset);
        file.last_row = file.last_row.max(at.row);
        file.counts.read += 1;
        let found = enrich::ask(event, self.order.tables);
        let new = self.batch.push(origin, Incoming { id, event, time: time.as_microsecond(), row: file.first_row + at.row, found });
        if !new {
            file.counts.duplicate += 1;
        }
        let full =
            self.batch.len() >= self.batch_events || (self.batch.len().is_multiple_of(4096) && self.batch.size_bytes() >= BATCH_BYTES);
        if full && (self.failed.load(Ordering::Relaxed) || !self.hand_over(Then::Continue)) {
            return Err(Stop);
        }
        Ok(())
    }

    fn reject(&mut self, at: Position, reason: String) -> Result<(), Stop> {
        let file = &mut self.file;
        file.marks.note(at.row, at.offset);
        file.last_row = file.last_row.max(at.row);
        file.counts.read += 1;
        file.counts.rejected += 1;
        if file.rejections.len() < REJECTIONS_KEPT {
            let row_number = i64::try_from(at.row).unwrap_or(i64::MAX);
            file.rejections.push(Rejection { path: file.path.clone(), row_number, reason });
        }
        Ok(())
    }

    fn drift(&mut self, drift: Drift) {
        let key = match drift {
            Drift::UnknownType(name) => ("unknown report type".to_owned(), name),
            Drift::UnknownColumn { report, column } => ("unknown column".to_owned(), format!("{report}: {column}")),
        };
        *self.file.drift.entry(key).or_default() += 1;
    }
}

fn counts_of(known: &evidence::Evidence) -> Counts {
    let n = i64::unsigned_abs;
    Counts { read: n(known.read_rows), stored: n(known.stored_rows), duplicate: n(known.duplicate_rows), rejected: n(known.rejected_rows) }
}
