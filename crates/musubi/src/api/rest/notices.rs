//! `/api/v1/notices` and `/api/v1/releases`: what parties are told, and what the log says that they were given. For our own people.

use axum::extract::Path;
use axum::http::HeaderMap;
use casework::act::state::State;
use casework::model::rights::Right;
use serde::Serialize;
use store::StoreError;
use store::desk::{WhichNotices, listed_at};
use store::notices::Notice as Kept;
use store::releases::Logged;
use utoipa::ToSchema;

use super::answer::{Sent, page};
use super::{Asked, Operation, time_text, write_cursor};
use crate::console::visit::{Answer, Fault, Visit};

pub(super) fn operations() -> Vec<Operation> {
    let notices = Operation::get("listNotices", "/api/v1/notices", Right::ReadNotices, list, "Notices, the newest first")
        .text("party", "To this party")
        .word("state", "In this state", &State::ALL.map(State::as_str))
        .flag("open", "Only what left the house and was not answered")
        .paged()
        .lists::<Notice>();
    let notice = Operation::get("getNotice", "/api/v1/notices/{id}", Right::ReadNotices, one, "One notice with its history")
        .gives::<NoticeFile>(200, "The notice");
    let releases =
        Operation::get("listReleases", "/api/v1/releases", Right::ReadReleases, releases, "The log of releases, the newest first")
            .text("to", "To this party")
            .paged()
            .lists::<Release>();
    let release = Operation::get("getRelease", "/api/v1/releases/{id}", Right::ReadReleases, release, "One release with its receipt")
        .gives::<Receipt>(200, "The release");
    vec![notices.group("Notices"), notice.group("Notices"), releases.group("Releases"), release.group("Releases")]
}

/// What a party is told, or is about to be.
#[derive(Debug, Serialize, ToSchema)]
struct Notice {
    id: String,
    party: String,
    role: String,
    problem: String,
    state: String,
    findings: i64,
    events: i64,
    first_seen: Option<String>,
    last_seen: Option<String>,
    language: Option<String>,
    address: Option<String>,
    subject: Option<String>,
    tlp: Option<String>,
    sealed: bool,
    send_after: Option<String>,
    released_at: Option<String>,
    sent_at: Option<String>,
    delivered_at: Option<String>,
    answer_by: Option<String>,
    answer: Option<String>,
    answered_at: Option<String>,
    reason: Option<String>,
}

impl Notice {
    fn of(kept: Kept) -> Self {
        Self {
            id: kept.id,
            party: kept.digest.party,
            role: kept.digest.role.as_str().to_owned(),
            problem: kept.digest.problem.as_str().to_owned(),
            state: kept.state.as_str().to_owned(),
            findings: kept.findings,
            events: kept.events,
            first_seen: kept.first_seen.map(time_text),
            last_seen: kept.last_seen.map(time_text),
            language: kept.language,
            address: kept.address,
            subject: kept.subject,
            tlp: kept.tlp,
            sealed: kept.sealed,
            send_after: kept.send_after.map(time_text),
            released_at: kept.released_at.map(time_text),
            sent_at: kept.sent_at.map(time_text),
            delivered_at: kept.delivered_at.map(time_text),
            answer_by: kept.answer_by.map(time_text),
            answer: kept.answer,
            answered_at: kept.answered_at.map(time_text),
            reason: kept.reason,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct NoticeFile {
    #[serde(flatten)]
    notice: Notice,
    history: Vec<NoticeMoment>,
}

#[derive(Debug, Serialize, ToSchema)]
struct NoticeMoment {
    at: String,
    what: String,
    detail: Option<String>,
}

async fn list(visit: Visit, headers: HeaderMap) -> Answer {
    let asked = Asked::of(&visit, &["party", "state", "open", "cursor", "limit"])?;
    let limit = asked.limit()?;
    let wrong = || Fault::Wrong("parameter cursor: not of this list".to_owned());
    let after = match asked.cursor::<2>()? {
        Some([at, id]) => Some((at.parse::<i64>().map_err(|_| wrong())?, id)),
        None => None,
    };
    let state = asked.word("state", State::read)?;
    let which = WhichNotices { party: asked.text("party"), state, open: asked.flag("open")?, after, ..WhichNotices::default() };
    let mut found = visit.server.register.notices_page(&which, limit as i64 + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| write_cursor(&[&listed_at(last).to_string(), &last.id]));
    let data: Vec<Notice> = found.into_iter().map(Notice::of).collect();
    page(&visit, &data, next.as_deref())?.answer(&headers)
}

async fn one(visit: Visit, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    Asked::of(&visit, &[])?;
    let kept = match visit.server.register.notice(&id).await {
        Ok(kept) => kept,
        Err(StoreError::Refused(_)) => return Err(Fault::NotFound),
        Err(error) => return Err(error.into()),
    };
    let history = visit.server.register.notice_history(&id).await?;
    let history = history.into_iter().map(|(at, what, detail)| NoticeMoment { at: time_text(at), what, detail }).collect();
    Sent::json(&NoticeFile { notice: Notice::of(kept), history })?.answer(&headers)
}

/// One party given one thing.
#[derive(Debug, Serialize, ToSchema)]
struct Release {
    /// Place in the log.
    number: u64,
    id: String,
    to: String,
    purpose: String,
    channel: String,
    at: String,
    /// SHA-256 of what was given, hexadecimal.
    content: String,
    decision: String,
    reasons: Vec<String>,
}

impl Release {
    fn of(logged: &Logged) -> Self {
        let release = &logged.release;
        Self {
            number: logged.number,
            id: release.id.clone(),
            to: release.recipient.to_string(),
            purpose: release.purpose.as_str().to_owned(),
            channel: release.channel.as_str().to_owned(),
            at: release.at.to_string(),
            content: crate::show::hex(&release.content),
            decision: release.basis.decision.clone(),
            reasons: release.basis.reasons.clone(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct Receipt {
    #[serde(flatten)]
    release: Release,
    /// Proof that it is in the log (C2SP tlog-proof); none before the next checkpoint.
    receipt: Option<String>,
}

async fn releases(visit: Visit, headers: HeaderMap) -> Answer {
    let asked = Asked::of(&visit, &["to", "cursor", "limit"])?;
    let limit = asked.limit()?;
    let before = match asked.cursor::<1>()? {
        Some([number]) => Some(number.parse::<u64>().map_err(|_| Fault::Wrong("parameter cursor: not of this list".to_owned()))?),
        None => None,
    };
    let mut found = visit.server.register.releases_before(asked.text("to"), before, limit as u32 + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| write_cursor(&[&last.number.to_string()]));
    let data: Vec<Release> = found.iter().map(Release::of).collect();
    page(&visit, &data, next.as_deref())?.answer(&headers)
}

async fn release(visit: Visit, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    Asked::of(&visit, &[])?;
    let logged = visit.server.register.logged(&id).await?.ok_or(Fault::NotFound)?;
    let receipt = visit.server.register.receipt(&id).await?.map(|proof| proof.to_string());
    Sent::json(&Receipt { release: Release::of(&logged), receipt })?.answer(&headers)
}
