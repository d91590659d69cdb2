//! What was a party given, and what does the log of releases say of it?
//!
//! Others may read the log, so an entry must tell them nothing: it is the hash of a [`Statement`] with salt in it. The
//! statement goes to the recipient, who can compute the hash and so knows that this, and nothing else, was logged. Why it was
//! allowed stays at home: the statement holds only the hash of the [`Basis`], with salt of its own.

use std::fmt::{self, Write as _};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::agreement::{Channel, Purpose};
use super::party::PartyId;

/// Version of the entry: its first byte.
const VERSION: u8 = 1;

const STATEMENT: &str = "musubi release v1";
const BASIS: &str = "musubi basis v1";

/// One party given one thing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Release {
    /// Names it for ever, in no other release: 1 to 128 visible ASCII characters.
    pub id: String,
    pub recipient: PartyId,
    pub purpose: Purpose,
    pub channel: Channel,
    /// SHA-256 of the bytes that were given.
    pub content: [u8; 32],
    /// When, to the microsecond.
    pub at: Timestamp,
    pub basis: Basis,
}

/// Why a release was allowed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Basis {
    /// `allow`, or in what way: one line.
    pub decision: String,
    /// The register's numbers of the terms that all of it was under.
    pub terms: Vec<i64>,
    /// The chain of reasons, one line each.
    pub reasons: Vec<String>,
}

/// 32 bytes that nobody can guess, of one release: they keep the hashes from being searched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Secret(pub [u8; 32]);

/// A release that cannot be written down so that it is read in one way only.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("release {id:?}: {what}")]
pub struct BadRelease {
    pub id: String,
    pub what: &'static str,
}

impl Release {
    /// Checks that every line of the statement will be one line.
    ///
    /// # Errors
    /// [`BadRelease`] with what is wrong.
    pub fn check(&self) -> Result<(), BadRelease> {
        let bad = |what| Err(BadRelease { id: self.id.chars().take(128).collect(), what });
        if !is_id(&self.id) {
            return bad("an id is 1 to 128 visible ASCII characters");
        }
        if !is_line(&self.basis.decision) || !self.basis.reasons.iter().all(|reason| is_line(reason)) {
            return bad("decision and reasons are one line each, without control characters");
        }
        Ok(())
    }

    /// What the recipient is told about the release.
    pub fn statement(&self, secret: &Secret) -> Statement {
        Statement {
            salt: half(secret, 0),
            id: self.id.clone(),
            recipient: self.recipient.clone(),
            purpose: self.purpose,
            channel: self.channel,
            content: self.content,
            at: Timestamp::from_microsecond(self.at.as_microsecond()).unwrap_or(self.at),
            basis: self.basis.hash(secret),
        }
    }
}

impl Basis {
    /// The text whose hash the statement holds.
    pub fn text(&self, secret: &Secret) -> String {
        let mut text = format!("{BASIS}\nsalt {}\ndecision {}\nterms", Hex(&half(secret, 16)), self.decision);
        self.terms.iter().for_each(|terms| {
            let _ = write!(text, " {terms}");
        });
        text.push('\n');
        self.reasons.iter().for_each(|reason| {
            let _ = writeln!(text, "reason {reason}");
        });
        text
    }

    fn hash(&self, secret: &Secret) -> [u8; 32] {
        Sha256::digest(self.text(secret)).into()
    }
}

/// What the recipient of a release holds in hand.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Statement {
    pub salt: [u8; 16],
    pub id: String,
    pub recipient: PartyId,
    pub purpose: Purpose,
    pub channel: Channel,
    /// SHA-256 of what was given.
    pub content: [u8; 32],
    pub at: Timestamp,
    /// SHA-256 of the basis, which stays where it was decided.
    pub basis: [u8; 32],
}

/// A statement that is none.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line} of the statement: {what}")]
pub struct BadStatement {
    pub line: usize,
    pub what: String,
}

impl Statement {
    /// The entry of the log: a byte for the version, and the SHA-256 of the statement's text.
    pub fn entry(&self) -> [u8; 33] {
        let mut entry = [VERSION; 33];
        entry[1..].copy_from_slice(&Sha256::digest(self.to_string()));
        entry
    }

    /// Reads a statement written as it is written here, and in no other way.
    ///
    /// # Errors
    /// With the line that is wrong.
    pub fn read(text: &str) -> Result<Self, BadStatement> {
        let mut lines = text.split('\n');
        let mut number = 0;
        let mut field = |name: &str| -> Result<(usize, &str), BadStatement> {
            number += 1;
            let value = lines.next().and_then(|line| if name.is_empty() { Some(line) } else { line.strip_prefix(name)?.strip_prefix(' ') });
            value.map(|value| (number, value)).ok_or_else(|| BadStatement { line: number, what: format!("there is no {name:?}") })
        };
        let bad = |line: usize, what: &str| BadStatement { line, what: what.to_owned() };
        if field("")?.1 != STATEMENT {
            return Err(bad(1, "it is no statement about a release, or one of another version"));
        }
        let (at, salt) = field("salt")?;
        let salt = unhex(salt).ok_or_else(|| bad(at, "the salt is not 32 hexadecimal digits"))?;
        let (at, id) = field("id")?;
        let id = Some(id).filter(|id| is_id(id)).ok_or_else(|| bad(at, "this is no id"))?.to_owned();
        let (at, recipient) = field("to")?;
        let recipient = recipient.parse().map_err(|e: super::party::BadPartyId| bad(at, &e.to_string()))?;
        let (at, purpose) = field("purpose")?;
        let purpose = Purpose::read(purpose).ok_or_else(|| bad(at, "this purpose is not known"))?;
        let (at, channel) = field("channel")?;
        let channel = Channel::read(channel).ok_or_else(|| bad(at, "this channel is not known"))?;
        let (at, content) = field("sha256")?;
        let content = unhex(content).ok_or_else(|| bad(at, "this is no SHA-256"))?;
        let (line, at) = field("at")?;
        let at = at.parse().map_err(|_| bad(line, "this is no time"))?;
        let (line, basis) = field("basis")?;
        let basis = unhex(basis).ok_or_else(|| bad(line, "this is no SHA-256"))?;
        let statement = Self { salt, id, recipient, purpose, channel, content, at, basis };
        if statement.to_string() == text { Ok(statement) } else { Err(bad(line + 1, "the statement is written in another way than usual")) }
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (purpose, channel) = (self.purpose.as_str(), self.channel.as_str());
        writeln!(f, "{STATEMENT}\nsalt {}\nid {}\nto {}", Hex(&self.salt), self.id, self.recipient)?;
        writeln!(f, "purpose {purpose}\nchannel {channel}\nsha256 {}\nat {}\nbasis {}", Hex(&self.content), self.at, Hex(&self.basis))
    }
}

fn half(secret: &Secret, from: usize) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&secret.0[from..from + 16]);
    half
}

fn is_id(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

fn is_line(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// Prints bytes as lower-case hexadecimal digits.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
        }
        let end = (2 * self.0.len()).min(text.len());
        f.write_str(std::str::from_utf8(&text[..end]).unwrap_or_default())
    }
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |c: u8| char::from(c).to_digit(16).filter(|_| !c.is_ascii_uppercase());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let mut bytes = [0; N];
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn release() -> Release {
        Release {
            id: "notice-2026-000017".into(),
            recipient: "isp-jp.example".parse().expect("a party"),
            purpose: Purpose::Notify,
            channel: Channel::SealedMail,
            content: [7; 32],
            at: "2026-11-23T09:30:00.000001Z".parse().expect("a time"),
            basis: Basis { decision: "allow".into(), terms: vec![3, 5], reasons: vec!["agreement jp-isp in force".into()] },
        }
    }

    const SECRET: Secret = Secret([9; 32]);

    /// The format of version 1 for ever: receipts are kept longer than programs.
    #[test]
    fn the_statement_is_the_same_bytes_every_day() {
        let statement = release().statement(&SECRET);
        assert_eq!(
            statement.to_string(),
            "musubi release v1\nsalt 09090909090909090909090909090909\nid notice-2026-000017\nto isp-jp.example\npurpose notify\n\
             channel sealed-mail\nsha256 0707070707070707070707070707070707070707070707070707070707070707\nat 2026-11-23T09:30:00.000001Z\n\
             basis b7c9\n"
                .replace("b7c9", &Hex(&Sha256::digest(
                    "musubi basis v1\nsalt 09090909090909090909090909090909\ndecision allow\nterms 3 5\nreason agreement jp-isp in force\n"
                )).to_string())
        );
        let entry = statement.entry();
        assert_eq!((entry.len(), entry[0]), (33, 1));
        assert_eq!(entry[1..], Sha256::digest(statement.to_string())[..]);
    }

    #[test]
    fn an_entry_says_nothing_to_who_does_not_know_the_secret() {
        let one = release().statement(&SECRET).entry();
        let other = release().statement(&Secret([10; 32])).entry();
        assert_ne!(one, other, "the same release under another secret is another entry");
        let text = String::from_utf8_lossy(&one).into_owned();
        assert!(!text.contains("isp-jp") && !text.contains("notify"));
    }

    #[test]
    fn the_recipient_does_not_learn_why() {
        let text = release().statement(&SECRET).to_string();
        assert!(!text.contains("agreement") && !text.contains("terms"));
        let mut half_known = SECRET;
        half_known.0[16..].fill(0);
        let guessed = release().basis.hash(&half_known);
        assert_ne!(guessed, release().statement(&SECRET).basis, "the salt in the statement is not that of the basis");
    }

    #[test]
    fn what_would_be_two_lines_is_refused() {
        let with = |change: &dyn Fn(&mut Release)| {
            let mut release = release();
            change(&mut release);
            release.check()
        };
        assert_eq!(with(&|_| ()), Ok(()));
        assert!(with(&|r| r.id = "a\nto somebody-else".into()).is_err());
        assert!(with(&|r| r.id = String::new()).is_err());
        assert!(with(&|r| r.id = "x".repeat(129)).is_err());
        assert!(with(&|r| r.basis.decision = "allow\nreason none".into()).is_err());
        assert!(with(&|r| r.basis.reasons.push("two\u{85}lines".into())).is_err());
    }

    #[test]
    fn what_is_no_statement_is_refused_with_its_line() {
        let good = release().statement(&SECRET).to_string();
        for (from, to, line) in [
            ("v1", "v2", 1),
            ("salt 09", "salt 0", 2),
            ("id notice", "id no tice", 3),
            ("to isp", "to ISP", 4),
            ("purpose notify", "purpose amuse", 5),
            ("channel sealed", "channel open", 6),
            ("sha256 07", "sha256 xx", 7),
            ("at 2026", "at never", 8),
            ("basis ", "because ", 9),
            ("at 2026-11-23T09:30:00.000001Z", "at 2026-11-23T18:30:00.000001+09:00", 10),
        ] {
            let bad = good.replace(from, to);
            assert_eq!(Statement::read(&bad).map_err(|e| e.line), Err(line), "{bad}");
        }
        assert!(
            Statement::read(good.trim_end()).is_err() && Statement::read(&format!("{good}\n")).is_err() && Statement::read("").is_err()
        );
    }

    proptest! {
        #[test]
        fn a_statement_is_read_back(id in "[!-~]{1,128}", secret: [u8; 32], content: [u8; 32], micros in -2_000_000_000_000_000_i64..4_000_000_000_000_000, reasons in prop::collection::vec("\\PC{0,30}", 0..4)) {
            let at = Timestamp::from_microsecond(micros).unwrap();
            let basis = Basis { reasons, ..release().basis };
            let release = Release { id, content, at, basis, ..release() };
            prop_assert_eq!(release.check(), Ok(()));
            let statement = release.statement(&Secret(secret));
            prop_assert_eq!(Statement::read(&statement.to_string()), Ok(statement));
        }
    }
}
