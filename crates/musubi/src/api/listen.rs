//! Connections: TLS, how many at once, and how long each may take to say what it wants.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use sha2::{Digest as _, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{self, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use tower::ServiceExt as _;

use super::Peer;
use crate::config::Serve;

/// A client says what it wants within this time, and is done with a TLS handshake within it.
const HEADERS: Duration = Duration::from_secs(15);
/// Open connections have this long to finish when the server ends.
const GRACE: Duration = Duration::from_secs(10);

/// What listens.
#[allow(missing_debug_implementations, reason = "an acceptor has none")]
pub(crate) struct Door {
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    connections: Arc<Semaphore>,
    /// What a proxy on this machine says of clients is believed.
    proxy: bool,
}

impl std::fmt::Display for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.acceptor.is_some() { "https" } else { "http" };
        match self.listener.local_addr() {
            Ok(address) => write!(f, "{scheme}://{address}"),
            Err(error) => write!(f, "{scheme}://? ({error})"),
        }
    }
}

impl Door {
    /// Listens at an address. Without a certificate only on this machine, for a proxy in front of it.
    ///
    /// # Errors
    /// When the address is in use or not ours, or the certificate cannot be read.
    pub(crate) async fn open(address: SocketAddr, limits: &Serve) -> Result<Self> {
        let acceptor = match (&limits.certificate, &limits.key) {
            (Some(certificate), Some(key)) => Some(tls(certificate, key)?),
            (None, None) if address.ip().is_loopback() => None,
            (None, None) => bail!(
                "{address}: without TLS everybody on the way could read along: set certificate and key under [serve], or listen on 127.0.0.1 behind a proxy"
            ),
            _ => bail!("[serve] certificate and key go together"),
        };
        let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
        Ok(Self { listener, acceptor, connections: Arc::new(Semaphore::new(limits.connections as usize)), proxy: limits.proxy })
    }

    pub(crate) fn address(&self) -> Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Answers until `end`, then lets open requests finish.
    pub(crate) async fn serve(self, router: Router, end: impl Future<Output = ()>) {
        let graceful = GracefulShutdown::new();
        let mut end = std::pin::pin!(end);
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = &mut end => break,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // No file descriptor is left, or the client has gone: others go on.
                    tracing::warn!("a connection could not be taken: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let Ok(permit) = Arc::clone(&self.connections).try_acquire_owned() else {
                tracing::warn!(peer = %address, "too many connections: one was closed");
                continue;
            };
            let (router, acceptor, watcher, proxy) = (router.clone(), self.acceptor.clone(), graceful.watcher(), self.proxy);
            tokio::spawn(async move {
                if let Err(error) = connection(stream, address, acceptor, router, proxy, watcher).await {
                    tracing::debug!(peer = %address, "connection ended: {error:#}");
                }
                drop(permit);
            });
        }
        drop(self.listener);
        let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    }
}

async fn connection(
    stream: TcpStream,
    address: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    router: Router,
    proxy: bool,
    watcher: hyper_util::server::graceful::Watcher,
) -> Result<()> {
    // Small answers must not wait for the acknowledgement of what went before.
    stream.set_nodelay(true)?;
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS).max_buf_size(64 * 1024);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(Some(Duration::from_secs(30))).max_concurrent_streams(100);
    let ip = address.ip().to_canonical();
    match acceptor {
        None => {
            let service = TowerToHyperService::new(with_peer(router, Peer { address: ip, certificate: None, secure: false }, proxy));
            let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
            watcher.watch(connection).await.map_err(|error| anyhow!(error))
        }
        Some(acceptor) => {
            let stream = tokio::time::timeout(HEADERS, acceptor.accept(stream)).await.context("the TLS handshake took too long")??;
            let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let certificate = certificate.map(|der| fingerprint(der).into());
            let service = TowerToHyperService::new(with_peer(router, Peer { address: ip, certificate, secure: true }, proxy));
            let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
            watcher.watch(connection).await.map_err(|error| anyhow!(error))
        }
    }
}

/// The router, told who is at the other end.
fn with_peer(
    router: Router,
    peer: Peer,
    proxy: bool,
) -> impl tower::Service<
    hyper::Request<hyper::body::Incoming>,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future: Send,
> + Clone
+ Send
+ 'static {
    router.map_request(move |request: hyper::Request<hyper::body::Incoming>| {
        let mut request = request.map(axum::body::Body::new);
        let behind = proxy && peer.address.is_loopback();
        let peer = if behind { peer.behind_proxy(request.headers()) } else { peer.clone() };
        request.extensions_mut().insert(peer);
        request
    })
}

/// SHA-256 of a certificate, as `openssl x509 -fingerprint -sha256` prints it, without colons and in lower case.
pub(crate) fn fingerprint(der: &[u8]) -> String {
    crate::show::hex(&Sha256::digest(der))
}

/// TLS 1.2 and 1.3, without early data (TAXII 2.1 §8.4.1).
fn tls(certificate: &Path, key: &Path) -> Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| anyhow!("{}: {error}", certificate.display()))?;
    if chain.is_empty() {
        bail!("{}: no certificate", certificate.display());
    }
    private(key)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| anyhow!("{}: {error}", key.display()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(AnyCertificate { algorithms: provider.signature_verification_algorithms });
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .context("certificate and key do not fit")?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Nobody else may read a key.
fn private(key: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(key).with_context(|| key.display().to_string())?.permissions().mode();
        if mode & 0o007 != 0 {
            bail!("{}: anybody on this machine can read the key: chmod 600", key.display());
        }
    }
    Ok(())
}

/// Takes any certificate whose key the client holds. Which of them opens anything is said by its hash, in the register: a partner's
/// certificate needs no authority that both know.
#[derive(Debug)]
struct AnyCertificate {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for AnyCertificate {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
