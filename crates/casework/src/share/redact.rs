//! Which columns does a recipient not see?
//!
//! A column is emptied as a whole, so that redaction is idempotent and nothing of the value, its length or its form is left.
//! A column that this table does not know is emptied by every redaction: a new one is hidden until somebody has thought of it.

use serde_json::{Map, Value};

use super::decision::{Redaction, Redactions};

/// Columns that any of these redactions empties.
///
/// `id` is a hash of what was seen and the feed that said it: whoever sees the rest could guess the feed and compare.
/// `extra` holds whatever the report said beyond the columns, so all of them empty it.
const HIDDEN: &[(Redaction, &[&str])] = &[
    (Redaction::ProviderIdentity, &["id", "feed", "evidence", "row", "extra"]),
    (
        Redaction::VictimIdentity,
        &[
            "id",
            "source_ip",
            "source_port",
            "source_asn",
            "source_as_name",
            "source_network",
            "source_fqdn",
            "source_url",
            "source_reverse_dns",
            "source_asn_by_table",
            "destination_ip",
            "destination_port",
            "destination_asn",
            "destination_as_name",
            "destination_network",
            "destination_fqdn",
            "destination_url",
            "destination_reverse_dns",
            "destination_asn_by_table",
            "extra",
        ],
    ),
    (
        Redaction::PersonalData,
        &[
            "id",
            "source_ip",
            "source_port",
            "source_network",
            "source_fqdn",
            "source_url",
            "source_reverse_dns",
            "destination_ip",
            "destination_port",
            "destination_network",
            "destination_fqdn",
            "destination_url",
            "destination_reverse_dns",
            "extra",
        ],
    ),
];

/// Columns that tell of neither provider, victim nor person.
const OPEN: &[&str] = &[
    "time",
    "observed_at",
    "terms",
    "source_country",
    "source_country_by_table",
    "destination_country",
    "destination_country_by_table",
    "transport",
    "application",
    "taxonomy",
    "type",
    "identifier",
    "malware",
    "product_vendor",
    "product_name",
    "product_version",
    "severity",
    "confidence",
];

/// Somebody has thought about this column.
pub fn is_known(column: &str) -> bool {
    OPEN.contains(&column) || HIDDEN.iter().any(|(_, columns)| columns.contains(&column))
}

impl Redactions {
    /// Whether a column of an event is emptied.
    pub fn hide(self, column: &str) -> bool {
        if !is_known(column) {
            return !self.is_empty();
        }
        HIDDEN.iter().any(|(redaction, columns)| self.holds(*redaction) && columns.contains(&column))
    }
}

/// Empties what is hidden in an event as an object of columns; the names stay.
pub fn redact(event: &mut Map<String, Value>, redactions: Redactions) {
    for (column, value) in event.iter_mut() {
        if redactions.hide(column) {
            *value = Value::Null;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Map<String, Value> {
        let columns = OPEN.iter().chain(HIDDEN.iter().flat_map(|(_, columns)| columns.iter())).chain(&["something_new"]);
        columns.map(|column| ((*column).to_owned(), format!("of {column}").into())).collect()
    }

    #[test]
    fn redacting_twice_is_redacting_once_and_more_redactions_hide_more() {
        for one in Redactions::all() {
            let mut once = event();
            redact(&mut once, one);
            let mut twice = once.clone();
            redact(&mut twice, one);
            assert_eq!(once, twice);
            for two in Redactions::all() {
                let mut both = once.clone();
                redact(&mut both, two);
                let mut at_once = event();
                redact(&mut at_once, one.union(two));
                assert_eq!(both, at_once);
            }
        }
    }

    #[test]
    fn a_column_nobody_has_thought_of_is_hidden_by_every_redaction() {
        assert!(Redactions::all().all(|redactions| redactions.hide("something_new") != redactions.is_empty()));
    }

    #[test]
    fn what_no_redaction_names_stays() {
        let mut event = event();
        redact(&mut event, Redactions::all().fold(Redactions::NONE, Redactions::union));
        let left: Vec<&str> = event.iter().filter(|(_, value)| !value.is_null()).map(|(column, _)| column.as_str()).collect();
        assert_eq!(left, OPEN.to_vec());
    }

    #[test]
    fn a_hidden_person_is_hidden_with_the_victim_too() {
        let (_, victim) = HIDDEN[1];
        assert!(HIDDEN[2].1.iter().all(|column| victim.contains(column)));
    }
}
