//! Which objects does a bundle hold, and what must a hub know of each without taking it apart?
//!
//! [`Envelope::read`] finds the objects of a bundle, a TAXII envelope, a list or a single object as slices of what was sent.
//! [`Header::read`] goes once over the bytes of one object. Nothing is built, so an object is stored and given on byte for byte,
//! with properties and extensions nobody here knows (STIX 2.1 §7.3, §11).

use std::borrow::Cow;

use super::id::Identifier;
use super::scan::{Fault, Kind, Problem, Scanner, Text};
use super::timestamp::Timestamp;

/// Bounds of what is read.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Objects in one bundle or envelope.
    pub objects: usize,
    /// Nesting, the bundle itself included.
    pub depth: u32,
    /// Bytes of one object.
    pub object_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { objects: 1_000_000, depth: DEPTH + 2, object_bytes: 16 << 20 }
    }
}

/// Nesting followed in one object.
pub const DEPTH: u32 = 100;

/// What held the objects.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Holder {
    /// STIX 2.1 §8, `"type":"bundle"`.
    Bundle,
    /// TAXII 2.1 §3.7, a JSON object without `type`.
    Envelope,
    /// A JSON list of objects, as some write it.
    List,
    /// One object by itself.
    Object,
}

/// The objects of a bundle or envelope, as slices of what was read.
#[derive(Clone, Debug)]
pub struct Envelope<'a> {
    pub holder: Holder,
    /// The bundle's own identifier.
    pub id: Option<Cow<'a, str>>,
    /// TAXII 2.1 §3.7: there are more to ask for.
    pub more: Option<bool>,
    /// TAXII 2.1 §3.7: where to go on.
    pub next: Option<Cow<'a, str>>,
    /// Each value of `objects` verbatim; that it is a JSON value is sure, what it is says [`Header::read`].
    pub objects: Vec<&'a [u8]>,
}

impl<'a> Envelope<'a> {
    /// Finds the objects. JSON grammar is checked here for all of the text; what I-JSON adds to it is checked per object by
    /// [`Header::read`], so that one bad object does not refuse its neighbours.
    ///
    /// ```
    /// use formats::stix::object::{Envelope, Holder, Limits};
    /// let sent = br#"{"more":true,"next":"17","objects":[ {"type":"x"} ,{"type":"y"}]}"#;
    /// let envelope = Envelope::read(sent, &Limits::default())?;
    /// assert_eq!((envelope.holder, envelope.more, envelope.next.as_deref()), (Holder::Envelope, Some(true), Some("17")));
    /// assert_eq!(envelope.objects, [br#"{"type":"x"}"#, br#"{"type":"y"}"#]);
    /// assert_eq!(Envelope::read(b"[{},}", &Limits::default()).unwrap_err().to_string(), "expected a value (byte 4)");
    /// # Ok::<(), formats::stix::Fault>(())
    /// ```
    pub fn read(bytes: &'a [u8], limits: &Limits) -> Result<Self, Fault> {
        let mut scanner = Scanner::new(bytes, limits.depth, false)?;
        let mut envelope = Self { holder: Holder::Envelope, id: None, more: None, next: None, objects: Vec::new() };
        let kind = scanner.kind()?;
        let from = scanner.at;
        match kind {
            Kind::List => {
                envelope.holder = Holder::List;
                envelope.list(&mut scanner, limits)?;
            }
            Kind::Object => envelope.members(&mut scanner, limits)?,
            Kind::Text | Kind::Number | Kind::Bool | Kind::Null => return Err(scanner.fault(Problem::Expected("an object or a list"))),
        }
        if envelope.holder == Holder::Object {
            let whole = scanner.slice(from).as_bytes();
            if whole.len() > limits.object_bytes {
                return Err(Fault { offset: from, problem: Problem::TooLong { size: whole.len(), limit: limits.object_bytes } });
            }
            envelope.objects = vec![whole];
        }
        scanner.end()?;
        Ok(envelope)
    }

    fn members(&mut self, scanner: &mut Scanner<'a>, limits: &Limits) -> Result<(), Fault> {
        scanner.enter_object()?;
        let mut first = true;
        // Of the members that mean something here, those met: none may stand twice.
        let mut met: Vec<&'static str> = Vec::new();
        while let Some(name) = scanner.name(&mut first)? {
            let known = ["type", "id", "more", "next", "objects"].into_iter().find(|known| name.is(known));
            if let Some(known) = known {
                if met.contains(&known) {
                    return Err(scanner.fault(Problem::Duplicate(known.to_owned())));
                }
                met.push(known);
            }
            match (known, scanner.kind()?) {
                (Some("type"), Kind::Text) => {
                    self.holder = if scanner.text()?.is("bundle") { Holder::Bundle } else { Holder::Object };
                }
                (Some("id"), Kind::Text) => self.id = Some(scanner.text()?.decoded()),
                (Some("next"), Kind::Text) => self.next = Some(scanner.text()?.decoded()),
                (Some("more"), Kind::Bool) => self.more = Some(scanner.bool()?),
                (Some("objects"), Kind::List) => self.list(scanner, limits)?,
                (Some("more"), _) => return Err(scanner.fault(Problem::Expected("true or false"))),
                (Some("next"), _) => return Err(scanner.fault(Problem::Expected("a string"))),
                _ => drop(scanner.skip()?),
            }
        }
        Ok(())
    }

    fn list(&mut self, scanner: &mut Scanner<'a>, limits: &Limits) -> Result<(), Fault> {
        scanner.enter_list()?;
        let mut first = true;
        while scanner.element(&mut first)? {
            let from = scanner.at;
            if self.objects.len() == limits.objects {
                return Err(scanner.fault(Problem::TooManyObjects(limits.objects)));
            }
            let object = scanner.skip()?.as_bytes();
            if object.len() > limits.object_bytes {
                return Err(Fault { offset: from, problem: Problem::TooLong { size: object.len(), limit: limits.object_bytes } });
            }
            self.objects.push(object);
        }
        Ok(())
    }
}

/// Why the header of an object cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Json(#[from] Fault),
    #[error("not a JSON object")]
    NotAnObject,
    #[error("no {0}")]
    Missing(&'static str),
    #[error("{property} is no {expected}")]
    WrongKind { property: String, expected: &'static str },
    #[error("id {0:?} is not of the form type--UUID")]
    Id(String),
    #[error("id {id:?} does not begin with the type {object_type:?}")]
    IdOfAnotherType { id: String, object_type: String },
    #[error("{property} {text:?} is no timestamp")]
    Timestamp { property: &'static str, text: String },
    #[error("spec_version {0:?} is neither 2.0 nor 2.1")]
    SpecVersion(String),
}

/// The version of STIX an object is written in.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum SpecVersion {
    V20,
    V21,
}

impl SpecVersion {
    /// As in `spec_version` and in the media type.
    ///
    /// ```
    /// assert_eq!(formats::stix::object::SpecVersion::V21.text(), "2.1");
    /// ```
    pub fn text(self) -> &'static str {
        match self {
            Self::V20 => "2.0",
            Self::V21 => "2.1",
        }
    }
}

/// A property that names another object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reference<'a> {
    /// The property's name, wherever in the object it stands: `source_ref`, `object_refs`, `marking_ref`, …
    pub property: Cow<'a, str>,
    pub id: Cow<'a, str>,
}

/// What a hub must know of an object.
#[derive(Clone, Debug)]
pub struct Header<'a> {
    /// The object as sent.
    pub bytes: &'a [u8],
    pub id: Cow<'a, str>,
    pub object_type: Cow<'a, str>,
    /// As said, else as told from the object: one that has `created` but no `spec_version` is of 2.0 (STIX 2.1 §3.2), an
    /// observable may leave it out in 2.1.
    pub spec_version: SpecVersion,
    pub created: Option<Timestamp<'a>>,
    pub modified: Option<Timestamp<'a>>,
    pub revoked: bool,
    pub created_by_ref: Option<Cow<'a, str>>,
    pub object_marking_refs: Vec<Cow<'a, str>>,
    /// `marking_ref` of each granular marking that has one (a `lang` instead marks nothing).
    pub granular_marking_refs: Vec<Cow<'a, str>>,
    /// Every `*_ref` and `*_refs` at any depth, those above included, in the order they stand;
    /// empty unless read by [`Header::with_references`].
    pub references: Vec<Reference<'a>>,
}

impl<'a> Header<'a> {
    /// Reads the header of one object, in one pass.
    ///
    /// ```
    /// use formats::stix::Header;
    /// let sent = br#"{"type":"identity","spec_version":"2.1","id":"identity--023d105b-752e-4e3c-941c-7d3f3cb15e9e",
    ///   "created":"2026-03-23T07:01:02.000Z","modified":"2026-03-24T07:01:02.000Z","name":"CSIRT","x_ours":{"kept":[true]}}"#;
    /// let header = Header::read(sent)?;
    /// assert_eq!((&*header.object_type, header.revoked), ("identity", false));
    /// assert_eq!(header.version().unwrap().text(), "2026-03-24T07:01:02.000Z");
    /// assert_eq!(header.bytes, sent);
    /// assert!(Header::read(br#"{"type":"identity","type":"identity"}"#).is_err());
    /// # Ok::<(), formats::stix::object::Error>(())
    /// ```
    pub fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        Reading::new(false).whole(bytes)
    }

    /// As [`Header::read`], with the [`Header::references`].
    ///
    /// ```
    /// use formats::stix::Header;
    /// let sent = br#"{"type":"domain-name","id":"domain-name--3c10e93f-798e-5a26-a0c1-08156efab7f5","value":"example.com",
    ///   "resolves_to_refs":["ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd"]}"#;
    /// let header = Header::with_references(sent)?;
    /// assert_eq!(header.references[0].property, "resolves_to_refs");
    /// assert_eq!(header.references[0].id, "ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd");
    /// # Ok::<(), formats::stix::object::Error>(())
    /// ```
    pub fn with_references(bytes: &'a [u8]) -> Result<Self, Error> {
        Reading::new(true).whole(bytes)
    }

    /// What tells versions of one object apart: `modified`, else `created`; an observable has none.
    ///
    /// ```
    /// use formats::stix::Header;
    /// let sent = br#"{"type":"ipv4-addr","id":"ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4","value":"198.51.100.3"}"#;
    /// assert!(Header::read(sent)?.version().is_none());
    /// # Ok::<(), formats::stix::object::Error>(())
    /// ```
    pub fn version(&self) -> Option<&Timestamp<'a>> {
        self.modified.as_ref().or(self.created.as_ref())
    }
}

#[derive(Default)]
struct Reading<'a> {
    id: Option<Cow<'a, str>>,
    object_type: Option<Cow<'a, str>>,
    spec_version: Option<SpecVersion>,
    created: Option<Timestamp<'a>>,
    modified: Option<Timestamp<'a>>,
    revoked: bool,
    created_by_ref: Option<Cow<'a, str>>,
    object_marking_refs: Vec<Cow<'a, str>>,
    granular_marking_refs: Vec<Cow<'a, str>>,
    references: Vec<Reference<'a>>,
    every_reference: bool,
}

impl<'a> Reading<'a> {
    fn new(every_reference: bool) -> Self {
        Self { every_reference, ..Self::default() }
    }

    fn whole(mut self, bytes: &'a [u8]) -> Result<Header<'a>, Error> {
        let mut scanner = Scanner::new(bytes, DEPTH, true)?;
        if scanner.kind()? != Kind::Object {
            return Err(Error::NotAnObject);
        }
        scanner.enter_object()?;
        let mut first = true;
        while let Some(name) = scanner.name(&mut first)? {
            self.property(&mut scanner, name)?;
        }
        scanner.end()?;
        let object_type = self.object_type.ok_or(Error::Missing("type"))?;
        let id = self.id.ok_or(Error::Missing("id"))?;
        match Identifier::read(&id) {
            None => return Err(Error::Id(clipped(&id))),
            Some(parts) if parts.object_type != object_type => {
                return Err(Error::IdOfAnotherType { id: clipped(&id), object_type: clipped(&object_type) });
            }
            Some(_) => {}
        }
        let spec_version = self.spec_version.unwrap_or(if self.created.is_some() { SpecVersion::V20 } else { SpecVersion::V21 });
        Ok(Header {
            bytes,
            id,
            object_type,
            spec_version,
            created: self.created,
            modified: self.modified,
            revoked: self.revoked,
            created_by_ref: self.created_by_ref,
            object_marking_refs: self.object_marking_refs,
            granular_marking_refs: self.granular_marking_refs,
            references: self.references,
        })
    }

    fn property(&mut self, scanner: &mut Scanner<'a>, name: Text<'a>) -> Result<(), Error> {
        let decoded;
        let known = if name.escaped {
            decoded = name.decoded();
            &*decoded
        } else {
            name.raw
        };
        match known {
            "id" => self.id = Some(string(scanner, "id")?),
            "type" => self.object_type = Some(string(scanner, "type")?),
            "spec_version" => {
                let text = string(scanner, "spec_version")?;
                self.spec_version = Some(match &*text {
                    "2.0" => SpecVersion::V20,
                    "2.1" => SpecVersion::V21,
                    _ => return Err(Error::SpecVersion(clipped(&text))),
                });
            }
            "created" => self.created = Some(timestamp(scanner, "created")?),
            "modified" => self.modified = Some(timestamp(scanner, "modified")?),
            "revoked" => {
                if scanner.kind()? != Kind::Bool {
                    return Err(wrong("revoked", "boolean"));
                }
                self.revoked = scanner.bool()?;
            }
            "created_by_ref" => {
                let id = string(scanner, "created_by_ref")?;
                self.note(name, id.clone());
                self.created_by_ref = Some(id);
            }
            "object_marking_refs" => {
                if scanner.kind()? != Kind::List {
                    return Err(wrong("object_marking_refs", "list"));
                }
                scanner.enter_list()?;
                let mut first = true;
                while scanner.element(&mut first)? {
                    let id = string(scanner, "object_marking_refs")?;
                    self.note(name, id.clone());
                    self.object_marking_refs.push(id);
                }
            }
            "granular_markings" => self.granular(scanner)?,
            _ if self.every_reference => self.references(scanner, name)?,
            _ => drop(scanner.skip()?),
        }
        Ok(())
    }

    fn granular(&mut self, scanner: &mut Scanner<'a>) -> Result<(), Error> {
        if scanner.kind()? != Kind::List {
            return Err(wrong("granular_markings", "list"));
        }
        scanner.enter_list()?;
        let mut first = true;
        while scanner.element(&mut first)? {
            if scanner.kind()? != Kind::Object {
                return Err(wrong("granular_markings", "list of objects"));
            }
            scanner.enter_object()?;
            let mut first = true;
            while let Some(name) = scanner.name(&mut first)? {
                if name.is("marking_ref") {
                    let id = string(scanner, "marking_ref")?;
                    self.note(name, id.clone());
                    self.granular_marking_refs.push(id);
                } else {
                    self.references(scanner, name)?;
                }
            }
        }
        Ok(())
    }

    fn note(&mut self, property: Text<'a>, id: Cow<'a, str>) {
        if self.every_reference {
            self.references.push(Reference { property: property.decoded(), id });
        }
    }

    /// References in the value of `name`, to any depth.
    fn references(&mut self, scanner: &mut Scanner<'a>, name: Text<'a>) -> Result<(), Error> {
        if !self.every_reference {
            scanner.skip()?;
            return Ok(());
        }
        let named = name.decoded();
        let (one, many) = (named.ends_with("_ref"), named.ends_with("_refs"));
        match scanner.kind()? {
            Kind::Text if one => {
                let id = scanner.text()?.decoded();
                self.references.push(Reference { property: named, id });
            }
            Kind::Object => {
                scanner.enter_object()?;
                let mut first = true;
                while let Some(name) = scanner.name(&mut first)? {
                    self.references(scanner, name)?;
                }
            }
            Kind::List => {
                scanner.enter_list()?;
                let mut first = true;
                while scanner.element(&mut first)? {
                    if many && scanner.kind()? == Kind::Text {
                        let id = scanner.text()?.decoded();
                        self.references.push(Reference { property: named.clone(), id });
                    } else {
                        // A list in a list, or an object in one: its own names decide.
                        self.references(scanner, Text { raw: "", escaped: false })?;
                    }
                }
            }
            Kind::Text | Kind::Number | Kind::Bool | Kind::Null => drop(scanner.skip()?),
        }
        Ok(())
    }
}

fn string<'a>(scanner: &mut Scanner<'a>, property: &'static str) -> Result<Cow<'a, str>, Error> {
    if scanner.kind()? != Kind::Text {
        return Err(wrong(property, "string"));
    }
    Ok(scanner.text()?.decoded())
}

fn timestamp<'a>(scanner: &mut Scanner<'a>, property: &'static str) -> Result<Timestamp<'a>, Error> {
    let text = string(scanner, property)?;
    Timestamp::read(text.clone()).ok_or_else(|| Error::Timestamp { property, text: clipped(&text) })
}

fn wrong(property: &str, expected: &'static str) -> Error {
    Error::WrongKind { property: property.to_owned(), expected }
}

/// A foreign text as it may stand in a message.
fn clipped(text: &str) -> String {
    text.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    const ID: &str = "identity--023d105b-752e-4e3c-941c-7d3f3cb15e9e";

    #[test]
    fn every_holder_of_objects_is_told_apart() {
        for (text, holder, objects) in [
            (r#"{"type":"bundle","id":"bundle--1","objects":[{},{"a":[1]}]}"#, Holder::Bundle, vec!["{}", r#"{"a":[1]}"#]),
            (r#"{"objects":[{}],"type":"bundle"}"#, Holder::Bundle, vec!["{}"]),
            (r#"{"objects":[]}"#, Holder::Envelope, vec![]),
            ("{}", Holder::Envelope, vec![]),
            (r#" [ {"type":"x"} , 3 ]"#, Holder::List, vec![r#"{"type":"x"}"#, "3"]),
            (r#" {"type":"observed-data","objects":{"0":{}}} "#, Holder::Object, vec![r#"{"type":"observed-data","objects":{"0":{}}}"#]),
        ] {
            let read = Envelope::read(text.as_bytes(), &Limits::default()).unwrap();
            assert_eq!(read.holder, holder, "{text}");
            assert_eq!(read.objects, objects.iter().map(|o| o.as_bytes()).collect::<Vec<_>>(), "{text}");
        }
    }

    #[test]
    fn one_bad_object_leaves_its_neighbours() {
        let sent = format!(r#"{{"objects":[{{"id":1,"id":2}},{{"type":"identity","id":"{ID}"}},7]}}"#);
        let read = Envelope::read(sent.as_bytes(), &Limits::default()).unwrap();
        let headers: Vec<_> = read.objects.iter().map(|object| Header::read(object)).collect();
        assert!(matches!(headers[0], Err(Error::WrongKind { .. } | Error::Json(_))), "{:?}", headers[0]);
        assert_eq!(headers[1].as_ref().unwrap().id, ID);
        assert_eq!(headers[2].as_ref().unwrap_err(), &Error::NotAnObject);
    }

    #[test]
    fn what_is_too_much_is_refused() {
        let limits = Limits { objects: 2, depth: 5, object_bytes: 8 };
        let read = |text: &str| Envelope::read(text.as_bytes(), &limits).map(|read| read.objects.len());
        assert_eq!(read("[{},{}]"), Ok(2));
        assert_eq!(read("[{},{},{}]").unwrap_err().problem, Problem::TooManyObjects(2));
        assert_eq!(read("[[[[[[]]]]]]").unwrap_err().problem, Problem::TooDeep(5));
        assert_eq!(read(r#"[{"a":12345}]"#).unwrap_err().problem, Problem::TooLong { size: 11, limit: 8 });
        assert_eq!(read(r#"{"objects":[],"objects":[]}"#).unwrap_err().problem, Problem::Duplicate("objects".into()));
    }

    #[test]
    fn the_version_of_stix_is_told_when_it_is_not_said() {
        let read = |rest: &str| Header::read(format!(r#"{{"type":"identity","id":"{ID}"{rest}}}"#).as_bytes()).unwrap().spec_version;
        assert_eq!(read(r#","spec_version":"2.1","created":"2026-03-23T07:01:02Z""#), SpecVersion::V21);
        assert_eq!(read(r#","created":"2026-03-23T07:01:02Z""#), SpecVersion::V20);
        assert_eq!(read(""), SpecVersion::V21);
    }

    #[test]
    fn headers_that_cannot_be_trusted_are_refused() {
        for (text, message) in [
            (r#"{"id":"identity--1"}"#.to_owned(), "no type"),
            (r#"{"type":"identity"}"#.to_owned(), "no id"),
            (r#"{"type":"identity","id":"identity--1"}"#.to_owned(), r#"id "identity--1" is not of the form type--UUID"#),
            (format!(r#"{{"type":"malware","id":"{ID}"}}"#), &*format!("id {ID:?} does not begin with the type \"malware\"")),
            (format!(r#"{{"type":"identity","id":"{ID}","modified":"yesterday"}}"#), "modified \"yesterday\" is no timestamp"),
            (format!(r#"{{"type":"identity","id":"{ID}","spec_version":"3"}}"#), "spec_version \"3\" is neither 2.0 nor 2.1"),
            (format!(r#"{{"type":"identity","id":"{ID}","revoked":"no"}}"#), "revoked is no boolean"),
            (format!(r#"{{"type":"identity","id":"{ID}","object_marking_refs":"{ID}"}}"#), "object_marking_refs is no list"),
            ("[]".to_owned(), "not a JSON object"),
        ] {
            assert_eq!(Header::read(text.as_bytes()).unwrap_err().to_string(), message, "{text}");
        }
    }

    fn walk(value: &Value, name: &str, out: &mut Vec<(String, String)>) {
        match value {
            Value::String(id) if name.ends_with("_ref") => out.push((name.into(), id.clone())),
            Value::Array(list) => {
                for each in list {
                    match each {
                        Value::String(id) if name.ends_with("_refs") => out.push((name.into(), id.clone())),
                        other => walk(other, "", out),
                    }
                }
            }
            Value::Object(members) => members.iter().for_each(|(name, each)| walk(each, name, out)),
            _ => {}
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let name = prop_oneof![Just("a_ref".to_owned()), Just("b_refs".to_owned()), ".{0,4}", Just("\"\\\u{1}".to_owned())];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(name, inner, 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_header_says_what_serde_json_says(rest in proptest::collection::btree_map("[a-z]{1,6}(_refs?)?", any_json(), 0..6), revoked: bool, by in ".{0,9}") {
            let mut members = serde_json::Map::new();
            let fixed = [("type", Value::from("identity")), ("id", ID.into()), ("revoked", revoked.into()), ("created_by_ref", by.clone().into())];
            members.extend(rest.into_iter().filter(|(name, _)| !fixed.iter().any(|(known, _)| known == name)));
            members.extend(fixed.map(|(name, value)| (name.to_owned(), value)));
            members.remove("created");
            members.remove("modified");
            let value = Value::Object(members);
            for sent in [serde_json::to_vec(&value).unwrap(), serde_json::to_vec_pretty(&value).unwrap()] {
                let header = Header::with_references(&sent).unwrap();
                prop_assert_eq!(&*header.id, ID);
                prop_assert_eq!(header.revoked, revoked);
                prop_assert_eq!(header.created_by_ref.as_deref(), Some(&*by));
                let mut expected = Vec::new();
                walk(&value, "", &mut expected);
                let found: Vec<_> = header.references.iter().map(|r| (r.property.to_string(), r.id.to_string())).collect();
                prop_assert_eq!(found, expected);
            }
        }

        #[test]
        fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64), text in r#"[\[\]{}:,"\\a-z0-9]{0,40}"#) {
            for bytes in [&bytes[..], text.as_bytes()] {
                let _ = Header::with_references(bytes);
                let _ = Envelope::read(bytes, &Limits::default());
            }
        }
    }
}
