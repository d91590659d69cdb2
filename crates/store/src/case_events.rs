//! The events of a case: the newest of them, and what all of them say together.

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use casework::correlate::key::CaseKey;
use casework::model::day::Day;
use jiff::Timestamp;

use crate::StoreError;
use crate::events::Questions;

/// An event as a list of a case shows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Seen {
    pub id: String,
    pub at: Timestamp,
    pub feed: String,
    pub ip: Option<String>,
    pub port: Option<i64>,
    pub host: Option<String>,
    pub url: Option<String>,
    pub class: Option<String>,
    pub malware: Option<String>,
    pub identifier: Option<String>,
    pub destination: Option<String>,
}

/// Events of one evidence of one feed under the same terms.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Told {
    pub feed: String,
    pub evidence: String,
    pub terms: i64,
    pub events: u64,
    pub first: Timestamp,
    pub last: Timestamp,
    pub country: Option<String>,
    pub asn: Option<i64>,
}

/// Evidence told of at most.
const EVIDENCE: usize = 500;

fn quoted(text: &str) -> String {
    text.replace('\'', "''")
}

/// What events of this key have in common, so that whole segments are left out.
fn condition(key: &CaseKey, from: Day, through: Day) -> String {
    let class = key.class().map_or_else(String::new, |class| format!(" AND type = '{}'", class.type_()));
    let place = match (key, key.ip()) {
        (CaseKey::Address { .. } | CaseKey::C2 { .. }, Some(ip)) => format!(" AND source_ip = '{ip}'"),
        (CaseKey::Campaign(_), _) => " AND extra LIKE '%campaign%'".to_owned(),
        _ => String::new(),
    };
    format!(
        "time >= timestamp '{}' AND time < timestamp '{}'{class}{place} AND case_key(type, source_ip, source_port, source_fqdn, source_url, \
         malware, identifier, extra) = '{}'",
        from.start(),
        through.next().start(),
        quoted(&key.to_string())
    )
}

impl Questions {
    /// The newest events of a case in its days, at most so many.
    ///
    /// # Errors
    /// When events cannot be read.
    pub async fn case_events(&self, key: &CaseKey, from: Day, through: Day, most: usize) -> Result<Vec<Seen>, StoreError> {
        let sql = format!(
            "SELECT id, time, feed, source_ip, CAST(source_port AS BIGINT), source_fqdn, source_url, type, malware, identifier, destination_ip \
             FROM events WHERE {} ORDER BY time DESC, id LIMIT {most}",
            condition(key, from, through)
        );
        let mut found = Vec::new();
        for batch in self.sql(&sql).await?.collect().await? {
            found.extend((0..batch.num_rows()).map(|row| Seen {
                id: text(&batch, 0, row).unwrap_or_default(),
                at: time(&batch, 1, row),
                feed: text(&batch, 2, row).unwrap_or_default(),
                ip: text(&batch, 3, row),
                port: number(&batch, 4, row),
                host: text(&batch, 5, row),
                url: text(&batch, 6, row),
                class: text(&batch, 7, row),
                malware: text(&batch, 8, row),
                identifier: text(&batch, 9, row),
                destination: text(&batch, 10, row),
            }));
        }
        Ok(found)
    }

    /// Which evidence tells of a case, under which terms, the newest first.
    ///
    /// # Errors
    /// When events cannot be read.
    pub async fn case_evidence(&self, key: &CaseKey, from: Day, through: Day) -> Result<Vec<Told>, StoreError> {
        let sql = format!(
            "SELECT feed, evidence, terms, count(*), min(time), max(time) AS last, max(source_country), max(source_asn) FROM events WHERE {} \
             GROUP BY feed, evidence, terms ORDER BY last DESC, evidence LIMIT {EVIDENCE}",
            condition(key, from, through)
        );
        let mut found = Vec::new();
        for batch in self.sql(&sql).await?.collect().await? {
            found.extend((0..batch.num_rows()).map(|row| Told {
                feed: text(&batch, 0, row).unwrap_or_default(),
                evidence: text(&batch, 1, row).unwrap_or_default(),
                terms: number(&batch, 2, row).unwrap_or_default(),
                events: number(&batch, 3, row).unwrap_or_default().unsigned_abs(),
                first: time(&batch, 4, row),
                last: time(&batch, 5, row),
                country: text(&batch, 6, row),
                asn: number(&batch, 7, row),
            }));
        }
        Ok(found)
    }

    /// What a value is joined with in events, and how often: addresses with what they carry and reach, names, malware, campaigns. The most
    /// frequent first, at most so many.
    ///
    /// # Errors
    /// When events cannot be read.
    pub async fn ties(&self, condition: &Ties<'_>, most: usize) -> Result<Vec<Tie>, StoreError> {
        let sql = format!(
            "SELECT source_ip, source_fqdn, source_url, destination_ip, destination_fqdn, malware, type, count(*) AS n, min(time), max(time), \
             max(feed) FROM ({}) GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY n DESC, 1, 2, 3, 4, 5, 6, 7 LIMIT {most}",
            condition.events()
        );
        let mut found = Vec::new();
        for batch in self.sql(&sql).await?.collect().await? {
            found.extend((0..batch.num_rows()).map(|row| Tie {
                ip: text(&batch, 0, row),
                host: text(&batch, 1, row),
                url: text(&batch, 2, row),
                destination_ip: text(&batch, 3, row),
                destination_host: text(&batch, 4, row),
                malware: text(&batch, 5, row),
                class: text(&batch, 6, row),
                events: number(&batch, 7, row).unwrap_or_default().unsigned_abs(),
                first: time(&batch, 8, row),
                last: time(&batch, 9, row),
                feed: text(&batch, 10, row),
            }));
        }
        Ok(found)
    }
}

/// Which events are looked at for what they join.
#[derive(Clone, Copy, Debug)]
pub enum Ties<'a> {
    Case(&'a CaseKey, Day, Day),
    /// An address at either end, since that day.
    Address(std::net::IpAddr, Day),
    /// A host name at either end, or in a URL.
    Host(&'a str, Day),
    Malware(&'a str, Day),
}

impl Ties<'_> {
    /// The events as a table. Each end of an address is a question of its own, since each has its own filters in the files.
    fn events(&self) -> String {
        const COLUMNS: &str = "source_ip, source_fqdn, source_url, destination_ip, destination_fqdn, malware, type, time, feed";
        let of = |condition: &str| format!("SELECT {COLUMNS} FROM events WHERE {condition}");
        match self {
            Self::Address(ip, since) => {
                let time = format!("time >= timestamp '{}'", since.start());
                let source = of(&format!("{time} AND source_ip = '{ip}'"));
                let destination = of(&format!("{time} AND destination_ip = '{ip}' AND source_ip IS DISTINCT FROM '{ip}'"));
                format!("{source} UNION ALL {destination}")
            }
            Self::Case(key, from, through) => of(&condition(key, *from, *through)),
            Self::Host(host, since) => {
                let host = quoted(host);
                of(&format!(
                    "time >= timestamp '{}' AND (source_fqdn = '{host}' OR destination_fqdn = '{host}' OR strpos(source_url, '://{host}/') > 0)",
                    since.start()
                ))
            }
            Self::Malware(name, since) => of(&format!("time >= timestamp '{}' AND malware = '{}'", since.start(), quoted(name))),
        }
    }
}

/// Events that join the same things.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tie {
    pub ip: Option<String>,
    pub host: Option<String>,
    pub url: Option<String>,
    pub destination_ip: Option<String>,
    pub destination_host: Option<String>,
    pub malware: Option<String>,
    pub class: Option<String>,
    pub events: u64,
    pub first: Timestamp,
    pub last: Timestamp,
    /// One of those that told of it.
    pub feed: Option<String>,
}

fn text(batch: &RecordBatch, column: usize, row: usize) -> Option<String> {
    let column = batch.column(column);
    if column.is_null(row) {
        return None;
    }
    match column.data_type() {
        DataType::Utf8View => Some(column.as_string_view().value(row).to_owned()),
        DataType::Utf8 => Some(column.as_string::<i32>().value(row).to_owned()),
        _ => {
            let one = cast(&column.slice(row, 1), &DataType::Utf8).ok()?;
            Some(one.as_string::<i32>().value(0).to_owned())
        }
    }
}

fn number(batch: &RecordBatch, column: usize, row: usize) -> Option<i64> {
    let column = batch.column(column).as_primitive_opt::<Int64Type>()?;
    column.is_valid(row).then(|| column.value(row))
}

fn time(batch: &RecordBatch, column: usize, row: usize) -> Timestamp {
    let at = batch.column(column).as_primitive_opt::<TimestampMicrosecondType>().map(|times| times.value(row));
    at.and_then(|at| Timestamp::from_microsecond(at).ok()).unwrap_or(Timestamp::UNIX_EPOCH)
}
