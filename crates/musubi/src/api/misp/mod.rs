//! MISP's own interface (MISP 2.5): what a MISP that pulls or pushes, and PyMISP, ask for. Clients are given `https://host/misp/`.
//!
//! One function leads from the path to the endpoint, so that whatever goes wrong is answered as MISP does: an object with `name`, `message`,
//! `url` and `errors`. The bodies are made in `formats::misp::api`. Everything is in the collection with the alias `misp`.

mod attributes;
mod change;
mod events;
pub(crate) mod feed;
pub(crate) mod shelf;
mod sightings;
mod tags;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use casework::model::agreement::{Channel, Purpose};
use casework::model::party::PartyId;
use formats::misp::api::Path;
use formats::misp::api::SearchError;
use formats::misp::api::answer::{self as says, NOT_AUTHENTICATED, NOT_PERMITTED};
use formats::misp::api::request::BadRequest;
use store::collections::Collection;
use store::releases::Content;

use super::answer::{BadBody, Packing, is_known};
use super::page::{OnPage, Page};
use super::{Guest, Peer, Server, Shut};
use crate::chance;
use shelf::{Seen, SeenSighting};

/// The alias of the collection in which events are kept.
pub(crate) const ALIAS: &str = "misp";

/// A MISP synchronises with its own major and minor version; the last number stands for nothing here.
const VERSION: &str = "2.5.0";

const JSON: &str = "application/json";

/// Why a request is not answered as asked.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// What was asked for is not there: MISP's word for it.
    NotFound(&'static str),
    NoCollection,
    Forbidden(&'static str),
    MethodNotAllowed,
    Bad(String),
    /// What was sent cannot be kept: which key, and why.
    Wrong(&'static str, Vec<(&'static str, String)>),
    Conflict(String),
    Body(BadBody),
    Shut(Shut),
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Refusal {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<store::StoreError> for Refusal {
    fn from(error: store::StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<BadRequest> for Refusal {
    fn from(error: BadRequest) -> Self {
        Self::Bad(error.to_string())
    }
}

impl From<SearchError> for Refusal {
    fn from(error: SearchError) -> Self {
        Self::Bad(error.to_string())
    }
}

/// What an endpoint gives.
#[derive(Debug)]
pub(crate) struct Given {
    body: Vec<u8>,
    media: &'static str,
    /// What is shown of what is kept.
    shown: Vec<OnPage>,
    /// Whole objects, or only that they are there.
    kind: &'static str,
    /// The client may ask whether it has changed.
    tagged: bool,
}

impl Given {
    /// What tells nothing of what is kept.
    fn plain(body: Vec<u8>) -> Self {
        Self { body, media: JSON, shown: Vec::new(), kind: "objects", tagged: false }
    }

    fn showing<'s>(body: Vec<u8>, events: impl IntoIterator<Item = &'s Seen>) -> Self {
        let shown = events.into_iter().map(Seen::on_page).collect();
        Self { shown, ..Self::plain(body) }
    }

    fn and_sightings<'s>(mut self, sightings: impl IntoIterator<Item = &'s SeenSighting>) -> Self {
        self.shown.extend(sightings.into_iter().map(SeenSighting::on_page));
        self
    }

    /// Only that they are there.
    fn heads(self) -> Self {
        Self { kind: "manifest", ..self }
    }

    fn tagged(self) -> Self {
        Self { tagged: true, ..self }
    }

    fn media(self, media: &'static str) -> Self {
        Self { media, ..self }
    }
}

/// A request, taken apart.
pub(crate) struct Asked<'a> {
    server: &'a Arc<Server>,
    guest: &'a Guest,
    path: Path,
    body: Vec<u8>,
}

impl Asked<'_> {
    fn party(&self) -> &PartyId {
        &self.guest.caller.party
    }

    /// Seconds since 1970.
    fn now(&self) -> i64 {
        self.guest.now.as_second()
    }

    /// The collection of events, when the party may read it.
    fn readable(&self) -> Result<&Collection, Refusal> {
        let collection = self.guest.standing.collection(ALIAS, self.party()).ok_or(Refusal::NoCollection)?;
        match self.guest.standing.rights(collection.number, self.party()) {
            (true, _) => Ok(collection),
            (false, _) => Err(Refusal::Forbidden(NOT_PERMITTED)),
        }
    }

    /// The same, when it may write there.
    fn writable(&self) -> Result<&Collection, Refusal> {
        let collection = self.readable()?;
        let (_, write) = self.guest.standing.rights(collection.number, self.party());
        if write && self.guest.caller.role != crate::sign_in::Role::Reader {
            Ok(collection)
        } else {
            Err(Refusal::Forbidden(NOT_PERMITTED))
        }
    }

    async fn events(&self) -> Result<Vec<Seen>, Refusal> {
        Ok(self.server.misp_events(self.readable()?.number, &self.guest.view.eyes).await?)
    }

    async fn sightings(&self) -> Result<Vec<SeenSighting>, Refusal> {
        Ok(self.server.misp_sightings(self.readable()?.number, &self.guest.view.eyes).await?)
    }

    /// An event by UUID or number.
    async fn event(&self, name: &str) -> Result<Seen, Refusal> {
        let found = self.events().await?.into_iter().find(|seen| named(name, seen.event.uuid.as_deref(), seen.event.id.as_deref()));
        found.ok_or(Refusal::NotFound("Invalid event"))
    }
}

/// A client names something by its UUID or its number.
fn named(name: &str, uuid: Option<&str>, id: Option<&str>) -> bool {
    uuid.is_some_and(|uuid| uuid.eq_ignore_ascii_case(name)) || id == Some(name)
}

/// Answers whatever stands below `/misp/`.
pub(crate) async fn serve(State(server): State<Arc<Server>>, Extension(peer): Extension<Peer>, request: Request) -> Response {
    server.counters.requests.fetch_add(1, Ordering::Relaxed);
    let (parts, body) = request.into_parts();
    let whole = parts.uri.path_and_query().map_or("", |path| path.as_str());
    let path = whole.strip_prefix("/misp").unwrap_or(whole).to_owned();
    match answer(&server, &peer, &parts.method, &path, &parts.headers, body).await {
        Ok((status, given, etag)) => response(&parts.headers, status, given, etag),
        Err(refusal) => refused(&server, &path, refusal),
    }
}

async fn answer(
    server: &Arc<Server>,
    peer: &Peer,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<(StatusCode, Given, Option<String>), Refusal> {
    // The body is taken first: a client that is still sending would not hear an answer.
    let posted = match *method {
        Method::POST | Method::PUT | Method::DELETE => super::answer::read(server, headers, body, server.limits.largest_body).await,
        _ => Ok(Vec::new()),
    };
    let guest = server.guest(headers, peer, Channel::Misp).await.map_err(Refusal::Shut)?;
    let body = posted.map_err(Refusal::Body)?;
    let asked = Asked { server, guest: &guest, path: Path::read(path), body };
    let given = endpoint(&asked, method).await?;
    let etag = given.tagged.then(|| says::etag(&given.body));
    if etag.as_deref().is_some_and(|etag| is_known(headers, etag)) {
        // It has what it asks for: nothing is given.
        return Ok((StatusCode::NOT_MODIFIED, Given { body: Vec::new(), ..given }, etag));
    }
    let given = release(&asked, given).await?;
    Ok((StatusCode::OK, given, etag))
}

async fn endpoint(asked: &Asked<'_>, method: &Method) -> Result<Given, Refusal> {
    let words = asked.path.words();
    let posted = *method == Method::POST || *method == Method::PUT;
    let head = *method == Method::HEAD;
    match words.as_slice() {
        ["servers", "getVersion"] => Ok(Given::plain(version(asked))),
        ["servers", "getPyMISPVersion"] => Ok(Given::plain(says::pymisp_version(VERSION))),
        ["servers", "postTest"] if posted => {
            let sent = serde_json::from_slice(&asked.body).map_err(|error| Refusal::Bad(error.to_string()))?;
            Ok(Given::plain(says::post_test(&sent)))
        }
        ["users", "view", "me"] => Ok(Given::plain(user(asked))),
        ["organisations", "view", name] => organisation(asked, name),
        ["organisations"] | ["organisations", "index"] => {
            let all: Vec<_> = asked.guest.standing.parties.iter().filter(|party| is_known_to(asked, &party.id)).collect();
            Ok(Given::plain(says::organisations(&all.into_iter().map(shelf::organisation_of).collect::<Vec<_>>())))
        }
        ["attributes", "describeTypes"] => Ok(Given::plain(says::describe_types())),
        ["shadow_attributes", "index"] | ["shadowAttributes", "index"] => {
            asked.readable()?;
            Ok(Given::plain(b"[]".to_vec()))
        }
        ["events", "view", name] => events::view(asked, name, head).await,
        ["events"] | ["events", "index"] => events::index(asked).await,
        ["events", "restSearch"] => events::search(asked).await,
        ["events", "filterEventIdsForPush"] if posted => events::wanted(asked).await,
        ["events", "add"] if posted => change::add(asked).await,
        ["events", "edit", name] if posted => change::edit(asked, name).await,
        ["events", "delete", name] if posted || *method == Method::DELETE => change::delete(asked, name).await,
        ["events", "publish" | "alert", name] if posted => change::publish(asked, name, true).await,
        ["events", "unpublish", name] if posted => change::publish(asked, name, false).await,
        ["attributes", "view", name] => attributes::view(asked, name, head).await,
        ["attributes", "restSearch"] => attributes::search(asked).await,
        ["attributes", "add", event] if posted => attributes::add(asked, event).await,
        ["attributes", "edit", name] if posted => attributes::edit(asked, name).await,
        ["attributes", "delete", name] if posted || *method == Method::DELETE => attributes::delete(asked, name).await,
        ["attributes", "restore", name] if posted => attributes::restore(asked, name).await,
        ["tags"] | ["tags", "index"] => tags::index(asked).await,
        ["tags", "add"] if posted => tags::add(asked),
        ["tags", "search"] => tags::search(asked, None).await,
        ["tags", "search", name] => tags::search(asked, Some(name)).await,
        ["tags", "attachTagToObject"] if posted => tags::change(asked, true).await,
        ["tags", "removeTagFromObject"] if posted => tags::change(asked, false).await,
        ["sightings", "add"] if posted => sightings::add(asked, None).await,
        ["sightings", "add", name] if posted => sightings::add(asked, Some(name)).await,
        ["sightings", "restSearch"] => sightings::search(asked, "").await,
        ["sightings", "restSearch", context @ ("event" | "attribute")] => sightings::search(asked, context).await,
        ["sightings"] | ["sightings", "index"] => sightings::list(asked, None).await,
        ["sightings", "index" | "listSightings", event] => sightings::list(asked, Some(event)).await,
        ["sightings", "listSightings"] => sightings::list(asked, None).await,
        ["sightings", "filterSightingUuidsForPush", event] if posted => sightings::wanted(asked, event).await,
        ["sightings", "bulkSaveSightings", event] if posted => sightings::take(asked, event).await,
        ["feed", name] => feed::file(asked, name).await,
        [
            "servers" | "events" | "attributes" | "tags" | "sightings",
            "postTest"
            | "add"
            | "edit"
            | "delete"
            | "publish"
            | "alert"
            | "unpublish"
            | "restore"
            | "attachTagToObject"
            | "removeTagFromObject",
            ..,
        ] if !posted => Err(Refusal::MethodNotAllowed),
        _ => Err(Refusal::NotFound("The requested address was not found on this server.")),
    }
}

fn version(asked: &Asked<'_>) -> Vec<u8> {
    let uuid = asked.guest.standing.own.as_ref().map(|own| casework::share::misp::organisation(own).to_string()).unwrap_or_default();
    says::version(&says::Instance {
        version: VERSION,
        pymisp_recommended_version: VERSION,
        uuid: &uuid,
        perm_sync: true,
        perm_sighting: true,
        perm_galaxy_editor: false,
        perm_analyst_data: false,
        request_encoding: &["gzip"],
        filter_sightings: true,
    })
}

fn user(asked: &Asked<'_>) -> Vec<u8> {
    let caller = &asked.guest.caller;
    let writes = asked.writable().is_ok();
    let uuid = casework::share::misp::organisation(&caller.party).to_string();
    let name =
        asked.guest.standing.parties.iter().find(|party| party.id == caller.party).map_or(caller.party.as_str(), |party| &party.name);
    let org_id = shelf::number_of(&uuid);
    let email = format!("{}@{}", caller.token.as_deref().unwrap_or("user"), caller.party);
    says::user(&says::User {
        id: &shelf::number_of(&email),
        email: &email,
        org_id: &org_id,
        org_name: name,
        org_uuid: &uuid,
        role_name: caller.role.as_str(),
        may_add: writes,
        may_publish: writes,
        may_sync: writes,
        may_tag: writes,
        may_sight: writes,
        is_admin: false,
    })
}

/// Who we are and who one is oneself is no secret; whom else we know is.
fn is_known_to(asked: &Asked<'_>, party: &PartyId) -> bool {
    party == asked.party() || Some(party) == asked.guest.standing.own.as_ref() || asked.guest.view.own
}

fn organisation(asked: &Asked<'_>, name: &str) -> Result<Given, Refusal> {
    let known = asked.guest.standing.parties.iter().filter(|party| is_known_to(asked, &party.id));
    let mut known = known.map(|party| (&party.id, shelf::organisation_of(party)));
    let found = known
        .find(|(id, org)| id.as_str() == name || org.name.as_deref() == Some(name) || named(name, org.uuid.as_deref(), org.id.as_deref()));
    let (_, organisation) = found.ok_or(Refusal::NotFound("Invalid organisation"))?;
    Ok(Given::plain(says::organisation(&organisation)))
}

/// Logs what is shown and gives back what may be sent. What we look at ourselves is no release.
async fn release(asked: &Asked<'_>, given: Given) -> Result<Given, Refusal> {
    if given.shown.is_empty() || asked.guest.view.own {
        return Ok(given);
    }
    let Given { body, media, mut shown, kind, tagged } = given;
    let collection = asked.readable()?;
    shown.sort_unstable();
    shown.dedup();
    asked.server.counters.objects_given.fetch_add(shown.len() as u64, Ordering::Relaxed);
    let page = Page {
        party: asked.party(),
        view: &asked.guest.view,
        collection,
        channel: Channel::Misp,
        purpose: Purpose::Defend,
        how: format!("MISP: {} of collection {}", asked.path.words().get(..2).unwrap_or_default().join("/"), collection.id),
        kind,
        objects: shown,
    };
    let released = asked.server.scribe.note(page.given(Content::new(body), asked.guest.now)).await?;
    Ok(Given { body: released.into_content().into_bytes(), media, shown: Vec::new(), kind, tagged })
}

fn response(headers: &HeaderMap, status: StatusCode, given: Given, etag: Option<String>) -> Response {
    let packing = Packing::chosen(headers, given.body.len());
    let mut response = Response::builder().status(status).header(header::CONTENT_TYPE, given.media);
    response = response.header(header::VARY, "Accept-Encoding, Authorization").header(header::CACHE_CONTROL, "private, no-cache");
    if let Some(etag) = etag {
        response = response.header(header::ETAG, etag);
    }
    if let Some(name) = packing.name() {
        response = response.header(header::CONTENT_ENCODING, name);
    }
    let built = packing.pack(given.body).ok().and_then(|body| response.body(Body::from(body)).ok());
    built.unwrap_or_else(|| plain(StatusCode::INTERNAL_SERVER_ERROR, "", "The answer could not be packed", &[]))
}

fn plain(status: StatusCode, path: &str, message: &str, wrong: &[(&'static str, String)]) -> Response {
    let mut response = Response::new(Body::from(says::refused(message, path, wrong)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
}

fn refused(server: &Server, path: &str, refusal: Refusal) -> Response {
    server.counters.refused.fetch_add(1, Ordering::Relaxed);
    let retry = |mut response: Response, seconds: u64| {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        response
    };
    match refusal {
        Refusal::NotFound(what) => plain(StatusCode::NOT_FOUND, path, what, &[]),
        Refusal::NoCollection => plain(
            StatusCode::NOT_FOUND,
            path,
            "There is no collection `misp` that you may open: whoever keeps this node makes one with `musubi collection add misp`, and opens it with \
             `musubi collection grant misp`.",
            &[],
        ),
        Refusal::Forbidden(what) => plain(StatusCode::FORBIDDEN, path, what, &[]),
        Refusal::MethodNotAllowed => plain(StatusCode::METHOD_NOT_ALLOWED, path, "You can only use POST requests here.", &[]),
        Refusal::Bad(what) => plain(StatusCode::BAD_REQUEST, path, &what, &[]),
        Refusal::Wrong(message, wrong) => plain(StatusCode::FORBIDDEN, path, message, &wrong),
        Refusal::Conflict(what) => plain(StatusCode::CONFLICT, path, &what, &[]),
        Refusal::Body(BadBody::TooLarge) => {
            let message = format!("At most {} bytes are taken, also unpacked.", server.limits.largest_body);
            plain(StatusCode::PAYLOAD_TOO_LARGE, path, &message, &[])
        }
        Refusal::Body(BadBody::TooSlow) => plain(StatusCode::REQUEST_TIMEOUT, path, "The content came too slowly.", &[]),
        Refusal::Body(BadBody::Encoding(what)) => plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, path, &what, &[]),
        Refusal::Body(BadBody::Broken(what)) => plain(StatusCode::BAD_REQUEST, path, &what, &[]),
        Refusal::Body(BadBody::Busy) => retry(plain(StatusCode::SERVICE_UNAVAILABLE, path, "Too much is being sent at once.", &[]), 10),
        Refusal::Shut(Shut::Unknown) => plain(StatusCode::FORBIDDEN, path, NOT_AUTHENTICATED, &[]),
        Refusal::Shut(Shut::TooMany(wait)) => {
            let seconds = wait.as_secs() + 1;
            let message = format!("Too many requests: come again in {seconds} s.");
            retry(plain(StatusCode::TOO_MANY_REQUESTS, path, &message, &[]), seconds)
        }
        Refusal::Shut(Shut::Failed(error)) | Refusal::Failed(error) => {
            // What went wrong inside is for us: it could tell of what others may not see.
            let id = chance::uuid();
            tracing::error!(error.id = %id, "a request failed: {error:#}");
            let message = format!("Something went wrong here; the log of this server tells more at {id}.");
            plain(StatusCode::INTERNAL_SERVER_ERROR, path, &message, &[])
        }
    }
}
