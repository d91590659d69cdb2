//! What a page shows, kept under a name by a person.

use crate::StoreError;
use crate::register::Register;

/// A kept view.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct SavedView {
    pub id: String,
    pub person: String,
    pub page: String,
    pub name: String,
    /// Query part of the address.
    pub question: String,
    pub created_at: i64,
}

impl Register {
    /// Those a person keeps of a page, by name.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn saved_views(&self, person: &str, page: &str) -> Result<Vec<SavedView>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT id, person, page, name, question, created_at FROM saved_view WHERE person = $1 AND page = $2 ORDER BY name, id LIMIT 200",
        )
        .bind(person)
        .bind(page)
        .fetch_all(&self.pool)
        .await?)
    }

    /// Keeps one.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn keep_view(&self, view: &SavedView) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO saved_view (id, person, page, name, question, created_at) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(&view.id)
            .bind(&view.person)
            .bind(&view.page)
            .bind(&view.name)
            .bind(&view.question)
            .bind(view.created_at)
            .execute(&mut *self.statement().await?)
            .await?;
        Ok(())
    }

    /// Forgets one of a person; gives what it was.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn forget_view(&self, id: &str, person: &str) -> Result<Option<SavedView>, StoreError> {
        Ok(sqlx::query_as("DELETE FROM saved_view WHERE id = $1 AND person = $2 RETURNING id, person, page, name, question, created_at")
            .bind(id)
            .bind(person)
            .fetch_optional(&self.pool)
            .await?)
    }
}
