//! `/sign-in/code`: the second factor after a password.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use casework::model::rights::Right;
use maud::html;
use serde::Deserialize;

use super::let_in;
use crate::api::Server;
use crate::console::Route;
use crate::console::elements::form::{Field, field};
use crate::console::visit::{Answer, Visit};
use crate::sign_in::ceremony::{self, Kind};
use crate::sign_in::{password, second};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/sign-in/code", Right::OwnAccount, ask).open(), Route::post("/sign-in/code", Right::OwnAccount, enter).open()]
}

async fn ask(State(server): State<Arc<Server>>, visit: Visit, headers: HeaderMap) -> Answer {
    let waiting = ceremony::look::<String>(&server.register, Kind::Second, &headers, visit.secure, visit.now).await?;
    Ok(if waiting.is_some() { form(&visit, None) } else { visit.on_to("/sign-in") })
}

fn form(visit: &Visit, wrong: Option<&str>) -> Response {
    let body = html! {
        p.lead { (visit.say("sign-in-code-lead")) }
        form.stack method="post" action="/sign-in/code" {
            @if let Some(wrong) = wrong { p.wrong role="alert" { (wrong) } }
            (field(&Field { name: "code", label: &visit.say("sign-in-code"), autocomplete: "one-time-code", hint: &visit.say("sign-in-code-hint"), required: true, ..Field::default() }))
            button.first type="submit" { (visit.say("sign-in-do")) }
        }
        p { a href="/sign-in" { (visit.say("sign-in-again")) } }
    };
    visit.page(&visit.say("sign-in-code-title"), &body)
}

#[derive(Debug, Deserialize)]
struct Entering {
    code: String,
}

async fn enter(State(server): State<Arc<Server>>, visit: Visit, headers: HeaderMap, Form(entering): Form<Entering>) -> Answer {
    let waiting = ceremony::look::<String>(&server.register, Kind::Second, &headers, visit.secure, visit.now).await?;
    let Some((Some(id), next)) = waiting else { return Ok(visit.on_to("/sign-in")) };
    let found = server.register.person(&id).await?;
    let open = server.failures.is_left(&visit.address, Instant::now());
    let right = match &found {
        Some(person) if open && entering.code.len() <= 64 => second::check(&server.register, person, &entering.code, visit.now).await?,
        _ => false,
    };
    match found.filter(|_| right) {
        // Of two right answers at once one gets in.
        Some(person) if ceremony::take::<String>(&server.register, Kind::Second, &headers, visit.secure, visit.now).await?.is_some() => {
            let mut response = let_in(&server, &visit, &headers, &person, "password+totp", &next).await?;
            response.headers_mut().append(header::SET_COOKIE, Kind::Second.no_cookie(visit.secure));
            Ok(response)
        }
        _ => {
            password::failed(&server, None, "code", visit.address, visit.now).await?;
            let mut page = form(&visit, Some(&visit.say("sign-in-code-wrong")));
            *page.status_mut() = StatusCode::UNAUTHORIZED;
            Ok(page)
        }
    }
}
