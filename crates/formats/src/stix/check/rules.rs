//! What holds between the properties of an object.

use serde_json::Value;

use crate::stix_pattern::{self, Pattern};

use super::super::marking::{Marking, Tlp1};
use super::super::scan::Fault;
use super::super::selector::{SELECTOR_LIMIT, Selector, places};
use super::super::timestamp::Timestamp;
use super::Level;
use super::extension::custom_name;
use super::table::{self, Rule, Type};
use super::walk::{Seen, Walk};

impl<'a> Walk<'a> {
    pub(super) fn rules(&mut self, known: &'static Type, required: u64, seen: &Seen<'a>) {
        let missing = required & !seen.bits;
        if missing != 0 {
            for (at, property) in known.properties.iter().enumerate().filter(|(at, _)| missing & (1 << at) != 0) {
                debug_assert!(!seen.has(at));
                self.must("required", format!("{} is required", property.name));
            }
        }
        for rule in &known.rules {
            self.rule(known, rule, seen);
        }
    }

    fn rule(&mut self, known: &'static Type, rule: &'static Rule, seen: &Seen<'a>) {
        let name = |at: usize| known.properties[at].name;
        let names = |places: &[usize]| places.iter().map(|at| name(*at)).collect::<Vec<_>>().join(", ");
        match rule {
            Rule::Any(places) => {
                if !places.iter().any(|at| seen.has(*at)) {
                    self.must("together", format!("at least one of {} is required", names(places)));
                }
            }
            Rule::Something => {
                if seen.bits == 0 {
                    self.must("together", format!("{} has none of its properties", known.name));
                }
            }
            Rule::One(a, b) => {
                if seen.has(*a) == seen.has(*b) {
                    self.must("together", format!("exactly one of {} is required", names(&[*a, *b])));
                }
            }
            Rule::With(a, others) => {
                if seen.has(*a) && !others.iter().all(|at| seen.has(*at)) {
                    self.must("together", format!("{} is there without {}", name(*a), names(others)));
                }
            }
            Rule::Order(a, b) | Rule::After(a, b) => {
                let read = |at: usize| seen.text(at).and_then(Timestamp::read);
                let (Some(first), Some(second)) = (read(*a), read(*b)) else { return };
                if second < first {
                    self.find_at(name(*b), Level::Must, "order", format!("{second} is before {} {first}", name(*a)));
                } else if matches!(rule, Rule::After(..)) && second == first {
                    self.find_at(name(*b), Level::Must, "order", format!("{second} is not later than {}", name(*a)));
                }
            }
            Rule::When(a, value, b) => {
                if seen.value(*a) == Some(value) && !seen.has(*b) {
                    self.must("together", format!("{} is required where {} is {value}", name(*b), name(*a)));
                }
            }
            Rule::Unless(a, value, b) => {
                if seen.value(*a) == Some(value) && seen.has(*b) {
                    self.find_at(
                        name(*b),
                        Level::Must,
                        "together",
                        format!("{} must not be there where {} is {value}", name(*b), name(*a)),
                    );
                }
            }
            Rule::Both(check, a, b) => {
                if !seen.has(*a) || !seen.has(*b) {
                    self.should(check, format!("{} are recommended", names(&[*a, *b])));
                }
            }
            Rule::Deprecated(a) => {
                if seen.has(*a) {
                    self.find_at(name(*a), Level::Should, "deprecated-properties", format!("{} is deprecated", name(*a)));
                }
            }
            Rule::Required(a) => {
                if !seen.has(*a) {
                    self.must("required", format!("{} is required", name(*a)));
                }
            }
            Rule::Relationship => self.relationship(known, seen),
            Rule::Pattern => self.pattern(known, seen),
            Rule::ExtensionDefinition => self.extension_definition(known, seen),
            Rule::MarkingDefinition => self.marking_definition(known, seen),
            Rule::ExternalReference => self.external_reference(known, seen),
        }
    }

    /// §4.7.1: `pattern` is in the language that `pattern_type` names; of STIX's own it can be said. Whoever takes objects in keeps what it cannot read.
    fn pattern(&mut self, known: &Type, seen: &Seen<'a>) {
        let text = |name: &str| known.place(name).and_then(|at| seen.text(at));
        let (Some(text), Some(kind)) = (text("pattern"), text("pattern_type")) else { return };
        if !self.full || kind != "stix" {
            return;
        }
        let pattern = match Pattern::parse(&text) {
            Ok(pattern) => pattern,
            Err(error) => return self.find_at("pattern", Level::Must, "pattern", error.to_string()),
        };
        for found in pattern.findings() {
            match &found {
                stix_pattern::Finding::UnknownObjectType(name) => self.unknown_pattern_type(name),
                _ if found.is_error() => self.find_at("pattern", Level::Should, "pattern", found.to_string()),
                _ => self.find_at("pattern", Level::Hint, "pattern-hint", found.to_string()),
            }
        }
    }

    /// An object type in a pattern that the specification does not have.
    fn unknown_pattern_type(&mut self, name: &str) {
        if name.len() < 3 {
            return self.find_at(
                "pattern",
                Level::Must,
                "pattern",
                format!("{name:?} is no type name: 3 to 250 of a-z, 0-9 and single hyphens"),
            );
        }
        self.find_at("pattern", Level::Hint, "types-strict", format!("the type {name} is not of the specification"));
        if !custom_name(name, "x-", '-', false) {
            self.find_at("pattern", Level::Hint, "custom-prefix-lax", format!("the type {name} does not begin with x-"));
        }
        if !custom_name(name, "x-", '-', true) {
            self.find_at("pattern", Level::Hint, "custom-prefix", format!("the type {name} does not begin with x- and a source"));
        }
    }

    /// Appendix B.
    fn relationship(&mut self, known: &Type, seen: &Seen<'a>) {
        if !self.full {
            return;
        }
        let text = |name: &str| known.place(name).and_then(|at| seen.text(at)).unwrap_or_default();
        let (source, kind, target) = (text("source_ref"), text("relationship_type"), text("target_ref"));
        if let (Some((source, _)), Some((target, _))) = (source.split_once("--"), target.split_once("--"))
            && let Some(reason) = table::unsuggested(source, &kind, target)
        {
            self.find_at("relationship_type", Level::Should, "relationship-types", reason);
        }
    }

    /// §7.3.2.
    fn extension_definition(&mut self, known: &Type, seen: &Seen<'a>) {
        let has = |name: &str| known.place(name).is_some_and(|at| seen.has(at));
        let types = known.place("extension_types").and_then(|at| seen.value(at)).unwrap_or_default();
        let toplevel = types.contains("\"toplevel-property-extension\"");
        if has("extension_properties") && !toplevel {
            self.find_at("extension_properties", Level::Must, "together", "only for toplevel-property-extension");
        }
        if !has("extension_properties") && toplevel {
            self.should("extension-properties", "extension_properties is recommended for toplevel-property-extension");
        }
        if !has("description") {
            self.should("extension-description", "description is recommended");
        }
    }

    /// §7.2.1.
    fn marking_definition(&mut self, known: &Type, seen: &Seen<'a>) {
        let place = |name: &str| known.place(name).expect("marking-definition has it");
        let text = |name: &str| seen.text(place(name));
        let id = text("id").unwrap_or_default();
        for name in ["object_marking_refs", "granular_markings"] {
            if seen.value(place(name)).is_some_and(|value| !id.is_empty() && value.contains(&format!("\"{id}\""))) {
                self.find_at(name, Level::Must, "circular", "a marking definition cannot be marked by itself");
            }
        }
        let extended = seen.has(place("extensions"));
        let kind = text("definition_type");
        let definition: Value = seen.value(place("definition")).and_then(|value| serde_json::from_str(value).ok()).unwrap_or_default();
        if !extended && (kind.is_none() || definition.is_null()) {
            self.must("required", "definition_type and definition are required where there are no extensions");
        }
        match kind.as_deref() {
            Some("statement") if definition["statement"].as_str().is_none() => {
                self.find_at("definition", Level::Must, "required", "statement is required");
            }
            Some("tlp") => {
                let as_defined = Tlp1::ALL.into_iter().find(|level| level.id() == id).is_some_and(|level| {
                    let defined: Value = serde_json::from_str(level.definition()).unwrap_or_default();
                    let named = text("name").is_none_or(|name| defined["name"] == *name);
                    let created = text("created").and_then(Timestamp::read) == Timestamp::read("2017-01-20T00:00:00.000Z");
                    named && created && defined["definition"]["tlp"] == definition["tlp"]
                });
                if !as_defined {
                    self.must("tlp", "a TLP marking definition is one of the four of §7.2.1.4, as they stand there");
                }
            }
            _ => {}
        }
        if !extended && kind.as_deref().is_none_or(|kind| !["statement", "tlp"].contains(&kind)) {
            self.should("extensions-use", "a marking of one's own is defined by an extension");
        }
    }

    /// §2.5.
    fn external_reference(&mut self, known: &Type, seen: &Seen<'a>) {
        let text = |name: &str| known.place(name).and_then(|at| seen.text(at));
        let has = |name: &str| known.place(name).is_some_and(|at| seen.has(at));
        let (source, id) = (text("source_name").unwrap_or_default(), text("external_id"));
        let cve = |id: &str| {
            let parts: Vec<_> = id.split('-').collect();
            let digits = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
            parts.len() == 3 && parts[0] == "CVE" && parts[1].len() == 4 && digits(parts[1]) && parts[2].len() >= 4 && digits(parts[2])
        };
        let capec =
            |id: &str| id.strip_prefix("CAPEC-").is_some_and(|number| !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit()));
        let wrong = match &*source {
            "cve" => !id.as_deref().is_some_and(cve),
            "capec" => !id.as_deref().is_some_and(capec),
            _ => false,
        };
        if wrong {
            self.must("external-reference", format!("external_id of a {source} reference is not written as one"));
        }
        if self.full && !["cve", "capec"].contains(&&*source) && id.as_deref().is_some_and(|id| cve(id) || capec(id)) {
            self.should("external-reference", format!("source_name of {} is not cve or capec", id.unwrap_or_default()));
        }
        if has("url") && !has("hashes") {
            self.should("extref-hashes", "a url without hashes of what stands there");
        }
    }

    /// §7.2.3: what selectors name is there; and of the markings of TLP there is one.
    pub(super) fn granular(&mut self, from: usize, known: &'static Type, seen: &Seen<'a>) -> Result<(), Fault> {
        if let Some(value) = known.place("object_marking_refs").and_then(|at| seen.value(at))
            && let Ok(ids) = serde_json::from_str::<Vec<&str>>(value)
            && ids.iter().filter(|id| matches!(Marking::of_id(id), Some(Marking::Tlp1(_)))).count() > 1
        {
            self.find_at("object_marking_refs", Level::Should, "tlp-once", "more than one TLP marking");
        }
        let Some(value) = known.place("granular_markings").and_then(|at| seen.value(at)) else { return Ok(()) };
        let markings: Value = serde_json::from_str(value).unwrap_or_default();
        let texts: Vec<&str> = markings
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|marking| marking["selectors"].as_array().into_iter().flatten().filter_map(Value::as_str))
            .collect();
        if texts.len() > SELECTOR_LIMIT {
            self.find_at("granular_markings", Level::Must, "selectors", format!("more than {SELECTOR_LIMIT} selectors"));
            return Ok(());
        }
        let selectors: Vec<_> = texts.iter().filter_map(|text| Selector::read(text).map(|selector| (*text, selector))).collect();
        let paths: Vec<_> = selectors.iter().map(|(_, selector)| selector.clone()).collect();
        let object = &self.bytes[from..self.scanner.at];
        for ((text, _), place) in selectors.iter().zip(places(object, &paths)?) {
            if place.is_none() {
                self.find_at("granular_markings", Level::Must, "selectors", format!("what the selector {text} names is not there"));
            }
        }
        Ok(())
    }
}
