//! Pictures of numbers, drawn here as SVG: a map, bars by day, bars beside numbers. Each is a function from figures to markup, styled by
//! class; each says what it is, has a legend where it needs one, and stands with the same numbers as a table.

pub(crate) mod bars;
pub(crate) mod histogram;
pub(crate) mod map;
pub(crate) mod qr;

use maud::{Markup, html};

use super::words::grouped;

/// A small bar for its share of the largest, beside its number.
pub(crate) fn beside(count: u64, largest: u64) -> Markup {
    let tenths = (u128::from(count) * 1000).div_ceil(u128::from(largest.max(1))).min(1000);
    html! {
        span.beside {
            svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" { rect.amount width=(tenths) height="10" {} }
            span { (grouped(count)) }
        }
    }
}

/// The next number of few digits at or above one: where a scale ends.
pub(crate) fn rounded_up(number: u64) -> u64 {
    if number < 10 {
        return number.max(1);
    }
    let tenth = 10_u64.pow(number.ilog10() - 1);
    let steps = [10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100];
    steps.into_iter().map(|step| tenth.saturating_mul(step)).find(|at| *at >= number).unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_at_round_numbers() {
        for (number, up) in [(0, 1), (1, 1), (3, 3), (99, 100), (101, 120), (12_069, 15_000), (u64::MAX, u64::MAX)] {
            assert_eq!(rounded_up(number), up, "{number}");
        }
    }

    #[test]
    fn a_bar_is_never_longer_than_its_place_nor_invisible() {
        assert!(beside(1, 1_000_000).into_string().contains("width=\"1\""));
        assert!(beside(9, 3).into_string().contains("width=\"1000\""));
        assert!(beside(0, 0).into_string().contains("width=\"0\""));
    }
}
