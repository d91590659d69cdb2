//! Where somebody is signed in, and how that ends.

use std::sync::Arc;

use axum::extract::{Path, State};
use casework::model::rights::Right;
use maud::{Markup, html};
use store::people::Person;

use crate::api::Server;
use crate::console::Route;
use crate::console::elements::table::{Column, table};
use crate::console::elements::{Tone, badge};
use crate::console::visit::{Answer, Detail, Fault, Visit};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/account/sessions/end-others", Right::OwnAccount, end_others),
        Route::post("/account/sessions/{id}/end", Right::OwnAccount, end),
    ]
}

/// The word for a way to sign in.
pub(in crate::console) fn how(visit: &Visit, how: &str) -> String {
    match how {
        "passkey" => visit.say("account-how-passkey"),
        "password" => visit.say("account-how-password"),
        "password+totp" => visit.say("account-how-second"),
        "oidc" => visit.say("account-how-oidc"),
        "link" => visit.say("account-how-link"),
        other => other.to_owned(),
    }
}

pub(super) async fn section(server: &Server, visit: &Visit, me: &Person) -> Result<Markup, Fault> {
    let sessions = server.register.sessions_of(&me.id, visit.now.as_microsecond()).await?;
    let this = visit.who()?.session.clone().unwrap_or_default();
    let columns = [
        Column::text(visit.say("account-session-agent")),
        Column::text(visit.say("account-session-address")),
        Column::text(visit.say("account-session-how")),
        Column::text(visit.say("account-session-since")),
        Column::text(visit.say("account-session-seen")),
        Column::text(""),
    ];
    let rows: Vec<Vec<Markup>> = sessions
        .iter()
        .map(|session| {
            vec![
                html! { (device(&session.agent)) },
                html! { (session.address) },
                html! { (how(visit, &session.how)) },
                visit.stamp(session.created_at),
                visit.stamp(session.seen_at),
                html! {
                    @if session.key == this { (badge(Tone::Good, &visit.say("account-session-this"))) }
                    @else {
                        form method="post" action={ "/account/sessions/" (session.id) "/end" } {
                            button type="submit" { (visit.say("account-session-end")) }
                        }
                    }
                },
            ]
        })
        .collect();
    Ok(html! {
        (table(&visit.say("account-sessions"), &columns, &rows))
        @if sessions.len() > 1 {
            form.actions method="post" action="/account/sessions/end-others" {
                button type="submit" { (visit.say("account-session-end-others")) }
            }
        }
    })
}

/// Browser and system out of what a browser says of itself; whoever wants all of it finds it in the audit.
fn device(agent: &str) -> String {
    let browsers = [("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"), ("curl/", "curl")];
    let systems =
        [("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iOS"), ("iPad", "iPadOS"), ("Mac OS", "macOS"), ("Linux", "Linux")];
    let find = |of: &[(&str, &str)]| of.iter().find(|(sign, _)| agent.contains(sign)).map(|(_, name)| (*name).to_owned());
    match (find(&browsers), find(&systems)) {
        (Some(browser), Some(system)) => format!("{browser}, {system}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) if agent.is_empty() => "?".to_owned(),
        (None, None) => agent.chars().take(40).collect(),
    }
}

async fn end(State(server): State<Arc<Server>>, visit: Visit, Path(id): Path<String>) -> Answer {
    let me = super::me(&server, &visit).await?;
    if server.register.end_sessions(&me.id, Some(&id), None, visit.now.as_microsecond()).await? == 0 {
        return Err(Fault::NotFound);
    }
    Ok(visit.on_to("/account#sessions"))
}

async fn end_others(State(server): State<Arc<Server>>, visit: Visit) -> Answer {
    let me = super::me(&server, &visit).await?;
    let this = visit.who()?.session.clone();
    let ended = server.register.end_sessions(&me.id, None, this.as_deref(), visit.now.as_microsecond()).await?;
    let mut response = visit.on_to("/account#sessions");
    response.extensions_mut().insert(Detail(format!("{ended} sessions")));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_named_as_people_know_it() {
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        assert_eq!(device(firefox), "Firefox, Linux");
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0";
        assert_eq!(device(edge), "Edge, Windows");
        assert_eq!(device("something else"), "something else");
        assert_eq!(device(""), "?");
    }
}
