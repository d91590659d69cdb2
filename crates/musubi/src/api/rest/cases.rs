//! `/api/v1/cases` and `/api/v1/takedowns`: what is being worked on. For our own people.

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use casework::model::case::{Case as Told, Closing, Did, Entry, replay};
use casework::model::day::Day;
use casework::model::deeds::Refusal;
use casework::model::rights::Right;
use casework::model::writing::Field;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::StoreError;
use store::cases::{CaseRow, Wanted};
use store::takedowns::{self, TakedownRow};
use utoipa::ToSchema;

use super::answer::{Sent, is_outdated, outdated, page};
use super::repeats::{MORE, once};
use super::{Asked, Operation, time_text, write_cursor};
use crate::console::visit::{Answer, Fault, Visit};

/// Bytes of a change.
const LARGEST: usize = 64 * 1024;

pub(super) fn operations() -> Vec<Operation> {
    let cases = Operation::get("listCases", "/api/v1/cases", Right::ReadCases, list, "Cases, the newest first")
        .flag("closed", "Also those that are closed")
        .text("assignee", "Of this person")
        .paged()
        .lists::<Case>();
    let open = Operation::post("openCase", "/api/v1/cases", Right::WorkCases, open, "Open a case by hand")
        .header("Idempotency-Key", "The same request under the same key is done once; its answer is kept for a day")
        .taking(LARGEST * MORE)
        .takes::<NewCase>()
        .gives::<CaseFile>(201, "The case");
    let one = Operation::get("getCase", "/api/v1/cases/{id}", Right::ReadCases, one, "One case with its history")
        .gives::<CaseFile>(200, "The case");
    let change = Operation::post("changeCase", "/api/v1/cases/{id}/entries", Right::WorkCases, change, "Add to the history of a case")
        .header("If-Match", "ETag of the case as it was read: refused when it has changed since")
        .header("Idempotency-Key", "The same request under the same key is done once")
        .taking(LARGEST * MORE)
        .takes::<Doing>()
        .gives::<CaseFile>(200, "The case as it is now");
    let takedowns = Operation::get("listTakedowns", "/api/v1/takedowns", Right::ReadCases, list_takedowns, "Takedowns, the newest first")
        .text("case", "Of this case")
        .text("state", "In this state")
        .text("party", "Asked of this party")
        .flag("all", "Also those that are over")
        .paged()
        .lists::<Takedown>();
    let takedown = Operation::get("getTakedown", "/api/v1/takedowns/{id}", Right::ReadCases, one_takedown, "One takedown")
        .gives::<Takedown>(200, "The takedown");
    [cases, open, one, change, takedowns, takedown].map(|operation| operation.group("Cases")).into()
}

/// A case as lists show it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Case {
    id: String,
    title: String,
    /// What it is about; none when a person opened it for something else.
    key: Option<String>,
    /// `open`, or how it was closed.
    state: String,
    opened_at: String,
    closed_at: Option<String>,
    assignee: Option<String>,
    due: Option<String>,
    events: i64,
    first_day: Option<String>,
    last_day: Option<String>,
    tasks: i64,
    open_tasks: i64,
}

impl Case {
    fn of(row: &CaseRow) -> Self {
        let day = |day: Option<i64>| day.and_then(|day| i32::try_from(day).ok()).map(|day| Day::from_number(day).to_string());
        Self {
            id: row.id.clone(),
            title: row.title.clone(),
            key: row.key.clone(),
            state: row.closing.clone().unwrap_or_else(|| "open".to_owned()),
            opened_at: time_text(row.opened_at),
            closed_at: row.closed_at.map(time_text),
            assignee: row.assignee.clone(),
            due: row.due.map(time_text),
            events: row.events,
            first_day: day(row.first_day),
            last_day: day(row.last_day),
            tasks: row.tasks,
            open_tasks: row.open_tasks,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct CaseFile {
    #[serde(flatten)]
    case: Case,
    task_list: Vec<Task>,
    participants: Vec<Participant>,
    takedowns: Vec<Asking>,
    history: Vec<Line>,
    /// The chain of the history is whole.
    verified: bool,
}

#[derive(Debug, Serialize, ToSchema)]
struct Task {
    number: u32,
    title: String,
    assignee: Option<String>,
    due: Option<String>,
    done_at: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Participant {
    party: String,
    role: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct Asking {
    id: String,
    state: String,
}

/// One line of a history.
#[derive(Debug, Serialize, ToSchema)]
struct Line {
    number: u64,
    at: String,
    by: String,
    #[schema(value_type = Object)]
    what: Value,
    /// Hash that the next line carries.
    link: String,
}

impl CaseFile {
    fn of(row: &CaseRow, entries: &[Entry]) -> Self {
        let told: Told = replay(entries);
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let tasks = told.tasks.iter().map(|task| Task {
            number: task.number,
            title: task.title.clone(),
            assignee: task.assignee.clone(),
            due: text(task.due),
            done_at: text(task.done_at),
        });
        let line = |entry: &Entry| Line {
            number: entry.number,
            at: entry.at.to_string(),
            by: entry.by.clone(),
            what: serde_json::from_str(&entry.did).unwrap_or_else(|_| Value::String(entry.did.clone())),
            link: entry.link.to_string(),
        };
        Self {
            case: Case::of(row),
            task_list: tasks.collect(),
            participants: told.participants.iter().map(|(party, role)| Participant { party: party.clone(), role: role.clone() }).collect(),
            takedowns: told.takedowns.iter().map(|(id, state)| Asking { id: id.clone(), state: state.clone() }).collect(),
            history: entries.iter().map(line).collect(),
            verified: row.faults(entries).is_empty(),
        }
    }
}

/// A case changes with its history and no other way.
fn tag(row: &CaseRow) -> String {
    let end = crate::show::hex(row.history_end.get(..8).unwrap_or_default());
    format!("W/\"{}-{}-{end}\"", row.id, row.history_length)
}

async fn list(visit: Visit, headers: HeaderMap) -> Answer {
    let asked = Asked::of(&visit, &["closed", "assignee", "cursor", "limit"])?;
    let limit = asked.limit()?;
    let before = match asked.cursor::<1>()? {
        Some([number]) => Some(number.parse::<i64>().map_err(|_| Fault::Wrong("parameter cursor: not of this list".to_owned()))?),
        None => None,
    };
    let wanted =
        Wanted { closed: asked.flag("closed")?, assignee: asked.text("assignee").map(str::to_owned), limit: Some(limit as u32 + 1) };
    let mut rows = visit.server.register.cases_before(before, &wanted).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|last| write_cursor(&[&last.number.to_string()]));
    let data: Vec<Case> = rows.iter().map(Case::of).collect();
    page(&visit, &data, next.as_deref())?.answer(&headers)
}

async fn read(visit: &Visit, id: &str) -> Result<(CaseRow, Vec<Entry>), Fault> {
    match visit.server.register.case(id).await {
        Ok(found) => Ok(found),
        Err(StoreError::Refused(_)) => Err(Fault::NotFound),
        Err(error) => Err(error.into()),
    }
}

async fn one(visit: Visit, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    Asked::of(&visit, &[])?;
    let (row, entries) = read(&visit, &id).await?;
    let tag = tag(&row);
    Sent::json(&CaseFile::of(&row, &entries))?.tag(tag).answer(&headers)
}

/// A case that is opened.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCase {
    #[schema(min_length = 1, max_length = 500)]
    title: String,
}

async fn open(visit: Visit, headers: HeaderMap, body: axum::body::Body) -> Answer {
    once(&visit, &headers, body, LARGEST, |visit, bytes| async move {
        let new: NewCase = super::repeats::read(&bytes)?;
        let title = Field::TITLE.read(&new.title).map_err(|unfit| Fault::Wrong(format!("title: {unfit}")))?;
        let who = visit.who()?;
        let id = visit.server.register.open_case(&title, None, visit.now, &who.shown).await?;
        let (row, entries) = read(&visit, &id).await?;
        let sent = Sent::json(&CaseFile::of(&row, &entries))?.status(StatusCode::CREATED).tag(tag(&row));
        sent.header(header::LOCATION, format!("/api/v1/cases/{id}")).answer(&HeaderMap::new())
    })
    .await
}

/// What is added to a history.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "do")]
enum Doing {
    Note {
        #[schema(min_length = 1, max_length = 60_000)]
        text: String,
    },
    /// Nobody, when `to` is null.
    Assign {
        to: Option<String>,
    },
    Due {
        #[schema(format = DateTime)]
        at: Option<String>,
    },
    AddTask {
        #[schema(min_length = 1, max_length = 500)]
        title: String,
        assignee: Option<String>,
    },
    FinishTask {
        number: u32,
    },
    Close {
        /// `resolved`, `false-positive` or `given-up`.
        closing: String,
        #[schema(max_length = 2000)]
        why: String,
    },
    Reopen {
        #[schema(max_length = 2000)]
        why: String,
    },
}

impl Doing {
    /// As it stands in a history; with the reason when it makes no sense for this case. What may be done `model::deeds` decides.
    fn did(self, case: &Told) -> Result<Vec<Did>, String> {
        let filled = |name: &str, text: String, field: Field| field.read(&text).map_err(|unfit| format!("{name}: {unfit}"));
        let reason = |text: String| Field::REASON.read_any(&text).map_err(|unfit| format!("why: {unfit}"));
        let open = case.closed.is_none();
        let is_open = |did: Did| if open { Ok(vec![did]) } else { Err("the case is closed: open it again first".to_owned()) };
        let refused = |refusal: Refusal| refusal.to_string();
        match self {
            Self::Note { text } => Ok(vec![Did::Noted { text: filled("text", text, Field::NOTE)? }]),
            Self::Assign { to } => is_open(Did::Assigned { to: to.map(|to| filled("to", to, Field::NAME)).transpose()? }),
            Self::Due { at } => {
                let at = at.map(|at| at.parse().map_err(|_| format!("at: {at:?} is no time (RFC 3339)"))).transpose()?;
                is_open(Did::Due { at })
            }
            Self::AddTask { title, assignee } => {
                let assignee = assignee.map(|name| filled("assignee", name, Field::NAME)).transpose()?;
                is_open(case.task(filled("title", title, Field::TITLE)?, assignee, None).1)
            }
            Self::FinishTask { number } => match case.finish(number, true).map_err(refused)? {
                did if did.is_empty() => Err(format!("task {number} is done already")),
                did => Ok(did),
            },
            Self::Close { closing, why } => {
                let known = Closing::read(&closing).filter(|closing| *closing != Closing::Merged);
                let closing = known.ok_or_else(|| format!("closing: {closing:?} is neither resolved, false-positive nor given-up"))?;
                case.close(closing, reason(why)?).map_err(refused)
            }
            Self::Reopen { why } => case.reopen(reason(why)?).map_err(refused),
        }
    }
}

async fn change(visit: Visit, headers: HeaderMap, Path(id): Path<String>, body: axum::body::Body) -> Answer {
    let conditions = headers.clone();
    once(&visit, &headers, body, LARGEST, |visit, bytes| async move {
        let doing: Doing = super::repeats::read(&bytes)?;
        let (row, _) = read(&visit, &id).await?;
        if is_outdated(&conditions, &tag(&row)) {
            return outdated();
        }
        let who = visit.who()?;
        let done = visit.server.register.change_case(&id, visit.now, &who.shown, |case| doing.did(case)).await;
        if let Err(StoreError::Refused(why)) = done {
            return Err(Fault::Conflict(why));
        }
        done?;
        let (row, entries) = read(&visit, &id).await?;
        Sent::json(&CaseFile::of(&row, &entries))?.tag(tag(&row)).answer(&HeaderMap::new())
    })
    .await
}

/// A takedown: who was asked to end what, what they said, what the network shows.
#[derive(Debug, Serialize, ToSchema)]
struct Takedown {
    id: String,
    case: String,
    target: String,
    place: String,
    class: String,
    country: Option<String>,
    party: Option<String>,
    channel: Option<String>,
    agreement: Option<String>,
    release: Option<String>,
    state: String,
    said: String,
    shown: String,
    quiet_days: i64,
    needed_days: i64,
    reinfections: i64,
    escalations: i64,
    first_seen: String,
    last_seen: String,
    asked_at: Option<String>,
    answered_at: Option<String>,
    answer_due: Option<String>,
    verified_at: Option<String>,
    reason: String,
}

impl Takedown {
    fn of(row: TakedownRow) -> Self {
        Self {
            id: row.id,
            case: row.case_id,
            target: row.target,
            place: row.place,
            class: row.class,
            country: row.country,
            party: row.party,
            channel: row.channel,
            agreement: row.agreement,
            release: row.release_id,
            state: row.state,
            said: row.said,
            shown: row.shown,
            quiet_days: row.quiet_days,
            needed_days: row.needed_days,
            reinfections: row.reinfections,
            escalations: row.escalations,
            first_seen: time_text(row.first_seen),
            last_seen: time_text(row.last_seen),
            asked_at: row.asked_at.map(time_text),
            answered_at: row.answered_at.map(time_text),
            answer_due: row.answer_due.map(time_text),
            verified_at: row.verified_at.map(time_text),
            reason: row.reason,
        }
    }
}

async fn list_takedowns(visit: Visit, headers: HeaderMap) -> Answer {
    let asked = Asked::of(&visit, &["case", "state", "party", "all", "cursor", "limit"])?;
    let limit = asked.limit()?;
    let before = match asked.cursor::<1>()? {
        Some([number]) => number.parse::<i64>().map_err(|_| Fault::Wrong("parameter cursor: not of this list".to_owned()))?,
        None => i64::MAX,
    };
    let text = |name: &str| asked.text(name).map(str::to_owned);
    let wanted = takedowns::Wanted { case_id: text("case"), state: text("state"), party: text("party"), all: asked.flag("all")? };
    let mut rows = visit.server.register.takedowns_before(before, &wanted, limit as u32 + 1).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|last| write_cursor(&[&last.number.to_string()]));
    let data: Vec<Takedown> = rows.into_iter().map(Takedown::of).collect();
    page(&visit, &data, next.as_deref())?.answer(&headers)
}

async fn one_takedown(visit: Visit, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    Asked::of(&visit, &[])?;
    match visit.server.register.takedown(&id).await {
        Ok(row) => Sent::json(&Takedown::of(row))?.answer(&headers),
        Err(StoreError::Refused(_)) => Err(Fault::NotFound),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_names_the_measures_that_decide() {
        let document = super::super::document::made("Musubi");
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["NewCase"]["properties"]["title"]["maxLength"], Field::TITLE.longest);
        let text = schemas["Doing"].to_string();
        for (name, field) in [("text", Field::NOTE), ("title", Field::TITLE), ("why", Field::REASON)] {
            let measure = format!("\"maxLength\":{}", field.longest);
            let part = text.split(&format!("\"{name}\":{{")).nth(1).and_then(|rest| rest.split('}').next()).unwrap();
            assert!(part.contains(&measure), "{name}: {part}");
        }
    }
}
