//! All that is known of a value: what the command and the console both tell.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use casework::enrich::{registered_domain, special};
use casework::model::day::Day;
use casework::model::meaning::Meaning;
use datafusion::arrow::array::{RecordBatch, TimestampMicrosecondArray};
use serde_json::{Map, Value, json};
use store::columns::{COLUMNS, FILE_SCHEMA, position};
use store::events::Questions;
use store::filter::{Filter, means};
use store::home::Home;
use store::lookup::{COUNTED, Sightings, by_ip};
use store::newest::judges;
use store::register::Register;

use crate::cli::view::View;
use crate::console::asking::Asking;
use crate::glance::Back;
use crate::receive::knowledge;

/// Who asks.
#[allow(missing_debug_implementations, reason = "a session of the engine has none")]
#[derive(Clone, Copy)]
pub(crate) enum Eyes<'a> {
    Ourselves,
    /// One page of many, in little memory: days that have events, each with how many, where that is known; with `before`, of these only what
    /// lies before that day.
    Page {
        days: Option<&'a [(i32, u64)]>,
        before: Option<Day>,
        /// Whoever has a turn asks with it; an address is looked up without one.
        asking: Option<&'a Asking>,
    },
    Party(&'a View),
}

/// Events that a page reads of a value; beyond these it tells that there are more.
pub(crate) const PAGE_EVENTS: usize = 2_000;

/// What is known of a value, in the words of `musubi lookup`, and its newest events.
pub(crate) async fn about(
    home: &Home,
    register: Option<&Register>,
    eyes: Eyes<'_>,
    value: &Meaning,
    limit: usize,
) -> Result<(Map<String, Value>, Vec<Value>)> {
    let mut about = Map::new();
    let kind = match value {
        Meaning::Mail(_) => "mail address",
        Meaning::Hash(algorithm, _) => algorithm,
        other => other.kind(),
    };
    about.insert("kind".into(), kind.into());
    if let Meaning::Address(ip) = value {
        if let Some(name) = special(*ip) {
            about.insert("special".into(), name.into());
        }
        let tables = knowledge::tables(home, register).await?;
        let answer = tables.lookup(*ip);
        let table = json!({
            "asn": answer.asn, "as_name": answer.as_name, "network": answer.network.map(|n| n.to_string()),
            "country": answer.country.map(|c| c.as_str().to_owned()),
        });
        about.insert("table".into(), table);
    }
    if let Meaning::Domain(name) = value {
        about.insert("registered_domain".into(), registered_domain(name).into());
    }
    let Some(register) = register else {
        about.insert("events".into(), 0.into());
        return Ok((about, Vec::new()));
    };
    // The way of 32 bytes per segment; for somebody else the whole row decides what may be seen of it.
    if let (Meaning::Address(ip), Eyes::Ourselves | Eyes::Page { .. }) = (value, eyes) {
        let (home, segments, ip) = (home.clone(), register.segments().await?, *ip);
        let sightings = tokio::task::spawn_blocking(move || by_ip(&home, &segments, ip, &COUNTED, limit)).await??;
        let newest = objects(&sightings.newest)?;
        tell(&mut about, sightings)?;
        about.insert("newest".into(), Value::Array(newest.clone()));
        return Ok((about, newest));
    }
    let whole = matches!(value, Meaning::Hash(..) | Meaning::Mail(_));
    let mut rows = match eyes {
        Eyes::Page { days, before, asking } => {
            let asking = asking.context("only an address is looked up without a turn")?;
            let (rows, glanced) = glance(asking, days, before, whole, value).await?;
            about.insert("since".into(), glanced.map(|day| Day::from_number(day).to_string()).into());
            rows
        }
        Eyes::Ourselves => all(&Questions::open(home, register).await?, &means(value)).await?,
        Eyes::Party(view) => all(&Questions::open_for(home, register, |known| view.admits(known)).await?, &means(value)).await?,
    };
    if let Meaning::Hash(_, text) | Meaning::Mail(text) = value {
        rows.retain(|row| mentions(&row["extra"], text));
    }
    summarise(&mut about, &rows);
    let mut newest = rows;
    newest.sort_by(|a, b| b["time"].as_str().cmp(&a["time"].as_str()));
    newest.truncate(limit);
    about.insert("newest".into(), Value::Array(newest.clone()));
    Ok((about, newest))
}

/// All of them are counted, so all are fetched; values that match millions are asked with `query` instead.
async fn all(questions: &Questions, condition: &str) -> Result<Vec<Value>> {
    let sql = format!("SELECT * FROM events WHERE {condition} ORDER BY time DESC LIMIT 100000");
    objects(&questions.sql(&sql).await?.collect().await?)
}

/// The newest events, from the newest day back; and the day back to which was looked, when that was not all.
async fn glance(
    asking: &Asking,
    days: Option<&[(i32, u64)]>,
    before: Option<Day>,
    whole: bool,
    value: &Meaning,
) -> Result<(Vec<Value>, Option<i32>)> {
    let condition = means(value);
    let wanted = Filter { meaning: Some(value.clone()), ..Filter::default() };
    // What else a report said is long, and looked into only for what has no column.
    let names: Vec<&str> = COLUMNS.iter().map(|column| column.name).filter(|name| whole || *name != "extra").collect();
    let columns = names.join(", ");
    let newest = async |condition: &str, most: usize| {
        let sql = format!("SELECT {columns} FROM events WHERE {condition} ORDER BY time DESC LIMIT {most}");
        objects(&asking.sql(&sql).await?.collect().await?)
    };
    let Some(days) = days else { return Ok((newest(&condition, PAGE_EVENTS).await?, None)) };
    let mut back = match before {
        None => Back::new(days.to_vec()),
        Some(before) => Back::further(days.iter().copied().filter(|(day, _)| *day < before.number()).collect()),
    };
    let mut rows = Vec::new();
    while let Some((first, last)) = back.next(None) {
        let (from, until) = (Day::from_number(first).start(), Day::from_number(last).next().start());
        let most = PAGE_EVENTS - rows.len();
        if judges(&wanted) {
            let rest: Vec<&str> = names.iter().copied().filter(|name| !["id", "time"].contains(name)).collect();
            rows.extend(asking.newest(&wanted, Some(from..until), None, &rest, most).await?);
        } else {
            let condition = format!("time >= timestamp '{from}' AND time < timestamp '{until}' AND ({condition})");
            rows.extend(newest(&condition, most).await?);
        }
        if rows.len() >= PAGE_EVENTS {
            return Ok((rows, None));
        }
        if let Some(day) = back.glanced() {
            return Ok((rows, Some(day)));
        }
    }
    Ok((rows, None))
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
    let days: Map<String, Value> =
        sightings.days.iter().map(|(day, count)| (Day::from_number(*day).to_string(), (*count).into())).collect();
    about.insert("days".into(), Value::Object(days));
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
    let mut days = std::collections::BTreeMap::<&str, u64>::new();
    times().filter_map(|time| time.get(..10)).for_each(|day| *days.entry(day).or_default() += 1);
    let days: Map<String, Value> = days.into_iter().map(|(day, count)| (day.to_owned(), count.into())).collect();
    about.insert("days".into(), Value::Object(days));
    for column in ["type", "identifier", "malware", "feed"] {
        let mut counts: std::collections::BTreeMap<&str, u64> = std::collections::BTreeMap::new();
        rows.iter().filter_map(|r| r[column].as_str()).for_each(|v| *counts.entry(v).or_default() += 1);
        let counts: Map<String, Value> = counts.into_iter().map(|(k, v)| (k.to_owned(), v.into())).collect();
        about.insert(column.into(), Value::Object(counts));
    }
}
