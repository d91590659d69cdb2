//! Keys and values become a party or an agreement, or the first of them that cannot.
//!
//! The same keys serve TOML, CSV and the command line, so that there is one list to learn and one place that checks.

use std::collections::{BTreeMap, BTreeSet};

use formats::{mail_address, time, value};
use jiff::Timestamp;

use crate::model::agreement::{Agreement, AgreementKind, Channel, Purpose};
use crate::model::event::Country;
use crate::model::party::{
    Claim, Contact, ContactRole, Language, Party, PartyId, PartyKind, Product, Provenance, Responsibility, Validity,
};
use crate::model::terms::Tlp;

/// A party as written down.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WrittenParty {
    pub party: Party,
    /// It says that this is us.
    pub own: bool,
}

/// A value that cannot be, with its key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{key} = {value:?}: {reason}")]
pub struct Wrong {
    pub key: String,
    pub value: String,
    pub reason: String,
}

impl Wrong {
    pub fn new(key: &str, value: &str, reason: impl Into<String>) -> Self {
        Self { key: key.to_owned(), value: value.chars().take(120).collect(), reason: reason.into() }
    }
}

/// Ids that begin so are made from registries and cannot be given to a party by hand.
pub const DERIVED: &str = "reg.";

/// Keys and their values on the way to become something.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    given: BTreeMap<String, Vec<String>>,
}

impl Draft {
    /// Adds values to a key; empty ones say nothing.
    pub fn add(&mut self, key: impl Into<String>, values: impl IntoIterator<Item = String>) -> &mut Self {
        let values = values.into_iter().map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        self.given.entry(key.into()).or_default().extend(values);
        self
    }

    /// The value of a key, for messages.
    pub fn peek(&self, key: &str) -> Option<&str> {
        self.given.get(key)?.first().map(String::as_str)
    }

    pub fn is_empty(&self) -> bool {
        self.given.values().all(Vec::is_empty)
    }

    /// A party.
    ///
    /// # Errors
    /// [`Wrong`] names the first key whose value cannot be, is missing or unknown.
    pub fn party(mut self) -> Result<WrittenParty, Wrong> {
        let id = self.required("id", own_id)?;
        let provenance = self.said_by()?;
        let party = Party {
            name: self.one("name")?.unwrap_or_else(|| id.to_string()),
            name_ja: self.one("name_ja")?,
            kind: self.required("kind", |text| PartyKind::read(text).ok_or_else(|| words(PartyKind::ALL.map(PartyKind::as_str))))?,
            nation: self.optional("nation", country)?,
            sectors: self.set("sectors", word)?,
            communities: self.set("communities", word)?,
            clients_of: self.set("clients_of", party_id)?,
            validity: self.validity()?,
            constituency: self.claims(&provenance, Validity::default())?,
            contacts: self.each("contacts", |text| short_contact(text, &provenance))?,
            provenance,
            id,
        };
        let own = self.optional("own", yes_or_no)?.unwrap_or(false);
        self.nothing_left("a party")?;
        Ok(WrittenParty { party, own })
    }

    /// What a party answers for, of its own source and time.
    ///
    /// # Errors
    /// As [`party`](Self::party).
    pub fn answers_for(mut self) -> Result<Vec<Responsibility>, Wrong> {
        let (provenance, validity) = (self.said_by()?, self.validity()?);
        let claims = self.claims(&provenance, validity)?;
        self.nothing_left("what a party answers for")?;
        Ok(claims)
    }

    /// One contact.
    ///
    /// # Errors
    /// As [`party`](Self::party).
    pub fn contact(mut self) -> Result<Contact, Wrong> {
        let contact = Contact {
            role: self.optional("role", role)?.unwrap_or(ContactRole::Abuse),
            language: self.optional("language", language)?.unwrap_or_default(),
            address: self.required("address", address)?,
            openpgp_key: self.optional("openpgp_key", armoured_key)?,
            provenance: self.said_by()?,
            validity: self.validity()?,
        };
        self.nothing_left("a contact")?;
        Ok(contact)
    }

    /// An agreement.
    ///
    /// # Errors
    /// As [`party`](Self::party).
    pub fn agreement(mut self) -> Result<Agreement, Wrong> {
        let id = self.required("id", own_id)?.to_string();
        let agreement = Agreement {
            name: self.one("name")?.unwrap_or_else(|| id.clone()),
            kind: self
                .required("kind", |text| AgreementKind::read(text).ok_or_else(|| words(AgreementKind::ALL.map(AgreementKind::as_str))))?,
            parties: self.set("parties", party_id)?,
            communities: self.set("communities", word)?,
            max_tlp: self.required("max_tlp", |text| Tlp::read(text).ok_or_else(|| words(Tlp::ALL.map(Tlp::label))))?,
            purposes: self.set("purposes", |text| Purpose::read(text).ok_or_else(|| words(Purpose::ALL.map(Purpose::as_str))))?,
            channels: self.set("channels", |text| Channel::read(text).ok_or_else(|| words(Channel::ALL.map(Channel::as_str))))?,
            validity: self.validity()?,
            revoked_at: self.optional("revoked_at", moment)?,
            reference: self.one("reference")?.unwrap_or_default(),
            id,
        };
        self.nothing_left("an agreement")?;
        if agreement.communities.is_empty() && agreement.parties.len() < 2 {
            return Err(Wrong::new("parties", &agreement.id, "an agreement is between two parties or more, or within a community"));
        }
        Ok(agreement)
    }

    fn claims(&mut self, provenance: &Provenance, validity: Validity) -> Result<Vec<Responsibility>, Wrong> {
        let mut claims: BTreeSet<Claim> = BTreeSet::new();
        claims.extend(
            self.each("networks", |text| value::network(text).map(Claim::Network).ok_or("not a network such as 192.0.2.0/24".into()))?,
        );
        claims.extend(self.each("asns", |text| value::asn(text).map(Claim::Asn).ok_or("not an AS number".into()))?);
        claims.extend(self.each("domains", |text| {
            let domain = value::fqdn(text.strip_prefix("*.").unwrap_or(text)).ok_or("not a domain")?;
            Ok(Claim::Domain(domain.into_owned()))
        })?);
        claims.extend(self.each("countries", |text| country(text).map(Claim::Country))?);
        claims.extend(self.each("products", |text| Ok(Claim::Product(product(text)?)))?);
        Ok(claims.into_iter().map(|claim| Responsibility { claim, provenance: provenance.clone(), validity }).collect())
    }

    fn said_by(&mut self) -> Result<Provenance, Wrong> {
        let read = |text: &str| Provenance::read(text).ok_or_else(|| "neither own, claimed nor registry:NAME".to_owned());
        Ok(self.optional("said_by", read)?.unwrap_or(Provenance::Own))
    }

    fn validity(&mut self) -> Result<Validity, Wrong> {
        let validity = Validity { from: self.optional("valid_from", moment)?, until: self.optional("valid_until", moment)? };
        match validity {
            Validity { from: Some(from), until: Some(until) } if until <= from => {
                Err(Wrong::new("valid_until", &until.to_string(), format!("not after valid_from, {from}")))
            }
            validity => Ok(validity),
        }
    }

    fn one(&mut self, key: &str) -> Result<Option<String>, Wrong> {
        let values = self.given.remove(key).unwrap_or_default();
        let mut different = values.iter().filter(|v| **v != values[0]);
        if let Some(other) = different.next() {
            return Err(Wrong::new(key, other, format!("it was {:?} before, and can have one value", values[0])));
        }
        match values.into_iter().next() {
            // What stands in mails and on terminals has no line ends; a key has them, and is read by other means.
            Some(value) if key != "openpgp_key" && value.chars().any(char::is_control) => {
                Err(Wrong::new(key, &value, "it holds a control character"))
            }
            value => Ok(value),
        }
    }

    fn optional<T>(&mut self, key: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, Wrong> {
        let Some(text) = self.one(key)? else { return Ok(None) };
        read(&text).map(Some).map_err(|reason| Wrong::new(key, &text, reason))
    }

    fn required<T>(&mut self, key: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<T, Wrong> {
        self.optional(key, read)?.ok_or_else(|| Wrong::new(key, "", "missing"))
    }

    fn each<T>(&mut self, key: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, Wrong> {
        let values = self.given.remove(key).unwrap_or_default();
        values.iter().map(|text| read(text).map_err(|reason| Wrong::new(key, text, reason))).collect()
    }

    fn set<T: Ord>(&mut self, key: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<BTreeSet<T>, Wrong> {
        Ok(self.each(key, read)?.into_iter().collect())
    }

    fn nothing_left(&self, what: &str) -> Result<(), Wrong> {
        match self.given.iter().find(|(_, values)| !values.is_empty()) {
            Some((key, values)) => Err(Wrong::new(key, &values.join("; "), format!("not a key of {what}"))),
            None => Ok(()),
        }
    }
}

fn words<const N: usize>(allowed: [&str; N]) -> String {
    format!("not one of {}", allowed.join(", "))
}

fn party_id(text: &str) -> Result<PartyId, String> {
    text.parse().map_err(|error: crate::model::party::BadPartyId| error.to_string())
}

fn own_id(text: &str) -> Result<PartyId, String> {
    if text.starts_with(DERIVED) {
        return Err(format!("ids that begin with {DERIVED} are made from registries"));
    }
    party_id(text)
}

/// Sectors and communities are compared: lower case, no spaces at the ends.
fn word(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) || text.len() > 128 {
        return Err("not a word".into());
    }
    Ok(text.to_lowercase())
}

fn country(text: &str) -> Result<Country, String> {
    value::country(text).map(Country).ok_or_else(|| "not a country code such as JP".into())
}

fn moment(text: &str) -> Result<Timestamp, String> {
    time::read(text).map(|moment| moment.at).ok_or_else(|| "not a date or time".into())
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err("neither true nor false".into()),
    }
}

fn role(text: &str) -> Result<ContactRole, String> {
    ContactRole::read(text).ok_or_else(|| words(ContactRole::ALL.map(ContactRole::as_str)))
}

fn language(text: &str) -> Result<Language, String> {
    Language::read(text).ok_or_else(|| "neither en nor ja".into())
}

fn address(text: &str) -> Result<String, String> {
    mail_address::read(text).map_err(|error| error.reason.to_owned())
}

/// `Vendor` or `Vendor/Model`.
fn product(text: &str) -> Result<Product, String> {
    let (vendor, model) = text.split_once('/').map_or((text, None), |(vendor, model)| (vendor, Some(model.trim())));
    if vendor.trim().is_empty() || model.is_some_and(str::is_empty) || text.chars().any(char::is_control) {
        return Err("not a vendor, or Vendor/Model".into());
    }
    Ok(Product { vendor: vendor.trim().to_owned(), model: model.map(str::to_owned) })
}

/// Only what is armoured as a public key; whether it can be used is found when it is used.
fn armoured_key(text: &str) -> Result<String, String> {
    // RFC 9580 §6.2.
    if text.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----") && text.trim_end().ends_with("-----END PGP PUBLIC KEY BLOCK-----") {
        Ok(format!("{}\n", text.trim_end()))
    } else {
        Err("not an armoured OpenPGP public key".into())
    }
}

/// `address`, `role address` or `role language address`.
fn short_contact(text: &str, provenance: &Provenance) -> Result<Contact, String> {
    let parts: Vec<&str> = text.split_whitespace().collect();
    let (role_text, language_text, address_text) = match parts[..] {
        [address] => ("abuse", "en", address),
        [role, address] => (role, "en", address),
        [role, language, address] => (role, language, address),
        _ => return Err("not an address, `role address` or `role language address`".into()),
    };
    Ok(Contact {
        role: role(role_text)?,
        language: language(language_text)?,
        address: address(address_text)?,
        openpgp_key: None,
        provenance: provenance.clone(),
        validity: Validity::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(keys: &[(&str, &str)]) -> Draft {
        let mut draft = Draft::default();
        for (key, value) in keys {
            draft.add(*key, [(*value).to_owned()]);
        }
        draft
    }

    #[test]
    fn a_party_is_what_its_keys_say() {
        let keys = [
            ("id", "isp-jp"),
            ("name", "Example ISP"),
            ("kind", "provider"),
            ("nation", "jp"),
            ("communities", "NCA"),
            ("networks", "192.0.2.77/24"),
            ("asns", "AS64496"),
            ("domains", "*.Isp.Example"),
            ("products", "ACME/Cam 200"),
            ("contacts", "abuse ja Abuse@ISP.example"),
            ("said_by", "claimed"),
            ("valid_from", "2026-01-01"),
            ("own", "true"),
        ];
        let WrittenParty { party, own } = draft(&keys).party().unwrap();
        assert!(own);
        let claims: Vec<String> = party.constituency.iter().map(|r| r.claim.to_string()).collect();
        assert_eq!(claims, ["192.0.2.0/24", "AS64496", "isp.example", "ACME/Cam 200"]);
        assert!(party.constituency.iter().all(|r| r.provenance == Provenance::Claimed && r.validity == Validity::default()));
        assert_eq!((party.contacts[0].address.as_str(), party.contacts[0].language), ("Abuse@isp.example", Language::Ja));
        assert_eq!(party.communities.first().unwrap(), "nca");
        assert_eq!(party.validity.from.unwrap().to_string(), "2026-01-01T00:00:00Z");
    }

    #[test]
    fn what_cannot_be_is_named_with_key_and_value() {
        let party = |key: &str, value: &str| {
            let mut draft = draft(&[("id", "x"), ("kind", "provider")]);
            draft.given.remove(key);
            draft.add(key, [value.to_owned()]);
            draft.party().unwrap_err().to_string()
        };
        assert_eq!(party("networks", "300.1.2.3/24"), r#"networks = "300.1.2.3/24": not a network such as 192.0.2.0/24"#);
        assert!(party("kind", "bakery").contains("not one of national-csirt, csirt"));
        assert!(party("id", "reg.isp.example.0").contains("made from registries"));
        assert!(party("colour", "red").contains("not a key of a party"));
        assert!(party("contacts", "abuse ja a@b>.example").contains("no domain"));
        assert!(party("name", "two\nlines").contains("control character"));
        assert!(party("id", "").contains("missing"));
        let backwards = draft(&[("id", "x"), ("kind", "isac"), ("valid_from", "2026-02-01"), ("valid_until", "2026-01-01")]);
        assert!(backwards.party().unwrap_err().to_string().contains("not after valid_from"));
    }

    #[test]
    fn an_agreement_binds_two_or_a_community() {
        let keys = [("id", "a"), ("kind", "bilateral"), ("max_tlp", "amber"), ("purposes", "notify")];
        let mut with_one = draft(&keys);
        with_one.add("parties", ["x".to_owned()]);
        assert!(with_one.clone().agreement().unwrap_err().to_string().contains("two parties or more"));
        with_one.add("parties", ["y".to_owned()]);
        let agreement = with_one.agreement().unwrap();
        assert_eq!((agreement.max_tlp, agreement.parties.len(), agreement.channels.len()), (Tlp::Amber, 2, 0));
        let mut within = draft(&keys);
        within.add("communities", ["nca".to_owned()]);
        assert!(within.agreement().is_ok());
    }
}
