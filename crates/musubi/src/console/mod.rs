//! The console and the portal: what people see and touch. Pages are made here on the server and work without a script.
//!
//! Every page is a file that lists its [`Route`]s with what they need. One place ([`visit::guard`]) lets in who may, before anything
//! of a page runs, and writes down what was changed; the table of who may what is `casework::model::rights`.

mod account;
mod accounts;
mod agreements;
mod answers;
mod api;
pub(crate) mod asking;
mod assets;
mod audit;
mod cases;
mod claims;
mod effect;
pub(crate) mod elements;
mod events;
mod evidence;
mod evidence_new;
mod explain;
mod frame;
mod graph;
mod indicators;
mod lookup;
pub(crate) mod moment;
mod notices;
mod overview;
mod parties;
mod pdf;
pub(crate) mod people;
pub(crate) mod picture;
pub(crate) mod portal;
mod releases;
mod search;
mod sentence;
mod settings;
mod sign_in;
mod takedowns;
pub(crate) mod visit;
pub(crate) mod words;

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, get, on};
use casework::model::rights::Right;

use crate::api::Server;

/// What somebody needs to be let in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Needs {
    /// Nothing: to sign in, above all.
    Nothing,
    Right(Right),
}

/// One address that answers.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) needs: Needs,
    /// What is taken out of the house here is written down, as changes are.
    pub(crate) exports: bool,
    /// Bytes of the largest body.
    pub(crate) largest_body: usize,
    handler: MethodRouter<Arc<Server>>,
}

/// Forms are small.
const FORM: usize = 256 * 1024;

impl Route {
    /// Shows something.
    pub(crate) fn get<H, T>(path: &'static str, right: Right, handler: H) -> Self
    where
        H: Handler<T, Arc<Server>>,
        T: 'static,
    {
        Self::new(Method::GET, path, Needs::Right(right), get(handler))
    }

    /// Changes something.
    pub(crate) fn post<H, T>(path: &'static str, right: Right, handler: H) -> Self
    where
        H: Handler<T, Arc<Server>>,
        T: 'static,
    {
        Self::new(Method::POST, path, Needs::Right(right), on(MethodFilter::POST, handler))
    }

    /// Another method, as machines use them.
    pub(crate) fn with<H, T>(method: Method, path: &'static str, right: Right, handler: H) -> Self
    where
        H: Handler<T, Arc<Server>>,
        T: 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET);
        Self::new(method, path, Needs::Right(right), on(filter, handler))
    }

    fn new(method: Method, path: &'static str, needs: Needs, handler: MethodRouter<Arc<Server>>) -> Self {
        Self { method, path, needs, exports: false, largest_body: FORM, handler }
    }

    /// For whoever comes.
    pub(crate) fn open(self) -> Self {
        Self { needs: Needs::Nothing, ..self }
    }

    /// Its answers leave the house as files.
    pub(crate) fn exporting(self) -> Self {
        Self { exports: true, ..self }
    }

    /// Takes larger bodies.
    pub(crate) fn taking(self, largest_body: usize) -> Self {
        Self { largest_body, ..self }
    }
}

/// All routes of the console. A new page is one line.
pub(crate) fn routes() -> Vec<Route> {
    [
        // One line a page.
        agreements::routes(),
        answers::routes(),
        explain::routes(),
        notices::routes(),
        parties::routes(),
        claims::routes(),
        account::routes(),
        audit::routes(),
        accounts::routes(),
        settings::routes(),
        events::routes(),
        evidence::routes(),
        lookup::routes(),
        overview::routes(),
        portal::routes(),
        crate::api::rest::routes(),
        api::routes(),
        evidence_new::routes(),
        cases::routes(),
        graph::routes(),
        indicators::routes(),
        releases::routes(),
        search::routes(),
        sign_in::routes(),
        takedowns::routes(),
    ]
    .concat()
}

/// The routes, each behind its guard.
pub(crate) fn router(server: &Arc<Server>) -> Router<Arc<Server>> {
    let mut router = Router::new().route("/assets/{file}", get(assets::serve));
    for route in routes() {
        let watch = visit::Watch::of(&route);
        let guard = axum::middleware::from_fn_with_state((Arc::clone(server), watch), visit::guard);
        router = router.route(route.path, route.handler.layer(guard));
    }
    router
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_address_answers_twice() {
        let all: Vec<(Method, &str)> = routes().into_iter().map(|route| (route.method, route.path)).collect();
        let distinct: BTreeSet<String> = all.iter().map(|(method, path)| format!("{method} {path}")).collect();
        assert_eq!(all.len(), distinct.len());
    }

    #[test]
    fn what_only_shows_changes_nothing_and_what_changes_needs_more_than_to_read() {
        for route in routes() {
            let Needs::Right(right) = route.needs else { continue };
            let safe = route.method == Method::GET || route.method == Method::HEAD;
            // Own accounts are changed by their owners, whatever their role.
            assert!(safe || !right.only_reads() || right == Right::OwnAccount, "{} {}", route.method, route.path);
        }
    }
}
