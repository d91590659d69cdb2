//! `musubi tables`: what tells whose an address is.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use casework::enrich::builtin;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};
use store::register::Register;
use store::tables::ImportedTable;

use super::Place;
use crate::pipeline;
use crate::receive::table_in::{self, Asked};
use crate::show::{self, grouped, say, table};

/// Tables that tell network, AS and country of an address
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Tables {
    Import(Import),
    List(List),
    Remove(Remove),
}

impl Tables {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        match self {
            Self::Import(import) => import.run(place).await,
            Self::List(list) => list.run(place).await,
            Self::Remove(remove) => remove.run(place).await,
        }
    }
}

/// Import a table: MMDB, CSV or TSV of ranges, RIR delegated-extended; also gzip, zstd, xz, zip
///
/// From then on every ingest uses it; a later import from the same source replaces it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  printf '192.0.2.0,192.0.2.255,64496,Example\\n' > /tmp/asn.csv && musubi tables import /tmp/asn.csv")]
pub(crate) struct Import {
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Name of its publisher [default: what the table says, else the file name]
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// The day for which it was made [default: what the table or its name says, else the file's date]
    #[arg(long, value_name = "DATE", value_parser = date)]
    date: Option<Date>,
    /// Its licence, for the record
    #[arg(long, value_name = "TEXT", default_value = "")]
    licence: String,
}

fn date(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| format!("{text:?} is no date such as 2026-03-23"))
}

impl Import {
    async fn run(self, place: &Place) -> Result<()> {
        let register = Register::create(&place.home).await?;
        let mut done = Vec::new();
        for path in &self.paths {
            let imported = self.import(place, &register, path).await.with_context(|| path.display().to_string())?;
            if !place.json {
                let ImportedTable { id, kind, source, dated, row_count, .. } = &imported;
                say(format!("{id}  {kind}  {source}  of {dated}  {} rows", grouped(row_count.unsigned_abs())))?;
            }
            done.push(object(&imported));
        }
        if place.json {
            show::json(&Value::Array(done))?;
        }
        Ok(())
    }

    async fn import(&self, place: &Place, register: &Register, path: &PathBuf) -> Result<ImportedTable> {
        let name = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
        let asked = Asked { source: self.source.as_deref(), date: self.date, licence: &self.licence, modified: modified(path) };
        let sha256 = store::evidence::sha256(&mut File::open(path)?)?;
        table_in::import(&place.home, register, &name, &sha256, &mut BufReader::new(File::open(path)?), &asked).await
    }
}

fn modified(path: &PathBuf) -> Option<Date> {
    let time = Timestamp::try_from(std::fs::metadata(path).ok()?.modified().ok()?).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).date())
}

/// Age of a table in days.
pub(crate) fn age(dated: &str) -> Option<i32> {
    crate::jobs::health::age(dated, pipeline::now())
}

/// List the tables in force, the built-in one last
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi tables list")]
pub(crate) struct List {}

impl List {
    async fn run(self, place: &Place) -> Result<()> {
        let mut tables = if place.home.exists() { place.register().await?.tables().await? } else { Vec::new() };
        let about = builtin::country_table().about();
        tables.push(ImportedTable {
            id: "built-in".into(),
            kind: about.kind.to_string(),
            source: format!("{} (approximate)", about.origin.source),
            dated: about.origin.date.to_string(),
            sha256: about.origin.sha256.clone(),
            row_count: i64::try_from(about.rows).unwrap_or(i64::MAX),
            path: String::new(),
            imported_at: 0,
        });
        if place.json {
            return show::json(&Value::Array(tables.iter().map(object).collect()));
        }
        let rows: Vec<Vec<String>> = tables
            .iter()
            .map(|t| {
                let age = age(&t.dated).map_or_else(String::new, |d| format!("{d} days"));
                vec![t.id.clone(), t.kind.clone(), t.source.clone(), t.dated.clone(), age, grouped(t.row_count.unsigned_abs())]
            })
            .collect();
        say(table(&["id", "answers", "source", "of", "age", "rows"], &rows, &[5]).trim_end())
    }
}

fn object(t: &ImportedTable) -> Value {
    json!({
        "id": t.id, "kind": t.kind, "source": t.source, "date": t.dated, "age_days": age(&t.dated), "sha256": t.sha256, "rows": t.row_count,
        "imported_at": Timestamp::from_microsecond(t.imported_at).ok().filter(|_| t.imported_at > 0).map(|i| i.to_string()),
    })
}

/// Stop using a table
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi tables remove 0123456789abcdef")]
pub(crate) struct Remove {
    id: String,
}

impl Remove {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        if !register.forget_table(&self.id, pipeline::now().as_microsecond()).await? {
            bail!("there is no table {}; `musubi tables list` shows them", self.id);
        }
        if place.json { show::json(&json!({"id": self.id})) } else { say(format!("{} is no longer used", self.id)) }
    }
}
