//! `/settings/keys`: with which keys we sign. The keys themselves are never shown.

use std::sync::Arc;

use axum::extract::State;
use maud::html;

use super::ways;
use crate::api::Server;
use crate::console::elements::{empty, facts};
use crate::console::visit::{Answer, Visit};
use crate::deliver::keys::OurKey;

pub(super) async fn show(State(server): State<Arc<Server>>, visit: Visit) -> Answer {
    let log = server.register.log_key().await?;
    let openpgp = OurKey::read(&OurKey::path(server.home.root()));
    let body = html! {
        p.lead { (visit.say("setup-keys-lead")) }
        (ways(&visit))
        h2 { (visit.say("setup-log-key")) }
        @match &log {
            Some(key) => { p { code { (key) } } p.hint { (visit.say("setup-log-key-why")) } }
            None => (empty(&visit.say("setup-no-log-key"), None)),
        }
        h2 { (visit.say("setup-openpgp")) }
        @match &openpgp {
            Ok(Some(key)) => (facts(&[
                (visit.say("setup-fingerprint"), html! { code { (spaced(&key.fingerprint())) } }),
                (visit.say("setup-key-names"), html! { ul { @for name in key.user_ids() { li { (name) } } } }),
                (visit.say("setup-key-expires"), html! {
                    @match key.expires(visit.now) {
                        Ok(Some(at)) => (visit.stamp(at.as_microsecond())),
                        Ok(None) => (visit.say("setup-key-never")),
                        Err(error) => span.wrong { (format!("{error:#}")) },
                    }
                }),
            ])),
            Ok(None) => (empty(&visit.say("setup-no-openpgp"), None)),
            Err(error) => p.wrong role="alert" { (format!("{error:#}")) },
        }
    };
    Ok(visit.page(&visit.say("setup-keys"), &body))
}

/// A fingerprint in groups of four.
fn spaced(fingerprint: &str) -> String {
    fingerprint.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
}
