//! Asking events for a page: sums from memory, rows by question. Few questions at once, each in little memory and time, and each is over
//! when whoever asked has gone.
//!
//! Nothing that answers requests opens the engine but by a turn that is taken here: a turn is what a question is asked with ([`Asking`]).
//! Whoever has one takes no second before it is given back, or many who wait for their second would keep each other out.

use std::num::NonZero;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use datafusion::arrow::array::RecordBatch;
use datafusion::prelude::DataFrame;
use futures::StreamExt as _;
use jiff::Timestamp;
use serde_json::Value;
use store::door::Door;
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
    /// Of outside parties in the portal: however many of them ask, our own pages are answered.
    outside: Arc<Semaphore>,
    /// For files: whoever takes one slowly keeps nobody from a page.
    files: Arc<Semaphore>,
    /// What the overview shows, as long as nothing changes.
    summary: Mutex<Option<Arc<Summary>>>,
    pub(super) knowledge: super::lookup::Knowledge,
}

impl Default for Sums {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, NonZero::get).max(2);
        Self {
            figures: KeptFigures::default(),
            // A question uses all cores: more at once than these would only hold memory.
            turns: Arc::new(Semaphore::new(cores)),
            outside: Arc::new(Semaphore::new(cores)),
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
        self.page(&self.sums.turns, PATIENCE).await
    }

    /// A turn to write a file.
    pub(crate) async fn writing(&self) -> Result<Asking, Fault> {
        self.page(&self.sums.files, PATIENCE).await
    }

    /// A turn for a program of ours; it waits as long as it wants to.
    pub(crate) async fn asking_by_machine(&self, patience: Duration) -> Result<Asking, Fault> {
        self.page(&self.questions, patience).await
    }

    /// A turn for a program of an outside party, which sees what the door lets through.
    pub(crate) async fn asking_by_machine_of(&self, door: Door, patience: Duration) -> Result<Asking, Fault> {
        let turn = turn(&self.questions, patience).await?;
        Ok(self.with(turn, Some(door)))
    }

    /// A turn for a page of the portal, which sees what the door lets through.
    pub(crate) async fn asking_outside(&self, door: Door) -> Result<Asking, Fault> {
        let turn = turn(&self.sums.outside, PATIENCE).await?;
        Ok(self.with(turn, Some(door)))
    }

    /// A turn for work that asks by itself: what a button on a page does.
    pub(crate) async fn working(&self) -> Result<Turn, Fault> {
        turn(&self.sums.turns, PATIENCE).await
    }

    async fn page(&self, turns: &Arc<Semaphore>, patience: Duration) -> Result<Asking, Fault> {
        let turn = turn(turns, patience).await?;
        Ok(self.with(turn, None))
    }

    fn with(&self, turn: Turn, door: Option<Door>) -> Asking {
        Asking { home: self.home.clone(), register: self.register.clone(), questions: OnceCell::new(), door, turn: Arc::new(turn) }
    }
}

/// The right to ask, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _permit: OwnedSemaphorePermit,
}

async fn turn(turns: &Arc<Semaphore>, patience: Duration) -> Result<Turn, Fault> {
    let permit = tokio::time::timeout(patience, Arc::clone(turns).acquire_owned()).await;
    let Ok(permit) = permit else { return Err(Fault::TooMany(patience)) };
    Ok(Turn { _permit: permit.map_err(anyhow::Error::from)? })
}

/// Whoever has a turn.
#[allow(missing_debug_implementations, reason = "a session of the engine has none")]
pub(crate) struct Asking {
    home: Home,
    register: Register,
    /// The engine as those see it who have this turn; opened by the first question to it.
    questions: OnceCell<Questions>,
    /// An outside party asks, and sees what this lets through.
    door: Option<Door>,
    /// Files are read to the end also when nobody waits for them any more: the reading keeps the turn.
    turn: Arc<Turn>,
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
    /// The engine.
    pub(crate) async fn questions(&self) -> Result<&Questions, store::StoreError> {
        let open = async || match &self.door {
            None => Questions::open_page(&self.home, &self.register).await,
            Some(door) => Questions::open_for(&self.home, &self.register, |known| door.redactions(known.id)).await,
        };
        self.questions.get_or_try_init(open).await
    }

    /// A question to the engine.
    pub(crate) async fn sql(&self, sql: &str) -> Result<DataFrame, store::StoreError> {
        self.questions().await?.sql(sql).await
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

    /// The newest rows of a filter that needs no engine ([`store::newest::judges`]), behind a place in their order. Refused for an outside party.
    pub(crate) async fn newest(
        &self,
        wanted: &Filter,
        span: Option<Range<Timestamp>>,
        behind: Option<&(Timestamp, String)>,
        columns: &[&str],
        most: usize,
    ) -> anyhow::Result<Vec<Value>> {
        self.for_ourselves()?;
        let behind = match behind {
            Some((time, id)) => Some((time.as_microsecond(), identity(id)?)),
            None => None,
        };
        let time = span.map_or(i64::MIN..i64::MAX, |span| span.start.as_microsecond()..span.end.as_microsecond());
        let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
        let (home, segments, wanted) = (self.home.clone(), self.register.segments().await?, wanted.clone());
        let read = move || {
            let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
            store::newest::newest(&home, &segments, &wanted, &Span { time, behind }, &columns, most)
        };
        objects(&[self.reading(read).await?])
    }

    /// Reads files, away from the threads that answer.
    async fn reading<T: Send + 'static>(&self, read: impl FnOnce() -> Result<T, store::StoreError> + Send + 'static) -> anyhow::Result<T> {
        let turn = Arc::clone(&self.turn);
        let read = move || {
            let _turn = turn;
            read()
        };
        Ok(tokio::task::spawn_blocking(read).await??)
    }

    /// The newest events of a filter that needs no engine ([`store::newest::judges`]), as whoever asks sees them: some columns of at most `most`, all
    /// columns of the first `shown` of them.
    pub(crate) async fn look_up(
        &self,
        wanted: Filter,
        columns: &'static [&'static str],
        most: usize,
        shown: usize,
    ) -> anyhow::Result<[Vec<Value>; 2]> {
        // Segments that come after the door was made hold nothing that it does not know, or are not seen.
        let (home, segments, door) = (self.home.clone(), self.register.segments().await?, self.door.clone());
        let read = move || {
            let span = Span { time: i64::MIN..i64::MAX, behind: None };
            let found = store::newest::find(&home, &segments, &wanted, door.as_ref(), &span, most)?;
            let all: Vec<&str> = store::columns::COLUMNS.iter().map(|column| column.name).collect();
            Ok::<_, store::StoreError>([found.read(columns, 0..found.len())?, found.read(&all, 0..found.len().min(shown))?])
        };
        let [counted, whole] = self.reading(read).await?;
        Ok([objects(&[counted])?, objects(&[whole])?])
    }

    fn for_ourselves(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.door.is_none(), "here nothing is hidden from whoever asks");
        Ok(())
    }

    /// The event of an identity of 32 hexadecimal digits; `at`, where that is known, is its time. Refused for an outside party.
    pub(crate) async fn event(&self, id: &str, at: Option<Timestamp>) -> anyhow::Result<Option<Value>> {
        self.for_ourselves()?;
        let (id, at) = (identity(id)?, at.map(Timestamp::as_microsecond));
        let (home, segments) = (self.home.clone(), self.register.segments().await?);
        let found = self.reading(move || store::newest::with_id(&home, &segments, &id, at)).await?;
        Ok(objects(found.as_slice())?.into_iter().next())
    }

    /// All rows as they come, for an export; the turn is kept until they have.
    pub(crate) async fn stream(self, sql: &str) -> Result<Stream, Fault> {
        let rows = self.questions().await?.sql(sql).await?.execute_stream().await?;
        Ok(Stream { rows, _asking: self })
    }
}

fn identity(id: &str) -> anyhow::Result<[u8; 16]> {
    Ok(u128::from_str_radix(id, 16).with_context(|| format!("{id:?} is no identity"))?.to_be_bytes())
}

/// Rows that come, and the turn they come in.
#[allow(missing_debug_implementations, reason = "a session of the engine has none")]
pub(crate) struct Stream {
    pub(crate) rows: datafusion::execution::SendableRecordBatchStream,
    _asking: Asking,
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Files of a folder that hold these words.
    fn naming(folder: &Path, words: &[String], found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                naming(&path, words, found);
            } else if std::fs::read_to_string(&path).is_ok_and(|text| words.iter().any(|words| text.contains(words))) {
                found.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }

    #[test]
    fn nothing_that_answers_requests_opens_the_engine_without_a_turn() {
        let (source, mut found) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), Vec::new());
        let words = ["(", "_page(", "_for("].map(|way| format!("Questions::open{way}"));
        for folder in ["console", "api"] {
            naming(&source.join(folder), &words, &mut found);
        }
        assert!(found.iter().all(|path| path.ends_with("src/console/asking.rs")) && found.len() == 1, "{found:?}");
    }

    #[tokio::test]
    async fn a_reading_that_nobody_waits_for_keeps_its_turn_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let register = Register::create(&home).await.unwrap();
        let turns = Arc::new(Semaphore::new(1));
        let taken = Arc::new(turn(&turns, Duration::ZERO).await.unwrap());
        let asking = Asking { home, register, questions: OnceCell::new(), door: None, turn: taken };
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let reading = asking.reading(move || wait.recv().map_err(|_| store::StoreError::Refused("nobody says go on".into())));
        assert!(tokio::time::timeout(Duration::from_millis(1), reading).await.is_err());
        drop(asking);
        assert!(matches!(turn(&turns, Duration::ZERO).await, Err(Fault::TooMany(_))), "it still reads");
        go_on.send(()).unwrap();
        assert!(turn(&turns, PATIENCE).await.is_ok(), "given back");
    }

    #[tokio::test]
    async fn whoever_comes_when_all_turns_are_taken_waits_and_is_then_told_so() {
        let turns = Arc::new(Semaphore::new(1));
        let first = turn(&turns, Duration::ZERO).await.unwrap();
        assert!(matches!(turn(&turns, Duration::ZERO).await, Err(Fault::TooMany(_))));
        drop(first);
        assert!(turn(&turns, Duration::ZERO).await.is_ok(), "given back");
    }
}
