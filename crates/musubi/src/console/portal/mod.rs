//! `/portal`: what an outside party sees of us, through the eyes of policy. Our own people see the same pages when they look as that
//! party (`/parties/ID/view`): one code, two frames.
//!
//! What these pages tell of events is given to the party, so it is a release: [`give`] is the only way from an answer of the engine to a
//! page or a file (decision 0018).

pub(crate) mod downloads;
mod give;
pub(crate) mod given;
pub(crate) mod mine;
pub(crate) mod networks;
pub(crate) mod problems;
mod proof;
pub(crate) mod settings;
pub(crate) mod told;

use std::collections::BTreeMap;
use std::sync::Arc;

use casework::model::party::Party;
use casework::model::rights::Right;
use jiff::SignedDuration;
use maud::{Markup, html};
use serde::{Deserialize, Serialize};

use super::Route;
use super::elements::{empty, figure};
use super::visit::{Answer, Fault, Visit};
use super::words::grouped;
use crate::api::standing::Standing;
use mine::{As, Mine, Sort, Sums, Wish};

pub(super) fn routes() -> Vec<Route> {
    [
        vec![Route::get("/portal", Right::UsePortal, own_overview)],
        problems::routes(),
        told::routes(),
        networks::routes(),
        given::routes(),
        downloads::routes(),
        settings::routes(),
    ]
    .concat()
}

/// As whom, and through which pages, somebody looks.
#[allow(missing_debug_implementations, reason = "a standing is large")]
pub(crate) struct Lens {
    pub(crate) party: Party,
    pub(crate) standing: Arc<Standing>,
    /// Where these pages are: `/portal`, or `/parties/ID/view`.
    pub(crate) base: String,
    /// The party itself looks: what it is shown is given to it.
    theirs: bool,
}

impl Lens {
    /// The party of whoever asks.
    pub(crate) async fn of_partner(visit: &Visit) -> Result<Self, Fault> {
        let who = visit.who()?;
        if !who.role.is_partner() {
            return Err(Fault::NotFound);
        }
        let standing = visit.server.desk.standing(visit.now).await?;
        // A party that has ended sees nothing; neither does one that is ourselves: its people are not partners.
        let party = standing.party(&who.party).cloned().ok_or(Fault::NotFound)?;
        if standing.own.as_ref() == Some(&party.id) {
            return Err(Fault::NotFound);
        }
        Ok(Self { party, standing, base: String::from("/portal"), theirs: true })
    }

    /// One of us looks as a party.
    pub(crate) async fn as_party(visit: &Visit, id: &str) -> Result<Self, Fault> {
        let who = visit.who()?;
        if who.role.is_partner() {
            return Err(Fault::NotFound);
        }
        let standing = visit.server.desk.standing(visit.now).await?;
        let id = id.parse().map_err(|_| Fault::NotFound)?;
        let party = standing.party(&id).cloned().ok_or(Fault::NotFound)?;
        let base = format!("/parties/{id}/view");
        Ok(Self { party, standing, base, theirs: false })
    }

    /// The page in its frame: ours says in colour as whom we look, and leads out again.
    pub(crate) fn page(&self, visit: &Visit, title: &str, body: &Markup) -> axum::response::Response {
        visit.page(title, &self.framed(visit, body))
    }

    /// The same, of a page that loads itself again.
    pub(crate) fn page_again(&self, visit: &Visit, title: &str, seconds: u32, body: &Markup) -> axum::response::Response {
        visit.page_again(title, seconds, &self.framed(visit, body))
    }

    fn framed(&self, visit: &Visit, body: &Markup) -> Markup {
        if self.theirs {
            return body.clone();
        }
        let here = visit.uri.path();
        let ways = [
            ("", "nav-portal"),
            ("/problems", "nav-portal-problems"),
            ("/notices", "nav-portal-notices"),
            ("/networks", "nav-portal-networks"),
            ("/evidence", "nav-portal-evidence"),
            ("/downloads", "nav-portal-downloads"),
            ("/settings", "nav-portal-settings"),
        ];
        html! {
            div.banner.as-party role="status" {
                p {
                    strong { (visit.say_with("portal-as", &[("party", self.name(visit).into())])) } " "
                    (visit.say("portal-as-why"))
                }
                nav aria-label=(visit.say("portal-as-pages")) {
                    @for (path, word) in ways {
                        @let to = format!("{}{path}", self.base);
                        a href=(to) aria-current=[(here == to).then_some("page")] { (visit.say(word)) }
                    }
                    a href={ "/parties/" (self.party.id) } { (visit.say("portal-as-leave")) }
                }
            }
            (body)
        }
    }

    pub(crate) fn name(&self, visit: &Visit) -> String {
        let ja = visit.language() == casework::model::party::Language::Ja;
        self.party.name_ja.clone().filter(|_| ja).unwrap_or_else(|| self.party.name.clone())
    }

    /// In which ways the party answers for something now.
    pub(crate) fn ways(&self, visit: &Visit) -> Vec<As> {
        mine::ways(&self.party, visit.now)
    }
}

/// What the first page tells, as it is logged.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Overview {
    /// By way.
    sums: BTreeMap<String, Sums>,
}

/// Days that the overview sums.
const DAYS: i64 = 30;

async fn own_overview(visit: Visit) -> Answer {
    let lens = Lens::of_partner(&visit).await?;
    overview(&visit, &lens).await
}

pub(crate) async fn overview(visit: &Visit, lens: &Lens) -> Answer {
    let since = visit.now.checked_sub(SignedDuration::from_hours(24 * DAYS))?;
    let wish = Wish { since, until: None, problem: None, value: None, sort: Sort::Newest, after: None };
    let mut told = Overview::default();
    let mut why = give::Why::default();
    for way in lens.ways(visit) {
        let Some(mine) = Mine::open(&visit.server, &lens.standing, &lens.party, way, visit.now).await? else { continue };
        let sums = mine.sums(&wish, visit.now).await?;
        why.add(mine.sight(), sums.terms.iter().copied());
        if sums.events > 0 {
            told.sums.insert(way.as_str().to_owned(), sums);
        }
    }
    let told: Overview = give::shown(visit, lens, "overview", why, &told).await?;
    let unanswered = visit.server.register.unanswered(lens.party.id.as_str()).await?.unsigned_abs();
    let base = &lens.base;
    let body = html! {
        p.lead { (visit.say_with("portal-lead", &[("party", lens.name(visit).into()), ("days", DAYS.into())])) }
        div.figures {
            (figure(&format!("{base}/notices?open=1"), unanswered, &visit.say("portal-unanswered")))
            @for (way, sums) in &told.sums {
                (figure(&format!("{base}/problems?as={way}"), sums.hosts, &visit.say(&format!("portal-hosts-{way}"))))
                (figure(&format!("{base}/problems?as={way}"), sums.events, &visit.say("portal-observations")))
            }
        }
        @if told.sums.is_empty() {
            @if lens.ways(visit).is_empty() {
                (empty(&visit.say("portal-nothing-yours"), Some((&format!("{base}/networks"), &visit.say("nav-portal-networks")))))
            } @else {
                (empty(&visit.say_with("portal-nothing-seen", &[("days", DAYS.into())]), Some((&format!("{base}/problems?days=365"), &visit.say("portal-look-further")))))
            }
        }
        @for (way, sums) in &told.sums {
            section.card {
                h2 { (visit.say(&format!("portal-way-{way}"))) }
                (kinds(visit, base, way, sums))
                (trend(visit, base, way, sums))
            }
        }
    };
    Ok(lens.page(visit, &visit.say("portal-title"), &body))
}

/// Sums by kind of problem, each a way to its rows.
fn kinds(visit: &Visit, base: &str, way: &str, sums: &Sums) -> Markup {
    let most = sums.by_problem.values().copied().max().unwrap_or(1).max(1);
    let mut all: Vec<(&String, &u64)> = sums.by_problem.iter().collect();
    all.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    html! {
        table.bars {
            caption.unseen { (visit.say("portal-by-problem")) }
            thead { tr { th scope="col" { (visit.say("portal-problem")) } th.number scope="col" { (visit.say("portal-observations")) } th scope="col" aria-hidden="true" {} } }
            tbody {
                @for (problem, count) in all {
                    tr {
                        td { a href={ (base) "/problems?as=" (way) "&kind=" (problem) } { (visit.say(&format!("told-problem-{problem}"))) } }
                        td.number { (grouped(*count)) }
                        td aria-hidden="true" { svg.bar viewBox="0 0 100 6" preserveAspectRatio="none" { rect width=(count * 100 / most) height="6"; } }
                    }
                }
            }
        }
    }
}

/// How many were seen on each day: a picture, and its figures.
fn trend(visit: &Visit, base: &str, way: &str, sums: &Sums) -> Markup {
    let days: Vec<(String, u64)> = (0..=DAYS)
        .rev()
        .filter_map(|back| visit.now.checked_sub(SignedDuration::from_hours(24 * back)).ok())
        .map(|at| at.strftime("%Y-%m-%d").to_string())
        .map(|day| (day.clone(), sums.by_day.get(&day).copied().unwrap_or(0)))
        .collect();
    let most = days.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    let width = 10 * days.len();
    html! {
        h3 { (visit.say("portal-by-day")) }
        figure.trend {
            svg viewBox={ "0 0 " (width) " 60" } preserveAspectRatio="none" role="img" aria-labelledby={ "trend-" (way) } {
                title id={ "trend-" (way) } { (visit.say_with("portal-trend-title", &[("most", grouped(most).into()), ("from", days.first().map(|d| d.0.clone()).unwrap_or_default().into()), ("to", days.last().map(|d| d.0.clone()).unwrap_or_default().into())])) }
                @for (at, (_, count)) in days.iter().enumerate() {
                    @let height = count * 58 / most;
                    rect x=(at * 10 + 1) y=(60 - height.max(u64::from(*count > 0))) width="8" height=(height.max(u64::from(*count > 0))) {}
                }
            }
            figcaption { span { (days.first().map_or("", |d| d.0.as_str())) } span { (visit.say_with("portal-trend-most", &[("most", grouped(most).into())])) } span { (days.last().map_or("", |d| d.0.as_str())) } }
        }
        details {
            summary { (visit.say("portal-trend-table")) }
            table {
                thead { tr { th scope="col" { (visit.say("portal-day")) } th.number scope="col" { (visit.say("portal-observations")) } } }
                tbody { @for (day, count) in days.iter().rev().filter(|(_, count)| *count > 0) {
                    tr { td { a href={ (base) "/problems?as=" (way) "&day=" (day) } { (day) } } td.number { (grouped(*count)) } }
                } }
            }
        }
    }
}
