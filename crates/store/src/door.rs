//! The door: what of the events does this party see?
//!
//! Decided once for each distinct terms; applied to rows by their number. The door stands between the segments and the
//! engine: a row that may not be seen never reaches an expression that a question brings, so that neither a count nor the
//! message of an error tells of it, and what is redacted is empty before anybody compares it.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::{filter_record_batch, nullif};
use arrow::datatypes::{Field, Int64Type, Schema, SchemaRef};
use casework::share::Redactions;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DFSchema, Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, TableProviderFilterPushDown, TableType, col, lit};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::execution_plan::{Boundedness, ChildrenPropertiesMode, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties as _, PlanProperties, ReplaceChildrenOptions,
};
use futures::StreamExt as _;

use crate::StoreError;
use crate::columns::position;
use crate::events::Segments;
use crate::terms::KnownTerms;

/// What one party sees of rows, by the number of their terms.
#[derive(Clone, Debug)]
pub struct Door {
    /// `None`: not seen. Terms beyond the end were not decided about: not seen.
    by_terms: Vec<Option<Redactions>>,
}

impl Door {
    /// Asks once for each of the terms; `None` denies.
    pub fn new(terms: &[KnownTerms], mut admits: impl FnMut(&KnownTerms) -> Option<Redactions>) -> Self {
        Self::of(terms.iter().filter_map(|known| Some((known.id, admits(known)?))))
    }

    /// Lets rows through under these terms alone, without what is hidden under each.
    pub fn of(admitted: impl IntoIterator<Item = (i64, Redactions)>) -> Self {
        let mut by_terms = Vec::new();
        for (terms, redactions) in admitted {
            let Ok(at) = usize::try_from(terms) else { continue };
            // Numbers are given one after the other.
            if at >= by_terms.len() {
                by_terms.resize(at + 1, None);
            }
            by_terms[at] = Some(redactions);
        }
        Self { by_terms }
    }

    /// What of a row under these terms is hidden; `None` when it is not seen at all.
    pub fn redactions(&self, terms: i64) -> Option<Redactions> {
        usize::try_from(terms).ok().and_then(|at| self.by_terms.get(at).copied().flatten())
    }

    /// Numbers of the terms whose rows are seen.
    pub fn admitted(&self) -> impl Iterator<Item = i64> {
        self.by_terms.iter().enumerate().filter(|(_, seen)| seen.is_some()).map(|(at, _)| at as i64)
    }

    /// The rows that are seen, as they are seen.
    ///
    /// # Errors
    /// When there is no column `terms`.
    pub fn admit(&self, rows: &RecordBatch) -> Result<RecordBatch, StoreError> {
        let schema = rows.schema();
        let Some(terms) = schema.column_with_name("terms").map(|(at, _)| at) else {
            return Err(StoreError::Refused("rows without terms cannot be shown to a party".into()));
        };
        let all: Vec<usize> = (0..rows.num_columns()).collect();
        Ok(self.pass(rows, terms, &all, &self.schema(&schema))?)
    }

    /// A schema in which what may be hidden may be empty.
    fn schema(&self, schema: &Schema) -> SchemaRef {
        let all = self.by_terms.iter().flatten().fold(Redactions::NONE, |all, one| all.union(*one));
        let fields = schema.fields().iter().map(|field| match all.hide(field.name()) {
            true => Field::new(field.name(), field.data_type().clone(), true),
            false => field.as_ref().clone(),
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// Columns `wanted` of the rows that are seen.
    fn pass(&self, rows: &RecordBatch, terms: usize, wanted: &[usize], schema: &SchemaRef) -> Result<RecordBatch> {
        let Some(ids) = rows.column(terms).as_primitive_opt::<Int64Type>().filter(|ids| ids.null_count() == 0) else {
            // Rows without terms are nobody's to see.
            return Ok(RecordBatch::new_empty(Arc::clone(schema)));
        };
        let ids = ids.values();
        let count = ids.len();
        // Terms change rarely from row to row, and mostly not at all in a batch.
        let one = ids.first().filter(|first| ids.iter().all(|id| id == *first));
        let (rows, each): (RecordBatch, Vec<Redactions>) = match one {
            _ if count == 0 => return Ok(RecordBatch::new_empty(Arc::clone(schema))),
            Some(id) => match self.redactions(*id) {
                None => return Ok(RecordBatch::new_empty(Arc::clone(schema))),
                Some(redactions) => (rows.project(wanted)?, vec![redactions]),
            },
            None => {
                let verdicts: Vec<Option<Redactions>> = ids.iter().map(|id| self.redactions(*id)).collect();
                let seen: BooleanArray = verdicts.iter().map(|verdict| Some(verdict.is_some())).collect();
                let rows = rows.project(wanted)?;
                let rows = if seen.true_count() == count { rows } else { filter_record_batch(&rows, &seen)? };
                (rows, verdicts.into_iter().flatten().collect())
            }
        };
        let count = rows.num_rows();
        let columns =
            schema.fields().iter().zip(rows.columns()).map(|(field, column)| hide(field, column, &each)).collect::<Result<Vec<_>>>()?;
        Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &RecordBatchOptions::new().with_row_count(Some(count)))?)
    }
}

/// A column without what is hidden of it; `each` holds the redactions of each row, or of all rows at once.
fn hide(field: &Field, column: &ArrayRef, each: &[Redactions]) -> Result<ArrayRef> {
    let hidden = each.iter().filter(|redactions| redactions.hide(field.name())).count();
    if hidden == 0 {
        return Ok(Arc::clone(column));
    }
    if hidden == each.len() {
        return Ok(new_null_array(field.data_type(), column.len()));
    }
    let hidden: BooleanArray = each.iter().map(|redactions| Some(redactions.hide(field.name()))).collect();
    Ok(nullif(column, &hidden)?)
}

/// The table of events as one party sees it.
#[derive(Debug)]
pub(crate) struct SeenSegments {
    segments: Segments,
    door: Door,
    schema: SchemaRef,
}

impl SeenSegments {
    pub(crate) fn new(segments: Segments, door: Door) -> Self {
        let schema = door.schema(&segments.schema());
        Self { segments, door, schema }
    }
}

#[async_trait::async_trait]
impl TableProvider for SeenSegments {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    /// A limit is not handed on: it would count rows that are not seen.
    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let wanted = projection.unwrap_or(&all);
        let schema: SchemaRef = Arc::new(self.schema.project(wanted)?);
        let (Some(terms), Some(mut predicate)) = (position("terms"), about(self.door.admitted())) else {
            return Ok(Arc::new(EmptyExec::new(schema)));
        };
        let mut read = wanted.clone();
        if !read.contains(&terms) {
            read.push(terms);
        }
        let terms = read.iter().position(|column| *column == terms).unwrap_or_default();
        // Leaves out row groups and pages of which nothing is seen; the door itself does not rely on it.
        let mut late = false;
        for filter in filters.iter().flat_map(split_conjunction).filter(|filter| cannot_fail(filter)) {
            predicate = predicate.and(filter.clone());
            late = true;
        }
        let in_file = DFSchema::try_from(self.segments.schema().as_ref().clone())?;
        let predicate = state.create_physical_expr(predicate, &in_file)?;
        let input = self.segments.plan(state, Some(&read), filters, None, Some((predicate, late)))?;
        let shown = (0..wanted.len()).collect();
        Ok(Arc::new(DoorExec::new(self.door.clone(), input, terms, shown, schema)))
    }
}

/// A condition that all of these numbers fulfil and few others: some ranges, since that is what statistics can be held against.
fn about(numbers: impl Iterator<Item = i64>) -> Option<Expr> {
    const RANGES: usize = 16;
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, end)) if *end + 1 == number => *end = number,
            _ => ranges.push((number, number)),
        }
    }
    while ranges.len() > RANGES {
        let nearest = (1..ranges.len()).min_by_key(|at| ranges[*at].0 - ranges[*at - 1].1).unwrap_or(1);
        let (_, end) = ranges.remove(nearest);
        ranges[nearest - 1].1 = end;
    }
    ranges.into_iter().map(|(first, end)| col("terms").between(lit(first), lit(end))).reduce(Expr::or)
}

/// A comparison of a column with a constant: it cannot fail, so it cannot tell of a row by failing, and where the column is
/// hidden the question itself, asked again above the door, finds it empty and does not accept the row.
fn cannot_fail(filter: &Expr) -> bool {
    let column = |expr: &Expr| matches!(expr, Expr::Column(_));
    let constant = |expr: &Expr| matches!(expr, Expr::Literal(value, _) if !value.is_null());
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            use datafusion::logical_expr::Operator::{Eq, Gt, GtEq, Lt, LtEq};
            matches!(op, Eq | Gt | GtEq | Lt | LtEq) && (column(left) && constant(right) || constant(left) && column(right))
        }
        Expr::Between(between) => !between.negated && column(&between.expr) && constant(&between.low) && constant(&between.high),
        Expr::InList(list) => !list.negated && column(&list.expr) && list.list.iter().all(constant),
        _ => false,
    }
}

/// Lets rows through. Nothing is pushed past it: no filter, no limit, no projection, and it tells no statistics.
#[derive(Debug)]
struct DoorExec {
    door: Door,
    input: Arc<dyn ExecutionPlan>,
    /// Place of the terms in the input.
    terms: usize,
    /// Columns of the input that are shown.
    shown: Vec<usize>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl DoorExec {
    fn new(door: Door, input: Arc<dyn ExecutionPlan>, terms: usize, shown: Vec<usize>, schema: SchemaRef) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            datafusion::physical_plan::Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { door, input, terms, shown, schema, properties: Arc::new(properties) }
    }
}

impl DisplayAs for DoorExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DoorExec")
    }
}

impl ExecutionPlan for DoorExec {
    fn name(&self) -> &str {
        "DoorExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(&self, _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => {
                Ok(Arc::new(Self::new(self.door.clone(), input, self.terms, self.shown.clone(), Arc::clone(&self.schema))))
            }
            _ => internal_err!("a door has one input"),
        }
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (door, terms, shown, schema) = (self.door.clone(), self.terms, self.shown.clone(), Arc::clone(&self.schema));
        let rows = self.input.execute(partition, context)?.map(move |rows| door.pass(&rows?, terms, &shown, &schema));
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_of_events_was_thought_of_by_whoever_redacts() {
        let unknown: Vec<_> =
            crate::columns::COLUMNS.iter().map(|c| c.name).filter(|name| !casework::share::redact::is_known(name)).collect();
        assert_eq!(unknown, [""; 0]);
    }

    #[test]
    fn many_numbers_become_few_ranges_that_hold_them_all() {
        assert_eq!(about([].into_iter()), None);
        assert_eq!(about([1, 2, 3].into_iter()).unwrap().to_string(), "terms BETWEEN Int64(1) AND Int64(3)");
        let text = about((0..1000).filter(|n| n % 7 != 0 || *n > 900)).unwrap().to_string();
        assert_eq!(text.matches("BETWEEN").count(), 16);
        assert!(text.ends_with("AND Int64(999)"), "{text}");
    }
}
