//! Agreements: on what basis two organisations share; and what was agreed on any day.
//!
//! A change is a new version beside the old. A revocation is a version too, so it holds from the moment it is recorded, and
//! what was decided before can still be explained.

use std::collections::BTreeMap;

use casework::model::agreement::{Agreement, AgreementKind, Channel, Purpose};
use casework::model::terms::Tlp;
use jiff::Timestamp;
use sqlx::SqliteConnection;

use crate::StoreError;
use crate::parties::{Recorded, after, moment, validity};
use crate::register::Register;
use crate::tokens::is_as_seen;

impl Register {
    /// All agreements known at `at`, by id: also those not yet or no longer in force, which [`Agreement::in_force`] tells apart.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn agreements(&self, at: Timestamp) -> Result<Vec<Agreement>, StoreError> {
        let mut transaction = self.pool.begin().await?;
        Ok(load(&mut transaction, at).await?.into_values().collect())
    }

    /// Records agreements as they are from now on. A revocation stays unless the agreement has a new one.
    ///
    /// # Errors
    /// When the register cannot be written; then nothing has changed.
    pub async fn record_agreements(&self, said: Vec<Agreement>, now: Timestamp) -> Result<Recorded, StoreError> {
        Ok(self.record_agreements_seen(said, now, None).await?.unwrap_or_default())
    }

    /// The same, when nothing has changed since [`Register::policy_change`] was `seen`; else `None`, and nothing is recorded.
    ///
    /// # Errors
    /// As [`Register::record_agreements`].
    pub async fn record_agreements_seen(
        &self,
        said: Vec<Agreement>,
        now: Timestamp,
        seen: Option<i64>,
    ) -> Result<Option<Recorded>, StoreError> {
        let mut transaction = self.writing().await?;
        if !is_as_seen(&mut transaction, seen).await? {
            return Ok(None);
        }
        let known = load(&mut transaction, Timestamp::MAX).await?;
        let now = next_moment(&mut transaction, now).await?;
        let mut recorded = Recorded::default();
        // Of one id the later word counts.
        let said: BTreeMap<String, Agreement> = said.into_iter().map(|agreement| (agreement.id.clone(), agreement)).collect();
        for mut agreement in said.into_values() {
            let before = known.get(&agreement.id);
            agreement.revoked_at = agreement.revoked_at.or(before.and_then(|known| known.revoked_at));
            match before {
                Some(known) if *known == agreement => recorded.unchanged += 1,
                Some(_) => recorded.changed += 1,
                None => recorded.added += 1,
            }
            if before != Some(&agreement) {
                insert(&mut transaction, &agreement, now).await?;
            }
        }
        transaction.commit().await?;
        Ok(Some(recorded))
    }

    /// Ends an agreement from now on, whatever its validity says; false when there is none of that id. Revoked once is revoked:
    /// saying it again keeps the first time.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn revoke_agreement(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.revoke_agreement_seen(id, now, None).await?.unwrap_or_default())
    }

    /// The same, when nothing has changed since [`Register::policy_change`] was `seen`; else `None`, and nothing is ended.
    ///
    /// # Errors
    /// As [`Register::revoke_agreement`].
    pub async fn revoke_agreement_seen(&self, id: &str, now: Timestamp, seen: Option<i64>) -> Result<Option<bool>, StoreError> {
        let mut transaction = self.writing().await?;
        if !is_as_seen(&mut transaction, seen).await? {
            return Ok(None);
        }
        let Some(mut agreement) = load(&mut transaction, Timestamp::MAX).await?.remove(id) else { return Ok(Some(false)) };
        if agreement.revoked_at.is_none_or(|revoked| now < revoked) {
            let recorded_at = next_moment(&mut transaction, now).await?;
            agreement.revoked_at = Some(now);
            insert(&mut transaction, &agreement, recorded_at).await?;
        }
        transaction.commit().await?;
        Ok(Some(true))
    }

    /// When an agreement was recorded or changed, oldest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn agreement_changes(&self, id: &str) -> Result<Vec<Timestamp>, StoreError> {
        let times: Vec<i64> = sqlx::query_scalar("SELECT recorded_at FROM agreement WHERE id = $1 ORDER BY recorded_at")
            .bind(id)
            .fetch_all(&self.pool)
            .await?;
        times.into_iter().map(moment).collect()
    }
}

/// A moment later than any at which an agreement was recorded.
async fn next_moment(connection: &mut SqliteConnection, now: Timestamp) -> Result<i64, StoreError> {
    let latest: Option<i64> = sqlx::query_scalar("SELECT max(recorded_at) FROM agreement").fetch_one(connection).await?;
    Ok(after(now, latest))
}

async fn insert(to: &mut SqliteConnection, agreement: &Agreement, now: i64) -> Result<(), StoreError> {
    let Agreement { id, name, kind, parties, communities, max_tlp, purposes, channels, validity, revoked_at, reference } = agreement;
    sqlx::query("UPDATE agreement SET superseded_at = $1 WHERE id = $2 AND superseded_at IS NULL")
        .bind(now)
        .bind(id)
        .execute(&mut *to)
        .await?;
    sqlx::query(
        "INSERT INTO agreement (id, name, kind, max_tlp, reference, valid_from, valid_until, revoked_at, recorded_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(id)
    .bind(name)
    .bind(kind.as_str())
    .bind(max_tlp.label())
    .bind(reference)
    .bind(validity.from.map(Timestamp::as_microsecond))
    .bind(validity.until.map(Timestamp::as_microsecond))
    .bind(revoked_at.map(Timestamp::as_microsecond))
    .bind(now)
    .execute(&mut *to)
    .await?;
    let words = parties.iter().map(|p| ("party", p.as_str()));
    let words = words.chain(communities.iter().map(|c| ("community", c.as_str())));
    let words = words.chain(purposes.iter().map(|p| ("purpose", p.as_str()))).chain(channels.iter().map(|c| ("channel", c.as_str())));
    for (kind, word) in words {
        sqlx::query("INSERT INTO agreement_word (agreement, recorded_at, kind, word) VALUES ($1, $2, $3, $4)")
            .bind(id)
            .bind(now)
            .bind(kind)
            .bind(word)
            .execute(&mut *to)
            .await?;
    }
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    name: String,
    kind: String,
    max_tlp: String,
    reference: String,
    valid_from: Option<i64>,
    valid_until: Option<i64>,
    revoked_at: Option<i64>,
}

async fn load(from: &mut SqliteConnection, at: Timestamp) -> Result<BTreeMap<String, Agreement>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, name, kind, max_tlp, reference, valid_from, valid_until, revoked_at FROM agreement \
         WHERE recorded_at <= $1 AND (superseded_at IS NULL OR superseded_at > $1)",
    )
    .bind(at.as_microsecond())
    .fetch_all(&mut *from)
    .await?;
    let mut all = BTreeMap::new();
    for row in rows {
        let agreement = Agreement {
            name: row.name,
            kind: AgreementKind::read(&row.kind).ok_or_else(|| unread("kind of agreement", &row.kind))?,
            parties: Default::default(),
            communities: Default::default(),
            max_tlp: Tlp::read(&row.max_tlp).ok_or_else(|| unread("TLP label", &row.max_tlp))?,
            purposes: Default::default(),
            channels: Default::default(),
            validity: validity(row.valid_from, row.valid_until)?,
            revoked_at: row.revoked_at.map(moment).transpose()?,
            reference: row.reference,
            id: row.id.clone(),
        };
        all.insert(row.id, agreement);
    }
    let words: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT w.agreement, w.kind, w.word FROM agreement_word w JOIN agreement a ON a.id = w.agreement AND a.recorded_at = w.recorded_at \
         WHERE a.recorded_at <= $1 AND (a.superseded_at IS NULL OR a.superseded_at > $1)",
    )
    .bind(at.as_microsecond())
    .fetch_all(from)
    .await?;
    for (id, kind, word) in words {
        let Some(agreement) = all.get_mut(&id) else { continue };
        match kind.as_str() {
            "party" => {
                agreement.parties.insert(word.parse().map_err(|_| unread("party id", &word))?);
            }
            "community" => {
                agreement.communities.insert(word);
            }
            "purpose" => {
                agreement.purposes.insert(Purpose::read(&word).ok_or_else(|| unread("purpose", &word))?);
            }
            "channel" => {
                agreement.channels.insert(Channel::read(&word).ok_or_else(|| unread("channel", &word))?);
            }
            other => return Err(unread("kind of word", other)),
        }
    }
    Ok(all)
}

fn unread(what: &str, value: &str) -> StoreError {
    StoreError::Refused(format!("register: {value:?} is no {what}"))
}
