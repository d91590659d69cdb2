//! `/search`: the one box. Where does a text lead? To what it names, or to the events that match it; the page it leads to says how it was
//! read.

use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use casework::model::meaning::Meaning;
use casework::model::rights::Right;

use super::Route;
use super::elements::query::Query;
use super::events::filter::address;
use super::visit::{Answer, Visit};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/search", Right::ReadEvents, search)]
}

async fn search(visit: Visit) -> Answer {
    let query = Query::of(&visit.uri);
    let text = query.one("q").unwrap_or_default();
    let to = match named(&visit, text).await? {
        Some(to) => to,
        None => leads(text),
    };
    Ok((StatusCode::FOUND, [(header::LOCATION, to)]).into_response())
}

/// By its form alone.
fn leads(text: &str) -> String {
    match Meaning::read(text) {
        None => String::from("/events"),
        Some(Meaning::Words(_) | Meaning::Asn(_)) => address("/events", &[("q", text)]),
        Some(value) => address("/lookup", &[("value", &value.text())]),
    }
}

/// Something of ours that goes by this name: a case, a takedown, a notice, evidence, a party.
async fn named(visit: &Visit, text: &str) -> Result<Option<String>, super::visit::Fault> {
    let plain =
        !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if !plain {
        return Ok(None);
    }
    let register = &visit.server.register;
    let numbered =
        |letter: char| text.strip_prefix(letter).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()));
    if numbered('c') && visit.may(Right::ReadCases) && register.case(text).await.is_ok() {
        return Ok(Some(format!("/cases/{text}")));
    }
    if numbered('t') && visit.may(Right::ReadCases) && register.takedown(text).await.is_ok() {
        return Ok(Some(format!("/takedowns/{text}")));
    }
    if text.starts_with("N-") && visit.may(Right::ReadNotices) && register.notice(text).await.is_ok() {
        return Ok(Some(format!("/notices/{text}")));
    }
    let hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hexadecimal
        && matches!(text.len(), 12 | 32 | 64)
        && let Some(evidence) = register.evidence(&text.to_ascii_lowercase()).await?
    {
        return Ok(Some(format!("/evidence/{}", evidence.id)));
    }
    if let Ok(party) = text.parse()
        && visit.may(Right::ReadParties)
        && register.party(&party, visit.now).await?.is_some()
    {
        return Ok(Some(format!("/parties/{party}")));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::leads;

    #[test]
    fn a_text_leads_where_it_is_meant_to() {
        for (text, to) in [
            ("", "/events"),
            ("198.51.100[.]7", "/lookup?value=198.51.100.7"),
            ("hxxps://example[.]com/a?b=1", "/lookup?value=https%3A%2F%2Fexample.com%2Fa%3Fb%3D1"),
            ("AS64496", "/events?q=AS64496"),
            ("mirai botnet", "/events?q=mirai+botnet"),
            ("//evil.example/", "/events?q=%2F%2Fevil.example%2F"),
        ] {
            assert_eq!(leads(text), to, "{text}");
        }
    }
}
