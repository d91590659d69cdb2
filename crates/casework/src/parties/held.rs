//! A party has proved that something is its own. Who else holds it, and may the claim come into force by itself?
//!
//! Proof by mail, DNS or a file shows control today; it does not show that another's entry is wrong. What another party holds
//! exactly so, by our own entry or by a proof of its own, is for a person to decide. What is merely more specific is not: a
//! customer's /24 in the /16 of its provider is how networks are handed on.

use jiff::Timestamp;

use crate::model::party::{Claim, Party, PartyId, Provenance};

/// How what another party holds lies to what is claimed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Lies {
    /// It is the same.
    Same,
    /// It holds all that is claimed and more.
    Around,
    /// It is a part of what is claimed.
    Within,
}

impl Lies {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Around => "around",
            Self::Within => "within",
        }
    }
}

/// What another party holds of what is claimed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Held {
    pub party: PartyId,
    pub claim: Claim,
    pub provenance: Provenance,
    pub lies: Lies,
}

impl Held {
    /// A person must decide before the claim comes into force. Registries only say who is likely; a claim is made to correct them.
    pub fn contests(&self) -> bool {
        match self.provenance {
            Provenance::Own => matches!(self.lies, Lies::Same | Lies::Around),
            Provenance::Claimed => self.lies == Lies::Same,
            Provenance::Registry(_) | Provenance::Country => false,
        }
    }
}

/// What others hold of what `me` claims at a moment; what contests it first, then as they lie, then by party.
pub fn held<'a>(parties: impl IntoIterator<Item = &'a Party>, me: &PartyId, claim: &Claim, now: Timestamp) -> Vec<Held> {
    let mut found: Vec<Held> = parties
        .into_iter()
        .filter(|party| party.id != *me && party.validity.holds(now))
        .flat_map(|party| {
            party.constituency.iter().filter(|part| part.validity.holds(now)).filter_map(|part| {
                let lies = lies(&part.claim, claim)?;
                Some(Held { party: party.id.clone(), claim: part.claim.clone(), provenance: part.provenance.clone(), lies })
            })
        })
        .collect();
    found.sort_by(|a, b| {
        (!a.contests(), a.lies, &a.party, a.claim.to_string()).cmp(&(!b.contests(), b.lies, &b.party, b.claim.to_string()))
    });
    found
}

fn lies(theirs: &Claim, claimed: &Claim) -> Option<Lies> {
    if theirs == claimed {
        return Some(Lies::Same);
    }
    match (theirs, claimed) {
        (Claim::Network(theirs), Claim::Network(claimed)) if theirs.length() < claimed.length() => {
            theirs.contains(claimed.address()).then_some(Lies::Around)
        }
        (Claim::Network(theirs), Claim::Network(claimed)) => claimed.contains(theirs.address()).then_some(Lies::Within),
        (Claim::Domain(theirs), Claim::Domain(claimed)) => {
            let below = |name: &str, domain: &str| name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
            match () {
                () if below(claimed, theirs) => Some(Lies::Around),
                () if below(theirs, claimed) => Some(Lies::Within),
                () => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parties::Draft;

    fn party(id: &str, key: &str, value: &str, provenance: Provenance) -> Party {
        let mut draft = Draft::default();
        draft.add("id", [id.to_owned()]);
        draft.add("kind", ["provider".to_owned()]);
        draft.add(key, [value.to_owned()]);
        let mut party = draft.party().expect("a party").party;
        party.constituency.iter_mut().for_each(|part| part.provenance = provenance.clone());
        party
    }

    fn network(text: &str) -> Claim {
        Claim::Network(formats::value::network(text).expect("a network"))
    }

    #[test]
    fn what_another_holds_exactly_so_is_for_a_person_to_decide() {
        let registry = Provenance::Registry("ripe".into());
        for (key, theirs, provenance, claimed, expected) in [
            ("networks", "192.0.2.0/24", Provenance::Own, network("192.0.2.0/24"), Some((Lies::Same, true))),
            ("networks", "192.0.2.0/24", Provenance::Claimed, network("192.0.2.0/24"), Some((Lies::Same, true))),
            ("networks", "192.0.2.0/24", registry.clone(), network("192.0.2.0/24"), Some((Lies::Same, false))),
            // Our own entry is believed before any claim, however specific: it would change nothing unless a person changes the entry.
            ("networks", "192.0.0.0/16", Provenance::Own, network("192.0.2.0/24"), Some((Lies::Around, true))),
            ("networks", "192.0.0.0/16", Provenance::Claimed, network("192.0.2.0/24"), Some((Lies::Around, false))),
            ("networks", "192.0.2.0/24", Provenance::Own, network("192.0.0.0/16"), Some((Lies::Within, false))),
            ("networks", "192.0.3.0/24", Provenance::Own, network("192.0.2.0/24"), None),
            ("networks", "2001:db8::/32", Provenance::Own, network("192.0.2.0/24"), None),
            ("domains", "isp.example", Provenance::Claimed, Claim::Domain("isp.example".into()), Some((Lies::Same, true))),
            ("domains", "isp.example", Provenance::Claimed, Claim::Domain("shop.isp.example".into()), Some((Lies::Around, false))),
            ("domains", "shop.isp.example", Provenance::Own, Claim::Domain("isp.example".into()), Some((Lies::Within, false))),
            ("domains", "myisp.example", Provenance::Own, Claim::Domain("isp.example".into()), None),
            ("asns", "AS64500", Provenance::Own, Claim::Asn(64500), Some((Lies::Same, true))),
            ("asns", "AS64500", Provenance::Own, Claim::Asn(64501), None),
        ] {
            let other = party("other", key, theirs, provenance);
            let me = "me".parse().expect("an id");
            let found = held([&other], &me, &claimed, Timestamp::UNIX_EPOCH);
            assert_eq!(found.first().map(|held| (held.lies, held.contests())), expected, "{theirs} and {claimed}");
            assert!(super::held([&other], &other.id, &claimed, Timestamp::UNIX_EPOCH).is_empty(), "nobody contests its own");
        }
    }

    #[test]
    fn what_ended_holds_nothing() {
        let mut other = party("other", "networks", "192.0.2.0/24", Provenance::Own);
        other.constituency[0].validity.until = Some(Timestamp::UNIX_EPOCH);
        assert!(held([&other], &"me".parse().expect("an id"), &network("192.0.2.0/24"), Timestamp::UNIX_EPOCH).is_empty());
    }
}
