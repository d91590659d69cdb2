//! Writing for many at once: what several requests want written becomes one transaction, and each waits until it is durable.
//!
//! While one transaction is on its way to the disk the next one gathers. All writing of the server goes through one pen, so that its
//! transactions queue here and not in the database.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use casework::model::release::Release;
use store::posting::{Post, Posted};
use store::register::Register;
use store::releases::{Content, LogKey, Released};
use store::shared_releases::PageGiven;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::{chance, pipeline};

/// What is to be written.
enum Order {
    Page(PageGiven, oneshot::Sender<Result<Released<Content>>>),
    Post(Post, oneshot::Sender<Result<Posted>>),
    Answer(Release, Vec<u8>, oneshot::Sender<Result<Released<Vec<u8>>>>),
}

/// Takes orders.
#[derive(Clone, Debug)]
pub(crate) struct Scribe {
    orders: mpsc::Sender<Order>,
    /// Told after each commit that added something.
    pub(crate) news: Arc<Notify>,
}

/// In one transaction, at most.
const PAGES: usize = 512;
const OBJECTS: usize = 8192;

impl Scribe {
    /// Begins to write; ends when nobody can give orders any more.
    pub(crate) fn new(register: Register, key: LogKey) -> Self {
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
        Self { orders, news }
    }

    /// Logs a page; gives it back when it may be sent.
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
