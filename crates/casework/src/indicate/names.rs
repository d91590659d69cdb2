//! Which lists hold exactly this text? One table for millions of texts, each kept once.
//!
//! The texts lie one after another; a text that stands in several lists has the number of a set of lists, and sets are few.

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use std::hash::BuildHasher;

/// Lists that hold one text, ascending. The lowest bit of a member says that it holds it as a host name, the rest is the list.
type Set = Box<[u32]>;

/// Texts and the lists that hold them.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    text: Vec<u8>,
    /// End of each text in `text`; it starts where the one before ends.
    ends: Vec<u32>,
    /// Number of the set of lists of each text.
    held_by: Vec<u32>,
    sets: Vec<Set>,
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

/// Makes [`Names`].
#[derive(Debug, Default)]
pub(super) struct NamesBuilder {
    names: Names,
    /// The set that is this set and one more.
    larger: HashMap<(u32, u32), u32>,
    numbers: HashMap<Set, u32>,
}

/// More text than can be addressed.
#[derive(Debug)]
pub(super) struct Full;

impl Names {
    /// The number of a text and the lists that hold it.
    pub(super) fn find(&self, text: &[u8]) -> Option<(u32, &[u32])> {
        let hash = self.hasher.hash_one(text);
        let number = *self.table.find(hash, |number| self.bytes(*number) == text)?;
        Some((number, &self.sets[self.held_by[number as usize] as usize]))
    }

    /// The text of a number that [`Self::find`] gave.
    pub(super) fn text(&self, number: u32) -> &str {
        std::str::from_utf8(self.bytes(number)).unwrap_or_default()
    }

    fn bytes(&self, number: u32) -> &[u8] {
        let at = number as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.text[start as usize..self.ends[at] as usize]
    }

    pub(super) fn size_bytes(&self) -> usize {
        let sets: usize = self.sets.iter().map(|set| size_of_val(&**set) + size_of::<Set>()).sum();
        self.text.capacity() + 4 * (self.ends.capacity() + self.held_by.capacity()) + self.table.allocation_size() + sets
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }
}

impl NamesBuilder {
    /// This list holds this text.
    pub(super) fn add(&mut self, text: &[u8], list: u32, hostname: bool) -> Result<(), Full> {
        let member = list << 1 | u32::from(hostname);
        let Names { table, hasher, .. } = &self.names;
        let hash = hasher.hash_one(text);
        if let Some(number) = table.find(hash, |number| self.names.bytes(*number) == text) {
            let number = *number as usize;
            self.names.held_by[number] = self.with(self.names.held_by[number], member);
            return Ok(());
        }
        let end = u32::try_from(self.names.text.len() + text.len()).map_err(|_| Full)?;
        let number = u32::try_from(self.names.ends.len()).map_err(|_| Full)?;
        let set = self.with(u32::MAX, member);
        let names = &mut self.names;
        names.text.extend(text);
        names.ends.push(end);
        names.held_by.push(set);
        let Names { table, hasher, ends, text, .. } = names;
        table.insert_unique(hash, number, |other| {
            let at = *other as usize;
            let start = if at == 0 { 0 } else { ends[at - 1] };
            hasher.hash_one(&text[start as usize..ends[at] as usize])
        });
        Ok(())
    }

    /// The number of the set that has `member` too; `u32::MAX` is the empty one.
    fn with(&mut self, set: u32, member: u32) -> u32 {
        if let Some(known) = self.larger.get(&(set, member)) {
            return *known;
        }
        let mut members: Vec<u32> = self.names.sets.get(set as usize).map(|set| set.to_vec()).unwrap_or_default();
        if let Err(at) = members.binary_search(&member) {
            members.insert(at, member);
        }
        let members = members.into_boxed_slice();
        let sets = &mut self.names.sets;
        let number = *self.numbers.entry(members).or_insert_with_key(|members| {
            sets.push(members.clone());
            sets.len() as u32 - 1
        });
        self.larger.insert((set, member), number);
        number
    }

    pub(super) fn finish(mut self) -> Names {
        self.names.text.shrink_to_fit();
        self.names.ends.shrink_to_fit();
        self.names.held_by.shrink_to_fit();
        self.names
    }
}
