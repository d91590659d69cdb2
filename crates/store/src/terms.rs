//! Terms as remembered: each distinct one once, and the defaults of sources.

use std::collections::BTreeMap;

use casework::model::terms::Terms;

use crate::StoreError;
use crate::register::Register;

/// What a default is for.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum DefaultOf {
    Feed(String),
    /// Whoever gave it.
    Party(String),
}

impl DefaultOf {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Feed(_) => "feed",
            Self::Party(_) => "party",
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Feed(name) | Self::Party(name) => name,
        }
    }
}

/// A row of the terms.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KnownTerms {
    pub id: i64,
    pub terms: Terms,
    /// Evidence that was taken in under these terms.
    pub evidence: i64,
}

impl Register {
    /// The number under which terms are kept; made on first use. Equal terms have one number.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn terms(&self, terms: &Terms) -> Result<i64, StoreError> {
        intern(&mut *self.pool.acquire().await?, terms).await
    }

    /// All terms that anything was ever held under, by number.
    ///
    /// # Errors
    /// When the register cannot be read or holds a text that is no terms.
    pub async fn all_terms(&self) -> Result<Vec<KnownTerms>, StoreError> {
        all_terms(&mut *self.pool.acquire().await?).await
    }

    /// The defaults of feeds and givers.
    ///
    /// # Errors
    /// When the register cannot be read or holds a text that is no terms.
    pub async fn terms_defaults(&self) -> Result<BTreeMap<DefaultOf, Terms>, StoreError> {
        let rows: Vec<(String, String, String)> =
            sqlx::query_as("SELECT kind, name, text FROM terms_default JOIN terms ON terms.id = terms_default.terms ORDER BY kind, name")
                .fetch_all(&self.pool)
                .await?;
        rows.into_iter()
            .map(|(kind, name, text)| {
                let of = if kind == "feed" { DefaultOf::Feed(name) } else { DefaultOf::Party(name) };
                Ok((of, read(&text)?))
            })
            .collect()
    }

    /// Sets the default of a feed or giver; takes it away with `None`. Returns whether there was one before.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn set_terms_default(&self, of: &DefaultOf, terms: Option<&Terms>, now: i64) -> Result<bool, StoreError> {
        let before: Option<i64> = sqlx::query_scalar("SELECT terms FROM terms_default WHERE kind = $1 AND name = $2")
            .bind(of.kind())
            .bind(of.name())
            .fetch_optional(&self.pool)
            .await?;
        match terms {
            Some(terms) => {
                let id = self.terms(terms).await?;
                sqlx::query(
                    "INSERT INTO terms_default (kind, name, terms, set_at) VALUES ($1, $2, $3, $4) \
                     ON CONFLICT (kind, name) DO UPDATE SET terms = excluded.terms, set_at = excluded.set_at",
                )
                .bind(of.kind())
                .bind(of.name())
                .bind(id)
                .bind(now)
                .execute(&mut *self.statement().await?)
                .await?;
            }
            None => {
                sqlx::query("DELETE FROM terms_default WHERE kind = $1 AND name = $2")
                    .bind(of.kind())
                    .bind(of.name())
                    .execute(&mut *self.statement().await?)
                    .await?;
            }
        }
        Ok(before.is_some())
    }
}

/// As [`Register::terms`], within a transaction of the caller.
pub(crate) async fn intern(connection: &mut sqlx::SqliteConnection, terms: &Terms) -> Result<i64, StoreError> {
    let text = terms.to_string();
    sqlx::query(
        "INSERT INTO terms (id, text, tlp) SELECT coalesce(max(id), 0) + 1, $1, $2 FROM terms WHERE true ON CONFLICT (text) DO NOTHING",
    )
    .bind(&text)
    .bind(terms.tlp.label())
    .execute(&mut *connection)
    .await?;
    Ok(sqlx::query_scalar("SELECT id FROM terms WHERE text = $1").bind(&text).fetch_one(connection).await?)
}

/// As one connection sees them.
pub(crate) async fn all_terms(connection: &mut sqlx::SqliteConnection) -> Result<Vec<KnownTerms>, StoreError> {
    let rows: Vec<(i64, String, i64)> = sqlx::query_as(
        "SELECT terms.id, text, (SELECT count(*) FROM evidence WHERE evidence.terms = terms.id) FROM terms ORDER BY terms.id",
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|(id, text, evidence)| Ok(KnownTerms { id, terms: read(&text)?, evidence })).collect()
}

pub(crate) fn read(text: &str) -> Result<Terms, StoreError> {
    text.parse().map_err(|error| StoreError::Refused(format!("register: {error}")))
}
