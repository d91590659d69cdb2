//! How is threat intelligence asked for over HTTP? TAXII 2.1 (OASIS Standard, 10 June 2021): the words of requests and answers.
//!
//! Nothing here speaks HTTP: [`media`] judges headers, [`filter`] reads a query, [`cursor`] says where a page ended, and
//! [`resource`] writes and reads the bodies. Objects are never looked into: a page is made of the bytes that were given.

pub mod cursor;
pub mod filter;
pub mod media;
pub mod resource;

pub use cursor::Cursor;
pub use filter::{BadFilter, Filter, Wanted, Which};

use jiff::Timestamp;

/// A moment as TAXII writes it: six digits of a second and `Z` (§3.4.1.1, `timestamp`).
///
/// ```
/// assert_eq!(formats::taxii::timestamp(1_700_000_000_000_001), "2023-11-14T22:13:20.000001Z");
/// ```
pub fn timestamp(microseconds: i64) -> String {
    let at = Timestamp::from_microsecond(microseconds).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{at:.6}")
}

/// Microseconds since 1970 of a timestamp of TAXII or STIX: `YYYY-MM-DDTHH:MM:SS[.s…]Z`, nothing else. What is finer than
/// microseconds is cut off.
///
/// ```
/// use formats::taxii::read_timestamp;
/// assert_eq!(read_timestamp("2023-11-14T22:13:20.5Z"), Some(1_700_000_000_500_000));
/// assert_eq!(read_timestamp("2023-11-14 22:13:20"), None);
/// assert_eq!(read_timestamp("2023-11-14T22:13:20+01:00"), None);
/// ```
pub fn read_timestamp(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let digits = |range: std::ops::Range<usize>| bytes.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    let shape = digits(0..4)
        && digits(5..7)
        && digits(8..10)
        && digits(11..13)
        && digits(14..16)
        && digits(17..19)
        && [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')].iter().all(|(at, byte)| bytes.get(*at) == Some(byte));
    let fraction = bytes.get(19..bytes.len().checked_sub(1)?)?;
    let fraction_holds = match fraction.split_first() {
        None => true,
        Some((b'.', digits)) => !digits.is_empty() && digits.len() <= 40 && digits.iter().all(u8::is_ascii_digit),
        Some(_) => false,
    };
    if !shape || !fraction_holds || bytes.last() != Some(&b'Z') {
        return None;
    }
    // jiff takes nine digits; what lies beyond is below what is kept.
    let whole: Timestamp = format!("{}Z", text.get(..19)?).parse().ok()?;
    let micros = fraction.get(1..).unwrap_or_default().iter().map(|digit| i64::from(digit - b'0')).chain(std::iter::repeat(0)).take(6);
    Some(whole.as_microsecond() + micros.fold(0, |sum, digit| sum * 10 + digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_back_to_the_microsecond() {
        for at in [0, 1, 999_999, 1_700_000_000_123_456, -1] {
            assert_eq!(read_timestamp(&timestamp(at)), Some(at));
        }
        assert_eq!(read_timestamp("2018-03-02T01:01:01.1234567890Z"), read_timestamp("2018-03-02T01:01:01.123456Z"));
        assert_eq!(read_timestamp("2016-12-31T23:59:60Z"), read_timestamp("2016-12-31T23:59:59Z"));
        for wrong in ["", "Z", "2018", "2018-03-02T01:01:01", "2018-03-02T01:01:01.Z", "2018-13-02T01:01:01Z", "２018-03-02T01:01:01Z"] {
            assert_eq!(read_timestamp(wrong), None, "{wrong}");
        }
    }
}
