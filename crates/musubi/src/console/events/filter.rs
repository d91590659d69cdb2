//! The filter of a page of events as it stands in its address: read into conditions, and written back with one thing changed.

use casework::model::day::Day;
use casework::model::meaning::Meaning;
use jiff::Timestamp;
use store::filter::Filter;

use crate::console::elements::query::Query;

/// Names of conditions in an address, in the order in which they are shown.
pub(crate) const NAMES: [&str; 10] = ["q", "from", "to", "class", "country", "victim", "feed", "malware", "asn", "evidence"];

/// What stands for events that say nothing of it.
pub(crate) const NOTHING: &str = "-";

/// Reads the filter; what cannot be right comes back by its name.
pub(crate) fn read(query: &Query) -> Result<Filter, &'static str> {
    let text = |name: &str| query.one(name).map(|text| if text == NOTHING { String::new() } else { text.chars().take(500).collect() });
    let country = |name| text(name).map(|text| text.to_ascii_uppercase());
    let asn = match query.one("asn") {
        Some(text) => Some(formats::value::asn(text).ok_or("asn")?),
        None => None,
    };
    Ok(Filter {
        from: query.one("from").map(|text| moment(text, 0).ok_or("from")).transpose()?,
        until: query.one("to").map(|text| moment(text, 1).ok_or("to")).transpose()?,
        class: text("class"),
        country: country("country"),
        victim: country("victim"),
        feed: text("feed"),
        malware: text("malware"),
        asn,
        evidence: text("evidence"),
        meaning: query.one("q").and_then(Meaning::read),
    })
}

/// A day, or a moment; of a day, the one so many days after its start.
fn moment(text: &str, days: i32) -> Option<Timestamp> {
    match text.parse::<jiff::civil::Date>() {
        Ok(date) if text.len() == 10 => {
            let start = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
            Some(Day::of(start).plus(days).start())
        }
        _ => text.parse().ok(),
    }
}

/// A path with a query.
pub(crate) fn address(path: &str, pairs: &[(&str, &str)]) -> String {
    if pairs.is_empty() {
        return path.to_owned();
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("{path}?{query}")
}

/// A link to events with these conditions.
pub(crate) fn link(conditions: &[(&str, &str)]) -> String {
    let said: Vec<(&str, &str)> = conditions.iter().map(|(name, value)| (*name, if value.is_empty() { NOTHING } else { value })).collect();
    address("/events", &said)
}

/// The query with another filter for days, first and last.
pub(crate) fn days(query: &Query, first: i32, last: i32) -> Query {
    let (first, last) = (Day::from_number(first).to_string(), Day::from_number(last).to_string());
    query.with("after", None).with("from", Some(&first)).with("to", Some(&last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_of(text: &str) -> Result<Filter, &'static str> {
        read(&Query::of(&format!("/events?{text}").parse().unwrap()))
    }

    #[test]
    fn an_address_is_a_filter() {
        let filter = read_of("from=2026-03-23&to=2026-03-23&country=jp&malware=-&q=198.51.100.7&class=").unwrap();
        assert_eq!(
            filter.condition(),
            "time >= timestamp '2026-03-23T00:00:00Z' AND time < timestamp '2026-03-24T00:00:00Z' AND source_country = 'JP' \
             AND malware IS NULL AND (source_ip = '198.51.100.7' OR destination_ip = '198.51.100.7')"
        );
        assert_eq!(read_of("from=2026-03-23T12:00:00Z").unwrap().from, Some("2026-03-23T12:00:00Z".parse().unwrap()));
        assert_eq!((read_of("from=yesterday"), read_of("asn=x")), (Err("from"), Err("asn")));
    }

    #[test]
    fn a_link_says_what_it_counts() {
        assert_eq!(link(&[("feed", "a b&c"), ("country", "")]), "/events?feed=a+b%26c&country=-");
        assert_eq!(link(&[]), "/events");
        let query = Query::of(&"/events?after=x&feed=f&from=1".parse().unwrap());
        assert_eq!(days(&query, 20_535, 20_536).link("/events"), "/events?feed=f&from=2026-03-23&to=2026-03-24");
    }
}
