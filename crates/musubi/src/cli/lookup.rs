//! `musubi lookup`: all that is known of a value.

use std::sync::Arc;

use anyhow::Result;
use casework::enrich::{registered_domain, special};
use datafusion::arrow::array::{RecordBatch, TimestampMicrosecondArray};
use formats::value::{self, hash_kind};
use serde_json::{Map, Value, json};
use store::columns::{FILE_SCHEMA, position};
use store::events::Questions;
use store::lookup::{COUNTED, Sightings, by_ip};
use store::register::Register;

use super::events::equals;
use super::view::{For, View};
use super::{Place, WrongUsage};
use crate::receive::knowledge;
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

/// What a value is.
enum Kind {
    Address(std::net::IpAddr),
    Network(value::Network),
    Url(String),
    Mail(String),
    Hash(&'static str, String),
    Domain(String),
}

impl Lookup {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        let register = if place.home.exists() { Some(place.register().await?) } else { None };
        let view = match &register {
            Some(register) => self.view.view(register).await?,
            None => None,
        };
        for text in &self.values {
            let kind = kind(text)?;
            let (about, events) = self.about(place, register.as_ref(), view.as_ref(), &kind).await?;
            if place.json {
                let mut about = about;
                about.insert("value".into(), text.as_str().into());
                show::json(&Value::Object(about))?;
            } else {
                print(text, &about, &events)?;
            }
        }
        Ok(())
    }

    async fn about(
        &self,
        place: &Place,
        register: Option<&Register>,
        view: Option<&View>,
        kind: &Kind,
    ) -> Result<(Map<String, Value>, Vec<Value>)> {
        let mut about = Map::new();
        if let Kind::Address(ip) = kind {
            about.insert("kind".into(), "address".into());
            if let Some(name) = special(*ip) {
                about.insert("special".into(), name.into());
            }
            let tables = knowledge::tables(&place.home, register).await?;
            let answer = tables.lookup(*ip);
            let table = json!({
                "asn": answer.asn, "as_name": answer.as_name, "network": answer.network.map(|n| n.to_string()),
                "country": answer.country.map(|c| c.as_str().to_owned()),
            });
            about.insert("table".into(), table);
        }
        let Some(register) = register else {
            about.insert("events".into(), 0.into());
            return Ok((about, Vec::new()));
        };
        let rows = match kind {
            // The way of 32 bytes per segment.
            Kind::Address(ip) => {
                let Some(view) = view else {
                    let sightings = by_ip(&place.home, &register.segments().await?, *ip, self.limit)?;
                    let newest = objects(&sightings.newest)?;
                    tell(&mut about, sightings)?;
                    about.insert("newest".into(), Value::Array(newest.clone()));
                    return Ok((about, newest));
                };
                // For somebody else the whole row decides what may be seen of it.
                self.ask(place, register, Some(view), &format!("source_ip = '{ip}' OR destination_ip = '{ip}'")).await?
            }
            Kind::Network(network) => {
                about.insert("kind".into(), "network".into());
                self.ask(place, register, view, &format!("in_network(source_ip, '{network}') OR in_network(destination_ip, '{network}')"))
                    .await?
            }
            Kind::Url(url) => {
                about.insert("kind".into(), "url".into());
                self.ask(place, register, view, &format!("{} OR {}", equals("source_url", url), equals("destination_url", url))).await?
            }
            Kind::Domain(name) => {
                about.insert("kind".into(), "domain".into());
                about.insert("registered_domain".into(), registered_domain(name).into());
                let named = ["source_fqdn", "destination_fqdn", "source_reverse_dns", "destination_reverse_dns"]
                    .map(|column| format!("{} OR {column} LIKE '%.{}'", equals(column, name), like(name)));
                let host = format!("^[a-z]+://([^/@]*@)?([^/:@?#]*[.])?{}([:/?#]|$)", name.replace('.', "[.]").replace('\'', "''"));
                let in_url = ["source_url", "destination_url"].map(|column| format!("{column} ~ '{host}'"));
                self.ask(place, register, view, &[&named[..], &in_url].concat().join(" OR ")).await?
            }
            Kind::Hash(algorithm, hash) => {
                about.insert("kind".into(), (*algorithm).into());
                let rows = self.ask(place, register, view, &format!("extra ILIKE '%{}%'", like(hash))).await?;
                rows.into_iter().filter(|row| mentions(&row["extra"], hash)).collect()
            }
            Kind::Mail(address) => {
                about.insert("kind".into(), "mail address".into());
                let rows = self.ask(place, register, view, &format!("extra ILIKE '%{}%'", like(address))).await?;
                rows.into_iter().filter(|row| mentions(&row["extra"], address)).collect()
            }
        };
        summarise(&mut about, &rows);
        let mut newest = rows;
        newest.sort_by(|a, b| b["time"].as_str().cmp(&a["time"].as_str()));
        newest.truncate(self.limit);
        about.insert("newest".into(), Value::Array(newest.clone()));
        Ok((about, newest))
    }

    async fn ask(&self, place: &Place, register: &Register, view: Option<&View>, condition: &str) -> Result<Vec<Value>> {
        let questions = match view {
            Some(view) => Questions::open_for(&place.home, register, |known| view.admits(known)).await?,
            None => Questions::open(&place.home, register).await?,
        };
        // All of them are counted, so all are fetched; values that match millions are asked with `query` instead.
        let sql = format!("SELECT * FROM events WHERE {condition} ORDER BY time DESC LIMIT 100000");
        objects(&questions.sql(&sql).await?.collect().await?)
    }
}

fn like(text: &str) -> String {
    text.replace('\'', "''").replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

fn kind(text: &str) -> Result<Kind> {
    let text = text.trim();
    if let Some(ip) = value::ip(text) {
        return Ok(Kind::Address(ip));
    }
    if text.contains("://") || text.contains("[:") {
        if let Some(url) = value::url(text) {
            return Ok(Kind::Url(url.into_owned()));
        }
    } else if let Some(network) = value::network(text) {
        return Ok(Kind::Network(network));
    }
    if let Some(algorithm) = hash_kind(text) {
        return Ok(Kind::Hash(algorithm, text.to_owned()));
    }
    let refanged = value::refang(text);
    if let Some((_, domain)) = refanged.split_once('@')
        && value::fqdn(domain).is_some()
    {
        return Ok(Kind::Mail(refanged.into_owned()));
    }
    match value::fqdn(text) {
        Some(name) => Ok(Kind::Domain(name.into_owned())),
        None => Err(WrongUsage(format!("{text:?} is no address, network, domain, URL, hash or mail address")).into()),
    }
}

/// Rows as JSON objects; `extra` becomes an object, an identity its hexadecimal text.
pub(crate) fn objects(batches: &[RecordBatch]) -> Result<Vec<Value>> {
    let mut out = Vec::new();
    for batch in batches.iter().filter(|b| b.num_rows() > 0) {
        let mut writer = datafusion::arrow::json::ArrayWriter::new(Vec::new());
        writer.write(batch)?;
        writer.finish()?;
        let rows: Vec<Value> = serde_json::from_slice(&writer.into_inner())?;
        out.extend(rows.into_iter().map(|mut row| {
            if let Some(extra) = row["extra"].as_str().and_then(|e| serde_json::from_str(e).ok()) {
                row["extra"] = extra;
            }
            row
        }));
    }
    Ok(out)
}

/// Whether a value names this hash or mail address, not merely a longer one that holds its text.
fn mentions(value: &Value, text: &str) -> bool {
    match value {
        Value::String(value) => {
            let (value, text) = (value.to_lowercase(), text.to_lowercase());
            let goes_on = |c: char| c.is_alphanumeric() || "._-+@".contains(c);
            value.match_indices(&text).any(|(at, _)| {
                let (before, after) = (&value[..at], &value[at + text.len()..]);
                // A full stop ends a sentence as well as it joins labels.
                let after = after.strip_prefix('.').filter(|rest| !rest.starts_with(char::is_alphanumeric)).unwrap_or(after);
                !before.ends_with(goes_on) && !after.starts_with(goes_on)
            })
        }
        Value::Array(values) => values.iter().any(|value| mentions(value, text)),
        Value::Object(values) => values.values().any(|value| mentions(value, text)),
        _ => false,
    }
}

/// What is counted of an address, in the same words as of other values.
fn tell(about: &mut Map<String, Value>, sightings: Sightings) -> Result<()> {
    about.insert("events".into(), sightings.events.into());
    let times = [("first_seen", sightings.first_seen), ("last_seen", sightings.last_seen)];
    for (name, time) in times {
        about.insert(name.into(), time.map(time_text).transpose()?.into());
    }
    for (column, counts) in COUNTED.iter().zip(sightings.counts) {
        let counts: Map<String, Value> = counts.into_iter().map(|(k, v)| (k, v.into())).collect();
        about.insert((*column).into(), Value::Object(counts));
    }
    Ok(())
}

/// A time as it stands in events.
fn time_text(time: i64) -> Result<Option<String>> {
    let column = FILE_SCHEMA.project(&position("time").into_iter().collect::<Vec<_>>())?;
    let times = TimestampMicrosecondArray::from_value(time, 1).with_data_type(column.field(0).data_type().clone());
    let rows = objects(&[RecordBatch::try_new(Arc::new(column), vec![Arc::new(times)])?])?;
    Ok(rows.first().and_then(|row| row["time"].as_str().map(str::to_owned)))
}

fn summarise(about: &mut Map<String, Value>, rows: &[Value]) {
    about.insert("events".into(), rows.len().into());
    let times = || rows.iter().filter_map(|r| r["time"].as_str());
    about.insert("first_seen".into(), times().min().into());
    about.insert("last_seen".into(), times().max().into());
    for column in ["type", "identifier", "malware", "feed"] {
        let mut counts: std::collections::BTreeMap<&str, u64> = std::collections::BTreeMap::new();
        rows.iter().filter_map(|r| r[column].as_str()).for_each(|v| *counts.entry(v).or_default() += 1);
        let counts: Map<String, Value> = counts.into_iter().map(|(k, v)| (k.to_owned(), v.into())).collect();
        about.insert(column.into(), Value::Object(counts));
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
