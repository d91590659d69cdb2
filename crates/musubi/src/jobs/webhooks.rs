//! Calls others when something happens: what is new is written down as calls first, with its release where an outside party is told; then
//! each is made until it arrives or is given up.
//!
//! A name is resolved here and the connection goes to the address that was looked at: a name that leads into a private network, now or
//! on the second look, is not called. Redirects are not followed.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::http::Uri;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use casework::model::agreement::Purpose;
use casework::model::rights::Role;
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use store::happenings::Place;
use store::webhooks::{Call, Webhook};

use crate::api::Server;
use crate::api::release::Given;
use crate::api::rest::answer::release;
use crate::api::rest::stream::{self, Happening};
use crate::api::rest::webhooks::key;
use crate::console::visit::{Fault, Visit, Who};
use crate::console::words::Words;
use crate::outward;
use crate::pipeline;

/// It is looked this often for what is new.
const LOOK: Duration = Duration::from_secs(2);
/// Whoever does not answer within this time has not heard.
const PATIENCE: Duration = Duration::from_secs(15);
/// Things told in one call.
const TOGETHER: usize = 500;
/// Calls made at once.
const AT_ONCE: usize = 16;
/// Seconds until the next attempt; after the last one it is given up.
const WAITS: [i64; 8] = [5, 60, 300, 1800, 7200, 18_000, 36_000, 86_400];

/// Calls until the server ends.
pub(crate) async fn work(server: Arc<Server>) {
    loop {
        if let Err(error) = plan(&server).await {
            tracing::error!("what is new could not be told to webhooks: {error:#}");
        }
        match call(&server).await {
            Ok(0) => tokio::time::sleep(LOOK).await,
            Ok(_) => {}
            Err(error) => {
                tracing::error!("webhooks could not be called: {error:#}");
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}

/// Writes down what is to be told to whom.
async fn plan(server: &Arc<Server>) -> Result<()> {
    let hooks = server.register.webhooks(None).await?;
    for hook in hooks.iter().filter(|hook| hook.disabled_at.is_none()) {
        while plan_one(server, hook).await.map_err(|fault| anyhow::anyhow!("webhook {}: {fault:?}", hook.id))? {}
    }
    Ok(())
}

/// Through whose eyes a webhook sees: those of its party, with what its administrator may.
fn seer(hook: &Webhook, own: bool) -> Result<Who> {
    let role = if own { Role::Auditor } else { Role::Partner };
    let id = format!("webhook:{}", hook.id);
    Ok(Who { shown: id.clone(), id, party: hook.party.parse()?, role, reads_only: true, session: None, how: "webhook".to_owned() })
}

/// One step of one webhook; `true` when there may be more.
async fn plan_one(server: &Arc<Server>, hook: &Webhook) -> Result<bool, Fault> {
    let now = pipeline::now();
    let standing = server.desk.standing(now).await?;
    let party = hook.party.parse().map_err(anyhow::Error::from)?;
    let own = standing.own.as_ref() == Some(&party);
    let who = seer(hook, own)?;
    let current = server.register.webhooks(Some(&hook.party)).await?.into_iter().find(|one| one.id == hook.id);
    let Some(from) = current.filter(|one| one.disabled_at.is_none()).and_then(|one| Place::read(&one.place)) else { return Ok(false) };
    let kinds: Vec<String> = hook.kinds.split_whitespace().map(str::to_owned).collect();
    let (found, place, told) = stream::happened(server, &who, &kinds, from, now).await?;
    if place == from {
        return Ok(false);
    }
    let visit = Visit {
        server: Arc::clone(server),
        who: Some(who),
        words: Words::of(casework::model::party::Language::En),
        zone: jiff::tz::TimeZone::UTC,
        scheme: None,
        now,
        uri: Uri::from_static("/api/v1/webhooks"),
        address: IpAddr::from([127, 0, 0, 1]),
        secure: false,
    };
    let mut calls = Vec::new();
    let mut rest: &[Happening] = &found;
    while let Some(first) = rest.first() {
        let same = rest.iter().take(TOGETHER).take_while(|one| one.kind == first.kind).count();
        let (now_told, later) = rest.split_at(same);
        rest = later;
        let data: Vec<_> = now_told.iter().map(|one| &one.body).collect();
        let body = serde_json::to_vec(&json!({"type": first.kind, "timestamp": now.to_string(), "data": data}))?;
        let given = match &told {
            // Logged before it is written down to be sent, each body by itself.
            Some(told) => release(&visit, "webhook", Purpose::Notify, &told.eyes.under(&told.rows), body).await?,
            None => Given::ours(body),
        };
        let released = given.release().map(str::to_owned);
        calls.push(Call {
            id: format!("msg_{}", crate::chance::uuid().simple()),
            webhook: hook.id.clone(),
            kind: first.kind.to_owned(),
            body: Some(given.into_bytes()),
            release: released,
            created_at: now.as_microsecond(),
            attempts: 0,
            next_attempt: Some(now.as_microsecond()),
            status: None,
            error: None,
            arrived_at: None,
        });
    }
    server.register.plan_calls(&hook.id, &place.to_string(), &calls).await?;
    Ok(true)
}

/// Makes the calls whose time has come; says how many.
async fn call(server: &Arc<Server>) -> Result<usize> {
    let now = pipeline::now();
    let due = server.register.due_calls(now.as_microsecond(), 200).await?;
    let count = due.len();
    if count == 0 {
        return Ok(0);
    }
    let hooks = server.register.webhooks(None).await?;
    let making = due.into_iter().map(|call| {
        let hook = hooks.iter().find(|hook| hook.id == call.webhook).cloned();
        async move {
            let outcome = match &hook {
                Some(hook) => post(hook, &call, server.limits.private_webhooks).await,
                None => Err(anyhow::anyhow!("the webhook is gone")),
            };
            let after = after(call, outcome, pipeline::now());
            let gone = after.status == Some(410);
            let ended = server.register.call_made(&after).await;
            if let (true, Some(hook)) = (gone, &hook) {
                // Standard Webhooks: 410 says that it is not wanted any more.
                let at = pipeline::now().as_microsecond();
                server.register.end_webhook(&hook.party, &hook.id, "the address answered 410 Gone", at).await?;
            }
            ended.map_err(anyhow::Error::from)
        }
    });
    let done: Vec<Result<()>> = futures::stream::iter(making).buffer_unordered(AT_ONCE).collect().await;
    done.into_iter().collect::<Result<Vec<()>>>()?;
    Ok(count)
}

/// A call after an attempt.
fn after(call: Call, outcome: Result<u16>, now: Timestamp) -> Call {
    let attempts = call.attempts + 1;
    let arrived = matches!(outcome, Ok(200..300));
    let (status, error) = match &outcome {
        Ok(status) => (Some(i64::from(*status)), (!arrived).then(|| format!("answered {status}"))),
        Err(error) => (None, Some(format!("{error:#}").chars().take(300).collect())),
    };
    let wait = usize::try_from(call.attempts).ok().and_then(|at| WAITS.get(at)).filter(|_| !arrived && status != Some(410));
    let next_attempt = wait.map(|seconds| (now + SignedDuration::from_secs(*seconds)).as_microsecond());
    Call { attempts, next_attempt, status, error, arrived_at: arrived.then(|| now.as_microsecond()), ..call }
}

/// `v1,` and HMAC-SHA256 over id, time and body (Standard Webhooks §"Signature scheme").
pub(crate) fn signature(secret: &str, id: &str, seconds: i64, body: &[u8]) -> Option<String> {
    let key = key(secret)?;
    let mut message = format!("{id}.{seconds}.").into_bytes();
    message.extend_from_slice(body);
    Some(format!("v1,{}", STANDARD.encode(hmac(&key, &message))))
}

/// HMAC with SHA-256 (RFC 2104): the key is at most 64 bytes, one block.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().into()
}

async fn post(hook: &Webhook, call: &Call, private: bool) -> Result<u16> {
    let url = Url::parse(&hook.url).context("the address")?;
    let host = url.host_str().context("no host")?.to_owned();
    let port = url.port_or_known_default().unwrap_or(443);
    let bare = host.trim_matches(['[', ']']).to_owned();
    let found: Vec<SocketAddr> = match bare.parse::<IpAddr>() {
        Ok(ip) => vec![SocketAddr::new(ip, port)],
        Err(_) => tokio::net::lookup_host((bare.as_str(), port)).await.with_context(|| format!("{bare} cannot be resolved"))?.collect(),
    };
    if found.is_empty() {
        bail!("{bare} has no address");
    }
    if !private && let Some(address) = found.iter().find(|address| !outward::is_public(address.ip())) {
        bail!("{bare} leads to {}: addresses of private networks are not called", address.ip());
    }
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("musubi/", env!("CARGO_PKG_VERSION")))
        .resolve_to_addrs(&bare, &found)
        .build()?;
    let body = call.body.clone().context("the body is gone")?;
    let seconds = pipeline::now().as_second();
    let signed = signature(&hook.secret, &call.id, seconds, &body).context("the secret cannot be read")?;
    let answer = client
        .post(url)
        .header("content-type", "application/json")
        .header("webhook-id", &call.id)
        .header("webhook-timestamp", seconds.to_string())
        .header("webhook-signature", signed)
        .body(body)
        .send()
        .await?;
    Ok(answer.status().as_u16())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_hash_is_that_of_the_standard() {
        // RFC 4231 §4.2 and §4.3.
        assert_eq!(hex(&hmac(&[0x0b; 20], b"Hi There")), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
        assert_eq!(
            hex(&hmac(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn a_call_is_tried_again_later_and_later_and_then_given_up() {
        let mut call = Call {
            id: "msg_1".into(),
            webhook: "w".into(),
            kind: "case".into(),
            body: Some(Vec::new()),
            release: None,
            created_at: 0,
            attempts: 0,
            next_attempt: Some(0),
            status: None,
            error: None,
            arrived_at: None,
        };
        let now = Timestamp::UNIX_EPOCH;
        let mut last = 0;
        for _ in WAITS {
            call = after(call, Ok(503), now);
            let next = call.next_attempt.expect("another attempt");
            assert!(next > last);
            last = next;
        }
        assert_eq!(after(call.clone(), Ok(500), now).next_attempt, None);
        assert_eq!(after(call.clone(), Ok(204), now).arrived_at, Some(0));
        assert_eq!(after(Call { attempts: 0, ..call }, Ok(410), now).next_attempt, None);
    }
}
