//! Answers: JSON with an entity tag, packed as a client likes it, logged as a release when an outside party gets it.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use casework::model::agreement::{Channel, Purpose};
use serde::Serialize;
use serde_json::json;

use crate::api::answer::{Packing, etag, is_known};
use crate::api::release::{Given, Giving, Name};
use crate::api::standing::Seen;
use crate::console::visit::{Answer, Fault, Visit, problem};

/// What was put into an answer to an outside party: the terms of it, and how the party sees them.
pub(super) type Under<'a> = BTreeMap<i64, &'a Seen>;

/// Something to send.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) status: StatusCode,
    pub(super) media: &'static str,
    pub(super) body: Vec<u8>,
    pub(super) headers: Vec<(HeaderName, String)>,
    /// Names the version of what is told; that of the bytes when left out.
    pub(super) tag: Option<String>,
}

impl Sent {
    pub(super) fn json<T: Serialize>(value: &T) -> Result<Self, Fault> {
        Ok(Self { status: StatusCode::OK, media: super::JSON, body: serde_json::to_vec(value)?, headers: Vec::new(), tag: None })
    }

    pub(super) fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub(super) fn tag(self, tag: String) -> Self {
        Self { tag: Some(tag), ..self }
    }

    pub(super) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Ours: no release.
    pub(super) fn answer(self, headers: &HeaderMap) -> Answer {
        let tag = self.tag.clone().unwrap_or_else(|| etag(&self.body));
        if self.status == StatusCode::OK && is_known(headers, &tag) {
            return Ok(unchanged(&tag));
        }
        self.pack(headers, &tag)
    }

    /// To whoever asks; what an outside party may not tell everybody is logged first. Whoever has it already is given nothing.
    pub(super) async fn give(self, visit: &Visit, headers: &HeaderMap, what: &str, purpose: Purpose, under: &Under<'_>) -> Answer {
        let tag = self.tag.clone().unwrap_or_else(|| etag(&self.body));
        if is_known(headers, &tag) {
            return Ok(unchanged(&tag));
        }
        let body = release(visit, what, purpose, under, self.body).await?.into_bytes();
        Self { body, ..self }.pack(headers, &tag)
    }

    fn pack(self, headers: &HeaderMap, tag: &str) -> Answer {
        let packing = Packing::chosen(headers, self.body.len());
        let mut response = Response::new(Body::from(packing.pack(self.body)?));
        *response.status_mut() = self.status;
        let out = response.headers_mut();
        out.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media));
        out.insert(header::VARY, HeaderValue::from_static("Accept-Encoding, Authorization, Cookie"));
        if let Some(name) = packing.name() {
            out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        if self.status == StatusCode::OK
            && let Ok(tag) = HeaderValue::from_str(tag)
        {
            out.insert(header::ETAG, tag);
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                out.append(name, value);
            }
        }
        Ok(response)
    }
}

fn unchanged(tag: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// Logs what an outside party is about to be given and gives it back when it may be sent. What everybody may know, what is empty, and
/// what we look at ourselves is no release.
pub(crate) async fn release(
    visit: &Visit,
    what: &str,
    purpose: Purpose,
    under: &BTreeMap<i64, &Seen>,
    body: Vec<u8>,
) -> Result<Given, Fault> {
    let who = visit.who()?;
    if !who.role.is_partner() || under.values().all(|sight| sight.is_clear) {
        return Ok(Given::ours(body));
    }
    let giving = Giving {
        party: &who.party,
        purpose,
        channel: Channel::Portal,
        how: format!("API: {what}"),
        why: under.iter().map(|(terms, sight)| (*terms, sight.reason.clone())).collect(),
    };
    Ok(visit.server.give(giving, Name::EachTime("answer"), body, crate::pipeline::now()).await?)
}

/// A page of a list: the rows, and a link to the next page (RFC 8288).
pub(super) fn page<T: Serialize>(visit: &Visit, data: &[T], next: Option<&str>) -> Result<Sent, Fault> {
    let sent = Sent::json(&json!({"data": data, "next": next}))?;
    Ok(match next {
        Some(next) => {
            let query = crate::console::elements::query::Query::of(&visit.uri).with("cursor", Some(next));
            sent.header(header::LINK, format!("<{}>; rel=\"next\"", query.link(visit.uri.path())))
        }
        None => sent,
    })
}

/// A refusal as machines read it.
pub(super) fn refuse(status: StatusCode, title: &str, detail: impl AsRef<str>) -> Answer {
    Ok(problem(status, title, detail.as_ref()))
}

/// A change was asked for on top of a version that is no longer the newest (If-Match, RFC 9110 §13.1.1).
pub(super) fn is_outdated(headers: &HeaderMap, tag: &str) -> bool {
    let named = headers.get_all(header::IF_MATCH);
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let mut any = false;
    for one in named.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')) {
        any = true;
        if one.trim() == "*" || opaque(one) == opaque(tag) {
            return false;
        }
    }
    any
}

/// The answer to such a change.
pub(super) fn outdated() -> Answer {
    refuse(StatusCode::PRECONDITION_FAILED, "changed meanwhile", "If-Match names a version that is no longer the newest: read it again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_on_top_of_an_old_version_is_seen() {
        let with = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_MATCH, HeaderValue::from_static(text));
            headers
        };
        assert!(!is_outdated(&HeaderMap::new(), "W/\"2\""));
        assert!(!is_outdated(&with("\"1\", \"2\""), "W/\"2\""));
        assert!(!is_outdated(&with("*"), "W/\"2\""));
        assert!(is_outdated(&with("W/\"1\""), "W/\"2\""));
    }
}
