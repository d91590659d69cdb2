//! Sessions of browsers: a random cookie, of which only the hash is kept; listed to their owner, ended by them, and over when unused.

use anyhow::{Result, ensure};
use axum::http::{HeaderMap, HeaderValue, header};
use casework::model::rights::Role;
use jiff::Timestamp;
use store::people::{Person, Session};
use store::register::Register;

use super::Role as TokenRole;
use crate::api::Guest;
use crate::console::visit::{Who, hashed};

/// The prefix binds it to this host over TLS (RFC 6265bis §4.1.3.2).
const SECURE: &str = "__Host-musubi";
const PLAIN: &str = "musubi";

/// Unused for so long, a session is over; used or not, after so long.
const IDLE: jiff::SignedDuration = jiff::SignedDuration::from_hours(12);
const LONGEST: jiff::SignedDuration = jiff::SignedDuration::from_hours(24 * 14);

/// The cookie a browser sent. Over TLS only the one that nobody but this host could have set.
pub(crate) fn cookie(headers: &HeaderMap, secure: bool) -> Option<String> {
    plain_cookie(headers, if secure { SECURE } else { PLAIN })
}

/// Any cookie.
pub(crate) fn plain_cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned()))
}

/// Who holds a cookie. A use now and then keeps the session going.
pub(crate) async fn signed_in(register: &Register, cookie: &str, now: Timestamp) -> Result<Option<(Who, Person)>> {
    let key = hashed(cookie);
    let Some((session, person)) = register.signed_in(&key, now.as_microsecond()).await? else { return Ok(None) };
    let (Ok(party), Some(role)) = (person.party.parse(), Role::read(&person.role)) else { return Ok(None) };
    let minute = 60_000_000;
    if now.as_microsecond() - session.seen_at > 5 * minute {
        let end = (now + IDLE).as_microsecond().min(session.created_at + LONGEST.as_micros() as i64);
        register.session_seen(&key, now.as_microsecond(), end).await?;
    }
    let who =
        Who { id: person.id.clone(), shown: person.shown.clone(), party, role, reads_only: false, session: Some(key), how: session.how };
    Ok(Some((who, person)))
}

/// Begins a session; gives the cookie to set. Whatever cookie there was before is worth nothing for it: nobody can fix one.
pub(crate) async fn begin(
    register: &Register,
    person: &Person,
    how: &str,
    address: std::net::IpAddr,
    headers: &HeaderMap,
    tls: bool,
    now: Timestamp,
) -> Result<HeaderValue> {
    let secret = super::new_token()?;
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let session = Session {
        key: hashed(&secret),
        id: super::new_token()?.chars().take(12).collect(),
        person: person.id.clone(),
        how: how.to_owned(),
        created_at: now.as_microsecond(),
        seen_at: now.as_microsecond(),
        expires_at: (now + IDLE).as_microsecond(),
        address: address.to_string(),
        agent: agent.chars().take(200).collect(),
        ended_at: None,
    };
    ensure!(register.begin_session(&session).await?, "the account of {} has ended", person.name);
    set_cookie(&secret, tls)
}

/// Another cookie for a session that goes on: whoever saw the old one holds nothing.
pub(crate) async fn rotate(register: &Register, key: &[u8], tls: bool) -> Result<(Vec<u8>, HeaderValue)> {
    let secret = super::new_token()?;
    let new = hashed(&secret);
    ensure!(register.rotate_session(key, &new).await?, "the session has ended");
    Ok((new, set_cookie(&secret, tls)?))
}

/// The cookie of a session; lax, so that a link in a mail opens the page it names.
fn set_cookie(secret: &str, tls: bool) -> Result<HeaderValue> {
    let text = match tls {
        true => format!("{SECURE}={secret}; Path=/; Secure; HttpOnly; SameSite=Lax"),
        false => format!("{PLAIN}={secret}; Path=/; HttpOnly; SameSite=Lax"),
    };
    Ok(HeaderValue::from_str(&text)?)
}

/// Takes the cookie back.
pub(crate) fn no_cookie(tls: bool) -> HeaderValue {
    HeaderValue::from_static(match tls {
        true => "__Host-musubi=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0",
        false => "musubi=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0",
    })
}

/// What a token or certificate may here: those of ourselves as readers, analysts, leads; those of others as partners.
pub(crate) fn of_guest(guest: &Guest) -> Who {
    let caller = &guest.caller;
    let own = guest.standing.own.as_ref() == Some(&caller.party);
    let role = match (own, caller.role) {
        (true, TokenRole::Reader) => Role::Auditor,
        (true, TokenRole::Member) => Role::Analyst,
        (true, TokenRole::Manager) => Role::Lead,
        (false, TokenRole::Manager) => Role::PartnerAdministrator,
        (false, _) => Role::Partner,
    };
    let reads_only = caller.role == TokenRole::Reader;
    let id = caller.token.as_ref().map_or_else(|| format!("certificate:{}", caller.party), |id| format!("token:{id}"));
    Who { shown: id.clone(), id, party: caller.party.clone(), role, reads_only, session: None, how: String::from("token") }
}
