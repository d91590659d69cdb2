//! Fewer, larger files: the segments of a day become one, the days of a past month become one, and what is older than
//! the retention time goes.
//!
//! Inputs are sorted, so merging is a walk along all of them with a few thousand rows of each in memory. The register
//! swaps old for new in one transaction; readers that began before keep the old files until [`crate::check::sweep`].

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fs::File;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use arrow::row::{OwnedRow, RowConverter, Rows, SortField};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use crate::StoreError;
use crate::columns::{FILE_SCHEMA, position};
use crate::count::{self, Counter};
use crate::home::Home;
use crate::segment::{MergeWriter, Segment, Span, day_of};

/// Rows above which a merged segment is not made larger.
const ROWS_PER_SEGMENT: i64 = 16 << 20;
/// Inputs merged at once: each holds a few thousand rows in memory.
const FAN_IN: usize = 16;
/// Days after its end at which a month is thought complete.
const SETTLED: i64 = 3 * crate::segment::DAY;

/// Segments to merge into one, and the level it gets.
#[derive(Debug)]
pub struct Merge {
    pub inputs: Vec<Segment>,
    pub level: i64,
}

/// What is worth merging at `now` (microseconds): nothing that a merge has left as it is already.
pub fn plan(segments: &[Segment], now: i64) -> Vec<Merge> {
    let mut groups: BTreeMap<(i64, String), Vec<Segment>> = BTreeMap::new();
    for segment in segments {
        let (first, last) = (day_of(segment.time_min), day_of(segment.time_max));
        let month_over = first[..7] == last[..7] && day_of(now - SETTLED)[..7] > last[..7];
        if month_over && segment.level <= 2 {
            groups.entry((2, first[..7].to_owned())).or_default().push(segment.clone());
        } else if first == last && segment.level <= 1 {
            groups.entry((1, first)).or_default().push(segment.clone());
        } else if first[..7] == last[..7] && segment.level == 0 {
            groups.entry((0, first[..7].to_owned())).or_default().push(segment.clone());
        }
    }
    let mut merges = Vec::new();
    for ((level, _), mut inputs) in groups {
        // Large ones that are full already stay; small ones first, so that each row is rewritten rarely.
        inputs.sort_by_key(|s| s.row_count);
        let mut chosen: Vec<Segment> = Vec::new();
        let mut rows = 0;
        for segment in inputs {
            if !chosen.is_empty() && (rows + segment.row_count > ROWS_PER_SEGMENT || chosen.len() == FAN_IN) {
                merges.push(Merge { inputs: std::mem::take(&mut chosen), level });
                rows = 0;
            }
            rows += segment.row_count;
            chosen.push(segment);
        }
        merges.push(Merge { inputs: chosen, level });
    }
    merges.retain(|m| m.inputs.len() > 1);
    merges
}

/// Writes the rows of `inputs` that `keep` accepts, in order, as new segments (none when no row is left). Counts for nothing until the
/// register swaps them.
///
/// # Errors
/// When a segment cannot be read or written.
pub fn merge(
    home: &Home,
    inputs: &[Segment],
    level: i64,
    now: i64,
    keep: &dyn Fn(&RecordBatch, usize) -> bool,
) -> Result<Vec<Segment>, StoreError> {
    rewrite(home, inputs, level, now, keep, &Ok)
}

/// A segment written anew, with the rows of one evidence under other terms: by their numbers before and after. Counts for nothing until the
/// register swaps them.
///
/// # Errors
/// When the segment cannot be read or written.
pub fn under_other_terms(
    home: &Home,
    segment: &Segment,
    evidence: &str,
    becomes: &BTreeMap<i64, i64>,
    now: i64,
) -> Result<Vec<Segment>, StoreError> {
    let (of, terms) = (position("evidence").unwrap_or_default(), position("terms").unwrap_or_default());
    let change = |rows: RecordBatch| {
        let of = rows.column(of).as_string::<i32>();
        let numbers = rows.column(terms).as_primitive::<Int64Type>().values();
        let other = numbers.iter().enumerate().map(|(at, number)| match of.value(at) == evidence {
            true => becomes.get(number).copied().unwrap_or(*number),
            false => *number,
        });
        let mut columns = rows.columns().to_vec();
        columns[terms] = Arc::new(Int64Array::from_iter_values(other));
        Ok(RecordBatch::try_new(rows.schema(), columns)?)
    };
    rewrite(home, std::slice::from_ref(segment), segment.level, now, &|_, _| true, &change)
}

/// What is done to rows on the way: their order and number stay.
type Change<'a> = &'a dyn Fn(RecordBatch) -> Result<RecordBatch, StoreError>;

fn rewrite(
    home: &Home,
    inputs: &[Segment],
    level: i64,
    now: i64,
    keep: &dyn Fn(&RecordBatch, usize) -> bool,
    change: Change<'_>,
) -> Result<Vec<Segment>, StoreError> {
    const BATCH: usize = 2048;
    let mut converter = RowConverter::new(sort_columns().map(|at| SortField::new(FILE_SCHEMA.field(at).data_type().clone())).collect())?;
    let mut inputs: Vec<Input> = inputs.iter().map(|s| Input::open(home, s, BATCH)).collect::<Result<_, _>>()?;
    let mut heap: BinaryHeap<Reverse<(OwnedRow, usize)>> = BinaryHeap::new();
    for (at, input) in inputs.iter_mut().enumerate() {
        if let Some(key) = input.next(&mut converter)? {
            heap.push(Reverse((key, at)));
        }
    }
    let rows: i64 = inputs.iter().map(|i| i.rows).sum();
    let mut writer: Option<MergeWriter<'_>> = None;
    let mut seen = Seen::default();
    let mut held: Vec<RecordBatch> = Vec::new();
    let mut picks: Vec<(usize, usize)> = Vec::new();
    let mut place: Vec<Option<usize>> = vec![None; inputs.len()];
    while let Some(Reverse((_, at))) = heap.pop() {
        let input = &mut inputs[at];
        if keep(&input.batch, input.at) {
            let held_at = *place[at].get_or_insert_with(|| {
                held.push(input.batch.clone());
                held.len() - 1
            });
            picks.push((held_at, input.at));
        }
        let before = input.generation;
        if let Some(key) = input.next(&mut converter)? {
            heap.push(Reverse((key, at)));
        }
        if inputs[at].generation != before {
            place[at] = None;
        }
        if picks.len() == BATCH || (heap.is_empty() && !picks.is_empty()) {
            let batches: Vec<&RecordBatch> = held.iter().collect();
            let merged = change(interleave_record_batch(&batches, &picks)?)?;
            seen.note(&merged)?;
            if writer.is_none() {
                writer = Some(MergeWriter::start(home, rows.unsigned_abs() as usize)?);
            }
            if let Some(writer) = &mut writer {
                writer.write(&merged)?;
            }
            held.clear();
            picks.clear();
            place.iter_mut().for_each(|p| *p = None);
        }
    }
    match writer {
        Some(writer) => Ok(vec![writer.finish(seen.span()?, level, now)?]),
        None => Ok(Vec::new()),
    }
}

/// The order of a segment; see [`crate::batch::EventBatch`].
fn sort_columns() -> impl Iterator<Item = usize> {
    ["source_ip", "source_fqdn", "source_url", "time", "id"].into_iter().filter_map(position)
}

struct Input {
    reader: ParquetRecordBatchReader,
    batch: RecordBatch,
    keys: Option<Rows>,
    at: usize,
    /// Changes when `batch` does.
    generation: u64,
    started: bool,
    rows: i64,
}

impl Input {
    fn open(home: &Home, segment: &Segment, batch: usize) -> Result<Self, StoreError> {
        let path = home.resolve(&segment.path);
        let file = File::open(&path).map_err(StoreError::file(&path))?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(StoreError::parquet(&path))?;
        let reader = builder.with_batch_size(batch).build().map_err(StoreError::parquet(&path))?;
        let empty = RecordBatch::new_empty(FILE_SCHEMA.clone());
        Ok(Self { reader, batch: empty, keys: None, at: 0, generation: 0, started: false, rows: segment.row_count })
    }

    /// Steps to the next row and gives its key.
    fn next(&mut self, converter: &mut RowConverter) -> Result<Option<OwnedRow>, StoreError> {
        if self.started {
            self.at += 1;
        }
        self.started = true;
        while self.at >= self.batch.num_rows() {
            let Some(batch) = self.reader.next() else { return Ok(None) };
            self.batch = batch?;
            self.at = 0;
            self.generation += 1;
            let columns: Vec<ArrayRef> = sort_columns().map(|at| self.batch.column(at).clone()).collect();
            self.keys = Some(converter.convert_columns(&columns)?);
        }
        Ok(self.keys.as_ref().map(|keys| keys.row(self.at).owned()))
    }
}

/// The span of what was written.
#[derive(Default)]
struct Seen {
    time: Option<(i64, i64)>,
    ip_min: Option<String>,
    ip_max: Option<String>,
    rows: usize,
    counter: Counter,
}

impl Seen {
    fn note(&mut self, rows: &RecordBatch) -> Result<(), StoreError> {
        self.rows += rows.num_rows();
        self.counter.add_rows(rows)?;
        if let Some(at) = position("time") {
            for time in rows.column(at).as_primitive::<TimestampMicrosecondType>().values() {
                let (low, high) = self.time.unwrap_or((*time, *time));
                self.time = Some((low.min(*time), high.max(*time)));
            }
        }
        if let Some(at) = position("source_ip") {
            // Sorted: the first that is there is the smallest, the last the largest.
            let ips = rows.column(at).as_string::<i32>();
            let present = |n: &usize| ips.is_valid(*n);
            if let Some(last) = (0..ips.len()).rev().find(present) {
                self.ip_max = Some(ips.value(last).to_owned());
            }
            if self.ip_min.is_none() {
                self.ip_min = (0..ips.len()).find(present).map(|n| ips.value(n).to_owned());
            }
        }
        Ok(())
    }

    fn span(self) -> Result<Span, StoreError> {
        let (time_min, time_max) = self.time.unwrap_or_default();
        let figures = self.counter.finish()?;
        Ok(Span { time_min, time_max, ip_min: self.ip_min, ip_max: self.ip_max, rows: self.rows, figures })
    }
}

/// Whether a segment holds events of this evidence.
///
/// # Errors
/// When the segment cannot be read.
pub fn holds(home: &Home, segment: &Segment, evidence: &str) -> Result<bool, StoreError> {
    let path = home.resolve(&segment.path);
    let file = File::open(&path).map_err(StoreError::file(&path))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(StoreError::parquet(&path))?;
    let column = ProjectionMask::roots(builder.parquet_schema(), position("evidence"));
    let reader = builder.with_projection(column).with_batch_size(8192).build().map_err(StoreError::parquet(&path))?;
    for rows in reader {
        if rows?.column(0).as_string::<i32>().iter().any(|e| e == Some(evidence)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What a segment holds, counted again from its file: for those that were written before this was kept.
///
/// # Errors
/// When the segment cannot be read.
pub fn recount(home: &Home, segment: &Segment) -> Result<Vec<u8>, StoreError> {
    let path = home.resolve(&segment.path);
    let file = File::open(&path).map_err(StoreError::file(&path))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(StoreError::parquet(&path))?;
    let columns = ProjectionMask::roots(builder.parquet_schema(), count::columns());
    let reader = builder.with_projection(columns).with_batch_size(8192).build().map_err(StoreError::parquet(&path))?;
    let mut counter = Counter::default();
    for rows in reader {
        counter.add_rows(&rows?)?;
    }
    counter.finish()
}

/// For [`merge`]: rows at or after a time (microseconds).
pub fn not_before(cutoff: i64) -> impl Fn(&RecordBatch, usize) -> bool {
    let column = position("time").unwrap_or_default();
    move |rows, at| rows.column(column).as_primitive::<TimestampMicrosecondType>().value(at) >= cutoff
}

/// For [`merge`]: rows that come from other evidence than this.
pub fn not_from(evidence: &str) -> impl Fn(&RecordBatch, usize) -> bool {
    let column = position("evidence").unwrap_or_default();
    let evidence = evidence.to_owned();
    move |rows, at| rows.column(column).as_string::<i32>().value(at) != evidence
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(id: &str, day: i64, rows: i64, level: i64) -> Segment {
        let time = day * crate::segment::DAY;
        Segment {
            id: id.into(),
            path: String::new(),
            time_min: time,
            time_max: time + 1,
            ip_min: None,
            ip_max: None,
            row_count: rows,
            size_bytes: 1,
            blake3: String::new(),
            filter_offset: None,
            filter_length: None,
            destination_filter_offset: None,
            destination_filter_length: None,
            level,
            created_at: 0,
            figures: Vec::new(),
        }
    }

    #[test]
    fn days_are_merged_at_once_and_months_when_they_are_over() {
        let segments = [segment("a", 20_000, 10, 0), segment("b", 20_000, 10, 0), segment("c", 20_001, 10, 1)];
        let soon = plan(&segments, 20_002 * crate::segment::DAY);
        assert_eq!(soon.iter().map(|m| (m.level, m.inputs.len())).collect::<Vec<_>>(), [(1, 2)]);
        let later = plan(&segments, 20_060 * crate::segment::DAY);
        assert_eq!(later.iter().map(|m| (m.level, m.inputs.len())).collect::<Vec<_>>(), [(2, 3)]);
    }

    #[test]
    fn what_is_merged_is_left_alone() {
        assert!(plan(&[segment("a", 20_000, 10, 1), segment("b", 20_001, 10, 1)], 20_002 * crate::segment::DAY).is_empty());
        assert!(plan(&[segment("a", 20_000, 10, 2)], 20_060 * crate::segment::DAY).is_empty());
    }
}
