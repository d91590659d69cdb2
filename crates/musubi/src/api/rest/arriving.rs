//! Bytes on their way: an upload grows on the disk, one request at a time, and what was acknowledged is there after a crash.

use std::collections::HashSet;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::Response;
use futures::{Stream, StreamExt as _};
use store::uploads::{Quota, Upload as Kept};
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;

use super::answer::refuse;
use super::new_id;
use super::said::Bound;
use crate::api::Server;
use crate::console::visit::{Fault, Visit, Who};

/// A client that sends nothing for so long is not waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// Whoever has brought all it may is told to come again after this time.
pub(crate) const LATER: Duration = Duration::from_secs(3600);

/// Who writes where, and a bell for what waits to be read.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    written_to: Mutex<HashSet<String>>,
    pub(crate) waiting: Notify,
    /// Told when an upload was read.
    pub(crate) ended: Notify,
}

/// The right to write to an upload.
pub(super) struct Turn<'d> {
    desk: &'d Desk,
    id: String,
}

impl Desk {
    pub(super) fn take(&self, id: &str) -> Option<Turn<'_>> {
        let mut all = self.written_to.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(id.to_owned()).then(|| Turn { desk: self, id: id.to_owned() })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.desk.written_to.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// Why bytes were not taken.
#[derive(Debug)]
pub(crate) enum Stopped {
    TooLarge,
    TooSlow,
    /// Its party has brought all it may in a day.
    TooMuch,
    Gone,
    Failed(anyhow::Error),
}

impl From<Stopped> for Result<Response, Fault> {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::TooLarge => refuse(StatusCode::PAYLOAD_TOO_LARGE, "too large", "an upload of this size is not taken"),
            Stopped::TooSlow => refuse(StatusCode::REQUEST_TIMEOUT, "too slow", "nothing came for a minute; what came is kept"),
            Stopped::TooMuch => Err(Fault::TooMany(LATER)),
            Stopped::Gone => refuse(StatusCode::BAD_REQUEST, "broken off", "the body ended too early; what came is kept"),
            Stopped::Failed(error) => Err(Fault::Failed(error)),
        }
    }
}

/// Where the bytes of an upload lie.
pub(crate) fn place(server: &Server, id: &str) -> Result<PathBuf, Fault> {
    Ok(server.home.uploads()?.join(id))
}

/// Writes what comes behind `offset`; says how many bytes are on the disk then, also when it stopped early.
pub(super) async fn write<S, E>(path: &FilePath, offset: u64, most: u64, mut bytes: S) -> (u64, Result<(), Stopped>)
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    let failed = |error: std::io::Error| Stopped::Failed(anyhow::Error::from(error).context("an upload could not be written"));
    let opened: std::io::Result<File> = async {
        let mut file = OpenOptions::new().create(true).write(true).truncate(false).open(path).await?;
        // Behind what was acknowledged nothing counts.
        file.set_len(offset).await?;
        file.seek(std::io::SeekFrom::Start(offset)).await?;
        Ok(file)
    }
    .await;
    let mut file = match opened {
        Ok(file) => file,
        Err(error) => return (offset, Err(failed(error))),
    };
    let (mut end, mut outcome) = (offset, Ok(()));
    loop {
        let part = match tokio::time::timeout(PATIENCE, bytes.next()).await {
            Err(_) => {
                outcome = Err(Stopped::TooSlow);
                break;
            }
            Ok(None) => break,
            Ok(Some(Err(_))) => {
                outcome = Err(Stopped::Gone);
                break;
            }
            Ok(Some(Ok(part))) => part,
        };
        if end + part.len() as u64 > most {
            outcome = Err(Stopped::TooLarge);
            break;
        }
        if let Err(error) = file.write_all(&part).await {
            outcome = Err(failed(error));
            break;
        }
        end += part.len() as u64;
    }
    let safe = async {
        file.flush().await?;
        file.sync_all().await
    };
    match safe.await {
        Ok(()) => (end, outcome),
        Err(error) => (offset, Err(failed(error))),
    }
}

/// The folder remembers the file too.
pub(super) fn sync_folder(path: &FilePath) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) => std::fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// What is the most that whoever asks may bring at once, and of its party in a day.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) largest: u64,
    pub(super) quota: Option<Quota>,
}

/// Microseconds of a day.
const DAY: i64 = 24 * 3600 * 1_000_000;

impl Room {
    pub(super) fn of(visit: &Visit) -> Self {
        let limits = &visit.server.limits;
        if !visit.who.as_ref().is_some_and(|who| who.role.is_partner()) {
            return Self { largest: limits.largest_upload, quota: None };
        }
        let since = visit.now.as_microsecond() - DAY;
        let quota = Quota { since, uploads: limits.outside_uploads_per_day, bytes: limits.outside_bytes_per_day };
        Self { largest: limits.largest_upload.min(limits.largest_outside_upload), quota: Some(quota) }
    }
}

/// Takes a whole file: on the disk and in the register when it comes back.
pub(crate) async fn take<S, E>(visit: &Visit, said: &Bound, bytes: S) -> Result<Kept, Stopped>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    let server = &visit.server;
    let (id, room) = (new_id(), Room::of(visit));
    let who = visit.who().map_err(failed)?;
    // Whoever has brought all it may today is not listened to.
    if let Some(quota) = room.quota
        && server.register.has_brought_all(who.party.as_str(), quota).await.map_err(|error| Stopped::Failed(error.into()))?
    {
        return Err(Stopped::TooMuch);
    }
    let path = place(server, &id).map_err(failed)?;
    let (end, outcome) = write(&path, 0, room.largest, bytes).await;
    let remove = || drop(std::fs::remove_file(&path));
    if let Err(stopped) = outcome {
        remove();
        return Err(stopped);
    }
    sync_folder(&path).map_err(|error| Stopped::Failed(error.into()))?;
    let now = crate::pipeline::now().as_microsecond();
    let upload = Kept {
        size_bytes: Some(end as i64),
        offset_bytes: end as i64,
        state: "waiting".to_owned(),
        completed_at: Some(now),
        ..blank(&id, who, said, now)
    };
    if !server.register.begin_upload(&upload, room.quota).await.map_err(|error| Stopped::Failed(error.into()))? {
        remove();
        return Err(Stopped::TooMuch);
    }
    crate::faults::point("upload acknowledged");
    server.uploads.waiting.notify_one();
    Ok(upload)
}

fn failed(fault: Fault) -> Stopped {
    Stopped::Failed(anyhow::anyhow!("{fault:?}"))
}

/// An upload that begins.
pub(super) fn blank(id: &str, who: &Who, said: &Bound, now: i64) -> Kept {
    let said = said.said();
    Kept {
        id: id.to_owned(),
        person: who.id.clone(),
        party: who.party.to_string(),
        name: said.name.clone().unwrap_or_else(|| "upload".to_owned()),
        size_bytes: None,
        offset_bytes: 0,
        feed: said.feed.clone(),
        terms: said.terms.clone(),
        given_by: said.from.clone(),
        format: said.format.clone(),
        state: "open".to_owned(),
        created_at: now,
        completed_at: None,
        ended_at: None,
        evidence: None,
        outcome: None,
    }
}

/// Waits until uploads were read, or the time is over; as they stand then.
pub(crate) async fn wait(server: &Server, ids: &[String], at_most: Duration) -> Result<Vec<Kept>, Fault> {
    let end = tokio::time::Instant::now() + at_most;
    loop {
        let ended = server.uploads.ended.notified();
        let mut found = Vec::new();
        for id in ids {
            found.extend(server.register.upload(id).await?);
        }
        let over = found.iter().all(|upload| upload.ended_at.is_some());
        if over || tokio::time::Instant::now() >= end {
            return Ok(found);
        }
        let _ = tokio::time::timeout_at(end, ended).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pieces_that_break_off_leave_what_came() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("u");
        let parts = futures::stream::iter(vec![Ok(Bytes::from_static(b"abc")), Err("gone")]);
        let (end, outcome) = write(&path, 0, 100, parts).await;
        assert!(end == 3 && matches!(outcome, Err(Stopped::Gone)));
        // What was not acknowledged is written over.
        let (end, outcome) = write(&path, 2, 100, futures::stream::iter(vec![Ok::<_, &str>(Bytes::from_static(b"xyz"))])).await;
        assert!(end == 5 && outcome.is_ok());
        assert_eq!(std::fs::read(&path).unwrap(), b"abxyz");
        let (end, outcome) = write(&path, 5, 6, futures::stream::iter(vec![Ok::<_, &str>(Bytes::from_static(b"12"))])).await;
        assert!(end == 5 && matches!(outcome, Err(Stopped::TooLarge)));
    }
}
