//! `musubi evidence`: what was received, and the original row of any event.

use std::io::{self, Read as _, Write as _};

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::evidence as kept;

use super::{Place, moment};
use crate::receive::original;
use crate::show::{self, grouped, say, size, table};

/// What was received
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Evidence {
    List(List),
    Show(Show),
}

impl Evidence {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        match self {
            Self::List(list) => list.run(place).await,
            Self::Show(show) => show.run(place).await,
        }
    }
}

/// List evidence, oldest first
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi evidence list --since 7d")]
pub(crate) struct List {
    /// Received at or after this time (2026-03-23, or an age: 7d, 12h)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
}

impl List {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let all = register.all_evidence(self.since.map_or(i64::MIN, Timestamp::as_microsecond)).await?;
        if place.json {
            return show::json(&Value::Array(all.iter().map(object).collect()));
        }
        let rows: Vec<Vec<String>> = all
            .iter()
            .map(|e| {
                vec![
                    e.id[..12].to_owned(),
                    time(e.received_at),
                    e.name.clone(),
                    size(e.size_bytes.unsigned_abs()),
                    e.tlp.clone(),
                    grouped(e.stored_rows.unsigned_abs()),
                    grouped(e.duplicate_rows.unsigned_abs()),
                    grouped(e.rejected_rows.unsigned_abs()),
                ]
            })
            .collect();
        let names = ["id", "received", "name", "size", "tlp", "stored", "duplicate", "rejected"];
        say(table(&names, &rows, &[3, 5, 6, 7]).trim_end())
    }
}

fn time(microseconds: i64) -> String {
    Timestamp::from_microsecond(microseconds).map_or_else(|_| microseconds.to_string(), |t| t.strftime("%Y-%m-%d %H:%MZ").to_string())
}

fn object(e: &kept::Evidence) -> Value {
    json!({
        "id": e.id, "sha256": e.sha256, "name": e.name, "size_bytes": e.size_bytes, "feed": e.feed, "from": e.given_by, "tlp": e.tlp,
        "received_at": Timestamp::from_microsecond(e.received_at).map(|t| t.to_string()).ok(), "reader": e.reader,
        "read": e.read_rows, "stored": e.stored_rows, "duplicate": e.duplicate_rows, "rejected": e.rejected_rows,
    })
}

/// Show one evidence, one of its rows, or the original bytes
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  musubi evidence show $(musubi --json evidence list | sed 's/.*\"id\":\"\\([0-9a-f]*\\)\".*/\\1/') --row 2"
)]
pub(crate) struct Show {
    /// Its id, or the beginning of it
    id: String,
    /// The original of one row, as events name it
    #[arg(long, value_name = "N", conflicts_with = "original")]
    row: Option<u64>,
    /// The original bytes, to standard output
    #[arg(long)]
    original: bool,
}

impl Show {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let Some(evidence) = register.evidence(&self.id).await? else { bail!("there is no evidence {}", self.id) };
        if evidence.kept.is_empty() && (self.original || self.row.is_some()) {
            bail!("the original of {} is older than the retention time and was removed", evidence.id);
        }
        if self.original {
            let mut input = kept::open(&place.home, &evidence.kept)?;
            let mut buffer = vec![0; 1 << 16];
            let mut out = io::stdout().lock();
            loop {
                match input.read(&mut buffer)? {
                    0 => return Ok(out.flush()?),
                    n => out.write_all(&buffer[..n])?,
                }
            }
        }
        let parts = register.parts(&evidence.id).await?;
        if let Some(row) = self.row {
            let mappings = register.mappings(&evidence.id).await?;
            let found =
                original::row(&place.home, &evidence, &parts, &mappings, row).with_context(|| format!("row {row} of {}", evidence.name))?;
            if place.json {
                return show::json(&json!({"id": evidence.id, "row": row, "path": found.path, "part_row": found.row, "raw": found.text()}));
            }
            eprintln!("{}, row {}", found.path, found.row);
            return say(found.text().trim_end_matches(['\r', '\n']));
        }
        let rejections = register.rejections(&evidence.id).await?;
        if place.json {
            let mut value = object(&evidence);
            value["parts"] = parts
                .iter()
                .map(|p| json!({"path": p.path, "format": p.format, "feed": p.feed, "first_row": p.first_row, "rows": p.row_count}))
                .collect();
            value["rejections"] = rejections.iter().map(|r| json!({"path": r.path, "row": r.row_number, "reason": r.reason})).collect();
            return show::json(&value);
        }
        say(format!(
            "{}\n  {}, {}, received {}, TLP:{}",
            evidence.id,
            evidence.name,
            size(evidence.size_bytes.unsigned_abs()),
            time(evidence.received_at),
            evidence.tlp
        ))?;
        let counts = [
            ("read", evidence.read_rows),
            ("stored", evidence.stored_rows),
            ("duplicate", evidence.duplicate_rows),
            ("rejected", evidence.rejected_rows),
        ];
        say(format!("  {}", counts.map(|(name, n)| format!("{name} {}", grouped(n.unsigned_abs()))).join(", ")))?;
        for part in parts {
            say(format!("  {} ({}, feed {}, rows {})", part.path, part.format, part.feed, grouped(part.row_count.unsigned_abs())))?;
        }
        for rejection in rejections.iter().take(20) {
            say(format!("  set aside: {} row {}: {}", rejection.path, rejection.row_number, rejection.reason))?;
        }
        Ok(())
    }
}
