//! Writing for many at once: what several requests want written becomes one transaction, and each waits until it is durable.
//!
//! While one transaction is on its way to the disk the next one gathers. All writing of the server goes through one pen, so that its
//! transactions queue here and not in the database. Pages that are only read are written in a journal first ([`store::journal`]), by a
//! thread of its own, and enter the log of releases a moment later.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use casework::model::release::Release;
use store::home::Home;
use store::journal::{Journal, Turn};
use store::posting::{Post, Posted};
use store::register::Register;
use store::releases::{Content, LogKey, Released};
use store::shared_releases::PageGiven;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::{chance, keys, pipeline};

/// What is to be written.
enum Order {
    Page(PageGiven, oneshot::Sender<Result<Released<Content>>>),
    Post(Post, oneshot::Sender<Result<Posted>>),
    Answer(Release, Vec<u8>, oneshot::Sender<Result<Released<Vec<u8>>>>),
}

/// What is to be done with the journal.
enum Note {
    Page(PageGiven, oneshot::Sender<Noted>),
    Turn(oneshot::Sender<Turn>),
    /// The pages of this generation are in the log.
    Entered(u64),
}

/// What became of a page.
enum Noted {
    Given(Released<Content>),
    /// The journal cannot take it now.
    Back(PageGiven),
    Failed(String),
}

/// Takes orders.
#[derive(Clone, Debug)]
pub(crate) struct Scribe {
    orders: mpsc::Sender<Order>,
    notes: mpsc::Sender<Note>,
    /// Told after each commit that added something.
    pub(crate) news: Arc<Notify>,
}

/// In one transaction, at most.
const PAGES: usize = 512;
const OBJECTS: usize = 8192;
/// So long pages gather before they enter the log, unless somebody wants to read it.
const GATHER: Duration = Duration::from_millis(100);
/// So long nothing is tried with a journal that could not be begun, and so long pages wait when the log could not be written.
const REST: Duration = Duration::from_secs(1);

impl Scribe {
    /// Begins to write; ends when nobody can give orders any more.
    pub(crate) fn new(home: &Home, register: Register, key: LogKey) -> Self {
        let notes = journal(home.clone(), register.clone(), key.clone());
        let (orders, mut waiting) = mpsc::channel::<Order>(4096);
        let news = Arc::new(Notify::new());
        let told = Arc::clone(&news);
        tokio::spawn(async move {
            while let Some(first) = waiting.recv().await {
                let (mut pages, mut posts, mut objects) = (Vec::new(), Vec::new(), 0);
                let mut answers = Vec::new();
                let mut next = Some(first);
                while let Some(order) = next {
                    match order {
                        Order::Page(page, answer) => pages.push((page, answer)),
                        Order::Post(post, answer) => {
                            objects += post.objects.len();
                            posts.push((post, answer));
                        }
                        Order::Answer(release, body, answer) => answers.push(((release, body), answer)),
                    }
                    next = if pages.len() + answers.len() < PAGES && objects < OBJECTS { waiting.try_recv().ok() } else { None };
                }
                if !posts.is_empty() {
                    add(&register, posts).await;
                    told.notify_waiters();
                }
                if !pages.is_empty() {
                    release(&register, &key, pages).await;
                }
                if !answers.is_empty() {
                    log(&register, &key, answers).await;
                }
            }
        });
        Self { orders, notes, news }
    }

    /// Makes sure that a page will be in the log; gives it back when it may be sent.
    pub(crate) async fn note(&self, page: PageGiven) -> Result<Released<Content>> {
        page.check()?;
        let (answer, answered) = oneshot::channel();
        self.notes.send(Note::Page(page, answer)).await.map_err(|_| ended())?;
        match answered.await.map_err(|_| ended())? {
            Noted::Given(released) => Ok(released),
            Noted::Back(page) => self.release(page).await,
            Noted::Failed(why) => Err(anyhow!("{why}")),
        }
    }

    /// Logs a page, so that there is a receipt at once; gives it back when it may be sent.
    pub(crate) async fn release(&self, page: PageGiven) -> Result<Released<Content>> {
        let (answer, answered) = oneshot::channel();
        self.orders.send(Order::Page(page, answer)).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }

    /// Logs any other answer to a party; gives it back when it may be sent.
    pub(crate) async fn log(&self, release: Release, body: Vec<u8>) -> Result<Released<Vec<u8>>> {
        let (answer, answered) = oneshot::channel();
        self.orders.send(Order::Answer(release, body, answer)).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }

    /// Adds objects.
    pub(crate) async fn post(&self, post: Post) -> Result<Posted> {
        let (answer, answered) = oneshot::channel();
        self.orders.send(Order::Post(post, answer)).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}

/// What a server that has ended gave enters the log now.
pub(crate) async fn bring_in(home: &Home, register: &Register) {
    match register.bring_in(home, || keys::log_key(home, None), pipeline::now()).await {
        Ok(0) => {}
        Ok(pages) => tracing::info!(pages, "what a server gave before it ended is in the log of releases now"),
        Err(error) => tracing::warn!("what a server gave before it ended is not in the log of releases yet: {error:#}"),
    }
}

/// Begins to write the journal and to bring its pages into the log.
fn journal(home: Home, register: Register, key: LogKey) -> mpsc::Sender<Note> {
    let (notes, waiting) = mpsc::channel(4096);
    let written = Arc::new(Notify::new());
    let told = Arc::clone(&written);
    std::thread::spawn(move || keep(&home, waiting, &told));
    tokio::spawn(enter(register, key, notes.downgrade(), written));
    notes
}

/// Writes the journal until nobody has anything for it.
fn keep(home: &Home, mut waiting: mpsc::Receiver<Note>, written: &Notify) {
    let mut journal: Option<Journal> = None;
    let mut failed: Option<std::time::Instant> = None;
    while let Some(first) = waiting.blocking_recv() {
        let (mut pages, mut next) = (Vec::new(), Some(first));
        let mut behind = None;
        while let Some(note) = next {
            match note {
                Note::Page(page, answer) => pages.push((page, answer)),
                // What came before it is written before it.
                other => behind = Some(other),
            }
            next = if behind.is_none() && pages.len() < PAGES { waiting.try_recv().ok() } else { None };
        }
        if !pages.is_empty() {
            if journal.is_none() && failed.is_none_or(|at| at.elapsed() > REST) {
                match Journal::begin(home, &chance::uuid().to_string()) {
                    Ok(begun) => (journal, failed) = (Some(begun), None),
                    Err(error) => {
                        tracing::warn!("no journal can be begun, so each page waits for the log of releases: {error}");
                        failed = Some(std::time::Instant::now());
                    }
                }
            }
            write(journal.as_mut(), pages);
            written.notify_one();
        }
        match (behind, &mut journal) {
            (Some(Note::Turn(answer)), Some(journal)) => drop(answer.send(journal.turn())),
            (Some(Note::Entered(generation)), Some(journal)) => {
                if let Err(error) = journal.entered(generation) {
                    tracing::warn!("the journal cannot be written: {error}");
                }
            }
            _ => {}
        }
    }
}

fn write(journal: Option<&mut Journal>, pages: Vec<(PageGiven, oneshot::Sender<Noted>)>) {
    let (pages, answers): (Vec<_>, Vec<_>) = pages.into_iter().unzip();
    let written = match journal {
        Some(journal) => journal.write(pages),
        None => Ok(Err(pages)),
    };
    let noted: Vec<Noted> = match written {
        Ok(Ok(given)) => given.into_iter().map(Noted::Given).collect(),
        Ok(Err(back)) => back.into_iter().map(Noted::Back).collect(),
        Err(error) => answers.iter().map(|_| Noted::Failed(error.to_string())).collect(),
    };
    answers.into_iter().zip(noted).for_each(|(answer, noted)| drop(answer.send(noted)));
}

/// Brings what was written into the log, a moment later or as soon as somebody wants to read it.
async fn enter(register: Register, key: LogKey, notes: mpsc::WeakSender<Note>, written: Arc<Notify>) {
    loop {
        written.notified().await;
        let _ = tokio::time::timeout(GATHER, register.hurried()).await;
        let (answer, turn) = oneshot::channel();
        let Some(journal) = notes.upgrade() else { return };
        if journal.send(Note::Turn(answer)).await.is_err() {
            return;
        }
        // No journal: its pages went another way.
        let Ok(Turn { generation, mut pages }) = turn.await else { continue };
        while let Err(error) = register.enter(&key, &pages, pipeline::now()).await {
            tracing::warn!(pages = pages.len(), "what was given is not in the log of releases yet: {error}");
            tokio::time::sleep(REST).await;
            // Part of it may be there.
            if let Ok(left) = register.not_entered(pages.clone()).await {
                pages = left;
            }
        }
        if journal.send(Note::Entered(generation)).await.is_err() {
            return;
        }
    }
}

fn ended() -> anyhow::Error {
    anyhow!("the server is ending")
}

async fn add(register: &Register, posts: Vec<(Post, oneshot::Sender<Result<Posted>>)>) {
    let (posts, answers): (Vec<_>, Vec<_>) = posts.into_iter().unzip();
    let now = pipeline::now().as_microsecond();
    match register.add_shared(&posts, now, chance::number()).await {
        Ok(posted) => answers.into_iter().zip(posted).for_each(|(answer, posted)| drop(answer.send(Ok(posted)))),
        // One bad request must not take the others with it: each alone.
        Err(_) if posts.len() > 1 => {
            for (post, answer) in posts.into_iter().zip(answers) {
                let posted = register.add_shared(std::slice::from_ref(&post), now, chance::number()).await;
                let one = posted.map_err(Into::into).and_then(|mut all| all.pop().ok_or_else(|| anyhow!("no outcome")));
                drop(answer.send(one));
            }
        }
        Err(error) => {
            let mut error = Some(anyhow::Error::from(error));
            answers.into_iter().for_each(|answer| drop(answer.send(Err(error.take().unwrap_or_else(ended)))));
        }
    }
}

#[allow(clippy::type_complexity, reason = "pages, each with who waits for it")]
async fn release(register: &Register, key: &LogKey, pages: Vec<(PageGiven, oneshot::Sender<Result<Released<Content>>>)>) {
    let (pages, answers): (Vec<_>, Vec<_>) = pages.into_iter().unzip();
    match register.release_pages(key, pages, pipeline::now()).await {
        Ok(released) => answers.into_iter().zip(released).for_each(|(answer, page)| drop(answer.send(Ok(page)))),
        Err(error) => {
            let text = error.to_string();
            answers.into_iter().for_each(|answer| drop(answer.send(Err(anyhow!("{text}")))));
        }
    }
}

#[allow(clippy::type_complexity, reason = "answers, each with who waits for it")]
async fn log(register: &Register, key: &LogKey, answers: Vec<((Release, Vec<u8>), oneshot::Sender<Result<Released<Vec<u8>>>>)>) {
    let (batch, waiting): (Vec<_>, Vec<_>) = answers.into_iter().unzip();
    match register.release(key, batch, pipeline::now()).await {
        Ok(released) => waiting.into_iter().zip(released).for_each(|(answer, one)| drop(answer.send(Ok(one)))),
        Err(error) => {
            let text = error.to_string();
            waiting.into_iter().for_each(|answer| drop(answer.send(Err(anyhow!("{text}")))));
        }
    }
}

/// Waits for news, or until it is time to look anyway: other processes write too.
pub(crate) async fn news_or(news: &Notify, at_most: Duration) {
    let _ = tokio::time::timeout(at_most, news.notified()).await;
}
