//! A TAXII 2.1 client that gets along with the servers there are.
//!
//! Pages are taken by `next` where there is one and by `added_after` where there is not; a header that is missing, a media type that is
//! wrong and a `more` without an end do no harm. Answers are bounded, and who asks for patience gets it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use formats::taxii::media::MEDIA_TYPE;
use formats::taxii::resource::{ApiRoot, Collection, Collections, Discovery, ErrorMessage, Status};
use futures::StreamExt as _;
use reqwest::{Method, StatusCode, Url};
use serde::de::DeserializeOwned;
use store::peers::Peer;
use tokio_rustls::rustls;

use super::discover::{Domain, Found};

/// Whoever answers with more is not understood.
const LARGEST: usize = 256 << 20;
const PATIENCE: Duration = Duration::from_secs(60);

/// A server of somebody else.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    /// API root, ending in `/`.
    root: Url,
    /// Where the server begins.
    origin: Url,
    basic: Option<(String, String)>,
    bearer: Option<String>,
}

/// An answer in full.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// It asked for patience.
#[derive(Debug, thiserror::Error)]
#[error("asks us to come again in {} s", .0.as_secs())]
pub(crate) struct Later(pub(crate) Duration);

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).context("the answer is not what TAXII 2.1 asks for")
    }
}

impl Client {
    /// Connects to a peer and finds its API root. Of several servers that DNS names, the first that answers is the one.
    ///
    /// # Errors
    /// When it cannot be reached, or is no TAXII server.
    pub(crate) async fn connect(peer: &Peer, home: &Path) -> Result<Self> {
        let Some(domain) = Domain::read(&peer.url)? else {
            let url = Url::parse(&peer.url).with_context(|| format!("{} is no address", peer.url))?;
            return Self::connect_to(peer, home, url, None).await;
        };
        let mut last = None;
        for found in domain.servers(peer.ca.is_some()).await? {
            match Self::connect_to(peer, home, found.url.clone(), Some(&found)).await {
                Ok(client) => return Ok(client),
                Err(error) => {
                    tracing::info!(party = %peer.party, "{} was tried: {error:#}", found.url);
                    last = Some(error);
                }
            }
        }
        Err(last.unwrap_or_else(|| anyhow!("{domain} names no server")))
    }

    async fn connect_to(peer: &Peer, home: &Path, mut url: Url, found: Option<&Found>) -> Result<Self> {
        if url.scheme() != "https" && !is_loopback(&url) {
            bail!("{url}: what is shared travels over https only");
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        let secret = match &peer.token_file {
            Some(file) => Some(crate::config::password(&home.join(file))?),
            None => None,
        };
        let (basic, bearer) = match (&peer.token_id, secret) {
            (Some(id), Some(secret)) => (Some((id.clone(), secret)), None),
            (None, secret) => (None, secret),
            (Some(_), None) => bail!("a user without a token file"),
        };
        let mut client = Self { http: http(peer, home, found)?, root: url.clone(), origin: url.join("/")?, basic, bearer };
        // The address may be that of the discovery or that of an API root.
        let answer = client.send(Method::GET, url.clone(), None, &[]).await?;
        let discovery: Option<Discovery> = answer.json().ok().filter(|found: &Discovery| !found.api_roots.is_empty());
        if let Some(found) = discovery {
            let root = found.default.or_else(|| found.api_roots.first().cloned()).ok_or_else(|| anyhow!("the server names no API root"))?;
            client.root = url.join(&root).with_context(|| format!("the API root {root:?} is no address"))?;
            if client.root.host_str() != url.host_str() {
                bail!("the server sends us to another one, {}: give that as its address if it is meant", client.root);
            }
            if !client.root.path().ends_with('/') {
                client.root.set_path(&format!("{}/", client.root.path()));
            }
        } else {
            let _: ApiRoot = answer.json().with_context(|| format!("{url} is neither discovery nor API root"))?;
        }
        Ok(client)
    }

    /// Collections that are offered to us.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub(crate) async fn collections(&self) -> Result<Vec<Collection>> {
        let answer = self.send(Method::GET, self.root.join("collections/")?, None, &[]).await?;
        Ok(answer.json::<Collections>()?.collections)
    }

    /// A page of a collection behind a moment, as it was sent.
    ///
    /// # Errors
    /// When the server cannot be asked or refuses.
    pub(crate) async fn page(&self, collection: &str, after: Option<&str>, next: Option<&str>, limit: usize) -> Result<Answer> {
        let mut url = self.root.join(&format!("collections/{collection}/objects/"))?;
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("limit", &limit.to_string()).append_pair("match[version]", "all");
            if let Some(after) = after {
                query.append_pair("added_after", after);
            }
            if let Some(next) = next {
                query.append_pair("next", next);
            }
        }
        self.send(Method::GET, url, None, &[("x-musubi", "1")]).await
    }

    /// Gives objects; waits while the server works on them.
    ///
    /// # Errors
    /// When the server cannot be asked or refuses the request.
    pub(crate) async fn add(&self, collection: &str, envelope: Vec<u8>, headers: &[(&str, &str)]) -> Result<Status> {
        let url = self.root.join(&format!("collections/{collection}/objects/"))?;
        let answer = self.send(Method::POST, url, Some(envelope), headers).await?;
        let mut status: Status = answer.json()?;
        for wait in 0..60_u64 {
            if status.status != "pending" {
                return Ok(status);
            }
            tokio::time::sleep(Duration::from_millis(250 * (wait + 1).min(8))).await;
            status = self.send(Method::GET, self.root.join(&format!("status/{}/", status.id))?, None, &[]).await?.json()?;
        }
        bail!("request {} is not done after two minutes", status.id)
    }

    /// Something else of the same server.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub(crate) async fn other(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Result<Answer> {
        self.ask(method, self.origin.join(path)?, body, &[]).await
    }

    /// Sends, and takes nothing but success.
    async fn send(&self, method: Method, url: Url, body: Option<Vec<u8>>, headers: &[(&str, &str)]) -> Result<Answer> {
        let shown = format!("{method} {}{}", url.origin().ascii_serialization(), url.path());
        let answer = self.ask(method, url, body, headers).await.with_context(|| shown.clone())?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        if matches!(answer.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            let wait = answer.header("retry-after").and_then(|text| text.trim().parse().ok()).unwrap_or(30_u64).min(3600);
            return Err(anyhow::Error::new(Later(Duration::from_secs(wait))).context(shown));
        }
        let told = answer.json::<ErrorMessage>().ok();
        let told = told.map(|told| format!("{}{}", told.title, told.description.map(|text| format!(": {text}")).unwrap_or_default()));
        bail!("{shown}: {} {}", answer.status, told.unwrap_or_default())
    }

    async fn ask(&self, method: Method, url: Url, body: Option<Vec<u8>>, headers: &[(&str, &str)]) -> Result<Answer> {
        let mut request = self.http.request(method, url).header("accept", MEDIA_TYPE);
        if let Some((user, password)) = &self.basic {
            request = request.basic_auth(user, Some(password));
        }
        if let Some(token) = &self.bearer {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", MEDIA_TYPE).body(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        let mut stream = response.bytes_stream();
        while let Some(part) = stream.next().await {
            let part = part?;
            if body.len() + part.len() > LARGEST {
                bail!("the answer is larger than {LARGEST} bytes");
            }
            body.extend_from_slice(&part);
        }
        Ok(Answer { status, headers, body })
    }
}

/// The address is one of this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        host == "localhost" || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    })
}

/// With TLS by rustls: the authority that was named, else the system's; and our certificate where there is one.
fn http(peer: &Peer, home: &Path, found: Option<&Found>) -> Result<reqwest::Client> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut builder = reqwest::Client::builder()
        .timeout(PATIENCE)
        .connect_timeout(Duration::from_secs(15))
        .user_agent(concat!("musubi/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::limited(3))
        .no_proxy();
    if let Some(found) = found.filter(|found| !found.addresses.is_empty()) {
        builder = builder.resolve_to_addrs(&found.host, &found.addresses);
    }
    let _ = provider.install();
    if let Some(ca) = &peer.ca {
        let pem = read(home, ca)?;
        let roots = reqwest::Certificate::from_pem_bundle(&pem).with_context(|| ca.clone())?;
        builder = builder.tls_certs_only(roots);
    }
    if let (Some(certificate), Some(key)) = (&peer.certificate, &peer.key) {
        let mut pem = read(home, certificate)?;
        pem.push(b'\n');
        pem.extend(read(home, key)?);
        builder = builder.identity(reqwest::Identity::from_pem(&pem).with_context(|| certificate.clone())?);
    }
    Ok(builder.build()?)
}

fn read(home: &Path, file: &str) -> Result<Vec<u8>> {
    let path = home.join(file);
    fs::read(&path).with_context(|| path.display().to_string())
}

/// Makes the provider the process's own, once.
trait Install {
    fn install(self) -> Result<(), Arc<rustls::crypto::CryptoProvider>>;
}

impl Install for Arc<rustls::crypto::CryptoProvider> {
    fn install(self) -> Result<(), Self> {
        Arc::unwrap_or_clone(self).install_default()
    }
}
