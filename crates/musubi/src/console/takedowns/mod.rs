//! `/takedowns`: who was asked to end what, and what the network says of it.

mod one;
mod work;

pub(super) use one::state_meaning;

use casework::correlate::key::CaseKey;
use casework::model::day::Day;
use casework::model::rights::Right;
use casework::verify::takedown::State;
use maud::{Markup, html};
use store::takedowns::TakedownRow;
use store::work::Takedowns;

use super::Route;
use super::cases::{due, state_word};
use super::elements::defang::defang;
use super::elements::query::Query;
use super::elements::table::{Column, ROWS, paging, table};
use super::elements::{Tone, badge, empty, figure};
use super::visit::{Answer, Fault, Visit};
use super::words::grouped;

/// Cards in a column of the board.
const CARDS: u32 = 15;

pub(super) fn routes() -> Vec<Route> {
    let mut routes = vec![Route::get("/takedowns", Right::ReadCases, list), Route::get("/takedowns/{id}", Right::ReadCases, one::page)];
    routes.extend(work::routes());
    routes
}

/// States that ask the same of whoever reads them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Group {
    Open,
    Asked,
    Answered,
    SeenAgain,
    Quiet,
    Unknown,
    Verified,
    Withdrawn,
}

impl Group {
    const ALL: [Self; 8] =
        [Self::SeenAgain, Self::Open, Self::Asked, Self::Answered, Self::Unknown, Self::Quiet, Self::Verified, Self::Withdrawn];

    fn of(state: State) -> Self {
        match state {
            State::Open => Self::Open,
            State::Requested | State::Acknowledged => Self::Asked,
            State::Fixed | State::Disputed | State::Misdirected | State::Declined => Self::Answered,
            State::Quiet => Self::Quiet,
            State::Unknown => Self::Unknown,
            State::Verified => Self::Verified,
            State::Reopened => Self::SeenAgain,
            State::Withdrawn => Self::Withdrawn,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Asked => "asked",
            Self::Answered => "answered",
            Self::SeenAgain => "seen-again",
            Self::Quiet => "quiet",
            Self::Unknown => "unknown",
            Self::Verified => "verified",
            Self::Withdrawn => "withdrawn",
        }
    }

    fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.as_str() == text)
    }

    fn states(self) -> Vec<&'static str> {
        State::ALL.into_iter().filter(|state| Self::of(*state) == self).map(State::as_str).collect()
    }

    fn word(self, visit: &Visit) -> String {
        match self {
            Self::Open => visit.say("takedowns-group-open"),
            Self::Asked => visit.say("takedowns-group-asked"),
            Self::Answered => visit.say("takedowns-group-answered"),
            Self::SeenAgain => visit.say("takedowns-group-seen-again"),
            Self::Quiet => visit.say("takedowns-group-quiet"),
            Self::Unknown => visit.say("takedowns-group-unknown"),
            Self::Verified => visit.say("takedowns-group-verified"),
            Self::Withdrawn => visit.say("takedowns-group-withdrawn"),
        }
    }
}

/// How one stands, as a word with a tone.
pub(super) fn state_badge(visit: &Visit, word: &str) -> Markup {
    let tone = match State::read(word) {
        Some(State::Verified) => Tone::Good,
        Some(State::Reopened | State::Declined) => Tone::Bad,
        Some(State::Requested | State::Acknowledged | State::Fixed | State::Disputed | State::Misdirected) => Tone::Waiting,
        Some(State::Open | State::Quiet) | None => Tone::Plain,
        Some(State::Unknown | State::Withdrawn) => Tone::Quiet,
    };
    badge(tone, &state_word(visit, word))
}

/// What it is about, in words that no program takes for a link.
pub(super) fn about(row: &TakedownRow) -> String {
    CaseKey::read(&row.target).map_or_else(|| row.target.clone(), |key| defang(&key.title()))
}

/// A takedown by its id; what is no id is none.
fn id(text: &str) -> Result<&str, Fault> {
    let digits = text.strip_prefix('t').filter(|digits| (1..=18).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()));
    digits.map(|_| text).ok_or(Fault::NotFound)
}

async fn found(visit: &Visit, name: &str) -> Result<TakedownRow, Fault> {
    visit.server.register.takedown_found(id(name)?).await?.ok_or(Fault::NotFound)
}

fn wanted(visit: &Visit, query: &Query) -> Takedowns {
    let mut wanted = Takedowns {
        party: query.one("party").map(str::to_owned),
        class: query.one("class").map(str::to_owned),
        most: ROWS as u32 + 1,
        ..Takedowns::default()
    };
    match query.one("state").unwrap_or("running") {
        "all" => {}
        "overdue" => wanted.overdue = Some(visit.now.as_microsecond()),
        state => {
            wanted.states = match (Group::read(state), State::read(state)) {
                (Some(group), _) => group.states(),
                (None, Some(state)) => vec![state.as_str()],
                (None, None) => State::ALL
                    .into_iter()
                    .filter(|state| !matches!(Group::of(*state), Group::Verified | Group::Withdrawn))
                    .map(State::as_str)
                    .collect(),
            };
        }
    }
    wanted.verified_since = since(query).map(|day| i64::from(day.number()) * 86_400_000_000);
    wanted.after = query.one("after").and_then(|text| {
        let (number, due) = text.split_once('.').unwrap_or((text, "0"));
        Some((number.parse().ok()?, due.parse().ok()?))
    });
    wanted
}

/// The day, in UTC, from which on it was verified.
fn since(query: &Query) -> Option<Day> {
    let date: jiff::civil::Date = query.one("since")?.parse().ok()?;
    Some(Day::of(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp()))
}

async fn list(visit: Visit) -> Answer {
    let query = Query::of(&visit.uri);
    let wanted = wanted(&visit, &query);
    let (counts, overdue) = visit.server.register.takedown_counts(visit.now.as_microsecond()).await?;
    let count = |group: Group| -> u64 {
        let states = group.states();
        counts.iter().filter(|(state, _)| states.contains(&state.as_str())).map(|(_, count)| count).sum()
    };
    let is_board = query.one("as") == Some("board");
    let shown = if is_board { board(&visit, &query, &wanted).await? } else { rows(&visit, &query, &wanted).await? };
    let body = html! {
        p.lead { (visit.say("takedowns-lead")) }
        div.figures {
            @for group in Group::ALL { (figure(&format!("/takedowns?state={}", group.as_str()), count(group), &group.word(&visit))) }
            (figure("/takedowns?state=overdue", overdue, &visit.say("takedowns-overdue")))
        }
        (filter(&visit, &query, is_board))
        (shown)
    };
    Ok(visit.page(&visit.say("takedowns-title"), &body))
}

fn filter(visit: &Visit, query: &Query, is_board: bool) -> Markup {
    let state = query.one("state").unwrap_or("running");
    html! {
        form.filter method="get" action="/takedowns" {
            div.field {
                label for="state" { (visit.say("cases-state")) }
                select #state name="state" {
                    option value="running" selected[state == "running"] { (visit.say("takedowns-running")) }
                    @for group in Group::ALL { option value=(group.as_str()) selected[state == group.as_str()] { (group.word(visit)) } }
                    option value="overdue" selected[state == "overdue"] { (visit.say("takedowns-overdue")) }
                    option value="all" selected[state == "all"] { (visit.say("cases-all")) }
                }
            }
            div.field {
                label for="party" { (visit.say("takedowns-party")) }
                input #party name="party" value=(query.one("party").unwrap_or_default()) autocomplete="off" spellcheck="false";
            }
            div.field {
                label for="class" { (visit.say("takedowns-class")) }
                input #class name="class" value=(query.one("class").unwrap_or_default()) autocomplete="off" spellcheck="false";
            }
            div.field {
                label for="since" { (visit.say("takedowns-since")) }
                input #since name="since" type="date" value=(query.one("since").unwrap_or_default());
            }
            @if is_board { input type="hidden" name="as" value="board"; }
            button type="submit" { (visit.say("table-filter")) }
            @match is_board {
                true => a.button href=(query.with("as", None).with("after", None).link("/takedowns")) { (visit.say("cases-as-table")) },
                false => a.button href=(query.with("as", Some("board")).with("after", None).link("/takedowns")) { (visit.say("cases-as-board")) },
            }
        }
    }
}

async fn rows(visit: &Visit, query: &Query, wanted: &Takedowns) -> Result<Markup, Fault> {
    let mut found = visit.server.register.takedown_page(wanted).await?;
    let more = found.len() > ROWS;
    found.truncate(ROWS);
    let next = found.last().filter(|_| more).map(|row| format!("{}.{}", row.number, row.answer_due.unwrap_or_default()));
    if found.is_empty() {
        // Without a question those that are over are left out.
        let (counts, _) = visit.server.register.takedown_counts(visit.now.as_microsecond()).await?;
        let filtered = ["state", "party", "class", "since", "after"].into_iter().any(|name| query.one(name).is_some());
        return Ok(match filtered || !counts.is_empty() {
            true => empty(&visit.say("takedowns-none-so"), Some(("/takedowns?state=all", &visit.say("table-clear")))),
            false => empty(&visit.say("takedowns-none"), Some(("/cases", &visit.say("nav-cases")))),
        });
    }
    let columns = [
        Column::text(visit.say("cases-id")),
        Column::text(visit.say("takedowns-about")),
        Column::text(visit.say("cases-state")),
        Column::number(visit.say("takedowns-quiet")),
        Column::text(visit.say("takedowns-party")),
        Column::text(visit.say("takedowns-answer-due")),
        Column::text(visit.say("takedowns-last-seen")),
        Column::text(visit.say("takedowns-case")),
    ];
    let over = |row: &TakedownRow| matches!(row.state.as_str(), "verified" | "withdrawn");
    let rows: Vec<Vec<Markup>> = found
        .iter()
        .map(|row| {
            vec![
                html! { a.id href={ "/takedowns/" (row.id) } { (row.id) } },
                html! { a.row-name href={ "/takedowns/" (row.id) } { (about(row)) } },
                state_badge(visit, &row.state),
                html! { (row.quiet_days) "/" (row.needed_days) },
                html! { @if let Some(party) = &row.party { a.id href={ "/parties/" (party) } { (party) } @if let Some(channel) = &row.channel { " " span.quiet { (channel) } } } },
                due(visit, row.answer_due, over(row)),
                visit.stamp(row.last_seen),
                html! { a href={ "/cases/" (row.case_id) } { (row.case_id) } },
            ]
        })
        .collect();
    Ok(html! { (table(&visit.say("takedowns-title"), &columns, &rows)) (paging(visit, next.as_deref())) })
}

async fn board(visit: &Visit, query: &Query, wanted: &Takedowns) -> Result<Markup, Fault> {
    let mut columns = Vec::new();
    for group in Group::ALL.into_iter().filter(|group| *group != Group::Withdrawn) {
        let wanted = Takedowns { states: group.states(), overdue: None, after: None, most: CARDS, ..wanted.clone() };
        columns.push((group, visit.server.register.takedown_page(&wanted).await?));
    }
    let query = query.with("as", None).with("after", None);
    Ok(html! {
        div.board {
            @for (group, rows) in &columns {
                section aria-labelledby={ "column-" (group.as_str()) } {
                    h2 id={ "column-" (group.as_str()) } { a href=(query.with("state", Some(group.as_str())).link("/takedowns")) { (group.word(visit)) } }
                    @if rows.is_empty() { p.quiet { (visit.say("cases-column-empty")) } }
                    ul {
                        @for row in rows {
                            li.post-it {
                                a href={ "/takedowns/" (row.id) } { (about(row)) }
                                p.quiet { (row.id) @if let Some(party) = &row.party { " · " (party) } " · " (visit.say("takedowns-quiet")) " " (row.quiet_days) "/" (row.needed_days) }
                                @if row.answer_due.is_some() { p { (visit.say("takedowns-answer-due")) ": " (due(visit, row.answer_due, matches!(row.state.as_str(), "verified" | "withdrawn"))) } }
                                @if row.reinfections > 0 { p { (badge(Tone::Bad, &visit.say_with("takedowns-reinfections", &[("shown", grouped(row.reinfections.unsigned_abs()).into()), ("count", row.reinfections.into())]))) } }
                            }
                        }
                    }
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_stands_in_one_column() {
        for state in State::ALL {
            let columns: Vec<Group> = Group::ALL.into_iter().filter(|group| group.states().contains(&state.as_str())).collect();
            assert_eq!(columns, [Group::of(state)]);
        }
        assert_eq!(Group::read("seen-again"), Some(Group::SeenAgain));
    }
}
