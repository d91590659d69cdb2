//! `musubi warnings`: lists of what is well known, so that nobody blocks it.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use casework::indicate::harm::Harm;
use casework::model::observable::Observable;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::register::Register;

use super::{Place, WrongUsage};
use crate::pipeline;
use crate::receive::lists;
use crate::show::{self, grouped, say, table};

/// Lists of what is well known: values that are not to be blocked
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Example:\n  musubi warnings list")]
pub(crate) enum Warnings {
    Import(Import),
    List(List),
    Check(Check),
    Remove(Remove),
}

impl Warnings {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        match self {
            Self::Import(command) => command.run(place).await,
            Self::List(command) => command.run(place).await,
            Self::Check(command) => command.run(place).await,
            Self::Remove(command) => command.run(place).await,
        }
    }
}

/// Import lists: a copy of misp-warninglists, one of its folders, or files with an entry a line
///
/// Each takes the place of an earlier one of the same name. What a hit means is in docs/indicators.md; `warnings.toml` in the home
/// says otherwise.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  printf '192.0.2.0/24\\n' > /tmp/our-own-hosts.txt && musubi warnings import /tmp/our-own-hosts.txt")]
pub(crate) struct Import {
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

impl Import {
    async fn run(self, place: &Place) -> Result<()> {
        let register = Register::create(&place.home).await?;
        let now = pipeline::now().as_microsecond();
        let (mut read, mut faults, mut batch, mut entries, mut changed) = (0_u64, Vec::new(), Vec::new(), 0_u64, 0);
        for path in &self.paths {
            let found = lists::find(path)?;
            if found.is_empty() {
                faults.push((path.clone(), "there is no list in this folder".to_owned()));
            }
            for one in found {
                let bytes = std::fs::read(&one.path).with_context(|| one.path.display().to_string())?;
                match lists::one(&bytes) {
                    Ok(list) => {
                        read += 1;
                        entries += list.entries.len() as u64;
                        batch.push((lists::kept(&one.name, &list, &bytes, now)?, bytes));
                    }
                    Err(error) => faults.push((one.path, error.to_string())),
                }
            }
        }
        for chunk in batch.chunks(50) {
            changed += register.keep_warning_lists(chunk).await?;
        }
        for (path, what) in &faults {
            eprintln!("{}: {what}", path.display());
        }
        if place.json {
            let rejections: Vec<Value> = faults.iter().map(|(path, what)| json!({"path": path, "reason": what})).collect();
            show::json(
                &json!({"lists": read, "entries": entries, "changed": changed, "rejected": faults.len(), "rejections": rejections}),
            )?;
        } else {
            say(format!("{read} lists with {} entries, {changed} of them new or other than before", grouped(entries)))?;
        }
        if read == 0 { bail!("nothing was imported") } else { Ok(()) }
    }
}

/// Age in days.
pub(crate) fn age(imported_at: i64) -> i64 {
    (pipeline::now().as_microsecond() - imported_at) / 86_400_000_000
}

/// List the lists, with what a hit means and how old they are
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi warnings list")]
pub(crate) struct List {}

impl List {
    async fn run(self, place: &Place) -> Result<()> {
        let kept = if place.home.exists() { place.register().await?.warning_lists().await? } else { Vec::new() };
        let classes = lists::classes(&place.home)?;
        if place.json {
            let list = kept.iter().map(|list| {
                json!({
                    "id": list.name, "title": list.title, "class": classes.of(&list.name).as_str(), "version": list.version,
                    "entries": list.entry_count, "sha256": list.sha256, "age_days": age(list.imported_at),
                    "imported_at": Timestamp::from_microsecond(list.imported_at).ok().map(|at| at.to_string()),
                })
            });
            return show::json(&Value::Array(list.collect()));
        }
        let rows: Vec<Vec<String>> = kept
            .iter()
            .map(|list| {
                let entries = grouped(list.entry_count.unsigned_abs());
                let class = classes.of(&list.name).to_string();
                vec![
                    list.name.clone(),
                    class,
                    list.version.to_string(),
                    entries,
                    format!("{} days", age(list.imported_at)),
                    list.title.clone(),
                ]
            })
            .collect();
        say(table(&["id", "class", "version", "entries", "age", "title"], &rows, &[3]).trim_end())
    }
}

/// Say which lists a value is on, and whether it may be blocked
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi warnings check 8.8.8.8 http://www.example.com/x")]
pub(crate) struct Check {
    #[arg(required = true, value_name = "VALUE")]
    values: Vec<String>,
}

impl Check {
    async fn run(self, place: &Place) -> Result<()> {
        let warnings = lists::warnings(&place.home, &Register::create(&place.home).await?).await?;
        let mut all = Vec::new();
        for value in &self.values {
            let Some(observable) = Observable::guess(value) else {
                return Err(WrongUsage(format!("{value:?} is no address, network, name, URL, mail address or hash")).into());
            };
            let harm = Harm::of(&observable, &warnings);
            let class = harm.class.map(|class| class.as_str());
            if place.json {
                let (kind, value) = (observable.kind().as_str(), observable.value());
                all.push(
                    json!({"id": value, "kind": kind, "class": class, "may_be_blocked": !harm.never_block(), "because": harm.because}),
                );
                continue;
            }
            say(format!("{observable}: {}", class.unwrap_or("on no list")))?;
            harm.because.iter().try_for_each(|because| say(format!("  {because}")))?;
        }
        if place.json { show::json(&Value::Array(all)) } else { Ok(()) }
    }
}

/// Forget a list
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  echo 192.0.2.1 > /tmp/mistaken.txt && musubi warnings import /tmp/mistaken.txt && musubi warnings remove mistaken"
)]
pub(crate) struct Remove {
    #[arg(value_name = "LIST")]
    list: String,
}

impl Remove {
    async fn run(self, place: &Place) -> Result<()> {
        if !place.register().await?.forget_warning_list(&self.list).await? {
            bail!("there is no warning list {}; `musubi warnings list` shows them", self.list);
        }
        if place.json { show::json(&json!({"id": self.list, "removed": true})) } else { say(format!("{} is forgotten", self.list)) }
    }
}
