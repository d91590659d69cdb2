//! When is a mail that could not be handed over tried again?
//!
//! RFC 5321 §4.5.4.1: wait, half an hour at least once the first tries have failed, and give up after four to five days.
//! The relay is our own, so the first tries come sooner. Every wait is lengthened by up to a quarter, by chance, so that
//! what failed together does not come back together.

use jiff::{SignedDuration, Timestamp};

/// Minutes to wait after the first, second, … attempt; the last is repeated.
const WAITS: [i64; 7] = [2, 10, 30, 60, 120, 240, 480];
/// Four days and a half after the first attempt it has failed.
const GIVE_UP: SignedDuration = SignedDuration::from_hours(108);

/// When to try again after `attempts` failed ones (at least one), or `None` to give up.
///
/// `chance` is any number; it spreads the tries.
pub fn next_attempt(first: Timestamp, now: Timestamp, attempts: u32, chance: u32) -> Option<Timestamp> {
    let nth = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX).min(WAITS.len() - 1);
    let wait = WAITS[nth] * 60;
    let spread = i64::from(chance) % (wait / 4 + 1);
    let next = now.checked_add(SignedDuration::from_secs(wait + spread)).ok()?;
    (next.duration_since(first) <= GIVE_UP).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end_after_four_days() {
        let first: Timestamp = "2026-03-23T07:00:00Z".parse().unwrap();
        let (mut now, mut attempts, mut last) = (first, 1, SignedDuration::ZERO);
        while let Some(next) = next_attempt(first, now, attempts, 0) {
            let wait = next.duration_since(now);
            assert!(wait >= last, "attempt {attempts} comes after {wait:?}");
            (now, attempts, last) = (next, attempts + 1, wait);
        }
        let tried = now.duration_since(first).as_hours();
        assert!((96..=108).contains(&tried), "given up after {tried} h");
        assert!((12..=25).contains(&attempts), "{attempts} attempts");
    }

    proptest::proptest! {
        #[test]
        fn chance_lengthens_a_wait_by_a_quarter_at_most(attempts in 1_u32..40, chance: u32) {
            let first: Timestamp = "2026-03-23T07:00:00Z".parse().unwrap();
            let plain = next_attempt(first, first, attempts, 0).unwrap().duration_since(first);
            let spread = next_attempt(first, first, attempts, chance).unwrap().duration_since(first);
            proptest::prop_assert!(plain <= spread && spread.as_secs() <= plain.as_secs() + plain.as_secs() / 4);
        }
    }
}
