//! Where everything lies: one folder that can be copied, moved and thrown away.
//!
//! ```text
//! register.db            everything that changes (SQLite, WAL)
//! segments/2026/03/…     events (Parquet)
//! evidence/ab/abcd….zst  originals as received
//! tables/                imported tables for enrichment
//! places/                where else values were seen
//! journal/               pages that were given and are about to enter the log of releases
//! keys/                  secret keys, readable by their owner only
//! tmp/                   being written; nothing in it counts
//! lock                   held by whoever writes segments
//! register.lock          held by whoever makes the tables of the register
//! use                    held by all who have files that the register does not name yet, or copy what it names
//! ```

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::StoreError;

/// The folder of one installation.
#[derive(Clone, Debug)]
pub struct Home {
    root: PathBuf,
}

/// While anyone holds this, nobody sweeps: files may lie in the home that only their maker knows. Many hold it at once.
#[derive(Debug)]
pub struct InUse {
    _file: File,
}

/// The right to write segments. One process at a time; released when dropped or when the process dies.
#[derive(Debug)]
pub struct WriteLock {
    _file: File,
}

impl Home {
    /// Names the folder; nothing is created until something is remembered.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Something has been remembered here before.
    pub fn exists(&self) -> bool {
        self.register().exists()
    }

    pub fn register(&self) -> PathBuf {
        self.root.join("register.db")
    }

    pub fn segments(&self) -> PathBuf {
        self.root.join("segments")
    }

    pub fn evidence(&self) -> PathBuf {
        self.root.join("evidence")
    }

    pub fn tables(&self) -> PathBuf {
        self.root.join("tables")
    }

    pub fn places(&self) -> PathBuf {
        self.root.join("places")
    }

    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    pub fn temporary(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// A path stored relative to the home.
    pub fn resolve(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Makes the folders; only their owner can look inside.
    ///
    /// # Errors
    /// When a folder cannot be made.
    pub fn create(&self) -> Result<(), StoreError> {
        for folder in [self.root.clone(), self.segments(), self.evidence(), self.tables(), self.temporary()] {
            create_private(&folder)?;
        }
        Ok(())
    }

    /// Makes the folder of keys.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create_keys(&self) -> Result<PathBuf, StoreError> {
        create_private(&self.keys())?;
        Ok(self.keys())
    }

    /// Nothing is swept while this is held; waits for a sweep that is going on.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn in_use(&self) -> Result<InUse, StoreError> {
        let (file, path) = self.lock_file("use")?;
        file.lock_shared().map_err(StoreError::file(path))?;
        Ok(InUse { _file: file })
    }

    /// Waits for the right to make or change the tables of the register.
    pub(crate) fn making(&self) -> Result<File, StoreError> {
        let (file, path) = self.lock_file("register.lock")?;
        file.lock().map_err(StoreError::file(path))?;
        Ok(file)
    }

    /// Waits for the right to plan or send notices: one process at a time.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn planning(&self) -> Result<WriteLock, StoreError> {
        let (file, path) = self.lock_file("notices.lock")?;
        file.lock().map_err(StoreError::file(path))?;
        Ok(WriteLock { _file: file })
    }

    /// Waits for the right to file values under their places: one process at a time.
    pub(crate) fn filing(&self) -> Result<WriteLock, StoreError> {
        let (file, path) = self.lock_file("places.lock")?;
        file.lock().map_err(StoreError::file(path))?;
        Ok(WriteLock { _file: file })
    }

    /// The right to sweep; `None` when anyone uses files that must not go.
    pub(crate) fn alone(&self) -> Result<Option<InUse>, StoreError> {
        let (file, path) = self.lock_file("use")?;
        match file.try_lock() {
            Ok(()) => Ok(Some(InUse { _file: file })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(StoreError::file(path)(error)),
        }
    }

    fn lock_file(&self, name: &str) -> Result<(File, PathBuf), StoreError> {
        let path = self.root.join(name);
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(StoreError::file(&path))?;
        Ok((file, path))
    }

    /// The right to write segments if it is free now.
    ///
    /// # Errors
    /// When somebody else has it or the lock file cannot be made.
    pub fn try_lock(&self) -> Result<WriteLock, StoreError> {
        let (file, path) = self.lock_file("lock")?;
        match file.try_lock() {
            Ok(()) => Ok(WriteLock { _file: file }),
            Err(fs::TryLockError::WouldBlock) => Err(StoreError::Refused("another process is writing to this home".into())),
            Err(fs::TryLockError::Error(error)) => Err(StoreError::file(path)(error)),
        }
    }

    /// Waits for the right to write segments; `waiting` is called once if it is not free at once.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn lock(&self, waiting: impl FnOnce()) -> Result<WriteLock, StoreError> {
        let (file, path) = self.lock_file("lock")?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                waiting();
                file.lock().map_err(StoreError::file(&path))?;
            }
            Err(fs::TryLockError::Error(error)) => return Err(StoreError::file(path)(error)),
        }
        Ok(WriteLock { _file: file })
    }
}

/// Makes a folder and its parents with access for its owner only.
pub(crate) fn create_private(folder: &Path) -> Result<(), StoreError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder).map_err(StoreError::file(folder))
}

/// Makes the names in a folder durable: a file that was renamed into it stays after a power loss.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(StoreError::file(folder))
}

/// The process that made a file or folder with a [`unique`] name is still there.
pub(crate) fn maker_lives(name: &str) -> bool {
    let pid = name.split('-').next().and_then(|pid| pid.parse::<u32>().ok());
    pid.is_some_and(|pid| pid == std::process::id() || Path::new(&format!("/proc/{pid}")).exists())
}

/// A name no other file of this or another running process has: process id, start of the process, a counter.
pub(crate) fn unique() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    format!("{}-{nanos:x}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed))
}
