//! `/api/v1/me` and `/api/v1/stats`: who asks and what it may, and how much there is.

use axum::http::HeaderMap;
use casework::model::rights::Right;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::Sent;
use super::{Asked, Operation};
use crate::console::visit::{Answer, Visit};

pub(super) fn operations() -> Vec<Operation> {
    let me = Operation::get("getMe", "/api/v1/me", Right::AskApi, me, "Who asks, and what it may").gives::<Me>(200, "Who asks");
    let stats = Operation::get("getStats", "/api/v1/stats", Right::ReadEvents, stats, "How much there is, without looking at events")
        .gives::<Stats>(200, "Sums");
    vec![me.group("Account"), stats.group("Account")]
}

#[derive(Debug, Serialize, ToSchema)]
struct Me {
    id: String,
    shown: String,
    party: String,
    role: String,
    /// What the role may.
    rights: Vec<String>,
    /// What is seen is decided by policy, thing by thing.
    partner: bool,
}

async fn me(visit: Visit, headers: HeaderMap) -> Answer {
    Asked::of(&visit, &[])?;
    let who = visit.who()?;
    let rights = Right::ALL.into_iter().filter(|right| who.role.may(*right)).map(|right| format!("{right:?}")).collect();
    let (id, shown, party) = (who.id.clone(), who.shown.clone(), who.party.to_string());
    Sent::json(&Me { id, shown, party, role: who.role.to_string(), rights, partner: who.role.is_partner() })?.answer(&headers)
}

#[derive(Debug, Serialize, ToSchema)]
struct Stats {
    events: i64,
    segments: usize,
    indicators: i64,
    parties: usize,
    releases: u64,
    uploads_under_way: i64,
    calls_under_way: i64,
}

async fn stats(visit: Visit, headers: HeaderMap) -> Answer {
    Asked::of(&visit, &[])?;
    let register = &visit.server.register;
    let segments = register.segments().await?;
    let stats = Stats {
        events: segments.iter().map(|segment| segment.row_count).sum(),
        segments: segments.len(),
        indicators: register.indicator_count().await?,
        parties: visit.server.desk.standing(visit.now).await?.parties.len(),
        releases: register.releases_before(None, None, 1).await?.first().map_or(0, |last| last.number + 1),
        uploads_under_way: register.uploads_under_way().await?.iter().map(|(_, count)| count).sum(),
        calls_under_way: register.calls_under_way().await?,
    };
    Sent::json(&stats)?.answer(&headers)
}
