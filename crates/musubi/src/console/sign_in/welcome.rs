//! `/welcome`, where a link leads that an administrator gave: it makes an account, or lets the owner of one in again. Once.

use std::sync::Arc;

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use casework::model::rights::Right;
use maud::html;
use serde::Deserialize;
use store::people::{Invitation, Person};

use super::{let_in, organisation, other_name};
use crate::api::Server;
use crate::console::Route;
use crate::console::elements::form::{Field, field};
use crate::console::elements::query::Query;
use crate::console::visit::{Answer, Fault, Visit, hashed};
use crate::sign_in::{password, people};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/welcome", Right::OwnAccount, welcome).open(), Route::post("/welcome", Right::OwnAccount, begin).open()]
}

async fn welcome(visit: Visit, headers: HeaderMap) -> Answer {
    let query = Query::of(&visit.uri);
    let key = query.one("key").ok_or(Fault::NotFound)?;
    let invitation = visit.server.register.invitation(&hashed(key), visit.now.as_microsecond()).await?;
    let invitation = invitation.ok_or_else(|| Fault::Wrong(visit.say("welcome-used")))?;
    let form = Beginning { key: key.to_owned(), ..Beginning::default() };
    page(&visit, &headers, &invitation, &form, None).await
}

async fn page(visit: &Visit, headers: &HeaderMap, invitation: &Invitation, form: &Beginning, wrong: Option<&str>) -> Answer {
    let owner = match &invitation.person {
        Some(id) => Some(visit.server.register.person(id).await?.ok_or_else(|| Fault::Wrong(visit.say("welcome-used")))?),
        None => None,
    };
    let body = html! {
        (other_name(visit, headers))
        p.lead {
            @match &owner {
                Some(owner) => (visit.say_with("welcome-again-lead", &[("name", owner.name.as_str().into())])),
                None => (visit.say("welcome-lead")),
            }
        }
        form.stack method="post" action="/welcome" {
            input type="hidden" name="key" value=(form.key);
            @if let Some(wrong) = wrong { p.wrong role="alert" { (wrong) } }
            @match &owner {
                Some(owner) => input type="hidden" name="name" value=(owner.name) autocomplete="username";,
                None => {
                    (field(&Field { name: "name", label: &visit.say("sign-in-name"), value: &form.name, autocomplete: "username", hint: &visit.say("welcome-name-hint"), required: true, ..Field::default() }))
                    (field(&Field { name: "shown", label: &visit.say("welcome-shown"), value: &form.shown, autocomplete: "name", required: true, ..Field::default() }))
                }
            }
            (field(&Field { name: "password", label: &visit.say("sign-in-password"), kind: "password", autocomplete: "new-password", hint: &visit.say("welcome-password-hint"), required: true, ..Field::default() }))
            button.first type="submit" { @if owner.is_some() { (visit.say("welcome-again-do")) } @else { (visit.say("welcome-do")) } }
        }
        (organisation::links(visit, None, Some(&form.key)))
    };
    let title = if owner.is_some() { visit.say("welcome-again") } else { visit.say("welcome-title") };
    let mut page: Response = visit.page(&title, &body);
    if wrong.is_some() {
        *page.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(page)
}

#[derive(Debug, Default, Deserialize)]
struct Beginning {
    key: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    shown: String,
    #[serde(default)]
    password: String,
}

async fn begin(State(server): State<Arc<Server>>, visit: Visit, headers: HeaderMap, Form(form): Form<Beginning>) -> Answer {
    let now = visit.now.as_microsecond();
    let key = hashed(&form.key);
    let used = || Fault::Wrong(visit.say("welcome-used"));
    let invitation = server.register.invitation(&key, now).await?.ok_or_else(used)?;
    if let Some(id) = &invitation.person {
        let owner = server.register.person(id).await?.filter(|owner| owner.disabled_at.is_none()).ok_or_else(used)?;
        if let Err(weak) = password::acceptable(&form.password, &[&owner.name, &owner.shown]) {
            return page(&visit, &headers, &invitation, &form, Some(&visit.say(weak.word()))).await;
        }
        let hash = password::hashed(&server, form.password).await?;
        if !server.register.readmit(&key, id, Some(&hash), None, now).await? {
            return Err(used());
        }
        return let_in(&server, &visit, &headers, &owner, "link", "/").await;
    }
    let shown = form.shown.trim().to_owned();
    let name = people::sign_in_name(&form.name).unwrap_or_default();
    if name.is_empty() || shown.is_empty() || shown.chars().count() > 64 || shown.contains(char::is_control) {
        return page(&visit, &headers, &invitation, &form, Some(&visit.say("welcome-name-wrong"))).await;
    }
    if let Err(weak) = password::acceptable(&form.password, &[&name, &shown]) {
        return page(&visit, &headers, &invitation, &form, Some(&visit.say(weak.word()))).await;
    }
    let hash = password::hashed(&server, form.password.clone()).await?;
    let person = Person { shown, password: Some(hash), ..fresh(&visit, &invitation, &name)? };
    if server.register.person_named(&name).await?.is_some() {
        return page(&visit, &headers, &invitation, &form, Some(&visit.say("welcome-name-taken"))).await;
    }
    if !server.register.add_invited_person(&person, &key, now).await? {
        return Err(used());
    }
    let_in(&server, &visit, &headers, &person, "link", "/").await
}

/// The account that a link makes, without a way to sign in yet.
pub(super) fn fresh(visit: &Visit, invitation: &Invitation, name: &str) -> Result<Person, Fault> {
    let by = invitation.created_by.as_deref();
    let person = people::account(name, name, &invitation.party, &invitation.role, by, visit.now)?;
    Ok(Person { language: Some(visit.language().as_str().to_owned()), ..person })
}
