//! A takedown that a partner across a border does for us, or we for it: requests become cases here, and what the network shows goes back.
//!
//! Which words travel when is decided in `casework::verify::across`, how they are written in `casework::verify::wire`. Evidence goes with a
//! request only as far as policy lets this partner have it, and under the terms that `transfer` leaves.

use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result, anyhow, bail};
use casework::correlate::key::{CaseKey, Name};
use casework::model::agreement::{Channel, Purpose};
use casework::model::party::PartyId;
use casework::model::terms::{Terms, Tlp};
use casework::verify::across::{Message, from_asked, from_asking, owed};
use casework::verify::quiet::QuietPeriod;
use casework::verify::takedown::{Said, Shown, Status};
use casework::verify::wire::{About, EVIDENCE, Letter};
use datafusion::arrow::json::LineDelimitedWriter;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use store::events::Questions;
use store::home::Home;
use store::peers::{PeerTakedown, Unread};
use store::posting::{Given, Post};
use store::register::Register;
use store::shared::Eyes;
use store::takedowns::{NewTakedown, TakedownRow};
use tokio::runtime::Handle;

use crate::api::standing::Standing;
use crate::chance;
use crate::pipeline::{self, Order};
use crate::receive::{files, knowledge};

/// What of an event travels as evidence: what was seen, never who saw it or whose it is.
const COLUMNS: [(&str, &str); 13] = [
    ("time", "time.source"),
    ("source_ip", "source.ip"),
    ("source_port", "source.port"),
    ("source_fqdn", "source.fqdn"),
    ("source_url", "source.url"),
    ("source_asn", "source.asn"),
    ("destination_port", "destination.port"),
    ("transport", "protocol.transport"),
    ("application", "protocol.application"),
    ("taxonomy", "classification.taxonomy"),
    ("type", "classification.type"),
    ("identifier", "classification.identifier"),
    ("malware", "malware.name"),
];

/// A request that policy allows, ready to be written down.
#[derive(Debug)]
pub(crate) struct Ready {
    about: About,
    terms: i64,
}

/// What a partner may be told of the events behind a takedown.
///
/// # Errors
/// When policy keeps all of it from the partner, or no agreement covers a request to it.
pub(crate) async fn prepare(
    home: &Home,
    register: &Register,
    standing: &Standing,
    key: &CaseKey,
    to: &PartyId,
    now: Timestamp,
) -> Result<Ready> {
    if !standing.bound(to, Channel::Taxii, Some(Purpose::Respond), now) {
        bail!("no agreement in force with {to} covers `respond` over TAXII: see `musubi agreement list --party {to}`");
    }
    let view = standing.view(to, Channel::Taxii, Purpose::Respond, now);
    let all = Questions::open(home, register).await?;
    let columns = COLUMNS.map(|(column, _)| column).join(", ");
    let sql = format!("SELECT {columns}, terms FROM events WHERE {} ORDER BY time DESC LIMIT {}", condition(key)?, EVIDENCE * 5);
    let batches = all.sql(&sql).await?.collect().await?;
    let mut writer = LineDelimitedWriter::new(Vec::new());
    batches.iter().try_for_each(|batch| writer.write(batch))?;
    writer.finish()?;
    let rows: Vec<Map<String, Value>> = serde_json::Deserializer::from_slice(&writer.into_inner()).into_iter().collect::<Result<_, _>>()?;
    let found = rows.len();
    let mut evidence = Vec::new();
    let mut terms: Option<Terms> = None;
    for mut row in rows {
        let id = row.remove("terms").and_then(|id| id.as_i64()).unwrap_or(-1);
        let Some(of_row) = standing.terms(id).filter(|_| view.eyes.terms.binary_search(&id).is_ok()) else { continue };
        if evidence.len() == EVIDENCE {
            break;
        }
        terms = Some(terms.map_or_else(|| of_row.clone(), |known| known.join(of_row)));
        let keys = COLUMNS.iter().filter_map(|(column, key)| Some(((*key).to_owned(), row.remove(*column)?)));
        evidence.push(Value::Object(keys.filter(|(_, value)| !value.is_null()).collect()));
    }
    let Some(terms) = terms else {
        bail!(
            "policy keeps all {found} events of {key} from {to}: `musubi explain --event ID --to {to} --purpose respond --channel taxii` says why"
        );
    };
    let given = standing.given(&terms, to);
    let mut times: Vec<String> = evidence.iter().filter_map(|one| one["time.source"].as_str().map(str::to_owned)).collect();
    times.sort();
    let about = About {
        target: key.to_string(),
        title: key.title(),
        first_seen: times.first().cloned().unwrap_or_else(|| now.to_string()),
        last_seen: times.last().cloned().unwrap_or_else(|| now.to_string()),
        country: None,
        terms: Some(given.to_string()),
        evidence,
    };
    Ok(Ready { about, terms: register.terms(&terms).await? })
}

fn condition(key: &CaseKey) -> Result<String> {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    Ok(match key {
        CaseKey::Address { ip, port, class, name } => {
            let mut sql = format!("source_ip = {} AND type = {}", quoted(&ip.to_string()), quoted(class.type_()));
            if let Some(port) = port {
                sql += &format!(" AND source_port = {port}");
            }
            match name {
                Some(Name::Malware(name)) => sql += &format!(" AND lower(malware) = {}", quoted(name)),
                Some(Name::Identifier(name)) => sql += &format!(" AND lower(identifier) = {}", quoted(name)),
                None => {}
            }
            sql
        }
        CaseKey::C2 { host, port } => {
            let port = port.map(|port| format!(" AND source_port = {port}")).unwrap_or_default();
            format!("type = 'c2-server' AND (source_ip = {0} OR lower(source_fqdn) = {0}){port}", quoted(host))
        }
        CaseKey::Site { class, domain, .. } => {
            let within = quoted(&format!("%{}%", domain.replace(['%', '_'], "")));
            format!("type = {} AND (lower(source_fqdn) LIKE {within} OR lower(source_url) LIKE {within})", quoted(class.type_()))
        }
        CaseKey::Campaign(_) => bail!("a campaign is at no one place: name with --target what in it is to end"),
    })
}

/// Writes a request down: the next exchange carries it.
///
/// # Errors
/// When nothing is given to this partner, or the register cannot be written.
pub(crate) async fn request(
    register: &Register,
    standing: &Standing,
    row: &TakedownRow,
    to: &PartyId,
    ready: Ready,
    now: Timestamp,
) -> Result<()> {
    let own = standing.own.clone().ok_or_else(|| anyhow!("nobody is marked as ourselves"))?;
    let quiet_days = u16::try_from(row.needed_days).unwrap_or(u16::MAX);
    let about = About { country: row.country.clone(), ..ready.about };
    let letter = Letter {
        from: own,
        to: to.clone(),
        takedown: row.id.clone(),
        message: Message::Request { quiet_days },
        at: now,
        about: Some(about),
    };
    write(register, standing, &letter, now).await?;
    let known = PeerTakedown {
        takedown: row.id.clone(),
        party: to.to_string(),
        side: "asking".to_owned(),
        theirs: row.id.clone(),
        terms: ready.terms,
        said: Said::Requested.as_str().to_owned(),
        shown: Shown::Active.as_str().to_owned(),
    };
    register.set_peer_takedown(&known).await?;
    Ok(())
}

/// Puts a message where the exchange with its recipient takes it. Only the recipient sees it.
async fn write(register: &Register, standing: &Standing, letter: &Letter, asked_at: Timestamp) -> Result<()> {
    let subscriptions = register.subscriptions().await?;
    let mut pushed = subscriptions.iter().filter(|one| one.party == letter.to.as_str() && one.direction == "push");
    let respond = |number: i64| standing.collections.iter().find(|c| c.number == number && c.purpose == Purpose::Respond.as_str());
    let collection = pushed.find_map(|one| respond(one.collection)).or_else(|| {
        // A partner that fetches needs no push.
        let open = |c: &&store::collections::Collection| c.purpose == Purpose::Respond.as_str() && standing.rights(c.number, &letter.to).0;
        standing.collections.iter().find(open)
    });
    let collection = collection.ok_or_else(|| {
        anyhow!(
            "nothing carries messages to {0}: `musubi peer push {0} COLLECTION` with a collection made with --purpose respond",
            letter.to
        )
    })?;
    let mut terms = Terms::of(Tlp::Red);
    terms.recipients.insert(letter.to.clone());
    let text = letter.write(asked_at);
    let (mut object, _) = crate::api::taxii::taking::one(text.as_bytes(), &formats::stix::marking::Definitions::default())
        .map_err(|failure| anyhow!("{}", failure.message.unwrap_or_default()))?;
    object.terms = register.terms(&terms).await?;
    let own = letter.from.to_string();
    let post = Post {
        request: None,
        collection: collection.number,
        eyes: Eyes { party: own, terms: Vec::new() },
        objects: vec![Ok::<Given, _>(object)],
        requested_at: asked_at.as_microsecond(),
    };
    for outcome in register.add_shared(&[post], pipeline::now().as_microsecond(), chance::number()).await? {
        if let Some(failure) = outcome.failures.first() {
            bail!("the message could not be written down: {}", failure.message.as_deref().unwrap_or("no reason"));
        }
    }
    Ok(())
}

/// Writes what partners are owed: how the takedowns that they asked for stand, and that we ask no longer.
///
/// # Errors
/// When the register cannot be used.
pub(crate) async fn tell(_home: &Home, register: &Register, standing: &Standing, now: Timestamp) -> Result<()> {
    let Some(own) = standing.own.clone() else { return Ok(()) };
    for mut known in register.peer_takedowns().await? {
        let row = register.takedown(&known.takedown).await?;
        let status = row.standing()?.status;
        let told = Status {
            said: Said::read(&known.said).unwrap_or(Said::Nothing),
            shown: Shown::read(&known.shown).unwrap_or(Shown::Active),
            ..status
        };
        let mut messages = Vec::new();
        if known.side == "asking" {
            if status.said == Said::Withdrawn && told.said != Said::Withdrawn {
                messages.push(Message::Recall);
            }
        } else {
            // What was said and what was shown may both have changed since.
            messages.extend(owed(Status { said: told.said, ..status }, Status { said: told.said, shown: status.shown, ..status }));
            messages.extend(owed(Status { said: told.said, shown: told.shown, ..status }, Status { said: told.said, ..status }));
            messages.extend(owed(Status { said: told.said, ..status }, status));
        }
        if messages.is_empty() && (told.said, told.shown) == (status.said, status.shown) {
            continue;
        }
        let party: PartyId = known.party.parse()?;
        for (at, message) in messages.into_iter().enumerate() {
            // Each message is an object of its own, also of two in one breath.
            let at = now + SignedDuration::from_micros(at as i64);
            let letter = Letter { from: own.clone(), to: party.clone(), takedown: known.theirs.clone(), message, at, about: None };
            let asked_at = row.asked_at.and_then(|at| Timestamp::from_microsecond(at).ok()).unwrap_or(now);
            if let Err(error) = write(register, standing, &letter, asked_at).await {
                tracing::warn!(%party, takedown = %known.takedown, "what is owed cannot be told: {error:#}");
            }
        }
        known.said = status.said.as_str().to_owned();
        known.shown = status.shown.as_str().to_owned();
        register.set_peer_takedown(&known).await?;
    }
    Ok(())
}

/// Acts on the messages that partners gave us.
///
/// # Errors
/// When the register cannot be used; what is wrong with one message is remembered with it and stops no other.
pub(crate) async fn hear(home: &Home, register: &Register, standing: &Standing) -> Result<u64> {
    let Some(own) = standing.own.clone() else { return Ok(0) };
    let mut heard = 0;
    loop {
        let unread = register.unread_messages(own.as_str(), 200).await?;
        if unread.is_empty() {
            return Ok(heard);
        }
        for message in unread {
            let outcome = match act(home, register, standing, &own, &message).await {
                Ok(outcome) => outcome,
                Err(error) => format!("not acted on: {error:#}"),
            };
            tracing::info!(party = %message.giver, "{outcome}");
            register.message_read(message.number, &message.giver, &outcome, pipeline::now().as_microsecond()).await?;
            heard += 1;
        }
    }
}

async fn act(home: &Home, register: &Register, standing: &Standing, own: &PartyId, message: &Unread) -> Result<String> {
    let Some(letter) = Letter::read(&message.bytes)? else { return Ok("no message of ours".to_owned()) };
    if letter.from.as_str() != message.giver {
        bail!("it says it is from {}, and {} gave it", letter.from, message.giver);
    }
    if letter.to != *own {
        bail!("it is for {}", letter.to);
    }
    let now = pipeline::now();
    let by = format!("peer:{}", letter.from);
    let asked = register.peer_takedowns().await?;
    let ours =
        |side: &str| asked.iter().find(|known| known.side == side && known.party == message.giver && known.theirs == letter.takedown);
    match letter.message {
        Message::Request { quiet_days } => match ours("asked") {
            Some(known) => Ok(format!("takedown {} was asked for before, as {}", letter.takedown, known.takedown)),
            None => begin(home, register, standing, own, &letter, message, quiet_days, now).await,
        },
        Message::Recall => {
            let known = ours("asked").ok_or_else(|| anyhow!("no takedown {} was asked for", letter.takedown))?;
            let happening = from_asking(letter.message).ok_or_else(|| anyhow!("means nothing"))?;
            register.takedown_happening(&known.takedown, happening, None, now, &by).await?;
            Ok(format!("takedown {} is no longer asked for", known.takedown))
        }
        Message::Acknowledgement | Message::Answer(_) | Message::Outcome(_) => {
            let known = ours("asking").ok_or_else(|| anyhow!("{} was not asked for takedown {}", letter.from, letter.takedown))?;
            let happening = from_asked(letter.message).ok_or_else(|| anyhow!("means nothing"))?;
            let row = register.takedown_happening(&known.takedown, happening, None, letter.at.min(now), &by).await?;
            Ok(format!("takedown {}: {}", known.takedown, row.state))
        }
    }
}

#[allow(clippy::too_many_arguments, reason = "what a request says")]
async fn begin(
    home: &Home,
    register: &Register,
    standing: &Standing,
    own: &PartyId,
    letter: &Letter,
    message: &Unread,
    quiet_days: u16,
    now: Timestamp,
) -> Result<String> {
    let about = letter.about.as_ref().ok_or_else(|| anyhow!("a request about nothing"))?;
    let target = CaseKey::read(&about.target).ok_or_else(|| anyhow!("{:?} names nothing that can be taken down", about.target))?;
    let time = |text: &str| formats::time::read(text).map(|moment| moment.at).ok_or_else(|| anyhow!("{text:?} is no time"));
    let (first_seen, last_seen) = (time(&about.first_seen)?.min(now), time(&about.last_seen)?.min(now));
    // The partner's own word for it, tightened by what becomes of it on the way to us.
    let stated: Terms =
        about.terms.as_deref().unwrap_or("tlp:amber+strict").parse().map_err(|error| anyhow!("terms of the evidence: {error}"))?;
    if !about.evidence.is_empty() {
        ingest(home, register, &letter.from, &about.evidence, stated.clone()).await?;
    }
    let by = format!("peer:{}", letter.from);
    let known = register.open_case_keys().await?.into_iter().find(|(_, key)| *key == target.to_string());
    let case_id = match known {
        Some((id, _)) => id,
        None => register.open_case(&about.title, Some(&target), now, &by).await?,
    };
    let new = NewTakedown {
        case_id,
        target,
        country: about.country.clone(),
        needed: QuietPeriod::from_days(i64::from(quiet_days))?,
        first_seen,
        last_seen,
        asked_by: Some((letter.from.to_string(), letter.takedown.clone())),
    };
    let row = register.begin_takedown(&new, None, now, &by).await?;
    let known = PeerTakedown {
        takedown: row.id.clone(),
        party: message.giver.clone(),
        side: "asked".to_owned(),
        theirs: letter.takedown.clone(),
        terms: register.terms(&stated).await?,
        // That it has arrived is told at once; that we ask somebody is then no news.
        said: Said::Requested.as_str().to_owned(),
        shown: Shown::Active.as_str().to_owned(),
    };
    register.set_peer_takedown(&known).await?;
    let answer = Letter {
        from: own.clone(),
        to: letter.from.clone(),
        takedown: letter.takedown.clone(),
        message: Message::Acknowledgement,
        at: now,
        about: None,
    };
    write(register, standing, &answer, now).await?;
    Ok(format!("takedown {} was asked for: {} here", letter.takedown, row.id))
}

/// Takes evidence in as if it had come in a file.
async fn ingest(home: &Home, register: &Register, from: &PartyId, evidence: &[Value], terms: Terms) -> Result<()> {
    let folder = tempfile::tempdir_in(home.temporary()).context("no place for evidence")?;
    let mut text = String::new();
    for one in evidence {
        text += &one.to_string();
        text.push('\n');
    }
    let path = folder.path().join("request.jsonl");
    std::fs::write(&path, text)?;
    let knowledge = knowledge::load(home, &[])?;
    let tables = knowledge::tables(home, Some(register)).await?;
    let mut found = files::find(&[path], std::path::Path::new("/nowhere"), &home.temporary())?;
    found.iter_mut().for_each(|found| found.name = format!("request of {from}.jsonl"));
    let defaults = register.terms_defaults().await?;
    let stop = AtomicBool::new(false);
    let format = casework::observe::sources::SOURCES.iter().copied().find(|source| source.name() == "intelmq");
    let order = Order {
        home,
        register,
        runtime: Handle::current(),
        knowledge: &knowledge,
        mappings: &[],
        tables: &tables,
        files: found,
        format,
        format_of: None,
        feed: Some(format!("takedown requests of {from}")),
        given_by: Some(from.to_string()),
        terms: Some(terms),
        defaults: &defaults,
        received: None,
        replaces: None,
        stop: &stop,
    };
    struct Silent;
    impl pipeline::Watch for Silent {}
    let summary = tokio::task::block_in_place(|| pipeline::ingest(&order, &Silent))?;
    if let Some((name, why)) = summary.failures.first() {
        bail!("{name}: {why}");
    }
    Ok(())
}
