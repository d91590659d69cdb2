//! A safe copy of everything, taken while others write; and a home made of such a copy.
//!
//! The register is copied as one snapshot; segments and originals never change once named, so copying what the
//! snapshot names gives a whole. Restoring checks every segment before the home is usable.

use std::fs;
use std::path::{Path, PathBuf};

use crate::StoreError;
use crate::check::{Findings, check};
use crate::home::{Home, create_private, sync_folder};
use crate::journal;
use crate::register::Register;

/// What was copied.
#[derive(Clone, Copy, Debug, Default)]
pub struct Copied {
    pub files: u64,
    pub bytes: u64,
}

/// Copies a home to a folder that does not exist yet or is empty.
///
/// # Errors
/// When the target is not empty or a file cannot be copied; an unfinished copy has no register and is no home.
pub async fn backup(home: &Home, register: &Register, target: &Path, seen: &mut dyn FnMut(&str)) -> Result<Copied, StoreError> {
    let _use = home.in_use()?;
    let copy = Home::at(target);
    let copied = copy_all(home, register, &copy, seen).await?;
    name(&copy)?;
    Ok(copied)
}

/// Makes a home of a backup, in a folder that does not exist yet or is empty, and checks it. What has faults does not become a home.
///
/// # Errors
/// When the backup is none, the target is not empty, or a file cannot be copied.
pub async fn restore(from: &Path, home: &Home, seen: &mut dyn FnMut(&str)) -> Result<Findings, StoreError> {
    let source = Home::at(from);
    let register = Register::open_copy(&source.register()).await?;
    let done = copy_all(&source, &register, home, seen).await;
    register.close().await;
    done?;
    let register = Register::open_unnamed(&unnamed(home)).await?;
    let findings = check(home, &register, true, seen).await?;
    register.close().await;
    if findings.faults.is_empty() {
        name(home)?;
    }
    Ok(findings)
}

/// Copies everything; the register last, under a name under which it is none yet.
async fn copy_all(home: &Home, register: &Register, copy: &Home, seen: &mut dyn FnMut(&str)) -> Result<Copied, StoreError> {
    must_be_empty(copy.root())?;
    copy.create()?;
    let mut copied = Copied::default();
    // Before the register: what enters the log meanwhile is in both, and enters once.
    for path in journal::journals(&journal::folder(home))? {
        let name = path.file_name().map(Path::new).unwrap_or(Path::new("journal"));
        match copy_file(&path, &journal::folder(copy).join(name)) {
            Ok(bytes) => {
                copied.bytes += bytes;
                copied.files += 1;
            }
            // Its pages entered the log, and it went.
            Err(_) if !path.exists() => {}
            Err(error) => return Err(error),
        }
    }
    let snapshot = unnamed(copy);
    let text = snapshot.to_string_lossy().into_owned();
    sqlx::query("VACUUM INTO $1").bind(text).execute(&register.pool).await?;
    let frozen = Register::open_copy(&snapshot).await?;
    let mut named: Vec<String> = sqlx::query_scalar(
        "SELECT path FROM segment WHERE retired_at IS NULL UNION SELECT kept FROM evidence WHERE kept <> '' UNION SELECT path FROM \
         lookup_table WHERE retired_at IS NULL UNION SELECT path FROM registry_table WHERE retired_at IS NULL UNION SELECT path FROM place_file WHERE retired_at IS NULL",
    )
    .fetch_all(&frozen.pool)
    .await?;
    frozen.close().await;
    named.extend(knowledge(home)?);
    for path in named {
        seen(&path);
        copied.bytes += copy_file(&home.resolve(&path), &copy.resolve(&path))?;
        copied.files += 1;
    }
    fs::File::open(&snapshot).and_then(|f| f.sync_all()).map_err(StoreError::file(&snapshot))?;
    Ok(copied)
}

/// The register of a copy that is not finished.
fn unnamed(copy: &Home) -> PathBuf {
    copy.temporary().join(format!("{}-register.db", std::process::id()))
}

/// The register comes last: until it is there, the copy is no home.
fn name(copy: &Home) -> Result<(), StoreError> {
    let snapshot = unnamed(copy);
    fs::rename(&snapshot, copy.register()).map_err(StoreError::file(&snapshot))?;
    sync_folder(copy.root())
}

/// What lies in the home beside the register: tables of types, mappings and rules that users brought, and the keys. Without its key the log of
/// releases could not be continued, so a copy has them too and is as secret as the home.
fn knowledge(home: &Home) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    for name in ["shadowserver-types.tsv", "indicators.toml", "warnings.toml", "decay.toml"] {
        if home.resolve(name).is_file() {
            found.push(name.to_owned());
        }
    }
    for folder in ["mappings", "keys"] {
        let place = home.resolve(folder);
        for entry in fs::read_dir(&place).into_iter().flatten() {
            let path = entry.map_err(StoreError::file(&place))?.path();
            if path.is_file()
                && let Some(name) = path.file_name().and_then(|n| n.to_str())
            {
                found.push(format!("{folder}/{name}"));
            }
        }
    }
    Ok(found)
}

fn must_be_empty(folder: &Path) -> Result<(), StoreError> {
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(StoreError::Refused(format!("{}: the folder is not empty; name a new one", folder.display())));
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<u64, StoreError> {
    if let Some(folder) = to.parent() {
        create_private(folder)?;
    }
    let bytes = fs::copy(from, to).map_err(StoreError::file(from))?;
    fs::File::open(to).and_then(|f| f.sync_all()).map_err(StoreError::file(to))?;
    Ok(bytes)
}
