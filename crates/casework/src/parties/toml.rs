//! Parties and agreements as TOML: `[[party]]` with `[[party.answers_for]]` and `[[party.contact]]`, and `[[agreement]]`.
//!
//! `docs/parties.md` explains every key with examples.

use toml::{Table, Value};

use super::{Draft, Rejected, Written, WrittenParty, Wrong};

/// Why a file says nothing at all.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not TOML: {0}")]
pub struct NotToml(pub String);

/// Reads what a file says; entries that cannot be are set aside with their place.
///
/// # Errors
/// [`NotToml`] when it is none; the message names line and column.
///
/// ```
/// let text = "[[party]]\nid = 'isp-jp'\nkind = 'provider'\nnetworks = ['192.0.2.0/24']\n[[party]]\nid = 'Isp'\nkind = 'provider'";
/// let written = casework::parties::toml::read(text).unwrap();
/// assert_eq!(written.parties[0].party.constituency.len(), 1);
/// assert!(written.rejected[0].to_string().starts_with("party 2 (Isp): id = \"Isp\": "));
/// ```
pub fn read(text: &str) -> Result<Written, NotToml> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| NotToml(error.to_string().trim().to_owned()))?;
    let mut written = Written::default();
    for (key, value) in table {
        let entries = match value {
            Value::Array(entries) => entries,
            one => vec![one],
        };
        for (number, entry) in entries.into_iter().enumerate() {
            let id = entry.get("id").and_then(Value::as_str).map(|id| format!(" ({})", id.chars().take(80).collect::<String>()));
            let outcome = match (key.as_str(), entry) {
                ("party", Value::Table(entry)) => party(entry).map(|party| written.parties.push(party)),
                ("agreement", Value::Table(entry)) => fields(entry, "").and_then(Draft::agreement).map(|a| written.agreements.push(a)),
                (_, other) => Err(Wrong::new(&key, &other.to_string(), "neither [[party]] nor [[agreement]]")),
            };
            if let Err(wrong) = outcome {
                let place = format!("{key} {}{}", number + 1, id.unwrap_or_default());
                written.rejected.push(Rejected { place, reason: wrong.to_string() });
            }
        }
    }
    Ok(written)
}

fn party(mut entry: Table) -> Result<WrittenParty, Wrong> {
    let parts = |entry: &mut Table, key: &str| match entry.remove(key) {
        None => Ok(Vec::new()),
        Some(Value::Array(parts)) if parts.iter().all(Value::is_table) => Ok(parts),
        Some(other) => Err(Wrong::new(key, &other.to_string(), format!("write [[party.{key}]]"))),
    };
    let (answers_for, contacts) = (parts(&mut entry, "answers_for")?, parts(&mut entry, "contact")?);
    let mut written = fields(entry, "")?.party()?;
    let default = written.party.provenance.to_string();
    let part = |value: Value, what: &str, number: usize| {
        let Value::Table(table) = value else { return Ok(Draft::default()) };
        let mut draft = fields(table, &format!("{what} {}: ", number + 1))?;
        if draft.peek("said_by").is_none() {
            draft.add("said_by", [default.clone()]);
        }
        Ok(draft)
    };
    let within = |what: &str, number: usize, wrong: Wrong| Wrong { key: format!("{what} {}: {}", number + 1, wrong.key), ..wrong };
    for (number, value) in answers_for.into_iter().enumerate() {
        let claims = part(value, "answers_for", number)?.answers_for().map_err(|wrong| within("answers_for", number, wrong))?;
        written.party.constituency.extend(claims);
    }
    for (number, value) in contacts.into_iter().enumerate() {
        let contact = part(value, "contact", number)?.contact().map_err(|wrong| within("contact", number, wrong))?;
        written.party.contacts.push(contact);
    }
    Ok(written)
}

/// Every value as text, or as a list of texts.
fn fields(table: Table, prefix: &str) -> Result<Draft, Wrong> {
    let mut draft = Draft::default();
    for (key, value) in table {
        let values = match value {
            Value::Array(values) => values,
            one => vec![one],
        };
        for value in values {
            let text = match value {
                Value::String(text) => text,
                Value::Integer(_) | Value::Boolean(_) | Value::Datetime(_) => value.to_string(),
                Value::Float(_) | Value::Array(_) | Value::Table(_) => {
                    return Err(Wrong::new(
                        &format!("{prefix}{key}"),
                        &value.to_string(),
                        "neither a text, a number, a time nor a list of them",
                    ));
                }
            };
            draft.add(key.clone(), [text]);
        }
    }
    Ok(draft)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::party::Provenance;

    #[test]
    fn parts_have_their_own_source_and_time() {
        let written = read(
            r#"
            [[party]]
            id = "acme"
            kind = "maker"
            valid_from = 2026-01-01
            contacts = ["product-security en psirt@acme.example"]
            [[party.answers_for]]
            products = ["ACME"]
            asns = [64496, "AS64497"]
            said_by = "claimed"
            valid_until = 2027-01-01T00:00:00Z
            [[party.contact]]
            role = "abuse"
            language = "ja"
            address = "abuse@acme.example"

            [[agreement]]
            id = "acme-and-us"
            kind = "bilateral"
            parties = ["acme", "us"]
            max_tlp = "AMBER"
            purposes = ["notify", "respond"]
            "#,
        )
        .unwrap();
        assert_eq!(written.rejected, []);
        let party = &written.parties[0].party;
        assert_eq!(party.constituency.len(), 3);
        assert!(party.constituency.iter().all(|r| r.provenance == Provenance::Claimed && r.validity.until.is_some()));
        assert_eq!(party.contacts.iter().map(|c| c.role.as_str()).collect::<Vec<_>>(), ["product-security", "abuse"]);
        assert_eq!(written.agreements[0].purposes.len(), 2);
    }

    #[test]
    fn a_wrong_entry_is_set_aside_and_the_rest_goes_on() {
        let text = "[[party]]\nid='a'\nkind='isac'\n[[party.contact]]\naddress='a b'\n[[party]]\nid='b'\nkind='isac'\n[[agreement]]\nid='c'\n[misc]\nx=1";
        let written = read(text).unwrap();
        assert_eq!(written.parties.len(), 1);
        let reasons: Vec<String> = written.rejected.iter().map(ToString::to_string).collect();
        assert_eq!(
            reasons,
            [
                "agreement 1 (c): kind = \"\": missing",
                "misc 1: misc = \"{ x = 1 }\": neither [[party]] nor [[agreement]]",
                "party 1 (a): contact 1: address = \"a b\": it has no @",
            ]
        );
        assert!(read("[[party").unwrap_err().to_string().contains("line 1"));
    }

    #[test]
    fn the_examples_of_the_documentation_are_read() {
        let page = include_str!("../../../../docs/parties.md");
        let block = |language: &str| {
            let (_, rest) = page.split_once(&format!("```{language}\n")).expect("an example");
            rest.split_once("```").expect("its end").0.to_owned()
        };
        let written = read(&block("toml")).unwrap();
        assert_eq!((written.rejected, written.parties.len(), written.agreements.len()), (vec![], 3, 1));
        let written = super::super::csv::read(block("csv").as_bytes()).unwrap();
        assert_eq!((written.rejected, written.parties[0].party.constituency.len()), (vec![], 4));
    }
}
