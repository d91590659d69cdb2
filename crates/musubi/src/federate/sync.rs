//! One exchange with every peer: fetch, work, give, have signed.
//!
//! A cursor moves only after what lies before it was taken over, so a peer that is down for days misses nothing and a kill costs a page. What
//! a peer gave is not given back to it, and what it fetches twice it holds once: nothing goes in circles.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use casework::model::agreement::{Channel, Purpose};
use casework::model::party::PartyId;
use casework::model::release::Statement;
use casework::model::terms::Terms;
use formats::stix::{Envelope, Limits};
use formats::taxii::resource::envelope;
use formats::taxii::{Filter, Wanted, read_timestamp, timestamp};
use formats::tlog::tree::leaf;
use formats::tlog::{Policy, Proof};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use store::collections::Collection;
use store::home::Home;
use store::peers::{Peer, Subscription};
use store::posting::Post;
use store::register::Register;
use store::releases::{Content, LogKey};
use store::shared::Asked;

use super::client::{Client, Later};
use super::{takedowns, witness};
use crate::api::page::{OnPage, Page};
use crate::api::standing::{Desk, Standing};
use crate::api::taxii::taking;
use crate::chance;
use crate::pipeline;
use crate::sign_in::bearer::Issuers;

/// Objects of one page.
const PAGE: usize = 500;
/// Pages in one go: the others have their turn.
const PAGES: usize = 2000;
/// Whoever fails waits so long, doubled each time, at most an hour.
const BACK_OFF: i64 = 5_000_000;

/// What an exchange did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Exchanged {
    pub(crate) party: String,
    pub(crate) fetched: u64,
    pub(crate) given: u64,
    pub(crate) refused: u64,
    pub(crate) receipts: u64,
    pub(crate) signed: bool,
    /// Why it stopped.
    pub(crate) error: Option<String>,
    /// Its turn has not come yet.
    pub(crate) waiting: bool,
}

/// Exchanges with all peers, or one; then acts on what they said.
///
/// # Errors
/// When the register cannot be used. What goes wrong with one peer is told in its row and stops no other.
pub(crate) async fn sync(home: &Home, register: &Register, key: &LogKey, only: Option<&PartyId>, patient: bool) -> Result<Vec<Exchanged>> {
    let desk = Desk::new(register.clone(), Issuers::default());
    let now = pipeline::now();
    // What is owed by now goes out with this exchange.
    let standing = desk.standing(now).await?;
    takedowns::tell(home, register, &standing, now).await?;
    let subscriptions = register.subscriptions().await?;
    let mut all = Vec::new();
    for peer in register.peers().await?.into_iter().filter(|peer| only.is_none_or(|only| only.as_str() == peer.party)) {
        let now = pipeline::now();
        let mut exchanged = Exchanged { party: peer.party.clone(), ..Exchanged::default() };
        if patient && peer.retry_at.is_some_and(|at| now.as_microsecond() < at) {
            exchanged.waiting = true;
            exchanged.error = peer.error.clone();
            all.push(exchanged);
            continue;
        }
        let mine: Vec<&Subscription> = subscriptions.iter().filter(|one| one.party == peer.party).collect();
        let done = with_peer(home, register, key, &desk, &peer, &mine, &mut exchanged).await;
        let micros = now.as_microsecond();
        match done {
            Ok(()) => register.peer_heard(&peer.party, None, None, micros).await?,
            Err(error) => {
                let text = format!("{error:#}");
                let asked = error.downcast_ref::<Later>().map(|Later(wait)| wait.as_micros() as i64);
                let wait = asked.unwrap_or(BACK_OFF << peer.failures.clamp(0, 9)).min(3_600_000_000);
                register.peer_heard(&peer.party, Some(&text), Some(micros + wait), micros).await?;
                exchanged.error = Some(text);
            }
        }
        all.push(exchanged);
    }
    let standing = desk.standing(pipeline::now()).await?;
    takedowns::hear(home, register, &standing).await?;
    Ok(all)
}

async fn with_peer(
    home: &Home,
    register: &Register,
    key: &LogKey,
    desk: &Desk,
    peer: &Peer,
    mine: &[&Subscription],
    exchanged: &mut Exchanged,
) -> Result<()> {
    let party: PartyId = peer.party.parse()?;
    let standing = desk.standing(pipeline::now()).await?;
    if !standing.bound(&party, Channel::Taxii, None, pipeline::now()) {
        bail!("no agreement in force covers {party} over TAXII: nothing is fetched or given");
    }
    let client = Client::connect(peer, home.root()).await?;
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for offered in client.collections().await? {
        if let Some(alias) = offered.alias {
            names.insert(alias, offered.id.clone());
        }
        names.insert(offered.id.clone(), offered.id);
    }
    // A server may hide what cannot be listed: then the name is taken as it is.
    let remote = |name: &str| names.get(name).cloned().unwrap_or_else(|| name.to_owned());
    // The log is shown first, so that what is given now is under what the peer has signed with the next exchange at the latest.
    for subscription in mine.iter().filter(|one| one.direction == "pull") {
        let collection = find(&standing, subscription)?;
        pull(register, &standing, &client, peer, &party, subscription, collection, &remote(&subscription.remote), exchanged).await?;
    }
    for subscription in mine.iter().filter(|one| one.direction == "push") {
        push(register, key, desk, &client, &party, subscription, &remote(&subscription.remote), exchanged).await?;
    }
    exchanged.signed = witness::have_signed(register, &client, &peer.party, pipeline::now()).await?;
    Ok(())
}

fn find<'a>(standing: &'a Standing, subscription: &Subscription) -> Result<&'a Collection> {
    let found = standing.collections.iter().find(|collection| collection.number == subscription.collection);
    found.ok_or_else(|| anyhow!("the collection of subscription {} is gone", subscription.number))
}

/// What an envelope of a node like us says beside its objects.
#[derive(Default, Deserialize)]
struct Beside {
    #[serde(default)]
    x_musubi_terms: Vec<String>,
}

/// Terms that stand beside objects, one for each; none where there are none.
///
/// # Errors
/// When they are not one for each object, or no terms.
pub(crate) fn terms_beside(body: &[u8], objects: usize) -> Result<Vec<Terms>> {
    let beside: Beside = serde_json::from_slice(body)?;
    if beside.x_musubi_terms.is_empty() {
        return Ok(Vec::new());
    }
    if beside.x_musubi_terms.len() != objects {
        bail!("x_musubi_terms speaks of {} objects, there are {objects}", beside.x_musubi_terms.len());
    }
    beside.x_musubi_terms.iter().map(|text| text.parse::<Terms>().map_err(|error| anyhow!("x_musubi_terms: {error}"))).collect()
}

/// An envelope with the terms beside its objects.
pub(crate) fn with_terms(mut body: Vec<u8>, terms: &[String]) -> Vec<u8> {
    if terms.is_empty() || body.pop() != Some(b'}') {
        return body;
    }
    body.extend_from_slice(b",\"x_musubi_terms\":");
    body.extend(serde_json::to_vec(terms).unwrap_or_else(|_| b"[]".to_vec()));
    body.push(b'}');
    body
}

/// Checks a receipt against the key of the peer's log and what was received; gives it back with the name of its release.
pub(crate) fn receipt(peer: &Peer, header: Option<&str>, body: &[u8]) -> Result<Option<(String, String)>> {
    let Some(log_key) = &peer.log_key else { return Ok(None) };
    let header = header.ok_or_else(|| anyhow!("{} gave something without a receipt", peer.party))?;
    let bytes = STANDARD.decode(header).context("the receipt is not readable")?;
    let policy = Policy::read(format!("log {log_key}\nquorum none\n").as_bytes()).context("the key of the peer's log")?;
    let proof = Proof::read(&bytes).context("the receipt")?;
    let statement = std::str::from_utf8(proof.extra.as_deref().unwrap_or_default()).context("the receipt")?;
    let statement = Statement::read(statement).context("the receipt")?;
    proof.verify(leaf(&statement.entry()), &policy).with_context(|| format!("the receipt of {}", peer.party))?;
    if statement.content[..] != Sha256::digest(body)[..] {
        bail!("the receipt of {} is for something else than what it gave", peer.party);
    }
    Ok(Some((statement.id, String::from_utf8(bytes)?)))
}

#[allow(clippy::too_many_arguments, reason = "one step of an exchange, called once")]
async fn pull(
    register: &Register,
    standing: &Standing,
    client: &Client,
    peer: &Peer,
    party: &PartyId,
    subscription: &Subscription,
    collection: &Collection,
    remote: &str,
    exchanged: &mut Exchanged,
) -> Result<()> {
    let (mut after, mut next) = (subscription.after, None::<String>);
    for _ in 0..PAGES {
        let from = (after > 0).then(|| timestamp(after));
        let answer = client.page(remote, from.as_deref(), next.as_deref(), PAGE).await?;
        let received = receipt_of_page(peer, &answer)?;
        let page = Envelope::read(&answer.body, &Limits::default()).map_err(|fault| anyhow!("what {party} sent: {fault}"))?;
        let now = pipeline::now();
        if !page.objects.is_empty() {
            let stated = terms_beside(&answer.body, page.objects.len())?;
            let objects = taking::read_given(register, standing, collection, party, &page.objects, &stated).await?;
            let eyes = standing.view(party, Channel::Taxii, purpose(collection), now).eyes.clone();
            let post = Post { request: None, collection: collection.number, eyes, objects, requested_at: now.as_microsecond() };
            let posted = register.add_shared(&[post], now.as_microsecond(), chance::number()).await?;
            for outcome in posted {
                exchanged.fetched += outcome.added;
                exchanged.refused += outcome.failures.len() as u64;
            }
            if let Some((release, proof)) = received {
                let content = crate::show::hex(&Sha256::digest(&answer.body));
                register.keep_receipt(party.as_str(), &release, &content, &proof, now.as_microsecond()).await?;
                exchanged.receipts += 1;
            }
        }
        let last = answer.header("x-taxii-date-added-last").and_then(read_timestamp);
        // Some servers do not say when the last was added, and some take `added_after` as "not before": neither may hold us up.
        let moved = last.filter(|last| *last > after);
        let more = page.more == Some(true) && !page.objects.is_empty();
        next = page.next.as_deref().map(str::to_owned).filter(|_| more);
        if let Some(last) = moved {
            after = last;
        }
        let taken = page.objects.len() as u64;
        register.subscription_at(subscription.number, after, taken, 0, now.as_microsecond()).await?;
        if !more {
            return Ok(());
        }
        if next.is_none() && moved.is_none() {
            bail!("{party} says that there is more and not how to go on: neither `next` nor X-TAXII-Date-Added-Last");
        }
        // Going on by time needs no cursor, and survives a restart.
        if moved.is_some() {
            next = None;
        }
    }
    Ok(())
}

fn receipt_of_page(peer: &Peer, answer: &super::client::Answer) -> Result<Option<(String, String)>> {
    // What is empty gives nothing, and has no receipt.
    let gives = Envelope::read(&answer.body, &Limits::default()).is_ok_and(|page| !page.objects.is_empty());
    if gives { receipt(peer, answer.header("x-musubi-receipt"), &answer.body) } else { Ok(None) }
}

pub(crate) fn purpose(collection: &Collection) -> Purpose {
    Purpose::read(&collection.purpose).unwrap_or(Purpose::Defend)
}

#[allow(clippy::too_many_arguments, reason = "one step of an exchange, called once")]
async fn push(
    register: &Register,
    key: &LogKey,
    desk: &Desk,
    client: &Client,
    party: &PartyId,
    subscription: &Subscription,
    remote: &str,
    exchanged: &mut Exchanged,
) -> Result<()> {
    let mut after = subscription.after;
    let filter = Filter { versions: Wanted::All, ..Filter::default() };
    for _ in 0..PAGES {
        // Asked anew for each page: an agreement that ends stops the next one.
        let now = pipeline::now();
        let standing = desk.standing(now).await?;
        let collection = find(&standing, subscription)?.clone();
        if !standing.bound(party, Channel::Taxii, Some(purpose(&collection)), now) {
            bail!("no agreement in force covers {} with {party} over TAXII: nothing is given", collection.purpose);
        }
        let view = standing.view(party, Channel::Taxii, purpose(&collection), now);
        let asked =
            Asked { collection: collection.number, filter: &filter, after: Some(after), limit: PAGE, bytes: true, from_others: true };
        let page = register.shared(&asked, &view.eyes).await?;
        let Some(last) = page.objects.last().map(|object| object.date_added) else { return Ok(()) };
        let objects: Vec<&[u8]> = page.objects.iter().map(|object| object.bytes.as_slice()).collect();
        let terms: Vec<String> = page.objects.iter().map(|object| standing.given_under(object.terms, party)).collect();
        let body = Content::new(with_terms(envelope(&objects, None), &terms));
        let given = Page {
            party,
            view: &view,
            collection: &collection,
            channel: Channel::Taxii,
            purpose: purpose(&collection),
            how: format!("TAXII: given to collection of {party} from {}", collection.id),
            kind: "objects",
            objects: page.objects.iter().map(OnPage::from).collect(),
        };
        let released = register.release_pages(key, vec![given.given(body, now)], now).await?.pop();
        let released = released.ok_or_else(|| anyhow!("nothing was released"))?;
        let id = released.release().id.clone();
        let receipt = register.receipt(&id).await?.map(|proof| STANDARD.encode(proof.to_string())).unwrap_or_default();
        let headers = [("x-musubi", "1"), ("x-musubi-release", id.as_str()), ("x-musubi-receipt", receipt.as_str())];
        let status = client.add(remote, released.into_content().into_bytes(), &headers).await?;
        for failure in status.failures.iter().take(20) {
            tracing::warn!(%party, object.id = %failure.id, "not taken: {}", failure.message.as_deref().unwrap_or("no reason"));
        }
        exchanged.given += status.success_count;
        exchanged.refused += status.failure_count;
        after = last;
        register.subscription_at(subscription.number, after, status.success_count, status.failure_count, now.as_microsecond()).await?;
        if !page.more {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_travel_beside_the_objects() {
        let objects: [&[u8]; 2] = [b"{\"a\":1}", b"{\"b\":2}"];
        let body = with_terms(envelope(&objects, None), &["tlp:green community:x".into(), "tlp:clear".into()]);
        let read = terms_beside(&body, 2).unwrap();
        assert_eq!(read.iter().map(ToString::to_string).collect::<Vec<_>>(), ["tlp:green community:x", "tlp:clear"]);
        assert_eq!(Envelope::read(&body, &Limits::default()).unwrap().objects, objects);
        assert!(terms_beside(&body, 3).is_err());
        assert!(terms_beside(&envelope(&objects, None), 2).unwrap().is_empty());
        assert!(terms_beside(br#"{"objects":[],"x_musubi_terms":["purple"]}"#, 1).is_err());
    }
}
