//! Passkeys (W3C WebAuthn, level 3): a key that stays on its device and opens only for the host name it was made for.

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use store::people::Person;
use webauthn_rs::Webauthn;
use webauthn_rs::prelude::{
    DiscoverableAuthentication, Passkey, PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential, Uuid,
};

/// Asks a browser for a new passkey of somebody; those they have already are not made again. Gives what is asked, and what is kept.
pub(crate) fn ask_new(webauthn: &Webauthn, person: &Person, have: &[String]) -> Result<(Value, PasskeyRegistration)> {
    let id = Uuid::parse_str(&person.id).context("the id of a person is no UUID")?;
    let have = have.iter().filter_map(|id| URL_SAFE_NO_PAD.decode(id).ok()).collect();
    let (asked, state) = webauthn.start_passkey_registration(id, &person.name, &person.shown, Some(have))?;
    let mut asked = serde_json::to_value(asked)?;
    // The device keeps who it is for, so that nobody has to type a name.
    asked["publicKey"]["authenticatorSelection"]["residentKey"] = json!("required");
    asked["publicKey"]["authenticatorSelection"]["requireResidentKey"] = json!(true);
    Ok((asked, state))
}

/// The new passkey, when the answer is right: its id and how it is kept.
pub(crate) fn read_new(webauthn: &Webauthn, answer: Value, state: &PasskeyRegistration) -> Result<(String, String)> {
    let answer: RegisterPublicKeyCredential = serde_json::from_value(answer)?;
    let passkey = webauthn.finish_passkey_registration(&answer, state)?;
    Ok((URL_SAFE_NO_PAD.encode(passkey.cred_id()), serde_json::to_string(&passkey)?))
}

/// Asks a browser for any passkey made for us.
pub(crate) fn ask(webauthn: &Webauthn) -> Result<(Value, DiscoverableAuthentication)> {
    let (asked, state) = webauthn.start_discoverable_authentication()?;
    Ok((serde_json::to_value(asked)?, state))
}

/// Whom an answer names: the id of the person, and of the credential. Neither is proved yet.
pub(crate) fn named(webauthn: &Webauthn, answer: &Value) -> Result<(PublicKeyCredential, String, String)> {
    let answer: PublicKeyCredential = serde_json::from_value(answer.clone())?;
    let (person, id) = webauthn.identify_discoverable_authentication(&answer)?;
    let (person, id) = (person.to_string(), URL_SAFE_NO_PAD.encode(id));
    Ok((answer, person, id))
}

/// Checks an answer against the passkey as it is kept; gives how it is kept from now on.
pub(crate) fn check(webauthn: &Webauthn, answer: &PublicKeyCredential, state: DiscoverableAuthentication, kept: &str) -> Result<String> {
    let mut passkey: Passkey = serde_json::from_str(kept)?;
    let result = webauthn.finish_discoverable_authentication_v2(answer, state, &passkey)?;
    passkey.update_credential(&result);
    Ok(serde_json::to_string(&passkey)?)
}
