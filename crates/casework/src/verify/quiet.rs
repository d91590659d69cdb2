//! How long must it be quiet, by class of problem?
//!
//! Ours, to be replaced by whoever knows better: a phishing page that stays away for a week does not come back by itself, an
//! infected device may sleep for two, and a service that is exposed may be behind an address that changes hands.

use std::collections::BTreeMap;

use formats::rsit::Class;

/// How long a threat must stay unseen while watched: 1 to 365 whole days.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct QuietPeriod(u16);

/// Why a table of quiet periods cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum QuietPeriodError {
    #[error("a quiet period lasts 1 to 365 days, not {0}")]
    Days(i64),
    #[error("{0:?} is no type of RSIT v1003")]
    Class(String),
    #[error("{class}: {value:?} is no number of days")]
    Number { class: String, value: String },
    #[error("{0}")]
    Toml(String),
}

impl QuietPeriod {
    /// # Errors
    /// When it is less than one day or more than 365.
    pub fn from_days(days: i64) -> Result<Self, QuietPeriodError> {
        match u16::try_from(days) {
            Ok(days @ 1..=365) => Ok(Self(days)),
            _ => Err(QuietPeriodError::Days(days)),
        }
    }

    pub fn days(self) -> u16 {
        self.0
    }
}

/// Days for classes; every other class takes [`OTHERWISE`].
const DAYS: &[(&str, u16)] = &[
    ("infected-system", 14),
    ("c2-server", 30),
    ("malware-distribution", 14),
    ("malware-configuration", 14),
    ("phishing", 7),
    ("masquerade", 7),
    ("spam", 7),
    ("ddos", 7),
    ("dos", 7),
    ("system-compromise", 30),
    ("privileged-account-compromise", 30),
    ("unprivileged-account-compromise", 30),
    ("application-compromise", 30),
    ("weak-crypto", 30),
    ("ddos-amplifier", 30),
    ("potentially-unwanted-accessible", 30),
    ("information-disclosure", 30),
    ("vulnerable-system", 30),
];

/// Days for a class that no table names.
const OTHERWISE: QuietPeriod = QuietPeriod(14);

/// Quiet periods by class: ours, where the user did not say otherwise.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct QuietPeriods {
    own: BTreeMap<Class, QuietPeriod>,
    otherwise: Option<QuietPeriod>,
}

impl QuietPeriods {
    /// Reads a TOML table of RSIT types and days; `otherwise` is for all other classes.
    ///
    /// # Errors
    /// When it is no TOML, names an unknown type, or a period is out of bounds.
    ///
    /// ```
    /// use casework::verify::quiet::QuietPeriods;
    /// use formats::rsit::Class;
    /// let table = QuietPeriods::read("phishing = 3\notherwise = 21").unwrap();
    /// assert_eq!(table.of(Class::known("phishing")).days(), 3);
    /// assert_eq!(table.of(Class::known("infected-system")).days(), 21);
    /// ```
    pub fn read(toml: &str) -> Result<Self, QuietPeriodError> {
        let table: toml::Table = toml.parse().map_err(|e: toml::de::Error| QuietPeriodError::Toml(e.message().to_owned()))?;
        let mut periods = Self::default();
        for (class, value) in table {
            let days = value.as_integer().ok_or_else(|| QuietPeriodError::Number { class: class.clone(), value: value.to_string() })?;
            let period = QuietPeriod::from_days(days)?;
            if class == "otherwise" {
                periods.otherwise = Some(period);
            } else {
                periods.own.insert(Class::of(&class).ok_or(QuietPeriodError::Class(class))?, period);
            }
        }
        Ok(periods)
    }

    /// How long this class must be quiet.
    pub fn of(&self, class: Class) -> QuietPeriod {
        let ours = || DAYS.iter().find(|(type_, _)| *type_ == class.type_()).map(|(_, days)| QuietPeriod(*days));
        self.own.get(&class).copied().or(self.otherwise).or_else(ours).unwrap_or(OTHERWISE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_of_our_table_is_a_type_of_rsit_with_a_period_in_bounds() {
        for (type_, days) in DAYS {
            assert!(Class::of(type_).is_some(), "{type_}");
            assert!(QuietPeriod::from_days(i64::from(*days)).is_ok(), "{type_}");
        }
        assert!(Class::all().all(|class| QuietPeriods::default().of(class).days() >= 1));
    }

    #[test]
    fn a_table_that_cannot_be_used_is_refused_with_its_reason() {
        assert_eq!(QuietPeriods::read("phishing = 0"), Err(QuietPeriodError::Days(0)));
        assert_eq!(QuietPeriods::read("fishing = 7"), Err(QuietPeriodError::Class("fishing".into())));
        assert!(matches!(QuietPeriods::read("phishing = 'a week'"), Err(QuietPeriodError::Number { .. })));
        assert!(matches!(QuietPeriods::read("phishing"), Err(QuietPeriodError::Toml(_))));
    }
}
