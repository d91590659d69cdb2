//! Pages on their way into the log of releases: which were given, and are not leaves yet?
//!
//! A page may leave when it is certain that its leaf will be in the log. To grow the tree for each page would cost more than to answer:
//! tiles are written anew, a checkpoint is signed, and every reader of the register finds its cache out of date. So the pages of a server
//! are written here first, durably, many at once, and enter the register together a moment later, in the order in which they were given.
//!
//! ```text
//! header      4 KiB: MUSUBIJ1, the newest generation of which every page is in the log
//! two halves  4 MiB each, used by turns, a generation each: frames of
//!             length (u32) · generation (u64) · BLAKE3 of what follows, 8 bytes · the page in JSON          (little-endian)
//! ```
//!
//! A half ends where a frame is not whole or of another generation. While its writer lives it holds a lock on the file; what a writer left
//! behind enters the log when the home is next opened ([`Register::bring_in`]). Entering twice is the same as once: releases have names.
//! Whoever reads the log waits first for what was given before ([`Register::settle`]).

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use casework::model::agreement::{Channel, Purpose};
use casework::model::release::{Basis, Release};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, Row as _};

use crate::StoreError;
use crate::home::{Home, create_private, sync_folder};
use crate::register::{Register, values};
use crate::releases::{self, Content, LogKey, Released};
use crate::shared_releases::{Given, PageGiven};

const MAGIC: &[u8; 8] = b"MUSUBIJ1";
/// Bytes before the first half.
const HEADER: u64 = 4096;
/// Bytes of a half.
const HALF: u64 = 4 << 20;
/// Bytes of a frame before the page.
const FRAME: usize = 20;
/// A transaction takes at most so many: others want to write too.
const AT_ONCE: usize = 1024;
/// Nobody waits longer than this for pages of another process to enter the log.
const PATIENCE: Duration = Duration::from_secs(5);

/// The journal of one server.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    generation: u64,
    /// Bytes used of the half that is being filled.
    used: u64,
    entered: u64,
    /// What the half holds.
    pending: Vec<Given>,
    frames: Vec<u8>,
}

/// Pages of one generation, to enter the log.
#[derive(Debug)]
pub struct Turn {
    pub generation: u64,
    pub pages: Vec<Given>,
}

impl Journal {
    /// Begins a journal under a name that no other has.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn begin(home: &Home, name: &str) -> Result<Self, StoreError> {
        let folder = folder(home);
        create_private(&folder)?;
        let _use = home.in_use()?;
        let (making, path) = (home.temporary().join(format!("{name}.journal")), folder.join(name));
        let file = File::options().create_new(true).read(true).write(true).open(&making).map_err(StoreError::file(&making))?;
        // Locked before it has its name: nobody takes it for one that was left behind.
        file.lock().map_err(StoreError::file(&making))?;
        let mut header = vec![0; HEADER as usize];
        header[..8].copy_from_slice(MAGIC);
        // All of it is written once, so that no page waits for the file to grow.
        let made = file.write_all_at(&header, 0).and_then(|()| file.write_all_at(&vec![0; 2 * HALF as usize], HEADER));
        made.and_then(|()| file.sync_all()).and_then(|()| fs::rename(&making, &path)).map_err(StoreError::file(&path))?;
        sync_folder(&folder)?;
        Ok(Self { path, file, generation: 1, used: 0, entered: 0, pending: Vec::new(), frames: Vec::new() })
    }

    /// Writes pages down and gives, once that is durable, what may be sent; or the pages, when there is no room before the next
    /// [`Journal::turn`].
    ///
    /// # Errors
    /// When a page is not what its release says, or the file cannot be written; then nothing may be sent.
    pub fn write(&mut self, pages: Vec<PageGiven>) -> Result<Result<Vec<Released<Content>>, Vec<PageGiven>>, StoreError> {
        self.frames.clear();
        for page in &pages {
            page.check()?;
            frame(self.generation, &page.given, &mut self.frames)?;
        }
        let end = self.used + self.frames.len() as u64;
        if end > HALF {
            return Ok(Err(pages));
        }
        self.file.write_all_at(&self.frames, half(self.generation) + self.used).map_err(StoreError::file(&self.path))?;
        self.file.sync_data().map_err(StoreError::file(&self.path))?;
        self.used = end;
        let given = pages.into_iter().map(|page| {
            self.pending.push(page.given.clone());
            Released::promised(page.given.release, page.body)
        });
        Ok(Ok(given.collect()))
    }

    /// What is to enter the log now; from here on the other half is filled. To be called again only after [`Journal::entered`].
    pub fn turn(&mut self) -> Turn {
        let turn = Turn { generation: self.generation, pages: std::mem::take(&mut self.pending) };
        (self.generation, self.used) = (self.generation + 1, 0);
        turn
    }

    /// The pages of this generation are in the log.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn entered(&mut self, generation: u64) -> Result<(), StoreError> {
        self.entered = generation;
        self.file.write_all_at(&generation.to_le_bytes(), 8).map_err(StoreError::file(&self.path))
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if self.pending.is_empty() && self.entered + 1 == self.generation {
            drop(fs::remove_file(&self.path));
        }
    }
}

/// Where the journals lie.
pub(crate) fn folder(home: &Home) -> PathBuf {
    home.root().join("journal")
}

fn half(generation: u64) -> u64 {
    HEADER + generation % 2 * HALF
}

/// A page as the journal writes it.
#[derive(Deserialize, Serialize)]
struct Line<'a> {
    id: Cow<'a, str>,
    recipient: Cow<'a, str>,
    purpose: Cow<'a, str>,
    channel: Cow<'a, str>,
    content: [u8; 32],
    at: i64,
    decision: Cow<'a, str>,
    terms: Cow<'a, [i64]>,
    reasons: Cow<'a, [String]>,
    collection: i64,
    kind: Cow<'a, str>,
    first: i64,
    last: i64,
    objects: Cow<'a, [u8]>,
}

fn frame(generation: u64, given: &Given, out: &mut Vec<u8>) -> Result<(), StoreError> {
    let Given { release, collection, kind, first, last, objects } = given;
    let line = Line {
        id: Cow::from(&release.id),
        recipient: Cow::from(release.recipient.as_str()),
        purpose: Cow::from(release.purpose.as_str()),
        channel: Cow::from(release.channel.as_str()),
        content: release.content,
        at: release.at.as_microsecond(),
        decision: Cow::from(&release.basis.decision),
        terms: Cow::from(&release.basis.terms),
        reasons: Cow::from(&release.basis.reasons),
        collection: *collection,
        kind: Cow::from(&**kind),
        first: *first,
        last: *last,
        objects: Cow::from(objects),
    };
    let start = out.len();
    out.extend_from_slice(&[0; FRAME]);
    serde_json::to_writer(&mut *out, &line).map_err(|error| StoreError::Refused(format!("release {}: {error}", release.id)))?;
    let length = u32::try_from(out.len() - start - FRAME).map_err(|_| StoreError::Refused(format!("release {}: too long", release.id)))?;
    let sum = checksum(generation, &out[start + FRAME..]);
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    out[start + 4..start + 12].copy_from_slice(&generation.to_le_bytes());
    out[start + 12..start + FRAME].copy_from_slice(&sum);
    Ok(())
}

fn checksum(generation: u64, page: &[u8]) -> [u8; 8] {
    let hash = blake3::Hasher::new().update(&generation.to_le_bytes()).update(page).finalize();
    let mut sum = [0; 8];
    sum.copy_from_slice(&hash.as_bytes()[..8]);
    sum
}

/// The frames of one half: its generation and what is written in it.
fn frames(half: &[u8]) -> Option<(u64, Vec<Given>)> {
    let (mut generation, mut found, mut rest) = (None, Vec::new(), half);
    while let Some((head, behind)) = rest.split_at_checked(FRAME) {
        let length = u32::from_le_bytes(head[..4].try_into().ok()?) as usize;
        let own = u64::from_le_bytes(head[4..12].try_into().ok()?);
        let Some((page, behind)) = behind.split_at_checked(length) else { break };
        if own == 0 || *generation.get_or_insert(own) != own || checksum(own, page) != head[12..FRAME] {
            break;
        }
        let Some(given) = serde_json::from_slice(page).ok().and_then(read) else { break };
        found.push(given);
        rest = behind;
    }
    generation.filter(|_| !found.is_empty()).map(|generation| (generation, found))
}

fn read(line: Line<'_>) -> Option<Given> {
    let basis = Basis { decision: line.decision.into_owned(), terms: line.terms.into_owned(), reasons: line.reasons.into_owned() };
    let release = Release {
        id: line.id.into_owned(),
        recipient: line.recipient.parse().ok()?,
        purpose: Purpose::read(&line.purpose)?,
        channel: Channel::read(&line.channel)?,
        content: line.content,
        at: Timestamp::from_microsecond(line.at).ok()?,
        basis,
    };
    let Line { collection, kind, first, last, objects, .. } = line;
    Some(Given { release, collection, kind: kind.into_owned().into(), first, last, objects: objects.into_owned() })
}

/// The newest generation of a journal of which every page is in the log.
fn entered(file: &File) -> std::io::Result<u64> {
    let mut head = [0; 16];
    let whole = file.read_at(&mut head, 0)? == head.len() && &head[..8] == MAGIC;
    Ok(if whole { number(&head[8..]) } else { u64::MAX })
}

/// The newest generation that a journal has pages of.
fn newest(file: &File) -> std::io::Result<u64> {
    let mut newest = 0;
    for at in [half(0), half(1)] {
        let mut frame = [0; 12];
        if file.read_at(&mut frame, at)? == frame.len() {
            newest = newest.max(number(&frame[4..]));
        }
    }
    Ok(newest)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_le_bytes)
}

/// The journals in a folder.
pub(crate) fn journals(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::file(folder)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        found.push(entry.map_err(StoreError::file(folder))?.path());
    }
    found.sort();
    Ok(found)
}

/// Opens a journal; `None` when it went in the meantime.
fn open(path: &Path) -> Result<Option<File>, StoreError> {
    match File::options().read(true).write(true).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::file(path)(error)),
    }
}

impl Register {
    /// Pages that were given enter the log, in their order.
    ///
    /// # Errors
    /// As the log says; those of the transactions before are in it then.
    pub async fn enter(&self, key: &LogKey, pages: &[Given], now: Timestamp) -> Result<(), StoreError> {
        for pages in pages.chunks(AT_ONCE) {
            let mut transaction = self.writing().await?;
            let releases: Vec<&Release> = pages.iter().map(|page| &page.release).collect();
            let appended = releases::append(&mut transaction, key, &releases, now).await?;
            crate::shared_releases::insert(&mut transaction, pages, appended.numbers()).await?;
            transaction.commit().await?;
        }
        Ok(())
    }

    /// Those of these pages that are not in the log.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn not_entered(&self, pages: Vec<Given>) -> Result<Vec<Given>, StoreError> {
        let mut known = std::collections::HashSet::new();
        for pages in pages.chunks(500) {
            let sql = format!("SELECT id FROM release WHERE id IN {}", values(1, pages.len()));
            let query = pages.iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, page| query.bind(&page.release.id));
            known.extend(query.fetch_all(&self.pool).await?.iter().map(|row| row.get::<String, _>(0)));
        }
        Ok(pages.into_iter().filter(|page| !known.contains(&page.release.id)).collect())
    }

    /// What a server that has ended left in its journal enters the log. Gives how many pages; the key is asked for only when there are any.
    ///
    /// # Errors
    /// When a journal cannot be read or the log not be written; it stays where it is then.
    pub async fn bring_in<E: From<StoreError>>(
        &self,
        home: &Home,
        key: impl Fn() -> Result<LogKey, E>,
        now: Timestamp,
    ) -> Result<usize, E> {
        let mut brought = 0;
        for path in journals(&folder(home))? {
            let Some(file) = open(&path)? else { continue };
            match file.try_lock() {
                Ok(()) => {}
                Err(fs::TryLockError::WouldBlock) => continue,
                Err(fs::TryLockError::Error(error)) => return Err(StoreError::file(&path)(error).into()),
            }
            let bytes = fs::read(&path).map_err(StoreError::file(&path))?;
            let mut halves: Vec<_> =
                [half(0), half(1)].into_iter().filter_map(|at| frames(bytes.get(at as usize..)?.get(..HALF as usize)?)).collect();
            halves.sort_by_key(|(generation, _)| *generation);
            let pages = self.not_entered(halves.into_iter().flat_map(|(_, pages)| pages).collect()).await?;
            if !pages.is_empty() {
                self.enter(&key()?, &pages, now).await?;
            }
            brought += pages.len();
            fs::remove_file(&path).map_err(StoreError::file(&path))?;
        }
        Ok(brought)
    }

    /// Waits until what was given before is in the log.
    ///
    /// # Errors
    /// When a journal cannot be read.
    pub async fn settle(&self) -> Result<(), StoreError> {
        let Some(folder) = &self.journals else { return Ok(()) };
        for path in journals(folder)? {
            let Some(file) = open(&path)? else { continue };
            let entered = || entered(&file).map_err(StoreError::file(&path));
            let (wanted, mut waited) = (newest(&file).map_err(StoreError::file(&path))?, Duration::ZERO);
            while entered()? < wanted {
                // What nobody is going to enter is not waited for.
                if file.try_lock().is_ok() || waited >= PATIENCE {
                    tracing::warn!(journal = %path.display(), "pages that were given are not in the log of releases yet");
                    break;
                }
                self.hurry.notify_one();
                let step = Duration::from_millis(2);
                tokio::time::sleep(step).await;
                waited += step;
            }
        }
        Ok(())
    }

    /// Waits until somebody wants to read the log.
    pub async fn hurried(&self) {
        self.hurry.notified().await;
    }
}
