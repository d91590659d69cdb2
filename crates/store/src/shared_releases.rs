//! Pages as releases: which objects of a collection has which party been given, and when?

use casework::model::release::Release;
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use crate::StoreError;
use crate::register::{Register, values};
use crate::releases::{self, Content, LogKey, Released};

/// A page that is to be given to a party: its release, its bytes, and the objects in it.
#[derive(Debug)]
pub struct PageGiven {
    pub release: Release,
    pub body: Content,
    pub collection: i64,
    /// `objects`, `manifest` or `versions`.
    pub kind: &'static str,
    /// Number and `date_added` of each.
    pub objects: Vec<(i64, i64)>,
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
        pages.iter().try_for_each(|page| releases::is_content(&page.release, &page.body.sha256()))?;
        let releases: Vec<&Release> = pages.iter().map(|page| &page.release).collect();
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let appended = releases::append(&mut transaction, key, &releases, now).await?;
        let numbered: Vec<(&PageGiven, i64)> = pages.iter().zip(appended.numbers()).collect();
        for chunk in numbered.chunks(128) {
            let sql = format!(
                "INSERT INTO shared_release (release, collection, party, kind, first, last, objects) VALUES {}",
                values(chunk.len(), 7)
            );
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for (page, number) in chunk {
                let dates = page.objects.iter().map(|(_, date)| *date);
                query = query
                    .bind(number)
                    .bind(page.collection)
                    .bind(page.release.recipient.as_str())
                    .bind(page.kind)
                    .bind(dates.clone().min().unwrap_or(0))
                    .bind(dates.max().unwrap_or(0))
                    .bind(pack(page.objects.iter().map(|(number, _)| *number)));
            }
            query.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        appended.committed(pages.into_iter().map(|page| (page.release, page.body)).collect(), Content::sha256)
    }

    /// Who has been given an object of a collection?
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn who_fetched(&self, collection: i64, id: &str) -> Result<Vec<Fetched>, StoreError> {
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
        let pages = sqlx::query(
            "SELECT party, release.id, kind, objects, released_at FROM shared_release JOIN release ON release.number = shared_release.release \
             WHERE collection = $1 AND first <= $2 AND last >= $2 ORDER BY release.number",
        )
        .bind(collection)
        .bind(date_added)
        .fetch_all(&mut *connection)
        .await?;
        for page in pages {
            if unpack(page.get(3)).any(|one| one == number) {
                fetched.push(Fetched { party: page.get(0), release: page.get(1), kind: page.get(2), version, at: page.get(4) });
            }
        }
    }
    Ok(fetched)
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
