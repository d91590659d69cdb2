//! People who sign in: accounts, sessions, links that make accounts, and what was done by whom.

use sqlx::Row as _;

use crate::StoreError;
use crate::register::Register;
use crate::writing::Writing;

/// Somebody with an account. Times are microseconds since 1970, as everywhere here.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Person {
    pub id: String,
    /// What is typed to sign in.
    pub name: String,
    /// What others read.
    pub shown: String,
    pub party: String,
    pub role: String,
    /// Argon2id as a PHC string; none: signs in otherwise.
    pub password: Option<String>,
    /// Secret of time-based codes (RFC 6238) in base 32.
    pub totp: Option<String>,
    pub totp_step: Option<i64>,
    pub language: Option<String>,
    pub zone: Option<String>,
    pub scheme: Option<String>,
    pub failures: i64,
    pub locked_until: Option<i64>,
    pub created_at: i64,
    pub created_by: Option<String>,
    pub disabled_at: Option<i64>,
}

/// Somebody who is signed in, on one device.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Session {
    pub key: Vec<u8>,
    pub id: String,
    pub person: String,
    pub how: String,
    pub created_at: i64,
    pub seen_at: i64,
    pub expires_at: i64,
    pub address: String,
    pub agent: String,
    pub ended_at: Option<i64>,
}

/// A link that makes an account once, or lets its owner in again.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Invitation {
    pub key: Vec<u8>,
    pub party: String,
    pub role: String,
    pub person: Option<String>,
    pub created_at: i64,
    pub created_by: Option<String>,
    pub expires_at: i64,
    pub used_at: Option<i64>,
}

/// Something that was done.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Deed {
    pub number: i64,
    pub at: i64,
    pub person: Option<String>,
    pub shown: String,
    pub party: String,
    pub address: String,
    pub did: String,
    pub subject: String,
    pub outcome: i64,
    pub detail: Option<String>,
}

/// Somebody as a list shows them.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Listed {
    pub id: String,
    pub name: String,
    pub shown: String,
    pub party: String,
    pub role: String,
    pub has_password: bool,
    pub has_totp: bool,
    pub passkeys: i64,
    pub subjects: i64,
    pub last_seen: Option<i64>,
    pub locked_until: Option<i64>,
    pub disabled_at: Option<i64>,
}

/// Which people a list shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    pub role: Option<&'a str>,
    pub party: Option<&'a str>,
    /// Part of a name.
    pub words: Option<&'a str>,
    /// After this name.
    pub after: Option<&'a str>,
}

const PERSON: &str = "SELECT p.id, p.name, p.shown, p.party, p.role, p.password, p.totp, p.totp_step, p.language, p.zone, p.scheme, p.failures, \
                      p.locked_until, p.created_at, p.created_by, p.disabled_at FROM person p";
const SESSION: &str = "SELECT key, id, person, how, created_at, seen_at, expires_at, address, agent, ended_at FROM session";

impl Register {
    /// Adds somebody. `false`: the name is taken.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn add_person(&self, person: &Person) -> Result<bool, StoreError> {
        insert(&mut *self.pool.acquire().await?, person).await
    }

    /// Everybody with an account, by name.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn people(&self) -> Result<Vec<Person>, StoreError> {
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!("{PERSON} ORDER BY p.name"))).fetch_all(&self.pool).await?)
    }

    /// People with an account, by name, as many as asked for.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn people_listed(&self, wanted: Wanted<'_>, most: u32) -> Result<Vec<Listed>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT p.id, p.name, p.shown, p.party, p.role, p.password IS NOT NULL AS has_password, p.totp IS NOT NULL AS has_totp, \
             (SELECT count(*) FROM passkey k WHERE k.person = p.id) AS passkeys, \
             (SELECT count(*) FROM person_subject o WHERE o.person = p.id) AS subjects, \
             (SELECT max(seen_at) FROM session s WHERE s.person = p.id) AS last_seen, p.locked_until, p.disabled_at \
             FROM person p WHERE ($1 IS NULL OR p.role = $1) AND ($2 IS NULL OR p.party = $2) \
             AND ($3 IS NULL OR instr(p.name, lower($3)) > 0 OR instr(lower(p.shown), lower($3)) > 0) AND ($4 IS NULL OR p.name > $4) \
             ORDER BY p.name LIMIT $5",
        )
        .bind(wanted.role)
        .bind(wanted.party)
        .bind(wanted.words)
        .bind(wanted.after)
        .bind(i64::from(most))
        .fetch_all(&self.pool)
        .await?)
    }

    /// Those of one party, by name.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn people_of(&self, party: &str) -> Result<Vec<Person>, StoreError> {
        let sql = format!("{PERSON} WHERE p.party = $1 ORDER BY p.name");
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(party).fetch_all(&self.pool).await?)
    }

    /// Somebody by id.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn person(&self, id: &str) -> Result<Option<Person>, StoreError> {
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!("{PERSON} WHERE p.id = $1"))).bind(id).fetch_optional(&self.pool).await?)
    }

    /// Somebody by what is typed to sign in.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn person_named(&self, name: &str) -> Result<Option<Person>, StoreError> {
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!("{PERSON} WHERE p.name = $1"))).bind(name).fetch_optional(&self.pool).await?)
    }

    /// How somebody reads: language, zone and colours; and what others read.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn set_preferences(&self, person: &Person) -> Result<(), StoreError> {
        sqlx::query("UPDATE person SET shown = $2, language = $3, zone = $4, scheme = $5 WHERE id = $1")
            .bind(&person.id)
            .bind(&person.shown)
            .bind(&person.language)
            .bind(&person.zone)
            .bind(&person.scheme)
            .execute(&mut *self.statement().await?)
            .await?;
        Ok(())
    }

    /// What somebody may from now on, and for whom; whoever is signed in as them is out. `false`: nobody would be left who may change people.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn set_rights(&self, id: &str, party: &str, role: &str, now: i64) -> Result<bool, StoreError> {
        let mut tx = self.writing().await?;
        let before = administrators(&mut tx).await?;
        sqlx::query("UPDATE person SET party = $2, role = $3 WHERE id = $1").bind(id).bind(party).bind(role).execute(&mut *tx).await?;
        finish_rights(tx, id, before, now).await
    }

    /// Ends an account, or lets it live again; whoever is signed in is out. `false`: nobody would be left who may change people.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn set_disabled(&self, id: &str, disabled: bool, now: i64) -> Result<bool, StoreError> {
        let mut tx = self.writing().await?;
        let before = administrators(&mut tx).await?;
        sqlx::query("UPDATE person SET disabled_at = $2, failures = 0, locked_until = NULL WHERE id = $1")
            .bind(id)
            .bind(disabled.then_some(now))
            .execute(&mut *tx)
            .await?;
        finish_rights(tx, id, before, now).await
    }

    /// Opens an account that wrong answers shut.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn unlock(&self, id: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE person SET failures = 0, locked_until = NULL WHERE id = $1")
            .bind(id)
            .execute(&mut *self.statement().await?)
            .await?;
        Ok(())
    }

    /// Somebody signed in: what went wrong before is forgotten. `false`: the account ended meanwhile.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn begin_session(&self, session: &Session) -> Result<bool, StoreError> {
        let mut tx = self.writing().await?;
        let open = sqlx::query("UPDATE person SET failures = 0, locked_until = NULL WHERE id = $1 AND disabled_at IS NULL")
            .bind(&session.person)
            .execute(&mut *tx)
            .await?;
        if open.rows_affected() != 1 {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO session (key, id, person, how, created_at, seen_at, expires_at, address, agent) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(&session.key)
        .bind(&session.id)
        .bind(&session.person)
        .bind(&session.how)
        .bind(session.created_at)
        .bind(session.seen_at)
        .bind(session.expires_at)
        .bind(&session.address)
        .bind(&session.agent)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Who holds a session that goes on at this moment, and the session.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn signed_in(&self, key: &[u8], now: i64) -> Result<Option<(Session, Person)>, StoreError> {
        let session: Option<Session> =
            sqlx::query_as(sqlx::AssertSqlSafe(format!("{SESSION} WHERE key = $1 AND ended_at IS NULL AND expires_at > $2")))
                .bind(key)
                .bind(now)
                .fetch_optional(&self.pool)
                .await?;
        let Some(session) = session else { return Ok(None) };
        let person = self.person(&session.person).await?.filter(|person| person.disabled_at.is_none());
        Ok(person.map(|person| (session, person)))
    }

    /// A session was used; it goes on until then.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn session_seen(&self, key: &[u8], now: i64, expires_at: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE session SET seen_at = $2, expires_at = $3 WHERE key = $1 AND ended_at IS NULL")
            .bind(key)
            .bind(now)
            .bind(expires_at)
            .execute(&mut *self.statement().await?)
            .await?;
        Ok(())
    }

    /// A session goes on under another cookie: whoever knew the old one is out.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn rotate_session(&self, old: &[u8], new: &[u8]) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE session SET key = $2 WHERE key = $1 AND ended_at IS NULL")
            .bind(old)
            .bind(new)
            .execute(&mut *self.statement().await?)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Sessions of somebody that go on, the newest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn sessions_of(&self, person: &str, now: i64) -> Result<Vec<Session>, StoreError> {
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "{SESSION} WHERE person = $1 AND ended_at IS NULL AND expires_at > $2 ORDER BY seen_at DESC"
        )))
        .bind(person)
        .bind(now)
        .fetch_all(&self.pool)
        .await?)
    }

    /// Ends sessions of somebody: the one of this id, or all but the one with this key.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn end_sessions(&self, person: &str, id: Option<&str>, but: Option<&[u8]>, now: i64) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "UPDATE session SET ended_at = $4 WHERE person = $1 AND ended_at IS NULL AND ($2 IS NULL OR id = $2) AND ($3 IS NULL OR key <> $3)",
        )
        .bind(person)
        .bind(id)
        .bind(but)
        .bind(now)
        .execute(&mut *self.statement().await?)
        .await?;
        Ok(done.rows_affected())
    }

    /// Makes a link good for one account.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn invite(&self, invitation: &Invitation) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO invitation (key, party, role, person, created_at, created_by, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&invitation.key)
        .bind(&invitation.party)
        .bind(&invitation.role)
        .bind(&invitation.person)
        .bind(invitation.created_at)
        .bind(&invitation.created_by)
        .bind(invitation.expires_at)
        .execute(&mut *self.statement().await?)
        .await?;
        Ok(())
    }

    /// A link that was not used and has not expired.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn invitation(&self, key: &[u8], now: i64) -> Result<Option<Invitation>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT key, party, role, person, created_at, created_by, expires_at, used_at FROM invitation \
             WHERE key = $1 AND used_at IS NULL AND expires_at > $2",
        )
        .bind(key)
        .bind(now)
        .fetch_optional(&self.pool)
        .await?)
    }

    /// Links that still open, the newest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn invitations(&self, now: i64) -> Result<Vec<Invitation>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT key, party, role, person, created_at, created_by, expires_at, used_at FROM invitation \
             WHERE used_at IS NULL AND expires_at > $1 ORDER BY created_at DESC LIMIT 200",
        )
        .bind(now)
        .fetch_all(&self.pool)
        .await?)
    }

    /// Takes a link back. `false`: it was used, or there is none.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn withdraw_invitation(&self, key: &[u8]) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM invitation WHERE key = $1 AND used_at IS NULL")
            .bind(key)
            .execute(&mut *self.statement().await?)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Adds whom a link invited, and uses the link up, both or neither. `false`: the name is taken, or the link was used meanwhile.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn add_invited_person(&self, person: &Person, key: &[u8], now: i64) -> Result<bool, StoreError> {
        let mut tx = self.writing().await?;
        let used = sqlx::query("UPDATE invitation SET used_at = $2 WHERE key = $1 AND used_at IS NULL AND expires_at > $2")
            .bind(key)
            .bind(now)
            .execute(&mut *tx)
            .await?;
        if used.rows_affected() != 1 || !insert(&mut tx, person).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Ends one session.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn end_session(&self, key: &[u8], now: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE session SET ended_at = $2 WHERE key = $1 AND ended_at IS NULL")
            .bind(key)
            .bind(now)
            .execute(&mut *self.statement().await?)
            .await?;
        Ok(())
    }

    /// Writes down what somebody did.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn audit(&self, deed: &Deed) -> Result<(), StoreError> {
        write_deed(&mut *self.pool.acquire().await?, deed).await
    }

    /// What was done before the entry of this number, the newest first; of one person if one is named.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn deeds(&self, person: Option<&str>, before: Option<i64>, most: u32) -> Result<Vec<Deed>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT number, at, person, shown, party, address, did, subject, outcome, detail FROM audit \
             WHERE ($1 IS NULL OR person = $1) AND ($2 IS NULL OR number < $2) ORDER BY number DESC LIMIT $3",
        )
        .bind(person)
        .bind(before)
        .bind(i64::from(most))
        .fetch_all(&self.pool)
        .await?)
    }

    /// Somebody has an account that works.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn has_people(&self) -> Result<bool, StoreError> {
        let found = sqlx::query("SELECT 1 AS one FROM person WHERE disabled_at IS NULL LIMIT 1").fetch_optional(&self.pool).await?;
        Ok(found.is_some_and(|row| row.get::<i64, _>("one") == 1))
    }
}

/// How many may change people.
async fn administrators(connection: &mut sqlx::SqliteConnection) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar("SELECT count(*) FROM person WHERE role = 'administrator' AND disabled_at IS NULL");
    Ok(count.fetch_one(connection).await?)
}

/// Nobody stays as they were signed in when what they may has changed; and somebody stays who may change people.
async fn finish_rights(mut tx: Writing, id: &str, before: i64, now: i64) -> Result<bool, StoreError> {
    if before > 0 && administrators(&mut tx).await? == 0 {
        return Ok(false);
    }
    sqlx::query("UPDATE session SET ended_at = $2 WHERE person = $1 AND ended_at IS NULL").bind(id).bind(now).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(true)
}

/// Writes down what was done.
pub(crate) async fn write_deed(connection: &mut sqlx::SqliteConnection, deed: &Deed) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO audit (at, person, shown, party, address, did, subject, outcome, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(deed.at)
    .bind(&deed.person)
    .bind(&deed.shown)
    .bind(&deed.party)
    .bind(&deed.address)
    .bind(&deed.did)
    .bind(&deed.subject)
    .bind(deed.outcome)
    .bind(&deed.detail)
    .execute(connection)
    .await?;
    Ok(())
}

pub(crate) async fn insert(connection: &mut sqlx::SqliteConnection, person: &Person) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO person (id, name, shown, party, role, password, totp, totp_step, language, zone, scheme, created_at, created_by, disabled_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (name) DO NOTHING",
    )
    .bind(&person.id)
    .bind(&person.name)
    .bind(&person.shown)
    .bind(&person.party)
    .bind(&person.role)
    .bind(&person.password)
    .bind(&person.totp)
    .bind(person.totp_step)
    .bind(&person.language)
    .bind(&person.zone)
    .bind(&person.scheme)
    .bind(person.created_at)
    .bind(&person.created_by)
    .bind(person.disabled_at)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
