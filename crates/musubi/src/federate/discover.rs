//! Where is the TAXII server of a domain? Its DNS says (SRV records of `_taxii2._tcp`, as TAXII 2.1 names them; RFC 2782).
//!
//! Whoever answers for DNS on the way could name a server of its own. So the target must lie in the domain that was named, where its
//! certificate is proof, unless an authority for its certificate was named: then that is the proof.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::rdata::SRV;
use hickory_proto::rr::{Name, RData, RecordType};
use reqwest::Url;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use crate::chance;

const SERVICE: &str = "_taxii2._tcp.";
const PATIENCE: Duration = Duration::from_secs(3);
const TRIES: usize = 3;
/// Servers of one domain that are tried.
const MOST: usize = 16;

/// A domain to ask for, and whom. Written `_taxii2._tcp.DOMAIN` or `_taxii2._tcp.DOMAIN@ADDRESS`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Domain {
    name: String,
    /// A DNS server; without it those of the system.
    dns: Option<SocketAddr>,
}

/// A server that was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Found {
    /// Its discovery (TAXII 2.1 §4.1).
    pub(crate) url: Url,
    pub(crate) host: String,
    /// Where it is, when the DNS server that was named says so.
    pub(crate) addresses: Vec<SocketAddr>,
}

impl std::fmt::Display for Domain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{SERVICE}{}", self.name)?;
        self.dns.map_or(Ok(()), |dns| write!(f, "@{dns}"))
    }
}

impl Domain {
    /// # Errors
    /// When it is no name of a domain.
    pub(crate) fn of(domain: &str, dns: Option<SocketAddr>) -> Result<Self> {
        let domain = domain.trim_end_matches('.').to_ascii_lowercase();
        Name::from_ascii(format!("{SERVICE}{domain}."))
            .ok()
            .filter(|_| domain.contains('.'))
            .with_context(|| format!("{domain:?} is no domain"))?;
        Ok(Self { name: domain, dns })
    }

    /// Reads what was written; `None` when it is the address of a server.
    ///
    /// # Errors
    /// When the domain or the DNS server is none.
    pub(crate) fn read(text: &str) -> Result<Option<Self>> {
        let Some(rest) = text.strip_prefix(SERVICE) else { return Ok(None) };
        let (domain, dns) = rest.split_once('@').map_or((rest, None), |(domain, dns)| (domain, Some(dns)));
        let dns = dns.map(|dns| dns.parse().with_context(|| format!("{dns:?} is no address and port of a DNS server"))).transpose()?;
        Self::of(domain, dns).map(Some)
    }

    /// The servers of the domain, in the order in which they are to be tried. With `anywhere` they need not lie in the domain.
    ///
    /// # Errors
    /// When DNS cannot be asked, or names no server.
    pub(crate) async fn servers(&self, anywhere: bool) -> Result<Vec<Found>> {
        let name = format!("{SERVICE}{}", self.name);
        let answers = self.ask(&name, RecordType::SRV).await?;
        let records = answers.into_iter().filter_map(|data| if let RData::SRV(srv) = data { Some(srv) } else { None });
        let mut found = Vec::new();
        for (host, port) in in_turn(records.take(MOST).collect(), chance::number) {
            // RFC 2782: a dot says that there decidedly is none.
            ensure!(!host.is_empty(), "{} says that it has no TAXII server", self.name);
            let inside = host == self.name || host.ends_with(&format!(".{}", self.name));
            ensure!(
                inside || anywhere,
                "DNS names {host} as the TAXII server of {}, outside of it: name the authority of its certificate if that is meant (--ca)",
                self.name
            );
            let url = Url::parse(&format!("https://{host}:{port}/taxii2/")).with_context(|| format!("{name} names {host:?}"))?;
            let mut addresses = Vec::new();
            if self.dns.is_some() {
                for kind in [RecordType::AAAA, RecordType::A] {
                    let answers = self.ask(&host, kind).await?;
                    addresses.extend(answers.iter().filter_map(RData::ip_addr).map(|ip: IpAddr| SocketAddr::new(ip, port)));
                }
                ensure!(!addresses.is_empty(), "{host} has no address in DNS");
            }
            found.push(Found { url, host, addresses });
        }
        ensure!(!found.is_empty(), "DNS names no TAXII server of {}: there is no SRV record {name}", self.name);
        Ok(found)
    }

    /// Asks the DNS server that was named, or those of the system one after the other.
    async fn ask(&self, name: &str, kind: RecordType) -> Result<Vec<RData>> {
        let servers = match self.dns {
            Some(dns) => vec![dns],
            None => system(&std::fs::read_to_string("/etc/resolv.conf").context("/etc/resolv.conf")?),
        };
        let mut last = anyhow!("no DNS server is known: name one");
        for server in servers.iter().cycle().take(servers.len() * TRIES) {
            match tokio::time::timeout(PATIENCE, exchange(*server, name, kind)).await {
                Ok(Ok(answers)) => return Ok(answers),
                Ok(Err(error)) => last = error,
                Err(_) => last = anyhow!("DNS server {server} does not answer"),
            }
        }
        Err(last.context(format!("cannot ask for {name}")))
    }
}

/// Name servers of a `resolv.conf`.
fn system(text: &str) -> Vec<SocketAddr> {
    let named = text.lines().filter_map(|line| line.strip_prefix("nameserver")?.trim().parse::<IpAddr>().ok());
    named.map(|ip| SocketAddr::new(ip, 53)).take(3).collect()
}

async fn exchange(server: SocketAddr, name: &str, kind: RecordType) -> Result<Vec<RData>> {
    let mut question = Message::query();
    let id = (chance::number() & 0xffff) as u16;
    question.metadata.id = id;
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(Name::from_ascii(format!("{}.", name.trim_end_matches('.')))?, kind));
    let bytes = question.to_vec()?;
    let is_answer = |answer: &Message| answer.metadata.id == id && answer.queries == question.queries;
    let local: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(local).await?;
    socket.connect(server).await?;
    socket.send(&bytes).await?;
    let mut buffer = vec![0; 65_535];
    let mut answer = loop {
        let length = socket.recv(&mut buffer).await?;
        // Anybody can send something here: only the answer to our question counts.
        if let Ok(answer) = Message::from_vec(&buffer[..length])
            && is_answer(&answer)
        {
            break answer;
        }
    };
    if answer.metadata.truncation {
        let mut stream = TcpStream::connect(server).await?;
        stream.write_u16(u16::try_from(bytes.len())?).await?;
        stream.write_all(&bytes).await?;
        let length = stream.read_u16().await?;
        buffer.truncate(length.into());
        stream.read_exact(&mut buffer).await?;
        answer = Message::from_vec(&buffer)?;
        ensure!(is_answer(&answer), "DNS server {server} answers another question");
    }
    match answer.metadata.response_code {
        ResponseCode::NoError => Ok(answer.answers.into_iter().map(|record| record.data).collect()),
        ResponseCode::NXDomain => Ok(Vec::new()),
        code => bail!("DNS server {server} answers {code}"),
    }
}

/// Hosts and ports in the order of RFC 2782: by priority, and among equals by chance, the heavier the likelier. A host without a name is none.
fn in_turn(mut records: Vec<SRV>, mut chance: impl FnMut() -> u64) -> Vec<(String, u16)> {
    // Those that weigh nothing come first in their group, so that they have a small chance.
    records.sort_by_key(|record| (record.priority, record.weight));
    let mut turn = Vec::with_capacity(records.len());
    while let Some(first) = records.first() {
        let group = records.iter().take_while(|record| record.priority == first.priority).count();
        let all: u64 = records[..group].iter().map(|record| u64::from(record.weight)).sum();
        let (mut sum, drawn) = (0, chance() % (all + 1));
        let place = records[..group].iter().position(|record| {
            sum += u64::from(record.weight);
            sum >= drawn
        });
        let record = records.remove(place.unwrap_or(0));
        turn.push((record.target.to_ascii().trim_end_matches('.').to_ascii_lowercase(), record.port));
    }
    turn
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(priority: u16, weight: u16, host: &str) -> SRV {
        SRV::new(priority, weight, 443, Name::from_ascii(host).unwrap())
    }

    #[test]
    fn lower_priority_comes_first_and_the_heavier_more_often() {
        let records = || vec![record(20, 9, "last.example."), record(10, 0, "light.example."), record(10, 3, "heavy.example.")];
        let order = |drawn| in_turn(records(), || drawn).into_iter().map(|(host, _)| host).collect::<Vec<_>>();
        assert_eq!(order(0), ["light.example", "heavy.example", "last.example"]);
        for drawn in 1..4 {
            assert_eq!(order(drawn), ["heavy.example", "light.example", "last.example"], "{drawn}");
        }
        assert_eq!(in_turn(vec![record(0, 0, ".")], || 0), [(String::new(), 443)]);
    }

    #[test]
    fn what_was_written_is_read_back() {
        for (domain, dns) in [("Partner.Example.", None), ("partner.example", Some("127.0.0.1:5300".parse().unwrap()))] {
            let written = Domain::of(domain, dns).unwrap();
            assert_eq!(Domain::read(&written.to_string()).unwrap(), Some(written));
        }
        assert_eq!(Domain::read("https://node.example/taxii2/").unwrap(), None);
        assert!(Domain::of("localhost", None).is_err() && Domain::of("a..b", None).is_err());
        assert_eq!(system("search x\nnameserver 192.0.2.1\nnameserver 2001:db8::1\nnameserver x\n").len(), 2);
    }
}
