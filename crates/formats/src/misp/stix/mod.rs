//! The same event as STIX 2.1, and back.
//!
//! Ids are kept: what has a UUID in MISP has it in STIX, as misp-stix does (`indicator--<UUID of the attribute>`). What is for detection
//! is an indicator, what is not is observed data; both say in labels which type and category it was. What STIX has no words for rides in
//! the property `x_misp_attribute`, `x_misp_object`, `x_misp_event`, or is an object `x-misp-attribute`, `x-misp-object`; a value that the
//! pattern or observables say is not said a second time there. So an event that goes to STIX and comes back is the same event.

mod observables;
mod paths;
mod read;
mod write;

use serde_json::{Map, Value, json};
use uuid::Uuid;

pub use read::{Read, from_bundle};
pub use write::to_objects;

use super::Event;
use super::tag::Tlp;

/// Why something cannot be read as a MISP event.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no STIX bundle: {0}")]
    Json(#[from] serde_json::Error),
    #[error("no STIX bundle: it has no \"objects\"")]
    NoObjects,
    #[error("{0} objects are more than {MOST}")]
    TooMany(usize),
    #[error("{id}: {key}: {reason}")]
    Kept { id: String, key: &'static str, reason: String },
}

/// Objects that one bundle may hold to become one event.
pub(super) const MOST: usize = 2_000_000;

/// An event as a STIX 2.1 bundle.
///
/// ```
/// use formats::misp::{Attribute, Event, stix};
/// let mut attribute = Attribute::new("domain", "evil.example");
/// attribute.uuid = Some("57f4f6d9-cd20-458b-84fd-109ec0a83869".into());
/// let event = Event { uuid: Some("57c6ac4c-c60c-4f79-a38f-b666950d210f".into()), info: Some("Malspam".into()), date: Some("2026-03-23".into()),
///     timestamp: Some("1774224000".into()), attributes: vec![attribute], ..Event::default() };
/// let bundle = stix::to_bundle(&event);
/// let indicator = bundle["objects"].as_array().unwrap().iter().find(|one| one["type"] == "indicator").unwrap();
/// assert_eq!(indicator["id"], "indicator--57f4f6d9-cd20-458b-84fd-109ec0a83869");
/// assert_eq!(indicator["pattern"], "[domain-name:value = 'evil.example']");
/// assert_eq!(stix::from_bundle(&serde_json::to_vec(&bundle)?)?.event, event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn to_bundle(event: &Event<'_>) -> Value {
    let objects = to_objects(event);
    let name = format!("{} {}", event.uuid.as_deref().unwrap_or_default(), event.timestamp.as_deref().unwrap_or_default());
    json!({"type": "bundle", "id": format!("bundle--{}", derived(&name)), "objects": objects})
}

/// Namespace of UUIDs for what has none of its own in MISP.
const OWN: Uuid = Uuid::from_u128(0x9b6a_1c52_7f0e_4c1d_9d3e_6a2f_51c8_7e04);
/// STIX 2.1 §2.9: namespace of the ids of observables.
const OBSERVABLES: Uuid = Uuid::from_u128(0x00ab_edb4_aa42_466c_9c01_fed2_3315_a9b7);

fn named(namespace: Uuid, name: &str) -> Uuid {
    use sha1::Digest as _;
    let mut sha = sha1::Sha1::new();
    sha.update(namespace.as_bytes());
    sha.update(name.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&sha.finalize()[..16]);
    uuid::Builder::from_sha1_bytes(bytes).into_uuid()
}

/// A UUID that follows from what it is of.
fn derived(name: &str) -> Uuid {
    named(OWN, name)
}

/// Seconds since 1970 as STIX writes a time.
fn time(seconds: i64) -> Option<String> {
    let at = jiff::Timestamp::from_second(seconds).ok()?;
    Some(format!("{at:.3}"))
}

/// Reads a time of STIX as whole seconds.
fn seconds(value: &Value) -> Option<i64> {
    value.as_str()?.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
}

/// Published ids of the TLP 2.0 markings, and the same level in TLP 1 (STIX 2.1 §7.2.1.4).
const MARKINGS: [(Tlp, &str, &str, Option<&str>); 5] = [
    (
        Tlp::Clear,
        "clear",
        "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
        Some("marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"),
    ),
    (
        Tlp::Green,
        "green",
        "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
        Some("marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"),
    ),
    (
        Tlp::Amber,
        "amber",
        "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
        Some("marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"),
    ),
    (Tlp::AmberStrict, "amber+strict", "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003", None),
    (
        Tlp::Red,
        "red",
        "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
        Some("marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"),
    ),
];

fn marking(tlp: Tlp) -> &'static str {
    MARKINGS.iter().find(|(level, ..)| *level == tlp).map(|(_, _, id, _)| *id).expect("every level has a marking")
}

fn tlp_of(marking: &str) -> Option<Tlp> {
    MARKINGS.iter().find(|(_, _, two, one)| *two == marking || *one == Some(marking)).map(|(level, ..)| *level)
}

/// The definition of a TLP 2.0 marking, as OASIS published it.
fn definition(tlp: Tlp) -> Value {
    let (_, word, id, _) = MARKINGS.iter().find(|(level, ..)| *level == tlp).expect("every level has a marking");
    json!({
        "type": "marking-definition", "spec_version": "2.1", "id": id, "created": "2022-10-01T00:00:00.000Z",
        "name": format!("TLP:{}", word.to_uppercase()),
        "extensions": {"extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d": {"extension_type": "property-extension", "tlp_2_0": word}},
    })
}

/// Texts of labels that say what a thing was in MISP.
fn label(key: &str, value: &str) -> Value {
    Value::from(format!("misp:{key}=\"{value}\""))
}

fn labelled<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    let labels = object.get("labels")?.as_array()?;
    labels
        .iter()
        .filter_map(Value::as_str)
        .find_map(|label| label.strip_prefix("misp:")?.strip_prefix(key)?.strip_prefix("=\"")?.strip_suffix('"'))
}

/// The STIX type of what a galaxy holds; `None` where STIX has none.
fn galaxy_type(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "mitre-attack-pattern"
        | "mitre-enterprise-attack-attack-pattern"
        | "mitre-mobile-attack-attack-pattern"
        | "mitre-pre-attack-attack-pattern"
        | "mitre-ics-techniques"
        | "tea-matrix"
        | "cryptominers" => "attack-pattern",
        "mitre-malware"
        | "mitre-enterprise-attack-malware"
        | "mitre-mobile-attack-malware"
        | "malpedia"
        | "ransomware"
        | "backdoor"
        | "banker"
        | "botnet"
        | "android"
        | "stealer"
        | "rat"
        | "exploit-kit"
        | "mitre-ics-software" => "malware",
        "threat-actor" | "microsoft-activity-group" => "threat-actor",
        "mitre-intrusion-set" | "mitre-enterprise-attack-intrusion-set" | "mitre-mobile-attack-intrusion-set" | "mitre-ics-groups" => {
            "intrusion-set"
        }
        "tool" | "mitre-tool" | "mitre-enterprise-attack-tool" | "mitre-mobile-attack-tool" => "tool",
        "mitre-course-of-action" | "mitre-enterprise-attack-course-of-action" | "mitre-mobile-attack-course-of-action" => {
            "course-of-action"
        }
        "branded-vulnerability" => "vulnerability",
        _ => return None,
    })
}
