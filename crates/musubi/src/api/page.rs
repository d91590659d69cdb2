//! Whatever of a collection a party is given is a release: what does the log of releases say of a page?

use casework::model::agreement::{Channel, Purpose};
use casework::model::party::PartyId;
use jiff::Timestamp;
use store::collections::Collection;
use store::releases::Content;
use store::shared;
use store::shared_releases::PageGiven;

use super::release::Giving;
use super::standing::View;
use crate::chance;

/// A page, not yet given.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    pub(crate) party: &'a PartyId,
    /// What let it see what is on the page.
    pub(crate) view: &'a View,
    pub(crate) collection: &'a Collection,
    pub(crate) channel: Channel,
    pub(crate) purpose: Purpose,
    /// How it is given, in words.
    pub(crate) how: String,
    /// `objects`, `manifest` or `versions`.
    pub(crate) kind: &'static str,
    pub(crate) objects: Vec<OnPage>,
}

/// An object on a page.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct OnPage {
    pub(crate) number: i64,
    pub(crate) date_added: i64,
    pub(crate) terms: i64,
}

impl From<&shared::Shared> for OnPage {
    fn from(object: &shared::Shared) -> Self {
        Self { number: object.number, date_added: object.date_added, terms: object.terms }
    }
}

impl Page<'_> {
    /// What is to be logged before these bytes may be sent.
    pub(crate) fn given(self, body: Content, now: Timestamp) -> PageGiven {
        let why = self.objects.iter().map(|object| (object.terms, self.view.reason(object.terms))).collect();
        let giving = Giving { party: self.party, purpose: self.purpose, channel: self.channel, how: self.how, why };
        let release = giving.release(format!("page-{}", chance::rising(now)), body.sha256(), now);
        let objects: Vec<_> = self.objects.iter().map(|object| (object.number, object.date_added)).collect();
        PageGiven::new(release, body, self.collection.number, self.kind, &objects)
    }
}
