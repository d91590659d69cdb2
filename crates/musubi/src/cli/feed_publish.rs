//! `musubi feed publish`: the MISP feed of a party as a folder, for a web server that is not ours or a disk that is carried.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, ensure};
use casework::model::agreement::{Channel, Purpose};
use casework::model::party::PartyId;
use formats::misp::feed::{Feed, Publish as Form};
use rustix::fs::{CWD, Mode, OFlags, RenameFlags};
use serde_json::json;

use super::{Place, WrongUsage, view};
use crate::api::Server;
use crate::api::misp::feed::is_published;
use crate::api::misp::shelf::Dressing;
use crate::api::page::Page;
use crate::config::Serve;
use crate::pipeline;
use crate::show::{grouped, json as say_json, say};

/// Write the MISP feed of a party into a folder
///
/// What it may see and what is published, as it stands now: manifest.json, hashes.csv and a file for each event. The folder is replaced as a
/// whole, so a reader never sees half a feed, and what the party may not have any more is gone. The log of releases has the hash of manifest.json, which has those of the events.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi feed publish /tmp/feeds/isp-jp --to isp-jp")]
pub(crate) struct Publish {
    /// Nothing but a feed may be in it
    folder: PathBuf,
    /// For whom
    #[arg(long, value_name = "PARTY", value_parser = view::party)]
    to: PartyId,
    /// Id or alias
    #[arg(long, default_value = crate::api::misp::ALIAS)]
    collection: String,
}

impl Publish {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        let server = Server::open(&place.home, Serve::default()).await?;
        let now = pipeline::now();
        if server.register.party(&self.to, now).await?.is_none() {
            return Err(WrongUsage(format!("there is no party {}; `musubi party list` shows them", self.to)).into());
        }
        let guest = server.reader(&self.to, Channel::File).await?;
        let readable = guest.standing.collection(&self.collection, &self.to);
        let Some(collection) = readable.filter(|collection| guest.standing.rights(collection.number, &self.to).0) else {
            let grant = format!("`musubi collection grant {} --to {} --read` opens it", self.collection, self.to);
            return Err(WrongUsage(format!("there is no collection {} that {} may read; {grant}", self.collection, self.to)).into());
        };
        let folder = Folder::open(&self.folder)?;
        let (mut feed, form) = (Feed::default(), Form::default());
        let (mut objects, mut left_out) = (Vec::new(), 0_u64);
        let mut dressing = Dressing::new(&guest);
        for seen in server.misp_events(collection.number, &guest.view.eyes).await?.iter().filter(|seen| is_published(seen)) {
            match feed.add(&dressing.dress(seen), &form) {
                Ok(file) => {
                    folder.write(&format!("{}.json", seen.uuid().to_ascii_lowercase()), &file)?;
                    objects.push(seen.on_page());
                }
                Err(error) => {
                    eprintln!("not in the feed: {error}");
                    left_out += 1;
                }
            }
        }
        folder.write("hashes.csv", feed.hashes_csv().as_bytes())?;
        let (events, manifest) = (objects.len(), feed.manifest.write());
        let (manifest, release) = match objects.is_empty() || guest.view.own {
            // What is empty tells nothing, and what we look at ourselves is no release.
            true => (manifest, None),
            false => {
                let how = format!("MISP: feed of collection {} as a folder", collection.id);
                let (view, purpose, kind) = (&*guest.view, Purpose::Defend, "objects");
                let page = Page { party: &self.to, view, collection, channel: Channel::File, purpose, how, kind, objects };
                let released = server.scribe.release(page.given(store::releases::Content::new(manifest), guest.now)).await?;
                let id = released.release().id.clone();
                (released.into_content().into_bytes(), Some(id))
            }
        };
        folder.write("manifest.json", &manifest)?;
        folder.publish()?;
        if place.json {
            return say_json(&json!({"id": release, "to": self.to.as_str(), "events": events, "left_out": left_out,
                "folder": self.folder}));
        }
        say(format!("{} events for {} in {}", grouped(events as u64), self.to, self.folder.display()))
    }
}

/// A folder that is made beside the one it replaces. Until it is whole and logged nobody else can open it.
struct Folder {
    fresh: tempfile::TempDir,
    place: PathBuf,
    mode: u32,
}

impl Folder {
    /// Begins to make a folder. What lies there now must be a feed: it will be removed.
    fn open(place: &Path) -> Result<Self> {
        use std::os::unix::fs::PermissionsExt as _;
        let told = || place.display().to_string();
        let (place, mode) = match fs::canonicalize(place) {
            Ok(found) => {
                let mode = fs::metadata(&found).with_context(told)?.permissions().mode() & 0o7777;
                (found, mode)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let name = place.file_name().ok_or_else(|| WrongUsage(format!("{}: no name of a folder", told())))?;
                let parent = place.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
                fs::create_dir_all(parent).with_context(told)?;
                (fs::canonicalize(parent).with_context(told)?.join(name), 0o755)
            }
            Err(error) => return Err(error).with_context(told),
        };
        if place.exists() {
            for entry in fs::read_dir(&place).with_context(told)? {
                let name = entry?.file_name();
                let belongs = name.to_str().is_some_and(belongs);
                ensure!(belongs, WrongUsage(format!("{}: {} is no part of a feed, and the folder is replaced", told(), name.display())));
            }
        }
        let parent = place.parent().ok_or_else(|| anyhow!("{}: no folder can be made beside it", told()))?;
        let fresh = tempfile::Builder::new().prefix(".musubi-feed-").tempdir_in(parent).with_context(told)?;
        Ok(Self { fresh, place, mode })
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        fs::write(self.fresh.path().join(name), bytes).with_context(|| self.place.display().to_string())
    }

    /// Puts the folder into its place, durably and at once; what was there is removed.
    fn publish(self) -> Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        let Self { fresh, place, mode } = self;
        let told = || place.display().to_string();
        fs::set_permissions(fresh.path(), fs::Permissions::from_mode(mode)).with_context(told)?;
        sync(fresh.path()).with_context(told)?;
        if place.exists() {
            let swapped = rustix::fs::renameat_with(CWD, fresh.path(), CWD, &place, RenameFlags::EXCHANGE);
            if swapped.is_err() {
                // Not every file system can exchange two names: for a moment there is none.
                let old = tempfile::Builder::new().prefix(".musubi-feed-").tempdir_in(fresh.path().parent().unwrap_or(&place))?;
                fs::rename(&place, old.path().join("old")).with_context(told)?;
                fs::rename(fresh.path(), &place).with_context(told)?;
            }
        } else {
            fs::rename(fresh.path(), &place).with_context(told)?;
        }
        if let Some(parent) = place.parent() {
            sync(parent).with_context(told)?;
        }
        // What the name of the draft stands for now is the old feed, or nothing.
        drop(fresh);
        Ok(())
    }
}

/// What a feed consists of.
fn belongs(name: &str) -> bool {
    let event = name.strip_suffix(".json").is_some_and(|uuid| uuid.len() == 36 && uuid::Uuid::try_parse(uuid).is_ok());
    event || matches!(name, "manifest.json" | "hashes.csv")
}

/// Makes a folder and the files in it durable.
fn sync(folder: &Path) -> Result<()> {
    let folder = rustix::fs::open(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    // One call for all files, where the system has it.
    #[cfg(target_os = "linux")]
    rustix::fs::syncfs(&folder)?;
    rustix::fs::fsync(&folder)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = "57c6ac4c-c60c-4f79-a38f-b666950d210f.json";

    #[test]
    fn a_folder_is_replaced_as_a_whole_and_only_when_it_is_a_feed() {
        let beside = tempfile::tempdir().unwrap();
        let place = beside.path().join("a/feed");
        let publish = |files: &[&str]| {
            let folder = Folder::open(&place)?;
            files.iter().try_for_each(|name| folder.write(name, name.as_bytes()))?;
            folder.publish()
        };
        let names = |folder: &Path| {
            let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        publish(&["manifest.json", EVENT]).unwrap();
        assert_eq!(names(&place), [EVENT, "manifest.json"]);
        publish(&["manifest.json", "hashes.csv"]).unwrap();
        assert_eq!(names(&place), ["hashes.csv", "manifest.json"], "what the new one does not have is gone");
        fs::write(place.join("index.html"), "mine").unwrap();
        assert!(publish(&["manifest.json"]).unwrap_err().to_string().contains("index.html"));
        assert_eq!(names(&place).len(), 3);
        assert_eq!(names(place.parent().unwrap()), ["feed"], "nothing is left lying about");
    }

    #[test]
    fn a_folder_that_is_given_up_is_removed() {
        let beside = tempfile::tempdir().unwrap();
        drop(Folder::open(&beside.path().join("feed")).unwrap());
        assert_eq!(fs::read_dir(beside.path()).unwrap().count(), 0);
    }
}
