//! What the desk of a home works with: its rules, holidays, letters and key, read from the files that its people edit.

use anyhow::{Context as _, Result, bail};
use casework::act::letter::Letters;
use casework::act::office::Holidays;
use casework::act::rules::Rules;
use casework::verify::quiet::QuietPeriods;
use store::home::Home;
use store::register::Register;

use super::notices::Desk;
use super::post::Office;
use crate::config::Config;
use crate::deliver::keys::OurKey;
use crate::pipeline;

/// A file of the home; `None` when there is none.
fn file(home: &Home, name: &str) -> Result<Option<String>> {
    let path = home.root().join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// Rules and holidays of this home: `notices.toml` and `holidays.tsv` beside the defaults.
pub(crate) fn desk(home: &Home, at_once: bool) -> Result<Desk> {
    let rules = match file(home, "notices.toml")? {
        Some(text) => Rules::read(&text).context("notices.toml")?,
        None => Rules::default(),
    };
    let mut holidays = Holidays::default();
    if let Some(text) = file(home, "holidays.tsv")? {
        holidays.extend(Holidays::read(&text).context("holidays.tsv")?);
    }
    Ok(Desk { rules, holidays, at_once })
}

/// The templates that people of this home wrote, `letters/NAME.txt`, by name.
pub(crate) fn own_letters(home: &Home) -> Result<Vec<(String, String)>> {
    let folder = home.root().join("letters");
    let mut own = Vec::new();
    if folder.is_dir() {
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "txt") {
                let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                own.push((name, std::fs::read_to_string(&path).with_context(|| path.display().to_string())?));
            }
        }
    }
    own.sort();
    Ok(own)
}

/// The templates in use: those of this home in place of those that come with the program.
pub(crate) fn letters(home: &Home) -> Result<Letters> {
    Letters::new(&own_letters(home)?).with_context(|| home.root().join("letters").display().to_string())
}

/// Writes a template of this home, or takes it away so that the built-in one is in use again.
pub(crate) fn write_letter(home: &Home, name: &str, text: Option<&str>) -> Result<()> {
    // The name of a file: nothing but what names a template.
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'-' | b'.')) || name.contains("..") {
        bail!("{name:?} names no template");
    }
    let folder = home.root().join("letters");
    let path = folder.join(format!("{name}.txt"));
    match text {
        Some(text) => {
            std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
            // Whole or not at all: a letter must never be written from half a template.
            let beside = folder.join(format!(".{name}.new"));
            std::fs::write(&beside, text).with_context(|| beside.display().to_string())?;
            std::fs::rename(&beside, &path).with_context(|| path.display().to_string())
        }
        None => match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).with_context(|| path.display().to_string()),
            _ => Ok(()),
        },
    }
}

/// Everything with which notices are written.
#[derive(Debug)]
pub(crate) struct Desks {
    mail: crate::config::Mail,
    letters: Letters,
    desk: Desk,
    quiet: QuietPeriods,
    name_ja: Option<String>,
    key: OurKey,
}

impl Desks {
    /// Reads all of it.
    ///
    /// # Errors
    /// When nobody is named as who writes, or a file cannot be read.
    pub(crate) async fn open(home: &Home, register: &Register, config: &Config) -> Result<Self> {
        let Some(mail) = &config.mail else { bail!("config.toml has no [mail]: nobody to write as (see docs/mail.md)") };
        let own = match register.own_party().await? {
            Some(id) => register.party(&id, pipeline::now()).await?,
            None => None,
        };
        Ok(Self {
            letters: letters(home)?,
            desk: desk(home, false)?,
            quiet: crate::jobs::takedowns::periods(home)?,
            name_ja: own.and_then(|own| own.name_ja),
            key: OurKey::of(home.root(), &mail.organisation, &mail.from)?,
            mail: mail.clone(),
        })
    }

    pub(crate) fn office(&self) -> Office<'_> {
        Office {
            mail: &self.mail,
            name_ja: self.name_ja.as_deref(),
            letters: &self.letters,
            key: &self.key,
            desk: &self.desk,
            quiet: &self.quiet,
        }
    }
}
