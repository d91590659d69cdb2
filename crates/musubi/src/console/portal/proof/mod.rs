//! Is it really theirs? Proved by what only its holder can do: receive mail at the contact of the registry, write into its zone of the DNS,
//! or put a file on its web server.
//!
//! Nothing here follows where somebody outside leads: names are asked of the resolver that is set up, files are fetched only where that is
//! switched on, only over TLS, only from public addresses (or networks that `config.toml` names) that were looked up here, and a little of
//! them.

mod ask;
mod file;
mod mail;

use std::net::IpAddr;

use anyhow::{Context as _, Result};
use casework::model::party::Claim;
use formats::value::{self, Network};
use hickory_proto::rr::{RData, RecordType};
use sha2::{Digest as _, Sha256};
use store::claims::NetworkClaim;

use crate::config::{Config, Serve};

pub(super) use mail::mail;

/// How a claim is proved.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    Dns,
    Mail,
    File,
}

impl Way {
    pub(super) const ALL: [Self; 3] = [Self::Dns, Self::Mail, Self::File];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Mail => "mail",
            Self::File => "file",
        }
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.as_str() == text)
    }
}

/// What came of looking.
#[derive(Debug)]
pub(super) enum Proof {
    Shown,
    NotShown,
    NotReached(anyhow::Error),
}

/// Whether a claim can be proved in this way at all.
///
/// # Errors
/// The key of the word that says why not.
pub(super) fn possible(limits: &Serve, config: &Config, claim: &Claim, way: Way) -> Result<(), &'static str> {
    match (way, claim) {
        (Way::Dns, _) if limits.resolver.is_none() => Err("proof-dns-off"),
        (Way::Dns, Claim::Network(_) | Claim::Domain(_)) => dns_name(&claim.to_string()).map(|_| ()).ok_or("proof-dns-boundary"),
        (Way::Dns, _) => Err("proof-dns-not"),
        (Way::Mail, Claim::Network(_) | Claim::Asn(_)) if config.smtp.is_some() => Ok(()),
        (Way::Mail, Claim::Network(_) | Claim::Asn(_)) => Err("proof-mail-off"),
        (Way::Mail, _) => Err("proof-mail-not"),
        (Way::File, Claim::Domain(_)) if limits.fetch_claims && limits.resolver.is_some() => Ok(()),
        (Way::File, Claim::Domain(_)) => Err("proof-file-off"),
        (Way::File, _) => Err("proof-file-not"),
    }
}

/// Where a record is to stand: below the domain, or below the zone of reverse names of a network (RFC 1035 §3.5, RFC 3596 §2.5). A network
/// that is no whole zone has none.
pub(super) fn dns_name(value: &str) -> Option<String> {
    match value::network(value).filter(|_| value.contains('/')) {
        Some(network) => reverse(network).map(|zone| format!("_musubi-claim.{zone}")),
        None => Some(format!("_musubi-claim.{value}")),
    }
}

fn reverse(network: Network) -> Option<String> {
    let length = usize::from(network.length());
    match network.address() {
        // Larger ones are nobody's zone; smaller ones belong to the holder of the /24 (RFC 2317).
        IpAddr::V4(address) if (16..=24).contains(&length) && length % 8 == 0 => {
            let parts: Vec<String> = address.octets()[..length / 8].iter().rev().map(ToString::to_string).collect();
            Some(format!("{}.in-addr.arpa", parts.join(".")))
        }
        IpAddr::V6(address) if (28..=64).contains(&length) && length % 4 == 0 => {
            let digits: Vec<String> =
                address.octets().iter().flat_map(|byte| [byte >> 4, byte & 15]).take(length / 4).map(|d| format!("{d:x}")).collect();
            Some(format!("{}.ip6.arpa", digits.into_iter().rev().collect::<Vec<_>>().join(".")))
        }
        _ => None,
    }
}

/// Where a file is to lie (RFC 8615).
pub(super) fn file_address(limits: &Serve, domain: &str) -> String {
    match limits.claim_files.port {
        443 => format!("https://{domain}/.well-known/musubi-claim.txt"),
        port => format!("https://{domain}:{port}/.well-known/musubi-claim.txt"),
    }
}

/// What is kept of a code that was mailed.
pub(super) fn hashed(code: &str) -> String {
    Sha256::digest(code.trim().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Looks whether a claim is proved now.
pub(super) async fn check(limits: &Serve, claim: &NetworkClaim, way: Way, code: Option<&str>) -> Proof {
    let shown = match way {
        Way::Mail => Ok(code.is_some_and(|code| hashed(code) == claim.code)),
        Way::Dns => by_dns(limits, claim).await,
        Way::File => file::shows(limits, claim).await,
    };
    match shown {
        Ok(true) => Proof::Shown,
        Ok(false) => Proof::NotShown,
        Err(error) => Proof::NotReached(error),
    }
}

async fn by_dns(limits: &Serve, claim: &NetworkClaim) -> Result<bool> {
    let resolver = limits.resolver.context("no resolver is set up")?;
    let name = dns_name(&claim.value).context("it has no name to ask for")?;
    let answers = ask::ask(resolver, &name, RecordType::TXT).await?;
    Ok(answers.iter().any(|data| match data {
        RData::TXT(text) => text.txt_data.concat() == claim.code.as_bytes(),
        _ => false,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_stands_in_the_zone_of_what_is_claimed() {
        for (value, name) in [
            ("isp.example", Some("_musubi-claim.isp.example")),
            ("192.0.2.0/24", Some("_musubi-claim.2.0.192.in-addr.arpa")),
            ("198.18.0.0/16", Some("_musubi-claim.18.198.in-addr.arpa")),
            ("2001:db8::/32", Some("_musubi-claim.8.b.d.0.1.0.0.2.ip6.arpa")),
            // No whole zone, or too large to be anybody's.
            ("192.0.2.0/25", None),
            ("198.18.0.0/20", None),
            ("10.0.0.0/8", None),
            ("0.0.0.0/0", None),
            ("2000::/3", None),
        ] {
            assert_eq!(dns_name(value).as_deref(), name, "{value}");
        }
    }
}
