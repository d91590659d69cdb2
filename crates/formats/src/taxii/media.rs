//! May this be answered in TAXII? `Accept` and `Content-Type` (§1.6.8, RFC 9110 §12.5.1).

/// What every answer carries, errors included.
pub const MEDIA_TYPE: &str = "application/taxii+json;version=2.1";
/// What objects in a collection are.
pub const STIX: &str = "application/stix+json;version=2.1";

/// Whether an answer in TAXII 2.1 satisfies an `Accept` header.
///
/// A missing header accepts everything (RFC 9110 §12.5.1). Clients in the field send `application/json, */*`: accepted too.
///
/// ```
/// use formats::taxii::media::is_acceptable;
/// assert!(is_acceptable(Some("text/html, application/taxii+json; version=2.1;q=0.9")));
/// assert!(!is_acceptable(Some("application/taxii+json;version=9.9")));
/// assert!(!is_acceptable(Some("text/html")));
/// ```
pub fn is_acceptable(accept: Option<&str>) -> bool {
    let Some(accept) = accept.filter(|text| !text.trim().is_empty()) else { return true };
    ranges(accept).any(|range| match range.name.as_str() {
        "*/*" | "application/*" | "application/json" => range.wanted,
        "application/taxii+json" | "application/stix+json" => range.wanted && range.is_ours(),
        _ => false,
    })
}

/// Whether a body with this `Content-Type` is an envelope of TAXII 2.1.
///
/// ```
/// use formats::taxii::media::is_envelope;
/// assert!(is_envelope(Some("application/taxii+json")));
/// assert!(!is_envelope(Some("application/json")));
/// ```
pub fn is_envelope(content_type: Option<&str>) -> bool {
    content_type.and_then(|text| ranges(text).next()).is_some_and(|range| range.name == "application/taxii+json" && range.is_ours())
}

/// One media range.
#[derive(Debug)]
struct Range {
    name: String,
    version: Option<String>,
    /// Its weight is not 0.
    wanted: bool,
}

impl Range {
    fn is_ours(&self) -> bool {
        self.version.as_deref().is_none_or(|version| version == "2.1")
    }
}

fn ranges(header: &str) -> impl Iterator<Item = Range> {
    header.split(',').map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let mut range = Range { name, version: None, wanted: true };
        for (key, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match key.trim().to_ascii_lowercase().as_str() {
                "version" => range.version = Some(value.to_owned()),
                "q" => range.wanted = value.parse::<f32>().is_ok_and(|weight| weight > 0.0),
                _ => {}
            }
        }
        range
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_all_kinds_of_clients() {
        for good in [
            MEDIA_TYPE,
            "application/taxii+json",
            "application/taxii+json; version=2.1",
            "application/taxii+json;version=\"2.1\"",
            "APPLICATION/TAXII+JSON;version=2.1;q=0.2",
            "application/taxii+json;version=2.1,application/stix+json;version=2.1",
            "application/json, text/plain, */*",
            "",
        ] {
            assert!(is_acceptable(Some(good)), "{good}");
        }
        assert!(is_acceptable(None));
        for bad in ["text/html", "application/taxii+json;version=2.0", "*/*;q=0", "application/xml", ";", ",,"] {
            assert!(!is_acceptable(Some(bad)), "{bad}");
        }
        assert!(is_envelope(Some("application/taxii+json; version=2.1; charset=utf-8")));
        assert!(!is_envelope(Some("application/stix+json")) && !is_envelope(None));
    }
}
