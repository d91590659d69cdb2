//! Who is next when telling one party did not help?
//!
//! First those who serve the party (its upstream), then the national CSIRT of its country, then our own national CSIRT,
//! which can ask its partner. Nobody comes twice, and the party itself never.

use jiff::Timestamp;

use crate::model::party::{Party, PartyId, PartyKind};

/// The line after `party`, nearest first; at most 8.
pub fn line_after<'p>(party: &Party, own: Option<&Party>, parties: &'p [Party], at: Timestamp) -> Vec<&'p PartyId> {
    let mut line: Vec<&PartyId> = Vec::new();
    let mut add = |wanted: &Party| {
        if wanted.id != party.id && wanted.validity.holds(at) && wanted.kind != PartyKind::Public && !line.contains(&&wanted.id) {
            let found = parties.iter().find(|p| p.id == wanted.id);
            line.extend(found.map(|p| &p.id));
        }
    };
    // Upstream of the upstream counts as well; a ring ends where it meets itself.
    let mut seen = vec![&party.id];
    let mut near: Vec<&Party> = vec![party];
    while !near.is_empty() {
        let upstream: Vec<&Party> =
            parties.iter().filter(|p| near.iter().any(|n| n.clients_of.contains(&p.id)) && !seen.contains(&&p.id)).collect();
        for up in &upstream {
            seen.push(&up.id);
            if matches!(up.kind, PartyKind::Provider) {
                add(up);
            }
        }
        near = upstream;
    }
    for nation in [party.nation, own.and_then(|own| own.nation)].into_iter().flatten() {
        parties.iter().filter(|p| p.kind == PartyKind::NationalCsirt && p.nation == Some(nation)).for_each(&mut add);
    }
    line.truncate(8);
    line
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::event::Country;
    use crate::model::party::{Provenance, Validity};

    fn party(id: &str, kind: PartyKind, nation: &[u8; 2], clients_of: &[&str]) -> Party {
        Party {
            id: id.parse().expect("a name"),
            name: id.to_owned(),
            name_ja: None,
            kind,
            nation: Some(Country(*nation)),
            sectors: BTreeSet::new(),
            communities: BTreeSet::new(),
            clients_of: clients_of.iter().map(|id| id.parse().expect("a name")).collect(),
            constituency: vec![],
            contacts: vec![],
            provenance: Provenance::Own,
            validity: Validity::default(),
        }
    }

    #[test]
    fn first_the_upstream_then_the_nation_then_ours() {
        let parties = [
            party("small-isp", PartyKind::Provider, b"VN", &["carrier"]),
            party("carrier", PartyKind::Provider, b"VN", &["backbone", "small-isp"]),
            party("backbone", PartyKind::Provider, b"SG", &["carrier"]),
            party("vncert", PartyKind::NationalCsirt, b"VN", &[]),
            party("jpcert", PartyKind::NationalCsirt, b"JP", &[]),
        ];
        let now = Timestamp::UNIX_EPOCH;
        let names = |of: &Party, own| line_after(of, own, &parties, now).into_iter().map(PartyId::as_str).collect::<Vec<_>>();
        assert_eq!(names(&parties[0], Some(&parties[4])), ["carrier", "backbone", "vncert", "jpcert"]);
        assert_eq!(names(&parties[3], None), Vec::<&str>::new());
    }
}
