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
    /// Proved, while another party held it: one of our people decides.
    pub contested_at: Option<i64>,
    /// When one of our people let it come into force, or ended it; and who.
    pub decided_at: Option<i64>,
    pub decided_by: Option<String>,
}

/// How far a claim has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stage {
    /// To be proved.
    Open,
    /// Nobody proved it in time.
    Expired,
    /// Proved; another party holds it, and one of our people is to decide.
    Contested,
    /// In force.
    Proved,
    /// Taken back by the party, or ended by us.
    Ended,
}

impl Stage {
    pub const ALL: [Self; 5] = [Self::Contested, Self::Open, Self::Proved, Self::Expired, Self::Ended];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Expired => "expired",
            Self::Contested => "contested",
            Self::Proved => "proved",
            Self::Ended => "ended",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == text)
    }

    /// Those that are in it; `$1` is now.
    fn sql(self) -> &'static str {
        match self {
            Self::Open => "withdrawn_at IS NULL AND confirmed_at IS NULL AND contested_at IS NULL AND expires_at > $1",
            Self::Expired => "withdrawn_at IS NULL AND confirmed_at IS NULL AND contested_at IS NULL AND expires_at <= $1",
            Self::Contested => "withdrawn_at IS NULL AND confirmed_at IS NULL AND contested_at IS NOT NULL",
            Self::Proved => "withdrawn_at IS NULL AND confirmed_at IS NOT NULL",
            Self::Ended => "withdrawn_at IS NOT NULL",
        }
    }
}

impl NetworkClaim {
    pub fn stage(&self, now: i64) -> Stage {
        match self {
            Self { withdrawn_at: Some(_), .. } => Stage::Ended,
            Self { confirmed_at: Some(_), .. } => Stage::Proved,
            Self { contested_at: Some(_), .. } => Stage::Contested,
            Self { expires_at, .. } if *expires_at > now => Stage::Open,
            _ => Stage::Expired,
        }
    }
}

const COLUMNS: &str = "id, party, person, value, way, code, address, tries, made_at, expires_at, confirmed_at, withdrawn_at, contested_at, \
                       decided_at, decided_by";

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
        .execute(&mut *self.statement().await?)
        .await?;
        Ok(())
    }

    /// What a party claimed and did not withdraw, the newest first; also what we ended.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn claims_of(&self, party: &str, most: i64) -> Result<Vec<NetworkClaim>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM network_claim WHERE party = $1 AND (withdrawn_at IS NULL OR decided_at = withdrawn_at) ORDER BY made_at DESC, id LIMIT $2"
        );
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
             AND contested_at IS NULL AND expires_at > $3 RETURNING tries",
        )
        .bind(id)
        .bind(most)
        .bind(now)
        .fetch_optional(&self.pool)
        .await?)
    }

    /// The claims of all parties, the newest first; `after` is where the page before ended.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn claims_page(
        &self,
        stage: Option<Stage>,
        now: i64,
        after: Option<(i64, &str)>,
        most: i64,
    ) -> Result<Vec<NetworkClaim>, StoreError> {
        let within = stage.map_or("$1 = $1", Stage::sql);
        let (at, id) = after.unwrap_or((i64::MAX, ""));
        let sql = format!(
            "SELECT {COLUMNS} FROM network_claim WHERE {within} AND (made_at, id) < ($2, $3) ORDER BY made_at DESC, id DESC LIMIT $4"
        );
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(now).bind(at).bind(id).bind(most).fetch_all(&self.pool).await?)
    }

    /// A claim of any party, also one that ended.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn any_claim(&self, id: &str) -> Result<Option<NetworkClaim>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM network_claim WHERE id = $1");
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(&self.pool).await?)
    }

    /// Claims that wait for one of our people.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn contested_claims(&self) -> Result<u64, StoreError> {
        let sql = format!("SELECT count(*) FROM network_claim WHERE {}", Stage::Contested.sql());
        let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&self.pool).await?;
        Ok(count.unsigned_abs())
    }

    /// A claim is proved, and another party holds what is claimed.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn contest_claim(&self, id: &str, now: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE network_claim SET contested_at = $2 WHERE id = $1 AND confirmed_at IS NULL AND contested_at IS NULL")
            .bind(id)
            .bind(now)
            .execute(&mut *self.statement().await?)
            .await?;
        Ok(())
    }

    /// One of our people decides a contested claim: it comes into force (`true`) or ends. Or ends one that is in force. `false`: there was
    /// nothing to decide any more.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn decide_claim(&self, id: &str, holds: bool, by: &str, now: i64) -> Result<bool, StoreError> {
        let sql = match holds {
            true => {
                "UPDATE network_claim SET confirmed_at = $2, decided_at = $2, decided_by = $3 \
                 WHERE id = $1 AND contested_at IS NOT NULL AND confirmed_at IS NULL AND withdrawn_at IS NULL"
            }
            false => "UPDATE network_claim SET withdrawn_at = $2, decided_at = $2, decided_by = $3 WHERE id = $1 AND withdrawn_at IS NULL",
        };
        let done = sqlx::query(sql).bind(id).bind(now).bind(by).execute(&mut *self.statement().await?).await?;
        Ok(done.rows_affected() == 1)
    }

    /// The claims of a party to this value that are in force end: another's came into force by a decision of ours.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn supersede_claims(&self, party: &str, value: &str, by: &str, now: i64) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE network_claim SET withdrawn_at = $3, decided_at = $3, decided_by = $4 \
             WHERE party = $1 AND value = $2 AND confirmed_at IS NOT NULL AND withdrawn_at IS NULL",
        )
        .bind(party)
        .bind(value)
        .bind(now)
        .bind(by)
        .execute(&mut *self.statement().await?)
        .await?;
        Ok(())
    }

    /// A claim is proved.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn confirm_claim(&self, id: &str, now: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE network_claim SET confirmed_at = $2 WHERE id = $1 AND confirmed_at IS NULL")
            .bind(id)
            .bind(now)
            .execute(&mut *self.statement().await?)
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
            .execute(&mut *self.statement().await?)
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
