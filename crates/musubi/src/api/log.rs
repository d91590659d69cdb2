//! Our log of releases for those who check it: checkpoint, tiles and receipts; and our witness for the logs of others.
//!
//! Checkpoint and tiles tell nobody anything but how much was released, so they are open (C2SP tlog-tiles). Bundles of entries stay at home:
//! an entry is opened by its receipt, which goes to the recipient only.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use casework::model::agreement::Channel;
use formats::tlog::{Level, Tile};

use super::{Peer, Server, Shut};
use crate::{keys, pipeline};

/// Whatever stands below `/log/`.
pub(crate) async fn serve(State(server): State<Arc<Server>>, Extension(peer): Extension<Peer>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().trim_start_matches("/log/").to_owned();
    let done = match (&parts.method, path.as_str()) {
        (&Method::GET, "checkpoint") => checkpoint(&server).await,
        (&Method::GET, "policy") => policy(&server).await,
        (&Method::POST, "witness/add-checkpoint") => add_checkpoint(&server, &peer, &parts.headers, body).await,
        (&Method::GET, "witness/key") => witness_key(&server),
        (&Method::GET, path) if path.starts_with("receipt/") => receipt(&server, &peer, &parts.headers, path).await,
        (&Method::GET, path) if path.starts_with("tile/") => tile(&server, path).await,
        _ => Ok((StatusCode::NOT_FOUND, "nothing is served here\n").into_response()),
    };
    done.unwrap_or_else(|error| {
        tracing::error!("a request to the log failed: {error:#}");
        (StatusCode::INTERNAL_SERVER_ERROR, "something went wrong here\n").into_response()
    })
}

fn text(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")], text).into_response()
}

async fn checkpoint(server: &Server) -> anyhow::Result<Response> {
    Ok(match server.register.log_checkpoint().await? {
        Some(note) => text(note.to_string()),
        None => (StatusCode::NOT_FOUND, "nothing was released yet\n").into_response(),
    })
}

async fn policy(server: &Server) -> anyhow::Result<Response> {
    Ok(match server.register.log_policy(0).await {
        Ok(policy) => text(policy),
        Err(error) => (StatusCode::NOT_FOUND, format!("{error}\n")).into_response(),
    })
}

fn witness_key(server: &Server) -> anyhow::Result<Response> {
    Ok(text(format!("{}\n", keys::witness_key(&server.home, None)?.verifier())))
}

async fn tile(server: &Server, path: &str) -> anyhow::Result<Response> {
    let Some(tile) = Tile::read(path).filter(|tile| !matches!(tile.level, Level::Entries)) else {
        return Ok((StatusCode::NOT_FOUND, "no such tile\n").into_response());
    };
    Ok(match server.register.log_tile(tile).await? {
        Some(bytes) => {
            ([(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, "public, max-age=86400")], bytes).into_response()
        }
        None => (StatusCode::NOT_FOUND, "no such tile\n").into_response(),
    })
}

/// A receipt, for whoever got what it is about.
async fn receipt(server: &Server, peer: &Peer, headers: &HeaderMap, path: &str) -> anyhow::Result<Response> {
    let guest = match server.guest(headers, peer, Channel::Taxii).await {
        Ok(guest) => guest,
        Err(shut) => return Ok(refused(shut)),
    };
    let id = path.trim_start_matches("receipt/");
    let mine = server.register.logged(id).await?.is_some_and(|logged| logged.release.recipient == guest.caller.party);
    let proof = if mine { server.register.receipt(id).await? } else { None };
    Ok(match proof {
        Some(proof) => text(proof.to_string()),
        None => (StatusCode::NOT_FOUND, "there is no such release to you\n").into_response(),
    })
}

/// C2SP tlog-witness: only the logs that `musubi witness watch` named are signed.
async fn add_checkpoint(server: &Server, peer: &Peer, headers: &HeaderMap, body: Body) -> anyhow::Result<Response> {
    if let Err(shut) = server.guest(headers, peer, Channel::Taxii).await {
        return Ok(refused(shut));
    }
    let Ok(body) = super::answer::read(server, headers, body, formats::tlog::MOST_BYTES).await else {
        return Ok((StatusCode::BAD_REQUEST, "the request cannot be read\n").into_response());
    };
    let signer = keys::witness_key(&server.home, None)?;
    Ok(match server.register.add_checkpoint(&body, &signer, pipeline::now()).await? {
        Ok(lines) => text(lines),
        Err(refusal) => {
            let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
            // That another size is known is how both find where to begin.
            match status {
                StatusCode::CONFLICT => tracing::debug!(peer = %peer.address, "a checkpoint was not signed: {refusal}"),
                _ => tracing::warn!(peer = %peer.address, "a checkpoint was not signed: {refusal}"),
            }
            (
                status,
                [(header::CONTENT_TYPE, if status == StatusCode::CONFLICT { "text/x.tlog.size" } else { "text/plain" })],
                refusal.body(),
            )
                .into_response()
        }
    })
}

fn refused(shut: Shut) -> Response {
    match shut {
        Shut::Unknown => (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"musubi\"")], "sign in\n").into_response(),
        Shut::TooMany(wait) => {
            (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, (wait.as_secs() + 1).to_string())], "too many requests\n")
                .into_response()
        }
        Shut::Failed(error) => {
            tracing::error!("a request failed: {error:#}");
            (StatusCode::INTERNAL_SERVER_ERROR, "something went wrong here\n").into_response()
        }
    }
}
