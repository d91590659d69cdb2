//! Is a feed late? It is when it stays away for much longer than it used to.

use jiff::{SignedDuration, Timestamp};

/// How a feed came so far.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Delivery {
    pub first: Timestamp,
    pub last: Timestamp,
    /// Days with a delivery.
    pub days: u32,
}

/// Fewer days tell nothing of a habit.
const HABIT: u32 = 3;
/// Daily reports are made at different hours, and not on every holiday.
const LEAST: SignedDuration = SignedDuration::from_hours(36);

impl Delivery {
    /// Time that usually lies between two deliveries; `None` while there is no habit.
    pub fn usual_gap(&self) -> Option<SignedDuration> {
        let gaps = i32::try_from(self.days).ok().filter(|_| self.days >= HABIT)? - 1;
        self.last.duration_since(self.first).checked_div(gaps)
    }

    /// From when on it is late.
    pub fn due(&self) -> Option<Timestamp> {
        let gap = self.usual_gap()?;
        self.last.checked_add(gap.checked_mul(2)?.max(LEAST)).ok()
    }

    /// It is late: twice its usual gap has gone by, and more than a day and a half.
    pub fn is_late(&self, now: Timestamp) -> bool {
        self.due().is_some_and(|due| now > due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_is_late_by_its_own_habit() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let daily = Delivery { first: at("2026-03-01T04:00:00Z"), last: at("2026-03-10T04:00:00Z"), days: 10 };
        assert_eq!(daily.usual_gap(), Some(SignedDuration::from_hours(24)));
        assert!(!daily.is_late(at("2026-03-12T03:00:00Z")));
        assert!(daily.is_late(at("2026-03-12T05:00:00Z")));
        let hourly = Delivery { days: 3, first: at("2026-03-08T04:00:00Z"), ..daily };
        assert!(!hourly.is_late(at("2026-03-11T15:00:00Z")));
        let weekly = Delivery { days: 4, first: at("2026-02-17T04:00:00Z"), ..daily };
        assert!(!weekly.is_late(at("2026-03-20T04:00:00Z")));
        assert!(weekly.is_late(at("2026-03-25T04:00:00Z")));
        let twice = Delivery { days: 2, ..daily };
        assert!(!twice.is_late(at("2027-01-01T00:00:00Z")), "twice is no habit");
    }
}
