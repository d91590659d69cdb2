//! What is done about a takedown: it is begun, asked for again, taken one step up, answered by hand, withdrawn.

use axum::body::Bytes;
use axum::extract::Path;
use casework::correlate::key::CaseKey;
use casework::model::party::PartyId;
use casework::model::rights::Right;
use casework::model::writing;
use casework::verify::takedown::{Answer as Answered, Happening, Refusal};
use jiff::Timestamp;
use maud::{Markup, html};
use store::StoreError;
use store::takedowns::{Request, TakedownRow};

use super::super::Route;
use super::super::cases::{answer_word, end_of_day};
use super::super::elements::form::{Field, field, written_if};
use super::super::elements::query::Query;
use super::super::people::acting;
use super::super::visit::{Answer, Fault, Visit};
use super::found;
use super::one::ANSWERS;
use crate::jobs::takedowns::{NoTarget, Wish, begin, channel};

pub(super) fn routes() -> Vec<Route> {
    let work = Right::WorkCases;
    vec![
        Route::get("/takedowns/new", work, blank),
        Route::post("/takedowns/new", work, open),
        Route::post("/takedowns/{id}/ask", work, ask),
        Route::post("/takedowns/{id}/escalate", work, escalate),
        Route::post("/takedowns/{id}/answer", work, answer),
        Route::post("/takedowns/{id}/withdraw", work, withdraw),
        Route::post("/takedowns/{id}/assess", work, assess),
    ]
}

/// Who is asked, as a form says it.
async fn request(visit: &Visit, form: &Query) -> Result<Option<(PartyId, Request)>, Fault> {
    let Some(name) = form.one("party") else { return Ok(None) };
    let unknown = || Fault::Wrong(visit.say_with("cases-wrong-party", &[("party", name.to_owned().into())]));
    let party: PartyId = name.parse().map_err(|_| unknown())?;
    visit.server.register.party(&party, visit.now).await?.ok_or_else(unknown)?;
    let how = match form.one("channel") {
        Some(word) => Some(channel(word).map_err(|_| Fault::Wrong(visit.say("takedowns-wrong-channel")))?),
        None => None,
    };
    let request = Request {
        party: party.to_string(),
        channel: how,
        agreement: form.one("agreement").map(str::to_owned),
        release: None,
        answer_due: form.one("due").map(|text| end_of_day(visit, text)).transpose()?,
    };
    Ok(Some((party, request)))
}

/// The form for a case, with who could be asked.
async fn blank(visit: Visit) -> Answer {
    let query = Query::of(&visit.uri);
    let case = query.one("case").unwrap_or_default().to_owned();
    let row = match visit.server.register.case_found(&case).await? {
        Some((row, _)) => row,
        None => return Err(Fault::NotFound),
    };
    let target = row.key.as_deref().and_then(CaseKey::read).filter(|key| key.class().is_some());
    let week = (visit.now + jiff::SignedDuration::from_hours(24 * 3)).as_microsecond();
    let body = html! {
        p.lead { (visit.say("takedowns-new-lead")) }
        form.stack method="post" action="/takedowns/new" {
            input type="hidden" name="case" value=(row.id);
            p { a href={ "/cases/" (row.id) } { (row.id) " " (row.title) } }
            (field(&Field { name: "target", label: &visit.say("takedowns-target"), value: &target.as_ref().map(ToString::to_string).unwrap_or_default(), hint: &visit.say("takedowns-target-hint"), required: true, ..Field::default() }))
            (asking(&visit, "", &super::super::cases::day_field(&visit, Some(week))))
            (field(&Field { name: "days", label: &visit.say("takedowns-needed"), kind: "number", hint: &visit.say("takedowns-needed-hint"), ..Field::default() }))
            button.first type="submit" { (visit.say("takedowns-new-do")) }
        }
    };
    Ok(visit.page(&visit.say("takedowns-new"), &body))
}

/// Fields that say who is asked, how, under what, until when.
fn asking(visit: &Visit, party: &str, due: &str) -> Markup {
    html! {
        (field(&Field { name: "party", label: &visit.say("takedowns-ask-party"), value: party, hint: &visit.say("takedowns-ask-party-hint"), ..Field::default() }))
        div.field {
            label for="channel" { (visit.say("takedowns-channel")) }
            input #channel name="channel" list="channels" autocomplete="off" maxlength="32";
            datalist #channels { @for word in ["mail", "sealed-mail", "taxii", "portal", "phone", "file", "walled-garden"] { option value=(word) {} } }
        }
        (field(&Field { name: "agreement", label: &visit.say("takedowns-agreement"), hint: &visit.say("takedowns-agreement-hint"), ..Field::default() }))
        (field(&Field { name: "due", label: &visit.say("takedowns-answer-due"), kind: "date", value: due, ..Field::default() }))
    }
}

async fn open(visit: Visit, body: Bytes) -> Answer {
    let form = Query::of_form(&body);
    let case = form.one("case").unwrap_or_default().to_owned();
    if visit.server.register.cases_named(std::slice::from_ref(&case)).await?.is_empty() {
        return Err(Fault::NotFound);
    }
    let target = match form.one("target") {
        Some(text) => {
            Some(CaseKey::read(text).ok_or_else(|| Fault::Wrong(visit.say_with("cases-wrong-key", &[("key", text.to_owned().into())])))?)
        }
        None => None,
    };
    let quiet_days = match form.one("days") {
        Some(text) => {
            let days = text.parse::<u16>().ok().filter(|days| (1..=365).contains(days));
            Some(days.ok_or_else(|| Fault::Wrong(visit.say("takedowns-wrong-days")))?)
        }
        None => None,
    };
    let wish = Wish { case, target, request: request(&visit, &form).await?, quiet_days, asked_by: None };
    let by = acting(&visit).await?;
    let standing = visit.server.desk.standing(visit.now).await?;
    let _turn = visit.server.working().await?;
    match begin(&visit.server.home, &visit.server.register, &standing, &wish, visit.now, &by).await {
        Ok(row) => Ok(visit.on_to(&format!("/takedowns/{}", row.id))),
        Err(error) => match (error.downcast_ref::<NoTarget>(), error.downcast_ref::<StoreError>()) {
            (Some(NoTarget::Nothing(_)), _) => Err(Fault::Wrong(visit.say("takedowns-wrong-nothing"))),
            (Some(NoTarget::NoPlace(_)), _) => Err(Fault::Wrong(visit.say("takedowns-wrong-place"))),
            (Some(NoTarget::Unseen(_)), _) => Err(Fault::Wrong(visit.say("takedowns-wrong-unseen"))),
            (None, Some(StoreError::Refused(_))) => Err(Fault::Conflict(visit.say("takedowns-wrong-running"))),
            _ => Err(error.into()),
        },
    }
}

/// Something happened to a takedown; why it cannot is said in the viewer's language.
async fn happened(visit: &Visit, name: &str, happening: Happening, detail: Option<&str>, asked: Option<&Request>) -> Answer {
    let row = found(visit, name).await?;
    let (by, register) = (acting(visit).await?, &visit.server.register);
    let standing = row.standing()?;
    if let Err(refusal) = casework::verify::takedown::step(standing.status, happening, standing.needed) {
        return Err(Fault::Conflict(match refusal {
            Refusal::AlreadyVerified => visit.say("takedowns-refused-verified"),
            Refusal::AlreadyWithdrawn => visit.say("takedowns-refused-withdrawn"),
            Refusal::NobodyAsked => visit.say("takedowns-refused-nobody"),
        }));
    }
    match asked {
        Some(request) => register.ask_for_takedown(&row.id, request, happening == Happening::Escalated, visit.now, &by).await?,
        None => register.takedown_happening(&row.id, happening, detail, visit.now, &by).await?,
    };
    Ok(visit.on_to(&format!("/takedowns/{}", row.id)))
}

async fn ask(visit: Visit, Path(name): Path<String>, body: Bytes) -> Answer {
    asked(&visit, &name, &body, Happening::Requested).await
}

async fn escalate(visit: Visit, Path(name): Path<String>, body: Bytes) -> Answer {
    asked(&visit, &name, &body, Happening::Escalated).await
}

async fn asked(visit: &Visit, name: &str, body: &[u8], happening: Happening) -> Answer {
    let request = request(visit, &Query::of_form(body)).await?;
    let (_, request) = request.ok_or_else(|| Fault::Wrong(visit.say("takedowns-wrong-party")))?;
    happened(visit, name, happening, None, Some(&request)).await
}

async fn answer(visit: Visit, Path(name): Path<String>, body: Bytes) -> Answer {
    let form = Query::of_form(&body);
    let happening = match form.one("answer") {
        Some("acknowledged") => Some(Happening::Acknowledged),
        Some(word) => Answered::read(word).map(Happening::Answered),
        None => None,
    };
    let happening = happening.ok_or_else(|| Fault::Wrong(visit.say("cases-wrong-empty")))?;
    let detail = written_if(&visit, &form, "detail", writing::Field::REASON)?;
    happened(&visit, &name, happening, detail.as_deref(), None).await
}

async fn withdraw(visit: Visit, Path(name): Path<String>, body: Bytes) -> Answer {
    let form = Query::of_form(&body);
    let why = written_if(&visit, &form, "why", writing::Field::REASON)?;
    happened(&visit, &name, Happening::Withdrawn, why.as_deref(), None).await
}

/// Looks at the network now, for this one and for whatever else is due.
async fn assess(visit: Visit, Path(name): Path<String>) -> Answer {
    let row = found(&visit, &name).await?;
    let by = acting(&visit).await?;
    let rules = crate::jobs::takedowns::rules(&visit.server.home)?;
    let _turn = visit.server.working().await?;
    crate::jobs::verify::verify(&visit.server.home, &visit.server.register, &rules, visit.now, &by).await?;
    Ok(visit.on_to(&format!("/takedowns/{}", row.id)))
}

/// Everything that can be done about one.
pub(super) fn forms(visit: &Visit, row: &TakedownRow) -> Markup {
    let over = matches!(row.state.as_str(), "verified" | "withdrawn");
    let days = |days: i64| {
        let at = visit.now.as_microsecond() + days * 86_400_000_000;
        Timestamp::from_microsecond(at)
            .map_or_else(|_| String::new(), |at| super::super::cases::day_field(visit, Some(at.as_microsecond())))
    };
    html! {
        section.card {
            h2 { (visit.say("takedowns-network")) }
            form method="post" action={ "/takedowns/" (row.id) "/assess" } { button type="submit" { (visit.say("takedowns-assess")) } }
        }
        @if !over {
            section.card {
                h2 { (visit.say("takedowns-answer")) }
                form.stack method="post" action={ "/takedowns/" (row.id) "/answer" } {
                    div.field {
                        label for="answer" { (visit.say("takedowns-answer-what")) }
                        select #answer name="answer" {
                            option value="acknowledged" { (visit.say("takedowns-happening-acknowledged")) }
                            @for answer in ANSWERS { option value=(answer.as_str()) { (answer_word(visit, answer)) } }
                        }
                    }
                    div.field { label for="detail" { (visit.say("takedowns-detail")) } textarea #detail name="detail" rows="2" maxlength=(writing::Field::REASON.longest) {} }
                    p.hint { (visit.say("takedowns-answer-hint")) }
                    button type="submit" { (visit.say("takedowns-answer-do")) }
                }
            }
            section.card {
                h2 { (visit.say("takedowns-ask")) }
                form.stack method="post" action={ "/takedowns/" (row.id) "/ask" } {
                    (asking(visit, row.party.as_deref().unwrap_or_default(), &days(3)))
                    button type="submit" { (visit.say("takedowns-ask-again")) }
                    @if row.party.is_some() { button type="submit" formaction={ "/takedowns/" (row.id) "/escalate" } { (visit.say("takedowns-escalate")) } }
                }
            }
            section.card {
                details {
                    summary { (visit.say("takedowns-withdraw")) }
                    form.stack method="post" action={ "/takedowns/" (row.id) "/withdraw" } {
                        div.field { label for="withdraw-why" { (visit.say("cases-why")) } input #withdraw-why name="why" autocomplete="off"; }
                        button.danger type="submit" data-question=(visit.say_with("takedowns-withdraw-question", &[("takedown", row.id.clone().into()), ("party", row.party.clone().unwrap_or_else(|| visit.say("people-nobody")).into())])) { (visit.say("takedowns-withdraw-do")) }
                    }
                }
            }
        }
    }
}
