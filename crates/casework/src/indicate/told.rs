//! How do we tell others of an indicator in STIX, and of nothing else?
//!
//! Everything here follows from the indicator itself, from what its worth is to those who may know its grounds, and from who tells it: no
//! event, reporter or victim is an argument. The identifiers are names in a namespace of ours over the party and what is watched for, so
//! that the same indicator keeps its name for ever and two parties never use one another's.

use std::collections::BTreeSet;

use formats::stix::marking::{Pap as StixPap, Tlp2};
use formats::stix::write::{Object, relationship};
use formats::stix::{Identifier, id};
use jiff::Timestamp;
use uuid::Uuid;

use super::indicator::{Indicator, Standing, What, Worth};
use super::pattern;
use crate::model::party::{Party, PartyKind};
use crate::model::terms::{Pap, Terms, Tlp};

/// Of the names of what we tell in STIX.
pub const NAMESPACE: Uuid = Uuid::from_u128(0x6f0b_9a4e_1c5d_4b7e_9a55_2f9c_5b0e_7d31);
/// Below this score nobody should act on it any more: what falls below has ended for others.
pub const WORTH_TELLING: u8 = 10;
/// When things without a time of their own count as made: the first of January 2026.
const ALWAYS: i64 = 1_767_225_600_000_000;

/// Who tells.
#[derive(Clone, Debug)]
pub struct Teller {
    party: String,
    name: String,
    kind: PartyKind,
}

impl Teller {
    pub fn new(party: &Party) -> Self {
        Self { party: party.id.to_string(), name: party.name.clone(), kind: party.kind }
    }

    /// The identifier of one thing that this party tells of.
    fn name(&self, object_type: &str, parts: &[&str]) -> Uuid {
        let mut name = self.party.clone();
        for part in parts {
            name.push('\0');
            name.push_str(part);
        }
        let id = id::named(object_type, &NAMESPACE, name.as_bytes()).unwrap_or_default();
        Identifier::read(&id).map(|id| id.uuid).unwrap_or_default()
    }

    /// The party itself, as STIX knows it.
    pub fn identity(&self) -> Object {
        // identity-class-ov (§10.7).
        let class = if self.kind == PartyKind::Public { "class" } else { "organization" };
        Object::domain("identity", &self.name("identity", &[]), ALWAYS).set("name", self.name.clone()).set("identity_class", class)
    }

    pub fn identity_id(&self) -> String {
        format!("identity--{}", self.name("identity", &[]))
    }

    /// The identifier under which it tells of something to watch for.
    pub fn indicator_id(&self, what: &What) -> String {
        format!("indicator--{}", self.name("indicator", &[&what.id().to_string()]))
    }
}

/// It is worth telling now; what was told before and is no longer is told as revoked.
pub fn holds(worth: &Worth) -> bool {
    worth.standing == Standing::Active && worth.score >= WORTH_TELLING
}

/// The terms under which an indicator is told, and the grounds that may be told with it: those of the source that is free to most. What
/// stricter sources add to it stays untold. `of` knows the terms by their number in the register.
pub fn freest(indicator: &Indicator, of: impl Fn(i64) -> Option<Terms>) -> Option<(Terms, BTreeSet<i64>)> {
    let joined = |numbers: &[i64]| {
        let mut all = numbers.iter().map(|number| of(*number));
        let first = all.next()??;
        all.try_fold(first, |joined, terms| Some(joined.join(&terms?)))
    };
    let mut candidates: Vec<Terms> = indicator.support().filter_map(|(_, support)| joined(&support.terms)).collect();
    // The freest label; of those that nobody can compare always the same.
    candidates.sort_by_cached_key(|terms| (terms.tlp, terms.pap, terms.to_string()));
    let terms = candidates.into_iter().next()?;
    let open = indicator.terms().into_iter().filter(|number| of(*number).is_some_and(|one| one.leq(&terms))).collect();
    Some((terms, open))
}

/// An indicator and what belongs to it, the indicator first: its malware and how it is related, and that it was sighted. What has ended
/// is told as revoked, alone. `None` when STIX has no pattern for it. Times of the objects are `created`; who gives a new version sets
/// [`Object::modified`].
pub fn objects(indicator: &Indicator, worth: &Worth, terms: &Terms, teller: &Teller, created: Timestamp) -> Option<Vec<Object>> {
    let what = indicator.what();
    let pattern = pattern::of(what)?;
    let created = created.as_microsecond();
    let hash = what.id().to_string();
    let from = worth.valid_from.map_or(created, Timestamp::as_microsecond);
    let mut object = Object::domain("indicator", &teller.name("indicator", &[&hash]), created)
        .created_by(&teller.identity_id())
        .set("name", what.to_string().chars().take(500).collect::<String>())
        .set("indicator_types", vec![kind_of_threat(worth)])
        .set("pattern", pattern)
        .set("pattern_type", "stix")
        .set("pattern_version", "2.1")
        .time("valid_from", from);
    let until = worth.holds_until(WORTH_TELLING).or(worth.valid_until).map(Timestamp::as_microsecond);
    // §4.7: later than valid_from.
    if let Some(until) = until.filter(|until| *until >= from.saturating_add(1_000)) {
        object = object.time("valid_until", until);
    }
    if let Some(class) = worth.class {
        object = object.label(&format!("rsit:{}=\"{}\"", class.taxonomy(), class.type_()));
    }
    let holds = holds(worth);
    object = if holds { object.confidence(worth.fresh()) } else { object.revoked() };
    let mut told = vec![marked(object, terms)];
    if !holds {
        return Some(told);
    }
    let indicator_id = teller.indicator_id(what);
    if let Some(malware) = &worth.malware {
        // One for each of the terms: who may know of the one indicator need not know of the other.
        let text = terms.to_string();
        let uuid = teller.name("malware", &[malware, &text]);
        let family = Object::domain("malware", &uuid, ALWAYS).created_by(&teller.identity_id());
        told.push(marked(family.set("name", malware.clone()).set("is_family", true), terms));
        let uuid = teller.name("relationship", &[&hash, malware, &text]);
        let indicates =
            relationship(&uuid, created, &indicator_id, "indicates", &format!("malware--{}", teller.name("malware", &[malware, &text])));
        told.push(marked(indicates.created_by(&teller.identity_id()), terms));
    }
    if worth.sightings > 0 {
        let mut sighting = Object::domain("sighting", &teller.name("sighting", &[&hash]), created)
            .created_by(&teller.identity_id())
            .set("count", worth.sightings.min(999_999_999))
            .set("sighting_of_ref", indicator_id);
        if let Some(last) = worth.last_sighting {
            sighting = sighting.time("last_seen", last.as_microsecond());
        }
        told.push(marked(sighting, terms));
    }
    Some(told)
}

/// indicator-type-ov (§10.11).
fn kind_of_threat(worth: &Worth) -> &'static str {
    match worth.class.map(|class| class.taxonomy()) {
        Some("information-gathering") => "anomalous-activity",
        Some(_) => "malicious-activity",
        None => "unknown",
    }
}

/// With the markings that say what can be said of terms in STIX: TLP 2.0 and PAP.
pub fn marked(object: Object, terms: &Terms) -> Object {
    let object = object.marked(tlp(terms.tlp).id());
    match pap(terms.pap) {
        Some(pap) => object.marked(pap.id()),
        None => object,
    }
}

fn tlp(tlp: Tlp) -> Tlp2 {
    match tlp {
        Tlp::Clear => Tlp2::Clear,
        Tlp::Green => Tlp2::Green,
        Tlp::Amber => Tlp2::Amber,
        Tlp::AmberStrict => Tlp2::AmberStrict,
        Tlp::Red => Tlp2::Red,
    }
}

fn pap(pap: Pap) -> Option<StixPap> {
    match pap {
        Pap::Clear => None,
        Pap::Green => Some(StixPap::Green),
        Pap::Amber => Some(StixPap::Amber),
        Pap::Red => Some(StixPap::Red),
    }
}

/// The definitions of the markings that stand on objects under these terms, as text: who reads a bundle must find them in it. The
/// definition of the TLP 2.0 and PAP extensions others have.
pub fn definitions(terms: &Terms) -> Vec<&'static str> {
    let mut definitions = vec![tlp(terms.tlp).definition()];
    definitions.extend(pap(terms.pap).map(StixPap::definition));
    definitions
}

#[cfg(test)]
mod tests {
    use formats::rsit::Class;
    use formats::stix::Header;
    use proptest::prelude::*;

    use super::super::decay::HalfLives;
    use super::super::indicator::{Doubt, Said};
    use super::super::rules::{End, Row, Rules, candidates};
    use super::super::warning::Warnings;
    use super::*;
    use crate::model::identity::EventId;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_774_000_000 + second).unwrap()
    }

    fn teller() -> Teller {
        Teller { party: "csirt.example".to_owned(), name: "Example CSIRT".to_owned(), kind: PartyKind::NationalCsirt }
    }

    fn row<'a>(class: &str, source: End<'a>, destination: End<'a>) -> Row<'a> {
        Row {
            id: EventId([7; 16]),
            time: at(0),
            reporter: "secret-sensor-of-the-hospital",
            terms: 1,
            class: Class::of(class).unwrap(),
            confidence: None,
            malware: Some("mirai"),
            identifier: None,
            source,
            destination,
            md5: None,
            sha1: None,
            sha256: None,
        }
    }

    fn made(rows: &[Row<'_>]) -> Vec<Indicator> {
        let found = candidates(rows.iter().copied(), &Rules::default(), &Warnings::none(), at(60));
        found
            .candidates
            .into_iter()
            .map(|(what, said)| {
                let mut indicator = Indicator::new(what);
                for word in said {
                    indicator.hear(word);
                }
                indicator
            })
            .collect()
    }

    fn texts(indicator: &Indicator) -> Vec<String> {
        let worth = indicator.worth(&HalfLives::default(), at(60), |_| true);
        let told = objects(indicator, &worth, &Terms::of(Tlp::Green), &teller(), at(0)).unwrap();
        told.iter().map(Object::write).collect()
    }

    #[test]
    fn it_is_told_with_its_malware_and_a_doubt_lowers_it() {
        let c2 = End { ip: "9.0.0.5".parse().ok(), ..End::default() };
        let mut all = made(&[row("c2-server", c2, End { ip: "198.51.100.77".parse().ok(), ..End::default() })]);
        let indicator = &mut all[0];
        let told = texts(indicator);
        assert_eq!(told.len(), 3, "{told:?}");
        for text in &told {
            let header = Header::read(text.as_bytes()).unwrap();
            assert_eq!(header.object_marking_refs[0], Tlp2::Green.id());
        }
        assert!(told[0].contains(r#""confidence":80"#) && told[0].contains("[ipv4-addr:value = '9.0.0.5']"), "{}", told[0]);
        assert!(told[0].contains(r#""labels":["rsit:malicious-code=\"c2-server\""]"#), "{}", told[0]);
        indicator.hear(Said::Against("x".into(), Doubt { at: at(60), trust: 50, because: "ours".into() }));
        assert!(texts(indicator)[0].contains(r#""confidence":40"#));
        indicator.hear(Said::Against("y".into(), Doubt { at: at(60), trust: 60, because: "ours".into() }));
        let ended = texts(indicator);
        assert!(ended.len() == 1 && ended[0].contains(r#""revoked":true"#) && !ended[0].contains("ours"), "{ended:?}");
    }

    #[test]
    fn a_stricter_source_adds_nothing_to_what_a_freer_one_lets_be_told() {
        let terms = |number: i64| Some(Terms::of(if number == 1 { Tlp::Green } else { Tlp::Red }));
        let c2 = End { ip: "9.0.0.5".parse().ok(), ..End::default() };
        let mut secret = row("c2-server", c2, End::default());
        (secret.terms, secret.reporter, secret.malware) = (2, "other", Some("secret-family"));
        let all = made(&[row("c2-server", c2, End::default()), secret]);
        let (held, open) = freest(&all[0], terms).unwrap();
        assert_eq!((held.tlp, open), (Tlp::Green, BTreeSet::from([1])));
    }

    proptest! {
        /// Whatever the victims are, no object tells of them: neither by a value nor by an identifier that follows from one.
        #[test]
        fn nothing_of_a_victim_is_told(
            victim in any::<std::net::Ipv4Addr>(), name in "[a-z]{3,9}-host\\.victim\\.example", mailbox in "[a-z]{3,9}", seconds in 0_i64..50,
            class in prop::sample::select(vec!["c2-server", "scanner", "brute-force", "phishing", "infected-system", "malware-distribution"]),
        ) {
            let url = format!("http://{name}/reset?for={mailbox}@victim.example");
            let attacker = End { ip: "9.0.0.5".parse().ok(), fqdn: Some("evil.example"), url: Some("http://evil.example/gate") };
            let harmed = End { ip: Some(victim.into()), fqdn: Some(&name), url: Some(&url) };
            let (source, destination) = if class == "infected-system" { (harmed, attacker) } else { (attacker, harmed) };
            let mut one = row(class, source, destination);
            one.time = at(seconds);
            let mut rows = vec![one; 3];
            (rows[1].reporter, rows[2].reporter) = ("two", "three");
            rows[0].md5 = Some("44d88612fea8a8f36de82e1278abb02f");
            let other = { let mut other = rows.clone(); for row in &mut other { row.destination = if class == "infected-system" { attacker } else { End::default() }; if class == "infected-system" { row.source = End::default(); } } other };
            let told: Vec<Vec<String>> = made(&rows).iter().map(texts).collect();
            for text in told.iter().flatten() {
                let ip = format!("'{victim}'");
                for hidden in [ip.as_str(), &name, &mailbox_at(&mailbox), "hospital", "0707070707"] {
                    prop_assert!(!text.contains(hidden), "{} in {}", hidden, text);
                }
            }
            // Another victim, or none at all: the same objects to the last byte.
            if victim != std::net::Ipv4Addr::new(9, 0, 0, 5) {
                let without: Vec<Vec<String>> = made(&other).iter().map(texts).collect();
                prop_assert_eq!(told, without);
            }
        }
    }

    fn mailbox_at(mailbox: &str) -> String {
        format!("{mailbox}@")
    }
}
