//! `/api/v1/uploads/ID/terms`: what a party gave, put under stricter terms afterwards.
//!
//! It takes effect before the answer is sent, on everything that was made of it ([`crate::jobs::tighten`]). The party hears whether any of it
//! had left before, and how often, but not to whom: whom we serve is for us to say.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use casework::model::rights::Right;
use casework::model::terms::Terms;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::{Sent, refuse};
use super::repeats::{MORE, once, read};
use super::uploads::own;
use super::{Operation, time_text};
use crate::console::visit::{Detail, Fault, Visit};
use crate::jobs::tighten::{Refused, Tightened, said, tighten, wanted};

/// Bytes of a body.
const LARGEST: usize = 16 * 1024;

pub(super) fn operations() -> Vec<Operation> {
    let about = "Put what was given under stricter terms; never under looser ones. It holds at once for all that was made of it";
    let tighten = Operation::post("tightenUpload", "/api/v1/uploads/{id}/terms", Right::UploadEvidence, change, about)
        .header("Idempotency-Key", "The same request under the same key is done once")
        .taking(LARGEST * MORE)
        .takes::<NewTerms>()
        .gives::<NowUnder>(200, "The terms that hold now")
        .answers(409, "It is being read, or nothing of it is held", Some("application/problem+json"))
        .answers(422, "The terms would be looser, or are the same", Some("application/problem+json"));
    vec![tighten.group("Uploads")]
}

/// Terms that take the place of those it was given under.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTerms {
    /// A TLP label, or more.
    #[schema(min_length = 1, max_length = 2000)]
    tlp: String,
    /// Whoever gave it is not to be named; as it was when left out.
    unnamed: Option<bool>,
}

/// What holds now.
#[derive(Debug, Serialize, ToSchema)]
struct NowUnder {
    /// Id of the upload.
    id: String,
    before: String,
    terms: String,
    /// When they came into force; null when nothing had been made of it yet.
    at: Option<String>,
    /// How many releases had surely told of any of it before. They cannot be called back; what stood in collections is withdrawn there: who
    /// listens to the stream is told, who polls finds it no more.
    left_before: u64,
}

async fn change(visit: Visit, headers: HeaderMap, Path(id): Path<String>, body: Body) -> crate::console::visit::Answer {
    once(&visit, &headers, body, LARGEST, |visit, bytes| async move {
        let new: NewTerms = read(&bytes)?;
        let upload = own(&visit, &id).await?;
        let text: Terms = new.tlp.parse().map_err(|error| Fault::Wrong(format!("tlp: {error}")))?;
        if upload.terms.is_none() {
            return refuse(StatusCode::CONFLICT, "not given by an outside party", Refused::NotGiven.to_string());
        }
        let before = said(&upload)?;
        let after = wanted(&before, &text, new.unnamed);
        let done = match tighten(&visit.server, &upload, &after, &visit.who()?.shown).await? {
            Ok(done) => done,
            Err(refused @ Refused::NotTighter(_)) => {
                return refuse(StatusCode::UNPROCESSABLE_ENTITY, "not stricter", refused.to_string());
            }
            Err(refused @ (Refused::Busy | Refused::NothingHeld | Refused::NotGiven)) => {
                return refuse(StatusCode::CONFLICT, "not now", refused.to_string());
            }
        };
        let (at, left_before) = match &done {
            Tightened::Before => (None, 0),
            Tightened::Done(done) => (Some(time_text(done.at)), visit.server.register.left_before(done.number).await?.len() as u64),
        };
        let detail = Detail(format!("{}: {before} to {after}", upload.id));
        let sent = NowUnder { id: upload.id, before: before.to_string(), terms: after.to_string(), at, left_before };
        let mut response = Sent::json(&sent)?.answer(&HeaderMap::new())?;
        response.extensions_mut().insert(detail);
        Ok(response)
    })
    .await
}
