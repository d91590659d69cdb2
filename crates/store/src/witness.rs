//! Who watches whom: the witnesses of our log, and the logs that we are a witness of.

use formats::tlog::note::Signature;
use formats::tlog::witness::{Refusal, Request};
use formats::tlog::{Checkpoint, KeyKind, Note, Signer, Verifier};
use jiff::Timestamp;

use crate::StoreError;
use crate::register::Register;
use crate::release_tree;

/// A witness of our log.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Witness {
    /// What we call it; a word of a policy.
    pub name: String,
    pub vkey: String,
    /// Microseconds since 1970, UTC.
    pub added_at: i64,
    /// Size of the largest of our checkpoints that it has signed.
    pub signed: Option<i64>,
}

/// A log of somebody else that we watch.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Watched {
    pub origin: String,
    pub vkey: String,
    pub added_at: i64,
    /// The last checkpoint that we signed.
    pub size: Option<i64>,
    pub note: Option<String>,
    pub signed_at: Option<i64>,
}

impl Register {
    /// Believes a witness about our log from now on.
    ///
    /// # Errors
    /// When name or key are taken, the key is no witness's, or the register cannot be written.
    pub async fn add_witness(&self, name: &str, key: &Verifier, now: Timestamp) -> Result<(), StoreError> {
        let word = !name.is_empty() && name != "none" && name.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
        if !word {
            return Err(StoreError::Refused(format!(
                "{name:?} cannot name a witness: use visible ASCII characters without `#`, and not `none`"
            )));
        }
        if key.kind() != KeyKind::Cosignature {
            return Err(StoreError::Refused(format!("{key} is the key of a log, not of a witness")));
        }
        let sql = "INSERT INTO release_witness (name, vkey, added_at) VALUES ($1, $2, $3)";
        let done =
            sqlx::query(sql).bind(name).bind(key.to_string()).bind(now.as_microsecond()).execute(&mut *self.statement().await?).await;
        done.map(drop).map_err(|error| match error.as_database_error() {
            Some(e) if e.is_unique_violation() => StoreError::Refused(format!("there is a witness {name} or one with this key already")),
            _ => error.into(),
        })
    }

    /// The witnesses of our log, by name.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn witnesses(&self) -> Result<Vec<Witness>, StoreError> {
        let sql = "SELECT name, vkey, added_at, (SELECT max(size) FROM release_cosignature WHERE witness = name) AS signed FROM release_witness \
                   ORDER BY name";
        Ok(sqlx::query_as(sql).fetch_all(&self.pool).await?)
    }

    /// What to send to a witness that signed our checkpoint of size `old` last (0: none yet): the body of `add-checkpoint` for the latest one.
    ///
    /// # Errors
    /// When nothing was released yet, or `old` is larger than the log.
    pub async fn witness_request(&self, old: u64) -> Result<Request, StoreError> {
        let Some(note) = self.log_checkpoint().await? else {
            return Err(StoreError::Refused("nothing was released yet: there is no checkpoint to be signed".into()));
        };
        let checkpoint = Checkpoint::read(&note.text).map_err(|e| StoreError::Refused(e.to_string()))?;
        let proof = self.log_consistency(old, checkpoint.size).await?;
        Ok(Request { old, proof, note, checkpoint })
    }

    /// Keeps what witnesses answered about our checkpoint of this size; returns the names of those whose signature was right and of a
    /// witness that we know. Lines of others are ignored, as the standard says.
    ///
    /// # Errors
    /// When a witness that we know is said to have signed and has not, or there is no such checkpoint.
    pub async fn add_cosignatures(&self, size: u64, lines: &[Signature]) -> Result<Vec<String>, StoreError> {
        let Some(note) = self.log_checkpoint_of(size).await? else {
            return Err(StoreError::Refused(format!("the log of releases has no checkpoint of size {size}")));
        };
        let mut transaction = self.writing().await?;
        let known: Vec<(String, String)> =
            sqlx::query_as("SELECT name, vkey FROM release_witness ORDER BY name").fetch_all(&mut *transaction).await?;
        let mut kept = Vec::new();
        for (name, vkey) in known {
            let key: Verifier = vkey.parse().map_err(|e: formats::tlog::note::BadKey| StoreError::Refused(e.to_string()))?;
            for line in lines.iter().filter(|line| key.made(line)) {
                if !key.verifies(&note.text, line) {
                    return Err(StoreError::Refused(format!("witness {name} has not signed checkpoint {size}: the signature is wrong")));
                }
                let sql = "INSERT INTO release_cosignature (size, witness, line) VALUES ($1, $2, $3) \
                           ON CONFLICT (size, witness) DO UPDATE SET line = excluded.line";
                sqlx::query(sql).bind(size as i64).bind(&name).bind(line.to_string()).execute(&mut *transaction).await?;
                kept.push(name.clone());
            }
        }
        transaction.commit().await?;
        Ok(kept)
    }

    /// Watches somebody else's log from now on.
    ///
    /// # Errors
    /// When the key is not one of a log, or the register cannot be written.
    pub async fn watch_log(&self, key: &Verifier, now: Timestamp) -> Result<(), StoreError> {
        if key.kind() != KeyKind::Note {
            return Err(StoreError::Refused(format!("{key} is the key of a witness, not of a log")));
        }
        sqlx::query("INSERT INTO witnessed_log (origin, vkey, added_at) VALUES ($1, $2, $3) ON CONFLICT (origin, vkey) DO NOTHING")
            .bind(key.name())
            .bind(key.to_string())
            .bind(now.as_microsecond())
            .execute(&mut *self.statement().await?)
            .await?;
        Ok(())
    }

    /// The logs that we watch, by origin.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn watched_logs(&self) -> Result<Vec<Watched>, StoreError> {
        let sql = "SELECT witnessed_log.origin, vkey, added_at, size, note, signed_at FROM witnessed_log \
                   LEFT JOIN witnessed_checkpoint ON witnessed_checkpoint.origin = witnessed_log.origin ORDER BY witnessed_log.origin, vkey";
        Ok(sqlx::query_as(sql).fetch_all(&self.pool).await?)
    }

    /// Answers `add-checkpoint` (C2SP tlog-witness): signature lines, or the reason for which we do not sign. What was signed is
    /// durable before this returns, and of two that ask at once the second is measured by the first.
    ///
    /// # Errors
    /// When the register cannot be written; then nothing was signed.
    pub async fn add_checkpoint(&self, body: &[u8], signer: &Signer, now: Timestamp) -> Result<Result<String, Refusal>, StoreError> {
        let request = match Request::read(body) {
            Ok(request) => request,
            Err(malformed) => return Ok(Err(Refusal::Malformed(malformed))),
        };
        let origin = &request.checkpoint.origin;
        let mut transaction = self.writing().await?;
        let keys: Vec<String> =
            sqlx::query_scalar("SELECT vkey FROM witnessed_log WHERE origin = $1").bind(origin).fetch_all(&mut *transaction).await?;
        let keys: Vec<Verifier> = keys.iter().filter_map(|key| key.parse().ok()).collect();
        let text: Option<String> = sqlx::query_scalar("SELECT note FROM witnessed_checkpoint WHERE origin = $1")
            .bind(origin)
            .fetch_optional(&mut *transaction)
            .await?;
        let unreadable = |e: formats::tlog::Malformed| StoreError::Refused(format!("the checkpoint of {origin} in the register: {e}"));
        let latest = match text {
            Some(text) => Some(Checkpoint::read(&Note::read(text.as_bytes()).map_err(unreadable)?.text).map_err(unreadable)?),
            None => None,
        };
        if let Err(refusal) = request.check(&keys, latest.as_ref()) {
            return Ok(Err(refusal));
        }
        // Never zero: that would be a signature without a time.
        let signature = signer.sign(&request.note.text, now.as_second().max(1).unsigned_abs());
        let mut note = request.note.clone();
        note.signatures.retain(|signature| keys.iter().any(|key| key.made(signature)));
        note.signatures.push(signature.clone());
        sqlx::query(
            "INSERT INTO witnessed_checkpoint (origin, size, note, signed_at) VALUES ($1, $2, $3, $4) ON CONFLICT (origin) DO UPDATE SET \
             size = excluded.size, note = excluded.note, signed_at = excluded.signed_at",
        )
        .bind(origin)
        .bind(request.checkpoint.size as i64)
        .bind(note.to_string())
        .bind(now.as_microsecond())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Ok(signature.to_string()))
    }

    /// A policy that believes our log, and asks for at least `quorum` of its witnesses.
    ///
    /// # Errors
    /// When nothing was released yet, or there are fewer witnesses.
    pub async fn log_policy(&self, quorum: usize) -> Result<String, StoreError> {
        let Some(key) = release_tree::key(&mut *self.pool.acquire().await?).await? else {
            return Err(StoreError::Refused("nothing was released yet: there is no log to believe".into()));
        };
        let witnesses = self.witnesses().await?;
        if quorum > witnesses.len() {
            return Err(StoreError::Refused(format!("{quorum} witnesses are asked for, and {} are known", witnesses.len())));
        }
        let mut text = format!("log {key}\n");
        witnesses.iter().for_each(|witness| text += &format!("witness {} {}\n", witness.name, witness.vkey));
        if quorum == 0 {
            return Ok(text + "quorum none\n");
        }
        // A name that no witness has.
        let group = (0..).map(|n| format!("witnesses-{n}")).find(|name| witnesses.iter().all(|w| w.name != *name)).unwrap_or_default();
        let names: Vec<&str> = witnesses.iter().map(|witness| &witness.name[..]).collect();
        Ok(text + &format!("group {group} {quorum} {}\nquorum {group}\n", names.join(" ")))
    }
}
