//! What has this party been told, and did it help?
//!
//! One ledger per party, one entry per subject. The entry says when the subject was first and last told, when it was
//! last seen, and how far up the line it has gone. A subject that was told is told again only after the repeat time; still
//! seen when it should long be gone, it goes to the next in line.

use std::cmp::Ordering;

use hashbrown::HashMap;

use super::finding::SubjectKey;
use super::problem::Problem;
use super::rules::{Rule, Rules};

/// What is known of one subject. Times in seconds since 1970, UTC.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry {
    pub problem: Problem,
    pub first_told: i64,
    pub last_told: i64,
    pub last_seen: i64,
    /// How many in line after this party have been told.
    pub level: u8,
}

/// What is to be done about a subject that was seen.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Judgement {
    pub tell: Option<Why>,
    /// The one in line who is told now: 1 is the first after the party itself.
    pub escalate: Option<u8>,
}

/// Why a party is told of a subject.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Why {
    New,
    /// Told before; the repeat time has passed.
    Again,
}

/// All that one party was told.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Ledger(HashMap<SubjectKey, Entry>);

/// A kept ledger cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the ledger is damaged at entry {0}")]
pub struct Damaged(pub usize);

const VERSION: u8 = 1;
const ENTRY: usize = 16 + 1 + 1 + 3 * 4;

impl Ledger {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn entry(&self, key: SubjectKey) -> Option<Entry> {
        self.0.get(&key).copied()
    }

    /// What follows from a subject having been seen at `seen`; `line` is how many could be told after this party.
    pub fn judge(&mut self, key: SubjectKey, seen: i64, now: i64, rule: &Rule, line: u8) -> Judgement {
        let Some(entry) = self.0.get_mut(&key) else { return Judgement { tell: Some(Why::New), escalate: None } };
        if seen.saturating_sub(entry.last_seen) > rule.forget() {
            self.0.remove(&key);
            return Judgement { tell: Some(Why::New), escalate: None };
        }
        entry.last_seen = entry.last_seen.max(seen);
        // What was seen before it was told says nothing about whether telling helped.
        if seen <= entry.last_told {
            return Judgement::default();
        }
        let deadline = entry.first_told.saturating_add(rule.escalate.saturating_mul(i64::from(entry.level) + 1));
        let escalate = (entry.level < line && seen >= deadline && now >= deadline).then(|| {
            entry.level += 1;
            entry.level
        });
        let tell = (now.saturating_sub(entry.last_told) >= rule.repeat).then_some(Why::Again);
        Judgement { tell, escalate }
    }

    /// The party is told of a subject now.
    pub fn tell(&mut self, key: SubjectKey, problem: Problem, seen: i64, now: i64) {
        let entry = self.0.entry(key).or_insert(Entry { problem, first_told: now, last_told: now, last_seen: seen, level: 0 });
        entry.last_told = now;
        entry.last_seen = entry.last_seen.max(seen);
    }

    /// What a digest that became ready at `at` was to tell was not told after all. What was told before that, or since, stays told.
    pub fn untell(&mut self, key: SubjectKey, at: i64) {
        let Some(entry) = self.0.get_mut(&key) else { return };
        match (entry.first_told.cmp(&at), entry.last_told.cmp(&at)) {
            (Ordering::Equal, Ordering::Greater) => entry.first_told = entry.last_told,
            (Ordering::Equal, _) => drop(self.0.remove(&key)),
            // When it was told last but this is not kept: the first time stands for it, so that it is told again rather too early than never.
            (Ordering::Less, Ordering::Equal) => entry.last_told = entry.first_told,
            (Ordering::Less, _) | (Ordering::Greater, _) => {}
        }
    }

    /// As bytes, without what has been forgotten by `now`.
    pub fn write(&self, rules: &Rules, now: i64) -> Vec<u8> {
        let mut entries: Vec<_> =
            self.0.iter().filter(|(_, e)| now.saturating_sub(e.last_seen.max(e.last_told)) <= rules.of(e.problem).forget()).collect();
        entries.sort_unstable_by_key(|(key, _)| **key);
        let mut out = Vec::with_capacity(1 + entries.len() * ENTRY);
        out.push(VERSION);
        for (key, entry) in entries {
            out.extend(key.0);
            out.extend([entry.problem as u8, entry.level]);
            for time in [entry.first_told, entry.last_told, entry.last_seen] {
                out.extend(u32::try_from(time.max(0)).unwrap_or(u32::MAX).to_le_bytes());
            }
        }
        out
    }

    /// From the bytes that [`Ledger::write`] gave; no bytes are an empty ledger.
    ///
    /// # Errors
    /// Names the entry that cannot be read.
    pub fn read(bytes: &[u8]) -> Result<Self, Damaged> {
        let Some((&VERSION, rest)) = bytes.split_first() else {
            return if bytes.is_empty() { Ok(Self::default()) } else { Err(Damaged(0)) };
        };
        let (entries, left) = rest.as_chunks::<ENTRY>();
        if !left.is_empty() {
            return Err(Damaged(entries.len()));
        }
        let time = |entry: &[u8; ENTRY], at: usize| {
            let bytes = entry[at..at + 4].try_into().expect("four bytes of a longer entry");
            i64::from(u32::from_le_bytes(bytes))
        };
        let mut ledger = Self(HashMap::with_capacity(entries.len()));
        for (number, entry) in entries.iter().enumerate() {
            let problem = Problem::from_number(entry[16]).ok_or(Damaged(number))?;
            let key = entry[..16].try_into().expect("sixteen bytes of a longer entry");
            let read =
                Entry { problem, level: entry[17], first_told: time(entry, 18), last_told: time(entry, 22), last_seen: time(entry, 26) };
            ledger.0.insert(SubjectKey(key), read);
        }
        Ok(ledger)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 86_400;
    const KEY: SubjectKey = SubjectKey([7; 16]);

    fn rule() -> Rule {
        Rules::default().of(Problem::Compromised)
    }

    #[test]
    fn the_same_infection_is_told_weekly_not_daily() {
        let mut ledger = Ledger::default();
        let start = 20_000 * DAY;
        let mut told = Vec::new();
        for day in 0..14 {
            let now = start + day * DAY;
            if ledger.judge(KEY, now, now, &rule(), 0).tell.is_some() {
                ledger.tell(KEY, Problem::Compromised, now, now);
                told.push(day);
            }
        }
        assert_eq!(told, [0, 7]);
    }

    #[test]
    fn without_effect_the_next_in_line_is_told_and_then_the_one_after() {
        let mut ledger = Ledger::default();
        let start = 20_000 * DAY;
        ledger.tell(KEY, Problem::Compromised, start, start);
        let levels: Vec<_> =
            (1..=50).filter_map(|day| Some((day, ledger.judge(KEY, start + day * DAY, start + day * DAY, &rule(), 2).escalate?))).collect();
        assert_eq!(levels, [(14, 1), (28, 2)]);
    }

    #[test]
    fn a_late_report_of_an_old_sighting_escalates_nothing() {
        let mut ledger = Ledger::default();
        let start = 20_000 * DAY;
        ledger.tell(KEY, Problem::Compromised, start, start);
        assert_eq!(ledger.judge(KEY, start - DAY, start + 30 * DAY, &rule(), 2), Judgement::default());
    }

    #[test]
    fn what_was_not_told_after_all_takes_nothing_back_that_was_told() {
        let (start, problem) = (20_000 * DAY, Problem::Compromised);
        let mut ledger = Ledger::default();
        ledger.tell(KEY, problem, start, start);
        ledger.untell(KEY, start);
        assert!(ledger.is_empty(), "it was never told");

        // Told, and a week later not told again: it is due at the next sighting, and the way up the line counts from the first time.
        ledger.tell(KEY, problem, start, start);
        ledger.tell(KEY, problem, start + 7 * DAY, start + 7 * DAY);
        ledger.untell(KEY, start + 7 * DAY);
        let seen = start + 8 * DAY;
        assert_eq!(ledger.judge(KEY, seen, seen, &rule(), 0).tell, Some(Why::Again));
        assert_eq!(ledger.entry(KEY).map(|entry| (entry.first_told, entry.last_told)), Some((start, start)));

        // The first of two digests did not go out: the second one is the first that told.
        ledger.tell(KEY, problem, seen, seen);
        ledger.untell(KEY, start);
        assert_eq!(ledger.entry(KEY).map(|entry| (entry.first_told, entry.last_told)), Some((seen, seen)));
        ledger.untell(KEY, start + DAY);
        assert_eq!(ledger.len(), 1, "of another time");
    }

    #[test]
    fn what_comes_back_after_long_silence_is_new() {
        let mut ledger = Ledger::default();
        let start = 20_000 * DAY;
        ledger.tell(KEY, Problem::Compromised, start, start);
        let later = start + 100 * DAY;
        assert_eq!(ledger.judge(KEY, later, later, &rule(), 2), Judgement { tell: Some(Why::New), escalate: None });
        assert!(Ledger::read(&ledger.write(&Rules::default(), later)).unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn a_ledger_is_read_back_and_damage_never_panics(keys in prop::collection::vec((any::<[u8; 16]>(), 0..9u8, 1_000_000_000..2_000_000_000i64), 0..20), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut ledger = Ledger::default();
            for (key, problem, at) in keys {
                ledger.tell(SubjectKey(key), Problem::from_number(problem).unwrap(), at, at);
            }
            let mut bytes = ledger.write(&Rules::default(), 0);
            prop_assert_eq!(&Ledger::read(&bytes).unwrap(), &ledger);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = Ledger::read(&bytes);
            bytes.truncate(at);
            let _ = Ledger::read(&bytes);
        }
    }
}
