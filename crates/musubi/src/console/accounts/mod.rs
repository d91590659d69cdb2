//! `/settings/people`: who has an account, what they may, and the links that make one.

mod one;

use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use casework::model::rights::{Right, Role};
use maud::{Markup, html};
use serde::Deserialize;
use store::people::{Listed, Wanted};

use super::Route;
use super::elements::form::{Field, choice, field};
use super::elements::query::Query;
use super::elements::table::{Column, ROWS, paging, table};
use super::elements::{Tone, badge, empty};
use super::visit::{Answer, Detail, Fault, Visit};
use crate::api::Server;
use crate::sign_in::people::{self, Unfit};

pub(super) fn routes() -> Vec<Route> {
    let own = vec![
        Route::get("/settings/people", Right::ReadPeople, list),
        Route::post("/settings/people/invite", Right::ChangePeople, invite),
        Route::post("/settings/people/invitations/{id}/withdraw", Right::ChangePeople, withdraw),
    ];
    [own, one::routes()].concat()
}

/// The word for a role.
pub(in crate::console) fn role_word(visit: &Visit, role: &str) -> String {
    match Role::read(role) {
        Some(role) => visit.say(&format!("role-{role}")),
        None => role.to_owned(),
    }
}

/// All roles with their words.
fn role_choices(visit: &Visit) -> Vec<(&'static str, String)> {
    Role::ALL.iter().map(|role| (role.as_str(), role_word(visit, role.as_str()))).collect()
}

/// Whether somebody can sign in.
fn state(visit: &Visit, disabled_at: Option<i64>, locked_until: Option<i64>) -> Markup {
    match (disabled_at, locked_until) {
        (Some(_), _) => badge(Tone::Quiet, &visit.say("accounts-disabled")),
        (None, Some(until)) if until > visit.now.as_microsecond() => badge(Tone::Bad, &visit.say("accounts-locked")),
        _ => badge(Tone::Good, &visit.say("accounts-active")),
    }
}

/// With what somebody signs in.
fn ways(visit: &Visit, one: &Listed) -> String {
    let mut ways = Vec::new();
    if one.passkeys > 0 {
        ways.push(visit.say("account-how-passkey"));
    }
    match (one.has_password, one.has_totp) {
        (true, true) => ways.push(visit.say("account-how-second")),
        (true, false) => ways.push(visit.say("account-how-password")),
        _ => {}
    }
    if one.subjects > 0 {
        ways.push(visit.say("account-how-oidc"));
    }
    if ways.is_empty() { visit.say("accounts-no-way") } else { ways.join(", ") }
}

async fn list(State(server): State<Arc<Server>>, visit: Visit) -> Answer {
    page(&server, &visit, None, None).await
}

async fn page(server: &Server, visit: &Visit, given: Option<&str>, wrong: Option<&str>) -> Answer {
    let query = Query::of(&visit.uri);
    let wanted = Wanted { role: query.one("role"), party: query.one("party"), words: query.one("q"), after: query.one("after") };
    let mut found = server.register.people_listed(wanted, ROWS as u32 + 1).await?;
    let more = found.len() > ROWS;
    found.truncate(ROWS);
    let next = more.then(|| found.last().map(|one| one.name.clone())).flatten();
    let columns = [
        Column::text(visit.say("accounts-name")),
        Column::text(visit.say("accounts-role")),
        Column::text(visit.say("accounts-party")),
        Column::text(visit.say("accounts-state")),
        Column::text(visit.say("accounts-ways")),
        Column::text(visit.say("accounts-seen")),
    ];
    let rows: Vec<Vec<Markup>> = found
        .iter()
        .map(|one| {
            vec![
                html! { a href={ "/settings/people/" (one.id) } { (one.shown) } " " span.quiet { (one.name) } },
                html! { (role_word(visit, &one.role)) },
                html! { (one.party) },
                state(visit, one.disabled_at, one.locked_until),
                html! { (ways(visit, one)) },
                html! { @match one.last_seen { Some(at) => (visit.stamp(at)), None => span.quiet { (visit.say("accounts-never")) } } },
            ]
        })
        .collect();
    let mut roles = vec![("", visit.say("accounts-any-role"))];
    roles.extend(role_choices(visit));
    let filtered = wanted.role.is_some() || wanted.party.is_some() || wanted.words.is_some();
    let body = html! {
        @if let Some(wrong) = wrong { p.wrong role="alert" { (wrong) } }
        @if let Some(link) = given { (once(visit, link)) }
        form.filter method="get" action="/settings/people" {
            div.field {
                label for="q" { (visit.say("accounts-name")) }
                input #q type="search" name="q" value=(wanted.words.unwrap_or_default()) autocomplete="off" spellcheck="false";
            }
            div.field {
                label for="of-role" { (visit.say("accounts-role")) }
                select #of-role name="role" { @for (value, word) in &roles { option value=(value) selected[wanted.role.unwrap_or_default() == *value] { (word) } } }
            }
            div.field {
                label for="of-party" { (visit.say("accounts-party")) }
                input #of-party name="party" value=(wanted.party.unwrap_or_default()) autocomplete="off" spellcheck="false";
            }
            button type="submit" { (visit.say("table-filter")) }
        }
        @if rows.is_empty() { (empty(&visit.say("accounts-none"), filtered.then_some(("/settings/people", visit.say("table-clear").as_str())))) }
        @else { (table(&visit.say("accounts-title"), &columns, &rows)) (paging(visit, next.as_deref())) }
        @if visit.may(Right::ChangePeople) { (invitations(server, visit).await?) }
    };
    let mut response = visit.page(&visit.say("accounts-title"), &body);
    if wrong.is_some() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    if given.is_some() {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(response)
}

/// A link, this once.
fn once(visit: &Visit, link: &str) -> Markup {
    html! {
        section.card.once role="status" {
            h2 { (visit.say("accounts-link")) }
            p { (visit.say("accounts-link-why")) }
            p { code { (link) } " " button type="button" data-copy=(link) { (visit.say("account-copy")) } }
        }
    }
}

async fn invitations(server: &Server, visit: &Visit) -> Result<Markup, Fault> {
    let open = server.register.invitations(visit.now.as_microsecond()).await?;
    let columns = [
        Column::text(visit.say("accounts-role")),
        Column::text(visit.say("accounts-party")),
        Column::text(visit.say("accounts-expires")),
        Column::text(""),
    ];
    let rows: Vec<Vec<Markup>> = open
        .iter()
        .map(|one| {
            let key: String = one.key.iter().map(|byte| format!("{byte:02x}")).collect();
            vec![
                html! { (role_word(visit, &one.role)) @if one.person.is_some() { " " span.quiet { (visit.say("accounts-again")) } } },
                html! { (one.party) },
                visit.stamp(one.expires_at),
                html! { form method="post" action={ "/settings/people/invitations/" (key) "/withdraw" } { button type="submit" { (visit.say("accounts-withdraw")) } } },
            ]
        })
        .collect();
    Ok(html! {
        h2 { (visit.say("accounts-invite")) }
        p { (visit.say("accounts-invite-why")) }
        form.stack method="post" action="/settings/people/invite" {
            (choice("role", &visit.say("accounts-role"), Role::Analyst.as_str(), &role_choices(visit)))
            (field(&Field { name: "party", label: &visit.say("accounts-party"), hint: &visit.say("accounts-party-hint"), ..Field::default() }))
            button.first type="submit" { (visit.say("accounts-invite-do")) }
        }
        @if !rows.is_empty() {
            h2 { (visit.say("accounts-open-links")) }
            (table(&visit.say("accounts-open-links"), &columns, &rows))
        }
    })
}

/// Why role and party do not fit, as a viewer reads it.
fn unfit_words(visit: &Visit, unfit: &Unfit) -> String {
    let name = match unfit {
        Unfit::UnknownParty(party) => party.clone(),
        Unfit::NeedsOutsideParty(role) | Unfit::NeedsOwnParty(role) => role_word(visit, role.as_str()),
        Unfit::LastAdministrator => String::new(),
    };
    visit.say_with(unfit.word(), &[("name", name.into())])
}

#[derive(Debug, Deserialize)]
struct Inviting {
    role: String,
    #[serde(default)]
    party: String,
}

async fn invite(State(server): State<Arc<Server>>, visit: Visit, headers: HeaderMap, Form(form): Form<Inviting>) -> Answer {
    let role = Role::read(&form.role).ok_or_else(|| Fault::Wrong(visit.say("accounts-no-role")))?;
    let party = match people::party_of(&server.register, role, Some(form.party.trim()), visit.now).await? {
        Ok(party) => party,
        Err(unfit) => return page(&server, &visit, None, Some(&unfit_words(&visit, &unfit))).await,
    };
    let by = visit.who()?.id.clone();
    let (secret, _) = people::invite(&server.register, &party, role.as_str(), None, Some(&by), visit.now).await?;
    let link = format!("{}/welcome?key={secret}", visit.origin(&headers));
    let mut response = page(&server, &visit, Some(&link), None).await?;
    response.extensions_mut().insert(Detail(format!("{role} of {party}")));
    Ok(response)
}

async fn withdraw(State(server): State<Arc<Server>>, visit: Visit, Path(id): Path<String>) -> Answer {
    let digits = |at: usize| id.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let key: Option<Vec<u8>> = (id.len() == 64 && id.is_ascii()).then(|| (0..64).step_by(2).map_while(digits).collect());
    let key = key.filter(|key| key.len() == 32).ok_or(Fault::NotFound)?;
    if !server.register.withdraw_invitation(&key).await? {
        return Err(Fault::NotFound);
    }
    Ok(visit.on_to("/settings/people"))
}
