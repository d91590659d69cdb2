//! `/api/v1/stream`: what happens, as it happens (server-sent events, WHATWG HTML §9.2). Each carries its place, so that whoever comes
//! back with `Last-Event-ID` misses nothing.
//!
//! Our own people hear of evidence, cases, notices and uploads as far as their rights go. An outside party gets the events of its own
//! networks that policy lets it know: each batch of them is a release. Who it is and what it may is asked anew for each.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Extension;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use casework::model::agreement::{Channel, Purpose};
use casework::model::rights::Right;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::happenings::Place;
use tokio::sync::OwnedSemaphorePermit;

use super::answer::release;
use super::{Asked, Operation, n6, time_text};
use crate::api::{Peer, Server};
use crate::console::visit::{Answer, Fault, Visit, Who};
use crate::pipeline;
use crate::sign_in::session;

/// Other processes write too: it is looked this often.
const LOOK: Duration = Duration::from_secs(2);
/// Something is said this often, so that a connection that died is noticed.
const SIGN_OF_LIFE: u32 = 8;
/// Of each kind at once.
const MOST: u32 = 200;
/// Events of one evidence that are told one by one.
const EVENTS: usize = 10_000;

/// Kinds of what happens.
pub(crate) const KINDS: [&str; 5] = ["evidence", "case", "notice", "job", "event"];

pub(super) fn operations() -> Vec<Operation> {
    let stream = Operation::get("stream", "/api/v1/stream", Right::AskApi, stream, "What happens, as it happens")
        .text("kinds", "Only these, separated by commas: evidence, case, notice, job; for outside parties event")
        .text("after", "From this place on, as Last-Event-ID; from now on when left out")
        .header("Last-Event-ID", "The id of the last one that was heard")
        .answers(200, "Server-sent events", Some("text/event-stream"));
    vec![stream.group("Stream")]
}

/// Something that happened.
#[derive(Debug)]
pub(crate) struct Happening {
    pub(crate) kind: &'static str,
    pub(crate) place: Place,
    pub(crate) body: Value,
}

/// What happened behind a place that somebody may know of, and the place behind all that was looked at. What an outside party gets is not
/// logged yet: that is for who sends it, under these terms.
pub(crate) async fn happened(
    server: &Server,
    who: &Who,
    kinds: &[String],
    from: Place,
    now: Timestamp,
) -> Result<(Vec<Happening>, Place, Option<Told>), Fault> {
    let register = &server.register;
    let wants = |kind: &str| kinds.is_empty() || kinds.iter().any(|wanted| wanted == kind);
    let (mut found, mut place) = (Vec::new(), from);
    if who.role.is_partner() {
        // One evidence at a time, so that what is given is bounded.
        let Some(read) = register.evidence_behind(place.evidence, 1).await?.pop() else { return Ok((found, place, None)) };
        place.evidence = read.row;
        if !wants("event") || read.stored_rows == 0 {
            return Ok((found, place, None));
        }
        let of_it = [format!("evidence = '{}'", read.id)];
        let (rows, eyes) = n6::inside(server, who, &of_it, EVENTS, now).await?;
        let mut told = rows.clone();
        eyes.tell_terms(&mut told);
        found.extend(told.into_iter().map(|body| Happening { kind: "event", place, body }));
        return Ok((found, place, Some(Told { eyes, rows })));
    }
    if who.role.may(Right::ReadEvents) {
        for read in register.evidence_behind(place.evidence, MOST).await? {
            place.evidence = read.row;
            if wants("evidence") {
                let body = json!({
                    "id": read.id, "name": read.name, "feed": read.feed, "from": read.given_by, "received_at": time_text(read.received_at),
                    "stored": read.stored_rows, "duplicate": read.duplicate_rows, "rejected": read.rejected_rows,
                });
                found.push(Happening { kind: "evidence", place, body });
            }
        }
    }
    if who.role.may(Right::ReadCases) {
        for entry in register.case_entries_behind(place.case, MOST).await? {
            place.case = entry.row;
            if wants("case") {
                let what: Value = serde_json::from_str(&entry.did).unwrap_or(Value::String(entry.did));
                let body =
                    json!({"case": entry.case_id, "number": entry.number, "at": time_text(entry.at), "by": entry.by_whom, "what": what});
                found.push(Happening { kind: "case", place, body });
            }
        }
    }
    if who.role.may(Right::ReadNotices) {
        for moved in register.notice_entries_behind(place.notice, MOST).await? {
            place.notice = moved.row;
            if wants("notice") {
                let body = json!({"notice": moved.notice, "party": moved.party, "at": time_text(moved.at), "what": moved.what, "detail": moved.detail});
                found.push(Happening { kind: "notice", place, body });
            }
        }
    }
    if who.role.may(Right::ReadSettings) {
        for upload in register.uploads_ended_behind(place.job, MOST).await? {
            place.job = upload.ended_at.unwrap_or(place.job);
            if wants("job") {
                let outcome: Value = upload.outcome.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
                let body = json!({"upload": upload.id, "name": upload.name, "state": upload.state, "evidence": upload.evidence, "outcome": outcome});
                found.push(Happening { kind: "job", place, body });
            }
        }
    }
    Ok((found, place, None))
}

/// What an outside party is about to be told.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) eyes: super::events::Eyes,
    pub(crate) rows: Vec<Value>,
}

/// What is wanted, each a kind that there is.
pub(crate) fn kinds(text: Option<&str>) -> Result<Vec<String>, Fault> {
    let kinds: Vec<String> = text.unwrap_or_default().split([',', ' ']).filter(|kind| !kind.is_empty()).map(str::to_owned).collect();
    match kinds.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
        Some(bad) => Err(Fault::Wrong(format!("kinds: {bad:?} is none of {}", KINDS.join(", ")))),
        None => Ok(kinds),
    }
}

struct Listener {
    visit: Visit,
    headers: HeaderMap,
    peer: Option<Peer>,
    kinds: Vec<String>,
    place: Place,
    silent: u32,
    begun: bool,
    _permit: OwnedSemaphorePermit,
}

async fn stream(visit: Visit, headers: HeaderMap, peer: Option<Extension<Peer>>) -> Answer {
    let asked = Asked::of(&visit, &["kinds", "after"])?;
    let kinds = kinds(asked.text("kinds"))?;
    let after = headers.get("last-event-id").and_then(|value| value.to_str().ok()).or_else(|| asked.text("after"));
    let place = match after.filter(|text| !text.is_empty()) {
        Some(text) => Place::read(text).ok_or_else(|| Fault::Wrong(format!("{text:?} is no place of this stream")))?,
        None => visit.server.register.place_now().await?,
    };
    let permit = Arc::clone(&visit.server.streams).try_acquire_owned().map_err(|_| Fault::TooMany(Duration::from_secs(30)))?;
    let listener =
        Listener { visit, headers, peer: peer.map(|Extension(peer)| peer), kinds, place, silent: 0, begun: false, _permit: permit };
    let events = futures::stream::unfold(Some(listener), |listener| async move {
        let mut listener = listener?;
        match listener.next().await {
            Ok(bytes) => Some((Ok::<_, Infallible>(bytes), Some(listener))),
            Err(fault) => {
                tracing::info!("a stream ended: {fault:?}");
                Some((Ok(Bytes::from_static(b"event: end\ndata: {}\n\n")), None))
            }
        }
    });
    let mut response = Response::new(Body::from_stream(events));
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    out.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

impl Listener {
    async fn next(&mut self) -> Result<Bytes, Fault> {
        if !self.begun {
            self.begun = true;
            // Headers go out at once, and whoever breaks off before anything happens knows where it was.
            return Ok(Bytes::from(format!("id: {}\nretry: 3000\n\n", self.place)));
        }
        loop {
            let before = self.place;
            let bytes = self.look().await?;
            if !bytes.is_empty() {
                self.silent = 0;
                return Ok(bytes.into());
            }
            if self.place != before {
                continue;
            }
            let _ = tokio::time::timeout(LOOK, self.visit.server.uploads.ended.notified()).await;
            self.silent += 1;
            if self.silent >= SIGN_OF_LIFE {
                self.silent = 0;
                return Ok(Bytes::from(format!(": nothing new\nid: {}\n\n", self.place)));
            }
        }
    }

    async fn look(&mut self) -> Result<Vec<u8>, Fault> {
        let now = pipeline::now();
        let who = still(&self.visit.server, &self.headers, self.peer.as_ref(), now).await?;
        self.visit.who = Some(who.clone());
        self.visit.now = now;
        let (found, place, told) = happened(&self.visit.server, &who, &self.kinds, self.place, now).await?;
        let mut body = Vec::new();
        for happening in &found {
            body.extend_from_slice(format!("id: {}\nevent: {}\ndata: {}\n\n", happening.place, happening.kind, happening.body).as_bytes());
        }
        if let Some(told) = told {
            let under = told.eyes.under(&told.rows);
            body = release(&self.visit, "stream", Purpose::Notify, &under, body).await?.into_bytes();
        }
        self.place = place;
        Ok(body)
    }
}

/// Who it is now; whoever was shut out meanwhile hears no more.
async fn still(server: &Server, headers: &HeaderMap, peer: Option<&Peer>, now: Timestamp) -> Result<Who, Fault> {
    if headers.contains_key(header::AUTHORIZATION) || headers.contains_key("x-api-key") {
        let peer = peer.ok_or(Fault::Denied)?;
        return match server.guest(headers, peer, Channel::Portal).await {
            Ok(guest) => Ok(session::of_guest(&guest)),
            Err(_) => Err(Fault::Denied),
        };
    }
    let cookie = session::cookie(headers, peer.is_some_and(|peer| peer.secure)).ok_or(Fault::Denied)?;
    let (who, _) = session::signed_in(&server.register, &cookie, now).await?.ok_or(Fault::Denied)?;
    Ok(who)
}
