//! A segment: an immutable Parquet file of events, sorted by source address.
//!
//! Written beside its final place, hashed while written, synced, then renamed; it counts only once the register has a
//! row for it. The Bloom filter of `source_ip` lies at a place the register knows, so a look-up asks 32 bytes of a
//! file before it opens it as Parquet.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use parquet::arrow::arrow_writer::{ArrowRowGroupWriterFactory, compute_leaves};
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::{BloomFilterPosition, EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;

use crate::StoreError;
use crate::batch::EventBatch;
use crate::columns::{COLUMNS, FILE_SCHEMA, ID, Kind, position};
use crate::count::Counter;
use crate::home::{Home, create_private, sync_folder};

/// Rows of one row group: what a look-up may have to touch of a file's dictionaries.
pub(crate) const ROWS_PER_GROUP: usize = 1 << 20;
/// Rows of one data page at most, and about so many bytes: what a look-up decodes per column.
const ROWS_PER_PAGE: usize = 8192;
const BYTES_PER_PAGE: usize = 64 << 10;

/// Columns of long texts, many of them different.
const LONG: [&str; 9] = [
    "source_ip",
    "source_network",
    "source_fqdn",
    "source_url",
    "source_reverse_dns",
    "destination_fqdn",
    "destination_url",
    "destination_reverse_dns",
    "extra",
];

/// What the register remembers of a segment.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Segment {
    pub id: String,
    /// Relative to the home.
    pub path: String,
    /// Microseconds since 1970, UTC.
    pub time_min: i64,
    pub time_max: i64,
    pub ip_min: Option<String>,
    pub ip_max: Option<String>,
    pub row_count: i64,
    pub size_bytes: i64,
    pub blake3: String,
    pub filter_offset: Option<i64>,
    pub filter_length: Option<i64>,
    pub destination_filter_offset: Option<i64>,
    pub destination_filter_length: Option<i64>,
    /// 0 as ingested, 1 a day, 2 a month.
    pub level: i64,
    pub created_at: i64,
    /// What it holds ([`crate::count`]), until the register keeps it; empty when read from there.
    #[sqlx(skip)]
    pub figures: Vec<u8>,
}

/// How the columns are written.
pub(crate) fn properties(rows: usize) -> WriterProperties {
    let path = |name: &str| ColumnPath::from(name.to_owned());
    let mut builder = WriterProperties::builder()
        .set_created_by(concat!("musubi ", env!("CARGO_PKG_VERSION")).to_owned())
        // What a dictionary or packing has left of a column hardly compresses, and who looks up a row would unpack all that is beside it.
        .set_compression(Compression::UNCOMPRESSED)
        .set_data_page_row_count_limit(ROWS_PER_PAGE)
        // The size of a page is looked at after so many rows.
        .set_write_batch_size(1024)
        .set_dictionary_page_size_limit(256 << 10)
        .set_data_page_size_limit(BYTES_PER_PAGE)
        .set_max_row_group_row_count(Some(ROWS_PER_GROUP))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_statistics_truncate_length(Some(64))
        .set_column_index_truncate_length(Some(64))
        .set_bloom_filter_position(BloomFilterPosition::End)
        // Hashes do not compress; plain and bare they are read at the speed of memory.
        .set_column_dictionary_enabled(path("id"), false)
        .set_column_encoding(path("id"), Encoding::PLAIN)
        .set_column_statistics_enabled(path("id"), EnabledStatistics::None);
    // Ports of sources are nearly as many as there can be: a dictionary of them is long and saves nothing.
    for name in ["time", "row", "source_port"] {
        builder = builder.set_column_dictionary_enabled(path(name), false).set_column_encoding(path(name), Encoding::DELTA_BINARY_PACKED);
    }
    // Texts that are like the one before, since rows are sorted by source.
    for name in ["source_ip", "source_network", "source_reverse_dns", "source_url", "destination_url"] {
        builder = builder.set_column_dictionary_enabled(path(name), false).set_column_encoding(path(name), Encoding::DELTA_BYTE_ARRAY);
    }
    // Each row has its own: a dictionary would be read for nothing.
    builder = builder.set_column_dictionary_enabled(path("extra"), false);
    let zstd = Compression::ZSTD(ZstdLevel::try_new(1).expect("level 1 exists"));
    for name in LONG {
        builder = builder.set_column_compression(path(name), zstd);
    }
    builder = builder
        .set_column_statistics_enabled(path("source_ip"), EnabledStatistics::Page)
        .set_column_statistics_enabled(path("time"), EnabledStatistics::Page)
        .set_column_statistics_enabled(path("extra"), EnabledStatistics::None);
    for name in ["source_ip", "source_fqdn", "source_url", "destination_ip", "destination_fqdn"] {
        builder = builder
            .set_column_bloom_filter_enabled(path(name), true)
            .set_column_bloom_filter_fpp(path(name), 0.02)
            .set_column_bloom_filter_max_ndv(path(name), rows.max(64) as u64);
    }
    // A byte for each event: which group holds an identity is known without reading millions of them.
    builder = builder
        .set_column_bloom_filter_enabled(path("id"), true)
        .set_column_bloom_filter_fpp(path("id"), 0.03)
        .set_column_bloom_filter_max_ndv(path("id"), rows.max(64) as u64);
    builder.build()
}

/// Writes the rows named (sorted here) as one segment. The file is durable and in place, but counts for nothing yet.
///
/// # Errors
/// When the file cannot be written; nothing is left behind then.
pub fn write(home: &Home, batch: &EventBatch, mut order: Vec<u32>, created_at: i64) -> Result<Segment, StoreError> {
    batch.sort(&mut order);
    let mut writer = SegmentWriter::start(home, order.len())?;
    writer.write_group(batch, &order)?;
    let (mut time_min, mut time_max) = (i64::MAX, i64::MIN);
    let mut counter = Counter::default();
    for at in &order {
        let time = batch.time(*at as usize);
        (time_min, time_max) = (time_min.min(time), time_max.max(time));
        counter.add(&batch.counted(*at as usize));
    }
    let (ip_min, ip_max) = batch.ip_range(&order).unzip();
    let span = Span { time_min, time_max, ip_min, ip_max, rows: order.len(), figures: counter.finish()? };
    writer.finish(span, 0, created_at)
}

/// What a finished segment holds.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) time_min: i64,
    pub(crate) time_max: i64,
    pub(crate) ip_min: Option<String>,
    pub(crate) ip_max: Option<String>,
    pub(crate) rows: usize,
    pub(crate) figures: Vec<u8>,
}

/// A segment being written column by column, so that only one sorted column is in memory at a time.
struct SegmentWriter<'h> {
    draft: Draft<'h>,
    file: SerializedFileWriter<Hashing>,
    factory: ArrowRowGroupWriterFactory,
    groups: usize,
}

impl<'h> SegmentWriter<'h> {
    fn start(home: &'h Home, rows: usize) -> Result<Self, StoreError> {
        let draft = Draft::new(home)?;
        let properties = Arc::new(properties(rows));
        let schema = ArrowSchemaConverter::new().convert(&FILE_SCHEMA).map_err(StoreError::parquet(&draft.path))?;
        let file = SerializedFileWriter::new(draft.open()?, schema.root_schema_ptr(), Arc::clone(&properties))
            .map_err(StoreError::parquet(&draft.path))?;
        let factory = ArrowRowGroupWriterFactory::new(&file, SchemaRef::clone(&FILE_SCHEMA));
        Ok(Self { draft, file, factory, groups: 0 })
    }

    fn write_group(&mut self, batch: &EventBatch, order: &[u32]) -> Result<(), StoreError> {
        let path = self.draft.path.clone();
        let fault = || StoreError::parquet(path.clone());
        let columns = self.factory.create_column_writers(self.groups).map_err(fault())?;
        let mut group = self.file.next_row_group().map_err(fault())?;
        for (at, mut column) in columns.into_iter().enumerate() {
            let array = batch.column(at, order);
            for leaf in compute_leaves(FILE_SCHEMA.field(at), &array).map_err(fault())? {
                column.write(&leaf).map_err(fault())?;
            }
            drop(array);
            column.close().map_err(fault())?.append_to_row_group(&mut group).map_err(fault())?;
        }
        group.close().map_err(fault())?;
        self.groups += 1;
        Ok(())
    }

    fn finish(self, span: Span, level: i64, created_at: i64) -> Result<Segment, StoreError> {
        let Self { draft, mut file, .. } = self;
        let metadata = file.finish().map_err(StoreError::parquet(&draft.path))?;
        draft.publish(file.inner_mut(), &metadata, span, level, created_at)
    }
}

/// A segment written from record batches that are sorted already (compaction).
pub(crate) struct MergeWriter<'h> {
    draft: Draft<'h>,
    writer: ArrowWriter<Hashing>,
}

impl<'h> MergeWriter<'h> {
    pub(crate) fn start(home: &'h Home, rows: usize) -> Result<Self, StoreError> {
        let draft = Draft::new(home)?;
        let writer = ArrowWriter::try_new(draft.open()?, SchemaRef::clone(&FILE_SCHEMA), Some(properties(rows.min(ROWS_PER_GROUP))))
            .map_err(StoreError::parquet(&draft.path))?;
        Ok(Self { draft, writer })
    }

    pub(crate) fn write(&mut self, rows: &arrow::record_batch::RecordBatch) -> Result<(), StoreError> {
        self.writer.write(rows).map_err(StoreError::parquet(&self.draft.path))
    }

    pub(crate) fn finish(self, span: Span, level: i64, created_at: i64) -> Result<Segment, StoreError> {
        let Self { draft, mut writer } = self;
        let metadata = writer.finish().map_err(StoreError::parquet(&draft.path))?;
        draft.publish(writer.inner_mut(), &metadata, span, level, created_at)
    }
}

/// A file that is removed again unless it is published.
struct Draft<'h> {
    home: &'h Home,
    path: PathBuf,
}

impl<'h> Draft<'h> {
    fn new(home: &'h Home) -> Result<Self, StoreError> {
        create_private(&home.temporary())?;
        let path = home.temporary().join(format!("{}.parquet", crate::home::unique()));
        Ok(Self { home, path })
    }

    fn open(&self) -> Result<Hashing, StoreError> {
        let file = File::options().write(true).create_new(true).open(&self.path).map_err(StoreError::file(&self.path))?;
        Ok(Hashing { file: BufWriter::with_capacity(1 << 20, file), hasher: blake3::Hasher::new(), bytes: 0 })
    }

    fn publish(
        &self,
        written: &mut Hashing,
        metadata: &ParquetMetaData,
        span: Span,
        level: i64,
        created_at: i64,
    ) -> Result<Segment, StoreError> {
        written.flush().map_err(StoreError::file(&self.path))?;
        written.file.get_ref().sync_all().map_err(StoreError::file(&self.path))?;
        let blake3 = written.hasher.finalize().to_hex().to_string();
        let date = day_of(span.time_min);
        // The same content may come again while the segment it once was is still remembered as replaced.
        let id = format!("{date}-{}", &blake3::hash(format!("{blake3} {}", crate::home::unique()).as_bytes()).to_hex()[..16]);
        let relative = format!("segments/{}/{}/{id}.parquet", &date[..4], &date[5..7]);
        let place = self.home.resolve(&relative);
        let folder = place.parent().unwrap_or(self.home.root());
        create_private(folder)?;
        fs::rename(&self.path, &place).map_err(StoreError::file(&place))?;
        sync_folder(folder)?;
        let filter = |name: &str| {
            let column = (metadata.num_row_groups() == 1).then(|| position(name).map(|at| metadata.row_group(0).column(at))).flatten()?;
            Some((column.bloom_filter_offset()?, i64::from(column.bloom_filter_length()?)))
        };
        let (source, destination) = (filter("source_ip"), filter("destination_ip"));
        Ok(Segment {
            id,
            path: relative,
            time_min: span.time_min,
            time_max: span.time_max,
            ip_min: span.ip_min,
            ip_max: span.ip_max,
            row_count: span.rows as i64,
            size_bytes: written.bytes as i64,
            blake3,
            filter_offset: source.map(|f| f.0),
            filter_length: source.map(|f| f.1),
            destination_filter_offset: destination.map(|f| f.0),
            destination_filter_length: destination.map(|f| f.1),
            level,
            created_at,
            figures: span.figures,
        })
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        // Published files have moved away; anything still here is rubbish, and so is a failure to remove it.
        let _ = fs::remove_file(&self.path);
    }
}

/// Hashes what passes through it.
pub(crate) struct Hashing {
    file: BufWriter<File>,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Write for Hashing {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let n = self.file.write(buffer)?;
        self.hasher.update(&buffer[..n]);
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// `2026-03-23` of microseconds since 1970.
pub(crate) fn day_of(time: i64) -> String {
    let (days, era_days) = (time.div_euclid(DAY) + 719_468, 146_097);
    // Howard Hinnant's civil-from-days method.
    let era = days.div_euclid(era_days);
    let day_of_era = days.rem_euclid(era_days);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let m = (5 * day_of_year + 2) / 153;
    let (day, month) = (day_of_year - (153 * m + 2) / 5 + 1, if m < 10 { m + 3 } else { m - 9 });
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Microseconds of a day.
pub(crate) const DAY: i64 = 86_400_000_000;

/// Divides rows so that a segment holds one day where a day has enough of them, else a month: a report of years of
/// URLs must not become a thousand files.
pub fn by_time(batch: &EventBatch, rows: impl Iterator<Item = u32>) -> Vec<Vec<u32>> {
    const ENOUGH: usize = 4096;
    const FEW_DAYS: usize = 8;
    let mut days: std::collections::BTreeMap<i64, Vec<u32>> = std::collections::BTreeMap::new();
    for at in rows {
        days.entry(batch.time(at as usize).div_euclid(DAY)).or_default().push(at);
    }
    if days.len() <= FEW_DAYS {
        return days.into_values().collect();
    }
    let mut segments = Vec::new();
    let mut months: std::collections::BTreeMap<String, Vec<u32>> = std::collections::BTreeMap::new();
    for (day, rows) in days {
        if rows.len() >= ENOUGH {
            segments.push(rows);
        } else {
            months.entry(day_of(day * DAY)[..7].to_owned()).or_default().extend(rows);
        }
    }
    if months.len() > 64 {
        segments.push(months.into_values().flatten().collect());
    } else {
        segments.extend(months.into_values());
    }
    segments
}

/// The BLAKE3 hash of a file, as the register keeps it.
///
/// # Errors
/// When the file cannot be read.
pub fn hash_file(path: &Path) -> Result<String, StoreError> {
    let mut hasher = blake3::Hasher::new();
    let mut file = File::open(path).map_err(StoreError::file(path))?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match io::Read::read(&mut file, &mut buffer) {
            Ok(0) => return Ok(hasher.finalize().to_hex().to_string()),
            Ok(n) => hasher.update(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(StoreError::file(path)(error)),
        };
    }
}

const _: () = assert!(matches!(COLUMNS[ID].kind, Kind::Id));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_named_as_calendars_do() {
        for (time, day) in
            [(0, "1970-01-01"), (-1, "1969-12-31"), (951_782_400_000_000, "2000-02-29"), (1_774_249_262_000_000, "2026-03-23")]
        {
            assert_eq!(day_of(time), day);
        }
    }
}
