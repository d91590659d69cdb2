//! The tree of the log of releases: its tiles as rows, and the proofs that are made of them.

use std::ops::Range;

use formats::tlog::note::Signature;
use formats::tlog::tile::{WIDTH, push_entry, read_entries, read_hashes};
use formats::tlog::tree::{self, consistency, inclusion, leaf};
use formats::tlog::{Checkpoint, Edge, Hash, Level, Note, Proof, Tile, Tiles, Verifier};
use sqlx::{AssertSqlSafe, SqliteConnection};

use crate::StoreError;
use crate::register::{Register, values};
use crate::releases;

/// The level under which bundles of entries are kept.
pub(crate) const ENTRIES: i64 = -1;

/// Bytes of a tile or bundle, as wide as it is now.
pub(crate) async fn bytes(connection: &mut SqliteConnection, level: i64, number: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let sql = "SELECT bytes FROM release_tile WHERE level = $1 AND number = $2";
    Ok(sqlx::query_scalar(sql).bind(level).bind(number as i64).fetch_optional(connection).await?)
}

/// Writes tiles and bundles over narrower ones of the same place.
pub(crate) async fn upsert(connection: &mut SqliteConnection, tiles: Vec<(i64, u64, Vec<u8>)>) -> Result<(), StoreError> {
    for some in tiles.chunks(32) {
        let sql = format!(
            "INSERT INTO release_tile (level, number, bytes) VALUES {} ON CONFLICT (level, number) DO UPDATE SET bytes = excluded.bytes",
            values(some.len(), 3)
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (level, number, bytes) in some {
            query = query.bind(*level).bind(*number as i64).bind(&bytes[..]);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// A tile as it was in some tree: the row may be wider by now.
async fn hashes(connection: &mut SqliteConnection, tile: Tile) -> Result<Option<Vec<Hash>>, StoreError> {
    let Level::Hashes(level) = tile.level else { return Ok(None) };
    let held = bytes(connection, level.into(), tile.number).await?;
    Ok(held.and_then(|held| read_hashes(held.get(..32 * usize::from(tile.width))?)))
}

/// The edge of the tree as it was at a size; `None` when a tile is missing.
pub(crate) async fn edge(connection: &mut SqliteConnection, size: u64) -> Result<Option<Edge>, StoreError> {
    let mut held = Vec::new();
    for tile in Edge::tiles(size) {
        held.push((tile, hashes(connection, tile).await?));
    }
    Ok(Edge::open(size, |wanted| held.iter_mut().find(|(tile, _)| *tile == wanted)?.1.take()))
}

/// Hashes of parts of the tree as it was at a size.
async fn parts(connection: &mut SqliteConnection, parts: &[Range<u64>], size: u64) -> Result<Vec<Hash>, StoreError> {
    let mut tiles = Tiles::default();
    for tile in tree::tiles(parts, size) {
        if let Some(hashes) = hashes(connection, tile).await? {
            tiles.insert(tile, hashes);
        }
    }
    tiles
        .hashes(parts)
        .ok_or_else(|| StoreError::Refused("the log of releases is damaged: a tile is missing; see `musubi log verify`".into()))
}

/// The key of the log.
pub(crate) async fn key(connection: &mut SqliteConnection) -> Result<Option<Verifier>, StoreError> {
    let text: Option<String> = sqlx::query_scalar("SELECT vkey FROM release_log").fetch_optional(connection).await?;
    text.map(|text| text.parse::<Verifier>().map_err(|e| StoreError::Refused(format!("register: {e}")))).transpose()
}

/// The last checkpoint signed, with our signature only.
pub(crate) async fn latest(connection: &mut SqliteConnection) -> Result<Option<(u64, Note)>, StoreError> {
    let row = latest_text(connection).await?;
    row.map(|(size, text)| Ok((size.unsigned_abs(), read(size, &text)?))).transpose()
}

/// The last checkpoint signed, as written.
pub(crate) async fn latest_text(connection: &mut SqliteConnection) -> Result<Option<(i64, String)>, StoreError> {
    Ok(sqlx::query_as("SELECT size, note FROM release_checkpoint ORDER BY size DESC LIMIT 1").fetch_optional(connection).await?)
}

pub(crate) fn read(size: i64, text: &str) -> Result<Note, StoreError> {
    Note::read(text.as_bytes()).map_err(|e| StoreError::Refused(format!("checkpoint {size} in the register: {e}")))
}

/// The checkpoint with the cosignatures that came for it.
pub(crate) async fn cosigned(connection: &mut SqliteConnection, size: u64, mut note: Note) -> Result<Note, StoreError> {
    let sql = "SELECT line FROM release_cosignature WHERE size = $1 ORDER BY witness";
    let lines: Vec<String> = sqlx::query_scalar(sql).bind(size as i64).fetch_all(connection).await?;
    for line in lines {
        let signatures = Signature::read_lines(&line).map_err(|e| StoreError::Refused(format!("cosignature of checkpoint {size}: {e}")))?;
        note.signatures.extend(signatures);
    }
    Ok(note)
}

/// A checkpoint as remembered.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Signed {
    pub size: i64,
    /// Microseconds since 1970, UTC.
    pub signed_at: i64,
    /// Witnesses that have signed it.
    pub cosignatures: i64,
}

impl Register {
    /// The receipt of a release: proof that its entry is in the log, with the statement as extra data. Of the checkpoints that cover it, the one
    /// that most witnesses have signed, and of those the latest.
    ///
    /// # Errors
    /// When the tree is damaged or the register cannot be read. `None` when there is no such release.
    pub async fn receipt(&self, id: &str) -> Result<Option<Proof>, StoreError> {
        self.settle().await?;
        let mut transaction = self.pool.begin().await?;
        let Some(logged) = releases::row(&mut transaction, id).await? else { return Ok(None) };
        let witnessed = "SELECT size FROM release_cosignature WHERE size > $1 GROUP BY size ORDER BY count(*) DESC, size DESC LIMIT 1";
        let witnessed: Option<i64> = sqlx::query_scalar(witnessed).bind(logged.number as i64).fetch_optional(&mut *transaction).await?;
        let sql =
            "SELECT size, note FROM release_checkpoint WHERE size > $1 AND size = coalesce($2, (SELECT max(size) FROM release_checkpoint))";
        let found = sqlx::query_as(sql).bind(logged.number as i64).bind(witnessed).fetch_optional(&mut *transaction).await?;
        let found: Option<(i64, String)> = found;
        let Some((size, note)) = found else { return Err(StoreError::Refused(format!("release {id}: no checkpoint covers it"))) };
        let checkpoint = cosigned(&mut transaction, size.unsigned_abs(), read(size, &note)?).await?;
        let hashes = parts(&mut transaction, &inclusion(logged.number, size.unsigned_abs()), size.unsigned_abs()).await?;
        let statement = logged.release.statement(&logged.secret);
        Ok(Some(Proof { extra: Some(statement.to_string().into_bytes()), index: logged.number, hashes, checkpoint }))
    }

    /// Proof that the log at size `new` continues the log at size `old`.
    ///
    /// # Errors
    /// When the log is not that large, or damaged.
    pub async fn log_consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, StoreError> {
        let mut transaction = self.pool.begin().await?;
        let size = latest(&mut transaction).await?.map_or(0, |(size, _)| size);
        if old > new || new > size {
            return Err(StoreError::Refused(format!("the log of releases has {size} entries: it cannot prove {old} to {new}")));
        }
        parts(&mut transaction, &consistency(old, new), new).await
    }

    /// Bytes of a tile or bundle as the standard serves it; `None` when the log does not reach so far.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn log_tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreError> {
        let width = usize::from(tile.width);
        match tile.level {
            Level::Hashes(level) => {
                let held = bytes(&mut *self.pool.acquire().await?, level.into(), tile.number).await?;
                Ok(held.and_then(|held| held.get(..32 * width).map(<[u8]>::to_vec)))
            }
            Level::Entries => {
                let held = bytes(&mut *self.pool.acquire().await?, ENTRIES, tile.number).await?;
                let narrowed = held.and_then(|held| {
                    let entries = read_entries(&held).ok()?;
                    let mut bundle = Vec::new();
                    entries.get(..width)?.iter().all(|entry| push_entry(&mut bundle, entry)).then_some(bundle)
                });
                Ok(narrowed)
            }
        }
    }

    /// Every checkpoint signed, newest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn log_checkpoints(&self, most: u32) -> Result<Vec<Signed>, StoreError> {
        self.settle().await?;
        let sql = "SELECT size, signed_at, (SELECT count(*) FROM release_cosignature WHERE release_cosignature.size = release_checkpoint.size) \
                   AS cosignatures FROM release_checkpoint ORDER BY size DESC LIMIT $1";
        Ok(sqlx::query_as(sql).bind(i64::from(most)).fetch_all(&self.pool).await?)
    }

    /// A checkpoint of exactly this size, with its cosignatures.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn log_checkpoint_of(&self, size: u64) -> Result<Option<Note>, StoreError> {
        let mut transaction = self.pool.begin().await?;
        let sql = "SELECT note FROM release_checkpoint WHERE size = $1";
        let text: Option<String> = sqlx::query_scalar(sql).bind(size as i64).fetch_optional(&mut *transaction).await?;
        match text {
            Some(text) => Ok(Some(cosigned(&mut transaction, size, read(size as i64, &text)?).await?)),
            None => Ok(None),
        }
    }
}

/// One thing in which the log of releases is not as it should be.
pub(crate) type Wrong = String;

/// What was recomputed, and what is wrong.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Audit {
    /// Entries of the log.
    pub entries: u64,
    /// Checkpoints whose signature and root were checked.
    pub checkpoints: u64,
    pub cosignatures: u64,
    pub root: Option<Hash>,
    pub faults: Vec<Wrong>,
}

/// The end of the log only: is the last checkpoint signed by the log's key, do the tiles lead to its root, and is each leaf
/// remembered?
pub(crate) async fn glance(connection: &mut SqliteConnection) -> Result<Audit, StoreError> {
    let mut audit = Audit::default();
    let Some(key) = key(connection).await? else { return Ok(audit) };
    let found = latest(connection).await?;
    let Some((size, note)) = found else {
        audit.faults.push("there is a key, but no checkpoint".into());
        return Ok(audit);
    };
    audit.entries = size;
    match believed(&note, &key) {
        Ok(checkpoint) => {
            audit.checkpoints = 1;
            audit.root = Some(checkpoint.root);
            let root = edge(connection, checkpoint.size).await?.map(|edge| edge.root());
            if root != Some(checkpoint.root) || checkpoint.size != size {
                audit.faults.push(format!("the tiles do not lead to the root of checkpoint {size}"));
            }
        }
        Err(what) => audit.faults.push(format!("checkpoint {size}: {what}")),
    }
    let sql = "SELECT count(*), coalesce(max(number) + 1, 0) FROM release";
    let (rows, next): (i64, i64) = sqlx::query_as(sql).fetch_one(connection).await?;
    if (rows.unsigned_abs(), next.unsigned_abs()) != (size, size) {
        audit.faults.push(format!("{rows} releases are remembered for {size} leaves"));
    }
    Ok(audit)
}

fn believed(note: &Note, key: &Verifier) -> Result<Checkpoint, Wrong> {
    note.signers(std::slice::from_ref(key)).map_err(|e| e.to_string())?;
    let checkpoint = Checkpoint::read(&note.text).map_err(|e| e.to_string())?;
    if checkpoint.origin == key.name() { Ok(checkpoint) } else { Err(format!("it is of the log {:?}", checkpoint.origin)) }
}

impl Register {
    /// Recomputes the whole log: every release remembered gives its entry, the entries give the tiles, the tiles the root of every checkpoint
    /// ever signed, and every signature is right. `before` is a checkpoint that somebody kept: the log must continue it.
    ///
    /// # Errors
    /// When the register cannot be read; what is wrong with the log is in the [`Audit`].
    pub async fn audit_log(&self, before: Option<&Note>, seen: &mut dyn FnMut(u64)) -> Result<Audit, StoreError> {
        self.settle().await?;
        let mut transaction = self.pool.begin().await?;
        let mut audit = glance(&mut transaction).await?;
        let Some(key) = key(&mut transaction).await? else {
            if before.is_some() {
                audit.faults.push("this home has no log; that checkpoint is of another one, or the log was lost".into());
            }
            return Ok(audit);
        };
        audit.checkpoints = 0;
        let mut kept = None;
        match before.map(|note| believed(note, &key)) {
            Some(Ok(checkpoint)) if checkpoint.size > audit.entries => audit.faults.push(format!(
                "the log has {} entries, but its key has signed a checkpoint of {}: it was rolled back",
                audit.entries, checkpoint.size
            )),
            Some(Ok(checkpoint)) => kept = Some(checkpoint),
            Some(Err(what)) => audit.faults.push(format!("the checkpoint that was kept: {what}")),
            None => {}
        }
        self.recompute(&mut transaction, &key, kept.as_ref(), &mut audit, seen).await?;
        let extra: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM release_tile WHERE level = -1 AND number * 256 >= $1 OR level = 0 AND number * 256 >= $1",
        )
        .bind(audit.entries as i64)
        .fetch_one(&mut *transaction)
        .await?;
        if extra > 0 {
            audit.faults.push(format!("{extra} tiles lie beyond the last checkpoint"));
        }
        Ok(audit)
    }

    async fn recompute(
        &self,
        connection: &mut SqliteConnection,
        key: &Verifier,
        kept: Option<&Checkpoint>,
        audit: &mut Audit,
        seen: &mut dyn FnMut(u64),
    ) -> Result<(), StoreError> {
        let mut edge = Edge::default();
        check_checkpoints(connection, key, 0..1, &mut std::iter::once((0, tree::EMPTY)), audit).await?;
        while edge.size() < audit.entries {
            let first = edge.size();
            seen(first);
            let number = first / WIDTH;
            let end = audit.entries.min(first + WIDTH);
            let bundle = bytes(connection, ENTRIES, number).await?.unwrap_or_default();
            let entries = match read_entries(&bundle) {
                Ok(entries) if entries.len() as u64 == end - first => entries,
                Ok(entries) => {
                    audit.faults.push(format!("bundle {number} has {} entries instead of {}", entries.len(), end - first));
                    return Ok(());
                }
                Err(error) => {
                    audit.faults.push(format!("bundle {number}: {error}"));
                    return Ok(());
                }
            };
            check_rows(connection, first, &entries, audit).await?;
            let mut full = Vec::new();
            let mut roots = Vec::with_capacity(entries.len());
            let wanted = sizes(connection, first + 1..end + 1).await?;
            for entry in entries {
                edge.push(leaf(entry), &mut |tile, hashes| full.push((tile, hashes)));
                let size = edge.size();
                if wanted.contains(&size) || kept.is_some_and(|kept| kept.size == size) {
                    roots.push((size, edge.root()));
                }
            }
            if edge.size() == audit.entries {
                full.extend(edge.unfinished().map(|(tile, hashes)| (tile, hashes.to_vec())));
            }
            for (tile, computed) in full {
                let level = if let Level::Hashes(level) = tile.level { i64::from(level) } else { ENTRIES };
                let held = bytes(connection, level, tile.number).await?;
                if held.as_deref().and_then(read_hashes).as_ref() != Some(&computed) {
                    audit.faults.push(format!("{} is not what the entries give", tile.path()));
                }
            }
            if let Some(kept) =
                kept.filter(|kept| roots.contains(&(kept.size, kept.root)) || (first..end).contains(&kept.size.wrapping_sub(1)))
                && !roots.contains(&(kept.size, kept.root))
            {
                audit
                    .faults
                    .push(format!("the log had another root at size {} when that checkpoint was signed: it was rewritten", kept.size));
            }
            check_checkpoints(connection, key, first + 1..end + 1, &mut roots.into_iter(), audit).await?;
        }
        Ok(())
    }
}

/// Sizes in a range at which a checkpoint was signed.
async fn sizes(connection: &mut SqliteConnection, range: Range<u64>) -> Result<Vec<u64>, StoreError> {
    let sql = "SELECT size FROM release_checkpoint WHERE size >= $1 AND size < $2 ORDER BY size";
    let sizes: Vec<i64> = sqlx::query_scalar(sql).bind(range.start as i64).bind(range.end as i64).fetch_all(connection).await?;
    Ok(sizes.into_iter().map(i64::unsigned_abs).collect())
}

/// Each release as remembered gives the entry that is in the log.
async fn check_rows(connection: &mut SqliteConnection, first: u64, entries: &[&[u8]], audit: &mut Audit) -> Result<(), StoreError> {
    let mut rows = releases::rows(connection, first, first + entries.len() as u64).await?.into_iter().peekable();
    for (entry, number) in entries.iter().zip(first..) {
        match rows.next_if(|row| row.as_ref().map_or(true, |row| row.number == number)) {
            Some(Ok(row)) if row.release.statement(&row.secret).entry()[..] == **entry => {}
            Some(Ok(row)) => audit.faults.push(format!("release {} ({number}) is remembered otherwise than it was logged", row.release.id)),
            Some(Err(error)) => audit.faults.push(error.to_string()),
            None => audit.faults.push(format!("release {number} is in the log, but not remembered")),
        }
    }
    Ok(())
}

/// The checkpoints of these sizes are signed and have the roots computed; so do the cosignatures.
async fn check_checkpoints(
    connection: &mut SqliteConnection,
    key: &Verifier,
    range: Range<u64>,
    roots: &mut dyn Iterator<Item = (u64, Hash)>,
    audit: &mut Audit,
) -> Result<(), StoreError> {
    let roots: Vec<(u64, Hash)> = roots.collect();
    let sql = "SELECT size, note FROM release_checkpoint WHERE size >= $1 AND size < $2 ORDER BY size";
    let notes: Vec<(i64, String)> = sqlx::query_as(sql).bind(range.start as i64).bind(range.end as i64).fetch_all(&mut *connection).await?;
    for (size, text) in notes {
        audit.checkpoints += 1;
        let size = size.unsigned_abs();
        let checked = Note::read(text.as_bytes()).map_err(|e| e.to_string()).and_then(|note| Ok((believed(&note, key)?, note)));
        let note = match checked {
            Ok((checkpoint, note)) if checkpoint.size == size && roots.contains(&(size, checkpoint.root)) => note,
            Ok(_) => {
                audit.faults.push(format!("checkpoint {size} has another root than its entries give"));
                continue;
            }
            Err(what) => {
                audit.faults.push(format!("checkpoint {size}: {what}"));
                continue;
            }
        };
        let sql = "SELECT vkey, line FROM release_cosignature JOIN release_witness ON name = witness WHERE size = $1 ORDER BY witness";
        let lines: Vec<(String, String)> = sqlx::query_as(sql).bind(size as i64).fetch_all(&mut *connection).await?;
        for (vkey, line) in lines {
            audit.cosignatures += 1;
            let right = vkey.parse::<Verifier>().ok().zip(Signature::read_lines(&line).ok());
            if !right.is_some_and(|(key, lines)| lines.iter().all(|line| key.made(line) && key.verifies(&note.text, line))) {
                audit.faults.push(format!("checkpoint {size}: the cosignature of {vkey} is wrong"));
            }
        }
    }
    Ok(())
}
