//! Looks at the network for all takedowns at once, and remembers what follows.
//!
//! May run as often as one likes: it says the same until the network says something new.

use std::collections::BTreeMap;

use anyhow::Result;
use casework::verify::assess;
use casework::verify::watching::{Rules, sensors};
use jiff::{SignedDuration, Timestamp};
use store::home::Home;
use store::register::Register;
use store::takedowns::Assessed;
use store::watch::observe;

/// So long a verified takedown is still looked after.
const LOOKED_AFTER_DAYS: i64 = 365;
/// So long before a takedown began a feed may have shown that it is a sensor.
const EXPERIENCE_DAYS: i64 = 60;

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Verified {
    pub(crate) assessed: u64,
    pub(crate) changed: u64,
    /// State → number of takedowns.
    pub(crate) states: BTreeMap<String, u64>,
}

/// Assesses all takedowns that are not over.
///
/// # Errors
/// When events or register cannot be read, or the register not written.
pub(crate) async fn verify(home: &Home, register: &Register, rules: &Rules, now: Timestamp, by: &str) -> Result<Verified> {
    let days = |n: i64| SignedDuration::from_hours(24 * n);
    let rows = register.takedowns_to_assess(now.checked_sub(days(LOOKED_AFTER_DAYS))?).await?;
    let mut done = Verified::default();
    let Some(oldest) = rows.iter().map(|row| row.first_seen.min(row.last_seen)).min() else { return Ok(done) };
    let keys = rows.iter().map(|row| row.key()).collect::<Result<Vec<_>, _>>()?;
    let since = Timestamp::from_microsecond(oldest)?.checked_sub(days(EXPERIENCE_DAYS))?;
    let seen = observe(home, register, &keys, rules, since).await?;
    let mut assessed = Vec::with_capacity(rows.len());
    for (before, key) in rows.into_iter().zip(keys) {
        let standing = before.standing()?;
        let sensors = sensors(&key, &seen.experience(&key, rules));
        let found = assess(&standing, &seen.sightings(&key), &sensors, &seen.deliveries, rules, now);
        *done.states.entry(found.status.state().as_str().to_owned()).or_default() += 1;
        done.assessed += 1;
        // The reason for an outcome that stands is the one for which it came about.
        let stands = found.status == standing.status && found.last_seen == standing.last_seen && !before.reason.is_empty();
        let reason = if stands && found.watched.is_empty() { before.reason.clone() } else { found.reason(&sensors, standing.needed) };
        assessed.push(Assessed { before, found, reason });
    }
    done.changed = register.record_assessments(&assessed, now, by).await?;
    Ok(done)
}
