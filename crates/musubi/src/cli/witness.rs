//! `musubi witness`: signing that the logs of others only grew.

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use formats::tlog::Verifier;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::register::Register;

use super::{Place, log};
use crate::show::{self, say, table};
use crate::{keys, pipeline};

/// Being a witness: signing that the logs of others only grew (C2SP tlog-witness)
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Witness {
    Key(Key),
    Watch(Watch),
    List(List),
    AddCheckpoint(AddCheckpoint),
}

impl Witness {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        match self {
            Self::Key(command) => command.run(place),
            Self::Watch(command) => command.run(place).await,
            Self::List(command) => command.run(place).await,
            Self::AddCheckpoint(command) => command.run(place).await,
        }
    }
}

/// Print the public key with which we sign as a witness; it is made on first use
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi witness key --name csirt.example/witness")]
pub(crate) struct Key {
    /// A URL without its scheme; can be chosen once [default: a name of its own]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl Key {
    fn run(self, place: &Place) -> Result<()> {
        log::told(place, keys::witness_key(&place.home, self.name.as_deref())?.verifier())
    }
}

/// Watch the log of somebody else
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi witness watch log.example/musubi+400f7ed1+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs")]
pub(crate) struct Watch {
    /// Its public key, as `musubi log key` prints it there
    key: Verifier,
}

impl Watch {
    async fn run(self, place: &Place) -> Result<()> {
        Register::create(&place.home).await?.watch_log(&self.key, pipeline::now()).await?;
        if place.json { show::json(&json!({"id": self.key.name()})) } else { say(format!("{} is watched", self.key.name())) }
    }
}

/// List the logs that we watch, and the last checkpoint of each that we signed
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi witness list")]
pub(crate) struct List {}

impl List {
    async fn run(self, place: &Place) -> Result<()> {
        let found = if place.home.exists() { place.register().await?.watched_logs().await? } else { Vec::new() };
        let time = |micros: i64| Timestamp::from_microsecond(micros).ok().map(|time| time.to_string());
        if place.json {
            let object = |w: &store::witness::Watched| {
                let (added, signed) = (time(w.added_at), w.signed_at.and_then(time));
                json!({"id": w.origin, "vkey": w.vkey, "added_at": added, "size": w.size, "signed_at": signed, "checkpoint": w.note})
            };
            return show::json(&Value::Array(found.iter().map(object).collect()));
        }
        let or_never = |text: Option<String>| text.unwrap_or_else(|| "never".to_owned());
        let rows: Vec<Vec<String>> = found
            .iter()
            .map(|w| vec![w.origin.clone(), w.size.unwrap_or(0).to_string(), or_never(w.signed_at.and_then(time)), w.vkey.clone()])
            .collect();
        say(table(&["id", "size", "signed", "key"], &rows, &[1]).trim_end())
    }
}

/// Answer a request of a log that we watch: sign its checkpoint, or say why not
///
/// Exit 0 with signature lines when it was signed, 1 with the reason when not.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi witness add-checkpoint /tmp/add-checkpoint")]
pub(crate) struct AddCheckpoint {
    /// The body of the request, `-` for standard input
    file: PathBuf,
}

impl AddCheckpoint {
    async fn run(self, place: &Place) -> Result<()> {
        let mut body = Vec::new();
        // One byte more than is read shows that it is too long.
        let most = formats::tlog::MOST_BYTES as u64 + 1;
        if self.file.as_os_str() == "-" {
            std::io::stdin().lock().take(most).read_to_end(&mut body)?;
        } else {
            fs::File::open(&self.file)
                .and_then(|file| file.take(most).read_to_end(&mut body))
                .with_context(|| self.file.display().to_string())?;
        }
        let register = place.register().await?;
        let signer = keys::witness_key(&place.home, None)?;
        match register.add_checkpoint(&body, &signer, pipeline::now()).await? {
            Ok(lines) if place.json => show::json(&json!({"status": 200, "body": lines})),
            Ok(lines) => say(lines.trim_end()),
            Err(refusal) => {
                if place.json {
                    show::json(&json!({"status": refusal.status(), "body": refusal.body()}))?;
                }
                bail!("not signed: {refusal} (status {})", refusal.status())
            }
        }
    }
}
