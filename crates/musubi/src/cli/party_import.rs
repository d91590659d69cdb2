//! `musubi party import` and `musubi agreement import`: many at once, from files.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use casework::parties::{self, Written, join};
use serde_json::{Value, json};
use store::register::Register;

use super::Place;
use crate::pipeline;
use crate::show::{self, grouped, say};

/// Import parties: TOML or CSV of our own
///
/// Each source replaces only what it said before; what others said stays. Entries that cannot be are set aside and named.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  printf 'id,kind,networks,contacts\\nisp-jp,provider,192.0.2.0/24,abuse ja abuse@isp.example\\n' > /tmp/parties.csv && musubi party import /tmp/parties.csv"
)]
pub(crate) struct Import {
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

impl Import {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        let register = Register::create(&place.home).await?;
        let mut done = Vec::new();
        for path in &self.paths {
            let written = read(path).with_context(|| path.display().to_string())?;
            done.push(record(place, &register, path, written).await.with_context(|| path.display().to_string())?);
        }
        if place.json { show::json(&Value::Array(done)) } else { Ok(()) }
    }
}

/// Rows shown that were set aside; all are counted.
const SHOWN: usize = 20;

/// Reads TOML or CSV of our own.
pub(crate) fn read(path: &Path) -> Result<Written> {
    let mut file = BufReader::new(File::open(path)?);
    let toml = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("toml"));
    Ok(if toml {
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        parties::toml::read(&text)?
    } else {
        parties::csv::read(file)?
    })
}

/// Records what a file says: parties, agreements and which party is us.
pub(crate) async fn record(place: &Place, register: &Register, path: &Path, written: Written) -> Result<Value> {
    let now = pipeline::now();
    let Written { parties, agreements, rejected } = written;
    for rejected in rejected.iter().take(SHOWN) {
        eprintln!("set aside: {}: {rejected}", path.display());
    }
    if rejected.len() > SHOWN {
        eprintln!("{} entries of {} were set aside", rejected.len(), path.display());
    }
    let own: Vec<_> = parties.iter().filter(|p| p.own).map(|p| p.party.id.clone()).collect();
    if own.len() > 1 {
        bail!("{} and {} cannot both be us", own[0], own[1]);
    }
    let parties = register.record_parties(parties.into_iter().map(|p| p.party).collect(), now, join).await?;
    let agreements = register.record_agreements(agreements, now).await?;
    if let [own] = &own[..] {
        register.set_own_party(own, now).await?;
    }
    if !place.json {
        for (what, r) in [("parties", parties), ("agreements", agreements)] {
            let all = r.added + r.changed + r.unchanged;
            if all > 0 {
                let (added, changed, unchanged) = (grouped(r.added), grouped(r.changed), grouped(r.unchanged));
                say(format!("{}: {what}: {added} added, {changed} changed, {unchanged} as they were", path.display()))?;
            }
        }
    }
    let counts = |r: store::parties::Recorded| json!({"added": r.added, "changed": r.changed, "unchanged": r.unchanged});
    let rejections: Vec<Value> = rejected.iter().map(|r| json!({"place": r.place, "reason": r.reason})).collect();
    Ok(json!({
        "id": path.display().to_string(), "parties": counts(parties), "agreements": counts(agreements), "rejected": rejected.len(), "rejections": rejections,
    }))
}
