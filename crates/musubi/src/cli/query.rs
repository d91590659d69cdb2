//! `musubi query`: SQL over what is remembered.

use std::path::PathBuf;

use anyhow::Result;
use datafusion::arrow::array::RecordBatch;
use futures::StreamExt as _;
use store::events::Questions;

use super::Place;
use super::view::For;
use crate::show::{Format, Rows};

/// Ask in SQL: tables events, evidence, rejections, segments, terms, drift
///
/// All of SQL that reads, with in_network(ip, '203.0.113.0/24'), network(ip, 24), registered_domain(name),
/// json_text(extra, 'source.geolocation.city').
/// Addresses are text. Times are UTC. With --to there is only the table events, and in it only what that party may know.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi query \"SELECT source_country, count(*) AS n FROM events GROUP BY 1 ORDER BY n DESC LIMIT 10\"")]
pub(crate) struct Query {
    /// One SELECT statement
    sql: String,
    /// Form of the answer [default: table, or json with --json]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Write the answer to a file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    view: For,
}

impl Query {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        ask(place, &self.sql, Some(&self.view), self.format, self.output.as_ref()).await
    }
}

/// Runs SQL and writes the rows as they come.
pub(crate) async fn ask(place: &Place, sql: &str, view: Option<&For>, format: Option<Format>, output: Option<&PathBuf>) -> Result<()> {
    let register = place.register().await?;
    let view = match view {
        Some(view) => view.view(&register).await?,
        None => None,
    };
    let questions = match view {
        Some(view) => Questions::open_for(&place.home, &register, |known| view.admits(known)).await?,
        None => Questions::open(&place.home, &register).await?,
    };
    let frame = questions.sql(sql).await?;
    let format = format.unwrap_or(match output.and_then(|o| o.extension()).and_then(|e| e.to_str()) {
        Some("csv") => Format::Csv,
        Some("parquet") => Format::Parquet,
        Some("json" | "jsonl" | "ndjson") => Format::Json,
        _ if place.json || output.is_some() => Format::Json,
        _ => Format::Table,
    });
    let mut stream = frame.execute_stream().await?;
    let schema = stream.schema();
    let mut rows = Rows::new(format, output, &schema)?;
    let mut empty = true;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        if batch.num_rows() > 0 {
            rows.write(&batch)?;
            empty = false;
        }
    }
    if empty && format == Format::Csv {
        // The header tells that the answer is no rows, not no answer.
        rows.write(&RecordBatch::new_empty(schema))?;
    }
    let written = rows.finish()?;
    if let Some(path) = output {
        eprintln!("{written} rows written to {}", path.display());
    }
    Ok(())
}
