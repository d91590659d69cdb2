//! Asking: the table `events` and the register's views, in SQL.
//!
//! The table is the list of segments in the register at the moment of asking, never a listing of the folder. Segments
//! whose time, addresses or filters show that they cannot hold an answer are left out before a file is opened.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use casework::share::Redactions;
use datafusion::catalog::{MemTable, Session, TableProvider};
use datafusion::common::config::TableParquetOptions;
use datafusion::common::{Result, ScalarValue};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::prelude::{SessionConfig, SessionContext, col};

use crate::StoreError;
use crate::columns::{COLUMNS, Kind};
use crate::door::{Door, SeenSegments};
use crate::functions;
use crate::home::{Home, create_private, unique};
use crate::lookup::{End, groups_with_id, may_hold};
use crate::register::{Register, segments};
use crate::segment::Segment;
use crate::terms::{KnownTerms, all_terms};

/// A session that can be asked.
#[allow(missing_debug_implementations)] // the session of the engine has none
pub struct Questions {
    session: SessionContext,
    home: Home,
    /// Where the register's views are read when they are asked for; `None` when somebody asks who does not have the machine.
    register: Option<Register>,
    _spill: Option<Spill>,
}

/// Where the engine writes what does not fit into memory. Named after its process, so that nobody sweeps it meanwhile.
struct Spill(PathBuf);

impl Drop for Spill {
    fn drop(&mut self) {
        // What cannot be removed is a stray once this process is gone.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Memory the engine may use for sorting and grouping before it writes to disk.
const MEMORY_BYTES: usize = 2 << 30;

/// What a session is for.
enum For<'a> {
    /// Whoever has the machine: everything.
    Ourselves,
    /// A page: events alone, in little memory.
    Page,
    Party(Admits<'a>),
}

/// Memory for a question of a page.
const PAGE_BYTES: usize = 256 << 20;

impl Questions {
    /// Opens what is remembered now for questions.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn open(home: &Home, register: &Register) -> Result<Self, StoreError> {
        Self::of(home, register, For::Ourselves).await
    }

    /// Opens events alone, for one of many who ask at once: with little memory, and nothing of the register is read for it.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn open_page(home: &Home, register: &Register) -> Result<Self, StoreError> {
        Self::of(home, register, For::Page).await
    }

    /// Opens what one party sees of it: only events, and of these only what `admits` lets through (once for each of the terms;
    /// `None` denies).
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn open_for(
        home: &Home,
        register: &Register,
        mut admits: impl FnMut(&KnownTerms) -> Option<Redactions> + Send,
    ) -> Result<Self, StoreError> {
        Self::of(home, register, For::Party(&mut admits)).await
    }

    async fn of(home: &Home, register: &Register, purpose: For<'_>) -> Result<Self, StoreError> {
        let mut config = SessionConfig::new().with_information_schema(matches!(purpose, For::Ourselves)).with_batch_size(8192);
        let options = config.options_mut();
        options.execution.parquet.pushdown_filters = true;
        options.execution.parquet.reorder_filters = true;
        options.execution.parquet.metadata_size_hint = Some(64 << 10);
        options.execution.collect_statistics = false;
        options.sql_parser.default_null_ordering = "nulls_last".to_owned();
        let spill = Spill(home.temporary().join(unique()));
        // On a full disk and on one that is only read, questions are answered as far as memory reaches.
        let spill = create_private(&spill.0).is_ok().then_some(spill);
        let disk = DiskManagerBuilder::default().with_mode(match &spill {
            Some(spill) => DiskManagerMode::Directories(vec![spill.0.clone()]),
            None => DiskManagerMode::Disabled,
        });
        let memory = if matches!(purpose, For::Page) { PAGE_BYTES } else { MEMORY_BYTES };
        let runtime = RuntimeEnvBuilder::new().with_memory_limit(memory, 1.0).with_disk_manager_builder(disk).build_arc()?;
        let session = SessionContext::new_with_config_rt(config, runtime);
        functions::register(&session);
        // One snapshot for everything that is asked: events and register never tell of different moments.
        let mut snapshot = register.pool.begin().await?;
        let segments = segments(&mut snapshot).await?;
        let rows: i64 = segments.iter().map(|s| s.row_count).sum();
        tracing::debug!(segments = segments.len(), rows, "opened for questions");
        let segments = Segments { home: home.clone(), segments, schema: table_schema() };
        let views = matches!(purpose, For::Ourselves).then(|| register.clone());
        match purpose {
            For::Page => drop(session.register_table("events", events(Arc::new(segments))?)?),
            For::Ourselves => {
                session.register_table("events", events(Arc::new(segments))?)?;
                for view in VIEWS {
                    session.register_table(view.name, view.nothing()?)?;
                }
            }
            For::Party(admits) => {
                let door = Door::new(&all_terms(&mut snapshot).await?, admits);
                session.register_table("events", events(Arc::new(SeenSegments::new(segments, door)))?)?;
            }
        }
        snapshot.rollback().await?;
        Ok(Self { session, home: home.clone(), register: views, _spill: spill })
    }

    /// Reads those of the register's views that a question names, and what segments there are at the same moment, so that events and
    /// register never tell of different ones.
    async fn read_views(&self, register: &Register, views: Vec<&'static View>) -> Result<(), StoreError> {
        if views.is_empty() {
            return Ok(());
        }
        let mut snapshot = register.pool.begin().await?;
        let segments = Segments { home: self.home.clone(), segments: segments(&mut snapshot).await?, schema: table_schema() };
        let mut tables = vec![("events", events(Arc::new(segments))?)];
        for view in views {
            tables.push((view.name, view.table(&mut snapshot).await?));
        }
        for (name, table) in tables {
            self.session.deregister_table(name)?;
            self.session.register_table(name, table)?;
        }
        snapshot.rollback().await?;
        Ok(())
    }

    /// For tables that a question of our own is joined with.
    pub(crate) fn session(&self) -> &SessionContext {
        &self.session
    }

    /// Runs SQL that only reads.
    ///
    /// # Errors
    /// When the SQL is wrong or tries to change something; the engine's message names the place.
    pub async fn sql(&self, sql: &str) -> Result<datafusion::dataframe::DataFrame, StoreError> {
        let options =
            datafusion::execution::context::SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        let state = self.session.state();
        let statement = state.sql_to_statement(sql, &state.config().options().sql_parser.dialect)?;
        if let Some(register) = &self.register {
            let named = state.resolve_table_references(&statement)?;
            let views = VIEWS.iter().filter(|view| named.iter().any(|name| name.table() == view.name)).collect();
            self.read_views(register, views).await?;
        }
        let plan = self.session.state().statement_to_plan(statement).await?;
        options.verify_plan(&plan)?;
        // A plan tells which files there are, and its measures how many rows were not shown.
        if self.register.is_none() && matches!(plan, LogicalPlan::Explain(_) | LogicalPlan::Analyze(_)) {
            return Err(StoreError::Refused("EXPLAIN is not for this view".into()));
        }
        Ok(self.session.execute_logical_plan(plan).await?)
    }
}

type Admits<'a> = &'a mut (dyn FnMut(&KnownTerms) -> Option<Redactions> + Send);

/// The table as users see it: identities as text, everything else as stored.
fn events(provider: Arc<dyn TableProvider>) -> Result<Arc<dyn TableProvider>> {
    let id_text = functions::id_text();
    let columns: Vec<Expr> = COLUMNS
        .iter()
        .map(|column| match column.kind {
            Kind::Id => id_text.call(vec![col(column.name)]).alias(column.name),
            _ => col(column.name),
        })
        .collect();
    // A frame of its own session: only the plan is kept.
    Ok(SessionContext::new().read_table(provider)?.select(columns)?.into_view())
}

/// As in the file, with text as views into the pages.
fn table_schema() -> SchemaRef {
    let fields: Vec<Field> = crate::columns::FILE_SCHEMA
        .fields()
        .iter()
        .map(|field| match field.data_type() {
            DataType::Utf8 => Field::new(field.name(), DataType::Utf8View, field.is_nullable()),
            _ => field.as_ref().clone(),
        })
        .collect();
    Arc::new(Schema::new(fields))
}

/// The segments of a moment as a table.
#[derive(Debug)]
pub(crate) struct Segments {
    home: Home,
    segments: Vec<Segment>,
    schema: SchemaRef,
}

#[async_trait::async_trait]
impl TableProvider for Segments {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        // All help to leave files out; the engine pushes them into the files itself and checks what is left.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.plan(state, projection, filters, limit, None)
    }
}

impl Segments {
    /// Reads what is left when `filters` have left out segments. With a predicate, row groups and pages that cannot fulfil it are left
    /// out too; with `late`, columns are read only of rows that do.
    pub(crate) fn plan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
        predicate: Option<(Arc<dyn PhysicalExpr>, bool)>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let wanted = Wanted::of(filters);
        let segments = wanted.places(&self.home, &self.segments);
        if segments.is_empty() {
            let schema = match projection {
                Some(columns) => Arc::new(self.schema.project(columns)?),
                None => Arc::clone(&self.schema),
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        // Files are spread so that each core gets about the same number of rows; the engine splits large ones further.
        let groups = state.config().target_partitions().clamp(1, segments.len());
        let mut spread: Vec<(i64, FileGroup)> = (0..groups).map(|_| (0, FileGroup::default())).collect();
        let mut by_size = segments;
        by_size.sort_by_key(|(s, _)| std::cmp::Reverse(s.size_bytes));
        for (segment, groups) in by_size {
            let path = self.home.resolve(&segment.path);
            let path = std::path::absolute(&path).unwrap_or(path);
            let mut file = PartitionedFile::new(path.to_string_lossy(), segment.size_bytes.unsigned_abs());
            if let Some(groups) = groups {
                let access = |may: bool| if may { RowGroupAccess::Scan } else { RowGroupAccess::Skip };
                file = file.with_extension(ParquetAccessPlan::new(groups.into_iter().map(access).collect()));
            }
            if let Some(least) = spread.iter_mut().min_by_key(|g| g.0) {
                least.0 += segment.size_bytes;
                least.1.push(file);
            }
        }
        let parquet = TableParquetOptions { global: state.config_options().execution.parquet.clone(), ..TableParquetOptions::default() };
        let mut source = ParquetSource::new(Arc::clone(&self.schema)).with_table_parquet_options(parquet);
        if let Some((predicate, late)) = predicate {
            source = source.with_predicate(predicate).with_pushdown_filters(late);
        }
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
            .with_file_groups(spread.into_iter().map(|g| g.1).collect())
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// What a question asks for, as far as it can leave segments out.
#[derive(Debug, Default)]
struct Wanted {
    time_min: Option<i64>,
    time_max: Option<i64>,
    ip_min: Option<String>,
    ip_max: Option<String>,
    /// Any of these addresses; empty when none is required.
    ips: Vec<String>,
    /// An address that is required as destination, and one that is at either end.
    destination: Option<String>,
    either: Option<String>,
    /// The least identity, and the one that is too much.
    id_least: Option<u128>,
    id_end: Option<u128>,
}

impl Wanted {
    fn of(filters: &[Expr]) -> Self {
        let mut wanted = Self::default();
        for filter in filters.iter().flat_map(split_conjunction) {
            match filter {
                Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (&**left, &**right) {
                    (Expr::Column(column), Expr::Literal(value, _)) => wanted.compare(&column.name, *op, value),
                    _ if *op == Operator::Or => wanted.either = at_either_end(left, right).or(wanted.either),
                    (Expr::Literal(value, _), Expr::Column(column)) => {
                        if let Some(op) = op.swap() {
                            wanted.compare(&column.name, op, value);
                        }
                    }
                    _ => {}
                },
                Expr::InList(InList { expr, list, negated: false }) => {
                    if let Expr::Column(column) = &**expr
                        && column.name == "source_ip"
                    {
                        let ips: Option<Vec<String>> = list.iter().map(literal_text).collect();
                        wanted.ips = ips.unwrap_or_default();
                    }
                }
                Expr::Between(between) if !between.negated => {
                    if let (Expr::Column(column), Expr::Literal(low, _), Expr::Literal(high, _)) =
                        (&*between.expr, &*between.low, &*between.high)
                    {
                        wanted.compare(&column.name, Operator::GtEq, low);
                        wanted.compare(&column.name, Operator::LtEq, high);
                    }
                }
                _ => {}
            }
        }
        wanted
    }

    fn compare(&mut self, column: &str, op: Operator, value: &ScalarValue) {
        match column {
            "time" => {
                let Some(time) = microseconds(value) else { return };
                if matches!(op, Operator::Gt | Operator::GtEq | Operator::Eq) {
                    self.time_min = Some(self.time_min.map_or(time, |t| t.max(time)));
                }
                if matches!(op, Operator::Lt | Operator::LtEq | Operator::Eq) {
                    self.time_max = Some(self.time_max.map_or(time, |t| t.min(time)));
                }
            }
            "id" => {
                let ScalarValue::FixedSizeBinary(16, Some(bytes)) = value else { return };
                let Ok(id) = bytes[..].try_into().map(u128::from_be_bytes) else { return };
                match op {
                    Operator::GtEq => self.id_least = Some(id),
                    Operator::Lt => self.id_end = Some(id),
                    _ => {}
                }
            }
            "destination_ip" if op == Operator::Eq => self.destination = value.try_as_str().flatten().map(str::to_owned),
            "source_ip" => {
                let Some(Some(text)) = value.try_as_str() else { return };
                match op {
                    Operator::Eq => self.ips = vec![text.to_owned()],
                    Operator::Gt | Operator::GtEq => self.ip_min = Some(text.to_owned()),
                    Operator::Lt | Operator::LtEq => self.ip_max = Some(text.to_owned()),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// The segments that may hold what is asked, and of each the groups that may where these are known.
    fn places<'s>(&self, home: &Home, segments: &'s [Segment]) -> Vec<(&'s Segment, Option<Vec<bool>>)> {
        let one = self.id_least.filter(|least| least.checked_add(1).is_some_and(|next| self.id_end == Some(next))).map(u128::to_be_bytes);
        let may = segments.iter().filter(|segment| self.may_be_in(home, segment));
        let Some(id) = one else { return may.map(|segment| (segment, None)).collect() };
        may.map(|segment| (segment, groups_with_id(home, segment, &id)))
            .filter(|(_, groups)| groups.as_ref().is_none_or(|groups| groups.contains(&true)))
            .collect()
    }

    fn may_be_in(&self, home: &Home, segment: &Segment) -> bool {
        let time = self.time_min.is_none_or(|t| segment.time_max >= t) && self.time_max.is_none_or(|t| segment.time_min <= t);
        let asks_ip = self.ip_min.is_some() || self.ip_max.is_some() || !self.ips.is_empty();
        if !time || (asks_ip && segment.ip_min.is_none()) {
            return time && !asks_ip;
        }
        let may = |ip: &String, end| may_hold(home, segment, ip, end);
        if self.destination.as_ref().is_some_and(|ip| !may(ip, End::Destination))
            || self.either.as_ref().is_some_and(|ip| !may(ip, End::Source) && !may(ip, End::Destination))
        {
            return false;
        }
        let above = self.ip_min.as_ref().is_none_or(|low| segment.ip_max.as_ref().is_none_or(|max| max >= low));
        let below = self.ip_max.as_ref().is_none_or(|high| segment.ip_min.as_ref().is_none_or(|min| min <= high));
        above && below && (self.ips.is_empty() || self.ips.iter().any(|ip| may(ip, End::Source)))
    }
}

/// The address of `source_ip = 'x' OR destination_ip = 'x'`.
fn at_either_end(left: &Expr, right: &Expr) -> Option<String> {
    let equal = |expr: &Expr| match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => match (&**left, &**right) {
            (Expr::Column(column), literal) | (literal, Expr::Column(column)) => Some((column.name.clone(), literal_text(literal)?)),
            _ => None,
        },
        _ => None,
    };
    let ((one, text), (other, same)) = (equal(left)?, equal(right)?);
    let ends = [one.as_str(), other.as_str()];
    (text == same && (ends == ["source_ip", "destination_ip"] || ends == ["destination_ip", "source_ip"])).then_some(text)
}

fn literal_text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten().map(str::to_owned),
        _ => None,
    }
}

fn microseconds(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::TimestampSecond(Some(t), _) => t.checked_mul(1_000_000),
        ScalarValue::TimestampMillisecond(Some(t), _) => t.checked_mul(1_000),
        ScalarValue::TimestampMicrosecond(Some(t), _) => Some(*t),
        ScalarValue::TimestampNanosecond(Some(t), _) => Some(t.div_euclid(1_000)),
        _ => None,
    }
}

/// A table of the register that SQL may read.
struct View {
    name: &'static str,
    columns: &'static [(&'static str, Holds)],
    sql: &'static str,
}

#[derive(Clone, Copy)]
enum Holds {
    Text,
    Number,
    Time,
}

use Holds::{Number, Text, Time};

const VIEWS: &[View] = &[
    View {
        name: "evidence",
        columns: &[
            ("id", Text),
            ("name", Text),
            ("size_bytes", Number),
            ("received_at", Time),
            ("feed", Text),
            ("given_by", Text),
            ("tlp", Text),
            ("read_rows", Number),
            ("stored_rows", Number),
            ("duplicate_rows", Number),
            ("rejected_rows", Number),
        ],
        sql: "SELECT evidence.id, name, size_bytes, received_at, feed, given_by, tlp, read_rows, stored_rows, duplicate_rows, \
              rejected_rows FROM evidence JOIN terms ON terms.id = evidence.terms ORDER BY received_at, evidence.id",
    },
    View {
        name: "rejections",
        columns: &[("evidence", Text), ("path", Text), ("row", Number), ("reason", Text)],
        sql: "SELECT evidence, path, row_number, reason FROM rejection ORDER BY evidence, number",
    },
    View {
        name: "segments",
        columns: &[("id", Text), ("time_min", Time), ("time_max", Time), ("row_count", Number), ("size_bytes", Number), ("level", Number)],
        sql: "SELECT id, time_min, time_max, row_count, size_bytes, level FROM segment WHERE retired_at IS NULL ORDER BY time_min, id",
    },
    View { name: "terms", columns: &[("id", Number), ("tlp", Text), ("text", Text)], sql: "SELECT id, tlp, text FROM terms ORDER BY id" },
    View {
        name: "drift",
        columns: &[("kind", Text), ("name", Text), ("times", Number), ("evidence", Text)],
        sql: "SELECT kind, name, times, evidence FROM drift ORDER BY kind, name",
    },
];

impl Holds {
    fn kind(self) -> DataType {
        match self {
            Text => DataType::Utf8,
            Number => DataType::Int64,
            Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }
}

impl View {
    fn schema(&self) -> SchemaRef {
        let fields: Vec<Field> = self.columns.iter().map(|(name, holds)| Field::new(*name, holds.kind(), true)).collect();
        Arc::new(Schema::new_with_metadata(fields, HashMap::new()))
    }

    /// The table without its rows.
    fn nothing(&self) -> Result<Arc<dyn TableProvider>, StoreError> {
        Ok(Arc::new(MemTable::try_new(self.schema(), vec![Vec::new()])?))
    }

    async fn table(&self, snapshot: &mut sqlx::SqliteConnection) -> Result<Arc<dyn TableProvider>, StoreError> {
        use sqlx::Row as _;
        let rows = sqlx::query(self.sql).fetch_all(snapshot).await?;
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for (at, (_, holds)) in self.columns.iter().enumerate() {
            let numbers = || rows.iter().map(|row| row.try_get::<Option<i64>, _>(at)).collect::<Result<Vec<_>, _>>();
            let array: ArrayRef = match holds {
                Text => {
                    let texts: Vec<Option<String>> = rows.iter().map(|row| row.try_get(at)).collect::<Result<_, _>>()?;
                    Arc::new(StringArray::from(texts))
                }
                Number => Arc::new(Int64Array::from(numbers()?)),
                Time => Arc::new(TimestampMicrosecondArray::from(numbers()?).with_timezone("UTC")),
            };
            arrays.push(array);
        }
        let schema = self.schema();
        let rows = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
        Ok(Arc::new(MemTable::try_new(schema, vec![vec![rows]])?))
    }
}
