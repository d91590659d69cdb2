//! `musubi compact`: fewer, larger files, and an end to what is too old.

use anyhow::Result;
use serde_json::json;
use store::check::sweep;
use store::compact::{merge, not_before, plan};

use super::Place;
use crate::pipeline;
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
        let home = &place.home;
        let _lock = home.lock(|| eprintln!("another process is writing to this home; waiting for it"))?;
        let now = pipeline::now().as_microsecond();
        let (mut merged, mut made, mut dropped) = (0_u64, 0_u64, 0_i64);
        if let Some(cutoff) = self.keep.map(jiff::Timestamp::as_microsecond) {
            for segment in register.segments().await?.into_iter().filter(|s| s.time_min < cutoff) {
                let left = if segment.time_max < cutoff {
                    Vec::new()
                } else {
                    merge(home, std::slice::from_ref(&segment), segment.level, now, &not_before(cutoff))?
                };
                dropped += segment.row_count - left.iter().map(|s| s.row_count).sum::<i64>();
                register.swap(&[segment], &left, now).await?;
            }
        }
        let removed_originals = match self.keep {
            Some(cutoff) => register.forget_originals(home, cutoff.as_microsecond()).await?,
            None => 0,
        };
        for planned in plan(&register.segments().await?, now) {
            let segments = merge(home, &planned.inputs, planned.level, now, &|_, _| true)?;
            merged += planned.inputs.len() as u64;
            made += segments.len() as u64;
            register.swap(&planned.inputs, &segments, now).await?;
        }
        let swept = sweep(home, &register, now).await?;
        register.close().await;
        if place.json {
            return show::json(&json!({
                "merged": merged, "made": made, "dropped_events": dropped, "removed_originals": removed_originals, "swept_files": swept,
            }));
        }
        say(format!("{merged} segments became {made}; {} events and {removed_originals} originals dropped; {swept} files swept", grouped(dropped.unsigned_abs())))
    }
}
