//! Block lists over HTTP: `/lists/FORMAT`, made for whoever asks. With an entity tag, so that an unchanged list costs nothing and is no release.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use casework::indicate::lists::{Format, Wish};
use casework::model::agreement::Channel;

use super::answer::{Packing, etag, is_known};
use super::{Peer, Server, Shut};
use crate::deliver::lists::{Asked, content, give, listed};
use crate::keys;

/// `GET /lists/FORMAT?score=N`, or `/lists/FORMAT/FILE` for those that are several files.
pub(crate) async fn serve(
    State(server): State<Arc<Server>>,
    Extension(peer): Extension<Peer>,
    Path(path): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let guest = match server.guest(&headers, &peer, Channel::Taxii).await {
        Ok(guest) => guest,
        Err(Shut::Unknown) => {
            return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"musubi\"")], "sign in with a token\n")
                .into_response();
        }
        Err(Shut::TooMany(wait)) => {
            return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, (wait.as_secs() + 1).to_string())], "too many requests\n")
                .into_response();
        }
        Err(Shut::Failed(error)) => return failed(&error),
    };
    let (word, name) = path.split_once('/').map_or((path.as_str(), None), |(word, name)| (word, Some(name)));
    let Some(format) = Format::read(word) else {
        let known = Format::ALL.map(Format::as_str).join(", ");
        return (StatusCode::NOT_FOUND, format!("there is no list {word:?}: {known}\n")).into_response();
    };
    let mut least_score = 50;
    for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match (&*key, value.parse::<u8>().ok().filter(|score| *score <= 100)) {
            ("score", Some(score)) => least_score = score,
            ("score", None) => return (StatusCode::BAD_REQUEST, format!("score: {value:?} is no number from 0 to 100\n")).into_response(),
            _ => {}
        }
    }
    let party = &guest.caller.party;
    let wish = Wish { notes: vec![format!("for {party}")], ..Wish::default() };
    let asked = Asked { to: party, channel: Channel::Taxii, format, least_score, most: 500_000, longest: 30 };
    let made = match listed(&server.home, &server.register, &guest.standing, &asked, wish, guest.now).await {
        Ok(made) => made,
        Err(error) => return failed(&error),
    };
    let shown = |files: &casework::indicate::lists::Files| match name {
        None => files.files.first().map(|file| file.text.clone().into_bytes()),
        Some(name) => files.files.iter().find(|file| file.name == name).map(|file| file.text.clone().into_bytes()),
    };
    if shown(&made.files).is_none() {
        let names: Vec<&str> = made.files.files.iter().map(|file| file.name).collect();
        return (StatusCode::NOT_FOUND, format!("the files of this list are {}\n", names.join(", "))).into_response();
    }
    let tag = etag(&[content(&made.files), name.unwrap_or_default().as_bytes().to_vec()].concat());
    if is_known(&headers, &tag) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response();
    }
    let own = guest.standing.own.as_ref() == Some(party);
    let given = async { give(&server.register, &keys::log_key(&server.home, None)?, made, own, guest.now).await };
    let (files, _) = match given.await {
        Ok(given) => given,
        Err(error) => return failed(&error),
    };
    let body = shown(&files).unwrap_or_default();
    let packing = Packing::chosen(&headers, body.len());
    let mut response = Response::builder()
        .header(header::CONTENT_TYPE, if name.is_some() { "text/plain; charset=utf-8" } else { format.media_type() })
        .header(header::ETAG, tag)
        .header(header::CACHE_CONTROL, "private, no-cache")
        .header(header::VARY, "Accept-Encoding, Authorization");
    if let Some(name) = packing.name() {
        response = response.header(header::CONTENT_ENCODING, name);
    }
    let packed = packing.pack(body).map_err(anyhow::Error::from);
    match packed.and_then(|body| Ok(response.body(Body::from(body))?)) {
        Ok(response) => response,
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> Response {
    tracing::error!("a list could not be made: {error:#}");
    (StatusCode::INTERNAL_SERVER_ERROR, "something went wrong here\n").into_response()
}
