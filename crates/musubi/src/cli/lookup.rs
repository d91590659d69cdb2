//! `musubi lookup`: all that is known of a value.

use anyhow::Result;
use casework::model::meaning::Meaning;
use serde_json::{Map, Value};

use super::view::For;
use super::{Place, WrongUsage};
pub(crate) use crate::lookup::objects;
use crate::lookup::{Eyes, about};
use crate::show::{self, grouped, say};

/// All that is known of an address, network, domain, URL, hash or mail address
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi lookup 192.0.2.1 203.0.113.0/24 example.com")]
pub(crate) struct Lookup {
    /// Addresses, networks, domains, URLs, hashes, mail addresses; defanged ones too
    #[arg(required = true, value_name = "VALUE")]
    values: Vec<String>,
    /// Newest events shown per value
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    view: For,
}

impl Lookup {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        let register = if place.home.exists() { Some(place.register().await?) } else { None };
        let view = match &register {
            Some(register) => self.view.view(register).await?,
            None => None,
        };
        let eyes = view.as_ref().map_or(Eyes::Ourselves, Eyes::Party);
        for text in &self.values {
            let value = Meaning::value(text).filter(|value| !matches!(value, Meaning::Asn(_)));
            let value = value.ok_or_else(|| WrongUsage(format!("{text:?} is no address, network, domain, URL, hash or mail address")))?;
            let (mut about, events) = about(&place.home, register.as_ref(), eyes, &value, self.limit).await?;
            if place.json {
                about.insert("value".into(), text.as_str().into());
                show::json(&Value::Object(about))?;
            } else {
                print(text, &about, &events)?;
            }
        }
        Ok(())
    }
}

fn print(text: &str, about: &Map<String, Value>, events: &[Value]) -> Result<()> {
    say(format!("{text}  ({})", about.get("kind").and_then(Value::as_str).unwrap_or("value")))?;
    if let Some(special) = about.get("special").and_then(Value::as_str) {
        say(format!("  special-purpose address: {special}"))?;
    }
    if let Some(table) = about.get("table") {
        let part = |name: &str| match &table[name] {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        let parts = [part("asn").map(|a| format!("AS{a}")), part("as_name"), part("network"), part("country")];
        let known: Vec<String> = parts.into_iter().flatten().collect();
        if !known.is_empty() {
            say(format!("  by table: {}", known.join(", ")))?;
        }
    }
    let count = about.get("events").and_then(Value::as_u64).unwrap_or(0);
    if count == 0 {
        return say("  no events");
    }
    let when = |name: &str| about.get(name).and_then(Value::as_str).unwrap_or("?").to_owned();
    say(format!("  {} events, {} to {}", grouped(count), when("first_seen"), when("last_seen")))?;
    let rows: Vec<Vec<String>> = events
        .iter()
        .map(|e| {
            ["time", "source_ip", "type", "identifier", "malware", "destination_ip", "feed"]
                .map(|c| e[c].as_str().unwrap_or_default().to_owned())
                .to_vec()
        })
        .collect();
    say(show::table(&["time", "source_ip", "type", "identifier", "malware", "destination_ip", "feed"], &rows, &[]))
}
