//! Would anybody have seen it?
//!
//! A feed is a sensor for a threat when it has shown before that it reports this kind of thing, here, day after day: the very
//! thing itself, or the same class under the same name in the same neighbourhood (/24, /48). Seeing it on one day only is not enough:
//! a list of new phishing pages names each page once, and its silence afterwards says nothing.
//!
//! It watched on a day for which it told something, or told that there was nothing. Where it is silent itself, nobody knows.

use std::collections::{BTreeMap, BTreeSet};

use crate::correlate::key::CaseKey;
use crate::model::day::Day;
use crate::model::given::is_given;

/// When a feed counts as a sensor, and when it watches.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rules {
    /// It must have seen one and the same place on so many days.
    pub days_at_one_place: u16,
    /// Days from one day told of to the next, where it is not daily: 7 for a weekly scan.
    pub every_days: BTreeMap<String, u16>,
    /// So long a feed may take to tell of a day before its silence means that it did not watch.
    pub delay_days: u16,
}

impl Default for Rules {
    fn default() -> Self {
        Self { days_at_one_place: 2, every_days: BTreeMap::new(), delay_days: 2 }
    }
}

/// Why a table of sensors cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RulesError {
    #[error("{0}")]
    Toml(String),
    #[error("{0}: a number of days lies between 1 and 365")]
    Days(String),
}

/// As a user writes it.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    days_at_one_place: Option<u16>,
    delay_days: Option<u16>,
    #[serde(default)]
    every_days: BTreeMap<String, u16>,
}

impl Rules {
    /// Reads a TOML table: `days_at_one_place`, `delay_days`, and in `[every_days]` feeds that are not daily.
    ///
    /// # Errors
    /// When it is no TOML, has other keys, or a number of days is out of bounds.
    ///
    /// ```
    /// let rules = casework::verify::watching::Rules::read("[every_days]\nweekly-scan = 7").unwrap();
    /// assert_eq!((rules.every_days["weekly-scan"], rules.days_at_one_place), (7, 2));
    /// ```
    pub fn read(toml: &str) -> Result<Self, RulesError> {
        let written: Written = toml::from_str(toml).map_err(|e| RulesError::Toml(e.message().to_owned()))?;
        let days = |name: &str, days: u16| if (1..=365).contains(&days) { Ok(days) } else { Err(RulesError::Days(name.to_owned())) };
        let mut rules = Self::default();
        if let Some(n) = written.days_at_one_place {
            rules.days_at_one_place = days("days_at_one_place", n)?;
        }
        if let Some(n) = written.delay_days {
            rules.delay_days = days("delay_days", n)?;
        }
        for (feed, n) in written.every_days {
            let n = days(&feed, n)?;
            rules.every_days.insert(feed, n);
        }
        Ok(rules)
    }
}

/// What a feed has seen before.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Experience {
    pub feed: String,
    pub malware: Option<String>,
    pub identifier: Option<String>,
    pub scope: Scope,
    /// When it had seen one place on [`Rules::days_at_one_place`] days.
    pub since: Day,
}

/// Where a feed saw it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Scope {
    /// At the very place of the threat ([`CaseKey::place`]).
    ThisPlace,
    /// The same class (and port, for what is vulnerable) in its neighbourhood.
    Neighbourhood,
}

/// A feed that would see it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sensor {
    pub feed: String,
    pub because: Scope,
    /// Before this day it had not shown that it would.
    pub since: Day,
}

impl Sensor {
    pub fn reason(&self) -> String {
        match self.because {
            Scope::ThisPlace => format!("{} reported this day after day (by {})", self.feed, self.since),
            Scope::Neighbourhood => format!("{} reported the same kind in this network day after day (by {})", self.feed, self.since),
        }
    }
}

/// The feeds that would see this, best reason first for each. What an outside party gives of its own accord is none: it may be the one
/// that was asked to end it.
pub fn sensors(target: &CaseKey, experience: &[Experience]) -> Vec<Sensor> {
    let mut found: BTreeMap<&str, Sensor> = BTreeMap::new();
    let ours = experience.iter().filter(|seen| !is_given(&seen.feed));
    for seen in ours.filter(|e| target.same_thing(e.malware.as_deref(), e.identifier.as_deref())) {
        let sensor = Sensor { feed: seen.feed.clone(), because: seen.scope, since: seen.since };
        match found.get_mut(seen.feed.as_str()) {
            // The earlier it had shown it, the more days count; of equally early ones the closer reason is told.
            Some(known) if (known.since, known.because) <= (sensor.since, sensor.because) => {}
            Some(known) => *known = sensor,
            None => {
                found.insert(&seen.feed, sensor);
            }
        }
    }
    found.into_values().collect()
}

/// Days of which each feed has told.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Deliveries {
    told: BTreeMap<String, BTreeSet<Day>>,
}

impl Deliveries {
    /// The feed has told of this day, be it that there was nothing.
    pub fn note(&mut self, feed: &str, day: Day) {
        match self.told.get_mut(feed) {
            Some(days) => drop(days.insert(day)),
            None => drop(self.told.insert(feed.to_owned(), BTreeSet::from([day]))),
        }
    }

    fn told(&self, feed: &str, day: Day, every: u16) -> bool {
        let Some(days) = self.told.get(feed) else { return false };
        if days.contains(&day) {
            return true;
        }
        match (days.range(..day).next_back(), days.range(day..).next()) {
            (Some(before), Some(after)) => after.since(*before) <= i32::from(every),
            _ => false,
        }
    }

    fn last(&self, feed: &str) -> Option<Day> {
        self.told.get(feed)?.last().copied()
    }
}

/// Was anybody looking on a day?
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Watch {
    /// By these feeds.
    Watched(Vec<String>),
    Unwatched(Unwatched),
    /// A sensor has not yet told of this day and may still do so.
    NotYet,
}

/// Why nobody was looking.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Unwatched {
    /// No feed has ever shown that it would see this.
    NoSensor,
    /// Those that would told nothing of the day.
    Silent,
}

impl Unwatched {
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoSensor => "no feed has shown that it would see this",
            Self::Silent => "the feeds that would see this delivered nothing",
        }
    }
}

/// Who watched on a day, as far as is known on `today`.
pub fn watch(sensors: &[Sensor], deliveries: &Deliveries, rules: &Rules, day: Day, today: Day) -> Watch {
    let able: Vec<&Sensor> = sensors.iter().filter(|s| s.since <= day).collect();
    if able.is_empty() {
        return Watch::Unwatched(Unwatched::NoSensor);
    }
    let every = |feed: &str| rules.every_days.get(feed).copied().unwrap_or(1).max(1);
    let watched: Vec<String> = able.iter().map(|s| &s.feed).filter(|feed| deliveries.told(feed, day, every(feed))).cloned().collect();
    if !watched.is_empty() {
        return Watch::Watched(watched);
    }
    let may_still_tell = |sensor: &&Sensor| {
        let waits = i32::from(rules.delay_days) + i32::from(every(&sensor.feed)) - 1;
        today.since(day) <= waits && deliveries.last(&sensor.feed).is_none_or(|last| last < day)
    };
    if able.iter().any(may_still_tell) { Watch::NotYet } else { Watch::Unwatched(Unwatched::Silent) }
}

/// Days one after the other on which the same was the case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Interval {
    pub from: Day,
    /// The last day of it.
    pub through: Day,
    pub watch: Watch,
}

/// All days from `from` to `through`, as few intervals as possible.
pub fn intervals(sensors: &[Sensor], deliveries: &Deliveries, rules: &Rules, from: Day, through: Day, today: Day) -> Vec<Interval> {
    let mut found: Vec<Interval> = Vec::new();
    let mut day = from;
    while day <= through {
        let watch = watch(sensors, deliveries, rules, day, today);
        match found.last_mut() {
            Some(last) if last.watch == watch => last.through = day,
            _ => found.push(Interval { from: day, through: day, watch }),
        }
        day = day.next();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(n: i32) -> Day {
        Day::from_number(n)
    }

    fn camera() -> CaseKey {
        CaseKey::read("address 192.0.2.1 infected-system malware mirai").unwrap()
    }

    fn saw(feed: &str, scope: Scope, malware: Option<&str>, since: i32) -> Experience {
        Experience { feed: feed.into(), malware: malware.map(str::to_owned), identifier: None, scope, since: day(since) }
    }

    fn told(feed: &str, days: impl IntoIterator<Item = i32>) -> Deliveries {
        let mut deliveries = Deliveries::default();
        days.into_iter().for_each(|n| deliveries.note(feed, day(n)));
        deliveries
    }

    #[test]
    fn a_feed_that_sees_other_malware_is_no_sensor_for_this_one() {
        let experience = [
            saw("sinkhole", Scope::ThisPlace, Some("mirai"), 5),
            saw("other", Scope::ThisPlace, Some("gozi"), 1),
            saw("near", Scope::Neighbourhood, None, 3),
        ];
        let feeds: Vec<String> = sensors(&camera(), &experience).into_iter().map(|s| s.feed).collect();
        assert_eq!(feeds, ["near", "sinkhole"]);
    }

    #[test]
    fn what_an_outside_party_gives_proves_nothing_by_its_silence() {
        let given = crate::model::given::feed_of(&"isp".parse().unwrap());
        let experience = [saw(&given, Scope::ThisPlace, Some("mirai"), 1), saw("sinkhole", Scope::ThisPlace, Some("mirai"), 5)];
        let feeds: Vec<String> = sensors(&camera(), &experience).into_iter().map(|s| s.feed).collect();
        assert_eq!(feeds, ["sinkhole"]);
    }

    #[test]
    fn a_missed_day_is_not_watched_and_the_last_days_are_not_known_yet() {
        let sensors = sensors(&camera(), &[saw("sinkhole", Scope::ThisPlace, None, 0)]);
        let deliveries = told("sinkhole", [1, 2, 4, 5]);
        let rules = Rules::default();
        let on = |n| watch(&sensors, &deliveries, &rules, day(n), day(8));
        assert!(matches!(on(2), Watch::Watched(_)));
        assert_eq!(on(3), Watch::Unwatched(Unwatched::Silent));
        assert_eq!(on(5), Watch::Watched(vec!["sinkhole".into()]));
        assert_eq!((on(6), on(7)), (Watch::NotYet, Watch::NotYet));
        assert_eq!(watch(&sensors, &deliveries, &rules, day(6), day(9)), Watch::Unwatched(Unwatched::Silent));
        let spans: Vec<(i32, i32)> = intervals(&sensors, &deliveries, &rules, day(1), day(7), day(8))
            .iter()
            .map(|i| (i.from.number(), i.through.number()))
            .collect();
        assert_eq!(spans, [(1, 2), (3, 3), (4, 5), (6, 7)]);
    }

    #[test]
    fn a_weekly_scan_watches_between_its_scans() {
        let sensors = sensors(&camera(), &[saw("scan", Scope::Neighbourhood, None, 0)]);
        let deliveries = told("scan", [0, 7, 21]);
        let weekly = Rules { every_days: BTreeMap::from([("scan".into(), 7)]), ..Rules::default() };
        assert!(matches!(watch(&sensors, &deliveries, &weekly, day(4), day(22)), Watch::Watched(_)));
        assert_eq!(watch(&sensors, &deliveries, &weekly, day(14), day(22)), Watch::Unwatched(Unwatched::Silent));
        assert_eq!(watch(&sensors, &deliveries, &Rules::default(), day(4), day(22)), Watch::Unwatched(Unwatched::Silent));
    }

    #[test]
    fn nobody_was_a_sensor_before_it_had_shown_that_it_would_see() {
        let sensors = sensors(&camera(), &[saw("sinkhole", Scope::Neighbourhood, None, 10)]);
        let deliveries = told("sinkhole", 0..20);
        assert_eq!(watch(&sensors, &deliveries, &Rules::default(), day(9), day(30)), Watch::Unwatched(Unwatched::NoSensor));
        assert!(matches!(watch(&sensors, &deliveries, &Rules::default(), day(10), day(30)), Watch::Watched(_)));
    }
}
