//! Mails that came to our desk: each kept once, with what was understood of it.

use sqlx::Row as _;

use crate::StoreError;
use crate::outbox::{Back, came_back};
use crate::register::Register;

/// A mail that came.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Answer {
    /// First 32 hexadecimal digits of the SHA-256 of the mail.
    pub id: String,
    /// The mailbox and its name for the mail.
    pub came_from: String,
    pub notice: Option<String>,
    /// Microseconds since 1970, UTC.
    pub received_at: i64,
    pub sender: Option<String>,
    /// Fingerprint of the key whose signature on it is good.
    pub signed_by: Option<String>,
    pub says: String,
    pub because: String,
    /// A person is to look at it.
    pub for_a_person: bool,
}

impl Register {
    /// Keeps a mail and what it says about a notice, together; `false` when it had been kept before.
    ///
    /// # Errors
    /// When the register cannot be written; then nothing has changed.
    pub async fn take_answer(&self, answer: &Answer, back: Option<Back<'_>>, mail: &[u8]) -> Result<bool, StoreError> {
        let packed = zstd::bulk::compress(mail, 3).map_err(|error| StoreError::Refused(format!("an answer cannot be packed: {error}")))?;
        let mut transaction = self.writing().await?;
        let new = sqlx::query(
            "INSERT INTO answer (id, came_from, notice, received_at, sender, signed_by, says, because, mail, read_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING",
        )
        .bind(&answer.id)
        .bind(&answer.came_from)
        .bind(&answer.notice)
        .bind(answer.received_at)
        .bind(&answer.sender)
        .bind(&answer.signed_by)
        .bind(&answer.says)
        .bind(&answer.because)
        .bind(packed)
        .bind((!answer.for_a_person).then_some(answer.received_at))
        .execute(&mut *transaction)
        .await?;
        let new = new.rows_affected() == 1;
        if let (true, Some(notice), Some(back)) = (new, &answer.notice, back) {
            came_back(&mut transaction, notice, back, answer.received_at).await?;
        }
        transaction.commit().await?;
        Ok(new)
    }

    /// Mails that came, newest first: about one notice, or all; only those that a person is to look at when `unread`.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn answers(&self, notice: Option<&str>, unread: bool, limit: i64) -> Result<Vec<Answer>, StoreError> {
        let sql = "SELECT id, came_from, notice, received_at, sender, signed_by, says, because, read_at FROM answer \
                   WHERE ($1 IS NULL OR notice = $1) AND ($2 = 0 OR read_at IS NULL) ORDER BY received_at DESC, id LIMIT $3";
        let rows = sqlx::query(sql).bind(notice).bind(i64::from(unread)).bind(limit).fetch_all(&self.pool).await?;
        rows.iter().map(answer).collect()
    }

    /// The mail itself; `None` when there is none of that name.
    ///
    /// # Errors
    /// When the register cannot be read or the mail is damaged.
    pub async fn answer_mail(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let packed: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT mail FROM answer WHERE id = $1").bind(id).fetch_optional(&self.pool).await?;
        packed.map(|packed| crate::outbox::unpack_mail(id, &packed)).transpose()
    }

    /// A person has looked at a mail and says what it means, or that it means nothing for its notice.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when there is no such mail, or it is about no notice and something is said of one.
    pub async fn read_answer(&self, id: &str, says: Option<&str>, now: i64) -> Result<(), StoreError> {
        let mut transaction = self.writing().await?;
        let notice: Option<Option<String>> =
            sqlx::query_scalar("SELECT notice FROM answer WHERE id = $1").bind(id).fetch_optional(&mut *transaction).await?;
        let notice = notice.ok_or_else(|| StoreError::Refused(format!("there is no answer {id}")))?;
        if let Some(says) = says {
            let notice = notice.ok_or_else(|| StoreError::Refused(format!("answer {id} is about no notice that we know")))?;
            came_back(&mut transaction, &notice, Back::Answered(says), now).await?;
            sqlx::query("UPDATE answer SET says = $1 WHERE id = $2").bind(says).bind(id).execute(&mut *transaction).await?;
        }
        sqlx::query("UPDATE answer SET read_at = $1 WHERE id = $2").bind(now).bind(id).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// How far a mailbox was read: validity and last number; zeros before the first time.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn mailbox(&self, name: &str) -> Result<(i64, i64), StoreError> {
        let sql = "SELECT validity, last FROM mailbox WHERE name = $1";
        Ok(sqlx::query_as(sql).bind(name).fetch_optional(&self.pool).await?.unwrap_or_default())
    }

    /// Remembers how far a mailbox was read.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn set_mailbox(&self, name: &str, validity: i64, last: i64) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO mailbox (name, validity, last) VALUES ($1, $2, $3) \
             ON CONFLICT (name) DO UPDATE SET validity = excluded.validity, last = excluded.last",
        )
        .bind(name)
        .bind(validity)
        .bind(last)
        .execute(&mut *self.statement().await?)
        .await?;
        Ok(())
    }
}

pub(crate) fn answer(row: &sqlx::sqlite::SqliteRow) -> Result<Answer, StoreError> {
    Ok(Answer {
        id: row.try_get(0)?,
        came_from: row.try_get(1)?,
        notice: row.try_get(2)?,
        received_at: row.try_get(3)?,
        sender: row.try_get(4)?,
        signed_by: row.try_get(5)?,
        says: row.try_get(6)?,
        because: row.try_get(7)?,
        for_a_person: row.try_get::<Option<i64>, _>(8)?.is_none(),
    })
}
