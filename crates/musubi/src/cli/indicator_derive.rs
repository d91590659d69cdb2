//! `musubi indicator derive`: which values of events become indicators, by the rules of the home.

use anyhow::Result;
use jiff::Timestamp;
use serde_json::json;
use store::indicators::Heard;

use super::acting::Acting;
use super::{Place, moment};
use crate::jobs::derive::{Derived, derive};
use crate::show::{self, grouped, say};

/// Make indicators of events, by the rules in `indicators.toml` of the home or the default ones
///
/// Doing it again changes nothing. What a warning list or a victim's report forbids is set aside and shown.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi indicator derive --since 30d")]
pub(crate) struct Derive {
    /// Only of events seen at or after this time [default: as far back as the rules look]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    #[command(flatten)]
    acting: Acting,
}

/// Lines of what was set aside that a person is shown.
const SHOWN: usize = 20;

impl Derive {
    pub(super) async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let by = self.acting.by();
        let done = derive(&place.home, &register, self.since.unwrap_or(Timestamp::MIN), self.acting.now(), &by).await?;
        let Derived { events, indicators, known, set_aside, waiting, heard: Heard { new, changed, unchanged } } = done;
        if place.json {
            let aside: Vec<_> = set_aside
                .iter()
                .map(|one| {
                    let (kind, value) = (one.observable.kind().as_str(), one.observable.value());
                    json!({"kind": kind, "value": value, "rule": one.rule, "because": one.because})
                })
                .collect();
            return show::json(&json!({
                "events": events, "indicators": indicators, "new": new, "changed": changed, "unchanged": unchanged, "waiting": waiting,
                "on_warning_lists": known, "set_aside": aside,
            }));
        }
        let [new, changed, unchanged] = [new, changed, unchanged].map(grouped);
        say(format!("{} events: {new} indicators are new, {changed} have changed, {unchanged} have not", grouped(events)))?;
        say(format!("{} values wait for more reporters; {} source values are on warning lists", grouped(waiting as u64), grouped(known)))?;
        for one in set_aside.iter().take(SHOWN) {
            say(format!("set aside  {} ({}): {}", one.observable, one.rule, one.because))?;
        }
        if set_aside.len() > SHOWN {
            say(format!("set aside  {} more; --json names them all", grouped((set_aside.len() - SHOWN) as u64)))?;
        }
        Ok(())
    }
}
