//! `musubi backup` and `musubi restore`: a safe copy, and a home made of one.

use std::path::PathBuf;

use anyhow::{Result, bail};
use serde_json::json;
use store::copy;

use super::Place;
use crate::show::{self, grouped, say, size};

/// Copy everything to a new folder, also while others write
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi backup /tmp/musubi-copy")]
pub(crate) struct Backup {
    /// A folder that does not exist yet or is empty
    target: PathBuf,
}

impl Backup {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let copied = copy::backup(&place.home, &register, &self.target, &mut |path| tracing::info!("copying {path}")).await?;
        register.close().await;
        if place.json {
            return show::json(&json!({"target": self.target, "files": copied.files, "bytes": copied.bytes}));
        }
        say(format!("{} files, {} copied to {}", grouped(copied.files), size(copied.bytes), self.target.display()))
    }
}

/// Make this home from a backup and check every file of it
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi --home /tmp/musubi-restored restore /tmp/musubi-copy")]
pub(crate) struct Restore {
    /// The folder that `musubi backup` made
    from: PathBuf,
}

impl Restore {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        let findings = copy::restore(&self.from, &place.home, &mut |path| tracing::info!("copying {path}")).await?;
        for fault in &findings.faults {
            eprintln!("{}: {}", fault.place, fault.what);
        }
        if !findings.faults.is_empty() {
            bail!("the copy has {} faults; do not rely on it", findings.faults.len());
        }
        if place.json {
            return show::json(&json!({"home": place.home.root(), "events": findings.events, "evidence": findings.evidence}));
        }
        say(format!(
            "{} events of {} evidence are in {}",
            grouped(findings.events),
            grouped(findings.evidence),
            place.home.root().display()
        ))
    }
}
