//! Where else was this value seen: in which indicators, shared objects and events of others?
//!
//! Values are filed in two kinds of files. One holds the values, each with the number of the thing it was seen in; a *place* is the byte at
//! which one begins, counted through all files. The other holds keys and the places they lead to ([`casework::correlate::segment`]).
//! Both exist when their rows in the register do, which are written in one transaction with the things themselves; files of keys are merged
//! when they are many. A thing that is filed again unchanged costs nothing; one that has changed is filed anew and its old self is gone.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use casework::correlate::filing::{Relation, asked_for, filed_under};
use casework::correlate::segment::{self, ReadAt, Segment, USUALLY_KEPT};
use casework::correlate::similar::{ssdeep_score, tlsh_distance};
use casework::model::observable::{Kind, LONGEST, Observable};
use sqlx::{AssertSqlSafe, Row as _};

use crate::StoreError;
use crate::home::{Home, create_private, sync_folder, unique};
use crate::register::{Register, values};

const MAGIC: &[u8; 8] = b"MSBVALS1";
/// Values in one pair of files.
const TOGETHER: usize = 1_000_000;
/// More files of keys than these are merged into one.
const FILES: usize = 8;
/// Rows in one statement.
const ROWS: usize = 512;
/// Two files further apart than this have nothing in common, by their TLSH.
const FARTHEST: u32 = 100;

/// Something in which values were seen.
#[derive(Clone, Debug)]
pub struct Filed {
    /// `indicator`, `stix`, `misp`.
    pub kind: &'static str,
    /// By which it is found there: an id.
    pub name: String,
    /// Number of its terms.
    pub terms: i64,
    pub values: Vec<Observable>,
}

/// A value that is related to what was asked, and where it was seen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Seen {
    pub relation: Relation,
    pub observable: Observable,
    /// Of a fuzzy hash: the score of ssdeep (100 is the same), the distance of TLSH (0 is the same).
    pub closeness: Option<u32>,
    pub kind: String,
    pub name: String,
    pub terms: i64,
}

/// What is known of a value's whereabouts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Whereabouts {
    /// The closest relation first; each thing and value once.
    pub seen: Vec<Seen>,
    /// Too common to list all: how often under each relation. The newest are listed.
    pub common: Vec<(Relation, u64)>,
}

/// Bytes of a file by their place.
#[derive(Debug)]
struct OnDisk {
    file: File,
    size: u64,
}

impl OnDisk {
    fn open(path: &Path) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(StoreError::file(path))?;
        let size = file.metadata().map_err(StoreError::file(path))?.len();
        Ok(Self { file, size })
    }
}

impl ReadAt for OnDisk {
    type Error = String;

    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, length: usize) -> Result<Vec<u8>, String> {
        let mut bytes = vec![0; length];
        #[cfg(unix)]
        std::os::unix::fs::FileExt::read_exact_at(&self.file, &mut bytes, offset).map_err(|error| error.to_string())?;
        #[cfg(not(unix))]
        {
            use std::io::{Read as _, Seek as _, SeekFrom};
            let mut file = &self.file;
            file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(&mut bytes)).map_err(|error| error.to_string())?;
        }
        Ok(bytes)
    }
}

/// Everything that was filed, open for questions.
#[derive(Debug)]
pub struct Places {
    register: Register,
    keys: Vec<Segment<OnDisk>>,
    /// By the place of their first byte.
    values: BTreeMap<u64, OnDisk>,
}

impl Register {
    /// Files the values of things; returns how many of them were new or have changed.
    ///
    /// # Errors
    /// When files or the register cannot be written; then nothing of the last batch was filed.
    pub async fn file_places(&self, home: &Home, things: &[Filed], now: i64) -> Result<u64, StoreError> {
        create_private(&home.places())?;
        let _use = home.in_use()?;
        let _one = home.filing()?;
        let (mut done, mut from) = (0, 0);
        while from < things.len() {
            let (mut upto, mut count) = (from, 0);
            while upto < things.len() && (upto == from || count + things[upto].values.len() <= TOGETHER) {
                count += things[upto].values.len();
                upto += 1;
            }
            done += self.file_batch(home, &things[from..upto], now).await?;
            from = upto;
        }
        self.merge_places(home, now).await?;
        Ok(done)
    }

    async fn file_batch(&self, home: &Home, things: &[Filed], now: i64) -> Result<u64, StoreError> {
        let digests: Vec<Vec<u8>> = things.iter().map(digest).collect();
        let known = self.filed(things).await?;
        let fresh: Vec<(&Filed, &Vec<u8>)> = things
            .iter()
            .zip(&digests)
            .filter(|(thing, digest)| known.get(&(thing.kind, thing.name.as_str())).is_none_or(|(_, known)| known != *digest))
            .collect();
        if fresh.is_empty() {
            return Ok(0);
        }
        let last: i64 = sqlx::query_scalar("SELECT coalesce(max(number), 0) FROM place_object").fetch_one(&self.pool).await?;
        let first: i64 = sqlx::query_scalar("SELECT coalesce(max(first + size_bytes), 0) FROM place_file WHERE kind = 'values'")
            .fetch_one(&self.pool)
            .await?;
        let (mut bytes, mut keys) = (MAGIC.to_vec(), Vec::new());
        for (number, (thing, _)) in (last + 1..).zip(&fresh) {
            for observable in &thing.values {
                let place = first.unsigned_abs() + bytes.len() as u64;
                put(&mut bytes, number.unsigned_abs());
                bytes.push(observable.kind() as u8);
                put(&mut bytes, observable.value().len() as u64);
                bytes.extend(observable.value().as_bytes());
                keys.extend(filed_under(observable).into_iter().map(|key| (key, place)));
            }
        }
        let rows =
            [("values", first, keep(home, "values", &bytes)?), ("keys", 0, keep(home, "keys", &segment::write(keys, USUALLY_KEPT))?)];
        sync_folder(&home.places())?;
        let mut transaction = self.writing().await?;
        for (kind, first, kept) in &rows {
            insert_file(&mut transaction, kind, *first, kept, now).await?;
        }
        let replaced: Vec<i64> =
            fresh.iter().filter_map(|(thing, _)| known.get(&(thing.kind, thing.name.as_str())).map(|(number, _)| *number)).collect();
        for number in replaced {
            sqlx::query("UPDATE place_object SET gone = 1 WHERE number = $1").bind(number).execute(&mut *transaction).await?;
        }
        let mut number = last;
        for chunk in fresh.chunks(ROWS) {
            let sql = format!("INSERT INTO place_object (number, kind, name, digest, terms, gone) VALUES {}", values(chunk.len(), 6));
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for (thing, digest) in chunk {
                number += 1;
                query = query.bind(number).bind(thing.kind).bind(&thing.name).bind(*digest).bind(thing.terms).bind(0_i64);
            }
            query.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(fresh.len() as u64)
    }

    /// Number and digest of those of these things that are filed.
    async fn filed<'t>(&self, things: &'t [Filed]) -> Result<HashMap<(&'t str, &'t str), (i64, Vec<u8>)>, StoreError> {
        let mut known = HashMap::new();
        for chunk in things.chunks(ROWS) {
            let by_name: HashMap<(&str, &str), &Filed> = chunk.iter().map(|thing| ((thing.kind, thing.name.as_str()), thing)).collect();
            let sql = format!("SELECT kind, name, number, digest FROM place_object WHERE gone = 0 AND name IN {}", values(1, chunk.len()));
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for thing in chunk {
                query = query.bind(&thing.name);
            }
            for row in query.fetch_all(&self.pool).await? {
                if let Some(thing) = by_name.get(&(row.get::<&str, _>(0), row.get::<&str, _>(1))) {
                    known.insert((thing.kind, thing.name.as_str()), (row.get(2), row.get(3)));
                }
            }
        }
        Ok(known)
    }

    /// Makes one file of keys of many. The places stay what they are.
    async fn merge_places(&self, home: &Home, now: i64) -> Result<(), StoreError> {
        let paths: Vec<(String, String)> =
            sqlx::query_as("SELECT id, path FROM place_file WHERE kind = 'keys' AND retired_at IS NULL ORDER BY created_at, id")
                .fetch_all(&self.pool)
                .await?;
        if paths.len() <= FILES {
            return Ok(());
        }
        let segments = paths.iter().map(|(_, path)| open(home, path)).collect::<Result<Vec<_>, _>>()?;
        let draft = home.temporary().join(unique());
        let mut out = std::io::BufWriter::new(File::create(&draft).map_err(StoreError::file(&draft))?);
        let (mut failed, mut hasher, mut size) = (None, blake3::Hasher::new(), 0_u64);
        segment::merge(&segments.iter().collect::<Vec<_>>(), USUALLY_KEPT, |bytes| {
            hasher.update(bytes);
            size += bytes.len() as u64;
            if failed.is_none() {
                failed = out.write_all(bytes).err();
            }
        })
        .map_err(|error| StoreError::Refused(format!("places: {error}")))?;
        let done = match failed {
            Some(error) => Err(error),
            None => out.into_inner().map_err(std::io::IntoInnerError::into_error).and_then(|file| file.sync_all()),
        };
        done.map_err(StoreError::file(&draft))?;
        let kept = named(home, "keys", &draft, &hasher.finalize(), size)?;
        sync_folder(&home.places())?;
        let mut transaction = self.writing().await?;
        for (id, _) in &paths {
            sqlx::query("UPDATE place_file SET retired_at = $2 WHERE id = $1 AND id <> $3")
                .bind(id)
                .bind(now)
                .bind(&kept.id)
                .execute(&mut *transaction)
                .await?;
        }
        insert_file(&mut transaction, "keys", 0, &kept, now).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Files the indicators and shared objects that are new since the last time; `values_of` finds the values of an object of STIX, or of
    /// an indicator that is a pattern.
    ///
    /// # Errors
    /// As [`Register::file_places`].
    pub async fn file_what_is_new(
        &self,
        home: &Home,
        values_of_pattern: impl Fn(&str) -> Vec<Observable>,
        values_of_object: impl Fn(&[u8]) -> Vec<Observable>,
        now: i64,
    ) -> Result<u64, StoreError> {
        let mut done = 0;
        loop {
            let rows = sqlx::query(
                "SELECT lower(hex(id)) AS name, kind, value, terms FROM indicator WHERE NOT EXISTS \
                 (SELECT 1 FROM place_object p WHERE p.kind = 'indicator' AND p.name = lower(hex(indicator.id)) AND p.gone = 0) LIMIT 100000",
            )
            .fetch_all(&self.pool)
            .await?;
            let things: Vec<Filed> = rows
                .iter()
                .map(|row| {
                    let (kind, value): (&str, &str) = (row.get(1), row.get(2));
                    let values = match Kind::read(kind) {
                        Some(kind) => Observable::read(kind, value).into_iter().collect(),
                        None => values_of_pattern(value),
                    };
                    Filed { kind: "indicator", name: row.get(0), terms: row.get(3), values }
                })
                .collect();
            if things.is_empty() {
                break;
            }
            done += self.file_places(home, &things, now).await?;
        }
        loop {
            let from: Option<i64> =
                sqlx::query_scalar("SELECT number FROM place_cursor WHERE kind = 'stix'").fetch_optional(&self.pool).await?;
            let rows = sqlx::query("SELECT number, id, terms, bytes FROM shared_object WHERE number > $1 ORDER BY number LIMIT 50000")
                .bind(from.unwrap_or(0))
                .fetch_all(&self.pool)
                .await?;
            let Some(last) = rows.last().map(|row| row.get::<i64, _>(0)) else { break };
            // Of several versions in one batch the last one counts.
            let things: BTreeMap<String, Filed> = rows
                .iter()
                .map(|row| {
                    let (name, values) = (row.get::<String, _>(1), values_of_object(row.get(3)));
                    (name.clone(), Filed { kind: "stix", name, terms: row.get(2), values })
                })
                .collect();
            let things: Vec<Filed> = things.into_values().filter(|thing| !thing.values.is_empty()).collect();
            done += self.file_places(home, &things, now).await?;
            sqlx::query(
                "INSERT INTO place_cursor (kind, number) VALUES ('stix', $1) ON CONFLICT (kind) DO UPDATE SET number = excluded.number",
            )
            .bind(last)
            .execute(&mut *self.statement().await?)
            .await?;
        }
        Ok(done)
    }
}

/// A file that the register does not name yet.
struct Kept {
    id: String,
    path: String,
    size: i64,
}

fn keep(home: &Home, kind: &str, bytes: &[u8]) -> Result<Kept, StoreError> {
    let draft = home.temporary().join(unique());
    let mut file = File::create(&draft).map_err(StoreError::file(&draft))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(StoreError::file(&draft))?;
    named(home, kind, &draft, &blake3::hash(bytes), bytes.len() as u64)
}

/// Named by its content, and by its kind.
fn named(home: &Home, kind: &str, draft: &Path, hash: &blake3::Hash, size: u64) -> Result<Kept, StoreError> {
    let id = format!("{}-{}", &hash.to_hex()[..32], unique());
    let path = format!("places/{id}.{kind}");
    let place = home.resolve(&path);
    fs::rename(draft, &place).map_err(StoreError::file(&place))?;
    Ok(Kept { id, path, size: size as i64 })
}

async fn insert_file(transaction: &mut sqlx::SqliteConnection, kind: &str, first: i64, kept: &Kept, now: i64) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO place_file (id, kind, path, first, size_bytes, blake3, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(&kept.id)
        .bind(kind)
        .bind(&kept.path)
        .bind(first)
        .bind(kept.size)
        .bind(&kept.id[..32])
        .bind(now)
        .execute(transaction)
        .await?;
    Ok(())
}

fn open(home: &Home, path: &str) -> Result<Segment<OnDisk>, StoreError> {
    let wrong = |error| StoreError::Refused(format!("{path}: {error}"));
    Segment::open(OnDisk::open(&home.resolve(path))?).map_err(wrong)
}

fn digest(thing: &Filed) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&thing.terms.to_le_bytes());
    for observable in &thing.values {
        hasher.update(observable.to_string().as_bytes()).update(b"\n");
    }
    hasher.finalize().as_bytes()[..16].to_vec()
}

/// LEB128.
fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn number(bytes: &mut &[u8]) -> Option<u64> {
    let (mut number, mut shift) = (0_u64, 0);
    loop {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
        shift += 7;
    }
}

impl Places {
    /// Opens what was filed so far.
    ///
    /// # Errors
    /// When a file that the register names cannot be opened.
    pub async fn open(home: &Home, register: &Register) -> Result<Self, StoreError> {
        let _use = home.in_use()?;
        let rows: Vec<(String, String, i64)> =
            sqlx::query_as("SELECT kind, path, first FROM place_file WHERE retired_at IS NULL ORDER BY created_at, id")
                .fetch_all(&register.pool)
                .await?;
        let mut places = Self { register: register.clone(), keys: Vec::new(), values: BTreeMap::new() };
        for (kind, path, first) in rows {
            match kind.as_str() {
                "keys" => places.keys.push(open(home, &path)?),
                _ => _ = places.values.insert(first.unsigned_abs(), OnDisk::open(&home.resolve(&path))?),
            }
        }
        Ok(places)
    }

    /// Where a value and what is related to it were seen; of each relation at most `most` values.
    ///
    /// # Errors
    /// When a file or the register cannot be read, or is damaged.
    pub async fn of(&self, asked: &Observable, most: usize) -> Result<Whereabouts, StoreError> {
        let damaged = |error| StoreError::Refused(format!("places: {error}"));
        let mut whereabouts = Whereabouts::default();
        let mut found: BTreeMap<Relation, BTreeSet<u64>> = BTreeMap::new();
        let mut common: BTreeMap<Relation, u64> = BTreeMap::new();
        for (relation, key) in asked_for(asked) {
            let mut joined: Option<segment::Places> = None;
            for keys in &self.keys {
                if let Some(places) = keys.look_up(key).map_err(damaged)? {
                    match &mut joined {
                        Some(joined) => joined.join(&places, USUALLY_KEPT),
                        None => joined = Some(places),
                    }
                }
            }
            let Some(places) = joined else { continue };
            if places.common() {
                *common.entry(relation).or_default() += places.count;
            }
            found.entry(relation).or_default().extend(places.kept);
        }
        whereabouts.common = common.into_iter().collect();
        let mut taken: BTreeMap<(i64, Observable), (Relation, Option<u32>)> = BTreeMap::new();
        // What lies under a closer relation, too, is not listed again under this one.
        let mut closer: HashSet<u64> = HashSet::new();
        for (relation, places) in &found {
            let mut listed = 0;
            // The newest first.
            for place in places.iter().rev().filter(|place| !closer.contains(place)) {
                let (thing, observable) = self.value(*place)?;
                let Some(closeness) = related(*relation, asked, &observable) else { continue };
                taken.entry((thing, observable)).or_insert((*relation, closeness));
                listed += 1;
                if listed >= most {
                    break;
                }
            }
            closer.extend(places);
        }
        let numbers: Vec<i64> = taken.keys().map(|(thing, _)| *thing).collect();
        let things = self.things(&numbers).await?;
        for ((thing, observable), (relation, closeness)) in taken {
            if let Some((kind, name, terms)) = things.get(&thing) {
                whereabouts.seen.push(Seen { relation, observable, closeness, kind: kind.clone(), name: name.clone(), terms: *terms });
            }
        }
        whereabouts
            .seen
            .sort_by(|one, other| (one.relation, &one.observable, &one.name).cmp(&(other.relation, &other.observable, &other.name)));
        Ok(whereabouts)
    }

    /// The value at a place, and the number of the thing in which it was seen.
    fn value(&self, place: u64) -> Result<(i64, Observable), StoreError> {
        let damaged = || StoreError::Refused(format!("places: there is no value at place {place}"));
        let (first, file) = self.values.range(..=place).next_back().ok_or_else(damaged)?;
        let offset = place - first;
        let room = file.size.saturating_sub(offset);
        let read = |length: u64| file.read_at(offset, length.min(room) as usize).map_err(|_| damaged());
        // Nearly all are short.
        let mut bytes = read(128)?;
        let parsed = match parse(&bytes) {
            Some(parsed) => parsed,
            None => {
                bytes = read(LONGEST as u64 + 32)?;
                parse(&bytes).ok_or_else(damaged)?
            }
        };
        Ok(parsed)
    }

    async fn things(&self, numbers: &[i64]) -> Result<HashMap<i64, (String, String, i64)>, StoreError> {
        let mut things = HashMap::new();
        for chunk in numbers.chunks(ROWS) {
            let sql = format!("SELECT number, kind, name, terms FROM place_object WHERE gone = 0 AND number IN {}", values(1, chunk.len()));
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for number in chunk {
                query = query.bind(number);
            }
            for row in query.fetch_all(&self.register.pool).await? {
                things.insert(row.get(0), (row.get(1), row.get(2), row.get(3)));
            }
        }
        Ok(things)
    }

    /// Bytes on disk: of keys, of values.
    pub fn size_bytes(&self) -> (u64, u64) {
        (self.keys.iter().map(Segment::file_bytes).sum(), self.values.values().map(|file| file.size).sum())
    }
}

fn parse(mut bytes: &[u8]) -> Option<(i64, Observable)> {
    let thing = i64::try_from(number(&mut bytes)?).ok()?;
    let (kind, rest) = bytes.split_first()?;
    bytes = rest;
    let length = usize::try_from(number(&mut bytes)?).ok()?;
    let text = std::str::from_utf8(bytes.get(..length)?).ok()?;
    let kind = Kind::ALL.into_iter().find(|known| *known as u8 == *kind)?;
    Some((thing, Observable::read(kind, text).ok()?))
}

/// What lies under a key is held against the question: the outer `None` when it is not what was looked for.
#[expect(clippy::option_option, reason = "not related; related; related, and how closely")]
fn related(relation: Relation, asked: &Observable, found: &Observable) -> Option<Option<u32>> {
    match relation {
        Relation::Similar if asked.kind() == Kind::Ssdeep => {
            ssdeep_score(asked.value(), found.value()).filter(|score| *score > 0).map(|score| Some(score.into()))
        }
        Relation::Similar => tlsh_distance(asked.value(), found.value()).filter(|distance| *distance <= FARTHEST).map(Some),
        Relation::Near if asked.kind() == Kind::Network => {
            let network = formats::value::network(asked.value())?;
            let ip = found.ip().or_else(|| found.host()?.ip())?;
            network.contains(ip).then_some(None)
        }
        Relation::Same | Relation::Host | Relation::Around | Relation::Near | Relation::Domain => Some(None),
    }
}
