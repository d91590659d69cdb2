//! Asking events for a page: sums from memory, rows by question. Few questions at once, each in little memory and time, and each is over
//! when whoever asked has gone.

use std::num::NonZero;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use datafusion::arrow::array::RecordBatch;
use futures::StreamExt as _;
use jiff::Timestamp;
use serde_json::Value;
use store::events::Questions;
use store::figures::{Figures, KeptFigures};
use store::filter::Filter;
use store::home::Home;
use store::newest::Span;
use store::register::Register;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

use super::overview::Summary;
use super::visit::Fault;
use crate::api::Server;
use crate::lookup::objects;

/// Files at once that are written from events.
const FILES: usize = 4;
/// How long somebody waits for a turn.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a question of a page may take.
pub(crate) const LONGEST: Duration = Duration::from_secs(10);

/// What a server keeps for those who ask.
#[derive(Debug)]
pub(crate) struct Sums {
    figures: KeptFigures,
    turns: Arc<Semaphore>,
    /// For files: whoever takes one slowly keeps nobody from a page.
    files: Arc<Semaphore>,
    /// What the overview shows, as long as nothing changes.
    summary: Mutex<Option<Arc<Summary>>>,
    pub(super) knowledge: super::lookup::Knowledge,
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            figures: KeptFigures::default(),
            // A question uses all cores: more at once than these would only hold memory.
            turns: Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(2, NonZero::get).max(2))),
            files: Arc::new(Semaphore::new(FILES)),
            summary: Mutex::new(None),
            knowledge: super::lookup::Knowledge::default(),
        }
    }
}

impl Sums {
    pub(super) fn summary(&self) -> Option<Arc<Summary>> {
        self.summary.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn keep(&self, summary: &Arc<Summary>) {
        *self.summary.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(summary));
    }
}

impl Server {
    /// The sums of now.
    pub(crate) async fn figures(&self) -> Result<Arc<Figures>, Fault> {
        Ok(self.sums.figures.now(&self.register).await?)
    }

    /// A turn to ask for a page.
    pub(crate) async fn asking(&self) -> Result<Asking, Fault> {
        self.turn(&self.sums.turns).await
    }

    /// A turn to write a file.
    pub(crate) async fn writing(&self) -> Result<Asking, Fault> {
        self.turn(&self.sums.files).await
    }

    async fn turn(&self, turns: &Arc<Semaphore>) -> Result<Asking, Fault> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(turns).acquire_owned()).await;
        let Ok(turn) = turn else { return Err(Fault::TooMany(PATIENCE)) };
        let turn = turn.map_err(anyhow::Error::from)?;
        Ok(Asking { home: self.home.clone(), register: self.register.clone(), questions: OnceCell::new(), _turn: turn })
    }
}

/// Whoever has a turn.
#[allow(missing_debug_implementations, reason = "a session of the engine has none")]
pub(crate) struct Asking {
    home: Home,
    register: Register,
    /// The engine is opened by the first question to it.
    questions: OnceCell<Questions>,
    _turn: OwnedSemaphorePermit,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// It would have taken too long.
    Late,
    /// The engine says what is wrong.
    Wrong(String),
}

/// Rows, and whether there are more than were asked for.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) batches: Vec<RecordBatch>,
    pub(crate) more: bool,
}

impl Told {
    pub(crate) fn objects(&self) -> Result<Vec<Value>, Fault> {
        Ok(objects(&self.batches)?)
    }
}

impl Asking {
    async fn questions(&self) -> Result<&Questions, store::StoreError> {
        self.questions.get_or_try_init(|| Questions::open_page(&self.home, &self.register)).await
    }

    /// At most so many rows.
    pub(crate) async fn rows(&self, sql: &str, most: usize, within: Duration) -> Result<Told, NoAnswer> {
        let wrong = |error: &dyn std::fmt::Display| NoAnswer::Wrong(error.to_string());
        let work = async {
            let questions = self.questions().await.map_err(|error| wrong(&error))?;
            let frame = questions.sql(sql).await.map_err(|error| wrong(&error))?;
            let frame = frame.limit(0, Some(most + 1)).map_err(|error| wrong(&error))?;
            // Dropped, the stream ends whatever works for it.
            let mut stream = frame.execute_stream().await.map_err(|error| wrong(&error))?;
            let mut told = Told { batches: Vec::new(), more: false };
            let mut rows = 0;
            while let Some(batch) = stream.next().await {
                let batch = batch.map_err(|error| wrong(&error))?;
                let left = most - rows;
                if batch.num_rows() > left {
                    told.batches.push(batch.slice(0, left));
                    told.more = true;
                    break;
                }
                rows += batch.num_rows();
                told.batches.push(batch);
            }
            Ok(told)
        };
        tokio::time::timeout(within, work).await.unwrap_or(Err(NoAnswer::Late))
    }

    /// The newest rows of a filter that need no engine ([`store::newest::judges`]), behind a place in their order.
    pub(crate) async fn newest(
        &self,
        wanted: &Filter,
        span: Option<Range<Timestamp>>,
        behind: Option<&(Timestamp, String)>,
        columns: &[&str],
        most: usize,
    ) -> Result<Vec<Value>, NoAnswer> {
        let found = newest(&self.home, &self.register, wanted, span, behind, columns, most).await;
        found.map_err(|error| NoAnswer::Wrong(format!("{error:#}")))
    }

    /// All rows as they come, for an export; the turn is kept until they have.
    pub(crate) async fn stream(self, sql: &str) -> Result<Stream, Fault> {
        let rows = self.questions().await?.sql(sql).await?.execute_stream().await?;
        Ok(Stream { rows, _asking: self })
    }
}

/// The newest rows of a filter, from the files, behind a place in their order.
pub(crate) async fn newest(
    home: &Home,
    register: &Register,
    wanted: &Filter,
    span: Option<Range<Timestamp>>,
    behind: Option<&(Timestamp, String)>,
    columns: &[&str],
    most: usize,
) -> anyhow::Result<Vec<Value>> {
    let behind = match behind {
        Some((time, id)) => {
            let id = u128::from_str_radix(id, 16).with_context(|| format!("{id:?} is no identity"))?;
            Some((time.as_microsecond(), id.to_be_bytes()))
        }
        None => None,
    };
    let time = span.map_or(i64::MIN..i64::MAX, |span| span.start.as_microsecond()..span.end.as_microsecond());
    let (home, segments, wanted) = (home.clone(), register.segments().await?, wanted.clone());
    let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    let read = move || {
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        store::newest::newest(&home, &segments, &wanted, &Span { time, behind }, &columns, most)
    };
    objects(&[tokio::task::spawn_blocking(read).await??])
}

/// The event of an identity of 32 hexadecimal digits; `at`, where that is known, is its time.
pub(crate) async fn event(home: &Home, register: &Register, id: &str, at: Option<Timestamp>) -> anyhow::Result<Option<Value>> {
    let id = u128::from_str_radix(id, 16).with_context(|| format!("{id:?} is no identity"))?.to_be_bytes();
    let (home, segments, at) = (home.clone(), register.segments().await?, at.map(Timestamp::as_microsecond));
    let found = tokio::task::spawn_blocking(move || store::newest::with_id(&home, &segments, &id, at)).await??;
    Ok(objects(found.as_slice())?.into_iter().next())
}

/// Rows that come, and the turn they come in.
#[allow(missing_debug_implementations, reason = "a session of the engine has none")]
pub(crate) struct Stream {
    pub(crate) rows: datafusion::execution::SendableRecordBatchStream,
    _asking: Asking,
}
