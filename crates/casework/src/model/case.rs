//! What is known of an incident we work on, and how do we know that nobody changed the story?
//!
//! A case is what its history says: [`replay`] makes the case from its entries, and there is no other way to change it. Each entry
//! carries the hash of the one before, so none can be altered, moved or taken out unseen ([`verify`]).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::day::Day;

/// Hash of an entry: BLAKE3 over all that it says and the hash before it.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Link(pub [u8; 32]);

impl Link {
    /// What the first entry follows.
    pub const START: Self = Self([0; 32]);
}

impl std::fmt::Display for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// How a case ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Closing {
    /// The network showed it.
    Resolved,
    /// It was none.
    FalsePositive,
    /// Nothing more can be done.
    GivenUp,
    /// It goes on in another case.
    Merged,
}

impl Closing {
    pub const ALL: [Self; 4] = [Self::Resolved, Self::FalsePositive, Self::GivenUp, Self::Merged];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resolved => "resolved",
            Self::FalsePositive => "false-positive",
            Self::GivenUp => "given-up",
            Self::Merged => "merged",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|closing| closing.as_str() == text)
    }
}

/// What happened in a case. Written to history as JSON: fields may be added, none may change its meaning.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "did")]
pub enum Did {
    /// With the text of a [`crate::correlate::key::CaseKey`], unless a person opened it for something else.
    Opened {
        title: String,
        key: Option<String>,
    },
    /// Events were seen; the days as [`Day::number`], with the number of events that each has now.
    Seen {
        days: Vec<(i32, u64)>,
    },
    Assigned {
        to: Option<String>,
    },
    Due {
        #[serde(with = "moment")]
        at: Option<Timestamp>,
    },
    Noted {
        text: String,
    },
    TaskAdded {
        number: u32,
        title: String,
        assignee: Option<String>,
        #[serde(with = "moment")]
        due: Option<Timestamp>,
    },
    TaskDone {
        number: u32,
    },
    /// It was not done after all.
    TaskReopened {
        number: u32,
    },
    Joined {
        party: String,
        role: String,
    },
    Left {
        party: String,
    },
    /// Something happened to a takedown: the word of a [`crate::verify::takedown::Happening`], and how it stands then.
    Takedown {
        takedown: String,
        happening: String,
        state: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    Closed {
        closing: Closing,
        why: String,
        /// For one that a person merged: the case in which it goes on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        into: Option<String>,
    },
    Reopened {
        why: String,
    },
    /// Another case goes on in this one.
    Absorbed {
        case: String,
    },
    /// That case goes on by itself again.
    Parted {
        case: String,
    },
}

/// A time in history: RFC 3339 text, or null.
mod moment {
    use jiff::Timestamp;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(at: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
        at.map(|at| at.to_string()).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
        Option::<String>::deserialize(from)?.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}

/// One thing that happened, in its place in the chain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Counted from 1.
    pub number: u64,
    pub at: Timestamp,
    /// Who did it: a person, or the part of this program.
    pub by: String,
    /// JSON of a [`Did`], exactly as it was hashed.
    pub did: String,
    /// Of this entry.
    pub link: Link,
}

/// Why an entry cannot be written.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("history cannot be written: {0}")]
pub struct Unwritable(String);

impl Entry {
    /// The entry that follows `before` in the history of `case`.
    ///
    /// # Errors
    /// When `did` cannot be written as JSON.
    pub fn after(case: &str, before: Option<(u64, Link)>, at: Timestamp, by: &str, did: &Did) -> Result<Self, Unwritable> {
        let did = serde_json::to_string(did).map_err(|e| Unwritable(e.to_string()))?;
        let (number, previous) = before.map_or((1, Link::START), |(number, link)| (number + 1, link));
        // Kept to the microsecond: what is hashed is what can be read back.
        let at = Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at);
        let link = link(case, number, at, by, &did, previous);
        Ok(Self { number, at, by: by.to_owned(), did, link })
    }

    /// What it says; `None` when a newer program wrote it in words unknown here.
    pub fn did(&self) -> Option<Did> {
        serde_json::from_str(&self.did).ok()
    }
}

fn link(case: &str, number: u64, at: Timestamp, by: &str, did: &str, previous: Link) -> Link {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"musubi case history v1\0");
    hasher.update(&previous.0);
    hasher.update(&number.to_le_bytes());
    hasher.update(&at.as_microsecond().to_le_bytes());
    // Each with its length, so that no two different entries are hashed alike.
    for text in [case, by, did] {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    Link(*hasher.finalize().as_bytes())
}

/// How a history was found to be changed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Broken {
    #[error("entry {0} is missing or out of its place")]
    Place(u64),
    #[error("entry {0} is not what was written")]
    Content(u64),
    #[error("entries after {kept} are missing: the case knows of {written}")]
    Cut { kept: u64, written: u64 },
    #[error("the history ends otherwise than the case remembers")]
    End,
}

/// Checks a history from its first entry to the end that the case remembers.
///
/// # Errors
/// The first place where it differs from what was written.
pub fn verify(case: &str, entries: &[Entry], remembered: (u64, Link)) -> Result<(), Broken> {
    let mut previous = Link::START;
    for (expected, entry) in (1..).zip(entries) {
        if entry.number != expected {
            return Err(Broken::Place(expected));
        }
        if link(case, entry.number, entry.at, &entry.by, &entry.did, previous) != entry.link {
            return Err(Broken::Content(entry.number));
        }
        previous = entry.link;
    }
    let kept = entries.len() as u64;
    match remembered {
        (written, _) if kept < written => Err(Broken::Cut { kept, written }),
        (written, link) if kept > written || link != previous => Err(Broken::End),
        _ => Ok(()),
    }
}

/// A thing to be done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Task {
    pub number: u32,
    pub title: String,
    pub assignee: Option<String>,
    pub due: Option<Timestamp>,
    pub done_at: Option<Timestamp>,
}

/// A case as it stands.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Case {
    pub title: String,
    pub key: Option<String>,
    pub opened_at: Option<Timestamp>,
    pub assignee: Option<String>,
    pub due: Option<Timestamp>,
    pub tasks: Vec<Task>,
    /// Party → its part in it.
    pub participants: BTreeMap<String, String>,
    /// Takedown → how it stands.
    pub takedowns: BTreeMap<String, String>,
    /// Days with events, as [`Day::number`], and how many.
    pub days: BTreeMap<i32, u64>,
    pub closed: Option<(Timestamp, Closing)>,
    /// The case in which a person let it go on.
    pub merged_into: Option<String>,
    /// Cases that go on in this one.
    pub absorbed: BTreeSet<String>,
}

/// Where a case is on its way.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Stage {
    /// Nobody works on it.
    New,
    /// Somebody does.
    Working,
    /// Somebody outside was asked to end it.
    Waiting,
    Closed,
}

impl Stage {
    pub const ALL: [Self; 4] = [Self::New, Self::Working, Self::Waiting, Self::Closed];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Working => "working",
            Self::Waiting => "waiting",
            Self::Closed => "closed",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == text)
    }
}

impl Case {
    pub fn events(&self) -> u64 {
        self.days.values().sum()
    }

    pub fn first_day(&self) -> Option<Day> {
        self.days.first_key_value().map(|(day, _)| Day::from_number(*day))
    }

    pub fn last_day(&self) -> Option<Day> {
        self.days.last_key_value().map(|(day, _)| Day::from_number(*day))
    }

    pub fn open_tasks(&self) -> usize {
        self.tasks.iter().filter(|task| task.done_at.is_none()).count()
    }

    /// Takedowns that are not over.
    pub fn running(&self) -> impl Iterator<Item = &str> {
        self.takedowns.iter().filter(|(_, state)| !matches!(state.as_str(), "verified" | "withdrawn")).map(|(id, _)| id.as_str())
    }

    pub fn stage(&self) -> Stage {
        match (self.closed, self.running().next(), &self.assignee) {
            (Some(_), _, _) => Stage::Closed,
            (None, Some(_), _) => Stage::Waiting,
            (None, None, Some(_)) => Stage::Working,
            (None, None, None) => Stage::New,
        }
    }

    /// What it is after this happened.
    pub fn follow(&mut self, at: Timestamp, did: &Did) {
        match did {
            Did::Opened { title, key } => {
                (self.title, self.key, self.opened_at) = (title.clone(), key.clone(), Some(at));
            }
            Did::Seen { days } => self.days.extend(days.iter().copied()),
            Did::Assigned { to } => self.assignee.clone_from(to),
            Did::Due { at } => self.due = *at,
            Did::Noted { .. } => {}
            Did::TaskAdded { number, title, assignee, due } => {
                self.tasks.push(Task { number: *number, title: title.clone(), assignee: assignee.clone(), due: *due, done_at: None });
            }
            Did::TaskDone { number } => {
                self.tasks.iter_mut().filter(|task| task.number == *number).for_each(|task| task.done_at = Some(at));
            }
            Did::TaskReopened { number } => {
                self.tasks.iter_mut().filter(|task| task.number == *number).for_each(|task| task.done_at = None);
            }
            Did::Joined { party, role } => drop(self.participants.insert(party.clone(), role.clone())),
            Did::Left { party } => drop(self.participants.remove(party)),
            Did::Takedown { takedown, state, .. } => drop(self.takedowns.insert(takedown.clone(), state.clone())),
            Did::Closed { closing, into, .. } => {
                self.closed = Some((at, *closing));
                self.merged_into.clone_from(into);
            }
            Did::Reopened { .. } => (self.closed, self.merged_into) = (None, None),
            Did::Absorbed { case } => drop(self.absorbed.insert(case.clone())),
            Did::Parted { case } => drop(self.absorbed.remove(case)),
        }
    }
}

/// The case that a history tells of. Entries in words unknown here are passed over.
pub fn replay(entries: &[Entry]) -> Case {
    let mut case = Case::default();
    for entry in entries {
        if let Some(did) = entry.did() {
            case.follow(entry.at, &did);
        }
    }
    case
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn history(case: &str, did: &[Did]) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        for (n, did) in did.iter().enumerate() {
            let before = entries.last().map(|e| (e.number, e.link));
            entries.push(Entry::after(case, before, at(n as i64), "hana", did).unwrap());
        }
        entries
    }

    fn story() -> Vec<Did> {
        vec![
            Did::Opened { title: "camera".into(), key: None },
            Did::Seen { days: vec![(20_000, 3), (20_001, 1)] },
            Did::Assigned { to: Some("ken".into()) },
            Did::TaskAdded { number: 1, title: "ask the maker".into(), assignee: None, due: Some(at(99)) },
            Did::Joined { party: "isp.example".into(), role: "provider".into() },
            Did::TaskDone { number: 1 },
            Did::Noted { text: "改ざん\n\"quoted\"".into() },
            Did::Closed { closing: Closing::Resolved, why: "verified".into(), into: None },
        ]
    }

    fn end(entries: &[Entry]) -> (u64, Link) {
        entries.last().map_or((0, Link::START), |e| (e.number, e.link))
    }

    #[test]
    fn a_case_is_what_its_history_says() {
        let case = replay(&history("c1", &story()));
        assert_eq!((case.title.as_str(), case.assignee.as_deref(), case.events()), ("camera", Some("ken"), 4));
        assert_eq!((case.open_tasks(), case.participants.len(), case.closed), (0, 1, Some((at(7), Closing::Resolved))));
        assert_eq!(case.first_day().map(|d| d.to_string()), Some("2024-10-04".into()));
    }

    #[test]
    fn every_change_to_a_history_is_found() {
        let entries = history("c1", &story());
        let remembered = end(&entries);
        assert_eq!(verify("c1", &entries, remembered), Ok(()));
        assert_eq!(verify("c2", &entries, remembered), Err(Broken::Content(1)), "the history of another case");
        for n in 0..entries.len() {
            let mut changed = entries.clone();
            changed[n].by = "someone".into();
            assert_eq!(verify("c1", &changed, remembered), Err(Broken::Content(n as u64 + 1)));
            let mut later = entries.clone();
            later[n].at = at(1_000);
            assert_eq!(verify("c1", &later, remembered), Err(Broken::Content(n as u64 + 1)));
            let mut without = entries.clone();
            without.remove(n);
            assert!(verify("c1", &without, remembered).is_err());
            for m in n + 1..entries.len() {
                let mut swapped = entries.clone();
                swapped.swap(n, m);
                assert!(verify("c1", &swapped, remembered).is_err());
            }
            let mut doubled = entries.clone();
            doubled.insert(n, entries[n].clone());
            assert!(verify("c1", &doubled, remembered).is_err());
        }
        assert_eq!(verify("c1", &entries[..3], remembered), Err(Broken::Cut { kept: 3, written: 8 }));
        // Somebody who writes a whole new history has another end.
        let mut forged = story();
        forged[6] = Did::Noted { text: "nothing".into() };
        assert_eq!(verify("c1", &history("c1", &forged), remembered), Err(Broken::End));
    }

    #[test]
    fn words_of_a_newer_program_are_passed_over_and_still_verified() {
        let mut entries = history("c1", &story());
        let (number, previous) = end(&entries);
        let did = r#"{"did":"something-new","x":1}"#.to_owned();
        entries.push(Entry {
            number: number + 1,
            at: at(50),
            by: "x".into(),
            link: link("c1", number + 1, at(50), "x", &did, previous),
            did,
        });
        assert_eq!(verify("c1", &entries, end(&entries)), Ok(()));
        assert_eq!(replay(&entries), replay(&entries[..8]));
    }

    proptest! {
        #[test]
        fn one_bit_anywhere_in_what_was_said_is_found(entry in 0_usize..8, position in any::<prop::sample::Index>(), bit in 0_u8..7) {
            let entries = history("c1", &story());
            let mut changed = entries.clone();
            let mut bytes = changed[entry].did.clone().into_bytes();
            bytes[position.index(entries[entry].did.len())] ^= 1 << bit;
            if let Ok(text) = String::from_utf8(bytes) {
                changed[entry].did = text;
                prop_assert_eq!(verify("c1", &changed, end(&entries)), Err(Broken::Content(entry as u64 + 1)));
            }
        }
    }
}
