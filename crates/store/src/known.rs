//! Which of these events do we hold already? Exact, in memory that does not grow with what we hold.
//!
//! The identity covers the time, so an event can only be in segments of its own day. Their identities are read as a
//! stream of 16-byte values and looked up in the batch's index; nothing of the past is kept in memory.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use arrow::array::FixedSizeBinaryArray;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::StoreError;
use crate::batch::EventBatch;
use crate::columns::ID;
use crate::home::Home;
use crate::segment::{DAY, Segment};

/// Marks the events of `batch` that one of `segments` holds.
///
/// # Errors
/// When a segment cannot be read.
pub fn mark(home: &Home, batch: &EventBatch, segments: &[Segment]) -> Result<Vec<bool>, StoreError> {
    let days: BTreeSet<i64> = (0..batch.len()).map(|at| batch.time(at).div_euclid(DAY)).collect();
    let mut known = vec![false; batch.len()];
    for segment in segments {
        let span = segment.time_min.div_euclid(DAY)..=segment.time_max.div_euclid(DAY);
        if days.range(span).next().is_some() {
            mark_from(&home.resolve(&segment.path), batch, &mut known)?;
        }
    }
    Ok(known)
}

fn mark_from(path: &Path, batch: &EventBatch, known: &mut [bool]) -> Result<(), StoreError> {
    each_id(path, |id| {
        if let Some(at) = batch.find(id) {
            known[at] = true;
        }
    })
}

/// Calls `seen` with every identity in a segment.
pub(crate) fn each_id(path: &Path, mut seen: impl FnMut(&[u8])) -> Result<(), StoreError> {
    let file = File::open(path).map_err(StoreError::file(path))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(StoreError::parquet(path))?;
    let only_id = ProjectionMask::roots(builder.parquet_schema(), [ID]);
    let reader = builder.with_projection(only_id).with_batch_size(8192).build().map_err(StoreError::parquet(path))?;
    for rows in reader {
        let rows = rows?;
        let ids = rows.column(0).as_any().downcast_ref::<FixedSizeBinaryArray>();
        let ids = ids.ok_or_else(|| StoreError::Refused(format!("{}: column id is not 16 bytes wide", path.display())))?;
        ids.iter().flatten().for_each(&mut seen);
    }
    Ok(())
}
