//! What a party is given, on its way into the log of releases: to whom, for what, by which way, under which terms, and why these let it.
//!
//! Whatever leaves by a face of the server is a [`Giving`] first, and that is the one place where it becomes a release. Objects of
//! collections are logged together with what is remembered of them ([`super::page`]); any other answer goes through [`Server::give`],
//! whose [`Given`] is the only way to its bytes.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use casework::model::agreement::{Channel, Purpose};
use casework::model::party::PartyId;
use casework::model::release::{Basis, Release};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use store::StoreError;
use store::releases::Released;

use super::Server;
use crate::{chance, keys};

/// Something that a party may have, not yet given.
#[derive(Debug)]
pub(crate) struct Giving<'a> {
    pub(crate) party: &'a PartyId,
    pub(crate) purpose: Purpose,
    pub(crate) channel: Channel,
    /// How it is given, in words.
    pub(crate) how: String,
    /// The terms of what is given, and why each lets it.
    pub(crate) why: BTreeMap<i64, String>,
}

impl Giving<'_> {
    /// What the log says of it.
    pub(crate) fn release(self, id: String, content: [u8; 32], at: Timestamp) -> Release {
        let (terms, why): (Vec<i64>, Vec<String>) = self.why.into_iter().unzip();
        Release {
            id,
            recipient: self.party.clone(),
            purpose: self.purpose,
            channel: self.channel,
            content,
            at,
            basis: Basis { decision: "allow".to_owned(), terms, reasons: [vec![self.how], why].concat() },
        }
    }
}

/// What the log names it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Name {
    /// Anew each time.
    EachTime(&'static str),
    /// The same for the same content, party and day: whoever looks again is given nothing.
    EachDay(&'static str),
}

/// What may leave.
#[derive(Debug)]
pub(crate) struct Given(Content);

#[derive(Debug)]
enum Content {
    Released(Released<Vec<u8>>),
    /// No release: one of us looks, or nothing is told that anybody gave us terms for.
    Plain(Vec<u8>),
}

impl Given {
    /// What we look at ourselves.
    pub(crate) fn ours(bytes: Vec<u8>) -> Self {
        Self(Content::Plain(bytes))
    }

    /// Its id in the log, when it is a release.
    pub(crate) fn release(&self) -> Option<&str> {
        match &self.0 {
            Content::Released(released) => Some(&released.release().id),
            Content::Plain(_) => None,
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.0 {
            Content::Released(released) => released.content(),
            Content::Plain(bytes) => bytes,
        }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        match self.0 {
            Content::Released(released) => released.into_content(),
            Content::Plain(bytes) => bytes,
        }
    }
}

impl Server {
    /// Logs what a party is given; gives it back when it may leave. What is under no terms tells of nothing that anybody gave us, and is no
    /// release.
    ///
    /// # Errors
    /// When the log cannot be written: then nothing leaves.
    pub(crate) async fn give(&self, giving: Giving<'_>, name: Name, bytes: Vec<u8>, now: Timestamp) -> Result<Given> {
        if giving.why.is_empty() {
            return Ok(Given(Content::Plain(bytes)));
        }
        let content: [u8; 32] = Sha256::digest(&bytes).into();
        let released = match name {
            Name::EachTime(kind) => {
                let release = giving.release(format!("{kind}-{}", chance::uuid()), content, now);
                self.scribe.log(release, bytes).await?
            }
            Name::EachDay(kind) => {
                let id = format!("{kind}-{}", of_the_day(giving.party, &content, now));
                self.once(giving.release(id, content, now), bytes, now).await?
            }
        };
        Ok(Given(Content::Released(released)))
    }

    /// Logs it, unless it is in the log.
    async fn once(&self, release: Release, bytes: Vec<u8>, now: Timestamp) -> Result<Released<Vec<u8>>> {
        let id = release.id.clone();
        if self.register.logged(&id).await?.is_some() {
            return self.register.released(&id, bytes).await?.context("the log lost a release");
        }
        let key = keys::log_key(&self.home, None)?;
        match self.register.release(&key, vec![(release, bytes.clone())], now).await {
            Ok(released) => released.into_iter().next().context("nothing was logged"),
            // Asked for twice at the same moment: the other was first.
            Err(error @ StoreError::Refused(_)) => match self.register.released(&id, bytes).await? {
                Some(again) => Ok(again),
                None => Err(error.into()),
            },
            Err(error) => Err(error.into()),
        }
    }
}

fn of_the_day(party: &PartyId, content: &[u8; 32], now: Timestamp) -> String {
    let day = now.strftime("\n%Y-%m-%d\n").to_string();
    let name = Sha256::new().chain_update(party.as_str()).chain_update(day).chain_update(content).finalize();
    crate::show::hex(&name[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_says_how_under_which_terms_and_why() {
        let party: PartyId = "isp".parse().unwrap();
        let why = BTreeMap::from([(7, "terms 7: agreement".to_owned()), (2, "terms 2: everybody".to_owned())]);
        let giving = Giving { party: &party, purpose: Purpose::Notify, channel: Channel::Portal, how: "API: events".into(), why };
        let release = giving.release("answer-1".into(), [1; 32], Timestamp::UNIX_EPOCH);
        assert_eq!(release.basis.terms, [2, 7]);
        assert_eq!(release.basis.reasons, ["API: events", "terms 2: everybody", "terms 7: agreement"]);
        assert!(release.check().is_ok());
    }

    #[test]
    fn the_same_on_the_same_day_has_one_name_and_nothing_else_has() {
        let (isp, other): (PartyId, PartyId) = ("isp".parse().unwrap(), "other".parse().unwrap());
        let day = |n: i64| Timestamp::from_second(n * 86_400 + 5).unwrap();
        let name = of_the_day(&isp, &[1; 32], day(1));
        assert_eq!(name, of_the_day(&isp, &[1; 32], Timestamp::from_second(86_400 + 80_000).unwrap()));
        for another in [of_the_day(&isp, &[2; 32], day(1)), of_the_day(&other, &[1; 32], day(1)), of_the_day(&isp, &[1; 32], day(2))] {
            assert_ne!(name, another);
        }
    }
}
