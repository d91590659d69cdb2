//! Changes that may be asked for twice (Idempotency-Key, draft-ietf-httpapi-idempotency-key-header): done once, answered twice.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use store::repeats::Repeat;

use super::answer::refuse;
use crate::api::answer::{self, BadBody};
use crate::console::visit::{Answer, Fault, Visit};

/// So many times what is taken may be sent, so that whoever sends too much hears why.
pub(super) const MORE: usize = 5;
/// Answers are kept for so long.
const KEPT: i64 = 24 * 3600 * 1_000_000;
/// Headers that belong to an answer.
const HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::LOCATION, header::ETAG];

/// Requests under a key that are being worked on.
static WORKED_ON: LazyLock<Mutex<HashSet<Vec<u8>>>> = LazyLock::new(Mutex::default);

/// Holds a key until the answer is kept.
struct Turn(Vec<u8>);

impl Turn {
    fn take(key: &[u8]) -> Option<Self> {
        let mut all = WORKED_ON.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(key.to_vec()).then(|| Self(key.to_vec()))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        WORKED_ON.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// The body in full.
pub(super) async fn body(visit: &Visit, headers: &HeaderMap, body: Body, largest: usize) -> Result<Vec<u8>, Result<Response, Fault>> {
    answer::read(&visit.server, headers, body, largest).await.map_err(|bad| match bad {
        BadBody::TooLarge => refuse(StatusCode::PAYLOAD_TOO_LARGE, "too large", format!("at most {largest} bytes are taken here")),
        BadBody::TooSlow => refuse(StatusCode::REQUEST_TIMEOUT, "too slow", "the body did not arrive in time"),
        BadBody::Encoding(what) => refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not readable", what),
        BadBody::Broken(_) => refuse(StatusCode::BAD_REQUEST, "broken", "the body ended too early"),
        BadBody::Busy => Err(Fault::TooMany(std::time::Duration::from_secs(5))),
    })
}

/// JSON as it must be.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes).map_err(|error| Fault::Wrong(format!("the body: {error}")))
}

/// Does it once for each key; without a key each time.
pub(super) async fn once<F, D>(visit: &Visit, headers: &HeaderMap, sent: Body, largest: usize, act: D) -> Answer
where
    D: FnOnce(Visit, Vec<u8>) -> F,
    F: Future<Output = Answer>,
{
    once_asked(visit, headers, sent, largest, &[], act).await
}

/// The same where parameters say how.
pub(super) async fn once_asked<F, D>(visit: &Visit, headers: &HeaderMap, sent: Body, largest: usize, known: &[&str], act: D) -> Answer
where
    D: FnOnce(Visit, Vec<u8>) -> F,
    F: Future<Output = Answer>,
{
    super::Asked::of(visit, known)?;
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or(super::JSON);
    if !media.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case(super::JSON)) {
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not JSON", "send Content-Type: application/json");
    }
    let bytes = match body(visit, headers, sent, largest).await {
        Ok(bytes) => bytes,
        Err(refused) => return refused,
    };
    let Some(name) = headers.get("idempotency-key") else { return act(visit.clone(), bytes).await };
    let name = name.to_str().unwrap_or_default().trim();
    if name.is_empty() || name.len() > 255 {
        return Err(Fault::Wrong("Idempotency-Key: 1 to 255 visible characters".to_owned()));
    }
    let who = visit.who()?;
    let key =
        Sha256::new().chain_update(&who.id).chain_update([0]).chain_update(visit.uri.to_string()).chain_update([0]).chain_update(name);
    let key = key.finalize().to_vec();
    let request = Sha256::digest(&bytes).to_vec();
    let Some(_turn) = Turn::take(&key) else {
        return refuse(StatusCode::CONFLICT, "under way", "a request with this Idempotency-Key is being worked on");
    };
    let since = visit.now.as_microsecond() - KEPT;
    if let Some(known) = visit.server.register.repeat(&key, since).await? {
        if known.request != request {
            let detail = "this Idempotency-Key was used for another body";
            return refuse(StatusCode::UNPROCESSABLE_ENTITY, "key used", detail);
        }
        return again(known);
    }
    let response = act(visit.clone(), bytes).await?;
    // What failed may be tried again under the same key.
    if !response.status().is_success() {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await?;
    let kept: std::collections::BTreeMap<&str, String> =
        HEADERS.iter().filter_map(|name| Some((name.as_str(), parts.headers.get(name)?.to_str().ok()?.to_owned()))).collect();
    let repeat = Repeat {
        key,
        request,
        status: i64::from(parts.status.as_u16()),
        headers: serde_json::to_string(&kept)?,
        body: body.to_vec(),
        created_at: visit.now.as_microsecond(),
    };
    visit.server.register.keep_repeat(&repeat, since).await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn again(known: Repeat) -> Answer {
    let mut response = Response::new(Body::from(known.body));
    *response.status_mut() = u16::try_from(known.status).ok().and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(StatusCode::OK);
    let headers: std::collections::BTreeMap<String, String> = serde_json::from_str(&known.headers)?;
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(&value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    Ok(response)
}
