//! Sightings: who has seen, or not seen, what an attribute says. Each is an object of its own, given by whoever sights, under the terms of what
//! was sighted.

use std::collections::{BTreeMap, HashSet};

use formats::misp::api::answer as says;
use formats::misp::api::request::{self, SightingSearch};
use formats::misp::event::{Sighting, seconds};
use formats::taxii::timestamp;
use store::posting::Given as Kept;

use super::shelf::{Dressing, SIGHTING, Seen, SeenSighting, number_of, organisation_of, wrap};
use super::{Asked, Given, Refusal, change, named};

/// One sighting hits so many attributes at most.
const MOST: usize = 10_000;

/// `sightings/add`.
pub(super) async fn add(asked: &Asked<'_>, name: Option<&str>) -> Result<Given, Refusal> {
    asked.writable()?;
    let sent = request::new_sighting(&asked.body, asked.now())?;
    let name = name.or(sent.uuid.as_deref()).or(sent.id.as_deref());
    let all = asked.events().await?;
    let mut hit: Vec<(&Seen, String)> = Vec::new();
    for seen in &all {
        for attribute in seen.event.all_attributes().filter(|one| !one.is_deleted()) {
            let meant = match name {
                Some(name) => named(name, attribute.uuid.as_deref(), attribute.id.as_deref()),
                None => sent.values.iter().any(|value| {
                    attribute.value.as_deref() == Some(value) || attribute.parts().any(|(_, part)| part.eq_ignore_ascii_case(value))
                }),
            };
            if meant && hit.len() < MOST {
                hit.push((seen, attribute.uuid.as_deref().unwrap_or_default().to_owned()));
            }
        }
    }
    if hit.is_empty() {
        return Err(Refusal::NotFound("No valid attributes found that match the criteria."));
    }
    let made = hit.into_iter().map(|(seen, attribute)| {
        let sighting = Sighting {
            uuid: Some(change::new_uuid()),
            attribute_uuid: Some(attribute.into()),
            date_sighting: Some(sent.at.unwrap_or(asked.now()).to_string().into()),
            source: Some(sent.source.clone().unwrap_or_default().into()),
            kind: Some(sent.kind.to_string().into()),
            ..Sighting::default()
        };
        (seen, sighting)
    });
    let made: Vec<(&Seen, Sighting<'static>)> = made.collect();
    let kept = save(asked, made).await?;
    let last = kept.last().cloned().unwrap_or_default();
    Ok(Given::plain(says::sighting(&last)))
}

/// Keeps sightings of what events say.
async fn save(asked: &Asked<'_>, made: Vec<(&Seen, Sighting<'static>)>) -> Result<Vec<Sighting<'static>>, Refusal> {
    let collection = asked.writable()?;
    let (standing, party) = (&asked.guest.standing, asked.party());
    let by = standing.parties.iter().find(|one| one.id == *party).map(organisation_of);
    let mut terms: BTreeMap<i64, (i64, casework::model::terms::Terms)> = BTreeMap::new();
    let (mut objects, mut kept) = (Vec::new(), Vec::new());
    for (seen, mut sighting) in made {
        let uuid = sighting.uuid.as_deref().unwrap_or_default().to_owned();
        sighting.id = Some(number_of(&uuid).into());
        sighting.event_uuid = seen.event.uuid.clone();
        sighting.event_id = seen.event.id.clone();
        sighting.attribute_id = sighting.attribute_uuid.as_deref().map(|uuid| number_of(uuid).into());
        if sighting.organisation.is_none() {
            sighting.org_id = by.as_ref().and_then(|by| by.id.clone());
            sighting.organisation = by.clone().map(Box::new);
        }
        let (number, under) = match terms.get(&seen.terms) {
            Some(known) => known.clone(),
            None => {
                let unmarked = casework::model::terms::Terms::of(casework::model::terms::Tlp::UNMARKED);
                let of_event = standing.terms(seen.terms).unwrap_or(&unmarked);
                let (_, by_giver) = standing.defaults(collection, party);
                // What is derived is never freer than what it is derived from.
                let joined = by_giver.map_or_else(|| of_event.clone(), |default| of_event.join(default));
                let under = standing.transferred(&joined, party);
                let known = (asked.server.register.terms(&under).await?, under);
                terms.insert(seen.terms, known.clone());
                known
            }
        };
        let at = seconds(sighting.date_sighting.as_deref()).unwrap_or(0).clamp(0, 7_258_118_399) * 1_000_000;
        let body = serde_json::to_vec(&sighting).map_err(|error| Refusal::Failed(error.into()))?;
        objects.push(Kept {
            id: format!("{SIGHTING}--{uuid}"),
            kind: SIGHTING.to_owned(),
            version: Some((at, timestamp(at))),
            spec: 21,
            terms: number,
            bytes: wrap(SIGHTING, &uuid, at, &under, &body),
            date_added: None,
        });
        kept.push(sighting);
    }
    change::keep(asked, objects).await?;
    Ok(kept)
}

/// `sightings/restSearch[/event|/attribute]`.
pub(super) async fn search(asked: &Asked<'_>, context: &str) -> Result<Given, Refusal> {
    let search = SightingSearch::read(&asked.body, asked.now())?;
    let found = matching(asked, context, &search).await?;
    if !search.include_attribute && !search.include_event {
        return Ok(Given::plain(says::sightings(found.iter().map(|seen| &*seen.sighting))).and_sightings(&found));
    }
    let all = asked.events().await?;
    let mut dressing = Dressing::new(asked.guest);
    let (mut told, mut shown) = (Vec::new(), Vec::new());
    for seen in &found {
        let mut sighting = (*seen.sighting).clone();
        if let Some(of) = all.iter().find(|event| event.event.uuid == sighting.event_uuid) {
            let mut event = dressing.dress(of);
            let attribute = event.all_attributes().find(|one| one.uuid == sighting.attribute_uuid).cloned();
            if search.include_attribute
                && let Some(attribute) = attribute
            {
                sighting.more.set("Attribute", serde_json::json!(attribute));
            }
            if search.include_event {
                (event.attributes, event.objects) = (Vec::new(), Vec::new());
                sighting.more.set("Event", serde_json::json!(event));
            }
            shown.push(of);
        }
        told.push(sighting);
    }
    Ok(Given::showing(says::sightings(&told), shown).and_sightings(&found))
}

async fn matching(asked: &Asked<'_>, context: &str, search: &SightingSearch) -> Result<Vec<SeenSighting>, Refusal> {
    Ok(asked.sightings().await?.into_iter().filter(|seen| search.matches(context, &seen.sighting)).collect())
}

/// `sightings/index`, `sightings/listSightings`.
pub(super) async fn list(asked: &Asked<'_>, event: Option<&str>) -> Result<Given, Refusal> {
    let mut body: serde_json::Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    if let Some(event) = event {
        body = serde_json::json!({ "id": event });
    }
    let search = match &body {
        serde_json::Value::Object(_) => SightingSearch::read(body.to_string().as_bytes(), asked.now())?,
        _ => SightingSearch::default(),
    };
    let context = match (event, body.get("context").and_then(|context| context.as_str())) {
        (Some(_), _) => "event",
        (None, Some("event")) => "event",
        (None, Some("attribute")) => "attribute",
        (None, _) => "",
    };
    let found = matching(asked, context, &search).await?;
    Ok(Given::plain(says::sighting_list(found.iter().map(|seen| &*seen.sighting))).and_sightings(&found))
}

/// `sightings/filterSightingUuidsForPush`: those that are not here.
pub(super) async fn wanted(asked: &Asked<'_>, event: &str) -> Result<Given, Refusal> {
    asked.event(event).await?;
    let sent = request::uuids(&asked.body)?;
    let all = asked.sightings().await?;
    let here: HashSet<&str> = all.iter().filter_map(|seen| seen.sighting.uuid.as_deref()).collect();
    let (known, wanted): (Vec<&str>, Vec<&str>) = sent.iter().map(String::as_str).partition(|uuid| here.contains(uuid));
    let told = all.iter().filter(|seen| seen.sighting.uuid.as_deref().is_some_and(|uuid| known.contains(&uuid)));
    Ok(Given::plain(says::uuids(wanted)).and_sightings(told).heads())
}

/// `sightings/bulkSaveSightings`.
pub(super) async fn take(asked: &Asked<'_>, event: &str) -> Result<Given, Refusal> {
    asked.writable()?;
    let seen = asked.event(event).await?;
    let sent = request::sightings(&asked.body)?;
    let all = asked.sightings().await?;
    let here: HashSet<&str> = all.iter().filter_map(|seen| seen.sighting.uuid.as_deref()).collect();
    let of: HashSet<&str> = seen.event.all_attributes().filter_map(|one| one.uuid.as_deref()).collect();
    let fits = |one: &&Sighting<'_>| {
        one.attribute_uuid.as_deref().is_some_and(|uuid| of.contains(uuid))
            && one.uuid.as_deref().is_none_or(|uuid| !here.contains(uuid) && uuid::Uuid::try_parse(uuid).is_ok())
    };
    let made: Vec<(&Seen, Sighting<'static>)> = sent
        .iter()
        .filter(fits)
        .map(|one| {
            let mut one = one.clone().into_owned();
            one.uuid.get_or_insert_with(change::new_uuid);
            (&seen, one)
        })
        .collect();
    let count = made.len();
    if count > 0 {
        save(asked, made).await?;
    }
    Ok(Given::plain(says::done(&format!("{count} sightings added."), &format!("/sightings/bulkSaveSightings/{event}"))))
}
