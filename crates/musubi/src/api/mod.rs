//! The server: what others reach over HTTP. Every face has limits of size, time and rate; every answer says what went wrong.
//!
//! [`standing`] says who may see what now, [`scribe`] writes for many at once, and each face has a folder of its own.

pub(crate) mod answer;
pub(crate) mod effect;
pub(crate) mod listen;
mod lists;
mod log;
pub(crate) mod misp;
pub(crate) mod page;
pub(crate) mod rates;
pub(crate) mod release;
pub(crate) mod rest;
pub(crate) mod scribe;
pub(crate) mod standing;
pub(crate) mod taxii;
pub(crate) mod telemetry;
pub(crate) mod zone;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use casework::model::agreement::{Channel, Purpose};
use casework::model::party::PartyId;
use jiff::Timestamp;
use store::collections::Collection;
use store::home::Home;
use store::register::Register;
use tokio::sync::{Notify, Semaphore};

use crate::config::Serve;
use crate::sign_in::bearer::Issuers;
use crate::sign_in::gate::Gate;
use crate::sign_in::{Caller, Shown, Unknown};
use crate::{keys, pipeline};
use rates::Rates;
use scribe::Scribe;
use standing::{Desk, Standing, View};

/// Everything a request needs.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) home: Home,
    pub(crate) register: Register,
    pub(crate) desk: Desk,
    pub(crate) scribe: Scribe,
    pub(crate) limits: Serve,
    /// Bytes of bodies that may be in memory at once, in kibibytes.
    pub(crate) bodies: Semaphore,
    /// Pushing connections at once.
    pub(crate) streams: Arc<Semaphore>,
    /// Told when a large request waits to be worked on.
    pub(crate) pending: Notify,
    rates: Rates<PartyId>,
    pub(crate) failures: Rates<IpAddr>,
    /// Of people with a browser, by their id.
    pub(crate) people: Rates<String>,
    /// What signing in needs.
    pub(crate) gate: Gate,
    pub(crate) counters: Counters,
    /// Sums of events, and who asks for more than sums.
    pub(crate) sums: crate::console::asking::Sums,
    /// Events of MISP that were read lately.
    pub(crate) misp: misp::shelf::Shelf,
    /// Who is responsible for what.
    pub(crate) responsible: crate::console::portal::mine::Responsibles,
    /// Questions about events that run at once.
    pub(crate) questions: Arc<Semaphore>,
    /// Uploads that are being written to now, and a bell for those that wait to be read.
    pub(crate) uploads: rest::arriving::Desk,
    pub(crate) telemetry: telemetry::Telemetry,
}

/// What `/metrics` tells.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: std::sync::atomic::AtomicU64,
    pub(crate) refused: std::sync::atomic::AtomicU64,
    pub(crate) objects_given: std::sync::atomic::AtomicU64,
    pub(crate) objects_taken: std::sync::atomic::AtomicU64,
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    /// SHA-256 of its certificate.
    pub(crate) certificate: Option<Arc<str>>,
    /// Nobody on the way reads along: by TLS of ours, or of the proxy in front of us.
    pub(crate) secure: bool,
}

impl Peer {
    /// Who is behind a proxy on this machine: the last address it added, and whether it was asked over TLS (RFC 7239 knows the same by
    /// other names).
    fn behind_proxy(&self, headers: &HeaderMap) -> Self {
        let last = |name: &str| headers.get_all(name).iter().next_back().and_then(|value| value.to_str().ok());
        let address = last("x-forwarded-for").and_then(|text| text.rsplit(',').next()).and_then(|text| text.trim().parse::<IpAddr>().ok());
        let secure = last("x-forwarded-proto").is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"));
        Self { address: address.map_or(self.address, |address| address.to_canonical()), secure, certificate: None }
    }
}

/// Somebody who signed in, and what decides for it.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) caller: Caller,
    pub(crate) standing: Arc<Standing>,
    channel: Channel,
    /// What it sees of what is there to defend with.
    pub(crate) view: Arc<View>,
    pub(crate) now: Timestamp,
}

impl Guest {
    /// What it sees of a collection.
    pub(crate) fn view_of(&self, collection: &Collection) -> Arc<View> {
        self.standing.view(&self.caller.party, self.channel, crate::federate::sync::purpose(collection), self.now)
    }
}

/// Why somebody does not get in.
#[derive(Debug)]
pub(crate) enum Shut {
    /// 401; why is told to us alone.
    Unknown,
    /// 429, and when to come again.
    TooMany(Duration),
    Failed(anyhow::Error),
}

impl Server {
    /// Opens what a server needs.
    ///
    /// # Errors
    /// When the register, the key of the log or the keys of issuers cannot be read.
    pub(crate) async fn open(home: &Home, limits: Serve) -> Result<Arc<Self>> {
        let register = Register::serve(home, limits.readers).await?;
        let issuers = Issuers::read(&limits.issuer)?;
        let key = keys::log_key(home, None)?;
        scribe::bring_in(home, &register).await;
        let server = Self {
            home: home.clone(),
            desk: Desk::new(register.clone(), issuers),
            scribe: Scribe::new(home, register.clone(), key),
            rates: Rates::new(limits.requests_per_second, limits.requests_per_second.saturating_mul(4)),
            // Ten wrong guesses, then one every six seconds.
            failures: Rates::new(1, 10),
            people: Rates::new(limits.requests_per_second, limits.requests_per_second.saturating_mul(4)),
            bodies: Semaphore::new(limits.bodies_mb as usize * 1024),
            streams: Arc::new(Semaphore::new(limits.streams as usize)),
            pending: Notify::new(),
            gate: Gate::new(&limits)?,
            counters: Counters::default(),
            sums: crate::console::asking::Sums::default(),
            misp: misp::shelf::Shelf::default(),
            responsible: crate::console::portal::mine::Responsibles::default(),
            questions: Arc::new(Semaphore::new(limits.questions as usize)),
            uploads: rest::arriving::Desk::default(),
            telemetry: telemetry::Telemetry::new(limits.otlp.as_deref())?,
            limits,
            register,
        };
        Ok(Arc::new(server))
    }

    /// What a party would see that signs in to read: for what we hand over ourselves.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub(crate) async fn reader(&self, party: &PartyId, channel: Channel) -> Result<Guest> {
        let now = pipeline::now();
        let standing = self.desk.standing(now).await?;
        let view = standing.view(party, channel, Purpose::Defend, now);
        let caller = Caller { party: party.clone(), role: crate::sign_in::Role::Reader, token: None };
        Ok(Guest { caller, standing, channel, view, now })
    }

    /// Lets somebody in.
    ///
    /// # Errors
    /// When nobody can say who it is, or it asks too often.
    pub(crate) async fn guest(&self, headers: &HeaderMap, peer: &Peer, channel: Channel) -> Result<Guest, Shut> {
        let now = pipeline::now();
        if !self.failures.is_left(&peer.address, Instant::now()) {
            return Err(Shut::TooMany(Duration::from_secs(6)));
        }
        let standing = self.desk.standing(now).await.map_err(Shut::Failed)?;
        let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let shown = Shown {
            authorization: text(header::AUTHORIZATION),
            api_key: text(header::HeaderName::from_static("x-api-key")),
            certificate: peer.certificate.as_deref(),
        };
        let caller = match standing.doorkeeper.identify(&shown, now.as_microsecond()) {
            Ok(caller) => caller,
            Err(Unknown::Nothing) if self.limits.anonymous.is_some() => match self.limits.anonymous.as_deref().and_then(|p| p.parse().ok())
            {
                Some(party) => Caller { party, role: crate::sign_in::Role::Reader, token: None },
                None => return Err(Shut::Unknown),
            },
            Err(unknown) => {
                if unknown != Unknown::Nothing {
                    let _ = self.failures.take(&peer.address, Instant::now());
                    tracing::info!(peer = %peer.address, "somebody could not sign in: {unknown:?}");
                }
                return Err(Shut::Unknown);
            }
        };
        self.rates.take(&caller.party, Instant::now()).map_err(Shut::TooMany)?;
        let view = standing.view(&caller.party, channel, Purpose::Defend, now);
        Ok(Guest { caller, standing, channel, view, now })
    }
}

impl Server {
    /// A program of an outside party asks. Whoever is nobody is told so further on.
    async fn is_of_others(&self, headers: HeaderMap, peer: Option<Peer>) -> bool {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let shown = Shown {
            authorization: text("authorization"),
            api_key: text("x-api-key"),
            certificate: peer.as_ref().and_then(|peer| peer.certificate.as_deref()),
        };
        if shown.authorization.is_none() && shown.api_key.is_none() && shown.certificate.is_none() {
            return false;
        }
        let now = pipeline::now();
        let Ok(standing) = self.desk.standing(now).await else { return false };
        standing.doorkeeper.identify(&shown, now.as_microsecond()).is_ok_and(|caller| standing.own.as_ref() != Some(&caller.party))
    }
}

/// All faces.
pub(crate) fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/metrics", get(telemetry::metrics))
        .route("/taxii2", any(taxii::serve))
        .route("/taxii2/", any(taxii::serve))
        .route("/taxii2/{*rest}", any(taxii::serve))
        .route("/lists/{*path}", get(lists::serve))
        .route("/log/{*rest}", any(log::serve))
        .route("/misp", any(misp::serve))
        .route("/misp/", any(misp::serve))
        .route("/misp/{*rest}", any(misp::serve))
        .merge(crate::console::router(&server))
        .fallback(nowhere)
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&server), telemetry::watch))
        .with_state(server)
}

/// Which of our addresses was come to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Face {
    /// That of ourselves, while outside parties have one of their own.
    Inside,
    /// That of outside parties.
    Portal,
}

/// What answers at the address of outside parties: their pages, their account, and what their programs use.
const OF_PORTAL: [&str; 16] = [
    "/portal",
    "/sign-in",
    "/sign-out",
    "/welcome",
    "/account",
    "/passkey",
    "/oidc",
    "/assets",
    "/answer",
    "/api/v1",
    "/api/openapi.json",
    "/report",
    "/taxii2",
    "/lists",
    "/misp",
    "/healthz",
];

/// All faces, as one of two addresses shows them.
pub(crate) fn router_of(server: Arc<Server>, face: Face) -> Router {
    let state = (Arc::clone(&server), face);
    router(server).layer(axum::middleware::from_fn_with_state(state, by_face))
}

fn is_of_portal(path: &str) -> bool {
    OF_PORTAL.iter().any(|known| path.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

async fn by_face(State((server, face)): State<(Arc<Server>, Face)>, mut request: Request, next: axum::middleware::Next) -> Response {
    let path = request.uri().path();
    if face == Face::Portal && path != "/" && !is_of_portal(path) {
        return nothing_here(request).await;
    }
    if face == Face::Portal && path == "/" {
        return (StatusCode::SEE_OTHER, [(header::LOCATION, "/portal")]).into_response();
    }
    let (headers, peer) = (request.headers().clone(), request.extensions().get::<Peer>().cloned());
    if face == Face::Inside && server.is_of_others(headers, peer).await {
        return (StatusCode::FORBIDDEN, "outside parties have an address of their own\n").into_response();
    }
    request.extensions_mut().insert(face);
    next.run(request).await
}

/// A browser is shown a page with the ways to the others; a machine is told.
async fn nowhere(State(server): State<Arc<Server>>, request: Request) -> Response {
    let accepts = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match request.method().is_safe() && accepts.contains("text/html") {
        true => crate::console::visit::nowhere(&server, request).await,
        false => nothing_here(request).await,
    }
}

async fn nothing_here(request: Request) -> Response {
    (StatusCode::NOT_FOUND, format!("nothing is served at {}\n", request.uri().path())).into_response()
}

/// Answers when the register can be read.
async fn healthz(State(server): State<Arc<Server>>) -> Response {
    match server.register.policy_change().await {
        Ok(_) => (StatusCode::OK, "ok\n").into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("the register cannot be read: {error}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use casework::model::rights::Role;

    use super::*;
    use crate::console::Needs;

    #[test]
    fn all_that_outside_parties_may_answers_at_their_own_address() {
        let of_machines = |route: &crate::console::Route| crate::console::visit::is_for_machines(route.path);
        for route in crate::console::routes().into_iter().filter(of_machines) {
            if let Needs::Right(right) = route.needs
                && right.roles().iter().copied().any(Role::is_partner)
            {
                assert!(is_of_portal(route.path), "{} {}", route.method, route.path);
            }
        }
        assert!(!is_of_portal("/reports") && !is_of_portal("/events") && !is_of_portal("/api/v2"));
    }
}
