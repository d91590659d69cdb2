//! How do we say it in STIX, so that every reader takes it?
//!
//! An [`Object`] is written property by property; what all objects of its kind must have is there from the start, and the text comes
//! out in the order of the specification: common properties, then those of the type as they were set, then markings and extensions.
//! Observables get the identifier everybody gives them.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::canonical::canonical_value;
use super::id;
use super::scan::Fault;
use super::timestamp::written;

/// An object being written.
#[derive(Clone, Debug)]
pub struct Object {
    object_type: String,
    id: Option<String>,
    head: Map<String, Value>,
    body: Map<String, Value>,
    tail: Map<String, Value>,
}

impl Object {
    /// A domain, relationship or meta object, first made then: `identity`, `indicator`, `relationship`, `extension-definition`, …
    /// Times are microseconds since 1970 and are written with the milliseconds STIX asks for.
    ///
    /// ```
    /// use formats::stix::write::Object;
    /// let id = uuid::Uuid::from_u128(0x023d105b_752e_4e3c_941c_7d3f3cb15e9e);
    /// let identity = Object::domain("identity", &id, 1_774_249_262_000_000).set("name", "CSIRT").set("identity_class", "organization");
    /// assert_eq!(identity.write(), concat!(r#"{"type":"identity","spec_version":"2.1","id":"identity--023d105b-752e-4e3c-941c-7d3f3cb15e9e","#,
    ///     r#""created":"2026-03-23T07:01:02.000Z","modified":"2026-03-23T07:01:02.000Z","name":"CSIRT","identity_class":"organization"}"#));
    /// ```
    pub fn domain(object_type: &str, id: &Uuid, created: i64) -> Self {
        let object = Self::new(object_type, Some(format!("{object_type}--{id}")));
        let object = object.head("created", time(created));
        // §7.2.1: a marking definition cannot change.
        if object_type == "marking-definition" { object } else { object.head("modified", time(created)) }
    }

    /// An observable: `ipv4-addr`, `domain-name`, `file`, … Its identifier follows from what is set (§2.9).
    ///
    /// ```
    /// use formats::stix::write::Object;
    /// let address = Object::observable("ipv4-addr").set("value", "198.51.100.3");
    /// assert_eq!(address.id()?, "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4");
    /// # Ok::<(), formats::stix::write::Error>(())
    /// ```
    pub fn observable(object_type: &str) -> Self {
        Self::new(object_type, None)
    }

    fn new(object_type: &str, id: Option<String>) -> Self {
        Self { object_type: object_type.to_owned(), id, head: Map::new(), body: Map::new(), tail: Map::new() }
    }

    fn head(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.head.insert(name.to_owned(), value.into());
        self
    }

    fn tail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.tail.insert(name.to_owned(), value.into());
        self
    }

    /// Who says it.
    #[must_use]
    pub fn created_by(mut self, identity: &str) -> Self {
        self.head.shift_insert(0, "created_by_ref".to_owned(), identity.into());
        self
    }

    /// A later version of what was made before (§3.6).
    #[must_use]
    pub fn modified(self, at: i64) -> Self {
        self.head("modified", time(at))
    }

    /// The last version: it no longer holds.
    #[must_use]
    pub fn revoked(self) -> Self {
        self.head("revoked", true)
    }

    /// How sure who says it is, 0 to 100; a larger number is 100.
    #[must_use]
    pub fn confidence(self, percent: u8) -> Self {
        self.tail("confidence", percent.min(100))
    }

    /// A property of the type. What is empty (a null, a text, a list or dictionary with nothing in it) is left out, as STIX has no such values.
    ///
    /// ```
    /// use formats::stix::write::Object;
    /// let file = Object::observable("file").set("name", "a.exe").set("size", 7).set("hashes", serde_json::json!({}));
    /// assert!(file.write().ends_with(r#""name":"a.exe","size":7}"#));
    /// ```
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        let empty = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::Object(members) => members.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        };
        if !empty {
            self.body.insert(name.to_owned(), value);
        }
        self
    }

    /// A property that is a time, in microseconds since 1970.
    ///
    /// ```
    /// use formats::stix::write::Object;
    /// let traffic = Object::observable("network-traffic").time("start", 0);
    /// assert!(traffic.write().ends_with(r#""start":"1970-01-01T00:00:00.000Z"}"#));
    /// ```
    #[must_use]
    pub fn time(self, name: &str, micros: i64) -> Self {
        self.set(name, time(micros))
    }

    /// Where else it is known: a source and its name for it, an address, or words.
    #[must_use]
    pub fn external_reference(mut self, source: &str, external_id: Option<&str>, url: Option<&str>, description: Option<&str>) -> Self {
        let mut reference = Map::new();
        let parts = [("source_name", Some(source)), ("description", description), ("url", url), ("external_id", external_id)];
        reference.extend(parts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), Value::from(text?)))));
        push(&mut self.tail, "external_references", reference.into());
        self
    }

    #[must_use]
    pub fn label(mut self, label: &str) -> Self {
        push(&mut self.tail, "labels", label.into());
        self
    }

    /// A marking of the whole object.
    ///
    /// ```
    /// use formats::stix::{marking::Tlp2, write::Object};
    /// let url = Object::observable("url").set("value", "http://example.com/").marked(Tlp2::Amber.id());
    /// assert!(url.write().ends_with(r#""object_marking_refs":["marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"]}"#));
    /// ```
    #[must_use]
    pub fn marked(mut self, marking: &str) -> Self {
        push(&mut self.tail, "object_marking_refs", marking.into());
        self
    }

    /// A marking of parts of the object.
    #[must_use]
    pub fn marked_in_part(mut self, marking: &str, selectors: &[&str]) -> Self {
        push(&mut self.tail, "granular_markings", json!({"selectors": selectors, "marking_ref": marking}));
        self
    }

    /// Properties of an extension of its own (`property-extension`), by the identifier of its definition.
    ///
    /// ```
    /// use formats::stix::write::Object;
    /// let ours = "extension-definition--6b2a8d2f-7f2f-4d5c-8c3f-0b0a3f6f7a01";
    /// let file = Object::observable("file").set("name", "a").extension(ours, serde_json::json!({"rank": 1}));
    /// assert!(file.write().ends_with(r#":{"extension_type":"property-extension","rank":1}}}"#));
    /// ```
    #[must_use]
    pub fn extension(mut self, definition: &str, properties: Value) -> Self {
        let mut extension = Map::new();
        extension.insert("extension_type".to_owned(), "property-extension".into());
        if let Value::Object(properties) = properties {
            extension.extend(properties);
        }
        let extensions = self.tail.entry("extensions").or_insert_with(|| json!({}));
        extensions[definition] = extension.into();
        self
    }

    /// Its identifier; fails for an observable from which none follows (a process, or one without an ID contributing property).
    pub fn id(&self) -> Result<String, Error> {
        if let Some(id) = &self.id {
            return Ok(id.clone());
        }
        let mut parts = self.body.clone();
        parts.insert("type".to_owned(), self.object_type.clone().into());
        if let Some(extensions) = self.tail.get("extensions") {
            parts.insert("extensions".to_owned(), extensions.clone());
        }
        let text = canonical_value(&parts.into())?;
        id::deterministic(text.as_bytes())?.ok_or_else(|| Error::NoIdentifier(self.object_type.clone()))
    }

    /// An observable whose identifier is random or was given by somebody.
    #[must_use]
    pub fn with_id(mut self, id: &Uuid) -> Self {
        self.id = Some(format!("{}--{id}", self.object_type));
        self
    }

    /// Its text. An observable from which no identifier follows is written without one; ask [`Object::id`] where that may be.
    pub fn write(&self) -> String {
        let mut all = Map::new();
        all.insert("type".to_owned(), self.object_type.clone().into());
        all.insert("spec_version".to_owned(), "2.1".into());
        if let Ok(id) = self.id() {
            all.insert("id".to_owned(), id.into());
        }
        for part in [&self.head, &self.body] {
            all.extend(part.clone());
        }
        const TAIL: [&str; 6] = ["labels", "confidence", "external_references", "object_marking_refs", "granular_markings", "extensions"];
        all.extend(TAIL.into_iter().filter_map(|name| Some((name.to_owned(), self.tail.get(name)?.clone()))));
        Value::Object(all).to_string()
    }
}

/// Why an object has no identifier.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    #[error("no identifier follows from what is said of this {0}")]
    NoIdentifier(String),
    #[error(transparent)]
    Json(#[from] Fault),
}

fn push(members: &mut Map<String, Value>, name: &str, value: Value) {
    if let Value::Array(list) = members.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
        list.push(value);
    }
}

/// Times outside the years 0000 to 9999 are those at its borders: STIX cannot say more.
fn time(micros: i64) -> String {
    written(micros).unwrap_or_else(|| if micros < 0 { "0000-01-01T00:00:00.000Z" } else { "9999-12-31T23:59:59.999Z" }.to_owned())
}

/// A relationship between two objects (§5.1).
///
/// ```
/// use formats::stix::write::relationship;
/// let (id, indicator) = (uuid::Uuid::from_u128(0x44298a74_ba52_4f0c_87a3_1824e67d7fad), "indicator--26ffb872-1dd9-446e-b6f5-d58527e5b5d2");
/// let text = relationship(&id, 0, indicator, "indicates", "malware--31b940d4-6f7f-459a-80ea-9c1f17b58abc").write();
/// assert!(text.contains(r#""relationship_type":"indicates","source_ref":"indicator--"#));
/// ```
pub fn relationship(id: &Uuid, created: i64, source: &str, kind: &str, target: &str) -> Object {
    Object::domain("relationship", id, created).set("relationship_type", kind).set("source_ref", source).set("target_ref", target)
}

/// What was seen: so often, between these times, these observables and what binds them (§4.14).
///
/// ```
/// use formats::stix::write::observed_data;
/// let id = uuid::Uuid::from_u128(0xb67d30ff_02ac_498a_92f9_32f845f448cf);
/// let text = observed_data(&id, 0, [0, 1000], 3, &["ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"]).write();
/// assert!(text.contains(r#""number_observed":3,"object_refs":["ipv4-addr--"#));
/// ```
pub fn observed_data(id: &Uuid, created: i64, seen: [i64; 2], times: u64, objects: &[&str]) -> Object {
    let object = Object::domain("observed-data", id, created).time("first_observed", seen[0]).time("last_observed", seen[1].max(seen[0]));
    object.set("number_observed", times.clamp(1, 999_999_999)).set("object_refs", objects.to_vec())
}

/// An indicator with a STIX pattern, valid from then (§4.7).
///
/// ```
/// use formats::stix::write::{indicator, literal};
/// let id = uuid::Uuid::from_u128(0x26ffb872_1dd9_446e_b6f5_d58527e5b5d2);
/// let text = indicator(&id, 0, &format!("[url:value = '{}']", literal("http://x/'")), 0).write();
/// assert!(text.contains(r#""pattern":"[url:value = 'http://x/\\'']","pattern_type":"stix""#));
/// ```
pub fn indicator(id: &Uuid, created: i64, pattern: &str, valid_from: i64) -> Object {
    let object = Object::domain("indicator", id, created).set("pattern", pattern).set("pattern_type", "stix");
    object.set("pattern_version", "2.1").time("valid_from", valid_from)
}

/// A text as it stands between the quotes of a pattern (§9.3).
///
/// ```
/// assert_eq!(formats::stix::write::literal(r"C:\it's"), r"C:\\it\'s");
/// ```
pub fn literal(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}

/// Objects in a bundle (§8), written as they are.
///
/// ```
/// use formats::stix::write::bundle;
/// let id = uuid::Uuid::from_u128(0xd6e3c0b4_f916_4d15_a01f_e3761c5f48ac);
/// assert_eq!(bundle(&id, ["{}", "{}"]), r#"{"type":"bundle","id":"bundle--d6e3c0b4-f916-4d15-a01f-e3761c5f48ac","objects":[{},{}]}"#);
/// assert_eq!(bundle(&id, [""; 0]), r#"{"type":"bundle","id":"bundle--d6e3c0b4-f916-4d15-a01f-e3761c5f48ac"}"#);
/// ```
pub fn bundle<T: AsRef<str>>(id: &Uuid, objects: impl IntoIterator<Item = T>) -> String {
    let mut out = format!(r#"{{"type":"bundle","id":"bundle--{id}""#);
    let mut any = false;
    for object in objects {
        out.push_str(if any { "," } else { r#","objects":["# });
        out.push_str(object.as_ref());
        any = true;
    }
    out.push_str(if any { "]}" } else { "}" });
    out
}
