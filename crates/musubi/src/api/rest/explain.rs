//! `/api/v1/explain`: may a party know it, and why? For our own people.

use axum::http::HeaderMap;
use casework::model::agreement::{Channel, Purpose};
use casework::model::party::PartyId;
use casework::model::rights::Right;
use casework::model::terms::Terms;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::Sent;
use super::events::terms_of;
use super::{Asked, Operation};
use crate::cli::view::{How, View};
use crate::console::visit::{Answer, Fault, Visit};

pub(super) fn operations() -> Vec<Operation> {
    let purposes = Purpose::ALL.map(Purpose::as_str);
    let channels = Channel::ALL.map(Channel::as_str);
    let explain = Operation::get("explain", "/api/v1/explain", Right::ReadParties, explain, "May a party know it, and why?")
        .text("to", "Who would get it")
        .text("event", "Identity of an event")
        .text("terms", "Terms, where no event is named")
        .word("purpose", "What the party would have it for", &purposes)
        .word("channel", "How it would reach the party", &channels)
        .gives::<Explanation>(200, "The decision with its reasons");
    vec![explain.group("Policy")]
}

/// A decision with its reasons.
#[derive(Debug, Serialize, ToSchema)]
struct Explanation {
    /// `allow`, `allow-with-redaction` or `deny`.
    decision: String,
    terms: String,
    redactions: Vec<String>,
    /// What the recipient would be bound to.
    obligations: Vec<String>,
    reasons: Vec<Reason>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Reason {
    rule: String,
    effect: String,
    en: String,
    ja: String,
}

async fn explain(visit: Visit, headers: HeaderMap) -> Answer {
    let asked = Asked::of(&visit, &["to", "event", "terms", "purpose", "channel"])?;
    let purpose = asked.word("purpose", Purpose::read)?.unwrap_or(Purpose::Defend);
    let channel = asked.word("channel", Channel::read)?.unwrap_or(Channel::Portal);
    let to = asked.text("to").ok_or_else(|| Fault::Wrong("parameter to: who would get it?".to_owned()))?;
    let to: PartyId = to.parse().map_err(|error| Fault::Wrong(format!("parameter to: {error}")))?;
    let standing = visit.server.desk.standing(visit.now).await?;
    if standing.party(&to).is_none() {
        return Err(Fault::Wrong(format!("parameter to: there is no party {to}")));
    }
    let terms: Terms = match (asked.text("event"), asked.text("terms")) {
        (Some(event), None) => {
            let event = event.to_ascii_lowercase();
            if event.len() != 32 || !event.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(Fault::Wrong("parameter event: 32 hexadecimal digits".to_owned()));
            }
            let number = terms_of(&visit, &event).await?.ok_or(Fault::NotFound)?;
            standing.terms(number).cloned().ok_or(Fault::NotFound)?
        }
        (None, Some(terms)) => terms.parse().map_err(|error| Fault::Wrong(format!("parameter terms: {error}")))?,
        _ => return Err(Fault::Wrong("name either event or terms".to_owned())),
    };
    let view = View::open(&visit.server.register, &to, How::by(purpose, channel)).await?;
    let told = view.explain(&terms);
    let reason = |reason: &casework::share::explain::Reason| Reason {
        rule: reason.rule.to_owned(),
        effect: reason.effect.as_str().to_owned(),
        en: reason.en.clone(),
        ja: reason.ja.clone(),
    };
    let answer = Explanation {
        decision: told.outcome.as_str().to_owned(),
        terms: terms.to_string(),
        redactions: told.redactions.iter().map(|redaction| redaction.code().to_owned()).collect(),
        obligations: told.obligations.iter().map(ToString::to_string).collect(),
        reasons: told.reasons.iter().map(reason).collect(),
    };
    Sent::json(&answer)?.answer(&headers)
}
