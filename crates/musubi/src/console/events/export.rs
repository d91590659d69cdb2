//! Events as a file: exactly the filter, all rows as they come, newest first. What our own party holds under which terms stands in the
//! name of the file and in each row.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use casework::act::attachment::cell;
use casework::model::rights::Right;
use casework::model::terms::Tlp;
use datafusion::arrow::array::{Array as _, RecordBatch};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use futures::StreamExt as _;
use maud::{Markup, html};
use parquet::arrow::ArrowWriter;

use super::{columns, filter, question};
use crate::console::Route;
use crate::console::asking::{LONGEST, Stream};
use crate::console::elements::query::Query;
use crate::console::visit::{Answer, Detail, Fault, Visit};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/events/export/{form}", Right::Export, export).exporting()]
}

/// How rows are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    Csv,
    Json,
    Parquet,
}

impl Form {
    fn read(text: &str) -> Option<Self> {
        match text {
            "events.csv" => Some(Self::Csv),
            "events.jsonl" => Some(Self::Json),
            "events.parquet" => Some(Self::Parquet),
            _ => None,
        }
    }

    fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "jsonl",
            Self::Parquet => "parquet",
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Json => "application/x-ndjson",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

/// The ways to a file of what is shown.
pub(super) fn ways(visit: &Visit, query: &Query) -> Markup {
    html! {
        @if visit.may(Right::Export) {
            p.actions {
                span.quiet { (visit.say("events-export")) }
                @for form in [Form::Csv, Form::Json, Form::Parquet] {
                    a.button href=(query.with("after", None).link(&format!("/events/export/events.{}", form.ending()))) download { (form.ending().to_uppercase()) }
                }
            }
        }
    }
}

async fn export(visit: Visit, Path(form): Path<String>, headers: axum::http::HeaderMap) -> Answer {
    let form = Form::read(&form).ok_or(Fault::NotFound)?;
    let query = Query::of(&visit.uri);
    let wanted = filter::read(&query).map_err(|name| {
        Fault::Wrong(
            visit.say_with("events-unreadable", &[("name", name.into()), ("value", query.one(name).unwrap_or_default().to_owned().into())]),
        )
    })?;
    let kept = crate::sign_in::session::plain_cookie(&headers, "columns");
    let mut columns = columns(&query, kept.as_deref());
    // Whoever has the file has to know what it may be used for.
    if !columns.contains(&"terms") {
        columns.push("terms");
    }
    let condition = wanted.condition();
    let asking = visit.server.writing().await?;
    let figures = visit.server.figures().await?;
    let terms = match wanted.asked().filter(|_| figures.uncounted() == 0).and_then(|asked| figures.terms(&asked)) {
        Some(terms) => terms,
        None => {
            let told = asking.rows(&format!("SELECT DISTINCT terms FROM events WHERE {condition}"), 10_000, LONGEST).await;
            let told = told.map_err(|_| Fault::Wrong(visit.say("events-late")))?;
            told.objects()?.iter().filter_map(|row| row["terms"].as_i64()).collect()
        }
    };
    let known = visit.server.register.all_terms().await?;
    let strictest = known.iter().filter(|known| terms.contains(&known.id)).map(|known| known.terms.tlp).max().unwrap_or(Tlp::Clear);
    let sql = question(&condition, &columns, None);
    let stream = asking.stream(&sql).await?;
    let name = file_name(&query, strictest, visit.now, form);
    let mut response = Response::new(body(stream, form, known.into_iter().map(|known| (known.id, known.terms.to_string())).collect()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.media_type()));
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")).map_err(anyhow::Error::from)?,
    );
    headers.insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("none"));
    response.extensions_mut().insert(Detail(name));
    Ok(response.into_response())
}

/// `events-2026-11-23-jp-tlp-amber.csv`: when, of what, how far it may go. Letters of the filter that mean nothing to any system.
fn file_name(query: &Query, tlp: Tlp, now: jiff::Timestamp, form: Form) -> String {
    let mut name = format!("events-{}", now.strftime("%Y-%m-%d"));
    for value in filter::NAMES.iter().filter_map(|condition| query.one(condition)) {
        let plain: String =
            value.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c.to_ascii_lowercase() } else { '-' }).take(24).collect();
        let plain = plain.trim_matches(['-', '.']);
        if !plain.is_empty() && name.len() < 100 {
            name.push('-');
            name.push_str(plain);
        }
    }
    let tlp: String = tlp.to_string().to_lowercase().replace("tlp:", "").replace('+', "-");
    format!("{name}-tlp-{tlp}.{}", form.ending())
}

/// Rows as bytes, as they come. Whoever goes away ends the question; a file that broke off ends without its end.
fn body(stream: Stream, form: Form, terms: std::collections::HashMap<i64, String>) -> Body {
    let writer = match Writing::new(form, &stream, terms) {
        Ok(writer) => writer,
        Err(error) => return Body::from_stream(futures::stream::once(async move { Err::<Bytes, _>(error) })),
    };
    let state = (stream, Some(writer));
    Body::from_stream(futures::stream::try_unfold(state, |(mut stream, writer)| async move {
        let Some(mut writer) = writer else { return Ok(None) };
        match stream.rows.next().await {
            Some(rows) => {
                let bytes = writer.write(&rows.map_err(io::Error::other)?)?;
                Ok::<_, io::Error>(Some((bytes, (stream, Some(writer)))))
            }
            None => Ok(Some((writer.finish()?, (stream, None)))),
        }
    }))
}

/// Bytes that were written and not sent yet.
#[derive(Clone, Debug, Default)]
struct Waiting(Arc<Mutex<Vec<u8>>>);

impl Waiting {
    fn take(&self) -> Bytes {
        Bytes::from(std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Write for Waiting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Writing {
    waiting: Waiting,
    terms: std::collections::HashMap<i64, String>,
    begun: bool,
    parquet: Option<ArrowWriter<Waiting>>,
    form: Form,
}

impl Writing {
    fn new(form: Form, stream: &Stream, terms: std::collections::HashMap<i64, String>) -> io::Result<Self> {
        let waiting = Waiting::default();
        let parquet = match form {
            Form::Parquet => Some(ArrowWriter::try_new(waiting.clone(), stream.rows.schema(), None).map_err(io::Error::other)?),
            Form::Csv | Form::Json => None,
        };
        Ok(Self { waiting, terms, begun: false, parquet, form })
    }

    fn write(&mut self, rows: &RecordBatch) -> io::Result<Bytes> {
        match self.form {
            Form::Parquet => {
                if let Some(parquet) = &mut self.parquet {
                    parquet.write(rows).map_err(io::Error::other)?;
                }
            }
            Form::Json => {
                let mut writer = datafusion::arrow::json::LineDelimitedWriter::new(self.waiting.clone());
                writer.write(rows).map_err(io::Error::other)?;
                writer.finish().map_err(io::Error::other)?;
            }
            Form::Csv => self.csv(rows)?,
        }
        Ok(self.waiting.take())
    }

    /// As spreadsheets read it, and find no formula in it; terms as text.
    fn csv(&mut self, rows: &RecordBatch) -> io::Result<()> {
        let mut out = String::new();
        let schema = rows.schema();
        if !std::mem::replace(&mut self.begun, true) {
            out.push('\u{feff}');
            let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            out.push_str(&names.join(","));
            out.push_str("\r\n");
        }
        let options = FormatOptions::new().with_timestamp_tz_format(Some("%Y-%m-%dT%H:%M:%S%.fZ"));
        let columns: Vec<ArrayFormatter<'_>> = rows
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options))
            .collect::<Result<_, _>>()
            .map_err(io::Error::other)?;
        for row in 0..rows.num_rows() {
            for (at, column) in columns.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                if rows.column(at).is_null(row) {
                    continue;
                }
                let text = column.value(row).to_string();
                let text = match schema.field(at).name().as_str() {
                    "terms" => text.parse().ok().and_then(|id: i64| self.terms.get(&id)).unwrap_or(&text),
                    _ => &text,
                };
                cell(&mut out, text);
            }
            out.push_str("\r\n");
        }
        self.waiting.write_all(out.as_bytes())
    }

    fn finish(mut self) -> io::Result<Bytes> {
        if let Some(parquet) = self.parquet.take() {
            parquet.close().map_err(io::Error::other)?;
        }
        Ok(self.waiting.take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_hold_nothing_that_a_system_reads() {
        let query = Query::of(&"/events?feed=..%2F..%2Fetc&q=%22%0D%0ASet-Cookie:+x&country=JP".parse().unwrap());
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        assert_eq!(file_name(&query, Tlp::Amber, now, Form::Csv), "events-2026-11-23-set-cookie--x-jp-etc-tlp-amber.csv");
    }
}
