//! `musubi feed`: what others publish as a MISP feed, taken into a collection; and the feed of a party as a folder.

use std::path::PathBuf;

use anyhow::Result;
use casework::model::party::PartyId;
use serde_json::json;

pub(crate) use super::feed_publish::Publish;
use super::{Place, WrongUsage, view};
use crate::jobs::feed::{self, NotSo, Pulled};
use crate::pipeline;
use crate::show::{json as say_json, say};

/// MISP feeds
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Example:\n  musubi feed pull /srv/feeds/circl --from circl")]
pub(crate) enum Feeds {
    Pull(Pull),
    Publish(Publish),
}

/// Take what is new in a MISP feed into a collection
///
/// Lists in CSV or free text are read by `musubi ingest`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi feed pull /srv/feeds/circl --from circl")]
pub(crate) struct Pull {
    /// Folder, or http(s) address, in which manifest.json is
    source: String,
    /// Id or alias
    #[arg(long, default_value = crate::api::misp::ALIAS)]
    collection: String,
    /// Who gives it: its default terms hold beside the tags
    #[arg(long, value_name = "PARTY", value_parser = view::party)]
    from: PartyId,
    /// File with the key on its first line, shown as `Authorization` as MISP wants it
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// At most so many events
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    limit: usize,
}

impl Feeds {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        match self {
            Self::Pull(command) => command.run(place).await,
            Self::Publish(command) => command.run(place).await,
        }
    }
}

impl Pull {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let Self { source, collection, from, key_file, limit } = self;
        let pulled = feed::Pull { source, collection, from, key_file, limit }.pull(&register, pipeline::now()).await;
        let pulled = pulled.map_err(|error| match error.downcast::<NotSo>() {
            Ok(NotSo(why)) => WrongUsage(why).into(),
            Err(error) => error,
        })?;
        let Some(Pulled { events, read, stored, known, rejections }) = pulled else {
            if place.json {
                return say_json(&json!({"unchanged": true, "read": 0, "stored": 0, "duplicate": 0, "rejected": 0, "rejections": []}));
            }
            return say("nothing has changed since all of the feed was taken");
        };
        if place.json {
            let told: Vec<_> = rejections.iter().map(|(uuid, reason)| json!({"id": uuid, "reason": reason})).collect();
            return say_json(&json!({"unchanged": false, "events": events, "read": read, "stored": stored, "duplicate": known,
                "rejected": told.len(), "rejections": told}));
        }
        for (uuid, reason) in rejections.iter().take(20) {
            eprintln!("{uuid}: {reason}");
        }
        say(format!("{events} events in the feed, {read} new or changed: {stored} stored, {} set aside", rejections.len()))
    }
}
