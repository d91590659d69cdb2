//! What is it called? Identifiers, and names that two who saw the same thing give it without asking each other.
//!
//! STIX 2.1 §2.9: `type--UUID`; §3.4 for observables a UUIDv5 over the ID contributing properties.

use uuid::Uuid;

/// Namespace of the deterministic identifiers of observables (§2.9); nothing else may be named in it.
pub const SCO_NAMESPACE: Uuid = Uuid::from_u128(0x00abedb4_aa42_466c_9c01_fed23315a9b7);

/// `type--UUID`, taken apart.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Identifier<'a> {
    pub object_type: &'a str,
    pub uuid: Uuid,
}

impl<'a> Identifier<'a> {
    /// Takes an identifier apart; `None` when it is none.
    ///
    /// ```
    /// use formats::stix::Identifier;
    /// let id = Identifier::read("ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4").unwrap();
    /// assert_eq!((id.object_type, id.uuid.get_version_num()), ("ipv4-addr", 5));
    /// assert!(Identifier::read("ipv4-addr--28bb3599").is_none());
    /// ```
    pub fn read(text: &'a str) -> Option<Self> {
        let at = text.len().checked_sub(38)?;
        let (object_type, uuid) = (text.get(..at)?, text.get(at..)?.strip_prefix("--")?);
        if !type_name(object_type) {
            return None;
        }
        // Only the hyphenated form is one here.
        let uuid = Uuid::try_parse(uuid).ok().filter(|_| uuid.as_bytes()[8] == b'-')?;
        Some(Self { object_type, uuid })
    }
}

impl std::fmt::Display for Identifier<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}--{}", self.object_type, self.uuid)
    }
}

/// §3.1 and §11: letters, digits and single hyphens, at most 250. Lower case is asked for by the check, not needed to tell an identifier.
fn type_name(text: &str) -> bool {
    (1..=250).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
}
