//! What is in a collection for one reader: pages of objects, exact in content, count and order.
//!
//! Policy is part of the question: a row that the reader may not see is never a candidate. "The last version" is the last one that this
//! reader sees, and an object that two gave is shown once. The order is that of `date_added`, which is unique, so that a page may end
//! anywhere and the next begins strictly behind it.

use std::fmt::Write as _;

use formats::taxii::{Filter, Wanted, Which};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row as _};

use crate::StoreError;
use crate::register::Register;

/// Whose eyes: which terms policy lets this party see now. What it gave itself it sees always.
#[derive(Clone, Debug)]
pub struct Eyes {
    pub party: String,
    /// Numbers of terms.
    pub terms: Vec<i64>,
}

/// One object of a page.
#[derive(Clone, Debug)]
pub struct Shared {
    pub number: i64,
    /// Microseconds since 1970.
    pub date_added: i64,
    pub id: String,
    /// Microseconds since 1970.
    pub version: i64,
    /// As the object writes it; of one without versions nothing.
    pub version_text: Option<String>,
    /// 20 or 21.
    pub spec: i64,
    pub terms: i64,
    /// The reader gave it itself.
    pub own: bool,
    /// As given; empty where it was not asked for.
    pub bytes: Vec<u8>,
}

impl Shared {
    /// The version as TAXII names it.
    pub fn version_name(&self) -> String {
        self.version_text.clone().unwrap_or_else(|| formats::taxii::timestamp(self.version))
    }

    /// `2.0` or `2.1`.
    pub fn spec_name(&self) -> &'static str {
        if self.spec == 20 { "2.0" } else { "2.1" }
    }
}

/// Part of a collection.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub objects: Vec<Shared>,
    /// There are more behind the last.
    pub more: bool,
}

/// What of a collection is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub collection: i64,
    pub filter: &'a Filter,
    /// Strictly behind this, in microseconds; the later of this and the filter's own moment holds.
    pub after: Option<i64>,
    /// At most so many.
    pub limit: usize,
    /// The objects themselves are wanted, not only their names.
    pub bytes: bool,
    /// Not what the reader gave itself: it would be an echo.
    pub from_others: bool,
}

impl Register {
    /// A page of a collection.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn shared(&self, asked: &Asked<'_>, eyes: &Eyes) -> Result<Page, StoreError> {
        let mut sql = select(asked, eyes);
        let limit = asked.limit.min(i32::MAX as usize);
        let by = if asked.filter.ids.is_empty() { "" } else { "+" };
        let _ = write!(sql, " ORDER BY {by}o.date_added LIMIT {}", limit + 1);
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(&eyes.party);
        for text in asked.filter.ids.iter().chain(&asked.filter.types) {
            query = query.bind(text);
        }
        let rows = query.fetch_all(&self.pool).await?;
        let more = rows.len() > limit;
        Ok(Page { objects: rows.into_iter().take(limit).map(read).collect(), more })
    }

    /// The objects themselves, of those of these numbers that the reader may see.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn shared_bytes(&self, collection: i64, numbers: &[i64], eyes: &Eyes) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
        let mut found = Vec::with_capacity(numbers.len());
        for numbers in numbers.chunks(500) {
            let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
            let sql = format!(
                "SELECT o.number, o.bytes FROM shared_object o WHERE o.number IN ({}) AND o.collection = {collection} AND {}",
                numbers.join(","),
                visible("o", eyes)
            );
            let rows = sqlx::query(AssertSqlSafe(sql)).bind(&eyes.party).fetch_all(&self.pool).await?;
            found.extend(rows.iter().map(|row| (row.get(0), row.get(1))));
        }
        Ok(found)
    }

    /// Whether a reader sees any version of an object.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn sees(&self, collection: i64, id: &str, eyes: &Eyes) -> Result<bool, StoreError> {
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM shared_object o WHERE o.id = $2 AND +o.collection = {collection} AND {})",
            visible("o", eyes)
        );
        Ok(sqlx::query_scalar::<_, i64>(AssertSqlSafe(sql)).bind(&eyes.party).bind(id).fetch_one(&self.pool).await? != 0)
    }

    /// Objects in a collection, all of them: for ourselves only.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn shared_count(&self, collection: i64) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("SELECT count(*) FROM shared_object WHERE collection = $1").bind(collection).fetch_one(&self.pool).await?)
    }
}

fn read(row: SqliteRow) -> Shared {
    Shared {
        number: row.get(0),
        date_added: row.get(1),
        id: row.get(2),
        version: row.get(3),
        version_text: row.get(4),
        spec: row.get(5),
        terms: row.get(6),
        own: row.get::<i64, _>(7) != 0,
        bytes: row.get::<Option<Vec<u8>>, _>(8).unwrap_or_default(),
    }
}

/// Policy as a condition on a row; `$1` is the party.
pub(crate) fn visible(row: &str, eyes: &Eyes) -> String {
    let terms: Vec<String> = eyes.terms.iter().map(ToString::to_string).collect();
    format!("({row}.terms IN ({}) OR {row}.giver = $1)", terms.join(","))
}

/// The question without order and end. `$1` is the party, then come the ids and the types.
pub(crate) fn select(asked: &Asked<'_>, eyes: &Eyes) -> String {
    let Asked { collection, filter, after, bytes, from_others, .. } = *asked;
    let bytes = if bytes { "o.bytes" } else { "NULL" };
    // Named objects are found by their names, everything else by walking the collection: a `+` keeps the planner from the other index.
    let by = if filter.ids.is_empty() { "" } else { "+" };
    let mut sql = format!(
        "SELECT o.number, o.date_added, o.id, o.version, o.version_text, o.spec, o.terms, o.giver = $1, {bytes} FROM shared_object o WHERE {by}o.collection = {collection} AND {}",
        visible("o", eyes)
    );
    if from_others {
        sql.push_str(" AND o.giver <> $1");
    }
    if let Some(after) = filter.added_after.max(after) {
        let _ = write!(sql, " AND {by}o.date_added > {after}");
    }
    let mut place = 1;
    for (column, values) in [("id", &filter.ids), ("type", &filter.types)] {
        if !values.is_empty() {
            let places: Vec<String> = values
                .iter()
                .map(|_| {
                    place += 1;
                    format!("${place}")
                })
                .collect();
            let _ = write!(sql, " AND o.{column} IN ({})", places.join(","));
        }
    }
    // Of what two gave, the reader sees the first that it may see.
    let other = |condition: &str| {
        format!(
            "NOT EXISTS (SELECT 1 FROM shared_object t WHERE t.id = o.id AND +t.collection = o.collection AND {condition} AND {})",
            visible("t", eyes)
        )
    };
    let _ = write!(sql, " AND (o.twin = 0 OR {})", other("t.version = o.version AND +t.date_added < o.date_added"));
    let named: Vec<&str> = filter
        .spec_versions
        .iter()
        .filter_map(|spec| match spec.as_str() {
            "2.0" => Some("20"),
            "2.1" => Some("21"),
            _ => None,
        })
        .collect();
    let of_spec = if filter.spec_versions.is_empty() {
        // The newest specification that there is of an object.
        let _ = write!(sql, " AND (o.spec = 21 OR {})", other("t.spec > o.spec"));
        "t.spec = o.spec".to_owned()
    } else {
        let _ = write!(sql, " AND o.spec IN ({})", named.join(","));
        format!("t.spec IN ({})", named.join(","))
    };
    if let Wanted::These(these) = &filter.versions {
        let conditions: Vec<String> = these
            .iter()
            .map(|which| match which {
                Which::First => other(&format!("t.version < o.version AND {of_spec}")),
                Which::Last if filter.spec_versions.is_empty() => {
                    format!("(o.newest = 1 OR {})", other(&format!("t.version > o.version AND {of_spec}")))
                }
                Which::Last => other(&format!("t.version > o.version AND {of_spec}")),
                Which::At(at) => format!("o.version = {at}"),
            })
            .collect();
        let _ = write!(sql, " AND ({})", conditions.join(" OR "));
    }
    sql
}
