//! The objects of a registry's dump become a [`Registry`]: who is to be told of abuse of each network and AS.
//!
//! RIPE's rules, read from its own server (AbuseCFinder): of an `inetnum` or `inet6num` counts (1) its own `abuse-c`, else (2) the
//! `abuse-c` of its `org`, else (3) what counts of the next less specific network of the same source, unless it is maintained by the registry
//! itself: then nobody is named. An `aut-num` has (1) and (2). A role without an `abuse-mailbox` is none.
//! APNIC and those like it name an `irt` with `mnt-irt`; it counts behind the own `abuse-c`. RIPE's `mnt-irt` does not count.
//!
//! Millions of networks refer to thousands of contacts, and a reference may come before what it refers to: so each network is kept as two
//! addresses and the number of a set of references, and these are followed once everything was read.

use std::cmp::Reverse;

use formats::rpsl::{self, Object};
use formats::{mail_address, value};
use hashbrown::HashMap;
use jiff::civil::Date;

use super::builder::{Claim, sweep};
use super::registry::{Registry, RegistryAbout, Rule, line_starts};
use super::table::{Bits, Halves, Holder, NOBODY};

/// Networks maintained by these are the registry's own; their contact is nobody's who holds a part (RIPE-NCC: enduser, alloc and legacy
/// maintainers of its server; APNIC: its hostmasters).
const REGISTRY_MAINTAINERS: [&[u8]; 6] =
    [b"RIPE-NCC-HM-MNT", b"RIPE-NCC-HM2-MNT", b"RIPE-NCC-END-MNT", b"RIPE-NCC-LEGACY-MNT", b"RIPE-NCC-HM-PI-MNT", b"APNIC-HM"];

/// An object that was set aside, and why.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("row {row}: {reason}")]
pub struct BadObject {
    pub row: u64,
    pub reason: String,
}

/// A number for a handle of a class in a source.
type Symbol = u32;
const NONE: Symbol = u32::MAX;

/// What a network says of who answers for it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct References {
    source: u8,
    by_registry: bool,
    abuse_c: Symbol,
    irt: Symbol,
    org: Symbol,
    country: [u8; 2],
}

#[derive(Debug)]
struct Role {
    mailbox: Box<str>,
    name: Box<str>,
    handle: Box<str>,
    /// Key-cert, of an irt.
    key: Symbol,
}

#[derive(Debug)]
struct Org {
    abuse_c: Symbol,
    name: Box<str>,
    country: [u8; 2],
}

/// Collects objects; [`build`](Self::build) follows their references.
#[derive(Debug, Default)]
pub struct RegistryBuilder {
    objects: u64,
    v4: Vec<Claim<u32>>,
    v6: Vec<Claim<Halves>>,
    as_numbers: Vec<(u32, u32)>,
    references: Vec<References>,
    reference_numbers: HashMap<References, u32>,
    sources: Vec<Box<str>>,
    symbols: HashMap<Box<[u8]>, Symbol>,
    roles: HashMap<Symbol, Role>,
    orgs: HashMap<Symbol, Org>,
    keys: HashMap<Symbol, Box<str>>,
    key: Vec<u8>,
}

/// Spaces of names: a role and an organisation may have the same handle.
#[derive(Clone, Copy)]
enum Names {
    Roles = b'r' as isize,
    Irts = b'i' as isize,
    Orgs = b'o' as isize,
    Keys = b'k' as isize,
}

/// The attributes that count, of any class.
#[derive(Default)]
struct Said<'a> {
    source: Option<Value<'a>>,
    abuse_c: Option<Value<'a>>,
    irt: Option<Value<'a>>,
    org: Option<Value<'a>>,
    country: Option<Value<'a>>,
    nic_hdl: Option<Value<'a>>,
    mailbox: Option<Value<'a>>,
    org_name: Option<Value<'a>>,
    encryption: Option<Value<'a>>,
    certificate: Vec<u8>,
    by_registry: bool,
}

type Value<'a> = std::borrow::Cow<'a, [u8]>;

impl<'a> Said<'a> {
    fn of(object: &Object<'a>, certificate: bool) -> Self {
        let mut said = Self::default();
        for (name, value) in object.attributes().skip(1) {
            // By length first: most attributes are none of these.
            let slot = match name.len() {
                3 if name.eq_ignore_ascii_case("org") => &mut said.org,
                6 if name.eq_ignore_ascii_case("source") => &mut said.source,
                6 if name.eq_ignore_ascii_case("mnt-by") => {
                    let mut names = value.split(|c| matches!(c, b',' | b' '));
                    said.by_registry |= names.any(|name| REGISTRY_MAINTAINERS.iter().any(|rs| name.eq_ignore_ascii_case(rs)));
                    continue;
                }
                6 if certificate && name.eq_ignore_ascii_case("certif") => {
                    said.certificate.extend_from_slice(&value);
                    said.certificate.push(b'\n');
                    continue;
                }
                7 if name.eq_ignore_ascii_case("country") => &mut said.country,
                7 if name.eq_ignore_ascii_case("abuse-c") => &mut said.abuse_c,
                7 if name.eq_ignore_ascii_case("mnt-irt") => &mut said.irt,
                7 if name.eq_ignore_ascii_case("nic-hdl") => &mut said.nic_hdl,
                8 if name.eq_ignore_ascii_case("org-name") => &mut said.org_name,
                10 if name.eq_ignore_ascii_case("encryption") => &mut said.encryption,
                13 if name.eq_ignore_ascii_case("abuse-mailbox") => &mut said.mailbox,
                _ => continue,
            };
            // Of several the first counts.
            if slot.is_none() && !value.is_empty() {
                *slot = Some(value);
            }
        }
        said
    }
}

impl RegistryBuilder {
    /// Takes an object; those of classes that say nothing of contacts are passed over.
    ///
    /// # Errors
    /// [`BadObject`] when one that counts cannot be read.
    pub fn add(&mut self, object: &Object<'_>) -> Result<(), BadObject> {
        self.objects += 1;
        let Some((class, key)) = object.first() else { return Ok(()) };
        let is = |name: &str| class.eq_ignore_ascii_case(name);
        let bad = |what: &str| BadObject { row: object.row(), reason: format!("{class} {:?} {what}", shortened(&key)) };
        match class.len() {
            7 if is("inetnum") => {
                let (first, last) = v4_range(&key).ok_or_else(|| bad("is no range of IPv4 addresses"))?;
                let whose = self.reference(object).ok_or_else(|| bad("has no source"))?;
                self.v4.push(Claim { first, last, whose });
            }
            8 if is("inet6num") => {
                let network = std::str::from_utf8(&key).ok().filter(|k| k.contains('/')).and_then(value::network);
                let network = network.filter(|n| n.address().is_ipv6()).ok_or_else(|| bad("is no IPv6 prefix"))?;
                let (std::net::IpAddr::V6(first), std::net::IpAddr::V6(last)) = (network.address(), network.last()) else { return Ok(()) };
                let whose = self.reference(object).ok_or_else(|| bad("has no source"))?;
                self.v6.push(Claim { first: first.to_bits().into(), last: last.to_bits().into(), whose });
            }
            7 if is("aut-num") => {
                let asn = std::str::from_utf8(&key).ok().and_then(value::asn).ok_or_else(|| bad("is no AS number"))?;
                let whose = self.reference(object).ok_or_else(|| bad("has no source"))?;
                self.as_numbers.push((asn, whose));
            }
            12 if is("organisation") => {
                let said = Said::of(object, false);
                let source = self.source(said.source.as_deref()).ok_or_else(|| bad("has no source"))?;
                let id = self.symbol(Names::Orgs, source, &key);
                let abuse_c = said.abuse_c.map_or(NONE, |handle| self.symbol(Names::Roles, source, &handle));
                let name = clean(said.org_name.as_deref().unwrap_or(&key));
                self.orgs.insert(id, Org { abuse_c, name, country: country(said.country.as_deref()) });
            }
            4 | 6 if is("role") || is("person") => {
                let said = Said::of(object, false);
                let Some(mailbox) = said.mailbox else { return Ok(()) };
                let mailbox =
                    mailbox_of(&mailbox).ok_or_else(|| bad(&format!("has abuse-mailbox {:?}, no mail address", shortened(&mailbox))))?;
                let handle = said.nic_hdl.ok_or_else(|| bad("has no nic-hdl"))?;
                let source = self.source(said.source.as_deref()).ok_or_else(|| bad("has no source"))?;
                let id = self.symbol(Names::Roles, source, &handle);
                self.roles.insert(id, Role { mailbox, name: clean(&key), handle: clean(&handle), key: NONE });
            }
            3 if is("irt") => {
                let said = Said::of(object, false);
                let Some(mailbox) = said.mailbox else { return Err(bad("has no abuse-mailbox")) };
                let mailbox =
                    mailbox_of(&mailbox).ok_or_else(|| bad(&format!("has abuse-mailbox {:?}, no mail address", shortened(&mailbox))))?;
                let source = self.source(said.source.as_deref()).ok_or_else(|| bad("has no source"))?;
                let id = self.symbol(Names::Irts, source, &key);
                let cert = said.encryption.map_or(NONE, |handle| self.symbol(Names::Keys, source, &handle));
                self.roles.insert(id, Role { mailbox, name: clean(&key), handle: clean(&key), key: cert });
            }
            8 if is("key-cert") => {
                let said = Said::of(object, true);
                let source = self.source(said.source.as_deref()).ok_or_else(|| bad("has no source"))?;
                let text = rpsl::text(&said.certificate);
                // RFC 2726 §2.1; an X.509 certificate is no OpenPGP key.
                if text.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----") && text.len() <= 64 << 10 {
                    let id = self.symbol(Names::Keys, source, &key);
                    self.keys.insert(id, text.as_ref().into());
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The number of what a network or AS says; `None` without a source, which every object of a dump has.
    fn reference(&mut self, object: &Object<'_>) -> Option<u32> {
        let said = Said::of(object, false);
        let source = self.source(said.source.as_deref())?;
        let references = References {
            source,
            by_registry: said.by_registry,
            abuse_c: said.abuse_c.map_or(NONE, |handle| self.symbol(Names::Roles, source, &handle)),
            irt: said.irt.filter(|_| self.uses_irt(source)).map_or(NONE, |handle| self.symbol(Names::Irts, source, &handle)),
            org: said.org.map_or(NONE, |handle| self.symbol(Names::Orgs, source, &handle)),
            country: country(said.country.as_deref()),
        };
        Some(*self.reference_numbers.entry(references).or_insert_with(|| {
            self.references.push(references);
            (self.references.len() - 1) as u32
        }))
    }

    fn uses_irt(&self, source: u8) -> bool {
        !self.sources[usize::from(source)].to_ascii_uppercase().starts_with("RIPE")
    }

    /// More than 255 sources are none of a registry's dump.
    fn source(&mut self, name: Option<&[u8]>) -> Option<u8> {
        let name = std::str::from_utf8(name?).ok()?;
        if let Some(known) = self.sources.iter().position(|known| known.eq_ignore_ascii_case(name)) {
            return u8::try_from(known).ok();
        }
        let number = u8::try_from(self.sources.len()).ok()?;
        self.sources.push(clean(name.as_bytes()));
        Some(number)
    }

    fn symbol(&mut self, names: Names, source: u8, handle: &[u8]) -> Symbol {
        self.key.clear();
        self.key.extend([names as u8, source]);
        self.key.extend(handle.iter().map(u8::to_ascii_uppercase));
        match self.symbols.get(&self.key[..]) {
            Some(symbol) => *symbol,
            None => {
                let symbol = self.symbols.len() as u32;
                self.symbols.insert(self.key.as_slice().into(), symbol);
                symbol
            }
        }
    }

    /// The name that most objects give as their source, in lower case: `ripe`.
    pub fn source_name(&self) -> Option<String> {
        let mut counts = vec![0_u64; self.sources.len()];
        self.references.iter().for_each(|r| counts[usize::from(r.source)] += 1);
        let most = (0..counts.len()).max_by_key(|at| (counts[*at], Reverse(*at)))?;
        Some(self.sources[most].to_ascii_lowercase())
    }

    /// Follows all references.
    pub fn build(mut self, source: String, date: Date, sha256: String) -> Registry {
        self.symbols = HashMap::new();
        self.reference_numbers = HashMap::new();
        let (networks, as_numbers) = ((self.v4.len() + self.v6.len()) as u64, self.as_numbers.len() as u64);
        let mut contacts = Contacts::default();
        let found: Vec<Found> = self.references.iter().map(|r| self.find(r, &mut contacts)).collect();
        let mut numbers: Vec<(u32, u32)> = Vec::new();
        // Of an AS that stands there twice the later object counts.
        self.as_numbers.reverse();
        self.as_numbers.sort_by_key(|known| known.0);
        self.as_numbers.dedup_by_key(|known| known.0);
        for (asn, whose) in std::mem::take(&mut self.as_numbers) {
            if let Found::Contact(number) = found[whose as usize] {
                numbers.push((asn, number));
            }
        }
        let around = |number: u32, contacts: &mut Contacts| contacts.less_specific(number);
        let (mut v4, mut v6) = (std::mem::take(&mut self.v4), std::mem::take(&mut self.v6));
        answer(&mut v4, &self.references, &found, |number| around(number, &mut contacts));
        answer(&mut v6, &self.references, &found, |number| around(number, &mut contacts));
        let nobody_knows = vec![Holder::default(); contacts.list.len()];
        let v6 = sweep(v6, &nobody_knows);
        let v4 = sweep(v4, &nobody_knows);
        let (text, keys) = contacts.written(&self);
        let about =
            RegistryAbout { source, date, sha256, objects: self.objects, networks, as_numbers, contacts: contacts.mailboxes(&self) };
        Registry { about, v4, v6, as_numbers: numbers, lines: line_starts(&text), text, keys }
    }

    fn find(&self, r: &References, contacts: &mut Contacts) -> Found {
        let org = self.orgs.get(&r.org);
        let country = if r.country == [0; 2] { org.map_or([0; 2], |org| org.country) } else { r.country };
        let known = |symbol: Symbol| self.roles.contains_key(&symbol).then_some(symbol);
        let own = known(r.abuse_c).map(|role| (role, Rule::AbuseC));
        let irt = || known(r.irt).map(|role| (role, Rule::Irt));
        let of_org = || org.and_then(|org| known(org.abuse_c)).map(|role| (role, Rule::Organisation));
        match own.or_else(irt).or_else(of_org) {
            Some((role, rule)) => Found::Contact(contacts.number(Known { role, org: r.org, country, source: r.source, rule })),
            None if r.by_registry => Found::Nobody,
            None => Found::AskAround,
        }
    }
}

/// What a set of references leads to.
#[derive(Clone, Copy, Debug)]
enum Found {
    Contact(u32),
    /// The next less specific network decides.
    AskAround,
    Nobody,
}

/// A contact as found.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Known {
    role: Symbol,
    org: Symbol,
    country: [u8; 2],
    source: u8,
    rule: Rule,
}

#[derive(Default)]
struct Contacts {
    list: Vec<Known>,
    numbers: HashMap<Known, u32>,
}

impl Contacts {
    fn number(&mut self, known: Known) -> u32 {
        *self.numbers.entry(known).or_insert_with(|| {
            self.list.push(known);
            (self.list.len() - 1) as u32
        })
    }

    /// The same contact, for a network inside the one that names it.
    fn less_specific(&mut self, number: u32) -> u32 {
        let known = self.list[number as usize];
        self.number(Known { rule: Rule::LessSpecific, ..known })
    }

    fn mailboxes(&self, builder: &RegistryBuilder) -> u64 {
        let mailboxes = self.list.iter().filter_map(|known| builder.roles.get(&known.role)).map(|role| &role.mailbox);
        mailboxes.collect::<hashbrown::HashSet<_>>().len() as u64
    }

    fn written(&self, builder: &RegistryBuilder) -> (String, Vec<String>) {
        use std::fmt::Write as _;
        let (mut text, mut keys) = (String::new(), Vec::new());
        for known in &self.list {
            let role = &builder.roles[&known.role];
            let name = builder.orgs.get(&known.org).map_or(&role.name, |org| &org.name);
            let country = if known.country == [0; 2] { "" } else { std::str::from_utf8(&known.country).unwrap_or("") };
            let key = builder.keys.get(&role.key).map_or_else(String::new, |key| {
                keys.push(key.to_string());
                (keys.len() - 1).to_string()
            });
            let source = &builder.sources[usize::from(known.source)];
            // Writing to a text does not fail.
            let _ = writeln!(text, "{}\t{name}\t{}\t{country}\t{source}\t{}\t{key}", role.mailbox, role.handle, known.rule as u8);
        }
        (text, keys)
    }
}

/// Replaces each claim's references by its contact. Sorted so that what is around comes first, those around are a stack.
fn answer<A: Bits>(claims: &mut [Claim<A>], references: &[References], found: &[Found], mut around: impl FnMut(u32) -> u32) {
    // Stable: of the same network in the same source the later object counts, so it must stay behind.
    claims.sort_by_key(|claim| (claim.first, Reverse(claim.last)));
    // The networks around, with their contacts; one stack a source, which mostly is one.
    let mut stacks: Vec<Vec<Claim<A>>> = Vec::new();
    for claim in claims.iter_mut() {
        let source = usize::from(references[claim.whose as usize].source);
        if stacks.len() <= source {
            stacks.resize_with(source + 1, Vec::new);
        }
        let stack = &mut stacks[source];
        // What ended before is not around, nor is an earlier object of the same network.
        while stack.pop_if(|before| before.last < claim.first || (before.first, before.last) == (claim.first, claim.last)).is_some() {}
        let surrounding = stack.iter().rev().find(|around| around.last >= claim.last).map_or(NOBODY, |around| around.whose);
        let whose = match found[claim.whose as usize] {
            Found::Contact(number) => number,
            Found::Nobody => NOBODY,
            Found::AskAround if surrounding == NOBODY => NOBODY,
            Found::AskAround => around(surrounding),
        };
        claim.whose = whose;
        stack.push(*claim);
    }
}

fn v4_range(key: &[u8]) -> Option<(u32, u32)> {
    let dash = key.iter().position(|c| *c == b'-')?;
    let first = value::ipv4(key[..dash].trim_ascii())?.to_bits();
    let last = value::ipv4(key[dash + 1..].trim_ascii())?.to_bits();
    (first <= last).then_some((first, last))
}

fn country(text: Option<&[u8]>) -> [u8; 2] {
    text.and_then(|t| std::str::from_utf8(t).ok()).and_then(value::country).unwrap_or_default()
}

fn mailbox_of(value: &[u8]) -> Option<Box<str>> {
    mail_address::read(std::str::from_utf8(value).ok()?).ok().map(String::into_boxed_str)
}

/// Text without what ends a line or a cell.
fn clean(value: &[u8]) -> Box<str> {
    let text = rpsl::text(value);
    let end = text.floor_char_boundary(200);
    text[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().into()
}

fn shortened(value: &[u8]) -> String {
    rpsl::text(value).chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(dump: &str) -> (Registry, Vec<String>) {
        let mut objects = rpsl::Objects::new(dump.as_bytes());
        let mut builder = RegistryBuilder::default();
        let mut bad = Vec::new();
        while let Some(object) = objects.next().unwrap() {
            if let Err(error) = builder.add(&object.unwrap()) {
                bad.push(error.to_string());
            }
        }
        let source = builder.source_name().unwrap_or_default();
        (builder.build(source, Date::ZERO, String::new()), bad)
    }

    fn told(registry: &Registry, ip: &str) -> Option<(String, Rule)> {
        let contact = registry.contact(registry.by_address(ip.parse().unwrap())?)?;
        Some((contact.mailbox.to_owned(), contact.rule))
    }

    const ROLES: &str = "role: A\nnic-hdl: A1\nabuse-mailbox: a@a.example\nsource: X\n\nrole: B\nnic-hdl: B1\nabuse-mailbox: b@b.example\nsource: X\n\n\
                         role: Silent\nnic-hdl: S1\nsource: X\n\norganisation: ORG-B\norg-name: B Ltd\nabuse-c: b1\ncountry: JP\nsource: X\n\n";

    #[test]
    fn own_contact_then_organisation_then_the_network_around() {
        let nets = "inetnum: 10.0.0.0 - 10.255.255.255\nabuse-c: A1\norg: ORG-B\nsource: X\n\ninetnum: 10.1.0.0 - 10.1.255.255\nabuse-c: S1\norg: ORG-B\nsource: X\n\n\
                    inetnum: 10.2.0.0 - 10.2.255.255\nsource: X\n\ninetnum: 10.2.3.0 - 10.2.3.255\nsource: x\n\n\
                    inetnum: 10.4.0.0 - 10.4.255.255\nmnt-by: OTHER, RIPE-NCC-HM-MNT\nsource: X\n\ninetnum: 10.4.1.0 - 10.4.1.255\nsource: X\n\n\
                    inetnum: 10.5.0.0 - 10.5.0.255\nsource: Y\n\ninet6num: 2001:db8::/32\norg: ORG-B\nsource: X\n\naut-num: AS64496\norg: ORG-B\nsource: X\n\n\
                    aut-num: AS64497\nsource: X\n";
        // The order of objects does not matter: references may go forwards.
        for dump in [format!("{ROLES}{nets}"), format!("{nets}\n{ROLES}")] {
            let (registry, bad) = registry(&dump);
            assert_eq!(bad, [""; 0]);
            let a = |rule| Some(("a@a.example".to_owned(), rule));
            let b = |rule| Some(("b@b.example".to_owned(), rule));
            assert_eq!(told(&registry, "10.0.0.1"), a(Rule::AbuseC));
            assert_eq!(told(&registry, "10.1.0.1"), b(Rule::Organisation), "a role without mailbox is none");
            assert_eq!(told(&registry, "10.2.3.4"), a(Rule::LessSpecific));
            assert_eq!(
                (told(&registry, "10.4.0.1"), told(&registry, "10.4.1.1")),
                (None, None),
                "the registry's own network answers for nobody"
            );
            assert_eq!(told(&registry, "10.5.0.1"), None, "one source does not climb into another");
            assert_eq!(told(&registry, "2001:db8::1"), b(Rule::Organisation));
            assert_eq!(told(&registry, "11.0.0.1"), None);
            let of_as = registry.contact(registry.by_asn(64496).unwrap()).unwrap();
            assert_eq!((of_as.name, of_as.country.unwrap().as_str(), of_as.language().as_str()), ("B Ltd", "JP", "ja"));
            assert_eq!(registry.by_asn(64497), None);
            assert_eq!(of_as.party_id().as_str().split('.').take(3).collect::<Vec<_>>(), ["reg", "b", "example"]);
        }
    }

    #[test]
    fn an_irt_counts_where_it_is_the_custom() {
        let dump = |source: &str| {
            format!(
                "irt: IRT-X\nabuse-mailbox: irt@x.example\nencryption: PGPKEY-1\nsource: {source}\n\nkey-cert: PGPKEY-1\ncertif: -----BEGIN PGP PUBLIC KEY BLOCK-----\n\
                 certif:\ncertif: abcd\ncertif: -----END PGP PUBLIC KEY BLOCK-----\nsource: {source}\n\ninetnum: 192.0.2.0 - 192.0.2.255\nmnt-irt: irt-x\nsource: {source}\n"
            )
        };
        let (apnic, _) = registry(&dump("APNIC"));
        assert_eq!(told(&apnic, "192.0.2.1"), Some(("irt@x.example".to_owned(), Rule::Irt)));
        let key = apnic.contact(0).unwrap().openpgp_key.unwrap();
        assert_eq!(key, "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabcd\n-----END PGP PUBLIC KEY BLOCK-----\n");
        assert_eq!(told(&registry(&dump("RIPE")).0, "192.0.2.1"), None);
    }

    #[test]
    fn what_cannot_be_read_is_named_by_row() {
        let (_, bad) = registry(
            "inetnum: 10.0.0.9 - 10.0.0.1\nsource: X\n\nrole: R\nnic-hdl: R1\nabuse-mailbox: a b@c\nsource: X\n\ninetnum: 10.0.0.0 - 10.0.0.255\nnetname: N\n",
        );
        assert_eq!(
            bad,
            [
                r#"row 1: inetnum "10.0.0.9 - 10.0.0.1" is no range of IPv4 addresses"#,
                r#"row 4: role "R" has abuse-mailbox "a b@c", no mail address"#,
                r#"row 9: inetnum "10.0.0.0 - 10.0.0.255" has no source"#,
            ]
        );
    }

    #[test]
    fn the_image_is_read_back_whole_and_damage_is_noticed() {
        let (whole, _) = registry(&format!(
            "{ROLES}inetnum: 10.0.0.0 - 10.255.255.255\nabuse-c: A1\nsource: X\n\naut-num: AS7\norg: ORG-B\nsource: X\n"
        ));
        let mut image = Vec::new();
        whole.write(&mut image).unwrap();
        let back = Registry::from_bytes(&image).unwrap();
        assert_eq!((back.about(), told(&back, "10.1.2.3"), back.by_asn(7)), (whole.about(), told(&whole, "10.1.2.3"), whole.by_asn(7)));
        assert_eq!(back.range("10.1.2.3".parse().unwrap()).unwrap().to_string(), "10.0.0.0-10.255.255.255");
        for at in 0..image.len() {
            let mut damaged = image.clone();
            damaged[at] ^= 1;
            assert!(Registry::from_bytes(&damaged).is_err(), "{at}");
        }
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "the oracle is files, where the environment says")]
    fn the_answers_are_those_of_ripes_own_server() {
        let shared = std::env::var_os("MUSUBI_SHARED")
            .map_or_else(|| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), std::path::PathBuf::from);
        let read = |name: &str| std::fs::read_to_string(shared.join("data/trust/rpsl").join(name));
        let (Ok(dump), Ok(want)) = (read("ripe-abusec-test-objects.rpsl"), read("ripe-abusec-expected.json")) else {
            eprintln!("skipped: no test objects of RIPE in {} (set MUSUBI_SHARED)", shared.display());
            return;
        };
        let (registry, _) = registry(&dump);
        let want: serde_json::Value = serde_json::from_str(&want).unwrap();
        let mut asked = 0;
        for (key, want) in want.as_object().unwrap().iter().filter(|(key, _)| *key != "about") {
            let number = match key.strip_prefix("AS") {
                Some(asn) => registry.by_asn(asn.parse().unwrap()),
                None => registry.by_address(key.parse().unwrap()),
            };
            assert_eq!(number.and_then(|n| registry.contact(n)).map(|c| c.mailbox), want.as_str(), "{key}");
            asked += 1;
        }
        assert_eq!(asked, 7);
    }

    /// Random networks, and the slow and certain way to the answer.
    mod naive {
        use proptest::prelude::*;

        use super::*;

        /// First, last, own contact, by the registry.
        type Net = (u32, u32, Option<u8>, bool);

        fn net() -> impl Strategy<Value = Net> {
            // Prefixes nest, as a registry makes sure of.
            (0..=8_u32, any::<u8>(), proptest::option::of(0..3_u8), proptest::bool::weighted(0.2)).prop_map(|(length, at, contact, rs)| {
                let size = 1_u32 << (8 - length);
                let first = u32::from(at) & !(size - 1);
                (first, first + (size - 1), contact, rs)
            })
        }

        fn scan(nets: &[Net], ip: u32) -> Option<u8> {
            let mut around: Vec<&Net> = nets.iter().rev().filter(|n| n.0 <= ip && ip <= n.1).collect();
            around.sort_by_key(|n| n.1 - n.0);
            around.dedup_by_key(|n| n.1 - n.0);
            for net in around {
                if net.2.is_some() || net.3 {
                    return net.2;
                }
            }
            None
        }

        proptest! {
            #[test]
            fn the_swept_answer_is_that_of_climbing_by_hand(nets in proptest::collection::vec(net(), 0..12)) {
                use std::fmt::Write as _;
                let mut dump = String::new();
                for n in 0..3 {
                    write!(dump, "role: R\nnic-hdl: R{n}\nabuse-mailbox: r{n}@x.example\nsource: X\n\n").unwrap();
                }
                for (first, last, contact, rs) in &nets {
                    writeln!(dump, "inetnum: 10.0.0.{first} - 10.0.0.{last}").unwrap();
                    if let Some(n) = contact {
                        writeln!(dump, "abuse-c: R{n}").unwrap();
                    }
                    if *rs {
                        dump.push_str("mnt-by: RIPE-NCC-HM-MNT\n");
                    }
                    dump.push_str("source: X\n\n");
                }
                let (registry, bad) = registry(&dump);
                prop_assert_eq!(bad, Vec::<String>::new());
                for ip in 0..=255 {
                    let want = scan(&nets, ip).map(|n| format!("r{n}@x.example"));
                    prop_assert_eq!(told(&registry, &format!("10.0.0.{ip}")).map(|t| t.0), want, "{}", ip);
                }
            }
        }
    }
}
