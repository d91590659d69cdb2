//! `/api/v1/uploads`: how far is an upload, and what became of each of its rows?
//!
//! It is made in one go ([`super::giving`]) or in pieces ([`super::tus`]); reading is a job of its own ([`crate::jobs::uploads`]). An outside
//! party is told what its bytes say and nothing of what was known before: what it hears would be the same if nobody else had given anything.

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, header};
use casework::model::rights::{Right, Role};
use serde::Serialize;
use serde_json::Value;
use store::uploads::{Upload as Kept, Whose};
use utoipa::ToSchema;

use super::answer::{Sent, page};
use super::tus::{TUS, tus};
use super::{Asked, Operation, is_id, time_text, write_cursor};
use crate::console::visit::{Answer, Fault, Visit, Who};

pub(super) fn operations() -> Vec<Operation> {
    let right = Right::UploadEvidence;
    let about = "One's own uploads, of an outside party those of the party, the newest first";
    let list = Operation::get("listUploads", "/api/v1/uploads", right, list, about).paged().lists::<Upload>();
    let about = "How far an upload is, and what became of it";
    let one = Operation::get("getUpload", "/api/v1/uploads/{id}", right, one, about).gives::<Upload>(200, "The upload");
    [list, one].map(|operation| operation.group("Uploads")).into()
}

/// An upload.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Upload {
    id: String,
    name: String,
    /// `open`, `waiting`, `reading`, `done`, `failed` or `withdrawn`.
    state: String,
    /// Bytes of the whole.
    size: Option<i64>,
    /// Bytes that are on the disk.
    offset: i64,
    feed: Option<String>,
    terms: Option<String>,
    from: Option<String>,
    created_at: String,
    completed_at: Option<String>,
    ended_at: Option<String>,
    /// What it became.
    evidence: Option<String>,
    outcome: Option<Outcome>,
}

/// What became of the rows.
#[derive(Debug, Default, serde::Deserialize, Serialize, ToSchema)]
pub(crate) struct Outcome {
    pub(crate) read: u64,
    pub(crate) stored: u64,
    pub(crate) duplicate: u64,
    pub(crate) rejected: u64,
    /// It was known before: nothing was read again.
    pub(crate) known: bool,
    /// The first rows that were set aside, with the reasons.
    #[schema(value_type = Vec<super::evidence::Rejection>)]
    pub(crate) rejections: Vec<Value>,
    /// Why nothing could be read.
    pub(crate) error: Option<String>,
}

impl Upload {
    pub(super) fn of(kept: Kept) -> Self {
        Self {
            id: kept.id,
            name: kept.name,
            state: kept.state,
            size: kept.size_bytes,
            offset: kept.offset_bytes,
            feed: kept.feed,
            terms: kept.terms,
            from: kept.given_by,
            created_at: time_text(kept.created_at),
            completed_at: kept.completed_at.map(time_text),
            ended_at: kept.ended_at.map(time_text),
            evidence: kept.evidence,
            outcome: kept.outcome.and_then(|outcome| serde_json::from_str(&outcome).ok()),
        }
    }
}

/// One's own upload, or that of the own outside party; another's is one that does not exist.
pub(crate) async fn own(visit: &Visit, id: &str) -> Result<Kept, Fault> {
    if !is_id(id) {
        return Err(Fault::NotFound);
    }
    let found = visit.server.register.upload(id).await?;
    let who = visit.who()?;
    let sees = |upload: &Kept| match who.role {
        Role::PartnerAdministrator | Role::Partner => upload.party == who.party.as_str(),
        Role::Administrator => true,
        Role::Lead | Role::Analyst | Role::Auditor => upload.person == who.id,
    };
    found.filter(sees).ok_or(Fault::NotFound)
}

/// Whose uploads somebody sees: its own, or of an outside party those of the party.
pub(crate) fn whose(who: &Who) -> Whose<'_> {
    if who.role.is_partner() { Whose::OfParty(who.party.as_str()) } else { Whose::Of(&who.id) }
}

async fn list(visit: Visit, headers: HeaderMap) -> Answer {
    let asked = Asked::of(&visit, &["cursor", "limit"])?;
    let limit = asked.limit()?;
    let before = match asked.cursor::<1>()? {
        Some([at]) => Some(at.parse::<i64>().map_err(|_| Fault::Wrong("parameter cursor: not of this list".to_owned()))?),
        None => None,
    };
    let mut found = visit.server.register.uploads(whose(visit.who()?), before, limit as u32 + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| write_cursor(&[&last.created_at.to_string()]));
    let data: Vec<Upload> = found.into_iter().map(Upload::of).collect();
    page(&visit, &data, next.as_deref())?.answer(&headers)
}

async fn one(visit: Visit, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    if let Some(refused) = tus(&headers) {
        return Ok(refused);
    }
    Asked::of(&visit, &[])?;
    let upload = own(&visit, &id).await?;
    let (offset, size) = (upload.offset_bytes, upload.size_bytes);
    let mut response = Sent::json(&Upload::of(upload))?.answer(&headers)?;
    let out = response.headers_mut();
    out.insert("tus-resumable", HeaderValue::from_static(TUS));
    out.insert("upload-offset", HeaderValue::from(offset));
    if let Some(size) = size {
        out.insert("upload-length", HeaderValue::from(size));
    }
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
