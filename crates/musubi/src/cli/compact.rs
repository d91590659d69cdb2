//! `musubi compact`: fewer, larger files, and an end to what is too old.

use anyhow::Result;
use serde_json::json;

use super::Place;
use crate::jobs::compact;
use crate::show::{self, grouped, say};

/// Merge small segments, remove what is older than the retention time, sweep stray files
///
/// Segments of a day become one, those of a past month become one. Safe while others read; ingests wait.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi compact --keep 400d")]
pub(crate) struct Compact {
    /// Remove events seen, and originals received, longer ago than this (400d)
    #[arg(long, value_name = "AGE", value_parser = super::moment)]
    keep: Option<jiff::Timestamp>,
}

impl Compact {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let lock = place.home.lock(|| eprintln!("another process is writing to this home; waiting for it"))?;
        let done = compact::run(&place.home, &register, self.keep).await?;
        drop(lock);
        register.close().await;
        let compact::Done { merged, made, dropped_events, removed_originals, swept_files } = done;
        if place.json {
            return show::json(&json!({
                "merged": merged, "made": made, "dropped_events": dropped_events, "removed_originals": removed_originals,
                "swept_files": swept_files,
            }));
        }
        say(format!(
            "{} segments became {}; {} events and {} originals dropped; {} files swept",
            grouped(merged),
            grouped(made),
            grouped(dropped_events),
            grouped(removed_originals),
            grouped(swept_files),
        ))
    }
}
