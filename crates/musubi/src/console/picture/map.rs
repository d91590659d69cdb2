//! A map of the world: where how many are. Areas, not claims.
//!
//! The shapes lie in a file of their own that a browser keeps; the page names those it shows. The middle of the picture is Europe and
//! Africa, or the Pacific for readers there. What is stronger is more; the legend says how much.

use std::sync::OnceLock;

use casework::model::party::Language;
use maud::{Markup, html};

use crate::console::assets;
use crate::console::words::grouped;

/// An area under its ISO 3166 code.
#[derive(Clone, Copy, Debug)]
struct Area {
    code: &'static str,
    /// Its middle, in the one picture and the other.
    middle: [(f32, f32); 2],
    /// So small that it needs a dot.
    dot: bool,
    shape: bool,
    /// English, Japanese.
    names: [&'static str; 2],
}

fn areas() -> &'static [Area] {
    static ALL: OnceLock<Vec<Area>> = OnceLock::new();
    ALL.get_or_init(|| include_str!("../../../assets/world.tsv").lines().filter_map(area).collect())
}

fn area(line: &'static str) -> Option<Area> {
    let columns: Vec<&'static str> = line.split('\t').collect();
    let [code, x, y, pacific_x, pacific_y, dot, shape, en, ja] = columns[..] else { return None };
    let middle = |x: &str, y: &str| Some((x.parse().ok()?, y.parse().ok()?));
    let middle = [middle(x, y)?, middle(pacific_x, pacific_y)?];
    Some(Area { code, middle, dot: dot == "dot", shape: shape == "shape", names: [en, ja] })
}

/// What a country is called; its code when we have no name for it.
pub(crate) fn name(code: &str, language: Language) -> &str {
    let found = areas().binary_search_by(|area| area.code.cmp(code)).ok();
    found.map_or(code, |at| areas()[at].names[if language == Language::Ja { 1 } else { 0 }])
}

/// Steps of strength.
const STEPS: usize = 5;

/// A map of how many are where.
#[allow(missing_debug_implementations, reason = "a closure has none")]
pub(crate) struct Map<'a> {
    pub(crate) id: &'a str,
    pub(crate) title: &'a str,
    pub(crate) description: &'a str,
    pub(crate) language: Language,
    /// ISO 3166 codes and how many; others are not drawn.
    pub(crate) counts: &'a [(&'a str, u64)],
    pub(crate) link: &'a dyn Fn(&str) -> String,
    /// What the legend says before its steps.
    pub(crate) legend: &'a str,
}

impl Map<'_> {
    pub(crate) fn draw(&self) -> Markup {
        let pacific = self.language == Language::Ja;
        let file = assets::path(if pacific { "world-pacific.svg" } else { "world.svg" });
        let bounds = bounds(self.counts.iter().map(|(_, count)| *count).max().unwrap_or(0));
        let count = |code: &str| self.counts.iter().find(|(known, _)| *known == code).map(|(_, count)| *count).filter(|count| *count > 0);
        let title = format!("{}-title", self.id);
        let description = format!("{}-description", self.id);
        html! {
            figure.map {
                svg viewBox="0 0 1000 460" role="group" aria-labelledby=(title) aria-describedby=(description) {
                    title id=(title) { (self.title) }
                    desc id=(description) { (self.description) }
                    @for area in areas().iter().filter(|area| area.shape && count(area.code).is_none()) {
                        use.land href={ (file) "#" (area.code) } {}
                    }
                    // Dots lie above the shapes of their neighbours.
                    @for dots in [false, true] {
                        @for area in areas().iter().filter(|area| (area.dot || !area.shape) == dots) {
                            @if let Some(count) = count(area.code) {
                                a href=((self.link)(area.code)) tabindex="-1" data-count=(count) {
                                    title { (name(area.code, self.language)) ": " (grouped(count)) }
                                    @if area.shape { use class={ "amount-" (step(count, &bounds)) } href={ (file) "#" (area.code) } {} }
                                    @if dots {
                                        @let (x, y) = area.middle[usize::from(pacific)];
                                        circle class={ "dot amount-" (step(count, &bounds)) } cx=(x) cy=(y) r="4" {}
                                    }
                                }
                            }
                        }
                    }
                }
                figcaption {
                    span { (self.legend) }
                    ol.strengths {
                        @for (at, end) in bounds.iter().enumerate() {
                            @let start = if at == 0 { 1 } else { bounds[at - 1] + 1 };
                            li { span class={ "swatch amount-" (at + 1) } {} @if start == *end { (grouped(start)) } @else { (grouped(start)) "–" (grouped(*end)) } }
                        }
                    }
                }
            }
        }
    }
}

/// The last number of each step: each about as many times the one before, so that few are told from one another as well as many.
fn bounds(largest: u64) -> Vec<u64> {
    let largest = super::rounded_up(largest.max(1));
    let mut bounds: Vec<u64> =
        (1..=STEPS).map(|at| (largest as f64).powf(at as f64 / STEPS as f64).round() as u64).map(|bound| tidy(bound, largest)).collect();
    bounds.dedup();
    bounds
}

/// A number of which people remember the first digit.
fn tidy(number: u64, largest: u64) -> u64 {
    let power = 10_u64.pow(number.max(1).ilog10());
    (number.div_ceil(power) * power).min(largest)
}

/// In which step a number lies, from 1.
fn step(count: u64, bounds: &[u64]) -> usize {
    bounds.iter().position(|end| count <= *end).unwrap_or(bounds.len().saturating_sub(1)) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_read_and_named() {
        assert!(areas().len() > 230, "{}", areas().len());
        assert!(areas().is_sorted_by_key(|area| area.code));
        assert_eq!((name("JP", Language::En), name("JP", Language::Ja), name("ZZ", Language::En)), ("Japan", "日本", "ZZ"));
        let shapes = [include_str!("../../../assets/world.svg"), include_str!("../../../assets/world-pacific.svg")];
        for area in areas() {
            for shapes in shapes {
                assert_eq!(shapes.contains(&format!("<symbol id=\"{}\"", area.code)), area.shape, "{}", area.code);
            }
            assert!(area.shape || area.dot, "{} is not to be seen", area.code);
        }
    }

    #[test]
    fn every_number_has_a_step_and_more_is_never_weaker() {
        for largest in [1, 2, 7, 40, 999, 123_456, 30_000_000] {
            let bounds = bounds(largest);
            assert!(bounds.is_sorted() && bounds.len() <= STEPS && *bounds.last().unwrap() >= largest, "{largest}: {bounds:?}");
            let steps: Vec<usize> = (1..=largest.min(5000)).map(|count| step(count, &bounds)).collect();
            assert!(steps.is_sorted() && steps[0] == 1, "{largest}");
            assert_eq!(step(largest, &bounds), bounds.len());
        }
    }

    #[test]
    fn a_map_links_what_it_counts_and_names_it() {
        let map = Map {
            id: "m",
            title: "Hosts",
            description: "Where",
            language: Language::En,
            counts: &[("JP", 12), ("SG", 3), ("ZZ", 9)],
            link: &|code| format!("/events?country={code}&x=1"),
            legend: "Events",
        };
        let drawn = map.draw().into_string();
        assert!(
            drawn.contains(r#"<a href="/events?country=JP&amp;x=1" tabindex="-1" data-count="12"><title>Japan: 12</title>"#),
            "{drawn}"
        );
        assert!(drawn.contains("circle") && !drawn.contains("country=ZZ") && !drawn.contains("style="));
    }
}
