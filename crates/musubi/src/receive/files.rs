//! Which files did the user mean? Files, folders with everything in them, and `-` for standard input.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// A file to read and the name it is known by.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    pub(crate) size_bytes: u64,
}

/// All files below the paths, each folder in the order of names. Standard input (`-`) is copied to `spool` first: it can only be read once.
pub(crate) fn find(paths: &[PathBuf], spool: &Path) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            fs::create_dir_all(spool).with_context(|| spool.display().to_string())?;
            let copy = spool.join(format!("{}-stdin", std::process::id()));
            let mut file = File::create(&copy).with_context(|| copy.display().to_string())?;
            let size_bytes = io::copy(&mut io::stdin().lock(), &mut file).context("standard input")?;
            found.push(Found { path: copy, name: "stdin".into(), size_bytes });
            continue;
        }
        let about = fs::metadata(path).with_context(|| path.display().to_string())?;
        if about.is_dir() {
            walk(path, &mut found)?;
        } else {
            found.push(Found { path: path.clone(), name: path.display().to_string(), size_bytes: about.len() });
        }
    }
    if found.is_empty() {
        bail!("there is no file in {}", paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", "));
    }
    Ok(found)
}

fn walk(folder: &Path, found: &mut Vec<Found>) -> Result<()> {
    let mut folders = VecDeque::from([folder.to_owned()]);
    while let Some(folder) = folders.pop_front() {
        let mut entries: Vec<PathBuf> = fs::read_dir(&folder)
            .and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect())
            .with_context(|| folder.display().to_string())?;
        entries.sort();
        for path in entries {
            let hidden = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
            let about = fs::metadata(&path).with_context(|| path.display().to_string())?;
            if hidden || (!about.is_file() && !about.is_dir()) {
                continue;
            }
            if about.is_dir() {
                folders.push_back(path);
            } else {
                found.push(Found { name: path.display().to_string(), size_bytes: about.len(), path });
            }
        }
    }
    Ok(())
}
