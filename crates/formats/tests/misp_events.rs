//! Events that others wrote, when they are at hand: each is read, checked and written again without loss.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "the events are files")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use formats::misp::feed::{Feed, Manifest, Publish, hashes};
use formats::misp::list::Events;
use formats::misp::{event, stix, value};
use serde_json::Value;

fn published(folder: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let shared =
        std::env::var_os("MUSUBI_SHARED").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = shared.join("data/misp").join(folder);
    let Ok(entries) = fs::read_dir(&folder) else {
        println!("skipped: there is no {}", folder.display());
        return Vec::new();
    };
    let mut paths: Vec<_> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn real_events_say_the_same_when_they_are_written_again() {
    for folder in ["events", "feed-eset"] {
        let mut attributes = 0;
        let mut count = 0;
        for (path, bytes) in published(folder).iter().filter(|(path, _)| !path.ends_with("manifest.json")) {
            let read = event::read(bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let (was, is): (Value, Value) = (serde_json::from_slice(bytes).unwrap(), serde_json::from_slice(&event::write(&read)).unwrap());
            assert_eq!(was, is, "{}", path.display());
            let again = event::write(&read);
            assert_eq!(event::write(&event::read(&again).unwrap()), again, "{}", path.display());
            attributes += read.all_attributes().count();
            count += 1;
        }
        if count > 0 {
            assert_eq!((count, attributes), (57, 4194), "{folder}");
        }
    }
}

#[test]
fn real_values_are_what_their_types_say_and_stay_as_they_are() {
    for (path, bytes) in published("events") {
        for attribute in event::read(&bytes).unwrap().all_attributes() {
            let (kind, text) = (attribute.kind.as_deref().unwrap(), attribute.value.as_deref().unwrap());
            assert_eq!(value::read(kind, text).as_deref(), Ok(text), "{}", path.display());
            assert_eq!(value::fits(kind, attribute.category.as_deref().unwrap()), Ok(()), "{}", path.display());
        }
    }
}

#[test]
fn a_list_of_real_events_is_read_one_at_a_time() {
    let all = published("events");
    let mut answer = b"{\"response\": [".to_vec();
    for (n, (_, bytes)) in all.iter().enumerate() {
        answer.extend_from_slice(if n > 0 { b",\n" } else { b"\n" });
        answer.extend_from_slice(bytes);
    }
    answer.extend_from_slice(b"]}");
    let mut events = Events::new(&answer[..]).unwrap();
    let mut count = 0;
    while let Some(event) = events.next() {
        event.unwrap();
        count += 1;
    }
    assert_eq!(count, all.len());
    assert_eq!(event::read_all(&answer).unwrap().len(), all.len());
}

/// What PyMISP made of the same events. It hashes times as Python prints them, which is not what stands in the file: one event has such.
#[test]
fn the_feed_of_the_real_events_is_the_one_that_pymisp_made() {
    let files = published("feed-eset");
    let Some((path, bytes)) = files.iter().find(|(path, _)| path.ends_with("manifest.json")) else { return };
    let theirs = Manifest::read(bytes).unwrap();
    let mut ours = Feed::default();
    for (_, bytes) in files.iter().filter(|(path, _)| !path.ends_with("manifest.json")) {
        let event = event::read(bytes).unwrap();
        let file = ours.add(&event, &Publish { with_local_tags: true, ..Publish::default() }).unwrap();
        assert!(ours.manifest.check(event.uuid.as_deref().unwrap(), &file).unwrap());
        assert!(ours.manifest.check(event.uuid.as_deref().unwrap(), b"").is_err());
    }
    assert_eq!(ours.manifest.events.len(), theirs.events.len());
    assert_eq!(theirs.wanted(|_| None).count(), 57);
    for (uuid, entry) in &theirs.events {
        let own = &ours.manifest.events[uuid];
        assert_eq!((&own.info, &own.date, &own.timestamp, &own.orgc), (&entry.info, &entry.date, &entry.timestamp, &entry.orgc));
        assert_eq!((&own.analysis, &own.threat_level_id, own.tags.len()), (&entry.analysis, &entry.threat_level_id, entry.tags.len()));
    }
    let csv = fs::read(path.with_file_name("hashes.csv")).unwrap();
    let told: BTreeSet<_> = hashes(&csv).collect();
    let made = ours.hashes_csv();
    let made: BTreeSet<_> = hashes(made.as_bytes()).collect();
    let differ: BTreeSet<_> = told.symmetric_difference(&made).map(|(_, uuid)| *uuid).collect();
    assert_eq!(differ.into_iter().collect::<Vec<_>>(), ["ea593018-b2e9-4e7e-8da9-cc20a751e3f6"]);
}

#[test]
fn real_events_come_back_from_stix_as_they_were() {
    for (path, bytes) in
        published("events").into_iter().chain(published("feed-eset").into_iter().filter(|(path, _)| !path.ends_with("manifest.json")))
    {
        let was = event::read(&bytes).unwrap();
        let bundle = serde_json::to_vec(&stix::to_bundle(&was)).unwrap();
        let read = stix::from_bundle(&bundle).unwrap();
        assert_eq!(read.left, Vec::<String>::new(), "{}", path.display());
        let (before, after): (Value, Value) =
            (serde_json::from_slice(&event::write(&was)).unwrap(), serde_json::from_slice(&event::write(&read.event)).unwrap());
        let keys = |value: &Value| value["Event"].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(keys(&before), keys(&after), "{}", path.display());
        for list in ["Attribute", "Object"] {
            let of = |value: &Value| value["Event"][list].as_array().cloned().unwrap_or_default();
            for (one, other) in of(&before).iter().zip(&of(&after)) {
                assert_eq!(one, other, "{}", path.display());
            }
        }
        assert!(before == after, "{}", path.display());
    }
}

#[test]
fn our_table_of_types_is_the_one_that_pymisp_carries() {
    for (path, bytes) in published("fixtures") {
        if path.ends_with("describeTypes.json") {
            let theirs: Value = serde_json::from_slice(&bytes).unwrap();
            let ours: Value = serde_json::from_slice(&formats::misp::api::answer::describe_types()).unwrap();
            for part in ["sane_defaults", "types", "categories"] {
                assert_eq!(ours["result"][part], theirs["result"][part], "{part}");
            }
            // There the order within a category is that of no other list.
            for (category, types) in theirs["result"]["category_type_mappings"].as_object().unwrap() {
                let set = |list: &Value| list.as_array().unwrap().iter().map(ToString::to_string).collect::<BTreeSet<_>>();
                assert_eq!(set(&ours["result"]["category_type_mappings"][category]), set(types), "{category}");
            }
        }
    }
}

/// Events that PyMISP tests itself with, in the forms in which answers come.
#[test]
fn the_events_of_pymisp_s_own_tests_are_read() {
    let mut count = 0;
    for folder in ["fixtures", "fixtures/pymisp_mispevent_testfiles"] {
        for (path, bytes) in published(folder) {
            let Ok(was) = serde_json::from_slice::<Value>(&bytes) else { continue };
            if let Some(inner) = was.get("Event") {
                let read = event::read(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                let is: Value = serde_json::from_slice(&event::write(&read)).unwrap();
                assert_eq!(is["Event"].as_object().unwrap().len(), inner.as_object().unwrap().len(), "{}", path.display());
                let back = stix::from_bundle(&serde_json::to_vec(&stix::to_bundle(&read)).unwrap()).unwrap();
                let attributes = |event: &formats::misp::Event<'_>| {
                    event.all_attributes().map(|one| one.value.as_deref().map(str::to_owned)).collect::<Vec<_>>()
                };
                assert_eq!(attributes(&back.event), attributes(&read), "{}", path.display());
                count += 1;
            }
        }
    }
    println!("{count} events");
}
