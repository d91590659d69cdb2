//! What do a tag and a distribution say about who may have it and what it is?
//!
//! Machine tags are `namespace:predicate="value"`. Neutral facts only: what follows from them is decided elsewhere. Several TLP or
//! PAP tags on one thing mean the strictest of them.

use std::borrow::Cow;

use crate::rsit::Class;

use super::event::Tag;

/// A machine tag in its parts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MachineTag<'a> {
    pub namespace: &'a str,
    pub predicate: &'a str,
    pub value: Option<&'a str>,
}

/// Reads `namespace:predicate` or `namespace:predicate="value"`; `None` for a free label.
///
/// ```
/// let tag = formats::misp::tag::machine_tag(r#"rsit:fraud="phishing""#).unwrap();
/// assert_eq!((tag.namespace, tag.predicate, tag.value), ("rsit", "fraud", Some("phishing")));
/// assert_eq!(formats::misp::tag::machine_tag("seen in mail"), None);
/// ```
pub fn machine_tag(name: &str) -> Option<MachineTag<'_>> {
    let (namespace, rest) = name.trim().split_once(':')?;
    let (predicate, value) = match rest.split_once('=') {
        Some((predicate, value)) => {
            let value = value.trim();
            (predicate, Some(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)))
        }
        None => (rest, None),
    };
    let plain = |part: &str| !part.is_empty() && !part.contains(['"', '=']);
    (plain(namespace) && plain(predicate) && !namespace.contains(' ')).then_some(MachineTag { namespace, predicate, value })
}

/// Traffic Light Protocol 2.0, from free to strict.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Tlp {
    Clear,
    Green,
    Amber,
    AmberStrict,
    Red,
}

impl Tlp {
    /// What a tag says; `tlp:white` (TLP 1) is CLEAR, `tlp:ex:chr` and what no TLP knows say nothing.
    ///
    /// ```
    /// use formats::misp::tag::Tlp;
    /// assert_eq!(Tlp::of("TLP:Amber+Strict"), Some(Tlp::AmberStrict));
    /// assert_eq!(Tlp::of("tlp:white"), Some(Tlp::Clear));
    /// assert_eq!(Tlp::of("tlp:unclear"), None);
    /// ```
    pub fn of(tag: &str) -> Option<Self> {
        let (namespace, level) = tag.trim().split_once(':')?;
        if !namespace.eq_ignore_ascii_case("tlp") {
            return None;
        }
        Some(match level.trim().to_ascii_lowercase().as_str() {
            "clear" | "white" => Self::Clear,
            "green" => Self::Green,
            "amber" => Self::Amber,
            "amber+strict" | "amber-strict" | "amber strict" => Self::AmberStrict,
            "red" => Self::Red,
            _ => return None,
        })
    }

    /// The strictest of several; `None` when no tag is a TLP.
    ///
    /// ```
    /// use formats::misp::tag::Tlp;
    /// assert_eq!(Tlp::strictest(["tlp:green", "x", "tlp:amber"]), Some(Tlp::Amber));
    /// ```
    pub fn strictest<'a>(tags: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        tags.into_iter().filter_map(Self::of).max()
    }

    /// As MISP's taxonomy spells it.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Clear => "tlp:clear",
            Self::Green => "tlp:green",
            Self::Amber => "tlp:amber",
            Self::AmberStrict => "tlp:amber+strict",
            Self::Red => "tlp:red",
        }
    }
}

/// Permissible Actions Protocol, from free to strict.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Pap {
    Clear,
    Green,
    Amber,
    Red,
}

impl Pap {
    /// What a tag says; `PAP:WHITE` is the older word for CLEAR.
    ///
    /// ```
    /// use formats::misp::tag::Pap;
    /// assert_eq!((Pap::of("PAP:AMBER"), Pap::of("pap:white")), (Some(Pap::Amber), Some(Pap::Clear)));
    /// ```
    pub fn of(tag: &str) -> Option<Self> {
        let (namespace, level) = tag.trim().split_once(':')?;
        if !namespace.eq_ignore_ascii_case("pap") {
            return None;
        }
        Some(match level.trim().to_ascii_lowercase().as_str() {
            "clear" | "white" => Self::Clear,
            "green" => Self::Green,
            "amber" => Self::Amber,
            "red" => Self::Red,
            _ => return None,
        })
    }

    /// The strictest of several; `None` when no tag is a PAP.
    ///
    /// ```
    /// use formats::misp::tag::Pap;
    /// assert_eq!(Pap::strictest(["PAP:GREEN", "PAP:RED"]), Some(Pap::Red));
    /// ```
    pub fn strictest<'a>(tags: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        tags.into_iter().filter_map(Self::of).max()
    }

    /// As MISP's taxonomy spells it.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Clear => "PAP:CLEAR",
            Self::Green => "PAP:GREEN",
            Self::Amber => "PAP:AMBER",
            Self::Red => "PAP:RED",
        }
    }
}

/// What a tag of the Reference Security Incident Taxonomy says: `rsit:intrusions="system-compromise"`, in the spelling of any
/// version (`_` or a blank for `-`, `unauthorized` for `unauthorised`).
///
/// ```
/// assert_eq!(formats::misp::tag::rsit(r#"rsit:fraud="phishing""#).unwrap().type_(), "phishing");
/// assert_eq!(formats::misp::tag::rsit(r#"RSIT:Malicious Code="C2-Server""#).unwrap().type_(), "c2-server");
/// assert_eq!(formats::misp::tag::rsit(r#"rsit:fraud="no such""#), None);
/// ```
pub fn rsit(tag: &str) -> Option<Class> {
    let tag = machine_tag(tag)?;
    if !tag.namespace.eq_ignore_ascii_case("rsit") {
        return None;
    }
    let word = |text: &str| text.trim().to_ascii_lowercase().replace([' ', '_'], "-");
    let type_ = word(tag.value?);
    let class = Class::of(&type_).or_else(|| Class::of(&type_.replace("unauthorized", "unauthorised")))?;
    // A type is of one taxonomy; a tag that puts it elsewhere means something that we do not know.
    (class.taxonomy() == word(tag.predicate)).then_some(class)
}

/// The tag for a class, as MISP's taxonomy `rsit` spells it.
///
/// ```
/// assert_eq!(formats::misp::tag::rsit_tag(formats::rsit::Class::known("phishing")), r#"rsit:fraud="phishing""#);
/// ```
pub fn rsit_tag(class: Class) -> String {
    format!("rsit:{}=\"{}\"", class.taxonomy(), class.type_())
}

/// How far MISP lets something travel (draft-20 §2.2.1.13).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Distribution {
    /// 0: the organisation on this instance.
    Organisation,
    /// 1: everybody on this instance.
    Community,
    /// 2: this instance and those it is connected to; becomes 1 there.
    Connected,
    /// 3: everybody.
    All,
    /// 4: the sharing group that is named beside it.
    SharingGroup,
    /// 5: as the event (or object) that it stands in.
    Inherit,
}

impl Distribution {
    /// ```
    /// use formats::misp::tag::Distribution;
    /// assert_eq!((Distribution::of("4"), Distribution::of("9")), (Some(Distribution::SharingGroup), None));
    /// ```
    pub fn of(number: &str) -> Option<Self> {
        Some(match number.trim() {
            "0" => Self::Organisation,
            "1" => Self::Community,
            "2" => Self::Connected,
            "3" => Self::All,
            "4" => Self::SharingGroup,
            "5" => Self::Inherit,
            _ => return None,
        })
    }

    /// As MISP writes it.
    pub fn number(self) -> &'static str {
        match self {
            Self::Organisation => "0",
            Self::Community => "1",
            Self::Connected => "2",
            Self::All => "3",
            Self::SharingGroup => "4",
            Self::Inherit => "5",
        }
    }

    /// What it is after one more hop by synchronisation; `None` when it does not travel at all.
    /// MISP takes one step off 2 and leaves 3 and 4 as they are.
    ///
    /// ```
    /// use formats::misp::tag::Distribution;
    /// assert_eq!(Distribution::Connected.after_a_hop(), Some(Distribution::Community));
    /// assert_eq!(Distribution::Community.after_a_hop(), None);
    /// ```
    pub fn after_a_hop(self) -> Option<Self> {
        match self {
            Self::Organisation | Self::Community => None,
            Self::Connected => Some(Self::Community),
            Self::All | Self::SharingGroup | Self::Inherit => Some(self),
        }
    }
}

impl<'a> Tag<'a> {
    /// A tag of this name.
    pub fn named(name: impl Into<Cow<'a, str>>) -> Self {
        Self { name: Some(name.into()), ..Self::default() }
    }

    /// Its name, empty when it has none.
    pub fn text(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }
}

/// The names of tags.
///
/// ```
/// use formats::misp::{event::Tag, tag};
/// assert_eq!(tag::Tlp::strictest(tag::names(&[Tag::named("tlp:red")])), Some(tag::Tlp::Red));
/// ```
pub fn names<'t>(tags: &'t [Tag<'_>]) -> impl Iterator<Item = &'t str> + Clone {
    tags.iter().map(Tag::text)
}
