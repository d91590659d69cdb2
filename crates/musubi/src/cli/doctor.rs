//! `musubi doctor`: is this installation well?

use anyhow::{Result, bail};
use serde_json::json;

use super::Place;
use crate::jobs::health::{self, Drift, Fault, Health};
use crate::show::{self, grouped, say, size};

/// Check every segment's hash, the register, the log of releases, tables, drift and disk space
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi doctor --originals")]
pub(crate) struct Doctor {
    /// Check the hash of every kept original too
    #[arg(long)]
    originals: bool,
}

impl Doctor {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let bar = indicatif::ProgressBar::new_spinner();
        let health = health::examine(&place.home, &register, self.originals, &mut |path| {
            bar.set_message(path.to_owned());
            bar.tick();
        })
        .await?;
        bar.finish_and_clear();
        if place.json {
            let mut told = serde_json::to_value(&health)?;
            told["well"] = json!(health.faults.is_empty());
            told["bytes_per_event"] = json!((health.events > 0).then(|| health.segment_bytes as f64 / health.events as f64));
            told["advice"] = json!(health.advice.iter().map(ToString::to_string).collect::<Vec<_>>());
            show::json(&told)?;
        } else {
            self.tell(&health)?;
        }
        if !health.faults.is_empty() {
            bail!("{} faults", health.faults.len());
        }
        Ok(())
    }

    fn tell(&self, health: &Health) -> Result<()> {
        let Health { segments, segment_bytes, events, evidence, evidence_bytes, releases, strays, .. } = health;
        say(format!("events     {} in {} segments, {}", grouped(*events), grouped(*segments), size(*segment_bytes)))?;
        if *events > 0 {
            say(format!("           {:.1} bytes per event", *segment_bytes as f64 / *events as f64))?;
        }
        let checked = if self.originals { "every hash checked" } else { "presence checked; --originals checks every hash" };
        say(format!("evidence   {}, {} kept ({checked})", grouped(*evidence), size(*evidence_bytes)))?;
        if *releases > 0 {
            say(format!("releases   {} (the end of the log checked; `musubi log verify` recomputes all of it)", grouped(*releases)))?;
        }
        for t in &health.tables {
            say(format!("table      {} ({}) of {}, {} days old", t.source, t.kind, t.date, t.age_days.unwrap_or(0)))?;
        }
        for t in &health.registries {
            let (networks, contacts) = (grouped(t.networks.unsigned_abs()), grouped(t.contacts.unsigned_abs()));
            let days = t.age_days.unwrap_or(0);
            say(format!(
                "registry   {} of {}, {days} days old: {networks} networks and AS numbers, {contacts} contacts",
                t.source, t.date
            ))?;
        }
        if health.indicators > 0 {
            say(format!("indicators {}", grouped(health.indicators)))?;
        }
        let lists = &health.warning_lists;
        if let (Some(oldest), Some(newest)) = (lists.iter().map(|list| list.age_days).max(), lists.iter().map(|list| list.age_days).min()) {
            let entries: i64 = lists.iter().map(|list| list.entries).sum();
            say(format!(
                "warnings   {} lists with {} entries, {newest} to {oldest} days old",
                lists.len(),
                grouped(entries.unsigned_abs())
            ))?;
        }
        if health.parties > 0 {
            say(format!(
                "parties    {}, {} of them have ended or have no contact that can be used",
                grouped(health.parties),
                grouped(health.unreachable.len() as u64)
            ))?;
        }
        if *strays > 0 {
            say(format!("strays     {} files that nobody names; the next ingest or `musubi compact` removes them", grouped(*strays)))?;
        }
        for Drift { kind, name, times, evidence } in &health.drift {
            say(format!("drift      {kind} {name} ({times} times, last in {})", &evidence[..evidence.len().min(12)]))?;
        }
        for advice in &health.advice {
            say(format!("advice     {advice}"))?;
        }
        for Fault { place, what } in &health.faults {
            say(format!("FAULT      {place}: {what}"))?;
        }
        if health.faults.is_empty() {
            say("well")?;
        }
        Ok(())
    }
}
