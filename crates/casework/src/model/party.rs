//! Who is this organisation, what does it answer for, and how is it reached?
//!
//! A party is true for a time: each part of it that can change carries its own validity and where it was learned, so
//! that "why was this party told?" can be answered for any day.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use formats::value::Network;
use jiff::Timestamp;

use super::event::Country;

/// Name of a party in the register: lower-case letters, digits, `.`, `-`, `_`; at most 64 of them.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PartyId(String);

/// A text that cannot name a party.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} cannot name a party: use 1 to 64 of a-z, 0-9, `.`, `-`, `_`, beginning with a letter or digit")]
pub struct BadPartyId(pub String);

impl PartyId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PartyId {
    type Err = BadPartyId;

    fn from_str(text: &str) -> Result<Self, BadPartyId> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_');
        let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if first && text.len() <= 64 && text.bytes().all(allowed) { Ok(Self(text.to_owned())) } else { Err(BadPartyId(text.to_owned())) }
    }
}

impl fmt::Display for PartyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an organisation is to the others.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum PartyKind {
    /// The CSIRT with national responsibility: last resort for its country.
    NationalCsirt,
    Csirt,
    Isac,
    Provider,
    Maker,
    Company,
    Agency,
    Police,
    /// Everyone: what reaches this party is published.
    Public,
}

impl PartyKind {
    pub const ALL: [Self; 9] = [
        Self::NationalCsirt,
        Self::Csirt,
        Self::Isac,
        Self::Provider,
        Self::Maker,
        Self::Company,
        Self::Agency,
        Self::Police,
        Self::Public,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::NationalCsirt => "national-csirt",
            Self::Csirt => "csirt",
            Self::Isac => "isac",
            Self::Provider => "provider",
            Self::Maker => "maker",
            Self::Company => "company",
            Self::Agency => "agency",
            Self::Police => "police",
            Self::Public => "public",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Language of what is written to a party.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Language {
    #[default]
    En,
    Ja,
}

impl Language {
    /// BCP 47 tag.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ja => "ja",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        match text {
            "en" => Some(Self::En),
            "ja" => Some(Self::Ja),
            _ => None,
        }
    }
}

/// From when until before when something holds; open ends hold for ever.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Validity {
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

impl Validity {
    pub fn holds(self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }
}

/// Where a claim about a party was learned; the first of these wins over the later ones.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Provenance {
    /// Entered by ourselves.
    Own,
    /// Said by the party and confirmed by us.
    Claimed,
    /// Taken from a registry or list, named (`ripe`, `apnic`, `rdap`, `security.txt`, `first-teams`).
    Registry(String),
    /// Nothing closer is known: the national CSIRT of the country.
    Country,
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("own"),
            Self::Claimed => f.write_str("claimed"),
            Self::Registry(name) => write!(f, "registry:{name}"),
            Self::Country => f.write_str("country"),
        }
    }
}

impl Provenance {
    /// Reads what its `Display` writes: `own`, `claimed`, `registry:NAME`, `country`.
    pub fn read(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None => match text {
                "own" => Some(Self::Own),
                "claimed" => Some(Self::Claimed),
                "country" => Some(Self::Country),
                _ => None,
            },
            Some(("registry", name)) if !name.is_empty() => Some(Self::Registry(name.to_owned())),
            Some(_) => None,
        }
    }

    /// 0 is believed before 1, and so on; registries are believed alike.
    pub fn rank(&self) -> u8 {
        match self {
            Self::Own => 0,
            Self::Claimed => 1,
            Self::Registry(_) => 2,
            Self::Country => 3,
        }
    }
}

/// A product line that a maker answers for.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Product {
    pub vendor: String,
    /// Every model of the vendor when `None`.
    pub model: Option<String>,
}

/// One thing that a party answers for.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Claim {
    Network(Network),
    Asn(u32),
    /// The domain and everything below it; lower case, punycode.
    Domain(String),
    Country(Country),
    Product(Product),
}

impl Claim {
    /// What sort of thing it is: `network`, `asn`, `domain`, `country`, `product`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Network(_) => "network",
            Self::Asn(_) => "asn",
            Self::Domain(_) => "domain",
            Self::Country(_) => "country",
            Self::Product(_) => "product",
        }
    }
}

/// As people write it: `192.0.2.0/24`, `AS64496`, `isp.example`, `JP`, `Vendor/Model`.
impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => network.fmt(f),
            Self::Asn(asn) => write!(f, "AS{asn}"),
            Self::Domain(domain) => f.write_str(domain),
            Self::Country(country) => f.write_str(country.as_str()),
            Self::Product(Product { vendor, model: None }) => f.write_str(vendor),
            Self::Product(Product { vendor, model: Some(model) }) => write!(f, "{vendor}/{model}"),
        }
    }
}

/// Part of a constituency, with where it was learned and when it holds.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Responsibility {
    pub claim: Claim,
    pub provenance: Provenance,
    pub validity: Validity,
}

/// What a contact is for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ContactRole {
    /// Takes reports of abuse: first choice for notices.
    Abuse,
    /// The security team itself.
    Csirt,
    /// Product security (RFC 9116 security.txt, PSIRT).
    ProductSecurity,
    Technical,
    Administrative,
}

impl ContactRole {
    pub const ALL: [Self; 5] = [Self::Abuse, Self::Csirt, Self::ProductSecurity, Self::Technical, Self::Administrative];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Abuse => "abuse",
            Self::Csirt => "csirt",
            Self::ProductSecurity => "product-security",
            Self::Technical => "technical",
            Self::Administrative => "administrative",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// A way to reach a party by mail.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Contact {
    pub role: ContactRole,
    pub language: Language,
    /// `local@domain`, checked when it was entered; never holds a control character, space or bracket.
    pub address: String,
    /// Transferable OpenPGP public key (RFC 9580 §10.1), armoured.
    pub openpgp_key: Option<String>,
    pub provenance: Provenance,
    pub validity: Validity,
}

/// An organisation that can act, must be told, or may know.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Party {
    pub id: PartyId,
    pub name: String,
    /// As written in Japanese, where it differs.
    pub name_ja: Option<String>,
    pub kind: PartyKind,
    pub nation: Option<Country>,
    pub sectors: BTreeSet<String>,
    /// Groups with common goals, practices and informal trust (TLP 2.0 "community").
    pub communities: BTreeSet<String>,
    /// Those who give this party cybersecurity services (TLP 2.0 "clients", seen from the client).
    pub clients_of: BTreeSet<PartyId>,
    pub constituency: Vec<Responsibility>,
    pub contacts: Vec<Contact>,
    pub provenance: Provenance,
    pub validity: Validity,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_party_is_named_by_a_short_plain_word() {
        assert!("isp-jp.example".parse::<PartyId>().is_ok());
        for bad in ["", "-x", "Ä", "two words", "a/b", "UPPER", &"x".repeat(65)] {
            assert_eq!(bad.parse::<PartyId>(), Err(BadPartyId(bad.to_owned())));
        }
    }

    #[test]
    fn what_ends_at_noon_does_not_hold_at_noon() {
        let noon: Timestamp = "2026-01-01T12:00:00Z".parse().expect("a time");
        let until_noon = Validity { from: None, until: Some(noon) };
        assert!(!until_noon.holds(noon));
        assert!(Validity { from: Some(noon), until: None }.holds(noon));
    }

    #[test]
    fn words_are_read_back() {
        assert!(PartyKind::ALL.into_iter().all(|kind| PartyKind::read(kind.as_str()) == Some(kind)));
        assert!(ContactRole::ALL.into_iter().all(|role| ContactRole::read(role.as_str()) == Some(role)));
    }

    #[test]
    fn where_something_was_learned_is_read_back() {
        for provenance in [Provenance::Own, Provenance::Claimed, Provenance::Registry("ripe".into()), Provenance::Country] {
            assert_eq!(Provenance::read(&provenance.to_string()), Some(provenance));
        }
        assert_eq!((Provenance::read("registry:"), Provenance::read("rumour")), (None, None));
    }

    #[test]
    fn our_own_word_comes_before_a_registry() {
        assert!(Provenance::Own < Provenance::Claimed && Provenance::Claimed < Provenance::Registry("ripe".into()));
        assert!(Provenance::Registry("ripe".into()) < Provenance::Country);
    }
}
