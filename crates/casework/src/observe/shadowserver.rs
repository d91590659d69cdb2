//! Shadowserver reports, every type: one row of CSV is one event.
//!
//! No type has code of its own. The header becomes a [`Plan`], once: what each column holds follows from its name
//! (`formats::shadowserver::column`), from the few columns that change the meaning of others, and from what the table
//! of types says; each row is then read by that plan. So a new type or a new column is read the day it appears,
//! and only counted as drift.
//!
//! What the columns change: a report with `dst_ip` or `dst_port` tells of a flow, so its web address is the one that was
//! reached; one with both `ip` and `src_ip` tells of `ip`, and `src_ip` is what passed it on; `family` names the malware
//! unless `infection` does.
//!
//! A row is rejected when its time cannot be read, or when an address cannot be read and nothing else in the row names a
//! host. Any other value that is not what its column holds stays in `extra` under the column's name, as IntelMQ does.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::Read;

use formats::csv::{Dialect, Record, Records};
use formats::rsit::Class;
use formats::shadowserver::{self as report, Kind, Type, Types};

use super::{Context, Drift, Head, Likelihood, Position, ReadError, Sink, Source};
use crate::model::event::{Event, Side};
use crate::model::extra::Extra;
use crate::model::field::{Field, Invalid};

/// Reads Shadowserver reports.
#[derive(Debug)]
pub struct Shadowserver;

impl Source for Shadowserver {
    fn name(&self) -> &'static str {
        "shadowserver"
    }

    fn about(&self) -> &'static str {
        "Shadowserver Foundation reports (CSV), every type"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let named = report::report_type(head.name);
        if head.bytes.is_empty() {
            return if named.is_some_and(|named| named.sure) { Likelihood::Certain } else { Likelihood::No };
        }
        let Some((_, columns)) = header(head) else { return Likelihood::No };
        let known = columns.iter().filter(|column| report::column(column).is_some()).count();
        let foreign = columns.len() - known;
        match named {
            Some(named) if named.sure || foreign <= known => Likelihood::Certain,
            // The name says nothing: a header that has nearly only columns of these reports does.
            _ if known >= 6 && foreign * 5 <= known => Likelihood::Likely,
            _ => Likelihood::No,
        }
    }

    fn feed(&self, head: &Head<'_>) -> Cow<'static, str> {
        match report::report_type(head.name) {
            Some(named) => Cow::Owned(format!("shadowserver-{}", named.name)),
            None => Cow::Borrowed("shadowserver"),
        }
    }

    fn read(&self, input: &mut dyn Read, context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        let name = report::report_type(context.head.name).map_or_else(|| "unnamed".to_owned(), |named| named.name);
        let newer = context.knowledge.shadowserver.as_ref().and_then(|types| types.find(&name));
        let type_ = newer.or_else(|| Types::built_in().find(&name));
        if type_.is_none() {
            sink.drift(Drift::UnknownType(name.clone()));
        }
        let dialect = header(&context.head).map_or_else(Dialect::default, |(dialect, _)| dialect);
        let mut records = Records::new(input, dialect);
        let plan = match records.next()? {
            None => return Ok(()),
            Some(first) => Plan::new(&column_names(&first), type_),
        };
        if !plan.has_time {
            return Err(ReadError::Malformed("the first line has no column \"timestamp\"".to_owned()));
        }
        for column in &plan.unknown {
            sink.drift(Drift::UnknownColumn { report: name.clone(), column: column.clone() });
        }
        let mut extra = Extra::default();
        while let Some(record) = records.next()? {
            let at = Position { row: record.row(), offset: record.offset() };
            let mut event = Event::reusing(std::mem::take(&mut extra));
            match plan.read(&record, &mut event) {
                Ok(()) => sink.event(at, &mut event)?,
                Err(reason) => sink.reject(at, reason)?,
            }
            extra = event.extra;
        }
        Ok(())
    }
}

/// The first line, when it is the header of such a report, and how the report separates its values. Shadowserver uses commas;
/// other delimiters come from spreadsheet programs.
fn header(head: &Head<'_>) -> Option<(Dialect, Vec<String>)> {
    [b',', b';', b'\t'].into_iter().find_map(|delimiter| {
        let dialect = Dialect { delimiter, ..Dialect::default() };
        let mut records = Records::new(head.bytes, dialect);
        let columns = column_names(&records.next().ok()??);
        (columns.len() > 1 && columns.iter().any(|column| column == "timestamp")).then_some((dialect, columns))
    })
}

fn column_names(record: &Record<'_>) -> Vec<String> {
    (0..record.len()).map(|at| String::from_utf8_lossy(record.bytes(at).unwrap_or_default()).trim().to_owned()).collect()
}

/// How to read the rows of one report.
#[derive(Debug)]
struct Plan {
    /// In the order in which they are to be taken: columns of events first, then what goes to `extra` by ascending key.
    steps: Vec<Step>,
    width: usize,
    class: Option<Class>,
    identifier: Option<String>,
    malware: Option<String>,
    application: Option<String>,
    transport: Option<String>,
    /// Columns to guess a class from when the type has none.
    tag: Option<usize>,
    infection: Option<usize>,
    amplification: Option<usize>,
    has_time: bool,
    unknown: Vec<String>,
}

#[derive(Debug)]
struct Step {
    column: usize,
    /// Name of the column.
    name: String,
    /// Key in `extra`.
    key: String,
    act: Act,
}

/// What is done with a value that is not empty.
#[derive(Clone, Copy, Debug)]
enum Act {
    Time,
    /// An address, or a network.
    Address(Side),
    Set(Field),
    Keep(Kind),
    /// The vulnerabilities that a tag names.
    Vulnerabilities,
}

impl Plan {
    fn new(columns: &[String], type_: Option<&Type>) -> Self {
        let place = |name: &str| columns.iter().position(|column| column == name);
        let mut plan = Self {
            steps: Vec::new(),
            width: columns.len(),
            class: type_.and_then(|t| t.class),
            identifier: type_.and_then(|t| t.identifier.clone()),
            malware: type_.and_then(|t| t.malware.clone()),
            application: type_.and_then(|t| t.application.clone()),
            transport: type_.and_then(|t| t.transport.clone()),
            tag: place("tag"),
            infection: place("infection"),
            amplification: place("amplification"),
            has_time: place("timestamp").is_some(),
            unknown: Vec::new(),
        };
        let layout = Layout {
            flow: place("dst_ip").or(place("dst_port")).is_some(),
            relayed: place("ip").is_some() && place("src_ip").is_some(),
            addressed: place("ip").or(place("src_ip")).is_some(),
            infection: plan.infection.is_some(),
            vulnerability: place("vulnerability_id").is_some(),
        };
        let mut seen = BTreeSet::new();
        for (at, name) in columns.iter().enumerate() {
            let known = report::column(name);
            if known.is_none() && !name.is_empty() {
                plan.unknown.push(name.chars().take(100).collect());
            }
            let exceptions = type_.map(|t| t.columns.as_slice()).unwrap_or_default();
            let kind = known.map_or(Kind::Raw, |column| column.kind);
            if name.is_empty() || !seen.insert(name) {
                // without a name of its own, kept under its number
                plan.add(at, name, &format!("column_{}", at + 1), Kind::Raw);
            } else if exceptions.iter().any(|(column, _)| column == name) {
                for (_, key) in exceptions.iter().filter(|(column, _)| column == name) {
                    plan.add(at, name, key, kind);
                }
            } else {
                let key = known.and_then(|column| column.key).unwrap_or(name);
                let (key, kind) = layout.resolve(name, key, kind);
                plan.add(at, name, &key, kind);
            }
            if kind == Kind::Tag && !layout.vulnerability {
                plan.step(at, name, "product.vulnerabilities", Act::Vulnerabilities);
            }
        }
        if plan.identifier.is_none() {
            // The type leaves open what exactly it is: the infection says it, of password guessing the service.
            let brute_force = plan.class == Some(Class::known("brute-force"));
            let telling = if brute_force { "application" } else { "infection" };
            if let Some(at) = place(telling) {
                plan.step(at, telling, telling, Act::Set(Field::Identifier));
            }
        }
        plan.steps.sort_by(|a, b| {
            a.in_extra().cmp(&b.in_extra()).then_with(|| if a.in_extra() { a.key.cmp(&b.key) } else { a.column.cmp(&b.column) })
        });
        plan
    }

    fn add(&mut self, column: usize, name: &str, key: &str, kind: Kind) {
        let act = match Field::from_key(key) {
            Some(Field::Time) => Act::Time,
            Some(Field::Ip(side)) => Act::Address(side),
            Some(field) => Act::Set(field),
            None => Act::Keep(kind),
        };
        self.step(column, name, key, act);
    }

    fn step(&mut self, column: usize, name: &str, key: &str, act: Act) {
        let key = key.strip_prefix("extra.").unwrap_or(key);
        self.steps.push(Step { column, name: name.to_owned(), key: key.to_owned(), act });
    }

    /// Fills `event` from a row, or says why the row is none.
    fn read<'a>(&'a self, record: &Record<'a>, event: &mut Event<'a>) -> Result<(), String> {
        if let Some(problem) = record.problem() {
            return Err(problem.to_string());
        }
        // Shadowserver leaves out the last delimiter when the last column is empty; any other difference means a damaged row.
        if record.len() != self.width && record.len() + 1 != self.width {
            return Err(format!("{} values where the header has {} columns", record.len(), self.width));
        }
        let mut bad_address = None;
        for step in &self.steps {
            let text = record.text(step.column).map_err(|_| format!("{}: not UTF-8", step.name))?;
            if text.is_empty() || step.is_silent(text) {
                continue;
            }
            if let Err(invalid) = step.act.take(step, text, event) {
                match step.act {
                    Act::Time => return Err(step.complaint(&invalid)),
                    Act::Address(_) if bad_address.is_none() => bad_address = Some(step.complaint(&invalid)),
                    _ => {}
                }
                event.extra.str(&step.name, text);
            }
        }
        if event.time.is_none() {
            return Err("timestamp: no value".to_owned());
        }
        if let Some(complaint) = bad_address {
            if record.len() != self.width {
                // A stray quote has joined two fields: the last delimiter was not left out, all others have moved.
                return Err(format!("{} values where the header has {} columns, and {complaint}", record.len(), self.width));
            }
            if !names_a_host(event) {
                return Err(complaint);
            }
        }
        self.complete(record, event);
        Ok(())
    }

    /// What the type says where the row did not.
    fn complete<'a>(&'a self, record: &Record<'a>, event: &mut Event<'a>) {
        fn or<'a>(value: &mut Option<Cow<'a, str>>, default: &'a Option<String>) {
            if value.is_none() {
                *value = default.as_deref().map(Cow::Borrowed);
            }
        }
        or(&mut event.application, &self.application);
        or(&mut event.transport, &self.transport);
        or(&mut event.malware, &self.malware);
        if self.identifier.is_some() {
            event.identifier = self.identifier.as_deref().map(Cow::Borrowed);
        }
        match self.class {
            Some(class) => event.class = class,
            None => self.classify(record, event),
        }
    }

    /// The class of a row whose type has none, from its values.
    fn classify<'a>(&self, record: &Record<'a>, event: &mut Event<'a>) {
        let value = |column: Option<usize>| column.and_then(|at| record.text(at).ok()).unwrap_or_default();
        let (tag, infection) = (value(self.tag), value(self.infection));
        let application = event.application.clone().unwrap_or_default();
        let server = |before: &str, after: &str| -> Option<Cow<'a, str>> {
            (!application.is_empty()).then(|| Cow::Owned(format!("{before}{application}-server{after}")))
        };
        let (class, identifier) = if report::tag_words(tag).any(|word| word.eq_ignore_ascii_case("webshell")) {
            (Class::known("system-compromise"), server("", "-webshell"))
        } else if report::vulnerabilities(tag).is_some() {
            (Class::known("vulnerable-system"), server("vulnerable-", ""))
        } else if !infection.is_empty() {
            let says = |word: &str| infection.to_ascii_lowercase().contains(word);
            let type_ = match () {
                () if says("brute") => "brute-force",
                () if says("scan") => "scanner",
                () if says("ddos") => "ddos",
                () => "infected-system",
            };
            (Class::of(type_).unwrap_or_default(), None)
        } else if !value(self.amplification).is_empty() {
            (Class::known("ddos-amplifier"), None)
        } else {
            (Class::UNDETERMINED, None)
        };
        event.class = class;
        if event.identifier.is_none() {
            event.identifier = identifier;
        }
    }
}

impl Step {
    fn in_extra(&self) -> bool {
        matches!(self.act, Act::Keep(_) | Act::Vulnerabilities)
    }

    /// These reports say `0` or `unknown` where they do not know; a number may be zero.
    fn is_silent(&self, text: &str) -> bool {
        match self.act {
            Act::Keep(Kind::Text | Kind::Tag) | Act::Set(_) => text == "0" || text == "unknown",
            Act::Keep(Kind::Count) => text == "0",
            _ => false,
        }
    }

    fn complaint(&self, invalid: &Invalid) -> String {
        format!("{}: {:?} is not {}", self.name, invalid.value, invalid.expected)
    }
}

impl Act {
    fn take<'a>(self, step: &Step, text: &'a str, event: &mut Event<'a>) -> Result<(), Invalid> {
        match self {
            Self::Time => event.set(Field::Time, text)?,
            Self::Address(side) if text.contains('/') => event.set(Field::Network(side), text)?,
            Self::Address(side) => event.set(Field::Ip(side), text)?,
            Self::Set(field) => event.set(field, text)?,
            Self::Keep(kind) => keep(&mut event.extra, &step.key, kind, text),
            Self::Vulnerabilities => {
                if let Some(found) = report::vulnerabilities(text) {
                    event.extra.str(&step.key, &found);
                }
            }
        }
        Ok(())
    }
}

/// Keeps a value as what its column holds, as text when it is not that.
fn keep(extra: &mut Extra, key: &str, kind: Kind, text: &str) {
    match kind {
        Kind::Text | Kind::Tag | Kind::Raw => extra.str(key, text),
        Kind::Int | Kind::Count => match text.trim().parse() {
            Ok(number) => extra.int(key, number),
            Err(_) => extra.str(key, text),
        },
        Kind::Float => match text.trim().parse() {
            Ok(number) => extra.float(key, number),
            Err(_) => extra.str(key, text),
        },
        Kind::Bool => match report::truth(text.trim()) {
            Some(truth) => extra.bool(key, truth),
            None => extra.str(key, text),
        },
        Kind::Time => match formats::time::read(text) {
            Some(moment) => {
                let layout = if moment.at.subsec_nanosecond() == 0 { "%Y-%m-%dT%H:%M:%S+00:00" } else { "%Y-%m-%dT%H:%M:%S.%6f+00:00" };
                extra.str(key, &moment.at.strftime(layout).to_string());
            }
            None => extra.str(key, text),
        },
        Kind::Base64 => extra.str(key, &report::as_base64(text)),
    }
}

/// What the columns of a report say about one another.
#[derive(Clone, Copy, Debug)]
struct Layout {
    /// There is a destination.
    flow: bool,
    /// `src_…` is who passed on what came from `ip`.
    relayed: bool,
    /// `ip` or `src_ip` is there.
    addressed: bool,
    /// The malware is in `infection`.
    infection: bool,
    /// Vulnerabilities have a column of their own.
    vulnerability: bool,
}

impl Layout {
    /// The key of a column in such a report, and how its value is read.
    fn resolve<'k>(self, name: &'k str, key: &'k str, kind: Kind) -> (Cow<'k, str>, Kind) {
        if let Some(rest) = key.strip_prefix("end.") {
            let side = if self.flow { Side::Destination } else { Side::Source };
            return (Cow::Owned(format!("{}.{rest}", side.as_str())), kind);
        }
        if self.relayed && name.starts_with("src_") {
            let kind = if matches!(name, "src_asn" | "src_port") { Kind::Count } else { kind };
            return (Cow::Owned(key.replacen("source.", "relay.", 1)), kind);
        }
        let key = match key {
            "application" if !self.flow => "protocol.application",
            "malware.family" if self.infection => "family",
            "malware.family" => "malware.name",
            _ if name == "http_referer_ip" && self.addressed => name,
            _ => key,
        };
        (Cow::Borrowed(key), kind)
    }
}

fn names_a_host(event: &Event<'_>) -> bool {
    [&event.source, &event.destination]
        .into_iter()
        .any(|end| end.ip.is_some() || end.network.is_some() || end.fqdn.is_some() || end.reverse_dns.is_some() || end.url.is_some())
}
