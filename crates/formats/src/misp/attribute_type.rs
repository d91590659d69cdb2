//! Which types may an attribute have, in which categories, and what does MISP assume when nothing is said?
//!
//! One row a type: default category, whether it is for detection by default, the categories it may stand in; in the order in which
//! a MISP 2.5 lists them, so that its `describeTypes.json` can be written from here.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

/// The categories, in MISP's order: bit n of a row stands for the n-th.
pub const CATEGORIES: [&str; 16] = [
    "Internal reference",
    "Targeting data",
    "Antivirus detection",
    "Payload delivery",
    "Artifacts dropped",
    "Payload installation",
    "Persistence mechanism",
    "Network activity",
    "Payload type",
    "Attribution",
    "External analysis",
    "Financial fraud",
    "Support Tool",
    "Social network",
    "Person",
    "Other",
];

const INTERNAL: u16 = 1 << 0;
const TARGETING: u16 = 1 << 1;
const ANTIVIRUS: u16 = 1 << 2;
const DELIVERY: u16 = 1 << 3;
const DROPPED: u16 = 1 << 4;
const INSTALLATION: u16 = 1 << 5;
const PERSISTENCE: u16 = 1 << 6;
const NETWORK: u16 = 1 << 7;
const PAYLOAD: u16 = 1 << 8;
const ATTRIBUTION: u16 = 1 << 9;
const EXTERNAL: u16 = 1 << 10;
const FRAUD: u16 = 1 << 11;
const SUPPORT: u16 = 1 << 12;
const SOCIAL: u16 = 1 << 13;
const PERSON: u16 = 1 << 14;
const OTHER: u16 = 1 << 15;
const EVERY: u16 = u16::MAX;

/// One type of attribute.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AttributeType(&'static (&'static str, u16, bool, u16));

/// The type of this name.
///
/// ```
/// let kind = formats::misp::attribute_type::of("domain|ip").unwrap();
/// assert_eq!((kind.category(), kind.to_ids(), kind.fits("Payload delivery")), ("Network activity", true, false));
/// ```
pub fn of(name: &str) -> Option<AttributeType> {
    static BY_NAME: LazyLock<BTreeMap<&str, AttributeType>> = LazyLock::new(|| all().map(|kind| (kind.name(), kind)).collect());
    BY_NAME.get(name).copied()
}

/// All types, in MISP's order.
///
/// ```
/// assert_eq!(formats::misp::attribute_type::all().next().unwrap().name(), "md5");
/// ```
pub fn all() -> impl Iterator<Item = AttributeType> {
    TABLE.iter().map(AttributeType)
}

/// A composite value (`filename|md5`) in its parts, each with its type. What has no second part is one value.
///
/// ```
/// let parts: Vec<_> = formats::misp::attribute_type::parts("ip-dst|port", "192.0.2.1|443").collect();
/// assert_eq!(parts, [("ip-dst", "192.0.2.1"), ("port", "443")]);
/// ```
pub fn parts<'a>(kind: &'a str, value: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> + Clone {
    // A malware sample is `name|md5` under a name that does not say so.
    let kinds = if kind == "malware-sample" { Some(("filename", "md5")) } else { kind.split_once('|') };
    let (first, second) = match (kinds, value.split_once('|')) {
        (Some((left, right)), Some((one, two))) => ((left, one), Some((if right == "value" { "regkey-value" } else { right }, two))),
        (Some((left, _)), None) => ((left, value), None),
        (None, _) => ((kind, value), None),
    };
    std::iter::once(first).chain(second)
}

impl AttributeType {
    pub fn name(self) -> &'static str {
        self.0.0
    }

    /// The category that is meant when none is said.
    pub fn category(self) -> &'static str {
        CATEGORIES[self.0.1.trailing_zeros() as usize]
    }

    /// Whether it is for detection when nothing is said.
    pub fn to_ids(self) -> bool {
        self.0.2
    }

    pub fn categories(self) -> impl Iterator<Item = &'static str> {
        CATEGORIES.iter().enumerate().filter(move |(bit, _)| self.0.3 & (1 << bit) != 0).map(|(_, name)| *name)
    }

    /// It may stand in this category.
    pub fn fits(self, category: &str) -> bool {
        self.categories().any(|name| name == category)
    }

    /// Its value has two parts with `|` between them.
    pub fn is_composite(self) -> bool {
        self.name().contains('|') || self.name() == "malware-sample"
    }
}

/// The answer to `attributes/describeTypes.json`.
///
/// ```
/// let answer = formats::misp::attribute_type::describe_types();
/// assert_eq!(answer["result"]["sane_defaults"]["url"]["default_category"], "Network activity");
/// ```
pub fn describe_types() -> Value {
    let defaults: Map<_, _> = all()
        .map(|kind| (kind.name().to_owned(), json!({"default_category": kind.category(), "to_ids": u8::from(kind.to_ids())})))
        .collect();
    let mappings: Map<_, _> = CATEGORIES
        .iter()
        .map(|category| ((*category).to_owned(), all().filter(|kind| kind.fits(category)).map(AttributeType::name).collect()))
        .collect();
    let types: Vec<_> = all().map(AttributeType::name).collect();
    json!({"result": {"sane_defaults": defaults, "types": types, "categories": CATEGORIES, "category_type_mappings": mappings}})
}

#[rustfmt::skip]
static TABLE: [(&str, u16, bool, u16); 194] = [
    ("md5", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION | EXTERNAL),
    ("sha1", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION | EXTERNAL),
    ("sha256", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION | EXTERNAL),
    ("filename", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION | PERSISTENCE | EXTERNAL),
    ("pdb", DROPPED, false, DROPPED),
    ("filename|md5", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION | EXTERNAL),
    ("filename|sha1", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION | EXTERNAL),
    ("filename|sha256", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION | EXTERNAL),
    ("ip-src", NETWORK, true, DELIVERY | NETWORK | EXTERNAL),
    ("ip-dst", NETWORK, true, DELIVERY | NETWORK | EXTERNAL),
    ("hostname", NETWORK, true, DELIVERY | NETWORK | EXTERNAL),
    ("domain", NETWORK, true, DELIVERY | NETWORK | EXTERNAL),
    ("domain|ip", NETWORK, true, NETWORK | EXTERNAL),
    ("email", SOCIAL, true, DELIVERY | NETWORK | ATTRIBUTION | SOCIAL | PERSON),
    ("email-src", DELIVERY, true, DELIVERY | NETWORK | SOCIAL),
    ("eppn", NETWORK, true, NETWORK | SOCIAL),
    ("email-dst", NETWORK, true, DELIVERY | NETWORK | SOCIAL),
    ("email-subject", DELIVERY, false, DELIVERY | NETWORK),
    ("email-attachment", DELIVERY, true, DELIVERY),
    ("email-body", DELIVERY, false, DELIVERY),
    ("float", OTHER, false, OTHER),
    ("git-commit-id", INTERNAL, false, INTERNAL),
    ("url", NETWORK, true, DELIVERY | NETWORK | EXTERNAL),
    ("http-method", NETWORK, false, NETWORK),
    ("user-agent", NETWORK, false, DELIVERY | NETWORK | EXTERNAL),
    ("ja3-fingerprint-md5", NETWORK, true, DELIVERY | NETWORK | EXTERNAL),
    ("jarm-fingerprint", NETWORK, true, DELIVERY | NETWORK | EXTERNAL),
    ("favicon-mmh3", NETWORK, true, NETWORK),
    ("hassh-md5", NETWORK, true, DELIVERY | NETWORK | EXTERNAL),
    ("hasshserver-md5", NETWORK, true, DELIVERY | NETWORK | EXTERNAL),
    ("regkey", PERSISTENCE, true, DROPPED | PERSISTENCE | EXTERNAL),
    ("regkey|value", PERSISTENCE, true, DROPPED | PERSISTENCE | EXTERNAL),
    ("AS", NETWORK, false, DELIVERY | NETWORK | EXTERNAL),
    ("snort", NETWORK, true, NETWORK | EXTERNAL),
    ("suricata", NETWORK, true, NETWORK | EXTERNAL),
    ("bro", NETWORK, true, NETWORK | EXTERNAL),
    ("zeek", NETWORK, true, NETWORK | EXTERNAL),
    ("community-id", NETWORK, true, NETWORK | EXTERNAL),
    ("dom-hash", NETWORK, true, NETWORK | EXTERNAL),
    ("pattern-in-file", INSTALLATION, true, DELIVERY | DROPPED | INSTALLATION | NETWORK | EXTERNAL),
    ("pattern-in-traffic", NETWORK, true, DELIVERY | INSTALLATION | NETWORK | EXTERNAL),
    ("pattern-in-memory", INSTALLATION, true, DROPPED | INSTALLATION | EXTERNAL),
    ("filename-pattern", INSTALLATION, true, DELIVERY | DROPPED | INSTALLATION | NETWORK | EXTERNAL),
    ("pgp-public-key", PERSON, false, DROPPED | SOCIAL | PERSON | OTHER),
    ("pgp-private-key", PERSON, false, DROPPED | SOCIAL | PERSON | OTHER),
    ("ssh-fingerprint", NETWORK, false, NETWORK),
    ("yara", INSTALLATION, true, DELIVERY | DROPPED | INSTALLATION),
    ("stix2-pattern", INSTALLATION, true, DELIVERY | DROPPED | INSTALLATION | NETWORK),
    ("sigma", INSTALLATION, true, DELIVERY | DROPPED | INSTALLATION),
    ("gene", DROPPED, false, DROPPED),
    ("kusto-query", DROPPED, false, DROPPED),
    ("mime-type", DROPPED, false, DELIVERY | DROPPED | INSTALLATION),
    ("identity-card-number", PERSON, false, PERSON),
    ("cookie", NETWORK, false, DROPPED | NETWORK),
    ("vulnerability", EXTERNAL, false, DELIVERY | INSTALLATION | EXTERNAL),
    ("cpe", EXTERNAL, false, DELIVERY | INSTALLATION | EXTERNAL | OTHER),
    ("weakness", EXTERNAL, false, DELIVERY | INSTALLATION | EXTERNAL),
    ("attachment", EXTERNAL, false, ANTIVIRUS | DELIVERY | DROPPED | INSTALLATION | NETWORK | EXTERNAL | SUPPORT),
    ("malware-sample", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION | EXTERNAL),
    ("link", EXTERNAL, false, INTERNAL | ANTIVIRUS | DELIVERY | EXTERNAL | SUPPORT),
    ("comment", OTHER, false, EVERY),
    ("text", OTHER, false, INTERNAL | ANTIVIRUS | DELIVERY | DROPPED | INSTALLATION | PERSISTENCE | NETWORK | PAYLOAD | ATTRIBUTION | EXTERNAL | FRAUD | SUPPORT | SOCIAL | PERSON | OTHER),
    ("hex", OTHER, false, INTERNAL | ANTIVIRUS | DELIVERY | DROPPED | INSTALLATION | PERSISTENCE | NETWORK | FRAUD | SUPPORT | OTHER),
    ("other", OTHER, false, INTERNAL | ANTIVIRUS | DELIVERY | DROPPED | INSTALLATION | PERSISTENCE | NETWORK | PAYLOAD | ATTRIBUTION | EXTERNAL | FRAUD | SUPPORT | SOCIAL | PERSON | OTHER),
    ("named pipe", DROPPED, false, DROPPED),
    ("mutex", DROPPED, true, DROPPED),
    ("process-state", DROPPED, false, DROPPED),
    ("target-user", TARGETING, false, TARGETING),
    ("target-email", TARGETING, false, TARGETING),
    ("target-machine", TARGETING, false, TARGETING),
    ("target-org", TARGETING, false, TARGETING),
    ("target-location", TARGETING, false, TARGETING),
    ("target-external", TARGETING, false, TARGETING),
    ("btc", FRAUD, true, FRAUD),
    ("dash", FRAUD, true, FRAUD),
    ("xmr", FRAUD, true, FRAUD),
    ("iban", FRAUD, true, FRAUD),
    ("bic", FRAUD, true, FRAUD),
    ("bank-account-nr", FRAUD, true, FRAUD),
    ("aba-rtn", FRAUD, true, FRAUD),
    ("bin", FRAUD, true, FRAUD),
    ("cc-number", FRAUD, true, FRAUD),
    ("prtn", FRAUD, true, FRAUD),
    ("phone-number", PERSON, false, FRAUD | PERSON | OTHER),
    ("threat-actor", ATTRIBUTION, false, ATTRIBUTION),
    ("campaign-name", ATTRIBUTION, false, ATTRIBUTION),
    ("campaign-id", ATTRIBUTION, false, ATTRIBUTION),
    ("malware-type", DELIVERY, false, DELIVERY | INSTALLATION),
    ("uri", NETWORK, true, NETWORK),
    ("authentihash", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION),
    ("vhash", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION),
    ("ssdeep", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION),
    ("imphash", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION),
    ("telfhash", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION),
    ("pehash", DELIVERY, true, DELIVERY | INSTALLATION),
    ("impfuzzy", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION),
    ("sha224", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION),
    ("sha384", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION),
    ("sha512", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION),
    ("sha512/224", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION),
    ("sha512/256", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION),
    ("sha3-224", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION | EXTERNAL),
    ("sha3-256", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION | EXTERNAL),
    ("sha3-384", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION | EXTERNAL),
    ("sha3-512", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION | EXTERNAL),
    ("tlsh", DELIVERY, true, DELIVERY | INSTALLATION),
    ("cdhash", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION),
    ("filename|authentihash", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION),
    ("filename|vhash", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION),
    ("filename|ssdeep", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION),
    ("filename|imphash", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION),
    ("filename|impfuzzy", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION),
    ("filename|pehash", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION),
    ("filename|sha224", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION),
    ("filename|sha384", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION),
    ("filename|sha512", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION),
    ("filename|sha512/224", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION),
    ("filename|sha512/256", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION),
    ("filename|sha3-224", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION | EXTERNAL),
    ("filename|sha3-256", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION | EXTERNAL),
    ("filename|sha3-384", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION | EXTERNAL),
    ("filename|sha3-512", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION | EXTERNAL),
    ("filename|tlsh", DELIVERY, true, DELIVERY | DROPPED | INSTALLATION),
    ("windows-scheduled-task", DROPPED, false, DROPPED),
    ("windows-service-name", DROPPED, false, DROPPED),
    ("windows-service-displayname", DROPPED, false, DROPPED),
    ("whois-registrant-email", ATTRIBUTION, false, DELIVERY | ATTRIBUTION | SOCIAL),
    ("whois-registrant-phone", ATTRIBUTION, false, ATTRIBUTION),
    ("whois-registrant-name", ATTRIBUTION, false, ATTRIBUTION),
    ("whois-registrant-org", ATTRIBUTION, false, ATTRIBUTION),
    ("whois-registrar", ATTRIBUTION, false, ATTRIBUTION),
    ("whois-creation-date", ATTRIBUTION, false, ATTRIBUTION),
    ("x509-fingerprint-sha1", NETWORK, true, DELIVERY | DROPPED | INSTALLATION | NETWORK | ATTRIBUTION | EXTERNAL),
    ("x509-fingerprint-md5", NETWORK, true, DELIVERY | DROPPED | INSTALLATION | NETWORK | ATTRIBUTION | EXTERNAL),
    ("x509-fingerprint-sha256", NETWORK, true, DELIVERY | DROPPED | INSTALLATION | NETWORK | ATTRIBUTION | EXTERNAL),
    ("dns-soa-email", ATTRIBUTION, false, ATTRIBUTION),
    ("size-in-bytes", OTHER, false, OTHER),
    ("counter", OTHER, false, OTHER),
    ("integer", OTHER, false, OTHER),
    ("datetime", OTHER, false, OTHER),
    ("port", NETWORK, false, NETWORK | OTHER),
    ("ip-dst|port", NETWORK, true, DELIVERY | NETWORK | EXTERNAL),
    ("ip-src|port", NETWORK, true, DELIVERY | NETWORK | EXTERNAL),
    ("hostname|port", NETWORK, true, DELIVERY | NETWORK),
    ("mac-address", NETWORK, false, DELIVERY | NETWORK | EXTERNAL),
    ("mac-eui-64", NETWORK, false, DELIVERY | NETWORK | EXTERNAL),
    ("email-dst-display-name", DELIVERY, false, DELIVERY),
    ("email-src-display-name", DELIVERY, false, DELIVERY),
    ("email-header", DELIVERY, false, DELIVERY),
    ("email-reply-to", DELIVERY, false, DELIVERY),
    ("email-x-mailer", DELIVERY, false, DELIVERY),
    ("email-mime-boundary", DELIVERY, false, DELIVERY),
    ("email-thread-index", DELIVERY, false, DELIVERY),
    ("email-message-id", DELIVERY, false, DELIVERY),
    ("github-username", SOCIAL, false, SOCIAL),
    ("github-repository", SOCIAL, false, EXTERNAL | SOCIAL),
    ("github-organisation", SOCIAL, false, SOCIAL),
    ("jabber-id", SOCIAL, false, SOCIAL),
    ("twitter-id", SOCIAL, false, SOCIAL),
    ("dkim", NETWORK, false, NETWORK),
    ("dkim-signature", NETWORK, false, NETWORK),
    ("first-name", PERSON, false, PERSON),
    ("middle-name", PERSON, false, PERSON),
    ("last-name", PERSON, false, PERSON),
    ("full-name", PERSON, false, PERSON),
    ("date-of-birth", PERSON, false, PERSON),
    ("place-of-birth", PERSON, false, PERSON),
    ("gender", PERSON, false, PERSON),
    ("passport-number", PERSON, false, PERSON),
    ("passport-country", PERSON, false, PERSON),
    ("passport-expiration", PERSON, false, PERSON),
    ("redress-number", PERSON, false, PERSON),
    ("nationality", PERSON, false, PERSON),
    ("visa-number", PERSON, false, PERSON),
    ("issue-date-of-the-visa", PERSON, false, PERSON),
    ("primary-residence", PERSON, false, PERSON),
    ("country-of-residence", PERSON, false, PERSON),
    ("special-service-request", PERSON, false, PERSON),
    ("frequent-flyer-number", PERSON, false, PERSON),
    ("travel-details", PERSON, false, PERSON),
    ("payment-details", PERSON, false, PERSON),
    ("place-port-of-original-embarkation", PERSON, false, PERSON),
    ("place-port-of-clearance", PERSON, false, PERSON),
    ("place-port-of-onward-foreign-destination", PERSON, false, PERSON),
    ("passenger-name-record-locator-number", PERSON, false, PERSON),
    ("mobile-application-id", DELIVERY, true, DELIVERY | INSTALLATION),
    ("azure-application-id", DELIVERY, true, DELIVERY | INSTALLATION),
    ("chrome-extension-id", DELIVERY, true, DELIVERY | INSTALLATION),
    ("edge-extension-id", DELIVERY, true, DELIVERY | INSTALLATION),
    ("cortex", EXTERNAL, false, EXTERNAL),
    ("boolean", OTHER, false, OTHER),
    ("uuid", OTHER, false, OTHER),
    ("anonymised", OTHER, false, EVERY),
    ("onion-address", NETWORK, true, DELIVERY | NETWORK | EXTERNAL),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_may_stand_where_it_stands_by_default() {
        for kind in all() {
            assert!(kind.fits(kind.category()), "{kind:?}");
            assert_eq!(of(kind.name()), Some(kind));
        }
        assert_eq!(of("no-such-type"), None);
    }
}
