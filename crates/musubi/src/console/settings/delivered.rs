//! `/settings/feeds`: what came from where, when last, and who is late.

use std::sync::Arc;

use axum::extract::State;
use casework::observe::delivery::Delivery;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use store::delivered::Delivered;

use super::ways;
use crate::api::Server;
use crate::console::elements::query::Query;
use crate::console::elements::table::{Column, table};
use crate::console::elements::{Tone, badge, empty};
use crate::console::visit::{Answer, Visit};
use crate::console::words::grouped;

/// Days that are looked at.
const DAYS: i64 = 90;

pub(super) async fn show(State(server): State<Arc<Server>>, visit: Visit) -> Answer {
    let since = (visit.now - SignedDuration::from_hours(24 * DAYS)).as_microsecond();
    let feeds = server.register.delivered_since(since).await?;
    let columns = [
        Column::text(visit.say("setup-feed")),
        Column::text(visit.say("setup-feed-state")),
        Column::text(visit.say("setup-feed-last")),
        Column::text(visit.say("setup-feed-usual")),
        Column::number(visit.say("setup-feed-deliveries")),
        Column::number(visit.say("setup-feed-rows")),
        Column::number(visit.say("setup-feed-rejections")),
    ];
    let rows: Vec<Vec<Markup>> = feeds.iter().map(|feed| row(&visit, feed)).collect();
    let body = html! {
        p.lead { (visit.say_with("setup-feeds-lead", &[("days", DAYS.to_string().into())])) }
        (ways(&visit))
        @if rows.is_empty() { (empty(&visit.say("setup-no-feeds"), Some(("/evidence", &visit.say("nav-evidence"))))) }
        @else { (table(&visit.say("setup-feeds"), &columns, &rows)) }
    };
    Ok(visit.page(&visit.say("setup-feeds"), &body))
}

fn row(visit: &Visit, feed: &Delivered) -> Vec<Markup> {
    let moment = |at: i64| Timestamp::from_microsecond(at).unwrap_or(visit.now);
    let delivery =
        Delivery { first: moment(feed.first_at), last: moment(feed.last_at), days: u32::try_from(feed.days).unwrap_or(u32::MAX) };
    let usual = delivery.usual_gap();
    let state = match usual {
        None => badge(Tone::Quiet, &visit.say("setup-feed-new")),
        Some(_) if delivery.is_late(visit.now) => badge(Tone::Bad, &visit.say("setup-feed-late")),
        Some(_) => badge(Tone::Good, &visit.say("setup-feed-on-time")),
    };
    let number = |number: i64| html! { (grouped(number.unsigned_abs())) };
    vec![
        html! { a href=(Query::default().with("feed", Some(&feed.feed)).link("/events")) { (feed.feed) } },
        state,
        visit.stamp(feed.last_at),
        html! { @if let Some(usual) = usual { span.one-line { (every(visit, usual)) } } },
        number(feed.deliveries),
        number(feed.rows),
        number(feed.with_rejections),
    ]
}

/// `every 24 hours`, in the unit that fits.
fn every(visit: &Visit, usual: SignedDuration) -> String {
    let minutes = usual.as_mins();
    let (key, number) = match minutes {
        0..120 => ("minutes", minutes.max(1)),
        120..2880 => ("hours", (minutes + 30) / 60),
        _ => ("days", (minutes + 720) / 1440),
    };
    let with = [("number", number.to_string().into())];
    match key {
        "minutes" => visit.say_with("setup-every-minutes", &with),
        "hours" => visit.say_with("setup-every-hours", &with),
        _ => visit.say_with("setup-every-days", &with),
    }
}
