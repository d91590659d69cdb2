//! Answers of the Registration Data Access Protocol (RFC 9083): a network, AS number, domain or entity, and who is behind it.
//!
//! Entities nest, and registries repeat one that has many roles: [`Answer::abuse_contacts`] finds those with the role `abuse` at any depth, each
//! handle once. Only what tells whom to reach is read; everything else of an answer is passed over.

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::Value;

use crate::address_table::Range;
use crate::value::{self, Network};

/// One answer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Answer {
    /// `ip network`, `autnum`, `domain`, `entity`, `nameserver`.
    pub object_class_name: Option<String>,
    pub handle: Option<String>,
    pub name: Option<String>,
    pub country: Option<String>,
    start_address: Option<String>,
    end_address: Option<String>,
    start_autnum: Option<u32>,
    end_autnum: Option<u32>,
    ldh_name: Option<String>,
    #[serde(rename = "cidr0_cidrs")]
    cidrs: Vec<Cidr>,
    entities: Vec<Entity>,
    error_code: Option<u32>,
    title: Option<String>,
    rdap_conformance: Option<Vec<String>>,
}

/// `cidr0` extension: the prefixes of a network.
#[derive(Clone, Debug, Deserialize)]
struct Cidr {
    #[serde(alias = "v6prefix")]
    v4prefix: Option<String>,
    length: Option<u8>,
}

/// A person, role or organisation (RFC 9083 §5.1).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Entity {
    handle: Option<String>,
    roles: Vec<String>,
    /// jCard (RFC 7095): `["vcard", [[name, parameters, type, value…]…]]`.
    vcard_array: Value,
    entities: Vec<Entity>,
}

/// Somebody to be told of abuse.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AbuseContact {
    pub handle: Option<String>,
    pub name: Option<String>,
    /// As written; not checked.
    pub mails: Vec<String>,
}

/// Why bytes are no answer that says something.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotAnAnswer {
    #[error("no RDAP answer: {0}")]
    NotRdap(String),
    #[error("the server answered with error {code}: {title}")]
    Error { code: u32, title: String },
}

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// [`NotAnAnswer`] for other JSON, and for an answer that only says what went wrong (RFC 9083 §6).
    ///
    /// ```
    /// use formats::rdap::Answer;
    /// let answer = Answer::read(br#"{"objectClassName":"autnum","startAutnum":64496,"endAutnum":64496,"entities":[{"handle":"A","roles":["abuse"],
    ///     "vcardArray":["vcard",[["email",{},"text","abuse@isp.example"]]]}]}"#)?;
    /// assert_eq!(answer.as_numbers(), Some((64496, 64496)));
    /// assert_eq!(answer.abuse_contacts()[0].mails, ["abuse@isp.example"]);
    /// # Ok::<(), formats::rdap::NotAnAnswer>(())
    /// ```
    pub fn read(json: &[u8]) -> Result<Self, NotAnAnswer> {
        let answer: Self = serde_json::from_slice(json).map_err(|error| NotAnAnswer::NotRdap(error.to_string()))?;
        if let Some(code) = answer.error_code {
            return Err(NotAnAnswer::Error { code, title: answer.title.unwrap_or_default() });
        }
        if answer.object_class_name.is_none() && answer.rdap_conformance.is_none() {
            return Err(NotAnAnswer::NotRdap("it has neither objectClassName nor rdapConformance".into()));
        }
        Ok(answer)
    }

    /// The prefixes of a network.
    pub fn networks(&self) -> Vec<Network> {
        let listed = self.cidrs.iter().filter_map(|cidr| Network::new(value::ip(cidr.v4prefix.as_deref()?)?, cidr.length?));
        let listed: Vec<Network> = listed.collect();
        if !listed.is_empty() {
            return listed;
        }
        let end = |text: &Option<String>| text.as_deref().and_then(value::ip);
        let range = end(&self.start_address).zip(end(&self.end_address)).and_then(|(first, last)| Range::new(first, last));
        range.map(prefixes).unwrap_or_default()
    }

    /// First and last AS number of a block.
    pub fn as_numbers(&self) -> Option<(u32, u32)> {
        self.start_autnum.zip(self.end_autnum).filter(|(first, last)| first <= last)
    }

    /// The name of a domain.
    pub fn domain(&self) -> Option<String> {
        let is_domain = self.object_class_name.as_deref() == Some("domain");
        self.ldh_name.as_deref().filter(|_| is_domain).and_then(value::fqdn).map(std::borrow::Cow::into_owned)
    }

    /// Everybody with the role `abuse`, at any depth, each handle once; nearest first.
    pub fn abuse_contacts(&self) -> Vec<AbuseContact> {
        let mut found: Vec<AbuseContact> = Vec::new();
        let mut level: Vec<&Entity> = self.entities.iter().collect();
        while !level.is_empty() {
            for entity in level.iter().filter(|e| e.roles.iter().any(|role| role.eq_ignore_ascii_case("abuse"))) {
                let known = |other: &AbuseContact| entity.handle.is_some() && other.handle == entity.handle;
                if !found.iter().any(known) {
                    let texts = |property| texts(&entity.vcard_array, property);
                    found.push(AbuseContact { handle: entity.handle.clone(), name: texts("fn").into_iter().next(), mails: texts("email") });
                }
            }
            level = level.into_iter().flat_map(|entity| &entity.entities).collect();
        }
        found
    }

    /// The name of the registrant, else of the object.
    pub fn holder(&self) -> Option<String> {
        let registrant = self.entities.iter().find(|e| e.roles.iter().any(|role| role.eq_ignore_ascii_case("registrant")));
        let named = registrant.and_then(|e| texts(&e.vcard_array, "fn").into_iter().find(|name| !name.trim().is_empty()));
        named.or_else(|| self.name.clone())
    }
}

/// The texts of a jCard's property.
fn texts(card: &Value, property: &str) -> Vec<String> {
    let properties = card.get(1).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let named = properties.iter().filter_map(Value::as_array).filter(|p| p.first().and_then(Value::as_str) == Some(property));
    named.flat_map(|p| p.iter().skip(3)).filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The fewest prefixes that make up a range.
///
/// ```
/// let range = formats::address_table::Range::new("192.0.2.0".parse().unwrap(), "192.0.2.191".parse().unwrap()).unwrap();
/// let prefixes: Vec<String> = formats::rdap::prefixes(range).iter().map(ToString::to_string).collect();
/// assert_eq!(prefixes, ["192.0.2.0/25", "192.0.2.128/26"]);
/// ```
pub fn prefixes(range: Range) -> Vec<Network> {
    let (bits, mut first, last) = match (range.first(), range.last()) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (32, u128::from(a.to_bits()), u128::from(b.to_bits())),
        (IpAddr::V6(a), IpAddr::V6(b)) => (128, a.to_bits(), b.to_bits()),
        _ => return Vec::new(),
    };
    let mut all = Vec::new();
    loop {
        // As large as its first address is aligned and as fits.
        let mut host = first.trailing_zeros().min(bits);
        let end = |host: u32| first.checked_add(1_u128.checked_shl(host).unwrap_or(0).wrapping_sub(1));
        while host > 0 && end(host).is_none_or(|end| end > last) {
            host -= 1;
        }
        let address = if bits == 32 { IpAddr::V4((first as u32).into()) } else { IpAddr::V6(first.into()) };
        all.extend(Network::new(address, (bits - host) as u8));
        match end(host).filter(|end| *end < last) {
            Some(end) => first = end + 1,
            None => return all,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abuse_role_deep_inside_is_found_once() {
        let json = br#"{"objectClassName":"ip network","startAddress":"2001:db8::","endAddress":"2001:db8::ffff","entities":[
            {"handle":"ORG","roles":["registrant"],"vcardArray":["vcard",[["fn",{},"text","Example Org"]]],"entities":[
              {"handle":"P1","roles":["noc","Abuse"],"vcardArray":["vcard",[["fn",{},"text","Pat"],["email",{"type":"work"},"text","a@b.example","c@d.example"]]]}]},
            {"handle":"P1","roles":["abuse"],"vcardArray":["vcard",[["email",{},"text","a@b.example"]]]},
            {"roles":["abuse"],"vcardArray":"odd"}]}"#;
        let answer = Answer::read(json).unwrap();
        assert_eq!(answer.networks().iter().map(ToString::to_string).collect::<Vec<_>>(), ["2001:db8::/112"]);
        assert_eq!(answer.holder().as_deref(), Some("Example Org"));
        let found: Vec<_> = answer.abuse_contacts().into_iter().map(|c| (c.handle, c.mails)).collect();
        assert_eq!(found, [(Some("P1".into()), vec!["a@b.example".to_owned()]), (None, vec![])]);
    }

    #[test]
    fn other_json_and_errors_are_told_apart() {
        assert!(matches!(Answer::read(b"{}"), Err(NotAnAnswer::NotRdap(_))));
        assert!(matches!(Answer::read(b"["), Err(NotAnAnswer::NotRdap(_))));
        let error = Answer::read(br#"{"errorCode":404,"title":"not found"}"#).unwrap_err();
        assert_eq!(error.to_string(), "the server answered with error 404: not found");
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "the oracle is files, where the environment says")]
    fn real_answers_name_who_is_to_be_told() {
        let shared = std::env::var_os("MUSUBI_SHARED")
            .map_or_else(|| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), std::path::PathBuf::from);
        let read = |name: &str| std::fs::read(shared.join("data/trust/rdap-icann").join(name));
        let (Ok(network), Ok(asn), Ok(error)) = (read("network_192_198_0_0.json"), read("autnum_16509.json"), read("error_ripe_net.json"))
        else {
            eprintln!("skipped: no RDAP answers in {} (set MUSUBI_SHARED)", shared.display());
            return;
        };
        let network = Answer::read(&network).unwrap();
        assert_eq!(network.networks()[0].to_string(), "192.198.0.0/22");
        let handles: Vec<_> = network.abuse_contacts().into_iter().filter_map(|c| c.handle).collect();
        assert_eq!(handles, ["PETSI-ARIN"]);
        let asn = Answer::read(&asn).unwrap();
        assert_eq!(asn.as_numbers(), Some((16509, 16509)));
        assert!(!asn.abuse_contacts().is_empty());
        assert!(Answer::read(&error).is_err());
    }

    proptest::proptest! {
        #[test]
        fn prefixes_cover_a_range_and_nothing_else(first: u32, size in 0..100_000_u32) {
            let last = first.saturating_add(size);
            let range = Range::new(IpAddr::V4(first.into()), IpAddr::V4(last.into())).unwrap();
            let mut next = Some(first);
            for prefix in prefixes(range) {
                proptest::prop_assert_eq!(Some(prefix.address()), next.map(|n| IpAddr::V4(n.into())));
                let IpAddr::V4(end) = prefix.last() else { unreachable!("one family") };
                next = end.to_bits().checked_add(1);
            }
            proptest::prop_assert_eq!(next, last.checked_add(1));
        }
    }
}
