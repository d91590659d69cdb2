//! Answers are taken from a Maildir: each file in `new/` is handed on, then moved to `cur/`.
//!
//! A delivery into a Maildir is whole once it stands in `new/` (it is renamed there), and one rename takes it away. Killed
//! in between, it is handed on again: whoever takes it must know a mail that was taken already (by [`Received::key`] or
//! the hash of its bytes). So nothing is lost, and nothing counts twice. Mails are kept, in `cur/`, marked as seen.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

/// A mail as it came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Received {
    /// The same for the same mail in the same mailbox, for ever.
    pub(crate) key: String,
    pub(crate) bytes: Vec<u8>,
}

/// What one go through a mailbox did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Taken {
    pub(crate) mails: usize,
    /// Left where they are, each with its reason.
    pub(crate) left: Vec<(String, String)>,
    /// There may be more: the limit of one go was reached.
    pub(crate) more: bool,
}

/// Hands on every mail in `new/`, oldest first, `at_most` of them; one larger than `largest` bytes is left.
///
/// # Errors
/// When the folder is no Maildir, or `take` fails: then this mail and those after it stay where they are.
pub(crate) fn take(folder: &Path, largest: u64, at_most: usize, mut take: impl FnMut(Received) -> Result<()>) -> Result<Taken> {
    let (new, cur) = (folder.join("new"), folder.join("cur"));
    ensure!(new.is_dir(), "{} is no Maildir: it has no folder new", folder.display());
    fs::create_dir_all(&cur).with_context(|| cur.display().to_string())?;
    let mut waiting = Vec::new();
    for entry in fs::read_dir(&new).with_context(|| new.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // links and folders are no deliveries; names with a dot in front are not for us (maildir(5))
        if entry.file_type()?.is_file() && !name.starts_with('.') {
            let metadata = entry.metadata()?;
            waiting.push((metadata.modified()?, name, entry.path(), metadata.len()));
        }
    }
    waiting.sort();
    let mut taken = Taken::default();
    for (_, name, path, length) in waiting {
        if length > largest {
            taken.left.push((name, format!("{length} bytes, more than the {largest} that are taken")));
            continue;
        }
        if taken.mails >= at_most {
            taken.more = true;
            break;
        }
        let Some(bytes) = read(&path, largest).with_context(|| path.display().to_string())? else { continue };
        let key = name.split(":2,").next().unwrap_or(&name).to_owned();
        take(Received { key, bytes }).with_context(|| path.display().to_string())?;
        crate::faults::point("answer taken, not moved");
        rename_seen(&path, &cur, &name)?;
        taken.mails += 1;
    }
    if taken.mails > 0 {
        fs::File::open(&cur)?.sync_all()?;
        fs::File::open(&new)?.sync_all()?;
    }
    Ok(taken)
}

/// `None` when another program took it meanwhile.
fn read(path: &Path, largest: u64) -> std::io::Result<Option<Vec<u8>>> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(largest + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn rename_seen(path: &Path, cur: &Path, name: &str) -> Result<()> {
    let seen = if name.contains(":2,") { name.to_owned() } else { format!("{name}:2,S") };
    let to: PathBuf = cur.join(seen);
    match fs::rename(path, &to) {
        // a mail program moved it at the same time: it is in cur/ either way
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.with_context(|| to.display().to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    struct Maildir(tempfile::TempDir);

    impl Maildir {
        fn new(mails: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            for part in ["new", "cur", "tmp"] {
                fs::create_dir(folder.path().join(part)).unwrap();
            }
            for (name, text) in mails {
                fs::write(folder.path().join("new").join(name), text).unwrap();
            }
            Self(folder)
        }

        fn names(&self, part: &str) -> BTreeSet<String> {
            fs::read_dir(self.0.path().join(part)).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
        }

        fn take(&self, at_most: usize) -> (Taken, Vec<String>) {
            let mut seen = Vec::new();
            let taken = take(self.0.path(), 100, at_most, |mail| {
                seen.push(String::from_utf8(mail.bytes).unwrap());
                Ok(())
            });
            (taken.unwrap(), seen)
        }
    }

    #[test]
    fn each_mail_is_handed_on_once_and_kept() {
        let maildir = Maildir::new(&[("1.a.host", "one"), ("2.b.host:2,", "two"), (".hidden", "no")]);
        fs::create_dir(maildir.0.path().join("new/folder")).unwrap();
        let (taken, seen) = maildir.take(10);
        assert_eq!((taken.mails, seen.into_iter().collect::<BTreeSet<_>>()), (2, ["one".into(), "two".into()].into()));
        assert_eq!(maildir.names("cur"), ["1.a.host:2,S".to_owned(), "2.b.host:2,".to_owned()].into());
        assert_eq!(maildir.take(10), (Taken::default(), vec![]));
    }

    #[test]
    fn what_fails_stays_and_comes_again() {
        let maildir = Maildir::new(&[("1", "one"), ("2", "two"), ("3", "three")]);
        let mut calls = 0;
        let failed = take(maildir.0.path(), 100, 10, |_| {
            calls += 1;
            ensure!(calls < 2, "the register is locked");
            Ok(())
        });
        assert!(format!("{:#}", failed.unwrap_err()).contains("locked"));
        assert_eq!(maildir.names("new").len(), 2);
        assert_eq!(maildir.take(10).0.mails, 2);
    }

    #[test]
    fn the_limits_of_size_and_count_hold() {
        let large = "x".repeat(101);
        let maildir = Maildir::new(&[("1", "one"), ("2", &large), ("3", "three"), ("4", "four")]);
        let (taken, _) = maildir.take(2);
        assert!(taken.mails == 2 && taken.more);
        let (rest, _) = maildir.take(2);
        assert!(rest.mails == 1 && !rest.more);
        assert_eq!(rest.left.len(), 1);
        assert_eq!(maildir.names("new"), ["2".to_owned()].into());
    }

    #[test]
    fn a_folder_that_is_no_maildir_is_said_to_be_none() {
        let folder = tempfile::tempdir().unwrap();
        assert!(take(folder.path(), 1, 1, |_| Ok(())).unwrap_err().to_string().contains("no Maildir"));
    }
}
