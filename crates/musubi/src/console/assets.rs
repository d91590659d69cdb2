//! Styles, scripts and pictures: in the binary, each under a name that holds its hash, so that a browser keeps it for ever.

use std::sync::OnceLock;

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

use crate::api::answer::Packing;

/// One file.
#[derive(Debug)]
struct Asset {
    /// As pages name it.
    name: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
    /// As browsers ask for it.
    path: String,
    gzip: Vec<u8>,
}

macro_rules! assets {
    ($(($name:literal, $media:literal)),+ $(,)?) => {
        &[$(($name, $media, include_bytes!(concat!("../../assets/", $name)))),+]
    };
}

type Source = (&'static str, &'static str, &'static [u8]);

const FILES: &[Source] = assets![
    ("musubi.css", "text/css; charset=utf-8"),
    ("musubi.js", "text/javascript; charset=utf-8"),
    ("musubi.svg", "image/svg+xml"),
    ("world.svg", "image/svg+xml"),
    ("world-pacific.svg", "image/svg+xml"),
];

fn all() -> &'static [Asset] {
    static ALL: OnceLock<Vec<Asset>> = OnceLock::new();
    ALL.get_or_init(|| {
        FILES
            .iter()
            .map(|(name, media_type, bytes)| {
                let hash: String = Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
                let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
                let gzip = Packing::Gzip.pack(bytes.to_vec()).unwrap_or_default();
                Asset { name, media_type, bytes, path: format!("/assets/{stem}-{hash}.{ending}"), gzip }
            })
            .collect()
    })
}

/// Where a file is served, by its name in the sources.
pub(crate) fn path(name: &str) -> &'static str {
    all().iter().find(|asset| asset.name == name).map_or("/assets/missing", |asset| &asset.path)
}

/// `GET /assets/NAME-HASH.ENDING`
pub(super) async fn serve(Path(file): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = all().iter().find(|asset| asset.path.strip_prefix("/assets/") == Some(&file)) else {
        return (StatusCode::NOT_FOUND, "no such file\n").into_response();
    };
    let mut response = Response::builder()
        .header(header::CONTENT_TYPE, asset.media_type)
        .header(header::CACHE_CONTROL, "public, max-age=31536000, immutable")
        .header(header::VARY, "Accept-Encoding")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    let gzip = !asset.gzip.is_empty() && Packing::chosen(&headers, asset.bytes.len()) != Packing::Plain && takes_gzip(&headers);
    if gzip {
        response = response.header(header::CONTENT_ENCODING, "gzip");
    }
    let body = if gzip { Body::from(asset.gzip.as_slice()) } else { Body::from(asset.bytes) };
    response.body(body).unwrap_or_else(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response())
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains("gzip"))
}
