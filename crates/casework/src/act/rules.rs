//! When is a party told, told again, and passed over?
//!
//! One rule per kind of problem. What the user does not set keeps its default.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::problem::Problem;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Times in seconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rule {
    /// Events of one subject needed before it is told.
    pub threshold: u32,
    /// A digest waits until nothing new has come for so long: a burst is told once.
    pub quiet: i64,
    /// It waits no longer than this since its first event.
    pub longest_wait: i64,
    /// The same subject is told again only after so long.
    pub repeat: i64,
    /// Still seen so long after it was told: the next in line is told as well.
    pub escalate: i64,
    /// The answer is expected within.
    pub answer: i64,
    /// Does not wait for office hours.
    pub urgent: bool,
}

impl Rule {
    const fn usual(problem: Problem) -> Self {
        let slow = Self {
            threshold: 1,
            quiet: HOUR,
            longest_wait: 12 * HOUR,
            repeat: 7 * DAY,
            escalate: 14 * DAY,
            answer: 7 * DAY,
            urgent: false,
        };
        let fast = Self { quiet: 10 * MINUTE, longest_wait: HOUR, repeat: 2 * DAY, escalate: 2 * DAY, answer: DAY, urgent: true, ..slow };
        match problem {
            Problem::CommandAndControl | Problem::Phishing | Problem::MalwareDistribution => fast,
            Problem::Compromised => slow,
            Problem::DataLeak => Self { repeat: 14 * DAY, ..slow },
            Problem::Attacking | Problem::Abusive => Self { repeat: 7 * DAY, escalate: 21 * DAY, ..slow },
            Problem::Exposed => Self { longest_wait: DAY, repeat: 30 * DAY, escalate: 60 * DAY, answer: 30 * DAY, ..slow },
            Problem::Other => Self { longest_wait: DAY, repeat: 30 * DAY, escalate: 90 * DAY, answer: 30 * DAY, ..slow },
        }
    }

    /// A subject unseen for so long is forgotten: when it comes back it is new.
    pub fn forget(&self) -> i64 {
        self.repeat.max(self.escalate) + 30 * DAY
    }
}

/// The rule of each kind of problem.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rules(BTreeMap<Problem, Rule>);

/// What is wrong with a file of rules.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RulesError {
    #[error("{0}")]
    Syntax(String),
    #[error("there is no kind of problem {name:?}; known are {}", Problem::ALL.map(Problem::as_str).join(", "))]
    Problem { name: String },
    #[error("{problem}: {key} {text:?} is not a time such as `30m`, `12h` or `7d`, of at most 1000 days")]
    Time { problem: &'static str, key: &'static str, text: String },
    #[error("{0}: threshold must be at least 1")]
    Threshold(&'static str),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    threshold: Option<u32>,
    quiet: Option<String>,
    longest_wait: Option<String>,
    repeat: Option<String>,
    escalate: Option<String>,
    answer: Option<String>,
    urgent: Option<bool>,
}

impl Default for Rules {
    fn default() -> Self {
        Self(Problem::ALL.into_iter().map(|problem| (problem, Rule::usual(problem))).collect())
    }
}

impl Rules {
    pub fn of(&self, problem: Problem) -> Rule {
        self.0.get(&problem).copied().unwrap_or(Rule::usual(problem))
    }

    /// Reads what departs from the defaults: one TOML table per kind of problem.
    ///
    /// ```
    /// use casework::act::{problem::Problem, rules::Rules};
    /// let rules = Rules::read("[exposed]\nrepeat = \"14d\"\nthreshold = 2\n").unwrap();
    /// assert_eq!(rules.of(Problem::Exposed).repeat, 14 * 86_400);
    /// assert_eq!(rules.of(Problem::Compromised), Rules::default().of(Problem::Compromised));
    /// ```
    ///
    /// # Errors
    /// Names the table, key and value that cannot be understood.
    pub fn read(text: &str) -> Result<Self, RulesError> {
        let written: BTreeMap<String, Written> = toml::from_str(text).map_err(|error| RulesError::Syntax(error.to_string()))?;
        let mut rules = Self::default();
        for (name, written) in written {
            let problem = Problem::read(&name).ok_or(RulesError::Problem { name })?;
            let mut rule = Rule::usual(problem);
            let times = [
                ("quiet", written.quiet, &mut rule.quiet),
                ("longest_wait", written.longest_wait, &mut rule.longest_wait),
                ("repeat", written.repeat, &mut rule.repeat),
                ("escalate", written.escalate, &mut rule.escalate),
                ("answer", written.answer, &mut rule.answer),
            ];
            for (key, text, place) in times {
                if let Some(text) = text {
                    *place = seconds(&text).ok_or(RulesError::Time { problem: problem.as_str(), key, text })?;
                }
            }
            rule.threshold = written.threshold.unwrap_or(rule.threshold);
            if rule.threshold == 0 {
                return Err(RulesError::Threshold(problem.as_str()));
            }
            rule.urgent = written.urgent.unwrap_or(rule.urgent);
            rules.0.insert(problem, rule);
        }
        Ok(rules)
    }
}

/// `90s`, `30m`, `12h`, `7d`, `0`.
fn seconds(text: &str) -> Option<i64> {
    if text == "0" {
        return Some(0);
    }
    let unit = match text.as_bytes().last()? {
        b's' => 1,
        b'm' => MINUTE,
        b'h' => HOUR,
        b'd' => DAY,
        _ => return None,
    };
    let digits = &text[..text.len() - 1];
    let number: i64 = if digits.bytes().all(|b| b.is_ascii_digit()) { digits.parse().ok()? } else { return None };
    number.checked_mul(unit).filter(|seconds| *seconds <= 1000 * DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compromised_is_told_weekly_and_exposed_monthly() {
        let rules = Rules::default();
        assert_eq!((rules.of(Problem::Compromised).repeat, rules.of(Problem::Exposed).repeat), (7 * DAY, 30 * DAY));
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        let wrong = |text| Rules::read(text).expect_err(text).to_string();
        assert!(wrong("[nonsense]").contains("nonsense"));
        assert!(wrong("[phishing]\nrepeat = \"-1d\"").contains("\"-1d\""));
        assert!(wrong("[phishing]\nquiet = \"9999999999999999999d\"").contains("quiet"));
        assert!(wrong("[phishing]\nthreshold = 0").contains("at least 1"));
        assert!(wrong("[phishing]\nrepaet = \"1d\"").contains("repaet"));
    }
}
