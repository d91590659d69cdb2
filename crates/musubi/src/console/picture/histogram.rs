//! How many over time, to be narrowed: each bar leads to its own days.

use casework::model::day::Day;
use maud::{Markup, html};

use crate::console::words::grouped;

/// Bars at most; longer spans have several days in each.
const BARS: i32 = 60;

/// A stretch of days and how many are in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Stretch {
    pub(crate) first: i32,
    pub(crate) last: i32,
    pub(crate) count: u64,
}

/// Days put together so that few enough bars are left.
pub(crate) fn stretches(days: &[(i32, u64)], span: Option<(i32, i32)>) -> Vec<Stretch> {
    let span = span.or_else(|| Some((days.first()?.0, days.last()?.0)));
    let Some((first, last)) = span.filter(|(first, last)| first <= last) else { return Vec::new() };
    let each = (last.saturating_sub(first).saturating_add(BARS)) / BARS;
    let mut stretches: Vec<Stretch> = (0..)
        .map(|at| first.saturating_add(each * at))
        .take_while(|start| *start <= last)
        .map(|start| Stretch { first: start, last: (start + each - 1).min(last), count: 0 })
        .collect();
    for (day, count) in days {
        let at = usize::try_from((day - first) / each).ok().filter(|_| *day >= first && *day <= last);
        if let Some(stretch) = at.and_then(|at| stretches.get_mut(at)) {
            stretch.count += count;
        }
    }
    stretches
}

/// Bars over time.
#[allow(missing_debug_implementations, reason = "a closure has none")]
pub(crate) struct Histogram<'a> {
    pub(crate) id: &'a str,
    pub(crate) title: &'a str,
    pub(crate) description: &'a str,
    pub(crate) stretches: &'a [Stretch],
    pub(crate) link: &'a dyn Fn(&Stretch) -> String,
}

impl Histogram<'_> {
    pub(crate) fn draw(&self) -> Markup {
        let (title, description) = (format!("{}-title", self.id), format!("{}-description", self.id));
        let largest = self.stretches.iter().map(|stretch| stretch.count).max().unwrap_or(0).max(1);
        let step = 1000.0 / self.stretches.len().max(1) as f64;
        html! {
            figure.histogram {
                svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="group" aria-labelledby=(title) aria-describedby=(description) {
                    title id=(title) { (self.title) }
                    desc id=(description) { (self.description) }
                    @for (at, stretch) in self.stretches.iter().enumerate() {
                        @if stretch.count > 0 {
                            @let height = (stretch.count as f64 / largest as f64 * 98.0).max(1.5);
                            a href=((self.link)(stretch)) tabindex="-1" data-count=(stretch.count) {
                                title { (named(stretch)) ": " (grouped(stretch.count)) }
                                // The whole height can be hit; what is seen is the bar.
                                rect.hit x=(step * at as f64) y="0" width=(step) height="100" {}
                                rect.amount x=(step * (at as f64 + 0.08)) y=(100.0 - height) width=(step * 0.84) height=(height) {}
                            }
                        }
                    }
                }
                @if let (Some(first), Some(last)) = (self.stretches.first(), self.stretches.last()) {
                    figcaption { span { (Day::from_number(first.first)) } span { (grouped(largest)) " ↑" } span { (Day::from_number(last.last)) } }
                }
            }
        }
    }
}

/// `2026-03-23`, or `2026-03-01 – 2026-03-07`.
pub(crate) fn named(stretch: &Stretch) -> String {
    let (first, last) = (Day::from_number(stretch.first), Day::from_number(stretch.last));
    if first == last { first.to_string() } else { format!("{first} – {last}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_is_in_one_stretch() {
        let days: Vec<(i32, u64)> = (0..500).map(|day| (20_000 + day, 1)).collect();
        for length in [1, 2, 59, 60, 61, 120, 121, 500] {
            let stretches = stretches(&days[..length], None);
            assert!(stretches.len() <= BARS as usize, "{length}");
            assert_eq!(stretches.iter().map(|stretch| stretch.count).sum::<u64>(), length as u64);
            assert!(stretches.windows(2).all(|pair| pair[0].last + 1 == pair[1].first));
            assert_eq!((stretches[0].first, stretches.last().unwrap().last), (20_000, 19_999 + length as i32));
        }
        assert!(stretches(&[], None).is_empty());
        assert_eq!(stretches(&[(5, 7)], Some((6, 6))), [Stretch { first: 6, last: 6, count: 0 }]);
    }
}
