//! `/graph`: what belongs together as a picture, each edge with its reason. Laid out here; moved about by links, quicker by wheel and drag.

mod gather;
mod layout;

use std::time::Duration;

use casework::model::rights::Right;
use maud::{Markup, html};

use self::gather::{Edge, Graph, Kind, Node, Start, gather};
use self::layout::{BOX, TALL, layout, upright};
use super::Route;
use super::elements::defang::defang;
use super::elements::empty;
use super::elements::query::Query;
use super::elements::table::{Column, table};
use super::visit::{Answer, Fault, Visit};
use super::words::grouped;

/// A page does not wait longer for what events join.
const PATIENCE: Duration = Duration::from_secs(8);
/// Edges in the table.
const EDGES: usize = 600;

/// A drawing of the same graph for one width of window.
struct Drawing {
    class: &'static str,
    size: (f64, f64),
    /// Characters of a label.
    label: usize,
    /// More nodes than these carry no words: they are read in the table, or when they are pointed at.
    worded: usize,
}

const WIDE: Drawing = Drawing { class: "wide", size: BOX, label: 24, worded: 90 };
const PHONE: Drawing = Drawing { class: "phone", size: TALL, label: 18, worded: 30 };

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/graph", Right::ReadEvents, page)]
}

/// The part of the picture that is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
struct View {
    x: f64,
    y: f64,
    width: f64,
}

impl View {
    const ALL: Self = Self { x: 0.0, y: 0.0, width: BOX.0 };

    fn height(self) -> f64 {
        self.width * BOX.1 / BOX.0
    }

    fn read(text: &str) -> Option<Self> {
        let mut numbers = text.split(',').map(|part| part.parse::<f64>().ok().filter(|number| number.is_finite()));
        let view = Self { x: numbers.next()??, y: numbers.next()??, width: numbers.next()?? };
        numbers.next().is_none().then(|| view.inside())
    }

    /// Never further out than the picture, nor past its edges.
    fn inside(self) -> Self {
        let width = self.width.clamp(BOX.0 / 16.0, BOX.0);
        let height = width * BOX.1 / BOX.0;
        Self { x: self.x.clamp(0.0, BOX.0 - width), y: self.y.clamp(0.0, BOX.1 - height), width }
    }

    /// Nearer or further, about the same middle.
    fn zoomed(self, by: f64) -> Self {
        let (middle_x, middle_y) = (self.x + self.width / 2.0, self.y + self.height() / 2.0);
        let width = (self.width / by).clamp(BOX.0 / 16.0, BOX.0);
        Self { x: middle_x - width / 2.0, y: middle_y - width * BOX.1 / BOX.0 / 2.0, width }.inside()
    }

    fn moved(self, x: f64, y: f64) -> Self {
        Self { x: self.x + self.width * x, y: self.y + self.height() * y, ..self }.inside()
    }

    fn text(self) -> String {
        format!("{:.0},{:.0},{:.0}", self.x, self.y, self.width)
    }
}

async fn page(visit: Visit) -> Answer {
    let query = Query::of(&visit.uri);
    let start = match (query.one("case"), query.one("indicator"), query.one("value")) {
        (Some(case), _, _) => Some(Start::Case(case.to_owned())),
        (None, Some(id), _) => Some(Start::Indicator(Box::new(super::indicators::found(&visit, id).await?))),
        (None, None, Some(value)) => Some(Start::Value(value.chars().take(2_000).collect())),
        (None, None, None) => None,
    };
    let gathered = match start {
        Some(start) => match tokio::time::timeout(PATIENCE, gather(&visit, start)).await {
            Ok(Ok(graph)) => Some(Ok(graph)),
            // A value of which nothing is known is no missing page.
            Ok(Err(Fault::NotFound)) if query.one("value").is_some() => Some(Ok(Graph::default())),
            Ok(Err(fault)) => return Err(fault),
            Err(_) => Some(Err(())),
        },
        None => None,
    };
    let body = html! {
        form.filter method="get" action="/graph" {
            label for="value" { (visit.say("graph-value")) }
            input.long #value type="search" name="value" value=(query.one("value").unwrap_or_default()) autocomplete="off" spellcheck="false";
            button type="submit" { (visit.say("graph-do")) }
        }
        @match &gathered {
            None => (empty(&visit.say("graph-lead"), Some(("/cases", &visit.say("nav-cases"))))),
            Some(Err(())) => (empty(&visit.say("graph-late"), None)),
            Some(Ok(graph)) if graph.edges.is_empty() => (empty(&visit.say("graph-none"), None)),
            Some(Ok(graph)) => (shown(&visit, &query, graph)),
        }
    };
    Ok(visit.page(&visit.say("graph-title"), &body))
}

fn shown(visit: &Visit, query: &Query, graph: &Graph) -> Markup {
    let view = query.one("view").and_then(View::read).unwrap_or(View::ALL);
    let pairs: Vec<(usize, usize)> = graph.edges.iter().map(|edge| (edge.from, edge.to)).collect();
    let places = layout(graph.nodes.len(), &pairs);
    let to = |view: View| query.with("view", Some(&view.text())).link("/graph");
    let describes = visit.say_with(
        "graph-describes",
        &[("nodes", grouped(graph.nodes.len() as u64).into()), ("edges", grouped(graph.edges.len() as u64).into())],
    );
    let ways = [
        (visit.say("graph-nearer"), "+", view.zoomed(1.6)),
        (visit.say("graph-further"), "−", view.zoomed(1.0 / 1.6)),
        (visit.say("graph-left"), "←", view.moved(-0.3, 0.0)),
        (visit.say("graph-up"), "↑", view.moved(0.0, -0.3)),
        (visit.say("graph-down"), "↓", view.moved(0.0, 0.3)),
        (visit.say("graph-right"), "→", view.moved(0.3, 0.0)),
        (visit.say("graph-whole"), "⤢", View::ALL),
    ];
    html! {
        p { (describes) }
        @if graph.left_out > 0 { p.quiet { (visit.say_with("graph-left-out", &[("shown", grouped(graph.left_out).into()), ("count", (graph.left_out as i64).into())])) } }
        @if graph.cut { p.quiet { (visit.say("graph-cut")) } }
        nav.graph-ways aria-label=(visit.say("graph-move")) {
            @for (word, sign, view) in &ways { a.button href=(to(*view)) title=(word) aria-label=(word) { (sign) } }
        }
        div.graph-box {
            (drawing(visit, graph, &WIDE, view, &places, &describes))
            (drawing(visit, graph, &PHONE, view, &upright(&places), &describes))
        }
        (legend(visit, graph))
        h2 { (visit.say("graph-edges")) }
        (edges(visit, graph))
    }
}

fn drawing(visit: &Visit, graph: &Graph, how: &Drawing, view: View, places: &[(f64, f64)], describes: &str) -> Markup {
    let (width, height) = how.size;
    // The same part of each picture is shown.
    let (by_x, by_y) = (width / BOX.0, height / BOX.1);
    let part = format!("{:.0} {:.0} {:.0} {:.0}", view.x * by_x, view.y * by_y, view.width * by_x, view.height() * by_y);
    html! {
        svg.graph.(how.class) data-pan=(format!("{width:.0} {height:.0}")) viewBox=(part) role="group" aria-label=(visit.say("graph-title")) {
            title { (visit.say("graph-title")) }
            desc { (describes) }
            g.edges {
                @for edge in &graph.edges {
                    @let (from, to) = (places[edge.from], places[edge.to]);
                    line x1=(number(from.0)) y1=(number(from.1)) x2=(number(to.0)) y2=(number(to.1)) {
                        title { (label(&graph.nodes[edge.from])) " – " (because(visit, edge)) " – " (label(&graph.nodes[edge.to])) }
                    }
                }
            }
            @for (at, node) in graph.nodes.iter().enumerate() {
                a href=(leads(node)) tabindex="-1" {
                    g.node.(format!("kind-{}", node.kind as usize + 1)).first[at == 0] transform=(format!("translate({:.1} {:.1})", places[at].0, places[at].1)) {
                        (shape(node.kind, if at == 0 { 11.0 } else { 7.0 }))
                        title { (node.kind.word(visit)) ": " (label(node)) }
                        @if is_worded(graph, at, how.worded) {
                            text x="0" y=(if at == 0 { "25" } else { "20" }) text-anchor="middle" { (short(node, how.label)) }
                        }
                    }
                }
            }
        }
    }
}

fn number(value: f64) -> String {
    format!("{value:.1}")
}

/// Addresses of others are never written so that a program takes them for a link.
fn label(node: &Node) -> String {
    match node.kind {
        Kind::Address | Kind::Domain | Kind::Url | Kind::Indicator | Kind::Case => defang(&node.label),
        Kind::Hash | Kind::Malware | Kind::Party => node.label.clone(),
    }
}

/// As much of a label as there is room for: of an address the end, which tells it from its neighbours. That something is a page of the web
/// is said by its shape.
fn short(node: &Node, most: usize) -> String {
    let whole = label(node);
    let text = whole.split_once("://").map_or(whole.as_str(), |(_, rest)| rest);
    let count = text.chars().count();
    match (count > most, node.kind) {
        (false, _) => text.to_owned(),
        (true, Kind::Address) => std::iter::once('…').chain(text.chars().skip(count + 1 - most)).collect(),
        (true, _) => text.chars().take(most - 1).chain(['…']).collect(),
    }
}

/// Has it words in a picture? An indicator stands beside the thing that it is made of, which says the same.
fn is_worded(graph: &Graph, at: usize, most: usize) -> bool {
    let node = &graph.nodes[at];
    let said = node.kind == Kind::Indicator && graph.nodes.iter().any(|other| other.kind != Kind::Indicator && other.label == node.label);
    at == 0 || matches!(node.kind, Kind::Case | Kind::Malware | Kind::Party) || (graph.nodes.len() <= most && !said)
}

/// Where a node leads.
fn leads(node: &Node) -> String {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    match node.kind {
        Kind::Address | Kind::Domain | Kind::Url | Kind::Hash => format!("/lookup?value={}", encoded(&node.id)),
        Kind::Malware => format!("/events?malware={}", encoded(&node.id)),
        Kind::Case => format!("/cases/{}", encoded(&node.id)),
        Kind::Party => format!("/parties/{}", encoded(&node.id)),
        Kind::Indicator => format!("/indicators/{}", node.id),
    }
}

/// The picture with this node in the middle.
fn around(node: &Node) -> Option<String> {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    match node.kind {
        Kind::Address | Kind::Domain | Kind::Url | Kind::Hash | Kind::Malware => Some(format!("/graph?value={}", encoded(&node.id))),
        Kind::Case => Some(format!("/graph?case={}", encoded(&node.id))),
        Kind::Indicator => Some(format!("/graph?indicator={}", node.id)),
        Kind::Party => None,
    }
}

/// Each kind has a shape of its own.
fn shape(kind: Kind, r: f64) -> Markup {
    let polygon = |points: &[(f64, f64)]| {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{:.1},{:.1}", x * r, y * r)).collect();
        html! { polygon points=(points.join(" ")) {} }
    };
    match kind {
        Kind::Address => html! { circle r=(number(r)) {} },
        Kind::Domain => polygon(&[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)]),
        Kind::Hash => html! { rect x=(number(-r)) y=(number(-r)) width=(number(2.0 * r)) height=(number(2.0 * r)) {} },
        Kind::Malware => polygon(&[(-0.6, -1.1), (0.6, -1.1), (1.2, 0.0), (0.6, 1.1), (-0.6, 1.1), (-1.2, 0.0)]),
        Kind::Case => {
            html! { rect x=(number(-1.4 * r)) y=(number(-0.9 * r)) width=(number(2.8 * r)) height=(number(1.8 * r)) rx=(number(0.5 * r)) {} }
        }
        Kind::Party => polygon(&[(0.0, -1.3), (1.2, 0.95), (-1.2, 0.95)]),
        Kind::Url => polygon(&[(-1.2, -0.8), (1.2, -0.8), (0.7, 0.8), (-0.7, 0.8)]),
        Kind::Indicator => polygon(&[
            (0.0, -1.4),
            (0.4, -0.45),
            (1.35, -0.4),
            (0.6, 0.2),
            (0.85, 1.15),
            (0.0, 0.6),
            (-0.85, 1.15),
            (-0.6, 0.2),
            (-1.35, -0.4),
            (-0.4, -0.45),
        ]),
    }
}

fn legend(visit: &Visit, graph: &Graph) -> Markup {
    html! {
        ul.legend {
            @for kind in Kind::ALL {
                @let count = graph.nodes.iter().filter(|node| node.kind == kind).count();
                @if count > 0 {
                    li {
                        svg.graph viewBox="-11 -11 22 22" width="20" height="20" aria-hidden="true" { g.node.(format!("kind-{}", kind as usize + 1)) { (shape(kind, 7.0)) } }
                        " " (kind.word(visit)) " (" (grouped(count as u64)) ")"
                    }
                }
            }
        }
    }
}

/// Why two things belong together, and how often that was told by whom.
fn because(visit: &Visit, edge: &Edge) -> String {
    if edge.events == 0 {
        return edge.reason.clone();
    }
    let count = i64::try_from(edge.events).unwrap_or(i64::MAX);
    let events = visit.say_with("cases-n-events", &[("shown", grouped(edge.events).into()), ("count", count.into())]);
    let feeds: Vec<&str> = edge.feeds.iter().map(String::as_str).collect();
    format!("{}: {events}, {}", edge.reason, feeds.join(", "))
}

fn edges(visit: &Visit, graph: &Graph) -> Markup {
    let columns = [
        Column::text(visit.say("graph-from")),
        Column::text(visit.say("graph-why")),
        Column::text(visit.say("graph-to")),
        Column::text(visit.say("graph-rows")),
    ];
    let end = |node: &Node| {
        html! {
            span.quiet { (node.kind.word(visit)) } " " a.mono href=(leads(node)) { (label(node).chars().take(100).collect::<String>()) }
            @if let Some(around) = around(node) { " " a.quiet href=(around) title=(visit.say("graph-around")) aria-label={ (visit.say("graph-around")) ": " (label(node)) } { "◎" } }
        }
    };
    let row = |edge: &Edge| {
        vec![
            end(&graph.nodes[edge.from]),
            html! { (because(visit, edge)) },
            end(&graph.nodes[edge.to]),
            html! { @if let Some(link) = &edge.link { a href=(link) { (visit.say("graph-open")) } } },
        ]
    };
    let rows: Vec<Vec<Markup>> = graph.edges.iter().take(EDGES).map(row).collect();
    html! {
        (table(&visit.say("graph-edges"), &columns, &rows))
        @if graph.edges.len() > EDGES { p.quiet { (visit.say_with("graph-first-edges", &[("shown", grouped(EDGES as u64).into())])) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_leaves_the_picture() {
        assert_eq!(View::ALL.zoomed(0.5), View::ALL);
        assert_eq!(View::ALL.moved(5.0, 5.0), View::ALL);
        let near = View::ALL.zoomed(4.0);
        assert!((near.width - 250.0).abs() < 1e-9 && (near.x - 375.0).abs() < 1e-9);
        assert_eq!(View::read(&near.text()).map(View::text), Some(near.text()));
        for hostile in ["", "1", "1,2", "1,2,3,4", "NaN,0,100", "inf,0,100", "0,0,1e999", "a,b,c"] {
            assert!(View::read(hostile).is_none_or(|view| view.width <= BOX.0), "{hostile}");
        }
        assert!(View::read("-500,9999,5").is_some_and(|view| view.x >= 0.0 && view.y + view.height() <= BOX.1 + 1e-9));
    }

    #[test]
    fn a_label_keeps_what_tells_one_from_another() {
        let node = |kind, label: &str| Node { kind, id: String::new(), label: label.to_owned(), weight: 1 };
        assert_eq!(short(&node(Kind::Address, "2001:db8:77:1:2:3:4:beef"), 12), "…:2:3:4:beef");
        assert_eq!(short(&node(Kind::Address, "192.0.2.105"), 18), "192[.]0[.]2[.]105");
        assert_eq!(short(&node(Kind::Url, "https://4891.bank.example/login"), 12), "4891[.]bank…");
    }

    #[test]
    fn every_kind_has_a_shape_of_its_own() {
        let shapes: std::collections::BTreeSet<String> = Kind::ALL.iter().map(|kind| shape(*kind, 7.0).into_string()).collect();
        assert_eq!(shapes.len(), Kind::ALL.len());
    }
}
