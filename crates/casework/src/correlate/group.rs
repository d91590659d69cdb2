//! Which stretches of activity are one case?
//!
//! What is known of a key is how many events it had on which day. Knowledge from several evidence is joined by taking the
//! larger count for each day, so neither order nor repetition changes anything. Days that follow each other closely enough are
//! one stretch; each stretch is a case. Feed [`Grouper`] rows sorted by key and it holds one key at a time.

use std::collections::BTreeMap;

use crate::model::day::Day;

/// Days on which something was seen, and how often.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Activity {
    days: BTreeMap<Day, u64>,
}

impl Activity {
    /// On `day` there were at least so many events.
    pub fn note(&mut self, day: Day, events: u64) {
        let known = self.days.entry(day).or_default();
        *known = (*known).max(events);
    }

    /// What either knows.
    pub fn join(&mut self, other: &Self) {
        other.days.iter().for_each(|(day, events)| self.note(*day, *events));
    }

    pub fn days(&self) -> impl Iterator<Item = (Day, u64)> {
        self.days.iter().map(|(day, events)| (*day, *events))
    }

    pub fn is_empty(&self) -> bool {
        self.days.is_empty()
    }

    pub fn events(&self) -> u64 {
        self.days.values().sum()
    }

    /// First and last day.
    pub fn span(&self) -> Option<(Day, Day)> {
        Some((*self.days.first_key_value()?.0, *self.days.last_key_value()?.0))
    }

    /// Stretches in which no silence is longer than `window` days, oldest first.
    pub fn stretches(self, window: Window) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        let mut last = None;
        for (day, events) in self.days {
            if last.is_none_or(|last| day.since(last) > i32::from(window.0)) {
                found.push(Self::default());
            }
            if let Some(stretch) = found.last_mut() {
                stretch.days.insert(day, events);
            }
            last = Some(day);
        }
        found
    }
}

/// Longest silence inside one case, in days. An address may change hands, so it must not be for ever.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Window(pub u16);

impl Default for Window {
    fn default() -> Self {
        Self(30)
    }
}

/// All that is known of one key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Group {
    /// Text of a [`super::key::CaseKey`].
    pub key: String,
    pub activity: Activity,
}

/// Makes groups of rows sorted by key.
#[derive(Debug, Default)]
pub struct Grouper {
    open: Option<Group>,
}

impl Grouper {
    /// Takes one row; gives the group before it when that is complete.
    pub fn push(&mut self, key: &str, day: Day, events: u64) -> Option<Group> {
        let done = match &self.open {
            Some(open) if open.key != key => self.open.take(),
            _ => None,
        };
        let open = self.open.get_or_insert_with(|| Group { key: key.to_owned(), activity: Activity::default() });
        open.activity.note(day, events);
        done
    }

    /// The last group.
    pub fn finish(self) -> Option<Group> {
        self.open
    }
}

/// A case of this key that is already there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Known<C> {
    pub case: C,
    pub activity: Activity,
}

/// What is to be done so that each stretch is one case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change<C> {
    /// A stretch that no case holds.
    Open(Activity),
    /// A case holds more than was known; `first_new` is the earliest day not seen before or with more events.
    Extend { case: C, activity: Activity, first_new: Day },
    /// What filled the silence between two cases made them one: the older goes on.
    Merge { case: C, into: C },
}

/// What the new knowledge about a key changes. `known` are its cases, oldest first; that nothing changes is an empty answer.
pub fn changes<C: Clone>(known: &[Known<C>], new: &Activity, window: Window) -> Vec<Change<C>> {
    let mut all = new.clone();
    known.iter().for_each(|case| all.join(&case.activity));
    let mut changes = Vec::new();
    for stretch in all.stretches(window) {
        let Some((first, last)) = stretch.span() else { continue };
        let inside = |case: &&Known<C>| case.activity.span().is_some_and(|(from, _)| (first..=last).contains(&from));
        let mut holders = known.iter().filter(inside);
        let Some(oldest) = holders.next() else {
            changes.push(Change::Open(stretch));
            continue;
        };
        changes.extend(holders.map(|younger| Change::Merge { case: younger.case.clone(), into: oldest.case.clone() }));
        let before = &oldest.activity.days;
        let is_new = |(day, events): &(Day, u64)| before.get(day).is_none_or(|known| known < events);
        let first_new = stretch.days().find(is_new).map(|(day, _)| day);
        if let Some(first_new) = first_new {
            changes.push(Change::Extend { case: oldest.case.clone(), activity: stretch, first_new });
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn activity(days: &[(i32, u64)]) -> Activity {
        let mut activity = Activity::default();
        days.iter().for_each(|(day, events)| activity.note(Day::from_number(*day), *events));
        activity
    }

    /// Cases as a store would keep them.
    fn apply(cases: &mut Vec<Known<u32>>, next: &mut u32, new: &Activity, window: Window) -> usize {
        cases.sort_by_key(|case| case.activity.span());
        let changes = changes(cases, new, window);
        for change in &changes {
            match change {
                Change::Open(activity) => {
                    cases.push(Known { case: *next, activity: activity.clone() });
                    *next += 1;
                }
                Change::Extend { case, activity, .. } => {
                    cases.iter_mut().filter(|k| k.case == *case).for_each(|k| k.activity = activity.clone());
                }
                Change::Merge { case, .. } => cases.retain(|k| k.case != *case),
            }
        }
        changes.len()
    }

    fn stretches(cases: &[Known<u32>]) -> Vec<Activity> {
        let mut found: Vec<Activity> = cases.iter().map(|k| k.activity.clone()).collect();
        found.sort_by_key(Activity::span);
        found
    }

    #[test]
    fn a_long_silence_begins_a_new_case_and_late_evidence_may_join_two() {
        let window = Window(10);
        let (mut cases, mut next) = (Vec::new(), 0);
        apply(&mut cases, &mut next, &activity(&[(1, 2), (5, 1), (30, 1)]), window);
        assert_eq!(stretches(&cases).len(), 2);
        apply(&mut cases, &mut next, &activity(&[(14, 1), (22, 1)]), window);
        assert_eq!(stretches(&cases), [activity(&[(1, 2), (5, 1), (14, 1), (22, 1), (30, 1)])]);
        assert_eq!(cases[0].case, 0, "the older case goes on");
    }

    #[test]
    fn rows_sorted_by_key_become_one_group_each() {
        let mut grouper = Grouper::default();
        let day = Day::from_number;
        let rows = [("a", 1, 1), ("a", 2, 3), ("b", 1, 1)];
        let mut groups: Vec<Group> = rows.iter().filter_map(|(key, at, n)| grouper.push(key, day(*at), *n)).collect();
        groups.extend(grouper.finish());
        assert_eq!(
            groups,
            [Group { key: "a".into(), activity: activity(&[(1, 1), (2, 3)]) }, Group { key: "b".into(), activity: activity(&[(1, 1)]) },]
        );
    }

    fn some_activity() -> impl Strategy<Value = Activity> {
        proptest::collection::vec((0_i32..120, 1_u64..4), 0..12).prop_map(|days| activity(&days))
    }

    proptest! {
        #[test]
        fn the_order_of_arrival_does_not_matter(
            (parts, shuffled) in proptest::collection::vec(some_activity(), 1..7).prop_flat_map(|p| (Just(p.clone()), Just(p).prop_shuffle())),
            window in 1_u16..30,
        ) {
            let grouped = |parts: &[Activity]| {
                let (mut cases, mut next) = (Vec::new(), 0);
                parts.iter().for_each(|part| { apply(&mut cases, &mut next, part, Window(window)); });
                stretches(&cases)
            };
            let mut at_once = Activity::default();
            parts.iter().for_each(|part| at_once.join(part));
            prop_assert_eq!(grouped(&parts), grouped(&shuffled));
            prop_assert_eq!(grouped(&parts), at_once.stretches(Window(window)));
        }

        #[test]
        fn grouping_again_changes_nothing(parts in proptest::collection::vec(some_activity(), 1..7), window in 1_u16..30) {
            let (mut cases, mut next) = (Vec::new(), 0);
            for part in &parts {
                apply(&mut cases, &mut next, part, Window(window));
            }
            for part in &parts {
                prop_assert_eq!(apply(&mut cases, &mut next, part, Window(window)), 0);
            }
        }
    }
}
