//! Days as a picture: a row for each month, a cell for each day, with its legend and table.
//!
//! Shape and colour tell the kinds apart; it is drawn for a desk and for a telephone, and the sheet shows one of them.

use casework::model::day::Day;
use maud::{Markup, html};

/// What a day was.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Seen.
    Seen,
    /// Somebody watched and saw nothing.
    Quiet,
    /// Nobody watched.
    Unwatched,
    /// Who watches has not told of it yet.
    NotYet,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Seen, Self::Quiet, Self::Unwatched, Self::NotYet];

    fn class(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Quiet => "silent",
            Self::Unwatched => "unwatched",
            Self::NotYet => "not-yet",
        }
    }
}

/// One day.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) day: Day,
    pub(crate) kind: Kind,
    /// What stands there when it is pointed at.
    pub(crate) text: String,
    pub(crate) link: Option<String>,
}

/// Months at most; the newest are drawn.
const MONTHS: usize = 18;

/// The picture, without legend and table.
pub(crate) fn strip(title: &str, description: &str, cells: &[Cell]) -> Markup {
    html! {
        (drawn(title, description, cells, "wide", 19, 15, 74))
        (drawn(title, description, cells, "phone", 10, 9, 50))
    }
}

fn drawn(title: &str, description: &str, cells: &[Cell], class: &str, step: i32, side: i32, left: i32) -> Markup {
    let month = |cell: &Cell| cell.day.to_string().get(..7).unwrap_or_default().to_owned();
    let mut months: Vec<String> = cells.iter().map(month).collect();
    months.dedup();
    let skip = months.len().saturating_sub(MONTHS);
    let months = &months[skip..];
    let (width, height) = (left + 31 * step, (months.len() as i32) * step + 2);
    html! {
        svg.strip.(class) viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height) role="group" aria-label=(title) {
            title { (title) }
            desc { (description) }
            @for (row, name) in months.iter().enumerate() {
                text x="0" y=(row as i32 * step + side - side / 4) aria-hidden="true" { (name) }
            }
            @for cell in cells {
                @if let Some(row) = months.iter().position(|name| *name == month(cell)) {
                    @let date = cell.day.to_string();
                    @let column = date.get(8..10).and_then(|day| day.parse::<i32>().ok()).unwrap_or(1) - 1;
                    @match &cell.link {
                        Some(link) => a href=(link) tabindex="-1" { (mark(cell.kind, left + column * step, row as i32 * step + 1, side, &cell.text)) },
                        None => (mark(cell.kind, left + column * step, row as i32 * step + 1, side, &cell.text)),
                    }
                }
            }
        }
    }
}

/// The shape of a kind, `side` wide.
fn mark(kind: Kind, x: i32, y: i32, side: i32, text: &str) -> Markup {
    html! {
        g class={ "day " (kind.class()) } {
            @match kind {
                Kind::Seen => rect x=(x) y=(y) width=(side) height=(side) {},
                Kind::Quiet => circle cx={ (x + side / 2) } cy={ (y + side / 2) } r=(side * 2 / 5) {},
                Kind::Unwatched => path d={ "M" (x + 1) " " (y + side - 1) "L" (x + side - 1) " " (y + 1) } {},
                Kind::NotYet => circle cx={ (x + side / 2) } cy={ (y + side / 2) } r=(side.max(8) / 8) {},
            }
            title { (text) }
        }
    }
}

/// The legend: each kind with its word.
pub(crate) fn legend(words: &[(Kind, String)]) -> Markup {
    html! {
        ul.legend {
            @for (kind, word) in words {
                li { svg.strip viewBox="0 0 17 17" width="17" height="17" aria-hidden="true" { (mark(*kind, 1, 1, 15, "")) } " " (word) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_is_drawn_twice_and_the_newest_months_alone() {
        let cell = |n: i32, kind| Cell { day: Day::from_number(n), kind, text: "a & b".into(), link: None };
        let cells: Vec<Cell> = (20_000..20_003).map(|n| cell(n, Kind::Seen)).collect();
        let text = strip("t", "d", &cells).into_string();
        assert_eq!(text.matches("<rect").count(), 6);
        assert!(text.contains("a &amp; b") && text.contains("2024-10"));
        let years: Vec<Cell> = (18_000..20_003).map(|n| cell(n, Kind::Quiet)).collect();
        let text = strip("t", "d", &years).into_string();
        assert!(text.contains("2024-10") && !text.contains("2020-01"));
        for kind in Kind::ALL {
            assert!(legend(&[(kind, "w".into())]).into_string().contains("<title>"));
        }
    }
}
