//! What an object says beyond the specification: predefined extensions, those of others, and properties and types that nobody defined.

use super::super::id::Identifier;
use super::super::object::SpecVersion;
use super::super::scan::{Fault, Kind as Json};
use super::Level;
use super::table::{self, Type, vocabulary};
use super::walk::{Seen, Step, Walk, clipped};

impl<'a> Walk<'a> {
    pub(super) fn custom_type(&mut self, object_type: &str, known: &Type, seen: &Seen<'a>) {
        // §3.2: a STIX 2.0 object. What is the same in both versions is asked of it.
        if self.version == SpecVersion::V20 && !self.nested {
            self.should("spec-version", "an object of STIX 2.0");
            let needed = if object_type == "marking-definition" { &["created"][..] } else { &["created", "modified"] };
            for name in needed.iter().filter(|name| known.place(name).is_some_and(|at| !seen.has(at))) {
                self.must("required", format!("{name} is required"));
            }
            return;
        }
        let first = object_type.as_bytes().first();
        let named = object_type.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
            && (3..=250).contains(&object_type.len())
            && !object_type.contains("--")
            && first.is_some_and(u8::is_ascii_lowercase);
        if !named {
            self.find_at(
                "type",
                Level::Must,
                "type-name",
                format!("{object_type:?} is no type name: 3 to 250 of a-z, 0-9 and single hyphens"),
            );
        }
        if object_type == "action" {
            self.find_at("type", Level::Must, "type-name", "the type name action is reserved");
        }
        if self.full && !self.nested {
            if !self.used.new_object {
                self.find_at("type", Level::Should, "extensions-use", format!("the type {object_type} is not defined by an extension"));
            }
            self.find_at("type", Level::Hint, "types-strict", format!("the type {object_type} is not of the specification"));
            if !custom_name(object_type, "x-", '-', false) {
                self.find_at("type", Level::Hint, "custom-prefix-lax", format!("the type {object_type} does not begin with x-"));
            }
            if !custom_name(object_type, "x-", '-', true) {
                self.find_at("type", Level::Hint, "custom-prefix", format!("the type {object_type} does not begin with x- and a source"));
            }
        }
        // §3.2: what has one of them is no observable, and needs all.
        let needed = ["spec_version", "created", "modified"].map(|name| known.place(name).expect("custom has it"));
        if needed[1..].iter().any(|at| seen.has(*at)) {
            for at in needed.into_iter().filter(|at| !seen.has(*at)) {
                self.must("required", format!("{} is required", known.properties[at].name));
            }
        }
    }

    pub(super) fn unknown_properties(&mut self, known: &Type, custom: bool, seen: &Seen<'a>) {
        if custom {
            return;
        }
        for name in &seen.unknown {
            self.path.push(Step::Name(name));
            if !self.used.toplevel {
                self.should("extensions-use", format!("the property {name} is not defined by an extension"));
            }
            self.unknown_name(known, name);
            self.path.pop();
        }
    }

    /// Hints about a property of ours that nobody defined.
    pub(super) fn unknown_name(&mut self, known: &Type, name: &str) {
        self.find(Level::Hint, "properties-strict", format!("the property {name} is not of {}", known.name));
        if !custom_name(name, "x_", '_', false) {
            self.find(Level::Hint, "custom-prefix-lax", format!("the property {name} does not begin with x_"));
        }
        if !custom_name(name, "x_", '_', true) {
            self.find(Level::Hint, "custom-prefix", format!("the property {name} does not begin with x_ and a source"));
        }
    }

    /// §7.3 and the predefined extensions of §6.
    pub(super) fn extensions(&mut self, owner: &'static Type, json: Json) -> Result<(), Fault> {
        if !self.is(json, Json::Object)? {
            return Ok(());
        }
        self.scanner.enter_object()?;
        let mut foreign: Vec<&'a str> = Vec::new();
        let (mut first, mut count) = (true, 0);
        while let Some(name) = self.scanner.name(&mut first)? {
            count += 1;
            let json = self.scanner.kind()?;
            self.path.push(Step::Name(name.raw));
            let predefined = owner.extensions.filter(|known| known.has(name.raw)).and_then(|_| table::find(name.raw));
            if !self.is(json, Json::Object)? {
            } else if let Some(predefined) = predefined {
                self.extension(predefined)?;
            } else {
                self.foreign_extension(name.raw)?;
                foreign.push(name.raw);
            }
            self.path.pop();
        }
        if count == 0 {
            self.must("value", "a dictionary has at least one key");
        }
        if self.full && owner.extensions.is_some() {
            for name in foreign {
                self.path.push(Step::Name(name));
                if !self.used.property {
                    self.should("extensions-use", format!("the extension {name} has no extension_type of property-extension"));
                }
                let rest = name.strip_suffix("-ext").unwrap_or_default();
                if !custom_name(rest, "x-", '-', false) {
                    self.find(Level::Hint, "custom-prefix-lax", format!("the extension {name} does not begin with x-"));
                }
                if !custom_name(rest, "x-", '-', true) {
                    self.find(Level::Hint, "custom-prefix", format!("the extension {name} does not begin with x- and a source"));
                }
                self.path.pop();
            }
        }
        Ok(())
    }

    pub(super) fn extension(&mut self, known: &'static Type) -> Result<(), Fault> {
        self.part(known, known)
    }

    pub(super) fn foreign_extension(&mut self, name: &str) -> Result<(), Fault> {
        let by_definition = Identifier::read(name).is_some_and(|id| id.object_type == "extension-definition");
        // The way of STIX 2.0, kept by many.
        let by_name = name.ends_with("-ext") && name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-');
        if !by_definition && !by_name {
            self.must("extensions", format!("{:?} is neither an extension-definition nor a name that ends in -ext", clipped(name)));
        }
        self.scanner.enter_object()?;
        let (mut first, mut kind_said, mut count) = (true, false, 0);
        while let Some(name) = self.scanner.name(&mut first)? {
            count += 1;
            let json = self.scanner.kind()?;
            self.path.push(Step::Name(name.raw));
            if name.is("extension_type") {
                kind_said = true;
                if let Some(text) = self.string(json)? {
                    self.of_enumeration(vocabulary("extension-type"), &text);
                    match &*text {
                        "property-extension" => self.used.property = true,
                        "toplevel-property-extension" => self.used.toplevel = true,
                        _ => self.used.new_object = true,
                    }
                }
            } else {
                self.no_hole(json)?;
            }
            self.path.pop();
        }
        if by_definition && !kind_said {
            self.must("required", "extension_type is required");
        } else if count == 0 {
            self.must("value", "an extension has at least one property");
        }
        Ok(())
    }
}

/// `x_` or `x-`, then a name; in the strict sense a source before the name.
pub(super) fn custom_name(name: &str, prefix: &str, separator: char, strict: bool) -> bool {
    let Some(rest) = name.strip_prefix(prefix) else { return false };
    match (strict, rest.split_once(separator)) {
        (true, Some((source, name))) => !source.is_empty() && !name.is_empty(),
        (true, None) => false,
        (false, _) => !rest.is_empty(),
    }
}
