//! Takedowns: who was asked to end what, what they said, what the network shows.
//!
//! What follows from a happening is decided in [`casework::verify::takedown`]; here it is remembered, with its entry in the history of the
//! case, in one transaction.

use casework::correlate::key::CaseKey;
use casework::model::case::Did;
use casework::verify::quiet::QuietPeriod;
use casework::verify::takedown::{Answer, Happening, Said, Shown, Status, step};
use casework::verify::{Assessment, Standing};
use jiff::Timestamp;
use sqlx::SqliteConnection;

use crate::StoreError;
use crate::cases::append;
use crate::register::Register;

/// A takedown as the register remembers it. Times are microseconds since 1970, UTC.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct TakedownRow {
    pub id: String,
    pub number: i64,
    pub case_id: String,
    /// Text of a [`CaseKey`] that is a place.
    pub target: String,
    pub place: String,
    pub class: String,
    pub country: Option<String>,
    /// Who was asked last.
    pub party: Option<String>,
    pub channel: Option<String>,
    pub agreement: Option<String>,
    pub release_id: Option<String>,
    /// The party across a border that asked us, and its name for it.
    pub asked_by: Option<String>,
    pub their_id: Option<String>,
    pub said: String,
    pub shown: String,
    pub state: String,
    pub quiet_days: i64,
    pub needed_days: i64,
    pub reinfections: i64,
    pub escalations: i64,
    pub first_seen: i64,
    pub last_seen: i64,
    pub asked_at: Option<i64>,
    pub heard_at: Option<i64>,
    pub answered_at: Option<i64>,
    /// Until when an answer is awaited.
    pub answer_due: Option<i64>,
    pub verified_at: Option<i64>,
    pub assessed_at: Option<i64>,
    pub reason: String,
}

pub(crate) const ROW: &str = "SELECT id, number, case_id, target, place, class, country, party, channel, agreement, release_id, asked_by, their_id, \
                   said, shown, state, quiet_days, needed_days, reinfections, escalations, first_seen, last_seen, asked_at, heard_at, \
                   answered_at, answer_due, verified_at, assessed_at, reason FROM takedown";

fn moment(at: i64) -> Timestamp {
    Timestamp::from_microsecond(at).unwrap_or(Timestamp::UNIX_EPOCH)
}

impl TakedownRow {
    /// What it is about.
    ///
    /// # Errors
    /// When the register holds a text that is no key.
    pub fn key(&self) -> Result<CaseKey, StoreError> {
        CaseKey::read(&self.target).ok_or_else(|| self.unreadable("target", &self.target))
    }

    /// As the outcome is decided on.
    ///
    /// # Errors
    /// When the register holds words that are none of ours.
    pub fn standing(&self) -> Result<Standing, StoreError> {
        Ok(Standing {
            status: Status {
                said: Said::read(&self.said).ok_or_else(|| self.unreadable("said", &self.said))?,
                shown: Shown::read(&self.shown).ok_or_else(|| self.unreadable("shown", &self.shown))?,
                quiet_days: u16::try_from(self.quiet_days).unwrap_or(u16::MAX),
                reinfections: u32::try_from(self.reinfections).unwrap_or(u32::MAX),
                escalations: u32::try_from(self.escalations).unwrap_or(u32::MAX),
            },
            needed: QuietPeriod::from_days(self.needed_days).map_err(|e| StoreError::Refused(format!("takedown {}: {e}", self.id)))?,
            asked_at: self.asked_at.map(moment),
            answered_at: self.answered_at.map(moment),
            last_seen: moment(self.last_seen),
        })
    }

    fn unreadable(&self, column: &str, text: &str) -> StoreError {
        StoreError::Refused(format!("takedown {}: {column} {text:?} is unknown to this program", self.id))
    }

    fn stand(&mut self, status: Status) {
        self.said = status.said.as_str().to_owned();
        self.shown = status.shown.as_str().to_owned();
        self.state = status.state().as_str().to_owned();
        self.quiet_days = i64::from(status.quiet_days);
        self.reinfections = i64::from(status.reinfections);
        self.escalations = i64::from(status.escalations);
    }

    /// What a happening changes besides how it stands.
    fn note(&mut self, happening: Happening, at: i64) {
        let heard = |row: &mut Self| row.heard_at = row.heard_at.or(Some(at));
        match happening {
            Happening::Requested | Happening::Escalated => {
                self.asked_at = self.asked_at.or(Some(at));
            }
            Happening::Acknowledged | Happening::Answered(Answer::NeedMore) | Happening::Peer(_) => heard(self),
            Happening::Answered(Answer::Automatic) => {}
            Happening::Answered(Answer::Fixed | Answer::FalsePositive | Answer::NotOurs | Answer::Declined) => {
                heard(self);
                self.answered_at = Some(at);
                self.answer_due = None;
            }
            Happening::Seen => self.last_seen = self.last_seen.max(at),
            Happening::Withdrawn | Happening::WatchedDay | Happening::UnwatchedDay => {}
        }
        // A claim of a partner is dated as an answer is: what was seen before it refutes nothing.
        if matches!(happening, Happening::Peer(_)) && self.said == Said::Fixed.as_str() {
            self.answered_at = Some(at);
        }
        if self.shown != Shown::Verified.as_str() {
            self.verified_at = None;
        }
    }
}

/// A takedown to begin.
#[derive(Clone, Debug)]
pub struct NewTakedown {
    pub case_id: String,
    /// Something at a place: no campaign.
    pub target: CaseKey,
    pub country: Option<String>,
    pub needed: QuietPeriod,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    /// The party that asked us and its name for it, when the request came across a border.
    pub asked_by: Option<(String, String)>,
}

/// Who is asked, how, and on what basis.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub party: String,
    pub channel: Option<String>,
    pub agreement: Option<String>,
    pub release: Option<String>,
    pub answer_due: Option<Timestamp>,
}

/// What assessing found, against what was known when it was begun.
#[derive(Clone, Debug)]
pub struct Assessed {
    pub before: TakedownRow,
    pub found: Assessment,
    pub reason: String,
}

/// Which takedowns are listed.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub case_id: Option<String>,
    pub state: Option<String>,
    pub party: Option<String>,
    /// Also those that are over: verified or withdrawn.
    pub all: bool,
}

impl Register {
    /// Begins a takedown and asks for it when a party is named; gives it back.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when there is no such case, the target is a campaign, or the same target has a takedown that is not over.
    pub async fn begin_takedown(
        &self,
        new: &NewTakedown,
        request: Option<&Request>,
        at: Timestamp,
        by: &str,
    ) -> Result<TakedownRow, StoreError> {
        let mut transaction = self.writing().await?;
        let row = begin(&mut transaction, new, request, at, by).await?;
        transaction.commit().await?;
        Ok(row)
    }

    /// Asks a party, or another one: the same way as at first, or one step up.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when it is over, or there is none to escalate from.
    pub async fn ask_for_takedown(
        &self,
        id: &str,
        request: &Request,
        escalate: bool,
        at: Timestamp,
        by: &str,
    ) -> Result<TakedownRow, StoreError> {
        let mut transaction = self.writing().await?;
        let row = ask(&mut transaction, id, request, escalate, at, by).await?;
        transaction.commit().await?;
        Ok(row)
    }

    /// Remembers what happened to a takedown, and what follows.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when there is no such takedown or the happening makes no sense for it.
    pub async fn takedown_happening(
        &self,
        id: &str,
        happening: Happening,
        detail: Option<&str>,
        at: Timestamp,
        by: &str,
    ) -> Result<TakedownRow, StoreError> {
        let mut transaction = self.writing().await?;
        let row = takedown_happening(&mut transaction, id, happening, detail, at, by).await?;
        transaction.commit().await?;
        Ok(row)
    }

    /// # Errors
    /// [`StoreError::Refused`] when there is no such takedown.
    pub async fn takedown(&self, id: &str) -> Result<TakedownRow, StoreError> {
        row(&mut *self.pool.acquire().await?, id).await
    }

    /// Takedowns, newest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn takedowns(&self, wanted: &Wanted) -> Result<Vec<TakedownRow>, StoreError> {
        let sql = format!(
            "{ROW} WHERE ($1 IS NULL OR case_id = $1) AND ($2 IS NULL OR state = $2) AND ($3 IS NULL OR party = $3) \
             AND ($4 = 1 OR $2 IS NOT NULL OR state NOT IN ('verified', 'withdrawn')) ORDER BY number DESC"
        );
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(&wanted.case_id)
            .bind(&wanted.state)
            .bind(&wanted.party)
            .bind(i64::from(wanted.all))
            .fetch_all(&self.pool)
            .await?)
    }

    /// Takedowns before the one of this number, newest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn takedowns_before(&self, before: i64, wanted: &Wanted, most: u32) -> Result<Vec<TakedownRow>, StoreError> {
        let sql = format!(
            "{ROW} WHERE ($1 IS NULL OR case_id = $1) AND ($2 IS NULL OR state = $2) AND ($3 IS NULL OR party = $3) \
             AND ($4 = 1 OR $2 IS NOT NULL OR state NOT IN ('verified', 'withdrawn')) AND number < $5 ORDER BY number DESC LIMIT $6"
        );
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(&wanted.case_id)
            .bind(&wanted.state)
            .bind(&wanted.party)
            .bind(i64::from(wanted.all))
            .bind(before)
            .bind(i64::from(most))
            .fetch_all(&self.pool)
            .await?)
    }

    /// Those that the network is to be asked about: all that are not withdrawn, and verified ones as long as they are looked after.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn takedowns_to_assess(&self, verified_since: Timestamp) -> Result<Vec<TakedownRow>, StoreError> {
        let sql = format!("{ROW} WHERE state <> 'withdrawn' AND (shown <> 'verified' OR coalesce(verified_at, 0) >= $1) ORDER BY number");
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(verified_since.as_microsecond()).fetch_all(&self.pool).await?)
    }

    /// Remembers what the network says, all in one transaction; gives the number of those whose state changed. One that somebody else
    /// changed meanwhile is left as it is: it is assessed the next time.
    ///
    /// # Errors
    /// When the register cannot be written; then nothing has changed.
    pub async fn record_assessments(&self, assessed: &[Assessed], at: Timestamp, by: &str) -> Result<u64, StoreError> {
        let mut transaction = self.writing().await?;
        let mut changed = 0;
        for Assessed { before, found, reason } in assessed {
            let mut now = row(&mut transaction, &before.id).await?;
            if now != *before {
                continue;
            }
            now.stand(found.status);
            now.last_seen = found.last_seen.as_microsecond();
            now.verified_at = match found.status.shown {
                Shown::Verified => found.verified_at.map(Timestamp::as_microsecond).or(before.verified_at),
                Shown::Active | Shown::Quiet | Shown::Unwatched | Shown::Reopened => None,
            };
            now.assessed_at = Some(at.as_microsecond());
            now.reason.clone_from(reason);
            update(&mut transaction, &now).await?;
            let mut did: Vec<Did> = found
                .reopened
                .iter()
                .map(|sighting| Did::Takedown {
                    takedown: now.id.clone(),
                    happening: Happening::Seen.word(),
                    state: "reopened".into(),
                    detail: Some(format!("{} events by {} until {}", sighting.events, sighting.feed, sighting.at)),
                })
                .collect();
            let told = did.last().map_or(before.state.as_str(), |_| "reopened");
            if told != now.state {
                did.push(Did::Takedown {
                    takedown: now.id.clone(),
                    happening: "assessed".into(),
                    state: now.state.clone(),
                    detail: Some(reason.clone()),
                });
            }
            if !did.is_empty() {
                changed += 1;
                append(&mut transaction, &now.case_id, at, by, Some(&now.id), &did).await?;
            }
        }
        transaction.commit().await?;
        Ok(changed)
    }
}

/// As [`Register::begin_takedown`], inside a transaction that somebody else commits.
pub(crate) async fn begin(
    transaction: &mut SqliteConnection,
    new: &NewTakedown,
    request: Option<&Request>,
    at: Timestamp,
    by: &str,
) -> Result<TakedownRow, StoreError> {
    let Some(class) = new.target.class() else {
        return Err(StoreError::Refused(format!("{} is at no one place: name what in it is to be taken down", new.target.title())));
    };
    crate::cases::row(transaction, &new.case_id).await?;
    let running: Option<String> =
        sqlx::query_scalar("SELECT id FROM takedown WHERE target = $1 AND state <> 'withdrawn' AND shown <> 'verified'")
            .bind(new.target.to_string())
            .fetch_optional(&mut *transaction)
            .await?;
    if let Some(running) = running {
        return Err(StoreError::Refused(format!("takedown {running} is about this already")));
    }
    let number: i64 = sqlx::query_scalar("SELECT coalesce(max(number), 0) + 1 FROM takedown").fetch_one(&mut *transaction).await?;
    let id = format!("t{number}");
    let (asked_by, their_id) = new.asked_by.clone().unzip();
    sqlx::query(
        "INSERT INTO takedown (id, number, case_id, target, place, class, country, asked_by, their_id, said, shown, state, quiet_days, \
         needed_days, reinfections, escalations, first_seen, last_seen, reason) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'nothing', 'active', 'open', 0, $10, 0, 0, $11, $12, '')",
    )
    .bind(&id)
    .bind(number)
    .bind(&new.case_id)
    .bind(new.target.to_string())
    .bind(new.target.place())
    .bind(class.type_())
    .bind(&new.country)
    .bind(asked_by)
    .bind(their_id)
    .bind(i64::from(new.needed.days()))
    .bind(new.first_seen.as_microsecond())
    .bind(new.last_seen.as_microsecond())
    .execute(&mut *transaction)
    .await?;
    let began =
        Did::Takedown { takedown: id.clone(), happening: "opened".into(), state: "open".into(), detail: Some(new.target.to_string()) };
    append(transaction, &new.case_id, at, by, Some(&id), &[began]).await?;
    match request {
        Some(request) => ask(transaction, &id, request, false, at, by).await,
        None => row(transaction, &id).await,
    }
}

/// As [`Register::ask_for_takedown`], inside a transaction that somebody else commits.
pub(crate) async fn ask(
    transaction: &mut SqliteConnection,
    id: &str,
    request: &Request,
    escalate: bool,
    at: Timestamp,
    by: &str,
) -> Result<TakedownRow, StoreError> {
    let how = request.channel.as_deref().map_or_else(String::new, |channel| format!(" by {channel}"));
    let basis = request.agreement.as_deref().map_or_else(String::new, |agreement| format!(" under {agreement}"));
    let detail = format!("{}{how}{basis}", request.party);
    let happening = if escalate { Happening::Escalated } else { Happening::Requested };
    let mut row = takedown_happening(transaction, id, happening, Some(&detail), at, by).await?;
    row.party = Some(request.party.clone());
    row.channel.clone_from(&request.channel);
    row.agreement.clone_from(&request.agreement);
    row.release_id.clone_from(&request.release);
    row.answer_due = request.answer_due.map(Timestamp::as_microsecond);
    update(transaction, &row).await?;
    Ok(row)
}

/// As [`Register::takedown_happening`], inside a transaction that somebody else commits.
pub(crate) async fn takedown_happening(
    transaction: &mut SqliteConnection,
    id: &str,
    happening: Happening,
    detail: Option<&str>,
    at: Timestamp,
    by: &str,
) -> Result<TakedownRow, StoreError> {
    let mut now = row(transaction, id).await?;
    let standing = now.standing()?;
    let after =
        step(standing.status, happening, standing.needed).map_err(|refusal| StoreError::Refused(format!("takedown {id}: {refusal}")))?;
    now.stand(after);
    now.note(happening, at.as_microsecond());
    update(transaction, &now).await?;
    let did =
        Did::Takedown { takedown: id.to_owned(), happening: happening.word(), state: now.state.clone(), detail: detail.map(str::to_owned) };
    append(transaction, &now.case_id, at, by, Some(id), &[did]).await?;
    Ok(now)
}

async fn row(connection: &mut SqliteConnection, id: &str) -> Result<TakedownRow, StoreError> {
    let found = sqlx::query_as(sqlx::AssertSqlSafe(format!("{ROW} WHERE id = $1"))).bind(id).fetch_optional(connection).await?;
    found.ok_or_else(|| StoreError::Refused(format!("there is no takedown {id}; `musubi takedown list --all` shows them")))
}

async fn update(transaction: &mut SqliteConnection, row: &TakedownRow) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE takedown SET party = $2, channel = $3, agreement = $4, release_id = $5, said = $6, shown = $7, state = $8, quiet_days = $9, \
         reinfections = $10, escalations = $11, last_seen = $12, asked_at = $13, heard_at = $14, answered_at = $15, answer_due = $16, \
         verified_at = $17, assessed_at = $18, reason = $19 WHERE id = $1",
    )
    .bind(&row.id)
    .bind(&row.party)
    .bind(&row.channel)
    .bind(&row.agreement)
    .bind(&row.release_id)
    .bind(&row.said)
    .bind(&row.shown)
    .bind(&row.state)
    .bind(row.quiet_days)
    .bind(row.reinfections)
    .bind(row.escalations)
    .bind(row.last_seen)
    .bind(row.asked_at)
    .bind(row.heard_at)
    .bind(row.answered_at)
    .bind(row.answer_due)
    .bind(row.verified_at)
    .bind(row.assessed_at)
    .bind(&row.reason)
    .execute(transaction)
    .await?;
    Ok(())
}
