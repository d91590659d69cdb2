//! A relay for tests that behaves badly on request: what it does is told by the recipient's name.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What it took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) mail: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Sink {
    pub(crate) port: u16,
    pub(crate) taken: Arc<Mutex<Vec<Taken>>>,
    pub(crate) connections: Arc<Mutex<(usize, usize, usize)>>,
}

impl Sink {
    /// Begins to listen on a port of its own. `keep` false only counts mails (a measurement).
    pub(crate) async fn open(keep: bool) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (taken, connections) = (Arc::default(), Arc::new(Mutex::new((0, 0, 0))));
        let sink = Self { port, taken: Arc::clone(&taken), connections: Arc::clone(&connections) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (taken, connections) = (Arc::clone(&taken), Arc::clone(&connections));
                tokio::spawn(async move {
                    {
                        let mut counts = connections.lock().unwrap();
                        counts.0 += 1;
                        counts.1 += 1;
                        counts.2 = counts.2.max(counts.1);
                    }
                    let _ = serve(stream, &taken, keep).await;
                    connections.lock().unwrap().1 -= 1;
                });
            }
        });
        sink
    }

    pub(crate) fn mails(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    /// Connections ever made, and the most at once.
    pub(crate) fn connections(&self) -> (usize, usize) {
        let counts = self.connections.lock().unwrap();
        (counts.0, counts.2)
    }
}

async fn serve(stream: TcpStream, taken: &Mutex<Vec<Taken>>, keep: bool) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 sink ESMTP\r\n").await?;
    let (mut line, mut open) = (String::new(), Taken::default());
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let command = line.trim_end();
        let who = open.to.trim_start_matches("RCPT TO:<").split('@').next().unwrap_or_default().to_owned();
        let answer: &[u8] = match command.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => b"250-sink\r\n250-SIZE 1000000\r\n250 DSN\r\n",
            "MAIL" if command.contains("<forbidden@") => b"550 5.7.1 you may not send\r\n",
            "MAIL" => {
                open = Taken { from: command.to_owned(), ..Taken::default() };
                b"250 ok\r\n"
            }
            "RCPT" => {
                open.to = command.to_owned();
                match command.trim_start_matches("RCPT TO:<").split('@').next().unwrap_or_default() {
                    "busy" => b"451 4.7.1 come back later\r\n",
                    "gone" => b"550 5.1.1 no such mailbox\r\n",
                    "closing" => {
                        stream.write_all(b"421 4.3.2 shutting down\r\n").await?;
                        return Ok(());
                    }
                    "slow" => {
                        tokio::time::sleep(Duration::from_secs(30)).await;
                        b"250 ok\r\n"
                    }
                    _ => b"250 ok\r\n",
                }
            }
            "DATA" => {
                if who == "nodata" {
                    return Ok(());
                }
                stream.write_all(b"354 go on\r\n").await?;
                let mail = content(&mut stream).await?;
                match who.as_str() {
                    // taken, and the connection breaks before the answer
                    "lost" => {
                        taken.lock().unwrap().push(Taken { mail, ..open.clone() });
                        return Ok(());
                    }
                    "spam" => b"554 5.7.1 looks like spam\r\n",
                    "full" => b"452 4.2.2 mailbox full\r\n",
                    _ => {
                        taken.lock().unwrap().push(if keep { Taken { mail, ..std::mem::take(&mut open) } } else { Taken::default() });
                        if who == "last" {
                            stream.write_all(b"250 2.0.0 taken\r\n").await?;
                            return Ok(());
                        }
                        b"250 2.0.0 taken\r\n"
                    }
                }
            }
            "RSET" | "NOOP" => b"250 ok\r\n",
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => b"500 what?\r\n",
        };
        stream.write_all(answer).await?;
    }
}

/// The content as it was before dots were doubled (RFC 5321 §4.5.2).
async fn content(stream: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut mail = Vec::new();
    loop {
        let begin = mail.len();
        if stream.read_until(b'\n', &mut mail).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if &mail[begin..] == b".\r\n" {
            mail.truncate(begin);
            return Ok(mail);
        }
        if mail[begin..].starts_with(b".") {
            mail.remove(begin);
        }
    }
}
