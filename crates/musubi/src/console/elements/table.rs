//! Tables: one page of rows at a time, readable on a phone, and a way on by cursor.

use maud::{Markup, html};

use super::query::Query;
use crate::console::visit::Visit;

/// Rows on a page.
pub(crate) const ROWS: usize = 50;

/// A column: its heading, and whether it holds numbers.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) heading: String,
    pub(crate) is_number: bool,
}

impl Column {
    pub(crate) fn text(heading: impl Into<String>) -> Self {
        Self { heading: heading.into(), is_number: false }
    }

    pub(crate) fn number(heading: impl Into<String>) -> Self {
        Self { heading: heading.into(), is_number: true }
    }
}

/// A table that can be scrolled by itself, by keys too; on a phone each row becomes lines with the headings beside them.
pub(crate) fn table(caption: &str, columns: &[Column], rows: &[Vec<Markup>]) -> Markup {
    html! {
        div.table tabindex="0" role="region" aria-label=(caption) {
            table {
                caption.unseen { (caption) }
                thead { tr { @for column in columns { th scope="col" class=[column.is_number.then_some("number")] { (column.heading) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (cell, column) in row.iter().zip(columns) {
                                td class=[column.is_number.then_some("number")] data-heading=(column.heading) { (cell) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The ways to the first and the next page; `next` is the cursor of the next one.
pub(crate) fn paging(visit: &Visit, next: Option<&str>) -> Markup {
    let query = Query::of(&visit.uri);
    let path = visit.uri.path();
    html! {
        nav.paging aria-label=(visit.say("table-pages")) {
            @if query.one("after").is_some() { a href=(query.with("after", None).link(path)) { (visit.say("table-first")) } }
            @if let Some(next) = next { a rel="next" href=(query.with("after", Some(next)).link(path)) { (visit.say("table-next")) } }
        }
    }
}
