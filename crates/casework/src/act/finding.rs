//! What is told of one subject: the address, name or page with the problem, and how often it was seen.
//!
//! Many events of the same subject under the same terms are one finding. Events under different terms are not joined,
//! because what may be said of them differs. A digest that waits keeps its findings in the form that
//! [`write`] gives and [`read`] takes back.

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use formats::rsit::Class;

use super::problem::Problem;
use crate::model::event::{Country, Severity};
use crate::model::identity::EventId;
use crate::share::Redactions;

/// Stands for one subject of one kind of problem; the same whenever and by whomever it is seen.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SubjectKey(pub [u8; 16]);

/// The texts of a finding, by their column in `events`.
pub const TEXTS: [&str; 12] = [
    "source_fqdn",
    "source_url",
    "source_reverse_dns",
    "transport",
    "application",
    "identifier",
    "malware",
    "product_vendor",
    "product_name",
    "product_version",
    "feed",
    "destination_fqdn",
];

/// Places in [`TEXTS`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(usize)]
pub enum Text {
    Fqdn,
    Url,
    ReverseDns,
    Transport,
    Application,
    Identifier,
    Malware,
    Vendor,
    Product,
    Version,
    Feed,
    DestinationFqdn,
}

/// One subject as told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Finding {
    pub key: SubjectKey,
    /// One of the events, so that its evidence can be found.
    pub event: [u8; 16],
    /// Number of its terms in the register.
    pub terms: i64,
    /// Microseconds since 1970, UTC.
    pub first_seen: i64,
    pub last_seen: i64,
    pub events: u32,
    pub class: Class,
    pub severity: Option<Severity>,
    pub ip: Option<IpAddr>,
    pub port: Option<u16>,
    pub asn: Option<u32>,
    pub country: Option<Country>,
    pub destination_ip: Option<IpAddr>,
    pub destination_port: Option<u16>,
    /// Shared, because most of them are the same in thousands of findings.
    pub texts: [Option<Arc<str>>; 12],
    /// When the party before this one in line was told, for what is passed on.
    pub told_before: Option<i64>,
}

impl Finding {
    pub fn text(&self, which: Text) -> Option<&str> {
        self.texts[which as usize].as_deref()
    }

    pub fn event_id(&self) -> EventId {
        EventId(self.event)
    }

    /// The subject as a person names it: page, name or address.
    pub fn subject(&self) -> String {
        match (self.text(Text::Url), self.text(Text::Fqdn), self.ip) {
            (Some(url), ..) => url.to_owned(),
            (None, _, Some(ip)) => ip.to_string(),
            (None, Some(fqdn), None) => fqdn.to_owned(),
            (None, None, None) => "-".to_owned(),
        }
    }

    /// What it is, in a word or two.
    pub fn what(&self) -> &str {
        self.text(Text::Malware).or(self.text(Text::Identifier)).unwrap_or(self.class.type_())
    }

    /// Takes in another finding of the same subject and terms.
    pub fn absorb(&mut self, other: &Self) {
        if other.last_seen > self.last_seen {
            // The newest says which port and page it is now.
            self.port = other.port.or(self.port);
            self.event = other.event;
        }
        self.first_seen = self.first_seen.min(other.first_seen);
        self.last_seen = self.last_seen.max(other.last_seen);
        self.events = self.events.saturating_add(other.events);
        self.severity = self.severity.max(other.severity);
    }

    /// Empties what the recipient may not see, by the columns of `events`; what is left of it has no name of its own any more.
    pub fn redact(&mut self, redactions: Redactions) {
        if redactions.is_empty() {
            return;
        }
        let hidden = |column: &str| redactions.hide(column);
        if hidden("id") {
            self.event = [0; 16];
        }
        let Self { ip, port, asn, country, destination_ip, destination_port, texts, .. } = self;
        forget(ip, hidden("source_ip"));
        forget(port, hidden("source_port"));
        forget(asn, hidden("source_asn"));
        forget(country, hidden("source_country"));
        forget(destination_ip, hidden("destination_ip"));
        forget(destination_port, hidden("destination_port"));
        for (column, text) in TEXTS.iter().zip(texts) {
            forget(text, hidden(column));
        }
        // The key is a hash of what may be hidden now.
        self.key = SubjectKey(self.shown());
    }

    /// A hash of all that can be seen of the subject.
    fn shown(&self) -> [u8; 16] {
        let shown =
            Self { key: SubjectKey::default(), event: [0; 16], first_seen: 0, last_seen: 0, events: 0, severity: None, ..self.clone() };
        let mut key = [0; 16];
        key.copy_from_slice(&blake3::hash(&write(&[shown])).as_bytes()[..16]);
        key
    }

    /// Worse ones first: by severity as reported, then by how often, then newest.
    pub fn worse(&self, other: &Self) -> std::cmp::Ordering {
        (other.severity, other.events, other.last_seen, self.key).cmp(&(self.severity, self.events, self.last_seen, other.key))
    }
}

fn forget<T>(value: &mut Option<T>, hidden: bool) {
    if hidden {
        *value = None;
    }
}

/// Joins findings that nobody can tell apart any more, such as those of which the address was taken away.
pub fn join_alike(findings: Vec<Finding>) -> Vec<Finding> {
    let mut places: HashMap<(SubjectKey, i64), usize> = HashMap::with_capacity(findings.len());
    let mut joined: Vec<Finding> = Vec::with_capacity(findings.len());
    for finding in findings {
        match places.entry((finding.key, finding.terms)) {
            Entry::Occupied(at) => joined[*at.get()].absorb(&finding),
            Entry::Vacant(at) => {
                at.insert(joined.len());
                joined.push(finding);
            }
        }
    }
    joined.sort_unstable_by(Finding::worse);
    joined
}

/// What makes two events the same subject.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub problem: Problem,
    pub ip: Option<IpAddr>,
    pub port: Option<u16>,
    pub fqdn: Option<&'a str>,
    pub url: Option<&'a str>,
    pub identifier: Option<&'a str>,
    pub malware: Option<&'a str>,
}

impl Subject<'_> {
    /// An infection is the address and the malware; a page is its address in full; an open service is address, port and kind;
    /// an attacker is its address.
    pub fn key(&self) -> SubjectKey {
        let mut hash = blake3::Hasher::new();
        let mut part = |tag: u8, bytes: &[u8]| {
            hash.update(&[tag]);
            hash.update(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
            hash.update(bytes);
        };
        part(0, &[self.problem as u8]);
        match (self.problem, self.url) {
            (Problem::Phishing | Problem::MalwareDistribution, Some(url)) => part(1, url.as_bytes()),
            (_, url) => match (self.ip, self.fqdn.or(url)) {
                (Some(IpAddr::V4(ip)), _) => part(2, &ip.octets()),
                (Some(IpAddr::V6(ip)), _) => part(3, &ip.octets()),
                (None, Some(name)) => part(4, name.to_ascii_lowercase().as_bytes()),
                (None, None) => {}
            },
        }
        if matches!(self.problem, Problem::Exposed | Problem::CommandAndControl)
            && let Some(port) = self.port
        {
            part(5, &port.to_le_bytes());
        }
        if self.problem != Problem::Attacking
            && let Some(what) = self.malware.or(self.identifier)
        {
            part(6, what.to_ascii_lowercase().as_bytes());
        }
        let mut key = [0; 16];
        key.copy_from_slice(&hash.finalize().as_bytes()[..16]);
        SubjectKey(key)
    }
}

const VERSION: u8 = 1;

/// Findings as bytes, to be kept.
pub fn write(findings: &[Finding]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + findings.len() * 120);
    out.push(VERSION);
    for finding in findings {
        out.extend(finding.key.0);
        out.extend(finding.event);
        for number in [finding.terms, finding.first_seen, finding.last_seen, finding.told_before.unwrap_or(i64::MIN)] {
            out.extend(number.to_le_bytes());
        }
        out.extend(finding.events.to_le_bytes());
        text(&mut out, Some(finding.class.type_()));
        text(&mut out, finding.severity.map(Severity::as_str));
        address(&mut out, finding.ip);
        address(&mut out, finding.destination_ip);
        // 0 is no port that anything was seen on, and AS 0 belongs to nobody (RFC 7607).
        for port in [finding.port, finding.destination_port] {
            out.extend(port.map_or(u32::MAX, u32::from).to_le_bytes());
        }
        out.extend(finding.asn.unwrap_or(0).to_le_bytes());
        out.extend(finding.country.map_or([0, 0], |country| country.0));
        for value in &finding.texts {
            text(&mut out, value.as_deref());
        }
    }
    out
}

/// Kept findings cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("finding {number} is damaged")]
pub struct Damaged {
    pub number: usize,
}

/// Findings from the bytes that [`write`] gave.
///
/// # Errors
/// Names the first finding that cannot be read.
pub fn read(bytes: &[u8]) -> Result<Vec<Finding>, Damaged> {
    let Some((&VERSION, mut rest)) = bytes.split_first() else {
        return if bytes.is_empty() { Ok(Vec::new()) } else { Err(Damaged { number: 0 }) };
    };
    let mut findings = Vec::new();
    while !rest.is_empty() {
        let damaged = Damaged { number: findings.len() };
        findings.push(read_one(&mut rest).ok_or(damaged)?);
    }
    Ok(findings)
}

fn text(out: &mut Vec<u8>, value: Option<&str>) {
    // Length plus one; 0 is absent. What does not fit is cut at a character.
    let Some(value) = value else { return out.extend(0u16.to_le_bytes()) };
    let mut end = value.len().min(usize::from(u16::MAX) - 1);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    out.extend(u16::try_from(end + 1).unwrap_or(u16::MAX).to_le_bytes());
    out.extend(&value.as_bytes()[..end]);
}

fn address(out: &mut Vec<u8>, ip: Option<IpAddr>) {
    match ip {
        None => out.push(0),
        Some(IpAddr::V4(ip)) => {
            out.push(4);
            out.extend(ip.octets());
        }
        Some(IpAddr::V6(ip)) => {
            out.push(6);
            out.extend(ip.octets());
        }
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a str>> {
    let Some(length) = u16::from_le_bytes(take(rest)?).checked_sub(1) else { return Some(None) };
    let (head, tail) = rest.split_at_checked(usize::from(length))?;
    *rest = tail;
    Some(Some(std::str::from_utf8(head).ok()?))
}

fn take_address(rest: &mut &[u8]) -> Option<Option<IpAddr>> {
    Some(match take::<1>(rest)? {
        [0] => None,
        [4] => Some(Ipv4Addr::from(take::<4>(rest)?).into()),
        [6] => Some(Ipv6Addr::from(take::<16>(rest)?).into()),
        _ => return None,
    })
}

fn take_port(rest: &mut &[u8]) -> Option<Option<u16>> {
    match u32::from_le_bytes(take(rest)?) {
        u32::MAX => Some(None),
        port => Some(Some(u16::try_from(port).ok()?)),
    }
}

fn read_one(rest: &mut &[u8]) -> Option<Finding> {
    let mut finding = Finding { key: SubjectKey(take(rest)?), event: take(rest)?, ..Finding::default() };
    finding.terms = i64::from_le_bytes(take(rest)?);
    finding.first_seen = i64::from_le_bytes(take(rest)?);
    finding.last_seen = i64::from_le_bytes(take(rest)?);
    finding.told_before = Some(i64::from_le_bytes(take(rest)?)).filter(|at| *at != i64::MIN);
    finding.events = u32::from_le_bytes(take(rest)?);
    finding.class = Class::of(take_text(rest)??)?;
    finding.severity = match take_text(rest)? {
        Some(word) => Some(Severity::read(word)?),
        None => None,
    };
    finding.ip = take_address(rest)?;
    finding.destination_ip = take_address(rest)?;
    finding.port = take_port(rest)?;
    finding.destination_port = take_port(rest)?;
    finding.asn = Some(u32::from_le_bytes(take(rest)?)).filter(|asn| *asn != 0);
    finding.country = Some(take::<2>(rest)?).filter(|country| *country != [0, 0]).map(Country);
    for value in &mut finding.texts {
        *value = take_text(rest)?.map(Into::into);
    }
    Some(finding)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn subject(problem: Problem) -> Subject<'static> {
        Subject {
            problem,
            ip: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))),
            port: Some(23),
            fqdn: None,
            url: None,
            identifier: Some("telnet-scan"),
            malware: Some("Mirai"),
        }
    }

    #[test]
    fn an_infection_stays_the_same_whatever_port_it_was_seen_on() {
        let seen = subject(Problem::Compromised);
        assert_eq!(seen.key(), Subject { port: Some(2323), identifier: None, malware: Some("mirai"), ..seen }.key());
        assert_ne!(seen.key(), Subject { malware: Some("hajime"), ..seen }.key());
        assert_ne!(seen.key(), Subject { problem: Problem::Exposed, ..seen }.key());
    }

    #[test]
    fn without_victims_a_maker_sees_how_many_and_nothing_that_leads_to_them() {
        let victim = Redactions::NONE.with(crate::share::Redaction::VictimIdentity);
        let camera = |last: u8| {
            let mut finding =
                Finding { ip: Some(Ipv4Addr::new(192, 0, 2, last).into()), event: [last; 16], events: 1, ..Finding::default() };
            finding.key = SubjectKey([last; 16]);
            finding.texts[Text::Product as usize] = Some("IPC-7".into());
            finding.texts[Text::ReverseDns as usize] = Some(format!("host-{last}.isp.example").into());
            finding.redact(victim);
            finding
        };
        let told = join_alike(vec![camera(1), camera(2), camera(3)]);
        assert_eq!((told.len(), told[0].events, told[0].ip, told[0].event), (1, 3, None, [0; 16]));
        assert_eq!((told[0].text(Text::Product), told[0].text(Text::ReverseDns)), (Some("IPC-7"), None));
        assert_ne!(told[0].key, SubjectKey([1; 16]));
    }

    #[test]
    fn two_open_ports_are_two_subjects() {
        let open = subject(Problem::Exposed);
        assert_ne!(open.key(), Subject { port: Some(2323), ..open }.key());
    }

    fn findings() -> impl Strategy<Value = Finding> {
        let texts = prop::array::uniform12(prop::option::of("\\PC{0,12}".prop_map(Arc::from)));
        let numbers = (any::<i64>(), any::<i64>(), any::<i64>(), any::<u32>(), prop::option::of(0..i64::MAX));
        let ends = (prop::option::of(any::<IpAddr>()), prop::option::of(any::<u16>()), prop::option::of(1..u32::MAX));
        (any::<[u8; 16]>(), any::<[u8; 16]>(), numbers, ends, 0..39usize, texts).prop_map(|(key, event, n, ends, class, texts)| Finding {
            key: SubjectKey(key),
            event,
            terms: n.0,
            first_seen: n.1,
            last_seen: n.2,
            events: n.3,
            told_before: n.4,
            ip: ends.0,
            destination_ip: ends.0,
            port: ends.1,
            destination_port: ends.1,
            asn: ends.2,
            class: Class::all().nth(class).unwrap_or_default(),
            severity: Some(Severity::High),
            country: Some(Country(*b"JP")),
            texts,
        })
    }

    proptest! {
        #[test]
        fn what_is_kept_is_read_back(findings in prop::collection::vec(findings(), 0..8)) {
            prop_assert_eq!(read(&write(&findings)).unwrap(), findings);
        }

        #[test]
        fn damage_is_an_error_and_never_a_panic(findings in prop::collection::vec(findings(), 1..4), at in any::<prop::sample::Index>(), cut in any::<bool>(), byte in any::<u8>()) {
            let mut bytes = write(&findings);
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] = byte }
            let _ = read(&bytes);
        }
    }
}
