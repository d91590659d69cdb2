//! Signing in by another organisation (OpenID Connect): out to it, and back with its answer.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use casework::model::rights::Right;
use maud::{Markup, html};
use store::people::{Invitation, Person};

use super::{let_in, other_name};
use crate::api::Server;
use crate::console::Route;
use crate::console::elements::query::Query;
use crate::console::visit::{Answer, Fault, Visit, hashed, own_path};
use crate::sign_in::ceremony::{self, Kind};
use crate::sign_in::oidc::{Asked, Named};
use crate::sign_in::password;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/sign-in/organisation/answer", Right::OwnAccount, answer).open(),
        Route::get("/sign-in/organisation/{number}", Right::OwnAccount, ask).open(),
    ]
}

/// A way out to each organisation that is set up; with an invitation it comes back with the account.
pub(super) fn links(visit: &Visit, next: Option<&str>, invitation: Option<&str>) -> Markup {
    let all = visit.server.gate.providers.all();
    let query = Query::default().with("next", next).with("key", invitation);
    html! {
        @if !all.is_empty() {
            ul.organisations {
                @for (number, provider) in all.iter().enumerate() {
                    li {
                        a.button href=(query.link(&format!("/sign-in/organisation/{number}"))) rel="nofollow" {
                            (visit.say_with("sign-in-organisation", &[("name", provider.config.name.as_str().into())]))
                        }
                    }
                }
            }
        }
    }
}

async fn ask(State(server): State<Arc<Server>>, visit: Visit, headers: HeaderMap, Path(number): Path<usize>) -> Answer {
    let provider = server.gate.providers.all().get(number).ok_or(Fault::NotFound)?;
    server.gate.begun.take(&visit.address, Instant::now()).map_err(Fault::TooMany)?;
    let named = visit.opened_as(&headers).is_some_and(|opened| opened.eq_ignore_ascii_case(&server.limits.name));
    if !named {
        // The answer is sent to the name that the organisation knows.
        let mut page = visit.page(&visit.say("sign-in-title"), &other_name(&visit, &headers));
        *page.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(page);
    }
    let query = Query::of(&visit.uri);
    let next = query.one("next").and_then(own_path).unwrap_or("/");
    let (to, asked) = match provider.ask(&visit.origin(&headers), next, query.one("key")).await {
        Ok(asked) => asked,
        Err(error) => {
            tracing::error!("{} cannot be asked who somebody is: {error:#}", provider.config.name);
            return Err(Fault::Wrong(visit.say("sign-in-organisation-silent")));
        }
    };
    let cookie = ceremony::begin(&server.register, Kind::Oidc, None, &asked, visit.secure, visit.now).await?;
    let mut response = visit.on_to(&to);
    response.headers_mut().append(header::SET_COOKIE, cookie);
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn answer(State(server): State<Arc<Server>>, visit: Visit, headers: HeaderMap) -> Answer {
    let query = Query::of(&visit.uri);
    let refused = || Fault::Wrong(visit.say("sign-in-organisation-refused"));
    let waiting = ceremony::take::<Asked>(&server.register, Kind::Oidc, &headers, visit.secure, visit.now).await?;
    let Some((_, asked)) = waiting else { return Err(refused()) };
    let provider = server.gate.providers.of(&asked.issuer).ok_or_else(refused)?;
    let (Some(code), Some(state)) = (query.one("code"), query.one("state")) else {
        tracing::info!("{} answered {:?}", provider.config.name, query.one("error"));
        return Err(refused());
    };
    let named = match provider.answer(&asked, state, code, query.one("iss"), visit.now).await {
        Ok(named) => named,
        Err(error) => {
            tracing::warn!(peer = %visit.address, "the answer of {} was not taken: {error:#}", provider.config.name);
            password::failed(&server, None, "organisation", visit.address, visit.now).await?;
            return Err(refused());
        }
    };
    let person = match &asked.invitation {
        Some(key) => invited(&server, &visit, key, &named).await?,
        None => server.register.person_of_subject(&named.issuer, &named.subject).await?,
    };
    match person.filter(|person| person.disabled_at.is_none()) {
        Some(person) => {
            let mut response = let_in(&server, &visit, &headers, &person, "oidc", &asked.next).await?;
            response.headers_mut().append(header::SET_COOKIE, Kind::Oidc.no_cookie(visit.secure));
            Ok(response)
        }
        None => {
            password::failed(&server, None, "organisation", visit.address, visit.now).await?;
            Err(Fault::Wrong(visit.say("sign-in-organisation-unknown")))
        }
    }
}

/// The account of whom a link invited: a new one, or one that is there. Nothing else links anybody.
async fn invited(server: &Server, visit: &Visit, key: &str, named: &Named) -> Result<Option<Person>, Fault> {
    let (key, now) = (hashed(key), visit.now.as_microsecond());
    let used = || Fault::Wrong(visit.say("welcome-used"));
    let invitation = server.register.invitation(&key, now).await?.ok_or_else(used)?;
    if let Some(id) = &invitation.person {
        let done = server.register.readmit(&key, id, None, Some((&named.issuer, &named.subject)), now).await?;
        return if done { Ok(server.register.person(id).await?) } else { Err(used()) };
    }
    let wanted = named.username.as_deref().unwrap_or(&named.subject);
    for attempt in 0..20 {
        let person = account(visit, &invitation, named, &sign_in_name(wanted, attempt))?;
        if server.register.person_named(&person.name).await?.is_some() {
            continue;
        }
        let done = server.register.add_invited_subject(&person, &key, &named.issuer, &named.subject, now).await?;
        return if done { Ok(Some(person)) } else { Err(used()) };
    }
    Err(used())
}

fn account(visit: &Visit, invitation: &Invitation, named: &Named, name: &str) -> Result<Person, Fault> {
    let shown: String = named.name.as_deref().unwrap_or(name).chars().filter(|c| !c.is_control()).take(64).collect();
    let shown = shown.trim();
    Ok(Person {
        shown: if shown.is_empty() { name.to_owned() } else { shown.to_owned() },
        ..super::welcome::fresh(visit, invitation, name)?
    })
}

/// A name to sign in with, as near to what was wanted as can be.
fn sign_in_name(wanted: &str, attempt: u32) -> String {
    let plain = |c: char| if c.is_whitespace() || c.is_control() { '-' } else { c };
    let name: String = wanted.to_lowercase().chars().map(plain).take(56).collect();
    if attempt == 0 { name } else { format!("{name}-{}", attempt + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_as_near_to_what_was_wanted_as_can_be() {
        assert_eq!(sign_in_name("Hanako Suzuki", 0), "hanako-suzuki");
        assert_eq!(sign_in_name("hanako", 2), "hanako-3");
        assert!(sign_in_name(&"x".repeat(300), 1).len() <= 64);
    }
}
