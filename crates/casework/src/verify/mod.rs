//! Is it gone? The network decides, not the message that says so.
//!
//! [`assess`] goes through the days since a threat was last seen: on each it was seen, watched in silence, unwatched, or not yet
//! told of; [`takedown::step`] says what follows. Which feeds would have seen it is decided in [`watching`], how long it must be quiet
//! in [`quiet`]. Looking every day or once at the end comes to the same.

pub mod across;
pub mod measures;
pub mod quiet;
pub mod takedown;
pub mod watching;
pub mod wire;

use jiff::Timestamp;

use self::quiet::QuietPeriod;
use self::takedown::{Happening, Said, Shown, Status, step};
use self::watching::{Deliveries, Interval, Rules, Sensor, Unwatched, Watch};
use crate::model::day::Day;

/// A takedown as it stands before the network is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Standing {
    pub status: Status,
    pub needed: QuietPeriod,
    /// When somebody was asked first.
    pub asked_at: Option<Timestamp>,
    /// When the last answer came.
    pub answered_at: Option<Timestamp>,
    /// When it was last seen, as far as was known.
    pub last_seen: Timestamp,
}

/// That one feed saw it on one day.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sighting {
    pub feed: String,
    /// The last time on that day.
    pub at: Timestamp,
    pub events: u64,
}

/// What the network says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Assessment {
    pub status: Status,
    pub last_seen: Timestamp,
    /// When it was seen again, each time that reopened it.
    pub reopened: Vec<Sighting>,
    /// The end of the day that completed the quiet period.
    pub verified_at: Option<Timestamp>,
    /// Who watched since it was last seen.
    pub watched: Vec<Interval>,
    /// The last day of which something is known.
    pub known_through: Option<Day>,
}

/// What is known of the outcome at `now`, from all sightings since the takedown began and the days that were watched.
///
/// Sightings up to the last answer are what the answer is about: they reopen nothing.
pub fn assess(
    standing: &Standing,
    sightings: &[Sighting],
    sensors: &[Sensor],
    deliveries: &Deliveries,
    rules: &Rules,
    now: Timestamp,
) -> Assessment {
    let mut new: Vec<&Sighting> = sightings.iter().filter(|s| s.at > standing.last_seen && s.at <= now).collect();
    new.sort_by_key(|s| s.at);
    let mut found = Assessment {
        status: standing.status,
        last_seen: standing.last_seen,
        reopened: Vec::new(),
        verified_at: None,
        watched: Vec::new(),
        known_through: None,
    };
    if standing.status.said == Said::Withdrawn || (standing.status.shown == Shown::Verified && new.is_empty()) {
        return found;
    }
    let apply = |status: Status, happening: Happening| step(status, happening, standing.needed).unwrap_or(status);
    // All that is known of the days since it was last seen is counted again: evidence may have come late.
    found.status = standing.status.recount();
    let silence_from = standing.asked_at.map_or(standing.last_seen, |asked| asked.max(standing.last_seen));
    let (today, mut day) = (Day::of(now), Day::of(silence_from));
    let mut counting_from = day;
    let mut new = new.into_iter().peekable();
    while day <= today {
        let mut seen = false;
        while let Some(sighting) = new.next_if(|s| Day::of(s.at) <= day) {
            seen = true;
            found.last_seen = sighting.at;
            let answered = standing.status.said == Said::Fixed && standing.answered_at.is_some_and(|answered| sighting.at <= answered);
            let before = found.status;
            found.status = if answered && before.shown != Shown::Verified { before.recount() } else { apply(before, Happening::Seen) };
            if found.status.shown == Shown::Reopened && before.shown != Shown::Reopened {
                found.reopened.push(sighting.clone());
                found.verified_at = None;
            }
        }
        if seen {
            counting_from = day;
        } else if day > counting_from && day < today {
            let watch = watching::watch(sensors, deliveries, rules, day, today);
            let before = found.status;
            found.status = match watch {
                Watch::Watched(_) => apply(before, Happening::WatchedDay),
                Watch::Unwatched(_) => apply(before, Happening::UnwatchedDay),
                Watch::NotYet => before,
            };
            if watch != Watch::NotYet {
                found.known_through = Some(day);
            }
            if found.status.shown == Shown::Verified && before.shown != Shown::Verified {
                found.verified_at = Some(day.next().start());
            }
        }
        day = day.next();
    }
    found.watched = watching::intervals(sensors, deliveries, rules, counting_from.next(), today.plus(-1), today);
    found
}

impl Assessment {
    /// Why it stands as it stands, in a sentence.
    pub fn reason(&self, sensors: &[Sensor], needed: QuietPeriod) -> String {
        let by = || {
            let reasons: Vec<String> = sensors.iter().map(Sensor::reason).collect();
            reasons.join("; ")
        };
        match self.status.shown {
            Shown::Verified => format!("quiet for {} days while watched: {}", self.status.quiet_days, by()),
            Shown::Quiet => format!("quiet so far, {} of {} days watched: {}", self.status.quiet_days, needed.days(), by()),
            Shown::Reopened => match self.reopened.last() {
                Some(sighting) => format!("seen again at {} by {}", sighting.at, sighting.feed),
                None => format!("seen again at {}", self.last_seen),
            },
            Shown::Active => format!("seen at {}; no whole day is known since", self.last_seen),
            Shown::Unwatched => {
                let last = self.watched.iter().rev().find_map(|interval| match &interval.watch {
                    Watch::Unwatched(why) => Some((*why, interval)),
                    Watch::Watched(_) | Watch::NotYet => None,
                });
                match last {
                    Some((Unwatched::NoSensor, _)) | None => format!("unknown, nobody watches: {}", Unwatched::NoSensor.reason()),
                    Some((why, interval)) => {
                        format!("unknown, nobody watched from {} to {}: {}", interval.from, interval.through, why.reason())
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
