//! `/agreements`: on what basis organisations share; changed only after the effect was shown.

use axum::body::Bytes;
use axum::extract::Path;
use casework::model::agreement::{Agreement, AgreementKind, Channel, Purpose};
use casework::model::party::PartyId;
use casework::model::rights::Right;
use casework::model::terms::Tlp;
use casework::parties::Draft;
use jiff::Timestamp;
use maud::{Markup, html};

use super::Route;
use super::effect;
use super::elements::query::Query;
use super::elements::table::{Column, ROWS, paging, table};
use super::elements::{Tone, badge, empty, facts, form};
use super::visit::{Answer, Detail, Fault, Visit};
use crate::api::effect::Effect;
use crate::api::standing::Standing;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/agreements", Right::ReadAgreements, list),
        Route::get("/agreements/new", Right::ChangeAgreements, new),
        Route::post("/agreements/new", Right::ChangeAgreements, save_new),
        Route::get("/agreements/{id}", Right::ReadAgreements, one),
        Route::get("/agreements/{id}/edit", Right::ChangeAgreements, edit),
        Route::post("/agreements/{id}/edit", Right::ChangeAgreements, save),
        Route::get("/agreements/{id}/revoke", Right::ChangeAgreements, before_revoking),
        Route::post("/agreements/{id}/revoke", Right::ChangeAgreements, revoke),
    ]
}

fn state(visit: &Visit, agreement: &Agreement) -> Markup {
    if agreement.in_force(visit.now) {
        badge(Tone::Good, &visit.say("agreements-in-force"))
    } else if agreement.revoked_at.is_some() {
        badge(Tone::Bad, &visit.say("agreements-revoked"))
    } else {
        badge(Tone::Quiet, &visit.say("agreements-not-in-force"))
    }
}

fn between(agreement: &Agreement) -> Markup {
    html! {
        @for (at, party) in agreement.parties.iter().enumerate() { @if at > 0 { ", " } a.id href={ "/parties/" (party) } { (party) } }
        @for community in &agreement.communities { @if !agreement.parties.is_empty() { ", " } span.badge { (community) } }
    }
}

fn purposes(visit: &Visit, agreement: &Agreement) -> String {
    agreement.purposes.iter().map(|purpose| visit.say(&format!("policy-purpose-{}", purpose.as_str()))).collect::<Vec<_>>().join(", ")
}

async fn list(visit: Visit) -> Answer {
    let query = Query::of(&visit.uri);
    let standing = visit.server.desk.standing(visit.now).await?;
    let party: Option<PartyId> = query.one("party").and_then(|text| text.parse().ok());
    let after = query.one("after").unwrap_or_default();
    let mut found: Vec<&Agreement> = standing
        .agreements()
        .iter()
        .filter(|a| party.as_ref().is_none_or(|party| a.parties.contains(party)) && a.id.as_str() > after)
        .collect();
    let next = (found.len() > ROWS).then(|| found[ROWS - 1].id.clone());
    found.truncate(ROWS);
    let columns = ["agreements-id", "agreements-between", "agreements-up-to", "agreements-for", "agreements-state"]
        .map(|word| Column::text(visit.say(word)));
    let rows: Vec<_> = found
        .iter()
        .map(|a| {
            vec![
                html! { a href={ "/agreements/" (a.id) } { (a.name) } @if a.name != a.id { br; span.quiet { (a.id) } } },
                between(a),
                html! { (a.max_tlp) },
                html! { (purposes(&visit, a)) },
                state(&visit, a),
            ]
        })
        .collect();
    let body = html! {
        p.lead { (visit.say("agreements-lead")) }
        @if visit.may(Right::ChangeAgreements) { p.actions { a.button.first href="/agreements/new" { (visit.say("agreements-new")) } } }
        @if rows.is_empty() { (empty(&visit.say("agreements-none"), None)) } @else { (table(&visit.say("nav-agreements"), &columns, &rows)) }
        (paging(&visit, next.as_deref()))
    };
    Ok(visit.page(&visit.say("nav-agreements"), &body))
}

fn known<'a>(standing: &'a Standing, id: &str) -> Result<&'a Agreement, Fault> {
    standing.agreements().iter().find(|agreement| agreement.id == id).ok_or(Fault::NotFound)
}

async fn one(visit: Visit, Path(id): Path<String>) -> Answer {
    let standing = visit.server.desk.standing(visit.now).await?;
    let agreement = known(&standing, &id)?;
    let changes = visit.server.register.agreement_changes(&id).await?;
    let body = html! {
        p { (state(&visit, agreement)) }
        (described(&visit, agreement))
        h2 { (visit.say("agreements-history")) }
        ul { @for at in &changes { li { (visit.stamp(at.as_microsecond())) } } @if let Some(at) = agreement.revoked_at { li { (visit.stamp(at.as_microsecond())) " " (visit.say("agreements-revoked")) } } }
        @if visit.may(Right::ChangeAgreements) && agreement.revoked_at.is_none() {
            p.actions {
                a.button href={ "/agreements/" (id) "/edit" } { (visit.say("agreements-edit")) }
                a.button href={ "/agreements/" (id) "/revoke" } { (visit.say("agreements-revoke")) }
            }
        }
    };
    Ok(visit.page(&agreement.name, &body))
}

fn described(visit: &Visit, a: &Agreement) -> Markup {
    let channels: Vec<String> = a.channels.iter().map(|channel| visit.say(&format!("policy-channel-{}", channel.as_str()))).collect();
    let moment = |at: Option<Timestamp>| html! { @match at { Some(at) => (visit.stamp(at.as_microsecond())), None => span.quiet { "–" } } };
    facts(&[
        (visit.say("agreements-id"), html! { (a.id) }),
        (visit.say("agreements-kind"), html! { (visit.say(&format!("agreement-kind-{}", a.kind.as_str()))) }),
        (visit.say("agreements-between"), between(a)),
        (visit.say("agreements-up-to"), html! { (a.max_tlp) }),
        (visit.say("agreements-for"), html! { (purposes(visit, a)) }),
        (
            visit.say("agreements-by"),
            html! { @if channels.is_empty() { (visit.say("agreements-any-channel")) } @else { (channels.join(", ")) } },
        ),
        (visit.say("agreements-from"), moment(a.validity.from)),
        (visit.say("agreements-until"), moment(a.validity.until)),
        (visit.say("agreements-reference"), html! { (a.reference) }),
    ])
}

/// The form; what was wrong stands above it, with what was typed.
fn asked(visit: &Visit, to: &str, query: &Query, old: bool, wrong: Option<&str>) -> Markup {
    let value = |name: &str| query.one(name).unwrap_or_default().to_owned();
    let kinds: Vec<(&str, String)> =
        AgreementKind::ALL.iter().map(|kind| (kind.as_str(), visit.say(&format!("agreement-kind-{}", kind.as_str())))).collect();
    let tlps: Vec<(&str, String)> = Tlp::ALL.iter().map(|tlp| (tlp.label(), tlp.to_string())).collect();
    html! {
        @if let Some(wrong) = wrong { p.wrong role="alert" { (wrong) } }
        form.stack method="post" action=(to) {
            @if old { input type="hidden" name="id" value=(value("id")); }
            @else { (form::field(&form::Field { name: "id", label: &visit.say("agreements-id"), value: &value("id"), hint: &visit.say("parties-id-hint"), required: true, ..form::Field::default() })) }
            (form::field(&form::Field { name: "name", label: &visit.say("parties-name"), value: &value("name"), ..form::Field::default() }))
            (form::choice("kind", &visit.say("agreements-kind"), &value("kind"), &kinds))
            (form::lines("parties", &visit.say("agreements-parties"), &value("parties"), 3))
            (form::lines("communities", &visit.say("agreements-communities"), &value("communities"), 2))
            (form::choice("max_tlp", &visit.say("agreements-up-to"), &value("max_tlp"), &tlps))
            fieldset { legend { (visit.say("agreements-for")) }
                @for purpose in Purpose::ALL { label.choice { input type="checkbox" name="purposes" value=(purpose.as_str()) checked[query.all("purposes").any(|p| p == purpose.as_str())]; " " (visit.say(&format!("policy-purpose-{}", purpose.as_str()))) } }
            }
            fieldset { legend { (visit.say("agreements-by-hint")) }
                @for channel in Channel::ALL { label.choice { input type="checkbox" name="channels" value=(channel.as_str()) checked[query.all("channels").any(|c| c == channel.as_str())]; " " (visit.say(&format!("policy-channel-{}", channel.as_str()))) } }
            }
            (form::field(&form::Field { name: "valid_from", label: &visit.say("agreements-from"), value: &value("valid_from"), hint: &visit.say("agreements-time-hint"), ..form::Field::default() }))
            (form::field(&form::Field { name: "valid_until", label: &visit.say("agreements-until"), value: &value("valid_until"), ..form::Field::default() }))
            (form::field(&form::Field { name: "reference", label: &visit.say("agreements-reference"), value: &value("reference"), ..form::Field::default() }))
            button.first type="submit" name="step" value="look" { (visit.say("effect-look")) }
        }
    }
}

/// The form as filled by an agreement.
fn filled(a: &Agreement) -> Query {
    let mut text = form_urlencoded::Serializer::new(String::new());
    let lines = |all: Vec<String>| all.join("\n");
    text.append_pair("id", &a.id)
        .append_pair("name", &a.name)
        .append_pair("kind", a.kind.as_str())
        .append_pair("max_tlp", a.max_tlp.label());
    text.append_pair("parties", &lines(a.parties.iter().map(ToString::to_string).collect()));
    text.append_pair("communities", &lines(a.communities.iter().cloned().collect())).append_pair("reference", &a.reference);
    for purpose in &a.purposes {
        text.append_pair("purposes", purpose.as_str());
    }
    for channel in &a.channels {
        text.append_pair("channels", channel.as_str());
    }
    for (name, time) in [("valid_from", a.validity.from), ("valid_until", a.validity.until)] {
        text.append_pair(name, &time.map(|at| at.to_string()).unwrap_or_default());
    }
    Query::of_form(text.finish().as_bytes())
}

fn read(query: &Query) -> Result<Agreement, String> {
    let mut draft = Draft::default();
    for name in ["id", "name", "kind", "max_tlp", "reference", "valid_from", "valid_until"] {
        draft.add(name, query.one(name).map(str::to_owned));
    }
    for name in ["parties", "communities"] {
        draft.add(name, words(query.one(name).unwrap_or_default()));
    }
    for name in ["purposes", "channels"] {
        draft.add(name, query.all(name).map(str::to_owned));
    }
    draft.agreement().map_err(|wrong| wrong.to_string())
}

/// Several values in one field: by line or comma.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split(['\n', ',', ';']).map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

async fn new(visit: Visit) -> Answer {
    let body = asked(&visit, "/agreements/new", &Query::of(&visit.uri), false, None);
    Ok(visit.page(&visit.say("agreements-new"), &body))
}

async fn edit(visit: Visit, Path(id): Path<String>) -> Answer {
    let standing = visit.server.desk.standing(visit.now).await?;
    let agreement = known(&standing, &id)?;
    let body = asked(&visit, &format!("/agreements/{id}/edit"), &filled(agreement), true, None);
    Ok(visit.page(&format!("{}: {}", visit.say("agreements-edit"), agreement.name), &body))
}

async fn save_new(visit: Visit, body: Bytes) -> Answer {
    let query = Query::of_form(&body);
    step(&visit, "/agreements/new", &query, None).await
}

async fn save(visit: Visit, Path(id): Path<String>, body: Bytes) -> Answer {
    let query = Query::of_form(&body).with("id", Some(&id));
    let standing = visit.server.desk.standing(visit.now).await?;
    let old = known(&standing, &id)?.clone();
    step(&visit, &format!("/agreements/{id}/edit"), &query, Some(old)).await
}

/// First the effect; saved only by the button under it, and only while nothing else has changed since it was shown.
async fn step(visit: &Visit, to: &str, query: &Query, old: Option<Agreement>) -> Answer {
    let change = visit.server.register.policy_change().await?;
    let standing = visit.server.desk.standing(visit.now).await?;
    let title = match &old {
        Some(old) => format!("{}: {}", visit.say("agreements-edit"), old.name),
        None => visit.say("agreements-new"),
    };
    let again = |wrong: &str| {
        let mut page = visit.page(&title, &asked(visit, to, query, old.is_some(), Some(wrong)));
        *page.status_mut() = axum::http::StatusCode::UNPROCESSABLE_ENTITY;
        page
    };
    let agreement = match read(query) {
        Ok(agreement) => agreement,
        Err(wrong) => return Ok(again(&wrong)),
    };
    if old.is_none() && standing.agreements().iter().any(|known| known.id == agreement.id) {
        return Ok(again(&visit.say("agreements-taken")));
    }
    let seen = query.one("seen").and_then(|text| text.parse::<i64>().ok());
    if query.one("step") == Some("save")
        && let Some(seen) = seen
        && visit.server.register.record_agreements_seen(vec![agreement.clone()], visit.now, Some(seen)).await?.is_some()
    {
        let id = agreement.id.clone();
        let detail = format!(
            "{} up to {} for {}",
            id,
            agreement.max_tlp,
            agreement.purposes.iter().map(|p| p.as_str()).collect::<Vec<_>>().join(" ")
        );
        let mut response = visit.on_to(&format!("/agreements/{id}"));
        response.extensions_mut().insert(Detail(detail));
        return Ok(response);
    }
    let effect = Effect::of_agreement(&visit.server, &standing, old.as_ref(), Some(&agreement), visit.now).await?;
    let strangers: Vec<&PartyId> = agreement.parties.iter().filter(|id| standing.party(id).is_none()).collect();
    let body = html! {
        @if seen.is_some() { p.wrong role="alert" { (visit.say("effect-changed-meanwhile")) } }
        (described(visit, &agreement))
        @for stranger in strangers { p.hint { (visit.say_with("agreements-stranger", &[("party", stranger.to_string().into())])) } }
        h2 { (visit.say("effect-title")) }
        (effect::show(visit, &effect))
        form.actions method="post" action=(to) {
            @for (name, value) in query.pairs().filter(|(name, _)| *name != "step" && *name != "seen") { input type="hidden" name=(name) value=(value); }
            input type="hidden" name="seen" value=(change);
            button.first type="submit" name="step" value="save" { (visit.say("effect-save")) }
            a.button href="/agreements" { (visit.say("effect-leave")) }
        }
    };
    Ok(visit.page(&title, &body))
}

async fn before_revoking(visit: Visit, Path(id): Path<String>) -> Answer {
    ending(&visit, &id, false).await
}

/// What would end with it, and the button; that something has changed since this was shown.
async fn ending(visit: &Visit, id: &str, changed: bool) -> Answer {
    // The count is read before what it counts: a change in between is seen when the button is pressed.
    let change = visit.server.register.policy_change().await?;
    let standing = visit.server.desk.standing(visit.now).await?;
    let agreement = known(&standing, id)?;
    let title = format!("{}: {}", visit.say("agreements-revoke"), agreement.name);
    if agreement.revoked_at.is_some() {
        let body = html! { p.wrong role="alert" { (visit.say("agreements-revoked-already")) } (described(visit, agreement)) };
        return Ok(conflict(visit.page(&title, &body)));
    }
    let effect = Effect::of_agreement(&visit.server, &standing, Some(agreement), None, visit.now).await?;
    let body = html! {
        @if changed { p.wrong role="alert" { (visit.say("agreements-revoke-changed")) } }
        (described(visit, agreement))
        h2 { (visit.say("effect-title")) }
        (effect::show(visit, &effect))
        form.actions method="post" action={ "/agreements/" (id) "/revoke" } {
            input type="hidden" name="seen" value=(change);
            button.danger type="submit" data-question=(visit.say_with("agreements-revoke-really", &[("name", agreement.name.clone().into())])) { (visit.say("agreements-revoke")) }
            a.button href={ "/agreements/" (id) } { (visit.say("effect-leave")) }
        }
    };
    let page = visit.page(&title, &body);
    Ok(if changed { conflict(page) } else { page })
}

fn conflict(mut page: axum::response::Response) -> axum::response::Response {
    *page.status_mut() = axum::http::StatusCode::CONFLICT;
    page
}

/// Only what somebody looked at is ended: with the effect as it was shown, and while nothing else has changed since.
async fn revoke(visit: Visit, Path(id): Path<String>, body: Bytes) -> Answer {
    let standing = visit.server.desk.standing(visit.now).await?;
    known(&standing, &id)?;
    let seen = Query::of_form(&body).one("seen").and_then(|text| text.parse::<i64>().ok());
    match seen {
        Some(seen) if visit.server.register.revoke_agreement_seen(&id, visit.now, Some(seen)).await? == Some(true) => {
            let mut response = visit.on_to(&format!("/agreements/{id}"));
            response.extensions_mut().insert(Detail(format!("{id} revoked")));
            Ok(response)
        }
        _ => ending(&visit, &id, true).await,
    }
}
