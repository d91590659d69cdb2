//! What do the markings on a STIX object say of its terms?
//!
//! The strictest marking holds for the whole object, also one that stands on a part of it only: an object is passed on as its bytes or not
//! at all. A marking that nobody here can read is not taken for "nothing": whoever set it meant something.

use formats::stix::Header;
use formats::stix::marking::{self, Definitions, Marking, Tlp1, Tlp2};

use crate::model::terms::{Pap, Terms, Tlp};

/// What markings say, together.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Marked {
    pub tlp: Option<Tlp>,
    pub pap: Pap,
    /// One of them is not known here.
    pub unknown: bool,
}

impl Marked {
    /// Reads the markings of an object; `definitions` are those of its own giver.
    pub fn of(object: &Header<'_>, definitions: &Definitions) -> Self {
        marking::markings(object, definitions).fold(Self::default(), |marked, one| marked.and(&one))
    }

    fn and(self, marking: &Marking<'_>) -> Self {
        let tlp = |tlp: Tlp| Self { tlp: Some(self.tlp.map_or(tlp, |known| known.max(tlp))), ..self };
        match marking {
            // TLP 1 had no stricter amber: its amber is that of TLP 2.0.
            Marking::Tlp1(Tlp1::White) | Marking::Tlp2(Tlp2::Clear) => tlp(Tlp::Clear),
            Marking::Tlp1(Tlp1::Green) | Marking::Tlp2(Tlp2::Green) => tlp(Tlp::Green),
            Marking::Tlp1(Tlp1::Amber) | Marking::Tlp2(Tlp2::Amber) => tlp(Tlp::Amber),
            Marking::Tlp2(Tlp2::AmberStrict) => tlp(Tlp::AmberStrict),
            Marking::Tlp1(Tlp1::Red) | Marking::Tlp2(Tlp2::Red) => tlp(Tlp::Red),
            Marking::Pap(pap) => Self { pap: self.pap.max(read_pap(*pap)), ..self },
            Marking::Statement(_) => self,
            Marking::Unknown(_) => Self { unknown: true, ..self },
        }
    }

    /// Tightens terms by what is said beside the label.
    pub fn tighten(self, terms: Terms) -> Terms {
        let unknown = if self.unknown { Tlp::UNMARKED } else { Tlp::Clear };
        Terms { pap: terms.pap.max(self.pap), tlp: terms.tlp.max(unknown), ..terms }
    }
}

fn read_pap(pap: marking::Pap) -> Pap {
    match pap {
        marking::Pap::Clear => Pap::Clear,
        marking::Pap::Green => Pap::Green,
        marking::Pap::Amber => Pap::Amber,
        marking::Pap::Red => Pap::Red,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(refs: &[&str], granular: &[&str]) -> Marked {
        let granular: Vec<_> = granular.iter().map(|id| serde_json::json!({"selectors": ["name"], "marking_ref": id})).collect();
        let object = serde_json::json!({"type": "identity", "id": "identity--023d105b-752e-4e3c-941c-7d3f3cb15e9e", "name": "A",
            "object_marking_refs": refs, "granular_markings": granular})
        .to_string();
        Marked::of(&Header::read(object.as_bytes()).unwrap(), &Definitions::default())
    }

    #[test]
    fn the_strictest_holds_for_the_whole_object() {
        assert_eq!(marked(&[], &[]), Marked::default());
        assert_eq!(marked(&[Tlp2::Green.id()], &[Tlp1::Red.id()]).tlp, Some(Tlp::Red));
        assert_eq!(marked(&[Tlp2::AmberStrict.id(), Tlp1::Amber.id()], &[]).tlp, Some(Tlp::AmberStrict));
        assert_eq!(marked(&[marking::Pap::Amber.id(), marking::Pap::Green.id()], &[]).pap, Pap::Amber);
    }

    #[test]
    fn what_cannot_be_read_is_not_nothing() {
        let unknown = marked(&["marking-definition--fa42a846-8d90-4e51-bc29-71d5b4802168", Tlp2::Clear.id()], &[]);
        assert!(unknown.unknown);
        assert_eq!(unknown.tighten(Terms::of(Tlp::Clear)).tlp, Tlp::AmberStrict);
        assert_eq!(unknown.tighten(Terms::of(Tlp::Red)).tlp, Tlp::Red);
    }
}
