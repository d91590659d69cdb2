//! `/api/v1/lookup/{value}`: all that is known of a value, to whoever may know it.

use std::collections::BTreeMap;

use axum::extract::Path;
use axum::http::HeaderMap;
use casework::enrich::special;
use casework::model::agreement::Purpose;
use casework::model::observable::Observable;
use casework::model::rights::Right;
use serde::Serialize;
use serde_json::Value;
use store::filter::Filter;
use store::newest::judges;
use utoipa::ToSchema;

use super::answer::Sent;
use super::events::Eyes;
use super::indicators::{self, Indicator};
use super::{Asked, Operation, filter};
use crate::console::visit::{Answer, Fault, Visit};

/// Events that are looked at, the newest.
const MOST: usize = 1000;
/// What is counted of them; the terms say under what they are told.
const COUNTED: [&str; 5] = ["time", "type", "malware", "feed", "terms"];

pub(super) fn operations() -> Vec<Operation> {
    let lookup = Operation::get("lookUp", "/api/v1/lookup/{value}", Right::AskApi, look, "All that is known of a value")
        .number("limit", "Newest events to give", 0, 100)
        .gives::<Known>(200, "What is known; nothing known is an answer too");
    vec![lookup.group("Look-up")]
}

/// What is known of a value.
#[derive(Debug, Serialize, ToSchema)]
struct Known {
    value: String,
    /// Of an address: what special-purpose registries say.
    special: Option<String>,
    /// Events at either end; the newest thousand are counted.
    events: usize,
    /// There are more than were counted.
    more: bool,
    first_seen: Option<String>,
    last_seen: Option<String>,
    /// Events by type.
    classes: BTreeMap<String, u64>,
    malware: BTreeMap<String, u64>,
    feeds: BTreeMap<String, u64>,
    indicators: Vec<Indicator>,
    /// The newest events.
    #[schema(value_type = Vec<super::events::Event>)]
    newest: Vec<Value>,
}

async fn look(visit: Visit, headers: HeaderMap, Path(value): Path<String>) -> Answer {
    let asked = Asked::of(&visit, &["limit"])?;
    let shown = asked.number("limit", 0, 100)?.map_or(20, |limit| limit as usize);
    let Some(meaning) = filter::meaning(&value) else {
        return Err(Fault::Wrong(format!("{value:?} is no address, network, domain, URL, hash or mail address")));
    };
    let eyes = Eyes::of(&visit.server, visit.who()?, Purpose::Defend, None, visit.now).await?;
    let wanted = Filter { meaning: Some(meaning), ..Filter::default() };
    let [mut rows, mut newest] = match judges(&wanted) {
        true => eyes.look_up(&visit.server, wanted, &COUNTED, MOST + 1, shown).await?,
        false => {
            let sql = format!("SELECT * FROM events WHERE {} ORDER BY time DESC, id DESC LIMIT {}", wanted.condition(), MOST + 1);
            let rows = eyes.ask(&visit.server, &sql).await?;
            let newest = rows.iter().take(shown).cloned().collect();
            [rows, newest]
        }
    };
    let more = rows.len() > MOST;
    rows.truncate(MOST);
    let mut under = eyes.under(&rows);
    eyes.tell_terms(&mut newest);
    let exact = Observable::guess(&value).map_or_else(|| value.clone(), |observable| observable.value().to_owned());
    let told = indicators::of_value(&visit, &eyes, &exact).await?;
    let mut known = Vec::new();
    for (indicator, terms) in told {
        known.push(indicator);
        if let Some(sight) = &eyes.sight {
            under.extend(terms.into_iter().filter_map(|id| sight.get(&id).map(|sight| (id, sight))));
        }
    }
    let count = |column: &str| {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        rows.iter().filter_map(|row| row[column].as_str()).for_each(|value| *counts.entry(value.to_owned()).or_default() += 1);
        counts
    };
    let times = || rows.iter().filter_map(|row| row["time"].as_str());
    let known = Known {
        special: value.parse().ok().and_then(special).map(str::to_owned),
        events: rows.len(),
        more,
        first_seen: times().min().map(str::to_owned),
        last_seen: times().max().map(str::to_owned),
        classes: count("type"),
        malware: count("malware"),
        feeds: count("feed"),
        indicators: known,
        value,
        newest,
    };
    Sent::json(&known)?.give(&visit, &headers, "look-up", Purpose::Defend, &under).await
}
