//! When was it seen? Every layout of time that reports use, read once and exactly.
//!
//! The result says whether the text named its zone: a time without one is taken as UTC, and
//! whoever shows it must be able to say that this was assumed.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// A moment as a report gave it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Moment {
    pub at: Timestamp,
    /// The text named no zone (and did not count seconds since 1970, which is UTC by definition).
    pub zone_assumed: bool,
}

impl Moment {
    fn zoned(at: Timestamp) -> Self {
        Self { at, zone_assumed: false }
    }

    fn assumed(at: Timestamp) -> Self {
        Self { at, zone_assumed: true }
    }
}

/// Reads a time in any layout seen in reports; `None` when it is none of them.
///
/// ISO 8601 and RFC 3339 with space or `T`, with or without seconds, fraction and zone
/// (`Z`, `UTC`, `GMT`, `+09:00`, `+0900`, a known abbreviation); RFC 5322 dates;
/// `23/Mar/2026:07:01:02 +0900`; `2026/03/23`; `20260323`, `20260323T070102Z`; `23.03.2026 07:01`; month-name forms
/// (`Mar 23 2026 07:01:02`, `23 March 2026`); `ctime` (`Mon Mar 23 07:01:02 2026`); seconds, milliseconds, microseconds since 1970.
///
/// ```
/// let m = formats::time::read("2026-03-23 07:01:02").unwrap();
/// assert_eq!((m.at.to_string().as_str(), m.zone_assumed), ("2026-03-23T07:01:02Z", true));
/// assert!(!formats::time::read("Mon, 23 Mar 2026 16:01:02 +0900").unwrap().zone_assumed);
/// ```
pub fn read(text: &str) -> Option<Moment> {
    let text = text.trim();
    if let Some(fast) = fast_iso(text.as_bytes()) {
        return Some(fast);
    }
    if text.len() > 64 || !text.is_ascii() {
        return None;
    }
    if let Some(epoch) = epoch(text) {
        return Some(Moment::zoned(epoch));
    }
    loose(text)
}

/// `YYYY-MM-DD HH:MM:SS` with nothing after it, or `Z`, or a fraction: nearly every row of every report.
fn fast_iso(b: &[u8]) -> Option<Moment> {
    if b.len() < 19 || b[4] != b'-' || b[7] != b'-' || (b[10] != b' ' && b[10] != b'T') || b[13] != b':' || b[16] != b':' {
        return None;
    }
    let two = |at: usize| -> Option<i64> {
        let (tens, ones) = (b[at].wrapping_sub(b'0'), b[at + 1].wrapping_sub(b'0'));
        (tens < 10 && ones < 10).then_some(i64::from(tens) * 10 + i64::from(ones))
    };
    let year = two(0)? * 100 + two(2)?;
    let (month, day, hour, minute, second) = (two(5)?, two(8)?, two(11)?, two(14)?, two(17)?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut rest = &b[19..];
    let mut nanos = 0_i32;
    if let [b'.', fraction @ ..] = rest {
        let digits = fraction.iter().take_while(|c| c.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        for place in 0..9 {
            nanos = nanos * 10 + fraction[..digits].get(place).map_or(0, |digit| i32::from(digit - b'0'));
        }
        rest = &fraction[digits..];
    }
    // Days since 1970 by Howard Hinnant's civil-from-days method.
    let y = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    // A leap second is shown as the last second that ordinary clocks have.
    let at = Timestamp::new(days * 86_400 + hour * 3600 + minute * 60 + second.min(59), nanos).ok()?;
    match rest {
        [] => Some(Moment::assumed(at)),
        [b'Z' | b'z'] | b"+00:00" | b" UTC" | b"+00" | b" +0000" | b" GMT" => Some(Moment::zoned(at)),
        _ => {
            let offset = zone(std::str::from_utf8(rest).ok()?.trim())?;
            let shift = SignedDuration::from_secs(i64::from(offset.seconds()));
            Some(Moment::zoned(at.checked_sub(shift).ok()?))
        }
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Seconds since 1970, with a fraction or in milli- or microseconds; only of plausible years (2001 to 2286),
/// so that a date like 20260323 is not taken for one.
fn epoch(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !whole.bytes().all(|c| c.is_ascii_digit()) || !fraction.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let number: i64 = whole.parse().ok()?;
    match whole.len() {
        9 | 10 if number >= 500_000_000 => {
            let nanos = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
            Timestamp::new(number, nanos).ok()
        }
        13 if fraction.is_empty() => Timestamp::from_millisecond(number).ok(),
        16 if fraction.is_empty() => Timestamp::from_microsecond(number).ok(),
        _ => None,
    }
}

/// An offset from UTC: `Z`, `+09:00`, `-0700`, `+09`, or an abbreviation that means one thing among our reporters.
fn zone(text: &str) -> Option<Offset> {
    let text = text.trim_matches(|c| c == '(' || c == ')' || c == ' ');
    if let Some(rest) = text.strip_prefix("UTC").or_else(|| text.strip_prefix("GMT")) {
        return if rest.is_empty() { Some(Offset::UTC) } else { numeric(rest) };
    }
    let hours = |h: i8| Offset::from_hours(h).ok();
    match text.to_ascii_uppercase().as_str() {
        "Z" | "UT" | "ZULU" | "WET" => Some(Offset::UTC),
        "JST" | "KST" => hours(9),
        "CET" | "MEZ" => hours(1),
        "CEST" | "MESZ" | "EET" => hours(2),
        "EEST" | "MSK" => hours(3),
        "BST" | "WEST" => hours(1),
        "SGT" | "HKT" | "AWST" => hours(8),
        "AEST" => hours(10),
        "AEDT" => hours(11),
        "NZST" => hours(12),
        "NZDT" => hours(13),
        "EST" => hours(-5),
        "EDT" => hours(-4),
        "CDT" => hours(-5),
        "MST" | "PDT" => hours(-7),
        "PST" => hours(-8),
        _ => numeric(text),
    }
}

fn numeric(text: &str) -> Option<Offset> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some((h, m)) => (h, m.split(':').next().unwrap_or("0")),
        None if digits.len() == 4 && digits.is_ascii() => digits.split_at(2),
        None => (digits, "0"),
    };
    if hours.is_empty() || hours.len() > 2 || minutes.len() > 2 {
        return None;
    }
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 14 && minutes < 60).then(|| Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()).flatten()
}

/// The slow road: split into words and see what each can be.
fn loose(text: &str) -> Option<Moment> {
    let mut date: Option<Date> = None;
    let mut clock: Option<Time> = None;
    let mut offset: Option<Offset> = None;
    let mut month: Option<i8> = None;
    let mut numbers: Vec<&str> = Vec::new();
    let mut afternoon: Option<bool> = None;
    // `2026-03-23T07:01Z`, `20260323T070102Z`, `23/Mar/2026:07:01:02 +0900`
    let apart = split_clock(text);
    for word in apart.split([' ', ',', '\t']).filter(|w| !w.is_empty()) {
        if date.is_none()
            && let Some(found) = day(word)
        {
            date = Some(found);
        } else if word.eq_ignore_ascii_case("am") || word.eq_ignore_ascii_case("pm") {
            afternoon = Some(word.eq_ignore_ascii_case("pm"));
        } else if clock.is_none() && word.contains(':') && word.as_bytes()[0].is_ascii_digit() {
            let (time, rest) = clock_and_zone(word)?;
            clock = Some(time);
            if !rest.is_empty() {
                offset = Some(zone(rest)?);
            }
        } else if month.is_none() && month_name(word).is_some() {
            month = month_name(word);
        } else if word.bytes().all(|c| c.is_ascii_digit()) {
            numbers.push(word);
        } else if weekday(word) {
            // it says nothing that the date does not
        } else if let Some(found) = ordinal(word) {
            numbers.push(found);
        } else {
            offset = Some(zone(word)?);
        }
    }
    if date.is_none() {
        let month = month?;
        let [a, b] = numbers[..] else { return None };
        let (year, day) = if a.len() == 4 { (a, b) } else { (b, a) };
        let year: i16 = year.parse().ok()?;
        let year = if (0..70).contains(&year) { year + 2000 } else { year };
        date = Some(Date::new(year, month, day.parse().ok()?).ok()?);
    } else if !numbers.is_empty() || month.is_some() {
        return None;
    }
    let mut clock = clock.unwrap_or(Time::midnight());
    match afternoon {
        Some(true) if clock.hour() < 12 => clock = clock.checked_add(SignedDuration::from_hours(12)).ok()?,
        Some(false) if clock.hour() == 12 => clock = clock.checked_sub(SignedDuration::from_hours(12)).ok()?,
        _ => {}
    }
    let civil = DateTime::from_parts(date?, clock);
    let at = civil.to_zoned(TimeZone::fixed(offset.unwrap_or(Offset::UTC))).ok()?.timestamp();
    Some(Moment { at, zone_assumed: offset.is_none() })
}

/// Puts a space where a layout joins date and clock with `T` or `:`.
fn split_clock(text: &str) -> String {
    let b = text.as_bytes();
    let joined = b.iter().enumerate().position(|(at, c)| {
        let digit = |n: usize| b.get(n).is_some_and(u8::is_ascii_digit);
        at >= 6
            && match c {
                b'T' | b't' | b'_' => digit(at - 1) && digit(at + 1),
                // 23/Mar/2026:07:01:02
                b':' => text[..at].contains('/') && !text[..at].contains([':', ' ']) && digit(at + 1),
                _ => false,
            }
    });
    match joined {
        Some(at) => {
            let (date, clock) = (&text[..at], &text[at + 1..]);
            let digits = clock.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 6 || digits == 4 {
                let seconds = if digits == 6 { &clock[4..6] } else { "00" };
                format!("{date} {}:{}:{seconds}{}", &clock[..2], &clock[2..4], &clock[digits..])
            } else {
                format!("{date} {clock}")
            }
        }
        None => text.to_owned(),
    }
}

/// A whole date in one word.
fn day(word: &str) -> Option<Date> {
    let number = |t: &str| -> Option<i16> { t.bytes().all(|c| c.is_ascii_digit()).then(|| t.parse().ok()).flatten() };
    let make = |y: i16, m: i16, d: i16| Date::new(y, i8::try_from(m).ok()?, i8::try_from(d).ok()?).ok();
    if word.len() == 8 && word.bytes().all(|c| c.is_ascii_digit()) {
        return make(number(&word[..4])?, number(&word[4..6])?, number(&word[6..])?);
    }
    let separator = ['-', '/', '.'].into_iter().find(|s| word.matches(*s).count() == 2)?;
    let mut parts = word.split(separator);
    let (a, b, c) = (parts.next()?, parts.next()?, parts.next()?);
    if let Some(month) = month_name(b) {
        let (year, day) = if a.len() == 4 { (a, c) } else { (c, a) };
        return make(number(year)?, i16::from(month), number(day)?);
    }
    if a.len() == 4 {
        return make(number(a)?, number(b)?, number(c)?);
    }
    if c.len() != 4 {
        return None;
    }
    let (first, second, year) = (number(a)?, number(b)?, number(c)?);
    // 23.03.2026 and 23-03-2026 put the day first; 03/23/2026 the month, unless it cannot be one.
    if separator == '/' && first <= 12 { make(year, first, second) } else { make(year, second, first) }
}

fn clock_and_zone(word: &str) -> Option<(Time, &str)> {
    let end = word.bytes().position(|c| !c.is_ascii_digit() && c != b':' && c != b'.').unwrap_or(word.len());
    let (clock, rest) = word.split_at(end);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = clock.split(':');
    let hour: i8 = parts.next()?.parse().ok()?;
    let minute: i8 = parts.next()?.parse().ok()?;
    let second: i8 = parts.next().map_or(Some(0), |s| s.parse().ok())?;
    let nanos: i32 = if fraction.is_empty() { 0 } else { format!("{fraction:0<9}").get(..9)?.parse().ok()? };
    Some((Time::new(hour, minute, second.min(59), nanos).ok()?, rest))
}

fn month_name(word: &str) -> Option<i8> {
    const NAMES: [&str; 12] =
        ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];
    let lower = word.trim_end_matches('.').to_ascii_lowercase();
    if lower.len() < 3 {
        return None;
    }
    let at = NAMES.iter().position(|name| *name == lower || (lower.len() <= 4 && name.starts_with(&lower)))?;
    i8::try_from(at + 1).ok()
}

fn weekday(word: &str) -> bool {
    const NAMES: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let lower = word.to_ascii_lowercase();
    lower.len() >= 3 && NAMES.iter().any(|name| name.starts_with(lower.trim_end_matches('.')))
}

fn ordinal(word: &str) -> Option<&str> {
    ["st", "nd", "rd", "th"]
        .iter()
        .find_map(|end| word.strip_suffix(end))
        .filter(|number| !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_moment_is_read_from_every_layout() {
        for (text, zoned) in [
            ("2026-03-23 07:01:02", false),
            ("2026-03-23T07:01:02Z", true),
            ("2026-03-23T07:01:02.000000", false),
            ("2026-03-23T16:01:02+09:00", true),
            ("2026-03-23 16:01:02 +0900", true),
            ("2026-03-23 07:01:02 UTC", true),
            ("2026-03-23 16:01:02 JST", true),
            ("Mon, 23 Mar 2026 07:01:02 +0000", true),
            ("Mon, 23 Mar 2026 16:01:02 +0900 (JST)", true),
            ("Mon Mar 23 07:01:02 2026", false),
            ("Mon Mar 23 07:01:02 UTC 2026", true),
            ("23/Mar/2026:16:01:02 +0900", true),
            ("2026/03/23 07:01:02", false),
            ("20260323T070102Z", true),
            ("20260323 07:01:02", false),
            ("23.03.2026 07:01:02", false),
            ("03/23/2026 07:01:02 AM", false),
            ("March 23, 2026 07:01:02", false),
            ("23 Mar 2026 07:01:02 GMT", true),
            ("1774249262", true),
            ("1774249262.0", true),
            ("1774249262000", true),
        ] {
            let moment = read(text).unwrap_or_else(|| panic!("{text} was not read"));
            assert_eq!(moment.at.to_string(), "2026-03-23T07:01:02Z", "{text}");
            assert_eq!(moment.zone_assumed, !zoned, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_not_read() {
        for text in [
            "",
            "yesterday",
            "2026-13-01 00:00:00",
            "2026-02-30 00:00:00",
            "12",
            "192.0.2.1",
            "0",
            "2026-03-23 25:00:00",
            "::1",
            "2026-03-23T07:01:02+🪢",
            "2026-03-23T07:01:02+0\u{fffd}",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}") {
            let _ = read(&text);
        }

        #[test]
        fn what_is_written_is_read_back(second in 0_i64..4_000_000_000) {
            let at = Timestamp::from_second(second).unwrap();
            proptest::prop_assert_eq!(read(&at.to_string()).unwrap().at, at);
        }
    }
}
