//! What does a MISP event say? (draft-dulaunoy-misp-core-format-20 §2)
//!
//! Every field may be absent, for an edit sends only what changes; every key that has no field is kept in `more`. Numbers are
//! text, as MISP writes them; a number given as a number is taken, and written as text.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::record::{Key, record};
use super::tag::Distribution;

/// Bytes of one event that are read at once.
pub const EVENT_LIMIT: usize = 64 << 20;

/// Why something is no MISP event.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no MISP event: {0}")]
    Json(#[from] serde_json::Error),
    #[error("no MISP event: {0} bytes are more than {EVENT_LIMIT}")]
    TooLong(usize),
    #[error("{0} MISP events where one is meant")]
    NotOne(usize),
    #[error("no MISP event: neither \"Event\" nor \"response\" nor the keys of an event stand at its top")]
    NoEvent,
}

record! {
    /// One event: what its parts have in common.
    Event {
        uuid: text = "uuid",
        id: text = "id",
        info: text = "info",
        /// `YYYY-MM-DD`.
        date: text = "date",
        published: flag = "published",
        /// 0 initial, 1 ongoing, 2 complete.
        analysis: text = "analysis",
        /// 1 high, 2 medium, 3 low, 4 undefined.
        threat_level_id: text = "threat_level_id",
        /// Seconds since 1970.
        timestamp: text = "timestamp",
        publish_timestamp: text = "publish_timestamp",
        sighting_timestamp: text = "sighting_timestamp",
        /// 0–4; see [`Distribution`].
        distribution: text = "distribution",
        sharing_group_id: text = "sharing_group_id",
        org_id: text = "org_id",
        orgc_id: text = "orgc_id",
        attribute_count: text = "attribute_count",
        extends_uuid: text = "extends_uuid",
        locked: flag = "locked",
        proposal_email_lock: flag = "proposal_email_lock",
        disable_correlation: flag = "disable_correlation",
        protected: flag = "protected",
        event_creator_email: text = "event_creator_email",
        /// Whose instance this copy is from.
        org: one(Organisation) = "Org",
        /// Who made it.
        orgc: one(Organisation) = "Orgc",
        sharing_group: one(SharingGroup) = "SharingGroup",
        tags: list(Tag) = "Tag",
        attributes: list(Attribute) = "Attribute",
        objects: list(Object) = "Object",
        proposals: list(ShadowAttribute) = "ShadowAttribute",
        galaxies: list(Galaxy) = "Galaxy",
        reports: list(EventReport) = "EventReport",
        keys: list(CryptographicKey) = "CryptographicKey",
    }
}

record! {
    /// One value with what it is (type) and what for (category).
    Attribute {
        uuid: text = "uuid",
        id: text = "id",
        kind: text = "type",
        category: text = "category",
        /// Meant for detection.
        to_ids: flag = "to_ids",
        value: text = "value",
        /// Content of an attachment, base64.
        data: text = "data",
        comment: text = "comment",
        timestamp: text = "timestamp",
        first_seen: text = "first_seen",
        last_seen: text = "last_seen",
        /// 0–5; 5 is that of the event.
        distribution: text = "distribution",
        sharing_group_id: text = "sharing_group_id",
        /// Withdrawn.
        deleted: flag = "deleted",
        disable_correlation: flag = "disable_correlation",
        event_id: text = "event_id",
        event_uuid: text = "event_uuid",
        object_id: text = "object_id",
        /// What it is within its object.
        object_relation: text = "object_relation",
        sharing_group: one(SharingGroup) = "SharingGroup",
        tags: list(Tag) = "Tag",
        galaxies: list(Galaxy) = "Galaxy",
        proposals: list(ShadowAttribute) = "ShadowAttribute",
        sightings: list(Sighting) = "Sighting",
        /// Of the event it stands in, where a search tells it.
        event: one(Event) = "Event",
    }
}

record! {
    /// Attributes that together are one thing, made after a template.
    Object {
        uuid: text = "uuid",
        id: text = "id",
        name: text = "name",
        meta_category: text = "meta-category",
        description: text = "description",
        template_uuid: text = "template_uuid",
        template_version: text = "template_version",
        event_id: text = "event_id",
        timestamp: text = "timestamp",
        distribution: text = "distribution",
        sharing_group_id: text = "sharing_group_id",
        comment: text = "comment",
        deleted: flag = "deleted",
        first_seen: text = "first_seen",
        last_seen: text = "last_seen",
        sharing_group: one(SharingGroup) = "SharingGroup",
        references: list(ObjectReference) = "ObjectReference",
        attributes: list(Attribute) = "Attribute",
        event: one(Event) = "Event",
    }
}

record! {
    /// An object points to another object or attribute.
    ObjectReference {
        uuid: text = "uuid",
        id: text = "id",
        timestamp: text = "timestamp",
        object_id: text = "object_id",
        object_uuid: text = "object_uuid",
        referenced_id: text = "referenced_id",
        referenced_uuid: text = "referenced_uuid",
        /// 0 attribute, 1 object.
        referenced_type: text = "referenced_type",
        relationship_type: text = "relationship_type",
        comment: text = "comment",
        deleted: flag = "deleted",
        event_id: text = "event_id",
    }
}

record! {
    /// A label; most are machine tags, see [`super::tag`].
    Tag {
        name: text = "name",
        id: text = "id",
        colour: text = "colour",
        exportable: flag = "exportable",
        /// Set on this instance only; not for others.
        local: flag = "local",
        relationship_type: text = "relationship_type",
        /// Set when the tag shall be taken off.
        deleted: flag = "deleted",
    }
}

record! {
    /// An organisation.
    Organisation {
        uuid: text = "uuid",
        id: text = "id",
        name: text = "name",
        local: flag = "local",
    }
}

record! {
    /// Who may have what has distribution 4.
    SharingGroup {
        uuid: text = "uuid",
        id: text = "id",
        name: text = "name",
        releasability: text = "releasability",
        description: text = "description",
        organisation_uuid: text = "organisation_uuid",
        active: flag = "active",
        roaming: flag = "roaming",
        local: flag = "local",
        modified: text = "modified",
        created: text = "created",
        organisation: one(Organisation) = "Organisation",
        members: list(SharingGroupOrg) = "SharingGroupOrg",
        servers: list(SharingGroupServer) = "SharingGroupServer",
    }
}

record! {
    /// An organisation in a sharing group.
    SharingGroupOrg {
        id: text = "id",
        sharing_group_id: text = "sharing_group_id",
        org_id: text = "org_id",
        /// It may change the group.
        extend: flag = "extend",
        organisation: one(Organisation) = "Organisation",
    }
}

record! {
    /// An instance in a sharing group.
    SharingGroupServer {
        id: text = "id",
        sharing_group_id: text = "sharing_group_id",
        server_id: text = "server_id",
        all_orgs: flag = "all_orgs",
    }
}

record! {
    /// What somebody else proposes to change or add.
    ShadowAttribute {
        uuid: text = "uuid",
        id: text = "id",
        kind: text = "type",
        category: text = "category",
        to_ids: flag = "to_ids",
        value: text = "value",
        comment: text = "comment",
        timestamp: text = "timestamp",
        event_id: text = "event_id",
        event_uuid: text = "event_uuid",
        /// The attribute that it would change; 0 for a new one.
        old_id: text = "old_id",
        org_id: text = "org_id",
        proposal_to_delete: flag = "proposal_to_delete",
        deleted: flag = "deleted",
        org: one(Organisation) = "Org",
    }
}

record! {
    /// Seen, a false positive, or expired: said by somebody of an attribute.
    Sighting {
        uuid: text = "uuid",
        id: text = "id",
        attribute_id: text = "attribute_id",
        attribute_uuid: text = "attribute_uuid",
        event_id: text = "event_id",
        event_uuid: text = "event_uuid",
        org_id: text = "org_id",
        /// Seconds since 1970.
        date_sighting: text = "date_sighting",
        source: text = "source",
        /// 0 seen, 1 false positive, 2 expired, 3 true positive.
        kind: text = "type",
        organisation: one(Organisation) = "Organisation",
    }
}

record! {
    /// A kind of knowledge (threat actors, tools, techniques) and what of it applies.
    Galaxy {
        uuid: text = "uuid",
        id: text = "id",
        name: text = "name",
        kind: text = "type",
        description: text = "description",
        version: text = "version",
        namespace: text = "namespace",
        clusters: list(GalaxyCluster) = "GalaxyCluster",
    }
}

record! {
    /// One actor, tool, technique.
    GalaxyCluster {
        uuid: text = "uuid",
        id: text = "id",
        collection_uuid: text = "collection_uuid",
        kind: text = "type",
        value: text = "value",
        tag_name: text = "tag_name",
        description: text = "description",
        galaxy_id: text = "galaxy_id",
        source: text = "source",
        version: text = "version",
        local: flag = "local",
    }
}

record! {
    /// Prose about the event, Markdown.
    EventReport {
        uuid: text = "uuid",
        id: text = "id",
        event_id: text = "event_id",
        name: text = "name",
        content: text = "content",
        distribution: text = "distribution",
        sharing_group_id: text = "sharing_group_id",
        timestamp: text = "timestamp",
        deleted: flag = "deleted",
    }
}

record! {
    /// A key that signs a protected event.
    CryptographicKey {
        uuid: text = "uuid",
        id: text = "id",
        kind: text = "type",
        key_data: text = "key_data",
        fingerprint: text = "fingerprint",
        revoked: flag = "revoked",
    }
}

/// Reads one event: `{"Event": {…}}` or its members alone.
///
/// ```
/// let event = formats::misp::event::read(br#"{"Event": {"uuid": "u", "info": "phish", "distribution": 3,
///     "Attribute": [{"type": "domain", "value": "evil.example", "to_ids": true}], "odd": [1]}}"#)?;
/// assert_eq!(event.attributes[0].value.as_deref(), Some("evil.example"));
/// let written = String::from_utf8(formats::misp::event::write(&event))?;
/// assert!(written.contains(r#""distribution":"3""#) && written.contains(r#""odd":[1]"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read(bytes: &[u8]) -> Result<Event<'_>, Error> {
    let mut all = read_all(bytes)?;
    match all.len() {
        1 => Ok(all.remove(0)),
        count => Err(Error::NotOne(count)),
    }
}

/// Reads the events of one document: a single one in either form, a list of them, or an answer `{"response": …}`.
///
/// ```
/// let answer = br#"{"response": [{"Event": {"info": "one"}}, {"Event": {"info": "two"}}]}"#;
/// assert_eq!(formats::misp::event::read_all(answer)?[1].info.as_deref(), Some("two"));
/// # Ok::<(), formats::misp::event::Error>(())
/// ```
pub fn read_all(bytes: &[u8]) -> Result<Vec<Event<'_>>, Error> {
    if bytes.len() > EVENT_LIMIT {
        return Err(Error::TooLong(bytes.len()));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii();
    if bytes.starts_with(b"[") {
        return Ok(serde_json::from_slice::<Vec<Either<'_>>>(bytes)?.into_iter().map(|either| either.0).collect());
    }
    if bytes.starts_with(b"{\"Event\"") {
        return Ok(vec![serde_json::from_slice::<Wrapped<'_>>(bytes)?.event]);
    }
    let top = serde_json::from_slice::<Top>(bytes)?;
    Ok(match top {
        Top::Event => vec![serde_json::from_slice::<Wrapped<'_>>(bytes)?.event],
        Top::Bare => vec![serde_json::from_slice(bytes)?],
        Top::Response => match serde_json::from_slice::<Response<'_>>(bytes)?.response {
            Several::List(all) => all.into_iter().map(|either| either.0).collect(),
            Several::One(one) => vec![one.0],
        },
        Top::Other => return Err(Error::NoEvent),
    })
}

/// Writes an event as MISP does: `{"Event": {…}}`, known keys first, numbers as text. The same event gives the same bytes.
///
/// ```
/// use formats::misp::Event;
/// let event = Event { info: Some("phish".into()), ..Event::default() };
/// assert_eq!(formats::misp::event::write(&event), br#"{"Event":{"info":"phish"}}"#);
/// ```
pub fn write(event: &Event<'_>) -> Vec<u8> {
    text(&WrittenEvent { event })
}

/// Records have no map keys but text and no failing parts, so they can always be written.
pub(super) fn text(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("records have only text as keys")
}

#[derive(Serialize)]
struct WrittenEvent<'a> {
    #[serde(rename = "Event")]
    event: &'a Event<'a>,
}

#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(rename = "Event", borrow)]
    event: Event<'a>,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    response: Several<'a>,
}

enum Several<'a> {
    List(Vec<Either<'a>>),
    One(Box<Either<'a>>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Several<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> serde::de::Visitor<'de> for Any {
            type Value = Several<'de>;
            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("events")
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                Deserialize::deserialize(serde::de::value::SeqAccessDeserializer::new(list)).map(Several::List)
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, object: A) -> Result<Self::Value, A::Error> {
                Deserialize::deserialize(serde::de::value::MapAccessDeserializer::new(object)).map(|one| Several::One(Box::new(one)))
            }
        }
        from.deserialize_any(Any)
    }
}

/// An event, wrapped or bare.
pub(super) struct Either<'a>(pub(super) Event<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Either<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // A bare event with a key "Event" of its own is none that MISP writes.
        let mut event = EventOrWrapped::deserialize(from)?;
        Ok(Self(event.wrapped.take().map_or(event.bare, |inner| *inner)))
    }
}

struct EventOrWrapped<'a> {
    wrapped: Option<Box<Event<'a>>>,
    bare: Event<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for EventOrWrapped<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> serde::de::Visitor<'de> for Members {
            type Value = EventOrWrapped<'de>;
            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("an event")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                let Some(Key(first)) = members.next_key()? else {
                    return Ok(EventOrWrapped { wrapped: None, bare: Event::default() });
                };
                if first == "Event" {
                    let wrapped = Some(members.next_value()?);
                    while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                    return Ok(EventOrWrapped { wrapped, bare: Event::default() });
                }
                let members = serde::de::value::MapAccessDeserializer::new(Again { first: Some(first), members });
                Ok(EventOrWrapped { wrapped: None, bare: Event::deserialize(members)? })
            }
        }
        from.deserialize_map(Members)
    }
}

/// The members of an object whose first key has been looked at already.
struct Again<'de, A> {
    first: Option<Cow<'de, str>>,
    members: A,
}

impl<'de, A: serde::de::MapAccess<'de>> serde::de::MapAccess<'de> for Again<'de, A> {
    type Error = A::Error;
    fn next_key_seed<K: serde::de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        match self.first.take() {
            Some(Cow::Borrowed(key)) => seed.deserialize(serde::de::value::BorrowedStrDeserializer::new(key)).map(Some),
            Some(Cow::Owned(key)) => seed.deserialize(serde::de::value::StringDeserializer::new(key)).map(Some),
            None => self.members.next_key_seed(seed),
        }
    }
    fn next_value_seed<V: serde::de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.members.next_value_seed(seed)
    }
}

/// What stands at the top of a document, told from its keys.
enum Top {
    Event,
    Response,
    Bare,
    Other,
}

impl<'de> Deserialize<'de> for Top {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> serde::de::Visitor<'de> for Keys {
            type Value = Top;
            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut members: A) -> Result<Top, A::Error> {
                let mut top = Top::Other;
                while let Some((Key(key), IgnoredAny)) = members.next_entry()? {
                    match (&*key, &top) {
                        ("Event", _) => top = Top::Event,
                        ("response", Top::Other | Top::Bare) => top = Top::Response,
                        ("info" | "uuid" | "Attribute" | "Object" | "threat_level_id", Top::Other) => top = Top::Bare,
                        _ => {}
                    }
                }
                Ok(top)
            }
        }
        from.deserialize_map(Keys)
    }
}

/// A number of seconds since 1970 in one of the texts that carry it.
///
/// ```
/// assert_eq!(formats::misp::event::seconds(Some("1774224000")), Some(1_774_224_000));
/// ```
pub fn seconds(text: Option<&str>) -> Option<i64> {
    text?.trim().parse().ok()
}

impl<'a> Event<'a> {
    /// All attributes, those of the objects too.
    pub fn all_attributes(&self) -> impl Iterator<Item = &Attribute<'a>> + Clone {
        self.attributes.iter().chain(self.objects.iter().flat_map(|object| &object.attributes))
    }

    /// Who may have it, if it says so in a way that MISP knows.
    pub fn audience(&self) -> Option<Distribution> {
        Distribution::of(self.distribution.as_deref()?)
    }
}

impl<'a> Attribute<'a> {
    /// An attribute with its value; category and `to_ids` as MISP sets them for the type.
    pub fn new(kind: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        let kind = kind.into();
        let known = super::attribute_type::of(&kind);
        Self {
            category: known.map(|known| Cow::Borrowed(known.category())),
            to_ids: known.map(|known| known.to_ids().into()),
            kind: Some(kind),
            value: Some(value.into()),
            ..Self::default()
        }
    }

    /// The values it is made of: `name|hash` has two, with the type of each.
    pub fn parts(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        super::attribute_type::parts(self.kind.as_deref().unwrap_or_default(), self.value.as_deref().unwrap_or_default())
    }

    pub fn is_for_detection(&self) -> bool {
        self.to_ids.is_some_and(super::Flag::on)
    }

    pub fn is_deleted(&self) -> bool {
        self.deleted.is_some_and(super::Flag::on)
    }

    /// Who may have it; what says nothing is as its event is.
    pub fn audience(&self) -> Option<Distribution> {
        self.distribution.as_deref().map_or(Some(Distribution::Inherit), Distribution::of)
    }
}
