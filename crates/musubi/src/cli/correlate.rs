//! `musubi correlate`: where else was a value seen, or one like it?

use anyhow::Result;
use casework::indicate::pattern;
use casework::model::observable::Observable;
use serde_json::{Value, json};
use store::places::{Places, Whereabouts};
use store::register::Register;

use super::{Place, WrongUsage};
use crate::pipeline;
use crate::show::{self, grouped, say, table};

/// Find where else a value was seen: indicators and shared objects with the same value, host, network, domain, or a similar file
///
/// Values that are too common to tell anything are counted, and only the newest of them listed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi indicator add www.evil.example > /tmp/added.txt; musubi correlate mail.evil.example")]
pub(crate) struct Correlate {
    /// Address, network, name, URL, mail address, hash (also ssdeep and TLSH)
    #[arg(required = true, value_name = "VALUE")]
    values: Vec<String>,
    /// At most so many values of each relation
    #[arg(long, value_name = "N", default_value_t = 100)]
    most: usize,
}

impl Correlate {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        let register = Register::create(&place.home).await?;
        let now = pipeline::now().as_microsecond();
        register.file_what_is_new(&place.home, pattern::values, pattern::values_of_object, now).await?;
        let places = Places::open(&place.home, &register).await?;
        let mut all = Vec::new();
        for value in &self.values {
            let Some(observable) = Observable::guess(value) else {
                return Err(WrongUsage(format!("{value:?} is no address, network, name, URL, mail address or hash")).into());
            };
            let Whereabouts { seen, common } = places.of(&observable, self.most).await?;
            if place.json {
                let seen: Vec<Value> = seen
                    .iter()
                    .map(|one| {
                        json!({
                            "relation": one.relation.as_str(), "kind": one.observable.kind().as_str(), "value": one.observable.value(),
                            "closeness": one.closeness, "in": one.kind, "name": one.name, "terms": one.terms,
                        })
                    })
                    .collect();
                let common: Vec<Value> =
                    common.iter().map(|(relation, count)| json!({"relation": relation.as_str(), "count": count})).collect();
                all.push(json!({"id": observable.value(), "kind": observable.kind().as_str(), "seen": seen, "common": common}));
                continue;
            }
            say(format!("{observable}: {} found", grouped(seen.len() as u64)))?;
            for (relation, count) in &common {
                say(format!("  common: {} under {}; the newest are listed", grouped(*count), relation.as_str()))?;
            }
            let rows: Vec<Vec<String>> = seen
                .iter()
                .map(|one| {
                    let closeness = one.closeness.map_or_else(String::new, |closeness| closeness.to_string());
                    vec![one.relation.as_str().to_owned(), one.observable.to_string(), closeness, one.kind.clone(), one.name.clone()]
                })
                .collect();
            if !rows.is_empty() {
                say(table(&["relation", "value", "closeness", "in", "name"], &rows, &[2]).trim_end())?;
            }
        }
        if place.json { show::json(&Value::Array(all)) } else { Ok(()) }
    }
}
