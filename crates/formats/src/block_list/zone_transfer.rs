//! Which records, in which order, does a secondary get: the whole zone (AXFR, RFC 5936) or only what changed (IXFR, RFC 1995)?
//!
//! Pure data, for a server that packs it into messages. A [`Step`] is the difference of two versions; whoever has version *n* gets
//! the steps from *n* on, one after the other, unless the whole zone is shorter or a step is missing.

use std::collections::VecDeque;

use super::rpz::{Soa, WHY_LABEL, Zone, cut, owner};
use super::zone_serial::newer;

/// One record of class IN; names absolute, without the root's dot.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Record {
    pub owner: String,
    pub ttl: u32,
    pub content: Content,
}

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Content {
    Soa(Soa),
    Ns(String),
    /// Empty for the root, `*` for NODATA.
    Cname(String),
    /// One character string of at most 255 octets.
    Txt(String),
}

/// What changes from one version to the next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Step {
    /// The SOA records of both.
    pub from: Record,
    pub to: Record,
    pub removed: Vec<Record>,
    pub added: Vec<Record>,
}

/// What to answer to a secondary.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// One SOA: it has the newest (RFC 1995 §2), or one newer than ours.
    UpToDate(Record),
    /// The records of an incremental answer, in order.
    Incremental(Vec<Record>),
    /// Send the whole zone.
    Full,
}

fn soa(zone: &Zone) -> Record {
    Record { owner: zone.origin.clone(), ttl: zone.ttl, content: Content::Soa(zone.soa.clone()) }
}

/// All records but the SOA, in the order of the zone.
fn body(zone: &Zone) -> Vec<Record> {
    let mut records = Vec::with_capacity(zone.rules.len() + 1);
    let record = |owner: String, content| Record { owner, ttl: zone.ttl, content };
    records.push(record(zone.origin.clone(), Content::Ns(zone.name_server.clone())));
    for rule in &zone.rules {
        let mut name = String::new();
        owner(&rule.trigger, &mut name);
        name.push('.');
        name.push_str(&zone.origin);
        let target = rule.action.target();
        records.push(record(name, Content::Cname(target.strip_suffix('.').unwrap_or(&target).to_owned())));
        if let Some(about) = zone.told(rule) {
            records.push(record(format!("{WHY_LABEL}.{about}.{}", zone.origin), Content::Txt(cut(&rule.why).to_owned())));
        }
    }
    records
}

/// The whole zone as AXFR sends it: the SOA first and again last (RFC 5936 §2.2).
///
/// ```
/// use formats::block_list::rpz::{Wish, Zone};
/// use formats::block_list::zone_transfer::whole;
/// let (zone, _) = Zone::of(&[], &Wish::new("rpz.example"))?;
/// let records = whole(&zone);
/// assert_eq!((records.len(), records.first() == records.last()), (3, true));
/// # Ok::<(), formats::block_list::rpz::Error>(())
/// ```
pub fn whole(zone: &Zone) -> Vec<Record> {
    let mut records = vec![soa(zone)];
    records.append(&mut body(zone));
    records.push(soa(zone));
    records
}

/// The difference of two versions of a zone; what was removed and what was added are each sorted.
///
/// ```
/// use formats::block_list::rpz::{Wish, Zone};
/// use formats::block_list::zone_transfer::difference;
/// let (old, _) = Zone::of(&[], &Wish::new("rpz.example"))?;
/// let mut new = old.clone();
/// (new.soa.serial, new.name_server) = (2, "ns.example".into());
/// let step = difference(&old, &new);
/// assert_eq!((step.removed.len(), step.added.len()), (1, 1));
/// # Ok::<(), formats::block_list::rpz::Error>(())
/// ```
pub fn difference(old: &Zone, new: &Zone) -> Step {
    let (mut before, mut after) = (body(old), body(new));
    before.sort_unstable();
    after.sort_unstable();
    before.dedup();
    after.dedup();
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    let mut after = after.into_iter().peekable();
    for record in before {
        while let Some(one) = after.next_if(|one| *one < record) {
            added.push(one);
        }
        if after.next_if_eq(&record).is_none() {
            removed.push(record);
        }
    }
    added.extend(after);
    Step { from: soa(old), to: soa(new), removed, added }
}

impl Step {
    /// The serials that it leads from and to.
    ///
    /// ```
    /// use formats::block_list::rpz::{Wish, Zone};
    /// use formats::block_list::zone_transfer::difference;
    /// let (zone, _) = Zone::of(&[], &Wish::new("rpz.example"))?;
    /// assert_eq!(difference(&zone, &zone).serials(), Some((1, 1)));
    /// # Ok::<(), formats::block_list::rpz::Error>(())
    /// ```
    pub fn serials(&self) -> Option<(u32, u32)> {
        match (&self.from.content, &self.to.content) {
            (Content::Soa(from), Content::Soa(to)) => Some((from.serial, to.serial)),
            _ => None,
        }
    }
}

/// Answers a secondary that has `serial`, from the steps that are still known, the oldest first.
///
/// The answer is the newest SOA, then for each step the old SOA, what was removed, the new SOA, what was added, and the newest
/// SOA again (RFC 1995 §4).
///
/// ```
/// use formats::block_list::rpz::{Wish, Zone};
/// use formats::block_list::zone_transfer::{Answer, answer, difference};
/// let (old, _) = Zone::of(&[], &Wish::new("rpz.example"))?;
/// let mut new = old.clone();
/// (new.soa.serial, new.ttl) = (2, 60);
/// let steps = [difference(&old, &new)];
/// assert!(matches!(answer(&new, &steps, 2), Answer::UpToDate(_)));
/// assert!(matches!(answer(&new, &[], 1), Answer::Full));
/// # Ok::<(), formats::block_list::rpz::Error>(())
/// ```
pub fn answer(zone: &Zone, steps: &[Step], serial: u32) -> Answer {
    let newest = zone.soa.serial;
    if serial == newest || newer(serial, newest) {
        return Answer::UpToDate(soa(zone));
    }
    // Backwards from the newest, as far as one joins the other.
    let mut chain: VecDeque<&Step> = VecDeque::new();
    let mut wanted = newest;
    for step in steps.iter().rev() {
        if wanted == serial {
            break;
        }
        match step.serials() {
            Some((from, to)) if to == wanted && newer(to, from) => {
                chain.push_front(step);
                wanted = from;
            }
            _ => {}
        }
    }
    let records: usize = chain.iter().map(|step| step.removed.len() + step.added.len() + 2).sum();
    if wanted != serial || records + 2 >= zone.rules.len() + 3 {
        return Answer::Full;
    }
    let mut out = Vec::with_capacity(records + 2);
    out.push(soa(zone));
    for step in chain {
        out.push(step.from.clone());
        out.extend_from_slice(&step.removed);
        out.push(step.to.clone());
        out.extend_from_slice(&step.added);
    }
    out.push(soa(zone));
    Answer::Incremental(out)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::rpz::{Action, Reasons, Wish};
    use super::super::{Entry, Value};
    use super::*;

    fn version(names: &BTreeSet<u8>, serial: u32, txt: bool) -> Zone {
        let texts: Vec<String> = names.iter().map(|n| format!("n{n}.example")).collect();
        let because = ["why".to_owned()];
        let entry = |text| Entry {
            value: Value::Name(text),
            id: [0; 16],
            because: &because,
            confidence: 1,
            expires: jiff::Timestamp::MAX,
            marked: false,
        };
        let entries: Vec<_> = texts.iter().map(|text| entry(text)).collect();
        let reasons = if txt { Reasons::Txt } else { Reasons::None };
        let mut zone = Zone::of(&entries, &Wish { action: Action::Nodata, reasons, ..Wish::new("rpz.example") }).unwrap().0;
        zone.soa.serial = serial;
        zone
    }

    /// What a secondary does with an incremental answer (RFC 1995 §4).
    fn apply(have: &Zone, answer: &[Record]) -> (u32, BTreeSet<Record>) {
        let mut records: BTreeSet<Record> = body(have).into_iter().collect();
        let (mut serial, mut deleting) = (have.soa.serial, false);
        let Content::Soa(newest) = &answer[0].content else { panic!("begins with no SOA") };
        for record in &answer[1..] {
            match &record.content {
                Content::Soa(soa) => {
                    deleting = !deleting;
                    if !deleting {
                        serial = soa.serial;
                    } else {
                        assert_eq!(soa.serial, serial, "removes from another version");
                    }
                }
                _ if deleting => assert!(records.remove(record), "{record:?} is not there"),
                _ => assert!(records.insert(record.clone()), "{record:?} is there"),
            }
        }
        assert_eq!(newest.serial, serial);
        (serial, records)
    }

    proptest! {
        #[test]
        fn a_secondary_that_follows_the_steps_has_the_zone(
            versions in prop::collection::vec(prop::collection::btree_set(0_u8..40, 0..40), 2..6), start: u32, have in 0_usize..6, txt: bool,
        ) {
            let zones: Vec<Zone> = versions.iter().zip(0..).map(|(names, n)| version(names, start.wrapping_add(n), txt)).collect();
            let steps: Vec<Step> = zones.windows(2).map(|two| difference(&two[0], &two[1])).collect();
            let newest = zones.last().unwrap();
            let have = &zones[have % zones.len()];
            match answer(newest, &steps, have.soa.serial) {
                Answer::UpToDate(record) => prop_assert_eq!((have, record), (newest, soa(newest))),
                Answer::Full => prop_assert!(have != newest),
                Answer::Incremental(records) => {
                    prop_assert!(records.len() < whole(newest).len());
                    let (serial, found) = apply(have, &records);
                    prop_assert_eq!(serial, newest.soa.serial);
                    prop_assert_eq!(found, body(newest).into_iter().collect::<BTreeSet<_>>());
                }
            }
        }
    }

    #[test]
    fn a_secondary_whose_version_is_forgotten_gets_everything() {
        let zone = |names: &[u8], serial| version(&names.iter().copied().collect(), serial, false);
        let all: Vec<u8> = (0..40).collect();
        let zones = [zone(&all, 7), zone(&all[1..], 8), zone(&all[2..], 9)];
        let steps: Vec<Step> = zones.windows(2).map(|two| difference(&two[0], &two[1])).collect();
        assert!(matches!(answer(&zones[2], &steps, 7), Answer::Incremental(records) if records.len() == 10));
        assert_eq!(answer(&zones[2], &steps[1..], 7), Answer::Full);
        assert_eq!(answer(&zones[2], &steps, 6), Answer::Full);
        assert_eq!(answer(&zones[2], &steps[..1], 7), Answer::Full);
        assert!(matches!(answer(&zones[2], &steps, 10), Answer::UpToDate(_)));
    }
}
