//! `/settings/people/{id}`: one account, what changes it, and where it is signed in.

use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use casework::model::rights::{Right, Role};
use maud::{Markup, html};
use serde::Deserialize;
use store::people::Person;

use super::{once, role_choices, role_word, state, unfit_words};
use crate::api::Server;
use crate::console::Route;
use crate::console::account::how;
use crate::console::elements::facts;
use crate::console::elements::form::{Field, choice, field};
use crate::console::elements::table::{Column, table};
use crate::console::visit::{Answer, Detail, Fault, Visit};
use crate::sign_in::people::{self, Unfit};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/settings/people/{id}", Right::ReadPeople, show),
        Route::post("/settings/people/{id}/role", Right::ChangePeople, role),
        Route::post("/settings/people/{id}/disable", Right::ChangePeople, disable),
        Route::post("/settings/people/{id}/enable", Right::ChangePeople, enable),
        Route::post("/settings/people/{id}/unlock", Right::ChangePeople, unlock),
        Route::post("/settings/people/{id}/sign-out", Right::ChangePeople, sign_out),
        Route::post("/settings/people/{id}/link", Right::ChangePeople, link),
    ]
}

async fn find(server: &Server, id: &str) -> Result<Person, Fault> {
    server.register.person(id).await?.ok_or(Fault::NotFound)
}

async fn show(State(server): State<Arc<Server>>, visit: Visit, Path(id): Path<String>) -> Answer {
    page(&server, &visit, &find(&server, &id).await?, None, None).await
}

async fn page(server: &Server, visit: &Visit, one: &Person, given: Option<&str>, wrong: Option<&str>) -> Answer {
    let now = visit.now.as_microsecond();
    let passkeys = server.register.passkeys_of(&one.id).await?;
    let subjects = server.register.subjects_of(&one.id).await?;
    let sessions = server.register.sessions_of(&one.id, now).await?;
    let by = match &one.created_by {
        Some(id) => server.register.person(id).await?.map_or_else(|| id.clone(), |by| by.shown),
        None => visit.say("accounts-by-command"),
    };
    let pairs = [
        (visit.say("sign-in-name"), html! { (one.name) }),
        (visit.say("accounts-role"), html! { (role_word(visit, &one.role)) }),
        (visit.say("accounts-party"), html! { (one.party) }),
        (visit.say("accounts-state"), html! { (state(visit, one.disabled_at, one.locked_until)) }),
        (visit.say("account-passkeys"), html! { (passkeys.len()) }),
        (
            visit.say("account-password"),
            html! { @if one.password.is_some() { (visit.say("accounts-yes")) } @else { (visit.say("accounts-no")) } },
        ),
        (
            visit.say("account-second"),
            html! { @if one.totp.is_some() { (visit.say("accounts-yes")) } @else { (visit.say("accounts-no")) } },
        ),
        (
            visit.say("account-organisations"),
            html! { ul { @for subject in &subjects { li { (subject.subject) " " span.quiet { (subject.issuer) } } } } },
        ),
        (visit.say("accounts-since"), html! { (visit.stamp(one.created_at)) " " span.quiet { (by) } }),
    ];
    let columns = [
        Column::text(visit.say("account-session-address")),
        Column::text(visit.say("account-session-how")),
        Column::text(visit.say("account-session-since")),
        Column::text(visit.say("account-session-seen")),
    ];
    let rows: Vec<Vec<Markup>> = sessions
        .iter()
        .map(|session| {
            vec![
                html! { (session.address) },
                html! { (how(visit, &session.how)) },
                visit.stamp(session.created_at),
                visit.stamp(session.seen_at),
            ]
        })
        .collect();
    let body = html! {
        @if let Some(wrong) = wrong { p.wrong role="alert" { (wrong) } }
        @if let Some(link) = given { (once(visit, link)) }
        (facts(&pairs))
        p { a href={ "/settings/audit?person=" (one.id) } { (visit.say("accounts-deeds")) } }
        @if visit.may(Right::ChangePeople) { (changes(visit, one)) }
        h2 { (visit.say("account-sessions")) }
        @if rows.is_empty() { p.quiet { (visit.say("accounts-not-signed-in")) } } @else { (table(&visit.say("account-sessions"), &columns, &rows)) }
    };
    let mut response = visit.page(&one.shown, &body);
    if wrong.is_some() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    if given.is_some() {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(response)
}

fn changes(visit: &Visit, one: &Person) -> Markup {
    let to = |what: &str| format!("/settings/people/{}/{what}", one.id);
    let partner = Role::read(&one.role).is_some_and(Role::is_partner);
    let asks = |key: &str| visit.say_with(key, &[("name", one.shown.as_str().into())]);
    html! {
        h2 { (visit.say("accounts-change")) }
        form.stack method="post" action=(to("role")) {
            (choice("role", &visit.say("accounts-role"), &one.role, &role_choices(visit)))
            (field(&Field { name: "party", label: &visit.say("accounts-party"), value: if partner { &one.party } else { "" }, hint: &visit.say("accounts-party-hint"), ..Field::default() }))
            button type="submit" { (visit.say("accounts-change-do")) }
        }
        div.actions {
            @if one.locked_until.is_some_and(|until| until > visit.now.as_microsecond()) {
                form method="post" action=(to("unlock")) { button type="submit" { (visit.say("accounts-unlock")) } }
            }
            form method="post" action=(to("sign-out")) { button type="submit" { (visit.say("accounts-sign-out")) } }
            @if one.disabled_at.is_some() {
                form method="post" action=(to("enable")) { button type="submit" { (visit.say("accounts-enable")) } }
            } @else {
                form method="post" action=(to("link")) { button type="submit" data-question=(asks("accounts-link-question")) { (visit.say("accounts-link-do")) } }
                form method="post" action=(to("disable")) { button.danger type="submit" data-question=(asks("accounts-disable-question")) { (visit.say("accounts-disable")) } }
            }
        }
    }
}

#[derive(Debug, Deserialize)]
struct Changing {
    role: String,
    #[serde(default)]
    party: String,
}

async fn role(State(server): State<Arc<Server>>, visit: Visit, Path(id): Path<String>, Form(form): Form<Changing>) -> Answer {
    let one = find(&server, &id).await?;
    let role = Role::read(&form.role).ok_or_else(|| Fault::Wrong(visit.say("accounts-no-role")))?;
    // The field keeps the party of a partner; for our own people there is only one.
    let named = Some(form.party.trim()).filter(|_| role.is_partner());
    let party = match people::party_of(&server.register, role, named, visit.now).await? {
        Ok(party) => party,
        Err(unfit) => return page(&server, &visit, &one, None, Some(&unfit_words(&visit, &unfit))).await,
    };
    if !server.register.set_rights(&one.id, &party, role.as_str(), visit.now.as_microsecond()).await? {
        return page(&server, &visit, &one, None, Some(&unfit_words(&visit, &Unfit::LastAdministrator))).await;
    }
    done(&visit, &one, format!("{}: {role} of {party}", one.name))
}

fn done(visit: &Visit, one: &Person, detail: String) -> Answer {
    let mut response = visit.on_to(&format!("/settings/people/{}", one.id));
    response.extensions_mut().insert(Detail(detail));
    Ok(response)
}

async fn set_disabled(server: &Server, visit: &Visit, id: &str, disabled: bool) -> Answer {
    let one = find(server, id).await?;
    if !server.register.set_disabled(&one.id, disabled, visit.now.as_microsecond()).await? {
        return page(server, visit, &one, None, Some(&unfit_words(visit, &Unfit::LastAdministrator))).await;
    }
    done(visit, &one, one.name.clone())
}

async fn disable(State(server): State<Arc<Server>>, visit: Visit, Path(id): Path<String>) -> Answer {
    set_disabled(&server, &visit, &id, true).await
}

async fn enable(State(server): State<Arc<Server>>, visit: Visit, Path(id): Path<String>) -> Answer {
    set_disabled(&server, &visit, &id, false).await
}

async fn unlock(State(server): State<Arc<Server>>, visit: Visit, Path(id): Path<String>) -> Answer {
    let one = find(&server, &id).await?;
    server.register.unlock(&one.id).await?;
    done(&visit, &one, one.name.clone())
}

async fn sign_out(State(server): State<Arc<Server>>, visit: Visit, Path(id): Path<String>) -> Answer {
    let one = find(&server, &id).await?;
    let ended = server.register.end_sessions(&one.id, None, None, visit.now.as_microsecond()).await?;
    done(&visit, &one, format!("{}: {ended} sessions", one.name))
}

async fn link(State(server): State<Arc<Server>>, visit: Visit, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    let one = find(&server, &id).await?;
    if one.disabled_at.is_some() {
        return Err(Fault::Conflict(visit.say("accounts-disabled")));
    }
    let by = visit.who()?.id.clone();
    let (secret, _) = people::invite(&server.register, &one.party, &one.role, Some(&one.id), Some(&by), visit.now).await?;
    let link = format!("{}/welcome?key={secret}", visit.origin(&headers));
    let mut response = page(&server, &visit, &one, Some(&link), None).await?;
    response.extensions_mut().insert(Detail(one.name));
    Ok(response)
}
