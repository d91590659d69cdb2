//! Is a feed late? It is when it has been silent for twice as long as it usually is.

use jiff::{SignedDuration, Timestamp};

/// How a feed delivered in the time that was looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Deliveries {
    pub count: u64,
    pub first: Timestamp,
    pub last: Timestamp,
}

/// What can be said of the next delivery.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Punctuality {
    /// Too few deliveries to know how often it comes.
    NotKnown,
    OnTime {
        usual: SignedDuration,
    },
    /// It usually comes so often, and has not for so long.
    Late {
        usual: SignedDuration,
        silent: SignedDuration,
    },
}

/// Fewer say nothing about how often a feed comes.
const FEWEST: u64 = 3;
/// Nobody is called late for less.
const SHORTEST: SignedDuration = SignedDuration::from_hours(2);

impl Deliveries {
    /// Whether the next one is late at this moment.
    pub fn punctuality(&self, now: Timestamp) -> Punctuality {
        if self.count < FEWEST {
            return Punctuality::NotKnown;
        }
        let gaps = i32::try_from(self.count - 1).unwrap_or(i32::MAX);
        let usual = self.last.duration_since(self.first) / gaps;
        let silent = now.duration_since(self.last);
        let patience = usual.checked_mul(2).unwrap_or(SignedDuration::MAX).max(SHORTEST);
        if silent > patience { Punctuality::Late { usual, silent } } else { Punctuality::OnTime { usual } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    #[test]
    fn a_daily_feed_is_late_after_two_days_of_silence() {
        let daily = Deliveries { count: 8, first: at(0), last: at(7 * 24) };
        let usual = SignedDuration::from_hours(24);
        assert_eq!(daily.punctuality(at(9 * 24)), Punctuality::OnTime { usual });
        let silent = SignedDuration::from_hours(49);
        assert_eq!(daily.punctuality(at(7 * 24 + 49)), Punctuality::Late { usual, silent });
    }

    #[test]
    fn two_deliveries_say_nothing_and_a_burst_makes_nobody_late_at_once() {
        assert_eq!(Deliveries { count: 2, first: at(0), last: at(1) }.punctuality(at(9999)), Punctuality::NotKnown);
        let burst = Deliveries { count: 100, first: at(0), last: at(0) };
        assert_eq!(burst.punctuality(at(1)), Punctuality::OnTime { usual: SignedDuration::ZERO });
        assert!(matches!(burst.punctuality(at(3)), Punctuality::Late { .. }));
    }
}
