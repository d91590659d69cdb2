//! `musubi receipt`: proof for a party that what it was given is in the log of who gave it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use casework::model::release::Statement;
use formats::tlog::tree::leaf;
use formats::tlog::{Policy, Proof};
use jiff::Timestamp;
use serde_json::json;

use super::Place;
use super::log::hex;
use crate::show::{self, say};

/// Receipts: proof that something given is in the log of who gave it
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Receipt {
    Make(Make),
    Verify(Verify),
}

impl Receipt {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        match self {
            Self::Make(command) => command.run(place).await,
            Self::Verify(command) => command.run(place),
        }
    }
}

/// Print the receipt of a release, for its recipient (C2SP tlog-proof)
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi log list; musubi receipt make notice-2026-000017 > /tmp/notice.tlog-proof")]
pub(crate) struct Make {
    /// Of the release, as `musubi log list` shows it
    id: String,
}

impl Make {
    async fn run(self, place: &Place) -> Result<()> {
        let Some(proof) = place.register().await?.receipt(&self.id).await? else {
            bail!("{} is not in the log of releases; `musubi log list` shows what is", self.id);
        };
        if place.json {
            return show::json(&json!({"id": self.id, "number": proof.index, "receipt": proof.to_string()}));
        }
        say(proof.to_string().trim_end())
    }
}

/// Check a receipt; needs neither a home nor the network
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi receipt verify notice.tlog-proof --policy log.policy --content notice.eml")]
pub(crate) struct Verify {
    receipt: PathBuf,
    /// Whom to believe: keys of logs and witnesses (C2SP tlog-policy)
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// What was given: its hash must be the one in the receipt
    #[arg(long, value_name = "FILE")]
    content: Option<PathBuf>,
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| path.display().to_string())
}

impl Verify {
    fn run(self, place: &Place) -> Result<()> {
        let name = self.receipt.display().to_string();
        let policy = Policy::read(&read(&self.policy)?).with_context(|| self.policy.display().to_string())?;
        let proof = Proof::read(&read(&self.receipt)?).with_context(|| name.clone())?;
        let extra = proof.extra.as_deref().with_context(|| format!("{name}: it does not say what was released (no `extra` line)"))?;
        let text = std::str::from_utf8(extra).with_context(|| format!("{name}: the statement is not UTF-8"))?;
        let statement = Statement::read(text).with_context(|| name.clone())?;
        let accepted = proof.verify(leaf(&statement.entry()), &policy).with_context(|| name.clone())?;
        if let Some(path) = &self.content {
            let mut input = fs::File::open(path).with_context(|| path.display().to_string())?;
            let given = store::evidence::sha256(&mut input).with_context(|| path.display().to_string())?;
            if given != hex(&statement.content) {
                bail!(
                    "{}: this is not what was released: its SHA-256 is {given}, the receipt says {}",
                    path.display(),
                    hex(&statement.content)
                );
            }
        }
        let seen: Vec<(String, Option<String>)> = accepted
            .witnesses
            .iter()
            .map(|(at, time)| {
                let name = String::from_utf8_lossy(&policy.witnesses[*at].name).into_owned();
                (name, i64::try_from(*time).ok().and_then(|time| Timestamp::from_second(time).ok()).map(|time| time.to_string()))
            })
            .collect();
        let s = &statement;
        if place.json {
            return show::json(&json!({
                "valid": true, "id": s.id, "log": accepted.checkpoint.origin, "number": proof.index, "size": accepted.checkpoint.size,
                "to": s.recipient.as_str(), "purpose": s.purpose.as_str(), "channel": s.channel.as_str(), "at": s.at.to_string(),
                "sha256": hex(&s.content), "content_checked": self.content.is_some(),
                "witnesses": seen.iter().map(|(name, at)| json!({"id": name, "at": at})).collect::<Vec<_>>(),
            }));
        }
        say(format!("{} is entry {} of the log {} ({} entries)", s.id, proof.index, accepted.checkpoint.origin, accepted.checkpoint.size))?;
        say(format!("to {} by {}, purpose {}, at {}", s.recipient, s.channel.as_str(), s.purpose.as_str(), s.at))?;
        let checked = if self.content.is_some() { "what you have" } else { "compare with what you have, or name it with --content" };
        say(format!("SHA-256 {} ({checked})", hex(&s.content)))?;
        for (name, at) in &seen {
            say(format!("seen by {name} at {}", at.as_deref().unwrap_or("an unknown time")))?;
        }
        say("valid")
    }
}
