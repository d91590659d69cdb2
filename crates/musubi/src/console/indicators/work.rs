//! What is done with indicators: added by hand once warning lists were seen, confirmed, doubted, withdrawn, given another end.

use axum::body::Bytes;
use axum::extract::Path;
use casework::indicate::indicator::{What, Worth};
use casework::model::observable::Kind;
use casework::model::rights::Right;
use casework::model::terms::{Terms, Tlp};
use casework::model::writing;
use formats::rsit::Class;
use maud::{Markup, html};
use store::indicators::Remembered;

use super::super::Route;
use super::super::cases::{day_field, end_of_day};
use super::super::elements::form::{Field, choice, field, written_if};
use super::super::elements::query::Query;
use super::super::people::acting;
use super::super::visit::{Answer, Fault, Visit};
use super::{found, shown, standing, warned, warnings};
use crate::jobs::indicators::{New, Voice, harm, what};
use crate::receive::lists;

pub(super) fn routes() -> Vec<Route> {
    let change = Right::ChangeIndicators;
    vec![
        Route::get("/indicators/new", change, blank),
        Route::post("/indicators/new", change, add),
        Route::post("/indicators/{id}/sight", change, sight),
        Route::post("/indicators/{id}/false-positive", change, doubt),
        Route::post("/indicators/{id}/revoke", change, revoke),
        Route::post("/indicators/{id}/restore", change, restore),
        Route::post("/indicators/{id}/end", change, end),
    ]
}

fn why(visit: &Visit, form: &Query) -> Result<String, Fault> {
    Ok(written_if(visit, form, "because", writing::Field::REASON)?.unwrap_or_default())
}

async fn blank(visit: Visit) -> Answer {
    let query = Query::of(&visit.uri);
    let body = new_form(&visit, &query, None);
    Ok(visit.page(&visit.say("indicators-new"), &body))
}

fn new_form(visit: &Visit, form: &Query, checked: Option<&Markup>) -> Markup {
    let one = |name: &str| form.one(name).unwrap_or_default();
    let kinds: Vec<(&str, String)> = std::iter::once(("", visit.say("indicators-guess")))
        .chain(Kind::ALL.map(|kind| (kind.as_str(), kind.as_str().to_owned())))
        .collect();
    let tlps: Vec<(&str, String)> =
        [Tlp::AmberStrict, Tlp::Amber, Tlp::Green, Tlp::Clear, Tlp::Red].map(|tlp| (tlp.label(), tlp.label().to_owned())).to_vec();
    html! {
        @match checked { Some(checked) => (checked), None => p.lead { (visit.say("indicators-new-lead")) } }
        form.stack method="post" action="/indicators/new" {
            (field(&Field { name: "value", label: &visit.say("indicators-value"), value: one("value"), hint: &visit.say("indicators-value-hint"), required: true, ..Field::default() }))
            (choice("kind", &visit.say("indicators-kind"), one("kind"), &kinds))
            div.field {
                label for="class" { (visit.say("indicators-class")) }
                select #class name="class" { option value="" { "–" } @for class in Class::all() { option value=(class.type_()) selected[class.type_() == one("class")] { (class.type_()) } } }
            }
            (field(&Field { name: "malware", label: &visit.say("indicators-malware"), value: one("malware"), ..Field::default() }))
            (field(&Field { name: "confidence", label: &visit.say("indicators-confidence"), kind: "number", value: form.one("confidence").unwrap_or("70"), ..Field::default() }))
            (choice("tlp", &visit.say("indicators-terms"), form.one("tlp").unwrap_or(Tlp::AmberStrict.label()), &tlps))
            (field(&Field { name: "until", label: &visit.say("indicators-valid-until"), kind: "date", value: one("until"), ..Field::default() }))
            (field(&Field { name: "case", label: &visit.say("indicators-in-case"), value: one("case"), ..Field::default() }))
            (field(&Field { name: "because", label: &visit.say("cases-why"), value: one("because"), ..Field::default() }))
            @match checked {
                Some(_) => {
                    label.check { input type="checkbox" name="sure" value="yes" required; " " (visit.say("indicators-sure")) }
                    button.first type="submit" { (visit.say("indicators-save")) }
                }
                None => button.first type="submit" { (visit.say("indicators-check")) },
            }
        }
    }
}

/// Shows what warning lists say first; saves when it was seen.
async fn add(visit: Visit, body: Bytes) -> Answer {
    let form = Query::of_form(&body);
    let wrong = |text: String| Fault::Wrong(visit.say_with("indicators-wrong", &[("what", text.into())]));
    let value = form.one("value").ok_or_else(|| Fault::Wrong(visit.say("cases-wrong-empty")))?;
    let what = what(value, form.one("kind")).map_err(|_| wrong(value.chars().take(200).collect()))?;
    let class = match form.one("class") {
        Some(word) => Some(Class::of(word).ok_or_else(|| wrong(word.to_owned()))?),
        None => None,
    };
    let confidence = form.one("confidence").unwrap_or("70");
    let confidence = confidence.parse::<u8>().ok().filter(|n| (1..=100).contains(n)).ok_or_else(|| wrong(confidence.to_owned()))?;
    let tlp = form.one("tlp").map(|label| Tlp::read(label).ok_or_else(|| wrong(label.to_owned()))).transpose()?.unwrap_or(Tlp::UNMARKED);
    let until = form.one("until").map(|text| end_of_day(&visit, text)).transpose()?;
    let case = form.one("case").map(str::to_owned);
    if let Some(case) = &case
        && visit.server.register.cases_named(std::slice::from_ref(case)).await?.is_empty()
    {
        return Err(Fault::Wrong(visit.say_with("cases-wrong-case", &[("case", case.clone().into())])));
    }
    let harm = harm(&what, &*warnings(&visit).await?);
    if form.one("sure") != Some("yes") {
        let known = visit.server.register.indicator(what.id()).await?;
        let checked = checked(&visit, &what, &harm.because, &warned(&visit, &harm), known.as_ref())?;
        return Ok(visit.page(&visit.say("indicators-new"), &new_form(&visit, &form, Some(&checked))));
    }
    let by = acting(&visit).await?;
    let new = New {
        what,
        class,
        malware: form.one("malware").map(str::to_owned),
        confidence,
        terms: Some(Terms::of(tlp)),
        until,
        case,
        because: why(&visit, &form)?,
    };
    let id = Voice { register: &visit.server.register, by: &by, now: visit.now }.add(new, &harm).await?;
    Ok(visit.on_to(&format!("/indicators/{id}")))
}

/// What is known of a value before it is saved.
fn checked(visit: &Visit, what: &What, because: &[String], warned: &Markup, known: Option<&Remembered>) -> Result<Markup, Fault> {
    let half_lives = lists::half_lives(&visit.server.home)?;
    Ok(html! {
        section.card {
            h2 { (visit.say("indicators-before")) }
            p { (visit.say("indicators-read-as")) " " code { (what.to_string().split(' ').next().unwrap_or_default()) " " (shown(what)) } }
            @if because.is_empty() { p { (visit.say("indicators-no-warning")) } }
            @else { p { (warned) } ul { @for because in because { li { (because) } } } p { (visit.say("indicators-warned-why")) } }
            @if let Some(known) = known {
                @let worth = known.indicator.worth(&half_lives, visit.now, |_| true);
                p { (visit.say("indicators-known")) " " a href={ "/indicators/" (known.indicator.id()) } { (worth.score) " / 100" } " " (standing(visit, worth.standing)) }
            }
        }
    })
}

async fn sight(visit: Visit, Path(id): Path<String>, body: Bytes) -> Answer {
    let one = found(&visit, &id).await?;
    let times = Query::of_form(&body).one("times").and_then(|text| text.parse::<u64>().ok()).unwrap_or(1).clamp(1, 1_000_000);
    let by = acting(&visit).await?;
    Voice { register: &visit.server.register, by: &by, now: visit.now }.sight(&one, times, None).await?;
    Ok(visit.on_to(&format!("/indicators/{id}")))
}

async fn doubt(visit: Visit, Path(id): Path<String>, body: Bytes) -> Answer {
    let one = found(&visit, &id).await?;
    let form = Query::of_form(&body);
    let trust = form.one("trust").and_then(|text| text.parse::<u8>().ok()).unwrap_or(100).clamp(1, 100);
    let by = acting(&visit).await?;
    Voice { register: &visit.server.register, by: &by, now: visit.now }.doubt(&one, trust, &why(&visit, &form)?).await?;
    Ok(visit.on_to(&format!("/indicators/{id}")))
}

async fn revoke(visit: Visit, Path(id): Path<String>, body: Bytes) -> Answer {
    ruled(&visit, &id, &body, true).await
}

async fn restore(visit: Visit, Path(id): Path<String>, body: Bytes) -> Answer {
    ruled(&visit, &id, &body, false).await
}

async fn ruled(visit: &Visit, id: &str, body: &[u8], revoked: bool) -> Answer {
    let one = found(visit, id).await?;
    let by = acting(visit).await?;
    Voice { register: &visit.server.register, by: &by, now: visit.now }.revoke(&one, revoked, &why(visit, &Query::of_form(body))?).await?;
    Ok(visit.on_to(&format!("/indicators/{id}")))
}

/// Another end: earlier by a ruling, later by a word for it that says so.
async fn end(visit: Visit, Path(id): Path<String>, body: Bytes) -> Answer {
    let one = found(&visit, &id).await?;
    let form = Query::of_form(&body);
    let until = form.one("until").ok_or_else(|| Fault::Wrong(visit.say("cases-wrong-empty")))?;
    let until = end_of_day(&visit, until)?;
    if one.indicator.ruling().is_some_and(|ruling| ruling.revoked) {
        return Err(Fault::Conflict(visit.say("indicators-refused-revoked")));
    }
    let by = acting(&visit).await?;
    let voice = Voice { register: &visit.server.register, by: &by, now: visit.now };
    let worth = one.indicator.worth(&lists::half_lives(&visit.server.home)?, visit.now, |_| true);
    match worth.valid_until.is_some_and(|end| end < until) {
        true => voice.extend(&one, worth.confidence, until, &why(&visit, &form)?).await?,
        false => voice.expire(&one, until, &why(&visit, &form)?).await?,
    };
    Ok(visit.on_to(&format!("/indicators/{id}")))
}

/// Everything that can be done with one.
pub(super) fn forms(visit: &Visit, one: &Remembered, worth: &Worth) -> Markup {
    let id = one.indicator.id();
    let revoked = one.indicator.ruling().is_some_and(|ruling| ruling.revoked);
    let because = |name: &str| html! { div.field { label for=(name) { (visit.say("cases-why")) } input id=(name) name="because" maxlength=(writing::Field::REASON.longest) autocomplete="off"; } };
    html! {
        section.card {
            h2 { (visit.say("indicators-confirm")) }
            form.stack method="post" action={ "/indicators/" (id) "/sight" } {
                div.field { label for="times" { (visit.say("indicators-times")) } input #times name="times" type="number" min="1" value="1"; }
                button type="submit" { (visit.say("indicators-confirm-do")) }
            }
        }
        section.card {
            h2 { (visit.say("indicators-harmless")) }
            form.stack method="post" action={ "/indicators/" (id) "/false-positive" } {
                div.field { label for="trust" { (visit.say("indicators-trust")) } input #trust name="trust" type="number" min="1" max="100" value="100"; }
                (because("because-false"))
                button type="submit" { (visit.say("indicators-harmless-do")) }
            }
        }
        @if !revoked {
            section.card {
                h2 { (visit.say("indicators-end")) }
                form.stack method="post" action={ "/indicators/" (id) "/end" } {
                    div.field { label for="until" { (visit.say("indicators-valid-until")) } input #until name="until" type="date" required value=(day_field(visit, worth.valid_until.map(jiff::Timestamp::as_microsecond))); }
                    (because("because-end"))
                    button type="submit" { (visit.say("indicators-end-do")) }
                }
            }
        }
        section.card {
            h2 { (visit.say(if revoked { "indicators-restore" } else { "indicators-revoke" })) }
            form.stack method="post" action={ "/indicators/" (id) "/" (if revoked { "restore" } else { "revoke" }) } {
                (because("because-ruling"))
                button type="submit" { (visit.say(if revoked { "indicators-restore" } else { "indicators-revoke" })) }
            }
        }
    }
}
