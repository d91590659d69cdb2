//! Lists of indicators, one page at a time, along an index however many there are.

use casework::indicate::indicator::IndicatorId;
use sqlx::AssertSqlSafe;

use crate::StoreError;
use crate::indicators::{COLUMNS, Remembered, read};
use crate::register::Register;

/// What the columns say of an indicator; what it is worth is computed from its words.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kept {
    /// Not revoked, and no end of it has come.
    InForce,
    /// All who speak for it have said until when, and that is past.
    Past,
    Revoked,
    /// Somebody says that it is harmless.
    Doubted,
}

/// Which indicators are wanted: the latest seen first, or by value when it is named.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub kind: Option<String>,
    pub class: Option<String>,
    pub malware: Option<String>,
    pub kept: Option<Kept>,
    /// How the value begins.
    pub begins: Option<String>,
    /// Behind this one: the time by which it was listed, and its id.
    pub after: Option<(i64, IndicatorId)>,
    /// Behind this value and the id above, when values are asked for.
    pub after_value: Option<String>,
    /// Microseconds since 1970.
    pub now: i64,
    pub most: u32,
}

impl Register {
    /// A page of indicators, each with the time by which it is listed.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn indicator_page(&self, filter: &Filter) -> Result<Vec<(Remembered, i64)>, StoreError> {
        let mut parts: Vec<&str> = Vec::new();
        if filter.kind.is_some() {
            parts.push("kind = $1");
        }
        if filter.class.is_some() {
            parts.push("class = $2");
        }
        if filter.malware.is_some() {
            parts.push("malware = $3");
        }
        match filter.kept {
            Some(Kept::InForce) => parts.push("revoked = 0 AND (valid_until IS NULL OR valid_until > $4)"),
            Some(Kept::Past) => parts.push("revoked = 0 AND valid_until IS NOT NULL AND coalesce(valid_until, 0) <= $4"),
            Some(Kept::Revoked) => parts.push("revoked = 1"),
            Some(Kept::Doubted) => parts.push("doubts > 0"),
            None => {}
        }
        // What is past is listed by when it ended.
        let past = filter.kept == Some(Kept::Past);
        let by = if past { "coalesce(valid_until, 0)" } else { "coalesce(last_seen, 0)" };
        // What begins with a text lies between it and what comes behind all of these.
        let behind = filter.begins.as_ref().map(|text| format!("{text}\u{10ffff}"));
        if filter.begins.is_some() {
            parts.push("value >= $5 AND value < $6");
            if filter.after_value.is_some() {
                parts.push("(value, id) > ($7, $9)");
            }
        } else if filter.after.is_some() {
            parts.push(if past { "(coalesce(valid_until, 0), id) < ($8, $9)" } else { "(coalesce(last_seen, 0), id) < ($8, $9)" });
        }
        let condition = if parts.is_empty() { String::new() } else { format!("WHERE {}", parts.join(" AND ")) };
        let order = if filter.begins.is_some() { "value, id".to_owned() } else { format!("{by} DESC, id DESC") };
        let sql = format!("SELECT {COLUMNS}, {by} FROM indicator {condition} ORDER BY {order} LIMIT $10");
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(&filter.kind)
            .bind(&filter.class)
            .bind(&filter.malware)
            .bind(filter.now)
            .bind(&filter.begins)
            .bind(behind)
            .bind(&filter.after_value)
            .bind(filter.after.map(|(seen, _)| seen))
            .bind(filter.after.map(|(_, id)| id.0.to_vec()))
            .bind(i64::from(filter.most))
            .fetch_all(&self.pool)
            .await?;
        use sqlx::Row as _;
        rows.iter().map(|row| Ok((read(row)?, row.try_get(6)?))).collect()
    }

    /// How many indicators there are of each kind.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn indicator_sums(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let sums: Vec<(String, i64)> =
            sqlx::query_as("SELECT kind, rows FROM indicator_sum WHERE rows > 0 ORDER BY rows DESC, kind").fetch_all(&self.pool).await?;
        Ok(sums.into_iter().map(|(kind, rows)| (kind, rows.unsigned_abs())).collect())
    }
}
