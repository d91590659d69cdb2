//! Tags: those in use, and setting them on one's own events. A tag exists here as far as somebody uses it.

use std::collections::{BTreeMap, BTreeSet};

use formats::misp::api::answer::{self as says, NOT_PERMITTED};
use formats::misp::api::request;
use formats::misp::event::{Attribute, Event, Tag};
use formats::misp::tag::{Pap, Tlp};
use formats::misp::{Flag, event};

use super::shelf::{Dressing, number_of};
use super::{Asked, Given, Refusal, attributes};

/// A tag is not longer than this in MISP.
const LONGEST: usize = 255;

/// Those that are there without being used.
const ALWAYS: [Tlp; 5] = [Tlp::Clear, Tlp::Green, Tlp::Amber, Tlp::AmberStrict, Tlp::Red];
const ALWAYS_TOO: [Pap; 4] = [Pap::Clear, Pap::Green, Pap::Amber, Pap::Red];

fn told(name: &str, colour: Option<&str>) -> Tag<'static> {
    let mut tag = Tag {
        id: Some(number_of(name).into()),
        name: Some(name.to_owned().into()),
        colour: Some(colour.unwrap_or("#0088cc").to_owned().into()),
        exportable: Some(Flag::YES),
        ..Tag::default()
    };
    tag.more.set("hide_tag", false.into());
    tag
}

/// The tags of what the party sees, with the events that it hears of by them.
async fn used(asked: &Asked<'_>, wanted: impl Fn(&str) -> bool) -> Result<(Vec<Tag<'static>>, Vec<super::shelf::Seen>), Refusal> {
    let mut dressing = Dressing::new(asked.guest);
    let mut names: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut shown = Vec::new();
    for seen in asked.events().await? {
        let event = dressing.dress(&seen);
        let all = event.tags.iter().chain(event.all_attributes().flat_map(|one| &one.tags));
        let mut any = false;
        for tag in all.filter(|tag| wanted(tag.text())) {
            any = true;
            names.entry(tag.text().to_owned()).or_insert_with(|| tag.colour.as_deref().map(str::to_owned));
        }
        if any {
            shown.push(seen);
        }
    }
    for name in ALWAYS.map(Tlp::tag).into_iter().chain(ALWAYS_TOO.map(Pap::tag)).filter(|name| wanted(name)) {
        names.entry(name.to_owned()).or_default();
    }
    Ok((names.iter().map(|(name, colour)| told(name, colour.as_deref())).collect(), shown))
}

/// `tags/index`.
pub(super) async fn index(asked: &Asked<'_>) -> Result<Given, Refusal> {
    let (tags, shown) = used(asked, |_| true).await?;
    Ok(Given::showing(says::tags(&tags), &shown).heads())
}

/// `tags/search`.
pub(super) async fn search(asked: &Asked<'_>, name: Option<&str>) -> Result<Given, Refusal> {
    let (name, strict) = match name {
        Some(name) => (name.to_owned(), false),
        None => request::tag_search(&asked.body)?,
    };
    let name = name.to_lowercase();
    let (start, end) = (name.starts_with('%'), name.ends_with('%'));
    let bare = name.trim_matches('%');
    let wanted = |tag: &str| {
        let tag = tag.to_lowercase();
        match (strict, start, end) {
            (true, ..) => tag == name,
            (false, false, true) => tag.starts_with(bare),
            (false, true, false) => tag.ends_with(bare),
            (false, ..) => tag.contains(bare),
        }
    };
    let (tags, shown) = used(asked, wanted).await?;
    Ok(Given::showing(says::tags_found(&tags), &shown).heads())
}

/// `tags/add`: the tag as it will be when somebody uses it.
pub(super) fn add(asked: &Asked<'_>) -> Result<Given, Refusal> {
    asked.writable()?;
    let sent: serde_json::Value = serde_json::from_slice(&asked.body).map_err(|error| Refusal::Bad(error.to_string()))?;
    let sent = sent.get("Tag").unwrap_or(&sent);
    let name = sent.get("name").and_then(|name| name.as_str()).map(str::trim).unwrap_or_default();
    check(name)?;
    Ok(Given::plain(says::tag(&told(name, sent.get("colour").and_then(|colour| colour.as_str())))))
}

fn check(name: &str) -> Result<(), Refusal> {
    if name.is_empty() || name.len() > LONGEST || name.chars().any(char::is_control) {
        return Err(Refusal::Wrong("Could not add Tag", vec![("name", format!("has 1 to {LONGEST} characters that can be printed"))]));
    }
    Ok(())
}

/// `tags/attachTagToObject`, `tags/removeTagFromObject`.
pub(super) async fn change(asked: &Asked<'_>, attach: bool) -> Result<Given, Refusal> {
    asked.writable()?;
    let change = request::tag_change(&asked.body)?;
    change.tags.iter().try_for_each(|name| check(name))?;
    let is = |uuid: Option<&str>, id: Option<&str>| super::named(&change.uuid, uuid, id);
    let holds = |event: &Event<'_>| {
        is(event.uuid.as_deref(), event.id.as_deref()) || event.all_attributes().any(|one| is(one.uuid.as_deref(), one.id.as_deref()))
    };
    let seen = asked.events().await?.into_iter().find(|seen| holds(&seen.event)).ok_or(Refusal::NotFound("Invalid Target."))?;
    if !seen.own {
        return Err(Refusal::Forbidden(NOT_PERMITTED));
    }
    let mut event = (*seen.event).clone();
    let now = asked.now().to_string();
    let tags: &mut Vec<event::Tag<'static>> = if is(event.uuid.as_deref(), event.id.as_deref()) {
        &mut event.tags
    } else {
        let mut all = event.attributes.iter_mut().chain(event.objects.iter_mut().flat_map(|object| &mut object.attributes));
        let found = all.find(|one: &&mut Attribute<'_>| is(one.uuid.as_deref(), one.id.as_deref()));
        let attribute = found.ok_or(Refusal::NotFound("Invalid Target."))?;
        attribute.timestamp = Some(now.into());
        &mut attribute.tags
    };
    let before = tags.len();
    if attach {
        let known: BTreeSet<String> = tags.iter().map(|tag| tag.text().to_owned()).collect();
        for name in change.tags.iter().filter(|name| !known.contains(*name)) {
            let relationship_type = change.relationship_type.clone().map(Into::into);
            tags.push(Tag { local: Some(change.local.into()), relationship_type, ..told(name, None) });
        }
    } else {
        tags.retain(|tag| !change.tags.iter().any(|name| name == tag.text()));
        if tags.len() == before {
            return Err(Refusal::NotFound("Invalid Tag."));
        }
    }
    if tags.len() != before {
        attributes::save(asked, &seen, event).await?;
    }
    let (done, way) = if attach { ("attached to", "attachTagToObject") } else { ("removed from", "removeTagFromObject") };
    let message = format!("Tag {} successfully {done} {}.", change.tags.join(", "), change.uuid);
    Ok(Given::plain(says::done(&message, &format!("/tags/{way}"))))
}
