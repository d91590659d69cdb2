//! Tokens of other issuers: OAuth 2.0 access tokens as signed JWTs (RFC 9068, RFC 8725).
//!
//! An issuer is set up with its keys as a JWK set in a file: nothing is fetched when somebody signs in. The algorithm is that of the key,
//! never that which a token claims alone; issuer, audience and end are required.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

/// An issuer as it is set up (`[[serve.issuer]]`).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IssuerConfig {
    /// As it names itself in `iss`.
    pub(crate) issuer: String,
    /// What `aud` must name: us.
    pub(crate) audience: String,
    /// File with its JWK set (RFC 7517 §5).
    pub(crate) keys: PathBuf,
}

/// Issuers that are trusted to say who somebody is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Issuers {
    known: Vec<Issuer>,
}

/// An issuer with its keys.
#[derive(Clone)]
pub(crate) struct Issuer {
    name: String,
    audience: String,
    keys: Vec<(Option<String>, Algorithm, DecodingKey)>,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").field("name", &self.name).field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

/// Whom a token names.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Subject {
    pub(crate) issuer: String,
    pub(crate) name: String,
}

#[derive(Debug, Deserialize)]
struct Claims {
    sub: Option<String>,
    client_id: Option<String>,
    exp: i64,
    nbf: Option<i64>,
}

/// A longer token is not looked at.
const LARGEST: usize = 16 * 1024;
/// Clocks differ by so much, in seconds.
const LEEWAY: i64 = 60;

impl Issuers {
    /// Reads the keys of all that are set up.
    ///
    /// # Errors
    /// When a file cannot be read or holds no key that can be used.
    pub(crate) fn read(configured: &[IssuerConfig]) -> Result<Self> {
        let known = configured.iter().map(|config| {
            let text = std::fs::read_to_string(&config.keys).with_context(|| config.keys.display().to_string())?;
            Issuer::new(&config.issuer, &config.audience, &text).with_context(|| config.keys.display().to_string())
        });
        Ok(Self { known: known.collect::<Result<_>>()? })
    }

    /// Whom a token names, when an issuer that we trust signed it for us and it holds at `now` (microseconds since 1970).
    pub(crate) fn subject(&self, token: &str, now: i64) -> Option<Subject> {
        for issuer in &self.known {
            let Some(claims) = issuer.claims::<Claims>(token) else { continue };
            // Our own clock, so that one moment holds for the whole request.
            let second = now / 1_000_000;
            if second >= claims.exp.saturating_add(LEEWAY) || claims.nbf.is_some_and(|from| second < from.saturating_sub(LEEWAY)) {
                return None;
            }
            let name = claims.sub.or(claims.client_id)?;
            return Some(Subject { issuer: issuer.name.clone(), name });
        }
        None
    }
}

impl Issuer {
    /// What a token says, when this issuer signed it for the audience. Whether it holds at this moment is for whoever asks.
    pub(crate) fn claims<C: serde::de::DeserializeOwned>(&self, token: &str) -> Option<C> {
        if token.len() > LARGEST {
            return None;
        }
        let header = jsonwebtoken::decode_header(token).ok()?;
        self.keys.iter().find_map(|(id, algorithm, key)| {
            let named = header.kid.is_none() || id.is_none() || header.kid == *id;
            if *algorithm != header.alg || !named {
                return None;
            }
            let mut validation = Validation::new(*algorithm);
            validation.set_issuer(&[&self.name]);
            validation.set_audience(&[&self.audience]);
            validation.set_required_spec_claims(&["exp", "iss", "aud"]);
            validation.validate_exp = false;
            validation.validate_nbf = false;
            jsonwebtoken::decode::<C>(token, key, &validation).ok().map(|token| token.claims)
        })
    }

    pub(crate) fn new(name: &str, audience: &str, keys: &str) -> Result<Self> {
        let set: JwkSet = serde_json::from_str(keys).context("not a JWK set")?;
        let mut usable = Vec::new();
        for jwk in &set.keys {
            // A secret that both sides know proves nothing about who signed.
            let algorithm = jwk.common.key_algorithm.and_then(|named| named.to_string().parse::<Algorithm>().ok()).or_else(|| by_kind(jwk));
            let Some(algorithm) = algorithm.filter(|a| !matches!(a, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512)) else {
                continue;
            };
            if let Ok(key) = DecodingKey::from_jwk(jwk) {
                usable.push((jwk.common.key_id.clone(), algorithm, key));
            }
        }
        ensure!(!usable.is_empty(), "none of its {} keys can be used to check a signature", set.keys.len());
        Ok(Self { name: name.to_owned(), audience: audience.to_owned(), keys: usable })
    }
}

fn by_kind(jwk: &jsonwebtoken::jwk::Jwk) -> Option<Algorithm> {
    use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve};
    match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Some(Algorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => Some(Algorithm::ES256),
            EllipticCurve::P384 => Some(Algorithm::ES384),
            _ => None,
        },
        AlgorithmParameters::OctetKeyPair(_) => Some(Algorithm::EdDSA),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::json;

    /// An Ed25519 key as PKCS#8 (RFC 8410 §7), and its public half.
    fn key() -> (EncodingKey, [u8; 32]) {
        let secret = [7_u8; 32];
        let mut der = vec![0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
        der.extend(secret);
        let signer = formats::tlog::Signer::new("x", formats::tlog::KeyKind::Note, &secret).unwrap();
        let public = signer.verifier().public_key();
        (EncodingKey::from_ed_der(&der), public)
    }

    fn issuers(public: [u8; 32]) -> Issuers {
        let set = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "k1", "x": URL_SAFE_NO_PAD.encode(public)},
            {"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}]});
        Issuers { known: vec![Issuer::new("https://login.example", "musubi", &set.to_string()).unwrap()] }
    }

    fn token(claims: &serde_json::Value) -> String {
        jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), claims, &key().0).unwrap()
    }

    #[test]
    fn a_token_for_us_from_a_known_issuer_names_its_subject() {
        let issuers = issuers(key().1);
        let claims = json!({"iss": "https://login.example", "aud": ["musubi", "other"], "sub": "alice", "exp": 1000});
        let subject = |claims: &serde_json::Value, second: i64| issuers.subject(&token(claims), second * 1_000_000);
        assert_eq!(subject(&claims, 900), Some(Subject { issuer: "https://login.example".into(), name: "alice".into() }));
        assert_eq!(subject(&claims, 2000), None);
        for (key, value) in [("iss", json!("https://evil.example")), ("aud", json!("other")), ("nbf", json!(5000)), ("exp", json!(null))] {
            let mut wrong = claims.clone();
            wrong[key] = value;
            assert_eq!(subject(&wrong, 900), None, "{key}");
        }
        assert_eq!(issuers.subject("a.b.c", 0), None);
    }

    #[test]
    fn a_secret_shared_with_the_issuer_is_no_key() {
        let claims = json!({"iss": "https://login.example", "aud": "musubi", "sub": "alice", "exp": 1000});
        let forged = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(b"secret")).unwrap();
        assert_eq!(issuers(key().1).subject(&forged, 900_000_000), None);
        assert!(Issuer::new("x", "y", r#"{"keys":[{"kty":"oct","k":"c2VjcmV0","alg":"HS256"}]}"#).is_err());
    }
}
