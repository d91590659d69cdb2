//! `musubi formats`: what can be read.

use anyhow::Result;
use casework::observe::sources::SOURCES;
use serde_json::{Value, json};

use super::Place;
use crate::show::{self, say, table};

/// List the formats that are recognised
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi formats")]
pub(crate) struct Formats {}

impl Formats {
    pub(crate) fn run(self, place: &Place) -> Result<()> {
        let mut sources: Vec<_> = SOURCES.to_vec();
        sources.sort_by_key(|s| s.name());
        if place.json {
            let list: Vec<Value> = sources.iter().map(|s| json!({"id": s.name(), "about": s.about()})).collect();
            return show::json(&Value::Array(list));
        }
        let rows: Vec<Vec<String>> = sources.iter().map(|s| vec![s.name().to_owned(), s.about().to_owned()]).collect();
        say(table(&["format", "what it reads"], &rows, &[]).trim_end())
    }
}
