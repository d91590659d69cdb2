//! Who may sign in: tokens that we gave, certificates, and subjects of other issuers.

use sqlx::{Row as _, SqliteConnection};

use crate::StoreError;
use crate::register::Register;

/// A token that was given to a party. The token itself is known to its holder only.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Token {
    pub id: String,
    pub party: String,
    pub role: String,
    /// SHA-256 of the token.
    pub secret: Vec<u8>,
    pub name: Option<String>,
    /// Microseconds since 1970, as all times here.
    pub created_at: i64,
    pub expires_at: Option<i64>,
    pub revoked_at: Option<i64>,
    pub last_used: Option<i64>,
}

impl Token {
    /// It opens at this moment.
    pub fn holds(&self, now: i64) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// Another way to sign in.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct SignIn {
    /// `certificate` or `subject`.
    pub kind: String,
    /// SHA-256 of the certificate's DER in lower case hexadecimal; or the issuer, a space, the subject.
    pub name: String,
    pub party: String,
    pub role: String,
    pub created_at: i64,
    pub expires_at: Option<i64>,
}

impl Register {
    /// Remembers a new token.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn add_token(&self, token: &Token) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO token (id, party, role, secret, name, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)")
            .bind(&token.id)
            .bind(&token.party)
            .bind(&token.role)
            .bind(&token.secret)
            .bind(&token.name)
            .bind(token.created_at)
            .bind(token.expires_at)
            .execute(&mut *self.statement().await?)
            .await?;
        Ok(())
    }

    /// All tokens that were ever given, newest last.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT id, party, role, secret, name, created_at, expires_at, revoked_at, last_used FROM token ORDER BY created_at, id",
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// Ends a token. `false`: there is none of this id, or it had ended.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn revoke_token(&self, id: &str, now: i64) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE token SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL")
            .bind(id)
            .bind(now)
            .execute(&mut *self.statement().await?)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Notes that tokens were used.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn tokens_used(&self, ids: &[String], now: i64) -> Result<(), StoreError> {
        for id in ids {
            sqlx::query("UPDATE token SET last_used = $2 WHERE id = $1").bind(id).bind(now).execute(&mut *self.statement().await?).await?;
        }
        Ok(())
    }

    /// Lets somebody sign in another way.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn add_sign_in(&self, sign_in: &SignIn) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO sign_in (kind, name, party, role, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (kind, name) DO UPDATE SET party = excluded.party, role = excluded.role, expires_at = excluded.expires_at",
        )
        .bind(&sign_in.kind)
        .bind(&sign_in.name)
        .bind(&sign_in.party)
        .bind(&sign_in.role)
        .bind(sign_in.created_at)
        .bind(sign_in.expires_at)
        .execute(&mut *self.statement().await?)
        .await?;
        Ok(())
    }

    /// All other ways to sign in.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn sign_ins(&self) -> Result<Vec<SignIn>, StoreError> {
        Ok(sqlx::query_as("SELECT kind, name, party, role, created_at, expires_at FROM sign_in ORDER BY kind, name")
            .fetch_all(&self.pool)
            .await?)
    }

    /// Takes a way to sign in away. `false`: there was none.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn remove_sign_in(&self, kind: &str, name: &str) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM sign_in WHERE kind = $1 AND name = $2")
            .bind(kind)
            .bind(name)
            .execute(&mut *self.statement().await?)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Rises with every change of what decides who may see what: parties, agreements, terms, collections, grants, ways to sign in.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn policy_change(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query("SELECT number FROM policy_change").fetch_one(&self.pool).await?.get(0))
    }
}

/// Nothing that policy depends on has changed since somebody looked; whoever did not look changes it as it is.
pub(crate) async fn is_as_seen(connection: &mut SqliteConnection, seen: Option<i64>) -> Result<bool, StoreError> {
    let Some(seen) = seen else { return Ok(true) };
    let number: i64 = sqlx::query_scalar("SELECT number FROM policy_change").fetch_one(connection).await?;
    Ok(number == seen)
}
