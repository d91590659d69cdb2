//! With what people prove who they are: passkeys, second factors, subjects of other issuers, and ceremonies that wait for their second half.

use sqlx::Row as _;

use crate::StoreError;
use crate::people::{Deed, Person};
use crate::register::Register;

/// A passkey of somebody (WebAuthn).
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Passkey {
    /// Id of the credential, base 64 for URLs.
    pub id: String,
    pub person: String,
    pub name: String,
    /// Public key and counter, as JSON.
    pub credential: String,
    pub created_at: i64,
    pub last_used: Option<i64>,
}

/// Half of a sign-in: what was asked, until the answer comes.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Ceremony {
    /// SHA-256 of what the browser holds.
    pub key: Vec<u8>,
    pub kind: String,
    pub person: Option<String>,
    pub state: String,
    pub expires_at: i64,
}

/// Somebody at an issuer that signs in for us.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Subject {
    pub issuer: String,
    pub subject: String,
    pub person: String,
    pub created_at: i64,
}

/// Ceremonies that wait at once; whoever begins more pushes the oldest out.
const MOST_CEREMONIES: i64 = 10_000;

impl Register {
    /// Passkeys of somebody, the oldest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn passkeys_of(&self, person: &str) -> Result<Vec<Passkey>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT id, person, name, credential, created_at, last_used FROM passkey WHERE person = $1 ORDER BY created_at, id",
        )
        .bind(person)
        .fetch_all(&self.pool)
        .await?)
    }

    /// A passkey by the id of its credential.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn passkey(&self, id: &str) -> Result<Option<Passkey>, StoreError> {
        Ok(sqlx::query_as("SELECT id, person, name, credential, created_at, last_used FROM passkey WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.pool)
            .await?)
    }

    /// Adds a passkey. `false`: it is somebody's already.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn add_passkey(&self, passkey: &Passkey) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO passkey (id, person, name, credential, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING",
        )
        .bind(&passkey.id)
        .bind(&passkey.person)
        .bind(&passkey.name)
        .bind(&passkey.credential)
        .bind(passkey.created_at)
        .execute(&mut *self.statement().await?)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Names a passkey of somebody anew. `false`: they have none of this id.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn rename_passkey(&self, person: &str, id: &str, name: &str) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE passkey SET name = $3 WHERE person = $1 AND id = $2")
            .bind(person)
            .bind(id)
            .bind(name)
            .execute(&mut *self.statement().await?)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Takes a passkey of somebody away. `false`: they have none of this id, or nothing else to sign in with.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn remove_passkey(&self, person: &str, id: &str) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "DELETE FROM passkey WHERE person = $1 AND id = $2 AND (EXISTS (SELECT 1 FROM person WHERE id = $1 AND password IS NOT NULL) \
             OR EXISTS (SELECT 1 FROM passkey WHERE person = $1 AND id <> $2) OR EXISTS (SELECT 1 FROM person_subject WHERE person = $1))",
        )
        .bind(person)
        .bind(id)
        .execute(&mut *self.statement().await?)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// A passkey was used: its counter is part of the credential.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn passkey_used(&self, id: &str, credential: &str, now: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE passkey SET credential = $2, last_used = $3 WHERE id = $1")
            .bind(id)
            .bind(credential)
            .bind(now)
            .execute(&mut *self.statement().await?)
            .await?;
        Ok(())
    }

    /// Remembers half of a sign-in; forgets those that nobody finished.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn begin_ceremony(&self, ceremony: &Ceremony, now: i64) -> Result<(), StoreError> {
        let mut tx = self.writing().await?;
        sqlx::query(
            "DELETE FROM ceremony WHERE expires_at <= $1 OR key IN (SELECT key FROM ceremony ORDER BY expires_at DESC LIMIT -1 OFFSET $2)",
        )
        .bind(now)
        .bind(MOST_CEREMONIES)
        .execute(&mut *tx)
        .await?;
        sqlx::query("INSERT INTO ceremony (key, kind, person, state, expires_at) VALUES ($1, $2, $3, $4, $5)")
            .bind(&ceremony.key)
            .bind(&ceremony.kind)
            .bind(&ceremony.person)
            .bind(&ceremony.state)
            .bind(ceremony.expires_at)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Half of a sign-in that waits.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn ceremony(&self, key: &[u8], kind: &str, now: i64) -> Result<Option<Ceremony>, StoreError> {
        Ok(sqlx::query_as("SELECT key, kind, person, state, expires_at FROM ceremony WHERE key = $1 AND kind = $2 AND expires_at > $3")
            .bind(key)
            .bind(kind)
            .bind(now)
            .fetch_optional(&self.pool)
            .await?)
    }

    /// Takes half of a sign-in: of two that come at once one gets it.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn take_ceremony(&self, key: &[u8], kind: &str, now: i64) -> Result<Option<Ceremony>, StoreError> {
        Ok(sqlx::query_as(
            "DELETE FROM ceremony WHERE key = $1 AND kind = $2 AND expires_at > $3 RETURNING key, kind, person, state, expires_at",
        )
        .bind(key)
        .bind(kind)
        .bind(now)
        .fetch_optional(&self.pool)
        .await?)
    }

    /// Somebody tries to prove who they are: counted before it is looked at, so that many tries at once are many. `false`: the account is
    /// shut at this moment, and nothing is to be looked at. `pause` says until when so many wrong answers in a row shut it.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn try_second(&self, person: &str, now: i64, pause: impl Fn(i64) -> Option<i64> + Send) -> Result<bool, StoreError> {
        let mut tx = self.writing().await?;
        let counted = count(&mut tx, person, now, pause).await?;
        tx.commit().await?;
        Ok(counted)
    }

    /// A sign-in came to nothing: written down, and counted against whom it named, if that is somebody. Both are one write, whoever was named.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn sign_in_failed(
        &self,
        person: Option<&str>,
        deed: &Deed,
        pause: impl Fn(i64) -> Option<i64> + Send,
    ) -> Result<(), StoreError> {
        let mut tx = self.writing().await?;
        if let Some(person) = person {
            count(&mut tx, person, deed.at, pause).await?;
        }
        crate::people::write_deed(&mut tx, deed).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Uses a time step of a second factor: of two with the same code one gets in, and no earlier code opens after a later one.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn use_totp_step(&self, person: &str, step: i64) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE person SET totp_step = $2 WHERE id = $1 AND totp IS NOT NULL AND (totp_step IS NULL OR totp_step < $2) AND disabled_at IS NULL",
        )
        .bind(person)
        .bind(step)
        .execute(&mut *self.statement().await?)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Sets the second factor of somebody, with codes for when it is lost; those of before are void.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn set_totp(&self, person: &str, secret: &str, step: i64, codes: &[Vec<u8>]) -> Result<(), StoreError> {
        let mut tx = self.writing().await?;
        sqlx::query("UPDATE person SET totp = $2, totp_step = $3 WHERE id = $1")
            .bind(person)
            .bind(secret)
            .bind(step)
            .execute(&mut *tx)
            .await?;
        recovery_codes(&mut tx, person, codes).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Takes the second factor of somebody away.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn remove_totp(&self, person: &str) -> Result<(), StoreError> {
        let mut tx = self.writing().await?;
        sqlx::query("UPDATE person SET totp = NULL, totp_step = NULL WHERE id = $1").bind(person).execute(&mut *tx).await?;
        recovery_codes(&mut tx, person, &[]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Gives somebody other codes for when the second factor is lost.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn set_recovery_codes(&self, person: &str, codes: &[Vec<u8>]) -> Result<(), StoreError> {
        let mut tx = self.writing().await?;
        recovery_codes(&mut tx, person, codes).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Uses such a code, once.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn use_recovery_code(&self, person: &str, hash: &[u8], now: i64) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE recovery_code SET used_at = $3 WHERE person = $1 AND hash = $2 AND used_at IS NULL")
            .bind(person)
            .bind(hash)
            .bind(now)
            .execute(&mut *self.statement().await?)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// How many such codes are left to somebody.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn recovery_codes_left(&self, person: &str) -> Result<i64, StoreError> {
        let row = sqlx::query("SELECT count(*) AS n FROM recovery_code WHERE person = $1 AND used_at IS NULL").bind(person);
        Ok(row.fetch_one(&self.pool).await?.get("n"))
    }

    /// Who somebody of another issuer is here.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn person_of_subject(&self, issuer: &str, subject: &str) -> Result<Option<Person>, StoreError> {
        let id: Option<String> = sqlx::query_scalar("SELECT person FROM person_subject WHERE issuer = $1 AND subject = $2")
            .bind(issuer)
            .bind(subject)
            .fetch_optional(&self.pool)
            .await?;
        match id {
            Some(id) => self.person(&id).await,
            None => Ok(None),
        }
    }

    /// As whom somebody is known elsewhere.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn subjects_of(&self, person: &str) -> Result<Vec<Subject>, StoreError> {
        Ok(sqlx::query_as("SELECT issuer, subject, person, created_at FROM person_subject WHERE person = $1 ORDER BY issuer, subject")
            .bind(person)
            .fetch_all(&self.pool)
            .await?)
    }

    /// Sets a password; whoever else is signed in as this person is out.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn set_password(&self, person: &str, hash: &str, keep: Option<&[u8]>, now: i64) -> Result<(), StoreError> {
        let mut tx = self.writing().await?;
        sqlx::query("UPDATE person SET password = $2 WHERE id = $1").bind(person).bind(hash).execute(&mut *tx).await?;
        sqlx::query("UPDATE session SET ended_at = $3 WHERE person = $1 AND ended_at IS NULL AND ($2 IS NULL OR key <> $2)")
            .bind(person)
            .bind(keep)
            .bind(now)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Lets the owner of an account in again by a link: another password, or another subject at an issuer; the second factor is taken away,
    /// everybody who is signed in is out, and the link is used up. All or nothing; `false`: the link was used meanwhile, or the subject is
    /// somebody else's.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn readmit(
        &self,
        link: &[u8],
        person: &str,
        password: Option<&str>,
        subject: Option<(&str, &str)>,
        now: i64,
    ) -> Result<bool, StoreError> {
        let mut tx = self.writing().await?;
        if !use_link(&mut tx, link, now).await? {
            return Ok(false);
        }
        sqlx::query(
            "UPDATE person SET password = coalesce($2, password), totp = NULL, totp_step = NULL, failures = 0, locked_until = NULL WHERE id = $1",
        )
        .bind(person)
        .bind(password)
        .execute(&mut *tx)
        .await?;
        recovery_codes(&mut tx, person, &[]).await?;
        if let Some((issuer, subject)) = subject
            && !link_subject(&mut tx, issuer, subject, person, now).await?
        {
            return Ok(false);
        }
        sqlx::query("UPDATE session SET ended_at = $2 WHERE person = $1 AND ended_at IS NULL")
            .bind(person)
            .bind(now)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Adds whom a link invited, as an issuer names them. `false`: name or subject are somebody's, or the link was used meanwhile.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn add_invited_subject(
        &self,
        person: &Person,
        link: &[u8],
        issuer: &str,
        subject: &str,
        now: i64,
    ) -> Result<bool, StoreError> {
        let mut tx = self.writing().await?;
        let done = use_link(&mut tx, link, now).await?
            && crate::people::insert(&mut tx, person).await?
            && link_subject(&mut tx, issuer, subject, &person.id, now).await?;
        if done {
            tx.commit().await?;
        }
        Ok(done)
    }
}

async fn count(
    connection: &mut sqlx::SqliteConnection,
    person: &str,
    now: i64,
    pause: impl Fn(i64) -> Option<i64>,
) -> Result<bool, StoreError> {
    let failures: Option<i64> = sqlx::query_scalar(
        "UPDATE person SET failures = failures + 1 WHERE id = $1 AND disabled_at IS NULL AND (locked_until IS NULL OR locked_until <= $2) \
         RETURNING failures",
    )
    .bind(person)
    .bind(now)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(failures) = failures else { return Ok(false) };
    sqlx::query("UPDATE person SET locked_until = $2 WHERE id = $1").bind(person).bind(pause(failures)).execute(&mut *connection).await?;
    Ok(true)
}

async fn recovery_codes(connection: &mut sqlx::SqliteConnection, person: &str, codes: &[Vec<u8>]) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM recovery_code WHERE person = $1").bind(person).execute(&mut *connection).await?;
    for code in codes {
        sqlx::query("INSERT INTO recovery_code (person, hash) VALUES ($1, $2)").bind(person).bind(code).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn use_link(connection: &mut sqlx::SqliteConnection, link: &[u8], now: i64) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE invitation SET used_at = $2 WHERE key = $1 AND used_at IS NULL AND expires_at > $2")
        .bind(link)
        .bind(now)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

async fn link_subject(
    connection: &mut sqlx::SqliteConnection,
    issuer: &str,
    subject: &str,
    person: &str,
    now: i64,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO person_subject (issuer, subject, person, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (issuer, subject) DO NOTHING",
    )
    .bind(issuer)
    .bind(subject)
    .bind(person)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
