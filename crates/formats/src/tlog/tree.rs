//! The tree: its hashes (RFC 6962 §2.1), proofs that an entry is in it and that it only grew (RFC 9162 §2.1.3, §2.1.4),
//! and its growing edge.
//!
//! A proof is a list of hashes of ranges of leaves. [`inclusion`] and [`consistency`] say which ranges; [`tiles`] which tiles
//! hold them; [`Tiles`] computes them. So whoever stores tiles fetches first and proves then, without a callback.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use sha2::{Digest as _, Sha256};

use super::Hash;
use super::tile::{Level, Tile, WIDTH};

/// Root of the tree without leaves: the hash of nothing (RFC 6962 §2.1).
pub const EMPTY: Hash = Hash([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b,
    0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

/// Hash of an entry as a leaf.
pub fn leaf(entry: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([0]).chain_update(entry).finalize().into())
}

/// Hash of two neighbouring parts.
pub fn node(left: Hash, right: Hash) -> Hash {
    let mut both = [1; 65];
    both[1..33].copy_from_slice(&left.0);
    both[33..].copy_from_slice(&right.0);
    Hash(Sha256::digest(both).into())
}

/// Root of a tree of these leaves, by the definition. For small trees and for tests.
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => EMPTY,
        [one] => *one,
        many => {
            let (left, right) = many.split_at(split(many.len() as u64) as usize);
            node(root(left), root(right))
        }
    }
}

/// The largest power of two below `n`, which is at least 2.
fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// Why a proof proves nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unproven {
    #[error("there is no entry {index} in a tree of {size}")]
    Outside { index: u64, size: u64 },
    #[error("a tree of {new} cannot continue a tree of {old}")]
    Shrunk { old: u64, new: u64 },
    #[error("the empty tree proves nothing about later ones")]
    FromNothing,
    #[error("the proof has {given} hashes where {needed} are needed")]
    Length { given: usize, needed: usize },
    #[error("the hashes of the proof lead to another root")]
    Root,
    #[error("the hashes of the proof lead to another root of the earlier tree")]
    OldRoot,
}

/// Checks that `leaf` is number `index` in the tree of this size and root (RFC 9162 §2.1.3.2).
///
/// # Errors
/// [`Unproven`] when the proof does not show that.
pub fn verify_inclusion(index: u64, size: u64, leaf: Hash, proof: &[Hash], root: Hash) -> Result<(), Unproven> {
    if index >= size {
        return Err(Unproven::Outside { index, size });
    }
    let needed = inclusion(index, size).len();
    if proof.len() != needed {
        return Err(Unproven::Length { given: proof.len(), needed });
    }
    let (mut at, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in proof {
        if at % 2 == 1 || at == last {
            hash = node(*sibling, hash);
            while at.is_multiple_of(2) && at != 0 {
                at /= 2;
                last /= 2;
            }
        } else {
            hash = node(hash, *sibling);
        }
        at /= 2;
        last /= 2;
    }
    if hash == root { Ok(()) } else { Err(Unproven::Root) }
}

/// A tree as known: how large, and its root.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Head {
    pub size: u64,
    pub root: Hash,
}

/// Checks that the tree `new` begins with all leaves of the tree `old`, in the same order (RFC 9162 §2.1.4.2).
///
/// # Errors
/// [`Unproven`] when the proof does not show that; also when `old` is empty and `new` is not, since no proof is possible then.
pub fn verify_consistency(old: Head, new: Head, proof: &[Hash]) -> Result<(), Unproven> {
    if new.size < old.size {
        return Err(Unproven::Shrunk { old: old.size, new: new.size });
    }
    if old.size == 0 && new.size > 0 {
        return Err(Unproven::FromNothing);
    }
    let needed = consistency(old.size, new.size).len();
    if proof.len() != needed {
        return Err(Unproven::Length { given: proof.len(), needed });
    }
    if new.size == old.size {
        let possible = new.size > 0 || new.root == EMPTY;
        return if old.root == new.root && possible { Ok(()) } else { Err(Unproven::Root) };
    }
    let mut hashes = proof.iter().copied();
    let (mut at, mut last) = (old.size - 1, new.size - 1);
    while at % 2 == 1 {
        at /= 2;
        last /= 2;
    }
    // An earlier tree that is a whole part of the later one is not repeated in the proof.
    let first = if old.size.is_power_of_two() { old.root } else { hashes.next().ok_or(Unproven::Length { given: 0, needed })? };
    let (mut earlier, mut later) = (first, first);
    for hash in hashes {
        if at % 2 == 1 || at == last {
            earlier = node(hash, earlier);
            later = node(hash, later);
            while at.is_multiple_of(2) && at != 0 {
                at /= 2;
                last /= 2;
            }
        } else {
            later = node(later, hash);
        }
        at /= 2;
        last /= 2;
    }
    if earlier != old.root {
        return Err(Unproven::OldRoot);
    }
    if later == new.root { Ok(()) } else { Err(Unproven::Root) }
}

/// The parts whose hashes prove that leaf `index` is in a tree of `size`, from the leaf's sibling up (RFC 9162 §2.1.3.1).
/// Empty when there is no such leaf.
pub fn inclusion(index: u64, size: u64) -> Vec<Range<u64>> {
    let mut parts = Vec::new();
    let (mut from, mut to) = (0, size);
    while index < size && to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            parts.push(middle..to);
            to = middle;
        } else {
            parts.push(from..middle);
            from = middle;
        }
    }
    parts.reverse();
    parts
}

/// The parts whose hashes prove that a tree of `new` leaves continues one of `old` (RFC 9162 §2.1.4.1). Empty when both are
/// the same, or `old` is empty.
pub fn consistency(old: u64, new: u64) -> Vec<Range<u64>> {
    let mut parts = Vec::new();
    if old == 0 || old >= new {
        return parts;
    }
    let (mut from, mut to) = (0, new);
    while old != to {
        let middle = from + split(to - from);
        if old <= middle {
            parts.push(middle..to);
            to = middle;
        } else {
            parts.push(from..middle);
            from = middle;
        }
    }
    // The part of the earlier tree that is left; known to the verifier when it is the whole earlier tree.
    if from > 0 {
        parts.push(from..to);
    }
    parts.reverse();
    parts
}

/// A range of leaves as whole subtrees `(height, number)`, from left to right.
fn subtrees(part: &Range<u64>) -> impl Iterator<Item = (u32, u64)> {
    let mut at = part.start;
    let end = part.end;
    std::iter::from_fn(move || {
        let left = end.checked_sub(at).filter(|left| *left > 0)?;
        let height = left.ilog2().min(at.trailing_zeros());
        let number = at >> height;
        at += 1 << height;
        Some((height, number))
    })
}

/// The tiles that hold what is needed for these parts of a tree of `size`, as they were at that size.
pub fn tiles<'a>(parts: impl IntoIterator<Item = &'a Range<u64>>, size: u64) -> BTreeSet<Tile> {
    let place = |(height, number): (u32, u64)| Tile::at(height / 8, ((number << (height % 8)) / WIDTH, size));
    parts.into_iter().flat_map(subtrees).map(place).collect()
}

/// Tiles at hand, to compute hashes of parts from.
#[derive(Clone, Debug, Default)]
pub struct Tiles {
    hashes: BTreeMap<(u32, u64), Vec<Hash>>,
}

impl Tiles {
    /// Adds a tile; of several of the same place the widest stays.
    pub fn insert(&mut self, tile: Tile, hashes: Vec<Hash>) {
        if let Level::Hashes(level) = tile.level {
            let held = self.hashes.entry((u32::from(level), tile.number)).or_default();
            if hashes.len() > held.len() {
                *held = hashes;
            }
        }
    }

    /// Hash of a range of leaves as it occurs in proofs; `None` when a tile is missing or too narrow.
    pub fn hash(&self, part: &Range<u64>) -> Option<Hash> {
        let whole: Vec<Hash> = subtrees(part).map(|(height, number)| self.subtree(height, number)).collect::<Option<_>>()?;
        whole.into_iter().rev().reduce(|right, left| node(left, right))
    }

    /// Hashes of all parts.
    pub fn hashes(&self, parts: &[Range<u64>]) -> Option<Vec<Hash>> {
        parts.iter().map(|part| self.hash(part)).collect()
    }

    fn subtree(&self, height: u32, number: u64) -> Option<Hash> {
        let (level, inner) = (height / 8, height % 8);
        let first = number << inner;
        let held = self.hashes.get(&(level, first / WIDTH))?;
        let from = (first % WIDTH) as usize;
        held.get(from..from + (1 << inner)).map(root)
    }
}

/// The right edge of a tree: all that is needed to append to it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Edge {
    size: u64,
    /// The unfinished tile of each level, fewer than 256 hashes each.
    levels: Vec<Vec<Hash>>,
}

impl Edge {
    /// The tiles from which the edge of a tree of `size` is opened, lowest level first.
    pub fn tiles(size: u64) -> impl Iterator<Item = Tile> {
        (0..8).map_while(move |level| (size >> (8 * level) > 0).then(|| Tile::last(level, size))).flatten()
    }

    /// Opens the edge of a tree of `size` with those of its tiles that [`Self::tiles`] names; `None` when one is missing or has another width.
    pub fn open(size: u64, mut tile: impl FnMut(Tile) -> Option<Vec<Hash>>) -> Option<Self> {
        let mut levels = Vec::new();
        for wanted in Self::tiles(size) {
            let Level::Hashes(level) = wanted.level else { continue };
            levels.resize(usize::from(level), Vec::new());
            levels.push(tile(wanted).filter(|hashes| hashes.len() == usize::from(wanted.width))?);
        }
        Some(Self { size, levels })
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf; each tile that becomes full is handed over.
    ///
    /// ```
    /// use formats::tlog::tree::{Edge, leaf, node};
    /// let mut edge = Edge::default();
    /// edge.push(leaf(b"one"), &mut |_, _| ());
    /// edge.push(leaf(b"two"), &mut |_, _| ());
    /// assert_eq!(edge.root(), node(leaf(b"one"), leaf(b"two")));
    /// ```
    pub fn push(&mut self, leaf: Hash, full: &mut dyn FnMut(Tile, Vec<Hash>)) {
        let mut hash = leaf;
        for level in 0_u8.. {
            if self.levels.len() == usize::from(level) {
                self.levels.push(Vec::with_capacity(WIDTH as usize));
            }
            let unfinished = &mut self.levels[usize::from(level)];
            unfinished.push(hash);
            if unfinished.len() < WIDTH as usize {
                break;
            }
            hash = root(unfinished);
            let number = self.size >> (8 * (u32::from(level) + 1));
            full(Tile { level: Level::Hashes(level), number, width: 256 }, std::mem::take(unfinished));
        }
        self.size += 1;
    }

    /// The tiles that are not full, lowest level first.
    pub fn unfinished(&self) -> impl Iterator<Item = (Tile, &[Hash])> {
        let size = self.size;
        let tile = move |level: usize| Tile::last(level as u32, size);
        self.levels.iter().enumerate().filter_map(move |(level, hashes)| Some((tile(level)?, &hashes[..])))
    }

    /// Root of the whole tree.
    pub fn root(&self) -> Hash {
        let mut right: Option<Hash> = None;
        for hashes in &self.levels {
            // Whole subtrees of an unfinished tile, from the smallest, which lies rightmost.
            let mut end = hashes.len();
            while end > 0 {
                let width = 1 << end.trailing_zeros();
                let whole = root(&hashes[end - width..end]);
                right = Some(right.map_or(whole, |right| node(whole, right)));
                end -= width;
            }
        }
        right.unwrap_or(EMPTY)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn leaves(n: u64) -> Vec<Hash> {
        (0..n).map(|i| leaf(&i.to_be_bytes())).collect()
    }

    /// All tiles of a tree, full and unfinished, and its edge.
    fn grown(leaves: &[Hash]) -> (Edge, Tiles) {
        let (mut edge, mut tiles) = (Edge::default(), Tiles::default());
        for leaf in leaves {
            edge.push(*leaf, &mut |tile, hashes| tiles.insert(tile, hashes));
        }
        edge.unfinished().for_each(|(tile, hashes)| tiles.insert(tile, hashes.to_vec()));
        (edge, tiles)
    }

    #[test]
    fn the_tree_of_nothing_is_the_hash_of_nothing() {
        assert_eq!(EMPTY.0[..], Sha256::digest([])[..]);
        assert_eq!((root(&[]), Edge::default().root()), (EMPTY, EMPTY));
    }

    /// RFC 6962 §2.1.3: the example tree of seven leaves.
    #[test]
    fn the_example_of_rfc_6962_has_the_proofs_it_names() {
        let d = leaves(7);
        let [a, b, c] = [0, 1, 2].map(|i| d[i]);
        let (g, h, i, j) = (node(a, b), node(c, d[3]), node(d[4], d[5]), d[6]);
        let (k, l) = (node(g, h), node(i, j));
        let (_, tiles) = grown(&d);
        assert_eq!(root(&d), node(k, l));
        let proof = |parts: Vec<Range<u64>>| tiles.hashes(&parts).unwrap();
        assert_eq!(proof(inclusion(0, 7)), [b, h, l]);
        assert_eq!(proof(inclusion(3, 7)), [c, g, l]);
        assert_eq!(proof(inclusion(4, 7)), [d[5], j, k]);
        assert_eq!(proof(inclusion(6, 7)), [i, k]);
        assert_eq!(proof(consistency(3, 7)), [c, d[3], g, l]);
        assert_eq!(proof(consistency(4, 7)), [l]);
        assert_eq!(proof(consistency(6, 7)), [i, j, k]);
    }

    #[test]
    fn a_tree_of_256_has_one_full_tile_and_one_of_width_one_above() {
        let mut full = Vec::new();
        let mut edge = Edge::default();
        leaves(256).into_iter().for_each(|leaf| edge.push(leaf, &mut |tile, _| full.push(tile.path())));
        let unfinished: Vec<String> = edge.unfinished().map(|(tile, _)| tile.path()).collect();
        assert_eq!((full, unfinished), (vec!["tile/0/000".to_owned()], vec!["tile/1/000.p/1".to_owned()]));
    }

    #[test]
    fn every_entry_and_every_earlier_size_of_small_trees_is_proved_and_nothing_else() {
        for size in 1..24 {
            let leaves = leaves(size);
            let (edge, tiles) = grown(&leaves);
            let root_now = root(&leaves);
            assert_eq!(edge.root(), root_now);
            for index in 0..size {
                let proof = tiles.hashes(&inclusion(index, size)).unwrap();
                verify_inclusion(index, size, leaves[index as usize], &proof, root_now).unwrap();
                assert!(verify_inclusion((index + 1) % size, size, leaves[index as usize], &proof, root_now).is_err() || size == 1);
            }
            for old in 1..=size {
                let (old_head, new_head) = (Head { size: old, root: root(&leaves[..old as usize]) }, Head { size, root: root_now });
                let proof = tiles.hashes(&consistency(old, size)).unwrap();
                verify_consistency(old_head, new_head, &proof).unwrap();
                assert!(verify_consistency(Head { root: EMPTY, ..old_head }, new_head, &proof).is_err());
                assert!(verify_consistency(old_head, Head { root: EMPTY, ..new_head }, &proof).is_err());
            }
        }
    }

    #[test]
    fn numbers_at_the_end_of_the_range_are_answered_too() {
        let huge = (1 << 63) - 1;
        assert!(inclusion(huge - 1, huge).len() <= super::super::MOST_HASHES);
        assert!(consistency(huge - 1, huge).len() <= super::super::MOST_HASHES);
        assert_eq!(verify_inclusion(u64::MAX, u64::MAX, EMPTY, &[], EMPTY), Err(Unproven::Outside { index: u64::MAX, size: u64::MAX }));
        assert!(verify_inclusion(u64::MAX - 1, u64::MAX, EMPTY, &[EMPTY; 64], EMPTY).is_err());
        assert!(verify_consistency(Head { size: u64::MAX - 1, root: EMPTY }, Head { size: u64::MAX, root: EMPTY }, &[EMPTY; 64]).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn tiles_prove_every_entry_and_every_earlier_size(size in 1_u64..1200, a: prop::sample::Index, b: prop::sample::Index, flip in 0_usize..32) {
            let all = leaves(size);
            let (edge, tiles) = grown(&all);
            let new = Head { size, root: root(&all) };
            prop_assert_eq!(edge.root(), new.root);
            let index = a.index(all.len());
            let parts = inclusion(index as u64, size);
            let mut proof = tiles.hashes(&parts).unwrap();
            prop_assert!(verify_inclusion(index as u64, size, all[index], &proof, new.root).is_ok());
            if !proof.is_empty() {
                let at = flip % proof.len();
                proof[at].0[flip] ^= 1;
                prop_assert_eq!(verify_inclusion(index as u64, size, all[index], &proof, new.root), Err(Unproven::Root));
            }
            let old = b.index(all.len()) + 1;
            let head = Head { size: old as u64, root: root(&all[..old]) };
            let mut proof = tiles.hashes(&consistency(old as u64, size)).unwrap();
            prop_assert!(verify_consistency(head, new, &proof).is_ok());
            if !proof.is_empty() {
                let at = flip % proof.len();
                proof[at].0[flip] ^= 1;
                prop_assert!(verify_consistency(head, new, &proof).is_err());
            }
        }

        /// What is fetched by name is enough, and has the widths that the size implies.
        #[test]
        fn the_tiles_named_are_those_that_are_needed(size in 1_u64..1200, index: prop::sample::Index) {
            let all = leaves(size);
            let (_, everything) = grown(&all);
            let index = index.index(all.len()) as u64;
            let parts = inclusion(index, size);
            let mut fetched = Tiles::default();
            for tile in super::tiles(&parts, size) {
                let Level::Hashes(level) = tile.level else { unreachable!("only hashes are needed") };
                let hashes = everything.hashes[&(u32::from(level), tile.number)].clone();
                prop_assert_eq!(hashes.len(), usize::from(tile.width), "{}", tile.path());
                fetched.insert(tile, hashes);
            }
            prop_assert_eq!(fetched.hashes(&parts), everything.hashes(&parts));
        }

        #[test]
        fn an_edge_is_opened_from_its_tiles_and_grows_on(first in 0_u64..900, more in 1_u64..400) {
            let all = leaves(first + more);
            let (edge, tiles) = grown(&all[..first as usize]);
            let find = |tile: Tile| match tile.level {
                Level::Hashes(level) => tiles.hashes.get(&(u32::from(level), tile.number)).cloned(),
                Level::Entries => None,
            };
            let mut opened = Edge::open(first, find).unwrap();
            prop_assert_eq!((opened.size(), opened.root()), (edge.size(), edge.root()));
            all[first as usize..].iter().for_each(|leaf| opened.push(*leaf, &mut |_, _| ()));
            prop_assert_eq!(opened.root(), root(&all));
            prop_assert!(first == 0 || Edge::open(first, |_| None).is_none());
        }
    }
}
