//! How many on each day, of which kinds: bars that stand on each other, drawn for a desk and for a phone.

use maud::{Markup, html};

use crate::console::words::grouped;

/// One kind of what is counted, with a number for each day.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) counts: Vec<u64>,
}

/// Bars by day.
#[allow(missing_debug_implementations, reason = "closures have none")]
pub(crate) struct Bars<'a> {
    pub(crate) id: &'a str,
    pub(crate) title: &'a str,
    pub(crate) description: &'a str,
    /// `2026-03-23`
    pub(crate) days: &'a [String],
    pub(crate) series: &'a [Series],
    /// Where a bar leads: place of the day, place of the series; none for a sum of several.
    pub(crate) link: &'a dyn Fn(usize, usize) -> Option<String>,
}

/// Width, height, days between labels.
const SIZES: [(&str, f64, f64); 2] = [("wide", 960.0, 240.0), ("small", 380.0, 220.0)];
const LEFT: f64 = 4.0;
const BELOW: f64 = 22.0;
const ABOVE: f64 = 18.0;

impl Bars<'_> {
    pub(crate) fn draw(&self) -> Markup {
        html! {
            figure.daybars {
                @for (name, width, height) in SIZES { (self.sized(name, width, height)) }
                figcaption {
                    ul.kinds { @for (at, series) in self.series.iter().enumerate() { li { span class={ "swatch kind-" (at + 1) } {} (series.name) } } }
                }
            }
        }
    }

    fn sized(&self, name: &str, width: f64, height: f64) -> Markup {
        let sums: Vec<u64> = (0..self.days.len()).map(|day| self.series.iter().map(|series| series.counts[day]).sum()).collect();
        let top = super::rounded_up(sums.iter().copied().max().unwrap_or(0));
        let space = height - BELOW - ABOVE;
        let step = (width - 2.0 * LEFT) / self.days.len().max(1) as f64;
        let every = self.days.len().div_ceil(if name == "wide" { 10 } else { 4 }).max(1);
        let (title, description) = (format!("{}-{name}-title", self.id), format!("{}-{name}-description", self.id));
        html! {
            svg class=(name) viewBox={ "0 0 " (width) " " (height) } role="group" aria-labelledby=(title) aria-describedby=(description) {
                title id=(title) { (self.title) }
                desc id=(description) { (self.description) }
                line.axis x1=(LEFT) x2=(width - LEFT) y1=(ABOVE) y2=(ABOVE) {}
                text.label x=(LEFT) y=(ABOVE - 5.0) { (grouped(top)) }
                @for (day, date) in self.days.iter().enumerate() {
                    @let x = LEFT + step * day as f64;
                    (self.pile(day, x, step, top, space))
                    @if day % every == 0 { text.label x=(tenth(x)) y=(height - 6.0) { (date.get(5..).unwrap_or(date)) } }
                }
                line.axis x1=(LEFT) x2=(width - LEFT) y1=(ABOVE + space) y2=(ABOVE + space) {}
            }
        }
    }

    /// The bars of one day.
    fn pile(&self, day: usize, x: f64, step: f64, top: u64, space: f64) -> Markup {
        let mut below = 0;
        let mut piles = Vec::new();
        for (at, series) in self.series.iter().enumerate() {
            let count = series.counts[day];
            if count == 0 {
                continue;
            }
            let height = space * count as f64 / top as f64;
            let y = ABOVE + space - space * (below + count) as f64 / top as f64;
            below += count;
            let bar = html! {
                rect class={ "kind-" (at + 1) } x=(tenth(x + step * 0.1)) y=(tenth(y)) width=(tenth(step * 0.8)) height=(tenth(height.max(0.5))) {
                    title { (self.days[day]) ", " (series.name) ": " (grouped(count)) }
                }
            };
            piles.push(match (self.link)(day, at) {
                Some(to) => html! { a href=(to) tabindex="-1" data-count=(count) { (bar) } },
                None => bar,
            });
        }
        html! { @for pile in piles { (pile) } }
    }
}

fn tenth(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stand_on_each_other_and_lead_to_what_they_count() {
        let days = [String::from("2026-03-01"), String::from("2026-03-02")];
        let series = [Series { name: "A<b>".into(), counts: vec![50, 0] }, Series { name: "rest".into(), counts: vec![50, 100] }];
        let bars = Bars {
            id: "t",
            title: "Trend",
            description: "By day",
            days: &days,
            series: &series,
            link: &|day, at| (at == 0).then(|| format!("/events?day={day}")),
        };
        let drawn = bars.draw().into_string();
        assert!(drawn.contains("A&lt;b&gt;") && !drawn.contains("<b>") && !drawn.contains("style="), "{drawn}");
        // The second stands on the first, both half as high as the space of 200 and 180.
        assert!(
            drawn.contains(r#"y="118" width="380.8" height="100""#) && drawn.contains(r#"y="18" width="380.8" height="100""#),
            "{drawn}"
        );
        assert_eq!(drawn.matches("<a href=\"/events?day=0\"").count(), 2, "one for each width");
        assert_eq!(drawn.matches("data-count").count(), 2);
    }

    #[test]
    fn nothing_is_drawn_without_falling() {
        let bars = Bars { id: "t", title: "", description: "", days: &[], series: &[], link: &|_, _| None };
        assert!(bars.draw().into_string().contains("<svg"));
    }
}
