//! What can be watched for, looked up or blocked? A value and its kind, in the one spelling in which it is compared.
//!
//! Two sources that write the same thing differently (`hxxp://EVIL[.]example`, `http://evil.example`) give one observable.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use formats::value;

/// Longest value that is kept, in bytes; the longest URL that [`value::url`] reads is longer.
pub const LONGEST: usize = 8_192;

/// What a value is. The words are those of STIX and MISP where they have one.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Kind {
    Address,
    Network,
    Domain,
    Url,
    MailAddress,
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    Ssdeep,
    Tlsh,
    FileName,
    /// Fingerprint of an X.509 certificate.
    Certificate,
    AsNumber,
    PhoneNumber,
    /// Anything else that has a name elsewhere; compared as written.
    Other,
}

/// A text that is not what its kind says.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{value:?} is no {kind}")]
pub struct NotSo {
    pub kind: Kind,
    /// At most 200 characters of it.
    pub value: String,
}

impl Kind {
    pub const ALL: [Self; 18] = [
        Self::Address,
        Self::Network,
        Self::Domain,
        Self::Url,
        Self::MailAddress,
        Self::Md5,
        Self::Sha1,
        Self::Sha224,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
        Self::Ssdeep,
        Self::Tlsh,
        Self::FileName,
        Self::Certificate,
        Self::AsNumber,
        Self::PhoneNumber,
        Self::Other,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Network => "network",
            Self::Domain => "domain",
            Self::Url => "url",
            Self::MailAddress => "mail-address",
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            Self::Ssdeep => "ssdeep",
            Self::Tlsh => "tlsh",
            Self::FileName => "file-name",
            Self::Certificate => "certificate",
            Self::AsNumber => "as-number",
            Self::PhoneNumber => "phone-number",
            Self::Other => "other",
        }
    }

    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The kind of a MISP attribute type that holds one value. For a pair (`domain|ip`) ask for each part.
    ///
    /// ```
    /// use casework::model::observable::Kind;
    /// assert_eq!(Kind::of_misp("ip-dst"), Some(Kind::Address));
    /// assert_eq!(Kind::of_misp("domain|ip"), None);
    /// ```
    pub fn of_misp(attribute: &str) -> Option<Self> {
        Some(match attribute {
            "ip-src" | "ip-dst" | "ip" => Self::Address,
            "domain" | "hostname" => Self::Domain,
            "url" | "uri" | "link" => Self::Url,
            "email" | "email-src" | "email-dst" | "email-reply-to" | "target-email" | "whois-registrant-email" | "dns-soa-email" => {
                Self::MailAddress
            }
            "md5" => Self::Md5,
            "sha1" => Self::Sha1,
            "sha224" => Self::Sha224,
            "sha256" => Self::Sha256,
            "sha384" => Self::Sha384,
            "sha512" => Self::Sha512,
            "ssdeep" => Self::Ssdeep,
            "tlsh" => Self::Tlsh,
            "filename" => Self::FileName,
            "x509-fingerprint-md5" | "x509-fingerprint-sha1" | "x509-fingerprint-sha256" => Self::Certificate,
            "AS" => Self::AsNumber,
            "phone-number" | "whois-registrant-phone" => Self::PhoneNumber,
            _ => return None,
        })
    }

    /// The number of hexadecimal digits of a hash.
    fn digits(self) -> Option<usize> {
        Some(match self {
            Self::Md5 => 32,
            Self::Sha1 => 40,
            Self::Sha224 => 56,
            Self::Sha256 => 64,
            Self::Sha384 => 96,
            Self::Sha512 => 128,
            _ => return None,
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A value of a kind, in normal form.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Observable {
    kind: Kind,
    value: String,
}

impl Observable {
    /// Reads a value as that kind; defanging is undone, letter case that means nothing is lowered.
    ///
    /// ```
    /// use casework::model::observable::{Kind, Observable};
    /// let url = Observable::read(Kind::Url, "hxxp://EVIL[.]example/A").unwrap();
    /// assert_eq!(url.value(), "http://evil.example/A");
    /// assert!(Observable::read(Kind::Md5, "d41d8c").is_err());
    /// ```
    ///
    /// # Errors
    /// When it is none.
    pub fn read(kind: Kind, text: &str) -> Result<Self, NotSo> {
        let wrong = || NotSo { kind, value: text.chars().take(200).collect() };
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed.len() > LONGEST || trimmed.contains(|c: char| c.is_control()) {
            return Err(wrong());
        }
        let value = match kind {
            Kind::Address => value::ip(trimmed).map(|ip| ip.to_string()),
            Kind::Network => value::network(trimmed).map(|network| network.to_string()),
            Kind::Domain => value::fqdn(trimmed).map(|name| name.into_owned()),
            Kind::Url => value::url(trimmed).map(|url| url.into_owned()),
            Kind::MailAddress => mail_address(trimmed),
            Kind::Md5 | Kind::Sha1 | Kind::Sha224 | Kind::Sha256 | Kind::Sha384 | Kind::Sha512 => hash(kind, trimmed),
            Kind::Ssdeep => ssdeep(trimmed).then(|| trimmed.to_owned()),
            Kind::Tlsh => tlsh(trimmed),
            Kind::Certificate => certificate(trimmed),
            Kind::AsNumber => value::asn(trimmed).map(|number| format!("AS{number}")),
            Kind::PhoneNumber => {
                let digits: String = trimmed.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '/')).collect();
                let plain = digits.strip_prefix('+').unwrap_or(&digits);
                (!plain.is_empty() && plain.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
            }
            Kind::FileName | Kind::Other => Some(trimmed.to_owned()),
        };
        value.filter(|value| value.len() <= LONGEST).map(|value| Self { kind, value }).ok_or_else(wrong)
    }

    /// What a text without a kind most likely is: an address, network, hash, URL, mail address or name.
    ///
    /// ```
    /// use casework::model::observable::{Kind, Observable};
    /// assert_eq!(Observable::guess("192.0.2.0/24").unwrap().kind(), Kind::Network);
    /// assert_eq!(Observable::guess("a@b.example").unwrap().kind(), Kind::MailAddress);
    /// ```
    pub fn guess(text: &str) -> Option<Self> {
        let hash = match value::hash_kind(text.trim()) {
            Some("md5") => Some(Kind::Md5),
            Some("sha1") => Some(Kind::Sha1),
            Some("sha256") => Some(Kind::Sha256),
            Some("sha512") => Some(Kind::Sha512),
            _ => None,
        };
        let order = [Kind::Address, Kind::Url, Kind::Network, Kind::MailAddress, Kind::Tlsh, Kind::Ssdeep, Kind::Domain];
        hash.into_iter().chain(order).find_map(|kind| Self::read(kind, text).ok())
    }

    pub fn of_ip(ip: IpAddr) -> Self {
        Self { kind: Kind::Address, value: ip.to_canonical().to_string() }
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn value(&self) -> &str {
        &self.value
    }

    /// Of an address.
    pub fn ip(&self) -> Option<IpAddr> {
        if self.kind == Kind::Address { self.value.parse().ok() } else { None }
    }

    /// The host that a URL or mail address leads to, as an observable of its own.
    pub fn host(&self) -> Option<Self> {
        let host = match self.kind {
            Kind::Url => value::host_of(&self.value)?,
            Kind::MailAddress => self.value.rsplit_once('@')?.1,
            _ => return None,
        };
        Self::read(Kind::Address, host).or_else(|_| Self::read(Kind::Domain, host)).ok()
    }
}

/// `kind value`, as [`FromStr`] reads it.
impl fmt::Display for Observable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.value)
    }
}

impl FromStr for Observable {
    type Err = NotSo;

    fn from_str(text: &str) -> Result<Self, NotSo> {
        let wrong = || NotSo { kind: Kind::Other, value: text.chars().take(200).collect() };
        let (kind, value) = text.split_once(' ').ok_or_else(wrong)?;
        Self::read(Kind::read(kind).ok_or_else(wrong)?, value)
    }
}

fn hash(kind: Kind, text: &str) -> Option<String> {
    (kind.digits() == Some(text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())).then(|| text.to_ascii_lowercase())
}

fn certificate(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| *c != ':').collect();
    [Kind::Md5, Kind::Sha1, Kind::Sha256].into_iter().find_map(|kind| hash(kind, &digits))
}

/// The domain in its normal form; what stands before it is for the receiving host to judge (RFC 5321 §2.4), yet lower-cased here,
/// because in practice none distinguishes.
fn mail_address(text: &str) -> Option<String> {
    let refanged = value::refang(text);
    let (local, domain) = refanged.rsplit_once('@')?;
    let plain = |c: char| !c.is_whitespace() && !matches!(c, '<' | '>' | '@' | ',' | ';');
    if local.is_empty() || local.len() > 64 || !local.chars().all(plain) {
        return None;
    }
    Some(format!("{}@{}", local.to_lowercase(), value::fqdn(domain)?))
}

/// `block size:hash:hash`, each hash in the letters of base64.
fn ssdeep(text: &str) -> bool {
    let mut parts = text.splitn(3, ':');
    let (Some(size), Some(one), Some(two)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let letters = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'));
    !size.starts_with('0') && size.parse::<u32>().is_ok_and(|size| size >= 3) && letters(one) && letters(two)
}

/// 70 hexadecimal digits, upper case; version `T1` before them.
fn tlsh(text: &str) -> Option<String> {
    let digits = if text.len() == 72 { text.strip_prefix("T1").or_else(|| text.strip_prefix("t1"))? } else { text };
    (digits.len() == 70 && digits.bytes().all(|b| b.is_ascii_hexdigit())).then(|| format!("T1{}", digits.to_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_thing_has_one_spelling() {
        for (kind, text, want) in [
            (Kind::Address, "::ffff:192.0.2.1", "192.0.2.1"),
            (Kind::Network, "192.0.2.77/24", "192.0.2.0/24"),
            (Kind::Domain, "Evil[.]Example.", "evil.example"),
            (Kind::MailAddress, "Phisher@EVIL.example", "phisher@evil.example"),
            (Kind::Md5, "D41D8CD98F00B204E9800998ECF8427E", "d41d8cd98f00b204e9800998ecf8427e"),
            (Kind::Certificate, "DA:39:A3:EE:5E:6B:4B:0D:32:55:BF:EF:95:60:18:90:AF:D8:07:09", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
            (Kind::AsNumber, "as 64496", "AS64496"),
            (Kind::PhoneNumber, "+81 (3) 1234-5678", "+81312345678"),
        ] {
            assert_eq!(Observable::read(kind, text).unwrap().value(), want);
        }
        for (kind, text) in
            [(Kind::Address, "300.1.2.3"), (Kind::Domain, "192.0.2.1"), (Kind::Sha1, "xyz"), (Kind::MailAddress, "@"), (Kind::Other, " ")]
        {
            assert!(Observable::read(kind, text).is_err(), "{kind} {text}");
        }
    }

    #[test]
    fn a_url_leads_to_a_host() {
        let host = |url| Observable::read(Kind::Url, url).unwrap().host().unwrap().to_string();
        assert_eq!(host("http://u@Evil.Example.:8080/x"), "domain evil.example");
        assert_eq!(host("http://[2001:db8::1]/"), "address 2001:db8::1");
    }

    #[test]
    fn words_are_read_back() {
        for kind in Kind::ALL {
            assert_eq!(Kind::read(kind.as_str()), Some(kind));
        }
    }

    proptest! {
        #[test]
        fn the_normal_form_is_its_own(kind in 0_usize..Kind::ALL.len(), text in "\\PC{0,60}") {
            if let Ok(once) = Observable::read(Kind::ALL[kind], &text) {
                let again = once.to_string().parse::<Observable>();
                prop_assert_eq!(again, Ok(once));
            }
        }

        #[test]
        fn whatever_is_guessed_is_that(text in "[0-9a-f.:/@]{1,40}") {
            if let Some(one) = Observable::guess(&text) {
                prop_assert_eq!(Observable::read(one.kind(), one.value()), Ok(one));
            }
        }
    }
}
