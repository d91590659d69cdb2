//! `/account`: how somebody reads and signs in, and where they are signed in now.

mod passkeys;
mod second;
mod sessions;

use std::sync::Arc;

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use casework::model::party::Language;
use casework::model::rights::Right;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use serde::Deserialize;
use store::people::Person;

use super::Route;
use super::elements::form::{Field, choice, field};
use super::elements::query::Query;
use super::visit::{Answer, Detail, Fault, Visit};
use crate::api::Server;
use crate::sign_in::{password, session};

pub(super) use sessions::how;

pub(super) fn routes() -> Vec<Route> {
    let own = vec![
        Route::get("/account", Right::OwnAccount, show),
        Route::post("/account", Right::OwnAccount, prefer),
        Route::post("/account/password", Right::OwnAccount, change_password),
    ];
    [own, passkeys::routes(), second::routes(), sessions::routes()].concat()
}

/// Whose account it is; machines have none.
async fn me(server: &Server, visit: &Visit) -> Result<Person, Fault> {
    let who = visit.who()?;
    if who.session.is_none() {
        return Err(Fault::NotFound);
    }
    server.register.person(&who.id).await?.ok_or(Fault::NotFound)
}

/// What was wrong with which form.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Preferences,
    Password,
    Second,
}

async fn show(State(server): State<Arc<Server>>, visit: Visit, headers: HeaderMap) -> Answer {
    let me = me(&server, &visit).await?;
    page(&server, &visit, &headers, &me, None).await
}

async fn page(server: &Server, visit: &Visit, headers: &HeaderMap, me: &Person, wrong: Option<(Place, &str)>) -> Answer {
    let wrong_at = |place: Place| wrong.filter(|(at, _)| *at == place).map(|(_, text)| text);
    let subjects = server.register.subjects_of(&me.id).await?;
    let lead = visit.say_with("account-lead", &[("name", me.name.as_str().into()), ("how", how(visit, &visit.who()?.how).into())]);
    let body = html! {
        p.lead { (lead) }
        @if let Some(done) = Query::of(&visit.uri).one("done") { (done_note(visit, done)) }
        div.cards {
            section.card { h2 { (visit.say("account-preferences")) } (preferences(visit, me, wrong_at(Place::Preferences))) }
            section.card { h2 { (visit.say("account-passkeys")) } (passkeys::section(server, visit, headers, me).await?) }
            section.card { h2 { (visit.say("account-password")) } (password_form(visit, me, wrong_at(Place::Password))) }
            section.card { h2 { (visit.say("account-second")) } (second::section(server, visit, me, wrong_at(Place::Second)).await?) }
            @if !subjects.is_empty() {
                section.card {
                    h2 { (visit.say("account-organisations")) }
                    ul { @for subject in &subjects { li { (subject.subject) br; span.quiet { (subject.issuer) } } } }
                }
            }
        }
        h2 #sessions { (visit.say("account-sessions")) }
        (sessions::section(server, visit, me).await?)
    };
    let mut response = visit.page(&visit.say("account-title"), &body);
    if wrong.is_some() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

fn done_note(visit: &Visit, done: &str) -> Markup {
    let text = match done {
        "saved" => visit.say("account-saved"),
        "password" => visit.say("account-password-changed"),
        "passkey" => visit.say("account-passkey-added"),
        "second-off" => visit.say("account-second-removed"),
        _ => return html! {},
    };
    html! { p.done-note role="status" { (text) } }
}

fn preferences(visit: &Visit, me: &Person, wrong: Option<&str>) -> Markup {
    let zones: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    let mut zone_choices = vec![("", visit.say("account-zone-browser"))];
    zone_choices.extend(zones.iter().map(|name| (name.as_str(), name.clone())));
    let languages = [("", visit.say("account-as-browser")), ("en", "English".to_owned()), ("ja", "日本語".to_owned())];
    let schemes =
        [("", visit.say("account-as-system")), ("light", visit.say("account-scheme-light")), ("dark", visit.say("account-scheme-dark"))];
    html! {
        form.stack method="post" action="/account" {
            @if let Some(wrong) = wrong { p.wrong role="alert" { (wrong) } }
            (field(&Field { name: "shown", label: &visit.say("welcome-shown"), value: &me.shown, autocomplete: "name", required: true, ..Field::default() }))
            (choice("language", &visit.say("account-language"), me.language.as_deref().unwrap_or_default(), &languages))
            (choice("zone", &visit.say("account-zone"), me.zone.as_deref().unwrap_or_default(), &zone_choices))
            (choice("scheme", &visit.say("account-scheme"), me.scheme.as_deref().unwrap_or_default(), &schemes))
            button.first type="submit" { (visit.say("account-save")) }
        }
    }
}

#[derive(Debug, Deserialize)]
struct Preferring {
    shown: String,
    #[serde(default)]
    language: String,
    #[serde(default)]
    zone: String,
    #[serde(default)]
    scheme: String,
}

async fn prefer(State(server): State<Arc<Server>>, visit: Visit, headers: HeaderMap, Form(form): Form<Preferring>) -> Answer {
    let mut me = me(&server, &visit).await?;
    let shown = form.shown.trim();
    if shown.is_empty() || shown.chars().count() > 64 || shown.contains(char::is_control) {
        let wrong = visit.say("welcome-name-wrong");
        return page(&server, &visit, &headers, &me, Some((Place::Preferences, &wrong))).await;
    }
    me.shown = shown.to_owned();
    me.language = Language::read(&form.language).map(|language| language.as_str().to_owned());
    me.zone = Some(form.zone).filter(|zone| TimeZone::get(zone).is_ok());
    me.scheme = Some(form.scheme).filter(|scheme| scheme == "light" || scheme == "dark");
    server.register.set_preferences(&me).await?;
    let mut response = visit.on_to("/account?done=saved");
    // What was chosen in passing goes; what was chosen here stays.
    for name in ["lang", "zone", "scheme"] {
        let gone = format!("{name}=; Path=/; SameSite=Lax; Max-Age=0");
        response.headers_mut().append(header::SET_COOKIE, header::HeaderValue::from_str(&gone)?);
    }
    Ok(response)
}

fn password_form(visit: &Visit, me: &Person, wrong: Option<&str>) -> Markup {
    html! {
        form.stack method="post" action="/account/password" {
            @if let Some(wrong) = wrong { p.wrong role="alert" { (wrong) } }
            input type="hidden" name="username" value=(me.name) autocomplete="username";
            @if me.password.is_some() {
                (field(&Field { name: "current", label: &visit.say("account-password-current"), kind: "password", autocomplete: "current-password", required: true, ..Field::default() }))
            } @else { p.quiet { (visit.say("account-password-none")) } }
            (field(&Field { name: "new", label: &visit.say("account-password-new"), kind: "password", autocomplete: "new-password", hint: &visit.say("account-password-hint"), required: true, ..Field::default() }))
            button type="submit" { (visit.say("account-password-do")) }
        }
    }
}

#[derive(Debug, Deserialize)]
struct Changing {
    #[serde(default)]
    current: String,
    new: String,
}

async fn change_password(State(server): State<Arc<Server>>, visit: Visit, headers: HeaderMap, Form(form): Form<Changing>) -> Answer {
    let me = me(&server, &visit).await?;
    if me.password.is_some() && !password::is_own(&server, &me, form.current, visit.address, visit.now).await? {
        let wrong = visit.say("account-password-wrong");
        return page(&server, &visit, &headers, &me, Some((Place::Password, &wrong))).await;
    }
    if let Err(weak) = password::acceptable(&form.new, &[&me.name, &me.shown]) {
        return page(&server, &visit, &headers, &me, Some((Place::Password, &visit.say(weak.word())))).await;
    }
    let hash = password::hashed(&server, form.new).await?;
    let key = visit.who()?.session.clone().unwrap_or_default();
    server.register.set_password(&me.id, &hash, Some(&key), visit.now.as_microsecond()).await?;
    let mut response = rotated(&server, &visit, "/account?done=password").await?;
    response.extensions_mut().insert(Detail("other sessions were ended".to_owned()));
    Ok(response)
}

/// On, under another cookie: what somebody may or how they sign in has changed.
async fn rotated(server: &Server, visit: &Visit, to: &str) -> Result<Response, Fault> {
    let mut response = visit.on_to(to);
    if let Some(key) = &visit.who()?.session {
        let (_, cookie) = session::rotate(&server.register, key, visit.secure).await?;
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}
