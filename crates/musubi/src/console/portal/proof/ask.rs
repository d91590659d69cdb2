//! A question to the resolver that is set up: over UDP, and over TCP when the answer does not fit.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

/// The resolver answers within this time.
const PATIENCE: Duration = Duration::from_secs(5);

/// The records of one kind of a name; none when there is no such name.
pub(super) async fn ask(resolver: SocketAddr, name: &str, kind: RecordType) -> Result<Vec<RData>> {
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
