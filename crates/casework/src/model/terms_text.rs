//! How are terms written?
//!
//! One canonical text for equal terms, so that they are one row in the register: components in a fixed order, those that
//! restrict nothing left out, `tlp` always first. People may write less strictly: any order and case, a bare label, words of
//! MISP tags (`PAP:AMBER`, `iep2-policy:attribution="must-not"`), or a policy of IEP 2.0 as JSON.
//!
//! ```text
//! tlp:amber pap:green attribution:must-not expiry:2026-12-31T00:00:00Z audience:jpcert,krcert
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::party::PartyId;
use super::terms::{Attribution, Encryption, Leave, Pap, PermittedAction, Terms, Tlp, VictimData};

/// A word of terms that cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{word:?} in terms: {expected}")]
pub struct BadTerms {
    pub word: String,
    pub expected: &'static str,
}

const KEYS: &str =
    "expected tlp:, pap:, act:, notify:, attribution:, resale:, encrypt:, embargo:, expiry:, audience:, community:, to: or victims:";

impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tlp:{}", self.tlp.label().to_ascii_lowercase())?;
        if self.pap != Pap::Clear {
            write!(f, " pap:{}", self.pap.label().to_ascii_lowercase())?;
        }
        if self.action != PermittedAction::default() {
            write!(f, " act:{}", self.action.as_str())?;
        }
        if self.notify == Leave::MustNot {
            f.write_str(" notify:must-not")?;
        }
        match self.attribution {
            Attribution::MAY => {}
            other => write!(f, " attribution:{}", attribution_word(other))?,
        }
        if self.resale == Leave::MustNot {
            f.write_str(" resale:must-not")?;
        }
        if self.encryption == Encryption::Must {
            f.write_str(" encrypt:must")?;
        }
        for (key, time) in [("embargo", self.embargo), ("expiry", self.expiry)] {
            if let Some(time) = time {
                write!(f, " {key}:{time}")?;
            }
        }
        if let Some(audience) = &self.audience {
            write!(f, " audience:{}", names(audience.iter().map(PartyId::as_str)))?;
        }
        if let Some(community) = &self.community {
            write!(f, " community:{}", names(community.iter().map(String::as_str)))?;
        }
        if !self.recipients.is_empty() {
            write!(f, " to:{}", names(self.recipients.iter().map(PartyId::as_str)))?;
        }
        match self.victims {
            VictimData::Open => Ok(()),
            VictimData::NoPersonalData => f.write_str(" victims:no-personal-data"),
            VictimData::NoIdentity => f.write_str(" victims:no-identity"),
        }
    }
}

/// The word of IEP 2.0; for sources that leave no way in common, `conflict`.
fn attribution_word(attribution: Attribution) -> &'static str {
    match (attribution.named, attribution.anonymous) {
        (true, true) => "may",
        (true, false) => "must",
        (false, true) => "must-not",
        (false, false) => "conflict",
    }
}

impl FromStr for Terms {
    type Err = BadTerms;

    /// Words separated by spaces or `;`. A component said twice holds as the stricter. Without a TLP label they are unmarked:
    /// AMBER+STRICT. Text that begins with `{` is a policy of IEP 2.0.
    fn from_str(text: &str) -> Result<Self, BadTerms> {
        if text.trim_start().starts_with('{') {
            return match serde_json::from_str(text) {
                Ok(serde_json::Value::Object(policy)) => iep(&policy),
                _ => Err(bad(text, "not a JSON object")),
            };
        }
        let mut stated = Stated::default();
        for word in text.split([' ', '\t', '\n', ';']).filter(|word| !word.is_empty()) {
            stated.word(word)?;
        }
        stated.terms(text)
    }
}

/// A policy of IEP 2.0 (FIRST, "IEP 2.0 JSON specification", 2019); names, ids and references are not terms.
fn iep(policy: &serde_json::Map<String, serde_json::Value>) -> Result<Terms, BadTerms> {
    let mut stated = Stated::default();
    for (key, value) in policy {
        let known = [
            "encrypt_in_transit",
            "permitted_actions",
            "affected_party_notifications",
            "tlp",
            "attribution",
            "unmodified_resale",
            "end_date",
        ];
        if known.contains(&key.as_str()) && !value.is_null() {
            let value = value.as_str().ok_or_else(|| bad(&format!("{key}: {value}"), "expected a text"))?;
            stated.word(&format!("{key}={value}"))?;
        }
    }
    stated.terms("IEP policy")
}

/// What the words so far say.
#[derive(Default)]
struct Stated {
    tlp: Option<Tlp>,
    rest: Option<Terms>,
    /// The names in the last word that named any.
    recipients: Option<BTreeSet<PartyId>>,
}

impl Stated {
    fn terms(self, text: &str) -> Result<Terms, BadTerms> {
        if self.tlp.is_none() && self.rest.is_none() && self.recipients.is_none() {
            return Err(bad(text, "nothing is stated"));
        }
        let mut terms = self.rest.unwrap_or_else(|| Terms::of(Tlp::Clear));
        terms.tlp = self.tlp.unwrap_or(Tlp::UNMARKED);
        terms.recipients = self.recipients.unwrap_or_default();
        Ok(terms)
    }

    fn word(&mut self, word: &str) -> Result<(), BadTerms> {
        if let Some(tlp) = Tlp::read(word) {
            self.tlp = self.tlp.max(Some(tlp));
            return Ok(());
        }
        let lower = word.to_ascii_lowercase();
        let plain = lower.strip_prefix("iep2-policy:").or_else(|| lower.strip_prefix("iep:")).unwrap_or(&lower);
        // Names keep their case: cut from the word as it was written.
        let value_of = |at: usize| word[word.len() - plain.len() + at + 1..].trim_matches('"');
        let Some((key, value)) = plain.find([':', '=']).map(|at| (plain[..at].replace('_', "-"), value_of(at))) else {
            return Err(bad(word, KEYS));
        };
        let mut more = Terms::of(Tlp::Clear);
        match key.as_str() {
            // MISP taxonomy tlp: "TLP extended with Chatham House Rule".
            "tlp" if value.eq_ignore_ascii_case("ex:chr") => more.attribution = Attribution::MUST_NOT,
            "tlp" => {
                let tlp = Tlp::read(value).ok_or_else(|| bad(word, "expected clear, green, amber, amber+strict or red"))?;
                self.tlp = self.tlp.max(Some(tlp));
                return Ok(());
            }
            "pap" => more.pap = Pap::read(value).ok_or_else(|| bad(word, "expected clear, green, amber or red"))?,
            "act" | "permitted-actions" => {
                more.action = PermittedAction::read(value).ok_or_else(|| {
                    bad(
                        word,
                        "expected none, contact-for-instruction, internally-visible-actions, externally-visible-indirect-actions or \
                         externally-visible-direct-actions",
                    )
                })?;
            }
            "notify" | "affected-party-notifications" => more.notify = leave(word, value)?,
            "resale" | "unmodified-resale" => more.resale = leave(word, value)?,
            "attribution" => {
                let found = Attribution::ALL.into_iter().find(|a| attribution_word(*a).eq_ignore_ascii_case(value));
                more.attribution = found.ok_or_else(|| bad(word, "expected may, must or must-not"))?;
            }
            "encrypt" | "encrypt-in-transit" => {
                more.encryption = match value.to_ascii_lowercase().as_str() {
                    "may" => Encryption::May,
                    "must" => Encryption::Must,
                    _ => return Err(bad(word, "expected may or must")),
                };
            }
            "embargo" => more.embargo = Some(time(word, value)?),
            "expiry" | "end-date" => more.expiry = Some(time(word, value)?),
            "audience" => more.audience = Some(parties(word, value)?),
            "community" => more.community = Some(split_names(word, value)?),
            "to" => {
                let named = parties(word, value)?;
                self.recipients = Some(match self.recipients.take() {
                    Some(before) => &before & &named,
                    None => named,
                });
                return Ok(());
            }
            "victims" => {
                more.victims = match value.to_ascii_lowercase().as_str() {
                    "open" => VictimData::Open,
                    "no-personal-data" => VictimData::NoPersonalData,
                    "no-identity" => VictimData::NoIdentity,
                    _ => return Err(bad(word, "expected open, no-personal-data or no-identity")),
                };
            }
            _ => return Err(bad(word, KEYS)),
        }
        self.rest = Some(match self.rest.take() {
            Some(before) => before.join(&more),
            None => more,
        });
        Ok(())
    }
}

fn bad(word: &str, expected: &'static str) -> BadTerms {
    BadTerms { word: word.chars().take(120).collect(), expected }
}

fn leave(word: &str, value: &str) -> Result<Leave, BadTerms> {
    match value.to_ascii_lowercase().as_str() {
        "may" => Ok(Leave::May),
        "must-not" => Ok(Leave::MustNot),
        _ => Err(bad(word, "expected may or must-not")),
    }
}

fn time(word: &str, value: &str) -> Result<Timestamp, BadTerms> {
    let read = value.parse().ok().or_else(|| formats::time::read(value).map(|m| m.at));
    read.ok_or_else(|| bad(word, "expected a date (2026-12-31) or a time (2026-12-31T09:00:00Z)"))
}

fn parties(word: &str, value: &str) -> Result<BTreeSet<PartyId>, BadTerms> {
    let named = split_names(word, value)?;
    named.iter().map(|name| name.parse().map_err(|_| bad(word, "expected names of parties, separated by commas"))).collect()
}

/// Nobody at all.
const NOBODY: &str = "!";

fn names<'n>(all: impl Iterator<Item = &'n str>) -> String {
    let written: Vec<String> = all.map(escape).collect();
    if written.is_empty() { NOBODY.to_owned() } else { written.join(",") }
}

fn split_names(word: &str, value: &str) -> Result<BTreeSet<String>, BadTerms> {
    if value == NOBODY {
        return Ok(BTreeSet::new());
    }
    value.split(',').map(|name| unescape(name).ok_or_else(|| bad(word, "expected names separated by commas"))).collect()
}

/// As in a URL: what could be taken for something else is `%` and two digits for each byte. An empty name is `%`.
fn escape(name: &str) -> String {
    if name.is_empty() {
        return "%".to_owned();
    }
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_alphanumeric() || "._-+/@".contains(c) {
            out.push(c);
        } else {
            let mut buffer = [0; 4];
            c.encode_utf8(&mut buffer).bytes().for_each(|byte| out.push_str(&format!("%{byte:02x}")));
        }
    }
    out
}

fn unescape(text: &str) -> Option<String> {
    if text == "%" {
        return Some(String::new());
    }
    if text.is_empty() {
        return None;
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16)).map(|d| d as u8);
            out.push(digit(bytes.next())? << 4 | digit(bytes.next())?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Terms {
        text.parse().unwrap()
    }

    #[test]
    fn a_label_alone_is_written_as_the_label() {
        for tlp in Tlp::ALL {
            let text = Terms::of(tlp).to_string();
            assert_eq!(text, format!("tlp:{}", tlp.label().to_ascii_lowercase()));
            assert_eq!(read(&text), Terms::of(tlp));
        }
    }

    #[test]
    fn many_ways_of_writing_are_one_text() {
        let canonical = "tlp:amber pap:green attribution:must-not encrypt:must community:APCERT";
        for text in [
            canonical,
            "PAP:GREEN TLP:AMBER encrypt:must attribution:MUST-NOT community:APCERT",
            "amber;pap:green;tlp:ex:chr;encrypt_in_transit=must;community:APCERT",
            r#"iep2-policy:tlp="amber" PAP:green iep2-policy:attribution="must-not" iep:encrypt_in_transit="must" community:APCERT"#,
        ] {
            assert_eq!(read(text).to_string(), canonical, "{text}");
        }
    }

    #[test]
    fn a_policy_of_iep_2_is_read_and_its_name_is_no_term() {
        let policy = r#"{"id": "01bc4353-4829-4d55-8d52-0ab7e0790df9", "name": "Sharing agreement 1", "iep_version": 2.0, "start_date": "2018-01-01",
            "end_date": null, "encrypt_in_transit": "may", "permitted_actions": "externally-visible-direct-actions",
            "affected_party_notifications": "must-not", "tlp": "amber", "attribution": "must-not", "unmodified_resale": "must-not"}"#;
        assert_eq!(read(policy).to_string(), "tlp:amber notify:must-not attribution:must-not resale:must-not");
    }

    #[test]
    fn two_colours_are_the_stricter_and_none_is_unmarked() {
        assert_eq!(read("tlp:green tlp:red").tlp, Tlp::Red);
        assert_eq!(read("pap:amber").tlp, Tlp::UNMARKED);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (text, part) in [
            ("tlp:unclear", "tlp:unclear"),
            ("tlp:amber colour:red", "colour:red"),
            ("", ""),
            ("to:Not A", "to:Not"),
            ("audience:", "audience:"),
        ] {
            let error = text.parse::<Terms>().unwrap_err();
            assert_eq!(error.word, part, "{error}");
        }
    }

    #[test]
    fn nobody_and_a_name_with_everything_in_it_come_back() {
        let mut terms = Terms::of(Tlp::Green);
        for community in [vec![], vec![""], vec!["a b", "c,d", "100%", "日本 ISAC", "!", "\n"]] {
            terms.community = Some(community.into_iter().map(str::to_owned).collect());
            assert_eq!(read(&terms.to_string()), terms, "{terms}");
        }
    }
}
