//! The server: what others reach over HTTP. Every face has limits of size, time and rate; every answer says what went wrong.
//!
//! [`standing`] says who may see what now, [`scribe`] writes for many at once, and each face has a folder of its own.

pub(crate) mod answer;
pub(crate) mod listen;
mod lists;
mod log;
pub(crate) mod misp;
pub(crate) mod page;
pub(crate) mod rates;
pub(crate) mod scribe;
pub(crate) mod standing;
pub(crate) mod taxii;
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
    /// Events of MISP that were read lately.
    pub(crate) misp: misp::shelf::Shelf,
    /// Who is responsible for what.
    pub(crate) responsible: crate::console::portal::mine::Responsibles,
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
        let server = Self {
            home: home.clone(),
            desk: Desk::new(register.clone(), issuers),
            scribe: Scribe::new(register.clone(), key),
            rates: Rates::new(limits.requests_per_second, limits.requests_per_second.saturating_mul(4)),
            // Ten wrong guesses, then one every six seconds.
            failures: Rates::new(1, 10),
            people: Rates::new(limits.requests_per_second, limits.requests_per_second.saturating_mul(4)),
            bodies: Semaphore::new(limits.bodies_mb as usize * 1024),
            streams: Arc::new(Semaphore::new(limits.streams as usize)),
            pending: Notify::new(),
            gate: Gate::new(&limits)?,
            counters: Counters::default(),
            misp: misp::shelf::Shelf::default(),
            responsible: crate::console::portal::mine::Responsibles::default(),
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

/// All faces.
pub(crate) fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics))
        .route("/taxii2", any(taxii::serve))
        .route("/taxii2/", any(taxii::serve))
        .route("/taxii2/{*rest}", any(taxii::serve))
        .route("/lists/{*path}", get(lists::serve))
        .route("/log/{*rest}", any(log::serve))
        .route("/misp", any(misp::serve))
        .route("/misp/", any(misp::serve))
        .route("/misp/{*rest}", any(misp::serve))
        .merge(crate::console::router(&server))
        .fallback(nothing_here)
        .with_state(server)
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

/// Counters as Prometheus reads them (text format 0.0.4), for this machine only.
async fn metrics(State(server): State<Arc<Server>>, request: Request) -> Response {
    if !request.extensions().get::<Peer>().is_some_and(|peer| peer.address.is_loopback()) {
        return (StatusCode::FORBIDDEN, "metrics are told on this machine only\n").into_response();
    }
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed);
    let counters = &server.counters;
    let lines = [
        ("musubi_requests_total", "Requests answered.", count(&counters.requests)),
        ("musubi_requests_refused_total", "Requests answered with an error.", count(&counters.refused)),
        ("musubi_objects_given_total", "Objects given to parties.", count(&counters.objects_given)),
        ("musubi_objects_taken_total", "Objects taken from parties.", count(&counters.objects_taken)),
    ];
    let text: String =
        lines.iter().map(|(name, help, value)| format!("# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}\n")).collect();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}
