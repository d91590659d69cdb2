//! A takedown asked for, and what the network shows of one.
//!
//! Both the command line and the console ask here.

use anyhow::{Result, bail};
use casework::correlate::key::CaseKey;
use casework::model::day::Day;
use casework::model::party::PartyId;
use casework::verify::quiet::{QuietPeriod, QuietPeriods};
use casework::verify::watching::{Interval, Rules, Sensor, intervals, sensors};
use casework::verify::{Assessment, Sighting, assess};
use jiff::{SignedDuration, Timestamp};
use store::home::Home;
use store::register::Register;
use store::takedowns::{NewTakedown, Request, TakedownRow};
use store::watch;

use crate::api::standing::Standing;
use crate::federate::takedowns;

/// File in the home with quiet periods that replace ours.
const PERIODS: &str = "quiet-periods.toml";
/// File in the home that says of feeds how often they tell.
const SENSORS: &str = "sensors.toml";
/// Days before the first sight from which sensors may have shown themselves.
const EXPERIENCE_DAYS: i64 = 60;

/// Quiet periods of this home.
///
/// # Errors
/// When its file cannot be read.
pub(crate) fn periods(home: &Home) -> Result<QuietPeriods> {
    match read(home, PERIODS)? {
        Some((path, text)) => QuietPeriods::read(&text).map_err(|e| anyhow::anyhow!("{path}: {e}")),
        None => Ok(QuietPeriods::default()),
    }
}

/// How feeds are taken for sensors: `delay_days`, `days_at_one_place`, and in `[every_days]` feeds that are not daily.
///
/// # Errors
/// When its file cannot be read.
pub(crate) fn rules(home: &Home) -> Result<Rules> {
    match read(home, SENSORS)? {
        Some((path, text)) => Rules::read(&text).map_err(|e| anyhow::anyhow!("{path}: {e}")),
        None => Ok(Rules::default()),
    }
}

fn read(home: &Home, name: &str) -> Result<Option<(String, String)>> {
    let path = home.root().join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some((path.display().to_string(), text))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => bail!("{}: {error}", path.display()),
    }
}

/// The channel by which somebody is asked: a plain word.
///
/// # Errors
/// When it is none.
pub(crate) fn channel(text: &str) -> Result<String, String> {
    let plain = !text.is_empty() && text.len() <= 32 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if plain { Ok(text.to_owned()) } else { Err(format!("{text:?} is no plain word such as mail or walled-garden")) }
}

/// What is to be ended, and who is asked.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) case: String,
    /// When it is not what the case is about.
    pub(crate) target: Option<CaseKey>,
    /// Nobody: it is only watched.
    pub(crate) request: Option<(PartyId, Request)>,
    pub(crate) quiet_days: Option<u16>,
    pub(crate) asked_by: Option<(String, String)>,
}

/// Why nothing can be begun; the wish is wrong.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum NoTarget {
    #[error("{0} is about nothing that can be watched: name it with --target")]
    Nothing(String),
    #[error("{0} is at no one place: name with --target what in it is to end")]
    NoPlace(String),
    #[error("nothing was seen of {0}: there is nothing to take down")]
    Unseen(String),
}

/// What a wish is about, and when it was seen.
///
/// # Errors
/// [`NoTarget`] when there is nothing to be ended; or when events or register cannot be read.
pub(crate) async fn target(home: &Home, register: &Register, wish: &Wish, now: Timestamp) -> Result<NewTakedown> {
    let (file, _) = register.case(&wish.case).await?;
    let target = match (&wish.target, file.key.as_deref().and_then(CaseKey::read)) {
        (Some(target), _) => target.clone(),
        (None, Some(key)) => key,
        (None, None) => return Err(NoTarget::Nothing(wish.case.clone()).into()),
    };
    let Some(class) = target.class() else { return Err(NoTarget::NoPlace(target.title()).into()) };
    let needed = match wish.quiet_days {
        Some(days) => QuietPeriod::from_days(i64::from(days))?,
        None => periods(home)?.of(class),
    };
    let year = now.checked_sub(SignedDuration::from_hours(24 * 366))?;
    let Some(span) = watch::span(home, register, &target, year).await? else {
        return Err(NoTarget::Unseen(target.to_string()).into());
    };
    Ok(NewTakedown {
        case_id: wish.case.clone(),
        target,
        country: span.country,
        needed,
        first_seen: span.first,
        last_seen: span.last.min(now),
        asked_by: wish.asked_by.clone(),
    })
}

/// Begins a takedown and asks for it. A partner whose node exchanges with ours is asked over the wire: what policy keeps from it is not
/// sent, and without anything to send nothing is begun.
///
/// # Errors
/// As [`target`]; when policy keeps everything from a partner that is asked over the wire; when there is a takedown of it already.
pub(crate) async fn begin(
    home: &Home,
    register: &Register,
    standing: &Standing,
    wish: &Wish,
    now: Timestamp,
    by: &str,
) -> Result<TakedownRow> {
    let new = target(home, register, wish, now).await?;
    let request = wish.request.as_ref().map(|(_, request)| request);
    let peers = register.peers().await?;
    let peer = wish
        .request
        .as_ref()
        .filter(|(party, request)| request.channel.as_deref() == Some("taxii") && peers.iter().any(|peer| peer.party == party.as_str()));
    let Some((party, _)) = peer else {
        return Ok(register.begin_takedown(&new, request, now, by).await?);
    };
    let ready = takedowns::prepare(home, register, standing, &new.target, party, now).await?;
    let row = register.begin_takedown(&new, request, now, by).await?;
    takedowns::request(register, standing, &row, party, ready, now).await?;
    Ok(row)
}

/// What the network shows of one takedown.
#[derive(Debug)]
pub(crate) struct Outlook {
    /// Feeds that would see it.
    pub(crate) sensors: Vec<Sensor>,
    pub(crate) found: Assessment,
    /// Who watched, day by day, from the day after it was last seen.
    pub(crate) watched: Vec<Interval>,
    /// The same from the day it was first seen.
    pub(crate) throughout: Vec<Interval>,
    pub(crate) sightings: Vec<Sighting>,
}

/// Looks.
///
/// # Errors
/// When events or register cannot be read.
pub(crate) async fn look(home: &Home, register: &Register, row: &TakedownRow, now: Timestamp) -> Result<Outlook> {
    let (rules, key, standing) = (rules(home)?, row.key()?, row.standing()?);
    let first = Timestamp::from_microsecond(row.first_seen.min(row.last_seen))?;
    let since = first.checked_sub(SignedDuration::from_hours(24 * EXPERIENCE_DAYS))?;
    let seen = watch::observe(home, register, std::slice::from_ref(&key), &rules, since).await?;
    let sensors = sensors(&key, &seen.experience(&key, &rules));
    let sightings = seen.sightings(&key);
    let found = assess(&standing, &sightings, &sensors, &seen.deliveries, &rules, now);
    let today = Day::of(now);
    let all = |from: Day| intervals(&sensors, &seen.deliveries, &rules, from, today.plus(-1), today);
    // For one that is over nothing is counted any more; who watches is shown all the same.
    let watched = if found.watched.is_empty() { all(Day::of(found.last_seen).next()) } else { found.watched.clone() };
    let throughout = all(Day::of(first));
    Ok(Outlook { sensors, found, watched, throughout, sightings })
}
