//! A safe copy of everything, taken while others write; and a home made of such a copy.
//!
//! The register is copied as one snapshot; segments and originals never change once named, so copying what the
//! snapshot names gives a whole. Restoring checks every segment before the home is usable.

use std::fs;
use std::path::Path;

use crate::StoreError;
use crate::check::{Findings, check};
use crate::home::{Home, create_private, sync_folder};
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
    must_be_empty(target)?;
    let copy = Home::at(target);
    copy.create()?;
    let snapshot = copy.temporary().join("register.db");
    let name = snapshot.to_string_lossy().into_owned();
    sqlx::query("VACUUM INTO $1").bind(name).execute(&register.pool).await?;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&snapshot).read_only(true);
    let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    let named: Vec<String> = sqlx::query_scalar(
        "SELECT path FROM segment WHERE retired_at IS NULL UNION SELECT kept FROM evidence WHERE kept <> '' UNION SELECT path FROM \
         lookup_table WHERE retired_at IS NULL",
    )
    .fetch_all(&pool)
    .await?;
    pool.close().await;
    let mut copied = Copied::default();
    for path in named {
        seen(&path);
        copied.bytes += copy_file(&home.resolve(&path), &copy.resolve(&path))?;
        copied.files += 1;
    }
    // The register comes last: until it is there, the copy is no home.
    fs::File::open(&snapshot).and_then(|f| f.sync_all()).map_err(StoreError::file(&snapshot))?;
    fs::rename(&snapshot, copy.register()).map_err(StoreError::file(&snapshot))?;
    sync_folder(copy.root())?;
    Ok(copied)
}

/// Makes a home of a backup, in a folder that does not exist yet or is empty, and checks it.
///
/// # Errors
/// When the backup is none, the target is not empty, or something in the copy is not as the register says.
pub async fn restore(from: &Path, home: &Home, seen: &mut dyn FnMut(&str)) -> Result<Findings, StoreError> {
    let source = Home::at(from);
    let register = Register::open(&source).await?;
    let done = backup(&source, &register, home.root(), seen).await;
    register.close().await;
    done?;
    let register = Register::open(home).await?;
    let findings = check(home, &register, true, seen).await?;
    register.close().await;
    Ok(findings)
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
