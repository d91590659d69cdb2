//! What can go wrong with remembering, in words a user can act on.

use std::path::PathBuf;

/// Why something could not be remembered or recalled.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{}: {source}", path.display())]
    Parquet { path: PathBuf, source: parquet::errors::ParquetError },
    #[error("register: {}", said(.0))]
    Register(#[from] sqlx::Error),
    #[error("register: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    #[error("{0}")]
    Query(#[from] Box<datafusion::error::DataFusionError>),
    #[error("columns: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
    #[error("{0}")]
    Refused(String),
}

impl From<datafusion::error::DataFusionError> for StoreError {
    fn from(error: datafusion::error::DataFusionError) -> Self {
        Self::Query(Box::new(error))
    }
}

impl StoreError {
    /// For `map_err`: an I/O error and the file it concerns.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// For `map_err`: a Parquet error and the file it concerns.
    pub fn parquet(path: impl Into<PathBuf>) -> impl FnOnce(parquet::errors::ParquetError) -> Self {
        let path = path.into();
        move |source| match source {
            // A full disk reaches us wrapped; unwrap it so that the user reads what happened.
            parquet::errors::ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
                Ok(io) => Self::File { path, source: *io },
                Err(inner) => Self::Parquet { path, source: parquet::errors::ParquetError::External(inner) },
            },
            source => Self::Parquet { path, source },
        }
    }

    /// Somebody else has the register just now.
    pub fn is_busy(&self) -> bool {
        match self {
            Self::Register(sqlx::Error::Database(error)) => matches!(error.code().as_deref(), Some("5" | "261" | "517")),
            Self::Migration(sqlx::migrate::MigrateError::Execute(sqlx::Error::Database(error))) => {
                matches!(error.code().as_deref(), Some("5" | "261" | "517"))
            }
            _ => false,
        }
    }

    /// The disk (or quota) is full.
    pub fn is_full(&self) -> bool {
        match self {
            Self::File { source, .. } => {
                matches!(source.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
            }
            Self::Register(error) => register_full(error),
            _ => false,
        }
    }
}

/// SQLITE_FULL, and SQLITE_IOERR_SHMSIZE: not even the index of the log finds room.
fn register_full(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if matches!(error.code().as_deref(), Some("13" | "4874")))
}

/// SQLite's words, or plainer ones where it only speaks of input and output.
fn said(error: &sqlx::Error) -> String {
    if register_full(error) { "the disk is full".to_owned() } else { error.to_string() }
}
