//! Nodes that cooperate with us: how they are reached, how far each exchange is, and what their messages led to.

use sqlx::Row as _;

use crate::StoreError;
use crate::register::Register;

/// A node of another party.
#[derive(Clone, Debug, Default, Eq, PartialEq, sqlx::FromRow)]
pub struct Peer {
    pub party: String,
    /// Discovery or API root of its TAXII server, or the name below which DNS tells where that is.
    pub url: String,
    pub token_id: Option<String>,
    pub token_file: Option<String>,
    pub certificate: Option<String>,
    pub key: Option<String>,
    pub ca: Option<String>,
    /// Of its log of releases.
    pub log_key: Option<String>,
    /// Microseconds since 1970, as all times here.
    pub added_at: i64,
    pub heard_at: Option<i64>,
    pub failures: i64,
    pub retry_at: Option<i64>,
    pub error: Option<String>,
}

/// What is fetched from a peer or given to it.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Subscription {
    pub number: i64,
    pub party: String,
    /// `pull` or `push`.
    pub direction: String,
    pub remote: String,
    pub collection: i64,
    pub after: i64,
    pub objects: i64,
    pub refused: i64,
    pub done_at: Option<i64>,
}

/// A takedown between us and a peer.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct PeerTakedown {
    pub takedown: String,
    pub party: String,
    /// `asking` or `asked`: what we are.
    pub side: String,
    pub theirs: String,
    pub terms: i64,
    pub said: String,
    pub shown: String,
}

/// A message of a peer that was not acted on yet.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Unread {
    pub number: i64,
    pub giver: String,
    pub terms: i64,
    pub bytes: Vec<u8>,
}

impl Register {
    /// Adds a peer, or changes how it is reached.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn set_peer(&self, peer: &Peer) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO peer (party, url, token_id, token_file, certificate, key, ca, log_key, added_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
             ON CONFLICT (party) DO UPDATE SET url = excluded.url, token_id = excluded.token_id, token_file = excluded.token_file, \
             certificate = excluded.certificate, key = excluded.key, ca = excluded.ca, log_key = excluded.log_key, failures = 0, retry_at = NULL",
        )
        .bind(&peer.party)
        .bind(&peer.url)
        .bind(&peer.token_id)
        .bind(&peer.token_file)
        .bind(&peer.certificate)
        .bind(&peer.key)
        .bind(&peer.ca)
        .bind(&peer.log_key)
        .bind(peer.added_at)
        .execute(&mut *self.statement().await?)
        .await?;
        Ok(())
    }

    /// All peers.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn peers(&self) -> Result<Vec<Peer>, StoreError> {
        let sql = "SELECT party, url, token_id, token_file, certificate, key, ca, log_key, added_at, heard_at, failures, retry_at, error \
                   FROM peer ORDER BY party";
        Ok(sqlx::query_as(sql).fetch_all(&self.pool).await?)
    }

    /// Takes a peer away, with what was fetched from it and given to it; what came of that stays.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn remove_peer(&self, party: &str) -> Result<bool, StoreError> {
        sqlx::query("DELETE FROM subscription WHERE party = $1").bind(party).execute(&mut *self.statement().await?).await?;
        Ok(sqlx::query("DELETE FROM peer WHERE party = $1").bind(party).execute(&mut *self.statement().await?).await?.rows_affected() > 0)
    }

    /// Notes how an exchange with a peer went.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn peer_heard(&self, party: &str, error: Option<&str>, retry_at: Option<i64>, now: i64) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE peer SET error = $2, retry_at = $3, failures = CASE WHEN $2 IS NULL THEN 0 ELSE failures + 1 END, \
             heard_at = CASE WHEN $2 IS NULL THEN $4 ELSE heard_at END WHERE party = $1",
        )
        .bind(party)
        .bind(error)
        .bind(retry_at)
        .bind(now)
        .execute(&mut *self.statement().await?)
        .await?;
        Ok(())
    }

    /// Adds something to fetch or to give; nothing changes when it is there.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn subscribe(&self, party: &str, direction: &str, remote: &str, collection: i64) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO subscription (party, direction, remote, collection) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING")
            .bind(party)
            .bind(direction)
            .bind(remote)
            .bind(collection)
            .execute(&mut *self.statement().await?)
            .await?;
        Ok(())
    }

    /// All that is fetched and given.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>, StoreError> {
        let sql = "SELECT number, party, direction, remote, collection, after, objects, refused, done_at FROM subscription ORDER BY number";
        Ok(sqlx::query_as(sql).fetch_all(&self.pool).await?)
    }

    /// Moves a subscription on, after what lies before was taken over.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn subscription_at(&self, number: i64, after: i64, objects: u64, refused: u64, now: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE subscription SET after = $2, objects = objects + $3, refused = refused + $4, done_at = $5 WHERE number = $1")
            .bind(number)
            .bind(after)
            .bind(objects as i64)
            .bind(refused as i64)
            .bind(now)
            .execute(&mut *self.statement().await?)
            .await?;
        Ok(())
    }

    /// Keeps a receipt of a peer.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn keep_receipt(&self, party: &str, release: &str, content: &str, proof: &str, now: i64) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO peer_receipt (party, release, content, proof, taken_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        )
        .bind(party)
        .bind(release)
        .bind(content)
        .bind(proof)
        .bind(now)
        .execute(&mut *self.statement().await?)
        .await?;
        Ok(())
    }

    /// Receipts of a peer, newest first: release, SHA-256 of what was given, proof.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn receipts_of(&self, party: &str, limit: i64) -> Result<Vec<(String, String, String)>, StoreError> {
        let sql = "SELECT release, content, proof FROM peer_receipt WHERE party = $1 ORDER BY taken_at DESC, release LIMIT $2";
        Ok(sqlx::query_as(sql).bind(party).bind(limit).fetch_all(&self.pool).await?)
    }

    /// Remembers that a takedown is a matter between us and a peer, and what it was told.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn set_peer_takedown(&self, takedown: &PeerTakedown) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO peer_takedown (takedown, party, side, theirs, terms, said, shown) VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (takedown) DO UPDATE SET said = excluded.said, shown = excluded.shown",
        )
        .bind(&takedown.takedown)
        .bind(&takedown.party)
        .bind(&takedown.side)
        .bind(&takedown.theirs)
        .bind(takedown.terms)
        .bind(&takedown.said)
        .bind(&takedown.shown)
        .execute(&mut *self.statement().await?)
        .await?;
        Ok(())
    }

    /// All takedowns between us and peers.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn peer_takedowns(&self) -> Result<Vec<PeerTakedown>, StoreError> {
        Ok(sqlx::query_as("SELECT takedown, party, side, theirs, terms, said, shown FROM peer_takedown ORDER BY takedown")
            .fetch_all(&self.pool)
            .await?)
    }

    /// Incidents and notes that others gave and that were not looked at yet, oldest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn unread_messages(&self, own: &str, limit: i64) -> Result<Vec<Unread>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT number, giver, terms, bytes FROM shared_object WHERE type IN ('incident', 'note') AND giver <> $1 \
             AND collection IN (SELECT number FROM collection WHERE purpose = 'respond') \
             AND NOT EXISTS (SELECT 1 FROM peer_message WHERE object = shared_object.number) ORDER BY number LIMIT $2",
        )
        .bind(own)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?)
    }

    /// Says what came of a message.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn message_read(&self, object: i64, party: &str, outcome: &str, now: i64) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO peer_message (object, party, done_at, outcome) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING")
            .bind(object)
            .bind(party)
            .bind(now)
            .bind(outcome)
            .execute(&mut *self.statement().await?)
            .await?;
        Ok(())
    }

    /// What came of the messages of peers, newest first: party, outcome, when.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn messages_read(&self, limit: i64) -> Result<Vec<(String, String, i64)>, StoreError> {
        let rows = sqlx::query("SELECT party, outcome, done_at FROM peer_message ORDER BY done_at DESC, object DESC LIMIT $1")
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
    }
}
