//! The second factor of somebody: set up with an app, taken away, and codes on paper for when the app is lost.

use std::sync::Arc;

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use casework::model::rights::Right;
use maud::{Markup, html};
use serde::Deserialize;
use store::people::Person;

use super::{Place, me, page, rotated};
use crate::api::Server;
use crate::console::Route;
use crate::console::elements::form::{Field, field};
use crate::console::picture::qr::qr;
use crate::console::visit::{Answer, Fault, Visit};
use crate::sign_in::ceremony::{self, Kind};
use crate::sign_in::{password, second};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/account/second/ask", Right::OwnAccount, ask),
        Route::get("/account/second", Right::OwnAccount, show),
        Route::post("/account/second", Right::OwnAccount, set),
        Route::post("/account/second/codes", Right::OwnAccount, codes),
        Route::post("/account/second/remove", Right::OwnAccount, remove),
    ]
}

pub(super) async fn section(server: &Server, visit: &Visit, me: &Person, wrong: Option<&str>) -> Result<Markup, Fault> {
    let left = server.register.recovery_codes_left(&me.id).await?;
    let confirm = |name| {
        field(&Field {
            name,
            label: &visit.say("account-password-current"),
            kind: "password",
            autocomplete: "current-password",
            required: true,
            ..Field::default()
        })
    };
    Ok(html! {
        @if let Some(wrong) = wrong { p.wrong role="alert" { (wrong) } }
        @if me.password.is_none() {
            p.quiet { (visit.say("account-second-no-password")) }
        } @else if me.totp.is_some() {
            p { (visit.say_with("account-second-on", &[("count", left.into()), ("left", left.to_string().into())])) }
            details {
                summary { (visit.say("account-second-change")) }
                form.stack method="post" action="/account/second/codes" { (confirm("codes-password")) button type="submit" { (visit.say("account-second-codes-do")) } }
                form.stack method="post" action="/account/second/remove" {
                    (confirm("remove-password"))
                    button.danger type="submit" { (visit.say("account-second-remove")) }
                }
            }
        } @else {
            p { (visit.say("account-second-off")) }
            form method="post" action="/account/second/ask" { button type="submit" { (visit.say("account-second-set-up")) } }
        }
    })
}

async fn ask(State(server): State<Arc<Server>>, visit: Visit) -> Answer {
    let me = me(&server, &visit).await?;
    if me.password.is_none() || me.totp.is_some() {
        return Ok(visit.on_to("/account"));
    }
    let fresh = second::fresh(&server.limits.title, &me.name)?;
    let cookie = ceremony::begin(&server.register, Kind::NewSecond, Some(&me.id), &fresh.secret, visit.secure, visit.now).await?;
    let mut response = visit.on_to("/account/second");
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

async fn show(State(server): State<Arc<Server>>, visit: Visit, headers: HeaderMap) -> Answer {
    let me = me(&server, &visit).await?;
    match waiting(&server, &visit, &headers, &me).await? {
        Some(secret) => form(&server, &visit, &me, secret, None),
        None => Ok(visit.on_to("/account")),
    }
}

async fn waiting(server: &Server, visit: &Visit, headers: &HeaderMap, me: &Person) -> Result<Option<String>, Fault> {
    let found = ceremony::look::<String>(&server.register, Kind::NewSecond, headers, visit.secure, visit.now).await?;
    Ok(found.filter(|(person, _)| person.as_deref() == Some(me.id.as_str())).map(|(_, secret)| secret))
}

fn form(server: &Server, visit: &Visit, me: &Person, secret: String, wrong: Option<&str>) -> Answer {
    let fresh = second::described(secret, &server.limits.title, &me.name)?;
    let spaced: Vec<String> = fresh.secret.as_bytes().chunks(4).map(|part| String::from_utf8_lossy(part).into_owned()).collect();
    let body = html! {
        p.lead { (visit.say("account-second-lead")) }
        ol {
            li {
                (visit.say("account-second-step-app"))
                div.ways-in {
                    @if let Some(picture) = qr(&fresh.address, &visit.say("account-second-qr")) { (picture) }
                    div {
                        p { (visit.say("account-second-by-hand")) }
                        p.secret { code { (spaced.join(" ")) } " " button type="button" data-copy=(fresh.secret) { (visit.say("account-copy")) } }
                        p.hint { (visit.say("account-second-kind")) }
                        p { a href=(fresh.address) { (visit.say("account-second-open")) } }
                    }
                }
            }
            li { (visit.say("account-second-step-code")) }
        }
        form.stack method="post" action="/account/second" {
            @if let Some(wrong) = wrong { p.wrong role="alert" { (wrong) } }
            (field(&Field { name: "code", label: &visit.say("sign-in-code"), autocomplete: "one-time-code", required: true, ..Field::default() }))
            button.first type="submit" { (visit.say("account-second-do")) }
        }
        p { a href="/account" { (visit.say("account-back")) } }
    };
    let mut response = visit.page(&visit.say("account-second-title"), &body);
    if wrong.is_some() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(kept_by_nobody(response))
}

/// Secrets are shown once: no cache keeps them.
fn kept_by_nobody(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}

#[derive(Debug, Deserialize)]
struct Setting {
    code: String,
}

async fn set(State(server): State<Arc<Server>>, visit: Visit, headers: HeaderMap, Form(setting): Form<Setting>) -> Answer {
    let me = me(&server, &visit).await?;
    let Some(secret) = waiting(&server, &visit, &headers, &me).await? else { return Ok(visit.on_to("/account")) };
    let Some(step) = second::step(&secret, &setting.code, visit.now)? else {
        return form(&server, &visit, &me, secret, Some(&visit.say("account-second-wrong")));
    };
    if ceremony::take::<String>(&server.register, Kind::NewSecond, &headers, visit.secure, visit.now).await?.is_none() {
        return Ok(visit.on_to("/account"));
    }
    let codes = second::recovery_codes()?;
    let kept: Vec<Vec<u8>> = codes.iter().map(|code| second::kept(code)).collect();
    server.register.set_totp(&me.id, &secret, step, &kept).await?;
    shown(&server, &visit, &codes).await
}

/// Codes on paper, this once, and another cookie.
async fn shown(server: &Server, visit: &Visit, codes: &[String]) -> Answer {
    let body = html! {
        p.lead { (visit.say("account-codes-lead")) }
        ol.codes { @for code in codes { li { code { (code) } } } }
        p { button type="button" data-copy=(codes.join("\n")) { (visit.say("account-copy")) } }
        p { a.button href="/account" { (visit.say("account-codes-done")) } }
    };
    let mut response = kept_by_nobody(visit.page(&visit.say("account-codes-title"), &body));
    let moved = rotated(server, visit, "/account").await?;
    for cookie in moved.headers().get_all(header::SET_COOKIE) {
        response.headers_mut().append(header::SET_COOKIE, cookie.clone());
    }
    response.headers_mut().append(header::SET_COOKIE, Kind::NewSecond.no_cookie(visit.secure));
    Ok(response)
}

#[derive(Debug, Deserialize)]
struct Confirming {
    #[serde(alias = "codes-password", alias = "remove-password")]
    password: String,
}

/// The person, when they know their password; else the page that says so.
async fn confirmed(server: &Server, visit: &Visit, headers: &HeaderMap, form: Confirming) -> Result<Result<Person, Response>, Fault> {
    let me = me(server, visit).await?;
    if password::is_own(server, &me, form.password, visit.address, visit.now).await? {
        return Ok(Ok(me));
    }
    let wrong = visit.say("account-password-wrong");
    Ok(Err(page(server, visit, headers, &me, Some((Place::Second, &wrong))).await?))
}

async fn codes(State(server): State<Arc<Server>>, visit: Visit, headers: HeaderMap, Form(form): Form<Confirming>) -> Answer {
    let me = match confirmed(&server, &visit, &headers, form).await? {
        Ok(me) => me,
        Err(page) => return Ok(page),
    };
    if me.totp.is_none() {
        return Ok(visit.on_to("/account"));
    }
    let codes = second::recovery_codes()?;
    let kept: Vec<Vec<u8>> = codes.iter().map(|code| second::kept(code)).collect();
    server.register.set_recovery_codes(&me.id, &kept).await?;
    shown(&server, &visit, &codes).await
}

async fn remove(State(server): State<Arc<Server>>, visit: Visit, headers: HeaderMap, Form(form): Form<Confirming>) -> Answer {
    let me = match confirmed(&server, &visit, &headers, form).await? {
        Ok(me) => me,
        Err(page) => return Ok(page),
    };
    server.register.remove_totp(&me.id).await?;
    rotated(&server, &visit, "/account?done=second-off").await
}
