//! `/parties/new` and `/parties/ID/edit`: our own word about a party. Who would answer for what, and who would see what, is shown before it
//! is saved; what registries and the party itself said stays beside it.

use axum::body::Bytes;
use axum::extract::Path;
use casework::model::party::{Party, PartyId, PartyKind, Provenance};
use casework::model::rights::Right;
use casework::parties::{Draft, rewritten};
use maud::{Markup, html};

use crate::api::effect::{Answering, Effect, answering};
use crate::console::Route;
use crate::console::agreements::words;
use crate::console::effect;
use crate::console::elements::form;
use crate::console::elements::query::Query;
use crate::console::elements::table::{Column, table};
use crate::console::visit::{Answer, Detail, Fault, Visit};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/parties/new", Right::ChangeParties, new),
        Route::post("/parties/new", Right::ChangeParties, save_new),
        Route::get("/parties/{id}/edit", Right::ChangeParties, edit),
        Route::post("/parties/{id}/edit", Right::ChangeParties, save),
    ]
}

/// Keys of one value, and of several.
const SINGLE: [&str; 7] = ["id", "name", "name_ja", "kind", "nation", "valid_from", "valid_until"];
const SEVERAL: [&str; 9] = ["sectors", "communities", "clients_of", "networks", "asns", "domains", "countries", "products", "contacts"];

fn read(query: &Query, id: Option<&PartyId>) -> Result<Party, String> {
    let mut draft = Draft::default();
    for name in SINGLE {
        // An id made from a registry cannot be given by hand, but its party can be changed.
        let value = if name == "id" && id.is_some() { Some("changed".to_owned()) } else { query.one(name).map(str::to_owned) };
        draft.add(name, value);
    }
    for name in SEVERAL {
        draft.add(name, words(query.one(name).unwrap_or_default()));
    }
    let mut party = draft.party().map_err(|wrong| wrong.to_string())?.party;
    if let Some(id) = id {
        if query.one("name").is_none() {
            party.name = id.to_string();
        }
        party.id = id.clone();
    }
    Ok(party)
}

/// The form as filled by what we ourselves say of a party.
fn filled(party: &Party) -> Query {
    let mut text = form_urlencoded::Serializer::new(String::new());
    text.append_pair("id", party.id.as_str()).append_pair("name", &party.name).append_pair("kind", party.kind.as_str());
    text.append_pair("name_ja", party.name_ja.as_deref().unwrap_or_default());
    text.append_pair("nation", party.nation.as_ref().map_or("", |nation| nation.as_str()));
    for (name, time) in [("valid_from", party.validity.from), ("valid_until", party.validity.until)] {
        text.append_pair(name, &time.map(|at| at.to_string()).unwrap_or_default());
    }
    let claims = |kind: &str| {
        party
            .constituency
            .iter()
            .filter(|part| part.provenance == Provenance::Own && part.claim.kind() == kind)
            .map(|part| part.claim.to_string())
            .collect::<Vec<_>>()
            .join("\n")
    };
    for (name, kind) in [("networks", "network"), ("asns", "asn"), ("domains", "domain"), ("countries", "country"), ("products", "product")]
    {
        text.append_pair(name, &claims(kind));
    }
    text.append_pair("sectors", &party.sectors.iter().cloned().collect::<Vec<_>>().join("\n"));
    text.append_pair("communities", &party.communities.iter().cloned().collect::<Vec<_>>().join("\n"));
    text.append_pair("clients_of", &party.clients_of.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    let contacts = party.contacts.iter().filter(|contact| contact.provenance == Provenance::Own);
    let contacts: Vec<String> =
        contacts.map(|contact| format!("{} {} {}", contact.role.as_str(), contact.language.as_str(), contact.address)).collect();
    text.append_pair("contacts", &contacts.join("\n"));
    Query::of_form(text.finish().as_bytes())
}

fn asked(visit: &Visit, to: &str, query: &Query, old: bool, wrong: Option<&str>) -> Markup {
    let value = |name: &str| query.one(name).unwrap_or_default().to_owned();
    let kinds: Vec<(&str, String)> =
        PartyKind::ALL.iter().map(|kind| (kind.as_str(), visit.say(&format!("party-kind-{}", kind.as_str())))).collect();
    html! {
        @if let Some(wrong) = wrong { p.wrong role="alert" { (wrong) } }
        p.lead { (visit.say("parties-edit-lead")) }
        form.stack method="post" action=(to) {
            @if !old { (form::field(&form::Field { name: "id", label: &visit.say("parties-id"), value: &value("id"), hint: &visit.say("parties-id-hint"), required: true, ..form::Field::default() })) }
            (form::field(&form::Field { name: "name", label: &visit.say("parties-name"), value: &value("name"), ..form::Field::default() }))
            (form::field(&form::Field { name: "name_ja", label: &visit.say("parties-name-ja"), value: &value("name_ja"), ..form::Field::default() }))
            (form::choice("kind", &visit.say("parties-kind"), &value("kind"), &kinds))
            (form::field(&form::Field { name: "nation", label: &visit.say("parties-nation"), value: &value("nation"), ..form::Field::default() }))
            p.hint { (visit.say("parties-lines-hint")) }
            @for (name, rows) in [("networks", 4), ("asns", 2), ("domains", 2), ("countries", 1), ("products", 2), ("contacts", 3), ("communities", 2), ("sectors", 2), ("clients_of", 2)] {
                (form::lines(name, &visit.say(&format!("parties-form-{name}")), &value(name), rows))
            }
            (form::field(&form::Field { name: "valid_from", label: &visit.say("agreements-from"), value: &value("valid_from"), hint: &visit.say("agreements-time-hint"), ..form::Field::default() }))
            (form::field(&form::Field { name: "valid_until", label: &visit.say("agreements-until"), value: &value("valid_until"), ..form::Field::default() }))
            button.first type="submit" name="step" value="look" { (visit.say("effect-look")) }
        }
    }
}

async fn new(visit: Visit) -> Answer {
    let body = asked(&visit, "/parties/new", &Query::of(&visit.uri), false, None);
    Ok(visit.page(&visit.say("parties-new"), &body))
}

async fn edit(visit: Visit, Path(id): Path<String>) -> Answer {
    let known = known(&visit, &id).await?;
    let body = asked(&visit, &format!("/parties/{id}/edit"), &filled(&known), true, None);
    Ok(visit.page(&format!("{}: {}", visit.say("parties-edit"), super::name(&visit, &known)), &body))
}

async fn known(visit: &Visit, id: &str) -> Result<Party, Fault> {
    let id = id.parse().map_err(|_| Fault::NotFound)?;
    visit.server.register.party(&id, visit.now).await?.ok_or(Fault::NotFound)
}

async fn save_new(visit: Visit, body: Bytes) -> Answer {
    step(&visit, "/parties/new", &Query::of_form(&body), None).await
}

async fn save(visit: Visit, Path(id): Path<String>, body: Bytes) -> Answer {
    let known = known(&visit, &id).await?;
    step(&visit, &format!("/parties/{id}/edit"), &Query::of_form(&body), Some(known)).await
}

async fn step(visit: &Visit, to: &str, query: &Query, old: Option<Party>) -> Answer {
    let change = visit.server.register.policy_change().await?;
    let standing = visit.server.desk.standing(visit.now).await?;
    let title = match &old {
        Some(old) => format!("{}: {}", visit.say("parties-edit"), super::name(visit, old)),
        None => visit.say("parties-new"),
    };
    let again = |wrong: &str| {
        let mut page = visit.page(&title, &asked(visit, to, query, old.is_some(), Some(wrong)));
        *page.status_mut() = axum::http::StatusCode::UNPROCESSABLE_ENTITY;
        page
    };
    let said = match read(query, old.as_ref().map(|old| &old.id)) {
        Ok(said) => said,
        Err(wrong) => return Ok(again(&wrong)),
    };
    if old.is_none() && visit.server.register.party(&said.id, visit.now).await?.is_some() {
        return Ok(again(&visit.say("parties-taken")));
    }
    let seen = query.one("seen").and_then(|text| text.parse::<i64>().ok());
    let becomes = rewritten(old.as_ref(), said.clone());
    if query.one("step") == Some("save")
        && let Some(seen) = seen
        && visit.server.register.record_parties_seen(vec![said.clone()], visit.now, Some(seen), rewritten).await?.is_some()
    {
        let id = said.id.clone();
        let mut response = visit.on_to(&format!("/parties/{id}"));
        response.extensions_mut().insert(Detail(format!(
            "{id}: {} claims, {} contacts",
            becomes.constituency.len(),
            becomes.contacts.len()
        )));
        return Ok(response);
    }
    let answers = responsible(visit, &answering(&visit.server, &standing, old.as_ref(), &becomes, visit.now).await?);
    let effect = Effect::of_party(&visit.server, &standing, &becomes, visit.now).await?;
    let body = html! {
        @if seen.is_some() { p.wrong role="alert" { (visit.say("effect-changed-meanwhile")) } }
        h2 { (visit.say("parties-effect-answers")) }
        (answers)
        h2 { (visit.say("effect-title")) }
        (effect::show(visit, &effect))
        form.actions method="post" action=(to) {
            @for (name, value) in query.pairs().filter(|(name, _)| *name != "step" && *name != "seen") { input type="hidden" name=(name) value=(value); }
            input type="hidden" name="seen" value=(change);
            button.first type="submit" name="step" value="save" { (visit.say("effect-save")) }
            a.button href="/parties" { (visit.say("effect-leave")) }
        }
    };
    Ok(visit.page(&title, &body))
}

/// Who answers for each thing that is claimed anew or no longer: now, and then.
fn responsible(visit: &Visit, changed: &[Answering]) -> Markup {
    if changed.is_empty() {
        return html! { p.done-note { (visit.say("parties-effect-same")) } };
    }
    let columns = [
        Column::text(visit.say("networks-what")),
        Column::text(visit.say("parties-effect-now")),
        Column::text(visit.say("parties-effect-then")),
    ];
    let named = |party: Option<&PartyId>| match party {
        Some(id) => html! { a href={ "/parties/" (id) } { (id) } },
        None => html! { span.quiet { (visit.say("parties-effect-nobody")) } },
    };
    let rows: Vec<_> =
        changed.iter().map(|one| vec![html! { span.mono { (one.claim) } }, named(one.now.as_ref()), named(one.then.as_ref())]).collect();
    table(&visit.say("parties-effect-answers"), &columns, &rows)
}

#[cfg(test)]
mod tests {
    use casework::model::party::Claim;

    use super::*;

    fn query(text: &str) -> Query {
        Query::of_form(text.as_bytes())
    }

    #[test]
    fn what_others_said_stays_beside_our_word() {
        let mut known = read(&query("id=isp&kind=provider&networks=192.0.2.0/24&contacts=abuse ja a@isp.example"), None).unwrap();
        known.contacts[0].openpgp_key = Some("KEY".into());
        let mut claimed = known.constituency[0].clone();
        claimed.provenance = Provenance::Claimed;
        claimed.claim = Claim::Domain("isp.example".into());
        known.constituency.push(claimed.clone());
        let said = read(&query("kind=provider&networks=198.51.100.0/24&contacts=abuse en a@isp.example"), Some(&known.id)).unwrap();
        let party = rewritten(Some(&known), said);
        let claims: Vec<String> = party.constituency.iter().map(|part| part.claim.to_string()).collect();
        assert_eq!(claims, ["198.51.100.0/24", "isp.example"]);
        assert_eq!(party.contacts[0].openpgp_key.as_deref(), Some("KEY"));
        assert_eq!(party.contacts[0].language.as_str(), "en");
    }
}
