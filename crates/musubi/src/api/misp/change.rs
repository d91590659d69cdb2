//! Writing events: added, edited, published, taken back.
//!
//! Each change is a new version of the kept object, decided anew: an event that becomes stricter is held under stricter terms. A complete event,
//! as a MISP pushes it, is kept byte for byte; what PyMISP sends in part is completed as MISP does, and then kept. Only who gave an event
//! changes it.

use std::borrow::Cow;
use std::collections::HashSet;

use formats::misp::Flag;
use formats::misp::api::answer::{self as says, NOT_PERMITTED};
use formats::misp::api::request::{self, View};
use formats::misp::event::{self, Attribute, Event, Object, Organisation, seconds};
use formats::taxii::{Wanted, timestamp};
use store::posting::{Given as Kept, Post};

use super::shelf::{Dressing, EVENT, Seen, held_under, organisation_of, wrap};
use super::{Asked, Given, Refusal};
use crate::chance;

/// Seconds since 1970 at the end of the year 2199: later is a mistake.
const LATEST: i64 = 7_258_118_399;

/// A random UUID.
pub(super) fn new_uuid() -> Cow<'static, str> {
    chance::uuid().to_string().into()
}

/// `events/add`.
pub(super) async fn add(asked: &Asked<'_>) -> Result<Given, Refusal> {
    const REFUSED: &str = "Could not add Event";
    asked.writable()?;
    let sent = event::read(&asked.body).map_err(|error| Refusal::Bad(error.to_string()))?;
    request::check_event(&sent).map_err(|wrong| Refusal::Wrong(REFUSED, wrong))?;
    if let Some(uuid) = sent.uuid.as_deref()
        && asked.event(uuid).await.is_ok()
    {
        return Err(Refusal::Conflict(
            "Event already exists, if you would like to edit it, use the url in the location header.".to_owned(),
        ));
    }
    let seen = if is_complete(&sent) {
        save(asked, None, &sent, Some(&asked.body)).await?
    } else {
        let mut event = sent.clone().into_owned();
        complete(asked, &mut event).map_err(|wrong| Refusal::Wrong(REFUSED, wrong))?;
        save(asked, None, &event, None).await?
    };
    told(asked, &seen)
}

/// `events/edit`: what is sent replaces what it names, and leaves the rest.
pub(super) async fn edit(asked: &Asked<'_>, name: &str) -> Result<Given, Refusal> {
    const REFUSED: &str = "Could not edit Event";
    let seen = mine(asked, name).await?;
    let sent = event::read(&asked.body).map_err(|error| Refusal::Bad(error.to_string()))?;
    if sent.uuid.as_deref().is_some_and(|uuid| !uuid.eq_ignore_ascii_case(seen.uuid())) {
        return Err(Refusal::Wrong(REFUSED, vec![("uuid", "is another than that of the event".to_owned())]));
    }
    let before = seconds(seen.event.timestamp.as_deref()).unwrap_or(0);
    match seconds(sent.timestamp.as_deref()) {
        Some(at) if at < before => {
            let reason = "Event could not be saved: Event in the request not newer than the local copy.".to_owned();
            return Err(Refusal::Wrong(REFUSED, vec![("Event", reason)]));
        }
        // The same again changes nothing.
        Some(at) if at == before => return told(asked, &seen),
        _ => {}
    }
    let seen = if is_complete(&sent) && holds_all_of(&sent, &seen.event) {
        save(asked, Some(&seen), &sent, Some(&asked.body)).await?
    } else {
        let mut event = (*seen.event).clone();
        merge(&mut event, sent.into_owned(), asked.now());
        request::check_event(&event).map_err(|wrong| Refusal::Wrong(REFUSED, wrong))?;
        complete(asked, &mut event).map_err(|wrong| Refusal::Wrong(REFUSED, wrong))?;
        save(asked, Some(&seen), &event, None).await?
    };
    told(asked, &seen)
}

/// `events/publish`, `events/unpublish`.
pub(super) async fn publish(asked: &Asked<'_>, name: &str, on: bool) -> Result<Given, Refusal> {
    let seen = mine(asked, name).await?;
    let mut event = (*seen.event).clone();
    event.published = Some(on.into());
    if on {
        event.publish_timestamp = Some(asked.now().to_string().into());
    }
    save(asked, Some(&seen), &event, None).await?;
    let (done, way) = if on { ("Job queued", "publish") } else { ("Event unpublished.", "unpublish") };
    Ok(Given::plain(says::done(done, &format!("/events/{way}/{name}"))))
}

/// `events/delete`: all versions are taken back, and whoever listens is told.
pub(super) async fn delete(asked: &Asked<'_>, name: &str) -> Result<Given, Refusal> {
    let seen = mine(asked, name).await?;
    let collection = asked.writable()?.number;
    let now = asked.guest.now.as_microsecond();
    match asked.server.register.withdraw(collection, &seen.id(), &Wanted::All, &asked.guest.view.eyes, now, chance::number()).await {
        Ok(Some(_)) => {
            asked.server.scribe.news.notify_waiters();
            Ok(Given::plain(says::done("Event deleted.", &format!("/events/delete/{name}"))))
        }
        Ok(None) => Err(Refusal::NotFound("Invalid event")),
        Err(store::StoreError::Refused(_)) => Err(Refusal::Forbidden(NOT_PERMITTED)),
        Err(error) => Err(error.into()),
    }
}

/// An event that the party gave, and may change.
pub(super) async fn mine(asked: &Asked<'_>, name: &str) -> Result<Seen, Refusal> {
    asked.writable()?;
    let seen = asked.event(name).await?;
    if seen.own { Ok(seen) } else { Err(Refusal::Forbidden(NOT_PERMITTED)) }
}

fn told(asked: &Asked<'_>, seen: &Seen) -> Result<Given, Refusal> {
    let mut event = Dressing::new(asked.guest).dress(seen);
    View::read(&asked.path, b"")?.apply(&mut event);
    Ok(Given::showing(says::event(&event), [seen]))
}

/// Keeps a version of an event: as it came, or as it is written here.
pub(super) async fn save(asked: &Asked<'_>, before: Option<&Seen>, event: &Event<'_>, came: Option<&[u8]>) -> Result<Seen, Refusal> {
    let collection = asked.writable()?;
    let party = asked.party();
    let uuid = event.uuid.as_deref().unwrap_or_default().to_owned();
    let at = seconds(event.timestamp.as_deref()).filter(|at| (0..=LATEST).contains(at));
    let at =
        at.ok_or_else(|| Refusal::Wrong("Could not save Event", vec![("timestamp", "is no time in seconds since 1970".to_owned())]))?;
    // Several changes within one second are as many versions.
    let version = before.map_or(0, |before| before.version + 1).max(at * 1_000_000);
    let terms = held_under(&asked.guest.standing, collection, party, event);
    let bytes = match came {
        Some(came) => wrap(EVENT, &uuid, version, &terms, came.strip_prefix(b"\xef\xbb\xbf").unwrap_or(came)),
        None => wrap(EVENT, &uuid, version, &terms, &event::write(event)),
    };
    let kept = Kept {
        id: format!("{EVENT}--{uuid}"),
        kind: EVENT.to_owned(),
        version: Some((version, timestamp(version))),
        spec: 21,
        terms: asked.server.register.terms(&terms).await?,
        bytes,
        date_added: None,
    };
    keep(asked, vec![kept]).await?;
    asked.event(&uuid).await
}

/// Adds objects to the collection.
pub(super) async fn keep(asked: &Asked<'_>, objects: Vec<Kept>) -> Result<(), Refusal> {
    let collection = asked.writable()?.number;
    asked.server.counters.objects_taken.fetch_add(objects.len() as u64, std::sync::atomic::Ordering::Relaxed);
    let post = Post {
        request: None,
        collection,
        eyes: asked.guest.view.eyes.clone(),
        objects: objects.into_iter().map(Ok).collect(),
        requested_at: asked.guest.now.as_microsecond(),
    };
    let posted = asked.server.scribe.post(post).await?;
    match posted.failures.into_iter().next() {
        None => Ok(()),
        Some(failure) => Err(Refusal::Conflict(failure.message.unwrap_or_else(|| "it was not taken".to_owned()))),
    }
}

/// Nothing is missing that a MISP gives an event: it can be kept as it came.
fn is_complete(event: &Event<'_>) -> bool {
    let uuid = |uuid: &Option<Cow<'_, str>>| {
        uuid.as_deref().is_some_and(|text| uuid::Uuid::try_parse(text).is_ok_and(|uuid| uuid.to_string() == text))
    };
    let attribute = |one: &Attribute<'_>| uuid(&one.uuid) && one.timestamp.is_some() && one.kind.is_some() && one.value.is_some();
    uuid(&event.uuid)
        && event.timestamp.is_some()
        && event.date.is_some()
        && event.orgc.as_deref().is_some_and(|orgc| orgc.name.is_some() && orgc.uuid.is_some())
        && event.all_attributes().all(attribute)
        && event.objects.iter().all(|object| uuid(&object.uuid))
}

/// Every part of an event is in another one.
fn holds_all_of(event: &Event<'_>, before: &Event<'_>) -> bool {
    let parts = |event: &Event<'_>| -> HashSet<String> {
        let attributes = event.all_attributes().filter_map(|one| one.uuid.as_deref());
        attributes.chain(event.objects.iter().filter_map(|one| one.uuid.as_deref())).map(str::to_ascii_lowercase).collect()
    };
    parts(before).is_subset(&parts(event))
}

/// Gives an event what MISP would give it; what is wrong with it otherwise.
fn complete(asked: &Asked<'_>, event: &mut Event<'static>) -> Result<(), Vec<(&'static str, String)>> {
    let now = asked.now();
    let uuid = event.uuid.as_deref().and_then(|text| uuid::Uuid::try_parse(text).ok());
    event.uuid = Some(uuid.map_or_else(new_uuid, |uuid| uuid.to_string().into()));
    event.timestamp.get_or_insert_with(|| now.to_string().into());
    event.date.get_or_insert_with(|| asked.guest.now.to_zoned(jiff::tz::TimeZone::UTC).date().to_string().into());
    event.published.get_or_insert(Flag::NO);
    event.analysis.get_or_insert("0".into());
    event.threat_level_id.get_or_insert("4".into());
    event.distribution.get_or_insert("0".into());
    event.extends_uuid.get_or_insert("".into());
    if event.orgc.as_deref().is_none_or(|orgc| orgc.name.is_none() && orgc.uuid.is_none()) {
        let party = asked.guest.standing.parties.iter().find(|party| party.id == *asked.party());
        let named = || Organisation { name: Some(asked.party().to_string().into()), ..Organisation::default() };
        event.orgc = Some(Box::new(party.map_or_else(named, organisation_of)));
    }
    for attribute in &mut event.attributes {
        complete_attribute(attribute, now)?;
    }
    for object in &mut event.objects {
        if object.uuid.as_deref().is_none_or(|text| uuid::Uuid::try_parse(text).is_err()) {
            object.uuid = Some(new_uuid());
        }
        object.timestamp.get_or_insert_with(|| now.to_string().into());
        object.distribution.get_or_insert("5".into());
        for attribute in &mut object.attributes {
            complete_attribute(attribute, now)?;
        }
    }
    Ok(())
}

/// Gives an attribute what MISP would give it.
pub(super) fn complete_attribute(attribute: &mut Attribute<'static>, now: i64) -> Result<(), Vec<(&'static str, String)>> {
    request::complete_attribute(attribute)?;
    let uuid = attribute.uuid.as_deref().and_then(|text| uuid::Uuid::try_parse(text).ok());
    attribute.uuid = Some(uuid.map_or_else(new_uuid, |uuid| uuid.to_string().into()));
    attribute.timestamp.get_or_insert_with(|| now.to_string().into());
    attribute.distribution.get_or_insert("5".into());
    attribute.comment.get_or_insert("".into());
    attribute.deleted.get_or_insert(Flag::NO);
    attribute.disable_correlation.get_or_insert(Flag::NO);
    Ok(())
}

/// What was sent, on top of what is there.
fn merge(event: &mut Event<'static>, sent: Event<'static>, now: i64) {
    event.timestamp = sent.timestamp.or_else(|| Some(now.to_string().into()));
    // Changed, and not published again.
    event.published = sent.published.or(Some(Flag::NO));
    let replace = |field: &mut Option<Cow<'static, str>>, by: Option<Cow<'static, str>>| {
        if by.is_some() {
            *field = by;
        }
    };
    replace(&mut event.info, sent.info);
    replace(&mut event.date, sent.date);
    replace(&mut event.analysis, sent.analysis);
    replace(&mut event.threat_level_id, sent.threat_level_id);
    replace(&mut event.distribution, sent.distribution);
    replace(&mut event.sharing_group_id, sent.sharing_group_id);
    replace(&mut event.extends_uuid, sent.extends_uuid);
    replace(&mut event.publish_timestamp, sent.publish_timestamp);
    if sent.sharing_group.is_some() {
        event.sharing_group = sent.sharing_group;
    }
    merge_tags(&mut event.tags, sent.tags);
    for attribute in sent.attributes {
        merge_attribute(&mut event.attributes, attribute, now);
    }
    for object in sent.objects {
        match event.objects.iter_mut().find(|known| known.uuid.is_some() && known.uuid == object.uuid) {
            Some(known) => merge_object(known, object, now),
            None => event.objects.push(object),
        }
    }
    for report in sent.reports {
        match event.reports.iter_mut().find(|known| known.uuid.is_some() && known.uuid == report.uuid) {
            Some(known) => *known = report,
            None => event.reports.push(report),
        }
    }
}

fn merge_object(known: &mut Object<'static>, sent: Object<'static>, now: i64) {
    known.timestamp = sent.timestamp.or_else(|| Some(now.to_string().into()));
    known.comment = sent.comment.or_else(|| known.comment.take());
    known.distribution = sent.distribution.or_else(|| known.distribution.take());
    known.deleted = sent.deleted.or(known.deleted);
    known.first_seen = sent.first_seen.or_else(|| known.first_seen.take());
    known.last_seen = sent.last_seen.or_else(|| known.last_seen.take());
    if !sent.references.is_empty() {
        known.references = sent.references;
    }
    for attribute in sent.attributes {
        merge_attribute(&mut known.attributes, attribute, now);
    }
}

fn merge_attribute(known: &mut Vec<Attribute<'static>>, sent: Attribute<'static>, now: i64) {
    match known.iter_mut().find(|known| known.uuid.is_some() && known.uuid == sent.uuid) {
        Some(known) => change_attribute(known, sent, now),
        None => known.push(sent),
    }
}

/// What was sent of an attribute, on top of what is there.
pub(super) fn change_attribute(known: &mut Attribute<'static>, sent: Attribute<'static>, now: i64) {
    let same = sent.timestamp.is_some() && sent.timestamp == known.timestamp;
    if same {
        return;
    }
    known.timestamp = sent.timestamp.or_else(|| Some(now.to_string().into()));
    let replace = |field: &mut Option<Cow<'static, str>>, by: Option<Cow<'static, str>>| {
        if by.is_some() {
            *field = by;
        }
    };
    replace(&mut known.kind, sent.kind);
    replace(&mut known.category, sent.category);
    replace(&mut known.value, sent.value);
    replace(&mut known.data, sent.data);
    replace(&mut known.comment, sent.comment);
    replace(&mut known.distribution, sent.distribution);
    replace(&mut known.first_seen, sent.first_seen);
    replace(&mut known.last_seen, sent.last_seen);
    replace(&mut known.object_relation, sent.object_relation);
    known.to_ids = sent.to_ids.or(known.to_ids);
    known.deleted = sent.deleted.or(known.deleted);
    known.disable_correlation = sent.disable_correlation.or(known.disable_correlation);
    merge_tags(&mut known.tags, sent.tags);
}

fn merge_tags(known: &mut Vec<event::Tag<'static>>, sent: Vec<event::Tag<'static>>) {
    for tag in sent {
        let gone = tag.deleted.is_some_and(Flag::on);
        let here = known.iter().position(|known| known.text() == tag.text());
        match here {
            Some(at) if gone => drop(known.remove(at)),
            None if !gone => known.push(tag),
            _ => {}
        }
    }
}
