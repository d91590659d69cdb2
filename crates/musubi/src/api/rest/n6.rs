//! `/report/inside.json`, `.csv` and `.sjson`: events of the caller's own networks, in the words of the REST API of n6 (CERT Polska), so that
//! its users change an address and nothing else.
//!
//! Inside is what the caller answers for, as notices would be addressed: not what anybody claims, but what the directory of who is
//! responsible says. Policy is asked behind the door, as for every other answer to an outside party.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use casework::act::attachment::cell;
use casework::enrich::responsible::{Asked as AskedWho, Directory, PartyNumber};
use casework::model::agreement::Purpose;
use casework::model::event::Country;
use casework::model::party::{Claim, Party};
use casework::model::rights::Right;
use casework::model::terms::Tlp;
use casework::share::Affected;
use formats::value;
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::answer::Sent;
use super::events::Eyes;
use super::filter::{below, like};
use super::{Asked, Operation};
use crate::api::Server;
use crate::cli::events::equals;
use crate::cli::lookup::objects;
use crate::console::visit::{Answer, Fault, Visit, Who};
use crate::receive::registry_in;

/// Without `time.min` n6 looks back a week.
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Events of one answer, at most.
const MOST: i64 = 50_000;
/// More claims than these are held against each event instead of standing in the question.
const CLAIMS: usize = 200;

const PARAMETERS: [&str; 26] = [
    "time.min",
    "time.max",
    "time.until",
    "modified.min",
    "modified.max",
    "modified.until",
    "opt.limit",
    "opt.primary",
    "asn",
    "cc",
    "category",
    "confidence",
    "dip",
    "dport",
    "fqdn",
    "fqdn.sub",
    "id",
    "ip",
    "ip.net",
    "name",
    "proto",
    "restriction",
    "source",
    "sport",
    "url",
    "url.sub",
];

pub(super) fn operations() -> Vec<Operation> {
    let one = |id, path, handler: fn(Visit, HeaderMap) -> _, about, media| {
        let operation = Operation::get(id, path, Right::AskApi, handler, about)
            .time("time.min", "Seen at or after; a week ago when left out")
            .time("time.max", "Seen at or before")
            .time("time.until", "Seen before")
            .time("modified.min", "Came to us at or after")
            .time("modified.max", "Came to us at or before")
            .time("modified.until", "Came to us before")
            .number("opt.limit", "At most so many", 1, MOST)
            .flag("opt.primary", "Of n6; nothing changes here")
            .text("category", "Categories of n6, separated by commas");
        let texts = [
            ("asn", "AS numbers"),
            ("cc", "Countries, two letters"),
            ("confidence", "low, medium, high"),
            ("dip", "Destination addresses"),
            ("dport", "Destination ports"),
            ("fqdn", "Domains"),
            ("fqdn.sub", "Parts of domains"),
            ("id", "Identities"),
            ("ip", "Addresses"),
            ("ip.net", "Networks"),
            ("name", "Names of threats"),
            ("proto", "tcp, udp, icmp"),
            ("restriction", "public, need-to-know, internal"),
            ("source", "Feeds"),
            ("sport", "Source ports"),
            ("url", "URLs"),
            ("url.sub", "Parts of URLs"),
        ];
        let operation = texts.into_iter().fold(operation, |operation, (name, about)| operation.text(name, about));
        let operation = match media {
            "application/json" => operation.gives::<Inside>(200, "Events, the newest first"),
            media => operation.answers(200, "Events, the newest first", Some(media)),
        };
        operation.group("n6").exporting()
    };
    vec![
        one(
            "reportInsideJson",
            "/report/inside.json",
            |visit, headers| Box::pin(answer(visit, headers, Form::Json)) as Boxed,
            "Own events, as n6 tells them",
            "application/json",
        ),
        one(
            "reportInsideCsv",
            "/report/inside.csv",
            |visit, headers| Box::pin(answer(visit, headers, Form::Csv)) as Boxed,
            "The same as CSV",
            "text/csv",
        ),
        one(
            "reportInsideLines",
            "/report/inside.sjson",
            |visit, headers| Box::pin(answer(visit, headers, Form::Lines)) as Boxed,
            "The same, one event a line",
            "application/x-ndjson",
        ),
    ]
}

type Boxed = std::pin::Pin<Box<dyn Future<Output = Answer> + Send>>;

/// A list of events of n6.
#[derive(Debug)]
struct Inside;

impl utoipa::PartialSchema for Inside {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::schema::ArrayBuilder;
        ArrayBuilder::new().items(<N6Event as utoipa::PartialSchema>::schema()).into()
    }
}

impl ToSchema for Inside {
    fn name() -> std::borrow::Cow<'static, str> {
        "N6Events".into()
    }
}

/// An event as n6 tells it.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(super) struct N6Event {
    id: String,
    source: String,
    restriction: &'static str,
    confidence: &'static str,
    category: &'static str,
    time: String,
    modified: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    address: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sport: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dport: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fqdn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proto: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    md5: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha1: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    Json,
    Lines,
    Csv,
}

/// Categories of n6 and the types of RSIT that they tell of; the reverse of how n6 is read here.
const CATEGORIES: &[(&str, &[&str])] = &[
    ("amplifier", &["ddos-amplifier"]),
    ("bots", &["infected-system"]),
    ("backdoor", &["system-compromise", "application-compromise", "privileged-account-compromise", "unprivileged-account-compromise"]),
    ("cnc", &["c2-server"]),
    ("deface", &["unauthorised-information-modification"]),
    ("dos-victim", &["ddos", "dos"]),
    ("exposed", &["potentially-unwanted-accessible"]),
    ("fraud", &["unauthorised-use-of-resources"]),
    ("leak", &["data-leak", "data-loss", "information-disclosure"]),
    ("malurl", &["malware-distribution"]),
    ("malware-action", &["malware-configuration"]),
    ("phish", &["phishing"]),
    ("scam", &["masquerade", "social-engineering"]),
    ("scanning", &["scanner", "sniffing"]),
    ("server-exploit", &["exploit", "brute-force", "ids-alert"]),
    ("spam", &["spam"]),
    ("vulnerable", &["vulnerable-system", "weak-crypto"]),
];

fn category_of(type_: &str) -> &'static str {
    CATEGORIES.iter().find(|(_, types)| types.contains(&type_)).map_or("other", |(name, _)| name)
}

/// Types that a category tells of; those that none does are `other`.
fn condition_of(category: &str) -> Option<String> {
    let list = |types: &[&str]| types.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    if category == "other" {
        let named: Vec<&str> = CATEGORIES.iter().flat_map(|(_, types)| types.iter().copied()).collect();
        return Some(format!("(type IS NULL OR type NOT IN ({}))", list(&named)));
    }
    let known = CATEGORIES.iter().find(|(name, _)| *name == category).map(|(_, types)| format!("type IN ({})", list(types)));
    // Categories that n6 has and no event of ours is told as.
    let others = ["dns-query", "dos-attacker", "flow", "flow-anomaly", "proxy", "sandbox-url", "spam-url", "tor", "webinject"];
    known.or_else(|| others.contains(&category).then(|| "false".to_owned()))
}

/// What is asked for, in the words of n6.
fn conditions(asked: &Asked, now: Timestamp) -> Result<Vec<String>, Fault> {
    let wrong = |name: &str, text: &str| Fault::Wrong(format!("parameter {name}: {text:?} is not a value of it"));
    let mut conditions = Vec::new();
    for (name, column, sign) in [
        ("time.max", "time", "<="),
        ("time.until", "time", "<"),
        ("modified.min", "observed_at", ">="),
        ("modified.max", "observed_at", "<="),
        ("modified.until", "observed_at", "<"),
    ] {
        conditions.extend(asked.time(name)?.map(|at| format!("{column} {sign} timestamp '{at}'")));
    }
    let least = match asked.time("time.min")? {
        Some(at) => at,
        None => asked.time("time.max")?.or(asked.time("time.until")?).unwrap_or(now) - WEEK,
    };
    conditions.push(format!("time >= timestamp '{least}'"));
    type Read = fn(&str) -> Option<String>;
    let each: [(&str, Read); 17] = [
        ("category", |text| condition_of(text)),
        ("asn", |text| value::asn(text).map(|asn| format!("source_asn = {asn}"))),
        ("cc", |text| value::country(text).map(|cc| equals("source_country", std::str::from_utf8(&cc).unwrap_or_default()))),
        ("confidence", |text| match text {
            "low" => Some("(confidence IS NULL OR confidence < 30)".to_owned()),
            "medium" => Some("confidence BETWEEN 30 AND 69".to_owned()),
            "high" => Some("confidence >= 70".to_owned()),
            _ => None,
        }),
        ("dip", |text| value::ip(text).map(|ip| format!("destination_ip = '{ip}'"))),
        ("dport", |text| text.parse::<u16>().ok().map(|port| format!("destination_port = {port}"))),
        ("fqdn", |text| value::fqdn(text).map(|name| equals("source_fqdn", &name))),
        ("fqdn.sub", |text| Some(format!("source_fqdn LIKE '%{}%'", like(&text.to_lowercase())))),
        ("id", |text| {
            let id = text.to_ascii_lowercase();
            (id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())).then(|| format!("id = '{id}'"))
        }),
        ("ip", |text| value::ip(text).map(|ip| format!("source_ip = '{ip}'"))),
        ("ip.net", |text| value::network(text).map(|network| format!("in_network(source_ip, '{network}')"))),
        ("name", |text| Some(format!("({} OR {})", equals("malware", &text.to_lowercase()), equals("identifier", text)))),
        ("proto", |text| ["tcp", "udp", "icmp"].contains(&text).then(|| equals("transport", text))),
        ("source", |text| Some(equals("feed", text.strip_prefix("musubi.").unwrap_or(text)))),
        ("sport", |text| text.parse::<u16>().ok().map(|port| format!("source_port = {port}"))),
        ("url", |text| value::url(text).map(|url| equals("source_url", &url))),
        ("url.sub", |text| Some(format!("source_url LIKE '%{}%'", like(text)))),
    ];
    for (name, read) in each {
        let Some(texts) = asked.text(name) else { continue };
        let any: Vec<String> =
            texts.split(',').map(str::trim).map(|text| read(text).ok_or_else(|| wrong(name, text))).collect::<Result<_, _>>()?;
        conditions.push(format!("({})", any.join(" OR ")));
    }
    Ok(conditions)
}

/// Events that may be those of a party: what it claims. `None` when it answers for nothing.
fn constituency(party: &Party, now: Timestamp) -> Option<String> {
    let claims: Vec<&Claim> = party.constituency.iter().filter(|part| part.validity.holds(now)).map(|part| &part.claim).collect();
    if claims.is_empty() {
        return None;
    }
    if claims.len() > CLAIMS {
        return Some("true".to_owned());
    }
    let mut any: Vec<String> = Vec::new();
    for claim in claims {
        match claim {
            Claim::Network(network) => any.push(format!("in_network(source_ip, '{network}')")),
            Claim::Asn(asn) => any.push(format!("source_asn = {asn} OR source_asn_by_table = {asn}")),
            Claim::Domain(name) => {
                any.push(below("source_fqdn", name));
                // Of names that stand in addresses only what holds them is asked here; the directory decides.
                any.push(format!("source_url LIKE '%{}%'", like(name)));
            }
            Claim::Country(country) => {
                let country = country.as_str();
                any.push(format!("{} OR {}", equals("source_country", country), equals("source_country_by_table", country)));
            }
            Claim::Product(product) => any.push(equals("product_vendor", &product.vendor)),
        }
    }
    Some(format!("({})", any.join(" OR ")))
}

/// Who is responsible for what, and which of them is asking.
pub(crate) struct Mine {
    directory: Arc<Directory>,
    number: Option<PartyNumber>,
}

impl Mine {
    pub(crate) async fn of(server: &Server, eyes: &Eyes, who: &Who, now: Timestamp) -> Result<Self, Fault> {
        let directory = match eyes.standing.directory.get() {
            Some(directory) => Arc::clone(directory),
            None => {
                let registries = registry_in::registries(&server.home, &server.register).await?;
                let made = Arc::new(Directory::new(eyes.standing.parties.clone(), registries, now));
                Arc::clone(eyes.standing.directory.get_or_init(|| made))
            }
        };
        let number = directory.number(&who.party);
        Ok(Self { directory, number })
    }

    /// The party that asks is the one to be told of it.
    fn is(&self, row: &Value) -> bool {
        let Some(me) = self.number else { return false };
        let text = |column: &str| row[column].as_str();
        let number = |column: &str| row[column].as_i64().and_then(|number| u32::try_from(number).ok());
        let country = |column: &str| text(column).and_then(value::country).map(Country);
        let asked = AskedWho {
            ip: text("source_ip").and_then(|ip| ip.parse::<IpAddr>().ok()),
            asn: number("source_asn_by_table").or(number("source_asn")),
            host: text("source_fqdn").or_else(|| text("source_url").and_then(value::host_of)),
            country: country("source_country_by_table").or(country("source_country")),
            vendor: text("product_vendor"),
            product: text("product_name"),
        };
        let responsible = self.directory.responsible(&asked);
        [responsible.provider, responsible.domain_holder, responsible.maker, responsible.national].contains(&Some(me))
    }
}

/// The caller's own events that also fulfil `conditions`, the newest first.
pub(crate) async fn inside(
    server: &Server,
    who: &Who,
    conditions: &[String],
    most: usize,
    now: Timestamp,
) -> Result<(Vec<Value>, Eyes), Fault> {
    let standing = server.desk.standing(now).await?;
    let party = standing.party(&who.party);
    // Whoever answers for a network is affected by what is in it; a nation's CSIRT or a maker perhaps not.
    let operator = party.is_some_and(|party| {
        party.constituency.iter().all(|part| matches!(part.claim, Claim::Network(_) | Claim::Asn(_) | Claim::Domain(_)))
    });
    let affected = if operator { Affected::Yes } else { Affected::Perhaps };
    let eyes = Eyes::of(server, who, Purpose::Notify, Some(affected), now).await?;
    let Some(own) = party.and_then(|party| constituency(party, now)) else { return Ok((Vec::new(), eyes)) };
    let mine = Mine::of(server, &eyes, who, now).await?;
    let sql = format!(
        "SELECT * FROM events WHERE {own} AND {} ORDER BY time DESC, id DESC",
        if conditions.is_empty() { "true".into() } else { conditions.join(" AND ") }
    );
    let patience = std::time::Duration::from_secs(60);
    let asking = async {
        let questions = eyes.open(server, patience).await?;
        let mut batches = questions.sql(&sql).await?.execute_stream().await?;
        let mut rows = Vec::new();
        while let Some(batch) = batches.next().await {
            let found = objects(&[batch?])?;
            rows.extend(found.into_iter().filter(|row| mine.is(row)).take(most - rows.len()));
            if rows.len() >= most {
                break;
            }
        }
        Ok::<_, Fault>(rows)
    };
    let rows = tokio::time::timeout(patience, asking).await.map_err(|_| Fault::TooMany(patience))??;
    Ok((rows, eyes))
}

fn told(row: &Value, eyes: &Eyes) -> N6Event {
    let text = |column: &str| row[column].as_str().map(str::to_owned);
    let type_ = row["type"].as_str().unwrap_or_default();
    let tlp = row["terms"].as_i64().and_then(|id| eyes.standing.terms(id)).map(|terms| terms.tlp);
    let address = text("source_ip").map(|ip| {
        let mut one = json!({"ip": ip});
        if let Some(asn) = row["source_asn"].as_i64() {
            one["asn"] = asn.into();
        }
        if let Some(cc) = row["source_country"].as_str() {
            one["cc"] = cc.into();
        }
        vec![one]
    });
    let hash = |kind: &str| row["extra"][format!("malware.hash.{kind}")].as_str().map(str::to_owned);
    N6Event {
        // Where the identity is hidden, one of what is seen stands for it: n6 asks for one.
        id: text("id").unwrap_or_else(|| Sha256::digest(row.to_string()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()),
        source: source_of(row["feed"].as_str()),
        restriction: match tlp {
            Some(Tlp::Clear) => "public",
            Some(Tlp::Green | Tlp::Amber) => "need-to-know",
            _ => "internal",
        },
        // STIX 2.1 appendix A, scale None/Low/Med/High
        confidence: match row["confidence"].as_i64() {
            Some(70..) => "high",
            Some(30..70) => "medium",
            _ => "low",
        },
        category: category_of(type_),
        time: text("time").unwrap_or_default(),
        modified: text("observed_at").unwrap_or_default(),
        name: text("malware").or_else(|| text("identifier")),
        address,
        dip: text("destination_ip"),
        sport: row["source_port"].as_i64(),
        dport: row["destination_port"].as_i64(),
        fqdn: text("source_fqdn"),
        url: text("source_url"),
        proto: text("transport").filter(|proto| ["tcp", "udp", "icmp"].contains(&proto.as_str())),
        md5: hash("md5"),
        sha1: hash("sha1"),
        sha256: hash("sha256"),
    }
}

/// n6 names sources as provider and channel, in lower case.
fn source_of(feed: Option<&str>) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let channel: String = feed.unwrap_or("hidden").chars().map(plain).take(25).collect();
    format!("musubi.{}", if channel.is_empty() { "hidden" } else { &channel })
}

async fn answer(visit: Visit, headers: HeaderMap, form: Form) -> Answer {
    let asked = Asked::of(&visit, &PARAMETERS)?;
    let conditions = conditions(&asked, visit.now)?;
    let most = asked.number("opt.limit", 1, MOST)?.unwrap_or(MOST) as usize;
    asked.flag("opt.primary")?;
    let restrictions: Option<Vec<&str>> = asked.text("restriction").map(|texts| texts.split(',').map(str::trim).collect());
    if let Some(bad) = restrictions.iter().flatten().find(|text| !["public", "need-to-know", "internal"].contains(text)) {
        return Err(Fault::Wrong(format!("parameter restriction: {bad:?} is not a value of it")));
    }
    let (mut rows, eyes) = inside(&visit.server, visit.who()?, &conditions, most, visit.now).await?;
    rows.retain(|row| restrictions.as_ref().is_none_or(|wanted| wanted.contains(&told(row, &eyes).restriction)));
    let under = eyes.under(&rows);
    let events: Vec<N6Event> = rows.iter().map(|row| told(row, &eyes)).collect();
    let (media, body) = match form {
        Form::Json => ("application/json", serde_json::to_vec(&events)?),
        Form::Lines => {
            let mut body = Vec::new();
            for event in &events {
                serde_json::to_writer(&mut body, event)?;
                body.push(b'\n');
            }
            ("application/x-ndjson", body)
        }
        Form::Csv => ("text/csv; charset=utf-8", csv(&events).into_bytes()),
    };
    let mut response = Sent { status: StatusCode::OK, media, body, headers: Vec::new(), tag: None }
        .give(&visit, &headers, "report/inside", Purpose::Notify, &under)
        .await?;
    response.headers_mut().insert("x-musubi-events", HeaderValue::from(events.len()));
    if form == Form::Csv {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"inside.csv\""));
    }
    Ok(response)
}

/// The columns that n6 gives; several addresses in one cell, separated by blanks.
fn csv(events: &[N6Event]) -> String {
    let columns = [
        "time",
        "id",
        "source",
        "restriction",
        "confidence",
        "category",
        "name",
        "ip",
        "asn",
        "cc",
        "fqdn",
        "url",
        "proto",
        "sport",
        "dip",
        "dport",
        "md5",
        "sha1",
    ];
    let mut out = columns.join(",");
    out.push_str("\r\n");
    for event in events {
        let of = |key: &str| {
            let all: Vec<String> = event
                .address
                .iter()
                .flatten()
                .filter_map(|one| one.get(key))
                .map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned))
                .collect();
            all.join(" ")
        };
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let port = |port: Option<i64>| port.map(|port| port.to_string()).unwrap_or_default();
        let cells = [
            event.time.clone(),
            event.id.clone(),
            event.source.clone(),
            event.restriction.to_owned(),
            event.confidence.to_owned(),
            event.category.to_owned(),
            text(&event.name),
            of("ip"),
            of("asn"),
            of("cc"),
            text(&event.fqdn),
            text(&event.url),
            text(&event.proto),
            port(event.sport),
            text(&event.dip),
            port(event.dport),
            text(&event.md5),
            text(&event.sha1),
        ];
        for (at, value) in cells.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            cell(&mut out, value);
        }
        out.push_str("\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_category_finds_what_it_tells() {
        for (name, types) in CATEGORIES {
            for type_ in *types {
                assert_eq!(category_of(type_), *name);
                assert!(formats::rsit::Class::of(type_).is_some(), "{type_}");
            }
            assert!(condition_of(name).unwrap().contains(types[0]));
        }
        assert_eq!(category_of("no-such"), "other");
        assert_eq!(condition_of("no-such"), None);
        assert_eq!(condition_of("tor").as_deref(), Some("false"));
    }

    #[test]
    fn a_spreadsheet_finds_no_formula() {
        let event = N6Event { name: Some("=cmd|' /C calc'!A0".into()), url: Some("http://a/,b\"c".into()), ..N6Event::default() };
        let text = csv(&[event]);
        assert!(text.contains("\"'=cmd|' /C calc'!A0\"") && text.contains("\"http://a/,b\"\"c\""), "{text}");
    }
}
