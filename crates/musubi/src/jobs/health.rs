//! Is this installation well? What `musubi doctor` says and what the console shows: faults, which are wrong, and advice, which is not urgent.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use casework::enrich::builtin;
use casework::model::party::{Party, PartyKind};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use store::check::check;
use store::home::Home;
use store::register::Register;

use crate::pipeline;

/// All that was looked at.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Health {
    pub(crate) segments: u64,
    pub(crate) segment_bytes: u64,
    pub(crate) events: u64,
    pub(crate) evidence: u64,
    pub(crate) evidence_bytes: u64,
    pub(crate) releases: u64,
    pub(crate) strays: u64,
    pub(crate) faults: Vec<Fault>,
    pub(crate) free_bytes: Option<u64>,
    pub(crate) advice: Vec<Advice>,
    pub(crate) tables: Vec<Table>,
    pub(crate) registries: Vec<Registry>,
    pub(crate) indicators: u64,
    pub(crate) warning_lists: Vec<WarningList>,
    pub(crate) parties: u64,
    pub(crate) unreachable: Vec<Unreachable>,
    pub(crate) drift: Vec<Drift>,
}

/// Something that is wrong, and where.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Fault {
    pub(crate) place: String,
    pub(crate) what: String,
}

/// A table that enriches events.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Table {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) source: String,
    pub(crate) date: String,
    pub(crate) age_days: Option<i32>,
}

/// Who is responsible for what, out of a registry.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Registry {
    pub(crate) id: String,
    pub(crate) source: String,
    pub(crate) date: String,
    pub(crate) age_days: Option<i32>,
    pub(crate) objects: i64,
    pub(crate) networks: i64,
    pub(crate) contacts: i64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct WarningList {
    pub(crate) id: String,
    pub(crate) version: i64,
    pub(crate) entries: i64,
    pub(crate) age_days: i64,
}

/// A party that cannot be told anything.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Unreachable {
    pub(crate) party: String,
    pub(crate) what: String,
}

/// A name that no reader knew.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Drift {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) times: i64,
    pub(crate) evidence: String,
}

/// What would be good to do.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Advice {
    OldTable { source: String, table: String, days: i32 },
    NoTable { date: String },
    OldRegistry { source: String, days: i32 },
    OldWarnings { count: usize, first: String },
    NoWarnings,
    Party { party: String, what: String },
    MoreParties { count: usize },
    NoOwnParty,
    LittleRoom { bytes: u64, folder: String },
    SmallSegments { count: usize },
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OldTable { source, table, days } => write!(f, "table {source} ({table}) is {days} days old: import a newer one"),
            Self::NoTable { date } => write!(
                f,
                "no table was imported: countries come from the built-in, approximate table of {date}; AS numbers only from reports (`musubi tables import`)"
            ),
            Self::OldRegistry { source, days } => {
                write!(f, "contacts of {source} are {days} days old: import a newer dump (`musubi party import`)")
            }
            Self::OldWarnings { count, first } => {
                write!(f, "{count} warning lists ({first}, …) are more than {OLD} days old: import newer ones (`musubi warnings import`)")
            }
            Self::NoWarnings => {
                f.write_str("there are indicators but no warning lists: well-known values are not kept out (`musubi warnings import`)")
            }
            Self::Party { party, what } => write!(f, "party {party}: {what}"),
            Self::MoreParties { count } => write!(f, "{count} more parties cannot be reached or have ended"),
            Self::NoOwnParty => f.write_str("nobody said which party we are: `musubi party own PARTY`"),
            Self::LittleRoom { bytes, folder } => write!(f, "only {} are free on the disk of {folder}", crate::show::size(*bytes)),
            Self::SmallSegments { count } => {
                write!(f, "{count} segments are as small as they came in: `musubi compact` makes questions faster")
            }
        }
    }
}

/// Age in days from which a table of addresses misleads.
pub(crate) const OLD: i32 = 45;
/// Parties named in advice; all are counted.
const SHOWN: usize = 10;
/// Small segments from which merging them is worth it.
const MANY_SMALL: usize = 64;

/// Age in days of what was made on a date.
pub(crate) fn age(dated: &str, now: Timestamp) -> Option<i32> {
    let date: Date = dated.parse().ok()?;
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    Some(date.until(today).ok()?.get_days())
}

/// Age in days of what was imported at a moment.
fn age_since(imported_at: i64, now: Timestamp) -> i64 {
    (now.as_microsecond() - imported_at) / 86_400_000_000
}

/// Looks at everything; `originals`: checks the hash of every kept original too. `seen` is told each file.
///
/// # Errors
/// When the register cannot be read.
pub(crate) async fn examine(home: &Home, register: &Register, originals: bool, seen: &mut dyn FnMut(&str)) -> Result<Health> {
    let now = pipeline::now();
    let found = check(home, register, originals, seen).await?;
    let tables: Vec<Table> = register
        .tables()
        .await?
        .into_iter()
        .map(|t| Table { age_days: age(&t.dated, now), id: t.id, kind: t.kind, source: t.source, date: t.dated })
        .collect();
    let registries: Vec<Registry> = register
        .registry_tables()
        .await?
        .into_iter()
        .map(|t| Registry {
            age_days: age(&t.dated, now),
            id: t.id,
            source: t.source,
            date: t.dated,
            objects: t.object_count,
            networks: t.network_count,
            contacts: t.contact_count,
        })
        .collect();
    let warning_lists: Vec<WarningList> = register
        .warning_lists()
        .await?
        .into_iter()
        .map(|list| WarningList {
            age_days: age_since(list.imported_at, now),
            id: list.name,
            version: list.version,
            entries: list.entry_count,
        })
        .collect();
    let parties = register.parties_known(now).await?;
    let unreachable =
        parties.iter().filter_map(|party| Some(Unreachable { party: party.id.to_string(), what: trouble(party, now)? })).collect();
    let drift = register.drift().await?.into_iter().map(|(kind, name, times, evidence)| Drift { kind, name, times, evidence }).collect();
    let mut health = Health {
        segments: found.segments,
        segment_bytes: found.segment_bytes,
        events: found.events,
        evidence: found.evidence,
        evidence_bytes: found.evidence_bytes,
        releases: found.releases,
        strays: found.strays,
        faults: found.faults.into_iter().map(|fault| Fault { place: fault.place, what: fault.what }).collect(),
        free_bytes: free_space(home.root()),
        advice: Vec::new(),
        tables,
        registries,
        indicators: register.indicator_count().await?.unsigned_abs(),
        warning_lists,
        parties: parties.len() as u64,
        unreachable,
        drift,
    };
    let small = register.segments().await?.iter().filter(|segment| segment.level == 0).count();
    let knows_itself = register.own_party().await?.is_some();
    health.advice = advice(&health, small, knows_itself, &home.root().display().to_string());
    Ok(health)
}

fn advice(health: &Health, small_segments: usize, knows_itself: bool, folder: &str) -> Vec<Advice> {
    let old = |age: Option<i32>| age.filter(|days| *days > OLD);
    let mut advice = Vec::new();
    for table in &health.tables {
        if let Some(days) = old(table.age_days) {
            advice.push(Advice::OldTable { source: table.source.clone(), table: table.kind.clone(), days });
        }
    }
    if health.tables.is_empty() {
        advice.push(Advice::NoTable { date: builtin::country_table().about().origin.date.to_string() });
    }
    for table in &health.registries {
        if let Some(days) = old(table.age_days) {
            advice.push(Advice::OldRegistry { source: table.source.clone(), days });
        }
    }
    let stale: Vec<&WarningList> = health.warning_lists.iter().filter(|list| list.age_days > OLD.into()).collect();
    if let Some(first) = stale.first() {
        advice.push(Advice::OldWarnings { count: stale.len(), first: first.id.clone() });
    }
    if health.warning_lists.is_empty() && health.indicators > 0 {
        advice.push(Advice::NoWarnings);
    }
    for one in health.unreachable.iter().take(SHOWN) {
        advice.push(Advice::Party { party: one.party.clone(), what: one.what.clone() });
    }
    if health.unreachable.len() > SHOWN {
        advice.push(Advice::MoreParties { count: health.unreachable.len() - SHOWN });
    }
    if health.parties > 0 && !knows_itself {
        advice.push(Advice::NoOwnParty);
    }
    if let Some(bytes) = health.free_bytes.filter(|free| *free < 1 << 30) {
        advice.push(Advice::LittleRoom { bytes, folder: folder.to_owned() });
    }
    if small_segments > MANY_SMALL {
        advice.push(Advice::SmallSegments { count: small_segments });
    }
    advice
}

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

/// The name of this work in the register.
pub(crate) const JOB: &str = "health";

/// Begins to look at everything beside the server's own work; what came of it is kept. `false`: it is being done already.
///
/// # Errors
/// When the register cannot be written.
pub(crate) async fn begin(home: &Home, register: &Register, by: Option<&str>) -> Result<bool> {
    let id = crate::chance::uuid().to_string();
    if !register.begin_job(&id, JOB, by, pipeline::now().as_microsecond()).await? {
        return Ok(false);
    }
    let (home, register) = (home.clone(), register.clone());
    tokio::spawn(async move {
        if let Err(error) = run(&home, &register, &id).await {
            tracing::error!("the state of this installation could not be written down: {error:#}");
        }
    });
    Ok(true)
}

async fn run(home: &Home, register: &Register, id: &str) -> Result<()> {
    let total = i64::try_from(register.segments().await?.len()).unwrap_or(i64::MAX);
    let done = Arc::new(AtomicI64::new(0));
    let at = Arc::new(Mutex::new(String::new()));
    let (counted, named) = (Arc::clone(&done), Arc::clone(&at));
    let (of, register_of) = (home.clone(), register.clone());
    // Hashing is work for a thread of its own, not for those that answer.
    let mut work = tokio::task::spawn_blocking(move || {
        let mut seen = |path: &str| {
            counted.fetch_add(1, Ordering::Relaxed);
            path.clone_into(&mut named.lock().unwrap_or_else(PoisonError::into_inner));
        };
        tokio::runtime::Handle::current().block_on(examine(&of, &register_of, false, &mut seen))
    });
    let outcome = loop {
        tokio::select! {
            outcome = &mut work => break outcome,
            () = tokio::time::sleep(Duration::from_secs(1)) => {
                let note = at.lock().unwrap_or_else(PoisonError::into_inner).clone();
                register.job_at(id, done.load(Ordering::Relaxed).min(total), Some(total), &note).await?;
            }
        }
    };
    let ended = pipeline::now().as_microsecond();
    match outcome.map_err(anyhow::Error::from).and_then(|health| health) {
        Ok(health) => register.end_job(id, Ok(&serde_json::to_string(&health)?), ended).await?,
        Err(error) => register.end_job(id, Err(&format!("{error:#}")), ended).await?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_is_given_where_something_is_old_missing_or_nearly_full() {
        let mut health = Health { free_bytes: Some(5), parties: 1, indicators: 1, ..Health::default() };
        let told = advice(&health, 100, false, "/srv/m");
        assert!(matches!(told[0], Advice::NoTable { .. }));
        let small = Advice::SmallSegments { count: 100 };
        assert_eq!(told[1..], [Advice::NoWarnings, Advice::NoOwnParty, Advice::LittleRoom { bytes: 5, folder: "/srv/m".into() }, small]);
        health.tables.push(Table { id: "1".into(), kind: "asn".into(), source: "x".into(), date: "2026-01-01".into(), age_days: Some(46) });
        health.warning_lists.push(WarningList { id: "w".into(), version: 1, entries: 1, age_days: 46 });
        health.free_bytes = None;
        let told: Vec<String> = advice(&health, 0, true, "").iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(told[0], "table x (asn) is 46 days old: import a newer one");
    }

    #[test]
    fn what_came_of_it_is_read_as_it_was_written() {
        let health = Health { advice: vec![Advice::NoOwnParty, Advice::SmallSegments { count: 65 }], ..Health::default() };
        let read: Health = serde_json::from_str(&serde_json::to_string(&health).unwrap()).unwrap();
        assert_eq!(read.advice, health.advice);
    }
}
