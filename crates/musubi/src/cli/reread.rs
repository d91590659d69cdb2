//! `musubi reread`: kept originals, read again with today's reader.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::AtomicBool;

use anyhow::{Result, bail};
use casework::enrich::Tables;
use casework::model::event::Event;
use casework::model::identity::{EventId, Identifier};
use casework::model::terms::Terms;
use casework::observe::{Drift, Knowledge, Position, Sink, Source, Stop};
use futures::TryStreamExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::events::Questions;
use store::evidence::{Duplicating, Evidence, NamedMapping, Part};
use store::home::Home;
use store::register::Register;
use store::terms::DefaultOf;
use tempfile::NamedTempFile;
use tokio::runtime::Handle;

use super::{Place, WrongUsage, moment};
use crate::pipeline::{self, CameMeanwhile, Heir, Order, Replaces, Watch};
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
    opened: Opened,
    /// Events only today's reader finds, and those only an earlier one found, as JSON.
    added: Vec<Value>,
    gone: Vec<Value>,
    same: u64,
    rejected: u64,
    /// Who else says some of what this evidence says no more, in the order in which it came.
    heirs: Vec<(Opened, HashSet<EventId>)>,
    sought_among: Vec<Duplicating>,
}

impl Difference {
    /// Events that stay, since other evidence says them too.
    fn inherited(&self) -> usize {
        self.heirs.iter().map(|(_, events)| events.len()).sum()
    }

    fn changes(&self) -> bool {
        let was_rejected = self.opened.evidence.rejected_rows.unsigned_abs();
        !self.added.is_empty() || !self.gone.is_empty() || !self.heirs.is_empty() || self.rejected != was_rejected
    }
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
            let (difference, applied) = self.one(place, &register, &evidence).await?;
            if !place.json {
                print(&difference)?;
            }
            all.push(json!({
                "id": evidence.id, "name": evidence.name, "same": difference.same, "added": difference.added, "gone": difference.gone,
                "inherited": difference.inherited(), "rejected": difference.rejected, "applied": applied,
            }));
        }
        register.close().await;
        if place.json {
            return show::json(&Value::Array(all));
        }
        if !self.apply && all.iter().any(|d| d["added"] != json!([]) || d["gone"] != json!([]) || d["inherited"] != json!(0)) {
            say("nothing was changed; --apply replaces what is remembered")?;
        }
        Ok(())
    }

    /// Compares, and replaces when asked to; whether it did.
    async fn one(&self, place: &Place, register: &Register, evidence: &Evidence) -> Result<(Difference, bool)> {
        for _ in 0..ATTEMPTS {
            let difference = compare(place, register, evidence.clone()).await?;
            if !self.apply || !difference.changes() {
                return Ok((difference, false));
            }
            match replace(place, register, &difference).await {
                Ok(()) => return Ok((difference, true)),
                Err(error) if error.is::<CameMeanwhile>() => {}
                Err(error) => return Err(error),
            }
        }
        bail!("{}: {CameMeanwhile}; try again when no other evidence is taken in", evidence.name)
    }
}

/// How often the comparison is made again because other evidence came in meanwhile.
const ATTEMPTS: usize = 5;

/// Evidence with all that reading it again takes.
struct Opened {
    evidence: Evidence,
    parts: Vec<Part>,
    mappings: Vec<NamedMapping>,
    knowledge: Knowledge,
    copy: NamedTempFile,
}

impl Opened {
    async fn open(place: &Place, register: &Register, evidence: Evidence) -> Result<Self> {
        let mappings = register.mappings(&evidence.id).await?;
        let knowledge = knowledge::load(&place.home, &mappings)?;
        let parts = register.parts(&evidence.id).await?;
        let mut copy = NamedTempFile::new()?;
        std::io::copy(&mut store::evidence::open(&place.home, &evidence.kept)?, &mut copy)?;
        Ok(Self { evidence, parts, mappings, knowledge, copy })
    }

    fn received(&self) -> Result<Timestamp> {
        Ok(Timestamp::from_microsecond(self.evidence.received_at)?)
    }

    /// A format the user insisted on shows in that it is not the recognised one; the same is used again, for the same part.
    fn insisted(&self) -> (Option<&'static dyn Source>, Option<&str>) {
        match &self.parts[..] {
            [part] => (parts::by_name(&part.format), Some(&part.path)),
            _ => (None, None),
        }
    }

    fn read(&self, taker: &mut dyn Takes) -> Result<()> {
        let (format, format_of) = self.insisted();
        let feed = self.evidence.feed.as_deref();
        let how = How { format, format_of, feed, received: self.received()?, knowledge: &self.knowledge };
        // Whoever stops has heard enough.
        let _ = parts::read(&self.evidence.name, &mut self.copy.reopen()?, &how, taker);
        Ok(())
    }

    /// The order to read it again as it was read when it came.
    fn order<'a>(&'a self, with: &With<'a>, replaces: Option<Replaces<'a>>) -> Result<Order<'a>> {
        let (format, format_of) = self.insisted();
        let evidence = &self.evidence;
        Ok(Order {
            home: with.home,
            register: with.register,
            runtime: Handle::current(),
            knowledge: &self.knowledge,
            mappings: &self.mappings,
            tables: with.tables,
            files: vec![Found {
                path: self.copy.path().to_owned(),
                name: evidence.name.clone(),
                size_bytes: evidence.size_bytes.unsigned_abs(),
                spooled: false,
            }],
            format,
            format_of,
            feed: evidence.feed.clone(),
            given_by: evidence.given_by.clone(),
            terms: if evidence.terms_stated == 0 { None } else { Some(evidence.terms.parse()?) },
            defaults: with.defaults,
            received: Some(self.received()?),
            replaces,
            stop: with.stop,
        })
    }
}

/// What all orders of one replacement share.
struct With<'a> {
    home: &'a Home,
    register: &'a Register,
    tables: &'a Tables,
    defaults: &'a BTreeMap<DefaultOf, Terms>,
    stop: &'a AtomicBool,
}

async fn compare(place: &Place, register: &Register, evidence: Evidence) -> Result<Difference> {
    let opened = Opened::open(place, register, evidence).await?;
    let mut today = Today::of(&opened)?;
    opened.read(&mut today)?;
    let rejected = today.rejected;
    let questions = Questions::open(&place.home, register).await?;
    let of = format!("evidence = '{}'", opened.evidence.id);
    let remembered = ids(&questions, &of).await?;
    // What another evidence brought first is held under that one's name: not new.
    let mut fresh: HashSet<EventId> = today.seen.difference(&remembered).copied().collect();
    for some in listed(&fresh) {
        for id in ids(&questions, &format!("id IN ({some})")).await? {
            fresh.remove(&id);
        }
    }
    let mut added = Vec::new();
    if !fresh.is_empty() {
        let mut shown = Today { shown: Some((fresh, &mut added)), ..Today::of(&opened)? };
        opened.read(&mut shown)?;
    }
    let mut gone: HashSet<EventId> = remembered.difference(&today.seen).copied().collect();
    let same = (remembered.len() - gone.len()) as u64;
    let sought_among = register.duplicating(&opened.evidence.id).await?;
    let mut heirs = Vec::new();
    if !gone.is_empty() {
        let rows = super::lookup::objects(&questions.sql(&format!("SELECT DISTINCT feed FROM events WHERE {of}")).await?.collect().await?)?;
        let feeds: BTreeSet<String> = rows.into_iter().filter_map(|row| row["feed"].as_str().map(str::to_owned)).collect();
        for other in sought_among.iter().filter(|other| other.id != opened.evidence.id) {
            let duplicates = other.duplicate_rows;
            if let Some(other) = could_say(register, &other.id, &feeds).await? {
                let other = Opened::open(place, register, other).await?;
                let mut said = Said { today: Today::of(&other)?, of: &gone, found: HashSet::new() };
                other.read(&mut said)?;
                let mut found = said.found;
                if found.len() as i64 > duplicates {
                    // Read again it says more than it did; its own reading again will add that. What counted as duplicate there can be its own now.
                    let mut some: Vec<EventId> = found.into_iter().collect();
                    some.sort_unstable();
                    found = some.into_iter().take(usize::try_from(duplicates).unwrap_or(0)).collect();
                }
                if !found.is_empty() {
                    gone.retain(|id| !found.contains(id));
                    heirs.push((other, found));
                }
            }
            if gone.is_empty() {
                break;
            }
        }
    }
    let mut gone_events = Vec::new();
    for some in listed(&gone) {
        let batches = questions.sql(&format!("SELECT * FROM events WHERE id IN ({some})")).await?.collect().await?;
        gone_events.extend(super::lookup::objects(&batches)?);
    }
    Ok(Difference { opened, added, gone: gone_events, same, rejected, heirs, sought_among })
}

/// Evidence, if it is kept and events of these feeds can stand in it.
async fn could_say(register: &Register, id: &str, feeds: &BTreeSet<String>) -> Result<Option<Evidence>> {
    let Some(evidence) = register.evidence(id).await?.filter(|evidence| !evidence.kept.is_empty()) else { return Ok(None) };
    let of_feeds = |part: &Part| feeds.contains(&part.feed) || parts::by_name(&part.format).is_none_or(Source::names_feeds);
    Ok(register.parts(id).await?.iter().any(of_feeds).then_some(evidence))
}

/// The identities of events that are so.
async fn ids(questions: &Questions, so: &str) -> Result<HashSet<EventId>> {
    let mut found = HashSet::new();
    let mut batches = questions.sql(&format!("SELECT id FROM events WHERE {so}")).await?.execute_stream().await?;
    while let Some(batch) = batches.try_next().await? {
        let rows = super::lookup::objects(&[batch])?;
        found.extend(rows.iter().filter_map(|row| row["id"].as_str().and_then(EventId::from_hex)));
    }
    Ok(found)
}

/// Identities as SQL lists them, a thousand at a time.
fn listed(ids: &HashSet<EventId>) -> Vec<String> {
    let mut ids: Vec<&EventId> = ids.iter().collect();
    ids.sort_unstable();
    ids.chunks(1000).map(|some| some.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(",")).collect()
}

/// Reads the evidence again through the ordinary path; the old reading gives way to the new, and to what others say too, in one transaction.
async fn replace(place: &Place, register: &Register, difference: &Difference) -> Result<()> {
    let tables = knowledge::tables(&place.home, Some(register)).await?;
    let defaults = register.terms_defaults().await?;
    let stop = AtomicBool::new(false);
    let with = With { home: &place.home, register, tables: &tables, defaults: &defaults, stop: &stop };
    let heirs = difference.heirs.iter().map(|(opened, events)| {
        let order = opened.order(&with, None)?;
        Ok(Heir { order, evidence: &opened.evidence.id, events })
    });
    let evidence = &difference.opened.evidence;
    let replaces = Replaces { evidence: &evidence.id, heirs: heirs.collect::<Result<_>>()?, sought_among: &difference.sought_among };
    let order = difference.opened.order(&with, Some(replaces))?;
    struct Quiet;
    impl Watch for Quiet {}
    let summary = tokio::task::block_in_place(|| pipeline::ingest(&order, &Quiet));
    if let Some((_, reason)) = summary?.failures.into_iter().next() {
        bail!("{}: {reason}", evidence.name);
    }
    Ok(())
}

fn print(difference: &Difference) -> Result<()> {
    let Difference { opened: Opened { evidence, .. }, added, gone, same, rejected, .. } = difference;
    let inherited = match difference.inherited() {
        0 => String::new(),
        events => format!("{} only others say, ", grouped(events as u64)),
    };
    say(format!(
        "{}  {}: {} the same, {} new, {} gone, {inherited}{} rejected (was {})",
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
struct Today<'a> {
    identifier: Identifier,
    received: Timestamp,
    feed: String,
    seen: HashSet<EventId>,
    /// Events to be shown in full, and where; then nothing else is noted.
    shown: Option<(HashSet<EventId>, &'a mut Vec<Value>)>,
    rejected: u64,
}

impl Today<'_> {
    fn of(opened: &Opened) -> Result<Self> {
        let received = opened.received()?;
        Ok(Self { identifier: Identifier::default(), received, feed: String::new(), seen: HashSet::new(), shown: None, rejected: 0 })
    }

    /// The identity of an event; its feed.
    fn identify(&mut self, event: &mut Event<'_>) -> (EventId, String) {
        pipeline::date(event, self.received);
        let feed = event.feed.take().map_or_else(|| self.feed.clone(), std::borrow::Cow::into_owned);
        (self.identifier.identify(event, &feed), feed)
    }
}

impl Sink for Today<'_> {
    fn event(&mut self, at: Position, event: &mut Event<'_>) -> Result<(), Stop> {
        let (id, feed) = self.identify(event);
        match &mut self.shown {
            Some((wanted, shown)) => {
                if wanted.remove(&id) {
                    shown.push(Value::Object(super::read::columns(event, &feed, at)));
                }
            }
            None => drop(self.seen.insert(id)),
        }
        Ok(())
    }

    fn reject(&mut self, _: Position, _: String) -> Result<(), Stop> {
        self.rejected += 1;
        Ok(())
    }

    fn drift(&mut self, _: Drift) {}
}

impl Takes for Today<'_> {
    fn begin(&mut self, _: &str, _: &'static dyn Source, feed: &str) {
        self.feed = feed.to_owned();
    }

    fn refuse(&mut self, _: &str, _: String) -> Result<(), Stop> {
        self.rejected += 1;
        Ok(())
    }
}

/// Which of some events evidence says.
struct Said<'a> {
    today: Today<'a>,
    of: &'a HashSet<EventId>,
    found: HashSet<EventId>,
}

impl Sink for Said<'_> {
    fn event(&mut self, _: Position, event: &mut Event<'_>) -> Result<(), Stop> {
        let (id, _) = self.today.identify(event);
        if self.of.contains(&id) && self.found.insert(id) && self.found.len() == self.of.len() {
            return Err(Stop);
        }
        Ok(())
    }

    fn reject(&mut self, _: Position, _: String) -> Result<(), Stop> {
        Ok(())
    }

    fn drift(&mut self, _: Drift) {}
}

impl Takes for Said<'_> {
    fn begin(&mut self, path: &str, source: &'static dyn Source, feed: &str) {
        self.today.begin(path, source, feed);
    }

    fn refuse(&mut self, _: &str, _: String) -> Result<(), Stop> {
        Ok(())
    }
}
