//! `musubi key`: our OpenPGP key, for those who check our signatures and write to us encrypted.

use anyhow::{Context as _, Result};
use serde_json::json;

use super::Place;
use crate::config::Config;
use crate::deliver::keys::OurKey;
use crate::show::{self, say};

/// Our OpenPGP key
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Key {
    Show(Show),
}

impl Key {
    pub(crate) fn run(self, place: &Place) -> Result<()> {
        match self {
            Self::Show(show) => show.run(place),
        }
    }
}

/// Print our public key; it is made when there is none yet
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  mkdir -p /tmp/m && printf '[mail]\\nfrom = \"csirt@csirt.example\"\\norganisation = \"Example\"\\nreply_to = \"notice@csirt.example\"\\n' > /tmp/m/config.toml && musubi --home /tmp/m key show"
)]
pub(crate) struct Show {
    /// Only the fingerprint
    #[arg(long)]
    fingerprint: bool,
}

impl Show {
    fn run(self, place: &Place) -> Result<()> {
        let path = OurKey::path(place.home.root());
        let key = if let Some(key) = OurKey::read(&path)? {
            key
        } else {
            let config = Config::of(place.home.root())?;
            let told = Config::path(place.home.root());
            let mail = config
                .mail
                .with_context(|| format!("there is no key yet, and {} does not say whose it would be: [mail]", told.display()))?;
            OurKey::of(place.home.root(), &mail.organisation, &mail.from)?
        };
        if place.json {
            return show::json(
                &json!({"id": key.fingerprint(), "fingerprint": key.fingerprint(), "user_ids": key.user_ids(), "public_key": key.armoured()?}),
            );
        }
        if self.fingerprint { say(key.fingerprint()) } else { say(key.armoured()?.trim_end()) }
    }
}
