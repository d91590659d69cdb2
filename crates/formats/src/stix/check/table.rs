//! What the specification says of each type, read once from the tables beside this file.

use std::sync::LazyLock;

/// What a value must be.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Type,
    SpecVersion,
    Id,
    Text,
    Texts,
    Bool,
    Integer {
        least: Option<i64>,
        most: Option<i64>,
    },
    Float {
        least: f64,
        most: f64,
    },
    Timestamp,
    /// With at least milliseconds.
    TimestampMillis,
    /// With whole seconds.
    TimestampSeconds,
    Hex,
    Binary,
    /// An identifier, as a rule of an identity.
    Creator,
    Ref(Targets),
    Refs(Targets),
    /// SHOULD be of the vocabulary, else lower case with hyphens.
    Vocabulary(&'static Vocabulary),
    Vocabularies(&'static Vocabulary),
    /// SHOULD be of the vocabulary, in whatever letters.
    Open(&'static Vocabulary),
    Enumeration(&'static Vocabulary),
    Enumerations(&'static Vocabulary),
    Parts(&'static str),
    Part(&'static str),
    Extensions,
    Objects,
    Contents,
    Hashes,
    /// Any object, looked into by a rule.
    Object,
    /// A list that is gone through elsewhere.
    List,
    /// A dictionary in whose keys capital letters are usual.
    Dictionary,
    /// A dictionary whose keys SHOULD be of the vocabulary.
    DictionaryOf(&'static Vocabulary),
    SocketOptions,
    Selectors,
    Form(Form),
    Forms(Form),
}

/// Texts with a form of their own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    Language,
    SoftwareLanguage,
    Url,
    MimeType,
    MediaType,
    CharacterSet,
    HostName,
    Email,
    Ipv4,
    Ipv6,
    Mac,
    Cpe,
    Protocol,
    Country,
    Relationship,
    Product,
    Phase,
    Priority,
    RegistryKey,
}

/// Types a reference may lead to.
#[derive(Clone, Debug)]
pub(super) struct Targets {
    pub(super) types: Vec<&'static str>,
    /// All types but these.
    pub(super) excluded: bool,
}

impl Targets {
    pub(super) fn allows(&self, object_type: &str) -> bool {
        self.types.contains(&object_type) != self.excluded
    }
}

#[derive(Debug)]
pub(super) struct Vocabulary {
    pub(super) name: &'static str,
    values: Vec<&'static str>,
}

impl Vocabulary {
    pub(super) fn has(&self, value: &str) -> bool {
        self.values.binary_search(&value).is_ok()
    }

    pub(super) fn list(&self) -> String {
        self.values.join(", ")
    }
}

#[derive(Debug)]
pub(super) struct Property {
    pub(super) name: &'static str,
    pub(super) required: bool,
    pub(super) kind: Kind,
}

/// What holds between properties; a number is the place of a property in its type's list.
#[derive(Debug)]
pub(super) enum Rule {
    Any(Vec<usize>),
    /// Any property at all.
    Something,
    One(usize, usize),
    With(usize, Vec<usize>),
    /// The second not before the first.
    Order(usize, usize),
    /// The second later than the first.
    After(usize, usize),
    /// Where the first is this value, the other is required.
    When(usize, &'static str, usize),
    /// Where the first is this value, the other must not be there.
    Unless(usize, &'static str, usize),
    /// SHOULD both be there.
    Both(&'static str, usize, usize),
    Deprecated(usize),
    Required(usize),
    Relationship,
    Pattern,
    ExtensionDefinition,
    MarkingDefinition,
    ExternalReference,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    /// SDO, SRO or meta object.
    Domain,
    Observable,
    Other,
}

#[derive(Debug)]
pub(super) struct Type {
    pub(super) name: &'static str,
    pub(super) class: Class,
    /// By name.
    pub(super) properties: Vec<Property>,
    /// Bits of `properties`.
    pub(super) required: u64,
    pub(super) rules: Vec<Rule>,
    /// Extensions the specification defines for it.
    pub(super) extensions: Option<&'static Vocabulary>,
}

impl Type {
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.properties.binary_search_by(|property| property.name.cmp(name)).ok()
    }
}

static VOCABULARIES: LazyLock<Vec<Vocabulary>> = LazyLock::new(|| {
    let lines = rows(include_str!("vocabularies.tsv")).map(|mut columns| {
        let name = columns.next().unwrap_or_default();
        let mut values: Vec<_> = columns.next().unwrap_or_default().split(' ').collect();
        values.sort_unstable();
        Vocabulary { name, values }
    });
    lines.collect()
});

static TYPES: LazyLock<Vec<Type>> = LazyLock::new(|| {
    let mut common: Vec<(&str, &str, &str)> = Vec::new();
    let mut types = Vec::new();
    for mut columns in rows(include_str!("types.tsv")) {
        let mut column = || columns.next().unwrap_or_default();
        let (name, class, properties, rules) = (column(), column(), column(), column());
        if class == "common" {
            common.push((name, properties, rules));
            continue;
        }
        let (_, shared, shared_rules) = common.iter().find(|(known, ..)| *known == class).expect("the class stands before its types");
        let mut listed: Vec<Property> =
            shared.split(' ').chain(properties.split(' ')).filter(|text| !text.is_empty()).map(property).collect();
        listed.sort_by_key(|property| property.name);
        let place = |name: &str| listed.iter().position(|property| property.name == name).expect("a rule names properties of its type");
        let rules =
            shared_rules.split(';').chain(rules.split(';')).filter(|text| !text.is_empty()).map(|text| rule(text, &place)).collect();
        let required = listed.iter().enumerate().filter(|(_, property)| property.required).fold(0, |bits, (at, _)| bits | 1 << at);
        assert!(listed.len() <= 64, "the bits of a word are enough");
        let class = match class {
            "sdo" => Class::Domain,
            "sco" => Class::Observable,
            _ if name == "marking-definition" => Class::Domain,
            _ => Class::Other,
        };
        let extensions = find_vocabulary(&format!("extensions:{name}"));
        types.push(Type { name, class, properties: listed, required, rules, extensions });
    }
    types.sort_by_key(|known| known.name);
    types
});

static RELATIONSHIPS: LazyLock<Vec<(&str, &str, Vec<&str>)>> = LazyLock::new(|| {
    let lines = rows(include_str!("relationships.tsv")).map(|mut columns| {
        let mut column = || columns.next().unwrap_or_default();
        (column(), column(), column().split(' ').collect())
    });
    lines.collect()
});

fn rows(text: &'static str) -> impl Iterator<Item = std::str::Split<'static, char>> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t'))
}

fn find_vocabulary(name: &str) -> Option<&'static Vocabulary> {
    VOCABULARIES.iter().find(|vocabulary| vocabulary.name == name)
}

pub(super) fn vocabulary(name: &str) -> &'static Vocabulary {
    find_vocabulary(name).unwrap_or_else(|| panic!("the tables name the vocabulary {name}"))
}

fn property(text: &'static str) -> Property {
    let (name, kind) = text.split_once(':').expect("name:kind");
    let required = name.ends_with('!');
    let (kind, argument) = kind.strip_suffix(')').and_then(|kind| kind.split_once('(')).unwrap_or((kind, ""));
    let targets = || {
        let (excluded, types) = argument.strip_prefix('!').map_or((argument.is_empty(), argument), |types| (true, types));
        Targets { types: types.split('|').filter(|name| !name.is_empty()).collect(), excluded }
    };
    let (least, most) = argument.split_once("..").unwrap_or_default();
    let kind = match kind {
        "type" => Kind::Type,
        "spec" => Kind::SpecVersion,
        "id" => Kind::Id,
        "s" => Kind::Text,
        "ss" => Kind::Texts,
        "b" => Kind::Bool,
        "i" => Kind::Integer { least: least.parse().ok(), most: most.parse().ok() },
        "f" => Kind::Float { least: least.parse().unwrap_or(f64::MIN), most: most.parse().unwrap_or(f64::MAX) },
        "t" => Kind::Timestamp,
        "tms" => Kind::TimestampMillis,
        "ts" => Kind::TimestampSeconds,
        "hex" => Kind::Hex,
        "bin" => Kind::Binary,
        "ref" => Kind::Ref(targets()),
        "by" => Kind::Creator,
        "refs" => Kind::Refs(targets()),
        "v" => Kind::Vocabulary(vocabulary(argument)),
        "vs" => Kind::Vocabularies(vocabulary(argument)),
        "o" => Kind::Open(vocabulary(argument)),
        "e" => Kind::Enumeration(vocabulary(argument)),
        "es" => Kind::Enumerations(vocabulary(argument)),
        "l" => Kind::Parts(argument),
        "p" => Kind::Part(argument),
        "ext" => Kind::Extensions,
        "objects" => Kind::Objects,
        "contents" => Kind::Contents,
        "hashes" => Kind::Hashes,
        "object" => Kind::Object,
        "list" => Kind::List,
        "dx" => Kind::Dictionary,
        "dk" => Kind::DictionaryOf(vocabulary(argument)),
        "socket-options" => Kind::SocketOptions,
        "selectors" => Kind::Selectors,
        "lang" => Kind::Form(Form::Language),
        "langs" => Kind::Forms(Form::SoftwareLanguage),
        "url" => Kind::Form(Form::Url),
        "mime" => Kind::Form(Form::MimeType),
        "media" => Kind::Form(Form::MediaType),
        "charset" => Kind::Form(Form::CharacterSet),
        "hostname" => Kind::Form(Form::HostName),
        "email" => Kind::Form(Form::Email),
        "ipv4" => Kind::Form(Form::Ipv4),
        "ipv6" => Kind::Form(Form::Ipv6),
        "mac" => Kind::Form(Form::Mac),
        "cpe" => Kind::Form(Form::Cpe),
        "protocols" => Kind::Forms(Form::Protocol),
        "country" => Kind::Form(Form::Country),
        "relationship" => Kind::Form(Form::Relationship),
        "product" => Kind::Form(Form::Product),
        "phase" => Kind::Form(Form::Phase),
        "priority" => Kind::Form(Form::Priority),
        "registry" => Kind::Form(Form::RegistryKey),
        other => panic!("the table names the kind {other}"),
    };
    Property { name: name.trim_end_matches('!'), required, kind }
}

fn rule(text: &'static str, place: &dyn Fn(&str) -> usize) -> Rule {
    let words: Vec<_> = text.split(' ').collect();
    let at = |number: usize| place(words[number]);
    match words[0] {
        "any" if words[1] == "*" => Rule::Something,
        "any" => Rule::Any(words[1..].iter().map(|name| place(name)).collect()),
        "one" => Rule::One(at(1), at(2)),
        "with" => Rule::With(at(1), words[2..].iter().map(|name| place(name)).collect()),
        "order" => Rule::Order(at(1), at(2)),
        "after" => Rule::After(at(1), at(2)),
        "when" => Rule::When(at(1), words[2], at(3)),
        "unless" => Rule::Unless(at(1), words[2], at(3)),
        "both" => Rule::Both(words[1], at(2), at(3)),
        "deprecated" => Rule::Deprecated(at(1)),
        "required" => Rule::Required(at(1)),
        "relationship" => Rule::Relationship,
        "pattern" => Rule::Pattern,
        "extension-definition" => Rule::ExtensionDefinition,
        "marking-definition" => Rule::MarkingDefinition,
        "external-reference" => Rule::ExternalReference,
        other => panic!("the table names the rule {other}"),
    }
}

/// A type, a part of types or an extension.
pub(super) fn find(name: &str) -> Option<&'static Type> {
    let types: &'static Vec<Type> = &TYPES;
    types.binary_search_by(|known| known.name.cmp(name)).ok().map(|at| &types[at])
}

/// A type that objects may have.
pub(super) fn object_type(name: &str) -> Option<&'static Type> {
    find(name).filter(|known| known.class != Class::Other)
}

/// Why the specification does not suggest this relationship; `None` where it does.
pub(super) fn unsuggested(source: &str, relationship: &str, target: &str) -> Option<String> {
    const NO_SOURCES: [&str; 6] = ["bundle", "language-content", "marking-definition", "sighting", "relationship", "extension-definition"];
    if ["derived-from", "duplicate-of", "related-to"].contains(&relationship)
        || NO_SOURCES.contains(&source)
        || NO_SOURCES.contains(&target)
    {
        return None;
    }
    let mut of_source = RELATIONSHIPS.iter().filter(|(known, ..)| *known == source).peekable();
    if of_source.peek().is_none() {
        return Some(format!("{source} is no suggested source of relationships"));
    }
    match of_source.find(|(_, known, _)| *known == relationship) {
        None => Some(format!("{relationship} is no suggested relationship of {source}")),
        Some((_, _, targets)) if !targets.contains(&target) => {
            Some(format!("{target} is no suggested target of {relationship} from {source}"))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_can_be_read_and_name_only_what_they_hold() {
        assert_eq!(TYPES.iter().filter(|known| known.class == Class::Observable).count(), 18);
        assert_eq!(TYPES.iter().filter(|known| known.class == Class::Domain).count(), 19 + 2 + 3);
        for known in TYPES.iter() {
            for property in &known.properties {
                if let Kind::Parts(name) | Kind::Part(name) = &property.kind {
                    assert!(find(name).is_some(), "{name}");
                }
            }
            assert!(known.properties.windows(2).all(|pair| pair[0].name != pair[1].name), "{}", known.name);
        }
        for (source, _, targets) in RELATIONSHIPS.iter() {
            assert!(targets.iter().chain([source]).all(|name| object_type(name).is_some()), "{source} {targets:?}");
        }
    }
}
