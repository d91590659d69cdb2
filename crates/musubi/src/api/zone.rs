//! Zones to secondaries: SOA, AXFR (RFC 5936) and IXFR (RFC 1995) of response policy zones, one for each party that is set up.
//!
//! A secondary is known by a key that it shares with us (TSIG, RFC 8945), or by its address, as resolvers in one network are, or by both; what
//! it gets is made for its party like any other list, and each transfer of another version is a release. Incremental answers go back as far
//! as this process remembers, else the whole zone is sent.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use casework::indicate::lists::{Format, Wish};
use casework::model::agreement::Channel;
use casework::model::party::PartyId;
use formats::block_list::rpz::Zone;
use formats::block_list::zone_transfer::{Answer, Content, Record, Step, answer, difference, whole};
use formats::tsig::{self, Key};
use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{CNAME, NS, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record as Wire, RecordType};
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Mutex, Semaphore};

use super::Server;
use crate::deliver::lists::{Asked, give, listed};
use crate::{keys, pipeline};

/// A zone as it is set up (`[[serve.zone]]`).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ZoneConfig {
    pub(crate) party: String,
    /// Its name, as the secondary has it.
    pub(crate) name: String,
    /// Addresses of the secondaries; with a key none means any.
    #[serde(default)]
    pub(crate) from: Vec<IpAddr>,
    /// File below the home with the key that they share with us, as tsig-keygen writes it; without it questions are not signed.
    pub(crate) key: Option<PathBuf>,
}

impl ZoneConfig {
    fn may_ask(&self, from: IpAddr) -> bool {
        self.from.contains(&from) || (self.from.is_empty() && self.key.is_some())
    }
}

/// A zone is made anew at most this often.
const FRESH: Duration = Duration::from_secs(15);
/// Versions back.
const STEPS: usize = 32;
/// Records in one message.
const RECORDS: usize = 300;
const PATIENCE: Duration = Duration::from_secs(30);
const CONNECTIONS: usize = 64;

#[derive(Debug, Default)]
struct Kept {
    zone: Option<Zone>,
    steps: Vec<Step>,
    made: Option<Instant>,
}

/// All zones, as they were served last, and the keys of those that have one, by their place in the configuration.
#[derive(Debug, Default)]
pub(crate) struct Zones {
    kept: Mutex<HashMap<(String, String), Kept>>,
    keys: HashMap<usize, Key>,
}

impl Zones {
    fn open(server: &Server) -> Result<Self> {
        let mut keys = HashMap::new();
        for (place, zone) in server.limits.zone.iter().enumerate() {
            let Some(file) = &zone.key else { continue };
            let path = server.home.root().join(file);
            let text = crate::config::secret(&path)?;
            keys.insert(place, Key::read(&text).with_context(|| path.display().to_string())?);
        }
        Ok(Self { keys, ..Self::default() })
    }
}

/// Answers over UDP and TCP until the server ends.
///
/// # Errors
/// When a key cannot be read or the address cannot be listened at.
pub(crate) async fn serve(server: Arc<Server>, address: SocketAddr) -> Result<()> {
    let zones = Arc::new(Zones::open(&server)?);
    let tcp = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let udp = UdpSocket::bind(tcp.local_addr()?).await.with_context(|| format!("cannot listen on {address}"))?;
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    let over_udp = async {
        let mut buffer = [0; 4096];
        loop {
            let Ok((length, from)) = udp.recv_from(&mut buffer).await else { continue };
            if let Ok(messages) = replies(&server, &zones, from.ip(), &buffer[..length], true).await
                && let Some(bytes) = messages.first()
            {
                let _ = udp.send_to(bytes, from).await;
            }
        }
    };
    let over_tcp = async {
        loop {
            let Ok((stream, from)) = tcp.accept().await else { continue };
            let Ok(permit) = Arc::clone(&connections).try_acquire_owned() else { continue };
            let (server, zones) = (Arc::clone(&server), Arc::clone(&zones));
            tokio::spawn(async move {
                let done = tokio::time::timeout(PATIENCE, connection(&server, &zones, stream, from.ip())).await;
                if let Ok(Err(error)) = done {
                    tracing::debug!(peer = %from, "a transfer ended: {error:#}");
                }
                drop(permit);
            });
        }
    };
    tokio::join!(over_udp, over_tcp);
    Ok(())
}

async fn connection(server: &Server, zones: &Zones, mut stream: TcpStream, from: IpAddr) -> Result<()> {
    loop {
        let Ok(length) = stream.read_u16().await else { return Ok(()) };
        let mut bytes = vec![0; usize::from(length)];
        stream.read_exact(&mut bytes).await?;
        for message in replies(server, zones, from, &bytes, false).await? {
            stream.write_u16(u16::try_from(message.len())?).await?;
            stream.write_all(&message).await?;
        }
    }
}

/// The messages that answer one, signed when it was.
async fn replies(server: &Server, zones: &Zones, from: IpAddr, bytes: &[u8], datagram: bool) -> Result<Vec<Vec<u8>>> {
    let asked = Message::from_vec(bytes)?;
    if asked.metadata.message_type != MessageType::Query {
        return Ok(Vec::new());
    }
    let seconds = || u64::try_from(pipeline::now().as_second()).unwrap_or(0);
    let mut messages = match tsig::check(bytes, zones.keys.values(), seconds()) {
        Ok(None) => answers(server, zones, from, &asked, None, datagram).await?,
        Ok(Some(mut heard)) => {
            let mut messages = match heard.wrong() {
                None => answers(server, zones, from, &asked, heard.key(), datagram).await?,
                Some(wrong) => {
                    tracing::info!(peer = %from, "a question for a zone was signed wrongly: {wrong:?}");
                    refused(&asked, ResponseCode::NotAuth)?
                }
            };
            messages.iter_mut().for_each(|message| heard.sign(message, seconds()));
            messages
        }
        Err(tsig::Malformed) => refused(&asked, ResponseCode::FormErr)?,
    };
    // What does not fit into a datagram is asked for again over TCP.
    if datagram {
        messages.truncate(1);
    }
    Ok(messages)
}

fn refused(asked: &Message, code: ResponseCode) -> Result<Vec<Vec<u8>>> {
    let mut message = reply(asked);
    message.metadata.response_code = code;
    Ok(vec![message.to_vec()?])
}

async fn answers(server: &Server, zones: &Zones, from: IpAddr, asked: &Message, key: Option<&Key>, datagram: bool) -> Result<Vec<Vec<u8>>> {
    let refuse = |code: ResponseCode| refused(asked, code);
    let [query] = asked.queries.as_slice() else { return refuse(ResponseCode::FormErr) };
    if asked.metadata.op_code != OpCode::Query {
        return refuse(ResponseCode::NotImp);
    }
    let name = query.name().to_ascii().trim_end_matches('.').to_ascii_lowercase();
    let from = from.to_canonical();
    // Whose zone of this name it is, the key says, and the address.
    let known = server.limits.zone.iter().enumerate().find(|(place, zone)| {
        zone.name.trim_end_matches('.').eq_ignore_ascii_case(&name) && zone.may_ask(from) && zones.keys.get(place) == key
    });
    let Some((_, known)) = known else { return refuse(ResponseCode::Refused) };
    let records = match query.query_type() {
        RecordType::SOA => {
            let kept = current(server, zones, known).await?;
            whole(&kept.0).into_iter().take(1).collect()
        }
        RecordType::AXFR if datagram => return refuse(ResponseCode::Refused),
        RecordType::AXFR => whole(&current(server, zones, known).await?.0),
        RecordType::IXFR => {
            let (zone, steps) = current(server, zones, known).await?;
            let serial = asked.authorities.iter().find_map(|record| match &record.data {
                RData::SOA(soa) => Some(soa.serial),
                _ => None,
            });
            let Some(serial) = serial else { return refuse(ResponseCode::FormErr) };
            match answer(&zone, &steps, serial) {
                Answer::UpToDate(soa) => vec![soa],
                // Over UDP the newest SOA alone tells to come again over TCP (RFC 1995 §2).
                Answer::Incremental(_) | Answer::Full if datagram => whole(&zone).into_iter().take(1).collect(),
                Answer::Incremental(records) => records,
                Answer::Full => whole(&zone),
            }
        }
        _ => return refuse(ResponseCode::Refused),
    };
    let mut messages = Vec::new();
    for part in records.chunks(RECORDS) {
        let mut message = reply(asked);
        for record in part {
            message.add_answer(wire(record)?);
        }
        messages.push(message.to_vec()?);
    }
    Ok(messages)
}

fn reply(asked: &Message) -> Message {
    let mut message = Message::response(asked.metadata.id, asked.metadata.op_code);
    message.metadata.authoritative = true;
    message.add_queries(asked.queries.iter().cloned());
    message
}

fn wire(record: &Record) -> Result<Wire> {
    let name = |text: &str| Name::from_ascii(format!("{}.", text.trim_end_matches('.'))).map_err(|error| anyhow!("{text}: {error}"));
    let data = match &record.content {
        Content::Soa(soa) => RData::SOA(SOA::new(
            name(&soa.primary)?,
            name(&soa.mailbox)?,
            soa.serial,
            i32::try_from(soa.refresh)?,
            i32::try_from(soa.retry)?,
            i32::try_from(soa.expire)?,
            soa.minimum,
        )),
        Content::Ns(host) => RData::NS(NS(name(host)?)),
        Content::Cname(host) if host.is_empty() => RData::CNAME(CNAME(Name::root())),
        Content::Cname(host) => RData::CNAME(CNAME(name(host)?)),
        Content::Txt(text) => RData::TXT(TXT::from_bytes(vec![text.as_bytes()])),
    };
    Ok(Wire::from_rdata(name(&record.owner)?, record.ttl, data))
}

/// The zone of a party as it is now, and how it came to be. Another version than before is a release.
async fn current(server: &Server, zones: &Zones, config: &ZoneConfig) -> Result<(Zone, Vec<Step>)> {
    let mut all = zones.kept.lock().await;
    let kept = all.entry((config.party.clone(), config.name.clone())).or_default();
    let fresh = kept.made.is_some_and(|made| made.elapsed() < FRESH);
    if let (true, Some(zone)) = (fresh, &kept.zone) {
        return Ok((zone.clone(), kept.steps.clone()));
    }
    let now = pipeline::now();
    let party: PartyId = config.party.parse()?;
    let standing = server.desk.standing(now).await?;
    let zone = config.name.trim_end_matches('.').to_ascii_lowercase();
    let wish = Wish { notes: vec![format!("for {party}")], zone, ..Wish::default() };
    let asked = Asked { to: &party, channel: Channel::File, format: Format::Rpz, least_score: 50, most: 500_000, longest: 30 };
    let made = listed(&server.home, &server.register, &standing, &asked, wish, now).await?;
    let (new, _) = made.files.zone.clone().ok_or_else(|| anyhow!("no zone was made"))?;
    if kept.zone.as_ref().is_none_or(|old| old.soa.serial != new.soa.serial) {
        let own = standing.own.as_ref() == Some(&party);
        give(&server.register, &keys::log_key(&server.home, None)?, made, own, now).await?;
        if let Some(old) = &kept.zone {
            kept.steps.push(difference(old, &new));
            while kept.steps.len() > STEPS {
                kept.steps.remove(0);
            }
        }
        kept.zone = Some(new.clone());
    }
    kept.made = Some(Instant::now());
    Ok((new, kept.steps.clone()))
}
