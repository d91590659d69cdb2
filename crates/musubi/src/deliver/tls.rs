//! How a server proves who it is: by a certificate that the system's authorities signed, or one authority named in the
//! configuration. There is no way not to check.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject as _};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// TLS 1.2 or 1.3, checked against the file of authorities, or the system's when there is none.
///
/// # Errors
/// When the file holds no certificate, or the system has no authorities.
pub(crate) fn connector(ca: Option<&Path>) -> Result<TlsConnector> {
    let Some(path) = ca else {
        return mail_send::smtp::tls::build_tls_connector(false).map_err(|error| anyhow::anyhow!("{error}"));
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).with_context(|| path.display().to_string())? {
        roots.add(certificate.with_context(|| path.display().to_string())?).with_context(|| path.display().to_string())?;
    }
    ensure!(!roots.is_empty(), "{} holds no certificate", path.display());
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
