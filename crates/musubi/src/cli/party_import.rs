//! `musubi party import` and `musubi agreement import`: many at once, from files.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use casework::model::party::{Party, PartyId};
use casework::parties::{self, Rejected, Written, WrittenParty, foreign, join};
use formats::security_txt::SecurityTxt;
use formats::{first_teams, rdap, rpsl};
use serde_json::{Value, json};
use store::register::Register;

use super::{Place, WrongUsage};
use crate::pipeline;
use crate::receive::registry_in;
use crate::show::{self, grouped, say};

/// What a file is written in.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Layout {
    /// TOML of our own (docs/parties.md)
    Toml,
    /// CSV of our own (docs/parties.md)
    Csv,
    /// Dump of a registry: RIPE, APNIC, … (also gzip, zstd, xz, zip, tar)
    Rpsl,
    /// Answer of an RDAP server
    Rdap,
    /// RFC 9116; name the party with --party
    SecurityTxt,
    /// List of teams in CSV, as FIRST has it
    Teams,
}

/// Import parties: TOML or CSV of our own, registry dumps, RDAP answers, security.txt, lists of teams
///
/// Each source replaces only what it said before; what others said stays. Entries that cannot be are set aside and named. The dump of a registry
/// becomes one table; a later dump of the same registry replaces it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  printf 'id,kind,networks,contacts\\nisp-jp,provider,192.0.2.0/24,abuse ja abuse@isp.example\\n' > /tmp/parties.csv && musubi party import /tmp/parties.csv"
)]
pub(crate) struct Import {
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Read it as this [default: known from name and content]
    #[arg(long, value_enum)]
    format: Option<Layout>,
    /// The party that a security.txt or RDAP answer is about
    #[arg(long, value_name = "PARTY")]
    party: Option<PartyId>,
    /// Name of the registry of a dump [default: what most of its objects say]
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// The day for which a dump was made [default: what its name says, else the file's date]
    #[arg(long, value_name = "DATE")]
    date: Option<jiff::civil::Date>,
}

impl Import {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        let register = Register::create(&place.home).await?;
        let mut done = Vec::new();
        for path in &self.paths {
            done.push(self.import(place, &register, path).await.with_context(|| path.display().to_string())?);
        }
        if place.json { show::json(&Value::Array(done)) } else { Ok(()) }
    }

    async fn import(&self, place: &Place, register: &Register, path: &Path) -> Result<Value> {
        let layout = match self.format {
            Some(layout) => layout,
            None => recognise(path)?,
        };
        let written = match layout {
            Layout::Toml | Layout::Csv => read_as(path, layout)?,
            Layout::Rpsl => return self.registry(place, register, path).await,
            Layout::Rdap => {
                let answer = rdap::Answer::read(&std::fs::read(path)?)?;
                one(foreign::rdap(&answer, self.party.clone()).map_err(|reason| anyhow::anyhow!(reason))?)
            }
            Layout::SecurityTxt => {
                let Some(id) = self.party.clone() else {
                    return Err(WrongUsage(format!("{}: whose is it? name the party with --party", path.display())).into());
                };
                let text = std::fs::read_to_string(path)?;
                let read = SecurityTxt::read(&text).context("it has none of the fields of a security.txt")?;
                for problem in &read.problems {
                    eprintln!("musubi: {}: {problem}", path.display());
                }
                let now = pipeline::now();
                let known = register.party(&id, now).await?;
                one(foreign::security_txt(&read, known.as_ref(), id, now).map_err(|reason| anyhow::anyhow!(reason))?)
            }
            Layout::Teams => {
                let mut written = Written::default();
                first_teams::read(BufReader::new(File::open(path)?), &mut |team| {
                    let team = team.map_err(|(row, reason)| Rejected { place: format!("row {row}"), reason });
                    match team.and_then(|team| foreign::team(&team)) {
                        Ok(party) => written.parties.push(party),
                        Err(rejected) => written.rejected.push(rejected),
                    }
                })?;
                written
            }
        };
        record(place, register, path, written).await
    }

    async fn registry(&self, place: &Place, register: &Register, path: &Path) -> Result<Value> {
        let imported = registry_in::import(&place.home, register, path, self.source.as_deref(), self.date).await?;
        let t = &imported.table;
        if !place.json {
            let count = |n: i64| grouped(n.unsigned_abs());
            let (objects, networks, contacts) = (count(t.object_count), count(t.network_count), count(t.contact_count));
            say(format!(
                "{}  {} of {}: {objects} objects, {networks} networks and AS numbers, {contacts} contacts",
                t.id, t.source, t.dated
            ))?;
        }
        Ok(json!({
            "id": t.id, "source": t.source, "date": t.dated, "objects": t.object_count, "networks": t.network_count, "contacts": t.contact_count,
            "rejected": imported.rejected, "rejections": imported.rejections,
        }))
    }
}

fn one(party: Party) -> Written {
    Written { parties: vec![WrittenParty { party, own: false }], ..Written::default() }
}

/// What a file is, by its name and first bytes.
fn recognise(path: &Path) -> Result<Layout> {
    let mut head = Vec::new();
    File::open(path)?.take(64 << 10).read_to_end(&mut head)?;
    let text = String::from_utf8_lossy(&head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let ending = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let header = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#')).unwrap_or_default();
    let packed = [&b"\x1f\x8b"[..], b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ", b"BZh"].iter().any(|magic| head.starts_with(magic));
    Ok(match ending.as_str() {
        "toml" => Layout::Toml,
        _ if packed || rpsl::recognise(&head) => Layout::Rpsl,
        _ if text.starts_with('{') => Layout::Rdap,
        _ if header.split(',').any(|name| name.trim().eq_ignore_ascii_case("id")) => Layout::Csv,
        _ if first_teams::recognise(header) => Layout::Teams,
        _ if SecurityTxt::read(text).is_some() => Layout::SecurityTxt,
        _ => bail!(
            "neither parties in TOML or CSV, nor a registry dump, RDAP answer, security.txt or list of teams; --format says which it is"
        ),
    })
}

/// Rows shown that were set aside; all are counted.
const SHOWN: usize = 20;

/// Reads TOML or CSV of our own, by the ending of its name.
pub(crate) fn read(path: &Path) -> Result<Written> {
    let toml = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("toml"));
    read_as(path, if toml { Layout::Toml } else { Layout::Csv })
}

fn read_as(path: &Path, layout: Layout) -> Result<Written> {
    if layout == Layout::Toml {
        return Ok(parties::toml::read(&std::fs::read_to_string(path)?)?);
    }
    Ok(parties::csv::read(BufReader::new(File::open(path)?))?)
}

/// Records what a file says: parties, agreements and which party is us.
pub(crate) async fn record(place: &Place, register: &Register, path: &Path, written: Written) -> Result<Value> {
    let now = pipeline::now();
    let Written { parties, agreements, rejected } = written;
    for rejected in rejected.iter().take(SHOWN) {
        eprintln!("set aside: {}: {rejected}", path.display());
    }
    if rejected.len() > SHOWN {
        eprintln!("{} entries of {} were set aside", rejected.len(), path.display());
    }
    let own: Vec<_> = parties.iter().filter(|p| p.own).map(|p| p.party.id.clone()).collect();
    if own.len() > 1 {
        bail!("{} and {} cannot both be us", own[0], own[1]);
    }
    let parties = register.record_parties(parties.into_iter().map(|p| p.party).collect(), now, join).await?;
    let agreements = register.record_agreements(agreements, now).await?;
    if let [own] = &own[..] {
        register.set_own_party(own, now).await?;
    }
    if !place.json {
        for (what, r) in [("parties", parties), ("agreements", agreements)] {
            let all = r.added + r.changed + r.unchanged;
            if all > 0 {
                let (added, changed, unchanged) = (grouped(r.added), grouped(r.changed), grouped(r.unchanged));
                say(format!("{}: {what}: {added} added, {changed} changed, {unchanged} as they were", path.display()))?;
            }
        }
    }
    let counts = |r: store::parties::Recorded| json!({"added": r.added, "changed": r.changed, "unchanged": r.unchanged});
    let rejections: Vec<Value> = rejected.iter().map(|r| json!({"place": r.place, "reason": r.reason})).collect();
    Ok(json!({
        "id": path.display().to_string(), "parties": counts(parties), "agreements": counts(agreements), "rejected": rejected.len(), "rejections": rejections,
    }))
}
