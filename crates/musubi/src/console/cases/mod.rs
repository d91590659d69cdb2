//! `/cases`: what we work on, as a table and as a board.

mod events;
mod one;
mod paper;
mod report;
mod tasks;
mod timeline;
mod work;

pub(super) use events::link as events_link;
pub(super) use timeline::{answer_word, happening_word, state_word};

use axum::extract::Path;
use casework::model::case::{Closing, Stage};
use casework::model::day::Day;
use casework::model::rights::Right;
use jiff::Timestamp;
use maud::{Markup, html};
use store::cases::CaseRow;
use store::work::Cases;

use super::Route;
use super::elements::query::Query;
use super::elements::table::{Column, ROWS, paging, table};
use super::elements::{Tone, badge, empty};
use super::people::{Colleagues, acting};
use super::visit::{Answer, Fault, Visit};
use super::words::grouped;

/// Cards in a column of the board.
const CARDS: u32 = 15;

pub(super) fn routes() -> Vec<Route> {
    let mut routes = vec![
        Route::get("/cases", Right::ReadCases, list),
        Route::get("/cases/new", Right::WorkCases, work::blank),
        Route::post("/cases/new", Right::WorkCases, work::open),
        Route::get("/cases/tasks", Right::ReadCases, tasks::page),
        Route::get("/cases/{id}", Right::ReadCases, one::page),
        Route::get("/cases/{id}/report", Right::ReadCases, report::page),
        Route::get("/cases/{id}/report.pdf", Right::Export, paper::file).exporting(),
    ];
    routes.extend(work::routes());
    routes
}

/// A stage as a word with a tone.
pub(super) fn stage(visit: &Visit, row: &CaseRow) -> Markup {
    let tone = match (row.closing.as_deref(), Stage::read(&row.stage)) {
        (Some("resolved"), _) => Tone::Good,
        (Some(_), _) | (None, Some(Stage::Closed)) => Tone::Quiet,
        (None, Some(Stage::Waiting)) => Tone::Waiting,
        (None, Some(Stage::Working)) => Tone::Plain,
        (None, Some(Stage::New) | None) => Tone::Bad,
    };
    badge(tone, &stage_text(visit, row))
}

/// The same without the tone: how it ended, or where it is on its way.
fn stage_text(visit: &Visit, row: &CaseRow) -> String {
    match row.closing.as_deref().and_then(Closing::read) {
        Some(Closing::Resolved) => visit.say("cases-resolved"),
        Some(Closing::FalsePositive) => visit.say("cases-false-positive"),
        Some(Closing::GivenUp) => visit.say("cases-given-up"),
        Some(Closing::Merged) => visit.say("cases-merged"),
        None => stage_word(visit, Stage::read(&row.stage).unwrap_or(Stage::New)),
    }
}

/// A moment in the viewer's zone, named: paper has nothing to point at.
fn time_text(visit: &Visit, at: Timestamp) -> String {
    at.to_zoned(visit.zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string()
}

pub(super) fn stage_word(visit: &Visit, stage: Stage) -> String {
    match stage {
        Stage::New => visit.say("cases-stage-new"),
        Stage::Working => visit.say("cases-stage-working"),
        Stage::Waiting => visit.say("cases-stage-waiting"),
        Stage::Closed => visit.say("cases-stage-closed"),
    }
}

/// When something is due, loud when that is past.
pub(super) fn due(visit: &Visit, at: Option<i64>, over: bool) -> Markup {
    html! {
        @if let Some(at) = at {
            (visit.stamp(at))
            @if !over && at < visit.now.as_microsecond() { " " (badge(Tone::Bad, &visit.say("cases-late"))) }
        }
    }
}

pub(super) fn day(number: Option<i64>) -> String {
    number.and_then(|day| i32::try_from(day).ok()).map_or_else(String::new, |day| Day::from_number(day).to_string())
}

/// A case by its id; what is no id is none.
pub(super) fn id(text: &str) -> Result<&str, Fault> {
    let digits = text.strip_prefix('c').filter(|digits| (1..=18).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()));
    digits.map(|_| text).ok_or(Fault::NotFound)
}

/// What the address asks for.
struct Asked {
    wanted: Cases,
    who: String,
    board: bool,
}

async fn asked(visit: &Visit) -> Result<Asked, Fault> {
    let query = Query::of(&visit.uri);
    let me = acting(visit).await?;
    let state = query.one("state").unwrap_or("open");
    let who = query.one("who").unwrap_or_default().to_owned();
    let mut wanted = Cases { most: ROWS as u32 + 1, ..Cases::default() };
    match (state, Stage::read(state)) {
        (_, Some(stage)) => wanted.stage = Some(stage),
        ("overdue", None) => wanted.overdue = Some(visit.now.as_microsecond()),
        ("all", None) => {}
        _ => wanted.open = true,
    }
    wanted.assignee = match who.as_str() {
        "" => None,
        "me" => Some(me),
        name => Some(name.to_owned()),
    };
    wanted.words = query.one("q").map(str::to_owned);
    wanted.after = query.one("after").and_then(|text| {
        let (number, due) = text.split_once('.').unwrap_or((text, "0"));
        Some((number.parse().ok()?, due.parse().ok()?))
    });
    Ok(Asked { wanted, who, board: query.one("as") == Some("board") })
}

async fn list(visit: Visit) -> Answer {
    let asked = asked(&visit).await?;
    let query = Query::of(&visit.uri);
    // A case by its number, from wherever it is asked for.
    if let Some(number) = query.one("q").and_then(|words| id(words).ok())
        && !visit.server.register.cases_named(&[number.to_owned()]).await?.is_empty()
    {
        return Ok(visit.on_to(&format!("/cases/{number}")));
    }
    let people = Colleagues::of(&visit).await?;
    let now = visit.now.as_microsecond();
    let (counts, overdue) = visit.server.register.case_counts(now).await?;
    let (_, late_tasks) = visit.server.register.task_counts(now, None).await?;
    let shown = match asked.board {
        true => board(&visit, &asked, &people, &counts).await?,
        false => rows(&visit, &asked, &people).await?,
    };
    let body = html! {
        (standing(&visit, &counts, overdue, late_tasks))
        (ways(&visit, &query, &asked))
        (filter(&visit, &query, &asked, &people))
        (shown)
    };
    Ok(visit.page(&visit.say("cases-title"), &body))
}

/// How many there are, each a way to its rows.
fn standing(visit: &Visit, counts: &[(Stage, u64)], overdue: u64, late_tasks: u64) -> Markup {
    html! {
        div.figures {
            @for (stage, count) in counts {
                (super::elements::figure(&format!("/cases?state={}", stage.as_str()), *count, &stage_word(visit, *stage)))
            }
            (super::elements::figure("/cases?state=overdue", overdue, &visit.say("cases-overdue")))
            (super::elements::figure("/cases/tasks?state=overdue", late_tasks, &visit.say("cases-tasks-overdue")))
        }
    }
}

/// What else can be done from here.
fn ways(visit: &Visit, query: &Query, asked: &Asked) -> Markup {
    html! {
        p.actions {
            @if visit.may(Right::WorkCases) { a.button.first href="/cases/new" { (visit.say("cases-new")) } }
            @match asked.board {
                true => a.button href=(query.with("as", None).with("after", None).link("/cases")) { (visit.say("cases-as-table")) },
                false => a.button href=(query.with("as", Some("board")).with("after", None).link("/cases")) { (visit.say("cases-as-board")) },
            }
            a.button href="/cases/tasks" { (visit.say("tasks-all")) }
        }
    }
}

fn filter(visit: &Visit, query: &Query, asked: &Asked, people: &Colleagues) -> Markup {
    let state = query.one("state").unwrap_or("open");
    let states = [
        ("open", visit.say("cases-open")),
        ("new", visit.say("cases-stage-new")),
        ("working", visit.say("cases-stage-working")),
        ("waiting", visit.say("cases-stage-waiting")),
        ("overdue", visit.say("cases-overdue")),
        ("closed", visit.say("cases-stage-closed")),
        ("all", visit.say("cases-all")),
    ];
    html! {
        form.filter method="get" action="/cases" {
            div.field {
                label for="q" { (visit.say("cases-words")) }
                input #q type="search" name="q" value=(query.one("q").unwrap_or_default()) autocomplete="off" spellcheck="false";
            }
            div.field {
                label for="state" { (visit.say("cases-state")) }
                select #state name="state" { @for (value, word) in &states { option value=(value) selected[*value == state] { (word) } } }
            }
            div.field {
                label for="who" { (visit.say("cases-who")) }
                select #who name="who" {
                    option value="" selected[asked.who.is_empty()] { (visit.say("cases-anybody")) }
                    option value="me" selected[asked.who == "me"] { (visit.say("cases-mine")) }
                    @for (name, shown) in people.able() { option value=(name) selected[asked.who == *name] { (shown) } }
                }
            }
            @if asked.board { input type="hidden" name="as" value="board"; }
            button type="submit" { (visit.say("table-filter")) }
        }
    }
}

async fn rows(visit: &Visit, asked: &Asked, people: &Colleagues) -> Result<Markup, Fault> {
    let mut found = visit.server.register.case_page(&asked.wanted).await?;
    let more = found.len() > ROWS;
    found.truncate(ROWS);
    let last = found.last().filter(|_| more);
    let next = last.map(|row| format!("{}.{}", row.number, row.due.unwrap_or_default()));
    if found.is_empty() {
        let filtered = Query::of(&visit.uri).pairs().any(|(name, value)| name != "as" && name != "lang" && !value.is_empty());
        return Ok(match filtered {
            true => empty(&visit.say("cases-none-so"), Some(("/cases?state=all", &visit.say("table-clear")))),
            false => empty(&visit.say("cases-none"), visit.may(Right::WorkCases).then_some(("/cases/new", &*visit.say("cases-new")))),
        });
    }
    let columns = [
        Column::text(visit.say("cases-id")),
        Column::text(visit.say("cases-about")),
        Column::text(visit.say("cases-state")),
        Column::text(visit.say("cases-who")),
        Column::text(visit.say("cases-due")),
        Column::number(visit.say("cases-events")),
        Column::text(visit.say("cases-seen")),
        Column::number(visit.say("cases-tasks")),
    ];
    let rows: Vec<Vec<Markup>> = found
        .iter()
        .map(|row| {
            vec![
                html! { a.id href={ "/cases/" (row.id) } { (row.id) } },
                html! { a.row-name href={ "/cases/" (row.id) } { (row.title) } },
                stage(visit, row),
                html! { (row.assignee.as_deref().map_or("", |name| people.shown(name))) },
                due(visit, row.due, row.closed_at.is_some()),
                html! { (grouped(row.events.unsigned_abs())) },
                html! { @if row.last_day.is_some() { span.day-name { (day(row.first_day)) } @if row.first_day != row.last_day { " – " span.day-name { (day(row.last_day)) } } } },
                html! { @if row.tasks > 0 { (row.tasks - row.open_tasks) "/" (row.tasks) } },
            ]
        })
        .collect();
    Ok(html! { (table(&visit.say("cases-title"), &columns, &rows)) (paging(visit, next.as_deref())) })
}

/// A column for each stage, the newest cases of each in it, and a way to all of them.
async fn board(visit: &Visit, asked: &Asked, people: &Colleagues, counts: &[(Stage, u64)]) -> Result<Markup, Fault> {
    let mut columns = Vec::new();
    for (at, count) in counts {
        let wanted = Cases {
            stage: Some(*at),
            assignee: asked.wanted.assignee.clone(),
            words: asked.wanted.words.clone(),
            most: CARDS,
            ..Cases::default()
        };
        columns.push((*at, *count, visit.server.register.case_page(&wanted).await?));
    }
    let filtered = asked.wanted.assignee.is_some() || asked.wanted.words.is_some();
    let query = Query::of(&visit.uri).with("as", None).with("after", None);
    Ok(html! {
        div.board {
            @for (at, count, rows) in &columns {
                section aria-labelledby={ "column-" (at.as_str()) } {
                    h2 id={ "column-" (at.as_str()) } {
                        a href=(query.with("state", Some(at.as_str())).link("/cases")) { (stage_word(visit, *at)) }
                        @if !filtered { " " span.quiet { (grouped(*count)) } }
                    }
                    @if rows.is_empty() { p.quiet { (visit.say("cases-column-empty")) } }
                    ul {
                        @for row in rows {
                            li.post-it {
                                a href={ "/cases/" (row.id) } { (row.title) }
                                p.quiet {
                                    (row.id) " · " (visit.say_with("cases-n-events", &[("shown", grouped(row.events.unsigned_abs()).into()), ("count", row.events.into())]))
                                    @if let Some(name) = &row.assignee { " · " (people.shown(name)) }
                                }
                                @if row.closing.is_some() { (stage(visit, row)) }
                                @if row.due.is_some() { p { (visit.say("cases-due")) ": " (due(visit, row.due, row.closed_at.is_some())) } }
                            }
                        }
                    }
                    @if rows.len() == CARDS as usize { p { a href=(query.with("state", Some(at.as_str())).link("/cases")) { (visit.say("cases-column-all")) } } }
                }
            }
        }
    })
}

/// The end of a day that a form names, in the viewer's zone.
pub(super) fn end_of_day(visit: &Visit, text: &str) -> Result<Timestamp, Fault> {
    let wrong = || Fault::Wrong(visit.say_with("cases-wrong-day", &[("day", text.to_owned().into())]));
    let date: jiff::civil::Date = text.parse().map_err(|_| wrong())?;
    let at = date.at(23, 59, 0, 0).to_zoned(visit.zone.clone()).map_err(|_| wrong())?;
    Ok(at.timestamp())
}

/// The day of a moment as a form takes it.
pub(super) fn day_field(visit: &Visit, at: Option<i64>) -> String {
    let at = at.and_then(|at| Timestamp::from_microsecond(at).ok());
    at.map_or_else(String::new, |at| at.to_zoned(visit.zone.clone()).strftime("%Y-%m-%d").to_string())
}

/// A case that is there, by the id in an address.
async fn found(visit: &Visit, Path(name): &Path<String>) -> Result<CaseRow, Fault> {
    let name = id(name)?;
    visit.server.register.cases_named(&[name.to_owned()]).await?.pop().ok_or(Fault::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_id_is_no_case() {
        assert!(id("c1").is_ok());
        for wrong in ["", "c", "1", "c1 OR 1=1", "c1/../c2", "C1", "c-1", "cc1", "c99999999999999999999"] {
            assert!(id(wrong).is_err(), "{wrong}");
        }
    }
}
