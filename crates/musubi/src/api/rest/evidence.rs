//! `/api/v1/evidence`: what came, when, from whom, and what could not be read of it. For our own people.

use axum::extract::Path;
use axum::http::HeaderMap;
use casework::model::rights::Right;
use serde::Serialize;
use store::evidence::{Evidence as Kept, Wanted};
use utoipa::ToSchema;

use super::answer::{Sent, page};
use super::{Asked, Operation, time_text, write_cursor};
use crate::console::visit::{Answer, Fault, Visit};

pub(super) fn operations() -> Vec<Operation> {
    let list = Operation::get("listEvidence", "/api/v1/evidence", Right::ReadEvents, list, "Evidence, the newest first")
        .text("feed", "Of this feed")
        .text("from", "Given by this party")
        .paged()
        .lists::<Evidence>();
    let one = Operation::get("getEvidence", "/api/v1/evidence/{id}", Right::ReadEvents, one, "One evidence, with its parts")
        .gives::<EvidenceFile>(200, "The evidence");
    let rejections = Operation::get(
        "listRejections",
        "/api/v1/evidence/{id}/rejections",
        Right::ReadEvents,
        rejections,
        "Rows that were set aside, and why",
    )
    .lists::<Rejection>();
    [list, one, rejections].map(|operation| operation.group("Evidence")).into()
}

/// Evidence as received.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Evidence {
    id: String,
    sha256: String,
    name: String,
    size_bytes: i64,
    received_at: String,
    feed: Option<String>,
    from: Option<String>,
    /// The terms under which it came, in full.
    terms: String,
    /// Whoever brought it said the terms.
    terms_stated: bool,
    read: i64,
    stored: i64,
    duplicate: i64,
    rejected: i64,
}

impl Evidence {
    fn of(kept: &Kept) -> Self {
        Self {
            id: kept.id.clone(),
            sha256: kept.sha256.clone(),
            name: kept.name.clone(),
            size_bytes: kept.size_bytes,
            received_at: time_text(kept.received_at),
            feed: kept.feed.clone(),
            from: kept.given_by.clone(),
            terms: kept.terms.clone(),
            terms_stated: kept.terms_stated != 0,
            read: kept.read_rows,
            stored: kept.stored_rows,
            duplicate: kept.duplicate_rows,
            rejected: kept.rejected_rows,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct EvidenceFile {
    #[serde(flatten)]
    evidence: Evidence,
    parts: Vec<Part>,
}

/// A report inside evidence.
#[derive(Debug, Serialize, ToSchema)]
struct Part {
    path: String,
    format: String,
    feed: String,
    rows: i64,
}

/// A row that was set aside.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rejection {
    path: String,
    row: i64,
    reason: String,
}

async fn list(visit: Visit, headers: HeaderMap) -> Answer {
    let asked = Asked::of(&visit, &["feed", "from", "cursor", "limit"])?;
    let limit = asked.limit()?;
    let wrong = || Fault::Wrong("parameter cursor: not given by this server for this list".to_owned());
    let after = match asked.cursor::<2>()? {
        Some([at, id]) => Some((at.parse::<i64>().map_err(|_| wrong())?, id)),
        None => None,
    };
    let before = after.as_ref().map(|(at, id)| (*at, id.as_str()));
    let wanted = Wanted { feed: asked.text("feed"), given_by: asked.text("from"), before, ..Wanted::default() };
    let mut found = visit.server.register.evidence_before(&wanted, limit as u32 + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| write_cursor(&[&last.received_at.to_string(), &last.id]));
    let data: Vec<Evidence> = found.iter().map(Evidence::of).collect();
    page(&visit, &data, next.as_deref())?.answer(&headers)
}

async fn found(visit: &Visit, id: &str) -> Result<Kept, Fault> {
    let hexadecimal = (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit());
    if !hexadecimal {
        return Err(Fault::NotFound);
    }
    visit.server.register.evidence(&id.to_ascii_lowercase()).await?.ok_or(Fault::NotFound)
}

async fn one(visit: Visit, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    Asked::of(&visit, &[])?;
    let kept = found(&visit, &id).await?;
    let parts = visit.server.register.parts(&kept.id).await?;
    let parts =
        parts.into_iter().map(|part| Part { path: part.path, format: part.format, feed: part.feed, rows: part.row_count }).collect();
    Sent::json(&EvidenceFile { evidence: Evidence::of(&kept), parts })?.answer(&headers)
}

async fn rejections(visit: Visit, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    Asked::of(&visit, &[])?;
    let kept = found(&visit, &id).await?;
    let rejections = visit.server.register.rejections(&kept.id).await?;
    let data: Vec<Rejection> =
        rejections.into_iter().map(|one| Rejection { path: one.path, row: one.row_number, reason: one.reason }).collect();
    page(&visit, &data, None)?.answer(&headers)
}
