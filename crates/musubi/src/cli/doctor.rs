//! `musubi doctor`: is this installation well?

use anyhow::{Result, bail};
use casework::enrich::builtin;
use casework::model::party::{Party, PartyKind};
use jiff::Timestamp;
use serde_json::json;
use store::check::{Fault, Findings, check};

use super::Place;
use super::tables::age;
use crate::pipeline;
use crate::show::{self, grouped, say, size};

/// Check every segment's hash, the register, the log of releases, tables, drift and disk space
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi doctor --originals")]
pub(crate) struct Doctor {
    /// Check the hash of every kept original too
    #[arg(long)]
    originals: bool,
}

/// Age in days from which a table of addresses misleads.
const OLD: i32 = 45;

impl Doctor {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let bar = indicatif::ProgressBar::new_spinner();
        let findings = check(&place.home, &register, self.originals, &mut |path| {
            bar.set_message(path.to_owned());
            bar.tick();
        })
        .await?;
        bar.finish_and_clear();
        let Findings { segments, segment_bytes, events, evidence, evidence_bytes, releases, strays, faults } = &findings;
        let drift = register.drift().await?;
        let mut advice = Vec::new();
        let tables = register.tables().await?;
        for table in &tables {
            if let Some(days) = age(&table.dated).filter(|days| *days > OLD) {
                advice.push(format!("table {} ({}) is {days} days old: import a newer one", table.source, table.kind));
            }
        }
        if tables.is_empty() {
            let about = builtin::country_table().about();
            advice.push(format!(
                "no table was imported: countries come from the built-in, approximate table of {}; AS numbers only from reports (`musubi tables import`)",
                about.origin.date
            ));
        }
        let registries = register.registry_tables().await?;
        for table in &registries {
            if let Some(days) = age(&table.dated).filter(|days| *days > OLD) {
                advice.push(format!("contacts of {} are {days} days old: import a newer dump (`musubi party import`)", table.source));
            }
        }
        let lists = register.warning_lists().await?;
        let stale: Vec<&str> =
            lists.iter().filter(|list| super::warnings::age(list.imported_at) > OLD.into()).map(|list| list.name.as_str()).collect();
        if let Some(first) = stale.first() {
            advice.push(format!(
                "{} warning lists ({first}, …) are more than {OLD} days old: import newer ones (`musubi warnings import`)",
                stale.len()
            ));
        }
        let indicators = register.indicator_count().await?;
        if lists.is_empty() && indicators > 0 {
            advice.push(
                "there are indicators but no warning lists: well-known values are not kept out (`musubi warnings import`)".to_owned(),
            );
        }
        let now = pipeline::now();
        let parties = register.parties_known(now).await?;
        let troubles: Vec<(&Party, String)> = parties.iter().filter_map(|party| Some((party, trouble(party, now)?))).collect();
        for (party, trouble) in troubles.iter().take(SHOWN) {
            advice.push(format!("party {}: {trouble}", party.id));
        }
        if troubles.len() > SHOWN {
            advice.push(format!("{} more parties cannot be reached or have ended", troubles.len() - SHOWN));
        }
        if !parties.is_empty() && register.own_party().await?.is_none() {
            advice.push("nobody said which party we are: `musubi party own PARTY`".to_owned());
        }
        let free = free_space(place.home.root());
        if let Some(free) = free.filter(|free| *free < 1 << 30) {
            advice.push(format!("only {} are free on the disk of {}", size(free), place.home.root().display()));
        }
        let small = register.segments().await?.iter().filter(|s| s.level == 0).count();
        if small > 64 {
            advice.push(format!("{small} segments are as small as they came in: `musubi compact` makes questions faster"));
        }
        if place.json {
            let list = |faults: &[Fault]| faults.iter().map(|f| json!({"place": f.place, "what": f.what})).collect::<Vec<_>>();
            show::json(&json!({
                "well": faults.is_empty(), "segments": segments, "segment_bytes": segment_bytes, "events": events, "evidence": evidence,
                "evidence_bytes": evidence_bytes, "releases": releases, "strays": strays, "faults": list(faults), "free_bytes": free, "advice": advice,
                "bytes_per_event": (*events > 0).then(|| *segment_bytes as f64 / *events as f64),
                "tables": tables.iter().map(|t| json!({"id": t.id, "kind": t.kind, "source": t.source, "date": t.dated, "age_days": age(&t.dated)})).collect::<Vec<_>>(),
                "registries": registries.iter().map(|t| json!({
                    "id": t.id, "source": t.source, "date": t.dated, "age_days": age(&t.dated), "objects": t.object_count, "networks": t.network_count,
                    "contacts": t.contact_count,
                })).collect::<Vec<_>>(),
                "indicators": indicators,
                "warning_lists": lists.iter().map(|list| json!({
                    "id": list.name, "version": list.version, "entries": list.entry_count, "age_days": super::warnings::age(list.imported_at),
                })).collect::<Vec<_>>(),
                "parties": parties.len(),
                "unreachable": troubles.iter().map(|(party, trouble)| json!({"party": party.id.as_str(), "what": trouble})).collect::<Vec<_>>(),
                "drift": drift.iter().map(|(kind, name, times, evidence)| json!({"kind": kind, "name": name, "times": times, "evidence": evidence})).collect::<Vec<_>>(),
            }))?;
        } else {
            say(format!("events     {} in {} segments, {}", grouped(*events), grouped(*segments), size(*segment_bytes)))?;
            if *events > 0 {
                say(format!("           {:.1} bytes per event", *segment_bytes as f64 / *events as f64))?;
            }
            let checked = if self.originals { "every hash checked" } else { "presence checked; --originals checks every hash" };
            say(format!("evidence   {}, {} kept ({checked})", grouped(*evidence), size(*evidence_bytes)))?;
            if *releases > 0 {
                say(format!("releases   {} (the end of the log checked; `musubi log verify` recomputes all of it)", grouped(*releases)))?;
            }
            for t in &tables {
                say(format!("table      {} ({}) of {}, {} days old", t.source, t.kind, t.dated, age(&t.dated).unwrap_or(0)))?;
            }
            for t in &registries {
                let (networks, contacts) = (grouped(t.network_count.unsigned_abs()), grouped(t.contact_count.unsigned_abs()));
                let days = age(&t.dated).unwrap_or(0);
                say(format!(
                    "registry   {} of {}, {days} days old: {networks} networks and AS numbers, {contacts} contacts",
                    t.source, t.dated
                ))?;
            }
            if indicators > 0 {
                say(format!("indicators {}", grouped(indicators.unsigned_abs())))?;
            }
            if let (Some(oldest), Some(newest)) =
                (lists.iter().map(|list| list.imported_at).min(), lists.iter().map(|list| list.imported_at).max())
            {
                let entries: i64 = lists.iter().map(|list| list.entry_count).sum();
                let ages = format!("{} to {} days old", super::warnings::age(newest), super::warnings::age(oldest));
                say(format!("warnings   {} lists with {} entries, {ages}", lists.len(), grouped(entries.unsigned_abs())))?;
            }
            if !parties.is_empty() {
                say(format!(
                    "parties    {}, {} of them have ended or have no contact that can be used",
                    grouped(parties.len() as u64),
                    grouped(troubles.len() as u64)
                ))?;
            }
            if *strays > 0 {
                say(format!("strays     {} files that nobody names; the next ingest or `musubi compact` removes them", grouped(*strays)))?;
            }
            for (kind, name, times, evidence) in &drift {
                say(format!("drift      {kind} {name} ({} times, last in {})", times, &evidence[..evidence.len().min(12)]))?;
            }
            for advice in &advice {
                say(format!("advice     {advice}"))?;
            }
            for fault in faults {
                say(format!("FAULT      {}: {}", fault.place, fault.what))?;
            }
            if faults.is_empty() {
                say("well")?;
            }
        }
        if !faults.is_empty() {
            bail!("{} faults", faults.len());
        }
        Ok(())
    }
}

/// Parties named in advice; all are counted.
const SHOWN: usize = 10;

/// Why a party cannot be told anything; everybody is told by publishing.
fn trouble(party: &Party, now: Timestamp) -> Option<String> {
    if party.kind == PartyKind::Public {
        return None;
    }
    if let Some(ended) = party.validity.until.filter(|until| *until <= now) {
        // Ended as was meant, unless somebody still counts on it.
        return (!party.constituency.is_empty()).then(|| format!("ended at {ended}, but still answers for {}", party.constituency.len()));
    }
    if party.contacts.is_empty() {
        return Some("no contact".to_owned());
    }
    let usable = party.contacts.iter().any(|contact| contact.validity.holds(now));
    (!usable).then(|| "every contact, with its key, has expired or is not yet valid".to_owned())
}

/// Bytes free on the disk of a folder, where the system tells.
fn free_space(folder: &std::path::Path) -> Option<u64> {
    #[cfg(unix)]
    return rustix::fs::statvfs(folder).ok().map(|s| s.f_bavail * s.f_frsize);
    #[cfg(not(unix))]
    {
        let _ = folder;
        None
    }
}
