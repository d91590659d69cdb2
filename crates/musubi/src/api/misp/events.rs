//! Reading events: one, lists, searches, and which of those that somebody would push are wanted.

use std::collections::HashMap;

use formats::misp::api::answer::{self as says, MinimalEvent};
use formats::misp::api::request::{self, View};
use formats::misp::api::{ReturnFormat, Scope, Search};
use formats::misp::event::{Event, seconds};
use formats::misp::{Flag, stix};

use super::shelf::{Dressing, Seen, SeenSighting};
use super::{Asked, Given, Refusal};

/// Keys of a search that change how an answer looks, in ways that are not made here; others that are no filter are refused, for a mistyped filter
/// would widen a search unseen.
const SHOWN_OTHERWISE: [&str; 26] = [
    "attackGalaxy",
    "decayingModel",
    "email",
    "excludeDecayed",
    "excludeGalaxy",
    "hasproposal",
    "includeAllTags",
    "includeAnalystData",
    "includeAttachments",
    "includeAttributeCount",
    "includeDecayScore",
    "includeEventCorrelations",
    "includeFeedCorrelations",
    "includeFullModel",
    "includeGalaxy",
    "includeProposals",
    "includeServerCorrelations",
    "includeWarninglistHits",
    "modelOverrides",
    "order",
    "score",
    "sgReferenceOnly",
    "showEventContext",
    "sortBy",
    "subevent_tags",
    "tagRelations",
];

/// The search of a request: its parameters in the path, and its body.
pub(super) fn read(asked: &Asked<'_>, scope: Scope) -> Result<Search, Refusal> {
    let mut filters = asked.path.parameters.clone();
    if !asked.body.trim_ascii().is_empty() && asked.body.trim_ascii() != b"[]" {
        let body: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(&asked.body).map_err(|error| Refusal::Bad(format!("the search is no object of filters: {error}")))?;
        filters.extend(body);
    }
    let search = Search::of(filters, scope, asked.now())?;
    if let Some(unknown) = search.unknown.iter().find(|key| !SHOWN_OTHERWISE.contains(&key.as_str())) {
        return Err(Refusal::Bad(format!("{unknown:?} is no filter that is known here")));
    }
    Ok(search)
}

/// The search looks at what differs from one who asks to the next.
pub(super) fn asks_of_dress(search: &Search) -> bool {
    let asked = [&search.tags, &search.event_tags, &search.distribution, &search.sharing_group, &search.anywhere, &search.org];
    asked.iter().any(|terms| !terms.is_empty())
}

/// `events/view`.
pub(super) async fn view(asked: &Asked<'_>, name: &str, head: bool) -> Result<Given, Refusal> {
    let seen = asked.event(name).await?;
    if head {
        return Ok(Given::showing(Vec::new(), [&seen]).heads());
    }
    let view = View::read(&asked.path, &asked.body)?;
    let sightings = if view.no_sightings { Vec::new() } else { asked.sightings().await? };
    let mut event = Dressing::new(asked.guest).dress(&seen);
    let told = attach(&mut event, &sightings);
    view.apply(&mut event);
    Ok(Given::showing(says::event(&event), [&seen]).and_sightings(told))
}

/// Sets the sightings of an event beside what was sighted; gives those that were set.
pub(super) fn attach<'s>(event: &mut Event<'static>, sightings: &'s [SeenSighting]) -> Vec<&'s SeenSighting> {
    let uuid = event.uuid.clone();
    let mut of: HashMap<&str, Vec<&SeenSighting>> = HashMap::new();
    for seen in sightings.iter().filter(|seen| seen.sighting.event_uuid == uuid) {
        of.entry(seen.sighting.attribute_uuid.as_deref().unwrap_or_default()).or_default().push(seen);
    }
    let mut told = Vec::new();
    if of.is_empty() {
        return told;
    }
    for attribute in event.attributes.iter_mut().chain(event.objects.iter_mut().flat_map(|object| &mut object.attributes)) {
        let found = of.remove(attribute.uuid.as_deref().unwrap_or_default()).unwrap_or_default();
        attribute.sightings = found.iter().map(|seen| (*seen.sighting).clone()).collect();
        told.extend(found);
    }
    told
}

/// `events/index`.
pub(super) async fn index(asked: &Asked<'_>) -> Result<Given, Refusal> {
    let search = read(asked, Scope::Index)?;
    let found = find(asked, &search).await?;
    if search.minimal {
        let sightings = asked.sightings().await?;
        let mut latest: HashMap<&str, i64> = HashMap::new();
        for seen in &sightings {
            let at = seconds(seen.sighting.date_sighting.as_deref()).unwrap_or(0);
            let newest = latest.entry(seen.sighting.event_uuid.as_deref().unwrap_or_default()).or_default();
            *newest = at.max(*newest);
        }
        let sighted: Vec<String> = found.iter().map(|(seen, _)| latest.get(seen.uuid()).copied().unwrap_or(0).to_string()).collect();
        let lines = found.iter().zip(&sighted).map(|((seen, event), sighted)| MinimalEvent {
            id: event.id.as_deref().unwrap_or_default(),
            timestamp: event.timestamp.as_deref().unwrap_or("0"),
            sighting_timestamp: sighted,
            published: event.published.is_some_and(Flag::on),
            uuid: seen.uuid(),
            orgc_uuid: event.orgc.as_deref().and_then(|org| org.uuid.as_deref()).unwrap_or_default(),
        });
        return Ok(Given::showing(says::index_minimal(lines), found.iter().map(|(seen, _)| seen)).heads().tagged());
    }
    Ok(Given::showing(says::index(found.iter().map(|(_, event)| event)), found.iter().map(|(seen, _)| seen)).heads().tagged())
}

/// `events/restSearch`.
pub(super) async fn search(asked: &Asked<'_>) -> Result<Given, Refusal> {
    let search = read(asked, Scope::Events)?;
    let mut found = find(asked, &search).await?;
    match &search.return_format {
        ReturnFormat::Json => {}
        ReturnFormat::Stix2 => {
            let objects: Vec<serde_json::Value> = found.iter().flat_map(|(_, event)| stix::to_objects(event)).collect();
            let id = crate::chance::uuid();
            let bundle = serde_json::json!({"type": "bundle", "id": format!("bundle--{id}"), "objects": objects});
            return Ok(Given::showing(bundle.to_string().into_bytes(), found.iter().map(|(seen, _)| seen)));
        }
        ReturnFormat::Text | ReturnFormat::Csv | ReturnFormat::Other(_) => return super::attributes::search(asked).await,
    }
    let sightings = if search.include_sightings { asked.sightings().await? } else { Vec::new() };
    let mut told = Vec::new();
    let deleted = search.deleted;
    for (_, event) in &mut found {
        told.extend(attach(event, &sightings));
        if search.metadata {
            View { metadata: true, deleted, ..View::default() }.apply(event);
        } else {
            event.attributes.retain(|attribute| search.shows(attribute));
            event.objects.iter_mut().for_each(|object| object.attributes.retain(|attribute| search.shows(attribute)));
            event.objects.retain(|object| !object.attributes.is_empty());
        }
    }
    Ok(Given::showing(says::events(found.iter().map(|(_, event)| event)), found.iter().map(|(seen, _)| seen)).and_sightings(told))
}

/// The events of a page of those that match, dressed for who asks.
pub(super) async fn find(asked: &Asked<'_>, search: &Search) -> Result<Vec<(Seen, Event<'static>)>, Refusal> {
    let all = asked.events().await?;
    let mut dressing = Dressing::new(asked.guest);
    let (deep, most) = (asks_of_dress(search), asked.server.limits.largest_page);
    tokio::task::block_in_place(|| {
        let mut found: Vec<Seen> = all
            .into_iter()
            .filter(|seen| if deep { search.matches_event(&dressing.dress(seen)) } else { search.matches_event(&seen.event) })
            .collect();
        sort(&mut found, search);
        let page: Vec<Seen> = search.page_of(found).collect();
        if page.len() > most && !search.minimal && search.scope != Scope::Index {
            return Err(Refusal::Bad(format!(
                "{} events are more than {most} in one answer: ask for them in pages (limit, page)",
                page.len()
            )));
        }
        Ok(page
            .into_iter()
            .map(|seen| {
                let event = dressing.dress(&seen);
                (seen, event)
            })
            .collect())
    })
}

fn sort(found: &mut [Seen], search: &Search) {
    let Some(column) = search.sort.as_deref() else { return };
    let column = column.split_whitespace().next().unwrap_or_default().rsplit('.').next().unwrap_or_default();
    let number = |text: Option<&str>| seconds(text).unwrap_or(0);
    match column {
        "timestamp" => found.sort_by_key(|seen| number(seen.event.timestamp.as_deref())),
        "publish_timestamp" => found.sort_by_key(|seen| number(seen.event.publish_timestamp.as_deref())),
        "date" => found.sort_by(|one, two| one.event.date.cmp(&two.event.date)),
        "info" => found.sort_by(|one, two| one.event.info.cmp(&two.event.info)),
        _ => {}
    }
    if search.descending {
        found.reverse();
    }
}

/// `events/filterEventIdsForPush`: those that are not here, or older here.
pub(super) async fn wanted(asked: &Asked<'_>) -> Result<Given, Refusal> {
    let candidates = request::candidates(&asked.body)?;
    let all = asked.events().await?;
    let here: HashMap<&str, &Seen> = all.iter().map(|seen| (seen.uuid(), seen)).collect();
    let (mut wanted, mut told) = (Vec::new(), Vec::new());
    for candidate in &candidates {
        match here.get(candidate.uuid.to_ascii_lowercase().as_str()) {
            Some(seen) if seconds(seen.event.timestamp.as_deref()).is_some_and(|at| at >= candidate.timestamp) => told.push(*seen),
            // What somebody else gave is not this party's to change.
            Some(seen) if !seen.own => told.push(*seen),
            _ => wanted.push(candidate.uuid.as_str()),
        }
    }
    Ok(Given::showing(says::uuids(wanted), told).heads())
}
