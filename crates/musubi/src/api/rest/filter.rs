//! Which events? The filter words of the address as conditions of the engine; each value is read before it stands in a question.

use casework::model::meaning::Meaning;
use formats::value;
use jiff::Timestamp;
use store::filter::{Filter, means};
use store::newest::judges;

use super::Asked;
use crate::cli::events::equals;
use crate::console::visit::Fault;

/// The words.
pub(super) const WORDS: [&str; 12] =
    ["value", "network", "asn", "domain", "class", "taxonomy", "country", "feed", "malware", "evidence", "since", "until"];

/// What they ask for; all of it must hold.
pub(super) fn conditions(asked: &Asked) -> Result<Vec<String>, Fault> {
    let mut conditions = Vec::new();
    let wrong = |name: &str, text: &str, what: &str| Fault::Wrong(format!("parameter {name}: {text:?} is no {what}"));
    if let Some(since) = asked.time("since")? {
        conditions.push(from(since));
    }
    if let Some(until) = asked.time("until")? {
        conditions.push(format!("time < timestamp '{until}'"));
    }
    if let Some(text) = asked.text("value") {
        conditions.push(about(text).ok_or_else(|| wrong("value", text, "address, network, domain, URL, hash or mail address"))?);
    }
    if let Some(text) = asked.text("network") {
        let network = value::network(text).ok_or_else(|| wrong("network", text, "address and no network"))?;
        conditions.push(format!("in_network(source_ip, '{network}')"));
    }
    if let Some(text) = asked.text("asn") {
        let asn = value::asn(text).ok_or_else(|| wrong("asn", text, "AS number"))?;
        conditions.push(format!("source_asn = {asn}"));
    }
    if let Some(text) = asked.text("domain") {
        let name = value::fqdn(text).ok_or_else(|| wrong("domain", text, "domain"))?;
        conditions.push(below("source_fqdn", &name));
    }
    if let Some(class) = asked.text("class") {
        conditions.push(format!("({} OR {})", equals("type", class), equals("taxonomy", class)));
    }
    if let Some(text) = asked.text("country") {
        let country = value::country(text).ok_or_else(|| wrong("country", text, "country of two letters"))?;
        conditions.push(equals("source_country", std::str::from_utf8(&country).unwrap_or_default()));
    }
    for (name, column) in [("taxonomy", "taxonomy"), ("feed", "feed"), ("evidence", "evidence")] {
        conditions.extend(asked.text(name).map(|text| equals(column, text)));
    }
    conditions.extend(asked.text("malware").map(|name| equals("malware", &name.to_lowercase())));
    Ok(conditions)
}

/// The same as a filter that files are read by; `None` where the engine has to judge.
pub(super) fn plain(asked: &Asked) -> Result<Option<Filter>, Fault> {
    if ["network", "domain", "taxonomy"].iter().any(|name| asked.text(name).is_some()) {
        return Ok(None);
    }
    let text = |name: &str| asked.text(name).map(str::to_owned);
    let meaning = match asked.text("value") {
        None => None,
        Some(text) => match meaning(text) {
            Some(meaning) => Some(meaning),
            None => return Ok(None),
        },
    };
    // An empty text is a value here, and stands for none there; a class with a stroke is one name here.
    if ["class", "country", "feed", "malware", "evidence"].iter().any(|name| asked.text(name) == Some(""))
        || asked.text("class").is_some_and(|class| class.contains('/'))
    {
        return Ok(None);
    }
    let country = asked.text("country").and_then(value::country);
    let filter = Filter {
        from: asked.time("since")?,
        until: asked.time("until")?,
        class: text("class"),
        country: country.map(|two| String::from_utf8_lossy(&two).into_owned()),
        victim: None,
        feed: text("feed"),
        malware: asked.text("malware").map(str::to_lowercase),
        asn: asked.text("asn").and_then(value::asn),
        evidence: text("evidence"),
        meaning,
    };
    Ok(judges(&filter).then_some(filter))
}

/// Seen at or after a moment.
pub(super) fn from(since: Timestamp) -> String {
    format!("time >= timestamp '{since}'")
}

/// A domain and everything below it.
pub(super) fn below(column: &str, name: &str) -> String {
    format!("({} OR {column} LIKE '%.{}')", equals(column, name), like(name))
}

/// What a value is read as; `None` when it is none that events can name at an end.
pub(super) fn meaning(text: &str) -> Option<Meaning> {
    Meaning::value(text).filter(|meaning| !matches!(meaning, Meaning::Asn(_)))
}

/// Events that name a value at either end.
fn about(text: &str) -> Option<String> {
    meaning(text).map(|meaning| format!("({})", means(&meaning)))
}

/// Text for LIKE: nothing in it stands for anything else.
pub(super) fn like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_").replace('\'', "''")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_leaves_its_quotes() {
        for text in ["' OR 1=1 --", "a'b.example", "x@y'.example", "http://a/'; DROP", "%", "_.example", "\\'"] {
            if let Some(condition) = about(text) {
                let inside = condition.replace("''", "");
                assert_eq!(inside.matches('\'').count() % 2, 0, "{condition}");
                assert!(!condition.contains("' OR 1=1"), "{condition}");
            }
        }
        assert_eq!(about("192.0.2.1").as_deref(), Some("(source_ip = '192.0.2.1' OR destination_ip = '192.0.2.1')"));
        assert_eq!((about("not a value"), about("AS64496")), (None, None));
    }
}
