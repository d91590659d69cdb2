//! `/indicators/lists`: what a party would be given to block, in each format, before it is given. To look is no release.

use casework::indicate::lists::{Format, Wish};
use casework::model::agreement::Channel;
use casework::model::party::PartyId;
use maud::{Markup, html};

use super::super::elements::defang::defang;
use super::super::elements::form::{Field, field};
use super::super::elements::query::Query;
use super::super::elements::table::{Column, table};
use super::super::visit::{Answer, Fault, Visit};
use super::super::words::grouped;
use crate::deliver::lists::{Asked, Listed, listed};

/// Lines of a file shown, and values that must never be blocked.
const LINES: usize = 100;
const NEVER: usize = 50;

pub(super) async fn page(visit: Visit) -> Answer {
    let query = Query::of(&visit.uri);
    let format = query.one("format").and_then(Format::read).unwrap_or(Format::Rpz);
    let score = query.one("score").and_then(|text| text.parse::<u8>().ok()).filter(|score| *score <= 100).unwrap_or(50);
    let made = match query.one("to") {
        Some(name) => Some(preview(&visit, name, format, score).await?),
        None => None,
    };
    let body = html! {
        p.lead { (visit.say("indicators-lists-lead")) }
        form.filter method="get" action="/indicators/lists" {
            (field(&Field { name: "to", label: &visit.say("indicators-lists-to"), value: query.one("to").unwrap_or_default(), required: true, ..Field::default() }))
            div.field {
                label for="format" { (visit.say("indicators-lists-format")) }
                select #format name="format" { @for one in Format::ALL { option value=(one.as_str()) selected[one == format] { (one.as_str()) } } }
            }
            (field(&Field { name: "score", label: &visit.say("indicators-lists-score"), kind: "number", value: &score.to_string(), ..Field::default() }))
            button.first type="submit" { (visit.say("indicators-lists-do")) }
        }
        @if let Some((party, made)) = &made { (shown(&visit, party, format, made)) }
    };
    Ok(visit.page(&visit.say("indicators-lists"), &body))
}

async fn preview(visit: &Visit, name: &str, format: Format, least_score: u8) -> Result<(PartyId, Listed), Fault> {
    let unknown = || Fault::Wrong(visit.say_with("cases-wrong-party", &[("party", name.to_owned().into())]));
    let party: PartyId = name.parse().map_err(|_| unknown())?;
    let server = &visit.server;
    server.register.party(&party, visit.now).await?.ok_or_else(unknown)?;
    let standing = server.desk.standing(visit.now).await?;
    let asked = Asked { to: &party, channel: Channel::Taxii, format, least_score, most: 500_000, longest: 30 };
    let wish = Wish { notes: vec![format!("for {party}")], ..Wish::default() };
    let made = listed(&server.home, &server.register, &standing, &asked, wish, visit.now).await?;
    Ok((party, made))
}

fn shown(visit: &Visit, party: &PartyId, format: Format, made: &Listed) -> Markup {
    let left = made.list.left_out.iter().map(|(why, count)| (left_out(visit, why.as_str()), *count));
    let unsaid = made.files.unsaid.iter().map(|(why, count)| (left_out(visit, why.as_str()), *count));
    let rows: Vec<Vec<Markup>> = left.chain(unsaid).map(|(why, count)| vec![html! { (why) }, html! { (grouped(count)) }]).collect();
    html! {
        h2 { (party) " · " (format.as_str()) }
        p { (visit.say_with("indicators-lists-entries", &[("shown", grouped(made.files.said as u64).into()), ("count", (made.files.said as i64).into())])) " " (visit.say("indicators-lists-no-release")) }
        @if !rows.is_empty() {
            h3 { (visit.say("indicators-lists-left")) }
            (table(&visit.say("indicators-lists-left"), &[Column::text(visit.say("cases-why")), Column::number(visit.say("indicators-lists-count"))], &rows))
        }
        @if !made.list.never_block.is_empty() {
            h3 { (visit.say("indicators-never-block")) }
            ul { @for (value, list) in made.list.never_block.iter().take(NEVER) { li { span.mono { (defang(value.value())) } " – " (list) } } }
        }
        @for file in &made.files.files {
            h3 { (file.name) }
            pre { @for line in file.text.lines().take(LINES) { (line) "\n" } }
            @if file.text.lines().nth(LINES).is_some() { p.quiet { (visit.say_with("indicators-lists-first", &[("shown", LINES.to_string().into())])) } }
        }
    }
}

/// Why something is not in a list.
fn left_out(visit: &Visit, why: &str) -> String {
    match why {
        "closed-by-terms" => visit.say("indicators-left-closed"),
        "other-kind" => visit.say("indicators-left-kind"),
        "not-active" => visit.say("indicators-left-not-active"),
        "too-weak" => visit.say("indicators-left-weak"),
        "never-block" => visit.say("indicators-left-never"),
        "list-full" => visit.say("indicators-left-full"),
        "page-of-a-host" => visit.say("indicators-left-page"),
        "address-of-a-url" => visit.say("indicators-left-address"),
        "marked" => visit.say("indicators-left-marked"),
        other => other.to_owned(),
    }
}
