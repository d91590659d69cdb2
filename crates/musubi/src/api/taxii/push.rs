//! Pushing: what is added to a collection, as it is added (server-sent events, WHATWG HTML §9.2). An extension of ours, over the same cursor.
//!
//! Each page of news is a release like any other. Who may see what is asked anew for each: when an agreement ends, so does the flow.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use casework::model::agreement::Channel;
use formats::taxii::{Filter, timestamp};
use futures::stream;
use store::releases::Content;
use store::shared;
use tokio::sync::OwnedSemaphorePermit;

use super::{Asked, Refusal};
use crate::api::scribe::news_or;
use crate::api::{Peer, Server, Shut};

/// Other processes write too: it is looked this often at least.
const LOOK: Duration = Duration::from_secs(2);
/// Something is said this often, so that a connection that died is noticed.
const SIGN_OF_LIFE: u32 = 8;
const PAGE: usize = 200;

struct Listener {
    server: Arc<Server>,
    headers: HeaderMap,
    peer: Peer,
    name: String,
    filter: Filter,
    after: i64,
    silent: u32,
    _permit: OwnedSemaphorePermit,
}

/// `GET {root}/collections/{id}/stream/`, from `added_after` or the `Last-Event-ID` of before.
pub(super) async fn stream(server: &Arc<Server>, peer: &Peer, headers: &HeaderMap, path: &str, query: &str) -> Result<Response, Refusal> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let ["taxii2", "root", "collections", name, "stream"] = parts.as_slice() else {
        return Err(Refusal::NotFound("nothing is served at this path"));
    };
    let filter = Filter::read(query)?;
    let guest = server.guest(headers, peer, Channel::Taxii).await.map_err(Refusal::Shut)?;
    Asked { server, guest: &guest, headers, query }.readable(name)?;
    let permit = Arc::clone(&server.streams).try_acquire_owned().map_err(|_| Refusal::Shut(Shut::TooMany(Duration::from_secs(30))))?;
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()).and_then(formats::taxii::read_timestamp);
    let after = last.or(filter.added_after).unwrap_or(0);
    let filter = Filter { next: None, limit: None, added_after: None, ..filter };
    let listener = Listener {
        server: Arc::clone(server),
        headers: headers.clone(),
        peer: peer.clone(),
        name: (*name).to_owned(),
        filter,
        after,
        silent: 0,
        _permit: permit,
    };
    let events = stream::unfold(Some(listener), |listener| async move {
        let mut listener = listener?;
        match listener.next().await {
            Ok(bytes) => Some((Ok::<_, std::convert::Infallible>(bytes), Some(listener))),
            Err(refusal) => {
                tracing::info!(peer = %listener.peer.address, "a stream ended: {refusal:?}");
                Some((Ok(Bytes::from_static(b"event: end\ndata: {}\n\n")), None))
            }
        }
    });
    let response = Response::builder().header(header::CONTENT_TYPE, "text/event-stream").header(header::CACHE_CONTROL, "no-store");
    response.body(Body::from_stream(events)).map_err(|error| Refusal::Failed(error.into()))
}

impl Listener {
    /// The next events; waits until there are some.
    async fn next(&mut self) -> Result<Bytes, Refusal> {
        loop {
            let news = Arc::clone(&self.server.scribe.news);
            // Who listens before looking misses nothing.
            let waiting = news_or(&news, LOOK);
            let events = self.look().await?;
            if !events.is_empty() {
                self.silent = 0;
                return Ok(events.into());
            }
            waiting.await;
            self.silent += 1;
            if self.silent >= SIGN_OF_LIFE {
                self.silent = 0;
                return Ok(Bytes::from_static(b": nothing new\n\n"));
            }
        }
    }

    async fn look(&mut self) -> Result<Vec<u8>, Refusal> {
        let guest = self.server.guest(&self.headers, &self.peer, Channel::Taxii).await.map_err(Refusal::Shut)?;
        let asked = Asked { server: &self.server, guest: &guest, headers: &self.headers, query: "" };
        let collection = asked.readable(&self.name)?;
        let view = guest.view_of(collection);
        let question = shared::Asked {
            collection: collection.number,
            filter: &self.filter,
            after: Some(self.after),
            limit: PAGE,
            bytes: true,
            from_others: false,
        };
        let page = self.server.register.shared(&question, &view.eyes).await?;
        // Objects and withdrawals share one order; behind the end of a page that is not the last nothing is told yet.
        let end = page.objects.last().filter(|_| page.more).map_or(i64::MAX, |last| last.date_added);
        let gone = self.server.register.withdrawals(collection.number, self.after, &view.eyes, PAGE as i64).await?;
        let mut events: Vec<(i64, Vec<u8>)> = Vec::new();
        for object in &page.objects {
            let mut event = format!("id: {}\nevent: object\n", timestamp(object.date_added)).into_bytes();
            for line in object.bytes.split(|byte| *byte == b'\n') {
                event.extend_from_slice(b"data: ");
                event.extend(line.iter().filter(|byte| **byte != b'\r'));
                event.push(b'\n');
            }
            event.push(b'\n');
            events.push((object.date_added, event));
        }
        for (id, version, at) in gone.into_iter().filter(|(.., at)| *at <= end) {
            let event = serde_json::json!({"id": id, "version": timestamp(version)});
            events.push((at, format!("id: {}\nevent: withdrawn\ndata: {event}\n\n", timestamp(at)).into_bytes()));
        }
        events.sort_by_key(|(at, _)| *at);
        let last = events.last().map(|(at, _)| *at);
        let body = Content::new(events.into_iter().flat_map(|(_, event)| event).collect());
        let (body, _) = super::page::release(&self.server, &guest, collection, "objects", &page, body, false).await?;
        self.after = last.unwrap_or(self.after);
        Ok(body)
    }
}
