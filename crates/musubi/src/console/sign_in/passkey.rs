//! Signing in with a passkey: a button, or the name field itself, which the browser fills with what it has.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use casework::model::rights::Right;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Instant;

use super::{let_in, onward};
use crate::api::Server;
use crate::console::Route;
use crate::console::visit::{Answer, Fault, Visit, own_path, problem};
use crate::sign_in::ceremony::{self, Kind};
use crate::sign_in::{passkey, password};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/sign-in/passkey/ask", Right::OwnAccount, ask).open(),
        Route::post("/sign-in/passkey", Right::OwnAccount, enter).open(),
    ]
}

/// A form that a script shows where the browser knows passkeys.
pub(super) fn button(visit: &Visit, next: &str) -> Markup {
    html! {
        form.stack.passkey hidden data-passkey="get" data-ask="/sign-in/passkey/ask" data-answer="/sign-in/passkey" data-failed=(visit.say("sign-in-passkey-failed")) {
            input type="hidden" name="next" value=(next);
            p.wrong role="alert" hidden {}
            button type="submit" { (visit.say("sign-in-passkey")) }
        }
    }
}

async fn ask(State(server): State<Arc<Server>>, visit: Visit) -> Answer {
    server.gate.begun.take(&visit.address, Instant::now()).map_err(Fault::TooMany)?;
    let (asked, state) = passkey::ask(&server.gate.webauthn)?;
    let cookie = ceremony::begin(&server.register, Kind::Passkey, None, &state, visit.secure, visit.now).await?;
    let mut response = Json(asked).into_response();
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

#[derive(Debug, Deserialize)]
struct Entering {
    credential: Value,
    #[serde(default)]
    next: String,
}

async fn enter(State(server): State<Arc<Server>>, visit: Visit, headers: HeaderMap, Json(entering): Json<Entering>) -> Answer {
    let refused = || problem(StatusCode::UNAUTHORIZED, &visit.say("sign-in-title"), &visit.say("sign-in-passkey-failed"));
    if !server.failures.is_left(&visit.address, Instant::now()) {
        return Ok(refused());
    }
    let waiting = ceremony::take(&server.register, Kind::Passkey, &headers, visit.secure, visit.now).await?;
    let Some((_, state)) = waiting else { return Ok(refused()) };
    let checked = async {
        let (answer, person, id) = passkey::named(&server.gate.webauthn, &entering.credential)?;
        let kept = server.register.passkey(&id).await?.filter(|kept| kept.person == person);
        let kept = kept.ok_or_else(|| anyhow::anyhow!("nobody has this passkey"))?;
        let credential = passkey::check(&server.gate.webauthn, &answer, state, &kept.credential)?;
        // Wrong passwords that somebody else tries keep no owner of a passkey out.
        let person = server.register.person(&person).await?.filter(|person| person.disabled_at.is_none());
        let person = person.ok_or_else(|| anyhow::anyhow!("the account has ended"))?;
        server.register.passkey_used(&id, &credential, visit.now.as_microsecond()).await?;
        Ok::<_, anyhow::Error>(person)
    };
    match checked.await {
        Ok(person) => {
            let next = own_path(&entering.next).unwrap_or("/");
            let begun = let_in(&server, &visit, &headers, &person, "passkey", next).await?;
            let mut response = Json(json!({"to": onward(&person, next)})).into_response();
            for cookie in begun.headers().get_all(header::SET_COOKIE) {
                response.headers_mut().append(header::SET_COOKIE, cookie.clone());
            }
            Ok(response)
        }
        Err(error) => {
            tracing::info!(peer = %visit.address, "a passkey was not taken: {error:#}");
            password::failed(&server, None, "passkey", visit.address, visit.now).await?;
            Ok(refused())
        }
    }
}
