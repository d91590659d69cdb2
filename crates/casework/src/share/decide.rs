//! May this party have it, now, on this way, for this purpose?
//!
//! Rules are asked in one order and the first that denies is the reason. Each looks at one component of the terms and denies
//! more the stricter that is, which makes the whole anti-monotone. Two rules are not as one would read TLP 2.0 word by word:
//! audiences are cumulative (who may have AMBER may have GREEN), and a community that the terms bind never reaches beyond the
//! holder's own.

use jiff::Timestamp;

use super::decision::{Decision, Denial, Ground, Redaction, Redactions};
use super::universe::{Compiled, Holder, PartyNumber, Relation};
use crate::model::agreement::{Channel, Purpose};
use crate::model::terms::{Attribution, Encryption, Leave, Tlp, VictimData};

/// Is the recipient among those whom the event affects?
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Affected {
    No,
    Yes,
    /// Not looked at: the stricter of both answers holds.
    Perhaps,
}

/// What is asked of a holder: may `to` have it?
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    pub terms: &'a Compiled,
    pub to: PartyNumber,
    /// Who gave it to us, where known.
    pub provider: Option<PartyNumber>,
    pub affected: Affected,
    /// The source gave explicit permission for this recipient (TLP 2.0: "explicit permission from the original source").
    pub consent: bool,
    /// The recipient pays for it.
    pub paying: bool,
    pub purpose: Purpose,
    pub channel: Channel,
    pub now: Timestamp,
}

impl Holder<'_> {
    /// Whether the holder may give something to a party. Total: a party of another universe is denied.
    pub fn decide(&self, question: &Question<'_>) -> Decision {
        let mut decision = Decision { denial: None, ground: None, agreement: None, redactions: Redactions::NONE };
        let Some(relation) = self.relation(question.to) else {
            decision.denial = Some(Denial::Unknown);
            return decision;
        };
        decision.denial = self.denial(question, relation, &mut decision);
        if decision.denial.is_none() {
            decision.redactions = redactions(question, relation);
        }
        decision
    }

    fn denial(&self, question: &Question<'_>, relation: &Relation, decision: &mut Decision) -> Option<Denial> {
        let Question { terms: compiled, to, now, .. } = *question;
        let terms = &compiled.terms;
        let named = compiled.recipients.names(to);
        let provider = question.provider == Some(to);
        if terms.expiry.is_some_and(|expiry| now >= expiry) {
            return Some(Denial::Expiry);
        }
        // Not even as a client or as a named recipient: what the public has, everybody has.
        if relation.public && terms.tlp > Tlp::Clear {
            return Some(Denial::Public);
        }
        if terms.embargo.is_some_and(|embargo| now < embargo) && !provider && !named {
            return Some(Denial::Embargo);
        }
        if terms.attribution == Attribution::CONFLICT {
            return Some(Denial::AttributionConflict);
        }
        match self.ground(question, relation, named) {
            Ok(ground) => decision.ground = Some(ground),
            Err(denial) => return Some(denial),
        }
        if compiled.audience.as_ref().is_some_and(|audience| !audience.names(to)) {
            return Some(Denial::Audience);
        }
        if !relation.same && terms.tlp > Tlp::Clear {
            decision.agreement = self.agreement(relation, terms.tlp, question.purpose, question.channel, now);
            if decision.agreement.is_none() && !named {
                return Some(Denial::Agreement);
            }
        }
        if terms.resale == Leave::MustNot && question.paying {
            return Some(Denial::Resale);
        }
        if terms.encryption == Encryption::Must && !question.channel.is_encrypted() && !relation.same {
            return Some(Denial::Encryption);
        }
        if terms.notify == Leave::MustNot && question.affected != Affected::No && !provider && !named {
            return Some(Denial::AffectedParty);
        }
        None
    }

    /// Who may have it by its label. Each label's audience is that of the next stricter one and more.
    fn ground(&self, question: &Question<'_>, relation: &Relation, named: bool) -> Result<Ground, Denial> {
        if named {
            return Ok(Ground::Named);
        }
        if question.consent {
            return Ok(Ground::Consent);
        }
        let inside = if relation.same { Some(Ground::SameOrganisation) } else { None };
        let served = inside.or(if relation.client { Some(Ground::Client) } else { None });
        match question.terms.terms.tlp {
            Tlp::Clear => Ok(Ground::Clear),
            Tlp::Green => match served {
                Some(ground) => Ok(ground),
                None if self.in_community(question.to, question.terms.community.as_ref()) => Ok(Ground::Community),
                None => Err(Denial::TlpGreen),
            },
            Tlp::Amber => served.ok_or(Denial::TlpAmber),
            Tlp::AmberStrict => inside.ok_or(Denial::TlpAmberStrict),
            Tlp::Red => Err(Denial::TlpRed),
        }
    }
}

fn redactions(question: &Question<'_>, relation: &Relation) -> Redactions {
    let terms = &question.terms.terms;
    let mut redactions = Redactions::NONE;
    if terms.attribution == Attribution::MUST_NOT && !relation.same {
        redactions = redactions.with(Redaction::ProviderIdentity);
    }
    if question.provider != Some(question.to) && question.affected != Affected::Yes {
        match terms.victims {
            VictimData::Open => {}
            VictimData::NoPersonalData => redactions = redactions.with(Redaction::PersonalData),
            VictimData::NoIdentity => redactions = redactions.with(Redaction::PersonalData).with(Redaction::VictimIdentity),
        }
    }
    redactions
}
