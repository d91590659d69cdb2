//! What users bring to reading: a newer Shadowserver type table, mappings for CSV of their own, imported tables.
//!
//! `shadowserver-types.tsv` and `mappings/*.toml` in the home are used whenever they are there.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use casework::enrich::{Table, Tables};
use casework::observe::Knowledge;
use casework::observe::mapping::Mapping;
use store::evidence::NamedMapping;
use store::home::Home;
use store::register::Register;

/// Mapping files that the user names.
pub(crate) fn named(paths: &[PathBuf]) -> Result<Vec<NamedMapping>> {
    let read = |path: &PathBuf| {
        let name = path.display().to_string();
        let text = fs::read_to_string(path).with_context(|| name.clone())?;
        Ok(NamedMapping { name, text })
    };
    paths.iter().map(read).collect()
}

/// Reads what lies in the home, and mappings the user named.
pub(crate) fn load(home: &Home, mappings: &[NamedMapping]) -> Result<Knowledge> {
    let mut knowledge = Knowledge::default();
    for NamedMapping { name, text } in mappings {
        knowledge.mappings.push(Mapping::read(name, text)?);
    }
    let types = home.root().join("shadowserver-types.tsv");
    if let Ok(text) = fs::read_to_string(&types) {
        let types_read = formats::shadowserver::Types::parse(&text).with_context(|| types.display().to_string())?;
        knowledge.shadowserver = Some(types_read);
    }
    if let Ok(entries) = fs::read_dir(home.root().join("mappings")) {
        let mut paths: Vec<_> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
        paths.sort();
        for path in paths.into_iter().filter(|p| p.extension().is_some_and(|e| e == "toml")) {
            knowledge.mappings.push(mapping(&path)?);
        }
    }
    Ok(knowledge)
}

/// Reads one mapping file.
pub(crate) fn mapping(path: &Path) -> Result<Mapping> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(Mapping::read(&path.display().to_string(), &text)?)
}

/// The tables in force: those imported, then the built-in country table.
pub(crate) async fn tables(home: &Home, register: Option<&Register>) -> Result<Tables> {
    let mut tables = Vec::new();
    if let Some(register) = register {
        for imported in register.tables().await? {
            let path = home.resolve(&imported.path);
            let image = fs::read(&path).with_context(|| path.display().to_string())?;
            let table = Table::from_bytes(&image).with_context(|| format!("{}: table {}", path.display(), imported.source))?;
            tables.push(Arc::new(table));
        }
    }
    Ok(Tables::new(tables))
}
