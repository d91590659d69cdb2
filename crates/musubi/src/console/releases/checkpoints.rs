//! `/releases/checkpoints`: how the log grew, and who else has seen it so.

use jiff::Timestamp;
use maud::html;

use super::ways;
use crate::console::elements::empty;
use crate::console::elements::table::{Column, table};
use crate::console::visit::{Answer, Visit};
use crate::console::words::grouped;

/// The newest of them; older ones are in the log's tiles.
const MOST: u32 = 100;

pub(super) async fn show(visit: Visit) -> Answer {
    let register = &visit.server.register;
    let (key, checkpoints, witnesses, watched) =
        (register.log_key().await?, register.log_checkpoints(MOST).await?, register.witnesses().await?, register.watched_logs().await?);
    let newest = register.log_checkpoint().await?.map(|note| note.to_string());
    let number = |size: i64| html! { (grouped(size.unsigned_abs())) };
    let rows: Vec<_> = checkpoints.iter().map(|one| vec![number(one.size), visit.stamp(one.signed_at), number(one.cosignatures)]).collect();
    let columns = [
        Column::number(visit.say("releases-size")),
        Column::text(visit.say("releases-signed-at")),
        Column::number(visit.say("releases-cosignatures")),
    ];
    let witness_columns = [
        Column::text(visit.say("releases-witness")),
        Column::text(visit.say("releases-since")),
        Column::number(visit.say("releases-has-signed")),
        Column::text(visit.say("releases-key")),
    ];
    let witness_rows: Vec<_> = witnesses
        .iter()
        .map(|one| {
            let signed = one.signed.map(|size| grouped(size.unsigned_abs()));
            vec![html! { (one.name) }, visit.stamp(one.added_at), html! { (signed.unwrap_or_default()) }, html! { code { (one.vkey) } }]
        })
        .collect();
    let since = |at: i64| Timestamp::from_microsecond(at).map(|at| at.to_string()).unwrap_or_default();
    let body = html! {
        p.lead { (visit.say("releases-checkpoints-lead")) }
        (ways(&visit))
        @match (&key, &newest) {
            (Some(key), Some(newest)) => {
                p { (visit.say("releases-log-key")) " " code { (key) } }
                h2 { (visit.say("releases-newest")) }
                pre { (newest) }
                (table(&visit.say("releases-checkpoints"), &columns, &rows))
            }
            _ => (empty(&visit.say("releases-none"), None)),
        }
        h2 { (visit.say("releases-witnesses")) }
        p { (visit.say("releases-witnesses-why")) }
        @if witness_rows.is_empty() { (empty(&visit.say("releases-no-witness"), None)) }
        @else { (table(&visit.say("releases-witnesses"), &witness_columns, &witness_rows)) }
        @if !watched.is_empty() {
            h2 { (visit.say("releases-watched")) }
            ul { @for one in &watched { li { code { (one.vkey) } " " span.quiet { (since(one.added_at)) } } } }
        }
    };
    Ok(visit.page(&visit.say("releases-checkpoints"), &body))
}
