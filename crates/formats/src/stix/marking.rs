//! Who may see it, and what may be done with it? Markings of objects and of parts of objects, as plain facts.
//!
//! STIX 2.1 §7.2 (data markings); TLP 1 as §7.2.1.4 fixes it; TLP 2.0 and PAP by their extension definitions in the STIX common objects of
//! OASIS; and the ways the field writes them without: MISP as a statement that is a tag, OpenCTI with properties of its own.
//! A well-known identifier means what it means even when its definition was never sent, and whatever a definition sent with it says.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::object::{DEPTH, Header};
use super::scan::{Fault, Kind, Scanner};

/// Traffic Light Protocol 1.0, in which amber says nothing of clients.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Tlp1 {
    White,
    Green,
    Amber,
    Red,
}

/// Traffic Light Protocol 2.0.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Tlp2 {
    Clear,
    Green,
    Amber,
    AmberStrict,
    Red,
}

/// Permissible Actions Protocol; its earlier WHITE is CLEAR.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Pap {
    Clear,
    Green,
    Amber,
    Red,
}

/// The identifier of the extension by which TLP 2.0 is a marking.
pub const TLP2_EXTENSION: &str = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d";
/// The identifier of the extension by which PAP is a marking.
pub const PAP_EXTENSION: &str = "extension-definition--f8d78575-edfd-406e-8e84-6162a8450f5b";

/// The extension definition of TLP 2.0 itself, to serve.
///
/// ```
/// use formats::stix::{Header, marking::{TLP2_EXTENSION, TLP2_EXTENSION_DEFINITION}};
/// assert_eq!(Header::read(TLP2_EXTENSION_DEFINITION.as_bytes())?.id, TLP2_EXTENSION);
/// # Ok::<(), formats::stix::object::Error>(())
/// ```
pub const TLP2_EXTENSION_DEFINITION: &str = concat!(
    r#"{"type":"extension-definition","spec_version":"2.1","id":"extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d","#,
    r#""created_by_ref":"identity--b3bca3c2-1f3d-4b54-b44f-dac42c3a8f01","#,
    r#""created":"2022-10-01T00:00:00.000Z","modified":"2022-10-01T00:00:00.000Z","#,
    r#""name":"TLP 2.0","description":"This defines TLP 2.0 as a STIX extension","#,
    r#""schema":"https://github.com/oasis-open/cti-stix-common-objects/tree/master/extension-definition-specifications/tlp-2.0","#,
    r#""version":"1.0.0","extension_types":["property-extension"]}"#
);

impl Tlp1 {
    pub const ALL: [Self; 4] = [Self::White, Self::Green, Self::Amber, Self::Red];

    /// The identifier of the only marking definition there may be for it.
    ///
    /// ```
    /// use formats::stix::marking::Tlp1;
    /// assert_eq!(Tlp1::Red.id(), "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed");
    /// ```
    pub fn id(self) -> &'static str {
        match self {
            Self::White => "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9",
            Self::Green => "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
            Self::Amber => "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82",
            Self::Red => "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
        }
    }

    /// The marking definition itself, to serve (§7.2.1.4).
    ///
    /// ```
    /// use formats::stix::{Header, marking::Tlp1};
    /// assert_eq!(Header::read(Tlp1::White.definition().as_bytes())?.id, Tlp1::White.id());
    /// # Ok::<(), formats::stix::object::Error>(())
    /// ```
    pub fn definition(self) -> &'static str {
        match self {
            Self::White => concat!(
                r#"{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9","#,
                r#""created":"2017-01-20T00:00:00.000Z","definition_type":"tlp","name":"TLP:WHITE","definition":{"tlp":"white"}}"#
            ),
            Self::Green => concat!(
                r#"{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da","#,
                r#""created":"2017-01-20T00:00:00.000Z","definition_type":"tlp","name":"TLP:GREEN","definition":{"tlp":"green"}}"#
            ),
            Self::Amber => concat!(
                r#"{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--f88d31f6-486f-44da-b317-01333bde0b82","#,
                r#""created":"2017-01-20T00:00:00.000Z","definition_type":"tlp","name":"TLP:AMBER","definition":{"tlp":"amber"}}"#
            ),
            Self::Red => concat!(
                r#"{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed","#,
                r#""created":"2017-01-20T00:00:00.000Z","definition_type":"tlp","name":"TLP:RED","definition":{"tlp":"red"}}"#
            ),
        }
    }
}

/// What is the same in all definitions of TLP 2.0 and PAP: from the identifier on, then name, extension and level.
macro_rules! by_extension {
    ($id:literal, $created:literal, $name:literal, $extension:literal, $key:literal, $level:literal) => {
        concat!(
            r#"{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--"#,
            $id,
            r#"","created":""#,
            $created,
            r#"","name":""#,
            $name,
            r#"","extensions":{"extension-definition--"#,
            $extension,
            r#"":{"extension_type":"property-extension",""#,
            $key,
            r#"":""#,
            $level,
            r#""}}}"#
        )
    };
}

macro_rules! tlp2 {
    ($id:literal, $name:literal, $level:literal) => {
        by_extension!($id, "2022-10-01T00:00:00.000Z", $name, "60a3c5c5-0d10-413e-aab3-9e08dde9e88d", "tlp_2_0", $level)
    };
}

macro_rules! pap {
    ($id:literal, $created:literal, $name:literal, $level:literal) => {
        by_extension!($id, $created, $name, "f8d78575-edfd-406e-8e84-6162a8450f5b", "pap", $level)
    };
}

impl Tlp2 {
    pub const ALL: [Self; 5] = [Self::Clear, Self::Green, Self::Amber, Self::AmberStrict, Self::Red];

    /// The identifier of its marking definition.
    ///
    /// ```
    /// use formats::stix::marking::Tlp2;
    /// assert_eq!(Tlp2::AmberStrict.id(), "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003");
    /// ```
    pub fn id(self) -> &'static str {
        match self {
            Self::Clear => "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
            Self::Green => "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
            Self::Amber => "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
            Self::AmberStrict => "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
            Self::Red => "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
        }
    }

    /// As FIRST writes it.
    ///
    /// ```
    /// assert_eq!(formats::stix::marking::Tlp2::AmberStrict.text(), "TLP:AMBER+STRICT");
    /// ```
    pub fn text(self) -> &'static str {
        match self {
            Self::Clear => "TLP:CLEAR",
            Self::Green => "TLP:GREEN",
            Self::Amber => "TLP:AMBER",
            Self::AmberStrict => "TLP:AMBER+STRICT",
            Self::Red => "TLP:RED",
        }
    }

    /// The marking definition itself, to serve.
    ///
    /// ```
    /// use formats::stix::{Header, marking::Tlp2};
    /// assert_eq!(Header::read(Tlp2::Red.definition().as_bytes())?.id, Tlp2::Red.id());
    /// # Ok::<(), formats::stix::object::Error>(())
    /// ```
    pub fn definition(self) -> &'static str {
        match self {
            Self::Clear => tlp2!("94868c89-83c2-464b-929b-a1a8aa3c8487", "TLP:CLEAR", "clear"),
            Self::Green => tlp2!("bab4a63c-aed9-4cf5-a766-dfca5abac2bb", "TLP:GREEN", "green"),
            Self::Amber => tlp2!("55d920b0-5e8b-4f79-9ee9-91f868d9b421", "TLP:AMBER", "amber"),
            Self::AmberStrict => tlp2!("939a9414-2ddd-4d32-a0cd-375ea402b003", "TLP:AMBER+STRICT", "amber+strict"),
            Self::Red => tlp2!("e828b379-4e03-4974-9ac4-e53a884c97c1", "TLP:RED", "red"),
        }
    }
}

impl Pap {
    pub const ALL: [Self; 4] = [Self::Clear, Self::Green, Self::Amber, Self::Red];

    /// The identifier of its marking definition.
    ///
    /// ```
    /// assert_eq!(formats::stix::marking::Pap::Red.id(), "marking-definition--740d36e5-7714-4c30-961a-3ae632ceee0e");
    /// ```
    pub fn id(self) -> &'static str {
        match self {
            Self::Clear => "marking-definition--ad15a0cd-55b6-4588-a14c-a66105329b92",
            Self::Green => "marking-definition--c43594d1-4b11-4c59-93ab-1c9b14d53ce9",
            Self::Amber => "marking-definition--60f8932b-e51e-4458-b265-a2e8be9a80ab",
            Self::Red => "marking-definition--740d36e5-7714-4c30-961a-3ae632ceee0e",
        }
    }

    /// As it is written beside TLP.
    ///
    /// ```
    /// assert_eq!(formats::stix::marking::Pap::Red.text(), "PAP:RED");
    /// ```
    pub fn text(self) -> &'static str {
        match self {
            Self::Clear => "PAP:CLEAR",
            Self::Green => "PAP:GREEN",
            Self::Amber => "PAP:AMBER",
            Self::Red => "PAP:RED",
        }
    }

    /// The marking definition itself, to serve.
    ///
    /// ```
    /// use formats::stix::{Header, marking::Pap};
    /// assert_eq!(Header::read(Pap::Amber.definition().as_bytes())?.id, Pap::Amber.id());
    /// # Ok::<(), formats::stix::object::Error>(())
    /// ```
    pub fn definition(self) -> &'static str {
        match self {
            Self::Clear => pap!("ad15a0cd-55b6-4588-a14c-a66105329b92", "2022-10-01T00:00:00.000Z", "PAP:CLEAR", "clear"),
            Self::Green => pap!("c43594d1-4b11-4c59-93ab-1c9b14d53ce9", "2022-10-09T00:00:00.000Z", "PAP:GREEN", "green"),
            Self::Amber => pap!("60f8932b-e51e-4458-b265-a2e8be9a80ab", "2022-10-02T00:00:00.000Z", "PAP:AMBER", "amber"),
            Self::Red => pap!("740d36e5-7714-4c30-961a-3ae632ceee0e", "2022-10-06T00:00:00.000Z", "PAP:RED", "red"),
        }
    }
}

/// What one marking says.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Marking<'a> {
    Tlp1(Tlp1),
    Tlp2(Tlp2),
    Pap(Pap),
    /// A copyright, terms of use, or whatever else was to be said in words.
    Statement(Cow<'a, str>),
    /// What this identifier says is not known here. Whoever decides must not take it for "nothing".
    Unknown(Cow<'a, str>),
}

impl Marking<'_> {
    /// What a well-known identifier says.
    ///
    /// ```
    /// use formats::stix::marking::{Marking, Tlp1, Tlp2};
    /// assert_eq!(Marking::of_id(Tlp1::Amber.id()), Some(Marking::Tlp1(Tlp1::Amber)));
    /// assert_eq!(Marking::of_id("marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"), Some(Marking::Tlp2(Tlp2::AmberStrict)));
    /// ```
    pub fn of_id(id: &str) -> Option<Marking<'static>> {
        match id {
            // What OpenCTI has called TLP:AMBER+STRICT since before the extension definition.
            "marking-definition--826578e1-40ad-459f-bc73-ede076f81f37" => return Some(Marking::Tlp2(Tlp2::AmberStrict)),
            "marking-definition--a3bea94c-b469-41dc-9cfe-d6e7daba7730" => return Some(Marking::Pap(Pap::Clear)),
            _ => {}
        }
        let tlp1 = Tlp1::ALL.into_iter().find(|level| level.id() == id).map(Marking::Tlp1);
        let tlp2 = || Tlp2::ALL.into_iter().find(|level| level.id() == id).map(Marking::Tlp2);
        let pap = || Pap::ALL.into_iter().find(|level| level.id() == id).map(Marking::Pap);
        tlp1.or_else(tlp2).or_else(pap)
    }

    /// What a tag or name says: `tlp:amber+strict`, `TLP:WHITE`, `PAP:RED`. A bare amber is taken in the sense of TLP 2.0.
    ///
    /// ```
    /// use formats::stix::marking::{Marking, Pap, Tlp1, Tlp2};
    /// assert_eq!(Marking::of_tag("tlp:amber+strict"), Some(Marking::Tlp2(Tlp2::AmberStrict)));
    /// assert_eq!(Marking::of_tag("PAP:WHITE"), Some(Marking::Pap(Pap::Clear)));
    /// assert_eq!(Marking::of_tag("tlp:white"), Some(Marking::Tlp1(Tlp1::White)));
    /// assert_eq!(Marking::of_tag("Copyright"), None);
    /// ```
    pub fn of_tag(tag: &str) -> Option<Marking<'static>> {
        let (protocol, level) = tag.trim().split_once(':')?;
        if protocol.eq_ignore_ascii_case("pap") {
            return pap_level(level.trim()).map(Marking::Pap);
        }
        if !protocol.eq_ignore_ascii_case("tlp") {
            return None;
        }
        if level.trim().eq_ignore_ascii_case("white") {
            return Some(Marking::Tlp1(Tlp1::White));
        }
        tlp2_level(level.trim()).map(Marking::Tlp2)
    }
}

fn tlp1_level(level: &str) -> Option<Tlp1> {
    Tlp1::ALL
        .into_iter()
        .zip(["white", "green", "amber", "red"])
        .find(|(_, known)| level.eq_ignore_ascii_case(known))
        .map(|(level, _)| level)
}

fn tlp2_level(level: &str) -> Option<Tlp2> {
    let strict = ["amber+strict", "amber-strict", "amber_strict", "ex:amber+strict"];
    if strict.iter().any(|known| level.eq_ignore_ascii_case(known)) {
        return Some(Tlp2::AmberStrict);
    }
    let known = [("clear", Tlp2::Clear), ("green", Tlp2::Green), ("amber", Tlp2::Amber), ("red", Tlp2::Red)];
    known.into_iter().find(|(known, _)| level.eq_ignore_ascii_case(known)).map(|(_, level)| level)
}

fn pap_level(level: &str) -> Option<Pap> {
    let known = [("clear", Pap::Clear), ("white", Pap::Clear), ("green", Pap::Green), ("amber", Pap::Amber), ("red", Pap::Red)];
    known.into_iter().find(|(known, _)| level.eq_ignore_ascii_case(known)).map(|(_, level)| level)
}

/// What a marking definition says, told from the object itself and its identifier; `None` when it is no marking definition.
///
/// ```
/// use formats::stix::Header;
/// use formats::stix::marking::{Marking, Pap, read};
/// let sent = br#"{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--6b2a8d2f-7f2f-4d5c-8c3f-0b0a3f6f7a01",
///   "created":"2026-03-23T07:01:02.000Z","definition_type":"statement","definition":{"statement":"pap:red"}}"#;
/// assert_eq!(read(&Header::read(sent)?), Some(Marking::Pap(Pap::Red)));
/// # Ok::<(), formats::stix::object::Error>(())
/// ```
pub fn read(definition: &Header<'_>) -> Option<Marking<'static>> {
    if definition.object_type != "marking-definition" {
        return None;
    }
    if let Some(known) = Marking::of_id(&definition.id) {
        return Some(known);
    }
    let unknown = || Marking::Unknown(Cow::Owned(definition.id.clone().into_owned()));
    Some(said(definition.bytes).ok().flatten().unwrap_or_else(unknown))
}

/// Texts of a marking definition that may say what it means, each by the path to it.
fn said(bytes: &[u8]) -> Result<Option<Marking<'static>>, Fault> {
    let mut texts: Vec<(String, String)> = Vec::new();
    let mut scanner = Scanner::new(bytes, DEPTH, true)?;
    scanner.kind()?;
    gather(&mut scanner, "", 3, &mut texts)?;
    let text = |path: &str| texts.iter().find(|(known, _)| known == path).map(|(_, text)| text.as_str());
    let by_extension =
        |key: &str| texts.iter().find(|(path, _)| path.starts_with("extensions/") && path.ends_with(key)).map(|(_, text)| text.as_str());
    if let Some(level) = by_extension("/tlp_2_0") {
        return Ok(tlp2_level(level).map(Marking::Tlp2));
    }
    if let Some(level) = by_extension("/pap") {
        return Ok(pap_level(level).map(Marking::Pap));
    }
    if let Some(level) = text("definition/tlp") {
        return Ok(tlp1_level(level).map(Marking::Tlp1).or_else(|| tlp2_level(level).map(Marking::Tlp2)));
    }
    // MISP writes a tag as a statement; OpenCTI, and some feeds, say it in a name or a property of their own.
    let tagged = ["x_opencti_definition", "definition/statement", "name", "definition_type"].into_iter().filter_map(text);
    if let Some(known) = tagged.filter_map(Marking::of_tag).next() {
        return Ok(Some(known));
    }
    if text("definition_type").is_some_and(|kind| kind.eq_ignore_ascii_case("pap"))
        && let Some(level) = text("definition/pap")
    {
        let level = level.rsplit(':').next().unwrap_or_default();
        return Ok(pap_level(level).map(Marking::Pap));
    }
    Ok(text("definition/statement").map(|statement| Marking::Statement(Cow::Owned(statement.to_owned()))))
}

fn gather(scanner: &mut Scanner<'_>, path: &str, levels: u8, texts: &mut Vec<(String, String)>) -> Result<(), Fault> {
    match scanner.kind()? {
        Kind::Text => {
            let text = scanner.text()?.decoded().into_owned();
            texts.push((path.to_owned(), text));
        }
        Kind::Object if levels > 0 => {
            scanner.enter_object()?;
            let mut first = true;
            while let Some(name) = scanner.name(&mut first)? {
                let name = name.decoded();
                let below = if path.is_empty() { name.into_owned() } else { format!("{path}/{name}") };
                gather(scanner, &below, levels - 1, texts)?;
            }
        }
        Kind::Object | Kind::List | Kind::Number | Kind::Bool | Kind::Null => drop(scanner.skip()?),
    }
    Ok(())
}

/// Marking definitions met, so that the identifiers objects carry can be told.
#[derive(Clone, Debug, Default)]
pub struct Definitions(BTreeMap<String, Marking<'static>>);

impl Definitions {
    /// Remembers what a marking definition says; other objects are passed over. Says whether it was one.
    ///
    /// ```
    /// use formats::stix::{Header, marking::{Definitions, Marking}};
    /// let sent = br#"{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--fa42a846-8d90-4e51-bc29-71d5b4802168",
    ///   "created":"2017-06-01T00:00:00.000Z","definition_type":"statement","definition":{"statement":"Copyright 2026"}}"#;
    /// let mut definitions = Definitions::default();
    /// assert!(definitions.learn(&Header::read(sent)?));
    /// assert_eq!(definitions.resolve("marking-definition--fa42a846-8d90-4e51-bc29-71d5b4802168"), Marking::Statement("Copyright 2026".into()));
    /// # Ok::<(), formats::stix::object::Error>(())
    /// ```
    pub fn learn(&mut self, object: &Header<'_>) -> bool {
        let marking = read(object);
        let is_one = marking.is_some();
        if let Some(marking) = marking
            && !matches!(marking, Marking::Unknown(_))
        {
            self.0.insert(object.id.clone().into_owned(), marking);
        }
        is_one
    }

    /// What an identifier says: well-known ones first, then what was learned.
    ///
    /// ```
    /// use formats::stix::marking::{Definitions, Marking, Tlp2};
    /// assert_eq!(Definitions::default().resolve(Tlp2::Green.id()), Marking::Tlp2(Tlp2::Green));
    /// assert_eq!(Definitions::default().resolve("marking-definition--x"), Marking::Unknown("marking-definition--x".into()));
    /// ```
    pub fn resolve<'a>(&'a self, id: &'a str) -> Marking<'a> {
        let learned = || self.0.get(id).cloned();
        Marking::of_id(id).or_else(learned).unwrap_or(Marking::Unknown(Cow::Borrowed(id)))
    }
}

/// All markings of an object: those of the whole first, then those of its parts (for [`super::selector`] to place).
///
/// ```
/// use formats::stix::{Header, marking::{Definitions, Marking, Tlp1, Tlp2, markings}};
/// let sent = br#"{"type":"identity","id":"identity--023d105b-752e-4e3c-941c-7d3f3cb15e9e","name":"A","object_marking_refs":
///   ["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"],"granular_markings":[{"selectors":["name"],
///    "marking_ref":"marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"}]}"#;
/// let (header, definitions) = (Header::read(sent)?, Definitions::default());
/// assert_eq!(markings(&header, &definitions).collect::<Vec<_>>(), [Marking::Tlp2(Tlp2::Green), Marking::Tlp1(Tlp1::Red)]);
/// # Ok::<(), formats::stix::object::Error>(())
/// ```
pub fn markings<'a>(object: &'a Header<'_>, definitions: &'a Definitions) -> impl Iterator<Item = Marking<'a>> {
    object.object_marking_refs.iter().chain(&object.granular_marking_refs).map(|id| definitions.resolve(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(rest: &str) -> Marking<'static> {
        let id = "marking-definition--6b2a8d2f-7f2f-4d5c-8c3f-0b0a3f6f7a01";
        let sent =
            format!(r#"{{"type":"marking-definition","spec_version":"2.1","id":"{id}","created":"2026-03-23T07:01:02.000Z",{rest}}}"#);
        read(&Header::read(sent.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn the_definitions_we_serve_say_what_they_are_for() {
        let served = Tlp1::ALL.map(|level| (level.id(), level.definition(), Marking::Tlp1(level))).into_iter();
        let served = served.chain(Tlp2::ALL.map(|level| (level.id(), level.definition(), Marking::Tlp2(level))));
        let served = served.chain(Pap::ALL.map(|level| (level.id(), level.definition(), Marking::Pap(level))));
        for (id, text, marking) in served {
            let header = Header::read(text.as_bytes()).unwrap();
            assert_eq!(header.id, id);
            assert_eq!(said(text.as_bytes()).unwrap().as_ref(), Some(&marking), "{text}");
            assert_eq!(Marking::of_id(id), Some(marking));
        }
    }

    #[test]
    fn every_way_the_field_writes_a_level_is_understood() {
        for (rest, expected) in [
            (r#""definition_type":"statement","definition":{"statement":"tlp:amber+strict"}"#, Marking::Tlp2(Tlp2::AmberStrict)),
            (r#""definition_type":"statement","definition":{"statement":"PAP:AMBER"}"#, Marking::Pap(Pap::Amber)),
            (
                r#""definition_type":"statement","definition":{"statement":"custom"},"x_opencti_definition_type":"TLP","x_opencti_definition":"TLP:AMBER+STRICT""#,
                Marking::Tlp2(Tlp2::AmberStrict),
            ),
            (
                r#""definition_type":"statement","definition":{"statement":"custom"},"x_opencti_definition":"PAP:GREEN""#,
                Marking::Pap(Pap::Green),
            ),
            (r#""definition_type":"PAP","definition":{"pap":"red"}"#, Marking::Pap(Pap::Red)),
            (r#""definition_type":"PAP","definition":{"pap":"PAP:RED"}"#, Marking::Pap(Pap::Red)),
            (r#""definition_type":"pap","definition":{"pap":"AMBER"}"#, Marking::Pap(Pap::Amber)),
            (r#""definition_type":"TLP:RED","definition":{}"#, Marking::Tlp2(Tlp2::Red)),
            (r#""name":"PAP:CLEAR","extensions":{"x-ext":{}}"#, Marking::Pap(Pap::Clear)),
            (r#""definition_type":"tlp","definition":{"tlp":"green"}"#, Marking::Tlp1(Tlp1::Green)),
            (
                r#""definition_type":"statement","definition":{"statement":"tlp: see contract"}"#,
                Marking::Statement("tlp: see contract".into()),
            ),
        ] {
            assert_eq!(definition(rest), expected, "{rest}");
        }
        assert!(matches!(definition(r#""extensions":{"extension-definition--x":{"tlp_2_0":"purple"}}"#), Marking::Unknown(_)));
        assert!(matches!(definition(r#""definition_type":"iep","definition":{"iep":"x"}"#), Marking::Unknown(_)));
    }

    #[test]
    fn nobody_can_loosen_a_well_known_marking_by_sending_another_definition() {
        let sent = Tlp2::Red.definition().replace("\"red\"", "\"clear\"");
        let mut definitions = Definitions::default();
        definitions.learn(&Header::read(sent.as_bytes()).unwrap());
        assert_eq!(definitions.resolve(Tlp2::Red.id()), Marking::Tlp2(Tlp2::Red));
    }
}
