//! Compiled tables of registries: which are in force, and where they lie.

use std::fs::{self, File};
use std::io::{BufWriter, Write};

use crate::StoreError;
use crate::home::{Home, create_private, sync_folder, unique};
use crate::register::Register;

/// A table of a registry as the register remembers it.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct RegistryTable {
    /// First 16 hexadecimal digits of the SHA-256 of what was imported.
    pub id: String,
    /// `ripe`, `apnic`, …
    pub source: String,
    /// Date of its data, `2026-03-23`.
    pub dated: String,
    pub sha256: String,
    pub object_count: i64,
    /// Networks and AS numbers.
    pub network_count: i64,
    /// Different mailboxes.
    pub contact_count: i64,
    /// Relative to the home.
    pub path: String,
    /// Microseconds since 1970, UTC.
    pub imported_at: i64,
}

const COLUMNS: &str = "id, source, dated, sha256, object_count, network_count, contact_count, path, imported_at";

impl Register {
    /// Tables of registries in force, newest import first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn registry_tables(&self) -> Result<Vec<RegistryTable>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM registry_table WHERE retired_at IS NULL ORDER BY imported_at DESC, id");
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(&self.pool).await?)
    }

    /// Puts a table in force; one imported earlier from the same registry gives way to it. `write` writes its image.
    ///
    /// # Errors
    /// When it cannot be written; then nothing has changed.
    pub async fn import_registry(
        &self,
        home: &Home,
        table: &RegistryTable,
        write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
    ) -> Result<(), StoreError> {
        create_private(&home.tables())?;
        // Until the register names the file, a sweep would take it for a stray.
        let _in_use = home.in_use()?;
        let draft = home.temporary().join(unique());
        let place = home.resolve(&table.path);
        let mut file = BufWriter::new(File::create(&draft).map_err(StoreError::file(&draft))?);
        let written = write(&mut file).and_then(|()| file.flush()).and_then(|()| file.get_ref().sync_all());
        written.map_err(StoreError::file(&draft))?;
        fs::rename(&draft, &place).map_err(StoreError::file(&place))?;
        sync_folder(&home.tables())?;
        let mut transaction = self.writing().await?;
        sqlx::query("UPDATE registry_table SET retired_at = $1 WHERE source = $2 AND id <> $3 AND retired_at IS NULL")
            .bind(table.imported_at)
            .bind(&table.source)
            .bind(&table.id)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT INTO registry_table (id, source, dated, sha256, object_count, network_count, contact_count, path, imported_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
             ON CONFLICT (id) DO UPDATE SET imported_at = excluded.imported_at, dated = excluded.dated, source = excluded.source, \
             object_count = excluded.object_count, network_count = excluded.network_count, contact_count = excluded.contact_count, \
             path = excluded.path, retired_at = NULL",
        )
        .bind(&table.id)
        .bind(&table.source)
        .bind(&table.dated)
        .bind(&table.sha256)
        .bind(table.object_count)
        .bind(table.network_count)
        .bind(table.contact_count)
        .bind(&table.path)
        .bind(table.imported_at)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }
}
