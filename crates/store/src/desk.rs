//! The desk: notices and answers page by page, notices that a person holds back or sends again.

use casework::act::state::State;
use sqlx::Row as _;

use crate::StoreError;
use crate::answers::Answer;
use crate::notices::{Notice, history, step};
use crate::register::Register;
use crate::restrictions::{STOPPED, TIGHTENED};

/// Which notices; `None` asks for nothing.
#[derive(Clone, Debug, Default)]
pub struct WhichNotices<'a> {
    pub party: Option<&'a str>,
    pub state: Option<State>,
    /// Only what is being gathered, or is written and not let out.
    pub pending: bool,
    pub problem: Option<&'a str>,
    /// Only what left the house.
    pub out: bool,
    /// Only what left the house and was not answered.
    pub open: bool,
    /// Only what a person holds.
    pub held: bool,
    /// Where the page before ended: its last moment and id.
    pub after: Option<(i64, String)>,
}

/// When a notice is listed.
pub fn listed_at(notice: &Notice) -> i64 {
    notice.released_at.unwrap_or(notice.last_arrival)
}

impl Register {
    /// A page of notices, the newest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn notices_page(&self, which: &WhichNotices<'_>, most: i64) -> Result<Vec<Notice>, StoreError> {
        let mut conditions = vec!["1 = 1"];
        let (at, id) = which.after.clone().unwrap_or((i64::MAX, String::new()));
        if which.party.is_some() {
            conditions.push("party = $1");
        }
        if which.state.is_some() {
            conditions.push("state = $2");
        }
        if which.pending {
            conditions.push("state IN ('waiting', 'ready')");
        }
        if which.problem.is_some() {
            conditions.push("problem = $3");
        }
        if which.out {
            conditions.push("state IN ('released', 'handing', 'sent', 'delivered', 'failed')");
        }
        if which.open {
            conditions.push("answer IS NULL AND state IN ('released', 'handing', 'sent', 'delivered', 'failed')");
        }
        if which.held {
            conditions.push("held_at IS NOT NULL AND state = 'ready'");
        }
        if which.after.is_some() {
            conditions.push("(coalesce(released_at, last_arrival), id) < ($4, $5)");
        }
        let sql = format!(
            "SELECT {} FROM notice WHERE {} AND ($1 IS NULL OR 1 = 1) AND ($2 IS NULL OR 1 = 1) AND ($3 IS NULL OR 1 = 1) AND ($4 >= 0 OR $5 = '') \
             ORDER BY coalesce(released_at, last_arrival) DESC, id DESC LIMIT $6",
            crate::notices::COLUMNS,
            conditions.join(" AND ")
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(which.party)
            .bind(which.state.map(State::as_str))
            .bind(which.problem)
            .bind(at)
            .bind(id)
            .bind(most)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(crate::notices::notice).collect()
    }

    /// One notice; `None` when there is none of that name.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn notice_if(&self, id: &str) -> Result<Option<Notice>, StoreError> {
        let sql = format!("SELECT {} FROM notice WHERE id = $1", crate::notices::COLUMNS);
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(&self.pool).await?.map(|row| crate::notices::notice(&row)).transpose()
    }

    /// How many notices are in which state; of one party or of all.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn notice_counts(&self, party: Option<&str>) -> Result<Vec<(State, i64)>, StoreError> {
        let sql = match party {
            Some(_) => "SELECT state, count(*) FROM notice WHERE party = $1 GROUP BY state",
            None => "SELECT state, count(*) FROM notice WHERE $1 IS NULL GROUP BY state",
        };
        let rows: Vec<(String, i64)> = sqlx::query_as(sql).bind(party).fetch_all(&self.pool).await?;
        Ok(rows.into_iter().filter_map(|(state, count)| Some((State::read(&state)?, count))).collect())
    }

    /// Notices that left the house for a party and have no answer yet.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn unanswered(&self, party: &str) -> Result<i64, StoreError> {
        let sql = "SELECT count(*) FROM notice WHERE party = $1 AND answer IS NULL AND state IN ('released', 'handing', 'sent', 'delivered', 'failed')";
        Ok(sqlx::query_scalar(sql).bind(party).fetch_one(&self.pool).await?)
    }

    /// Holds a notice back that is ready, or lets it go again.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when there is none, or it is not ready (any more).
    pub async fn hold_notice(&self, id: &str, hold: bool, by: &str, now: i64) -> Result<(), StoreError> {
        let mut transaction = self.writing().await?;
        let sql = "UPDATE notice SET held_at = $2, held_by = $3 WHERE id = $1 AND state = 'ready' AND (held_at IS NULL) = $4";
        let done =
            sqlx::query(sql).bind(id).bind(hold.then_some(now)).bind(hold.then_some(by)).bind(hold).execute(&mut *transaction).await?;
        if done.rows_affected() != 1 {
            let what = if hold { "is not ready, or is held already" } else { "is not held" };
            return Err(StoreError::Refused(format!("notice {id} {what}")));
        }
        history(&mut transaction, id, now, if hold { "held" } else { "let-go" }, Some(by)).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Puts a notice that failed, or was sent and perhaps lost, into the outbox again: the same mail, which is in the log already.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when there is none, or it is not at such a place.
    pub async fn send_notice_again(&self, id: &str, by: &str, now: i64) -> Result<(), StoreError> {
        let mut transaction = self.writing().await?;
        let sql = "SELECT EXISTS (SELECT 1 FROM notice_history WHERE notice = $1 AND what = $2)";
        let tightened: i64 = sqlx::query_scalar(sql).bind(id).bind(TIGHTENED).fetch_one(&mut *transaction).await?;
        if tightened != 0 {
            return Err(StoreError::Refused(format!("notice {id}: {STOPPED}; the same mail is not sent again")));
        }
        step(&mut transaction, id, &[State::Failed, State::Sent], State::Released, now, Some(by)).await?;
        sqlx::query("UPDATE notice SET next_attempt = $2, attempts = 0, reason = NULL, handing_since = NULL WHERE id = $1")
            .bind(id)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// A page of answers, the newest first: all, or those that wait for a person; behind a moment and id.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn answers_page(&self, unread: bool, after: Option<(i64, &str)>, most: i64) -> Result<Vec<Answer>, StoreError> {
        let which = if unread { "read_at IS NULL" } else { "1 = 1" };
        let (at, id) = after.unwrap_or((i64::MAX, "~"));
        let sql = format!(
            "SELECT id, came_from, notice, received_at, sender, signed_by, says, because, read_at FROM answer \
             WHERE {which} AND (received_at, id) < ($1, $2) ORDER BY received_at DESC, id DESC LIMIT $3"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(at).bind(id).bind(most).fetch_all(&self.pool).await?;
        rows.iter().map(crate::answers::answer).collect()
    }

    /// One answer; `None` when there is none of that name.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn answer(&self, id: &str) -> Result<Option<Answer>, StoreError> {
        let sql = "SELECT id, came_from, notice, received_at, sender, signed_by, says, because, read_at FROM answer WHERE id = $1";
        sqlx::query(sql).bind(id).fetch_optional(&self.pool).await?.map(|row| crate::answers::answer(&row)).transpose()
    }

    /// Answers that wait for a person.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn unread_answers(&self) -> Result<i64, StoreError> {
        let row = sqlx::query("SELECT count(*) FROM answer WHERE read_at IS NULL").fetch_one(&self.pool).await?;
        Ok(row.try_get(0)?)
    }
}
