//! All that is remembered of one address, at once, whatever the number of segments.
//!
//! A segment is asked in steps, each only if the one before left a doubt: its range of addresses (in the register), one
//! block of its Bloom filter (32 bytes at a known place), the pages that may hold the address. What is counted is read
//! of every event found, whole rows only of those that are shown.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fs::File;
use std::net::IpAddr;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Mutex;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;

use crate::StoreError;
use crate::columns::{COLUMNS, ID, position};
use crate::home::Home;
use crate::pages::{Footer, GroupRows, Pages, encloses, read_at};
use crate::segment::{DAY, Segment};

/// Which address of an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    Source,
    Destination,
}

/// The columns whose values a look-up tells.
pub const COUNTED: [&str; 4] = ["type", "identifier", "malware", "feed"];

/// What is remembered of an address.
#[derive(Debug, Default)]
pub struct Sightings {
    /// Events that name it as source, destination or both.
    pub events: u64,
    /// Microseconds since 1970, UTC.
    pub first_seen: Option<i64>,
    pub last_seen: Option<i64>,
    /// Events of each day, by days since 1970, UTC.
    pub days: BTreeMap<i32, u64>,
    /// For each of the columns that are counted, how often its values occur.
    pub counts: Vec<BTreeMap<String, u64>>,
    /// The newest events, newest first, each a batch of one row; columns as in [`crate::columns::FILE_SCHEMA`].
    pub newest: Vec<RecordBatch>,
}

/// What is remembered of this address at either end, with the values of `counted` (columns of text), and so many of the newest events
/// whole.
///
/// # Errors
/// When a segment cannot be read.
pub fn by_ip(home: &Home, segments: &[Segment], ip: IpAddr, counted: &[&str], newest: usize) -> Result<Sightings, StoreError> {
    let text = ip.to_string();
    let doubts: Vec<Doubt> = segments.iter().rev().filter_map(|segment| Doubt::of(home, segment, &text)).collect();
    let found = side_by_side(&doubts, |doubt| doubt.resolve(&text, counted, newest))?;
    let mut sightings = Sightings::of(counted);
    let mut latest = Latest::new(newest);
    for (segment, found) in found.iter().enumerate() {
        sightings.add(&found.seen);
        found.latest.rows.iter().for_each(|Reverse(row)| latest.offer(Row { segment: Reverse(segment), ..*row }));
    }
    let mut chosen: Vec<Row> = latest.rows.into_iter().map(|Reverse(row)| row).collect();
    chosen.sort_unstable_by_key(|row| Reverse(*row));
    sightings.newest = whole(&doubts, &found, &chosen)?;
    Ok(sightings)
}

/// The chosen rows with all their columns, in the order they are given.
fn whole(segments: &[Doubt], found: &[Found], chosen: &[Row]) -> Result<Vec<RecordBatch>, StoreError> {
    let mut places: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
    for row in chosen {
        places.entry(row.segment.0).or_default().push((row.group.0, row.row.0));
    }
    let mut tasks: Vec<(usize, Vec<(usize, usize)>)> = places.into_iter().collect();
    tasks.iter_mut().for_each(|(_, rows)| rows.sort_unstable());
    let all: Vec<usize> = (0..COLUMNS.len()).collect();
    let read = side_by_side(&tasks, |(segment, rows)| {
        let mut wanted: Vec<GroupRows> = Vec::new();
        for &(group, row) in rows {
            match wanted.last_mut() {
                Some(last) if last.group == group => last.rows.push(row..row + 1),
                _ => wanted.push(GroupRows { group, rows: std::iter::once(row..row + 1).collect() }),
            }
        }
        match &found[*segment].footer {
            Some(footer) => Pages::open_again(&segments[*segment].path, footer)?.read(&all, &wanted).map(Some),
            None => Ok(None),
        }
    })?;
    let row = |row: &Row| {
        let at = tasks.binary_search_by_key(&row.segment.0, |task| task.0).ok()?;
        let within = tasks[at].1.binary_search(&(row.group.0, row.row.0)).ok()?;
        Some(read[at].as_ref()?.slice(within, 1))
    };
    Ok(chosen.iter().filter_map(row).collect())
}

/// A segment that may hold the address, and at which end.
struct Doubt {
    path: PathBuf,
    source: bool,
    destination: bool,
}

impl Doubt {
    fn of(home: &Home, segment: &Segment, ip: &str) -> Option<Self> {
        let path = home.resolve(&segment.path);
        // Segments are sorted by source, so only the source has a range.
        let in_range = segment.ip_min.as_deref().is_some_and(|min| min <= ip) && segment.ip_max.as_deref().is_some_and(|max| max >= ip);
        // A file that cannot be opened is in doubt: the reading that follows says what is wrong with it.
        let file = File::open(&path).ok();
        let may = |end| file.as_ref().is_none_or(|file| filter(segment, end).is_none_or(|filter| filter.may_hold(file, ip.as_bytes())));
        let (source, destination) = (in_range && may(End::Source), may(End::Destination));
        (source || destination).then_some(Self { path, source, destination })
    }

    fn resolve(&self, ip: &str, counted: &[&str], newest: usize) -> Result<Found, StoreError> {
        let pages = Pages::open(&self.path)?;
        let mut rows = Vec::new();
        for (end, name, asked) in [(End::Source, "source_ip", self.source), (End::Destination, "destination_ip", self.destination)] {
            let Some(column) = position(name).filter(|_| asked) else { continue };
            let among = match end {
                End::Source => pages.rows_around(column, ip, None)?,
                End::Destination => groups_with(&pages, column, ip),
            };
            rows = united(rows, pages.rows_with(column, ip, among)?);
        }
        let mut found = Found { seen: Sightings::of(counted), latest: Latest::new(newest), footer: None };
        if !rows.is_empty() {
            found.note(&pages, counted, &rows)?;
        }
        Ok(found)
    }
}

/// All rows of the groups whose own filter does not deny the text.
fn groups_with(pages: &Pages, column: usize, text: &str) -> Vec<GroupRows> {
    (0..pages.groups().len()).filter_map(|group| group_with(pages, group, column, text)).collect()
}

fn group_with(pages: &Pages, group: usize, column: usize, text: &str) -> Option<GroupRows> {
    let count = pages.groups()[group].num_rows().unsigned_abs() as usize;
    filter_admits(pages, group, column, text).then(|| GroupRows { group, rows: std::iter::once(0..count).collect() })
}

fn filter_admits(pages: &Pages, group: usize, column: usize, text: &str) -> bool {
    let chunk = pages.chunk(group, column);
    let filter = chunk.and_then(|c| Filter::at(c.bloom_filter_offset()?, i64::from(c.bloom_filter_length()?)));
    chunk.is_some() && filter.is_none_or(|filter| filter.may_hold(pages.file(), text.as_bytes()))
}

/// `false` when the smallest and the largest text of a column in a group, or its filter, show that none is this one.
pub(crate) fn group_may_hold(pages: &Pages, group: usize, column: usize, text: &str) -> bool {
    pages.chunk(group, column).is_some_and(|chunk| encloses(chunk, text)) && filter_admits(pages, group, column, text)
}

/// The rows of one group that name the address at either end.
pub(crate) fn rows_of(pages: &Pages, group: usize, ip: &str) -> Result<Vec<std::ops::Range<usize>>, StoreError> {
    let mut rows = Vec::new();
    for (name, from_index) in [("source_ip", true), ("destination_ip", false)] {
        let Some(column) = position(name) else { continue };
        let among = match from_index {
            true => pages.rows_around(column, ip, Some(group))?,
            false => group_with(pages, group, column, ip).into_iter().collect(),
        };
        rows = united(rows, pages.rows_with(column, ip, among)?);
    }
    Ok(rows.into_iter().flat_map(|group| group.rows).collect())
}

/// Rows that are in one or the other.
fn united(one: Vec<GroupRows>, other: Vec<GroupRows>) -> Vec<GroupRows> {
    if one.is_empty() || other.is_empty() {
        return if one.is_empty() { other } else { one };
    }
    let mut groups: BTreeMap<usize, Vec<std::ops::Range<usize>>> = BTreeMap::new();
    for group in one.into_iter().chain(other) {
        groups.entry(group.group).or_default().extend(group.rows);
    }
    let joined = |mut rows: Vec<std::ops::Range<usize>>| {
        rows.sort_unstable_by_key(|r| r.start);
        let mut joined: Vec<std::ops::Range<usize>> = Vec::new();
        for range in rows {
            match joined.last_mut() {
                Some(last) if last.end >= range.start => last.end = last.end.max(range.end),
                _ => joined.push(range),
            }
        }
        joined
    };
    groups.into_iter().map(|(group, rows)| GroupRows { group, rows: joined(rows) }).collect()
}

/// What one segment says of the address.
struct Found {
    seen: Sightings,
    latest: Latest,
    footer: Option<Footer>,
}

impl Found {
    /// Counts these rows. An address that is the destination of millions is read group by group.
    fn note(&mut self, pages: &Pages, counted: &[&str], rows: &[GroupRows]) -> Result<(), StoreError> {
        let columns: Vec<usize> = std::iter::once("time").chain(counted.iter().copied()).filter_map(position).collect();
        for group in rows {
            let read = pages.read(&columns, std::slice::from_ref(group))?;
            let times = read.column(0).as_primitive::<TimestampMicrosecondType>().values();
            for (time, row) in times.iter().zip(group.rows.iter().cloned().flatten()) {
                self.seen.first_seen = Some(self.seen.first_seen.map_or(*time, |first| first.min(*time)));
                self.seen.last_seen = Some(self.seen.last_seen.map_or(*time, |last| last.max(*time)));
                *self.seen.days.entry(i32::try_from(time.div_euclid(DAY)).unwrap_or_default()).or_default() += 1;
                self.latest.offer(Row { time: *time, segment: Reverse(0), group: Reverse(group.group), row: Reverse(row) });
            }
            self.seen.events += times.len() as u64;
            for (counts, values) in self.seen.counts.iter_mut().zip(&read.columns()[1..]) {
                for value in values.as_string::<i32>().iter().flatten() {
                    match counts.get_mut(value) {
                        Some(count) => *count += 1,
                        None => drop(counts.insert(value.to_owned(), 1)),
                    }
                }
            }
        }
        self.footer = Some(pages.footer());
        Ok(())
    }
}

impl Sightings {
    fn of(counted: &[&str]) -> Self {
        Self { counts: vec![BTreeMap::new(); counted.len()], ..Self::default() }
    }

    fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.first_seen = self.first_seen.into_iter().chain(other.first_seen).min();
        self.last_seen = self.last_seen.into_iter().chain(other.last_seen).max();
        for (day, count) in &other.days {
            *self.days.entry(*day).or_default() += count;
        }
        for (counts, more) in self.counts.iter_mut().zip(&other.counts) {
            for (value, count) in more {
                *counts.entry(value.clone()).or_default() += count;
            }
        }
    }
}

/// Where an event lies. The greater is the newer; of equally new ones, that of the newer segment, then the earlier row.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
struct Row {
    time: i64,
    segment: Reverse<usize>,
    group: Reverse<usize>,
    row: Reverse<usize>,
}

/// The newest of the rows offered.
struct Latest {
    most: usize,
    rows: BinaryHeap<Reverse<Row>>,
}

impl Latest {
    fn new(most: usize) -> Self {
        Self { most, rows: BinaryHeap::new() }
    }

    fn offer(&mut self, row: Row) {
        if self.rows.len() < self.most {
            self.rows.push(Reverse(row));
        } else if let Some(mut oldest) = self.rows.peek_mut()
            && oldest.0 < row
        {
            *oldest = Reverse(row);
        }
    }
}

/// Does something with each, on all cores; the answers come in the order of what was asked.
pub(crate) fn side_by_side<T: Sync, A: Send>(tasks: &[T], act: impl Fn(&T) -> Result<A, StoreError> + Sync) -> Result<Vec<A>, StoreError> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(tasks.len());
    if threads < 2 {
        return tasks.iter().map(act).collect();
    }
    let next = Mutex::new(tasks.iter().enumerate());
    let work = || {
        let mut done = Vec::new();
        while let Some((at, task)) = next.lock().ok().and_then(|mut next| next.next()) {
            done.push((at, act(task)));
        }
        done
    };
    let mut done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        for other in others {
            match other.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, answer)| answer).collect()
}

/// Where a Bloom filter lies in a file.
#[derive(Clone, Copy)]
struct Filter {
    offset: u64,
    length: u64,
}

/// The filter that the register knows of.
fn filter(segment: &Segment, end: End) -> Option<Filter> {
    match end {
        End::Source => Filter::at(segment.filter_offset?, segment.filter_length?),
        End::Destination => Filter::at(segment.destination_filter_offset?, segment.destination_filter_length?),
    }
}

/// `false` when the segment's filter shows that it does not hold the address; `true` when it may.
pub(crate) fn may_hold(home: &Home, segment: &Segment, ip: &str, end: End) -> bool {
    let Some(filter) = filter(segment, end) else { return true };
    // The reading that follows says what is wrong with the file.
    File::open(home.resolve(&segment.path)).map_or(true, |file| filter.may_hold(&file, ip.as_bytes()))
}

/// The groups of a segment that may hold an identity, for each whether it may; `None` when the file cannot be read, of which
/// the reading that follows tells.
pub(crate) fn groups_with_id(home: &Home, segment: &Segment, id: &[u8; 16]) -> Option<Vec<bool>> {
    let pages = Pages::open(&home.resolve(&segment.path)).ok()?;
    let mut may = vec![false; pages.groups().len()];
    groups_that_may_hold(&pages, id).for_each(|group| may[group] = true);
    Some(may)
}

/// The groups of an open segment that may hold an identity.
pub(crate) fn groups_that_may_hold(pages: &Pages, id: &[u8; 16]) -> impl Iterator<Item = usize> {
    (0..pages.groups().len()).filter(move |group| {
        let filter = pages.chunk(*group, ID).and_then(|c| Filter::at(c.bloom_filter_offset()?, i64::from(c.bloom_filter_length()?)));
        filter.is_none_or(|filter| filter.may_hold(pages.file(), id))
    })
}

impl Filter {
    fn at(offset: i64, length: i64) -> Option<Self> {
        // A header of a few bytes, then blocks of 32 bytes, a power of two of them (Parquet format, BloomFilter.md).
        (length >= 32).then(|| Self { offset: offset.unsigned_abs(), length: length.unsigned_abs() })
    }

    fn may_hold(self, file: &File, value: &[u8]) -> bool {
        let bitset = 1_u64 << self.length.ilog2();
        let hash = twox_hash::XxHash64::oneshot(0, value);
        let block = ((hash >> 32) * (bitset / 32)) >> 32;
        let mut words = [0_u8; 32];
        if read_at(file, &mut words, self.offset + (self.length - bitset) + block * 32).is_err() {
            return true;
        }
        const SALT: [u32; 8] = [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];
        words.chunks_exact(4).zip(SALT).all(|(word, salt)| {
            let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
            word & 1 << ((hash as u32).wrapping_mul(salt) >> 27) != 0
        })
    }
}
