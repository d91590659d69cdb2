//! Imported tables for enrichment: which are in force, and where they lie.

use std::fs;
use std::io::Write as _;

use crate::StoreError;
use crate::home::{Home, create_private, sync_folder, unique};
use crate::register::Register;

/// A table as the register remembers it.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct ImportedTable {
    /// First 16 hexadecimal digits of the SHA-256 of what was imported.
    pub id: String,
    /// What it answers: `asn`, `country`, `asn+country`.
    pub kind: String,
    /// Name of what was imported.
    pub source: String,
    /// Date of its data, `2026-03-23`.
    pub dated: String,
    pub sha256: String,
    pub row_count: i64,
    /// Relative to the home.
    pub path: String,
    /// Microseconds since 1970, UTC.
    pub imported_at: i64,
}

impl Register {
    /// Tables in force, newest import first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn tables(&self) -> Result<Vec<ImportedTable>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT id, kind, source, dated, sha256, row_count, path, imported_at FROM lookup_table WHERE retired_at IS NULL \
             ORDER BY imported_at DESC, id",
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// Puts a table in force; one imported earlier from a source of the same name and kind gives way to it.
    ///
    /// # Errors
    /// When it cannot be written; then nothing has changed.
    pub async fn import_table(&self, home: &Home, table: &ImportedTable, image: &[u8]) -> Result<(), StoreError> {
        create_private(&home.tables())?;
        let draft = home.temporary().join(unique());
        let place = home.resolve(&table.path);
        let mut file = fs::File::create(&draft).map_err(StoreError::file(&draft))?;
        file.write_all(image).and_then(|()| file.sync_all()).map_err(StoreError::file(&draft))?;
        fs::rename(&draft, &place).map_err(StoreError::file(&place))?;
        sync_folder(&home.tables())?;
        let mut transaction = self.writing().await?;
        sqlx::query("UPDATE lookup_table SET retired_at = $1 WHERE kind = $2 AND source = $3 AND id <> $4 AND retired_at IS NULL")
            .bind(table.imported_at)
            .bind(&table.kind)
            .bind(&table.source)
            .bind(&table.id)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT INTO lookup_table (id, kind, source, dated, sha256, row_count, path, imported_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
             ON CONFLICT (id) DO UPDATE SET imported_at = excluded.imported_at, dated = excluded.dated, source = excluded.source, \
             path = excluded.path, row_count = excluded.row_count, retired_at = NULL",
        )
        .bind(&table.id)
        .bind(&table.kind)
        .bind(&table.source)
        .bind(&table.dated)
        .bind(&table.sha256)
        .bind(table.row_count)
        .bind(&table.path)
        .bind(table.imported_at)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Takes a table out of force.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn forget_table(&self, id: &str, now: i64) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE lookup_table SET retired_at = $1 WHERE id = $2 AND retired_at IS NULL")
            .bind(now)
            .bind(id)
            .execute(&mut *self.statement().await?)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// What readers met that their tables do not know: kind, name, times, last evidence.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn drift(&self) -> Result<Vec<(String, String, i64, String)>, StoreError> {
        Ok(sqlx::query_as("SELECT kind, name, times, evidence FROM drift ORDER BY kind, name").fetch_all(&self.pool).await?)
    }
}
