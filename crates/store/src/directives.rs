//! Evidence that somebody is still to be told of.
//!
//! A directive is written in the transaction that makes the evidence and its events true, and is done in the transaction that
//! writes down who is to be told. So a kill between the two loses nobody and tells nobody twice.

use datafusion::execution::SendableRecordBatchStream;

use crate::StoreError;
use crate::events::Questions;
use crate::register::Register;

/// One evidence whose events are to be considered.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Directive {
    pub evidence: String,
    /// Microseconds since 1970, UTC.
    pub made_at: i64,
    /// Events that were remembered of it.
    pub events: i64,
}

/// Written with the evidence itself.
pub(crate) async fn make(transaction: &mut sqlx::SqliteConnection, evidence: &str, at: i64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO directive (evidence, made_at) VALUES ($1, $2) \
         ON CONFLICT (evidence) DO UPDATE SET made_at = excluded.made_at, considered_at = NULL",
    )
    .bind(evidence)
    .bind(at)
    .execute(transaction)
    .await?;
    Ok(())
}

pub(crate) async fn considered(transaction: &mut sqlx::SqliteConnection, evidence: &str, now: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE directive SET considered_at = $1 WHERE evidence = $2").bind(now).bind(evidence).execute(transaction).await?;
    Ok(())
}

impl Register {
    /// Evidence not considered yet, oldest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn directives(&self) -> Result<Vec<Directive>, StoreError> {
        let sql = "SELECT evidence, made_at, coalesce(stored_rows, 0) AS events FROM directive LEFT JOIN evidence ON evidence.id = directive.evidence \
                   WHERE considered_at IS NULL ORDER BY made_at, evidence";
        Ok(sqlx::query_as(sql).fetch_all(&self.pool).await?)
    }

    /// Who gave which evidence that is still to be considered, where that was said.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn givers(&self) -> Result<Vec<(String, String)>, StoreError> {
        let sql = "SELECT evidence.id, given_by FROM evidence JOIN directive ON directive.evidence = evidence.id \
                   WHERE considered_at IS NULL AND given_by IS NOT NULL";
        Ok(sqlx::query_as(sql).fetch_all(&self.pool).await?)
    }

    /// Evidence received from `since` on is considered once more, whatever came of it before; how many there are.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn consider_again(&self, since: i64) -> Result<u64, StoreError> {
        let sql = "INSERT INTO directive (evidence, made_at) SELECT id, received_at FROM evidence WHERE received_at >= $1 AND stored_rows > 0 \
                   ON CONFLICT (evidence) DO UPDATE SET considered_at = NULL";
        Ok(sqlx::query(sql).bind(since).execute(&mut *self.statement().await?).await?.rows_affected())
    }
}

/// Columns of [`events_of`], in this order.
pub const COLUMNS: [&str; 26] = [
    "id",
    "time",
    "evidence",
    "terms",
    "feed",
    "type",
    "severity",
    "source_ip",
    "source_port",
    "source_asn",
    "source_country",
    "source_fqdn",
    "source_url",
    "source_reverse_dns",
    "transport",
    "application",
    "identifier",
    "malware",
    "product_vendor",
    "product_name",
    "product_version",
    "destination_ip",
    "destination_port",
    "destination_fqdn",
    "source_asn_by_table",
    "source_country_by_table",
];

/// The events of some evidence, batch by batch; `since` is the earliest time at which one of it came to us.
///
/// # Errors
/// When the question cannot be asked.
pub async fn events_of(questions: &Questions, evidence: &[String], since: i64) -> Result<SendableRecordBatchStream, StoreError> {
    let quoted: Vec<String> = evidence.iter().map(|id| format!("'{}'", id.replace('\'', "''"))).collect();
    let columns: Vec<String> = COLUMNS.iter().map(|name| format!("\"{name}\"")).collect();
    // Segments of earlier days are passed over by what they say of themselves.
    let sql = format!(
        "SELECT {} FROM events WHERE observed_at >= to_timestamp_micros({since}) AND evidence IN ({})",
        columns.join(", "),
        quoted.join(", ")
    );
    Ok(questions.sql(&sql).await?.execute_stream().await?)
}
