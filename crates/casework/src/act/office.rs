//! When does somebody read mail there?
//!
//! Working days and hours of a country: its business time zone, its weekend, its public holidays as far as rules can give
//! them. Where holidays follow the moon or a decree, the user adds lines with dates in the same form:
//! see [`Holidays::read`].

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::model::event::Country;

/// Office hours everywhere: 9 to 17.
const OPENS: i8 = 9;
const CLOSES: i8 = 17;

/// Country → time zone in which its offices work (the capital's; IANA names).
const ZONES: &str = include_str!("office_zones.tsv");
/// Country → rule → name.
const HOLIDAYS: &str = include_str!("office_holidays.tsv");

/// The time zone in which the offices of a country work; UTC where none is known.
pub fn zone(country: Option<Country>) -> TimeZone {
    let name =
        country.and_then(|country| ZONES.lines().filter_map(|line| line.split_once('\t')).find(|(code, _)| *code == country.as_str()));
    name.and_then(|(_, zone)| TimeZone::get(zone).ok()).unwrap_or(TimeZone::UTC)
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Rule {
    /// Every year.
    Day(i8, i8),
    /// The n-th (negative: from the end) weekday of a month.
    Nth(i8, Weekday, i8),
    /// Days after Easter Sunday (Western).
    Easter(i32),
    /// The days on which the sun crosses the equator, by Japan's time.
    SpringEquinox,
    AutumnEquinox,
    Once(Date),
}

/// Public holidays by country.
#[derive(Clone, Debug)]
pub struct Holidays(Vec<([u8; 2], Rule)>);

/// A line of holidays that cannot be understood.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "line {line}: {text:?} is no holiday: give country, tab, and one of `01-01`, `mon2@01`, `thu-1@11`, `easter+1`, `spring-equinox`, `autumn-equinox`, `2027-02-17`"
)]
pub struct BadHoliday {
    pub line: usize,
    pub text: String,
}

impl Default for Holidays {
    fn default() -> Self {
        Self::read(HOLIDAYS).unwrap_or(Self(Vec::new()))
    }
}

impl Holidays {
    /// Reads lines `country TAB rule [TAB name]`; empty lines and those that begin with `#` are skipped.
    ///
    /// # Errors
    /// Names the first line that cannot be understood.
    pub fn read(text: &str) -> Result<Self, BadHoliday> {
        let mut holidays = Vec::new();
        for (line, text) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#')) {
            let bad = || BadHoliday { line: line + 1, text: text.to_owned() };
            let mut parts = text.split('\t');
            let country = formats::value::country(parts.next().unwrap_or_default()).ok_or_else(bad)?;
            holidays.push((country, rule(parts.next().unwrap_or_default().trim()).ok_or_else(bad)?));
        }
        Ok(Self(holidays))
    }

    /// Adds those of another list.
    pub fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// Offices of a country are closed on this day.
    pub fn is_closed(&self, country: Option<Country>, day: Date) -> bool {
        if is_weekend(country, day.weekday()) {
            return true;
        }
        let Some(country) = country else { return false };
        self.is_named(country, day) || self.is_substitute(country, day)
    }

    fn is_named(&self, country: Country, day: Date) -> bool {
        self.0.iter().any(|(code, rule)| *code == country.0 && rule.falls_on(day))
    }

    /// A holiday that falls on a day off is made up for on another.
    fn is_substitute(&self, country: Country, day: Date) -> bool {
        let back = |days: i64| day.checked_sub(days.days()).unwrap_or(day);
        match country.as_str() {
            // Act on National Holidays, article 3: the next day that is none itself; and a day between two holidays.
            "JP" => {
                let between = self.is_named(country, back(1)) && self.is_named(country, day.tomorrow().unwrap_or(day));
                // The days around New Year are days of closed offices, not holidays that are made up for.
                let made_up = (1..8)
                    .map(back)
                    .take_while(|d| self.is_named(country, *d) && !matches!(d.month(), 1 | 12) || (d.month(), d.day()) == (1, 1));
                let made_up = made_up.into_iter().any(|d| d.weekday() == Weekday::Sunday);
                between || made_up
            }
            "GB" | "AU" | "NZ" | "CA" | "IE" => match day.weekday() {
                Weekday::Monday => self.is_named(country, back(1)) || self.is_named(country, back(2)),
                // Christmas and Boxing Day on a weekend take the two days after it.
                Weekday::Tuesday => {
                    (self.is_named(country, back(2)) && self.is_named(country, back(3)))
                        || (self.is_named(country, back(1)) && self.is_named(country, back(2)))
                }
                _ => false,
            },
            "US" => match day.weekday() {
                Weekday::Monday => self.is_named(country, back(1)),
                Weekday::Friday => self.is_named(country, day.tomorrow().unwrap_or(day)),
                _ => false,
            },
            _ => false,
        }
    }

    /// The first moment from `at` on when offices of a country are open.
    pub fn next_open(&self, at: Timestamp, country: Option<Country>) -> Timestamp {
        let zone = zone(country);
        let local = at.to_zoned(zone.clone()).datetime();
        let mut day = local.date();
        for _ in 0..60 {
            if !self.is_closed(country, day) {
                let opens = day.at(OPENS, 0, 0, 0);
                let closes = day.at(CLOSES, 0, 0, 0);
                let from: DateTime = local.max(opens);
                if from < closes {
                    return if from == local { at } else { zone.to_timestamp(from).unwrap_or(at) };
                }
            }
            match day.tomorrow() {
                Ok(next) => day = next,
                Err(_) => return at,
            }
        }
        // Sixty days without an open office: the list is wrong, and waiting helps nobody.
        at
    }
}

impl Rule {
    fn falls_on(self, day: Date) -> bool {
        match self {
            Self::Day(month, of_month) => (day.month(), day.day()) == (month, of_month),
            Self::Nth(n, weekday, month) => day.month() == month && day.nth_weekday_of_month(n, weekday).is_ok_and(|nth| nth == day),
            Self::Easter(after) => easter(day.year()).and_then(|easter| easter.checked_add(after.days()).ok()) == Some(day),
            Self::SpringEquinox => day.month() == 3 && i32::from(day.day()) == equinox(day.year(), 20.8431),
            Self::AutumnEquinox => day.month() == 9 && i32::from(day.day()) == equinox(day.year(), 23.2488),
            Self::Once(date) => date == day,
        }
    }
}

/// The usual approximation for Japan, 1980 to 2099.
fn equinox(year: i16, base: f64) -> i32 {
    let since = f64::from(year - 1980);
    (base + 0.242_194 * since - (since / 4.0).floor()).floor() as i32
}

/// Western Easter (Gregorian computus after Meeus, Jones and Butcher).
fn easter(year: i16) -> Option<Date> {
    let y = i32::from(year);
    let (a, b, c) = (y % 19, y / 100, y % 100);
    let h = (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30;
    let l = (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    Date::new(year, i8::try_from(n / 31).ok()?, i8::try_from(n % 31 + 1).ok()?).ok()
}

fn is_weekend(country: Option<Country>, day: Weekday) -> bool {
    match country.as_ref().map_or("", Country::as_str) {
        "BH" | "DZ" | "EG" | "IL" | "IQ" | "JO" | "KW" | "LY" | "MV" | "OM" | "QA" | "SA" | "SD" | "SY" | "YE" => {
            matches!(day, Weekday::Friday | Weekday::Saturday)
        }
        "IR" | "AF" => matches!(day, Weekday::Thursday | Weekday::Friday),
        "NP" => day == Weekday::Saturday,
        _ => matches!(day, Weekday::Saturday | Weekday::Sunday),
    }
}

fn rule(text: &str) -> Option<Rule> {
    if let Some(after) = text.strip_prefix("easter") {
        return Some(Rule::Easter(if after.is_empty() { 0 } else { after.parse().ok()? }));
    }
    match text {
        "spring-equinox" => return Some(Rule::SpringEquinox),
        "autumn-equinox" => return Some(Rule::AutumnEquinox),
        _ => {}
    }
    if let Some((nth, month)) = text.split_once('@') {
        let (name, n) = nth.split_at_checked(3)?;
        let weekday = match name {
            "mon" => Weekday::Monday,
            "tue" => Weekday::Tuesday,
            "wed" => Weekday::Wednesday,
            "thu" => Weekday::Thursday,
            "fri" => Weekday::Friday,
            "sat" => Weekday::Saturday,
            "sun" => Weekday::Sunday,
            _ => return None,
        };
        let n: i8 = n.parse().ok().filter(|n| *n != 0 && (-5..=5).contains(n))?;
        return Some(Rule::Nth(n, weekday, month.parse().ok().filter(|m| (1..=12).contains(m))?));
    }
    if let Ok(date) = text.parse::<Date>() {
        return Some(Rule::Once(date));
    }
    let (month, day) = text.split_once('-')?;
    let (month, day) = (month.parse().ok()?, day.parse().ok()?);
    // A leap year, so that 29 February is a day.
    Date::new(2024, month, day).ok()?;
    Some(Rule::Day(month, day))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JP: Option<Country> = Some(Country(*b"JP"));

    fn day(text: &str) -> Date {
        text.parse().expect("a date")
    }

    #[test]
    fn japan_rests_as_its_law_says() {
        let holidays = Holidays::default();
        for closed in [
            "2026-01-01",
            "2026-01-12",
            "2026-02-11",
            "2026-02-23",
            "2026-03-20",
            "2026-04-29",
            "2026-05-04",
            "2026-05-05",
            "2026-05-06",
            "2026-07-20",
            "2026-08-11",
            "2026-09-21",
            "2026-09-22",
            "2026-09-23",
            "2026-10-12",
            "2026-11-03",
            "2026-11-23",
            // New Year in public offices.
            "2025-12-29",
            "2025-12-31",
            "2027-01-01",
            // Equinoxes of other years, and made-up days.
            "2024-03-20",
            "2025-09-23",
            "2025-02-24",
            "2025-11-24",
        ] {
            assert!(holidays.is_closed(JP, day(closed)), "{closed}");
        }
        for open in ["2026-01-05", "2026-05-07", "2026-09-24", "2026-11-24", "2025-09-22", "2026-12-28", "2027-01-04"] {
            assert!(!holidays.is_closed(JP, day(open)), "{open}");
        }
    }

    #[test]
    fn others_rest_as_theirs_do() {
        let holidays = Holidays::default();
        let closed = |code: &[u8; 2], text| holidays.is_closed(Some(Country(*code)), day(text));
        // Good Friday, Easter Monday, Ascension 2026; Thanksgiving; Independence Day 2026 is a Saturday.
        assert!(closed(b"DE", "2026-04-03") && closed(b"DE", "2026-04-06") && closed(b"DE", "2026-05-14"));
        assert!(closed(b"US", "2026-11-26") && closed(b"US", "2026-07-03") && !closed(b"US", "2026-07-06"));
        // Boxing Day 2026 is a Saturday.
        assert!(closed(b"GB", "2026-12-28") && !closed(b"GB", "2026-12-29"));
        // Christmas 2027 is a Saturday.
        assert!(closed(b"GB", "2027-12-27") && closed(b"GB", "2027-12-28") && !closed(b"GB", "2027-12-29"));
        assert!(closed(b"SA", "2026-11-20") && !closed(b"SA", "2026-11-22"));
    }

    #[test]
    fn mail_of_friday_evening_waits_for_the_next_working_morning() {
        let holidays = Holidays::default();
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        // Friday 18:00 in Tokyo; Monday 23 November is Labour Thanksgiving Day.
        assert_eq!(holidays.next_open(at("2026-11-20T09:00:00Z"), JP), at("2026-11-24T00:00:00Z"));
        let open = at("2026-11-24T02:30:00Z");
        assert_eq!(holidays.next_open(open, JP), open);
        assert_eq!(holidays.next_open(at("2026-11-24T08:00:00Z"), JP), at("2026-11-25T00:00:00Z"));
    }

    #[test]
    fn every_zone_named_exists() {
        for line in ZONES.lines() {
            let (code, name) = line.split_once('\t').expect("country and zone");
            assert!(TimeZone::get(name).is_ok(), "{code} {name}");
        }
        assert!(Holidays::read(HOLIDAYS).is_ok());
    }

    #[test]
    fn a_bad_line_is_named() {
        for bad in ["JP\t13-01", "JP\tmon9@01", "J\t01-01", "JP", "JP\teaster+x", "JP\tmon0@02"] {
            let error = Holidays::read(&format!("# comment\n{bad}")).expect_err(bad);
            assert_eq!((error.line, error.text.as_str()), (2, bad));
        }
    }
}
