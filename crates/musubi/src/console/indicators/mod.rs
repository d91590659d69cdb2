//! `/indicators`: what is to be watched for or blocked, why, and what it is worth now.

mod lists;
mod one;
mod work;

use std::sync::{Arc, Mutex, PoisonError};

use casework::indicate::harm::Harm;
use casework::indicate::indicator::{IndicatorId, Standing, What};
use casework::indicate::warning::Warnings;
use casework::model::observable::Kind;
use casework::model::rights::Right;
use maud::{Markup, html};
use store::indicator_pages::{Filter, Kept};
use store::indicators::Remembered;

use super::Route;
use super::cases::day_field;
use super::elements::defang::defang;
use super::elements::query::Query;
use super::elements::table::{Column, ROWS, paging, table};
use super::elements::{Tone, badge, empty, figure};
use super::visit::{Answer, Fault, Visit};
use super::words::grouped;
use crate::jobs::indicators::harm;
use crate::receive::lists as home_lists;

pub(super) fn routes() -> Vec<Route> {
    let mut routes = vec![
        Route::get("/indicators", Right::ReadEvents, list),
        Route::get("/indicators/lists", Right::ReadEvents, lists::page),
        Route::get("/indicators/{id}", Right::ReadEvents, one::page),
    ];
    routes.extend(work::routes());
    routes
}

/// Kind and value, as text.
pub(super) fn parts(what: &What) -> (&'static str, &str) {
    match what {
        What::Value(observable) => (observable.kind().as_str(), observable.value()),
        What::Pattern(text) => ("pattern", text.as_str()),
    }
}

/// Its value as evidence is shown; hashes and patterns are no addresses.
pub(super) fn shown(what: &What) -> String {
    let (_, value) = parts(what);
    let addresses = match what {
        What::Value(observable) => {
            matches!(observable.kind(), Kind::Address | Kind::Network | Kind::Domain | Kind::Url | Kind::MailAddress)
        }
        What::Pattern(_) => true,
    };
    if addresses { defang(value) } else { value.to_owned() }
}

pub(super) fn standing(visit: &Visit, standing: Standing) -> Markup {
    let (tone, word) = match standing {
        Standing::Active => (Tone::Good, visit.say("indicators-standing-active")),
        Standing::Groundless => (Tone::Quiet, visit.say("indicators-standing-groundless")),
        Standing::NotYet => (Tone::Waiting, visit.say("indicators-standing-not-yet")),
        Standing::Expired => (Tone::Quiet, visit.say("indicators-standing-expired")),
        Standing::Faded => (Tone::Quiet, visit.say("indicators-standing-faded")),
        Standing::Disputed => (Tone::Bad, visit.say("indicators-standing-disputed")),
        Standing::Revoked => (Tone::Bad, visit.say("indicators-standing-revoked")),
    };
    badge(tone, &word)
}

/// What warning lists say, in a word.
pub(super) fn warned(visit: &Visit, harm: &Harm) -> Markup {
    use casework::indicate::class::Class;
    match harm.class {
        Some(Class::NeverBlock) => badge(Tone::Bad, &visit.say("indicators-never-block")),
        Some(Class::Warn) => badge(Tone::Waiting, &visit.say("indicators-warn")),
        Some(Class::Context) => badge(Tone::Quiet, &visit.say("indicators-context")),
        None => html! {},
    }
}

type KeptWarnings = Option<(String, Arc<Warnings>)>;

/// The warning lists, compiled once for as long as they are the same.
pub(super) async fn warnings(visit: &Visit) -> Result<Arc<Warnings>, Fault> {
    static KEPT: Mutex<KeptWarnings> = Mutex::new(None);
    let lists = visit.server.register.warning_lists().await?;
    let classes = std::fs::metadata(visit.server.home.resolve("warnings.toml")).and_then(|found| found.modified()).ok();
    let key = format!(
        "{} {classes:?} {:?}",
        visit.server.home.root().display(),
        lists.iter().map(|list| (&list.name, &list.sha256)).collect::<Vec<_>>()
    );
    if let Some((known, warnings)) = KEPT.lock().unwrap_or_else(PoisonError::into_inner).as_ref()
        && *known == key
    {
        return Ok(Arc::clone(warnings));
    }
    let warnings = Arc::new(home_lists::warnings(&visit.server.home, &visit.server.register).await?);
    *KEPT.lock().unwrap_or_else(PoisonError::into_inner) = Some((key, Arc::clone(&warnings)));
    Ok(warnings)
}

fn filter(visit: &Visit, query: &Query) -> Filter {
    let kept = match query.one("state") {
        Some("in-force") => Some(Kept::InForce),
        Some("past") => Some(Kept::Past),
        Some("revoked") => Some(Kept::Revoked),
        Some("doubted") => Some(Kept::Doubted),
        _ => None,
    };
    // Written defanged, a value is meant as it is.
    let begins = query.one("q").map(|text| formats::value::refang(text).into_owned());
    let after = query.one("after").and_then(|text| text.split_once('.'));
    let id = after.and_then(|(id, _)| IndicatorId::from_hex(id));
    Filter {
        kind: query.one("kind").map(str::to_owned),
        class: query.one("class").map(str::to_owned),
        malware: query.one("malware").map(str::to_lowercase),
        kept,
        after: id.zip(after.map(|(_, rest)| rest.parse().unwrap_or(0))).map(|(id, seen)| (seen, id)),
        after_value: after.filter(|_| begins.is_some()).map(|(_, rest)| rest.to_owned()),
        begins,
        now: visit.now.as_microsecond(),
        most: ROWS as u32 + 1,
    }
}

async fn list(visit: Visit) -> Answer {
    let query = Query::of(&visit.uri);
    let filter = filter(&visit, &query);
    let mut found = visit.server.register.indicator_page(&filter).await?;
    let more = found.len() > ROWS;
    found.truncate(ROWS);
    let next = found.last().filter(|_| more).map(|(one, seen)| {
        let behind = if filter.begins.is_some() { parts(one.indicator.what()).1.to_owned() } else { seen.to_string() };
        format!("{}.{behind}", one.indicator.id())
    });
    let sums = visit.server.register.indicator_sums().await?;
    let half_lives = home_lists::half_lives(&visit.server.home)?;
    let warnings = warnings(&visit).await?;
    let columns = [
        Column::text(visit.say("indicators-value")),
        Column::text(visit.say("indicators-kind")),
        Column::number(visit.say("indicators-score")),
        Column::text(visit.say("indicators-standing")),
        Column::text(visit.say("indicators-class")),
        Column::text(visit.say("indicators-malware")),
        Column::text(visit.say("indicators-last-seen")),
        Column::text(visit.say("indicators-until")),
        Column::number(visit.say("indicators-sightings")),
        Column::text(visit.say("indicators-warnings")),
    ];
    let rows: Vec<Vec<Markup>> = found
        .iter()
        .map(|(one, _)| {
            let worth = one.indicator.worth(&half_lives, visit.now, |_| true);
            let what = one.indicator.what();
            vec![
                html! { a.mono.value-link href={ "/indicators/" (one.indicator.id()) } { (shown(what)) } },
                html! { span.day-name { (parts(what).0) } },
                html! { (worth.score) },
                html! { (standing(&visit, worth.standing)) },
                html! { span.day-name { (worth.class.map_or("", |class| class.type_())) } },
                html! { (worth.malware.as_deref().unwrap_or_default()) },
                html! { @if let Some(at) = worth.last_seen { (visit.stamp(at.as_microsecond())) } },
                html! { span.day-name { (day_field(&visit, worth.holds_until(1).map(jiff::Timestamp::as_microsecond))) } },
                html! { (grouped(worth.sightings)) @if worth.doubts > 0 { " " (badge(Tone::Bad, &visit.say_with("indicators-doubts", &[("shown", grouped(worth.doubts as u64).into()), ("count", (worth.doubts as i64).into())]))) } },
                warned(&visit, &harm(what, &warnings)),
            ]
        })
        .collect();
    let filtered = ["q", "kind", "class", "malware", "state", "after"].into_iter().any(|name| query.one(name).is_some());
    let body = html! {
        div.figures {
            @for (kind, rows) in sums.iter().take(8) { (figure(&Query::default().with("kind", Some(kind)).link("/indicators"), *rows, kind)) }
        }
        (form(&visit, &query))
        @if rows.is_empty() {
            @if filtered { (empty(&visit.say("indicators-none-so"), Some(("/indicators", &visit.say("table-clear"))))) }
            @else { (empty(&visit.say("indicators-none"), visit.may(Right::ChangeIndicators).then_some(("/indicators/new", &*visit.say("indicators-new"))))) }
        } @else {
            (table(&visit.say("indicators-title"), &columns, &rows))
            (paging(&visit, next.as_deref()))
        }
    };
    Ok(visit.page(&visit.say("indicators-title"), &body))
}

fn form(visit: &Visit, query: &Query) -> Markup {
    let one = |name: &str| query.one(name).unwrap_or_default().to_owned();
    let states = [
        ("", visit.say("cases-all")),
        ("in-force", visit.say("indicators-in-force")),
        ("past", visit.say("indicators-past")),
        ("revoked", visit.say("indicators-standing-revoked")),
        ("doubted", visit.say("indicators-doubted")),
    ];
    html! {
        div.actions {
            @if visit.may(Right::ChangeIndicators) { a.button.first href="/indicators/new" { (visit.say("indicators-new")) } }
            a.button href="/indicators/lists" { (visit.say("indicators-lists")) }
        }
        form.filter method="get" action="/indicators" {
            div.field {
                label for="q" { (visit.say("indicators-begins")) }
                input #q type="search" name="q" value=(one("q")) autocomplete="off" spellcheck="false";
            }
            div.field {
                label for="kind" { (visit.say("indicators-kind")) }
                select #kind name="kind" {
                    option value="" { (visit.say("cases-all")) }
                    @for kind in Kind::ALL.map(Kind::as_str).into_iter().chain(["pattern"]) { option value=(kind) selected[one("kind") == kind] { (kind) } }
                }
            }
            div.field {
                label for="class" { (visit.say("indicators-class")) }
                input #class name="class" value=(one("class")) autocomplete="off" spellcheck="false";
            }
            div.field {
                label for="malware" { (visit.say("indicators-malware")) }
                input #malware name="malware" value=(one("malware")) autocomplete="off" spellcheck="false";
            }
            div.field {
                label for="state" { (visit.say("cases-state")) }
                select #state name="state" { @for (value, word) in &states { option value=(value) selected[one("state") == *value] { (word) } } }
            }
            button type="submit" { (visit.say("table-filter")) }
        }
    }
}

/// An indicator by the id in an address.
pub(super) async fn found(visit: &Visit, id: &str) -> Result<Remembered, Fault> {
    let id = IndicatorId::from_hex(id).ok_or(Fault::NotFound)?;
    visit.server.register.indicator(id).await?.ok_or(Fault::NotFound)
}
