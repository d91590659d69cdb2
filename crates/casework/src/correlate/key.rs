//! What is this event about?
//!
//! | kind | of | key |
//! |---|---|---|
//! | `campaign` | any class, when the report names its campaign (`extra.campaign`) | the name |
//! | `site` | `phishing`, `masquerade`, `malware-distribution`, defacement: a host name or URL | class, registered domain, shape of the path |
//! | `c2` | `c2-server` | address (else host name) and port |
//! | `address` | everything else with an address | address (with port for what is `vulnerable`), class, malware, else identifier |
//!
//! The first that fits is the key. An event without any of these belongs to no case. Classes `other`, `undetermined` and `test`
//! tell of nothing to be worked on and have no key unless they name a campaign.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use formats::rsit::Class;
use formats::value::{Network, host_of};

use super::shape::path_shape;
use crate::enrich::registered_domain;

/// The part of an event by which it is grouped.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen<'a> {
    pub class: Class,
    pub ip: Option<IpAddr>,
    pub port: Option<u16>,
    pub fqdn: Option<&'a str>,
    pub url: Option<&'a str>,
    pub malware: Option<&'a str>,
    pub identifier: Option<&'a str>,
    /// As the report names it.
    pub campaign: Option<&'a str>,
}

/// By what the problem is called.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Name {
    Malware(String),
    Identifier(String),
}

/// What a case is about.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum CaseKey {
    Campaign(String),
    Site { class: Class, domain: String, shape: String },
    C2 { host: String, port: Option<u16> },
    Address { ip: IpAddr, port: Option<u16>, class: Class, name: Option<Name> },
}

/// Longest name of a malware, identifier or campaign in a key, in characters.
const LONGEST_NAME: usize = 100;

/// Classes that tell of a site rather than of a machine.
const SITES: [Class; 4] = [
    Class::known("phishing"),
    Class::known("masquerade"),
    Class::known("malware-distribution"),
    Class::known("unauthorised-information-modification"),
];

impl CaseKey {
    /// The key of an event; `None` when it belongs to no case.
    ///
    /// ```
    /// use casework::correlate::key::{CaseKey, Seen};
    /// use formats::rsit::Class;
    /// let seen = Seen { class: Class::known("infected-system"), ip: "192.0.2.1".parse().ok(), malware: Some("Mirai"), ..Seen::default() };
    /// assert_eq!(CaseKey::of(&seen).unwrap().to_string(), "address 192.0.2.1 infected-system malware mirai");
    /// ```
    pub fn of(seen: &Seen<'_>) -> Option<Self> {
        if let Some(campaign) = seen.campaign.and_then(name) {
            return Some(Self::Campaign(campaign));
        }
        Self::of_place(seen)
    }

    /// The key of what can be taken down: as [`CaseKey::of`], whatever campaign it is part of.
    pub fn of_place(seen: &Seen<'_>) -> Option<Self> {
        let class = seen.class;
        if matches!(class.taxonomy(), "other" | "test") {
            return None;
        }
        if SITES.contains(&class)
            && let Some(host) = seen.url.and_then(host_of).or(seen.fqdn)
        {
            // A site on a bare address, or under a public suffix itself, is named by its host.
            let host = host.trim_end_matches('.').to_ascii_lowercase();
            let domain = if host.parse::<IpAddr>().is_ok() { host } else { registered_domain(&host).unwrap_or(&host).to_owned() };
            let shape = seen.url.map_or_else(|| "/".to_owned(), path_shape);
            return (!domain.is_empty() && !domain.contains(char::is_whitespace)).then_some(Self::Site { class, domain, shape });
        }
        if class == Class::known("c2-server") {
            let host = match (seen.ip, seen.fqdn) {
                (Some(ip), _) => ip.to_string(),
                (None, Some(name)) if !name.is_empty() && !name.contains(char::is_whitespace) => name.to_ascii_lowercase(),
                (None, _) => return None,
            };
            return Some(Self::C2 { host, port: seen.port });
        }
        let port = if class.taxonomy() == "vulnerable" { seen.port } else { None };
        let called = seen.malware.and_then(name).map(Name::Malware).or_else(|| seen.identifier.and_then(name).map(Name::Identifier));
        Some(Self::Address { ip: seen.ip?, port, class, name: called })
    }

    /// Reads what [`fmt::Display`] writes.
    pub fn read(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(' ')?;
        let key = match kind {
            "campaign" => Self::Campaign(name(rest)?),
            "site" => {
                let mut words = rest.split(' ');
                let (class, domain, shape) = (Class::of(words.next()?)?, words.next()?, words.next()?);
                Self::Site { class, domain: domain.to_owned(), shape: shape.to_owned() }
            }
            "c2" => {
                let (host, port) = host_port(rest)?;
                Self::C2 { host: host.into_owned(), port }
            }
            "address" => {
                let mut words = rest.splitn(4, ' ');
                let (host, port) = host_port(words.next()?)?;
                let class = Class::of(words.next()?)?;
                let name = match (words.next(), words.next()) {
                    (None, None) => None,
                    (Some("malware"), Some(malware)) => Some(Name::Malware(malware.to_owned())),
                    (Some("identifier"), Some(identifier)) => Some(Name::Identifier(identifier.to_owned())),
                    _ => return None,
                };
                Self::Address { ip: host.parse().ok()?, port, class, name }
            }
            _ => return None,
        };
        // Only one spelling is a key.
        (key.to_string() == text).then_some(key)
    }

    pub fn kind(&self) -> &'static str {
        match self {
            Self::Campaign(_) => "campaign",
            Self::Site { .. } => "site",
            Self::C2 { .. } => "c2",
            Self::Address { .. } => "address",
        }
    }

    /// `None` for a campaign, which may be of several.
    pub fn class(&self) -> Option<Class> {
        match self {
            Self::Campaign(_) => None,
            Self::Site { class, .. } | Self::Address { class, .. } => Some(*class),
            Self::C2 { .. } => Some(Class::known("c2-server")),
        }
    }

    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Campaign(_) => None,
            Self::Site { domain: host, .. } | Self::C2 { host, .. } => host.parse().ok(),
            Self::Address { ip, .. } => Some(*ip),
        }
    }

    /// Where it is, without what it is called: what two sensors with different words for it have in common.
    pub fn place(&self) -> String {
        match self {
            Self::Address { ip, port, class, .. } => Self::Address { ip: *ip, port: *port, class: *class, name: None }.to_string(),
            Self::Campaign(_) | Self::Site { .. } | Self::C2 { .. } => self.to_string(),
        }
    }

    /// The same problem, given that it was seen at the same [`CaseKey::place`] under these names. When in doubt it is: only two
    /// different names of one kind (for what is vulnerable: of the weakness; else: of the malware) make it another.
    pub fn same_thing(&self, malware: Option<&str>, identifier: Option<&str>) -> bool {
        let differs = |ours: &str, theirs: Option<&str>| theirs.and_then(name).is_some_and(|theirs| theirs != ours);
        match self {
            Self::Address { class, name: Some(Name::Identifier(ours)), .. } if class.taxonomy() == "vulnerable" => {
                !differs(ours, identifier)
            }
            Self::Address { name: Some(Name::Malware(ours)), .. } => !differs(ours, malware),
            Self::Address { .. } | Self::Campaign(_) | Self::Site { .. } | Self::C2 { .. } => true,
        }
    }

    /// A line that a person reads in a list.
    pub fn title(&self) -> String {
        match self {
            Self::Campaign(name) => format!("campaign {name}"),
            Self::Site { class, domain, shape } => format!("{} at {domain}{shape}", class.type_()),
            Self::C2 { host, port } => format!("c2-server at {}", with_port(host, *port)),
            Self::Address { ip, port, class, name } => {
                let called = match name {
                    Some(Name::Malware(name) | Name::Identifier(name)) => format!(" ({name})"),
                    None => String::new(),
                };
                format!("{}{called} at {}", class.type_(), with_port(&ip.to_string(), *port))
            }
        }
    }
}

/// Neighbours that one sensor would see alike: /24 of IPv4, /48 of IPv6.
pub fn neighbourhood(ip: IpAddr) -> Option<Network> {
    Network::new(ip, if ip.is_ipv4() { 24 } else { 48 })
}

/// A name in one spelling: lower case, single blanks, no control characters; `None` when nothing is left.
fn name(text: &str) -> Option<String> {
    let lower: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().to_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    let short: String = words.join(" ").chars().take(LONGEST_NAME).collect();
    let short = short.trim_end();
    (!short.is_empty()).then(|| short.to_owned())
}

fn with_port(host: &str, port: Option<u16>) -> String {
    match port {
        Some(port) if host.contains(':') => format!("[{host}]:{port}"),
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn host_port(text: &str) -> Option<(Cow<'_, str>, Option<u16>)> {
    if text.is_empty() || text.contains(' ') {
        return None;
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once("]:")?;
        return Some((host.into(), Some(port.parse().ok()?)));
    }
    match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => Some((host.into(), Some(port.parse().ok()?))),
        _ => Some((text.into(), None)),
    }
}

impl fmt::Display for CaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Campaign(name) => write!(f, "campaign {name}"),
            Self::Site { class, domain, shape } => write!(f, "site {} {domain} {shape}", class.type_()),
            Self::C2 { host, port } => write!(f, "c2 {}", with_port(host, *port)),
            Self::Address { ip, port, class, name } => {
                write!(f, "address {} {}", with_port(&ip.to_string(), *port), class.type_())?;
                match name {
                    Some(Name::Malware(name)) => write!(f, " malware {name}"),
                    Some(Name::Identifier(name)) => write!(f, " identifier {name}"),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(class: &str, set: impl FnOnce(&mut Seen<'static>)) -> Option<String> {
        let mut seen = Seen { class: Class::of(class).unwrap(), ip: "192.0.2.1".parse().ok(), port: Some(23), ..Seen::default() };
        set(&mut seen);
        CaseKey::of(&seen).map(|key| key.to_string())
    }

    #[test]
    fn an_infection_is_known_by_its_address_and_malware_whatever_port_it_used() {
        let one = key("infected-system", |s| s.malware = Some("Mirai"));
        let two = key("infected-system", |s| (s.malware, s.port, s.identifier) = (Some("mirai "), Some(40_000), Some("sinkhole")));
        assert_eq!((one.as_deref(), &one), (Some("address 192.0.2.1 infected-system malware mirai"), &two));
    }

    #[test]
    fn an_open_service_is_known_by_its_port_too() {
        let telnet = key("vulnerable-system", |s| s.identifier = Some("open-telnet"));
        assert_eq!(telnet.as_deref(), Some("address 192.0.2.1:23 vulnerable-system identifier open-telnet"));
    }

    #[test]
    fn pages_of_one_phishing_site_are_one_case_wherever_below_the_domain_they_lie() {
        let one = key("phishing", |s| s.url = Some("https://login.bank.example/jp/7f3a9c01/signin.php?id=12"));
        let two = key("phishing", |s| (s.url, s.ip) = (Some("http://www.bank.example/jp/00aa11bb/signin.php?id=9"), None));
        assert_eq!((one.as_deref(), &one), (Some("site phishing bank.example /jp/*/signin.php?id"), &two));
        assert_eq!(key("phishing", |s| s.url = Some("http://192.0.2.7/a")).as_deref(), Some("site phishing 192.0.2.7 /a"));
    }

    #[test]
    fn a_campaign_comes_before_everything_and_nothing_comes_of_a_test() {
        assert_eq!(key("phishing", |s| s.campaign = Some("Operation  X")).as_deref(), Some("campaign operation x"));
        assert_eq!(key("test", |_| {}), None);
        assert_eq!(key("infected-system", |s| s.ip = None), None);
        assert_eq!(key("c2-server", |s| s.ip = "2001:db8::1".parse().ok()).as_deref(), Some("c2 [2001:db8::1]:23"));
    }

    #[test]
    fn another_sensors_vaguer_word_for_it_is_still_the_same_thing() {
        let mirai = CaseKey::read("address 192.0.2.1 infected-system malware mirai").unwrap();
        assert!(mirai.same_thing(None, Some("sinkhole-http")) && mirai.same_thing(Some("MIRAI"), None));
        assert!(!mirai.same_thing(Some("gozi"), None));
        let telnet = CaseKey::read("address 192.0.2.1:23 vulnerable-system identifier open-telnet").unwrap();
        assert!(telnet.same_thing(Some("mirai"), None) && !telnet.same_thing(None, Some("open-ssh")));
    }

    proptest! {
        #[test]
        fn a_key_is_read_back_from_its_text(
            class in 0_usize..39,
            ip in proptest::option::of(any::<IpAddr>()),
            port in proptest::option::of(any::<u16>()),
            fqdn in proptest::option::of("[a-z]{1,5}(\\.[a-z]{2,5}){0,3}"),
            url in proptest::option::of("https?://[a-z0-9.:]{1,20}/[ -~]{0,30}"),
            malware in proptest::option::of("\\PC{0,20}"),
            identifier in proptest::option::of("\\PC{0,120}"),
            campaign in proptest::option::weighted(0.2, "\\PC{0,20}"),
        ) {
            let class = Class::all().nth(class).unwrap();
            let seen = Seen {
                class, ip, port, fqdn: fqdn.as_deref(), url: url.as_deref(), malware: malware.as_deref(),
                identifier: identifier.as_deref(), campaign: campaign.as_deref(),
            };
            for key in CaseKey::of(&seen).into_iter().chain(CaseKey::of_place(&seen)) {
                let text = key.to_string();
                let read = CaseKey::read(&text);
                prop_assert_eq!(read.as_ref(), Some(&key), "{}", text);
                prop_assert!(key.same_thing(malware.as_deref(), identifier.as_deref()));
            }
        }

        #[test]
        fn no_text_makes_reading_fail_otherwise_than_by_saying_so(text in "(campaign|site|c2|address)? ?\\PC{0,60}") {
            let _ = CaseKey::read(&text);
        }
    }
}
