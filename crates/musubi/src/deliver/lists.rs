//! Block lists and detection content for a party: what it may have of our indicators and may act on, in the format that its program reads.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, anyhow};
use casework::indicate::block::{BlockList, block_list};
use casework::indicate::lists::{Files, Format, Wish, write};
use casework::model::agreement::{Channel, Purpose};
use casework::model::party::PartyId;
use casework::model::release::Release;
use casework::model::terms::{Pap, PermittedAction, Terms};
use formats::block_list::zone_serial::Version;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use store::home::Home;
use store::indicators::Wanted;
use store::lists::GivenList;
use store::register::Register;

use crate::api::release::Giving;
use crate::api::standing::Standing;
use crate::chance;
use crate::receive::lists;

/// What somebody asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) to: &'a PartyId,
    pub(crate) channel: Channel,
    pub(crate) format: Format,
    pub(crate) least_score: u8,
    pub(crate) most: usize,
    /// Days for which an entry is given at most.
    pub(crate) longest: i64,
}

/// A list, not yet given.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) list: BlockList,
    pub(crate) files: Files,
    pub(crate) release: Release,
    given: GivenList,
}

/// Terms under which something may be blocked: PAP up to GREEN (FIRST and MISP: AMBER and RED allow nothing that the other side could
/// notice), IEP actions that reach a firewall.
fn may_be_blocked(terms: &Terms) -> bool {
    let acts = match terms.action {
        PermittedAction::ExternallyVisibleDirect | PermittedAction::ExternallyVisibleIndirect | PermittedAction::InternallyVisible => true,
        PermittedAction::ContactForInstruction | PermittedAction::None => false,
    };
    terms.pap <= Pap::Green && acts
}

/// Makes the list of a party. Warning lists are asked once more; what they forbid is left out whatever policy says.
///
/// # Errors
/// When the register or a file of the home cannot be read, or the wish cannot be written.
pub(crate) async fn listed(
    home: &Home,
    register: &Register,
    standing: &Standing,
    asked: &Asked<'_>,
    wish: Wish,
    now: Timestamp,
) -> Result<Listed> {
    let view = standing.view(asked.to, asked.channel, Purpose::Defend, now);
    let own = view.own;
    let open: BTreeSet<i64> = match own {
        // What is ours we may use as its terms say.
        true => standing.all_terms().filter(|(_, terms)| may_be_blocked(terms)).map(|(id, _)| id).collect(),
        false => view.eyes.terms.iter().copied().filter(|id| standing.terms(*id).is_some_and(may_be_blocked)).collect(),
    };
    let warnings = lists::warnings(home, register).await?;
    let half_lives = lists::half_lives(home)?;
    let remembered = register.indicators(&Wanted::default()).await?;
    let wanted = asked.format.wanted(asked.least_score, asked.most, SignedDuration::from_hours(24 * asked.longest));
    let list = block_list(remembered.iter().map(|one| &one.indicator), wanted, |id| open.contains(&id), &warnings, &half_lives, now);
    let before = register.given_list(asked.to.as_str(), asked.format.as_str()).await?.unwrap_or_default();
    let wish = Wish { served: before.zone.map(|(serial, hash)| Version { serial, hash }), ..wish };
    let previous = Some(before.text.as_str()).filter(|text| !text.is_empty());
    let files = write(&list, asked.format, &wish, previous, now)?;
    let content: Vec<u8> = content(&files);
    let used: BTreeMap<_, _> = remembered.iter().map(|one| (one.indicator.id(), &one.indicator)).collect();
    let mut terms: BTreeSet<i64> = BTreeSet::new();
    for entry in &list.entries {
        let support = used.get(&entry.indicator).into_iter().flat_map(|indicator| indicator.support());
        terms.extend(support.flat_map(|(_, support)| support.terms.iter().copied()).filter(|id| open.contains(id)));
    }
    let giving = Giving {
        party: asked.to,
        purpose: Purpose::Defend,
        channel: asked.channel,
        how: format!("block list as {}: {} entries", asked.format.as_str(), files.said),
        why: terms.into_iter().map(|terms| (terms, view.reason(terms))).collect(),
    };
    let release = giving.release(format!("list-{}", chance::uuid()), Sha256::digest(&content).into(), now);
    let given = GivenList {
        zone: files.zone.as_ref().map(|(_, version)| (version.serial, version.hash)),
        text: files.files.first().map(|file| file.text.clone()).unwrap_or_default(),
    };
    Ok(Listed { list, files, release, given })
}

/// All files of a list, one behind the other with their names: what the log has the hash of. A list of one file is that file.
pub(crate) fn content(files: &Files) -> Vec<u8> {
    match files.files.as_slice() {
        [one] => one.text.clone().into_bytes(),
        several => several.iter().flat_map(|file| format!("== {} ==\n{}", file.name, file.text).into_bytes()).collect(),
    }
}

/// Logs a list and keeps it as the last one of this party; then it may be given. What we take ourselves is no release.
///
/// # Errors
/// When the log or the register cannot be written; then nothing may be given.
pub(crate) async fn give(
    register: &Register,
    key: &store::releases::LogKey,
    listed: Listed,
    own: bool,
    now: Timestamp,
) -> Result<(Files, Option<String>)> {
    let (party, format) = (listed.release.recipient.clone(), listed.release.basis.reasons.first().cloned().unwrap_or_default());
    let id = match own {
        true => None,
        false => {
            let bytes = content(&listed.files);
            let released = register.release(key, vec![(listed.release, bytes)], now).await?;
            Some(released.first().ok_or_else(|| anyhow!("nothing was logged"))?.release().id.clone())
        }
    };
    let word = format.strip_prefix("block list as ").and_then(|rest| rest.split(':').next()).unwrap_or_default().to_owned();
    register.keep_list(party.as_str(), &word, &listed.given, now.as_microsecond()).await?;
    Ok((listed.files, id))
}
