//! What belongs together around a case, an indicator or a value, and why: nodes, and edges that each know their reason.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use casework::correlate::key::CaseKey;
use casework::indicate::indicator::{Source, What};
use casework::model::case::replay;
use casework::model::day::Day;
use casework::model::observable::{Kind as Observed, Observable};
use formats::rsit::Class;
use formats::value::host_of;
use store::case_events::{Tie, Ties};
use store::cases::CaseRow;
use store::indicator_pages::Filter;
use store::indicators::Remembered;

use super::super::cases::events_link;
use super::super::visit::{Fault, Visit};

/// Nodes drawn at most.
pub(super) const NODES: usize = 300;
/// Distinct combinations read from events.
const TIES: usize = 1_000;
/// Days back for a value; a case has days of its own.
const DAYS: i32 = 90;
/// Values of which indicators are asked for.
const ASKED: usize = 60;

/// What a node is. Each has a shape and a colour.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Kind {
    Address,
    Domain,
    Hash,
    Malware,
    Case,
    Party,
    Url,
    Indicator,
}

impl Kind {
    pub(super) const ALL: [Self; 8] =
        [Self::Address, Self::Domain, Self::Hash, Self::Malware, Self::Case, Self::Party, Self::Url, Self::Indicator];

    pub(super) fn word(self, visit: &Visit) -> String {
        match self {
            Self::Address => visit.say("graph-address"),
            Self::Domain => visit.say("graph-domain"),
            Self::Hash => visit.say("graph-hash"),
            Self::Malware => visit.say("graph-malware"),
            Self::Case => visit.say("graph-case"),
            Self::Party => visit.say("graph-party"),
            Self::Url => visit.say("graph-url"),
            Self::Indicator => visit.say("graph-indicator"),
        }
    }
}

/// A thing in the picture.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// As it is named where it is kept.
    pub(super) id: String,
    /// What is read beside it.
    pub(super) label: String,
    /// How much speaks for it: of too many the weightiest stay.
    pub(super) weight: u64,
}

/// Why two things belong together.
#[derive(Clone, Debug)]
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) reason: String,
    /// Events that say so, by which feeds.
    pub(super) events: u64,
    pub(super) feeds: BTreeSet<String>,
    /// The rows behind it.
    pub(super) link: Option<String>,
}

/// The whole picture, before it is drawn.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
    /// Things that would be too many.
    pub(super) left_out: u64,
    /// There was more in the events than was read.
    pub(super) cut: bool,
    known: HashMap<(Kind, String), usize>,
    joined: HashMap<(usize, usize, String), usize>,
}

/// Where to begin.
pub(super) enum Start {
    Case(String),
    Indicator(Box<Remembered>),
    Value(String),
}

impl Graph {
    fn node(&mut self, kind: Kind, id: &str, label: &str, weight: u64) -> usize {
        let key = (kind, id.to_owned());
        if let Some(at) = self.known.get(&key) {
            self.nodes[*at].weight = self.nodes[*at].weight.saturating_add(weight);
            return *at;
        }
        let at = self.nodes.len();
        self.nodes.push(Node { kind, id: id.to_owned(), label: label.to_owned(), weight });
        self.known.insert(key, at);
        at
    }

    fn join(&mut self, from: usize, to: usize, reason: String, link: Option<String>) {
        self.joined_by(from, to, reason, link, 0, None);
    }

    /// An edge is told once for each reason; what more events say of it is added.
    fn joined_by(&mut self, from: usize, to: usize, reason: String, link: Option<String>, events: u64, feed: Option<&str>) {
        if from == to {
            return;
        }
        let key = (from.min(to), from.max(to), reason.clone());
        let at = match self.joined.get(&key) {
            Some(at) => *at,
            None => {
                self.edges.push(Edge { from, to, reason, events: 0, feeds: BTreeSet::new(), link });
                self.joined.insert(key, self.edges.len() - 1);
                self.edges.len() - 1
            }
        };
        let edge = &mut self.edges[at];
        edge.events += events;
        edge.feeds.extend(feed.map(str::to_owned));
    }

    /// Keeps the first node and the weightiest others.
    fn limited(mut self) -> Self {
        if self.nodes.len() <= NODES {
            return self;
        }
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        order[1..].sort_by_key(|at| (std::cmp::Reverse(self.nodes[*at].weight), *at));
        let kept: BTreeMap<usize, usize> = order[..NODES].iter().enumerate().map(|(new, old)| (*old, new)).collect();
        self.left_out += (self.nodes.len() - NODES) as u64;
        self.nodes = order[..NODES].iter().map(|at| self.nodes[*at].clone()).collect();
        self.edges = self
            .edges
            .into_iter()
            .filter_map(|edge| Some(Edge { from: *kept.get(&edge.from)?, to: *kept.get(&edge.to)?, ..edge }))
            .collect();
        self
    }
}

/// Gathers everything.
pub(super) async fn gather(visit: &Visit, start: Start) -> Result<Graph, Fault> {
    let mut graph = Graph::default();
    match start {
        Start::Case(id) => case(visit, &mut graph, &id).await?,
        Start::Indicator(one) => {
            let at = indicator(&mut graph, &one);
            if let What::Value(observable) = one.indicator.what() {
                let to = value(visit, &mut graph, observable).await?;
                if let Some(to) = to {
                    graph.join(at, to, visit.say("graph-stands-for"), None);
                }
            }
            rests(visit, &mut graph, &one, at);
        }
        Start::Value(text) => {
            let at = match Observable::guess(&text) {
                Some(observable) => value(visit, &mut graph, &observable).await?,
                None => None,
            };
            // What is joined with nothing as a value may be a name: `mirai` could be a host.
            if at.is_none() || graph.edges.is_empty() {
                let mut named = Graph::default();
                match malware(visit, &mut named, &text.to_lowercase()).await {
                    Ok(()) => graph = named,
                    Err(Fault::NotFound) if at.is_some() => {}
                    Err(fault) => return Err(fault),
                }
            }
        }
    }
    indicators(visit, &mut graph).await?;
    Ok(graph.limited())
}

fn label_of_case(row: &CaseRow) -> String {
    format!("{} {}", row.id, row.title)
}

/// A case, what its events join, who takes part, who was asked.
async fn case(visit: &Visit, graph: &mut Graph, id: &str) -> Result<(), Fault> {
    let register = &visit.server.register;
    let (row, entries) = register.case_found(id).await?.ok_or(Fault::NotFound)?;
    let told = replay(&entries);
    let centre = graph.node(Kind::Case, &row.id, &label_of_case(&row), u64::MAX / 4);
    let absorbed: Vec<String> = told.absorbed.iter().take(20).cloned().collect();
    let others = register.cases_named(&absorbed).await?;
    for other in &others {
        let at = graph.node(Kind::Case, &other.id, &label_of_case(other), 1_000_000);
        graph.join(at, centre, visit.say("graph-goes-on"), Some(format!("/cases/{}", row.id)));
    }
    for (party, role) in &told.participants {
        let at = graph.node(Kind::Party, party, party, 1_000_000);
        graph.join(at, centre, visit.say_with("graph-takes-part", &[("role", role.clone().into())]), Some(format!("/cases/{}", row.id)));
    }
    let ids: Vec<String> = std::iter::once(row.id.clone()).chain(absorbed).collect();
    for takedown in register.takedowns_of(&ids, 50).await? {
        if let Some(party) = &takedown.party {
            let at = graph.node(Kind::Party, party, party, 1_000_000);
            let reason = visit.say_with("graph-was-asked", &[("takedown", takedown.id.clone().into())]);
            graph.join(centre, at, reason, Some(format!("/takedowns/{}", takedown.id)));
        }
    }
    let questions = visit.server.asking().await?;
    for row in std::iter::once(&row).chain(&others) {
        let day = |day: Option<i64>| day.and_then(|day| i32::try_from(day).ok()).map(Day::from_number);
        let (Some(key), Some(first), Some(last)) = (row.key.as_deref().and_then(CaseKey::read), day(row.first_day), day(row.last_day))
        else {
            continue;
        };
        let ties = questions.questions().await?.ties(&Ties::Case(&key, first, last), TIES).await?;
        graph.cut |= ties.len() == TIES;
        let from = graph.node(Kind::Case, &row.id, &label_of_case(row), 0);
        for tie in &ties {
            if let Some(at) = tied(visit, graph, tie) {
                graph.join(from, at, visit.say("graph-about"), Some(events_link(&key, row.first_day, row.last_day)));
            }
        }
    }
    for one in register.indicators_from("case", &row.id).await?.iter().take(50) {
        let at = indicator(graph, one);
        graph.join(centre, at, visit.say("graph-led-to"), Some(format!("/indicators/{}", one.indicator.id())));
    }
    Ok(())
}

/// A value at the centre: what events and cases join with it.
async fn value(visit: &Visit, graph: &mut Graph, observable: &Observable) -> Result<Option<usize>, Fault> {
    let text = observable.value();
    let since = Day::of(visit.now).plus(-DAYS);
    let heavy = u64::MAX / 4;
    let ties = |graph: &mut Graph, found: Vec<Tie>| {
        graph.cut |= found.len() == TIES;
        for tie in &found {
            tied(visit, graph, tie);
        }
    };
    let open = || visit.server.asking();
    let at = match (observable.kind(), observable.ip()) {
        (Observed::Address, Some(ip)) => {
            let at = graph.node(Kind::Address, &ip.to_string(), &ip.to_string(), heavy);
            let found = open().await?.questions().await?.ties(&Ties::Address(ip, since), TIES).await?;
            ties(graph, found);
            cases_of(visit, graph, at, ip).await?;
            at
        }
        (Observed::Domain, _) => {
            let at = graph.node(Kind::Domain, text, text, heavy);
            let found = open().await?.questions().await?.ties(&Ties::Host(text, since), TIES).await?;
            ties(graph, found);
            for class in ["phishing", "masquerade", "malware-distribution", "unauthorised-information-modification"] {
                let from = format!("site {class} {text} ");
                about(visit, graph, at, &from, |_| true).await?;
            }
            at
        }
        (Observed::Url, _) => {
            let at = graph.node(Kind::Url, text, text, heavy);
            if let Some(host) = host_of(text) {
                let (kind, host) = host_node(host);
                let found = match host.parse::<IpAddr>() {
                    Ok(ip) => open().await?.questions().await?.ties(&Ties::Address(ip, since), TIES).await?,
                    Err(_) => open().await?.questions().await?.ties(&Ties::Host(&host, since), TIES).await?,
                };
                let to = graph.node(kind, &host, &host, 1_000_000);
                graph.join(at, to, visit.say("graph-lies-at"), None);
                ties(graph, found);
            }
            at
        }
        (Observed::Md5 | Observed::Sha1 | Observed::Sha224 | Observed::Sha256 | Observed::Sha384 | Observed::Sha512, _) => {
            graph.node(Kind::Hash, text, text, heavy)
        }
        _ => return Ok(None),
    };
    Ok(Some(at))
}

/// A malware by its name: where it was seen, what stands for it.
async fn malware(visit: &Visit, graph: &mut Graph, name: &str) -> Result<(), Fault> {
    let at = graph.node(Kind::Malware, name, name, u64::MAX / 4);
    let questions = visit.server.asking().await?;
    let found = questions.questions().await?.ties(&Ties::Malware(name, Day::of(visit.now).plus(-DAYS)), TIES).await?;
    graph.cut |= found.len() == TIES;
    for tie in &found {
        tied(visit, graph, tie);
    }
    let filter = Filter { malware: Some(name.to_owned()), now: visit.now.as_microsecond(), most: 50, ..Filter::default() };
    for (one, _) in visit.server.register.indicator_page(&filter).await? {
        let from = indicator(graph, &one);
        graph.join(from, at, visit.say("graph-is-of"), Some(format!("/indicators/{}", one.indicator.id())));
        if let Some(to) = stands_for(graph, &one) {
            graph.join(from, to, visit.say("graph-stands-for"), None);
        }
    }
    match graph.nodes.len() {
        1 => Err(Fault::NotFound),
        _ => Ok(()),
    }
}

/// Cases about an address.
async fn cases_of(visit: &Visit, graph: &mut Graph, at: usize, ip: IpAddr) -> Result<(), Fault> {
    let bare = ip.to_string();
    let bracketed = if ip.is_ipv6() { format!("[{bare}]") } else { bare.clone() };
    for from in [format!("address {bare}"), format!("address {bracketed}"), format!("c2 {bare}"), format!("c2 {bracketed}")] {
        about(visit, graph, at, &from, |key| key.ip() == Some(ip)).await?;
    }
    Ok(())
}

async fn about(visit: &Visit, graph: &mut Graph, at: usize, from: &str, fits: impl Fn(&CaseKey) -> bool) -> Result<(), Fault> {
    for row in visit.server.register.cases_about(from, &format!("{from}\u{10ffff}"), 50).await? {
        if row.key.as_deref().and_then(CaseKey::read).is_some_and(|key| fits(&key)) {
            let case = graph.node(Kind::Case, &row.id, &label_of_case(&row), 1_000_000);
            graph.join(case, at, visit.say("graph-about"), Some(format!("/cases/{}", row.id)));
        }
    }
    Ok(())
}

fn host_node(host: &str) -> (Kind, String) {
    match host.parse::<IpAddr>() {
        Ok(ip) => (Kind::Address, ip.to_string()),
        Err(_) => (Kind::Domain, host.to_ascii_lowercase()),
    }
}

/// What one combination of events joins; gives the thing that the events are about.
fn tied(visit: &Visit, graph: &mut Graph, tie: &Tie) -> Option<usize> {
    let host = tie.host.as_deref().or_else(|| tie.url.as_deref().and_then(host_of)).map(host_node);
    let class = tie.class.as_deref().and_then(Class::of).map_or("", |class| class.type_());
    let rows = |link: &[(&str, &str)]| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(link.iter().filter(|(_, value)| !value.is_empty()));
        Some(format!("/events?{}", query.finish()))
    };
    let told = |word: String| if class.is_empty() { word } else { format!("{word} ({class})") };
    let (events, feed) = (tie.events, tie.feed.as_deref());
    let ip = tie.ip.as_ref().map(|ip| (graph.node(Kind::Address, ip, ip, events), ip.clone()));
    let name = host.map(|(kind, host)| (graph.node(kind, &host, &host, events), host));
    let url = tie.url.as_ref().map(|url| (graph.node(Kind::Url, url, url, events / 2), url.clone()));
    if let (Some((from, _)), Some((to, host))) = (&ip, &name) {
        graph.joined_by(*from, *to, told(visit.say("graph-has-name")), rows(&[("q", host), ("class", class)]), events, feed);
    }
    if let (Some((from, _)), Some((to, host))) = (&url, name.as_ref().or(ip.as_ref())) {
        graph.joined_by(*from, *to, told(visit.say("graph-lies-at")), rows(&[("q", host), ("class", class)]), events, feed);
    }
    let subject = ip.clone().or_else(|| name.clone()).or_else(|| url.clone());
    for (kind, to) in [(Kind::Address, &tie.destination_ip), (Kind::Domain, &tie.destination_host)] {
        if let (Some((from, value)), Some(to)) = (&subject, to) {
            let at = graph.node(kind, to, to, events);
            graph.joined_by(*from, at, told(visit.say("graph-reaches")), rows(&[("q", value), ("class", class)]), events, feed);
        }
    }
    if let (Some((from, value)), Some(malware)) = (&subject, &tie.malware) {
        let at = graph.node(Kind::Malware, malware, malware, events);
        graph.joined_by(*from, at, told(visit.say("graph-has-malware")), rows(&[("q", value), ("malware", malware)]), events, feed);
    }
    subject.map(|(at, _)| at)
}

fn indicator(graph: &mut Graph, one: &Remembered) -> usize {
    let id = one.indicator.id().to_string();
    let label = match one.indicator.what() {
        What::Value(observable) => observable.value().to_owned(),
        What::Pattern(text) => text.chars().take(60).collect(),
    };
    graph.node(Kind::Indicator, &id, &label, 10_000)
}

/// The thing that an indicator stands for.
fn stands_for(graph: &mut Graph, one: &Remembered) -> Option<usize> {
    let What::Value(observable) = one.indicator.what() else { return None };
    let kind = match observable.kind() {
        Observed::Address => Kind::Address,
        Observed::Domain => Kind::Domain,
        Observed::Url => Kind::Url,
        Observed::Md5 | Observed::Sha1 | Observed::Sha224 | Observed::Sha256 | Observed::Sha384 | Observed::Sha512 => Kind::Hash,
        _ => return None,
    };
    Some(graph.node(kind, observable.value(), observable.value(), 10_000))
}

/// What an indicator rests on.
fn rests(visit: &Visit, graph: &mut Graph, one: &Remembered, at: usize) {
    for (source, support) in one.indicator.support().take(50) {
        if let Source::Case(id) = source {
            let case = graph.node(Kind::Case, id, id, 1_000_000);
            graph.join(case, at, visit.say("graph-led-to"), Some(format!("/cases/{id}")));
        }
        if let Some(name) = &support.malware {
            let malware = graph.node(Kind::Malware, name, name, 10_000);
            graph.join(at, malware, visit.say("graph-is-of"), None);
        }
    }
}

/// Indicators of what stands in the picture already.
async fn indicators(visit: &Visit, graph: &mut Graph) -> Result<(), Fault> {
    let mut values: Vec<(usize, u64, String)> = graph
        .nodes
        .iter()
        .enumerate()
        .filter(|(_, node)| matches!(node.kind, Kind::Address | Kind::Domain | Kind::Url | Kind::Hash))
        .map(|(at, node)| (at, node.weight, node.id.clone()))
        .collect();
    values.sort_by_key(|(at, weight, _)| (std::cmp::Reverse(*weight), *at));
    for (at, _, value) in values.into_iter().take(ASKED) {
        for one in visit.server.register.indicators_of(&value).await? {
            let from = indicator(graph, &one);
            graph.join(from, at, visit.say("graph-stands-for"), Some(format!("/indicators/{}", one.indicator.id())));
            rests(visit, graph, &one, from);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_the_weightiest_stay_and_the_rest_is_counted() {
        let mut graph = Graph::default();
        let centre = graph.node(Kind::Case, "c1", "c1", 0);
        for n in 0..500_u64 {
            let at = graph.node(Kind::Address, &n.to_string(), "x", n);
            graph.join(centre, at, "r".into(), None);
            graph.join(at, centre, "r".into(), None);
        }
        assert_eq!(graph.edges.len(), 500, "an edge is told once");
        let graph = graph.limited();
        assert_eq!((graph.nodes.len(), graph.left_out), (NODES, 201));
        assert_eq!((graph.nodes[0].id.as_str(), graph.nodes[1].id.as_str()), ("c1", "499"));
        assert!(graph.edges.iter().all(|edge| edge.from < NODES && edge.to < NODES) && graph.edges.len() == NODES - 1);
    }
}
