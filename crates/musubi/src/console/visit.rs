//! A request that was let in: who it is, what it may, and in which language, zone and colours it reads. And the guard that decides.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use casework::model::party::{Language, PartyId};
use casework::model::rights::{Right, Role};
use fluent_bundle::FluentValue;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use sha2::{Digest as _, Sha256};
use store::people::Deed;

use super::frame::{self, Frame};
use super::words::Words;
use super::{Needs, Route, moment};
use crate::api::answer::{Packing, etag, is_known};
use crate::api::{Face, Peer, Server, Shut};
use crate::pipeline;
use crate::sign_in::session;

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    /// Id of a person, or `token:` and the id of a token, or `certificate:` and its hash.
    pub(crate) id: String,
    /// What others read.
    pub(crate) shown: String,
    pub(crate) party: PartyId,
    pub(crate) role: Role,
    /// Came to read: nothing that changes anything opens, whatever the role.
    pub(crate) reads_only: bool,
    /// SHA-256 of the cookie, for whoever signed in by a browser.
    pub(crate) session: Option<Vec<u8>>,
    /// How it signed in.
    pub(crate) how: String,
}

/// A request that was let in.
#[derive(Clone)]
#[allow(missing_debug_implementations, reason = "words have none")]
pub(crate) struct Visit {
    pub(crate) server: Arc<Server>,
    pub(crate) who: Option<Who>,
    pub(crate) words: &'static Words,
    pub(crate) zone: TimeZone,
    /// `light` or `dark`; none: as the system.
    pub(crate) scheme: Option<String>,
    pub(crate) now: Timestamp,
    pub(crate) uri: Uri,
    pub(crate) address: IpAddr,
    /// Asked over TLS, of ours or of a proxy in front of us.
    pub(crate) secure: bool,
}

/// Why there is no page. It is shown as a page, in the viewer's language.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Nobody of that name is here, or whoever asks may not know.
    NotFound,
    /// The role does not have the right.
    Denied,
    /// What was sent cannot be right: what is wrong with it, as finished text.
    Wrong(String),
    /// Something else has changed it meanwhile.
    Conflict(String),
    TooMany(std::time::Duration),
    Failed(anyhow::Error),
}

/// What pages answer.
pub(crate) type Answer = Result<Response, Fault>;

impl<E: Into<anyhow::Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Fault {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Denied => StatusCode::FORBIDDEN,
            Self::Wrong(_) => StatusCode::BAD_REQUEST,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn page(&self, visit: &Visit) -> Response {
        let (title, text) = match self {
            Self::NotFound => (visit.say("fault-not-found"), visit.say("fault-not-found-why")),
            Self::Denied => (visit.say("fault-denied"), visit.say("fault-denied-why")),
            Self::Wrong(what) => (visit.say("fault-wrong"), what.clone()),
            Self::Conflict(what) => (visit.say("fault-conflict"), what.clone()),
            Self::TooMany(_) => (visit.say("fault-too-many"), visit.say("fault-too-many-why")),
            Self::Failed(error) => {
                tracing::error!(path = %visit.uri.path(), "a page could not be made: {error:#}");
                (visit.say("fault-failed"), visit.say("fault-failed-why"))
            }
        };
        // Machines are told as machines read it (RFC 9457).
        if is_for_machines(visit.uri.path()) {
            return problem(self.status(), &title, &text);
        }
        let body = html! { p.fault role="alert" { (text) } p.onward { a href=(visit.home()) { (visit.say("fault-back")) } } };
        let mut response = visit.page(&title, &body);
        *response.status_mut() = self.status();
        response
    }
}

/// Addresses that no browser shows as pages.
pub(crate) fn is_for_machines(path: &str) -> bool {
    path.starts_with("/api/") || path.starts_with("/report/")
}

/// A problem as machines read it (RFC 9457).
pub(crate) fn problem(status: StatusCode, title: &str, detail: &str) -> Response {
    let body = serde_json::json!({"type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail});
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

impl IntoResponse for Fault {
    /// Carried to the guard, which knows the language.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status();
        if let Self::TooMany(wait) = &self
            && let Ok(value) = HeaderValue::from_str(&(wait.as_secs() + 1).to_string())
        {
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

impl FromRequestParts<Arc<Server>> for Visit {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Server>) -> Result<Self, Fault> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Fault::Failed(anyhow::anyhow!("a page without a guard")))
    }
}

impl Visit {
    /// Who asks; routes that need a right have somebody.
    pub(crate) fn who(&self) -> Result<&Who, Fault> {
        self.who.as_ref().ok_or(Fault::Denied)
    }

    pub(crate) fn may(&self, right: Right) -> bool {
        self.who.as_ref().is_some_and(|who| who.role.may(right))
    }

    pub(crate) fn say(&self, key: &str) -> String {
        self.words.say(key)
    }

    pub(crate) fn say_with(&self, key: &str, with: &[(&str, FluentValue<'_>)]) -> String {
        self.words.say_with(key, with)
    }

    pub(crate) fn language(&self) -> Language {
        self.words.language()
    }

    /// A time in the viewer's zone.
    pub(crate) fn stamp(&self, microseconds: i64) -> Markup {
        moment::stamp(microseconds, &self.zone)
    }

    /// The host name by which a browser asked, without its port.
    pub(crate) fn opened_as<'a>(&'a self, headers: &'a HeaderMap) -> Option<&'a str> {
        let text = self.uri.host().or_else(|| headers.get(header::HOST).and_then(|value| value.to_str().ok()))?;
        Some(match text.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => text.split(':').next().unwrap_or_default(),
        })
    }

    /// Where the browser that asks opens us: scheme, host and port.
    pub(crate) fn origin(&self, headers: &HeaderMap) -> String {
        let authority = self.uri.authority().map(|authority| authority.as_str());
        let host = authority.or_else(|| headers.get(header::HOST).and_then(|value| value.to_str().ok())).unwrap_or("localhost");
        format!("{}://{host}", if self.secure { "https" } else { "http" })
    }

    /// Where whoever asks is at home.
    pub(crate) fn home(&self) -> &'static str {
        if self.who.as_ref().is_some_and(|who| who.role.is_partner()) { "/portal" } else { "/" }
    }

    /// A whole page around what it shows.
    pub(crate) fn page(&self, title: &str, body: &Markup) -> Response {
        self.html(&frame::page(&Frame { visit: self, title, refreshes: None }, body))
    }

    /// A page that is there for a moment, while something is done: it loads itself again.
    pub(crate) fn page_again(&self, title: &str, seconds: u32, body: &Markup) -> Response {
        self.html(&frame::page(&Frame { visit: self, title, refreshes: Some(seconds) }, body))
    }

    fn html(&self, page: &Markup) -> Response {
        ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page.0.clone()).into_response()
    }

    /// On to another page of ours, after something was done (303).
    pub(crate) fn on_to(&self, path: &str) -> Response {
        (StatusCode::SEE_OTHER, [(header::LOCATION, path.to_owned())]).into_response()
    }
}

/// A path of this server and of no other: `next` of a sign-in, above all.
pub(crate) fn own_path(text: &str) -> Option<&str> {
    let inside = text.starts_with('/') && !text.starts_with("//") && !text.contains(['\\', '\r', '\n', '\t']);
    inside.then_some(text)
}

/// What the guard of a route looks at.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    method: Method,
    path: &'static str,
    needs: Needs,
    exports: bool,
    largest_body: usize,
}

impl Watch {
    pub(crate) fn of(route: &Route) -> Self {
        Self {
            method: route.method.clone(),
            path: route.path,
            needs: route.needs,
            exports: route.exports,
            largest_body: route.largest_body,
        }
    }
}

/// Lets in who may, and writes down what was done.
pub(crate) async fn guard(State((server, watch)): State<(Arc<Server>, Watch)>, request: Request, next: Next) -> Response {
    let is_head = request.method() == Method::HEAD;
    if request.method() != watch.method && !(is_head && watch.method == Method::GET) {
        // Another route of the same path has its own guard; nothing is here for this method.
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let visit = match enter(&server, &mut parts).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    let packing = parts.headers.clone();
    let refusal = refuse(&visit, &watch, &parts).await;
    let response = match refusal {
        Some(response) => response,
        None => {
            parts.extensions.insert(visit.clone());
            let body = if watch.largest_body == usize::MAX { body } else { Body::new(http_body_limit(body, watch.largest_body)) };
            next.run(Request::from_parts(parts, body)).await
        }
    };
    let detail = response.extensions().get::<Detail>().map(|detail| detail.0.clone());
    let response = match response.extensions().get::<Arc<Fault>>().cloned() {
        Some(fault) => {
            let mut page = fault.page(&visit);
            if let Some(wait) = response.headers().get(header::RETRY_AFTER) {
                page.headers_mut().insert(header::RETRY_AFTER, wait.clone());
            }
            page
        }
        None => readable(&visit, response).await,
    };
    let changes = !watch.method.is_safe();
    if (changes || (watch.exports && response.status().is_success())) && visit.who.is_some() {
        write_down(&visit, &watch, response.status(), detail).await;
    }
    finish(&visit, &packing, response).await
}

/// The page of an address that no route has.
pub(crate) async fn nowhere(server: &Arc<Server>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    match enter(server, &mut parts).await {
        Ok(visit) => finish(&visit, &parts.headers, Fault::NotFound.page(&visit)).await,
        Err(response) => response,
    }
}

fn http_body_limit(body: Body, largest: usize) -> impl hyper::body::Body<Data = axum::body::Bytes, Error = axum::Error> + Send + 'static {
    Limited { body, left: largest }
}

/// What the reading of a form found wrong, before any page ran, is told as a page too.
async fn readable(visit: &Visit, response: Response) -> Response {
    let plain = response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text/plain"));
    if !response.status().is_client_error() || !plain {
        return response;
    }
    let status = response.status();
    let text = axum::body::to_bytes(response.into_body(), 4096).await.unwrap_or_default();
    let mut page = Fault::Wrong(String::from_utf8_lossy(&text).into_owned()).page(visit);
    *page.status_mut() = status;
    page
}

/// A body that fails when it grows too large.
#[derive(Debug)]
struct Limited {
    body: Body,
    left: usize,
}

impl hyper::body::Body for Limited {
    type Data = axum::body::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        let polled = std::pin::Pin::new(&mut self.body).poll_frame(cx);
        if let std::task::Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(part) = frame.data_ref()
        {
            match self.left.checked_sub(part.len()) {
                Some(left) => self.left = left,
                None => {
                    let error = std::io::Error::new(std::io::ErrorKind::FileTooLarge, "the body is larger than this address takes");
                    return std::task::Poll::Ready(Some(Err(axum::Error::new(error))));
                }
            }
        }
        polled
    }
}

/// Finds out who it is. Whoever sends a cookie is a browser, whoever sends a header is a machine.
async fn enter(server: &Arc<Server>, parts: &mut Parts) -> Result<Visit, Response> {
    let now = pipeline::now();
    let peer = parts.extensions.get::<Peer>().cloned();
    let address = peer.as_ref().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.address);
    let secure = peer.as_ref().is_some_and(|peer| peer.secure);
    let mut who = None;
    let mut person = None;
    if parts.headers.contains_key(header::AUTHORIZATION) || parts.headers.contains_key("x-api-key") {
        let peer = peer.unwrap_or(Peer { address, certificate: None, secure });
        match server.guest(&parts.headers, &peer, casework::model::agreement::Channel::Portal).await {
            Ok(guest) => who = Some(session::of_guest(&guest)),
            Err(Shut::Unknown) => {
                let mut response = problem(StatusCode::UNAUTHORIZED, "not signed in", "no token of ours was shown");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                return Err(response);
            }
            Err(Shut::TooMany(wait)) => {
                let mut response = problem(StatusCode::TOO_MANY_REQUESTS, "too many requests", "come again later");
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
                return Err(response);
            }
            Err(Shut::Failed(error)) => {
                tracing::error!("nobody can be let in: {error:#}");
                return Err(problem(StatusCode::SERVICE_UNAVAILABLE, "the register cannot be read", "try again"));
            }
        }
    } else if let Some(cookie) = session::cookie(&parts.headers, secure) {
        match session::signed_in(&server.register, &cookie, now).await {
            Ok(Some((found, signed))) => {
                who = Some(found);
                person = Some(signed);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::error!("nobody can be let in: {error:#}");
                return Err(problem(StatusCode::SERVICE_UNAVAILABLE, "the register cannot be read", "try again"));
            }
        }
    }
    let query = parts.uri.query().unwrap_or_default();
    let asked = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "lang").map(|(_, value)| value.into_owned());
    let chosen = asked
        .or_else(|| session::plain_cookie(&parts.headers, "lang"))
        .or_else(|| person.as_ref().and_then(|person| person.language.clone()));
    let language = chosen.and_then(|text| Language::read(&text)).unwrap_or_else(|| liked(&parts.headers));
    let zone = person
        .as_ref()
        .and_then(|person| person.zone.clone())
        .or_else(|| session::plain_cookie(&parts.headers, "zone"))
        .and_then(|name| TimeZone::get(&name).ok())
        .unwrap_or(TimeZone::UTC);
    let scheme = person
        .and_then(|person| person.scheme)
        .or_else(|| session::plain_cookie(&parts.headers, "scheme"))
        .filter(|scheme| scheme == "light" || scheme == "dark");
    Ok(Visit { server: Arc::clone(server), who, words: Words::of(language), zone, scheme, now, uri: parts.uri.clone(), address, secure })
}

/// The language a browser likes best of those we have (RFC 9110 §12.5.4).
fn liked(headers: &HeaderMap) -> Language {
    let text = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut best = (0.0, Language::En);
    for one in text.split(',') {
        let mut parts = one.split(';').map(str::trim);
        let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=")).and_then(|q| q.parse::<f32>().ok()).unwrap_or(1.0);
        let language = if tag == "ja" || tag.starts_with("ja-") {
            Language::Ja
        } else if tag == "en" || tag.starts_with("en-") {
            Language::En
        } else {
            continue;
        };
        if weight > best.0 {
            best = (weight, language);
        }
    }
    best.1
}

/// Why somebody is not let in here.
async fn refuse(visit: &Visit, watch: &Watch, parts: &Parts) -> Option<Response> {
    let by_browser = visit.who.as_ref().is_none_or(|who| who.session.is_some());
    if !watch.method.is_safe() && by_browser && !is_own(&parts.headers) {
        return Some(Fault::Wrong(visit.say("fault-cross-site")).into_response());
    }
    if let Some(who) = &visit.who
        && who.session.is_some()
        && let Err(wait) = visit.server.people.take(&who.id, Instant::now())
    {
        return Some(Fault::TooMany(wait).into_response());
    }
    // Where outside parties have an address of their own, each side is let in at its own.
    let elsewhere = match (parts.extensions.get::<Face>(), &visit.who) {
        (Some(Face::Inside), Some(who)) => who.role.is_partner(),
        (Some(Face::Portal), Some(who)) => !who.role.is_partner(),
        _ => false,
    };
    if elsewhere && watch.path != "/sign-out" {
        return Some(Fault::NotFound.into_response());
    }
    let Needs::Right(right) = watch.needs else { return None };
    match &visit.who {
        Some(who) if who.role.may(right) && (watch.method.is_safe() || !who.reads_only || right.only_reads()) => None,
        // A partner is not told which doors there are.
        Some(who) if who.role.is_partner() => Some(Fault::NotFound.into_response()),
        Some(_) => Some(Fault::Denied.into_response()),
        None if is_for_machines(watch.path) => {
            let mut response = problem(StatusCode::UNAUTHORIZED, "not signed in", "show a token as Bearer, or sign in");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            Some(response)
        }
        None => {
            let asked = parts.uri.path_and_query().map_or("/", |asked| asked.as_str());
            let next: String = form_urlencoded::byte_serialize(asked.as_bytes()).collect();
            let to = if watch.method.is_safe() { format!("/sign-in?next={next}") } else { String::from("/sign-in") };
            Some((StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response())
        }
    }
}

/// A change comes from a page of ours: browsers say so themselves (Fetch Metadata; RFC 6454 where they do not).
fn is_own(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    match text(HeaderName::from_static("sec-fetch-site")) {
        Some(site) => site == "same-origin" || site == "none",
        None => match (text(header::ORIGIN), text(header::HOST)) {
            (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, named)| named.eq_ignore_ascii_case(host)),
            // Neither: no browser that could be led astray.
            (None, _) => true,
            _ => false,
        },
    }
}

async fn write_down(visit: &Visit, watch: &Watch, status: StatusCode, detail: Option<String>) {
    let Some(who) = &visit.who else { return };
    let deed = Deed {
        number: 0,
        at: visit.now.as_microsecond(),
        person: Some(who.id.clone()),
        shown: who.shown.clone(),
        party: who.party.to_string(),
        address: visit.address.to_string(),
        did: format!("{} {}", watch.method, watch.path),
        // What is asked for may hold what must not be kept twice; an export is told by its question.
        subject: if watch.exports { visit.uri.to_string() } else { visit.uri.path().to_owned() }.chars().take(500).collect(),
        outcome: i64::from(status.as_u16()),
        detail,
    };
    if let Err(error) = visit.server.register.audit(&deed).await {
        tracing::error!("what {} did could not be written down: {error}", who.id);
    }
}

/// What a handler adds to the entry of the audit: put into the extensions of its response.
#[derive(Clone, Debug)]
pub(crate) struct Detail(pub(crate) String);

impl Detail {
    /// A refusal, with what it was about.
    pub(crate) fn of_refusal(self, fault: Fault) -> Response {
        let mut response = fault.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Headers that every page has, packing, entity tags.
async fn finish(visit: &Visit, asked: &HeaderMap, mut response: Response) -> Response {
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
    );
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "same-origin");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set(HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()");
    set(header::CACHE_CONTROL, "private, no-cache");
    if visit.secure {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    let is_page = response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    if !is_page {
        return response;
    }
    let chosen = form_urlencoded::parse(visit.uri.query().unwrap_or_default().as_bytes()).any(|(key, _)| key == "lang");
    let (mut parts, body) = response.into_parts();
    if chosen {
        // The pages after this one stay in the language that was chosen.
        let kept = format!("lang={}; Path=/; SameSite=Lax; Max-Age=31536000", visit.language().as_str());
        if let Ok(kept) = HeaderValue::from_str(&kept) {
            parts.headers.append(header::SET_COOKIE, kept);
        }
    }
    // Pages are whole in memory already.
    let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    parts.headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding, Cookie, Accept-Language"));
    parts.headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(visit.language().as_str()));
    if parts.status == StatusCode::OK {
        let tag = etag(&bytes);
        if is_known(asked, &tag) {
            parts.status = StatusCode::NOT_MODIFIED;
            parts.headers.remove(header::CONTENT_TYPE);
            return Response::from_parts(parts, Body::empty());
        }
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            parts.headers.insert(header::ETAG, tag);
        }
    }
    let packing = Packing::chosen(asked, bytes.len());
    match packing.pack(bytes.to_vec()) {
        Ok(packed) => {
            if let Some(name) = packing.name() {
                parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
            }
            Response::from_parts(parts, Body::from(packed))
        }
        Err(_) => Response::from_parts(parts, Body::from(bytes)),
    }
}

/// The hash by which a secret is known here.
pub(crate) fn hashed(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_leads_nowhere_else() {
        for (text, inside) in [
            ("/cases/c1?x=1", true),
            ("//evil.example", false),
            ("https://evil.example", false),
            ("/\\evil.example", false),
            ("cases", false),
            ("/a\r\nSet-Cookie: x", false),
        ] {
            assert_eq!(own_path(text).is_some(), inside, "{text}");
        }
    }

    #[test]
    fn a_change_must_come_from_a_page_of_ours() {
        let own = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            is_own(&headers)
        };
        assert!(own(&[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")]));
        assert!(!own(&[("sec-fetch-site", "cross-site"), ("origin", "https://a.example"), ("host", "a.example")]));
        assert!(!own(&[("sec-fetch-site", "same-site")]));
        assert!(own(&[("origin", "https://a.example"), ("host", "a.example")]));
        assert!(!own(&[("origin", "https://b.example"), ("host", "a.example")]));
        assert!(!own(&[("origin", "null"), ("host", "a.example")]));
    }

    #[test]
    fn the_language_is_the_one_liked_best() {
        let liked_of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(text));
            liked(&headers)
        };
        assert_eq!(liked_of("ja"), Language::Ja);
        assert_eq!(liked_of("fr, en;q=0.5, ja-JP;q=0.8"), Language::Ja);
        assert_eq!(liked_of("en-GB, ja;q=0.9"), Language::En);
        assert_eq!(liked_of("de"), Language::En);
    }
}
