//! `/portal/problems`: the hosts of a party with a problem, as far as policy lets it know; and the same as a file.

use axum::http::{HeaderValue, header};
use axum::response::IntoResponse as _;
use casework::act::attachment;
use casework::act::finding::{Finding, TEXTS};
use casework::act::problem::Problem;
use casework::indicate::told::Teller;
use casework::model::event::{Country, Severity};
use casework::model::rights::Right;
use casework::model::terms::{Terms, Tlp};
use casework::share::seen::{self, End, Seen};
use formats::rsit::Class;
use formats::xarf::Contact;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};

use super::mine::{self, As, Event, Mine, Sort, Sums, Value, Wish};
use super::{Lens, give};
use crate::chance;
use crate::config::Config;
use crate::console::Route;
use crate::console::elements::query::Query;
use crate::console::elements::table::{Column, ROWS, paging, table};
use crate::console::elements::{empty, form};
use crate::console::visit::{Answer, Fault, Visit};
use crate::console::words::grouped;
use crate::jobs::bundle::{Telling, written};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/portal/problems", Right::UsePortal, own),
        Route::get("/portal/problems/download.csv", Right::UsePortal, own_csv).exporting(),
        Route::get("/portal/problems/download.json", Right::UsePortal, own_json).exporting(),
        Route::get("/portal/problems/download.stix", Right::UsePortal, own_stix).exporting(),
        Route::get("/portal/problems/download.xarf", Right::UsePortal, own_xarf).exporting(),
    ]
}

/// Spans of days to choose from.
const SPANS: [i64; 5] = [1, 7, 30, 90, 365];
/// Rows of one file.
const MOST: usize = 100_000;

/// What the address asks for; what cannot be is not asked for.
struct Question {
    way: As,
    wish: Wish,
    days: i64,
}

fn question(visit: &Visit, lens: &Lens, query: &Query) -> Result<Option<Question>, Fault> {
    let ways = lens.ways(visit);
    let asked = query.one("as").and_then(|text| As::ALL.into_iter().find(|way| way.as_str() == text));
    let Some(way) = asked.filter(|way| ways.contains(way)).or(ways.first().copied()) else { return Ok(None) };
    let days = query.one("days").and_then(|text| text.parse().ok()).filter(|days| SPANS.contains(days)).unwrap_or(30);
    let mut wish = Wish {
        since: visit.now.checked_sub(SignedDuration::from_hours(24 * days))?,
        until: None,
        problem: query.one("kind").and_then(Problem::read),
        value: query.one("q").map(Value::read),
        sort: query.one("sort").and_then(Sort::read).unwrap_or_default(),
        after: query.one("after").and_then(mine::cursor),
    };
    let day = query.one("day").and_then(|text| text.parse::<jiff::civil::Date>().ok());
    if let Some(begin) = day.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok()).map(|begin| begin.timestamp()) {
        wish.since = begin;
        wish.until = begin.checked_add(SignedDuration::from_hours(24)).ok();
    }
    Ok(Some(Question { way, wish, days }))
}

/// What the page tells, as it is logged.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Told {
    events: Vec<Event>,
    next: Option<String>,
    sums: Sums,
}

async fn own(visit: Visit) -> Answer {
    let lens = Lens::of_partner(&visit).await?;
    page(&visit, &lens).await
}

pub(crate) async fn page(visit: &Visit, lens: &Lens) -> Answer {
    let title = visit.say("nav-portal-problems");
    let query = Query::of(&visit.uri);
    let mut told = Told::default();
    let Some(asked) = question(visit, lens, &query)? else {
        let next = format!("{}/networks", lens.base);
        return Ok(lens.page(visit, &title, &empty(&visit.say("portal-nothing-yours"), Some((&next, &visit.say("nav-portal-networks"))))));
    };
    if let Some(mine) = Mine::open(&visit.server, &lens.standing, &lens.party, asked.way, visit.now).await? {
        let page = mine.page(&asked.wish, ROWS, visit.now).await?;
        let sums = mine.sums(&Wish { after: None, ..asked.wish.clone() }, visit.now).await?;
        let mut why = give::Why::default();
        why.add(mine.sight(), sums.terms.iter().copied().chain(page.events.iter().map(|event| event.terms)));
        told = give::shown(visit, lens, "problems", why, &Told { events: page.events, next: page.next, sums }).await?;
    }
    let body = html! {
        p.lead { (visit.say("problems-lead")) }
        @if lens.ways(visit).len() > 1 {
            nav.tabs aria-label=(visit.say("problems-ways")) {
                @for way in lens.ways(visit) {
                    a href={ (lens.base) "/problems?as=" (way.as_str()) } aria-current=[(way == asked.way).then_some("page")] { (visit.say(&format!("portal-way-{}", way.as_str()))) }
                }
            }
        }
        (filters(visit, lens, &asked, &query))
        @if told.events.is_empty() {
            @let clear = format!("{}/problems?as={}", lens.base, asked.way.as_str());
            (empty(&visit.say("problems-none"), Some((&clear, &visit.say("table-clear")))))
        } @else {
            p { strong { (visit.say_with("problems-count", &[("shown", grouped(told.sums.events).into()), ("hosts", grouped(told.sums.hosts).into())])) } }
            @if told.sums.by_problem.len() > 1 {
                ul.facets {
                    @for (problem, count) in &told.sums.by_problem {
                        li { a href=(query.with("after", None).with("kind", Some(problem)).link(visit.uri.path())) { (visit.say(&format!("told-problem-{problem}"))) } " " span.quiet { (grouped(*count)) } }
                    }
                }
            }
            (rows(visit, &told.events))
            (paging(visit, told.next.as_deref()))
            @if lens.theirs || visit.may(Right::Export) { (files(visit, lens, &query, told.sums.events)) }
        }
    };
    Ok(lens.page(visit, &title, &body))
}

fn filters(visit: &Visit, lens: &Lens, asked: &Question, query: &Query) -> Markup {
    let mut kinds = vec![("", visit.say("problems-all"))];
    kinds.extend(Problem::ALL.iter().map(|problem| (problem.as_str(), visit.say(&format!("told-problem-{}", problem.as_str())))));
    let spans: Vec<(String, String)> = SPANS
        .iter()
        .map(|days| (days.to_string(), visit.say_with("problems-days", &[("count", (*days).into()), ("shown", days.to_string().into())])))
        .collect();
    let spans: Vec<(&str, String)> = spans.iter().map(|(value, word)| (value.as_str(), word.clone())).collect();
    let sorts: Vec<(&str, String)> =
        Sort::ALL.iter().map(|sort| (sort.as_str(), visit.say(&format!("problems-sort-{}", sort.as_str())))).collect();
    html! {
        form.filter method="get" action={ (lens.base) "/problems" } {
            input type="hidden" name="as" value=(asked.way.as_str());
            @if let Some(day) = query.one("day") { input type="hidden" name="day" value=(day); }
            (form::field(&form::Field { name: "q", label: &visit.say("problems-q"), value: query.one("q").unwrap_or_default(), kind: "search", ..form::Field::default() }))
            (form::choice("kind", &visit.say("portal-problem"), asked.wish.problem.map_or("", Problem::as_str), &kinds))
            (form::choice("days", &visit.say("problems-span"), &asked.days.to_string(), &spans))
            (form::choice("sort", &visit.say("problems-sort"), asked.wish.sort.as_str(), &sorts))
            button type="submit" { (visit.say("table-filter")) }
        }
    }
}

fn rows(visit: &Visit, events: &[Event]) -> Markup {
    let columns = [
        Column::text(visit.say("problems-seen")),
        Column::text(visit.say("problems-host")),
        Column::number(visit.say("problems-port")),
        Column::text(visit.say("portal-problem")),
        Column::text(visit.say("problems-what")),
        Column::text(visit.say("problems-to")),
        Column::text(visit.say("problems-handling")),
    ];
    let rows: Vec<_> = events
        .iter()
        .map(|event| {
            let destination = event.text("destination_fqdn").or(event.text("destination_ip")).unwrap_or_default();
            let port = event.destination_port.map(|port| format!(":{port}")).unwrap_or_default();
            let vendor = event.text("product_vendor").into_iter().chain(event.text("product_name"));
            vec![
                visit.stamp(event.time),
                html! { span.mono.whole[event.source_ip.is_some()] { (event.subject()) } @if let Some(name) = event.text("source_fqdn").or(event.text("source_reverse_dns")).filter(|name| *name != event.subject()) { br; span.quiet { (name) } } },
                html! { (event.source_port.map(|port| port.to_string()).unwrap_or_default()) },
                html! { (event.problem().map(|problem| visit.say(&format!("told-problem-{}", problem.as_str()))).unwrap_or_default()) },
                html! { (event.what()) @for word in vendor { " " span.quiet { (word) } } },
                html! { @if !destination.is_empty() { span.mono.whole[event.text("destination_fqdn").is_none()] { (destination) (port) } } },
                html! { span.quiet { (first_word(&event.handling)) } },
            ]
        })
        .collect();
    table(&visit.say("nav-portal-problems"), &columns, &rows)
}

/// Terms begin with their label.
fn first_word(terms: &str) -> &str {
    terms.split([' ', ';']).next().unwrap_or(terms)
}

fn files(visit: &Visit, lens: &Lens, query: &Query, count: u64) -> Markup {
    let query = query.with("after", None);
    html! {
        section {
            h2 { (visit.say("problems-download")) }
            p { (visit.say_with("problems-download-why", &[("most", grouped(MOST as u64).into())])) }
            p.actions {
                @for (ending, word) in [("csv", "CSV"), ("json", "JSON"), ("stix", "STIX 2.1"), ("xarf", "XARF 4")] {
                    a.button href=(query.link(&format!("{}/problems/download.{ending}", lens.base))) download { (word) }
                }
            }
            @if count > MOST as u64 { p.hint { (visit.say("problems-download-cut")) } }
        }
    }
}

/// All that the filter lets through.
struct All {
    lens: Lens,
    events: Vec<Event>,
    why: give::Why,
}

async fn all(visit: &Visit, lens: Lens) -> Result<All, Fault> {
    let query = Query::of(&visit.uri).with("after", None);
    let mut all = All { lens, events: Vec::new(), why: give::Why::default() };
    let Some(asked) = question(visit, &all.lens, &query)? else { return Ok(all) };
    if let Some(mine) = Mine::open(&visit.server, &all.lens.standing, &all.lens.party, asked.way, visit.now).await? {
        all.events = mine.page(&asked.wish, MOST, visit.now).await?.events;
        all.why.add(mine.sight(), all.events.iter().map(|event| event.terms));
    }
    Ok(all)
}

/// The file, once it is in the log; its name says what it is.
async fn file(visit: &Visit, all: All, ending: &str, media_type: &'static str, bytes: Vec<u8>) -> Answer {
    let count = all.events.len();
    let given = give::give(visit, &all.lens, &format!("{ending} file of {count} events"), all.why, bytes).await?;
    let tlp = strictest(&all.lens, &all.events).label().to_lowercase().replace('+', "-");
    let name = format!("musubi-problems-{}-{count}-tlp-{tlp}.{ending}", visit.now.strftime("%Y%m%d"));
    let mut response = given.into_bytes().into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(header::CONTENT_DISPOSITION, HeaderValue::try_from(format!("attachment; filename=\"{name}\""))?);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    Ok(response)
}

/// Under which label the party holds the strictest of them.
fn strictest(lens: &Lens, events: &[Event]) -> Tlp {
    let mut numbers: Vec<i64> = events.iter().map(|event| event.terms).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let given = |number: i64| lens.standing.terms(number).map(|terms| lens.standing.given(terms, &lens.party.id).tlp);
    numbers.into_iter().filter_map(given).max().unwrap_or(Tlp::Clear)
}

async fn own_csv(visit: Visit) -> Answer {
    let lens = Lens::of_partner(&visit).await?;
    csv(&visit, lens).await
}

pub(crate) async fn csv(visit: &Visit, lens: Lens) -> Answer {
    let all = all(visit, lens).await?;
    let mut names: Vec<&str> = all.events.iter().flat_map(|event| event.texts.keys().map(String::as_str)).collect();
    names.sort_unstable();
    names.dedup();
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    let mut out = String::from("\u{feff}time,type,source_ip,source_port,source_asn,destination_port");
    for name in &names {
        out.push(',');
        out.push_str(name);
    }
    out.push_str(",handling\r\n");
    let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
    for event in &all.events {
        let time = Timestamp::from_microsecond(event.time).map(|at| at.to_string()).unwrap_or_default();
        let fixed = [
            time,
            event.kind.clone().unwrap_or_default(),
            event.source_ip.clone().unwrap_or_default(),
            number(event.source_port),
            number(event.source_asn),
            number(event.destination_port),
        ];
        let texts = names.iter().map(|name| event.text(name).unwrap_or_default().to_owned());
        for (at, cell) in fixed.into_iter().chain(texts).chain([event.handling.clone()]).enumerate() {
            if at > 0 {
                out.push(',');
            }
            attachment::cell(&mut out, &cell);
        }
        out.push_str("\r\n");
    }
    file(visit, all, "csv", "text/csv; charset=utf-8; header=present", out.into_bytes()).await
}

async fn own_json(visit: Visit) -> Answer {
    let lens = Lens::of_partner(&visit).await?;
    json(&visit, lens).await
}

pub(crate) async fn json(visit: &Visit, lens: Lens) -> Answer {
    let all = all(visit, lens).await?;
    let mut out = String::from("[");
    for (at, event) in all.events.iter().enumerate() {
        out.push_str(if at == 0 { "\n" } else { ",\n" });
        let mut value = serde_json::to_value(event)?;
        if let Ok(time) = Timestamp::from_microsecond(event.time) {
            value["time"] = time.to_string().into();
        }
        out.push_str(&value.to_string());
    }
    out.push_str("\n]\n");
    file(visit, all, "json", "application/json", out.into_bytes()).await
}

async fn own_xarf(visit: Visit) -> Answer {
    let lens = Lens::of_partner(&visit).await?;
    xarf(&visit, lens).await
}

pub(crate) async fn xarf(visit: &Visit, lens: Lens) -> Answer {
    let all = all(visit, lens).await?;
    let findings: Vec<Finding> = all.events.iter().map(finding).collect();
    let config = Config::of(visit.server.home.root())?;
    let us = match &config.mail {
        Some(mail) => Contact { org: mail.organisation.clone(), contact: mail.from.to_string(), domain: mail.from.domain() },
        None => {
            let contact = visit.server.limits.contact.clone().unwrap_or_default();
            let domain = contact.split_once('@').map(|(_, domain)| domain.to_owned()).unwrap_or_default();
            Contact { org: visit.server.limits.title.clone(), contact, domain }
        }
    };
    let tag = format!("tlp:{}", strictest(&all.lens, &all.events).label().to_ascii_lowercase());
    let name = format!("portal {}", visit.now.strftime("%Y-%m-%d"));
    let bytes = attachment::xarf(&name, &findings, &us, &[&tag]).into_bytes();
    file(visit, all, "xarf.json", "application/json", bytes).await
}

fn finding(event: &Event) -> Finding {
    let port = |port: Option<i64>| port.and_then(|port| u16::try_from(port).ok());
    Finding {
        terms: event.terms,
        first_seen: event.time,
        last_seen: event.time,
        events: 1,
        class: event.kind.as_deref().and_then(Class::of).unwrap_or_default(),
        severity: event.text("severity").and_then(Severity::read),
        ip: event.source_ip.as_deref().and_then(|ip| ip.parse().ok()),
        port: port(event.source_port),
        asn: event.source_asn.and_then(|asn| u32::try_from(asn).ok()),
        country: event.text("source_country").and_then(formats::value::country).map(Country),
        destination_ip: event.text("destination_ip").and_then(|ip| ip.parse().ok()),
        destination_port: port(event.destination_port),
        texts: std::array::from_fn(|at| event.text(TEXTS[at]).map(Into::into)),
        ..Finding::default()
    }
}

async fn own_stix(visit: Visit) -> Answer {
    let lens = Lens::of_partner(&visit).await?;
    stix(&visit, lens).await
}

pub(crate) async fn stix(visit: &Visit, lens: Lens) -> Answer {
    let all = all(visit, lens).await?;
    let own = all.lens.standing.own.as_ref().and_then(|own| all.lens.standing.party(own));
    let own = own.ok_or_else(|| anyhow::anyhow!("nobody is marked as ourselves"))?;
    let teller = Teller::new(own);
    let mut telling = Telling::default();
    let unmarked = Terms::of(Tlp::UNMARKED);
    for event in &all.events {
        let Some(seen) = told(event) else { continue };
        let terms = all.lens.standing.terms(event.terms).unwrap_or(&unmarked);
        let random = chance::uuid();
        for object in seen::objects(&seen, terms, Some(&teller.identity_id()), &random, visit.now.as_microsecond()).unwrap_or_default() {
            telling.add(&object, terms)?;
        }
    }
    let bytes = written(&telling, &teller)?;
    file(visit, all, "stix.json", "application/stix+json;version=2.1", bytes).await
}

fn told(event: &Event) -> Option<Seen<'_>> {
    let port = |port: Option<i64>| port.and_then(|port| u16::try_from(port).ok());
    let ip = |text: Option<&str>| text.and_then(|text| text.parse().ok());
    Some(Seen {
        time: Timestamp::from_microsecond(event.time).ok()?,
        class: event.kind.as_deref().and_then(Class::of)?,
        source: End {
            ip: ip(event.source_ip.as_deref()),
            port: port(event.source_port),
            fqdn: event.text("source_fqdn"),
            url: event.text("source_url"),
            asn: event.source_asn.and_then(|asn| u32::try_from(asn).ok()),
        },
        destination: End {
            ip: ip(event.text("destination_ip")),
            port: port(event.destination_port),
            fqdn: event.text("destination_fqdn"),
            url: None,
            asn: None,
        },
        transport: event.text("transport"),
        malware: event.text("malware"),
        identifier: event.text("identifier"),
        md5: None,
        sha1: None,
        sha256: None,
        confidence: None,
    })
}
