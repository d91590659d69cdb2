//! Writing: objects taken, requests worked on, objects taken back.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use anyhow::Result;
use axum::http::{StatusCode, header};
use casework::model::agreement::Channel;
use casework::model::party::PartyId;
use casework::model::terms::Terms;
use casework::share::Marked;
use formats::stix::marking::{Definitions, Marking};
use formats::stix::object::SpecVersion;
use formats::stix::{Envelope, Header, Limits};
use formats::taxii::media::is_envelope;
use formats::taxii::resource::{Status, StatusDetail};
use formats::taxii::{Filter, Wanted, timestamp};
use sha2::{Digest as _, Sha256};
use std::sync::atomic::Ordering;
use store::collections::Collection;
use store::posting::{Given as Object, Pending, Post, Posted};
use store::register::Register;
use store::shared::{self, Eyes};

use super::{Asked, Given, Refusal};
use crate::api::Server;
use crate::api::answer::BadBody;
use crate::api::standing::Standing;
use crate::chance;
use crate::federate::sync;
use crate::pipeline;

/// More objects than these are taken at once and worked on later (§5.5, `pending`).
const AT_ONCE: usize = 2000;
/// Objects of a large request in one transaction.
const TOGETHER: usize = 5000;
/// Outcomes are told for this long (§4.3: at least 24 hours).
const TOLD_FOR: i64 = 7 * 24 * 3600 * 1_000_000;

fn limits() -> Limits {
    Limits { objects: 1_000_000, ..Limits::default() }
}

/// `POST {root}/collections/{id}/objects/` (§5.5).
pub(super) async fn objects(asked: &Asked<'_>, name: &str, body: Result<Vec<u8>, BadBody>) -> Result<Given, Refusal> {
    let (collection, _, write) = asked.collection(name)?;
    if !write {
        return Err(Refusal::Forbidden("this collection can only be read"));
    }
    if !is_envelope(asked.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok())) {
        return Err(Refusal::UnsupportedMediaType);
    }
    let body = body.map_err(Refusal::Body)?;
    let count = {
        let envelope = Envelope::read(&body, &limits()).map_err(|fault| Refusal::Bad(fault.to_string()))?;
        envelope.objects.len()
    };
    if count == 0 {
        return Err(Refusal::Unprocessable("there are no objects in the envelope".to_owned()));
    }
    let id = chance::uuid().to_string();
    let giver = &asked.guest.caller.party;
    let requested_at = asked.guest.now.as_microsecond();
    asked.server.counters.objects_taken.fetch_add(count as u64, Ordering::Relaxed);
    let status = if count > AT_ONCE {
        // What stands beside the objects is judged before the answer, and read again when they are worked on.
        stated(asked, &body, count)?;
        // The giver has logged that it gave this, whenever we work on it.
        keep(asked, giver, received(asked, giver, &body).await?, &body).await?;
        let pending = Pending { id: id.clone(), collection: collection.number, giver: giver.to_string(), requested_at, body };
        asked.server.register.take_request(&pending, count as u64).await?;
        asked.server.pending.notify_one();
        told(id, requested_at, count, None)
    } else {
        let mut post = Post {
            request: Some(id.clone()),
            collection: collection.number,
            eyes: asked.guest.view_of(collection).eyes.clone(),
            objects: Vec::new(),
            requested_at,
        };
        let envelope = Envelope::read(&body, &limits()).map_err(|fault| Refusal::Bad(fault.to_string()))?;
        let stated = stated(asked, &body, envelope.objects.len())?;
        let received = received(asked, giver, &body).await?;
        post.objects = read_given(&asked.server.register, &asked.guest.standing, collection, giver, &envelope.objects, &stated).await?;
        let posted = asked.server.scribe.post(post).await?;
        keep(asked, giver, received, &body).await?;
        told(id, requested_at, count, Some(posted))
    };
    Ok(Given { status: StatusCode::ACCEPTED, ..Given::json(&status)? })
}

fn told(id: String, requested_at: i64, count: usize, posted: Option<Posted>) -> Status {
    let done = posted.is_some();
    let posted = posted.unwrap_or_default();
    Status {
        id,
        status: if done { "complete" } else { "pending" }.to_owned(),
        request_timestamp: Some(timestamp(requested_at)),
        total_count: count as u64,
        success_count: posted.successes.len() as u64,
        failure_count: posted.failures.len() as u64,
        pending_count: if done { 0 } else { count as u64 },
        successes: posted.successes,
        failures: posted.failures,
        pendings: Vec::new(),
    }
}

/// The terms that a node states beside its objects.
fn stated(asked: &Asked<'_>, body: &[u8], objects: usize) -> Result<Vec<Terms>, Refusal> {
    if !asked.is_node() {
        return Ok(Vec::new());
    }
    sync::terms_beside(body, objects).map_err(|error| Refusal::Unprocessable(error.to_string()))
}

/// The receipt that a peer whose log we know must send along.
async fn received(asked: &Asked<'_>, giver: &PartyId, body: &[u8]) -> Result<Option<(String, String)>, Refusal> {
    let peers = asked.server.register.peers().await?;
    let Some(peer) = peers.iter().find(|peer| peer.party == giver.as_str()) else { return Ok(None) };
    let header = asked.headers.get("x-musubi-receipt").and_then(|value| value.to_str().ok());
    sync::receipt(peer, header, body).map_err(|error| Refusal::Unprocessable(format!("{error:#}")))
}

/// Keeps a receipt, when there is one.
async fn keep(asked: &Asked<'_>, giver: &PartyId, receipt: Option<(String, String)>, body: &[u8]) -> Result<(), Refusal> {
    let Some((release, proof)) = receipt else { return Ok(()) };
    let content = crate::show::hex(&Sha256::digest(body));
    asked.server.register.keep_receipt(giver.as_str(), &release, &content, &proof, asked.guest.now.as_microsecond()).await?;
    Ok(())
}

/// Each object with the terms under which it is held, or why it is not taken. `stated` are terms beside the objects, or none.
pub(crate) async fn read_given(
    register: &Register,
    standing: &Standing,
    collection: &Collection,
    giver: &PartyId,
    objects: &[&[u8]],
    stated: &[Terms],
) -> Result<Vec<Result<Object, StatusDetail>>> {
    let mut interned: HashMap<(Marked, Option<&Terms>), i64> = HashMap::new();
    let mut read = Vec::with_capacity(objects.len());
    let definitions = definitions(register, collection, giver, objects).await?;
    for (at, bytes) in objects.iter().enumerate() {
        read.push(match one(bytes, &definitions) {
            Ok((mut object, marked)) => {
                // Few markings stand on many objects.
                let said = (marked, stated.get(at));
                object.terms = match interned.get(&said) {
                    Some(id) => *id,
                    None => {
                        let id = register.terms(&standing.held_under(marked, said.1, collection, giver)).await?;
                        interned.insert(said, id);
                        id
                    }
                };
                Ok(object)
            }
            Err(failure) => Err(failure),
        });
    }
    Ok(read)
}

/// What the marking definitions say that these objects name: those beside them, and those that the same giver gave before. Another's
/// definition could say of a marking that it means nothing.
async fn definitions(register: &Register, collection: &Collection, giver: &PartyId, objects: &[&[u8]]) -> Result<Definitions> {
    let mut definitions = Definitions::default();
    let mut unknown: BTreeSet<String> = BTreeSet::new();
    let headers: Vec<Header<'_>> = objects.iter().filter_map(|bytes| Header::read(bytes).ok()).collect();
    for header in headers.iter().filter(|header| header.object_type == "marking-definition") {
        definitions.learn(header);
    }
    for id in headers.iter().flat_map(|header| header.object_marking_refs.iter().chain(&header.granular_marking_refs)) {
        if matches!(definitions.resolve(id), Marking::Unknown(_)) && unknown.len() < 1000 {
            unknown.insert(id.clone().into_owned());
        }
    }
    if !unknown.is_empty() {
        let filter = Filter { ids: unknown.into_iter().collect(), versions: Wanted::default(), ..Filter::default() };
        let own = Eyes { party: giver.to_string(), terms: Vec::new() };
        let question =
            shared::Asked { collection: collection.number, filter: &filter, after: None, limit: 1000, bytes: true, from_others: false };
        for object in register.shared(&question, &own).await?.objects {
            if let Ok(header) = Header::read(&object.bytes) {
                definitions.learn(&header);
            }
        }
    }
    Ok(definitions)
}

/// An object that keeps the MUSTs of STIX, and what its markings say.
pub(crate) fn one(bytes: &[u8], definitions: &Definitions) -> Result<(Object, Marked), StatusDetail> {
    let fail = |id: &str, message: String| StatusDetail { id: id.to_owned(), version: timestamp(0), message: Some(message) };
    let header = Header::read(bytes).map_err(|error| {
        let named = serde_json::from_slice::<serde_json::Value>(bytes).ok();
        let id = named.as_ref().and_then(|object| object.get("id")).and_then(|id| id.as_str()).unwrap_or("unknown");
        fail(&id.chars().take(200).collect::<String>(), error.to_string())
    })?;
    if header.object_type == "bundle" {
        return Err(fail(&header.id, "a bundle is no object: send the objects in it".to_owned()));
    }
    // Of an older specification only what a hub needs is looked at.
    let wrong = if header.spec_version == SpecVersion::V21 { formats::stix::check::must(&header) } else { Vec::new() };
    if let Some(wrong) = wrong.into_iter().next() {
        return Err(fail(&header.id, format!("{}: {}", wrong.pointer, wrong.message)));
    }
    let object = Object {
        id: header.id.clone().into_owned(),
        kind: header.object_type.clone().into_owned(),
        version: header.version().map(|at| (at.micros(), at.text().to_owned())),
        spec: if header.spec_version == SpecVersion::V20 { 20 } else { 21 },
        terms: 0,
        bytes: bytes.to_vec(),
        date_added: None,
    };
    Ok((object, Marked::of(&header, definitions)))
}

/// `GET {root}/status/{id}/` (§4.3): for whoever made the request.
pub(super) async fn status(asked: &Asked<'_>, id: &str) -> Result<Given, Refusal> {
    let status = asked.server.register.request_status(id, asked.guest.caller.party.as_str()).await?;
    Given::json(&status.ok_or(Refusal::NotFound("there is no such request"))?)
}

/// `DELETE {root}/collections/{id}/objects/{object}/` (§5.7).
pub(super) async fn delete(asked: &Asked<'_>, name: &str, id: &str) -> Result<Given, Refusal> {
    let (collection, read, write) = asked.collection(name)?;
    if !(read && write) {
        return Err(Refusal::Forbidden("whoever deletes must be able to read and to write"));
    }
    let filter = asked.filter()?;
    // Without match[version] all of it goes (§5.7).
    let wanted = if asked.query.contains("match%5Bversion%5D") || asked.query.contains("match[version]") {
        filter.versions
    } else {
        formats::taxii::Wanted::All
    };
    let now = asked.guest.now.as_microsecond();
    let view = asked.guest.view_of(collection);
    let eyes = &view.eyes;
    match asked.server.register.withdraw(collection.number, id, &wanted, eyes, now, chance::number()).await {
        Ok(Some(_)) => {
            asked.server.scribe.news.notify_waiters();
            Ok(Given { status: StatusCode::OK, body: Vec::new(), added: None, etag: None, receipt: None })
        }
        Ok(None) => Err(Refusal::NotFound("there is no such object")),
        Err(store::StoreError::Refused(_)) => Err(Refusal::Forbidden("only who gave an object may take it back")),
        Err(error) => Err(error.into()),
    }
}

/// Works on large requests, also those of before a restart, until the server ends.
pub(crate) async fn work(server: Arc<Server>) {
    loop {
        match work_once(&server).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::error!("a large request could not be worked on and is tried again: {error:#}"),
        }
        let _ = tokio::time::timeout(std::time::Duration::from_secs(30), server.pending.notified()).await;
    }
}

async fn work_once(server: &Arc<Server>) -> Result<bool> {
    let now = pipeline::now();
    let Some(pending) = server.register.pending_requests(1).await?.pop() else {
        server.register.forget_requests(now.as_microsecond() - TOLD_FOR).await?;
        return Ok(false);
    };
    let standing = server.desk.standing(now).await?;
    let giver: PartyId = pending.giver.parse()?;
    let mut outcome = Posted::default();
    let collection = standing.collections.iter().find(|collection| collection.number == pending.collection);
    let (envelope, collection) = match (Envelope::read(&pending.body, &limits()), collection) {
        (Ok(envelope), Some(collection)) => (envelope, collection),
        _ => {
            server.register.finish_request(&pending.id, &outcome, now.as_microsecond()).await?;
            return Ok(true);
        }
    };
    // Terms beside the objects only tighten; those that cannot be read were refused with the request of a node.
    let stated = sync::terms_beside(&pending.body, envelope.objects.len()).unwrap_or_default();
    for (at, objects) in envelope.objects.chunks(TOGETHER).enumerate() {
        let eyes = standing.view(&giver, Channel::Taxii, sync::purpose(collection), now).eyes.clone();
        let objects =
            read_given(&server.register, &standing, collection, &giver, objects, stated.get(at * TOGETHER..).unwrap_or_default()).await?;
        let post = Post { request: None, collection: collection.number, eyes, objects, requested_at: pending.requested_at };
        // What an earlier attempt added is known already and counts as added.
        let posted = server.scribe.post(post).await?;
        outcome.added += posted.added;
        outcome.successes.extend(posted.successes);
        outcome.failures.extend(posted.failures);
    }
    server.register.finish_request(&pending.id, &outcome, pipeline::now().as_microsecond()).await?;
    Ok(true)
}
