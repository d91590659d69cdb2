//! Mails are handed to our relay (RFC 5321, RFC 3207, RFC 4954, RFC 3461), and what it answers is judged.
//!
//! Connections are used again; there are at most so many at once, fewer to one domain, and a domain gets so many mails a
//! minute. Sockets are our own because of one option: without TCP_NODELAY every mail waits 40 ms for an acknowledgement.
//! The judgement is what matters: a mail that may have been taken is never called failed, and a fault of ours (sign-in,
//! TLS, sender) is never blamed on a recipient.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use formats::mail_address::{Address, xtext};
use mail_send::smtp::message::Parameters;
use mail_send::{Credentials, SmtpClient};
use smtp_proto::{EXT_DSN, EXT_SIZE, EXT_START_TLS, EhloResponse};
use store::releases::Released;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsConnector;

use super::message::{Unfit, well_formed};
use crate::config::{Mail, Smtp, Tls, password};

/// From whom, to whom, and by which name reports about it come back (RFC 3461 §4.4).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Envelope {
    pub(crate) from: Address,
    pub(crate) to: Address,
    /// Printable; see [`casework::act::token::Token::envelope_id`].
    pub(crate) id: String,
    /// Ask for a report of success too, not only of failure and delay.
    pub(crate) report_success: bool,
}

/// A mail that may leave: one that is in the log of releases. There is no other way to make it.
#[derive(Debug)]
pub(crate) struct Outgoing {
    envelope: Envelope,
    mail: Released<Vec<u8>>,
}

impl Outgoing {
    /// # Errors
    /// When the mail has a line that a server might misread, or the envelope id is not fit for a command.
    pub(crate) fn new(envelope: Envelope, mail: Released<Vec<u8>>) -> Result<Self, Unfit> {
        // RFC 3461 §4.4: at most 100 characters
        let printable = envelope.id.bytes().all(|c| c.is_ascii_graphic());
        if !printable || envelope.id.is_empty() || xtext(&envelope.id).len() > 100 {
            return Err(Unfit::Form { field: "envelope id", value: envelope.id });
        }
        well_formed(mail.content())?;
        Ok(Self { envelope, mail })
    }
}

/// When in the conversation something was said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    Connect,
    Tls,
    SignIn,
    Sender,
    Recipient,
    Content,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Tls => "TLS",
            Self::SignIn => "signing in",
            Self::Sender => "sender",
            Self::Recipient => "recipient",
            Self::Content => "content",
        })
    }
}

/// What the relay said, or that it said nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Words {
    pub(crate) stage: Stage,
    pub(crate) code: Option<u16>,
    /// Without control characters, at most 300 characters.
    pub(crate) text: String,
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code.map(|code| format!("{code} ")).unwrap_or_default();
        write!(f, "{}: {code}{}", self.stage, self.text)
    }
}

/// What became of handing over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// The relay has it and answers for it.
    Accepted(Words),
    /// Not now: try again (see [`casework::act::retry`]).
    Later(Words),
    /// Never: the recipient or the mail is refused.
    Failed(Words),
    /// The relay does not want us, or is not there: the mail waits, a person is told.
    OurFault(Words),
    /// All of it was sent, and no answer came: it may have been taken. Try again with the same `Message-ID`.
    Unknown(Words),
}

/// RFC 5321 §4.2.1, by stage.
fn judge(words: Words) -> Outcome {
    match (words.stage, words.code) {
        (_, Some(200..=299)) => Outcome::Accepted(words),
        // too large is said about the sender's SIZE (RFC 1870 §6.1), and is about the mail
        (Stage::Sender, Some(552)) | (Stage::Recipient | Stage::Content, Some(500..=599)) => Outcome::Failed(words),
        (Stage::Connect | Stage::Tls | Stage::SignIn, _) | (Stage::Sender, Some(500..=599)) => Outcome::OurFault(words),
        (Stage::Content, None) => Outcome::Unknown(words),
        (Stage::Sender | Stage::Recipient | Stage::Content, _) => Outcome::Later(words),
    }
}

/// The relay of this home.
pub(crate) struct Relay {
    settings: Smtp,
    /// What we call ourselves: the domain of the sender.
    name: String,
    tls: Option<TlsConnector>,
    credentials: Option<Credentials<String>>,
    places: Semaphore,
    idle: Mutex<Vec<Connection>>,
    domains: Mutex<HashMap<String, Domain>>,
    /// Until when it is not worth asking again, and what was said.
    down: Mutex<Option<(Instant, Words)>>,
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Relay({}:{})", self.settings.host, self.settings.port())
    }
}

#[derive(Clone)]
struct Domain {
    places: Arc<Semaphore>,
    next: Instant,
}

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

struct Connection {
    client: SmtpClient<Box<dyn Wire>>,
    reports: bool,
    size: Option<usize>,
    used: u32,
    since: Instant,
}

/// A relay may close what was idle for longer (RFC 5321 §4.5.3.2.7 asks for five minutes; many do not wait).
const IDLE: Duration = Duration::from_secs(20);
/// Mails over one connection; some relays refuse more.
const MAILS: u32 = 100;
/// After a failed connection nobody tries for so long.
const DOWN: Duration = Duration::from_secs(5);

impl Relay {
    /// Reads password and certificate; connects to nobody yet.
    ///
    /// # Errors
    /// When a file that the configuration names cannot be used.
    pub(crate) fn new(mail: &Mail, settings: &Smtp) -> Result<Self> {
        let tls = (settings.tls != Tls::None).then(|| super::tls::connector(settings.ca.as_deref())).transpose().context("[smtp] ca")?;
        let credentials = match (&settings.user, &settings.password_file) {
            (Some(user), Some(file)) => Some(Credentials::new(user.clone(), password(file).context("[smtp] password_file")?)),
            _ => None,
        };
        Ok(Self {
            name: mail.from.domain(),
            tls,
            credentials,
            places: Semaphore::new(settings.connections),
            idle: Mutex::default(),
            domains: Mutex::default(),
            down: Mutex::default(),
            settings: settings.clone(),
        })
    }

    /// Hands over many: each domain in its own queue, so that a slow one holds up nobody else. What became of each comes out
    /// of the channel as it is known; when nobody listens any more, no further mail is begun.
    pub(crate) fn hand_over_all(self: &Arc<Self>, mails: Vec<Outgoing>) -> mpsc::Receiver<(Envelope, Outcome)> {
        let (tell, told) = mpsc::channel(self.settings.connections);
        let mut queues: HashMap<String, Vec<Outgoing>> = HashMap::new();
        for mail in mails {
            queues.entry(mail.envelope.to.domain()).or_default().push(mail);
        }
        for mut queue in queues.into_values() {
            queue.reverse();
            let workers = self.settings.per_domain_connections.min(queue.len()).min(self.settings.connections);
            let queue = Arc::new(Mutex::new(queue));
            for _ in 0..workers {
                let (relay, queue, tell) = (Arc::clone(self), Arc::clone(&queue), tell.clone());
                tokio::spawn(async move {
                    while !tell.is_closed() {
                        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop();
                        let Some(mail) = next else { break };
                        let outcome = relay.hand_over(&mail).await;
                        if tell.send((mail.envelope, outcome)).await.is_err() {
                            break;
                        }
                    }
                });
            }
        }
        told
    }

    /// Hands over one mail, when its domain and the relay have room for it.
    pub(crate) async fn hand_over(&self, mail: &Outgoing) -> Outcome {
        let domain = self.domain(&mail.envelope.to);
        let _place = domain.places.acquire().await;
        if let Some(at) = self.turn(&mail.envelope.to) {
            sleep_until(at).await;
        }
        let _connection = self.places.acquire().await;
        if let Some(words) = self.known_down() {
            return Outcome::OurFault(words);
        }
        let idle = self.idle_connection();
        let reused = idle.is_some();
        let mut connection = match idle {
            Some(connection) => connection,
            None => match self.connect().await {
                Ok(connection) => connection,
                Err(words) => return self.found_down(words),
            },
        };
        let mut words = self.converse(&mut connection, mail).await;
        // the relay had closed a connection that we thought idle: nothing of this mail was said yet
        if reused && words.stage == Stage::Sender && matches!(words.code, None | Some(421)) {
            connection = match self.connect().await {
                Ok(connection) => connection,
                Err(words) => return self.found_down(words),
            };
            words = self.converse(&mut connection, mail).await;
        }
        self.put_back(connection, &words).await;
        judge(words)
    }

    /// Connects, signs in, and says good-bye.
    ///
    /// # Errors
    /// What went wrong, in the words of the relay.
    pub(crate) async fn try_out(&self) -> Result<(), Words> {
        let connection = self.connect().await?;
        let _ = connection.client.quit().await;
        Ok(())
    }

    fn domain(&self, to: &Address) -> Domain {
        let mut domains = self.domains.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Domain { places: Arc::new(Semaphore::new(self.settings.per_domain_connections)), next: Instant::now() };
        domains.entry(to.domain()).or_insert_with(fresh).clone()
    }

    /// When the next mail to this domain may go; `None` for now.
    fn turn(&self, to: &Address) -> Option<Instant> {
        let interval = Duration::from_secs(60) / self.settings.per_domain_per_minute?;
        let mut domains = self.domains.lock().unwrap_or_else(PoisonError::into_inner);
        let domain = domains.get_mut(&to.domain())?;
        let at = domain.next.max(Instant::now());
        domain.next = at + interval;
        Some(at)
    }

    fn known_down(&self) -> Option<Words> {
        let down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        down.as_ref().filter(|(until, _)| *until > Instant::now()).map(|(_, words)| words.clone())
    }

    fn found_down(&self, words: Words) -> Outcome {
        *self.down.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now() + DOWN, words.clone()));
        Outcome::OurFault(words)
    }

    fn idle_connection(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|connection| connection.since.elapsed() < IDLE);
        idle.pop()
    }

    async fn put_back(&self, mut connection: Connection, words: &Words) {
        connection.used += 1;
        connection.since = Instant::now();
        let usable = match words.code {
            None | Some(421) => false,
            Some(200..=299) => true,
            // after a refusal the relay still thinks of this mail (RFC 5321 §4.1.1.5)
            Some(_) => connection.client.rset().await.is_ok(),
        };
        if usable && connection.used < MAILS {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        } else if usable {
            let _ = connection.client.quit().await;
        }
    }

    async fn connect(&self) -> Result<Connection, Words> {
        let whole = timeout(self.settings.timeout(), self.dial());
        whole.await.unwrap_or_else(|_| Err(silent(Stage::Connect, "no answer in time")))
    }

    async fn dial(&self) -> Result<Connection, Words> {
        let server = (self.settings.host.as_str(), self.settings.port());
        let stream = TcpStream::connect(server).await.map_err(|error| silent(Stage::Connect, &error.to_string()))?;
        stream.set_nodelay(true).map_err(|error| silent(Stage::Connect, &error.to_string()))?;
        let mut plain = SmtpClient { stream, timeout: self.settings.timeout() };
        let client = match (&self.tls, self.settings.tls) {
            (Some(tls), Tls::Implicit) => {
                let mut client = plain.into_tls(tls, &self.settings.host).await.map_err(said(Stage::Tls))?;
                greeted(&mut client).await?;
                boxed(client)
            }
            (Some(tls), Tls::StartTls) => {
                greeted(&mut plain).await?;
                let offered = plain.ehlo(&self.name).await.map_err(said(Stage::Connect))?;
                if !offered.has_capability(EXT_START_TLS) {
                    return Err(silent(Stage::Tls, "the relay does not offer STARTTLS"));
                }
                boxed(plain.start_tls(tls, &self.settings.host).await.map_err(said(Stage::Tls))?)
            }
            _ => {
                greeted(&mut plain).await?;
                boxed(plain)
            }
        };
        self.introduce(client).await
    }

    async fn introduce(&self, mut client: SmtpClient<Box<dyn Wire>>) -> Result<Connection, Words> {
        let offered: EhloResponse<String> = client.ehlo(&self.name).await.map_err(said(Stage::Connect))?;
        if let Some(credentials) = &self.credentials {
            client.authenticate(credentials, &offered).await.map_err(said(Stage::SignIn))?;
        }
        let size = offered.has_capability(EXT_SIZE).then_some(offered.size).filter(|size| *size > 0);
        Ok(Connection { client, reports: offered.has_capability(EXT_DSN), size, used: 0, since: Instant::now() })
    }

    /// One mail over a connection (RFC 5321 §3.3).
    async fn converse(&self, connection: &mut Connection, mail: &Outgoing) -> Words {
        let (envelope, mail) = (&mail.envelope, mail.mail.content());
        if let Some(size) = connection.size.filter(|size| *size < mail.len()) {
            let text = format!("the mail has {} bytes, and the relay takes {size}", mail.len());
            return Words { stage: Stage::Sender, code: Some(552), text };
        }
        let (mut about_mail, mut about_recipient) = (Parameters::new(), Parameters::new());
        if connection.reports {
            about_mail.add(("RET", "HDRS")).add(("ENVID".to_owned(), xtext(&envelope.id)));
            let notify = if envelope.report_success { "SUCCESS,FAILURE,DELAY" } else { "FAILURE,DELAY" };
            about_recipient.add(("NOTIFY", notify)).add(("ORCPT".to_owned(), format!("rfc822;{}", xtext(envelope.to.as_str()))));
        }
        let client = &mut connection.client;
        if let Err(error) = client.mail_from(envelope.from.as_str(), &about_mail).await {
            return said(Stage::Sender)(error);
        }
        if let Err(error) = client.rcpt_to(envelope.to.as_str(), &about_recipient).await {
            return said(Stage::Recipient)(error);
        }
        match client.cmd("DATA\r\n").await {
            Ok(go) if go.code == 354 => {}
            Ok(refused) => return Words { stage: Stage::Content, code: Some(refused.code), text: clean(&refused.message) },
            // nothing of the content was sent, so it cannot have been taken
            Err(error) => return Words { stage: Stage::Recipient, ..said(Stage::Content)(error) },
        }
        let sent = async {
            client.write_message(mail).await?;
            client.read().await
        };
        // RFC 5321 §4.5.3.2.6: the last answer may take longer than any other
        match timeout(self.settings.timeout() * 3, sent).await {
            Ok(Ok(answer)) => Words { stage: Stage::Content, code: Some(answer.code), text: clean(&answer.message) },
            Ok(Err(error)) => said(Stage::Content)(error),
            Err(_) => silent(Stage::Content, "no answer in time"),
        }
    }
}

fn boxed<T: Wire + 'static>(client: SmtpClient<T>) -> SmtpClient<Box<dyn Wire>> {
    SmtpClient { stream: Box::new(client.stream), timeout: client.timeout }
}

async fn greeted<T: Wire>(client: &mut SmtpClient<T>) -> Result<(), Words> {
    let greeting = client.read().await.map_err(said(Stage::Connect))?;
    if greeting.code == 220 {
        Ok(())
    } else {
        Err(Words { stage: Stage::Connect, code: Some(greeting.code), text: clean(&greeting.message) })
    }
}

fn said(stage: Stage) -> impl Fn(mail_send::Error) -> Words {
    move |error| match error {
        mail_send::Error::UnexpectedReply(reply) | mail_send::Error::AuthenticationFailed(reply) => {
            Words { stage, code: Some(reply.code), text: clean(&reply.message) }
        }
        mail_send::Error::UnparseableReply => silent(stage, "the relay closed the connection or said what is no answer"),
        mail_send::Error::Timeout => silent(stage, "no answer in time"),
        other => silent(stage, &other.to_string()),
    }
}

fn silent(stage: Stage, text: &str) -> Words {
    Words { stage, code: None, text: clean(text) }
}

fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect::<String>().trim().to_owned()
}

#[cfg(test)]
#[path = "smtp_tests.rs"]
pub(crate) mod tests;
