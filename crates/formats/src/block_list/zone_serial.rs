//! Which serial has the next version of a zone?
//!
//! Serials are compared in a circle (RFC 1982), so "newer" means "at most half a circle ahead". The same content keeps its serial, so that secondaries do
//! not fetch what they have; other content gets one that every secondary takes for newer, as a date where that is possible.

use jiff::civil::Date;

/// A version that was served.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Version {
    pub serial: u32,
    /// [`super::rpz::Zone::content_hash`].
    pub hash: [u8; 32],
}

/// Is `one` newer than `other`? (RFC 1982 §3.2.) Half a circle apart neither is.
///
/// ```
/// use formats::block_list::zone_serial::newer;
/// assert!(newer(1, u32::MAX) && newer(2026112301, 2026112300));
/// assert!(!newer(5, 5) && !newer(1 << 31, 0) && !newer(0, 1 << 31));
/// ```
pub fn newer(one: u32, other: u32) -> bool {
    (1..1 << 31).contains(&one.wrapping_sub(other))
}

/// The serial of the content with this hash. `YYYYMMDD00` for the first change of a day, one more for each further one; a clock that went
/// backwards, or a zone that had other serials, only makes it less readable.
///
/// ```
/// use formats::block_list::zone_serial::{Version, next};
/// let today = jiff::civil::date(2026, 11, 23);
/// let first = Version { serial: next(None, [1; 32], today), hash: [1; 32] };
/// assert_eq!((first.serial, next(Some(first), [1; 32], today), next(Some(first), [2; 32], today)), (2026112300, 2026112300, 2026112301));
/// ```
pub fn next(before: Option<Version>, hash: [u8; 32], today: Date) -> u32 {
    let year = u32::try_from(today.year()).unwrap_or(0).min(4_293);
    let dated = year * 1_000_000 + today.month() as u32 * 10_000 + today.day() as u32 * 100;
    match before {
        None => dated,
        Some(same) if same.hash == hash => same.serial,
        Some(before) if newer(dated, before.serial) => dated,
        Some(before) => before.serial.wrapping_add(1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_serial_rises_when_and_only_when_the_content_changes(serial: u32, same: bool, day in 1_i8..=28, month in 1_i8..=12, year in 0_i16..=9999) {
            let before = Version { serial, hash: [0; 32] };
            let after = next(Some(before), [u8::from(!same); 32], jiff::civil::date(year, month, day));
            prop_assert_eq!(newer(after, serial), !same);
            prop_assert_eq!(after == serial, same);
        }

        #[test]
        fn of_two_serials_at_most_one_is_newer(one: u32, other: u32) {
            prop_assert!(!(newer(one, other) && newer(other, one)));
            prop_assert_eq!(newer(one, other) || newer(other, one), one != other && one.wrapping_sub(other) != 1 << 31);
        }
    }
}
