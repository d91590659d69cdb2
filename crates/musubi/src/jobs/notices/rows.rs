//! Rows of events as a planner reads them.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use casework::act::finding::{Finding, Subject, SubjectKey, Text};
use casework::act::problem::Problem;
use casework::model::event::{Country, Severity};
use casework::model::identity::EventId;
use datafusion::arrow::array::{Array as _, AsArray as _, Int32Array, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{DataType, Int32Type, Int64Type, TimestampMicrosecondType};
use formats::rsit::Class;

/// A batch of events in the columns of [`store::directives::COLUMNS`].
pub(super) struct Rows<'b> {
    id: Column<'b>,
    evidence: Column<'b>,
    class: Column<'b>,
    severity: Column<'b>,
    ip: Column<'b>,
    country: Column<'b>,
    url: Column<'b>,
    fqdn: Column<'b>,
    destination_ip: Column<'b>,
    country_by_table: Column<'b>,
    /// In the order of [`casework::act::finding::TEXTS`].
    texts: Vec<Column<'b>>,
    time: &'b TimestampMicrosecondArray,
    terms: &'b Int64Array,
    asn: &'b Int64Array,
    asn_by_table: &'b Int64Array,
    port: &'b Int32Array,
    destination_port: &'b Int32Array,
}

/// Text, however the engine gives it.
enum Column<'b> {
    View(&'b StringViewArray),
    Plain(&'b datafusion::arrow::array::StringArray),
}

impl Column<'_> {
    fn at(&self, row: usize) -> Option<&str> {
        match self {
            Self::View(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Plain(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}

/// What one event says that a planner needs.
pub(super) struct Row<'a> {
    pub(super) evidence: &'a str,
    pub(super) terms: i64,
    pub(super) problem: Problem,
    pub(super) class: Class,
    pub(super) ip: Option<IpAddr>,
    pub(super) asn: Option<u32>,
    pub(super) country: Option<Country>,
    pub(super) fqdn: Option<&'a str>,
    pub(super) url: Option<&'a str>,
    pub(super) vendor: Option<&'a str>,
    pub(super) product: Option<&'a str>,
    at: usize,
}

impl<'b> Rows<'b> {
    pub(super) fn of(batch: &'b RecordBatch) -> Result<Self> {
        let column = |name: &str| batch.column_by_name(name).ok_or_else(|| anyhow!("the engine gave no column {name}"));
        let text = |name: &str| -> Result<Column<'b>> {
            let array = column(name)?;
            match array.data_type() {
                DataType::Utf8View => Ok(Column::View(array.as_string_view())),
                DataType::Utf8 => Ok(Column::Plain(array.as_string())),
                other => Err(anyhow!("column {name} came as {other}")),
            }
        };
        let wrong = |name: &'static str| move || anyhow!("column {name} is not of the kind it is kept as");
        let large = |name: &'static str| column(name)?.as_primitive_opt::<Int64Type>().ok_or_else(wrong(name));
        let small = |name: &'static str| column(name)?.as_primitive_opt::<Int32Type>().ok_or_else(wrong(name));
        Ok(Self {
            id: text("id")?,
            evidence: text("evidence")?,
            class: text("type")?,
            severity: text("severity")?,
            ip: text("source_ip")?,
            country: text("source_country")?,
            url: text("source_url")?,
            fqdn: text("source_fqdn")?,
            destination_ip: text("destination_ip")?,
            country_by_table: text("source_country_by_table")?,
            texts: casework::act::finding::TEXTS.iter().map(|name| text(name)).collect::<Result<_>>()?,
            time: column("time")?.as_primitive_opt::<TimestampMicrosecondType>().ok_or_else(wrong("time"))?,
            terms: large("terms")?,
            asn: large("source_asn")?,
            asn_by_table: large("source_asn_by_table")?,
            port: small("source_port")?,
            destination_port: small("destination_port")?,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.time.len()
    }

    /// One event; `None` when it is of a kind of which nobody is told.
    pub(super) fn row(&self, at: usize) -> Option<Row<'_>> {
        let class = self.class.at(at).and_then(Class::of).unwrap_or_default();
        let number = |array: &Int64Array| array.is_valid(at).then(|| u32::try_from(array.value(at)).ok()).flatten();
        let country = |text: Option<&str>| text.and_then(formats::value::country).map(Country);
        Some(Row {
            evidence: self.evidence.at(at).unwrap_or_default(),
            terms: self.terms.value(at),
            problem: Problem::of(class)?,
            class,
            ip: self.ip.at(at).and_then(|text| text.parse().ok()),
            // What the report itself says of its network may be old; where our table differs, the network is the table's.
            asn: number(self.asn_by_table).or(number(self.asn)),
            country: country(self.country_by_table.at(at)).or(country(self.country.at(at))),
            fqdn: self.fqdn.at(at),
            url: self.url.at(at),
            vendor: self.texts[Text::Vendor as usize].at(at),
            product: self.texts[Text::Product as usize].at(at),
            at,
        })
    }

    /// What is told of it.
    pub(super) fn finding(&self, row: &Row<'_>, shared: &mut Shared) -> Finding {
        let at = row.at;
        let port = |array: &Int32Array| array.is_valid(at).then(|| u16::try_from(array.value(at)).ok()).flatten();
        let subject = Subject {
            problem: row.problem,
            ip: row.ip,
            port: port(self.port),
            fqdn: row.fqdn,
            url: row.url,
            identifier: self.texts[Text::Identifier as usize].at(at),
            malware: self.texts[Text::Malware as usize].at(at),
        };
        let time = self.time.value(at);
        Finding {
            key: subject.key(),
            event: self.id.at(at).and_then(EventId::from_hex).map(|id| id.0).unwrap_or_default(),
            terms: row.terms,
            first_seen: time,
            last_seen: time,
            events: 1,
            class: row.class,
            severity: self.severity.at(at).and_then(Severity::read),
            ip: row.ip,
            port: subject.port,
            asn: row.asn,
            country: row.country,
            destination_ip: self.destination_ip.at(at).and_then(|text| text.parse().ok()),
            destination_port: port(self.destination_port),
            texts: std::array::from_fn(|n| self.texts[n].at(at).map(|text| if FEW[n] { shared.text(text) } else { text.into() })),
            told_before: None,
        }
    }
}

/// The subjects that notices would tell of, of a batch of events in the columns of [`store::directives::COLUMNS`].
pub(crate) fn subjects(batch: &RecordBatch, into: &mut HashSet<SubjectKey>) -> Result<()> {
    let rows = Rows::of(batch)?;
    let mut shared = Shared::default();
    into.extend((0..rows.len()).filter_map(|at| Some(rows.finding(&rows.row(at)?, &mut shared).key)));
    Ok(())
}

/// Columns of [`casework::act::finding::TEXTS`] with few different values; names and pages are all different.
const FEW: [bool; 12] = [false, false, false, true, true, true, true, true, true, true, true, false];

/// Texts that come again and again, each kept once.
#[derive(Debug, Default)]
pub(super) struct Shared(HashSet<Arc<str>>);

impl Shared {
    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        self.0.insert(Arc::clone(&new));
        new
    }
}
