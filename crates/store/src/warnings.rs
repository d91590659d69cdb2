//! Warning lists as they were imported: which are there, how old, and the lists themselves.
//!
//! The lists lie in the register, so that a copy of the home has them and an import is one transaction.

use std::io::Read as _;

use sqlx::Row as _;

use crate::StoreError;
use crate::register::Register;

/// Largest list that is kept, in bytes.
pub const LARGEST: usize = 512 << 20;

/// A list as remembered.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct KeptList {
    /// Its folder in misp-warninglists, or the name of its file.
    pub name: String,
    pub title: String,
    pub version: i64,
    pub entry_count: i64,
    pub sha256: String,
    /// Microseconds since 1970.
    pub imported_at: i64,
}

impl Register {
    /// Keeps lists in place of those of the same names, in one transaction. Returns how many are new or other than before.
    ///
    /// # Errors
    /// When the register cannot be written; then none is kept.
    pub async fn keep_warning_lists(&self, lists: &[(KeptList, Vec<u8>)]) -> Result<u64, StoreError> {
        let mut transaction = self.writing().await?;
        let mut changed = 0;
        for (list, bytes) in lists {
            let known: Option<String> = sqlx::query_scalar("SELECT sha256 FROM warning_list WHERE name = $1")
                .bind(&list.name)
                .fetch_optional(&mut *transaction)
                .await?;
            let packed = match &known {
                // Said to be of today, though nothing changed.
                Some(known) if *known == list.sha256 => None,
                _ => Some(zstd::bulk::compress(bytes, 9).map_err(StoreError::file(&list.name))?),
            };
            match packed {
                None => {
                    sqlx::query("UPDATE warning_list SET imported_at = $2 WHERE name = $1")
                        .bind(&list.name)
                        .bind(list.imported_at)
                        .execute(&mut *transaction)
                        .await?;
                }
                Some(packed) => {
                    changed += 1;
                    sqlx::query(
                        "INSERT INTO warning_list (name, title, version, entry_count, sha256, bytes, imported_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
                         ON CONFLICT (name) DO UPDATE SET title = excluded.title, version = excluded.version, entry_count = excluded.entry_count, \
                         sha256 = excluded.sha256, bytes = excluded.bytes, imported_at = excluded.imported_at",
                    )
                    .bind(&list.name)
                    .bind(&list.title)
                    .bind(list.version)
                    .bind(list.entry_count)
                    .bind(&list.sha256)
                    .bind(packed)
                    .bind(list.imported_at)
                    .execute(&mut *transaction)
                    .await?;
                }
            }
        }
        transaction.commit().await?;
        Ok(changed)
    }

    /// The lists that are kept, by name.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn warning_lists(&self) -> Result<Vec<KeptList>, StoreError> {
        Ok(sqlx::query_as("SELECT name, title, version, entry_count, sha256, imported_at FROM warning_list ORDER BY name")
            .fetch_all(&self.pool)
            .await?)
    }

    /// A list as it was imported.
    ///
    /// # Errors
    /// When the register cannot be read, or what it holds is damaged.
    pub async fn warning_list(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query("SELECT bytes, sha256 FROM warning_list WHERE name = $1").bind(name).fetch_optional(&self.pool).await?;
        let Some(row) = row else { return Ok(None) };
        let mut bytes = Vec::new();
        let packed = zstd::stream::read::Decoder::new(row.get::<&[u8], _>(0)).map_err(StoreError::file(name))?;
        packed.take(LARGEST as u64).read_to_end(&mut bytes).map_err(StoreError::file(name))?;
        if crate::evidence::sha256(&mut &bytes[..]).map_err(StoreError::file(name))? != row.get::<&str, _>(1) {
            return Err(StoreError::Refused(format!("warning list {name} is damaged: import it again")));
        }
        Ok(Some(bytes))
    }

    /// Forgets a list.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn forget_warning_list(&self, name: &str) -> Result<bool, StoreError> {
        Ok(sqlx::query("DELETE FROM warning_list WHERE name = $1").bind(name).execute(&mut *self.statement().await?).await?.rows_affected()
            > 0)
    }
}
