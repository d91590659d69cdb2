//! All events of one address, at once, whatever the number of segments.
//!
//! A segment is asked in three steps, each only if the one before left a doubt: its range of addresses (in the
//! register), one block of its Bloom filter (32 bytes at a known place), and last the pages that may hold the address.

use std::fs::File;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowFilter, RowSelection, RowSelector,
};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;

use crate::StoreError;
use crate::columns::position;
use crate::door::Door;
use crate::home::Home;
use crate::segment::Segment;

/// Which address of an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    Source,
    Destination,
}

impl End {
    fn column(self) -> &'static str {
        match self {
            Self::Source => "source_ip",
            Self::Destination => "destination_ip",
        }
    }
}

/// Events with this address at one end, newest segment first; columns as in [`crate::columns::FILE_SCHEMA`].
///
/// # Errors
/// When a segment cannot be read.
pub fn by_ip(home: &Home, segments: &[Segment], ip: IpAddr, end: End) -> Result<Vec<RecordBatch>, StoreError> {
    let text = ip.to_string();
    let mut found = Vec::new();
    for segment in segments.iter().rev() {
        // Segments are sorted by source, so only the source has a range.
        let in_range = end == End::Destination
            || segment.ip_min.as_ref().is_some_and(|min| *min <= text) && segment.ip_max.as_ref().is_some_and(|max| *max >= text);
        if in_range && may_hold(home, segment, &text, end) {
            read(&home.resolve(&segment.path), &text, end, &mut found)?;
        }
    }
    Ok(found)
}

/// As [`by_ip`], but what one party sees of it: an event whose address is hidden was not found by it.
///
/// # Errors
/// When a segment cannot be read.
pub fn by_ip_for(home: &Home, segments: &[Segment], ip: IpAddr, end: End, door: &Door) -> Result<Vec<RecordBatch>, StoreError> {
    let text = ip.to_string();
    let column = position(end.column()).unwrap_or_default();
    let mut seen = Vec::new();
    for rows in by_ip(home, segments, ip, end)? {
        let rows = door.admit(&rows)?;
        let shown = BooleanArray::from_iter(rows.column(column).as_string::<i32>().iter().map(|ip| Some(ip == Some(text.as_str()))));
        let rows = arrow::compute::filter_record_batch(&rows, &shown)?;
        if rows.num_rows() > 0 {
            seen.push(rows);
        }
    }
    Ok(seen)
}

fn read(path: &Path, ip: &str, end: End, found: &mut Vec<RecordBatch>) -> Result<(), StoreError> {
    let file = File::open(path).map_err(StoreError::file(path))?;
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
    let metadata = ArrowReaderMetadata::load(&file, options).map_err(StoreError::parquet(path))?;
    let sorted = end == End::Source;
    let column = position(end.column()).unwrap_or_default();
    let selection = sorted.then(|| pages_with(metadata.metadata(), column, ip)).flatten();
    let only_ip = ProjectionMask::roots(metadata.parquet_schema(), [column]);
    let wanted = ip.to_owned();
    let is_it = ArrowPredicateFn::new(only_ip, move |rows: RecordBatch| {
        Ok(BooleanArray::from_iter(rows.column(0).as_string::<i32>().iter().map(|ip| Some(ip == Some(wanted.as_str())))))
    });
    let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata).with_batch_size(1024);
    match selection {
        Some(selection) => builder = builder.with_row_selection(selection),
        // Unsorted: the filter of each row group says whether to look into it.
        None => {
            let mut groups = Vec::new();
            for group in 0..builder.metadata().num_row_groups() {
                let filter = builder.get_row_group_column_bloom_filter(group, column).map_err(StoreError::parquet(path))?;
                if filter.is_none_or(|filter| filter.check(&ip)) {
                    groups.push(group);
                }
            }
            builder = builder.with_row_groups(groups);
        }
    }
    let reader = builder.with_row_filter(RowFilter::new(vec![Box::new(is_it)])).build().map_err(StoreError::parquet(path))?;
    for rows in reader {
        let rows = rows?;
        if rows.num_rows() > 0 {
            found.push(rows);
        }
    }
    Ok(())
}

/// The rows of pages whose smallest and largest address enclose this one; `None` when the file has no page index.
fn pages_with(metadata: &Arc<ParquetMetaData>, column: usize, ip: &str) -> Option<RowSelection> {
    let (column_index, offset_index) = (metadata.column_index()?, metadata.offset_index()?);
    let mut selectors = Vec::new();
    for (group, rows) in metadata.row_groups().iter().map(|g| g.num_rows().unsigned_abs() as usize).enumerate() {
        let ColumnIndexMetaData::BYTE_ARRAY(index) = column_index.get(group)?.get(column)? else { return None };
        let pages = offset_index.get(group)?.get(column)?.page_locations();
        for (page, location) in pages.iter().enumerate() {
            let first = location.first_row_index.unsigned_abs() as usize;
            let end = pages.get(page + 1).map_or(rows, |next| next.first_row_index.unsigned_abs() as usize);
            // A bound may be cut short; a cut maximum is rounded up, so the comparison stays on the safe side.
            let below = index.min_value(page).is_none_or(|min| min <= ip.as_bytes());
            let above = index.max_value(page).is_none_or(|max| max >= ip.as_bytes());
            let inside = index.min_value(page).is_some() && below && above;
            selectors.push(if inside { RowSelector::select(end - first) } else { RowSelector::skip(end - first) });
        }
    }
    Some(RowSelection::from(selectors))
}

/// `false` when the segment's filter shows that it does not hold the address; `true` when it may.
pub(crate) fn may_hold(home: &Home, segment: &Segment, ip: &str, end: End) -> bool {
    let filter = match end {
        End::Source => (segment.filter_offset, segment.filter_length),
        End::Destination => (segment.destination_filter_offset, segment.destination_filter_length),
    };
    let (Some(offset), Some(length)) = filter else { return true };
    let (offset, length) = (offset.unsigned_abs(), length.unsigned_abs());
    // A header of a few bytes, then blocks of 32 bytes, a power of two of them (Parquet format, BloomFilter.md).
    if length < 32 {
        return true;
    }
    let bitset = 1_u64 << length.ilog2();
    let hash = twox_hash::XxHash64::oneshot(0, ip.as_bytes());
    let block = ((hash >> 32) * (bitset / 32)) >> 32;
    let mut words = [0_u8; 32];
    let read = File::open(home.resolve(&segment.path)).and_then(|file| read_at(&file, &mut words, offset + (length - bitset) + block * 32));
    if read.is_err() {
        // The reading that follows says what is wrong with the file.
        return true;
    }
    const SALT: [u32; 8] = [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];
    words.chunks_exact(4).zip(SALT).all(|(word, salt)| {
        let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        word & 1 << ((hash as u32).wrapping_mul(salt) >> 27) != 0
    })
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(buffer)
}
