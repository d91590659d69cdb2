//! TAXII 2.1 (OASIS Standard, 10 June 2021): every endpoint of an API root, answered for one party.
//!
//! One function leads from the path to the endpoint, so that whatever goes wrong, also a path that does not exist, is answered in TAXII.

mod page;
mod push;
pub(crate) mod taking;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use casework::model::agreement::{Channel, Purpose};
use formats::taxii::media::{MEDIA_TYPE, STIX, is_acceptable};
use formats::taxii::resource::{ApiRoot, Collection, Collections, Discovery, ErrorMessage};
use formats::taxii::{BadFilter, Filter};
use serde::Serialize;

use super::answer::{BadBody, Packing};
use super::{Guest, Peer, Server, Shut};

/// The one API root.
pub(crate) const ROOT: &str = "/taxii2/root/";

/// Why a request is not answered as asked (§3.6).
#[derive(Debug)]
pub(crate) enum Refusal {
    NotFound(&'static str),
    Forbidden(&'static str),
    NotAcceptable,
    UnsupportedMediaType,
    MethodNotAllowed(&'static str),
    Bad(String),
    Unprocessable(String),
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

impl From<BadFilter> for Refusal {
    fn from(error: BadFilter) -> Self {
        Self::Bad(error.to_string())
    }
}

/// What an endpoint gives: a body, and the moments at which its first and last object were added.
#[derive(Debug)]
pub(crate) struct Given {
    status: StatusCode,
    body: Vec<u8>,
    added: Option<(i64, i64)>,
    etag: Option<String>,
    /// Of the release, for a node that asked for it.
    receipt: Option<String>,
}

impl Given {
    fn json<T: Serialize>(value: &T) -> Result<Self, Refusal> {
        let body = serde_json::to_vec(value).map_err(|error| Refusal::Failed(error.into()))?;
        Ok(Self { status: StatusCode::OK, body, added: None, etag: None, receipt: None })
    }
}

/// A request, with its path apart.
struct Asked<'a> {
    server: &'a Arc<Server>,
    guest: &'a Guest,
    headers: &'a HeaderMap,
    query: &'a str,
}

/// Answers whatever stands below `/taxii2/`.
pub(crate) async fn serve(State(server): State<Arc<Server>>, Extension(peer): Extension<Peer>, request: Request) -> Response {
    server.counters.requests.fetch_add(1, Ordering::Relaxed);
    let (parts, body) = request.into_parts();
    let headers = parts.headers;
    if !parts.uri.path().ends_with('/') {
        return moved(&parts.uri);
    }
    if parts.uri.path().trim_end_matches('/').ends_with("/stream") && parts.method == Method::GET {
        return match push::stream(&server, &peer, &headers, parts.uri.path(), parts.uri.query().unwrap_or_default()).await {
            Ok(response) => response,
            Err(refusal) => refused(&server, refusal),
        };
    }
    match answer(&server, &peer, &parts.method, parts.uri.path(), parts.uri.query().unwrap_or_default(), &headers, body).await {
        Ok(given) => response(&headers, given),
        Err(refusal) => refused(&server, refusal),
    }
}

async fn answer(
    server: &Arc<Server>,
    peer: &Peer,
    method: &Method,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Given, Refusal> {
    // The body is taken first where there is one: a client that is still sending would not hear an answer.
    let posted = match *method {
        Method::POST => Some(super::answer::read(server, headers, body, server.limits.largest_body).await),
        _ => None,
    };
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",");
    if !is_acceptable(Some(&accept)) {
        return Err(Refusal::NotAcceptable);
    }
    let guest = server.guest(headers, peer, Channel::Taxii).await.map_err(Refusal::Shut)?;
    let asked = Asked { server, guest: &guest, headers, query };
    let path: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let get = *method == Method::GET || *method == Method::HEAD;
    match path.as_slice() {
        ["taxii2"] if get => discovery(server),
        ["taxii2", "root"] if get => Given::json(&ApiRoot::new(&server.limits.title, server.limits.largest_body as u64)),
        ["taxii2", "root", "status", id] if get => taking::status(&asked, id).await,
        ["taxii2", "root", "collections"] if get => collections(&asked),
        ["taxii2", "root", "collections", name] if get => collection(&asked, name),
        ["taxii2", "root", "collections", name, "manifest"] if get => page::manifest(&asked, name).await,
        ["taxii2", "root", "collections", name, "objects"] if get => page::objects(&asked, name).await,
        ["taxii2", "root", "collections", name, "objects"] if *method == Method::POST => {
            taking::objects(&asked, name, posted.ok_or(Refusal::NotFound("there is no body"))?).await
        }
        ["taxii2", "root", "collections", name, "objects", id] if get => page::object(&asked, name, id).await,
        ["taxii2", "root", "collections", name, "objects", id] if *method == Method::DELETE => taking::delete(&asked, name, id).await,
        ["taxii2", "root", "collections", name, "objects", id, "versions"] if get => page::versions(&asked, name, id).await,
        ["taxii2"] | ["taxii2", "root", "status", _] | ["taxii2", "root"] | ["taxii2", "root", "collections", ..] if path.len() <= 7 => {
            Err(Refusal::MethodNotAllowed(allowed(&path)))
        }
        _ => Err(Refusal::NotFound("nothing is served at this path")),
    }
}

fn allowed(path: &[&str]) -> &'static str {
    match path {
        [_, _, _, _, "objects"] => "GET, HEAD, POST",
        [_, _, _, _, "objects", _] => "GET, HEAD, DELETE",
        _ => "GET, HEAD",
    }
}

fn discovery(server: &Server) -> Result<Given, Refusal> {
    Given::json(&Discovery {
        title: server.limits.title.clone(),
        description: Some("What each party sees is decided object by object, by terms and agreements.".to_owned()),
        contact: server.limits.contact.clone(),
        default: Some(ROOT.to_owned()),
        api_roots: vec![ROOT.to_owned()],
    })
}

impl Asked<'_> {
    /// The collection, with what the party may do in it. One that it may not open is one that does not exist.
    fn collection(&self, name: &str) -> Result<(&store::collections::Collection, bool, bool), Refusal> {
        let standing = &self.guest.standing;
        let party = &self.guest.caller.party;
        let collection = standing.collection(name, party).ok_or(Refusal::NotFound("there is no such collection"))?;
        let (read, write) = standing.rights(collection.number, party);
        let purpose = crate::federate::sync::purpose(collection);
        let own = standing.own.as_ref() == Some(party);
        if purpose == Purpose::Respond && !own && !standing.bound(party, Channel::Taxii, Some(purpose), self.guest.now) {
            return Err(Refusal::Forbidden("no agreement in force between us covers this collection"));
        }
        let write = write && self.guest.caller.role != crate::sign_in::Role::Reader;
        Ok((collection, read, write))
    }

    fn readable(&self, name: &str) -> Result<&store::collections::Collection, Refusal> {
        match self.collection(name)? {
            (collection, true, _) => Ok(collection),
            _ => Err(Refusal::Forbidden("this collection can only be written to")),
        }
    }

    /// A node like us asks: it understands what stands beside objects.
    fn is_node(&self) -> bool {
        self.headers.contains_key("x-musubi")
    }

    fn filter(&self) -> Result<Filter, Refusal> {
        Ok(Filter::read(self.query)?)
    }

    fn told(&self, collection: &store::collections::Collection) -> Collection {
        let (can_read, can_write) = self.guest.standing.rights(collection.number, &self.guest.caller.party);
        let can_write = can_write && self.guest.caller.role != crate::sign_in::Role::Reader;
        Collection {
            id: collection.id.clone(),
            title: collection.title.clone(),
            description: collection.description.clone(),
            alias: collection.alias.clone(),
            can_read,
            can_write,
            media_types: vec![STIX.to_owned()],
        }
    }
}

fn collections(asked: &Asked<'_>) -> Result<Given, Refusal> {
    let standing = &asked.guest.standing;
    let mine = standing.collections.iter().filter(|c| standing.rights(c.number, &asked.guest.caller.party) != (false, false));
    Given::json(&Collections { collections: mine.map(|collection| asked.told(collection)).collect() })
}

fn collection(asked: &Asked<'_>, name: &str) -> Result<Given, Refusal> {
    let (collection, ..) = asked.collection(name)?;
    Given::json(&asked.told(collection))
}

fn response(headers: &HeaderMap, given: Given) -> Response {
    let packing = Packing::chosen(headers, given.body.len());
    let mut response = Response::builder().status(given.status).header(header::CONTENT_TYPE, MEDIA_TYPE);
    response = response.header(header::VARY, "Accept, Accept-Encoding, Authorization").header(header::CACHE_CONTROL, "private, no-cache");
    if let Some((first, last)) = given.added {
        response = response.header("x-taxii-date-added-first", formats::taxii::timestamp(first));
        response = response.header("x-taxii-date-added-last", formats::taxii::timestamp(last));
    }
    if let Some(etag) = &given.etag {
        response = response.header(header::ETAG, etag);
    }
    if let Some(receipt) = &given.receipt {
        response = response.header("x-musubi-receipt", receipt);
    }
    if let Some(name) = packing.name() {
        response = response.header(header::CONTENT_ENCODING, name);
    }
    let built = packing.pack(given.body).ok().and_then(|body| response.body(Body::from(body)).ok());
    built.unwrap_or_else(|| plain(StatusCode::INTERNAL_SERVER_ERROR, "The answer could not be packed", None))
}

fn plain(status: StatusCode, title: &str, description: Option<String>) -> Response {
    let body = serde_json::to_vec(&ErrorMessage::new(status.as_u16(), title, description)).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}

/// Every path ends in `/` (§1.6.7); whoever forgets it is shown the way, with the same method and body.
fn moved(uri: &axum::http::Uri) -> Response {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let to = format!("{}/{query}", uri.path());
    let mut response = plain(StatusCode::PERMANENT_REDIRECT, "Every path ends in a slash", Some(to.clone()));
    if let Ok(to) = HeaderValue::from_str(&to) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    response
}

fn refused(server: &Server, refusal: Refusal) -> Response {
    server.counters.refused.fetch_add(1, Ordering::Relaxed);
    let mut extra: Option<(header::HeaderName, String)> = None;
    let response = match refusal {
        Refusal::NotFound(what) => plain(StatusCode::NOT_FOUND, "Not found", Some(what.to_owned())),
        Refusal::Forbidden(what) => plain(StatusCode::FORBIDDEN, "Not allowed", Some(what.to_owned())),
        Refusal::NotAcceptable => plain(StatusCode::NOT_ACCEPTABLE, "Not acceptable", Some(format!("answers are {MEDIA_TYPE}"))),
        Refusal::UnsupportedMediaType => {
            plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type", Some(format!("send {MEDIA_TYPE}")))
        }
        Refusal::MethodNotAllowed(allowed) => {
            extra = Some((header::ALLOW, allowed.to_owned()));
            plain(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed", Some(format!("here: {allowed}")))
        }
        Refusal::Bad(what) => plain(StatusCode::BAD_REQUEST, "The request cannot be understood", Some(what)),
        Refusal::Unprocessable(what) => plain(StatusCode::UNPROCESSABLE_ENTITY, "The content cannot be taken", Some(what)),
        Refusal::Body(BadBody::TooLarge) => {
            let largest = server.limits.largest_body;
            plain(
                StatusCode::PAYLOAD_TOO_LARGE,
                "The content is too large",
                Some(format!("at most {largest} bytes are taken, also unpacked")),
            )
        }
        Refusal::Body(BadBody::TooSlow) => plain(StatusCode::REQUEST_TIMEOUT, "The content came too slowly", None),
        Refusal::Body(BadBody::Encoding(what)) => plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The content cannot be unpacked", Some(what)),
        Refusal::Body(BadBody::Broken(what)) => plain(StatusCode::BAD_REQUEST, "The content broke off", Some(what)),
        Refusal::Body(BadBody::Busy) => {
            extra = Some((header::RETRY_AFTER, "10".to_owned()));
            plain(StatusCode::SERVICE_UNAVAILABLE, "Too much is being sent at once", None)
        }
        Refusal::Shut(Shut::Unknown) => {
            extra = Some((header::WWW_AUTHENTICATE, "Basic realm=\"musubi\", charset=\"UTF-8\", Bearer realm=\"musubi\"".to_owned()));
            plain(StatusCode::UNAUTHORIZED, "Who is it?", Some("sign in with a token (HTTP Basic or Bearer) or a certificate".to_owned()))
        }
        Refusal::Shut(Shut::TooMany(wait)) => {
            let seconds = wait.as_secs() + 1;
            extra = Some((header::RETRY_AFTER, seconds.to_string()));
            plain(StatusCode::TOO_MANY_REQUESTS, "Too many requests", Some(format!("come again in {seconds} s")))
        }
        Refusal::Shut(Shut::Failed(error)) | Refusal::Failed(error) => {
            // What went wrong inside is for us: it could tell of what others may not see.
            let id = crate::chance::uuid();
            tracing::error!(error.id = %id, "a request failed: {error:#}");
            plain(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something went wrong here",
                Some(format!("the log of this server tells more at {id}")),
            )
        }
    };
    match extra.and_then(|(name, value)| Some((name, HeaderValue::from_str(&value).ok()?))) {
        Some((name, value)) => {
            let mut response = response;
            response.headers_mut().insert(name, value);
            response
        }
        None => response,
    }
}
