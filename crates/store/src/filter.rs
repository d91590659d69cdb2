//! Which events are asked for? Conditions as a person sets them, as SQL and, where that is enough, as a question to the sums.

use casework::model::meaning::Meaning;
use jiff::Timestamp;

use crate::figures::Asked;
use crate::segment::DAY;

/// Where a word is looked for.
pub(crate) const WORD_COLUMNS: [&str; 11] = [
    "malware",
    "identifier",
    "type",
    "feed",
    "source_fqdn",
    "source_as_name",
    "source_reverse_dns",
    "destination_fqdn",
    "product_vendor",
    "product_name",
    "extra",
];

/// All of these hold. An empty text stands for events that say nothing of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Filter {
    /// Seen from this moment on, and before that one.
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// A taxonomy, a type, or `taxonomy/type`.
    pub class: Option<String>,
    /// Of the source.
    pub country: Option<String>,
    /// Of the destination.
    pub victim: Option<String>,
    pub feed: Option<String>,
    pub malware: Option<String>,
    /// Of the source.
    pub asn: Option<u32>,
    pub evidence: Option<String>,
    pub meaning: Option<Meaning>,
}

impl Filter {
    /// As a condition on the table `events`.
    pub fn condition(&self) -> String {
        let mut all = Vec::new();
        all.extend(self.from.map(|from| format!("time >= timestamp '{from}'")));
        all.extend(self.until.map(|until| format!("time < timestamp '{until}'")));
        all.extend(self.class.as_deref().map(|class| match class.split_once('/') {
            Some((taxonomy, kind)) => format!("({} AND {})", equals("taxonomy", taxonomy), equals("type", kind)),
            None => format!("({} OR {})", equals("type", class), equals("taxonomy", class)),
        }));
        for (column, text) in self.texts() {
            all.extend(text.map(|text| match text {
                "" => format!("{column} IS NULL"),
                text => equals(column, text),
            }));
        }
        all.extend(self.asn.map(|asn| format!("source_asn = {asn}")));
        all.extend(self.meaning.as_ref().map(|meaning| format!("({})", means(meaning))));
        if all.is_empty() { String::from("true") } else { all.join(" AND ") }
    }

    /// Columns of text, and what each must be.
    pub(crate) fn texts(&self) -> [(&'static str, Option<&str>); 5] {
        [
            ("source_country", self.country.as_deref()),
            ("destination_country", self.victim.as_deref()),
            ("feed", self.feed.as_deref()),
            ("malware", self.malware.as_deref()),
            ("evidence", self.evidence.as_deref()),
        ]
    }

    /// Nothing is asked for but what was typed, on whole days.
    pub fn is_meaning_alone(&self) -> bool {
        let rest = Self { meaning: None, ..self.clone() };
        let only_days = Self { from: self.from, until: self.until, ..Self::default() };
        rest == only_days && rest.asked().is_some()
    }

    /// As a question to the sums; `None` when they do not know enough, whatever they join.
    pub fn asked(&self) -> Option<Asked<'_>> {
        if self.asn.is_some() || self.evidence.is_some() || self.meaning.is_some() {
            return None;
        }
        let day = |at: Option<Timestamp>| match at {
            None => Some(None),
            Some(at) if at.as_microsecond().rem_euclid(DAY) == 0 => i32::try_from(at.as_microsecond().div_euclid(DAY)).ok().map(Some),
            Some(_) => None,
        };
        Some(Asked {
            from: day(self.from)?,
            until: day(self.until)?,
            class: self.class.as_deref(),
            country: self.country.as_deref(),
            feed: self.feed.as_deref(),
            victim: self.victim.as_deref(),
            malware: self.malware.as_deref(),
        })
    }
}

/// `column = 'text'`, whatever is in the text.
pub fn equals(column: &str, text: &str) -> String {
    format!("{column} = {}", quoted(text))
}

/// A text as SQL has it.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A text for LIKE, without quotes around it.
fn like(text: &str) -> String {
    text.replace('\'', "''").replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// Events that name a value at either end, or all of some words anywhere.
pub fn means(meaning: &Meaning) -> String {
    match meaning {
        Meaning::Address(ip) => format!("source_ip = '{ip}' OR destination_ip = '{ip}'"),
        Meaning::Network(network) => format!("in_network(source_ip, '{network}') OR in_network(destination_ip, '{network}')"),
        Meaning::Asn(asn) => format!("source_asn = {asn} OR destination_asn = {asn}"),
        Meaning::Url(url) => format!("{} OR {}", equals("source_url", url), equals("destination_url", url)),
        Meaning::Domain(name) => {
            let named = ["source_fqdn", "destination_fqdn", "source_reverse_dns", "destination_reverse_dns"]
                .map(|column| format!("{} OR {column} LIKE '%.{}'", equals(column, name), like(name)));
            let host = format!("^[a-z]+://([^/@]*@)?([^/:@?#]*[.])?{}([:/?#]|$)", name.replace('.', "[.]").replace('\'', "''"));
            let in_url = ["source_url", "destination_url"].map(|column| format!("{column} ~ '{host}'"));
            [&named[..], &in_url].concat().join(" OR ")
        }
        Meaning::Hash(_, text) | Meaning::Mail(text) => format!("extra ILIKE '%{}%'", like(text)),
        Meaning::Words(words) => {
            let each = words.iter().map(|word| {
                let any = WORD_COLUMNS.map(|column| format!("{column} ILIKE '%{}%'", like(word)));
                format!("({})", any.join(" OR "))
            });
            let all: Vec<String> = each.collect();
            if all.is_empty() { String::from("true") } else { all.join(" AND ") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_hold_what_is_asked_and_nothing_else_whatever_is_typed() {
        let evil = "x' OR true --";
        let filter = Filter {
            class: Some("malicious-code/infected-system".into()),
            country: Some(String::new()),
            feed: Some(evil.into()),
            meaning: Meaning::read(&format!("\"{evil}")),
            ..Filter::default()
        };
        let sql = filter.condition();
        assert!(
            sql.starts_with(
                "(taxonomy = 'malicious-code' AND type = 'infected-system') AND source_country IS NULL AND feed = 'x'' OR true --'"
            ),
            "{sql}"
        );
        assert!(sql.contains("extra ILIKE '%x''%'"), "{sql}");
        assert_eq!(Filter::default().condition(), "true");
    }

    #[test]
    fn the_sums_are_asked_for_whole_days_only() {
        let day: Timestamp = "2026-03-23T00:00:00Z".parse().unwrap();
        let whole = Filter { from: Some(day), country: Some("JP".into()), ..Filter::default() };
        assert_eq!(whole.asked(), Some(Asked { from: Some(20_535), country: Some("JP"), ..Asked::default() }));
        let noon: Timestamp = "2026-03-23T12:00:00Z".parse().unwrap();
        assert_eq!(Filter { until: Some(noon), ..whole.clone() }.asked(), None);
        assert_eq!(Filter { asn: Some(1), ..whole }.asked(), None);
    }
}
