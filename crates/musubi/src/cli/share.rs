//! `musubi share`: what a party may have, in a format of others.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use casework::indicate::lists::Format;
use casework::model::agreement::Purpose;
use casework::model::party::PartyId;
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use store::register::Register;

use super::share_list::List;
use super::view::party;
use super::{Place, moment};
use crate::jobs::bundle::{self, Bundle, Only, Telling};
use crate::pipeline;
use crate::show::{self, grouped, say};

/// What a party may have, in a format of others; what is given is logged
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Example:\n  rm -f /tmp/for-isp-jp.json*; musubi share stix --to isp-jp --out /tmp/for-isp-jp.json")]
pub(crate) enum Share {
    Stix(Stix),
    /// A DNS response policy zone (BIND, Unbound, Knot, PowerDNS)
    #[command(after_help = "Example:\n  musubi share rpz --to isp-jp --out /tmp/lists")]
    Rpz(List),
    /// Suricata rules
    #[command(after_help = "Example:\n  musubi share suricata --to isp-jp --out /tmp/lists")]
    Suricata(List),
    /// Suricata rules that look up long lists: datasets and IP reputation
    #[command(after_help = "Example:\n  musubi share suricata-bulk --to isp-jp --out /tmp/lists")]
    SuricataBulk(List),
    /// A file for the intelligence framework of Zeek
    #[command(after_help = "Example:\n  musubi share zeek --to isp-jp --out /tmp/lists")]
    Zeek(List),
    /// Sets for nftables
    #[command(after_help = "Example:\n  musubi share nftables --to isp-jp --out /tmp/lists")]
    Nftables(List),
    /// A hosts file
    #[command(after_help = "Example:\n  musubi share hosts --to isp-jp --out /tmp/lists")]
    Hosts(List),
    /// A plain list, one value a line
    #[command(after_help = "Example:\n  musubi share plain --to isp-jp --out /tmp/lists")]
    Plain(List),
    /// CSV with reasons, scores and ends
    #[command(after_help = "Example:\n  musubi share csv --to isp-jp --out /tmp/lists")]
    Csv(List),
}

impl Share {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        match self {
            Self::Stix(command) => command.run(place).await,
            Self::Rpz(list) => list.run(place, Format::Rpz).await,
            Self::Suricata(list) => list.run(place, Format::Suricata).await,
            Self::SuricataBulk(list) => list.run(place, Format::SuricataBulk).await,
            Self::Zeek(list) => list.run(place, Format::Zeek).await,
            Self::Nftables(list) => list.run(place, Format::Nftables).await,
            Self::Hosts(list) => list.run(place, Format::Hosts).await,
            Self::Plain(list) => list.run(place, Format::Plain).await,
            Self::Csv(list) => list.run(place, Format::Csv).await,
        }
    }
}

/// Indicators and events that a party may have, as one STIX 2.1 bundle
///
/// The bundle is one release: it is in the log before it is written, and its receipt is written beside it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  rm -f /tmp/isp-jp.json*; musubi share stix --to isp-jp --limit 50 --out /tmp/isp-jp.json")]
pub(crate) struct Stix {
    #[arg(long, value_name = "PARTY", value_parser = party)]
    to: PartyId,
    /// Seen at or after this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// Only these
    #[arg(long, value_enum)]
    only: Option<Only>,
    /// At most so many events, the newest
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    limit: u64,
    /// Write it to a new file, and the receipt beside it [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// What the party would have it for
    #[arg(long, value_name = "PURPOSE", default_value = "defend", value_parser = |text: &str| Purpose::read(text).ok_or("no such purpose"))]
    purpose: Purpose,
}

impl Stix {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        if self.out.as_ref().is_some_and(|path| path.exists()) {
            bail!("{} is there already", self.out.unwrap_or_default().display());
        }
        let wanted = bundle::Stix { to: self.to.clone(), since: self.since, only: self.only, limit: self.limit, purpose: self.purpose };
        match wanted.bundle(&place.home, &register, pipeline::now()).await? {
            Some(Bundle { telling, content, release }) => self.give(place, &telling, content, release.as_deref(), &register).await,
            None if place.json => show::json(&json!({"id": null, "to": self.to.as_str(), "objects": 0, "events": 0, "indicators": 0})),
            None => say(format!("there is nothing that {} may have: nothing was released", self.to)),
        }
    }

    /// Hands over what was logged.
    async fn give(&self, place: &Place, telling: &Telling, content: Vec<u8>, release: Option<&str>, register: &Register) -> Result<()> {
        let Some(path) = &self.out else {
            show::raw(&content)?;
            eprintln!(
                "{}",
                release.map_or_else(|| "our own: no release".to_owned(), |id| format!("release {id}: musubi receipt make {id}"))
            );
            return Ok(());
        };
        std::fs::write(path, &content).with_context(|| path.display().to_string())?;
        let mut receipt = None;
        if let Some(id) = release
            && let Some(proof) = register.receipt(id).await?
        {
            let beside = PathBuf::from(format!("{}.tlog-proof", path.display()));
            std::fs::write(&beside, proof.to_string()).with_context(|| beside.display().to_string())?;
            receipt = Some(beside);
        }
        let Telling { order, events, indicators, .. } = telling;
        if place.json {
            return show::json(&json!({
                "id": release, "to": self.to.as_str(), "objects": order.len(), "events": events, "indicators": indicators, "file": path,
                "receipt": receipt, "sha256": super::log::hex(&Sha256::digest(&content)),
            }));
        }
        let [indicators, events] = [*indicators, *events].map(grouped);
        say(format!("{} for {}: {indicators} indicators and {events} events", path.display(), self.to))?;
        match receipt {
            Some(receipt) => say(format!("receipt {}", receipt.display())),
            None => Ok(()),
        }
    }
}
