//! Answers are taken from a mailbox by IMAP (RFC 3501) over TLS; nothing in it is changed.
//!
//! Where reading stands is a [`Cursor`]: identifiers of a mailbox only grow, for as long as its `UIDVALIDITY` is the same
//! (§2.3.1.1). The caller remembers the cursor in the same transaction as what the mail says. When the server numbers
//! anew, all is read again, and the caller knows by the mail itself what it has already.

use std::future::Future;

use anyhow::{Context as _, Result, ensure};
use async_imap::{Client, Session};
use futures::TryStreamExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::ServerName;

use super::maildir::{Received, Taken};
use crate::config::{Imap, Tls, password};
use crate::deliver::tls;

/// How far a mailbox was read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Cursor {
    /// `UIDVALIDITY`; 0 before the first time.
    pub(crate) validity: u32,
    /// The last identifier that was handed on or passed over.
    pub(crate) last: u32,
}

trait Wire: AsyncRead + AsyncWrite + Send + Unpin + std::fmt::Debug {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + std::fmt::Debug> Wire for T {}

type Open = Session<Box<dyn Wire>>;

/// Hands on each mail after the cursor, in order, with the cursor as it is after this mail; `at_most` of them. One larger
/// than `largest` bytes is passed over and said.
///
/// # Errors
/// When the server cannot be reached, does not let us in, or answers wrongly, or `take` fails: the cursor that was handed
/// on last holds.
pub(crate) async fn take<F: Future<Output = Result<()>>>(
    settings: &Imap,
    from: Cursor,
    largest: u32,
    at_most: usize,
    mut take: impl FnMut(Received, Cursor) -> F,
) -> Result<Taken> {
    let mut session = open(settings).await?;
    let mailbox = within(settings, session.examine(&settings.folder)).await.with_context(|| format!("folder {}", settings.folder))?;
    let validity = mailbox.uid_validity.context("the server does not number its mails (UIDVALIDITY)")?;
    let last = if from.validity == validity { from.last } else { 0 };
    let found = within(settings, session.uid_search(format!("UID {}:*", last.saturating_add(1)))).await?;
    // `n:*` also finds the last mail when its number is below n (§6.4.8)
    let mut waiting: Vec<u32> = found.into_iter().filter(|uid| *uid > last).collect();
    waiting.sort_unstable();
    let mut taken = Taken::default();
    let mut cursor = Cursor { validity, last };
    for uid in waiting {
        if taken.mails >= at_most {
            taken.more = true;
            break;
        }
        let size = within(settings, async {
            let found: Vec<_> = session.uid_fetch(uid.to_string(), "(UID RFC822.SIZE)").await?.try_collect().await?;
            Ok(found.into_iter().find(|fetched| fetched.uid == Some(uid)).and_then(|fetched| fetched.size))
        });
        // another program deleted it meanwhile
        let Some(size) = size.await? else { continue };
        if size > largest {
            taken.left.push((format!("{validity}-{uid}"), format!("{size} bytes, more than the {largest} that are taken")));
            cursor.last = uid;
            continue;
        }
        let fetched = within(settings, async {
            let found: Vec<_> = session.uid_fetch(uid.to_string(), "(UID BODY.PEEK[])").await?.try_collect().await?;
            Ok(found.into_iter().find(|fetched| fetched.uid == Some(uid)).and_then(|fetched| fetched.body().map(<[u8]>::to_vec)))
        });
        let Some(bytes) = fetched.await? else { continue };
        ensure!(bytes.len() as u64 <= u64::from(largest) + 65_536, "mail {uid} is longer than the server said");
        cursor.last = uid;
        take(Received { key: format!("{validity}-{uid}"), bytes }, cursor).await?;
        taken.mails += 1;
    }
    let _ = within(settings, session.logout()).await;
    Ok(taken)
}

/// Signs in and out again.
///
/// # Errors
/// What went wrong.
pub(crate) async fn try_out(settings: &Imap) -> Result<()> {
    let mut session = open(settings).await?;
    within(settings, session.examine(&settings.folder)).await.with_context(|| format!("folder {}", settings.folder))?;
    let _ = within(settings, session.logout()).await;
    Ok(())
}

async fn open(settings: &Imap) -> Result<Open> {
    let password = password(&settings.password_file).context("[answers.imap] password_file")?;
    let place = format!("{}:{}", settings.host, settings.port());
    let connected = timeout(settings.timeout(), connect(settings));
    let client = connected.await.with_context(|| format!("{place}: no answer in time"))?.with_context(|| place.clone())?;
    let signed_in = timeout(settings.timeout(), client.login(&settings.user, &password));
    signed_in
        .await
        .with_context(|| format!("{place}: no answer in time"))?
        .map_err(|(error, _)| error)
        .with_context(|| format!("{place}: signing in"))
}

async fn connect(settings: &Imap) -> Result<Client<Box<dyn Wire>>> {
    let stream = TcpStream::connect((settings.host.as_str(), settings.port())).await?;
    stream.set_nodelay(true)?;
    let name = || ServerName::try_from(settings.host.clone()).context("the host is no name for a certificate");
    let mut client = match settings.tls {
        Tls::None => Client::new(Box::new(stream) as Box<dyn Wire>),
        Tls::Implicit => Client::new(Box::new(tls::connector(settings.ca.as_deref())?.connect(name()?, stream).await?) as Box<dyn Wire>),
        Tls::StartTls => {
            let mut plain = Client::new(stream);
            plain.read_response().await?.context("no greeting")?;
            plain.run_command_and_check_ok("STARTTLS", None).await?;
            let protected = tls::connector(settings.ca.as_deref())?.connect(name()?, plain.into_inner()).await?;
            // §6.2.1: there is no second greeting
            return Ok(Client::new(Box::new(protected) as Box<dyn Wire>));
        }
    };
    client.read_response().await?.context("no greeting")?;
    Ok(client)
}

async fn within<T>(settings: &Imap, answer: impl Future<Output = async_imap::error::Result<T>>) -> Result<T> {
    Ok(timeout(settings.timeout(), answer).await.context("the server does not answer in time")??)
}
