//! The secret keys of a home: made on first use, readable by their owner only, never printed.
//!
//! One text file a key, as Go's `sumdb/note` writes them (`PRIVATE+KEY+name+id+key`). The log's key and the witness's key are two: a key
//! that signs two kinds of things can be made to say one by the other (C2SP tlog-cosignature).

use std::fs::{self, File};
use std::io::Write as _;

use anyhow::{Context as _, Result, bail};
use formats::tlog::{KeyKind, Signer};
use store::home::Home;
use store::releases::LogKey;

/// The key of the log of releases.
const LOG: &str = "log.ed25519";
/// The key with which we sign that logs of others only grew.
const WITNESS: &str = "witness.ed25519";

/// The key with which this home signs its log of releases; made on first use, under `origin` or a name of its own.
///
/// # Errors
/// When it cannot be read or made, or has another origin than the one asked for.
pub(crate) fn log_key(home: &Home, origin: Option<&str>) -> Result<LogKey> {
    Ok(LogKey::new(key(home, LOG, KeyKind::Note, origin)?))
}

/// The key with which this home signs as a witness; made on first use.
///
/// # Errors
/// As [`log_key`].
pub(crate) fn witness_key(home: &Home, name: Option<&str>) -> Result<Signer> {
    key(home, WITNESS, KeyKind::Cosignature, name)
}

fn key(home: &Home, file: &str, kind: KeyKind, name: Option<&str>) -> Result<Signer> {
    let path = home.keys().join(file);
    if !path.exists() {
        make(home, file, kind, name)?;
    }
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let signer = Signer::read(&text).with_context(|| path.display().to_string())?;
    let known = signer.verifier();
    if known.kind() != kind {
        bail!("{}: this key is for something else", path.display());
    }
    if let Some(name) = name.filter(|name| *name != known.name()) {
        bail!("{}: the name is {} already and cannot become {name}: what was signed names it", path.display(), known.name());
    }
    Ok(signer)
}

/// Makes a key; whoever comes second finds that of the first.
fn make(home: &Home, file: &str, kind: KeyKind, name: Option<&str>) -> Result<()> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|e| anyhow::anyhow!("the system gives no random numbers: {e}"))?;
    // Two homes that nobody named are still two logs.
    let part = Signer::new("musubi.local", kind, &secret)?.verifier().key_id();
    let word = if kind == KeyKind::Note { "log" } else { "witness" };
    let name = name.map_or_else(|| format!("musubi.local/{word}-{part:08x}"), str::to_owned);
    let text = Signer::new(&name, kind, &secret)?.secret_text();
    home.create()?;
    let folder = home.create_keys()?;
    let draft = folder.join(format!(".{file}-{}", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut options = File::options();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        let mut out = options.open(&draft)?;
        out.write_all(format!("{text}\n").as_bytes())?;
        out.sync_all()?;
        // Unlike a renaming, a second name never replaces what is there.
        match fs::hard_link(&draft, folder.join(file)) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    };
    let written = write();
    let _ = fs::remove_file(&draft);
    written.with_context(|| folder.join(file).display().to_string())?;
    File::open(&folder).and_then(|folder| folder.sync_all()).with_context(|| folder.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        let first = log_key(&home, Some("csirt.example/log")).unwrap();
        assert_eq!(log_key(&home, None).unwrap().verifier(), first.verifier());
        assert!(log_key(&home, Some("other.example/log")).unwrap_err().to_string().contains("cannot become"));
        assert!(witness_key(&home, None).unwrap().verifier().name().starts_with("musubi.local/witness-"));
        let mut names: Vec<_> = fs::read_dir(home.keys()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, [LOG, WITNESS]);
        #[cfg(unix)]
        for name in names {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(home.keys().join(name)).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn two_homes_that_nobody_named_have_two_logs() {
        let folder = tempfile::tempdir().unwrap();
        let name = |home: &str| log_key(&Home::at(folder.path().join(home)), None).unwrap().verifier().name().to_owned();
        assert_ne!(name("one"), name("two"));
    }
}
