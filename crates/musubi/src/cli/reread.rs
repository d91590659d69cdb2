//! `musubi reread`: kept originals, read again with today's reader.

use std::collections::BTreeSet;
use std::io::{Cursor, Read as _};
use std::sync::atomic::AtomicBool;

use anyhow::{Result, bail};
use casework::model::identity::Identifier;
use casework::observe::{Drift, Position, Sink, Source, Stop};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::events::Questions;
use store::evidence::{Evidence, NamedMapping, Part};
use store::register::Register;
use tokio::runtime::Handle;

use super::{Place, WrongUsage, moment};
use crate::pipeline::{self, Order, Watch};
use crate::receive::files::Found;
use crate::receive::knowledge;
use crate::receive::parts::{self, How, Takes};
use crate::show::{self, grouped, say};

/// Read kept originals again with today's reader; show what would change, and change it with --apply
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi reread --since 30d")]
pub(crate) struct Reread {
    /// One evidence, by its id or the beginning of it
    #[arg(long, value_name = "ID", required_unless_present = "since")]
    evidence: Option<String>,
    /// All evidence received at or after this time (2026-03-23, or an age: 7d, 12h)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// Replace what was remembered
    #[arg(long)]
    apply: bool,
}

/// What today's reader says of an evidence, beside what is remembered.
struct Difference {
    evidence: Evidence,
    /// Events only today's reader finds, and those only an earlier one found, as JSON.
    added: Vec<Value>,
    gone: Vec<Value>,
    same: u64,
    rejected: u64,
}

impl Reread {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let chosen: Vec<Evidence> = match (&self.evidence, self.since) {
            (Some(id), _) => match register.evidence(id).await? {
                Some(evidence) => vec![evidence],
                None => bail!("there is no evidence {id}"),
            },
            (None, Some(since)) => register.all_evidence(since.as_microsecond()).await?,
            (None, None) => return Err(WrongUsage("name --evidence or --since".into()).into()),
        };
        let mut all = Vec::new();
        for evidence in chosen {
            if evidence.kept.is_empty() {
                eprintln!("{}: the original was removed after the retention time", evidence.name);
                continue;
            }
            let mappings = register.mappings(&evidence.id).await?;
            let knowledge = knowledge::load(&place.home, &mappings)?;
            let difference = compare(place, &register, evidence, &knowledge).await?;
            if !place.json {
                print(&difference)?;
            }
            let changed = !difference.added.is_empty()
                || !difference.gone.is_empty()
                || difference.rejected != difference.evidence.rejected_rows.unsigned_abs();
            let applied = self.apply && changed;
            if applied {
                replace(place, &register, &difference.evidence, &knowledge, &mappings).await?;
            }
            all.push(json!({
                "id": difference.evidence.id, "name": difference.evidence.name, "same": difference.same, "added": difference.added,
                "gone": difference.gone, "rejected": difference.rejected, "applied": applied,
            }));
        }
        register.close().await;
        if place.json {
            return show::json(&Value::Array(all));
        }
        if !self.apply && all.iter().any(|d| d["added"] != json!([]) || d["gone"] != json!([])) {
            say("nothing was changed; --apply replaces what is remembered")?;
        }
        Ok(())
    }
}

async fn compare(place: &Place, register: &Register, evidence: Evidence, knowledge: &casework::observe::Knowledge) -> Result<Difference> {
    let mut bytes = Vec::new();
    store::evidence::open(&place.home, &evidence.kept)?.read_to_end(&mut bytes)?;
    let received = Timestamp::from_microsecond(evidence.received_at)?;
    let formats = register.parts(&evidence.id).await?;
    let (insisted, insisted_of) = insisted(&formats);
    let how = How { format: insisted, format_of: insisted_of, feed: evidence.feed.as_deref(), received, knowledge };
    let mut today = Today { identifier: Identifier::default(), received, feed: String::new(), seen: Default::default(), rejected: 0 };
    let _ = parts::read(&evidence.name, &mut Cursor::new(&bytes), &how, &mut today);
    let questions = Questions::open(&place.home, register).await?;
    let remembered = ids(&questions, &format!("SELECT id FROM events WHERE evidence = '{}'", evidence.id)).await?;
    // What another evidence brought first is held under that one's name: not new.
    let fresh: Vec<&String> = today.seen.keys().filter(|id| !remembered.contains(*id)).collect();
    let mut held: BTreeSet<String> = BTreeSet::new();
    for some in fresh.chunks(1000) {
        let list = some.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(",");
        held.extend(ids(&questions, &format!("SELECT id FROM events WHERE id IN ({list})")).await?);
    }
    let added = fresh.iter().filter(|id| !held.contains(**id)).map(|id| today.seen[*id].clone()).collect();
    let gone: Vec<String> = remembered.iter().filter(|id| !today.seen.contains_key(*id)).cloned().collect();
    let mut gone_events = Vec::new();
    for some in gone.chunks(1000) {
        let list = some.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(",");
        let batches = questions.sql(&format!("SELECT * FROM events WHERE id IN ({list})")).await?.collect().await?;
        gone_events.extend(super::lookup::objects(&batches)?);
    }
    let same = (remembered.len() - gone.len()) as u64;
    Ok(Difference { evidence, added, gone: gone_events, same, rejected: today.rejected })
}

async fn ids(questions: &Questions, sql: &str) -> Result<BTreeSet<String>> {
    let rows = super::lookup::objects(&questions.sql(sql).await?.collect().await?)?;
    Ok(rows.into_iter().filter_map(|r| r["id"].as_str().map(str::to_owned)).collect())
}

/// A format the user insisted on shows in that it is not the recognised one; the same is used again, for the same part.
fn insisted(parts: &[Part]) -> (Option<&'static dyn Source>, Option<&str>) {
    match parts {
        [part] => (parts::by_name(&part.format), Some(&part.path)),
        _ => (None, None),
    }
}

/// Reads the evidence again through the ordinary path; the old reading gives way to the new in one transaction.
async fn replace(
    place: &Place,
    register: &Register,
    evidence: &Evidence,
    knowledge: &casework::observe::Knowledge,
    mappings: &[NamedMapping],
) -> Result<()> {
    let mut copy = tempfile::NamedTempFile::new()?;
    std::io::copy(&mut store::evidence::open(&place.home, &evidence.kept)?, &mut copy)?;
    let tables = knowledge::tables(&place.home, Some(register)).await?;
    let stop = AtomicBool::new(false);
    let parts = register.parts(&evidence.id).await?;
    let (format, format_of) = insisted(&parts);
    let defaults = register.terms_defaults().await?;
    let order = Order {
        home: &place.home,
        register,
        runtime: Handle::current(),
        knowledge,
        mappings,
        tables: &tables,
        files: vec![Found {
            path: copy.path().to_owned(),
            name: evidence.name.clone(),
            size_bytes: evidence.size_bytes.unsigned_abs(),
            spooled: false,
        }],
        format,
        format_of,
        feed: evidence.feed.clone(),
        given_by: evidence.given_by.clone(),
        terms: if evidence.terms_stated == 0 { None } else { Some(evidence.terms.parse()?) },
        defaults: &defaults,
        received: Some(Timestamp::from_microsecond(evidence.received_at)?),
        replaces: Some(&evidence.id),
        stop: &stop,
    };
    struct Quiet;
    impl Watch for Quiet {}
    let summary = tokio::task::block_in_place(|| pipeline::ingest(&order, &Quiet));
    if let Some((_, reason)) = summary?.failures.into_iter().next() {
        bail!("{}: {reason}", evidence.name);
    }
    Ok(())
}

fn print(difference: &Difference) -> Result<()> {
    let Difference { evidence, added, gone, same, rejected } = difference;
    say(format!(
        "{}  {}: {} the same, {} new, {} gone, {} rejected (was {})",
        &evidence.id[..12],
        evidence.name,
        grouped(*same),
        grouped(added.len() as u64),
        grouped(gone.len() as u64),
        grouped(*rejected),
        grouped(evidence.rejected_rows.unsigned_abs()),
    ))?;
    for (sign, events) in [("+", added), ("-", gone)] {
        for event in events.iter().take(5) {
            say(format!("  {sign} {event}"))?;
        }
        if events.len() > 5 {
            say(format!("  {sign} … and {} more", grouped(events.len() as u64 - 5)))?;
        }
    }
    Ok(())
}

/// Identities as today's reader gives them.
struct Today {
    identifier: Identifier,
    received: Timestamp,
    feed: String,
    seen: std::collections::BTreeMap<String, Value>,
    rejected: u64,
}

impl Sink for Today {
    fn event(&mut self, at: Position, event: &mut casework::model::event::Event<'_>) -> Result<(), Stop> {
        pipeline::date(event, self.received);
        let named = event.feed.take();
        let feed = named.as_deref().unwrap_or(&self.feed).to_owned();
        let id = self.identifier.identify(event, &feed);
        self.seen.entry(id.to_string()).or_insert_with(|| Value::Object(super::read::columns(event, &feed, at)));
        Ok(())
    }

    fn reject(&mut self, _: Position, _: String) -> Result<(), Stop> {
        self.rejected += 1;
        Ok(())
    }

    fn drift(&mut self, _: Drift) {}
}

impl Takes for Today {
    fn begin(&mut self, _: &str, _: &'static dyn Source, feed: &str) {
        self.feed = feed.to_owned();
    }

    fn refuse(&mut self, _: &str, _: String) -> Result<(), Stop> {
        self.rejected += 1;
        Ok(())
    }
}
