//! What is done to a case. Each change is entries of its history under the name of whoever did it.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::Path;
use casework::correlate::key::CaseKey;
use casework::model::case::{Case, Closing, Did};
use casework::model::day::Day;
use casework::model::deeds::Refusal;
use casework::model::party::PartyId;
use casework::model::rights::Right;
use casework::model::writing::Field;
use jiff::Timestamp;
use maud::html;
use store::StoreError;

use super::super::Route;
use super::super::elements::form::{self, field, lines, written, written_if};
use super::super::elements::query::Query;
use super::super::people::{Colleagues, acting};
use super::super::visit::{Answer, Fault, Visit};
use super::{end_of_day, found, id};

/// Days back in which a case that is opened by hand looks for its events, and how long it looks.
const SEEN_DAYS: i32 = 90;
const PATIENCE: Duration = Duration::from_secs(4);

pub(super) fn routes() -> Vec<Route> {
    let work = Right::WorkCases;
    vec![
        Route::post("/cases/{id}/note", work, note),
        Route::post("/cases/{id}/assign", work, assign),
        Route::post("/cases/{id}/hand-over", work, hand_over),
        Route::post("/cases/{id}/due", work, due),
        Route::post("/cases/{id}/task", work, task),
        Route::post("/cases/{id}/task/done", work, task_done),
        Route::post("/cases/{id}/task/again", work, task_again),
        Route::post("/cases/{id}/join", work, join),
        Route::post("/cases/{id}/leave", work, leave),
        Route::post("/cases/{id}/close", work, close),
        Route::post("/cases/{id}/reopen", work, reopen),
        Route::post("/cases/{id}/merge", work, merge),
        Route::post("/cases/{id}/part", work, part),
    ]
}

/// Why something cannot be done, in the viewer's language.
fn refused(visit: &Visit, refusal: &Refusal) -> Fault {
    let with = |key: &str, name: &str, value: String| visit.say_with(key, &[(name, value.into())]);
    Fault::Conflict(match refusal {
        Refusal::NoTask(number) => with("cases-refused-task", "number", number.to_string()),
        Refusal::TakesNoPart(party) => with("cases-refused-no-part", "party", party.clone()),
        Refusal::Running(takedowns) => with("cases-refused-running", "takedowns", takedowns.join(", ")),
        Refusal::IsClosed { .. } => visit.say("cases-refused-closed"),
        Refusal::GoesOn => visit.say("cases-refused-goes-on"),
        Refusal::IsOpen => visit.say("cases-refused-open"),
        Refusal::IntoItself => visit.say("cases-refused-itself"),
        Refusal::NotThere(case) => with("cases-refused-not-there", "case", case.clone()),
    })
}

/// Changes a case as `decide` says of it as it stands, and leads back to it.
async fn change(visit: &Visit, path: &Path<String>, decide: impl FnOnce(&Case) -> Result<Vec<Did>, Refusal>) -> Answer {
    let row = found(visit, path).await?;
    let by = acting(visit).await?;
    let mut refusal = None;
    let decide = |case: &Case| {
        decide(case).map_err(|why| {
            let text = why.to_string();
            refusal = Some(why);
            text
        })
    };
    let done = visit.server.register.change_case(&row.id, visit.now, &by, decide).await;
    match (done, refusal) {
        (_, Some(why)) => Err(refused(visit, &why)),
        (Err(error), None) => Err(error.into()),
        (Ok(()), None) => Ok(visit.on_to(&format!("/cases/{}", row.id))),
    }
}

fn why(visit: &Visit, form: &Query) -> Result<String, Fault> {
    Ok(written_if(visit, form, "why", Field::REASON)?.unwrap_or_default())
}

/// Somebody who can work on it, or nobody.
async fn assignee(visit: &Visit, form: &Query) -> Result<Option<String>, Fault> {
    let Some(name) = form.one("assignee") else { return Ok(None) };
    match Colleagues::of(visit).await?.can_work(name) {
        true => Ok(Some(name.to_owned())),
        false => Err(Fault::Wrong(visit.say_with("cases-wrong-person", &[("name", name.to_owned().into())]))),
    }
}

fn due_in(visit: &Visit, form: &Query) -> Result<Option<Timestamp>, Fault> {
    form.one("due").map(|text| end_of_day(visit, text)).transpose()
}

async fn note(visit: Visit, path: Path<String>, body: Bytes) -> Answer {
    let text = written(&visit, &Query::of_form(&body), "text", Field::NOTE)?;
    change(&visit, &path, |_| Ok(vec![Did::Noted { text }])).await
}

async fn assign(visit: Visit, path: Path<String>, body: Bytes) -> Answer {
    let to = assignee(&visit, &Query::of_form(&body)).await?;
    change(&visit, &path, |case| Ok(if case.assignee == to { Vec::new() } else { vec![Did::Assigned { to }] })).await
}

/// Somebody else goes on with it, and is told where it stands: both or neither.
async fn hand_over(visit: Visit, path: Path<String>, body: Bytes) -> Answer {
    let form = Query::of_form(&body);
    let text = written(&visit, &form, "text", Field::NOTE)?;
    let to = assignee(&visit, &form).await?.ok_or_else(|| Fault::Wrong(visit.say("cases-wrong-nobody")))?;
    change(&visit, &path, |_| Ok(vec![Did::Noted { text }, Did::Assigned { to: Some(to) }])).await
}

async fn due(visit: Visit, path: Path<String>, body: Bytes) -> Answer {
    let at = due_in(&visit, &Query::of_form(&body))?;
    change(&visit, &path, |case| Ok(if case.due == at { Vec::new() } else { vec![Did::Due { at }] })).await
}

async fn task(visit: Visit, path: Path<String>, body: Bytes) -> Answer {
    let form = Query::of_form(&body);
    let (title, assignee, due) = (written(&visit, &form, "title", Field::TITLE)?, assignee(&visit, &form).await?, due_in(&visit, &form)?);
    change(&visit, &path, |case| Ok(vec![case.task(title, assignee, due).1])).await
}

fn number(visit: &Visit, body: &[u8]) -> Result<u32, Fault> {
    let form = Query::of_form(body);
    form.one("number").and_then(|text| text.parse().ok()).ok_or_else(|| Fault::Wrong(visit.say("cases-wrong-empty")))
}

async fn task_done(visit: Visit, path: Path<String>, body: Bytes) -> Answer {
    let number = number(&visit, &body)?;
    change(&visit, &path, |case| case.finish(number, true)).await
}

async fn task_again(visit: Visit, path: Path<String>, body: Bytes) -> Answer {
    let number = number(&visit, &body)?;
    change(&visit, &path, |case| case.finish(number, false)).await
}

async fn join(visit: Visit, path: Path<String>, body: Bytes) -> Answer {
    let form = Query::of_form(&body);
    let name = written(&visit, &form, "party", Field::NAME)?;
    let unknown = || Fault::Wrong(visit.say_with("cases-wrong-party", &[("party", name.clone().into())]));
    let party: PartyId = name.parse().map_err(|_| unknown())?;
    visit.server.register.party(&party, visit.now).await?.ok_or_else(unknown)?;
    let role = written_if(&visit, &form, "role", Field::ROLE)?.unwrap_or_else(|| "participant".to_owned());
    change(&visit, &path, |case| Ok(case.join(party.as_str(), &role))).await
}

async fn leave(visit: Visit, path: Path<String>, body: Bytes) -> Answer {
    let party = written(&visit, &Query::of_form(&body), "party", Field::NAME)?;
    change(&visit, &path, |case| case.leave(&party)).await
}

async fn close(visit: Visit, path: Path<String>, body: Bytes) -> Answer {
    let form = Query::of_form(&body);
    let how = form.one("how").and_then(Closing::read).filter(|how| *how != Closing::Merged);
    let how = how.ok_or_else(|| Fault::Wrong(visit.say("cases-wrong-empty")))?;
    let why = why(&visit, &form)?;
    change(&visit, &path, |case| case.close(how, why)).await
}

async fn reopen(visit: Visit, path: Path<String>, body: Bytes) -> Answer {
    let why = why(&visit, &Query::of_form(&body))?;
    change(&visit, &path, |case| case.reopen(why)).await
}

async fn merge(visit: Visit, path: Path<String>, body: Bytes) -> Answer {
    two(&visit, &path, &body, true).await
}

async fn part(visit: Visit, path: Path<String>, body: Bytes) -> Answer {
    two(&visit, &path, &body, false).await
}

/// Two cases change together.
async fn two(visit: &Visit, path: &Path<String>, body: &[u8], merges: bool) -> Answer {
    let form = Query::of_form(body);
    let row = found(visit, path).await?;
    let other = form.one("into").unwrap_or_default();
    let unknown = || Fault::Wrong(visit.say_with("cases-wrong-case", &[("case", other.to_owned().into())]));
    let other = id(other).map_err(|_| unknown())?;
    if visit.server.register.cases_named(&[other.to_owned()]).await?.is_empty() {
        return Err(unknown());
    }
    let (by, why) = (acting(visit).await?, why(visit, &form)?);
    let mut refusal = None;
    let decide = |one: &Case, two: &Case| {
        let decided = if merges { one.merge(&row.id, two, other, why) } else { one.part(&row.id, other, why) };
        decided.inspect_err(|why| refusal = Some(why.clone()))
    };
    match (visit.server.register.change_two_cases((&row.id, other), visit.now, &by, decide).await, refusal) {
        (Err(StoreError::Refused(_)), Some(why)) => Err(refused(visit, &why)),
        (Err(error), _) => Err(error.into()),
        (Ok(()), _) => Ok(visit.on_to(&format!("/cases/{}", if merges { other } else { &row.id }))),
    }
}

/// The form of a new case; what another page knows of it already stands in the address.
pub(super) async fn blank(visit: Visit) -> Answer {
    let query = Query::of(&visit.uri);
    let people = Colleagues::of(&visit).await?;
    let me = acting(&visit).await?;
    let body = html! {
        form.stack method="post" action="/cases/new" {
            (field(&form::Field { name: "title", label: &visit.say("cases-new-title"), value: query.one("title").unwrap_or_default(), required: true, ..form::Field::default() }))
            (field(&form::Field { name: "key", label: &visit.say("cases-new-key"), value: query.one("key").unwrap_or_default(), hint: &visit.say("cases-new-key-hint"), ..form::Field::default() }))
            (people.choice(&visit, "assignee", &visit.say("cases-who"), people.can_work(&me).then_some(&*me)))
            (field(&form::Field { name: "due", label: &visit.say("cases-due"), kind: "date", value: "", ..form::Field::default() }))
            (lines("text", &visit.say("cases-new-note"), "", 4))
            p.hint { (visit.say("cases-markdown")) }
            button.first type="submit" { (visit.say("cases-new-do")) }
        }
    };
    Ok(visit.page(&visit.say("cases-new"), &body))
}

pub(super) async fn open(visit: Visit, body: Bytes) -> Answer {
    let form = Query::of_form(&body);
    let title = written(&visit, &form, "title", Field::TITLE)?;
    let key = match form.one("key") {
        Some(written) => Some(
            CaseKey::read(written).ok_or_else(|| Fault::Wrong(visit.say_with("cases-wrong-key", &[("key", written.to_owned().into())])))?,
        ),
        None => None,
    };
    let (to, at) = (assignee(&visit, &form).await?, due_in(&visit, &form)?);
    let note = written_if(&visit, &form, "text", Field::NOTE)?;
    let by = acting(&visit).await?;
    let more: Vec<Did> =
        [to.map(|to| Did::Assigned { to: Some(to) }), at.map(|at| Did::Due { at: Some(at) }), note.map(|text| Did::Noted { text })]
            .into_iter()
            .flatten()
            .collect();
    let id = visit.server.register.open_case(&title, key.as_ref(), visit.now, &by).await?;
    if !more.is_empty() {
        visit.server.register.change_case(&id, visit.now, &by, |_| Ok(more)).await?;
    }
    if let Some(key) = &key {
        gather(&visit, key, &by).await?;
    }
    Ok(visit.on_to(&format!("/cases/{id}")))
}

/// What was seen of it already belongs to the case from the start. When that takes long, the next grouping brings it.
async fn gather(visit: &Visit, key: &CaseKey, by: &str) -> Result<(), Fault> {
    let today = Day::of(visit.now);
    let look = async {
        let questions = visit.server.asking().await?;
        Ok::<_, Fault>(questions.questions().await?.case_days(key, today.plus(-SEEN_DAYS), today).await?)
    };
    if let Ok(days) = tokio::time::timeout(PATIENCE, look).await {
        visit.server.register.gather_case(key, &days?, visit.now, by).await?;
    }
    Ok(())
}
