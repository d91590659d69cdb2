//! Reading: pages of objects, manifests and versions. Whatever a party is given of a collection is a release, logged before it is sent.

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use casework::model::agreement::Channel;
use formats::taxii::resource::{Manifest, ManifestRecord, Versions, envelope};
use formats::taxii::{Cursor, Filter, Wanted};
use std::sync::atomic::Ordering;
use store::collections::Collection;
use store::releases::Content;
use store::shared::{self, Page};

use super::{Asked, Given, Refusal};
use crate::api::answer::{etag_of, is_known};
use crate::api::{Guest, Server, page};
use crate::federate::sync::with_terms;

/// `GET {root}/collections/{id}/objects/` (§5.4).
pub(super) async fn objects(asked: &Asked<'_>, name: &str) -> Result<Given, Refusal> {
    let collection = asked.readable(name)?;
    let filter = asked.filter()?;
    let page = read(asked, collection, &filter, true).await?;
    let mut body = body(&page, &filter);
    if asked.is_node() {
        let party = &asked.guest.caller.party;
        let terms: Vec<String> = page.objects.iter().map(|object| asked.guest.standing.given_under(object.terms, party)).collect();
        body = with_terms(body, &terms);
    }
    give(asked, collection, "objects", &page, body).await
}

/// `GET {root}/collections/{id}/objects/{object}/` (§5.6).
pub(super) async fn object(asked: &Asked<'_>, name: &str, id: &str) -> Result<Given, Refusal> {
    let collection = asked.readable(name)?;
    let filter = Filter { ids: vec![id.to_owned()], types: Vec::new(), ..asked.filter()? };
    let page = read(asked, collection, &filter, true).await?;
    known(asked, collection, id, &page).await?;
    give(asked, collection, "objects", &page, body(&page, &filter)).await
}

/// `GET {root}/collections/{id}/manifest/` (§5.3).
pub(super) async fn manifest(asked: &Asked<'_>, name: &str) -> Result<Given, Refusal> {
    let collection = asked.readable(name)?;
    let filter = asked.filter()?;
    let page = read(asked, collection, &filter, false).await?;
    let records = page.objects.iter().map(|o| ManifestRecord::new(&o.id, o.date_added, &o.version_name(), o.spec_name()));
    let manifest = Manifest { more: page.more, next: next(&page, &filter), objects: records.collect() };
    let body = serde_json::to_vec(&manifest).map_err(|error| Refusal::Failed(error.into()))?;
    give(asked, collection, "manifest", &page, body).await
}

/// `GET {root}/collections/{id}/objects/{object}/versions/` (§5.8): no `next` either.
pub(super) async fn versions(asked: &Asked<'_>, name: &str, id: &str) -> Result<Given, Refusal> {
    let collection = asked.readable(name)?;
    let filter = Filter { ids: vec![id.to_owned()], types: Vec::new(), versions: Wanted::All, ..asked.filter()? };
    let page = read(asked, collection, &filter, false).await?;
    known(asked, collection, id, &page).await?;
    let versions = Versions { more: page.more, versions: page.objects.iter().map(shared::Shared::version_name).collect() };
    let body = serde_json::to_vec(&versions).map_err(|error| Refusal::Failed(error.into()))?;
    give(asked, collection, "versions", &page, body).await
}

/// An object that this party does not see is one that does not exist; one of which the filter leaves nothing is there.
async fn known(asked: &Asked<'_>, collection: &Collection, id: &str, page: &Page) -> Result<(), Refusal> {
    if page.objects.is_empty() && !asked.server.register.sees(collection.number, id, &asked.guest.view_of(collection).eyes).await? {
        return Err(Refusal::NotFound("there is no such object"));
    }
    Ok(())
}

async fn read(asked: &Asked<'_>, collection: &Collection, filter: &Filter, bytes: bool) -> Result<Page, Refusal> {
    let after = match &filter.next {
        Some(next) => {
            let cursor = Cursor::read(next, filter);
            Some(cursor.ok_or_else(|| Refusal::Bad("next: not given by this server for this question".to_owned()))?.after)
        }
        None => None,
    };
    let limits = &asked.server.limits;
    let limit = filter.limit.unwrap_or(limits.page).min(limits.largest_page);
    let question = shared::Asked { collection: collection.number, filter, after, limit, bytes, from_others: false };
    Ok(asked.server.register.shared(&question, &asked.guest.view_of(collection).eyes).await?)
}

pub(super) fn body(page: &Page, filter: &Filter) -> Vec<u8> {
    let next = next(page, filter);
    let objects: Vec<&[u8]> = page.objects.iter().map(|object| object.bytes.as_slice()).collect();
    envelope(&objects, next.as_deref())
}

/// Where the next page begins, when there is one.
fn next(page: &Page, filter: &Filter) -> Option<String> {
    page.objects.last().filter(|_| page.more).map(|last| Cursor { after: last.date_added }.write(filter))
}

async fn give(asked: &Asked<'_>, collection: &Collection, kind: &'static str, page: &Page, body: Vec<u8>) -> Result<Given, Refusal> {
    let added = page.objects.first().zip(page.objects.last()).map(|(first, last)| (first.date_added, last.date_added));
    let body = Content::new(body);
    let etag = etag_of(&body.sha256());
    if is_known(asked.headers, &etag) {
        // It has what it asks for: nothing is given.
        return Ok(Given { status: StatusCode::NOT_MODIFIED, body: Vec::new(), added, etag: Some(etag), receipt: None });
    }
    let (body, release) = release(asked.server, asked.guest, collection, kind, page, body, asked.is_node()).await?;
    // A node like us wants to hold the proof of what it was given.
    let receipt = match release {
        Some(id) if asked.is_node() => asked.server.register.receipt(&id).await?.map(|proof| STANDARD.encode(proof.to_string())),
        _ => None,
    };
    Ok(Given { status: StatusCode::OK, body, added, etag: Some(etag), receipt })
}

/// Logs a page and gives back what may be sent, with a receipt to be had at once or not. What is empty tells nothing, and what we look at ourselves is no release.
pub(super) async fn release(
    server: &Server,
    guest: &Guest,
    collection: &Collection,
    kind: &'static str,
    page: &Page,
    body: Content,
    receipt: bool,
) -> Result<(Vec<u8>, Option<String>), Refusal> {
    let view = guest.view_of(collection);
    if page.objects.is_empty() || view.own {
        return Ok((body.into_bytes(), None));
    }
    server.counters.objects_given.fetch_add(page.objects.len() as u64, Ordering::Relaxed);
    let given = page::Page {
        party: &guest.caller.party,
        view: &view,
        collection,
        channel: Channel::Taxii,
        purpose: crate::federate::sync::purpose(collection),
        how: format!("TAXII: {kind} of collection {}", collection.id),
        kind,
        objects: page.objects.iter().map(page::OnPage::from).collect(),
    };
    let given = given.given(body, guest.now);
    let released = if receipt { server.scribe.release(given).await? } else { server.scribe.note(given).await? };
    let id = released.release().id.clone();
    Ok((released.into_content().into_bytes(), Some(id)))
}
