//! `/cases/{id}`: everything about one case, and everything that can be done to it.

use axum::extract::Path;
use casework::correlate::key::CaseKey;
use casework::model::case::{Case, Entry, replay};
use casework::model::day::Day;
use casework::model::rights::Right;
use casework::model::writing::Field;
use maud::{Markup, html};
use store::cases::CaseRow;
use store::notices::Notice;
use store::takedowns::TakedownRow;

use super::super::elements::defang::defang;
use super::super::elements::query::Query;
use super::super::elements::strip::{Cell, Kind, legend, strip};
use super::super::elements::table::{Column, table};
use super::super::elements::{Tone, badge, facts};
use super::super::people::Colleagues;
use super::super::takedowns::state_badge;
use super::super::visit::{Answer, Fault, Visit};
use super::super::words::grouped;
use super::events::{self, Events};
use super::timeline::timeline;
use super::{day, day_field, due, stage};

/// Cases that go on in one, looked at together.
const TOGETHER: usize = 20;

/// A case with all that hangs on it.
pub(super) struct File {
    pub(super) row: CaseRow,
    pub(super) entries: Vec<Entry>,
    pub(super) case: Case,
    /// This one first, then those that go on in it, directly or not.
    pub(super) rows: Vec<CaseRow>,
    pub(super) takedowns: Vec<TakedownRow>,
    pub(super) faults: Vec<String>,
}

impl File {
    pub(super) async fn of(visit: &Visit, name: &str) -> Result<Self, Fault> {
        let register = &visit.server.register;
        let (row, entries) = register.case_found(super::id(name)?).await?.ok_or(Fault::NotFound)?;
        let case = replay(&entries);
        let faults = row.faults(&entries);
        let mut rows = vec![row.clone()];
        let mut open: Vec<String> = case.absorbed.iter().cloned().collect();
        while let Some(id) = open.pop() {
            if rows.len() >= TOGETHER || rows.iter().any(|row| row.id == id) {
                continue;
            }
            if let Some((row, entries)) = register.case_found(&id).await? {
                open.extend(replay(&entries).absorbed);
                rows.push(row);
            }
        }
        let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
        let takedowns = register.takedowns_of(&ids, 100).await?;
        Ok(Self { row, entries, case, rows, takedowns, faults })
    }

    pub(super) fn key(&self) -> Option<CaseKey> {
        self.row.key.as_deref().and_then(CaseKey::read)
    }

    pub(super) fn events(&self) -> u64 {
        self.rows.iter().map(|row| row.events.unsigned_abs()).sum()
    }
}

pub(super) async fn page(visit: Visit, Path(name): Path<String>) -> Answer {
    let file = File::of(&visit, &name).await?;
    let people = Colleagues::of(&visit).await?;
    let events = Events::of(&visit, &file.rows).await?;
    let notices = notices(&visit, &file).await?;
    let works = visit.may(Right::WorkCases);
    let all = Query::of(&visit.uri).one("history") == Some("all");
    let closed = file.case.closed.is_some();
    let body = html! {
        (head(&visit, &file, &people))
        @if let Some(into) = &file.case.merged_into {
            p.done-note { (visit.say("cases-goes-on")) " " a href={ "/cases/" (into) } { (into) } }
        }
        div.sides {
            div {
                (days(&visit, &file))
                (tasks(&visit, &file, &people, works))
                @if works && !closed { (note_form(&visit, &file.row.id)) }
                h2 #history { (visit.say("cases-history")) }
                (chain(&visit, &file))
                (timeline(&visit, &people, &file.entries, all))
            }
            aside aria-label=(visit.say("cases-work")) {
                (takedowns(&visit, &file, works))
                (participants(&visit, &file, works && !closed))
                (merged(&visit, &file, works))
                @if works { (work(&visit, &file, &people)) }
            }
        }
        (events::section(&visit, &file.row, &events))
        (told(&visit, &notices))
    };
    Ok(visit.page(&format!("{} {}", file.row.id, file.row.title), &body))
}

fn head(visit: &Visit, file: &File, people: &Colleagues) -> Markup {
    let row = &file.row;
    let about = file
        .key()
        .map(|key| html! { code { (defang(&key.to_string())) } " " a href={ "/graph?case=" (row.id) } { (visit.say("cases-graph")) } });
    let mut pairs = vec![
        (visit.say("cases-state"), stage(visit, row)),
        (
            visit.say("cases-who"),
            html! { (row.assignee.as_deref().map_or_else(|| visit.say("people-nobody"), |name| people.shown(name).to_owned())) },
        ),
    ];
    if row.due.is_some() {
        pairs.push((visit.say("cases-due"), due(visit, row.due, row.closed_at.is_some())));
    }
    pairs.extend(about.map(|about| (visit.say("cases-key"), about)));
    if row.first_day.is_some() {
        pairs.push((visit.say("cases-seen"), html! { (day(row.first_day)) " – " (day(row.last_day)) " UTC" }));
    }
    pairs.push((visit.say("cases-events"), html! { a href="#events" { (grouped(file.events())) } }));
    pairs.push((visit.say("cases-opened"), visit.stamp(row.opened_at)));
    html! {
        (facts(&pairs))
        p.actions {
            a.button href={ "/cases/" (row.id) "/report" } { (visit.say("cases-report")) }
            a.button href={ "/graph?case=" (row.id) } { (visit.say("cases-graph")) }
        }
    }
}

/// The days on which it was seen.
fn days(visit: &Visit, file: &File) -> Markup {
    let seen = &file.case.days;
    let (Some(first), Some(last)) = (file.case.first_day(), file.case.last_day()) else { return html! {} };
    let key = file.key();
    let count = |day: Day| seen.get(&day.number()).copied().unwrap_or(0);
    let text = |day: Day, events: u64| {
        format!(
            "{day}: {}",
            visit.say_with("cases-n-events", &[("shown", grouped(events).into()), ("count", (events.min(1_000_000) as i64).into())])
        )
    };
    // Long silences are left out of the table, and the picture draws the newest months.
    let cells: Vec<Cell> = (first.number().max(last.number() - 600)..=last.number())
        .map(Day::from_number)
        .filter(|day| count(*day) > 0)
        .map(|day| Cell {
            day,
            kind: Kind::Seen,
            text: text(day, count(day)),
            link: key.as_ref().map(|key| events::link(key, Some(i64::from(day.number())), Some(i64::from(day.number())))),
        })
        .collect();
    let columns = [Column::text(visit.say("cases-day")), Column::number(visit.say("cases-events"))];
    let rows: Vec<Vec<Markup>> = seen
        .iter()
        .rev()
        .take(366)
        .map(|(day, events)| {
            let shown = Day::from_number(*day);
            let link = key.as_ref().map(|key| events::link(key, Some(i64::from(*day)), Some(i64::from(*day))));
            vec![
                html! { (shown) },
                html! { @match link { Some(link) => a href=(link) { (grouped(*events)) }, None => (grouped(*events)) } },
            ]
        })
        .collect();
    html! {
        h2 { (visit.say("cases-days")) }
        (strip(&visit.say("cases-days"), &visit.say("cases-days-why"), &cells))
        (legend(&[(Kind::Seen, visit.say("takedowns-day-seen"))]))
        details { summary { (visit.say("cases-as-table")) } (table(&visit.say("cases-days"), &columns, &rows)) }
    }
}

/// Whether anybody has changed the story.
fn chain(visit: &Visit, file: &File) -> Markup {
    html! {
        @if file.faults.is_empty() {
            p { (badge(Tone::Good, &visit.say("cases-chain-good"))) " " span.quiet { (visit.say_with("cases-chain-why", &[("shown", grouped(file.entries.len() as u64).into())])) } }
        } @else {
            p.fault role="alert" { (visit.say("cases-chain-broken")) }
            ul { @for fault in &file.faults { li { (fault) } } }
        }
    }
}

fn tasks(visit: &Visit, file: &File, people: &Colleagues, works: bool) -> Markup {
    let id = &file.row.id;
    html! {
        h2 #tasks { (visit.say("cases-tasks")) }
        @if file.case.tasks.is_empty() { p.quiet { (visit.say("cases-tasks-none")) } }
        ul.tasks {
            @for task in &file.case.tasks {
                li class=[task.done_at.map(|_| "done")] {
                    span { @if task.done_at.is_some() { "☑ " } @else { "☐ " } (task.title) }
                    span.quiet {
                        @if let Some(name) = &task.assignee { " " (people.shown(name)) }
                        @if let Some(at) = task.due { " · " (due(visit, Some(at.as_microsecond()), task.done_at.is_some())) }
                        @if let Some(at) = task.done_at { " · " (visit.say("cases-task-done")) " " (visit.stamp(at.as_microsecond())) }
                    }
                    @if works {
                        form method="post" action={ "/cases/" (id) "/task/" (if task.done_at.is_some() { "again" } else { "done" }) } {
                            input type="hidden" name="number" value=(task.number);
                            button.plain type="submit" {
                                (visit.say(if task.done_at.is_some() { "cases-task-again-do" } else { "cases-task-done-do" }))
                                span.unseen { " " (task.title) }
                            }
                        }
                    }
                }
            }
        }
        @if works && file.case.closed.is_none() {
            details {
                summary { (visit.say("cases-task-new")) }
                form.stack method="post" action={ "/cases/" (id) "/task" } {
                    div.field { label for="task-title" { (visit.say("cases-task-title")) } input #task-title name="title" required maxlength=(Field::TITLE.longest) autocomplete="off"; }
                    (people.choice(visit, "task-assignee", &visit.say("cases-who"), None))
                    div.field { label for="task-due" { (visit.say("cases-due")) } input #task-due name="due" type="date"; }
                    button type="submit" { (visit.say("cases-task-new")) }
                }
            }
        }
    }
}

fn note_form(visit: &Visit, id: &str) -> Markup {
    html! {
        form.stack.wide method="post" action={ "/cases/" (id) "/note" } {
            div.field {
                label for="note" { (visit.say("cases-note")) }
                textarea #note name="text" rows="3" required maxlength=(Field::NOTE.longest) aria-describedby="note-hint" {}
                p.hint #note-hint { (visit.say("cases-markdown")) }
            }
            button.first type="submit" { (visit.say("cases-note-do")) }
        }
    }
}

fn takedowns(visit: &Visit, file: &File, works: bool) -> Markup {
    let can = works && file.case.closed.is_none() && file.key().is_none_or(|key| key.class().is_some());
    html! {
        section.card {
            h2 { (visit.say("nav-takedowns")) }
            @if file.takedowns.is_empty() { p.quiet { (visit.say("cases-takedowns-none")) } }
            ul.plain-list {
                @for row in &file.takedowns {
                    li { a href={ "/takedowns/" (row.id) } { (row.id) } " " (state_badge(visit, &row.state)) @if let Some(party) = &row.party { " " (party) } }
                }
            }
            @if can { p { a.button href={ "/takedowns/new?case=" (file.row.id) } { (visit.say("takedowns-new")) } } }
        }
    }
}

fn participants(visit: &Visit, file: &File, works: bool) -> Markup {
    let id = &file.row.id;
    html! {
        section.card {
            h2 { (visit.say("cases-participants")) }
            @if file.case.participants.is_empty() { p.quiet { (visit.say("cases-participants-none")) } }
            ul.plain-list {
                @for (party, role) in &file.case.participants {
                    li {
                        a href={ "/parties/" (party) } { (party) } " " span.quiet { (role) }
                        @if works {
                            form method="post" action={ "/cases/" (id) "/leave" } {
                                input type="hidden" name="party" value=(party);
                                button.plain type="submit" { (visit.say("cases-leave")) span.unseen { " " (party) } }
                            }
                        }
                    }
                }
            }
            @if works {
                details {
                    summary { (visit.say("cases-join")) }
                    form.stack method="post" action={ "/cases/" (id) "/join" } {
                        div.field { label for="join-party" { (visit.say("cases-party")) } input #join-party name="party" required autocomplete="off" spellcheck="false"; }
                        div.field { label for="join-role" { (visit.say("cases-role")) } input #join-role name="role" maxlength=(Field::ROLE.longest) autocomplete="off"; }
                        button type="submit" { (visit.say("cases-join")) }
                    }
                }
            }
        }
    }
}

/// Cases that go on in this one.
fn merged(visit: &Visit, file: &File, works: bool) -> Markup {
    html! {
        @if file.rows.len() > 1 {
            section.card {
                h2 { (visit.say("cases-together")) }
                ul.plain-list {
                    @for row in file.rows.iter().skip(1) {
                        li {
                            a href={ "/cases/" (row.id) } { (row.id) } " " (row.title) " "
                            span.quiet { (visit.say_with("cases-n-events", &[("shown", grouped(row.events.unsigned_abs()).into()), ("count", row.events.into())])) }
                            @if works && row.merged_into.as_deref() == Some(&*file.row.id) {
                                form method="post" action={ "/cases/" (row.id) "/part" } {
                                    input type="hidden" name="into" value=(file.row.id);
                                    button.plain type="submit" { (visit.say("cases-part-do")) span.unseen { " " (row.id) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn work(visit: &Visit, file: &File, people: &Colleagues) -> Markup {
    let (id, row) = (&file.row.id, &file.row);
    if let Some(into) = &file.case.merged_into {
        return html! {
            section.card {
                h2 { (visit.say("cases-part")) }
                form.stack method="post" action={ "/cases/" (id) "/part" } {
                    input type="hidden" name="into" value=(into);
                    div.field { label for="part-why" { (visit.say("cases-why")) } input #part-why name="why" autocomplete="off"; }
                    button type="submit" { (visit.say("cases-part-do")) }
                }
            }
        };
    }
    if file.case.closed.is_some() {
        return html! {
            section.card {
                h2 { (visit.say("cases-reopen")) }
                form.stack method="post" action={ "/cases/" (id) "/reopen" } {
                    div.field { label for="reopen-why" { (visit.say("cases-why")) } input #reopen-why name="why" autocomplete="off"; }
                    button.first type="submit" { (visit.say("cases-reopen-do")) }
                }
            }
        };
    }
    html! {
        section.card {
            h2 { (visit.say("cases-work")) }
            form.stack method="post" action={ "/cases/" (id) "/assign" } {
                (people.choice(visit, "assignee", &visit.say("cases-who"), row.assignee.as_deref()))
                button type="submit" { (visit.say("cases-assign-do")) }
            }
            form.stack method="post" action={ "/cases/" (id) "/due" } {
                div.field { label for="due" { (visit.say("cases-due")) } input #due name="due" type="date" value=(day_field(visit, row.due)); }
                button type="submit" { (visit.say("cases-due-do")) }
            }
            details {
                summary { (visit.say("cases-hand-over")) }
                form.stack method="post" action={ "/cases/" (id) "/hand-over" } {
                    (people.choice(visit, "hand-assignee", &visit.say("cases-hand-to"), None))
                    div.field { label for="hand-text" { (visit.say("cases-hand-note")) } textarea #hand-text name="text" rows="4" required {} }
                    button type="submit" { (visit.say("cases-hand-over")) }
                }
            }
            details {
                summary { (visit.say("cases-close")) }
                form.stack method="post" action={ "/cases/" (id) "/close" } {
                    div.field {
                        label for="close-how" { (visit.say("cases-close-how")) }
                        select #close-how name="how" {
                            option value="resolved" { (visit.say("cases-resolved")) }
                            option value="false-positive" { (visit.say("cases-false-positive")) }
                            option value="given-up" { (visit.say("cases-given-up")) }
                        }
                    }
                    div.field { label for="close-why" { (visit.say("cases-why")) } input #close-why name="why" autocomplete="off"; }
                    button type="submit" { (visit.say("cases-close-do")) }
                }
            }
            details {
                summary { (visit.say("cases-merge")) }
                form.stack method="post" action={ "/cases/" (id) "/merge" } {
                    p.hint { (visit.say("cases-merge-why")) }
                    div.field { label for="merge-into" { (visit.say("cases-merge-into")) } input #merge-into name="into" required pattern="c[0-9]+" placeholder="c12" autocomplete="off"; }
                    div.field { label for="merge-why" { (visit.say("cases-why")) } input #merge-why name="why" autocomplete="off"; }
                    button type="submit" { (visit.say("cases-merge-do")) }
                }
            }
            p { a href={ "/cases/new?title=" (form_urlencoded::byte_serialize(row.title.as_bytes()).collect::<String>()) } { (visit.say("cases-new-like")) } }
        }
    }
}

/// Notices to those who take part or were asked, that name the address of the case.
async fn notices(visit: &Visit, file: &File) -> Result<Vec<Notice>, Fault> {
    let Some(ip) = file.key().and_then(|key| key.ip()) else { return Ok(Vec::new()) };
    let asked = file.takedowns.iter().filter_map(|row| row.party.as_deref());
    let mut parties: Vec<&str> = asked.chain(file.case.participants.keys().map(String::as_str)).collect();
    parties.sort_unstable();
    parties.dedup();
    let mut found = Vec::new();
    for party in parties.into_iter().take(3) {
        let mut read = 0;
        for notice in visit.server.register.notices(Some(party), None, 30).await? {
            read += notice.findings;
            if read > 5_000 {
                break;
            }
            let findings = visit.server.register.notice_findings(&notice.id).await?;
            if findings.iter().any(|finding| finding.ip == Some(ip)) {
                found.push(notice);
            }
        }
    }
    Ok(found)
}

fn told(visit: &Visit, notices: &[Notice]) -> Markup {
    html! {
        @if !notices.is_empty() {
            h2 { (visit.say("nav-notices")) }
            (table(&visit.say("nav-notices"), &[
                Column::text(visit.say("cases-id")),
                Column::text(visit.say("cases-party")),
                Column::text(visit.say("cases-state")),
                Column::text(visit.say("cases-notice-sent")),
                Column::text(visit.say("cases-notice-answer")),
            ], &notices.iter().map(|notice| vec![
                html! { a href={ "/notices/" (notice.id) } { (notice.id) } },
                html! { a href={ "/parties/" (notice.digest.party) } { (notice.digest.party) } },
                html! { (notice.state.as_str()) },
                html! { @if let Some(at) = notice.sent_at { (visit.stamp(at)) } },
                html! { (notice.answer.as_deref().unwrap_or_default()) },
            ]).collect::<Vec<_>>()))
        }
    }
}
