//! What outside parties say is theirs, and how far they have proved it.

use crate::StoreError;
use crate::register::Register;

/// A network, AS or domain that a party claims.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct NetworkClaim {
    pub id: String,
    pub party: String,
    /// Who asked.
    pub person: String,
    pub value: String,
    /// `mail`, `dns` or `file`.
    pub way: String,
    /// What is to be shown; of a mailed one only its SHA-256.
    pub code: String,
    /// That a code was mailed to.
    pub address: Option<String>,
    pub tries: i64,
    /// Microseconds since 1970, as all times here.
    pub made_at: i64,
    pub expires_at: i64,
    pub confirmed_at: Option<i64>,
    pub withdrawn_at: Option<i64>,
}

const COLUMNS: &str = "id, party, person, value, way, code, address, tries, made_at, expires_at, confirmed_at, withdrawn_at";

impl Register {
    /// Remembers what a party claims.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn add_claim(&self, claim: &NetworkClaim) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO network_claim (id, party, person, value, way, code, address, made_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(&claim.id)
        .bind(&claim.party)
        .bind(&claim.person)
        .bind(&claim.value)
        .bind(&claim.way)
        .bind(&claim.code)
        .bind(&claim.address)
        .bind(claim.made_at)
        .bind(claim.expires_at)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// What a party claimed and did not withdraw, the newest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn claims_of(&self, party: &str, most: i64) -> Result<Vec<NetworkClaim>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM network_claim WHERE party = $1 AND withdrawn_at IS NULL ORDER BY made_at DESC, id LIMIT $2");
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(party).bind(most).fetch_all(&self.pool).await?)
    }

    /// A claim of a party; `None` when there is none of that name, or it is another's.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn claim(&self, party: &str, id: &str) -> Result<Option<NetworkClaim>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM network_claim WHERE party = $1 AND id = $2 AND withdrawn_at IS NULL");
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(party).bind(id).fetch_optional(&self.pool).await?)
    }

    /// Somebody tries to prove a claim: which try it is. `None`: it had its tries, is proved, or has expired.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn try_claim(&self, id: &str, most: i64, now: i64) -> Result<Option<i64>, StoreError> {
        Ok(sqlx::query_scalar(
            "UPDATE network_claim SET tries = tries + 1 WHERE id = $1 AND tries < $2 AND confirmed_at IS NULL AND withdrawn_at IS NULL \
             AND expires_at > $3 RETURNING tries",
        )
        .bind(id)
        .bind(most)
        .bind(now)
        .fetch_optional(&self.pool)
        .await?)
    }

    /// A claim is proved.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn confirm_claim(&self, id: &str, now: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE network_claim SET confirmed_at = $2 WHERE id = $1 AND confirmed_at IS NULL")
            .bind(id)
            .bind(now)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// A party takes back what it claimed; `false` when there is none of that name, or it is another's.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn withdraw_claim(&self, party: &str, id: &str, now: i64) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE network_claim SET withdrawn_at = $3 WHERE party = $1 AND id = $2 AND withdrawn_at IS NULL")
            .bind(party)
            .bind(id)
            .bind(now)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Claims of a party that were made after a moment: so that nobody has us write mails all day.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn claims_since(&self, party: &str, since: i64) -> Result<i64, StoreError> {
        let sql = "SELECT count(*) FROM network_claim WHERE party = $1 AND made_at > $2";
        Ok(sqlx::query_scalar(sql).bind(party).bind(since).fetch_one(&self.pool).await?)
    }
}
