//! `/api`: the interface for machines, to read and to try, made of its own document. The forms work without a script: they lead to the
//! address itself, and the browser shows what it answers.

use axum::http::{HeaderMap, header};
use casework::model::rights::Right;
use maud::{Markup, html};
use serde_json::Value;

use super::elements::table::{Column, table};
use super::visit::{Answer, Visit};
use super::{Needs, Route};
use crate::api::rest::{self, Operation, document};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/api", Right::ReadEvents, read)]
}

async fn read(visit: Visit, headers: HeaderMap) -> Answer {
    let document = document::made(&visit.server.limits.title);
    let operations = rest::operations();
    let mut groups: Vec<&str> = operations.iter().map(|operation| operation.group).collect();
    groups.dedup();
    groups.sort_unstable();
    groups.dedup();
    let body = html! {
        p.lead { (visit.say("api-lead")) }
        p { a href="/api/openapi.json" { "openapi.json" } " (OpenAPI 3.1). " (visit.say("api-token")) }
        pre { "curl -H 'Authorization: Bearer …' " (address(&visit, &headers)) "/api/v1/me" }
        nav.filter aria-label=(visit.say("api-groups")) {
            @for group in &groups { a href={ "#" (anchor(group)) } { (group) } " " }
        }
        @for group in &groups {
            section.api id=(anchor(group)) {
                h2 { (group) }
                @for operation in operations.iter().filter(|operation| operation.group == *group) { (one(&visit, operation)) }
            }
        }
        section.api id="schemas" {
            h2 { (visit.say("api-schemas")) }
            @for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
                details id={ "schema-" (name) } { summary { code { (name) } } (fields(&visit, schema)) }
            }
        }
    };
    Ok(visit.page(&visit.say("api-title"), &body))
}

/// The address by which this page was asked for.
fn address(visit: &Visit, headers: &HeaderMap) -> String {
    let scheme = if visit.server.limits.certificate.is_some() { "https" } else { "http" };
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or("localhost");
    format!("{scheme}://{host}")
}

fn anchor(group: &str) -> String {
    format!("group-{}", group.to_lowercase().replace(' ', "-"))
}

fn one(visit: &Visit, operation: &Operation) -> Markup {
    let route = &operation.route;
    let allowed = match route.needs {
        Needs::Nothing => true,
        Needs::Right(right) => visit.may(right),
    };
    html! {
        details.operation id=(operation.id) {
            summary { strong.method { (route.method) } " " code { (route.path) } " " span.quiet { (operation.summary) } }
            @if let Needs::Right(right) = route.needs {
                p { (visit.say("api-needs")) " " code { (format!("{right:?}")) } @if !allowed { " (" (visit.say("api-not-yours")) ")" } }
            }
            (parameters(visit, operation))
            @if let Some((media, schema)) = &operation.body { p { (visit.say("api-body")) " " code { (media) } " " (reference(schema)) } }
            ul {
                @for (status, about, content) in &operation.answers {
                    li { strong { (status) } " " (about) @if let Some((media, schema)) = content { " · " code { (media) } " " (reference(schema)) } }
                }
            }
            @if allowed && route.method == "GET" && !route.path.contains("/stream") { (try_it(visit, operation)) }
        }
    }
}

fn parameters(visit: &Visit, operation: &Operation) -> Markup {
    if operation.parameters.is_empty() {
        return html! {};
    }
    let columns = [
        Column::text(visit.say("api-parameter")),
        Column::text(visit.say("api-place")),
        Column::text(visit.say("api-kind")),
        Column::text(visit.say("api-about")),
    ];
    let rows: Vec<_> = operation
        .parameters
        .iter()
        .map(|parameter| {
            vec![
                html! { code { (parameter.name) } @if parameter.required { " *" } },
                html! { (parameter.place) },
                html! { (kind(&parameter.schema)) },
                html! { (parameter.about) },
            ]
        })
        .collect();
    table(&visit.say("api-parameters"), &columns, &rows)
}

/// A form that leads to the address. Names in the path make the address of the form; without a script they are written by hand.
fn try_it(visit: &Visit, operation: &Operation) -> Markup {
    let path = operation.route.path;
    let in_path: Vec<&str> = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
    let in_query = operation.parameters.iter().filter(|parameter| parameter.place == "query");
    if !in_path.is_empty() {
        return html! { p.quiet { (visit.say("api-try-path")) " " code { (path) } } };
    }
    html! {
        form.stack.try method="get" action=(path) {
            @for parameter in in_query {
                div.field {
                    label for={ (operation.id) "-" (parameter.name) } { (parameter.name) }
                    @match parameter.schema["enum"].as_array() {
                        Some(words) => select id={ (operation.id) "-" (parameter.name) } name=(parameter.name) {
                            option value="" selected { "—" }
                            @for word in words { option { (word.as_str().unwrap_or_default()) } }
                        },
                        None => input id={ (operation.id) "-" (parameter.name) } name=(parameter.name) autocomplete="off" spellcheck="false";
                    }
                }
            }
            button type="submit" { (visit.say("api-try")) }
        }
    }
}

fn kind(schema: &Value) -> String {
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" | "),
        kind => kind.as_str().unwrap_or("any").to_owned(),
    };
    let words = schema["enum"].as_array().map(|words| words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "));
    match words {
        Some(words) => words,
        None if schema["minimum"].is_number() => format!("{kind} {}–{}", schema["minimum"], schema["maximum"]),
        None => kind,
    }
}

/// What a schema refers to, as a link.
fn reference(schema: &Value) -> Markup {
    let text = schema.to_string();
    match text.split("#/components/schemas/").nth(1).and_then(|rest| rest.split('"').next()) {
        Some(name) => html! { a href={ "#schema-" (name) } { (name) } },
        None => html! {},
    }
}

fn fields(visit: &Visit, schema: &Value) -> Markup {
    let parts = schema["allOf"].as_array().or_else(|| schema["oneOf"].as_array());
    let all: Vec<&Value> = std::iter::once(schema).chain(parts.into_iter().flatten()).collect();
    html! {
        @if let Some(about) = schema["description"].as_str() { p { (about) } }
        @for part in all {
            @if part["$ref"].is_string() { p { (reference(part)) } }
            @if let Some(fields) = part["properties"].as_object() {
                dl.facts {
                    @for (name, field) in fields {
                        dt { code { (name) } }
                        dd { (kind(field)) " " (reference(field)) @if let Some(about) = field["description"].as_str() { " · " (about) } }
                    }
                }
            }
        }
        @if schema["properties"].is_null() && parts.is_none() { p { (visit.say("api-any")) } }
    }
}
