//! START HERE. The steps joined: evidence comes in, becomes events, is enriched, and is remembered once.
//!
//! Three threads work on one file at a time, so that a large file uses every core and memory stays the same at any size:
//!
//! ```text
//! keep      file → SHA-256, compressed copy in the home
//! observe   file → opened → recognised → events → identity → enrichment → batch of columns
//! remember  batch → without what we hold already → sorted segment on disk → one register transaction
//! ```
//!
//! A file counts once its transaction is done, and only then is it acknowledged. Whoever dies before leaves strays that the
//! next one sweeps; whoever comes again changes nothing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::Cursor;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use casework::enrich::{self, Tables};
use casework::model::event::Event;
use casework::model::given::is_given;
use casework::model::identity::{EventId, Identifier};
use casework::model::terms::{Pap, Terms, Tlp};
use casework::observe::{Drift, Knowledge, Position, Sink, Source, Stop};
use casework::share::taken_in::TakenIn;
use jiff::Timestamp;
use store::StoreError;
use store::batch::{EventBatch, Incoming, Origin};
use store::commit::{Counts, PartRead, REJECTIONS_KEPT, Reading};
use store::evidence::{self, Duplicating, Kept, Marks, NamedMapping, Rejection};
use store::home::{Home, WriteLock};
use store::register::Register;
use store::segment::Segment;
use store::terms::DefaultOf;
use tokio::runtime::Handle;

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

/// What to read and under which terms.
pub(crate) struct Order<'a> {
    pub(crate) home: &'a Home,
    pub(crate) register: &'a Register,
    pub(crate) runtime: Handle,
    pub(crate) knowledge: &'a Knowledge,
    /// Those in `knowledge` that the user named; remembered with what they read.
    pub(crate) mappings: &'a [NamedMapping],
    pub(crate) tables: &'a Tables,
    pub(crate) files: Vec<Found>,
    pub(crate) format: Option<&'static dyn Source>,
    /// Only for the part at this path.
    pub(crate) format_of: Option<&'a str>,
    pub(crate) feed: Option<String>,
    pub(crate) given_by: Option<String>,
    /// As said by whoever brings it; otherwise `defaults` hold.
    pub(crate) terms: Option<Terms>,
    pub(crate) defaults: &'a BTreeMap<DefaultOf, Terms>,
    /// When the evidence was received; the clock when not said.
    pub(crate) received: Option<Timestamp>,
    /// The evidence whose earlier reading this one replaces, in the same transaction.
    pub(crate) replaces: Option<Replaces<'a>>,
    /// Set when the user wants to end.
    pub(crate) stop: &'a AtomicBool,
}

/// An earlier reading that gives way.
pub(crate) struct Replaces<'a> {
    pub(crate) evidence: &'a str,
    /// Other evidence that says what this one says no more, in the order in which it came.
    pub(crate) heirs: Vec<Heir<'a>>,
    /// The register when the heirs were sought: [`Register::duplicating`].
    pub(crate) sought_among: &'a [Duplicating],
}

/// Evidence that others were faster than; events of theirs that it says too become its own.
pub(crate) struct Heir<'a> {
    /// How it is read, as a whole.
    pub(crate) order: Order<'a>,
    pub(crate) evidence: &'a str,
    pub(crate) events: &'a HashSet<EventId>,
}

/// Evidence came in while heirs were sought; nothing was replaced.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("other evidence came in meanwhile; nothing was replaced")]
pub(crate) struct CameMeanwhile;

/// What became of an order.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) evidence: u64,
    pub(crate) known_evidence: u64,
    pub(crate) counts: Counts,
    pub(crate) rejections: Vec<Rejection>,
    pub(crate) drift: BTreeMap<(String, String), i64>,
    pub(crate) feeds: BTreeMap<String, u64>,
    /// Files that could not be read at all, and why.
    pub(crate) failures: Vec<(String, String)>,
    pub(crate) stopped: bool,
}

/// Hears how far things are.
pub(crate) trait Watch: Sync {
    fn reading(&self, _name: &str) {}
    fn bytes(&self, _more: u64) {}
    /// The register has it: from now on it is remembered whatever happens.
    fn acknowledged(&self, _name: &str, _counts: &Counts) {}
    fn waiting(&self) {}
}

/// Reads all files of the order and remembers what they say.
pub(crate) fn ingest(order: &Order<'_>, watch: &dyn Watch) -> Result<Summary> {
    // Originals are kept before the register names them: nobody may take them for strays meanwhile.
    let _use = order.home.in_use()?;
    let (to_memory, from_reader) = sync_channel::<Unit>(0);
    // Batches go round: what memory has written and emptied is filled again.
    let (emptied, empty) = sync_channel::<EventBatch>(1);
    let failed = AtomicBool::new(false);
    thread::scope(|scope| {
        let failed = &failed;
        let memory = thread::Builder::new()
            .name("remember".into())
            .spawn_scoped(scope, move || remember(order, from_reader, emptied, failed, watch))
            .context("cannot start a thread")?;
        let observed = observe(order, to_memory, empty, failed, watch);
        let remembered = memory.join().map_err(|_| anyhow::anyhow!("the thread that remembers has panicked"))?;
        let mut summary = remembered?;
        let observed = observed?;
        summary.merge(observed);
        Ok(summary)
    })
}

/// Events and the files that end with them.
struct Unit {
    batch: EventBatch,
    /// Files whose last event is in this batch or an earlier one.
    finished: Vec<Reading>,
    then: Then,
}

/// What to do once a batch is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Then {
    /// More of the same file follows.
    Continue,
    /// All files so far are finished: make it true.
    Commit,
    /// The file was given up: nothing since the last commit counts.
    Forget,
}

impl Summary {
    fn merge(&mut self, other: Self) {
        self.evidence += other.evidence;
        self.known_evidence += other.known_evidence;
        self.counts += other.counts;
        self.failures.extend(other.failures);
        self.stopped |= other.stopped;
        for (feed, events) in other.feeds {
            *self.feeds.entry(feed).or_default() += events;
        }
    }
}

// ------------------------------------------------------------------------------------------------ observe

/// Reads file after file; hands over batches and finished files.
fn observe(
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

/// The time of an event. A list without any time says what was so on the day it came.
pub(crate) fn date(event: &mut Event<'_>, received: Timestamp) -> Timestamp {
    event.time.unwrap_or_else(|| {
        let day = day_start(received);
        event.time = Some(day);
        event.extra.str("time.from", "received");
        day
    })
}

/// Midnight UTC of the day.
fn day_start(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second().div_euclid(86_400) * 86_400).unwrap_or(time)
}

fn counts_of(known: &evidence::Evidence) -> Counts {
    let n = i64::unsigned_abs;
    Counts { read: n(known.read_rows), stored: n(known.stored_rows), duplicate: n(known.duplicate_rows), rejected: n(known.rejected_rows) }
}

/// The clock.
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

// ----------------------------------------------------------------------------------------------- remember

/// Writes batches as segments and commits finished files with them.
fn remember(
    order: &Order<'_>,
    units: Receiver<Unit>,
    emptied: SyncSender<EventBatch>,
    failed: &AtomicBool,
    watch: &dyn Watch,
) -> Result<Summary> {
    let mut memory = Memory {
        order,
        watch,
        lock: None,
        held: Vec::new(),
        gone: Vec::new(),
        pending: Vec::new(),
        marked: HashMap::new(),
        inherited: BTreeMap::new(),
        summary: Summary::default(),
    };
    for unit in units {
        match memory.take(unit) {
            Ok(mut batch) => {
                batch.clear();
                // One in reserve is enough; a second is let go.
                let _ = emptied.try_send(batch);
            }
            Err(error) => {
                failed.store(true, Ordering::Relaxed);
                memory.forget();
                return Err(error);
            }
        }
    }
    Ok(memory.summary)
}

struct Memory<'o> {
    order: &'o Order<'o>,
    watch: &'o dyn Watch,
    /// Held from the first batch of a transaction to its end: nobody else adds events meanwhile.
    lock: Option<WriteLock>,
    /// Segments that count, as of taking the lock.
    held: Vec<Segment>,
    /// Segments that hold the reading being replaced; what else they hold is in `pending`.
    gone: Vec<Segment>,
    /// Written, not yet committed.
    pending: Vec<Segment>,
    /// Duplicates found here, per evidence.
    marked: HashMap<String, u64>,
    /// Events that heirs take over, per evidence.
    inherited: BTreeMap<String, i64>,
    summary: Summary,
}

impl Memory<'_> {
    /// Does what the unit says; gives its batch back.
    fn take(&mut self, unit: Unit) -> Result<EventBatch> {
        match unit.then {
            Then::Forget => {
                self.forget();
                return Ok(unit.batch);
            }
            _ if unit.batch.is_empty() && unit.finished.is_empty() => return Ok(unit.batch),
            Then::Continue | Then::Commit => {}
        }
        self.take_lock()?;
        if !unit.batch.is_empty() {
            self.write(&unit.batch)?;
        }
        if unit.then == Then::Commit {
            self.commit(unit.finished)?;
        }
        Ok(unit.batch)
    }

    /// Removes what was written since the last commit. A file that cannot be removed is a stray that the next sweep finds.
    fn forget(&mut self) {
        for segment in self.pending.drain(..) {
            let _ = std::fs::remove_file(self.order.home.resolve(&segment.path));
        }
        self.gone.clear();
        self.marked.clear();
        self.inherited.clear();
        self.lock = None;
    }

    fn take_lock(&mut self) -> Result<()> {
        if self.lock.is_none() {
            self.lock = Some(self.order.home.lock(|| self.watch.waiting())?);
            self.held = self.order.runtime.block_on(self.order.register.segments())?;
            if let Some(replaces) = &self.order.replaces {
                let among = self.order.runtime.block_on(self.order.register.duplicating(replaces.evidence))?;
                anyhow::ensure!(among == replaces.sought_among, CameMeanwhile);
                self.set_aside(replaces.evidence)?;
            }
        }
        Ok(())
    }

    /// Writes the segments that hold events of `evidence` anew without them.
    fn set_aside(&mut self, evidence: &str) -> Result<()> {
        let (home, now) = (self.order.home, now().as_microsecond());
        for segment in std::mem::take(&mut self.held) {
            if store::compact::holds(home, &segment, evidence)? {
                let keep = store::compact::not_from(evidence);
                self.pending.extend(store::compact::merge(home, std::slice::from_ref(&segment), segment.level, now, &keep)?);
                self.gone.push(segment);
            } else {
                self.held.push(segment);
            }
        }
        Ok(())
    }

    fn write(&mut self, batch: &EventBatch) -> Result<()> {
        let home = self.order.home;
        let mut known = store::known::mark(home, batch, &self.held)?;
        for (mark, more) in known.iter_mut().zip(store::known::mark(home, batch, &self.pending)?) {
            *mark |= more;
        }
        for (at, _) in known.iter().enumerate().filter(|(_, known)| **known) {
            let evidence = batch.evidence(at);
            match self.marked.get_mut(evidence) {
                Some(times) => *times += 1,
                None => {
                    self.marked.insert(evidence.to_owned(), 1);
                }
            }
        }
        if let Some(replaces) = &self.order.replaces {
            for at in (0..batch.len()).filter(|at| !known[*at] && batch.evidence(*at) != replaces.evidence) {
                *self.inherited.entry(batch.evidence(at).to_owned()).or_default() += 1;
            }
        }
        let new = (0..batch.len()).filter(|at| !known[*at]).filter_map(|at| u32::try_from(at).ok());
        let created_at = now().as_microsecond();
        for rows in store::segment::by_time(batch, new) {
            self.pending.push(store::segment::write(home, batch, rows, created_at)?);
            faults::point("segment written");
        }
        Ok(())
    }

    fn commit(&mut self, finished: Vec<Reading>) -> Result<()> {
        let Order { register, runtime, .. } = self.order;
        let mut readings = Vec::new();
        for mut reading in finished {
            let found_here = self.marked.remove(&reading.kept.id).unwrap_or(0);
            let counts = &mut reading.counts;
            counts.duplicate += found_here;
            counts.stored = counts.read - counts.duplicate - counts.rejected;
            readings.push(reading);
        }
        if faults::acknowledge_before_commit() {
            readings.iter().for_each(|r| self.watch.acknowledged(&r.name, &r.counts));
            faults::point("acknowledged before commit");
        }
        if self.order.replaces.is_some()
            && let [reading] = &readings[..]
        {
            let inherited = std::mem::take(&mut self.inherited);
            runtime.block_on(register.replace(reading, &self.gone, &self.pending, &inherited, now().as_microsecond()))?;
            self.gone.clear();
            self.pending.clear();
            self.marked.clear();
            self.lock = None;
            self.acknowledge(reading);
            return Ok(());
        }
        // Someone else may have remembered the same evidence while we read it; then all of ours were duplicates.
        let mut new = Vec::new();
        for reading in readings {
            if runtime.block_on(register.evidence(&reading.kept.sha256))?.is_none() {
                new.push(reading);
            } else {
                self.acknowledge(&reading);
                self.summary.known_evidence += 1;
            }
        }
        runtime.block_on(register.commit(&new, &self.pending))?;
        faults::point("committed");
        self.pending.clear();
        self.marked.clear();
        self.lock = None;
        new.iter().for_each(|reading| self.acknowledge(reading));
        Ok(())
    }

    fn acknowledge(&mut self, reading: &Reading) {
        self.watch.acknowledged(&reading.name, &reading.counts);
        self.summary.evidence += 1;
        self.summary.counts += reading.counts;
        let space = REJECTIONS_KEPT.saturating_sub(self.summary.rejections.len());
        self.summary.rejections.extend(reading.rejections.iter().take(space).cloned());
        for (key, times) in &reading.drift {
            *self.summary.drift.entry(key.clone()).or_default() += times;
        }
    }
}
