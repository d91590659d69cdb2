//! Passkeys of somebody: added, named, taken away.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use casework::model::rights::Right;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};
use store::credentials::Passkey;
use store::people::Person;

use super::{me, rotated};
use crate::api::Server;
use crate::console::Route;
use crate::console::elements::form::{Field, field};
use crate::console::visit::{Answer, Detail, Fault, Visit, problem};
use crate::sign_in::ceremony::{self, Kind};
use crate::sign_in::passkey;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/account/passkeys/ask", Right::OwnAccount, ask),
        Route::post("/account/passkeys", Right::OwnAccount, add),
        Route::post("/account/passkeys/{id}/name", Right::OwnAccount, rename),
        Route::post("/account/passkeys/{id}/remove", Right::OwnAccount, remove),
    ]
}

/// Passkeys of one person.
const MOST: usize = 20;

pub(super) async fn section(server: &Server, visit: &Visit, headers: &HeaderMap, me: &Person) -> Result<Markup, Fault> {
    let passkeys = server.register.passkeys_of(&me.id).await?;
    let name = &server.limits.name;
    let here = visit.opened_as(headers).is_some_and(|opened| opened.eq_ignore_ascii_case(name));
    Ok(html! {
        p { (visit.say_with("account-passkeys-lead", &[("name", name.as_str().into())])) }
        @if passkeys.is_empty() { p.quiet { (visit.say("account-passkeys-none")) } }
        ul.keys {
            @for one in &passkeys {
                li {
                    form method="post" action={ "/account/passkeys/" (one.id) "/name" } {
                        input name="name" value=(one.name) aria-label=(visit.say("account-passkey-name")) maxlength="64" required;
                        button type="submit" { (visit.say("account-passkey-rename")) }
                    }
                    form method="post" action={ "/account/passkeys/" (one.id) "/remove" } {
                        button.danger type="submit" data-question=(visit.say_with("account-passkey-remove-question", &[("name", one.name.as_str().into())])) {
                            (visit.say("account-passkey-remove"))
                        }
                    }
                    p.hint {
                        (visit.say("account-passkey-added-at")) " " (visit.stamp(one.created_at)) " · "
                        @match one.last_used {
                            Some(at) => { (visit.say("account-passkey-used-at")) " " (visit.stamp(at)) }
                            None => (visit.say("account-passkey-unused")),
                        }
                    }
                }
            }
        }
        @if here {
            form.stack.passkey hidden data-passkey="create" data-ask="/account/passkeys/ask" data-answer="/account/passkeys" data-failed=(visit.say("account-passkey-failed")) {
                p.wrong role="alert" hidden {}
                (field(&Field { name: "name", label: &visit.say("account-passkey-name"), hint: &visit.say("account-passkey-name-hint"), ..Field::default() }))
                button type="submit" { (visit.say("account-passkey-add")) }
            }
            noscript { p.quiet { (visit.say("account-passkey-script")) } }
        } @else {
            p.note role="note" { (visit.say_with("sign-in-other-name", &[("opened", visit.opened_as(headers).unwrap_or_default().into()), ("name", name.as_str().into())])) }
        }
    })
}

async fn ask(State(server): State<Arc<Server>>, visit: Visit) -> Answer {
    let me = me(&server, &visit).await?;
    let have: Vec<String> = server.register.passkeys_of(&me.id).await?.into_iter().map(|passkey| passkey.id).collect();
    if have.len() >= MOST {
        return Ok(problem(StatusCode::CONFLICT, &visit.say("account-passkeys"), &visit.say("account-passkey-many")));
    }
    let (asked, state) = passkey::ask_new(&server.gate.webauthn, &me, &have)?;
    let cookie = ceremony::begin(&server.register, Kind::NewPasskey, Some(&me.id), &state, visit.secure, visit.now).await?;
    let mut response = Json(asked).into_response();
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

#[derive(Debug, Deserialize)]
struct Adding {
    #[serde(default)]
    name: String,
    credential: Value,
}

async fn add(State(server): State<Arc<Server>>, visit: Visit, headers: HeaderMap, Json(adding): Json<Adding>) -> Answer {
    let me = me(&server, &visit).await?;
    let refused = || problem(StatusCode::BAD_REQUEST, &visit.say("account-passkeys"), &visit.say("account-passkey-failed"));
    let waiting = ceremony::take(&server.register, Kind::NewPasskey, &headers, visit.secure, visit.now).await?;
    let Some((Some(person), state)) = waiting else { return Ok(refused()) };
    if person != me.id {
        return Ok(refused());
    }
    let (id, credential) = match passkey::read_new(&server.gate.webauthn, adding.credential, &state) {
        Ok(read) => read,
        Err(error) => {
            tracing::info!(person = %me.id, "a passkey was not added: {error:#}");
            return Ok(refused());
        }
    };
    let name = named(&adding.name).unwrap_or_else(|| visit.say("account-passkey-unnamed"));
    let passkey =
        Passkey { id, person: me.id.clone(), name: name.clone(), credential, created_at: visit.now.as_microsecond(), last_used: None };
    if !server.register.add_passkey(&passkey).await? {
        return Ok(refused());
    }
    let moved = rotated(&server, &visit, "/account").await?;
    let mut response = Json(json!({"to": "/account?done=passkey"})).into_response();
    for cookie in moved.headers().get_all(header::SET_COOKIE) {
        response.headers_mut().append(header::SET_COOKIE, cookie.clone());
    }
    response.extensions_mut().insert(Detail(name));
    Ok(response)
}

/// A name as it can be shown.
fn named(text: &str) -> Option<String> {
    let name: String = text.chars().filter(|c| !c.is_control()).take(64).collect();
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[derive(Debug, Deserialize)]
struct Renaming {
    name: String,
}

async fn rename(State(server): State<Arc<Server>>, visit: Visit, Path(id): Path<String>, Form(form): Form<Renaming>) -> Answer {
    let me = me(&server, &visit).await?;
    let name = named(&form.name).ok_or_else(|| Fault::Wrong(visit.say("account-passkey-name-hint")))?;
    if !server.register.rename_passkey(&me.id, &id, &name).await? {
        return Err(Fault::NotFound);
    }
    Ok(visit.on_to("/account?done=saved"))
}

async fn remove(State(server): State<Arc<Server>>, visit: Visit, Path(id): Path<String>) -> Answer {
    let me = me(&server, &visit).await?;
    if server.register.remove_passkey(&me.id, &id).await? {
        return rotated(&server, &visit, "/account?done=saved").await;
    }
    match server.register.passkey(&id).await?.filter(|passkey| passkey.person == me.id) {
        Some(_) => Err(Fault::Conflict(visit.say("account-passkey-last"))),
        None => Err(Fault::NotFound),
    }
}
