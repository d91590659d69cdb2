//! What users bring to indicators: warning lists, rules, half-lives.
//!
//! Lists are imported into the register; `indicators.toml`, `warnings.toml` and `decay.toml` in the home are used whenever they are there.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use casework::indicate::class::Classes;
use casework::indicate::decay::HalfLives;
use casework::indicate::rules::Rules;
use casework::indicate::warning::{Compiler, Warnings};
use formats::warning_list::{self, Matching, WarningList};
use store::home::Home;
use store::register::Register;
use store::warnings::KeptList;

/// The rules of the home, else the default ones.
pub(crate) fn rules(home: &Home) -> Result<Rules> {
    read(home, "indicators.toml", |text| Ok(Rules::read(text)?), Rules::default)
}

/// The half-lives of the home, else the default ones.
pub(crate) fn half_lives(home: &Home) -> Result<HalfLives> {
    read(home, "decay.toml", |text| Ok(HalfLives::read(text)?), HalfLives::default)
}

/// What a hit of each list means: `warnings.toml` of the home before the default table.
pub(crate) fn classes(home: &Home) -> Result<Classes> {
    read(home, "warnings.toml", |text| Ok(Classes::read(text)?), Classes::default)
}

fn read<T>(home: &Home, name: &str, read: impl Fn(&str) -> Result<T>, usual: impl Fn() -> T) -> Result<T> {
    let path = home.resolve(name);
    match fs::read_to_string(&path) {
        Ok(text) => read(&text).with_context(|| path.display().to_string()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(usual()),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// All imported lists, compiled.
pub(crate) async fn warnings(home: &Home, register: &Register) -> Result<Warnings> {
    let mut compiler = Compiler::new(classes(home)?);
    for kept in register.warning_lists().await? {
        let Some(bytes) = register.warning_list(&kept.name).await? else { continue };
        let list = one(&bytes).with_context(|| format!("warning list {}", kept.name))?;
        compiler.add(&kept.name, &list)?;
    }
    Ok(compiler.finish()?)
}

/// A list in the JSON of misp-warninglists, or a text with an entry a line: networks when all of them are, else host names.
pub(crate) fn one(bytes: &[u8]) -> Result<WarningList> {
    if bytes.trim_ascii_start().first() == Some(&b'{') {
        return Ok(warning_list::read_json(bytes)?);
    }
    let networks = warning_list::read_text(bytes, Matching::Cidr)?;
    if networks.set_aside.is_empty() && networks.set_aside_more == 0 && !networks.entries.is_empty() {
        return Ok(networks);
    }
    Ok(warning_list::read_text(bytes, Matching::Hostname)?)
}

/// A list found on disk: its name, as classes know it, and its file.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

/// The lists at a path: a file; a folder with `list.json`; a folder of such folders (misp-warninglists, its `lists`), or of files.
pub(crate) fn find(path: &Path) -> Result<Vec<Found>> {
    let named = |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if path.is_file() {
        let in_folder = path.file_name().is_some_and(|name| name == "list.json");
        let name = path.parent().filter(|_| in_folder).map_or_else(|| named(path), folder);
        return Ok(vec![Found { name, path: path.to_owned() }]);
    }
    if path.join("list.json").is_file() {
        return find(&path.join("list.json"));
    }
    if path.join("lists").is_dir() {
        return find(&path.join("lists"));
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path).with_context(|| path.display().to_string())? {
        let path = entry?.path();
        if path.join("list.json").is_file() {
            found.push(Found { name: folder(&path), path: path.join("list.json") });
        } else if path.is_file() && path.extension().is_some_and(|kind| kind == "json" || kind == "txt") {
            found.push(Found { name: named(&path), path });
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// A list as it is kept.
pub(crate) fn kept(name: &str, list: &WarningList, bytes: &[u8], now: i64) -> Result<KeptList> {
    Ok(KeptList {
        name: name.to_owned(),
        title: if list.name.is_empty() { name.to_owned() } else { list.name.clone() },
        version: i64::try_from(list.version).unwrap_or(i64::MAX),
        entry_count: i64::try_from(list.entries.len()).unwrap_or(i64::MAX),
        sha256: store::evidence::sha256(&mut &bytes[..])?,
        imported_at: now,
    })
}
