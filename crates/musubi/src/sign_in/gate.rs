//! What signing in needs while the server runs: how passkeys are checked, how many passwords at once, how often an address may begin.

use std::net::IpAddr;

use anyhow::{Context as _, Result};
use tokio::sync::Semaphore;
use webauthn_rs::prelude::Url;
use webauthn_rs::{Webauthn, WebauthnBuilder};

use super::oidc::Providers;
use crate::api::rates::Rates;
use crate::config::Serve;

/// See the module.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) webauthn: Webauthn,
    /// A password takes 19 MiB and a core to check: so many at once, the rest wait.
    pub(crate) hashing: Semaphore,
    /// Sign-ins that an address began.
    pub(crate) begun: Rates<IpAddr>,
    pub(crate) providers: Providers,
}

impl Gate {
    /// # Errors
    /// When passkeys cannot be bound to the name that is set up, or a secret cannot be read.
    pub(crate) fn new(limits: &Serve) -> Result<Self> {
        let name = &limits.name;
        let origin = Url::parse(&format!("https://{name}")).with_context(|| format!("[serve] name {name:?}"))?;
        let mut builder = WebauthnBuilder::new(name, &origin)
            .with_context(|| format!("[serve] name {name:?}"))?
            .rp_name(&limits.title)
            .allow_any_port(true);
        let plain = Url::parse("http://localhost")?;
        if name == "localhost" {
            // Browsers trust it without TLS.
            builder = builder.append_allowed_origin(&plain);
        }
        Ok(Self {
            webauthn: builder.build()?,
            hashing: Semaphore::new(4),
            begun: Rates::new(2, 40),
            providers: Providers::new(&limits.oidc)?,
        })
    }
}

/// Where browsers open the console, for links that are given away: never by what a request says of itself.
pub(crate) fn base(limits: &Serve, port: u16) -> String {
    let name = &limits.name;
    match (limits.certificate.is_some(), limits.proxy) {
        (true, _) if port == 443 => format!("https://{name}"),
        (true, _) => format!("https://{name}:{port}"),
        // The proxy stands at the usual port.
        (false, true) => format!("https://{name}"),
        (false, false) => format!("http://localhost:{port}"),
    }
}
