//! `/events/sql`: a question in SQL over the table `events`, read only, with few rows, little memory and little time.

use casework::model::rights::Right;
use maud::html;
use serde_json::Value;

use crate::console::Route;
use crate::console::asking::{LONGEST, NoAnswer};
use crate::console::elements::query::Query;
use crate::console::elements::table::{Column, table};
use crate::console::visit::{Answer, Visit};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/events/sql", Right::ReadEvents, page)]
}

/// Rows that are shown.
const MOST: usize = 500;
/// Characters of a question.
const LONGEST_SQL: usize = 10_000;

async fn page(visit: Visit) -> Answer {
    let query = Query::of(&visit.uri);
    let sql = query.one("sql").filter(|sql| sql.len() <= LONGEST_SQL);
    let mut told = None;
    if let Some(sql) = sql {
        let asking = visit.server.asking().await?;
        told = Some(asking.rows(sql, MOST, LONGEST).await);
    }
    let body = html! {
        p.lead { (visit.say("events-sql-lead")) }
        form.stack.wide method="get" action="/events/sql" {
            label for="sql" { (visit.say("events-sql-label")) }
            textarea.mono #sql name="sql" rows="6" spellcheck="false" autocapitalize="none" {
                (sql.unwrap_or("SELECT source_country, count(*) AS n FROM events GROUP BY 1 ORDER BY n DESC LIMIT 20"))
            }
            button.first type="submit" { (visit.say("events-sql-do")) }
        }
        @match told {
            None => {}
            Some(Err(NoAnswer::Late)) => p.wrong { (visit.say("events-late")) },
            Some(Err(NoAnswer::Wrong(why))) => pre.wrong { (why) },
            Some(Ok(told)) => {
                @let names: Vec<String> = told.batches.first().map(|batch| batch.schema().fields().iter().map(|field| field.name().clone()).collect()).unwrap_or_default();
                @let rows = told.objects()?;
                @if told.more { p.quiet { (visit.say_with("events-sql-cut", &[("most", MOST.to_string().into())])) } }
                @if rows.is_empty() { p.quiet { (visit.say("events-sql-none")) } }
                @else {
                    (table(
                        &visit.say("events-sql-answer"),
                        &names.iter().map(Column::text).collect::<Vec<_>>(),
                        &rows.iter().map(|row| names.iter().map(|name| html! { (plain(&row[name.as_str()])) }).collect()).collect::<Vec<_>>(),
                    ))
                }
            }
        }
    };
    Ok(visit.page(&visit.say("events-sql-title"), &body))
}

fn plain(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.chars().count() > 300 { text.chars().take(299).chain(['…']).collect() } else { text }
}
