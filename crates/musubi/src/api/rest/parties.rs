//! `/api/v1/parties`: who there is, and our own word about them. For our own people.
//!
//! What is written is checked by what checks a form and a file (`casework::parties::Draft`), and `dry_run` tells first who would see what.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, Method, StatusCode, header};
use casework::model::party::{Party as Known, PartyId};
use casework::model::rights::Right;
use casework::parties::{Draft, rewritten};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::{Sent, is_outdated, outdated, page};
use super::foreseen::{Changes, Step, Told, changed_meanwhile, looked};
use super::repeats::{MORE, once_asked, read};
use super::{Asked, Operation, write_cursor};
use crate::api::answer::etag;
use crate::api::effect::{Answering, Effect, answering};
use crate::api::standing::Standing;
use crate::console::visit::{Answer, Detail, Fault, Visit};

/// Bytes of a party.
const LARGEST: usize = 512 * 1024;

pub(super) fn operations() -> Vec<Operation> {
    let parties = Operation::get("listParties", "/api/v1/parties", Right::ReadParties, list, "Parties, by their id")
        .text("kind", "Of this kind")
        .text("country", "Of this nation, two letters")
        .text("q", "Whose id or name holds this")
        .paged()
        .lists::<Party>();
    let add = Operation::post("addParty", "/api/v1/parties", Right::ChangeParties, add, "Add a party, or look who would see what");
    let add = Step::parameters(add)
        .header("Idempotency-Key", "The same request under the same key is done once; its answer is kept for a day")
        .taking(LARGEST * MORE)
        .takes::<Word>()
        .gives::<Party>(201, "The party")
        .gives::<PartyForeseen>(200, "With dry_run: what would change");
    let party = Operation::get("getParty", "/api/v1/parties/{id}", Right::ReadParties, one, "One party").gives::<Party>(200, "The party");
    let about = "Put our own word about a party in the place of what we said before; what others said stays";
    let change = Operation::with("changeParty", Method::PUT, "/api/v1/parties/{id}", Right::ChangeParties, change, about);
    let change = Step::parameters(change)
        .header("If-Match", "ETag of the party as it was read; a change is refused without it, and when the party has changed since")
        .taking(LARGEST * MORE)
        .takes::<Word>()
        .gives::<PartyChanged>(200, "The party as it is now; with dry_run: what would change");
    [parties, add, party, change].map(|operation| operation.group("Parties")).into()
}

/// What we say of a party.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Word {
    /// a-z, 0-9, `.`, `-`, `_`; of one that is changed it stands in the address.
    id: Option<String>,
    name: Option<String>,
    name_ja: Option<String>,
    /// As `party list` writes it.
    kind: String,
    /// Two letters.
    nation: Option<String>,
    #[serde(default)]
    sectors: Vec<String>,
    #[serde(default)]
    communities: Vec<String>,
    #[serde(default)]
    clients_of: Vec<String>,
    #[serde(default)]
    networks: Vec<String>,
    #[serde(default)]
    asns: Vec<String>,
    #[serde(default)]
    domains: Vec<String>,
    #[serde(default)]
    countries: Vec<String>,
    /// `Vendor` or `Vendor/Model`.
    #[serde(default)]
    products: Vec<String>,
    #[serde(default)]
    contacts: Vec<ContactWord>,
    valid_from: Option<String>,
    valid_until: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ContactWord {
    /// abuse, when left out.
    role: Option<String>,
    /// en or ja; en when left out.
    language: Option<String>,
    address: String,
}

impl Word {
    /// The party that it says; one that is known keeps its id.
    fn party(self, known: Option<&PartyId>) -> Result<Known, Fault> {
        if let (Some(known), Some(id)) = (known, &self.id)
            && known.as_str() != id
        {
            return Err(Fault::Wrong(format!("id: the party in the address is {known}")));
        }
        let mut draft = Draft::default();
        // An id made from a registry cannot be given by hand, but its party can be changed.
        let id = if known.is_some() { Some("changed".to_owned()) } else { self.id };
        let unnamed = self.name.as_ref().is_none_or(|name| name.trim().is_empty());
        let single = [
            ("id", id),
            ("name", self.name),
            ("name_ja", self.name_ja),
            ("kind", Some(self.kind)),
            ("nation", self.nation),
            ("valid_from", self.valid_from),
            ("valid_until", self.valid_until),
        ];
        for (name, value) in single {
            draft.add(name, value);
        }
        let contact = |one: ContactWord| {
            let (role, language) = (one.role.unwrap_or_else(|| "abuse".to_owned()), one.language.unwrap_or_else(|| "en".to_owned()));
            format!("{role} {language} {}", one.address)
        };
        let several = [
            ("sectors", self.sectors),
            ("communities", self.communities),
            ("clients_of", self.clients_of),
            ("networks", self.networks),
            ("asns", self.asns),
            ("domains", self.domains),
            ("countries", self.countries),
            ("products", self.products),
            ("contacts", self.contacts.into_iter().map(contact).collect()),
        ];
        for (name, values) in several {
            draft.add(name, values);
        }
        let mut party = draft.party().map_err(|wrong| Fault::Wrong(wrong.to_string()))?.party;
        if let Some(known) = known {
            if unnamed {
                party.name = known.to_string();
            }
            party.id = known.clone();
        }
        Ok(party)
    }
}

/// What would become of a party, and who would see what.
#[derive(Debug, Serialize, ToSchema)]
struct PartyForeseen {
    would_be: Party,
    /// Who answers for what is claimed anew or no longer.
    answers_for: Vec<Answers>,
    effect: Changes,
    /// Saved with this, it is refused when anything has changed that policy depends on.
    seen: i64,
}

/// Either of both.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "names the schema: one of both is written as itself")]
enum PartyChanged {
    Party(Box<Party>),
    Foreseen(Box<PartyForeseen>),
}

#[derive(Debug, Serialize, ToSchema)]
struct Answers {
    kind: String,
    value: String,
    now: Option<String>,
    then: Option<String>,
}

impl Answers {
    fn of(one: &Answering) -> Self {
        let id = |party: &Option<PartyId>| party.as_ref().map(ToString::to_string);
        Self { kind: one.claim.kind().to_owned(), value: one.claim.to_string(), now: id(&one.now), then: id(&one.then) }
    }
}

/// An organisation.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Party {
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
    valid_from: Option<String>,
    valid_until: Option<String>,
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
    pub(super) fn of(party: &Known, own: Option<&PartyId>) -> Self {
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
            valid_from: text(party.validity.from),
            valid_until: text(party.validity.until),
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

async fn add(visit: Visit, headers: HeaderMap, body: Body) -> Answer {
    let step = Step::of(&visit)?;
    once_asked(&visit, &headers, body, LARGEST, &Step::NAMES, |visit, bytes| async move {
        let said = read::<Word>(&bytes)?.party(None)?;
        if visit.server.register.party(&said.id, Timestamp::MAX).await?.is_some() {
            return Err(Fault::Conflict(format!("there is a party {}: change it with PUT", said.id)));
        }
        save(&visit, None, said, step, StatusCode::CREATED).await
    })
    .await
}

async fn change(visit: Visit, headers: HeaderMap, Path(id): Path<String>, body: Body) -> Answer {
    let (step, conditions) = (Step::of(&visit)?, headers.clone());
    once_asked(&visit, &headers, body, LARGEST, &Step::NAMES, |visit, bytes| async move {
        let id: PartyId = id.parse().map_err(|_| Fault::NotFound)?;
        let said = read::<Word>(&bytes)?.party(Some(&id))?;
        let standing = visit.server.desk.standing(visit.now).await?;
        let known = standing.party(&id).ok_or(Fault::NotFound)?;
        if !step.dry_run {
            if !conditions.contains_key(header::IF_MATCH) {
                return super::foreseen::unconditional();
            }
            if is_outdated(&conditions, &tag(known, &standing)?) {
                return outdated();
            }
        }
        // Between what was read and what is saved nothing may come.
        let step = Step { seen: step.seen.or(Some(standing.change())), ..step };
        save(&visit, Some(known), said, step, StatusCode::OK).await
    })
    .await
}

/// The entity tag of a party as it is read.
fn tag(party: &Known, standing: &Standing) -> Result<String, Fault> {
    Ok(etag(&serde_json::to_vec(&Party::of(party, standing.own.as_ref()))?))
}

async fn save(visit: &Visit, known: Option<&Known>, said: Known, step: Step, status: StatusCode) -> Answer {
    let standing = visit.server.desk.standing(visit.now).await?;
    let becomes = rewritten(known, said.clone());
    if step.dry_run {
        let answers = answering(&visit.server, &standing, known, &becomes, visit.now).await?;
        let effect = Effect::of_party(&visit.server, &standing, &becomes, visit.now).await?;
        let foreseen = PartyForeseen {
            would_be: Party::of(&becomes, standing.own.as_ref()),
            answers_for: answers.iter().map(Answers::of).collect(),
            effect: Changes::of(&effect),
            seen: standing.change(),
        };
        return looked(&foreseen);
    }
    let id = said.id.clone();
    if visit.server.register.record_parties_seen(vec![said], visit.now, step.seen, rewritten).await?.is_none() {
        return changed_meanwhile();
    }
    let now = crate::pipeline::now();
    let standing = visit.server.desk.standing(now).await?;
    let party = visit.server.register.party(&id, Timestamp::MAX).await?.ok_or(Fault::NotFound)?;
    let sent = Sent::json(&Party::of(&party, standing.own.as_ref()))?.status(status).tag(tag(&party, &standing)?);
    let detail = format!("{id}: {} claims, {} contacts", party.constituency.len(), party.contacts.len());
    Told { sent: sent.header(header::LOCATION, format!("/api/v1/parties/{id}")), detail: Detail(detail) }.answer()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Word {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_word_is_checked_as_a_file_is() {
        let party = word(
            r#"{"id": "isp", "kind": "provider", "networks": ["192.0.2.0/24"], "contacts": [{"address": "abuse@isp.example", "language": "ja"}]}"#,
        );
        let party = party.party(None).unwrap();
        assert_eq!((party.constituency.len(), party.contacts[0].language.as_str()), (1, "ja"));
        for bad in [
            r#"{"kind": "provider"}"#,
            r#"{"id": "isp", "kind": "bakery"}"#,
            r#"{"id": "reg.x", "kind": "provider"}"#,
            r#"{"id": "isp", "kind": "provider", "networks": ["300.0.0.0/8"]}"#,
            r#"{"id": "isp", "kind": "provider", "contacts": [{"address": "a b c@x"}]}"#,
        ] {
            assert!(word(bad).party(None).is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<Word>(r#"{"id": "isp", "kind": "provider", "said_by": "registry:x"}"#).is_err());
        // What a registry made keeps its id.
        let id: PartyId = "reg.isp.example.0".parse().unwrap();
        assert_eq!(word(r#"{"kind": "provider"}"#).party(Some(&id)).unwrap().id, id);
        assert!(word(r#"{"id": "other", "kind": "provider"}"#).party(Some(&id)).is_err());
    }
}
