//! How much of a confidence is left after so long without a word?
//!
//! Half of it after each half-life, and in between evenly: after `n` half-lives and a part `r` of the next,
//! `confidence × (1 − r/2) / 2ⁿ`. That is the exponential at each half-life and at most 6.2 % above it in between, and can be
//! computed exactly: the same everywhere, never rising with time.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::indicator::What;
use crate::model::observable::Kind;

const DAY: i64 = 86_400;
/// Longest half-life: a century.
const LONGEST: i64 = 36_525 * DAY;

/// Half-lives by kind.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HalfLives {
    /// In seconds.
    of: BTreeMap<Kind, i64>,
    pattern: i64,
}

/// What is wrong with a table of half-lives.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HalfLivesError {
    #[error("{0}")]
    Syntax(String),
    #[error("there is no kind {name:?}; known are {}, pattern", Kind::ALL.map(Kind::as_str).join(", "))]
    Kind { name: String },
    #[error("{kind}: {text:?} is not a time such as `12h` or `28d`, of at least an hour and at most a century")]
    Time { kind: String, text: String },
}

impl Default for HalfLives {
    fn default() -> Self {
        let nothing = Self { of: BTreeMap::new(), pattern: 28 * DAY };
        nothing.overridden(include_str!("decay.toml")).expect("a test reads it")
    }
}

impl HalfLives {
    /// Reads what departs from the defaults.
    ///
    /// ```
    /// use casework::indicate::decay::HalfLives;
    /// assert!(HalfLives::read("address = '36h'").is_ok());
    /// assert!(HalfLives::read("adress = '36h'").unwrap_err().to_string().contains("adress"));
    /// ```
    ///
    /// # Errors
    /// Names the kind and text that cannot be understood.
    pub fn read(text: &str) -> Result<Self, HalfLivesError> {
        Self::default().overridden(text)
    }

    fn overridden(mut self, text: &str) -> Result<Self, HalfLivesError> {
        let written: BTreeMap<String, String> =
            toml::from_str(text).map_err(|error| HalfLivesError::Syntax(error.to_string().trim().to_owned()))?;
        for (kind, text) in written {
            let Some(seconds) = seconds(&text).filter(|seconds| (3_600..=LONGEST).contains(seconds)) else {
                return Err(HalfLivesError::Time { kind, text });
            };
            match Kind::read(&kind) {
                Some(known) => _ = self.of.insert(known, seconds),
                None if kind == "pattern" => self.pattern = seconds,
                None => return Err(HalfLivesError::Kind { name: kind }),
            }
        }
        Ok(self)
    }

    pub fn of(&self, what: &What) -> SignedDuration {
        let seconds = match what {
            What::Value(observable) => self.of.get(&observable.kind()).copied().unwrap_or(28 * DAY),
            What::Pattern(_) => self.pattern,
        };
        SignedDuration::from_secs(seconds)
    }
}

/// What is left of `amount` after `age`. Rounded down; an age below zero takes nothing away.
///
/// ```
/// use casework::indicate::decay::left;
/// use jiff::SignedDuration;
/// let days = SignedDuration::from_hours;
/// assert_eq!(left(80, days(5 * 24), days(5 * 24)), 40);
/// assert_eq!(left(80, days(5 * 12), days(5 * 24)), 60);
/// ```
pub fn left(amount: u64, age: SignedDuration, half_life: SignedDuration) -> u64 {
    let half_life = u128::from(half_life.as_secs().max(1).unsigned_abs());
    let age = u128::from(age.as_secs().max(0).unsigned_abs());
    let (halved, rest) = (age / half_life, age % half_life);
    if halved >= 64 {
        return 0;
    }
    let left = u128::from(amount) * (2 * half_life - rest) / ((2 * half_life) << halved);
    u64::try_from(left).unwrap_or(amount)
}

/// `90s`, `30m`, `12h`, `7d`.
pub(super) fn seconds(text: &str) -> Option<i64> {
    let unit = match text.as_bytes().last()? {
        b's' => 1,
        b'm' => 60,
        b'h' => 3_600,
        b'd' => DAY,
        _ => return None,
    };
    let digits = &text[..text.len() - 1];
    let number: i64 = if digits.bytes().all(|b| b.is_ascii_digit()) { digits.parse().ok()? } else { return None };
    number.checked_mul(unit).filter(|seconds| *seconds <= LONGEST)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::observable::Observable;

    #[test]
    fn an_address_fades_in_days_a_domain_in_weeks_a_hash_hardly() {
        let half_lives = HalfLives::default();
        for kind in Kind::ALL {
            assert!(half_lives.of.contains_key(&kind), "{kind} has no half-life");
        }
        let score = |kind, value| {
            let what = What::Value(Observable::read(kind, value).unwrap());
            left(100, SignedDuration::from_hours(24 * 28), half_lives.of(&what))
        };
        assert_eq!(score(Kind::Address, "192.0.2.1"), 2);
        assert_eq!(score(Kind::Domain, "evil.example"), 50);
        assert_eq!(score(Kind::Md5, "d41d8cd98f00b204e9800998ecf8427e"), 98);
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        let wrong = |text| HalfLives::read(text).unwrap_err().to_string();
        assert!(wrong("url = '1 day'").contains("\"1 day\""));
        assert!(wrong("url = '5m'").contains("url"));
        assert!(wrong("url = 5").contains("line 1"));
    }

    proptest! {
        #[test]
        fn it_never_rises_and_halves_with_each_half_life(amount in 0_u64..=1_000_000, age in 0_i64..10_000_000_000, more in 0_i64..1_000_000, half in 1_i64..LONGEST) {
            let secs = SignedDuration::from_secs;
            let now = left(amount, secs(age), secs(half));
            prop_assert!(now <= amount);
            prop_assert!(left(amount, secs(age + more), secs(half)) <= now);
            prop_assert!(left(amount + 1, secs(age), secs(half)) >= now, "more confidence leaves more");
            prop_assert!(left(amount, secs(age), secs(half + more)) >= now, "a longer half-life leaves more");
            prop_assert_eq!(left(amount, secs(age + half), secs(half)), now / 2);
        }

        #[test]
        fn it_is_near_the_exponential(age in 0_i64..1_000, half in 1_i64..1_000) {
            let exact = 1e12 * (-(age as f64) / half as f64).exp2();
            let ours = left(1_000_000_000_000, SignedDuration::from_secs(age), SignedDuration::from_secs(half)) as f64;
            // When next to nothing is left, rounding down shows.
            prop_assert!(ours >= exact * 0.999 - 1.0 && ours <= exact * 1.062, "{} {}", ours, exact);
        }
    }
}
