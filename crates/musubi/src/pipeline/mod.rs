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

mod observe;
mod remember;

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::sync_channel;
use std::thread;

use anyhow::{Context as _, Result};
use casework::enrich::Tables;
use casework::model::event::Event;
use casework::model::identity::EventId;
use casework::model::terms::Terms;
use casework::observe::{Knowledge, Source};
use jiff::Timestamp;
use store::batch::EventBatch;
use store::commit::{Counts, Reading};
use store::evidence::{Duplicating, NamedMapping, Rejection};
use store::home::Home;
use store::register::Register;
use store::terms::DefaultOf;
use tokio::runtime::Handle;

use crate::faults;
use crate::receive::files::Found;

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
            .spawn_scoped(scope, move || remember::remember(order, from_reader, emptied, failed, watch))
            .context("cannot start a thread")?;
        let observed = observe::observe(order, to_memory, empty, failed, watch);
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

/// The clock.
pub(crate) fn now() -> Timestamp {
    Timestamp::now() + faults::clock_ahead()
}
