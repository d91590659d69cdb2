//! `/explain`: may this party know it, and why? And for an event or terms: who may?

use std::collections::BTreeMap;

use casework::act::handling;
use casework::enrich::responsible::Asked;
use casework::model::agreement::{Channel, Purpose};
use casework::model::event::Country;
use casework::model::party::PartyId;
use casework::model::rights::Right;
use casework::model::terms::Terms;
use casework::share::explain::{Effect, Explanation};
use casework::share::{Affected, Decision, Outcome};
use datafusion::arrow::array::{Array as _, AsArray as _};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use formats::value;
use maud::{Markup, html};

use super::Route;
use super::elements::query::Query;
use super::elements::{Tone, badge, empty, facts, form};
use super::portal::mine;
use super::visit::{Answer, Fault, Visit};
use super::words::grouped;
use crate::api::standing::{Ask, Standing};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/explain", Right::ReadParties, page)]
}

/// Parties named in a group; all are counted.
const NAMED: usize = 60;

/// What is asked about.
struct Subject {
    terms: Terms,
    /// Who answers for it, where it is an event: they are affected.
    affected: Option<std::collections::BTreeSet<PartyId>>,
    event: Option<String>,
}

impl Subject {
    fn affected(&self, standing: &Standing, id: &PartyId) -> Affected {
        match &self.affected {
            Some(affected) if affected.contains(id) => Affected::Yes,
            Some(_) => Affected::No,
            // No event: whoever answers for anything may be affected.
            None => match standing.party(id).is_some_and(|party| !party.constituency.is_empty()) {
                true => Affected::Perhaps,
                false => Affected::No,
            },
        }
    }
}

async fn page(visit: Visit) -> Answer {
    let query = Query::of(&visit.uri);
    let standing = visit.server.desk.standing(visit.now).await?;
    let purpose = query.one("purpose").and_then(Purpose::read).unwrap_or(Purpose::Notify);
    let channel = query.one("channel").and_then(Channel::read).unwrap_or(Channel::Portal);
    let to = query.one("to");
    let subject = subject(&visit, &standing, &query).await?;
    let body = html! {
        p.lead { (visit.say("explain-lead")) }
        (asked(&visit, &standing, &query, purpose, channel))
        @match (&subject, to) {
            (None, _) if query.one("event").is_some() => (empty(&visit.say("explain-no-event"), None)),
            (None, _) => {}
            (Some(subject), Some(to)) => {
                (about(&visit, subject))
                @match to.parse::<PartyId>().ok().and_then(|id| {
                    let ask = Ask { purpose, channel, affected: subject.affected(&standing, &id), now: visit.now };
                    Some((standing.explain(&subject.terms, &id, &ask)?, id))
                }) {
                    Some((told, id)) => (explained(&visit, &id, &told)),
                    None => (empty(&visit.say("explain-no-party"), Some(("/parties", &visit.say("nav-parties"))))),
                }
            }
            (Some(subject), None) => {
                (about(&visit, subject))
                @let ask = Ask { purpose, channel, affected: Affected::No, now: visit.now };
                (everybody(&visit, &query, standing.everybody(&subject.terms, &ask, |id| subject.affected(&standing, id))))
            }
        }
    };
    Ok(visit.page(&visit.say("nav-explain"), &body))
}

fn asked(visit: &Visit, standing: &Standing, query: &Query, purpose: Purpose, channel: Channel) -> Markup {
    let terms: Vec<(String, String)> = standing.all_terms().map(|(id, terms)| (id.to_string(), terms.to_string())).collect();
    let mut terms: Vec<(&str, String)> = terms.iter().map(|(id, text)| (id.as_str(), text.clone())).collect();
    terms.insert(0, ("", visit.say("explain-by-event")));
    let purposes: Vec<(&str, String)> =
        Purpose::ALL.iter().map(|p| (p.as_str(), visit.say(&format!("policy-purpose-{}", p.as_str())))).collect();
    let channels: Vec<(&str, String)> =
        Channel::ALL.iter().map(|c| (c.as_str(), visit.say(&format!("policy-channel-{}", c.as_str())))).collect();
    let value = |name: &str| query.one(name).unwrap_or_default().to_owned();
    html! {
        form.filter method="get" action="/explain" {
            (form::field(&form::Field { name: "event", label: &visit.say("explain-event"), value: &value("event"), ..form::Field::default() }))
            (form::choice("terms", &visit.say("explain-terms"), &value("terms"), &terms))
            (form::field(&form::Field { name: "to", label: &visit.say("explain-to"), value: &value("to"), ..form::Field::default() }))
            (form::choice("purpose", &visit.say("explain-purpose"), purpose.as_str(), &purposes))
            (form::choice("channel", &visit.say("explain-channel"), channel.as_str(), &channels))
            button.first type="submit" { (visit.say("explain-do")) }
        }
    }
}

fn about(visit: &Visit, subject: &Subject) -> Markup {
    html! {
        p {
            @if let Some(event) = &subject.event { a href={ "/events/" (event) } { (visit.say("explain-this-event")) } " " }
            (visit.say("explain-held-under")) " " strong { (subject.terms) }
            @if let Some(affected) = &subject.affected { @if !affected.is_empty() {
                " · " (visit.say("explain-affected")) " "
                @for (at, id) in affected.iter().enumerate() { @if at > 0 { ", " } a href={ "/parties/" (id) } { (id) } }
            } }
        }
    }
}

fn verdict(visit: &Visit, outcome: Outcome) -> Markup {
    let tone = match outcome {
        Outcome::Allow => Tone::Good,
        Outcome::AllowWithRedaction => Tone::Waiting,
        Outcome::Deny => Tone::Bad,
    };
    badge(tone, &visit.say(&format!("policy-decision-{}", outcome.as_str())))
}

fn explained(visit: &Visit, id: &PartyId, told: &Explanation) -> Markup {
    let language = visit.language();
    let redactions: Vec<String> = told.redactions.iter().map(|one| visit.say(&format!("policy-redaction-{}", one.code()))).collect();
    let obligations = handling::sentences(&told.obligations, language);
    let mut pairs = vec![
        (
            visit.say("explain-to"),
            html! { a href={ "/parties/" (id) } { (id) } " · " a href={ "/parties/" (id) "/view" } { (visit.say("parties-view")) } },
        ),
        (visit.say("explain-decision"), verdict(visit, told.outcome)),
    ];
    if !redactions.is_empty() {
        pairs.push((visit.say("explain-redactions"), html! { (redactions.join(", ")) }));
    }
    if !obligations.is_empty() {
        pairs.push((visit.say("explain-obligations"), html! { ul { @for one in &obligations { li { (one) } } } }));
    }
    html! {
        (facts(&pairs))
        h2 { (visit.say("explain-why")) }
        ol.chain {
            @for reason in &told.reasons {
                li {
                    @match reason.effect {
                        Effect::Allow => (badge(Tone::Good, &visit.say("effect-allow"))),
                        Effect::Redact => (badge(Tone::Waiting, &visit.say("effect-redact"))),
                        Effect::Deny => (badge(Tone::Bad, &visit.say("effect-deny"))),
                    }
                    " " (reason.text(language)) " " code.quiet { (reason.rule) }
                }
            }
        }
    }
}

/// All parties by what is decided of them.
fn everybody(visit: &Visit, query: &Query, decisions: Vec<(PartyId, Decision)>) -> Markup {
    let mut groups: BTreeMap<(std::cmp::Reverse<Outcome>, String), Vec<PartyId>> = BTreeMap::new();
    for (id, decision) in decisions {
        let rule = match decision.denial() {
            Some(denial) => denial.code(),
            None => decision.ground().map_or("", casework::share::Ground::code),
        };
        groups.entry((std::cmp::Reverse(decision.outcome()), rule.to_owned())).or_default().push(id);
    }
    if groups.is_empty() {
        return empty(&visit.say("explain-nobody"), Some(("/parties", &visit.say("nav-parties"))));
    }
    html! {
        h2 { (visit.say("explain-everybody")) }
        @for ((outcome, rule), parties) in &groups {
            details open[outcome.0 != Outcome::Deny] {
                summary { (verdict(visit, outcome.0)) " " (visit.say(&format!("policy-rule-{rule}"))) " " span.quiet { (grouped(parties.len() as u64)) } }
                ul.facets {
                    @for id in parties.iter().take(NAMED) { li { a href=(query.with("to", Some(id.as_str())).link("/explain")) { (id) } } }
                    @if parties.len() > NAMED { li.quiet { (visit.say_with("explain-more", &[("shown", grouped((parties.len() - NAMED) as u64).into())])) } }
                }
            }
        }
    }
}

/// The event or terms that the address names.
async fn subject(visit: &Visit, standing: &std::sync::Arc<Standing>, query: &Query) -> Result<Option<Subject>, Fault> {
    if let Some(number) = query.one("terms").and_then(|text| text.parse().ok()) {
        return Ok(standing.terms(number).map(|terms| Subject { terms: terms.clone(), affected: None, event: None }));
    }
    let Some(event) = query.one("event").map(str::to_ascii_lowercase) else { return Ok(None) };
    if event.len() != 32 || !event.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(None);
    }
    let questions = visit.server.asking().await?;
    let sql = format!(
        "SELECT terms, coalesce(source_asn_by_table, source_asn) AS asn, source_ip, source_fqdn, source_url, coalesce(source_country_by_table, source_country) AS country, \
         product_vendor, product_name FROM events WHERE id = '{event}' LIMIT 1"
    );
    let rows = questions.sql(&sql).await?.collect().await?;
    let Some(row) = rows.iter().find(|batch| batch.num_rows() > 0) else { return Ok(None) };
    let number = |at: usize| -> Result<Option<i64>, Fault> {
        let column = cast(row.column(at), &DataType::Int64)?;
        Ok((!column.is_null(0)).then(|| column.as_primitive::<Int64Type>().value(0)))
    };
    let text = |at: usize| -> Result<Option<String>, Fault> {
        let column = cast(row.column(at), &DataType::Utf8)?;
        Ok((!column.is_null(0)).then(|| column.as_string::<i32>().value(0).to_owned()))
    };
    let Some(terms) = number(0)?.and_then(|number| standing.terms(number)) else { return Ok(None) };
    let (ip, fqdn, url, country, vendor, product) = (text(2)?, text(3)?, text(4)?, text(5)?, text(6)?, text(7)?);
    let asked = Asked {
        ip: ip.as_deref().and_then(|ip| ip.parse().ok()),
        asn: number(1)?.and_then(|asn| u32::try_from(asn).ok()),
        host: fqdn.as_deref().or_else(|| url.as_deref().and_then(value::host_of)),
        country: country.as_deref().and_then(value::country).map(Country),
        vendor: vendor.as_deref(),
        product: product.as_deref(),
    };
    let directory = visit.server.responsible.now(&visit.server, standing, visit.now).await?;
    Ok(Some(Subject { terms: terms.clone(), affected: Some(mine::affected_by(&directory, &asked)), event: Some(event) }))
}
