//! Which events does this party see, and how is one kept?
//!
//! An event is a shared object like any other: a custom STIX object around the bytes as they came, so that one policy, one log of releases
//! and one way to take back hold for it, over TAXII too. What is seen is asked of the register at each request; only what an event says
//! is remembered here between requests, by the number of its version, which never changes.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use casework::model::agreement::Channel;
use casework::model::party::{Party, PartyId};
use casework::model::terms::{Terms, Tlp};
use casework::share::misp::{Arriving, Said, Towards, organisation, said};
use formats::misp::event::{self, Event, Organisation, Sighting, Tag};
use formats::stix::marking::Tlp2;
use formats::taxii::{Filter, timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use store::collections::Collection;
use store::shared::{self, Eyes};
use uuid::Uuid;

use crate::api::page::OnPage;
use crate::api::standing::Standing;
use crate::api::{Guest, Server};

/// The type of a kept event, and of a kept sighting.
pub(crate) const EVENT: &str = "x-misp-event";
pub(crate) const SIGHTING: &str = "x-misp-sighting";

/// Events or sightings that one party may see at once.
const MOST: usize = 1_000_000;
/// Bytes of events, as kept, that stay read.
const REMEMBERED: usize = 96 << 20;

/// What a kept object says.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Event(Arc<Event<'static>>),
    Sighting(Arc<Sighting<'static>>),
}

/// What was read lately.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    read: Mutex<Read>,
}

#[derive(Debug, Default)]
struct Read {
    by_number: HashMap<i64, (Content, usize, u64)>,
    bytes: usize,
    clock: u64,
}

impl Read {
    fn remember(&mut self, number: i64, what: Content, bytes: usize) {
        self.clock += 1;
        self.bytes += bytes;
        if let Some((_, old, _)) = self.by_number.insert(number, (what, bytes, self.clock)) {
            self.bytes -= old;
        }
        if self.bytes > REMEMBERED {
            // The half that was used longest ago goes.
            let mut used: Vec<u64> = self.by_number.values().map(|(.., used)| *used).collect();
            used.sort_unstable();
            let middle = used[used.len() / 2];
            self.by_number.retain(|_, (.., used)| *used > middle);
            self.bytes = self.by_number.values().map(|(_, bytes, _)| bytes).sum();
        }
    }
}

/// An event that the party sees.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) number: i64,
    pub(crate) date_added: i64,
    pub(crate) version: i64,
    pub(crate) terms: i64,
    /// The party gave it itself.
    pub(crate) own: bool,
    /// As it was given, with what this instance calls its parts.
    pub(crate) event: Arc<Event<'static>>,
}

impl Seen {
    pub(crate) fn on_page(&self) -> OnPage {
        OnPage { number: self.number, date_added: self.date_added, terms: self.terms }
    }

    pub(crate) fn uuid(&self) -> &str {
        self.event.uuid.as_deref().unwrap_or_default()
    }

    /// The name of the kept object.
    pub(crate) fn id(&self) -> String {
        format!("{EVENT}--{}", self.uuid())
    }
}

/// A sighting that the party sees.
#[derive(Clone, Debug)]
pub(crate) struct SeenSighting {
    pub(crate) number: i64,
    pub(crate) date_added: i64,
    pub(crate) terms: i64,
    pub(crate) sighting: Arc<Sighting<'static>>,
}

impl SeenSighting {
    pub(crate) fn on_page(&self) -> OnPage {
        OnPage { number: self.number, date_added: self.date_added, terms: self.terms }
    }
}

/// The number by which clients that want one call a UUID: of 52 bits, so that it tells nothing of how much there is.
pub(crate) fn number_of(uuid: &str) -> String {
    let hash = Sha256::digest(uuid.trim().to_ascii_lowercase().as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash[..8]);
    ((u64::from_be_bytes(bytes) >> 12) | 1).to_string()
}

/// A kept object around what a MISP wrote.
pub(crate) fn wrap(kind: &str, uuid: &str, version: i64, terms: &Terms, bytes: &[u8]) -> Vec<u8> {
    let marking = match terms.tlp {
        Tlp::Clear => Tlp2::Clear,
        Tlp::Green => Tlp2::Green,
        Tlp::Amber => Tlp2::Amber,
        Tlp::AmberStrict => Tlp2::AmberStrict,
        Tlp::Red => Tlp2::Red,
    };
    let (at, marking, key) = (timestamp(version), marking.id(), kind.replace('-', "_"));
    let head = format!(
        r#"{{"type":"{kind}","spec_version":"2.1","id":"{kind}--{uuid}","created":"{at}","modified":"{at}","object_marking_refs":["{marking}"],"{key}":"#
    );
    [head.as_bytes(), bytes, b"}"].concat()
}

#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(borrow)]
    x_misp_event: Option<&'a RawValue>,
    #[serde(borrow)]
    x_misp_sighting: Option<&'a RawValue>,
}

/// What a kept object says; somebody may have put another one of this type here over TAXII.
fn unwrap(bytes: &[u8], id: &str) -> Result<Content> {
    let wrapped: Wrapped<'_> = serde_json::from_slice(bytes).context("no kept object of MISP")?;
    match (wrapped.x_misp_event, wrapped.x_misp_sighting) {
        (Some(raw), _) => {
            let mut event = event::read(raw.get().as_bytes())?.into_owned();
            anyhow::ensure!(id.strip_prefix("x-misp-event--") == event.uuid.as_deref(), "the event has another UUID");
            number(&mut event);
            Ok(Content::Event(Arc::new(event)))
        }
        (None, Some(raw)) => Ok(Content::Sighting(Arc::new(serde_json::from_str::<Sighting<'_>>(raw.get())?.into_owned()))),
        (None, None) => anyhow::bail!("neither an event nor a sighting is in it"),
    }
}

/// Gives an event and its parts the numbers under which this instance knows them.
fn number(event: &mut Event<'static>) {
    let id = number_of(event.uuid.as_deref().unwrap_or_default());
    let called = |uuid: &Option<Cow<'static, str>>| Some(Cow::Owned(number_of(uuid.as_deref().unwrap_or_default())));
    let (event_id, event_uuid) = (Some(Cow::<'static, str>::from(id.clone())), event.uuid.clone());
    event.attribute_count = Some(event.all_attributes().filter(|one| !one.is_deleted()).count().to_string().into());
    event.id = Some(id.into());
    let attribute = |attribute: &mut event::Attribute<'static>, object: &Option<Cow<'static, str>>| {
        attribute.id = called(&attribute.uuid);
        attribute.event_id = event_id.clone();
        attribute.event_uuid = event_uuid.clone();
        attribute.object_id = object.clone().or_else(|| Some("0".into()));
    };
    event.attributes.iter_mut().for_each(|one| attribute(one, &None));
    for object in &mut event.objects {
        object.id = called(&object.uuid);
        object.event_id = event_id.clone();
        let object_id = object.id.clone();
        object.attributes.iter_mut().for_each(|one| attribute(one, &object_id));
    }
    for tag in event.tags.iter_mut().chain(event.attributes.iter_mut().flat_map(|one| &mut one.tags)) {
        tag.id = Some(number_of(tag.text()).into());
    }
}

/// A party as an organisation.
pub(crate) fn organisation_of(party: &Party) -> Organisation<'static> {
    let uuid = organisation(&party.id).to_string();
    Organisation {
        id: Some(number_of(&uuid).into()),
        name: Some(party.name.clone().into()),
        uuid: Some(uuid.into()),
        ..Organisation::default()
    }
}

/// Who an organisation is, by its UUID.
pub(crate) fn parties(standing: &Standing) -> BTreeMap<Uuid, PartyId> {
    standing.parties.iter().map(|party| (organisation(&party.id), party.id.clone())).collect()
}

/// The terms under which an event from a party is held.
pub(crate) fn held_under(standing: &Standing, collection: &Collection, giver: &PartyId, event: &Event<'_>) -> Terms {
    let (by_collection, by_giver) = standing.defaults(collection, giver);
    let terms = Arriving::of(event, &parties(standing)).held_under(by_collection, by_giver);
    standing.transferred(&terms, giver)
}

impl Server {
    /// All events that a party sees, in the order in which they came.
    pub(crate) async fn misp_events(&self, collection: i64, eyes: &Eyes) -> Result<Vec<Seen>> {
        let read = self.misp_objects(collection, eyes, EVENT).await?;
        let seen = read.into_iter().filter_map(|(object, said)| match said {
            Content::Event(event) => Some(Seen {
                number: object.number,
                date_added: object.date_added,
                version: object.version,
                terms: object.terms,
                own: object.own,
                event,
            }),
            Content::Sighting(_) => None,
        });
        Ok(seen.collect())
    }

    /// All sightings that a party sees.
    pub(crate) async fn misp_sightings(&self, collection: i64, eyes: &Eyes) -> Result<Vec<SeenSighting>> {
        let read = self.misp_objects(collection, eyes, SIGHTING).await?;
        let seen = read.into_iter().filter_map(|(object, said)| match said {
            Content::Sighting(sighting) => {
                Some(SeenSighting { number: object.number, date_added: object.date_added, terms: object.terms, sighting })
            }
            Content::Event(_) => None,
        });
        Ok(seen.collect())
    }

    async fn misp_objects(&self, collection: i64, eyes: &Eyes, kind: &str) -> Result<Vec<(shared::Shared, Content)>> {
        let filter = Filter { types: vec![kind.to_owned()], ..Filter::default() };
        let question = shared::Asked { collection, filter: &filter, after: None, limit: MOST, bytes: false, from_others: false };
        let page = self.register.shared(&question, eyes).await?;
        let mut known: Vec<Option<Content>> = {
            let mut read = self.misp.read.lock().unwrap_or_else(PoisonError::into_inner);
            read.clock += 1;
            let clock = read.clock;
            let known = |object: &shared::Shared| {
                let entry = read.by_number.get_mut(&object.number)?;
                entry.2 = clock;
                Some(entry.0.clone())
            };
            page.objects.iter().map(known).collect()
        };
        let missing: Vec<i64> = page.objects.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(o, _)| o.number).collect();
        let place: HashMap<i64, usize> = page.objects.iter().enumerate().map(|(place, object)| (object.number, place)).collect();
        for numbers in missing.chunks(200) {
            for (number, bytes) in self.register.shared_bytes(collection, numbers, eyes).await? {
                let Some(&at) = place.get(&number) else { continue };
                match tokio::task::block_in_place(|| unwrap(&bytes, &page.objects[at].id)) {
                    Ok(said) => {
                        self.misp.read.lock().unwrap_or_else(PoisonError::into_inner).remember(number, said.clone(), bytes.len());
                        known[at] = Some(said);
                    }
                    Err(error) => tracing::warn!("{} is not shown over MISP: {error:#}", page.objects[at].id),
                }
            }
        }
        Ok(page.objects.into_iter().zip(known).filter_map(|(object, said)| Some((object, said?))).collect())
    }
}

/// Says events to one party: organisations, distribution, tags.
#[derive(Debug)]
pub(crate) struct Dressing<'a> {
    guest: &'a Guest,
    us: Option<Organisation<'static>>,
    said: HashMap<i64, Said>,
}

impl<'a> Dressing<'a> {
    pub(crate) fn new(guest: &'a Guest) -> Self {
        let own = guest.standing.own.as_ref();
        let us = guest.standing.parties.iter().find(|party| Some(&party.id) == own).map(organisation_of);
        Self { guest, us, said: HashMap::new() }
    }

    /// The event as this party is shown it. What it gave itself it sees as it gave it.
    pub(crate) fn dress(&mut self, seen: &Seen) -> Event<'static> {
        let mut event = (*seen.event).clone();
        self.dress_event(&mut event, seen);
        event
    }

    /// The same for an event that is the party's to change.
    pub(crate) fn dress_event(&mut self, event: &mut Event<'static>, seen: &Seen) {
        if let Some(orgc) = &mut event.orgc {
            orgc.id = Some(number_of(orgc.uuid.as_deref().or(orgc.name.as_deref()).unwrap_or_default()).into());
            event.orgc_id = orgc.id.clone();
        }
        event.org = self.us.clone().map(Box::new);
        event.org_id = self.us.as_ref().and_then(|us| us.id.clone());
        event.event_creator_email = None;
        if !seen.own && !self.guest.view.own {
            let (guest, said) = (self.guest, &mut self.said);
            said.entry(seen.terms).or_insert_with(|| say(guest, seen.terms)).write(event);
            if let Some(group) = &mut event.sharing_group {
                group.id = Some(number_of(group.uuid.as_deref().unwrap_or_default()).into());
                group.organisation = self.us.clone().map(Box::new);
                group.organisation_uuid = self.us.as_ref().and_then(|us| us.uuid.clone());
                event.sharing_group_id = group.id.clone();
            }
            // A tag of the giver's instance is for nobody else.
            let local = |tag: &Tag<'_>| tag.local.is_some_and(formats::misp::Flag::on);
            event.tags.retain(|tag| !local(tag));
            for attribute in event.attributes.iter_mut().chain(event.objects.iter_mut().flat_map(|object| &mut object.attributes)) {
                attribute.tags.retain(|tag| !local(tag));
            }
        }
    }
}

/// What the party is told of terms.
fn say(guest: &Guest, terms: i64) -> Said {
    let standing = &guest.standing;
    let party = &guest.caller.party;
    let unknown = Terms::of(Tlp::UNMARKED);
    let held = standing.terms(terms).unwrap_or(&unknown);
    let named = |wanted: &dyn Fn(&Party) -> bool| -> Vec<(PartyId, String)> {
        standing.parties.iter().filter(|one| wanted(one)).map(|one| (one.id.clone(), one.name.clone())).collect()
    };
    let of = |id: &PartyId| standing.parties.iter().find(|one| one.id == *id);
    let communities = match (of(party), standing.own.as_ref().and_then(of)) {
        (Some(one), Some(us)) => &one.communities & &us.communities,
        _ => Default::default(),
    };
    let bound = held.community.as_ref().unwrap_or(&communities);
    let members = named(&|one| !one.communities.is_disjoint(bound));
    let clients = named(&|one| one.clients_of.contains(party));
    let name = of(party).map_or_else(|| party.to_string(), |one| one.name.clone());
    let agreement = standing.agreement(party, terms, Channel::Misp, guest.now);
    said(held, &Towards { party, name: &name, clients: &clients, agreement, communities: &communities, members: &members })
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "57c6ac4c-c60c-4f79-a38f-b666950d210f";

    #[test]
    fn what_came_is_kept_byte_for_byte_in_an_object_that_stix_can_read() {
        let came = format!(r#"{{ "Event" : {{"uuid":"{UUID}",  "info":"x", "Attribute":[{{"type":"domain","value":"a.example"}}]}} }}"#);
        let kept = wrap(EVENT, UUID, 7_000_000, &Terms::of(Tlp::Green), came.as_bytes());
        let header = formats::stix::Header::read(&kept).unwrap();
        assert_eq!((&*header.id, header.version().unwrap().micros()), (format!("{EVENT}--{UUID}").as_str(), 7_000_000));
        assert!(kept.windows(came.len()).any(|part| part == came.as_bytes()));
        let Content::Event(event) = unwrap(&kept, &header.id).unwrap() else { panic!("an event") };
        assert_eq!(event.attributes[0].event_id.as_deref(), Some(number_of(UUID).as_str()));
        assert!(unwrap(&kept, "x-misp-event--00000000-0000-4000-8000-000000000000").is_err());
        assert!(unwrap(b"{}", &header.id).is_err());
    }

    #[test]
    fn what_was_used_longest_ago_is_forgotten_first() {
        let mut read = Read::default();
        for number in 0..100 {
            read.remember(number, Content::Sighting(Arc::default()), REMEMBERED / 50);
        }
        assert!(read.bytes <= REMEMBERED && !read.by_number.contains_key(&0) && read.by_number.contains_key(&99));
    }
}
