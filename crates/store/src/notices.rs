//! Notices before they go out: digests that wait, drafts that are ready, and what each party was told before.
//!
//! A whole round of planning is one transaction ([`Register::plan`]): the digests, the ledgers and the directives that
//! are done change together.

use casework::act::finding::{self, Finding, SubjectKey};
use casework::act::ledger::Ledger;
use casework::act::letter::Role;
use casework::act::plan::Waiting;
use casework::act::problem::Problem;
use casework::act::rules::Rules;
use casework::act::state::State;
use sqlx::Row as _;

use crate::StoreError;
use crate::directives;
use crate::register::{Register, values};

/// What one digest is for.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Digest {
    pub party: String,
    pub role: Role,
    pub problem: Problem,
}

/// A notice as listed. Times in microseconds since 1970, UTC.
#[derive(Clone, Debug)]
pub struct Notice {
    pub id: String,
    pub token: String,
    pub digest: Digest,
    pub state: State,
    pub first_arrival: i64,
    pub last_arrival: i64,
    pub ready_at: Option<i64>,
    pub send_after: Option<i64>,
    pub findings: i64,
    pub events: i64,
    pub first_seen: Option<i64>,
    pub last_seen: Option<i64>,
    pub language: Option<String>,
    pub address: Option<String>,
    pub subject: Option<String>,
    pub tlp: Option<String>,
    pub sealed: bool,
    pub mail_sha256: Option<String>,
    pub release: Option<i64>,
    pub released_at: Option<i64>,
    pub answer_by: Option<i64>,
    pub attempts: i64,
    pub next_attempt: Option<i64>,
    pub sent_at: Option<i64>,
    pub delivered_at: Option<i64>,
    pub answer: Option<String>,
    pub answered_at: Option<i64>,
    pub reason: Option<String>,
    /// A person holds it back, from then on.
    pub held_at: Option<i64>,
    pub held_by: Option<String>,
}

/// A digest that waits, with its notice.
#[derive(Clone, Debug)]
pub struct Held {
    pub id: String,
    pub digest: Digest,
    pub waiting: Waiting,
}

/// What becomes of one digest in a round of planning.
#[derive(Clone, Debug)]
pub struct Change {
    pub id: String,
    /// For a notice that is new.
    pub token: String,
    pub digest: Digest,
    pub first_arrival: i64,
    pub last_arrival: i64,
    /// Findings as told, or as far as they have come.
    pub findings: Vec<Finding>,
    pub state: State,
    /// For one that is ready: not sent before.
    pub send_after: Option<i64>,
    pub reason: Option<&'static str>,
}

/// A party was not told of something.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Denial {
    pub digest: Digest,
    pub terms: i64,
    pub rule: String,
    pub reason: String,
    pub findings: i64,
}

/// Subjects that a notice was to tell when it became ready, and that were not told after all.
#[derive(Clone, Debug)]
pub struct Untold {
    pub digest: Digest,
    /// Microseconds since 1970, UTC.
    pub ready_at: i64,
    pub subjects: Vec<SubjectKey>,
}

/// A round of planning.
#[derive(Debug, Default)]
pub struct Plan {
    pub considered: Vec<String>,
    pub changes: Vec<Change>,
    pub ledgers: Vec<(String, Role, Ledger)>,
    pub denials: Vec<Denial>,
}

pub(crate) const COLUMNS: &str = "id, token, party, role, problem, state, first_arrival, last_arrival, ready_at, send_after, findings, events, first_seen, \
     last_seen, language, address, subject, tlp, sealed, mail_sha256, release, released_at, answer_by, attempts, next_attempt, sent_at, \
     delivered_at, answer, answered_at, reason, held_at, held_by";

/// Findings are small texts much alike.
const LEVEL: i32 = 1;

impl Register {
    /// All digests that wait, with what they hold.
    ///
    /// # Errors
    /// When the register cannot be read or what it keeps is damaged.
    pub async fn waiting(&self) -> Result<Vec<Held>, StoreError> {
        let sql = "SELECT id, party, role, problem, first_arrival, last_arrival, content FROM notice WHERE state = 'waiting' ORDER BY id";
        let mut held = Vec::new();
        for row in sqlx::query(sql).fetch_all(&self.pool).await? {
            let id: String = row.try_get(0)?;
            let seconds = |at: i64| at.div_euclid(1_000_000);
            let waiting = Waiting {
                findings: unpack(&id, &row.try_get::<Vec<u8>, _>(6)?)?,
                first_arrival: seconds(row.try_get(4)?),
                last_arrival: seconds(row.try_get(5)?),
            };
            let digest = digest(&id, row.try_get(1)?, &row.try_get::<String, _>(2)?, &row.try_get::<String, _>(3)?)?;
            held.push(Held { id, digest, waiting });
        }
        Ok(held)
    }

    /// What a party was told in one role; empty when nothing.
    ///
    /// # Errors
    /// When the register cannot be read or the ledger is damaged.
    pub async fn ledger(&self, party: &str, role: Role) -> Result<Ledger, StoreError> {
        let mut connection = self.pool.acquire().await?;
        ledger(&mut connection, party, role).await
    }

    /// What many parties were told, by party and role; those who were told nothing are left out.
    ///
    /// # Errors
    /// As [`Register::ledger`].
    pub async fn ledgers(&self, of: &[(String, Role)]) -> Result<Vec<((String, Role), Ledger)>, StoreError> {
        let mut found = Vec::new();
        for chunk in of.chunks(400) {
            let sql = format!("SELECT party, role, entries FROM ledger WHERE (party, role) IN (VALUES {})", values(chunk.len(), 2));
            let mut query = sqlx::query_as::<_, (String, String, Vec<u8>)>(sqlx::AssertSqlSafe(sql));
            for (party, role) in chunk {
                query = query.bind(party).bind(role.as_str());
            }
            for (party, role, entries) in query.fetch_all(&self.pool).await? {
                let ledger = Ledger::read(&entries).map_err(|error| StoreError::Refused(format!("{party}: {error}")))?;
                let role = Role::read(&role).ok_or_else(|| StoreError::Refused(format!("{party}: role {role:?} is not known")))?;
                found.push(((party, role), ledger));
            }
        }
        Ok(found)
    }

    /// Makes a round of planning true, all of it or nothing.
    ///
    /// # Errors
    /// When the register cannot be written; then nothing has changed.
    pub async fn plan(&self, plan: &Plan, rules: &Rules, now: i64) -> Result<(), StoreError> {
        let mut transaction = self.writing().await?;
        for evidence in &plan.considered {
            directives::considered(&mut transaction, evidence, now).await?;
        }
        // One statement for many rows: a round has thousands, and each statement is a walk to the database's thread and back.
        let (new, known): (Vec<&Change>, Vec<&Change>) = plan.changes.iter().partition(|change| !change.token.is_empty());
        for chunk in new.chunks(100) {
            insert(&mut transaction, chunk, now).await?;
        }
        for change in known {
            update(&mut transaction, change, now).await?;
        }
        for chunk in plan.ledgers.chunks(200) {
            let sql = format!(
                "INSERT INTO ledger (party, role, entries) VALUES {} ON CONFLICT (party, role) DO UPDATE SET entries = excluded.entries",
                values(chunk.len(), 3)
            );
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
            for (party, role, ledger) in chunk {
                query = query.bind(party).bind(role.as_str()).bind(ledger.write(rules, now / 1_000_000));
            }
            query.execute(&mut *transaction).await?;
        }
        for denial in &plan.denials {
            write_denial(&mut transaction, denial, now).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Takes a notice back that has not been released; its subjects count as never told.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when there is none, or it is too late.
    pub async fn cancel_notice(&self, id: &str, reason: &str, rules: &Rules, now: i64) -> Result<(), StoreError> {
        let notice = self.notice(id).await?;
        let findings = self.notice_findings(id).await?;
        let mut transaction = self.writing().await?;
        step(&mut transaction, id, &[State::Waiting, State::Ready], State::Cancelled, now, Some(reason)).await?;
        sqlx::query("UPDATE notice SET reason = $1 WHERE id = $2").bind(reason).bind(id).execute(&mut *transaction).await?;
        // What still waits has not been entered into the ledger.
        if let Some(ready_at) = notice.ready_at {
            let subjects = findings.iter().map(|finding| finding.key).collect();
            untell(&mut transaction, &Untold { digest: notice.digest, ready_at, subjects }, rules, now).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Notices, newest first; of one party or in one state when asked for.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn notices(&self, party: Option<&str>, state: Option<State>, limit: i64) -> Result<Vec<Notice>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM notice WHERE ($1 IS NULL OR party = $1) AND ($2 IS NULL OR state = $2) \
             ORDER BY coalesce(released_at, last_arrival) DESC, id LIMIT $3"
        ));
        let rows = sqlx::query(sql).bind(party).bind(state.map(State::as_str)).bind(limit).fetch_all(&self.pool).await?;
        rows.iter().map(notice).collect()
    }

    /// One notice.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when there is none of that name.
    pub async fn notice(&self, id: &str) -> Result<Notice, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM notice WHERE id = $1"));
        match sqlx::query(sql).bind(id).fetch_optional(&self.pool).await? {
            Some(row) => notice(&row),
            None => Err(StoreError::Refused(format!("there is no notice {id}"))),
        }
    }

    /// What a notice tells, worst first.
    ///
    /// # Errors
    /// When there is no such notice or what it keeps is damaged.
    pub async fn notice_findings(&self, id: &str) -> Result<Vec<Finding>, StoreError> {
        let kept: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT content FROM notice WHERE id = $1").bind(id).fetch_optional(&self.pool).await?;
        unpack(id, &kept.ok_or_else(|| StoreError::Refused(format!("there is no notice {id}")))?)
    }

    /// What many notices tell, in the order asked for.
    ///
    /// # Errors
    /// As [`Register::notice_findings`].
    pub async fn findings_of(&self, ids: &[&str]) -> Result<Vec<Vec<Finding>>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!("SELECT id, content FROM notice WHERE id IN (VALUES {})", values(ids.len(), 1));
        let mut query = sqlx::query_as::<_, (String, Vec<u8>)>(sqlx::AssertSqlSafe(sql));
        for id in ids {
            query = query.bind(*id);
        }
        let found: std::collections::HashMap<String, Vec<u8>> = query.fetch_all(&self.pool).await?.into_iter().collect();
        let one = |id: &&str| unpack(id, found.get(*id).ok_or_else(|| StoreError::Refused(format!("there is no notice {id}")))?);
        ids.iter().map(one).collect()
    }

    /// What happened to a notice: when, what, detail.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn notice_history(&self, id: &str) -> Result<Vec<(i64, String, Option<String>)>, StoreError> {
        let sql = "SELECT at, what, detail FROM notice_history WHERE notice = $1 ORDER BY number";
        Ok(sqlx::query_as(sql).bind(id).fetch_all(&self.pool).await?)
    }

    /// What parties were not told, newest first: digest, rule, reason, findings, last time.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn denials(&self) -> Result<Vec<(Denial, i64)>, StoreError> {
        let sql =
            "SELECT party, role, problem, terms, rule, reason, findings, last_at FROM denial ORDER BY last_at DESC, party, problem, rule";
        let mut denials = Vec::new();
        for row in sqlx::query(sql).fetch_all(&self.pool).await? {
            let digest = digest("denial", row.try_get(0)?, &row.try_get::<String, _>(1)?, &row.try_get::<String, _>(2)?)?;
            let denial =
                Denial { digest, terms: row.try_get(3)?, rule: row.try_get(4)?, reason: row.try_get(5)?, findings: row.try_get(6)? };
            denials.push((denial, row.try_get(7)?));
        }
        Ok(denials)
    }
}

async fn ledger(connection: &mut sqlx::SqliteConnection, party: &str, role: Role) -> Result<Ledger, StoreError> {
    let sql = "SELECT entries FROM ledger WHERE party = $1 AND role = $2";
    let kept: Option<Vec<u8>> = sqlx::query_scalar(sql).bind(party).bind(role.as_str()).fetch_optional(connection).await?;
    Ledger::read(&kept.unwrap_or_default()).map_err(|error| StoreError::Refused(format!("{party}: {error}")))
}

/// Corrects the ledger of a party, within the transaction that decides that these subjects are not told.
pub(crate) async fn untell(transaction: &mut sqlx::SqliteConnection, untold: &Untold, rules: &Rules, now: i64) -> Result<(), StoreError> {
    let Untold { digest: Digest { party, role, .. }, ready_at, subjects } = untold;
    if subjects.is_empty() {
        return Ok(());
    }
    let mut ledger = ledger(&mut *transaction, party, *role).await?;
    subjects.iter().for_each(|subject| ledger.untell(*subject, ready_at.div_euclid(1_000_000)));
    sqlx::query("UPDATE ledger SET entries = $1 WHERE party = $2 AND role = $3")
        .bind(ledger.write(rules, now / 1_000_000))
        .bind(party)
        .bind(role.as_str())
        .execute(transaction)
        .await?;
    Ok(())
}

/// Moves a notice on, if it is where it may move from, and writes that into its history.
pub(crate) async fn step(
    transaction: &mut sqlx::SqliteConnection,
    id: &str,
    from: &[State],
    to: State,
    at: i64,
    detail: Option<&str>,
) -> Result<(), StoreError> {
    let state: Option<String> =
        sqlx::query_scalar("SELECT state FROM notice WHERE id = $1").bind(id).fetch_optional(&mut *transaction).await?;
    let state = state.ok_or_else(|| StoreError::Refused(format!("there is no notice {id}")))?;
    let now = State::read(&state).ok_or_else(|| StoreError::Refused(format!("notice {id} is {state:?}, which nobody knows")))?;
    if !from.contains(&now) || !now.may_become(to) {
        return Err(StoreError::Refused(format!("notice {id} is {state} and cannot become {}", to.as_str())));
    }
    sqlx::query("UPDATE notice SET state = $1 WHERE id = $2").bind(to.as_str()).bind(id).execute(&mut *transaction).await?;
    history(transaction, id, at, to.as_str(), detail).await
}

pub(crate) async fn history(
    transaction: &mut sqlx::SqliteConnection,
    id: &str,
    at: i64,
    what: &str,
    detail: Option<&str>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO notice_history (notice, number, at, what, detail) \
         SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4 FROM notice_history WHERE notice = $1",
    )
    .bind(id)
    .bind(at)
    .bind(what)
    .bind(detail)
    .execute(transaction)
    .await?;
    Ok(())
}

async fn insert(transaction: &mut sqlx::SqliteConnection, changes: &[&Change], now: i64) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT INTO notice (id, token, party, role, problem, state, first_arrival, last_arrival, ready_at, send_after, findings, events, \
         first_seen, last_seen, content, reason) VALUES {}",
        values(changes.len(), 16)
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for change in changes {
        let seen = change.findings.iter();
        query = query
            .bind(&change.id)
            .bind(&change.token)
            .bind(&change.digest.party)
            .bind(change.digest.role.as_str())
            .bind(change.digest.problem.as_str())
            .bind(change.state.as_str())
            .bind(change.first_arrival)
            .bind(change.last_arrival)
            .bind((change.state == State::Ready).then_some(now))
            .bind(change.send_after)
            .bind(change.findings.len() as i64)
            .bind(seen.clone().map(|f| i64::from(f.events)).sum::<i64>())
            .bind(seen.clone().map(|f| f.first_seen).min())
            .bind(seen.map(|f| f.last_seen).max())
            .bind(pack(&change.findings)?)
            .bind(change.reason);
    }
    query.execute(&mut *transaction).await?;
    let sql = format!("INSERT INTO notice_history (notice, number, at, what, detail) VALUES {}", values(changes.len(), 5));
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for change in changes {
        query = query.bind(&change.id).bind(1_i64).bind(now).bind(change.state.as_str()).bind(change.reason);
    }
    query.execute(transaction).await?;
    Ok(())
}

async fn update(transaction: &mut sqlx::SqliteConnection, change: &Change, now: i64) -> Result<(), StoreError> {
    let seen = change.findings.iter();
    let known: Option<String> =
        sqlx::query_scalar("SELECT state FROM notice WHERE id = $1").bind(&change.id).fetch_optional(&mut *transaction).await?;
    sqlx::query(
        "UPDATE notice SET state = $2, last_arrival = $3, ready_at = $4, send_after = $5, findings = $6, events = $7, first_seen = $8, \
         last_seen = $9, content = $10, reason = $11 WHERE id = $1",
    )
    .bind(&change.id)
    .bind(change.state.as_str())
    .bind(change.last_arrival)
    .bind((change.state == State::Ready).then_some(now))
    .bind(change.send_after)
    .bind(change.findings.len() as i64)
    .bind(seen.clone().map(|f| i64::from(f.events)).sum::<i64>())
    .bind(seen.clone().map(|f| f.first_seen).min())
    .bind(seen.map(|f| f.last_seen).max())
    .bind(pack(&change.findings)?)
    .bind(change.reason)
    .execute(&mut *transaction)
    .await?;
    if known.as_deref() != Some(change.state.as_str()) {
        history(transaction, &change.id, now, change.state.as_str(), change.reason).await?;
    }
    Ok(())
}

pub(crate) async fn write_denial(transaction: &mut sqlx::SqliteConnection, denial: &Denial, now: i64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO denial (party, role, problem, terms, rule, reason, findings, first_at, last_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT (party, role, problem, terms, rule) DO UPDATE SET \
         reason = excluded.reason, findings = denial.findings + excluded.findings, last_at = excluded.last_at",
    )
    .bind(&denial.digest.party)
    .bind(denial.digest.role.as_str())
    .bind(denial.digest.problem.as_str())
    .bind(denial.terms)
    .bind(&denial.rule)
    .bind(&denial.reason)
    .bind(denial.findings)
    .bind(now)
    .execute(transaction)
    .await?;
    Ok(())
}

pub(crate) fn pack(findings: &[Finding]) -> Result<Vec<u8>, StoreError> {
    zstd::bulk::compress(&finding::write(findings), LEVEL)
        .map_err(|error| StoreError::Refused(format!("findings cannot be packed: {error}")))
}

/// At most 1 GiB of findings: some five million.
const LARGEST: usize = 1 << 30;

pub(crate) fn unpack(id: &str, packed: &[u8]) -> Result<Vec<Finding>, StoreError> {
    let damaged = |why: &dyn std::fmt::Display| StoreError::Refused(format!("notice {id}: {why}"));
    let bytes = zstd::bulk::Decompressor::upper_bound(packed).unwrap_or(LARGEST).min(LARGEST);
    let bytes = zstd::bulk::decompress(packed, bytes).map_err(|error| damaged(&error))?;
    finding::read(&bytes).map_err(|error| damaged(&error))
}

fn digest(id: &str, party: String, role: &str, problem: &str) -> Result<Digest, StoreError> {
    match (Role::read(role), Problem::read(problem)) {
        (Some(role), Some(problem)) => Ok(Digest { party, role, problem }),
        _ => Err(StoreError::Refused(format!("notice {id}: role {role:?} or problem {problem:?} is not known"))),
    }
}

pub(crate) fn notice(row: &sqlx::sqlite::SqliteRow) -> Result<Notice, StoreError> {
    let id: String = row.try_get("id")?;
    let state: String = row.try_get("state")?;
    let digest = digest(&id, row.try_get("party")?, &row.try_get::<String, _>("role")?, &row.try_get::<String, _>("problem")?)?;
    Ok(Notice {
        token: row.try_get("token")?,
        digest,
        state: State::read(&state).ok_or_else(|| StoreError::Refused(format!("notice {id} is {state:?}, which nobody knows")))?,
        first_arrival: row.try_get("first_arrival")?,
        last_arrival: row.try_get("last_arrival")?,
        ready_at: row.try_get("ready_at")?,
        send_after: row.try_get("send_after")?,
        findings: row.try_get("findings")?,
        events: row.try_get("events")?,
        first_seen: row.try_get("first_seen")?,
        last_seen: row.try_get("last_seen")?,
        language: row.try_get("language")?,
        address: row.try_get("address")?,
        subject: row.try_get("subject")?,
        tlp: row.try_get("tlp")?,
        sealed: row.try_get::<Option<i64>, _>("sealed")? == Some(1),
        mail_sha256: row.try_get("mail_sha256")?,
        release: row.try_get("release")?,
        released_at: row.try_get("released_at")?,
        answer_by: row.try_get("answer_by")?,
        attempts: row.try_get("attempts")?,
        next_attempt: row.try_get("next_attempt")?,
        sent_at: row.try_get("sent_at")?,
        delivered_at: row.try_get("delivered_at")?,
        answer: row.try_get("answer")?,
        answered_at: row.try_get("answered_at")?,
        reason: row.try_get("reason")?,
        held_at: row.try_get("held_at")?,
        held_by: row.try_get("held_by")?,
        id,
    })
}
