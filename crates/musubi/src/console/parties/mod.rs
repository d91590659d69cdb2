//! `/parties`: who can act, what they answer for, how they are reached, and what they were told.

mod edit;
mod view;

use axum::extract::Path;
use casework::model::event::Country;
use casework::model::party::{Claim, Party, PartyId, PartyKind, Provenance, Validity};
use casework::model::rights::Right;
use formats::value;
use maud::{Markup, html};
use store::desk::{WhichNotices, listed_at};
use store::outbox::ContactQuality;

use super::Route;
use super::elements::query::Query;
use super::elements::table::{Column, ROWS, paging, table};
use super::elements::{Tone, badge, empty, facts, figure, form};
use super::portal::told::answered;
use super::visit::{Answer, Fault, Visit};
use super::words::grouped;
use crate::deliver::recipient::Recipient;

pub(super) fn routes() -> Vec<Route> {
    [
        vec![Route::get("/parties", Right::ReadParties, list), Route::get("/parties/{id}", Right::ReadParties, one)],
        edit::routes(),
        view::routes(),
    ]
    .concat()
}

/// Claims shown at once; the rest behind a link.
const CLAIMS: usize = 200;

/// What somebody looks for: words in names and addresses, or who answers for an address, network, AS or domain.
fn fits(party: &Party, sought: &str) -> bool {
    if let Some(ip) = value::ip(sought) {
        return party.constituency.iter().any(|part| matches!(&part.claim, Claim::Network(network) if network.contains(ip)));
    }
    if let Some(network) = value::network(sought).filter(|_| sought.contains('/')) {
        let both = |one: &value::Network| one.contains(network.address()) || network.contains(one.address());
        return party.constituency.iter().any(|part| matches!(&part.claim, Claim::Network(one) if both(one)));
    }
    let lower = sought.to_lowercase();
    if let Some(asn) = lower.strip_prefix("as").and_then(|digits| digits.parse::<u32>().ok()) {
        return party.constituency.iter().any(|part| part.claim == Claim::Asn(asn));
    }
    let within = |text: &str| text.to_lowercase().contains(&lower);
    within(party.id.as_str())
        || within(&party.name)
        || party.name_ja.as_deref().is_some_and(within)
        || party.communities.iter().any(|community| *community == lower)
        || party.contacts.iter().any(|contact| within(&contact.address))
        || party.constituency.iter().any(|part| match &part.claim {
            Claim::Domain(domain) => domain == &lower || lower.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.')),
            Claim::Product(product) => within(&product.vendor),
            _ => false,
        })
}

async fn list(visit: Visit) -> Answer {
    let query = Query::of(&visit.uri);
    let standing = visit.server.desk.standing(visit.now).await?;
    let contested = visit.server.register.contested_claims().await?;
    let kind = query.one("kind").and_then(PartyKind::read);
    let country = query.one("country").and_then(|text| value::country(&text.to_uppercase())).map(Country);
    let sought = query.one("q");
    let after = query.one("after").unwrap_or_default();
    let fitting = |party: &&Party| {
        kind.is_none_or(|kind| party.kind == kind)
            && country.is_none_or(|country| party.nation == Some(country))
            && sought.is_none_or(|sought| fits(party, sought))
    };
    let all: Vec<&Party> = standing.parties.iter().filter(fitting).collect();
    let count = all.len() as u64;
    let mut page: Vec<&Party> = all.into_iter().filter(|party| party.id.as_str() > after).take(ROWS + 1).collect();
    let next = (page.len() > ROWS).then(|| page[ROWS - 1].id.to_string());
    page.truncate(ROWS);
    let columns = [
        Column::text(visit.say("parties-name")),
        Column::text(visit.say("parties-kind")),
        Column::text(visit.say("parties-nation")),
        Column::number(visit.say("parties-claims")),
        Column::text(visit.say("parties-contact")),
        Column::text(visit.say("parties-communities")),
    ];
    let rows: Vec<_> = page
        .iter()
        .map(|party| {
            let contact = party.contacts.iter().find(|contact| contact.validity.holds(visit.now));
            vec![
                html! { a href={ "/parties/" (party.id) } { (name(&visit, party)) } @if standing.own.as_ref() == Some(&party.id) { " " (badge(Tone::Plain, &visit.say("parties-us"))) } br; span.quiet { (party.id) } },
                html! { (visit.say(&format!("party-kind-{}", party.kind.as_str()))) },
                html! { @if let Some(nation) = &party.nation { (nation.as_str()) } },
                html! { (grouped(party.constituency.len() as u64)) },
                html! { @match contact { Some(contact) => (contact.address), None => (badge(Tone::Waiting, &visit.say("parties-no-contact"))) } },
                html! { @for community in &party.communities { span.badge { (community) } " " } },
            ]
        })
        .collect();
    let mut kinds = vec![("", visit.say("parties-any"))];
    kinds.extend(PartyKind::ALL.iter().map(|kind| (kind.as_str(), visit.say(&format!("party-kind-{}", kind.as_str())))));
    let value = |name: &str| query.one(name).unwrap_or_default().to_owned();
    let body = html! {
        p.lead { (visit.say("parties-lead")) }
        p.actions {
            @if visit.may(Right::ChangeParties) { a.button.first href="/parties/new" { (visit.say("parties-new")) } }
            a.button href="/claims" { (visit.say("claims-title")) }
        }
        @if contested > 0 { p { a href="/claims?stage=contested" { (badge(Tone::Waiting, &visit.say_with("claims-waiting", &[("count", contested.into())]))) } } }
        form.filter method="get" action="/parties" {
            (form::field(&form::Field { name: "q", label: &visit.say("parties-q"), value: &value("q"), kind: "search", ..form::Field::default() }))
            (form::choice("kind", &visit.say("parties-kind"), &value("kind"), &kinds))
            (form::field(&form::Field { name: "country", label: &visit.say("parties-nation"), value: &value("country"), ..form::Field::default() }))
            button type="submit" { (visit.say("table-filter")) }
        }
        p.quiet { (visit.say_with("parties-count", &[("count", count.into()), ("shown", grouped(count).into())])) }
        @if rows.is_empty() { (empty(&visit.say("parties-none"), Some(("/parties", &visit.say("table-clear"))))) }
        @else { (table(&visit.say("nav-parties"), &columns, &rows)) (paging(&visit, next.as_deref())) }
    };
    Ok(visit.page(&visit.say("nav-parties"), &body))
}

/// The name in the viewer's language.
pub(super) fn name(visit: &Visit, party: &Party) -> String {
    let ja = visit.language() == casework::model::party::Language::Ja;
    party.name_ja.clone().filter(|_| ja).unwrap_or_else(|| party.name.clone())
}

fn said_by(visit: &Visit, provenance: &Provenance) -> Markup {
    match provenance {
        Provenance::Own => badge(Tone::Plain, &visit.say("said-by-own")),
        Provenance::Claimed => badge(Tone::Good, &visit.say("said-by-claimed")),
        Provenance::Registry(name) => badge(Tone::Quiet, &visit.say_with("said-by-registry", &[("name", name.clone().into())])),
        Provenance::Country => badge(Tone::Quiet, &visit.say("said-by-country")),
    }
}

fn valid(visit: &Visit, validity: Validity) -> Markup {
    html! {
        @if let Some(from) = validity.from { (visit.stamp(from.as_microsecond())) " – " }
        @if let Some(until) = validity.until { @if validity.from.is_none() { "– " } (visit.stamp(until.as_microsecond())) }
        @if !validity.holds(visit.now) { " " (badge(Tone::Quiet, &visit.say("networks-not-now"))) }
    }
}

async fn one(visit: Visit, Path(id): Path<String>) -> Answer {
    let id: PartyId = id.parse().map_err(|_| Fault::NotFound)?;
    let register = &visit.server.register;
    let standing = visit.server.desk.standing(visit.now).await?;
    // Also one that has ended.
    let party = match standing.party(&id) {
        Some(party) => party.clone(),
        None => register.party(&id, visit.now).await?.ok_or(Fault::NotFound)?,
    };
    let own = standing.own.as_ref() == Some(&id);
    let changes = register.party_changes(&id).await?;
    let quality = register.quality_of(&party.contacts.iter().map(|contact| contact.address.as_str()).collect::<Vec<_>>()).await?;
    let counts = register.notice_counts(Some(id.as_str())).await?;
    let notices = register.notices_page(&WhichNotices { party: Some(id.as_str()), ..WhichNotices::default() }, 10).await?;
    let releases = register.releases_before(Some(id.as_str()), None, 10).await?;
    let tokens: Vec<_> = register
        .tokens()
        .await?
        .into_iter()
        .filter(|token| token.party == id.as_str() && token.holds(visit.now.as_microsecond()))
        .collect();
    let agreements: Vec<_> = standing
        .agreements()
        .iter()
        .filter(|a| a.parties.contains(&id) || party.communities.iter().any(|community| a.communities.contains(community)))
        .collect();
    let out: i64 = counts.iter().filter(|(state, _)| state.is_out()).map(|(_, count)| count).sum();
    let unanswered = register.unanswered(id.as_str()).await?.unsigned_abs();
    let words = |all: &mut dyn Iterator<Item = String>| all.collect::<Vec<_>>().join(", ");
    let mut pairs = vec![
        (visit.say("parties-id"), html! { (party.id) @if own { " " (badge(Tone::Plain, &visit.say("parties-us"))) } }),
        (visit.say("parties-kind"), html! { (visit.say(&format!("party-kind-{}", party.kind.as_str()))) }),
        (visit.say("parties-nation"), html! { (party.nation.map_or_else(String::new, |nation| nation.as_str().to_owned())) }),
        (visit.say("parties-sectors"), html! { (words(&mut party.sectors.iter().cloned())) }),
        (visit.say("parties-communities"), html! { (words(&mut party.communities.iter().cloned())) }),
        (
            visit.say("parties-clients-of"),
            html! { @for (at, of) in party.clients_of.iter().enumerate() { @if at > 0 { ", " } a href={ "/parties/" (of) } { (of) } } },
        ),
        (visit.say("networks-said-by"), said_by(&visit, &party.provenance)),
        (visit.say("networks-valid"), valid(&visit, party.validity)),
    ];
    // What is not said takes no line.
    pairs.retain(|(_, value)| !value.0.is_empty());
    if let (Some(ja), true) = (&party.name_ja, name(&visit, &party) == party.name) {
        pairs.insert(1, (visit.say("parties-name-ja"), html! { (ja) }));
    }
    let body = html! {
        p.actions {
            @if !own { a.button href={ "/parties/" (id) "/view" } { (visit.say("parties-view")) } }
            @if visit.may(Right::ChangeParties) { a.button href={ "/parties/" (id) "/edit" } { (visit.say("parties-edit")) } }
        }
        (facts(&pairs))
        div.figures {
            (figure(&format!("/notices?party={id}&out=1"), out.unsigned_abs(), &visit.say("parties-told")))
            (figure(&format!("/notices?party={id}&open=1"), unanswered, &visit.say("portal-unanswered")))
            (figure(&format!("/releases?to={id}"), releases.len() as u64, &visit.say(if releases.len() == 10 { "parties-releases-newest" } else { "nav-releases" })))
        }
        h2 { (visit.say("parties-constituency")) }
        (claims(&visit, &party))
        h2 { (visit.say("networks-contacts")) }
        (contacts(&visit, &party, &quality))
        h2 { (visit.say("nav-agreements")) }
        @if agreements.is_empty() { (empty(&visit.say("parties-no-agreements"), Some(("/agreements", &visit.say("nav-agreements"))))) }
        @else { ul { @for a in agreements { li { a href={ "/agreements/" (a.id) } { (a.name) } " " (a.max_tlp) " " @if a.in_force(visit.now) { (badge(Tone::Good, &visit.say("agreements-in-force"))) } @else { (badge(Tone::Quiet, &visit.say("agreements-not-in-force"))) } } } } }
        h2 { (visit.say("nav-notices")) }
        @if notices.is_empty() { (empty(&visit.say("parties-no-notices"), None)) } @else {
            ul { @for notice in &notices { li { (visit.stamp(listed_at(notice))) " " a href={ "/notices/" (notice.id) } { (notice.id) } " " (visit.say(&format!("told-problem-{}", notice.digest.problem.as_str()))) " " @if notice.state.is_out() { (answered(&visit, notice)) } @else { (badge(Tone::Quiet, &visit.say(&format!("notice-{}", notice.state.as_str())))) } } } }
        }
        h2 { (visit.say("nav-releases")) }
        @if releases.is_empty() { (empty(&visit.say("releases-none-to"), None)) } @else {
            ul { @for logged in &releases { li { (visit.stamp(logged.release.at.as_microsecond())) " " a href={ "/releases/" (logged.release.id) } { (logged.release.id) } " " (visit.say(&format!("policy-channel-{}", logged.release.channel.as_str()))) } } }
        }
        @if !tokens.is_empty() { h2 { (visit.say("partner-tokens")) } ul { @for token in &tokens { li { code { (token.id) } " " (token.name.as_deref().unwrap_or_default()) @if let Some(at) = token.expires_at { " – " (visit.stamp(at)) } } } } }
        h2 { (visit.say("parties-history")) }
        ul { @for at in changes.iter().rev().take(50) { li { (visit.stamp(at.as_microsecond())) } } }
    };
    Ok(visit.page(&name(&visit, &party), &body))
}

fn claims(visit: &Visit, party: &Party) -> Markup {
    let columns = [
        Column::text(visit.say("networks-what")),
        Column::text(visit.say("networks-kind")),
        Column::text(visit.say("networks-said-by")),
        Column::text(visit.say("networks-valid")),
    ];
    let row = |part: &casework::model::party::Responsibility| {
        vec![
            html! { span.mono { (part.claim) } },
            html! { (visit.say(&format!("party-claim-{}", part.claim.kind()))) },
            said_by(visit, &part.provenance),
            valid(visit, part.validity),
        ]
    };
    let rows: Vec<_> = party.constituency.iter().take(CLAIMS).map(row).collect();
    if rows.is_empty() {
        return empty(&visit.say("networks-none"), None);
    }
    html! {
        (table(&visit.say("parties-constituency"), &columns, &rows))
        @if party.constituency.len() > CLAIMS { p.hint { (visit.say_with("parties-more", &[("shown", grouped((party.constituency.len() - CLAIMS) as u64).into())])) } }
    }
}

fn contacts(visit: &Visit, party: &Party, quality: &[ContactQuality]) -> Markup {
    let columns = [
        Column::text(visit.say("networks-address")),
        Column::text(visit.say("networks-role")),
        Column::text(visit.say("networks-language")),
        Column::text(visit.say("parties-key")),
        Column::text(visit.say("parties-quality")),
        Column::text(visit.say("networks-said-by")),
        Column::text(visit.say("networks-valid")),
    ];
    let rows: Vec<_> = party
        .contacts
        .iter()
        .map(|contact| {
            let known = quality.iter().find(|one| one.address == contact.address);
            vec![
                html! { (contact.address) },
                html! { (visit.say(&format!("party-contact-{}", contact.role.as_str()))) },
                html! { (visit.say(&format!("party-language-{}", contact.language.as_str()))) },
                html! { @match contact.openpgp_key.as_ref().map(|key| Recipient::read(key, visit.now)) {
                    None => (badge(Tone::Quiet, &visit.say("networks-unsealed"))),
                    Some(Ok(key)) => { code { (key.fingerprint()) } @if let Some(at) = key.expires() { " – " (visit.stamp(at.as_microsecond())) } }
                    Some(Err(error)) => { (badge(Tone::Bad, &visit.say("partner-key-unusable"))) " " (error) }
                } },
                html! { @match known {
                    Some(one) => {
                        (visit.say_with("parties-quality-is", &[("sent", grouped(one.sent.unsigned_abs()).into()), ("answered", grouped(one.answered.unsigned_abs()).into()), ("fixed", grouped(one.fixed.unsigned_abs()).into())]))
                        @if one.bounced > 0 { " " (badge(Tone::Bad, &visit.say_with("parties-bounced", &[("shown", grouped(one.bounced.unsigned_abs()).into())]))) }
                    }
                    None => span.quiet { (visit.say("parties-never-used")) }
                } },
                said_by(visit, &contact.provenance),
                valid(visit, contact.validity),
            ]
        })
        .collect();
    if rows.is_empty() { empty(&visit.say("networks-no-contacts"), None) } else { table(&visit.say("networks-contacts"), &columns, &rows) }
}
