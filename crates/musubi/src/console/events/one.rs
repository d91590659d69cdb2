//! `/events/{id}`: one event whole, the original it was read from, its terms, who may know it and who was told.

use axum::extract::Path;
use casework::correlate::key::{CaseKey, Seen};
use casework::model::rights::Right;
use formats::rsit::Class;
use maud::{Markup, html};
use serde_json::Value;
use store::columns::COLUMNS;

use super::{lookup_link, time_of};
use crate::console::asking::{self, LONGEST};
use crate::console::elements::query::Query;
use crate::console::elements::{Tone, badge, facts};
use crate::console::moment;
use crate::console::picture::map;
use crate::console::visit::{Answer, Fault, Visit};
use crate::receive::original;

/// Bytes of a report whose row is shown without being asked for.
const AT_ONCE: i64 = 4 << 20;
/// Characters of an original that are shown.
const SHOWN: usize = 20_000;

pub(super) async fn page(visit: Visit, Path(id): Path<String>) -> Answer {
    let id = id.to_ascii_lowercase();
    if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Fault::NotFound);
    }
    let query = Query::of(&visit.uri);
    // Links of ours say when it was: then one segment is read, not all.
    let at = query.one("at").and_then(|text| jiff::Timestamp::from_microsecond(text.parse().ok()?).ok());
    let asking = visit.server.asking().await?;
    let found = tokio::time::timeout(LONGEST, asking::event(&visit.server.home, &visit.server.register, &id, at)).await;
    drop(asking);
    let event = match found {
        Ok(found) => found?.ok_or(Fault::NotFound)?,
        Err(_) => return Err(Fault::Wrong(visit.say("events-late"))),
    };
    let terms = visit.server.register.all_terms().await?;
    let terms = terms.iter().find(|known| Some(known.id) == event["terms"].as_i64());
    let title = format!(
        "{} · {}",
        event["type"].as_str().unwrap_or_default(),
        event["source_ip"].as_str().or(event["source_fqdn"].as_str()).unwrap_or(&id[..12])
    );
    let told = told(&visit, &event).await?;
    let key = key(&event);
    let body = html! {
        p { @if let Some(terms) = terms { (badge(Tone::Plain, &terms.terms.to_string())) } " "
            a.button href={ "/explain?event=" (id) } { (visit.say("events-who-may")) } " "
            @if let Some(ip) = event["source_ip"].as_str() { a.button href=(lookup_link(ip)) { (visit.say("events-look-up")) } " " }
            @if let Some(key) = key.filter(|_| visit.may(Right::WorkCases)) { a.button href=(case_link(&key)) { (visit.say("events-open-case")) } }
        }
        (facts(&columns(&visit, &event)))
        h2 { (visit.say("events-extra")) }
        @match &event["extra"] {
            Value::Object(extra) if !extra.is_empty() => (facts(&extra.iter().map(|(name, value)| (name.clone(), html! { span.mono { (plain(value)) } })).collect::<Vec<_>>())),
            _ => p.quiet { (visit.say("events-no-extra")) },
        }
        h2 { (visit.say("events-told")) }
        (told)
        h2 #original { (visit.say("events-original")) }
        (original_of(&visit, &query, &event).await)
    };
    Ok(visit.page(&title, &body))
}

/// What a case with this event in it is about.
fn key(event: &Value) -> Option<CaseKey> {
    let text = |name: &str| event[name].as_str();
    CaseKey::of(&Seen {
        class: Class::of(text("type")?)?,
        ip: text("source_ip").and_then(|ip| ip.parse().ok()),
        port: event["source_port"].as_u64().and_then(|port| port.try_into().ok()),
        fqdn: text("source_fqdn"),
        url: text("source_url"),
        malware: text("malware"),
        identifier: text("identifier"),
        campaign: event["extra"]["campaign"].as_str(),
    })
}

/// The form of a new case that is about it.
fn case_link(key: &CaseKey) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("title", &key.title()).append_pair("key", &key.to_string());
    format!("/cases/new?{}", query.finish())
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Everything that it says, in the order of the table.
fn columns(visit: &Visit, event: &Value) -> Vec<(String, Markup)> {
    let mut all = Vec::new();
    for column in COLUMNS.iter().filter(|column| column.name != "extra") {
        let value = &event[column.name];
        if value.is_null() {
            continue;
        }
        let text = plain(value);
        let shown = match column.name {
            "time" => time_of(event).map_or(html! { (text) }, |at| html! { (moment::moment(at, &visit.zone)) " " span.quiet { (text) } }),
            "source_ip" | "destination_ip" | "source_fqdn" | "destination_fqdn" => html! { a.mono href=(lookup_link(&text)) { (text) } },
            "source_country" | "destination_country" => html! { (text) " " span.quiet { (map::name(&text, visit.language())) } },
            "evidence" => html! { a.mono href={ "/evidence/" (text) } { (text) } },
            // Told, not led to.
            _ => html! { span.mono { (text) } },
        };
        all.push((column.name.to_owned(), shown));
    }
    all
}

/// The row as it stands in its report.
async fn original_of(visit: &Visit, query: &Query, event: &Value) -> Markup {
    let (Some(evidence), Some(row)) = (event["evidence"].as_str(), event["row"].as_u64()) else { return html! {} };
    let found = async {
        let register = &visit.server.register;
        let evidence = register.evidence(evidence).await?.ok_or_else(|| anyhow::anyhow!("no evidence"))?;
        anyhow::ensure!(!evidence.kept.is_empty(), "removed");
        if evidence.size_bytes > AT_ONCE && query.one("original").is_none() {
            return Ok(None);
        }
        let (parts, mappings) = (register.parts(&evidence.id).await?, register.mappings(&evidence.id).await?);
        let home = visit.server.home.clone();
        tokio::task::spawn_blocking(move || original::row(&home, &evidence, &parts, &mappings, row)).await?.map(Some)
    };
    match found.await {
        // A long report is unpacked up to the row: for whoever asks.
        Ok(None) => {
            let to = query.with("original", Some("1")).link(visit.uri.path());
            html! { p { a.button href={ (to) "#original" } { (visit.say("events-show-original")) } } }
        }
        Ok(Some(found)) => html! {
            p.quiet { (found.path) ", " (visit.say("evidence-row")) " " (found.row) }
            pre { (found.text().chars().take(SHOWN).collect::<String>()) }
        },
        Err(error) => {
            tracing::debug!("{evidence} row {row}: {error:#}");
            html! { p.quiet { (visit.say("events-no-original")) } }
        }
    }
}

/// Notices that told of its source.
async fn told(visit: &Visit, event: &Value) -> Result<Markup, Fault> {
    let subject = ["source_ip", "source_fqdn", "source_url"].iter().find_map(|name| event[*name].as_str());
    let (cases, takedowns) = match subject {
        Some(subject) => visit.server.register.matters_of(subject, 10).await?,
        None => Default::default(),
    };
    Ok(html! {
        @if cases.is_empty() && takedowns.is_empty() { p.quiet { (visit.say("events-told-nobody")) } }
        @else {
            ul {
                @for case in &cases { li { a href={ "/cases/" (case.id) } { (case.id) " " (case.title) } } }
                @for takedown in &takedowns { li { a href={ "/takedowns/" (takedown.id) } { (takedown.id) " " (takedown.title) } @if let Some(party) = &takedown.whose { " → " a href={ "/parties/" (party) } { (party) } } } }
            }
        }
        @if let Some(subject) = subject { p { a href={ (lookup_link(subject)) "#told" } { (visit.say("events-told-more")) } } }
    })
}
