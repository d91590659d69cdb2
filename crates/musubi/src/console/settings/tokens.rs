//! `/settings/tokens`: what machines sign in with. A token is shown once and kept by its hash.

use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use casework::model::party::PartyId;
use casework::model::rights::Right;
use jiff::SignedDuration;
use maud::{Markup, html};
use serde::Deserialize;

use super::ways;
use crate::api::Server;
use crate::console::Route;
use crate::console::elements::form::{Field, choice, field};
use crate::console::elements::table::{Column, table};
use crate::console::elements::{Tone, badge, empty};
use crate::console::visit::{Answer, Detail, Fault, Visit};
use crate::sign_in::{Role, give_token};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/settings/tokens", Right::ReadSettings, show),
        Route::post("/settings/tokens", Right::ChangeSettings, create),
        Route::post("/settings/tokens/{id}/revoke", Right::ChangeSettings, revoke),
    ]
}

async fn show(State(server): State<Arc<Server>>, visit: Visit) -> Answer {
    page(&server, &visit, None, None).await
}

async fn page(server: &Server, visit: &Visit, given: Option<(&str, &str)>, wrong: Option<&str>) -> Answer {
    let now = visit.now.as_microsecond();
    let tokens = server.register.tokens().await?;
    let others = server.register.sign_ins().await?;
    let columns = [
        Column::text(visit.say("setup-token")),
        Column::text(visit.say("accounts-party")),
        Column::text(visit.say("accounts-role")),
        Column::text(visit.say("accounts-state")),
        Column::text(visit.say("setup-token-until")),
        Column::text(visit.say("setup-token-used")),
        Column::text(""),
    ];
    let may = visit.may(Right::ChangeSettings);
    let mut rows: Vec<Vec<Markup>> = Vec::new();
    for token in tokens.iter().rev() {
        let (tone, word) = match (token.revoked_at, token.holds(now)) {
            (Some(_), _) => (Tone::Quiet, visit.say("setup-token-revoked")),
            (None, false) => (Tone::Quiet, visit.say("setup-token-ended")),
            (None, true) => (Tone::Good, visit.say("setup-token-holds")),
        };
        rows.push(vec![
            html! { code { (token.id) } @if let Some(name) = &token.name { " " span.quiet { (name) } } },
            html! { a.id href={ "/parties/" (token.party) } { (token.party) } },
            html! { (token.role) },
            badge(tone, &word),
            html! { @if let Some(at) = token.expires_at { (visit.stamp(at)) } },
            html! { @if let Some(at) = token.last_used { (visit.stamp(at)) } },
            html! {
                @if may && token.holds(now) {
                    form method="post" action={ "/settings/tokens/" (token.id) "/revoke" } {
                        button.danger type="submit" data-question=(visit.say_with("setup-token-question", &[("name", token.id.as_str().into())])) { (visit.say("setup-token-revoke")) }
                    }
                }
            },
        ]);
    }
    for one in &others {
        rows.push(vec![
            html! { (one.kind) " " code { (one.name) } },
            html! { a href={ "/parties/" (one.party) } { (one.party) } },
            html! { (one.role) },
            badge(Tone::Good, &visit.say("setup-token-holds")),
            html! { @if let Some(at) = one.expires_at { (visit.stamp(at)) } },
            html! {},
            html! {},
        ]);
    }
    let roles: Vec<(&str, String)> = vec![
        ("reader", visit.say("setup-role-reader")),
        ("member", visit.say("setup-role-member")),
        ("manager", visit.say("setup-role-manager")),
    ];
    let body = html! {
        p.lead { (visit.say("setup-tokens-lead")) }
        (ways(visit))
        @if let Some(wrong) = wrong { p.wrong role="alert" { (wrong) } }
        @if let Some((id, token)) = given {
            section.card.once role="status" {
                h2 { (visit.say("setup-token-new")) }
                p { (visit.say("setup-token-once")) }
                p { code { (id) } " " code { (token) } " " button type="button" data-copy=(token) { (visit.say("account-copy")) } }
            }
        }
        @if rows.is_empty() { (empty(&visit.say("setup-no-tokens"), None)) } @else { (table(&visit.say("setup-tokens"), &columns, &rows)) }
        @if may {
            h2 { (visit.say("setup-token-make")) }
            form.stack method="post" action="/settings/tokens" {
                (field(&Field { name: "party", label: &visit.say("accounts-party"), required: true, ..Field::default() }))
                (choice("role", &visit.say("accounts-role"), "member", &roles))
                (field(&Field { name: "name", label: &visit.say("setup-token-for"), ..Field::default() }))
                (field(&Field { name: "days", label: &visit.say("setup-token-days"), kind: "number", hint: &visit.say("setup-token-days-hint"), ..Field::default() }))
                button.first type="submit" { (visit.say("setup-token-do")) }
            }
        }
    };
    let mut response = visit.page(&visit.say("setup-tokens"), &body);
    if wrong.is_some() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    if given.is_some() {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(response)
}

#[derive(Debug, Deserialize)]
struct Creating {
    party: String,
    role: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    days: String,
}

async fn create(State(server): State<Arc<Server>>, visit: Visit, Form(form): Form<Creating>) -> Answer {
    let role = Role::read(&form.role).ok_or_else(|| Fault::Wrong(visit.say("accounts-no-role")))?;
    let party: Option<PartyId> = form.party.trim().parse().ok();
    let known = match &party {
        Some(party) => server.register.party(party, visit.now).await?.is_some(),
        None => false,
    };
    let Some(party) = party.filter(|_| known) else {
        let wrong = visit.say_with("accounts-unknown-party", &[("name", form.party.trim().into())]);
        return page(&server, &visit, None, Some(&wrong)).await;
    };
    let days = form.days.trim();
    let until = match days.parse::<i64>() {
        Ok(days) if (1..=3650).contains(&days) => Some(visit.now + SignedDuration::from_hours(24 * days)),
        _ if days.is_empty() => None,
        _ => return page(&server, &visit, None, Some(&visit.say("setup-token-days-hint"))).await,
    };
    let name: String = form.name.trim().chars().filter(|c| !c.is_control()).take(100).collect();
    let name = Some(name).filter(|name| !name.is_empty());
    let (id, secret) = give_token(&server.register, &party, role, name, until, visit.now).await?;
    let mut response = page(&server, &visit, Some((&id, &secret)), None).await?;
    response.extensions_mut().insert(Detail(format!("{id}: {} of {party}", role.as_str())));
    Ok(response)
}

async fn revoke(State(server): State<Arc<Server>>, visit: Visit, Path(id): Path<String>) -> Answer {
    if !server.register.revoke_token(&id, visit.now.as_microsecond()).await? {
        return Err(Fault::NotFound);
    }
    Ok(visit.on_to("/settings/tokens"))
}
