//! `/api/openapi.json`: what this interface is, for machines (OpenAPI 3.1). Made of the [`Operation`]s themselves, so that it tells of no
//! address that does not answer and leaves out none that does.

use axum::http::HeaderMap;
use casework::model::rights::Right;
use serde_json::{Map, Value, json};

use super::answer::Sent;
use super::{Asked, Operation, Parameter, operations};
use crate::console::Needs;
use crate::console::visit::{Answer, Visit};

pub(super) fn operations_here() -> Vec<Operation> {
    let document = Operation::get("getDocument", "/api/openapi.json", Right::AskApi, document, "This document").open().answers(
        200,
        "OpenAPI 3.1",
        Some("application/json"),
    );
    vec![document.group("Account")]
}

async fn document(visit: Visit, headers: HeaderMap) -> Answer {
    Asked::of(&visit, &[])?;
    Sent::json(&made(&visit.server.limits.title))?.answer(&headers)
}

/// The whole document.
pub(crate) fn made(title: &str) -> Value {
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    schemas.insert("Problem".to_owned(), problem());
    for operation in operations() {
        let told = told(&operation);
        schemas.extend(operation.schemas);
        let path = paths.entry(operation.route.path).or_insert_with(|| json!({}));
        path[operation.route.method.as_str().to_ascii_lowercase()] = told;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": format!("{title}: API"), "version": env!("CARGO_PKG_VERSION"),
            "description": "What each party sees is decided thing by thing, by terms and agreements. Times are UTC (RFC 3339); problems are \
                those of RFC 9457; lists are paged by cursor, and the next page is in the Link header too.",
            "license": {"name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A token of this server, or one of an issuer that it \
                    trusts. The same token in X-Api-Key, HTTP Basic with its id as the name, a certificate, or the session of a browser open \
                    as much."},
            },
        },
    })
}

fn problem() -> Value {
    json!({
        "type": "object", "required": ["type", "title", "status", "detail"], "description": "RFC 9457",
        "properties": {
            "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"},
        },
    })
}

fn told(operation: &Operation) -> Value {
    let mut parameters: Vec<Value> = operation.parameters.iter().map(parameter).collect();
    let in_path = operation.route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    parameters
        .extend(in_path.map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}})));
    let mut answers = Map::new();
    for (status, about, content) in &operation.answers {
        let mut one = json!({"description": about});
        if let Some((media, schema)) = content {
            one["content"] = json!({*media: {"schema": schema}});
        }
        answers.insert(status.to_string(), one);
    }
    let refused = json!({
        "description": "A problem: what was wrong",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    });
    answers.insert("4XX".to_owned(), refused);
    let mut told = json!({
        "operationId": operation.id, "tags": [operation.group], "summary": operation.summary, "parameters": parameters, "responses": answers,
    });
    match operation.route.needs {
        Needs::Nothing => told["security"] = json!([]),
        Needs::Right(right) => told["description"] = format!("Needs the right {right:?}.").into(),
    }
    if let Some((media, schema)) = &operation.body {
        told["requestBody"] = json!({"required": true, "content": {*media: {"schema": schema}}});
    }
    told
}

fn parameter(parameter: &Parameter) -> Value {
    json!({
        "name": parameter.name, "in": parameter.place, "description": parameter.about, "required": parameter.required,
        "schema": parameter.schema,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_address_of_the_interface_is_in_the_document_and_no_other() {
        let made = made("Musubi");
        let told: BTreeSet<String> = made["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase())))
            .collect();
        let answering: BTreeSet<String> = crate::console::routes()
            .into_iter()
            .filter(|route| crate::console::visit::is_for_machines(route.path))
            .map(|route| format!("{} {}", route.method, route.path))
            .collect();
        assert_eq!(told, answering);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let made = made("Musubi");
        let text = made.to_string();
        let schemas = made["components"]["schemas"].as_object().unwrap();
        let mut count = 0;
        for part in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(schemas.contains_key(name), "{name}");
            count += 1;
        }
        assert!(count > 30, "{count}");
    }
}
