//! The columns of `events`: names, types, order.
//!
//! Addresses are text, so that they compare and print as text; times are microseconds UTC; numbers are signed, as in
//! every SQL database. `id` is 16 bytes in the file and 32 hexadecimal digits in SQL.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// What a column holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Id,
    Time,
    Text,
    /// 0 to 65,535 or 0 to 100.
    Small,
    /// AS numbers, row numbers, terms.
    Large,
}

/// One column of `events`.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind }
}

/// All columns in the order of `SELECT *`.
pub const COLUMNS: &[Column] = &[
    column("id", Kind::Id),
    column("time", Kind::Time),
    column("observed_at", Kind::Time),
    column("feed", Kind::Text),
    column("evidence", Kind::Text),
    column("row", Kind::Large),
    column("terms", Kind::Large),
    column("source_ip", Kind::Text),
    column("source_port", Kind::Small),
    column("source_asn", Kind::Large),
    column("source_as_name", Kind::Text),
    column("source_country", Kind::Text),
    column("source_network", Kind::Text),
    column("source_fqdn", Kind::Text),
    column("source_url", Kind::Text),
    column("source_reverse_dns", Kind::Text),
    column("destination_ip", Kind::Text),
    column("destination_port", Kind::Small),
    column("destination_asn", Kind::Large),
    column("destination_as_name", Kind::Text),
    column("destination_country", Kind::Text),
    column("destination_network", Kind::Text),
    column("destination_fqdn", Kind::Text),
    column("destination_url", Kind::Text),
    column("destination_reverse_dns", Kind::Text),
    column("transport", Kind::Text),
    column("application", Kind::Text),
    column("taxonomy", Kind::Text),
    column("type", Kind::Text),
    column("identifier", Kind::Text),
    column("malware", Kind::Text),
    column("product_vendor", Kind::Text),
    column("product_name", Kind::Text),
    column("product_version", Kind::Text),
    column("severity", Kind::Text),
    column("confidence", Kind::Small),
    column("extra", Kind::Text),
    // What our tables say where the report says otherwise; the columns above hold what the report said.
    column("source_asn_by_table", Kind::Large),
    column("source_country_by_table", Kind::Text),
    column("destination_asn_by_table", Kind::Large),
    column("destination_country_by_table", Kind::Text),
];

/// Place of a column in [`COLUMNS`].
pub fn position(name: &str) -> Option<usize> {
    COLUMNS.iter().position(|c| c.name == name)
}

pub(crate) const ID: usize = 0;

fn schema(id: &DataType) -> SchemaRef {
    let fields: Vec<Field> = COLUMNS
        .iter()
        .map(|column| {
            let (kind, nullable) = match column.kind {
                Kind::Id => (id.clone(), false),
                Kind::Time => (DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false),
                Kind::Text => (DataType::Utf8, true),
                Kind::Small => (DataType::Int32, true),
                Kind::Large => (DataType::Int64, true),
            };
            Field::new(column.name, kind, nullable)
        })
        .collect();
    Arc::new(Schema::new(fields))
}

/// As in a segment file.
pub static FILE_SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| schema(&DataType::FixedSizeBinary(16)));
