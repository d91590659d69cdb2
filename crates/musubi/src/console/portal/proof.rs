//! Is it really theirs? Proved by what only its holder can do: receive mail at the contact of the registry, write into its zone of the DNS,
//! or put a file on its web server.
//!
//! Nothing here follows where somebody outside leads: names are asked of the resolver that is set up, files are fetched only where that is
//! switched on, only over TLS, only from public addresses that were looked up here, and a little of them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use casework::act::token::Token;
use casework::model::agreement::{Channel, Purpose};
use casework::model::party::{Claim, Language, Party};
use formats::mail_address::Address;
use formats::value::{self, Network};
use futures::StreamExt as _;
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use rand::rngs::OsRng;
use sha2::{Digest as _, Sha256};
use store::claims::NetworkClaim;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use crate::api::release::Giving;
use crate::config::{Config, Serve};
use crate::console::visit::{Fault, Visit};
use crate::deliver::keys::OurKey;
use crate::deliver::message::{Letter, Unsealed};
use crate::deliver::seal;
use crate::deliver::smtp::{Envelope, Outcome, Outgoing, Relay};
use crate::jobs::post;
use crate::keys;
use crate::receive::registry_in;

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
pub(super) fn file_address(domain: &str) -> String {
    format!("https://{domain}/.well-known/musubi-claim.txt")
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
        Way::File => by_file(limits, claim).await,
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
    let answers = ask(resolver, &name, RecordType::TXT).await?;
    Ok(answers.iter().any(|data| match data {
        RData::TXT(text) => text.txt_data.concat() == claim.code.as_bytes(),
        _ => false,
    }))
}

/// Bytes of a file that are looked at, and how long it may take.
const FILE: usize = 16 << 10;
const PATIENCE: Duration = Duration::from_secs(5);

async fn by_file(limits: &Serve, claim: &NetworkClaim) -> Result<bool> {
    ensure!(limits.fetch_claims, "files are not fetched here");
    let resolver = limits.resolver.context("no resolver is set up")?;
    let domain = &claim.value;
    let mut addresses = Vec::new();
    for kind in [RecordType::A, RecordType::AAAA] {
        for data in ask(resolver, domain, kind).await? {
            match data {
                RData::A(address) => addresses.push(IpAddr::V4(address.0)),
                RData::AAAA(address) => addresses.push(IpAddr::V6(address.0)),
                _ => {}
            }
        }
    }
    // One address of ours among them is enough to stay away.
    ensure!(!addresses.is_empty(), "{domain} has no address");
    ensure!(addresses.iter().all(|address| is_public(*address)), "{domain} leads to an address that is not public");
    let places: Vec<SocketAddr> = addresses.into_iter().map(|address| SocketAddr::new(address, 443)).collect();
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .connect_timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .https_only(true)
        .resolve_to_addrs(domain, &places)
        .user_agent(concat!("musubi/", env!("CARGO_PKG_VERSION")))
        .build()?;
    let response = client.get(file_address(domain)).send().await?;
    ensure!(response.status().is_success(), "{domain} answers {}", response.status());
    let (mut body, mut stream) = (Vec::new(), response.bytes_stream());
    while let Some(part) = stream.next().await {
        body.extend_from_slice(&part?);
        if body.len() > FILE {
            bail!("the file is longer than {FILE} bytes");
        }
    }
    Ok(String::from_utf8_lossy(&body).lines().any(|line| line.trim() == claim.code))
}

/// Reached by everybody: no address of this machine, of this network, or for a special purpose (RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            let special = v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_documentation()
                || v4.is_multicast();
            let shared = a == 100 && (64..128).contains(&b);
            let reserved = a == 0 || a >= 240 || (a == 192 && b == 0 && c == 0) || (a == 198 && (18..20).contains(&b));
            !(special || shared || reserved)
        }
        IpAddr::V6(v6) => {
            let first = v6.segments()[0];
            // Global unicast only, and of it neither documentation nor what leads to IPv4 by another way.
            (first & 0xe000) == 0x2000
                && !(first == 0x2001 && v6.segments()[1] < 0x0200)
                && first != 0x2002
                && !(first == 0x2001 && v6.segments()[1] == 0x0db8)
                && first != 0x3fff
        }
    }
}

/// Asks the resolver: over UDP, and over TCP when the answer does not fit.
async fn ask(resolver: SocketAddr, name: &str, kind: RecordType) -> Result<Vec<RData>> {
    let mut random = [0; 2];
    getrandom::fill(&mut random).map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
    let name = Name::from_ascii(format!("{}.", name.trim_end_matches('.'))).map_err(|error| anyhow!("{name}: {error}"))?;
    let mut question = Message::new(u16::from_be_bytes(random), MessageType::Query, OpCode::Query);
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(name, kind));
    let bytes = question.to_vec()?;
    let reply = tokio::time::timeout(PATIENCE, over_udp(resolver, &question, &bytes)).await.context("the resolver does not answer")??;
    let reply = match reply.metadata.truncation {
        true => tokio::time::timeout(PATIENCE, over_tcp(resolver, &question, &bytes)).await.context("the resolver does not answer")??,
        false => reply,
    };
    match reply.metadata.response_code {
        ResponseCode::NoError => {
            Ok(reply.answers.into_iter().filter(|record| record.record_type() == kind).map(|record| record.data).collect())
        }
        ResponseCode::NXDomain => Ok(Vec::new()),
        code => bail!("the resolver says {code}"),
    }
}

async fn over_udp(resolver: SocketAddr, question: &Message, bytes: &[u8]) -> Result<Message> {
    let here: SocketAddr = if resolver.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(here).await?;
    // Connected, so that only the resolver is heard.
    socket.connect(resolver).await?;
    socket.send(bytes).await?;
    let mut buffer = vec![0; 65_535];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if let Ok(reply) = Message::from_vec(&buffer[..length])
            && answers(&reply, question)
        {
            return Ok(reply);
        }
    }
}

async fn over_tcp(resolver: SocketAddr, question: &Message, bytes: &[u8]) -> Result<Message> {
    let mut stream = TcpStream::connect(resolver).await?;
    stream.write_u16(u16::try_from(bytes.len())?).await?;
    stream.write_all(bytes).await?;
    let mut buffer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut buffer).await?;
    let reply = Message::from_vec(&buffer)?;
    ensure!(answers(&reply, question), "the resolver answers something else");
    Ok(reply)
}

/// It is the answer to this question.
fn answers(reply: &Message, question: &Message) -> bool {
    reply.metadata.message_type == MessageType::Response && reply.metadata.id == question.metadata.id && reply.queries == question.queries
}

/// Mails a code to whom a registry names for abuse of what is claimed; to which address. `None`: no registry names anybody, or the mail
/// could not be handed over.
pub(super) async fn mail(visit: &Visit, config: &Config, party: &Party, claim: &Claim, code: &str) -> Result<Option<String>, Fault> {
    let register = &visit.server.register;
    let (mail, smtp) = post::sender(config)?;
    let registries = registry_in::registries(&visit.server.home, register).await?;
    let contact = registries.iter().find_map(|registry| {
        let number = match claim {
            // The whole of it is one entry of the registry.
            Claim::Network(network) => {
                let (first, last) = (network.address(), network.last());
                let one = registry.range(first)?.to_string() == registry.range(last)?.to_string();
                registry.by_address(first).filter(|_| one)?
            }
            Claim::Asn(asn) => registry.by_asn(*asn)?,
            _ => return None,
        };
        let contact = registry.contact(number)?;
        Some((contact.party_id(), contact.mailbox.to_owned(), contact.language()))
    });
    let Some((recipient, mailbox, language)) = contact else { return Ok(None) };
    let Ok(to) = mailbox.parse::<Address>() else { return Ok(None) };
    let words = crate::console::words::Words::of(language);
    let with = [
        ("value", claim.to_string().into()),
        ("party", party.name.clone().into()),
        ("code", code.to_owned().into()),
        ("us", mail.organisation.clone().into()),
    ];
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
    let token = Token::from_random(random);
    let unsealed = Unsealed::write(&Letter {
        from: &mail.from,
        from_name: &mail.organisation,
        to: &to,
        reply_to: &mail.reply_to,
        subject: &words.say_with("proof-mail-subject", &with),
        message_id: &token.message_id(0, &mail.reply_to),
        follows: None,
        date: visit.now,
        language: if language == Language::Ja { Language::Ja } else { Language::En },
        text: &words.say_with("proof-mail-text", &with),
        attachments: Vec::new(),
    })?;
    let key = OurKey::of(visit.server.home.root(), &mail.organisation, &mail.from)?;
    let bytes = seal::sign(&unsealed, &key, OsRng)?.into_bytes();
    let giving = Giving {
        party: &recipient,
        purpose: Purpose::Notify,
        channel: Channel::Mail,
        how: format!("a code to prove that {claim} is of {}", party.id),
        why: BTreeMap::new(),
    };
    let release = giving.release(format!("claim-{token}"), Sha256::digest(&bytes).into(), visit.now);
    let log = keys::log_key(&visit.server.home, None)?;
    let released = register.release(&log, vec![(release, bytes)], visit.now).await?;
    let released = released.into_iter().next().context("nothing was logged")?;
    let envelope = Envelope { from: mail.from.clone(), to, id: token.envelope_id(0), report_success: false };
    match Relay::new(mail, smtp)?.hand_over(&Outgoing::new(envelope, released)?).await {
        Outcome::Accepted(_) => Ok(Some(mailbox)),
        other => {
            tracing::warn!("a code for {claim} could not be mailed to {mailbox}: {other:?}");
            Ok(None)
        }
    }
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

    #[test]
    fn nothing_is_fetched_from_this_network() {
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "240.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::1",
            "2001::1",
            "2001:db8::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in ["8.8.8.8", "203.0.112.1", "2606:4700::1", "2001:4860::1"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }
}
