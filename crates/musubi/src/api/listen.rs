//! Connections: TLS, how many at once, how long each may take to say what it wants, and how long it may want nothing.
//!
//! The library's own time-outs begin once it knows which HTTP is spoken, and end with the head of a request: whoever connects and says
//! nothing, or speaks HTTP/2 and asks nothing, would stay for ever. So each connection is watched here for whether a request is open.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
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
/// A connection without an open request is kept this long for the next one.
const IDLE: Duration = Duration::from_secs(60);
/// Descriptors that are not for connections: the register, segments that are read, files that are written, what is called.
const OWN_FILES: u64 = 512;
/// Refusals that are told at once, and how long each may take; beyond it a connection is closed without a word.
const REFUSALS: usize = 64;
const REFUSED_WITHIN: Duration = Duration::from_secs(1);
const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 27\r\nRetry-After: 10\r\n\
    Connection: close\r\n\r\ntoo many connections here\r\n";
/// The log tells this often that connections are refused.
const TOLD_EVERY: Duration = Duration::from_secs(10);
/// Open connections have this long to finish when the server ends.
const GRACE: Duration = Duration::from_secs(10);

/// What listens.
#[allow(missing_debug_implementations, reason = "an acceptor has none")]
pub(crate) struct Door {
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    connections: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
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
    /// Listens at an address, for so many connections at once. Without a certificate only on this machine, for a proxy in front of it.
    ///
    /// # Errors
    /// When the address is in use or not ours, or the certificate cannot be read.
    pub(crate) async fn open(address: SocketAddr, limits: &Serve, connections: u32) -> Result<Self> {
        let acceptor = match (&limits.certificate, &limits.key) {
            (Some(certificate), Some(key)) => Some(tls(certificate, key)?),
            (None, None) if address.ip().is_loopback() => None,
            (None, None) => bail!(
                "{address}: without TLS everybody on the way could read along: set certificate and key under [serve], or listen on 127.0.0.1 behind a proxy"
            ),
            _ => bail!("[serve] certificate and key go together"),
        };
        let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
        let places = |many: usize| Arc::new(Semaphore::new(many));
        Ok(Self { listener, acceptor, connections: places(connections as usize), refusals: places(REFUSALS), proxy: limits.proxy })
    }

    pub(crate) fn address(&self) -> Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Answers until `end`, then lets open requests finish.
    pub(crate) async fn serve(self, router: Router, end: impl Future<Output = ()>) {
        let graceful = GracefulShutdown::new();
        let mut end = std::pin::pin!(end);
        let (mut refused, mut told) = (0_u64, None::<Instant>);
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
                refused += 1;
                if told.is_none_or(|told| told.elapsed() >= TOLD_EVERY) {
                    tracing::warn!(peer = %address, refused, "too many connections: refused {refused} since this was last told");
                    (refused, told) = (0, Some(Instant::now()));
                }
                // Over TLS nothing can be said before a handshake, which is what there is no room for.
                if self.acceptor.is_none()
                    && let Ok(place) = Arc::clone(&self.refusals).try_acquire_owned()
                {
                    tokio::spawn(async move {
                        let _ = tokio::time::timeout(REFUSED_WITHIN, refuse(stream)).await;
                        drop(place);
                    });
                }
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

/// Says that there is no room. What the client sends is read to its end: a connection that is closed with something unread is reset, and a
/// reset may take the answer away from the client.
async fn refuse(mut stream: TcpStream) -> std::io::Result<()> {
    stream.write_all(REFUSAL).await?;
    stream.shutdown().await?;
    let mut unread = [0; 4096];
    let mut left = 1_usize << 20;
    while left > 0 {
        match stream.read(&mut unread).await? {
            0 => break,
            count => left = left.saturating_sub(count),
        }
    }
    Ok(())
}

/// Raises the limit of open files of this process as far as it may go: a service is given 1,024 where 2,000 connections are set up. What
/// the limit is then.
pub(crate) fn raise_open_files() -> Option<u64> {
    #[cfg(unix)]
    return rlimit::increase_nofile_limit(u64::MAX)
        .inspect_err(|error| tracing::warn!("the limit of open files is left as it is: {error}"))
        .ok();
    #[cfg(not(unix))]
    None
}

/// Connections that each of so many doors takes at once: as many as are wanted, or as the limit of open files has room for.
pub(crate) fn affordable(wanted: u32, doors: u32, open_files: Option<u64>) -> u32 {
    let Some(files) = open_files else { return wanted };
    let room = files.saturating_sub(OWN_FILES.min(files / 2)) / u64::from(doors.max(1));
    u32::try_from(room).map_or(wanted, |room| room.clamp(1, wanted))
}

/// Requests that are open on one connection.
#[derive(Clone, Debug)]
struct Open(Arc<watch::Sender<usize>>);

/// A request is open as long as this is there.
#[derive(Debug)]
struct Opened(Arc<watch::Sender<usize>>);

impl Open {
    fn one(&self) -> Opened {
        self.0.send_modify(|open| *open += 1);
        Opened(Arc::clone(&self.0))
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

/// Comes when a connection has wanted nothing for too long.
async fn idle(mut open: watch::Receiver<usize>, first: Duration, later: Duration) {
    let mut patience = first;
    loop {
        if open.wait_for(|open| *open == 0).await.is_err() {
            return std::future::pending().await;
        }
        match tokio::time::timeout(patience, open.changed()).await {
            Err(_) => return,
            Ok(Err(_)) => return std::future::pending().await,
            // Also a request that came and went unseen.
            Ok(Ok(())) => patience = later,
        }
    }
}

/// A body, until whose end its request is open.
#[derive(Debug)]
struct Answering {
    body: axum::body::Body,
    _open: Opened,
}

impl hyper::body::Body for Answering {
    type Data = axum::body::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
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
    let (counter, requests) = watch::channel(0);
    let open = Open(Arc::new(counter));
    let served = async {
        match acceptor {
            None => {
                let service =
                    TowerToHyperService::new(with_peer(router, Peer { address: ip, certificate: None, secure: false }, proxy, open));
                let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
                watcher.watch(connection).await.map_err(|error| anyhow!(error))
            }
            Some(acceptor) => {
                let stream = tokio::time::timeout(HEADERS, acceptor.accept(stream)).await.context("the TLS handshake took too long")??;
                let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                let certificate = certificate.map(|der| fingerprint(der).into());
                let service = TowerToHyperService::new(with_peer(router, Peer { address: ip, certificate, secure: true }, proxy, open));
                let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
                watcher.watch(connection).await.map_err(|error| anyhow!(error))
            }
        }
    };
    tokio::select! {
        ended = served => ended,
        () = idle(requests, HEADERS, IDLE) => bail!("nothing was asked for too long"),
    }
}

/// The router, told who is at the other end, counting what is open.
fn with_peer(
    router: Router,
    peer: Peer,
    proxy: bool,
    open: Open,
) -> impl tower::Service<
    hyper::Request<hyper::body::Incoming>,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future: Send,
> + Clone
+ Send
+ 'static {
    let told = router.map_request(move |request: hyper::Request<hyper::body::Incoming>| {
        let mut request = request.map(axum::body::Body::new);
        let behind = proxy && peer.address.is_loopback();
        let peer = if behind { peer.behind_proxy(request.headers()) } else { peer.clone() };
        request.extensions_mut().insert(peer);
        request
    });
    tower::ServiceExt::<hyper::Request<hyper::body::Incoming>>::map_future(told, move |answer| {
        let opened = open.one();
        async move {
            let response: axum::response::Response = answer.await?;
            Ok::<_, std::convert::Infallible>(response.map(|body| axum::body::Body::new(Answering { body, _open: opened })))
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_the_files_of_the_house() {
        assert_eq!(affordable(2000, 1, None), 2000);
        assert_eq!(affordable(2000, 1, Some(524_288)), 2000);
        assert_eq!(affordable(2000, 1, Some(1024)), 512);
        assert_eq!(affordable(10_000, 2, Some(20_000)), 9744);
        assert_eq!(affordable(2000, 1, Some(64)), 32);
        assert_eq!(affordable(2000, 2, Some(1)), 1);
    }

    #[tokio::test]
    async fn a_connection_that_wants_nothing_is_let_go_and_one_that_works_is_not() {
        let (counter, requests) = watch::channel(0);
        let open = Open(Arc::new(counter));
        let moment = Duration::from_millis(5);
        idle(requests.clone(), moment, moment).await;
        let one = open.one();
        let kept = tokio::time::timeout(moment * 20, idle(requests.clone(), moment, moment)).await;
        assert!(kept.is_err(), "a request is open");
        drop(one);
        // After the first request it is kept longer, also when that came and went unseen.
        let seen = idle(requests.clone(), Duration::from_secs(3600), moment);
        tokio::join!(seen, async { drop(open.one()) });
    }
}
