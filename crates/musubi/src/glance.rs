//! How far back does a page look? Newest days first, in stretches that grow; after many events it says how far it came, and asks.

/// Events that a page looks through for what no sum knows, before it asks whether to go on.
fn enough_for_a_glance() -> u64 {
    crate::faults::size("glance", 1_000_000)
}

/// So many glances are one step of whoever goes on: as many as a page may take.
const STEP: u64 = 2;

/// Days that have events, from the newest back: in stretches that grow, so that what lies near is found soon.
#[derive(Debug)]
pub(crate) struct Back {
    days: Vec<(i32, u64)>,
    stretch: usize,
    /// Events after which a glance ends.
    enough: u64,
    /// Events of the days that were given out.
    events: u64,
    /// The earliest of them.
    from: Option<i32>,
}

impl Back {
    /// Days in their order, each with how many events it has.
    pub(crate) fn new(days: Vec<(i32, u64)>) -> Self {
        Self { days, stretch: 1, enough: enough_for_a_glance(), events: 0, from: None }
    }

    /// The same for somebody who goes on behind a glance: in larger steps.
    pub(crate) fn further(days: Vec<(i32, u64)>) -> Self {
        let back = Self::new(days);
        Self { enough: back.enough * STEP, ..back }
    }

    /// The next stretch, its first and last day; with at least `enough` events where that is said, else four times as many days as before, but
    /// none behind the day at which a glance ends.
    pub(crate) fn next(&mut self, enough: Option<u64>) -> Option<(i32, i32)> {
        let (last, _) = *self.days.last()?;
        let (mut taken, mut sum) = (0, 0);
        while let Some((day, count)) = self.days.last().copied() {
            let ends = enough.map_or(taken >= self.stretch || self.events + sum >= self.enough, |enough| sum >= enough);
            if taken > 0 && ends {
                break;
            }
            self.days.pop();
            self.from = Some(day);
            (taken, sum) = (taken + 1, sum + count);
        }
        self.stretch *= 4;
        self.events += sum;
        Some((self.from?, last))
    }

    /// The day back to which was looked, when that was far enough for a glance and there is more behind it.
    pub(crate) fn glanced(&self) -> Option<i32> {
        self.from.filter(|_| self.events >= self.enough && !self.days.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_grow_backwards_and_hold_every_day_once() {
        let mut back = Back::new((1..=30).filter(|day| day % 7 != 0).map(|day| (day, 10)).collect());
        let mut all = Vec::new();
        while let Some(stretch) = back.next(None) {
            all.push(stretch);
        }
        assert_eq!(all, [(30, 30), (25, 29), (6, 24), (1, 5)]);
        assert_eq!(back.glanced(), None, "few events are looked through to the end");
    }

    #[test]
    fn no_stretch_goes_on_behind_the_day_that_ends_a_glance() {
        let mut back = Back::new((1..=40).map(|day| (day, 600_000)).collect());
        assert_eq!((back.next(None), back.glanced()), (Some((40, 40)), None));
        assert_eq!((back.next(None), back.glanced()), (Some((39, 39)), Some(39)));
    }

    #[test]
    fn whoever_goes_on_takes_larger_steps() {
        let mut back = Back::further((1..=40).map(|day| (day, 600_000)).collect());
        assert_eq!((back.next(None), back.glanced()), (Some((40, 40)), None));
        assert_eq!((back.next(None), back.glanced()), (Some((37, 39)), Some(37)));
    }

    #[test]
    fn enough_events_end_a_stretch_and_many_end_a_glance() {
        let mut back = Back::new(vec![(1, 5), (2, 0), (3, 1_000_000), (4, 49), (5, 1)]);
        assert_eq!((back.next(Some(50)), back.glanced()), (Some((4, 5)), None));
        assert_eq!((back.next(Some(50)), back.glanced()), (Some((3, 3)), Some(3)));
        assert_eq!((back.next(Some(50)), back.glanced(), back.next(Some(50))), (Some((1, 2)), None, None));
    }
}
