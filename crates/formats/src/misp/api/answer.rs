//! What does a MISP 2.5 answer, byte for byte as its clients read it?
//!
//! All numbers are text, as MISP writes them; PyMISP and a synchronising MISP rely on the exact keys. Each function is the body of one
//! kind of answer.

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::misp::attribute_type;
use crate::misp::event::{Attribute, Event, Organisation, Sighting, Tag, text};

/// What this instance says of itself. A flag that is false keeps the other side from using the whole of that.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of MISP's own answer")]
pub struct Instance<'a> {
    /// `2.5.N`: others synchronise when the first two numbers are theirs.
    pub version: &'a str,
    /// PyMISP warns when its own is older.
    pub pymisp_recommended_version: &'a str,
    /// Of the instance.
    pub uuid: &'a str,
    pub perm_sync: bool,
    pub perm_sighting: bool,
    pub perm_galaxy_editor: bool,
    pub perm_analyst_data: bool,
    /// Encodings of bodies that are understood: `gzip`, `br`.
    pub request_encoding: &'a [&'a str],
    pub filter_sightings: bool,
}

/// `servers/getVersion`.
///
/// ```
/// use formats::misp::api::answer::{Instance, version};
/// let us = Instance { version: "2.5.1", pymisp_recommended_version: "2.5.1", uuid: "u", perm_sync: true, perm_sighting: true,
///     perm_galaxy_editor: false, perm_analyst_data: false, request_encoding: &["gzip"], filter_sightings: true };
/// assert!(String::from_utf8(version(&us))?.starts_with(r#"{"version":"2.5.1","pymisp_recommended_version":"2.5.1","perm_sync":true"#));
/// # Ok::<(), std::string::FromUtf8Error>(())
/// ```
pub fn version(us: &Instance<'_>) -> Vec<u8> {
    text(&json!({
        "version": us.version, "pymisp_recommended_version": us.pymisp_recommended_version, "perm_sync": us.perm_sync,
        "perm_sighting": us.perm_sighting, "perm_galaxy_editor": us.perm_galaxy_editor, "perm_analyst_data": us.perm_analyst_data,
        "uuid": us.uuid, "request_encoding": us.request_encoding, "filter_sightings": us.filter_sightings,
    }))
}

/// `servers/getPyMISPVersion`.
///
/// ```
/// assert_eq!(formats::misp::api::answer::pymisp_version("2.5.1"), br#"{"version":"2.5.1"}"#);
/// ```
pub fn pymisp_version(version: &str) -> Vec<u8> {
    text(&json!({ "version": version }))
}

/// `servers/postTest`: what was sent comes back, with the headers it was sent with, spelled exactly so.
///
/// ```
/// let answer = formats::misp::api::answer::post_test(&serde_json::json!({"testString": "x"}));
/// assert!(String::from_utf8_lossy(&answer).contains(r#""Content-type":"application/json""#));
/// ```
pub fn post_test(body: &Value) -> Vec<u8> {
    text(
        &json!({"body": {"testString": body.get("testString")}, "headers": {"Accept": "application/json", "Content-type": "application/json"}}),
    )
}

/// Who asks, and what they may do.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a permission of MISP's own roles")]
pub struct User<'a> {
    pub id: &'a str,
    pub email: &'a str,
    pub org_id: &'a str,
    pub org_name: &'a str,
    pub org_uuid: &'a str,
    pub role_name: &'a str,
    pub may_add: bool,
    pub may_publish: bool,
    pub may_sync: bool,
    pub may_tag: bool,
    pub may_sight: bool,
    pub is_admin: bool,
}

/// `users/view/me`.
///
/// ```
/// use formats::misp::api::answer::{User, user};
/// let answer = user(&User { id: "1", email: "a@example.org", org_id: "2", org_name: "Us", ..User::default() });
/// assert!(String::from_utf8_lossy(&answer).contains(r#""Organisation":{"id":"2","name":"Us""#));
/// ```
pub fn user(user: &User<'_>) -> Vec<u8> {
    text(&json!({
        "User": {
            "id": user.id, "email": user.email, "org_id": user.org_id, "role_id": "1", "autoalert": false, "contactalert": false,
            "disabled": false, "termsaccepted": true, "nids_sid": "0", "change_pw": false, "gpgkey": null, "certif_public": null,
            "newsread": "0", "invited_by": "0", "server_id": "0", "date_created": "0", "date_modified": "0",
        },
        "Role": {
            "id": "1", "name": user.role_name, "perm_add": user.may_add, "perm_modify": user.may_add, "perm_modify_org": user.may_add,
            "perm_publish": user.may_publish, "perm_delegate": false, "perm_sync": user.may_sync, "perm_admin": user.is_admin,
            "perm_audit": false, "perm_auth": true, "perm_site_admin": false, "perm_regexp_access": false, "perm_tagger": user.may_tag,
            "perm_template": false, "perm_sharing_group": false, "perm_tag_editor": user.may_tag, "perm_sighting": user.may_sight,
            "perm_object_template": false, "perm_galaxy_editor": false, "perm_warninglist": false, "perm_publish_zmq": false,
            "perm_publish_kafka": false, "perm_decaying": false, "perm_view_feed_correlations": false, "perm_analyst_data": false,
            "perm_skip_otp": true, "perm_server_sign": false, "default_role": false, "restricted_to_site_admin": false,
            "enforce_rate_limit": false, "rate_limit_count": "0",
        },
        "UserSetting": {},
        "Organisation": {"id": user.org_id, "name": user.org_name, "uuid": user.org_uuid, "local": true},
    }))
}

/// `attributes/describeTypes.json`.
///
/// ```
/// assert!(formats::misp::api::answer::describe_types().starts_with(br#"{"result":{"sane_defaults":{"md5":{"default_category":"Payload delivery","to_ids":1}"#));
/// ```
pub fn describe_types() -> Vec<u8> {
    text(&attribute_type::describe_types())
}

/// One event: `events/view`, `events/add`, `events/edit`.
///
/// ```
/// assert_eq!(formats::misp::api::answer::event(&formats::misp::Event::default()), br#"{"Event":{}}"#);
/// ```
pub fn event(event: &Event<'_>) -> Vec<u8> {
    crate::misp::event::write(event)
}

#[derive(Serialize)]
struct Wrapped<'a, T> {
    #[serde(rename = "Event", skip_serializing_if = "Option::is_none")]
    event: Option<&'a T>,
    #[serde(rename = "Sighting", skip_serializing_if = "Option::is_none")]
    sighting: Option<&'a T>,
    #[serde(rename = "Tag", skip_serializing_if = "Option::is_none")]
    tag: Option<&'a T>,
}

impl<'a, T> Wrapped<'a, T> {
    const fn none() -> Self {
        Self { event: None, sighting: None, tag: None }
    }
}

/// `events/restSearch`.
///
/// ```
/// use formats::misp::Event;
/// assert_eq!(formats::misp::api::answer::events(&[Event::default()]), br#"{"response":[{"Event":{}}]}"#);
/// ```
pub fn events<'a, 'e: 'a>(events: impl IntoIterator<Item = &'a Event<'e>>) -> Vec<u8> {
    let all: Vec<_> = events.into_iter().map(|event| Wrapped { event: Some(event), ..Wrapped::none() }).collect();
    text(&Response { response: all })
}

#[derive(Serialize)]
struct Response<T> {
    response: T,
}

#[derive(Serialize)]
struct AttributeList<'a, 'b> {
    #[serde(rename = "Attribute")]
    attributes: Vec<&'a Attribute<'b>>,
}

/// `attributes/restSearch`. Each attribute says of its event what [`event_of`] puts there.
///
/// ```
/// use formats::misp::Attribute;
/// let answer = formats::misp::api::answer::attributes(&[Attribute::new("md5", "00")]);
/// assert!(answer.starts_with(br#"{"response":{"Attribute":[{"type":"md5""#));
/// ```
pub fn attributes<'a, 'b: 'a>(attributes: impl IntoIterator<Item = &'a Attribute<'b>>) -> Vec<u8> {
    text(&Response { response: AttributeList { attributes: attributes.into_iter().collect() } })
}

/// What an attribute in a list says of the event it is from.
///
/// ```
/// use formats::misp::Event;
/// let event = Event { uuid: Some("u".into()), analysis: Some("2".into()), ..Event::default() };
/// assert_eq!(formats::misp::api::answer::event_of(&event).analysis, None);
/// ```
pub fn event_of<'a>(event: &Event<'a>) -> Event<'a> {
    Event {
        id: event.id.clone(),
        org_id: event.org_id.clone(),
        orgc_id: event.orgc_id.clone(),
        distribution: event.distribution.clone(),
        info: event.info.clone(),
        uuid: event.uuid.clone(),
        timestamp: event.timestamp.clone(),
        publish_timestamp: event.publish_timestamp.clone(),
        ..Event::default()
    }
}

/// One attribute: `attributes/view`, `attributes/edit`, and `attributes/add` of one.
///
/// ```
/// use formats::misp::Attribute;
/// assert_eq!(formats::misp::api::answer::attribute(&Attribute::default()), br#"{"Attribute":{}}"#);
/// ```
pub fn attribute(attribute: &Attribute<'_>) -> Vec<u8> {
    #[derive(Serialize)]
    struct One<'a, 'b> {
        #[serde(rename = "Attribute")]
        attribute: &'a Attribute<'b>,
    }
    text(&One { attribute })
}

/// `attributes/add` of several: those that were taken, and for each that was not (by its place from 0) what is wrong with it.
///
/// ```
/// let answer = formats::misp::api::answer::attributes_added(&[], &[(1, vec![("value", "no host".to_owned())])]);
/// assert_eq!(answer, br#"{"Attribute":[],"errors":{"attribute_1":{"value":["no host"]}}}"#);
/// ```
pub fn attributes_added(taken: &[Attribute<'_>], refused: &[(usize, Vec<(&'static str, String)>)]) -> Vec<u8> {
    let mut answer = json!({"Attribute": if taken.len() == 1 && refused.is_empty() { json!(taken[0]) } else { json!(taken) }});
    if !refused.is_empty() {
        answer["errors"] = refused.iter().map(|(at, wrong)| (format!("attribute_{at}"), reasons(wrong))).collect();
    }
    text(&answer)
}

/// What is wrong, key by key, as MISP says it.
///
/// ```
/// assert_eq!(formats::misp::api::answer::reasons(&[("info", "is empty".to_owned())])["info"][0], "is empty");
/// ```
pub fn reasons(wrong: &[(&'static str, String)]) -> Value {
    wrong.iter().map(|(key, reason)| ((*key).to_owned(), json!([reason]))).collect()
}

/// One line of `events/index` with `minimal`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct MinimalEvent<'a> {
    pub id: &'a str,
    pub timestamp: &'a str,
    pub sighting_timestamp: &'a str,
    pub published: bool,
    pub uuid: &'a str,
    pub orgc_uuid: &'a str,
}

/// `events/index` with `minimal`: what another MISP compares with its own before it pulls. Send it with [`etag`].
///
/// ```
/// use formats::misp::api::answer::{MinimalEvent, index_minimal};
/// let one = MinimalEvent { id: "1", timestamp: "7", sighting_timestamp: "0", published: true, uuid: "u", orgc_uuid: "o" };
/// assert_eq!(index_minimal([one]), br#"[{"id":"1","timestamp":"7","sighting_timestamp":"0","published":true,"uuid":"u","orgc_uuid":"o"}]"#);
/// ```
pub fn index_minimal<'a>(events: impl IntoIterator<Item = MinimalEvent<'a>>) -> Vec<u8> {
    text(&events.into_iter().collect::<Vec<_>>())
}

/// `events/index`: the heads of events, their tags as `EventTag`.
///
/// ```
/// use formats::misp::{Event, event::Tag};
/// let event = Event { id: Some("1".into()), tags: vec![Tag::named("tlp:red")], ..Event::default() };
/// let answer = String::from_utf8(formats::misp::api::answer::index(&[event])).unwrap();
/// assert!(answer.contains(r#""EventTag":[{"event_id":"1","local":false,"Tag":{"name":"tlp:red"}}]"#), "{answer}");
/// ```
pub fn index<'a, 'e: 'a>(events: impl IntoIterator<Item = &'a Event<'e>>) -> Vec<u8> {
    let heads: Vec<Value> = events
        .into_iter()
        .map(|event| {
            let head = Event {
                attribute_count: event.attribute_count.clone().or_else(|| Some(event.all_attributes().count().to_string().into())),
                tags: Vec::new(),
                attributes: Vec::new(),
                objects: Vec::new(),
                proposals: Vec::new(),
                galaxies: Vec::new(),
                reports: Vec::new(),
                ..event.clone()
            };
            let mut head = json!(head);
            let tags = event
                .tags
                .iter()
                .map(|tag| json!({"event_id": event.id, "local": tag.local.is_some_and(crate::misp::Flag::on), "Tag": tag}));
            head["EventTag"] = tags.collect();
            head
        })
        .collect();
    text(&heads)
}

/// A list of UUIDs: `events/filterEventIdsForPush`, `sightings/filterSightingUuidsForPush`.
///
/// ```
/// assert_eq!(formats::misp::api::answer::uuids(["u"]), br#"["u"]"#);
/// ```
pub fn uuids<'a>(uuids: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    text(&uuids.into_iter().collect::<Vec<_>>())
}

/// One sighting: `sightings/add`.
///
/// ```
/// assert_eq!(formats::misp::api::answer::sighting(&Default::default()), br#"{"Sighting":{}}"#);
/// ```
pub fn sighting(sighting: &Sighting<'_>) -> Vec<u8> {
    text(&Wrapped { sighting: Some(sighting), ..Wrapped::none() })
}

/// `sightings/restSearch`; `sightings/index` and `sightings/listSightings` answer the list alone, [`sighting_list`].
///
/// ```
/// assert_eq!(formats::misp::api::answer::sightings(&[]), br#"{"response":[]}"#);
/// ```
pub fn sightings<'a, 's: 'a>(sightings: impl IntoIterator<Item = &'a Sighting<'s>>) -> Vec<u8> {
    let all: Vec<_> = sightings.into_iter().map(|sighting| Wrapped { sighting: Some(sighting), ..Wrapped::none() }).collect();
    text(&Response { response: all })
}

/// `sightings/index`, `sightings/listSightings`.
///
/// ```
/// assert_eq!(formats::misp::api::answer::sighting_list(&[]), b"[]");
/// ```
pub fn sighting_list<'a, 's: 'a>(sightings: impl IntoIterator<Item = &'a Sighting<'s>>) -> Vec<u8> {
    text(&sightings.into_iter().map(|sighting| Wrapped { sighting: Some(sighting), ..Wrapped::none() }).collect::<Vec<_>>())
}

/// `tags/index`.
///
/// ```
/// use formats::misp::event::Tag;
/// assert_eq!(formats::misp::api::answer::tags(&[Tag::named("tlp:red")]), br#"{"Tag":[{"name":"tlp:red"}]}"#);
/// ```
pub fn tags(tags: &[Tag<'_>]) -> Vec<u8> {
    text(&json!({ "Tag": tags }))
}

/// `tags/add`, `tags/view`.
///
/// ```
/// use formats::misp::event::Tag;
/// assert_eq!(formats::misp::api::answer::tag(&Tag::named("tlp:red")), br#"{"Tag":{"name":"tlp:red"}}"#);
/// ```
pub fn tag(tag: &Tag<'_>) -> Vec<u8> {
    text(&Wrapped { tag: Some(tag), ..Wrapped::none() })
}

/// `tags/search`.
///
/// ```
/// use formats::misp::event::Tag;
/// assert_eq!(formats::misp::api::answer::tags_found(&[Tag::named("tlp:red")]), br#"[{"Tag":{"name":"tlp:red"}}]"#);
/// ```
pub fn tags_found<'a, 't: 'a>(tags: impl IntoIterator<Item = &'a Tag<'t>>) -> Vec<u8> {
    text(&tags.into_iter().map(|tag| Wrapped { tag: Some(tag), ..Wrapped::none() }).collect::<Vec<_>>())
}

/// `organisations/view`.
///
/// ```
/// assert_eq!(formats::misp::api::answer::organisation(&Default::default()), br#"{"Organisation":{}}"#);
/// ```
pub fn organisation(organisation: &Organisation<'_>) -> Vec<u8> {
    text(&json!({ "Organisation": organisation }))
}

/// `organisations/index`.
///
/// ```
/// assert_eq!(formats::misp::api::answer::organisations(&[]), b"[]");
/// ```
pub fn organisations<'a, 'o: 'a>(organisations: impl IntoIterator<Item = &'a Organisation<'o>>) -> Vec<u8> {
    text(&organisations.into_iter().map(|one| json!({ "Organisation": one })).collect::<Vec<_>>())
}

/// Something was done: deleted, published, tagged.
///
/// ```
/// assert_eq!(formats::misp::api::answer::done("Event deleted.", "/events/delete/1"),
///     br#"{"saved":true,"success":true,"name":"Event deleted.","message":"Event deleted.","url":"/events/delete/1"}"#);
/// ```
pub fn done(message: &str, url: &str) -> Vec<u8> {
    text(&json!({"saved": true, "success": true, "name": message, "message": message, "url": url}))
}

/// What goes with a 4xx: `errors` says key by key what is wrong, or is the message again.
///
/// ```
/// let answer = formats::misp::api::answer::refused("Could not add Event", "/events/add", &[("info", "Info cannot be empty.".to_owned())]);
/// assert!(String::from_utf8(answer).unwrap().ends_with(r#""errors":{"info":["Info cannot be empty."]}}"#));
/// ```
pub fn refused(message: &str, url: &str, wrong: &[(&'static str, String)]) -> Vec<u8> {
    let errors = if wrong.is_empty() { Value::from(message) } else { reasons(wrong) };
    text(&json!({"saved": false, "name": message, "message": message, "url": url, "errors": errors}))
}

/// MISP's own words for a key that is not right, with 403.
pub const NOT_AUTHENTICATED: &str =
    "Authentication failed. Please make sure you pass the API key of an API enabled user along in the Authorization header.";

/// MISP's own words where something may not be done, with 403: PyMISP then sends a proposal.
pub const NOT_PERMITTED: &str = "You do not have permission to do that.";

/// The ETag of an answer, quotes included: the same body has the same.
///
/// ```
/// assert_eq!(formats::misp::api::answer::etag(b"[]").len(), 42);
/// ```
pub fn etag(body: &[u8]) -> String {
    let mut tag = String::with_capacity(42);
    tag.push('"');
    for byte in &Sha256::digest(body)[..20] {
        tag.push_str(&format!("{byte:02x}"));
    }
    tag.push('"');
    tag
}

/// Columns of `attributes/restSearch` with `returnFormat` CSV when nobody names others.
pub const CSV_USUAL: [&str; 9] = ["uuid", "event_id", "category", "type", "value", "comment", "to_ids", "date", "object_relation"];

/// A column that can be asked for by `requested_attributes`.
pub fn is_csv_column(name: &str) -> bool {
    CSV_USUAL.contains(&name)
        || matches!(
            name,
            "timestamp" | "attribute_tag" | "event_uuid" | "event_info" | "event_date" | "event_threat_level_id" | "event_analysis"
        )
}

/// The first line of a CSV.
pub fn csv_head(columns: &[&str]) -> String {
    format!("{}\n", columns.join(","))
}

/// An attribute as a line of CSV.
///
/// ```
/// use formats::misp::api::answer::{CSV_USUAL, csv_line};
/// use formats::misp::{Attribute, Event};
/// let attribute = Attribute::new("text", "a \"b\"");
/// let line = csv_line(&CSV_USUAL, &Event::default(), &attribute);
/// assert_eq!(line, "\"\",\"\",\"Other\",\"text\",\"a \"\"b\"\"\",\"\",0,\"\",\"\"\n");
/// assert_eq!(csv_line(&["value", "type"], &Event::default(), &attribute), "\"a \"\"b\"\"\",\"text\"\n");
/// ```
pub fn csv_line(columns: &[&str], event: &Event<'_>, attribute: &Attribute<'_>) -> String {
    let field = |name: &&str| {
        let text = match *name {
            "uuid" => attribute.uuid.as_deref(),
            "event_id" => attribute.event_id.as_deref().or(event.id.as_deref()),
            "category" => attribute.category.as_deref(),
            "type" => attribute.kind.as_deref(),
            "value" => attribute.value.as_deref(),
            "comment" => attribute.comment.as_deref(),
            "to_ids" => return u8::from(attribute.is_for_detection()).to_string(),
            "date" | "timestamp" => attribute.timestamp.as_deref(),
            "object_relation" => attribute.object_relation.as_deref(),
            "event_uuid" => event.uuid.as_deref(),
            "event_info" => event.info.as_deref(),
            "event_date" => event.date.as_deref(),
            "event_threat_level_id" => event.threat_level_id.as_deref(),
            "event_analysis" => event.analysis.as_deref(),
            "attribute_tag" => {
                let tags: Vec<&str> = attribute.tags.iter().filter_map(|tag| tag.name.as_deref()).collect();
                return quoted(&tags.join(","));
            }
            _ => None,
        };
        quoted(text.unwrap_or_default())
    };
    let fields: Vec<String> = columns.iter().map(field).collect();
    format!("{}\n", fields.join(","))
}

fn quoted(field: &str) -> String {
    format!("\"{}\"", field.replace('"', "\"\""))
}
