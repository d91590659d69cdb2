//! Which class of incident is this, in the words everyone uses?
//!
//! The Reference Security Incident Taxonomy, version 1003, spelled exactly as published
//! (ENISA RSIT working group, machine-readable version 1). Other programs carry older or
//! private types; [`Class::from_foreign`] maps those and says which word it replaced.

/// One RSIT type; its taxonomy (the RSIT predicate) follows from it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Class(u8);

const TABLE: &[(&str, &str)] = &[
    ("other", "undetermined"),
    ("other", "other"),
    ("abusive-content", "spam"),
    ("abusive-content", "harmful-speech"),
    ("abusive-content", "violence"),
    ("malicious-code", "infected-system"),
    ("malicious-code", "c2-server"),
    ("malicious-code", "malware-distribution"),
    ("malicious-code", "malware-configuration"),
    ("information-gathering", "scanner"),
    ("information-gathering", "sniffing"),
    ("information-gathering", "social-engineering"),
    ("intrusion-attempts", "ids-alert"),
    ("intrusion-attempts", "brute-force"),
    ("intrusion-attempts", "exploit"),
    ("intrusions", "privileged-account-compromise"),
    ("intrusions", "unprivileged-account-compromise"),
    ("intrusions", "application-compromise"),
    ("intrusions", "system-compromise"),
    ("intrusions", "burglary"),
    ("availability", "dos"),
    ("availability", "ddos"),
    ("availability", "misconfiguration"),
    ("availability", "sabotage"),
    ("availability", "outage"),
    ("information-content-security", "unauthorised-information-access"),
    ("information-content-security", "unauthorised-information-modification"),
    ("information-content-security", "data-loss"),
    ("information-content-security", "data-leak"),
    ("fraud", "unauthorised-use-of-resources"),
    ("fraud", "copyright"),
    ("fraud", "masquerade"),
    ("fraud", "phishing"),
    ("vulnerable", "weak-crypto"),
    ("vulnerable", "ddos-amplifier"),
    ("vulnerable", "potentially-unwanted-accessible"),
    ("vulnerable", "information-disclosure"),
    ("vulnerable", "vulnerable-system"),
    ("test", "test"),
];

/// Types that other programs use and RSIT v1003 does not know, or spells otherwise.
const FOREIGN: &[(&str, &str)] = &[
    // IntelMQ 3 keeps the spelling of an older RSIT.
    ("unauthorized-use-of-resources", "unauthorised-use-of-resources"),
    ("unauthorized-information-access", "unauthorised-information-access"),
    ("unauthorized-information-modification", "unauthorised-information-modification"),
    // IntelMQ additions outside RSIT.
    ("blacklist", "other"),
    ("dga-domain", "other"),
    ("proxy", "other"),
    ("tor", "other"),
    ("malware", "other"),
    // IntelMQ 1 and 2.
    ("c&c", "c2-server"),
    ("c2server", "c2-server"),
    ("botnet drone", "infected-system"),
    ("ransomware", "infected-system"),
    ("backdoor", "system-compromise"),
    ("compromised", "system-compromise"),
    ("defacement", "unauthorised-information-modification"),
    ("dropzone", "other"),
    ("leak", "data-leak"),
    ("vulnerable service", "vulnerable-system"),
    ("vulnerable client", "vulnerable-system"),
    ("unknown", "undetermined"),
];

impl Class {
    /// `other/undetermined`: nobody has said what this is.
    pub const UNDETERMINED: Self = Self(0);

    /// The class of an RSIT type.
    ///
    /// ```
    /// use formats::rsit::Class;
    /// assert_eq!(Class::of("phishing").unwrap().taxonomy(), "fraud");
    /// assert_eq!(Class::of("blacklist"), None);
    /// ```
    pub fn of(type_: &str) -> Option<Self> {
        let at = TABLE.iter().position(|(_, t)| *t == type_)?;
        u8::try_from(at).ok().map(Self)
    }

    /// As [`Class::of`] for a type known to be in the table when this program was written.
    ///
    /// # Panics
    /// At compile time or in the first test, when the word is not an RSIT type.
    pub const fn known(type_: &str) -> Self {
        let mut at = 0;
        while at < TABLE.len() {
            if same(TABLE[at].1.as_bytes(), type_.as_bytes()) {
                return Self(at as u8);
            }
            at += 1;
        }
        panic!("not a type of RSIT v1003")
    }

    /// A type as IntelMQ and others write it, old spellings and private types included.
    /// The second value is the replaced word when RSIT has no such type: it belongs into
    /// the event's `identifier` so that nothing is lost.
    ///
    /// ```
    /// use formats::rsit::Class;
    /// let (class, replaced) = Class::from_foreign("blacklist").unwrap();
    /// assert_eq!((class.type_(), replaced), ("other", Some("blacklist")));
    /// assert_eq!(Class::from_foreign("C&C").unwrap().0.type_(), "c2-server");
    /// ```
    pub fn from_foreign(type_: &str) -> Option<(Self, Option<&'static str>)> {
        let lower = type_.trim().to_ascii_lowercase();
        if let Some(class) = Self::of(&lower) {
            return Some((class, None));
        }
        let (word, ours) = FOREIGN.iter().find(|(word, _)| *word == lower)?;
        let replaced = (*ours == "other" || *ours == "undetermined").then_some(*word);
        Some((Self::of(ours)?, replaced))
    }

    /// The RSIT taxonomy (predicate), for example `malicious-code`.
    pub fn taxonomy(self) -> &'static str {
        TABLE[usize::from(self.0)].0
    }

    /// The RSIT type (value), for example `infected-system`.
    pub fn type_(self) -> &'static str {
        TABLE[usize::from(self.0)].1
    }

    /// Every class, in a fixed order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..TABLE.len()).filter_map(|n| u8::try_from(n).ok()).map(Self)
    }
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_foreign_word_leads_to_a_type_of_rsit() {
        for (word, ours) in FOREIGN {
            assert!(Class::of(ours).is_some(), "{word} → {ours}");
            assert!(Class::of(word).is_none(), "{word} is no foreign word");
        }
    }

    #[test]
    fn a_word_that_rsit_lacks_is_kept_for_the_identifier() {
        assert_eq!(Class::from_foreign("Blacklist"), Some((Class::known("other"), Some("blacklist"))));
        assert_eq!(Class::from_foreign("C&C"), Some((Class::known("c2-server"), None)));
        assert_eq!(Class::from_foreign("nonsense"), None);
    }
}
