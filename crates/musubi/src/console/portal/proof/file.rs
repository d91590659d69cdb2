//! A file on the web server of a domain: fetched from where it says that it is, and from nowhere else.
//!
//! A party says which server we call, so this is where it could have us call a machine behind our own walls. Its name is looked up here,
//! once; every address must be one that we may call; the connection goes to these addresses and no others, whatever the name says by
//! then; the certificate must be of that name; nobody is followed elsewhere.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use futures::StreamExt as _;
use hickory_proto::rr::{RData, RecordType};
use reqwest::tls::Certificate;
use store::claims::NetworkClaim;

use super::{ask, file_address};
use crate::config::{ClaimFiles, Serve};
use crate::outward;

/// Bytes of a file that are looked at, and how long all of it may take.
const FILE: usize = 16 << 10;
const PATIENCE: Duration = Duration::from_secs(5);
/// Addresses of one name that are tried.
const ADDRESSES: usize = 8;

/// The file of a domain holds the code of its claim as a line.
pub(super) async fn shows(limits: &Serve, claim: &NetworkClaim) -> Result<bool> {
    ensure!(limits.fetch_claims, "files are not fetched here");
    let resolver = limits.resolver.context("no resolver is set up")?;
    let domain = &claim.value;
    let mut addresses = Vec::new();
    for kind in [RecordType::A, RecordType::AAAA] {
        for data in ask::ask(resolver, domain, kind).await? {
            match data {
                RData::A(address) => addresses.push(IpAddr::V4(address.0)),
                RData::AAAA(address) => addresses.push(IpAddr::V6(address.0)),
                _ => {}
            }
        }
    }
    ensure!(!addresses.is_empty(), "{domain} has no address");
    // One that we may not call among them is enough to stay away.
    if let Some(address) = addresses.iter().find(|address| !may_call(&limits.claim_files, **address)) {
        bail!("{domain} leads to {address}, which is not public");
    }
    let port = limits.claim_files.port;
    let places: Vec<SocketAddr> = addresses.into_iter().take(ADDRESSES).map(|address| SocketAddr::new(address, port)).collect();
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .timeout(PATIENCE)
        .connect_timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .https_only(true)
        .resolve_to_addrs(domain, &places)
        .user_agent(concat!("musubi/", env!("CARGO_PKG_VERSION")));
    if let Some(path) = &limits.claim_files.ca {
        let pem = tokio::fs::read(path).await.with_context(|| path.display().to_string())?;
        builder = builder.tls_certs_merge(Certificate::from_pem_bundle(&pem).with_context(|| path.display().to_string())?);
    }
    let response = builder.build()?.get(file_address(limits, domain)).send().await?;
    ensure!(response.status() == reqwest::StatusCode::OK, "{domain} answers {}", response.status());
    let (mut body, mut stream) = (Vec::new(), response.bytes_stream());
    while let Some(part) = stream.next().await {
        body.extend_from_slice(&part?);
        ensure!(body.len() <= FILE, "the file is longer than {FILE} bytes");
    }
    Ok(String::from_utf8_lossy(&body).lines().any(|line| line.trim() == claim.code))
}

fn may_call(files: &ClaimFiles, address: IpAddr) -> bool {
    let address = address.to_canonical();
    outward::is_public(address) || files.networks.iter().any(|network| network.contains(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_fetched_from_this_network_but_from_where_it_is_allowed() {
        let allowed = |networks: &[&str], address: &str| {
            let networks = networks.iter().map(|text| formats::value::network(text).expect("a network")).collect();
            may_call(&ClaimFiles { networks, ..ClaimFiles::default() }, address.parse().expect("an address"))
        };
        assert!(allowed(&[], "8.8.8.8"));
        assert!(!allowed(&[], "10.1.2.3"));
        assert!(allowed(&["10.1.0.0/16"], "10.1.2.3") && allowed(&["10.1.0.0/16"], "::ffff:10.1.2.3"));
        assert!(!allowed(&["10.1.0.0/16"], "10.2.2.3") && !allowed(&["10.1.0.0/16"], "127.0.0.1"));
    }
}
