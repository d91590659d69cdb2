//! Changes that are looked at before they are made: `dry_run` tells what would change, and `seen` that this is what was looked at.

use axum::http::{HeaderMap, StatusCode};
use casework::model::agreement::Purpose;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Sent, refuse};
use super::{Asked, Operation};
use crate::api::effect::Effect;
use crate::console::visit::{Answer, Detail, Fault, Visit};

/// Differences that are told; the sums are of all.
const TOLD: usize = 1000;

/// How far to go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) dry_run: bool,
    pub(super) seen: Option<i64>,
}

impl Step {
    pub(super) const NAMES: [&str; 2] = ["dry_run", "seen"];

    pub(super) fn of(visit: &Visit) -> Result<Self, Fault> {
        let asked = Asked::of(visit, &Self::NAMES)?;
        Ok(Self { dry_run: asked.flag("dry_run")?, seen: asked.number("seen", 0, i64::MAX)? })
    }

    pub(super) fn parameters(operation: Operation) -> Operation {
        operation.flag("dry_run", "Tell what would change, and change nothing").number(
            "seen",
            "What a dry run gave: refused when anything has changed since that policy depends on",
            0,
            i64::MAX,
        )
    }
}

/// Who would see what then, and does not now; and the reverse.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Changes {
    /// False when nobody said who we are: then nothing is given to anybody.
    known: bool,
    /// So many parties would gain something, and lose something.
    gaining: u64,
    losing: u64,
    differences: Vec<Change>,
    /// Differences beyond those that are told.
    more: usize,
}

#[derive(Debug, Serialize, ToSchema)]
struct Change {
    party: String,
    terms: String,
    /// Held under these terms.
    events: u64,
    /// For what it could be given then, and not now.
    gained: Vec<String>,
    lost: Vec<String>,
}

impl Changes {
    pub(super) fn of(effect: &Effect) -> Self {
        let words = |purposes: &std::collections::BTreeSet<Purpose>| purposes.iter().map(|one| one.as_str().to_owned()).collect();
        let differences = effect.differences.iter().take(TOLD).map(|one| Change {
            party: one.party.to_string(),
            terms: effect.terms.get(&one.terms).map(ToString::to_string).unwrap_or_default(),
            events: effect.held.get(&one.terms).copied().unwrap_or(0),
            gained: words(&one.gained),
            lost: words(&one.lost),
        });
        Self {
            known: !effect.nobody,
            gaining: effect.parties(true),
            losing: effect.parties(false),
            differences: differences.collect(),
            more: effect.differences.len().saturating_sub(TOLD),
        }
    }
}

/// Something was changed: what is answered, and what the audit adds.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) sent: Sent,
    pub(super) detail: Detail,
}

impl Told {
    pub(super) fn answer(self) -> Answer {
        let mut response = self.sent.answer(&HeaderMap::new())?;
        response.extensions_mut().insert(self.detail);
        Ok(response)
    }
}

/// What a dry run tells.
pub(super) fn looked<T: Serialize>(foreseen: &T) -> Answer {
    Told { sent: Sent::json(foreseen)?, detail: Detail("dry run: nothing was changed".to_owned()) }.answer()
}

pub(super) fn changed_meanwhile() -> Answer {
    refuse(StatusCode::PRECONDITION_FAILED, "changed meanwhile", "something has changed that policy depends on: look again with dry_run")
}

/// A change of something that was never read (RFC 6585 §3).
pub(super) fn unconditional() -> Answer {
    refuse(StatusCode::PRECONDITION_REQUIRED, "not read", "send If-Match with the ETag of what you have read")
}

/// A change of which nobody looked what it changes.
pub(super) fn unseen() -> Answer {
    refuse(StatusCode::PRECONDITION_REQUIRED, "not looked at", "ask with dry_run who would see what, and send its seen along")
}
