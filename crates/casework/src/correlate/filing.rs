//! Where else was this value seen? Under which keys a value is filed, and under which a question looks.
//!
//! Pairs of what belongs together are never stored: they grow with the square of what is common. Each value is filed under a few keys,
//! and who asks looks under a few:
//!
//! | of | filed under | a question also looks for |
//! |---|---|---|
//! | address | itself; its /24 or /48 | networks around it; its neighbours |
//! | network | itself | networks around it; addresses in it, from /24 or /48 on |
//! | domain | itself; its registered domain | names of the same registered domain |
//! | URL, mail address | itself; its host, as a name or address is filed | the same host, the same registered domain |
//! | ssdeep | itself; each run of seven letters with its block size | hashes that share one: those that a comparison can find alike |
//! | tlsh | itself; each of 16 pieces of its body | hashes that share one: all within a distance of 15, many up to 60 |
//! | other hashes, anything else | itself | |

use std::collections::BTreeSet;
use std::net::IpAddr;

use formats::value::{Network, network};

use super::key::neighbourhood;
use super::similar;
use crate::enrich::registered_domain;
use crate::model::observable::{Kind, Observable};

/// Longest network that is looked for around an address, and the shortest.
const SHORTEST_V4: u8 = 8;
const SHORTEST_V6: u8 = 16;

/// How what is filed under a key is related to what is asked about.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Relation {
    /// The same value.
    Same,
    /// The same host: of a URL, of a mail address, or by itself.
    Host,
    /// A network around it.
    Around,
    /// An address in it, or in the same /24 or /48.
    Near,
    /// A name under the same registered domain.
    Domain,
    /// Perhaps a similar file: the hashes are to be compared.
    Similar,
}

impl Relation {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Host => "host",
            Self::Around => "around",
            Self::Near => "near",
            Self::Domain => "domain",
            Self::Similar => "similar",
        }
    }
}

/// What values are filed by: 80 bits of a hash, so that ten million keys have no two alike (chance 10⁻¹⁰).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Key {
    /// Sorts.
    pub hash: u64,
    /// Tells two of one `hash` apart.
    pub check: u16,
}

impl Key {
    fn new(drawer: &str, text: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(drawer.as_bytes()).update(b"\0").update(text.as_bytes());
        let hash = hasher.finalize();
        let [a, b, c, d, e, f, g, h, i, j, ..] = *hash.as_bytes();
        Self { hash: u64::from_be_bytes([a, b, c, d, e, f, g, h]), check: u16::from_be_bytes([i, j]) }
    }

    fn same(observable: &Observable) -> Self {
        Self::new(observable.kind().as_str(), observable.value())
    }
}

/// The keys that a value is filed under, each once.
///
/// ```
/// use casework::correlate::filing::filed_under;
/// use casework::model::observable::{Kind, Observable};
/// assert_eq!(filed_under(&Observable::read(Kind::Sha1, "da39a3ee5e6b4b0d3255bfef95601890afd80709").unwrap()).len(), 1);
/// assert_eq!(filed_under(&Observable::read(Kind::Url, "http://www.evil.example/x").unwrap()).len(), 3);
/// ```
pub fn filed_under(observable: &Observable) -> BTreeSet<Key> {
    let mut keys = BTreeSet::from([Key::same(observable)]);
    match observable.kind() {
        Kind::Address | Kind::Domain => file_host(observable, &mut keys),
        Kind::Url | Kind::MailAddress => {
            if let Some(host) = observable.host() {
                file_host(&host, &mut keys);
            }
        }
        Kind::Ssdeep => keys.extend(similar::ssdeep_pieces(observable.value()).iter().map(|piece| Key::new("ssdeep-piece", piece))),
        Kind::Tlsh => keys.extend(similar::tlsh_pieces(observable.value()).iter().map(|piece| Key::new("tlsh-piece", piece))),
        _ => {}
    }
    keys
}

fn file_host(host: &Observable, keys: &mut BTreeSet<Key>) {
    keys.insert(Key::new("host", host.value()));
    if let Some(ip) = host.ip() {
        keys.extend(neighbourhood(ip).map(|near| Key::new("near", &near.to_string())));
    } else if let Some(domain) = registered_domain(host.value()) {
        keys.insert(Key::new("registered-domain", domain));
    }
}

/// The keys that a question about a value looks under, and what is found there. Each key once, under its closest relation.
///
/// ```
/// use casework::correlate::filing::{Relation, asked_for};
/// use casework::model::observable::{Kind, Observable};
/// let asked = asked_for(&Observable::read(Kind::Domain, "www.evil.example").unwrap());
/// assert_eq!(asked.iter().map(|(relation, _)| *relation).collect::<Vec<_>>(), [Relation::Same, Relation::Host, Relation::Domain]);
/// ```
pub fn asked_for(observable: &Observable) -> Vec<(Relation, Key)> {
    let mut asked = vec![(Relation::Same, Key::same(observable))];
    match observable.kind() {
        Kind::Address | Kind::Domain => ask_host(observable, &mut asked),
        Kind::Url | Kind::MailAddress => {
            if let Some(host) = observable.host() {
                ask_host(&host, &mut asked);
            }
        }
        Kind::Network => {
            if let Some(network) = network(observable.value()) {
                ask_around(network.address(), network.length(), &mut asked);
                let near = neighbourhood(network.address()).filter(|near| near.length() <= network.length());
                asked.extend(near.map(|near| (Relation::Near, Key::new("near", &near.to_string()))));
            }
        }
        Kind::Ssdeep => {
            asked.extend(
                similar::ssdeep_pieces(observable.value()).iter().map(|piece| (Relation::Similar, Key::new("ssdeep-piece", piece))),
            );
        }
        Kind::Tlsh => {
            asked.extend(similar::tlsh_pieces(observable.value()).iter().map(|piece| (Relation::Similar, Key::new("tlsh-piece", piece))));
        }
        _ => {}
    }
    let mut known = BTreeSet::new();
    asked.retain(|(_, key)| known.insert(*key));
    asked
}

fn ask_host(host: &Observable, asked: &mut Vec<(Relation, Key)>) {
    asked.push((Relation::Host, Key::new("host", host.value())));
    if let Some(ip) = host.ip() {
        ask_around(ip, if ip.is_ipv4() { 32 } else { 128 }, asked);
        asked.extend(neighbourhood(ip).map(|near| (Relation::Near, Key::new("near", &near.to_string()))));
    } else if let Some(domain) = registered_domain(host.value()) {
        asked.push((Relation::Domain, Key::new("registered-domain", domain)));
    }
}

/// Networks of every length from the shortest to this one.
fn ask_around(ip: IpAddr, longest: u8, asked: &mut Vec<(Relation, Key)>) {
    let shortest = if ip.is_ipv4() { SHORTEST_V4 } else { SHORTEST_V6 };
    for length in shortest..=longest {
        let around = Network::new(ip, length).map(|network| Key::new(Kind::Network.as_str(), &network.to_string()));
        asked.extend(around.map(|key| (Relation::Around, key)));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(asked: (Kind, &str), filed: (Kind, &str)) -> Option<Relation> {
        let read = |(kind, value): (Kind, &str)| Observable::read(kind, value).unwrap();
        let keys = filed_under(&read(filed));
        asked_for(&read(asked)).into_iter().filter(|(_, key)| keys.contains(key)).map(|(relation, _)| relation).min()
    }

    #[test]
    fn a_question_finds_what_is_related_and_says_how() {
        use Kind::{Address, Domain, MailAddress, Md5, Network, Url};
        for (asked, filed, want) in [
            ((Address, "192.0.2.1"), (Address, "::ffff:192.0.2.1"), Some(Relation::Same)),
            ((Address, "192.0.2.1"), (Network, "192.0.2.0/29"), Some(Relation::Around)),
            ((Address, "192.0.2.1"), (Network, "192.0.2.8/29"), None),
            ((Address, "192.0.2.1"), (Address, "192.0.2.77"), Some(Relation::Near)),
            ((Address, "192.0.2.1"), (Url, "http://192.0.2.1:8080/x"), Some(Relation::Host)),
            ((Network, "192.0.2.0/25"), (Address, "192.0.2.1"), Some(Relation::Near)),
            ((Network, "192.0.2.0/25"), (Network, "192.0.0.0/16"), Some(Relation::Around)),
            ((Network, "192.0.0.0/16"), (Address, "192.0.2.1"), None),
            ((Address, "2001:db8::1"), (Network, "2001:db8::/32"), Some(Relation::Around)),
            ((Domain, "www.evil.co.jp"), (Domain, "mail.evil.co.jp"), Some(Relation::Domain)),
            ((Domain, "www.evil.co.jp"), (Domain, "www.other.co.jp"), None),
            ((Url, "http://www.evil.example/a"), (Domain, "www.evil.example"), Some(Relation::Host)),
            ((MailAddress, "a@evil.example"), (Url, "http://evil.example/"), Some(Relation::Host)),
            ((Md5, "44d88612fea8a8f36de82e1278abb02f"), (Md5, "44D88612FEA8A8F36DE82E1278ABB02F"), Some(Relation::Same)),
        ] {
            assert_eq!(found(asked, filed), want, "{asked:?} {filed:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn whatever_is_filed_is_found_by_its_own_value(text in "[0-9a-f.:/@]{1,40}|[a-z]{1,5}(\\.[a-z]{2,4}){1,3}|3:[a-zA-Z]{8,20}:[a-zA-Z]{8,20}") {
            if let Some(observable) = Observable::guess(&text) {
                let keys = filed_under(&observable);
                let asked = asked_for(&observable);
                prop_assert_eq!(asked[0].0, Relation::Same);
                prop_assert!(keys.contains(&asked[0].1));
                prop_assert!(keys.len() <= 200 && asked.len() <= 200);
            }
        }
    }
}
