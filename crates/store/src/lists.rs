//! Block lists as each party got them last.

use sqlx::Row as _;

use crate::StoreError;
use crate::register::Register;

/// What a party got last in a format.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct GivenList {
    /// Serial and hash of a zone.
    pub zone: Option<(u32, [u8; 32])>,
    /// The main file.
    pub text: String,
}

/// Larger lists are not kept, and begin their numbers anew.
const LARGEST: usize = 64 << 20;

impl Register {
    /// What a party got last in a format.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn given_list(&self, party: &str, format: &str) -> Result<Option<GivenList>, StoreError> {
        let row = sqlx::query("SELECT serial, hash, text FROM list_given WHERE party = $1 AND format = $2")
            .bind(party)
            .bind(format)
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let (serial, hash): (Option<i64>, Option<Vec<u8>>) = (row.get(0), row.get(1));
        let zone = serial.and_then(|serial| u32::try_from(serial).ok()).zip(hash.and_then(|hash| hash.try_into().ok()));
        let text = zstd::bulk::decompress(row.get::<&[u8], _>(2), LARGEST).unwrap_or_default();
        Ok(Some(GivenList { zone, text: String::from_utf8(text).unwrap_or_default() }))
    }

    /// Keeps what a party gets now.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn keep_list(&self, party: &str, format: &str, given: &GivenList, now: i64) -> Result<(), StoreError> {
        if given.text.len() > LARGEST {
            return Ok(());
        }
        let packed = zstd::bulk::compress(given.text.as_bytes(), 3).map_err(|error| StoreError::Refused(format!("a list: {error}")))?;
        sqlx::query(
            "INSERT INTO list_given (party, format, serial, hash, text, given_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (party, format) \
             DO UPDATE SET serial = excluded.serial, hash = excluded.hash, text = excluded.text, given_at = excluded.given_at",
        )
        .bind(party)
        .bind(format)
        .bind(given.zone.map(|(serial, _)| i64::from(serial)))
        .bind(given.zone.map(|(_, hash)| hash.to_vec()))
        .bind(packed)
        .bind(now)
        .execute(&mut *self.statement().await?)
        .await?;
        Ok(())
    }
}
