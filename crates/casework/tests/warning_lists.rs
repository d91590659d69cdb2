//! Do the published warning lists say what they are meant to say? All 135 of misp-warninglists, when the folder of shared data is there.
#![allow(clippy::disallowed_methods, reason = "lists are files")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use casework::indicate::class::{Class, Classes};
use casework::indicate::harm::Harm;
use casework::indicate::warning::{Compiler, Kinds, Warnings};
use casework::model::observable::{Kind, Observable};
use formats::value::host_of;
use formats::warning_list::{Matching, WarningList, expression, network, read_json};

type Lists = Vec<(String, WarningList)>;

/// Read and compiled once for all tests.
fn published() -> Option<&'static (Lists, Warnings)> {
    static PUBLISHED: OnceLock<Option<(Lists, Warnings)>> = OnceLock::new();
    PUBLISHED
        .get_or_init(|| {
            let lists = lists()?;
            let warnings = compiled(&lists);
            Some((lists, warnings))
        })
        .as_ref()
}

fn lists() -> Option<Lists> {
    let shared =
        std::env::var_os("MUSUBI_SHARED").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = shared.join("data/misp/warninglists");
    let Ok(entries) = fs::read_dir(&folder) else {
        eprintln!("skipped: no warning lists in {} (set MUSUBI_SHARED)", folder.display());
        return None;
    };
    let mut lists: Vec<_> = entries
        .filter_map(|entry| {
            let entry = entry.unwrap();
            let bytes = fs::read(entry.path().join("list.json")).ok()?;
            let slug = entry.file_name().to_string_lossy().into_owned();
            let list = read_json(&bytes).unwrap_or_else(|error| panic!("{slug}: {error}"));
            Some((slug, list))
        })
        .collect();
    lists.sort_by(|one, other| one.0.cmp(&other.0));
    Some(lists)
}

fn compiled(lists: &[(String, WarningList)]) -> Warnings {
    let mut compiler = Compiler::new(Classes::default());
    for (slug, list) in lists {
        compiler.add(slug, list).unwrap();
    }
    compiler.finish().unwrap()
}

#[test]
fn every_published_list_is_read_whole_and_has_a_class() {
    let Some((lists, warnings)) = published() else { return };
    assert!(lists.len() >= 135, "{}", lists.len());
    for list in warnings.lists() {
        assert!(list.set_aside.is_empty(), "{}: {:?}", list.slug, list.set_aside);
        assert!(list.entries > 0, "{}", list.slug);
        assert!(Classes::default().named(&list.slug).is_some(), "no class for {}", list.slug);
    }
    let never = warnings.lists().iter().filter(|list| list.class == Class::NeverBlock).count();
    assert!((40..80).contains(&never), "{never}");
}

#[test]
fn every_entry_is_found_by_a_value_that_it_is_about() {
    let Some((lists, warnings)) = published() else { return };
    let mut hits = Vec::new();
    for (slug, list) in lists {
        for entry in list.entries.iter().step_by(1 + list.entries.len() / 500) {
            let value = match list.matching {
                Matching::String => entry.clone(),
                Matching::Hostname => format!("http://x.{}:8080/a", entry.trim_matches('.')),
                Matching::Substring => format!("abc{entry}def"),
                Matching::Cidr => network(entry).unwrap().last().to_string(),
                // No value can be made of an expression.
                Matching::Regex => continue,
            };
            warnings.look_up(Kinds::ALL, &value, &mut hits);
            assert!(hits.iter().any(|hit| warnings.list(*hit).slug == *slug), "{slug}: {entry:?} by {value:?}");
        }
    }
}

/// Values as reports have them, against every entry of every list one by one.
#[test]
fn the_look_up_finds_what_asking_every_entry_finds() {
    let Some((lists, warnings)) = published() else { return };
    let values = [
        "10.1.2.3",
        "8.8.8.8",
        "104.16.1.1",
        "2606:4700::1",
        "185.194.94.170",
        "www.google.com",
        "login.microsoftonline.com",
        "evil.duckdns.org",
        "bit.ly",
        "http://bit.ly/x",
        "https://pastebin.com/raw/abc",
        "http://192.168.1.1/admin",
        "d41d8cd98f00b204e9800998ecf8427e",
        "44d88612fea8a8f36de82e1278abb02f",
        "abuse@example.com",
        "user@mailinator.com",
        "+61491570006",
        "com",
        "quite-unknown.example",
        "203.0.113.9",
    ];
    let mut hits = Vec::new();
    for value in values {
        let mut want = Vec::new();
        for (slug, list) in lists {
            let names = Kinds::of_misp(&list.matching_attributes).meets(Kinds::of(Kind::Domain));
            let host = host_of(value).unwrap_or(value).as_bytes();
            let asked = network(value);
            let hit = list.entries.iter().any(|entry| match list.matching {
                Matching::String => value == entry || names && value.eq_ignore_ascii_case(entry),
                Matching::Hostname => {
                    let entry = entry.trim_matches('.').as_bytes();
                    let (before, end) = host.split_at(host.len().saturating_sub(entry.len()));
                    end.eq_ignore_ascii_case(entry) && before.last().is_none_or(|last| *last == b'.')
                }
                Matching::Substring => value.contains(entry.as_str()),
                Matching::Cidr => asked.is_some_and(|asked| network(entry).is_some_and(|around| around.contains(asked.address()))),
                Matching::Regex => regex::Regex::new(&expression(entry).unwrap()).unwrap().is_match(value),
            });
            if hit {
                want.push(slug.clone());
            }
        }
        warnings.look_up(Kinds::ALL, value, &mut hits);
        let mut found: Vec<_> = hits.iter().map(|hit| warnings.list(*hit).slug.clone()).collect();
        found.dedup();
        assert_eq!(found, want, "{value}");
    }
}

#[test]
fn what_must_never_be_blocked_is_not_and_what_may_be_is() {
    let Some((_, warnings)) = published() else { return };
    let class = |kind, value| Harm::of(&Observable::read(kind, value).unwrap(), warnings).class;
    for (kind, value) in [
        (Kind::Address, "104.16.1.1"),
        (Kind::Domain, "bit.ly"),
        (Kind::Domain, "com"),
        (Kind::Domain, "ocsp.digicert.com"),
        (Kind::Md5, "d41d8cd98f00b204e9800998ecf8427e"),
        (Kind::Network, "104.0.0.0/8"),
    ] {
        assert_eq!(class(kind, value), Some(Class::NeverBlock), "{value}");
    }
    assert_eq!(class(Kind::Url, "http://bit.ly/3evil"), Some(Class::Warn));
    assert_eq!(class(Kind::Domain, "evil.0000000000000000000000.com"), Some(Class::Context), "dynamic DNS");
    assert_eq!(class(Kind::Domain, "evil.duckdns.org"), Some(Class::Warn), "dynamic DNS, and among the most popular names");
    assert_eq!(class(Kind::Domain, "quite-unknown-evil.com"), None);
}
