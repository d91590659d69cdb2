//! The register: everything that changes, in SQL.
//!
//! SQLite in WAL mode with full sync; whoever reads never waits for who writes. The connection is opened
//! once a process and kept.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::{Mutex, Notify};

use crate::home::Home;
use crate::segment::Segment;
use crate::{StoreError, figures, journal};

/// An open register.
#[derive(Clone, Debug)]
pub struct Register {
    pub(crate) pool: SqlitePool,
    /// Where pages wait that are to enter the log; of a copy nowhere.
    pub(crate) journals: Option<PathBuf>,
    /// Somebody waits for them.
    pub(crate) hurry: Arc<Notify>,
    /// Who may write: see [`crate::writing`].
    pub(crate) turns: Arc<Mutex<()>>,
}

impl Register {
    /// Opens the register of a home and makes it if there is none yet.
    ///
    /// # Errors
    /// When the folder cannot be made, or the file is no register or one of a newer program.
    pub async fn create(home: &Home) -> Result<Self, StoreError> {
        // Two that begin on an empty home at once: SQLite does not wait while the other turns it into a WAL database.
        for _ in 0..200 {
            match Self::try_create(home).await {
                Err(error) if error.is_busy() => std::thread::sleep(Duration::from_millis(50)),
                done => return done,
            }
        }
        Self::try_create(home).await
    }

    async fn try_create(home: &Home) -> Result<Self, StoreError> {
        home.create()?;
        let register = Self::connect(home, true).await?;
        register.bring_up_to_date(home).await?;
        Ok(register)
    }

    /// Opens the register of a home that has one.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when nothing has been remembered here yet.
    pub async fn open(home: &Home) -> Result<Self, StoreError> {
        if !home.exists() {
            let root = home.root().display();
            return Err(StoreError::Refused(format!(
                "{root}: nothing is remembered here yet; start with `musubi ingest` or `musubi demo`"
            )));
        }
        let register = match Self::connect(home, false).await {
            // Not even the index of the log finds room. Without a log nobody else is writing, and reading needs none.
            Err(error) if error.is_full() && !logged(&home.register()) => {
                tracing::warn!("the disk is full: what is remembered can be read, nothing can be written");
                return Self::open_copy(&home.register()).await;
            }
            opened => opened?,
        };
        register.bring_up_to_date(home).await?;
        Ok(register)
    }

    /// Makes the tables, or those that an older program did not know; a newer home is refused with its version.
    async fn bring_up_to_date(&self, home: &Home) -> Result<(), StoreError> {
        let known = sqlx::migrate!("./migrations");
        // No table: nobody has made any yet, or died while doing so.
        let applied: Option<(i64, Option<i64>)> =
            sqlx::query_as("SELECT count(*), max(version) FROM _sqlx_migrations WHERE success").fetch_one(&self.pool).await.ok();
        if applied != Some((known.iter().count() as i64, known.iter().map(|m| m.version).max())) {
            // SQLite has no lock for this: two processes that both find nothing would both make it.
            let _one = home.making()?;
            known.run(&self.pool).await?;
        }
        Ok(())
    }

    /// Opens the register of a copy for reading; nothing is written beside it, so the medium may be read-only.
    ///
    /// # Errors
    /// When there is none, or it is no register.
    pub(crate) async fn open_copy(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::Refused(format!(
                "{}: there is no register; is this a copy that `musubi backup` finished?",
                path.display()
            )));
        }
        // A log beside it means that it was copied by other means, or is in use.
        let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(!logged(path));
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        let newest: Result<Option<i64>, _> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(&pool).await;
        let known = sqlx::migrate!("./migrations").iter().map(|m| m.version).max();
        if newest? > known {
            return Err(StoreError::Refused(format!("{}: made by a newer version of this program", path.display())));
        }
        Ok(Self { pool, journals: None, hurry: Arc::default(), turns: Arc::default() })
    }

    /// Opens the register of a copy that is to become a home, and brings it up to date.
    ///
    /// # Errors
    /// When it is no register or one of a newer program.
    pub(crate) async fn open_unnamed(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new().filename(path).foreign_keys(true);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        sqlx::migrate!("./migrations").run(&pool).await?;
        Ok(Self { pool, journals: None, hurry: Arc::default(), turns: Arc::default() })
    }

    /// Opens the register for a server: many readers at once, and more of the file kept in memory.
    ///
    /// # Errors
    /// As [`Register::open`].
    pub async fn serve(home: &Home, connections: u32) -> Result<Self, StoreError> {
        let register = Self::open(home).await?;
        register.close().await;
        // Pages are read through the system's cache.
        let options = Self::options(home).pragma("mmap_size", "8589934592");
        let pool = SqlitePoolOptions::new().min_connections(1).max_connections(connections).connect_with(options).await?;
        Ok(Self { pool, journals: Some(journal::folder(home)), hurry: Arc::default(), turns: Arc::default() })
    }

    fn options(home: &Home) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(home.register())
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            // Rows of the log lie far apart in its indexes: copied from the write-ahead log every 4 MB (the default) the same pages would be
            // copied with each batch. It may grow to 64 MB instead.
            .pragma("wal_autocheckpoint", "16384")
            .pragma("cache_size", "-32768")
            // The rows of an answer cross to the asking thread together, not in turns.
            .row_buffer_size(1024)
            .busy_timeout(Duration::from_secs(60))
    }

    async fn connect(home: &Home, create: bool) -> Result<Self, StoreError> {
        let options = Self::options(home).create_if_missing(create);
        // One connection is enough for a command; a second lets a reader look while a transaction is open.
        let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await?;
        Ok(Self { pool, journals: Some(journal::folder(home)), hurry: Arc::default(), turns: Arc::default() })
    }

    /// All segments that count, oldest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn segments(&self) -> Result<Vec<Segment>, StoreError> {
        segments(&mut *self.pool.acquire().await?).await
    }

    /// Ends all use of the register: what is written is in one file again.
    pub async fn close(self) {
        self.pool.close().await;
    }
}

/// Something is written in the log beside a register.
fn logged(register: &Path) -> bool {
    std::fs::metadata(register.with_extension("db-wal")).is_ok_and(|log| log.len() > 0)
}

/// All segments that count, oldest first, as one connection sees them.
pub(crate) async fn segments(connection: &mut sqlx::SqliteConnection) -> Result<Vec<Segment>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT id, path, time_min, time_max, ip_min, ip_max, row_count, size_bytes, blake3, filter_offset, filter_length, \
         destination_filter_offset, destination_filter_length, level, created_at FROM segment WHERE retired_at IS NULL ORDER BY time_min, id",
    )
    .fetch_all(connection)
    .await?)
}

pub(crate) async fn insert_segment(transaction: &mut sqlx::SqliteConnection, segment: &Segment) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO segment (id, path, time_min, time_max, ip_min, ip_max, row_count, size_bytes, blake3, filter_offset, filter_length, \
         destination_filter_offset, destination_filter_length, level, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind(&segment.id)
    .bind(&segment.path)
    .bind(segment.time_min)
    .bind(segment.time_max)
    .bind(&segment.ip_min)
    .bind(&segment.ip_max)
    .bind(segment.row_count)
    .bind(segment.size_bytes)
    .bind(&segment.blake3)
    .bind(segment.filter_offset)
    .bind(segment.filter_length)
    .bind(segment.destination_filter_offset)
    .bind(segment.destination_filter_length)
    .bind(segment.level)
    .bind(segment.created_at)
    .execute(&mut *transaction)
    .await?;
    if !segment.figures.is_empty() {
        figures::keep(transaction, &segment.id, &segment.figures).await?;
    }
    Ok(())
}

impl Register {
    /// Events remembered.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn row_count(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("SELECT CAST(coalesce(sum(row_count), 0) AS BIGINT) FROM segment WHERE retired_at IS NULL")
            .fetch_one(&self.pool)
            .await?)
    }
}

/// `(?, ?), (?, ?)`: places of several rows, or of one list. Without names: SQLite looks through all names of a statement for each value.
pub(crate) fn values(rows: usize, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    vec![row; rows].join(", ")
}
