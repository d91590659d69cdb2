//! `musubi read`: what a file says, nothing remembered.

use std::fs::File;
use std::io::{self, BufWriter, Read as _, Write};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use casework::model::event::{Endpoint, Event};
use casework::model::terms::{Terms, Tlp};
use casework::observe::intelmq::to_intelmq;
use casework::observe::mapping_explain;
use casework::observe::{Drift, Head, Knowledge, Position, Sink, Source, Stop};
use casework::share::seen::{self, End, Seen};
use serde_json::{Map, Value, json};

use super::ingest::{Named, format};
use super::{Place, WrongUsage};
use crate::chance;
use crate::pipeline;
use crate::receive::parts::{self, How, Takes};
use crate::receive::{files, knowledge};
use crate::show::{self, say, table};

/// Print what files say, one event a line; nothing is remembered
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  echo 'hxxp://login.example[.]com/' | musubi read --format list -")]
pub(crate) struct Read {
    /// Files or folders; - is standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Form of an event: events (columns of the table events), intelmq (IntelMQ Data Format) or stix (STIX 2.1 objects)
    #[arg(long = "as", value_name = "FORM", value_enum, default_value_t = Form::Events)]
    form: Form,
    /// Insist on a format (see `musubi formats`)
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    format: Option<Named>,
    /// Name of the feed the files belong to
    #[arg(long, value_name = "NAME")]
    feed: Option<String>,
    /// Mapping file for CSV of your own layout (TOML); may be given several times
    #[arg(long, value_name = "FILE")]
    mapping: Vec<PathBuf>,
    /// Show how the first rows would be read with the mapping, column by column
    #[arg(long, requires = "mapping", conflicts_with_all = ["count", "format"])]
    explain: bool,
    /// Only count
    #[arg(long)]
    count: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Form {
    Events,
    Intelmq,
    Stix,
}

impl Read {
    pub(crate) fn run(self, place: &Place) -> Result<()> {
        let knowledge = knowledge::load(&place.home, &knowledge::named(&self.mapping)?)?;
        let spool = std::env::temp_dir();
        let found = files::find(&self.paths, place.home.root(), &spool)?;
        if self.explain {
            return found.iter().try_for_each(|f| explain(&f.path, &knowledge, place.json));
        }
        let started = Instant::now();
        let mut printer = Printer {
            out: BufWriter::with_capacity(1 << 16, io::stdout()),
            form: self.form,
            silent: self.count,
            named: self.feed.is_some(),
            feed: String::new(),
            path: String::new(),
            events: 0,
            rejected: 0,
            broken: None,
        };
        let mut failed = 0;
        for file in &found {
            let mut input = match File::open(&file.path) {
                Ok(input) => input,
                Err(error) => {
                    eprintln!("failed: {}: {error}", file.name);
                    failed += 1;
                    continue;
                }
            };
            let how = How {
                format: self.format.map(|f| f.0),
                format_of: None,
                feed: self.feed.as_deref(),
                received: pipeline::now(),
                knowledge: &knowledge,
            };
            let outcome = parts::read(&file.name, &mut input, &how, &mut printer);
            file.done();
            if outcome.is_err() {
                break;
            }
        }
        if let Some(error) = printer.broken {
            return Err(error.into());
        }
        printer.out.flush()?;
        let (events, rejected) = (printer.events, printer.rejected);
        if self.count {
            let seconds = started.elapsed().as_secs_f64();
            if place.json {
                show::json(&json!({"events": events, "rejected": rejected}))?;
            } else {
                say(format!("{} events, {} rejected ({seconds:.2} s)", show::grouped(events), show::grouped(rejected)))?;
            }
        }
        if failed > 0 {
            bail!("{failed} of the files could not be read");
        }
        if events == 0 && rejected > 0 && !self.count {
            bail!("nothing could be read");
        }
        Ok(())
    }
}

struct Printer {
    out: BufWriter<io::Stdout>,
    form: Form,
    silent: bool,
    /// The user named the feed.
    named: bool,
    feed: String,
    path: String,
    events: u64,
    rejected: u64,
    broken: Option<io::Error>,
}

impl Printer {
    fn print(&mut self, value: &Value) -> Result<(), Stop> {
        let written = serde_json::to_writer(&mut self.out, value).map_err(io::Error::from).and_then(|()| self.out.write_all(b"\n"));
        written.map_err(|error| {
            self.broken = Some(error);
            Stop
        })
    }
}

impl Sink for Printer {
    fn event(&mut self, at: Position, event: &mut Event<'_>) -> Result<(), Stop> {
        self.events += 1;
        if self.silent {
            event.extra.finish();
            return Ok(());
        }
        let value = match self.form {
            Form::Intelmq => {
                let mut keys = to_intelmq(event);
                if self.named || !keys.contains_key("feed.name") {
                    keys.insert("feed.name".into(), self.feed.as_str().into());
                }
                Value::Object(keys)
            }
            Form::Stix => {
                for object in in_stix(event) {
                    self.print(&object)?;
                }
                return Ok(());
            }
            Form::Events => {
                let feed = event.feed.as_deref().unwrap_or(&self.feed).to_owned();
                Value::Object(columns(event, &feed, at))
            }
        };
        self.print(&value)
    }

    fn reject(&mut self, at: Position, reason: String) -> Result<(), Stop> {
        self.rejected += 1;
        if !self.silent {
            eprintln!("set aside: {} row {}: {reason}", self.path, at.row);
        }
        Ok(())
    }

    fn drift(&mut self, drift: Drift) {
        match drift {
            Drift::UnknownType(name) => eprintln!("drift: unknown report type {name}"),
            Drift::UnknownColumn { report, column } => eprintln!("drift: unknown column {column} in {report}"),
        }
    }
}

impl Takes for Printer {
    fn begin(&mut self, path: &str, _: &'static dyn Source, feed: &str) {
        self.path = path.to_owned();
        self.feed = feed.to_owned();
    }

    fn refuse(&mut self, path: &str, reason: String) -> Result<(), Stop> {
        self.rejected += 1;
        eprintln!("set aside: {path}: {reason}");
        Ok(())
    }
}

/// An event as objects of STIX, by nobody named; unmarked ones are held as everything unmarked is.
fn in_stix(event: &mut Event<'_>) -> Vec<Value> {
    let extra: Map<String, Value> = serde_json::from_str(event.extra.finish()).unwrap_or_default();
    let hash = |kind: &str| extra.get(&format!("malware.hash.{kind}")).and_then(Value::as_str);
    let now = pipeline::now();
    let [source, destination] = [&event.source, &event.destination].map(|end| End {
        ip: end.ip,
        port: end.port,
        fqdn: end.fqdn.as_deref(),
        url: end.url.as_deref(),
        asn: end.asn,
    });
    let seen = Seen {
        time: event.time.unwrap_or(now),
        class: event.class,
        source,
        destination,
        transport: event.transport.as_deref(),
        malware: event.malware.as_deref(),
        identifier: event.identifier.as_deref(),
        md5: hash("md5"),
        sha1: hash("sha1"),
        sha256: hash("sha256"),
        confidence: event.confidence,
    };
    let terms = Terms::of(event.tlp.unwrap_or(Tlp::UNMARKED));
    let objects = seen::objects(&seen, &terms, None, &chance::uuid(), now.as_microsecond()).unwrap_or_default();
    objects.iter().filter_map(|object| serde_json::from_str(&object.write()).ok()).collect()
}

/// An event as the columns of the table `events`; `extra` is an object.
pub(crate) fn columns(event: &mut Event<'_>, feed: &str, at: Position) -> Map<String, Value> {
    let mut out = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            out.insert(name.to_owned(), value);
        }
    };
    put("time", event.time.map(|t| t.to_string().into()));
    put("feed", Some(feed.into()));
    put("row", Some(at.row.into()));
    for (side, end) in [("source", &event.source), ("destination", &event.destination)] {
        let Endpoint { ip, port, asn, as_name, country, network, fqdn, url, reverse_dns } = end;
        put(&format!("{side}_ip"), ip.map(|v| v.to_string().into()));
        put(&format!("{side}_port"), port.map(Value::from));
        put(&format!("{side}_asn"), asn.map(Value::from));
        put(&format!("{side}_as_name"), as_name.as_deref().map(Value::from));
        put(&format!("{side}_country"), country.map(|c| c.as_str().into()));
        put(&format!("{side}_network"), network.map(|v| v.to_string().into()));
        put(&format!("{side}_fqdn"), fqdn.as_deref().map(Value::from));
        put(&format!("{side}_url"), url.as_deref().map(Value::from));
        put(&format!("{side}_reverse_dns"), reverse_dns.as_deref().map(Value::from));
    }
    put("transport", event.transport.as_deref().map(Value::from));
    put("application", event.application.as_deref().map(Value::from));
    put("taxonomy", Some(event.class.taxonomy().into()));
    put("type", Some(event.class.type_().into()));
    put("identifier", event.identifier.as_deref().map(Value::from));
    put("malware", event.malware.as_deref().map(Value::from));
    put("product_vendor", event.product_vendor.as_deref().map(Value::from));
    put("product_name", event.product_name.as_deref().map(Value::from));
    put("product_version", event.product_version.as_deref().map(Value::from));
    put("severity", event.severity.map(|s| s.as_str().into()));
    put("confidence", event.confidence.map(Value::from));
    put("tlp", event.tlp.map(|t| t.label().into()));
    put("extra", serde_json::from_str(event.extra.finish()).ok());
    out
}

/// How the first rows of a file would be read with the first mapping that fits.
fn explain(path: &PathBuf, knowledge: &Knowledge, as_json: bool) -> Result<()> {
    const ROWS: usize = 3;
    let mut bytes = Vec::new();
    File::open(path).and_then(|f| f.take(64 << 10).read_to_end(&mut bytes)).with_context(|| path.display().to_string())?;
    let name = path.display().to_string();
    let head = Head { name: &name, bytes: &bytes, whole: false, media_type: None };
    let Some(mapping) = knowledge.mappings.first() else {
        return Err(WrongUsage("there is no mapping to explain".into()).into());
    };
    let explained = mapping_explain::explain(mapping, &head, ROWS).with_context(|| name.clone())?;
    if as_json {
        let rows: Vec<Value> = explained
            .iter()
            .map(|row| {
                let cells: Vec<Value> = row
                    .cells
                    .iter()
                    .map(|c| json!({"column": c.column, "value": c.value, "key": c.key, "read_as": c.read.as_ref().ok(), "error": c.read.as_ref().err()}))
                    .collect();
                json!({"row": row.row, "columns": cells, "events": row.events, "refused": row.refused})
            })
            .collect();
        return show::json(&Value::Array(rows));
    }
    for row in &explained {
        let outcome = row.refused.clone().unwrap_or_else(|| match row.events.len() {
            1 => "one event".into(),
            n => format!("{n} events"),
        });
        say(format!("row {}: {outcome}", row.row))?;
        let cells: Vec<Vec<String>> = row
            .cells
            .iter()
            .map(|c| {
                let key = if c.key.is_empty() { "(left out)".to_owned() } else { c.key.clone() };
                vec![c.column.clone(), c.value.clone(), key, c.read.clone().unwrap_or_else(|wrong| format!("! {wrong}"))]
            })
            .collect();
        say(table(&["column", "value", "key", "read as"], &cells, &[]))?;
    }
    Ok(())
}
