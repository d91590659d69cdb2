//! `/api/v1/parties`, `/api/v1/agreements` and `/api/v1/explain`: who there is, what binds us, and who may know what. For our own people.

use axum::extract::Path;
use axum::http::HeaderMap;
use casework::model::agreement::{Agreement as Bond, Channel, Purpose};
use casework::model::party::{Party as Known, PartyId};
use casework::model::rights::Right;
use casework::model::terms::Terms;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Sent, page};
use super::events::terms_of;
use super::{Asked, Operation, write_cursor};
use crate::cli::view::{How, View};
use crate::console::visit::{Answer, Fault, Visit};

pub(super) fn operations() -> Vec<Operation> {
    let purposes = Purpose::ALL.map(Purpose::as_str);
    let channels = Channel::ALL.map(Channel::as_str);
    let parties = Operation::get("listParties", "/api/v1/parties", Right::ReadParties, list, "Parties, by their id")
        .text("kind", "Of this kind")
        .text("country", "Of this nation, two letters")
        .text("q", "Whose id or name holds this")
        .paged()
        .lists::<Party>();
    let party = Operation::get("getParty", "/api/v1/parties/{id}", Right::ReadParties, one, "One party").gives::<Party>(200, "The party");
    let agreements = Operation::get("listAgreements", "/api/v1/agreements", Right::ReadAgreements, bonds, "Agreements, by their id")
        .text("party", "With this party in it")
        .paged()
        .lists::<Agreement>();
    let agreement = Operation::get("getAgreement", "/api/v1/agreements/{id}", Right::ReadAgreements, bond, "One agreement")
        .gives::<Agreement>(200, "The agreement");
    let explain = Operation::get("explain", "/api/v1/explain", Right::ReadParties, explain, "May a party know it, and why?")
        .text("to", "Who would get it")
        .text("event", "Identity of an event")
        .text("terms", "Terms, where no event is named")
        .word("purpose", "What the party would have it for", &purposes)
        .word("channel", "How it would reach the party", &channels)
        .gives::<Explanation>(200, "The decision with its reasons");
    [parties, party, agreements, agreement]
        .map(|operation| operation.group("Parties"))
        .into_iter()
        .chain([explain.group("Policy")])
        .collect()
}

/// An organisation.
#[derive(Debug, Serialize, ToSchema)]
struct Party {
    id: String,
    name: String,
    name_ja: Option<String>,
    kind: String,
    nation: Option<String>,
    /// It is ourselves.
    own: bool,
    sectors: Vec<String>,
    communities: Vec<String>,
    clients_of: Vec<String>,
    answers_for: Vec<Claim>,
    contacts: Vec<Contact>,
    said_by: String,
}

/// Something a party answers for.
#[derive(Debug, Serialize, ToSchema)]
struct Claim {
    kind: String,
    value: String,
    said_by: String,
    valid_from: Option<String>,
    valid_until: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Contact {
    role: String,
    language: String,
    address: String,
    /// There is a key to seal mails with.
    has_key: bool,
    said_by: String,
}

fn text(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

impl Party {
    fn of(party: &Known, own: Option<&PartyId>) -> Self {
        let claim = |part: &casework::model::party::Responsibility| Claim {
            kind: part.claim.kind().to_owned(),
            value: part.claim.to_string(),
            said_by: part.provenance.to_string(),
            valid_from: text(part.validity.from),
            valid_until: text(part.validity.until),
        };
        let contact = |contact: &casework::model::party::Contact| Contact {
            role: contact.role.as_str().to_owned(),
            language: contact.language.as_str().to_owned(),
            address: contact.address.to_string(),
            has_key: contact.openpgp_key.is_some(),
            said_by: contact.provenance.to_string(),
        };
        Self {
            id: party.id.to_string(),
            name: party.name.clone(),
            name_ja: party.name_ja.clone(),
            kind: party.kind.as_str().to_owned(),
            nation: party.nation.map(|nation| nation.as_str().to_owned()),
            own: own == Some(&party.id),
            sectors: party.sectors.iter().cloned().collect(),
            communities: party.communities.iter().cloned().collect(),
            clients_of: party.clients_of.iter().map(ToString::to_string).collect(),
            answers_for: party.constituency.iter().map(claim).collect(),
            contacts: party.contacts.iter().map(contact).collect(),
            said_by: party.provenance.to_string(),
        }
    }
}

async fn list(visit: Visit, headers: HeaderMap) -> Answer {
    let asked = Asked::of(&visit, &["kind", "country", "q", "cursor", "limit"])?;
    let limit = asked.limit()?;
    let after = asked.cursor::<1>()?;
    let standing = visit.server.desk.standing(visit.now).await?;
    let (kind, country) = (asked.text("kind"), asked.text("country").map(str::to_uppercase));
    let word = asked.text("q").map(str::to_lowercase);
    let fits = |party: &&Known| {
        kind.is_none_or(|kind| party.kind.as_str() == kind)
            && country.as_ref().is_none_or(|country| party.nation.is_some_and(|nation| nation.as_str() == country))
            && word.as_ref().is_none_or(|word| {
                let names = [Some(party.id.as_str()), Some(party.name.as_str()), party.name_ja.as_deref()];
                names.into_iter().flatten().any(|name| name.to_lowercase().contains(word.as_str()))
            })
            && after.as_ref().is_none_or(|[after]| party.id.as_str() > after.as_str())
    };
    let mut found: Vec<&Known> = standing.parties.iter().filter(fits).collect();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    let next = found.get(limit).and_then(|_| found.get(limit - 1)).map(|last| write_cursor(&[last.id.as_str()]));
    let data: Vec<Party> = found.into_iter().take(limit).map(|party| Party::of(party, standing.own.as_ref())).collect();
    page(&visit, &data, next.as_deref())?.answer(&headers)
}

async fn one(visit: Visit, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    Asked::of(&visit, &[])?;
    let id: PartyId = id.parse().map_err(|_| Fault::NotFound)?;
    let standing = visit.server.desk.standing(visit.now).await?;
    let party = standing.party(&id).ok_or(Fault::NotFound)?;
    Sent::json(&Party::of(party, standing.own.as_ref()))?.answer(&headers)
}

/// What binds us and others.
#[derive(Debug, Serialize, ToSchema)]
struct Agreement {
    id: String,
    name: String,
    kind: String,
    parties: Vec<String>,
    communities: Vec<String>,
    max_tlp: String,
    purposes: Vec<String>,
    channels: Vec<String>,
    valid_from: Option<String>,
    valid_until: Option<String>,
    revoked_at: Option<String>,
    reference: String,
    in_force: bool,
}

impl Agreement {
    fn of(bond: &Bond, at: Timestamp) -> Self {
        Self {
            id: bond.id.clone(),
            name: bond.name.clone(),
            kind: bond.kind.as_str().to_owned(),
            parties: bond.parties.iter().map(ToString::to_string).collect(),
            communities: bond.communities.iter().cloned().collect(),
            max_tlp: bond.max_tlp.label().to_owned(),
            purposes: bond.purposes.iter().map(|purpose| purpose.as_str().to_owned()).collect(),
            channels: bond.channels.iter().map(|channel| channel.as_str().to_owned()).collect(),
            valid_from: text(bond.validity.from),
            valid_until: text(bond.validity.until),
            revoked_at: text(bond.revoked_at),
            reference: bond.reference.clone(),
            in_force: bond.in_force(at),
        }
    }
}

async fn bonds(visit: Visit, headers: HeaderMap) -> Answer {
    let asked = Asked::of(&visit, &["party", "cursor", "limit"])?;
    let limit = asked.limit()?;
    let after = asked.cursor::<1>()?;
    let party: Option<PartyId> = match asked.text("party") {
        Some(name) => Some(name.parse().map_err(|error| Fault::Wrong(format!("parameter party: {error}")))?),
        None => None,
    };
    let mut found = visit.server.register.agreements(visit.now).await?;
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found.retain(|bond| party.as_ref().is_none_or(|party| bond.parties.contains(party)));
    found.retain(|bond| after.as_ref().is_none_or(|[after]| bond.id.as_str() > after.as_str()));
    let next = found.get(limit).and_then(|_| found.get(limit - 1)).map(|last| write_cursor(&[&last.id]));
    let data: Vec<Agreement> = found.iter().take(limit).map(|bond| Agreement::of(bond, visit.now)).collect();
    page(&visit, &data, next.as_deref())?.answer(&headers)
}

async fn bond(visit: Visit, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    Asked::of(&visit, &[])?;
    let all = visit.server.register.agreements(visit.now).await?;
    let found = all.iter().find(|bond| bond.id == id).ok_or(Fault::NotFound)?;
    Sent::json(&Agreement::of(found, visit.now))?.answer(&headers)
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
