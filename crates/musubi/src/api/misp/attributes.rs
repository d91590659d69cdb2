//! Attributes: one, searches, and changes to those of one's own events.

use std::collections::BTreeSet;

use formats::misp::api::answer::{self as says, NOT_PERMITTED};
use formats::misp::api::request;
use formats::misp::api::{ReturnFormat, Scope};
use formats::misp::event::{Attribute, Event};
use formats::misp::{Flag, stix};

use super::events::{self, asks_of_dress};
use super::shelf::{Dressing, Seen};
use super::{Asked, Given, Refusal, change, named};

/// Attributes in one answer.
const MOST: usize = 500_000;

/// The event with an attribute, and its place in it: in the event, or in an object of it.
async fn place(asked: &Asked<'_>, name: &str) -> Result<(Seen, Option<usize>, usize), Refusal> {
    let is = |one: &Attribute<'_>| named(name, one.uuid.as_deref(), one.id.as_deref());
    for seen in asked.events().await? {
        if let Some(at) = seen.event.attributes.iter().position(is) {
            return Ok((seen, None, at));
        }
        let within = seen.event.objects.iter().enumerate().find_map(|(n, object)| Some((n, object.attributes.iter().position(is)?)));
        if let Some((object, at)) = within {
            return Ok((seen, Some(object), at));
        }
    }
    Err(Refusal::NotFound("Invalid attribute"))
}

fn at<'e>(event: &'e mut Event<'static>, object: Option<usize>, place: usize) -> &'e mut Attribute<'static> {
    match object {
        Some(object) => &mut event.objects[object].attributes[place],
        None => &mut event.attributes[place],
    }
}

/// `attributes/view`.
pub(super) async fn view(asked: &Asked<'_>, name: &str, head: bool) -> Result<Given, Refusal> {
    let (seen, object, place) = place(asked, name).await?;
    if head {
        return Ok(Given::showing(Vec::new(), [&seen]).heads());
    }
    let sightings = asked.sightings().await?;
    let mut event = Dressing::new(asked.guest).dress(&seen);
    let told = events::attach(&mut event, &sightings);
    Ok(Given::showing(says::attribute(at(&mut event, object, place)), [&seen]).and_sightings(told))
}

/// `attributes/restSearch`.
pub(super) async fn search(asked: &Asked<'_>) -> Result<Given, Refusal> {
    let search = events::read(asked, Scope::Attributes)?;
    let all = asked.events().await?;
    let sightings = if search.include_sightings { asked.sightings().await? } else { Vec::new() };
    let deep = asks_of_dress(&search);
    tokio::task::block_in_place(|| {
        let mut dressing = Dressing::new(asked.guest);
        let mut found: Vec<(usize, Attribute<'static>)> = Vec::new();
        let mut shown: BTreeSet<usize> = BTreeSet::new();
        let (mut skipped, mut told) = (0, Vec::new());
        let skip = search.limit.map_or(0, |limit| (search.page - 1).saturating_mul(limit));
        let most = search.limit.unwrap_or(MOST + 1).min(MOST + 1);
        let mut heads: Vec<Event<'static>> = Vec::with_capacity(all.len());
        'all: for (number, seen) in all.iter().enumerate() {
            heads.push(Event::default());
            if !deep && !search.matches_event(&seen.event) {
                continue;
            }
            let mut event = if deep { dressing.dress(seen) } else { (*seen.event).clone() };
            if !search.matches_event(&event) {
                continue;
            }
            if !event.all_attributes().any(|one| search.matches(&event, one)) {
                continue;
            }
            if !deep {
                dressing.dress_event(&mut event, seen);
            }
            told.extend(events::attach(&mut event, &sightings));
            let hits = event.attributes.iter().map(|one| (None, one));
            let hits =
                hits.chain(event.objects.iter().flat_map(|object| object.attributes.iter().map(move |one| (object.name.as_deref(), one))));
            for (object, attribute) in hits {
                if !search.matches(&event, attribute) || !search.object_name.match_any(object.into_iter()) {
                    continue;
                }
                if skipped < skip {
                    skipped += 1;
                    continue;
                }
                if found.len() >= most {
                    break 'all;
                }
                let mut attribute = attribute.clone();
                attribute.event = Some(Box::new(says::event_of(&event)));
                if search.include_event_tags || search.include_context {
                    let own: BTreeSet<String> = attribute.tags.iter().map(|tag| tag.text().to_owned()).collect();
                    attribute.tags.extend(event.tags.iter().filter(|tag| !own.contains(tag.text())).cloned());
                }
                found.push((number, attribute));
                shown.insert(number);
            }
            heads[number] = says::event_of(&event);
        }
        if found.len() > MOST {
            return Err(Refusal::Bad(format!("more than {MOST} attributes match: ask for them in pages (limit, page)")));
        }
        let given = |body| Given::showing(body, shown.iter().map(|number| &all[*number]));
        match &search.return_format {
            ReturnFormat::Json => Ok(given(says::attributes(found.iter().map(|(_, one)| one))).and_sightings(told)),
            ReturnFormat::Text => {
                let values: BTreeSet<&str> = found.iter().filter_map(|(_, one)| one.value.as_deref()).collect();
                let text: String = values.into_iter().flat_map(|value| [value, "\n"]).collect();
                Ok(given(text.into_bytes()).media("text/plain; charset=utf-8"))
            }
            ReturnFormat::Csv => {
                let asked: Vec<&str> = search.requested_attributes.iter().map(String::as_str).collect();
                let columns = if asked.is_empty() { &says::CSV_USUAL[..] } else { &asked[..] };
                let mut text = if search.headerless { String::new() } else { says::csv_head(columns) };
                found.iter().for_each(|(number, one)| text.push_str(&says::csv_line(columns, &heads[*number], one)));
                Ok(given(text.into_bytes()).media("text/csv; charset=utf-8"))
            }
            ReturnFormat::Stix2 => {
                let mut objects: Vec<serde_json::Value> = Vec::new();
                for number in &shown {
                    let mut event = dressing.dress(&all[*number]);
                    let wanted: BTreeSet<&str> =
                        found.iter().filter(|(at, _)| at == number).filter_map(|(_, one)| one.uuid.as_deref()).collect();
                    event.attributes.retain(|one| one.uuid.as_deref().is_some_and(|uuid| wanted.contains(uuid)));
                    event
                        .objects
                        .retain(|object| object.attributes.iter().any(|one| one.uuid.as_deref().is_some_and(|uuid| wanted.contains(uuid))));
                    objects.extend(stix::to_objects(&event));
                }
                let id = crate::chance::uuid();
                let bundle = serde_json::json!({"type": "bundle", "id": format!("bundle--{id}"), "objects": objects});
                Ok(given(bundle.to_string().into_bytes()))
            }
            ReturnFormat::Other(name) => {
                Err(Refusal::Bad(format!("returnFormat {name:?} is not made here: json, text, csv and stix2 are")))
            }
        }
    })
}

/// `attributes/add`.
pub(super) async fn add(asked: &Asked<'_>, name: &str) -> Result<Given, Refusal> {
    let seen = change::mine(asked, name).await?;
    let several = asked.body.trim_ascii().starts_with(b"[");
    let sent = request::attributes(&asked.body)?;
    let breaks = asked.path.parameters.get("breakOnDuplicate").is_none_or(|on| on != "0");
    let mut event = (*seen.event).clone();
    let (mut taken, mut wrong) = (Vec::new(), Vec::new());
    for (number, attribute) in sent.into_iter().enumerate() {
        let mut attribute = attribute.into_owned();
        if let Err(reasons) = change::complete_attribute(&mut attribute, asked.now()) {
            wrong.push((number, reasons));
            continue;
        }
        let same = |one: &Attribute<'_>| {
            one.uuid == attribute.uuid
                || (one.kind == attribute.kind && one.value == attribute.value && one.category == attribute.category && !one.is_deleted())
        };
        match event.attributes.iter_mut().find(|one| same(one)) {
            Some(known) if !breaks => {
                known.timestamp = attribute.timestamp.clone();
                taken.push(known.uuid.clone());
            }
            Some(_) => wrong.push((number, vec![("value", "A similar attribute already exists for this event.".to_owned())])),
            None => {
                taken.push(attribute.uuid.clone());
                event.attributes.push(attribute);
            }
        }
    }
    let seen = if taken.is_empty() { seen } else { save(asked, &seen, event).await? };
    let event = Dressing::new(asked.guest).dress(&seen);
    let taken: Vec<Attribute<'static>> = event.attributes.into_iter().filter(|one| taken.contains(&one.uuid)).collect();
    match (several, taken.first(), wrong.first()) {
        (false, Some(one), _) => Ok(Given::showing(says::attribute(one), [&seen])),
        (false, None, _) => {
            Err(Refusal::Wrong("Could not add Attribute", wrong.into_iter().next().map(|(_, reasons)| reasons).unwrap_or_default()))
        }
        (true, None, Some(_)) if wrong.len() == 1 => {
            Err(Refusal::Wrong("Could not add Attribute", wrong.into_iter().next().map(|(_, reasons)| reasons).unwrap_or_default()))
        }
        (true, ..) => Ok(Given::showing(says::attributes_added(&taken, &wrong), [&seen])),
    }
}

/// `attributes/edit`.
pub(super) async fn edit(asked: &Asked<'_>, name: &str) -> Result<Given, Refusal> {
    let sent = request::attributes(&asked.body)?;
    let sent = sent.into_iter().next().ok_or_else(|| Refusal::Bad("there is no attribute".to_owned()))?.into_owned();
    alter(asked, name, |attribute, now| {
        // Whoever edits means to change it, whatever time it says.
        change::change_attribute(attribute, Attribute { timestamp: None, ..sent }, now);
        change::complete_attribute(attribute, now).map_err(|wrong| Refusal::Wrong("Could not edit Attribute", wrong))
    })
    .await
}

/// `attributes/delete`: it stays, marked, unless it shall go for good (`hard`).
pub(super) async fn delete(asked: &Asked<'_>, name: &str) -> Result<Given, Refusal> {
    let body: serde_json::Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let hard = [body.get("hard"), asked.path.parameters.get("hard")]
        .into_iter()
        .flatten()
        .any(|on| matches!(on.to_string().as_str(), "1" | "true" | "\"1\""));
    let url = format!("/attributes/delete/{name}");
    if hard {
        let (seen, object, place) = mine(asked, name).await?;
        let mut event = (*seen.event).clone();
        match object {
            Some(object) => drop(event.objects[object].attributes.remove(place)),
            None => drop(event.attributes.remove(place)),
        }
        save(asked, &seen, event).await?;
    } else {
        alter(asked, name, |attribute, now| {
            attribute.deleted = Some(Flag::YES);
            attribute.timestamp = Some(now.to_string().into());
            Ok(())
        })
        .await?;
    }
    Ok(Given::plain(says::done("Attribute deleted.", &url)))
}

/// `attributes/restore`.
pub(super) async fn restore(asked: &Asked<'_>, name: &str) -> Result<Given, Refusal> {
    alter(asked, name, |attribute, now| {
        attribute.deleted = Some(Flag::NO);
        attribute.timestamp = Some(now.to_string().into());
        Ok(())
    })
    .await
}

async fn mine(asked: &Asked<'_>, name: &str) -> Result<(Seen, Option<usize>, usize), Refusal> {
    asked.writable()?;
    let found = place(asked, name).await?;
    if found.0.own { Ok(found) } else { Err(Refusal::Forbidden(NOT_PERMITTED)) }
}

/// Changes an attribute of an event of one's own; gives it as it is then.
async fn alter(
    asked: &Asked<'_>,
    name: &str,
    change: impl FnOnce(&mut Attribute<'static>, i64) -> Result<(), Refusal>,
) -> Result<Given, Refusal> {
    let (seen, object, place) = mine(asked, name).await?;
    let mut event = (*seen.event).clone();
    change(at(&mut event, object, place), asked.now())?;
    let seen = save(asked, &seen, event).await?;
    let mut event = Dressing::new(asked.guest).dress(&seen);
    Ok(Given::showing(says::attribute(at(&mut event, object, place)), [&seen]))
}

/// A changed event is newer, and not published until somebody says so again.
pub(super) async fn save(asked: &Asked<'_>, before: &Seen, mut event: Event<'static>) -> Result<Seen, Refusal> {
    let last = formats::misp::event::seconds(before.event.timestamp.as_deref()).unwrap_or(0);
    event.timestamp = Some(asked.now().max(last).to_string().into());
    event.published = Some(Flag::NO);
    change::save(asked, Some(before), &event, None).await
}
