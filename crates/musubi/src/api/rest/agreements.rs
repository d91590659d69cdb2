//! `/api/v1/agreements`: on what basis organisations share. For our own people.
//!
//! An agreement is added, changed or revoked only by whoever has seen what that changes: `dry_run` tells it, and what it gives as `seen` is
//! sent along with the change. Saved is saved as it was seen, or not at all.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, Method, StatusCode, header};
use casework::model::agreement::Agreement as Bond;
use casework::model::party::PartyId;
use casework::model::rights::Right;
use casework::parties::Draft;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::{Sent, is_outdated, outdated, page};
use super::foreseen::{Changes, Step, Told, changed_meanwhile, looked, unconditional, unseen};
use super::repeats::{MORE, once_asked, read};
use super::{Asked, Operation, write_cursor};
use crate::api::answer::etag;
use crate::api::effect::Effect;
use crate::api::standing::Standing;
use crate::console::visit::{Answer, Detail, Fault, Visit};

/// Bytes of an agreement.
const LARGEST: usize = 256 * 1024;

pub(super) fn operations() -> Vec<Operation> {
    let right = Right::ChangeAgreements;
    let list = Operation::get("listAgreements", "/api/v1/agreements", Right::ReadAgreements, bonds, "Agreements, by their id")
        .text("party", "With this party in it")
        .paged()
        .lists::<Agreement>();
    let add = Operation::post("addAgreement", "/api/v1/agreements", right, add, "Add an agreement, or look who would see what");
    let add = Step::parameters(add)
        .header("Idempotency-Key", "The same request under the same key is done once; its answer is kept for a day")
        .taking(LARGEST * MORE)
        .takes::<Word>()
        .gives::<Agreement>(201, "The agreement")
        .gives::<AgreementForeseen>(200, "With dry_run: what would change");
    let one = Operation::get("getAgreement", "/api/v1/agreements/{id}", Right::ReadAgreements, bond, "One agreement")
        .gives::<Agreement>(200, "The agreement");
    let tag = "ETag of the agreement as it was read; a change is refused without it, and when the agreement has changed since";
    let change = Operation::with("changeAgreement", Method::PUT, "/api/v1/agreements/{id}", right, change, "Put another text in its place");
    let change = Step::parameters(change)
        .header("If-Match", tag)
        .taking(LARGEST * MORE)
        .takes::<Word>()
        .gives::<AgreementChanged>(200, "The agreement as it is now; with dry_run: what would change");
    let revoke = Operation::with("revokeAgreement", Method::DELETE, "/api/v1/agreements/{id}", right, revoke, "End it at once, for ever");
    let revoke = Step::parameters(revoke)
        .header("If-Match", tag)
        .gives::<AgreementChanged>(200, "The agreement, revoked; with dry_run: what would change");
    [list, add, one, change, revoke].map(|operation| operation.group("Parties")).into()
}

/// What an agreement says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AgreementWord)]
struct Word {
    /// a-z, 0-9, `.`, `-`, `_`; of one that is changed it stands in the address.
    id: Option<String>,
    name: Option<String>,
    /// bilateral, regional, multilateral or public-private.
    kind: String,
    #[serde(default)]
    parties: Vec<String>,
    /// Whose members are all parties to it.
    #[serde(default)]
    communities: Vec<String>,
    /// The strictest label it may carry.
    max_tlp: String,
    /// Without any it is for nothing.
    #[serde(default)]
    purposes: Vec<String>,
    /// Without any it is for all.
    #[serde(default)]
    channels: Vec<String>,
    valid_from: Option<String>,
    valid_until: Option<String>,
    /// Where its text is found.
    reference: Option<String>,
}

impl Word {
    fn agreement(self, known: Option<&str>) -> Result<Bond, Fault> {
        if let (Some(known), Some(id)) = (known, &self.id)
            && known != id
        {
            return Err(Fault::Wrong(format!("id: the agreement in the address is {known}")));
        }
        let mut draft = Draft::default();
        let single = [
            ("id", known.map(str::to_owned).or(self.id)),
            ("name", self.name),
            ("kind", Some(self.kind)),
            ("max_tlp", Some(self.max_tlp)),
            ("reference", self.reference),
            ("valid_from", self.valid_from),
            ("valid_until", self.valid_until),
        ];
        for (name, value) in single {
            draft.add(name, value);
        }
        let several =
            [("parties", self.parties), ("communities", self.communities), ("purposes", self.purposes), ("channels", self.channels)];
        for (name, values) in several {
            draft.add(name, values);
        }
        draft.agreement().map_err(|wrong| Fault::Wrong(wrong.to_string()))
    }
}

/// What would become of an agreement, and who would see what.
#[derive(Debug, Serialize, ToSchema)]
struct AgreementForeseen {
    /// Null when it would be revoked.
    would_be: Option<Agreement>,
    /// Parties it names that nobody knows yet.
    strangers: Vec<String>,
    effect: Changes,
    /// To be sent with the change: it is refused when anything has changed that policy depends on.
    seen: i64,
}

/// Either of both.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "names the schema: one of both is written as itself")]
enum AgreementChanged {
    Agreement(Box<Agreement>),
    Foreseen(Box<AgreementForeseen>),
}

fn text(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
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

async fn add(visit: Visit, headers: HeaderMap, body: Body) -> Answer {
    let step = Step::of(&visit)?;
    once_asked(&visit, &headers, body, LARGEST, &Step::NAMES, |visit, bytes| async move {
        let new = read::<Word>(&bytes)?.agreement(None)?;
        let standing = visit.server.desk.standing(visit.now).await?;
        if standing.agreements().iter().any(|known| known.id == new.id) {
            return Err(Fault::Conflict(format!("there is an agreement {}: change it with PUT", new.id)));
        }
        save(&visit, &standing, None, Some(new), step, StatusCode::CREATED).await
    })
    .await
}

async fn change(visit: Visit, headers: HeaderMap, Path(id): Path<String>, body: Body) -> Answer {
    let (step, conditions) = (Step::of(&visit)?, headers.clone());
    once_asked(&visit, &headers, body, LARGEST, &Step::NAMES, |visit, bytes| async move {
        let standing = visit.server.desk.standing(visit.now).await?;
        let known = known(&standing, &id)?;
        let new = read::<Word>(&bytes)?.agreement(Some(&id))?;
        if let Some(refused) = unfit(&visit, &conditions, known, step) {
            return refused;
        }
        save(&visit, &standing, Some(known), Some(new), step, StatusCode::OK).await
    })
    .await
}

async fn revoke(visit: Visit, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    let step = Step::of(&visit)?;
    let standing = visit.server.desk.standing(visit.now).await?;
    let known = known(&standing, &id)?;
    if let Some(refused) = unfit(&visit, &headers, known, step) {
        return refused;
    }
    save(&visit, &standing, Some(known), None, step, StatusCode::OK).await
}

fn known<'a>(standing: &'a Standing, id: &str) -> Result<&'a Bond, Fault> {
    standing.agreements().iter().find(|bond| bond.id == id).ok_or(Fault::NotFound)
}

/// Why a change of a version that somebody read is refused.
fn unfit(visit: &Visit, headers: &HeaderMap, known: &Bond, step: Step) -> Option<Answer> {
    if step.dry_run {
        return None;
    }
    if !headers.contains_key(header::IF_MATCH) {
        return Some(unconditional());
    }
    let tag = match serde_json::to_vec(&Agreement::of(known, visit.now)) {
        Ok(bytes) => etag(&bytes),
        Err(error) => return Some(Err(error.into())),
    };
    is_outdated(headers, &tag).then(outdated)
}

/// Puts `new` in the place of `old`, or tells what that would change; nothing new is the end of it.
async fn save(visit: &Visit, standing: &Standing, old: Option<&Bond>, new: Option<Bond>, step: Step, status: StatusCode) -> Answer {
    if step.dry_run {
        let effect = Effect::of_agreement(&visit.server, standing, old, new.as_ref(), visit.now).await?;
        let strangers = new.iter().flat_map(|new| &new.parties).filter(|id| standing.party(id).is_none());
        return looked(&AgreementForeseen {
            strangers: strangers.map(ToString::to_string).collect(),
            would_be: new.as_ref().map(|new| Agreement::of(new, visit.now)),
            effect: Changes::of(&effect),
            seen: standing.change(),
        });
    }
    let Some(seen) = step.seen else { return unseen() };
    let Some(id) = new.as_ref().or(old).map(|bond| bond.id.clone()) else { return Err(Fault::NotFound) };
    let register = &visit.server.register;
    let (done, detail) = match new {
        Some(new) => {
            let purposes: Vec<&str> = new.purposes.iter().map(|purpose| purpose.as_str()).collect();
            let detail = format!("{id} up to {} for {}", new.max_tlp, purposes.join(" "));
            (register.record_agreements_seen(vec![new], visit.now, Some(seen)).await?.is_some(), detail)
        }
        None => (register.revoke_agreement_seen(&id, visit.now, Some(seen)).await?.is_some(), format!("{id} revoked")),
    };
    if !done {
        return changed_meanwhile();
    }
    let now = crate::pipeline::now();
    let standing = visit.server.desk.standing(now).await?;
    let sent = Sent::json(&Agreement::of(known(&standing, &id)?, now))?.status(status);
    Told { sent: sent.header(header::LOCATION, format!("/api/v1/agreements/{id}")), detail: Detail(detail) }.answer()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_checked_as_a_file_is() {
        let read = |text: &str, known: Option<&str>| serde_json::from_str::<Word>(text).unwrap().agreement(known);
        let good = r#"{"kind": "bilateral", "parties": ["us", "isp"], "max_tlp": "amber", "purposes": ["notify"]}"#;
        assert_eq!(read(good, Some("a")).unwrap().id, "a");
        assert!(read(good, None).is_err(), "it needs a name");
        for bad in [
            r#"{"id": "a", "kind": "bilateral", "parties": ["us"], "max_tlp": "amber"}"#,
            r#"{"id": "a", "kind": "bilateral", "parties": ["us", "isp"], "max_tlp": "purple"}"#,
            r#"{"id": "b", "kind": "bilateral", "parties": ["us", "isp"], "max_tlp": "amber"}"#,
        ] {
            assert!(read(bad, Some("a")).is_err(), "{bad}");
        }
    }
}
