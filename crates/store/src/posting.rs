//! What parties add to collections and take back, and what became of each request.
//!
//! Many requests share one transaction. What a giver is told depends on nothing that it may not see: an object that is hidden from it is
//! neither "known already" nor "in conflict", it is kept beside. The moments at which objects count as added are drawn at random from the
//! time since the last addition: they rise and are unique, and the distance between two says nothing of what lies between them.

use std::collections::HashMap;

use formats::taxii::resource::{Status, StatusDetail};
use formats::taxii::{Wanted, Which, timestamp};
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use crate::StoreError;
use crate::register::{Register, values};
use crate::shared::{Eyes, visible};

/// An object that may be added.
#[derive(Clone, Debug)]
pub struct Given {
    pub id: String,
    pub kind: String,
    /// Microseconds since 1970, and as the object writes it; `None` for objects without versions.
    pub version: Option<(i64, String)>,
    /// 20 or 21.
    pub spec: i64,
    /// Number of the terms under which it is held.
    pub terms: i64,
    /// As given.
    pub bytes: Vec<u8>,
    /// A moment to keep instead of a new one: of another server's copy.
    pub date_added: Option<i64>,
}

impl Given {
    fn detail(&self, message: Option<String>, now: i64) -> StatusDetail {
        let version = self.version.as_ref().map_or_else(|| timestamp(now), |(_, text)| text.clone());
        StatusDetail { id: self.id.clone(), version, message }
    }
}

/// A request to add objects.
#[derive(Clone, Debug)]
pub struct Post {
    /// Its id where its outcome is to be remembered: a UUID of version 4.
    pub request: Option<String>,
    pub collection: i64,
    /// The party that gives, and what it may see.
    pub eyes: Eyes,
    /// Each in its place: what can be added, or why not.
    pub objects: Vec<Result<Given, StatusDetail>>,
    /// Microseconds since 1970.
    pub requested_at: i64,
}

/// What became of a request.
#[derive(Clone, Debug, Default)]
pub struct Posted {
    pub added: u64,
    pub successes: Vec<StatusDetail>,
    pub failures: Vec<StatusDetail>,
}

/// A request whose objects are still to be added.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Pending {
    pub id: String,
    pub collection: i64,
    pub giver: String,
    pub requested_at: i64,
    pub body: Vec<u8>,
}

/// Objects in one statement.
const ROWS: usize = 128;

impl Register {
    /// Adds the objects of several requests in one transaction, in order. `chance` makes the moments unforeseeable.
    ///
    /// # Errors
    /// When the register cannot be written; then nothing of it was added.
    pub async fn add_shared(&self, posts: &[Post], now: i64, chance: u64) -> Result<Vec<Posted>, StoreError> {
        let mut transaction = self.writing().await?;
        let mut chance = Chance(chance ^ now as u64);
        let mut posted = Vec::with_capacity(posts.len());
        for post in posts {
            let outcome = add(&mut transaction, post, now, &mut chance).await?;
            if let Some(id) = &post.request {
                write_request(&mut transaction, id, post, &outcome, now).await?;
            }
            posted.push(outcome);
        }
        transaction.commit().await?;
        Ok(posted)
    }

    /// Remembers a request that is to be worked on later.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn take_request(&self, pending: &Pending, total: u64) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO shared_request (id, collection, giver, requested_at, total, successes, failures, detail, body) \
             VALUES ($1, $2, $3, $4, $5, 0, 0, '{}', $6)",
        )
        .bind(&pending.id)
        .bind(pending.collection)
        .bind(&pending.giver)
        .bind(pending.requested_at)
        .bind(total as i64)
        .bind(&pending.body)
        .execute(&mut *self.statement().await?)
        .await?;
        Ok(())
    }

    /// The oldest requests that are not done.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn pending_requests(&self, limit: i64) -> Result<Vec<Pending>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT id, collection, giver, requested_at, body FROM shared_request WHERE body IS NOT NULL ORDER BY requested_at LIMIT $1",
        )
        .bind(limit)
        .fetch_all(&self.pool)
        .await?)
    }

    /// Says that a pending request is done, and how.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn finish_request(&self, id: &str, outcome: &Posted, now: i64) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE shared_request SET completed_at = $2, total = $3, successes = $4, failures = $5, detail = $6, body = NULL WHERE id = $1",
        )
        .bind(id)
        .bind(now)
        .bind((outcome.successes.len() + outcome.failures.len()) as i64)
        .bind(outcome.successes.len() as i64)
        .bind(outcome.failures.len() as i64)
        .bind(details(outcome)?)
        .execute(&mut *self.statement().await?)
        .await?;
        Ok(())
    }

    /// What became of a request of this party.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn request_status(&self, id: &str, giver: &str) -> Result<Option<Status>, StoreError> {
        let row = sqlx::query(
            "SELECT requested_at, completed_at, total, successes, failures, detail FROM shared_request WHERE id = $1 AND giver = $2",
        )
        .bind(id)
        .bind(giver)
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let done = row.get::<Option<i64>, _>(1).is_some();
        let [total, successes, failures] = [2, 3, 4].map(|at| row.get::<i64, _>(at).unsigned_abs());
        let details: Details =
            serde_json::from_str(row.get(5)).map_err(|error| StoreError::Refused(format!("request {id} in the register: {error}")))?;
        Ok(Some(Status {
            id: id.to_owned(),
            status: if done { "complete" } else { "pending" }.to_owned(),
            request_timestamp: Some(timestamp(row.get(0))),
            total_count: total,
            success_count: successes,
            successes: details.successes,
            failure_count: failures,
            failures: details.failures,
            pending_count: total - successes - failures,
            pendings: Vec::new(),
        }))
    }

    /// Forgets what became of requests that were done before a moment.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn forget_requests(&self, before: i64) -> Result<u64, StoreError> {
        Ok(sqlx::query("DELETE FROM shared_request WHERE completed_at < $1")
            .bind(before)
            .execute(&mut *self.statement().await?)
            .await?
            .rows_affected())
    }

    /// Takes back versions of an object. `None`: this reader sees none of them.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when somebody else gave it; otherwise when the register cannot be written.
    pub async fn withdraw(
        &self,
        collection: i64,
        id: &str,
        wanted: &Wanted,
        eyes: &Eyes,
        now: i64,
        chance: u64,
    ) -> Result<Option<u64>, StoreError> {
        let mut transaction = self.writing().await?;
        let sql = format!(
            "SELECT o.number, o.version, o.date_added, o.terms, o.giver FROM shared_object o WHERE o.id = $2 AND +o.collection = {collection} AND {} \
             ORDER BY o.version, o.date_added",
            visible("o", eyes)
        );
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(&eyes.party).bind(id).fetch_all(&mut *transaction).await?;
        let rows: Vec<Version> = rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4))).collect();
        let (first, last) = (rows.first().map(|row| row.1), rows.last().map(|row| row.1));
        let chosen = |version: i64| match wanted {
            Wanted::All => true,
            Wanted::These(these) => these.iter().any(|which| match which {
                Which::First => Some(version) == first,
                Which::Last => Some(version) == last,
                Which::At(at) => version == *at,
            }),
        };
        let rows: Vec<_> = rows.into_iter().filter(|row| chosen(row.1)).collect();
        if rows.is_empty() {
            return Ok(None);
        }
        if rows.iter().any(|row| row.4 != eyes.party) {
            return Err(StoreError::Refused(format!("{id}: only who gave it may take it back")));
        }
        gone(&mut transaction, collection, id, &rows, now, chance).await?;
        transaction.commit().await?;
        Ok(Some(rows.len() as u64))
    }

    /// Objects taken back behind a moment that this reader could see, oldest first: id, version, when it was taken back.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn withdrawals(&self, collection: i64, after: i64, eyes: &Eyes, limit: i64) -> Result<Vec<(String, i64, i64)>, StoreError> {
        let sql = format!(
            "SELECT o.id, o.version, o.withdrawn_at FROM shared_withdrawal o WHERE o.collection = {collection} AND o.withdrawn_at > {after} AND {} \
             ORDER BY o.withdrawn_at LIMIT {limit}",
            visible("o", eyes)
        );
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(&eyes.party).fetch_all(&self.pool).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
    }
}

/// A version of an object: number, version, when it was added, terms, giver.
type Version = (i64, i64, i64, i64, String);

/// All versions of an object go, whoever gave them and whoever sees them: number and `date_added` of each.
pub(crate) async fn take_back(
    transaction: &mut SqliteConnection,
    collection: i64,
    id: &str,
    now: i64,
    chance: u64,
) -> Result<Vec<(i64, i64)>, StoreError> {
    let sql = "SELECT number, version, date_added, terms, giver FROM shared_object WHERE id = $1 AND +collection = $2 ORDER BY version, date_added";
    let rows: Vec<Version> = sqlx::query_as(sql).bind(id).bind(collection).fetch_all(&mut *transaction).await?;
    if !rows.is_empty() {
        gone(transaction, collection, id, &rows, now, chance).await?;
    }
    Ok(rows.iter().map(|row| (row.0, row.2)).collect())
}

/// These versions are taken back: whoever could see them is told so.
async fn gone(
    transaction: &mut SqliteConnection,
    collection: i64,
    id: &str,
    rows: &[Version],
    now: i64,
    chance: u64,
) -> Result<(), StoreError> {
    let mut moments = Chance(chance ^ now as u64).moments(latest(&mut *transaction, collection).await?, now, rows.len()).into_iter();
    for (number, version, date_added, terms, giver) in rows {
        sqlx::query("DELETE FROM shared_object WHERE number = $1").bind(number).execute(&mut *transaction).await?;
        sqlx::query(
            "INSERT INTO shared_withdrawal (collection, id, version, date_added, terms, giver, withdrawn_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(collection)
        .bind(id)
        .bind(version)
        .bind(date_added)
        .bind(terms)
        .bind(giver)
        .bind(moments.next().unwrap_or(now))
        .execute(&mut *transaction)
        .await?;
    }
    sqlx::query(
        "UPDATE shared_object SET newest = CASE WHEN version = (SELECT max(version) FROM shared_object WHERE id = $1 AND collection = $2) \
         THEN 1 ELSE 0 END WHERE id = $1 AND collection = $2",
    )
    .bind(id)
    .bind(collection)
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

#[derive(Debug, Default, serde::Deserialize, serde::Serialize)]
struct Details {
    #[serde(default)]
    successes: Vec<StatusDetail>,
    #[serde(default)]
    failures: Vec<StatusDetail>,
}

fn details(outcome: &Posted) -> Result<String, StoreError> {
    let details = Details { successes: outcome.successes.clone(), failures: outcome.failures.clone() };
    serde_json::to_string(&details).map_err(|error| StoreError::Refused(format!("the outcome of a request: {error}")))
}

async fn write_request(transaction: &mut SqliteConnection, id: &str, post: &Post, outcome: &Posted, now: i64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO shared_request (id, collection, giver, requested_at, completed_at, total, successes, failures, detail) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(id)
    .bind(post.collection)
    .bind(&post.eyes.party)
    .bind(post.requested_at)
    .bind(now)
    .bind(post.objects.len() as i64)
    .bind(outcome.successes.len() as i64)
    .bind(outcome.failures.len() as i64)
    .bind(details(outcome)?)
    .execute(transaction)
    .await?;
    Ok(())
}

/// The latest moment that a collection has used.
async fn latest(transaction: &mut SqliteConnection, collection: i64) -> Result<i64, StoreError> {
    let added: Option<i64> = sqlx::query_scalar("SELECT max(date_added) FROM shared_object WHERE collection = $1")
        .bind(collection)
        .fetch_one(&mut *transaction)
        .await?;
    let withdrawn: Option<i64> = sqlx::query_scalar("SELECT max(withdrawn_at) FROM shared_withdrawal WHERE collection = $1")
        .bind(collection)
        .fetch_one(transaction)
        .await?;
    Ok(added.max(withdrawn).unwrap_or(0))
}

/// A row that is there already, as far as a new one depends on it.
#[derive(Clone, Debug)]
struct There {
    number: i64,
    version: i64,
    seen: bool,
    newest: bool,
}

async fn add(transaction: &mut SqliteConnection, post: &Post, now: i64, chance: &mut Chance) -> Result<Posted, StoreError> {
    let mut outcome = Posted::default();
    let last = latest(transaction, post.collection).await?;
    // As many moments as there can be new objects; which of them are used tells nothing, they are all equally likely.
    let count = post.objects.iter().filter(|object| object.is_ok()).count();
    let mut moments = chance.moments(last, now, count).into_iter();
    for objects in post.objects.chunks(ROWS) {
        let ids: Vec<&str> = objects.iter().filter_map(|object| object.as_ref().ok()).map(|given| given.id.as_str()).collect();
        let mut there = there(transaction, post, &ids).await?;
        let withdrawn = withdrawn(transaction, post, &ids).await?;
        let mut rows: Vec<(&Given, i64, i64, bool, bool)> = Vec::with_capacity(objects.len());
        for object in objects {
            let given = match object {
                Ok(given) => given,
                Err(failure) => {
                    outcome.failures.push(failure.clone());
                    continue;
                }
            };
            let version = given.version.as_ref().map(|(at, _)| *at);
            if withdrawn.iter().any(|(id, at)| *id == given.id && version.is_none_or(|version| version == *at)) {
                outcome.failures.push(given.detail(Some("was withdrawn from this collection and is not taken again".into()), now));
                continue;
            }
            let known = there.entry(given.id.clone()).or_default();
            match seen_before(transaction, given, version, known, &rows).await? {
                Before::Known => {
                    outcome.successes.push(given.detail(None, now));
                    continue;
                }
                Before::Conflict => {
                    let message = "another object with this id and version is here: a new version needs a later `modified`";
                    outcome.failures.push(given.detail(Some(message.into()), now));
                    continue;
                }
                Before::New => {}
            }
            let moment = match given.date_added {
                Some(kept) => free(transaction, post.collection, kept).await?,
                None => moments.next().unwrap_or(now),
            };
            let version = version.unwrap_or(moment);
            let newest = known.iter().all(|row| row.version <= version);
            if newest {
                for row in known.iter_mut().filter(|row| row.newest && row.version < version) {
                    row.newest = false;
                    if row.number < 0 {
                        rows[(-row.number - 1) as usize].3 = false;
                    } else {
                        sqlx::query("UPDATE shared_object SET newest = 0 WHERE number = $1")
                            .bind(row.number)
                            .execute(&mut *transaction)
                            .await?;
                    }
                }
            }
            let twin = known.iter().any(|row| row.version == version);
            // Rows of this statement have no number yet: their place, counted down from -1.
            known.push(There { number: -(rows.len() as i64) - 1, version, seen: true, newest });
            rows.push((given, moment, version, newest, twin));
            outcome.successes.push(given.detail(None, now));
        }
        insert(transaction, post, &rows).await?;
        outcome.added += rows.len() as u64;
    }
    Ok(outcome)
}

/// The moment to keep, or the next one that nothing in the collection has: servers exist that gave one to many.
async fn free(transaction: &mut SqliteConnection, collection: i64, kept: i64) -> Result<i64, StoreError> {
    let mut moment = kept;
    loop {
        let taken: i64 = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM shared_object WHERE collection = $1 AND date_added = $2)")
            .bind(collection)
            .bind(moment)
            .fetch_one(&mut *transaction)
            .await?;
        if taken == 0 {
            return Ok(moment);
        }
        moment += 1;
    }
}

enum Before {
    New,
    Known,
    Conflict,
}

async fn seen_before(
    transaction: &mut SqliteConnection,
    given: &Given,
    version: Option<i64>,
    known: &[There],
    rows: &[(&Given, i64, i64, bool, bool)],
) -> Result<Before, StoreError> {
    let mut before = Before::New;
    for row in known.iter().filter(|row| row.seen && version.is_none_or(|version| version == row.version)) {
        let same = if row.number < 0 {
            rows.get((-row.number - 1) as usize).is_some_and(|(other, ..)| other.bytes == given.bytes)
        } else {
            sqlx::query_scalar::<_, i64>("SELECT bytes = $2 FROM shared_object WHERE number = $1")
                .bind(row.number)
                .bind(&given.bytes)
                .fetch_one(&mut *transaction)
                .await?
                != 0
        };
        if same {
            return Ok(Before::Known);
        }
        // An object without versions may change and stay what it is called.
        if version.is_some() {
            before = Before::Conflict;
        }
    }
    Ok(before)
}

async fn there(transaction: &mut SqliteConnection, post: &Post, ids: &[&str]) -> Result<HashMap<String, Vec<There>>, StoreError> {
    let mut there: HashMap<String, Vec<There>> = HashMap::new();
    if ids.is_empty() {
        return Ok(there);
    }
    let sql = format!(
        "SELECT o.id, o.number, o.version, {}, o.newest FROM shared_object o WHERE +o.collection = {} AND o.id IN ({})",
        visible("o", &post.eyes),
        post.collection,
        places(ids.len(), 2)
    );
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(&post.eyes.party);
    for id in ids {
        query = query.bind(*id);
    }
    for row in query.fetch_all(transaction).await? {
        let seen = row.get::<i64, _>(3) != 0;
        there.entry(row.get(0)).or_default().push(There {
            number: row.get(1),
            version: row.get(2),
            seen,
            newest: row.get::<i64, _>(4) != 0,
        });
    }
    Ok(there)
}

/// Which of these were taken back, as far as the giver could see them.
async fn withdrawn(transaction: &mut SqliteConnection, post: &Post, ids: &[&str]) -> Result<Vec<(String, i64)>, StoreError> {
    let any: i64 = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM shared_withdrawal WHERE collection = $1)")
        .bind(post.collection)
        .fetch_one(&mut *transaction)
        .await?;
    if any == 0 || ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT o.id, o.version FROM shared_withdrawal o WHERE o.collection = {} AND {} AND o.id IN ({})",
        post.collection,
        visible("o", &post.eyes),
        places(ids.len(), 2)
    );
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(&post.eyes.party);
    for id in ids {
        query = query.bind(*id);
    }
    Ok(query.fetch_all(transaction).await?.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// `$2,$3,…`
fn places(count: usize, first: usize) -> String {
    (first..first + count).map(|place| format!("${place}")).collect::<Vec<_>>().join(",")
}

async fn insert(transaction: &mut SqliteConnection, post: &Post, rows: &[(&Given, i64, i64, bool, bool)]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO shared_object (collection, date_added, id, type, version, version_text, spec, newest, twin, terms, giver, bytes) VALUES {}",
        values(rows.len(), 12)
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for (given, moment, version, newest, twin) in rows {
        query = query
            .bind(post.collection)
            .bind(moment)
            .bind(&given.id)
            .bind(&given.kind)
            .bind(version)
            .bind(given.version.as_ref().map(|(_, text)| text))
            .bind(given.spec)
            .bind(i64::from(*newest))
            .bind(i64::from(*twin))
            .bind(given.terms)
            .bind(&post.eyes.party)
            .bind(&given.bytes);
    }
    query.execute(transaction).await.map_err(|error| match error.as_database_error().is_some_and(|e| e.is_unique_violation()) {
        true => StoreError::Refused("an object with this date_added is in the collection already".into()),
        false => error.into(),
    })?;
    Ok(())
}

/// Unforeseeable numbers (SplitMix64 from a random seed): no secret depends on them but how many objects lie between two.
#[derive(Debug)]
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// `count` different moments, rising, later than `last`: drawn from the last second, or from what of it is left.
    fn moments(&mut self, last: i64, now: i64, count: usize) -> Vec<i64> {
        let first = (last + 1).max(now - 1_000_000);
        let room = (now - first + 1).max(count as i64 * 4) as u64;
        let mut moments: Vec<i64> = (0..count).map(|_| first + (self.next() % room) as i64).collect();
        loop {
            moments.sort_unstable();
            moments.dedup();
            if moments.len() == count {
                return moments;
            }
            for _ in moments.len()..count {
                moments.push(first + (self.next() % room) as i64);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_rise_are_unique_and_never_go_back() {
        let mut chance = Chance(7);
        let mut last = 0;
        for (now, count) in [(10_000_000, 5), (10_000_000, 1000), (10_000_001, 3), (9_000_000, 10), (50_000_000, 0), (50_000_000, 1)] {
            let moments = chance.moments(last, now, count);
            assert_eq!(moments.len(), count);
            assert!(moments.is_sorted_by(|a, b| a < b) && moments.iter().all(|at| *at > last));
            last = moments.last().copied().unwrap_or(last);
        }
    }

    #[test]
    fn the_distance_between_two_does_not_grow_with_what_lies_between() {
        // One of ten objects is seen: the same spread as if it were alone.
        let mean = |count: usize, pick: usize| {
            let mut chance = Chance(1);
            let sum: i64 = (0..400).map(|_| chance.moments(0, 10_000_000, count)[pick]).sum();
            sum / 400 - 9_000_000
        };
        let (alone, among) = (mean(1, 0), (0..10).map(|pick| mean(10, pick)).sum::<i64>() / 10);
        assert!((alone - among).abs() < 60_000, "{alone} {among}");
    }
}
