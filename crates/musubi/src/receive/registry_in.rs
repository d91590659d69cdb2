//! The dump of a registry: opened, streamed object by object, compiled, put in force.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use casework::enrich::{Registry, RegistryBuilder};
use formats::rpsl;
use formats::unpack::{self, Limits, Next, Part, Refusal, Spool, Visitor};
use jiff::civil::Date;
use store::home::Home;
use store::register::Register;
use store::registries::RegistryTable;

use crate::pipeline;

/// Bad objects shown; all are counted.
const SHOWN: u64 = 10;

/// What became of a dump.
pub(crate) struct Imported {
    pub(crate) table: RegistryTable,
    pub(crate) rejected: u64,
    /// The first of them, with their rows.
    pub(crate) rejections: Vec<String>,
}

/// Reads a dump, also a compressed one, and puts it in force.
pub(crate) async fn import(home: &Home, register: &Register, path: &Path, source: Option<&str>, date: Option<Date>) -> Result<Imported> {
    let name = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
    // Hashing a dump takes as long as reading it; both read the same pages at the same time.
    let hashed = {
        let mut file = File::open(path)?;
        std::thread::spawn(move || store::evidence::sha256(&mut file))
    };
    let mut dump = Dump::default();
    let walked = unpack::walk(&name, &mut BufReader::new(File::open(path)?), &Limits::default(), &mut dump);
    let sha256 = hashed.join().map_err(|_| anyhow::anyhow!("hashing {name} failed"))??;
    walked?;
    if dump.rejected > SHOWN {
        eprintln!("{} objects of {name} were set aside", dump.rejected);
    }
    let Some(source) = source.map(str::to_owned).or_else(|| dump.builder.source_name()) else {
        bail!("{name}: no network or AS number in it names a registry as its source");
    };
    let dated = date.or_else(|| formats::address_table::ranges::date_in_name(&name)).or_else(|| modified(path));
    let date = dated.unwrap_or_else(|| pipeline::now().to_zoned(jiff::tz::TimeZone::UTC).date());
    let registry = dump.builder.build(source.clone(), date, sha256.clone());
    let about = registry.about();
    let id = sha256[..16].to_owned();
    let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let table = RegistryTable {
        path: format!("tables/{id}.registry"),
        source,
        dated: date.to_string(),
        object_count: count(about.objects),
        network_count: count(about.networks + about.as_numbers),
        contact_count: count(about.contacts),
        imported_at: pipeline::now().as_microsecond(),
        sha256,
        id,
    };
    register.import_registry(home, &table, |to| registry.write(to)).await?;
    Ok(Imported { table, rejected: dump.rejected, rejections: dump.rejections })
}

/// The tables of registries in force, newest import first.
pub(crate) async fn registries(home: &Home, register: &Register) -> Result<Vec<Arc<Registry>>> {
    let mut all = Vec::new();
    for table in register.registry_tables().await? {
        let path = home.resolve(&table.path);
        let image = std::fs::read(&path).with_context(|| path.display().to_string())?;
        let registry = Registry::from_bytes(&image).with_context(|| format!("{}: registry {}", path.display(), table.source))?;
        all.push(Arc::new(registry));
    }
    Ok(all)
}

fn modified(path: &Path) -> Option<Date> {
    let time = jiff::Timestamp::try_from(std::fs::metadata(path).ok()?.modified().ok()?).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).date())
}

/// Everything that the parts of a dump say: RIPE's come one file a class, or all in one.
#[derive(Default)]
struct Dump {
    builder: RegistryBuilder,
    rejected: u64,
    rejections: Vec<String>,
}

impl Dump {
    fn set_aside(&mut self, path: &str, reason: &dyn std::fmt::Display) {
        self.rejected += 1;
        if self.rejected <= SHOWN {
            eprintln!("set aside: {path}: {reason}");
            self.rejections.push(format!("{path}: {reason}"));
        }
    }
}

impl Visitor for Dump {
    fn part(&mut self, part: &Part<'_>, input: &mut dyn Read) -> io::Result<Next> {
        let mut objects = rpsl::Objects::new(input);
        while let Some(object) = objects.next()? {
            let taken = match object {
                Ok(object) => self.builder.add(&object).map_err(|e| e.to_string()),
                Err(too_long) => Err(too_long.to_string()),
            };
            if let Err(reason) = taken {
                self.set_aside(part.path, &reason);
            }
        }
        Ok(Next::Continue)
    }

    fn refused(&mut self, path: &str, reason: Refusal) {
        self.set_aside(path, &reason);
    }

    fn spool(&mut self) -> io::Result<Box<dyn Spool>> {
        tempfile::tempfile().map(|file| Box::new(file) as Box<dyn Spool>)
    }
}
