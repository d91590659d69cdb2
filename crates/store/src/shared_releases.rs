//! Pages as releases: which objects of a collection has which party been given, and when?

use std::borrow::Cow;

use casework::model::release::Release;
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use crate::StoreError;
use crate::register::{Register, values};
use crate::releases::{self, Content, LogKey, Released};

/// What is remembered of a page that a party is given: its release, and which objects are in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Given {
    pub(crate) release: Release,
    pub(crate) collection: i64,
    pub(crate) kind: Cow<'static, str>,
    /// The earliest and the latest `date_added` on it.
    pub(crate) first: i64,
    pub(crate) last: i64,
    /// Numbers of the objects, packed.
    pub(crate) objects: Vec<u8>,
}

/// A page that is to be given to a party.
#[derive(Debug)]
pub struct PageGiven {
    pub(crate) given: Given,
    pub(crate) body: Content,
}

impl PageGiven {
    /// A page of a collection. `kind` is `objects`, `manifest` or `versions`; of each object the number and `date_added`.
    pub fn new(release: Release, body: Content, collection: i64, kind: &'static str, objects: &[(i64, i64)]) -> Self {
        let dates = objects.iter().map(|(_, date)| *date);
        let (first, last) = (dates.clone().min().unwrap_or(0), dates.max().unwrap_or(0));
        let objects = pack(objects.iter().map(|(number, _)| *number));
        Self { given: Given { release, collection, kind: kind.into(), first, last, objects }, body }
    }

    pub fn release(&self) -> &Release {
        &self.given.release
    }

    /// Whether the log could take it.
    ///
    /// # Errors
    /// When the release cannot be written down, or speaks of other bytes.
    pub fn check(&self) -> Result<(), StoreError> {
        releases::is_content(&self.given.release, &self.body.sha256())?;
        self.given.release.check().map_err(|error| StoreError::Refused(error.to_string()))
    }
}

/// Somebody was given a version of an object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fetched {
    pub party: String,
    pub release: String,
    pub kind: String,
    pub version: i64,
    /// Microseconds since 1970.
    pub at: i64,
}

impl Register {
    /// Logs pages and says which objects were in them, in one transaction. Gives, once that is durable, what may be sent.
    ///
    /// # Errors
    /// As the log says; then nothing was logged, and nothing may be sent.
    pub async fn release_pages(&self, key: &LogKey, pages: Vec<PageGiven>, now: Timestamp) -> Result<Vec<Released<Content>>, StoreError> {
        pages.iter().try_for_each(PageGiven::check)?;
        let (given, bodies): (Vec<Given>, Vec<Content>) = pages.into_iter().map(|page| (page.given, page.body)).unzip();
        let releases: Vec<&Release> = given.iter().map(|page| &page.release).collect();
        let mut transaction = self.writing().await?;
        let appended = releases::append(&mut transaction, key, &releases, now).await?;
        insert(&mut transaction, &given, appended.numbers()).await?;
        transaction.commit().await?;
        appended.committed(given.into_iter().map(|page| page.release).zip(bodies).collect(), Content::sha256)
    }

    /// Who has been given an object of a collection?
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn who_fetched(&self, collection: i64, id: &str) -> Result<Vec<Fetched>, StoreError> {
        self.settle().await?;
        who_fetched(&mut *self.pool.acquire().await?, collection, id).await
    }
}

/// As one connection sees it.
pub(crate) async fn who_fetched(connection: &mut SqliteConnection, collection: i64, id: &str) -> Result<Vec<Fetched>, StoreError> {
    let mut fetched = Vec::new();
    let versions =
        sqlx::query("SELECT number, date_added, version FROM shared_object WHERE id = $1 AND +collection = $2 ORDER BY date_added")
            .bind(id)
            .bind(collection)
            .fetch_all(&mut *connection)
            .await?;
    for version in versions {
        let (number, date_added, version): (i64, i64, i64) = (version.get(0), version.get(1), version.get(2));
        let pages = pages_with(connection, collection, number, date_added).await?;
        fetched.extend(pages.into_iter().map(|(party, release, kind, at)| Fetched { party, release, kind, version, at }));
    }
    Ok(fetched)
}

/// The pages of a collection that a version of an object was in, also when it is there no more: party, release, kind, when.
pub(crate) async fn pages_with(
    connection: &mut SqliteConnection,
    collection: i64,
    number: i64,
    date_added: i64,
) -> Result<Vec<(String, String, String, i64)>, StoreError> {
    let pages = sqlx::query(
        "SELECT party, release.id, kind, objects, released_at FROM shared_release JOIN release ON release.number = shared_release.release \
         WHERE collection = $1 AND first <= $2 AND last >= $2 ORDER BY release.number",
    )
    .bind(collection)
    .bind(date_added)
    .fetch_all(connection)
    .await?;
    let with = pages.iter().filter(|page| unpack(page.get(3)).any(|one| one == number));
    Ok(with.map(|page| (page.get(0), page.get(1), page.get(2), page.get(4))).collect())
}

/// Remembers which objects were in pages whose releases have these numbers.
pub(crate) async fn insert(
    transaction: &mut SqliteConnection,
    pages: &[Given],
    numbers: impl Iterator<Item = i64>,
) -> Result<(), StoreError> {
    let numbered: Vec<(&Given, i64)> = pages.iter().zip(numbers).collect();
    for chunk in numbered.chunks(128) {
        let sql = format!(
            "INSERT INTO shared_release (release, collection, party, kind, first, last, objects) VALUES {}",
            values(chunk.len(), 7)
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (page, number) in chunk {
            query = query
                .bind(number)
                .bind(page.collection)
                .bind(page.release.recipient.as_str())
                .bind(&*page.kind)
                .bind(page.first)
                .bind(page.last)
                .bind(&page.objects);
        }
        query.execute(&mut *transaction).await?;
    }
    Ok(())
}

/// Differences between one number and the next, zigzag, seven bits a byte.
fn pack(numbers: impl Iterator<Item = i64>) -> Vec<u8> {
    let (mut bytes, mut last) = (Vec::new(), 0_i64);
    for number in numbers {
        let step = number.wrapping_sub(last);
        let mut rest = ((step << 1) ^ (step >> 63)) as u64;
        while rest >= 0x80 {
            bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
        last = number;
    }
    bytes
}

fn unpack(bytes: &[u8]) -> impl Iterator<Item = i64> {
    let (mut last, mut at) = (0_i64, 0);
    std::iter::from_fn(move || {
        let (mut rest, mut shift) = (0_u64, 0);
        loop {
            let byte = *bytes.get(at)?;
            at += 1;
            rest |= u64::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        last = last.wrapping_add((rest >> 1) as i64 ^ -((rest & 1) as i64));
        Some(last)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_back() {
        for numbers in [vec![], vec![1, 2, 3, 4_000_000_000, 5], vec![i64::MAX, i64::MIN, 0, -1]] {
            assert_eq!(unpack(&pack(numbers.iter().copied())).collect::<Vec<_>>(), numbers);
        }
        assert_eq!(unpack(&[0x80]).count(), 0);
        assert_eq!(pack(1000..1100).len(), 101);
    }
}
