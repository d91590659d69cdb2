//! Asking events for a page: sums from memory, rows by question. Few questions at once, each in little memory and time, and each is over
//! when whoever asked has gone.

use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use futures::StreamExt as _;
use serde_json::Value;
use store::events::Questions;
use store::figures::{Figures, KeptFigures};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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
        Ok(Asking { questions: Questions::open_page(&self.home, &self.register).await?, _turn: turn })
    }
}

/// Whoever has a turn.
#[allow(missing_debug_implementations, reason = "a session of the engine has none")]
pub(crate) struct Asking {
    questions: Questions,
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
    /// At most so many rows.
    pub(crate) async fn rows(&self, sql: &str, most: usize, within: Duration) -> Result<Told, NoAnswer> {
        let wrong = |error: &dyn std::fmt::Display| NoAnswer::Wrong(error.to_string());
        let work = async {
            let frame = self.questions.sql(sql).await.map_err(|error| wrong(&error))?;
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

    /// All rows as they come, for an export; the turn is kept until they have.
    pub(crate) async fn stream(self, sql: &str) -> Result<Stream, Fault> {
        let rows = self.questions.sql(sql).await?.execute_stream().await?;
        Ok(Stream { rows, _asking: self })
    }
}

/// Rows that come, and the turn they come in.
#[allow(missing_debug_implementations, reason = "a session of the engine has none")]
pub(crate) struct Stream {
    pub(crate) rows: datafusion::execution::SendableRecordBatchStream,
    _asking: Asking,
}
