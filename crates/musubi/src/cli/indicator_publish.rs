//! `musubi indicator publish`: our own indicators as STIX objects in a collection, new versions of what has changed, and the end of what has
//! ended.

use anyhow::Result;
use formats::stix::timestamp::written;
use serde_json::json;

use super::acting::Acting;
use super::{Place, WrongUsage};
use crate::jobs::publish::{Published, publish};
use crate::show::{self, say};

/// Put our current indicators into a collection, each under its terms
///
/// Each is told as those may know it who may know its freest source. Doing it again adds nothing; what has changed gets a new version,
/// what has ended a last, revoked one.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  musubi collection add ours --title 'Our indicators' > /tmp/made.txt; musubi indicator publish --collection ours"
)]
pub(crate) struct Publish {
    /// Id or alias
    #[arg(long, value_name = "NAME")]
    collection: String,
    #[command(flatten)]
    acting: Acting,
}

impl Publish {
    pub(super) async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let found = register.collection(&self.collection).await?;
        let collection =
            found.ok_or_else(|| WrongUsage(format!("there is no collection {}; `musubi collection list` shows them", self.collection)))?;
        let Published { current, revoked, added, versions, unchanged, failures, at } =
            publish(&place.home, &register, &collection, self.acting.now()).await?;
        for failure in failures.iter().take(20) {
            eprintln!("{}: {}", failure.id, failure.message.as_deref().unwrap_or("not taken"));
        }
        if place.json {
            return show::json(&json!({
                "id": collection.id, "indicators": current, "revoked": revoked, "added": added, "versions": versions,
                "unchanged": unchanged, "rejected": failures.len(),
                "rejections": failures.iter().map(|f| json!({"id": f.id, "reason": f.message})).collect::<Vec<_>>(),
                "at": written(at),
            }));
        }
        say(format!("{current} current indicators, {revoked} ended: {added} objects added, {versions} of them new versions"))
    }
}
