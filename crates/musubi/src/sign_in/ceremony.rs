//! Sign-ins in two halves: what was asked stays here, the browser holds a random key for it in a cookie, and whoever answers uses it up.

use anyhow::Result;
use axum::http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::credentials::Ceremony;
use store::register::Register;

use super::session::plain_cookie;
use crate::console::visit::hashed;

/// What is waited for. Each has a cookie of its own, so that one does not disturb the other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// A passkey that signs in.
    Passkey,
    /// A passkey that is added.
    NewPasskey,
    /// The second factor after a password.
    Second,
    /// A second factor that is set up.
    NewSecond,
    /// The answer of another organisation.
    Oidc,
}

/// Seconds that the second half may take.
const PATIENCE: i64 = 600;

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Passkey => "passkey",
            Self::NewPasskey => "new-passkey",
            Self::Second => "second",
            Self::NewSecond => "new-second",
            Self::Oidc => "oidc",
        }
    }

    fn cookie(self, secure: bool) -> String {
        format!("{}musubi-{}", if secure { "__Host-" } else { "" }, self.as_str())
    }

    /// Takes the cookie back.
    pub(crate) fn no_cookie(self, secure: bool) -> HeaderValue {
        let text = format!("{}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0{}", self.cookie(secure), secured(secure));
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
    }
}

fn secured(secure: bool) -> &'static str {
    if secure { "; Secure" } else { "" }
}

/// Begins one; gives the cookie to set.
pub(crate) async fn begin(
    register: &Register,
    kind: Kind,
    person: Option<&str>,
    state: &(impl Serialize + Sync),
    secure: bool,
    now: Timestamp,
) -> Result<HeaderValue> {
    let secret = super::new_token()?;
    let ceremony = Ceremony {
        key: hashed(&secret),
        kind: kind.as_str().to_owned(),
        person: person.map(str::to_owned),
        state: serde_json::to_string(state)?,
        expires_at: now.as_microsecond() + PATIENCE * 1_000_000,
    };
    register.begin_ceremony(&ceremony, now.as_microsecond()).await?;
    let text = format!("{}={secret}; Path=/; HttpOnly; SameSite=Lax; Max-Age={PATIENCE}{}", kind.cookie(secure), secured(secure));
    Ok(HeaderValue::from_str(&text)?)
}

/// What waits for this browser, and whom it is about; it goes on waiting.
pub(crate) async fn look<T: DeserializeOwned>(
    register: &Register,
    kind: Kind,
    headers: &HeaderMap,
    secure: bool,
    now: Timestamp,
) -> Result<Option<(Option<String>, T)>> {
    let Some(secret) = plain_cookie(headers, &kind.cookie(secure)) else { return Ok(None) };
    let found = register.ceremony(&hashed(&secret), kind.as_str(), now.as_microsecond()).await?;
    found.map(|found| Ok((found.person, serde_json::from_str(&found.state)?))).transpose()
}

/// The same, and uses it up.
pub(crate) async fn take<T: DeserializeOwned>(
    register: &Register,
    kind: Kind,
    headers: &HeaderMap,
    secure: bool,
    now: Timestamp,
) -> Result<Option<(Option<String>, T)>> {
    let Some(secret) = plain_cookie(headers, &kind.cookie(secure)) else { return Ok(None) };
    let found = register.take_ceremony(&hashed(&secret), kind.as_str(), now.as_microsecond()).await?;
    found.map(|found| Ok((found.person, serde_json::from_str(&found.state)?))).transpose()
}
