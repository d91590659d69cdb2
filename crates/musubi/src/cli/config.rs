//! `musubi config`: is what was set up possible, and do the servers let us in?

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::Place;
use crate::config::{Config as Settings, Tls};
use crate::deliver::smtp::Relay;
use crate::receive::imap;
use crate::show::{self, say};

/// What is set up in config.toml
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Config {
    Check(Check),
    Show(Show),
}

impl Config {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        match self {
            Self::Check(check) => check.run(place).await,
            Self::Show(show) => show.run(place),
        }
    }
}

/// Check config.toml; says what is wrong, with the line
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi config check")]
pub(crate) struct Check {
    /// Sign in to the servers as well; sends nothing, reads nothing
    #[arg(long)]
    connect: bool,
}

impl Check {
    async fn run(self, place: &Place) -> Result<()> {
        let config = Settings::of(place.home.root())?;
        let relay = match (&config.mail, &config.smtp) {
            (Some(mail), Some(smtp)) => Some(Relay::new(mail, smtp)?),
            _ => None,
        };
        let mut faults = Vec::new();
        if let Some(maildir) = config.answers.as_ref().and_then(|answers| answers.maildir.as_ref())
            && !maildir.join("new").is_dir()
        {
            faults.push(format!("[answers] maildir: {} has no folder new", maildir.display()));
        }
        if self.connect {
            if let Some(relay) = &relay
                && let Err(words) = relay.try_out().await
            {
                faults.push(format!("[smtp] {words}"));
            }
            if let Some(settings) = config.answers.as_ref().and_then(|answers| answers.imap.as_ref())
                && let Err(error) = imap::try_out(settings).await
            {
                faults.push(format!("[answers.imap] {error:#}"));
            }
        }
        if place.json {
            show::json(&json!({"can_send": relay.is_some(), "takes_answers": config.answers.is_some(), "faults": faults}))?;
        } else {
            say(if relay.is_some() { "notices can be sent" } else { "nothing can be sent: there is no [smtp]" })?;
            say(if config.answers.is_some() { "answers are taken" } else { "no answers are taken: there is no [answers]" })?;
        }
        if !faults.is_empty() {
            bail!("{}", faults.join("; "));
        }
        Ok(())
    }
}

/// Show what is in force, defaults included; no passwords
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi config show")]
pub(crate) struct Show {}

impl Show {
    fn run(self, place: &Place) -> Result<()> {
        let path = Settings::path(place.home.root());
        let config = Settings::of(place.home.root())?;
        let shown = object(&config);
        if place.json {
            return show::json(&shown);
        }
        say(format!("{}{}", path.display(), if path.exists() { "" } else { " (does not exist)" }))?;
        say(serde_json::to_string_pretty(&shown).context("our own object")?)
    }
}

fn object(config: &Settings) -> Value {
    let tls = |tls: Tls| match tls {
        Tls::None => "none",
        Tls::StartTls => "starttls",
        Tls::Implicit => "implicit",
    };
    json!({
        "mail": config.mail.as_ref().map(|m| json!({"from": m.from.as_str(), "organisation": m.organisation, "reply_to": m.reply_to.as_str()})),
        "smtp": config.smtp.as_ref().map(|s| json!({
            "host": s.host, "port": s.port(), "tls": tls(s.tls), "ca": s.ca, "user": s.user, "password_file": s.password_file, "connections": s.connections,
            "per_domain_connections": s.per_domain_connections, "per_domain_per_minute": s.per_domain_per_minute, "timeout_seconds": s.timeout_seconds,
        })),
        "answers": config.answers.as_ref().map(|a| json!({
            "maildir": a.maildir, "largest_mb": a.largest_mb, "at_most": a.at_most,
            "imap": a.imap.as_ref().map(|i| json!({
                "host": i.host, "port": i.port(), "tls": tls(i.tls), "ca": i.ca, "user": i.user, "password_file": i.password_file, "folder": i.folder,
                "timeout_seconds": i.timeout_seconds,
            })),
        })),
    })
}
