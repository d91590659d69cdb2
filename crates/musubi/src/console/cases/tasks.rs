//! `/cases/tasks`: what is still to be done, in all cases: whose it is and what is late.

use casework::model::rights::Right;
use maud::{Markup, html};
use store::tasks::{Place, TaskRow, Tasks};

use super::super::elements::query::Query;
use super::super::elements::table::{Column, ROWS, paging, table};
use super::super::elements::{empty, figure};
use super::super::people::{Colleagues, acting};
use super::super::visit::{Answer, Visit};
use super::super::words::grouped;
use super::due;

const PATH: &str = "/cases/tasks";

/// Where the page before ended, as an address says it.
fn place(text: &str) -> Option<Place> {
    let mut parts = text.splitn(3, '.');
    let (due, number) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some(Place { due, number, case: parts.next()?.to_owned() })
}

fn written(place: &Place) -> String {
    format!("{}.{}.{}", place.due, place.number, place.case)
}

pub(super) async fn page(visit: Visit) -> Answer {
    let query = Query::of(&visit.uri);
    let now = visit.now.as_microsecond();
    let late = query.one("state") == Some("overdue");
    let who = query.one("who").unwrap_or_default().to_owned();
    let assignee = match who.as_str() {
        "" => None,
        "me" => Some(acting(&visit).await?),
        name => Some(name.to_owned()),
    };
    let register = &visit.server.register;
    let (waiting, overdue) = register.task_counts(now, assignee.as_deref()).await?;
    let wanted = Tasks { overdue: late.then_some(now), assignee, after: query.one("after").and_then(place), most: ROWS as u32 + 1 };
    let mut found = register.task_page(&wanted).await?;
    let more = found.len() > ROWS;
    found.truncate(ROWS);
    let next = found.last().filter(|_| more).map(|row| written(&row.place()));
    let people = Colleagues::of(&visit).await?;
    let to = |state: Option<&str>| query.with("after", None).with("state", state).link(PATH);
    let body = html! {
        div.figures {
            (figure(&to(None), waiting, &visit.say("tasks-waiting")))
            (figure(&to(Some("overdue")), overdue, &visit.say("tasks-overdue")))
        }
        (filter(&visit, late, &who, &people))
        @if found.is_empty() { (nothing(&visit, late || !who.is_empty())) }
        @else {
            @let total = if late { overdue } else { waiting };
            p.total { strong data-total=(total) { (grouped(total)) } " " (visit.say(if late { "tasks-overdue" } else { "tasks-waiting" })) }
            (rows(&visit, &found, &people))
            (paging(&visit, next.as_deref()))
        }
    };
    Ok(visit.page(&visit.say("tasks-title"), &body))
}

fn nothing(visit: &Visit, filtered: bool) -> Markup {
    match filtered {
        true => empty(&visit.say("tasks-none-so"), Some((PATH, &visit.say("table-clear")))),
        false => empty(&visit.say("tasks-none"), Some(("/cases", &visit.say("nav-cases")))),
    }
}

fn filter(visit: &Visit, late: bool, who: &str, people: &Colleagues) -> Markup {
    html! {
        form.filter method="get" action=(PATH) {
            div.field {
                label for="state" { (visit.say("cases-state")) }
                select #state name="state" {
                    option value="" selected[!late] { (visit.say("tasks-waiting")) }
                    option value="overdue" selected[late] { (visit.say("tasks-overdue")) }
                }
            }
            div.field {
                label for="who" { (visit.say("cases-who")) }
                select #who name="who" {
                    option value="" selected[who.is_empty()] { (visit.say("cases-anybody")) }
                    option value="me" selected[who == "me"] { (visit.say("cases-mine")) }
                    @for (name, shown) in people.able() { option value=(name) selected[who == *name] { (shown) } }
                }
            }
            button type="submit" { (visit.say("table-filter")) }
            a.button href="/cases" { (visit.say("nav-cases")) }
        }
    }
}

fn rows(visit: &Visit, found: &[TaskRow], people: &Colleagues) -> Markup {
    let works = visit.may(Right::WorkCases);
    let mut columns = vec![
        Column::text(visit.say("cases-task-title")),
        Column::text(visit.say("cases-due")),
        Column::text(visit.say("cases-who")),
        Column::text(visit.say("takedowns-case")),
    ];
    if works {
        columns.push(Column::text(visit.say("tasks-do")));
    }
    let rows: Vec<Vec<Markup>> = found
        .iter()
        .map(|row| {
            let case = format!("/cases/{}", row.case_id);
            let mut cells = vec![
                html! { a.row-name href={ (case) "#tasks" } { (row.title) } },
                due(visit, row.due, false),
                html! { (row.assignee.as_deref().map_or_else(|| visit.say("people-nobody"), |name| people.shown(name).to_owned())) },
                html! { span { a.id href=(case) { (row.case_id) } " " (row.case_title) } },
            ];
            if works {
                cells.push(html! {
                    form method="post" action={ (case) "/task/done" } {
                        input type="hidden" name="number" value=(row.number);
                        button.plain type="submit" { (visit.say("cases-task-done-do")) span.unseen { " " (row.title) } }
                    }
                });
            }
            cells
        })
        .collect();
    table(&visit.say("tasks-title"), &columns, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_again() {
        let one = Place { due: i64::MAX, case: "c12".to_owned(), number: 3 };
        assert_eq!(place(&written(&one)), Some(one));
        for wrong in ["", "1", "1.2", "x.1.c1", "1.x.c1"] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }
}
