//! `/portal/settings`: how a party is told, its keys, its tokens, its people. For whoever looks after the account of the party.

use axum::body::Bytes;
use axum::extract::Path;
use casework::model::party::{Language, Party, Provenance};
use casework::model::rights::{Right, Role};
use jiff::SignedDuration;
use maud::{Markup, html};
use store::people::{Invitation, Person};
use store::tokens::Token;

use super::Lens;
use crate::console::Route;
use crate::console::elements::query::Query;
use crate::console::elements::table::{Column, table};
use crate::console::elements::{Tone, badge, empty, form};
use crate::console::visit::{Answer, Detail, Fault, Visit, hashed};
use crate::deliver::recipient::Recipient;
use crate::sign_in::{hash, new_token};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/portal/settings", Right::ManagePartner, own),
        Route::post("/portal/settings/contact", Right::ManagePartner, contact),
        Route::post("/portal/settings/tokens", Right::ManagePartner, new).taking(16 * 1024),
        Route::post("/portal/settings/tokens/{id}/revoke", Right::ManagePartner, revoke),
        Route::post("/portal/settings/people", Right::ManagePartner, invite),
        Route::post("/portal/settings/people/{id}/end", Right::ManagePartner, end),
    ]
}

async fn own(visit: Visit) -> Answer {
    let lens = Lens::of_partner(&visit).await?;
    page(&visit, &lens).await
}

/// What whoever looks after the account of the party sets. Whoever of us looks as the party sees of its people and tokens what the role shows
/// anyway.
pub(crate) async fn page(visit: &Visit, lens: &Lens) -> Answer {
    let now = visit.now.as_microsecond();
    let theirs = lens.theirs;
    let tokens = tokens_of(visit, &lens.party).await?;
    let people = visit.server.register.people_of(lens.party.id.as_str()).await?;
    let body = html! {
        h2 { (visit.say("partner-told")) }
        p { (visit.say("partner-told-why")) }
        @if lens.party.contacts.is_empty() { (empty(&visit.say("networks-no-contacts"), None)) }
        @for contact in &lens.party.contacts {
            section.card {
                h3 { (contact.address) " " span.quiet { (visit.say(&format!("party-contact-{}", contact.role.as_str()))) } }
                (key_state(visit, contact.openpgp_key.as_deref()))
                @if theirs { form.stack method="post" action="/portal/settings/contact" {
                    input type="hidden" name="address" value=(contact.address);
                    input type="hidden" name="role" value=(contact.role.as_str());
                    (form::choice("language", &visit.say("networks-language"), contact.language.as_str(), &[("ja", visit.say("party-language-ja")), ("en", visit.say("party-language-en"))]))
                    (form::lines("key", &visit.say("partner-key"), "", 4))
                    p.hint { (visit.say("partner-key-hint")) }
                    @if contact.openpgp_key.is_some() { label { input type="checkbox" name="without" value="yes"; " " (visit.say("partner-key-remove")) } }
                    button type="submit" { (visit.say("partner-save")) }
                } }
            }
        }
        h2 { (visit.say("partner-tokens")) }
        p { (visit.say("partner-tokens-why")) }
        @if theirs || visit.may(Right::ReadSettings) { (token_table(visit, lens, &tokens, now)) } @else { p.hint { (visit.say("partner-not-shown")) } }
        @if theirs { form.filter method="post" action="/portal/settings/tokens" {
            (form::field(&form::Field { name: "name", label: &visit.say("partner-token-name"), required: true, ..form::Field::default() }))
            (form::choice("role", &visit.say("partner-token-may"), "reader", &[("reader", visit.say("partner-token-reader")), ("member", visit.say("partner-token-member"))]))
            (form::choice("days", &visit.say("partner-token-days"), "365", &[("30", visit.say("partner-days-30")), ("90", visit.say("partner-days-90")), ("365", visit.say("partner-days-365"))]))
            button type="submit" { (visit.say("partner-token-new")) }
        } }
        h2 { (visit.say("partner-people")) }
        @if theirs || visit.may(Right::ReadPeople) { (people_table(visit, lens, &people)) } @else { p.hint { (visit.say("partner-not-shown")) } }
        @if theirs { form.filter method="post" action="/portal/settings/people" {
            (form::choice("role", &visit.say("partner-role"), "partner", &[("partner", visit.say("role-partner")), ("partner-administrator", visit.say("role-partner-administrator"))]))
            button type="submit" { (visit.say("partner-invite")) }
        } }
    };
    Ok(lens.page(visit, &visit.say("nav-portal-settings"), &body))
}

fn key_state(visit: &Visit, key: Option<&str>) -> Markup {
    let Some(key) = key else { return html! { p { (badge(Tone::Quiet, &visit.say("networks-unsealed"))) } } };
    match Recipient::read(key, visit.now) {
        Ok(recipient) => html! {
            p {
                (badge(Tone::Good, &visit.say("networks-sealed"))) " " code { (recipient.fingerprint()) } " "
                @match recipient.expires() {
                    Some(at) => { (visit.say("partner-key-until")) " " (visit.stamp(at.as_microsecond())) }
                    None => (visit.say("partner-key-for-ever")),
                }
            }
        },
        Err(error) => html! { p.wrong { (visit.say("partner-key-unusable")) " " (error) } },
    }
}

fn token_table(visit: &Visit, lens: &Lens, tokens: &[Token], now: i64) -> Markup {
    let columns = [
        Column::text(visit.say("partner-token-name")),
        Column::text(visit.say("partner-token-may")),
        Column::text(visit.say("partner-made")),
        Column::text(visit.say("partner-until")),
        Column::text(""),
    ];
    let rows: Vec<_> = tokens
        .iter()
        .map(|token| {
            vec![
                html! { (token.name.as_deref().unwrap_or_default()) " " code { (token.id) } },
                html! { (visit.say(&format!("partner-token-{}", token.role))) },
                visit.stamp(token.created_at),
                html! { @if let Some(at) = token.expires_at { (visit.stamp(at)) } },
                html! { @if token.holds(now) {
                    @if lens.theirs { form method="post" action={ "/portal/settings/tokens/" (token.id) "/revoke" } {
                        button.danger type="submit" data-question=(visit.say_with("partner-revoke-really", &[("token", token.id.clone().into())])) { (visit.say("partner-revoke")) }
                    } }
                } @else { (badge(Tone::Quiet, &visit.say("partner-ended"))) } },
            ]
        })
        .collect();
    if rows.is_empty() { empty(&visit.say("partner-no-tokens"), None) } else { table(&visit.say("partner-tokens"), &columns, &rows) }
}

fn people_table(visit: &Visit, lens: &Lens, people: &[Person]) -> Markup {
    let columns = [
        Column::text(visit.say("partner-person")),
        Column::text(visit.say("partner-role")),
        Column::text(visit.say("partner-made")),
        Column::text(""),
    ];
    let me = visit.who.as_ref().map(|who| who.id.clone()).unwrap_or_default();
    let rows: Vec<_> = people
        .iter()
        .map(|person| {
            vec![
                html! { (person.shown) " " span.quiet { (person.name) } },
                html! { (visit.say(&format!("role-{}", person.role))) },
                visit.stamp(person.created_at),
                html! { @if person.disabled_at.is_some() { (badge(Tone::Quiet, &visit.say("partner-ended"))) } @else if lens.theirs && person.id != me {
                    form method="post" action={ "/portal/settings/people/" (person.id) "/end" } {
                        button.danger type="submit" data-question=(visit.say_with("partner-end-really", &[("person", person.shown.clone().into())])) { (visit.say("partner-end")) }
                    }
                } },
            ]
        })
        .collect();
    if rows.is_empty() { empty(&visit.say("partner-no-people"), None) } else { table(&visit.say("partner-people"), &columns, &rows) }
}

async fn tokens_of(visit: &Visit, party: &Party) -> Result<Vec<Token>, Fault> {
    let mut tokens = visit.server.register.tokens().await?;
    tokens.retain(|token| token.party == party.id.as_str());
    tokens.reverse();
    Ok(tokens)
}

/// In which language a contact is written to, and to which key. What a party says of its own contact is its claim.
async fn contact(visit: Visit, body: Bytes) -> Answer {
    let lens = Lens::of_partner(&visit).await?;
    let form = Query::of_form(&body);
    let address = form.one("address").unwrap_or_default().to_owned();
    let role = form.one("role").unwrap_or_default().to_owned();
    let language = form.one("language").and_then(Language::read).ok_or_else(|| Fault::Wrong(visit.say("networks-language")))?;
    if !lens.party.contacts.iter().any(|contact| contact.address == address && contact.role.as_str() == role) {
        return Err(Fault::NotFound);
    }
    let key = match form.one("key") {
        Some(text) => {
            if let Err(error) = Recipient::read(text, visit.now) {
                return Err(Fault::Wrong(format!("{} {error}", visit.say("partner-key-unusable"))));
            }
            Some(text.replace("\r\n", "\n"))
        }
        None => None,
    };
    let without = form.one("without").is_some();
    let now = visit.now;
    let detail = Detail(format!(
        "{address}: {language:?}{}{}",
        if key.is_some() { ", another key" } else { "" },
        if without { ", no key" } else { "" }
    ));
    let change = move |known: Option<&Party>, said: Party| {
        let mut party = known.cloned().unwrap_or(said);
        let valid = |contact: &&mut casework::model::party::Contact| {
            contact.address == address && contact.role.as_str() == role && contact.validity.holds(now)
        };
        for contact in party.contacts.iter_mut().filter(valid) {
            contact.language = language;
            match (&key, without) {
                (Some(key), _) => contact.openpgp_key = Some(key.clone()),
                (None, true) => contact.openpgp_key = None,
                (None, false) => {}
            }
            if contact.provenance > Provenance::Claimed {
                contact.provenance = Provenance::Claimed;
            }
        }
        party
    };
    visit.server.register.record_parties(vec![lens.party.clone()], now, change).await?;
    let mut response = visit.on_to("/portal/settings");
    response.extensions_mut().insert(detail);
    Ok(response)
}

/// The token stands on this page and nowhere else, ever.
async fn new(visit: Visit, body: Bytes) -> Answer {
    let lens = Lens::of_partner(&visit).await?;
    let form = Query::of_form(&body);
    let role = form.one("role").filter(|role| matches!(*role, "reader" | "member")).unwrap_or("reader");
    let days = form.one("days").and_then(|text| text.parse().ok()).filter(|days| (1..=365).contains(days)).unwrap_or(90);
    let name: String = form.one("name").unwrap_or_default().chars().filter(|c| !c.is_control()).take(80).collect();
    let secret = new_token()?;
    let random: String = hash(&new_token()?).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let token = Token {
        id: format!("t-{random}"),
        party: lens.party.id.to_string(),
        role: role.to_owned(),
        secret: hash(&secret).to_vec(),
        name: Some(name),
        created_at: visit.now.as_microsecond(),
        expires_at: Some(visit.now.checked_add(SignedDuration::from_hours(24 * days))?.as_microsecond()),
        revoked_at: None,
        last_used: None,
    };
    visit.server.register.add_token(&token).await?;
    let body = html! {
        p.lead { (visit.say("partner-token-once")) }
        pre { "user     " (token.id) "\npassword " (secret) }
        p.actions { button type="button" data-copy=(secret) { (visit.say("partner-copy")) } a.button href="/portal/settings" { (visit.say("partner-back")) } }
    };
    let mut response = lens.page(&visit, &visit.say("partner-token-new"), &body);
    once(&mut response);
    response.extensions_mut().insert(Detail(format!("token {}", token.id)));
    Ok(response)
}

/// A secret is shown: nobody keeps the page.
fn once(response: &mut axum::response::Response) {
    use axum::http::{HeaderValue, header};
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

async fn revoke(visit: Visit, Path(id): Path<String>) -> Answer {
    let lens = Lens::of_partner(&visit).await?;
    if !tokens_of(&visit, &lens.party).await?.iter().any(|token| token.id == id) {
        return Err(Fault::NotFound);
    }
    visit.server.register.revoke_token(&id, visit.now.as_microsecond()).await?;
    Ok(visit.on_to("/portal/settings"))
}

async fn invite(visit: Visit, body: Bytes) -> Answer {
    let lens = Lens::of_partner(&visit).await?;
    let role = Query::of_form(&body).one("role").and_then(Role::read).filter(|role| role.is_partner());
    let role = role.ok_or_else(|| Fault::Wrong(visit.say("partner-role")))?;
    let secret = new_token()?;
    let invitation = Invitation {
        key: hashed(&secret),
        party: lens.party.id.to_string(),
        role: role.to_string(),
        person: None,
        created_at: visit.now.as_microsecond(),
        created_by: Some(visit.who()?.id.clone()),
        expires_at: visit.now.checked_add(SignedDuration::from_hours(24 * 3))?.as_microsecond(),
        used_at: None,
    };
    visit.server.register.invite(&invitation).await?;
    let link = format!("/welcome?key={secret}");
    let body = html! {
        p.lead { (visit.say("partner-invite-once")) }
        pre { (link) }
        p.actions { a.button href="/portal/settings" { (visit.say("partner-back")) } }
    };
    let mut response = lens.page(&visit, &visit.say("partner-invite"), &body);
    once(&mut response);
    response.extensions_mut().insert(Detail(format!("invited a {role}")));
    Ok(response)
}

/// Ends an account of the own party; whoever does it keeps theirs, so that somebody is left.
async fn end(visit: Visit, Path(id): Path<String>) -> Answer {
    let lens = Lens::of_partner(&visit).await?;
    let register = &visit.server.register;
    let person = register.person(&id).await?.filter(|person| person.party == lens.party.id.as_str()).ok_or(Fault::NotFound)?;
    if person.id == visit.who()?.id {
        return Err(Fault::Wrong(visit.say("partner-not-yourself")));
    }
    let now = visit.now.as_microsecond();
    register.set_disabled(&person.id, true, now).await?;
    Ok(visit.on_to("/portal/settings"))
}
