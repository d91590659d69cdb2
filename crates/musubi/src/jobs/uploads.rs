//! Uploads that are whole are read, one batch after the other, by the same pipeline that the command line uses.
//!
//! A batch holds uploads that say the same of feed, terms, giver and format. Whoever dies in the middle leaves them `reading`; the next start
//! reads them again, and evidence that is known changes nothing.
//!
//! What an outside party gave is held as if it had come to us over any other channel (`casework::share`'s transfer), kept apart from the same
//! bytes of others ([`envelope`]), and the party hears what its bytes say: never what was known before.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context as _, Result};
use casework::model::given;
use casework::model::party::PartyId;
use casework::model::terms::Terms;
use jiff::Timestamp;
use store::evidence::Evidence;
use store::uploads::Upload;
use tokio::runtime::Handle;

use crate::api::Server;
use crate::api::rest::uploads::Outcome;
use crate::jobs::compact;
use crate::pipeline::{self, Order, Watch};
use crate::receive::files::Found;
use crate::receive::{envelope, knowledge, parts};

/// Uploads in one order.
const TOGETHER: u32 = 256;
/// Rejected rows that are told with an upload; all are counted, and the evidence has more.
const TOLD: usize = 100;
/// The ending of an envelope.
const SEALED: &str = "sealed";
/// An upload that nobody goes on with is forgotten.
const FORGOTTEN: jiff::SignedDuration = jiff::SignedDuration::from_hours(7 * 24);

/// Nobody looks on.
struct Silent;

impl Watch for Silent {}

/// Reads uploads until the server ends.
pub(crate) async fn work(server: Arc<Server>) {
    // Those that a process which died was reading.
    let mut again = true;
    loop {
        match once(&server, again).await {
            Ok(read) => {
                again = false;
                if read > 0 {
                    continue;
                }
            }
            Err(error) => {
                tracing::error!("uploads could not be read and are tried again: {error:#}");
                again = true;
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        }
        if let Err(error) = forget(&server).await {
            tracing::warn!("uploads that nobody went on with could not be removed: {error:#}");
        }
        let _ = tokio::time::timeout(Duration::from_secs(60), server.uploads.waiting.notified()).await;
    }
}

async fn once(server: &Arc<Server>, again: bool) -> Result<usize> {
    let uploads = server.register.take_uploads(again, TOGETHER).await?;
    let Some(first) = uploads.first().cloned() else { return Ok(0) };
    let mut found = Vec::new();
    for upload in &uploads {
        found.push(file_of(server, upload).await?);
    }
    let terms: Option<Terms> = first.terms.as_deref().map(str::parse).transpose().context("the terms of an upload")?;
    let terms = match giver(&first)? {
        Some(giver) => {
            let said = terms.context("an outside party names its terms")?;
            Some(server.desk.standing(pipeline::now()).await?.transferred(&said, &giver))
        }
        None => terms,
    };
    let format = first.format.as_deref().and_then(parts::by_name);
    let knowledge = knowledge::load(&server.home, &[])?;
    let tables = knowledge::tables(&server.home, Some(&server.register)).await?;
    let defaults = server.register.terms_defaults().await?;
    let (worker, runtime) = (Arc::clone(server), Handle::current());
    let files = found;
    let reading = tokio::task::spawn_blocking(move || {
        let stop = AtomicBool::new(false);
        let order = Order {
            home: &worker.home,
            register: &worker.register,
            runtime,
            knowledge: &knowledge,
            mappings: &[],
            tables: &tables,
            files,
            format,
            format_of: None,
            feed: first.feed.clone(),
            given_by: first.given_by.clone(),
            terms,
            defaults: &defaults,
            received: first.completed_at.and_then(|at| Timestamp::from_microsecond(at).ok()),
            replaces: None,
            stop: &stop,
        };
        // Which of them are known is asked before they are read.
        let mut known = Vec::new();
        for file in &order.files {
            let sha256 = std::fs::File::open(&file.path).ok().and_then(|mut file| store::evidence::sha256(&mut file).ok());
            let before = match &sha256 {
                Some(sha256) => order.runtime.block_on(worker.register.evidence(sha256))?.is_some(),
                None => false,
            };
            known.push((sha256, before));
        }
        Ok::<_, anyhow::Error>((pipeline::ingest(&order, &Silent)?, known))
    });
    let (summary, known) = reading.await.context("the thread that reads uploads has ended")??;
    for (upload, (sha256, before)) in uploads.iter().zip(known) {
        end(server, upload, sha256.as_deref(), before, &summary.failures).await?;
    }
    compact::when_needed(&server.home, &server.register).await?;
    server.uploads.ended.notify_waiters();
    Ok(uploads.len())
}

/// The outside party that gave it of its own accord.
pub(super) fn giver(upload: &Upload) -> Result<Option<PartyId>> {
    let party: PartyId = upload.party.parse().context("the party of an upload")?;
    let own = upload.given_by.as_deref() == Some(party.as_str()) && upload.feed == Some(given::feed_of(&party));
    Ok(own.then_some(party))
}

/// The file that is read: of an outside party in an envelope.
async fn file_of(server: &Server, upload: &Upload) -> Result<Found> {
    let path = server.home.uploads()?.join(&upload.id);
    let path = match giver(upload)? {
        Some(party) => {
            let (sealed, name) = (path.with_extension(SEALED), upload.name.clone());
            let into = sealed.clone();
            tokio::task::spawn_blocking(move || envelope::seal(&path, &party, &name, &into)).await??;
            sealed
        }
        None => path,
    };
    Ok(Found { path, name: upload.name.clone(), size_bytes: upload.offset_bytes.unsigned_abs(), spooled: false })
}

/// What became of its rows, as whoever brought it is told.
async fn outcome(server: &Server, upload: &Upload, evidence: &Evidence, known: bool) -> Result<Outcome> {
    let n = i64::unsigned_abs;
    let (read, rejected) = (n(evidence.read_rows), n(evidence.rejected_rows));
    let (stored, duplicate) = (n(evidence.stored_rows), n(evidence.duplicate_rows));
    let rejections = server.register.rejections(&evidence.id).await?;
    let told = |path: &dyn Fn(&str) -> String| {
        let told = rejections.iter().take(TOLD);
        told.map(|one| serde_json::json!({"path": path(&one.path), "row": one.row_number, "reason": one.reason})).collect()
    };
    if let Some(party) = giver(upload)? {
        let inside = envelope::inside(&party, &evidence.name);
        let rejections = told(&|path| path.strip_prefix(&inside).unwrap_or(path).to_owned());
        return Ok(Outcome { read, stored: read - rejected, rejected, rejections, ..Outcome::default() });
    }
    // Known before: nothing of it was new.
    let (stored, duplicate) = if known { (0, stored + duplicate) } else { (stored, duplicate) };
    Ok(Outcome { read, stored, duplicate, rejected, known, rejections: told(&str::to_owned), error: None })
}

/// Remembers what became of one, then its file goes.
async fn end(server: &Server, upload: &Upload, sha256: Option<&str>, known: bool, failures: &[(String, String)]) -> Result<()> {
    let evidence = match sha256 {
        Some(sha256) => server.register.evidence(sha256).await?,
        None => None,
    };
    let now = pipeline::now().as_microsecond();
    let (state, outcome) = match &evidence {
        Some(evidence) => ("done", outcome(server, upload, evidence, known).await?),
        None => {
            let why = failures.iter().find(|(name, _)| *name == upload.name).map(|(_, why)| why.clone());
            let why = why.unwrap_or_else(|| "it could not be read".to_owned());
            ("failed", Outcome { error: Some(why), ..Outcome::default() })
        }
    };
    let text = serde_json::to_string(&outcome)?;
    server.register.upload_ended(&upload.id, state, evidence.as_ref().map(|evidence| evidence.id.as_str()), &text, now).await?;
    remove(server, &upload.id)
}

fn remove(server: &Server, id: &str) -> Result<()> {
    let path = server.home.uploads()?.join(id);
    for path in [path.with_extension(SEALED), path] {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error).with_context(|| path.display().to_string()),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Uploads that were begun long ago and never became whole; and files that no upload that goes on has.
async fn forget(server: &Server) -> Result<()> {
    let now = pipeline::now();
    for id in server.register.forgotten_uploads((now - FORGOTTEN).as_microsecond()).await? {
        if server.register.withdraw_upload(&id, now.as_microsecond()).await? {
            remove(server, &id)?;
        }
    }
    for entry in std::fs::read_dir(server.home.uploads()?)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let old = entry.metadata().and_then(|about| about.modified()).ok().and_then(|at| at.elapsed().ok());
        // A file comes before its row: only one that was left alone for an hour has none.
        if old.is_some_and(|old| old > Duration::from_secs(3600)) {
            let over = server.register.upload(&name).await?.is_none_or(|upload| upload.ended_at.is_some());
            if over {
                remove(server, &name)?;
            }
        }
    }
    Ok(())
}
