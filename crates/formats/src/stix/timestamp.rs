//! When, as STIX writes it: which of two versions is newer?
//!
//! STIX 2.1 §3.2 `timestamp`: RFC 3339 in UTC with `T` and `Z`, any number of digits after the second. The text is kept as it was
//! sent; comparing is by instant, so `…01Z` and `…01.000Z` are one.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

const MICROS_A_SECOND: i64 = 1_000_000;

/// A timestamp as sent and the instant it means. Equal and ordered by the instant.
#[derive(Clone, Debug)]
pub struct Timestamp<'a> {
    text: Cow<'a, str>,
    micros: i64,
    /// Nanoseconds beyond `micros`; digits below a nanosecond decide nothing.
    nanos: u16,
}

impl<'a> Timestamp<'a> {
    /// Reads a timestamp; `None` when it is none.
    ///
    /// ```
    /// use formats::stix::Timestamp;
    /// let whole = Timestamp::read("2026-03-23T07:01:02Z").unwrap();
    /// let zeros = Timestamp::read("2026-03-23T07:01:02.000Z").unwrap();
    /// assert_eq!(whole, zeros);
    /// assert_eq!((zeros.text(), zeros.micros()), ("2026-03-23T07:01:02.000Z", 1_774_249_262_000_000));
    /// assert!(Timestamp::read("2026-02-30T07:01:02Z").is_none());
    /// ```
    pub fn read(text: impl Into<Cow<'a, str>>) -> Option<Self> {
        let text = text.into();
        let (micros, nanos) = instant(text.as_bytes())?;
        Some(Self { text, micros, nanos })
    }

    /// As it was sent.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Microseconds since 1970, rounded down.
    pub fn micros(&self) -> i64 {
        self.micros
    }

    pub fn into_owned(self) -> Timestamp<'static> {
        Timestamp { text: Cow::Owned(self.text.into_owned()), micros: self.micros, nanos: self.nanos }
    }
}

impl fmt::Display for Timestamp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Timestamp<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Timestamp<'_> {}

impl PartialOrd for Timestamp<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timestamp<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.micros, self.nanos).cmp(&(other.micros, other.nanos))
    }
}

/// An instant as STIX writes it: milliseconds when that is exact, else microseconds. `None` outside the years 0000 to 9999.
///
/// ```
/// use formats::stix::timestamp::written;
/// assert_eq!(written(1_774_249_262_000_000).unwrap(), "2026-03-23T07:01:02.000Z");
/// assert_eq!(written(1_774_249_262_000_001).unwrap(), "2026-03-23T07:01:02.000001Z");
/// ```
pub fn written(micros: i64) -> Option<String> {
    if micros % 1000 != 0 {
        return written_in_micros(micros);
    }
    let mut text = written_in_micros(micros)?;
    text.replace_range(text.len() - 4.., "Z");
    Some(text)
}

/// An instant as TAXII 2.1 §3.2 writes it: always six digits after the second. `None` outside the years 0000 to 9999.
///
/// ```
/// use formats::stix::timestamp::written_in_micros;
/// assert_eq!(written_in_micros(1_774_249_262_000_000).unwrap(), "2026-03-23T07:01:02.000000Z");
/// ```
pub fn written_in_micros(micros: i64) -> Option<String> {
    let seconds = micros.div_euclid(MICROS_A_SECOND);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days since 1 March of year 0, in eras of 400 years: the leap day is the last of its year.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    if !(0..=9999).contains(&year) {
        return None;
    }
    let (hour, minute, second, micro) = (second / 3600, second / 60 % 60, second % 60, micros.rem_euclid(MICROS_A_SECOND));
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micro:06}Z"))
}

fn instant(text: &[u8]) -> Option<(i64, u16)> {
    let (date, rest) = text.split_first_chunk::<19>()?;
    let number = |range: std::ops::Range<usize>| -> Option<i64> {
        date[range].iter().try_fold(0, |value, c| c.is_ascii_digit().then(|| value * 10 + i64::from(c - b'0')))
    };
    if date[4] != b'-' || date[7] != b'-' || date[10] != b'T' || date[13] != b':' || date[16] != b':' {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    // RFC 3339 §5.7 knows second 60; it is taken as the second after.
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let rest = rest.strip_suffix(b"Z")?;
    let fraction = match rest {
        [] => rest,
        [b'.', digits @ ..] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => digits,
        _ => return None,
    };
    let nanos = (0..9).fold(0_i64, |value, at| value * 10 + fraction.get(at).map_or(0, |c| i64::from(c - b'0')));
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + (153 * month + 2) / 5 + day - 1;
    let days = era * 146_097 + day_of_era - 719_468;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
    Some((seconds * MICROS_A_SECOND + nanos / 1000, u16::try_from(nanos % 1000).ok()?))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_stix_timestamp_is_not_read() {
        for text in [
            "",
            "2026-03-23",
            "2026-03-23 07:01:02Z",
            "2026-03-23T07:01:02",
            "2026-03-23T07:01:02+00:00",
            "2026-03-23t07:01:02z",
            "2026-13-01T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2026-03-23T24:00:00Z",
            "2026-03-23T07:01:02.Z",
            "2026-03-23T07:01:02.1e3Z",
            "2026-3-23T07:01:02Z",
            "+026-03-23T07:01:02Z",
        ] {
            assert!(Timestamp::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn versions_a_nanosecond_apart_differ() {
        let texts = ["2026-03-23T07:01:02.123456Z", "2026-03-23T07:01:02.123456001Z", "2026-03-23T07:01:02.1234561Z"];
        let read: Vec<_> = texts.iter().map(|&text| Timestamp::read(text).unwrap()).collect();
        assert!(read.is_sorted() && read[0] != read[1] && read[1] != read[2]);
        assert_eq!(read[0].micros(), read[2].micros());
    }

    proptest! {
        #[test]
        fn the_calendar_is_that_of_jiff(second in -62_167_219_200_i64..253_402_207_200, micro in 0_i64..1_000_000) {
            let at = jiff::Timestamp::from_second(second).unwrap();
            let text = at.to_string();
            prop_assert_eq!(Timestamp::read(text.as_str()).unwrap().micros(), second * 1_000_000, "{}", text);
            let micros = second * 1_000_000 + micro;
            for text in [written(micros).unwrap(), written_in_micros(micros).unwrap()] {
                prop_assert_eq!(Timestamp::read(text.as_str()).unwrap().micros(), micros, "{}", text);
                prop_assert_eq!(text.parse::<jiff::Timestamp>().unwrap().as_microsecond(), micros);
            }
        }
    }
}
