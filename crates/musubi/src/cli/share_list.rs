//! `musubi share rpz|suricata|…`: what a party may block, in the format of its program.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use casework::indicate::lists::{Action, Format, Marked, Wish};
use casework::model::agreement::Channel;
use casework::model::party::PartyId;
use serde_json::json;

use super::{Place, WrongUsage, view};
use crate::api::standing::Desk;
use crate::deliver::lists::{Asked, give, listed};
use crate::show::{self, grouped, say};
use crate::sign_in::bearer::Issuers;
use crate::{keys, pipeline};

/// How a list is made.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// For whom; ourselves too
    #[arg(long, value_name = "PARTY", value_parser = view::party)]
    to: PartyId,
    /// Folder for the files [default: the main file on standard output]
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Only what is worth at least so much now (0 to 100)
    #[arg(long, value_name = "SCORE", default_value_t = 50, value_parser = clap::value_parser!(u8).range(0..=100))]
    least_score: u8,
    /// At most so many entries: the best
    #[arg(long, value_name = "N", default_value_t = 500_000)]
    most: usize,
    /// An entry holds for at most so many days
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(i64).range(1..=365))]
    longest: i64,
    /// block, refuse, silence, watch, or garden=HOST (RPZ: where to lead whoever asks)
    #[arg(long, value_name = "WORD", default_value = "block", value_parser = action)]
    action: Action,
    /// What somebody should look at first: watch, block or leave
    #[arg(long, value_name = "WORD", default_value = "watch", value_parser = marked)]
    marked: Marked,
    /// Name of the zone (RPZ)
    #[arg(long, value_name = "NAME", default_value = "rpz.musubi")]
    zone: String,
    /// Without reasons
    #[arg(long)]
    bare: bool,
}

fn action(text: &str) -> Result<Action, String> {
    Ok(match text.split_once('=') {
        Some(("garden", host)) if !host.is_empty() => Action::Garden(host.to_owned()),
        _ => match text {
            "block" => Action::Block,
            "refuse" => Action::Refuse,
            "silence" => Action::Silence,
            "watch" => Action::Watch,
            _ => return Err(format!("{text:?} is not one of block, refuse, silence, watch, garden=HOST")),
        },
    })
}

fn marked(text: &str) -> Result<Marked, String> {
    match text {
        "watch" => Ok(Marked::Watch),
        "block" => Ok(Marked::Block),
        "leave" => Ok(Marked::Leave),
        _ => Err(format!("{text:?} is not one of watch, block, leave")),
    }
}

impl List {
    pub(crate) async fn run(self, place: &Place, format: Format) -> Result<()> {
        let register = place.register().await?;
        let now = pipeline::now();
        if register.party(&self.to, now).await?.is_none() {
            return Err(WrongUsage(format!("there is no party {}; `musubi party list` shows them", self.to)).into());
        }
        let standing = Desk::new(register.clone(), Issuers::default()).standing(now).await?;
        let wish = Wish {
            notes: vec![format!("for {}, {now}", self.to)],
            action: self.action,
            marked: self.marked,
            reasons: !self.bare,
            zone: self.zone,
            ..Wish::default()
        };
        // A date in the file would make it another one each time.
        let wish = Wish { notes: vec![format!("for {}", self.to)], ..wish };
        let asked =
            Asked { to: &self.to, channel: Channel::File, format, least_score: self.least_score, most: self.most, longest: self.longest };
        let made = listed(&place.home, &register, &standing, &asked, wish, now).await?;
        let own = standing.own.as_ref() == Some(&self.to);
        let left: Vec<(String, u64)> = made.list.left_out.iter().map(|(why, count)| (why.as_str().to_owned(), *count)).collect();
        let unsaid: Vec<(String, u64)> = made.files.unsaid.iter().map(|(why, count)| (why.as_str().to_owned(), *count)).collect();
        let forbidden: Vec<String> = made.list.never_block.iter().map(|(value, list)| format!("{}: {list}", value.value())).collect();
        let key = keys::log_key(&place.home, None)?;
        let (files, release) = give(&register, &key, made, own, now).await?;
        let mut written = Vec::new();
        match &self.out {
            Some(folder) => {
                std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
                for file in &files.files {
                    // A reader never sees half a list.
                    let (path, fresh) = (folder.join(file.name), folder.join(format!(".{}.new", file.name)));
                    std::fs::write(&fresh, &file.text).with_context(|| fresh.display().to_string())?;
                    std::fs::rename(&fresh, &path).with_context(|| path.display().to_string())?;
                    written.push(path);
                }
            }
            None if !place.json => return say(files.files.first().map_or("", |file| file.text.trim_end())),
            None => {}
        }
        let serial = files.zone.as_ref().map(|(_, version)| version.serial);
        if place.json {
            let counts =
                |list: &[(String, u64)]| list.iter().map(|(why, count)| (why.clone(), json!(count))).collect::<serde_json::Map<_, _>>();
            return show::json(
                &json!({"id": release, "to": self.to.as_str(), "format": format.as_str(), "entries": files.said, "serial": serial,
                "files": written, "left_out": counts(&left), "unsaid": counts(&unsaid), "never_block": forbidden}),
            );
        }
        say(format!(
            "{} entries for {} in {}",
            grouped(files.said as u64),
            self.to,
            written.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ")
        ))?;
        for (why, count) in left.iter().chain(&unsaid) {
            say(format!("  left out: {} {why}", grouped(*count)))?;
        }
        for one in forbidden.iter().take(10) {
            say(format!("  never blocked: {one}"))?;
        }
        Ok(())
    }
}
