//! One walk over an object beside the table of its type.

use std::borrow::Cow;

use super::super::id::{Identifier, contributing_properties};
use super::super::object::{DEPTH, SpecVersion};
use super::super::scan::{Fault, Kind as Json, Scanner, Text};
use super::super::selector::Selector;
use super::super::timestamp::Timestamp;
use super::form;
use super::table::{self, Class, Form, Kind, Targets, Type, vocabulary};
use super::{FINDING_LIMIT, Finding, Level};

/// Findings of one object, of the type its header names.
pub(super) fn object(bytes: &[u8], object_type: &str, version: SpecVersion, full: bool) -> Vec<Finding> {
    let scanner = match Scanner::new(bytes, DEPTH, true) {
        Ok(scanner) => scanner,
        Err(fault) => return vec![json(&fault)],
    };
    let mut walk = Walk { scanner, full, findings: Vec::new(), path: Vec::new(), nested: false, used: Used::default(), version, bytes };
    let walked = match walk.scanner.kind() {
        Ok(Json::Object) => walk.top(object_type).and_then(|()| walk.scanner.end()),
        Ok(_) => {
            walk.must("json", "not a JSON object");
            Ok(())
        }
        Err(fault) => Err(fault),
    };
    if let Err(fault) = walked {
        walk.findings.push(json(&fault));
    }
    walk.findings
}

fn json(fault: &Fault) -> Finding {
    Finding { level: Level::Must, check: "json", pointer: String::new(), message: fault.to_string() }
}

#[derive(Clone, Debug)]
pub(super) enum Step<'a> {
    Name(&'a str),
    Element(usize),
}

/// Kinds of extension an object uses.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Used {
    pub(super) property: bool,
    pub(super) toplevel: bool,
    pub(super) new_object: bool,
}

/// The properties of an object or part that its type knows.
#[derive(Debug, Default)]
pub(super) struct Seen<'a> {
    pub(super) bits: u64,
    pub(super) values: Vec<(usize, &'a str)>,
    pub(super) unknown: Vec<&'a str>,
}

impl<'a> Seen<'a> {
    pub(super) fn has(&self, place: usize) -> bool {
        self.bits & (1 << place) != 0
    }

    pub(super) fn value(&self, place: usize) -> Option<&'a str> {
        self.values.iter().find(|(known, _)| *known == place).map(|(_, value)| *value)
    }

    /// The string that stands there.
    pub(super) fn text(&self, place: usize) -> Option<Cow<'a, str>> {
        let raw = self.value(place)?.strip_prefix('"')?.strip_suffix('"')?;
        Some(Text { raw, escaped: raw.contains('\\') }.decoded())
    }
}

pub(super) struct Walk<'a> {
    pub(super) scanner: Scanner<'a>,
    pub(super) full: bool,
    findings: Vec<Finding>,
    pub(super) path: Vec<Step<'a>>,
    /// In the observables of observed-data, where references are keys (§4.14, deprecated).
    pub(super) nested: bool,
    pub(super) used: Used,
    pub(super) version: SpecVersion,
    pub(super) bytes: &'a [u8],
}

impl<'a> Walk<'a> {
    pub(super) fn pointer(&self) -> String {
        let mut out = String::new();
        for step in &self.path {
            out.push('/');
            match step {
                Step::Name(name) => out.push_str(&name.replace('~', "~0").replace('/', "~1")),
                Step::Element(at) => out.push_str(&at.to_string()),
            }
        }
        out
    }

    pub(super) fn find(&mut self, level: Level, check: &'static str, message: impl Into<String>) {
        if self.findings.len() < FINDING_LIMIT && (self.full || level == Level::Must) {
            let finding = Finding { level, check, pointer: self.pointer(), message: message.into() };
            self.findings.push(finding);
        }
    }

    pub(super) fn must(&mut self, check: &'static str, message: impl Into<String>) {
        self.find(Level::Must, check, message);
    }

    pub(super) fn should(&mut self, check: &'static str, message: impl Into<String>) {
        self.find(Level::Should, check, message);
    }

    /// As [`Walk::find`], of a property of the object or part the walk stands in.
    pub(super) fn find_at(&mut self, name: &'static str, level: Level, check: &'static str, message: impl Into<String>) {
        self.path.push(Step::Name(name));
        self.find(level, check, message);
        self.path.pop();
    }

    /// An object by itself, or one of the observables of observed-data.
    pub(super) fn top(&mut self, object_type: &str) -> Result<(), Fault> {
        let outer = std::mem::take(&mut self.used);
        let from = self.scanner.at;
        let known = table::object_type(object_type)
            .filter(|_| self.nested || self.version == SpecVersion::V21)
            .or_else(|| (object_type == "bundle").then(|| table::find("bundle")).flatten());
        let custom = known.is_none();
        let known = known.or_else(|| table::find("custom")).expect("the table has custom");
        let seen = self.members(known)?;
        if custom {
            self.custom_type(object_type, known, &seen);
        }
        if self.full {
            self.unknown_properties(known, custom, &seen);
        }
        if !self.nested {
            self.identifier_version(known, &seen);
        }
        let required = if self.nested { known.required & !known.place("id").map_or(0, |at| 1 << at) } else { known.required };
        self.rules(known, required, &seen);
        if !self.nested {
            self.granular(from, known, &seen)?;
        }
        self.used = outer;
        Ok(())
    }

    /// Through the members of an object or part; rules are for the caller.
    pub(super) fn members(&mut self, known: &'static Type) -> Result<Seen<'a>, Fault> {
        self.scanner.enter_object()?;
        let mut seen = Seen { values: Vec::with_capacity(16), ..Seen::default() };
        let mut first = true;
        while let Some(name) = self.scanner.name(&mut first)? {
            let kind = self.scanner.kind()?;
            let from = self.scanner.at;
            let decoded = name.decoded();
            self.path.push(Step::Name(name.raw));
            match known.place(&decoded) {
                Some(place) => {
                    seen.bits |= 1 << place;
                    self.value(known, &known.properties[place].kind, kind)?;
                    seen.values.push((place, self.scanner.slice(from)));
                }
                None => {
                    self.unknown(known, &decoded, kind)?;
                    seen.unknown.push(name.raw);
                }
            }
            self.path.pop();
        }
        Ok(seen)
    }

    pub(super) fn unknown(&mut self, known: &Type, name: &str, kind: Json) -> Result<(), Fault> {
        if known.class != Class::Other || known.name == "custom" {
            let named = name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_')
                && (3..=250).contains(&name.len())
                && name.as_bytes()[0].is_ascii_lowercase();
            if !named {
                self.must("property-name", format!("{name:?} is no property name: 3 to 250 of a-z, 0-9 and _, a letter first"));
            }
            if ["severity", "action", "username", "phone_numbers"].contains(&name) {
                self.must("property-name", format!("the property name {name} is reserved"));
            }
        }
        self.no_hole(kind)?;
        Ok(())
    }

    /// §2.6, §3: no value is null and no list is empty. Gives the value.
    pub(super) fn no_hole(&mut self, kind: Json) -> Result<&'a str, Fault> {
        let value = self.scanner.skip()?;
        if kind == Json::Null {
            self.must("value", "null is no value");
        }
        if kind == Json::List && value[1..value.len() - 1].bytes().all(|c| c.is_ascii_whitespace()) {
            self.must("value", "a list has at least one element");
        }
        Ok(value)
    }

    /// §2.9: an observable with an ID contributing property SHOULD have a UUID of version 5, without one it MUST be random; so is all else.
    pub(super) fn identifier_version(&mut self, known: &Type, seen: &Seen<'a>) {
        let Some(id) = known.place("id").and_then(|at| seen.text(at)) else { return };
        let Some(identifier) = Identifier::read(&id) else { return };
        let version = identifier.uuid.get_version_num();
        let (level, expected) = match contributing_properties(known.name) {
            Some(names) if names.iter().any(|name| known.place(name).is_some_and(|at| seen.has(at))) => (Level::Should, 5),
            Some(_) => (Level::Must, 4),
            None => (Level::Should, 4),
        };
        if version != expected {
            self.find_at("id", level, "uuid-check", format!("{id} has UUID version {version} where {expected} belongs"));
        }
    }

    pub(super) fn value(&mut self, owner: &'static Type, kind: &'static Kind, json: Json) -> Result<(), Fault> {
        match kind {
            Kind::Text => drop(self.string(json)?),
            Kind::Type => {
                self.string(json)?;
            }
            Kind::SpecVersion => {
                if let Some(text) = self.string(json)?
                    && text != "2.1"
                    && !(text == "2.0" && !self.nested && self.version == SpecVersion::V20)
                {
                    self.must("spec-version", format!("spec_version is {text}, not 2.1"));
                }
            }
            Kind::Id => {
                if let Some(text) = self.string(json)? {
                    self.identifier(&text);
                }
            }
            Kind::Texts => self.strings(json, |_, _| {})?,
            Kind::Bool => {
                if self.is(json, Json::Bool)? {
                    self.scanner.bool()?;
                }
            }
            Kind::Integer { least, most } => {
                if self.is(json, Json::Number)? {
                    let text = self.scanner.number()?;
                    match text.parse::<i64>() {
                        Err(_) => self.must("value", format!("{text} is no integer")),
                        Ok(number) if least.is_some_and(|least| number < least) || most.is_some_and(|most| number > most) => {
                            self.must("value", format!("{number} is out of range"));
                        }
                        Ok(_) => {}
                    }
                }
            }
            Kind::Float { least, most } => {
                if self.is(json, Json::Number)? {
                    let text = self.scanner.number()?;
                    if !text.parse::<f64>().is_ok_and(|number| (*least..=*most).contains(&number)) {
                        self.must("value", format!("{text} is out of range"));
                    }
                }
            }
            Kind::Timestamp | Kind::TimestampMillis | Kind::TimestampSeconds => {
                if let Some(text) = self.string(json)? {
                    self.timestamp(&text, kind);
                }
            }
            Kind::Hex => {
                if let Some(text) = self.string(json)?
                    && !form::hex(&text)
                {
                    self.must("value", format!("{:?} is no hexadecimal text of whole bytes", clipped(&text)));
                }
            }
            Kind::Binary => {
                if let Some(text) = self.string(json)?
                    && !form::binary(&text)
                {
                    self.must("value", "no base64 with padding (RFC 4648)");
                }
            }
            Kind::Creator => {
                if let Some(text) = self.string(json)?
                    && self.identifier(&text).is_some()
                    && !text.starts_with("identity--")
                {
                    self.find(Level::Hint, "creator", format!("{text} is no identity"));
                }
            }
            Kind::Ref(targets) => {
                if let Some(text) = self.string(json)? {
                    self.reference(&text, targets);
                }
            }
            Kind::Refs(targets) => self.strings(json, |walk, text| walk.reference(text, targets))?,
            Kind::Vocabulary(vocabulary) => {
                if let Some(text) = self.string(json)? {
                    self.of_vocabulary(vocabulary, &text, true);
                }
            }
            Kind::Vocabularies(vocabulary) => self.strings(json, |walk, text| walk.of_vocabulary(vocabulary, text, true))?,
            Kind::Open(vocabulary) => {
                if let Some(text) = self.string(json)? {
                    self.of_vocabulary(vocabulary, &text, false);
                }
            }
            Kind::Enumeration(vocabulary) => {
                if let Some(text) = self.string(json)? {
                    self.of_enumeration(vocabulary, &text);
                }
            }
            Kind::Enumerations(vocabulary) => self.strings(json, |walk, text| walk.of_enumeration(vocabulary, text))?,
            Kind::Part(name) => {
                if self.is(json, Json::Object)? {
                    self.part(table::find(name).expect("the tables are whole"), owner)?;
                }
            }
            Kind::Parts(name) => {
                let part = table::find(name).expect("the tables are whole");
                self.list(json, |walk, json| {
                    if walk.is(json, Json::Object)? {
                        walk.part(part, owner)?;
                    }
                    Ok(())
                })?;
            }
            Kind::Extensions => self.extensions(owner, json)?,
            Kind::Objects => self.objects(json)?,
            Kind::Contents => self.contents(json)?,
            Kind::Hashes => self.hashes(json, owner.class == Class::Domain || owner.name == "external-reference")?,
            Kind::Object => {
                if self.is(json, Json::Object)? {
                    self.scanner.skip()?;
                }
            }
            Kind::List => {
                if self.is(json, Json::List)? {
                    self.no_hole(json)?;
                }
            }
            Kind::Dictionary => self.dictionary(json, |_, _, _| {})?,
            Kind::DictionaryOf(keys) => self.dictionary(json, |walk, key, _| {
                if walk.full && !keys.has(key) {
                    walk.should(keys.name, format!("{key:?} is not of {}", keys.name));
                }
            })?,
            Kind::SocketOptions => self.dictionary(json, |walk, key, json| {
                let mut words = key.split('_');
                let family =
                    words.next().is_some_and(|word| ["SO", "ICMP", "ICMP6", "IP", "IPV6", "MCAST", "TCP", "IRLMP"].contains(&word));
                let rest = words.clone().count() > 0
                    && words.all(|word| !word.is_empty() && word.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()));
                if !family || !rest {
                    walk.must("value", format!("{key:?} is no socket option"));
                }
                if json != Json::Number {
                    walk.must("value", "the value of a socket option is an integer");
                }
            })?,
            Kind::Selectors => self.strings(json, |walk, text| {
                if Selector::read(text).is_none() {
                    walk.must("selectors", format!("{:?} is no selector", clipped(text)));
                }
            })?,
            Kind::Form(form) => {
                if let Some(text) = self.string(json)? {
                    self.form(*form, &text);
                }
            }
            Kind::Forms(form) => self.strings(json, |walk, text| walk.form(*form, text))?,
        }
        Ok(())
    }

    /// It is of that kind; else that is said, and the value passed over.
    pub(super) fn is(&mut self, found: Json, expected: Json) -> Result<bool, Fault> {
        if found == expected {
            return Ok(true);
        }
        self.scanner.skip()?;
        self.must("value", format!("a {} where a {} belongs", found.name(), expected.name()));
        Ok(false)
    }

    pub(super) fn string(&mut self, json: Json) -> Result<Option<Cow<'a, str>>, Fault> {
        if !self.is(json, Json::Text)? {
            return Ok(None);
        }
        Ok(Some(self.scanner.text()?.decoded()))
    }

    pub(super) fn list(&mut self, json: Json, mut each: impl FnMut(&mut Self, Json) -> Result<(), Fault>) -> Result<(), Fault> {
        if !self.is(json, Json::List)? {
            return Ok(());
        }
        self.scanner.enter_list()?;
        let (mut first, mut at) = (true, 0);
        while self.scanner.element(&mut first)? {
            let json = self.scanner.kind()?;
            self.path.push(Step::Element(at));
            each(self, json)?;
            self.path.pop();
            at += 1;
        }
        if at == 0 {
            self.must("value", "a list has at least one element");
        }
        Ok(())
    }

    pub(super) fn strings(&mut self, json: Json, mut each: impl FnMut(&mut Self, &str)) -> Result<(), Fault> {
        self.list(json, |walk, json| {
            if let Some(text) = walk.string(json)? {
                each(walk, &text);
            }
            Ok(())
        })
    }

    /// Through a dictionary (§2.4): at least one key, each of letters, digits, `-` and `_`. What is said stands at the key.
    pub(super) fn dictionary(&mut self, json: Json, mut each: impl FnMut(&mut Self, &str, Json)) -> Result<(), Fault> {
        if !self.is(json, Json::Object)? {
            return Ok(());
        }
        self.scanner.enter_object()?;
        let (mut first, mut count) = (true, 0);
        while let Some(name) = self.scanner.name(&mut first)? {
            count += 1;
            let json = self.scanner.kind()?;
            let key = name.decoded();
            self.path.push(Step::Name(name.raw));
            self.key(&key);
            each(self, &key, json);
            self.scanner.skip()?;
            self.path.pop();
        }
        if count == 0 {
            self.must("value", "a dictionary has at least one key");
        }
        Ok(())
    }

    pub(super) fn key(&mut self, key: &str) {
        if key.len() > 250 || !key.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_') {
            self.must("value", format!("{:?} is no key of a dictionary: at most 250 of a-z, A-Z, 0-9, - and _", clipped(key)));
        }
    }

    pub(super) fn part(&mut self, known: &'static Type, owner: &'static Type) -> Result<(), Fault> {
        let seen = self.members(known)?;
        if self.full && (owner.class == Class::Observable || owner.name.ends_with("-ext")) {
            for name in &seen.unknown {
                self.path.push(Step::Name(name));
                self.should("extensions-use", format!("the property {name} is not defined by an extension"));
                self.unknown_name(known, name);
                self.path.pop();
            }
        }
        self.rules(known, known.required, &seen);
        Ok(())
    }

    /// The observables in observed-data (§4.14, deprecated).
    pub(super) fn objects(&mut self, json: Json) -> Result<(), Fault> {
        if !self.is(json, Json::Object)? {
            return Ok(());
        }
        self.scanner.enter_object()?;
        let (mut first, mut count) = (true, 0);
        while let Some(name) = self.scanner.name(&mut first)? {
            count += 1;
            let json = self.scanner.kind()?;
            self.path.push(Step::Name(name.raw));
            if name.raw.is_empty() || !name.raw.bytes().all(|c| c.is_ascii_digit()) {
                self.should("observable-object-keys", "the key is not a number");
            }
            if self.is(json, Json::Object)? {
                let object_type = self.type_ahead()?;
                self.nested = true;
                self.top(&object_type)?;
                self.nested = false;
            }
            self.path.pop();
        }
        if count == 0 {
            self.must("value", "a dictionary has at least one key");
        }
        Ok(())
    }

    /// The type of the object that comes next, which the walk has not gone through yet.
    pub(super) fn type_ahead(&mut self) -> Result<Cow<'a, str>, Fault> {
        let mut ahead = self.scanner.ahead();
        let mut object_type = Cow::Borrowed("");
        ahead.enter_object()?;
        let mut first = true;
        while let Some(name) = ahead.name(&mut first)? {
            if ahead.kind()? == Json::Text && name.is("type") {
                object_type = ahead.text()?.decoded();
            } else {
                ahead.skip()?;
            }
        }
        Ok(object_type)
    }

    /// §7.1: languages, and in each the properties in that language.
    pub(super) fn contents(&mut self, json: Json) -> Result<(), Fault> {
        if !self.is(json, Json::Object)? {
            return Ok(());
        }
        self.scanner.enter_object()?;
        let (mut first, mut count) = (true, 0);
        while let Some(name) = self.scanner.name(&mut first)? {
            count += 1;
            let json = self.scanner.kind()?;
            self.path.push(Step::Name(name.raw));
            if !form::language(name.raw) {
                self.must("value", format!("{:?} is no RFC 5646 language tag", clipped(name.raw)));
            }
            if self.is(json, Json::Object)? {
                self.scanner.enter_object()?;
                let mut first = true;
                while let Some(name) = self.scanner.name(&mut first)? {
                    let json = self.scanner.kind()?;
                    self.path.push(Step::Name(name.raw));
                    self.unknown(table::find("mutex").expect("the table has it"), &name.decoded(), json)?;
                    self.path.pop();
                }
            }
            self.path.pop();
        }
        if count == 0 {
            self.must("value", "a dictionary has at least one key");
        }
        Ok(())
    }

    /// §2.7 and §10.7.
    pub(super) fn hashes(&mut self, json: Json, of_reference: bool) -> Result<(), Fault> {
        if !self.is(json, Json::Object)? {
            return Ok(());
        }
        self.scanner.enter_object()?;
        let (mut first, mut count) = (true, 0);
        while let Some(name) = self.scanner.name(&mut first)? {
            count += 1;
            let json = self.scanner.kind()?;
            self.path.push(Step::Name(name.raw));
            let algorithm = name.decoded();
            if !(3..=250).contains(&algorithm.len()) || !algorithm.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_') {
                self.must("value", format!("{:?} is no name of a hash", clipped(&algorithm)));
            }
            if let Some(value) = self.string(json)?
                && !form::hash(&algorithm, &value)
            {
                self.must("value", format!("{:?} is no {algorithm}", clipped(&value)));
            }
            if self.full && !vocabulary("hash-algo").has(&algorithm) && !algorithm.starts_with("x_") {
                let level = if of_reference { Level::Hint } else { Level::Should };
                self.find(level, "hash-algo", format!("{algorithm} is not of hash-algorithm-ov"));
            }
            if self.full && algorithm.len() > 30 {
                self.should("hash-length", "a name of a hash of more than 30 characters");
            }
            self.path.pop();
        }
        if count == 0 {
            self.must("value", "a dictionary has at least one key");
        }
        Ok(())
    }

    /// §2.9 with RFC 9562: a version from 1 to 8 in the variant of the RFC.
    pub(super) fn identifier(&mut self, text: &str) -> Option<()> {
        let right = Identifier::read(text).is_some_and(|id| {
            let bytes = id.uuid.as_bytes();
            (1..=8).contains(&(bytes[6] >> 4)) && bytes[8] >> 6 == 0b10
        });
        if !right {
            self.must("value", format!("{:?} is no identifier of the form type--UUID", clipped(text)));
        }
        right.then_some(())
    }

    pub(super) fn reference(&mut self, text: &str, targets: &Targets) {
        if self.nested {
            return;
        }
        if self.identifier(text).is_none() {
            return;
        }
        let object_type = Identifier::read(text).map_or("", |id| id.object_type);
        if !targets.allows(object_type) {
            let (not, list) = (if targets.excluded { "may not be" } else { "must be" }, targets.types.join(", "));
            self.must("reference", format!("refers to {object_type}; it {not} one of {list}"));
        }
    }

    pub(super) fn timestamp(&mut self, text: &str, kind: &Kind) {
        if Timestamp::read(text).is_none() {
            return self.must("value", format!("{:?} is no timestamp YYYY-MM-DDTHH:mm:ss[.s+]Z", clipped(text)));
        }
        // After the 19 characters to the second: a dot, digits and Z.
        let digits = text.len().saturating_sub(21);
        match kind {
            Kind::TimestampMillis if digits < 3 && !self.nested => self.must("value", format!("{text} is not precise to the millisecond")),
            Kind::TimestampSeconds if digits > 0 => self.must("value", format!("{text} is more precise than the second")),
            _ => {}
        }
    }

    pub(super) fn of_vocabulary(&mut self, vocabulary: &'static table::Vocabulary, text: &str, lower_case: bool) {
        if !self.full {
            return;
        }
        if !vocabulary.has(text) {
            self.should(vocabulary.name, format!("{:?} is not of the vocabulary {}", clipped(text), vocabulary.name));
        }
        if lower_case && !form::open_form(text) {
            self.should("open-vocab-format", format!("{:?} is not in lower case with hyphens between words", clipped(text)));
        }
    }

    pub(super) fn of_enumeration(&mut self, vocabulary: &'static table::Vocabulary, text: &str) {
        if !vocabulary.has(text) {
            self.must("value", format!("{:?} is none of {}", clipped(text), vocabulary.list()));
        }
    }

    pub(super) fn form(&mut self, form: Form, text: &str) {
        if let Some((level, check, expected)) = form::check(form, text) {
            self.find(level, check, format!("{:?} is no {}", clipped(text), expected.trim_start_matches("an ").trim_start_matches("a ")));
        }
    }
}

pub(super) fn clipped(text: &str) -> String {
    if text.len() > 200 { text.chars().take(100).chain(['…']).collect() } else { text.to_owned() }
}
