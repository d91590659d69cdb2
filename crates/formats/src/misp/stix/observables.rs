//! Which observables say these values, and which values do observables say?
//!
//! Ids follow from what an observable is, so the same domain in two events is the same object, and each is said once in a bundle: by
//! STIX's own rule (§2.9) where an observable is one value, else from all its properties.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::paths::{Term, address_type, is_number};
use super::{OBSERVABLES, OWN, named};

/// Objects by id, in the order in which they were first said.
#[derive(Debug, Default)]
pub(super) struct Observables {
    pub(super) all: Vec<Value>,
    ids: BTreeMap<String, ()>,
}

impl Observables {
    /// Says these values, and returns the ids of the objects that say them: all of them, what is referred to first.
    pub(super) fn say(&mut self, terms: &[Term]) -> Vec<Value> {
        let mut said = Vec::new();
        let mut whole = Map::new();
        let mut kind = "";
        for (path, value) in terms {
            let (root, property) = path.split_once(':').expect("paths of the table have a type");
            kind = root;
            if let Some(property) = property.strip_suffix(".value") {
                let many = property.strip_suffix("[*]");
                let of = if root == "email-message" { "email-addr" } else { address_type(value) };
                let id = self.put(of, json!({ "value": value }).as_object().expect("an object").clone());
                said.push(id.clone());
                match many {
                    Some(property) => {
                        if let Value::Array(list) = whole.entry(property).or_insert_with(|| Value::Array(Vec::new())) {
                            list.push(id);
                        }
                    }
                    None => {
                        whole.insert(property.to_owned(), id);
                    }
                }
            } else if let Some(hash) = property.strip_prefix("hashes.") {
                if let Value::Object(hashes) = whole.entry("hashes").or_insert_with(|| Value::Object(Map::new())) {
                    hashes.insert(hash.trim_matches('\'').to_owned(), value.as_str().into());
                }
            } else if let Some(field) = property.strip_prefix("values[0].") {
                let values = whole.entry("values").or_insert_with(|| json!([{"data_type": "REG_NONE"}]));
                values[0][field] = value.as_str().into();
            } else {
                let value = if is_number(path) { value.parse::<u64>().map_or(Value::Null, Value::from) } else { value.as_str().into() };
                whole.insert(property.to_owned(), value);
            }
        }
        match kind {
            "network-traffic" => {
                // Protocols must be said, and an address or name at one end is what makes it traffic.
                whole.insert("protocols".to_owned(), json!(["tcp"]));
            }
            "email-message" => {
                whole.insert("is_multipart".to_owned(), Value::Bool(false));
            }
            _ => {}
        }
        said.push(self.put(kind, whole));
        said
    }

    fn put(&mut self, kind: &str, properties: Map<String, Value>) -> Value {
        // The namespace of STIX is for ids made exactly as §2.9 says; what has more than the one property it names is under ours.
        let plain = properties.len() == 1
            && properties.contains_key(if kind == "autonomous-system" {
                "number"
            } else if kind == "mutex" {
                "name"
            } else {
                "value"
            });
        let sorted: BTreeMap<&String, &Value> = properties.iter().collect();
        let name = serde_json::to_string(&sorted).expect("texts as keys");
        let mut uuid = named(if plain { OBSERVABLES } else { OWN }, &name);
        // §2.9: where none of the properties that make an id is there, it must look like chance.
        let makes_id: &[&str] = match kind {
            "email-message" => &["from_ref", "subject", "body"],
            "x509-certificate" => &["hashes", "serial_number"],
            "process" => &[],
            _ => &["value", "name", "number", "hashes", "key", "src_ref", "dst_ref"],
        };
        if !makes_id.iter().any(|property| properties.contains_key(*property)) {
            uuid = uuid::Builder::from_random_bytes(uuid.into_bytes()).into_uuid();
        }
        let id = format!("{kind}--{uuid}");
        if self.ids.insert(id.clone(), ()).is_none() {
            let mut object = Map::with_capacity(properties.len() + 3);
            object.insert("type".to_owned(), kind.into());
            object.insert("spec_version".to_owned(), "2.1".into());
            object.insert("id".to_owned(), id.as_str().into());
            object.extend(properties);
            self.all.push(Value::Object(object));
        }
        id.into()
    }
}

/// The values that an observable says, by path. What it refers to is looked up.
pub(super) fn said_by<'a>(object: &'a Map<String, Value>, find: &dyn Fn(&str) -> Option<&'a Map<String, Value>>) -> Vec<(String, String)> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
    let mut found = Vec::new();
    for (key, value) in object {
        if matches!(key.as_str(), "type" | "spec_version" | "id" | "is_multipart" | "protocols" | "extensions") {
            continue;
        }
        let value_of = |id: &Value| find(id.as_str()?).and_then(|other| other.get("value")).and_then(text);
        match value {
            Value::String(_) if key.ends_with("_ref") => found.extend(value_of(value).map(|value| (format!("{kind}:{key}.value"), value))),
            Value::Array(list) if key.ends_with("_refs") => {
                found.extend(list.iter().filter_map(value_of).map(|value| (format!("{kind}:{key}[*].value"), value)));
            }
            Value::Object(hashes) if key == "hashes" => {
                for (name, value) in hashes {
                    let name = if name.contains('-') { format!("'{name}'") } else { name.clone() };
                    found.extend(text(value).map(|value| (format!("{kind}:hashes.{name}"), value)));
                }
            }
            Value::Array(list) if key == "values" => {
                let first = list.first().and_then(Value::as_object).into_iter().flatten();
                found.extend(first.filter_map(|(field, value)| Some((format!("{kind}:values[0].{field}"), text(value)?))));
            }
            _ => found.extend(text(value).map(|value| (format!("{kind}:{key}"), value))),
        }
    }
    found
}
