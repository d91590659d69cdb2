//! Whom to believe about logs: keys of logs and witnesses, and how many of the latter must agree (C2SP tlog-policy).
//!
//! Names are octets that may be in any encoding; they mean something only within the file.

use std::collections::{BTreeMap, BTreeSet};

use super::note::Unsigned;
use super::{Checkpoint, KeyKind, Malformed, Note, Verifier};

/// Most logs, witnesses and groups each; the standard asks for at least 32.
pub const MOST_ENTRIES: usize = 1024;

/// Largest policy read, in bytes.
pub const MOST_POLICY_BYTES: usize = 1 << 20;

/// Who is believed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    pub logs: Vec<Log>,
    pub witnesses: Vec<Witness>,
    quorum: Quorum,
}

/// A log that is believed to have issued what it signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Log {
    /// Its name is the origin of the log.
    pub key: Verifier,
    pub url: Option<Vec<u8>>,
}

/// Somebody who watches logs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Witness {
    pub name: Vec<u8>,
    pub key: Verifier,
    pub url: Option<Vec<u8>>,
}

/// Which sets of witnesses are strong enough.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Quorum {
    None,
    /// Place in the list of witnesses.
    Witness(usize),
    Group {
        least: usize,
        members: Vec<Quorum>,
    },
}

impl Quorum {
    fn reached(&self, seen: &BTreeSet<usize>) -> bool {
        match self {
            Self::None => true,
            Self::Witness(at) => seen.contains(at),
            Self::Group { least, members } => members.iter().filter(|member| member.reached(seen)).count() >= *least,
        }
    }
}

/// A checkpoint that a policy believes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Accepted {
    pub checkpoint: Checkpoint,
    /// Place of the key in the policy's list of logs.
    pub log: usize,
    /// Witnesses whose cosignature is right, by place in the policy's list, and when they signed (seconds since 1970).
    pub witnesses: Vec<(usize, u64)>,
}

/// Why a checkpoint is not believed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Distrust {
    #[error("{0}")]
    Malformed(#[from] Malformed),
    #[error("the policy does not know the log {0:?}")]
    UnknownLog(String),
    #[error("{0}")]
    Unsigned(#[from] Unsigned),
    #[error("{seen} of the policy's witnesses have signed: too few for its quorum")]
    Quorum { seen: usize },
}

impl Policy {
    /// Reads a policy file.
    ///
    /// ```
    /// let key = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    /// let policy = formats::tlog::Policy::read(format!("# whom we believe\nlog {key} https://example.com/foo/\nquorum none\n").as_bytes()).unwrap();
    /// assert_eq!(policy.logs[0].key.to_string(), key);
    /// ```
    ///
    /// # Errors
    /// With the line that is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > MOST_POLICY_BYTES {
            return Err(Malformed::at(1, format!("{} bytes are too much for a policy", bytes.len())));
        }
        let mut reading = Reading::default();
        let mut number = 0;
        // "each line is terminated by ASCII newline"; an editor that left the last one out is forgiven.
        for line in bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|b| *b == b'\n') {
            number += 1;
            reading.line(line).map_err(|what| Malformed::at(number, what))?;
        }
        let quorum = reading.quorum.ok_or_else(|| Malformed::at(number, "there is no quorum line"))?;
        Ok(Self { logs: reading.logs, witnesses: reading.witnesses, quorum })
    }

    /// Checks that a log of this policy has signed the checkpoint and that enough of its witnesses have seen it.
    ///
    /// # Errors
    /// [`Distrust`] says why not. A policy without logs believes none.
    pub fn accept(&self, note: &Note) -> Result<Accepted, Distrust> {
        let checkpoint = Checkpoint::read(&note.text)?;
        let of_origin = |log: &&Log| log.key.name() == checkpoint.origin;
        if !self.logs.iter().any(|log| of_origin(&log)) {
            return Err(Distrust::UnknownLog(checkpoint.origin));
        }
        let mut signed = None;
        for (at, log) in self.logs.iter().enumerate().filter(|(_, log)| of_origin(log)) {
            match note.signers(std::slice::from_ref(&log.key)) {
                Ok(_) => signed = signed.or(Some(at)),
                Err(Unsigned::Unknown) => {}
                Err(wrong) => return Err(wrong.into()),
            }
        }
        let log = signed.ok_or(Unsigned::Unknown)?;
        let mut witnesses = Vec::new();
        for (at, witness) in self.witnesses.iter().enumerate() {
            match note.signers(std::slice::from_ref(&witness.key)) {
                Ok(_) => {
                    let times = note.signatures.iter().filter(|s| witness.key.made(s)).filter_map(|s| witness.key.time_of(s));
                    witnesses.push((at, times.max().unwrap_or(0)));
                }
                Err(Unsigned::Unknown) => {}
                Err(wrong) => return Err(wrong.into()),
            }
        }
        if !self.quorum.reached(&witnesses.iter().map(|(at, _)| *at).collect()) {
            return Err(Distrust::Quorum { seen: witnesses.len() });
        }
        Ok(Accepted { checkpoint, log, witnesses })
    }
}

/// A policy while it is read.
#[derive(Default)]
struct Reading {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    groups: usize,
    /// Witnesses and groups that no group has yet.
    free: BTreeMap<Vec<u8>, Quorum>,
    /// All names ever given.
    names: BTreeSet<Vec<u8>>,
    quorum: Option<Quorum>,
}

impl Reading {
    fn line(&mut self, line: &[u8]) -> Result<(), String> {
        if let Some(control) = line.iter().find(|b| **b == 0x7f || (**b < b' ' && **b != b'\t')) {
            return Err(format!("control character {control:#04x}"));
        }
        let words: Vec<&[u8]> = line.split(|b| matches!(b, b' ' | b'\t')).filter(|word| !word.is_empty()).collect();
        match &words[..] {
            [] => Ok(()),
            [first, ..] if first.starts_with(b"#") => Ok(()),
            [b"log", key, url @ ..] => self.log(key, url),
            [b"witness", name, key, url @ ..] => self.witness(name, key, url),
            [b"group", name, least, members @ ..] => self.group(name, least, members),
            [b"quorum", name] => self.set_quorum(name),
            [word, ..] => Err(format!("{} with {} words is no line of a policy", told(word), words.len())),
        }
    }

    fn log(&mut self, key: &[u8], url: &[&[u8]]) -> Result<(), String> {
        let key = verifier(key)?;
        if key.kind() != KeyKind::Note {
            return Err(format!("the key of {} is a witness's", key.name()));
        }
        if self.logs.iter().any(|log| log.key.public_key() == key.public_key()) {
            return Err(format!("the key of {} is listed already", key.name()));
        }
        room(self.logs.len(), "logs")?;
        self.logs.push(Log { key, url: one(url)? });
        Ok(())
    }

    fn witness(&mut self, name: &[u8], key: &[u8], url: &[&[u8]]) -> Result<(), String> {
        let key = verifier(key)?;
        if key.kind() != KeyKind::Cosignature {
            return Err(format!("the key of {} is no witness's", key.name()));
        }
        if self.witnesses.iter().any(|witness| witness.key.public_key() == key.public_key()) {
            return Err(format!("the key of {} is listed already", key.name()));
        }
        room(self.witnesses.len(), "witnesses")?;
        self.name(name, Quorum::Witness(self.witnesses.len()))?;
        self.witnesses.push(Witness { name: name.to_owned(), key, url: one(url)? });
        Ok(())
    }

    fn group(&mut self, name: &[u8], least: &[u8], names: &[&[u8]]) -> Result<(), String> {
        room(self.groups, "groups")?;
        self.groups += 1;
        let mut members = Vec::new();
        for member in names {
            members.push(self.free.remove(*member).ok_or_else(|| match self.names.contains(*member) {
                true => format!("{} is in a group already", told(member)),
                false => format!("{} is not defined above", told(member)),
            })?);
        }
        let least = match least {
            b"any" => Some(1),
            b"all" => Some(members.len()),
            number => std::str::from_utf8(number).ok().and_then(super::decimal).and_then(|n| usize::try_from(n).ok()),
        };
        match least.filter(|least| (1..=members.len()).contains(least)) {
            Some(least) => self.name(name, Quorum::Group { least, members }),
            None => Err(format!("a group of {} needs between 1 and {0} of them, or `any` or `all`", members.len())),
        }
    }

    fn set_quorum(&mut self, name: &[u8]) -> Result<(), String> {
        if self.quorum.is_some() {
            return Err("there is a quorum already".into());
        }
        let quorum = match name {
            b"none" => Quorum::None,
            name if self.names.contains(name) => self.free.get(name).cloned().ok_or_else(|| format!("{} is in a group", told(name)))?,
            name => return Err(format!("{} is not defined above", told(name))),
        };
        self.quorum = Some(quorum);
        Ok(())
    }

    fn name(&mut self, name: &[u8], what: Quorum) -> Result<(), String> {
        if name == b"none" || !self.names.insert(name.to_owned()) {
            return Err(format!("the name {} is taken", told(name)));
        }
        self.free.insert(name.to_owned(), what);
        Ok(())
    }
}

fn verifier(text: &[u8]) -> Result<Verifier, String> {
    let text = std::str::from_utf8(text).map_err(|_| "a key that is not UTF-8".to_owned())?;
    text.parse().map_err(|e: super::note::BadKey| e.to_string())
}

fn room(held: usize, what: &str) -> Result<(), String> {
    if held < MOST_ENTRIES { Ok(()) } else { Err(format!("more than {MOST_ENTRIES} {what}")) }
}

/// The URL at the end of a line.
fn one(url: &[&[u8]]) -> Result<Option<Vec<u8>>, String> {
    match url {
        [] => Ok(None),
        [url] => Ok(Some((*url).to_owned())),
        [_, more, ..] => Err(format!("{} is one word too many", told(more))),
    }
}

fn told(word: &[u8]) -> String {
    super::shown(&String::from_utf8_lossy(word))
}

#[cfg(test)]
mod tests {
    use super::super::tree::{EMPTY, Head};
    use super::super::{KeyKind, Signer};
    use super::*;

    fn signer(name: &str, kind: KeyKind, seed: u8) -> Signer {
        Signer::new(name, kind, &[seed; 32]).unwrap()
    }

    /// The example of the standard: two of X1 to X3, and one of Y1 to Y3.
    fn example() -> (Policy, Signer, Vec<Signer>) {
        let log = signer("log.example", KeyKind::Note, 1);
        let witnesses: Vec<Signer> = (0..6).map(|n| signer(&format!("w{n}.example"), KeyKind::Cosignature, 10 + n)).collect();
        let mut text = format!("log {}\n\n", log.verifier());
        for (name, witness) in ["X1", "X2", "X3", "Y1", "Y2", "Y3"].iter().zip(&witnesses) {
            text += &format!("  witness\t{name} {} https://w.example/\n", witness.verifier());
        }
        text += "# comment ü\ngroup X-witnesses 2 X1 X2 X3\ngroup Y-witnesses any Y1 Y2 Y3\ngroup X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n";
        (Policy::read(text.as_bytes()).unwrap(), log, witnesses)
    }

    #[test]
    fn the_quorum_of_the_standards_example_asks_for_two_of_one_group_and_one_of_the_other() {
        let (policy, log, witnesses) = example();
        for seen in 0_u32..64 {
            let mut note = Checkpoint::new("log.example", Head { size: 0, root: EMPTY }).sign(&log, 0);
            let who: Vec<usize> = (0..6).filter(|at| seen & (1 << at) != 0).collect();
            note.signatures.extend(who.iter().map(|at| witnesses[*at].sign(&note.text, 100 + *at as u64)));
            let enough = (seen & 0b111).count_ones() >= 2 && seen & 0b111_000 != 0;
            match policy.accept(&note) {
                Ok(accepted) => {
                    assert!(enough);
                    assert_eq!(accepted.witnesses, who.iter().map(|at| (*at, 100 + *at as u64)).collect::<Vec<_>>());
                }
                Err(error) => assert!(!enough && error == Distrust::Quorum { seen: who.len() }, "{error}"),
            }
        }
    }

    #[test]
    fn a_log_is_believed_under_its_own_name_only() {
        let (policy, log, _) = example();
        let other = Checkpoint::new("other.example", Head { size: 0, root: EMPTY }).sign(&log, 0);
        assert_eq!(policy.accept(&other), Err(Distrust::UnknownLog("other.example".into())));
        let stranger = signer("log.example", KeyKind::Note, 99);
        let forged = Checkpoint::new("log.example", Head { size: 0, root: EMPTY }).sign(&stranger, 0);
        assert_eq!(policy.accept(&forged), Err(Distrust::Unsigned(Unsigned::Unknown)));
    }

    #[test]
    fn a_wrong_cosignature_of_a_known_witness_spoils_the_checkpoint() {
        let (_, log, witnesses) = example();
        let text = format!("log {}\nwitness w {}\nquorum none\n", log.verifier(), witnesses[0].verifier());
        let policy = Policy::read(text.as_bytes()).unwrap();
        let mut note = Checkpoint::new("log.example", Head { size: 0, root: EMPTY }).sign(&log, 0);
        assert!(policy.accept(&note).is_ok());
        note.signatures.push(witnesses[0].sign("another text\n", 5));
        assert_eq!(policy.accept(&note), Err(Distrust::Unsigned(Unsigned::Wrong("w0.example".into()))));
    }

    #[test]
    fn what_is_no_policy_is_refused_with_its_line() {
        let log = signer("log.example", KeyKind::Note, 1);
        let (l, w) = (log.verifier().to_string(), signer("w.example", KeyKind::Cosignature, 2).verifier().to_string());
        let (same, v) = (
            signer("again.example", KeyKind::Note, 1).verifier().to_string(),
            signer("v.example", KeyKind::Cosignature, 3).verifier().to_string(),
        );
        for (text, line, says) in [
            (String::new(), 1, "no quorum"),
            ("quorum none\nquorum none\n".into(), 2, "already"),
            ("quorum x\n".into(), 1, "not defined"),
            ("quorum\n".into(), 1, "no line of a policy"),
            ("hello\n".into(), 1, "no line of a policy"),
            (format!("log {l} a b\n"), 1, "too many"),
            (format!("log {l}\nlog {same}\n"), 2, "already"),
            (format!("log {w}\n"), 1, "witness"),
            (format!("witness a {l}\n"), 1, "no witness"),
            (format!("witness none {w}\n"), 1, "taken"),
            (format!("witness a {w}\nwitness a {v}\n"), 2, "taken"),
            (format!("witness a {w}\ngroup g 2 a\n"), 2, "between"),
            (format!("witness a {w}\ngroup g 0 a\n"), 2, "between"),
            (format!("witness a {w}\ngroup g all a a\n"), 2, "already"),
            (format!("witness a {w}\ngroup g all a\nquorum a\n"), 3, "in a group"),
            ("group g all\n".into(), 1, "between"),
            ("group g all none\n".into(), 1, "not defined"),
            ("quorum none\r\n".into(), 1, "control"),
            ("log nonsense\n".into(), 1, "no key"),
        ] {
            let error = Policy::read(text.as_bytes()).expect_err(&text);
            assert!(error.line == line && error.what.contains(says), "{text}: {error}");
        }
        assert!(Policy::read(b"log \xff\n").is_err());
        assert!(Policy::read(format!("witness \u{212a} {w}\nquorum \u{212a}\n").as_bytes()).is_ok());
    }
}
