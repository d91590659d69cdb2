//! Who is responsible for what was seen, and why?
//!
//! Four kinds of party can act: who provides the network, who holds the domain, who makes the product, and as the last resort
//! the CSIRT of the nation. For each kind the most believed source wins: our own entry before the party's confirmed claim before a
//! registry; within one source the more specific (the longer prefix, the longer domain, the model before the vendor, the prefix before
//! the AS). A [`Directory`] is compiled once from the parties and the tables of registries, and then answers for millions of events;
//! [`Directory::why`] finds the same by scanning everything that was claimed, and tells the whole chain.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};

use formats::value::{self, Network};
use hashbrown::HashMap;
use jiff::Timestamp;

use super::builder::{Claim as Held, sweep};
use super::registry::{Registry, RegistryContact};
use super::table::{Halves, Holder, Spans};
use crate::model::event::{Country, Event};
use crate::model::party::{Claim, Contact, ContactRole, Party, PartyId, PartyKind, Product, Provenance, Responsibility, Validity};

/// What of an event says who is responsible.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Asked<'a> {
    pub ip: Option<IpAddr>,
    pub asn: Option<u32>,
    /// Name of a host or the host of a URL; lower case, punycode, as events have it.
    pub host: Option<&'a str>,
    pub country: Option<Country>,
    pub vendor: Option<&'a str>,
    pub product: Option<&'a str>,
}

impl<'a> Asked<'a> {
    /// The source of an event: the host with the problem (IntelMQ meaning).
    pub fn of(event: &'a Event<'_>) -> Self {
        let source = &event.source;
        Self {
            ip: source.ip,
            asn: source.asn,
            host: source.fqdn.as_deref().or_else(|| source.url.as_deref().and_then(value::host_of)),
            country: source.country,
            vendor: event.product_vendor.as_deref(),
            product: event.product_name.as_deref(),
        }
    }
}

/// The number of a party in one [`Directory`]; it means nothing in another.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PartyNumber(NonZeroU32);

impl PartyNumber {
    fn new(index: usize) -> Self {
        Self(NonZeroU32::new(u32::try_from(index + 1).unwrap_or(u32::MAX)).unwrap_or(NonZeroU32::MAX))
    }

    /// From 0, for tables by party.
    pub fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// Who is responsible, by kind; 16 bytes, so that a million answers are small.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Responsible {
    pub provider: Option<PartyNumber>,
    pub domain_holder: Option<PartyNumber>,
    pub maker: Option<PartyNumber>,
    /// The last resort.
    pub national: Option<PartyNumber>,
}

/// In what quality somebody is responsible.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Quality {
    Provider,
    DomainHolder,
    Maker,
    National,
}

impl Quality {
    pub const ALL: [Self; 4] = [Self::Provider, Self::DomainHolder, Self::Maker, Self::National];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::DomainHolder => "domain-holder",
            Self::Maker => "maker",
            Self::National => "national",
        }
    }
}

impl Responsible {
    pub fn of(&self, quality: Quality) -> Option<PartyNumber> {
        match quality {
            Quality::Provider => self.provider,
            Quality::DomainHolder => self.domain_holder,
            Quality::Maker => self.maker,
            Quality::National => self.national,
        }
    }
}

/// One who could be told, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reason {
    pub quality: Quality,
    pub party: PartyNumber,
    /// What covers the value: `192.0.2.0/24`, `AS64496`, `isp.example`.
    pub claim: String,
    pub provenance: Provenance,
    /// How a registry came to name it: `abuse-c of its organisation (ABU1-RIPE)`.
    pub rule: Option<String>,
    /// The first of its quality: this one is told.
    pub chosen: bool,
}

/// Sources of different weight: own, claimed, from a registry. A country is asked by itself.
const WEIGHTS: usize = 3;

/// All parties and registries of one moment, ready to be asked.
#[derive(Debug)]
pub struct Directory {
    parties: Vec<Party>,
    at: Timestamp,
    weights: [Weight; WEIGHTS],
    countries: HashMap<Country, PartyNumber>,
    registries: Vec<Listed>,
    /// Parties that are known only from registries, behind `parties`: registry and number there.
    derived: Vec<(usize, u32)>,
    /// Those by their id, made when first asked for.
    derived_ids: OnceLock<HashMap<PartyId, PartyNumber>>,
}

/// What sources of one weight say.
#[derive(Default)]
struct Weight {
    v4: Option<Spans<u32>>,
    v6: Option<Spans<Halves>>,
    as_numbers: HashMap<u32, PartyNumber>,
    domains: HashMap<Box<str>, PartyNumber>,
    products: HashMap<Box<str>, PartyNumber>,
}

impl std::fmt::Debug for Weight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Weight").field("as_numbers", &self.as_numbers.len()).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Listed {
    registry: Arc<Registry>,
    /// The party of each of its contacts.
    parties: Vec<PartyNumber>,
}

impl Directory {
    /// Compiles what holds at `at`. Of two parties that claim the same with the same weight the first by id is told. Registries
    /// are asked in the order given.
    pub fn new(mut parties: Vec<Party>, registries: Vec<Arc<Registry>>, at: Timestamp) -> Self {
        parties.retain(|party| party.validity.holds(at));
        parties.sort_by(|a, b| a.id.cmp(&b.id));
        let mut weights: [Weight; WEIGHTS] = std::array::from_fn(|_| Weight::default());
        let mut v4: [Vec<Held<u32>>; WEIGHTS] = Default::default();
        let mut v6: [Vec<Held<Halves>>; WEIGHTS] = Default::default();
        let mut countries: HashMap<Country, (u8, PartyNumber)> = HashMap::new();
        // Backwards, because of equals the later one wins in a sweep, and in a map that is written over.
        for (index, party) in parties.iter().enumerate().rev() {
            let number = PartyNumber::new(index);
            for part in party.constituency.iter().filter(|part| part.validity.holds(at)) {
                let rank = part.provenance.rank();
                if let Claim::Country(country) = part.claim {
                    if countries.get(&country).is_none_or(|(before, _)| rank <= *before) {
                        countries.insert(country, (rank, number));
                    }
                    continue;
                }
                // What is known only by the country tells no provider, holder or maker.
                let Some(weight) = weights.get_mut(usize::from(rank)) else { continue };
                match &part.claim {
                    Claim::Network(network) => match (network.address(), network.last()) {
                        (IpAddr::V4(first), IpAddr::V4(last)) => {
                            v4[usize::from(rank)].push(Held { first: first.to_bits(), last: last.to_bits(), whose: index as u32 });
                        }
                        (IpAddr::V6(first), IpAddr::V6(last)) => {
                            v6[usize::from(rank)].push(Held {
                                first: first.to_bits().into(),
                                last: last.to_bits().into(),
                                whose: index as u32,
                            });
                        }
                        _ => {}
                    },
                    Claim::Asn(asn) => {
                        weight.as_numbers.insert(*asn, number);
                    }
                    Claim::Domain(domain) => {
                        weight.domains.insert(domain.as_str().into(), number);
                    }
                    Claim::Product(product) => {
                        weight.products.insert(product_key(&product.vendor, product.model.as_deref()).into(), number);
                    }
                    Claim::Country(_) => {}
                }
            }
        }
        let nobody_knows = vec![Holder::default(); parties.len()];
        for ((weight, v4), v6) in weights.iter_mut().zip(v4).zip(v6) {
            weight.v4 = (!v4.is_empty()).then(|| sweep(v4, &nobody_knows));
            weight.v6 = (!v6.is_empty()).then(|| sweep(v6, &nobody_knows));
        }
        let mut directory = Self {
            parties,
            at,
            weights,
            countries: countries.into_iter().map(|(country, (_, number))| (country, number)).collect(),
            registries: Vec::new(),
            derived: Vec::new(),
            derived_ids: OnceLock::new(),
        };
        directory.list(registries);
        directory
    }

    /// Numbers the contacts of registries: one party a mailbox.
    fn list(&mut self, registries: Vec<Arc<Registry>>) {
        let mut known: HashMap<String, PartyNumber> = HashMap::new();
        for (at, registry) in registries.into_iter().enumerate() {
            let mut parties = Vec::with_capacity(registry.len() as usize);
            for number in 0..registry.len() {
                let mailbox = registry.contact(number).map_or_else(String::new, |contact| contact.mailbox.to_ascii_lowercase());
                let party = *known.entry(mailbox).or_insert_with(|| {
                    self.derived.push((at, number));
                    PartyNumber::new(self.parties.len() + self.derived.len() - 1)
                });
                parties.push(party);
            }
            self.registries.push(Listed { registry, parties });
        }
    }

    /// The moment for which it holds.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Parties there are, those known only from registries among them; every [`PartyNumber::index`] is smaller.
    pub fn len(&self) -> usize {
        self.parties.len() + self.derived.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn id(&self, number: PartyNumber) -> PartyId {
        self.party(number).id.clone()
    }

    /// A party. One known only from a registry is made here: a provider with one contact for abuse, provenance of the
    /// registry, the id of [`RegistryContact::party_id`].
    pub fn party(&self, number: PartyNumber) -> Cow<'_, Party> {
        match self.parties.get(number.index()) {
            Some(party) => Cow::Borrowed(party),
            None => {
                let (at, contact) = self.derived[number.index() - self.parties.len()];
                let registry = &self.registries[at].registry;
                let contact = registry.contact(contact).expect("contacts were counted when they were numbered");
                Cow::Owned(derived_party(&contact, &registry.about().source))
            }
        }
    }

    /// The number of a registered party.
    pub fn number(&self, id: &PartyId) -> Option<PartyNumber> {
        self.parties.binary_search_by(|party| party.id.cmp(id)).ok().map(PartyNumber::new)
    }

    /// The number of a party, registered or known only from a registry.
    pub fn find(&self, id: &PartyId) -> Option<PartyNumber> {
        self.number(id).or_else(|| {
            let numbers = self.parties.len()..self.len();
            let ids = self.derived_ids.get_or_init(|| numbers.map(PartyNumber::new).map(|number| (self.id(number), number)).collect());
            ids.get(id).copied()
        })
    }

    /// A registered party by its place ([`PartyNumber::index`]); `None` for those known only from registries.
    pub fn registered(&self, index: usize) -> Option<&Party> {
        self.parties.get(index)
    }

    /// Any party by its place, as [`Directory::party`].
    ///
    /// # Panics
    /// When the place is beyond [`Directory::len`].
    pub fn party_at(&self, index: usize) -> Cow<'_, Party> {
        self.party(PartyNumber::new(index))
    }

    /// Who is responsible.
    #[inline]
    pub fn responsible(&self, asked: &Asked<'_>) -> Responsible {
        Responsible {
            provider: self.provider(asked.ip, asked.asn),
            domain_holder: asked.host.and_then(|host| self.domain_holder(host)),
            maker: asked.vendor.and_then(|vendor| self.maker(vendor, asked.product)),
            national: asked.country.and_then(|country| self.countries.get(&country).copied()),
        }
    }

    /// Who is responsible for each of many.
    pub fn responsible_for<'a>(&self, asked: impl IntoIterator<Item = Asked<'a>>) -> Vec<Responsible> {
        asked.into_iter().map(|asked| self.responsible(&asked)).collect()
    }

    /// Who answers for exactly this.
    pub fn answers_for(&self, claim: &Claim) -> Option<PartyId> {
        let number = match claim {
            Claim::Network(network) => self.provider(Some(network.address()), None),
            Claim::Asn(asn) => self.provider(None, Some(*asn)),
            Claim::Domain(domain) => self.domain_holder(domain),
            Claim::Country(country) => self.countries.get(country).copied(),
            Claim::Product(product) => self.maker(&product.vendor, product.model.as_deref()),
        };
        number.map(|number| self.id(number))
    }

    /// Who provides the network of an address, or the AS.
    #[inline]
    pub fn provider(&self, ip: Option<IpAddr>, asn: Option<u32>) -> Option<PartyNumber> {
        let ip = ip.map(|ip| ip.to_canonical());
        for weight in &self.weights {
            let held = match ip {
                Some(IpAddr::V4(v4)) => weight.v4.as_ref().and_then(|spans| spans.find(v4.to_bits())).map(|found| found.0),
                Some(IpAddr::V6(v6)) => weight.v6.as_ref().and_then(|spans| spans.find(v6.to_bits().into())).map(|found| found.0),
                None => None,
            };
            if let Some(index) = held {
                return Some(PartyNumber::new(index as usize));
            }
            if let Some(asn) = asn
                && !weight.as_numbers.is_empty()
                && let Some(number) = weight.as_numbers.get(&asn)
            {
                return Some(*number);
            }
        }
        let by_address = ip.and_then(|ip| self.registries.iter().find_map(|listed| Some((listed, listed.registry.by_address(ip)?))));
        let by_asn = || asn.and_then(|asn| self.registries.iter().find_map(|listed| Some((listed, listed.registry.by_asn(asn)?))));
        let (listed, contact) = by_address.or_else(by_asn)?;
        listed.parties.get(contact as usize).copied()
    }

    /// Who holds the domain of a host: the longest name that somebody claims.
    pub fn domain_holder(&self, host: &str) -> Option<PartyNumber> {
        let host = host.trim_end_matches('.');
        self.weights.iter().filter(|weight| !weight.domains.is_empty()).find_map(|weight| {
            let mut name = host;
            loop {
                if let Some(number) = weight.domains.get(name) {
                    return Some(*number);
                }
                name = name.split_once('.')?.1;
            }
        })
    }

    /// Who makes a product: whoever claims the model, else the vendor. Written in any case, with any spaces and hyphens.
    pub fn maker(&self, vendor: &str, product: Option<&str>) -> Option<PartyNumber> {
        self.weights.iter().filter(|weight| !weight.products.is_empty()).find_map(|weight| {
            let model = product.and_then(|product| weight.products.get(product_key(vendor, Some(product)).as_str()));
            model.or_else(|| weight.products.get(product_key(vendor, None).as_str())).copied()
        })
    }

    /// All who could be told, of each quality the chosen one first, found by scanning all that is claimed.
    pub fn why(&self, asked: &Asked<'_>) -> Vec<Reason> {
        // Quality, weight, how unspecific, then party: the order in which they are preferred.
        let mut found: Vec<((Quality, u8, u32, PartyNumber), Reason)> = Vec::new();
        for (index, party) in self.parties.iter().enumerate() {
            let party_number = PartyNumber::new(index);
            for part in party.constituency.iter().filter(|part| part.validity.holds(self.at)) {
                let Some((quality, unspecific)) = covers(part, asked) else { continue };
                // What is known of a country only by the country itself tells no provider.
                if part.provenance == Provenance::Country && quality != Quality::National {
                    continue;
                }
                let reason = Reason {
                    quality,
                    party: party_number,
                    claim: part.claim.to_string(),
                    provenance: part.provenance.clone(),
                    rule: None,
                    chosen: false,
                };
                found.push(((quality, part.provenance.rank(), unspecific, party_number), reason));
            }
        }
        found.sort_by_key(|a| a.0);
        // Behind all that parties claim: addresses in the order of registries, then AS numbers.
        let end = found.partition_point(|(key, _)| key.0 == Quality::Provider);
        let mut reasons: Vec<Reason> = found.into_iter().map(|(_, reason)| reason).collect();
        let listed = |contact: Option<u32>, listed: &Listed, claim: String| {
            let number = contact?;
            let contact = listed.registry.contact(number)?;
            Some(Reason {
                quality: Quality::Provider,
                party: *listed.parties.get(number as usize)?,
                claim,
                provenance: Provenance::Registry(listed.registry.about().source.clone()),
                rule: Some(format!("{} ({})", contact.rule.as_str(), contact.handle)),
                chosen: false,
            })
        };
        let by_address = self.registries.iter().filter_map(|table| {
            let ip = asked.ip?;
            listed(table.registry.by_address(ip), table, table.registry.range(ip)?.to_string())
        });
        let by_asn =
            self.registries.iter().filter_map(|table| listed(table.registry.by_asn(asked.asn?), table, format!("AS{}", asked.asn?)));
        let from_registries: Vec<Reason> = by_address.chain(by_asn).collect();
        reasons.splice(end..end, from_registries);
        let mut qualities = BTreeSet::new();
        for reason in &mut reasons {
            reason.chosen = qualities.insert(reason.quality);
        }
        reasons
    }
}

/// In what quality a claim covers what was asked, and how unspecific it is there: less is preferred.
fn covers(part: &Responsibility, asked: &Asked<'_>) -> Option<(Quality, u32)> {
    match &part.claim {
        Claim::Network(network) => {
            let ip = asked.ip?.to_canonical();
            let inside = network.contains(ip) && network.address().is_ipv4() == ip.is_ipv4();
            inside.then(|| (Quality::Provider, 128 - u32::from(network.length())))
        }
        Claim::Asn(asn) => (asked.asn == Some(*asn)).then_some((Quality::Provider, 1_000)),
        Claim::Domain(domain) => {
            let host = asked.host?.trim_end_matches('.');
            let below = host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
            below.then(|| (Quality::DomainHolder, 1_000 - domain.len().min(1_000) as u32))
        }
        Claim::Product(Product { vendor, model }) => {
            let same = |a: &str, b: &str| folded(a).eq(folded(b));
            let vendor = same(vendor, asked.vendor?);
            match model {
                None => vendor.then_some((Quality::Maker, 1)),
                Some(model) => (vendor && same(model, asked.product?)).then_some((Quality::Maker, 0)),
            }
        }
        Claim::Country(country) => (asked.country == Some(*country)).then_some((Quality::National, 0)),
    }
}

/// `DSL-2750U`, `dsl 2750u` and `DSL2750U` are one: lower case, letters and digits only.
fn folded(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase)
}

fn product_key(vendor: &str, model: Option<&str>) -> String {
    let mut key: String = folded(vendor).collect();
    if let Some(model) = model {
        key.push('/');
        key.extend(folded(model));
    }
    key
}

fn derived_party(contact: &RegistryContact<'_>, source: &str) -> Party {
    let provenance = Provenance::Registry(source.to_owned());
    Party {
        id: contact.party_id(),
        name: contact.name.to_owned(),
        name_ja: None,
        kind: PartyKind::Provider,
        nation: contact.country,
        sectors: BTreeSet::new(),
        communities: BTreeSet::new(),
        clients_of: BTreeSet::new(),
        constituency: Vec::new(),
        contacts: vec![Contact {
            role: ContactRole::Abuse,
            language: contact.language(),
            address: contact.mailbox.to_owned(),
            openpgp_key: contact.openpgp_key.map(str::to_owned),
            provenance: provenance.clone(),
            validity: Validity::default(),
        }],
        provenance,
        validity: Validity::default(),
    }
}

/// What somebody typed: an address, network, AS number, domain, URL, country or `vendor/model`. `None` when it is none of them.
///
/// A network is asked by its first address.
///
/// ```
/// use casework::enrich::responsible::asked;
/// assert_eq!(asked("https://www.isp.example/x").unwrap().host.as_deref(), Some("www.isp.example"));
/// assert_eq!(asked("AS64496").unwrap().asn, Some(64496));
/// ```
pub fn asked(text: &str) -> Option<OwnedAsked> {
    let text = text.trim();
    let mut asked = OwnedAsked::default();
    let digits = text.get(..2).filter(|start| start.eq_ignore_ascii_case("as")).map(|_| &text[2..]);
    if let Some(ip) = value::ip(text) {
        asked.ip = Some(ip);
    } else if digits.is_some_and(|d| d.starts_with(|c: char| c.is_ascii_digit())) && value::asn(text).is_some() {
        asked.asn = value::asn(text);
    } else if let Some(url) = value::url(text) {
        match value::host_of(&url) {
            Some(host) if value::ip(host).is_some() => asked.ip = value::ip(host),
            host => asked.host = host.map(str::to_owned),
        }
    } else if let Some(network) = value::network(text).map(Network::address) {
        asked.ip = Some(network);
    } else if text.len() == 2 {
        asked.country = value::country(text).map(Country);
    } else if let Some(host) = value::fqdn(text).filter(|host| host.contains('.')) {
        asked.host = Some(host.into_owned());
    }
    if asked == OwnedAsked::default() {
        let (vendor, product) = text.split_once('/').map_or((text, None), |(vendor, model)| (vendor, Some(model)));
        asked.vendor = (!vendor.trim().is_empty()).then(|| vendor.trim().to_owned());
        asked.product = product.map(|p| p.trim().to_owned());
        asked.vendor.as_ref()?;
    }
    Some(asked)
}

/// As [`Asked`], with texts of its own.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OwnedAsked {
    pub ip: Option<IpAddr>,
    pub asn: Option<u32>,
    pub host: Option<String>,
    pub country: Option<Country>,
    pub vendor: Option<String>,
    pub product: Option<String>,
}

impl OwnedAsked {
    pub fn as_asked(&self) -> Asked<'_> {
        let Self { ip, asn, host, country, vendor, product } = self;
        Asked { ip: *ip, asn: *asn, host: host.as_deref(), country: *country, vendor: vendor.as_deref(), product: product.as_deref() }
    }
}

#[cfg(test)]
mod tests {
    use formats::rpsl::Objects;
    use jiff::civil::Date;
    use proptest::prelude::*;

    use super::super::RegistryBuilder;
    use super::*;
    use crate::parties::toml;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn parties(text: &str) -> Vec<Party> {
        let written = toml::read(text).unwrap();
        assert_eq!(written.rejected, []);
        written.parties.into_iter().map(|w| w.party).collect()
    }

    fn registry(source: &str, dump: &str) -> Arc<Registry> {
        let mut builder = RegistryBuilder::default();
        let mut objects = Objects::new(dump.as_bytes());
        while let Some(object) = objects.next().unwrap() {
            builder.add(&object.unwrap()).unwrap();
        }
        Arc::new(builder.build(source.to_owned(), Date::ZERO, String::new()))
    }

    const DUMP: &str = "inetnum: 192.0.2.0 - 192.0.2.255\nabuse-c: A1\ncountry: JP\nsource: RIPE\n\nrole: Reg\nnic-hdl: A1\nabuse-mailbox: Abuse@reg.example\nsource: RIPE\n\n\
                        aut-num: AS64499\nabuse-c: A1\nsource: RIPE\n";

    const PARTIES: &str = r#"
        [[party]]
        id = "isp"
        kind = "provider"
        networks = ["198.51.100.0/24"]
        [[party.answers_for]]
        networks = ["203.0.113.0/24"]
        said_by = "claimed"
        [[party.answers_for]]
        asns = [64496]
        said_by = "registry:ripe"
        [[party]]
        id = "customer"
        kind = "company"
        networks = ["203.0.112.0/23"]
        domains = ["shop.example"]
        valid_until = 2027-01-01
        [[party.answers_for]]
        networks = ["198.51.100.128/25"]
        said_by = "claimed"
        [[party]]
        id = "acme"
        kind = "maker"
        products = ["ACME"]
        domains = ["example"]
        [[party]]
        id = "acme-cams"
        kind = "maker"
        products = ["acme/Cam-200"]
        [[party]]
        id = "jpcert"
        kind = "national-csirt"
        countries = ["JP"]
    "#;

    fn told(directory: &Directory, value: &str) -> Vec<String> {
        let asked = asked(value).unwrap();
        let responsible = directory.responsible(&asked.as_asked());
        Quality::ALL.into_iter().filter_map(|q| Some(format!("{} {}", q.as_str(), directory.id(responsible.of(q)?)))).collect()
    }

    #[test]
    fn our_own_word_beats_a_more_specific_claim_and_a_claim_beats_the_registry() {
        let directory = Directory::new(parties(PARTIES), vec![registry("ripe", DUMP)], at("2026-06-01T00:00:00Z"));
        assert_eq!(told(&directory, "198.51.100.200"), ["provider isp"]);
        assert_eq!(told(&directory, "203.0.113.9"), ["provider customer"]);
        assert_eq!(told(&directory, "AS64496"), ["provider isp"]);
        assert_eq!(told(&directory, "https://www.shop.example/"), ["domain-holder customer"]);
        assert_eq!(told(&directory, "other.example"), ["domain-holder acme"]);
        assert_eq!(
            (told(&directory, "acme/cam 200"), told(&directory, "ACME/Cam 300")),
            (vec!["maker acme-cams".to_owned()], vec!["maker acme".to_owned()])
        );
        assert_eq!(told(&directory, "JP"), ["national jpcert"]);
        assert_eq!(told(&directory, "8.8.8.8"), [""; 0]);
        // Once the customer is gone the claim of the provider counts.
        let later = Directory::new(parties(PARTIES), vec![], at("2027-06-01T00:00:00Z"));
        assert_eq!(told(&later, "203.0.113.9"), ["provider isp"]);
    }

    #[test]
    fn whom_only_a_registry_names_can_be_told_like_a_party() {
        let directory = Directory::new(parties(PARTIES), vec![registry("ripe", DUMP)], at("2026-06-01T00:00:00Z"));
        let asked = Asked { ip: Some("192.0.2.9".parse().unwrap()), asn: Some(64499), ..Asked::default() };
        let number = directory.responsible(&asked).provider.unwrap();
        let party = directory.party(number);
        assert!(party.id.as_str().starts_with("reg.reg.example."), "{}", party.id);
        let contact = &party.contacts[0];
        assert_eq!(
            (contact.address.as_str(), contact.language.as_str(), party.provenance.to_string()),
            ("Abuse@reg.example", "ja", "registry:ripe".into())
        );
        let why = directory.why(&asked);
        let chain: Vec<_> = why.iter().map(|r| (r.claim.as_str(), r.rule.as_deref().unwrap_or(""), r.chosen)).collect();
        assert_eq!(chain, [("192.0.2.0-192.0.2.255", "abuse-c (A1)", true), ("AS64499", "abuse-c (A1)", false)]);
    }

    #[test]
    fn the_same_mailbox_in_two_registries_is_one_party() {
        let two = vec![registry("ripe", DUMP), registry("apnic", &DUMP.replace("192.0.2", "192.0.3").replace("Abuse@", "abuse@"))];
        let directory = Directory::new(Vec::new(), two, at("2026-06-01T00:00:00Z"));
        assert_eq!(told(&directory, "192.0.2.1"), told(&directory, "192.0.3.1"));
        assert_eq!(directory.len(), 1);
    }

    #[test]
    fn the_chain_names_all_who_could_be_told() {
        let directory = Directory::new(parties(PARTIES), vec![], at("2026-06-01T00:00:00Z"));
        let why = directory.why(&asked("203.0.113.9").unwrap().as_asked());
        let chain: Vec<String> =
            why.iter().map(|r| format!("{} {} {} {}", directory.id(r.party), r.claim, r.provenance, r.chosen)).collect();
        assert_eq!(chain, ["customer 203.0.112.0/23 own true", "isp 203.0.113.0/24 claimed false"]);
    }

    fn provenance() -> impl Strategy<Value = Provenance> {
        prop_oneof![Just(Provenance::Own), Just(Provenance::Claimed), Just(Provenance::Registry("r".into())), Just(Provenance::Country)]
    }

    fn claim() -> impl Strategy<Value = Claim> {
        let v4 = (any::<u8>(), 22..=32_u8)
            .prop_map(|(low, length)| Claim::Network(Network::new([192, 0, 2 + low % 3, low].into(), length).unwrap()));
        let v6 = (any::<u8>(), 120..=128_u8).prop_map(|(low, length)| {
            Claim::Network(Network::new(IpAddr::V6((0x2001_0db8_u128 << 96 | u128::from(low)).into()), length).unwrap())
        });
        let domain =
            prop_oneof![Just("example"), Just("a.example"), Just("b.a.example"), Just("ba.example")].prop_map(|d| Claim::Domain(d.into()));
        let product = (
            prop_oneof![Just("AC-ME"), Just("acme"), Just("Other")],
            proptest::option::of(prop_oneof![Just("Cam 1"), Just("cam1"), Just("X")]),
        )
            .prop_map(|(vendor, model)| Claim::Product(Product { vendor: vendor.into(), model: model.map(str::to_owned) }));
        let country = prop_oneof![Just(*b"JP"), Just(*b"DE")].prop_map(|c| Claim::Country(Country(c)));
        prop_oneof![4 => v4, 2 => v6, 1 => (1..4_u32).prop_map(Claim::Asn), 1 => domain, 1 => product, 1 => country]
    }

    fn any_parties() -> impl Strategy<Value = Vec<Party>> {
        let part = (claim(), provenance(), proptest::bool::weighted(0.1)).prop_map(|(claim, provenance, over)| {
            let until = over.then(|| at("2020-01-01T00:00:00Z"));
            Responsibility { claim, provenance, validity: Validity { from: None, until } }
        });
        proptest::collection::vec(proptest::collection::vec(part, 0..8), 0..6).prop_map(|all| {
            let template = parties("[[party]]\nid = 'x'\nkind = 'provider'").remove(0);
            let party = |(n, constituency): (usize, _)| Party { id: format!("p{n}").parse().unwrap(), constituency, ..template.clone() };
            all.into_iter().enumerate().map(party).collect()
        })
    }

    proptest! {
        #[test]
        fn the_compiled_answer_is_that_of_the_scan(
            parties in any_parties(),
            low in any::<u8>(),
            v6 in any::<bool>(),
            asn in proptest::option::of(1..5_u32),
            product in proptest::option::of(prop_oneof![Just("CAM-1"), Just("x")]),
            host in proptest::option::of(prop_oneof![Just("www.b.a.example"), Just("ba.example."), Just("a.example"), Just("org")]),
            jp in any::<bool>(),
        ) {
            let directory = Directory::new(parties, vec![registry("ripe", DUMP)], at("2026-06-01T00:00:00Z"));
            let ip: IpAddr = if v6 { IpAddr::V6((0x2001_0db8_u128 << 96 | u128::from(low)).into()) } else { [192, 0, 2 + low % 3, low].into() };
            let country = Some(Country(if jp { *b"JP" } else { *b"FR" }));
            let asked = Asked { ip: Some(ip), asn, host, country, vendor: Some("acme"), product };
            let why = directory.why(&asked);
            let responsible = directory.responsible(&asked);
            for quality in Quality::ALL {
                let chosen = why.iter().find(|reason| reason.quality == quality).map(|reason| reason.party);
                prop_assert_eq!(responsible.of(quality), chosen, "{:?} {:?}", quality, why);
            }
        }
    }
}
