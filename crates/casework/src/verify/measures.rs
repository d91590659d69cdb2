//! What works, how fast, and how sure is that?
//!
//! Only what the network showed counts as an outcome. Whatever is still open or was never watched is unknown and is shown as
//! such; it enters no rate. Rates come with the Wilson interval (E. B. Wilson, 1927), which stays honest for few cases, and below
//! [`ENOUGH`] decided cases the answer is "too few".

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::takedown::State;

/// Decided cases below which nothing is said.
pub const ENOUGH: u64 = 10;

/// One takedown as measured.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Course {
    /// Who was asked last; `None` when nobody was.
    pub party: Option<String>,
    pub channel: Option<String>,
    pub country: Option<String>,
    pub class: String,
    /// When it was seen first.
    pub first_seen: Timestamp,
    pub asked_at: Option<Timestamp>,
    /// The first word back, be it only an acknowledgement.
    pub heard_at: Option<Timestamp>,
    pub answered_at: Option<Timestamp>,
    pub verified_at: Option<Timestamp>,
    pub last_seen: Timestamp,
    pub state: State,
    pub reinfections: u32,
    pub quiet_days: u16,
}

/// What a takedown came to.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Outcome {
    /// Verified by the network.
    Gone,
    /// Seen again, or still seen later than its quiet period after somebody was asked.
    Stayed,
    /// Still open and within its time.
    Running,
    /// Nobody watches.
    Unknown,
    /// No attempt: withdrawn, disputed, not theirs.
    NoAttempt,
}

impl Course {
    /// What it came to, as known at `now`.
    pub fn outcome(&self) -> Outcome {
        let due = self.asked_at.and_then(|asked| asked.checked_add(SignedDuration::from_hours(24 * i64::from(self.quiet_days))).ok());
        match self.state {
            State::Withdrawn | State::Disputed | State::Misdirected => Outcome::NoAttempt,
            State::Verified => Outcome::Gone,
            State::Reopened => Outcome::Stayed,
            State::Open | State::Requested | State::Acknowledged | State::Fixed | State::Declined | State::Quiet | State::Unknown
                if due.is_some_and(|due| self.last_seen > due) =>
            {
                Outcome::Stayed
            }
            State::Unknown => Outcome::Unknown,
            State::Open | State::Requested | State::Acknowledged | State::Fixed | State::Declined | State::Quiet => Outcome::Running,
        }
    }
}

/// Spans of those for which an end is known, and the number of those for which it is not.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Times {
    known: Vec<SignedDuration>,
    pub unknown: u64,
}

impl Times {
    fn note(&mut self, from: Option<Timestamp>, to: Option<Timestamp>) {
        match (from, to) {
            (Some(from), Some(to)) if to >= from => self.known.push(to.duration_since(from)),
            (Some(_), _) => self.unknown += 1,
            (None, _) => {}
        }
    }

    pub fn known(&self) -> u64 {
        self.known.len() as u64
    }

    /// The span that this share (0 to 1) of the known ones do not exceed (nearest rank).
    pub fn quantile(&self, share: f64) -> Option<SignedDuration> {
        let mut sorted = self.known.clone();
        sorted.sort_unstable();
        let rank = (share.clamp(0.0, 1.0) * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.max(1) - 1).copied()
    }

    pub fn median(&self) -> Option<SignedDuration> {
        self.quantile(0.5)
    }
}

/// A rate and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    pub hits: u64,
    pub of: u64,
}

impl Rate {
    /// `None` when there are too few cases to say anything.
    pub fn share(self) -> Option<f64> {
        (self.of >= ENOUGH).then(|| self.hits as f64 / self.of as f64)
    }

    /// Bounds between which the true share lies with 95 % confidence (Wilson's score interval); `(0, 1)` without cases.
    pub fn interval(self) -> (f64, f64) {
        const Z: f64 = 1.959_963_984_540_054;
        if self.of == 0 {
            return (0.0, 1.0);
        }
        let (n, p) = (self.of as f64, self.hits as f64 / self.of as f64);
        let middle = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
        let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        ((middle - half).max(0.0), (middle + half).min(1.0))
    }
}

/// By what measures are grouped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum By {
    Party,
    Channel,
    Country,
    Class,
}

impl By {
    fn value(self, course: &Course) -> String {
        let or = |value: &Option<String>, otherwise: &str| value.clone().unwrap_or_else(|| otherwise.to_owned());
        match self {
            Self::Party => or(&course.party, "nobody asked"),
            // What goes away by itself is what every channel must be compared with.
            Self::Channel if course.asked_at.is_none() => "nobody asked".into(),
            Self::Channel => or(&course.channel, "not said"),
            Self::Country => or(&course.country, "not known"),
            Self::Class => course.class.clone(),
        }
    }
}

/// Measures of one group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    pub takedowns: u64,
    pub gone: u64,
    pub stayed: u64,
    pub running: u64,
    pub unknown: u64,
    pub no_attempt: u64,
    pub reinfections: u64,
    /// From the first sight to the request.
    pub to_notice: Times,
    /// From the request to the first word back.
    pub to_hear: Times,
    /// From the request to an answer.
    pub to_answer: Times,
    /// From the request (from the first sight, when nobody was asked) to verified.
    pub to_verified: Times,
}

impl Measured {
    fn note(&mut self, course: &Course) {
        self.takedowns += 1;
        self.reinfections += u64::from(course.reinfections);
        match course.outcome() {
            Outcome::Gone => self.gone += 1,
            Outcome::Stayed => self.stayed += 1,
            Outcome::Running => self.running += 1,
            Outcome::Unknown => self.unknown += 1,
            Outcome::NoAttempt => self.no_attempt += 1,
        }
        self.to_notice.note(Some(course.first_seen), course.asked_at);
        self.to_hear.note(course.asked_at, course.heard_at);
        self.to_answer.note(course.asked_at, course.answered_at);
        if course.outcome() != Outcome::NoAttempt {
            self.to_verified.note(course.asked_at.or(Some(course.first_seen)), course.verified_at);
        }
    }

    /// Of those whose outcome the network showed, how many are gone.
    pub fn gone_rate(&self) -> Rate {
        Rate { hits: self.gone, of: self.gone + self.stayed }
    }
}

/// Measures by party, channel, country or class.
pub fn measure<'a>(courses: impl IntoIterator<Item = &'a Course>, by: By) -> BTreeMap<String, Measured> {
    let mut groups: BTreeMap<String, Measured> = BTreeMap::new();
    for course in courses {
        groups.entry(by.value(course)).or_default().note(course);
    }
    groups
}

/// What can be said when two groups are held side by side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Comparison {
    TooFew,
    /// Their intervals overlap: neither is shown to work better.
    NoDifferenceShown,
    /// The interval of the first lies above that of the second.
    FirstBetter,
    SecondBetter,
}

impl Comparison {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooFew => "too few",
            Self::NoDifferenceShown => "no difference shown",
            Self::FirstBetter => "better",
            Self::SecondBetter => "worse",
        }
    }
}

/// Compares two rates; deliberately strict: 95 % intervals that do not overlap.
pub fn compare(first: Rate, second: Rate) -> Comparison {
    if first.of < ENOUGH || second.of < ENOUGH {
        return Comparison::TooFew;
    }
    let ((low, high), (other_low, other_high)) = (first.interval(), second.interval());
    if low > other_high {
        Comparison::FirstBetter
    } else if high < other_low {
        Comparison::SecondBetter
    } else {
        Comparison::NoDifferenceShown
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_second(day * 86_400).unwrap()
    }

    fn course(channel: &str, state: State) -> Course {
        Course {
            party: Some("isp".into()),
            channel: Some(channel.into()),
            country: None,
            class: "infected-system".into(),
            first_seen: at(1),
            asked_at: Some(at(2)),
            heard_at: None,
            answered_at: Some(at(5)),
            verified_at: (state == State::Verified).then(|| at(20)),
            last_seen: at(2),
            state,
            reinfections: 0,
            quiet_days: 14,
        }
    }

    #[test]
    fn wilsons_interval_is_the_published_one() {
        // Newcombe 1998, table I, method 3: 81/263 and 15/148, 0/20, 1/29.
        for (hits, of, low, high) in [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)] {
            let (l, h) = Rate { hits, of }.interval();
            assert!((l - low).abs() < 0.000_06 && (h - high).abs() < 0.000_06, "{hits}/{of}: {l} {h}");
        }
    }

    #[test]
    fn what_nobody_watched_is_in_no_rate() {
        let mut courses = vec![course("mail", State::Verified); 9];
        courses.extend(vec![course("mail", State::Unknown); 50]);
        let mail = &measure(&courses, By::Channel)["mail"];
        assert_eq!((mail.gone_rate(), mail.gone_rate().share(), mail.unknown), (Rate { hits: 9, of: 9 }, None, 50));
        assert_eq!((mail.to_verified.known(), mail.to_verified.unknown), (9, 50));
        assert_eq!(mail.to_verified.median(), Some(SignedDuration::from_hours(18 * 24)));
    }

    #[test]
    fn a_threat_still_seen_when_its_quiet_period_should_be_over_has_stayed() {
        let mut still = course("mail", State::Requested);
        assert_eq!(still.outcome(), Outcome::Running);
        still.last_seen = at(17);
        assert_eq!(still.outcome(), Outcome::Stayed);
        still.state = State::Withdrawn;
        assert_eq!(still.outcome(), Outcome::NoAttempt);
    }

    #[test]
    fn channels_are_compared_only_when_enough_is_known() {
        // The shares of NDSS 2019 (Çetin et al.): walled garden 92 %, no notice 58 to 74 %.
        assert_eq!(compare(Rate { hits: 92, of: 100 }, Rate { hits: 66, of: 100 }), Comparison::FirstBetter);
        assert_eq!(compare(Rate { hits: 5, of: 5 }, Rate { hits: 0, of: 100 }), Comparison::TooFew);
        assert_eq!(compare(Rate { hits: 8, of: 12 }, Rate { hits: 7, of: 12 }), Comparison::NoDifferenceShown);
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_share_and_narrows_with_more_cases(of in 1_u64..5_000, share in 0.0_f64..=1.0) {
            let hits = (share * of as f64) as u64;
            let (low, high) = Rate { hits, of }.interval();
            let p = hits as f64 / of as f64;
            prop_assert!((0.0..=1.0).contains(&low) && high <= 1.0 && low <= p + 1e-12 && p <= high + 1e-12);
            let (more_low, more_high) = Rate { hits: hits * 4, of: of * 4 }.interval();
            prop_assert!(more_high - more_low <= high - low + 1e-12);
        }
    }
}
