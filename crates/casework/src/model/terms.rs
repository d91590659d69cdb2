//! Under which terms was this given? What rides on every event and indicator.
//!
//! Each component is a small lattice in which bigger is stricter, and [`Terms::join`] takes the stricter of each: what is
//! derived from several sources is never freer than any of them. [`super::terms_text`] writes and reads terms as text.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;

use super::party::PartyId;

/// Traffic Light Protocol 2.0 (FIRST, August 2022); a bigger one is stricter.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Tlp {
    Clear,
    Green,
    Amber,
    AmberStrict,
    Red,
}

impl Tlp {
    /// What unmarked evidence is held under when its source has no default.
    pub const UNMARKED: Self = Self::AmberStrict;

    pub const ALL: [Self; 5] = [Self::Clear, Self::Green, Self::Amber, Self::AmberStrict, Self::Red];

    /// Reads any spelling seen: `TLP:AMBER+STRICT`, `tlp:white` (TLP 1.0, means CLEAR), `amber-strict`, `Red`.
    pub fn read(text: &str) -> Option<Self> {
        let word = text.trim().to_ascii_lowercase();
        match word.strip_prefix("tlp:").unwrap_or(&word).trim() {
            "clear" | "white" => Some(Self::Clear),
            "green" => Some(Self::Green),
            "amber" => Some(Self::Amber),
            "amber+strict" | "amber-strict" | "amber_strict" | "amberstrict" => Some(Self::AmberStrict),
            "red" => Some(Self::Red),
            _ => None,
        }
    }

    /// The label as FIRST writes it, without the `TLP:` prefix.
    pub fn label(self) -> &'static str {
        match self {
            Self::Clear => "CLEAR",
            Self::Green => "GREEN",
            Self::Amber => "AMBER",
            Self::AmberStrict => "AMBER+STRICT",
            Self::Red => "RED",
        }
    }
}

impl fmt::Display for Tlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLP:{}", self.label())
    }
}

/// Permissible Actions Protocol (MISP taxonomy `PAP`, version 3): what may be done with it so that the adversary does not notice.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Pap {
    /// No restriction.
    #[default]
    Clear,
    /// Active actions allowed: ping the target, block it.
    Green,
    /// Passive cross check: look it up at others.
    Amber,
    /// Non-detectable actions only.
    Red,
}

impl Pap {
    pub const ALL: [Self; 4] = [Self::Clear, Self::Green, Self::Amber, Self::Red];

    /// `WHITE` was the word for CLEAR before.
    pub fn read(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "clear" | "white" => Some(Self::Clear),
            "green" => Some(Self::Green),
            "amber" => Some(Self::Amber),
            "red" => Some(Self::Red),
            _ => None,
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Clear => "CLEAR",
            Self::Green => "GREEN",
            Self::Amber => "AMBER",
            Self::Red => "RED",
        }
    }
}

/// What the recipient may do on its account (FIRST IEP 2.0 `permitted_actions`).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum PermittedAction {
    #[default]
    ExternallyVisibleDirect,
    ExternallyVisibleIndirect,
    InternallyVisible,
    ContactForInstruction,
    /// "Recipients MUST NOT act upon the information received."
    None,
}

impl PermittedAction {
    pub const ALL: [Self; 5] =
        [Self::ExternallyVisibleDirect, Self::ExternallyVisibleIndirect, Self::InternallyVisible, Self::ContactForInstruction, Self::None];

    /// The word of IEP 2.0.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ExternallyVisibleDirect => "externally-visible-direct-actions",
            Self::ExternallyVisibleIndirect => "externally-visible-indirect-actions",
            Self::InternallyVisible => "internally-visible-actions",
            Self::ContactForInstruction => "contact-for-instruction",
            Self::None => "none",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str().eq_ignore_ascii_case(text.trim()))
    }
}

/// Something that the source allows or forbids (IEP 2.0 `may`, `must-not`).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Leave {
    #[default]
    May,
    MustNot,
}

/// How it may travel (IEP 2.0 `encrypt_in_transit`).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Encryption {
    #[default]
    May,
    Must,
}

/// How the provider may be spoken of: the ways that are left. Two sources that leave none in common conflict.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Attribution {
    pub named: bool,
    pub anonymous: bool,
}

impl Attribution {
    pub const MAY: Self = Self { named: true, anonymous: true };
    pub const MUST: Self = Self { named: true, anonymous: false };
    pub const MUST_NOT: Self = Self { named: false, anonymous: true };
    pub const CONFLICT: Self = Self { named: false, anonymous: false };
    pub const ALL: [Self; 4] = [Self::MAY, Self::MUST, Self::MUST_NOT, Self::CONFLICT];

    pub fn join(self, other: Self) -> Self {
        Self { named: self.named && other.named, anonymous: self.anonymous && other.anonymous }
    }
}

impl Default for Attribution {
    fn default() -> Self {
        Self::MAY
    }
}

/// What may be told of those who are affected, to others than themselves.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum VictimData {
    #[default]
    Open,
    /// Which organisation, but no single host, name or person.
    NoPersonalData,
    /// Not even which organisation.
    NoIdentity,
}

impl VictimData {
    pub const ALL: [Self; 3] = [Self::Open, Self::NoPersonalData, Self::NoIdentity];
}

/// What rides on every event and indicator. A bigger component is a stricter one.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Terms {
    pub tlp: Tlp,
    pub pap: Pap,
    pub action: PermittedAction,
    /// May the affected parties be told (IEP 2.0 `affected_party_notifications`)?
    pub notify: Leave,
    pub attribution: Attribution,
    /// May it be sold on unchanged (IEP 2.0 `unmodified_resale`)?
    pub resale: Leave,
    pub encryption: Encryption,
    /// Not before.
    pub embargo: Option<Timestamp>,
    /// Not at this time or after (IEP 2.0 `end_date`).
    pub expiry: Option<Timestamp>,
    /// Nobody else; everybody when `None`.
    pub audience: Option<BTreeSet<PartyId>>,
    /// What "community" means for TLP:GREEN; the holder's own communities when `None`.
    pub community: Option<BTreeSet<String>>,
    /// Whom the source itself named: these may have it whatever the TLP says (TLP 2.0 RED: "individual recipients").
    /// The only component that opens, so fewer are stricter and a join keeps those whom every source named.
    pub recipients: BTreeSet<PartyId>,
    pub victims: VictimData,
}

impl Terms {
    /// A TLP label and nothing else.
    pub fn of(tlp: Tlp) -> Self {
        Self {
            tlp,
            pap: Pap::default(),
            action: PermittedAction::default(),
            notify: Leave::default(),
            attribution: Attribution::default(),
            resale: Leave::default(),
            encryption: Encryption::default(),
            embargo: None,
            expiry: None,
            audience: None,
            community: None,
            recipients: BTreeSet::new(),
            victims: VictimData::default(),
        }
    }

    /// The least strict terms that are at least as strict as both.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        Self {
            tlp: self.tlp.max(other.tlp),
            pap: self.pap.max(other.pap),
            action: self.action.max(other.action),
            notify: self.notify.max(other.notify),
            attribution: self.attribution.join(other.attribution),
            resale: self.resale.max(other.resale),
            encryption: self.encryption.max(other.encryption),
            embargo: self.embargo.max(other.embargo),
            expiry: match (self.expiry, other.expiry) {
                (Some(one), Some(two)) => Some(one.min(two)),
                (one, two) => one.or(two),
            },
            audience: narrower(self.audience.as_ref(), other.audience.as_ref()),
            community: narrower(self.community.as_ref(), other.community.as_ref()),
            recipients: &self.recipients & &other.recipients,
            victims: self.victims.max(other.victims),
        }
    }

    /// `other` is at least as strict in every component.
    pub fn leq(&self, other: &Self) -> bool {
        self.join(other) == *other
    }
}

impl From<Tlp> for Terms {
    fn from(tlp: Tlp) -> Self {
        Self::of(tlp)
    }
}

fn narrower<T: Clone + Ord>(one: Option<&BTreeSet<T>>, two: Option<&BTreeSet<T>>) -> Option<BTreeSet<T>> {
    match (one, two) {
        (Some(one), Some(two)) => Some(one & two),
        (one, two) => one.or(two).cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_read_back_and_stricter_is_bigger() {
        for tlp in Tlp::ALL {
            assert_eq!(Tlp::read(&tlp.to_string()), Some(tlp));
        }
        assert!(Tlp::ALL.is_sorted());
        assert_eq!(Tlp::read("tlp:white"), Some(Tlp::Clear));
        assert_eq!(Tlp::read("purple"), None);
    }

    #[test]
    fn sources_that_disagree_on_attribution_leave_no_way() {
        let mut must = Terms::of(Tlp::Green);
        must.attribution = Attribution::MUST;
        let mut must_not = Terms::of(Tlp::Clear);
        must_not.attribution = Attribution::MUST_NOT;
        assert_eq!(must.join(&must_not).attribution, Attribution::CONFLICT);
    }

    #[test]
    fn the_earlier_end_the_later_beginning_and_the_common_audience_hold() {
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        let names = |names: &[&str]| names.iter().map(|n| n.parse::<PartyId>().unwrap()).collect::<BTreeSet<_>>();
        let mut one = Terms::of(Tlp::Amber);
        (one.expiry, one.embargo, one.audience) = (at("2026-05-01T00:00:00Z"), at("2026-01-01T00:00:00Z"), Some(names(&["a", "b"])));
        let mut two = Terms::of(Tlp::Red);
        (two.expiry, two.audience, two.recipients) = (at("2026-04-01T00:00:00Z"), Some(names(&["b", "c"])), names(&["b"]));
        let both = one.join(&two);
        assert_eq!((both.tlp, both.expiry, both.embargo), (Tlp::Red, two.expiry, one.embargo));
        assert_eq!((both.audience, both.recipients.len()), (Some(names(&["b"])), 0));
    }
}
