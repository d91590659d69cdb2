//! Parties: who they are, what they answer for, how they are reached; and what we knew of them on any day.
//!
//! Every part of a party is a row with the time from which it was recorded and, once something else took its place, the time
//! at which it was superseded. A change writes only what differs. Nothing is deleted, so yesterday can be asked.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;

use casework::model::event::Country;
use casework::model::party::{
    Claim, Contact, ContactRole, Language, Party, PartyId, PartyKind, Product, Provenance, Responsibility, Validity,
};
use formats::value;
use hashbrown::{HashMap, HashSet};
use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use crate::StoreError;
use crate::register::Register;
use crate::tokens::is_as_seen;

/// What became of parties or agreements that were to be recorded.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Recorded {
    pub added: u64,
    pub changed: u64,
    pub unchanged: u64,
}

/// Rows of one statement: SQLite takes 32,766 values, PostgreSQL 65,535.
const ROWS: usize = 1_000;

/// True for what was known at `$1`.
const KNOWN: &str = "recorded_at <= $1 AND (superseded_at IS NULL OR superseded_at > $1)";

impl Register {
    /// The parties known at `at` that exist at `at`, by id. Their claims and contacts have validities of their own.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn parties(&self, at: Timestamp) -> Result<Vec<Party>, StoreError> {
        let parties = self.parties_known(at).await?;
        Ok(parties.into_iter().filter(|party| party.validity.holds(at)).collect())
    }

    /// The parties known at `at`, also those that have ended or not yet begun, by id.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn parties_known(&self, at: Timestamp) -> Result<Vec<Party>, StoreError> {
        // One transaction: a change between two questions must not be seen by half.
        let mut transaction = self.pool.begin().await?;
        let known = load(&mut transaction, at, None).await?;
        Ok(known.into_values().map(|known| known.party).collect())
    }

    /// One party as known at `at`, also when it has ended.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn party(&self, id: &PartyId, at: Timestamp) -> Result<Option<Party>, StoreError> {
        let mut transaction = self.pool.begin().await?;
        Ok(load(&mut transaction, at, Some(id)).await?.pop_first().map(|(_, known)| known.party))
    }

    /// When a party was changed, oldest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn party_changes(&self, id: &PartyId) -> Result<Vec<Timestamp>, StoreError> {
        let times: Vec<i64> = sqlx::query_scalar(
            "SELECT recorded_at FROM party WHERE id = $1 \
             UNION SELECT recorded_at FROM party_word WHERE party = $1 UNION SELECT superseded_at FROM party_word WHERE party = $1 AND superseded_at IS NOT NULL \
             UNION SELECT recorded_at FROM party_claim WHERE party = $1 UNION SELECT superseded_at FROM party_claim WHERE party = $1 AND superseded_at IS NOT NULL \
             UNION SELECT recorded_at FROM party_contact WHERE party = $1 UNION SELECT superseded_at FROM party_contact WHERE party = $1 AND superseded_at IS NOT NULL \
             ORDER BY 1",
        )
        .bind(id.as_str())
        .fetch_all(&self.pool)
        .await?;
        times.into_iter().map(moment).collect()
    }

    /// The party that we are, if anybody said so.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn own_party(&self) -> Result<Option<PartyId>, StoreError> {
        let id: Option<String> = sqlx::query_scalar("SELECT party FROM own_party WHERE superseded_at IS NULL ORDER BY recorded_at DESC")
            .fetch_optional(&self.pool)
            .await?;
        id.map(|id| id.parse().map_err(|e| StoreError::Refused(format!("register: {e}")))).transpose()
    }

    /// Says which party we are.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when there is no such party.
    pub async fn set_own_party(&self, id: &PartyId, now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.writing().await?;
        let known: i64 = sqlx::query_scalar("SELECT count(*) FROM party WHERE id = $1 AND superseded_at IS NULL")
            .bind(id.as_str())
            .fetch_one(&mut *transaction)
            .await?;
        if known == 0 {
            return Err(StoreError::Refused(format!("there is no party {id}; `musubi party add` makes one")));
        }
        let latest: Option<i64> = sqlx::query_scalar("SELECT max(recorded_at) FROM own_party").fetch_one(&mut *transaction).await?;
        let now = after(now, latest);
        let same = sqlx::query_scalar::<_, String>("SELECT party FROM own_party WHERE superseded_at IS NULL")
            .fetch_optional(&mut *transaction)
            .await?;
        if same.as_deref() != Some(id.as_str()) {
            sqlx::query("UPDATE own_party SET superseded_at = $1 WHERE superseded_at IS NULL").bind(now).execute(&mut *transaction).await?;
            sqlx::query("INSERT INTO own_party (party, recorded_at) VALUES ($1, $2)")
                .bind(id.as_str())
                .bind(now)
                .execute(&mut *transaction)
                .await?;
            // Our own people go along; whoever had an account before we had a name was of `local`.
            sqlx::query(
                "UPDATE person SET party = $1 WHERE (party = 'local' OR party = $2) AND role NOT IN ('partner', 'partner-administrator')",
            )
            .bind(id.as_str())
            .bind(same.as_deref())
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Records parties as they are from now on. `change` is given what is known of a party and what is now said of it, and
    /// tells what it is; both are read and written in one transaction.
    ///
    /// # Errors
    /// When the register cannot be written; then nothing has changed.
    pub async fn record_parties(
        &self,
        said: Vec<Party>,
        now: Timestamp,
        change: impl Fn(Option<&Party>, Party) -> Party,
    ) -> Result<Recorded, StoreError> {
        Ok(self.record_parties_seen(said, now, None, change).await?.unwrap_or_default())
    }

    /// The same, when nothing has changed since [`Register::policy_change`] was `seen`; else `None`, and nothing is recorded.
    ///
    /// # Errors
    /// As [`Register::record_parties`].
    pub async fn record_parties_seen(
        &self,
        said: Vec<Party>,
        now: Timestamp,
        seen: Option<i64>,
        change: impl Fn(Option<&Party>, Party) -> Party,
    ) -> Result<Option<Recorded>, StoreError> {
        let mut transaction = self.writing().await?;
        if !is_as_seen(&mut transaction, seen).await? {
            return Ok(None);
        }
        // Later than all that stands there, also when the clock went back.
        let latest: Option<i64> = sqlx::query_scalar("SELECT max(recorded_at) FROM party").fetch_one(&mut *transaction).await?;
        let now = after(now, latest);
        let one = if let [party] = &said[..] { Some(party.id.clone()) } else { None };
        let known = load(&mut transaction, Timestamp::MAX, one.as_ref()).await?;
        // The same party may be said twice in one go: the second word joins what the first made of it.
        let mut becomes: BTreeMap<PartyId, Party> = BTreeMap::new();
        for party in said {
            let id = party.id.clone();
            let before = becomes.get(&id).or_else(|| known.get(&id).map(|known| &known.party));
            let party = normal(change(before, party));
            becomes.insert(id, party);
        }
        let mut recorded = Recorded::default();
        let mut writing = Writing { now, ..Writing::default() };
        for (id, party) in becomes {
            match known.get(&id) {
                Some(known) if known.party == party => {
                    recorded.unchanged += 1;
                    continue;
                }
                Some(_) => recorded.changed += 1,
                None => recorded.added += 1,
            }
            writing.party(known.get(&id), &party);
            if writing.is_large() {
                writing.flush(&mut transaction).await?;
            }
        }
        writing.flush(&mut transaction).await?;
        transaction.commit().await?;
        Ok(Some(recorded))
    }
}

/// A time later than the latest recorded one.
pub(crate) fn after(now: Timestamp, latest: Option<i64>) -> i64 {
    latest.map_or(now.as_microsecond(), |latest| now.as_microsecond().max(latest + 1))
}

pub(crate) fn moment(microseconds: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(microseconds).map_err(|e| StoreError::Refused(format!("register: {e}")))
}

/// Parts in one order and each once, so that equal parties are equal.
fn normal(mut party: Party) -> Party {
    let mut claims: Vec<_> = party.constituency.drain(..).map(|r| (claim_key(&r), r)).collect();
    claims.sort_by(|a, b| a.1.claim.cmp(&b.1.claim).then_with(|| a.0.cmp(&b.0)));
    claims.dedup_by(|a, b| a.0 == b.0);
    party.constituency = claims.into_iter().map(|(_, r)| r).collect();
    let mut contacts: Vec<_> = party.contacts.drain(..).map(|c| (contact_key(&c), c)).collect();
    contacts.sort_by(|a, b| a.0.cmp(&b.0));
    contacts.dedup_by(|a, b| a.0 == b.0);
    party.contacts = contacts.into_iter().map(|(_, c)| c).collect();
    party
}

// ------------------------------------------------------------------------------------------- as rows

type Word = (&'static str, String);
/// Kind, value, model, provenance, from, until.
type ClaimKey = (String, String, Option<String>, String, Option<i64>, Option<i64>);
/// Role, language, address, key, provenance, from, until.
type ContactKey = (String, String, String, Option<String>, String, Option<i64>, Option<i64>);

/// A party as the register has it, with the numbers of its rows.
#[derive(Debug)]
struct Known {
    party: Party,
    words: HashMap<Word, i64>,
    claims: HashMap<ClaimKey, i64>,
    contacts: HashMap<ContactKey, i64>,
    /// The first number that is free in each of the three tables.
    free: [i64; 3],
}

fn words(party: &Party) -> impl Iterator<Item = Word> + '_ {
    let sectors = party.sectors.iter().map(|w| ("sector", w.clone()));
    let communities = party.communities.iter().map(|w| ("community", w.clone()));
    sectors.chain(communities).chain(party.clients_of.iter().map(|w| ("client-of", w.to_string())))
}

fn ends(validity: Validity) -> (Option<i64>, Option<i64>) {
    (validity.from.map(Timestamp::as_microsecond), validity.until.map(Timestamp::as_microsecond))
}

fn claim_key(part: &Responsibility) -> ClaimKey {
    let (value, model) = match &part.claim {
        Claim::Asn(asn) => (asn.to_string(), None),
        Claim::Product(product) => (product.vendor.clone(), product.model.clone()),
        Claim::Network(_) | Claim::Domain(_) | Claim::Country(_) => (part.claim.to_string(), None),
    };
    let (from, until) = ends(part.validity);
    (part.claim.kind().to_owned(), value, model, part.provenance.to_string(), from, until)
}

fn contact_key(contact: &Contact) -> ContactKey {
    let (from, until) = ends(contact.validity);
    let Contact { role, language, address, openpgp_key, provenance, .. } = contact;
    (role.as_str().to_owned(), language.as_str().to_owned(), address.clone(), openpgp_key.clone(), provenance.to_string(), from, until)
}

/// Rows to be written, collected so that thousands go in one statement.
#[derive(Debug, Default)]
struct Writing {
    now: i64,
    parties: Vec<Party>,
    words: Vec<(PartyId, i64, Word)>,
    claims: Vec<(PartyId, i64, ClaimKey)>,
    contacts: Vec<(PartyId, i64, ContactKey)>,
    /// Table, party, number.
    ended: Vec<(&'static str, PartyId, i64)>,
    ended_parties: Vec<PartyId>,
}

impl Writing {
    /// Adds what differs.
    fn party(&mut self, before: Option<&Known>, party: &Party) {
        let row = |p: &Party| (p.name.clone(), p.name_ja.clone(), p.kind, p.nation, p.provenance.clone(), p.validity);
        if before.is_none_or(|known| row(&known.party) != row(party)) {
            if before.is_some() {
                self.ended_parties.push(party.id.clone());
            }
            self.parties.push(Party { constituency: Vec::new(), contacts: Vec::new(), ..party.clone() });
        }
        let mut free = before.map_or([0; 3], |known| known.free);
        let id = &party.id;
        let ended = |table| move |number| (table, id.clone(), number);
        let words = changes(before.map(|k| &k.words), words(party), &mut free[0]);
        let claims = changes(before.map(|k| &k.claims), party.constituency.iter().map(claim_key), &mut free[1]);
        let contacts = changes(before.map(|k| &k.contacts), party.contacts.iter().map(contact_key), &mut free[2]);
        self.ended.extend(words.gone.iter().copied().map(ended("party_word")));
        self.ended.extend(claims.gone.iter().copied().map(ended("party_claim")));
        self.ended.extend(contacts.gone.iter().copied().map(ended("party_contact")));
        self.words.extend(words.new.iter().map(|(n, key)| (id.clone(), *n, key.clone())));
        self.claims.extend(claims.new.iter().map(|(n, key)| (id.clone(), *n, key.clone())));
        self.contacts.extend(contacts.new.iter().map(|(n, key)| (id.clone(), *n, key.clone())));
    }

    fn is_large(&self) -> bool {
        self.claims.len() + self.words.len() + self.contacts.len() > 20_000
    }

    async fn flush(&mut self, to: &mut SqliteConnection) -> Result<(), StoreError> {
        let now = self.now;
        for id in self.ended_parties.drain(..) {
            sqlx::query("UPDATE party SET superseded_at = $1 WHERE id = $2 AND superseded_at IS NULL")
                .bind(now)
                .bind(id.as_str())
                .execute(&mut *to)
                .await?;
        }
        for (table, id, number) in self.ended.drain(..) {
            let sql = match table {
                "party_word" => "UPDATE party_word SET superseded_at = $1 WHERE party = $2 AND number = $3",
                "party_claim" => "UPDATE party_claim SET superseded_at = $1 WHERE party = $2 AND number = $3",
                _ => "UPDATE party_contact SET superseded_at = $1 WHERE party = $2 AND number = $3",
            };
            sqlx::query(sql).bind(now).bind(id.as_str()).bind(number).execute(&mut *to).await?;
        }
        for party in self.parties.drain(..) {
            let (from, until) = ends(party.validity);
            sqlx::query(
                "INSERT INTO party (id, name, name_ja, kind, nation, provenance, valid_from, valid_until, recorded_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            )
            .bind(party.id.as_str())
            .bind(&party.name)
            .bind(&party.name_ja)
            .bind(party.kind.as_str())
            .bind(party.nation.map(|n| n.as_str().to_owned()))
            .bind(party.provenance.to_string())
            .bind(from)
            .bind(until)
            .bind(now)
            .execute(&mut *to)
            .await?;
        }
        for rows in self.words.chunks(ROWS) {
            let mut sql = QueryBuilder::<Sqlite>::new("INSERT INTO party_word (party, number, kind, word, recorded_at) ");
            sql.push_values(rows, |mut row, (party, number, (kind, word))| {
                row.push_bind(party.as_str()).push_bind(number).push_bind(*kind).push_bind(word).push_bind(now);
            });
            sql.build().execute(&mut *to).await?;
        }
        for rows in self.claims.chunks(ROWS) {
            let mut sql = QueryBuilder::<Sqlite>::new(
                "INSERT INTO party_claim (party, number, kind, value, model, provenance, valid_from, valid_until, recorded_at) ",
            );
            sql.push_values(rows, |mut row, (party, number, (kind, value, model, provenance, from, until))| {
                row.push_bind(party.as_str()).push_bind(number).push_bind(kind).push_bind(value).push_bind(model);
                row.push_bind(provenance).push_bind(from).push_bind(until).push_bind(now);
            });
            sql.build().execute(&mut *to).await?;
        }
        for rows in self.contacts.chunks(ROWS) {
            let mut sql = QueryBuilder::<Sqlite>::new(
                "INSERT INTO party_contact (party, number, role, language, address, openpgp_key, provenance, valid_from, valid_until, recorded_at) ",
            );
            sql.push_values(rows, |mut row, (party, number, (role, language, address, key, provenance, from, until))| {
                row.push_bind(party.as_str()).push_bind(number).push_bind(role).push_bind(language).push_bind(address).push_bind(key);
                row.push_bind(provenance).push_bind(from).push_bind(until).push_bind(now);
            });
            sql.build().execute(&mut *to).await?;
        }
        (self.words, self.claims, self.contacts) = Default::default();
        Ok(())
    }
}

/// What is to be done so that exactly these parts are there.
struct Changes<K> {
    gone: Vec<i64>,
    new: Vec<(i64, K)>,
}

fn changes<K: Eq + Hash>(before: Option<&HashMap<K, i64>>, parts: impl Iterator<Item = K>, free: &mut i64) -> Changes<K> {
    let mut kept = HashSet::new();
    let mut new = Vec::new();
    for key in parts {
        match before.and_then(|before| before.get(&key)) {
            Some(number) => {
                kept.insert(*number);
            }
            None => {
                new.push((*free, key));
                *free += 1;
            }
        }
    }
    let gone = before.into_iter().flat_map(HashMap::values).filter(|number| !kept.contains(*number)).copied().collect();
    Changes { gone, new }
}

// ------------------------------------------------------------------------------------------- reading

#[derive(sqlx::FromRow)]
struct PartyRow {
    id: String,
    name: String,
    name_ja: Option<String>,
    kind: String,
    nation: Option<String>,
    provenance: String,
    valid_from: Option<i64>,
    valid_until: Option<i64>,
}

/// What a row says that this program cannot read: the register was changed by something else.
fn unread(what: &str, value: &str) -> StoreError {
    StoreError::Refused(format!("register: {value:?} is no {what}"))
}

pub(crate) fn validity(from: Option<i64>, until: Option<i64>) -> Result<Validity, StoreError> {
    Ok(Validity { from: from.map(moment).transpose()?, until: until.map(moment).transpose()? })
}

async fn load(from: &mut SqliteConnection, at: Timestamp, only: Option<&PartyId>) -> Result<BTreeMap<PartyId, Known>, StoreError> {
    let one = only.map_or("", PartyId::as_str);
    let at = at.as_microsecond();
    let columns = "id, name, name_ja, kind, nation, provenance, valid_from, valid_until";
    let sql = format!("SELECT {columns} FROM party WHERE {KNOWN} AND ($2 = '' OR id = $2)");
    let rows: Vec<PartyRow> = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(at).bind(one).fetch_all(&mut *from).await?;
    let mut all = BTreeMap::new();
    for row in rows {
        let id: PartyId = row.id.parse().map_err(|_| unread("party id", &row.id))?;
        let party = Party {
            name: row.name,
            name_ja: row.name_ja,
            kind: PartyKind::read(&row.kind).ok_or_else(|| unread("kind of party", &row.kind))?,
            nation: row.nation.map(|n| value::country(&n).map(Country).ok_or_else(|| unread("country", &n))).transpose()?,
            sectors: BTreeSet::new(),
            communities: BTreeSet::new(),
            clients_of: BTreeSet::new(),
            constituency: Vec::new(),
            contacts: Vec::new(),
            provenance: Provenance::read(&row.provenance).ok_or_else(|| unread("provenance", &row.provenance))?,
            validity: validity(row.valid_from, row.valid_until)?,
            id: id.clone(),
        };
        let known = Known { party, words: HashMap::new(), claims: HashMap::new(), contacts: HashMap::new(), free: [0; 3] };
        all.insert(id, known);
    }
    for (slot, table) in ["party_word", "party_claim", "party_contact"].into_iter().enumerate() {
        let sql = format!("SELECT party, max(number) FROM {table} WHERE ($1 = '' OR party = $1) GROUP BY party");
        let numbers: Vec<(String, i64)> = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(one).fetch_all(&mut *from).await?;
        for (party, number) in numbers {
            if let Some(known) = party.parse().ok().and_then(|id: PartyId| all.get_mut(&id)) {
                known.free[slot] = number + 1;
            }
        }
    }
    load_words(from, at, one, &mut all).await?;
    load_claims(from, at, one, &mut all).await?;
    load_contacts(from, at, one, &mut all).await?;
    // One order, so that what did not change is equal.
    Ok(all.into_iter().map(|(id, known)| (id, Known { party: normal(known.party), ..known })).collect())
}

async fn load_words(from: &mut SqliteConnection, at: i64, one: &str, all: &mut BTreeMap<PartyId, Known>) -> Result<(), StoreError> {
    let sql = format!("SELECT party, number, kind, word FROM party_word WHERE {KNOWN} AND ($2 = '' OR party = $2)");
    let rows: Vec<(String, i64, String, String)> = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(at).bind(one).fetch_all(from).await?;
    for (party, number, kind, word) in rows {
        let Some(known) = party.parse().ok().and_then(|id: PartyId| all.get_mut(&id)) else { continue };
        let kind = match kind.as_str() {
            "sector" => {
                known.party.sectors.insert(word.clone());
                "sector"
            }
            "community" => {
                known.party.communities.insert(word.clone());
                "community"
            }
            "client-of" => {
                known.party.clients_of.insert(word.parse().map_err(|_| unread("party id", &word))?);
                "client-of"
            }
            other => return Err(unread("kind of word", other)),
        };
        known.words.insert((kind, word), number);
    }
    Ok(())
}

#[derive(sqlx::FromRow)]
struct ClaimRow {
    party: String,
    number: i64,
    kind: String,
    value: String,
    model: Option<String>,
    provenance: String,
    valid_from: Option<i64>,
    valid_until: Option<i64>,
}

async fn load_claims(from: &mut SqliteConnection, at: i64, one: &str, all: &mut BTreeMap<PartyId, Known>) -> Result<(), StoreError> {
    let columns = "party, number, kind, value, model, provenance, valid_from, valid_until";
    let sql = format!("SELECT {columns} FROM party_claim WHERE {KNOWN} AND ($2 = '' OR party = $2)");
    let rows: Vec<ClaimRow> = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(at).bind(one).fetch_all(from).await?;
    for row in rows {
        let Some(known) = row.party.parse().ok().and_then(|id: PartyId| all.get_mut(&id)) else { continue };
        let claim = match row.kind.as_str() {
            "network" => value::network(&row.value).map(Claim::Network),
            "asn" => row.value.parse().ok().map(Claim::Asn),
            "domain" => Some(Claim::Domain(row.value.clone())),
            "country" => value::country(&row.value).map(|c| Claim::Country(Country(c))),
            "product" => Some(Claim::Product(Product { vendor: row.value.clone(), model: row.model.clone() })),
            _ => None,
        };
        let responsibility = Responsibility {
            claim: claim.ok_or_else(|| unread(&row.kind, &row.value))?,
            provenance: Provenance::read(&row.provenance).ok_or_else(|| unread("provenance", &row.provenance))?,
            validity: validity(row.valid_from, row.valid_until)?,
        };
        known.claims.insert(claim_key(&responsibility), row.number);
        known.party.constituency.push(responsibility);
    }
    Ok(())
}

#[derive(sqlx::FromRow)]
struct ContactRow {
    party: String,
    number: i64,
    role: String,
    language: String,
    address: String,
    openpgp_key: Option<String>,
    provenance: String,
    valid_from: Option<i64>,
    valid_until: Option<i64>,
}

async fn load_contacts(from: &mut SqliteConnection, at: i64, one: &str, all: &mut BTreeMap<PartyId, Known>) -> Result<(), StoreError> {
    let columns = "party, number, role, language, address, openpgp_key, provenance, valid_from, valid_until";
    let sql = format!("SELECT {columns} FROM party_contact WHERE {KNOWN} AND ($2 = '' OR party = $2)");
    let rows: Vec<ContactRow> = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(at).bind(one).fetch_all(from).await?;
    for row in rows {
        let Some(known) = row.party.parse().ok().and_then(|id: PartyId| all.get_mut(&id)) else { continue };
        let contact = Contact {
            role: ContactRole::read(&row.role).ok_or_else(|| unread("role", &row.role))?,
            language: Language::read(&row.language).ok_or_else(|| unread("language", &row.language))?,
            // It goes into SMTP commands: what somebody wrote into the database by hand is checked as well.
            address: formats::mail_address::read(&row.address).map_err(|e| StoreError::Refused(format!("register: {e}")))?,
            openpgp_key: row.openpgp_key,
            provenance: Provenance::read(&row.provenance).ok_or_else(|| unread("provenance", &row.provenance))?,
            validity: validity(row.valid_from, row.valid_until)?,
        };
        known.contacts.insert(contact_key(&contact), row.number);
        known.party.contacts.push(contact);
    }
    Ok(())
}
