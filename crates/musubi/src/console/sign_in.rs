//! `/sign-in`, `/sign-out` and `/welcome`, where a link that was given makes an account.

use axum::extract::{Form, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use casework::model::rights::{Right, Role};
use maud::html;
use serde::Deserialize;
use std::sync::Arc;
use store::people::Person;

use super::Route;
use super::elements::form::{Field, field};
use super::elements::query::Query;
use super::visit::{Answer, Fault, Visit, hashed, own_path};
use crate::api::Server;
use crate::sign_in::{password, session};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/sign-in", Right::OwnAccount, ask).open(),
        Route::post("/sign-in", Right::OwnAccount, enter).open(),
        Route::post("/sign-out", Right::OwnAccount, leave),
        Route::get("/welcome", Right::OwnAccount, welcome).open(),
        Route::post("/welcome", Right::OwnAccount, begin).open(),
    ]
}

async fn ask(visit: Visit) -> Answer {
    if visit.who.is_some() {
        return Ok(visit.on_to(visit.home()));
    }
    Ok(form(&visit, None))
}

fn form(visit: &Visit, wrong: Option<&str>) -> Response {
    let query = Query::of(&visit.uri);
    let next = query.one("next").and_then(own_path).unwrap_or("/");
    let body = html! {
        form.stack method="post" action="/sign-in" {
            input type="hidden" name="next" value=(next);
            @if let Some(wrong) = wrong { p.wrong role="alert" { (wrong) } }
            (field(&Field { name: "name", label: &visit.say("sign-in-name"), autocomplete: "username webauthn", required: true, ..Field::default() }))
            (field(&Field { name: "password", label: &visit.say("sign-in-password"), kind: "password", autocomplete: "current-password", required: true, ..Field::default() }))
            button.first type="submit" { (visit.say("sign-in-do")) }
        }
    };
    visit.page(&visit.say("sign-in-title"), &body)
}

#[derive(Debug, Deserialize)]
struct Entering {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

async fn enter(State(server): State<Arc<Server>>, visit: Visit, headers: HeaderMap, Form(entering): Form<Entering>) -> Answer {
    let found = password::check(&server, &entering.name, entering.password, visit.address, visit.now).await?;
    let Some(person) = found else {
        let mut page = form(&visit, Some(&visit.say("sign-in-wrong")));
        *page.status_mut() = StatusCode::UNAUTHORIZED;
        return Ok(page);
    };
    let next = own_path(&entering.next).filter(|next| *next != "/");
    let home = if Role::read(&person.role).is_some_and(Role::is_partner) { "/portal" } else { "/" };
    let_in(&server, &visit, &headers, &person, "password", next.unwrap_or(home)).await
}

/// Begins a session and leads on.
pub(super) async fn let_in(server: &Server, visit: &Visit, headers: &HeaderMap, person: &Person, how: &str, next: &str) -> Answer {
    let tls = server.limits.certificate.is_some();
    let cookie = session::begin(&server.register, person, how, visit.address, headers, tls, visit.now).await?;
    let mut response = visit.on_to(next);
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

async fn leave(State(server): State<Arc<Server>>, visit: Visit) -> Answer {
    let who = visit.who()?;
    if let Some(key) = &who.session {
        server.register.end_session(key, visit.now.as_microsecond()).await?;
    }
    let tls = server.limits.certificate.is_some();
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, "/sign-in")]).into_response();
    response.headers_mut().append(header::SET_COOKIE, session::no_cookie(tls));
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\""));
    Ok(response)
}

/// The page that a link leads to. The secret stands behind `#` nowhere and in the query once: it is good for one account.
async fn welcome(visit: Visit) -> Answer {
    let query = Query::of(&visit.uri);
    let key = query.one("key").ok_or(Fault::NotFound)?;
    let invitation = visit.server.register.invitation(&hashed(key), visit.now.as_microsecond()).await?;
    if invitation.is_none() {
        return Err(Fault::Wrong(visit.say("welcome-used")));
    }
    Ok(account_form(&visit, key, "", "", None))
}

fn account_form(visit: &Visit, key: &str, name: &str, shown: &str, wrong: Option<&str>) -> Response {
    let body = html! {
        p.lead { (visit.say("welcome-lead")) }
        form.stack method="post" action="/welcome" {
            input type="hidden" name="key" value=(key);
            @if let Some(wrong) = wrong { p.wrong role="alert" { (wrong) } }
            (field(&Field { name: "name", label: &visit.say("sign-in-name"), value: name, autocomplete: "username", hint: &visit.say("welcome-name-hint"), required: true, ..Field::default() }))
            (field(&Field { name: "shown", label: &visit.say("welcome-shown"), value: shown, autocomplete: "name", required: true, ..Field::default() }))
            (field(&Field { name: "password", label: &visit.say("sign-in-password"), kind: "password", autocomplete: "new-password", hint: &visit.say("welcome-password-hint"), required: true, ..Field::default() }))
            button.first type="submit" { (visit.say("welcome-do")) }
        }
    };
    visit.page(&visit.say("welcome-title"), &body)
}

#[derive(Debug, Deserialize)]
struct Beginning {
    key: String,
    name: String,
    shown: String,
    password: String,
}

async fn begin(State(server): State<Arc<Server>>, visit: Visit, headers: HeaderMap, Form(form): Form<Beginning>) -> Answer {
    let now = visit.now.as_microsecond();
    let key = hashed(&form.key);
    let Some(invitation) = server.register.invitation(&key, now).await? else {
        return Err(Fault::Wrong(visit.say("welcome-used")));
    };
    let name = form.name.trim().to_lowercase();
    let shown = form.shown.trim();
    let again = |wrong: String| {
        let mut page = account_form(&visit, &form.key, &name, shown, Some(&wrong));
        *page.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        page
    };
    let named = !name.is_empty() && name.len() <= 64 && !name.contains(|c: char| c.is_whitespace() || c.is_control());
    if !named || shown.is_empty() || shown.chars().count() > 64 {
        return Ok(again(visit.say("welcome-name-wrong")));
    }
    if let Err(weak) = password::acceptable(&form.password, &[&name, shown]) {
        return Ok(again(visit.say(weak.word())));
    }
    let person = Person {
        id: password::new_id()?,
        name: name.clone(),
        shown: shown.to_owned(),
        party: invitation.party,
        role: invitation.role,
        password: Some(password::hashed(form.password.clone()).await?),
        totp: None,
        totp_step: None,
        language: Some(visit.language().as_str().to_owned()),
        zone: None,
        scheme: None,
        failures: 0,
        locked_until: None,
        created_at: now,
        created_by: invitation.created_by,
        disabled_at: None,
    };
    // Name first, link then: a name that is taken must not use the link up.
    if !server.register.add_invited_person(&person, &key, now).await? {
        return Ok(again(visit.say("welcome-name-taken")));
    }
    let home = if Role::read(&person.role).is_some_and(Role::is_partner) { "/portal" } else { "/" };
    let_in(&server, &visit, &headers, &person, "link", home).await
}
