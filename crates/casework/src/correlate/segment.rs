//! Where are the places that a key leads to? A file of keys and places, sorted and small, of which a look-up reads one block.
//!
//! ```text
//! "MSBPOST1"
//! blocks:  varint of keys, then for each key, ascending:
//!            varint: its hash less that of the key before (of the first: the hash) | check, 2 bytes
//!            varint: 2 × places, + 1 when it is common | if common, varint: places kept
//!            varints: the first place kept, then each less the one before
//!          4 bytes of the BLAKE3 of these
//! index:   for each block: hash of its first key (8) | bytes of the block (4)
//! footer:  version (4) | common from (4) | blocks (8) | keys (8) | places (8) | BLAKE3 of index and the footer so far (32)
//! ```
//!
//! Numbers are little-endian. A place is a number that whoever writes gives a meaning. Of a common key, one with more places than the
//! writer was told, the greatest are kept and all are counted. The index is held in memory: 12 bytes for each 4 KiB.

use super::filing::Key;

const MAGIC: &[u8; 8] = b"MSBPOST1";
const VERSION: u32 = 1;
/// A block is closed when it is as long.
const BLOCK: usize = 4_096;
/// No block is longer: one key more than a block of 4 KiB, with as many places as are kept.
const LONGEST_BLOCK: usize = 2 << 20;
const FOOTER: usize = 32 + 32;
const ENTRY: usize = 12;
/// Places of a key kept at most, whatever a writer is told.
pub const MOST_KEPT: u32 = 100_000;
/// Places of a key kept unless said otherwise.
pub const USUALLY_KEPT: u32 = 1_000;

/// Bytes by their place; a file, or a slice.
pub trait ReadAt {
    type Error;

    /// Length of all.
    fn size(&self) -> u64;

    /// Exactly `length` bytes from `offset`.
    ///
    /// # Errors
    /// When they cannot be read; asked beyond its size, an implementation fails, too.
    fn read_at(&self, offset: u64, length: usize) -> Result<Vec<u8>, Self::Error>;
}

/// A slice has no such bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is nothing at byte {0}")]
pub struct Beyond(pub u64);

impl ReadAt for &[u8] {
    type Error = Beyond;

    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, offset: u64, length: usize) -> Result<Vec<u8>, Beyond> {
        let start = usize::try_from(offset).map_err(|_| Beyond(offset))?;
        let end = start.checked_add(length).ok_or(Beyond(offset))?;
        self.get(start..end).map(<[u8]>::to_vec).ok_or(Beyond(offset))
    }
}

/// Why a segment cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SegmentError<E> {
    #[error("not a segment of places")]
    NotASegment,
    #[error("a segment of version {0}, where {VERSION} can be read")]
    Version(u32),
    #[error("damaged: {what} at byte {at}")]
    Damaged { what: &'static str, at: u64 },
    #[error(transparent)]
    Read(E),
}

/// Why a segment cannot be written on.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WriteError {
    #[error("keys come in ascending order, each once")]
    Order,
    #[error("places come in ascending order, each once, at least one, and no fewer are counted than given")]
    Places,
}

/// The places of one key.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Places {
    /// All of them; of a common key the greatest.
    pub kept: Vec<u64>,
    pub count: u64,
}

impl Places {
    /// Too many to list.
    pub fn common(&self) -> bool {
        self.count > self.kept.len() as u64
    }

    /// Takes in those of another segment. Of what either has left out, it is taken that the other did not have it.
    pub fn join(&mut self, other: &Self, most: u32) {
        let listed = self.kept.len() as u64 + other.kept.len() as u64;
        self.kept.extend(&other.kept);
        self.kept.sort_unstable();
        self.kept.dedup();
        let twice = listed - self.kept.len() as u64;
        self.count = self.count.saturating_add(other.count).saturating_sub(twice);
        self.keep(most);
    }

    fn keep(&mut self, most: u32) {
        let over = self.kept.len().saturating_sub(most.clamp(1, MOST_KEPT) as usize);
        self.kept.drain(..over);
    }
}

/// Writes a segment into bytes that the caller takes away as they come.
#[derive(Debug)]
pub struct Writer {
    most: u32,
    /// Keys of the block under construction, without their number.
    block: Vec<u8>,
    in_block: u64,
    first: u64,
    last: Option<Key>,
    index: Vec<u8>,
    started: bool,
    keys: u64,
    places: u64,
}

impl Writer {
    /// Of a key with more places than `most`, the greatest are kept.
    pub fn new(most: u32) -> Self {
        let most = most.clamp(1, MOST_KEPT);
        Self { most, block: Vec::new(), in_block: 0, first: 0, last: None, index: Vec::new(), started: false, keys: 0, places: 0 }
    }

    /// Adds the next key; what is ready to be written is appended to `out`.
    ///
    /// # Errors
    /// When keys or places are not in order.
    pub fn push(&mut self, key: Key, places: &Places, out: &mut Vec<u8>) -> Result<(), WriteError> {
        if self.last.is_some_and(|last| last >= key) {
            return Err(WriteError::Order);
        }
        let kept = &places.kept[places.kept.len().saturating_sub(self.most as usize)..];
        if kept.is_empty() || !places.kept.is_sorted_by(|a, b| a < b) || places.count < places.kept.len() as u64 {
            return Err(WriteError::Places);
        }
        let before = if self.in_block == 0 {
            self.first = key.hash;
            0
        } else {
            self.last.map_or(0, |last| last.hash)
        };
        put(&mut self.block, key.hash - before);
        self.block.extend(key.check.to_le_bytes());
        let common = places.count > kept.len() as u64;
        // Twice as many as there can be would not fit.
        put(&mut self.block, places.count.min(u64::MAX >> 1) << 1 | u64::from(common));
        if common {
            put(&mut self.block, kept.len() as u64);
        }
        let mut before = 0;
        for place in kept {
            put(&mut self.block, place - before);
            before = *place;
        }
        (self.last, self.in_block, self.keys) = (Some(key), self.in_block + 1, self.keys + 1);
        self.places = self.places.saturating_add(places.count);
        if self.block.len() >= BLOCK {
            self.close(out);
        }
        Ok(())
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if !self.started {
            out.extend(MAGIC);
            self.started = true;
        }
        if self.in_block == 0 {
            return;
        }
        let start = out.len();
        put(out, self.in_block);
        out.append(&mut self.block);
        let check = blake3::hash(&out[start..]);
        out.extend(&check.as_bytes()[..4]);
        self.index.extend(self.first.to_le_bytes());
        self.index.extend(u32::try_from(out.len() - start).expect("a block is short").to_le_bytes());
        self.in_block = 0;
    }

    /// Writes the rest. A segment without keys is one, too.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        self.close(out);
        let start = out.len();
        let blocks = (self.index.len() / ENTRY) as u64;
        out.append(&mut self.index);
        out.extend(VERSION.to_le_bytes());
        out.extend(self.most.to_le_bytes());
        for number in [blocks, self.keys, self.places] {
            out.extend(number.to_le_bytes());
        }
        let check = blake3::hash(&out[start..]);
        out.extend(check.as_bytes());
    }
}

/// A segment of places in any order, for as many as fit in memory. The same place twice under one key is one.
///
/// ```
/// use casework::correlate::filing::{Key, asked_for, filed_under};
/// use casework::correlate::segment::{Segment, write};
/// use casework::model::observable::{Kind, Observable};
/// let seen = Observable::read(Kind::Domain, "www.evil.example").unwrap();
/// let bytes = write(filed_under(&seen).into_iter().map(|key| (key, 17)).collect(), 1_000);
/// let segment = Segment::open(&bytes[..]).unwrap();
/// assert_eq!(segment.look_up(asked_for(&seen)[0].1).unwrap().unwrap().kept, [17]);
/// ```
pub fn write(mut filed: Vec<(Key, u64)>, most: u32) -> Vec<u8> {
    filed.sort_unstable();
    filed.dedup();
    let (mut writer, mut out) = (Writer::new(most), Vec::new());
    for group in filed.chunk_by(|one, other| one.0 == other.0) {
        let mut places = Places { kept: group.iter().map(|(_, place)| *place).collect(), count: group.len() as u64 };
        places.keep(most);
        writer.push(group[0].0, &places, &mut out).expect("sorted, and none twice");
    }
    writer.finish(&mut out);
    out
}

/// A segment that is read.
#[derive(Clone, Debug)]
pub struct Segment<R> {
    from: R,
    /// First hash of each block.
    firsts: Vec<u64>,
    /// Where each block begins, and where the last ends.
    starts: Vec<u64>,
    pub keys: u64,
    pub places: u64,
    /// Of a key with more places than this, the greatest are kept.
    pub most: u32,
}

/// What reading from `R` gives.
type Got<T, R> = Result<T, SegmentError<<R as ReadAt>::Error>>;

impl<R: ReadAt> Segment<R> {
    /// Reads the footer and the index.
    ///
    /// # Errors
    /// When it is none, or damaged.
    pub fn open(from: R) -> Got<Self, R> {
        let size = from.size();
        let read = |offset, length| from.read_at(offset, length).map_err(SegmentError::Read);
        if size < (MAGIC.len() + FOOTER) as u64 || read(0, MAGIC.len())? != MAGIC {
            return Err(SegmentError::NotASegment);
        }
        let footer_at = size - FOOTER as u64;
        let footer = read(footer_at, FOOTER)?;
        let version = u32_at(&footer, 0);
        if version != VERSION {
            return Err(SegmentError::Version(version));
        }
        let (most, blocks, keys, places) = (u32_at(&footer, 4), u64_at(&footer, 8), u64_at(&footer, 16), u64_at(&footer, 24));
        let damaged = |what, at| SegmentError::Damaged { what, at };
        let index_bytes = blocks.checked_mul(ENTRY as u64).filter(|bytes| *bytes <= footer_at - MAGIC.len() as u64);
        let index_bytes = index_bytes.ok_or_else(|| damaged("the number of blocks", footer_at))?;
        let index_at = footer_at - index_bytes;
        let index = read(index_at, usize::try_from(index_bytes).map_err(|_| damaged("the number of blocks", footer_at))?)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&index).update(&footer[..32]);
        if hasher.finalize().as_bytes()[..] != footer[32..] {
            return Err(damaged("the index", index_at));
        }
        let (mut firsts, mut starts) = (Vec::with_capacity(index.len() / ENTRY), Vec::with_capacity(index.len() / ENTRY + 1));
        let mut start = MAGIC.len() as u64;
        for entry in index.chunks_exact(ENTRY) {
            firsts.push(u64_at(entry, 0));
            starts.push(start);
            start = start.saturating_add(u64::from(u32_at(entry, 8)));
        }
        starts.push(start);
        if start != index_at || !firsts.is_sorted() {
            return Err(damaged("the index", index_at));
        }
        Ok(Self { from, firsts, starts, keys, places, most })
    }

    /// The places of a key; `None` when it has none. Reads one block, seldom two.
    ///
    /// # Errors
    /// When a block cannot be read or is damaged.
    pub fn look_up(&self, key: Key) -> Got<Option<Places>, R> {
        // Keys of one hash may stand on both sides of a border between blocks.
        let upto = self.firsts.partition_point(|first| *first <= key.hash);
        for number in (0..upto).rev() {
            let mut block = self.block(number)?;
            while let Some((at, places)) = block.next::<R>(Some(key))? {
                if at == key {
                    return Ok(places);
                }
                if at > key {
                    break;
                }
            }
            if self.firsts[number] < key.hash {
                break;
            }
        }
        Ok(None)
    }

    /// All keys with their places, ascending.
    pub fn scan(&self) -> Scan<'_, R> {
        Scan { segment: self, next: 0, block: None, last: None }
    }

    /// Bytes of the whole.
    pub fn file_bytes(&self) -> u64 {
        self.from.size()
    }

    /// Bytes that the index holds in memory.
    pub fn size_bytes(&self) -> usize {
        8 * (self.firsts.capacity() + self.starts.capacity())
    }

    fn block(&self, number: usize) -> Got<Block, R> {
        let (start, end) = (self.starts[number], self.starts[number + 1]);
        let damaged = |what| SegmentError::Damaged { what, at: start };
        let length = usize::try_from(end - start)
            .ok()
            .filter(|length| (5..=LONGEST_BLOCK).contains(length))
            .ok_or_else(|| damaged("the length of a block"))?;
        let mut bytes = self.from.read_at(start, length).map_err(SegmentError::Read)?;
        let check = bytes.split_off(length - 4);
        if blake3::hash(&bytes).as_bytes()[..4] != check[..] {
            return Err(damaged("a block"));
        }
        let mut block = Block { bytes, at: 0, start, keys: 0, hash: 0 };
        block.keys = block.number().ok_or_else(|| damaged("a block"))?;
        Ok(block)
    }
}

/// A block that is read from its beginning.
#[derive(Clone, Debug)]
struct Block {
    bytes: Vec<u8>,
    at: usize,
    start: u64,
    keys: u64,
    hash: u64,
}

impl Block {
    /// The next key. Its places are only made when it is the one wanted, or all are.
    fn next<R: ReadAt>(&mut self, wanted: Option<Key>) -> Got<Option<(Key, Option<Places>)>, R> {
        if self.keys == 0 {
            return Ok(None);
        }
        self.keys -= 1;
        let at = self.start + self.at as u64;
        self.entry(wanted).map(Some).ok_or(SegmentError::Damaged { what: "a key", at })
    }

    fn entry(&mut self, wanted: Option<Key>) -> Option<(Key, Option<Places>)> {
        self.hash = self.hash.checked_add(self.number()?)?;
        let check = self.bytes.get(self.at..self.at + 2)?;
        let key = Key { hash: self.hash, check: u16::from_le_bytes([check[0], check[1]]) };
        self.at += 2;
        let count = self.number()?;
        let common = count & 1 == 1;
        let count = count >> 1;
        let kept = if common { self.number()? } else { count };
        if kept == 0 || kept > u64::from(MOST_KEPT) || kept > count || kept > (self.bytes.len() - self.at) as u64 {
            return None;
        }
        if wanted.is_some_and(|wanted| wanted != key) {
            for _ in 0..kept {
                self.number()?;
            }
            return Some((key, None));
        }
        let (mut places, mut place) = (Vec::with_capacity(kept as usize), 0_u64);
        for at in 0..kept {
            let step = self.number()?;
            if at > 0 && step == 0 {
                return None;
            }
            place = place.checked_add(step)?;
            places.push(place);
        }
        Some((key, Some(Places { kept: places, count })))
    }

    /// LEB128.
    fn number(&mut self) -> Option<u64> {
        let (mut number, mut shift) = (0_u64, 0);
        loop {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            if shift == 63 && byte > 1 {
                return None;
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
            shift += 7;
        }
    }
}

/// Goes through a segment once.
#[derive(Debug)]
pub struct Scan<'s, R> {
    segment: &'s Segment<R>,
    next: usize,
    block: Option<Block>,
    last: Option<Key>,
}

impl<R: ReadAt> Scan<'_, R> {
    /// The next key and its places.
    ///
    /// # Errors
    /// When a block cannot be read or is damaged.
    #[expect(clippy::should_implement_trait, reason = "an error ends it")]
    pub fn next(&mut self) -> Got<Option<(Key, Places)>, R> {
        loop {
            if let Some(block) = &mut self.block
                && let Some((key, Some(places))) = block.next::<R>(None)?
            {
                if self.last.is_some_and(|last| last >= key) {
                    return Err(SegmentError::Damaged { what: "the order of keys", at: block.start });
                }
                self.last = Some(key);
                return Ok(Some((key, places)));
            }
            if self.next >= self.segment.firsts.len() {
                return Ok(None);
            }
            self.block = Some(self.segment.block(self.next)?);
            self.next += 1;
        }
    }
}

/// Makes one segment of several; `sink` takes its bytes as they come.
///
/// # Errors
/// When one cannot be read.
pub fn merge<R: ReadAt>(segments: &[&Segment<R>], most: u32, mut sink: impl FnMut(&[u8])) -> Got<(), R> {
    let mut scans: Vec<Scan<'_, R>> = segments.iter().map(|segment| segment.scan()).collect();
    let mut heads = scans.iter_mut().map(Scan::next).collect::<Got<Vec<_>, R>>()?;
    let (mut writer, mut out) = (Writer::new(most), Vec::new());
    while let Some(key) = heads.iter().flatten().map(|(key, _)| *key).min() {
        let mut joined: Option<Places> = None;
        for (head, scan) in heads.iter_mut().zip(&mut scans) {
            if let Some((_, places)) = head.take_if(|(of, _)| *of == key) {
                match &mut joined {
                    Some(joined) => joined.join(&places, most),
                    None => joined = Some(places),
                }
                *head = scan.next()?;
            }
        }
        writer.push(key, &joined.unwrap_or_default(), &mut out).map_err(|_| SegmentError::Damaged { what: "the order of keys", at: 0 })?;
        if out.len() >= 1 << 20 {
            sink(&out);
            out.clear();
        }
    }
    writer.finish(&mut out);
    sink(&out);
    Ok(())
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|eight| eight.try_into().ok()).map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests;
