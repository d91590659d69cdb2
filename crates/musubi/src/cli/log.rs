//! `musubi log`: what was given to whom, and the proof that this was never rewritten.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use formats::tlog::note::Signature;
use formats::tlog::tree::leaf;
use formats::tlog::{Checkpoint, Note, Tile, Verifier};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::register::Register;
use store::releases::Logged;

use super::Place;
pub(crate) use crate::show::hex;
use crate::show::{self, grouped, say, table};
use crate::{keys, pipeline};

/// The log of releases: what was given to whom, and that it was never rewritten
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Log {
    Verify(Verify),
    List(List),
    Show(Show),
    Checkpoint(ShowCheckpoint),
    Key(Key),
    Policy(ShowPolicy),
    Export(Export),
    Request(Request),
    Cosign(Cosign),
    #[command(subcommand)]
    Witness(Witness),
}

impl Log {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        match self {
            Self::Verify(command) => command.run(place).await,
            Self::List(command) => command.run(place).await,
            Self::Show(command) => command.run(place).await,
            Self::Checkpoint(command) => command.run(place).await,
            Self::Key(command) => command.run(place),
            Self::Policy(command) => command.run(place).await,
            Self::Export(command) => command.run(place).await,
            Self::Request(command) => command.run(place).await,
            Self::Cosign(command) => command.run(place).await,
            Self::Witness(command) => command.run(place).await,
        }
    }
}

/// Recompute the log from every release remembered to every signature
///
/// Needs no network. What somebody rewrote together with its key shows only beside a checkpoint kept elsewhere: --from.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi log verify")]
pub(crate) struct Verify {
    /// An older checkpoint that somebody kept: the log must continue it
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

impl Verify {
    async fn run(self, place: &Place) -> Result<()> {
        let before = match &self.from {
            Some(path) => {
                Some(Note::read(&fs::read(path).with_context(|| path.display().to_string())?).with_context(|| path.display().to_string())?)
            }
            None => None,
        };
        let register = place.register().await?;
        let bar = indicatif::ProgressBar::new_spinner();
        let audit = register
            .audit_log(before.as_ref(), &mut |number| {
                bar.set_message(format!("entry {}", grouped(number)));
                bar.tick();
            })
            .await?;
        bar.finish_and_clear();
        let key = register.log_key().await?;
        let mut faults = audit.faults;
        // The register says which key is the log's; whoever changed the one may have changed the other.
        let file = place.home.keys().join("log.ed25519");
        if let Some(key) = &key
            && file.exists()
            && keys::log_key(&place.home, None)?.verifier() != key
        {
            faults.push(format!("the log is signed by {key}, which is not the key of this home"));
        }
        let root = audit.root.map(|root| root.to_string());
        if place.json {
            show::json(&json!({
                "well": faults.is_empty(), "key": key.map(|k| k.to_string()), "entries": audit.entries, "checkpoints": audit.checkpoints,
                "cosignatures": audit.cosignatures, "root": root, "faults": faults,
            }))?;
        } else {
            let Some(key) = key else {
                faults.iter().try_for_each(|fault| say(format!("FAULT        {fault}")))?;
                say("nothing was released yet")?;
                if faults.is_empty() { return Ok(()) } else { bail!("{} faults", faults.len()) }
            };
            say(format!("log          {key}"))?;
            say(format!("entries      {}", grouped(audit.entries)))?;
            say(format!("checkpoints  {}, cosignatures {}", grouped(audit.checkpoints), grouped(audit.cosignatures)))?;
            say(format!("root         {}", root.unwrap_or_default()))?;
            faults.iter().try_for_each(|fault| say(format!("FAULT        {fault}")))?;
            if faults.is_empty() {
                say("well")?;
            }
        }
        if faults.is_empty() { Ok(()) } else { bail!("{} faults", faults.len()) }
    }
}

/// List releases, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi log list --most 20")]
pub(crate) struct List {
    /// Only what this party was given
    #[arg(long, value_name = "PARTY")]
    to: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 1000)]
    most: u32,
}

impl List {
    async fn run(self, place: &Place) -> Result<()> {
        let found = if place.home.exists() { place.register().await?.releases(self.to.as_deref(), self.most).await? } else { Vec::new() };
        if place.json {
            return show::json(&Value::Array(found.iter().map(object).collect()));
        }
        let rows: Vec<Vec<String>> = found
            .iter()
            .map(|Logged { number, release: r, .. }| {
                let words = [r.purpose.as_str(), r.channel.as_str(), &r.basis.decision].map(str::to_owned);
                [vec![number.to_string(), r.id.clone(), r.at.to_string(), r.recipient.to_string()], words.to_vec()].concat()
            })
            .collect();
        say(table(&["number", "id", "at", "to", "purpose", "channel", "decision"], &rows, &[0]).trim_end())
    }
}

fn object(logged: &Logged) -> Value {
    let Logged { number, release: r, .. } = logged;
    json!({
        "id": r.id, "number": number, "to": r.recipient.as_str(), "purpose": r.purpose.as_str(), "channel": r.channel.as_str(),
        "at": r.at.to_string(), "sha256": hex(&r.content), "decision": r.basis.decision, "terms": r.basis.terms, "reasons": r.basis.reasons,
    })
}

/// Show one release: what the log says, what its recipient is told, and why it was allowed
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi log list; musubi log show notice-2026-000017")]
pub(crate) struct Show {
    id: String,
}

impl Show {
    async fn run(self, place: &Place) -> Result<()> {
        let logged = place.register().await?.logged(&self.id).await?;
        let Some(logged) = logged else { bail!("{} is not in the log of releases; `musubi log list` shows what is", self.id) };
        let statement = logged.release.statement(&logged.secret);
        let entry = statement.entry();
        let (statement, basis) = (statement.to_string(), logged.release.basis.text(&logged.secret));
        if place.json {
            let mut found = object(&logged);
            found["statement"] = statement.into();
            found["basis"] = basis.into();
            found["entry"] = hex(&entry).into();
            found["leaf"] = leaf(&entry).to_string().into();
            return show::json(&found);
        }
        say(format!("leaf {} of the log: entry {}, hash {}\n", logged.number, hex(&entry), leaf(&entry)))?;
        say(format!("The recipient is told (and sees the hash of the rest only):\n\n{statement}"))?;
        say(format!("Known here only:\n\n{}", basis.trim_end()))
    }
}

async fn latest(register: &Register) -> Result<(Note, Checkpoint)> {
    let Some(note) = register.log_checkpoint().await? else { bail!("nothing was released yet: there is no checkpoint") };
    let checkpoint = Checkpoint::read(&note.text)?;
    Ok((note, checkpoint))
}

/// Print the latest checkpoint: how large the log is, and its root, signed
///
/// Keep one elsewhere, or give it to a partner: `log verify --from` shows whether the log still continues it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi log checkpoint > /tmp/checkpoint && musubi log verify --from /tmp/checkpoint")]
pub(crate) struct ShowCheckpoint {}

impl ShowCheckpoint {
    async fn run(self, place: &Place) -> Result<()> {
        let (note, checkpoint) = latest(&place.register().await?).await?;
        if place.json {
            let Checkpoint { origin, size, root, .. } = checkpoint;
            return show::json(&json!({"origin": origin, "size": size, "root": root.to_string(), "note": note.to_string()}));
        }
        say(note.to_string().trim_end())
    }
}

/// Print the public key of the log; the key is made on first use
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi log key")]
pub(crate) struct Key {
    /// Name of the log, a URL without its scheme; can be chosen once [default: one of its own]
    #[arg(long, value_name = "NAME")]
    origin: Option<String>,
}

impl Key {
    fn run(self, place: &Place) -> Result<()> {
        let key = keys::log_key(&place.home, self.origin.as_deref())?;
        told(place, key.verifier())
    }
}

/// Prints a public key.
pub(crate) fn told(place: &Place, key: &Verifier) -> Result<()> {
    if place.json { show::json(&json!({"id": key.name(), "vkey": key.to_string()})) } else { say(key.to_string()) }
}

/// Print a policy for those who get receipts: our key, our witnesses and how many of them must have signed
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi log policy > /tmp/log.policy")]
pub(crate) struct ShowPolicy {
    /// How many of our witnesses must have signed
    #[arg(long, value_name = "N", default_value_t = 0)]
    quorum: usize,
}

impl ShowPolicy {
    async fn run(self, place: &Place) -> Result<()> {
        let text = place.register().await?.log_policy(self.quorum).await?;
        if place.json { show::json(&json!({"policy": text})) } else { say(text.trim_end()) }
    }
}

/// Write the log as static files that any web server can offer (C2SP tlog-tiles)
///
/// Entries tell who does not hold a statement nothing. A second export adds what is new.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi log export /tmp/log")]
pub(crate) struct Export {
    folder: PathBuf,
}

impl Export {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let (note, checkpoint) = latest(&register).await?;
        let mut written = 0_u64;
        for tile in Tile::of(checkpoint.size) {
            let path = self.folder.join(tile.path());
            if path.exists() {
                continue;
            }
            let Some(bytes) = register.log_tile(tile).await? else { bail!("{} is missing; see `musubi log verify`", tile.path()) };
            write(&path, &bytes)?;
            written += 1;
        }
        // Last: whoever sees the checkpoint finds all of its tiles.
        write(&self.folder.join("checkpoint"), note.to_string().as_bytes())?;
        if place.json {
            return show::json(&json!({"folder": self.folder, "size": checkpoint.size, "written": written}));
        }
        say(format!("{} entries in {}; {} files are new", grouped(checkpoint.size), self.folder.display(), grouped(written)))
    }
}

/// Writes a file so that it is never seen half written.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let draft = path.with_extension(format!("new-{}", std::process::id()));
        fs::write(&draft, bytes)?;
        fs::rename(&draft, path)
    };
    write().with_context(|| path.display().to_string())
}

/// Print what to send to a witness: the body of `add-checkpoint` (C2SP tlog-witness)
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi log request --old 0 > /tmp/add-checkpoint")]
pub(crate) struct Request {
    /// Size of the last of our checkpoints that this witness has signed; 0 when there is none
    #[arg(long, value_name = "N", default_value_t = 0)]
    old: u64,
}

impl Request {
    async fn run(self, place: &Place) -> Result<()> {
        let request = place.register().await?.witness_request(self.old).await?;
        if place.json {
            return show::json(&json!({"old": request.old, "size": request.checkpoint.size, "body": request.to_string()}));
        }
        say(request.to_string().trim_end())
    }
}

/// Keep what a witness answered: receipts carry its signature from then on
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi log cosign /tmp/answer-of-the-witness")]
pub(crate) struct Cosign {
    /// Signature lines
    file: PathBuf,
    /// Size of the checkpoint that was sent [default: the latest]
    #[arg(long, value_name = "N")]
    size: Option<u64>,
}

impl Cosign {
    async fn run(self, place: &Place) -> Result<()> {
        let name = self.file.display().to_string();
        let lines = Signature::read_lines(&fs::read_to_string(&self.file).with_context(|| name.clone())?).with_context(|| name)?;
        let register = place.register().await?;
        let size = match self.size {
            Some(size) => size,
            None => latest(&register).await?.1.size,
        };
        let kept = register.add_cosignatures(size, &lines).await?;
        if kept.is_empty() {
            bail!("{}: no line is of a witness that we know; `musubi log witness list` shows them", self.file.display());
        }
        if place.json {
            return show::json(&json!({"size": size, "witnesses": kept}));
        }
        say(format!("checkpoint {size} is signed by {}", kept.join(", ")))
    }
}

/// The witnesses of our log
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Witness {
    Add(AddWitness),
    List(ListWitnesses),
}

impl Witness {
    async fn run(self, place: &Place) -> Result<()> {
        match self {
            Self::Add(command) => command.run(place).await,
            Self::List(command) => command.run(place).await,
        }
    }
}

/// Believe a witness about our log
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  musubi log witness add partner witness.example.org+b8a2cf20+BFLN3yikSfFkVAJtrnh/CiY3Zozkoy7clp+P7XB28qUN"
)]
pub(crate) struct AddWitness {
    /// What to call it
    name: String,
    /// Its public key, as `musubi witness key` prints it there
    key: Verifier,
}

impl AddWitness {
    async fn run(self, place: &Place) -> Result<()> {
        Register::create(&place.home).await?.add_witness(&self.name, &self.key, pipeline::now()).await?;
        if place.json { show::json(&json!({"id": self.name})) } else { say(format!("{} is believed about our log", self.name)) }
    }
}

/// List the witnesses of our log
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi log witness list")]
pub(crate) struct ListWitnesses {}

impl ListWitnesses {
    async fn run(self, place: &Place) -> Result<()> {
        let found = if place.home.exists() { place.register().await?.witnesses().await? } else { Vec::new() };
        if place.json {
            let time = |micros: i64| Timestamp::from_microsecond(micros).ok().map(|t| t.to_string());
            let object =
                |w: &store::witness::Witness| json!({"id": w.name, "vkey": w.vkey, "added_at": time(w.added_at), "signed": w.signed});
            return show::json(&Value::Array(found.iter().map(object).collect()));
        }
        let signed = |size: Option<i64>| size.map_or_else(|| "nothing yet".to_owned(), |size| size.to_string());
        let rows: Vec<Vec<String>> = found.iter().map(|w| vec![w.name.clone(), signed(w.signed), w.vkey.clone()]).collect();
        say(table(&["id", "signed up to", "key"], &rows, &[1]).trim_end())
    }
}
