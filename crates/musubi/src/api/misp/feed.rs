//! A MISP feed for each party: `/misp/feed/manifest.json`, `hashes.csv` and `UUID.json`, made of what it may see and what is published.
//!
//! A MISP that subscribes to it sets the token as a header of the feed (`Authorization: KEY`).

use formats::misp::Flag;
use formats::misp::event::Event;
use formats::misp::feed::{Feed, Publish};

use super::shelf::{Dressing, Seen};
use super::{Asked, Given, Refusal};
use crate::api::Guest;

/// Only what is published stands in a feed.
pub(crate) fn is_published(seen: &Seen) -> bool {
    seen.event.published.is_some_and(Flag::on)
}

/// The events of a party's feed, dressed for it.
fn published(guest: &Guest, all: Vec<Seen>) -> Vec<(Seen, Event<'static>)> {
    let mut dressing = Dressing::new(guest);
    let out = all.into_iter().filter(is_published);
    out.map(|seen| {
        let event = dressing.dress(&seen);
        (seen, event)
    })
    .collect()
}

/// A file of the feed.
pub(super) async fn file(asked: &Asked<'_>, name: &str) -> Result<Given, Refusal> {
    let events = published(asked.guest, asked.events().await?);
    let mut feed = Feed::default();
    let publish = Publish::default();
    match name {
        // `.json` is taken off a path.
        "manifest" | "hashes.csv" => {
            let mut shown = Vec::new();
            for (seen, event) in &events {
                match feed.add(event, &publish) {
                    Ok(_) => shown.push(seen),
                    Err(error) => tracing::warn!("not in the feed: {error}"),
                }
            }
            if name == "manifest" {
                return Ok(Given::showing(feed.manifest.write(), shown).heads().tagged());
            }
            Ok(Given::showing(feed.hashes_csv().into_bytes(), shown).heads().tagged().media("text/csv; charset=utf-8"))
        }
        uuid => {
            let found = events.iter().find(|(seen, _)| seen.uuid().eq_ignore_ascii_case(uuid));
            let (seen, event) = found.ok_or(Refusal::NotFound("Invalid event"))?;
            let file = feed.add(event, &publish).map_err(|error| Refusal::Bad(error.to_string()))?;
            Ok(Given::showing(file, [seen]).tagged())
        }
    }
}
