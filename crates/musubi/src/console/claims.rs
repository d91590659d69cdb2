//! `/claims`: what outside parties say is theirs, how far they proved it, and whose it is besides. A claim of what another party holds
//! waits here for one of our people.

use std::collections::BTreeMap;

use axum::extract::Path;
use casework::model::party::{Party, PartyId, Provenance};
use casework::model::rights::Right;
use casework::parties::held::{Held, held};
use maud::{Markup, html};
use store::claims::{NetworkClaim, Stage};

use super::Route;
use super::elements::query::Query;
use super::elements::table::{Column, ROWS, paging, table};
use super::elements::{Tone, badge, empty, form};
use super::parties::name;
use super::portal::networks::{confirmed, others, read, stage_badge, taken_away};
use super::visit::{Answer, Detail, Fault, Visit};
use crate::api::standing::Standing;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/claims", Right::ReadParties, list),
        Route::post("/claims/{id}/accept", Right::ChangeParties, accept),
        Route::post("/claims/{id}/end", Right::ChangeParties, end),
    ]
}

/// Others that hold a part of what is claimed, shown beside one claim.
const OTHERS: usize = 5;

async fn list(visit: Visit) -> Answer {
    let query = Query::of(&visit.uri);
    let stage = query.one("stage").and_then(Stage::read);
    let after = query.one("after").and_then(|text| text.split_once('~')).and_then(|(at, id)| Some((at.parse().ok()?, id)));
    let register = &visit.server.register;
    let now = visit.now.as_microsecond();
    let mut claims = register.claims_page(stage, now, after, ROWS as i64 + 1).await?;
    let next = (claims.len() > ROWS).then(|| format!("{}~{}", claims[ROWS - 1].made_at, claims[ROWS - 1].id));
    claims.truncate(ROWS);
    let standing = visit.server.desk.standing(visit.now).await?;
    let mut people: BTreeMap<&str, String> = BTreeMap::new();
    for claim in &claims {
        for id in [Some(claim.person.as_str()), claim.decided_by.as_deref()].into_iter().flatten() {
            if !people.contains_key(id) {
                let shown = register.person(id).await?.map_or_else(|| id.to_owned(), |person| person.shown);
                people.insert(id, shown);
            }
        }
    }
    let columns = [
        Column::text(visit.say("claims-value")),
        Column::text(visit.say("claims-party")),
        Column::text(visit.say("claims-stage")),
        Column::text(visit.say("claims-way")),
        Column::text(visit.say("claims-others")),
        Column::text(visit.say("claims-made")),
        Column::text(visit.say("claims-do")),
    ];
    let rows: Vec<_> = claims.iter().map(|claim| row(&visit, &standing, claim, &people)).collect();
    let mut stages = vec![("", visit.say("claims-any"))];
    stages.extend(Stage::ALL.iter().map(|stage| (stage.as_str(), visit.say(&format!("claims-stage-{}", stage.as_str())))));
    let body = html! {
        p.lead { (visit.say("claims-lead")) }
        form.filter method="get" action="/claims" {
            (form::choice("stage", &visit.say("claims-stage"), stage.map_or("", Stage::as_str), &stages))
            button type="submit" { (visit.say("table-filter")) }
        }
        @if rows.is_empty() { (empty(&visit.say("claims-none"), stage.map(|_| ("/claims", visit.say("table-clear"))).as_ref().map(|(to, word)| (*to, word.as_str())))) }
        @else { (table(&visit.say("claims-title"), &columns, &rows)) (paging(&visit, next.as_deref())) }
    };
    Ok(visit.page(&visit.say("claims-title"), &body))
}

fn row(visit: &Visit, standing: &Standing, claim: &NetworkClaim, people: &BTreeMap<&str, String>) -> Vec<Markup> {
    let stage = claim.stage(visit.now.as_microsecond());
    let party = claim.party.parse::<PartyId>().ok();
    let known = party.as_ref().and_then(|id| standing.party(id));
    let who = |id: &str| people.get(id).cloned().unwrap_or_else(|| id.to_owned());
    let others = match (&party, read(&claim.value), stage) {
        (Some(party), Some(is), Stage::Open | Stage::Contested | Stage::Proved) => held(standing.parties.iter(), party, &is, visit.now),
        _ => Vec::new(),
    };
    let may = visit.may(Right::ChangeParties);
    vec![
        html! { span.mono.one-line[claim.value.len() <= 43] { (claim.value) } },
        html! { a href={ "/parties/" (claim.party) } { (known.map_or_else(|| claim.party.clone(), |party| name(visit, party))) } br; span.quiet { (who(&claim.person)) } },
        html! {
            (stage_badge(visit, stage))
            @if let Some(at) = claim.withdrawn_at.or(claim.confirmed_at).or(claim.contested_at) { br; (visit.stamp(at)) }
            @else if stage == Stage::Open { br; span.quiet { (visit.say("networks-until")) " " (visit.stamp(claim.expires_at)) } }
            @if let Some(by) = &claim.decided_by { br; span.quiet { (visit.say_with("claims-decided-by", &[("name", who(by).into())])) } }
        },
        html! {
            span.one-line { (visit.say(&format!("proof-{}", claim.way))) }
            @if let Some(address) = &claim.address { br; span.address { (address) } }
            br; span.quiet.one-line { (visit.say_with("claims-tries", &[("count", claim.tries.into())])) }
        },
        html! {
            @for other in others.iter().take(OTHERS) { div { (holder(visit, standing, other)) } }
            @if others.len() > OTHERS { span.quiet { (visit.say_with("parties-more", &[("shown", (others.len() - OTHERS).to_string().into())])) } }
        },
        visit.stamp(claim.made_at),
        html! {
            @if may && stage == Stage::Contested {
                form.actions method="post" action={ "/claims/" (claim.id) "/accept" } {
                    button type="submit" data-question=(visit.say_with("claims-accept-really", &[("value", claim.value.clone().into()), ("party", claim.party.clone().into())])) { (visit.say("claims-accept")) }
                }
            }
            @if may && matches!(stage, Stage::Contested | Stage::Proved | Stage::Open) {
                form.actions method="post" action={ "/claims/" (claim.id) "/end" } {
                    button.danger type="submit" data-question=(visit.say_with("claims-end-really", &[("value", claim.value.clone().into()), ("party", claim.party.clone().into())])) { (visit.say("claims-end")) }
                }
            }
        },
    ]
}

/// Another party that holds something of it.
fn holder(visit: &Visit, standing: &Standing, held: &Held) -> Markup {
    let said = match &held.provenance {
        Provenance::Own => visit.say("said-by-own"),
        Provenance::Claimed => visit.say("said-by-claimed"),
        Provenance::Registry(name) => visit.say_with("said-by-registry", &[("name", name.clone().into())]),
        Provenance::Country => visit.say("said-by-country"),
    };
    let shown = standing.party(&held.party).map_or_else(|| held.party.to_string(), |party| name(visit, party));
    html! {
        a href={ "/parties/" (held.party) } { (shown) } " " span.mono { (held.claim) } " "
        (badge(if held.contests() { Tone::Waiting } else { Tone::Quiet }, &said))
    }
}

/// The claim and whose it is, as long as there is something to decide.
async fn open(visit: &Visit, id: &str, stages: &[Stage]) -> Result<(NetworkClaim, Party), Fault> {
    let register = &visit.server.register;
    let claim = register.any_claim(id).await?.ok_or(Fault::NotFound)?;
    if !stages.contains(&claim.stage(visit.now.as_microsecond())) {
        return Err(Fault::Conflict(visit.say("claims-not-now")));
    }
    let party: PartyId = claim.party.parse()?;
    let party = register.party(&party, visit.now).await?.ok_or(Fault::NotFound)?;
    Ok((claim, party))
}

/// The claim comes into force; another's claim of the same ends. Our own entries are changed on the page of their party and nowhere else.
async fn accept(visit: Visit, Path(id): Path<String>) -> Answer {
    let register = &visit.server.register;
    let (claim, party) = open(&visit, &id, &[Stage::Contested]).await?;
    let is = read(&claim.value).ok_or_else(|| anyhow::anyhow!("claim {} is no network, AS or domain", claim.id))?;
    let contesting: Vec<Held> = others(&visit, &party.id, &is).await?.into_iter().filter(Held::contests).collect();
    if let Some(own) = contesting.iter().find(|held| held.provenance == Provenance::Own) {
        let with = [("party", own.party.to_string().into()), ("value", own.claim.to_string().into())];
        return Err(Fault::Conflict(visit.say_with("claims-own-first", &with)));
    }
    let (by, now) = (&visit.who()?.id, visit.now.as_microsecond());
    if !register.decide_claim(&claim.id, true, by, now).await? {
        return Err(Fault::Conflict(visit.say("claims-not-now")));
    }
    for held in &contesting {
        if let Some(other) = register.party(&held.party, visit.now).await? {
            taken_away(&visit, &other, &claim.value).await?;
        }
        register.supersede_claims(held.party.as_str(), &claim.value, by, now).await?;
    }
    confirmed(&visit, &party, is, visit.now).await?;
    let from: Vec<&str> = contesting.iter().map(|held| held.party.as_str()).collect();
    let detail = match from.is_empty() {
        true => format!("{} is of {}", claim.value, party.id),
        false => format!("{} is of {}, no longer of {}", claim.value, party.id, from.join(", ")),
    };
    let mut response = visit.on_to("/claims");
    response.extensions_mut().insert(Detail(detail));
    Ok(response)
}

/// The claim ends, also one that is in force.
async fn end(visit: Visit, Path(id): Path<String>) -> Answer {
    let (claim, party) = open(&visit, &id, &[Stage::Contested, Stage::Proved, Stage::Open]).await?;
    let register = &visit.server.register;
    if !register.decide_claim(&claim.id, false, &visit.who()?.id, visit.now.as_microsecond()).await? {
        return Err(Fault::Conflict(visit.say("claims-not-now")));
    }
    if claim.confirmed_at.is_some() {
        taken_away(&visit, &party, &claim.value).await?;
    }
    let mut response = visit.on_to("/claims");
    response.extensions_mut().insert(Detail(format!("{} of {} ended", claim.value, party.id)));
    Ok(response)
}
