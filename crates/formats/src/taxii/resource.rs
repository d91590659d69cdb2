//! The bodies of TAXII 2.1: discovery, API root, collection, envelope, manifest, versions, status, error (§4, §5, §3.6).
//!
//! Lists are left out when they are empty (§1.6.6, "empty lists are prohibited"). An envelope is spliced of the bytes of its objects.

use serde::{Deserialize, Serialize};

use super::media::{MEDIA_TYPE, STIX};
use super::timestamp;

/// What a server offers (§4.1).
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Discovery {
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// One of the roots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub api_roots: Vec<String>,
}

/// One API root (§4.2).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ApiRoot {
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default)]
    pub versions: Vec<String>,
    /// Bytes of the largest body that is taken.
    #[serde(default)]
    pub max_content_length: u64,
}

impl ApiRoot {
    pub fn new(title: &str, max_content_length: u64) -> Self {
        Self { title: title.to_owned(), description: None, versions: vec![MEDIA_TYPE.to_owned()], max_content_length }
    }
}

/// A collection as one client sees it (§5.2).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Collection {
    pub id: String,
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    #[serde(default)]
    pub can_read: bool,
    #[serde(default)]
    pub can_write: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media_types: Vec<String>,
}

/// The collections of an API root (§5.1).
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Collections {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collections: Vec<Collection>,
}

/// One line of a manifest (§5.3).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ManifestRecord {
    pub id: String,
    pub date_added: String,
    pub version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
}

impl ManifestRecord {
    /// `date_added` in microseconds since 1970; `version` as the object has it.
    pub fn new(id: &str, date_added: i64, version: &str, spec_version: &str) -> Self {
        let media_type = if spec_version == "2.1" { STIX.to_owned() } else { format!("application/stix+json;version={spec_version}") };
        Self { id: id.to_owned(), date_added: timestamp(date_added), version: version.to_owned(), media_type: Some(media_type) }
    }
}

/// A page of a manifest (§5.3). The standard gives it no `next`, clients go on with `added_after`; but the client library of OASIS pages
/// a manifest by `next` and begins anew for ever without it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Manifest {
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<ManifestRecord>,
}

/// Versions of one object (§5.8).
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Versions {
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
}

/// What became of one object of a request (§4.3.1).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct StatusDetail {
    pub id: String,
    pub version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What became of a request to add objects (§4.3).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Status {
    pub id: String,
    /// `complete` or `pending`.
    pub status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_timestamp: Option<String>,
    pub total_count: u64,
    pub success_count: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub successes: Vec<StatusDetail>,
    pub failure_count: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<StatusDetail>,
    pub pending_count: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pendings: Vec<StatusDetail>,
}

/// What went wrong (§3.6.1); its status is a text.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct ErrorMessage {
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<String>,
}

impl ErrorMessage {
    pub fn new(status: u16, title: &str, description: Option<String>) -> Self {
        Self { title: title.to_owned(), description, error_id: None, http_status: Some(status.to_string()) }
    }
}

/// A page of objects (§3.7), of the bytes that were given.
///
/// ```
/// use formats::taxii::resource::envelope;
/// let objects: [&[u8]; 2] = [br#"{"a": 1}"#, br#"{"b":2}"#];
/// assert_eq!(envelope(&objects, Some("abc")), br#"{"more":true,"next":"abc","objects":[{"a": 1},{"b":2}]}"#);
/// assert_eq!(envelope::<&[u8]>(&[], None), b"{}");
/// ```
pub fn envelope<T: AsRef<[u8]>>(objects: &[T], next: Option<&str>) -> Vec<u8> {
    let length: usize = objects.iter().map(|object| object.as_ref().len() + 1).sum();
    let mut body = Vec::with_capacity(length + 64 + next.map_or(0, str::len));
    body.push(b'{');
    if let Some(next) = next {
        body.extend_from_slice(b"\"more\":true,\"next\":\"");
        // A cursor of ours is base64 and needs no escapes.
        body.extend_from_slice(next.as_bytes());
        body.push(b'"');
    }
    for (at, object) in objects.iter().enumerate() {
        let before: &[u8] = match (at, next) {
            (0, None) => b"\"objects\":[",
            (0, Some(_)) => b",\"objects\":[",
            _ => b",",
        };
        body.extend_from_slice(before);
        body.extend_from_slice(object.as_ref());
    }
    if !objects.is_empty() {
        body.push(b']');
    }
    body.push(b'}');
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_empty_list_is_written() {
        fn json<T: Serialize>(value: &T) -> String {
            serde_json::to_string(value).unwrap()
        }
        assert_eq!(json(&Collections::default()), "{}");
        assert_eq!(json(&Manifest::default()), "{}");
        assert_eq!(
            json(&Versions { more: false, versions: vec!["2020-01-01T00:00:00.000Z".into()] }),
            r#"{"versions":["2020-01-01T00:00:00.000Z"]}"#
        );
        assert_eq!(json(&ErrorMessage::new(404, "Not found", None)), r#"{"title":"Not found","http_status":"404"}"#);
    }
}
