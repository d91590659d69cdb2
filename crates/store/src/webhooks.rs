//! Where others want to be called, and what became of each call.

use crate::StoreError;
use crate::register::Register;

/// Somebody wants to be called. Times are microseconds since 1970, UTC.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Webhook {
    pub id: String,
    pub party: String,
    pub url: String,
    pub secret: String,
    /// Separated by blanks.
    pub kinds: String,
    pub place: String,
    pub created_at: i64,
    pub created_by: String,
    pub disabled_at: Option<i64>,
    pub reason: Option<String>,
}

/// One call.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Call {
    pub id: String,
    pub webhook: String,
    pub kind: String,
    /// None once it is over.
    pub body: Option<Vec<u8>>,
    pub release: Option<String>,
    pub created_at: i64,
    pub attempts: i64,
    pub next_attempt: Option<i64>,
    pub status: Option<i64>,
    pub error: Option<String>,
    pub arrived_at: Option<i64>,
}

const WEBHOOK: &str = "SELECT id, party, url, secret, kinds, place, created_at, created_by, disabled_at, reason FROM webhook";
const CALL: &str =
    "SELECT id, webhook, kind, body, release, created_at, attempts, next_attempt, status, error, arrived_at FROM webhook_call";

impl Register {
    /// Adds one.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn add_webhook(&self, webhook: &Webhook) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO webhook (id, party, url, secret, kinds, place, created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&webhook.id)
        .bind(&webhook.party)
        .bind(&webhook.url)
        .bind(&webhook.secret)
        .bind(&webhook.kinds)
        .bind(&webhook.place)
        .bind(webhook.created_at)
        .bind(&webhook.created_by)
        .execute(&mut *self.statement().await?)
        .await?;
        Ok(())
    }

    /// All of a party, or all there are.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn webhooks(&self, party: Option<&str>) -> Result<Vec<Webhook>, StoreError> {
        let sql = format!("{WEBHOOK} WHERE $1 IS NULL OR party = $1 ORDER BY created_at, id");
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(party).fetch_all(&self.pool).await?)
    }

    /// Ends one of a party, with its calls that are under way; `false` when the party has none of this id.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn end_webhook(&self, party: &str, id: &str, reason: &str, now: i64) -> Result<bool, StoreError> {
        let mut transaction = self.writing().await?;
        let done = sqlx::query("UPDATE webhook SET disabled_at = $3, reason = $4 WHERE id = $1 AND party = $2 AND disabled_at IS NULL")
            .bind(id)
            .bind(party)
            .bind(now)
            .bind(reason)
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() == 1 {
            sqlx::query(
                "UPDATE webhook_call SET next_attempt = NULL, body = NULL, error = $2 WHERE webhook = $1 AND next_attempt IS NOT NULL",
            )
            .bind(id)
            .bind(reason)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// Calls that are to be made, and how far their webhook was told with them, in one transaction.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn plan_calls(&self, webhook: &str, place: &str, calls: &[Call]) -> Result<(), StoreError> {
        let mut transaction = self.writing().await?;
        for call in calls {
            sqlx::query(
                "INSERT INTO webhook_call (id, webhook, kind, body, release, created_at, next_attempt) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(&call.id)
            .bind(&call.webhook)
            .bind(&call.kind)
            .bind(&call.body)
            .bind(&call.release)
            .bind(call.created_at)
            .bind(call.next_attempt)
            .execute(&mut *transaction)
            .await?;
        }
        sqlx::query("UPDATE webhook SET place = $2 WHERE id = $1").bind(webhook).bind(place).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Calls whose time has come, with their webhook.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn due_calls(&self, now: i64, most: u32) -> Result<Vec<Call>, StoreError> {
        let sql = format!("{CALL} WHERE next_attempt <= $1 ORDER BY next_attempt, id LIMIT $2");
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(now).bind(i64::from(most)).fetch_all(&self.pool).await?)
    }

    /// What came of an attempt; the body goes when there is no next one.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn call_made(&self, call: &Call) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE webhook_call SET attempts = $2, next_attempt = $3, status = $4, error = $5, arrived_at = $6, \
             body = CASE WHEN $3 IS NULL THEN NULL ELSE body END WHERE id = $1",
        )
        .bind(&call.id)
        .bind(call.attempts)
        .bind(call.next_attempt)
        .bind(call.status)
        .bind(&call.error)
        .bind(call.arrived_at)
        .execute(&mut *self.statement().await?)
        .await?;
        Ok(())
    }

    /// The newest calls of a webhook.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn calls(&self, webhook: &str, most: u32) -> Result<Vec<Call>, StoreError> {
        let sql = format!("{CALL} WHERE webhook = $1 ORDER BY created_at DESC, id LIMIT $2");
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(webhook).bind(i64::from(most)).fetch_all(&self.pool).await?)
    }

    /// Calls that are not over.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn calls_under_way(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("SELECT count(*) FROM webhook_call WHERE next_attempt IS NOT NULL").fetch_one(&self.pool).await?)
    }
}
