//! REST for machines, under `/api/v1`: what the console shows its people and what policy lets an outside party know, as JSON.
//!
//! An [`Operation`] is a route with what is said of it in one place, so that the OpenAPI [`document`] cannot tell of another server.
//! Lists are paged by cursor, problems are those of RFC 9457, and what an outside party is given above TLP:CLEAR is in the log of
//! releases before it is sent ([`answer`]).

mod agreements;
pub(crate) mod answer;
pub(crate) mod arriving;
mod cases;
pub(crate) mod document;
pub(crate) mod events;
mod evidence;
mod explain;
mod filter;
mod foreseen;
pub(crate) mod giving;
mod indicators;
mod lookup;
mod me;
pub(crate) mod n6;
mod notices;
mod parties;
mod repeats;
pub(crate) mod said;
pub(crate) mod stream;
mod tightening;
mod tus;
pub(crate) mod uploads;
pub(crate) mod webhooks;

use axum::handler::Handler;
use axum::http::Method;
use casework::model::rights::Right;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;
use utoipa::ToSchema;

use super::Server;
use crate::cli::moment;
use crate::console::Route;
use crate::console::elements::query::Query;
use crate::console::visit::{Fault, Visit};

/// Rows of a page when nobody says how many, and at most.
pub(super) const PAGE: usize = 100;
pub(super) const LARGEST_PAGE: usize = 1000;

/// All operations.
pub(crate) fn operations() -> Vec<Operation> {
    [
        me::operations(),
        events::operations(),
        lookup::operations(),
        evidence::operations(),
        giving::operations(),
        tus::operations(),
        uploads::operations(),
        tightening::operations(),
        cases::operations(),
        parties::operations(),
        agreements::operations(),
        explain::operations(),
        notices::operations(),
        indicators::operations(),
        stream::operations(),
        webhooks::operations(),
        n6::operations(),
        document::operations_here(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(crate) fn routes() -> Vec<Route> {
    operations().into_iter().map(|operation| operation.route).collect()
}

/// A media type and its schema.
type Content = (&'static str, Value);

/// A route, and what is said of it.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) route: Route,
    pub(crate) id: &'static str,
    pub(crate) group: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) parameters: Vec<Parameter>,
    /// Media type and schema.
    pub(crate) body: Option<Content>,
    /// Status, what it means, media type and schema.
    pub(crate) answers: Vec<(u16, &'static str, Option<Content>)>,
    /// Schemas by name that the others refer to.
    pub(crate) schemas: Vec<(String, Value)>,
}

/// A parameter in the query or a header.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) place: &'static str,
    pub(crate) about: &'static str,
    pub(crate) schema: Value,
    pub(crate) required: bool,
}

pub(super) const JSON: &str = "application/json";

impl Operation {
    pub(super) fn get<H, T>(id: &'static str, path: &'static str, right: Right, handler: H, summary: &'static str) -> Self
    where
        H: Handler<T, Arc<Server>>,
        T: 'static,
    {
        Self::of(id, Route::get(path, right, handler), summary)
    }

    pub(super) fn post<H, T>(id: &'static str, path: &'static str, right: Right, handler: H, summary: &'static str) -> Self
    where
        H: Handler<T, Arc<Server>>,
        T: 'static,
    {
        Self::of(id, Route::post(path, right, handler), summary)
    }

    pub(super) fn with<H, T>(id: &'static str, method: Method, path: &'static str, right: Right, handler: H, summary: &'static str) -> Self
    where
        H: Handler<T, Arc<Server>>,
        T: 'static,
    {
        Self::of(id, Route::with(method, path, right, handler), summary)
    }

    fn of(id: &'static str, route: Route, summary: &'static str) -> Self {
        let (parameters, answers) = (Vec::new(), Vec::new());
        Self { route, id, group: "", summary, parameters, body: None, answers, schemas: Vec::new() }
    }

    pub(super) fn group(self, group: &'static str) -> Self {
        Self { group, ..self }
    }

    /// Takes bodies up to so many bytes.
    pub(super) fn taking(self, largest: usize) -> Self {
        Self { route: self.route.taking(largest), ..self }
    }

    /// Its answers leave the house as files.
    pub(super) fn exporting(self) -> Self {
        Self { route: self.route.exporting(), ..self }
    }

    /// For whoever comes.
    pub(super) fn open(self) -> Self {
        Self { route: self.route.open(), ..self }
    }

    fn parameter(mut self, place: &'static str, name: &'static str, about: &'static str, schema: Value) -> Self {
        self.parameters.push(Parameter { name, place, about, schema, required: false });
        self
    }

    /// Text in the query.
    pub(super) fn text(self, name: &'static str, about: &'static str) -> Self {
        self.parameter("query", name, about, json!({"type": "string", "maxLength": TEXT}))
    }

    /// A time in the query: RFC 3339, a date, or an age.
    pub(super) fn time(self, name: &'static str, about: &'static str) -> Self {
        self.parameter("query", name, about, json!({"type": "string", "format": "date-time"}))
    }

    pub(super) fn number(self, name: &'static str, about: &'static str, least: i64, most: i64) -> Self {
        self.parameter("query", name, about, json!({"type": "integer", "minimum": least, "maximum": most}))
    }

    pub(super) fn flag(self, name: &'static str, about: &'static str) -> Self {
        self.parameter("query", name, about, json!({"type": "boolean"}))
    }

    /// One of some words.
    pub(super) fn word(self, name: &'static str, about: &'static str, words: &[&str]) -> Self {
        self.parameter("query", name, about, json!({"type": "string", "enum": words}))
    }

    /// Pages of a list.
    pub(super) fn paged(self) -> Self {
        self.text("cursor", "Go on where the page before ended: its next").number("limit", "Rows of a page", 1, LARGEST_PAGE as i64)
    }

    /// A header that may be sent.
    pub(super) fn header(self, name: &'static str, about: &'static str) -> Self {
        self.parameter("header", name, about, json!({"type": "string", "maxLength": TEXT}))
    }

    /// A header with a number.
    pub(super) fn header_number(mut self, name: &'static str, about: &'static str, required: bool) -> Self {
        self.parameters.push(Parameter {
            name,
            place: "header",
            about,
            schema: json!({"type": "integer", "minimum": 0, "maximum": i64::MAX}),
            required,
        });
        self
    }

    pub(super) fn takes<T: ToSchema>(mut self) -> Self {
        let schema = self.schema::<T>();
        self.body = Some((JSON, schema));
        self
    }

    pub(super) fn takes_bytes(mut self, media: &'static str) -> Self {
        self.body = Some((media, json!({"type": "string", "format": "binary"})));
        self
    }

    /// Answers one of these.
    pub(super) fn gives<T: ToSchema>(mut self, status: u16, about: &'static str) -> Self {
        let schema = self.schema::<T>();
        self.answers.push((status, about, Some((JSON, schema))));
        self
    }

    /// Answers a page of these.
    pub(super) fn lists<T: ToSchema>(mut self) -> Self {
        let items = self.schema::<T>();
        let schema = json!({
            "type": "object", "required": ["data", "next"],
            "properties": {
                "data": {"type": "array", "items": items},
                "next": {"type": ["string", "null"], "description": "Cursor of the next page; null at the end"},
            },
        });
        self.answers.push((200, "A page", Some((JSON, schema))));
        self
    }

    /// Answers something else than JSON, or nothing.
    pub(super) fn answers(mut self, status: u16, about: &'static str, media: Option<&'static str>) -> Self {
        let kind = |media: &str| if media == JSON { "object" } else { "string" };
        self.answers.push((status, about, media.map(|media| (media, json!({"type": kind(media)})))));
        self
    }

    /// Keeps the schema of a type and those in it; gives a reference.
    fn schema<T: ToSchema>(&mut self) -> Value {
        let mut all = Vec::new();
        T::schemas(&mut all);
        all.push((T::name().into_owned(), T::schema()));
        for (name, schema) in all {
            if let Ok(schema) = serde_json::to_value(schema) {
                self.schemas.push((name, schema));
            }
        }
        json!({"$ref": format!("#/components/schemas/{}", T::name())})
    }
}

/// Characters of a parameter.
const TEXT: usize = 2000;

/// What stands in the query: each name known, each value checked.
#[derive(Debug)]
pub(super) struct Asked(Query);

impl Asked {
    /// # Errors
    /// A name that this address does not know: whoever misspells a filter must not get everything.
    pub(super) fn of(visit: &Visit, known: &[&str]) -> Result<Self, Fault> {
        let query = Query::of(&visit.uri);
        for (name, value) in query.pairs() {
            if name != "lang" && !known.contains(&name) {
                return Err(Fault::Wrong(format!("there is no parameter {name:?} here; there are: {}", known.join(", "))));
            }
            if value.chars().count() > TEXT || value.contains('\0') {
                return Err(Fault::Wrong(format!("parameter {name} is too long, or holds a NUL")));
            }
        }
        Ok(Self(query))
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.one(name)
    }

    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>, Fault> {
        let read = |text: &str| moment(text).map_err(|error| Fault::Wrong(format!("parameter {name}: {error}")));
        self.0.one(name).map(read).transpose()
    }

    pub(super) fn number(&self, name: &str, least: i64, most: i64) -> Result<Option<i64>, Fault> {
        let read = |text: &str| match text.parse::<i64>() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => Err(Fault::Wrong(format!("parameter {name}: {text:?} is no number from {least} to {most}"))),
        };
        // An empty value is no number.
        match self.0.pairs().find(|(key, _)| *key == name) {
            Some((_, text)) => read(text.trim()).map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, Fault> {
        match self.0.pairs().find(|(key, _)| *key == name).map(|(_, text)| text.trim()) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(text) => Err(Fault::Wrong(format!("parameter {name}: {text:?} is neither true nor false"))),
        }
    }

    /// One of some words.
    pub(super) fn word<T>(&self, name: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Fault> {
        match self.0.pairs().find(|(key, _)| *key == name).map(|(_, text)| text.trim()) {
            None => Ok(None),
            Some(text) => read(text).map(Some).ok_or_else(|| Fault::Wrong(format!("parameter {name}: {text:?} is none of its words"))),
        }
    }

    pub(super) fn limit(&self) -> Result<usize, Fault> {
        Ok(self.number("limit", 1, LARGEST_PAGE as i64)?.map_or(PAGE, |limit| limit as usize))
    }

    /// What a cursor of ours holds: texts.
    pub(super) fn cursor<const N: usize>(&self) -> Result<Option<[String; N]>, Fault> {
        let wrong = || Fault::Wrong("parameter cursor: not given by this server for this list".to_owned());
        let Some(text) = self.0.one("cursor") else { return Ok(None) };
        read_cursor(text).ok_or_else(wrong).map(Some)
    }
}

/// A cursor of texts; it means something to this server only.
pub(super) fn write_cursor(parts: &[&str]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(parts.join("\u{1f}"))
}

fn read_cursor<const N: usize>(text: &str) -> Option<[String; N]> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let parts: Vec<String> = text.split('\u{1f}').map(str::to_owned).collect();
    parts.try_into().ok()
}

/// A time as it is written in answers: UTC, RFC 3339.
pub(super) fn time_text(microseconds: i64) -> String {
    Timestamp::from_microsecond(microseconds).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// A random name.
pub(super) fn new_id() -> String {
    crate::chance::uuid().to_string()
}

/// A UUID as this server makes them; anything else names nothing here.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        assert_eq!(read_cursor(&write_cursor(&["a", "", "結"])), Some(["a".to_owned(), String::new(), "結".to_owned()]));
        assert_eq!(read_cursor::<1>(&write_cursor(&["a", "b"])), None);
        assert_eq!(read_cursor::<1>("%%%"), None);
    }

    #[test]
    fn every_operation_has_a_name_of_its_own_a_group_and_an_answer() {
        let all = operations();
        let names: BTreeSet<&str> = all.iter().map(|operation| operation.id).collect();
        assert_eq!(names.len(), all.len());
        for operation in &all {
            assert!(!operation.group.is_empty() && !operation.summary.is_empty(), "{}", operation.id);
            assert!(operation.answers.iter().any(|(status, ..)| *status < 300), "{}", operation.id);
        }
    }
}
