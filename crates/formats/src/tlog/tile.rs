//! A tree as static files: tiles of 256 hashes, and bundles of 256 entries (C2SP tlog-tiles).

use super::Hash;

/// Hashes in a full tile, entries in a full bundle.
pub const WIDTH: u64 = 256;

/// A bundle of entries that is none.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("entry {entry}: {what}")]
pub struct BadBundle {
    /// Counted from 1, within the bundle.
    pub entry: usize,
    pub what: &'static str,
}

/// What a tile holds.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// The entries themselves.
    Entries,
    /// Hashes of subtrees of 256^level leaves; 0 to 63.
    Hashes(u8),
}

/// Name of a tile or bundle.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Tile {
    pub level: Level,
    /// From 0, within its level.
    pub number: u64,
    /// 1 to 256; less than 256 makes it a partial tile.
    pub width: u16,
}

impl Tile {
    /// Tile `number` of a level as it is in a tree of `size`, which reaches into it.
    pub(crate) fn at(level: u32, (number, size): (u64, u64)) -> Self {
        let held = size.checked_shr(8 * level).unwrap_or(0);
        let width = held.saturating_sub(number * WIDTH).min(WIDTH) as u16;
        Self { level: Level::Hashes(level as u8), number, width }
    }

    /// The partial tile at the end of a level, if there is one.
    pub(crate) fn last(level: u32, size: u64) -> Option<Self> {
        let held = size.checked_shr(8 * level).unwrap_or(0);
        let width = (held % WIDTH) as u16;
        (width > 0).then_some(Self { level: Level::Hashes(level as u8), number: held / WIDTH, width })
    }

    /// All tiles and bundles of a tree of `size`, full and partial.
    pub fn of(size: u64) -> impl Iterator<Item = Self> {
        let level = move |level: Level, held: u64| {
            let full = (0..held / WIDTH).map(move |number| Self { level, number, width: WIDTH as u16 });
            let rest = (held % WIDTH) as u16;
            full.chain((rest > 0).then_some(Self { level, number: held / WIDTH, width: rest }))
        };
        level(Level::Entries, size).chain((0..8).flat_map(move |at| level(Level::Hashes(at), size >> (8 * at))))
    }

    pub fn is_full(self) -> bool {
        u64::from(self.width) == WIDTH
    }

    /// Path below the prefix of the log.
    ///
    /// ```
    /// use formats::tlog::{Level, Tile};
    /// let tile = Tile { level: Level::Hashes(0), number: 1234067, width: 112 };
    /// assert_eq!(tile.path(), "tile/0/x001/x234/067.p/112");
    /// assert_eq!(Tile::read(&tile.path()), Some(tile));
    /// ```
    pub fn path(self) -> String {
        let level = match self.level {
            Level::Entries => "entries".to_owned(),
            Level::Hashes(level) => level.to_string(),
        };
        let mut number = format!("{:03}", self.number % 1000);
        let mut rest = self.number / 1000;
        while rest > 0 {
            number = format!("x{:03}/{number}", rest % 1000);
            rest /= 1000;
        }
        let partial = if self.is_full() { String::new() } else { format!(".p/{}", self.width) };
        format!("tile/{level}/{number}{partial}")
    }

    /// Reads a path written as [`Self::path`] writes it, and in no other way.
    pub fn read(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("tile/")?;
        let (level, rest) = rest.split_once('/')?;
        let level = match level {
            "entries" => Level::Entries,
            number => Level::Hashes(super::decimal(number).filter(|l| *l < 64)? as u8),
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, super::decimal(width).filter(|w| (1..WIDTH).contains(w))?),
            None => (rest, WIDTH),
        };
        let mut groups = number.split('/').rev();
        let (mut value, mut scale) = (group(groups.next()?)?, 1_u64);
        for text in groups {
            scale = scale.checked_mul(1000)?;
            value = value.checked_add(group(text.strip_prefix('x')?)?.checked_mul(scale)?)?;
        }
        let tile = Self { level, number: value, width: width as u16 };
        // Leading groups of zeros would name the same tile twice.
        (tile.number < 1 << 55 && tile.path() == path).then_some(tile)
    }
}

fn group(text: &str) -> Option<u64> {
    let plain = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

/// Bytes of a tile of hashes.
pub fn write_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// Reads a tile of hashes; `None` when it is empty, wider than 256, or ends within a hash.
pub fn read_hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    let whole = rest.is_empty() && (1..=WIDTH as usize).contains(&hashes.len());
    whole.then(|| hashes.iter().copied().map(Hash).collect())
}

/// Appends an entry to a bundle: its length as two bytes, then its bytes. `false`, and nothing appended, when it is longer than 65,535 bytes.
#[must_use]
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> bool {
    let Ok(length) = u16::try_from(entry.len()) else { return false };
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    true
}

/// Reads a bundle of entries.
///
/// # Errors
/// When an entry is cut off, or there are none or more than 256.
pub fn read_entries(bundle: &[u8]) -> Result<Vec<&[u8]>, BadBundle> {
    let mut entries = Vec::new();
    let mut rest = bundle;
    while !rest.is_empty() {
        let number = entries.len() + 1;
        if number > WIDTH as usize {
            return Err(BadBundle { entry: number, what: "a bundle has at most 256 entries" });
        }
        let entry = rest.split_first_chunk::<2>().and_then(|(length, after)| after.split_at_checked(u16::from_be_bytes(*length).into()));
        let Some((entry, after)) = entry else { return Err(BadBundle { entry: number, what: "the bundle ends within it" }) };
        entries.push(entry);
        rest = after;
    }
    if entries.is_empty() { Err(BadBundle { entry: 1, what: "the bundle is empty" }) } else { Ok(entries) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// C2SP tlog-tiles, "Partial Tiles": what a tree of 70,000 consists of.
    #[test]
    fn a_tree_of_70000_has_the_tiles_that_the_standard_counts() {
        let count = |level: Level| {
            let tiles: Vec<Tile> = Tile::of(70_000).filter(|tile| tile.level == level).collect();
            let partial: Vec<u16> = tiles.iter().filter(|tile| !tile.is_full()).map(|tile| tile.width).collect();
            (tiles.iter().filter(|tile| tile.is_full()).count(), partial)
        };
        assert_eq!(count(Level::Hashes(0)), (273, vec![112]));
        assert_eq!(count(Level::Hashes(1)), (1, vec![17]));
        assert_eq!(count(Level::Hashes(2)), (0, vec![1]));
        assert_eq!(count(Level::Hashes(3)), (0, vec![]));
        assert_eq!(count(Level::Entries), (273, vec![112]));
    }

    #[test]
    fn a_path_that_the_standard_does_not_know_names_no_tile() {
        for bad in [
            "",
            "tile",
            "tile/0",
            "tile/0/",
            "tile/64/000",
            "tile/00/000",
            "tile/-1/000",
            "tile/0/00",
            "tile/0/0000",
            "tile/0/x000/001",
            "tile/0/001/002",
            "tile/0/x01/002",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/",
            "tile/0/000.p/1/2",
            "tile/data/000",
            "/tile/0/000",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
            "tile/0/../../etc",
        ] {
            assert_eq!(Tile::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_bundle_that_is_cut_off_says_in_which_entry() {
        let mut bundle = Vec::new();
        assert!(push_entry(&mut bundle, b"one") && push_entry(&mut bundle, b"") && push_entry(&mut bundle, b"three"));
        assert_eq!(read_entries(&bundle).unwrap(), [&b"one"[..], b"", b"three"]);
        assert_eq!(read_entries(&bundle[..bundle.len() - 1]).unwrap_err().to_string(), "entry 3: the bundle ends within it");
        assert_eq!(read_entries(&[]).unwrap_err().entry, 1);
        assert_eq!(read_entries(&[0; 514]).unwrap_err().entry, 257);
        assert!(!push_entry(&mut bundle, &[0; 65_536]));
    }

    proptest! {
        #[test]
        fn a_name_is_read_back(level in prop_oneof![Just(Level::Entries), (0_u8..64).prop_map(Level::Hashes)], number in 0_u64..1 << 55, width in 1_u16..=256) {
            let tile = Tile { level, number, width };
            prop_assert_eq!(Tile::read(&tile.path()), Some(tile));
        }

        #[test]
        fn entries_are_read_back(entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..=256)) {
            let mut bundle = Vec::new();
            entries.iter().for_each(|entry| assert!(push_entry(&mut bundle, entry)));
            prop_assert_eq!(read_entries(&bundle).unwrap(), entries);
        }
    }
}
