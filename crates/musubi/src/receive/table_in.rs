//! A table that tells whose an address is: opened, recognised, read, put in force.

use std::io::{self, Cursor, Read};

use anyhow::{Result, bail};
use casework::enrich::{Builder, Origin};
use formats::address_table;
use formats::unpack::{self, Limits, Next, Part, Refusal, Seekable, Spool, Visitor};
use jiff::civil::Date;
use store::home::Home;
use store::register::Register;
use store::tables::ImportedTable;

use crate::pipeline;

/// What the user says of a table.
pub(crate) struct Asked<'a> {
    pub(crate) source: Option<&'a str>,
    pub(crate) date: Option<Date>,
    pub(crate) licence: &'a str,
    /// The day its file was last changed, for a table that does not say its own.
    pub(crate) modified: Option<Date>,
}

/// Bad rows shown; all are counted.
const SHOWN: u64 = 10;

/// Reads a table, also a compressed one, and puts it in force.
pub(crate) async fn import(
    home: &Home,
    register: &Register,
    name: &str,
    sha256: &str,
    input: &mut dyn Seekable,
    asked: &Asked<'_>,
) -> Result<ImportedTable> {
    let mut decoded = Decoded::default();
    unpack::walk(name, input, &Limits::default(), &mut decoded)?;
    let Decoded { path, bytes } = decoded;
    let head = &bytes[..bytes.len().min(64 << 10)];
    let Some(layout) = address_table::recognise(head, &path) else {
        bail!("no table of addresses: neither MMDB, nor ranges in CSV or TSV, nor RIR delegated-extended");
    };
    let mut builder = Builder::new(Origin::default());
    let mut shown = 0;
    let summary = address_table::read(layout, Cursor::new(&bytes), &mut |found| match found {
        Ok(entry) => builder.add(&entry),
        Err(rejected) => {
            shown += 1;
            if shown <= SHOWN {
                eprintln!("set aside: {rejected}");
            }
        }
    })?;
    if summary.rejected > SHOWN {
        eprintln!("{} rows were set aside", summary.rejected);
    }
    anyhow::ensure!(summary.rows > 0, "the table has no rows");
    let dated = asked.date.or(summary.date).or_else(|| address_table::ranges::date_in_name(&path)).or(asked.modified);
    let date = dated.unwrap_or_else(|| pipeline::now().to_zoned(jiff::tz::TimeZone::UTC).date());
    let source = asked.source.map(str::to_owned).or(summary.name).unwrap_or_else(|| name.to_owned());
    let origin = Origin { source: source.clone(), date, sha256: sha256.to_owned(), licence: asked.licence.to_owned(), approximate: false };
    let table = builder.of(origin).build();
    let id = sha256[..16].to_owned();
    let imported = ImportedTable {
        path: format!("tables/{id}.table"),
        kind: table.about().kind.to_string(),
        source,
        dated: date.to_string(),
        row_count: i64::try_from(summary.rows).unwrap_or(i64::MAX),
        imported_at: pipeline::now().as_microsecond(),
        sha256: sha256.to_owned(),
        id,
    };
    register.import_table(home, &imported, &table.to_bytes()).await?;
    Ok(imported)
}

/// The one leaf of a compressed file.
#[derive(Default)]
struct Decoded {
    path: String,
    bytes: Vec<u8>,
}

/// A table larger than this is no table of addresses.
const LARGEST: u64 = 4 << 30;

impl Visitor for Decoded {
    fn part(&mut self, part: &Part<'_>, input: &mut dyn Read) -> io::Result<Next> {
        self.path = part.path.to_owned();
        self.bytes.clear();
        input.take(LARGEST).read_to_end(&mut self.bytes)?;
        Ok(Next::Stop)
    }

    fn refused(&mut self, path: &str, reason: Refusal) {
        eprintln!("set aside: {path}: {reason}");
    }

    fn spool(&mut self) -> io::Result<Box<dyn Spool>> {
        tempfile::tempfile().map(|file| Box::new(file) as Box<dyn Spool>)
    }
}
