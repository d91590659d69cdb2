//! `/api/v1/webhooks`: where a party is called when something happens (Standard Webhooks: `webhook-id`, `webhook-timestamp` and
//! `webhook-signature`, HMAC-SHA256). What is told is what the party could have asked for; calling is a job ([`crate::jobs::webhooks`]).

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use casework::model::rights::Right;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use store::webhooks::{Call as Made, Webhook as Kept};
use utoipa::ToSchema;

use super::answer::{Sent, page};
use super::repeats::{MORE, once, read};
use super::stream::kinds;
use super::{Asked, Operation, is_id, new_id, time_text};
use crate::console::visit::{Answer, Fault, Visit};

/// Of one party.
const MOST: usize = 20;
/// Calls that are told.
const CALLS: u32 = 100;

pub(super) fn operations() -> Vec<Operation> {
    let list =
        Operation::get("listWebhooks", "/api/v1/webhooks", Right::ManageWebhooks, list, "Where the own party is called").lists::<Webhook>();
    let add = Operation::post("addWebhook", "/api/v1/webhooks", Right::ManageWebhooks, add, "Be called; the secret is shown once")
        .header("Idempotency-Key", "The same request under the same key is done once")
        .taking(16 * 1024 * MORE)
        .takes::<NewWebhook>()
        .gives::<Added>(201, "The webhook with its secret");
    let end = Operation::with("endWebhook", Method::DELETE, "/api/v1/webhooks/{id}", Right::ManageWebhooks, end, "Be called no more")
        .answers(204, "Ended", None);
    let calls =
        Operation::get("listCalls", "/api/v1/webhooks/{id}/calls", Right::ManageWebhooks, calls, "What became of calls, the newest first")
            .lists::<Call>();
    [list, add, end, calls].map(|operation| operation.group("Webhooks")).into()
}

#[derive(Debug, Serialize, ToSchema)]
struct Webhook {
    id: String,
    url: String,
    kinds: Vec<String>,
    created_at: String,
    created_by: String,
    disabled_at: Option<String>,
    reason: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Added {
    #[serde(flatten)]
    webhook: Webhook,
    /// Signs every call; it is not shown again.
    secret: String,
}

/// One call.
#[derive(Debug, Serialize, ToSchema)]
struct Call {
    id: String,
    kind: String,
    created_at: String,
    attempts: i64,
    /// Null when it is over.
    next_attempt: Option<String>,
    /// Status of the last answer.
    status: Option<i64>,
    error: Option<String>,
    arrived_at: Option<String>,
    /// What an outside party was given with it, in the log of releases; null when everybody may know it, or it is our own.
    release: Option<String>,
}

impl Webhook {
    fn of(kept: Kept) -> Self {
        Self {
            id: kept.id,
            url: kept.url,
            kinds: kept.kinds.split_whitespace().map(str::to_owned).collect(),
            created_at: time_text(kept.created_at),
            created_by: kept.created_by,
            disabled_at: kept.disabled_at.map(time_text),
            reason: kept.reason,
        }
    }
}

impl Call {
    fn of(made: Made) -> Self {
        Self {
            id: made.id,
            kind: made.kind,
            created_at: time_text(made.created_at),
            attempts: made.attempts,
            next_attempt: made.next_attempt.map(time_text),
            status: made.status,
            error: made.error,
            arrived_at: made.arrived_at.map(time_text),
            release: made.release,
        }
    }
}

async fn own(visit: &Visit) -> Result<Vec<Kept>, Fault> {
    let party = visit.who()?.party.to_string();
    Ok(visit.server.register.webhooks(Some(&party)).await?)
}

async fn list(visit: Visit, headers: HeaderMap) -> Answer {
    Asked::of(&visit, &[])?;
    let data: Vec<Webhook> = own(&visit).await?.into_iter().map(Webhook::of).collect();
    page(&visit, &data, None)?.answer(&headers)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewWebhook {
    /// https, or http to this machine where that is allowed.
    #[schema(min_length = 1, max_length = 2000)]
    url: String,
    /// evidence, case, notice, job; for outside parties event. All when left out.
    #[serde(default)]
    kinds: Vec<String>,
    /// `whsec_` and 24 to 64 bytes in base 64; made here when left out.
    secret: Option<String>,
}

/// An address that may be called. Where its name leads is looked at with each call.
fn url(text: &str, private: bool) -> Result<Url, Fault> {
    let wrong = |why: &str| Fault::Wrong(format!("url: {why}"));
    if text.len() > 2000 {
        return Err(wrong("too long"));
    }
    let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(wrong("without a user, a password and a fragment"));
    }
    let host = url.host_str().ok_or_else(|| wrong("it names no host"))?;
    match url.scheme() {
        "https" => {}
        "http" if private => {}
        _ => return Err(wrong("https only")),
    }
    if let Ok(ip) = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>()
        && !private
        && !crate::outward::is_public(ip)
    {
        return Err(wrong("addresses of private networks are not called"));
    }
    Ok(url)
}

/// The key of a secret as Standard Webhooks writes it.
pub(crate) fn key(secret: &str) -> Option<Vec<u8>> {
    STANDARD.decode(secret.strip_prefix("whsec_")?).ok().filter(|key| (24..=64).contains(&key.len()))
}

async fn add(visit: Visit, headers: HeaderMap, body: Body) -> Answer {
    once(&visit, &headers, body, 16 * 1024, |visit, bytes| async move {
        let new: NewWebhook = read(&bytes)?;
        let kinds = kinds(Some(&new.kinds.join(" ")))?;
        let url = url(&new.url, visit.server.limits.private_webhooks)?;
        if own(&visit).await?.iter().filter(|kept| kept.disabled_at.is_none()).count() >= MOST {
            return Err(Fault::Conflict(format!("a party is called at {MOST} addresses at most")));
        }
        let secret = match new.secret {
            Some(secret) => secret,
            None => {
                let mut random = [0; 32];
                getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
                format!("whsec_{}", STANDARD.encode(random))
            }
        };
        if key(&secret).is_none() {
            return Err(Fault::Wrong("secret: whsec_ and 24 to 64 bytes in base 64".to_owned()));
        }
        let who = visit.who()?;
        let kept = Kept {
            id: new_id(),
            party: who.party.to_string(),
            url: url.to_string(),
            secret: secret.clone(),
            kinds: kinds.join(" "),
            place: visit.server.register.place_now().await?.to_string(),
            created_at: visit.now.as_microsecond(),
            created_by: who.shown.clone(),
            disabled_at: None,
            reason: None,
        };
        visit.server.register.add_webhook(&kept).await?;
        let place = format!("/api/v1/webhooks/{}/calls", kept.id);
        let sent = Sent::json(&Added { webhook: Webhook::of(kept), secret })?.status(StatusCode::CREATED);
        sent.header(header::LOCATION, place).answer(&HeaderMap::new())
    })
    .await
}

async fn end(visit: Visit, Path(id): Path<String>) -> Answer {
    Asked::of(&visit, &[])?;
    let who = visit.who()?;
    let why = format!("ended by {}", who.shown);
    let done = is_id(&id) && visit.server.register.end_webhook(who.party.as_str(), &id, &why, visit.now.as_microsecond()).await?;
    if done { Ok(StatusCode::NO_CONTENT.into_response()) } else { Err(Fault::NotFound) }
}

async fn calls(visit: Visit, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    Asked::of(&visit, &[])?;
    if !own(&visit).await?.iter().any(|kept| kept.id == id) {
        return Err(Fault::NotFound);
    }
    let data: Vec<Call> = visit.server.register.calls(&id, CALLS).await?.into_iter().map(Call::of).collect();
    page(&visit, &data, None)?.answer(&headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_others_could_reach_are_taken() {
        for (text, good) in [
            ("https://hooks.example/x", true),
            ("https://8.8.8.8/", true),
            ("http://hooks.example/", false),
            ("https://127.0.0.1/", false),
            ("https://10.1.2.3/", false),
            ("https://[::1]/", false),
            ("https://[::ffff:10.0.0.1]/", false),
            ("https://169.254.169.254/latest/", false),
            ("https://user@hooks.example/", false),
            ("file:///etc/passwd", false),
            ("https://2130706433/", false),
            ("https://0x7f.1/", false),
        ] {
            assert_eq!(url(text, false).is_ok(), good, "{text}");
        }
        assert!(url("http://127.0.0.1:9/", true).is_ok());
    }
}
