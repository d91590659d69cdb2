//! From an answer of the engine to what a party is shown or given: through the log of releases, and no other way.
//!
//! The content of a release is what was told as JSON, or the file. Its name is made from the party, the day and the content: to look at
//! the same page again on the same day tells the party nothing that it was not given already, and adds no leaf.

use std::collections::BTreeMap;

use anyhow::Context as _;
use casework::model::agreement::{Channel, Purpose};
use casework::model::release::{Basis, Release};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use store::StoreError;
use store::releases::Released;

use super::Lens;
use crate::api::standing::Sight;
use crate::console::visit::{Fault, Visit};
use crate::keys;

/// The terms under which something is told, and why they let it.
#[derive(Clone, Debug, Default)]
pub(super) struct Why(BTreeMap<i64, String>);

impl Why {
    pub(super) fn add(&mut self, sight: &Sight, terms: impl IntoIterator<Item = i64>) {
        for number in terms {
            if let Some(why) = sight.why(number) {
                self.0.insert(number, why.to_owned());
            }
        }
    }

    /// Nothing is told that anybody gave us terms for.
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What may leave.
#[derive(Debug)]
pub(super) struct Given(Content);

#[derive(Debug)]
enum Content {
    Released(Released<Vec<u8>>),
    /// One of us looks: what we look at ourselves is no release.
    Ours(Vec<u8>),
    /// It tells of no event.
    Nothing(Vec<u8>),
}

impl Given {
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.0 {
            Content::Released(released) => released.content(),
            Content::Ours(bytes) | Content::Nothing(bytes) => bytes,
        }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        match self.0 {
            Content::Released(released) => released.into_content(),
            Content::Ours(bytes) | Content::Nothing(bytes) => bytes,
        }
    }
}

/// What a page tells, once it is in the log: the page is made from what comes back, and knows nothing else.
pub(super) async fn shown<T: Serialize + DeserializeOwned>(visit: &Visit, lens: &Lens, kind: &str, why: Why, told: &T) -> Result<T, Fault> {
    let bytes = serde_json::to_vec(told)?;
    let given = give(visit, lens, kind, why, bytes).await?;
    Ok(serde_json::from_slice(given.bytes())?)
}

/// Logs what the party is given; gives it back when it may leave.
pub(super) async fn give(visit: &Visit, lens: &Lens, kind: &str, why: Why, bytes: Vec<u8>) -> Result<Given, Fault> {
    if !lens.theirs {
        return Ok(Given(Content::Ours(bytes)));
    }
    if why.is_empty() {
        return Ok(Given(Content::Nothing(bytes)));
    }
    let content: [u8; 32] = Sha256::digest(&bytes).into();
    let party = &lens.party.id;
    let mut name = Sha256::new();
    name.update(party.as_str());
    name.update(visit.now.strftime("\n%Y-%m-%d\n").to_string());
    name.update(content);
    let name: String = name.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let id = format!("portal-{name}");
    let register = &visit.server.register;
    if register.logged(&id).await?.is_some() {
        let again = register.released(&id, bytes).await?.context("the log lost a release")?;
        return Ok(Given(Content::Released(again)));
    }
    let mut reasons = vec![format!("portal: {kind}, asked for by {}", visit.who()?.id)];
    reasons.extend(why.0.values().cloned());
    let release = Release {
        id: id.clone(),
        recipient: party.clone(),
        purpose: Purpose::Notify,
        channel: Channel::Portal,
        content,
        at: visit.now,
        basis: Basis { decision: String::from("allow"), terms: why.0.into_keys().collect(), reasons },
    };
    let key = keys::log_key(&visit.server.home, None)?;
    match register.release(&key, vec![(release, bytes.clone())], visit.now).await {
        Ok(released) => Ok(Given(Content::Released(released.into_iter().next().context("nothing was logged")?))),
        // Asked for twice at the same moment: the other was first.
        Err(error @ StoreError::Refused(_)) => match register.released(&id, bytes).await? {
            Some(again) => Ok(Given(Content::Released(again))),
            None => Err(error.into()),
        },
        Err(error) => Err(error.into()),
    }
}
