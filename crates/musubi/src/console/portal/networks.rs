//! `/portal/networks`: what we hold a party responsible for, and how it claims more. What is claimed counts once it is proved.

use axum::body::Bytes;
use axum::extract::Path;
use casework::model::party::{Claim, Party, PartyId, Provenance, Responsibility, Validity};
use casework::model::rights::Right;
use casework::parties::Draft;
use casework::parties::held::{Held, held};
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use store::claims::{NetworkClaim, Stage};

use super::Lens;
use super::proof::{self, Proof, Way};
use crate::config::Config;
use crate::console::Route;
use crate::console::elements::query::Query;
use crate::console::elements::table::{Column, table};
use crate::console::elements::{Tone, badge, empty, form};
use crate::console::visit::{Answer, Detail, Fault, Visit};
use crate::sign_in::new_token;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/portal/networks", Right::UsePortal, own),
        Route::post("/portal/networks", Right::AnswerInPortal, claim),
        Route::post("/portal/networks/{id}/check", Right::AnswerInPortal, check),
        Route::post("/portal/networks/{id}/withdraw", Right::AnswerInPortal, withdraw),
    ]
}

/// A claim may be proved for so long.
const DAYS: i64 = 14;
/// Claims of a party in a day, and tries at each.
const A_DAY: i64 = 20;
const TRIES: i64 = 20;
const MAILED_TRIES: i64 = 5;

async fn own(visit: Visit) -> Answer {
    let lens = Lens::of_partner(&visit).await?;
    page(&visit, &lens, None).await
}

/// The page; with what was wrong with a claim.
pub(crate) async fn page(visit: &Visit, lens: &Lens, wrong: Option<(&str, String)>) -> Answer {
    let party = &lens.party;
    let claims = visit.server.register.claims_of(party.id.as_str(), 100).await?;
    let columns = [
        Column::text(visit.say("networks-what")),
        Column::text(visit.say("networks-kind")),
        Column::text(visit.say("networks-said-by")),
        Column::text(visit.say("networks-valid")),
    ];
    let rows: Vec<_> = party
        .constituency
        .iter()
        .map(|part| {
            vec![
                html! { span.mono { (part.claim) } },
                html! { (visit.say(&format!("party-claim-{}", part.claim.kind()))) },
                html! { (said_by(visit, &part.provenance)) },
                valid(visit, part.validity),
            ]
        })
        .collect();
    let contacts: Vec<_> = party
        .contacts
        .iter()
        .map(|contact| {
            vec![
                html! { (contact.address) },
                html! { (visit.say(&format!("party-contact-{}", contact.role.as_str()))) },
                html! { (visit.say(&format!("party-language-{}", contact.language.as_str()))) },
                html! { @if contact.openpgp_key.is_some() { (badge(Tone::Good, &visit.say("networks-sealed"))) } @else { (badge(Tone::Quiet, &visit.say("networks-unsealed"))) } },
            ]
        })
        .collect();
    let contact_columns = [
        Column::text(visit.say("networks-address")),
        Column::text(visit.say("networks-role")),
        Column::text(visit.say("networks-language")),
        Column::text(visit.say("networks-mail")),
    ];
    let body = html! {
        p.lead { (visit.say("networks-lead")) }
        @if rows.is_empty() { (empty(&visit.say("networks-none"), None)) } @else { (table(&visit.say("nav-portal-networks"), &columns, &rows)) }
        h2 { (visit.say("networks-contacts")) }
        @if contacts.is_empty() { (empty(&visit.say("networks-no-contacts"), None)) } @else { (table(&visit.say("networks-contacts"), &contact_columns, &contacts)) }
        h2 #claim { (visit.say("networks-claims")) }
        p { (visit.say("networks-claims-why")) }
        @if lens.theirs { (claim_form(visit, wrong)) }
        @for claim in &claims { (shown(visit, lens, claim)) }
    };
    Ok(lens.page(visit, &visit.say("nav-portal-networks"), &body))
}

fn said_by(visit: &Visit, provenance: &Provenance) -> String {
    match provenance {
        Provenance::Own => visit.say("said-by-own"),
        Provenance::Claimed => visit.say("said-by-claimed"),
        Provenance::Registry(name) => visit.say_with("said-by-registry", &[("name", name.clone().into())]),
        Provenance::Country => visit.say("said-by-country"),
    }
}

fn valid(visit: &Visit, validity: Validity) -> Markup {
    html! {
        @if let Some(from) = validity.from { (visit.stamp(from.as_microsecond())) " – " }
        @if let Some(until) = validity.until { @if validity.from.is_none() { "– " } (visit.stamp(until.as_microsecond())) }
        @if !validity.holds(visit.now) { " " (badge(Tone::Quiet, &visit.say("networks-not-now"))) }
    }
}

fn claim_form(visit: &Visit, wrong: Option<(&str, String)>) -> Markup {
    let ways: Vec<(&str, String)> = Way::ALL.iter().map(|way| (way.as_str(), visit.say(&format!("proof-{}", way.as_str())))).collect();
    let (value, wrong) = wrong.map_or(("", None), |(value, wrong)| (value, Some(wrong)));
    html! {
        form.stack method="post" action="/portal/networks" {
            (form::field(&form::Field { name: "value", label: &visit.say("networks-value"), hint: &visit.say("networks-value-hint"), value, wrong: wrong.as_deref(), required: true, ..form::Field::default() }))
            (form::choice("way", &visit.say("networks-way"), "dns", &ways))
            button.first type="submit" { (visit.say("networks-claim")) }
        }
    }
}

/// How far a claim has come.
pub(crate) fn stage_badge(visit: &Visit, stage: Stage) -> Markup {
    match stage {
        Stage::Open => badge(Tone::Waiting, &visit.say("networks-waiting")),
        Stage::Expired => badge(Tone::Quiet, &visit.say("networks-expired")),
        Stage::Contested => badge(Tone::Waiting, &visit.say("networks-contested")),
        Stage::Proved => badge(Tone::Good, &visit.say("networks-confirmed")),
        Stage::Ended => badge(Tone::Quiet, &visit.say("networks-ended")),
    }
}

fn shown(visit: &Visit, lens: &Lens, claim: &NetworkClaim) -> Markup {
    let stage = claim.stage(visit.now.as_microsecond());
    let way = Way::read(&claim.way);
    html! {
        section.card id={ "claim-" (claim.id) } {
            h3 { span.mono { (claim.value) } " " (stage_badge(visit, stage)) }
            @if stage == Stage::Contested { p { (visit.say("networks-contested-why")) } }
            @if stage == Stage::Ended { p { (visit.say("networks-ended-why")) } }
            @if let (true, Some(way)) = (stage == Stage::Open && lens.theirs, way) {
                @match way {
                    Way::Dns => { p { (visit.say("proof-dns-how")) } pre { (proof::dns_name(&claim.value).unwrap_or_default()) ". TXT \"" (claim.code) "\"" } }
                    Way::File => { p { (visit.say("proof-file-how")) } pre { (proof::file_address(&visit.server.limits, &claim.value)) "\n\n" (claim.code) } }
                    Way::Mail => p { (visit.say_with("proof-mail-how", &[("address", claim.address.clone().unwrap_or_default().into())])) }
                }
                form.filter method="post" action={ "/portal/networks/" (claim.id) "/check" } {
                    @if way == Way::Mail {
                        label for={ "code-" (claim.id) } { (visit.say("networks-code")) }
                        input id={ "code-" (claim.id) } name="code" autocomplete="one-time-code" spellcheck="false" required;
                    }
                    button type="submit" { (visit.say("networks-check")) }
                }
                p.hint { (visit.say("networks-until")) " " (visit.stamp(claim.expires_at)) }
            }
            @if lens.theirs && stage != Stage::Ended {
                form.actions method="post" action={ "/portal/networks/" (claim.id) "/withdraw" } {
                    button.danger type="submit" data-question=(visit.say_with("networks-withdraw-really", &[("value", claim.value.clone().into())])) { (visit.say("networks-withdraw")) }
                }
            }
        }
    }
}

/// A network, AS or domain as somebody wrote it.
pub(crate) fn read(text: &str) -> Option<Claim> {
    let mut draft = Draft::default();
    let text = text.trim().to_owned();
    let digits = text.strip_prefix("AS").or(text.strip_prefix("as")).unwrap_or(&text);
    let key = match () {
        () if text.contains('/') || text.parse::<std::net::IpAddr>().is_ok() => "networks",
        () if digits.bytes().all(|b| b.is_ascii_digit()) => "asns",
        () => "domains",
    };
    draft.add(key, [text]);
    draft.answers_for().ok()?.into_iter().next().map(|part| part.claim)
}

async fn claim(visit: Visit, body: Bytes) -> Answer {
    let lens = Lens::of_partner(&visit).await?;
    let form = Query::of_form(&body);
    let value = form.one("value").unwrap_or_default();
    let way = form.one("way").and_then(Way::read).ok_or_else(|| Fault::Wrong(visit.say("networks-way")))?;
    let refused = |wrong: String| async { page(&visit, &lens, Some((value, wrong))).await };
    let Some(claim) = read(value) else { return refused(visit.say("networks-value-wrong")).await };
    if lens.party.constituency.iter().any(|part| part.claim == claim && part.validity.holds(visit.now)) {
        return refused(visit.say("networks-already")).await;
    }
    let day = visit.now.checked_sub(SignedDuration::from_hours(24))?.as_microsecond();
    if visit.server.register.claims_since(lens.party.id.as_str(), day).await? >= A_DAY {
        return refused(visit.say("networks-too-many")).await;
    }
    let config = Config::of(visit.server.home.root())?;
    if let Err(why) = proof::possible(&visit.server.limits, &config, &claim, way) {
        return refused(visit.say(why)).await;
    }
    let id: String = new_token()?.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
    let code = format!("musubi-claim={}", new_token()?);
    let mut kept = NetworkClaim {
        id: id.clone(),
        party: lens.party.id.to_string(),
        person: visit.who()?.id.clone(),
        value: claim.to_string(),
        way: way.as_str().to_owned(),
        code: code.clone(),
        address: None,
        tries: 0,
        made_at: visit.now.as_microsecond(),
        expires_at: visit.now.checked_add(SignedDuration::from_hours(24 * DAYS))?.as_microsecond(),
        confirmed_at: None,
        withdrawn_at: None,
        contested_at: None,
        decided_at: None,
        decided_by: None,
    };
    if way == Way::Mail {
        // Short enough to be typed; five tries of a million million.
        let code: String = new_token()?.chars().filter(char::is_ascii_alphanumeric).take(10).collect();
        match proof::mail(&visit, &config, &lens.party, &claim, &code).await? {
            Some(address) => {
                kept.address = Some(address);
                kept.code = proof::hashed(&code);
            }
            None => return refused(visit.say("proof-mail-nobody")).await,
        }
    }
    visit.server.register.add_claim(&kept).await?;
    let mut response = visit.on_to(&format!("/portal/networks#claim-{id}"));
    response.extensions_mut().insert(Detail(format!("{} by {}", kept.value, kept.way)));
    Ok(response)
}

async fn check(visit: Visit, Path(id): Path<String>, body: Bytes) -> Answer {
    let lens = Lens::of_partner(&visit).await?;
    let register = &visit.server.register;
    let claim = register.claim(lens.party.id.as_str(), &id).await?.ok_or(Fault::NotFound)?;
    let way = Way::read(&claim.way).ok_or(Fault::NotFound)?;
    let most = if way == Way::Mail { MAILED_TRIES } else { TRIES };
    let about = |what: &str| Detail(format!("{} by {}: {what}", claim.value, claim.way));
    if register.try_claim(&claim.id, most, visit.now.as_microsecond()).await?.is_none() {
        return Ok(about("not tried any more").of_refusal(Fault::Wrong(visit.say("networks-no-more-tries"))));
    }
    let form = Query::of_form(&body);
    match proof::check(&visit.server.limits, &claim, way, form.one("code")).await {
        Proof::Shown => {}
        Proof::NotShown => return Ok(about("not shown").of_refusal(Fault::Wrong(visit.say("networks-not-shown")))),
        Proof::NotReached(why) => {
            tracing::info!(party = %lens.party.id, "{} could not be proved by {}: {why:#}", claim.value, claim.way);
            return Ok(about("not reached").of_refusal(Fault::Wrong(visit.say("networks-not-reached"))));
        }
    }
    let is = read(&claim.value).ok_or_else(|| anyhow::anyhow!("claim {} is no network, AS or domain", claim.id))?;
    let contested = others(&visit, &lens.party.id, &is).await?.iter().any(Held::contests);
    if contested {
        register.contest_claim(&claim.id, visit.now.as_microsecond()).await?;
    } else {
        confirmed(&visit, &lens.party, is, visit.now).await?;
        register.confirm_claim(&claim.id, visit.now.as_microsecond()).await?;
    }
    let mut response = visit.on_to("/portal/networks");
    response.extensions_mut().insert(about(if contested { "proved; another party holds it" } else { "proved" }));
    Ok(response)
}

/// What others hold of what a party claims, now.
pub(crate) async fn others(visit: &Visit, party: &PartyId, claim: &Claim) -> Result<Vec<Held>, Fault> {
    let standing = visit.server.desk.standing(visit.now).await?;
    Ok(held(standing.parties.iter(), party, claim, visit.now))
}

/// What was proved is an entry of the party from now on; our own entries are believed before it.
pub(crate) async fn confirmed(visit: &Visit, party: &Party, claim: Claim, now: Timestamp) -> Result<(), Fault> {
    let part = Responsibility { claim, provenance: Provenance::Claimed, validity: Validity { from: Some(now), until: None } };
    let add = move |known: Option<&Party>, said: Party| {
        let mut party = known.cloned().unwrap_or(said);
        if !party
            .constituency
            .iter()
            .any(|there| there.claim == part.claim && there.provenance == Provenance::Claimed && there.validity.until.is_none())
        {
            party.constituency.push(part.clone());
        }
        party
    };
    visit.server.register.record_parties(vec![party.clone()], now, add).await?;
    Ok(())
}

/// A claim is taken back; what it had proved holds no longer.
async fn withdraw(visit: Visit, Path(id): Path<String>) -> Answer {
    let lens = Lens::of_partner(&visit).await?;
    let register = &visit.server.register;
    let claim = register.claim(lens.party.id.as_str(), &id).await?.ok_or(Fault::NotFound)?;
    if claim.confirmed_at.is_some() {
        taken_away(&visit, &lens.party, &claim.value).await?;
    }
    register.withdraw_claim(lens.party.id.as_str(), &claim.id, visit.now.as_microsecond()).await?;
    let mut response = visit.on_to("/portal/networks");
    response.extensions_mut().insert(Detail(claim.value));
    Ok(response)
}

/// What was claimed is an entry of the party no longer.
pub(crate) async fn taken_away(visit: &Visit, party: &Party, value: &str) -> Result<(), Fault> {
    let value = value.to_owned();
    let take_away = move |known: Option<&Party>, said: Party| {
        let mut party = known.cloned().unwrap_or(said);
        party.constituency.retain(|part| part.provenance != Provenance::Claimed || part.claim.to_string() != value);
        party
    };
    visit.server.register.record_parties(vec![party.clone()], visit.now, take_away).await?;
    Ok(())
}
