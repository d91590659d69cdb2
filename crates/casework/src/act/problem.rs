//! What kind of problem is a party told of?
//!
//! A digest is about one kind, because what to do is the same for all of it. Every RSIT class belongs to one kind.

use formats::rsit::Class;

/// What a digest is about; the first is the most urgent.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Problem {
    CommandAndControl,
    Phishing,
    MalwareDistribution,
    Compromised,
    DataLeak,
    Attacking,
    Exposed,
    Abusive,
    Other,
}

impl Problem {
    pub const ALL: [Self; 9] = [
        Self::CommandAndControl,
        Self::Phishing,
        Self::MalwareDistribution,
        Self::Compromised,
        Self::DataLeak,
        Self::Attacking,
        Self::Exposed,
        Self::Abusive,
        Self::Other,
    ];

    /// The kind that an RSIT class belongs to; `None` for tests, of which nobody is told.
    pub fn of(class: Class) -> Option<Self> {
        Some(match (class.taxonomy(), class.type_()) {
            ("test", _) => return None,
            ("malicious-code", "c2-server") => Self::CommandAndControl,
            ("malicious-code", "malware-distribution" | "malware-configuration") => Self::MalwareDistribution,
            ("malicious-code", _) | ("intrusions", _) => Self::Compromised,
            ("information-content-security", "unauthorised-information-modification") => Self::Compromised,
            ("information-content-security", _) => Self::DataLeak,
            ("fraud", "phishing" | "masquerade") => Self::Phishing,
            ("information-gathering" | "intrusion-attempts", _) | ("availability", "dos" | "ddos" | "sabotage") => Self::Attacking,
            ("vulnerable", _) | ("availability", "misconfiguration") => Self::Exposed,
            ("abusive-content" | "fraud", _) => Self::Abusive,
            _ => Self::Other,
        })
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::CommandAndControl => "command-and-control",
            Self::Phishing => "phishing",
            Self::MalwareDistribution => "malware-distribution",
            Self::Compromised => "compromised",
            Self::DataLeak => "data-leak",
            Self::Attacking => "attacking",
            Self::Exposed => "exposed",
            Self::Abusive => "abusive",
            Self::Other => "other",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|problem| problem.as_str() == text)
    }

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|problem| *problem as u8 == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_but_the_test_is_some_kind_of_problem() {
        for class in Class::all() {
            assert_eq!(Problem::of(class).is_none(), class.taxonomy() == "test", "{}", class.type_());
        }
        assert_eq!(Problem::of(Class::known("infected-system")), Some(Problem::Compromised));
        assert_eq!(Problem::of(Class::known("ddos-amplifier")), Some(Problem::Exposed));
    }

    #[test]
    fn words_are_read_back() {
        for problem in Problem::ALL {
            assert_eq!(Problem::read(problem.as_str()), Some(problem));
            assert_eq!(Problem::from_number(problem as u8), Some(problem));
        }
    }
}
