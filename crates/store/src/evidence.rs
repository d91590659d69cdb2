//! Evidence: what was received, kept once and unchanged.
//!
//! The original lies in the home under its SHA-256, compressed when that helps. The register knows its parts (the
//! reports inside an archive or mail) and marks byte offsets every so many rows, so that the original of any event can be shown.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::StoreError;
use crate::frames::{self, Frames};
use crate::home::{Home, create_private, sync_folder, unique};
use crate::register::Register;

/// Evidence as the register remembers it.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Evidence {
    /// First 32 hexadecimal digits of the SHA-256.
    pub id: String,
    pub sha256: String,
    pub name: String,
    pub size_bytes: i64,
    /// Microseconds since 1970, UTC.
    pub received_at: i64,
    /// As the user named it.
    pub feed: Option<String>,
    pub given_by: Option<String>,
    pub tlp: String,
    /// The terms in full ([`casework::model::terms_text`]).
    pub terms: String,
    /// 1: whoever brought it said the terms; 0: they are a default.
    pub terms_stated: i64,
    /// Where the original lies, relative to the home.
    pub kept: String,
    /// Version of the program that read it last.
    pub reader: String,
    pub read_rows: i64,
    pub stored_rows: i64,
    pub duplicate_rows: i64,
    pub rejected_rows: i64,
}

/// Evidence of which some rows were known already, and how its rows counted.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Duplicating {
    pub id: String,
    pub stored_rows: i64,
    pub duplicate_rows: i64,
}

/// A report inside evidence.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Part {
    pub number: i64,
    /// Evidence name and the path inside it.
    pub path: String,
    pub format: String,
    pub feed: String,
    /// Rows of the evidence are numbered through: row r of this part is `first_row + r`.
    pub first_row: i64,
    pub row_count: i64,
    /// See [`Marks`].
    pub marks: Vec<u8>,
}

/// A mapping that the user named to read evidence with.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct NamedMapping {
    /// The file, as the user named it.
    pub name: String,
    pub text: String,
}

/// A row that was set aside.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Rejection {
    pub path: String,
    pub row_number: i64,
    pub reason: String,
}

/// Offsets of rows in a part: every [`Marks::EVERY`]-th at least, as LEB128 pairs of differences (row, byte).
#[derive(Clone, Debug, Default)]
pub struct Marks {
    bytes: Vec<u8>,
    last: Option<(u64, u64)>,
}

impl Marks {
    /// Rows between two marks.
    pub const EVERY: u64 = 1024;

    /// Notes where a row begins, if it is time for a mark. Rows come in ascending order.
    pub fn note(&mut self, row: u64, offset: u64) {
        let (last_row, last_offset) = self.last.unwrap_or_default();
        if self.last.is_some() && row < last_row + Self::EVERY {
            return;
        }
        leb128(&mut self.bytes, row.saturating_sub(last_row));
        leb128(&mut self.bytes, offset.saturating_sub(last_offset));
        self.last = Some((row, offset));
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The first mark: the number of the first row and where it begins, behind what heads the rows.
    pub fn first(bytes: &[u8]) -> Option<(u64, u64)> {
        let mut at = 0;
        Some((read_leb128(bytes, &mut at)?, read_leb128(bytes, &mut at)?))
    }

    /// The last mark at or before a row: its row and byte offset.
    pub fn before(bytes: &[u8], row: u64) -> Option<(u64, u64)> {
        let (mut at, mut mark, mut found) = (0, (0, 0), None);
        while let (Some(rows), Some(offset)) = (read_leb128(bytes, &mut at), read_leb128(bytes, &mut at)) {
            mark = (mark.0 + rows, mark.1 + offset);
            if mark.0 > row {
                break;
            }
            found = Some(mark);
        }
        found
    }
}

fn leb128(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn read_leb128(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// An original that lies in the home and is not yet in the register.
#[derive(Clone, Debug)]
pub struct Kept {
    pub id: String,
    pub sha256: String,
    pub size_bytes: u64,
    /// Relative to the home.
    pub path: String,
}

/// Already compressed: squeezing it again costs time and gains nothing.
fn compressed(head: &[u8]) -> bool {
    [&b"\x1f\x8b"[..], b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0"].iter().any(|magic| head.starts_with(magic))
}

/// The id of evidence with this SHA-256.
pub fn id(sha256: &str) -> &str {
    sha256.get(..32).unwrap_or(sha256)
}

/// Copies what `input` gives, whose hash is known, into the home. Durable when this returns; keeping the same bytes twice
/// changes nothing. `seen` hears how many bytes were read so far.
///
/// # Errors
/// When `input` cannot be read or the copy not written; nothing is left behind then.
pub fn keep(home: &Home, input: &mut dyn Read, sha256: &str, seen: &mut dyn FnMut(u64)) -> Result<Kept, StoreError> {
    create_private(&home.temporary())?;
    let draft = Draft(home.temporary().join(unique()));
    let file = File::options().write(true).create_new(true).open(&draft.0).map_err(StoreError::file(&draft.0))?;
    let mut buffer = vec![0; frames::PIECE];
    let mut filled = fill(input, &mut buffer).map_err(StoreError::file(&draft.0))?;
    let plain = compressed(&buffer[..filled]);
    let mut out = if plain { Out::Plain(file) } else { Out::Zstd(Frames::new(file).map_err(StoreError::file(&draft.0))?) };
    let mut size = 0_u64;
    while filled > 0 {
        out.piece(&buffer[..filled]).map_err(StoreError::file(&draft.0))?;
        size += filled as u64;
        seen(size);
        filled = fill(input, &mut buffer).map_err(StoreError::file(&draft.0))?;
    }
    let relative = format!("evidence/{}/{sha256}{}", &sha256[..2], if plain { "" } else { ".zst" });
    let place = home.resolve(&relative);
    let kept = Kept { id: id(sha256).to_owned(), sha256: sha256.to_owned(), size_bytes: size, path: relative };
    let file = out.finish().map_err(StoreError::file(&draft.0))?;
    if !place.exists() {
        file.sync_all().map_err(StoreError::file(&draft.0))?;
        let folder = place.parent().unwrap_or(home.root());
        create_private(folder)?;
        fs::rename(&draft.0, &place).map_err(StoreError::file(&place))?;
        sync_folder(folder)?;
    }
    Ok(kept)
}

/// Hashes without keeping: has this been received before?
///
/// # Errors
/// When `input` cannot be read.
pub fn sha256(input: &mut dyn Read) -> io::Result<String> {
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match fill(input, &mut buffer)? {
            0 => return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            n => hasher.update(&buffer[..n]),
        }
    }
}

fn fill(input: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

enum Out {
    Plain(File),
    Zstd(Frames),
}

impl Out {
    fn piece(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.write_all(bytes),
            Self::Zstd(frames) => frames.piece(bytes),
        }
    }

    fn finish(self) -> io::Result<File> {
        match self {
            Self::Plain(file) => Ok(file),
            Self::Zstd(frames) => frames.finish(),
        }
    }
}

struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        // Kept originals have moved away; what is still here is rubbish.
        let _ = fs::remove_file(&self.0);
    }
}

/// Opens a kept original as it was received.
///
/// # Errors
/// When the file is missing or unreadable.
pub fn open(home: &Home, kept: &str) -> Result<Box<dyn Read + Send>, StoreError> {
    open_at(home, kept, 0)
}

/// Opens a kept original from some byte on. Little before it is read, unless it was kept by an older program.
///
/// # Errors
/// When the file is missing or unreadable.
pub fn open_at(home: &Home, kept: &str, offset: u64) -> Result<Box<dyn Read + Send>, StoreError> {
    let path = home.resolve(kept);
    let opened = || -> io::Result<Box<dyn Read + Send>> {
        let mut file = File::open(&path)?;
        if Path::new(kept).extension().is_none_or(|e| e != "zst") {
            file.seek(SeekFrom::Start(offset))?;
            return Ok(Box::new(file));
        }
        let place = frames::before(&file, offset);
        file.seek(SeekFrom::Start(place.file))?;
        let mut original = BufReader::with_capacity(1 << 18, zstd::Decoder::new(file)?);
        io::copy(&mut original.by_ref().take(offset - place.original), &mut io::sink())?;
        Ok(Box::new(original))
    };
    opened().map_err(StoreError::file(&path))
}

/// Which evidence is listed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Received at or after this time, in microseconds.
    pub since: Option<i64>,
    /// Of a report in it.
    pub feed: Option<&'a str>,
    pub given_by: Option<&'a str>,
    /// Only with rows that were set aside.
    pub rejected: bool,
    /// Time and id of the last one shown.
    pub before: Option<(i64, &'a str)>,
}

const EVIDENCE: &str = "SELECT evidence.id, sha256, name, size_bytes, received_at, feed, given_by, tlp, terms.text AS terms, terms_stated, kept, reader, read_rows, stored_rows, \
     duplicate_rows, rejected_rows FROM evidence JOIN terms ON terms.id = evidence.terms";

impl Register {
    /// The mappings that the user named when this evidence was read, in the order in which they were tried.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn mappings(&self, evidence: &str) -> Result<Vec<NamedMapping>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT name, text FROM mapping JOIN evidence_mapping ON mapping.sha256 = evidence_mapping.mapping \
             WHERE evidence_mapping.evidence = $1 ORDER BY evidence_mapping.number",
        )
        .bind(evidence)
        .fetch_all(&self.pool)
        .await?)
    }

    /// Evidence by its id, or by the beginning of its id or SHA-256.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn evidence(&self, id: &str) -> Result<Option<Evidence>, StoreError> {
        let pattern = format!("{}%", id.replace(['%', '_'], ""));
        let sql = sqlx::AssertSqlSafe(format!("{EVIDENCE} WHERE sha256 LIKE $1 ORDER BY received_at LIMIT 1"));
        Ok(sqlx::query_as(sql).bind(pattern).fetch_optional(&self.pool).await?)
    }

    /// All evidence received from `since` (microseconds) on, oldest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn all_evidence(&self, since: i64) -> Result<Vec<Evidence>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{EVIDENCE} WHERE received_at >= $1 ORDER BY received_at, evidence.id"));
        Ok(sqlx::query_as(sql).bind(since).fetch_all(&self.pool).await?)
    }

    /// All evidence that reported duplicates, and the one named, in the order in which it came.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn duplicating(&self, and: &str) -> Result<Vec<Duplicating>, StoreError> {
        let sql = "SELECT id, stored_rows, duplicate_rows FROM evidence WHERE duplicate_rows > 0 OR id = $1 ORDER BY received_at, id";
        Ok(sqlx::query_as(sql).bind(and).fetch_all(&self.pool).await?)
    }

    /// Evidence received before a place in the order of arrival (the time and id of the last one shown), newest first; of one feed or
    /// giver, or with rows that were set aside.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn evidence_before(&self, wanted: &Wanted<'_>, most: u32) -> Result<Vec<Evidence>, StoreError> {
        let (at, id) = wanted.before.unwrap_or((i64::MAX, ""));
        let sql = sqlx::AssertSqlSafe(format!(
            "{EVIDENCE} WHERE received_at <= $1 AND (received_at < $1 OR evidence.id < $2) AND received_at >= $3 \
             AND ($4 IS NULL OR EXISTS (SELECT 1 FROM part WHERE part.evidence = evidence.id AND part.feed = $4)) \
             AND ($5 IS NULL OR given_by = $5) AND ($6 = 0 OR rejected_rows > 0) ORDER BY received_at DESC, evidence.id DESC LIMIT $7"
        ));
        Ok(sqlx::query_as(sql)
            .bind(at)
            .bind(id)
            .bind(wanted.since.unwrap_or(i64::MIN))
            .bind(wanted.feed)
            .bind(wanted.given_by)
            .bind(i64::from(wanted.rejected))
            .bind(most)
            .fetch_all(&self.pool)
            .await?)
    }

    /// How many were received from a time on.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn evidence_count(&self, since: i64) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("SELECT count(*) FROM evidence WHERE received_at >= $1").bind(since).fetch_one(&self.pool).await?)
    }

    /// Forgets the originals received before `cutoff` (microseconds); what was read of them stays on record. Their files become strays
    /// for the next [`crate::check::sweep`]. Returns how many.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn forget_originals(&self, cutoff: i64) -> Result<u64, StoreError> {
        let done = sqlx::query("UPDATE evidence SET kept = '' WHERE received_at < $1 AND kept <> ''")
            .bind(cutoff)
            .execute(&mut *self.statement().await?)
            .await?;
        Ok(done.rows_affected())
    }

    /// The parts of evidence in order.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn parts(&self, evidence: &str) -> Result<Vec<Part>, StoreError> {
        Ok(sqlx::query_as("SELECT number, path, format, feed, first_row, row_count, marks FROM part WHERE evidence = $1 ORDER BY number")
            .bind(evidence)
            .fetch_all(&self.pool)
            .await?)
    }

    /// Rows of evidence that were set aside (the first ones are kept, all are counted).
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn rejections(&self, evidence: &str) -> Result<Vec<Rejection>, StoreError> {
        Ok(sqlx::query_as("SELECT path, row_number, reason FROM rejection WHERE evidence = $1 ORDER BY number")
            .bind(evidence)
            .fetch_all(&self.pool)
            .await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_before_a_row_is_found() {
        let mut marks = Marks::default();
        for row in 1..5000 {
            marks.note(row, row * 300);
        }
        let found = Marks::before(marks.as_bytes(), 3000).unwrap();
        assert!(found.0 <= 3000 && found.0 + Marks::EVERY > 3000 && found.1 == found.0 * 300, "{found:?}");
        assert_eq!(Marks::before(marks.as_bytes(), 1), Some((1, 300)));
        assert_eq!(Marks::before(&[], 1), None);
    }

    #[test]
    fn what_is_kept_comes_back_unchanged_and_is_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let bytes = b"a,b\n1,2\n".repeat(100_000);
        let hash = sha256(&mut &bytes[..]).unwrap();
        let one = keep(&home, &mut &bytes[..], &hash, &mut |_| {}).unwrap();
        let two = keep(&home, &mut &bytes[..], &hash, &mut |_| {}).unwrap();
        assert_eq!((one.path.as_str(), one.size_bytes), (two.path.as_str(), bytes.len() as u64));
        let mut back = Vec::new();
        open(&home, &one.path).unwrap().read_to_end(&mut back).unwrap();
        assert_eq!(back, bytes);
        assert_eq!(fs::read_dir(home.temporary()).unwrap().count(), 0);
    }
}
