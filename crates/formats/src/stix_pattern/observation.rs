//! What do STIX objects say was observed? Observed-data with a dictionary of objects (2.0) or with references (2.1), and the
//! steps of a path through them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::compare::{Scalar, moment};
use super::lexer::hex;
use super::pattern::Step;
use super::program::{KnownPath, Observed, Unevaluated, Work};

/// Objects that were seen together, as often as `number_observed` says, between two times.
#[derive(Clone, Debug)]
pub struct Observation<'a> {
    objects: Vec<(&'a str, &'a Value)>,
    named: Named<'a>,
    span: Option<(Timestamp, Timestamp)>,
    count: u64,
}

/// What references lead to.
#[derive(Clone, Debug)]
enum Named<'a> {
    Dictionary(&'a Map<String, Value>),
    Ids(Arc<BTreeMap<&'a str, &'a Value>>),
}

/// Why an object says nothing about what was observed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("observed-data {id:?}: {why}")]
pub struct NotObserved {
    pub id: String,
    pub why: &'static str,
}

impl<'a> Observation<'a> {
    /// The observations in a list of observed-data, of bundles, and of the objects they refer to, in any order.
    ///
    /// ```
    /// use formats::stix_pattern::{Observation, Program};
    /// let bundle = serde_json::json!([{"type": "bundle", "objects": [
    ///     {"type": "observed-data", "id": "observed-data--1", "first_observed": "2026-11-23T09:30:00Z",
    ///      "last_observed": "2026-11-23T09:31:00Z", "number_observed": 1, "object_refs": ["url--1"]},
    ///     {"type": "url", "id": "url--1", "value": "https://c2.example/gate.php"}]}]);
    /// let observations = Observation::read(bundle.as_array().unwrap()).unwrap();
    /// assert_eq!(Program::parse("[url:value LIKE '%/gate.php']").unwrap().matches(&observations), Ok(true));
    /// ```
    ///
    /// # Errors
    /// With the first observed-data that lacks its times or its number.
    pub fn read(values: &'a [Value]) -> Result<Vec<Self>, NotObserved> {
        let mut observed = Vec::new();
        let mut ids = BTreeMap::new();
        for value in values {
            let inner = match value["objects"].as_array() {
                Some(objects) => objects.as_slice(),
                None => std::slice::from_ref(value),
            };
            for object in inner {
                if object["type"] == "observed-data" || object["objects"].is_object() {
                    observed.push(object);
                } else if let Some(id) = object["id"].as_str() {
                    ids.insert(id, object);
                }
            }
        }
        let ids = Arc::new(ids);
        observed.into_iter().map(|object| Self::one(object, &ids)).collect()
    }

    fn one(data: &'a Value, ids: &Arc<BTreeMap<&'a str, &'a Value>>) -> Result<Self, NotObserved> {
        let wrong = |why| NotObserved { id: data["id"].as_str().unwrap_or_default().chars().take(80).collect(), why };
        let time = |name: &str| data[name].as_str().and_then(moment);
        let first = time("first_observed").ok_or_else(|| wrong("first_observed is no time"))?;
        let last = time("last_observed").ok_or_else(|| wrong("last_observed is no time"))?;
        let count =
            data["number_observed"].as_u64().filter(|count| *count > 0).ok_or_else(|| wrong("number_observed is no number above 0"))?;
        if last < first {
            return Err(wrong("last_observed is before first_observed"));
        }
        let dictionary = data["objects"].as_object().filter(|objects| !objects.is_empty());
        let (objects, named) = match dictionary {
            Some(objects) => (objects.values().filter_map(typed).collect(), Named::Dictionary(objects)),
            None => {
                let references = data["object_refs"].as_array().map(Vec::as_slice).unwrap_or_default();
                let objects = references.iter().filter_map(|id| typed(ids.get(id.as_str()?)?)).collect();
                (objects, Named::Ids(Arc::clone(ids)))
            }
        };
        Ok(Self { objects, named, span: Some((first, last)), count })
    }

    /// One observation of these objects, once, at no known time.
    ///
    /// ```
    /// let objects = serde_json::json!([{"type": "mutex", "name": "m"}]);
    /// let observation = formats::stix_pattern::Observation::of_objects(objects.as_array().unwrap());
    /// let program = formats::stix_pattern::Program::parse("[mutex:name IN ('l', 'm')]").unwrap();
    /// assert_eq!(program.matches(&[observation]), Ok(true));
    /// ```
    pub fn of_objects(objects: &'a [Value]) -> Self {
        let ids = objects.iter().filter_map(|object| Some((object["id"].as_str()?, object))).collect();
        Self { objects: objects.iter().filter_map(typed).collect(), named: Named::Ids(Arc::new(ids)), span: None, count: 1 }
    }

    fn named(&self, id: &str) -> Option<&'a Value> {
        match &self.named {
            Named::Dictionary(objects) => objects.get(id),
            Named::Ids(ids) => ids.get(id).copied(),
        }
    }

    /// Follows the steps; `key` is the last that was taken, which says how a text is meant.
    fn walk(
        &self,
        value: &'a Value,
        key: &str,
        steps: &[Step],
        work: &Work,
        found: &mut dyn FnMut(&'a Value, &str) -> Result<bool, Unevaluated>,
    ) -> Result<bool, Unevaluated> {
        let Some((step, rest)) = steps.split_first() else {
            work.step()?;
            return found(value, key);
        };
        match (step, value) {
            (Step::Key(next), Value::Object(object)) => match object.get(next) {
                Some(inner) => self.walk(inner, next, rest, work, found),
                None => Ok(false),
            },
            // STIX 2.1 §9.7.3: a step behind a reference goes on in the object it refers to.
            (Step::Key(next), Value::String(id)) if key.ends_with("_ref") || key.ends_with("_refs") => {
                work.step()?;
                match self.named(id).and_then(|object| object.get(next)) {
                    Some(inner) => self.walk(inner, next, rest, work, found),
                    None => Ok(false),
                }
            }
            (Step::Index(index), Value::Array(list)) => match usize::try_from(*index).ok().and_then(|index| list.get(index)) {
                Some(inner) => self.walk(inner, key, rest, work, found),
                None => Ok(false),
            },
            (Step::Any, Value::Array(list)) => {
                for inner in list {
                    if self.walk(inner, key, rest, work, found)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            _ => Ok(false),
        }
    }
}

fn typed(object: &Value) -> Option<(&str, &Value)> {
    Some((object.get("type")?.as_str()?, object))
}

fn scalar<'a>(value: &'a Value, key: &str) -> Scalar<'a> {
    match value {
        Value::Bool(yes) => Scalar::Bool(*yes),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Scalar::Int(number),
            (None, Some(number)) => Scalar::Float(number),
            (None, None) => Scalar::Other,
        },
        // STIX 2.1 §2.1, §2.8: the names of binary and hex properties say what they are. What is neither stays a text.
        Value::String(text) => {
            let bytes = match key {
                key if key.ends_with("_hex") => hex(text.as_bytes()),
                key if key.ends_with("_bin") => BASE64.decode(text).ok(),
                _ => None,
            };
            bytes.map_or(Scalar::Text(text), |bytes| Scalar::Bytes(Cow::Owned(bytes)))
        }
        Value::Null | Value::Array(_) | Value::Object(_) => Scalar::Other,
    }
}

impl Observed for Observation<'_> {
    fn objects(&self) -> usize {
        self.objects.len()
    }

    fn object_type(&self, object: usize) -> &str {
        self.objects[object].0
    }

    fn any(
        &self,
        object: usize,
        path: &KnownPath,
        work: &Work,
        test: &mut dyn FnMut(&Scalar<'_>) -> Result<bool, Unevaluated>,
    ) -> Result<bool, Unevaluated> {
        self.walk(self.objects[object].1, "", &path.path().steps, work, &mut |value, key| test(&scalar(value, key)))
    }

    fn exists(&self, object: usize, path: &KnownPath, work: &Work) -> Result<bool, Unevaluated> {
        self.walk(self.objects[object].1, "", &path.path().steps, work, &mut |_, _| Ok(true))
    }

    fn span(&self) -> Option<(Timestamp, Timestamp)> {
        self.span
    }

    fn count(&self) -> u64 {
        self.count
    }
}
