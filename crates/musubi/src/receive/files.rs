//! Which files did the user mean? Files, folders with everything in them, and `-` for standard input.

use std::collections::{HashSet, VecDeque};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, bail};

/// A file to read and the name it is known by.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    pub(crate) size_bytes: u64,
    /// A copy made here of what can be read only once; goes when it was read.
    pub(crate) spooled: bool,
}

impl Found {
    /// Removes the copy, if it is one.
    pub(crate) fn done(&self) {
        if self.spooled {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// All files below the paths, each folder in the order of names. What can be read only once (standard input `-`, a pipe) is copied to
/// `spool` first. What lies in a folder and cannot be looked at is found all the same: reading it says why. A home that lies in a folder
/// is left out: what it holds has been read, and it grows while we read.
pub(crate) fn find(paths: &[PathBuf], home: &Path, spool: &Path) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            found.push(copy(&mut io::stdin().lock(), "stdin", spool)?);
            continue;
        }
        let about = fs::metadata(path).with_context(|| path.display().to_string())?;
        let name = path.display().to_string();
        if about.is_dir() {
            fs::read_dir(path).with_context(|| name)?;
            walk(path, home, &mut found);
        } else if about.is_file() {
            found.push(Found { path: path.clone(), name, size_bytes: about.len(), spooled: false });
        } else {
            let mut pipe = File::open(path).with_context(|| name.clone())?;
            found.push(copy(&mut pipe, &name, spool)?);
        }
    }
    if found.is_empty() {
        bail!("there is no file in {}", paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", "));
    }
    Ok(found)
}

fn copy(input: &mut dyn io::Read, name: &str, spool: &Path) -> Result<Found> {
    fs::create_dir_all(spool).with_context(|| spool.display().to_string())?;
    static COPIES: AtomicU64 = AtomicU64::new(0);
    // The name begins with the process, so that the copy of a process that was killed is swept.
    let path = spool.join(format!("{}-input-{}", std::process::id(), COPIES.fetch_add(1, Ordering::Relaxed)));
    let mut found = Found { path, name: name.to_owned(), size_bytes: 0, spooled: true };
    let copied = File::create(&found.path).and_then(|mut file| io::copy(input, &mut file));
    if copied.is_err() {
        found.done();
    }
    found.size_bytes = copied.with_context(|| format!("copying {name} to {}", found.path.display()))?;
    Ok(found)
}

fn walk(folder: &Path, home: &Path, found: &mut Vec<Found>) {
    let mut folders = VecDeque::from([folder.to_owned()]);
    // A link may lead back to where we are. And the home counts as visited.
    let mut visited: HashSet<PathBuf> = fs::canonicalize(home).into_iter().collect();
    while let Some(folder) = folders.pop_front() {
        if !visited.insert(fs::canonicalize(&folder).unwrap_or_else(|_| folder.clone())) {
            continue;
        }
        let unreadable = |path: PathBuf| Found { name: path.display().to_string(), size_bytes: 0, path, spooled: false };
        let entries: io::Result<Vec<PathBuf>> = fs::read_dir(&folder).and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect());
        let Ok(mut entries) = entries else {
            found.push(unreadable(folder));
            continue;
        };
        entries.sort();
        for path in entries {
            if path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.')) {
                continue;
            }
            match fs::metadata(&path) {
                Ok(about) if about.is_dir() => folders.push_back(path),
                Ok(about) if about.is_file() => {
                    found.push(Found { name: path.display().to_string(), size_bytes: about.len(), path, spooled: false });
                }
                Ok(_) => {}
                Err(_) => found.push(unreadable(path)),
            }
        }
    }
}
