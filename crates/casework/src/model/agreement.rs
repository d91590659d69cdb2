//! On what basis do two organisations share?
//!
//! An agreement is a necessary condition and never widens what the terms allow.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::party::{PartyId, Validity};
use super::terms::Tlp;

/// Between whom.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum AgreementKind {
    Bilateral,
    Regional,
    Multilateral,
    PublicPrivate,
}

impl AgreementKind {
    pub const ALL: [Self; 4] = [Self::Bilateral, Self::Regional, Self::Multilateral, Self::PublicPrivate];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bilateral => "bilateral",
            Self::Regional => "regional",
            Self::Multilateral => "multilateral",
            Self::PublicPrivate => "public-private",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What shared data may be used for, and what a release is made for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Purpose {
    /// To tell the one who must act.
    Notify,
    /// To protect own networks.
    Defend,
    /// To work on a case or a takedown together.
    Respond,
    /// To find who did it.
    Investigate,
    Research,
}

impl Purpose {
    pub const ALL: [Self; 5] = [Self::Notify, Self::Defend, Self::Respond, Self::Investigate, Self::Research];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Notify => "notify",
            Self::Defend => "defend",
            Self::Respond => "respond",
            Self::Investigate => "investigate",
            Self::Research => "research",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text)
    }
}

/// The way something travels.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Channel {
    Mail,
    /// Mail sealed with OpenPGP for the recipient.
    SealedMail,
    Taxii,
    /// MISP's own interface: synchronisation, PyMISP, feeds with a token.
    Misp,
    Portal,
    /// Handed over as a file.
    File,
}

impl Channel {
    pub const ALL: [Self; 6] = [Self::Mail, Self::SealedMail, Self::Taxii, Self::Misp, Self::Portal, Self::File];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::SealedMail => "sealed-mail",
            Self::Taxii => "taxii",
            Self::Misp => "misp",
            Self::Portal => "portal",
            Self::File => "file",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == text)
    }

    /// Nobody on the way can read it (IEP 2.0 `encrypt_in_transit`); mail between servers gives no such promise.
    pub fn is_encrypted(self) -> bool {
        match self {
            Self::SealedMail | Self::Taxii | Self::Misp | Self::Portal => true,
            Self::Mail | Self::File => false,
        }
    }
}

/// A basis for sharing between its parties and the members of its communities.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Agreement {
    /// As [`PartyId`]: a short plain word.
    pub id: String,
    pub name: String,
    pub kind: AgreementKind,
    pub parties: BTreeSet<PartyId>,
    /// Members of these communities are parties to it.
    pub communities: BTreeSet<String>,
    /// The strictest label it may carry.
    pub max_tlp: Tlp,
    /// Empty: for nothing.
    pub purposes: BTreeSet<Purpose>,
    /// Empty: by any channel.
    pub channels: BTreeSet<Channel>,
    pub validity: Validity,
    /// Ends it at once, whatever its validity says.
    pub revoked_at: Option<Timestamp>,
    /// Where its text is found.
    pub reference: String,
}

impl Agreement {
    pub fn in_force(&self, at: Timestamp) -> bool {
        self.validity.holds(at) && self.revoked_at.is_none_or(|revoked| at < revoked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        assert!(AgreementKind::ALL.into_iter().all(|kind| AgreementKind::read(kind.as_str()) == Some(kind)));
        assert!(Purpose::ALL.into_iter().all(|purpose| Purpose::read(purpose.as_str()) == Some(purpose)));
        assert!(Channel::ALL.into_iter().all(|channel| Channel::read(channel.as_str()) == Some(channel)));
    }
}
