//! Where do the nodes of a picture lie, so that what is joined lies together?
//!
//! Joined ones attract, all repel each other, from a fixed spiral on: the same graph gives the same picture. They move freely and are fitted
//! into the box at the end; held at its edges they would line up there.

/// Width and height of the box, and of the one for a phone, where the picture stands upright and its words keep their size.
pub(super) const BOX: (f64, f64) = (1000.0, 640.0);
pub(super) const TALL: (f64, f64) = (400.0, 600.0);
/// Room for shapes and their words at the edges.
const MARGIN: (f64, f64) = (70.0, 34.0);
const TALL_MARGIN: (f64, f64) = (54.0, 26.0);

/// Places for `count` nodes, joined by `edges`; inside [`BOX`].
pub(super) fn layout(count: usize, edges: &[(usize, usize)]) -> Vec<(f64, f64)> {
    if count == 0 {
        return Vec::new();
    }
    let golden = 2.399_963_229_728_653_f64;
    let mut at: Vec<(f64, f64)> = (0..count)
        .map(|n| {
            let (radius, angle) = (12.0 * (n as f64).sqrt(), golden * n as f64);
            (radius * angle.cos(), radius * angle.sin())
        })
        .collect();
    let mut degree = vec![0_u32; count];
    for (from, to) in edges.iter().filter(|(from, to)| *from < count && *to < count) {
        degree[*from] += 1;
        degree[*to] += 1;
    }
    // What is joined wants to be this far apart.
    let ideal = 40.0;
    let rounds = (24_000 / (count + 40)).clamp(60, 300);
    let mut moved = vec![(0.0, 0.0); count];
    for round in 0..rounds {
        moved.fill((0.0, 0.0));
        for one in 0..count {
            for other in one + 1..count {
                let (dx, dy) = (at[one].0 - at[other].0, at[one].1 - at[other].1);
                let square = (dx * dx + dy * dy).max(0.01);
                let push = ideal * ideal / square;
                let (x, y) = (dx * push, dy * push);
                moved[one].0 += x;
                moved[one].1 += y;
                moved[other].0 -= x;
                moved[other].1 -= y;
            }
        }
        for (from, to) in edges.iter().copied().filter(|(from, to)| from != to && *from < count && *to < count) {
            let (dx, dy) = (at[from].0 - at[to].0, at[from].1 - at[to].1);
            let distance = (dx * dx + dy * dy).sqrt().max(0.01);
            // Hubs pull less, so that what hangs on them has room.
            let pull = distance / ideal / f64::from(degree[from].min(degree[to]).max(1));
            moved[from].0 -= dx * pull;
            moved[from].1 -= dy * pull;
            moved[to].0 += dx * pull;
            moved[to].1 += dy * pull;
        }
        // A little towards the middle, so that what is not joined does not fly away; ever smaller steps.
        let step = 30.0 * (1.0 - round as f64 / rounds as f64) + 0.5;
        for (place, (dx, dy)) in at.iter_mut().zip(&moved) {
            let (dx, dy) = (dx - place.0 * 0.02, dy - place.1 * 0.03);
            let length = (dx * dx + dy * dy).sqrt().max(0.01);
            let by = length.min(step) / length;
            place.0 += dx * by;
            place.1 += dy * by;
        }
    }
    fit(at, BOX, MARGIN)
}

/// The same places inside [`TALL`]: what lay wide stands high.
pub(super) fn upright(at: &[(f64, f64)]) -> Vec<(f64, f64)> {
    fit(at.iter().map(|(x, y)| (*y, *x)).collect(), TALL, TALL_MARGIN)
}

fn fit(mut at: Vec<(f64, f64)>, size: (f64, f64), margin: (f64, f64)) -> Vec<(f64, f64)> {
    let bounds = |axis: fn(&(f64, f64)) -> f64| {
        let all = at.iter().map(axis);
        all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    };
    let ((left, right), (top, bottom)) = (bounds(|place| place.0), bounds(|place| place.1));
    let scale = |low: f64, high: f64, size: f64, margin: f64| (size - 2.0 * margin) / (high - low).max(1.0);
    let (sx, sy) = (scale(left, right, size.0, margin.0), scale(top, bottom, size.1, margin.1));
    // A few nodes are not torn apart; many use the whole box.
    let (sx, sy) = (sx.min(sy * 1.6).min(4.0), sy.min(sx * 1.6).min(4.0));
    let (mx, my) = (f64::midpoint(left, right), f64::midpoint(top, bottom));
    for place in &mut at {
        *place = (size.0 / 2.0 + (place.0 - mx) * sx, size.1 / 2.0 + (place.1 - my) * sy);
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distance(a: (f64, f64), b: (f64, f64)) -> f64 {
        ((a.0 - b.0).powi(2) + (a.1 - b.1).powi(2)).sqrt()
    }

    #[test]
    fn it_lies_in_the_box_and_is_the_same_each_time() {
        for count in [0, 1, 2, 7, 300] {
            let edges: Vec<(usize, usize)> = (1..count).map(|n| (n, n / 3)).collect();
            let at = layout(count, &edges);
            assert_eq!(at.len(), count);
            for (x, y) in &at {
                assert!((0.0..=BOX.0).contains(x) && (0.0..=BOX.1).contains(y), "{x} {y}");
            }
            for (x, y) in upright(&at) {
                assert!((0.0..=TALL.0).contains(&x) && (0.0..=TALL.1).contains(&y), "{x} {y}");
            }
            assert_eq!(at, layout(count, &edges));
        }
        assert_eq!(layout(3, &[(0, 9), (7, 1), (2, 2)]).len(), 3, "edges to nowhere are no edges");
    }

    #[test]
    fn what_is_joined_lies_together() {
        // Two stars, joined by nothing.
        let edges: Vec<(usize, usize)> = (1..10).map(|n| (0, n)).chain((11..20).map(|n| (10, n))).collect();
        let at = layout(20, &edges);
        let inside: f64 = (1..10).map(|n| distance(at[0], at[n])).sum::<f64>() / 9.0;
        let across: f64 = (11..20).map(|n| distance(at[0], at[n])).sum::<f64>() / 9.0;
        assert!(inside * 1.5 < across, "{inside} {across}");
    }
}
