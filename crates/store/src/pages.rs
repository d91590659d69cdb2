//! A few rows of a few columns of a segment, without touching the rest of the file.
//!
//! Of the footer only the columns and row groups asked for are prepared, of these only the pages that hold the rows are
//! read, and a column that holds one value or none at all in these groups is not read: its statistics say what it holds.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Fields, Schema, SchemaRef};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection, RowSelectionPolicy,
};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader,
    ParquetStatisticsPolicy, RowGroupMetaData,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::statistics::Statistics;
use parquet::schema::types::{SchemaDescriptor, Type};

use crate::StoreError;
use crate::columns::{COLUMNS, FILE_SCHEMA};

/// Rows of one row group, in order and without overlap.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct GroupRows {
    pub(crate) group: usize,
    pub(crate) rows: Vec<Range<usize>>,
}

/// An open segment.
pub(crate) struct Pages {
    file: Reads,
    path: PathBuf,
    metadata: Arc<ParquetMetaData>,
}

/// What a segment says of itself at its end.
#[derive(Clone, Debug)]
pub(crate) struct Footer(Arc<ParquetMetaData>);

impl Pages {
    /// Opens a segment and reads its footer.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let file = Reads::open(path).map_err(StoreError::file(path))?;
        let options = ParquetMetaDataOptions::new()
            .with_encoding_stats_policy(ParquetStatisticsPolicy::SkipAll)
            .with_size_stats_policy(ParquetStatisticsPolicy::SkipAll);
        let metadata = ParquetMetaDataReader::new()
            .with_metadata_options(Some(options))
            .with_prefetch_hint(Some(64 << 10))
            .parse_and_finish(&file)
            .map_err(StoreError::parquet(path))?;
        Ok(Self { file, path: path.to_owned(), metadata: Arc::new(metadata) })
    }

    /// Opens a segment whose footer has been read before.
    pub(crate) fn open_again(path: &Path, footer: &Footer) -> Result<Self, StoreError> {
        let file = Reads::open(path).map_err(StoreError::file(path))?;
        Ok(Self { file, path: path.to_owned(), metadata: Arc::clone(&footer.0) })
    }

    /// For [`Pages::open_again`]: what is needed to come back without keeping the file open.
    pub(crate) fn footer(&self) -> Footer {
        Footer(Arc::clone(&self.metadata))
    }

    pub(crate) fn file(&self) -> &File {
        &self.file.file
    }

    pub(crate) fn groups(&self) -> &[RowGroupMetaData] {
        self.metadata.row_groups()
    }

    /// A column of [`COLUMNS`] in one row group; `None` when the file was written before there was such a column.
    pub(crate) fn chunk(&self, group: usize, column: usize) -> Option<&ColumnChunkMetaData> {
        Some(self.groups().get(group)?.column(self.place(column)?))
    }

    /// Where a column of [`COLUMNS`] stands in this file.
    fn place(&self, column: usize) -> Option<usize> {
        let (name, written) = (COLUMNS[column].name, self.metadata.file_metadata().schema_descr().columns());
        if written.get(column).is_some_and(|c| c.name() == name) {
            return Some(column);
        }
        written.iter().position(|c| c.name() == name)
    }

    /// The rows of all pages whose smallest and largest text enclose this one, in a column by which the file is sorted; of one group or of all.
    pub(crate) fn rows_around(&self, column: usize, text: &str, only: Option<usize>) -> Result<Vec<GroupRows>, StoreError> {
        self.rows_between(column, text.as_bytes(), text.as_bytes(), only)
    }

    /// The rows of all pages of one group that may hold a text with this beginning, in a column by which the file is sorted.
    pub(crate) fn rows_beginning(&self, column: usize, beginning: &str, group: usize) -> Result<Vec<Range<usize>>, StoreError> {
        // No text has this byte.
        let behind = [beginning.as_bytes(), &[0xff]].concat();
        let rows = self.rows_between(column, beginning.as_bytes(), &behind, Some(group))?;
        Ok(rows.into_iter().flat_map(|group| group.rows).collect())
    }

    fn rows_between(&self, column: usize, low: &[u8], high: &[u8], only: Option<usize>) -> Result<Vec<GroupRows>, StoreError> {
        let all = only.map_or(0..self.groups().len(), |group| group..group + 1);
        let groups: Vec<usize> = all.filter(|group| self.chunk(*group, column).is_some_and(|c| overlaps(c, low, high))).collect();
        if groups.is_empty() {
            return Ok(Vec::new());
        }
        let narrow = self.narrow(&[column], &groups, PageIndexPolicy::Optional)?;
        let index = narrow.column_index().zip(narrow.offset_index());
        let around = groups.iter().enumerate().map(|(at, group)| {
            let count = self.groups()[*group].num_rows().unsigned_abs() as usize;
            let rows = index.and_then(|(values, places)| Some((values.get(at)?.first()?, places.get(at)?.first()?))).and_then(
                |(values, places)| {
                    let ColumnIndexMetaData::BYTE_ARRAY(values) = values else { return None };
                    let mut rows: Vec<Range<usize>> = Vec::new();
                    let pages = places.page_locations();
                    for (page, location) in pages.iter().enumerate() {
                        // A bound may be cut short; a cut maximum is rounded up, so the comparison stays on the safe side.
                        let inside =
                            values.min_value(page).is_some_and(|min| min <= high) && values.max_value(page).is_none_or(|max| max >= low);
                        if inside {
                            let end = pages.get(page + 1).map_or(count, |next| next.first_row_index.unsigned_abs() as usize);
                            rows.push(location.first_row_index.unsigned_abs() as usize..end);
                        }
                    }
                    Some(rows)
                },
            );
            // Without an index of pages any row may be it.
            GroupRows { group: *group, rows: rows.unwrap_or_else(|| std::iter::once(0..count).collect()) }
        });
        Ok(around.filter(|g| !g.rows.is_empty()).collect())
    }

    /// Those of `among` whose text in this column is this one.
    pub(crate) fn rows_with(&self, column: usize, text: &str, among: Vec<GroupRows>) -> Result<Vec<GroupRows>, StoreError> {
        let mut found = Vec::new();
        for group in among {
            let rows = self.read(&[column], std::slice::from_ref(&group))?;
            let values = rows.column(0).as_string::<i32>();
            let mut with: Vec<Range<usize>> = Vec::new();
            for (at, row) in group.rows.into_iter().flatten().enumerate() {
                if values.is_valid(at) && values.value(at) == text {
                    match with.last_mut() {
                        Some(last) if last.end == row => last.end += 1,
                        _ => with.push(row..row + 1),
                    }
                }
            }
            if !with.is_empty() {
                found.push(GroupRows { group: group.group, rows: with });
            }
        }
        Ok(found)
    }

    /// These columns of [`COLUMNS`] of these rows, with the types of [`FILE_SCHEMA`].
    pub(crate) fn read(&self, columns: &[usize], wanted: &[GroupRows]) -> Result<RecordBatch, StoreError> {
        let groups: Vec<usize> = wanted.iter().map(|w| w.group).collect();
        let count = wanted.iter().flat_map(|w| &w.rows).map(Range::len).sum();
        let known: Vec<Option<ArrayRef>> = columns.iter().map(|column| self.constant(*column, &groups, count)).collect();
        let to_read: Vec<usize> = columns.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(column, _)| *column).collect();
        let read = if to_read.is_empty() || count == 0 { None } else { Some(self.read_pages(&to_read, &groups, wanted, count)?) };
        let mut read = read.iter().flat_map(RecordBatch::columns);
        let schema: SchemaRef = Arc::new(FILE_SCHEMA.project(columns)?);
        let arrays = known
            .into_iter()
            .zip(schema.fields())
            .map(|(known, field)| known.or_else(|| read.next().cloned()).unwrap_or_else(|| new_null_array(field.data_type(), count)))
            .collect();
        Ok(RecordBatch::try_new(schema, arrays)?)
    }

    /// Gives the values of a column in some rows, piece by piece: a text as it is, or as a dictionary with 32-bit keys.
    pub(crate) fn scan(
        &self,
        column: usize,
        dictionary: bool,
        wanted: &GroupRows,
        seen: &mut dyn FnMut(&ArrayRef),
    ) -> Result<(), StoreError> {
        let field = FILE_SCHEMA.fields()[column].clone();
        let field = match dictionary {
            true => {
                Arc::new(field.as_ref().clone().with_data_type(DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))))
            }
            false => field,
        };
        let schema: SchemaRef = Arc::new(Schema::new(vec![field]));
        for batch in self.reader(&[column], &[wanted.group], std::slice::from_ref(wanted), &schema, 8192)? {
            seen(batch.map_err(StoreError::from)?.column(0));
        }
        Ok(())
    }

    fn read_pages(&self, columns: &[usize], groups: &[usize], wanted: &[GroupRows], count: usize) -> Result<RecordBatch, StoreError> {
        let fields: Fields = columns.iter().map(|column| FILE_SCHEMA.fields()[*column].clone()).collect();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let reader = self.reader(columns, groups, wanted, &schema, count.clamp(1, 8192))?;
        let batches: Vec<RecordBatch> = reader.collect::<Result<_, _>>()?;
        match &batches[..] {
            [one] => Ok(one.clone()),
            many => Ok(concat_batches(&schema, many)?),
        }
    }

    fn reader(
        &self,
        columns: &[usize],
        groups: &[usize],
        wanted: &[GroupRows],
        schema: &SchemaRef,
        at_once: usize,
    ) -> Result<ParquetRecordBatchReader, StoreError> {
        let fault = || StoreError::parquet(self.path.clone());
        let narrow = Arc::new(self.narrow(columns, groups, PageIndexPolicy::Skip)?);
        let options = ArrowReaderOptions::new().with_schema(SchemaRef::clone(schema));
        let metadata = ArrowReaderMetadata::try_new(narrow, options).map_err(fault())?;
        let mut before = 0;
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for group in wanted {
            ranges.extend(group.rows.iter().map(|r| r.start + before..r.end + before));
            before += self.groups()[group.group].num_rows().unsigned_abs() as usize;
        }
        ParquetRecordBatchReaderBuilder::new_with_metadata(self.file.clone(), metadata)
            .with_row_selection(RowSelection::from_consecutive_ranges(ranges.into_iter(), before))
            .with_row_selection_policy(RowSelectionPolicy::Selectors)
            .with_batch_size(at_once)
            .build()
            .map_err(fault())
    }

    /// The footer with these columns and row groups only, and where the pages of these lie.
    fn narrow(&self, columns: &[usize], groups: &[usize], values_of_pages: PageIndexPolicy) -> Result<ParquetMetaData, StoreError> {
        let fault = || StoreError::parquet(self.path.clone());
        let whole = self.metadata.file_metadata();
        let places: Vec<usize> = columns.iter().filter_map(|column| self.place(*column)).collect();
        let fields = places.iter().map(|at| Arc::clone(&whole.schema_descr().root_schema().get_fields()[*at])).collect();
        let root = Type::group_type_builder(whole.schema_descr().root_schema().name()).with_fields(fields).build().map_err(fault())?;
        let schema = Arc::new(SchemaDescriptor::new(Arc::new(root)));
        let mut rows = 0;
        let groups = groups.iter().map(|group| {
            let group = &self.groups()[*group];
            rows += group.num_rows();
            RowGroupMetaData::builder(Arc::clone(&schema))
                .set_num_rows(group.num_rows())
                .set_total_byte_size(group.total_byte_size())
                .set_column_metadata(places.iter().map(|at| group.column(*at).clone()).collect())
                .build()
        });
        let groups = groups.collect::<ParquetResult<Vec<_>>>().map_err(fault())?;
        let file = FileMetaData::new(whole.version(), rows, None, None, schema, None);
        let mut reader = ParquetMetaDataReader::new_with_metadata(ParquetMetaData::new(file, groups))
            .with_column_index_policy(values_of_pages)
            .with_offset_index_policy(PageIndexPolicy::Optional);
        reader.read_page_indexes(&self.file).and_then(|()| reader.finish()).map_err(fault())
    }

    /// The column as the statistics tell it, when they say that all its values are the same.
    pub(crate) fn constant(&self, column: usize, groups: &[usize], count: usize) -> Option<ArrayRef> {
        let kind = FILE_SCHEMA.field(column).data_type();
        if self.place(column).is_none() {
            return Some(new_null_array(kind, count));
        }
        let mut one: Option<Value<'_>> = None;
        for group in groups {
            let value = value_of(self.chunk(*group, column)?)?;
            if one.is_some_and(|one| one != value) {
                return None;
            }
            one = Some(value);
        }
        Some(match one? {
            Value::Nothing => new_null_array(kind, count),
            Value::Text(text) if *kind == DataType::Utf8 => Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, count))),
            Value::Small(n) if *kind == DataType::Int32 => Arc::new(Int32Array::from_value(n, count)),
            Value::Large(n) if *kind == DataType::Int64 => Arc::new(Int64Array::from_value(n, count)),
            Value::Large(n) if matches!(kind, DataType::Timestamp(..)) => {
                Arc::new(TimestampMicrosecondArray::from_value(n, count).with_data_type(kind.clone()))
            }
            _ => return None,
        })
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Value<'m> {
    Nothing,
    Small(i32),
    Large(i64),
    Text(&'m str),
}

/// The one value that all rows of a column chunk have.
fn value_of(chunk: &ColumnChunkMetaData) -> Option<Value<'_>> {
    let statistics = chunk.statistics()?;
    let nulls = statistics.null_count_opt()?;
    if nulls == chunk.num_values().unsigned_abs() {
        return Some(Value::Nothing);
    }
    // A text that was cut short is not the value.
    if nulls > 0 || !statistics.min_is_exact() || !statistics.max_is_exact() || statistics.min_bytes_opt()? != statistics.max_bytes_opt()? {
        return None;
    }
    match statistics {
        Statistics::Int32(s) => s.min_opt().map(|n| Value::Small(*n)),
        Statistics::Int64(s) => s.min_opt().map(|n| Value::Large(*n)),
        Statistics::ByteArray(s) => s.min_opt().and_then(|t| t.as_utf8().ok()).map(Value::Text),
        _ => None,
    }
}

/// The text is not outside of what the statistics of a column in a group enclose.
pub(crate) fn encloses(chunk: &ColumnChunkMetaData, text: &str) -> bool {
    overlaps(chunk, text.as_bytes(), text.as_bytes())
}

/// Some text from `low` to `high` may be in it.
fn overlaps(chunk: &ColumnChunkMetaData, low: &[u8], high: &[u8]) -> bool {
    let Some(statistics) = chunk.statistics() else { return true };
    statistics.min_bytes_opt().is_none_or(|min| min <= high) && statistics.max_bytes_opt().is_none_or(|max| max >= low)
}

/// A file that is read at places, without moving in it: one call of the system for a piece.
#[derive(Clone)]
struct Reads {
    file: Arc<File>,
    length: u64,
}

impl Reads {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { file: Arc::new(file), length })
    }
}

impl Length for Reads {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Reads {
    type T = Onwards;

    fn get_read(&self, start: u64) -> ParquetResult<Onwards> {
        Ok(Onwards { file: Arc::clone(&self.file), at: start, buffer: Vec::new(), used: 0 })
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.length) {
            return Err(ParquetError::EOF(format!("{length} bytes at {start} are beyond the end of the file ({})", self.length)));
        }
        let mut buffer = vec![0; length];
        read_at(&self.file, &mut buffer, start)?;
        Ok(buffer.into())
    }
}

/// What a file holds from some place on.
struct Onwards {
    file: Arc<File>,
    at: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl Read for Onwards {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.used == self.buffer.len() {
            self.buffer.resize(8192, 0);
            let n = read_some_at(&self.file, &mut self.buffer, self.at)?;
            self.buffer.truncate(n);
            self.used = 0;
            self.at += n as u64;
        }
        let n = out.len().min(self.buffer.len() - self.used);
        out[..n].copy_from_slice(&self.buffer[self.used..self.used + n]);
        self.used += n;
        Ok(n)
    }
}

/// Fills `buffer` from a place in the file.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let mut filled = 0;
    while filled < buffer.len() {
        match read_some_at(file, &mut buffer[filled..], offset + filled as u64) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(unix)]
fn read_some_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_some_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}
