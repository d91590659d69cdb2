//! Notices on their way: released, handed to the mail server, delivered, answered.
//!
//! A notice enters the outbox in the transaction that appends its release to the log, and leaves it only as a
//! [`Released`] value. Before a mail server can have taken a mail, the notice is marked as being handed over; what a process that
//! died had marked so is not sent again until it is clear that nobody took it.

use casework::act::finding::Finding;
use casework::act::rules::Rules;
use casework::act::state::State;
use casework::model::release::Release;
use casework::verify::takedown::{Answer, Happening};
use jiff::Timestamp;
use sqlx::Row as _;

use crate::StoreError;
use crate::notices::{Denial, Notice, Untold, history, pack, step, untell, write_denial};
use crate::register::Register;
use crate::releases::{self, LogKey, Released};
use crate::takedowns::{self, NewTakedown, Request};

/// A notice decided, written and sealed.
#[derive(Debug)]
pub struct Sealed {
    pub notice: String,
    pub release: Release,
    /// What is told after redaction, worst first, and the mail, as they are kept.
    pub kept: Kept,
    pub language: &'static str,
    pub address: String,
    pub subject: String,
    pub tlp: &'static str,
    pub encrypted: bool,
    pub answer_by: i64,
    /// What of it is the matter of an open case: the notice asks for its takedown.
    pub asks: Vec<Asks>,
    /// What of the draft policy keeps back now, though it let it be drafted.
    pub denials: Vec<Denial>,
    /// The subjects of which it tells nothing for that reason.
    pub untold: Option<Untold>,
}

/// What the register keeps of a notice that goes out. Made apart from it, because packing takes longer than writing.
#[derive(Debug)]
pub struct Kept {
    content: Vec<u8>,
    mail: Vec<u8>,
    findings: i64,
    events: i64,
}

impl Kept {
    /// Packs what is told and the whole mail as it is handed over.
    ///
    /// # Errors
    /// When they cannot be packed.
    pub fn new(findings: &[Finding], mail: &[u8]) -> Result<Self, StoreError> {
        Ok(Self {
            content: pack(findings)?,
            mail: pack_mail(mail)?,
            findings: findings.len() as i64,
            events: findings.iter().map(|f| i64::from(f.events)).sum(),
        })
    }
}

/// A takedown that a notice asks for.
#[derive(Clone, Debug)]
pub struct Asks {
    pub takedown: NewTakedown,
    /// Others were asked before.
    pub escalate: bool,
}

/// A notice in the outbox.
#[derive(Debug)]
pub struct Due {
    pub notice: Notice,
    pub mail: Released<Vec<u8>>,
}

/// What became of handing a notice over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Handed {
    Taken,
    /// Not now: to be tried again then.
    Later {
        at: i64,
        reason: String,
    },
    Never {
        reason: String,
    },
    /// Nobody knows: the connection broke after the mail had been given.
    Unclear {
        reason: String,
    },
}

/// What came back about a notice.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Back<'a> {
    Delivered,
    Bounced(&'a str),
    /// `fixed`, `false-positive`, `not-ours`, `need-more` or another word of a person.
    Answered(&'a str),
    Automatic,
}

impl Register {
    /// Releases notices: the leaves in the log and the mails in the outbox become true together, and what they do not tell is not in the
    /// ledger as told. All of them or none.
    ///
    /// # Errors
    /// When one of them is not ready any more, or the register or the log cannot be written.
    pub async fn release_notices(&self, key: &LogKey, batch: Vec<Sealed>, rules: &Rules, now: Timestamp) -> Result<(), StoreError> {
        let at = now.as_microsecond();
        let list: Vec<&Release> = batch.iter().map(|sealed| &sealed.release).collect();
        let mut transaction = self.writing().await?;
        let appended = releases::append(&mut transaction, key, &list, now).await?;
        for (sealed, number) in batch.iter().zip(appended.numbers()) {
            let id = &sealed.notice;
            step(&mut transaction, id, &[State::Ready], State::Released, at, Some(&sealed.address)).await?;
            sqlx::query(
                "UPDATE notice SET content = $2, findings = $3, events = $4, language = $5, address = $6, subject = $7, tlp = $8, \
                 sealed = $9, mail = $10, mail_sha256 = $11, release = $12, released_at = $13, answer_by = $14, next_attempt = $13 \
                 WHERE id = $1",
            )
            .bind(id)
            .bind(&sealed.kept.content)
            .bind(sealed.kept.findings)
            .bind(sealed.kept.events)
            .bind(sealed.language)
            .bind(&sealed.address)
            .bind(&sealed.subject)
            .bind(sealed.tlp)
            .bind(i64::from(sealed.encrypted))
            .bind(&sealed.kept.mail)
            .bind(sealed.release.content.iter().map(|b| format!("{b:02x}")).collect::<String>())
            .bind(number)
            .bind(at)
            .bind(sealed.answer_by)
            .execute(&mut *transaction)
            .await?;
            for denial in &sealed.denials {
                write_denial(&mut transaction, denial, at).await?;
            }
            if let Some(untold) = &sealed.untold {
                untell(&mut transaction, untold, rules, at).await?;
            }
            for asks in &sealed.asks {
                ask(&mut transaction, sealed, asks, now).await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Policy lets the party know nothing of a notice that was ready; its subjects count as never told.
    ///
    /// # Errors
    /// When it is not ready any more or the register cannot be written.
    pub async fn deny_notice(&self, id: &str, denials: &[Denial], reason: &str, rules: &Rules, now: i64) -> Result<(), StoreError> {
        let notice = self.notice(id).await?;
        let findings = self.notice_findings(id).await?;
        let mut transaction = self.writing().await?;
        step(&mut transaction, id, &[State::Ready], State::Denied, now, Some(reason)).await?;
        sqlx::query("UPDATE notice SET reason = $1 WHERE id = $2").bind(reason).bind(id).execute(&mut *transaction).await?;
        for denial in denials {
            write_denial(&mut transaction, denial, now).await?;
        }
        if let Some(ready_at) = notice.ready_at {
            let subjects = findings.iter().map(|finding| finding.key).collect();
            untell(&mut transaction, &Untold { digest: notice.digest, ready_at, subjects }, rules, now).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Notices to be handed over now, longest waiting first.
    ///
    /// # Errors
    /// When the register cannot be read, or a mail is not the one that the log has the hash of.
    pub async fn outbox(&self, now: i64, limit: i64) -> Result<Vec<Due>, StoreError> {
        // What its giver has put under stricter terms since goes nowhere, also when it comes back here.
        let sql = "SELECT id, mail FROM notice WHERE state = 'released' AND next_attempt <= $1 AND NOT EXISTS \
                   (SELECT 1 FROM notice_history WHERE notice_history.notice = notice.id AND what = 'tightened') ORDER BY next_attempt, id LIMIT $2";
        let rows: Vec<(String, Vec<u8>)> = sqlx::query_as(sql).bind(now).bind(limit).fetch_all(&self.pool).await?;
        let mut due = Vec::with_capacity(rows.len());
        for (id, mail) in rows {
            let notice = self.notice(&id).await?;
            let mail = unpack_mail(&id, &mail)?;
            match self.released(&id, mail).await? {
                Some(mail) => due.push(Due { notice, mail }),
                None => return Err(StoreError::Refused(format!("notice {id} is in the outbox and not in the log of releases"))),
            }
        }
        Ok(due)
    }

    /// Marks notices as being handed over, before a mail server can have taken one of them.
    ///
    /// # Errors
    /// When one is not in the outbox any more: somebody else hands it over. Then none is marked.
    pub async fn hand_over(&self, ids: &[&str], now: i64) -> Result<(), StoreError> {
        let mut transaction = self.writing().await?;
        for id in ids {
            step(&mut transaction, id, &[State::Released], State::Handing, now, None).await?;
            sqlx::query("UPDATE notice SET attempts = attempts + 1, handing_since = $1 WHERE id = $2")
                .bind(now)
                .bind(id)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Writes down what became of notices that were being handed over.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn handed(&self, results: &[(String, Handed)], now: i64) -> Result<(), StoreError> {
        let mut transaction = self.writing().await?;
        for (id, result) in results {
            let (to, reason) = match result {
                Handed::Taken => (State::Sent, None),
                Handed::Later { reason, .. } => (State::Released, Some(reason.as_str())),
                Handed::Never { reason } => (State::Failed, Some(reason.as_str())),
                Handed::Unclear { reason } => {
                    history(&mut transaction, id, now, "unclear", Some(reason)).await?;
                    continue;
                }
            };
            step(&mut transaction, id, &[State::Handing], to, now, reason).await?;
            let next = if let Handed::Later { at, .. } = result { Some(*at) } else { None };
            sqlx::query("UPDATE notice SET next_attempt = $1, sent_at = $2, reason = $3, handing_since = NULL WHERE id = $4")
                .bind(next)
                .bind((to == State::Sent).then_some(now))
                .bind(reason)
                .bind(id)
                .execute(&mut *transaction)
                .await?;
            match to {
                State::Sent => quality(&mut transaction, id, "sent", now).await?,
                State::Failed => quality(&mut transaction, id, "bounced", now).await?,
                _ => {}
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Notices that were being handed over when a process died, or whose connection broke, go back into the outbox once they are older
    /// than `before` and nothing has shown that they were taken; how many did.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn hand_over_again(&self, before: i64, now: i64) -> Result<u64, StoreError> {
        let mut transaction = self.writing().await?;
        let sql = "SELECT id FROM notice WHERE state = 'handing' AND handing_since <= $1 ORDER BY id";
        let ids: Vec<String> = sqlx::query_scalar(sql).bind(before).fetch_all(&mut *transaction).await?;
        for id in &ids {
            step(&mut transaction, id, &[State::Handing], State::Released, now, Some("nothing shows that it was taken")).await?;
            let sql = "UPDATE notice SET next_attempt = $1, handing_since = NULL WHERE id = $2";
            sqlx::query(sql).bind(now).bind(id).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(ids.len() as u64)
    }

    /// The notice whose answers come back under this token.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn notice_of_token(&self, token: &str) -> Result<Option<Notice>, StoreError> {
        let id: Option<String> =
            sqlx::query_scalar("SELECT id FROM notice WHERE token = $1").bind(token).fetch_optional(&self.pool).await?;
        match id {
            Some(id) => Ok(Some(self.notice(&id).await?)),
            None => Ok(None),
        }
    }

    /// Writes down what came back about a notice. Saying the same twice counts once.
    ///
    /// # Errors
    /// When there is no such notice or the register cannot be written.
    pub async fn came_back(&self, id: &str, back: Back<'_>, now: i64) -> Result<(), StoreError> {
        let mut transaction = self.writing().await?;
        came_back(&mut transaction, id, back, now).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// How well an address works: what was counted, by name.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn contact_quality(&self) -> Result<Vec<ContactQuality>, StoreError> {
        let sql = "SELECT address, sent, delivered, bounced, answered, fixed, false_positive, not_ours, need_more, automatic, last_at \
                   FROM contact_quality ORDER BY address";
        Ok(sqlx::query_as(sql).fetch_all(&self.pool).await?)
    }
}

impl Register {
    /// How well some addresses work.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn quality_of(&self, addresses: &[&str]) -> Result<Vec<ContactQuality>, StoreError> {
        let mut found = Vec::new();
        for address in addresses {
            let sql = "SELECT address, sent, delivered, bounced, answered, fixed, false_positive, not_ours, need_more, automatic, last_at \
                       FROM contact_quality WHERE address = $1";
            found.extend(sqlx::query_as(sql).bind(*address).fetch_optional(&self.pool).await?);
        }
        Ok(found)
    }
}

/// Writes down what came back about a notice, within a transaction of the caller.
pub(crate) async fn came_back(transaction: &mut sqlx::SqliteConnection, id: &str, back: Back<'_>, now: i64) -> Result<(), StoreError> {
    let known = sqlx::query("SELECT state, answer FROM notice WHERE id = $1").bind(id).fetch_optional(&mut *transaction).await?;
    let known = known.ok_or_else(|| StoreError::Refused(format!("there is no notice {id}")))?;
    let (state, answer): (String, Option<String>) = (known.try_get(0)?, known.try_get(1)?);
    let state = State::read(&state).ok_or_else(|| StoreError::Refused(format!("notice {id} is {state:?}, which nobody knows")))?;
    // Whoever answers, or whose server reports, has it.
    let arrives = matches!(back, Back::Delivered | Back::Answered(_)) && state.may_become(State::Delivered);
    if arrives {
        step(&mut *transaction, id, &[state], State::Delivered, now, None).await?;
        sqlx::query("UPDATE notice SET delivered_at = $1, sent_at = coalesce(sent_at, $1), handing_since = NULL WHERE id = $2")
            .bind(now)
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        quality(&mut *transaction, id, "delivered", now).await?;
    }
    match back {
        Back::Delivered => {}
        Back::Automatic => {
            history(&mut *transaction, id, now, "automatic", None).await?;
            quality(&mut *transaction, id, "automatic", now).await?;
            answer_takedowns(&mut *transaction, id, "automatic", now).await?;
        }
        Back::Bounced(reason) if state.may_become(State::Failed) => {
            step(&mut *transaction, id, &[state], State::Failed, now, Some(reason)).await?;
            sqlx::query("UPDATE notice SET reason = $1, handing_since = NULL WHERE id = $2")
                .bind(reason)
                .bind(id)
                .execute(&mut *transaction)
                .await?;
            quality(&mut *transaction, id, "bounced", now).await?;
        }
        Back::Bounced(_) => {}
        Back::Answered(word) => {
            history(&mut *transaction, id, now, "answered", Some(word)).await?;
            if answer.as_deref() != Some(word) {
                answer_takedowns(&mut *transaction, id, word, now).await?;
                sqlx::query("UPDATE notice SET answer = $1, answered_at = coalesce(answered_at, $2) WHERE id = $3")
                    .bind(word)
                    .bind(now)
                    .bind(id)
                    .execute(&mut *transaction)
                    .await?;
                if answer.is_none() {
                    quality(&mut *transaction, id, "answered", now).await?;
                }
                let column = match word {
                    "fixed" => Some("fixed"),
                    "false-positive" => Some("false_positive"),
                    "not-ours" => Some("not_ours"),
                    "need-more" => Some("need_more"),
                    _ => None,
                };
                if let Some(column) = column {
                    quality(&mut *transaction, id, column, now).await?;
                }
            }
        }
    }
    Ok(())
}

/// Writes a request of a notice into the case that it is about.
async fn ask(transaction: &mut sqlx::SqliteConnection, sealed: &Sealed, asks: &Asks, now: Timestamp) -> Result<(), StoreError> {
    let request = Request {
        party: sealed.release.recipient.to_string(),
        channel: Some(sealed.release.channel.as_str().to_owned()),
        agreement: None,
        release: Some(sealed.notice.clone()),
        answer_due: Timestamp::from_microsecond(sealed.answer_by).ok(),
    };
    let target = asks.takedown.target.to_string();
    let sql = "SELECT id FROM takedown WHERE target = $1 AND state <> 'withdrawn' AND shown <> 'verified'";
    let running: Option<String> = sqlx::query_scalar(sql).bind(&target).fetch_optional(&mut *transaction).await?;
    let asked = match &running {
        Some(id) => takedowns::ask(&mut *transaction, id, &request, asks.escalate, now, BY).await,
        None => takedowns::begin(&mut *transaction, &asks.takedown, Some(&request), now, BY).await,
    };
    let id = match (asked, running) {
        (Ok(row), _) => row.id,
        // It was asked for before and nothing has changed: this is a reminder.
        (Err(StoreError::Refused(_)), Some(id)) => id,
        (Err(error), _) => return Err(error),
    };
    sqlx::query("INSERT INTO notice_takedown (notice, takedown) VALUES ($1, $2) ON CONFLICT (notice, takedown) DO NOTHING")
        .bind(&sealed.notice)
        .bind(id)
        .execute(transaction)
        .await?;
    Ok(())
}

/// Who writes into histories when a notice does.
const BY: &str = "notice";

/// An answer to a notice is an answer to the takedowns that it asks for.
async fn answer_takedowns(transaction: &mut sqlx::SqliteConnection, notice: &str, word: &str, now: i64) -> Result<(), StoreError> {
    let (Some(answer), Ok(at)) = (Answer::read(word), Timestamp::from_microsecond(now)) else { return Ok(()) };
    let sql = "SELECT takedown FROM notice_takedown WHERE notice = $1 ORDER BY takedown";
    let ids: Vec<String> = sqlx::query_scalar(sql).bind(notice).fetch_all(&mut *transaction).await?;
    for id in ids {
        let detail = format!("answer to notice {notice}");
        match takedowns::takedown_happening(&mut *transaction, &id, Happening::Answered(answer), Some(&detail), at, BY).await {
            Ok(_) | Err(StoreError::Refused(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// How well an address works.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct ContactQuality {
    pub address: String,
    pub sent: i64,
    pub delivered: i64,
    pub bounced: i64,
    pub answered: i64,
    pub fixed: i64,
    pub false_positive: i64,
    pub not_ours: i64,
    pub need_more: i64,
    pub automatic: i64,
    /// Microseconds since 1970, UTC.
    pub last_at: i64,
}

/// Adds one to a column of the quality of the address that a notice went to.
async fn quality(transaction: &mut sqlx::SqliteConnection, notice: &str, column: &'static str, now: i64) -> Result<(), StoreError> {
    let sql = sqlx::AssertSqlSafe(format!(
        "INSERT INTO contact_quality (address, {column}, last_at) SELECT address, 1, $1 FROM notice WHERE id = $2 AND address IS NOT NULL \
         ON CONFLICT (address) DO UPDATE SET {column} = contact_quality.{column} + 1, last_at = excluded.last_at"
    ));
    sqlx::query(sql).bind(now).bind(notice).execute(transaction).await?;
    Ok(())
}

/// Largest mail kept.
const LARGEST: usize = 256 << 20;

fn pack_mail(mail: &[u8]) -> Result<Vec<u8>, StoreError> {
    zstd::bulk::compress(mail, 1).map_err(|error| StoreError::Refused(format!("a mail cannot be packed: {error}")))
}

pub(crate) fn unpack_mail(id: &str, packed: &[u8]) -> Result<Vec<u8>, StoreError> {
    let size = zstd::bulk::Decompressor::upper_bound(packed).unwrap_or(LARGEST).min(LARGEST);
    zstd::bulk::decompress(packed, size).map_err(|error| StoreError::Refused(format!("mail of notice {id}: {error}")))
}

impl Register {
    /// The mail of a notice as it was handed over; `None` before its release.
    ///
    /// # Errors
    /// When there is no such notice or the register cannot be read.
    pub async fn notice_mail(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query("SELECT mail FROM notice WHERE id = $1").bind(id).fetch_optional(&self.pool).await?;
        let row = row.ok_or_else(|| StoreError::Refused(format!("there is no notice {id}")))?;
        row.try_get::<Option<Vec<u8>>, _>(0)?.map(|packed| unpack_mail(id, &packed)).transpose()
    }
}
