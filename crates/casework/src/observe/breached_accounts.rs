//! Notices that accounts of a domain were found in a breach, in the manner of Have I Been Pwned: a mail's text, CSV or JSON.
//!
//! One event an account and breach: the domain's owner is who can act. JSON is `{"BreachSearchResults": [{"Alias": …, "DomainName": …,
//! "Breaches": [{"Name": …}]}]}`, or aliases with the names of breaches when the file's name says the domain; CSV has columns for
//! address and breach; in text the breach is named before the addresses.

use std::io::Read;

use serde_json::Value;

use super::reading::{Reading, Refusal, Table, cells, certain_if, each_line, each_row, head_text};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::{Event, Side};
use crate::model::field::Field;
use formats::value;

#[derive(Debug)]
pub(super) struct BreachedAccounts;

impl Source for BreachedAccounts {
    fn name(&self) -> &'static str {
        "breached-accounts"
    }

    fn about(&self) -> &'static str {
        "breached accounts of a domain (Have I Been Pwned notices as text, CSV or JSON)"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        certain_if(match layout(head) {
            Layout::Json => {
                let text = head_text(head);
                ["\"BreachSearchResults\"", "\"PasteSearchResults\""].iter().any(|key| text.contains(key)) || named_domain(head).is_some()
            }
            Layout::Table => true,
            Layout::Text => said(head),
            Layout::None => false,
        })
    }

    fn read(&self, input: &mut dyn Read, context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        match layout(&context.head) {
            Layout::Json => from_json(input, context, sink),
            Layout::Table => {
                let first = head_text(&context.head).lines().next().unwrap_or_default();
                let delimiter = [';', '\t'].into_iter().find(|d| first.contains(*d)).unwrap_or(',');
                each_row(input, sink, &Table { delimiter, ..Table::default() }, |row, out| {
                    let column = |names: &[&str]| names.iter().map(|name| row.get(name)).find(|text| !text.is_empty()).unwrap_or_default();
                    let breach = column(BREACH);
                    let mut event = out.event();
                    account(&mut event, column(ADDRESS), breach)?;
                    let skipped: Vec<(&str, &str)> = ADDRESS.iter().chain(BREACH).map(|name| (*name, "")).collect();
                    row.fill(&mut event, &skipped);
                    out.give(event)
                })
            }
            Layout::Text | Layout::None => from_text(input, sink),
        }
    }
}

const ADDRESS: &[&str] = &["email", "e-mail", "email address", "account", "address"];
const BREACH: &[&str] = &["breach", "breaches", "breach name", "pwned on", "site", "source"];

enum Layout {
    Json,
    Table,
    Text,
    None,
}

fn layout(head: &Head<'_>) -> Layout {
    let text = head_text(head).trim_start();
    let first = text.lines().next().unwrap_or_default();
    if text.starts_with('{') {
        return Layout::Json;
    }
    let names: Vec<String> = cells(first, if first.contains(';') { ';' } else { ',' }).iter().map(|c| c.to_ascii_lowercase()).collect();
    let has = |words: &[&str]| names.iter().any(|name| words.contains(&name.as_str()));
    if names.len() > 1 && has(ADDRESS) && names.iter().any(|name| name.starts_with("breach") || name == "pwned on") {
        Layout::Table
    } else if text.contains('@') {
        Layout::Text
    } else {
        Layout::None
    }
}

/// A notice speaks of a breach in its first lines and lists addresses, one a line.
fn said(head: &Head<'_>) -> bool {
    let text = head_text(head);
    let pwned = text.contains("Have I Been Pwned") || text.contains("haveibeenpwned.com");
    pwned && text.lines().any(|line| address(line).is_some())
}

/// A line that is one mail address, perhaps as an entry of a list.
fn address(line: &str) -> Option<&str> {
    let text = line.trim().trim_start_matches(['*', '-', '•', ' ']).trim_end_matches([',', ';', ' ']);
    let (local, domain) = text.split_once('@')?;
    let fits = !local.is_empty() && !local.contains(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | ':' | '"' | ','));
    (fits && value::fqdn(domain).is_some() && domain.contains('.')).then_some(text)
}

/// The breach that a line names: `Breach: Example`, `the Example data breach`, `pwned in the Example breach`.
fn breach(line: &str) -> Option<&str> {
    let line = line.trim();
    for label in ["breach:", "breach name:", "name of breach:"] {
        if let Some(name) = super::reading::after_label(line, label) {
            return (!name.is_empty()).then_some(name);
        }
    }
    let before = line.find(" data breach").or_else(|| line.find(" breach"))?;
    let name = line[..before].rsplit_once("the ").map(|(_, name)| name.trim_matches(['"', '\'', ' ']))?;
    (!name.is_empty() && name.len() < 80).then_some(name)
}

fn from_text(input: &mut dyn Read, sink: &mut dyn Sink) -> Result<(), ReadError> {
    let mut current = String::new();
    each_line(input, sink, |line, out| {
        if let Some(found) = address(line) {
            let mut event = out.event();
            account(&mut event, found, &current)?;
            return out.give(event);
        }
        if let Some(name) = breach(line) {
            name.clone_into(&mut current);
        }
        Ok(())
    })
}

fn account<'a>(event: &mut Event<'a>, address: &'a str, breach: &str) -> Result<(), Refusal> {
    let address = address.trim();
    let Some((_, domain)) = address.rsplit_once('@') else {
        return Err(format!("account: {address:?} is not a mail address").into());
    };
    event.set(Field::Fqdn(Side::Source), domain)?;
    leaked(event, breach)?;
    event.extra.str("source.account", address);
    Ok(())
}

fn leaked(event: &mut Event<'_>, breach: &str) -> Result<(), Refusal> {
    event.set(Field::Type, "data-leak")?;
    event.set(Field::Identifier, "breached-account")?;
    if !breach.is_empty() {
        event.extra.str("breach", breach);
    }
    Ok(())
}

/// The domain in a name such as `breached-domain-example.org.json`, as the export of aliases needs it.
fn named_domain(head: &Head<'_>) -> Option<String> {
    let file = head.file_name();
    let stem = file.strip_suffix(".json")?;
    let name = stem.strip_prefix("breacheddomain").or_else(|| stem.strip_prefix("breached-domain"))?.trim_start_matches(['-', '_', '.']);
    value::fqdn(name).filter(|name| name.contains('.')).map(|name| name.into_owned())
}

fn from_json(input: &mut dyn Read, context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
    let domain = named_domain(&context.head);
    let mut reading = Reading::new(sink);
    let mut elements = formats::json::Elements::entering_objects(input);
    let mut alias = String::new();
    while let Some(next) = elements.next() {
        let element = match next {
            Ok(element) => element,
            Err(formats::json::Error::Element { number, offset, reason }) => {
                reading.record(super::Position { row: number, offset }, |_| Err(reason.into()))?;
                continue;
            }
            Err(formats::json::Error::Io(error)) => return Err(error.into()),
            Err(error) => return Err(ReadError::Malformed(error.to_string())),
        };
        if let Some(key) = element.key.filter(|key| *key != alias) {
            key.clone_into(&mut alias);
        }
        let at = super::Position { row: element.number, offset: element.offset };
        reading.record(at, |out| match serde_json::from_slice(element.bytes) {
            Ok(Value::Object(found)) => search_result(&found, out),
            // `{"alias": ["Breach", …]}`
            Ok(Value::String(name)) if element.listed => {
                let Some(domain) = &domain else { return Err("the name of the report does not say which domain it is about".into()) };
                let address = format!("{alias}@{domain}");
                let mut event = out.event();
                account(&mut event, &address, &name)?;
                out.give(event)
            }
            Ok(_) => Ok(()),
            Err(error) => Err(format!("not JSON: {error}").into()),
        })?;
    }
    Ok(())
}

/// One account of a domain search.
fn search_result(found: &serde_json::Map<String, Value>, out: &mut Reading<'_>) -> Result<(), Refusal> {
    let text = |key: &str| found.get(key).and_then(Value::as_str).unwrap_or_default();
    let address = format!("{}@{}", text("Alias"), text("DomainName"));
    let breaches = found.get("Breaches").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for breach in breaches {
        let name = breach.as_str().or_else(|| breach.get("Name").and_then(Value::as_str)).unwrap_or_default();
        let mut event = out.event();
        account(&mut event, &address, name)?;
        for (key, kept) in
            [("BreachDate", "breach_date"), ("AddedDate", "breach_added"), ("DataClasses", "data_classes"), ("Domain", "breach_domain")]
        {
            if let Some(value) = breach.get(key) {
                event.extra.json(kept, value);
            }
        }
        out.give(event)?;
    }
    if breaches.is_empty() { out.reject(format!("{address} is in no breach")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{Drift, Knowledge, Position, Stop};

    #[derive(Default)]
    struct Seen(Vec<String>);

    impl Sink for Seen {
        fn event(&mut self, _at: Position, event: &mut Event<'_>) -> Result<(), Stop> {
            self.0.push(event.extra.finish().to_owned());
            Ok(())
        }

        fn reject(&mut self, _at: Position, reason: String) -> Result<(), Stop> {
            self.0.push(reason);
            Ok(())
        }

        fn drift(&mut self, _drift: Drift) {}
    }

    #[test]
    fn aliases_belong_to_the_domain_that_the_name_of_the_report_says() {
        let bytes = br#"{"alice": ["Acme", "Initech"], "bob": ["Acme"]}"#;
        let head = Head { name: "mails/breacheddomain-example.org.json", bytes, whole: true, media_type: None };
        assert_eq!(BreachedAccounts.recognise(&head), Likelihood::Certain);
        let mut seen = Seen::default();
        let context = Context { head, feed: None, received: jiff::Timestamp::UNIX_EPOCH, knowledge: &Knowledge::default() };
        BreachedAccounts.read(&mut &bytes[..], &context, &mut seen).unwrap();
        let account = |alias: &str, breach: &str| format!(r#"{{"breach":"{breach}","source.account":"{alias}@example.org"}}"#);
        assert_eq!(seen.0, [account("alice", "Acme"), account("alice", "Initech"), account("bob", "Acme")]);
    }

    #[test]
    fn a_breach_is_named_in_many_ways() {
        assert_eq!(breach("Breach: Acme Corp"), Some("Acme Corp"));
        assert_eq!(breach("found in the \"Acme\" data breach of 2025"), Some("Acme"));
        assert_eq!(breach("nothing of the kind"), None);
    }
}
