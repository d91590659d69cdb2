//! Which events are a party's own, and what of them may it know?
//!
//! Three things in this order. The door ([`store::door`]) lets through what policy lets the party know, with what is redacted empty, so that
//! no filter, sort or count can tell of the rest. The question asks for what the party's claims could cover. And the directory says of
//! each row whether the party really is who answers for it: a more specific claim of somebody else takes a host away.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use casework::act::problem::Problem;
use casework::enrich::responsible::{Asked, Directory, PartyNumber};
use casework::model::agreement::{Channel, Purpose};
use casework::model::event::Country;
use casework::model::party::{Claim, Party, PartyId, PartyKind};
use casework::share::Affected;
use datafusion::arrow::array::{Array as _, AsArray as _, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use formats::rsit::Class;
use formats::value::{self, Network};
use futures::StreamExt as _;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::api::Server;
use crate::api::standing::{Sight, Standing};
use crate::console::asking::Asking;
use crate::console::visit::Fault;
use crate::receive::registry_in;

/// Why an event is a party's: as what it answers for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum As {
    /// It runs the network or holds the domain.
    Operator,
    /// It makes the product.
    Maker,
    /// Nobody nearer is known.
    National,
}

impl As {
    pub(crate) const ALL: [Self; 3] = [Self::Operator, Self::Maker, Self::National];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Maker => "maker",
            Self::National => "national",
        }
    }

    /// What policy is told: a notice asks the same.
    fn affected(self) -> Affected {
        match self {
            Self::Operator => Affected::Yes,
            Self::Maker => Affected::Perhaps,
            Self::National => Affected::No,
        }
    }
}

/// Keeps the directory of who is responsible until parties or registries change, and for a minute at most.
#[derive(Debug, Default)]
pub(crate) struct Responsibles(Mutex<Option<(i64, i64, Arc<Directory>)>>);

impl Responsibles {
    pub(crate) async fn now(&self, server: &Server, standing: &Standing, now: Timestamp) -> Result<Arc<Directory>> {
        let change = server.register.policy_change().await?;
        let minute = now.as_second() / 60;
        let mut kept = self.0.lock().await;
        if let Some((known, then, directory)) = kept.as_ref()
            && (*known, *then) == (change, minute)
        {
            return Ok(Arc::clone(directory));
        }
        let registries = registry_in::registries(&server.home, &server.register).await?;
        let parties = standing.parties.clone();
        let directory = tokio::task::spawn_blocking(move || Directory::new(parties, registries, now)).await?;
        let directory = Arc::new(directory);
        *kept = Some((change, minute, Arc::clone(&directory)));
        Ok(directory)
    }
}

/// What is asked of one's own events.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) since: Timestamp,
    pub(crate) until: Option<Timestamp>,
    pub(crate) problem: Option<Problem>,
    pub(crate) value: Option<Value>,
    pub(crate) sort: Sort,
    /// The key of the last row of the page before, and how many rows with that key were shown.
    pub(crate) after: Option<(String, usize)>,
}

/// What somebody looks for among them.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Address(IpAddr),
    Network(Network),
    Asn(u32),
    Words(String),
}

impl Value {
    pub(crate) fn read(text: &str) -> Self {
        let text = text.trim();
        if let Some(ip) = value::ip(text) {
            return Self::Address(ip);
        }
        if let Some(network) = value::network(text).filter(|_| text.contains('/')) {
            return Self::Network(network);
        }
        let number = text.strip_prefix("AS").or(text.strip_prefix("as"));
        if let Some(asn) = number.and_then(|digits| digits.parse().ok()) {
            return Self::Asn(asn);
        }
        Self::Words(text.chars().take(200).collect())
    }
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Sort {
    #[default]
    Newest,
    Address,
    Type,
}

impl Sort {
    pub(crate) const ALL: [Self; 3] = [Self::Newest, Self::Address, Self::Type];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Address => "address",
            Self::Type => "type",
        }
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.as_str() == text)
    }

    /// The key of a row in this order.
    fn key(self, event: &Event) -> String {
        match self {
            Self::Newest => event.time.to_string(),
            Self::Address => event.source_ip.clone().unwrap_or_default(),
            Self::Type => event.kind.clone().unwrap_or_default(),
        }
    }

    fn order(self) -> &'static str {
        match self {
            Self::Newest => "time DESC",
            Self::Address => "coalesce(source_ip, '') ASC, time DESC",
            Self::Type => "coalesce(type, '') ASC, time DESC",
        }
    }

    fn from(self, key: &str) -> Option<String> {
        Some(match self {
            Self::Newest => format!("time <= {}", stamp(key.parse().ok()?)?),
            Self::Address => format!("coalesce(source_ip, '') >= {}", quoted(key)),
            Self::Type => format!("coalesce(type, '') >= {}", quoted(key)),
        })
    }
}

/// One event as the party may see it. What is hidden is not there.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Event {
    /// Microseconds since 1970, UTC.
    pub(crate) time: i64,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    #[serde(flatten)]
    pub(crate) texts: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source_port: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source_asn: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) destination_port: Option<i64>,
    /// Under which terms the party holds it.
    pub(crate) handling: String,
    /// The number of our terms, for the log; it is told to nobody.
    #[serde(skip)]
    pub(crate) terms: i64,
}

impl Event {
    pub(crate) fn text(&self, column: &str) -> Option<&str> {
        self.texts.get(column).map(String::as_str)
    }

    pub(crate) fn problem(&self) -> Option<Problem> {
        Problem::of(self.kind.as_deref().and_then(Class::of).unwrap_or_default())
    }

    /// What is affected, as a person names it.
    pub(crate) fn subject(&self) -> &str {
        self.source_ip.as_deref().or(self.text("source_fqdn")).or(self.text("source_url")).unwrap_or("–")
    }

    /// What it is, in a word or two.
    pub(crate) fn what(&self) -> &str {
        self.text("malware").or(self.text("identifier")).or(self.kind.as_deref()).unwrap_or("–")
    }
}

/// A page of them.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) events: Vec<Event>,
    pub(crate) next: Option<String>,
}

/// How many of what.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Sums {
    pub(crate) events: u64,
    pub(crate) hosts: u64,
    pub(crate) by_problem: BTreeMap<String, u64>,
    /// By day of UTC.
    pub(crate) by_day: BTreeMap<String, u64>,
    #[serde(skip)]
    pub(crate) terms: BTreeSet<i64>,
}

/// One party's eyes.
#[derive(Debug)]
pub(crate) struct Mine<'s> {
    server: &'s Server,
    party: &'s Party,
    standing: Arc<Standing>,
    directory: Arc<Directory>,
    number: PartyNumber,
    way: As,
    sight: Sight,
}

/// Texts that are told beside the columns of their own.
const TEXTS: [&str; 18] = [
    "source_fqdn",
    "source_url",
    "source_reverse_dns",
    "source_country",
    "destination_ip",
    "destination_fqdn",
    "transport",
    "application",
    "taxonomy",
    "identifier",
    "malware",
    "product_vendor",
    "product_name",
    "product_version",
    "severity",
    "feed",
    "type",
    "source_ip",
];
const TYPE: usize = 16;
const IP: usize = 17;
const BY_TABLE: usize = 18;
const NUMBERS: [&str; 6] = ["time", "terms", "source_port", "source_asn", "destination_port", "source_asn_by_table"];

/// More claims than these are not written into the question: the directory looks at each row.
const CLAIMS: usize = 300;

impl<'s> Mine<'s> {
    /// `None`: the party does not answer for anything in this way.
    pub(crate) async fn open(
        server: &'s Server,
        standing: &Arc<Standing>,
        party: &'s Party,
        way: As,
        now: Timestamp,
    ) -> Result<Option<Self>> {
        if !ways(party, now).contains(&way) {
            return Ok(None);
        }
        let directory = server.responsible.now(server, standing, now).await?;
        let Some(number) = directory.find(&party.id) else { return Ok(None) };
        let sight = standing.sight(&party.id, way.affected(), Purpose::Notify, Channel::Portal, now);
        Ok(Some(Self { server, party, standing: Arc::clone(standing), directory, number, way, sight }))
    }

    pub(crate) fn sight(&self) -> &Sight {
        &self.sight
    }

    async fn questions(&self) -> Result<Asking, Fault> {
        self.server.asking_outside(self.sight.door()).await
    }

    /// What the claims could cover.
    fn covers(&self, now: Timestamp) -> String {
        let mut any = Vec::new();
        for part in self.party.constituency.iter().filter(|part| part.validity.holds(now)) {
            match (&part.claim, self.way) {
                (Claim::Network(network), As::Operator) => any.push(format!("in_network(source_ip, {})", quoted(&network.to_string()))),
                (Claim::Asn(asn), As::Operator) => any.push(format!("source_asn = {asn} OR source_asn_by_table = {asn}")),
                (Claim::Domain(name), As::Operator) => {
                    let (exact, below, within) = (quoted(name), quoted(&format!("%.{}", like(name))), quoted(&format!("%{}%", like(name))));
                    any.push(format!(
                        "source_fqdn = {exact} OR source_fqdn LIKE {below} ESCAPE '\\' OR source_url LIKE {within} ESCAPE '\\'"
                    ));
                }
                (Claim::Product(_), As::Maker) => any.push("product_vendor IS NOT NULL".to_owned()),
                (Claim::Country(country), As::National) => {
                    let country = quoted(country.as_str());
                    any.push(format!("source_country = {country} OR source_country_by_table = {country}"));
                }
                _ => {}
            }
        }
        any.sort_unstable();
        any.dedup();
        if any.len() > CLAIMS { "true".to_owned() } else { format!("({})", any.join(" OR ")) }
    }

    fn conditions(&self, wish: &Wish, now: Timestamp) -> Option<Vec<String>> {
        let mut all = vec![format!("time >= {}", stamp(wish.since.as_microsecond())?), self.covers(now)];
        if let Some(until) = wish.until {
            all.push(format!("time < {}", stamp(until.as_microsecond())?));
        }
        if let Some(problem) = wish.problem {
            let types: Vec<String> =
                Class::all().filter(|class| Problem::of(*class) == Some(problem)).map(|class| quoted(class.type_())).collect();
            let unknown = if Problem::of(Class::default()) == Some(problem) { " OR type IS NULL" } else { "" };
            all.push(format!("(type IN ({}){unknown})", types.join(", ")));
        }
        match &wish.value {
            Some(Value::Address(ip)) => all.push(format!("source_ip = {}", quoted(&ip.to_string()))),
            Some(Value::Network(network)) => all.push(format!("in_network(source_ip, {})", quoted(&network.to_string()))),
            Some(Value::Asn(asn)) => all.push(format!("(source_asn = {asn} OR source_asn_by_table = {asn})")),
            Some(Value::Words(words)) => {
                let sought = quoted(&format!("%{}%", like(&words.to_lowercase())));
                let columns =
                    ["source_fqdn", "source_reverse_dns", "source_url", "malware", "identifier", "type", "product_vendor", "product_name"];
                let any: Vec<String> = columns.iter().map(|column| format!("lower({column}) LIKE {sought} ESCAPE '\\'")).collect();
                all.push(format!("({})", any.join(" OR ")));
            }
            None => {}
        }
        Some(all)
    }

    /// A page of events, or as many as are asked for at once.
    pub(crate) async fn page(&self, wish: &Wish, most: usize, now: Timestamp) -> Result<Page, Fault> {
        let nothing = Page { events: Vec::new(), next: None };
        let Some(mut conditions) = self.conditions(wish, now) else { return Ok(nothing) };
        let mut skip = 0;
        if let Some((key, shown)) = &wish.after {
            let Some(from) = wish.sort.from(key) else { return Ok(nothing) };
            conditions.push(from);
            skip = *shown;
        }
        let texts = TEXTS.map(|name| format!("events.{name}")).join(", ");
        let select = format!(
            "SELECT CAST(events.time AS BIGINT) AS time, terms, source_port, source_asn, source_asn_by_table, destination_port, \
             source_country_by_table, {texts} FROM events WHERE {} ORDER BY {}, coalesce(source_ip, ''), source_port, type, identifier, malware, \
             destination_ip, destination_port, source_fqdn, source_url, terms",
            conditions.join(" AND "),
            wish.sort.order(),
        );
        let questions = self.questions().await?;
        // Rows that are somebody else's after all are rare: first so many as probably do, then more.
        let mut limit = (most + skip + 1).saturating_mul(2).max(200);
        loop {
            let batches = questions.sql(&format!("{select} LIMIT {limit}")).await?.collect().await?;
            let read: usize = batches.iter().map(RecordBatch::num_rows).sum();
            let mut events = Vec::new();
            'rows: for batch in &batches {
                let table = Table::of(batch)?;
                for at in 0..table.rows {
                    if self.is_mine(&table, at) {
                        events.push(self.event(&table, at));
                        if events.len() > skip + most {
                            break 'rows;
                        }
                    }
                }
            }
            if events.len() > skip + most || read < limit {
                let before = events.split_off(skip.min(events.len()));
                let (mut events, skipped) = (before, events);
                let more = events.len() > most;
                events.truncate(most);
                let next = events.last().filter(|_| more).map(|last| {
                    let key = wish.sort.key(last);
                    let same = events.iter().rev().take_while(|event| wish.sort.key(event) == key).count();
                    // When all of them have that key, so had those before.
                    let before =
                        if same == events.len() { skipped.iter().rev().take_while(|event| wish.sort.key(event) == key).count() } else { 0 };
                    format!("{}~{key}", same + before)
                });
                return Ok(Page { events, next });
            }
            limit = limit.saturating_mul(8);
        }
    }

    /// How many of what; of all that the filter lets through.
    pub(crate) async fn sums(&self, wish: &Wish, now: Timestamp) -> Result<Sums, Fault> {
        let Some(conditions) = self.conditions(wish, now) else { return Ok(Sums::default()) };
        let texts = TEXTS.map(|name| if NEEDED.contains(&name) { format!("events.{name}") } else { format!("NULL AS {name}") }).join(", ");
        let select = format!(
            "SELECT CAST(events.time AS BIGINT) AS time, terms, NULL AS source_port, source_asn, source_asn_by_table, NULL AS destination_port, \
             source_country_by_table, {texts} FROM events WHERE {}",
            conditions.join(" AND ")
        );
        let questions = self.questions().await?;
        let mut rows = questions.sql(&select).await?.execute_stream().await?;
        let mut sums = Sums::default();
        let (mut hosts, mut days): (HashSet<String>, BTreeMap<i64, u64>) = Default::default();
        let mut problems = [0_u64; Problem::ALL.len()];
        while let Some(batch) = rows.next().await {
            let table = Table::of(&batch?)?;
            for at in (0..table.rows).filter(|at| self.is_mine(&table, *at)) {
                sums.events += 1;
                *days.entry(table.number(0, at).unwrap_or_default().div_euclid(86_400_000_000)).or_default() += 1;
                let class = table.text(TYPE, at).and_then(Class::of).unwrap_or_default();
                if let Some(problem) = Problem::of(class) {
                    problems[problem as usize] += 1;
                }
                sums.terms.insert(table.number(1, at).unwrap_or_default());
                if let Some(host) = table.text(IP, at).or(table.text(0, at)).or(table.text(1, at))
                    && !hosts.contains(host)
                {
                    hosts.insert(host.to_owned());
                }
            }
        }
        sums.hosts = hosts.len() as u64;
        sums.by_problem = Problem::ALL
            .iter()
            .zip(problems)
            .filter(|(_, count)| *count > 0)
            .map(|(problem, count)| (problem.as_str().to_owned(), count))
            .collect();
        sums.by_day = days.into_iter().filter_map(|(day, count)| Some((day_of(day)?, count))).collect();
        Ok(sums)
    }

    /// The party answers for this row in this way, as far as what it may see of the row tells.
    fn is_mine(&self, table: &Table, at: usize) -> bool {
        let text = |column| table.text(column, at);
        let ip: Option<IpAddr> = text(IP).and_then(|ip| ip.parse().ok());
        let number = |column| table.number(column, at).and_then(|asn| u32::try_from(asn).ok());
        let country = |column| text(column).and_then(value::country).map(Country);
        let asked = Asked {
            ip,
            asn: number(5).or(number(3)),
            host: text(0).or_else(|| text(1).and_then(value::host_of)),
            country: country(BY_TABLE).or(country(3)),
            vendor: text(11),
            product: text(12),
        };
        // Tests are nobody's problem, as in notices.
        if Problem::of(text(TYPE).and_then(Class::of).unwrap_or_default()).is_none() {
            return false;
        }
        let found = self.directory.responsible(&asked);
        let me = Some(self.number);
        let operates = found.provider == me || found.domain_holder == me;
        match self.way {
            As::Operator => operates,
            As::Maker => found.maker == me && !operates,
            // Where the host is hidden nobody can say that no one nearer is known.
            As::National => {
                found.national == me
                    && found.provider.is_none()
                    && found.domain_holder.is_none()
                    && (asked.ip.is_some() || asked.host.is_some())
            }
        }
    }

    fn event(&self, table: &Table, at: usize) -> Event {
        let terms = table.number(1, at).unwrap_or_default();
        let texts =
            TEXTS[..TYPE].iter().enumerate().filter_map(|(column, name)| Some(((*name).to_owned(), table.text(column, at)?.to_owned())));
        Event {
            time: table.number(0, at).unwrap_or_default(),
            kind: table.text(TYPE, at).map(str::to_owned),
            source_ip: table.text(IP, at).map(str::to_owned),
            texts: texts.collect(),
            source_port: table.number(2, at),
            source_asn: table.number(5, at).or(table.number(3, at)),
            destination_port: table.number(4, at),
            handling: self.standing.given_under(terms, &self.party.id),
            terms,
        }
    }
}

/// What says whose it is, and of what kind.
const NEEDED: [&str; 7] = ["source_fqdn", "source_url", "source_country", "product_vendor", "product_name", "type", "source_ip"];

/// In which ways a party answers for anything at all.
pub(crate) fn ways(party: &Party, now: Timestamp) -> Vec<As> {
    let holds = |test: fn(&Claim) -> bool| party.constituency.iter().any(|part| part.validity.holds(now) && test(&part.claim));
    let mut ways = Vec::new();
    if holds(|claim| matches!(claim, Claim::Network(_) | Claim::Asn(_) | Claim::Domain(_))) {
        ways.push(As::Operator);
    }
    if holds(|claim| matches!(claim, Claim::Product(_))) {
        ways.push(As::Maker);
    }
    if party.kind == PartyKind::NationalCsirt && holds(|claim| matches!(claim, Claim::Country(_))) {
        ways.push(As::National);
    }
    ways
}

/// `1~key` as [`Mine::page`] gives it.
pub(crate) fn cursor(text: &str) -> Option<(String, usize)> {
    let (shown, key) = text.split_once('~')?;
    Some((key.to_owned(), shown.parse().ok().filter(|shown| *shown < 1_000_000)?))
}

/// A text in SQL.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A text in a pattern of `LIKE`.
fn like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

fn stamp(micros: i64) -> Option<String> {
    let at = Timestamp::from_microsecond(micros).ok()?;
    Some(format!("timestamp '{}'", at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")))
}

/// The name of a day of UTC counted from 1970.
fn day_of(day: i64) -> Option<String> {
    let at = Timestamp::from_second(day.checked_mul(86_400)?).ok()?;
    Some(TimeZone::UTC.to_datetime(at).date().to_string())
}

/// An answer of the engine, by the places of [`TEXTS`] and [`NUMBERS`].
struct Table {
    rows: usize,
    texts: Vec<StringArray>,
    numbers: Vec<Int64Array>,
}

impl Table {
    fn of(batch: &RecordBatch) -> Result<Self> {
        let column = |name: &str, kind: &DataType| -> Result<_> {
            Ok(cast(batch.column_by_name(name).with_context(|| format!("no column {name}"))?, kind)?)
        };
        let names = TEXTS.into_iter().chain(["source_country_by_table"]);
        let texts = names.map(|name| Ok(column(name, &DataType::Utf8)?.as_string::<i32>().clone())).collect::<Result<_>>()?;
        let numbers =
            NUMBERS.iter().map(|name| Ok(column(name, &DataType::Int64)?.as_primitive::<Int64Type>().clone())).collect::<Result<_>>()?;
        Ok(Self { rows: batch.num_rows(), texts, numbers })
    }

    fn text(&self, column: usize, row: usize) -> Option<&str> {
        self.texts.get(column).filter(|texts| !texts.is_null(row)).map(|texts| texts.value(row))
    }

    fn number(&self, column: usize, row: usize) -> Option<i64> {
        self.numbers.get(column).filter(|numbers| !numbers.is_null(row)).map(|numbers| numbers.value(row))
    }
}

/// Who of all answers for an event that is ours to see, and is therefore affected by it.
pub(crate) fn affected_by(directory: &Directory, asked: &Asked<'_>) -> BTreeSet<PartyId> {
    let found = directory.responsible(asked);
    [found.provider, found.domain_holder].into_iter().flatten().map(|number| directory.id(number)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_types_is_never_sql() {
        assert_eq!(quoted("o'; DROP"), "'o''; DROP'");
        assert_eq!(like("50%_\\"), "50\\%\\_\\\\");
        assert_eq!(cursor("3~1780000000000000"), Some(("1780000000000000".into(), 3)));
        assert_eq!(cursor("x~1"), None);
        assert_eq!(Sort::Newest.from("1; DROP TABLE"), None);
        assert_eq!(Sort::Address.from("a'b").unwrap(), "coalesce(source_ip, '') >= 'a''b'");
    }

    #[test]
    fn a_word_is_read_as_what_it_is() {
        assert!(matches!(Value::read("192.0.2.1"), Value::Address(_)));
        assert!(matches!(Value::read("192.0.2.0/24"), Value::Network(_)));
        assert!(matches!(Value::read("AS64500"), Value::Asn(64_500)));
        assert!(matches!(Value::read("mirai"), Value::Words(_)));
    }
}
