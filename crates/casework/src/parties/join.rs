//! One party, several who speak of it: each replaces only its own words.

use crate::model::party::{Party, Provenance};

/// The party after `said` was said of it by `said.provenance`.
///
/// Claims and contacts of that provenance are replaced, those of others stay. Name, kind, nation and validity are
/// taken from whoever is believed most. Sectors, communities and clients-of, which carry no provenance of their own, are replaced by whoever is believed as
/// much as the party's own record, and left alone by others.
pub fn join(known: Option<&Party>, said: Party) -> Party {
    let Some(known) = known else { return said };
    let by = &said.provenance;
    let mut joined = if by.rank() <= known.provenance.rank() { said.clone() } else { known.clone() };
    // Parts written with a provenance of their own come along; so they replace what was said with it.
    let said_with = |provenance: &Provenance| {
        provenance == by
            || said.constituency.iter().any(|r| r.provenance == *provenance)
            || said.contacts.iter().any(|c| c.provenance == *provenance)
    };
    joined.constituency = known.constituency.iter().filter(|r| !said_with(&r.provenance)).chain(&said.constituency).cloned().collect();
    joined.contacts = known.contacts.iter().filter(|c| !said_with(&c.provenance)).chain(&said.contacts).cloned().collect();
    joined
}

/// The party with our own word as it is written now. What others said stays beside it, and so do keys and validities of what stays.
pub fn rewritten(known: Option<&Party>, said: Party) -> Party {
    let Some(known) = known else { return said };
    let mut party = said;
    for part in &mut party.constituency {
        if let Some(before) = known.constituency.iter().find(|before| before.provenance == Provenance::Own && before.claim == part.claim) {
            part.validity = before.validity;
        }
    }
    party.constituency.extend(known.constituency.iter().filter(|part| part.provenance != Provenance::Own).cloned());
    for contact in &mut party.contacts {
        if let Some(before) = known.contacts.iter().find(|before| before.address == contact.address && before.role == contact.role) {
            contact.openpgp_key = before.openpgp_key.clone();
            contact.validity = before.validity;
        }
    }
    party.contacts.extend(known.contacts.iter().filter(|contact| contact.provenance != Provenance::Own).cloned());
    party.provenance = known.provenance.clone().min(Provenance::Own);
    party
}

#[cfg(test)]
mod tests {
    use super::super::Draft;
    use super::*;

    fn party(said_by: &str, name: &str, network: &str, contact: &str) -> Party {
        let mut draft = Draft::default();
        for (key, value) in
            [("id", "isp"), ("kind", "provider"), ("said_by", said_by), ("name", name), ("networks", network), ("contacts", contact)]
        {
            draft.add(key, [value.to_owned()]);
        }
        draft.party().unwrap().party
    }

    fn words(party: &Party) -> Vec<String> {
        let claims = party.constituency.iter().map(|r| format!("{} {}", r.provenance, r.claim));
        claims.chain(party.contacts.iter().map(|c| format!("{} {}", c.provenance, c.address))).collect()
    }

    #[test]
    fn a_registry_replaces_its_own_words_and_nobody_elses() {
        let own = party("own", "Our name for it", "192.0.2.0/24", "noc@isp.example");
        let first = join(Some(&own), party("registry:ripe", "NETNAME", "198.51.100.0/24", "old@isp.example"));
        let second = join(Some(&first), party("registry:ripe", "NETNAME", "203.0.113.0/24", "new@isp.example"));
        assert_eq!(second.name, "Our name for it");
        assert_eq!(
            words(&second),
            ["own 192.0.2.0/24", "registry:ripe 203.0.113.0/24", "own noc@isp.example", "registry:ripe new@isp.example"]
        );
    }

    #[test]
    fn what_we_enter_names_a_party_that_a_registry_brought() {
        let registry = party("registry:ripe", "NETNAME", "198.51.100.0/24", "abuse@isp.example");
        let joined = join(Some(&registry), party("own", "Our name", "192.0.2.0/24", "noc@isp.example"));
        assert_eq!((joined.name.as_str(), &joined.provenance), ("Our name", &Provenance::Own));
        assert_eq!(words(&joined).len(), 4);
        assert_eq!(join(None, registry.clone()), registry);
    }
}
