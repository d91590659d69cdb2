//! What an outside party gave comes under stricter terms, because the party says so: at once, with everything that was made of it.
//!
//! Nothing is planned, derived or told meanwhile: whoever does that waits, so that nobody goes on with the terms of before.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use casework::model::given::{self, NotTighter};
use casework::model::observable::{Kind, Observable};
use casework::model::party::PartyId;
use casework::model::terms::{Attribution, Terms};
use futures::TryStreamExt as _;
use store::directives;
use store::events::Questions;
use store::evidence::Evidence;
use store::home::Home;
use store::restrictions::{Restricting, Restriction, Touched};
use store::segment::Segment;
use store::uploads::Upload;
use thiserror::Error;

use super::notices::subjects;
use super::uploads::giver;
use crate::api::Server;
use crate::chance;
use crate::lookup::objects;
use crate::pipeline;

/// Whoever writes is waited for so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why nothing was changed. Each is the party's to mend.
#[derive(Debug, Error)]
pub(crate) enum Refused {
    #[error(transparent)]
    NotTighter(#[from] NotTighter),
    /// It is read right now, or other work on events goes on.
    #[error("it is being worked on right now; try again in a moment")]
    Busy,
    #[error("nothing of it is held: it was withdrawn, or could not be read")]
    NothingHeld,
    /// It was not given by an outside party of its own accord.
    #[error("only what an outside party gave of its own accord has terms that it may tighten")]
    NotGiven,
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Tightened {
    /// It was not read yet: it will be, under these terms.
    Before,
    /// With all that was made of it.
    Done(Restriction),
}

/// The terms that are wanted: as the text says, and what was not to be named before is not to be named now.
pub(crate) fn wanted(before: &Terms, text: &Terms, unnamed: Option<bool>) -> Terms {
    let attribution = match unnamed {
        Some(true) => text.attribution.join(Attribution::MUST_NOT),
        Some(false) => text.attribution,
        None => text.attribution.join(before.attribution),
    };
    Terms { attribution, ..text.clone() }
}

/// Under which terms it was given, as they stand.
pub(crate) fn said(upload: &Upload) -> Result<Terms> {
    let text = upload.terms.as_deref().context("an outside party names its terms")?;
    text.parse().context("the terms of an upload")
}

/// Puts an upload under other terms; the inner error says why not.
///
/// # Errors
/// When events or the register cannot be read or written; then nothing has changed.
pub(crate) async fn tighten(server: &Server, upload: &Upload, after: &Terms, person: &str) -> Result<Result<Tightened, Refused>> {
    let Some(party) = giver(upload)? else { return Ok(Err(Refused::NotGiven)) };
    let before = said(upload)?;
    if let Err(refused) = given::tighter(&before, after) {
        return Ok(Err(refused.into()));
    }
    let evidence = match upload.state.as_str() {
        "open" | "waiting" => {
            let text = upload.terms.as_deref().unwrap_or_default();
            let done = server.register.restrict_upload(&upload.id, text, &after.to_string()).await?;
            return Ok(if done { Ok(Tightened::Before) } else { Err(Refused::Busy) });
        }
        "reading" => return Ok(Err(Refused::Busy)),
        _ => match upload.evidence.as_deref() {
            Some(evidence) => server.register.evidence(evidence).await?,
            None => None,
        },
    };
    let Some(evidence) = evidence.filter(|evidence| evidence.given_by.as_deref() == Some(party.as_str())) else {
        return Ok(Err(Refused::NothingHeld));
    };
    let home = server.home.clone();
    // In this order always: whoever writes segments waits for none of the others.
    let locks = tokio::task::spawn_blocking(move || Ok::<_, anyhow::Error>((home.planning()?, home.deriving()?, home.lock(|| ())?)));
    let Ok(locks) = tokio::time::timeout(PATIENCE, locks).await else { return Ok(Err(Refused::Busy)) };
    let _locks = locks??;
    // As it stands now that nobody else changes it.
    let Some(evidence) = server.register.evidence(&evidence.id).await? else { return Ok(Err(Refused::NothingHeld)) };
    let Some(current) = server.register.upload(&upload.id).await?.filter(|current| current.terms == upload.terms) else {
        return Ok(Err(Refused::Busy));
    };
    Ok(Ok(Tightened::Done(all_of(server, &current, &evidence, &party, after, person).await?)))
}

async fn all_of(
    server: &Server,
    upload: &Upload,
    evidence: &Evidence,
    party: &PartyId,
    after: &Terms,
    person: &str,
) -> Result<Restriction> {
    let register = &server.register;
    let now = pipeline::now();
    // Terms become ours here as when the evidence came.
    let ours = server.desk.standing(now).await?.transferred(after, party);
    let questions = Questions::open(&server.home, register).await?;
    let (touched, terms) = read(&questions, evidence).await?;
    drop(questions);
    let known: BTreeMap<i64, Terms> = register.all_terms().await?.into_iter().map(|known| (known.id, known.terms)).collect();
    let mut becomes = BTreeMap::new();
    for number in terms {
        let was = known.get(&number).with_context(|| format!("terms {number} are not known"))?;
        let is = register.terms(&was.join(&ours)).await?;
        if is != number {
            becomes.insert(number, is);
        }
    }
    let held: Terms = evidence.terms.parse().context("the terms of evidence")?;
    let held = register.terms(&held.join(&ours)).await?;
    let (home, of, changes) = (server.home.clone(), evidence.clone(), becomes.clone());
    let segments = register.segments().await?;
    let written = tokio::task::spawn_blocking(move || rewritten(&home, segments, &of, &changes));
    let (gone, made) = written.await.context("the thread that writes segments has ended")??;
    let order = Restricting {
        evidence,
        feed: &given::feed_of(party),
        held,
        becomes: &becomes,
        touched: &touched,
        gone: &gone,
        segments: &made,
        party: party.as_str(),
        person,
        before: upload.terms.as_deref().unwrap_or_default(),
        after: &after.to_string(),
        now: now.as_microsecond(),
        chance: chance::number(),
    };
    Ok(register.restrict(&order).await?)
}

/// The segments with rows of the evidence, and what takes their place. One that is older than the evidence has none.
fn rewritten(home: &Home, all: Vec<Segment>, evidence: &Evidence, becomes: &BTreeMap<i64, i64>) -> Result<(Vec<Segment>, Vec<Segment>)> {
    let (mut gone, mut made) = (Vec::new(), Vec::new());
    if becomes.is_empty() {
        return Ok((gone, made));
    }
    let now = pipeline::now().as_microsecond();
    for segment in all.into_iter().filter(|segment| segment.created_at >= evidence.received_at) {
        if store::compact::holds(home, &segment, &evidence.id)? {
            made.extend(store::compact::under_other_terms(home, &segment, &evidence.id, becomes, now)?);
            gone.push(segment);
        }
    }
    Ok((gone, made))
}

/// What its events say, and the numbers of the terms they are under.
async fn read(questions: &Questions, evidence: &Evidence) -> Result<(Touched, Vec<i64>)> {
    let mut touched = Touched::default();
    let of = std::slice::from_ref(&evidence.id);
    let mut batches = directives::events_of(questions, of, evidence.received_at).await?;
    while let Some(batch) = batches.try_next().await? {
        subjects(&batch, &mut touched.subjects)?;
    }
    let sql = format!(
        "SELECT id, source_ip, source_fqdn, source_url, destination_ip, destination_fqdn, destination_url, \
         json_text(extra, 'malware.hash.md5') AS md5, json_text(extra, 'malware.hash.sha1') AS sha1, \
         json_text(extra, 'malware.hash.sha256') AS sha256, terms FROM events \
         WHERE observed_at >= to_timestamp_micros({}) AND evidence = '{}'",
        evidence.received_at, evidence.id
    );
    let mut terms = Vec::new();
    let mut batches = questions.sql(&sql).await?.execute_stream().await?;
    while let Some(batch) = batches.try_next().await? {
        for row in objects(&[batch])? {
            let text = |name: &str| row[name].as_str();
            let id = text("id").and_then(casework::model::identity::EventId::from_hex);
            touched.events.insert(id.ok_or_else(|| anyhow!("an event without an id"))?);
            terms.extend(row["terms"].as_i64());
            for (kind, names) in [
                (Kind::Address, ["source_ip", "destination_ip"].as_slice()),
                (Kind::Domain, &["source_fqdn", "destination_fqdn"]),
                (Kind::Url, &["source_url", "destination_url"]),
            ] {
                let values = names.iter().filter_map(|name| Observable::read(kind, text(name)?).ok());
                touched.values.extend(values.map(|value| value.value().to_owned()));
            }
            touched.values.extend(["md5", "sha1", "sha256"].iter().filter_map(|name| Some(text(name)?.to_ascii_lowercase())));
        }
    }
    terms.sort_unstable();
    terms.dedup();
    Ok((touched, terms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_not_to_be_named_stays_unnamed_unless_that_is_said() {
        let terms = |text: &str| text.parse::<Terms>().unwrap();
        let before = terms("tlp:green attribution:must-not");
        assert_eq!(wanted(&before, &terms("tlp:amber"), None), terms("tlp:amber attribution:must-not"));
        assert_eq!(wanted(&before, &terms("tlp:amber"), Some(false)), terms("tlp:amber"));
        assert_eq!(given::tighter(&before, &wanted(&before, &terms("tlp:amber"), Some(false))), Err(NotTighter::Looser("attribution")));
    }
}
