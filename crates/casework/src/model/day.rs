//! Which day of the calendar, in UTC? Silence is counted in whole days.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

/// Length of a day; UTC as times are kept here has no other.
const SECONDS: i64 = 86_400;

/// A day in UTC, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Day(i32);

impl Day {
    /// The day that holds this moment.
    pub fn of(at: Timestamp) -> Self {
        Self(at.as_second().div_euclid(SECONDS) as i32)
    }

    pub fn from_number(days: i32) -> Self {
        Self(days)
    }

    /// Days since 1970-01-01.
    pub fn number(self) -> i32 {
        self.0
    }

    /// Its first moment; the end of time where the calendar ends.
    pub fn start(self) -> Timestamp {
        Timestamp::from_second(i64::from(self.0) * SECONDS).unwrap_or(if self.0 < 0 { Timestamp::MIN } else { Timestamp::MAX })
    }

    /// So many days later (earlier, when negative).
    pub fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    pub fn next(self) -> Self {
        self.plus(1)
    }

    /// Days from `earlier` to this one.
    pub fn since(self, earlier: Self) -> i32 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.start().strftime("%Y-%m-%d"))
    }
}

/// A span in words that people read: `3 h`, `12.5 d`.
pub fn span_text(span: SignedDuration) -> String {
    let hours = span.as_secs_f64() / 3600.0;
    if hours.abs() < 48.0 { format!("{hours:.1} h") } else { format!("{:.1} d", hours / 24.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_and_has_the_name_of_the_calendar() {
        let at: Timestamp = "2026-03-23T23:59:59.9Z".parse().unwrap();
        let day = Day::of(at);
        assert_eq!((day.to_string(), day.next().to_string()), ("2026-03-23".into(), "2026-03-24".into()));
        assert_eq!(day.start(), "2026-03-23T00:00:00Z".parse().unwrap());
        assert_eq!(Day::of("1969-12-31T23:00:00Z".parse().unwrap()).number(), -1);
    }
}
