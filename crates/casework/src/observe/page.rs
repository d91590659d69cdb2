//! Reports that are a table on a web page: what their sources share.

use std::io::Read;

use formats::html_text::{self, Row};

use super::reading::{Reading, Refusal};
use super::{Position, ReadError, Sink};

/// No page that lists indicators is longer.
const PAGE_LIMIT: u64 = 16 << 20;

/// Reads each row of each table of the page.
pub(super) fn each_table_row(
    input: &mut dyn Read,
    sink: &mut dyn Sink,
    mut read: impl FnMut(&Row, &mut Reading<'_>) -> Result<(), Refusal>,
) -> Result<(), ReadError> {
    let mut page = Vec::new();
    input.take(PAGE_LIMIT + 1).read_to_end(&mut page)?;
    if page.len() as u64 > PAGE_LIMIT {
        return Err(ReadError::Malformed(format!("the page is longer than {} MiB", PAGE_LIMIT >> 20)));
    }
    let page = html_text::decode(&page);
    let mut out = Reading::new(sink);
    for row in html_text::rows(&page) {
        let at = Position { row: row.line as u64, offset: row.offset as u64 };
        out.record(at, |out| read(&row, out))?;
    }
    Ok(())
}
