//! Bodies in and out: read within limits, unpacked within limits, packed as a client likes it.

use std::io::Read as _;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::StreamExt as _;
use sha2::{Digest as _, Sha256};

use super::Server;

/// Why a body was not taken.
#[derive(Debug)]
pub(crate) enum BadBody {
    TooLarge,
    TooSlow,
    /// Of an encoding that is not known, or not what it says.
    Encoding(String),
    Broken(String),
    Busy,
}

/// The whole of a body has this long to arrive.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads a body of at most `largest` bytes, unpacked. One that is too large is read to its end (within reason) before it is refused,
/// so that its sender hears why.
///
/// # Errors
/// When it is too large, too slow, broken or packed in an unknown way.
pub(crate) async fn read(server: &Server, headers: &HeaderMap, body: Body, largest: usize) -> Result<Vec<u8>, BadBody> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<usize>().ok());
    let kibibytes = (announced.unwrap_or(largest).min(largest) / 1024 + 1) as u32;
    let _room = tokio::time::timeout(PATIENCE, server.bodies.acquire_many(kibibytes))
        .await
        .map_err(|_| BadBody::Busy)?
        .map_err(|_| BadBody::Busy)?;
    let mut bytes = Vec::with_capacity(announced.unwrap_or(0).min(largest));
    let mut dropped = 0;
    let mut stream = body.into_data_stream();
    let reading = async {
        while let Some(part) = stream.next().await {
            let part: Bytes = part.map_err(|error| BadBody::Broken(error.to_string()))?;
            if bytes.len() + part.len() > largest {
                dropped += bytes.len() + part.len();
                bytes = Vec::new();
                if dropped > largest.saturating_mul(4) {
                    return Err(BadBody::TooLarge);
                }
            } else if dropped == 0 {
                bytes.extend_from_slice(&part);
            } else {
                dropped += part.len();
            }
        }
        Ok(())
    };
    tokio::time::timeout(PATIENCE, reading).await.map_err(|_| BadBody::TooSlow)??;
    if dropped > 0 {
        return Err(BadBody::TooLarge);
    }
    match headers.get(header::CONTENT_ENCODING).map(|v| v.to_str().unwrap_or("?").trim().to_ascii_lowercase()).as_deref() {
        None | Some("" | "identity") => Ok(bytes),
        Some("gzip" | "x-gzip") => unpack(flate2::read::GzDecoder::new(&*bytes), largest),
        Some("zstd") => unpack(zstd::Decoder::new(&*bytes).map_err(|error| BadBody::Encoding(error.to_string()))?, largest),
        Some(other) => Err(BadBody::Encoding(format!("Content-Encoding {other:?} is not known: gzip and zstd are"))),
    }
}

fn unpack(packed: impl std::io::Read, largest: usize) -> Result<Vec<u8>, BadBody> {
    let mut bytes = Vec::new();
    packed.take(largest as u64 + 1).read_to_end(&mut bytes).map_err(|error| BadBody::Encoding(error.to_string()))?;
    if bytes.len() > largest { Err(BadBody::TooLarge) } else { Ok(bytes) }
}

/// How a body goes out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// Smaller bodies gain nothing.
const WORTH_PACKING: usize = 1024;

impl Packing {
    /// What the client likes best of what we can (RFC 9110 §12.5.3).
    pub(crate) fn chosen(headers: &HeaderMap, length: usize) -> Self {
        if length < WORTH_PACKING {
            return Self::Plain;
        }
        let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let takes = |name: &str| {
            accepted.split(',').any(|one| {
                let mut parts = one.split(';').map(str::trim);
                let zero = |part: &str| part.replace(' ', "").strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0_f32));
                parts.next().is_some_and(|encoding| encoding.eq_ignore_ascii_case(name)) && !parts.any(zero)
            })
        };
        if takes("zstd") {
            Self::Zstd
        } else if takes("gzip") {
            Self::Gzip
        } else {
            Self::Plain
        }
    }

    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }

    pub(crate) fn pack(self, body: Vec<u8>) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Plain => Ok(body),
            Self::Zstd => zstd::bulk::compress(&body, 1),
            Self::Gzip => {
                let mut packed = Vec::new();
                flate2::read::GzEncoder::new(&*body, flate2::Compression::fast()).read_to_end(&mut packed)?;
                Ok(packed)
            }
        }
    }
}

/// An entity tag of a body, the same for each way it is packed (weak, RFC 9110 §8.8.3).
pub(crate) fn etag(body: &[u8]) -> String {
    etag_of(&Sha256::digest(body).into())
}

/// The same, of the body's SHA-256.
pub(crate) fn etag_of(sha256: &[u8; 32]) -> String {
    format!("W/\"{}\"", URL_SAFE_NO_PAD.encode(&sha256[..16]))
}

/// The client has it already.
pub(crate) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let named = headers.get_all(header::IF_NONE_MATCH);
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    named.iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(',')).any(|tag| tag.trim() == "*" || opaque(tag) == opaque(etag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_the_packing_that_it_takes() {
        let chosen = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, text.parse().unwrap());
            Packing::chosen(&headers, 5000)
        };
        assert_eq!(chosen("gzip, deflate, br"), Packing::Gzip);
        assert_eq!(chosen("gzip;q=1.0, zstd;q=0.5"), Packing::Zstd);
        assert_eq!(chosen("zstd;q=0, gzip; q=0"), Packing::Plain);
        assert_eq!(chosen("identity"), Packing::Plain);
        assert_eq!(Packing::chosen(&HeaderMap::new(), 5000), Packing::Plain);
        let body = b"abc".repeat(1000);
        assert_eq!(unpack(zstd::Decoder::new(&*Packing::Zstd.pack(body.clone()).unwrap()).unwrap(), 3000).unwrap(), body);
        assert!(matches!(unpack(flate2::read::GzDecoder::new(&*Packing::Gzip.pack(body).unwrap()), 2999), Err(BadBody::TooLarge)));
    }

    #[test]
    fn a_tag_is_known_however_it_is_written() {
        let tag = etag(b"x");
        for (text, known) in [(tag.as_str(), true), ("*", true), (tag.trim_start_matches("W/"), true), ("\"other\"", false)] {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, format!("\"a\", {text}").parse().unwrap());
            assert_eq!(is_known(&headers, &tag), known, "{text}");
        }
    }
}
