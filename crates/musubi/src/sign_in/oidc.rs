//! People whom another organisation signs in for us (OpenID Connect Core 1.0): authorization code with PKCE, bound to the browser that began.
//!
//! Who they are here is said by issuer and subject alone, as an invitation linked them: never by a mail address, which the other side can
//! give to anybody.

use std::path::PathBuf;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures::StreamExt as _;
use jiff::Timestamp;
use reqwest::Url;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls;

use super::bearer::Issuer;

/// An organisation as it is set up (`[[serve.oidc]]`).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OidcConfig {
    /// What the button says.
    pub(crate) name: String,
    /// As it names itself in `iss`; its discovery document lies below it.
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    /// The first line is the secret; without it we are a public client.
    pub(crate) client_secret_file: Option<PathBuf>,
    /// PEM file of the authority that signed its certificate, when the system does not know it.
    pub(crate) ca: Option<PathBuf>,
}

impl OidcConfig {
    /// # Errors
    /// When it could not work, or not safely.
    pub(crate) fn check(&self) -> Result<()> {
        ensure!(!self.name.trim().is_empty() && self.name.chars().count() <= 60, "name: 1 to 60 characters");
        ensure!(!self.client_id.is_empty(), "client_id is empty");
        safe(&self.issuer).map(drop)
    }
}

/// What was asked for, kept until the answer comes.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Asked {
    pub(crate) issuer: String,
    state: String,
    nonce: String,
    /// RFC 7636 §4.1.
    verifier: String,
    redirect: String,
    /// Where to afterwards.
    pub(crate) next: String,
    /// A link that makes an account, or lets its owner in again.
    pub(crate) invitation: Option<String>,
}

/// Whom an organisation says it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Named {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    /// As they want to be called.
    pub(crate) name: Option<String>,
    pub(crate) username: Option<String>,
}

/// All organisations that sign people in for us.
#[derive(Debug)]
pub(crate) struct Providers {
    all: Vec<Provider>,
}

#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) config: OidcConfig,
    secret: Option<String>,
    http: reqwest::Client,
    /// Its discovery document, as it was lately.
    found: tokio::sync::Mutex<Option<(Instant, Discovery)>>,
}

/// OpenID Connect Discovery 1.0 §3.
#[derive(Clone, Debug, Deserialize)]
struct Discovery {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Tokens {
    id_token: String,
}

#[derive(Debug, Deserialize)]
struct IdToken {
    sub: String,
    exp: i64,
    iat: i64,
    nonce: Option<String>,
    azp: Option<String>,
    name: Option<String>,
    preferred_username: Option<String>,
}

/// No document of theirs is larger.
const LARGEST: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(15);
/// A discovery document is asked for again after this.
const FRESH: Duration = Duration::from_secs(600);
/// Clocks differ by so much, in seconds.
const LEEWAY: i64 = 60;

impl Providers {
    /// # Errors
    /// When a secret or an authority cannot be read.
    pub(crate) fn new(configured: &[OidcConfig]) -> Result<Self> {
        let all = configured.iter().map(|config| Provider::new(config).with_context(|| format!("[[serve.oidc]] {}", config.name)));
        Ok(Self { all: all.collect::<Result<_>>()? })
    }

    pub(crate) fn all(&self) -> &[Provider] {
        &self.all
    }

    pub(crate) fn of(&self, issuer: &str) -> Option<&Provider> {
        self.all.iter().find(|provider| provider.config.issuer == issuer)
    }
}

impl Provider {
    fn new(config: &OidcConfig) -> Result<Self> {
        let secret = config.client_secret_file.as_deref().map(crate::config::password).transpose()?;
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .timeout(PATIENCE)
            .connect_timeout(Duration::from_secs(5))
            .user_agent(concat!("musubi/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        if let Some(ca) = &config.ca {
            let pem = std::fs::read(ca).with_context(|| ca.display().to_string())?;
            builder = builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(&pem).with_context(|| ca.display().to_string())?);
        }
        Ok(Self { config: config.clone(), secret, http: builder.build()?, found: tokio::sync::Mutex::default() })
    }

    /// Where the browser goes to sign in, and what is kept meanwhile. `base` is where browsers open us.
    ///
    /// # Errors
    /// When the organisation cannot be asked how it does this.
    pub(crate) async fn ask(&self, base: &str, next: &str, invitation: Option<&str>) -> Result<(String, Asked)> {
        let found = self.discovery().await?;
        let asked = Asked {
            issuer: self.config.issuer.clone(),
            state: super::new_token()?,
            nonce: super::new_token()?,
            verifier: format!("{}{}", super::new_token()?, super::new_token()?),
            redirect: format!("{base}/sign-in/organisation/answer"),
            next: next.to_owned(),
            invitation: invitation.map(str::to_owned),
        };
        let mut to = safe(&found.authorization_endpoint)?;
        to.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.config.client_id)
            .append_pair("redirect_uri", &asked.redirect)
            .append_pair("scope", "openid profile")
            .append_pair("state", &asked.state)
            .append_pair("nonce", &asked.nonce)
            .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(Sha256::digest(asked.verifier.as_bytes())))
            .append_pair("code_challenge_method", "S256");
        Ok((to.into(), asked))
    }

    /// Whom the organisation says it is, when the answer fits what was asked.
    ///
    /// # Errors
    /// When it does not: why, for us alone.
    pub(crate) async fn answer(&self, asked: &Asked, state: &str, code: &str, iss: Option<&str>, now: Timestamp) -> Result<Named> {
        // Hashes, so that how long comparing takes tells nothing.
        ensure!(Sha256::digest(state.as_bytes()) == Sha256::digest(asked.state.as_bytes()), "the state is not that of this browser");
        // RFC 9207: the answer comes from whom was asked.
        ensure!(iss.is_none_or(|iss| iss == asked.issuer), "the answer comes from {iss:?}");
        let found = self.discovery().await?;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &asked.redirect),
            ("code_verifier", &asked.verifier),
        ];
        let mut request = self.http.post(safe(&found.token_endpoint)?);
        // RFC 8414 §2: without a list, client_secret_basic.
        let methods = &found.token_endpoint_auth_methods_supported;
        let basic = methods.is_empty() || methods.iter().any(|method| method == "client_secret_basic");
        match &self.secret {
            Some(secret) if basic => {
                // RFC 6749 §2.3.1: encoded as in a form first.
                let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                let pair = STANDARD.encode(format!("{}:{}", encoded(&self.config.client_id), encoded(secret)));
                request = request.header(reqwest::header::AUTHORIZATION, format!("Basic {pair}"));
            }
            Some(secret) => form.extend([("client_id", self.config.client_id.as_str()), ("client_secret", secret.as_str())]),
            None => form.push(("client_id", self.config.client_id.as_str())),
        }
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = request.header(reqwest::header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        let tokens: Tokens = read(request).await.context("the code was not changed into tokens")?;
        let keys: serde_json::Value = read(self.http.get(safe(&found.jwks_uri)?)).await.context("no keys")?;
        let issuer = Issuer::new(&self.config.issuer, &self.config.client_id, &keys.to_string())?;
        let claims: IdToken = issuer.claims(&tokens.id_token).context("the ID token is not signed by it, or not for us")?;
        // OpenID Connect Core 1.0 §3.1.3.7.
        let second = now.as_second();
        ensure!(second < claims.exp.saturating_add(LEEWAY), "the ID token has expired");
        ensure!(claims.iat <= second + LEEWAY && claims.iat > second - 3600, "the ID token is not of this moment");
        ensure!(claims.nonce.as_deref() == Some(asked.nonce.as_str()), "the ID token answers another question");
        ensure!(claims.azp.as_deref().is_none_or(|azp| azp == self.config.client_id), "the ID token is for another client");
        ensure!(!claims.sub.is_empty() && claims.sub.len() <= 255, "the subject is not readable");
        Ok(Named { issuer: asked.issuer.clone(), subject: claims.sub, name: claims.name, username: claims.preferred_username })
    }

    async fn discovery(&self) -> Result<Discovery> {
        let mut found = self.found.lock().await;
        if let Some((at, discovery)) = &*found
            && at.elapsed() < FRESH
        {
            return Ok(discovery.clone());
        }
        let url = format!("{}/.well-known/openid-configuration", self.config.issuer.trim_end_matches('/'));
        let discovery: Discovery = read(self.http.get(safe(&url)?)).await.context(url)?;
        // Discovery §4.3: else one organisation could speak for another.
        ensure!(discovery.issuer == self.config.issuer, "it calls itself {:?}", discovery.issuer);
        *found = Some((Instant::now(), discovery.clone()));
        Ok(discovery)
    }
}

/// An address that nobody on the way reads along with.
fn safe(text: &str) -> Result<Url> {
    let url = Url::parse(text).with_context(|| format!("{text:?} is no address"))?;
    let host = url.host_str().unwrap_or_default();
    let loopback = host == "localhost" || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    ensure!(url.scheme() == "https" || (url.scheme() == "http" && loopback), "{text:?}: https only");
    Ok(url)
}

async fn read<T: DeserializeOwned>(request: reqwest::RequestBuilder) -> Result<T> {
    let response = request.header(reqwest::header::ACCEPT, "application/json").send().await?;
    let status = response.status();
    let mut body = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(part) = stream.next().await {
        let part = part?;
        ensure!(body.len() + part.len() <= LARGEST, "the answer is larger than {LARGEST} bytes");
        body.extend_from_slice(&part);
    }
    if !status.is_success() {
        bail!("{status}: {}", String::from_utf8_lossy(&body).chars().take(300).collect::<String>());
    }
    Ok(serde_json::from_slice(&body)?)
}
