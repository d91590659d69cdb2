//! What we gave to whom: the log of releases, and the proof that something may be delivered.
//!
//! A delivery function takes a [`Released`] value, and only the log makes one, after the transaction in which the leaf became
//! durable, or after the page was written in the journal from which leaves are made ([`crate::journal`]). So nothing leaves without a leaf:
//!
//! ```compile_fail,E0451
//! use store::releases::Released;
//! fn deliver(mail: &Released<Vec<u8>>) {}
//! fn forge(release: casework::model::release::Release) {
//!     // No other way to say that something was logged: the fields belong to the log.
//!     deliver(&Released { release, number: None, content: b"not logged".to_vec() });
//! }
//! ```
//!
//! ```compile_fail,E0308
//! use store::releases::Released;
//! fn deliver(mail: &Released<Vec<u8>>) {}
//! deliver(&b"not logged".to_vec());
//! ```
//!
//! What was logged cannot be exchanged either:
//!
//! ```compile_fail,E0596
//! use store::releases::Released;
//! fn change(mail: &mut Released<Vec<u8>>) {
//!     mail.content().push(b'!');
//! }
//! ```
//!
//! The leaf holds the hash of the content; [`Register::released`] makes the value again after a restart, for the same
//! bytes only. Rows and tiles are written in one transaction with whatever the caller writes beside ([`append`]).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use casework::model::agreement::{Channel, Purpose};
use casework::model::release::{BadRelease, Basis, Release, Secret};
use formats::tlog::note::Unsigned;
use formats::tlog::tile::{WIDTH, push_entry, read_entries, write_hashes};
use formats::tlog::tree::{Head, leaf};
use formats::tlog::{Checkpoint, Edge, Level, Note, Signer, Tile, Verifier};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use sqlx::{AssertSqlSafe, SqliteConnection};

use crate::StoreError;
use crate::register::{Register, values};
use crate::release_tree::{self, ENTRIES};

/// The key of the log of one home: signs checkpoints, and makes the salts of statements.
#[derive(Clone, Debug)]
pub struct LogKey {
    signer: Signer,
    salts: [u8; 32],
    end: Arc<Mutex<Option<End>>>,
}

/// Where the log ends. What this key last signed is kept: as long as the register's last checkpoint is that one, the tree need not be read and
/// checked again. When it is another, because another process wrote or a transaction was not committed, it is read.
#[derive(Clone, Debug)]
struct End {
    /// The last checkpoint; none yet in an empty log.
    note: Option<String>,
    edge: Edge,
    /// The unfinished bundle of entries.
    bundle: Vec<u8>,
}

impl LogKey {
    /// Takes a key for notes; its name is the origin of the log.
    pub fn new(signer: Signer) -> Self {
        let salts = blake3::derive_key("musubi 2026-11 salts of the log of releases", signer.secret());
        Self { signer, salts, end: Arc::default() }
    }

    /// The public half, by which receipts are checked.
    pub fn verifier(&self) -> &Verifier {
        self.signer.verifier()
    }

    fn end(&self) -> MutexGuard<'_, Option<End>> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn secret(&self, id: &str) -> Secret {
        Secret(*blake3::keyed_hash(&self.salts, id.as_bytes()).as_bytes())
    }
}

/// Something that is in the log, and may therefore be delivered: to this recipient, by this channel.
#[derive(Debug)]
pub struct Released<T> {
    release: Release,
    number: Option<u64>,
    content: T,
}

impl<T> Released<T> {
    /// To be called when it is durable that this will be in the log.
    pub(crate) fn promised(release: Release, content: T) -> Self {
        Self { release, number: None, content }
    }

    pub fn release(&self) -> &Release {
        &self.release
    }

    /// Number of the leaf, from 0; none while what was given waits in the journal ([`crate::journal`]).
    pub fn number(&self) -> Option<u64> {
        self.number
    }

    /// What was given; its SHA-256 is in the leaf.
    pub fn content(&self) -> &T {
        &self.content
    }

    /// What is given, to be sent.
    pub fn into_content(self) -> T {
        self.content
    }
}

/// Bytes to be given and their SHA-256, computed once.
#[derive(Debug)]
pub struct Content {
    bytes: Vec<u8>,
    sha256: [u8; 32],
}

impl Content {
    pub fn new(bytes: Vec<u8>) -> Self {
        let sha256 = Sha256::digest(&bytes).into();
        Self { bytes, sha256 }
    }

    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Releases that will be in the log when the transaction in which they were appended is committed.
#[derive(Debug)]
#[must_use = "after the commit, `committed` gives what may be delivered"]
pub(crate) struct Appended {
    first: u64,
    ids: Vec<String>,
}

impl Appended {
    /// The numbers of the leaves, in the order of the releases.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = i64> + use<> {
        let first = i64::try_from(self.first).unwrap_or(i64::MAX);
        first..first.saturating_add(i64::try_from(self.ids.len()).unwrap_or(0))
    }

    /// To be called after the commit, with the same releases and the SHA-256 of a content: gives what may be delivered now.
    pub(crate) fn committed<T>(self, batch: Vec<(Release, T)>, sha256: impl Fn(&T) -> [u8; 32]) -> Result<Vec<Released<T>>, StoreError> {
        if !self.ids.iter().eq(batch.iter().map(|(release, _)| &release.id)) {
            return Err(StoreError::Refused("what was appended to the log of releases is something else".into()));
        }
        let logged = batch.into_iter().zip(self.first..);
        logged
            .map(|((release, content), number)| {
                is_content(&release, &sha256(&content)).map(|()| Released { release, number: Some(number), content })
            })
            .collect()
    }
}

/// The content of this SHA-256 is that of which the release speaks.
pub(crate) fn is_content(release: &Release, sha256: &[u8; 32]) -> Result<(), StoreError> {
    let id = &release.id;
    if release.content == *sha256 {
        Ok(())
    } else {
        Err(StoreError::Refused(format!("release {id}: the content is not the one that the log has the hash of")))
    }
}

fn digest(content: &impl AsRef<[u8]>) -> [u8; 32] {
    Sha256::digest(content.as_ref()).into()
}

/// Appends releases to the log within a transaction of the caller, who must have begun it for writing. Commits nothing.
///
/// # Errors
/// When a release is in the log already or cannot be written down, when the key is not that of the log, or when the tree in the register
/// is not the one that was signed last: nothing is signed upon a damaged tree.
pub(crate) async fn append(
    transaction: &mut SqliteConnection,
    key: &LogKey,
    releases: &[&Release],
    now: Timestamp,
) -> Result<Appended, StoreError> {
    if releases.is_empty() {
        return Ok(Appended { first: 0, ids: Vec::new() });
    }
    let known = key.end().take();
    let continued = match known {
        Some(end) => Some(sign_behind(transaction, key, end, releases, now).await?),
        None => None,
    };
    let grown = match continued.flatten() {
        Some(grown) => grown,
        None => {
            let end = read_end(transaction, key, now).await?;
            let grown = sign_behind(transaction, key, end, releases, now).await?;
            grown.ok_or_else(|| damaged("its last checkpoint is not its last"))?
        }
    };
    let first = grown.end.edge.size() - releases.len() as u64;
    insert_rows(transaction, first, releases, &grown.secrets).await?;
    release_tree::upsert(transaction, grown.tiles).await?;
    *key.end() = Some(grown.end);
    Ok(Appended { first, ids: releases.iter().map(|release| release.id.clone()).collect() })
}

/// Grows the log and signs where it ends then, if it ended as said. `None`: it did not.
async fn sign_behind(
    transaction: &mut SqliteConnection,
    key: &LogKey,
    end: End,
    releases: &[&Release],
    now: Timestamp,
) -> Result<Option<Grown>, StoreError> {
    let before = end.note.clone();
    let grown = end.grow(key, releases, now)?;
    let sql = "INSERT INTO release_checkpoint (size, note, signed_at) \
               SELECT $1, $2, $3 WHERE (SELECT note FROM release_checkpoint ORDER BY size DESC LIMIT 1) IS $4";
    let query = sqlx::query(sql).bind(grown.end.edge.size() as i64).bind(&grown.end.note).bind(now.as_microsecond()).bind(before);
    Ok((query.execute(transaction).await?.rows_affected() == 1).then_some(grown))
}

/// What is written when releases are added.
struct Grown {
    end: End,
    tiles: Vec<(i64, u64, Vec<u8>)>,
    secrets: Vec<Secret>,
}

impl End {
    fn grow(self, key: &LogKey, releases: &[&Release], now: Timestamp) -> Result<Grown, StoreError> {
        let Self { mut edge, mut bundle, .. } = self;
        let (mut tiles, mut secrets) = (Vec::new(), Vec::with_capacity(releases.len()));
        for release in releases {
            release.check().map_err(|e: BadRelease| StoreError::Refused(e.to_string()))?;
            let secret = key.secret(&release.id);
            let entry = release.statement(&secret).entry();
            secrets.push(secret);
            let number = edge.size() / WIDTH;
            if !push_entry(&mut bundle, &entry) {
                return Err(StoreError::Refused(format!("release {}: its entry is too long", release.id)));
            }
            edge.push(leaf(&entry), &mut |tile, hashes| tiles.push((level(tile), tile.number, write_hashes(&hashes))));
            if edge.size().is_multiple_of(WIDTH) {
                tiles.push((ENTRIES, number, std::mem::take(&mut bundle)));
            }
        }
        tiles.extend(edge.unfinished().map(|(tile, hashes)| (level(tile), tile.number, write_hashes(hashes))));
        if !bundle.is_empty() {
            tiles.push((ENTRIES, edge.size() / WIDTH, bundle.clone()));
        }
        let head = Head { size: edge.size(), root: edge.root() };
        let note = Checkpoint::new(key.verifier().name(), head).sign(&key.signer, now.as_second().unsigned_abs()).to_string();
        Ok(Grown { end: Self { note: Some(note), edge, bundle }, tiles, secrets })
    }
}

fn level(tile: Tile) -> i64 {
    match tile.level {
        Level::Entries => ENTRIES,
        Level::Hashes(level) => level.into(),
    }
}

/// The edge of the tree and the unfinished bundle of entries, after a check that they are what was signed last.
async fn read_end(transaction: &mut SqliteConnection, key: &LogKey, now: Timestamp) -> Result<End, StoreError> {
    let Some((size, text)) = release_tree::latest_text(transaction).await? else {
        sqlx::query("INSERT INTO release_log (id, vkey, started_at) VALUES (1, $1, $2)")
            .bind(key.verifier().to_string())
            .bind(now.as_microsecond())
            .execute(transaction)
            .await?;
        return Ok(End { note: None, edge: Edge::default(), bundle: Vec::new() });
    };
    let note = release_tree::read(size, &text)?;
    let checkpoint = match note.signers(std::slice::from_ref(key.verifier())) {
        Ok(_) => Checkpoint::read(&note.text).map_err(|e| damaged(&e.to_string()))?,
        Err(Unsigned::Unknown) => {
            let ours = key.verifier();
            return Err(StoreError::Refused(format!("the log of releases was signed with another key than {ours}; put that one back")));
        }
        Err(wrong) => return Err(damaged(&wrong.to_string())),
    };
    let edge = release_tree::edge(transaction, checkpoint.size).await?;
    let edge = edge.filter(|edge| edge.root() == checkpoint.root);
    let edge = edge.ok_or_else(|| damaged("its tiles do not lead to the root that was signed"))?;
    let unfinished = (checkpoint.size % WIDTH) as usize;
    let bundle = match unfinished {
        0 => Vec::new(),
        _ => release_tree::bytes(transaction, ENTRIES, checkpoint.size / WIDTH).await?.unwrap_or_default(),
    };
    let whole = unfinished == 0 || read_entries(&bundle).is_ok_and(|entries| entries.len() == unfinished);
    if whole { Ok(End { note: Some(text), edge, bundle }) } else { Err(damaged("its last entries are missing")) }
}

fn damaged(what: &str) -> StoreError {
    StoreError::Refused(format!("the log of releases is damaged: {what}; see `musubi log verify`"))
}

/// Rows in one statement: SQLite takes 32,766 values, and more rows at once gain nothing.
const ROWS: usize = 128;

async fn insert_rows(transaction: &mut SqliteConnection, first: u64, releases: &[&Release], secrets: &[Secret]) -> Result<(), StoreError> {
    let mut number = first as i64;
    for (releases, secrets) in releases.chunks(ROWS).zip(secrets.chunks(ROWS)) {
        let sql = format!("INSERT INTO release ({COLUMNS}) VALUES {}", values(releases.len(), 11));
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (release, secret) in releases.iter().zip(secrets) {
            let terms: Vec<String> = release.basis.terms.iter().map(ToString::to_string).collect();
            query = query
                .bind(number)
                .bind(&release.id)
                .bind(release.recipient.as_str())
                .bind(release.purpose.as_str())
                .bind(release.channel.as_str())
                .bind(&release.content[..])
                .bind(release.at.as_microsecond())
                .bind(&release.basis.decision)
                .bind(terms.join(" "))
                .bind(release.basis.reasons.join("\n"))
                .bind(&secret.0[..]);
            number += 1;
        }
        query.execute(&mut *transaction).await.map_err(|error| twice(error, releases))?;
    }
    Ok(())
}

fn twice(error: sqlx::Error, releases: &[&Release]) -> StoreError {
    let unique = error.as_database_error().is_some_and(|e| e.is_unique_violation());
    let which = if let [one] = releases { format!("release {}", one.id) } else { "one of these releases".to_owned() };
    if unique { StoreError::Refused(format!("{which} is in the log already")) } else { error.into() }
}

/// A release as remembered, with its place in the log and what keeps its hashes from being guessed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Logged {
    pub number: u64,
    pub release: Release,
    pub secret: Secret,
}

#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    id: String,
    recipient: String,
    purpose: String,
    channel: String,
    content: Vec<u8>,
    released_at: i64,
    decision: String,
    terms: String,
    reasons: String,
    secret: Vec<u8>,
}

/// The columns of [`Row`].
const COLUMNS: &str = "number, id, recipient, purpose, channel, content, released_at, decision, terms, reasons, secret";

impl Row {
    fn logged(self) -> Result<Logged, StoreError> {
        let number = self.number;
        let bad = |what: &str| StoreError::Refused(format!("release {number} in the register: {what} is not readable"));
        let basis = Basis {
            decision: self.decision,
            terms: self.terms.split_terminator(' ').map(str::parse).collect::<Result<_, _>>().map_err(|_| bad("terms"))?,
            reasons: self.reasons.split_terminator('\n').map(str::to_owned).collect(),
        };
        let release = Release {
            id: self.id,
            recipient: self.recipient.parse().map_err(|_| bad("recipient"))?,
            purpose: Purpose::read(&self.purpose).ok_or_else(|| bad("purpose"))?,
            channel: Channel::read(&self.channel).ok_or_else(|| bad("channel"))?,
            content: self.content.try_into().map_err(|_| bad("content"))?,
            at: Timestamp::from_microsecond(self.released_at).map_err(|_| bad("released_at"))?,
            basis,
        };
        let secret = Secret(self.secret.try_into().map_err(|_| bad("secret"))?);
        Ok(Logged { number: number.unsigned_abs(), release, secret })
    }
}

/// Releases `from` to before `to`, in order.
pub(crate) async fn rows(connection: &mut SqliteConnection, from: u64, to: u64) -> Result<Vec<Result<Logged, StoreError>>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM release WHERE number >= $1 AND number < $2 ORDER BY number");
    let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(sql)).bind(from as i64).bind(to as i64).fetch_all(connection).await?;
    Ok(rows.into_iter().map(Row::logged).collect())
}

/// One release by its id.
pub(crate) async fn row(connection: &mut SqliteConnection, id: &str) -> Result<Option<Logged>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM release WHERE id = $1");
    let row: Option<Row> = sqlx::query_as(AssertSqlSafe(sql)).bind(id).fetch_optional(connection).await?;
    row.map(Row::logged).transpose()
}

/// Blocks of releases in which those to one party are looked for at once.
const BLOCKS: i64 = 64;

impl Register {
    /// Appends releases to the log and gives, once that is durable, what may be delivered. All of them or none.
    ///
    /// # Errors
    /// As the log says; when a content is not that of its release; when the register cannot be written. Then nothing was logged.
    pub async fn release<T: AsRef<[u8]>>(
        &self,
        key: &LogKey,
        batch: Vec<(Release, T)>,
        now: Timestamp,
    ) -> Result<Vec<Released<T>>, StoreError> {
        batch.iter().try_for_each(|(release, content)| is_content(release, &digest(content)))?;
        let releases: Vec<&Release> = batch.iter().map(|(release, _)| release).collect();
        let mut transaction = self.writing().await?;
        let appended = append(&mut transaction, key, &releases, now).await?;
        transaction.commit().await?;
        appended.committed(batch, digest)
    }

    /// What is in the log under this id, to be delivered after a restart; `None` when it is not there.
    ///
    /// # Errors
    /// When the content is not the one that was logged, or the register cannot be read.
    pub async fn released<T: AsRef<[u8]>>(&self, id: &str, content: T) -> Result<Option<Released<T>>, StoreError> {
        let Some(Logged { number, release, .. }) = row(&mut *self.pool.acquire().await?, id).await? else { return Ok(None) };
        is_content(&release, &digest(&content))?;
        Ok(Some(Released { release, number: Some(number), content }))
    }

    /// One release as remembered.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn logged(&self, id: &str) -> Result<Option<Logged>, StoreError> {
        self.settle().await?;
        row(&mut *self.pool.acquire().await?, id).await
    }

    /// Releases before the one of this number, newest first: to one party or to all.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn releases_before(&self, recipient: Option<&str>, before: Option<u64>, most: u32) -> Result<Vec<Logged>, StoreError> {
        self.settle().await?;
        let which = if recipient.is_some() { "recipient = $1" } else { "$1 IS NULL" };
        let sql = format!("SELECT {COLUMNS} FROM release WHERE {which} AND ($3 IS NULL OR number < $3) ORDER BY number DESC LIMIT $2");
        let before = before.and_then(|number| i64::try_from(number).ok());
        let rows: Vec<Row> =
            sqlx::query_as(AssertSqlSafe(sql)).bind(recipient).bind(i64::from(most)).bind(before).fetch_all(&self.pool).await?;
        rows.into_iter().map(Row::logged).collect()
    }

    /// Releases, newest first: to one party or to all.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn releases(&self, recipient: Option<&str>, most: u32) -> Result<Vec<Logged>, StoreError> {
        self.settle().await?;
        let Some(recipient) = recipient else {
            let sql = format!("SELECT {COLUMNS} FROM release ORDER BY number DESC LIMIT $1");
            let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(sql)).bind(i64::from(most)).fetch_all(&self.pool).await?;
            return rows.into_iter().map(Row::logged).collect();
        };
        let sql = format!(
            "WITH RECURSIVE block (place) AS (SELECT $1 UNION ALL SELECT place - 1 FROM block WHERE place > $2) \
             SELECT {COLUMNS} FROM block CROSS JOIN release ON number >> 12 = place AND recipient = $3 ORDER BY number DESC LIMIT $4"
        );
        let last: Option<i64> = sqlx::query_scalar("SELECT max(number) FROM release").fetch_one(&self.pool).await?;
        let (mut found, mut next) = (Vec::new(), last.map_or(-1, |last| last >> 12));
        while next >= 0 && found.len() < most as usize {
            let first = (next - BLOCKS + 1).max(0);
            let query = sqlx::query_as(AssertSqlSafe(sql.clone())).bind(next).bind(first).bind(recipient);
            let rows: Vec<Row> = query.bind(most as i64 - found.len() as i64).fetch_all(&self.pool).await?;
            for row in rows {
                found.push(row.logged()?);
            }
            next = first - 1;
        }
        Ok(found)
    }

    /// The key by which the log of this home is checked, as the register remembers it; `None` when nothing was released yet.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn log_key(&self) -> Result<Option<Verifier>, StoreError> {
        release_tree::key(&mut *self.pool.acquire().await?).await
    }

    /// The latest checkpoint, with the cosignatures that came for it.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn log_checkpoint(&self) -> Result<Option<Note>, StoreError> {
        self.settle().await?;
        let mut transaction = self.pool.begin().await?;
        match release_tree::latest(&mut transaction).await? {
            Some((size, note)) => Ok(Some(release_tree::cosigned(&mut transaction, size, note).await?)),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use formats::tlog::KeyKind;

    use super::*;
    use crate::home::Home;

    fn key() -> LogKey {
        LogKey::new(Signer::new("home.example/log", KeyKind::Note, &[3; 32]).unwrap())
    }

    fn release(n: u64) -> Release {
        Release {
            id: format!("r-{n}"),
            recipient: "isp.example".parse().unwrap(),
            purpose: Purpose::Notify,
            channel: Channel::Mail,
            content: Sha256::digest(format!("content {n}")).into(),
            at: Timestamp::UNIX_EPOCH,
            basis: Basis::default(),
        }
    }

    async fn everything(register: &Register) -> Vec<i64> {
        let mut counts = Vec::new();
        for table in ["release_log", "release", "release_tile", "release_checkpoint", "mailbox"] {
            let sql = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
            counts.push(sqlx::query_scalar(sql).fetch_one(&register.pool).await.unwrap());
        }
        counts
    }

    /// The process dies before the commit: neither leaf nor what was to be true with it.
    #[tokio::test]
    async fn a_transaction_that_was_not_committed_leaves_no_leaf_and_nothing_beside() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let register = Register::create(&home).await.unwrap();
        // One key, which remembers where the log ended: also an end that never came to be.
        let key = key();
        for committed in [0, 300] {
            let releases: Vec<Release> = (committed..committed + 300).map(release).collect();
            let before = everything(&register).await;
            let mut transaction = register.writing().await.unwrap();
            let appended = append(&mut transaction, &key, &releases.iter().collect::<Vec<_>>(), Timestamp::UNIX_EPOCH).await.unwrap();
            sqlx::query("INSERT INTO mailbox (name, validity, last) VALUES ('beside', 1, 1)").execute(&mut *transaction).await.unwrap();
            drop((transaction, appended));
            assert_eq!(everything(&register).await, before);
            assert!(register.released(&format!("r-{committed}"), format!("content {committed}")).await.unwrap().is_none());

            let mut transaction = register.writing().await.unwrap();
            let appended = append(&mut transaction, &key, &releases.iter().collect::<Vec<_>>(), Timestamp::UNIX_EPOCH).await.unwrap();
            sqlx::query("INSERT INTO mailbox (name, validity, last) VALUES ($1, 1, 1)")
                .bind(committed.to_string())
                .execute(&mut *transaction)
                .await
                .unwrap();
            transaction.commit().await.unwrap();
            let batch = releases.into_iter().map(|release| (release.clone(), format!("content {}", &release.id[2..]))).collect();
            let released = appended.committed(batch, digest).unwrap();
            assert_eq!(released[0].number(), Some(committed));
        }
        // Three bundles of entries, three tiles of their hashes, one above them.
        assert_eq!(everything(&register).await[1..], [600, 7, 2, 2]);
        assert_eq!(register.audit_log(None, &mut |_| ()).await.unwrap().faults, [""; 0]);
    }

    #[tokio::test]
    async fn what_was_appended_releases_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let register = Register::create(&Home::at(folder.path())).await.unwrap();
        let mut transaction = register.writing().await.unwrap();
        let mut appended = Vec::new();
        for n in 0..3 {
            appended.push(append(&mut transaction, &key(), &[&release(n)], Timestamp::UNIX_EPOCH).await.unwrap());
        }
        transaction.commit().await.unwrap();
        let [zero, one, two] = <[Appended; 3]>::try_from(appended).unwrap();
        assert!(zero.committed(vec![(release(7), "content 7")], digest).is_err(), "another release");
        assert!(one.committed(vec![(release(1), "content 7")], digest).is_err(), "another content");
        assert_eq!(two.committed(vec![(release(2), "content 2")], digest).unwrap()[0].number(), Some(2));
    }
}
