//! `/sign-in` and `/sign-out`: by passkey, by password and second factor, by another organisation.

mod organisation;
mod passkey;
mod second;
mod welcome;

use std::sync::Arc;

use axum::extract::{Form, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use casework::model::rights::{Right, Role};
use maud::{Markup, html};
use serde::Deserialize;
use store::people::Person;

use super::Route;
use super::elements::form::{Field, field};
use super::elements::query::Query;
use super::visit::{Answer, Visit, own_path};
use crate::api::Server;
use crate::sign_in::ceremony::{self, Kind};
use crate::sign_in::{password, session};

pub(super) fn routes() -> Vec<Route> {
    let own = vec![
        Route::get("/sign-in", Right::OwnAccount, ask).open(),
        Route::post("/sign-in", Right::OwnAccount, enter).open(),
        Route::post("/sign-out", Right::OwnAccount, leave),
    ];
    [own, passkey::routes(), second::routes(), organisation::routes(), welcome::routes()].concat()
}

async fn ask(visit: Visit, headers: HeaderMap) -> Answer {
    let next = Query::of(&visit.uri).one("next").and_then(own_path).unwrap_or("/").to_owned();
    if visit.who.is_some() {
        return Ok(visit.on_to(if next == "/" { visit.home() } else { &next }));
    }
    Ok(form(&visit, &headers, &next, None))
}

fn form(visit: &Visit, headers: &HeaderMap, next: &str, wrong: Option<&str>) -> Response {
    let body = html! {
        (other_name(visit, headers))
        form.stack method="post" action="/sign-in" {
            input type="hidden" name="next" value=(next);
            @if let Some(wrong) = wrong { p.wrong role="alert" { (wrong) } }
            (field(&Field { name: "name", label: &visit.say("sign-in-name"), autocomplete: "username webauthn", required: true, ..Field::default() }))
            (field(&Field { name: "password", label: &visit.say("sign-in-password"), kind: "password", autocomplete: "current-password", required: true, ..Field::default() }))
            button.first type="submit" { (visit.say("sign-in-do")) }
        }
        (passkey::button(visit, next))
        (organisation::links(visit, Some(next), None))
    };
    visit.page(&visit.say("sign-in-title"), &body)
}

/// Said when the console was opened under another name than the one that passkeys are bound to.
pub(super) fn other_name(visit: &Visit, headers: &HeaderMap) -> Markup {
    let name = &visit.server.limits.name;
    let opened = visit.opened_as(headers).unwrap_or_default();
    html! {
        @if !opened.eq_ignore_ascii_case(name) {
            p.note role="note" { (visit.say_with("sign-in-other-name", &[("opened", opened.into()), ("name", name.as_str().into())])) }
        }
    }
}

#[derive(Debug, Deserialize)]
struct Entering {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

async fn enter(State(server): State<Arc<Server>>, visit: Visit, headers: HeaderMap, Form(entering): Form<Entering>) -> Answer {
    let next = own_path(&entering.next).unwrap_or("/");
    let found = password::check(&server, &entering.name, entering.password, visit.address, visit.now).await?;
    let Some(person) = found else {
        let mut page = form(&visit, &headers, next, Some(&visit.say("sign-in-wrong")));
        *page.status_mut() = StatusCode::UNAUTHORIZED;
        return Ok(page);
    };
    if person.totp.is_some() {
        let cookie = ceremony::begin(&server.register, Kind::Second, Some(&person.id), &next, visit.secure, visit.now).await?;
        let mut response = visit.on_to("/sign-in/code");
        response.headers_mut().append(header::SET_COOKIE, cookie);
        return Ok(response);
    }
    let_in(&server, &visit, &headers, &person, "password", next).await
}

/// Where somebody goes after signing in.
fn onward<'a>(person: &Person, next: &'a str) -> &'a str {
    let is_partner = Role::read(&person.role).is_some_and(Role::is_partner);
    if next == "/" && is_partner { "/portal" } else { next }
}

/// Begins a session and leads on. The one that this browser had is over.
async fn let_in(server: &Server, visit: &Visit, headers: &HeaderMap, person: &Person, how: &str, next: &str) -> Answer {
    if let Some(old) = visit.who.as_ref().and_then(|who| who.session.as_deref()) {
        server.register.end_session(old, visit.now.as_microsecond()).await?;
    }
    let cookie = session::begin(&server.register, person, how, visit.address, headers, visit.secure, visit.now).await?;
    let deed = password::deed(Some(person), how, visit.address, visit.now, 303);
    server.register.audit(&deed).await?;
    let mut response = visit.on_to(onward(person, next));
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

async fn leave(State(server): State<Arc<Server>>, visit: Visit) -> Answer {
    let who = visit.who()?;
    if let Some(key) = &who.session {
        server.register.end_session(key, visit.now.as_microsecond()).await?;
    }
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, "/sign-in")]).into_response();
    response.headers_mut().append(header::SET_COOKIE, session::no_cookie(visit.secure));
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\""));
    Ok(response)
}
