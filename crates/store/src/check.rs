//! Is everything still as it was written? Checks of an installation, and the removal of strays.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::StoreError;
use crate::evidence;
use crate::home::{Home, maker_lives};
use crate::register::Register;
use crate::release_tree;
use crate::segment::hash_file;

/// How long a replaced segment stays for readers that began before, in microseconds.
const GRACE: i64 = 10 * 60 * 1_000_000;

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// A file relative to the home, or a part of the register.
    pub place: String,
    pub what: String,
}

/// What was looked at and what is wrong.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    pub segments: u64,
    pub segment_bytes: u64,
    pub events: u64,
    pub evidence: u64,
    pub evidence_bytes: u64,
    /// Entries of the log of releases.
    pub releases: u64,
    pub strays: u64,
    pub faults: Vec<Fault>,
}

/// Compares every segment (and, when `originals`, every kept original) with the hash in the register, and the end of the log of releases
/// with what was signed last.
///
/// # Errors
/// When the register itself cannot be read.
pub async fn check(home: &Home, register: &Register, originals: bool, seen: &mut dyn FnMut(&str)) -> Result<Findings, StoreError> {
    let mut findings = Findings::default();
    let integrity: Vec<String> = sqlx::query_scalar("PRAGMA quick_check").fetch_all(&register.pool).await?;
    for what in integrity.into_iter().filter(|line| line != "ok") {
        findings.faults.push(Fault { place: "register.db".into(), what });
    }
    for segment in register.segments().await? {
        seen(&segment.path);
        findings.segments += 1;
        findings.events += segment.row_count.unsigned_abs();
        findings.segment_bytes += segment.size_bytes.unsigned_abs();
        let fault = match hash_file(&home.resolve(&segment.path)) {
            Ok(hash) if hash == segment.blake3 => None,
            Ok(hash) => Some(format!("content has changed: BLAKE3 is {hash}, the register says {}", segment.blake3)),
            Err(StoreError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => Some("file is missing".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        findings.faults.extend(fault.map(|what| Fault { place: segment.path, what }));
    }
    for kept in register.all_evidence(i64::MIN).await? {
        findings.evidence += 1;
        if kept.kept.is_empty() {
            continue;
        }
        let path = home.resolve(&kept.kept);
        match fs::metadata(&path) {
            Ok(file) => findings.evidence_bytes += file.len(),
            Err(error) => {
                findings.faults.push(Fault { place: kept.kept, what: format!("original of {:?}: {error}", kept.name) });
                continue;
            }
        }
        if originals {
            seen(&kept.kept);
            let hash =
                evidence::open(home, &kept.kept).and_then(|mut input| evidence::sha256(&mut *input).map_err(StoreError::file(&path)));
            match hash {
                Ok(hash) if hash == kept.sha256 => {}
                Ok(hash) => findings.faults.push(Fault { place: kept.kept, what: format!("content has changed: SHA-256 is {hash}") }),
                Err(error) => findings.faults.push(Fault { place: kept.kept, what: error.to_string() }),
            }
        }
    }
    let places: Vec<(String, i64)> =
        sqlx::query_as("SELECT path, size_bytes FROM place_file WHERE retired_at IS NULL").fetch_all(&register.pool).await?;
    for (path, size) in places {
        let fault = match fs::metadata(home.resolve(&path)) {
            Ok(file) if file.len() == size.unsigned_abs() => continue,
            Ok(file) => format!("{} bytes, where {size} were written", file.len()),
            Err(error) => error.to_string(),
        };
        findings.faults.push(Fault { place: path, what: fault });
    }
    register.settle().await?;
    let log = release_tree::glance(&mut *register.pool.acquire().await?).await?;
    findings.releases = log.entries;
    findings.faults.extend(log.faults.into_iter().map(|what| Fault { place: "log of releases".into(), what }));
    findings.strays = strays(home, register).await?.len() as u64;
    Ok(findings)
}

/// Removes files that the register does not name and segments replaced some time ago; returns how many: none while others use
/// files here that are not named yet. The caller holds the write lock.
///
/// # Errors
/// When the register or a folder cannot be read.
pub async fn sweep(home: &Home, register: &Register, now: i64) -> Result<u64, StoreError> {
    let mut removed = 0;
    let Some(_alone) = home.alone()? else { return Ok(0) };
    for path in strays(home, register).await? {
        let gone = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        match gone {
            Ok(()) => removed += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::file(path)(error)),
        }
    }
    let retired: Vec<(String, String)> =
        sqlx::query_as("SELECT id, path FROM segment WHERE retired_at < $1").bind(now - GRACE).fetch_all(&register.pool).await?;
    for (id, path) in retired {
        let path = home.resolve(&path);
        match fs::remove_file(&path) {
            Ok(()) => removed += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::file(path)(error)),
        }
        sqlx::query("DELETE FROM segment WHERE id = $1").bind(id).execute(&register.pool).await?;
    }
    // Whoever asks where else has opened these files before they were retired.
    let retired: Vec<(String, String)> =
        sqlx::query_as("SELECT id, path FROM place_file WHERE retired_at < $1").bind(now - GRACE).fetch_all(&register.pool).await?;
    for (id, path) in retired {
        let path = home.resolve(&path);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(StoreError::file(path)(error)),
            Ok(()) | Err(_) => removed += 1,
        }
        sqlx::query("DELETE FROM place_file WHERE id = $1").bind(id).execute(&register.pool).await?;
    }
    Ok(removed)
}

async fn strays(home: &Home, register: &Register) -> Result<Vec<PathBuf>, StoreError> {
    let named: Vec<String> =
        sqlx::query_scalar("SELECT path FROM segment UNION SELECT kept FROM evidence UNION SELECT path FROM lookup_table UNION SELECT path FROM registry_table \
             UNION SELECT path FROM place_file")
            .fetch_all(&register.pool)
            .await?;
    let named: HashSet<PathBuf> = named.into_iter().map(|path| home.resolve(&path)).collect();
    let mut found = Vec::new();
    for folder in [home.segments(), home.evidence(), home.tables(), home.places()] {
        walk(&folder, &mut |path| {
            if !named.contains(path) {
                found.push(path.to_owned());
            }
        })?;
    }
    // Of what is being written, only what nobody writes any more: its process is gone.
    for entry in fs::read_dir(home.temporary()).into_iter().flatten() {
        let entry = entry.map_err(StoreError::file(home.temporary()))?;
        if !entry.file_name().to_str().is_some_and(maker_lives) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn walk(folder: &Path, seen: &mut dyn FnMut(&Path)) -> Result<(), StoreError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::file(folder)(error)),
    };
    for entry in entries {
        let path = entry.map_err(StoreError::file(folder))?.path();
        if path.is_dir() { walk(&path, seen)? } else { seen(&path) }
    }
    Ok(())
}
