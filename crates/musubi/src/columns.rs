//! Answers of the query engine, row by row: texts and numbers by the place of their column.

use anyhow::{Context as _, Result};
use datafusion::arrow::array::{Array as _, AsArray as _, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};

/// Some columns of an answer.
pub(crate) struct Columns {
    pub(crate) rows: usize,
    texts: Vec<StringArray>,
    numbers: Vec<Int64Array>,
}

impl Columns {
    pub(crate) fn of(batch: &RecordBatch, texts: &[&str], numbers: &[&str]) -> Result<Self> {
        let column = |name: &str, kind: &DataType| -> Result<_> {
            let column = batch.column_by_name(name).with_context(|| format!("no column {name}"))?;
            Ok(cast(column, kind)?)
        };
        let texts = texts.iter().map(|name| Ok(column(name, &DataType::Utf8)?.as_string::<i32>().clone())).collect::<Result<_>>()?;
        let numbers =
            numbers.iter().map(|name| Ok(column(name, &DataType::Int64)?.as_primitive::<Int64Type>().clone())).collect::<Result<_>>()?;
        Ok(Self { rows: batch.num_rows(), texts, numbers })
    }

    pub(crate) fn text(&self, column: usize, row: usize) -> Option<&str> {
        self.texts.get(column).filter(|texts| !texts.is_null(row)).map(|texts| texts.value(row))
    }

    pub(crate) fn number(&self, column: usize, row: usize) -> Option<i64> {
        self.numbers.get(column).filter(|numbers| !numbers.is_null(row)).map(|numbers| numbers.value(row))
    }
}
