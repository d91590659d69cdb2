//! `/`: what changed since yesterday, at a glance: sums, where, what, what is new, late and done. Every number leads to its rows.
//!
//! Nothing here looks at events. The sums are in memory; what is made of them is kept until one of them changes or a day begins (days
//! are those of UTC, as everywhere in the sums).

use std::collections::BTreeMap;
use std::sync::Arc;

use casework::model::day::Day;
use casework::model::rights::Right;
use casework::observe::delivery::Delivery;
use jiff::Timestamp;
use maud::{Markup, html};
use store::figures::{Asked, By, Figures};
use store::tasks::{TaskRow, Tasks};
use store::today::{Delivered, Desk, Matter};

use super::Route;
use super::elements::query::Query;
use super::elements::table::{Column, table};
use super::elements::{Tone, badge, empty};
use super::events::filter;
use super::events::{facet_name, shown_value};
use super::picture::bars::{Bars, Series};
use super::picture::beside;
use super::picture::map::Map;
use super::visit::{Answer, Fault, Visit};
use super::words::grouped;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/", Right::ReadEvents, page)]
}

/// Days of the picture of now, and of the trend.
const DAYS: i32 = 30;
/// Days in which something counts as new.
const NEW: i32 = 7;
/// Classes told apart in the trend; all others are one.
const KINDS: usize = 6;
/// Rows of the short tables.
const TOP: usize = 8;

/// Values and how many events have each.
type Counted = Vec<(Arc<str>, u64)>;

/// What is shown of the sums, made once for each of their states and each day.
#[derive(Debug)]
pub(crate) struct Summary {
    change: i64,
    today: i32,
    /// Since yesterday, in a week, in all.
    since_yesterday: u64,
    week: u64,
    all: u64,
    /// Of the days of the picture.
    sources: Counted,
    victims: Counted,
    /// Classes of the trend, and a number for each of its days; the last is all others.
    trend: Vec<(Option<Arc<str>>, Vec<u64>)>,
    top: [(&'static str, Counted); 3],
    /// Seen first lately: what it is, its value, the day.
    new: Vec<(&'static str, Arc<str>, i32)>,
    deliveries: Vec<Delivered>,
}

impl Summary {
    fn of(figures: &Figures, today: i32, deliveries: Vec<Delivered>) -> Self {
        let since = |days: i32| Asked { from: Some(today - days + 1), until: Some(today + 1), ..Asked::default() };
        let count = |asked: &Asked<'_>| figures.count(asked, None).unwrap_or(0);
        let picture = since(DAYS);
        let by = |by: By| figures.by(by, &picture, None).unwrap_or_default();
        let classes = by(By::Class);
        let mut trend: Vec<(Option<Arc<str>>, Vec<u64>)> =
            classes.iter().take(KINDS).map(|(class, _)| (Some(Arc::clone(class)), vec![0; DAYS as usize])).collect();
        trend.push((None, vec![0; DAYS as usize]));
        for ((day, class), number) in figures.by_day_and(By::Class, &picture, None).unwrap_or_default() {
            let place = trend.iter().position(|(known, _)| known.as_ref() == Some(&class)).unwrap_or(trend.len() - 1);
            if let Some(slot) = usize::try_from(day - (today - DAYS + 1)).ok().and_then(|at| trend[place].1.get_mut(at)) {
                *slot += number;
            }
        }
        trend.retain(|(_, days)| days.iter().any(|number| *number > 0));
        let first = figures.span().map_or(today, |(first, _)| first);
        let mut new = Vec::new();
        for (name, kind) in [("feed", By::Feed), ("malware", By::Malware), ("country", By::Country)] {
            // While everything is new, nothing is.
            let lately =
                figures.first_seen(kind, None).into_iter().filter(|(_, day)| *day > today - NEW && *day <= today && *day > first + NEW);
            new.extend(lately.map(|(value, day)| (name, value, day)));
        }
        new.sort_by_key(|(_, _, day)| std::cmp::Reverse(*day));
        new.truncate(2 * TOP);
        let named = |values: Vec<(Arc<str>, u64)>| values.into_iter().filter(|(value, _)| !value.is_empty()).take(TOP).collect();
        Self {
            change: figures.change(),
            today,
            since_yesterday: count(&since(2)),
            week: count(&since(7)),
            all: count(&Asked::default()),
            sources: by(By::Country),
            victims: by(By::Victim),
            trend,
            top: [("malware", named(by(By::Malware))), ("class", named(classes)), ("feed", named(by(By::Feed)))],
            new,
            deliveries,
        }
    }
}

async fn summary(visit: &Visit, figures: &Figures) -> Result<Arc<Summary>, Fault> {
    let today = Day::of(visit.now).number();
    if let Some(kept) = visit.server.sums.summary().filter(|kept| kept.change == figures.change() && kept.today == today) {
        return Ok(kept);
    }
    let deliveries = visit.server.register.deliveries().await?;
    let made = Arc::new(Summary::of(figures, today, deliveries));
    visit.server.sums.keep(&made);
    Ok(made)
}

/// Short lists of the desk.
struct Lists {
    desk: Desk,
    takedowns: Vec<Matter>,
    cases: Vec<Matter>,
    tasks: Vec<TaskRow>,
    verified: Vec<Matter>,
}

/// `since` is the day from which on what was verified counts.
async fn lists(visit: &Visit, since: i32) -> Result<Lists, Fault> {
    let register = &visit.server.register;
    let now = visit.now.as_microsecond();
    let month = i64::from(since) * 86_400_000_000;
    let late = Tasks { overdue: Some(now), most: TOP as u32, ..Tasks::default() };
    Ok(Lists {
        desk: register.desk(now, month).await?,
        takedowns: register.takedowns_overdue(now, TOP as u32).await?,
        cases: register.cases_overdue(now, TOP as u32).await?,
        tasks: register.task_page(&late).await?,
        verified: register.takedowns_verified(month, TOP as u32).await?,
    })
}

async fn page(visit: Visit) -> Answer {
    let figures = visit.server.figures().await?;
    let summary = summary(&visit, &figures).await?;
    let lists = lists(&visit, summary.today - DAYS + 1).await?;
    let day = |days: i32| Day::from_number(summary.today - days + 1).to_string();
    let today = day(1);
    let late = summary.deliveries.iter().filter(|feed| delivery(feed).is_some_and(|feed| feed.is_late(visit.now))).count() as u64;
    let number = |number: i64| number.unsigned_abs();
    let body = html! {
        @if figures.uncounted() > 0 { p.banner { (visit.say_with("overview-counting", &[("number", grouped(figures.uncounted()).into())])) } }
        @if summary.all == 0 { (empty(&visit.say("overview-nothing"), Some(("/evidence", &visit.say("nav-evidence"))))) }
        div.figures.ten {
            (events(&[("from", &day(2)), ("to", &today)], summary.since_yesterday, &visit.say("overview-since-yesterday")))
            (events(&[("from", &day(7)), ("to", &today)], summary.week, &visit.say("overview-week")))
            (events(&[], summary.all, &visit.say("overview-all")))
            (desk("/cases", number(lists.desk.open_cases), &visit.say("overview-open-cases"), false))
            (desk("/takedowns?state=overdue", number(lists.desk.overdue_takedowns), &visit.say("overview-overdue"), true))
            (desk("/cases?state=overdue", number(lists.desk.overdue_cases), &visit.say("overview-overdue-cases"), true))
            (desk("/cases/tasks?state=overdue", number(lists.desk.overdue_tasks), &visit.say("overview-overdue-tasks"), true))
            (desk(&format!("/takedowns?state=verified&since={}", day(DAYS)), number(lists.desk.verified), &visit.say("overview-verified"), false))
            (desk("/notices?pending=1", number(lists.desk.waiting_notices), &visit.say("overview-notices"), false))
            a.figure.alarming[late > 0] href="#feeds" { b { (grouped(late)) } span { (visit.say("overview-late")) } }
        }
        (whereabouts(&visit, &summary, &day(DAYS), &today))
        (trend(&visit, &summary))
        div.cards.three {
            @for (name, values) in &summary.top { (top(&visit, name, values, &day(DAYS), &today)) }
        }
        div.cards.three {
            section.card { h2 { (visit.say("overview-new")) }
                @if summary.new.is_empty() { p.quiet { (visit.say("overview-nothing-new")) } }
                ul.plain { @for (name, value, first) in &summary.new {
                    li { (badge(Tone::Plain, &facet_name(&visit, name))) " " a href=(filter::link(&[(name, value)])) { (shown_value(&visit, name, value)) } " " span.quiet { (Day::from_number(*first)) } }
                } }
            }
            section.card { h2 { (visit.say("overview-overdue-all")) }
                (overdue(&visit, &lists))
            }
            section.card { h2 { (visit.say("overview-verified-gone")) }
                @if lists.verified.is_empty() { p.quiet { (visit.say("overview-none-verified")) } }
                (matters(&visit, "/takedowns/", &lists.verified))
            }
        }
        (feeds(&visit, &summary.deliveries))
    };
    Ok(visit.page(&visit.say("nav-overview"), &body))
}

/// A number of events that leads to them.
fn events(conditions: &[(&str, &str)], number: u64, word: &str) -> Markup {
    html! { a.figure href=(filter::link(conditions)) data-count=(number) { b { (grouped(number)) } span { (word) } } }
}

/// A number of the desk; one that should be nothing stands out when it is not.
fn desk(to: &str, number: u64, word: &str, alarming: bool) -> Markup {
    html! { a.figure.alarming[alarming && number > 0] href=(to) data-count=(number) { b { (grouped(number)) } span { (word) } } }
}

/// The map, of sources or of victims, and its table.
fn whereabouts(visit: &Visit, summary: &Summary, from: &str, to: &str) -> Markup {
    let query = Query::of(&visit.uri);
    let victims = query.one("map") == Some("victims");
    let (name, counts) = if victims { ("victim", &summary.victims) } else { ("country", &summary.sources) };
    let link = |code: &str| filter::link(&[(name, code), ("from", from), ("to", to)]);
    let drawn: Vec<(&str, u64)> = counts.iter().filter(|(code, _)| !code.is_empty()).map(|(code, count)| (&**code, *count)).collect();
    let largest = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let rows: Vec<Vec<Markup>> = counts
        .iter()
        .map(|(code, count)| {
            vec![
                html! { a href=(link(code)) data-count=(count) { (shown_value(visit, name, code)) } @if !code.is_empty() { " " span.quiet { (code) } } },
                html! { (beside(*count, largest)) },
            ]
        })
        .collect();
    let title = if victims { visit.say("overview-map-victims") } else { visit.say("overview-map-sources") };
    html! {
        section.card.whereabouts {
            h2 { (title) " " span.quiet { (visit.say_with("overview-days", &[("number", DAYS.to_string().into())])) } }
            nav.switch aria-label=(visit.say("overview-map-switch")) {
                a href=(query.with("map", None).link("/")) aria-current=[(!victims).then_some("true")] { (visit.say("overview-sources")) }
                a href=(query.with("map", Some("victims")).link("/")) aria-current=[victims.then_some("true")] { (visit.say("overview-victims")) }
            }
            @if drawn.is_empty() { p.quiet { (visit.say("overview-map-nothing")) } }
            div.map-and-table {
                // By keyboard the table comes first; it has every country, those without a shape too.
                div.beside-map { (table(&title, &[Column::text(visit.say("overview-country")), Column::number(visit.say("nav-events"))], &rows)) }
                div {
                    (Map { id: "map", title: &title, description: &visit.say("overview-map-why"), language: visit.language(), counts: &drawn, link: &link, legend: &visit.say("overview-map-legend") }.draw())
                    p.quiet { (visit.say("overview-map-areas")) }
                }
            }
        }
    }
}

/// Bars by day and class, and their table.
fn trend(visit: &Visit, summary: &Summary) -> Markup {
    let days: Vec<String> = (0..DAYS).map(|at| Day::from_number(summary.today - DAYS + 1 + at).to_string()).collect();
    let name =
        |class: &Option<Arc<str>>| class.as_ref().map_or_else(|| visit.say("overview-others"), |class| shown_value(visit, "class", class));
    let series: Vec<Series> = summary.trend.iter().map(|(class, counts)| Series { name: name(class), counts: counts.clone() }).collect();
    let link = |day: usize, at: usize| {
        let class = summary.trend.get(at)?.0.as_ref()?;
        Some(filter::link(&[("class", class), ("from", &days[day]), ("to", &days[day])]))
    };
    let title = visit.say("overview-trend");
    let heads: Vec<Column> =
        std::iter::once(Column::text(visit.say("overview-day"))).chain(series.iter().map(|series| Column::number(&series.name))).collect();
    let rows: Vec<Vec<Markup>> = days
        .iter()
        .enumerate()
        .rev()
        .filter(|(day, _)| series.iter().any(|series| series.counts[*day] > 0))
        .map(|(day, date)| {
            let sum: u64 = series.iter().map(|series| series.counts[day]).sum();
            let date = html! { a href=(filter::link(&[("from", date), ("to", date)])) data-count=(sum) { (date) } };
            std::iter::once(date)
                .chain(series.iter().enumerate().map(|(at, series)| match link(day, at) {
                    Some(to) if series.counts[day] > 0 => {
                        html! { a href=(to) data-count=(series.counts[day]) { (grouped(series.counts[day])) } }
                    }
                    _ => html! { (grouped(series.counts[day])) },
                }))
                .collect()
        })
        .collect();
    html! {
        section.card {
            h2 { (title) " " span.quiet { (visit.say_with("overview-days", &[("number", DAYS.to_string().into())])) } }
            @if series.is_empty() { p.quiet { (visit.say("overview-trend-nothing")) } }
            @else {
                (Bars { id: "trend", title: &title, description: &visit.say("overview-trend-why"), days: &days, series: &series, link: &link }.draw())
                details { summary { (visit.say("picture-table")) } (table(&title, &heads, &rows)) }
            }
        }
    }
}

fn top(visit: &Visit, name: &'static str, values: &[(Arc<str>, u64)], from: &str, to: &str) -> Markup {
    let title = match name {
        "malware" => visit.say("overview-top-malware"),
        "class" => visit.say("overview-top-class"),
        _ => visit.say("overview-top-feed"),
    };
    let largest = values.iter().map(|(_, count)| *count).max().unwrap_or(0);
    html! {
        section.card {
            h2 { (title) }
            @if values.is_empty() { p.quiet { (visit.say("overview-trend-nothing")) } }
            ul.measures {
                @for (value, count) in values {
                    li { a href=(filter::link(&[(name, value), ("from", from), ("to", to)])) data-count=(count) { span.called { (shown_value(visit, name, value)) } (beside(*count, largest)) } }
                }
            }
        }
    }
}

fn matters(visit: &Visit, path: &str, matters: &[Matter]) -> Markup {
    html! {
        ul.plain {
            @for matter in matters {
                li { a href={ (path) (matter.id) } { (matter.id) } " " (matter.title) @if let Some(whose) = &matter.whose { " → " (whose) } " " span.quiet { (visit.stamp(matter.at)) } }
            }
        }
    }
}

/// What is late, by what it is; each kind with a way to all of it.
fn overdue(visit: &Visit, lists: &Lists) -> Markup {
    let desk = &lists.desk;
    let tasks: Vec<Matter> = lists
        .tasks
        .iter()
        .map(|task| Matter {
            id: task.case_id.clone(),
            title: task.title.clone(),
            whose: task.assignee.clone(),
            at: task.due.unwrap_or_default(),
        })
        .collect();
    let kinds = [
        ("/takedowns", "/takedowns/", visit.say("overview-overdue-kind-takedowns"), &lists.takedowns, desk.overdue_takedowns),
        ("/cases", "/cases/", visit.say("overview-overdue-kind-cases"), &lists.cases, desk.overdue_cases),
        ("/cases/tasks", "/cases/", visit.say("overview-overdue-kind-tasks"), &tasks, desk.overdue_tasks),
    ];
    html! {
        @if kinds.iter().all(|(.., shown, _)| shown.is_empty()) { p.quiet { (visit.say("overview-nothing-overdue")) } }
        @for (list, path, word, shown, all) in &kinds {
            @if !shown.is_empty() {
                h3 { (word) }
                (matters(visit, path, shown))
                @if *all > shown.len() as i64 {
                    @let all = all.unsigned_abs();
                    p { a href={ (list) "?state=overdue" } data-count=(all) { (visit.say_with("overview-overdue-more", &[("number", grouped(all).into())])) } }
                }
            }
        }
    }
}

fn delivery(feed: &Delivered) -> Option<Delivery> {
    let at = |microseconds| Timestamp::from_microsecond(microseconds).ok();
    Some(Delivery { first: at(feed.first)?, last: at(feed.last)?, days: u32::try_from(feed.days).ok()? })
}

/// How feeds come.
fn feeds(visit: &Visit, deliveries: &[Delivered]) -> Markup {
    let mut by_lateness: BTreeMap<(bool, &str), Vec<Markup>> = BTreeMap::new();
    for feed in deliveries {
        let known = delivery(feed);
        let late = known.is_some_and(|known| known.is_late(visit.now));
        let gap = known.and_then(|known| known.usual_gap());
        let row = vec![
            html! { a href=(filter::link(&[("feed", &feed.feed)])) { (feed.feed) } },
            html! { @if late { (badge(Tone::Bad, &visit.say("overview-feed-late"))) } @else if gap.is_some() { (badge(Tone::Good, &visit.say("overview-feed-on-time"))) } @else { (badge(Tone::Quiet, &visit.say("overview-feed-no-habit"))) } },
            visit.stamp(feed.last),
            html! { @if let Some(gap) = gap { (casework::model::day::span_text(gap)) } },
            html! { (grouped(feed.rows.unsigned_abs())) },
        ];
        by_lateness.insert((!late, &feed.feed), row);
    }
    let columns = [
        Column::text(visit.say("events-feed")),
        Column::text(visit.say("overview-feed-state")),
        Column::text(visit.say("overview-feed-last")),
        Column::text(visit.say("overview-feed-usual")),
        Column::number(visit.say("overview-feed-rows")),
    ];
    html! {
        section #feeds {
            h2 { (visit.say("overview-feeds")) }
            @if by_lateness.is_empty() { (empty(&visit.say("overview-no-feeds"), Some(("/evidence", &visit.say("nav-evidence"))))) }
            @else { (table(&visit.say("overview-feeds"), &columns, &by_lateness.into_values().collect::<Vec<_>>())) }
        }
    }
}
