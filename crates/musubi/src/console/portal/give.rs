//! From an answer of the engine to what a party is shown or given: through the log of releases, and no other way.
//!
//! The content of a release is what was told as JSON, or the file. To look at the same page again on the same day tells the party nothing
//! that it was not given already, and adds no leaf.

use std::collections::BTreeMap;

use casework::model::agreement::{Channel, Purpose};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Lens;
use crate::api::release::{Given, Giving, Name};
use crate::api::standing::Sight;
use crate::console::visit::{Fault, Visit};

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
        return Ok(Given::ours(bytes));
    }
    let giving = Giving {
        party: &lens.party.id,
        purpose: Purpose::Notify,
        channel: Channel::Portal,
        how: format!("portal: {kind}, asked for by {}", visit.who()?.id),
        why: why.0,
    };
    Ok(visit.server.give(giving, Name::EachDay("portal"), bytes, visit.now).await?)
}
