//! Which of a hundred thousand patterns match this? Only those are asked whose literal stands in it.
//!
//! Each pattern is filed under literals of which one must occur (see `anchor`): equal values by hash, networks by their prefix,
//! texts by a short piece; and where no literal is necessary, under the path or the object type that is. For each known path of
//! an object its values are looked up. A pattern comes and goes without any other being touched.
//!
//! What is found by a hash is asked again in full, so the answer is that of asking every pattern.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashTable;

use super::anchor::{Chooser, PIECES, Place, bool_key, bytes_key, number_key, path_key, piece_key, prefix_key, text_key, type_key};
use super::compare::{Scalar, as_network, composed};
use super::network::Network;
use super::pattern::{ObjectPath, Pattern};
use super::program::{KnownPath, Observed, Program, Unevaluated, Unusable, Work};

/// The place of a pattern in an index; it is given again when the pattern has been removed.
pub type Slot = u32;

const NONE: u32 = u32::MAX;

/// Many patterns, to be asked at once.
#[derive(Debug, Default)]
pub struct Index {
    patterns: Vec<Option<Filed>>,
    free: Vec<Slot>,
    keys: HashTable<Chain>,
    links: Vec<Link>,
    free_links: Vec<u32>,
    paths: Vec<Option<PathEntry>>,
    free_paths: Vec<u32>,
    by_path: HashTable<u32>,
    by_type: BTreeMap<Box<str>, Vec<u32>>,
    /// Networks that ISSUPERSET asks for, by path, family and first address.
    supersets: BTreeMap<(u32, bool, u128), Vec<Slot>>,
    count: usize,
    broad: usize,
}

#[derive(Debug)]
struct Filed {
    program: Program,
    anchors: Box<[Anchored]>,
    broad: bool,
}

/// Boxed, because there is one for each pattern and hardly any is the second.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Anchored {
    Key(u64),
    Superset(Box<(u32, bool, u128)>),
}

/// The patterns found by one key, as a chain of links.
#[derive(Debug)]
struct Chain {
    key: u64,
    head: u32,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    slot: Slot,
    next: u32,
}

#[derive(Debug)]
struct PathEntry {
    path: Arc<KnownPath>,
    equal: bool,
    any: bool,
    superset: bool,
    pieces: [bool; 3],
    /// Lengths of prefixes, a bit for each.
    v4: u64,
    v6: [u128; 2],
}

/// What an index says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Found {
    /// In ascending order.
    pub matched: Vec<Slot>,
    /// Patterns that could not be answered.
    pub failed: Vec<(Slot, Unevaluated)>,
    /// How many patterns were asked.
    pub asked: usize,
}

/// What an index holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Statistics {
    pub patterns: usize,
    /// Found by a path or an object type only, because no literal must occur: asked whenever that is there.
    pub broad: usize,
    /// Distinct literals.
    pub keys: usize,
    pub paths: usize,
}

impl Index {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a pattern.
    ///
    /// ```
    /// use formats::stix_pattern::{Facts, Index, Pattern, Scalar};
    /// let mut index = Index::new();
    /// let pattern = |text: &str| Pattern::parse(text).unwrap();
    /// let c2 = index.add(&pattern("[url:value LIKE 'https://c2.example/%']")).unwrap();
    /// let other = index.add(&pattern("[domain-name:value = 'c2.example']")).unwrap();
    ///
    /// let value = index.path("url:value".parse().unwrap());
    /// let mut facts = Facts::new();
    /// facts.add(0, &value, Scalar::Text("https://c2.example/gate.php"));
    /// let found = index.matches(&[facts.clone()]);
    /// assert_eq!((found.matched, found.asked), (vec![c2], 1));
    /// index.remove(c2);
    /// assert_eq!((index.matches(&[facts]).matched, index.statistics().patterns), (vec![], 1));
    /// # let _ = other;
    /// ```
    ///
    /// # Errors
    /// As [`Program::new`].
    pub fn add(&mut self, pattern: &Pattern) -> Result<Slot, Unusable> {
        let program = Program::with_paths(pattern, &mut |path| self.enter(path));
        let program = match program {
            Ok(program) => program,
            Err(why) => {
                self.sweep(pattern.tests().iter().map(|test| &test.path));
                return Err(why);
            }
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.patterns.push(None);
            u32::try_from(self.patterns.len() - 1).unwrap_or(NONE)
        });
        let (_, chosen) = Chooser { shared: &|key| self.shared(key) }.cover(&program);
        let mut anchors = Vec::with_capacity(chosen.len());
        let mut broad = false;
        for anchor in chosen {
            broad |= matches!(anchor.place, Place::Path(_) | Place::Type);
            anchors.push(self.note(&anchor.place, anchor.key));
        }
        anchors.sort_unstable();
        anchors.dedup();
        for anchor in &anchors {
            match anchor {
                Anchored::Key(key) => self.link(*key, slot),
                Anchored::Superset(place) => self.supersets.entry(**place).or_default().push(slot),
            }
        }
        self.count += 1;
        self.broad += usize::from(broad);
        self.patterns[slot as usize] = Some(Filed { program, anchors: anchors.into(), broad });
        Ok(slot)
    }

    /// Removes a pattern; whether there was one.
    ///
    /// ```
    /// use formats::stix_pattern::{Index, Pattern};
    /// let mut index = Index::new();
    /// let slot = index.add(&Pattern::parse("[mutex:name = 'm']").unwrap()).unwrap();
    /// assert!(index.remove(slot) && !index.remove(slot));
    /// ```
    pub fn remove(&mut self, slot: Slot) -> bool {
        let Some(filed) = self.patterns.get_mut(slot as usize).and_then(Option::take) else { return false };
        for anchor in &filed.anchors {
            match anchor {
                Anchored::Key(key) => self.unlink(*key, slot),
                Anchored::Superset(place) => {
                    if let Some(slots) = self.supersets.get_mut(place) {
                        slots.retain(|other| *other != slot);
                        if slots.is_empty() {
                            self.supersets.remove(place);
                        }
                    }
                }
            }
        }
        self.count -= 1;
        self.broad -= usize::from(filed.broad);
        self.free.push(slot);
        let mut paths = Vec::new();
        filed.program.paths(&mut paths);
        let paths: Vec<ObjectPath> = paths.into_iter().map(|path| path.path().clone()).collect();
        drop(filed);
        self.sweep(paths.iter());
        true
    }

    /// The path as patterns here know it, for facts: fastest when asked again after patterns were added, right in any case.
    ///
    /// ```
    /// use formats::stix_pattern::Index;
    /// assert_eq!(Index::new().path("url:value".parse().unwrap()).path().to_string(), "url:value");
    /// ```
    pub fn path(&self, path: ObjectPath) -> Arc<KnownPath> {
        let path = KnownPath::new(path);
        self.find(&path).and_then(|at| self.paths[at as usize].as_ref()).map_or(path, |entry| Arc::clone(&entry.path))
    }

    /// The program in this slot.
    ///
    /// ```
    /// assert!(formats::stix_pattern::Index::new().program(0).is_none());
    /// ```
    pub fn program(&self, slot: Slot) -> Option<&Program> {
        self.patterns.get(slot as usize)?.as_ref().map(|filed| &filed.program)
    }

    /// What it holds.
    ///
    /// ```
    /// use formats::stix_pattern::{Index, Pattern};
    /// let mut index = Index::new();
    /// index.add(&Pattern::parse("[file:size > 1000]").unwrap()).unwrap();
    /// assert_eq!(index.statistics().broad, 1);
    /// ```
    pub fn statistics(&self) -> Statistics {
        let keys = self.keys.len() + self.supersets.len();
        Statistics { patterns: self.count, broad: self.broad, keys, paths: self.by_path.len() }
    }

    /// Which patterns these observations together meet.
    ///
    /// ```
    /// use formats::stix_pattern::{Index, Observation, Pattern};
    /// let mut index = Index::new();
    /// let slot = index.add(&Pattern::parse("[file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e' OR file:size = 0]").unwrap()).unwrap();
    /// let seen = serde_json::json!([{"type": "file", "size": 0}]);
    /// let observation = Observation::of_objects(seen.as_array().unwrap());
    /// assert_eq!(index.matches(&[observation]).matched, [slot]);
    /// ```
    pub fn matches<O: Observed>(&self, observations: &[O]) -> Found {
        let mut asked = Vec::new();
        for observation in observations {
            self.look_up(observation, &mut asked);
        }
        asked.sort_unstable();
        asked.dedup();
        let mut found = Found { asked: asked.len(), ..Found::default() };
        for slot in asked {
            let Some(program) = self.program(slot) else { continue };
            match program.matches(observations) {
                Ok(true) => found.matched.push(slot),
                Ok(false) => {}
                Err(why) => found.failed.push((slot, why)),
            }
        }
        found
    }

    fn look_up<O: Observed>(&self, observation: &O, hits: &mut Vec<Slot>) {
        for object in 0..observation.objects() {
            let object_type = observation.object_type(object);
            let Some(entries) = self.by_type.get(object_type) else { continue };
            self.hit(type_key(object_type), hits);
            for entry in entries {
                let Some(PathEntry { path, any, .. }) = &self.paths[*entry as usize] else { continue };
                let mut there = false;
                // Too many values for one question are too many here, and the pattern says so itself.
                let _ = observation.any(object, path, &Work::new(), &mut |value| {
                    if *any && !there {
                        self.hit(path_key(path), hits);
                    }
                    there = true;
                    self.look_up_value(*entry, value, hits);
                    Ok(false)
                });
            }
        }
    }

    fn look_up_value(&self, at: u32, value: &Scalar<'_>, hits: &mut Vec<Slot>) {
        let Some(entry) = &self.paths[at as usize] else { return };
        let path = &*entry.path;
        if entry.equal {
            match value {
                Scalar::Text(text) => self.hit(text_key(path, text), hits),
                Scalar::Bytes(bytes) => self.hit(bytes_key(path, bytes), hits),
                Scalar::Int(number) => self.hit(number_key(path, *number as f64), hits),
                Scalar::Float(number) => self.hit(number_key(path, *number), hits),
                Scalar::Bool(yes) => self.hit(bool_key(path, *yes), hits),
                Scalar::Other => {}
            }
        }
        if entry.pieces.contains(&true) {
            match value {
                Scalar::Text(text) => self.look_up_pieces(entry, composed(text).as_bytes(), hits),
                Scalar::Bytes(bytes) => {
                    self.look_up_pieces(entry, bytes, hits);
                    if let Ok(text) = std::str::from_utf8(bytes)
                        && !text.is_ascii()
                    {
                        self.look_up_pieces(entry, composed(text).as_bytes(), hits);
                    }
                }
                _ => {}
            }
        }
        if (entry.v4 != 0 || entry.v6 != [0; 2] || entry.superset)
            && let Some(network) = as_network(value)
        {
            for length in 0..=network.length {
                if entry.has_length(network.v6, length) {
                    self.hit(prefix_key(path, network.v6, network.bits, length), hits);
                }
            }
            if entry.superset {
                let range = (at, network.v6, network.bits)..=(at, network.v6, network.last());
                self.supersets.range(range).for_each(|(_, slots)| hits.extend(slots));
            }
        }
    }

    fn look_up_pieces(&self, entry: &PathEntry, text: &[u8], hits: &mut Vec<Slot>) {
        for (tier, length) in PIECES.into_iter().enumerate().filter(|(tier, _)| entry.pieces[*tier]) {
            for window in text.windows(length) {
                self.hit(piece_key(&entry.path, tier, window), hits);
            }
        }
    }

    fn hit(&self, key: u64, hits: &mut Vec<Slot>) {
        let mut at = self.keys.find(key, |chain| chain.key == key).map_or(NONE, |chain| chain.head);
        while let Some(link) = self.links.get(at as usize) {
            hits.push(link.slot);
            at = link.next;
        }
    }

    /// How many patterns are found by this key, counted to 64.
    fn shared(&self, key: u64) -> u64 {
        let mut at = self.keys.find(key, |chain| chain.key == key).map_or(NONE, |chain| chain.head);
        let mut count = 0;
        while let Some(link) = self.links.get(at as usize).filter(|_| count < 64) {
            count += 1;
            at = link.next;
        }
        count
    }

    fn link(&mut self, key: u64, slot: Slot) {
        let place = match self.free_links.pop() {
            Some(place) => place,
            None => {
                self.links.push(Link { slot, next: NONE });
                u32::try_from(self.links.len() - 1).unwrap_or(NONE)
            }
        };
        let chain = self.keys.entry(key, |chain| chain.key == key, |chain| chain.key).or_insert(Chain { key, head: NONE }).into_mut();
        self.links[place as usize] = Link { slot, next: chain.head };
        chain.head = place;
    }

    fn unlink(&mut self, key: u64, slot: Slot) {
        let Ok(mut chain) = self.keys.find_entry(key, |chain| chain.key == key) else { return };
        let (mut before, mut at) = (NONE, chain.get().head);
        while let Some(link) = self.links.get(at as usize).copied() {
            if link.slot == slot {
                match self.links.get_mut(before as usize) {
                    Some(earlier) => earlier.next = link.next,
                    None => chain.get_mut().head = link.next,
                }
                self.links[at as usize] = Link { slot: NONE, next: NONE };
                self.free_links.push(at);
                break;
            }
            (before, at) = (at, link.next);
        }
        if chain.get().head == NONE {
            chain.remove();
        }
    }

    fn find(&self, path: &KnownPath) -> Option<u32> {
        let same = |at: &u32| self.paths[*at as usize].as_ref().is_some_and(|entry| *entry.path == *path);
        self.by_path.find(path.hash(), same).copied()
    }

    /// The shared form of a path, which is known from now on.
    fn enter(&mut self, path: ObjectPath) -> Arc<KnownPath> {
        let path = KnownPath::new(path);
        if let Some(entry) = self.find(&path).and_then(|at| self.paths[at as usize].as_ref()) {
            return Arc::clone(&entry.path);
        }
        let entry = PathEntry { path: Arc::clone(&path), equal: false, any: false, superset: false, pieces: [false; 3], v4: 0, v6: [0; 2] };
        let at = match self.free_paths.pop() {
            Some(at) => {
                self.paths[at as usize] = Some(entry);
                at
            }
            None => {
                self.paths.push(Some(entry));
                u32::try_from(self.paths.len() - 1).unwrap_or(NONE)
            }
        };
        let paths = &self.paths;
        self.by_path.insert_unique(path.hash(), at, |at| paths[*at as usize].as_ref().map_or(0, |entry| entry.path.hash()));
        self.by_type.entry(path.path().object_type.as_str().into()).or_default().push(at);
        path
    }

    /// Forgets those of these paths that no pattern and nobody else has.
    fn sweep<'p>(&mut self, paths: impl Iterator<Item = &'p ObjectPath>) {
        for path in paths {
            let path = KnownPath::new(path.clone());
            let Some(at) = self.find(&path) else { continue };
            let unused = self.paths[at as usize].as_ref().is_some_and(|entry| Arc::strong_count(&entry.path) == 1);
            if !unused {
                continue;
            }
            if let Ok(entry) = self.by_path.find_entry(path.hash(), |other| *other == at) {
                entry.remove();
            }
            let object_type = path.path().object_type.as_str();
            if let Some(entries) = self.by_type.get_mut(object_type) {
                entries.retain(|other| *other != at);
                if entries.is_empty() {
                    self.by_type.remove(object_type);
                }
            }
            self.paths[at as usize] = None;
            self.free_paths.push(at);
        }
    }

    /// Remembers at the path what is to be looked up there.
    fn note(&mut self, place: &Place<'_>, key: u64) -> Anchored {
        let path = match place {
            Place::Type => return Anchored::Key(key),
            Place::Equal(path) | Place::Prefix(path, _) | Place::Superset(path, _) | Place::Piece(path, _) | Place::Path(path) => path,
        };
        let Some(at) = self.find(path) else { return Anchored::Key(key) };
        let Some(entry) = self.paths[at as usize].as_mut() else { return Anchored::Key(key) };
        match place {
            Place::Equal(_) => entry.equal = true,
            Place::Prefix(_, network) => entry.set_length(network),
            Place::Superset(_, network) => {
                entry.superset = true;
                return Anchored::Superset(Box::new((at, network.v6, network.bits)));
            }
            Place::Piece(_, tier) => entry.pieces[*tier] = true,
            Place::Path(_) => entry.any = true,
            Place::Type => {}
        }
        Anchored::Key(key)
    }
}

impl PathEntry {
    fn has_length(&self, v6: bool, length: u8) -> bool {
        if v6 { self.v6[usize::from(length >> 7)] >> (length & 127) & 1 == 1 } else { self.v4 >> (length & 63) & 1 == 1 }
    }

    fn set_length(&mut self, network: &Network) {
        if network.v6 {
            self.v6[usize::from(network.length >> 7)] |= 1 << (network.length & 127);
        } else {
            self.v4 |= 1 << (network.length & 63);
        }
    }
}
