//! Under which terms does the recipient hold what it was given?
//!
//! Only ever tighter. GREEN without a community would drift: each holder has communities of its own, so at each hop it is bound
//! to those that giver and recipient share. And what reached somebody otherwise than as a member of the community, as a client or
//! by name, stays in their organisation: the clients of a client are not ours.

use super::universe::{Compiled, Holder, PartyNumber};
use crate::model::terms::{Terms, Tlp};

impl Holder<'_> {
    /// The terms of what `to` holds after the holder gave it: never less strict than those it was held under.
    pub fn transfer(&self, compiled: &Compiled, to: PartyNumber) -> Terms {
        let mut terms = compiled.terms.clone();
        if to == self.me {
            return terms;
        }
        match terms.tlp {
            Tlp::Clear | Tlp::AmberStrict | Tlp::Red => {}
            Tlp::Amber => terms.tlp = Tlp::AmberStrict,
            Tlp::Green => {
                let common = self.universe.common_communities(self.me, to);
                let community = match &terms.community {
                    Some(bound) => bound & &common,
                    None => common,
                };
                if community.is_empty() {
                    terms.tlp = Tlp::AmberStrict;
                }
                terms.community = Some(community);
            }
        }
        terms
    }
}
